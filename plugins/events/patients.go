package events

import (
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Patients returns the rows of each subject, in order of id and, within one, of the frame. Rows without a subject belong to none.
func Patients(subject *frame.Column) [][]int {
	rows := rowsBySubject(subject, func(int) bool { return true })
	return slices.DeleteFunc(rows, func(of []int) bool { return len(of) == 0 })
}

// Copy returns a frame of the events of some patients, given as their rows, in that order: a patient may come more than once. Each
// copy is a patient of its own, with a new id that tells nothing but its place.
func Copy(f *frame.Frame, patients [][]int) *frame.Frame {
	rows := slices.Concat(patients...)
	out := f.Take(rows)
	var columns []*frame.Column
	for _, c := range out.Columns() {
		if c.Name == Subject {
			c = newIDs(c, patients)
		}
		columns = append(columns, c)
	}
	return frame.Must(columns...)
}

// newIDs returns a column like c, with an id for each of some patients, in order.
func newIDs(c *frame.Column, patients [][]int) *frame.Column {
	if c.Kind == frame.Number {
		ids := make([]float64, 0, c.Len())
		for i, rows := range patients {
			for range rows {
				ids = append(ids, float64(i+1))
			}
		}
		out := frame.NewNumber(c.Name, ids)
		out.Integer, out.Unit = c.Integer, c.Unit
		return out
	}
	levels, codes := make([]string, len(patients)), make([]int32, 0, c.Len())
	digits := len(fmt.Sprint(len(patients)))
	for i, rows := range patients {
		levels[i] = fmt.Sprintf("s%0*d", digits, i+1)
		for range rows {
			codes = append(codes, int32(i))
		}
	}
	out := frame.NewCategory(c.Name, levels, codes)
	out.Unit = c.Unit
	return out
}
