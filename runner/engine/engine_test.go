package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/prepare"
	"github.com/ehrlab/ehrlab/plugins/split"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/engine"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The fakes of this file: a data set of numbered rows, a strategy that does as its settings say, a metric.

type fakeData struct{ rows int }

func (d fakeData) Files() ([]plugins.File, error) { return nil, nil }
func (d fakeData) Header(context.Context, plugins.Env) (*plugins.Header, error) {
	return &plugins.Header{Governance: plugins.Open}, nil
}

func (d fakeData) Read(context.Context, plugins.Env) (*plugins.Data, error) {
	id, x, y := make([]float64, d.rows), make([]float64, d.rows), make([]float64, d.rows)
	for i := range d.rows {
		id[i], x[i], y[i] = float64(i), float64(i*i%101), float64(i%2)
	}
	f := frame.Must(frame.NewNumber("id", id), frame.NewNumber("x", x), frame.NewNumber("y", y))
	return &plugins.Data{Frame: f, Counts: []plugins.Count{{Name: "rows read", Value: d.rows}}}, nil
}

type fakeFeatures struct{}

func (fakeFeatures) Subsets() []string { return []string{""} }
func (fakeFeatures) Ranking() any      { return nil }
func (fakeFeatures) Cut(ranked []plugins.RankedColumn, _ string) ([]string, error) {
	return plugins.Names(ranked), nil
}

func (fakeFeatures) Rank(_ context.Context, _ plugins.Env, in plugins.Candidates) (*plugins.Ranking, error) {
	out := &plugins.Ranking{}
	for _, n := range in.Train.Names() {
		if n != in.Target {
			out.Columns = append(out.Columns, plugins.RankedColumn{Name: n})
		}
	}
	return out, nil
}

// fakeStrategy copies rows of the part that it reads; Do makes it misbehave.
type fakeStrategy struct {
	Do   string `json:"do"`
	part plugins.Part
	seen *seen
}

// seen collects the ids of the rows that were handed out.
type seen struct {
	mu   sync.Mutex
	x    map[float64]bool
	runs int
}

func (s *fakeStrategy) Generate(ctx context.Context, env plugins.Env, task plugins.Task) (*plugins.Generated, error) {
	s.seen.mu.Lock()
	s.seen.runs++
	s.seen.mu.Unlock()
	switch s.Do {
	case "fail":
		return nil, errors.New("no rows today")
	case "panic":
		panic("index out of range")
	case "hang":
		<-ctx.Done()
		return nil, ctx.Err()
	case "peek":
		task.Parts.Get(plugins.Test)
	}
	in := task.Parts.Get(s.part).Frame
	ids := in.Column("id").Numbers // may panic: not while the lock is held
	s.seen.mu.Lock()
	for _, v := range ids {
		s.seen.x[v] = true
	}
	s.seen.mu.Unlock()
	n := task.N
	if s.Do == "short" {
		n--
	}
	rng := env.Rand.For(plugins.ForGeneration)
	rows := make([]int, n)
	for i := range rows {
		rows[i] = rng.IntN(in.Rows())
	}
	return &plugins.Generated{Frame: in.Take(rows)}, nil
}

type fakeMetric struct {
	Do    string `json:"do"`
	reads plugins.Part
	seen  *seen
}

func (m fakeMetric) Measure(_ context.Context, _ plugins.Env, p *plugins.Pair) (*plugins.Measurement, error) {
	if m.Do == "fail" {
		return nil, errors.New("cannot measure")
	}
	total := 0.0
	for _, v := range p.Synthetic.Column("x").Numbers {
		total += v
	}
	real := p.Parts.Get(m.reads).Frame
	m.seen.mu.Lock()
	for _, v := range real.Column("id").Numbers {
		m.seen.x[v] = true
	}
	m.seen.mu.Unlock()
	return &plugins.Measurement{Scores: []plugins.Score{
		{Name: "total", Value: total, N: p.Synthetic.Rows(), Status: plugins.OK},
		{Name: "none", Status: plugins.Undefined, Reason: "there is none"},
	}}, nil
}

// lab is a registry of fakes with what they saw.
type lab struct {
	registry                 plugins.Registry
	train, reference, metric seen
}

