package prompt

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Type is the type of a column's values.
type Type string

// The types. A column without a type may hold anything.
const (
	Real     Type = "number"
	Integer  Type = "integer"
	Category Type = "category"
)

// The containers of a reply.
const (
	CSV  = "csv"
	JSON = "json"
)

// Schema says what a reply has to hold.
type Schema struct {
	Rows    int      `json:"rows"`
	Format  string   `json:"format"`  // CSV or JSON
	Columns []Column `json:"columns"` // of the reply, in order, without the key
	// Key names the column that ties the rows of a reply to those of the table that is to be continued. Replies have it
	// as their first column. Empty: there is no table.
	Key string `json:"key,omitempty"`
}

// Column is a column of a reply. All but the name may lack: then nothing is said of it.
type Column struct {
	Name    string   `json:"name"`
	Type    Type     `json:"type,omitempty"`
	Unit    string   `json:"unit,omitempty"`
	About   string   `json:"about,omitempty"`   // one line
	Min     *float64 `json:"min,omitempty"`     // of a number
	Max     *float64 `json:"max,omitempty"`     // of a number
	Levels  []string `json:"levels,omitempty"`  // that a category can have
	Missing bool     `json:"missing,omitempty"` // values may be missing
	Value   *string  `json:"value,omitempty"`   // of every row, as CSV has it; in JSON a number where Type is one
}

// IsNumber reports whether the column is said to hold numbers.
func (c Column) IsNumber() bool { return c.Type == Real || c.Type == Integer }

// plainColumn is a Column with the value as JSON has it.
type plainColumn struct {
	bareColumn
	Value json.RawMessage `json:"value,omitempty"`
}

type bareColumn Column

// MarshalJSON writes the column; the value of a number column is a number.
func (c Column) MarshalJSON() ([]byte, error) {
	plain := plainColumn{bareColumn: bareColumn(c)}
	if c.Value != nil {
		if raw := []byte(*c.Value); c.IsNumber() && json.Valid(raw) && isNumber(raw) {
			plain.Value = raw
		} else {
			plain.Value = appendJSON(nil, *c.Value)
		}
	}
	plain.bareColumn.Value = nil
	return appendJSON(nil, plain), nil
}

// UnmarshalJSON reads a column whose value is a text or a number. Unknown fields are errors.
func (c *Column) UnmarshalJSON(text []byte) error {
	var plain plainColumn
	if err := decode(string(text), &plain); err != nil {
		return err
	}
	*c = Column(plain.bareColumn)
	if plain.Value == nil {
		return nil
	}
	var value string
	switch {
	case isNumber(plain.Value):
		value = string(plain.Value)
	case json.Unmarshal(plain.Value, &value) != nil:
		return errors.New(`field "value" is neither a text nor a number`)
	}
	c.Value = &value
	return nil
}

func isNumber(raw []byte) bool {
	return len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9')
}

// Names returns the names of the columns of a reply, in order, the key first where there is one.
func (s *Schema) Names() []string {
	names := make([]string, 0, len(s.Columns)+1)
	if s.Key != "" {
		names = append(names, s.Key)
	}
	for _, c := range s.Columns {
		names = append(names, c.Name)
	}
	return names
}

// Render returns the block, a column a line.
func (s *Schema) Render() string {
	head := struct {
		Rows   int    `json:"rows"`
		Format string `json:"format"`
		Key    string `json:"key,omitempty"`
	}{s.Rows, s.Format, s.Key}
	b := appendJSON(nil, head)
	b = append(b[:len(b)-1], `,"columns":[`...)
	b = append(appendLines(b, s.Columns), "]}\n"...)
	return fenced(SchemaBlock, string(b))
}

// appendLines appends the elements of a JSON list, each on a line of its own.
func appendLines[E any](b []byte, list []E) []byte {
	for i, e := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSON(append(b, '\n'), e)
	}
	return append(b, '\n')
}

// ParseSchema reads the body of a schema block. What it returns passes Check.
func ParseSchema(body string) (*Schema, error) {
	s := &Schema{}
	if err := decode(body, s); err != nil {
		return nil, err
	}
	return s, s.Check()
}

// Check says what is wrong with a schema, or returns nil.
func (s *Schema) Check() error {
	switch {
	case s.Rows < 0:
		return fmt.Errorf("rows is %d; want 0 or more", s.Rows)
	case s.Format != CSV && s.Format != JSON:
		return fmt.Errorf("format is %q; want %q or %q", s.Format, CSV, JSON)
	case len(s.Columns) == 0:
		return errors.New("no columns")
	}
	seen := map[string]bool{}
	for i := range s.Columns {
		c := &s.Columns[i]
		switch {
		case c.Name == "":
			return fmt.Errorf("column %d has no name", i+1)
		case seen[c.Name]:
			return fmt.Errorf("two columns are named %q", c.Name)
		case c.Name == s.Key:
			return fmt.Errorf("column %q is the key, which is not listed", c.Name)
		}
		seen[c.Name] = true
		if err := c.check(); err != nil {
			return fmt.Errorf("column %q: %w", c.Name, err)
		}
	}
	return nil
}

func (c *Column) check() error {
	if !slices.Contains([]Type{"", Real, Integer, Category}, c.Type) {
		return fmt.Errorf("type is %q; want %q, %q or %q", c.Type, Real, Integer, Category)
	}
	for _, v := range []*float64{c.Min, c.Max} {
		if v != nil && (math.IsNaN(*v) || math.IsInf(*v, 0)) {
			return errors.New("a limit is no finite number")
		}
	}
	if c.Min != nil && c.Max != nil && *c.Min > *c.Max {
		return fmt.Errorf("min %s is greater than max %s", Number(*c.Min), Number(*c.Max))
	}
	return nil
}

// List joins the names of columns for people: "a, b and c".
func List(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
