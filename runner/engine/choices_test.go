package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/runner/engine"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// level is a strategy whose rows all have one value of x, plus a hundredth of the seed's draw.
type level struct {
	X    float64 `json:"x"`
	Fail bool    `json:"fail"`
}

func (l level) Generate(_ context.Context, env plugins.Env, task plugins.Task) (*plugins.Generated, error) {
	if l.Fail {
		return nil, errors.New("no rows today")
	}
	in := task.Parts.Get(plugins.Train).Frame
	rng := env.Rand.For(plugins.ForGeneration)
	rows, x := make([]int, task.N), make([]float64, task.N)
	for i := range rows {
		rows[i], x[i] = rng.IntN(in.Rows()), l.X
	}
	columns := in.Take(rows).Columns()
	for i, c := range columns {
		if c.Name == "x" {
			columns[i] = &frame.Column{Name: "x", Kind: frame.Number, Numbers: x}
		}
	}
	return &plugins.Generated{Frame: frame.Must(columns...)}, nil
}

// height is the mean of x; it is undefined where that is negative.
type height struct{ hook func() }

func (h height) Measure(_ context.Context, _ plugins.Env, p *plugins.Pair) (*plugins.Measurement, error) {
	h.hook()
	s := plugins.Score{Name: "mean", N: p.Synthetic.Rows(), Status: plugins.OK}
	for _, v := range p.Synthetic.Column("x").Numbers {
		s.Value += v
	}
	s.Value /= float64(p.Synthetic.Rows())
	if s.Value < 0 {
		s = plugins.Score{Name: "mean", Status: plugins.Undefined, Reason: "below the ground"}
	}
	return &plugins.Measurement{Scores: []plugins.Score{s}}, nil
}

func newLevelBench(t *testing.T) *bench { return newHookedBench(t, func() {}) }

// newHookedBench calls hook each time that a height is measured.
func newHookedBench(t *testing.T, hook func()) *bench {
	b := newBench(t)
	plugins.Add(&b.lab.registry.Strategies, plugins.Info{
		Name: "level", Version: 1, Summary: "rows of one value", Reads: []plugins.Part{plugins.Train}, Random: []plugins.Purpose{plugins.ForGeneration},
	}, level{}, func(c level) (plugins.Strategy, error) { return c, nil })
	plugins.Add(&b.lab.registry.Metrics, plugins.Info{
		Name: "height", Version: 1, Summary: "mean of x", Reads: []plugins.Part{plugins.Test},
		Scores: []plugins.ScoreInfo{{Name: "mean", Better: plugins.Higher, Min: math.Inf(-1), Max: math.Inf(1)}},
	}, struct{}{}, func(struct{}) (plugins.Metric, error) { return height{hook}, nil })
	return b
}

// greedy chooses a strategy with 10 rows, then a number of rows of the chosen one, and measures both choices together.
func greedy(levels map[string]string) *spec.Experiment {
	e := study(map[string]string{"a": "", "b": "", "c": ""}, values(10), 1, 2)
	e.Strategies = nil
	for _, name := range []string{"a", "b", "c"} {
		e.Strategies = append(e.Strategies, spec.Use{Name: name, Use: "level", With: json.RawMessage(levels[name])})
	}
	e.Metrics = []spec.Metric{
		{Use: spec.Use{Name: "tuning", Use: "height"}, On: plugins.Validation}, {Use: spec.Use{Name: "m", Use: "total"}},
	}
	e.Best = []spec.Search{
		{Name: "strategy", Of: []string{"strategy"}, Score: "tuning.mean", Where: map[string][]spec.Value{"n": values(10), "strategy": values("a", "b", "c")}},
		{Name: "size", Of: []string{"n"}, Score: "tuning.mean", Where: map[string][]spec.Value{"strategy": values("best.strategy"), "n": values(12, 11)}},
	}
	block := func(strategy, n []spec.Value) spec.Block {
		return spec.Block{Axes: []spec.AxisValues{
			{Axis: "dataset", Values: values("d")},
			{Axis: "features", Values: values("all")},
			{Axis: "strategy", Values: strategy},
			{Axis: "n", Values: n},
			{Axis: "seed", Values: values(1, 2)},
		}}
	}
	e.Matrix = append(e.Matrix, block(values("best.strategy"), values(11, 12)), block(values("best.strategy"), values(10, "best.size", 20)))
	return e
}

func searched(t *testing.T, b *bench, e *spec.Experiment, workers int) (*record.Core, *engine.Result) {
	t.Helper()
	core, res, err := b.run(t, t.Context(), e, engine.Options{Workers: workers})
	if err != nil {
		t.Fatal(err)
	}
	return core, res
}

