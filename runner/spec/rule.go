package spec

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
)

// rule is what a schema says of one value. Rules are made from CUE once and then checked in Go, because CUE
// stops at the first misspelt field or enum of a block and places what it finds in the schema.
type rule struct {
	v      cue.Value
	kinds  cue.Kind
	alts   []*rule  // alternatives; all else is unset then
	fields []*rule  // of a block; each has a name
	key    string   // the field's name
	needed bool     // the field must be there
	other  *rule    // what a field with any other name must be, or nil when there can be none
	anyOf  bool     // a block that is open to fields of any value
	fixed  []*rule  // the first elements of a list, which must be there
	elem   *rule    // further elements, or nil when there can be none
	equal  *literal // the one value that is allowed
	bounds []bound  // of a number or text
	judges []judge  // constraints that only CUE can check
	marks  []mark   // attributes

	// shut closes a block that has no "..." of its own: CUE does not say that the alternatives of a closed
	// definition are closed too.
	shut bool
}

// literal is a value that a schema spells out.
type literal struct {
	kind  cue.Kind
	text  string // of a text
	shown string // as messages show it
}

// bound compares a number, or matches a text.
type bound struct {
	op      cue.Op
	number  float64
	shown   string // the operand as written
	pattern *regexp.Regexp
}

// judge is a constraint that is left to CUE, such as strings.MinRunes(3).
type judge struct {
	v     cue.Value
	shown string
}

// mark is an attribute such as @plugin(metric).
type mark struct{ name, arg string }

func (r *rule) marked(name string) (arg string, ok bool) {
	for _, m := range r.marks {
		if m.name == name {
			return m.arg, true
		}
	}
	return "", false
}

// newRule reads the value of a definition.
func newRule(v cue.Value) *rule { return readRule(v, false) }

func readRule(v cue.Value, shut bool) *rule {
	r := &rule{v: v, kinds: v.IncompleteKind(), shut: shut}
	for _, a := range v.Attributes(cue.FieldAttr) {
		r.marks = append(r.marks, mark{a.Name(), a.Contents()})
	}
	r.read(v)
	return r
}

func (r *rule) read(v cue.Value) {
	v = cue.Dereference(v)
	op, args := v.Expr()
	switch {
	case op == cue.OrOp:
		for _, a := range args {
			alt := readRule(a, true)
			alt.marks = append(alt.marks, r.marks...)
			r.alts = append(r.alts, alt)
		}
	case v.IncompleteKind() == cue.StructKind:
		r.readBlock(v)
	case op == cue.AndOp:
		r.kinds = cue.TopKind
		for _, a := range args {
			r.kinds &= a.IncompleteKind()
			r.read(a)
		}
	case op == cue.NoOp && v.IncompleteKind() == cue.ListKind:
		r.readList(v)
	case op == cue.NoOp && v.IsConcrete():
		r.equal = &literal{kind: v.Kind(), shown: source(v)}
		r.equal.text, _ = v.String()
	case op == cue.NoOp:
	case len(args) == 1 && r.readBound(op, args[0]):
	default:
		r.judges = append(r.judges, judge{v: v, shown: source(v)})
	}
}

func (r *rule) readBlock(v cue.Value) {
	it, err := v.Fields(cue.Optional(true))
	if err != nil {
		return
	}
	for it.Next() {
		f := readRule(it.Value(), r.shut)
		f.key = it.Selector().Unquoted()
		f.needed = it.FieldType()&cue.RequiredConstraint != 0
		r.fields = append(r.fields, f)
	}
	other := v.LookupPath(cue.MakePath(cue.AnyString))
	switch {
	case !v.Allows(cue.AnyString):
	case other.Exists() && other.IncompleteKind() != cue.TopKind:
		r.other = readRule(other, r.shut)
	default:
		r.anyOf = !r.shut || hasEllipsis(v)
	}
}

