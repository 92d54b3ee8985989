package report

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/stats"
	"github.com/ehrlab/ehrlab/runner/contrast"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// level is the coverage of the intervals that are made here.
const level = 0.95

// studentT is the method of an interval of a mean over replicates.
const studentT = "Student t"

// twoLevel begins the method of an interval that holds the sampling of the test rows besides what replicates differ by.
const twoLevel = "two-level: "

// value summarises the scores of one line and column.
func (sel *selection) value(r *row, column int, low, high *float64) (Value, error) {
	hits := sel.hitsOf(r, column)
	if len(hits) == 0 {
		return sel.withoutScores(r, column), nil
	}
	if minus := sel.declared.Columns[column].Minus; minus != nil {
		low, high = nil, nil
		if hits = sel.differences(hits, minus); hits == nil {
			return Value{Status: Absent, notes: []note{plainNote("this is what is subtracted")}}, nil
		}
	}
	if err := sel.checkMeeting(hits); err != nil {
		return Value{}, err
	}
	planned := sel.planned(r.group, column, hits[0].score.Metric)
	v := Value{Of: len(planned), hits: hits}
	var ok []hit
	why := newReasons(sel, planned, true)
	reached := map[int]bool{}
	for _, h := range hits {
		reached[h.cell] = true
		if h.score.Status == plugins.OK {
			ok = append(ok, h)
		} else if text := sel.missing(h); sel.core.Cells[h.cell].Status == record.CellNotEstimable && slices.Contains(sel.declared.Over, spec.TestSite) {
			why.file(h.cell, kindOf(text), text) // one note for all hospitals of the mean
		} else {
			why.add(h.cell, text)
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
	v.N, v.notes = len(ok), why.notes()
	if len(ok) == 0 {
		v.Status = missingStatus(hits)
		v.undefined = len(reached) == len(planned) && len(sel.cellsOf(r.group.excluded, column)) == 0 && unaudited(hits)
		return v, nil
	}
	v.notes = append(v.notes, why.gaps(cellsOf(ok))...)
	untold := func(h hit) bool { return h.score.Status == plugins.Undefined && withheld(h.score.Reason) }
	if !slices.Contains(sel.declared.Over, spec.TestSite) && slices.ContainsFunc(hits, untold) { // of hospitals, the small ones are
		v.Status = Withheld
		v.notes = append(v.notes, plainNote("a mean of the values that are told would leave out those that are withheld for standing for few"))
		return v, nil
	}
	v.notes = append(v.notes, sel.warnings(ok)...)
	sel.summarise(&v, r.group, column, ok, low, high)
	if axes := sel.varying(r.group, column); v.Interval != nil && len(ok) > 1 && len(sel.others(axes)) == 0 && sel.generations(axes) {
		v.notes = append(v.notes, sel.dependence(ok)...)
	}
	return v, nil
}

// dependence says which of the values that an interval is over are not independent.
func (sel *selection) dependence(ok []hit) []note {
	why := newReasons(sel, cellsOf(ok), false)
	for _, h := range ok {
		cells := []int{h.cell}
		if h.less != nil {
			cells = append(cells, sel.cells[h.less.Cell])
		}
		for _, cell := range cells {
			if text := sel.dependent[cell]; text != "" {
				why.warn(h.cell, text)
			}
		}
	}
	return why.notes()
}

// summarise sets the value to that of the only hit, or to the mean with the interval that it has over replicates.
func (sel *selection) summarise(v *Value, g *group, column int, ok []hit, low, high *float64) {
	v.Status, v.Value = OK, ok[0].score.Value
	values := make([]float64, len(ok))
	for i, h := range ok {
		values[i] = h.score.Value
	}
	if len(ok) == 1 {
		v.Sample, v.Interval = sampleOf(values, nil, nil), ok[0].score.Interval
		return
	}
	axes := sel.varying(g, column)
	if bySite(sel.others(axes)) {
		sel.overHospitals(v, ok, low, high)
		return
	}
	v.Sample = sampleOf(values, sel.others(axes), axes)
	clip(v.Sample.Prediction, low, high)
	onSameRows := !slices.ContainsFunc(axes, func(a string) bool { return !sel.replicates[a] })
	if slices.Min(values) == slices.Max(values) {
		switch {
		case len(sel.others(axes)) > 0:
		case sel.twoLevel(v, axes, ok) || onSameRows && overSampling(v, axes, ok):
			v.clipped = clip(v.Interval, low, high)
		case ok[0].score.Interval != nil: // such as the prevalence of one test set has none in any row
			v.notes = append(v.notes, plainNote("no interval: all replicates are equal"))
		}
		return
	}
	mean, from, to, err := stats.MeanInterval(values, level)
	if err == nil && !(to-from <= math.MaxFloat64) { // NaN too
		err = errors.New("the mean or its interval overflows")
	}
	if err != nil {
		v.Status, v.Value = Undefined, 0
		v.notes = append(v.notes, plainNote("undefined: "+err.Error()))
		return
	}
	v.Value = mean
	if others := sel.others(axes); len(others) > 0 {
		sel.mixed = union(sel.mixed, others)
		return
	}
	if sel.twoLevel(v, axes, ok) {
		v.clipped = clip(v.Interval, low, high)
		return
	}
	if onSameRows && overSampling(v, axes, ok) {
		v.clipped = clip(v.Interval, low, high)
		return
	}
	sel.averaged = union(sel.averaged, axes)
	v.Interval = &plugins.Interval{Low: from, High: to, Level: level, Unit: unitOf(axes), Method: studentT}
	v.clipped = clip(v.Interval, low, high)
}

// twoLevel sets the interval of a mean over replicates that were rated on the same test rows, and whose scores have draws on the
// same resamples of them: it holds both what varies between generations and the sampling of the test rows.
func (sel *selection) twoLevel(v *Value, axes []string, ok []hit) bool {
	points, draws := make([]float64, len(ok)), make([][]float32, len(ok))
	first := ok[0].score.Draws
	for i, h := range ok {
		d := h.score.Draws
		if d == nil || d.Of != first.Of || d.Unit != first.Unit || len(d.Values) != len(first.Values) {
			return false
		}
		points[i], draws[i] = h.score.Value, d.Values
	}
	e, err := stats.TwoLevel(points, draws, level)
	if err != nil || notFinite(e.Low) || notFinite(e.High) {
		return false
	}
	v.Interval = &plugins.Interval{
		Low: e.Low, High: e.High, Level: level,
		Unit: unitOf(axes) + " × " + first.Unit, Method: fmt.Sprintf("%s%s, %d joint resamples", twoLevel, studentT, len(first.Values)),
	}
	return true
}

// overSampling sets the interval of a mean over replicates whose scores have no draws, but intervals by the real rows that they were rated
// on: to the spread of the replicates it adds the sampling of these rows, which is the same for all of them. Each half width
// stands for one part, as in stats.TwoLevel, and each side has its own: that of a share near 1 reaches down further than up. Intervals
// that synthetic rows have a part in already hold some of what replicates differ by.
func overSampling(v *Value, axes []string, ok []hit) bool {
	values, below, above := make([]float64, len(ok)), 0.0, 0.0
	for i, h := range ok {
		iv := h.score.Interval
		if iv == nil || iv.Level != level || iv.Unit != ok[0].score.Interval.Unit || strings.Contains(iv.Unit, "synthetic") {
			return false
		}
		values[i] = h.score.Value
		below, above = math.Hypot(below, values[i]-iv.Low), math.Hypot(above, iv.High-values[i])
	}
	mean, low, high, err := stats.MeanInterval(values, level)
	root := math.Sqrt(float64(len(ok)))
	from, to := mean-math.Hypot(mean-low, below/root), mean+math.Hypot(high-mean, above/root)
	if err != nil || notFinite(from) || notFinite(to) {
		return false
	}
	v.Interval = &plugins.Interval{
		Low: from, High: to, Level: level, Unit: unitOf(axes) + " × " + ok[0].score.Interval.Unit,
		Method: twoLevel + studentT + ", and the interval of each value",
	}
	return true
}

func notFinite(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) }

// varying are the averaged axes that have several values: in the table, or, for those that hospitals give values of, in
// the line. What a line lacks of the others counts, so that a mean of fewer is not taken for a mean of replicates.
func (sel *selection) varying(g *group, column int) []string {
	var axes []string
	for _, axis := range sel.declared.Over {
		values := sel.oversOf(axis, column)
		if !slices.Contains(sel.crossed(), axis) {
			values = sel.valuesOf(axis, g.cells)
		}
		if len(values) > 1 {
			axes = append(axes, axis)
		}
	}
	sel.varied = union(sel.varied, axes)
	return axes
}

// warnings are the notes of the values behind a value.
func (sel *selection) warnings(ok []hit) []note {
	why := newReasons(sel, cellsOf(ok), false)
	for _, h := range ok {
		for _, w := range h.score.Warnings {
			why.warn(h.cell, w)
		}
	}
	return why.notes()
}

func cellsOf(hits []hit) []int {
	cells := make([]int, len(hits))
	for i, h := range hits {
		cells[i] = h.cell
	}
	return cells
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
		if v, has := sel.dimension(s, sel.declared.Rows[i]); has && v != r.labels[i] {
			return false
		}
	}
	return true
}

