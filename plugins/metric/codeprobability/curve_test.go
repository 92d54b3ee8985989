package codeprobability

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ehrlab/ehrlab/plugins"
)

func TestCurveByHand(t *testing.T) {
	counted := []Counts{{Patients: [2]int32{100, 1}}, {Patients: [2]int32{10, 50}}, {Patients: [2]int32{11, 0}}, {Patients: [2]int32{0, 9}}, {Patients: [2]int32{1000, 50}}}
	want := plugins.Curve{
		Name: probabilityCurve, Dims: map[string]string{"pattern": "unigram"},
		X: []float64{math.Log10(0.011), -1, 0}, Y: []float64{-2, math.Log10(1. / 50), 0}, N: []int{11, 100, 1000},
	}
	if d := cmp.Diff(want, curve("unigram", counted, [2]int{1000, 50}), cmpopts.EquateApprox(0, 1e-12)); d != "" {
		t.Error(d)
	}
}

// Many codes are gathered where they lie; the mean of all stays where it was.
func TestManyCodesAreGathered(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var counted []Counts
	for range 5000 {
		n := 11 + rng.IntN(900)
		counted = append(counted, Counts{Patients: [2]int32{int32(n), int32(max(0, n+rng.IntN(100)-50))}})
	}
	c := curve("bigram", counted, [2]int{1000, 1000})
	if len(c.X) > 1000 || len(c.X) < 20 || slices.Min(c.N) < plugins.FewestTold || !slices.IsSorted(c.X) {
		t.Errorf("%d points", len(c.X))
	}
	for i := range c.X {
		if math.Abs(c.X[i]-c.Y[i]) > 1 && c.X[i] > -1 {
			t.Errorf("a point at %v, %v lies far from those it is made of", c.X[i], c.Y[i])
		}
	}
}
