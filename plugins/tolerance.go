package plugins

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Tolerance says how far two values of a score may lie apart that come from equal rows and settings, but from machines of two
// numeric classes (see Numeric), or from builds by two releases of Go. On one class equal inputs give equal bytes, and there is
// nothing to tolerate.
//
// It is the greatest of what its fields allow, and holds for the ends of an interval as for the value. It is of the arithmetic of the metric
// and of the models that it fits, and of nothing else: rows that a strategy makes may differ between classes by more, and with
// them any score.
type Tolerance struct {
	Absolute float64 `json:"absolute,omitempty"` // in the unit of the score
	Relative float64 `json:"relative,omitempty"` // of the greater of the two values, by size
	// Rows, of a share: so many of the N rows that the value rests on may fall on the other side of a comparison.
	Rows int    `json:"rows,omitempty"`
	Why  string `json:"why"` // what may come out otherwise; one line
}

// What Rounding allows, by the range of a score or, where it has none, by the value; and why.
const (
	RoundingSize = 1e-9
	RoundingWhy  = "sums are rounded at other places"
)

// Rounding is what a score tolerates that states nothing: sums of float64 that are rounded at other places. It is less than what one
// row moves a share of, as long as there are fewer than 1e9, so that a count that is another one never passes. Between amd64 with and
// without fused multiplication, and 386, scores of formulas in closed form were apart by 3e-14 of their size at most, or of 1 where
// that is greater: make classes.
func Rounding(s ScoreInfo) Tolerance {
	const least = 1e-12 // near 0 a share of the value is nothing
	t := Tolerance{Absolute: RoundingSize * (s.Max - s.Min), Why: RoundingWhy}
	if math.IsInf(t.Absolute, 0) {
		t.Absolute, t.Relative = least, RoundingSize
	}
	return t
}

// What metrics state that rounding can make to come out otherwise. The figures that are said to be measured are of three worlds of
// 3,000 rows of train, and 2,000 each of test and synthetic ones.

// Ties is the tolerance of shares of rows that are nearer to one row than to another by the Euclidean distance, whose squares are
// rounded otherwise where they are fused with sums: rows at equal distances may change places. Measured: an AUROC moved by two of six million
// pairs of rows, and no share at all. Gower's distance has no such products, and its ties are the same everywhere.
func Ties() Tolerance {
	return Tolerance{Rows: 2, Why: "of rows at equal distances others may be nearer"}
}

// Fitted is the tolerance of what rests on a logistic regression: its steps end where the gradient is below 1e-8, and may do so one earlier
// or later. Measured: 4e-15.
func Fitted() Tolerance {
	return Tolerance{Absolute: 1e-6, Rows: 2, Why: "the steps of a fit may end one earlier or later"}
}

// Trees is the tolerance of what rests on boosted trees: of splits that gain equally much another may be taken, and trees grown on are
// others from there. Measured: no split; where gains were changed by 1e-6 or 1e-4 of themselves, to force some, rankings and losses over
// 2,000 rows moved by up to 0.0035, and calibration by 0.0043.
func Trees() Tolerance { return trees(0.01) }

// TreesDecide is the same of decisions at a threshold that is chosen by few rows, or of scores of groups and sites, which have few.
// Measured with the same changes: precision, recall and specificity moved by up to 0.042 at a chosen threshold, an AUROC of one site by
// 0.029 and a rate of one group by 0.015.
func TreesDecide() Tolerance { return trees(0.05) }

func trees(absolute float64) Tolerance {
	return Tolerance{Absolute: absolute, Rows: 2, Why: "of splits that gain equally much a tree may take another"}
}

// Agree states a tolerance for scores that state none: those with the given names or, without names, all but descriptions, which follow
// from counts.
func Agree(t Tolerance, scores []ScoreInfo, names ...string) []ScoreInfo {
	out := slices.Clone(scores)
	for i := range out {
		if s := &out[i]; s.Tolerance == nil && (slices.Contains(names, s.Name) || len(names) == 0 && s.NoInterval != Description) {
			s.Tolerance = &t
		}
	}
	return out
}

// Agreement is the tolerance of a score: what it states, and never less than Rounding.
func (s ScoreInfo) Agreement() Tolerance {
	least := Rounding(s)
	if s.Tolerance == nil {
		return least
	}
	t := *s.Tolerance
	t.Absolute, t.Relative = max(t.Absolute, least.Absolute), max(t.Relative, least.Relative)
	return t
}

// Allows is how far two values may lie apart that rest on n rows.
func (t Tolerance) Allows(a, b float64, n int) float64 {
	out := max(t.Absolute, t.Relative*max(math.Abs(a), math.Abs(b)))
	if t.Rows > 0 && n > 0 {
		out = max(out, float64(t.Rows)/float64(n))
	}
	return out
}

// String is e.g. "0.01, or 2 rows of n".
func (t Tolerance) String() string {
	var parts []string
	if t.Absolute > 0 {
		parts = append(parts, fmt.Sprintf("%.3g", t.Absolute))
	}
	if t.Relative > 0 {
		parts = append(parts, fmt.Sprintf("%.3g of the value", t.Relative))
	}
	if t.Rows > 0 {
		parts = append(parts, fmt.Sprintf("%d rows of n", t.Rows))
	}
	return strings.Join(parts, ", or ")
}
