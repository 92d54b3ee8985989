// Package plugins says what a plugin is: its kinds, what it is given and what it returns.
//
// A plugin knows nothing of the runner. It is a pure function of its settings, its inputs and the
// random sources of its Env: the same call returns the same bytes, whatever the number of threads.
// The registry that names the plugins of a binary is in registry.go; random sources are in rand.go;
// what measure steps read is in pair.go; language models are in llm.go.
package plugins

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Shape is the form of the data that a plugin takes.
type Shape string

// The shapes of data.
const (
	Records Shape = "records" // one row a patient or stay
	Events  Shape = "events"  // subject_id, time, code, numeric_value, visit
)

// Part is a share of the data with its own permitted readers.
type Part string

// The parts of the data. Strategies, feature rankings and fitted preparations read Train alone;
// Validation is for tuning; Test for metrics; Reference for the holdout strategy alone.
const (
	Train      Part = "train"
	Validation Part = "validation"
	Test       Part = "test"
	Reference  Part = "reference"
)

// AllParts lists the parts in their fixed order.
func AllParts() []Part { return []Part{Train, Validation, Test, Reference} }

// Role says what a column stands for; a column without a role is an ordinary variable.
type Role string

// The roles of a column.
const (
	RoleRow     Role = "row"     // identifies the row
	RoleSubject Role = "subject" // identifies the patient; rows of one subject are never split
	RoleSite    Role = "site"    // identifies the hospital
	RoleTarget  Role = "target"  // the label
	RoleGroup   Role = "group"   // a variable that groups are formed by; still an ordinary feature
	RoleOutcome Role = "outcome" // known only later than the prediction is made
	RoleScore   Role = "score"   // another model's prediction
	RoleID      Role = "id"      // any other identifier
	RoleContext Role = "context" // describes the hospital or the time: sites, splits and cohorts may go by it; never a feature
)

// Leaks reports whether a column of this role may be a feature only when the experiment allows leakage.
func (r Role) Leaks() bool {
	switch r {
	case RoleRow, RoleSubject, RoleSite, RoleOutcome, RoleScore, RoleID, RoleContext:
		return true
	}
	return false
}

// Governance says who the rows of a data set may be shown to.
type Governance string

// The classes of governance.
const (
	Open       Governance = "open"
	Restricted Governance = "restricted"
	Simulated  Governance = "simulated"
)

// FewestTold is the number of patients that a count of restricted data may stand for: smaller ones are withheld, as
// cells of fewer than 11 are by the usual rule for releasing tables of health data (CMS cell size policy).
const FewestTold = 11

// WithheldFew is the reason of a count that is not told, as it stands for some patients, but for fewer than FewestTold.
const WithheldFew = "withheld: 1 to 10 patients"

// Env is what every call of a plugin is given besides its inputs.
type Env struct {
	Rand     Rand                   // the named random sources that the plugin declared
	Threads  int                    // goroutines that the plugin may keep busy, at least 1
	LLM      map[string]LLM         // by the experiment's name for the model; nil unless the plugin uses one
	Scratch  func() (string, error) // a private folder, made on first use and removed after the call
	Log      *slog.Logger           // never given a value of a row
	Progress func(done, total int)  // may be called at any rate; never nil
	Memo     *Memo                  // what is worked out of columns, which calls may have in common; nil: nothing is kept
}

// Size is what a plugin's needs are estimated from.
type Size struct {
	Rows    int // of all parts of the prepared data; 0 before they are known
	Columns int
	N       int // synthetic rows
}

// Need is what a call reserves before it starts.
type Need struct {
	Threads int   // goroutines it can keep busy, at least 1
	Bytes   int64 // peak memory above its inputs
}

// Use names a shared model or preparation, with its version, that a plugin's output depends on.
type Use struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
}

// Family says what a metric is about.
type Family string

// The families of metrics, in the order in which reports list them.
const (
	Marginals    Family = "marginals"
	Joint        Family = "joint structure"
	Utility      Family = "utility"
	Privacy      Family = "privacy"
	Fairness     Family = "fairness"
	Trajectories Family = "trajectories"
	Audit        Family = "audit"
)

// Families lists the families of metrics in their fixed order.
func Families() []Family {
	return []Family{Marginals, Joint, Utility, Privacy, Fairness, Trajectories, Audit}
}

