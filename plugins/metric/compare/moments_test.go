package compare_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

func bothMoments(t *testing.T, real, synthetic []float64) (*compare.Moments, *compare.Moments) {
	t.Helper()
	s := sides(t, frame.Must(number("x", real...)), frame.Must(number("x", synthetic...)))
	return s.Moments(plugins.Test, "x"), s.Moments(compare.Synthetic, "x")
}

// exact returns the mean and the variance (divisor n-1) in rational numbers.
func exact(x []float64) (mean, variance *big.Rat) {
	mean, variance = new(big.Rat), new(big.Rat)
	for _, v := range x {
		mean.Add(mean, new(big.Rat).SetFloat64(v))
	}
	mean.Quo(mean, big.NewRat(int64(len(x)), 1))
	for _, v := range x {
		d := new(big.Rat).SetFloat64(v)
		d.Sub(d, mean)
		variance.Add(variance, d.Mul(d, d))
	}
	return mean, variance.Quo(variance, big.NewRat(int64(len(x)-1), 1))
}

func near(got, want, relative float64) bool { return math.Abs(got-want) <= relative*math.Abs(want) }

func TestMomentsHoldAtAnyMagnitude(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name string
		draw func() float64
	}{
		{"near 1e-9", func() float64 { return 1e-9 * math.Exp(rng.NormFloat64()) }},
		{"near 1e12", func() float64 { return 1e12 * math.Exp(rng.NormFloat64()) }},
		{"21 orders of magnitude", func() float64 { return math.Pow(10, 21*rng.Float64()-9) }},
		{"small spread far from 0", func() float64 { return 1e12 + rng.NormFloat64() }},
		{"both signs", func() float64 { return 1e6 * rng.NormFloat64() }},
		{"squares overflow", func() float64 { return 1e300 * rng.NormFloat64() }},
		{"squares underflow", func() float64 { return 1e-300 * rng.NormFloat64() }},
	} {
		a, b := make([]float64, 1000), make([]float64, 700)
		for _, x := range [][]float64{a, b} {
			for i := range x {
				x[i] = c.draw()
			}
		}
		real, synthetic := bothMoments(t, a, b)
		meanA, varianceA := exact(a)
		meanB, _ := exact(b)
		mean, _ := meanA.Float64()
		if !near(real.Mean(), mean, 1e-15) {
			t.Errorf("%s: mean %v, want %v", c.name, real.Mean(), mean)
		}
		root, _ := new(big.Float).Sqrt(new(big.Float).SetPrec(200).SetRat(varianceA)).Float64()
		if !near(real.SD, root, 1e-13) {
			t.Errorf("%s: SD %v, want %v", c.name, real.SD, root)
		}
		difference, _ := new(big.Rat).Sub(meanB, meanA).Float64()
		if !near(synthetic.Above(real), difference, 1e-12) {
			t.Errorf("%s: difference of means %v, want %v", c.name, synthetic.Above(real), difference)
		}
	}
}

func TestMomentsByHand(t *testing.T) {
	for _, c := range []struct {
		name             string
		values           []float64
		n                int
		mean, median, sd float64
		constant         bool
	}{
		{"none", []float64{nan}, 0, 0, 0, 0, true},
		{"one", []float64{5, nan}, 1, 5, 5, 0, true},
		{"constant: no rest of rounding", []float64{0.1, 0.1, 0.1}, 3, 0.1, 0.1, 0, true},
		{"even", []float64{1, 2, 3, 10}, 4, 4, 2.5, math.Sqrt(50.0 / 3), false},
		{"odd", []float64{3, -1, 4}, 3, 2, 3, math.Sqrt(7), false},
		{"a middle that overflows when added", []float64{1.5e308, 1.7e308}, 2, 1.6e308, 1.6e308, 0.1e308 * math.Sqrt2, false},
	} {
		got, _ := bothMoments(t, c.values, nil)
		if got.N != c.n || got.Constant() != c.constant || !near(got.Mean(), c.mean, 1e-15) || !near(got.Median, c.median, 1e-15) || !near(got.SD, c.sd, 1e-14) {
			t.Errorf("%s: %+v", c.name, *got)
		}
	}
}

