package spec

import (
	"math"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"github.com/ehrlab/ehrlab/plugins"
)

// PrimaryTable is the name of the table of the contrasts that an experiment names beforehand.
const PrimaryTable = "primary"

// Contrast is a difference between two arms that an experiment names before it has results: A less B.
type Contrast struct {
	Name  string             `json:"name"`
	Title string             `json:"title,omitempty"`
	Score string             `json:"score"` // "metric.score", or a bare score name of one metric
	A     map[string]Value   `json:"a"`     // values of axes; the arms are alike in all axes that neither names
	B     map[string]Value   `json:"b"`
	Where map[string][]Value `json:"where,omitempty"` // axes and dimensions
	// Over are axes that differences are averaged over besides those of replicates, which are the unit that they are paired by.
	Over   []string `json:"over,omitempty"`
	Margin *float64 `json:"margin,omitempty"` // a difference smaller than that is as good as none
}

// Inference says how sure claims are to be.
type Inference struct {
	Correction string  `json:"correction,omitempty"` // Holm or BenjaminiHochberg, over all primary contrasts; empty: Holm
	Level      float64 `json:"level,omitempty"`      // coverage of intervals, of contrasts and checks; 0: DefaultLevel
}

// Values of Inference.Correction.
const (
	Holm              = "holm"
	BenjaminiHochberg = "benjamini-hochberg"
)

// DefaultLevel is the coverage of intervals where an experiment does not say another one.
const DefaultLevel = 0.95

// Coverage returns the level, or its default.
func (i Inference) Coverage() float64 {
	if i.Level == 0 {
		return DefaultLevel
	}
	return i.Level
}

// Family returns the correction, or its default.
func (i Inference) Family() string {
	if i.Correction == "" {
		return Holm
	}
	return i.Correction
}

func contrast(n *node) Contrast {
	return Contrast{
		Name: n.name(), Title: text(n.field("title")), Score: text(n.field("score")), A: single(n.field("a")), B: single(n.field("b")),
		Where: choices(n.field("where")), Over: texts(n.field("over")), Margin: optional(n.field("margin")),
	}
}

func inference(n *node) Inference {
	return Inference{Correction: text(n.field("correction")), Level: number(n.field("level"))}
}

// checkPrimary checks that each primary contrast is one number: the arms differ, each has cells, and every axis that cells of an arm
// differ by is averaged over.
func (l *loader) checkPrimary() {
	contrasts := l.entries("primary")
	if len(contrasts) == 0 {
		return
	}
	for _, n := range l.entries("tables") {
		if strings.EqualFold(n.name(), PrimaryTable) {
			l.rep.add(joinPath(n.path), n.label, "%q is the name of the table of primary contrasts; a table needs another", n.name())
		}
	}
	w := l.yields()
	for _, n := range contrasts {
		w.checkContrast(n)
	}
}

func (w *yield) checkContrast(n *node) {
	a, b, where, over := n.field("a"), n.field("b"), n.field("where"), oneOrMore(n.field("over"))
	w.checkMinus(a)
	w.checkMinus(b)
	w.checkWhere(where)
	for _, arm := range []*node{a, b} {
		w.checkArm(arm, where, over)
	}
	w.checkAveragedAxes(over)
	if a.whole() && b.whole() && a.is(cue.StructKind) && b.is(cue.StructKind) && !w.differ(a, b) {
		w.wrong(b, b.at, "must give another value than a of an axis that a names")
	}
	w.checkContrasted(n, over)
}

// checkArm refuses axes that do not tell arms apart.
func (w *yield) checkArm(arm, where *node, over []*node) {
	for _, f := range arm.all() {
		switch {
		case !f.ok():
		case w.exp.Replicates(f.name()):
			w.wrong(f, f.label, "values of %q differ by chance alone, so that there is nothing to compare", f.name())
		case where.field(f.name()) != nil:
			w.wrong(f, f.label, "where selects by %q, too; say it in one place", f.name())
		case names(over, f.name()):
			w.wrong(f, f.label, "over averages %q, so that it cannot tell the arms apart", f.name())
		}
	}
}

