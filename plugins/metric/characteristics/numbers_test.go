package characteristics_test

import (
	"math"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/characteristics"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

// Few rows without a value are told neither as such nor by how many values the quartiles rest on.
func TestFewMissingValuesAreNotToldByN(t *testing.T) {
	for missing, n := range map[int]int{0: 100, 5: 105, 20: 100} {
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
