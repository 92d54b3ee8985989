// Package record reads and writes one version of an experiment's results.
//
// A version is an immutable core (manifest, scores, curves, counts) with hashes, and derived files
// (tables, plots) that package report remakes from the core and the declared views alone.
package record

import (
	"encoding/json"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// Core is everything that a version records.
type Core struct {
	Manifest Manifest
	Cells    []Cell
	Scores   []Score
	Curves   []Curve
	Counts   []Count
}

// Views is what a version's tables and plots are made of besides its core. It may change without a new version.
type Views struct {
	Title  string       `json:"title,omitempty"`
	Tables []spec.Table `json:"tables"`
	Plots  []spec.Plot  `json:"plots"`
	Checks []spec.Check `json:"checks,omitempty"`

	Published []spec.Published `json:"published,omitempty"` // numbers of others

	Primary   []spec.Contrast `json:"primary,omitempty"`
	Inference spec.Inference  `json:"inference,omitzero"`

	Registered []Registration      `json:"registered,omitempty"` // what was named as primary contrasts, from the first run on
	Data       map[string]DataText `json:"data,omitempty"`       // by data set; one that it lacks is described as in the manifest
	Source     *spec.Portable      `json:"source,omitempty"`     // the experiment as it was written; nil where that cannot be kept
}

// DataText is what tables say of a data set besides its name.
type DataText struct {
	Licence  string   `json:"licence,omitempty"`
	Citation string   `json:"citation,omitempty"`
	Notes    []string `json:"notes,omitempty"` // the plugin's, then the experiment's
}

// Manifest says where the numbers of a version come from. It holds no path, no user name and no row.
type Manifest struct {
	Format       int                 `json:"format"`
	Experiment   string              `json:"experiment"` // its name
	Version      int                 `json:"version"`    // N of v<N>
	Complete     bool                `json:"complete"`   // every cell has its results
	Resolved     json.RawMessage     `json:"resolved"`   // the experiment after defaults, without titles, views and paths
	ResolvedHash string              `json:"resolved_hash"`
	Plan         string              `json:"plan"`        // hash of the cells, with the keys of their last steps, and of what is excluded
	Axes         []string            `json:"axes"`        // in the order that tables use
	AxisValues   map[string][]string `json:"axis_values"` // in order of first mention
	Scores       []ScoreInfo         `json:"scores"`      // what can be addressed, with direction and range
	Curves       []CurveInfo         `json:"curves,omitempty"`
	Data         []DataInfo          `json:"data"`
	MetricFiles  []MetricFiles       `json:"metric_files,omitempty"`
	Plugins      []PluginInfo        `json:"plugins"`

	// MetricUses are the libraries that the numbers of a metric hang on besides its plugin, by the experiment's name of the metric.
	MetricUses map[string][]plugins.Use `json:"metric_uses,omitempty"`

	LLMs      []ModelInfo `json:"llms,omitempty"` // that cells asked, in the order of the cells
	Notes     []string    `json:"notes,omitempty"`
	CellNotes []CellNote  `json:"cell_notes,omitempty"` // what steps of cells noted, by text
	Warnings  []string    `json:"warnings,omitempty"`
	Dependent []Dependent `json:"dependent,omitempty"`
	Excluded  []Excluded  `json:"excluded,omitempty"`
	Choices   []Choice    `json:"choices,omitempty"` // of the searches of the experiment, in its order
	Simulated bool        `json:"simulated"`         // a data set, or a model that was asked, is simulated: every view says so
	Numeric   string      `json:"numeric"`
	Tool      Tool        `json:"tool"`
	Started   time.Time   `json:"started"`  // UTC
	Finished  time.Time   `json:"finished"` // UTC
	Files     []FileInfo  `json:"files"`    // of the core, with hashes; the manifest itself aside
}

// Tool is the build of ehrlab that wrote a version.
type Tool struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // git revision of the build, with "+dirty" when changed
	Go       string `json:"go"`
	Platform string `json:"platform"` // GOOS/GOARCH
}

// ScoreInfo is an addressable score: Metric is the experiment's name of the metric.
type ScoreInfo struct {
	Metric  string            `json:"metric"`
	Name    string            `json:"name"`
	Summary string            `json:"summary"`
	Better  plugins.Direction `json:"better"`
	Count   bool              `json:"count,omitempty"` // every value of one cell is a whole number
	Min     *float64          `json:"min,omitempty"`   // nil: unbounded
	Max     *float64          `json:"max,omitempty"`

	NoInterval string `json:"no_interval,omitempty"` // why a sampling interval of it would mean nothing
}

// CurveInfo is an addressable curve: Metric is the experiment's name of the metric.
type CurveInfo struct {
	Metric string `json:"metric"`
	plugins.CurveInfo
}

