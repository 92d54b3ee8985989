package spec

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"github.com/ehrlab/ehrlab/plugins"
)

// plot decodes a plot.
func plot(n *node) Plot {
	p := Plot{
		Name: n.name(), Kind: text(n.field("kind")), Title: text(n.field("title")),
		XLabel: text(n.field("xlabel")), YLabel: text(n.field("ylabel")),
		Series: text(n.field("series")), Over: texts(n.field("over")), Where: choices(n.field("where")),
		Minus: single(n.field("minus")), Values: texts(n.field("values")), Points: texts(n.field("points")),
		Curve: text(n.field("curve")), Labels: valueLabels(n.field("labels")),
	}
	p.X, p.Outer, p.XWhere = position(n.field("x"))
	p.Y, p.YWhere = coordinate(n.field("y"))
	if y := n.field("y"); y.is(cue.ListKind) {
		for _, s := range y.items {
			p.Scores = append(p.Scores, plotScore(s))
		}
	}
	if panels := panelsOf(n); panels.is(cue.ListKind) {
		for _, part := range panels.items {
			p.Parts = append(p.Parts, plotPart(part))
		}
	} else if panels != nil {
		p.Panels = panels.text
	}
	if with := n.field("with"); with.whole() && with.kind == cue.StructKind {
		p.With = with.json()
	}
	return p
}

// coordinate decodes x or y: a name, or a score of some cells.
func coordinate(n *node) (string, map[string][]Value) {
	if n.is(cue.StructKind) {
		return text(n.field("score")), choices(n.field("where"))
	}
	return text(n), nil
}

// position decodes x: a name, several of which the last changes fastest, or a score of some cells.
func position(n *node) (x string, outer []string, where map[string][]Value) {
	if names := texts(n); n.is(cue.ListKind) && len(names) > 0 {
		return names[len(names)-1], names[:len(names)-1], nil
	}
	x, where = coordinate(n)
	return x, nil, where
}

// plotScore decodes one of several scores.
func plotScore(n *node) PlotScore {
	score, where := coordinate(n)
	return PlotScore{Score: score, Title: text(n.field("title")), Where: where}
}

// plotPart decodes one of several panels.
func plotPart(n *node) PlotPart {
	part := PlotPart{Title: text(n.field("title")), XLabel: text(n.field("xlabel")), Where: choices(n.field("where"))}
	part.X, part.Outer, _ = position(n.field("x"))
	return part
}

// panelsOf is what names the panels of a plot of curves: the field panels or, without it, the only name that where gives several
// values and that is neither the series nor averaged over. It is nil when there is none.
func panelsOf(n *node) *node {
	if p := n.field("panels"); p != nil || n.field("curve") == nil || !n.field("where").is(cue.StructKind) {
		return p
	}
	var found []*node
	for _, f := range n.field("where").fields {
		if len(oneOrMore(f)) > 1 && text(n.field("series")) != f.name() && !names(oneOrMore(n.field("over")), f.name()) {
			found = append(found, f)
		}
	}
	if len(found) != 1 {
		return nil
	}
	return &node{path: found[0].path, label: found[0].label, at: found[0].label, kind: cue.StringKind, text: found[0].name()}
}

// plotForm is what plots of one form have: what they draw, the fields that they need and those that they may have.
type plotForm struct {
	draws        string
	needs, takes []string
}

var plotForms = map[plugins.Form]plotForm{
	plugins.PointForm:  {"scores along an axis or dimension", []string{"x", "y"}, []string{"series", "panels", "labels", "over", "minus", "where"}},
	plugins.ForestForm: {"a score of each of several hospitals or the like", []string{"x", "y"}, []string{"series", "over", "minus", "where"}},
	plugins.SpreadForm: {"how a score spreads", []string{"x", "y"}, []string{"series", "values", "over", "minus", "where"}},
	plugins.PairForm:   {"a score against another, or a recorded curve of pairs", nil, []string{"x", "y", "points", "curve", "series", "over", "where"}},
	plugins.CurveForm:  {"recorded curves", []string{"curve"}, []string{"series", "panels", "over", "where"}},
	plugins.MatrixForm: {"recorded matrices", []string{"curve"}, []string{"over", "where"}},
}

