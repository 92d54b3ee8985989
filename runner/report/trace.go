package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
	"github.com/ehrlab/ehrlab/runner/spelling"
)

// Origin is what one number of a table was made of.
type Origin struct {
	Table  string            `json:"table"`
	Rows   []string          `json:"-"` // the names of Row, in the order of the table
	Row    map[string]string `json:"row"`
	Column string            `json:"column"`
	Shown  string            `json:"shown"` // as the table prints it
	Value  ValueData         `json:"value"`
	How    []string          `json:"how"` // how the single scores became the number
	Scores []OriginScore     `json:"scores"`
	Counts []OriginCount     `json:"counts,omitempty"`
	Notes  []string          `json:"notes,omitempty"` // of the line
}

// OriginScore is one score behind a number.
type OriginScore struct {
	Cell   string            `json:"cell"`
	Axes   map[string]string `json:"axes"`
	Metric string            `json:"metric"`
	plugins.Score
	Less *OriginScore `json:"less,omitempty"` // of a difference: what is subtracted from it
}

// OriginCount is one count behind a number.
type OriginCount struct {
	Dataset string `json:"dataset,omitempty"`
	Cell    string `json:"cell,omitempty"`
	Stage   string `json:"stage"`
	plugins.Count
}

// Cells are the cells behind the number, each once.
func (o *Origin) Cells() []string {
	var out []string
	file := func(cell string) {
		if cell != "" && !slices.Contains(out, cell) {
			out = append(out, cell)
		}
	}
	for _, s := range o.Scores {
		file(s.Cell)
		if s.Less != nil {
			file(s.Less.Cell)
		}
	}
	for _, c := range o.Counts {
		file(c.Cell)
	}
	return out
}

// Trace finds one number of a table and says what it was made of. A row is named by its labels in order, as in "copula,top5", or by
// names, as in "strategy=copula,features=top5", of which those that are not needed may be left out; a column by its title or score. Of a
// table whose lines and columns are changed round, the row is the score, and the column is named by labels. Labels may be written as
// they are or as the table shows them. Errors say what there is.
func Trace(core *record.Core, views record.Views, table, row, column string) (*Origin, error) {
	views = record.Decided(views, core.Manifest.Choices)
	src := newSource(core, views.Data)
	t, err := find(src.tables(views), func(t *Table) []string { return []string{t.Name} }, "table", table)
	if err != nil {
		return nil, err
	}
	if t.Problem != "" {
		return nil, fmt.Errorf("table %q: %s", t.Name, t.Problem)
	}
	if t.transposed() {
		row, column = column, row
	}
	l, err := t.line(row)
	if err != nil {
		return nil, err
	}
	columns := make([]*Column, len(t.Columns))
	for c := range t.Columns {
		columns[c] = &t.Columns[c]
	}
	found, err := find(columns, (*Column).names, "column", column)
	if err != nil {
		return nil, err
	}
	o := src.originOf(t, l, slices.Index(columns, found))
	if t.transposed() {
		i := slices.IndexFunc(t.Lines, func(of Line) bool { return keyOf(of.Labels) == keyOf(l.Labels) })
		o.Rows, o.Row, o.Column = []string{spec.ScoreRow}, map[string]string{spec.ScoreRow: o.Column}, t.lineNames()[i]
	}
	return o, nil
}

// find returns the one of some things that has a name.
func find[T any](all []T, names func(T) []string, what, name string) (one T, err error) {
	var found, known []string
	for _, x := range all {
		its := names(x)
		known = append(known, its[0])
		if slices.ContainsFunc(its, func(n string) bool { return strings.EqualFold(n, strings.TrimSpace(name)) }) {
			if one = x; its[0] == name {
				return x, nil
			}
			found = append(found, its[0])
		}
	}
	switch len(found) {
	case 0:
		return one, fmt.Errorf("no %s %q%s", what, name, spelling.Hint(name, "there are", known))
	case 1:
		return one, nil
	}
	return one, fmt.Errorf("%d %ss are named %q: %s", len(found), what, name, spelling.Quoted(found))
}

