package spec

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
)

// checker walks the user's value along the rules. Each mistake gives one message, and the node is marked
// bad so that nothing that rests on it is reported again.
type checker struct {
	rep     *reporter
	ctx     *cue.Context
	opts    Options
	broken  map[string]bool // top-level names that may be written in a part with a syntax error
	schemas *schemaSet
	found   *findings
}

// findings are the marked values that a check came by, for checks that need more than one value.
type findings struct {
	columns  []*node           // names of columns
	patterns []*node           // names of columns with "*" or "?" in them
	groups   []groupName       // names of groups of columns
	llms     []*node           // names of llms
	paths    []*node           // files and folders, expanded
	blanks   map[string]string // by the path of a with block: its field that the llm axis fills
	built    map[string]*built // plugins with right settings, by the path of the entry that names them

	sections []*rule // sections of the experiment that are missing
	written  written // what is kept of the files
}

// groupName is the name of a group of columns: one of a data set, or a field of a block beside it.
type groupName struct {
	node *node
	own  []string // the path of that block; nil when there is none
}

func newFindings() *findings {
	return &findings{blanks: map[string]string{}, built: map[string]*built{}}
}

func (c *checker) wrong(n *node, at where, format string, args ...any) {
	n.state = bad
	c.rep.add(joinPath(n.path), at, format, args...)
}

// check compares a node with a rule.
func (c *checker) check(n *node, r *rule) {
	if n.state == bad {
		return
	}
	if n.state == open {
		c.wrong(n, n.at, "must be %s; it has no definite value", c.wanted(r))
		return
	}
	if _, ok := r.marked("text"); ok {
		c.resolveText(n)
		if n.state == bad {
			return
		}
	}
	if len(r.alts) > 0 {
		c.alternatives(n, r)
		return
	}
	if !c.kind(n, r) {
		return
	}
	switch {
	case r.kinds == cue.TopKind && len(r.judges) == 0:
		c.free(n)
	case n.kind == cue.StructKind:
		c.block(n, r)
	case n.kind == cue.ListKind:
		c.list(n, r)
	default:
		c.leaf(n, r)
	}
	if n.ok() {
		c.judged(n, r)
	}
	if n.ok() {
		c.marks(n, r)
	}
}

// kind reports whether a node is of a kind that the rule allows. A number like 1e4 is a whole number too.
func (c *checker) kind(n *node, r *rule) bool {
	if r.kinds&n.kind != 0 {
		return true
	}
	if n.kind == cue.FloatKind && r.kinds&cue.IntKind != 0 {
		if _, err := strconv.ParseInt(n.text, 10, 64); err == nil {
			n.kind = cue.IntKind
			return true
		}
		c.wrong(n, n.at, "must be a whole number, not %s", n.text)
		return false
	}
	c.wrong(n, n.at, "must be %s, not %s", c.wanted(r), kindWords(n.kind))
	return false
}

