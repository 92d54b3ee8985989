package spec

import (
	"encoding/json"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/cohort"
	"github.com/ehrlab/ehrlab/plugins/prepare"
	"github.com/ehrlab/ehrlab/plugins/split"
)

// decode fills the Experiment from the nodes; what is wrong or missing keeps its zero value. Blocks of the
// matrix are decoded by checkMatrix, which knows the axes.
func (l *loader) decode() {
	e, r := l.exp, l.root
	e.Name, e.Title, e.Description = text(r.field("name")), text(r.field("title")), text(r.field("description"))
	for _, n := range l.entries("datasets") {
		e.Datasets = append(e.Datasets, l.dataset(n))
	}
	for _, n := range l.entries("features") {
		f := FeatureSet{Use: l.decodeUse(n), Allow: texts(n.field("allow"))}
		f.subsets, _ = l.subsets(n)
		e.Features = append(e.Features, f)
	}
	for _, n := range l.entries("llms") {
		e.LLMs = append(e.LLMs, l.llm(n))
	}
	e.Budget = budget(r.field("budget"))
	for _, n := range l.entries("sites") {
		e.Sites = append(e.Sites, sites(n))
	}
	for _, n := range l.entries("strategies") {
		e.Strategies = append(e.Strategies, l.decodeUse(n))
	}
	for _, n := range l.entries("audits") {
		e.Audits = append(e.Audits, l.audit(n))
	}
	for _, n := range l.entries("metrics") {
		e.Metrics = append(e.Metrics, l.metric(n))
	}
	for _, n := range l.entries("axes") {
		e.Axes = append(e.Axes, Axis{Name: n.name(), Sets: text(n.field("sets"))})
	}
	for _, n := range l.entries("best") {
		e.Best = append(e.Best, search(n))
	}
	for _, n := range l.entries("published") {
		e.Published = append(e.Published, published(n))
	}
	for _, n := range l.entries("tables") {
		e.Tables = append(e.Tables, table(n))
	}
	for _, n := range l.entries("plots") {
		e.Plots = append(e.Plots, plot(n))
	}
	for _, n := range l.entries("checks") {
		e.Checks = append(e.Checks, l.decodeCheck(n))
	}
	for _, n := range l.entries("primary") {
		e.Primary = append(e.Primary, contrast(n))
	}
	e.Inference = inference(r.field("inference"))
}

// entries are the named entries of a section, in order of mention, the wrong ones among them.
func (l *loader) entries(section string) []*node {
	if n := l.root.field(section); n.is(cue.StructKind) {
		return n.fields
	}
	return nil
}

// listed reports whether all entries of a section are known; otherwise a name that is not there may still exist.
func (l *loader) listed(section string) bool {
	n := l.root.field(section)
	if n != nil {
		return n.ok() && !n.part && !l.broken[section]
	}
	if l.broken[section] || l.root.part || l.schemas.top.child(section).needed {
		return false
	}
	for _, f := range l.root.fields { // it may be there under a misspelt name
		if f.state == bad && closest(f.name(), l.schemas.top.names()) == section {
			return false
		}
	}
	return true
}

// decodeUse decodes a plugin with its settings.
func (l *loader) decodeUse(n *node) Use {
	u := Use{Name: n.name(), Use: text(n.field("use"))}
	with := n.field("with")
	if with.whole() && with.kind == cue.StructKind {
		u.With = with.json()
		for _, p := range l.found.paths {
			if hasPrefix(p.path, with.path) {
				u.Paths = append(u.Paths, slices.Clone(p.path[len(with.path):]))
			}
		}
		slices.SortFunc(u.Paths, slices.Compare)
	}
	if field, ok := l.found.blanks[indexKey(n.below("with"))]; ok {
		u.LLM = field
	}
	if b := l.found.built[indexKey(n.path)]; b != nil {
		u.settings = b.settings
	}
	for _, m := range l.found.llms {
		if with != nil && hasPrefix(m.path, with.path) {
			u.models = append(u.models, m.text)
		}
	}
	u.Local = l.settingsRule(n).localFields()
	return u
}

