package prompt

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Table is rows as CSV has them: every cell is a text, an empty one is missing.
type Table struct {
	Names []string   // of the columns; at least one
	Rows  [][]string // each as long as Names
}

// TableOf returns rows of a frame, in the order given, numbers as the shortest text that reads back the same.
func TableOf(f *frame.Frame, rows []int) *Table {
	t := &Table{Names: f.Names(), Rows: make([][]string, len(rows))}
	for i, row := range rows {
		t.Rows[i] = make([]string, len(t.Names))
		for j, c := range f.Columns() {
			t.Rows[i][j] = Cell(c, row)
		}
	}
	return t
}

// Cell is the text of a cell of a column, empty when the value is missing.
func Cell(c *frame.Column, row int) string {
	switch {
	case c.Kind == frame.Number:
		return Number(c.Numbers[row])
	case c.IsMissing(row):
		return ""
	}
	return c.Levels[c.Codes[row]]
}

// Column returns the index of a column, or -1.
func (t *Table) Column(name string) int { return slices.Index(t.Names, name) }

// Render returns the table as a block of the given name, ExamplesBlock or TableBlock.
func (t *Table) Render(name string) string { return fenced(name, t.CSV()) }

// CSV returns the table with a header line, fields quoted where they must be (RFC 4180), lines ended by "\n".
func (t *Table) CSV() string {
	b := AppendRow(nil, t.Names)
	for _, row := range t.Rows {
		b = AppendRow(b, row)
	}
	return string(b)
}

// AppendRow appends a line of CSV.
func AppendRow(b []byte, fields []string) []byte {
	if len(fields) == 1 && fields[0] == "" {
		return append(b, "\"\"\n"...) // else it would be an empty line
	}
	for i, f := range fields {
		if i > 0 {
			b = append(b, ',')
		}
		if !strings.ContainsAny(f, ",\"\r\n") {
			b = append(b, f...)
			continue
		}
		b = append(b, '"')
		b = append(b, strings.ReplaceAll(f, `"`, `""`)...)
		b = append(b, '"')
	}
	return append(b, '\n')
}

// ParseTable reads CSV with a header. Empty lines are stepped over. Errors tell the line and no value.
func ParseTable(body string) (*Table, error) {
	s := scanner{text: body, line: 1}
	t := &Table{}
	for {
		line := s.line
		fields, err := s.row()
		switch {
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", s.line, err)
		case fields == nil && t.Names == nil:
			return nil, errors.New("no header line")
		case fields == nil:
			return t, nil
		case t.Names == nil:
			t.Names = fields
			if err := distinct(fields); err != nil {
				return nil, fmt.Errorf("line %d: %w", line, err)
			}
			continue
		case len(fields) != len(t.Names):
			return nil, fmt.Errorf("line %d: %d fields where the header has %d", line, len(fields), len(t.Names))
		}
		t.Rows = append(t.Rows, fields)
	}
}

func distinct(names []string) error {
	seen := make(map[string]bool, len(names))
	for i, n := range names {
		if n == "" {
			return fmt.Errorf("column %d has no name", i+1)
		}
		if seen[n] {
			return fmt.Errorf("two columns are named %q", n)
		}
		seen[n] = true
	}
	return nil
}

// scanner reads CSV (RFC 4180), line ends "\n" or "\r\n" outside quotes and anything inside them.
type scanner struct {
	text string
	line int
}

// row returns the fields of the next line that is not empty, nil at the end of the text.
func (s *scanner) row() ([]string, error) {
	for s.lineEnd() {
	}
	if s.text == "" {
		return nil, nil
	}
	var fields []string
	for {
		field, err := s.field()
		if err != nil {
			return nil, err
		}
		fields = append(fields, field)
		if !strings.HasPrefix(s.text, ",") {
			if !s.lineEnd() && s.text != "" {
				return nil, errors.New("text after a quoted field")
			}
			return fields, nil
		}
		s.text = s.text[1:]
	}
}

// lineEnd steps over a line end, if one is next.
func (s *scanner) lineEnd() bool {
	n := 0
	switch {
	case strings.HasPrefix(s.text, "\n"):
		n = 1
	case strings.HasPrefix(s.text, "\r\n"):
		n = 2
	default:
		return false
	}
	s.text = s.text[n:]
	s.line++
	return true
}

func (s *scanner) field() (string, error) {
	if !strings.HasPrefix(s.text, `"`) {
		end := strings.IndexAny(s.text, ",\n")
		if end < 0 {
			end = len(s.text)
		} else if s.text[end] == '\n' && end > 0 && s.text[end-1] == '\r' {
			end--
		}
		field := s.text[:end]
		s.text = s.text[end:]
		if strings.Contains(field, `"`) {
			return "", errors.New("a quote inside a field without quotes")
		}
		return field, nil
	}
	var field []byte
	rest := s.text[1:]
	for {
		end := strings.IndexByte(rest, '"')
		if end < 0 {
			return "", errors.New("a quote is not closed")
		}
		field = append(field, rest[:end]...)
		s.line += strings.Count(rest[:end], "\n")
		rest = rest[end+1:]
		if !strings.HasPrefix(rest, `"`) {
			s.text = rest
			return string(field), nil
		}
		field = append(field, '"')
		rest = rest[1:]
	}
}
