package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
)

// level is the coverage of the intervals that are made here.
const level = 0.95

// studentT is the method of an interval of a mean over replicates.
const studentT = "Student t"

// value summarises the scores of one line and column.
func (sel *selection) value(r *row, column int, low, high *float64) (Value, error) {
	hits := sel.hitsOf(r, column)
	if len(hits) == 0 {
		return sel.withoutScores(r, column), nil
	}
	if err := sel.checkMeeting(hits); err != nil {
		return Value{}, err
	}
	planned := sel.planned(r.group, column, hits[0].score.Metric)
	v := Value{Of: len(planned)}
	var values []float64
	var single *plugins.Interval
	why := newReasons(sel, len(planned))
	reached := map[int]bool{}
	for _, h := range hits {
		reached[h.cell] = true
		if h.score.Status == plugins.OK {
			values = append(values, h.score.Value)
			single = h.score.Interval
		} else {
			why.add(h.cell, sel.missing(h))
		}
	}
	for _, cell := range planned {
		if reached[cell] {
			continue
		}
		if sel.core.Cells[cell].Status == record.CellFailed {
			why.add(cell, sel.cellFailure(cell))
		} else {
			why.add(cell, "not measured for this row")
		}
	}
	v.N = len(values)
	v.notes = why.notes()
	for _, h := range hits {
		for _, w := range h.score.Warnings {
			if !slices.Contains(v.notes, w) {
				v.notes = append(v.notes, w)
			}
		}
	}
	switch len(values) {
	case 0:
		v.Status = missingStatus(hits)
	case 1:
		v.Status, v.Value, v.Interval = OK, values[0], single
	default:
		v.Status = OK
		if slices.Min(values) == slices.Max(values) {
			v.Value = values[0] // replicates that cannot differ, such as the prevalence of one test set, give no interval
			break
		}
		v.Value, v.Interval = meanInterval(values, unitOf(sel.declared.Over))
		v.clipped = clip(v.Interval, low, high)
	}
	return v, nil
}

// hitsOf returns the scores of a line and column. A score that is not ok and lacks a dimension of the line stands for
// every line that it might have had.
func (sel *selection) hitsOf(r *row, column int) []hit {
	g := r.group
	hits := g.exact[column][r.key]
	whole := g.seen[r.key] && !slices.ContainsFunc(sel.dims, func(i int) bool { return r.labels[i] == "" })
	var more []hit
	for _, h := range g.partial[column] {
		if !whole {
			if keyOf(sel.fill(g, h.score)) == r.key {
				more = append(more, h)
			}
			continue
		}
		sameMetric := len(hits) == 0 || h.score.Metric == hits[0].score.Metric
		if h.score.Status != plugins.OK && sel.located[column] && sameMetric && sel.fits(r, h.score) {
			more = append(more, h)
		}
	}
	if len(more) == 0 {
		return hits
	}
	return append(slices.Clone(hits), more...)
}

// fits reports whether the dimensions that a score has are those of a line.
func (sel *selection) fits(r *row, s *record.Score) bool {
	for _, i := range sel.dims {
		if v, has := s.Dims[sel.declared.Rows[i]]; has && v != r.labels[i] {
			return false
		}
	}
	return true
}

// withoutScores says why a line has no score in a column at all.
func (sel *selection) withoutScores(r *row, column int) Value {
	g := r.group
	if len(g.cells) == 0 && len(g.excluded) > 0 {
		why := newReasons(sel, len(g.excluded))
		for _, cell := range g.excluded {
			why.add(cell, "excluded: "+sel.core.Cells[cell].Reason)
		}
		return Value{Status: Excluded, notes: why.notes()}
	}
	why := newReasons(sel, len(g.cells))
	n := 0
	for _, cell := range g.cells {
		if !sel.scored[cell] && sel.core.Cells[cell].Status == record.CellFailed {
			why.add(cell, sel.cellFailure(cell))
			n++
		}
	}
	if n > 0 && len(g.exact[column]) == 0 && len(g.partial[column]) == 0 {
		return Value{Status: Failed, Of: n, notes: why.notes()}
	}
	return Value{Status: Absent, notes: []string{"not defined for this row"}}
}

// planned is the cells that were to measure a metric: those with any of its scores for this column, and those that
// failed without leaving a score.
func (sel *selection) planned(g *group, column int, metric string) []int {
	has := map[int]bool{}
	note := func(hits []hit) {
		for _, h := range hits {
			if h.score.Metric == metric {
				has[h.cell] = true
			}
		}
	}
	for _, hits := range g.exact[column] {
		note(hits)
	}
	note(g.partial[column])
	var cells []int
	for _, cell := range g.cells {
		if has[cell] || !sel.scored[cell] && sel.core.Cells[cell].Status == record.CellFailed {
			cells = append(cells, cell)
		}
	}
	return cells
}

