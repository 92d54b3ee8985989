package prompt

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/ehrlab/ehrlab/plugins"
)

// Values fills the placeholders of a template. What is empty or nil renders as nothing.
type Values struct {
	Schema     *Schema // always needed
	Aggregates *Aggregates
	Examples   *Table
	Table      *Table
	Target     string // name of the label column
	Group      string // what holds for every row of the reply, e.g. "is_female is 1"
	Label      string // likewise of the label, e.g. "death is 0"
	Notes      string // further constraints, in words
}

// Template is the texts of a prompt with placeholders. It is safe for concurrent use.
//
// The syntax is that of text/template; the placeholders are functions without arguments:
//
//	{{schema}} {{aggregates}} {{examples}} {{table}}   blocks; each stands alone on its line
//	{{rows}}                                           the number of rows asked for
//	{{columns}}                                        the names of the reply's columns: "a, b and c"
//	{{target}} {{group}} {{label}} {{notes}}           texts, see Values
//
// Each may be a condition: {{if examples}} … {{end}}. Lines that are empty after rendering, outside blocks, become one.
type Template struct {
	system, user *template.Template // system may be nil
}

// placeholders are the names of all placeholders, in the order in which messages list them.
var placeholders = []string{
	SchemaBlock, AggregatesBlock, ExamplesBlock, TableBlock, "rows", "columns", "target", "group", "label", "notes",
}

// ParseTemplate reads the texts of a prompt; without a system text, no such message is sent. Errors tell text and line.
func ParseTemplate(system, user string) (*Template, error) {
	t := &Template{}
	var err error
	if strings.TrimSpace(system) != "" {
		if t.system, err = parseText("system", system); err != nil {
			return nil, err
		}
	}
	if t.user, err = parseText("user", user); err != nil {
		return nil, err
	}
	if !names(t.user.Root, SchemaBlock) && (t.system == nil || !names(t.system.Root, SchemaBlock)) {
		return nil, errors.New("the prompt lacks {{schema}}: it says which columns and how many rows")
	}
	return t, nil
}

func parseText(name, text string) (*template.Template, error) {
	if at := strings.IndexByte(text, mark); at >= 0 {
		return nil, fmt.Errorf("%s:%d: a control character", name, 1+strings.Count(text[:at], "\n"))
	}
	t, err := template.New(name).Option("missingkey=error").Funcs(Values{}.funcs(nil)).Parse(text)
	if err != nil {
		return nil, templateFault(err)
	}
	return t, nil
}

// templateFault is an error of text/template without its prefix, with the names that would be right.
func templateFault(err error) error {
	text := strings.TrimPrefix(err.Error(), "template: ")
	if strings.Contains(text, "not defined") && strings.Contains(text, "function ") {
		return fmt.Errorf("%s; there are {{%s}}", text, strings.Join(placeholders, "}} {{"))
	}
	return errors.New(text)
}

// names reports whether a placeholder is written anywhere below a node.
func names(n parse.Node, placeholder string) bool {
	if n == nil {
		return false
	}
	switch n := n.(type) {
	case *parse.ListNode:
		return n != nil && slices.ContainsFunc(n.Nodes, func(n parse.Node) bool { return names(n, placeholder) })
	case *parse.ActionNode:
		return names(n.Pipe, placeholder)
	case *parse.PipeNode:
		return n != nil && slices.ContainsFunc(n.Cmds, func(c *parse.CommandNode) bool {
			return slices.ContainsFunc(c.Args, func(n parse.Node) bool { return names(n, placeholder) })
		})
	case *parse.IdentifierNode:
		return n.Ident == placeholder
	case *parse.IfNode:
		return names(n.List, placeholder) || names(n.ElseList, placeholder)
	case *parse.RangeNode:
		return names(n.List, placeholder) || names(n.ElseList, placeholder)
	case *parse.WithNode:
		return names(n.Pipe, placeholder) || names(n.List, placeholder) || names(n.ElseList, placeholder)
	case *parse.TemplateNode:
		return true // what it holds is seen when it is rendered
	}
	return false
}

// mark encloses the name of a block in rendered text until the block takes its place.
const mark = '\x00'

func marked(name string) string { return string(mark) + name + string(mark) }

// blocks returns the blocks that are there, by name.
func (v Values) blocks() map[string]string {
	out := map[string]string{}
	if v.Schema != nil {
		out[SchemaBlock] = v.Schema.Render()
	}
	if v.Aggregates != nil {
		out[AggregatesBlock] = v.Aggregates.Render()
	}
	if v.Examples != nil && len(v.Examples.Rows) > 0 {
		out[ExamplesBlock] = v.Examples.Render(ExamplesBlock)
	}
	if v.Table != nil && len(v.Table.Rows) > 0 {
		out[TableBlock] = v.Table.Render(TableBlock)
	}
	return out
}

// funcs returns the placeholders as functions of a template. blocks are those of the values.
func (v Values) funcs(blocks map[string]string) template.FuncMap {
	text := func(s string) func() string { return func() string { return s } }
	out := template.FuncMap{
		"target": text(v.Target), "group": text(v.Group), "label": text(v.Label), "notes": text(v.Notes),
		"rows": func() int { return 0 }, "columns": text(""),
	}
	for _, name := range []string{SchemaBlock, AggregatesBlock, ExamplesBlock, TableBlock} {
		out[name] = text("")
	}
	for name := range blocks {
		out[name] = text(marked(name))
	}
	if v.Schema != nil {
		out["rows"] = func() int { return v.Schema.Rows }
		out["columns"] = text(List(v.Schema.Names()))
	}
	return out
}

// Messages returns the prompt: the system message, if there is one, and the user's. Equal values give equal texts.
func (t *Template) Messages(v Values) ([]plugins.Message, error) {
	if v.Schema == nil {
		return nil, errors.New("a prompt needs a schema")
	}
	if err := v.Schema.Check(); err != nil {
		return nil, err
	}
	var out []plugins.Message
	rendered := v.blocks()
	for _, part := range []struct {
		role string
		text *template.Template
	}{{"system", t.system}, {"user", t.user}} {
		if part.text == nil {
			continue
		}
		text, err := render(part.text, v, rendered)
		if err != nil {
			return nil, err
		}
		if text != "" {
			out = append(out, plugins.Message{Role: part.role, Text: text})
		}
	}
	blocks, err := Find(out)
	if err == nil && blocks.Schema == nil {
		err = errors.New("the rendered prompt lacks the schema block: it says which columns and how many rows")
	}
	return out, err
}

func render(t *template.Template, v Values, blocks map[string]string) (string, error) {
	t, err := t.Clone()
	if err != nil {
		return "", err
	}
	var out strings.Builder
	if err := t.Funcs(v.funcs(blocks)).Execute(&out, nil); err != nil {
		return "", templateFault(err)
	}
	return insert(t.Name(), out.String(), blocks)
}

// insert puts blocks in the place of their marks, and one empty line in that of several.
func insert(name, text string, blocks map[string]string) (string, error) {
	var out []string
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, " \t\r")
		if line == "" && (len(out) == 0 || out[len(out)-1] == "") {
			continue
		}
		if strings.ContainsRune(line, mark) {
			block, ok := blocks[strings.Trim(strings.TrimSpace(line), string(mark))]
			if !ok {
				return "", fmt.Errorf("%s: line %s: a block stands alone on its line", name, strconv.Itoa(i+1))
			}
			line = block
		}
		out = append(out, line)
	}
	return strings.TrimRight(strings.Join(out, "\n"), "\n"), nil
}
