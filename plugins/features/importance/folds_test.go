package importance

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// ranking gives the named columns importance, in order, and the others of abcd… none.
func ranking(columns int, first string) []plugins.RankedColumn {
	var out []plugins.RankedColumn
	for i, c := range first {
		out = append(out, plugins.RankedColumn{Name: string(c), Importance: float64(len(first) - i)})
	}
	for i := range columns {
		if name := string(rune('a' + i)); !slices.ContainsFunc(out, func(c plugins.RankedColumn) bool { return c.Name == name }) {
			out = append(out, plugins.RankedColumn{Name: name})
		}
	}
	return out
}

func TestOverlapByHand(t *testing.T) {
	for _, c := range []struct {
		name     string
		columns  int
		rankings []string
		k        int
		want     overlap
	}{
		{"one and the same", 6, []string{"abc", "bac", "cab"}, 3, overlap{3, 1, 1, true}},
		// Kuncheva: (0 - 4/4)/(2 - 4/4) = -1
		{"nothing in common", 4, []string{"ab", "cd"}, 2, overlap{0, 0, -1, true}},
		// one of two shared: (1 - 4/4)/(2 - 4/4) = 0
		{"as much as by chance", 4, []string{"ab", "ac"}, 2, overlap{1, 1. / 3, 0, true}},
		// pairs share 2, 1, 1 of 2 among 5: ((2-.8) + 2(1-.8))/3/1.2
		{"three rankings", 5, []string{"ab", "ba", "bc"}, 2, overlap{1, (1 + 2./3) / 3, (1.2 + .4) / 3 / 1.2, true}},
		// p = 1, 1/2: variance (2 · 1/4)/4; mean size 1.5 of 4
		{"columns without importance are in no subset", 4, []string{"a", "ab"}, 3, overlap{1, .5, 1 - .125/(.375*.625), true}},
		{"no importance at all", 3, []string{"", ""}, 2, overlap{0, 1, 0, false}},
		{"all columns", 2, []string{"ab", "ba"}, 2, overlap{2, 1, 0, false}},
	} {
		var rankings [][]plugins.RankedColumn
		for _, r := range c.rankings {
			rankings = append(rankings, ranking(c.columns, r))
		}
		got := overlapOf(rankings, c.k)
		if got.inAll != c.want.inAll || got.defined != c.want.defined || math.Abs(got.jaccard-c.want.jaccard) > 1e-12 || math.Abs(got.stability-c.want.stability) > 1e-12 {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// For subsets of equal size the index is the mean over pairs of Kuncheva's, (r·n - k²)/(k(n - k)) for r in common.
func TestStabilityIsTheMeanOfKunchevasIndex(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		n, subsets := 3+rng.IntN(20), 2+rng.IntN(6)
		k := 1 + rng.IntN(n-1)
		rankings := make([][]plugins.RankedColumn, subsets)
		for i := range rankings {
			rankings[i] = ranking(n, "")
			for j := range rankings[i] {
				rankings[i][j].Importance = 1
			}
			rng.Shuffle(n, func(a, b int) { rankings[i][a], rankings[i][b] = rankings[i][b], rankings[i][a] })
		}
		sum, pairs := 0.0, 0.0
		for i := range rankings {
			for j := range i {
				r := 0
				for _, c := range rankings[i][:k] {
					if slices.Contains(plugins.Names(rankings[j][:k]), c.Name) {
						r++
					}
				}
				sum += float64(r*n-k*k) / float64(k*(n-k))
				pairs++
			}
		}
		if got := overlapOf(rankings, k); !got.defined || math.Abs(got.stability-sum/pairs) > 1e-9 {
			t.Fatalf("%+v, Kuncheva %v", got, sum/pairs)
		}
	}
}

// Subjects stay whole, folds are equal in size and in positives to one subject, and no row is in two.
func TestDivide(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		rows, folds := 1+rng.IntN(200), 2+rng.IntN(6)
		names, y, missing := make([]string, rows), make([]float64, rows), make([]bool, rows)
		for i := range rows {
			names[i], missing[i] = fmt.Sprint("p", rng.IntN(60)), rng.IntN(10) == 0
			if rng.IntN(4) == 0 {
				y[i] = 1
			}
		}
		subject := frame.NewCategoryFromStrings("subject", names, missing)
		out := divide(subject, y, folds, rand.New(rand.NewPCG(5, 6)))
		foldOf := make([]int, rows)
		seen := 0
		for f, in := range out {
			seen += len(in)
			for _, row := range in {
				foldOf[row] = f
			}
		}
		subjects, positives := make([]map[int]bool, folds), make([]map[int]bool, folds)
		unit, _ := unitsOf(subject, rows)
		for f := range folds {
			subjects[f], positives[f] = map[int]bool{}, map[int]bool{}
		}
		for row := range rows {
			subjects[foldOf[row]][unit[row]] = true
			if y[row] == 1 {
				positives[foldOf[row]][unit[row]] = true
			}
			for other := range row {
				if !missing[row] && !missing[other] && names[row] == names[other] && foldOf[row] != foldOf[other] {
					t.Fatal("a subject is in two folds")
				}
			}
		}
		if seen != rows || uneven(subjects) > 1 || uneven(positives) > 1 {
			t.Fatalf("%d of %d rows; sizes differ by %d, positives by %d", seen, rows, uneven(subjects), uneven(positives))
		}
	}
}

func uneven(sets []map[int]bool) int {
	low, high := len(sets[0]), len(sets[0])
	for _, s := range sets {
		low, high = min(low, len(s)), max(high, len(s))
	}
	return high - low
}

// Which fold a subject is in does not depend on the order of the rows.
func TestDivideDoesNotDependOnTheOrderOfRows(t *testing.T) {
	subject := frame.NewNumber("subject", []float64{7, 3, 9, 3, 1, 7, 4, 8, 2})
	y := []float64{1, 0, 0, 0, 1, 0, 0, 1, 0}
	foldOf := func(order []int) map[float64]int {
		labels := make([]float64, len(order))
		for i, row := range order {
			labels[i] = y[row]
		}
		column, out := subject.Take(order), map[float64]int{}
		for f, rows := range divide(column, labels, 3, rand.New(rand.NewPCG(1, 1))) {
			for _, row := range rows {
				out[column.Numbers[row]] = f
			}
		}
		return out
	}
	if a, b := foldOf([]int{0, 1, 2, 3, 4, 5, 6, 7, 8}), foldOf([]int{8, 3, 5, 0, 7, 2, 6, 1, 4}); !reflect.DeepEqual(a, b) {
		t.Errorf("folds %v, in another order of rows %v", a, b)
	}
}
