package report

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/stats"
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
		other, its := sel.partner(h.cell, minus)
		if its {
			out = append(out, h)
			continue
		}
		same = false
		s := record.Score{Cell: h.score.Cell, Metric: h.score.Metric, Score: plugins.Score{Name: h.score.Name, Dims: h.score.Dims}}
		base := sel.scoreOf(other, h.score)
		switch {
		case h.score.Status != plugins.OK:
			s.Score = h.score.Score
		case base == nil:
			s.Status, s.Reason = plugins.Undefined, "there is no cell with "+described(minus)+" to subtract"
		case base.Status != plugins.OK:
			s.Status, s.Reason = plugins.Undefined, "what is subtracted has no value: "+base.Reason
		case h.score.Draws != nil && base.Draws != nil && h.score.Draws.Of != base.Draws.Of:
			s.Status, s.Reason = plugins.Undefined, "the two were not rated on the same test rows"
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
		out = append(out, hit{&s, h.cell})
	}
	if same {
		return nil
	}
	return out
}

// paired subtracts draws on the same resamples of the same test rows; nil where they are not.
func paired(a, b *record.Draws) *record.Draws {
	if a == nil || b == nil || a.Of != b.Of || a.Unit != b.Unit || len(a.Values) != len(b.Values) {
		return nil
	}
	out := &record.Draws{Unit: a.Unit, Of: a.Of, Values: make([]float32, len(a.Values))}
	for i := range a.Values {
		out.Values[i] = a.Values[i] - b.Values[i]
	}
	return out
}

// drawn is the interval of one difference by its draws: that of a normal distribution with their spread.
func drawn(value float64, d *record.Draws) *plugins.Interval {
	if d == nil || len(d.Values) < 2 {
		return nil
	}
	values := make([]float64, len(d.Values))
	for i, v := range d.Values {
		values[i] = float64(v)
	}
	// the t interval of a mean of the draws, widened to that of one of them
	_, low, high, err := stats.MeanInterval(values, level)
	if err != nil {
		return nil
	}
	half := (high - low) / 2 * math.Sqrt(float64(len(values)))
	return &plugins.Interval{
		Low: value - half, High: value + half, Level: level, Unit: d.Unit,
		Method: fmt.Sprintf("paired bootstrap, %d joint resamples", len(values)),
	}
}

// partner returns the cell that is subtracted from a cell, -1 where there is none; its reports that the cell is itself one of
// those.
func (sel *selection) partner(cell int, minus map[string]spec.Value) (other int, its bool) {
	its = true
	for axis, v := range minus {
		its = its && sel.core.Cells[cell].Axes[axis] == v.String()
	}
	if its {
		return cell, true
	}
	name := described(minus)
	if sel.byAxes == nil {
		sel.byAxes = map[string]map[string][]int{}
	}
	if sel.byAxes[name] == nil {
		index := map[string][]int{}
		for i := range sel.core.Cells {
			for _, sized := range []bool{true, false} {
				key := sel.axesKey(i, minus, false, sized)
				index[key] = append(index[key], i)
			}
		}
		sel.byAxes[name] = index
	}
	if at := sel.byAxes[name][sel.axesKey(cell, minus, true, true)]; len(at) == 1 {
		return at[0], false
	}
	if _, named := minus["n"]; named || !comparesHospitals(minus) {
		return -1, false
	}
	if at := sel.byAxes[name][sel.axesKey(cell, minus, true, false)]; len(at) == 1 {
		return at[0], false
	}
	return -1, false
}

// comparesHospitals reports whether train hospitals differ between a cell and what is subtracted from it, and with them
// sample sizes that follow the train part.
func comparesHospitals(minus map[string]spec.Value) bool {
	_, arranged := minus["site"]
	_, trained := minus[spec.TrainSite]
	return arranged || trained
}

// axesKey names the axes of a cell; with replaced, the values of minus stand in the place of its own. Where hospitals are
// compared, sample sizes that follow the train part differ: then the cells are matched without them.
func (sel *selection) axesKey(cell int, minus map[string]spec.Value, replaced, sized bool) string {
	var b strings.Builder
	fmt.Fprint(&b, sized)
	_, arranged := minus["site"]
	for _, axis := range sel.core.Manifest.Axes {
		value := sel.core.Cells[cell].Axes[axis]
		if v, named := minus[axis]; named && replaced {
			value = v.String()
		}
		if arranged && axis == spec.TrainSite || axis == "n" && !sized {
			continue
		}
		fmt.Fprintf(&b, "\x00%s", value)
	}
	return b.String()
}

// described is what is subtracted, e.g. "site each".
func described(minus map[string]spec.Value) string {
	var parts []string
	for axis, v := range minus {
		parts = append(parts, axis+" "+v.String())
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// scoreOf finds the score of a cell with the metric, name and dimensions of another.
func (sel *selection) scoreOf(cell int, like *record.Score) *record.Score {
	if cell < 0 {
		return nil
	}
	if sel.byName == nil {
		sel.byName = map[string][]*record.Score{}
		for i := range sel.core.Scores {
			s := &sel.core.Scores[i]
			key := s.Cell + "\x00" + s.Metric + "\x00" + s.Name
			sel.byName[key] = append(sel.byName[key], s)
		}
	}
	key := sel.core.Cells[cell].ID + "\x00" + like.Metric + "\x00" + like.Name
	for _, s := range sel.byName[key] {
		if maps.Equal(s.Dims, like.Dims) || s.Status != plugins.OK && len(s.Dims) <= len(like.Dims) {
			return s
		}
	}
	return nil
}
