package split

import (
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// units are what is shared among the parts: rows or subjects, numbered from 0.
//
// Subjects are numbered in sorted order, whatever the order of the rows; those without a name follow in the order of rows.
type units struct {
	of        []int32 // the unit of each row
	count     int
	missing   int // rows without a subject
	bySubject bool
	name      string // "rows" or "subjects"
}

// unitsOf numbers the units of a split by "row" or "subject".
func unitsOf(rows int, subject *frame.Column, by string) (*units, error) {
	switch {
	case by == ByRow:
		u := &units{of: make([]int32, rows), count: rows, name: "rows"}
		for row := range u.of {
			u.of[row] = int32(row)
		}
		return u, nil
	case by != BySubject:
		return nil, fmt.Errorf(`by is %q: want "row", "subject", "site" or "time"`, by)
	case subject == nil:
		return nil, fmt.Errorf(`by is "subject", but the data set has no subject column: declare one, or split by "row"`)
	}
	of, named := Indexed(subject)
	u := &units{of: of, count: len(named), bySubject: true, name: "subjects"}
	for row, unit := range u.of {
		if unit == frame.Missing {
			u.of[row] = int32(u.count)
			u.count++
			u.missing++
		}
	}
	return u, nil
}

// Indexed returns the index of each row's value among the sorted distinct values, frame.Missing where there
// is none, and the values in words.
func Indexed(c *frame.Column) (of []int32, values []string) {
	if c.Kind == frame.Category {
		return slices.Clone(c.Codes), c.Levels
	}
	present := make([]float64, 0, len(c.Numbers))
	for row, v := range c.Numbers {
		if !c.IsMissing(row) {
			present = append(present, v)
		}
	}
	slices.Sort(present)
	distinct := slices.Compact(present)
	values = make([]string, len(distinct))
	for i, v := range distinct {
		values[i] = number(v)
	}
	of = make([]int32, len(c.Numbers))
	for row, v := range c.Numbers {
		of[row] = frame.Missing
		if at, ok := slices.BinarySearch(distinct, v); ok {
			of[row] = int32(at)
		}
	}
	return of, values
}

// people numbers the subjects of the rows, or the rows where no subject is known.
func people(rows int, subject *frame.Column) *units {
	by := BySubject
	if subject == nil {
		by = ByRow
	}
	u, err := unitsOf(rows, subject, by)
	if err != nil {
		panic(err) // a subject column is there when it is asked for
	}
	return u
}

// all returns the numbers of all units.
func (u *units) all() []int {
	all := make([]int, u.count)
	for i := range all {
		all[i] = i
	}
	return all
}