func newLab() *lab {
	l := &lab{}
	for _, s := range []*seen{&l.train, &l.reference, &l.metric} {
		s.x = map[float64]bool{}
	}
	type dataConfig struct {
		Rows int `json:"rows"`
	}
	plugins.Add(&l.registry.Datasets, plugins.Info{Name: "numbers", Version: 1, Summary: "numbered rows"}, dataConfig{Rows: 100},
		func(c dataConfig) (plugins.Dataset, error) { return fakeData{c.Rows}, nil })
	plugins.Add(&l.registry.Features, plugins.Info{Name: "all", Version: 1, Summary: "all"}, struct{}{},
		func(struct{}) (plugins.Features, error) { return fakeFeatures{}, nil })
	strategy := func(name string, part plugins.Part, s *seen) {
		plugins.Add(&l.registry.Strategies, plugins.Info{
			Name: name, Version: 1, Summary: "copies rows", Reads: []plugins.Part{part}, Random: []plugins.Purpose{plugins.ForGeneration},
		}, fakeStrategy{}, func(c fakeStrategy) (plugins.Strategy, error) { c.part, c.seen = part, s; return &c, nil })
	}
	strategy("copy", plugins.Train, &l.train)
	strategy("holdout", plugins.Reference, &l.reference)
	plugins.Add(&l.registry.Metrics, plugins.Info{
		Name: "total", Version: 1, Summary: "sum of x", Reads: []plugins.Part{plugins.Test},
		Scores: []plugins.ScoreInfo{{Name: "total", Min: 0, Max: math.Inf(1)}, {Name: "none"}},
	}, fakeMetric{}, func(c fakeMetric) (plugins.Metric, error) { c.reads, c.seen = plugins.Test, &l.metric; return c, nil })
	return l
}

func values(xs ...any) []spec.Value {
	var out []spec.Value
	for _, x := range xs {
		switch x := x.(type) {
		case int:
			out = append(out, spec.Value{Kind: spec.NumberValue, Number: float64(x)})
		case plugins.Part:
			out = append(out, spec.Value{Kind: spec.PartValue, Text: string(x)})
		case string:
			out = append(out, spec.Value{Text: x})
		}
	}
	return out
}

// study is an experiment of the fakes: strategies by name with their settings.
func study(strategies map[string]string, n []spec.Value, seeds ...any) *spec.Experiment {
	e := &spec.Experiment{
		Name: "study",
		Datasets: []spec.Dataset{{
			Use: spec.Use{Name: "d", Use: "numbers"}, Target: "y",
			Split:   split.Config{Train: 0.4, Validation: 0.1, Test: 0.3, Reference: 0.2, By: "row", Seed: 1},
			Prepare: prepare.Config{Missing: "keep"},
		}},
		Features: []spec.FeatureSet{{Use: spec.Use{Name: "all", Use: "all"}}},
		Metrics:  []spec.Metric{{Use: spec.Use{Name: "m", Use: "total"}}},
	}
	var names []any
	for _, name := range []string{"a", "b", "c", "h"} {
		with, ok := strategies[name]
		if !ok {
			continue
		}
		use := "copy"
		if name == "h" {
			use = "holdout"
		}
		e.Strategies = append(e.Strategies, spec.Use{Name: name, Use: use, With: json.RawMessage(with)})
		names = append(names, name)
	}
	e.Matrix = []spec.Block{{Axes: []spec.AxisValues{
		{Axis: "dataset", Values: values("d")},
		{Axis: "features", Values: values("all")},
		{Axis: "strategy", Values: values(names...)},
		{Axis: "n", Values: n},
		{Axis: "seed", Values: values(seeds...)},
	}}}
	return e
}

// bench is a cache with the events of a run.
type bench struct {
	lab    *lab
	dir    string
	events []engine.Event
}