// recorded reports whether any cell has a score of an address, of whatever status.
func (src *source) recorded(address string) bool {
	return slices.ContainsFunc(src.core.Scores, func(s record.Score) bool { return address == s.Name || address == s.Metric+"."+s.Name })
}

// withoutScores says why a line has no score in a column at all.
func (sel *selection) withoutScores(r *row, column int) Value {
	g := r.group
	cells, excluded := sel.cellsOf(g.cells, column), sel.cellsOf(g.excluded, column)
	if len(cells) == 0 && len(excluded) > 0 {
		why := newReasons(sel, excluded, true)
		for _, cell := range excluded {
			why.add(cell, "excluded: "+sel.core.Cells[cell].Reason)
		}
		return Value{Status: Excluded, notes: why.notes()}
	}
	why := newReasons(sel, cells, true)
	n := 0
	for _, cell := range cells {
		if !sel.scored[cell] && sel.core.Cells[cell].Status == record.CellFailed {
			why.add(cell, sel.cellFailure(cell))
			n++
		}
	}
	if n > 0 && len(g.exact[column]) == 0 && len(g.partial[column]) == 0 {
		return Value{Status: Failed, Of: n, notes: why.notes()}
	}
	if !sel.recorded(sel.declared.Columns[column].Score) {
		return Value{Status: Absent, notes: []note{plainNote("no cell has this score; its metric may need a setting for it")}}
	}
	whole := !slices.ContainsFunc(slices.Concat(cells, excluded), func(cell int) bool { return sel.core.Cells[cell].Status != record.CellOK })
	return Value{Status: Absent, undefined: whole, notes: []note{plainNote("not defined for this row")}}
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
	for _, cell := range sel.cellsOf(g.cells, column) {
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

// clip cuts an interval, if there is one, at the range of its score, beyond which the mean cannot lie.
func clip(iv *plugins.Interval, low, high *float64) bool {
	cut := false
	if iv == nil {
		return false
	}
	if low != nil && iv.Low < *low {
		iv.Low, cut = *low, true
	}
	if high != nil && iv.High > *high {
		iv.High, cut = *high, true
	}
	return cut
}

// unitOf names what a mean is over, e.g. "seeds" or "sites and seeds".
func unitOf(over []string) string { return contrast.UnitOf(over) }

// unaudited reports whether scores are of audits, and the rows had none.
func unaudited(hits []hit) bool {
	return !slices.ContainsFunc(hits, func(h hit) bool { return h.score.Status != plugins.Undefined || h.score.Reason != plugins.NoAudit })
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
		if sel.core.Cells[h.cell].Status == record.CellNotEstimable {
			return h.score.Reason
		}
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

// withheld reports whether the reason of a score that has no value is that it would tell of too few patients.
func withheld(reason string) bool { return strings.HasPrefix(reason, "withheld") }
