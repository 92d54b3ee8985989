// Package spec turns an experiment file into checked plain Go values. It is the only importer of CUE.
//
// Load reports every mistake of the files in one go, each with its place in the user's own file.
// After Load no CUE value is left: everything else works on the types of this file.
//
// CUE evaluates the user's files by themselves; it does not unify them with the schemas, because it stops at the
// first misspelt field of a block and places its findings in the schema. Instead the value becomes a tree of nodes
// that know where they are written (tree.go, index.go), the schemas become rules (rule.go), and check.go walks both.
// What a file has in a part with a syntax error, or behind a name that nothing declares, is left out and the rest is
// checked (source.go). Checks of more than one value (roles.go, matrix.go, axes.go, views.go) look only at what is
// right by itself, so that each mistake gives one message.
package spec

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/cohort"
	"github.com/ehrlab/ehrlab/plugins/prepare"
	"github.com/ehrlab/ehrlab/plugins/split"
)

// Experiment is a checked experiment. Lists keep the order of first mention in the files.
type Experiment struct {
	Name        string       `json:"name"`
	Title       string       `json:"title,omitempty"`
	Description string       `json:"description,omitempty"`
	Datasets    []Dataset    `json:"datasets"`
	Features    []FeatureSet `json:"features"`
	LLMs        []LLM        `json:"llms,omitempty"`
	Sites       []Sites      `json:"sites,omitempty"`
	Strategies  []Use        `json:"strategies"`
	Audits      []Audit      `json:"audits,omitempty"`
	Metrics     []Metric     `json:"metrics"`
	Axes        []Axis       `json:"axes,omitempty"`
	Best        []Search     `json:"best,omitempty"`
	Matrix      []Block      `json:"matrix"`
	Budget      *Budget      `json:"budget,omitempty"`
	Published   []Published  `json:"published,omitempty"`
	Tables      []Table      `json:"tables,omitempty"`
	Plots       []Plot       `json:"plots,omitempty"`
	Checks      []Check      `json:"checks,omitempty"`
	Primary     []Contrast   `json:"primary,omitempty"`
	Inference   Inference    `json:"inference,omitzero"`

	// Dir is the folder of the experiment; relative paths start there. It enters no key and no result.
	Dir string `json:"-"`
	// Warnings are findings that do not stop a run.
	Warnings []Mistake `json:"-"`
	// Headers are what vet read of each data set, by name; a data set whose files are absent has none.
	Headers map[string]*plugins.Header `json:"-"`
	// StandIns are the data sets that stand in for absent ones, by the names of these; none unless Options ask for them.
	StandIns map[string]*plugins.StandIn `json:"-"`

	written written
	worlds  []Chosen // what the searches may come to; none where there are no searches
}

// Use is a named plugin with its settings.
type Use struct {
	Name string          `json:"name"`
	Use  string          `json:"use"`
	With json.RawMessage `json:"with,omitempty"` // as written, ${VAR} expanded and paths made absolute; defaults not yet added
	// Paths are the fields of With that hold paths, as lists of JSON object keys or list indices.
	// Keys and manifests replace them.
	Paths [][]string `json:"paths,omitempty"`
	// LLM is the field of With that the llm axis fills; empty when With names its models itself or uses none.
	LLM string `json:"llm,omitempty"`
	// Local are the fields of With that are those of this machine or account, written or not, as lists of JSON object keys.
	// Keys and manifests leave them out.
	Local [][]string `json:"-"`

	settings json.RawMessage // With after defaults, as the plugin sees it
	models   []string        // entries of llms that With names
}

// Dataset is a data set with its roles, cohort, split and preparation.
type Dataset struct {
	Use
	Row     string   `json:"row,omitempty"`
	Subject string   `json:"subject,omitempty"`
	Site    string   `json:"site,omitempty"`
	Target  string   `json:"target,omitempty"`
	Group   []string `json:"group,omitempty"`
	Outcome []string `json:"outcome,omitempty"`
	Score   []string `json:"score,omitempty"`
	ID      []string `json:"id,omitempty"`
	Context []string `json:"context,omitempty"`

	Governance plugins.Governance `json:"governance,omitempty"` // empty: as the plugin's header says
	Licence    string             `json:"licence,omitempty"`
	Citation   string             `json:"citation,omitempty"`
	Note       string             `json:"note,omitempty"` // repeated in manifest and tables

	Cohort  []cohort.Filter `json:"cohort,omitempty"`
	Split   split.Config    `json:"split"`
	Prepare prepare.Config  `json:"prepare"`
	Minimum Minimum         `json:"minimum"`

	Limits map[string]plugins.Limit `json:"limits,omitempty"` // by column: what it can hold whatever the patients at hand have
}

