package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/prepare"
	"github.com/ehrlab/ehrlab/runner/engine"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// parrot is a provider whose models are never asked: fakeModels answers in their place.
type parrot struct {
	plugins.Provider
	Model     string `json:"model"`
	Simulated bool   `json:"simulated"`
}

func (p parrot) Info() plugins.ModelInfo {
	return plugins.ModelInfo{Identity: plugins.Identity{API: "parrot", Model: p.Model}, Simulated: p.Simulated}
}

func (p parrot) Complete(context.Context, http.RoundTripper, plugins.Request) (*plugins.Response, error) {
	return nil, errors.New("nobody asks a provider here")
}

// asker is a strategy that asks models.
type asker struct {
	LLM string   `json:"llm"`
	Do  string   `json:"do"`
	By  []string `json:"by"`
	lab *askLab
}

func (a *asker) Models() []string        { return []string{a.LLM} }
func (a *asker) Reveals() plugins.Egress { return plugins.EgressRows }
func (a *asker) Beside() []string        { return a.By }

func (a *asker) Outline(_ context.Context, env plugins.Env, task plugins.Task) (*plugins.Outline, error) {
	return &plugins.Outline{Calls: []plugins.OutlinedCall{{Model: a.LLM, Expected: task.Parts.Get(plugins.Train).Frame.Rows()}}}, nil
}

// Generate returns the first rows of train, once its model has answered.
func (a *asker) Generate(ctx context.Context, env plugins.Env, task plugins.Task) (*plugins.Generated, error) {
	a.lab.mu.Lock()
	a.lab.tasks = append(a.lab.tasks, task)
	a.lab.mu.Unlock()
	if _, err := env.LLM[a.LLM].Complete(ctx, plugins.Request{}); err != nil {
		return nil, fmt.Errorf("call 1: %w", err)
	}
	in := task.Parts.Get(plugins.Train).Frame
	out := &plugins.Generated{Exposed: []int{0, 2, 5}, Counts: []plugins.Count{{Name: "rows requested", Value: task.N}, {Name: "rows delivered", Value: task.N}}}
	rows := make([]int, task.N)
	for i := range rows {
		rows[i] = i % in.Rows()
	}
	switch a.Do {
	case "short":
		short := &plugins.ShortfallError{Requested: task.N, Delivered: 3, Reason: "after 1 round"}
		return nil, &plugins.UnfinishedError{Err: short, Counts: []plugins.Count{
			{Name: "rows requested", Value: task.N},
			{Name: "rows delivered", Value: 3},
			{Name: "rows rejected", Value: 2, Dims: map[string]string{"reason": "not a number"}},
		}}
	case "groups": // equal numbers of two groups that are 1 : 3 in train
		out.Strata = &plugins.Strata{Name: "sex", Levels: []string{"f", "m"}, Shares: []float64{0.25, 0.75}}
		for i := range rows {
			out.Strata.Codes = append(out.Strata.Codes, int32(i%2))
		}
	case "one group": // the other has real rows, but no synthetic one
		out.Strata = &plugins.Strata{Name: "sex", Levels: []string{"f", "m"}, Shares: []float64{0.25, 0.75}, Codes: make([]int32, task.N)}
	case "exposed":
		out.Exposed = []int{5, 2}
	}
	out.Frame = in.Take(rows)
	return out, nil
}

// askLab is what strategies and metrics were given, and the models.
type askLab struct {
	mu      sync.Mutex
	tasks   []plugins.Task
	exposed [][]int
	callers []plugins.Caller
	answer  func(ctx context.Context, c plugins.Caller) error
	usage   func(c plugins.Caller, model string) plugins.Usage
}

func (l *askLab) Open(c plugins.Caller) (map[string]plugins.LLM, func() []plugins.Usage) {
	l.mu.Lock()
	l.callers = append(l.callers, c)
	l.mu.Unlock()
	models, usage := map[string]plugins.LLM{}, []plugins.Usage{}
	for name, p := range c.Providers {
		models[name] = fakeLLM{l, c}
		u := plugins.Usage{
			Model: p.Info().Identity, Simulated: p.Info().Simulated, Served: []string{p.Info().Model}, Calls: 2, Refused: 1, Input: 1000, Output: 500,
			First: time.Unix(100, 0).UTC(), Last: time.Unix(200, 0).UTC(), Responses: []string{"shared", fmt.Sprintf("own-%d", c.Seed)},
		}
		if l.usage != nil {
			u = l.usage(c, p.Info().Model)
		}
		usage = append(usage, u)
	}
	return models, func() []plugins.Usage { return usage }
}

