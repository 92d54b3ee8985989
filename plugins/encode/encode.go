// Package encode turns the columns of a frame into the numbers that models read.
//
// The standard encoding is fitted on one frame, the training data, and applied to any frame with the same columns:
//
//   - A Number column becomes (x - mean)/SD with the training mean and population SD (divisor n), a missing value 0.
//     A column without spread has SD 1, one without values mean 0 and SD 1.
//   - A Number column with a missing value in training is followed by a 0/1 column that marks the missing rows.
//   - A Category column becomes one 0/1 column for each training level, in order, and after them one for
//     the missing rows if training has any. Nothing is dropped as a reference level.
//
// A level or a missingness that training does not know becomes all zeros: no other frame has a say in the encoding.
// A ridge-penalised model gives columns that are constant 0 in training the weight 0, so its predictions equal
// those under an encoding that had looked at the other frames too.
//
// Where rows of several frames are set against each other and none of them is training data (distances between rows,
// classifiers that tell frames apart), FitAll takes the levels and missing values of all of them into account.
package encode

import (
	"fmt"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Version is raised when equal frames may be encoded otherwise.
const Version = 1

// Part says what an encoded column holds.
type Part string

// The parts of a variable's encoding.
const (
	Value   Part = "value"   // the standardised number
	Level   Part = "level"   // 1 in rows with that level
	Missing Part = "missing" // 1 in rows without a value
)

// Feature describes one encoded column.
type Feature struct {
	Variable string // the column of the frame
	Part     Part
	Level    string // Part Level only
}

// Encoder is a fitted standard encoding. It is immutable.
type Encoder struct {
	variables []variable
	features  []Feature
}

// variable is the encoding of one column of the frame.
type variable struct {
	name    string
	kind    frame.Kind
	first   int // index of its first feature
	missing int // index of the feature that marks missing rows, or -1

	// Number: (x*scale - mean)*perSD. scale is a power of two, 1 unless squares would overflow or vanish.
	scale, mean, perSD float64

	levels []string // Category
}

// Fit fits the encoding of all columns of train but the skipped ones, in their order.
func Fit(train *frame.Frame, skip ...string) *Encoder {
	e := &Encoder{}
	for _, c := range train.Columns() {
		if !slices.Contains(skip, c.Name) {
			e.add(c, c.Levels, c.MissingCount() > 0)
		}
	}
	return e
}

// FitAll fits one encoding for several frames: means and SDs are those of reference; a Category column has the levels
// of reference and of all others, and any column marks missing rows when one of the frames has them.
//
// It is an error when one of the others lacks a column of reference, or has it of the other kind.
func FitAll(reference *frame.Frame, others []*frame.Frame, skip ...string) (*Encoder, error) {
	e := &Encoder{}
	for _, c := range reference.Columns() {
		if slices.Contains(skip, c.Name) {
			continue
		}
		levels, missing := slices.Clone(c.Levels), c.MissingCount() > 0
		for _, f := range others {
			other := f.Column(c.Name)
			switch {
			case other == nil:
				return nil, fmt.Errorf("no column named %q in a frame that is to be encoded", c.Name)
			case other.Kind != c.Kind:
				return nil, fmt.Errorf("column %q is a %s in one frame and a %s in another", c.Name, c.Kind, other.Kind)
			}
			levels = append(levels, other.Levels...)
			missing = missing || other.MissingCount() > 0
		}
		slices.Sort(levels)
		e.add(c, slices.Compact(levels), missing)
	}
	return e, nil
}

// add appends the encoding of a column: levels are those of a Category column, in order.
func (e *Encoder) add(c *frame.Column, levels []string, missing bool) {
	v := variable{name: c.Name, kind: c.Kind, first: len(e.features), missing: -1}
	if c.Kind == frame.Number {
		v.standardise(c.Numbers)
		e.features = append(e.features, Feature{Variable: c.Name, Part: Value})
	} else {
		v.levels = slices.Clone(levels)
		for _, l := range levels {
			e.features = append(e.features, Feature{Variable: c.Name, Part: Level, Level: l})
		}
	}
	if missing {
		v.missing = len(e.features)
		e.features = append(e.features, Feature{Variable: c.Name, Part: Missing})
	}
	e.variables = append(e.variables, v)
}

// standardise sets scale, mean and perSD from the values that are not missing.
func (v *variable) standardise(values []float64) {
	v.scale, v.perSD = 1, 1
	low, high, n := math.Inf(1), math.Inf(-1), 0.0
	for _, x := range values {
		if !math.IsNaN(x) {
			low, high, n = min(low, x), max(high, x), n+1
		}
	}
	if n == 0 {
		return
	}
	// sums of squares and differences must neither overflow nor vanish: ordinary data keep scale 1
	if most := max(math.Abs(low), math.Abs(high)); most > 1e140 || (most < 1e-140 && most > 0) {
		_, exponent := math.Frexp(most)
		v.scale = math.Ldexp(1, -max(exponent, -1022))
	}
	if low == high { // exactly: a rounded mean would leave a spread of one last digit
		v.mean = low * v.scale
		return
	}
	sum, squares := 0.0, 0.0
	for _, x := range values {
		if !math.IsNaN(x) {
			sum += x * v.scale
		}
	}
	v.mean = sum / n
	for _, x := range values {
		if !math.IsNaN(x) {
			d := x*v.scale - v.mean
			squares += d * d
		}
	}
	if squares > 0 {
		v.perSD = 1 / math.Sqrt(squares/n)
	}
}

// Features describes the encoded columns, in order. Callers must not change the slice.
func (e *Encoder) Features() []Feature { return e.features }

// Variables returns the names of the encoded columns of the frame, in order.
func (e *Encoder) Variables() []string {
	names := make([]string, len(e.variables))
	for i, v := range e.variables {
		names[i] = v.name
	}
	return names
}

// Transform encodes a frame that has the columns that the encoder was fitted on; further columns are left out.
// It is an error when one is absent or of the other kind.
func (e *Encoder) Transform(f *frame.Frame) (*Design, error) {
	d := &Design{Rows: f.Rows(), Columns: make([]Column, len(e.features))}
	for _, v := range e.variables {
		c := f.Column(v.name)
		switch {
		case c == nil:
			return nil, fmt.Errorf("no column named %q, which the encoding was fitted on", v.name)
		case c.Kind != v.kind:
			return nil, fmt.Errorf("column %q is a %s; the encoding was fitted on a %s", v.name, c.Kind, v.kind)
		case c.Kind == frame.Number:
			v.numbers(d, c)
		default:
			v.categories(d, c)
		}
	}
	return d, nil
}

func (v *variable) numbers(d *Design, c *frame.Column) {
	out := make([]float64, len(c.Numbers))
	ones := []int32{}
	for i, x := range c.Numbers {
		if math.IsNaN(x) {
			ones = append(ones, int32(i))
		} else {
			out[i] = (x*v.scale - v.mean) * v.perSD
		}
	}
	d.Columns[v.first].Dense = out
	if v.missing >= 0 {
		d.Columns[v.missing].Ones = ones
	}
}

func (v *variable) categories(d *Design, c *frame.Column) {
	to := make([]int, len(c.Levels)) // feature of each level, or -1
	for i, l := range c.Levels {
		if at, known := slices.BinarySearch(v.levels, l); known {
			to[i] = v.first + at
		} else {
			to[i] = -1
		}
	}
	for at := range v.levels {
		d.Columns[v.first+at].Ones = []int32{}
	}
	if v.missing >= 0 {
		d.Columns[v.missing].Ones = []int32{}
	}
	for i, code := range c.Codes {
		at := v.missing
		if code != frame.Missing {
			at = to[code]
		}
		if at >= 0 {
			d.Columns[at].Ones = append(d.Columns[at].Ones, int32(i))
		}
	}
}

// Design is an encoded frame, column by column.
type Design struct {
	Rows    int
	Columns []Column
}

// Column is one encoded column: Dense has one value a row, or, when Dense is nil,
// Ones lists in ascending order the rows that hold 1 while all others hold 0.
type Column struct {
	Dense []float64
	Ones  []int32
}

// AddTo adds weight times the column to out, which has one entry a row.
func (c Column) AddTo(out []float64, weight float64) {
	if c.Dense == nil {
		for _, i := range c.Ones {
			out[i] += weight
		}
		return
	}
	for i, x := range c.Dense {
		out[i] += weight * x
	}
}

// Dot returns the inner product of the column with v, which has one entry a row.
func (c Column) Dot(v []float64) float64 {
	s := 0.0
	if c.Dense == nil {
		for _, i := range c.Ones {
			s += v[i]
		}
		return s
	}
	for i, x := range c.Dense {
		s += x * v[i]
	}
	return s
}