func cellsOf(core *record.Core) []string {
	var out []string
	for _, c := range core.Cells {
		out = append(out, fmt.Sprint(c.Axes["strategy"], " ", c.Axes["n"], " ", c.Axes["seed"], " ", c.Status))
	}
	return out
}

// The plan grows in three stages. A chosen cell that is written by hand, too, is one cell, and a rerun has nothing to do and knows all
// cells from the start. What comes out does not hang on the number of workers.
func TestSearchesGrowThePlan(t *testing.T) {
	levels := map[string]string{"a": `{"x": 1}`, "b": `{"x": 3}`, "c": `{"x": 2}`}
	b := newLevelBench(t)
	core, res := searched(t, b, greedy(levels), 1)
	want := []string{
		"a 10 1 ok", "a 10 2 ok", "b 10 1 ok", "b 10 2 ok", "c 10 1 ok", "c 10 2 ok", // written by hand
		"b 11 1 ok", "b 11 2 ok", "b 12 1 ok", "b 12 2 ok", // of the second stage
		"b 20 1 ok", "b 20 2 ok", // of the third; b 10, and what the size chose, are there already
	}
	if got := cellsOf(core); !slices.Equal(got, want) || res.Failed != 0 {
		t.Fatalf("cells %q, %d failed", got, res.Failed)
	}
	if runs := res.StepsRun; runs != res.StepsTotal {
		t.Errorf("%d of %d steps were run", runs, res.StepsTotal)
	}
	c := core.Manifest.Choices
	if len(c) != 2 || c[0].Candidates[c[0].Best].Values[0] != "b" || c[0].Candidates[c[0].RunnerUp].Values[0] != "c" || c[0].Tie || c[0].Part != plugins.Validation {
		t.Fatalf("%+v", c)
	}
	if x := c[0].Candidates[0]; x.N != 2 || x.Mean == nil || math.Abs(*x.Mean-1) > 1e-9 || x.Low == nil || x.Level != spec.DefaultLevel {
		t.Errorf("the first candidate: %+v", x)
	}
	if !slices.Equal(c[1].Where["strategy"], []string{"b"}) || c[1].Direction != plugins.Higher {
		t.Errorf("the second search: %+v", c[1])
	}
	if c[0].Text() != "best.strategy is b, with the highest mean tuning.mean on validation rows: 3.00 (2 cells); runner-up c, 2.00 (2 cells)" {
		t.Error(c[0].Text())
	}
	again, res := searched(t, b, greedy(levels), 2)
	if res.StepsRun != 0 || fmt.Sprint(again.Cells, again.Scores, again.Manifest.Plan) != fmt.Sprint(core.Cells, core.Scores, core.Manifest.Plan) {
		t.Errorf("the rerun ran %d steps, or collects something else", res.StepsRun)
	}
	other, _ := searched(t, newLevelBench(t), greedy(levels), 8)
	if x, y := marshalled(t, other.Manifest.Choices), marshalled(t, c); x != y || other.Manifest.Plan != core.Manifest.Plan {
		t.Errorf("with 8 workers:\n%s\nwith 1:\n%s", x, y)
	}
}