// Cost says what the time of a metric grows with.
type Cost string

// The classes of cost, from cheap to dear.
const (
	PerColumn     Cost = "columns"      // rows × columns, up to the logarithm of sorting
	PerColumnPair Cost = "column pairs" // rows × columns²
	PerModel      Cost = "models"       // models are fitted
	PerRowPair    Cost = "row pairs"    // rows² × columns
)

// Info describes a plugin.
type Info struct {
	Name    string
	Version int    // raised when equal inputs may give other outputs
	Summary string // one line, lower case
	Source  string // where the method or formula is published; empty for plain bookkeeping
	Schema  string // CUE fields of the with block; empty when there are no settings
	Shapes  []Shape
	Reads   []Part    // the parts that it may read; the runner hands it no other. A metric that reads none reads no synthetic row, either
	Spare   []Part    // metrics only, Selective ones: those of Reads that may be without rows where the settings leave them out
	Random  []Purpose // the random sources that it draws from
	Remote  bool      // it waits for others most of the time: it takes no thread of those that compute
	Uses    []Use
	Scores  []ScoreInfo     // metrics only
	Curves  []CurveInfo     // metrics only
	Family  Family          // metrics only
	Cost    Cost            // metrics only
	Variant bool            // metrics only: it reproduces what one library does, for comparison with its numbers, and is no default
	Limits  bool            // metrics only: it reads Pair.Limits, which are empty else
	Hands   bool            // strategies only: it hands out rows of the data as synthetic ones
	Scale   *Scale          // audits only
	Audited bool            // metrics only: it rates the audit of a cell, as Pair.Audit has it, and is undefined where there is none
	Control bool            // metrics only: test has to hold rows that the generator has not seen, beside train, which it has
	Columns []ColumnSet     // data sets only: columns that they have whatever the files hold
	Need    func(Size) Need // nil: one thread, memory of a few copies of the input
	// AnyColumns says, of a metric, that its scores rate one thing whatever feature columns rows have, such as how well the target is
	// told. Those of other metrics are of the columns: of rows with other columns they rate other things.
	AnyColumns bool
}

// Direction says which values of a score are better.
type Direction string

// The directions of a score.
const (
	Higher  Direction = "higher"
	Lower   Direction = "lower"
	Neutral Direction = "neutral" // a description, such as a prevalence
)

// ScoreInfo describes one score of a metric.
type ScoreInfo struct {
	Name    string
	Summary string
	Min     float64 // least possible value, or -Inf
	Max     float64 // greatest possible value, or +Inf
	Count   bool    // it counts something: every value is a whole number
	Better  Direction
	Ideal   *float64 // the best value where that is no end of the range, such as 0.5 of an AUROC that should be chance; else nil
	Dims    []string // the dimensions that its rows carry, e.g. "column"
	// NoInterval is why a sampling interval of the score would mean nothing: one of the texts below. Empty: it has an interval.
	NoInterval string
	// Apiece tells, of a metric with Control, the values that rate synthetic rows one by one, so that how many there are does not
	// move what is to be expected: those that have these values of their dimensions. Nil: none; empty: all.
	Apiece map[string]string
	// OfTrain says, of a metric without Control, that the score rests on rows of train other than those that synthetic rows are compared
	// with, such as a model's. With other rows in their place it is another score.
	OfTrain bool
	// Best is, in words, the best value where that hangs on the data or on a setting, such as "the share of members" of what chance
	// makes that; empty else. A score has an Ideal or this, or neither.
	Best string
	// Tolerance is how far values may lie apart on machines of two numeric classes; nil: Rounding. Agreement is to be asked.
	Tolerance *Tolerance
}

// Why a sampling interval of a score would mean nothing.
const (
	Description = "it describes what was measured: nothing is estimated" // a count, or what follows from counts or settings
	OfTheirN    = "it hangs on how many rows there are"                  // a size of classes, an extreme: fewer rows have another one
	OfATest     = "it is the result of a test, which allows for chance"  // a statistic, a p-value
	OfAnError   = "it says itself how uncertain another score is"        // a standard error
)

// WithoutInterval starts the warning of a score that has no interval where others of its kind have one; the reason follows.
const WithoutInterval = "no interval: "

