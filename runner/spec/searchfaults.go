package spec

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"github.com/ehrlab/ehrlab/plugins"
)

func search(n *node) Search {
	return Search{
		Name: n.name(), Of: texts(n.field("of")), Score: text(n.field("score")), Where: choices(n.field("where")), Over: texts(n.field("over")),
		Direction: plugins.Direction(text(n.field("direction"))), Allow: texts(n.field("allow")),
	}
}

// checkSearches checks the searches by themselves, before blocks name them.
func (l *loader) checkSearches() {
	l.checkOn()
	all := l.axes()
	for i, n := range l.entries("best") {
		if !n.is(cue.StructKind) {
			continue
		}
		s := &l.exp.Best[i]
		l.checkOf(n, all)
		l.checkSelection(n, all)
		l.checkSearchOver(n, all)
		l.checkSearchScore(n, s)
	}
	for i, n := range l.entries("best") {
		l.checkCycle(n, &l.exp.Best[i])
	}
}

// checkOn checks metrics that are measured on validation rows.
func (l *loader) checkOn() {
	for _, n := range l.entries("metrics") {
		on, b := n.field("on"), l.found.built[indexKey(n.path)]
		if text(on) != string(plugins.Validation) || b == nil {
			continue
		}
		reads := plugins.Reads(b.plugin, b.info)
		switch {
		case b.info.Audited:
			l.wrong(on, on.label, "%q rates the audit of a cell, which rests on test rows", b.info.Name)
		case !slices.Contains(reads, plugins.Test) && slices.Contains(b.info.Reads, plugins.Test):
			l.wrong(on, on.label, "%q reads %s rows with its settings, and no test rows that validation rows could stand in for", n.name(), partNames(reads))
		case !slices.Contains(reads, plugins.Test):
			l.wrong(on, on.label, "%q reads no test rows that validation rows could stand in for", b.info.Name)
		case slices.Contains(reads, plugins.Validation):
			l.wrong(on, on.at, "the settings of %q read the validation part themselves, so that it would be rated on the rows that it is tuned on", n.name())
		}
	}
}

// partNames joins the names of parts, for people.
func partNames(parts []plugins.Part) string {
	names := make([]string, len(parts))
	for i, p := range parts {
		names[i] = string(p)
	}
	return andList(names)
}

// checkOf checks the axes whose values compete.
func (l *loader) checkOf(n *node, all []axis) {
	of := n.field("of")
	if of.is(cue.ListKind) && len(of.items) == 0 && !of.part {
		l.wrong(of, of.at, "must have at least one axis")
	}
	for i, f := range oneOrMore(of) {
		a := findAxis(all, f.text)
		switch {
		case !f.is(cue.StringKind):
		case a == nil:
			if l.listed("axes") {
				l.wrong(f, f.at, "no axis named %q%s", f.text, hint(f.text, "known:", axisNames(all)))
			}
		case l.exp.Replicates(f.text):
			l.wrong(f, f.at, "values of %q differ by chance alone, so that there is nothing to choose", f.text)
		case f.text == "site":
			l.wrong(f, f.at, `an arrangement of hospitals says what is asked, so that there is nothing to choose; select one by where`)
		case names(oneOrMore(of)[:i], f.text):
			l.wrong(f, f.at, "%q is given twice", f.text)
		}
	}
}

// checkSelection checks where of a search: axes and values that they may have.
func (l *loader) checkSelection(n *node, all []axis) {
	for _, f := range n.field("where").all() {
		if decidedByData(f.name()) {
			continue
		}
		a := findAxis(all, f.name())
		if a == nil {
			if l.listed("axes") {
				l.wrong(f, f.label, "no axis named %q%s", f.name(), hint(f.name(), "known:", append(axisNames(all), TrainSite, TestSite)))
			}
			continue
		}
		l.demandsOne(f)
		if a.name == "audit" {
			a = &axis{name: a.name, names: l.armNames()}
		}
		for _, e := range oneOrMore(f) {
			if v, ok := l.axisValue(e, a); ok && v.Kind == PartValue {
				l.wrong(e, e.at, "how many rows a part has is not known before the data are read, so that it selects no cell; select by other axes")
			}
		}
	}
}

func (l *loader) checkSearchOver(n *node, all []axis) {
	over := oneOrMore(n.field("over"))
	for i, f := range over {
		switch {
		case !f.is(cue.StringKind):
		case findAxis(all, f.text) == nil && !decidedByData(f.text):
			if l.listed("axes") {
				l.wrong(f, f.at, "no axis named %q%s", f.text, hint(f.text, "known:", append(axisNames(all), TrainSite, TestSite)))
			}
		case names(oneOrMore(n.field("of")), f.text):
			l.wrong(f, f.at, "values of %q compete; an average over them has none to choose", f.text)
		case names(over[:i], f.text):
			l.wrong(f, f.at, "%q is given twice", f.text)
		}
	}
}

