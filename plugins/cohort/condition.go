package cohort

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// check finds what is wrong with a condition whatever its column holds.
func (c Condition) check() error {
	switch {
	case c.Column == "":
		return fmt.Errorf("a condition names no column")
	case c.Min == nil && c.Max == nil && c.In == nil && c.NotIn == nil && c.Missing == nil:
		return fmt.Errorf("column %q has no condition: give min, max, in, notIn or missing", c.Column)
	case c.In != nil && len(c.In) == 0:
		return fmt.Errorf("the list of in is empty: name at least one value")
	case c.NotIn != nil && len(c.NotIn) == 0:
		return fmt.Errorf("the list of notIn is empty: name at least one value")
	case isNaN(c.Min) || isNaN(c.Max):
		return fmt.Errorf("min and max must be numbers")
	case c.Min != nil && c.Max != nil && *c.Min > *c.Max:
		return fmt.Errorf("min is above max")
	case c.Missing != nil && *c.Missing && (c.Min != nil || c.Max != nil || c.In != nil || c.NotIn != nil):
		return fmt.Errorf("missing: true keeps rows without a value, which min, max, in and notIn exclude: use one or the other")
	}
	return nil
}

func isNaN(v *float64) bool { return v != nil && math.IsNaN(*v) }

// test is a compiled condition.
type test struct {
	meets  func(row int) bool
	column *frame.Column // that it reads
	absent []string      // listed values that leave rows out, and that no row has, as they are written
}

// compile returns the condition's test of a row. negated says that the rows that meet it are left out.
func (c Condition) compile(data *frame.Frame, negated bool) (t test, err error) {
	if t.column, err = named(data, c.Column); err != nil {
		return test{}, err
	}
	var in, notIn listed
	switch {
	case c.Missing != nil && *c.Missing:
		t.meets = t.column.IsMissing
	case t.column.Kind == frame.Category:
		t.meets, in, notIn, err = c.category(t.column)
	default:
		t.meets, in, notIn, err = c.number(t.column)
	}
	if err != nil {
		return test{}, err
	}
	keeps, leavesOut := in, notIn
	if negated {
		keeps, leavesOut = notIn, in
	}
	if len(keeps.absent) > 0 {
		return test{}, mistaken(keeps.absent[0], keeps.name)
	}
	if n := len(leavesOut.absent); n > 0 && n == leavesOut.values {
		return test{}, mistaken(leavesOut.absent[0], leavesOut.name)
	}
	t.absent = leavesOut.absent
	return t, nil
}

// listed is what became of the values of a list.
type listed struct {
	name   string   // "in" or "notIn"
	values int      // how many there are
	absent []string // those that no row has, as they are written
}

func named(data *frame.Frame, name string) (*frame.Column, error) {
	column := data.Column(name)
	if column == nil {
		return nil, fmt.Errorf("no column named %q among the %d of the data set", name, len(data.Columns()))
	}
	return column, nil
}

// category returns the test of a category column: one look-up a row.
func (c Condition) category(column *frame.Column) (meets func(row int) bool, in, notIn listed, err error) {
	if c.Min != nil || c.Max != nil {
		return nil, in, notIn, fmt.Errorf("column %q is a category: min and max need a number column; use in", column.Name)
	}
	wanted := make([]bool, len(column.Levels))
	for i := range wanted {
		wanted[i] = c.In == nil
	}
	mark := func(name string, values []string, as bool) listed {
		l := listed{name: name, values: len(values)}
		for _, v := range values {
			if code, ok := slices.BinarySearch(column.Levels, v); ok {
				wanted[code] = as
			} else {
				l.absent = append(l.absent, v)
			}
		}
		return l
	}
	in, notIn = mark("in", c.In, true), mark("notIn", c.NotIn, false)
	return func(row int) bool {
		code := column.Codes[row]
		return code != frame.Missing && wanted[code]
	}, in, notIn, nil
}

// number returns the test of a number column. NaN, which is missing, fails every comparison.
func (c Condition) number(column *frame.Column) (meets func(row int) bool, in, notIn listed, err error) {
	low, high := math.Inf(-1), math.Inf(1)
	if c.Min != nil {
		low = *c.Min
	}
	if c.Max != nil {
		high = *c.Max
	}
	wanted, in, err := numbers("in", c.In, column)
	if err != nil {
		return nil, in, notIn, err
	}
	unwanted, notIn, err := numbers("notIn", c.NotIn, column)
	return func(row int) bool {
		v := column.Numbers[row]
		return v >= low && v <= high && (wanted == nil || holds(wanted, v)) && !holds(unwanted, v)
	}, in, notIn, err
}

func holds(sorted []float64, v float64) bool {
	_, ok := slices.BinarySearch(sorted, v)
	return ok
}

// numbers reads the values of a list as numbers, sorted, and finds those that do not occur in the column. No list gives nil.
func numbers(name string, values []string, column *frame.Column) (sorted []float64, l listed, err error) {
	l = listed{name: name, values: len(values)}
	if values == nil {
		return nil, l, nil
	}
	wanted := make([]float64, len(values))
	for i, text := range values {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, l, fmt.Errorf("column %q holds numbers: %q in the list of %s is none", column.Name, text, name)
		}
		wanted[i] = v
	}
	sorted = slices.Clone(wanted)
	slices.Sort(sorted)
	occurs := make([]bool, len(sorted))
	for _, v := range column.Numbers {
		if at, ok := slices.BinarySearch(sorted, v); ok {
			occurs[at] = true
		}
	}
	for i, v := range wanted {
		// BinarySearch finds the first of equal values, here as above
		if at, _ := slices.BinarySearch(sorted, v); !occurs[at] {
			l.absent = append(l.absent, values[i])
		}
	}
	return sorted, l, nil
}

// mistaken is the mistake of a listed value that no row has. Where a list says which rows stay, it is an error because it is a
// misspelling more often than not, and would shrink the cohort in silence. A list of rows to leave out is often a published one,
// which is written whole: a value that no row has is noted, and only a list without any that a row has is an error.
// What rows do have is not said: it is data.
func mistaken(value, list string) error {
	return fmt.Errorf("no row has the value %q: correct it, or take it out of the list of %s", value, list)
}
