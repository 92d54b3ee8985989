package spec

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// The plugins of these tests do nothing but have settings, headers, subsets and scores.

type fakeDataset struct {
	path    string
	columns []plugins.ColumnInfo
}

func (d fakeDataset) Files() ([]plugins.File, error) {
	if d.path == "" {
		return nil, nil
	}
	return []plugins.File{{Role: "table", Path: d.path}}, nil
}

func (d fakeDataset) Header(context.Context, plugins.Env) (*plugins.Header, error) {
	h := &plugins.Header{Columns: d.columns}
	if d.path == "" {
		return h, nil
	}
	b, err := os.ReadFile(d.path)
	if err != nil {
		return nil, err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	for _, field := range strings.Split(line, ",") {
		name, summary, _ := strings.Cut(field, "=") // e.g. "ward=constant: left out"
		if name == "" {
			return nil, fmt.Errorf("%s:1:1: a column has no name", d.path)
		}
		h.Columns = append(h.Columns, plugins.ColumnInfo{Name: name, Kind: frame.Number, Summary: summary})
	}
	return h, nil
}

// fakeTables is a table with others beside it.
type fakeTables struct {
	fakeDataset
	more []string
}

func (d fakeTables) Files() ([]plugins.File, error) {
	files, err := d.fakeDataset.Files()
	for _, path := range d.more {
		files = append(files, plugins.File{Role: "more", Path: path})
	}
	return files, err
}

// Header looks at the tables in order; a message begins with the name of the file alone.
func (d fakeTables) Header(ctx context.Context, env plugins.Env) (*plugins.Header, error) {
	for _, path := range append([]string{d.path}, d.more...) {
		if _, err := (fakeDataset{path: path}).Header(ctx, env); err != nil {
			return nil, errors.New(strings.ReplaceAll(err.Error(), filepath.Dir(path)+string(filepath.Separator), ""))
		}
	}
	if len(d.more) == 0 {
		return d.fakeDataset.Header(ctx, env)
	}
	return nil, errors.New("the tables have no row in common")
}

func (d fakeDataset) Read(context.Context, plugins.Env) (*plugins.Data, error) { return nil, nil }

type fakeFeatures struct{ subsets []string }

func (f fakeFeatures) Subsets() []string { return f.subsets }

func (f fakeFeatures) Ranking() any { return nil }

func (f fakeFeatures) Rank(context.Context, plugins.Env, plugins.Candidates) (*plugins.Ranking, error) {
	return &plugins.Ranking{}, nil
}

func (f fakeFeatures) Cut(ranked []plugins.RankedColumn, _ string) ([]string, error) {
	return plugins.Names(ranked), nil
}

type fakeStrategy struct{}

func (fakeStrategy) Generate(context.Context, plugins.Env, plugins.Task) (*plugins.Generated, error) {
	return nil, nil
}

type fakeMetric struct{}

func (fakeMetric) Measure(context.Context, plugins.Env, *plugins.Pair) (*plugins.Measurement, error) {
	return nil, nil
}

// fakePrompting asks a model: about rows where it shows examples.
type fakePrompting struct {
	fakeStrategy
	config naiveConfig
}

func (f fakePrompting) Models() []string { return []string{f.config.LLM} }

func (f fakePrompting) Reveals() plugins.Egress {
	if f.config.Examples > 0 {
		return plugins.EgressRows
	}
	return plugins.EgressSchema
}

func (f fakePrompting) Beside() []string { return f.config.By }

func (fakePrompting) Outline(context.Context, plugins.Env, plugins.Task) (*plugins.Outline, error) {
	return nil, nil
}

type fakeLLM struct{ info plugins.ModelInfo }

func newLLM(c llmConfig) (plugins.Provider, error) {
	if c.Model == "mystery" {
		return nil, errors.New(`the family of "mystery" is not known; say it, such as family: "llama"`)
	}
	info := plugins.ModelInfo{Identity: plugins.Identity{API: "fake", Endpoint: c.BaseURL, Model: c.Model}, Family: c.Family, Secret: plugins.Secret{Env: c.KeyEnv}}
	if strings.HasSuffix(c.Model, "-latest") {
		info.Warnings = []string{"the name has no date: the model behind it may change"}
	}
	return fakeLLM{info}, nil
}

func (f fakeLLM) Info() plugins.ModelInfo { return f.info }

func (fakeLLM) Complete(context.Context, http.RoundTripper, plugins.Request) (*plugins.Response, error) {
	return nil, nil
}

func (fakeLLM) Read([]byte) (*plugins.Response, error) { return nil, nil }

func (fakeLLM) Authorize(*http.Request, []byte, string) error { return nil }

type fakeView struct{ form plugins.Form }

func (v fakeView) Form() plugins.Form { return v.form }

func (fakeView) Draw(plugins.Figure) (*plugins.Drawing, error) { return nil, nil }

type none struct{}

type tableConfig struct {
	Path      string            `json:"path"`
	Delimiter string            `json:"delimiter,omitempty"`
	Missing   map[string]string `json:"missing,omitempty"`
}

type tablesConfig struct {
	Path string                 `json:"path"`
	Join map[string]tableConfig `json:"join,omitempty"`
}

type icuConfig struct {
	Rows int    `json:"rows"`
	Seed uint64 `json:"seed"`
}

type listConfig struct {
	Columns []string `json:"columns"`
}

type groupConfig struct {
	Groups  []string            `json:"groups"`
	Columns map[string][]string `json:"columns,omitempty"`
}

type ladderConfig struct {
	Ladder []int `json:"ladder"`
}

type llmConfig struct {
	Model       string   `json:"model"`
	Family      string   `json:"family,omitempty"`
	Temperature *float64 `json:"temperature,omitempty"`
	BaseURL     string   `json:"base_url"`
	KeyEnv      string   `json:"key_env"`
	Limits      struct {
		Concurrency int `json:"concurrency"`
	} `json:"limits"`
}

type naiveConfig struct {
	LLM      string   `json:"llm"`
	Examples int      `json:"examples"`
	Batch    int      `json:"batch"`
	By       []string `json:"by,omitempty"`
	Prompt   string   `json:"prompt,omitempty"`
	Label    struct {
		Mode string `json:"mode"`
	} `json:"label"`
}

type copulaConfig struct {
	Shrinkage float64 `json:"shrinkage"`
	Kind      string  `json:"kind"`
}

type tvdConfig struct {
	Smoothing float64           `json:"smoothing"`
	Bins      any               `json:"bins,omitempty"`
	Names     []string          `json:"names,omitempty"`
	Weights   map[string]weight `json:"weights,omitempty"`
	Low       int               `json:"low"`
	High      int               `json:"high"`
}

type weight struct {
	Weight float64 `json:"weight"`
}

type klConfig struct {
	Curves bool `json:"curves,omitempty"`
	Bins   int  `json:"bins"`
}

type downstreamConfig struct {
	Model string `json:"model"`
	Test  string `json:"test"`
}

var icuColumns = []plugins.ColumnInfo{
	{Name: "patientunitstayid", Kind: frame.Number, Role: plugins.RoleRow},
	{Name: "uniquepid", Kind: frame.Category, Role: plugins.RoleSubject},
	{Name: "hospitalid", Kind: frame.Category, Role: plugins.RoleSite},
	{Name: "age", Kind: frame.Number},
	{Name: "is_female", Kind: frame.Category},
	{Name: "heartrate", Kind: frame.Number},
	{Name: "los", Kind: frame.Number, Role: plugins.RoleOutcome},
	{Name: "death", Kind: frame.Category, Role: plugins.RoleTarget},
	{Name: "sao2", Kind: frame.Number},
	{Name: "bun", Kind: frame.Number},
	{Name: "ph", Kind: frame.Number},
	{Name: "hematocrit", Kind: frame.Number},
	{Name: "albumin", Kind: frame.Number},
	{Name: "sodium", Kind: frame.Number},
	{Name: "glucose", Kind: frame.Number},
}

// wardColumns have groups, each role, and one of which the sample tells no kind.
var wardColumns = []plugins.ColumnInfo{
	{Name: "stay", Kind: frame.Number, Role: plugins.RoleRow},
	{Name: "patient", Kind: frame.Category, Role: plugins.RoleSubject},
	{Name: "hospital", Kind: frame.Category, Role: plugins.RoleSite},
	{Name: "year", Kind: frame.Number, Role: plugins.RoleContext},
	{Name: "region", Kind: frame.Category, Role: plugins.RoleContext},
	{Name: "barcode", Kind: frame.Number, Role: plugins.RoleID, Group: "codes"},
	{Name: "hr_min", Kind: frame.Number, Group: "vitals"},
	{Name: "hr_max", Kind: frame.Number, Group: "vitals"},
	{Name: "bun", Kind: frame.Number, Group: "labs"},
	{Name: "culture", Group: "labs"},
	{Name: "ward", Kind: frame.Category},
	{Name: "unit", Kind: frame.Number, Summary: "constant: left out"},
	{Name: "los", Kind: frame.Number, Role: plugins.RoleOutcome, Group: "times"},
	{Name: "apache", Kind: frame.Number, Role: plugins.RoleScore},
	{Name: "died", Kind: frame.Number, Role: plugins.RoleTarget},
}

// rates says that a metric reads the test rows.
func rates(i *plugins.Info) { i.Reads = []plugins.Part{plugins.Test} }

func fakeRegistry() *plugins.Registry {
	r := &plugins.Registry{}
	records := []plugins.Shape{plugins.Records}
	info := func(name, schema string, more ...func(*plugins.Info)) plugins.Info {
		i := plugins.Info{Name: name, Version: 1, Summary: "a fake", Schema: schema, Shapes: records}
		for _, m := range more {
			m(&i)
		}
		return i
	}
	scores := func(s ...plugins.ScoreInfo) func(*plugins.Info) { return func(i *plugins.Info) { i.Scores = s } }
	curves := func(c ...plugins.CurveInfo) func(*plugins.Info) { return func(i *plugins.Info) { i.Curves = c } }
	score := func(name string, dims ...string) plugins.ScoreInfo {
		return plugins.ScoreInfo{Name: name, Summary: name, Min: 0, Max: math.Inf(1), Better: plugins.Lower, Dims: dims}
	}

	plugins.Add(&r.Datasets, info("table", "path!: string @path()\ndelimiter?: =~\"^[ -~]$\" @say(\"one ASCII character\")\nmissing?: [string]: string"), tableConfig{},
		func(c tableConfig) (plugins.Dataset, error) { return fakeDataset{path: c.Path}, nil })
	plugins.Add(&r.Datasets, info("icu", "rows?: int & >0\nseed?: int & >=0"), icuConfig{Rows: 5000},
		func(icuConfig) (plugins.Dataset, error) { return fakeDataset{columns: icuColumns}, nil })
	plugins.Add(&r.Datasets, info("events", "", func(i *plugins.Info) { i.Shapes = []plugins.Shape{plugins.Events} }), none{},
		func(none) (plugins.Dataset, error) { return fakeDataset{columns: icuColumns}, nil })

	plugins.Add(&r.Datasets, info("ward", "rows?: int & >0\nseed?: int & >=0"), icuConfig{Rows: 500},
		func(icuConfig) (plugins.Dataset, error) { return fakeDataset{columns: wardColumns}, nil })
	plugins.Add(&r.Datasets, info("tables", "path!: string @path()\njoin?: [string]: {path!: string @path()}"), tablesConfig{},
		func(c tablesConfig) (plugins.Dataset, error) {
			d := fakeTables{fakeDataset: fakeDataset{path: c.Path}}
			for _, name := range slices.Sorted(maps.Keys(c.Join)) {
				d.more = append(d.more, c.Join[name].Path)
			}
			return d, nil
		})

	plugins.Add(&r.Features, info("group", "groups!: [string, ...string] @group(columns)\ncolumns?: {[string]: [string, ...string] @column(pattern)}"), groupConfig{},
		func(c groupConfig) (plugins.Features, error) { return fakeFeatures{c.Groups}, nil })
	plugins.Add(&r.Features, info("all", ""), none{}, func(none) (plugins.Features, error) { return fakeFeatures{[]string{""}}, nil })
	plugins.Add(&r.Features, info("list", "columns!: [string, ...string] @column()"), listConfig{},
		func(listConfig) (plugins.Features, error) { return fakeFeatures{[]string{""}}, nil })
	plugins.Add(&r.Features, info("importance", "ladder!: [int & >0, ...int & >0]"), ladderConfig{},
		func(c ladderConfig) (plugins.Features, error) {
			var suffixes []string
			for _, n := range c.Ladder {
				suffixes = append(suffixes, fmt.Sprint(n))
			}
			return fakeFeatures{suffixes}, nil
		})

	plugins.Add(&r.LLMs, info("fake", `model!: string
family?: string
temperature?: number & >=0 & <=2
base_url?: string
key_env?: string @local()
limits?: {concurrency?: int & >0} @local()`), llmConfig{BaseURL: "https://api.openai.com/v1", KeyEnv: "FAKE_KEY"}, newLLM)
	plugins.Add(&r.LLMs, info("in-process", ""), none{}, func(none) (plugins.Provider, error) {
		return fakeLLM{plugins.ModelInfo{Identity: plugins.Identity{API: "in-process", Model: "sim"}, Family: "sim", InProcess: true, Simulated: true}}, nil
	})

	plugins.Add(&r.Strategies, info("llm-naive", "llm!: string @llm()\nexamples?: int & >=0\nbatch?: int & >0\nby?: [...string] @column()\nprompt?: string @text()\n"+
		"label?: {mode?: \"generated\" | \"conditioned\"}"),
		naiveConfig{Examples: 100, Batch: 50}, func(c naiveConfig) (plugins.Strategy, error) { return fakePrompting{config: c}, nil })
	plugins.Add(&r.Strategies, info("gaussian-copula", "shrinkage?: number & >=0 & <1\nkind?: \"fast\" | \"exact\""),
		copulaConfig{Kind: "exact"}, func(copulaConfig) (plugins.Strategy, error) { return fakeStrategy{}, nil })
	plugins.Add(&r.Strategies, info("independent", ""), none{}, func(none) (plugins.Strategy, error) { return fakeStrategy{}, nil })
	plugins.Add(&r.Strategies, info("holdout", "", func(i *plugins.Info) { i.Reads = []plugins.Part{plugins.Reference} }), none{},
		func(none) (plugins.Strategy, error) { return fakeStrategy{}, nil })

	plugins.Add(&r.Metrics, info("kl", "bins?: int & >=2 & <=1000\ncurves?: bool", scores(score("mean"), score("divergence", "column")), curves(
		plugins.CurveInfo{Name: "density", Kind: plugins.LineCurve, Dims: []string{"column", "side"}, Level: "level", With: "curves"},
		plugins.CurveInfo{Name: "matrix", Kind: plugins.MatrixCurve, Dims: []string{"column", "side"}},
	)), klConfig{Bins: 10},
		func(klConfig) (plugins.Metric, error) { return fakeMetric{}, nil })
	plugins.Add(&r.Metrics, info("tvd", `smoothing?: number & >=0
bins?: "sqrt" | "sturges" | (int & >=2)
names?: [...("a" | "b" | "median")]
weights?: [string]: {weight!: number & >0}
low?: int
high?: int`, scores(score("mean"))), tvdConfig{High: 10}, func(c tvdConfig) (plugins.Metric, error) {
		if c.Low > c.High {
			return nil, fmt.Errorf("low is above high")
		}
		return fakeMetric{}, nil
	})
	plugins.Add(&r.Metrics, info("downstream", "model?: \"gbdt\" | \"logistic\"\ntest?: \"real\" | \"synthetic\"", scores(score("auroc"), score("auprc")), rates, curves(
		plugins.CurveInfo{Name: "roc", Kind: plugins.LineCurve}, plugins.CurveInfo{Name: "pairs", Kind: plugins.ScatterCurve, Dims: []string{"pattern"}},
	)),
		downstreamConfig{Model: "logistic", Test: "real"}, func(downstreamConfig) (plugins.Metric, error) { return fakeMetric{}, nil })

	addAudits(r)
	plugins.Add(&r.Views, info("line", "log?: bool"), struct {
		Log bool `json:"log"`
	}{}, func(struct {
		Log bool `json:"log"`
	},
	) (plugins.View, error) {
		return fakeView{plugins.PointForm}, nil
	})
	for name, form := range map[string]plugins.Form{
		"box": plugins.SpreadForm, "forest": plugins.ForestForm, "scatter": plugins.PairForm, "roc": plugins.CurveForm, "heatmap": plugins.MatrixForm,
	} {
		plugins.Add(&r.Views, info(name, ""), none{}, func(none) (plugins.View, error) { return fakeView{form}, nil })
	}
	return r
}