// plotViews checks the fields of a plot by what its view draws, and returns what of it refers to the matrix: one view for each panel with
// cells of its own.
func (l *loader) plotViews(n *node) []view {
	b := l.found.built[indexKey(n.path)]
	if b == nil {
		return nil // its kind or settings are wrong
	}
	form := b.plugin.(plugins.View).Form()
	if !l.checkPlotFields(n, form) {
		return nil
	}
	if form == plugins.PointForm {
		return l.pointViews(n)
	}
	return []view{l.plotView(n, form)}
}

// pointViews are what refers to the matrix in a plot of points, for each of its panels.
func (l *loader) pointViews(n *node) []view {
	var views []view
	of := func(part *node) {
		from := n
		var where *node
		if part != nil {
			from, where = part, part.field("where")
		}
		x := from.field("x")
		series := oneOrMore(n.field("series"))
		v := view{
			node: n, part: part, keys: append(slices.Clone(oneOrMore(x)), series...), over: oneOrMore(n.field("over")), minus: []*node{n.field("minus")},
			add: "series", form: plugins.PointForm, together: [][]*node{oneOrMore(x), series},
		}
		for _, y := range oneOrMore(n.field("y")) {
			own := narrowed(n.field("where"), where)
			if y.is(cue.StructKind) {
				own, y = narrowed(own, y.field("where")), y.field("score")
			}
			v.scores, v.wheres = append(v.scores, y), append(v.wheres, own)
		}
		views = append(views, v)
	}
	if panels := n.field("panels"); panels != nil {
		for _, part := range panels.items {
			of(part)
		}
		return views
	}
	of(nil)
	return views
}

// narrowed is a selection with what another says of single axes and dimensions in the place of what it says itself.
func narrowed(where, more *node) *node {
	if !where.is(cue.StructKind) || !more.is(cue.StructKind) {
		if more != nil {
			return more
		}
		return where
	}
	out := *where
	out.fields = slices.DeleteFunc(slices.Clone(where.fields), func(f *node) bool { return more.field(f.name()) != nil })
	out.fields = append(out.fields, more.fields...)
	return &out
}

// plotView is what of a plot refers to the matrix.
func (l *loader) plotView(n *node, form plugins.Form) view {
	v := view{node: n, over: oneOrMore(n.field("over")), where: n.field("where"), minus: []*node{n.field("minus")}, add: "series", form: form}
	key := func(fields ...string) {
		for _, name := range fields {
			v.keys = append(v.keys, oneOrMore(n.field(name))...)
		}
	}
	switch form {
	case plugins.ForestForm:
		key("x", "series")
		v.scores = oneOrMore(n.field("y"))
	case plugins.SpreadForm:
		key("x", "series", "values")
		v.scores = oneOrMore(n.field("y"))
	case plugins.PairForm:
		key("series", "points")
		v.add = "points"
		v.whole = n.field("points") == nil
		if n.field("curve") == nil {
			for _, name := range []string{"x", "y"} {
				score, where := n.field(name), (*node)(nil)
				if score.is(cue.StructKind) {
					score, where = score.field("score"), score.field("where")
				}
				v.scores, v.wheres = append(v.scores, score), append(v.wheres, where)
			}
		}
	case plugins.CurveForm:
		key("series")
		v.add = "series, panels"
		if panels := panelsOf(n); panels != nil {
			v.keys = append(v.keys, panels)
		}
	case plugins.MatrixForm:
		v.add = ""
	}
	if v.curve = n.field("curve"); v.curve != nil && form == plugins.PairForm {
		v.whole, v.add = false, "series"
	}
	return v
}

