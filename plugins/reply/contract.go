// Package reply reads the answers of language models that were asked for rows.
//
// A Contract says what a reply has to hold. Schema turns it into a JSON Schema that a provider can hold a model to; Parse
// reads whatever came back: CSV or JSON, with or without text around it. Each record of the reply is either accepted or
// rejected for one reason, and the Account says how many of each there are. Repairs change how a value is written and never
// the value; each is counted. Intake puts the records of many replies together: it finds those that are there twice or
// were shown to the model, and stops at the number of rows that is wanted.
//
// contract.go says what is wanted, schema.go puts it as a JSON Schema, reply.go, csv.go and json.go read texts, cell.go reads
// values, account.go and intake.go count, rows.go makes a frame. What prompts look like is left to plugins/prompt, who asks
// how often to plugins/elicit.
package reply

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// The containers of a reply.
const (
	CSV  = "csv"  // a header line and a line for each row
	JSON = "json" // {"records": [{…}, …]}
)

// What happens to a row that a Policy is about.
const (
	Keep = "keep" // it is delivered, and counted
	Drop = "drop" // it is rejected
)

// Contract says what a reply has to hold.
type Contract struct {
	Columns   []Column // in the order in which they are asked for
	Container string   // CSV or JSON
	Key       string   // column that ties records to the rows of a table; it is none of Columns; "" where there is no table
	Keys      []int    // the rows of the table that are asked for; nil: 1 … Rows
	Given     []Given  // the other columns of the table, which are not asked for; records may repeat them
	Rows      int      // number of records that is asked for
	Policy    Policy

	Label  string   // column whose value rejected records are counted by, where it can be read; "": they are not
	Labels []string // the values of it that are counted, as CSV has them
}

// Given is a column of the table that records continue. A record that repeats it with another value than the row of its key has
// belongs to another row.
type Given struct {
	Column
	Shown []string // the value of each row that is asked for, as CSV has it; "" is missing
}

// Column is a column of a Contract.
type Column struct {
	Name    string
	Kind    frame.Kind
	Integer bool     // Number only: values are whole
	Unit    string   // as frame.Column has it
	Levels  []string // Category only: the values that are valid; nil: any text is
	Open    bool     // the levels are not told to the model. A value that is none of them is rejected all the same
	Min     *float64 // Number only: the least and the greatest value in range; nil: there is no limit
	Max     *float64
	Missing bool   // a value may be missing
	Fixed   string // value that every record must have, as CSV has it; records may leave the column out. "": none
}

// Policy says what happens to records that can be read but may not be wanted. "" is Keep.
type Policy struct {
	OutOfRange string // records with a value out of range
	Duplicates string // records that equal one that was delivered before
	Copies     string // records that equal a row that the model was shown
}

// Check says what is wrong with a contract, or returns nil. It is for contracts that users had a hand in: Parse takes any.
func (c Contract) Check() error {
	switch {
	case c.Container != CSV && c.Container != JSON:
		return fmt.Errorf("container is %q; want %q or %q", c.Container, CSV, JSON)
	case c.Rows < 0:
		return fmt.Errorf("rows is %d; want 0 or more", c.Rows)
	case len(c.Columns) == 0:
		return errors.New("no columns")
	}
	for _, p := range []struct{ name, value string }{
		{"out of range", c.Policy.OutOfRange}, {"duplicates", c.Policy.Duplicates}, {"copies", c.Policy.Copies},
	} {
		if p.value != "" && p.value != Keep && p.value != Drop {
			return fmt.Errorf("policy for %s is %q; want %q or %q", p.name, p.value, Keep, Drop)
		}
	}
	seen := map[string]bool{}
	for i, column := range c.Columns {
		switch name := column.Name; {
		case name == "":
			return fmt.Errorf("column %d has no name", i+1)
		case seen[name]:
			return fmt.Errorf("two columns are named %q", name)
		case name == c.Key:
			return fmt.Errorf("column %q is the key, which is not listed", name)
		}
		seen[column.Name] = true
		if err := column.check(); err != nil {
			return fmt.Errorf("column %q: %w", column.Name, err)
		}
	}
	return c.checkGiven(seen)
}

// checkGiven checks what is there of the table. seen are the names of columns that are asked for.
func (c Contract) checkGiven(seen map[string]bool) error {
	rows := c.Rows
	if c.Keys != nil {
		rows = len(c.Keys)
	}
	for _, g := range c.Given {
		switch {
		case c.Key == "":
			return fmt.Errorf("column %q is given, and there is no key", g.Name)
		case seen[g.Name], g.Name == c.Key, g.Name == "":
			return fmt.Errorf("column %q is given, and asked for or given already", g.Name)
		case len(g.Shown) != rows:
			return fmt.Errorf("column %q is given for %d rows; want %d", g.Name, len(g.Shown), rows)
		}
		seen[g.Name] = true
	}
	return nil
}

func (c Column) check() error {
	switch c.Kind {
	case frame.Category:
		if c.Min != nil || c.Max != nil || c.Integer {
			return errors.New("a category has no range and is not whole")
		}
		return nil
	case frame.Number:
	default:
		return fmt.Errorf("kind is %q; want %q or %q", c.Kind, frame.Number, frame.Category)
	}
	if c.Levels != nil {
		return errors.New("a number has no levels")
	}
	for _, limit := range []*float64{c.Min, c.Max} {
		if limit != nil && (math.IsNaN(*limit) || math.IsInf(*limit, 0)) {
			return errors.New("a limit is no finite number")
		}
	}
	if c.Min != nil && c.Max != nil && *c.Min > *c.Max {
		return errors.New("the least value is greater than the greatest")
	}
	if _, ok := parseNumber(c.Fixed); !ok && c.Fixed != "" {
		return errors.New("the fixed value is no number")
	}
	return nil
}

// Names returns the names of the columns of a reply in the order asked for, the key first where there is one.
func (c Contract) Names() []string {
	names := make([]string, 0, len(c.Columns)+1)
	if c.Key != "" {
		names = append(names, c.Key)
	}
	for _, column := range c.Columns {
		names = append(names, column.Name)
	}
	return names
}

// LabelOf returns the label of a record, given its values, as CSV has it; false where records are not counted by it.
func (c *Contract) LabelOf(values []Value) (string, bool) {
	if c.Label == "" {
		return "", false
	}
	at := slices.IndexFunc(c.Columns, func(column Column) bool { return column.Name == c.Label })
	if at < 0 {
		return "", false
	}
	return c.labelText(values[at])
}

// labelText is a value of the label as CSV has it; false for one that is not counted.
func (c *Contract) labelText(v Value) (string, bool) {
	text := v.Level
	if text == "" {
		text = strconv.FormatFloat(v.Number, 'f', -1, 64)
	}
	return text, !v.Missing && slices.Contains(c.Labels, text)
}
