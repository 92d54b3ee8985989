// Package contrast estimates differences of recorded scores: of two arms of one experiment, or of one arm in two versions of it.
//
// It pairs what has the same seed and the same test rows, and says how sure the mean difference is, and which difference it could
// have found.
package contrast

import (
	"github.com/ehrlab/ehrlab/runner/record"
)

// Pair is a score that was measured twice, on cells that differ in what is compared alone. A or B without a value keeps its reason.
type Pair struct {
	A, B *record.Score
}

// Effect is the mean of A less B over pairs, in the unit of the score.
type Effect struct {
	Value, Low, High, Level float64
	P                       float64 // two-sided, of no difference
	N, Of                   int     // pairs with both values, and pairs planned
	Unit, Method            string  // of the interval, e.g. "seeds × test subjects"
	SE                      float64
	Same                    bool // all pairs have equal values: nothing varies, and nothing differs

	// Detectable is the smallest true difference that would be found, in either direction, with a power of 0.8: by an interval of this
	// coverage, with as many pairs and test rows.
	Detectable float64
}
