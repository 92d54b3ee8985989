package gbdt

import (
	"context"
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// Predict returns the probability of class 1 of each row of x, in [0,1].
//
// It is an error when x is of another Encoding than the rows that the model was fitted on, or the context ends.
func (m *Model) Predict(ctx context.Context, x *Matrix, threads int) ([]float64, error) {
	out, err := m.Margin(ctx, x, threads)
	for i, z := range out {
		out[i] = sigmoid(z)
	}
	return out, err
}

// predictRows is the number of rows that pass through all trees together: their values stay in the cache.
const predictRows = 64

// Margin returns the log-odds of class 1 of each row of x. Its errors are those of Predict.
func (m *Model) Margin(ctx context.Context, x *Matrix, threads int) ([]float64, error) {
	if x.encoding != m.encoding {
		return nil, fmt.Errorf("boosted trees: the rows have another encoding than those that the model was fitted on")
	}
	out := make([]float64, x.rows)
	width := len(x.columns)
	err := parallel.For(ctx, threads, (x.rows+predictRows-1)/predictRows, func(b int) error {
		first, last := b*predictRows, min(x.rows, (b+1)*predictRows)
		values := make([]float64, (last-first)*width)
		for j := range x.columns {
			for i := first; i < last; i++ {
				values[(i-first)*width+j] = x.columns[j].value(i)
			}
		}
		for i := range out[first:last] {
			out[first+i] = m.Base
		}
		for t := range m.trees {
			nodes := m.trees[t].nodes
			for i := range last - first {
				out[first+i] += leafValue(nodes, values[i*width:(i+1)*width])
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// value is the number, or the code of the level; NaN for missing.
func (c *column) value(i int) float64 {
	if c.numbers != nil {
		return c.numbers[i]
	}
	if code := c.codes[i]; code != frame.Missing {
		return float64(code)
	}
	return math.NaN()
}

// leafValue sends a row through a tree.
func leafValue(nodes []node, row []float64) float64 {
	n := &nodes[0]
	for n.column >= 0 {
		n = &nodes[n.next(row[n.column>>flagBits])]
	}
	return n.at
}

// value sends row i of a matrix through the tree.
func (t *tree) value(x *Matrix, i int) float64 {
	n := &t.nodes[0]
	for n.column >= 0 {
		n = &t.nodes[n.next(x.columns[n.column>>flagBits].value(i))]
	}
	return n.at
}

// next is the child for a value.
func (n *node) next(v float64) int32 {
	var left bool
	switch {
	case v != v: // missing
		left = n.column&missingLeft != 0
	case n.column&byLevel != 0:
		left = v != n.at
	default:
		left = v < n.at
	}
	if left {
		return n.left
	}
	return n.left + 1
}
