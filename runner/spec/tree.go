package spec

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"
)

// node is one evaluated value of the user's files, with its places. Everything after evaluation works on nodes.
type node struct {
	path   []string
	label  where // of its name
	at     where // of what is written for it
	origin where // of a text: where it stands itself, though at may refer to it
	state  state
	kind   cue.Kind // one concrete kind; meaningless unless state is settled
	text   string   // of a text; the canonical JSON of a number
	truth  bool
	fields []*node // of a block, in order of first mention
	items  []*node // of a list
	part   bool    // a block or list that may lack entries: a name that nothing declares would have given them
	lacks  bool    // a block without a field that it needs, as was reported
}

type state uint8

const (
	settled state = iota
	open          // no definite value: reported where a value is needed
	bad           // wrong, and reported already
)

func (n *node) name() string { return n.path[len(n.path)-1] }

// below is the path of a field or element of n.
func (n *node) below(name string) []string { return append(n.path[:len(n.path):len(n.path)], name) }

// field returns a field of a block, or nil. It may be called on nil.
func (n *node) field(name string) *node {
	if n == nil || n.state != settled {
		return nil
	}
	for _, f := range n.fields {
		if f.name() == name {
			return f
		}
	}
	return nil
}

// find follows a path of field names and list indices; nil when it leads nowhere.
func (n *node) find(path ...string) *node {
	for _, p := range path {
		if n == nil {
			return nil
		}
		if n.kind == cue.ListKind {
			i, err := strconv.Atoi(p)
			if err != nil || i < 0 || i >= len(n.items) {
				return nil
			}
			n = n.items[i]
			continue
		}
		n = n.field(p)
	}
	return n
}

// ok reports whether a node is there and right as far as it was checked.
func (n *node) ok() bool { return n != nil && n.state == settled }

// is reports whether a node is there, right, and of a kind.
func (n *node) is(k cue.Kind) bool { return n.ok() && n.kind&k != 0 }

// whole reports whether a node and everything below it is right.
func (n *node) whole() bool {
	if !n.ok() || n.lacks {
		return false
	}
	for _, f := range n.fields {
		if !f.whole() {
			return false
		}
	}
	for _, f := range n.items {
		if !f.whole() {
			return false
		}
	}
	return true
}

func (n *node) number() float64 {
	f, _ := strconv.ParseFloat(n.text, 64)
	return f
}

// plain returns the value as encoding/json would decode it, with exact numbers.
func (n *node) plain() any {
	switch n.kind {
	case cue.StructKind:
		m := make(map[string]any, len(n.fields))
		for _, f := range n.fields {
			m[f.name()] = f.plain()
		}
		return m
	case cue.ListKind:
		l := make([]any, len(n.items))
		for i, e := range n.items {
			l[i] = e.plain()
		}
		return l
	case cue.BoolKind:
		return n.truth
	case cue.NullKind:
		return nil
	case cue.StringKind:
		return n.text
	}
	return json.Number(n.text)
}

// json is the value with sorted keys.
func (n *node) json() json.RawMessage {
	b, err := json.Marshal(n.plain())
	if err != nil {
		panic(fmt.Sprintf("%s: %v", joinPath(n.path), err)) // plain makes nothing that JSON lacks
	}
	return b
}

// evaluator turns the user's files into nodes.
type evaluator struct {
	*sources
	rep    *reporter
	index  index
	failed map[string]bool // paths with an error that was reported
	wrong  map[string]bool // names at the top, which others may refer to, with such an error in them
	faults map[where]bool  // places of such errors
}

