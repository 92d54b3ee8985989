package detection

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

// byNumber puts row i in fold i mod 5.
func byNumber(rows int) []int {
	out := make([]int, rows)
	for i := range out {
		out[i] = i % folds
	}
	return out
}

// byValue puts each row in the fold of the first row that equals it in every column, real rows before synthetic ones.
func byValue(s *compare.Sides) (real, synthetic []int) {
	first := map[string]int{}
	place := func(keys []string) []int {
		out := byNumber(len(keys))
		for i, key := range keys {
			if f, seen := first[key]; seen {
				out[i] = f
			} else {
				first[key] = out[i]
			}
		}
		return out
	}
	return place(keys(s.Real, s.Real.Names())), place(keys(s.Synthetic, s.Real.Names()))
}

// keepSubjects moves the rows of each subject to the fold of the first of them. Rows without a subject stay.
func keepSubjects(of []int, subject *frame.Column) {
	first := map[string]int{}
	for i, key := range keys(frame.Must(subject), []string{subject.Name}) {
		if subject.IsMissing(i) {
			continue
		}
		if f, seen := first[key]; seen {
			of[i] = f
		} else {
			first[key] = of[i]
		}
	}
}

// keys returns a text for each row that equal rows have in common, and others have not.
func keys(f *frame.Frame, names []string) []string {
	out := make([]string, f.Rows())
	var key []byte
	for i := range out {
		key = key[:0]
		for _, name := range names {
			c := f.Column(name)
			switch {
			case c.IsMissing(i):
				key = append(key, '-')
			case c.Kind == frame.Number:
				// adding 0 makes one zero of both
				key = binary.LittleEndian.AppendUint64(append(key, '#'), math.Float64bits(c.Numbers[i]+0))
			default:
				level := c.Levels[c.Codes[i]]
				key = append(strconv.AppendInt(key, int64(len(level)), 10), ':')
				key = append(key, level...)
			}
		}
		out[i] = string(key)
	}
	return out
}

// dense returns an encoding as a frame of numbers, for models that encode by themselves.
func dense(x *encode.Design) *frame.Frame {
	columns := make([]*frame.Column, len(x.Columns))
	for j, c := range x.Columns {
		values := c.Dense
		if values == nil {
			values = make([]float64, x.Rows)
			c.AddTo(values, 1)
		}
		columns[j] = frame.NewNumber(strconv.Itoa(j), values)
	}
	return frame.Must(columns...)
}