// checkPlotFields demands what the view of a plot draws, and refuses what it has no use for.
func (l *loader) checkPlotFields(n *node, form plugins.Form) bool {
	f, known := plotForms[form]
	if !known {
		panic(fmt.Sprintf("view %q has the form %q", text(n.field("kind")), form)) // our bug: the conformance test of views finds it
	}
	a := fmt.Sprintf("a plot of kind %q draws %s", text(n.field("kind")), f.draws)
	before := len(l.rep.mistakes)
	for _, name := range f.needs {
		if name == "x" && form == plugins.PointForm && n.field("panels") != nil {
			continue // each has one of its own
		}
		if n.field(name) == nil && !n.part {
			l.rep.add(joinPath(n.path), n.label, "%s: it needs %q", a, name)
		}
	}
	all := slices.Concat(f.needs, f.takes)
	for _, field := range n.fields {
		if slices.Contains([]string{"kind", "with", "title", "xlabel", "ylabel"}, field.name()) || slices.Contains(all, field.name()) {
			continue
		}
		if field.ok() {
			l.wrong(field, field.label, "%s, and has no use for it; it takes %s", a, quoteAll(all))
		}
	}
	switch form {
	case plugins.PairForm:
		l.checkPairFields(n, a)
	case plugins.SpreadForm:
		if n.field("over") == nil && n.field("values") == nil && !n.part {
			l.rep.add(joinPath(n.path), n.label, "%s: it needs %q, or %q for the values of a dimension", a, "over", "values")
		}
	}
	for _, name := range []string{"x", "y"} {
		c := n.field(name)
		if form == plugins.PointForm && name == "y" && c.is(cue.StructKind) {
			l.wrong(c, c.at, "must be a text or a list: put the score in square brackets, where each may have a title and cells of its own")
		} else if form != plugins.PairForm && c.is(cue.StructKind) {
			l.wrong(c, c.at, "must be a text: a score of some cells alone is for plots of pairs; add its where to the plot's")
		}
		if form != plugins.PointForm && c.is(cue.ListKind) {
			l.wrong(c, c.at, "must be a text: %s", a)
		}
	}
	if form == plugins.PointForm {
		l.checkPointFields(n)
	} else if panels := n.field("panels"); panels.is(cue.ListKind) {
		l.wrong(panels, panels.at, "must be an axis or dimension: %s; panels with cells of their own are for plots of scores along an axis", a)
	}
	return len(l.rep.mistakes) == before
}

// checkPointFields checks the scores and panels of a plot of points.
func (l *loader) checkPointFields(n *node) {
	x, y, panels, series := n.field("x"), n.field("y"), n.field("panels"), n.field("series")
	if y.is(cue.ListKind) && len(y.items) > 1 && series != nil {
		l.wrong(series, series.label, "the scores of y are the series; with a series of its own a plot has one score")
	}
	if y.is(cue.ListKind) {
		l.checkTwice(y.items, "scores", "a title")
	}
	for _, list := range []*node{x, y, panels} {
		if list.is(cue.ListKind) && len(list.items) == 0 && !list.part {
			l.wrong(list, list.at, "must have at least one value")
		}
	}
	if panels.is(cue.ListKind) {
		l.checkPanelTitles(panels.items)
	}
	switch {
	case panels == nil:
	case panels.ok() && !panels.is(cue.ListKind):
		l.wrong(panels, panels.at, "must be a list: each panel has a title, an x and a where, such as {title: \"rows\", x: \"n\"}")
	case x != nil:
		l.wrong(x, x.label, "each panel has an x of its own")
	}
}

// checkPanelTitles refuses a title that two panels share: the data of the plot name them by it.
func (l *loader) checkPanelTitles(panels []*node) {
	before := map[string]*node{}
	for _, p := range panels {
		title := p.field("title")
		if !title.ok() {
			continue
		}
		if other := before[title.text]; other != nil {
			l.wrong(title, title.at, "%q is the title of %s, too: give each panel one of its own", title.text, joinPath(other.path))
			continue
		}
		before[title.text] = p
	}
}

// checkPairFields demands two scores or a curve.
func (l *loader) checkPairFields(n *node, a string) {
	x, y, curve := n.field("x"), n.field("y"), n.field("curve")
	switch {
	case curve == nil && (x == nil || y == nil) && !n.part:
		l.rep.add(joinPath(n.path), n.label, "%s: it needs the scores \"x\" and \"y\", or \"curve\"", a)
	case curve != nil:
		for _, name := range []string{"x", "y", "points"} {
			if f := n.field(name); f != nil {
				l.wrong(f, f.label, "a plot has either a curve or %q", name)
			}
		}
	}
	for _, c := range []*node{x, y} {
		if c.is(cue.StructKind) && c.field("score") == nil && !c.part {
			l.rep.add(joinPath(c.path), c.at, "has no \"score\"")
		}
	}
}

// curveInfo is a curve of a metric of the experiment.
type curveInfo struct {
	scoreInfo // free: the dimensions that need not be told apart are left out
	kind      plugins.CurveKind
	lacks     string // the setting that must be true before it is recorded; "" when it is recorded
}

// structural are the dimensions of a curve that one figure holds all values of.
func structural(c *plugins.CurveInfo) []string {
	out := []string{plugins.SideDim}
	if c.Kind == plugins.MatrixCurve {
		out = append(out, plugins.ColumnDim)
	}
	if c.Level != "" {
		out = append(out, c.Level)
	}
	return out
}

