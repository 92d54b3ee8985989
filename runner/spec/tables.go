package spec

import (
	"slices"

	"cuelang.org/go/cue"

	"github.com/ehrlab/ehrlab/plugins"
)

// rankedUnless is how many values a BestTable, WorstTable or EndsTable shows of each end unless it says so.
const rankedUnless = 5

// table decodes a table.
func table(n *node) Table {
	t := Table{
		Name: n.name(), Kind: TableKind(text(n.field("kind"))), Title: text(n.field("title")), Caption: text(n.field("caption")),
		Label: text(n.field("label")), Notes: texts(n.field("notes")),
		Rows: texts(n.field("rows")), Across: text(n.field("across")), Over: texts(n.field("over")), Where: choices(n.field("where")),
		Of: texts(n.field("of")), Mark: text(n.field("mark")), Within: text(n.field("within")), Except: choices(n.field("except")),
		Published: text(n.field("published")),
	}
	if t.Kind == ScoresTable {
		t.Kind = ""
	}
	t.looks(n)
	if t.Mark == "none" {
		t.Mark = ""
	}
	if t.ranks() {
		t.K = rankedUnless
		if k := n.field("k"); k.is(cue.IntKind) {
			t.K = int(k.number())
		}
		if len(t.Of) == 0 {
			t.Of = []string{"column"}
		}
	}
	switch s := n.field("sort"); {
	case s.is(cue.StringKind):
		t.Sort = &TableSort{}
	case s.is(cue.StructKind):
		t.Sort = &TableSort{By: text(s.field("by")), Order: text(s.field("order"))}
	}
	if c := n.field("columns"); c.is(cue.ListKind) {
		for _, f := range c.items {
			t.Columns = append(t.Columns, tableColumn(f))
		}
	}
	return t
}

func tableColumn(n *node) TableColumn {
	c := TableColumn{
		Score: text(n.field("score")), Title: text(n.field("title")), Group: text(n.field("group")), Format: text(n.field("format")),
		Minus: single(n.field("minus")), Where: choices(n.field("where")), Statistics: texts(n.field("statistics")),
	}
	c.Digits = wholeNumber(n.field("digits"))
	if c.Format == "fixed" {
		c.Format = ""
	}
	return c
}

// ranks reports whether the table shows the best or worst values of a dimension.
func (t *Table) ranks() bool {
	return t.Kind == BestTable || t.Kind == WorstTable || t.Kind == EndsTable
}

// OfScores reports whether the table has scores in its columns, and not what a version accounts for.
func (t *Table) OfScores() bool {
	switch t.Kind {
	case "", ScoresTable, ArgmaxTable, BestTable, WorstTable, EndsTable:
		return true
	}
	return false
}

// tableFields are the fields of a table, title, caption, label and notes aside, that have a meaning for each kind.
var tableFields = map[TableKind][]string{
	"":                 {"rows", "columns", "across", "over", "where", "sort", "mark", "within", "except", "published", "transpose", "join", "heads", "labels"},
	ArgmaxTable:        {"rows", "columns", "over", "where", "of", "join", "heads", "labels"},
	BestTable:          {"rows", "columns", "over", "where", "of", "k", "published", "join", "heads", "labels"},
	WorstTable:         {"rows", "columns", "over", "where", "of", "k", "published", "join", "heads", "labels"},
	EndsTable:          {"rows", "columns", "over", "where", "of", "k", "published", "join", "heads", "labels"},
	AttritionTable:     {"where"},
	RowsTable:          {"where"},
	JudgementsTable:    {"where"},
	CohortTable:        {"across", "over", "where"},
	DatasetTable:       {"where", "of", "features", "published", "heads", "labels"},
	ConfigurationTable: {"of", "compact", "digits", "published", "heads", "labels"},
}

