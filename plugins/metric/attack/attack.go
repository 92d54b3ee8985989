// Package attack is what privacy attacks share: who is attacked and who is the control, how often attacks succeed, and
// how well a score of an attack tells members from non-members.
//
// Members are rows that the generator has seen, or may have seen; the others are rows of the test part, which it has
// not. An attack that succeeds as often on the others as on the members has learned of the population, not of a patient.
package attack

import (
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Version is raised when equal pairs may give other rosters, rates or readings.
const Version = 1

// Use is what a metric that builds on this package lists in Info.Uses.
func Use() plugins.Use { return plugins.Use{Name: "attack", Version: Version} }

// The groups of members.
const (
	Exposed = "exposed" // the rows of train that the generator has seen, as Pair.Exposed says
	Train   = "train"   // all rows of train, seen or not
)

// The best values of scores of an attack that calls members those above the median, which chance gives: less is no safer.
const (
	ChancePrecision = "the share t of members"
	ChanceF1        = "t/(t + 0.5), t the share of members"
)

// CheckLevel returns an error unless level is a coverage in (0,1).
func CheckLevel(level float64) error {
	if !(level > 0 && level < 1) {
		return fmt.Errorf("level is %v; want a coverage between 0 and 1", level)
	}
	return nil
}

// Undefined is why an attack cannot be mounted on an input. Metrics report it as the reason of their scores.
type Undefined string

// Error returns the reason.
func (u Undefined) Error() string { return string(u) }

// Select returns the named columns of a frame. The error is Undefined when a column is not among them: a cell's
// features need not hold every column that an experiment names.
func Select(f *frame.Frame, names []string) (*frame.Frame, error) {
	for _, n := range names {
		if f.Column(n) == nil {
			return nil, Undefined(fmt.Sprintf("column %q is not among the features", n))
		}
	}
	return f.Select(names...)
}

// Complete returns the rows of a frame, from 0, that have a value in every named column.
func Complete(f *frame.Frame, names []string) []int {
	var rows []int
	for i := range f.Rows() {
		if !slices.ContainsFunc(names, func(n string) bool { return f.Column(n).IsMissing(i) }) {
			rows = append(rows, i)
		}
	}
	return rows
}

// Same is an error when the synthetic rows lack a column of the real ones or hold it in the other kind.
func Same(real, synthetic *frame.Frame) error {
	for _, c := range real.Columns() {
		switch s := synthetic.Column(c.Name); {
		case s == nil:
			return fmt.Errorf("the synthetic rows have no column %q", c.Name)
		case s.Kind != c.Kind:
			return fmt.Errorf("column %q is a %s in the real rows and a %s in the synthetic ones", c.Name, c.Kind, s.Kind)
		}
	}
	return nil
}

// AllUndefined returns every score of a metric without a value, for the given dimensions.
func AllUndefined(infos []plugins.ScoreInfo, dims map[string]string, reason string) []plugins.Score {
	out := make([]plugins.Score, len(infos))
	for i, s := range infos {
		out[i] = plugins.Score{Name: s.Name, Dims: dims, Status: plugins.Undefined, Reason: reason}
	}
	return out
}

// Distinct returns the first of equal rows of a frame, in order; missing values are equal.
func Distinct(f *frame.Frame) *frame.Frame {
	cells, err := NewCells(f.Names(), nil, f)
	if err != nil { // the frame has its own columns
		panic(err)
	}
	var rows []int
	for i, cell := range cells.Rows[0] {
		if int(cell) == len(rows) { // cells are numbered by first occurrence
			rows = append(rows, i)
		}
	}
	if len(rows) == f.Rows() {
		return f
	}
	return f.Take(rows)
}

// OnlyComplete returns the rows of exposed, test and synthetic rows that have a value in all of the columns, and a note
// of how many have not; it is empty when all have.
func OnlyComplete(sides []*frame.Frame, columns []string) ([]*frame.Frame, string) {
	out := make([]*frame.Frame, len(sides))
	lost := false
	shares := make([]string, len(sides))
	for k, f := range sides {
		kept := Complete(f, columns)
		out[k] = f.Take(kept)
		lost = lost || len(kept) < f.Rows()
		shares[k] = fmt.Sprintf("%.1f %%", 100*float64(f.Rows()-len(kept))/float64(max(1, f.Rows())))
	}
	if !lost {
		return sides, ""
	}
	return out, fmt.Sprintf("rows left out for a missing value: %s of the exposed, %s of the test, %s of the synthetic rows", shares[0], shares[1], shares[2])
}

// Need estimates what an attack needs that goes through the synthetic rows for every real one: three copies of the values,
// and one thread for each 50,000 of them.
func Need(s plugins.Size) plugins.Need {
	values := int64(s.Rows+s.N) * int64(s.Columns)
	return plugins.Need{Threads: int(min(max(values/50_000, 1), 8)), Bytes: 8 * 3 * values}
}