// CurveInfo describes one curve of a metric.
type CurveInfo struct {
	Name    string    `json:"name"`
	Summary string    `json:"summary"`
	Kind    CurveKind `json:"kind"`
	X       string    `json:"x"` // what stands along the axes, with the unit where there is one
	Y       string    `json:"y"`
	Dims    []string  `json:"dims,omitempty"` // the dimensions that its curves carry, e.g. "column"
	// Level is a further dimension, which curves may lack: those that have it are points of one figure, in the order in which the
	// metric returns them, each of one named category. Empty: there is none.
	Level string `json:"level,omitempty"`
	// the range of y, at which bands of means are cut; nil: no end
	Least *float64 `json:"least,omitempty"`
	Most  *float64 `json:"most,omitempty"`
	// Scores of the same measurement: the area under the curve, and the level of a curve that carries no information. Empty: there is none.
	Area   string `json:"area,omitempty"`
	Chance string `json:"chance,omitempty"`
	With   string `json:"with,omitempty"` // the setting that has to be true for it to be recorded; empty: it always is
	Band   string `json:"band,omitempty"` // what Low and High are, e.g. "95 % Wilson interval, over test rows"; empty: there are none
}

// CurveKind says what the points of a curve have to do with each other, and with it what a mean of several curves is.
type CurveKind string

// The kinds of curves.
const (
	LineCurve    CurveKind = "line"             // y at x, linear in between
	StepCurve    CurveKind = "steps"            // y at x and up to the next x
	RecallCurve  CurveKind = "precision-recall" // x is recall, y precision; in between, false positives are linear in true positives
	BinCurve     CurveKind = "bins"             // each point is a bin in [0,1]; x is the mean of what fell into it
	ScatterCurve CurveKind = "points"           // x is a quantity of the real rows, y the same of the synthetic ones
	MatrixCurve  CurveKind = "matrix"           // a row of a matrix; see the dimensions below
)

// Dimensions of curves with a meaning of their own.
const (
	SideDim   = "side"      // RealSide or SyntheticSide; of a MatrixCurve, which of two matrices the row is of
	ColumnDim = "column"    // of a MatrixCurve, the name of the row; x numbers the columns of the matrix in the order of its rows
	RealSide  = "real"      // the real rows, whatever the part
	SynthSide = "synthetic" // the synthetic rows
)

// Status says whether a score has a value.
type Status string

// The states of a score. Failed is set by the runner, never by a metric.
const (
	OK        Status = "ok"
	Undefined Status = "undefined" // the formula has no value on this input
	Failed    Status = "failed"    // the step that should have measured it failed
)

// Interval is an uncertainty interval of a score.
type Interval struct {
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Level  float64 `json:"level"`  // coverage, e.g. 0.95
	Unit   string  `json:"unit"`   // what was resampled, e.g. "test subjects"
	Method string  `json:"method"` // e.g. "percentile bootstrap, 1000 resamples"
}

// Score is one measured value. Value and Interval mean something only when Status is OK.
type Score struct {
	Name     string            `json:"name"`
	Dims     map[string]string `json:"dims,omitempty"`
	Value    float64           `json:"value"`
	N        int               `json:"n"` // rows, pairs or columns that the value rests on
	Interval *Interval         `json:"interval,omitempty"`
	Status   Status            `json:"status"`
	Reason   string            `json:"reason,omitempty"` // why it is undefined
	Warnings []string          `json:"warnings,omitempty"`
}

// Curve is a line of points; Low and High are nil or as long as X. Curves of real rows are binned: each point stands for
// FewestTold subjects at least, or the curve is withheld, as a count named CurvesWithheld tells.
type Curve struct {
	Name string            `json:"name"`
	Dims map[string]string `json:"dims,omitempty"`
	X    []float64         `json:"x"`
	Y    []float64         `json:"y"`
	Low  []float64         `json:"low,omitempty"`
	High []float64         `json:"high,omitempty"`
	// N is how many subjects of real data, or rows where nothing says whose they are, each point stands for. It is checked and
	// not kept.
	N []int `json:"-"`
}

// CurvesWithheld names the count of curves that are not told, since a point would stand for fewer than FewestTold subjects; its
// dimension "curve" is their name.
const CurvesWithheld = "curves withheld: a point would stand for fewer than 11 subjects"

// Count is one number of rows (or columns, subjects …) for the account of what was read, left out and delivered.
type Count struct {
	Name  string            `json:"name"` // e.g. "rows read", "dropped: constant column"
	Dims  map[string]string `json:"dims,omitempty"`
	Value int               `json:"value"`
}

