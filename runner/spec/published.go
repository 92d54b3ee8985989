package spec

import (
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

// PublishedValue is one printed number.
type PublishedValue struct {
	At    string           `json:"at,omitempty"` // where in the source, such as "Table 1"
	Score string           `json:"score"`        // "metric.score", or a score of any metric
	Where map[string]Value `json:"where"`        // axes and dimensions of what it was printed for
	Value float64          `json:"value"`
	Low   *float64         `json:"low,omitempty"` // ends of the printed interval; nil: none was printed
	High  *float64         `json:"high,omitempty"`
}

func published(n *node) Published {
	p := Published{Name: n.name(), Source: text(n.field("source"))}
	values := n.field("values")
	if !values.is(cue.ListKind) {
		return p
	}
	for _, v := range values.items {
		one := PublishedValue{
			At: text(v.field("at")), Score: text(v.field("score")), Where: single(v.field("where")),
			Low: optional(v.field("low")), High: optional(v.field("high")),
		}
		if value := optional(v.field("value")); value != nil {
			one.Value = *value
		}
		p.Values = append(p.Values, one)
	}
	return p
}

// checkPublished checks that printed numbers have a score and a place among those of the experiment, each place one number, and that
// tables name those that there are.
func (l *loader) checkPublished() {
	entries := l.entries("published")
	if len(entries) > 0 {
		w := l.newYield()
		for _, n := range entries {
			if values := n.field("values"); values.is(cue.ListKind) {
				w.checkPrinted(values.items)
			}
		}
	}
	for _, t := range l.entries("tables") {
		name := t.field("published")
		if !name.ok() || !l.listed("published") || l.root.find("published", name.text) != nil {
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
	var seen []PublishedValue
	for _, v := range values {
		if !v.whole() || v.kind != cue.StructKind {
			continue
		}
		score, where := v.field("score"), v.field("where")
		if w.sure && len(w.find(score.text)) == 0 {
			w.wrong(score, score.at, "no score named %q%s", score.text, hint(score.text, "known:", w.addresses(score.text)))
		}
		one := PublishedValue{Score: score.text, Where: single(where)} // before slips in it are taken out
		w.checkPlace(where)
		if slices.ContainsFunc(seen, one.alike) {
			w.wrong(v, v.at, "is printed twice: the same score and where stand before")
		}
		seen = append(seen, one)
		low, high, value := v.field("low"), v.field("high"), v.field("value")
		switch {
		case (low == nil) != (high == nil):
			w.wrong(v, v.at, "has one end of an interval; low and high belong together")
		case low.ok() && high.ok() && low.number() > high.number():
			w.wrong(high, high.at, "is below low, %s", low.text)
		case low.ok() && high.ok() && (value.number() < low.number() || value.number() > high.number()):
			w.wrong(value, value.at, "lies outside its interval [%s, %s]", low.text, high.text)
		}
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
		case w.sure && f.is(cue.StringKind):
			w.checkSlip(f)
		}
	}
}

// checkSlip refuses a value that no cell has and that is spelled almost as one that some have.
func (w *yield) checkSlip(f *node) {
	i := w.axis(f.name())
	if i < 0 || decidedByData(f.name()) || w.numberOf(i, value(f)) >= 0 {
		return
	}
	var known []string
	for _, v := range w.axes[i].Values {
		known = append(known, v.String())
	}
	if near := closest(f.text, known); near != "" && unnumbered(near) != unnumbered(f.text) { // top15 is no slip for top10
		w.wrong(f, f.at, "axis %q has no value %q; did you mean %q?", f.name(), f.text, near)
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

// alike reports whether two numbers were printed for the same.
func (p PublishedValue) alike(other PublishedValue) bool {
	if p.Score != other.Score || len(p.Where) != len(other.Where) {
		return false
	}
	for name, v := range p.Where {
		if o, ok := other.Where[name]; !ok || o != v {
			return false
		}
	}
	return true
}
