package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// fillArgmax fills a table that says, for each row and score, which value of some axes is best, which comes second, and how far
// apart the two are, paired.
func (src *source) fillArgmax(t *Table, declared *spec.Table) error {
	wide := *declared
	wide.Rows = slices.Concat(declared.Rows, declared.Of)
	candidates := &Table{Rows: wide.Rows, Over: declared.Over}
	for _, c := range declared.Columns {
		candidates.Columns = append(candidates.Columns, src.column(c))
	}
	sel, err := src.fillLines(candidates, &wide)
	if err != nil {
		return err
	}
	several := len(declared.Columns) > 1
	t.Rows = declared.Rows
	if several {
		t.Rows = append(slices.Clone(declared.Rows), spec.ScoreRow)
	}
	first := candidates.Columns[0]
	t.Columns = []Column{first.winner("best"), first.winner("value"), first.winner("runner-up"), first.winner("its value"), first.winner("difference")}
	t.Banner = candidates.Banner
	for _, lines := range candidates.parted(len(declared.Rows)) {
		for c := range declared.Columns {
			column := &candidates.Columns[c]
			line, err := src.contest(declared, lines, c, column)
			if err != nil {
				return err
			}
			if several {
				line.Labels = append(line.Labels, column.header())
			}
			column.addDecimals(line.Values)
			for i := range line.Values {
				line.Values[i].as = column
			}
			t.Lines = append(t.Lines, line)
		}
	}
	t.averaged, t.others, t.replicas, t.bySite, t.fixed = candidates.averaged, candidates.others, candidates.replicas, candidates.bySite, candidates.fixed
	t.Remarks = append(t.Remarks, fmt.Sprintf("Best and runner-up: of the values of %s. Difference: the best less the runner-up, paired where they have the same seeds and test rows.",
		strings.Join(declared.Of, " and ")))
	src.finish(t, sel)
	return nil
}

// winner is a column of a table of best values, with the format of the score.
func (c *Column) winner(title string) Column {
	return Column{Score: c.Score, Title: title, Better: plugins.Neutral, Digits: c.Digits, Format: c.Format}
}

// contest is the line of one row and score.
func (src *source) contest(declared *spec.Table, lines []Line, c int, column *Column) (Line, error) {
	shared := len(declared.Rows)
	sign := 1.
	if column.Better == plugins.Higher {
		sign = -1
	}
	var ranked []Line
	var lost []note
	for _, l := range lines {
		if l.Values[c].Status == OK {
			ranked = append(ranked, l)
			continue
		}
		name := nameOf(declared, l.Labels[shared:])
		lost = append(lost, plainNote(fmt.Sprintf("%s does not compete: %s", name, strings.Join(printed(l.Values[c].notes), "; "))))
	}
	slices.SortStableFunc(ranked, func(a, b Line) int { return byValue(&a.Values[c], &b.Values[c], sign) })
	out := Line{Labels: slices.Clone(lines[0].Labels[:shared]), notes: lost}
	none := func(why string) Value { return Value{Status: Absent, notes: []note{plainNote(why)}} }
	if len(ranked) == 0 {
		why := none("no value competes")
		out.Values = []Value{why, why, why, why, why}
		return out, nil
	}
	best := &ranked[0].Values[c]
	out.N, out.Of = best.N, best.Of
	out.notes = append(out.notes, ranked[0].notes...) // such as cells that are excluded
	named := Value{Status: OK, Text: nameOf(declared, ranked[0].Labels[shared:]), N: best.N, Of: best.Of}
	for i := range ranked { // all that competed
		named.hits = append(named.hits, ranked[i].Values[c].hits...)
	}
	if src.selectedOnTest(column.Score) && len(ranked) > 1 {
		named.notes = append(named.notes, plainNote("selected on the rows that it is rated on: its value, and the difference, are optimistic"))
	}
	if len(ranked) == 1 {
		why := none("nothing else competes")
		out.Values = []Value{named, *best, why, why, why}
		return out, nil
	}
	second := &ranked[1].Values[c]
	if second.Value == best.Value {
		named.notes = append(named.notes, plainNote("the runner-up is as good: the first of them stands first"))
	}
	next := Value{Status: OK, Text: nameOf(declared, ranked[1].Labels[shared:]), N: second.N, Of: second.Of, hits: named.hits, notes: slices.Clone(ranked[1].notes)}
	gap, err := src.gap(declared, c, ranked[0].Labels, ranked[1].Labels)
	out.Values = []Value{named, *best, next, *second, gap}
	return out, err
}

// nameOf joins the values of the axes of a table that compete.
func nameOf(declared *spec.Table, labels []string) string {
	names := make([]string, len(labels))
	for i, l := range labels {
		names[i] = dashed(declared.Shown(declared.Of[i], l))
	}
	return strings.Join(names, ", ")
}

// gap is the difference of the best and the runner-up of one row: the value of the best with the runner-up subtracted.
func (src *source) gap(declared *spec.Table, c int, best, second []string) (Value, error) {
	shared := len(declared.Rows)
	d := *declared
	d.Rows = slices.Concat(declared.Rows, declared.Of)
	d.Columns = []spec.TableColumn{declared.Columns[c]}
	d.Columns[0].Minus = map[string]spec.Value{}
	d.Where = map[string][]spec.Value{}
	for name, values := range declared.Where {
		d.Where[name] = values
	}
	for i, name := range d.Rows {
		if best[i] != "" {
			d.Where[name] = []spec.Value{{Text: best[i]}}
		}
		if i >= shared && best[i] != second[i] {
			d.Columns[0].Minus[name] = spec.Value{Text: second[i]}
		}
	}
	sel, err := src.selectScores(&d)
	if err != nil {
		return Value{}, err
	}
	for _, r := range sel.rows() {
		if keyOf(r.labels) == keyOf(best) {
			return sel.value(r, 0, nil, nil)
		}
	}
	return Value{Status: Absent, notes: []note{plainNote("not paired")}}, nil
}

// selectedOnTest reports whether a score rests on the test rows, so that what is chosen by it looks better than it is. What generating
// the rows came to does not, nor does a metric on validation rows.
func (src *source) selectedOnTest(address string) bool {
	metric, _, named := strings.Cut(address, ".")
	if named && (metric == plugins.GenerationMetric || metric == plugins.JudgingMetric) {
		return false
	}
	return !slices.ContainsFunc(src.metricsOn(), func(m spec.Metric) bool { return named && m.Name == metric })
}
