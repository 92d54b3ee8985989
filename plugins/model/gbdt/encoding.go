package gbdt

import (
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Feature describes one encoded column.
type Feature struct {
	Variable string // the column of the frame
	Level    string // of a Category column; empty for a number
}

// Encoding says how the columns of a frame become those that trees split by.
//
// A Number column is one encoded column, with its values as they are. A Category column is one 0/1 column for each
// training level, in order, all of them missing where the category is missing; a level that training does not know is 0
// in all of them. It is immutable.
type Encoding struct {
	variables []variable
	features  []Feature
}

type variable struct {
	name   string
	kind   frame.Kind
	first  int      // its first feature
	levels []string // Category
}

// NewEncoding returns the encoding of all columns of train but the skipped ones, in their order.
func NewEncoding(train *frame.Frame, skip ...string) *Encoding {
	e := &Encoding{}
	for _, c := range train.Columns() {
		if slices.Contains(skip, c.Name) {
			continue
		}
		v := variable{name: c.Name, kind: c.Kind, first: len(e.features)}
		if c.Kind == frame.Number {
			e.features = append(e.features, Feature{Variable: c.Name})
		} else {
			v.levels = slices.Clone(c.Levels)
			for _, l := range c.Levels {
				e.features = append(e.features, Feature{Variable: c.Name, Level: l})
			}
		}
		e.variables = append(e.variables, v)
	}
	return e
}

// Features describes the encoded columns, in order. Callers must not change the slice.
func (e *Encoding) Features() []Feature { return e.features }

// Variables returns the names of the encoded columns of the frame, in order.
func (e *Encoding) Variables() []string {
	names := make([]string, len(e.variables))
	for i, v := range e.variables {
		names[i] = v.name
	}
	return names
}

// Matrix is an encoded frame; it shares the frame's numbers. It is immutable.
type Matrix struct {
	rows     int
	encoding *Encoding
	columns  []column // of the encoding's variables
}

// column holds numbers with NaN for missing, or codes into the encoding's levels.
type column struct {
	numbers []float64
	codes   []int32 // a level, frame.Missing or unknownLevel
}

const unknownLevel int32 = -2

// Rows is the number of rows.
func (m *Matrix) Rows() int { return m.rows }

// Matrix encodes a frame that has the columns that the encoding was made of; further columns are left out.
// It is an error when one is absent or of the other kind.
func (e *Encoding) Matrix(f *frame.Frame) (*Matrix, error) {
	m := &Matrix{rows: f.Rows(), encoding: e, columns: make([]column, len(e.variables))}
	for i, v := range e.variables {
		c := f.Column(v.name)
		switch {
		case c == nil:
			return nil, fmt.Errorf("no column named %q, which the encoding was made with", v.name)
		case c.Kind != v.kind:
			return nil, fmt.Errorf("column %q is a %s; the encoding was made with a %s", v.name, c.Kind, v.kind)
		case c.Kind == frame.Number:
			m.columns[i].numbers = c.Numbers
		default:
			m.columns[i].codes = v.codes(c)
		}
	}
	return m, nil
}

// codes returns the codes of a category in the levels of the encoding.
func (v *variable) codes(c *frame.Column) []int32 {
	if slices.Equal(v.levels, c.Levels) {
		return c.Codes
	}
	to := make([]int32, len(c.Levels))
	for i, l := range c.Levels {
		to[i] = unknownLevel
		if at, known := slices.BinarySearch(v.levels, l); known {
			to[i] = int32(at)
		}
	}
	codes := make([]int32, len(c.Codes))
	for i, code := range c.Codes {
		codes[i] = frame.Missing
		if code != frame.Missing {
			codes[i] = to[code]
		}
	}
	return codes
}