type fakeLLM struct {
	lab    *askLab
	caller plugins.Caller
}

func (f fakeLLM) Info() plugins.ModelInfo { return plugins.ModelInfo{} }
func (f fakeLLM) Complete(ctx context.Context, _ plugins.Request) (*plugins.Response, error) {
	if f.lab.answer != nil {
		if err := f.lab.answer(ctx, f.caller); err != nil {
			return nil, err
		}
	}
	return &plugins.Response{}, nil
}

// seeing is a metric: the number of synthetic rows and the sum of their x. It notes the rows that the generator has seen.
type seeing struct{ lab *askLab }

func (m seeing) Measure(_ context.Context, _ plugins.Env, p *plugins.Pair) (*plugins.Measurement, error) {
	m.lab.mu.Lock()
	m.lab.exposed = append(m.lab.exposed, p.Exposed)
	m.lab.mu.Unlock()
	sum := 0.0
	for _, v := range p.Synthetic.Column("x").Numbers {
		sum += v
	}
	return &plugins.Measurement{
		Scores: []plugins.Score{
			{Name: "rows", Value: float64(p.Synthetic.Rows()), N: p.Synthetic.Rows(), Status: plugins.OK},
			{Name: "sum", Value: sum, N: p.Synthetic.Rows(), Status: plugins.OK, Dims: map[string]string{"column": "x"}},
		},
		Curves: []plugins.Curve{{Name: "line", X: []float64{0}, Y: []float64{1}, N: []int{plugins.FewestTold}}},
		Counts: []plugins.Count{{Name: "rows compared", Value: p.Synthetic.Rows()}},
	}, nil
}

// askStudy is an experiment whose strategies ask the model "m", by what they do.
func askStudy(t *testing.T, do ...string) (*bench, *askLab, *spec.Experiment, engine.Options) {
	t.Helper()
	b, lab := newBench(t), &askLab{}
	plugins.Add(&b.lab.registry.LLMs, plugins.Info{Name: "parrot", Version: 1, Summary: "says nothing"}, parrot{},
		func(p parrot) (plugins.Provider, error) { return p, nil })
	plugins.Add(&b.lab.registry.Strategies, plugins.Info{Name: "ask", Version: 1, Summary: "asks", Reads: []plugins.Part{plugins.Train}, Remote: true}, asker{},
		func(a asker) (plugins.Strategy, error) { a.lab = lab; return &a, nil })
	plugins.Add(&b.lab.registry.Metrics, plugins.Info{
		Name: "see", Version: 1, Summary: "sees", Reads: []plugins.Part{plugins.Train},
		Scores: []plugins.ScoreInfo{{Name: "rows", Max: math.Inf(1)}, {Name: "sum", Max: math.Inf(1), Dims: []string{"column"}}},
		Curves: []plugins.CurveInfo{{Name: "line", Kind: plugins.LineCurve}},
	}, struct{}{}, func(struct{}) (plugins.Metric, error) { return seeing{lab}, nil })
	e := study(map[string]string{"a": ""}, values(8), 1)
	e.Strategies = nil
	e.LLMs = []spec.LLM{{Use: spec.Use{Name: "m", Use: "parrot", With: json.RawMessage(`{"model":"bird-1"}`)}}}
	var names []any
	for i, d := range do {
		name := fmt.Sprintf("s%d", i)
		e.Strategies = append(e.Strategies, spec.Use{Name: name, Use: "ask", With: json.RawMessage(fmt.Sprintf(`{"llm":"m","do":%q}`, d))})
		names = append(names, name)
	}
	e.Matrix[0].Axes[2].Values = values(names...)
	e.Metrics[0].Use.Use = "see"
	price := func(u plugins.Usage) (float64, bool) {
		return float64(u.Input+u.Output) / 1000, u.Model.Model != "unknown"
	}
	return b, lab, e, engine.Options{Workers: 1, Models: lab, Cost: price}
}

