package spec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"

	"github.com/ehrlab/ehrlab/plugins"
)

// axis is what a block may give values of.
type axis struct {
	name  string
	names known // of the values, when they are names
	kind  axisKind
}

type axisKind uint8

const (
	namesAxis axisKind = iota // values are names of entries
	sizeAxis                  // n
	seedAxis
	extraAxis // declared under axes
)

// filled are the axes that a block may leave out when there is one value, in the order that they are filled in.
var filled = []string{"dataset", "site", "features", "strategy", "llm", "audit"}

// axes lists the axes that blocks may use.
func (l *loader) axes() []axis {
	all := []axis{
		{name: "dataset", names: l.sectionNames("datasets")},
		{name: "site", names: l.siteNames()},
		{name: "features", names: l.subsetNames()},
		{name: "strategy", names: l.sectionNames("strategies")},
		{name: "llm", names: l.sectionNames("llms")},
		{name: "audit", names: l.auditNames()},
		{name: "n", kind: sizeAxis},
		{name: "seed", kind: seedAxis},
	}
	for _, n := range l.entries("axes") {
		if !slices.ContainsFunc(all, func(a axis) bool { return a.name == n.name() }) {
			all = append(all, axis{name: n.name(), kind: extraAxis})
		}
	}
	return all
}

func axisNames(all []axis) []string {
	names := make([]string, len(all))
	for i, a := range all {
		names[i] = a.name
	}
	return names
}

func findAxis(all []axis, name string) *axis {
	for i := range all {
		if all[i].name == name {
			return &all[i]
		}
	}
	return nil
}

// siteNames are the arrangements of hospitals: the built-in ones, then the declared ones.
func (l *loader) siteNames() known {
	k := l.sectionNames("sites")
	k.names = append(builtInSites(), k.names...)
	return k
}

// notAxes are the fields of a block that are no axes.
var notAxes = []string{"zip", "include", "exclude", "metrics"}

// inBlocks are fields of a block that a section may be taken for, with an example.
var inBlocks = map[string]string{
	"exclude": `[{strategy: "NAME", n: 500, reason: "why these cells are left out"}]`,
	"include": `[{strategy: "NAME", n: 500, seed: 1}]`,
	"zip":     `[["strategy", "features"]]`,
	"n":       "[500]",
	"seed":    "[1, 2, 3]",
}

// checkMatrix decodes the blocks and checks them.
func (l *loader) checkMatrix() {
	l.checkSubsets()
	all := l.axes()
	list := l.root.field("matrix")
	if !list.is(cue.ListKind) {
		return
	}
	if len(list.items) == 0 && !list.part {
		l.wrong(list, list.at, "must have at least one block")
	}
	cells := 0.0
	for _, n := range list.items {
		b := Block{}
		if n.is(cue.StructKind) {
			b = l.block(n, all)
		}
		l.exp.Matrix = append(l.exp.Matrix, b) // empty when wrong, so that numbers stay right
		if cells += l.exp.size(&b); cells > maxCells {
			l.wrong(n, n.at, "the matrix has more than %d cells", maxCells)
			l.exp.Matrix[len(l.exp.Matrix)-1] = Block{}
			cells -= l.exp.size(&b)
		}
	}
	l.exp.settleSearches()
	for i, n := range list.items {
		if n.is(cue.StructKind) {
			l.checkExtra(n, &l.exp.Matrix[i])
		}
	}
	if list.whole() && len(list.items) > 0 && !slices.ContainsFunc(l.exp.Matrix, func(b Block) bool { return l.leavesCell(&b) }) {
		l.wrong(list, list.label, "the matrix leaves no cell: every one is excluded")
	}
}

// maxCells bounds what a matrix may expand to: ten times the largest study that the figures of the design name.
const maxCells = 1_000_000

// checkSubsets demands that no two feature sets offer a subset of the same name.
func (l *loader) checkSubsets() {
	owner := map[string]string{}
	for _, n := range l.entries("features") {
		suffixes, _ := l.subsets(n)
		for _, suffix := range suffixes {
			name := n.name() + suffix
			if before, taken := owner[name]; taken {
				l.rep.add(joinPath(n.path), n.label, "offers a subset %q, as %q does", name, before)
			}
			owner[name] = n.name()
		}
	}
}