// names are what a column may be called: the first tells it from all others.
func (c *Column) names() []string {
	title := (&Column{Title: c.Title, Format: c.Format, plain: c.plain}).label()
	names := []string{c.label(), title, c.Title}
	if c.derived == ownScore {
		names = append(names, c.Score)
	}
	return names
}

// line finds the line with some labels. Where several have them but for upper and lower case, it is the one that has them as they are written.
func (t *Table) line(row string) (*Line, error) {
	named, shown := t.named(row), t.shownLabels()
	exact := func(a, b string) bool { return a == b }
	for _, same := range []func(a, b string) bool{exact, strings.EqualFold} {
		var found []*Line
		for i := range t.Lines {
			l := &t.Lines[i]
			if same(tight(l.joined()), tight(row)) || same(tight(shown[i]), tight(row)) || named != nil && t.has(l, named, same) {
				found = append(found, l)
			}
		}
		switch len(found) {
		case 1:
			return found[0], nil
		case 0:
			continue
		}
		var names []string
		for _, l := range found {
			names = append(names, l.joined())
		}
		return nil, fmt.Errorf("%d rows match %q: %s", len(found), row, spelling.Hint("", "they are", names)[2:])
	}
	return nil, t.noLine(row, named)
}

// shownLabels are the labels of each line as people read them, with commas between them.
func (t *Table) shownLabels() []string {
	s := t.relabelled()
	out := make([]string, len(s.Lines))
	for i := range s.Lines {
		out[i] = s.Lines[i].title()
	}
	return out
}

// joined is the labels of a line with commas between them.
func (l *Line) joined() string { return strings.Join(l.Labels, ",") }

// tight leaves out the blanks behind commas.
func tight(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), ", ", ",") }

// label is a label that a row is asked for by, with the name that it goes by.
type label struct{ name, value string }

// named reads a row that is written as name=value, with commas between: a comma that no name follows is part of the value. It returns nil
// where the row is written in another way.
func (t *Table) named(row string) []label {
	var out []label
	for _, part := range strings.Split(row, ",") {
		name, value, ok := strings.Cut(part, "=")
		name = strings.TrimSpace(name)
		switch known := slices.Contains(t.Rows, name); {
		case ok && (known || len(out) == 0):
			out = append(out, label{name, value})
		case len(out) == 0:
			return nil
		default:
			out[len(out)-1].value += "," + part
		}
	}
	for i := range out {
		out[i].value = strings.TrimSpace(out[i].value)
	}
	return out
}

// has reports whether a line has all of some labels.
func (t *Table) has(l *Line, labels []label, same func(a, b string) bool) bool {
	for _, want := range labels {
		at := slices.Index(t.Rows, want.name)
		if at < 0 || !same(tight(dashed(strings.TrimSpace(l.Labels[at]))), tight(dashed(want.value))) {
			return false
		}
	}
	return true
}

// noLine says what is wrong with a row that no line has: the first name or label that there is not.
func (t *Table) noLine(row string, named []label) error {
	parts := named
	if named == nil {
		for i, value := range strings.Split(row, ",") {
			if i == len(t.Rows) {
				break
			}
			parts = append(parts, label{t.Rows[i], strings.TrimSpace(value)})
		}
	}
	for _, part := range parts {
		at := slices.Index(t.Rows, part.name)
		if at < 0 {
			return t.noName(row, part.name)
		}
		var known []string
		for i := range t.Lines {
			known = union(known, []string{t.Lines[i].Labels[at]})
		}
		if slices.ContainsFunc(known, func(l string) bool { return strings.EqualFold(tight(dashed(l)), tight(dashed(part.value))) }) {
			continue
		}
		if _, after, ok := strings.Cut(part.value, ","); ok && named != nil && strings.Contains(after, "=") {
			name, _, _ := strings.Cut(after, "=")
			return t.noName(row, strings.TrimSpace(name[strings.LastIndex(name, ",")+1:]))
		}
		return fmt.Errorf("row %q: %s has no %q%s", row, part.name, part.value, spelling.Hint(part.value, "it has", known))
	}
	if named == nil && strings.Count(row, ",")+1 != len(t.Rows) {
		return fmt.Errorf("row %q: want the labels of %s, with commas between them", row, strings.Join(t.Rows, ", "))
	}
	return fmt.Errorf("row %q: table %q has no row with these labels together", row, t.Name)
}

