package prdc_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/metric/prdc"
)

var number = metrictest.Number

func measure(t *testing.T, with string, real, synthetic *frame.Frame) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, prdc.Register, "prdc", with, metrictest.Pair(real, synthetic, ""))
}

func TestByHand(t *testing.T) {
	// radii of the real rows with k = 1: 1, 1, 9; of the synthetic ones: 0.5, 0.5, 88
	got := measure(t, `{"k": 1}`, frame.Must(number("x", 0, 1, 10)), frame.Must(number("x", 0.5, 1, 89)))
	for score, want := range map[string]float64{
		"precision": 2.0 / 3, // 0.5 is within 1 of both 0 and 1, 1 within 1 of itself but not of 0: the ball is open
		"recall":    2.0 / 3, // 1 is within 0.5 of 1, 10 within 88 of 89
		"density":   1,       // 2 + 1 + 0
		"coverage":  2.0 / 3,
	} {
		if v := got.Value(score); math.Abs(v-want) > 1e-12 {
			t.Errorf("%s: %v, want %v", score, v, want)
		}
	}
}

// TestAgreesWithTheDefinition compares with all distances, ties among them.
func TestAgreesWithTheDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10 {
		real, synthetic := metrictest.Frames(rng, 10+rng.IntN(100), 10+rng.IntN(100))
		s, err := compare.New(metrictest.Pair(real, synthetic, ""), plugins.Test)
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := s.Encoded()
		if err != nil {
			t.Fatal(err)
		}
		x, y := encoded.Rows()
		const k = 4
		a, b := radii(x, k), radii(y, k)
		var precision, recall, density, coverage float64
		for j := range y {
			in := 0.0
			for i := range x {
				if distance(x[i], y[j]) < a[i] {
					in++
				}
			}
			density += in / k
			precision += min(in, 1)
		}
		for i := range x {
			covers, held := 0.0, 0.0
			for j := range y {
				d := distance(x[i], y[j])
				if d < a[i] {
					covers = 1
				}
				if d < b[j] {
					held = 1
				}
			}
			coverage, recall = coverage+covers, recall+held
		}
		got := measure(t, `{"k": 4}`, real, synthetic)
		n, m := float64(len(x)), float64(len(y))
		for score, want := range map[string]float64{"precision": precision / m, "recall": recall / n, "density": density / m, "coverage": coverage / n} {
			if v := got.Value(score); math.Abs(v-want) > 1e-12 {
				t.Errorf("%s: %v, want %v", score, v, want)
			}
		}
	}
}

func distance(a, b []float64) float64 {
	s := 0.0
	for k := range a {
		s += (a[k] - b[k]) * (a[k] - b[k])
	}
	return math.Sqrt(s)
}

func radii(x [][]float64, k int) []float64 {
	out := make([]float64, len(x))
	for i := range x {
		var all []float64
		for j := range x {
			all = append(all, distance(x[i], x[j]))
		}
		slices.Sort(all)
		out[i] = all[k]
	}
	return out
}

func TestPerfectCopy(t *testing.T) {
	real, _ := metrictest.Frames(rand.New(rand.NewPCG(3, 4)), 120, 1)
	got := measure(t, "", real, real)
	for _, score := range []string{"precision", "recall", "coverage"} {
		if v := got.Value(score); v != 1 {
			t.Errorf("%s: %v", score, v)
		}
	}
}

func TestUndefined(t *testing.T) {
	five, six := frame.Must(number("x", 1, 2, 3, 4, 5)), frame.Must(number("x", 1, 2, 3, 4, 5, 6))
	for _, frames := range [][2]*frame.Frame{{five, six}, {six, five}, {frame.Must(number("x")), six}, {six, frame.Must(number("x"))}} {
		for _, s := range measure(t, "", frames[0], frames[1]).Scores {
			if s.Status != plugins.Undefined {
				t.Errorf("%+v", s)
			}
		}
	}
	equal := frame.Must(number("x", 1, 1, 1, 1, 1, 1)) // every radius is 0, and nothing lies within
	for _, s := range measure(t, "", equal, equal).Scores {
		if s.Status != plugins.OK || s.Value != 0 {
			t.Errorf("equal rows: %+v", s)
		}
	}
	for _, c := range []prdc.Config{{Part: plugins.Test}, {Part: plugins.Reference, K: 5}} {
		if _, err := prdc.New(c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}

func TestOrderOfRowsDoesNotMatter(t *testing.T) {
	real, synthetic := metrictest.Frames(rand.New(rand.NewPCG(5, 6)), 100, 90)
	metrictest.Invariant(t, prdc.Register, "prdc", "", metrictest.Pair(real, synthetic, ""))
}
