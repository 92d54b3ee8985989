// Package prompt holds the machine-readable parts of prompts: fenced blocks that stand inside free text, so that the text
// around them can be replaced and every reader still finds the data.
//
//	```schema       JSON, see Schema: which columns, how many rows, in which container; every prompt has one
//	```aggregates   JSON, see Aggregates: what train looks like, small cells withheld
//	```examples     CSV with a header, see Table: real rows to learn from
//	```table        CSV with a header: rows to be continued, each tied to its answer by the key column of the schema
//
// A prompt that asks to judge a record has one block of another kind and none of these:
//
//	```record       a table of GitHub Flavored Markdown, as plugins/sheet writes it
//
// A fence is a line that begins with three or more backticks and the name of the block; the block ends at a line of at
// least as many backticks and nothing else, as in CommonMark (section 4.5). Blocks of other names are text.
//
// What is asked is in schema.go, tables are in table.go, what may be told of train is computed in aggregate.go, texts with
// placeholders are in template.go, and find.go reads blocks back. How replies are read is left to plugins/reply.
package prompt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// The names of the blocks.
const (
	SchemaBlock     = "schema"
	AggregatesBlock = "aggregates"
	ExamplesBlock   = "examples"
	TableBlock      = "table"
	RecordBlock     = "record"
)

// Number is the shortest text that reads back as v; it is empty, which means missing, where v is no finite number.
func Number(v float64) string {
	switch {
	case math.IsNaN(v), math.IsInf(v, 0):
		return ""
	case v == 0:
		return "0" // never "-0"
	}
	format := byte('f')
	if a := math.Abs(v); a < 1e-6 || a >= 1e15 { // longer without an exponent
		format = 'e'
	}
	return strconv.FormatFloat(v, format, -1, 64)
}

// RenderRecord returns the block of a record that is to be judged. Its table ends with a line end.
func RenderRecord(table string) string { return fenced(RecordBlock, table) }

// fenced puts a body, which ends with a line end, between fences that are longer than any run of backticks in it.
func fenced(name, body string) string {
	most, run := 2, 0
	for i := range len(body) {
		if body[i] != '`' {
			run = 0
			continue
		}
		run++
		most = max(most, run)
	}
	fence := strings.Repeat("`", most+1)
	return fence + name + "\n" + body + fence
}

// appendJSON appends the JSON of v on one line, with <, > and & as they are.
func appendJSON(b []byte, v any) []byte {
	out := bytes.NewBuffer(b)
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("prompt: %v", err)) // the types of this package hold nothing that JSON cannot
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// decode reads one JSON value of a block and nothing after it. Unknown fields are errors.
func decode(text string, into any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return jsonFault(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("text after the JSON value")
	}
	return nil
}

// jsonFault says what is wrong with JSON without its values.
func jsonFault(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("no JSON at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Errorf("field %q is no %s", kind.Field, kind.Type)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("JSON ends too early")
	}
	return err
}
