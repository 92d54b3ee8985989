// Package contrast estimates differences of recorded scores: of two arms of one experiment, or of one arm in two versions of it.
//
// It pairs what has the same seed and the same test rows, and says how sure the mean difference is, and which difference it could
// have found. Both the tables of a report and the verdicts of a check are made of it, so that they agree.
package contrast

import (
	"errors"
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins/stats"
	"github.com/ehrlab/ehrlab/runner/record"
)

// Power is the chance to find the difference that is called detectable.
const Power = 0.8

// ErrTestRows says that two scores are no pair.
var ErrTestRows = errors.New("the two were not rated on the same test rows")

// ErrNoPairs says that there is nothing to estimate.
var ErrNoPairs = errors.New("no pair has both values")

// Pair is a score that was measured twice, on cells that differ in what is compared alone.
type Pair struct {
	A, B         *record.Score // nil where there is none
	CellA, CellB string        // ids; empty where there is no such cell
	Label        string        // what tells the pair from the others, e.g. "seed 3"

	// Unit is what varies by chance from pair to pair, e.g. "3" of the seeds. Pairs of one unit count as one value, their mean; where Part
	// tells them apart, by such as the sample size, a unit needs all parts. Pairs without a unit are one each.
	Unit, Part string

	// Why says why one of the two has no value; empty where both have.
	Why string
}

// Left is a pair that a difference is estimated without.
type Left struct {
	Label string
	Why   string
}

// Effect is the mean of A less B, in the unit of the score.
type Effect struct {
	Value float64

	// Low and High are the interval of coverage Level. Where there is none, Unsure says why; they are then infinite, P is 1
	// and Detectable 0, which claims nothing.
	Low, High, Level float64
	Unsure           string
	P                float64 // two-sided, of no difference: 1 less the coverage of the interval that ends at 0
	Unit, Method     string  // of the interval, e.g. "seeds × test subjects"

	N, Of int    // pairs that Value is the mean of, and pairs planned
	Left  []Left // the others
	Units int    // values that the pairs came to, each of one unit
	Same  bool   // all pairs have equal values: nothing differs
	SE    float64

	// Detectable is the smallest true difference, in either direction, of which an interval of this coverage excludes 0 with
	// probability Power: with as many pairs and test rows, and as much variation as was observed.
	Detectable float64

	estimate *stats.Estimate // nil where there is no interval
	constant bool            // the difference does not vary at all

	// chance is the two-sided p-value of a difference that does not vary: there is no scale to measure it on, and a few values may agree
	// by coincidence.
	chance float64
}

// Spread returns the standard deviation of the difference over units, and the standard error that the sampling of the test rows leaves
// (0 where it is not known); ok is false where the first is not known. See stats.Planned.
func (e *Effect) Spread() (overUnits, ofRows float64, ok bool) {
	if e.estimate == nil {
		return 0, 0, false
	}
	return math.Sqrt(e.estimate.Generation * float64(e.Units)), math.Sqrt(e.estimate.Units), e.Units > 1
}

// At returns the interval with another coverage: infinite where there is none.
func (e *Effect) At(level float64) (low, high float64, err error) {
	still := e.constant || e.estimate == nil
	switch {
	case !(level > 0 && level < 1):
		return 0, 0, stats.ErrLevel
	case e.Same && still, e.constant && e.chance <= 1-level:
		return e.Value, e.Value, nil
	case still:
		return math.Inf(-1), math.Inf(1), nil
	}
	return e.estimate.Interval(level)
}

// UnsureAt says why there is no interval of another coverage; empty where there is one.
func (e *Effect) UnsureAt(level float64) string {
	if e.Unsure == "" && e.constant && !e.Same && e.chance > 1-level {
		return fmt.Sprintf("%d values that do not vary are too few to tell a difference from a coincidence", e.Units)
	}
	return e.Unsure
}

// DetectableAt returns what Detectable is for an interval of another coverage; 0 where there is no interval, or nothing varies.
func (e *Effect) DetectableAt(level float64) (float64, error) {
	if e.estimate == nil || e.constant {
		return 0, nil
	}
	return e.estimate.Detectable(level, Power)
}

// PAgainst returns the two-sided p-value of the hypothesis that the true difference is null; 1 where nothing is known.
func (e *Effect) PAgainst(null float64) float64 {
	switch {
	case e.Value == null:
		return 1
	case e.constant || e.estimate == nil && e.Same:
		return e.chance
	case e.estimate == nil:
		return 1
	}
	return e.estimate.P(null)
}

// Equivalent returns the p-value of the hypothesis that the true difference is margin or more in size, by two one-sided tests; no less
// than 1/2 where nothing is known. It returns stats.ErrMargin unless margin is greater than 0 and finite.
//
// Source: D. J. Schuirmann (1987), J. Pharmacokinet. Biopharm. 15(6), 657–680.
func (e *Effect) Equivalent(margin float64) (float64, error) {
	if !(margin > 0) || math.IsInf(margin, 0) {
		return 0, stats.ErrMargin
	}
	nearer := e.PAgainst(math.Copysign(margin, e.Value)) / 2 // the other bound is farther, and its p-value smaller
	if math.Abs(e.Value) >= margin {
		return 1 - nearer, nil
	}
	return nearer, nil
}
