package correlation

import "github.com/ehrlab/ehrlab/plugins"

const matrixCurve = "correlation_matrix"

// curves returns the rows of the matrix of one side. subjects is the least number of subjects that some real rows are of: what the
// real rows of a pair of columns have too few subjects for is left out of both sides, so that they hold the same pairs where both
// are defined.
func curves(names []string, side string, m, real *Matrix, subjects func(rows int) int) []plugins.Curve {
	out := make([]plugins.Curve, len(names))
	for i, name := range names {
		c := plugins.Curve{Name: matrixCurve, Dims: map[string]string{plugins.ColumnDim: name, plugins.SideDim: side}}
		for j := range names {
			r, ok, n := 1.0, true, plugins.FewestTold // of a column with itself, whatever its values are
			if i != j {
				r, ok = m.At(i, j)
				n = subjects(real.Rows(i, j))
			}
			if ok && n >= plugins.FewestTold {
				c.X, c.Y, c.N = append(c.X, float64(j)), append(c.Y, r), append(c.N, n)
			}
		}
		out[i] = c
	}
	return out
}
