package downstream

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/label"
)

// undefined is the reason why nothing can be measured on an input.
type undefined string

func (u undefined) Error() string { return string(u) }

// task is what the settings make of a pair.
type task struct {
	train, test *rows
	counts      []plugins.Count
	warnings    []string
}

// untrainable says why there are no predictions to rate, or nothing.
func (t *task) untrainable() string {
	if reason := t.train.lacks(); reason != "" {
		return reason
	}
	if len(t.test.y) == 0 {
		return t.test.lacks()
	}
	return ""
}

// task picks the rows to train and test on.
func (c Config) task(env plugins.Env, pair *plugins.Pair) (*task, error) {
	read, err := newReader(pair)
	if err != nil {
		return nil, err
	}
	t := &task{}
	synthetic := pair.Synthetic
	if c.Train == syntheticRows || c.Test == syntheticRows {
		var lost int
		if synthetic, lost, err = read.labelled(synthetic); err != nil {
			return nil, err
		}
		if lost > 0 {
			t.counts = append(t.counts, plugins.Count{Name: "synthetic rows left out: label missing", Value: lost})
			t.warnings = append(t.warnings, fmt.Sprintf("%d of %d synthetic rows left out: label missing", lost, pair.Synthetic.Rows()))
		}
	}
	train, test := pair.Parts.Get(plugins.Train).Frame, pair.Parts.Get(plugins.Test).Frame
	together := true
	switch {
	case c.Train == syntheticRows && c.Test == syntheticRows:
		y := read.binary(synthetic)
		held := holdOut(env.Rand.For(plugins.ForModel, "downstream holdout"), patternsOf(synthetic, pair.Target), y, c.Holdout)
		together = held.together
		train, test = synthetic.Take(held.others), synthetic.Take(held.rows)
	case c.Train == syntheticRows:
		train = synthetic
	case c.Test == syntheticRows:
		test = synthetic
	}
	t.train = &rows{name: "training rows", frame: train, y: read.binary(train)}
	t.test = &rows{name: "test rows", frame: test, y: read.binary(test)}
	if c.Test == syntheticRows {
		t.test.unit, t.test.units, t.test.of = eachItsOwn(test.Rows()), test.Rows(), "synthetic test rows"
	} else {
		t.test.resampledBy(pair.Parts.Get(plugins.Test).Subject)
	}
	t.counts = append(t.counts,
		plugins.Count{Name: "training rows", Value: train.Rows()},
		plugins.Count{Name: "test rows", Value: test.Rows()})
	if c.Test == syntheticRows {
		t.countSeen(pair.Target, together)
	}
	return t, nil
}

// countSeen counts the test rows that have the features of a training row, and warns of them: where these are copies, a
// model recalls the label. together is false for rows that were divided one by one.
func (t *task) countSeen(target string, together bool) {
	seen, all := seenRows(t.train.frame, t.test.frame, target), t.test.frame.Rows()
	t.counts = append(t.counts, plugins.Count{Name: "test rows with the features of a training row", Value: seen})
	if seen == 0 {
		return
	}
	warning := fmt.Sprintf("%d of %d test rows (%.1f %%) have the same feature values as a training row", seen, all, 100*float64(seen)/float64(all))
	if !together {
		warning += ": too few distinct ones to keep equal rows together"
	}
	t.warnings = append(t.warnings, warning)
}

// resampledBy makes the subjects the units of the rows; without subjects each row is one. A row whose subject is
// missing is a unit of its own.
func (r *rows) resampledBy(subject *frame.Column) {
	n := r.frame.Rows()
	if subject == nil {
		r.unit, r.units, r.of = eachItsOwn(n), n, "test rows"
		return
	}
	r.unit, r.of = make([]int32, n), "test subjects"
	ids := map[uint64]int32{}
	for i := range n {
		id := int32(r.units)
		if !subject.IsMissing(i) {
			key := bits(subject, i)
			if known, ok := ids[key]; ok {
				r.unit[i] = known
				continue
			}
			ids[key] = id
		}
		r.unit[i] = id
		r.units++
	}
}

