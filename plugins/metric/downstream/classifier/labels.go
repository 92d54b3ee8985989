package classifier

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/label"
)

// Undefined is the reason why nothing can be measured on an input.
type Undefined string

// Error returns the reason.
func (u Undefined) Error() string { return string(u) }

// Labels reads the labels of a pair, so that all rows have the same positive class.
type Labels struct {
	target   string
	kind     frame.Kind
	positive string
	known    []string // the levels of a Category target that real rows have
}

// NewLabels checks the real labels of some parts, and settles the positive class on the first of them that has two classes.
//
// The error is an Undefined when no part has two classes. It is another one when the data set has no target, or a real label is
// missing or one of more than two.
func NewLabels(pair *plugins.Pair, parts ...plugins.Part) (*Labels, error) {
	if pair.Target == "" {
		return nil, errors.New("the data set has no target, which a downstream task needs")
	}
	l := &Labels{target: pair.Target}
	rows := 0
	for _, part := range parts {
		f := pair.Parts.Get(part).Frame
		c := f.Column(pair.Target)
		if c == nil {
			return nil, fmt.Errorf("the %s part has no target column %q", part, pair.Target)
		}
		l.kind = c.Kind
		if f.Rows() == 0 {
			continue
		}
		rows += f.Rows()
		l.known = append(l.known, c.Levels...)
		if _, err := label.Binary(c, ""); errors.Is(err, label.ErrOneClass) {
			continue
		} else if err != nil {
			return nil, fmt.Errorf("%s part: %w", part, err)
		}
		if l.positive == "" {
			l.positive, _ = label.Positive(c) // Binary has found two classes
		}
	}
	of := "real"
	if len(parts) == 1 {
		of = string(parts[0])
	}
	return l, l.settle(rows, of)
}

// settle checks what was found in so many rows, which are named as what they are of.
func (l *Labels) settle(rows int, of string) error {
	slices.Sort(l.known)
	l.known = slices.Compact(l.known)
	switch {
	case len(l.known) > 2:
		return fmt.Errorf("target %q has %d levels in the %s rows; two are needed", l.target, len(l.known), of)
	case l.positive == "" && rows > 0:
		return Undefined("the " + of + " rows have one label class")
	case l.positive == "":
		return Undefined("there are no " + of + " rows")
	}
	return nil
}

// Synthetic returns the synthetic rows that have a label, and which they are, ascending.
//
// The error is an Undefined when they have a label that real rows have not.
func (l *Labels) Synthetic(f *frame.Frame) (rows Rows, kept []int, err error) {
	c := f.Column(l.target)
	if c == nil {
		return Rows{}, nil, fmt.Errorf("the synthetic rows have no target column %q", l.target)
	}
	if c.Kind != l.kind {
		return Rows{}, nil, fmt.Errorf("target %q is a %s in the real rows and a %s in the synthetic ones", l.target, l.kind, c.Kind)
	}
	kept = make([]int, 0, f.Rows())
	for i := range f.Rows() {
		if !c.IsMissing(i) {
			kept = append(kept, i)
		}
	}
	if len(kept) < f.Rows() {
		f = f.Take(kept)
		c = f.Column(l.target)
	}
	for _, level := range c.Levels {
		if !slices.Contains(l.known, level) {
			return Rows{}, nil, Undefined("the synthetic rows have a label that the real rows have not")
		}
	}
	for _, v := range c.Numbers {
		if v != 0 && v != 1 {
			return Rows{}, nil, Undefined("the synthetic rows have a label that is neither 0 nor 1")
		}
	}
	return l.Rows(f), kept, nil
}

// Rows returns rows with their labels. Each row has to have one of the labels that NewLabels or Synthetic have found good.
func (l *Labels) Rows(f *frame.Frame) Rows {
	c := f.Column(l.target)
	y := make([]bool, f.Rows())
	for i := range y {
		if c.Kind == frame.Category {
			y[i] = c.Levels[c.Codes[i]] == l.positive
		} else {
			y[i] = c.Numbers[i] == 1 // "1" is the positive class of every Number target
		}
	}
	return Rows{Frame: f, Y: y}
}
