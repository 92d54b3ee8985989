package characteristics_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/characteristics"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

// Few rows without a value are told neither as such nor by how many values the quartiles rest on.
func TestFewMissingValuesAreNotToldByN(t *testing.T) {
	for missing, n := range map[int]int{0: 100, 1: 96, 8: 103, 20: 100} {
		x := metrictest.Number("x", slices.Concat(slices.Repeat([]float64{1.5, 2, 3.5, 4}, 25), slices.Repeat([]float64{math.NaN()}, missing))...)
		got := metrictest.Measure(t, characteristics.Register, "characteristics", "", metrictest.Pair(frame.Must(x), frame.Must(metrictest.Number("x", 1, 2)), ""))
		for _, name := range []string{"lower_quartile", "median", "upper_quartile", "mean", "standard_deviation"} {
			if s := got.Score(name, "side", "real", "column", "x"); s.Status != plugins.OK || s.N != n {
				t.Errorf("%d missing values: %s %s rests on %d rows, want %d", missing, s.Status, name, s.N, n)
			}
		}
	}
}

// Values whose squares, or differences, are beyond all numbers have what can be told of them.
func TestNumbersBeyondAllSquares(t *testing.T) {
	x := metrictest.Number("x", slices.Repeat([]float64{-1.7e308, -1.7e308, 1.7e308}, 40)...)
	got := metrictest.Measure(t, characteristics.Register, "characteristics", "", metrictest.Pair(frame.Must(x), frame.Must(metrictest.Number("x", 1, 2)), ""))
	if v := got.Value("median", "side", "real", "column", "x"); v != -1.7e308 {
		t.Errorf("median %v", v)
	}
	if s := got.Score("standard_deviation", "side", "real", "column", "x"); s.Status != plugins.Undefined || s.Reason == "" {
		t.Errorf("%+v", s)
	}
}

// Nor are they told by numbers that only so many values can have: a mean of whole numbers times their number is a whole number, and so is
// their variance times the product of it and its predecessor, and what lies between two of them is at quarters.
func TestFewMissingValuesAreNotToldByFractions(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	fits := func(x float64) bool { return math.Abs(x-math.Round(x)) < 1e-6 }
	for trial := range 50 {
		rows, missing := 60+rng.IntN(800), 1+rng.IntN(10)
		values := make([]float64, rows)
		for i := range values {
			if values[i] = math.Round(60 + 15*rng.NormFloat64()); i < missing {
				values[i] = math.NaN()
			}
		}
		got := metrictest.Measure(t, characteristics.Register, "characteristics", "", metrictest.Pair(frame.Must(metrictest.Number("x", values...)), frame.Must(metrictest.Number("x", 1, 2)), ""))
		value := func(name string) float64 {
			s := got.Score(name, "side", "real", "column", "x")
			if s.Status != plugins.OK || (name == "mean" || name == "standard_deviation") != (len(s.Warnings) > 0) {
				t.Fatalf("%+v", s)
			}
			return s.Value
		}
		n, sum, squares := float64(rows-missing), 0., 0.
		for _, v := range values[missing:] {
			sum += v
			squares += v * v
		}
		sd := math.Sqrt((squares - sum*sum/n) / (n - 1))
		if mean := value("mean"); math.Abs(mean-sum/n) > 1.3*sd/math.Sqrt(n) || fits(mean*n) && !fits(mean*20) {
			t.Errorf("trial %d: mean %v of %v", trial, mean, sum/n)
		}
		if v := value("standard_deviation"); math.Abs(v-sd) > 0.5 || !fits(v*10) {
			t.Errorf("trial %d: standard deviation %v of %v", trial, v, sd)
		}
		for _, name := range []string{"lower_quartile", "median", "upper_quartile"} {
			if v := value(name); !fits(v) {
				t.Errorf("trial %d: %s %v", trial, name, v)
			}
		}
	}
}

// Few rows that all lack a value leave nothing to be said.
func TestFewRowsWithoutAnyValue(t *testing.T) {
	none := func(n int) *frame.Frame {
		return frame.Must(metrictest.Number("x", slices.Repeat([]float64{math.NaN()}, n)...), counted("w", "", n))
	}
	got := metrictest.Measure(t, characteristics.Register, "characteristics", "", metrictest.Pair(none(3), none(2), ""))
	for _, s := range got.Scores {
		if s.Dims["side"] == plugins.RealSide && s.Name != "rows" && s.Status == plugins.OK {
			t.Errorf("%+v", s)
		}
	}
}