// scoresOf are the scores of a cell, e.g. "m.rows 8" or "generation.cost: no price known for x".
func scoresOf(core *record.Core, cell int) []string {
	var out []string
	for _, s := range core.Scores {
		if s.Cell != core.Cells[cell].ID {
			continue
		}
		text := s.Metric + "." + s.Name
		if w := s.Dims[plugins.Weighting]; w != "" {
			text += " " + w
		}
		if s.Status == plugins.OK {
			text += fmt.Sprintf(" %.4g", s.Value)
		} else {
			text += ": " + s.Reason
		}
		out = append(out, text)
	}
	return out
}

// The models of a step are opened on its behalf, and the strategy is given what its prompts tell.
func TestModelsAreOpenedForTheStep(t *testing.T) {
	b, lab, e, opt := askStudy(t, "")
	plugins.Add(&b.lab.registry.Datasets, plugins.Info{Name: "spaces", Version: 1, Summary: "columns of all sorts"}, struct{}{},
		func(struct{}) (plugins.Dataset, error) { return spaces{}, nil })
	d := &e.Datasets[0]
	d.Use.Use, d.Row, d.Governance = "spaces", "id", plugins.Restricted
	d.Subject = "gap"
	d.Split.By = "row"
	d.Prepare = prepare.Config{
		Missing: prepare.DropBySubset, Transform: map[string]string{"x": prepare.Log}, OneHot: map[string]prepare.OneHot{"colour": {Columns: []string{"red", "blue"}}},
	}
	high := 1e9
	d.Limits = map[string]plugins.Limit{"x": {Max: &high}}
	e.Headers = map[string]*plugins.Header{"d": {Columns: []plugins.ColumnInfo{{Name: "x", Unit: "mg", Summary: "a number", Time: true, Role: plugins.RoleGroup}}}}
	e.Strategies[0].With = json.RawMessage(`{"llm":"m","by":["colour","gap"]}`)
	core, res, err := b.run(t, t.Context(), e, opt)
	if err != nil || res.Failed > 0 {
		t.Fatalf("%v, %+v", err, core)
	}
	c := lab.callers[0]
	if len(c.Step) != 64 || c.Label != "generate s0, n 8, seed 1" || c.Seed != 1 || c.Dataset != "d" || c.Governance != plugins.Restricted || c.Providers["m"] == nil {
		t.Errorf("caller %+v", c)
	}
	if diff := cmp.Diff(map[string]string{"dataset": "d", "features": "all", "strategy": "s0", "n": "8", "seed": "1"}, c.Axes); diff != "" {
		t.Error(diff)
	}
	task := lab.tasks[0]
	train := task.Parts.Get(plugins.Train)
	if got := strings.Join(train.Frame.Names(), " "); got != "x colour y" {
		t.Errorf("the strategy sees %s", got)
	}
	if most := slices.Max(train.Frame.Column("x").Numbers); most < 1000 {
		t.Errorf("x of at most %g is transformed", most)
	}
	if train.Subject == nil || train.Subject.Len() != train.Frame.Rows() {
		t.Error("the subjects of the train rows are not there")
	}
	if task.Beside == nil || strings.Join(task.Beside.Names(), " ") != "colour gap" || task.Beside.Rows() != train.Frame.Rows() {
		t.Fatalf("beside: %v", task.Beside)
	}
	for row := range train.Frame.Rows() { // both fold the same rows
		if a, b := train.Frame.Column("colour"), task.Beside.Column("colour"); a.Levels[a.Codes[row]] != b.Levels[b.Codes[row]] {
			t.Fatalf("row %d beside is another", row)
		}
	}
	if diff := cmp.Diff(map[string]plugins.ColumnInfo{"x": {Name: "x", Unit: "mg", Summary: "a number"}}, task.About); diff != "" {
		t.Error(diff)
	}
	if task.Limits["x"].Max == nil || *task.Limits["x"].Max != high {
		t.Errorf("limits %v", task.Limits)
	}
}

func TestAStepThatAsksNeedsModels(t *testing.T) {
	b, _, e, opt := askStudy(t, "")
	opt.Models = nil
	core, res, err := b.run(t, t.Context(), e, opt)
	if err != nil || res.Failed != 1 || res.Bug || core.Cells[0].Reason != "it asks language models, and there are none to ask here" {
		t.Errorf("%v, %+v, %+v", err, res, core.Cells)
	}
}