// evaluate returns the value of the files; mistakes in them go to rep. The value is nil when there is none.
func evaluate(ctx *cue.Context, s *sources, rep *reporter) *node {
	v := s.build(ctx, rep)
	e := &evaluator{sources: s, rep: rep, index: newIndex(s.files), failed: map[string]bool{}, wrong: map[string]bool{}, faults: map[where]bool{}}
	e.errors(v)
	e.spread()
	if v.IncompleteKind()&cue.StructKind == 0 || v.IncompleteKind() == cue.TopKind {
		if _, err := v.Fields(); err != nil {
			if len(rep.mistakes) == 0 {
				rep.add("", e.start(), "an experiment is a block of fields: %v", err)
			}
			return nil
		}
	}
	root := e.node(v, nil, nil)
	root.label, root.at = e.start(), e.start()
	return root
}

// start is the first place of the first file of the experiment itself.
func (s *sources) start() where { return where{file: s.files[s.own].Filename, line: 1, column: 1} }

// build compiles the files as one package. What does not compile gives a mistake and is left out.
func (s *sources) build(ctx *cue.Context, rep *reporter) cue.Value {
	for {
		inst := build.NewContext().NewInstance(s.dir, nil)
		for _, f := range s.files {
			if err := inst.AddSyntax(f); err != nil {
				rep.add("", s.start(), "%v", err)
			}
		}
		_ = inst.Complete() // what it finds comes back from BuildInstance
		v := ctx.BuildInstance(inst)
		repaired := false
		if _, err := v.Fields(); err != nil {
			for _, e := range errors.Errors(v.Err()) {
				if p := e.Position(); len(e.InputPositions()) == 0 && p.IsValid() {
					format, args := e.Msg()
					if s.leaveOut(p) {
						rep.add(joinPath(e.Path()), whereOf(p), "%s", firstLine(fmt.Sprintf(format, args...)))
						repaired = true
					}
				}
			}
		}
		if !repaired {
			return v
		}
	}
}

// leaveOut removes the let clause or import at a place, or else the top-level part around it.
func (s *sources) leaveOut(p token.Pos) bool {
	for _, f := range s.files {
		if f.Filename != p.Filename() {
			continue
		}
		around := func(n ast.Node) bool {
			return n.Pos().Offset() <= p.Offset() && p.Offset() < n.End().Offset()
		}
		found := false
		ast.Walk(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.StructLit); ok {
				before := len(lit.Elts)
				lit.Elts = slices.DeleteFunc(lit.Elts, func(d ast.Decl) bool {
					_, let := d.(*ast.LetClause)
					return let && d.Pos().Offset() == p.Offset()
				})
				found = found || len(lit.Elts) < before
			}
			return !found
		}, nil)
		if found {
			return true
		}
		for i, d := range f.Decls {
			if !around(d) {
				continue
			}
			if group, ok := d.(*ast.ImportDecl); ok && len(group.Specs) > 1 {
				group.Specs = slices.DeleteFunc(group.Specs, func(spec *ast.ImportSpec) bool { return around(spec) })
				return true
			}
			if field, ok := d.(*ast.Field); ok {
				if name, _, err := ast.LabelName(field.Label); err == nil {
					s.broken[name] = true
				}
			}
			f.Decls = slices.Delete(f.Decls, i, i+1)
			return true
		}
	}
	return false
}

// errors reports what contradicts itself in the user's own files, once each place.
func (e *evaluator) errors(v cue.Value) {
	all := errors.Errors(v.Validate())
	contradictions := e.contradictions(all)
	said := map[string]bool{} // by place: what was reported
	for _, err := range all {
		path := err.Path()
		e.failed[indexKey(path)] = true
		if len(path) > 0 {
			e.wrong[path[0]] = true
		}
		at, guessed := token.NoPos, false
		for _, p := range append(err.InputPositions(), err.Position()) {
			guessed = guessed || e.guessed(p)
			// the later of two places is the one that contradicts
			if p.IsValid() && (!at.IsValid() || e.order[p.Filename()] > e.order[at.Filename()] || p.Filename() == at.Filename() && p.Offset() > at.Offset()) {
				at = p
			}
		}
		if guessed || contradictions.consequence(err) {
			continue
		}
		message, where := contradictions.told(err, e.placeOf(path, at))
		e.faults[where] = true
		key := fmt.Sprint(where, message)
		// a text that holds a wrong value is wrong in consequence
		if said[key] || message == interpolation && slices.ContainsFunc(all, isCause) {
			continue
		}
		said[key] = true
		if message == "field not allowed" {
			message = "no such field in the definition that is used here"
		}
		e.rep.add(joinPath(path), where, "%s", message)
	}
}

