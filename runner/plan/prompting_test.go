package plan_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// The plugins of these tests are planned and never run.

type noData struct{ plugins.Dataset }

func (noData) Files() ([]plugins.File, error) { return nil, nil }

type noFeatures struct{ plugins.Features }

func (noFeatures) Subsets() []string { return []string{""} }
func (noFeatures) Ranking() any      { return nil }

type noMetric struct{ plugins.Metric }

// model is a provider: of its settings, limit decides no answer.
type model struct {
	plugins.Provider
	Model string `json:"model"`
	Heat  int    `json:"heat"`
	Limit int    `json:"limit"`
}

func (m model) Info() plugins.ModelInfo {
	return plugins.ModelInfo{
		Identity: plugins.Identity{API: "fake", Model: m.Model, Settings: json.RawMessage(fmt.Sprintf(`{"heat":%d}`, m.Heat))},
		Limits:   plugins.Limits{Requests: m.Limit},
	}
}

// asks is a strategy that asks models; its prompt may be worded like the name of one.
type asks struct {
	plugins.Strategy
	LLM    string   `json:"llm"`
	Judges []string `json:"judges"`
	Prompt string   `json:"prompt"`
	By     []string `json:"by"`
}

func (a asks) Models() []string        { return append([]string{a.LLM}, a.Judges...) }
func (a asks) Beside() []string        { return a.By }
func (a asks) Reveals() plugins.Egress { return plugins.EgressSchema }
func (a asks) Outline(context.Context, plugins.Env, plugins.Task) (*plugins.Outline, error) {
	return nil, nil
}

type plain struct {
	plugins.Strategy
	Do string `json:"do"`
}

func registry() *plugins.Registry {
	r := &plugins.Registry{}
	info := func(name string) plugins.Info { return plugins.Info{Name: name, Version: 1, Summary: "of a test"} }
	plugins.Add(&r.Datasets, info("data"), struct{}{}, func(struct{}) (plugins.Dataset, error) { return noData{}, nil })
	plugins.Add(&r.Features, info("all"), struct{}{}, func(struct{}) (plugins.Features, error) { return noFeatures{}, nil })
	plugins.Add(&r.LLMs, info("fake"), model{}, func(m model) (plugins.Provider, error) { return m, nil })
	plugins.Add(&r.Strategies, info("asks"), asks{Judges: []string{}, By: []string{}}, func(a asks) (plugins.Strategy, error) { return a, nil })
	plugins.Add(&r.Strategies, info("plain"), plain{}, func(p plain) (plugins.Strategy, error) { return p, nil })
	plugins.Add(&r.Metrics, info("none"), struct{}{}, func(struct{}) (plugins.Metric, error) { return noMetric{}, nil })
	return r
}

func use(name, plugin, with string) spec.Use {
	return spec.Use{Name: name, Use: plugin, With: json.RawMessage(with)}
}

func number(n float64) []spec.Value { return []spec.Value{{Kind: spec.NumberValue, Number: n}} }

func text(list ...string) []spec.Value {
	var out []spec.Value
	for _, s := range list {
		out = append(out, spec.Value{Text: s})
	}
	return out
}

// experiment has a strategy that asks a model, and one that asks none.
func experiment() *spec.Experiment {
	return &spec.Experiment{
		Name:     "e",
		Datasets: []spec.Dataset{{Use: use("d", "data", ""), Target: "y", Subject: "id"}},
		Features: []spec.FeatureSet{{Use: use("all", "all", "")}},
		LLMs:     []spec.LLM{{Use: use("m", "fake", `{"model":"m-1"}`)}, {Use: use("j", "fake", `{"model":"j-1"}`)}},
		Strategies: []spec.Use{
			use("asks", "asks", `{"llm":"m","judges":["j","m"],"prompt":"m"}`), use("plain", "plain", ""),
		},
		Metrics: []spec.Metric{{Use: use("x", "none", "")}},
		Matrix: []spec.Block{{Axes: []spec.AxisValues{
			{Axis: "dataset", Values: text("d")},
			{Axis: "features", Values: text("all")},
			{Axis: "strategy", Values: text("asks", "plain")},
			{Axis: "n", Values: number(10)},
			{Axis: "seed", Values: number(1)},
		}}},
		Headers: map[string]*plugins.Header{"d": {Columns: []plugins.ColumnInfo{{Name: "x", Unit: "mg", Summary: "a drug"}}}},
	}
}

