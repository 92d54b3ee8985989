package record

import (
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Draws are a score on each of some resamples; see plugins.Draws.
type Draws struct {
	Unit   string // what was resampled
	Of     string // of which rows: draws of other ones are no pairs of these
	Values []float32
}

// checkDraws reports draws that must not be recorded.
func checkDraws(s *Score) error {
	d := s.Draws
	if d == nil {
		return nil
	}
	if s.Status != plugins.OK || d.Unit == "" || d.Of == "" || len(d.Values) == 0 {
		return fmt.Errorf("cell %s, score %s.%s: draws need a value, a unit, what they are of, and a draw at least", s.Cell, s.Metric, s.Name)
	}
	for i, v := range d.Values {
		if !finite(float64(v)) {
			return fmt.Errorf("cell %s, score %s.%s: draw %d is no finite number", s.Cell, s.Metric, s.Name, i+1)
		}
	}
	return nil
}

// drawsFrame is one row a draw: the row of its score in the scores table, from 0, the unit, of which rows, and the value. Draws of a score
// stand in their order, which is that of the resamples.
func drawsFrame(scores []Score) (*frame.Frame, error) {
	n := 0
	for i := range scores {
		if d := scores[i].Draws; d != nil {
			n += len(d.Values)
		}
	}
	at, values := make([]float64, 0, n), make([]float64, 0, n)
	units, of := newRepeated(n), newRepeated(n)
	for i := range scores {
		d := scores[i].Draws
		if d == nil {
			continue
		}
		for _, v := range d.Values {
			at, values = append(at, float64(i)), append(values, float64(v))
		}
		units.add(d.Unit, len(d.Values))
		of.add(d.Of, len(d.Values))
	}
	return frame.New(wholeColumn("score", at), units.column("unit"), of.column("of"), frame.NewNumber("value", values))
}

// repeated is a column of few texts in many rows.
type repeated struct {
	code   map[string]int32
	levels []string
	codes  []int32
}

func newRepeated(rows int) *repeated {
	return &repeated{code: map[string]int32{}, codes: make([]int32, 0, rows)}
}

// add appends rows of one text.
func (t *repeated) add(text string, rows int) {
	code, known := t.code[text]
	if !known {
		code = int32(len(t.levels))
		t.code[text], t.levels = code, append(t.levels, text)
	}
	for range rows {
		t.codes = append(t.codes, code)
	}
}

func (t *repeated) column(name string) *frame.Column {
	return frame.NewCategory(name, t.levels, t.codes)
}

// addDraws puts the draws of drawsFrame to the scores that they belong to.
func addDraws(f *frame.Frame, scores []Score) error {
	r := &reader{f: f}
	at, unit, of, value := r.number("score"), r.text("unit"), r.text("of"), r.number("value")
	if r.err != nil {
		return r.err
	}
	for i := range f.Rows() {
		row := int(at.Numbers[i])
		if row < 0 || row >= len(scores) || float64(row) != at.Numbers[i] {
			return fmt.Errorf("draw %d belongs to score %v, of %d", i+1, at.Numbers[i], len(scores))
		}
		if scores[row].Draws == nil {
			scores[row].Draws = &Draws{Unit: textAt(unit, i), Of: textAt(of, i)}
		}
		scores[row].Draws.Values = append(scores[row].Draws.Values, float32(value.Numbers[i]))
	}
	return nil
}
