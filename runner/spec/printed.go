package spec

import (
	"fmt"
	"math"
	"slices"

	"cuelang.org/go/cue"
)

// printedFields are the fields of a printed value by what it was printed for, which the first of those that it needs names.
var printedFields = []struct{ needs, may []string }{
	{needs: []string{"score", "where", "value"}, may: []string{"low", "high"}},
	{needs: []string{"fact", "value"}, may: []string{"where", "column", "level"}},
	{needs: []string{"search", "choice"}, may: []string{"axis"}},
}

// printedWords say what the fields of a printed value must be.
var printedWords = map[string]string{
	"where": "a block", "value": "a number", "choice": "the value that was chosen, or a list of those that were as good",
	"column": "the name of a column", "level": "one of its levels",
}

// wholeNumbers are the facts that count something; the others are shares.
func wholeNumbers(f Fact) bool { return f != LabelFact && f != MissingShareFact }

// printedFact decodes what a value was printed for that is no score.
func (p *PublishedValue) printedFact(n *node) {
	p.Fact, p.Column, p.Search, p.Axis = Fact(text(n.field("fact"))), text(n.field("column")), text(n.field("search")), text(n.field("axis"))
	if level := n.field("level"); level.ok() {
		p.Level = value(level).String()
	}
	for _, c := range oneOrMore(n.field("choice")) {
		if c.ok() {
			p.Choice = append(p.Choice, value(c).String())
		}
	}
}

// printedFor is what a value was printed for: "score", "fact" or "search"; "" where that is not known, which is a mistake.
func (l *loader) printedFor(v *node) string {
	var found []string
	for _, k := range printedFields {
		if v.field(k.needs[0]) != nil {
			found = append(found, k.needs[0])
		}
	}
	switch {
	case v.part || len(v.fields) > 0 && slices.ContainsFunc(v.fields, func(f *node) bool { return f.state == bad }):
		return ""
	case len(found) == 0:
		l.wrong(v, v.at, `lacks what was printed: give it a "score", a "fact" of data sets or a "search" of best`)
		return ""
	case len(found) > 1:
		l.wrong(v, v.at, "has %s: a value is printed for one of them", quoteAll(found))
		return ""
	}
	return found[0]
}

// checkPrintedFields demands of a printed value what it needs, and refuses what has no meaning for it. It reports whether all of it is there.
func (l *loader) checkPrintedFields(v *node, of string) bool {
	i := slices.IndexFunc(printedFields, func(k struct{ needs, may []string }) bool { return k.needs[0] == of })
	known := append(slices.Clone(printedFields[i].needs), printedFields[i].may...)
	for _, f := range v.fields {
		if f.name() != "at" && !slices.Contains(known, f.name()) {
			l.wrong(f, f.label, "has no meaning beside %q; such values have %s", of, quoteAll(known))
		}
	}
	needs := printedFields[i].needs
	if of == "fact" && text(v.field("fact")) == string(GroupsFact) {
		needs = append(slices.Clone(needs), "column", "level")
	}
	whole := true
	for _, name := range needs {
		if v.field(name) == nil {
			l.rep.add(joinPath(v.below(name)), v.label, "missing; it must be %s", printedWords[name])
			whole = false
		}
	}
	return whole
}

// checkPrintedFact checks a printed fact of data sets.
func (w *yield) checkPrintedFact(v *node) {
	fact, value := Fact(text(v.field("fact"))), v.field("value")
	for _, name := range []string{"column", "level"} {
		if f := v.field(name); f != nil && fact != GroupsFact {
			w.wrong(f, f.label, "has no meaning for the fact %q: %q alone are of the levels of columns", fact, GroupsFact)
		}
	}
	for _, f := range fieldsOf(v.field("where")) {
		switch {
		case f.name() != "dataset" && f.name() != "features":
			w.wrong(f, f.label, `facts are of data sets as they are studied, and of no %q; their where may have "dataset" and "features"`, f.name())
		case f.ok() && (f.kind == cue.ListKind || f.kind == cue.StructKind):
			w.wrong(f, f.at, "must be one value, not %s", kindWords(f.kind))
		case w.sure && f.is(cue.StringKind):
			w.checkSlip(f)
		}
	}
	var columns []string
	for i := range w.exp.Datasets {
		columns = added(columns, w.exp.Datasets[i].Group...)
	}
	if c := v.field("column"); c.ok() && w.listed("datasets") && !slices.Contains(columns, c.text) {
		if near := closest(c.text, columns); near != "" { // other data sets may have other columns
			w.wrong(c, c.at, "no data set has the group %q; did you mean %q?", c.text, near)
		}
	}
	if !value.ok() {
		return
	}
	switch x := value.number(); {
	case wholeNumbers(fact) && (x < 0 || x != math.Trunc(x)):
		w.wrong(value, value.at, "the fact %q must be a whole number, 0 or more", fact)
	case !wholeNumbers(fact) && (x < 0 || x > 1):
		w.wrong(value, value.at, "the fact %q must be a share from 0 to 1: write 0.25 for 25 %%", fact)
	}
}

