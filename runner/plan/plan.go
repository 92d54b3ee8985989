// Package plan multiplies the axes of an experiment into cells and gives each its chain of steps.
//
// A step's key covers everything that decides its output, its inputs' keys included, so the whole plan,
// hits and misses, can be printed without running anything. Cells share steps. Cells whose axes depend on
// the output of a step are Pending; the plan grows when that step is done.
package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// Stage is the place of a step in the chain of a cell.
type Stage string

// The stages, in order.
const (
	StageDataset  Stage = "dataset"
	StageCohort   Stage = "cohort"
	StageSplit    Stage = "split"
	StageSites    Stage = "sites"    // which hospitals there are
	StageRestrict Stage = "restrict" // to the train hospitals of a cell
	StagePrepare  Stage = "prepare"
	StageFeatures Stage = "features"
	StageGenerate Stage = "generate"
	StageLineup   Stage = "lineup" // of records that are judged
	StageJudge    Stage = "judge"
	StageDecide   Stage = "decide" // which records are kept
	StageMeasure  Stage = "measure"
)

// Stages lists the stages in order.
func Stages() []Stage {
	return []Stage{
		StageDataset, StageCohort, StageSplit, StageSites, StageRestrict, StagePrepare, StageFeatures, StageGenerate,
		StageLineup, StageJudge, StageDecide, StageMeasure,
	}
}

// Plan is the cells of an experiment and the steps they need.
type Plan struct {
	Experiment *spec.Experiment
	Axes       []string // names, in the order of Cell.Values
	Cells      []*Cell  // in the order of the experiment file
	Steps      []*Step  // each once, inputs before their readers
	Pending    []*Pending
	Excluded   []Excluded
	Static     []string // why keys are unknown, one reason a data set or metric; empty when they are known

	builder *builder
}

// Cell is one value for each axis, with the steps that measure it.
type Cell struct {
	ID       string
	Values   []spec.Value // by Plan.Axes; all resolved
	Dataset  *Chain
	Generate *Step  // nil when the cell is not estimable
	Audit    *Audit // nil where its rows are not audited
	Measures []Measure
	Models   []Model // that its strategy asks; nil where it asks none

	NotEstimable string // why its test hospital cannot be scored; "" when it can
	order        order
	origins      []origin // the points that it comes of

	shadow func(*Shadow) *Step // the step of a shadow model of its strategy
}

// Measure is a metric of a cell.
type Measure struct {
	Metric *spec.Metric
	Info   *plugins.Info
	Files  []File // that the metric reads besides the rows
	Step   *Step  // nil when the cell is not estimable
}

// Step is one pure call with settled inputs.
type Step struct {
	Index  int // in Plan.Steps
	Stage  Stage
	Label  string // for people: plugin, sample size, seed
	Key    cache.Key
	Recipe cache.Recipe
	Inputs []*Step
	Work   any // DatasetWork … MeasureWork, by Stage
}

// Chain is the steps from a data set to its prepared parts.
type Chain struct {
	Dataset  *spec.Dataset
	Info     *plugins.Info
	Header   *plugins.Header  // nil when the data are absent
	StandIn  *plugins.StandIn // in the place of absent data, for estimates; else nil
	Roles    map[string]plugins.Role
	Target   string // the columns of the roles that steps ask for; "" where there is none
	Subject  string
	Site     string
	Read     *Step
	Cohort   *Step
	Split    *Step
	Sites    []*Step // what arrangements of hospitals wait for
	Restrict *Step   // to the train hospitals; nil where all hospitals train
	Prepare  *Step   // nil where no cell needs it
	Identity string  // of the rows and their split; random sources derive from it
	Files    []File  // what the data set is read from

	Variant map[string]string // the values of the declared axes that its settings come from

	order order // of its first point, where train hospitals are kept

	generateRoles json.RawMessage // as they enter recipes
	told          told
}

// File is a file of a data set or a metric, by what it is for, without its path.
type File struct {
	Role  string
	Bytes int64
	Hash  cache.Hash
}

// Excluded is a cell that an experiment leaves out.
type Excluded struct {
	ID     string
	Values []spec.Value
	Reason string
	order  order
}

