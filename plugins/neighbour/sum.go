package neighbour

import (
	"math"
)

// sum is what the distance of row i of a and row j of b is made of: the sum of squares, or of what the columns add. It
// may stop, with a partial sum, where that has reached the limit.
func sum(a *Points, i int, b *Points, j int, limit float64) float64 {
	if a.space.euclidean {
		return squares(a, i, b, j, limit)
	}
	return shares(a.space, a.row(i), b.row(j), limit)
}

// stretch is the number of columns after which a sum is compared with its limit.
const stretch = 8

func shares(s *Space, a, b []float64, limit float64) float64 {
	b = b[:len(a)]
	columns := s.reaches[:len(a)]
	total := 0.0
	for from := 0; from < len(a); from += stretch {
		to := min(from+stretch, len(a))
		for c := from; c < to; c++ {
			x, y := a[c], b[c]
			if x == y {
				continue
			}
			d := math.Abs(x-y) / columns[c]
			if !(d < 1) { // beyond the range, a category, or NaN
				d = 1
				if x != x && y != y {
					d = s.both
				}
			}
			total += d
		}
		if total >= limit {
			return total
		}
	}
	return total
}

// squares adds the categories and missing marks first, which are whole numbers, and then the numbers in order of columns.
func squares(a *Points, i int, b *Points, j int, limit float64) float64 {
	total := float64(differing(a, i, b, j))
	x, y := a.row(i), b.row(j)
	y = y[:len(x)]
	for from := 0; from < len(x); from += stretch {
		if total >= limit {
			return total
		}
		for c := from; c < min(from+stretch, len(x)); c++ {
			d := x[c] - y[c]
			total += d * d
		}
	}
	return total
}

// distance turns a sum into a distance.
func (s *Space) distance(sum float64) float64 {
	switch {
	case s.euclidean:
		return math.Sqrt(sum)
	case len(s.columns) == 0:
		return 0
	}
	return sum / float64(len(s.columns))
}

// limit is a sum that no distance below d comes from, but for the rounding of both.
func (s *Space) limit(d float64) float64 {
	const more = 1 + 1e-12
	if s.euclidean {
		return d * d * more
	}
	return d * float64(len(s.columns)) * more
}