func (b *bench) run(t *testing.T, ctx context.Context, e *spec.Experiment, opt engine.Options) (*record.Core, *engine.Result, error) {
	t.Helper()
	b.events = nil
	c, err := cache.Open(b.dir, cache.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p, err := plan.New(e, plan.Inputs{Registry: &b.lab.registry, Hash: c.HashFile, Facts: c.Facts})
	if err != nil {
		t.Fatal(err)
	}
	opt.Log = slog.New(slog.DiscardHandler)
	opt.Listen = func(e engine.Event) { b.events = append(b.events, e) }
	res, err := engine.Run(ctx, p, c, opt)
	if err != nil {
		return nil, res, err
	}
	core, err := engine.Collect(context.Background(), p, c, res, opt)
	if err != nil {
		t.Fatal(err)
	}
	return core, res, nil
}

// measured are the scores that metrics measured.
func measured(core *record.Core) []record.Score {
	return slices.DeleteFunc(slices.Clone(core.Scores), func(s record.Score) bool { return s.Metric == plugins.GenerationMetric })
}

func newBench(t *testing.T) *bench {
	return &bench{lab: newLab(), dir: filepath.Join(t.TempDir(), "cache")}
}

func TestARunMeasuresEveryCellOnce(t *testing.T) {
	b := newBench(t)
	e := study(map[string]string{"a": "", "h": ""}, values(10), 1, 2)
	core, res, err := b.run(t, t.Context(), e, engine.Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	if len(core.Cells) != 4 || res.Failed != 0 || len(measured(core)) != 8 {
		t.Fatalf("%d cells, %d failed, %d scores", len(core.Cells), res.Failed, len(measured(core)))
	}
	if runs := b.lab.train.runs + b.lab.reference.runs; runs != 4 {
		t.Errorf("strategies ran %d times", runs)
	}
	again, res, err := b.run(t, t.Context(), e, engine.Options{Workers: 1})
	if err != nil || res.StepsRun != 0 {
		t.Fatalf("rerun: %d steps, %v", res.StepsRun, err)
	}
	if fmt.Sprint(again.Scores) != fmt.Sprint(core.Scores) || fmt.Sprint(again.Counts) != fmt.Sprint(core.Counts) {
		t.Error("the rerun collects something else")
	}
}

// TestPartsStayApart: strategies see train alone, holdout the reference alone, metrics neither reference nor,
// here, anything but test; and no row is in two parts.
func TestPartsStayApart(t *testing.T) {
	b := newBench(t)
	if _, _, err := b.run(t, t.Context(), study(map[string]string{"a": "", "h": ""}, values(5), 1), engine.Options{Workers: 1}); err != nil {
		t.Fatal(err)
	}
	counts := []int{len(b.lab.train.x), len(b.lab.reference.x), len(b.lab.metric.x)}
	if !slices.Equal(counts, []int{40, 20, 30}) {
		t.Fatalf("rows seen by strategy, holdout and metric: %v", counts)
	}
	for id := range b.lab.train.x {
		if b.lab.reference.x[id] || b.lab.metric.x[id] {
			t.Errorf("row %v was seen in two parts", id)
		}
	}
	for id := range b.lab.reference.x {
		if b.lab.metric.x[id] {
			t.Errorf("reference row %v was read by a metric", id)
		}
	}
}

// TestValidationRowsStayApart: a metric on validation rows is handed these in the place of the test rows, and no others: what is chosen by
// its scores is chosen without any row that it is tested on later.
func TestValidationRowsStayApart(t *testing.T) {
	test, validation := newBench(t), newBench(t)
	e := study(map[string]string{"a": "", "h": ""}, values(5), 1)
	if _, _, err := test.run(t, t.Context(), e, engine.Options{Workers: 1}); err != nil {
		t.Fatal(err)
	}
	e.Metrics[0].On = plugins.Validation
	if _, _, err := validation.run(t, t.Context(), e, engine.Options{Workers: 1}); err != nil {
		t.Fatal(err)
	}
	if len(validation.lab.metric.x) != 10 {
		t.Fatalf("the metric saw %d rows", len(validation.lab.metric.x))
	}
	for id := range validation.lab.metric.x {
		if test.lab.metric.x[id] || test.lab.train.x[id] || test.lab.reference.x[id] {
			t.Errorf("validation row %v is one of another part", id)
		}
	}
}

func TestReadingAnUndeclaredPartIsABug(t *testing.T) {
	b := newBench(t)
	core, res, err := b.run(t, t.Context(), study(map[string]string{"a": `{"do":"peek"}`, "b": ""}, values(5), 1), engine.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	if !res.Bug || core.Cells[0].Status != record.CellFailed || !strings.Contains(core.Cells[0].Reason, `part "test"`) {
		t.Errorf("bug %v, cell %+v", res.Bug, core.Cells[0])
	}
	if core.Cells[1].Status != record.CellOK {
		t.Errorf("the other cell: %+v", core.Cells[1])
	}
}

func TestAFailureStaysInItsCells(t *testing.T) {
	for do, want := range map[string]struct {
		reason string
		bug    bool
	}{
		"fail":  {"no rows today", false},
		"panic": {"index out of range", true},
		"short": {"delivered 4 rows", true},
		"hang":  {"timed out after 50ms", false},
	} {
		t.Run(do, func(t *testing.T) {
			b := newBench(t)
			e := study(map[string]string{"a": `{"do":"` + do + `"}`, "b": ""}, values(5), 1)
			core, res, err := b.run(t, t.Context(), e, engine.Options{Workers: 2, Timeout: 50 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			bad, good := core.Cells[0], core.Cells[1]
			if bad.Status != record.CellFailed || bad.Stage != "generate" || !strings.Contains(bad.Reason, want.reason) {
				t.Errorf("failed cell: %+v", bad)
			}
			if good.Status != record.CellOK || res.Failed != 1 || res.Bug != want.bug || core.Manifest.Complete {
				t.Errorf("good cell %+v, %d failed, bug %v", good, res.Failed, res.Bug)
			}
			var statuses []string
			scores := measured(core)
			for _, s := range scores {
				statuses = append(statuses, s.Cell[:7]+" "+s.Name+" "+string(s.Status))
			}
			if len(statuses) != 4 || scores[0].Status != plugins.Failed || scores[2].Status != plugins.OK {
				t.Errorf("scores: %v", statuses)
			}
			if _, res, _ = b.run(t, t.Context(), e, engine.Options{Workers: 1, Timeout: 50 * time.Millisecond}); res.StepsRun != 1 {
				t.Errorf("the rerun tries %d steps, not the failed one alone", res.StepsRun)
			}
		})
	}
}

func TestAMetricThatFailsLeavesTheOthers(t *testing.T) {
	b := newBench(t)
	e := study(map[string]string{"a": ""}, values(5), 1)
	e.Metrics = append(e.Metrics, spec.Metric{Use: spec.Use{Name: "bad", Use: "total", With: json.RawMessage(`{"do":"fail"}`)}})
	core, res, err := b.run(t, t.Context(), e, engine.Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	if scores := measured(core); res.Failed != 1 || core.Cells[0].Stage != "measure" || scores[0].Status != plugins.OK || scores[2].Status != plugins.Failed {
		t.Errorf("%+v %+v", core.Cells, scores)
	}
}

func TestAnInterruptedRunGoesOn(t *testing.T) {
	b := newBench(t)
	e := study(map[string]string{"a": "", "b": `{"do":"hang"}`}, values(5), 1)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel)
	if _, _, err := b.run(t, ctx, e, engine.Options{Workers: 2}); !errors.Is(err, engine.ErrInterrupted) {
		t.Fatalf("error %v", err)
	}
	e.Strategies[1].With = nil
	_, res, err := b.run(t, t.Context(), e, engine.Options{Workers: 2})
	if err != nil || res.Failed != 0 {
		t.Fatalf("%d failed, %v", res.Failed, err)
	}
	if res.StepsCached == 0 {
		t.Error("nothing was kept of the interrupted run")
	}
}

// TestDataDecideOnCells: an axis value that waits for the data becomes an ordinary value, equal cells are
// one cell, and a resumed run resolves it from the cache.
func TestDataDecideOnCells(t *testing.T) {
	b := newBench(t)
	e := study(map[string]string{"a": ""}, values(40, plugins.Train, plugins.Test), 1, 2)
	core, res, err := b.run(t, t.Context(), e, engine.Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	var sizes []string
	for _, c := range core.Cells {
		sizes = append(sizes, c.Axes["n"]+"/"+c.Axes["seed"])
	}
	if want := []string{"40/1", "40/2", "30/1", "30/2"}; !slices.Equal(sizes, want) || res.Cells != 4 {
		t.Errorf("cells %v, want %v", sizes, want)
	}
	again, res, err := b.run(t, t.Context(), e, engine.Options{Workers: 1})
	if err != nil || res.StepsRun != 0 || fmt.Sprint(again.Scores) != fmt.Sprint(core.Scores) {
		t.Errorf("rerun: %d steps, %v", res.StepsRun, err)
	}
}

func TestMemoryLimitRunsOneAtATime(t *testing.T) {
	b := newBench(t)
	e := study(map[string]string{"a": "", "b": "", "c": ""}, values(5), 1, 2)
	if _, _, err := b.run(t, t.Context(), e, engine.Options{Workers: 4, Memory: 1}); err != nil {
		t.Fatal(err)
	}
	running, most := 0, 0
	for _, ev := range b.events {
		switch ev.Kind {
		case engine.Started:
			running++
		case engine.Done:
			running--
		}
		most = max(most, running)
	}
	if most != 1 {
		t.Errorf("%d steps ran at once under a limit that fits none", most)
	}
}