// What making the rows came to is measured of every cell; only those that ask models have scores of calls.
func TestGenerationScores(t *testing.T) {
	b, _, e, opt := askStudy(t, "")
	e.LLMs = append(e.LLMs, spec.LLM{Use: spec.Use{Name: "free", Use: "parrot", With: json.RawMessage(`{"model":"unknown"}`)}})
	e.Strategies = append(e.Strategies, spec.Use{Name: "x", Use: "ask", With: json.RawMessage(`{"llm":"free"}`)},
		spec.Use{Name: "copy", Use: "copy"}, spec.Use{Name: "bad", Use: "ask", With: json.RawMessage(`{"llm":"m","do":"short"}`)})
	e.Matrix[0].Axes[2].Values = values("s0", "x", "copy", "bad")
	core, _, err := b.run(t, t.Context(), e, opt)
	if err != nil {
		t.Fatal(err)
	}
	events := 0.0
	for _, s := range core.Scores {
		if s.Cell == core.Cells[0].ID && s.Metric == plugins.GenerationMetric && s.Name == plugins.ScoreEvents {
			events = s.Value
		}
	}
	rows := func(cell int) []string { return scoresOf(core, cell)[:5] }
	if events == 0 || events == 8 {
		t.Fatalf("%g events of 8 tell nothing", events)
	}
	want := []string{fmt.Sprintf("generation.prevalence %.4g", events/8), fmt.Sprintf("generation.events %g", events), "generation.classes 2", "generation.requested 8", "generation.delivered 8"}
	if diff := cmp.Diff(want, rows(0)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"generation.calls 2", "generation.input_tokens 1000", "generation.output_tokens 500", "generation.cost 1.5", "generation.cost_per_row 0.1875"}, scoresOf(core, 0)[5:10]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"generation.cost: no price known for unknown", "generation.cost_per_row: no price known for unknown"}, scoresOf(core, 1)[8:10]); diff != "" {
		t.Error(diff)
	}
	if got := scoresOf(core, 2); len(got) != 7 || !strings.HasPrefix(got[5], "m.rows") {
		t.Errorf("a cell without models has %q", got)
	}
	// what a failed cell has cost counts, so that a mean over replicates is not that of the others
	const why = ": generate: 3 of 8 rows after 1 round"
	want = []string{
		"generation.prevalence" + why, "generation.events" + why, "generation.classes" + why, "generation.requested 8", "generation.delivered 0",
		"generation.calls 2", "generation.input_tokens 1000", "generation.output_tokens 500", "generation.cost 1.5",
		"generation.cost_per_row: no row was delivered", "m.rows" + why, "m.sum" + why,
	}
	if diff := cmp.Diff(want, scoresOf(core, 3)); diff != "" {
		t.Error(diff)
	}
	for _, s := range core.Scores {
		known := s.Cell == core.Cells[3].ID && s.Status == plugins.OK && s.Name != plugins.ScoreRequested
		if warned := slices.Equal(s.Warnings, []string{"the cell failed: this is what it came to until then"}); warned != known {
			t.Errorf("%s.%s of cell %s is warned of: %q", s.Metric, s.Name, s.Cell, s.Warnings)
		}
	}
}

// unranked are features that cannot be ranked.
type unranked struct{ fakeFeatures }

func (unranked) Rank(context.Context, plugins.Env, plugins.Candidates) (*plugins.Ranking, error) {
	return nil, errors.New("nothing to rank by")
}

