package prompt

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
)

// Blocks is what a prompt holds for machines. What it lacks is nil.
type Blocks struct {
	Schema     *Schema
	Aggregates *Aggregates
	Examples   *Table
	Table      *Table
	Record     *string // the table of a record that is to be judged, as it was written
}

// Find reads the blocks of a conversation. Turns of the assistant are left out, and a later turn's block replaces that of an
// earlier one. Two blocks of one name in one turn, a block without an end and a body that cannot be read are errors.
func Find(messages []plugins.Message) (Blocks, error) {
	var out Blocks
	for i, m := range messages {
		if m.Role == "assistant" {
			continue
		}
		bodies, err := find(m.Text)
		if err == nil {
			err = out.read(bodies)
		}
		if err != nil {
			return Blocks{}, fmt.Errorf("message %d (%s): %w", i+1, m.Role, err)
		}
	}
	return out, nil
}

// read sets the blocks whose bodies are given.
func (b *Blocks) read(bodies map[string]string) error {
	return errors.Join(
		take(bodies, SchemaBlock, ParseSchema, &b.Schema),
		take(bodies, AggregatesBlock, ParseAggregates, &b.Aggregates),
		take(bodies, ExamplesBlock, ParseTable, &b.Examples),
		take(bodies, TableBlock, ParseTable, &b.Table),
		take(bodies, RecordBlock, func(body string) (*string, error) { return &body, nil }, &b.Record),
	)
}

// take sets the block of a name, if there is one.
func take[T any](bodies map[string]string, name string, read func(string) (*T, error), into **T) error {
	body, ok := bodies[name]
	if !ok {
		return nil
	}
	v, err := read(body)
	if err != nil {
		return fmt.Errorf("%s block: %w", name, err)
	}
	*into = v
	return nil
}

// find returns the bodies of the blocks of a text by name.
func find(text string) (map[string]string, error) {
	bodies := map[string]string{}
	name, fence := "", "" // of the open block; fence is empty outside blocks
	var body []string
	line := 0
	for l := range strings.Lines(text) {
		line++
		ticks, word := fenceOf(l)
		switch {
		case fence == "" && ticks != "":
			fence, name, body = ticks, word, nil
		case fence != "" && len(ticks) >= len(fence) && word == "":
			if err := closeBlock(bodies, name, strings.Join(body, "")); err != nil {
				return nil, fmt.Errorf("line %d: %w", line, err)
			}
			fence = ""
		case fence != "":
			body = append(body, l)
		}
	}
	if fence != "" && isBlock(name) {
		return nil, fmt.Errorf("the %s block has no end", name)
	}
	return bodies, nil
}

func closeBlock(bodies map[string]string, name, body string) error {
	if !isBlock(name) {
		return nil
	}
	if _, twice := bodies[name]; twice {
		return fmt.Errorf("a second %s block", name)
	}
	bodies[name] = body
	return nil
}

// fenceOf returns the backticks that a line begins with, when it is a fence, and what follows them.
func fenceOf(line string) (ticks, word string) {
	rest := strings.TrimLeft(line, "`")
	ticks = line[:len(line)-len(rest)]
	word = strings.TrimSpace(rest)
	if len(ticks) < 3 || strings.Contains(word, "`") {
		return "", ""
	}
	return ticks, word
}

func isBlock(name string) bool {
	switch name {
	case SchemaBlock, AggregatesBlock, ExamplesBlock, TableBlock, RecordBlock:
		return true
	}
	return false
}