// Draws are a score, measured anew on resamples of the units of the test part: Values[i] is its value on resample i, NaN never.
// Resample i of one test part is the same for all metrics, strategies and seeds that draw it by ForResample with the label
// strconv.Itoa(i); so draws of several cells that have the same Of can be set against each other one by one.
type Draws struct {
	Score  string            `json:"score"` // name and dimensions are those of a score of the same measurement
	Dims   map[string]string `json:"dims,omitempty"`
	Unit   string            `json:"unit"` // what was resampled, e.g. "test subjects"
	Of     string            `json:"of"`   // the rows that were resampled: Pair.TestRows; draws of other rows are no pairs of these
	Values []float32         `json:"values"`
}

// MaxDraws is the number of draws of a score that a metric returns at most, the first ones. They serve for variances and
// covariances over cells, which need fewer than the percentiles of an interval do.
const MaxDraws = 200

// Measurement is what a metric returns.
type Measurement struct {
	Scores []Score `json:"scores"`
	Curves []Curve `json:"curves,omitempty"`
	Counts []Count `json:"counts,omitempty"`
	Draws  []Draws `json:"draws,omitempty"`
}

// File is a file that a data set or a metric reads. Role names it inside the key ("table", "patient" …); Path stays out of keys and results.
type File struct{ Role, Path string }

// ColumnInfo describes a column before any row is read.
type ColumnInfo struct {
	Name    string
	Kind    frame.Kind // empty when the sample has no value to tell it by
	Unit    string
	Role    Role   // the plugin's own default; the experiment may set another
	Group   string // what kind of variable it is, e.g. "vitals"; empty when unknown
	Time    bool   // it puts the rows in the order of the calendar, so that a split by time may go by it
	Summary string // one line, empty when unknown
	Seen    *Seen  `json:"-"` // what the sample shows of its values; nil when there is none, or no value in it
}

// Seen is what a sample shows of the values of a column, none of which it tells.
type Seen struct {
	Rows      int  // with a value
	Levels    int  // of a Category
	Rewritten int  // of a Category: the numbers that its levels write in more than one way, as 4 and 4.0
	ZeroOne   bool // of a Number: every value is 0 or 1
}

// ColumnSet is columns that a data set has with some settings; it has those of every set whose settings it is given.
type ColumnSet struct {
	With    string // the settings as an experiment writes them, e.g. `matrix: "apache"`; empty: any
	Columns []ColumnInfo
}

// Header is what can be said of a data set from at most a header and a bounded sample of its files.
type Header struct {
	Columns    []ColumnInfo
	Rows       int `json:"-"` // that Read will return; 0 when that is not known
	Governance Governance
	Licence    string // e.g. "ODbL 1.0"; empty when unknown
	Citation   string
	Notes      []string
}

// Data is a data set, read whole.
type Data struct {
	Frame  *frame.Frame
	Notes  []string // e.g. "dropped 2 columns: region (constant), units (no value)"
	Counts []Count
	Truth  []Truth // of simulated data: what is true of the population that the rows were drawn from
}

// Truth is one property of the population that simulated rows are drawn from, known because it was planted.
type Truth struct {
	Name    string            `json:"name"` // e.g. "Bayes-optimal AUROC"
	Dims    map[string]string `json:"dims,omitempty"`
	Value   float64           `json:"value"`
	Summary string            `json:"summary,omitempty"` // one line: what it is, in which unit
}

// Dataset reads rows from files or makes them.
type Dataset interface {
	// Files lists the files that Header and Read open, without opening them.
	Files() ([]File, error)
	// Header reads at most a header and a bounded sample of each file.
	Header(ctx context.Context, env Env) (*Header, error)
	// Read returns all rows. Errors name file, line and column, and never a value.
	Read(ctx context.Context, env Env) (*Data, error)
}

// Absentable is a data set of which another one can stand in while its files are absent, for estimates of what language models would be
// asked about it.
type Absentable interface {
	Dataset
	// StandIn is that other data set; nil where the settings have none.
	StandIn() *StandIn
}

