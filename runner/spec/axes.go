package spec

import (
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"

	"github.com/ehrlab/ehrlab/plugins"
)

// AllAxes lists the axes of the matrix with all their values, both in order of first mention. An axis with one
// value is among them; included cells count after the axes of their block.
func (e *Experiment) AllAxes() []AxisValues {
	var out []AxisValues
	seen := map[string]map[Value]bool{}
	var add func(axis string, values ...Value)
	add = func(axis string, values ...Value) {
		if seen[axis] == nil {
			seen[axis] = map[Value]bool{}
			out = append(out, AxisValues{Axis: axis})
		}
		i := slices.IndexFunc(out, func(a AxisValues) bool { return a.Axis == axis })
		for _, v := range values {
			if seen[axis][v] || e.SearchOf(v) != nil { // what a search may choose is written elsewhere
				continue
			}
			seen[axis][v] = true
			out[i].Values = append(out[i].Values, v)
			if axis == "audit" {
				for _, arm := range e.Arms(v.Text) {
					add(axis, Value{Text: arm})
				}
			}
		}
	}
	for _, b := range e.Matrix {
		for _, a := range b.Axes {
			add(a.Axis, a.Values...)
		}
	}
	for _, b := range e.Matrix {
		for _, cell := range b.Include {
			names := make([]string, 0, len(cell))
			for axis := range cell {
				names = append(names, axis)
			}
			slices.Sort(names)
			for _, axis := range names {
				add(axis, cell[axis])
			}
		}
	}
	return out
}

// setting is what a declared axis sets: a field of one or all entries of a section.
type setting struct {
	section string
	name    string // of the entry; "*" is every entry
	field   []string
}

// settable are the parts of an entry that an axis may set a field of.
var settable = map[string][]string{
	"datasets":   {"with", "split", "prepare", "cohort"},
	"features":   {"with"},
	"strategies": {"with"},
	"metrics":    {"with"},
	"audits":     {"with", "decide", "calibrate"},
	"llms":       {"with"},
}

func (a Axis) setting() (setting, bool) {
	parts := strings.Split(a.Sets, ".")
	if len(parts) < 4 || slices.Contains(parts, "") || !slices.Contains(settable[parts[0]], parts[2]) {
		return setting{}, false
	}
	return setting{section: parts[0], name: parts[1], field: parts[2:]}, true
}

func (s setting) touches(section, name string) bool {
	return s.section == section && (s.name == "*" || s.name == name)
}

// reservedAxes are names that a declared axis cannot have: those of other axes, and of other fields of a block.
var reservedAxes = append([]string{"dataset", "site", TrainSite, TestSite, "features", "strategy", "llm", "n", "seed", "audit", "reason", plugins.Weighting}, notAxes...)

// checkAxes checks the declarations of further axes.
func (l *loader) checkAxes() {
	for i, n := range l.entries("axes") {
		if slices.Contains(reservedAxes, n.name()) {
			l.wrong(n, n.label, "%q has a meaning of its own in a block; a declared axis needs another name", n.name())
			continue
		}
		sets := n.field("sets")
		if !sets.ok() {
			continue
		}
		s, ok := l.exp.Axes[i].setting()
		if !ok {
			l.wrong(sets, sets.at, `must name a field of a setting, such as "strategies.*.with.temperature" or "datasets.NAME.split.seed"`)
			continue
		}
		if names := l.sectionNames(s.section); s.name != "*" && !names.may(s.name) {
			l.wrong(sets, sets.at, "%s has no entry %q%s", s.section, s.name, hint(s.name, "known:", names.names))
			continue
		}
		l.lackSetting(sets, &l.exp.Axes[i], s)
		l.checkRoundsAxis(sets, s)
		if !l.usesAxis(n.name()) && l.root.field("matrix").whole() {
			l.rep.warn(joinPath(n.path), n.label, "no block of the matrix uses this axis")
		}
	}
}