// checkSearchScore checks that a score exists, is one number, reads validation rows, and that it is known which way is better.
func (l *loader) checkSearchScore(n *node, s *Search) {
	f := n.field("score")
	if !f.is(cue.StringKind) {
		return
	}
	metric, name := s.Metric()
	i := slices.IndexFunc(l.exp.Metrics, func(m Metric) bool { return m.Name == metric })
	if i < 0 || name == "" {
		if l.listed("metrics") {
			l.wrong(f, f.at, "no score named %q%s", f.text, hint(f.text, `it is written "METRIC.SCORE"; known:`, l.searchable()))
		}
		return
	}
	b := l.found.built[indexKey([]string{"metrics", metric})]
	if b == nil {
		return
	}
	k := slices.IndexFunc(b.info.Scores, func(x plugins.ScoreInfo) bool { return x.Name == name })
	if k < 0 {
		l.wrong(f, f.at, "no score named %q%s", f.text, hint(f.text, "known:", l.searchable()))
		return
	}
	info := &b.info.Scores[k]
	allowed, on := slices.Contains(s.Allow, "test"), l.exp.Metrics[i].On == plugins.Validation
	direction, part := n.field("direction"), l.root.find("metrics", metric, "on")
	switch {
	case len(info.Dims) > 0:
		l.wrong(f, f.at, "%q has a value for each %s; a search needs a score that is one number", f.text, quoteAll(info.Dims))
	case part != nil && !part.ok(): // it was told
	case !on && !allowed && n.field("allow").whole() == (n.field("allow") != nil):
		l.wrong(f, f.at, `%q is measured on test rows, and what is chosen by these looks better on them than it is; measure it with on: "validation", or say "as published" with allow: ["test"]`, f.text)
	case on && allowed:
		allow := n.field("allow")
		l.rep.warn(joinPath(allow.path), allow.label, "%q reads no test rows, so that nothing needs to be allowed", f.text)
	}
	switch {
	case direction == nil && info.Better == plugins.Neutral:
		l.wrong(n, n.label, `%q has no better direction of its own; say direction: "higher" or direction: "lower"`, f.text)
	case direction.ok() && info.Better != plugins.Neutral && direction.text != string(info.Better):
		l.wrong(direction, direction.at, "%q is better when it is %s; leave direction out", f.text, info.Better)
	}
}

// searchable are the scores that a search may go by.
func (l *loader) searchable() []string {
	var out []string
	for i, n := range l.entries("metrics") {
		b := l.found.built[indexKey(n.path)]
		if b == nil || l.exp.Metrics[i].On != plugins.Validation {
			continue
		}
		for _, s := range b.info.Scores {
			if len(s.Dims) == 0 {
				out = append(out, n.name()+"."+s.Name)
			}
		}
	}
	return out
}

// checkCycle reports a search that rests on itself. The first of the searches of a cycle tells of it.
func (l *loader) checkCycle(n *node, s *Search) {
	var path []string
	var visit func(of *Search) bool
	seen := map[*Search]bool{}
	visit = func(of *Search) bool {
		path = append(path, fmt.Sprintf("%q", of.Name))
		for _, other := range l.exp.asksFor(of) {
			if other == s {
				return true
			}
			if !seen[other] {
				seen[other] = true
				if visit(other) {
					return true
				}
			}
		}
		path = path[:len(path)-1]
		return false
	}
	where := n.field("where")
	if !where.ok() || !visit(s) {
		return
	}
	for _, name := range path {
		if i := slices.IndexFunc(l.exp.Best, func(x Search) bool { return fmt.Sprintf("%q", x.Name) == name }); l.entries("best")[i].field("where").state == bad {
			return // it was told
		}
	}
	if len(path) == 1 {
		l.wrong(where, where.label, "the search rests on what it chooses itself")
		return
	}
	l.wrong(where, where.label, "searches rest on each other in a circle: %s, %s", strings.Join(path, ", "), path[0])
}

// axisSearch checks a value of an axis that stands for what a search chooses.
func (l *loader) axisSearch(n *node, a *axis, name string) bool {
	s := l.exp.SearchNamed(name)
	if s == nil {
		if l.listed("best") {
			known := l.sectionNames("best").names
			if len(known) == 0 {
				l.wrong(n, n.at, "no search named %q: the experiment declares none under best", name)
				return false
			}
			l.wrong(n, n.at, "no search named %q%s", name, hint(name, "known:", known))
		}
		return false
	}
	if of := l.root.find("best", name, "of"); of.whole() && len(s.Of) > 0 && !slices.Contains(s.Of, a.name) {
		l.wrong(n, n.at, "best.%s chooses %s, not %s", name, andList(s.Of), a.name)
		return false
	}
	return true
}

