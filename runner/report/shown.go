package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// shown is the table as people read it: with the declared texts for names and values, labels that stand in one column, sub-heads, and
// lines and columns changed round. Files for programs have the table as it is.
func (t *Table) shown() *Table {
	if t.declared == nil || len(t.Lines) == 0 || t.Problem != "" {
		return t
	}
	s := t.relabelled()
	if t.declared.Kind == spec.EndsTable {
		s.setBlocks()
	}
	if s.transposed() {
		return s.turned()
	}
	return s
}

// relabelled is the table with the declared texts for names and values, and labels that stand in one column.
func (t *Table) relabelled() *Table {
	d := t.declared
	if d == nil {
		return t
	}
	s := *t
	s.Rows, s.Columns, s.Lines = slices.Clone(t.Rows), slices.Clone(t.Columns), make([]Line, len(t.Lines))
	for i, l := range t.Lines {
		l.Labels = slices.Clone(l.Labels)
		for k, name := range t.Rows {
			l.Labels[k] = d.Shown(name, l.Labels[k])
		}
		s.Lines[i] = l
	}
	s.relabelColumns()
	s.join(d)
	return &s
}

// labelled is the text that stands for a value of an axis or dimension.
func (t *Table) labelled(name, value string) string {
	if t.declared == nil {
		return value
	}
	return t.declared.Shown(name, value)
}

// transposed reports whether the table is shown with a line for each score.
func (t *Table) transposed() bool { return t.declared != nil && t.declared.Transpose }

// relabelColumns puts the declared texts in the place of the values that stand across the table.
func (t *Table) relabelColumns() {
	for c := range t.Columns {
		column := &t.Columns[c]
		if t.Across == "" {
			continue
		}
		title := t.declared.Shown(t.Across, column.Across)
		switch {
		case !column.plain:
			column.Group = title
		case column.derived == ownScore:
			column.Title = title
		}
	}
}

// join puts the labels of some rows into one column, which stands where the first of them does, and heads over labels.
func (t *Table) join(d *spec.Table) {
	var heads []string
	var columns [][]int // the labels that stand in each
	joint := -1
	for k, name := range t.Rows {
		head := cmp.Or(d.Heads[name], name)
		switch joined := slices.Contains(d.Join, name); {
		case joined && joint >= 0:
			heads[joint], columns[joint] = heads[joint]+"/"+head, append(columns[joint], k)
			continue
		case joined:
			joint = len(heads)
		}
		heads, columns = append(heads, head), append(columns, []int{k})
	}
	for i := range t.Lines {
		l := &t.Lines[i]
		var labels []string
		for _, from := range columns {
			parts := picked(l.Labels, from)
			if len(parts) > 1 {
				for p := range parts {
					parts[p] = dashed(parts[p])
				}
			}
			labels = append(labels, strings.Join(parts, "/"))
		}
		l.Labels = labels
	}
	t.within, t.Rows = cmp.Or(d.Heads[t.within], t.within), heads
}

// endHeads stand over the ends of a ranking, with the number of lines.
var endHeads = map[string]string{spec.BestRanking: "Best", spec.WorstRanking: "Worst"}

// setBlocks makes sub-heads of the first label.
func (t *Table) setBlocks() {
	before := ""
	for i := range t.Lines {
		l := &t.Lines[i]
		if i == 0 || l.Labels[0] != before {
			l.head = l.Labels[0]
			if words, ok := endHeads[l.head]; ok { // as it is, not in words of the experiment
				l.head = words
				if k := t.declared.K; k > 1 {
					l.head += fmt.Sprintf(" %d", k)
				}
			}
		}
		before, l.Labels = l.Labels[0], l.Labels[1:]
	}
	t.Rows = t.Rows[1:]
}

// turned is the table with a line for each column, and a column for each line. Its footnotes are in its own reading order.
func (t *Table) turned() *Table {
	s := *t
	score := cmp.Or(t.declared.Heads[spec.ScoreRow], spec.ScoreRow)
	s.Rows, s.Columns, s.Lines = []string{score}, make([]Column, len(t.Lines)), make([]Line, len(t.Columns))
	grouped := t.spans() != nil
	switch {
	case grouped && t.Across != "" && t.Columns[0].plain:
		s.Rows = []string{score, t.Across}
	case grouped:
		s.Rows = []string{t.Across, score}
	}
	for i := range t.Lines {
		s.Columns[i] = Column{Title: t.Lines[i].title(), Better: plugins.Neutral, notes: t.Lines[i].notes}
	}
	for c := range t.Columns {
		column := &t.Columns[c]
		labels := []string{column.header()}
		if grouped {
			labels = []string{column.Group, column.header()}
		}
		values := make([]Value, len(t.Lines))
		for i := range t.Lines {
			values[i] = t.Lines[i].Values[c]
			values[i].as = cmp.Or(values[i].as, column)
		}
		s.Lines[c] = Line{Labels: labels, Values: values}
		s.Lines[c].N, s.Lines[c].Of = usual(values)
		s.Lines[c].uncounted = column.derived == theirs
	}
	s.number()
	return &s
}

// title is what stands over a line that has become a column.
func (l *Line) title() string {
	labels := slices.DeleteFunc(slices.Clone(l.Labels), func(s string) bool { return s == "" })
	return cmp.Or(strings.Join(labels, ", "), "value")
}
