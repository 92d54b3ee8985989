package stats_test

import (
	"errors"
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/stats"
)

func TestMannWhitney(t *testing.T) {
	// scipy 1.10.1, mannwhitneyu(method='asymptotic')
	m, err := stats.MannWhitney([]float64{1, 2, 2, 3, 5}, []float64{2, 2, 4, 6, 7, 8})
	if err != nil || m.U != 7 || !near(m.P, 0.16105570974563432, 1e-12) || !near(m.AUC, 7.0/30, 1e-15) || m.UndefinedP != nil {
		t.Errorf("%+v, %v", m, err)
	}
	m, err = stats.MannWhitney([]float64{3, 3}, []float64{3})
	if err != nil || m.AUC != 0.5 || m.U != 1 || !errors.Is(m.UndefinedP, stats.ErrConstant) {
		t.Errorf("equal values: %+v, %v", m, err)
	}
	if m, _ := stats.MannWhitney([]float64{1, 3}, []float64{2}); m.P != 1 {
		t.Errorf("in the middle: p %v", m.P) // the correction would make it more than 1
	}
	if _, err := stats.MannWhitney(nil, []float64{1}); !errors.Is(err, stats.ErrNoRows) {
		t.Error(err)
	}
}

// Reference values: scipy 1.10.1, wilcoxon.
func TestWilcoxon(t *testing.T) {
	long := make([]float64, 60)
	for i := range long {
		if long[i] = float64(i + 1); i%3 == 0 {
			long[i] = -long[i]
		}
	}
	for _, c := range []struct {
		name  string
		d     []float64
		w, p  float64
		exact bool
	}{
		{"exact", []float64{1.1, 2.3, 0.4, -0.7, 3.2, 1.9, -0.2, 2.8}, 4, 0.0546875, true},
		{"ties and a zero", []float64{1, 2, -1, 0, 3, -2, 2, 0, 5, 1, -3, 4}, 14.5, 0.1825661844682832, false},
		{"many", long, 590, 0.016733071607703435, false},
		{"ties", []float64{1, 1, 2, -2, 3, 4, 5}, 3.5, 0.109375, true},
	} {
		r, err := stats.Wilcoxon(c.d, make([]float64, len(c.d)))
		if err != nil || r.W != c.w || !near(r.P, c.p, 1e-12) || r.Exact != c.exact {
			t.Errorf("%s: %+v, %v; want %v", c.name, r, err, c)
		}
	}
	for _, c := range []struct {
		a, b []float64
		want error
	}{{nil, nil, stats.ErrNoRows}, {[]float64{1}, nil, stats.ErrLengths}, {[]float64{1, 2}, []float64{1, 2}, stats.ErrNoSpread}} {
		if _, err := stats.Wilcoxon(c.a, c.b); !errors.Is(err, c.want) {
			t.Errorf("%v, %v: %v, want %v", c.a, c.b, err, c.want)
		}
	}
}

// flipped counts all assignments of signs one by one.
func flipped(d []float64) float64 {
	sum := 0.0
	for _, v := range d {
		sum += v
	}
	least, most := 0, 0
	for signs := range 1 << len(d) {
		s := 0.0
		for i, v := range d {
			if signs>>i&1 == 1 {
				v = -v
			}
			s += v
		}
		if s <= sum+1e-9 {
			least++
		}
		if s >= sum-1e-9 {
			most++
		}
	}
	return min(1, 2*float64(min(least, most))/float64(int(1)<<len(d)))
}

func TestPairedPermutationCountsAllAssignments(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 1))
	for range 200 {
		n := 1 + rng.IntN(12)
		a, b, d := make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range a {
			a[i], b[i] = float64(rng.IntN(9))/10, float64(rng.IntN(6))/10 // sums that rounding alone sets apart
			d[i] = a[i] - b[i]
		}
		p, err := stats.PairedPermutation(a, b, 0, nil)
		if err != nil || !p.Exact || p.P != flipped(d) {
			t.Fatalf("%v: %+v, %v; want %v", d, p, err, flipped(d))
		}
		scaled := make([]float64, n)
		for i := range d {
			scaled[i] = 1e300 * d[i]
		}
		if s, err := stats.PairedPermutation(scaled, make([]float64, n), 0, nil); err != nil || s.P != p.P {
			t.Fatalf("%v scaled: %v, %v; want %v", d, s, err, p.P)
		}
	}
}

func TestPairedPermutationOfManyPairs(t *testing.T) {
	// all differences 1: only the assignments without a change of sign, and with all, are as extreme
	ones := make([]float64, stats.ExactPermutations)
	for i := range ones {
		ones[i] = 1
	}
	p, err := stats.PairedPermutation(ones, make([]float64, len(ones)), 0, nil)
	if err != nil || !p.Exact || p.P != math.Exp2(1-stats.ExactPermutations) {
		t.Errorf("%+v, %v", p, err)
	}
	// beyond, the number of negative signs is binomial
	n, negative := 44, 15
	d := make([]float64, n)
	for i := range d {
		if d[i] = 1; i < negative {
			d[i] = -1
		}
	}
	want, ways := 0.0, 1.0
	for k := 0; k <= negative; k++ {
		want += 2 * ways / math.Exp2(float64(n))
		ways *= float64(n-k) / float64(k+1)
	}
	p, err = stats.PairedPermutation(d, make([]float64, n), 20_000, rand.New(rand.NewPCG(6, 1)))
	if err != nil || p.Exact || math.Abs(p.P-want) > 5*math.Sqrt(2*want/20_000) {
		t.Errorf("%+v, %v; want about %v", p, err, want)
	}
	if _, err := stats.PairedPermutation(d, make([]float64, n), 0, nil); !errors.Is(err, stats.ErrResamples) {
		t.Errorf("without resamples: %v", err)
	}
	if _, err := stats.PairedPermutation(nil, nil, 0, nil); !errors.Is(err, stats.ErrNoRows) {
		t.Errorf("no pairs: %v", err)
	}
}

func BenchmarkPairedPermutation(b *testing.B) {
	rng := rand.New(rand.NewPCG(7, 1))
	d := make([]float64, stats.ExactPermutations)
	for i := range d {
		d[i] = rng.NormFloat64() + float64(bits.OnesCount(uint(i)))/10
	}
	for b.Loop() {
		if _, err := stats.PairedPermutation(d, make([]float64, len(d)), 0, nil); err != nil {
			b.Fatal(err)
		}
	}
}
