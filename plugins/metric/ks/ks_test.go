package ks_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/ks"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

var (
	nan      = math.NaN()
	number   = metrictest.Number
	category = metrictest.Category
)

func measure(t *testing.T, real, synthetic *frame.Frame) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, ks.Register, "ks", "", metrictest.Pair(real, synthetic, ""))
}

func TestByHand(t *testing.T) {
	tenth := 0.1 // a variable: the sum of constants would be exact
	for _, c := range []struct {
		name            string
		real, synthetic []float64
		want            float64
	}{
		{"equal", []float64{1, 2, 3}, []float64{3, 1, 2}, 1},
		{"repeated", []float64{1, 2}, []float64{1, 1, 2, 2}, 1},
		{"apart", []float64{1, 2}, []float64{3, 4}, 0},
		{"half", []float64{1, 2}, []float64{2, 3}, 0.5},
		{"tied values jump together", []float64{1, 1, 2}, []float64{1, 2, 2}, 1 - 1.0/3},
		{"missing values left out", []float64{1, nan, 2}, []float64{nan, 2, 3}, 0.5},
		{"equal constants", []float64{5, 5}, []float64{5}, 1},
		{"other constants", []float64{5, 5}, []float64{6}, 0},
		{"equal but for arithmetic", []float64{0.3, 1}, []float64{tenth + 2*tenth, 1}, 1},
		{"one last digit of a great value is a difference", []float64{1e9}, []float64{math.Nextafter(1e9, 2e9)}, 0},
		{"values that overflow when scaled", []float64{-1e308, 1e308}, []float64{-1e308, 1e308}, 1},
	} {
		got := measure(t, frame.Must(number("x", c.real...)), frame.Must(number("x", c.synthetic...)))
		if v := got.Value("ks_complement", "column", "x"); math.Abs(v-c.want) > 1e-15 {
			t.Errorf("%s: %v, want %v", c.name, v, c.want)
		}
	}
}

func TestUndefined(t *testing.T) {
	for _, c := range []struct {
		name            string
		real, synthetic *frame.Frame
		column, mean    string // reasons
	}{
		{"no real rows", frame.Must(number("x")), frame.Must(number("x", 1)), "no test row has a value in this column", "no column has a defined value"},
		{"no synthetic value", frame.Must(number("x", 1)), frame.Must(number("x", nan)), "no synthetic row has a value in this column", "no column has a defined value"},
		{"no number column", frame.Must(category("c", "a")), frame.Must(category("c", "a")), "", "there is no column of the kind that this metric compares"},
	} {
		got := measure(t, c.real, c.synthetic)
		if mean := got.Score("mean"); mean.Status != plugins.Undefined || mean.Reason != c.mean {
			t.Errorf("%s: mean %+v", c.name, mean)
		}
		if c.column == "" {
			continue
		}
		if s := got.Score("ks_complement", "column", "x"); s.Status != plugins.Undefined || s.Reason != c.column {
			t.Errorf("%s: %+v", c.name, s)
		}
	}
}

func TestPartChoosesTheRealRows(t *testing.T) {
	pair := plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: {Frame: frame.Must(number("x", 1))},
		plugins.Test:  {Frame: frame.Must(number("x", 2))},
	}), frame.Must(number("x", 1)), "")
	for with, want := range map[string]float64{`{}`: 0, `{"part": "test"}`: 0, `{"part": "train"}`: 1} {
		if got := metrictest.Measure(t, ks.Register, "ks", with, pair).Value("mean"); got != want {
			t.Errorf("%s: %v, want %v", with, got, want)
		}
	}
	if _, err := ks.New(ks.Config{Part: plugins.Reference}); err == nil {
		t.Error("the reference part is accepted")
	}
}

func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	draw := func() []float64 {
		x := make([]float64, 1+rng.IntN(12))
		for i := range x {
			x[i] = float64(rng.IntN(6)) / 4
		}
		return x
	}
	share := func(x []float64, at float64) float64 {
		n := 0
		for _, v := range x {
			if v <= at {
				n++
			}
		}
		return float64(n) / float64(len(x))
	}
	for range 200 {
		a, b := draw(), draw()
		value := func(a, b []float64) float64 {
			return measure(t, frame.Must(number("x", a...)), frame.Must(number("x", b...))).Value("mean")
		}
		want := 1.0
		for _, at := range append(a[:len(a):len(a)], b...) {
			want = min(want, 1-math.Abs(share(a, at)-share(b, at)))
		}
		got := value(a, b)
		if math.Abs(got-want) > 1e-12 || got != value(b, a) || value(a, a) != 1 {
			t.Fatalf("a=%v b=%v: %v, by definition %v, other way round %v", a, b, got, want, value(b, a))
		}
	}
}

func TestOrderOfRowsDoesNotMatter(t *testing.T) {
	real, synthetic := metrictest.Frames(rand.New(rand.NewPCG(3, 4)), 200, 150)
	metrictest.Invariant(t, ks.Register, "ks", "", metrictest.Pair(real, synthetic, ""))
}
