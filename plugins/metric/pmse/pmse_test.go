package pmse_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/metric/pmse"
)

var (
	nan      = math.NaN()
	number   = metrictest.Number
	category = metrictest.Category
)

func measure(t *testing.T, real, synthetic *frame.Frame) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, pmse.Register, "pmse", "", metrictest.Pair(real, synthetic, ""))
}

// Without penalty the regression on one category predicts the share of synthetic rows of each level.
func TestUnpenalisedByHand(t *testing.T) {
	got := measure(t, frame.Must(category("a", "x", "x", "x", "y")), frame.Must(category("a", "x", "y", "y", "y")))
	null := 1 * 0.25 * 0.5 / 8
	for score, want := range map[string]float64{
		"pmse_logistic_unpenalised": 0.0625, // p is ¼ and ¾, c is ½
		"parameters":                2,      // the two levels add up to the intercept
		"null_expectation":          null,
		"ratio":                     0.0625 / null,
		"standardised":              (0.0625 - null) / (math.Sqrt2 * 0.125 / 8),
	} {
		if v := got.Value(score); math.Abs(v-want) > 1e-9 {
			t.Errorf("%s: %v, want %v", score, v, want)
		}
	}
	if l2 := got.Value("pmse_logistic_l2"); !(l2 > 0 && l2 < 0.0625) {
		t.Errorf("with the penalty: %v", l2)
	}
}

func TestScalesAndDependentColumnsDoNotMatter(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	draw := func(n int, shift, unit float64) *frame.Frame {
		x, twice, z := make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range x {
			x[i], z[i] = (rng.NormFloat64()+shift)*unit, rng.NormFloat64()
			twice[i] = 2*x[i] + 3*unit
		}
		return frame.Must(number("x", x...), number("z", z...), number("twice", twice...))
	}
	real, synthetic := draw(200, 0, 1e12), draw(150, 0.5, 1e12)
	got := measure(t, real, synthetic)
	if k := got.Value("parameters"); k != 3 {
		t.Errorf("%v parameters, want 3", k)
	}
	shrink := func(f *frame.Frame) *frame.Frame {
		x := make([]float64, f.Rows())
		for i, v := range f.Column("x").Numbers {
			x[i] = v * 1e-21
		}
		return frame.Must(number("x", x...), f.Column("z"))
	}
	small := measure(t, shrink(real), shrink(synthetic))
	for _, score := range []string{"pmse_logistic_unpenalised", "ratio"} {
		if a, b := got.Value(score), small.Value(score); math.Abs(a-b) > 1e-9 {
			t.Errorf("%s: %v and %v in another unit", score, a, b)
		}
	}
}

func TestSeparatedRowsHaveNoUnpenalisedFit(t *testing.T) {
	for name, frames := range map[string][2]*frame.Frame{
		"numbers apart":     {frame.Must(number("x", 1, 2, 3)), frame.Must(number("x", 4, 5, 6))},
		"a level of one":    {frame.Must(category("a", "x", "y", "x")), frame.Must(category("a", "x", "y", "z"))},
		"a missing mark":    {frame.Must(number("x", 1, 2, 3, 1)), frame.Must(number("x", 1, 3, 2, nan))},
		"far beyond others": {frame.Must(number("x", 1, 2, 3, 1)), frame.Must(number("x", 2, 1, 3, 1e12))},
	} {
		got := measure(t, frames[0], frames[1])
		if s := got.Score("pmse_logistic_unpenalised"); s.Status != plugins.Undefined || got.Score("ratio").Status != plugins.Undefined {
			t.Errorf("%s: %+v", name, s)
		}
		got.Value("pmse_logistic_l2")
	}
}

func TestUndefined(t *testing.T) {
	one := frame.Must(number("x", 1, 1))
	got := measure(t, one, one)
	if got.Value("pmse_logistic_l2") > 1e-20 || got.Value("parameters") != 1 || got.Score("ratio").Status != plugins.Undefined {
		t.Errorf("a constant column: %+v", got.Scores)
	}
	for _, frames := range [][2]*frame.Frame{{frame.Must(number("x")), one}, {one, frame.Must(number("x"))}, {one, frame.Must(number("x", 1e200))}} {
		for _, s := range measure(t, frames[0], frames[1]).Scores {
			if s.Status != plugins.Undefined {
				t.Errorf("%+v", s)
			}
		}
	}
	if _, err := pmse.New(pmse.Config{Part: plugins.Reference}); err == nil {
		t.Error("the reference part is accepted")
	}
}

func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 5 {
		real, synthetic := metrictest.Frames(rng, 40+rng.IntN(60), 40+rng.IntN(60))
		other := measure(t, real, synthetic).Value("pmse_logistic_l2")
		same := measure(t, real, real)
		if v := same.Value("pmse_logistic_l2"); v > 1e-18 || v > other || same.Value("ratio") > 1e-15 {
			t.Errorf("a frame against itself: %v, against another %v", v, other)
		}
	}
}
