package spec

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"cuelang.org/go/cue"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Group is a named group of rows that a metric measures apart, too: those that have one of some levels in each of its columns. A number is
// written as the shortest that means it.
type Group struct {
	Name    string              `json:"name"`
	Columns map[string][]string `json:"columns"`
}

// Apart returns the dimensions that the metric's scores have for what it measures apart, besides all rows together.
func (m *Metric) Apart() []string {
	if len(m.Groups) == 0 {
		return m.By
	}
	return append(slices.Clone(m.By), plugins.GroupDim)
}

// mostGroups is the number of groups that a metric can have.
const mostGroups = 100

// groups decodes the groups of a metric.
func groups(n *node) []Group {
	var out []Group
	for _, g := range fieldsOf(n) {
		x := Group{Name: g.name(), Columns: map[string][]string{}}
		for _, c := range fieldsOf(g) {
			for _, v := range oneOrMore(c) {
				x.Columns[c.name()] = append(x.Columns[c.name()], value(v).String())
			}
		}
		out = append(out, x)
	}
	return out
}

// declareGroups lists the values of the dimension of groups.
func (w *yield) declareGroups(m *Metric) {
	for _, g := range m.Groups {
		if d := w.declared[plugins.GroupDim]; !slices.Contains(d, g.Name) {
			w.declared[plugins.GroupDim] = append(d, g.Name)
		}
	}
	if d := w.declared[plugins.GroupDim]; len(m.Groups) > 0 && !slices.Contains(d, plugins.Everyone) {
		w.declared[plugins.GroupDim] = append(d, plugins.Everyone)
	}
}

// checkGroups checks the groups that a metric measures apart.
func (l *loader) checkGroups(metric *node, axes, own []string) {
	list := metric.field("groups")
	if !list.is(cue.StructKind) {
		return
	}
	fault := dimFault(plugins.GroupDim, axes, own)
	switch {
	case fault != "":
	case metric.field("dims").field(plugins.GroupDim) != nil:
		fault = fmt.Sprintf("%q is a dimension of dims, too", plugins.GroupDim)
	case metric.field("by").is(cue.ListKind) && names(metric.field("by").items, plugins.GroupDim):
		fault = fmt.Sprintf("%q is a column of by, too", plugins.GroupDim)
	case len(list.fields) == 0 && !list.part:
		fault = "must have at least one group"
	case len(list.fields) > mostGroups:
		fault = fmt.Sprintf("has %d groups; at most %d are measured apart", len(list.fields), mostGroups)
	}
	if fault != "" {
		l.wrong(list, list.label, "%s", fault)
		return
	}
	for _, g := range list.fields {
		switch {
		case !g.is(cue.StructKind):
		case g.name() == plugins.Everyone:
			l.wrong(g, g.label, "%q is what all rows together are called; a group needs another name", plugins.Everyone)
		case len(g.fields) == 0 && !g.part:
			l.wrong(g, g.at, "must name at least one column, with the levels that its rows have")
		}
		for _, c := range fieldsOf(g) {
			l.checkGroupColumn(c)
		}
	}
}

// checkGroupColumn checks a column of a group, and the levels of it that rows of the group have.
func (l *loader) checkGroupColumn(c *node) {
	levels := oneOrMore(c)
	for i, v := range levels {
		if slices.ContainsFunc(levels[:i], func(other *node) bool { return value(other) == value(v) }) {
			l.wrong(v, v.at, "%s is given twice", value(v).quoted())
		}
	}
	column := &node{path: c.path, label: c.label, at: c.label, kind: cue.StringKind, text: c.name()}
	l.compare(column, func(dataset string) string { return l.columnFault(column, dataset) })
	for _, v := range levels {
		l.compare(v, func(dataset string) string { return l.levelFault(c.name(), value(v), dataset) })
	}
}

// levelFault says why no row of a data set can have a level in a column; "" where one can, as far as is known.
func (l *loader) levelFault(column string, level Value, dataset string) string {
	info := l.column(dataset, column)
	number, err := strconv.ParseFloat(level.String(), 64)
	if info != nil && info.Kind == frame.Number && (err != nil || math.IsNaN(number) || math.IsInf(number, 0)) {
		return fmt.Sprintf("column %q of data set %q holds numbers, and %s is none", column, dataset, level.quoted())
	}
	d := l.exp.Datasets[slices.IndexFunc(l.exp.Datasets, func(d Dataset) bool { return d.Name == dataset })]
	limit := d.Limits[column]
	switch {
	case len(limit.Levels) > 0 && !slices.Contains(limit.Levels, level.String()):
		return fmt.Sprintf("column %q cannot hold %s by the limits of data set %q%s", column, level.quoted(), dataset, hint(level.String(), "it has", limit.Levels))
	case limit.Min != nil && number < *limit.Min, limit.Max != nil && number > *limit.Max:
		return fmt.Sprintf("column %q cannot hold %s by the limits of data set %q", column, level.quoted(), dataset)
	}
	return ""
}
