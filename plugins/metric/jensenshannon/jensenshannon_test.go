package jensenshannon_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/metric/jensenshannon"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

var (
	number   = metrictest.Number
	category = metrictest.Category
)

func measure(t *testing.T, with string, real, synthetic *frame.Column) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, jensenshannon.Register, "jensen-shannon", with, metrictest.Pair(frame.Must(real), frame.Must(synthetic), ""))
}

func TestByHand(t *testing.T) {
	for _, c := range []struct {
		name            string
		with            string
		real, synthetic *frame.Column
		divergence      float64
	}{
		{"equal shares, other counts", "", category("x", "a", "b"), category("x", "b", "a", "a", "b"), 0},
		{"no common level", "", category("x", "a", "a"), category("x", "b"), 1},
		// p = (1/2, 1/2), q = (1, 0), m = (3/4, 1/4)
		{"half", "", category("x", "a", "b"), category("x", "a"), 0.5*(0.5*math.Log2(2.0/3)+0.5*1) + 0.5*math.Log2(4.0/3)},
		{"missing left out", "", category("x", "a", "", "b"), category("x", "a", ""), 0.5*(0.5*math.Log2(2.0/3)+0.5*1) + 0.5*math.Log2(4.0/3)},
		{"two bins", `{"bins": 2}`, number("x", 0, 2), number("x", 0.5), 0.5*(0.5*math.Log2(2.0/3)+0.5*1) + 0.5*math.Log2(4.0/3)},
		{"constants apart: outer bins are open", "", number("x", 5), number("x", 9), 1},
	} {
		got := measure(t, c.with, c.real, c.synthetic)
		if v := got.Value("jensen_shannon_divergence", "column", "x"); math.Abs(v-c.divergence) > 1e-15 {
			t.Errorf("%s: %v, want %v", c.name, v, c.divergence)
		}
		if v := got.Value("mean"); math.Abs(v-math.Sqrt(c.divergence)) > 1e-15 {
			t.Errorf("%s: distance %v, want %v", c.name, v, math.Sqrt(c.divergence))
		}
		wantNote := []string{"variant: 2 bins instead of 10"}
		if warned := slices.Equal(got.Score("mean").Warnings, wantNote); warned != (c.with != "") {
			t.Errorf("%s: warnings %q", c.name, got.Score("mean").Warnings)
		}
	}
}

// A difference of one row in 10⁹ is seen, although ln(1+10⁻⁹) is the rest of a subtraction.
func TestSmallDifferences(t *testing.T) {
	const n = 1_000_000_000
	table := &compare.Table{Real: []int{n, n}, Synthetic: []int{n + 1, n - 1}, RealN: 2 * n, SyntheticN: 2 * n}
	// ½ Σ of (p-q)²/(4m) in nats, to first order: t²/2 with t = 1/(2n)
	if got, want := jensenshannon.Divergence(table), 1/(8*math.Ln2)/(float64(n)*float64(n)); math.Abs(got-want) > 1e-8*want {
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
		want := 0.0
		for i := range k {
			p, q := float64(table.Real[i])/float64(table.RealN), float64(table.Synthetic[i])/float64(table.SyntheticN)
			for _, x := range []float64{p, q} {
				if x > 0 {
					want += x / 2 * math.Log2(x/((p+q)/2))
				}
			}
		}
		other := &compare.Table{Real: table.Synthetic, Synthetic: table.Real, RealN: table.SyntheticN, SyntheticN: table.RealN}
		got := jensenshannon.Divergence(table)
		if math.Abs(got-want) > 1e-12 || got != jensenshannon.Divergence(other) || got < 0 || got > 1 {
			t.Fatalf("%+v: %v, by definition %v, other way round %v", table, got, want, jensenshannon.Divergence(other))
		}
	}
}

func TestInvariant(t *testing.T) {
	real, synthetic := metrictest.Frames(rand.New(rand.NewPCG(3, 4)), 200, 150)
	metrictest.Invariant(t, jensenshannon.Register, "jensen-shannon", "", metrictest.Pair(real, synthetic, ""))
}
