package engine_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/engine"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// shadowing asks for shadow models, for the column y beside the features, and for limits, and notes what it was given.
type shadowing struct {
	Models int  `json:"models"`
	Paid   bool `json:"paid"`
	given  *[]*plugins.Pair
}

func (m shadowing) Shadows() plugins.ShadowRequest {
	return plugins.ShadowRequest{Models: m.Models, Share: 0.25, Paid: m.Paid}
}
func (m shadowing) Beside() []string { return []string{"y", "absent"} }

func (m shadowing) Measure(_ context.Context, _ plugins.Env, p *plugins.Pair) (*plugins.Measurement, error) {
	*m.given = append(*m.given, p)
	dims := map[string]string{}
	s := plugins.Score{Name: "rows", Dims: dims, Value: float64(p.Parts.Get(plugins.Test).Frame.Rows()), Status: plugins.OK}
	return &plugins.Measurement{Scores: []plugins.Score{s}, Draws: []plugins.Draws{{Score: "rows", Dims: dims, Unit: "rows", Of: p.TestRows(), Values: []float32{1, 2}}}}, nil
}

func withShadows(l *lab) *[]*plugins.Pair {
	given := &[]*plugins.Pair{}
	plugins.Add(&l.registry.Metrics, plugins.Info{
		Name: "shadowing", Version: 1, Summary: "asks for shadow models", Reads: []plugins.Part{plugins.Test, plugins.Train}, Limits: true, Family: plugins.Privacy,
		Scores: []plugins.ScoreInfo{{Name: "rows", Min: 0, Max: math.Inf(1)}},
	}, shadowing{}, func(c shadowing) (plugins.Metric, error) { c.given = given; return c, nil })
	return given
}

func TestShadowModelsAreTrainedOnTheirMembers(t *testing.T) {
	b := newBench(t)
	given := withShadows(b.lab)
	e := study(map[string]string{"a": "", "b": ""}, values(10), 1, 2)
	low := 0.0
	e.Datasets[0].Limits = map[string]plugins.Limit{"x": {Min: &low}}
	e.Metrics = []spec.Metric{{Use: spec.Use{Name: "s", Use: "shadowing", With: []byte(`{"models": 3}`)}}}
	core, res, err := b.run(t, t.Context(), e, engine.Options{Workers: 1})
	if err != nil || res.Failed != 0 {
		t.Fatal(err, res.Failures)
	}
	if b.lab.train.runs != 8 { // two seeds, each with three shadow models; a and b are one strategy
		t.Errorf("the strategy ran %d times", b.lab.train.runs)
	}
	first := (*given)[0]
	for _, pair := range *given {
		if len(pair.Shadows) != 3 || pair.Limits["x"].Min == nil {
			t.Fatalf("%d shadow models, limits %v", len(pair.Shadows), pair.Limits)
		}
		train := pair.Parts.Get(plugins.Train)
		if got := train.Beside.Names(); !slices.Equal(got, []string{"y"}) || train.Beside.Rows() != train.Frame.Rows() {
			t.Errorf("beside: %v", got)
		}
		for k, s := range pair.Shadows {
			if len(s.Members) != 10 || s.Synthetic.Rows() != 10 || !slices.IsSorted(s.Members) {
				t.Fatalf("members %v, %d rows", s.Members, s.Synthetic.Rows())
			}
			if !slices.Equal(s.Members, first.Shadows[k].Members) {
				t.Error("another seed or strategy has other members")
			}
			ids := train.Frame.Take(s.Members).Column("id").Numbers
			for _, id := range s.Synthetic.Column("id").Numbers { // the strategy copies what it was given
				if !slices.Contains(ids, id) {
					t.Fatalf("shadow model %d copied row %v, which is none of its members", k, id)
				}
			}
		}
	}
	if slices.Equal(first.Shadows[0].Members, first.Shadows[1].Members) {
		t.Error("two shadow models have the same members")
	}
	for _, s := range measured(core) {
		if s.Draws == nil || s.Draws.Of == "" || len(s.Draws.Values) != 2 || s.Draws.Of != measured(core)[0].Draws.Of {
			t.Errorf("draws %+v", s.Draws)
		}
	}
	if _, res, err = b.run(t, t.Context(), e, engine.Options{Workers: 1}); err != nil || res.StepsRun != 0 {
		t.Errorf("rerun: %d steps, %v", res.StepsRun, err)
	}
}

func TestMetricsMeasureGroups(t *testing.T) {
	b := newBench(t)
	withShadows(b.lab)
	e := study(map[string]string{"a": ""}, values(20), 1)
	e.Metrics = []spec.Metric{{Use: spec.Use{Name: "s", Use: "shadowing"}, By: []string{"y"}}}
	for minimum, want := range map[int]string{1: "30 20 10", 11: "30 20 -"} {
		e.Datasets[0].Minimum = spec.Minimum{Rows: minimum}
		core, _, err := b.run(t, t.Context(), e, engine.Options{Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		var got [3]string
		for i, s := range measured(core) {
			if got[i] = "-"; s.Status == plugins.OK {
				got[i] = fmt.Sprint(s.Value)
			}
			if level := [3]string{"", "0", "1"}[i]; s.Dims["y"] != level {
				t.Errorf("score %d is of level %q", i, s.Dims["y"])
			}
		}
		if text := fmt.Sprint(got[0], " ", got[1], " ", got[2]); text != want {
			t.Errorf("minimum %d: %s, want %s", minimum, text, want)
		}
	}
}

// What a model may have seen before it was asked, no attack on what it wrote can tell. Real data and real models are warned of;
// shadow models of a strategy that asks are paid for only where the metric wants that.
func TestPrivacyOfWhatModelsWrote(t *testing.T) {
	for with, warned := range map[string]bool{`{"model":"bird-1"}`: true, `{"model":"bird-1","simulated":true}`: false} {
		b, lab, e, opt := askStudy(t, "")
		given := withShadows(b.lab)
		e.LLMs[0].With = []byte(with)
		e.Metrics = []spec.Metric{
			{Use: spec.Use{Name: "free", Use: "shadowing", With: []byte(`{"models": 2}`)}},
			{Use: spec.Use{Name: "paid", Use: "shadowing", With: []byte(`{"models": 2, "paid": true}`)}},
		}
		core, res, err := b.run(t, t.Context(), e, opt)
		if err != nil || res.Failed != 0 {
			t.Fatal(err, res.Failures)
		}
		if n := len(lab.tasks); n != 3 {
			t.Errorf("the strategy was called %d times", n)
		}
		members := 0
		for _, pair := range *given {
			for _, s := range pair.Shadows {
				members += len(s.Members)
			}
		}
		if members != 20 {
			t.Errorf("%d members", members)
		}
		if m := core.Manifest.LLMs[0]; m.Steps != 3 || m.Calls != 6 {
			t.Errorf("%+v", m)
		}
		for _, s := range measured(core) {
			if is := strings.Contains(strings.Join(s.Warnings, " "), "pre-training"); is != warned {
				t.Errorf("%s: %q", with, s.Warnings)
			}
		}
	}
}
