package engine_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/prepare"
	"github.com/ehrlab/ehrlab/runner/engine"
)

// spaces is a data set with a skewed number, a one-hot set of two columns, and a number that lacks every fifth value.
type spaces struct{ wards }

func (spaces) Read(context.Context, plugins.Env) (*plugins.Data, error) {
	const n = 100
	id, x, y, red, blue, gap := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range n {
		id[i], x[i], y[i] = float64(i), math.Exp(float64(i%17)), float64(i%2)
		red[i], blue[i], gap[i] = float64(i%3%2), float64(1-i%3%2), float64(i)
		if i%5 == 0 {
			gap[i] = math.NaN()
		}
	}
	return &plugins.Data{Frame: frame.Must(
		frame.NewNumber("id", id), frame.NewNumber("x", x), frame.NewNumber("y", y),
		frame.NewNumber("red", red), frame.NewNumber("gap", gap), frame.NewNumber("blue", blue),
	)}, nil
}

// columnsSeen notes what a strategy is given, and a metric gets.
type columnsSeen struct {
	strategy, synthetic, test []string
	rows                      map[string]int
	greatest                  float64 // x of the train rows, as the strategy sees it
}

func (c *columnsSeen) Generate(_ context.Context, _ plugins.Env, task plugins.Task) (*plugins.Generated, error) {
	in := task.Parts.Get(plugins.Train).Frame
	c.strategy, c.greatest = in.Names(), slices.Max(in.Column("x").Numbers)
	c.rows["strategy"] = in.Rows()
	rows := make([]int, task.N)
	for i := range rows {
		rows[i] = i
	}
	return &plugins.Generated{Frame: in.Take(rows)}, nil
}

func (c *columnsSeen) Measure(_ context.Context, _ plugins.Env, p *plugins.Pair) (*plugins.Measurement, error) {
	test := p.Parts.Get(plugins.Test).Frame
	c.synthetic, c.test = p.Synthetic.Names(), test.Names()
	c.rows["test"] = test.Rows()
	if got := slices.Max(p.Synthetic.Column("x").Numbers); got < 1000 {
		return nil, fmt.Errorf("x of at most %v is no value of the data", got)
	}
	return &plugins.Measurement{Scores: []plugins.Score{{Name: "one", Value: 1, Status: plugins.OK}}}, nil
}

func runSpaces(t *testing.T, cfg prepare.Config) *columnsSeen {
	t.Helper()
	b, seen := newBench(t), &columnsSeen{rows: map[string]int{}}
	plugins.Add(&b.lab.registry.Datasets, plugins.Info{Name: "spaces", Version: 1, Summary: "columns of all sorts"}, struct{}{},
		func(struct{}) (plugins.Dataset, error) { return spaces{}, nil })
	plugins.Add(&b.lab.registry.Strategies, plugins.Info{Name: "look", Version: 1, Summary: "looks", Reads: []plugins.Part{plugins.Train}}, struct{}{},
		func(struct{}) (plugins.Strategy, error) { return seen, nil })
	plugins.Add(&b.lab.registry.Metrics, plugins.Info{
		Name: "look", Version: 1, Summary: "looks", Reads: []plugins.Part{plugins.Test}, Scores: []plugins.ScoreInfo{{Name: "one", Max: 1}},
	}, struct{}{}, func(struct{}) (plugins.Metric, error) { return seen, nil })
	e := study(map[string]string{"a": ""}, values(10), 1)
	e.Datasets[0].Use.Use, e.Datasets[0].Row, e.Datasets[0].Prepare = "spaces", "id", cfg
	e.Strategies[0].Use, e.Metrics[0].Use.Use = "look", "look"
	core, res, err := b.run(t, t.Context(), e, engine.Options{Workers: 2})
	if err != nil || res.Failed > 0 {
		t.Fatalf("%v, %+v", err, core.Cells)
	}
	return seen
}

// Strategies see transformed numbers and one variable for a one-hot set; metrics see the data's own columns and units.
func TestStrategiesAndMetricsHaveTheirOwnSpace(t *testing.T) {
	seen := runSpaces(t, prepare.Config{
		Missing: prepare.Keep, Transform: map[string]string{"x": prepare.Log}, OneHot: map[string]prepare.OneHot{"colour": {Columns: []string{"red", "blue"}}},
	})
	if got := strings.Join(seen.strategy, " "); got != "x colour gap y" {
		t.Errorf("the strategy sees %s", got)
	}
	if seen.greatest > 17 {
		t.Errorf("the strategy sees x up to %v, not its logarithm", seen.greatest)
	}
	if got := strings.Join(seen.synthetic, " "); got != strings.Join(seen.test, " ") || len(seen.test) != 5 {
		t.Errorf("the metric compares %s with %s", got, strings.Join(seen.test, " "))
	}
}

// Complete cases of a subset leave rows out of what strategies learn from and of what they are compared with.
func TestCompleteCasesOfASubset(t *testing.T) {
	all := runSpaces(t, prepare.Config{Missing: prepare.Keep})
	complete := runSpaces(t, prepare.Config{Missing: prepare.DropBySubset})
	if all.rows["strategy"] != 40 || all.rows["test"] != 30 {
		t.Fatalf("rows %v", all.rows)
	}
	if s, m := complete.rows["strategy"], complete.rows["test"]; s >= 40 || s < 26 || m >= 30 || m < 18 {
		t.Errorf("complete cases: %v", complete.rows)
	}
}