// addCurves lists the curves of a metric.
func (w *yield) addCurves(m *Metric, b *built) {
	var settings map[string]any
	if err := json.Unmarshal(b.settings, &settings); err != nil {
		panic(fmt.Sprintf("settings of %s: %v", m.Name, err)) // they were written as JSON
	}
	for i := range b.info.Curves {
		c := &b.info.Curves[i]
		info := curveInfo{kind: c.Kind, scoreInfo: scoreInfo{metric: m.Name, name: c.Name, fixed: m.Dims, by: m.Apart()}}
		for _, d := range c.Dims {
			if !slices.Contains(structural(c), d) {
				info.free = append(info.free, d)
			}
		}
		for _, d := range structural(c) {
			if slices.Contains(c.Dims, d) || d == c.Level {
				info.held = append(info.held, d)
			}
		}
		if on, _ := settings[c.With].(bool); c.With != "" && !on {
			info.lacks = c.With
		}
		w.curves = append(w.curves, info)
		w.curveDims = added(w.curveDims, slices.Concat(info.free, info.held)...)
	}
}

// checkCurve checks that a curve exists, that its view can draw it, and that each series of the plot is one curve.
func (w *yield) checkCurve(v view, n *node) {
	if !n.ok() || !w.sure {
		return
	}
	var found []curveInfo
	for _, c := range w.curves {
		if n.text == c.metric+"."+c.name || n.text == c.name {
			found = append(found, c)
		}
	}
	switch {
	case len(found) == 0 && len(w.find(n.text)) > 0:
		w.wrong(n, n.at, "%q is a score, and no curve%s", n.text, hint(n.text, "the curves are", w.curveNames(n.text)))
		return
	case len(found) == 0 && len(w.curves) == 0:
		w.wrong(n, n.at, "no metric of the experiment records curves")
		return
	case len(found) == 0:
		w.wrong(n, n.at, "no curve named %q%s", n.text, hint(n.text, "known:", w.curveNames(n.text)))
		return
	}
	recorded := slices.DeleteFunc(slices.Clone(found), func(c curveInfo) bool { return c.lacks != "" })
	if len(recorded) == 0 {
		w.wrong(n, n.at, "%q is not recorded; add %s: true to metrics.%s.with", n.text, found[0].lacks, found[0].metric)
		return
	}
	if !w.curveKinds(v, n, recorded) || !w.viewOK(v) {
		return
	}
	var shown []scoreInfo
	for _, c := range recorded {
		if w.hasKeys(v, c.scoreInfo) {
			shown = append(shown, c.scoreInfo)
		}
	}
	if len(shown) == 0 {
		var all []scoreInfo
		for _, c := range recorded {
			all = append(all, c.scoreInfo)
		}
		w.wrong(n, n.at, "%q has no curve in the plot: it lacks %s", n.text, w.lacking(v, all))
		return
	}
	w.checkApart(v, n, shown, map[string]bool{})
}

// curveKinds reports whether a view can draw curves, and says so when it cannot.
func (w *yield) curveKinds(v view, n *node, recorded []curveInfo) bool {
	draws := map[plugins.Form][]plugins.CurveKind{
		plugins.CurveForm:  {plugins.LineCurve, plugins.StepCurve, plugins.RecallCurve, plugins.BinCurve},
		plugins.PairForm:   {plugins.ScatterCurve},
		plugins.MatrixForm: {plugins.MatrixCurve},
	}
	for _, c := range recorded {
		if slices.Contains(draws[v.form], c.kind) {
			continue
		}
		what := "a line: draw it with a view of curves, such as \"roc\""
		switch c.kind {
		case plugins.MatrixCurve:
			what = "a matrix: draw it with a view of matrices, such as \"heatmap\""
		case plugins.ScatterCurve:
			what = "a set of pairs: draw it with a view of pairs, such as \"scatter\""
		}
		w.wrong(n, n.at, "%q is %s", n.text, what)
		return false
	}
	return true
}

// curveNames lists what could be meant by an address that selects no curve.
func (w *yield) curveNames(address string) []string {
	var out []string
	for _, c := range w.curves {
		out = append(out, c.metric+"."+c.name)
		if !strings.Contains(address, ".") && !slices.Contains(out, c.name) {
			out = append(out, c.name)
		}
	}
	return out
}
