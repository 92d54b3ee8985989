package compare

import (
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
)

// LeftOut counts what a mean leaves out because it is undefined, apart for the two sides: what the synthetic rows
// alone leave undefined is a fault of the generator.
type LeftOut struct {
	What      string // in the plural: "columns"
	All       int
	Real      int // undefined in the real rows, whatever the synthetic ones are
	Synthetic int // undefined in the synthetic rows only
}

// Counts is the account of what is compared and left out.
func (l LeftOut) Counts() []plugins.Count {
	return []plugins.Count{
		{Name: l.What + " compared", Value: l.All - l.Real - l.Synthetic},
		{Name: l.What + " undefined in the real rows", Value: l.Real},
		{Name: l.What + " undefined in the synthetic rows only", Value: l.Synthetic},
	}
}

// Caveats returns the warnings of a mean over the named columns: what it leaves out, and how much missing values,
// which it does not see either, differ between the sides.
func (s *Sides) Caveats(out LeftOut, names []string) []string {
	var warnings []string
	if out.Real > 0 {
		warnings = append(warnings, fmt.Sprintf("%d of %d %s left out: undefined in the %s rows", out.Real, out.All, out.What, s.Part))
	}
	if out.Synthetic > 0 {
		warnings = append(warnings, fmt.Sprintf("%d of %d %s left out: undefined in the synthetic rows only, where they are constant or missing", out.Synthetic, out.All, out.What))
	}
	if w := s.missingness(names); w != "" {
		warnings = append(warnings, w)
	}
	return warnings
}

// empty counts the columns that have no value on a side.
func (s *Sides) empty(names []string) LeftOut {
	out := LeftOut{What: "columns", All: len(names)}
	for _, n := range names {
		if s.Real.Column(n).MissingCount() == s.Real.Rows() {
			out.Real++
		} else if s.Synthetic.Column(n).MissingCount() == s.Synthetic.Rows() {
			out.Synthetic++
		}
	}
	return out
}

// missingness names the column whose share of missing values differs most between the sides, the first of equals,
// if by five percentage points or more; else it is empty.
func (s *Sides) missingness(names []string) string {
	real, synthetic := s.Real.Rows(), s.Synthetic.Rows()
	out, most := "", max(1, (real*synthetic+19)/20) // five points, in units of 1/(real·synthetic): whole numbers, so exact
	for _, n := range names {
		lostReal, lostSynthetic := s.Real.Column(n).MissingCount(), s.Synthetic.Column(n).MissingCount()
		d := lostReal*synthetic - lostSynthetic*real
		if d = max(d, -d); d >= most {
			most = d + 1
			out = fmt.Sprintf("missing values do not count here: their share differs most in column %q, %s of the %s rows and %s of the synthetic rows",
				n, percent(lostReal, real), s.Part, percent(lostSynthetic, synthetic))
		}
	}
	return out
}
