package spec

import (
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"
)

// checkAlike refuses labels that make lines, columns, places along x or series look alike.
func (w *yield) checkAlike(v *view) {
	labels := v.node.field("labels")
	if !labels.is(cue.StructKind) || !w.viewOK(*v) {
		return
	}
	told := map[string]bool{} // what was said already
	for _, together := range v.together {
		w.checkLabelled(v, together, labels, told)
	}
	if v.apart == nil {
		return
	}
	for i := range v.scores { // the title of a score tells its columns from those of another
		one := *v
		one.scores = v.scores[i : i+1]
		if v.wheres != nil {
			one.wheres = v.wheres[i : i+1]
		}
		w.checkLabelled(&one, []*node{v.apart}, labels, told)
	}
}

// checkLabelled refuses labels that make two combinations of the values of some axes and dimensions look alike.
func (w *yield) checkLabelled(v *view, of []*node, labels *node, told map[string]bool) {
	var known, data []string // whose values are known, and those that data or a plugin give
	alike := false
	for _, n := range of {
		switch i := w.axis(n.text); {
		case i >= 0 && !decidedByData(n.text):
			known = append(known, n.text)
			alike = alike || sameLabel(v.selectable(n.text, w.axisTexts(i)), labels.field(n.text)) != nil
		case i < 0 && w.declared[n.text] != nil && !w.gives(n.text):
			known = append(known, n.text)
			alike = alike || sameLabel(w.declared[n.text], labels.field(n.text)) != nil
		default:
			data = append(data, n.text)
		}
	}
	for _, name := range data {
		w.checkGiven(v, name, labels.field(name), told)
	}
	if alike {
		w.checkCells(v, known, labels, told)
	}
}

// selectable are those of the values of an axis that a view selects in one of its scores at least, as far as that can be told from what is
// written.
func (v *view) selectable(axis string, values []string) []string {
	var out []string
	for i := range v.scores {
		one := *v
		if v.wheres != nil {
			one.own = v.wheres[i]
		}
		chosen := one.chosen(axis)
		for _, e := range chosen {
			if _, searched := value(e).Searched(); searched || !e.ok() {
				return values
			}
			out = added(out, value(e).String())
		}
		if len(chosen) == 0 {
			return values
		}
	}
	return out
}

// checkGiven compares the labels of values that are not known before there are data: all that have a label may be there, unless others
// are selected.
func (w *yield) checkGiven(v *view, name string, labels *node, told map[string]bool) {
	var values []string
	for _, f := range fieldsOf(labels) {
		if chosen := v.chosen(name); len(chosen) == 0 || slices.ContainsFunc(chosen, func(e *node) bool { return e.ok() && value(e).String() == f.name() }) {
			values = append(values, f.name())
		}
	}
	if pair := sameLabel(values, labels); pair != nil {
		w.tellAlike(labels, pair[0], pair[1], orSelect, told)
	}
}

// checkCells looks for two cells whose values of some axes and dimensions differ and look alike.
func (w *yield) checkCells(v *view, of []string, labels *node, told map[string]bool) {
	w.inWorlds(func(in Chosen, there func(cell) bool) bool {
		first := map[string][]string{} // by what is shown: the values
		found := false
		for i, n := range v.scores {
			one := *v
			if v.wheres != nil {
				one.own = v.wheres[i]
			}
			selected := w.selection(one.selects(), in)
			for _, s := range w.find(text(n)) {
				if !w.hasKeys(one, s) {
					continue
				}
				for _, c := range w.cells {
					if !found && there(c) && w.exp.Matrix[c.block].measures(s.metric) && selected(c) {
						found = w.looksAs(first, w.textsOf(c, s, of), of, labels, told)
					}
				}
			}
		}
		return found
	})
}

// looksAs reports whether other values look as some do, and says so.
func (w *yield) looksAs(first map[string][]string, values, of []string, labels *node, told map[string]bool) bool {
	shown := make([]string, len(of))
	for k, name := range of {
		shown[k] = labelOrName(labels.field(name), values[k])
	}
	key := strings.Join(shown, "\x00")
	before, seen := first[key]
	if !seen {
		first[key] = values
		return false
	}
	for k, name := range of {
		if before[k] != values[k] {
			w.tellAlike(labels.field(name), before[k], values[k], orSelect, told)
			return true
		}
	}
	return false
}

// textsOf are the values that a score of a cell has of axes and dimensions.
func (w *yield) textsOf(c cell, s scoreInfo, of []string) []string {
	out := make([]string, len(of))
	for k, name := range of {
		if i := w.axis(name); i < 0 {
			out[k] = s.fixed[name]
		} else if c.values[i] >= 0 {
			out[k] = w.axes[i].Values[c.values[i]].String()
		}
	}
	return out
}