func eachItsOwn(n int) []int32 {
	unit := make([]int32, n)
	for i := range unit {
		unit[i] = int32(i)
	}
	return unit
}

// bits tells the values of a column apart: equal for equal values, missing ones included.
func bits(c *frame.Column, row int) uint64 {
	switch {
	case c.Kind == frame.Category:
		return uint64(uint32(c.Codes[row]))
	case c.IsMissing(row):
		return math.Float64bits(math.NaN()) // there is more than one NaN
	}
	return math.Float64bits(c.Numbers[row] + 0) // -0 + 0 is 0
}

// reader reads labels of a pair.
type reader struct {
	target   string
	kind     frame.Kind
	positive string
	known    []string // the levels of a Category target that real rows have
}

// newReader checks the real labels, and settles the positive class on the train part, or on the test part when the
// train part has one class only.
func newReader(pair *plugins.Pair) (*reader, error) {
	if pair.Target == "" {
		return nil, errors.New("the data set has no target, which a downstream task needs")
	}
	r := &reader{target: pair.Target}
	var oneClass error
	for _, part := range []plugins.Part{plugins.Train, plugins.Test} {
		f := pair.Parts.Get(part).Frame
		c := f.Column(pair.Target)
		if c == nil {
			return nil, fmt.Errorf("the %s part has no target column %q", part, pair.Target)
		}
		r.kind = c.Kind
		if f.Rows() == 0 {
			continue
		}
		r.known = append(r.known, c.Levels...)
		if _, err := label.Binary(c, ""); errors.Is(err, label.ErrOneClass) {
			oneClass = err
			continue
		} else if err != nil {
			return nil, fmt.Errorf("%s part: %w", part, err)
		}
		if r.positive == "" {
			r.positive, _ = label.Positive(c) // Binary has found two classes
		}
	}
	slices.Sort(r.known)
	if r.known = slices.Compact(r.known); len(r.known) > 2 {
		return nil, fmt.Errorf("target %q has %d levels in the train and test parts; two are needed", r.target, len(r.known))
	}
	if r.positive == "" {
		if oneClass != nil {
			return nil, undefined("the real rows have one label class")
		}
		return nil, undefined("there are no real rows")
	}
	return r, nil
}

// labelled returns the synthetic rows that have a label, and how many have none.
func (r *reader) labelled(f *frame.Frame) (kept *frame.Frame, lost int, err error) {
	c := f.Column(r.target)
	if c == nil {
		return nil, 0, fmt.Errorf("the synthetic rows have no target column %q", r.target)
	}
	if c.Kind != r.kind {
		return nil, 0, fmt.Errorf("target %q is a %s in the real rows and a %s in the synthetic ones", r.target, r.kind, c.Kind)
	}
	if lost = c.MissingCount(); lost > 0 {
		keep := make([]int, 0, f.Rows()-lost)
		for i := range f.Rows() {
			if !c.IsMissing(i) {
				keep = append(keep, i)
			}
		}
		f = f.Take(keep)
		c = f.Column(r.target)
	}
	for _, level := range c.Levels {
		if !slices.Contains(r.known, level) {
			return nil, 0, undefined("the synthetic rows have a label that the real rows have not")
		}
	}
	for _, v := range c.Numbers {
		if v != 0 && v != 1 {
			return nil, 0, undefined("the synthetic rows have a label that is neither 0 nor 1")
		}
	}
	return f, lost, nil
}

// binary returns the labels of rows that newReader or labelled have found good.
func (r *reader) binary(f *frame.Frame) []bool {
	c := f.Column(r.target)
	y := make([]bool, f.Rows())
	for i := range y {
		if c.Kind == frame.Category {
			y[i] = c.Levels[c.Codes[i]] == r.positive
		} else {
			y[i] = c.Numbers[i] == 1 // "1" is the positive class of every Number target
		}
	}
	return y
}