// FeatureSet is a plugin that offers one or more subsets of columns.
type FeatureSet struct {
	Use
	Allow []string `json:"allow,omitempty"` // "leakage": ids, outcomes and scores may be features

	subsets []string // suffixes that the plugin offers
}

// Metric is a metric plugin with the dimensions that its scores carry in tables.
type Metric struct {
	Use
	Dims map[string]string `json:"dims,omitempty"`
	On   plugins.Part      `json:"on,omitempty"` // plugins.Validation: handed these rows in the place of the test rows; empty: the test rows
	By   []string          `json:"by,omitempty"` // columns whose levels are measured apart, too
	// Groups are named groups of rows that are measured apart, too, in order of mention.
	Groups []Group `json:"groups,omitempty"`
	// Subsamples are behind the intervals of scores that have none of their own; nil: none, as replicates tell more.
	Subsamples *int `json:"subsamples,omitempty"`
}

// Axis is a declared extra axis: its values are put into a setting.
type Axis struct {
	Name string `json:"name"`
	Sets string `json:"sets"` // e.g. "strategies.*.with.temperature" or "datasets.icu.split.seed"

	without map[string]bool // entries that "*" stands for and that have no such setting
	llm     bool            // the setting names a model
}

// Block is one product of axes. The matrix is the union of its blocks.
type Block struct {
	Axes    []AxisValues `json:"axes"`              // in order of mention; every axis that the experiment has more than one value for
	Zip     [][]string   `json:"zip,omitempty"`     // axes that advance together
	Include []Assignment `json:"include,omitempty"` // further cells
	Exclude []Exclude    `json:"exclude,omitempty"`
	Metrics []string     `json:"metrics,omitempty"` // empty: all
}

// AxisValues is an axis with its values in a block.
type AxisValues struct {
	Axis   string  `json:"axis"`
	Values []Value `json:"values"`
}

// Assignment is one value for each of some axes.
type Assignment map[string]Value

// Exclude removes the cells that match, and keeps the reason for the report.
type Exclude struct {
	Match  map[string][]Value `json:"match"`
	Reason string             `json:"reason"`
}

// Value is one value of an axis: a text, a number, a truth value, a value that data decide on, or none.
type Value struct {
	Text   string  // set when Kind is TextValue; the name of the part when Kind is PartValue
	Number float64 // set when Kind is NumberValue
	Bool   bool
	Kind   ValueKind
}

// ValueKind says which field of a Value counts.
type ValueKind uint8

// The kinds of a Value.
const (
	TextValue ValueKind = iota
	NumberValue
	BoolValue
	PartValue // axis n only: as many rows as the part named Text has, known once the data are prepared
	NoValue   // the axis has no bearing on the cell: nothing that it uses has the setting, or its block leaves it as it is
)

// String is the value as it stands in cell ids and tables.
func (v Value) String() string {
	switch v.Kind {
	case NumberValue:
		return strconv.FormatFloat(v.Number, 'f', -1, 64)
	case BoolValue:
		return strconv.FormatBool(v.Bool)
	case PartValue:
		return "rows(" + v.Text + ")"
	case NoValue:
		return "-"
	}
	return v.Text
}

