package correlation

import (
	"context"
	"math"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/gram"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/parallel"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Matrix holds the correlations of the number columns of one frame, each over the rows complete in both columns.
type Matrix struct {
	width int
	r     []float64 // row by row; NaN where undefined
	n     []int     // rows complete in both columns
}

// At returns the correlation of two columns; ok is false where it is undefined: a column is constant over
// the rows complete in both, or there are fewer than two.
func (m *Matrix) At(i, j int) (r float64, ok bool) {
	r = m.r[i*m.width+j]
	return r, !math.IsNaN(r)
}

// Rows returns the number of rows complete in two columns.
func (m *Matrix) Rows(i, j int) int { return m.n[i*m.width+j] }

// set stores both (i,j) and (j,i). The diagonal is never read.
func (m *Matrix) set(i, j, n int, r float64, err error) {
	if err != nil {
		r = math.NaN()
	}
	for _, at := range []int{i*m.width + j, j*m.width + i} {
		m.r[at], m.n[at] = r, n
	}
}

// matrixKey is the key of a side's matrix. Names are joined: a key has to be comparable.
type matrixKey struct{ coefficient, names string }

// Correlations returns the matrix of one side, in order of the named Number columns; it is made once for a pair.
// coefficient is Pearson or Spearman.
func Correlations(ctx context.Context, threads int, s *compare.Sides, side plugins.Part, names []string, coefficient string) (*Matrix, error) {
	return compare.Prepare(s, side, matrixKey{coefficient, strings.Join(names, "\x00")}, func() (*Matrix, error) {
		columns := make([]*frame.Column, len(names))
		for i, name := range names {
			columns[i] = s.Frame(side).Column(name)
		}
		if coefficient == Spearman {
			return spearmanMatrix(ctx, threads, columns)
		}
		return pearsonMatrix(ctx, threads, columns)
	})
}

func newMatrix(width int) *Matrix {
	return &Matrix{width: width, r: make([]float64, width*width), n: make([]int, width*width)}
}

// moments are the sums over rows complete in both columns that correlations are made of, as inner products of
// three versions of each column: deviations from the column's mean, their squares, and 1; each 0 where missing.
type moments struct {
	n       [][]float64 // [i][j], j ≤ i: rows
	sum     [][]float64 // [i][j]: deviations of column i
	squares [][]float64 // [i][j]: their squares
	product [][]float64 // [i][j], j ≤ i: products of the deviations of both
}

func newMoments(ctx context.Context, threads int, columns [][]float64) (*moments, error) {
	deviation, square, present := make([][]float64, len(columns)), make([][]float64, len(columns)), make([][]float64, len(columns))
	err := parallel.For(ctx, threads, len(columns), func(i int) error {
		deviation[i], square[i], present[i] = deviations(columns[i])
		return nil
	})
	if err != nil {
		return nil, err
	}
	m := &moments{}
	if m.n, err = gram.Lower(ctx, present, present, threads); err != nil {
		return nil, err
	}
	if m.sum, err = gram.Cross(ctx, deviation, present, threads); err != nil {
		return nil, err
	}
	if m.squares, err = gram.Cross(ctx, square, present, threads); err != nil {
		return nil, err
	}
	m.product, err = gram.Lower(ctx, deviation, deviation, threads)
	return m, err
}

func deviations(x []float64) (deviation, square, present []float64) {
	deviation, square, present = make([]float64, len(x)), make([]float64, len(x)), make([]float64, len(x))
	sum, n := 0.0, 0
	for _, v := range x {
		if !math.IsNaN(v) {
			sum += v
			n++
		}
	}
	mean := sum / float64(max(n, 1))
	for i, v := range x {
		if !math.IsNaN(v) {
			deviation[i], present[i] = v-mean, 1
			square[i] = deviation[i] * deviation[i]
		}
	}
	return deviation, square, present
}

// cancellation is how many times the squared mean deviation may exceed the variance, over the rows of a pair, before
// the sums are not trusted: three of sixteen digits may cancel. A column that is constant there exceeds any bound.
const cancellation = 1e3

// pearsonMatrix correlates columns by matrix products; the few pairs that these serve badly are done one by one.
func pearsonMatrix(ctx context.Context, threads int, columns []*frame.Column) (*Matrix, error) {
	x := make([][]float64, len(columns))
	for i, c := range columns {
		x[i] = stats.Rescaled(c.Numbers)
	}
	sums, err := newMoments(ctx, threads, x)
	if err != nil {
		return nil, err
	}
	m := newMatrix(len(columns))
	err = parallel.For(ctx, threads, len(columns), func(i int) error {
		for j := range i {
			r, ok := sums.correlation(i, j)
			if ok {
				m.set(i, j, int(sums.n[i][j]), r, nil)
				continue
			}
			a, b := complete(x[i], x[j])
			r, err := stats.Pearson(a, b)
			m.set(i, j, len(a), r, err)
		}
		return nil
	})
	return m, err
}

// correlation returns the correlation of columns i ≥ j, unless rounding would spoil it.
func (m *moments) correlation(i, j int) (r float64, ok bool) {
	n, si, sj := m.n[i][j], m.sum[i][j], m.sum[j][i]
	ii, jj, ij := m.squares[i][j]-si*si/n, m.squares[j][i]-sj*sj/n, m.product[i][j]-si*sj/n
	if n < 2 || !(ii*cancellation > si*si/n) || !(jj*cancellation > sj*sj/n) {
		return 0, false
	}
	r, err := stats.Quotient(ii, jj, ij)
	return r, err == nil
}

// complete returns the values of the rows that neither column misses.
func complete(x, y []float64) (a, b []float64) {
	for i := range x {
		if !math.IsNaN(x[i]) && !math.IsNaN(y[i]) {
			a, b = append(a, x[i]), append(b, y[i])
		}
	}
	return a, b
}
