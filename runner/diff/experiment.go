package diff

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/record"
)

// Experiment lists the fields by which two resolved experiments differ, named as in the experiment file: "strategies.copula.with.bins".
// It returns an error for what is no JSON object.
func Experiment(before, after json.RawMessage) ([]Change, error) {
	if bytes.Equal(before, after) {
		return nil, nil
	}
	a, err := inWords(before)
	if err != nil {
		return nil, fmt.Errorf("the resolved experiment of the first version: %w", err)
	}
	b, err := inWords(after)
	if err != nil {
		return nil, fmt.Errorf("the resolved experiment of the second version: %w", err)
	}
	var out []Change
	for _, d := range cache.DiffJSON(a, b) {
		out = append(out, Change{Field: d.Field, Was: d.Old, Is: d.New})
	}
	return append(out, orders(before, after)...), nil
}

// Declared lists the fields by which two versions differ in what is made of their scores: title, primary contrasts, their inference,
// checks, tables and plots.
func Declared(before, after *record.Views) ([]Change, error) {
	a, err := declared(before)
	if err != nil {
		return nil, err
	}
	b, err := declared(after)
	if err != nil {
		return nil, err
	}
	return Experiment(a, b)
}

func declared(v *record.Views) (json.RawMessage, error) {
	sections := map[string]any{"primary": v.Primary, "inference": v.Inference, "checks": v.Checks, "tables": v.Tables, "plots": v.Plots}
	if v.Title != "" {
		sections["title"] = v.Title
	}
	return json.Marshal(sections)
}

// inWords rewrites a resolved experiment so that its fields have the paths that they have in an experiment file.
func inWords(resolved json.RawMessage) (json.RawMessage, error) {
	tree := map[string]any{}
	if len(resolved) > 0 {
		d := json.NewDecoder(bytes.NewReader(resolved))
		d.UseNumber() // numbers are compared as they are hashed
		if err := d.Decode(&tree); err != nil {
			return nil, err
		}
	}
	if blocks, ok := tree["matrix"].([]any); ok {
		for i := range blocks {
			blocks[i] = block(blocks[i])
		}
		if len(blocks) == 1 {
			tree["matrix"] = blocks[0]
		}
	}
	return json.Marshal(byName(tree))
}

// block puts the axes of a block of the matrix where the experiment file has them: beside include and exclude.
func block(v any) any {
	b, ok := v.(map[string]any)
	if !ok {
		return v
	}
	axes, _ := b["axes"].([]any)
	delete(b, "axes")
	for _, axis := range axes {
		if a, ok := axis.(map[string]any); ok {
			b[fmt.Sprint(a["axis"])] = a["values"]
		}
	}
	return b
}

// byName turns lists of named entries into objects, as experiment files have them. What holds nothing, and where paths stand, is left out.
func byName(v any) any {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "paths")
		for name, value := range v {
			if value == nil {
				delete(v, name)
				continue
			}
			v[name] = byName(value)
			if m, ok := v[name].(map[string]any); ok && len(m) == 0 {
				delete(v, name)
			}
		}
	case []any:
		entries := map[string]any{}
		for i := range v {
			entry, ok := v[i].(map[string]any)
			name, named := entry["name"].(string)
			if ok && named {
				entries[name] = byName(without(entry, "name"))
			} else {
				v[i] = byName(v[i])
			}
		}
		if len(v) > 0 && len(entries) == len(v) {
			return entries
		}
	}
	return v
}

func without(m map[string]any, name string) map[string]any {
	delete(m, name)
	return m
}

// orders says where the entries of a section are the same and stand in another order: tables follow it.
func orders(before, after json.RawMessage) []Change {
	names := func(raw json.RawMessage) map[string][]string {
		out := map[string][]string{}
		var sections map[string]json.RawMessage
		if json.Unmarshal(raw, &sections) != nil {
			return out
		}
		for section, list := range sections {
			var entries []struct{ Name string }
			if json.Unmarshal(list, &entries) != nil {
				continue
			}
			for _, e := range entries {
				out[section] = append(out[section], e.Name)
			}
		}
		return out
	}
	a, b := names(before), names(after)
	var out []Change
	for section, was := range a {
		is := b[section]
		if slices.Equal(was, is) || len(was) != len(is) || !slices.Equal(sorted(was), sorted(is)) {
			continue
		}
		out = append(out, Change{Field: "order of " + section, Was: strings.Join(was, ", "), Is: strings.Join(is, ", ")})
	}
	slices.SortFunc(out, func(x, y Change) int { return strings.Compare(x.Field, y.Field) })
	return out
}

func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }

// plain shows a JSON value of a change without the quotes of a text.
func plain(value string) string {
	if s, err := strconv.Unquote(value); err == nil {
		return s
	}
	return value
}
