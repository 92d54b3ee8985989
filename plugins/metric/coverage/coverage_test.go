package coverage_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/coverage"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

var (
	nan      = math.NaN()
	number   = metrictest.Number
	category = metrictest.Category
)

func measure(t *testing.T, real, synthetic *frame.Column) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, coverage.Register, "coverage", "", metrictest.Pair(frame.Must(real), frame.Must(synthetic), ""))
}

// u marks an undefined value.
const u = -1.0

func check(t *testing.T, name string, got metrictest.Result, score string, want float64) {
	t.Helper()
	s := got.Score(score, "column", "x")
	if (s.Status == plugins.Undefined) != (want == u) || s.Status == plugins.OK && math.Abs(s.Value-want) > 1e-15 {
		t.Errorf("%s: %s is %v %s, want %v", name, score, s.Value, s.Reason, want)
	}
	mean := got.Score("mean_" + score)
	if mean.Status != s.Status || mean.Value != s.Value {
		t.Errorf("%s: the mean of one column is %+v", name, mean)
	}
}

func TestNumbersByHand(t *testing.T) {
	for _, c := range []struct {
		name            string
		real, synthetic []float64
		covered, inside float64
	}{
		{"a copy", []float64{0, 5, 10}, []float64{0, 5, 10}, 1, 1},
		{"within", []float64{0, 10}, []float64{2, 9}, 0.7, 1},
		{"beyond", []float64{0, 10}, []float64{-5, 5, 20}, 1, 1.0 / 3},
		{"ends count as inside", []float64{0, 10}, []float64{0, 10, 11}, 1, 2.0 / 3},
		{"below", []float64{0, 10}, []float64{-9, -8}, 0, 0},
		{"constant real", []float64{5, 5}, []float64{5, 6}, u, 0.5},
		{"constant synthetic", []float64{0, 10}, []float64{4}, 0, 1},
		{"missing count as outside: real has none", []float64{0, 10}, []float64{0, 10, nan, nan}, 1, 0.5},
		{"missing left out: real has one", []float64{0, nan, 10}, []float64{0, 10, nan, nan}, 1, 1},
		{"real wholly missing", []float64{nan, nan}, []float64{1, 2}, u, 0},
		{"synthetic wholly missing", []float64{0, 10}, []float64{nan}, u, 0},
		{"both wholly missing", []float64{nan}, []float64{nan}, u, u},
		{"no synthetic rows", []float64{0, 10}, nil, u, u},
		{"no real rows", nil, []float64{1}, u, u},
	} {
		got := measure(t, number("x", c.real...), number("x", c.synthetic...))
		check(t, c.name, got, "range_coverage", c.covered)
		check(t, c.name, got, "boundary_adherence", c.inside)
	}
}

func TestCategoriesByHand(t *testing.T) {
	for _, c := range []struct {
		name            string
		real, synthetic []string
		covered, inside float64
	}{
		{"a copy", []string{"a", "b"}, []string{"b", "a"}, 1, 1},
		{"a level lost", []string{"a", "b", "c", "d"}, []string{"a", "a", "b"}, 0.5, 1},
		{"a level invented", []string{"a"}, []string{"a", "b", "A", " a"}, 1, 0.25},
		{"missing is no level: real has none", []string{"a", "b"}, []string{"a", ""}, 0.5, 0.5},
		{"missing is a level: real has one", []string{"a", ""}, []string{"a", "", "", "b"}, 1, 0.75},
		{"real wholly missing", []string{""}, []string{"a", ""}, u, 0.5},
		{"synthetic wholly missing", []string{"a"}, []string{"", ""}, 0, 0},
		{"no synthetic rows", []string{"a"}, nil, u, u},
		{"no real rows", nil, []string{"a"}, u, u},
	} {
		got := measure(t, category("x", c.real...), category("x", c.synthetic...))
		check(t, c.name, got, "category_coverage", c.covered)
		check(t, c.name, got, "category_adherence", c.inside)
	}
}

func TestCopyIsBest(t *testing.T) {
	real, _ := metrictest.Frames(rand.New(rand.NewPCG(5, 6)), 100, 1)
	for _, s := range metrictest.Measure(t, coverage.Register, "coverage", "", metrictest.Pair(real, real, "")).Scores {
		if s.Status == plugins.OK && s.Value != 1 {
			t.Errorf("%+v", s)
		}
	}
}

func TestInvariant(t *testing.T) {
	real, synthetic := metrictest.Frames(rand.New(rand.NewPCG(3, 4)), 200, 150)
	metrictest.Invariant(t, coverage.Register, "coverage", "", metrictest.Pair(real, synthetic, ""))
}