// tableView checks the fields of a table by its kind, and returns what of it refers to the matrix.
func (l *loader) tableView(n *node) (view, bool) {
	kind := TableKind(text(n.field("kind")))
	if kind == ScoresTable {
		kind = ""
	}
	t := table(n)
	l.checkTableFields(n, kind)
	v := view{node: n, keys: oneOrMore(n.field("rows")), over: oneOrMore(n.field("over")), where: n.field("where"), add: "rows"}
	v.together = [][]*node{v.keys}
	if kind == ArgmaxTable || t.ranks() {
		v.keys = append(slices.Clone(v.keys), l.rankedBy(n, &t)...)
		v.together = append(v.together, v.keys)
	}
	if across := n.field("across"); across.ok() {
		v.keys, v.apart = append(slices.Clone(v.keys), across), across
	}
	columns := oneOrMore(n.field("columns"))
	for _, c := range columns {
		v.scores, v.minus, v.wheres = append(v.scores, c.field("score")), append(v.minus, c.field("minus")), append(v.wheres, c.field("where"))
	}
	l.checkTwice(columns, "columns", "a title or a group")
	for _, name := range []string{"rows", "columns", "of"} {
		if f := n.field(name); f.is(cue.ListKind) && len(f.items) == 0 && !f.part {
			l.wrong(f, f.at, "must have at least one value")
		}
	}
	if kind == ArgmaxTable || t.ranks() {
		for _, c := range columns {
			if s := c.field("statistics"); s != nil {
				l.wrong(s, s.label, "has no meaning for a table of %s, which shows what is best: declare a table of scores for it", kind)
			}
		}
	}
	l.checkLines(n, columns)
	l.checkLooks(n, &t)
	known := n.field("kind") == nil || n.field("kind").ok()
	return v, known && t.OfScores() && (kind != ArgmaxTable || len(t.Of) > 0)
}

// checkTableFields demands what a kind of table needs, and refuses what has no meaning for it.
func (l *loader) checkTableFields(n *node, kind TableKind) {
	if k := n.field("kind"); !n.ok() || k != nil && !k.ok() {
		return
	}
	known, declared := tableFields[kind]
	if !declared {
		return // the schema refuses it
	}
	for _, f := range n.fields {
		if slices.Contains([]string{"kind", "title", "caption", "label", "notes"}, f.name()) || slices.Contains(known, f.name()) || !f.ok() {
			continue
		}
		l.wrong(f, f.label, "has no meaning for a table of %s; such tables have %s", kindOrScores(kind), quoteAll(known))
	}
	needs := func(field, what string) {
		if n.field(field) == nil && !n.part {
			l.rep.add(joinPath(n.below(field)), n.label, "missing; it must be %s", what)
		}
	}
	switch kind {
	case "", ArgmaxTable:
		needs("rows", "a text or a list")
		needs("columns", "a list")
	case BestTable, WorstTable, EndsTable: // without rows there is one ranking
		needs("columns", "a list")
	}
	if kind == ArgmaxTable {
		needs("of", "an axis or a list of axes, whose values compete")
	}
	if (&Table{Kind: kind}).ranks() {
		if c := n.field("columns"); c.is(cue.ListKind) && len(c.items) > 1 {
			l.wrong(c.items[1], c.items[1].at, "a table of %s ranks by one score: declare a table for each", kind)
		}
	}
}

func kindOrScores(kind TableKind) TableKind {
	if kind == "" {
		return ScoresTable
	}
	return kind
}

// rankedBy checks and returns the axes or dimensions of which a table shows the best or worst.
func (l *loader) rankedBy(n *node, t *Table) []*node {
	of := n.field("of")
	for _, e := range oneOrMore(of) {
		if e.ok() && names(oneOrMore(n.field("rows")), e.text) {
			l.wrong(e, e.at, "%q is among the rows: one of its values cannot be chosen for each of them", e.text)
		}
	}
	switch list := oneOrMore(of); {
	case of == nil && t.ranks():
		at := *n // of stands for "column", which is said where the table is
		at.kind, at.text = cue.StringKind, t.Of[0]
		return []*node{&at}
	case t.ranks() && len(list) > 1:
		l.wrong(list[1], list[1].at, "a table of %s ranks the values of one dimension", t.Kind)
		return list[:1]
	default:
		return list
	}
}

