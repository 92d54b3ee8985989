package prepare

import (
	"context"
	"errors"
	"math"

	"github.com/ehrlab/ehrlab/plugins/gram"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// EM stops when no covariance of standardised scores changes by emTolerance, far below what a thousand rows can tell,
// or after emSteps: by then a share of missing information of 0.8 has left a thousandth of the first error. Mean and
// covariance come from emRows rows at most, spread over train: the sampling error is then below 0.01.
const (
	emTolerance = 1e-3
	emSteps     = 30
	emRows      = 20_000
	stripes     = 8 // of rows, summed up one by one: a fixed number, so that sums do not depend on the threads
)

// fitNormal returns the mean and the precision, as rows of the lower triangle, of columns taken to be jointly normal,
// with mean 0 and variance 1 where they are there; NaN is missing.
func fitNormal(ctx context.Context, data [][]float64, threads int) (mean []float64, precision [][]float64, err error) {
	p := len(data)
	mean, precision = make([]float64, p), make([][]float64, p)
	if p == 0 {
		return mean, precision, nil
	}
	e := newEM(data)
	for range emSteps {
		change, err := e.step(ctx, threads)
		if err != nil {
			return nil, nil, err
		}
		if change < emTolerance {
			break
		}
	}
	inverse, err := e.inverse()
	if err != nil {
		return nil, nil, err
	}
	for i := range precision {
		precision[i] = inverse[i*p : i*p+i+1]
	}
	return e.mean, precision, nil
}

// em is the state of the expectation-maximisation of a normal model. Matrices are square, row by row.
type em struct {
	p          int
	patterns   []pattern
	filled     [][]float64 // the columns, with expectations for what is missing
	rows       int
	mean       []float64
	covariance []float64
}

// pattern is rows that miss the same scores.
type pattern struct {
	missing []int
	rows    []int
}

func newEM(data [][]float64) *em {
	e := &em{p: len(data), mean: make([]float64, len(data)), covariance: make([]float64, len(data)*len(data))}
	var rows []int
	for row := range data[0] {
		for _, c := range data {
			if !math.IsNaN(c[row]) { // a row without any value says nothing
				rows = append(rows, row)
				break
			}
		}
	}
	rows = spread(rows, emRows)
	e.rows = len(rows)
	for i, c := range data {
		e.covariance[i*e.p+i] = 1
		e.filled = append(e.filled, make([]float64, len(rows)))
		for r, row := range rows {
			e.filled[i][r] = c[row]
		}
	}
	e.patterns = patterns(e.filled)
	return e
}

// pieceRows is how many rows of a pattern make a piece of work.
const pieceRows = 256

// patterns groups the rows by what they miss, in pieces, in order of the first row.
func patterns(data [][]float64) []pattern {
	known := map[string]int{}
	var out []pattern
	key := make([]byte, len(data))
	for row := range data[0] {
		missing := []int{}
		for i, c := range data {
			key[i] = 0
			if math.IsNaN(c[row]) {
				key[i] = 1
				missing = append(missing, i)
			}
		}
		at, ok := known[string(key)]
		if !ok || len(out[at].rows) == pieceRows {
			at = len(out)
			known[string(key)] = at
			out = append(out, pattern{missing: missing})
		}
		out[at].rows = append(out[at].rows, row)
	}
	return out
}

var errSingular = errors.New("the imputation model: the covariance of the scores is singular")

// inverse returns the inverse of the covariance.
func (e *em) inverse() ([]float64, error) {
	factor := append([]float64(nil), e.covariance...)
	if !cholesky(factor, e.p) {
		return nil, errSingular
	}
	out := make([]float64, e.p*e.p)
	invert(factor, out, e.p)
	return out, nil
}

// step fills the missing scores with their expectations, estimates mean and covariance anew, and returns the greatest
// change of a covariance.
func (e *em) step(ctx context.Context, threads int) (float64, error) {
	precision, err := e.inverse()
	if err != nil {
		return 0, err
	}
	spreads := make([][]float64, stripes) // sums of the conditional covariances
	err = parallel.For(ctx, threads, stripes, func(s int) error {
		spreads[s] = make([]float64, e.p*e.p)
		w := newWorkspace(e.p)
		for _, part := range e.patterns[s*len(e.patterns)/stripes : (s+1)*len(e.patterns)/stripes] {
			if err := ctx.Err(); err != nil {
				return err
			}
			if len(part.missing) > 0 && !e.expect(part, precision, spreads[s], w) {
				return errSingular
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return e.maximise(ctx, spreads, threads)
}

// expect fills the rows of a pattern, and adds the conditional covariance of each row to spread.
func (e *em) expect(part pattern, precision, spread []float64, w *workspace) bool {
	if !w.factorise(precision, e.p, part.missing) {
		return false
	}
	for _, row := range part.rows {
		for i := range w.x {
			w.x[i] = e.filled[i][row] - e.mean[i]
		}
		w.expectation(precision, e.p, part.missing)
		for i, a := range part.missing {
			e.filled[a][row] = e.mean[a] + w.centre[i]
		}
	}
	m := len(part.missing)
	invert(w.factor[:m*m], w.inverse[:m*m], m) // last: it uses the factor up
	for i, a := range part.missing {
		for j, b := range part.missing[:i+1] {
			spread[a*e.p+b] += w.inverse[i*m+j] * float64(len(part.rows))
		}
	}
	return true
}

// maximise estimates mean and covariance of the filled columns.
func (e *em) maximise(ctx context.Context, spreads [][]float64, threads int) (change float64, err error) {
	products, err := gram.Lower(ctx, e.filled, e.filled, threads)
	if err != nil {
		return 0, err
	}
	n, prior := float64(e.rows), float64(e.p)
	for i, c := range e.filled {
		sum := 0.0
		for _, x := range c {
			sum += x
		}
		e.mean[i] = sum / n
	}
	for i := range e.p {
		for j := range i + 1 {
			sum := products[i][j] - n*e.mean[i]*e.mean[j]
			for _, s := range spreads {
				sum += s[i*e.p+j]
			}
			if i == j {
				sum += prior
			}
			sum /= n + prior
			change = max(change, math.Abs(sum-e.covariance[i*e.p+j]))
			e.covariance[i*e.p+j], e.covariance[j*e.p+i] = sum, sum
		}
	}
	return change, nil
}

// workspace is what the work on one row needs.
type workspace struct {
	x       []float64 // the scores of a row, less their mean; 0 where they are missing
	centre  []float64 // the expectation of the missing ones, less their mean
	factor  []float64 // Cholesky factor of their precision, row by row
	inverse []float64
}

func newWorkspace(p int) *workspace {
	return &workspace{x: make([]float64, p), centre: make([]float64, p), factor: make([]float64, p*p), inverse: make([]float64, p*p)}
}

// factorise decomposes the precision of the missing scores, which is the inverse of their conditional covariance.
func (w *workspace) factorise(precision []float64, p int, missing []int) bool {
	m := len(missing)
	for i, a := range missing {
		for j, b := range missing[:i+1] {
			w.factor[i*m+j] = precision[a*p+b]
		}
	}
	return cholesky(w.factor[:m*m], m)
}

// expectation sets centre from x, after factorise.
func (w *workspace) expectation(precision []float64, p int, missing []int) {
	m := len(missing)
	for _, a := range missing {
		w.x[a] = 0
	}
	for i, a := range missing {
		w.centre[i] = -dot(precision[a*p:a*p+p], w.x)
	}
	for i := range m {
		row := w.factor[i*m : i*m+i]
		w.centre[i] = (w.centre[i] - dot(row, w.centre)) / w.factor[i*m+i]
	}
	for i := m - 1; i >= 0; i-- {
		w.centre[i] /= w.factor[i*m+i]
		for j, l := range w.factor[i*m : i*m+i] {
			w.centre[j] -= l * w.centre[i]
		}
	}
}

// dot is the inner product of a with as many of b.
func dot(a, b []float64) float64 {
	b = b[:len(a)]
	s := 0.0
	for i, x := range a {
		s += x * b[i]
	}
	return s
}

// cholesky turns the lower triangle of the n×n matrix a into its Cholesky factor; false when a is not positive definite.
func cholesky(a []float64, n int) bool {
	for i := range n {
		row := a[i*n : i*n+i+1]
		for j := range i {
			other := a[j*n : j*n+j+1]
			row[j] = (row[j] - dot(row[:j], other)) / other[j]
		}
		d := row[i] - dot(row[:i], row)
		if !(d > 0) {
			return false
		}
		row[i] = math.Sqrt(d)
	}
	return true
}

// invert sets out to the inverse of the matrix with the Cholesky factor l, which it overwrites by its own inverse.
func invert(l, out []float64, n int) {
	for i := range n { // row by row: what is left of the diagonal is replaced as far as it was used
		row := l[i*n : i*n+i+1]
		for k, f := range row[:i] {
			above := l[k*n : k*n+k+1]
			for j, x := range above[:k] {
				row[j] += f * x
			}
			row[k] = f * above[k]
		}
		d := 1 / row[i]
		for j := range row[:i] {
			row[j] *= -d
		}
		row[i] = d
	}
	for i := range n * n {
		out[i] = 0
	}
	for k := range n { // sums of outer products of rows: they lie together in memory
		row := l[k*n : k*n+k+1]
		for i, x := range row {
			to := out[i*n : i*n+i+1]
			for j := range to {
				to[j] += x * row[j]
			}
		}
	}
	for i := range n {
		for j := range i {
			out[j*n+i] = out[i*n+j]
		}
	}
}