// checkMeeting reports scores that must not be summarised into one number.
func (sel *selection) checkMeeting(hits []hit) error {
	first := hits[0]
	byCell := map[int]*record.Score{}
	for _, h := range hits {
		if h.score.Metric != first.score.Metric {
			return fmt.Errorf("scores of the metrics %q and %q meet; name the metric, or add a dimension to rows that tells them apart", first.score.Metric, h.score.Metric)
		}
		if other := byCell[h.cell]; other != nil {
			return fmt.Errorf("two scores of one cell meet; add to rows: %s", differingDim(other, h.score))
		}
		byCell[h.cell] = h.score
		for _, axis := range sel.core.Manifest.Axes {
			a, b := sel.core.Cells[first.cell].Axes[axis], sel.core.Cells[h.cell].Axes[axis]
			if a != b && !slices.Contains(sel.declared.Over, axis) {
				return fmt.Errorf("cells with %s %q and %q meet; add %q to rows, over or where", axis, a, b, axis)
			}
		}
	}
	return nil
}

func differingDim(a, b *record.Score) string {
	var names []string
	for k, v := range a.Dims {
		if w, has := b.Dims[k]; !has || w != v {
			names = append(names, k)
		}
	}
	for k := range b.Dims {
		if _, has := a.Dims[k]; !has {
			names = append(names, k)
		}
	}
	if len(names) == 0 {
		return "nothing would tell them apart: the metric measured the score twice"
	}
	slices.Sort(names)
	return strings.Join(names, " or ")
}

// meanInterval is the mean with its Student-t interval; it needs two values that differ.
func meanInterval(values []float64, unit string) (mean float64, iv *plugins.Interval) {
	n := float64(len(values))
	for _, v := range values {
		mean += v / n
	}
	squares := 0.0
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	half := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile((1+level)/2) * math.Sqrt(squares/(n-1)/n)
	return mean, &plugins.Interval{Low: mean - half, High: mean + half, Level: level, Unit: unit, Method: studentT}
}

// clip cuts an interval at the range of its score, beyond which the mean cannot lie.
func clip(iv *plugins.Interval, low, high *float64) bool {
	cut := false
	if low != nil && iv.Low < *low {
		iv.Low, cut = *low, true
	}
	if high != nil && iv.High > *high {
		iv.High, cut = *high, true
	}
	return cut
}

// unitOf names what a mean is over, e.g. "seeds" or "sites and seeds".
func unitOf(over []string) string {
	plural := make([]string, len(over))
	for i, a := range over {
		switch {
		case a == "strategy":
			plural[i] = "strategies"
		case a == "n":
			plural[i] = "sample sizes"
		case strings.HasSuffix(a, "s"):
			plural[i] = a
		default:
			plural[i] = a + "s"
		}
	}
	return strings.Join(plural, " and ")
}

func missingStatus(hits []hit) Status {
	if slices.ContainsFunc(hits, func(h hit) bool { return h.score.Status == plugins.Failed }) {
		return Failed
	}
	return Undefined
}

// missing is why a score has no value.
func (sel *selection) missing(h hit) string {
	if h.score.Status == plugins.Undefined {
		return "undefined: " + h.score.Reason
	}
	cell := &sel.core.Cells[h.cell]
	if cell.Stage != "" && (h.score.Reason == "" || h.score.Reason == cell.Reason) {
		return sel.cellFailure(h.cell)
	}
	return "failed: " + h.score.Reason
}

func (sel *selection) cellFailure(cell int) string {
	c := &sel.core.Cells[cell]
	if c.Stage == "" {
		return "failed: " + c.Reason
	}
	return "failed at " + c.Stage + ": " + c.Reason
}

// excludedNotes says which cells of a line the experiment left out, where others of the line were run.
func (sel *selection) excludedNotes(r *row) []string {
	if len(r.group.cells) == 0 {
		return nil
	}
	why := newReasons(sel, -1)
	for _, cell := range r.group.excluded {
		why.add(cell, "excluded: "+sel.core.Cells[cell].Reason)
	}
	return why.notes()
}

// reasons gathers the cells behind each reason, so that one note can name them.
type reasons struct {
	sel   *selection
	all   int // a reason that holds for so many cells names none
	texts []string
	cells map[string][]string
}

func newReasons(sel *selection, all int) *reasons {
	return &reasons{sel: sel, all: all, cells: map[string][]string{}}
}

func (w *reasons) add(cell int, text string) {
	if _, known := w.cells[text]; !known {
		w.texts = append(w.texts, text)
	}
	var values []string
	for _, axis := range w.sel.declared.Over {
		values = append(values, w.sel.core.Cells[cell].Axes[axis])
	}
	w.cells[text] = append(w.cells[text], strings.Join(values, "/"))
}

// notes is one note a reason, e.g. "seed 2, 4: failed at generate: timed out".
func (w *reasons) notes() []string {
	const most = 6
	var notes []string
	for _, text := range w.texts {
		cells := w.cells[text]
		if len(w.sel.declared.Over) == 0 || len(cells) == w.all {
			notes = append(notes, text)
			continue
		}
		rest := ""
		if len(cells) > most {
			rest = fmt.Sprintf(" and %d more", len(cells)-most)
			cells = cells[:most]
		}
		notes = append(notes, strings.Join(w.sel.declared.Over, "/")+" "+strings.Join(cells, ", ")+rest+": "+text)
	}
	return notes
}
