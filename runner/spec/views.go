package spec

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/prepare"
)

// recorded are the names under which the runner itself records scores, with what these are of.
var recorded = map[string]string{plugins.GenerationMetric: "making the rows of a cell", plugins.JudgingMetric: "judging the rows of a cell"}

// checkDims checks that the dimensions of metrics are neither axes nor dimensions that the plugin gives itself.
func (l *loader) checkDims() {
	axes := axisNames(l.axes())
	for _, n := range l.entries("metrics") {
		if what := recorded[n.name()]; what != "" {
			l.rep.add(joinPath(n.path), n.label, "%q is the name of what %s comes to; a metric needs another", n.name(), what)
		}
		own := l.ownDims(n)
		if dims := n.field("dims"); dims.is(cue.StructKind) {
			for _, d := range dims.fields {
				if fault := dimFault(d.name(), axes, own); fault != "" {
					l.wrong(d, d.label, "%s", fault)
				}
			}
		}
		l.checkBy(n, axes, own)
		l.checkGroups(n, axes, own)
	}
}

// checkBy checks that the columns that a metric measures by can be dimensions.
func (l *loader) checkBy(metric *node, axes, own []string) {
	by := metric.field("by")
	if !by.is(cue.ListKind) {
		return
	}
	for i, c := range by.items {
		if !c.ok() {
			continue
		}
		fault := dimFault(c.text, axes, own)
		switch {
		case fault != "":
		case metric.field("dims").field(c.text) != nil:
			fault = fmt.Sprintf("%q is a dimension of dims, too", c.text)
		case names(by.items[:i], c.text):
			fault = fmt.Sprintf("%q is given twice", c.text)
		}
		if fault != "" {
			l.wrong(c, c.at, "%s", fault)
		}
	}
}

// dimFault says why scores cannot have a further dimension of a name; "" when they can.
func dimFault(name string, axes, own []string) string {
	switch {
	case slices.Contains(axes, name):
		return fmt.Sprintf("%q is an axis; a dimension needs another name", name)
	case name == plugins.Weighting:
		return fmt.Sprintf("%q tells how synthetic rows were weighted; a dimension needs another name", name)
	case slices.Contains(own, name):
		return fmt.Sprintf("the metric has a dimension %q of its own", name)
	}
	return ""
}

// ownDims are the dimensions that the scores of a metric have by themselves.
func (l *loader) ownDims(metric *node) []string {
	var dims []string
	if b := l.found.built[indexKey(metric.path)]; b != nil {
		for _, s := range b.info.Scores {
			dims = added(dims, s.Dims...)
		}
		for _, c := range b.info.Curves {
			dims = added(dims, c.Dims...)
			if c.Level != "" {
				dims = added(dims, c.Level)
			}
		}
	}
	return dims
}

