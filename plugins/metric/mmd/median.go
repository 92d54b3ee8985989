package mmd

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

// bracket is an interval of squared distances that may hold the median of all.
type bracket struct{ low, high float64 }

const (
	// probe is the number of rows whose distances a bracket is guessed from, and few the number of pairs up to which
	// all distances are kept instead.
	probe = 1000
	few   = 1 << 22
	// around is the share of pairs on each side of the middle that a first bracket holds.
	around = 0.02
)

// guess returns a bracket of the middle of the distances among some rows that are drawn of both sides, with the given share
// of them on each side of it. The median that is found does not hang on the draw, only the time to find it.
func guess(ctx context.Context, threads int, rng *rand.Rand, real, synthetic *rows) ([]float64, error) {
	n := real.n + synthetic.n
	drawn := rng.Perm(n)[:min(probe, n)]
	slices.Sort(drawn)
	cut, _ := slices.BinarySearch(drawn, real.n)
	a := real.some(drawn[:cut])
	for k := cut; k < len(drawn); k++ {
		drawn[k] -= real.n
	}
	b := synthetic.some(drawn[cut:])
	pieces := make([][]float64, pieces(a, b))
	err := pairs(ctx, threads, a, b, func(piece int, _ kind, d2 []float64) {
		pieces[piece] = append(pieces[piece], d2...)
	})
	all := slices.Concat(pieces...)
	slices.Sort(all)
	return all, err
}

func newBracket(sorted []float64, share float64) bracket {
	n := float64(len(sorted))
	low, high := int((0.5-share)*n), int((0.5+share)*n)
	out := bracket{math.Inf(-1), math.Inf(1)}
	if low > 0 {
		out.low = sorted[low]
	}
	if high < len(sorted)-1 {
		out.high = sorted[high]
	}
	return out
}

// middle collects what a pass over all pairs tells of their median, piece by piece.
type middle struct {
	bracket
	below  []int       // pairs nearer than the bracket
	inside [][]float64 // distances in it
}

func newMiddle(b bracket, pieces int) *middle {
	return &middle{bracket: b, below: make([]int, pieces), inside: make([][]float64, pieces)}
}

func (m *middle) add(piece int, d2 []float64) {
	low, high, below, inside := m.low, m.high, m.below[piece], m.inside[piece]
	for _, d := range d2 {
		if d < low {
			below++
		} else if d <= high {
			inside = append(inside, d)
		}
	}
	m.below[piece], m.inside[piece] = below, inside
}

// median returns the median of all pairs; ok is false when the bracket does not hold it.
func (m *middle) median(pairs int) (median float64, ok bool) {
	below := 0
	for _, n := range m.below {
		below += n
	}
	low, high := (pairs-1)/2-below, pairs/2-below // places of the two in the middle among those inside
	all := slices.Concat(m.inside...)
	if low < 0 || high >= len(all) {
		return 0, false
	}
	a := smallest(all, low)
	b := a
	if high > low {
		b = slices.Min(all[high:]) // what lies beyond place low is not smaller
	}
	return a + (b-a)/2, true
}

// smallest returns the value at a place in the order of values, and moves those that are smaller before it and those that are
// greater after it.
//
// Source: C. A. R. Hoare (1961), Commun. ACM 4(7), 321–322.
func smallest(values []float64, place int) float64 {
	first, last := 0, len(values)-1
	for first < last {
		// the middle one of three, so that sorted values are no bad case
		a, b, c := values[first], values[(first+last)/2], values[last]
		pivot := max(min(a, b), min(max(a, b), c))
		i, j := first, last
		for i <= j {
			for values[i] < pivot {
				i++
			}
			for values[j] > pivot {
				j--
			}
			if i <= j {
				values[i], values[j] = values[j], values[i]
				i++
				j--
			}
		}
		switch {
		case place <= j:
			last = j
		case place >= i:
			first = i
		default:
			return values[place]
		}
	}
	return values[place]
}
