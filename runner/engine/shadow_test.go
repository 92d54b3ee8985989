package engine_test

import (
	"context"
	"math"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/engine"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// counting asks for shadow models, and prepares the number of them.
type counting struct {
	Models int     `json:"models"`
	Share  float64 `json:"share"`
}

func (m counting) Shadows() plugins.ShadowRequest {
	return plugins.ShadowRequest{Models: m.Models, Share: m.Share, Paid: true}
}

func (m counting) Measure(_ context.Context, _ plugins.Env, p *plugins.Pair) (*plugins.Measurement, error) {
	type key struct{}
	n, err := plugins.Prepare(p, key{}, func() (int, error) {
		n := 0
		for _, s := range p.Shadows {
			n += len(s.Members)
		}
		return n, nil
	})
	return &plugins.Measurement{Scores: []plugins.Score{{Name: "members", Value: float64(n), Status: plugins.OK}}}, err
}

func countShadows(l *lab) {
	plugins.Add(&l.registry.Metrics, plugins.Info{
		Name: "counting", Version: 1, Summary: "counts shadow models", Reads: []plugins.Part{plugins.Train},
		Scores: []plugins.ScoreInfo{{Name: "members", Min: 0, Max: math.Inf(1)}},
	}, counting{Share: 0.5}, func(c counting) (plugins.Metric, error) { return c, nil })
}

func counts(names map[string]string) []spec.Metric {
	var out []spec.Metric
	for _, name := range []string{"p", "q", "r"} {
		if with, ok := names[name]; ok {
			out = append(out, spec.Metric{Use: spec.Use{Name: name, Use: "counting", With: []byte(with)}})
		}
	}
	return out
}

// What one metric prepares of its shadow models, another that asked for others must not be handed: its output would hang on
// which of them ran first.
func TestMetricsWithOtherShadowModelsShareNoPreparation(t *testing.T) {
	b := newBench(t)
	countShadows(b.lab)
	e := study(map[string]string{"a": ""}, values(10), 1)
	e.Metrics = counts(map[string]string{"p": `{"models": 2}`, "q": `{"models": 2, "share": 0.25}`, "r": `{"models": 0}`})
	core, res, err := b.run(t, t.Context(), e, engine.Options{Workers: 1})
	if err != nil || res.Failed != 0 {
		t.Fatal(err, res.Failures)
	}
	want := map[string]float64{"p": 40, "q": 20, "r": 0} // of 40 rows of train
	for _, s := range measured(core) {
		if s.Value != want[s.Metric] {
			t.Errorf("%s: %g members, want %g", s.Metric, s.Value, want[s.Metric])
		}
	}
}

// A strategy that does not read train has no members: there is nothing to train its shadow models on.
func TestStrategiesThatDoNotReadTrainHaveNoShadowModels(t *testing.T) {
	b := newBench(t)
	countShadows(b.lab)
	e := study(map[string]string{"h": ""}, values(10), 1)
	e.Metrics = counts(map[string]string{"p": `{"models": 2}`})
	core, res, err := b.run(t, t.Context(), e, engine.Options{Workers: 1})
	if err != nil || res.Failed != 0 || res.Bug {
		t.Fatal(err, core.Cells)
	}
	if b.lab.reference.runs != 1 || measured(core)[0].Value != 0 {
		t.Errorf("the strategy ran %d times: %+v", b.lab.reference.runs, measured(core))
	}
}

// Rows that are drawn to the real shares of groups are measured beside the same shadow models.
func TestPostStratifiedRowsHaveShadowModels(t *testing.T) {
	b, _, e, opt := askStudy(t, "groups")
	countShadows(b.lab)
	e.Metrics = counts(map[string]string{"p": `{"models": 2}`})
	core, res, err := b.run(t, t.Context(), e, opt)
	if err != nil || res.Failed != 0 {
		t.Fatal(err, res.Failures)
	}
	weightings := 0
	for _, s := range measured(core) {
		weightings++
		if s.Value != 40 {
			t.Errorf("%v: %g members, want 40", s.Dims, s.Value)
		}
	}
	if weightings != 2 {
		t.Errorf("%d scores", weightings)
	}
}
