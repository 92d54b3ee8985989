package simulated

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins/prompt"
)

// container is how rows are written.
type container struct {
	json   bool
	held   bool                // the request holds the reply to a JSON Schema
	list   string              // the property that holds the records; "": the list is the whole reply
	fields map[string]property // of a record, by name; nil: any
}

// property is what a JSON Schema allows a field of a record to be.
type property struct{ number, text, null bool }

// records is the property that holds the records where nothing names another.
const records = "records"

// containerOf returns the container of a reply: that of the JSON Schema of the request, else that of the schema block.
func containerOf(b *body, s *prompt.Schema) (container, error) {
	if b.Format == nil || b.Format.Type != "json_schema" {
		return container{json: s.Format == prompt.JSON || b.Format != nil && b.Format.Type == "json_object", list: records}, nil
	}
	c := container{json: true, held: true}
	var root node
	if err := json.Unmarshal(b.Format.Schema.Schema, &root); err != nil {
		return c, badRequest("response_format holds no JSON Schema that this model reads")
	}
	list := &root
	if root.Items == nil {
		names := make([]string, 0, len(root.Properties))
		for name, p := range root.Properties {
			if p.Items != nil {
				names = append(names, name)
			}
		}
		if len(names) != 1 {
			return c, badRequest("the JSON Schema has no list of records, or more than one")
		}
		c.list, list = names[0], root.Properties[names[0]]
	}
	if len(list.Items.Properties) == 0 {
		return c, nil
	}
	c.fields = map[string]property{}
	for name, n := range list.Items.Properties {
		p := n.property()
		p.null = p.null || !slices.Contains(list.Items.Required, name)
		c.fields[name] = p
	}
	return c, nil
}

// node is the part of a JSON Schema that is read.
type node struct {
	Type       types             `json:"type"`
	Properties map[string]*node  `json:"properties"`
	Required   []string          `json:"required"`
	Items      *node             `json:"items"`
	AnyOf      []*node           `json:"anyOf"`
	Enum       []json.RawMessage `json:"enum"`
	Const      json.RawMessage   `json:"const"`
}

// types is one type or a list of them.
type types []string

// UnmarshalJSON reads either form.
func (t *types) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*t = types{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(t))
}

// property collects what a node allows.
func (n *node) property() property {
	var p property
	if n == nil {
		return property{true, true, true}
	}
	for _, t := range n.Type {
		p.number = p.number || t == "number" || t == "integer"
		p.text = p.text || t == "string"
		p.null = p.null || t == "null"
	}
	for _, one := range n.AnyOf {
		q := one.property()
		p.number, p.text, p.null = p.number || q.number, p.text || q.text, p.null || q.null
	}
	if n.Type == nil {
		for _, v := range append(slices.Clone(n.Enum), n.Const) {
			switch {
			case len(v) == 0:
			case v[0] == '"':
				p.text = true
			case string(v) == "null":
				p.null = true
			default:
				p.number = true
			}
		}
	}
	return p
}

// nullable reports whether a value of the column may be missing.
func (c container) nullable(name string) bool {
	p, known := c.fields[name]
	return !known || p.null
}

// writer writes the rows of a reply.
type writer struct {
	container
	model *model
	key   string // name of the key column, "" where there is none
	names []string
	text  bytes.Buffer
	total int // tokens so far
}

func newWriter(c container, m *model, s *prompt.Schema) *writer {
	w := &writer{container: c, model: m, key: s.Key, names: s.Names()}
	switch {
	case !c.json:
		w.add(prompt.AppendRow(nil, w.names))
	case c.list == "":
		w.add([]byte("["))
	default:
		w.add(fmt.Appendf(nil, "{%s:[", quoted(c.list)))
	}
	return w
}

// add appends a piece that begins or ends where tokens do.
func (w *writer) add(piece []byte) {
	w.text.Write(piece)
	w.total += tokens(string(piece))
}

// record is a row of a reply: its key, where there is one, and its cells.
type record struct {
	key   string
	cells []string
}

// row writes a record. damage, from 1 on, makes it one that cannot be read: a line with a field too few or too many, an object
// that is no JSON. 0 does not.
func (w *writer) row(r record, first bool, damage int) {
	if !w.json {
		w.add(w.csvRow(r, damage))
		return
	}
	piece := []byte("\n")
	if !first {
		piece = []byte(",\n")
	}
	w.add(append(piece, w.jsonRow(r, damage)...))
}

func (w *writer) csvRow(r record, damage int) []byte {
	fields := r.cells
	if w.key != "" {
		fields = append([]string{r.key}, r.cells...)
	}
	switch {
	case damage == 0:
	case damage == 1 && len(fields) > 2: // with one comma at least, so that the line is no prose
		fields = fields[:len(fields)-1]
	case damage == 2:
		fields = append([]string{""}, fields...)
	default:
		fields = append(slices.Clone(fields), "0")
	}
	return prompt.AppendRow(nil, fields)
}

func (w *writer) jsonRow(r record, damage int) []byte {
	b := []byte("{")
	field := func(name string, number bool, cell string) {
		p, known := w.fields[name]
		if w.fields != nil && !known {
			return
		}
		if !known {
			p = property{number: number, text: true, null: true}
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, quoted(name)...)
		switch {
		case damage == 1: // no colon
			b = append(b, ' ')
			damage = -1
		case damage > 1: // a bare word
			b = append(b, ":unknown "...)
			damage = -1
		default:
			b = append(b, ':')
		}
		b = append(b, p.value(cell)...)
	}
	if w.key != "" {
		field(w.key, true, r.key)
	}
	for i, cell := range r.cells {
		v := &w.model.variables[i]
		field(v.column.Name, v.number, cell)
	}
	return append(b, '}')
}

// value writes a cell as JSON.
func (p property) value(cell string) string {
	switch {
	case cell == "" && p.null:
		return "null"
	case p.number:
		if _, ok := number(cell); ok && json.Valid([]byte(cell)) {
			return cell
		}
	}
	return quoted(cell)
}

// quoted writes a text as JSON, with <, > and & as they are.
func quoted(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		panic("simulated: " + err.Error()) // every text has JSON
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// end closes the container.
func (w *writer) end(some bool) {
	if !w.json {
		return
	}
	piece := ""
	if some {
		piece = "\n"
	}
	piece += "]"
	if w.list != "" {
		piece += "}"
	}
	w.add([]byte(piece))
}
