package wasserstein_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/metric/wasserstein"
)

var (
	nan    = math.NaN()
	number = metrictest.Number
)

func measure(t *testing.T, real, synthetic []float64) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, wasserstein.Register, "wasserstein", "", metrictest.Pair(frame.Must(number("x", real...)), frame.Must(number("x", synthetic...)), ""))
}

func TestByHand(t *testing.T) {
	for _, c := range []struct {
		name             string
		real, synthetic  []float64
		distance, scaled float64
	}{
		{"equal", []float64{1, 2, 3}, []float64{3, 1, 2}, 0, 0},
		{"moved by 10", []float64{1, 3}, []float64{11, 13}, 10, 10 / math.Sqrt2},
		{"repeated", []float64{1, 2}, []float64{1, 1, 2, 2}, 0, 0},
		// F - G is 1/2 on [0,1), 0 on [1,2), -1/2 on [2,4)
		{"crossing", []float64{0, 4}, []float64{1, 2}, 0.5 + 1, 1.5 / (4 / math.Sqrt2)},
		// sizes 1 and 3: a third of the mass moves by 3
		{"unequal sizes", []float64{0, 0}, []float64{0, 0, 3}, 1, nan},
		{"missing values left out", []float64{1, nan, 3}, []float64{nan, 2, 4}, 1, 1 / math.Sqrt2},
		{"small", []float64{1e-9, 3e-9}, []float64{2e-9, 4e-9}, 1e-9, 1 / math.Sqrt2},
		{"great", []float64{1e12, 3e12}, []float64{2e12, 4e12}, 1e12, 1 / math.Sqrt2},
	} {
		got := measure(t, c.real, c.synthetic)
		if v := got.Value("wasserstein_1", "column", "x"); math.Abs(v-c.distance) > 1e-15*c.distance {
			t.Errorf("%s: %v, want %v", c.name, v, c.distance)
		}
		scaled := got.Score("wasserstein_1_scaled", "column", "x")
		if math.IsNaN(c.scaled) != (scaled.Status == plugins.Undefined) || math.Abs(scaled.Value-c.scaled) > 1e-15 {
			t.Errorf("%s: scaled %+v, want %v", c.name, scaled, c.scaled)
		}
	}
}

func TestUndefined(t *testing.T) {
	for _, c := range []struct {
		name            string
		real, synthetic []float64
		reason          string
	}{
		{"no real value", []float64{nan}, []float64{1}, "no test row has a value in this column"},
		{"no synthetic row", []float64{1}, nil, "no synthetic row has a value in this column"},
		{"beyond the greatest float", []float64{-1.5e308, -1.6e308}, []float64{1.5e308}, "the values are too great for a 64-bit number to hold what is computed of them"},
	} {
		got := measure(t, c.real, c.synthetic)
		for _, name := range []string{"wasserstein_1", "wasserstein_1_scaled"} {
			if s := got.Score(name, "column", "x"); s.Reason != c.reason {
				t.Errorf("%s: %+v", c.name, s)
			}
		}
		if s := got.Score("mean"); s.Status != plugins.Undefined {
			t.Errorf("%s: %+v", c.name, s)
		}
	}
	const constant = "the test rows have fewer than two distinct values in this column, so no standard deviation to scale by"
	for _, real := range [][]float64{{5}, {0.1, 0.1, 0.1}} {
		if s := measure(t, real, []float64{1, 2}).Score("wasserstein_1_scaled", "column", "x"); s.Reason != constant {
			t.Errorf("real %v: %+v", real, s)
		}
	}
}

// Of samples of one size, the distance is the mean distance of their values in order.
func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		n := 1 + rng.IntN(20)
		a, b := make([]float64, n), make([]float64, n)
		want := 0.0
		for i := range a {
			a[i], b[i] = math.Round(4*rng.NormFloat64()), math.Round(4*rng.NormFloat64())
		}
		slices.Sort(a)
		slices.Sort(b)
		for i := range a {
			want += math.Abs(a[i]-b[i]) / float64(n)
		}
		got := wasserstein.Distance(a, b)
		if math.Abs(got-want) > 1e-12 || got != wasserstein.Distance(b, a) || wasserstein.Distance(a, a) != 0 {
			t.Fatalf("a=%v b=%v: %v, by order %v, other way round %v", a, b, got, want, wasserstein.Distance(b, a))
		}
	}
}

func TestInvariant(t *testing.T) {
	real, synthetic := metrictest.Frames(rand.New(rand.NewPCG(3, 4)), 200, 150)
	metrictest.Invariant(t, wasserstein.Register, "wasserstein", "", metrictest.Pair(real, synthetic, ""))
}