// StandIn is a data set that reads no files and has the columns of the one that it stands in for: their names, kinds and roles.
type StandIn struct {
	Use  string          // the plugin
	With json.RawMessage // its settings
	// Governance is that of the absent rows where the experiment does not say; it decides what may be told of them, and so the prompts.
	Governance Governance
	// Share is how many rows it has for each of the absent data, about: where hospitals need some rows, they need that share of them.
	Share float64
}

// RawWriter is a data set that can write the tables that it would have been extracted from.
type RawWriter interface {
	// WriteRaw writes the tables into an empty folder that exists.
	WriteRaw(ctx context.Context, env Env, folder string) error
}

// Recogniser is what the Config of a data set may implement: it knows which files and folders are its own.
type Recogniser interface {
	// Recognise returns the ways in which the data set would read what lies at a path, the best first, and none when
	// it is not its own. It looks at names alone. table is what was seen in a file that holds one table, in the files that
	// a path with a "*" stands for, or in members of an archive; else nil.
	Recognise(path string, table *TableFacts) []Recognised
}

// Recognised is one way to read what lies at a path.
type Recognised struct {
	With    json.RawMessage // settings, with the path in them as it was given
	Summary string          // one line: what a row would be
	Lacks   []string        // what has to be there before it can be read; empty when all is
	Notes   []string        // what else was seen
}

// TableFacts is what a data set may have to be told of a file that holds one table.
type TableFacts struct {
	Members   string        // of an archive: the pattern of the members that were read
	Origin    string        // column made of what the "*" of the path, or of Members, stood for; "" when there is none
	Delimiter byte          // of CSV; 0 of another kind of file
	Header    []string      // names for the columns of a file that has none
	Columns   []ColumnFacts // those that something has to be said of
	Drop      []string      // columns that had better not be read
}

// ColumnFacts is what has to be said of one column; what is empty need not be said.
type ColumnFacts struct {
	Name    string
	Kind    frame.Kind
	Unit    string
	Missing []string // codes of "no value"
}

// Features ranks columns, and offers the first of them, or some of them, as subsets.
type Features interface {
	// Subsets lists the suffixes of the subsets it offers, in order; []string{""} when there is but one.
	Subsets() []string
	// Ranking is the part of the settings that decides what Rank returns, as a value for encoding/json. What
	// only decides on subsets is no part of it: a further subset leaves the keys of the others as they are.
	Ranking() any
	// Rank returns candidate columns, the most important first where the plugin ranks them.
	Rank(ctx context.Context, env Env, in Candidates) (*Ranking, error)
	// Cut returns the columns of one subset. The suffix and what Rank returned decide it alone.
	Cut(ranked []RankedColumn, suffix string) ([]string, error)
}

// Naming is what Features implements whose settings may name the columns.
type Naming interface {
	// Names lists the columns that subsets are of; nil where these settings name none, and every candidate may be.
	Names() []string
}

// Candidates is what a feature plugin ranks.
type Candidates struct {
	Train   *frame.Frame      // the candidate columns and the target
	Subject *frame.Column     // the subject of each row, or nil when the data set has none
	Target  string            // name of the label column
	Groups  map[string]string // the group of a column, where the data set knows it
}

// Ranking is what a feature plugin found of the candidates.
type Ranking struct {
	Columns []RankedColumn
	Counts  []Count
	Notes   []string
}

// RankedColumn is a candidate with its place in a ranking.
type RankedColumn struct {
	Name       string  `json:"name"`
	Group      string  `json:"group,omitempty"`      // what Cut chooses by, where subsets are groups
	Importance float64 `json:"importance,omitempty"` // in the plugin's own unit; 0 where columns are not ranked
}

// Names returns the names of ranked columns, in order.
func Names(ranked []RankedColumn) []string {
	names := make([]string, len(ranked))
	for i, c := range ranked {
		names[i] = c.Name
	}
	return names
}

// Task is what a strategy is asked for.
type Task struct {
	Parts  Parts  // the parts that the strategy declared, each with the feature columns and the target
	Target string // name of the label column
	N      int    // rows to generate; of Events, patients
	Shape  Shape  // of the data; empty: Records

	// The rest is for strategies that are Prompting.

	Rows   []int                 // of the whole train part: those that train has, ascending; nil: all
	Labels *frame.Column         // the target of the whole train part; may be nil where Rows is
	Beside *frame.Frame          // the columns of Prompting.Beside, row by row with train; nil when there are none
	About  map[string]ColumnInfo // what the data set says of its columns, by name; some may lack
	Limits map[string]Limit      // of columns, as the experiment declares them
}

