package classifier

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Groups are rows that belong together: a division of the rows keeps each group on one side.
type Groups [][]int

// Single makes every row a group of its own.
func Single(rows int) Groups {
	out := make(Groups, rows)
	for i := range out {
		out[i] = []int{i}
	}
	return out
}

// Largest is the number of rows of the largest group.
func (g Groups) Largest() int {
	most := 0
	for _, rows := range g {
		most = max(most, len(rows))
	}
	return most
}

// Of returns the group of each of n rows, from 0.
func (g Groups) Of(n int) []int32 {
	out := make([]int32, n)
	for k, rows := range g {
		for _, row := range rows {
			out[row] = int32(k)
		}
	}
	return out
}

// Equal groups the rows that have equal values, missing ones included, in every column but the target.
func Equal(f *frame.Frame, target string) Groups {
	var groups Groups
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

// BySubject groups the rows of one subject. A row whose subject is missing is a group of its own, and so is every row when
// subject is nil.
func BySubject(subject *frame.Column, rows int) Groups {
	if subject == nil {
		return Single(rows)
	}
	var groups Groups
	at := map[uint64]int{}
	for i := range rows {
		if !subject.IsMissing(i) {
			key := bits(subject, i)
			if g, known := at[key]; known {
				groups[g] = append(groups[g], i)
				continue
			}
			at[key] = len(groups)
		}
		groups = append(groups, []int{i})
	}
	return groups
}

// Join returns the finest groups in which rows are together that are together in one of the given groupings of n rows.
func Join(n int, of ...Groups) Groups {
	u := newUnion(n)
	for _, groups := range of {
		for _, rows := range groups {
			for _, row := range rows[1:] {
				u.join(rows[0], row)
			}
		}
	}
	return u.groups()
}

// union is a forest of rows, of which each tree is a group.
type union struct{ parent []int32 }

func newUnion(n int) *union {
	u := &union{parent: make([]int32, n)}
	for i := range u.parent {
		u.parent[i] = int32(i)
	}
	return u
}

func (u *union) root(i int) int32 {
	at := int32(i)
	for u.parent[at] != at {
		u.parent[at] = u.parent[u.parent[at]]
		at = u.parent[at]
	}
	return at
}

// join makes the root of the lower row that of both.
func (u *union) join(a, b int) {
	x, y := u.root(a), u.root(b)
	u.parent[max(x, y)] = min(x, y)
}

func (u *union) groups() Groups {
	var out Groups
	at := make([]int, len(u.parent))
	for i := range u.parent {
		root := u.root(i)
		if int(root) == i {
			at[i] = len(out)
			out = append(out, nil)
		}
		out[at[root]] = append(out[at[root]], i)
	}
	return out
}

// Seen counts the rows of test that are equal to a row of train in every column but the target.
func Seen(train, test *frame.Frame, target string) int {
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

// bits tells the values of a column apart: equal for equal values, missing ones included.
func bits(c *frame.Column, row int) uint64 {
	switch {
	case c.Kind == frame.Category:
		return uint64(uint32(c.Codes[row]))
	case c.IsMissing(row):
		return math.Float64bits(math.NaN()) // there is more than one NaN
	}
	return math.Float64bits(c.Numbers[row] + 0) // -0 + 0 is 0
}

// Deal shares groups among folds and returns the fold of each row. Groups with an event and groups without are shuffled
// and dealt apart, so that the folds have about the same share of events.
func Deal(r *rand.Rand, groups Groups, y []bool, folds int) []int {
	var with, without []int
	for k, rows := range groups {
		if slices.ContainsFunc(rows, func(row int) bool { return y[row] }) {
			with = append(with, k)
		} else {
			without = append(without, k)
		}
	}
	fold, next := make([]int, len(y)), 0
	for _, stratum := range [][]int{with, without} {
		r.Shuffle(len(stratum), func(i, j int) { stratum[i], stratum[j] = stratum[j], stratum[i] })
		for _, k := range stratum {
			for _, row := range groups[k] {
				fold[row] = next % folds
			}
			next++
		}
	}
	return fold
}

// Fold returns the rows of a fold, and the others, both ascending.
func Fold(fold []int, k int) (held, others []int) {
	for row, f := range fold {
		if f == k {
			held = append(held, row)
		} else {
			others = append(others, row)
		}
	}
	return held, others
}
