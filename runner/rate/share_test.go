package rate_test

import (
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// A part of many rows, even one that the metric only could read, must not cost the interval that few test rows allow.
func TestManyRowsOfOnePartLeaveTheInterval(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	test, _ := normal(rng, 300, 1)
	train, _ := normal(rng, 80_000, 1)
	pair := plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Test: {Frame: frame.Must(test)}, plugins.Train: {Frame: frame.Must(train)},
	}), frame.Must(test), "")
	j := job(func(p *plugins.Pair) *plugins.Measurement {
		if n := p.Parts.Get(plugins.Test).Frame.Rows(); n != 300 && n != 10 {
			t.Errorf("a subsample of %d test rows", n)
		}
		return &plugins.Measurement{Scores: []plugins.Score{{Name: "difference", Status: plugins.OK, Value: mean(p.Parts.Get(plugins.Test).Frame.Column("x"))}}}
	})
	j.Subsamples = 20
	out, err := j.Measure(t.Context(), pair)
	if err != nil || out.Scores[0].Interval == nil {
		t.Errorf("%v %+v", err, out)
	}
}

// A score that no subsample moves is not known without error on that account.
func TestAScoreThatNeverMovesHasNoInterval(t *testing.T) {
	x, _ := normal(rand.New(rand.NewPCG(3, 1)), 100, 1)
	j := job(func(*plugins.Pair) *plugins.Measurement {
		return &plugins.Measurement{Scores: []plugins.Score{{Name: "difference", Status: plugins.OK, Value: 1}}}
	})
	j.Subsamples = 20
	out, err := j.Measure(t.Context(), pairOf(x, nil, x))
	if err != nil || out.Scores[0].Interval != nil {
		t.Errorf("%v %+v", err, out.Scores[0].Interval)
	}
}