// block decodes one block and completes its axes.
func (l *loader) block(n *node, all []axis) Block {
	var b Block
	for _, f := range n.fields {
		if slices.Contains(notAxes, f.name()) {
			continue
		}
		a := findAxis(all, f.name())
		if a == nil {
			if l.listed("axes") {
				fields := append(axisNames(all), notAxes...)
				suggestion := didYouMean(f.name(), fields)
				if suggestion == "" {
					suggestion = fmt.Sprintf("; declare a further axis under axes, such as axes: %s: sets: \"strategies.*.with.FIELD\", or use one of %s", f.name(), quoteAll(fields))
				}
				l.wrong(f, f.label, "no such field%s", suggestion)
			}
			continue
		}
		if values := l.axisValues(f, a); len(values) > 0 {
			b.Axes = append(b.Axes, AxisValues{Axis: a.name, Values: values})
		}
	}
	l.fillAxes(n, &b, all)
	l.blockMetrics(n, &b)
	l.zip(n, &b)
	l.include(n, &b, all)
	l.exclude(n, &b, all)
	return b
}

// axisValues decodes the values of an axis of a block.
func (l *loader) axisValues(n *node, a *axis) []Value {
	if !n.ok() {
		return nil
	}
	if n.kind != cue.ListKind {
		l.wrong(n, n.at, "must be a list, not %s", kindWords(n.kind))
		return nil
	}
	if len(n.items) == 0 && !n.part {
		l.wrong(n, n.at, "must have at least one value")
		return nil
	}
	var values []Value
	for _, e := range n.items {
		v, ok := l.axisValue(e, a)
		if !ok {
			continue
		}
		if slices.Contains(values, v) {
			l.wrong(e, e.at, "%s is given twice", v.quoted())
			continue
		}
		values = append(values, v)
	}
	return values
}

// axisValue decodes one value of an axis; false when it is wrong.
func (l *loader) axisValue(n *node, a *axis) (Value, bool) {
	if !n.whole() {
		return Value{}, false
	}
	v := value(n)
	if name, of := v.Searched(); of && (a.kind != extraAxis || l.exp.SearchNamed(name) != nil) && !a.names.has(v.Text) {
		return v, l.axisSearch(n, a, name)
	}
	switch a.kind {
	case namesAxis:
		if n.kind != cue.StringKind {
			l.wrong(n, n.at, "must be a text, not %s", kindWords(n.kind))
			return v, false
		}
		if audit, arm := l.exp.Audit(v.Text); a.name == "audit" && arm != "" && !a.names.has(v.Text) {
			l.wrong(n, n.at, "%q %s", v.Text, whyNoArm(audit, arm))
			return v, false
		}
		if !a.names.may(v.Text) {
			l.wrong(n, n.at, "no %s named %q%s", axisWords(a.name), v.Text, hint(v.Text, "known:", a.names.names))
			return v, false
		}
		return v, a.names.has(v.Text)
	case sizeAxis, seedAxis:
		if n.kind&(cue.IntKind|cue.StructKind) == 0 {
			rows := ""
			if a.kind == sizeAxis {
				rows = " or {rows: …}"
			}
			l.wrong(n, n.at, "must be a whole number%s, not %s", rows, kindWords(n.kind))
			return v, false
		}
	case extraAxis:
		if n.kind&(cue.StringKind|cue.NumberKind|cue.BoolKind) == 0 {
			l.wrong(n, n.at, "must be a text, a number or true or false, not %s", kindWords(n.kind))
			return v, false
		}
	}
	if n.kind == cue.IntKind && !exact(n.text) {
		l.wrong(n, n.at, "must be ≤ %d, not %s", int64(maxExact), n.text)
		return v, false
	}
	return v, true
}

func axisWords(axis string) string {
	switch axis {
	case "dataset":
		return "data set"
	case "features":
		return "feature subset"
	case "site":
		return "arrangement of sites"
	}
	return axis
}

// quoted is the value as it stands in an experiment file.
func (v Value) quoted() string {
	if v.Kind == TextValue {
		return strconv.Quote(v.Text)
	}
	if v.Kind == PartValue {
		return fmt.Sprintf("{rows: %q}", v.Text)
	}
	return v.String()
}