// checkPrintedChoice checks what a search is printed to have chosen of an axis.
func (w *yield) checkPrintedChoice(v *node, of string) {
	search, axis := v.field("search"), v.field("axis")
	if !search.ok() || !w.listed("best") {
		return
	}
	at := slices.IndexFunc(w.exp.Best, func(s Search) bool { return s.Name == search.text })
	if at < 0 {
		var known []string
		for _, s := range w.exp.Best {
			known = append(known, s.Name)
		}
		w.wrong(search, search.at, "no search named %q%s", search.text, hint(search.text, "known:", known))
		return
	}
	switch axes := w.exp.Best[at].Of; {
	case axis == nil && len(axes) > 1:
		w.rep.add(joinPath(v.below("axis")), v.label, "missing; it must be one of the axes that the search is of: %s", quoteAll(axes))
		return
	case axis.ok() && !slices.Contains(axes, axis.text):
		w.wrong(axis, axis.at, "the search %q is not of %q%s", search.text, axis.text, hint(axis.text, "it is of", axes))
		return
	}
	for _, c := range oneOrMore(v.field("choice")) {
		if w.sure && c.is(cue.StringKind) {
			w.checkSlipOf(c, of)
		}
	}
}

// printedOther is a printed fact or choice.
type printedOther struct {
	PublishedValue
	node *node
}

// printedOnce decodes a fact or choice, and refuses it where one before is of the same.
func (w *yield) printedOnce(v *node, before []printedOther) printedOther {
	one := printedOther{printedValue(v), v}
	if at := slices.IndexFunc(w.exp.Best, func(s Search) bool { return s.Name == one.Search }); at >= 0 && one.Axis == "" && len(w.exp.Best[at].Of) == 1 {
		one.Axis = w.exp.Best[at].Of[0]
	}
	what := "fact"
	if one.Search != "" {
		what = "choice"
	}
	for _, p := range before {
		if p.Fact == one.Fact && p.Search == one.Search && p.Column == one.Column && p.Level == one.Level && p.Axis == one.Axis && overlap(p.Where, one.Where) {
			w.wrong(v, v.at, "is printed twice: %s (%s) is of the same %s", joinPath(p.node.path), w.rep.sources.placed(p.node.at), what)
			break
		}
	}
	return one
}

// checkPrintedOther checks a printed fact or choice.
func (w *yield) checkPrintedOther(v *node, one *printedOther) {
	if one.Search != "" {
		w.checkPrintedChoice(v, one.Axis)
		return
	}
	w.checkPrintedFact(v)
}

// overlap reports whether something may be of both places: they do not differ in an axis that both name.
func overlap(a, b map[string]Value) bool {
	for name, v := range a {
		if other, has := b[name]; has && other != v {
			return false
		}
	}
	return true
}

// checkPrintedTable refuses published values of which none is of a table of data sets or of searches.
func (l *loader) checkPrintedTable(n, name, entry *node) {
	values := entry.field("values")
	if !n.whole() || !values.whole() || !values.is(cue.ListKind) {
		return
	}
	t := table(n)
	of, like := "fact of this table", fmt.Sprintf("{fact: %q, value: 1000}", RowsFact)
	belongs := t.showsFact
	if t.Kind == ConfigurationTable {
		of, like, belongs = "choice of a search of this table", `{search: "strategy", choice: "group"}`, t.showsChoice
	} else if t.Kind != DatasetTable {
		return
	}
	if !slices.ContainsFunc(values.items, func(v *node) bool { p := printedValue(v); return belongs(&p) }) {
		l.wrong(name, name.at, "%q has no %s: leave published out, or add one, such as %s", name.text, of, like)
	}
}

// showsFact reports whether a table of data sets has lines for a printed fact.
func (t *Table) showsFact(p *PublishedValue) bool {
	if p.Fact == "" || len(t.Of) > 0 && !slices.Contains(t.Of, string(p.Fact)) {
		return false
	}
	if of, has := p.Where["features"]; has && of.String() != t.Features {
		return false
	}
	of, has := p.Where["dataset"]
	chosen := t.Where["dataset"]
	return !has || chosen == nil || slices.Contains(chosen, of)
}

// showsChoice reports whether a table of searches has a line for a printed choice.
func (t *Table) showsChoice(p *PublishedValue) bool {
	return p.Search != "" && (len(t.Of) == 0 || slices.Contains(t.Of, p.Search))
}
