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
	if err := checkExposed(out, like.Rows()); err != nil {
		return err
	}
	return checkStrata(out.Strata, n)
}

// checkExposed holds the rows that a strategy says it has seen, of so many, to their contract.
func checkExposed(out *plugins.Generated, rows int) error {
	last := -1
	for _, row := range out.Exposed {
		if row <= last || row >= rows {
			return &BugError{What: fmt.Sprintf("says it has seen row %d after row %d, of %d", row, last, rows)}
		}
		last = row
	}
	return nil
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
	if got != nil && got.Rows() != n {
		return &BugError{What: fmt.Sprintf("delivered %d rows of columns %q, not %d of %q", got.Rows(), got.Names(), n, like.Names())}
	}
	return checkColumns(got, like)
}

// checkColumns holds synthetic rows to the columns, kinds and order of what the strategy read, however many they are.
func checkColumns(got, like *frame.Frame) error {
	if got == nil {
		return &BugError{What: "delivered no table"}
	}
	if !slices.Equal(got.Names(), like.Names()) {
		return &BugError{What: fmt.Sprintf("delivered columns %q, not %q", got.Names(), like.Names())}
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