// placeOf is the place of an error: where CUE has it, else where its path is mentioned last, else the start of the experiment.
func (e *evaluator) placeOf(path []string, at token.Pos) where {
	if w := whereOf(at); w.known() {
		return w
	}
	if all := e.index[indexKey(path)]; len(all) > 0 {
		return whereOf(all[len(all)-1].value.Pos())
	}
	return e.start()
}

const interpolation = "invalid interpolation" // as CUE says it

// isCause reports whether an error may be why a text that holds the value is wrong.
func isCause(err errors.Error) bool {
	message, _ := err.Msg()
	return message != interpolation
}

func firstLine(s string) string {
	for i, c := range s {
		if c == '\n' {
			return s[:i]
		}
	}
	return s
}

// node converts a value, parent being the node around it.
func (e *evaluator) node(v cue.Value, path []string, parent *node) *node {
	if d, ok := v.Default(); ok {
		v = d
	}
	n := &node{path: path}
	e.places(n, v, parent)
	if e.failed[indexKey(path)] {
		n.state = bad
		return n
	}
	if e.children(n, v) {
		return n
	}
	if e.faults[n.at] && v.Err() != nil {
		n.state = bad
		return n
	}
	switch n.kind = v.Kind(); n.kind {
	case cue.StringKind:
		n.text, _ = v.String()
		if n.origin = whereWritten(v); e.shown[n.origin.file] == "" {
			n.origin = n.at
		}
	case cue.BoolKind:
		n.truth, _ = v.Bool()
	case cue.IntKind, cue.FloatKind:
		e.number(n, v)
	case cue.NullKind, cue.BytesKind:
	default:
		e.unsettled(n, v)
	}
	return n
}

// children fills in the fields of a block or the elements of a list, and reports whether v is one of them.
// A block with a wrong field is itself an error to CUE; its other fields are there all the same.
func (e *evaluator) children(n *node, v cue.Value) bool {
	kind := v.IncompleteKind()
	if kind != cue.StructKind && kind != cue.ListKind && (kind != cue.BottomKind || v.Err() == nil) {
		return false
	}
	it, err := fieldsOrElements(v, kind)
	if err != nil {
		return false
	}
	n.kind = cue.StructKind
	if kind == cue.ListKind {
		n.kind = cue.ListKind
	}
	for it.Next() {
		if it.Selector().LabelType() == cue.IndexLabel {
			n.kind = cue.ListKind
			at := strconv.Itoa(len(n.items))
			n.items = append(n.items, e.node(it.Value(), n.below(at), n))
			continue
		}
		n.fields = append(n.fields, e.node(it.Value(), n.below(it.Selector().Unquoted()), n))
	}
	n.part = e.baseless || e.lacksEntries(n)
	if kind == cue.BottomKind {
		e.ownError(n, v)
	}
	e.sortByMention(n.fields)
	return kind != cue.BottomKind || len(n.items)+len(n.fields) > 0
}

// lacksEntries reports whether a replaced name stands directly in a block or list: in a loop, condition or embedding.
func (e *evaluator) lacksEntries(n *node) bool {
	for _, m := range e.index[indexKey(n.path)] {
		for _, g := range e.guesses {
			if p := m.value.Pos(); p.Filename() == g.file && p.Offset() == g.from {
				return true
			}
		}
	}
	return false
}

