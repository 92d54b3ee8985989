// Package compare prepares what fidelity metrics compare: a part of the real data and the synthetic rows.
//
// Sorted columns and tables of counts are made once for a plugins.Pair and shared by all metrics. Which
// number is made of them is left to the metrics. The columns are the selected features and the target: a
// marginal metric rates the label's distribution like any other.
package compare

import (
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Version is raised when equal pairs may be prepared otherwise.
const Version = 2

// Use is what a metric that builds on this package lists in Info.Uses.
func Use() plugins.Use { return plugins.Use{Name: "compare", Version: Version} }

// Need estimates what a metric needs that keeps copies of the values of both sides and spreads columns over
// threads: one thread for each quarter of a million values, which are sorted in about 20 ms.
func Need(copies int) func(plugins.Size) plugins.Need {
	return func(s plugins.Size) plugins.Need {
		values := int64(s.Rows+s.N) * int64(s.Columns)
		return plugins.Need{Threads: int(min(max(values/250_000, 1), 8)), Bytes: 8 * values * int64(copies)}
	}
}

// Synthetic names the synthetic side, beside the parts that name the real one.
const Synthetic plugins.Part = "synthetic"

// Sides are the two frames of a comparison. They have the same columns, each of the same kind.
type Sides struct {
	Part      plugins.Part // where Real comes from
	Real      *frame.Frame
	Synthetic *frame.Frame
	pair      *plugins.Pair
}

// CheckPart returns an error unless part is one that fidelity may be measured against.
func CheckPart(part plugins.Part) error {
	if part != plugins.Test && part != plugins.Train {
		return fmt.Errorf("part is %q; want %q or %q", part, plugins.Test, plugins.Train)
	}
	return nil
}

// OnePart is embedded by metrics that read one part of the real data, which a setting names, and no other: it is their plugins.Selective.
type OnePart plugins.Part

// Reads implements plugins.Selective.
func (p OnePart) Reads() []plugins.Part { return []plugins.Part{plugins.Part(p)} }

// New returns the sides of a comparison with a part of the real data.
//
// It is an error when the synthetic rows lack a column of the part, have a further one, or hold one of another kind.
func New(pair *plugins.Pair, part plugins.Part) (*Sides, error) {
	s := &Sides{Part: part, Real: pair.Parts.Get(part).Frame, Synthetic: pair.Synthetic, pair: pair}
	for _, real := range s.Real.Columns() {
		synthetic := s.Synthetic.Column(real.Name)
		if synthetic == nil {
			return nil, fmt.Errorf("the synthetic rows have no column %q", real.Name)
		}
		if synthetic.Kind != real.Kind {
			return nil, fmt.Errorf("column %q is a %s in the %s part and a %s in the synthetic rows", real.Name, real.Kind, part, synthetic.Kind)
		}
	}
	for _, synthetic := range s.Synthetic.Columns() {
		if s.Real.Column(synthetic.Name) == nil {
			return nil, fmt.Errorf("the synthetic rows have a column %q that the %s part lacks", synthetic.Name, part)
		}
	}
	return s, nil
}

// Names returns the names of the columns of the given kinds, in order of the real part.
func (s *Sides) Names(kinds ...frame.Kind) []string {
	var names []string
	for _, c := range s.Real.Columns() {
		if slices.Contains(kinds, c.Kind) {
			names = append(names, c.Name)
		}
	}
	return names
}

// The values of a setting "columns": all that a metric can compare, or the continuous ones alone.
const (
	AllColumns = "all"
	Continuous = "continuous"
)

// CheckColumns returns an error unless columns is AllColumns or Continuous.
func CheckColumns(columns string) error {
	if columns != AllColumns && columns != Continuous {
		return fmt.Errorf("columns is %q; want %q or %q", columns, AllColumns, Continuous)
	}
	return nil
}

// Continuous returns the names of the Number columns that have more than two distinct values in the real rows, in order: those
// that are no flags, and not constant.
func (s *Sides) Continuous() []string {
	var names []string
	for _, name := range s.Names(frame.Number) {
		sorted := s.Sorted(s.Part, name)
		if n := len(sorted); n > 0 && slices.ContainsFunc(sorted, func(v float64) bool { return v != sorted[0] && v != sorted[n-1] }) {
			names = append(names, name)
		}
	}
	return names
}

// Frame returns one of the two frames: that of Synthetic or of the real part.
func (s *Sides) Frame(side plugins.Part) *frame.Frame {
	if side == Synthetic {
		return s.Synthetic
	}
	return s.Real
}

// Prepare is plugins.Prepare for what is made of one of the two sides; see there for key.
func Prepare[T any](s *Sides, side plugins.Part, key any, make func() (T, error)) (T, error) {
	return plugins.Prepare(s.pair, sideKey{side: side, key: key}, make)
}

type sideKey struct {
	side plugins.Part
	key  any
}

// Lacks says why nothing can be compared that needs a row on both sides and some number of columns; empty when it can.
func (s *Sides) Lacks(columns int) string {
	switch {
	case s.Real.Rows() == 0:
		return fmt.Sprintf("there are no %s rows", s.Part)
	case s.Synthetic.Rows() == 0:
		return "there are no synthetic rows"
	case len(s.Real.Columns()) < columns:
		return fmt.Sprintf("there are fewer than %d columns", columns)
	}
	return ""
}