// checkCompeting checks, of each search, that cells compete, that they are alike in all else, and have equal replicates, whatever the
// searches before it choose.
func (l *loader) checkCompeting() {
	if !l.root.field("matrix").whole() || len(l.rep.mistakes) > 0 {
		return
	}
	for _, s := range l.exp.Searches() {
		n := l.root.find("best", s.Name)
		pool := l.exp.competitors(s)
		for _, w := range l.exp.worlds {
			if fault := l.exp.competingFault(s, l.exp.among(s, pool, w)); fault != "" {
				at := n
				if where := n.field("where"); where != nil {
					at = where
				}
				l.rep.add(joinPath(n.path), at.label, "%s%s", fault, l.exp.inWorld(s, w))
				return
			}
		}
		if len(l.exp.worlds) > 0 && len(s.candidatesIn(l.exp.among(s, pool, l.exp.worlds[0]))) == 1 {
			l.rep.warn(joinPath(n.path), n.label, "there is one value of %s among the cells that it selects, and nothing to choose", andList(s.Of))
		}
	}
}

// inWorld says what the searches before one chose, where a fault may hang on it.
func (e *Experiment) inWorld(s *Search, w Chosen) string {
	var parts []string
	for _, before := range e.Before(s) {
		for _, axis := range before.Of {
			if v, ok := w[before.Name][axis]; ok {
				parts = append(parts, fmt.Sprintf("best.%s is %s", before.Name, v.quoted()))
			}
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " (when " + strings.Join(parts, " and ") + ")"
}

// competingFault says what keeps cells from competing; "" when nothing does.
func (e *Experiment) competingFault(s *Search, cells []Assignment) string {
	candidates := s.candidatesIn(cells)
	if len(candidates) == 0 {
		why := ""
		if slices.ContainsFunc(e.Best, func(x Search) bool { return x.Name != s.Name }) {
			why = "; a cell that is written with what another search chooses competes where says so, too"
		}
		return fmt.Sprintf("no cell of the matrix that measures %q has what it selects%s", s.Score, why)
	}
	units := make([]map[string]bool, len(candidates))
	others := map[string][]Value{}
	for _, cell := range cells {
		v, ok := s.values(cell)
		if !ok {
			continue
		}
		at := slices.IndexFunc(candidates, func(c Assignment) bool { return maps.Equal(c, v) })
		if units[at] == nil {
			units[at] = map[string]bool{}
		}
		units[at][e.unitOf(s, cell)] = true
		for axis, x := range cell {
			if !slices.Contains(s.Of, axis) && !e.averages(s, axis) && !slices.Contains(others[axis], x) {
				others[axis] = append(others[axis], x)
			}
		}
	}
	for _, axis := range slices.Sorted(maps.Keys(others)) {
		if values := others[axis]; len(values) > 1 && axis != "site" {
			return fmt.Sprintf("the cells that compete have several values of %q, such as %s and %s; select one by where, or average over them with over",
				axis, told(values[0]), told(values[1]))
		}
	}
	for i := range candidates {
		if !maps.Equal(units[i], units[0]) {
			return fmt.Sprintf("%s and %s have other replicates, so that their means do not compare; select those that all have by where",
				s.named(candidates[0]), s.named(candidates[i]))
		}
	}
	return ""
}

// told is a value as messages show it.
func told(v Value) string {
	switch v.Text {
	case siteOne:
		return "one hospital"
	case siteTwo:
		return "another"
	}
	return v.quoted()
}

// named are the values of a candidate, for people.
func (s *Search) named(c Assignment) string {
	var parts []string
	for _, axis := range s.Of {
		parts = append(parts, axis+" "+c[axis].quoted())
	}
	return strings.Join(parts, ", ")
}

// averages reports whether a search averages scores over an axis.
func (e *Experiment) averages(s *Search, axis string) bool {
	return e.Replicates(axis) || slices.Contains(s.Over, axis)
}

// unitOf is what tells the cells of one candidate apart.
func (e *Experiment) unitOf(s *Search, cell Assignment) string {
	var b strings.Builder
	for _, axis := range slices.Sorted(maps.Keys(cell)) {
		if e.averages(s, axis) {
			fmt.Fprintf(&b, "%s=%s;", axis, cell[axis].quoted())
		}
	}
	return b.String()
}
