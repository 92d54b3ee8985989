package spec

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"

	"cuelang.org/go/cue"
)

// Published are numbers that others have printed. Views show them beside ours; nothing is computed from them.
type Published struct {
	Name   string           `json:"name"`
	Source string           `json:"source"` // a citation
	Values []PublishedValue `json:"values"`
}

// PublishedValue is one printed number, of a score or a fact of a data set, or what a search is printed to have chosen.
type PublishedValue struct {
	At    string           `json:"at,omitempty"`    // where in the source, such as "Table 1"
	Score string           `json:"score,omitempty"` // "metric.score", or a score of any metric
	Where map[string]Value `json:"where,omitempty"` // axes and dimensions of what it was printed for
	Value float64          `json:"value"`
	Low   *float64         `json:"low,omitempty"` // ends of the printed interval; nil: none was printed
	High  *float64         `json:"high,omitempty"`

	Fact   Fact     `json:"fact,omitempty"`   // of a DatasetTable
	Column string   `json:"column,omitempty"` // of GroupsFact, with one of its levels
	Level  string   `json:"level,omitempty"`
	Search string   `json:"search,omitempty"` // an entry of best
	Axis   string   `json:"axis,omitempty"`   // of a search over several, that of Choice
	Choice []string `json:"choice,omitempty"` // values that are as good
}

func published(n *node) Published {
	p := Published{Name: n.name(), Source: text(n.field("source"))}
	values := n.field("values")
	if !values.is(cue.ListKind) {
		return p
	}
	for _, v := range values.items {
		p.Values = append(p.Values, printedValue(v))
	}
	return p
}

func printedValue(n *node) PublishedValue {
	p := PublishedValue{
		At: text(n.field("at")), Score: text(n.field("score")), Where: single(n.field("where")), Low: optional(n.field("low")), High: optional(n.field("high")),
	}
	if value := optional(n.field("value")); value != nil {
		p.Value = *value
	}
	p.printedFact(n)
	return p
}

// checkPublished checks that printed numbers have a score and a place among those of the experiment, each place one number, and that
// tables name those that there are.
func (l *loader) checkPublished() {
	entries := l.entries("published")
	if len(entries) > 0 {
		w := l.yields()
		for _, n := range entries {
			if values := n.field("values"); values.is(cue.ListKind) {
				w.checkPrinted(values.items)
			}
		}
	}
	for _, t := range l.entries("tables") {
		name := t.field("published")
		if !name.ok() || !l.listed("published") {
			continue
		}
		if entry := l.root.find("published", name.text); entry != nil {
			l.checkPrintedTable(t, name, entry)
			continue
		}
		var known []string
		for _, n := range entries {
			known = append(known, n.name())
		}
		l.wrong(name, name.at, "no entry of published named %q%s", name.text, hint(name.text, "there are", known))
	}
}

// checkPrinted checks the numbers of one source.
func (w *yield) checkPrinted(values []*node) {
	first := map[string]*node{} // by what is rated, and where: the number that was printed for it
	var others []printedOther   // facts and choices
	for _, v := range values {
		if !v.whole() || v.kind != cue.StructKind {
			continue
		}
		of := w.printedFor(v)
		if of == "" || !w.checkPrintedFields(v, of) {
			continue
		}
		if of != "score" {
			one := w.printedOnce(v, others) // before slips in it are taken out
			others = append(others, one)
			w.checkPrintedOther(v, &one)
			continue
		}
		score, where := v.field("score"), v.field("where")
		places := w.places(score.text, single(where)) // before slips in it are taken out
		w.checkPlace(where)
		if w.sure && len(w.find(score.text)) == 0 {
			w.wrong(score, score.at, "no score named %q%s", score.text, hint(score.text, "known:", w.addresses(score.text)))
		} else if w.sure && where.whole() {
			w.checkHas(score, where)
		}
		for _, place := range places {
			if other := first[place]; other != nil {
				w.wrong(v, v.at, "is printed twice: %s (%s) is %q of the same cells", joinPath(other.path), w.rep.sources.placed(other.at), text(other.field("score")))
				break
			}
			first[place] = v
		}
		w.checkInterval(v)
	}
}

