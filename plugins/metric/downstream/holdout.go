package downstream

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/metric/downstream/classifier"
)

// held is a division of row numbers, each list ascending.
type held struct {
	rows, others []int
	by           string // what is on one side: nearRows, equalRows, or nothing
}

const (
	nearRows  = "near-duplicates"
	equalRows = "equal rows"
)

// fewest is the number of groups on the smaller side below which whole groups are too coarse a piece to divide rows
// by: a model tested on a handful of patterns, none of which it has seen, rates worse than on other rows of the same
// law (by 0.03 to 0.07 of AUROC over 20 to 150 patterns in all, by 0.01 over 210). Dividing the rows of a pattern is worse by far:
// where a generator repeats 40 to 150 patients with a label by chance, the AUROC of trees is 1 then, instead of 0.5.
const fewest = 10

// holdOut divides rows, given by their groups of near-duplicates (nil: none are sought) and of equal rows, so that about
// share of each class of y are held out.
//
// A group stays on one side, whatever the labels of its rows: a copy of a training row is no test of the model, and
// a model that sees a pattern with one label only learns the wrong one. Where groups are few and rows are alike by
// chance, though, or whole groups would leave less than half of the share of a class, the rows are divided by a finer
// grouping: that of equal rows, then each row on its own. So they are where a group of near-duplicates has more than half as many
// rows as are to be held out: it would hardly ever be, and the test rows would be those that are unlike the others.
func holdOut(rng *rand.Rand, near, equal classifier.Groups, y []bool, share float64) held {
	if near != nil && fine(near, len(y), share) && 2*near.Largest() <= int(share*float64(len(y))) {
		if out, ok := divide(rng, near, y, share); ok {
			out.by = nearRows
			return out
		}
	}
	if fine(equal, len(y), share) {
		if out, ok := divide(rng, equal, y, share); ok {
			out.by = equalRows
			return out
		}
	}
	out, _ := divide(rng, classifier.Single(len(y)), y, share)
	return out
}

// fine reports whether rows can be divided by whole groups.
func fine(groups classifier.Groups, n int, share float64) bool {
	return 2*len(groups) >= n || min(share, 1-share)*float64(len(groups)) >= fewest
}

// divide holds out groups in random order, passing over those of which more rows are of a class than are still
// wanted: no class exceeds its share. At least one row of each class that has two is wanted, and one is left. ok is
// false when less than half of what is wanted is reached.
func divide(rng *rand.Rand, groups [][]int, y []bool, share float64) (out held, ok bool) {
	groups = slices.Clone(groups)
	rng.Shuffle(len(groups), func(i, j int) { groups[i], groups[j] = groups[j], groups[i] })
	var want, taken [2]int
	for c, n := range classes(y, slices.Concat(groups...)) {
		want[c] = max(0, min(n-1, max(1, int(math.Round(share*float64(n))))))
	}
	for _, g := range groups {
		n := classes(y, g)
		if taken[0]+n[0] > want[0] || taken[1]+n[1] > want[1] {
			out.others = append(out.others, g...)
			continue
		}
		out.rows = append(out.rows, g...)
		taken[0] += n[0]
		taken[1] += n[1]
	}
	slices.Sort(out.rows)
	slices.Sort(out.others)
	return out, 2*taken[0] >= want[0] && 2*taken[1] >= want[1]
}

// classes counts the rows of each label.
func classes(y []bool, rows []int) (n [2]int) {
	for _, row := range rows {
		if y[row] {
			n[1]++
		} else {
			n[0]++
		}
	}
	return n
}
