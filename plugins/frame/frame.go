// Package frame is the columnar table that plugins hand to each other, and the only importer of Arrow.
//
// A Frame is immutable once made: it is shared between steps and goroutines.
// Reading and writing files (CSV, Parquet, Arrow, archives of CSV) and content digests live here too;
// what a column means (target, subject, site …) is left to plugins.Roles.
package frame

import (
	"fmt"
	"math"
	"slices"
)

// Kind says how the values of a column are stored and compared.
type Kind string

// The kinds of a column.
const (
	Number   Kind = "number"   // float64; missing is NaN
	Category Kind = "category" // exact strings, coded; missing is code Missing
)

// Missing is the code of a missing value in a Category column.
const Missing int32 = -1

// Column is one variable of a Frame.
//
// Numbers has one entry a row when Kind is Number, with NaN for missing; infinities never occur.
// Codes has one entry a row when Kind is Category: an index into Levels, or Missing.
// Levels is sorted by bytes, without repeats, and each level occurs in at least one row,
// so that two columns with equal values are equal in every field.
type Column struct {
	Name    string
	Kind    Kind
	Integer bool   // Number only: every value is whole; generated values are rounded
	Unit    string // e.g. "mmol/L"; empty when unknown or none
	Numbers []float64
	Codes   []int32
	Levels  []string
}

// NewNumber returns a Number column that owns values; NaN marks missing.
func NewNumber(name string, values []float64) *Column {
	return &Column{Name: name, Kind: Number, Numbers: values}
}

// NewCategory returns a Category column with the given codes into levels, Missing for missing.
//
// Levels may come in any order, with unused and repeated ones: they are brought into the form that Column promises.
// It panics when a code lies outside levels: that is a bug of the caller.
func NewCategory(name string, levels []string, codes []int32) *Column {
	used := make([]bool, len(levels))
	for _, c := range codes {
		if c != Missing {
			used[c] = true
		}
	}
	kept := make([]string, 0, len(levels))
	for i, l := range levels {
		if used[i] {
			kept = append(kept, l)
		}
	}
	slices.Sort(kept)
	kept = slices.Compact(kept)
	to := make([]int32, len(levels))
	for i, l := range levels {
		if used[i] {
			at, _ := slices.BinarySearch(kept, l)
			to[i] = int32(at)
		}
	}
	out := make([]int32, len(codes))
	for i, c := range codes {
		if c == Missing {
			out[i] = Missing
		} else {
			out[i] = to[c]
		}
	}
	return &Column{Name: name, Kind: Category, Codes: out, Levels: kept}
}

// NewCategoryFromStrings returns a Category column; missing[i] marks row i as missing, and a nil missing marks none.
func NewCategoryFromStrings(name string, values []string, missing []bool) *Column {
	index := map[string]int32{}
	var levels []string
	codes := make([]int32, len(values))
	for i, v := range values {
		if missing != nil && missing[i] {
			codes[i] = Missing
			continue
		}
		c, ok := index[v]
		if !ok {
			c = int32(len(levels))
			index[v] = c
			levels = append(levels, v)
		}
		codes[i] = c
	}
	return NewCategory(name, levels, codes)
}

// Len is the number of rows.
func (c *Column) Len() int {
	if c.Kind == Category {
		return len(c.Codes)
	}
	return len(c.Numbers)
}

// IsMissing reports whether row i has no value.
func (c *Column) IsMissing(i int) bool {
	if c.Kind == Category {
		return c.Codes[i] == Missing
	}
	return math.IsNaN(c.Numbers[i])
}

// MissingCount is the number of rows without a value.
func (c *Column) MissingCount() int {
	n := 0
	for i := range c.Len() {
		if c.IsMissing(i) {
			n++
		}
	}
	return n
}

// Take returns the column with the given rows, in that order; a row may be taken more than once.
func (c *Column) Take(rows []int) *Column {
	out := &Column{Name: c.Name, Kind: c.Kind, Integer: c.Integer, Unit: c.Unit}
	if c.Kind == Category {
		codes := make([]int32, len(rows))
		for i, r := range rows {
			codes[i] = c.Codes[r]
		}
		fresh := NewCategory(c.Name, c.Levels, codes)
		out.Codes, out.Levels = fresh.Codes, fresh.Levels
		return out
	}
	out.Numbers = make([]float64, len(rows))
	for i, r := range rows {
		out.Numbers[i] = c.Numbers[r]
	}
	return out
}

// Frame is a table: columns of equal length with distinct names.
type Frame struct {
	columns []*Column
	index   map[string]int
	rows    int
}

// New returns a frame of the given columns. Their lengths must agree and their names differ.
func New(columns ...*Column) (*Frame, error) {
	f := &Frame{columns: columns, index: make(map[string]int, len(columns))}
	for i, c := range columns {
		if i == 0 {
			f.rows = c.Len()
		}
		if c.Len() != f.rows {
			return nil, fmt.Errorf("column %q has %d rows, column %q has %d", c.Name, c.Len(), columns[0].Name, f.rows)
		}
		if _, twice := f.index[c.Name]; twice {
			return nil, fmt.Errorf("two columns are named %q", c.Name)
		}
		f.index[c.Name] = i
	}
	return f, nil
}

// Must is New for columns that are known to fit; it panics on an error.
func Must(columns ...*Column) *Frame {
	f, err := New(columns...)
	if err != nil {
		panic(err)
	}
	return f
}

// Rows is the number of rows.
func (f *Frame) Rows() int { return f.rows }

// Columns returns the columns in order; callers must not change the slice.
func (f *Frame) Columns() []*Column { return f.columns }

// Column returns the named column, or nil.
func (f *Frame) Column(name string) *Column {
	i, ok := f.index[name]
	if !ok {
		return nil
	}
	return f.columns[i]
}

// Names returns the column names in order.
func (f *Frame) Names() []string {
	names := make([]string, len(f.columns))
	for i, c := range f.columns {
		names[i] = c.Name
	}
	return names
}

// Select returns a frame of the named columns, in the order named. It shares their data.
func (f *Frame) Select(names ...string) (*Frame, error) {
	columns := make([]*Column, len(names))
	for i, n := range names {
		if columns[i] = f.Column(n); columns[i] == nil {
			return nil, fmt.Errorf("no column named %q", n)
		}
	}
	out, err := New(columns...)
	if err == nil {
		out.rows = f.rows // no columns are selected from as many rows
	}
	return out, err
}

// Take returns a frame with the given rows, in that order; a row may be taken more than once.
func (f *Frame) Take(rows []int) *Frame {
	columns := make([]*Column, len(f.columns))
	for i, c := range f.columns {
		columns[i] = c.Take(rows)
	}
	out := Must(columns...)
	out.rows = len(rows) // a frame without columns has rows too
	return out
}
