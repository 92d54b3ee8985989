package spec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
)

// checkCandidates checks feature sets against the columns that they choose from, as headers name them.
func (l *loader) checkCandidates() {
	for i, n := range l.entries("features") {
		if !n.whole() {
			continue
		}
		f := &l.exp.Features[i]
		for _, dataset := range l.datasetsWith("features", f.Name) {
			h := l.exp.Headers[dataset]
			if h == nil {
				continue
			}
			l.checkSizes(n, f, dataset, len(candidates(h, l.datasetNamed(dataset), f)))
			l.warnLeakage(n, f, dataset, h)
		}
	}
}

// candidates are the columns of a data set that a feature set chooses from. There may be fewer when the data are read.
func candidates(h *plugins.Header, d *Dataset, f *FeatureSet) []string {
	var names []string
	roles := d.Roles()
	for i := range h.Columns {
		c := &h.Columns[i]
		role := roles[c.Name]
		if droppedAs(c) == "" && role != plugins.RoleTarget && (!role.Leaks() || f.leaks()) {
			names = append(names, c.Name)
		}
	}
	return names
}

// leaks reports whether columns whose role forbids it may be features.
func (f *FeatureSet) leaks() bool { return slices.Contains(f.Allow, "leakage") }

// checkSizes checks subsets that are named by how many columns they have.
func (l *loader) checkSizes(n *node, f *FeatureSet, dataset string, have int) {
	for _, suffix := range f.subsets {
		size, err := strconv.Atoi(suffix)
		if err != nil || size <= have || !l.combines(dataset, f.Name+suffix) {
			continue
		}
		at := n.field("use")
		if with := n.field("with"); with != nil {
			at = with
			if number := with.leaf(suffix); number != nil {
				at = number
			}
		}
		l.rep.add(joinPath(at.path), at.at, "wants %s; data set %q has %d that may be features", count(size, "column"), dataset, have)
	}
}

// combines reports whether a block combines a data set with a subset.
func (l *loader) combines(dataset, subset string) bool {
	return slices.ContainsFunc(l.exp.Matrix, func(b Block) bool {
		return slices.Contains(b.values("dataset"), Value{Text: dataset}) && slices.Contains(b.values("features"), Value{Text: subset})
	})
}

// leaf returns the first single value below a node that reads as text.
func (n *node) leaf(text string) *node {
	if n.text == text {
		return n
	}
	for _, below := range append(slices.Clone(n.fields), n.items...) {
		if found := below.leaf(text); found != nil {
			return found
		}
	}
	return nil
}

// warnLeakage names the columns that are features, or may be, because the experiment allows leakage.
func (l *loader) warnLeakage(n *node, f *FeatureSet, dataset string, h *plugins.Header) {
	allow := n.field("allow")
	if !f.leaks() || allow == nil {
		return
	}
	named := l.namedColumns(n)
	var leaking []string
	for _, c := range candidates(h, l.datasetNamed(dataset), f) {
		role := l.datasetNamed(dataset).Roles()[c]
		if role.Leaks() && (named == nil || slices.Contains(named, c)) {
			what, _, _ := strings.Cut(leakWords[role], ":")
			leaking = append(leaking, fmt.Sprintf("%q is %s", c, what))
		}
	}
	if len(leaking) > 0 {
		l.rep.warn(joinPath(allow.path), allow.at, "columns of data set %q may leak what a model must not know: %s", dataset, strings.Join(leaking, ", "))
	}
}

// namedColumns are the columns that the settings of an entry name; nil when they name none.
func (l *loader) namedColumns(entry *node) []string {
	var names []string
	for _, c := range l.found.columns {
		if len(c.path) > len(entry.path) && slices.Equal(c.path[:len(entry.path)], entry.path) {
			names = append(names, c.text)
		}
	}
	return names
}