// wanted says what a rule allows.
func (c *checker) wanted(r *rule) string {
	if _, ok := r.marked("text"); ok {
		return "a text or {file: PATH}"
	}
	if len(r.alts) == 0 {
		if r.equal != nil {
			return r.equal.shown
		}
		if r.kinds == cue.StructKind && len(r.fields) == 1 {
			return fmt.Sprintf("{%s: …}", r.fields[0].key)
		}
		return kindWords(r.kinds)
	}
	if lits := literals(r); len(lits) == len(r.alts) {
		return "one of " + strings.Join(lits, ", ")
	}
	var words []string
	for _, a := range r.alts {
		if w := c.wanted(a); !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	return orList(words)
}

// literals lists the alternatives that are spelled out.
func literals(r *rule) []string {
	var lits []string
	for _, a := range r.alts {
		if a.equal != nil {
			lits = append(lits, a.equal.shown)
		}
	}
	return lits
}

// alternatives checks a node against the alternatives of its kind.
func (c *checker) alternatives(n *node, r *rule) {
	var fit []*rule
	for _, a := range r.alts {
		if a.kinds&n.kind != 0 || n.kind == cue.FloatKind && a.kinds&cue.IntKind != 0 {
			fit = append(fit, a)
		}
	}
	lits := literals(r)
	switch {
	case len(fit) == 0:
		if len(lits) == len(r.alts) {
			c.wrong(n, n.at, "must be one of %s, not %s", strings.Join(lits, ", "), kindWords(n.kind))
			return
		}
		c.wrong(n, n.at, "must be %s, not %s", c.wanted(r), kindWords(n.kind))
	case len(fit) == 1 && fit[0].equal == nil:
		c.check(n, fit[0])
	default:
		c.choose(n, r, fit, lits)
	}
}

// choose takes the first alternative that a node meets in full.
func (c *checker) choose(n *node, r *rule, fit []*rule, lits []string) {
	for _, a := range fit {
		if c.accepts(n, a) {
			c.check(n, a)
			return
		}
	}
	if len(lits) == 0 || !slices.ContainsFunc(fit, func(a *rule) bool { return a.equal != nil }) {
		c.check(n, fit[0])
		return
	}
	var known []string
	for _, a := range fit {
		if a.equal != nil && n.kind == cue.StringKind {
			known = append(known, a.equal.text)
		}
	}
	suggestion := ""
	if len(known) > 1 { // the only one is what it must be
		suggestion = didYouMean(n.text, known)
	}
	c.wrong(n, n.at, "must be %s%s", c.wanted(r), suggestion)
}

// accepts reports whether a node would pass a rule, without consequence.
func (c *checker) accepts(n *node, r *rule) bool {
	trial := *c
	trial.rep, trial.found = &reporter{sources: c.rep.sources}, newFindings()
	trial.check(n.copy(), r)
	return len(trial.rep.mistakes) == 0
}

// copy returns a node that can be checked without consequence.
func (n *node) copy() *node {
	out := *n
	out.fields, out.items = make([]*node, len(n.fields)), make([]*node, len(n.items))
	for i, f := range n.fields {
		out.fields[i] = f.copy()
	}
	for i, f := range n.items {
		out.items[i] = f.copy()
	}
	return &out
}

// block checks the fields of a block: those that are there, then those that are missing.
func (c *checker) block(n *node, r *rule) {
	for _, f := range n.fields {
		rule := r.child(f.name())
		switch {
		case rule != nil && rule.settings() != "" && f.ok():
			c.kind(f, rule) // c.plugin checks what it holds
		case rule != nil:
			c.check(f, rule)
		case r.anyOf:
			c.free(f)
		case f.state == bad: // reported already
		case len(n.path) == 0 && inBlocks[f.name()] != "":
			c.wrong(f, f.label, "no such field; it belongs to a block of the matrix, such as matrix: [{%s: %s}]", f.name(), inBlocks[f.name()])
		default:
			c.wrong(f, f.label, "no such field%s", hint(f.name(), "the fields here are", r.names()))
		}
	}
	for _, f := range r.fields {
		if !f.needed || n.part || c.has(n, f.key) {
			continue
		}
		if _, llm := f.marked("llm"); llm && n.path[0] == "strategies" { // what else asks models names them itself
			c.found.blanks[indexKey(n.path)] = f.key
			continue
		}
		n.lacks = true
		if len(n.path) == 0 {
			c.found.sections = append(c.found.sections, f)
			continue
		}
		c.rep.add(joinPath(n.below(f.key)), n.label, "missing; it must be %s", c.wanted(f)+llmWords(f))
	}
	c.plugin(n, r)
}

// llmWords say, of a field that names models, what it names.
func llmWords(f *rule) string {
	if _, llm := f.marked("llm"); llm {
		return " of llms: the axis llm names those of strategies alone"
	}
	return ""
}

// has reports whether a field is written, or would be if the file had no syntax error.
func (c *checker) has(n *node, key string) bool {
	if len(n.path) == 0 && c.broken[key] {
		return true
	}
	return slices.ContainsFunc(n.fields, func(f *node) bool { return f.name() == key })
}

// free checks a value that the schema leaves open: it must be definite, no more.
func (c *checker) free(n *node) {
	if n.state == open {
		c.wrong(n, n.at, "it has no definite value")
	} else if n.kind == cue.BytesKind {
		c.wrong(n, n.at, "must be a text, not bytes")
	}
	for _, f := range n.fields {
		c.free(f)
	}
	for _, f := range n.items {
		c.free(f)
	}
}

func (c *checker) list(n *node, r *rule) {
	for i, e := range n.items {
		switch {
		case i < len(r.fixed):
			c.check(e, r.fixed[i])
		case r.elem != nil:
			c.check(e, r.elem)
		default:
			c.wrong(e, e.at, "one value too many; the list has %d", len(r.fixed))
		}
	}
	if len(n.items) < len(r.fixed) && !n.part {
		c.wrong(n, n.at, "must have at least %s, not %d", count(len(r.fixed), "value"), len(n.items))
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// leaf checks a text, number or truth value against what is spelled out and the bounds.
func (c *checker) leaf(n *node, r *rule) {
	if r.equal != nil && !n.equals(r.equal) {
		c.wrong(n, n.at, "must be %s", r.equal.shown) // there is nothing else that could be meant
		return
	}
	var words []string
	failed := false
	for _, b := range r.bounds {
		words = append(words, r.boundWords(b))
		failed = failed || !b.holds(n)
	}
	if failed {
		all := strings.Join(words, " and ")
		c.wrong(n, n.at, "must %s, not %s", strings.ReplaceAll(all, " and be ", " and "), n.quoted())
	}
}

// quoted is a single value as it stands in an experiment file.
func (n *node) quoted() string {
	switch n.kind {
	case cue.StringKind:
		return strconv.Quote(n.text)
	case cue.BoolKind:
		return strconv.FormatBool(n.truth)
	}
	return n.text
}

func (n *node) equals(l *literal) bool {
	switch n.kind {
	case cue.StringKind:
		return l.kind == cue.StringKind && l.text == n.text
	case cue.BoolKind:
		return l.shown == strconv.FormatBool(n.truth)
	case cue.NullKind:
		return l.shown == "null"
	}
	f, err := strconv.ParseFloat(l.shown, 64)
	return err == nil && f == n.number()
}

// judged leaves to CUE what the rules cannot express.
func (c *checker) judged(n *node, r *rule) {
	for _, j := range r.judges {
		if !n.whole() {
			return
		}
		v := c.ctx.Encode(n.plain())
		if v.Unify(j.v).Validate(cue.Concrete(true)) != nil {
			c.wrong(n, n.at, "must satisfy %s", j.shown)
			return
		}
	}
}

// The experiment's own name lacks the "@": EXPERIMENT@vN names a version of its results.
var (
	namePattern  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)
	entryPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_@-]*$`)
)

const maxName = 100 // bytes: names become those of files

// nameFault says what is wrong with a name, or "".
func nameFault(name string, pattern *regexp.Regexp) string {
	at := ""
	if pattern == entryPattern {
		at = `, "@"`
	}
	switch {
	case !pattern.MatchString(name):
		return `a name is made of letters, digits` + at + `, "-" and "_", and starts with a letter or digit`
	case len(name) > maxName:
		return fmt.Sprintf("a name has at most %d characters, not %d", maxName, len(name))
	}
	return ""
}

// marks acts on the attributes of a field that is otherwise right.
func (c *checker) marks(n *node, r *rule) {
	for _, m := range r.marks {
		switch m.name {
		case "name":
			if fault := nameFault(n.text, namePattern); fault != "" {
				c.wrong(n, n.at, "%s", fault)
			}
		case "top":
			c.wrong(n, n.label, "must stand at the top of a file, outside braces and conditions: it is read before anything is computed")
		case "names":
			c.names(n)
		case "path":
			c.each(n, c.resolvePath)
		case "column":
			if m.arg == "pattern" {
				c.each(n, c.notePattern)
			} else {
				c.each(n, c.noteColumn)
			}
		case "group":
			var own []string
			if m.arg != "" {
				own = append(slices.Clone(n.path[:len(n.path)-1]), m.arg)
			}
			c.each(n, func(e *node) { c.found.groups = append(c.found.groups, groupName{e, own}) })
		case "llm":
			c.each(n, c.noteLLM)
		}
	}
}

func (c *checker) names(n *node) {
	for _, f := range n.fields {
		if fault := nameFault(f.name(), entryPattern); fault != "" {
			c.wrong(f, f.label, "%s", fault)
		}
	}
	if len(n.fields) == 0 && !n.part && slices.Contains(needed, joinPath(n.path)) {
		c.wrong(n, n.at, "must have at least one entry")
	}
}

// needed are the sections without which there is no cell.
var needed = []string{"datasets", "features", "strategies", "metrics"}

// each applies f to a text, or to the texts of a list.
func (c *checker) each(n *node, f func(*node)) {
	if n.is(cue.ListKind) {
		for _, e := range n.items {
			c.each(e, f)
		}
	} else if n.is(cue.StringKind) {
		f(n)
	}
}
