package reply

import (
	"bytes"
	"encoding/json"
	"math"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Told is what a JSON Schema tells of a contract besides the names of columns. What it does not tell, Parse checks all the same.
type Told struct {
	Types  bool // number, whole number or text, and which values may be missing
	Levels bool // the levels of categories that are not Open, and the rows that keys may name
	Ranges bool // the least and the greatest value, as Parse checks them
	Length bool // that there are Rows records, no more and no fewer
}

// The limits of OpenAI's strict mode, the tightest that are published (guide to structured outputs, "supported schemas"):
// values of enumerations in a schema, characters of one with more than longEnum texts, and of all texts of a schema.
const (
	mostEnums     = 1000
	longEnum      = 250
	mostOfOneEnum = 15_000
	mostText      = 120_000
)

// Schema returns a JSON Schema (draft 2020-12) of a reply in JSON: {"records": [{…}, …]}, each record with every column.
//
// It keeps to what the strict mode of OpenAI, tools of Anthropic, Google's response schemas and the grammars of
// llama.cpp have in common: the root is an object, all properties are required and no others allowed, null comes as a
// further type, levels as an enumeration. Ranges and Length use words that not all of them obey. Properties stand in the
// order asked for, the key first; models write in that order, so who sends the schema must not sort them. Enumerations that
// would go over the limits of the strict mode are left out, those of the columns with most levels first. Equal contracts have
// equal bytes.
func (c Contract) Schema(told Told) json.RawMessage {
	enums := c.enums(told)
	var b bytes.Buffer
	b.WriteString(`{"type":"object","properties":{"` + recordsName + `":{"type":"array",`)
	if told.Length {
		b.WriteString(`"minItems":` + quote(c.Rows) + `,"maxItems":` + quote(c.Rows) + `,`)
	}
	b.WriteString(`"items":{"type":"object","properties":{`)
	if c.Key != "" {
		b.WriteString(quote(c.Key) + ":" + quote(property{Type: "integer", Enum: c.keys(told)}) + ",")
	}
	for i, column := range c.Columns {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(quote(column.Name) + ":")
		b.WriteString(column.schema(told, enums[i]))
	}
	b.WriteString(`},"required":` + quote(c.Names()) + `,"additionalProperties":false}}},`)
	b.WriteString(`"required":["` + recordsName + `"],"additionalProperties":false}`)
	return b.Bytes()
}

// property is the schema of a value.
type property struct {
	Type        any         `json:"type"`
	Description string      `json:"description,omitempty"`
	Enum        []any       `json:"enum,omitempty"`
	Minimum     json.Number `json:"minimum,omitempty"`
	Maximum     json.Number `json:"maximum,omitempty"`
}

func (c Column) schema(told Told, enum []any) string {
	p := property{Enum: enum, Type: []string{"number", "string", "null"}}
	null := c.Missing && c.Fixed == ""
	if told.Types || enum != nil {
		name := "number"
		switch {
		case c.Kind == frame.Category:
			name = "string"
		case c.Integer:
			name = "integer"
		}
		p.Type = name
		if null {
			p.Type = []string{name, "null"}
		}
	}
	if told.Types && c.Unit != "" {
		p.Description = "in " + c.Unit
	}
	if told.Ranges && c.Kind == frame.Number && enum == nil {
		p.Minimum, p.Maximum = limit(c.Min, c.Integer, math.Ceil), limit(c.Max, c.Integer, math.Floor)
	}
	return quote(p)
}

// limit is a limit as JSON has it. That of whole numbers is whole: grammars are made for no other.
func limit(v *float64, whole bool, round func(float64) float64) json.Number {
	if v == nil || math.IsNaN(*v) || math.IsInf(*v, 0) {
		return ""
	}
	if whole {
		return json.Number(quote(unsigned(round(*v))))
	}
	return json.Number(quote(unsigned(*v)))
}

// keys returns the rows that a record can belong to, nil where they are not told.
func (c Contract) keys(told Told) []any {
	if !told.Levels || c.Key == "" || len(c.Keys) > mostEnums {
		return nil
	}
	var keys []any
	for _, k := range c.Keys {
		keys = append(keys, k)
	}
	return keys
}

// enums returns the values that each column can have, nil where they are not told.
func (c Contract) enums(told Told) [][]any {
	out := make([][]any, len(c.Columns))
	values, text := len(c.keys(told)), 0
	for _, name := range c.Names() {
		text += len(name)
	}
	for i, column := range c.Columns {
		out[i] = column.enum(told)
		values += len(out[i])
		text += textLength(out[i])
	}
	for i := range out {
		if n := textLength(out[i]); len(out[i]) > longEnum && n > mostOfOneEnum {
			values, text, out[i] = values-len(out[i]), text-n, nil
		}
	}
	for values > mostEnums || text > mostText {
		most := 0
		for i := range out {
			if len(out[i]) > len(out[most]) {
				most = i
			}
		}
		if len(out[most]) == 0 {
			break // the names alone are too long: the provider will say so
		}
		values, text, out[most] = values-len(out[most]), text-textLength(out[most]), nil
	}
	return out
}

func (c Column) enum(told Told) []any {
	if c.Fixed != "" { // the prompt says it as well
		if v, ok := parseNumber(c.Fixed); c.Kind == frame.Number && ok {
			return []any{v}
		}
		return []any{c.Fixed}
	}
	if !told.Levels || c.Open || len(c.Levels) == 0 {
		return nil
	}
	var out []any
	for _, level := range c.Levels {
		out = append(out, level)
	}
	if c.Missing {
		out = append(out, nil) // an enumeration lists null too
	}
	return out
}

func textLength(values []any) int {
	n := 0
	for _, v := range values {
		if s, ok := v.(string); ok {
			n += len(s)
		}
	}
	return n
}

// quote returns v as JSON, with <, > and & as they are.
func quote(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("reply: " + err.Error()) // texts and finite numbers are all that is quoted
	}
	return string(bytes.TrimSpace(b.Bytes()))
}
