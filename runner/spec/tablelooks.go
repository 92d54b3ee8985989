package spec

import (
	"slices"

	"cuelang.org/go/cue"
)

// The names over the labels of tables whose lines no axis or dimension tells apart. "heads" and "labels" of a table may name them.
const (
	RankingRow   = "ranking"   // of an EndsTable: BestRanking or WorstRanking
	ScoreRow     = "score"     // of an ArgmaxTable with several scores, and of a transposed table
	FactRow      = "fact"      // of a DatasetTable
	SearchRow    = "search"    // of a ConfigurationTable: what was searched,
	AxisRow      = "axis"      // its axes,
	CriterionRow = "criterion" // and the score that it went by
)

// The values of RankingRow.
const (
	BestRanking  = "best"
	WorstRanking = "worst"
)

// Fact is a line, or several, of a DatasetTable.
type Fact string

// The facts of a data set as it is studied: after its cohort, before its split.
const (
	RowsFact         Fact = "rows"
	ColumnsFact      Fact = "columns"       // those that features are drawn from, or of one feature subset, and the label
	SubjectsFact     Fact = "subjects"      // patients
	HospitalsFact    Fact = "hospitals"     // with a row
	LabelFact        Fact = "label"         // share of rows with the label, in per cent
	GroupsFact       Fact = "groups"        // rows with each level of the columns with the role group: a line for each
	MissingFact      Fact = "missing"       // cells without a value in the columns of ColumnsFact
	MissingShareFact Fact = "missing_share" // of all cells of these columns, in per cent
)

// Facts are all facts in the order of a table that does not say.
func Facts() []Fact {
	return []Fact{RowsFact, ColumnsFact, SubjectsFact, HospitalsFact, LabelFact, GroupsFact, MissingFact, MissingShareFact}
}

// looks decodes what a table shows for names and values, and how it is laid out.
func (t *Table) looks(n *node) {
	is := func(name string) bool { f := n.field(name); return f.is(cue.BoolKind) && f.truth }
	t.Transpose, t.Compact = is("transpose"), is("compact")
	t.Join, t.Features, t.Heads = texts(n.field("join")), text(n.field("features")), named(n.field("heads"))
	t.Labels = valueLabels(n.field("labels"))
}

// valueLabels decodes what is shown for values, by axis or dimension; nil where nothing is.
func valueLabels(n *node) map[string]map[string]string {
	if !n.is(cue.StructKind) {
		return nil
	}
	out := map[string]map[string]string{}
	for _, of := range n.fields {
		out[of.name()] = named(of)
	}
	return out
}

// named decodes texts by name; nil where there are none.
func named(n *node) map[string]string {
	if !n.is(cue.StructKind) || len(n.fields) == 0 {
		return nil
	}
	out := map[string]string{}
	for _, f := range n.fields {
		if f.is(cue.StringKind) {
			out[f.name()] = f.text
		}
	}
	return out
}

// Shown is the text that stands for a value of an axis or dimension.
func (t *Table) Shown(name, value string) string { return shown(t.Labels, name, value) }

// Shown is the text that stands for a value of an axis or dimension.
func (p *Plot) Shown(name, value string) string { return shown(p.Labels, name, value) }

func shown(labels map[string]map[string]string, name, value string) string {
	if text, ok := labels[name][value]; ok {
		return text
	}
	return value
}

// lineNames are the names over the labels of a table.
func (t *Table) lineNames() []string {
	var names []string
	switch t.Kind {
	case EndsTable:
		names = append(names, RankingRow)
	case DatasetTable:
		return []string{FactRow}
	case ConfigurationTable:
		if t.Compact {
			return []string{AxisRow}
		}
		return []string{SearchRow, AxisRow, CriterionRow}
	}
	names = append(names, t.Rows...)
	switch {
	case t.ranks():
		names = append(names, t.Of...)
	case t.Transpose || t.Kind == ArgmaxTable:
		names = append(names, ScoreRow)
	}
	return names
}