func (l *loader) dataset(n *node) Dataset {
	d := Dataset{
		Use: l.decodeUse(n),
		Row: text(n.field("row")), Subject: text(n.field("subject")), Site: text(n.field("site")), Target: text(n.field("target")),
		Group: texts(n.field("group")), Outcome: texts(n.field("outcome")), Score: texts(n.field("score")), ID: texts(n.field("id")),
		Context: texts(n.field("context")), Minimum: minimum(n.field("minimum")),
		Governance: plugins.Governance(text(n.field("governance"))),
		Licence:    text(n.field("licence")), Citation: text(n.field("citation")), Note: text(n.field("note")),
	}
	if c := n.field("cohort"); c.is(cue.ListKind) {
		for _, f := range c.items {
			d.Cohort = append(d.Cohort, filter(f))
		}
	}
	d.Split = splitConfig(n.field("split"))
	d.Prepare = prepareConfig(n.field("prepare"))
	d.Limits = limits(n.field("limits"))
	return d
}

func prepareConfig(n *node) prepare.Config {
	c := prepare.Config{Missing: prepare.Keep}
	if m := text(n.field("missing")); m != "" {
		c.Missing = m
	}
	if x := n.field("indicator"); x.is(cue.BoolKind) {
		c.Indicator = x.truth
	}
	if v := n.field("winsorise"); v.is(cue.StructKind) {
		c.Winsorise = &prepare.Winsorise{Low: prepare.WinsoriseLow, High: prepare.WinsoriseHigh, Columns: texts(v.field("columns"))}
		if x := v.field("low"); x.is(cue.NumberKind) {
			c.Winsorise.Low = x.number()
		}
		if x := v.field("high"); x.is(cue.NumberKind) {
			c.Winsorise.High = x.number()
		}
	}
	if v := n.field("transform"); v.is(cue.StructKind) && len(v.fields) > 0 {
		c.Transform = map[string]string{}
		for _, f := range v.fields {
			c.Transform[f.name()] = text(f)
		}
	}
	if v := n.field("oneHot"); v.is(cue.StructKind) && len(v.fields) > 0 {
		c.OneHot = map[string]prepare.OneHot{}
		for _, f := range v.fields {
			set := prepare.OneHot{Columns: texts(f.field("columns")), None: text(f.field("none"))}
			if f.is(cue.ListKind) {
				set.Columns = texts(f)
			}
			c.OneHot[f.name()] = set
		}
	}
	if v := n.field("levels"); v.is(cue.StructKind) {
		c.Levels = &prepare.Levels{Min: int(number(v.field("min"))), Other: "OTHER"}
		if o := v.field("other"); o.is(cue.StringKind) {
			c.Levels.Other = o.text
		}
	}
	return c
}

// splitConfig decodes a split. Whether it is by subject is settled once the roles are known.
func splitConfig(n *node) split.Config {
	c := split.Config{
		Train: number(n.field("train")), Validation: number(n.field("validation")), Test: number(n.field("test")), Reference: number(n.field("reference")),
		By: text(n.field("by")), Time: text(n.field("time")), Stratify: texts(n.field("stratify")),
	}
	if seed := n.field("seed"); seed.is(cue.IntKind) {
		_ = json.Unmarshal([]byte(seed.text), &c.Seed) // a seed that does not fit is reported by checkSplit
	}
	if !namesShare(n) {
		c.Train, c.Validation, c.Test, c.Reference = 0.6, 0.1, 0.15, 0.15
	}
	return c
}

func namesShare(n *node) bool {
	for _, p := range plugins.AllParts() {
		if n.field(string(p)) != nil {
			return true
		}
	}
	return false
}

func filter(n *node) cohort.Filter {
	c := condition(n)
	f := cohort.Filter{
		Title: text(n.field("title")), Column: c.Column, Min: c.Min, Max: c.Max, In: c.In, NotIn: c.NotIn, Missing: c.Missing,
		First: text(n.field("first")), By: texts(n.field("by")),
	}
	if any := n.field("any"); any.is(cue.ListKind) {
		for _, x := range any.items {
			f.Any = append(f.Any, condition(x))
		}
	}
	if not := n.field("not"); not.is(cue.StructKind) {
		c := condition(not)
		f.Not = &c
	}
	return f
}

func condition(n *node) cohort.Condition {
	c := cohort.Condition{Column: text(n.field("column")), In: values(n.field("in")), NotIn: values(n.field("notIn"))}
	c.Min, c.Max = optional(n.field("min")), optional(n.field("max"))
	if m := n.field("missing"); m.is(cue.BoolKind) {
		c.Missing = &m.truth
	}
	return c
}