// checkAveragedAxes checks what differences are averaged over.
func (w *yield) checkAveragedAxes(over []*node) {
	for i, n := range over {
		switch {
		case !n.ok():
		case w.sure && w.axis(n.text) < 0:
			w.wrong(n, n.at, "no axis named %q%s", n.text, hint(n.text, "known:", w.axisList()))
		case names(over[:i], n.text):
			w.wrong(n, n.at, "%q is given twice", n.text)
		}
	}
}

// differ reports whether two arms give different values of an axis.
func (w *yield) differ(a, b *node) bool {
	return slices.ContainsFunc(a.fields, func(f *node) bool {
		g := b.field(f.name())
		return g != nil && value(f) != value(g)
	})
}

// checkContrasted checks the score of a contrast, and that each arm has one value of it for each replicate.
func (w *yield) checkContrasted(n *node, over []*node) {
	score := n.field("score")
	if !score.ok() || !w.sure && !w.scoreKnown(score.text) {
		return
	}
	found := w.find(score.text)
	if len(found) == 0 {
		w.wrong(score, score.at, "no score named %q%s", score.text, hint(score.text, "known:", w.addresses(score.text)))
		return
	}
	v := view{node: n, over: over, where: n.field("where")}
	if !w.viewOK(v) || !n.field("a").whole() || !n.field("b").whole() {
		return
	}
	shown := slices.DeleteFunc(slices.Clone(found), func(s scoreInfo) bool { return !w.hasKeys(v, s) })
	switch {
	case len(shown) == 0:
		w.wrong(score, score.at, "%q has no value where says so: it lacks %s", score.text, w.lacking(v, found))
		return
	case len(shown) > 1:
		w.wrong(score, score.at, "%q is given by %q and %q; write %q, or select one by where", score.text, shown[0].metric, shown[1].metric,
			shown[0].metric+"."+shown[0].name)
		return
	}
	s := shown[0]
	for _, d := range s.free {
		if len(v.chosen(d)) != 1 {
			w.wrong(score, score.at, "%q has a value for each %q; select one by where", score.text, d)
			return
		}
	}
	if info := w.infoOf(s); info != nil {
		w.checkMargin(n.field("margin"), s, info)
	}
	reported := map[string]bool{}
	for _, arm := range []string{"a", "b"} {
		w.checkArmCells(v, n.field(arm), s, reported)
	}
}

// checkMargin refuses a margin that every difference lies within.
func (w *yield) checkMargin(margin *node, s scoreInfo, info *plugins.ScoreInfo) {
	if width := info.Max - info.Min; margin.ok() && !math.IsInf(width, 0) && margin.number() >= width {
		w.wrong(margin, margin.at, "no difference is greater: %q lies between %v and %v", s.metric+"."+s.name, info.Min, info.Max)
	}
}

// checkArmCells checks that an arm has cells, and that those of one replicate differ by what is averaged over alone.
func (w *yield) checkArmCells(v view, arm *node, s scoreInfo, reported map[string]bool) {
	v.own, v.add = arm, "a and b"
	any := false
	w.inWorlds(func(in Chosen, there func(cell) bool) bool {
		selected := w.selection(v.selects(), in)
		any = slices.ContainsFunc(w.cells, func(c cell) bool { return there(c) && w.exp.Matrix[c.block].measures(s.metric) && selected(c) })
		return any
	})
	if !any {
		w.wrong(arm, arm.at, "no cell that %q is measured on has these values", s.metric+"."+s.name)
		return
	}
	for _, a := range w.axes {
		if w.exp.Replicates(a.Axis) {
			v.over = append(slices.Clone(v.over), &node{kind: cue.StringKind, text: a.Axis})
		}
	}
	w.ambiguous(v, s, reported)
}