// values returns the values of an axis in a block.
func (b *Block) values(axis string) []Value {
	for _, a := range b.Axes {
		if a.Axis == axis {
			return a.Values
		}
	}
	return nil
}

func (b *Block) has(axis string) bool { return b.values(axis) != nil }

// fillAxes puts the axes that a block leaves out in front, and reports those that it must give.
func (l *loader) fillAxes(n *node, b *Block, all []axis) {
	var front []AxisValues
	for _, name := range filled {
		if n.written(name) || name == "llm" && !l.needsLLM(n, b) {
			continue
		}
		if off := map[string]string{"site": AllSites, "audit": AuditOff}[name]; off != "" { // what it is where no block says otherwise
			if l.usesAxis(name) {
				front = append(front, AxisValues{Axis: name, Values: []Value{{Text: off}}})
			}
			continue
		}
		v, ok := l.only(n, findAxis(all, name), b)
		if ok {
			front = append(front, AxisValues{Axis: name, Values: []Value{v}})
		}
	}
	b.Axes = append(front, b.Axes...)
	for _, name := range []string{"n", "seed"} {
		if !n.written(name) && !n.part {
			n.lacks = true
			l.rep.add(joinPath(n.below(name)), n.label, "missing; it must be a list")
		}
	}
}

// written reports whether a block has a field, right or wrong.
func (n *node) written(name string) bool {
	return slices.ContainsFunc(n.fields, func(f *node) bool { return f.name() == name })
}

// needsLLM reports whether a strategy of a block leaves its model to the llm axis, or one of a cell of include that names none.
func (l *loader) needsLLM(n *node, b *Block) bool {
	for _, s := range l.exp.Strategies {
		if s.LLM == "" {
			continue
		}
		lacks := func(cell *node) bool {
			return !cell.written("llm") && l.exp.couldBe("strategy", []Value{value(cell.field("strategy"))}, Value{Text: s.Name})
		}
		if !b.has("strategy") || l.exp.couldBe("strategy", b.values("strategy"), Value{Text: s.Name}) || slices.ContainsFunc(oneOrMore(n.field("include")), lacks) {
			return true
		}
	}
	return false
}

// only returns the one value that there is of an axis that a block leaves out.
func (l *loader) only(n *node, a *axis, b *Block) (Value, bool) {
	if !a.names.all || len(a.names.maybe) > 0 {
		return Value{}, false
	}
	switch len(a.names.names) {
	case 0:
		if a.name == "llm" {
			n.lacks = true
			l.rep.add(joinPath(n.below("llm")), n.label, "missing; a strategy of the block needs an llm, and llms declares none")
		}
		return Value{}, false
	case 1:
		return Value{Text: a.names.names[0]}, true
	}
	if !n.part {
		n.lacks = true
		l.rep.add(joinPath(n.below(a.name)), n.label, "missing; there are several to choose from: %s", someOf(a.names.names))
	}
	return Value{}, false
}

// someOf quotes names, the first dozen of many.
func someOf(names []string) string {
	const most = 12
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", quoteAll(names[:most]), len(names)-most)
	}
	return quoteAll(names)
}

func (l *loader) blockMetrics(n *node, b *Block) {
	f := n.field("metrics")
	if !f.is(cue.ListKind) {
		return
	}
	if len(f.items) == 0 && !f.part {
		l.wrong(f, f.at, "must have at least one metric; leave it out for all of them")
	}
	metrics := l.sectionNames("metrics")
	for _, e := range f.items {
		switch {
		case !e.ok():
		case !metrics.may(e.text):
			l.wrong(e, e.at, "no metric named %q%s", e.text, hint(e.text, "known:", metrics.names))
		case slices.Contains(b.Metrics, e.text):
			l.wrong(e, e.at, "%q is given twice", e.text)
		default:
			b.Metrics = append(b.Metrics, e.text)
		}
	}
}

// zip decodes the groups of axes that advance together.
func (l *loader) zip(n *node, b *Block) {
	f := n.field("zip")
	if !f.is(cue.ListKind) {
		return
	}
	used := map[string]bool{}
	for _, group := range f.items {
		if !group.is(cue.ListKind) {
			continue
		}
		axes := l.zipNames(n, b, group, used)
		switch {
		case !group.whole():
		case len(axes) < 2:
			l.wrong(group, group.at, "must have at least 2 axes, not %d", len(axes))
		case l.zipFits(n, b, group, axes):
			b.Zip = append(b.Zip, axes)
		}
	}
}