// A cell that had no answer has no numbers, and is counted among those that ask models, whatever it failed at.
func TestCellsThatFailWithoutAnAnswer(t *testing.T) {
	answered := func(b *bench, e *spec.Experiment, opt engine.Options) (cells []record.Cell, counts []string, models int) {
		core, res, err := b.run(t, t.Context(), e, opt)
		if err != nil || res.Failed != 1 {
			t.Fatalf("%v, %+v", err, res)
		}
		for _, s := range core.Scores {
			if s.Status != plugins.Failed {
				t.Errorf("%s.%s is %s", s.Metric, s.Name, s.Status)
			}
		}
		for _, c := range core.Counts {
			if c.OfModels() {
				counts = append(counts, fmt.Sprintf("%s %s %d", c.Name, c.Dims[record.ModelDim], c.Value))
			}
		}
		return core.Cells, counts, len(core.Manifest.LLMs)
	}
	want := []string{"answers m 0", "answers refused m 0", "answers cut at the cap on tokens m 0", "tokens of requests m 0", "tokens of answers m 0"}
	b, lab, e, opt := askStudy(t, "")
	lab.answer = func(context.Context, plugins.Caller) error {
		return &plugins.LLMError{Fault: plugins.FaultKey, Model: "m", Message: "the key is refused"}
	}
	lab.usage = func(plugins.Caller, string) plugins.Usage { return plugins.Usage{} }
	if cells, counts, _ := answered(b, e, opt); cells[0].Stage != "generate" || cmp.Diff(want, counts) != "" {
		t.Errorf("%+v: %s", cells, cmp.Diff(want, counts))
	}
	b, lab, e, opt = askStudy(t, "")
	plugins.Add(&b.lab.registry.Features, plugins.Info{Name: "unranked", Version: 1, Summary: "ranks nothing"}, struct{}{},
		func(struct{}) (plugins.Features, error) { return unranked{}, nil })
	e.Features[0].Use.Use = "unranked"
	cells, counts, models := answered(b, e, opt)
	if cells[0].Stage != "features" || models != 0 || len(lab.callers) > 0 || cmp.Diff(want, counts) != "" {
		t.Errorf("%+v, %d models, %d calls: %s", cells, models, len(lab.callers), cmp.Diff(want, counts))
	}
}

// What a strategy returns against its contract has been paid for all the same.
func TestRefusedRowsKeepTheirCost(t *testing.T) {
	b, _, e, opt := askStudy(t, "exposed")
	core, _, err := b.run(t, t.Context(), e, opt)
	if err != nil || !slices.Contains(scoresOf(core, 0), "generation.cost 1.5") || len(core.Manifest.LLMs) != 1 {
		t.Errorf("%v, %q, %+v", err, scoresOf(core, 0), core.Manifest.LLMs)
	}
}

