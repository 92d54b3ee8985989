package association_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/association"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

var (
	nan      = math.NaN()
	number   = metrictest.Number
	category = metrictest.Category
)

func measure(t *testing.T, with string, real, synthetic *frame.Frame) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, association.Register, "association", with, metrictest.Pair(real, synthetic, ""))
}

// repeated returns a column with each text so many times.
func repeated(name string, texts []string, times ...int) *frame.Column {
	var values []string
	for i, n := range times {
		for range n {
			values = append(values, texts[i])
		}
	}
	return category(name, values...)
}

func TestCramersVByHand(t *testing.T) {
	// counts 3, 1 / 1, 3: expected 2 each, χ² = 4·1/2 = 2, with Yates 4·¼/2 = 0.5
	four := frame.Must(repeated("a", []string{"x", "y"}, 4, 4), repeated("b", []string{"u", "v", "u", "v"}, 3, 1, 1, 3))
	for _, c := range []struct {
		name, with, score string
		frame             *frame.Frame
		want              float64
	}{
		{"plain", `{"pairs": true, "yates": false}`, "cramers_v", four, 0.5},
		{"with Yates", `{"pairs": true}`, "cramers_v", four, 0.25},
		// φ² = ¼ - 1/7, r' - 1 = 1 - 1/7
		{"corrected", `{"pairs": true, "yates": false}`, "cramers_v_corrected", four, math.Sqrt((0.25 - 1.0/7) / (6.0 / 7))},
		{
			"an empty cell and a level that is never complete", `{"pairs": true, "yates": false}`, "cramers_v",
			// complete: xu 2, yu 1, yv 1: χ² = 4·(4/6+1/6+1/2-1) = 4/3
			frame.Must(category("a", "x", "x", "y", "y", "z"), category("b", "u", "u", "u", "v", "")), math.Sqrt(1.0 / 3),
		},
		{"three levels told by three", `{"pairs": true}`, "cramers_v", frame.Must(category("a", "x", "y", "z", "x"), category("b", "u", "v", "w", "u")), 1},
	} {
		got := measure(t, c.with, c.frame, c.frame).Value(c.score, "column", "a", "other", "b", "side", "test")
		if math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestTheilsUByHand(t *testing.T) {
	f := frame.Must(category("fine", "p", "q", "r", "r", ""), category("coarse", "x", "x", "y", "y", "y"), category("one", "k", "k", "k", "k", "k"))
	got := measure(t, `{"pairs": true}`, f, f)
	for _, c := range []struct {
		column, other string
		want          float64
	}{
		{"coarse", "fine", 1},
		{"fine", "coarse", 2.0 / 3}, // H = 1.5 ln 2, of which ln 2 is told
		{"one", "coarse", 1},        // nothing is uncertain
		{"coarse", "one", 0},
	} {
		if v := got.Value("theils_u", "column", c.column, "other", c.other, "side", "synthetic"); math.Abs(v-c.want) > 1e-12 {
			t.Errorf("U(%s|%s) = %v, want %v", c.column, c.other, v, c.want)
		}
	}
	if s := got.Score("cramers_v", "column", "coarse", "other", "one", "side", "test"); s.Status != plugins.Undefined {
		t.Errorf("V of a constant: %+v", s)
	}
}

func TestCorrelationRatioByHand(t *testing.T) {
	groups := category("g", "a", "a", "b", "b", "")
	for _, c := range []struct {
		name   string
		values []float64
		want   float64
	}{
		{"apart", []float64{1, 1, 2, 2, 99}, 1},
		{"equal means", []float64{1, 3, 3, 1, 99}, 0},
		{"constant", []float64{0.1, 0.1, 0.1, 0.1, 99}, 0},
		// means 1 and 4 about 2.5: between 9, within 4
		{"between", []float64{0, 2, 3, 5, 99}, math.Sqrt(9.0 / 13)},
		{"between, far from 0", []float64{1e12, 1e12 + 2, 1e12 + 3, 1e12 + 5, -1e12}, math.Sqrt(9.0 / 13)},
		{"between, small", []float64{0, 2e-200, 3e-200, 5e-200, 0}, math.Sqrt(9.0 / 13)},
		{"between, great", []float64{0, 2e300, 3e300, 5e300, 0}, math.Sqrt(9.0 / 13)},
		{"a missing number", []float64{1, nan, 2, 2, nan}, 1},
	} {
		f := frame.Must(groups, number("x", c.values...))
		if v := measure(t, `{"pairs": true}`, f, f).Value("correlation_ratio", "column", "g", "other", "x", "side", "test"); math.Abs(v-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", c.name, v, c.want)
		}
	}
}

func TestDifferencesLeaveUndefinedPairsOut(t *testing.T) {
	real := frame.Must(category("a", "x", "x", "y", "y"), category("b", "u", "u", "v", "v"), category("c", "p", "q", "p", "q"))
	synthetic := frame.Must(category("a", "x", "y", "x", "y"), category("b", "u", "u", "v", "v"), category("c", "p", "p", "p", "p"))
	got := measure(t, `{"yates": false}`, real, synthetic)
	s := got.Score("association_difference_cramers_v")
	if s.Value != 1 || s.N != 1 || got.Value("frobenius_cramers_v") != 1 || len(s.Warnings) != 1 {
		t.Errorf("%+v", s) // 1 in the real rows, 0 in the synthetic ones; pairs with c are undefined there
	}
	if s := got.Score("association_difference_correlation_ratio"); s.Status != plugins.Undefined || s.Reason != "there are no pairs of a category and a number column" {
		t.Errorf("%+v", s)
	}
	empty := frame.Must(category("a"), category("b"), category("c"))
	if s := measure(t, `{"pairs": true}`, empty, real).Score("association_difference_theils_u"); s.Status != plugins.Undefined {
		t.Errorf("no real rows: %+v", s)
	}
}

func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10 {
		real, synthetic := metrictest.Frames(rng, 2+rng.IntN(60), 2+rng.IntN(60))
		there, back := measure(t, "", real, synthetic), measure(t, "", synthetic, real)
		for i, s := range there.Scores {
			if s.Value != back.Scores[i].Value || s.Status != back.Scores[i].Status {
				t.Errorf("%+v one way, %+v the other", s, back.Scores[i])
			}
		}
		for _, s := range measure(t, "", real, real).Scores {
			if s.Value != 0 {
				t.Errorf("a frame against itself: %+v", s)
			}
		}
		metrictest.Invariant(t, association.Register, "association", `{"pairs": true}`, metrictest.Pair(real, synthetic, ""))
	}
	if _, err := association.New(association.Config{Part: plugins.Reference}); err == nil {
		t.Error("the reference part is accepted")
	}
}