func planned(t *testing.T, e *spec.Experiment) *plan.Plan {
	t.Helper()
	p, err := plan.New(e, plan.Inputs{
		Registry: registry(),
		Hash:     func(string) (cache.Hash, int64, error) { return "", 0, nil },
		Facts:    func(cache.Key) (json.RawMessage, bool) { return nil, false },
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Keys of steps that ask models change with what decides a prompt or an answer, and with nothing else; those of others stay.
func TestKeysOfStepsThatAsk(t *testing.T) {
	base := planned(t, experiment())
	zero := 0.0
	for name, c := range map[string]struct {
		change       func(*spec.Experiment)
		asks, others bool // keys that change
	}{
		"another name of a model": {func(e *spec.Experiment) {
			e.LLMs[0].Name = "renamed"
			e.Strategies[0].With = json.RawMessage(`{"llm":"renamed","judges":["j","renamed"],"prompt":"m"}`)
		}, false, false},
		"limits of a provider":   {func(e *spec.Experiment) { e.LLMs[0].With = json.RawMessage(`{"model":"m-1","limit":3}`) }, false, false},
		"a price":                {func(e *spec.Experiment) { e.LLMs[0].Price = &spec.Price{Input: 1} }, false, false},
		"an approval":            {func(e *spec.Experiment) { e.LLMs[0].Approval = &spec.Approval{Local: true} }, false, false},
		"a budget":               {func(e *spec.Experiment) { e.Budget = &spec.Budget{Allowance: spec.Allowance{USD: &zero}} }, false, false},
		"governance":             {func(e *spec.Experiment) { e.Datasets[0].Governance = plugins.Simulated }, false, false},
		"another model":          {func(e *spec.Experiment) { e.LLMs[0].With = json.RawMessage(`{"model":"m-2"}`) }, true, false},
		"another judge":          {func(e *spec.Experiment) { e.LLMs[1].With = json.RawMessage(`{"model":"j-2"}`) }, true, false},
		"a setting of the model": {func(e *spec.Experiment) { e.LLMs[0].With = json.RawMessage(`{"model":"m-1","heat":1}`) }, true, false},
		"models that change roles": {func(e *spec.Experiment) {
			e.Strategies[0].With = json.RawMessage(`{"llm":"j","judges":["m","m"],"prompt":"m"}`)
		}, true, false},
		"a prompt": {func(e *spec.Experiment) {
			e.Strategies[0].With = json.RawMessage(`{"llm":"m","judges":["j","m"],"prompt":"j"}`)
		}, true, false},
		"a column beside": {func(e *spec.Experiment) {
			e.Strategies[0].With = json.RawMessage(`{"llm":"m","judges":["j","m"],"prompt":"m","by":["x"]}`)
		}, true, false},
		"what a column is":   {func(e *spec.Experiment) { e.Headers["d"].Columns[0].Summary = "a dose" }, true, false},
		"its unit":           {func(e *spec.Experiment) { e.Headers["d"].Columns[0].Unit = "g" }, true, false},
		"its declared limit": {func(e *spec.Experiment) { e.Datasets[0].Limits = map[string]plugins.Limit{"x": {Min: &zero}} }, true, false},
		"the seed":           {func(e *spec.Experiment) { e.Matrix[0].Axes[4].Values = number(2) }, true, false}, // plain draws no number
		"the sample size":    {func(e *spec.Experiment) { e.Matrix[0].Axes[3].Values = number(11) }, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			e := experiment()
			c.change(e)
			p := planned(t, e)
			for i, want := range []bool{c.asks, c.others} {
				if got := p.Cells[i].Generate.Key != base.Cells[i].Generate.Key; got != want {
					t.Errorf("key of cell %d changes: %v", i, got)
				}
			}
		})
	}
}

// In keys, a model's identity stands in the place of its name, and texts that only look like a name stay.
func TestIdentitiesStandForNames(t *testing.T) {
	var got struct {
		LLM    plugins.Identity
		Judges []plugins.Identity
		Prompt string
	}
	if err := json.Unmarshal(planned(t, experiment()).Cells[0].Generate.Recipe.Settings, &got); err != nil {
		t.Fatal(err)
	}
	if got.LLM.Model != "m-1" || got.Judges[0].Model != "j-1" || got.Judges[1].Model != "m-1" || got.Prompt != "m" {
		t.Errorf("%+v", got)
	}
}

func TestACallerIsTheFirstCell(t *testing.T) {
	p := planned(t, experiment())
	w := p.Cells[0].Generate.Work.(plan.GenerateWork)
	if w.Prompting == nil || w.Subject != "id" || w.Caller.Label != p.Cells[0].Generate.Label || w.Caller.Seed != 1 || w.Caller.Dataset != "d" || len(w.Caller.Providers) != 2 || len(w.Models) != 2 {
		t.Errorf("%+v", w)
	}
	if diff := cmp.Diff(map[string]string{"dataset": "d", "features": "all", "strategy": "asks", "n": "10", "seed": "1"}, w.Caller.Axes); diff != "" {
		t.Error(diff)
	}
	if w := p.Cells[1].Generate.Work.(plan.GenerateWork); w.Prompting != nil || w.Caller.Axes != nil || p.Cells[1].Models != nil {
		t.Errorf("a strategy that asks nothing has %+v", w)
	}
}

// Data sets of equal rows share no step when one of them is restricted: each is asked for as what it is.
func TestRestrictedDataAreAskedForAsSuch(t *testing.T) {
	e := experiment()
	open, restricted := e.Datasets[0], e.Datasets[0]
	open.Name, open.Governance, restricted.Name, restricted.Governance = "open", plugins.Open, "closed", plugins.Restricted
	e.Datasets = []spec.Dataset{open, restricted}
	e.Headers["open"], e.Headers["closed"] = e.Headers["d"], e.Headers["d"]
	e.Matrix[0].Axes[0].Values = text("open", "closed")
	p := planned(t, e)
	for i, want := range map[int]plugins.Governance{0: plugins.Open, 2: plugins.Restricted} {
		if got := p.Cells[i].Generate.Work.(plan.GenerateWork).Caller.Governance; got != want {
			t.Errorf("cell %d is asked for as %s", i, got)
		}
	}
	if p.Cells[1].Generate != p.Cells[3].Generate {
		t.Error("the step that asks nothing is not shared")
	}
}

// Cells that an axis has no bearing on come once, whatever its values.
func TestAnAxisWithoutBearing(t *testing.T) {
	e := experiment()
	e.Axes = []spec.Axis{{Name: "words", Sets: "strategies.asks.with.prompt"}}
	e.Matrix[0].Axes = append(e.Matrix[0].Axes, spec.AxisValues{Axis: "words", Values: text("few", "many")})
	further := e.Matrix[0]
	further.Axes = further.Axes[:5] // leaves the axis out
	e.Matrix = append(e.Matrix, further)
	p := planned(t, e)
	var got []string
	for _, c := range p.Cells {
		got = append(got, p.Text(c, "strategy")+"/"+p.Text(c, "words"))
	}
	if diff := cmp.Diff("asks/few asks/many plain/- asks/-", strings.Join(got, " ")); diff != "" {
		t.Error(diff)
	}
	keys := map[cache.Key]bool{}
	for _, c := range p.Cells {
		keys[c.Generate.Key] = true
	}
	if len(keys) != 4 {
		t.Errorf("%d generate steps", len(keys))
	}
	if v := p.Cells[0].Dataset.Variant; len(v) > 0 {
		t.Errorf("counts of the data set would have the dimensions %v", v)
	}
	if _, has := p.Cells[3].Generate.Work.(plan.GenerateWork).Caller.Axes["words"]; has {
		t.Error("a cell is asked for at an axis that it is not on")
	}
}

func TestModelsThatAreNotThere(t *testing.T) {
	e := experiment()
	e.LLMs = e.LLMs[:1]
	_, err := plan.New(e, plan.Inputs{
		Registry: registry(), Hash: func(string) (cache.Hash, int64, error) { return "", 0, nil },
		Facts: func(cache.Key) (json.RawMessage, bool) { return nil, false },
	})
	if err == nil || !strings.Contains(err.Error(), `strategy asks: no llm named "j"`) {
		t.Error(err)
	}
}
