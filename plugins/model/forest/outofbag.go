package forest

import (
	"context"

	"github.com/ehrlab/ehrlab/plugins/encode"
)

// OutOfBag predicts the rows that a forest was fitted on, each by the trees that did not draw it: what the forest predicts for
// new rows of the same population, without any.
type OutOfBag struct {
	Probability []float64 // of class 1, in [0,1]; 0 and without meaning where Trees is 0
	Trees       []int     // that did not draw the row: about 37 % of all
}

// OutOfBag returns nil unless the forest was fitted with Config.OutOfBag. Callers must not change what it returns.
//
// Source: L. Breiman (2001), Random forests, Machine Learning 45, section 3.1.
func (m *Model) OutOfBag() *OutOfBag { return m.out }

func (m *Model) outOfBag(ctx context.Context, x *encode.Design, drawn []bitset, threads int) (*OutOfBag, error) {
	out := &OutOfBag{Probability: make([]float64, x.Rows), Trees: make([]int, x.Rows)}
	err := m.each(ctx, x, threads, func(row int, values []float64) {
		sum, n := 0.0, 0
		for t := range m.trees {
			if drawn[t].at(int32(row)) == 0 {
				sum += m.trees[t].share(values)
				n++
			}
		}
		if n > 0 {
			out.Probability[row], out.Trees[row] = sum/float64(n), n
		}
	})
	return out, err
}