// checkLines checks how the lines of a table are sorted and marked.
func (l *loader) checkLines(n *node, columns []*node) {
	rows := oneOrMore(n.field("rows"))
	if by := n.field("sort").field("by"); by.ok() {
		l.checkSorted(n, columns, by)
	}
	var known []string
	for _, r := range rows {
		known = append(known, text(r))
	}
	if within := n.field("within"); within.ok() && !names(rows, within.text) {
		l.wrong(within, within.at, "%q is not among the rows%s", within.text, hint(within.text, "they are", known))
	}
	if except := n.field("except"); except.is(cue.StructKind) {
		for _, f := range except.fields {
			if !names(rows, f.name()) {
				l.wrong(f, f.label, "%q is not among the rows%s", f.name(), hint(f.name(), "they are", known))
			}
		}
	}
	if g := firstField(columns, "group"); g != nil && n.field("across").ok() {
		l.wrong(g, g.label, "the values of across stand over the columns: leave group out")
	}
}

// checkSorted demands that lines are sorted by one column.
func (l *loader) checkSorted(n *node, columns []*node, by *node) {
	t := table(n)
	switch found := t.SortColumns(); {
	case len(found) == 0:
		var known []string
		for _, c := range columns {
			known = added(known, text(c.field("score")))
		}
		for _, c := range columns {
			if title := c.field("title"); title.ok() {
				known = added(known, title.text)
			}
		}
		l.wrong(by, by.at, "no column has the score or title %q%s", by.text, hint(by.text, "they have", known))
	case len(found) > 1:
		l.wrong(by, by.at, "%d columns have the score or title %q: sort by a title that one of them alone has", len(found), by.text)
	}
}

// SortColumns are the columns that lines may be sorted by: those with the title that the table names; else the one that shows the score as it
// is; else those that have it of a selection of cells, or less something. Of several the first counts.
func (t *Table) SortColumns() []int {
	if t.Sort == nil || t.Sort.By == "" {
		return nil
	}
	var titled, plain, scored []int
	for i, c := range t.Columns {
		if c.Title == t.Sort.By {
			titled = append(titled, i)
		}
		if c.Score == t.Sort.By {
			scored = append(scored, i)
			if c.Minus == nil && c.Where == nil {
				plain = append(plain, i)
			}
		}
	}
	for _, found := range [][]int{titled, plain} {
		if len(found) > 0 {
			return found
		}
	}
	return scored
}

// firstField is the first of some blocks' fields of a name; nil where none has it.
func firstField(blocks []*node, name string) *node {
	for _, b := range blocks {
		if f := b.field(name); f.ok() {
			return f
		}
	}
	return nil
}