// checkLooks checks what needs no axis: names over labels, labels that are joined, facts, searches and feature subsets.
func (l *loader) checkLooks(n *node, t *Table) {
	among := func(f *node, name string, at where, known []string) bool {
		if !slices.Contains(known, name) {
			l.wrong(f, at, "%q is not among the names over labels%s", name, hint(name, "they are", known))
			return false
		}
		return true
	}
	for _, f := range fieldsOf(n.field("heads")) {
		among(f, f.name(), f.label, t.lineNames())
	}
	var before []string
	join := n.field("join")
	for _, e := range oneOrMore(join) {
		switch {
		case !e.ok():
		case !slices.Contains(t.Rows, e.text):
			l.wrong(e, e.at, "%q is not among the rows%s", e.text, hint(e.text, "they are", t.Rows))
		case slices.Contains(before, e.text):
			l.wrong(e, e.at, "%q is given twice", e.text)
		}
		before = append(before, text(e))
	}
	if join.is(cue.ListKind) && len(join.items) < 2 && !join.part {
		l.wrong(join, join.at, "must name two of rows at least, whose labels stand in one column")
	}
	if t.Kind == DatasetTable {
		l.checkFacts(n)
	}
	if t.Kind == ConfigurationTable {
		l.checkConfiguration(n)
	}
}

// checkFacts checks what a table of data sets shows.
func (l *loader) checkFacts(n *node) {
	var known []string
	for _, f := range Facts() {
		known = append(known, string(f))
	}
	l.checkAmong(n.field("of"), "fact", known)
	if f, subsets := n.field("features"), l.subsetNames(); f.ok() && subsets.all && len(subsets.maybe) == 0 && !subsets.has(f.text) {
		l.wrong(f, f.at, "no feature subset named %q%s", f.text, hint(f.text, "known:", subsets.names))
	}
}

// checkConfiguration demands searches.
func (l *loader) checkConfiguration(n *node) {
	var known []string
	for _, s := range l.entries("best") {
		known = append(known, s.name())
	}
	if kind := n.field("kind"); len(known) == 0 && l.listed("best") {
		l.wrong(kind, kind.at, "a table of configuration shows what searches chose, and there is none: declare one in best")
		return
	}
	if l.listed("best") {
		l.checkAmong(n.field("of"), "search", known)
	}
}

// checkAmong demands that names are known, and that each is given once.
func (l *loader) checkAmong(list *node, what string, known []string) {
	var before []string
	for _, e := range oneOrMore(list) {
		switch {
		case !e.ok():
			continue
		case !slices.Contains(known, e.text):
			l.wrong(e, e.at, "no %s named %q%s", what, e.text, hint(e.text, "known:", known))
		case slices.Contains(before, e.text):
			l.wrong(e, e.at, "%q is given twice", e.text)
		}
		before = append(before, e.text)
	}
}

// checkLabels checks that labels stand for axes and dimensions of the table, and for values that they have.
func (w *yield) checkLabels(n *node, t *Table) {
	known := t.lineNames()
	switch {
	case t.Kind == DatasetTable:
		return // labels are of columns, too
	case t.Kind == ConfigurationTable:
		known = append(w.axisList(), known...)
	case t.Kind == ArgmaxTable:
		known = append(known, t.Of...)
	case t.Across != "":
		known = append(known, t.Across)
	}
	w.checkLabelsOf(n, "table", known)
}

// checkPlotLabels checks that labels stand for what lies along x and for the series.
func (w *yield) checkPlotLabels(n *node) {
	p := plot(n)
	known := append(slices.Clone(p.Outer), p.X)
	for _, part := range p.Parts {
		known = added(known, append(slices.Clone(part.Outer), part.X)...)
	}
	known = added(known, p.Series)
	w.checkLabelsOf(n, "plot", slices.DeleteFunc(known, func(name string) bool { return name == "" }))
}

// checkLabelsOf checks the labels of a table or plot that has labels of the known axes and dimensions.
func (w *yield) checkLabelsOf(n *node, what string, known []string) {
	for _, f := range fieldsOf(n.field("labels")) {
		if !slices.Contains(known, f.name()) {
			w.wrong(f, f.label, "the labels of this "+what+" are not of %q%s", f.name(), hint(f.name(), "they are of", known))
			continue
		}
		i := w.axis(f.name())
		if f.name() == RankingRow {
			for _, v := range fieldsOf(f) {
				if both := []string{BestRanking, WorstRanking}; !slices.Contains(both, v.name()) {
					w.wrong(v, v.label, "%q has no value %q%s", f.name(), v.name(), hint(v.name(), "it has", both))
				}
			}
		}
		if i < 0 || decidedByData(f.name()) {
			continue
		}
		var values []string
		for _, v := range w.axes[i].Values {
			values = append(values, v.String())
		}
		for _, v := range fieldsOf(f) {
			if !slices.Contains(values, v.name()) {
				w.wrong(v, v.label, "axis %q has no value %q%s", f.name(), v.name(), hint(v.name(), "it has", values))
			}
		}
	}
}