func marshalled(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Of equal means the first by mention is chosen, and that is told; of a score that is better when lower, the least.
func TestSearchesOfEqualMeansAndOfLowScores(t *testing.T) {
	core, _ := searched(t, newLevelBench(t), greedy(map[string]string{"a": `{"x": 1}`, "b": `{"x": 2}`, "c": `{"x": 2}`}), 4)
	c := core.Manifest.Choices
	if got, _ := c[0].Value("strategy"); got != "b" || !c[0].Tie {
		t.Errorf("%+v", c[0])
	}
	if got, _ := c[1].Value("n"); got != "11" || !c[1].Tie || !strings.HasSuffix(c[1].Text(), "12 is as good, and mentioned later") {
		t.Errorf("%+v", c[1]) // in the order of the cells
	}
	e := greedy(map[string]string{"a": `{"x": 4}`, "b": `{"x": 2}`, "c": `{"x": 3}`})
	e.Best[0].Direction = plugins.Lower
	core, _ = searched(t, newLevelBench(t), e, 1)
	if c := core.Manifest.Choices[0]; c.Candidates[c.Best].Values[0] != "b" || c.Candidates[c.RunnerUp].Values[0] != "c" {
		t.Errorf("%+v", c)
	}
}

// The best of the candidates that are left would be the best of the survivors: nothing is chosen, and the cells that wait have failed.
func TestASearchWithoutAScoreIsNotDecided(t *testing.T) {
	for name, with := range map[string]string{"failed: no rows today": `{"fail": true}`, "its tuning.mean is undefined": `{"x": -1}`} {
		e := greedy(map[string]string{"a": with, "b": `{"x": 2}`, "c": `{"x": 1}`})
		e.Matrix = append(e.Matrix, e.Matrix[len(e.Matrix)-1]) // cells of two blocks come once
		core, res := searched(t, newLevelBench(t), e, 2)
		var waiting []string
		for _, c := range core.Cells {
			if !strings.HasPrefix(c.Axes["strategy"], "best.") {
				continue
			}
			if slices.Contains(waiting, c.ID) {
				t.Errorf("%s: the cell %s is there twice", name, c.ID)
			}
			waiting = append(waiting, c.ID)
			if c.Status != record.CellFailed || !strings.HasPrefix(c.Reason, "best.strategy cannot be decided: cell ") || !strings.Contains(c.Reason, ".a.n10.seed1-") || !strings.HasSuffix(c.Reason, name) {
				t.Errorf("%s: %+v", name, c)
			}
		}
		if len(waiting) != 10 || core.Manifest.Complete || res.Failed < 10 {
			t.Errorf("%s: %d cells wait, %d failed", name, len(waiting), res.Failed)
		}
		for _, c := range core.Manifest.Choices {
			if c.Best != -1 || !strings.HasPrefix(c.Undecided, "best.strategy cannot be decided") {
				t.Errorf("%s: %+v", name, c)
			}
		}
	}
}

// A run that ends in any stage goes on where it was, and comes to the same.
func TestSearchesAfterAnInterruption(t *testing.T) {
	levels := map[string]string{"a": `{"x": 1}`, "b": `{"x": 3}`, "c": `{"x": 2}`}
	whole, _ := searched(t, newLevelBench(t), greedy(levels), 1)
	for stop := range 12 { // six heights of the first stage, four of the second, two of the third
		ctx, cancel := context.WithCancel(t.Context())
		measured := 0
		b := newHookedBench(t, func() {
			if measured++; measured == stop+1 {
				cancel()
			}
		})
		if _, _, err := b.run(t, ctx, greedy(levels), engine.Options{Workers: 1}); stop < 11 && !errors.Is(err, engine.ErrInterrupted) {
			t.Fatalf("stopped at %d: %v", stop, err)
		}
		core, res := searched(t, b, greedy(levels), 1)
		if res.StepsCached == 0 || core.Manifest.Plan != whole.Manifest.Plan || marshalled(t, core.Manifest.Choices) != marshalled(t, whole.Manifest.Choices) {
			t.Errorf("stopped at %d: %d steps were cached; the plans, or the choices, differ", stop, res.StepsCached)
		}
	}
}

// A search of several axes chooses their values together, and a rule names what stood for a value.
func TestASearchOfTwoAxes(t *testing.T) {
	e := greedy(map[string]string{"a": `{"x": 1}`, "b": `{"x": 3}`, "c": `{"x": 2}`})
	e.Best = []spec.Search{{Name: "both", Of: []string{"strategy", "n"}, Score: "tuning.mean", Where: map[string][]spec.Value{"n": values(10, 20)}}}
	e.Matrix = e.Matrix[:1]
	e.Matrix[0].Axes[3].Values = values(10, 20)
	e.Matrix = append(e.Matrix, spec.Block{
		Axes: []spec.AxisValues{
			{Axis: "dataset", Values: values("d")},
			{Axis: "features", Values: values("all")},
			{Axis: "strategy", Values: values("best.both", "a")},
			{Axis: "n", Values: values("best.both", 30)},
			{Axis: "seed", Values: values(1)},
		},
		Exclude: []spec.Exclude{{Match: map[string][]spec.Value{"strategy": values("best.both"), "n": values(30)}, Reason: "too large"}},
	})
	core, res := searched(t, newLevelBench(t), e, 2)
	c := core.Manifest.Choices[0]
	if !slices.Equal(c.Candidates[c.Best].Values, []string{"b", "10"}) || len(c.Candidates) != 6 || res.Failed != 0 {
		t.Fatalf("%+v", c)
	}
	cells := cellsOf(core)
	for _, want := range []string{"a 30 1 ok", "b 30 1 excluded"} {
		if !slices.Contains(cells, want) {
			t.Errorf("no %q in %q", want, cells)
		}
	}
	if len(cells) != 14 {
		t.Errorf("cells %q", cells)
	}
}
