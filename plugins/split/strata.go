package split

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// maxNumbers is how many distinct values a number column may have to be stratified by. Codes and scores
// of ordinal scales have fewer; with more, the column is a measurement and its strata hold next to nothing.
// Hospitals are numbered too, and may be many.
const maxNumbers = 20

// stratification says which stratum each row belongs to by its own values.
type stratification struct {
	columns []string
	of      []int32  // index into names
	names   []string // the values, sorted, with missingName last; of several columns, the combinations that occur
	missing []bool   // the strata that lack a value
}

// missingName is the value that counts give rows without one.
const missingName = "(missing)"

// joined separates the columns, and the values, of a combination.
const joined = ", "

// stratifyColumns returns the named columns of f.
func stratifyColumns(f *frame.Frame, names []string, site *frame.Column) ([]*frame.Column, error) {
	columns := make([]*frame.Column, len(names))
	for i, name := range names {
		if columns[i] = f.Column(name); columns[i] == nil {
			return nil, fmt.Errorf("stratify: no column named %q among the %d of the data set", name, len(f.Columns()))
		}
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("stratify: column %q is named twice", name)
		}
		if c := columns[i]; c.Kind == frame.Number && c != site {
			if _, values := Indexed(c); len(values) > maxNumbers {
				return nil, fmt.Errorf("stratify: number column %q has %d distinct values, more than %d: stratify by a label or a category",
					name, len(values), maxNumbers)
			}
		}
	}
	return columns, nil
}

// stratify forms a stratum of each combination of values that occurs, sorted by the columns in turn, missing last.
func stratify(columns []*frame.Column) (*stratification, error) {
	s := &stratification{}
	for i, c := range columns {
		of, values := Indexed(c)
		missing := make([]bool, len(values), len(values)+1)
		values = slices.Clone(values)
		if c.MissingCount() > 0 {
			for row, value := range of {
				if value == frame.Missing {
					of[row] = int32(len(values))
				}
			}
			values, missing = append(values, missingName), append(missing, true)
		}
		s.columns = append(s.columns, c.Name)
		if i == 0 {
			s.of, s.names, s.missing = of, values, missing
		} else {
			s.cross(of, values, missing)
		}
	}
	return s, nil
}

// cross splits each stratum by the values of a further column, and keeps the combinations that occur.
func (s *stratification) cross(of []int32, values []string, missing []bool) {
	at := make(map[int]int32) // a table of all combinations may be larger than the data
	for row, value := range of {
		at[int(s.of[row])*len(values)+int(value)] = 0
	}
	var names []string
	var lack []bool
	for i, key := range slices.Sorted(maps.Keys(at)) {
		stratum, value := key/len(values), key%len(values)
		at[key] = int32(i)
		names = append(names, s.names[stratum]+joined+values[value])
		lack = append(lack, s.missing[stratum] || missing[value])
	}
	for row, value := range of {
		s.of[row] = at[int(s.of[row])*len(values)+int(value)]
	}
	s.names, s.missing = names, lack
}

// column is the name of the columns in counts and notes.
func (s *stratification) column() string { return strings.Join(s.columns, joined) }

// have names the columns with their verb.
func (s *stratification) have() string {
	if len(s.columns) == 1 {
		return fmt.Sprintf("column %q has", s.columns[0])
	}
	return fmt.Sprintf("columns %q have, in combination,", s.columns)
}

// strata returns the units of each stratum, ascending. A subject belongs to the stratum of its rarest value,
// of equally rare ones to the one sorted first, and to one that lacks a value only when it has no other.
func (s *stratification) strata(u *units) [][]int {
	rows := make([]int, len(s.names))
	for _, i := range s.of {
		rows[i]++
	}
	rarer := func(a, b int32) bool {
		switch {
		case s.missing[a] != s.missing[b]:
			return s.missing[b]
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
