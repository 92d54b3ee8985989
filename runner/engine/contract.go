package engine

import (
	"fmt"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// checkGenerated holds a strategy to its contract: n rows with the columns, kinds and order of its input, rows of it that were
// seen, and groups of the rows.
func checkGenerated(out *plugins.Generated, like *frame.Frame, n int) error {
	if err := checkRows(out.Frame, like, n); err != nil {
		return err
	}
	last := -1
	for _, row := range out.Exposed {
		if row <= last || row >= like.Rows() {
			return &BugError{What: fmt.Sprintf("says it has seen row %d after row %d, of %d", row, last, like.Rows())}
		}
		last = row
	}
	return checkStrata(out.Strata, n)
}

// checkStrata holds groups of n synthetic rows to their contract.
func checkStrata(s *plugins.Strata, n int) error {
	if s == nil {
		return nil
	}
	if len(s.Codes) != n || len(s.Shares) != len(s.Levels) {
		return &BugError{What: fmt.Sprintf("groups %d rows, and gives %d shares for %d groups", len(s.Codes), len(s.Shares), len(s.Levels))}
	}
	sum := 0.0
	for _, share := range s.Shares {
		if !(share >= 0) {
			return &BugError{What: fmt.Sprintf("gives a group the share %g", share)}
		}
		sum += share
	}
	if !(math.Abs(sum-1) < 1e-6) {
		return &BugError{What: fmt.Sprintf("gives groups shares that sum to %g", sum)}
	}
	for _, code := range s.Codes {
		if code < 0 || int(code) >= len(s.Levels) {
			return &BugError{What: fmt.Sprintf("puts a row into group %d of %d", code, len(s.Levels))}
		}
	}
	return nil
}

// checkRows holds synthetic rows to the columns, kinds and order of what the strategy read.
func checkRows(got, like *frame.Frame, n int) error {
	if got == nil || got.Rows() != n || !slices.Equal(got.Names(), like.Names()) {
		if got == nil {
			return &BugError{What: "delivered no table"}
		}
		return &BugError{What: fmt.Sprintf("delivered %d rows of columns %q, not %d of %q", got.Rows(), got.Names(), n, like.Names())}
	}
	for i, c := range got.Columns() {
		if want := like.Columns()[i]; c.Kind != want.Kind || c.Unit != want.Unit {
			return &BugError{What: fmt.Sprintf("delivered column %q as a %s in %q, not a %s in %q", c.Name, c.Kind, c.Unit, want.Kind, want.Unit)}
		}
		for _, v := range c.Numbers {
			if math.IsInf(v, 0) {
				return &BugError{What: fmt.Sprintf("delivered an infinite value in column %q", c.Name)}
			}
		}
	}
	return nil
}

// checkMeasurement holds a metric to what it declared, before its output is stored: a stored output would be
// found again by every rerun.
func checkMeasurement(m *plugins.Measurement, info *plugins.Info) error {
	for _, s := range m.Scores {
		if err := checkScore(s, info); err != nil {
			return err
		}
	}
	for _, c := range m.Curves {
		for _, y := range [][]float64{c.X, c.Y, c.Low, c.High} {
			if y != nil && len(y) != len(c.X) {
				return &BugError{What: fmt.Sprintf("curve %q has %d values beside %d points", c.Name, len(y), len(c.X))}
			}
			if slices.ContainsFunc(y, notFinite) {
				return &BugError{What: fmt.Sprintf("curve %q has a value that is not a number", c.Name)}
			}
		}
	}
	return nil
}

func notFinite(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) }

func checkScore(s plugins.Score, info *plugins.Info) error {
	i := slices.IndexFunc(info.Scores, func(x plugins.ScoreInfo) bool { return x.Name == s.Name })
	if i < 0 {
		return &BugError{What: fmt.Sprintf("returned the score %q, which it does not declare", s.Name)}
	}
	declared := info.Scores[i]
	const rounding = 1e-9
	slack := rounding * max(1, math.Abs(s.Value))
	switch {
	case s.Status == plugins.Undefined && s.Reason == "":
		return &BugError{What: fmt.Sprintf("score %q is undefined without a reason", s.Name)}
	case s.Status != plugins.OK && s.Status != plugins.Undefined:
		return &BugError{What: fmt.Sprintf("score %q has the status %q", s.Name, s.Status)}
	case notFinite(s.Value):
		return &BugError{What: fmt.Sprintf("score %q is not a number", s.Name)}
	case s.Status == plugins.OK && (s.Value < declared.Min-slack || s.Value > declared.Max+slack):
		return &BugError{What: fmt.Sprintf("score %q is %g, outside its range [%g, %g]", s.Name, s.Value, declared.Min, declared.Max)}
	case s.N < 0:
		return &BugError{What: fmt.Sprintf("score %q rests on %d rows", s.Name, s.N)}
	}
	for dim := range s.Dims {
		if !slices.Contains(declared.Dims, dim) {
			return &BugError{What: fmt.Sprintf("score %q has the dimension %q, which it does not declare", s.Name, dim)}
		}
	}
	if iv := s.Interval; iv != nil && s.Status == plugins.OK {
		if notFinite(iv.Low) || notFinite(iv.High) || iv.Low > iv.High || !(iv.Level > 0 && iv.Level < 1) || iv.Unit == "" {
			return &BugError{What: fmt.Sprintf("score %q has no proper interval: %+v", s.Name, *iv)}
		}
	}
	return nil
}
