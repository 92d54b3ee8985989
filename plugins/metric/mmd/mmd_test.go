package mmd

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

var number = metrictest.Number

func run(t *testing.T, with string, real, synthetic *frame.Frame) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, Register, "mmd", with, metrictest.Pair(real, synthetic, ""))
}

// plain computes the scores by their definitions from all rows.
func plain(x, y [][]float64) map[string]float64 {
	d2 := func(a, b []float64) float64 {
		s := 0.0
		for k := range a {
			s += (a[k] - b[k]) * (a[k] - b[k])
		}
		return s
	}
	pooled := slices.Concat(x, y)
	var all []float64
	for i := range pooled {
		for j := range i {
			all = append(all, d2(pooled[i], pooled[j]))
		}
	}
	slices.Sort(all)
	n := len(all)
	gamma := 2 / (all[(n-1)/2] + all[n/2])
	mean := func(gamma float64, a, b [][]float64, skip int) float64 {
		s := 0.0
		for i := range a {
			for j := range b {
				if skip == 0 || i != j {
					s += math.Exp(-gamma * d2(a[i], b[j]))
				}
			}
		}
		return s / float64(len(a)) / float64(len(b)-skip)
	}
	of := func(gamma float64, skip int) float64 {
		return mean(gamma, x, x, skip) + mean(gamma, y, y, skip) - 2*mean(gamma, x, y, 0)
	}
	d := float64(len(x[0]))
	return map[string]float64{gamma1: of(1, 0), gammaD: of(1/d, 0), medianV: of(gamma, 0), medianU: of(gamma, 1), theMedian: gamma, theGammaD: 1 / d}
}

func TestAgreesWithTheDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10 {
		real, synthetic := metrictest.Frames(rng, 2+rng.IntN(200), 2+rng.IntN(200))
		s, err := compare.New(metrictest.Pair(real, synthetic, ""), plugins.Test)
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := s.Encoded()
		if err != nil {
			t.Fatal(err)
		}
		x, y := encoded.Rows()
		got := run(t, "", real, synthetic)
		for score, want := range plain(x, y) {
			if v := got.Value(score); math.Abs(v-want) > 1e-12*(1+math.Abs(want)) {
				t.Errorf("%d and %d rows: %s is %v, want %v", real.Rows(), synthetic.Rows(), score, v, want)
			}
		}
	}
}

// TestMedianOfManyPairs has so many that it is found through a bracket.
func TestMedianOfManyPairs(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	draw := func(n int) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = math.Round(8 * rng.NormFloat64()) // many ties
		}
		return out
	}
	real, synthetic := frame.Must(number("x", draw(1700)...)), frame.Must(number("x", draw(1300)...))
	s, _ := compare.New(metrictest.Pair(real, synthetic, ""), plugins.Test)
	encoded, err := s.Encoded()
	if err != nil {
		t.Fatal(err)
	}
	x, y := encoded.Rows()
	pooled := slices.Concat(x, y)
	var all []float64
	for i := range pooled {
		for j := range i {
			d := pooled[i][0] - pooled[j][0]
			all = append(all, d*d)
		}
	}
	slices.Sort(all)
	if len(all) <= few {
		t.Fatalf("%d pairs are too few", len(all))
	}
	want := 2 / (all[(len(all)-1)/2] + all[len(all)/2])
	if got := run(t, "", real, synthetic).Value(theMedian); math.Abs(got-want) > 1e-12*want {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestBracketThatMissesIsSaid(t *testing.T) {
	m := newMiddle(bracket{2, 3}, 2)
	m.add(0, []float64{1, 2.5, 9})
	m.add(1, []float64{3, 2, 0})
	// 0 1 2 2.5 3 9
	if median, ok := m.median(6); !ok || median != 2.25 {
		t.Errorf("median %v, %v", median, ok)
	}
	for _, b := range []bracket{{2.2, 3}, {0, 2.2}, {5, 6}} {
		m := newMiddle(b, 1)
		m.add(0, []float64{1, 2.5, 9, 3, 2, 0})
		if median, ok := m.median(6); ok {
			t.Errorf("%v holds the median %v", b, median)
		}
	}
}

func TestSmallest(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		values := make([]float64, 1+rng.IntN(30))
		for i := range values {
			values[i] = float64(rng.IntN(8))
		}
		sorted, place := slices.Sorted(slices.Values(values)), rng.IntN(len(values))
		if got := smallest(values, place); got != sorted[place] || (place+1 < len(values) && slices.Min(values[place+1:]) < got) {
			t.Fatalf("place %d of %v: %v", place, sorted, got)
		}
	}
}

func TestUndefined(t *testing.T) {
	one := frame.Must(number("x", 1, 1, 1))
	for name, c := range map[string]struct {
		real, synthetic *frame.Frame
		score           string
	}{
		"no real rows":      {frame.Must(number("x")), one, gamma1},
		"no synthetic rows": {one, frame.Must(number("x")), medianU},
		"equal rows":        {one, one, medianV},
		"one row":           {frame.Must(number("x", 1, 2)), frame.Must(number("x", 1)), medianU},
		"too far":           {frame.Must(number("x", 1, 2)), frame.Must(number("x", 1e200)), gamma1},
	} {
		if s := run(t, "", c.real, c.synthetic).Score(c.score); s.Status != plugins.Undefined {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if v := run(t, "", one, one).Value(gamma1); v != 0 {
		t.Errorf("equal rows: %v", v)
	}
}

func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 5 {
		real, synthetic := metrictest.Frames(rng, 20+rng.IntN(60), 20+rng.IntN(60))
		metrictest.Invariant(t, Register, "mmd", "", metrictest.Pair(real, synthetic, ""))
		same, other := run(t, "", real, real), run(t, "", real, synthetic)
		for _, score := range []string{gamma1, gammaD, medianV} {
			if v := same.Value(score); v > 1e-12 || v > other.Value(score) {
				t.Errorf("%s of a frame against itself: %v, against another %v", score, v, other.Value(score))
			}
		}
	}
}

func TestRowsAreDrawnAboveTheLimit(t *testing.T) {
	real, synthetic := metrictest.Frames(rand.New(rand.NewPCG(9, 10)), 60, 40)
	got := run(t, `{"rows": 40}`, real, synthetic).Score(gamma1)
	if got.N != 80 || len(got.Warnings) != 1 || got.Value == run(t, "", real, synthetic).Value(gamma1) {
		t.Errorf("%+v", got)
	}
	for _, c := range []Config{{Part: plugins.Test, Rows: 1}, {Part: plugins.Reference, Rows: 10}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}