// The work of each stage: what a step needs besides its inputs' outputs.
type (
	// DatasetWork reads a data set.
	DatasetWork struct {
		Plugin plugins.Dataset
		Info   *plugins.Info
	}
	// CohortWork keeps rows. Its input is the data set.
	CohortWork struct {
		Dataset *spec.Dataset
		Subject string     // "" where there is none
		Sets    [][]string // the columns of each one-hot set
	}
	// SplitWork shares rows among parts. Its inputs are the data set and the cohort.
	SplitWork struct {
		Dataset *spec.Dataset
		Row     string // the columns of these roles; "" where there is none
		Subject string
		Site    string
		Rand    plugins.Rand
	}
	// PrepareWork fits on train and applies to all parts. Its inputs are the data set and the split.
	PrepareWork struct {
		Dataset *spec.Dataset
		Shape   plugins.Shape // events are left as they are
		Subject string        // of events
		Target  string
		Row     string   // "" where there is none
		Skip    []string // columns that are left as they are; the target is among them
		Late    []string // prepared columns that are known only later, which no other is imputed from
	}
	// FeaturesWork ranks columns. Its input is the prepared parts.
	FeaturesWork struct {
		Shape   plugins.Shape // events have no columns to choose from
		Plugin  plugins.Features
		Info    *plugins.Info
		Rand    plugins.Rand
		Target  string
		Subject string            // "" where there is none
		Groups  map[string]string // of the columns, where the data set knows them
		Barred  []string          // columns that are no candidates
	}
	// GenerateWork makes synthetic rows. Its inputs are the prepared parts and the ranked columns.
	GenerateWork struct {
		Shape    plugins.Shape
		Plugin   plugins.Strategy
		Info     *plugins.Info
		Rand     plugins.Rand
		Features plugins.Features // cuts the subset from the ranked columns
		Suffix   string           // of the subset
		Target   string
		N        int
		Shadow   *Shadow // where it is a shadow model of a metric; else nil
		// Round is 0 of the rows of a cell. Later rounds make as many as the decision of the round before lacks, which is the last input.
		Round int

		Subject string // column that tells patients apart; "" where there is none

		Prompting plugins.Prompting // Plugin, where it asks language models; else nil, and the rest is empty
		Models    []Model           // that it asks
		Beside    []string          // columns of train that it reads besides the features
		About     map[string]plugins.ColumnInfo
		Limits    map[string]plugins.Limit
		Caller    plugins.Caller // of the first cell; its Step is the step's own key
	}
	// MeasureWork rates synthetic rows. Its inputs are the prepared parts, the synthetic rows, and those of shadow models.
	MeasureWork struct {
		Shape   plugins.Shape
		Plugin  plugins.Metric
		Info    *plugins.Info
		Rand    plugins.Rand
		Target  string
		Subject string
		Site    string

		On        plugins.Part // Validation: these rows are handed out in the place of the test rows; empty: the test rows
		Shadows   int          // inputs that are shadow models
		Audit     *Audit       // where the metric reads what an audit came to: its steps are the last inputs
		TestSites []string     // the test rows are those of these hospitals; nil: all
		// Minimum is what these rows must have where preparation may have left some of them out since the hospitals were
		// counted; nil: they have it.
		Minimum *spec.Minimum

		Subsamples int                      // behind the intervals of scores that have none of their own
		Resample   plugins.Rand             // draws them
		By         []string                 // columns whose levels are measured apart, too
		Groups     []spec.Group             // named groups of rows that are, too
		Least      spec.Minimum             // what the test rows of a level must have
		Fewest     int                      // rows of restricted data that are told of: of a level, of all others, and in an audit; 0: any
		Beside     []string                 // columns of the parts that the metric, By or Groups read whether or not they are features
		Limits     map[string]plugins.Limit // where the metric reads them
	}
)

// Shadow is which rows of train a shadow model is given: those of a share of the subjects, drawn anew for each.
type Shadow struct {
	Index int     `json:"index"` // from 0
	Share float64 `json:"share"` // in (0,1)
	Data  string  `json:"-"`     // what they are drawn by: the identity of the data set's rows and their split
}

// Shape is the form of the data.
func (c *Chain) Shape() plugins.Shape {
	if slices.Contains(c.Info.Shapes, plugins.Events) {
		return plugins.Events
	}
	return plugins.Records
}

// named is the data set with the hospitals that train, for people.
func (c *Chain) named() string {
	if c.Restrict == nil {
		return c.Dataset.Name
	}
	return c.Restrict.Label
}

// Steps lists the steps of a data set, in order.
func (c *Chain) Steps() []*Step {
	steps := append([]*Step{c.Read, c.Cohort, c.Split}, c.Sites...)
	for _, s := range []*Step{c.Restrict, c.Prepare} {
		if s != nil {
			steps = append(steps, s)
		}
	}
	return steps
}

// Steps lists the steps of a cell in order, those of its data set among them.
func (c *Cell) Steps() []*Step {
	steps := c.Dataset.Steps()
	if c.Generate != nil {
		steps = append(steps, c.Generate.Inputs[1], c.Generate)
	}
	if c.Audit != nil {
		steps = append(steps, c.Audit.Steps()...)
	}
	for _, shadow := range c.ShadowCells() {
		steps = append(steps, shadow.Generate)
	}
	for _, m := range c.Measures {
		if m.Step != nil {
			steps = append(steps, m.Step)
		}
	}
	return steps
}

// Text returns the value of the named axis of a cell as tables show it; "" when the matrix has no such axis.
func (p *Plan) Text(c *Cell, axis string) string {
	if i := slices.Index(p.Axes, axis); i >= 0 {
		return c.Values[i].String()
	}
	return ""
}

// AllChains lists the data sets that cells read, pending ones included, in the order of the experiment.
func (p *Plan) AllChains() []*Chain { return p.builder.chains }

// Declared reports whether an axis is one that the experiment declares.
func (p *Plan) Declared(axis string) bool {
	return slices.ContainsFunc(p.Experiment.Axes, func(a spec.Axis) bool { return a.Name == axis })
}

// Find returns the cell whose id is the given text, else all whose ids begin or end with it.
func (p *Plan) Find(id string) []*Cell {
	var found []*Cell
	for _, c := range p.Cells {
		if c.ID == id {
			return []*Cell{c}
		}
		if strings.HasPrefix(c.ID, id) || strings.HasSuffix(c.ID, id) {
			found = append(found, c)
		}
	}
	return found
}

// Hash covers the ids of all cells with the keys of their steps: equal plans give equal results.
func (p *Plan) Hash() string {
	h := sha256.New()
	for _, c := range p.Cells {
		if c.NotEstimable != "" {
			fmt.Fprintf(h, "%s %s\n", c.ID, c.NotEstimable)
			continue
		}
		fmt.Fprintf(h, "%s %s\n", c.ID, c.Rows().Key)
		for _, m := range c.Measures {
			fmt.Fprintf(h, "  %s %s\n", m.Metric.Name, m.Step.Key)
		}
	}
	for _, e := range p.Excluded {
		fmt.Fprintf(h, "excluded %s %s\n", e.ID, e.Reason)
	}
	return hex.EncodeToString(h.Sum(nil))
}