// zipNames are the axes of one group, each in the block and in no other group.
func (l *loader) zipNames(n *node, b *Block, group *node, used map[string]bool) []string {
	var axes []string
	for _, e := range group.items {
		switch {
		case !e.ok():
		case !b.has(e.text) && !n.written(e.text), slices.Contains(notAxes, e.text):
			l.wrong(e, e.at, "the block has no axis %q%s", e.text, didYouMean(e.text, blockAxes(b)))
		case used[e.text]:
			l.wrong(e, e.at, "axis %q is zipped twice", e.text)
		default:
			used[e.text] = true
			axes = append(axes, e.text)
		}
	}
	return axes
}

// zipFits reports whether the axes of a group have equally many values, all of them right.
func (l *loader) zipFits(n *node, b *Block, group *node, axes []string) bool {
	same := true
	var lengths []string
	for _, a := range axes {
		if !b.has(a) || n.written(a) && !n.field(a).whole() {
			return false // as was reported
		}
		same = same && len(b.values(a)) == len(b.values(axes[0]))
		lengths = append(lengths, fmt.Sprintf("%s has %d", a, len(b.values(a))))
	}
	if !same {
		l.wrong(group, group.at, "zipped axes must have equally many values: %s", strings.Join(lengths, ", "))
	}
	return same
}

func blockAxes(b *Block) []string {
	names := make([]string, len(b.Axes))
	for i, a := range b.Axes {
		names[i] = a.Axis
	}
	return names
}

// include decodes further cells.
func (l *loader) include(n *node, b *Block, all []axis) {
	f := n.field("include")
	if !f.is(cue.ListKind) {
		return
	}
	for _, cell := range f.items {
		if !cell.is(cue.StructKind) {
			continue
		}
		assignment := l.assignment(cell, all)
		l.completeCell(cell, b, assignment)
		if cell.whole() {
			b.Include = append(b.Include, assignment)
		}
	}
}

// assignment decodes a cell that names one value of some axes.
func (l *loader) assignment(cell *node, all []axis) Assignment {
	out := Assignment{}
	for _, v := range cell.fields {
		a := l.namedAxis(v, all)
		if a == nil {
			continue
		}
		if x, ok := l.axisValue(v, a); ok {
			out[a.name] = x
		}
	}
	return out
}

// namedAxis returns the axis that a field is named after; nil, and a mistake, when there is none.
func (l *loader) namedAxis(f *node, all []axis) *axis {
	a := findAxis(all, f.name())
	if a == nil && l.listed("axes") {
		l.wrong(f, f.label, "no axis named %q%s", f.name(), hint(f.name(), "known:", axisNames(all)))
	}
	return a
}

// completeCell gives a further cell the axes that it leaves out, where the block has but one value of them.
func (l *loader) completeCell(cell *node, b *Block, to Assignment) {
	for _, a := range b.Axes {
		if cell.written(a.Axis) {
			continue
		}
		if len(a.Values) > 1 {
			cell.lacks = true
			l.rep.add(joinPath(cell.below(a.Axis)), cell.label, "missing; the block has several values of %q", a.Axis)
			continue
		}
		to[a.Axis] = a.Values[0]
	}
}

// exclude decodes what is left out.
func (l *loader) exclude(n *node, b *Block, all []axis) {
	f := n.field("exclude")
	if !f.is(cue.ListKind) {
		return
	}
	for _, x := range f.items {
		if !x.is(cue.StructKind) {
			continue
		}
		out := Exclude{Match: l.match(n, x, b, all), Reason: text(x.field("reason"))}
		if r := x.field("reason"); r.ok() && strings.TrimSpace(r.text) == "" {
			l.wrong(r, r.at, "must say why the cells are left out")
		}
		if !x.whole() {
			continue
		}
		if len(out.Match) == 0 {
			l.wrong(x, x.at, "names no axis, so it would leave out every cell")
			continue
		}
		if n.whole() && !l.matches(b, out) {
			l.rep.warn(joinPath(x.path), x.at, "leaves out no cell: none matches")
		}
		b.Exclude = append(b.Exclude, out)
	}
}