func (l *loader) metric(n *node) Metric {
	m := Metric{Use: l.decodeUse(n)}
	if d := n.field("dims"); d.is(cue.StructKind) && len(d.fields) > 0 {
		m.Dims = map[string]string{}
		for _, f := range d.fields {
			m.Dims[f.name()] = text(f)
		}
	}
	if on := text(n.field("on")); on == string(plugins.Validation) {
		m.On = plugins.Validation
	}
	m.By, m.Groups = texts(n.field("by")), groups(n.field("groups"))
	m.Subsamples = wholeNumber(n.field("subsamples"))
	return m
}

// single decodes axes with one value each.
func single(n *node) map[string]Value {
	if !n.is(cue.StructKind) || len(n.fields) == 0 {
		return nil
	}
	out := map[string]Value{}
	for _, f := range n.fields {
		if f.ok() {
			out[f.name()] = value(f)
		}
	}
	return out
}

// choices decodes axes with one value or a list of values each.
func choices(n *node) map[string][]Value {
	if !n.is(cue.StructKind) || len(n.fields) == 0 {
		return nil
	}
	out := map[string][]Value{}
	for _, f := range n.fields {
		for _, v := range oneOrMore(f) {
			if v.ok() {
				out[f.name()] = append(out[f.name()], value(v))
			}
		}
	}
	return out
}

// oneOrMore returns the elements of a list, or the value itself.
func oneOrMore(n *node) []*node {
	if n.is(cue.ListKind) {
		return n.items
	}
	if n.ok() {
		return []*node{n}
	}
	return nil
}

func text(n *node) string {
	if n.is(cue.StringKind) {
		return n.text
	}
	return ""
}

// texts decodes a text or a list of texts.
func texts(n *node) []string {
	var out []string
	for _, e := range oneOrMore(n) {
		if e.is(cue.StringKind) {
			out = append(out, e.text)
		}
	}
	return out
}

func number(n *node) float64 {
	if n.is(cue.NumberKind) {
		return n.number()
	}
	return 0
}

// optional decodes a number that may be left out.
func optional(n *node) *float64 {
	if !n.is(cue.NumberKind) {
		return nil
	}
	x := n.number()
	return &x
}

// wholeNumber decodes a whole number that may be left out.
func wholeNumber(n *node) *int {
	if !n.is(cue.IntKind) {
		return nil
	}
	x := int(n.number())
	return &x
}

// value decodes a value of an axis.
func value(n *node) Value {
	switch {
	case n.is(cue.BoolKind):
		return Value{Kind: BoolValue, Bool: n.truth}
	case n.is(cue.NumberKind):
		return Value{Kind: NumberValue, Number: n.number()}
	case n.is(cue.StructKind):
		return Value{Kind: PartValue, Text: text(n.field("rows"))}
	}
	return Value{Kind: TextValue, Text: text(n)}
}

// known are names that something may refer to.
type known struct {
	names []string
	all   bool     // there are no others
	maybe []string // prefixes of names that a mistake elsewhere keeps from being known
}

func (k known) has(name string) bool {
	for _, n := range k.names {
		if n == name {
			return true
		}
	}
	return false
}

// may reports whether a name exists, or may exist once other mistakes are put right.
func (k known) may(name string) bool {
	if !k.all || k.has(name) {
		return true
	}
	for _, p := range k.maybe {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// sectionNames are the names of the entries of a section.
func (l *loader) sectionNames(section string) known {
	k := known{all: l.listed(section)}
	for _, n := range l.entries(section) {
		k.names = append(k.names, n.name())
	}
	return k
}

// subsetNames are the names of all feature subsets.
func (l *loader) subsetNames() known {
	k := known{all: l.listed("features")}
	for _, n := range l.entries("features") {
		suffixes, known := l.subsets(n)
		for _, suffix := range suffixes {
			k.names = append(k.names, n.name()+suffix)
		}
		if !known {
			k.maybe = append(k.maybe, n.name())
		}
	}
	return k
}

// subsets returns the suffixes of the subsets that a feature set offers; false when its settings are wrong.
func (l *loader) subsets(n *node) (suffixes []string, ok bool) {
	if b := l.found.built[indexKey(n.path)]; b != nil {
		return b.subsets, true
	}
	return nil, false
}
