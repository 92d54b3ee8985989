package forest

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// bitset holds one bit a row.
type bitset []uint64

func newBitset(rows int) bitset { return make(bitset, (rows+63)/64) }

func (b bitset) set(row int32) { b[row>>6] |= 1 << (row & 63) }

func (b bitset) at(row int32) uint32 { return uint32(b[row>>6]>>(row&63)) & 1 }

// newBitsets returns the sparse columns of x as bits, nil for the dense ones.
func newBitsets(x *encode.Design) []bitset {
	out := make([]bitset, len(x.Columns))
	for j, c := range x.Columns {
		if c.Dense == nil {
			out[j] = newBitset(x.Rows)
			for _, row := range c.Ones {
				out[j].set(row)
			}
		}
	}
	return out
}

// column is an encoded column as trees are grown on it: each row as the rank of its value, from 0.
type column struct {
	values []float64 // distinct, ascending
	ranks  []uint32  // of the rows; nil for a column of zeros and ones
	bits   bitset    // of the rows, where ranks is nil
}

// rank returns the columns of x by the ranks of their values.
func rank(ctx context.Context, x *encode.Design, threads int) ([]column, error) {
	out := make([]column, len(x.Columns))
	for j, bits := range newBitsets(x) {
		if bits != nil {
			out[j] = column{values: []float64{0, 1}, bits: bits}
		}
	}
	err := parallel.For(ctx, threads, len(out), func(j int) error {
		dense := x.Columns[j].Dense
		if dense == nil {
			return nil
		}
		for i, v := range dense {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("random forest: encoded column %d, row %d is not finite", j+1, i+1)
			}
		}
		out[j] = ranked(dense)
		return nil
	})
	return out, err
}

func ranked(x []float64) column {
	c := column{values: slices.Clone(x), ranks: make([]uint32, len(x))}
	slices.Sort(c.values)
	c.values = slices.Compact(c.values)
	for i, v := range x {
		at, _ := slices.BinarySearch(c.values, v)
		c.ranks[i] = uint32(at)
	}
	return c
}

// threshold parts the values up to a rank from those above: half-way to the next rank that occurs, or the lower
// value where there is no number between them.
func (c *column) threshold(rank, next uint32) float64 {
	low, high := c.values[rank], c.values[next]
	if middle := low/2 + high/2; middle >= low && middle < high {
		return middle
	}
	return low // also where halves are too small to be represented
}
