package cohort

import (
	"cmp"
	"fmt"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// first returns a test of the rows left, which must be ascending: whether a row is the first of its value.
func (f Filter) first(data *frame.Frame, left []int) (keep func(row int) bool, err error) {
	column, err := named(data, f.First)
	if err != nil {
		return nil, err
	}
	by := make([]*frame.Column, len(f.By))
	for i, name := range f.By {
		if by[i], err = named(data, name); err != nil {
			return nil, err
		}
	}
	of, values := indexed(column)
	best := make([]int, values) // the first row of each value, from 1; 0: none yet
	tied := make([]int, values) // another row that is as early
	for _, row := range left {
		value := of[row]
		switch {
		case value == frame.Missing:
		case best[value] == 0:
			best[value] = row + 1
		default:
			switch order := compare(by, row, best[value]-1); {
			case order < 0:
				best[value], tied[value] = row+1, 0
			case order == 0 && tied[value] == 0:
				tied[value] = row + 1
			}
		}
	}
	if err := f.refuseTies(best, tied); err != nil {
		return nil, err
	}
	return func(row int) bool { return of[row] == frame.Missing || best[of[row]] == row+1 }, nil
}

// refuseTies reports the values of which two rows are equally early; without By the first row of the data is meant.
func (f Filter) refuseTies(best, tied []int) error {
	if len(f.By) == 0 {
		return nil
	}
	ties, at := 0, -1
	for value, other := range tied {
		if other == 0 {
			continue
		}
		if ties++; at < 0 || best[value] < best[at] {
			at = value
		}
	}
	if ties == 0 {
		return nil
	}
	return fmt.Errorf("rows %d and %d share a value of %q and are equal in all columns of by (one of %d such ties): add a column that tells them apart",
		best[at], tied[at], f.First, ties)
}

// compare orders two rows by the columns in turn; a missing value comes last, and two missing values are equal.
func compare(by []*frame.Column, a, b int) int {
	for _, c := range by {
		order := 0
		switch missingA, missingB := c.IsMissing(a), c.IsMissing(b); {
		case missingA && missingB:
		case missingA:
			order = 1
		case missingB:
			order = -1
		case c.Kind == frame.Category:
			order = cmp.Compare(c.Codes[a], c.Codes[b]) // levels are sorted by bytes
		default:
			order = cmp.Compare(c.Numbers[a], c.Numbers[b])
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

// indexed numbers the values of a column from 0 and returns the number of each row's value, frame.Missing where there is none.
func indexed(c *frame.Column) (of []int32, values int) {
	if c.Kind == frame.Category {
		return c.Codes, len(c.Levels)
	}
	of = make([]int32, len(c.Numbers))
	number := make(map[float64]int32)
	for row, v := range c.Numbers {
		if c.IsMissing(row) {
			of[row] = frame.Missing
			continue
		}
		n, ok := number[v]
		if !ok {
			n = int32(len(number))
			number[v] = n
		}
		of[row] = n
	}
	return of, len(number)
}