// match decodes the values of axes that an exclude is about.
func (l *loader) match(n, x *node, b *Block, all []axis) map[string][]Value {
	out := map[string][]Value{}
	for _, v := range x.fields {
		if v.name() == "reason" {
			continue
		}
		a := l.namedAxis(v, all)
		switch {
		case a == nil:
		case !n.written(a.name) && !b.has(a.name):
			l.wrong(v, v.label, "the block has no axis %q", a.name)
		default:
			if a.name == "audit" {
				a = &axis{name: a.name, names: l.armNames()}
			}
			for _, e := range oneOrMore(v) {
				if value, ok := l.axisValue(e, a); ok {
					out[a.name] = append(out[a.name], value)
				}
			}
		}
	}
	return out
}

// matches reports whether an exclude leaves out any cell of the block.
func (l *loader) matches(b *Block, x Exclude) bool {
	for axis := range x.Match {
		if slices.ContainsFunc(b.allValues(axis), func(v Value) bool { return l.exp.SearchOf(v) != nil }) {
			return true // it hangs on what the search chooses
		}
	}
	groups := l.exp.withArms(b.groups())
	for g, group := range groups {
		fit := make([]AxisValues, len(group)) // with the values, in step, that match
		for k, a := range group {
			fit[k].Axis = a.Axis
		}
		for i := range group[0].Values {
			ok := true
			for _, a := range group {
				want, named := x.Match[a.Axis]
				ok = ok && (!named || slices.Contains(want, a.Values[i]))
			}
			for k, a := range group {
				if ok {
					fit[k].Values = append(fit[k].Values, a.Values[i])
				}
			}
		}
		if len(fit[0].Values) == 0 {
			return false
		}
		groups[g] = fit
	}
	return len(groups) > 0 && b.any(groups, Assignment{}, func(cell Assignment) bool { return x.matches(l.exp.settled(b, cell), cell) })
}

// leavesCell reports whether a block has a cell that no rule leaves out. Values that data decide on count as
// they are written.
func (l *loader) leavesCell(b *Block) bool {
	if len(b.Exclude) == 0 {
		return l.exp.size(b) > 0
	}
	kept := func(cell Assignment) bool { return !b.excludes(l.exp.settled(b, cell), cell) }
	if slices.ContainsFunc(b.Include, kept) {
		return true
	}
	return len(b.Axes) > 0 && b.any(b.groups(), Assignment{}, kept)
}

// any reports whether some cell that has the given values and any of those of the groups is one that is looked for.
func (b *Block) any(groups [][]AxisValues, cell Assignment, wanted func(Assignment) bool) bool {
	if len(groups) == 0 {
		return wanted(cell)
	}
	for i := range groups[0][0].Values {
		for _, a := range groups[0] {
			cell[a.Axis] = a.Values[i]
		}
		if b.any(groups[1:], cell, wanted) {
			return true
		}
	}
	return false
}

// excludes reports whether a rule of the block leaves out a settled cell, given also as the file writes it.
func (b *Block) excludes(cell, written Assignment) bool {
	return slices.ContainsFunc(b.Exclude, func(x Exclude) bool { return x.matches(cell, written) })
}

// groups are the axes of a block, those that advance together in one group.
func (b *Block) groups() [][]AxisValues {
	var groups [][]AxisValues
	at := map[string]int{} // of a zipped axis: its group
	for _, a := range b.Axes {
		if i, ok := at[a.Axis]; ok {
			groups[i] = append(groups[i], a)
			continue
		}
		for _, z := range b.Zip {
			if slices.Contains(z, a.Axis) {
				for _, other := range z {
					at[other] = len(groups)
				}
			}
		}
		groups = append(groups, []AxisValues{a})
	}
	return groups
}

// size is how many cells the product of a block has before any is left out.
func (e *Experiment) size(b *Block) float64 {
	if len(b.Axes) == 0 {
		return 0
	}
	cells := 1.0
	for _, g := range e.withArms(b.groups()) {
		cells *= float64(len(g[0].Values))
	}
	return cells + float64(len(b.Include))
}

