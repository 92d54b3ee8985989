package spec

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"
)

// What CUE says of values that contradict each other.
const (
	conflicting = "conflicting values %s and %s"
	lengths     = "incompatible list lengths (%d and %d)"
	noneFits    = "%d errors in empty disjunction:"
)

// side is one of two values that contradict each other: its text, and where it stands.
type side struct {
	text string
	at   token.Pos
}

// sides are the values of an error about two; nil of any other.
func sides(err errors.Error) []side {
	format, args := err.Msg()
	at := err.InputPositions()
	if !strings.HasPrefix(format, conflicting) || len(at) < 2 { // what stands around them may follow
		return nil
	}
	return []side{{fmt.Sprint(args[0]), at[0]}, {fmt.Sprint(args[1]), at[1]}}
}

// spread notes the names at the top that rest on others with an error in them.
func (e *evaluator) spread() {
	for again := len(e.wrong) > 0; again; {
		again = false
		for _, f := range e.files {
			for _, d := range f.Decls {
				if name, value := nameAndValue(d); name != "" && !e.wrong[name] && e.rests(value) {
					e.wrong[name], again = true, true
				}
			}
		}
	}
}

// rests reports whether what is written names something at the top that has an error in it.
func (e *evaluator) rests(written ast.Node) bool {
	found := false
	ast.Walk(written, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && e.wrong[id.Name] {
			found = true
		}
		return !found
	}, nil)
	return found
}

// nameAndValue is the name that a field or let clause declares, with its value; "" of anything else.
func nameAndValue(d ast.Decl) (name string, value ast.Expr) {
	switch d := d.(type) {
	case *ast.Field:
		return labelName(d), d.Value
	case *ast.LetClause:
		return d.Ident.Name, d.Expr
	}
	return "", nil
}

// contradictions are errors about values that contradict each other.
type contradictions struct {
	*evaluator
	lists   map[string]bool     // paths of lists that have several lengths
	choices map[string][][]side // by the path of a value that none of some alternatives fits: the value beside each of these
}

func (e *evaluator) contradictions(all []errors.Error) *contradictions {
	c := &contradictions{evaluator: e, lists: map[string]bool{}, choices: map[string][][]side{}}
	for _, err := range all {
		switch format, _ := err.Msg(); format {
		case lengths:
			c.lists[indexKey(err.Path())] = true
		case noneFits:
			c.choices[indexKey(err.Path())] = nil
		}
	}
	for _, err := range all {
		key := indexKey(err.Path())
		if pairs, chosen := c.choices[key]; chosen && sides(err) != nil {
			c.choices[key] = append(pairs, sides(err))
		}
	}
	return c
}

// consequence reports whether an error is said with another: elements of lists of several lengths differ, too, and so does a value from each
// of the alternatives of which none fits.
func (c *contradictions) consequence(err errors.Error) bool {
	path := err.Path()
	for i := range path {
		if c.lists[indexKey(path[:i])] {
			return true
		}
	}
	return len(c.choices[indexKey(path)]) > 0 && sides(err) != nil
}

// told says what contradicts what, and where that stands. The message is as CUE has it where that is not known; so is the place.
func (c *contradictions) told(err errors.Error, at where) (message string, place where) {
	format, args := err.Msg()
	message, place = firstLine(fmt.Sprintf(format, args...)), at
	switch {
	case format == noneFits:
		return c.alternatives(err.Path(), at)
	case format == lengths:
		other := c.elsewhere(err.Path(), at)
		if other == nil {
			return message, at
		}
		message = fmt.Sprintf("a list of another length stands at %s, and both hold", c.placed(whereOf(other.Pos())))
		if c.extended(other.Pos(), at) {
			message += "; to give a list anew, make that one a default: *[…] | [...]"
		}
	case sides(err) != nil:
		pair := sides(err)
		for i, base := range pair {
			own := pair[1-i]
			switch place := c.placed(whereOf(base.at)); {
			case !c.extended(base.at, at):
			case format == conflicting:
				message += fmt.Sprintf("; what %s says holds, too: to choose anew, make it a default, such as %s", place, defaulted(base.text))
			default: // of other kinds
				message = fmt.Sprintf("must be %s, as %s says, not %s", brief(base.text), place, brief(own.text))
			}
		}
	}
	return message, place
}

// alternatives says which there are for a value that none of them fits.
func (c *contradictions) alternatives(path []string, at where) (message string, place where) {
	pairs := c.choices[indexKey(path)]
	if len(pairs) < 2 {
		return "none of its alternatives fits", at
	}
	isWrong := func(s side) bool {
		return !slices.ContainsFunc(pairs, func(pair []side) bool { return !slices.Contains(pair, s) })
	}
	i := slices.IndexFunc(pairs[0], isWrong)
	if i < 0 {
		return "none of its alternatives fits", at
	}
	wrong := pairs[0][i]
	var others []side
	for _, pair := range pairs {
		for _, s := range pair {
			if s != wrong {
				others = append(others, s)
			}
		}
	}
	slices.SortStableFunc(others, func(a, b side) int { return a.at.Offset() - b.at.Offset() })
	var shown, names []string
	for _, s := range others {
		shown = added(shown, brief(s.text))
		names = append(names, strings.Trim(s.text, `"`))
	}
	return fmt.Sprintf("must be %s, as %s says, not %s%s", orList(shown), c.placed(whereOf(others[0].at)), brief(wrong.text),
		didYouMean(strings.Trim(wrong.text, `"`), names)), whereOf(wrong.at)
}

// elsewhere is what is written for a path at another place than one; nil where that is not known.
func (c *contradictions) elsewhere(path []string, at where) ast.Expr {
	for _, m := range c.index[indexKey(path)] {
		if _, list := m.value.(*ast.ListLit); list && whereOf(m.value.Pos()) != at {
			return m.value
		}
	}
	return nil
}

// placed is a place as messages tell it.
func (s *sources) placed(w where) string {
	return fmt.Sprintf("%s:%d:%d", s.shown[w.file], w.line, w.column)
}

// extended reports whether a place belongs to what is extended by the experiment that another place belongs to.
func (s *sources) extended(p token.Pos, by where) bool {
	layerOf := func(file string) int {
		return slices.IndexFunc(s.layers, func(l *layer) bool {
			return slices.ContainsFunc(l.files, func(f *layerFile) bool { return f.path == file })
		})
	}
	return p.IsValid() && layerOf(p.Filename()) > layerOf(by.file)
}

// defaulted is how a value is written as a default that gives way.
func defaulted(text string) string {
	kind := "_"
	switch {
	case strings.HasPrefix(text, `"`):
		kind = "string"
	case text == "true" || text == "false":
		kind = "bool"
	case strings.HasPrefix(text, "["):
		kind = "[...]"
	case strings.Trim(text, "-0123456789") == "":
		kind = "int"
	case strings.Trim(text, "-+.eE0123456789") == "":
		kind = "number"
	}
	return "*" + brief(text) + " | " + kind
}

// brief is the text of a value, of long ones the kind of bracket that they stand in.
func brief(text string) string {
	const most = 40 // as much as is read at a glance
	switch {
	case len(text) <= most:
		return text
	case strings.HasPrefix(text, "["):
		return "[…]"
	case strings.HasPrefix(text, "{"):
		return "{…}"
	}
	return text
}