func TestSortedIsAscending(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	edge := []float64{0, math.Copysign(0, -1), math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64, math.MaxFloat64, -math.MaxFloat64, 1, -1, nan}
	for _, n := range []int{0, 1, 2, 100, 1023, 1024, 5000} {
		for _, draw := range []func() float64{
			rng.NormFloat64,
			func() float64 { return float64(rng.IntN(5)) },
			func() float64 { return math.Float64frombits(rng.Uint64()&^(0x7ff<<52) | uint64(rng.IntN(0x7ff))<<52) },
			func() float64 { return edge[rng.IntN(len(edge))] },
			func() float64 { return 7.1 },
		} {
			x := make([]float64, n)
			for i := range x {
				x[i] = draw()
			}
			want := slices.DeleteFunc(slices.Clone(x), math.IsNaN)
			slices.Sort(want)
			got := sides(t, frame.Must(number("x", x...)), frame.Must(number("x"))).Sorted(plugins.Test, "x")
			if !slices.Equal(got, want) {
				t.Fatalf("%d values are not sorted", n)
			}
		}
	}
}

func TestQuantities(t *testing.T) {
	real := frame.Must(number("a", 1, nan), number("b", 1, 2), number("c", 1, 2))
	s := sides(t, real, frame.Must(number("a", 1), number("b", 1), number("c", 1)))
	values := map[string][]compare.Value{
		"a": {compare.Known(-3), compare.Known(1), compare.None(compare.Synthetic, "no b")},
		"b": {compare.Known(1), {Number: 2, N: 7}, compare.None(plugins.Test, "no a")},
		"c": {compare.Known(math.Inf(1)), compare.Known(6), compare.Known(4)},
	}
	quantities := []compare.Quantity{{Name: "x", Mean: "mean x", Absolute: true}, {Name: "y", Missing: true}, {Name: "z", Mean: "mean z", Missing: true}}
	out, err := s.Quantities(t.Context(), plugins.Env{Threads: 2}, "", s.Names(frame.Number), quantities, func(column string) []compare.Value { return values[column] })
	if err != nil {
		t.Fatal(err)
	}
	lost := []string{"missing values left out: 50.0 % of the test rows, 0.0 % of the synthetic rows"}
	for i, want := range []plugins.Score{
		{Name: "x", Value: -3, N: 2, Status: plugins.OK, Warnings: lost},
		{Name: "x", Value: 1, N: 3, Status: plugins.OK},
		{Name: "x", N: 3, Status: plugins.Undefined, Reason: "the values are too great for a 64-bit number to hold what is computed of them"},
		{Name: "y", Value: 1, N: 2, Status: plugins.OK},
		{Name: "y", Value: 2, N: 7, Status: plugins.OK},
		{Name: "y", Value: 6, N: 3, Status: plugins.OK},
		{Name: "z", N: 2, Status: plugins.Undefined, Reason: "no b"},
		{Name: "z", N: 3, Status: plugins.Undefined, Reason: "no a"},
		{Name: "z", Value: 4, N: 3, Status: plugins.OK},
		{Name: "mean x", Value: 2, N: 2, Status: plugins.OK, Warnings: []string{
			"1 of 3 columns left out: undefined in the test rows",
			`missing values do not count here: their share differs most in column "a", 50.0 % of the test rows and 0.0 % of the synthetic rows`,
		}},
		{Name: "mean z", Value: 4, N: 1, Status: plugins.OK, Warnings: []string{
			"1 of 3 columns left out: undefined in the test rows",
			"1 of 3 columns left out: undefined in the synthetic rows only, where they are constant or missing",
		}},
	} {
		got := out.Scores[i]
		if got.Name != want.Name || got.Value != want.Value || got.N != want.N || got.Status != want.Status || got.Reason != want.Reason || !slices.Equal(got.Warnings, want.Warnings) {
			t.Errorf("score %d: %+v, want %+v", i, got, want)
		}
	}
	if len(out.Scores) != 11 {
		t.Errorf("%d scores, want 11", len(out.Scores))
	}
}
