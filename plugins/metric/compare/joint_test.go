package compare_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

func TestCodes(t *testing.T) {
	s := sides(t,
		frame.Must(number("x", 0, nan, 10, 5), number("empty", nan, nan, nan, nan), number("constant", 3, 3, 3, 3), category("c", "b", "", "b", "d")),
		frame.Must(number("x", -1, 11, nan, 1), number("empty", 7, nan, -7, 0), number("constant", 2.9, 3, 3.1, nan), category("c", "a", "d", "", "b")))
	for column, want := range map[string]compare.Codes{
		"x":        {Real: []int32{0, 10, 9, 5}, Synthetic: []int32{0, 9, 10, 1}, Cells: 11},
		"empty":    {Real: []int32{1, 1, 1, 1}, Synthetic: []int32{0, 1, 0, 0}, Cells: 2}, // no range: one bin for any value
		"constant": {Real: []int32{5, 5, 5, 5}, Synthetic: []int32{4, 5, 6, 10}, Cells: 11},
		"c":        {Real: []int32{1, 3, 1, 2}, Synthetic: []int32{0, 2, 3, 1}, Cells: 4},
	} {
		if got := s.Codes(column, 10); !reflect.DeepEqual(*got, want) || got.Missing() != int32(want.Cells-1) {
			t.Errorf("%s: %+v, want %+v", column, *got, want)
		}
	}
}

// Many bins are found by search, few by counting: both have the bins of Bins.
func TestCodesAgreeWithBins(t *testing.T) {
	real, synthetic := metrictest.Frames(rand.New(rand.NewPCG(1, 2)), 80, 70)
	s := sides(t, real, synthetic)
	for _, bins := range []int{2, 10, 16, 40} {
		for _, name := range s.Names(frame.Number) {
			got, want := s.Codes(name, bins), s.Bins(name, bins)
			counts := make([]int, got.Cells)
			for _, c := range got.Real {
				counts[c]++
			}
			if !slices.Equal(counts[:bins], want.Real) {
				t.Errorf("%s in %d bins: %v, want %v", name, bins, counts, want.Real)
			}
		}
	}
}

// TestJointCountsRows compares the tables, of few and of very many cells, with counting rows by a map.
func TestJointCountsRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	draw := func(rows, cells int) []int32 {
		out := make([]int32, rows)
		for i := range out {
			out[i] = int32(rng.IntN(cells))
		}
		return out
	}
	var all []*compare.Codes
	for _, cells := range []int{1, 3, 50, 2_000, 100_000} {
		all = append(all, &compare.Codes{Real: draw(300, cells), Synthetic: draw(200, cells), Cells: cells})
	}
	var mu sync.Mutex
	seen := 0
	err := compare.Joint(t.Context(), 3, all, func(i, j int) bool { return i+j != 3 }, func(i, j int, cells []compare.Cell) {
		want := map[[2]int32][2]int32{}
		for side, codes := range [][2][]int32{{all[i].Real, all[j].Real}, {all[i].Synthetic, all[j].Synthetic}} {
			for row := range codes[0] {
				at := [2]int32{codes[0][row], codes[1][row]}
				n := want[at]
				n[side]++
				want[at] = n
			}
		}
		sorted := slices.IsSortedFunc(cells, func(a, b compare.Cell) int { return int(a.A-b.A)*1_000_000 + int(a.B-b.B) })
		ok := sorted && len(cells) == len(want)
		for _, c := range cells {
			ok = ok && want[[2]int32{c.A, c.B}] == [2]int32{c.Real, c.Synthetic}
		}
		mu.Lock()
		defer mu.Unlock()
		if seen++; !ok {
			t.Errorf("columns %d and %d: %d cells, want %d; sorted: %v", i, j, len(cells), len(want), sorted)
		}
	})
	if err != nil || seen != 8 {
		t.Errorf("%d pairs, want the 8 of 10 that are wanted; %v", seen, err)
	}
}

func TestPairTablesByHand(t *testing.T) {
	s := sides(t, frame.Must(category("a", "x", "x", "y", "y"), category("b", "u", "v", "u", "v"), category("one", "k", "k", "k", "k")),
		frame.Must(category("a", "x", "y"), category("b", "u", "v"), category("one", "k", "k")))
	p, err := s.PairTables(t.Context(), 2, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		i, j                      int
		distance, real, synthetic float64
	}{
		{0, 1, 0.5, math.Log(4), math.Ln2},
		{1, 0, 0.5, math.Log(4), math.Ln2},
		{0, 2, 0, math.Ln2, math.Ln2},
		{0, 0, 0, math.Ln2, math.Ln2},
		{2, 2, 0, 0, 0},
	} {
		at := p.At(c.i, c.j)
		got := fmt.Sprintf("%.12f %.12f %.12f", p.Distance[at], p.RealEntropy[at], p.SyntheticEntropy[at])
		if want := fmt.Sprintf("%.12f %.12f %.12f", c.distance, c.real, c.synthetic); got != want {
			t.Errorf("(%d, %d): %s, want %s", c.i, c.j, got, want)
		}
	}
}

func TestEncodedSomeTakesRows(t *testing.T) {
	real, synthetic := metrictest.Frames(rand.New(rand.NewPCG(5, 6)), 30, 20)
	e, err := sides(t, real, synthetic).Encoded()
	if err != nil {
		t.Fatal(err)
	}
	a, b := e.Rows()
	x, y := e.Some([]int{3, 4, 29}, []int{0, 19})
	for place, row := range [][]float64{a[3], a[4], a[29], b[0], b[19]} {
		for j, c := range x.Columns {
			got := make([]float64, x.Rows)
			c.AddTo(got, 1)
			if got[place] != row[j] {
				t.Fatalf("row %d, column %d: %v, want %v", place, j, got[place], row[j])
			}
		}
	}
	if !slices.Equal(y, []float64{0, 0, 0, 1, 1}) || e.Unusable() != "" {
		t.Errorf("labels %v, unusable: %q", y, e.Unusable())
	}
}

func TestEncodedUnusable(t *testing.T) {
	e, err := sides(t, frame.Must(number("x", 1, 2)), frame.Must(number("x", 1e200))).Encoded()
	if err != nil || e.Unusable() == "" {
		t.Errorf("a value of 1e200 standard deviations: %q, %v", e.Unusable(), err)
	}
}
