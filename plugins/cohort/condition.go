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

// compile returns the condition's test of a row, and the column that it reads.
func (c Condition) compile(data *frame.Frame) (meets func(row int) bool, column *frame.Column, err error) {
	if column, err = named(data, c.Column); err != nil {
		return nil, nil, err
	}
	switch {
	case c.Missing != nil && *c.Missing:
		return column.IsMissing, column, nil
	case column.Kind == frame.Category:
		meets, err = c.category(column)
	default:
		meets, err = c.number(column)
	}
	return meets, column, err
}

func named(data *frame.Frame, name string) (*frame.Column, error) {
	column := data.Column(name)
	if column == nil {
		return nil, fmt.Errorf("no column named %q among the %d of the data set", name, len(data.Columns()))
	}
	return column, nil
}

// category returns the test of a category column: one look-up a row.
func (c Condition) category(column *frame.Column) (func(row int) bool, error) {
	if c.Min != nil || c.Max != nil {
		return nil, fmt.Errorf("column %q is a category: min and max need a number column; use in", column.Name)
	}
	wanted := make([]bool, len(column.Levels))
	for i := range wanted {
		wanted[i] = c.In == nil
	}
	mark := func(list string, values []string, as bool) error {
		for _, v := range values {
			code, ok := slices.BinarySearch(column.Levels, v)
			if !ok {
				return absent(v, list)
			}
			wanted[code] = as
		}
		return nil
	}
	if err := mark("in", c.In, true); err != nil {
		return nil, err
	}
	if err := mark("notIn", c.NotIn, false); err != nil {
		return nil, err
	}
	return func(row int) bool {
		code := column.Codes[row]
		return code != frame.Missing && wanted[code]
	}, nil
}

// number returns the test of a number column. NaN, which is missing, fails every comparison.
func (c Condition) number(column *frame.Column) (func(row int) bool, error) {
	low, high := math.Inf(-1), math.Inf(1)
	if c.Min != nil {
		low = *c.Min
	}
	if c.Max != nil {
		high = *c.Max
	}
	in, err := numbers("in", c.In, column)
	if err != nil {
		return nil, err
	}
	notIn, err := numbers("notIn", c.NotIn, column)
	if err != nil {
		return nil, err
	}
	return func(row int) bool {
		v := column.Numbers[row]
		return v >= low && v <= high && (in == nil || holds(in, v)) && !holds(notIn, v)
	}, nil
}

func holds(sorted []float64, v float64) bool {
	_, ok := slices.BinarySearch(sorted, v)
	return ok
}

// numbers reads the values of a list as numbers, sorted; each must occur in the column. No list gives nil.
func numbers(list string, values []string, column *frame.Column) ([]float64, error) {
	if values == nil {
		return nil, nil
	}
	wanted := make([]float64, len(values))
	for i, text := range values {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("column %q holds numbers: %q in the list of %s is none", column.Name, text, list)
		}
		wanted[i] = v
	}
	sorted := slices.Clone(wanted)
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
			return nil, absent(values[i], list)
		}
	}
	return sorted, nil
}

// absent is the mistake of a listed value that no row has. It is an error because it is a misspelling more often than
// not, and would shrink the cohort, or leave in it what was to be excluded, in silence. What rows do have is not said:
// it is data.
func absent(value, list string) error {
	return fmt.Errorf("no row has the value %q: correct it, or take it out of the list of %s", value, list)
}
