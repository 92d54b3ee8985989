package compare

import (
	"math"
	"slices"
	"sort"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// codesKey is the key of Codes: of a real part against the synthetic rows.
type codesKey struct {
	column string
	bins   int
}

// Codes are the cells of a column, row by row: the levels of a Category column, or the bins of a Number column. Rows
// without a value have the last cell, on both sides, whether or not there are any.
type Codes struct {
	Real, Synthetic []int32
	Cells           int // of values, and the one of missing values: codes are below it
}

// Missing is the cell of rows without a value.
func (c *Codes) Missing() int32 { return int32(c.Cells - 1) }

// Codes returns the cells of a column: the levels that occur on either side, in byte order, or equal bins over the
// real range, the outer ones open to ±∞, as Edges has them. A Number column without real values has one bin, for any
// value. It is made once; callers must not change it.
func (s *Sides) Codes(column string, bins int) *Codes {
	real, synthetic := s.Real.Column(column), s.Synthetic.Column(column)
	if real.Kind == frame.Category {
		bins = 0 // the same, however numbers are binned
	}
	return must(Prepare(s, s.Part, codesKey{column, bins}, func() (*Codes, error) {
		if real.Kind == frame.Category {
			return levelCodes(real, synthetic), nil
		}
		var inner []float64
		if sorted := s.Sorted(s.Part, column); len(sorted) > 0 {
			inner = Edges(sorted[0], sorted[len(sorted)-1], bins)
		}
		out := &Codes{Cells: len(inner) + 2}
		out.Real, out.Synthetic = binCodes(real.Numbers, inner), binCodes(synthetic.Numbers, inner)
		return out, nil
	}))
}

func levelCodes(real, synthetic *frame.Column) *Codes {
	levels := slices.Concat(real.Levels, synthetic.Levels)
	slices.Sort(levels)
	levels = slices.Compact(levels)
	return &Codes{Real: recode(real, levels), Synthetic: recode(synthetic, levels), Cells: len(levels) + 1}
}

// recode returns the codes of a Category column by the place of their level in all, missing ones after the last.
func recode(c *frame.Column, all []string) []int32 {
	to := make([]int32, len(c.Levels))
	for code, level := range c.Levels {
		at, _ := slices.BinarySearch(all, level)
		to[code] = int32(at)
	}
	out := make([]int32, len(c.Codes))
	for i, code := range c.Codes {
		if out[i] = int32(len(all)); code != frame.Missing {
			out[i] = to[code]
		}
	}
	return out
}

// binCodes returns the bin of each value between inner edges: the number of edges that do not exceed it.
func binCodes(values, inner []float64) []int32 {
	out := make([]int32, len(values))
	for i, v := range values {
		switch {
		case math.IsNaN(v):
			out[i] = int32(len(inner) + 1)
		case len(inner) <= 16: // counting without a jump beats searching
			n := int32(0)
			for _, edge := range inner {
				if edge <= v {
					n++
				}
			}
			out[i] = n
		default:
			out[i] = int32(sort.Search(len(inner), func(k int) bool { return inner[k] > v }))
		}
	}
	return out
}
