package spec

import (
	"fmt"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/cohort"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// checkSample warns of what the samples of the data show and a run would tell only later: levels that are one number written in
// several ways, a target that is not of two classes, and sample sizes that a part cannot lend.
func (l *loader) checkSample() {
	for i, n := range l.entries("datasets") {
		d := &l.exp.Datasets[i]
		h := l.exp.Headers[d.Name]
		if h == nil {
			continue
		}
		for j := range h.Columns {
			l.warnRewritten(n, &h.Columns[j])
		}
		l.warnClasses(n, d)
		l.warnLent(n, d, h.Rows)
	}
}

// warnRewritten warns of a category with levels such as 4 and 4.0. They are left as they are: two codes may differ by no more
// than that, as 250 and 250.0 do in ICD-9-CM.
func (l *loader) warnRewritten(n *node, c *plugins.ColumnInfo) {
	if c.Seen == nil || c.Seen.Rewritten == 0 {
		return
	}
	numbers := "1 number is"
	if c.Seen.Rewritten > 1 {
		numbers = fmt.Sprintf("%d numbers are", c.Seen.Rewritten)
	}
	at := n.field("use")
	if declared := n.field("with").find("columns", c.Name); declared != nil {
		at = declared
	}
	l.rep.warn(joinPath(at.path), at.at, "%s written in more than one way in column %q, as 4 and 4.0 would be, and each way is a level of its own; "+
		`where they mean the same, declare levels: {"4": "4", …}, in which a code stands for all ways to write it, or kind: "number"`, numbers, c.Name)
}

// twoClasses is the shared code by which plugins read a target of two classes.
const twoClasses = "label"

// warnClasses warns of a target that is not of two classes where something that is used needs them.
func (l *loader) warnClasses(n *node, d *Dataset) {
	c := l.column(d.Name, d.Target)
	if c == nil || c.Seen == nil || filtersBy(d.Cohort, d.Target) {
		return
	}
	what := ""
	switch {
	case c.Kind == frame.Category && c.Seen.Levels > 2:
		what = fmt.Sprintf("has %d levels", c.Seen.Levels)
	case c.Kind == frame.Number && !c.Seen.ZeroOne:
		what = "holds numbers other than 0 and 1"
	default:
		return
	}
	var needs []string
	for _, section := range []string{"features", "metrics"} {
		for _, m := range l.entries(section) {
			b := l.found.built[indexKey(m.path)]
			if b != nil && slices.ContainsFunc(b.info.Uses, func(u plugins.Use) bool { return u.Name == twoClasses }) &&
				slices.Contains(l.datasetsWith(section, m.name()), d.Name) {
				needs = append(needs, joinPath(m.path))
			}
		}
	}
	if len(needs) == 0 {
		return
	}
	at := n.field("target")
	if at == nil {
		at = &node{path: n.path, at: n.label}
	}
	verb := "takes"
	if len(needs) > 1 {
		verb = "take"
	}
	l.rep.warn(joinPath(at.path), at.at, "the target %q %s in a sample of %d rows, and %s %s two classes: results will be missing; code it as 0 and 1, or give it two levels",
		d.Target, what, c.Seen.Rows, andList(needs), verb)
}

// filtersBy reports whether a cohort has a condition on a column: it may leave two of many classes.
func filtersBy(filters []cohort.Filter, column string) bool {
	return slices.ContainsFunc(filters, func(f cohort.Filter) bool {
		return f.Column == column || f.Not != nil && f.Not.Column == column ||
			slices.ContainsFunc(f.Any, func(c cohort.Condition) bool { return c.Column == column })
	})
}

// warnLent warns of sample sizes that are above the rows of the part that a strategy lends: its cells would fail. rows are those
// of the data set; a cohort and missing values may leave fewer.
func (l *loader) warnLent(n *node, d *Dataset, rows int) {
	if rows == 0 || l.ofEvents(n) || l.changes(d.Name) {
		return
	}
	for _, s := range l.entries("strategies") {
		b := l.found.built[indexKey(s.path)]
		if b == nil {
			continue
		}
		lender, ok := b.plugin.(plugins.Lender)
		if !ok || lender.Lends() == "" {
			continue
		}
		part := lender.Lends()
		share := map[plugins.Part]float64{plugins.Train: d.Split.Train, plugins.Validation: d.Split.Validation, plugins.Test: d.Split.Test, plugins.Reference: d.Split.Reference}[part]
		if share == 0 { // which needPart reports
			continue
		}
		has := int(math.Ceil(share * float64(rows)))
		for i := range l.exp.Matrix {
			for _, v := range l.tooMany(&l.exp.Matrix[i], d.Name, s.name(), has) {
				at := l.valueNode(i, "n", v)
				l.rep.warn(joinPath(at.path), at.at, "%s rows are more than the about %d that the %s part of data set %q will have (%v of %d), "+
					"and strategy %q hands out none of them twice: its cells will fail; raise the share of %s, or lower n",
					v, has, part, d.Name, share, rows, s.name(), part)
			}
		}
	}
}

// changes reports whether an axis puts values into the settings of a data set, so that its parts have several sizes.
func (l *loader) changes(dataset string) bool {
	return slices.ContainsFunc(l.exp.Axes, func(a Axis) bool {
		s, ok := a.setting()
		return ok && s.touches("datasets", dataset)
	})
}

// tooMany are the sample sizes above most that cells of a block have with a data set and a strategy.
func (l *loader) tooMany(b *Block, dataset, strategy string, most int) []Value {
	var out []Value
	for _, v := range l.exp.mayBe("n", b.allValues("n")) {
		if v.Kind != NumberValue || v.Number <= float64(most) {
			continue
		}
		wanted := Assignment{"dataset": {Text: dataset}, "strategy": {Text: strategy}, "n": v}
		if l.leavesCellWith(b, wanted) {
			out = append(out, v)
		}
	}
	return out
}

// leavesCellWith reports whether a block has a cell with some values that no rule leaves out.
func (l *loader) leavesCellWith(b *Block, wanted Assignment) bool {
	has := func(cell Assignment) bool {
		for axis, v := range wanted {
			if !slices.Contains(l.exp.MayBe(axis, cell[axis]), v) {
				return false
			}
		}
		return !b.excludes(l.exp.settled(b, cell), cell)
	}
	if slices.ContainsFunc(b.Include, has) {
		return true
	}
	var groups [][]AxisValues
	for _, g := range b.groups() {
		kept := make([]AxisValues, len(g))
		for i := range g[0].Values {
			if slices.ContainsFunc(g, func(a AxisValues) bool {
				v, asked := wanted[a.Axis]
				return asked && !slices.Contains(l.exp.MayBe(a.Axis, a.Values[i]), v)
			}) {
				continue
			}
			for j, a := range g {
				kept[j].Axis, kept[j].Values = a.Axis, append(kept[j].Values, a.Values[i])
			}
		}
		groups = append(groups, kept)
	}
	return len(b.Axes) > 0 && b.any(groups, Assignment{}, has)
}

// valueNode is where a block writes a value of an axis; the block itself where it does not.
func (l *loader) valueNode(block int, axis string, v Value) *node {
	list := l.root.field("matrix")
	if block >= len(list.items) {
		return list
	}
	n := list.items[block]
	all := oneOrMore(n.field(axis))
	for _, cell := range oneOrMore(n.field("include")) {
		if x := cell.field(axis); x != nil {
			all = append(all, x)
		}
	}
	for _, x := range all {
		if x.ok() && value(x) == v {
			return x
		}
	}
	return n
}
