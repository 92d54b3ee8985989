package correlation

import (
	"context"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/parallel"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// absent marks a row without a value in runs.run.
const absent = -1

// runs is a column as the places of its distinct values: all that ranks depend on.
type runs struct {
	run      []int32 // of each row: 0 for the least value, or absent
	distinct int
}

func newRuns(values []float64) *runs {
	order := make([]int32, 0, len(values))
	out := &runs{run: make([]int32, len(values))}
	for i, v := range values {
		if math.IsNaN(v) {
			out.run[i] = absent
		} else {
			order = append(order, int32(i))
		}
	}
	slices.SortFunc(order, func(a, b int32) int {
		switch {
		case values[a] < values[b]:
			return -1
		case values[a] > values[b]:
			return 1
		}
		return 0
	})
	for k, row := range order {
		if k == 0 || values[row] != values[order[k-1]] {
			out.distinct++
		}
		out.run[row] = int32(out.distinct - 1)
	}
	return out
}

// spearmanMatrix correlates the mid-ranks of columns, taken anew among the rows complete in each pair.
//
// Ranks are counted, not sorted: with the runs of both columns known, each pair takes linear time.
func spearmanMatrix(ctx context.Context, threads int, columns []*frame.Column) (*Matrix, error) {
	all := make([]*runs, len(columns))
	err := parallel.For(ctx, threads, len(columns), func(i int) error {
		all[i] = newRuns(columns[i].Numbers)
		return nil
	})
	if err != nil {
		return nil, err
	}
	m := newMatrix(len(columns))
	err = parallel.For(ctx, threads, len(columns), func(k int) error {
		i := len(columns) - 1 - k // the longest rows first: they are the last to end
		var scratch pairRanks
		for j := range i {
			n, r, err := scratch.correlate(all[i], all[j])
			m.set(i, j, n, r, err)
		}
		return ctx.Err()
	})
	return m, err
}

// pairRanks is the working memory of one correlation.
type pairRanks struct {
	rows []int32   // complete in both columns
	x, y []float64 // by run: how many of these rows, then twice the deviation of their mid-rank from the mean rank
}

// correlate returns the rank correlation over the n rows complete in both columns.
//
// Doubled deviations are whole numbers, so the sums are exact for fewer than 200,000 rows and do not depend on their order.
func (s *pairRanks) correlate(x, y *runs) (n int, r float64, err error) {
	s.rows = slices.Grow(s.rows[:0], len(x.run))[:len(x.run)]
	for i, run := range x.run {
		s.rows[n] = int32(i)
		if run|y.run[i] >= 0 { // absent sets the sign bit
			n++
		}
	}
	s.rows = s.rows[:n]
	if n < 2 {
		return n, 0, stats.ErrOneRow
	}
	var xx, yy, xy float64
	s.x, xx = deviationsOfRanks(s.x, x, s.rows)
	s.y, yy = deviationsOfRanks(s.y, y, s.rows)
	for _, row := range s.rows {
		xy += s.x[x.run[row]] * s.y[y.run[row]]
	}
	r, err = stats.Quotient(xx, yy, xy)
	return n, r, err
}

// deviationsOfRanks returns, by run, twice the deviation of the mid-rank among rows from the mean rank, and the
// sum of their squares over rows.
func deviationsOfRanks(memory []float64, x *runs, rows []int32) (byRun []float64, squares float64) {
	byRun = slices.Grow(memory[:0], x.distinct)[:x.distinct]
	clear(byRun)
	for _, row := range rows {
		byRun[x.run[row]]++
	}
	below, all := 0.0, float64(len(rows))
	for run, count := range byRun {
		d := 2*below + count - all // twice the mid-rank is 2·below + count + 1, twice the mean rank all + 1
		squares += count * d * d
		byRun[run] = d
		below += count
	}
	return byRun, squares
}