// axisTexts are the values of an axis as views show them.
func (w *yield) axisTexts(axis int) []string {
	var out []string
	for _, v := range w.axes[axis].Values {
		out = append(out, v.String())
	}
	return out
}

// tellAlike reports, once, that two values look alike. What would be right besides other labels depends on what is labelled.
func (w *yield) tellAlike(labels *node, a, b, right string, told map[string]bool) {
	at := labels.field(b)
	if at == nil {
		at, a, b = labels.field(a), b, a
	}
	if at == nil || told[joinPath(labels.path)] {
		return
	}
	told[joinPath(labels.path)] = true
	w.rep.add(joinPath(at.path), at.at, "%q and %q are both shown as %q, and nothing else tells them apart: give them labels that differ%s", a, b, labelOrName(labels, b), right)
}

// orSelect is what else would be right of labels that look alike where cells are selected.
const orSelect = ", or leave one out by where"

// labelOrName is what stands for a value.
func labelOrName(labels *node, value string) string {
	if f := labels.field(value); f.is(cue.StringKind) {
		return f.text
	}
	return value
}

// sameLabel returns two of some values that look alike; nil where there are none.
func sameLabel(values []string, labels *node) []string {
	if !labels.is(cue.StructKind) {
		return nil
	}
	before := map[string]string{}
	for _, v := range values {
		shown := labelOrName(labels, v)
		if other, seen := before[shown]; seen && other != v {
			return []string{other, v}
		}
		before[shown] = v
	}
	return nil
}

// checkSameLabels refuses equal labels of values that stand in one table whatever the matrix is.
func (w *yield) checkSameLabels(values []string, labels *node) {
	if pair := sameLabel(values, labels); pair != nil {
		w.tellAlike(labels, pair[0], pair[1], "", map[string]bool{})
	}
}

// checkChoosing refuses labels of a table of searches that make two values that compete in one of them look alike.
func (w *yield) checkChoosing(n *node, t *Table) {
	labels := n.field("labels")
	for i := range w.exp.Best {
		s := &w.exp.Best[i]
		if len(t.Of) > 0 && !slices.Contains(t.Of, s.Name) {
			continue
		}
		for _, axis := range s.Of {
			var values []string
			for _, in := range w.exp.worlds {
				if v, ok := in[s.Name][axis]; ok {
					values = added(values, v.String())
				}
			}
			w.checkSameLabels(values, labels.field(axis))
		}
	}
}

// checkTwice refuses columns of a table, or series of a plot, that are the same or have the same name.
func (l *loader) checkTwice(list []*node, what, ways string) {
	var before []*node
	for _, n := range list {
		s := scoreOf(n)
		if !s.ok() || !n.whole() {
			continue
		}
		for _, other := range before {
			switch {
			case sameScore(n, other):
				l.wrong(s, s.at, "%q is given twice, of the same cells: %s has it, too", s.text, joinPath(other.path))
			case headOf(n) == headOf(other) && text(n.field("group")) == text(other.field("group")):
				l.wrong(n, n.at, "is called %q, as %s is: give one of the two %s %s that tells them apart", headOf(n), joinPath(other.path), what, ways)
			default:
				continue
			}
			break
		}
		before = append(before, n)
	}
}

// scoreOf is the score of a column or series, which may be all that is written of a series.
func scoreOf(n *node) *node {
	if n.is(cue.StructKind) {
		return n.field("score")
	}
	return n
}

// headOf is what stands over a column, or names a series.
func headOf(n *node) string {
	if title := text(n.field("title")); title != "" {
		return title
	}
	if minus := n.field("minus"); minus != nil {
		return text(scoreOf(n)) + " − " + string(minus.json())
	}
	return text(scoreOf(n))
}

// sameScore reports whether two columns, or series, show one score of the same cells.
func sameScore(a, b *node) bool {
	less, of := a.field("minus"), b.field("minus")
	if text(scoreOf(a)) != text(scoreOf(b)) || (less == nil) != (of == nil) || !maps.Equal(single(less), single(of)) {
		return false
	}
	among := func(some, all []Value) bool {
		return !slices.ContainsFunc(some, func(v Value) bool { return !slices.Contains(all, v) })
	}
	return maps.EqualFunc(choices(a.field("where")), choices(b.field("where")), func(x, y []Value) bool { return among(x, y) && among(y, x) })
}
