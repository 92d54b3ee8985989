package correlation

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Matrices are recorded row by row. A pair of columns of which ten real rows are complete has no coefficient on either side.
func TestMatrices(t *testing.T) {
	var a, b, c, constant []float64
	for i := range 20 {
		x := float64(i)
		a, b, c, constant = append(a, x), append(b, -2*x), append(c, nan), append(constant, 3)
		if i < 10 {
			c[i] = x
		}
	}
	real := frame.Must(number("a", a...), number("b", b...), number("c", c...), number("d", constant...))
	made := frame.Must(number("a", 1, 2, 3), number("b", 1, 2, 3), number("c", 1, 2, 3), number("d", 1, 2, 3))
	var got []string
	for _, curve := range measure(t, `{"matrices": true}`, real, made).Curves {
		if curve.Name != matrixCurve || slices.Min(curve.N) < plugins.FewestTold {
			t.Errorf("%+v", curve)
		}
		got = append(got, fmt.Sprintf("%s %s %v %.0f", curve.Dims["side"], curve.Dims["column"], curve.X, curve.Y))
	}
	want := []string{
		"real a [0 1] [1 -1]", "real b [0 1] [-1 1]", "real c [2] [1]", "real d [3] [1]",
		"synthetic a [0 1 3] [1 1 1]", "synthetic b [0 1 3] [1 1 1]", "synthetic c [2] [1]", "synthetic d [0 1 3] [1 1 1]",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if curves := measure(t, ``, real, made).Curves; curves != nil {
		t.Errorf("nobody asked for %d curves", len(curves))
	}
}
