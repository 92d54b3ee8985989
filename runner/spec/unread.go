package spec

import (
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
)

// reading is what the files read of a name that begins with "_".
type reading struct {
	whole  bool     // all of it, as a loop does
	fields []string // else these
	inside []string // what its own value reads, fields beside each other among it
}

// checkUnread refuses names that begin with "_", and fields of such, that nothing reads, in an experiment that extends another: there they
// are to choose something, and those that are spelled almost as one that is read would choose nothing.
func (s *sources) checkUnread(rep *reporter) {
	if len(s.layers) < 2 || s.baseless {
		return
	}
	read := s.readings()
	for _, l := range s.layers[:len(s.layers)-1] {
		for _, file := range l.files {
			for _, d := range s.trees[file.path].Decls {
				f, ok := d.(*ast.Field)
				if !ok || !strings.HasPrefix(labelName(f), "_") {
					continue
				}
				name := labelName(f)
				if r := read[name]; r == nil {
					s.unread(rep, f, []string{name}, slices.Sorted(maps.Keys(read)))
				} else if block, ok := f.Value.(*ast.StructLit); ok && !r.whole {
					for _, d := range block.Elts {
						if own, ok := d.(*ast.Field); ok && !slices.Contains(r.fields, labelName(own)) && !slices.Contains(r.inside, labelName(own)) {
							s.unread(rep, own, []string{name, labelName(own)}, r.fields)
						}
					}
				}
			}
		}
	}
}

// unread reports a field that nothing reads and that is spelled almost as one that something does. All names of one or two letters are
// near each other.
func (s *sources) unread(rep *reporter, f *ast.Field, path, known []string) {
	name := path[len(path)-1]
	if near := didYouMean(name, known); near != "" && len(strings.TrimPrefix(name, "_")) > 2 {
		rep.add(joinPath(path), whereOf(f.Label.Pos()), "nothing reads it%s", near)
	}
}

// readings are what all files read, by name.
func (s *sources) readings() map[string]*reading {
	out := map[string]*reading{}
	of := func(name string) *reading {
		if out[name] == nil {
			out[name] = &reading{}
		}
		return out[name]
	}
	inside := map[string][]string{}
	for _, f := range s.files {
		for _, d := range f.Decls {
			within, _ := nameAndValue(d)
			aside := map[ast.Node]bool{} // names of fields, and those of which a field is read
			ast.Walk(d, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.Field:
					aside[n.Label] = true
				case *ast.SelectorExpr:
					name, _, _ := ast.LabelName(n.Sel)
					if id, ok := n.X.(*ast.Ident); ok {
						r := of(id.Name)
						r.fields, aside[id] = append(r.fields, name), true
					}
					inside[within] = append(inside[within], name)
				case *ast.Ident:
					if strings.HasPrefix(n.Name, "_") && n.Name != "_" && !aside[n] {
						of(n.Name).whole = true
					} else if !aside[n] {
						inside[within] = append(inside[within], n.Name)
					}
				}
				return true
			}, nil)
		}
	}
	for name, r := range out {
		r.inside = inside[name]
	}
	return out
}
