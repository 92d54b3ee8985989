// Package stats computes statistics of scores and predictions: ranks, correlations, measures of binary
// predictions, and intervals. It is a plain library: it knows frames and plugins only by the numbers it is handed.
//
// Missing values are the caller's business: no argument may hold NaN. A quantity that its formula does not
// define on an input is an error, never NaN or 0; the error's text is fit to be printed as the reason.
package stats

import (
	"errors"
	"math"
	"slices"
)

// Version is raised when equal inputs may give other numbers; metrics that use the library name it in Info.Uses.
const Version = 3

// Why a quantity is undefined.
var (
	ErrNoRows   = errors.New("there are no rows")
	ErrOneRow   = errors.New("there are fewer than two rows")
	ErrConstant = errors.New("a column is constant")
	ErrOneClass = errors.New("the rows have one label class")
)

// Errors of a call that no data can mend.
var (
	ErrLengths = errors.New("the columns differ in length")
	ErrLevel   = errors.New("the level of an interval lies between 0 and 1")
	ErrCount   = errors.New("successes are at least 0 and at most the number of trials")
)

// Mean returns the arithmetic mean, summed in the given order. It returns ErrNoRows for no values.
func Mean(x []float64) (float64, error) {
	if len(x) == 0 {
		return 0, ErrNoRows
	}
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x)), nil
}

// SD returns the sample standard deviation (divisor n-1), in two passes. It is 0 where all values are equal, and nowhere else unless
// squares vanish. It returns ErrOneRow for n < 2.
func SD(x []float64) (float64, error) {
	if len(x) < 2 {
		return 0, ErrOneRow
	}
	if slices.Min(x) == slices.Max(x) { // the mean of equal values may be another number, by rounding
		return 0, nil
	}
	m, _ := Mean(x)
	sum := 0.0
	for _, v := range x {
		sum += (v - m) * (v - m)
	}
	return math.Sqrt(sum / float64(len(x)-1)), nil
}

// Percentile returns the q-quantile of sorted values, 0 ≤ q ≤ 1, interpolating linearly between the order
// statistics around h = (n-1)q. q outside [0,1] is taken as the nearer end. It returns ErrNoRows for no values.
//
// Source: R. J. Hyndman, Y. Fan (1996), The American Statistician 50(4), 361–365, definition 7.
func Percentile(sorted []float64, q float64) (float64, error) {
	if len(sorted) == 0 {
		return 0, ErrNoRows
	}
	h := float64(len(sorted)-1) * min(max(q, 0), 1)
	below := int(h)
	if below+1 >= len(sorted) {
		return sorted[len(sorted)-1], nil
	}
	return sorted[below] + (h-float64(below))*(sorted[below+1]-sorted[below]), nil
}

// MidRanks returns the rank of each value, from 1; tied values share the mean of their ranks.
func MidRanks(x []float64) []float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case x[a] < x[b]:
			return -1
		case x[a] > x[b]:
			return 1
		}
		return 0
	})
	ranks := make([]float64, len(x))
	for start := 0; start < len(order); {
		end := start + 1
		for end < len(order) && x[order[end]] == x[order[start]] {
			end++
		}
		for _, row := range order[start:end] {
			ranks[row] = float64(start+1+end) / 2
		}
		start = end
	}
	return ranks
}