// Limit is what a column can hold whatever the patients at hand have: knowledge of the field, not of the data.
type Limit struct {
	Min    *float64 `json:"min,omitempty"`
	Max    *float64 `json:"max,omitempty"`
	Levels []string `json:"levels,omitempty"` // of a category column
}

// Generated is what a strategy returns: N rows, or the events of N patients, with the columns, kinds and order of the train part.
type Generated struct {
	Frame  *frame.Frame
	Counts []Count
	Notes  []string
	// Exposed are the rows of the train part, from 0 and in order, that the strategy has seen; nil: all of them.
	Exposed []int
	// Strata are the groups that the rows were made in, where their shares are not the real ones; else nil.
	Strata *Strata
	// Dependent says what the rows have in common with those of other seeds, so that seeds differ by less than chance would make them;
	// empty where they are independent.
	Dependent string
}

// Strata are groups of synthetic rows whose shares are set by design, with the shares that they have in train.
type Strata struct {
	Name   string    `json:"name"`   // of the column or columns that groups are formed by
	Levels []string  `json:"levels"` // names of the groups
	Codes  []int32   `json:"codes"`  // the group of each synthetic row, an index into Levels
	Shares []float64 `json:"shares"` // of each group in train; they sum to 1
}

// Strategy generates synthetic rows.
type Strategy interface {
	Generate(ctx context.Context, env Env, task Task) (*Generated, error)
}

// Lender is a strategy that hands out rows of a part as they are, and may hand out none twice: n is at most what the part has.
type Lender interface {
	Strategy
	// Lends is the part; empty when a row may be handed out more than once.
	Lends() Part
}

// Metric rates synthetic rows.
type Metric interface {
	Measure(ctx context.Context, env Env, pair *Pair) (*Measurement, error)
}

// Grouping is a metric that reads columns of the real rows whether or not they are features, such as those of groups.
type Grouping interface {
	Metric
	// Beside lists those columns. Sample.Beside holds them, features among them; one that the data set lacks is left out.
	Beside() []string
}

// Selective is a metric that reads some of the parts that its Info declares with some settings only.
type Selective interface {
	Metric
	// Reads lists every part that it reads with the settings that it has, labels alone included, and no other; all are among Info.Reads.
	// With these settings, Measure is handed no other part.
	Reads() []Part
}

// Reads lists the parts that a plugin reads with its settings: those that a Selective metric names, else all that its Info declares.
func Reads(plugin any, info *Info) []Part {
	if s, ok := plugin.(Selective); ok {
		return s.Reads()
	}
	return info.Reads
}

// Needs lists the parts that have to have rows: all that the Info of a plugin declares but Info.Spare, of which only those that it reads
// with its settings. So the rows and groups that can be rated do not hang on which of the other parts a setting names.
func Needs(plugin any, info *Info) []Part {
	reads := Reads(plugin, info)
	return slices.DeleteFunc(slices.Clone(info.Reads), func(part Part) bool { return slices.Contains(info.Spare, part) && !slices.Contains(reads, part) })
}

// Filed is a metric that reads files of its own, such as ratings of records by clinicians. Its settings mark their paths by @path().
type Filed interface {
	Metric
	// Files lists the files that Measure opens, without opening them. Keys have what they hold, and not their paths.
	Files() ([]File, error)
	// Check reads at most a bounded sample of the files, and says what is wrong with it. Its errors are those of Measure.
	Check(ctx context.Context) error
}

// Shadowing is a metric that needs the generator trained again, on other rows of train.
type Shadowing interface {
	Metric
	// Shadows says which shadow models it asks for. The runner plans them as further generate steps; Pair.Shadows holds
	// what came of them.
	Shadows() ShadowRequest
}

// ShadowRequest asks for shadow models: the strategy of the cell, trained on random subjects of train.
type ShadowRequest struct {
	Models int     // how many; 0 for none
	Share  float64 // of the subjects of train that each is given, in (0,1)
	Paid   bool    // also where the strategy asks language models, which costs as much as the cell itself, each time
}

// Shadow is one shadow model: what the strategy made of some rows of train.
type Shadow struct {
	Members   []int        // rows of the train sample, from 0 and in order, that it was given
	Synthetic *frame.Frame // as many rows as the cell has
}