// checkTable checks what of a table rests on the matrix and its scores, besides what every view does.
func (w *yield) checkTable(n *node) {
	if !w.sure {
		return
	}
	t := table(n)
	w.checkWhere(n.field("except"))
	w.checkLabels(n, &t)
	if t.Kind == CohortTable {
		w.checkCohort(n)
	}
	if !t.OfScores() {
		w.checkWhere(n.field("where"))
		w.checkOfData(n, &t)
		return
	}
	if t.Kind == ArgmaxTable {
		w.checkAxes(n.field("of"))
	}
	if t.Kind == ArgmaxTable || t.ranks() {
		for _, e := range oneOrMore(n.field("of")) {
			if e.ok() && w.exp.Replicates(e.text) {
				w.wrong(e, e.at, "values of %q differ by chance alone, so that none of them is the best", e.text)
			}
		}
		for _, c := range oneOrMore(n.field("columns")) {
			w.needsDirection(c.field("score"), "a table of "+string(t.Kind))
			if m := c.field("minus"); m != nil {
				w.wrong(m, m.label, "a difference has no direction in which it is better, which a table of %s needs", t.Kind)
			}
		}
	}
	if t.Sort != nil && (t.Sort.Order == "" || t.Sort.Order == "best") {
		by := n.field("sort").field("by")
		if found := t.SortColumns(); by.ok() && len(found) == 1 {
			c := oneOrMore(n.field("columns"))[found[0]]
			if c.field("minus") != nil {
				w.wrong(by, by.at, `%q is a difference here, without a direction in which it is better: set order to "ascending" or "descending"`, by.text)
			} else if s := text(c.field("score")); w.undirected(s) {
				w.wrong(by, by.at, `%q has no direction in which it is better, which order "best" needs: set order to "ascending" or "descending"`, s)
			}
		}
	}
	w.checkMark(n, &t)
}

// checkOfData refuses selections that tables of what data sets hold have no use for.
func (w *yield) checkOfData(n *node, t *Table) {
	if t.Kind != DatasetTable && t.Kind != AttritionTable {
		return
	}
	for _, f := range fieldsOf(n.field("where")) {
		if f.ok() && f.name() != "dataset" && !w.exp.setsData(f.name()) {
			w.wrong(f, f.label, "a table of %s selects data sets alone: it is the same for every value of %q", t.Kind, f.name())
		}
	}
}

// setsData reports whether an axis sets something of data sets.
func (e *Experiment) setsData(axis string) bool {
	return slices.ContainsFunc(e.Axes, func(a Axis) bool {
		s, ok := a.setting()
		return ok && a.Name == axis && s.section == "datasets"
	})
}

// checkMark refuses marks that no column can have. Where some can, the table says which cannot.
func (w *yield) checkMark(n *node, t *Table) {
	mark := n.field("mark")
	if t.Mark == "" || !mark.ok() || len(t.Columns) == 0 || !n.field("columns").whole() {
		return
	}
	for _, c := range t.Columns {
		if c.Minus == nil && (!w.scoreKnown(c.Score) || !w.undirected(c.Score)) {
			return
		}
	}
	w.wrong(mark, mark.at, "no column has a direction in which it is better, so that nothing would be marked: leave mark out")
}

// undirected reports whether it is not known of a score whether more is better: it has no direction, or metrics that have it disagree.
func (w *yield) undirected(address string) bool {
	found := w.find(address)
	return slices.ContainsFunc(found, func(s scoreInfo) bool { return s.better == plugins.Neutral || s.better != found[0].better })
}

// Characteristics is the metric plugin whose scores a table of a cohort reads.
const Characteristics = "characteristics"

func (w *yield) checkCohort(n *node) {
	if kind := n.field("kind"); !slices.ContainsFunc(w.exp.Metrics, func(m Metric) bool { return m.Use.Use == Characteristics }) {
		w.wrong(kind, kind.at, "a table of cohort reads a metric that none of metrics is: add one, such as metrics: people: use: %q", Characteristics)
	}
	w.checkAxes(n.field("across"))
	w.checkAxes(n.field("over"))
}

// checkAxes demands axes.
func (w *yield) checkAxes(n *node) {
	for _, e := range oneOrMore(n) {
		if e.ok() && w.axis(e.text) < 0 {
			w.wrong(e, e.at, "no axis named %q%s", e.text, hint(e.text, "known:", w.axisList()))
		}
	}
}

// needsDirection demands a score of which it is known whether more is better.
func (w *yield) needsDirection(s *node, what string) {
	if !s.ok() {
		return
	}
	for _, found := range w.find(s.text) {
		if found.better == plugins.Neutral {
			w.wrong(s, s.at, "%q has no direction in which it is better, which %s needs", s.text, what)
			return
		}
	}
}
