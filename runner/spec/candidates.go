package spec

import (
	"fmt"
	"regexp"
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
		}
		l.warnLeakage(n, f)
	}
}

// candidates are the columns of a data set that a feature set chooses from. There may be fewer when the data are read.
func candidates(h *plugins.Header, d *Dataset, f *FeatureSet) []string {
	var names []string
	roles := d.Roles()
	for i := range h.Columns {
		c := &h.Columns[i]
		role := roles[c.Name]
		if droppedAs(c) == "" && !neverFeature(role) && (!role.Leaks() || f.leaks()) {
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
		return slices.Contains(l.exp.mayBe("dataset", b.values("dataset")), Value{Text: dataset}) &&
			slices.Contains(l.exp.mayBe("features", b.values("features")), Value{Text: subset})
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

// warnLeakage names the columns that are features, or may be, because the experiment allows leakage: each once, with
// the data sets that it leaks in.
func (l *loader) warnLeakage(n *node, f *FeatureSet) {
	allow := n.field("allow")
	if !f.leaks() || allow == nil {
		return
	}
	var datasets, leaks []string // the latter as `"los" is an outcome`
	in := map[string][]string{}  // of leaks: the data sets
	chosen := l.chosen(n)
	for _, dataset := range l.datasetsWith("features", f.Name) {
		h := l.exp.Headers[dataset]
		if h == nil {
			continue
		}
		roles := l.datasetNamed(dataset).Roles()
		for _, c := range candidates(h, l.datasetNamed(dataset), f) {
			if role := roles[c]; role.Leaks() && chosen(l.column(dataset, c)) {
				what, _, _ := strings.Cut(leakWords[role], ":")
				leak := fmt.Sprintf("%q is %s", c, what)
				if in[leak] == nil {
					leaks = append(leaks, leak)
				}
				in[leak] = append(in[leak], dataset)
				if !slices.Contains(datasets, dataset) {
					datasets = append(datasets, dataset)
				}
			}
		}
	}
	if len(leaks) == 0 {
		return
	}
	for i, leak := range leaks {
		if len(in[leak]) < len(datasets) {
			leaks[i] += " in " + quoteAll(in[leak])
		}
	}
	l.rep.warn(joinPath(allow.path), allow.at, "columns of data set%s %s may leak what a model must not know: %s",
		plural(datasets), quoteAll(datasets), strings.Join(leaks, ", "))
}

func plural(things []string) string {
	if len(things) == 1 {
		return ""
	}
	return "s"
}

// chosen returns whether the settings of an entry choose a column, by its name, a pattern or its group; all columns
// where they choose none.
func (l *loader) chosen(entry *node) func(*plugins.ColumnInfo) bool {
	below := func(n *node) bool {
		return len(n.path) > len(entry.path) && slices.Equal(n.path[:len(entry.path)], entry.path)
	}
	var tests []func(*plugins.ColumnInfo) bool
	for _, n := range l.found.columns {
		if below(n) {
			tests = append(tests, func(c *plugins.ColumnInfo) bool { return c.Name == n.text })
		}
	}
	for _, n := range l.found.patterns {
		if matches := pattern(n.text); below(n) {
			tests = append(tests, func(c *plugins.ColumnInfo) bool { return matches(c.Name) })
		}
	}
	for _, g := range l.found.groups {
		if below(g.node) && !l.isOwn(g) {
			tests = append(tests, func(c *plugins.ColumnInfo) bool { return c.Group == g.node.text })
		}
	}
	return func(c *plugins.ColumnInfo) bool {
		return len(tests) == 0 || slices.ContainsFunc(tests, func(test func(*plugins.ColumnInfo) bool) bool { return test(c) })
	}
}

func isPattern(text string) bool { return strings.ContainsAny(text, "*?") }

// pattern returns whether a name is as a pattern says: "*" stands for any characters, none included, "?" for one.
func pattern(text string) func(name string) bool {
	quoted := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(text))
	return regexp.MustCompile(`^(?s:` + quoted + `)$`).MatchString
}

// patternFault says what is wrong with a pattern of names of columns, for one data set; "" when nothing is.
func (l *loader) patternFault(n *node, dataset string) string {
	h := l.exp.Headers[dataset]
	if h == nil {
		return ""
	}
	names := columnNames(h)
	if n.path[0] == "features" {
		names = append(names, l.preparedNames(dataset)...)
	}
	matches, why := pattern(n.text), ""
	for _, name := range names {
		if !matches(name) {
			continue
		}
		fault := ""
		if n.path[0] == "features" {
			fault = l.featureFault(n.path[1], dataset, name)
		}
		if fault == "" {
			return ""
		}
		if why == "" {
			why = fault
		}
	}
	if why != "" {
		return fmt.Sprintf("%q matches nothing that may be a feature: %s", n.text, why)
	}
	return fmt.Sprintf("data set %q has no column that %q matches%s", dataset, n.text, hint(n.text, "its columns are", columnNames(h)))
}

// isOwn reports whether the settings that name a group give its columns too, or may.
func (l *loader) isOwn(g groupName) bool {
	if g.own == nil {
		return false
	}
	own := l.root.find(g.own...)
	return own != nil && (own.part || own.written(g.node.text))
}

// groupFault says what is wrong with the name of a group of columns, for one data set; "" when nothing is.
func (l *loader) groupFault(g groupName, dataset string) string {
	name, h := g.node.text, l.exp.Headers[dataset]
	if h == nil || l.isOwn(g) {
		return ""
	}
	var groups []string
	barred := ""
	for _, c := range h.Columns {
		if c.Group == name {
			if g.node.path[0] != "features" {
				return ""
			}
			if barred = l.featureFault(g.node.path[1], dataset, c.Name); barred == "" {
				return ""
			}
		}
		if c.Group != "" && !slices.Contains(groups, c.Group) {
			groups = append(groups, c.Group)
		}
	}
	give := ""
	if g.own != nil {
		give = fmt.Sprintf("; give its columns under %q", g.own[len(g.own)-1])
	}
	switch {
	case barred != "":
		return fmt.Sprintf("group %q has no column that may be a feature: %s", name, barred)
	case len(groups) == 0:
		return fmt.Sprintf("data set %q does not say which group a column is in%s", dataset, give)
	}
	return fmt.Sprintf("data set %q has no group %q%s", dataset, name, hint(name, "its groups are", groups))
}