func (t *Table) noName(row, name string) error {
	return fmt.Errorf("row %q: table %q has no %q in its rows%s", row, t.Name, name, spelling.Hint(name, "they are", t.Rows))
}

// Outline is what a table has to trace: its rows and columns, by names that Trace takes.
type Outline struct {
	Table   string          `json:"table"`
	Title   string          `json:"title,omitempty"`
	Problem string          `json:"problem,omitempty"` // why it has no rows
	Rows    []OutlineRow    `json:"rows"`
	Columns []OutlineColumn `json:"columns"`
}

// OutlineRow is a row of a table.
type OutlineRow struct {
	Name   string            `json:"name"` // its first labels, as many as tell it from the others
	Labels map[string]string `json:"labels"`
}

// OutlineColumn is a column of a table.
type OutlineColumn struct {
	Name  string `json:"name"`
	Score string `json:"score"`
}

// Outlines lists the tables of a version, in their order.
func Outlines(core *record.Core, views record.Views) []Outline {
	views = record.Decided(views, core.Manifest.Choices)
	tables := newSource(core, views.Data).tables(views)
	out := make([]Outline, len(tables))
	for i, t := range tables {
		out[i] = t.outline()
	}
	return out
}

// OutlineOf returns one of some outlines; an error says which there are.
func OutlineOf(all []Outline, table string) (Outline, error) {
	return find(all, func(o Outline) []string { return []string{o.Table} }, "table", table)
}

func (t *Table) outline() Outline {
	o := Outline{Table: t.Name, Title: t.Title, Problem: t.Problem, Rows: []OutlineRow{}, Columns: []OutlineColumn{}}
	if t.Problem != "" {
		return o
	}
	for i, name := range t.lineNames() {
		row := OutlineRow{Name: name, Labels: map[string]string{}}
		for k, name := range t.Rows {
			row.Labels[name] = t.Lines[i].Labels[k]
		}
		o.Rows = append(o.Rows, row)
	}
	for i := range t.Columns {
		o.Columns = append(o.Columns, OutlineColumn{t.Columns[i].label(), t.scoreOf(i)})
	}
	if t.transposed() {
		o.transpose()
	}
	return o
}

// transpose changes rows and columns round.
func (o *Outline) transpose() {
	rows, columns := []OutlineRow{}, []OutlineColumn{}
	for _, c := range o.Columns {
		rows = append(rows, OutlineRow{Name: c.Name, Labels: map[string]string{spec.ScoreRow: c.Name}})
	}
	for _, r := range o.Rows {
		columns = append(columns, OutlineColumn{Name: r.Name})
	}
	o.Rows, o.Columns = rows, columns
}

// scoreOf is the score of a column; empty where that is not the same for all lines.
func (t *Table) scoreOf(c int) string {
	if len(t.Lines) > 0 && t.Lines[0].Values[c].as != nil && slices.Contains(t.Rows, spec.ScoreRow) {
		return ""
	}
	return t.Columns[c].Score
}

// lineNames name the lines.
func (t *Table) lineNames() []string {
	alike := map[string]int{} // lines with some first labels
	for i := range t.Lines {
		for k := range t.Rows {
			alike[keyOf(t.Lines[i].Labels[:k+1])]++
		}
	}
	out := make([]string, len(t.Lines))
	for i := range t.Lines {
		out[i] = t.nameOf(&t.Lines[i], alike)
	}
	return out
}

// nameOf names a line by its first labels, as many as no other line has together.
func (t *Table) nameOf(l *Line, alike map[string]int) string {
	var parts []string
	for k, name := range t.Rows {
		parts = append(parts, name+"="+dashed(l.Labels[k]))
		if alike[keyOf(l.Labels[:k+1])] == 1 {
			break
		}
	}
	return strings.Join(parts, ",")
}