// A generation that comes short fails its cell, and its account and usage stay.
func TestAShortfallKeepsItsAccount(t *testing.T) {
	b, _, e, opt := askStudy(t, "short", "")
	core, res, err := b.run(t, t.Context(), e, opt)
	if err != nil || res.Failed != 1 || res.Bug || res.Budget {
		t.Fatalf("%v %+v", err, res)
	}
	var got []string
	for _, c := range core.Counts {
		if c.Cell == core.Cells[0].ID {
			got = append(got, fmt.Sprintf("%s%s%s %d", c.Name, c.Dims["reason"], c.Dims["model"], c.Value))
		}
	}
	want := []string{
		"rows requested 8", "rows delivered 3", "rows rejectednot a number 2",
		"answersm 2", "answers refusedm 1", "answers cut at the cap on tokensm 0", "tokens of requestsm 1000", "tokens of answersm 500",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	m := core.Manifest.LLMs
	if len(m) != 1 || m[0].Name != "m" || m[0].Model != "bird-1" || m[0].Steps != 2 || m[0].Calls != 4 || m[0].Distinct != 2 || m[0].Input != 2000 {
		t.Errorf("manifest: %+v", m)
	}
}

func TestUsageInTheManifest(t *testing.T) {
	b, lab, e, opt := askStudy(t, "")
	e.LLMs[0].With = json.RawMessage(`{"model":"bird-1","simulated":true}`)
	e.Matrix[0].Axes[4].Values = values(1, 2)
	core, _, err := b.run(t, t.Context(), e, opt)
	if err != nil {
		t.Fatal(err)
	}
	m := core.Manifest
	if !m.Simulated || len(m.LLMs) != 1 || !m.LLMs[0].Simulated || m.LLMs[0].Calls != 4 || m.LLMs[0].Distinct != 3 || m.LLMs[0].Steps != 2 {
		t.Errorf("%+v", m)
	}
	lab.usage = func(plugins.Caller, string) plugins.Usage { t.Error("asked again"); return plugins.Usage{} }
	again, res, err := b.run(t, t.Context(), e, opt)
	if err != nil || res.StepsRun != 0 || cmp.Diff(m.LLMs, again.Manifest.LLMs) != "" {
		t.Errorf("rerun: %v, %d steps, %s", err, res.StepsRun, cmp.Diff(m.LLMs, again.Manifest.LLMs))
	}
}

// Scores of a cell that two served models answered carry the warning.
func TestTwoServedModelsAreWarnedOf(t *testing.T) {
	b, lab, e, opt := askStudy(t, "")
	lab.usage = func(_ plugins.Caller, model string) plugins.Usage {
		return plugins.Usage{Model: plugins.Identity{API: "parrot", Model: model}, Served: []string{"bird-1-a", "bird-1-b"}, Calls: 2, Responses: []string{"x", "y"}}
	}
	core, _, err := b.run(t, t.Context(), e, opt)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range measured(core) {
		if diff := cmp.Diff([]string{`llm "m" was served by several models: bird-1-a, bird-1-b`}, s.Warnings); diff != "" {
			t.Error(diff)
		}
	}
}

// At the limit of the budget a step fails, the others go on, and the result says so.
func TestTheBudgetEndsStepsNotTheRun(t *testing.T) {
	b, lab, e, opt := askStudy(t, "", "exceed")
	lab.answer = func(_ context.Context, c plugins.Caller) error {
		if c.Axes["strategy"] == "s1" {
			return &plugins.LLMError{Fault: plugins.FaultBudget, Model: "m", Message: "the budget of 1 USD is used up"}
		}
		return nil
	}
	core, res, err := b.run(t, t.Context(), e, opt)
	if err != nil || !res.Budget || res.Failed != 1 || res.Bug {
		t.Fatalf("%v %+v", err, res)
	}
	if core.Cells[0].Status != record.CellOK || core.Cells[1].Reason != "call 1: llm m: the budget of 1 USD is used up" {
		t.Errorf("%+v", core.Cells)
	}
	lab.answer = func(context.Context, plugins.Caller) error { return nil }
	if _, res, err = b.run(t, t.Context(), e, opt); err != nil || res.Budget || res.Failed > 0 || res.StepsRun != 2 {
		t.Errorf("after a raise: %v %+v", err, res)
	}
}

// Metrics know what the generator has seen; of groups with shares by design they measure all rows, and those drawn to real shares.
func TestExposureAndStrata(t *testing.T) {
	b, lab, e, opt := askStudy(t, "groups", "", "one group")
	core, res, err := b.run(t, t.Context(), e, opt)
	if err != nil || res.Failed > 0 {
		t.Fatalf("%v %+v", err, core.Cells)
	}
	for _, rows := range lab.exposed {
		if !slices.Equal(rows, []int{0, 2, 5}) {
			t.Errorf("exposed %v", rows)
		}
	}
	// 4 rows of each of two groups that are 1 : 3: 4 of the second are 3/4 of 5.33 rows, so there are 5: one of the first, four of the second
	want := []string{"m.rows 8", "m.rows post-stratified 5"}
	var got []string
	for _, s := range scoresOf(core, 0) {
		if strings.HasPrefix(s, "m.rows") {
			got = append(got, s)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	weighted := 0
	for _, s := range measured(core) {
		if s.Dims[plugins.Weighting] != "" {
			weighted++
		}
		if s.Cell == core.Cells[1].ID && s.Dims[plugins.Weighting] != "" {
			t.Error("rows without groups are weighted")
		}
	}
	if weighted != 4 {
		t.Errorf("%d weighted scores", weighted)
	}
	for _, s := range scoresOf(core, 2) {
		if strings.Contains(s, "post-stratified") && !strings.HasSuffix(s, ": no synthetic row has sex m, which real rows have") {
			t.Error(s)
		}
	}
	var curves, counts []string
	for _, c := range core.Curves {
		if c.Cell == core.Cells[0].ID {
			curves = append(curves, c.Dims[plugins.Weighting])
		}
	}
	for _, c := range core.Counts {
		if c.Cell == core.Cells[0].ID && c.Name == "rows compared" {
			counts = append(counts, fmt.Sprint(c.Dims[plugins.Weighting], c.Value))
		}
	}
	if fmt.Sprint(curves) != "[ post-stratified]" || fmt.Sprint(counts) != "[8 post-stratified5]" {
		t.Errorf("curves %q, counts %q", curves, counts)
	}
	// another number of workers, and another cache, draws the same rows
	other, _, e2, opt2 := askStudy(t, "groups", "", "one group")
	opt2.Workers = 3
	again, _, err := other.run(t, t.Context(), e2, opt2)
	if err != nil || cmp.Diff(scoresOf(core, 0), scoresOf(again, 0)) != "" {
		t.Errorf("%v %s", err, cmp.Diff(scoresOf(core, 0), scoresOf(again, 0)))
	}
}

func TestSeeingNoRowOfTrainIsABug(t *testing.T) {
	b, _, e, opt := askStudy(t, "exposed")
	core, res, err := b.run(t, t.Context(), e, opt)
	if err != nil || !res.Bug || !strings.Contains(core.Cells[0].Reason, "row 2 after row 5") {
		t.Errorf("%v %+v %+v", err, res, core.Cells)
	}
}

// Remote steps run besides the one worker, all at once, beyond the time-out of a step; a step that computes is not held up.
func TestRemoteStepsTakeNoWorker(t *testing.T) {
	b, lab, e, opt := askStudy(t, "1", "2", "3")
	e.Strategies = append(e.Strategies, spec.Use{Name: "copy", Use: "copy"})
	e.Matrix[0].Axes[2].Values = values("s0", "s1", "s2", "copy")
	var started sync.WaitGroup
	started.Add(3)
	lab.answer = func(ctx context.Context, _ plugins.Caller) error {
		started.Done()
		all := make(chan struct{})
		go func() { started.Wait(); close(all) }()
		select {
		case <-all:
		case <-time.After(20 * time.Second):
			return errors.New("the others have not started")
		}
		time.Sleep(60 * time.Millisecond)
		return ctx.Err()
	}
	opt.Timeout = 50 * time.Millisecond
	core, res, err := b.run(t, t.Context(), e, opt)
	if err != nil || res.Failed > 0 {
		t.Fatalf("%v %+v", err, core.Cells)
	}
	var ends []string
	for _, ev := range b.events {
		if ev.Kind == engine.Done && string(ev.Step.Stage) == "generate" {
			ends = append(ends, ev.Step.Recipe.Plugin)
		}
	}
	if len(ends) != 4 || ends[0] != "copy" {
		t.Errorf("steps ended in the order %v", ends)
	}
}

// Reservations of memory hold for remote steps too.
func TestRemoteStepsReserveMemory(t *testing.T) {
	b, lab, e, opt := askStudy(t, "1", "2", "3")
	var mu sync.Mutex
	now, most := 0, 0
	lab.answer = func(context.Context, plugins.Caller) error {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		time.Sleep(5 * time.Millisecond)
		mu.Lock()
		now--
		mu.Unlock()
		return nil
	}
	opt.Memory = 1
	if _, res, err := b.run(t, t.Context(), e, opt); err != nil || res.Failed > 0 || most != 1 {
		t.Errorf("%v, %d at once", err, most)
	}
}

func TestACancelledRunEndsItsRemoteSteps(t *testing.T) {
	b, lab, e, opt := askStudy(t, "1", "2", "3")
	ctx, cancel := context.WithCancel(t.Context())
	var once sync.Once
	lab.answer = func(ctx context.Context, _ plugins.Caller) error {
		once.Do(cancel)
		<-ctx.Done()
		return ctx.Err()
	}
	start := time.Now()
	_, res, err := b.run(t, ctx, e, opt)
	if !errors.Is(err, engine.ErrInterrupted) || len(res.Failures) > 0 || time.Since(start) > 4*time.Second {
		t.Errorf("%v after %s, %+v", err, time.Since(start), res)
	}
}

// Of restricted data it is not told how few real rows have the event, as those of a holdout are; what a model made up is told.
func TestFewEventsOfRestrictedData(t *testing.T) {
	b, _, e, opt := askStudy(t, "")
	e.Strategies = append(e.Strategies, spec.Use{Name: "copy", Use: "copy"})
	e.Matrix[0].Axes[2].Values = values("s0", "copy")
	e.Datasets[0].Governance = plugins.Restricted
	core, _, err := b.run(t, t.Context(), e, opt)
	if err != nil {
		t.Fatal(err)
	}
	if got := scoresOf(core, 0)[1]; !strings.HasPrefix(got, "generation.events ") {
		t.Errorf("a model's rows: %s", got)
	}
	if got := scoresOf(core, 1)[:2]; !strings.Contains(got[0], "not told") || !strings.Contains(got[1], "not told") {
		t.Errorf("copied rows: %q", got)
	}
	found := 0
	for _, c := range core.Counts {
		if c.Name == "rows requested" || c.Name == record.CountAnswers {
			found++
		}
	}
	if found != 2 {
		t.Errorf("%d of 2 counts of made-up rows and answers are told", found)
	}
}
