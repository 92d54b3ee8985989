package mutualinformation_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/metric/mutualinformation"
)

const difference = "normalised_mutual_information_difference"

var category = metrictest.Category

func measure(t *testing.T, real, synthetic *frame.Frame) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, mutualinformation.Register, "mutual-information", `{"pairs": true}`, metrictest.Pair(real, synthetic, ""))
}

func TestByHand(t *testing.T) {
	equal := func(a, b *frame.Column) *frame.Frame { return frame.Must(a, b) }
	for _, c := range []struct {
		name        string
		frame       *frame.Frame
		information float64
	}{
		{"one tells the other", equal(category("a", "x", "x", "y", "y"), category("b", "u", "u", "v", "v")), 1},
		{"independent", equal(category("a", "x", "x", "y", "y"), category("b", "u", "v", "u", "v")), 0},
		{"both constant", equal(category("a", "x", "x"), category("b", "u", "u")), 1},
		{"one constant", equal(category("a", "x", "x"), category("b", "u", "v")), 0},
		{"a missing value is a level", equal(category("a", "x", ""), category("b", "u", "v")), 1},
		// H(a) = ln 2, H(b) = 1.5 ln 2, I = ln 2
		{"a finer column", equal(category("a", "x", "x", "y", "y"), category("b", "u", "v", "w", "w")), 0.8},
	} {
		got := measure(t, c.frame, frame.Must(category("a", "p", "p", "q", "q"), category("b", "u", "v", "u", "v")))
		if v := got.Value("normalised_mutual_information", "column", "a", "other", "b", "side", "test"); math.Abs(v-c.information) > 1e-12 {
			t.Errorf("%s: %v, want %v", c.name, v, c.information)
		}
		if d := got.Value(difference); math.Abs(d-c.information) > 1e-12 || math.Abs(got.Value("frobenius")-math.Sqrt2*d) > 1e-12 {
			t.Errorf("%s: difference %v, frobenius %v", c.name, d, got.Value("frobenius"))
		}
	}
}

func TestColumnsWithoutRealValuesAreLeftOut(t *testing.T) {
	real := frame.Must(category("a", "x", "y"), category("b", "u", "v"), category("none", "", ""))
	got := measure(t, real, frame.Must(category("a", "x", "y"), category("b", "u", "v"), category("none", "k", "")))
	if s := got.Score(difference); s.Value != 0 || s.N != 1 || len(s.Warnings) != 1 {
		t.Errorf("%+v", s)
	}
	alone, _ := real.Select("a", "none")
	if s := measure(t, alone, alone).Score(difference); s.Status != plugins.Undefined {
		t.Errorf("one column: %+v", s)
	}
	if s := measure(t, frame.Must(category("a"), category("b")), frame.Must(category("a", "x"), category("b", "u"))).Score("frobenius"); s.Status != plugins.Undefined {
		t.Errorf("no real rows: %+v", s)
	}
}

func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10 {
		real, synthetic := metrictest.Frames(rng, 2+rng.IntN(50), 2+rng.IntN(50))
		if same := measure(t, real, real); same.Value(difference) != 0 || same.Value("frobenius") != 0 {
			t.Errorf("a frame against itself: %v", same.Value(difference))
		}
		metrictest.Invariant(t, mutualinformation.Register, "mutual-information", `{"pairs": true}`, metrictest.Pair(real, synthetic, ""))
	}
	for _, c := range []mutualinformation.Config{{Part: plugins.Test, Bins: 1}, {Part: plugins.Reference, Bins: 10}} {
		if _, err := mutualinformation.New(c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}
