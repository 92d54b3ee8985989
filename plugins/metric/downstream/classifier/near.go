package classifier

import (
	"context"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/parallel"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Near groups rows with their near-duplicates, and those with theirs.
//
// Two rows are near-duplicates when the mean over all columns but the target of their distances is at most within. The distance
// in a column of numbers is that of their mid-ranks, as a share of the rows that have a value: 0 for equal ones, about a third on
// average for any two. In a column of categories it is 0 or 1, and 1 where one row lacks a value and the other does not.
// Ranks make the rule the same for any unit, and an outlier no measure of the others. Distances are rounded to 1/65535.
//
// A frame without columns has no near-duplicates.
func Near(ctx context.Context, f *frame.Frame, target string, within float64, threads int) (Groups, error) {
	n := f.Rows()
	r, err := newRanked(ctx, f, target, threads)
	if err != nil {
		return nil, err
	}
	if r.width == 0 {
		return Single(n), nil
	}
	// which union notes a pair hangs on the clock; the groups that all of them make together do not
	unions := make(chan *union, max(1, threads))
	for range cap(unions) {
		unions <- newUnion(n)
	}
	budget := int64(within * float64(r.width) * far)
	err = parallel.For(ctx, threads, (n+nearBlock-1)/nearBlock, func(b int) error {
		u := <-unions
		r.join(u, b*nearBlock, min(n, (b+1)*nearBlock), budget)
		unions <- u
		return nil
	})
	if err != nil {
		return nil, err
	}
	all := <-unions
	for range cap(unions) - 1 {
		u := <-unions
		for i := range n {
			all.join(i, int(u.root(i)))
		}
	}
	return all.groups(), nil
}

const (
	far       = 65535 // the greatest distance in a column
	nearBlock = 64    // rows that are compared with all before them at a time
)

// ranked is rows laid out for comparison: for each column two numbers, of which the first is compared for how far apart the
// values are, and the second, its kind, for whether they can be compared at all.
type ranked struct {
	width int
	value []uint16 // of row i, column j: at i*width+j
	kind  []uint16 // 0 for a number; a level's own number otherwise, and missing another
}

func newRanked(ctx context.Context, f *frame.Frame, target string, threads int) (*ranked, error) {
	type spread struct {
		column *frame.Column
		mean   float64 // distance of two rows
	}
	var columns []spread
	for _, c := range f.Columns() {
		if c.Name != target {
			columns = append(columns, spread{c, expected(c)})
		}
	}
	// columns that part most rows first: a pair is given up as soon as it is too far
	slices.SortStableFunc(columns, func(a, b spread) int {
		switch {
		case a.mean > b.mean:
			return -1
		case a.mean < b.mean:
			return 1
		}
		return 0
	})
	r := &ranked{width: len(columns)}
	r.value = make([]uint16, f.Rows()*r.width)
	r.kind = make([]uint16, f.Rows()*r.width)
	err := parallel.For(ctx, threads, len(columns), func(j int) error {
		r.lay(j, columns[j].column)
		return nil
	})
	return r, err
}

// expected is the mean distance of two rows in a column, about.
func expected(c *frame.Column) float64 {
	n := float64(c.Len())
	missing := float64(c.MissingCount()) / n
	present := 1 - missing
	if c.Kind == frame.Number {
		return present*present/3 + 2*present*missing
	}
	counts := make([]float64, len(c.Levels))
	for _, code := range c.Codes {
		if code != frame.Missing {
			counts[code]++
		}
	}
	same := missing * missing
	for _, k := range counts {
		same += (k / n) * (k / n)
	}
	return 1 - same
}

func (r *ranked) lay(j int, c *frame.Column) {
	if c.Kind == frame.Category {
		for i, code := range c.Codes {
			r.kind[i*r.width+j] = uint16(uint32(code)%(far-1)) + 1 // more levels than that: some are taken for equal
			if code == frame.Missing {
				r.kind[i*r.width+j] = far
			}
		}
		return
	}
	var rows []int
	var values []float64
	for i, v := range c.Numbers {
		if math.IsNaN(v) {
			r.kind[i*r.width+j] = far
			continue
		}
		rows, values = append(rows, i), append(values, v)
	}
	for k, rank := range stats.MidRanks(values) {
		r.value[rows[k]*r.width+j] = uint16(far * (rank - 0.5) / float64(len(values)))
	}
}

// join joins the rows from first to last with their near-duplicates among the rows before them.
func (r *ranked) join(u *union, first, last int, budget int64) {
	for i := range last {
		a, aKind := r.value[i*r.width:(i+1)*r.width], r.kind[i*r.width:(i+1)*r.width]
		for k := max(first, i+1); k < last; k++ {
			if near(a, r.value[k*r.width:(k+1)*r.width], aKind, r.kind[k*r.width:(k+1)*r.width], budget) {
				u.join(i, k)
			}
		}
	}
}

func near(a, b, aKind, bKind []uint16, budget int64) bool {
	left := budget
	b, aKind, bKind = b[:len(a)], aKind[:len(a)], bKind[:len(a)]
	for j := range a {
		if aKind[j] != bKind[j] {
			left -= far
		} else if d := int64(a[j]) - int64(b[j]); d < 0 {
			left += d
		} else {
			left -= d
		}
		if left < 0 {
			return false
		}
	}
	return true
}
