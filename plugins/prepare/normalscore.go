package prepare

import (
	"math"
	"sort"
)

// knots is how many values of train a normal-score transform, and a margin of the imputation, keeps at most: more
// would tell shares apart that train itself cannot.
const knots = 1000

// normalQuantile is the p-quantile of the standard normal distribution, 0 < p < 1.
func normalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// distinct returns the distinct ones of sorted values, and how often each is there.
func distinct(sorted []float64) (values []float64, rows []int) {
	for i, v := range sorted {
		if i == 0 || v != sorted[i-1] {
			values = append(values, v+0) // −0 is 0
			rows = append(rows, 0)
		}
		rows[len(rows)-1]++
	}
	return values, rows
}

// normalScores returns values of train, the least and the greatest among them, with the normal quantiles of their mid
// ranks. sorted has a value at least.
//
// Source: rank-based normal scores, G. Blom (1958), Statistical Estimates and Transformed Beta-Variables, with the
// mid rank minus one half over the number of rows, as A. Hazen (1914) plotted it.
func normalScores(sorted []float64) (values, scores []float64) {
	all, rows := distinct(sorted)
	below, next := 0, 0.0
	step := float64(len(sorted)) / (knots - 2) // the first and the last come on top
	for i, v := range all {
		mid := float64(below) + float64(rows[i])/2
		if len(all) <= knots || mid >= next || i == len(all)-1 {
			values = append(values, v)
			scores = append(scores, normalQuantile(mid/float64(len(sorted))))
			for next <= mid {
				next += step
			}
		}
		below += rows[i]
	}
	return values, scores
}

// along is the height at x of the lines through the points (xs, ys), both ascending; beyond the ends it goes on with
// the slope from the first point to the last, as the last two alone would depend on chance. A single point has slope 1.
func along(xs, ys []float64, x float64) float64 {
	last := len(xs) - 1
	slope := 1.0
	if last > 0 {
		slope = (ys[last] - ys[0]) / (xs[last] - xs[0])
	}
	switch i := sort.SearchFloat64s(xs, x); {
	case math.IsNaN(x):
		return x
	case i <= last && xs[i] == x:
		return ys[i]
	case i == 0:
		return ys[0] + (x-xs[0])*slope
	case i > last:
		return ys[last] + (x-xs[last])*slope
	default:
		return ys[i-1] + (x-xs[i-1])*((ys[i]-ys[i-1])/(xs[i]-xs[i-1]))
	}
}
