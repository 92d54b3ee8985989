package cohort

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Select applies the filters in order and returns the rows that satisfy all of them, ascending.
//
// counts is the account of attrition. It starts with "left" (step 0: all rows); each filter adds
// "excluded", "excluded for a missing value" (a share of "excluded", only when there are any) and "left".
// Their dims are "step", counted from 1, and "filter", as Filter.String writes it.
//
// A filter is an error when it names no column of f, has no condition or contradictory ones, asks a
// category for min or max, or a number for text, lists a value in "in" that no row of f has, or leaves no row.
func Select(f *frame.Frame, filters []Filter) (rows []int, counts []plugins.Count, err error) {
	rows = make([]int, f.Rows())
	for i := range rows {
		rows[i] = i
	}
	counts = append(counts, count("left", 0, "all rows", len(rows)))
	for i, filter := range filters {
		step := i + 1
		keep, column, err := filter.compile(f)
		if err != nil {
			return nil, nil, fmt.Errorf("filter %d, %s: %w", step, filter, err)
		}
		before, missing := len(rows), 0
		rows = slices.DeleteFunc(rows, func(row int) bool {
			if keep(row) {
				return false
			}
			if column.IsMissing(row) {
				missing++
			}
			return true
		})
		if len(rows) == 0 {
			return nil, nil, fmt.Errorf("filter %d, %s: no row is left of %d; widen the filter or remove it", step, filter, before)
		}
		name := filter.String()
		counts = append(counts, count("excluded", step, name, before-len(rows)))
		if missing > 0 {
			counts = append(counts, count("excluded for a missing value", step, name, missing))
		}
		counts = append(counts, count("left", step, name, len(rows)))
	}
	return rows, counts, nil
}

func count(name string, step int, filter string, value int) plugins.Count {
	return plugins.Count{
		Name:  name,
		Dims:  map[string]string{"step": strconv.Itoa(step), "filter": filter},
		Value: value,
	}
}

// compile checks the filter against its column and returns its test of a row.
func (f Filter) compile(data *frame.Frame) (keep func(row int) bool, column *frame.Column, err error) {
	if err := f.check(); err != nil {
		return nil, nil, err
	}
	column = data.Column(f.Column)
	if column == nil {
		return nil, nil, fmt.Errorf("no column named %q among the %d of the data set", f.Column, len(data.Columns()))
	}
	switch {
	case f.Missing != nil && *f.Missing:
		return column.IsMissing, column, nil
	case column.Kind == frame.Category:
		keep, err = f.category(column)
	default:
		keep, err = f.number(column)
	}
	return keep, column, err
}

// check finds what is wrong with a filter whatever its column holds.
func (f Filter) check() error {
	switch {
	case f.Min == nil && f.Max == nil && f.In == nil && f.Missing == nil:
		return fmt.Errorf("the filter has no condition: give min, max, in or missing")
	case f.In != nil && len(f.In) == 0:
		return fmt.Errorf("the list of in is empty: name at least one value")
	case isNaN(f.Min) || isNaN(f.Max):
		return fmt.Errorf("min and max must be numbers")
	case f.Min != nil && f.Max != nil && *f.Min > *f.Max:
		return fmt.Errorf("min is above max")
	case f.Missing != nil && *f.Missing && (f.Min != nil || f.Max != nil || f.In != nil):
		return fmt.Errorf("missing: true keeps rows without a value, which min, max and in exclude: use one or the other")
	}
	return nil
}

func isNaN(v *float64) bool { return v != nil && math.IsNaN(*v) }

// category returns the test of a category column: one look-up a row.
func (f Filter) category(c *frame.Column) (func(row int) bool, error) {
	if f.Min != nil || f.Max != nil {
		return nil, fmt.Errorf("column %q is a category: min and max need a number column; use in", c.Name)
	}
	wanted := make([]bool, len(c.Levels))
	for i := range wanted {
		wanted[i] = f.In == nil
	}
	for _, v := range f.In {
		code, ok := slices.BinarySearch(c.Levels, v)
		if !ok {
			return nil, absent(v)
		}
		wanted[code] = true
	}
	return func(row int) bool {
		code := c.Codes[row]
		return code != frame.Missing && wanted[code]
	}, nil
}

// number returns the test of a number column. NaN, which is missing, fails every comparison.
func (f Filter) number(c *frame.Column) (func(row int) bool, error) {
	low, high := math.Inf(-1), math.Inf(1)
	if f.Min != nil {
		low = *f.Min
	}
	if f.Max != nil {
		high = *f.Max
	}
	if f.In == nil {
		return func(row int) bool { return c.Numbers[row] >= low && c.Numbers[row] <= high }, nil
	}
	wanted, err := numbers(f.In, c)
	if err != nil {
		return nil, err
	}
	return func(row int) bool {
		v := c.Numbers[row]
		_, in := slices.BinarySearch(wanted, v)
		return in && v >= low && v <= high
	}, nil
}

// numbers reads the list of in as numbers, sorted; each must occur in c.
func numbers(in []string, c *frame.Column) ([]float64, error) {
	wanted := make([]float64, len(in))
	for i, text := range in {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("column %q holds numbers: %q in the list of in is none", c.Name, text)
		}
		wanted[i] = v
	}
	sorted := slices.Clone(wanted)
	slices.Sort(sorted)
	occurs := make([]bool, len(sorted))
	for _, v := range c.Numbers {
		if at, ok := slices.BinarySearch(sorted, v); ok {
			occurs[at] = true
		}
	}
	for i, v := range wanted {
		// BinarySearch finds the first of equal values, here as above
		if at, _ := slices.BinarySearch(sorted, v); !occurs[at] {
			return nil, absent(in[i])
		}
	}
	return sorted, nil
}

// absent is the mistake of a listed value that no row has. It is an error because it is a misspelling
// more often than not, and would shrink the cohort in silence. What rows do have is not said: it is data.
func absent(value string) error {
	return fmt.Errorf("no row has the value %q: correct it, or take it out of the list of in", value)
}
