package spec

import (
	"fmt"
	"slices"
	"strings"

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
	t.Labels, t.Digits = valueLabels(n.field("labels")), wholeNumber(n.field("digits"))
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
	case t.Transpose || t.Kind == ArgmaxTable && len(t.Columns) > 1:
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

// checkConfiguration demands searches, and scores where it is said how these are shown.
func (l *loader) checkConfiguration(n *node) {
	if compact, digits := n.field("compact"), n.field("digits"); digits.ok() && compact.is(cue.BoolKind) && compact.truth {
		l.wrong(digits, digits.label, "a compact table shows no score: leave digits or compact out")
	}
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
	known := slices.DeleteFunc(t.lineNames(), func(name string) bool { return name == ScoreRow || name == CriterionRow })
	switch {
	case t.Kind == DatasetTable:
		w.checkFactLabels(n, t)
		return
	case t.Kind == ConfigurationTable:
		known = append(w.axisList(), known...)
	case t.Kind == ArgmaxTable:
		known = append(known, t.Of...)
	case t.Across != "":
		known = append(known, t.Across)
	}
	if score := n.field("labels").field(ScoreRow); score != nil && slices.Contains(t.lineNames(), ScoreRow) {
		w.wrong(score, score.label, "what is shown of a score is the title of its column")
	}
	w.checkLabelsOf(n, "table", known)
	if t.Kind == ConfigurationTable {
		w.checkChoosing(n, t)
	}
}

// checkFactLabels checks the labels of a table of data sets: of its facts and data sets, and of the levels of columns with the role group.
func (w *yield) checkFactLabels(n *node, t *Table) {
	labels, facts := n.field("labels"), t.Of
	if len(facts) == 0 {
		for _, f := range Facts() {
			facts = append(facts, string(f))
		}
	}
	var sets, columns []string
	whole := true // all columns are known
	for i := range w.exp.Datasets {
		d := &w.exp.Datasets[i]
		if chosen := t.Where["dataset"]; chosen == nil || slices.Contains(chosen, Value{Text: d.Name}) {
			sets, columns = append(sets, d.Name), added(columns, d.Group...)
			whole = whole && w.exp.Headers[d.Name] != nil
		}
	}
	lines := map[string]string{} // by label: the column whose level has it
	for _, f := range fieldsOf(labels) {
		switch {
		case f.name() == FactRow:
			w.checkFactNames(f, facts, columns)
			w.checkSameLabels(facts, f)
		case f.name() == "dataset":
			w.checkSameLabels(sets, f)
		case whole && !slices.Contains(columns, f.name()):
			w.wrong(f, f.label, "the labels of this table are not of %q%s", f.name(), hint(f.name(), "they are of", append([]string{FactRow, "dataset"}, columns...)))
		default:
			for _, level := range fieldsOf(f) {
				if other, taken := lines[text(level)]; taken && level.ok() {
					w.wrong(level, level.at, "%q stands for a level of %q, too, and nothing else tells the two apart: give them labels that differ", level.text, other)
				}
				lines[text(level)] = f.name()
			}
		}
	}
}

// checkFactNames checks what labels of facts stand for: facts of the table, and levels of columns, such as "is_female 1".
func (w *yield) checkFactNames(labels *node, facts, columns []string) {
	for _, f := range fieldsOf(labels) {
		ofLevel := slices.ContainsFunc(columns, func(c string) bool { return strings.HasPrefix(f.name(), c+" ") })
		if !slices.Contains(facts, f.name()) && !ofLevel {
			w.wrong(f, f.label, "this table has no fact %q%s", f.name(), hint(f.name(), "it has", facts))
		}
	}
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
		name := f.name()
		if !f.ok() {
			continue
		}
		if !slices.Contains(known, name) {
			w.wrong(f, f.label, "the labels of this "+what+" are not of %q%s", name, hint(name, "they are of", known))
			continue
		}
		switch i := w.axis(name); {
		case decidedByData(name):
		case i >= 0:
			w.checkNamed(f, fmt.Sprintf("axis %q", name), w.axisTexts(i))
		case w.declared[name] != nil && !w.gives(name):
			w.checkNamed(f, fmt.Sprintf("dimension %q", name), w.declared[name])
		case w.ownValues(name) != nil:
			w.checkNamed(f, fmt.Sprintf("%q", name), w.ownValues(name))
			w.checkSameLabels(w.ownValues(name), f)
		}
	}
}

// checkNamed demands that labels stand for values that there are.
func (w *yield) checkNamed(labels *node, what string, values []string) {
	for _, v := range fieldsOf(labels) {
		if !slices.Contains(values, v.name()) {
			w.wrong(v, v.label, "%s has no value %q%s", what, v.name(), hint(v.name(), "it has", values))
		}
	}
}

// ownValues are those of a name over labels that is neither an axis nor a dimension; nil where the names are not known.
func (w *yield) ownValues(name string) []string {
	var values []string
	switch name {
	case RankingRow:
		return []string{BestRanking, WorstRanking}
	case SearchRow:
		for _, s := range w.exp.Best {
			values = append(values, s.Name)
		}
	case AxisRow:
		for _, s := range w.exp.Best {
			values = added(values, append(slices.Clone(s.Of), strings.Join(s.Of, ", "))...)
		}
	}
	return values
}
