package cache

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Difference is a field in which two recipes differ.
type Difference struct {
	Field string `json:"field"`         // e.g. "settings.with.bins" or "inputs[train].key"
	Old   string `json:"was,omitempty"` // JSON inside settings and roles, plain text elsewhere; empty: the field is absent
	New   string `json:"is,omitempty"`
}

// Diff lists the fields in which two recipes differ, in the order of the fields of Recipe; inside settings
// and roles by name. Inputs and files are matched by role, used models by name.
func Diff(before, after Recipe) []Difference {
	out := differences(flatten(&before), flatten(&after))
	order := func(d Difference) int { return slices.Index(sections, section(d.Field)) }
	slices.SortStableFunc(out, func(x, y Difference) int { return order(x) - order(y) })
	return out
}

// DiffJSON lists the fields in which two JSON values differ, by name. A list of plain values is one field.
func DiffJSON(before, after json.RawMessage) []Difference {
	leaves := func(raw json.RawMessage) []field {
		f := flattener{lists: true}
		f.addJSON("", raw)
		for i := range f.out {
			f.out[i].path = strings.TrimPrefix(f.out[i].path, ".")
		}
		return f.out
	}
	out := differences(leaves(before), leaves(after))
	slices.SortStableFunc(out, func(x, y Difference) int { return strings.Compare(x.Field, y.Field) })
	return out
}

// differences compares leaf by leaf.
func differences(a, b []field) []Difference {
	other := make(map[string]string, len(b))
	for _, f := range b {
		other[f.path] = f.value
	}
	var out []Difference
	seen := make(map[string]bool, len(a))
	for _, f := range a {
		seen[f.path] = true
		if now := other[f.path]; now != f.value {
			out = append(out, Difference{f.path, f.value, now})
		}
	}
	for _, f := range b {
		if !seen[f.path] {
			out = append(out, Difference{f.path, "", f.value})
		}
	}
	return out
}

// sections are the fields of Recipe in their order.
var sections = []string{
	"format", "stage", "plugin", "version", "uses", "settings", "roles", "n", "seed", "data", "files", "inputs", "numeric",
}

// section returns the field of Recipe that a path begins with.
func section(path string) string {
	if i := strings.IndexAny(path, ".["); i >= 0 {
		return path[:i]
	}
	return path
}

// field is one leaf of a recipe. A field that is absent has no leaf, or one with an empty value.
type field struct{ path, value string }

// flatten lists the leaves of a recipe; no path occurs twice.
func flatten(r *Recipe) []field {
	f := flattener{}
	f.add("format", strconv.Itoa(r.Format))
	f.add("stage", r.Stage)
	f.add("plugin", r.Plugin)
	f.add("version", strconv.Itoa(r.Version))
	names := numbered{}
	for _, u := range r.Uses {
		f.add("uses"+names.next(u.Name)+".version", strconv.Itoa(u.Version))
	}
	f.addJSON("settings", r.Settings)
	f.addJSON("roles", r.Roles)
	if r.N != 0 {
		f.add("n", strconv.Itoa(r.N))
	}
	if r.Seed != nil {
		f.add("seed", strconv.FormatUint(*r.Seed, 10))
	}
	f.add("data", r.Data)
	names = numbered{}
	for _, file := range r.Files {
		f.add("files"+names.next(file.Role)+".hash", string(file.Hash))
	}
	names = numbered{}
	for _, in := range r.Inputs {
		at := "inputs" + names.next(in.Role)
		f.add(at+".key", string(in.Key))
		f.add(at+".piece", in.Piece)
	}
	f.add("numeric", r.Numeric)
	return f.out
}

// numbered tells equal names apart: [x], [x#2] …
type numbered map[string]int

func (n numbered) next(name string) string {
	n[name]++
	if n[name] > 1 {
		return fmt.Sprintf("[%s#%d]", name, n[name])
	}
	return "[" + name + "]"
}

type flattener struct {
	out   []field
	lists bool // a list of plain values is one leaf
}

func (f *flattener) add(path, value string) {
	if value != "" {
		f.out = append(f.out, field{path, value})
	}
}

// addJSON adds the leaves of a JSON value. What is no JSON is one leaf.
func (f *flattener) addJSON(path string, raw json.RawMessage) {
	if len(raw) == 0 {
		return
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber() // numbers are compared as they are hashed: as they are written
	var v any
	if err := d.Decode(&v); err != nil {
		f.add(path, string(raw))
		return
	}
	f.addValue(path, v)
}

func (f *flattener) addValue(path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			f.add(path, "{}")
		}
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			f.addValue(path+member(name), v[name])
		}
	case []any:
		if len(v) == 0 {
			f.add(path, "[]")
		}
		if f.lists && len(v) > 0 && !slices.ContainsFunc(v, isBlock) {
			parts := flattener{}
			for _, item := range v {
				parts.addValue("", item)
			}
			texts := make([]string, len(parts.out))
			for i, p := range parts.out {
				texts[i] = p.value
			}
			f.add(path, "["+strings.Join(texts, ", ")+"]")
			return
		}
		for i, item := range v {
			f.addValue(fmt.Sprintf("%s[%d]", path, i), item)
		}
	case json.Number:
		f.add(path, v.String())
	case string:
		f.add(path, string(appendString(nil, v)))
	case bool:
		f.add(path, strconv.FormatBool(v))
	case nil:
		f.add(path, "null")
	}
}

// isBlock reports whether a decoded JSON value holds others.
func isBlock(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// member is the path of a name inside an object. A name that is no word is quoted, so that paths are unique.
func member(name string) string {
	for _, c := range name {
		if c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return "[" + strconv.Quote(name) + "]"
		}
	}
	if name == "" {
		return `[""]`
	}
	return "." + name
}