// Series is one line, one set of bars, boxes or points of a Figure. All lists but Values of Values are nil or as long as
// X; NaN is a gap. Series of one name have one colour in all panels of a figure.
type Series struct {
	Name string
	X    []float64 // positions; with Figure.Categories, indices into it
	Y    []float64 // may be nil where Values are what a view draws
	Low  []float64 // ends of the interval of Y
	High []float64
	// Values are the values behind each point, such as those of single seeds; nil where a view does not ask for them.
	Values [][]float64
	// N is how many rows, patients or runs each point rests on; 0 is unknown. Forests print it; calibration plots draw a
	// histogram of it.
	N []int
	// Labels name the points, such as the columns behind the points of a scatter plot.
	Labels []string
	// Note is what the legend says behind the name, e.g. "AUC 0.81 (0.78 to 0.84)". Without one, curves say the area
	// under what is drawn, and scatter plots how the points agree.
	Note string
	// Chance is the level of a series that carries no information, e.g. the prevalence on a precision-recall curve. NaN
	// or nil: none is drawn, but the diagonal of a ROC curve.
	Chance *float64
	// Summary is the estimate over all points, which a forest draws below them; nil: none.
	Summary *Summary
}

// Summary is one estimate for all points of a series.
type Summary struct {
	Name      string // e.g. "all hospitals, random effects"
	Value     float64
	Low, High float64 // its interval; NaN: none
	// PredictLow and PredictHigh are where a further point is expected, e.g. a new hospital; NaN: not known.
	PredictLow, PredictHigh float64
	N                       int    // what it rests on, as Series.N; 0 is unknown
	Note                    string // e.g. "I² 43 %, τ 0.02"; printed below the forest
}

// Matrix is one panel of a heat map. Matrices with the same Low and High share a colour bar.
type Matrix struct {
	Name    string
	Rows    []string
	Columns []string
	Values  [][]float64 // by row, then column; NaN is a gap
	// Low and High are the ends of the colour scale; both 0: those of the values. A scale that holds 0 between its ends
	// diverges from it, in two colours; others run from light to dark.
	Low, High float64
}

// Figure is what a view draws.
type Figure struct {
	Title      string
	XLabel     string
	YLabel     string
	Categories []string // names of the positions on a categorical x axis; nil when x is a number
	Series     []Series
	Matrices   []Matrix // of a heat map, side by side
	Notes      []string // printed under the figure
	// Panels are small multiples: each is drawn on axes of its own, under its own Title, with a legend common to all.
	// An XLabel or YLabel that a panel lacks is that of the figure. A figure with Panels has no Series or Matrices itself,
	// and panels have no Panels; their Notes are printed with those of the figure.
	Panels []Figure
}

// Form is what a view needs of a Figure, and with it what a plot declares.
type Form string

// The forms of figures.
const (
	PointForm  Form = "points" // one y for each x and series: a score along an axis
	ForestForm Form = "forest" // as PointForm, each x a category such as a hospital, with Series.Summary
	SpreadForm Form = "spread" // as PointForm, with Series.Values
	PairForm   Form = "pairs"  // x and y are both scores, one point for each cell or dimension
	CurveForm  Form = "curves" // recorded curves, one for each series
	MatrixForm Form = "matrix" // recorded matrices
)

// Drawing is a finished figure. The bytes hold no date.
type Drawing struct {
	SVG, PNG, PDF []byte
	Shown         Shown
}

// Shown says what can be read where on the SVG of a Drawing, for pages on which readers point at it. Places are in points from
// the upper left corner, as in the SVG's viewBox.
type Shown struct {
	// Series are the names of the series: what the SVG draws of series i is in groups with data-series="i", and its line of
	// the legend in one with data-key="i".
	Series []string
	Spots  []Spot
	Grids  []Grid
}

// Spot is a place that shows a value of a series; Series is -1 where it belongs to none. Text may have several lines.
type Spot struct {
	X, Y   float64
	Series int
	Text   string
}

// Grid is a rectangle of equal cells, row by row. Values are as they are to be read, empty where there is none.
type Grid struct {
	X, Y, Width, Height float64
	Title               string
	Rows, Columns       []string
	Values              [][]string
}

// View draws recorded scores.
type View interface {
	// Form is what Draw needs.
	Form() Form
	Draw(fig Figure) (*Drawing, error)
}