// featureSet returns the name of the feature set that offers a subset, or "".
func (e *Experiment) featureSet(subset string) string {
	for i := range e.Features {
		if slices.Contains(e.Features[i].subsets, strings.TrimPrefix(subset, e.Features[i].Name)) && strings.HasPrefix(subset, e.Features[i].Name) {
			return e.Features[i].Name
		}
	}
	return ""
}

// checkFit checks that plugins of a cell take the shape of its data, and that the parts they read have a share.
func (l *loader) checkFit() {
	for i := range l.exp.Matrix {
		b := &l.exp.Matrix[i]
		for _, of := range l.exp.parts(b) {
			for _, d := range l.entries("datasets") {
				if l.uses(b, of, "datasets", d.name()) {
					l.checkFitOf(b, of, d)
				}
			}
		}
	}
}

func (l *loader) checkFitOf(b *Block, of valuesOf, d *node) {
	data := l.found.built[indexKey(d.path)]
	for _, section := range []string{"features", "strategies", "metrics"} {
		for _, n := range l.entries(section) {
			p := l.found.built[indexKey(n.path)]
			if p == nil || !l.uses(b, of, section, n.name()) {
				continue
			}
			if data != nil && !shapesMeet(data.info.Shapes, p.info.Shapes) {
				use := n.field("use")
				if section == "metrics" && use.at.file == l.rep.sources.coreFile() {
					l.noMetricsOfEvents(d)
					break
				}
				l.rep.add(joinPath(use.path), use.at, "%q takes %s, data set %q has %s", use.text, shapeWords(p.info.Shapes), d.name(), shapeWords(data.info.Shapes))
			}
			for _, name := range []string{"by", "groups"} {
				if by := n.field(name); section == "metrics" && by != nil && l.ofEvents(d) {
					l.wrong(by, by.label, "does not apply to events, as data set %q has them: a column of theirs forms no groups of patients", d.name())
				}
			}
			for _, part := range plugins.Needs(p.plugin, p.info) {
				if on := n.field("on"); part == plugins.Test && text(on) == string(plugins.Validation) {
					l.needPart(d, plugins.Validation, fmt.Sprintf("%s is measured on it", joinPath(n.path)))
					continue
				}
				l.needPart(d, part, fmt.Sprintf("%s reads it", joinPath(n.path)))
			}
		}
	}
	for i, n := range l.entries("audits") {
		if a := &l.exp.Audits[i]; l.uses(b, of, "audits", n.name()) && a.Use.Use != "" && (a.Calibrate.Given || !l.asksModels(n)) {
			l.needPart(d, plugins.Test, fmt.Sprintf("%s is rated by its rows", joinPath(n.path)))
		}
	}
	if ds := l.datasetNamed(d.name()); ds.Prepare.RowsDependOnSubset() && len(of("features")) > 1 {
		m := d.field("prepare").field("missing")
		l.rep.warn(joinPath(m.path), m.at,
			"each feature subset leaves out other rows, test rows among them, so that scores of %d subsets rest on different patients; \"drop\" leaves out the same for all",
			len(of("features")))
	}
	for _, v := range of("n") {
		if v.Kind == PartValue {
			l.needPart(d, plugins.Part(v.Text), "axis n counts its rows")
		}
	}
}

// needPart reports a part that has no share of the rows though something reads it, once a part.
func (l *loader) needPart(d *node, part plugins.Part, why string) {
	s := d.field("split")
	if !s.whole() || !namesShare(s) || number(s.field(string(part))) > 0 {
		return
	}
	path := joinPath(s.below(string(part)))
	at := s.label
	if f := s.field(string(part)); f != nil {
		at = f.at
	}
	for _, m := range l.rep.mistakes {
		if m.Path == path {
			return
		}
	}
	l.rep.add(path, at, "must be > 0: %s", why)
}

func shapesMeet(a, b []plugins.Shape) bool {
	if len(a) == 0 || len(b) == 0 {
		return true
	}
	return slices.ContainsFunc(a, func(s plugins.Shape) bool { return slices.Contains(b, s) })
}

func shapeWords(shapes []plugins.Shape) string {
	words := make([]string, len(shapes))
	for i, s := range shapes {
		words[i] = string(s)
	}
	return orList(words)
}