// ownError reports what keeps a block or list itself from being complete, such as a loop over no definite value.
func (e *evaluator) ownError(n *node, v cue.Value) {
	if n.part {
		return
	}
	for _, err := range errors.Errors(v.Err()) {
		if indexKey(err.Path()) != indexKey(n.path) || e.guessed(err.Position()) {
			continue
		}
		format, args := err.Msg()
		e.rep.add(joinPath(n.path), n.at, "%s", firstLine(fmt.Sprintf(format, args...)))
		e.failed[indexKey(n.path)] = true
		n.part = true
		return
	}
}

func fieldsOrElements(v cue.Value, kind cue.Kind) (*cue.Iterator, error) {
	if kind == cue.ListKind {
		it, err := v.List()
		return &it, err
	}
	return v.Fields()
}

// sortByMention orders fields by where their names stand first; CUE orders the fields of unified blocks otherwise.
func (e *evaluator) sortByMention(fields []*node) {
	slices.SortStableFunc(fields, func(a, b *node) int {
		if !a.label.known() || !b.label.known() {
			return 0
		}
		if d := e.order[a.label.file] - e.order[b.label.file]; d != 0 {
			return d
		}
		if d := a.label.line - b.label.line; d != 0 {
			return d
		}
		return a.label.column - b.label.column
	})
}

// places finds where a node is written: by the user's syntax, else by CUE, else where its parent is.
func (e *evaluator) places(n *node, v cue.Value, parent *node) {
	if m, ok := e.index.deciding(n.path, v); ok {
		n.label, n.at = m.label, whereOf(m.value.Pos())
		return
	}
	switch src := v.Source().(type) {
	case *ast.Field:
		n.label, n.at = whereOf(src.Label.Pos()), whereOf(src.Value.Pos())
	case ast.Expr:
		n.label, n.at = whereOf(src.Pos()), whereOf(src.Pos())
	default:
		n.label, n.at = whereOf(v.Pos()), whereOf(v.Pos())
	}
	if parent != nil && !n.label.known() {
		n.label, n.at = parent.label, parent.at
	}
	if !n.at.known() {
		n.at = n.label
	}
}

// whereWritten is where the text of a value stands: all that it refers to is followed.
func whereWritten(v cue.Value) where {
	source := v.Eval().Source()
	if f, ok := source.(*ast.Field); ok {
		source = f.Value
	}
	if source == nil {
		return where{}
	}
	return whereOf(source.Pos())
}

// number stores a number in canonical JSON: shortest, and exact when it is whole.
func (e *evaluator) number(n *node, v cue.Value) {
	if n.kind == cue.IntKind {
		var i big.Int
		if _, err := v.Int(&i); err == nil {
			n.text = i.String()
			return
		}
	}
	f, err := v.Float64()
	if err != nil && f == 0 || math.IsInf(f, 0) {
		n.state = bad
		e.rep.add(joinPath(n.path), n.at, "number is out of range")
		return
	}
	if f == 0 {
		f = 0 // no negative zero
	}
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		n.text = strconv.FormatFloat(f, 'f', -1, 64)
		return
	}
	n.text = strconv.FormatFloat(f, 'g', -1, 64)
}

// unsettled marks a node without a definite value. It is reported later, if a value is needed; not at all when
// a name that nothing declares is the reason, or one that contradicts itself, or may be what an experiment extends and that cannot be read.
func (e *evaluator) unsettled(n *node, v cue.Value) {
	n.state = open
	if e.baseless {
		n.state = bad
		return
	}
	var written ast.Node = v.Source()
	if m, ok := e.index.deciding(n.path, v); ok {
		written = m.value
	}
	if f, ok := written.(*ast.Field); ok {
		written = f.Value
	}
	if written == nil {
		return
	}
	if e.rests(written) {
		n.state = bad
	}
	if len(e.guesses) == 0 {
		return
	}
	ast.Walk(written, func(child ast.Node) bool {
		if id, ok := child.(*ast.Ident); ok && (id.Name == "_" || !predeclared[id.Name]) {
			n.state = bad
		}
		return n.state != bad
	}, nil)
}