// originOf is what one value was made of.
func (src *source) originOf(t *Table, l *Line, c int) *Origin {
	v, data := &l.Values[c], t.valueData(l, c)
	o := &Origin{Table: t.Name, Rows: t.Rows, Row: map[string]string{}, Column: t.Columns[c].label(), Value: data, Shown: t.text(l, c), Notes: printed(l.notes)}
	if t.Columns[c].derived != ownScore { // a statistic of the values behind the mean
		o.Value.Value, o.Value.Interval, o.Value.Text = nil, nil, o.Shown
	}
	for i, name := range t.Rows {
		o.Row[name] = l.Labels[i]
	}
	for _, h := range v.hits {
		from := h.score
		if h.of != nil {
			from = h.of
		}
		s := src.originScore(from)
		if h.less != nil {
			less := src.originScore(h.less)
			s.Less = &less
		}
		o.Scores = append(o.Scores, s)
	}
	for _, n := range v.counts {
		o.Counts = append(o.Counts, OriginCount{Dataset: n.Dataset, Cell: n.Cell, Stage: n.Stage, Count: n.Count})
	}
	o.How = t.how(l, c)
	return o
}

func (src *source) originScore(s *record.Score) OriginScore {
	out := OriginScore{Cell: s.Cell, Metric: s.Metric, Score: s.Score}
	if at, known := src.cells[s.Cell]; known {
		out.Axes = src.core.Cells[at].Axes
	}
	return out
}

// how says how single scores became a number.
func (t *Table) how(l *Line, c int) []string {
	v, column := &l.Values[c], t.scored(l, c)
	var out []string
	primary := t.Name == spec.PrimaryTable // no declared table has its name
	if column.Minus != "" || slices.ContainsFunc(v.hits, func(h hit) bool { return h.of != nil }) {
		out = append(out, "each is a difference: the score less that of the cell which is otherwise alike")
	}
	made := spec.TableKind("")
	if t.declared != nil {
		made = t.declared.Kind
	}
	switch n, summed := len(v.counts), len(v.counts) > 1; {
	case column.derived == theirs:
		out = append(out, "as others printed it")
	case column.derived == theirDifference && v.Status == OK:
		out = append(out, "ours, less what others printed")
	case made == spec.DatasetTable && v.Status == OK:
		out = append(out, factHow[column.Score])
	case summed:
		out = append(out, fmt.Sprintf("the sum of %d counts", n))
	case n == 1:
		out = append(out, "the count as it is recorded")
	case v.Status != OK:
		out = append(out, "there is no number: "+string(v.Status))
	case primary:
		out = append(out, fmt.Sprintf("%s: %d of %d", primaryHow[column.Score], v.N, v.Of))
	case v.Text != "" && !v.numbered:
		out = append(out, "chosen among all of the scores below, by their means")
	case column.derived == sampleMedian || column.derived == sampleSD || column.derived == sampleRange || column.derived == sampleNext:
		out = append(out, fmt.Sprintf("%s of %d values", column.Title, v.N))
	case v.summed:
		out = append(out, fmt.Sprintf("the sum of %d scores", len(v.hits)))
	case len(v.hits) == 1:
		out = append(out, "the score as it is recorded")
	case len(v.hits) > 1 && len(t.Over) > 0:
		out = append(out, fmt.Sprintf("%s; %d of %d values", t.means(), v.N, v.Of))
	case len(v.hits) > 1:
		out = append(out, fmt.Sprintf("the mean of %d values", len(v.hits)))
	}
	if v.Interval != nil {
		iv := v.Interval
		out = append(out, "interval: "+kind{iv.Level, iv.Unit, iv.Method}.String())
	}
	if v.Status == OK && v.counts == nil {
		switch {
		case column.Format == percentFormat:
			out = append(out, fmt.Sprintf("shown as a percentage with %s", plural(column.Digits, "decimal")))
		case column.Format == significantFormat:
			out = append(out, fmt.Sprintf("shown with %s", plural(column.Digits, "significant digit")))
		case v.Text == "":
			out = append(out, fmt.Sprintf("shown with %s", plural(column.Digits, "decimal")))
		}
	}
	return out
}