// MarshalJSON writes the value as it stands in an experiment file.
func (v Value) MarshalJSON() ([]byte, error) {
	switch v.Kind {
	case NumberValue:
		return json.Marshal(v.Number)
	case BoolValue:
		return json.Marshal(v.Bool)
	case PartValue:
		return json.Marshal(map[string]string{"rows": v.Text})
	case NoValue:
		return []byte("null"), nil
	}
	return json.Marshal(v.Text)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (v *Value) UnmarshalJSON(b []byte) error {
	var decoded any
	if err := json.Unmarshal(b, &decoded); err != nil {
		return err
	}
	switch x := decoded.(type) {
	case nil:
		*v = Value{Kind: NoValue}
	case string:
		*v = Value{Kind: TextValue, Text: x}
	case float64:
		*v = Value{Kind: NumberValue, Number: x}
	case bool:
		*v = Value{Kind: BoolValue, Bool: x}
	case map[string]any:
		part, ok := x["rows"].(string)
		if !ok {
			return fmt.Errorf("axis value %s: want a text, a number or {rows: PART}", b)
		}
		*v = Value{Kind: PartValue, Text: part}
	default:
		return fmt.Errorf("axis value %s: want a text, a number or {rows: PART}", b)
	}
	return nil
}

// Table is a declared table. What stands in it says its kind; most are scores: one row for each combination of the row axes, one column
// for each score.
type Table struct {
	Name    string             `json:"name"`
	Kind    TableKind          `json:"kind,omitempty"` // empty: ScoresTable
	Title   string             `json:"title,omitempty"`
	Caption string             `json:"caption,omitempty"`
	Label   string             `json:"label,omitempty"`  // for references in LaTeX; empty: made of the names of experiment and table
	Notes   []string           `json:"notes,omitempty"`  // printed under the table, before what it says itself
	Rows    []string           `json:"rows"`             // axes and dimensions
	Columns []TableColumn      `json:"columns"`          // scores
	Across  string             `json:"across,omitempty"` // an axis or dimension, for each value of which the columns are repeated
	Over    []string           `json:"over,omitempty"`   // axes that are averaged over
	Where   map[string][]Value `json:"where,omitempty"`
	Of      []string           `json:"of,omitempty"`     // of an ArgmaxTable the axes whose values compete, else the dimension whose values are ranked
	K       int                `json:"k,omitempty"`      // how many a BestTable or WorstTable shows
	Sort    *TableSort         `json:"sort,omitempty"`   // nil: in the order of first mention
	Mark    string             `json:"mark,omitempty"`   // MarkBest or MarkBestTwo; empty: nothing is marked
	Within  string             `json:"within,omitempty"` // of rows: lines with one value of it are sorted and marked by themselves
	Except  map[string][]Value `json:"except,omitempty"` // lines that are not marked, such as floors and ceilings
	// Published names the numbers of others that stand beside ours; empty: none do.
	Published string `json:"published,omitempty"`

	Transpose bool                         `json:"transpose,omitempty"` // one line a score, one column a combination of the rows' values
	Join      []string                     `json:"join,omitempty"`      // of rows: their labels stand in one column, with "/" between them
	Heads     map[string]string            `json:"heads,omitempty"`     // shown for the names of what tells lines apart
	Labels    map[string]map[string]string `json:"labels,omitempty"`    // shown for the values of axes and dimensions, by name and value
	Features  string                       `json:"features,omitempty"`  // of a DatasetTable, the feature subset whose columns are counted; empty: all that features are drawn from
	Compact   bool                         `json:"compact,omitempty"`   // of a ConfigurationTable: what was chosen alone
	Digits    *int                         `json:"digits,omitempty"`    // of a ConfigurationTable: decimals of scores; nil: 3
}

// TableKind says what a table is made of.
type TableKind string

// The kinds of tables.
const (
	ScoresTable        TableKind = "scores"
	ArgmaxTable        TableKind = "argmax"        // which value of an axis is best, the runner-up, and the difference of the two
	BestTable          TableKind = "best-k"        // the best values of a dimension, such as the columns that are reproduced best
	WorstTable         TableKind = "worst-k"       // and the worst
	EndsTable          TableKind = "best-worst-k"  // both, one below the other
	AttritionTable     TableKind = "attrition"     // rows and subjects that each step of the cohort, and the split, leave
	RowsTable          TableKind = "rows"          // rows that language models were asked for, and what became of them
	JudgementsTable    TableKind = "judgements"    // judgements that language models were asked for, and what became of them
	CohortTable        TableKind = "cohort"        // characteristics of real and synthetic patients
	DatasetTable       TableKind = "dataset"       // rows, columns, labels, groups and missing cells of the data sets as studied
	ConfigurationTable TableKind = "configuration" // what each search chose
)

// Values of Table.Mark.
const (
	MarkBest    = "best"
	MarkBestTwo = "best-two"
)

// TableSort orders lines by a score, or by their labels where By is empty.
type TableSort struct {
	By    string `json:"by,omitempty"`    // a score of the columns
	Order string `json:"order,omitempty"` // "best", "ascending" or "descending"; empty: best first, and labels ascending
}

// TableColumn is one column of a table.
type TableColumn struct {
	Score  string `json:"score"` // "metric.score", or a bare score name of any metric
	Title  string `json:"title,omitempty"`
	Group  string `json:"group,omitempty"`  // the title over this column and those beside it that have the same
	Digits *int   `json:"digits,omitempty"` // decimals, or significant digits; nil: 3, of a percentage 1, of counts as few as show them
	Format string `json:"format,omitempty"` // "fixed", "scientific", "percent" or "significant"; empty: fixed
	// Minus are values of axes: the column shows the difference to the cells that have them and are otherwise alike.
	// A value of the axis site takes the train hospitals with it.
	Minus map[string]Value `json:"minus,omitempty"`
	// Where selects scores for this column alone, besides what Table.Where does.
	Where map[string][]Value `json:"where,omitempty"`
	// Statistics are shown besides the mean and its interval: "median", "sd", "range", "prediction".
	Statistics []string `json:"statistics,omitempty"`
}

// Plot is a declared plot.
type Plot struct {
	Name   string                       `json:"name"`
	Kind   string                       `json:"kind"` // a view plugin
	Title  string                       `json:"title,omitempty"`
	X      string                       `json:"x,omitempty"`      // an axis or dimension; where pairs are drawn, a score
	Outer  []string                     `json:"outer,omitempty"`  // further axes and dimensions along x, within each value of which X changes
	Y      string                       `json:"y,omitempty"`      // a score
	Labels map[string]map[string]string `json:"labels,omitempty"` // of points: shown for the values of axes and dimensions along x, and of the series
	Scores []PlotScore                  `json:"scores,omitempty"` // of points, in the place of Y: each is a series
	Parts  []PlotPart                   `json:"parts,omitempty"`  // of points: panels with cells, and an x, of their own
	XLabel string                       `json:"xlabel,omitempty"`
	YLabel string                       `json:"ylabel,omitempty"`
	Curve  string                       `json:"curve,omitempty"`  // "metric.curve", or a bare curve name of any metric
	Series string                       `json:"series,omitempty"` // an axis or dimension
	Panels string                       `json:"panels,omitempty"` // of curves: an axis or dimension that has a panel for each value
	Values []string                     `json:"values,omitempty"` // of a spread: axes and dimensions whose values are spread; empty: those of Over
	Points []string                     `json:"points,omitempty"` // of pairs of scores: axes and dimensions that tell points apart; empty: all axes
	Minus  map[string]Value             `json:"minus,omitempty"`  // as TableColumn.Minus
	Over   []string                     `json:"over,omitempty"`
	Where  map[string][]Value           `json:"where,omitempty"`
	XWhere map[string][]Value           `json:"xwhere,omitempty"` // of pairs: for x alone, besides what Where selects
	YWhere map[string][]Value           `json:"ywhere,omitempty"`
	With   json.RawMessage              `json:"with,omitempty"`
}

// PlotScore is one of several scores of a plot.
type PlotScore struct {
	Score string             `json:"score"`
	Title string             `json:"title,omitempty"`
	Where map[string][]Value `json:"where,omitempty"` // for this score alone, besides what Plot.Where selects
}

// PlotPart is a panel with an x of its own.
type PlotPart struct {
	Title  string             `json:"title,omitempty"`
	X      string             `json:"x"`
	Outer  []string           `json:"outer,omitempty"` // as Plot.Outer
	XLabel string             `json:"xlabel,omitempty"`
	Where  map[string][]Value `json:"where,omitempty"` // besides what Plot.Where selects
}

// Mistake is one finding in an experiment file.
type Mistake struct {
	Path    string `json:"path"` // e.g. "metrics.shape.with.smothing"; empty for a syntax error
	Message string `json:"message"`
	File    string `json:"file"` // relative to the working folder, with slashes, e.g. "./x.cue"
	Line    int    `json:"line"`
	Column  int    `json:"column"` // in bytes, from 1
}

// String is the finding as the command prints it, on two lines.
func (m Mistake) String() string {
	head := m.Message
	if m.Path != "" {
		head = m.Path + ": " + m.Message
	}
	if m.File == "" {
		return head
	}
	return fmt.Sprintf("%s\n    %s:%d:%d", head, m.File, m.Line, m.Column)
}

// Mistakes is the error of Load when an experiment is wrong: all findings, sorted by place.
type Mistakes []Mistake

// Error joins the findings.
func (ms Mistakes) Error() string {
	out := ""
	for i, m := range ms {
		if i > 0 {
			out += "\n"
		}
		out += m.String()
	}
	return out
}
