package attack

import (
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Band groups the values of a number column by floor(value/Width).
type Band struct {
	Column string  `json:"column"`
	Width  float64 `json:"width"` // > 0
}

// BandSchema is the CUE of a list of bands.
const BandSchema = `[...{column: string @column(), width: number & >0}]`

// CheckBands returns an error unless every band names another column and has a width.
func CheckBands(bands []Band) error {
	for i, b := range bands {
		if !(b.Width > 0) || math.IsInf(b.Width, 0) {
			return fmt.Errorf("bands: the width for %q is %v; want a number above 0", b.Column, b.Width)
		}
		for _, o := range bands[:i] {
			if o.Column == b.Column {
				return fmt.Errorf("bands: %q is there twice", b.Column)
			}
		}
	}
	return nil
}

// Cells are rows of several frames by the values of some columns, as codes that are equal for equal values in all of
// the frames. A missing value is a value of its own.
type Cells struct {
	Rows  [][]int32 // for each frame, the cell of each row: an index into Codes
	Codes [][]int32 // for each cell, in order of first occurrence, the code of each column
}

// NewCells returns the cells of the named columns. The error is Undefined when a frame lacks one.
func NewCells(columns []string, bands []Band, frames ...*frame.Frame) (*Cells, error) {
	coded := make([][][]int32, len(frames)) // frame, column, row
	for k, f := range frames {
		selected, err := Select(f, columns)
		if err != nil {
			return nil, err
		}
		coded[k] = make([][]int32, len(columns))
		for j, c := range selected.Columns() {
			coded[k][j] = make([]int32, c.Len())
		}
	}
	for j, name := range columns {
		width := 0.0
		for _, b := range bands {
			if b.Column == name {
				width = b.Width
			}
		}
		codes := map[any]int32{}
		for k, f := range frames {
			c := f.Column(name)
			for i := range coded[k][j] {
				key := valueOf(c, i, width)
				code, ok := codes[key]
				if !ok {
					code = int32(len(codes))
					codes[key] = code
				}
				coded[k][j][i] = code
			}
		}
	}
	out := &Cells{Rows: make([][]int32, len(frames))}
	known := map[string]int32{}
	key := make([]byte, 0, 4*len(columns))
	for k, f := range frames {
		out.Rows[k] = make([]int32, f.Rows())
		for i := range out.Rows[k] {
			key = key[:0]
			for j := range columns {
				c := coded[k][j][i]
				key = append(key, byte(c), byte(c>>8), byte(c>>16), byte(c>>24))
			}
			cell, ok := known[string(key)]
			if !ok {
				cell = int32(len(out.Codes))
				known[string(key)] = cell
				codes := make([]int32, len(columns))
				for j := range codes {
					codes[j] = coded[k][j][i]
				}
				out.Codes = append(out.Codes, codes)
			}
			out.Rows[k][i] = cell
		}
	}
	return out, nil
}

// absent is the value of a missing one.
type absent struct{}

// valueOf is a value that is equal for equal values of two frames; width 0 is no band.
func valueOf(c *frame.Column, row int, width float64) any {
	switch {
	case c.IsMissing(row):
		return absent{}
	case c.Kind == frame.Category:
		return c.Levels[c.Codes[row]]
	case width > 0:
		return math.Floor(c.Numbers[row]/width) + 0 // -0 + 0 is 0
	}
	return c.Numbers[row] + 0
}

// Sizes counts the rows of a frame in each cell.
func (c *Cells) Sizes(frame int) []int {
	out := make([]int, len(c.Codes))
	for _, cell := range c.Rows[frame] {
		out[cell]++
	}
	return out
}