// added adds the names that a list lacks.
func added(list []string, more ...string) []string {
	for _, name := range more {
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// view is a table or plot, as far as its cells are concerned.
type view struct {
	node   *node
	part   *node   // of a plot with panels of their own: the panel; else nil
	keys   []*node // axes and dimensions that tell rows, or points and series, apart
	over   []*node // axes and dimensions that are averaged over
	where  *node
	scores []*node
	minus  []*node      // what columns subtract
	wheres []*node      // what they select besides; nil where there are no columns
	own    *node        // that of the column that is looked at
	add    string       // where a further axis could go, besides over and where
	form   plugins.Form // of a plot
	curve  *node        // of a plot that draws one, its address
	whole  bool         // every axis that is not averaged over tells points apart

	// what labels must tell apart: the keys of lines or of places along x, and of series, whatever the score; and that of columns, of one score
	together [][]*node
	apart    *node
}

// room is where a further axis or dimension could go.
func (v *view) room() string {
	if v.add == "" {
		return "over or where"
	}
	return v.add + ", over or where"
}

// selects are the blocks that select cells and dimensions.
func (v *view) selects() []*node {
	var out []*node
	for _, n := range []*node{v.where, v.own} {
		if n != nil {
			out = append(out, n)
		}
	}
	return out
}

// chosen are the selected values of an axis or dimension: those of the narrowest block.
func (v *view) chosen(name string) []*node {
	var out []*node
	for _, n := range v.selects() {
		if values := oneOrMore(n.field(name)); len(out) == 0 || len(values) > 0 && len(values) < len(out) {
			out = values
		}
	}
	return out
}

// checkViews checks that tables and plots refer to what the matrix yields, and that each of their cells is one number.
func (l *loader) checkViews() {
	var views []view
	for _, n := range l.entries("tables") {
		if v, scores := l.tableView(n); scores {
			views = append(views, v)
		}
	}
	for _, n := range l.entries("plots") {
		views = append(views, l.plotViews(n)...)
	}
	for _, section := range []string{"tables", "plots"} {
		l.checkCase(section)
	}
	if len(views)+len(l.entries("tables")) == 0 {
		return
	}
	w := l.yields()
	for _, v := range views {
		w.check(v)
	}
	for _, n := range l.entries("tables") {
		w.checkTable(n)
	}
	for _, n := range l.entries("plots") {
		if w.sure {
			w.checkPlotLabels(n)
		}
	}
}

// checkCase demands names that differ by more than case: files are named after them, and some file systems do not
// tell case.
func (l *loader) checkCase(section string) {
	before := map[string]string{}
	for _, n := range l.entries(section) {
		lower := strings.ToLower(n.name())
		if other, taken := before[lower]; taken {
			l.rep.add(joinPath(n.path), n.label, "%q differs from %q only in case; their files would overwrite each other on some file systems", n.name(), other)
			continue
		}
		before[lower] = n.name()
	}
}

// yield is what the matrix yields: cells, and scores with their dimensions.
type yield struct {
	*loader
	axes      []AxisValues
	scores    []scoreInfo
	curves    []curveInfo
	curveDims []string            // dimensions of curves
	dims      []string            // all dimensions
	declared  map[string][]string // values of the dimensions that metrics declare
	sure      bool                // no mistake keeps an axis, dimension or score from being known
	cells     []cell
}

// scoreInfo is a score of a metric of the experiment.
type scoreInfo struct {
	metric, name string
	better       plugins.Direction
	fixed        map[string]string // dimensions with the one value that the experiment declares
	free         []string          // dimensions that the plugin gives values
	by           []string          // columns that it is measured by, too
	held         []string          // of a curve: dimensions of which one figure holds all values
}

// cell is one cell of the matrix: the numbers of its values by axis, -1 for an axis that it lacks.
type cell struct {
	values []int32
	block  int
	size   string // what decides on a sample size that is counted from a part; "" for one that is given
	world  int    // of what the searches may come to, where it is one of the cells that hang on that; else -1
}

// yields is what the matrix yields, worked out once: checks of the matrix are over when views are looked at.
func (l *loader) yields() *yield {
	if l.yield == nil {
		l.yield = l.newYield()
	}
	return l.yield
}

func (l *loader) newYield() *yield {
	w := &yield{loader: l, axes: l.exp.AllAxes(), declared: map[string][]string{}}
	if w.axis("site") >= 0 {
		stand := []Value{{Text: siteOne}, {Text: siteTwo}, {Text: OtherSites}, {Text: AllSites}}
		w.axes = append(w.axes, AxisValues{Axis: TrainSite, Values: stand}, AxisValues{Axis: TestSite, Values: stand})
	}
	w.sure = l.root.field("matrix").whole() && len(l.subsetNames().maybe) == 0
	for _, section := range []string{"datasets", "features", "strategies", "audits", "metrics", "axes", "matrix"} {
		w.sure = w.sure && l.listed(section)
	}
	for _, m := range l.rep.mistakes {
		w.sure = w.sure && m.Path != "matrix" && !strings.HasPrefix(m.Path, "matrix.")
	}
	for i, n := range l.entries("metrics") {
		b := l.found.built[indexKey(n.path)]
		if b == nil {
			w.sure = false
			continue
		}
		m := l.exp.Metrics[i]
		for _, s := range b.info.Scores {
			w.scores = append(w.scores, scoreInfo{metric: m.Name, name: s.Name, better: s.Better, fixed: m.Dims, free: s.Dims, by: m.Apart()})
			w.addDims(s.Dims...)
		}
		w.addCurves(&m, b)
		w.addDims(m.Apart()...)
		w.declareGroups(&m)
		for d, value := range m.Dims {
			w.addDims(d)
			if !slices.Contains(w.declared[d], value) {
				w.declared[d] = append(w.declared[d], value)
			}
		}
	}
	for _, g := range plugins.GenerationScores() {
		w.scores = append(w.scores, scoreInfo{metric: plugins.GenerationMetric, name: g.Name, better: g.Better, free: g.Dims})
	}
	if l.consults() {
		for _, g := range plugins.JudgingScores() {
			w.scores = append(w.scores, scoreInfo{metric: plugins.JudgingMetric, name: g.Name, better: g.Better, free: g.Dims})
			w.addDims(g.Dims...)
		}
	}
	if len(l.exp.LLMs) > 0 { // groups of equal size come weighted too
		w.addDims(plugins.Weighting)
		w.declared[plugins.Weighting] = []string{plugins.Raw, plugins.PostStratified}
	}
	slices.Sort(w.dims)
	for d := range w.declared {
		slices.Sort(w.declared[d])
	}
	if w.sure {
		w.expand()
	}
	return w
}

func (w *yield) addDims(dims ...string) { w.dims = added(w.dims, dims...) }

// expand lists the cells of all blocks.
func (w *yield) expand() {
	number := make([]map[Value]int32, len(w.axes))
	for i, a := range w.axes {
		number[i] = make(map[Value]int32, len(a.Values))
		for j, v := range a.Values {
			number[i][v] = int32(j)
		}
	}
	add := func(b, world int, in Chosen) {
		w.exp.eachIn(&w.exp.Matrix[b], in, nil, func(at func(axis string) (Value, bool)) {
			c := cell{values: make([]int32, len(w.axes)), block: b, world: world}
			for i, a := range w.axes {
				c.values[i] = -1
				v, ok := at(a.Axis)
				if _, known := number[i][v]; ok && !known { // NoValue, which no block gives
					number[i][v] = int32(len(a.Values))
					w.axes[i].Values = append(a.Values, v)
				}
				if ok {
					c.values[i] = number[i][v]
				}
			}
			site, arranged := at("site")
			if !arranged {
				c.size = w.sizeOf(at, "")
				w.cells = append(w.cells, c)
				return
			}
			train, test := w.axis(TrainSite), w.axis(TestSite)
			a := w.exp.ArrangementOf(site.Text)
			for _, pair := range siteCells(a) {
				c := cell{values: slices.Clone(c.values), block: b, world: world, size: w.sizeOf(at, pair[0]+"/"+pair[1])}
				c.values[train], c.values[test] = number[train][Value{Text: pair[0]}], number[test][Value{Text: pair[1]}]
				w.cells = append(w.cells, c)
			}
		})
	}
	for b := range w.exp.Matrix {
		if !w.exp.searches(&w.exp.Matrix[b]) {
			add(b, -1, nil)
			continue
		}
		for world, in := range w.exp.worlds {
			add(b, world, in)
		}
	}
}

// inWorlds calls f with the cells that there are for each of what the searches may come to together; once where there are no searches.
// f returns whether it has seen enough.
func (w *yield) inWorlds(f func(in Chosen, there func(cell) bool) bool) {
	if len(w.exp.worlds) == 0 {
		f(nil, func(cell) bool { return true })
		return
	}
	for world, in := range w.exp.worlds {
		if f(in, func(c cell) bool { return c.world < 0 || c.world == world }) {
			return
		}
	}
}

// sizeOf is what decides on the sample size of a cell that is counted from a part: where the rows are from, and, in a cell
// of train and test hospitals, those hospitals. It is "" when the size is given.
func (w *yield) sizeOf(at func(axis string) (Value, bool), hospitals string) string {
	n, _ := at("n")
	if n.Kind != PartValue {
		return ""
	}
	dataset, _ := at("dataset")
	d := w.datasetNamed(dataset.Text)
	dropped := d.Prepare.Missing == prepare.Drop
	source, err := json.Marshal([]any{d.Use.Use, d.With, d.Cohort, d.Split, dropped})
	if err != nil {
		panic(fmt.Sprintf("data set %s: %v", d.Name, err)) // it was read from JSON
	}
	site, _ := at("site")
	match := w.exp.ArrangementOf(site.Text).Match
	drawn := match != "" && match != "own" && !dropped // down to one number of train rows
	switch {
	case n.Text == string(plugins.Test): // of all hospitals in every cell
		return string(source)
	case n.Text == string(plugins.Train) && drawn:
		return string(source) + match
	}
	return string(source) + hospitals
}

// decidedByData reports whether the values of an axis are not known before the data have been split.
func decidedByData(axis string) bool { return axis == TrainSite || axis == TestSite }

// eachIn calls f with each cell of a block that is not left out, then with those that are included, all of them settled. A cell with a
// value that a search chooses comes with what the searches came to or, where that is nil, once for each value that it may choose. wanted
// says of a cell as it is written whether it is looked at; nil: all are.
func (e *Experiment) eachIn(b *Block, in Chosen, wanted func(written Assignment) bool, f func(at func(axis string) (Value, bool))) {
	var now Assignment
	at := func(axis string) (Value, bool) { v, ok := now[axis]; return v, ok }
	e.eachWritten(b, func(written Assignment) {
		if wanted != nil && !wanted(written) {
			return
		}
		e.put(written, in, func(cell Assignment) {
			for _, one := range e.withArmsOf(written, cell) {
				if now = e.settled(b, one); !e.leftOut(b, now, written) {
					f(at)
				}
			}
		})
	})
}

// eachWritten calls f with each cell of a block as the file gives it, those of include last. f must not keep the cell.
func (e *Experiment) eachWritten(b *Block, f func(cell Assignment)) {
	groups := e.withArms(b.groups())
	wheel := make([]int, len(groups))
	turning := make(Assignment, len(b.Axes))
	for done := len(groups) == 0; !done; {
		for g, group := range groups {
			for _, a := range group {
				turning[a.Axis] = a.Values[wheel[g]]
			}
		}
		f(turning)
		done = true
		for g := len(groups) - 1; g >= 0 && done; g-- {
			wheel[g]++
			if wheel[g] < len(groups[g][0].Values) {
				done = false
			} else {
				wheel[g] = 0
			}
		}
	}
	for _, cell := range b.Include {
		f(cell)
		for _, arm := range e.Arms(cell["audit"].Text) {
			beside := maps.Clone(cell)
			beside["audit"] = Value{Text: arm}
			f(beside)
		}
	}
}

// withArmsOf are a cell and the arms beside its audit, where a search chose that: the others are written out.
func (e *Experiment) withArmsOf(written, cell Assignment) []Assignment {
	out := []Assignment{cell}
	if written["audit"] == cell["audit"] {
		return out
	}
	for _, arm := range e.Arms(cell["audit"].Text) {
		beside := maps.Clone(cell)
		beside["audit"] = Value{Text: arm}
		out = append(out, beside)
	}
	return out
}

// matches reports whether an exclude leaves out a cell, by the values that it has or, of those that searches choose, as they are written.
func (x Exclude) matches(cell, written map[string]Value) bool {
	for axis, values := range x.Match {
		v, ok := cell[axis]
		if _, chosen := written[axis].Searched(); !ok || !slices.Contains(values, v) && !(chosen && slices.Contains(values, written[axis])) {
			return false
		}
	}
	return true
}

// axis returns the number of an axis, or -1.
func (w *yield) axis(name string) int {
	return slices.IndexFunc(w.axes, func(a AxisValues) bool { return a.Axis == name })
}

// numberOf returns the number of a value of an axis, or -1; "-" is the value of cells that the axis does not concern.
func (w *yield) numberOf(axis int, v Value) int {
	values := w.axes[axis].Values
	at := slices.Index(values, v)
	if at < 0 && v == (Value{Text: Value{Kind: NoValue}.String()}) {
		at = slices.Index(values, Value{Kind: NoValue})
	}
	return at
}

// check checks one table or plot.
func (w *yield) check(v view) {
	if v.curve != nil { // what scores lack, such a plot may select by
		ofScores := w.dims
		defer func() { w.dims = ofScores }()
		w.dims = added(slices.Clone(ofScores), w.curveDims...)
	}
	seen := map[string]bool{}
	for _, n := range append(slices.Clone(v.keys), v.over...) {
		if !n.ok() {
			continue
		}
		if w.axis(n.text) < 0 && !slices.Contains(w.dims, n.text) {
			if known := append(w.axisList(), w.dims...); w.sure && slices.Equal(n.path, v.node.path) { // what is ranked unless of says otherwise
				w.wrong(n, n.at, "ranks the values of %q unless of names another axis or dimension, and no score has that; known: %s", n.text, quoteAll(known))
			} else if w.sure {
				w.wrong(n, n.at, "no axis or dimension named %q%s", n.text, hint(n.text, "known:", known))
			}
		} else if seen[n.text] {
			w.wrong(n, n.at, "%q is given twice", n.text)
		}
		seen[n.text] = true
	}
	w.checkWhere(v.where)
	for _, n := range v.wheres {
		w.checkWhere(n)
	}
	for _, m := range v.minus {
		w.checkMinus(m)
		w.checkAveraged(v, m)
	}
	reported := map[string]bool{}
	for i, s := range v.scores {
		if v.wheres != nil {
			v.own = v.wheres[i]
		}
		w.checkScore(v, s, reported)
	}
	if v.curve != nil {
		w.checkCurve(v, v.curve)
	}
	w.checkSelected(&v)
	w.checkAlike(&v)
}

// checkSelected warns of scores of a view that select no cell.
func (w *yield) checkSelected(v *view) {
	var empty []*node
	for i, n := range v.scores {
		one := *v
		if v.wheres != nil {
			one.own = v.wheres[i]
		}
		found := w.find(text(n))
		if len(found) == 0 || !w.viewOK(one) {
			return // it was told
		}
		if !w.selects(&one, found) {
			empty = append(empty, n)
		}
	}
	if len(empty) > 0 && len(empty) == len(v.scores) {
		at := v.node
		if v.part != nil {
			at = v.part
		}
		w.rep.warn(joinPath(at.path), at.label, "no cell of the matrix that is rated by its scores has what it selects: there will be no value")
		return
	}
	for _, n := range empty {
		w.rep.warn(joinPath(n.path), n.at, "no cell of the matrix that is rated by %q has what is selected: there will be no value", n.text)
	}
}

// selects reports whether a view selects a cell that is rated by one of some scores, whatever the searches may come to.
func (w *yield) selects(v *view, found []scoreInfo) bool {
	some := false
	w.inWorlds(func(in Chosen, there func(cell) bool) bool {
		selected := w.selection(v.selects(), in)
		some = slices.ContainsFunc(w.cells, func(c cell) bool {
			return there(c) && selected(c) && slices.ContainsFunc(found, func(s scoreInfo) bool { return w.exp.Matrix[c.block].measures(s.metric) })
		})
		return some
	})
	return some
}

func (w *yield) axisList() []string {
	names := make([]string, len(w.axes))
	for i, a := range w.axes {
		names[i] = a.Axis
	}
	return names
}

// checkWhere checks that a selection names axes and dimensions, and values that they have.
func (w *yield) checkWhere(n *node) {
	if !n.is(cue.StructKind) || !w.sure {
		return
	}
	for _, f := range n.fields {
		i := w.axis(f.name())
		if i < 0 && !slices.Contains(w.dims, f.name()) {
			w.wrong(f, f.label, "no axis or dimension named %q%s", f.name(), hint(f.name(), "known:", append(w.axisList(), w.dims...)))
			continue
		}
		w.demandsOne(f)
		for _, e := range oneOrMore(f) {
			if !e.ok() {
				continue
			}
			v := value(e)
			if w.isSearch(e, f.name()) {
				continue
			}
			switch {
			case v.Kind == PartValue:
				w.wrong(e, e.at, "how many rows a part has is not known before the data are read, so that it selects no cell; select by other axes")
			case i >= 0 && decidedByData(f.name()):
			case i >= 0 && w.numberOf(i, v) < 0:
				var known []string
				for _, x := range w.axes[i].Values {
					known = append(known, x.String())
				}
				w.wrong(e, e.at, "axis %q has no value %s%s", f.name(), v.quoted(), hint(v.String(), "it has", known))
			case f.name() == plugins.AuditDim && i < 0 && !slices.Contains(w.auditors(), v.Text):
				w.wrong(e, e.at, "dimension %q has no value %s%s", f.name(), v.quoted(), hint(v.Text, "it has", w.auditors()))
			case i < 0 && w.declared[f.name()] != nil && !w.gives(f.name()) && !slices.Contains(w.declared[f.name()], v.Text):
				w.wrong(e, e.at, "dimension %q has no value %s%s", f.name(), v.quoted(), hint(v.Text, "it has", w.declared[f.name()]))
			}
		}
	}
}

// demandsOne refuses an empty list of values, which would select nothing, or all.
func (c *checker) demandsOne(f *node) {
	if f.is(cue.ListKind) && len(f.items) == 0 && !f.part {
		c.wrong(f, f.at, "must have at least one value; without the field, there may be any")
	}
}

// checkMinus checks what is subtracted: one value of each axis that it names.
func (w *yield) checkMinus(n *node) {
	if !n.is(cue.StructKind) {
		return
	}
	if len(n.fields) == 0 && !n.part {
		w.wrong(n, n.at, "must name an axis with a value, such as site: \"each\"")
	}
	for _, f := range n.fields {
		switch i := w.axis(f.name()); {
		case !w.sure:
		case i < 0:
			w.wrong(f, f.label, "no axis named %q%s", f.name(), hint(f.name(), "known:", w.axisList()))
		case !f.ok():
		case f.kind == cue.ListKind || f.kind == cue.StructKind:
			w.wrong(f, f.at, "must be one value, not %s", kindWords(f.kind))
		case w.isSearch(f, f.name()):
		case !decidedByData(f.name()) && w.numberOf(i, value(f)) < 0:
			var known []string
			for _, x := range w.axes[i].Values {
				known = append(known, x.String())
			}
			w.wrong(f, f.at, "axis %q has no value %s%s", f.name(), value(f).quoted(), hint(value(f).String(), "it has", known))
		}
	}
}

// checkAveraged refuses an average over an axis of minus that holds what is subtracted: differences would be averaged with
// plain scores.
func (w *yield) checkAveraged(v view, minus *node) {
	if !minus.is(cue.StructKind) || !w.sure {
		return
	}
	for _, f := range minus.fields {
		if !f.ok() || !names(v.over, f.name()) {
			continue
		}
		among := oneOrMore(v.where.field(f.name()))
		if len(among) == 0 || slices.ContainsFunc(among, func(e *node) bool { return e.ok() && value(e) == value(f) }) {
			w.wrong(f, f.label, "over averages %q, so that what is subtracted would be averaged with the differences to it; add %q to rows, or leave %s out with where",
				f.name(), f.name(), value(f).quoted())
		}
	}
}

// gives reports whether a plugin gives values of a dimension, which are not known before it runs.
func (w *yield) gives(dim string) bool {
	return slices.ContainsFunc(w.scores, func(s scoreInfo) bool { return slices.Contains(s.free, dim) })
}

// checkScore checks that a score exists, and that each cell of the view holds one value of it.
func (w *yield) checkScore(v view, n *node, reported map[string]bool) {
	if !n.ok() || !w.sure && !w.scoreKnown(n.text) {
		return
	}
	found := w.find(n.text)
	if len(found) == 0 {
		w.wrong(n, n.at, "no score named %q%s", n.text, hint(n.text, "known:", w.addresses(n.text)))
		return
	}
	if !w.viewOK(v) {
		return
	}
	shown := slices.DeleteFunc(slices.Clone(found), func(s scoreInfo) bool { return !w.hasKeys(v, s) })
	if len(shown) == 0 {
		w.wrong(n, n.at, "%q has no value in any row: it lacks %s", n.text, w.lacking(v, found))
		return
	}
	w.checkApart(v, n, shown, reported)
}

// checkApart checks that each place in a view holds one of the scores, or curves, of an address.
func (w *yield) checkApart(v view, n *node, shown []scoreInfo, reported map[string]bool) {
	each, several := v.open(shown)
	if len(each) > 0 {
		w.wrong(n, n.at, "%q has a value for each %s; add %s to %s", n.text, quoteAll(each), quoteAll(each), v.room())
	}
	for _, d := range several {
		w.wrong(n, n.at, "%q has a value for each %q, of which %d are selected; add %q to %s, or select one", n.text, d, len(v.chosen(d)), d, v.add)
	}
	if len(each)+len(several) > 0 {
		return
	}
	if a, b, ok := w.meet(v, shown); ok {
		w.wrong(n, n.at, "%q is given by %q and %q in one place; write %q, or add a dimension that tells them apart to %s",
			n.text, a.metric, b.metric, a.metric+"."+a.name, v.room())
		return
	}
	for _, s := range shown {
		w.ambiguous(v, s, reported)
	}
}

// open returns the dimensions of scores that would put several values in one place: those that scores have one for each value of, and
// those that they have one value without, of which the view selects several.
func (v *view) open(shown []scoreInfo) (each, several []string) {
	shared := func(d string) bool { return !names(v.keys, d) && !names(v.over, d) }
	for _, s := range shown {
		for _, d := range s.free {
			if shared(d) && len(v.chosen(d)) != 1 {
				each = added(each, d)
			}
		}
		for _, d := range append(slices.Clone(s.by), plugins.Weighting) {
			if shared(d) && len(v.chosen(d)) > 1 {
				several = added(several, d)
			}
		}
	}
	return each, several
}

func (w *yield) scoreKnown(address string) bool { return len(w.find(address)) > 0 }

// viewOK reports whether the keys and selection of a view are right.
func (w *yield) viewOK(v view) bool {
	ok := w.sure && !slices.ContainsFunc(v.selects(), func(n *node) bool { return !n.whole() })
	for _, name := range []string{"rows", "across", "over", "x", "series", "panels", "values", "points"} { // what is wrong in these tells nothing apart
		f := v.node.field(name)
		ok = ok && (f == nil || f.whole())
	}
	for _, n := range append(slices.Clone(v.keys), v.over...) {
		ok = ok && n.ok()
	}
	return ok
}

// find returns the scores that an address selects: "metric.score", or a score of all metrics.
func (w *yield) find(address string) []scoreInfo {
	var found []scoreInfo
	for _, s := range w.scores {
		if s.metric+"."+s.name == address {
			return []scoreInfo{s}
		}
		if s.name == address {
			found = append(found, s)
		}
	}
	return found
}

// addresses lists what could be meant by an address that selects nothing: the scores of the metric that it names first.
func (w *yield) addresses(address string) []string {
	var own, out []string
	metric, _, whole := strings.Cut(address, ".")
	for _, s := range w.scores {
		if whole && s.metric == metric {
			own = append(own, s.metric+"."+s.name)
			continue
		}
		out = append(out, s.metric+"."+s.name)
		if !whole && !slices.Contains(out, s.name) {
			out = append(out, s.name)
		}
	}
	return append(own, out...)
}

func names(list []*node, name string) bool {
	return slices.ContainsFunc(list, func(n *node) bool { return n.ok() && n.text == name })
}

// demand is a dimension that a view needs of a score, to tell rows apart or to select by.
type demand struct {
	dim    string
	values *node // which of its values are selected; nil: any
}

// demands are those of a view, axes aside, which every score has.
func (w *yield) demands(v view) []demand {
	var out []demand
	for _, n := range v.keys {
		if w.axis(n.text) < 0 {
			out = append(out, demand{dim: n.text})
		}
	}
	for _, n := range v.selects() {
		for _, f := range n.fields {
			if w.axis(f.name()) < 0 {
				out = append(out, demand{f.name(), f})
			}
		}
	}
	return out
}

// met reports whether a score has the dimension, and can have one of the selected values.
func (d demand) met(s scoreInfo) bool {
	fixed, ok := s.fixed[d.dim]
	return s.has(d.dim) && (d.values == nil || !ok || slices.Contains(texts(d.values), fixed))
}

// hasKeys reports whether a score has every dimension that tells rows apart or is selected by, and the selected values.
func (w *yield) hasKeys(v view, s scoreInfo) bool {
	return !slices.ContainsFunc(w.demands(v), func(d demand) bool { return !d.met(s) })
}

func (s scoreInfo) has(dim string) bool {
	_, fixed := s.fixed[dim]
	// what names no weighting is raw, and what names no group is of everyone
	return fixed || slices.Contains(s.free, dim) || slices.Contains(s.by, dim) || slices.Contains(s.held, dim) || dim == plugins.Weighting
}

// lacking says what keeps scores of one address out of a view: a demand that none of them meets or, where each meets some, the first
// that the first of them does not.
func (w *yield) lacking(v view, found []scoreInfo) string {
	demands := w.demands(v)
	for _, d := range demands {
		if !slices.ContainsFunc(found, d.met) {
			return d.unmet(found)
		}
	}
	i := slices.IndexFunc(demands, func(d demand) bool { return !d.met(found[0]) })
	return fmt.Sprintf("%s, as given by metric %q, and no other metric has all that the view asks for", demands[i].unmet(found[:1]), found[0].metric)
}

// unmet says what of a demand scores lack, and where it is written.
func (d demand) unmet(found []scoreInfo) string {
	if d.values == nil {
		return fmt.Sprintf("the dimension %q", d.dim)
	}
	at := joinPath(d.values.path)
	var have []string
	for _, s := range found {
		if fixed, ok := s.fixed[d.dim]; ok {
			have = added(have, fixed)
		}
	}
	if len(have) == 0 {
		return fmt.Sprintf("the dimension %q, which %s selects by", d.dim, at)
	}
	return fmt.Sprintf("the %s %s, which %s selects; it has %s", d.dim, quoteAll(texts(d.values)), at, quoteAll(have))
}

// meet returns two scores of one address that share a place in a view.
func (w *yield) meet(v view, shown []scoreInfo) (a, b scoreInfo, ok bool) {
	for i, a := range shown {
		for _, b := range shown[i+1:] {
			if !w.apart(v, a, b) && w.together(a.metric, b.metric) {
				return a, b, true
			}
		}
	}
	return scoreInfo{}, scoreInfo{}, false
}

// apart reports whether a dimension that two metrics declare differently tells them apart, or is averaged over.
func (w *yield) apart(v view, a, b scoreInfo) bool {
	for _, n := range append(slices.Clone(v.keys), v.over...) {
		x, inA := a.fixed[n.text]
		y, inB := b.fixed[n.text]
		if inA && inB && x != y {
			return true
		}
	}
	// metrics of single columns are of number columns or of category columns; that they are of the same is seen when they are drawn
	return v.curve != nil && slices.Contains(a.free, plugins.ColumnDim) && slices.Contains(b.free, plugins.ColumnDim)
}

// together reports whether a block measures both metrics.
func (w *yield) together(a, b string) bool {
	return slices.ContainsFunc(w.exp.Matrix, func(x Block) bool { return x.measures(a) && x.measures(b) })
}

// Measures reports whether the cells of a block are rated by a metric.
func (b *Block) Measures(metric string) bool { return b.measures(metric) }

func (b *Block) measures(metric string) bool {
	return len(b.Metrics) == 0 || slices.Contains(b.Metrics, metric) || recorded[metric] != ""
}

// ambiguous reports the axes of which a place in a view holds several values.
func (w *yield) ambiguous(v view, s scoreInfo, reported map[string]bool) {
	var keys, free []int
	for i, a := range w.axes {
		switch {
		case names(v.keys, a.Axis):
			keys = append(keys, i)
		case !names(v.over, a.Axis) && !v.whole:
			free = append(free, i)
		}
	}
	ever := w.selection(v.selects(), nil)
	var cells []cell // that are selected whatever searches come to: few of all
	for _, c := range w.cells {
		if w.exp.Matrix[c.block].measures(s.metric) && ever(c) {
			cells = append(cells, c)
		}
	}
	w.inWorlds(func(in Chosen, there func(cell) bool) bool {
		selected := w.selection(v.selects(), in)
		first := map[string]cell{}
		var key []byte
		for _, c := range cells {
			if !there(c) || !selected(c) {
				continue
			}
			key = key[:0]
			for _, i := range keys {
				x := c.values[i]
				key = append(key, byte(x), byte(x>>8), byte(x>>16), byte(x>>24))
			}
			if before, seen := first[string(key)]; seen {
				w.clash(v, before, c, free, reported)
			} else {
				first[string(key)] = c
			}
		}
		return false
	})
}

// clash reports the axes in which two cells in one place differ.
func (w *yield) clash(v view, before, c cell, free []int, reported map[string]bool) {
	for _, i := range free {
		name := w.axes[i].Axis
		switch {
		case reported[name]:
			continue
		case before.values[i] != c.values[i]:
			w.rep.add(joinPath(v.node.path), v.node.label, "axis %q has several values in one place; add it to %s", name, v.room())
		case name == "n" && before.size != c.size:
			w.rep.add(joinPath(v.node.path), v.node.label,
				"axis %q is counted from a part of the data, so that it has several values in one place; add it to %s or over", name, v.add)
		default:
			continue
		}
		reported[name] = true
	}
}

// isSearch reports whether a value of an axis stands for what a search chooses of it, and what is wrong with one that does not.
func (w *yield) isSearch(n *node, of string) bool {
	name, is := value(n).Searched()
	if at := w.axis(of); !is || at < 0 || len(w.exp.Best) == 0 || w.numberOf(at, value(n)) >= 0 {
		return false
	}
	w.axisSearch(n, &axis{name: of}, name)
	return true
}

// selection returns whether a cell has the values that all blocks of a view select; in is what the searches came to. Where it is nil, values
// that a search chooses are any.
func (w *yield) selection(selects []*node, in Chosen) func(cell) bool {
	type wanted struct {
		axis   int
		values []int32
	}
	var want []wanted
	for _, where := range selects {
		if !where.is(cue.StructKind) {
			continue
		}
		for _, f := range where.fields {
			i := w.axis(f.name())
			if i < 0 {
				continue
			}
			one := wanted{axis: i}
			values := oneOrMore(f)
			if in == nil && slices.ContainsFunc(values, func(e *node) bool { _, is := value(e).Searched(); return is }) {
				continue
			}
			for k, e := range values {
				v, _ := w.exp.Value(f.name(), value(e), in)
				at := w.numberOf(i, v)
				if at < 0 && decidedByData(f.name()) {
					at = min(k, 1) // a stand-in for the named hospital
				}
				one.values = append(one.values, int32(at))
			}
			want = append(want, one)
		}
	}
	return func(c cell) bool {
		return !slices.ContainsFunc(want, func(w wanted) bool { return !slices.Contains(w.values, c.values[w.axis]) })
	}
}
