package gbdt

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestCutsByHand(t *testing.T) {
	for _, c := range []struct {
		sorted []float64
		bins   int
		want   []float64
	}{
		{nil, 4, nil},
		{[]float64{7}, 4, nil},
		{[]float64{1, 2, 3}, 4, []float64{2, 3}},
		{[]float64{1, 1, 1, 2, 3, 3}, 3, []float64{2, 3}},
		{[]float64{1, 2, 3, 4, 5, 6, 7, 8}, 4, []float64{3, 5, 7}},
		{[]float64{1, 2, 3, 4, 5, 6, 7, 8}, 2, []float64{5}},
		// the frequent 0 has a bin of its own, and the other values share the other three
		{[]float64{0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6}, 4, []float64{1, 3, 5}},
	} {
		if got := cuts(c.sorted, c.bins); !slices.Equal(got, c.want) {
			t.Errorf("%v in %d bins: cuts %v, want %v", c.sorted, c.bins, got, c.want)
		}
	}
}

func TestBinsDivideTheValues(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		n, maxBin := 1+rng.IntN(2000), 2+rng.IntN(255)
		x := make([]float64, n)
		grain := math.Pow(10, 3*rng.Float64())
		missing := rng.IntN(2) == 0
		for i := range x {
			if x[i] = math.Round(rng.NormFloat64()*grain) / grain; missing && rng.IntN(5) == 0 {
				x[i] = math.NaN()
			}
		}
		b := binned{codes: make([]uint8, n)}
		b.fromNumbers(x, maxBin)
		if b.values > maxBin || b.total() > mostBins || !slices.IsSorted(b.cuts) || !math.IsInf(b.cuts[b.values-1], 1) {
			t.Fatalf("%d bins, %d codes, asked for %d", b.values, b.total(), maxBin)
		}
		held, frequent := make([]int, mostBins), make([]map[float64]int, mostBins)
		present := 0
		for i, v := range x {
			want := b.values
			if !math.IsNaN(v) {
				want = slices.IndexFunc(b.cuts, func(cut float64) bool { return v < cut })
				present++
			}
			if int(b.codes[i]) != want {
				t.Fatalf("a value is in bin %d, want %d", b.codes[i], want)
			}
			if held[want]++; frequent[want] == nil {
				frequent[want] = map[float64]int{}
			}
			frequent[want][v]++
		}
		for code := range b.values {
			if held[code] == 0 {
				t.Fatalf("bin %d of %d is empty", code, b.values)
			}
			most := 0
			for _, k := range frequent[code] {
				most = max(most, k)
			}
			if held[code] > 2*(present/min(maxBin, 255)+1)+most {
				t.Fatalf("bin %d of %d holds %d of %d values, the most frequent %d times", code, maxBin, held[code], present, most)
			}
		}
	}
}
