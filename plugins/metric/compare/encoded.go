package compare

import (
	"slices"

	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Encoded is both sides of a comparison in the standard encoding: means and SDs of the real rows, levels and
// missingness of both sides.
type Encoded struct {
	Encoder         *encode.Encoder
	Real, Synthetic *encode.Design
}

// encodedKey is the key of Encoded: of a real part against the synthetic rows.
type encodedKey struct{}

// Encoded returns the standard encoding of all columns. It is made once; callers must not change it.
func (s *Sides) Encoded() (*Encoded, error) {
	return Prepare(s, s.Part, encodedKey{}, func() (*Encoded, error) {
		encoder, err := encode.FitAll(s.Real, []*frame.Frame{s.Synthetic})
		if err != nil {
			return nil, err
		}
		out := &Encoded{Encoder: encoder}
		if out.Real, err = encoder.Transform(s.Real); err != nil {
			return nil, err
		}
		out.Synthetic, err = encoder.Transform(s.Synthetic)
		return out, err
	})
}

// Pooled returns the real rows and, after them, the synthetic rows, with the label of each: 0 for real, 1 for synthetic.
func (e *Encoded) Pooled() (*encode.Design, []float64) {
	real, synthetic := make([]int, e.Real.Rows), make([]int, e.Synthetic.Rows)
	for i := range real {
		real[i] = i
	}
	for i := range synthetic {
		synthetic[i] = i
	}
	return e.Some(real, synthetic)
}

// Some returns the named real rows and, after them, the named synthetic rows, both ascending, with the label of each: 0 for real,
// 1 for synthetic.
func (e *Encoded) Some(real, synthetic []int) (*encode.Design, []float64) {
	y := slices.Concat(make([]float64, len(real)), slices.Repeat([]float64{1}, len(synthetic)))
	x := &encode.Design{Rows: len(y), Columns: make([]encode.Column, len(e.Real.Columns))}
	for j, c := range e.Real.Columns {
		o := e.Synthetic.Columns[j]
		if c.Dense != nil {
			dense := make([]float64, 0, len(y))
			for _, i := range real {
				dense = append(dense, c.Dense[i])
			}
			for _, i := range synthetic {
				dense = append(dense, o.Dense[i])
			}
			x.Columns[j].Dense = dense
			continue
		}
		x.Columns[j].Ones = append(among([]int32{}, c.Ones, real, 0), among(nil, o.Ones, synthetic, len(real))...)
	}
	return x, y
}

// among appends to out the places in rows of those that ones lists, each offset; both are ascending.
func among(out []int32, ones []int32, rows []int, offset int) []int32 {
	k := 0
	for i, row := range rows {
		for k < len(ones) && int(ones[k]) < row {
			k++
		}
		if k < len(ones) && int(ones[k]) == row {
			out = append(out, int32(i+offset))
		}
	}
	return out
}

// Rows returns the two sides row by row, one value a column.
func (e *Encoded) Rows() (real, synthetic [][]float64) {
	return rowsOf(e.Real), rowsOf(e.Synthetic)
}

func rowsOf(d *encode.Design) [][]float64 {
	width := len(d.Columns)
	flat := make([]float64, d.Rows*width)
	for j, c := range d.Columns {
		for i, v := range c.Dense {
			flat[i*width+j] = v
		}
		for _, i := range c.Ones {
			flat[int(i)*width+j] = 1
		}
	}
	out := make([][]float64, d.Rows)
	for i := range out {
		out[i] = flat[i*width : (i+1)*width : (i+1)*width]
	}
	return out
}

// farthest is the greatest magnitude of an encoded value whose square, and sums of as many of them as there are
// columns, are sure to be finite.
const farthest = 1e150

// Unusable says why distances and models cannot be made of the encoding; empty when they can.
func (e *Encoded) Unusable() string {
	if len(e.Real.Columns) == 0 {
		return "there are no columns"
	}
	for _, side := range []*encode.Design{e.Real, e.Synthetic} {
		for _, c := range side.Columns {
			for _, v := range c.Dense {
				if !(v >= -farthest && v <= farthest) {
					return "a value lies too many real standard deviations from the real mean to be reckoned with"
				}
			}
		}
	}
	return ""
}
