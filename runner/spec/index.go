package spec

import (
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
)

// mention is where a user's file writes a field or list element.
type mention struct {
	label where    // of the field's name; of the value in a list
	value ast.Expr // what is written for it
}

// index finds where a value of the experiment is written. CUE's own places point to the value only, to one
// of several mentions, or to none at all.
type index map[string][]mention

func indexKey(path []string) string { return strings.Join(path, "\x00") }

// newIndex lists the mentions of every field and element that has a fixed name; computed ones are left to CUE.
func newIndex(files []*ast.File) index {
	x := index{}
	for _, f := range files {
		x.decls(nil, f.Decls)
	}
	return x
}

func (x index) decls(path []string, decls []ast.Decl) {
	for _, d := range decls {
		switch d := d.(type) {
		case *ast.Field:
			name, _, err := ast.LabelName(d.Label)
			if err != nil {
				continue // a computed name
			}
			x.add(append(path[:len(path):len(path)], name), whereOf(d.Label.Pos()), d.Value)
		case *ast.EmbedDecl:
			x.value(path, d.Expr)
		case *ast.Comprehension:
			x.comprehension(path, d)
		}
	}
}

func (x index) comprehension(path []string, c *ast.Comprehension) {
	for _, clause := range c.Clauses {
		if _, loop := clause.(*ast.ForClause); loop {
			return // its fields may be written several times over
		}
	}
	x.value(path, c.Value)
}

func (x index) add(path []string, label where, value ast.Expr) {
	key := indexKey(path)
	x[key] = append(x[key], mention{label: label, value: value})
	x.value(path, value)
}

func (x index) value(path []string, value ast.Expr) {
	switch v := value.(type) {
	case *ast.StructLit:
		x.decls(path, v.Elts)
	case *ast.ParenExpr:
		x.value(path, v.X)
	case *ast.BinaryExpr:
		x.value(path, v.X)
		x.value(path, v.Y)
	case *ast.ListLit:
		for i, e := range v.Elts {
			if _, computed := e.(*ast.Comprehension); computed {
				return // the elements after it have no fixed number
			}
			x.add(append(path[:len(path):len(path)], strconv.Itoa(i)), whereOf(e.Pos()), e)
		}
	}
}

// deciding returns the mention of a path that v comes from, where there are several: that of the one branch that holds, or the value that
// takes the place of a default, whose name stays where it is mentioned first. ok is false for a path that is not mentioned.
func (x index) deciding(path []string, v cue.Value) (m mention, ok bool) {
	all := x[indexKey(path)]
	if len(all) == 0 {
		return mention{}, false
	}
	m = all[0]
	if len(all) == 1 {
		return m, true
	}
	source := v.Source()
	for _, other := range all {
		if f, single := source.(*ast.Field); single && f.Value == other.value {
			return other, true
		}
		if source != nil && (span{other.value.Pos().Filename(), other.value.Pos().Offset(), other.value.End().Offset()}).holds(source.Pos()) {
			m.value = other.value
		}
	}
	return m, true
}