// lackSetting notes the entries that do not have the setting of an axis: "*" stands for those that do.
func (l *loader) lackSetting(sets *node, a *Axis, s setting) {
	a.without = map[string]bool{}
	entries := l.entries(s.section)
	for _, n := range entries {
		if !s.touches(s.section, n.name()) {
			continue
		}
		r := l.ruleAt(n, s)
		if s.name == "*" && r == noRule {
			a.without[n.name()] = true
		} else if r != nil {
			_, llm := r.marked("llm")
			a.llm = a.llm || llm
		}
	}
	if len(entries) == 0 || len(a.without) < len(entries) || !l.listed(s.section) {
		return
	}
	suggestion := ""
	for i := 0; i < len(entries) && suggestion == ""; i++ {
		suggestion = l.fieldHint(entries[i], s)
	}
	l.wrong(sets, sets.at, "no entry of %s has a field %q%s", s.section, strings.Join(s.field, "."), suggestion)
}

func (l *loader) usesAxis(name string) bool {
	for _, b := range oneOrMore(l.root.field("matrix")) {
		if b.written(name) || slices.ContainsFunc(oneOrMore(b.field("include")), func(c *node) bool { return c.written(name) }) {
			return true
		}
	}
	return false
}

// checkExtra checks the values that a block gives a declared axis as if they stood where they are put.
func (l *loader) checkExtra(block *node, b *Block) {
	for i, declared := range l.entries("axes") {
		if !declared.whole() {
			continue
		}
		s, ok := l.exp.Axes[i].setting()
		if !ok {
			continue
		}
		own := block.field(declared.name())
		used, reached := 0, 0
		for _, p := range l.exp.givenParts(block, b) {
			f := own
			if p.cell != nil && p.cell.written(declared.name()) {
				f = p.cell.field(declared.name())
			}
			for _, n := range l.entries(s.section) {
				if f == nil || !s.touches(s.section, n.name()) || !l.uses(b, p.of, s.section, n.name()) {
					continue
				}
				if f == own {
					used++
				}
				if l.exp.Axes[i].without[n.name()] {
					continue
				}
				if f == own {
					reached++
				}
				l.checkSet(declared.field("sets"), n, s, oneOrMore(f), p.of)
			}
		}
		audits := block.field("audit")
		idle := s.section == "audits" && (audits == nil || audits.whole()) // a block may have none
		if (used > 0 || idle) && reached == 0 && own.ok() {
			l.wrong(own, own.label, "nothing that the block uses has the setting %q; leave the axis out here", l.exp.Axes[i].Sets)
		}
	}
}

// givenPart is a part of a block as it is written.
type givenPart struct {
	cell *node // of include; nil: the product
	of   valuesOf
}

// givenParts are the parts of a block with the cells of include as they are written, whether or not they are whole. What a cell leaves
// out is as the block has it.
func (e *Experiment) givenParts(block *node, b *Block) []givenPart {
	out := []givenPart{{nil, e.parts(b)[0]}}
	for _, cell := range oneOrMore(block.field("include")) {
		out = append(out, givenPart{cell, func(axis string) []Value {
			if !cell.written(axis) {
				return e.mayBe(axis, b.values(axis))
			}
			if f := cell.field(axis); f.ok() {
				return e.MayBe(axis, value(f))
			}
			return nil
		}})
	}
	return out
}

// checkSet checks values of an axis against the field of one entry that they are put into, in some cells of a block.
func (l *loader) checkSet(sets, entry *node, s setting, values []*node, of valuesOf) {
	r := l.ruleAt(entry, s)
	if r == nil {
		return
	}
	if r == noRule {
		suggestion := l.fieldHint(entry, s)
		if all := texts(entry.field("all")); s.section == "audits" && len(all) > 0 {
			suggestion = " of its own: its audits " + quoteAll(all) + " have theirs"
		}
		l.rep.add(joinPath(sets.path), sets.at, "%s has no field %q%s", joinPath(entry.path), strings.Join(s.field, "."), suggestion)
		return
	}
	if _, path := r.marked("path"); path {
		what := "an entry"
		switch s.section {
		case "datasets":
			what = "a data set"
		case "metrics":
			what = "a metric"
		case "audits":
			what = "an audit"
		}
		l.rep.add(joinPath(sets.path), sets.at, "an axis cannot set a path; declare %s for each file", what)
		return
	}
	local := func(field []string) bool { return hasPrefix(s.field[1:], field) }
	if s.field[0] == "with" && slices.ContainsFunc(l.settingsRule(entry).localFields(), local) {
		l.rep.add(joinPath(sets.path), sets.at, "an axis cannot set what decides no result")
		return
	}
	for _, v := range values {
		if !v.ok() || l.exp.SearchOf(value(v)) != nil {
			continue
		}
		trial := *v
		before := len(l.rep.mistakes)
		l.check(&trial, r)
		if len(l.rep.mistakes) > before {
			continue // the value stays whole, so that other checks of it go on
		}
		l.checkMarked(&trial, r, of)
		there := len(l.rep.mistakes) == before
		l.checkBuild(entry, s, v)
		if there { // else it names what there is not
			l.checkVaried(entry, s, v, of)
		}
	}
}

