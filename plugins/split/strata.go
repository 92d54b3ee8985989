package split

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// maxNumbers is how many distinct values a number column may have to be stratified by. Codes and scores
// of ordinal scales have fewer; with more, the column is a measurement and its strata hold next to nothing.
const maxNumbers = 20

// stratification says which stratum each row belongs to by its own value.
type stratification struct {
	column  string
	of      []int32  // index into names
	names   []string // the values, sorted; then missingName, when a value is missing
	missing int32    // index of the stratum of missing values, or -1
}

// missingName is the value that counts give rows without one.
const missingName = "(missing)"

func stratify(f *frame.Frame, name string) (*stratification, error) {
	c := f.Column(name)
	if c == nil {
		return nil, fmt.Errorf("stratify: no column named %q among the %d of the data set", name, len(f.Columns()))
	}
	of, values := indexed(c)
	if c.Kind == frame.Number && len(values) > maxNumbers {
		return nil, fmt.Errorf("stratify: number column %q has %d distinct values, more than %d: stratify by a label or a category",
			name, len(values), maxNumbers)
	}
	s := &stratification{column: name, of: of, names: slices.Clone(values), missing: -1}
	if c.MissingCount() == 0 {
		return s, nil
	}
	s.missing = int32(len(values))
	s.names = append(s.names, missingName)
	for row, i := range s.of {
		if i == frame.Missing {
			s.of[row] = s.missing
		}
	}
	return s, nil
}

// strata returns the units of each stratum, ascending. A subject belongs to the stratum of its rarest value,
// of equally rare ones to the one sorted first, and to that of missing values only when it has no other.
func (s *stratification) strata(u *units) [][]int {
	rows := make([]int, len(s.names))
	for _, i := range s.of {
		rows[i]++
	}
	rarer := func(a, b int32) bool {
		switch {
		case a == s.missing || b == s.missing:
			return b == s.missing && a != b
		case rows[a] != rows[b]:
			return rows[a] < rows[b]
		}
		return a < b
	}
	stratumOf := make([]int32, u.count)
	for unit := range stratumOf {
		stratumOf[unit] = -1
	}
	for row, unit := range u.of {
		if at := stratumOf[unit]; at < 0 || rarer(s.of[row], at) {
			stratumOf[unit] = s.of[row]
		}
	}
	strata := make([][]int, len(s.names))
	for unit, i := range stratumOf {
		strata[i] = append(strata[i], unit)
	}
	return strata
}

// number writes a number in shortest form; −0 is 0.
func number(v float64) string { return strconv.FormatFloat(v+0, 'f', -1, 64) }
