package report

import (
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/stats"
	"github.com/ehrlab/ehrlab/runner/contrast"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// differences subtracts from each score that of the cell which has the values of minus and is otherwise alike: same
// seed, same test rows. It returns nil where the cells are those that are subtracted.
//
// The train hospitals differ when arrangements of hospitals are compared, and are left out of what must be alike. A
// difference has an interval where both scores have draws on the same resamples of the same test rows.
func (sel *selection) differences(hits []hit, minus map[string]spec.Value) []hit {
	var out []hit
	same := true
	for _, h := range hits {
		other, its := sel.pairing().Partner(h.cell, nil, minus)
		if its {
			out = append(out, h)
			continue
		}
		same = false
		s := record.Score{Cell: h.score.Cell, Metric: h.score.Metric, Score: plugins.Score{Name: h.score.Name, Dims: h.score.Dims}}
		base := sel.pairing().ScoreOf(other, h.score)
		switch {
		case h.score.Status != plugins.OK:
			s.Score = h.score.Score
		case base == nil:
			s.Status, s.Reason = plugins.Undefined, "there is no cell with "+contrast.Described(minus)+" to subtract"
		case base.Status != plugins.OK:
			s.Status, s.Reason = plugins.Undefined, "what is subtracted has no value: "+base.Reason
		case h.score.Draws != nil && base.Draws != nil && h.score.Draws.Of != base.Draws.Of:
			s.Status, s.Reason = plugins.Undefined, contrast.ErrTestRows.Error()
		default:
			s.Status, s.Value, s.N = plugins.OK, h.score.Value-base.Value, min(h.score.N, base.N)
			s.Draws = paired(h.score.Draws, base.Draws)
			s.Interval = drawn(s.Value, s.Draws)
			for _, w := range append(slices.Clone(h.score.Warnings), base.Warnings...) {
				if !slices.Contains(s.Warnings, w) {
					s.Warnings = append(s.Warnings, w)
				}
			}
		}
		out = append(out, hit{score: &s, cell: h.cell, of: h.score, less: base})
	}
	if same {
		return nil
	}
	return out
}

// paired subtracts draws on the same resamples of the same test rows; nil where they are not.
func paired(a, b *record.Draws) *record.Draws {
	if !contrast.Joint(a, b) {
		return nil
	}
	out := &record.Draws{Unit: a.Unit, Of: a.Of, Values: make([]float32, len(a.Values))}
	for i := range a.Values {
		out.Values[i] = a.Values[i] - b.Values[i]
	}
	return out
}

// drawn is the interval of one difference by its draws.
func drawn(value float64, d *record.Draws) *plugins.Interval {
	if d == nil {
		return nil
	}
	values := make([]float64, len(d.Values))
	for i, v := range d.Values {
		values[i] = float64(v)
	}
	e, err := stats.Resampled(value, values, level)
	if err != nil {
		return nil
	}
	return &plugins.Interval{
		Low: e.Low, High: e.High, Level: level, Unit: d.Unit, Method: fmt.Sprintf("paired bootstrap, %d joint resamples", len(values)),
	}
}

// pairing is the index of the core.
func (src *source) pairing() *contrast.Index {
	if src.index == nil {
		src.index = contrast.NewIndex(src.core)
	}
	return src.index
}