// checkMarked checks what a value of an axis refers to in some cells of a block.
func (l *loader) checkMarked(v *node, r *rule, of valuesOf) {
	if _, ok := r.marked("llm"); ok {
		l.checkLLM(v)
	}
	arg, ok := r.marked("column")
	if !ok || v.kind != cue.StringKind {
		return
	}
	fault := l.columnFault
	if arg == "pattern" && isPattern(v.text) {
		fault = l.patternFault
	}
	for _, d := range of("dataset") {
		if what := fault(v, d.Text); what != "" {
			l.wrong(v, v.at, "%s", what)
		}
	}
}

// noRule marks a field that a schema does not have.
var noRule = &rule{kinds: cue.BottomKind}

// ruleAt returns the rule of a field of an entry; nil when it cannot be known, noRule when there is no such field.
func (l *loader) ruleAt(entry *node, s setting) *rule {
	if s.section == "audits" && entry.field("all") != nil && !ofAll(s.field) {
		return noRule
	}
	r := l.schemas.top.child(s.section).other
	for _, name := range s.field {
		r = r.container()
		next := r.child(name)
		if r.kinds == cue.ListKind {
			if next = r.index(name); next != nil { // what marks a list marks its elements
				element := *next
				element.marks = append(slices.Clone(r.marks), next.marks...)
				next = &element
			}
		}
		if next == nil {
			return noRule
		}
		if r = next; r.settings() != "" {
			use := entry.field("use")
			if !use.ok() || l.schemas.plugin(r.settings(), use.text) == nil {
				return nil
			}
			r = l.schemas.rule(r.settings(), use.text)
		}
	}
	return r
}

// container returns the alternative of a rule that has fields or elements.
func (r *rule) container() *rule {
	for _, a := range r.alts {
		if a.kinds&(cue.StructKind|cue.ListKind) != 0 {
			return a
		}
	}
	return r
}

// fieldHint suggests a field near the one that an entry does not have.
func (l *loader) fieldHint(entry *node, s setting) string {
	up := s
	up.field = s.field[:len(s.field)-1]
	if len(up.field) == 0 {
		return ""
	}
	if r := l.ruleAt(entry, up); r != nil {
		return didYouMean(s.field[len(s.field)-1], r.names())
	}
	return ""
}

// checkBuild makes the plugin with a value of an axis put in: a constructor may want more than the schema says.
func (l *loader) checkBuild(entry *node, s setting, v *node) {
	before := l.found.built[indexKey(entry.path)]
	if s.field[0] != "with" || before == nil {
		return
	}
	p := l.schemas.plugin(l.schemas.top.child(s.section).other.child("with").settings(), before.info.Name)
	with, err := setIn(l.withOf(entry), s.field[1:], value(v))
	if err != nil {
		l.rep.add(joinPath(v.path), v.at, "%v", err)
		return
	}
	made, err := l.build(entry.field("use"), p, with)
	switch {
	case err != nil:
		l.rep.add(joinPath(v.path), v.at, "%s: %v", joinPath(entry.path), err)
	case made != nil && !slices.Equal(made.subsets, before.subsets):
		l.rep.add(joinPath(v.path), v.at, "changes which subsets %s offers; declare a feature set for each", joinPath(entry.path))
	case made != nil:
		l.noteModel(entry, v, made.plugin)
	}
}

// withOf is the with block of an entry as its plugin is built from it.
func (l *loader) withOf(entry *node) []byte {
	with := entry.field("with")
	if with == nil {
		with = &node{path: entry.below("with"), kind: cue.StructKind}
	}
	return l.complete(with)
}

// index returns the rule of an element of a list, given its number.
func (r *rule) index(name string) *rule {
	i, err := strconv.Atoi(name)
	if err != nil || i < 0 {
		return nil
	}
	if i < len(r.fixed) {
		return r.fixed[i]
	}
	return r.elem
}