// hasEllipsis reports whether a block is written with "...".
func hasEllipsis(v cue.Value) bool {
	src := v.Source()
	if f, ok := src.(*ast.Field); ok {
		src = f.Value
	}
	lit, ok := src.(*ast.StructLit)
	return ok && slices.ContainsFunc(lit.Elts, func(d ast.Decl) bool {
		_, ok := d.(*ast.Ellipsis)
		return ok
	})
}

func (r *rule) readList(v cue.Value) {
	it, err := v.List()
	if err != nil {
		return
	}
	for it.Next() {
		r.fixed = append(r.fixed, readRule(it.Value(), r.shut))
	}
	if e := v.LookupPath(cue.MakePath(cue.AnyIndex)); e.Exists() {
		r.elem = readRule(e, r.shut)
	}
}

// readBound reads a comparison with a literal; false when it is something else.
func (r *rule) readBound(op cue.Op, operand cue.Value) bool {
	if !operand.IsConcrete() {
		return false
	}
	switch op {
	case cue.RegexMatchOp, cue.NotRegexMatchOp:
		text, err := operand.String()
		if err != nil {
			return false
		}
		pattern, err := regexp.Compile(text)
		if err != nil {
			return false
		}
		r.bounds = append(r.bounds, bound{op: op, shown: text, pattern: pattern})
		return true
	case cue.LessThanOp, cue.LessThanEqualOp, cue.GreaterThanOp, cue.GreaterThanEqualOp, cue.NotEqualOp:
		f, err := operand.Float64()
		if operand.IncompleteKind()&cue.NumberKind == 0 || err != nil {
			return false
		}
		r.bounds = append(r.bounds, bound{op: op, number: f, shown: source(operand)})
		return true
	}
	return false
}

// source is a schema value as CUE text on one line.
func source(v cue.Value) string {
	b, err := format.Node(v.Syntax(cue.Raw()), format.Simplify())
	if err != nil {
		return fmt.Sprint(v)
	}
	return strings.Join(strings.Fields(string(b)), " ")
}

// holds reports whether a number or text meets the bound.
func (b bound) holds(n *node) bool {
	if b.pattern != nil {
		return n.kind != cue.StringKind || b.pattern.MatchString(n.text) == (b.op == cue.RegexMatchOp)
	}
	if n.kind&cue.NumberKind == 0 {
		return true
	}
	x := n.number()
	switch b.op {
	case cue.LessThanOp:
		return x < b.number
	case cue.LessThanEqualOp:
		return x <= b.number
	case cue.GreaterThanOp:
		return x > b.number
	case cue.GreaterThanEqualOp:
		return x >= b.number
	}
	return x != b.number
}

func (b bound) words() string {
	switch b.op {
	case cue.RegexMatchOp:
		return "match " + b.shown
	case cue.NotRegexMatchOp:
		return "not match " + b.shown
	case cue.LessThanOp:
		return "be < " + b.shown
	case cue.LessThanEqualOp:
		return "be ≤ " + b.shown
	case cue.GreaterThanOp:
		return "be > " + b.shown
	case cue.GreaterThanEqualOp:
		return "be ≥ " + b.shown
	}
	return "not be " + b.shown
}

// boundWords are the words of a bound; a schema may say in its own what a pattern means.
func (r *rule) boundWords(b bound) string {
	if said, ok := r.marked("say"); ok && b.pattern != nil {
		if text, err := strconv.Unquote(said); err == nil {
			return "be " + text
		}
	}
	return b.words()
}

func (r *rule) child(name string) *rule {
	for _, f := range r.fields {
		if f.key == name {
			return f
		}
	}
	if r.other != nil || r.anyOf || !r.v.Exists() || !r.v.Allows(cue.Str(name)) {
		return r.other
	}
	// a pattern that only some names match
	p := r.v.LookupPath(cue.MakePath(cue.Str(name).Optional()))
	if !p.Exists() || p.IncompleteKind() == cue.TopKind {
		return nil
	}
	return readRule(p, r.shut)
}

func (r *rule) names() []string {
	names := make([]string, len(r.fields))
	for i, f := range r.fields {
		names[i] = f.key
	}
	return names
}
