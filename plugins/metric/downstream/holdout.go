package downstream

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// held is a division of row numbers, each list ascending.
type held struct {
	rows, others []int
	together     bool // rows of one pattern are on one side
}

// fewest is the number of patterns on the smaller side below which whole patterns are too coarse a piece to divide rows
// by: a model tested on a handful of patterns, none of which it has seen, rates worse than on other rows of the same
// law (by 0.03 to 0.07 of AUROC over 20 to 150 patterns in all, by 0.01 over 210).
const fewest = 50

// holdOut divides rows, given by their patterns, so that about share of each class of y are held out.
//
// A pattern stays on one side, whatever the labels of its rows: a copy of a training row is no test of the model, and
// a model that sees a pattern with one label only learns the wrong one. Where patterns are few and rows repeat by
// chance, though, or whole patterns would leave less than half of the share of a class, each row is divided on its own.
func holdOut(rng *rand.Rand, patterns [][]int, y []bool, share float64) held {
	smaller := min(share, 1-share) * float64(len(patterns))
	if 2*len(patterns) >= len(y) || smaller >= fewest {
		if out, ok := divide(rng, patterns, y, share); ok {
			out.together = true
			return out
		}
	}
	single := make([][]int, len(y))
	for i := range single {
		single[i] = []int{i}
	}
	out, _ := divide(rng, single, y, share)
	return out
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

// patternsOf returns the rows in groups of equal values in every column but the target, in order of first occurrence.
func patternsOf(f *frame.Frame, target string) [][]int {
	var groups [][]int
	at := map[string]int{}
	features := newFeatures(f, target)
	for i := range f.Rows() {
		key := features.key(i)
		g, ok := at[string(key)]
		if !ok {
			g = len(groups)
			at[string(key)] = g
			groups = append(groups, nil)
		}
		groups[g] = append(groups[g], i)
	}
	return groups
}

// seenRows counts the test rows that are equal to a training row in every column but the target.
func seenRows(train, test *frame.Frame, target string) int {
	known := map[string]bool{}
	features := newFeatures(train, target)
	for i := range train.Rows() {
		known[string(features.key(i))] = true
	}
	seen := 0
	features = newFeatures(test, target)
	for i := range test.Rows() {
		if known[string(features.key(i))] {
			seen++
		}
	}
	return seen
}

// features writes rows as keys: equal for rows of equal values, missing ones included, also of different frames.
type features struct {
	columns []*frame.Column // in order of name
	buffer  []byte
}

func newFeatures(f *frame.Frame, target string) *features {
	out := &features{}
	for _, c := range f.Columns() {
		if c.Name != target {
			out.columns = append(out.columns, c)
		}
	}
	slices.SortFunc(out.columns, func(a, b *frame.Column) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// key is valid until the next call.
func (f *features) key(row int) []byte {
	f.buffer = f.buffer[:0]
	for _, c := range f.columns {
		switch {
		case c.IsMissing(row):
			f.buffer = append(f.buffer, 0)
		case c.Kind == frame.Category:
			level := c.Levels[c.Codes[row]] // codes of other frames differ
			f.buffer = binary.AppendUvarint(append(f.buffer, 1), uint64(len(level)))
			f.buffer = append(f.buffer, level...)
		default:
			f.buffer = binary.LittleEndian.AppendUint64(append(f.buffer, 2), bits(c, row))
		}
	}
	return f.buffer
}
