package compare

import (
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// momentsKey is the key of Moments: of one side.
type momentsKey struct{ column string }

// Moments describe the values of a Number column on one side, missing ones left out, in the unit of the column.
//
// They hold to a few last digits at any magnitude: sums carry their rounding errors along, and deviations are from a mean
// of twice the usual precision.
type Moments struct {
	N                int
	Min, Max, Median float64 // mean nothing when N is 0
	SD               float64 // divisor N-1; 0 when N is below 2, and exactly 0 when all values are equal
	mean, rest       float64 // the mean is their sum; rest is below the last digit of mean
}

// Mean is the arithmetic mean.
func (m *Moments) Mean() float64 { return m.mean + m.rest }

// Constant reports whether there are fewer than two distinct values.
func (m *Moments) Constant() bool { return m.N == 0 || m.Min == m.Max }

// Range is the greatest value less the least one.
func (m *Moments) Range() float64 { return m.Max - m.Min }

// Above returns how much the mean is greater than that of o, without the digits that the two have in common being lost.
func (m *Moments) Above(o *Moments) float64 { return (m.mean - o.mean) + (m.rest - o.rest) }

// Moments returns the moments of a Number column on one side. It is made once; callers must not change it.
func (s *Sides) Moments(side plugins.Part, column string) *Moments {
	return must(Prepare(s, side, momentsKey{column}, func() (*Moments, error) {
		return momentsOf(s.Sorted(side, column)), nil
	}))
}

// greatest is the exponent of two up to which values and their squares can be added as they are.
const greatest = 400

func momentsOf(sorted []float64) *Moments {
	n := len(sorted)
	if n == 0 {
		return &Moments{}
	}
	m := &Moments{N: n, Min: sorted[0], Max: sorted[n-1], Median: median(sorted)}
	if m.mean = m.Min; m.Constant() {
		return m
	}
	_, exponent := math.Frexp(max(math.Abs(m.Min), math.Abs(m.Max)))
	if max(exponent, -exponent) <= greatest {
		m.sum(sorted)
		return m
	}
	m.sum(stats.Rescaled(sorted)) // into [-1, 1], without a digit changed
	m.mean, m.rest, m.SD = math.Ldexp(m.mean, exponent), math.Ldexp(m.rest, exponent), math.Ldexp(m.SD, exponent)
	return m
}

// sum computes the mean and the standard deviation of two or more values.
func (m *Moments) sum(x []float64) {
	n := float64(len(x))
	sum, rest := 0.0, 0.0 // what is added exactly is sum + rest
	for _, v := range x {
		next := sum + v
		b := next - sum
		rest += (sum - (next - b)) + (v - b)
		sum = next
	}
	m.mean = (sum + rest) / n
	m.rest = (math.FMA(-m.mean, n, sum) + rest) / n // the remainder of the division
	squares := 0.0
	for _, v := range x {
		d := (v - m.mean) - m.rest
		squares += float64(d * d)
	}
	m.SD = math.Sqrt(squares / (n - 1))
}

// median returns the middle value of sorted ones, or the mean of the middle two.
func median(sorted []float64) float64 {
	n := len(sorted)
	low, high := sorted[(n-1)/2], sorted[n/2]
	if sum := low + high; !math.IsInf(sum, 0) {
		return sum / 2
	}
	return low/2 + high/2
}