// places are the scores that an address stands for with what one was printed for: what the experiment declares of a score, and axes that have
// one value, are part of it whether or not they are said.
func (w *yield) places(address string, where map[string]Value) []string {
	found := w.find(address)
	if len(found) == 0 {
		found = []scoreInfo{{name: address}}
	}
	var out []string
	for _, s := range found {
		place, fits := map[string]string{}, true
		if w.sure {
			for _, a := range w.axes {
				if len(a.Values) == 1 {
					place[a.Axis] = a.Values[0].String()
				}
			}
		}
		maps.Copy(place, s.fixed)
		for name, v := range where {
			declared, has := s.fixed[name]
			fits = fits && (!has || declared == v.String())
			place[name] = v.String()
		}
		if key, err := json.Marshal(place); err == nil && fits {
			out = append(out, s.metric+"."+s.name+string(key))
		}
	}
	return out
}

// checkHas refuses a dimension that no score of an address has: what was printed would stand nowhere.
func (w *yield) checkHas(score, where *node) {
	for _, f := range where.fields {
		if w.axis(f.name()) >= 0 || slices.ContainsFunc(w.find(score.text), func(s scoreInfo) bool { return s.has(f.name()) }) {
			continue
		}
		w.wrong(f, f.label, "%q has no dimension %q, so that the number would stand nowhere", score.text, f.name())
	}
}

// checkInterval checks the ends of a printed interval.
func (w *yield) checkInterval(v *node) {
	switch low, high, value := v.field("low"), v.field("high"), v.field("value"); {
	case (low == nil) != (high == nil):
		w.wrong(v, v.at, "has one end of an interval; low and high belong together")
	case low.ok() && high.ok() && low.number() > high.number():
		w.wrong(high, high.at, "is below low, %s", low.text)
	case low.ok() && high.ok() && (value.number() < low.number() || value.number() > high.number()):
		w.wrong(value, value.at, "lies outside its interval [%s, %s]", low.text, high.text)
	}
}

// checkPlace checks what a number was printed for: axes and dimensions, each with one value. A value that no cell has is a mistake only
// where it looks like a slip: the experiment may have fewer cells than what it compares with.
func (w *yield) checkPlace(where *node) {
	if !where.is(cue.StructKind) {
		return
	}
	for _, f := range where.fields {
		switch {
		case w.sure && w.axis(f.name()) < 0 && !slices.Contains(w.dims, f.name()):
			w.wrong(f, f.label, "no axis or dimension named %q%s", f.name(), hint(f.name(), "known:", append(w.axisList(), w.dims...)))
		case f.ok() && (f.kind == cue.ListKind || f.kind == cue.StructKind):
			w.wrong(f, f.at, "must be one value, not %s", kindWords(f.kind))
		case w.sure && f.is(cue.StringKind) && !w.isSearch(f, f.name()):
			w.checkSlip(f)
		}
	}
}

// checkSlip refuses a value that no cell has and that is spelled almost as one that some have.
func (w *yield) checkSlip(f *node) { w.checkSlipOf(f, f.name()) }

func (w *yield) checkSlipOf(f *node, axis string) {
	i := w.axis(axis)
	if i < 0 || decidedByData(axis) || w.numberOf(i, value(f)) >= 0 {
		return
	}
	var known []string
	for _, v := range w.axes[i].Values {
		known = append(known, v.String())
	}
	if near := closest(f.text, known); near != "" && unnumbered(near) != unnumbered(f.text) { // top15 is no slip for top10
		w.wrong(f, f.at, "axis %q has no value %q; did you mean %q?", axis, f.text, near)
	}
}

// unnumbered is a name without its digits.
func unnumbered(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, name)
}
