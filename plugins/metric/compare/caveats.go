package compare

import (
	"fmt"
	"math"

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

// add counts one part of a mean.
func (l *LeftOut) add(v Value) {
	switch {
	case v.Reason == "" && !math.IsInf(v.Number, 0) && !math.IsNaN(v.Number):
	case v.Side == Synthetic:
		l.Synthetic++
	default:
		l.Real++
	}
}

// warnings says what a mean leaves out.
func (l LeftOut) warnings(part plugins.Part) []string {
	var warnings []string
	if l.Real > 0 {
		warnings = append(warnings, fmt.Sprintf("%d of %d %s left out: undefined in the %s rows", l.Real, l.All, l.What, part))
	}
	if l.Synthetic > 0 {
		warnings = append(warnings, fmt.Sprintf("%d of %d %s left out: undefined in the synthetic rows only, where they are constant or missing", l.Synthetic, l.All, l.What))
	}
	return warnings
}

// Caveats returns the warnings of a mean over the named columns: what it leaves out, and how much missing values,
// which it does not see either, differ between the sides.
func (s *Sides) Caveats(out LeftOut, names []string) []string {
	warnings := out.warnings(s.Part)
	if w := s.missingness(names); w != "" {
		warnings = append(warnings, w)
	}
	return warnings
}

// missingness names the column whose share of missing values differs most between the sides, the first of equals,
// if by five percentage points or more; else it is empty.
func (s *Sides) missingness(names []string) string {
	real, synthetic := s.Real.Rows(), s.Synthetic.Rows()
	out, most := "", max(1, (real*synthetic+19)/20) // five points, in units of 1/(real·synthetic): whole numbers, so exact
	for _, n := range names {
		lostReal, lostSynthetic := s.Missing(s.Part, n), s.Missing(Synthetic, n)
		d := lostReal*synthetic - lostSynthetic*real
		if d = max(d, -d); d >= most {
			most = d + 1
			out = fmt.Sprintf("missing values do not count here: their share differs most in column %q, %s of the %s rows and %s of the synthetic rows",
				n, percent(lostReal, real), s.Part, percent(lostSynthetic, synthetic))
		}
	}
	return out
}
