package missingness

import (
	"context"
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// compareTogether returns the mean |phi_real - phi_synthetic| over the pairs of columns that both sides miss in some, but not
// all, rows, and the pairs that it leaves out.
func compareTogether(ctx context.Context, env plugins.Env, part plugins.Part, real, synthetic *marks) (plugins.Score, compare.LeftOut, error) {
	n := len(real.names)
	sums, left := make([]float64, n), make([]compare.LeftOut, n)
	err := parallel.For(ctx, env.Threads, n, func(i int) error {
		for j := range i {
			left[i].All++
			switch {
			case !real.varies(i) || !real.varies(j):
				left[i].Real++
			case !synthetic.varies(i) || !synthetic.varies(j):
				left[i].Synthetic++
			default:
				sums[i] += math.Abs(real.phi(i, j) - synthetic.phi(i, j))
			}
		}
		return nil
	})
	if err != nil {
		return plugins.Score{}, compare.LeftOut{}, err
	}
	all, sum := compare.LeftOut{What: "pairs of columns"}, 0.0
	for i, l := range left {
		all.All, all.Real, all.Synthetic = all.All+l.All, all.Real+l.Real, all.Synthetic+l.Synthetic
		sum += sums[i]
	}
	defined := all.All - all.Real - all.Synthetic
	if defined == 0 {
		return compare.Undefined(together, fmt.Sprintf("no two columns miss values in some, but not all, of both the %s and the synthetic rows", part)), all, nil
	}
	out := plugins.Score{Name: together, Value: sum / float64(defined), N: defined, Status: plugins.OK}
	if all.Synthetic > 0 {
		out.Warnings = []string{fmt.Sprintf("%d of %d pairs of columns left out: the synthetic rows alone miss a column of them never or always", all.Synthetic, all.All)}
	}
	return out, all, nil
}
