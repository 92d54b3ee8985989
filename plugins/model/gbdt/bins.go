package gbdt

import (
	"context"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

const mostBins = 256 // of a column, what is missing included: a bin is one byte

// binned is a number, or up to mostLevels levels of a category, as one byte a row.
//
// Codes 0 … values-1 are values; code values is a missing one.
type binned struct {
	codes   []uint8
	values  int
	missing bool // some code is missing
	column  int  // of the matrix
	feature int  // the number's feature, or that of the first level

	cuts   []float64 // of a number: a code ≤ b is a value below cuts[b]; the last one is +Inf
	levels int       // of a category: codes 0 … levels-1 are levels from level on, code levels is any other; else 0
	level  int
}

// mostLevels leaves a code for any other level and one for missing.
const mostLevels = mostBins - 2

// total is the number of codes.
func (b *binned) total() int {
	if b.missing {
		return b.values + 1
	}
	return b.values
}

// bin returns the columns of m in bins, in the order of their features.
func bin(ctx context.Context, m *Matrix, maxBin, threads int) ([]*binned, error) {
	var out []*binned
	for i, v := range m.encoding.variables {
		if v.kind == frame.Number {
			out = append(out, &binned{column: i, feature: v.first})
			continue
		}
		for level := 0; level < len(v.levels); level += mostLevels {
			n := min(mostLevels, len(v.levels)-level)
			out = append(out, &binned{column: i, feature: v.first + level, level: level, levels: n, values: n + 1})
		}
	}
	err := parallel.For(ctx, threads, len(out), func(i int) error {
		b := out[i]
		b.codes = make([]uint8, m.rows)
		if b.levels > 0 {
			b.fromLevels(m.columns[b.column].codes)
		} else {
			b.fromNumbers(m.columns[b.column].numbers, maxBin)
		}
		return nil
	})
	return out, err
}

func (b *binned) fromLevels(codes []int32) {
	for i, c := range codes {
		switch at := int(c) - b.level; {
		case c == frame.Missing:
			b.codes[i], b.missing = uint8(b.values), true
		case at >= 0 && at < b.levels:
			b.codes[i] = uint8(at)
		default:
			b.codes[i] = uint8(b.levels)
		}
	}
}

func (b *binned) fromNumbers(x []float64, maxBin int) {
	sorted := make([]float64, 0, len(x))
	for _, v := range x {
		if !math.IsNaN(v) {
			sorted = append(sorted, v)
		}
	}
	b.missing = len(sorted) < len(x)
	if b.missing {
		maxBin = min(maxBin, mostBins-1)
	}
	slices.Sort(sorted)
	b.cuts = append(cuts(sorted, maxBin), math.Inf(1))
	b.values = len(b.cuts)
	for i, v := range x {
		b.codes[i] = b.code(v)
	}
}

// code returns the bin of a number: the first whose cut is above it.
func (b *binned) code(v float64) uint8 {
	if math.IsNaN(v) {
		return uint8(b.values)
	}
	// a binary search without branches that the processor could guess wrong: there are 83 of them in a row
	low, n := 0, len(b.cuts)
	for n > 1 {
		half := n / 2
		if b.cuts[low+half-1] <= v {
			low += half
		}
		n -= half
	}
	return uint8(low)
}

// cuts returns ascending values of sorted that divide it into at most maxBin bins: each bin begins at a cut, the first
// one below them all. With no more distinct values than bins, each value has its own. Else a bin is closed when it
// holds its share of what is left, so that a frequent value, which may fill several shares, takes no bins from the rest.
func cuts(sorted []float64, maxBin int) []float64 {
	distinct := 0
	for i, v := range sorted {
		if i == 0 || v != sorted[i-1] {
			distinct++
		}
	}
	out := make([]float64, 0, min(distinct, maxBin))
	left, bins, held := len(sorted), maxBin, 0
	for first := 0; first < len(sorted); {
		last := first + 1
		for last < len(sorted) && sorted[last] == sorted[first] {
			last++
		}
		n := last - first
		// closed before this value when it is nearer to the share without it
		if share := float64(left) / float64(bins); held > 0 && (distinct <= maxBin || float64(held)+float64(n)/2 > share) && bins > 1 {
			out = append(out, sorted[first])
			left, bins, held = left-held, bins-1, 0
		}
		held += n
		first = last
	}
	return out
}