// DataInfo is a data set that was read, with the texts that held when the version was made.
type DataInfo struct {
	Name       string             `json:"name"`
	Plugin     string             `json:"plugin"`
	Governance plugins.Governance `json:"governance"`
	Licence    string             `json:"licence,omitempty"`
	Citation   string             `json:"citation,omitempty"`
	Notes      []string           `json:"notes,omitempty"`
	Files      []FileInfo         `json:"files,omitempty"`
	Columns    []ColumnInfo       `json:"columns,omitempty"`   // as they were read, constant ones left out
	Simulated  bool               `json:"simulated,omitempty"` // whatever the experiment says of their governance
	Truth      []plugins.Truth    `json:"truth,omitempty"`     // of simulated data: what was planted
}

// MetricFiles are the files that a metric read besides the rows, such as ratings. Metric is the experiment's name of it.
type MetricFiles struct {
	Metric string     `json:"metric"`
	Files  []FileInfo `json:"files"`
}

// ColumnInfo is a column of a data set: what it was taken for.
type ColumnInfo struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Unit    string `json:"unit,omitempty"`
	Role    string `json:"role,omitempty"`
	Missing *int   `json:"missing,omitempty"` // rows without a value; nil before they are read
}

// FileInfo is a file by what it is for (or its name inside the version), size and content.
type FileInfo struct {
	Role   string `json:"role"`
	Bytes  int64  `json:"bytes"`  // of the file as it is
	SHA256 string `json:"sha256"` // of its content: of a gzip file among the data, what it decompresses to
}

// PluginInfo is a plugin, or a built-in step, that took part.
type PluginInfo struct {
	Stage   string `json:"stage"` // dataset, cohort, split, prepare, features, generate, measure
	Name    string `json:"name"`
	Version int    `json:"version"`
}

// ModelInfo is a language model that cells asked, and what its answers came to. Numbers are sums over the steps of the version that asked
// it, those that failed among them, whichever run paid for the answers; steps may share answers.
type ModelInfo struct {
	Name string `json:"name"` // of the experiment
	plugins.Identity
	Family       string    `json:"family,omitempty"`
	Simulated    bool      `json:"simulated,omitempty"`
	Served       []string  `json:"served"` // models that the provider says it served, sorted
	Fingerprints []string  `json:"fingerprints,omitempty"`
	Steps        int       `json:"steps"`
	Calls        int       `json:"calls"`    // refusals among them
	Distinct     int       `json:"distinct"` // of these, answers that no two steps share
	Refused      int       `json:"refused,omitempty"`
	Truncated    int       `json:"truncated,omitempty"`
	Input        int       `json:"input"` // tokens
	Cached       int       `json:"cached,omitempty"`
	Output       int       `json:"output"`
	Reasoning    int       `json:"reasoning,omitempty"`
	USD          *float64  `json:"usd,omitempty"` // price of the calls, each step's once; nil where it is unknown
	First        time.Time `json:"first"`         // UTC, of the earliest and the latest answer
	Last         time.Time `json:"last"`
}

// Excluded is a cell that the experiment left out, with its reason.
type Excluded struct {
	Cell   string `json:"cell"`
	Reason string `json:"reason"`
}

// CellNote is a note of the steps of some cells, such as an audit or a strategy. It starts with the name of their data set.
type CellNote struct {
	Text  string   `json:"text"`
	Cells []string `json:"cells"`
}

// Dependent are cells whose synthetic rows are not independent of those of other seeds, such as draws from one small set of real rows.
type Dependent struct {
	Why   string   `json:"why"` // what that means for intervals over seeds
	Cells []string `json:"cells"`
}

// CellStatus says whether a cell has its results.
type CellStatus string

// The states of a cell.
const (
	CellOK       CellStatus = "ok"
	CellFailed   CellStatus = "failed"
	CellExcluded CellStatus = "excluded"

	// CellNotEstimable is a cell whose test hospital has too few rows: its scores have no value, and that is no failure.
	CellNotEstimable CellStatus = "not estimable"
)

// Cell is one combination of axis values and what became of it.
type Cell struct {
	ID     string            `json:"id"`
	Axes   map[string]string `json:"axes"`
	Status CellStatus        `json:"status"`
	Stage  string            `json:"stage,omitempty"`  // where it failed, or was found not to be estimable
	Reason string            `json:"reason,omitempty"` // why it failed, was excluded or is not estimable
}

// Score is one score of one cell. Metric is the experiment's name of the metric; the metric's dims are merged into Dims.
// A failed metric leaves one row a score that it declares, with Status Failed.
type Score struct {
	Cell   string
	Metric string
	plugins.Score
	Draws *Draws `json:"-"` // nil where the metric gives none
}

// Curve is one curve of one cell.
type Curve struct {
	Cell   string
	Metric string
	plugins.Curve
}

// Count is one number of the row account. Cell is empty for counts of a data set.
type Count struct {
	Dataset string
	Cell    string
	Stage   string
	plugins.Count
}
