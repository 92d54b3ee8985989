package hellinger_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/metric/hellinger"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

var (
	number   = metrictest.Number
	category = metrictest.Category
)

func measure(t *testing.T, with string, real, synthetic *frame.Column) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, hellinger.Register, "hellinger", with, metrictest.Pair(frame.Must(real), frame.Must(synthetic), ""))
}

func TestByHand(t *testing.T) {
	half := math.Sqrt(1 - math.Sqrt(0.5)) // of (1/2, 1/2) and (1, 0): √(1 - Σ√(pq))
	for _, c := range []struct {
		name            string
		with            string
		real, synthetic *frame.Column
		want            float64
	}{
		{"equal shares, other counts", "", category("x", "a", "b"), category("x", "b", "a", "a", "b"), 0},
		{"no common level", "", category("x", "a", "a"), category("x", "b"), 1},
		{"half", "", category("x", "a", "b"), category("x", "a"), half},
		{"missing left out", "", category("x", "a", "", "b"), category("x", "a", ""), half},
		{"two bins", `{"bins": 2}`, number("x", 0, 2), number("x", 0.5), half},
		{"constants apart: outer bins are open", "", number("x", 5), number("x", 9), 1},
	} {
		got := measure(t, c.with, c.real, c.synthetic)
		if v := got.Value("hellinger_distance", "column", "x"); math.Abs(v-c.want) > 1e-15 {
			t.Errorf("%s: %v, want %v", c.name, v, c.want)
		}
		if warned := slices.Equal(got.Score("mean").Warnings, []string{"variant: 2 bins instead of 10"}); warned != (c.with != "") {
			t.Errorf("%s: warnings %q", c.name, got.Score("mean").Warnings)
		}
	}
}

func TestSmallDifferences(t *testing.T) {
	const n = 1_000_000_000
	table := &compare.Table{Real: []int{n, n}, Synthetic: []int{n + 1, n - 1}, RealN: 2 * n, SyntheticN: 2 * n}
	// √(½ Σ(p-q)²/(4p)) to first order, p-q = ±1/(2n) and p = ½
	if got, want := hellinger.Distance(table), 1/(2*math.Sqrt2)/float64(n); math.Abs(got-want) > 1e-8*want {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		k := 1 + rng.IntN(6)
		draw := func() (counts []int, n int) {
			counts = make([]int, k)
			for range 1 + rng.IntN(30) {
				counts[rng.IntN(k)]++
				n++
			}
			return counts, n
		}
		table := &compare.Table{}
		table.Real, table.RealN = draw()
		table.Synthetic, table.SyntheticN = draw()
		sum := 0.0
		for i := range k {
			d := math.Sqrt(float64(table.Real[i])/float64(table.RealN)) - math.Sqrt(float64(table.Synthetic[i])/float64(table.SyntheticN))
			sum += d * d
		}
		other := &compare.Table{Real: table.Synthetic, Synthetic: table.Real, RealN: table.SyntheticN, SyntheticN: table.RealN}
		got, want := hellinger.Distance(table), math.Sqrt(sum/2)
		if math.Abs(got-want) > 1e-12 || got != hellinger.Distance(other) || got > 1 {
			t.Fatalf("%+v: %v, by definition %v, other way round %v", table, got, want, hellinger.Distance(other))
		}
	}
}

func TestInvariant(t *testing.T) {
	real, synthetic := metrictest.Frames(rand.New(rand.NewPCG(3, 4)), 200, 150)
	metrictest.Invariant(t, hellinger.Register, "hellinger", "", metrictest.Pair(real, synthetic, ""))
}
