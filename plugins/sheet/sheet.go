// Package sheet writes one record as a compact table for a reader: a language model that judges it, or a clinician. A line is a
// variable with its value and unit, what is normal, and what the variable is.
//
// Real and synthetic records are written by the same rules, so that only values can tell them apart. Digits after the point, flags
// and one-hot sets are decided for a column as a whole (style.go), from real rows alone or as declared, never from the row that is
// written. There is one mark of missing values, one spelling of a
// category's levels, one order of columns. Texts are data: whatever they hold stays within its cell (clean.go), and one that
// speaks to its reader is found by Suspicious (suspicious.go).
//
// What is normal is in ranges.go, the lines are made in record.go, and render.go writes them as Markdown, HTML, plain text or CSV.
package sheet

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Version is raised when equal records may be written otherwise, or other texts be suspicious.
const Version = 2

// The layouts.
const (
	Families = "families" // the first, last, least and greatest value of a quantity on one line, and one-hot sets as one variable
	Columns  = "columns"  // a line a column
)

// Missing is the mark of a value that there is none of.
const Missing = "—"

// Options says what a sheet shows, and how.
type Options struct {
	Columns  []string            `json:"columns,omitempty"` // that are shown, in their order; nil: all
	Layout   string              `json:"layout"`            // Families or Columns
	Missing  string              `json:"missing"`           // "show": lines without any value too; "omit": not these
	Standard bool                `json:"standard"`          // normal ranges of Standard where Ranges has none
	Ranges   map[string]Range    `json:"ranges,omitempty"`  // what is normal, by column or by quantity: "heartrate" is for heartrate_first, too
	Decimals map[string]int      `json:"decimals,omitempty"`
	Sets     map[string][]string `json:"sets,omitempty"` // one-hot columns by the name of their variable
	Longest  int                 `json:"longest"`        // characters of a text; what goes beyond is cut, and a mark says so
}

// What becomes of lines without a value.
const (
	Show = "show"
	Omit = "omit"
)

// mostDecimals is how many digits after the point a column may be given.
const mostDecimals = 9

// Defaults returns the options of those who set none.
func Defaults() Options {
	return Options{Layout: Families, Missing: Show, Standard: true, Longest: 200}
}

// Schema is the CUE fields of Options.
const Schema = `// columns of the record that are shown, in this order: all unless set
columns?: [string, ...string]
// "families" unless set: first, last, least and greatest value of a quantity on one line, and one-hot columns as one variable;
// "columns": a line a column
layout?: "families" | "columns"
// lines without a value: "show" unless set; "omit": they are left out
missing?: "show" | "omit"
// true unless set: normal ranges of adults for the variables of the ICU matrix where ranges has none
standard?: bool
// what is normal, by column, or by quantity: heartrate is for heartrate_first, heartrate_last and so on
ranges?: {[string]: {min?: number, max?: number}}
// digits after the point, by column or quantity: those of the real rows unless set
decimals?: {[string]: int & >=0 & <=9}
// one-hot columns that are shown as one variable, by its name: those of which nearly every real row has exactly one, unless set
sets?: {[string]: [...string]}
// characters of a text that are shown: 200 unless set
longest?: int & >=1 & <=100000`

// Check says what is wrong with the options, or returns nil.
func (o Options) Check() error {
	switch {
	case o.Layout != Families && o.Layout != Columns:
		return fmt.Errorf("layout is %q; want %q or %q", o.Layout, Families, Columns)
	case o.Missing != Show && o.Missing != Omit:
		return fmt.Errorf("missing is %q; want %q or %q", o.Missing, Show, Omit)
	case o.Longest < 1:
		return fmt.Errorf("longest is %d; want at least 1", o.Longest)
	}
	if o.Columns != nil && len(o.Columns) == 0 {
		return errors.New("columns names none; leave it out to show all")
	}
	for i, name := range o.Columns {
		if slices.Contains(o.Columns[:i], name) {
			return fmt.Errorf("columns names %q twice", name)
		}
	}
	set := map[string]string{} // of a column
	for _, name := range sorted(o.Sets) {
		for _, column := range o.Sets[name] {
			if set[column] != "" {
				return fmt.Errorf("sets.%s names %q, which is in sets.%s", name, column, set[column])
			}
			set[column] = name
		}
		if len(o.Sets[name]) < 2 {
			return fmt.Errorf("sets.%s: want at least 2 columns", name)
		}
	}
	for _, name := range sorted(o.Decimals) {
		if d := o.Decimals[name]; d < 0 || d > mostDecimals {
			return fmt.Errorf("decimals.%s is %d; want 0 to %d", name, d, mostDecimals)
		}
	}
	for _, name := range sorted(o.Ranges) {
		if err := o.Ranges[name].check(); err != nil {
			return fmt.Errorf("ranges.%s: %w", name, err)
		}
	}
	return nil
}

// Known is what is known of columns besides their values.
type Known struct {
	About  map[string]plugins.ColumnInfo
	Limits map[string]plugins.Limit
	Styles map[string]plugins.Style // as Styles finds them; those of columns that lack are those of the rows of New
}

// Sheet writes records that have the same columns. It is safe for concurrent use.
type Sheet struct {
	options Options
	lines   []line
	speaks  sync.Map // by text, whether it is Suspicious: levels come again and again
}

// New returns the sheet of records like those of a frame. Where styles are not known, they are those of its rows: give it real
// ones then, or all that are to be told apart by nothing but their values. What options say of columns that the frame lacks is
// left out: cells of one experiment have different features, and Vet tells what no column can be meant by.
func New(like *frame.Frame, known Known, o Options) (*Sheet, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	names := o.Columns
	if names == nil {
		names = like.Names()
	}
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return like.Column(name) == nil })
	if len(names) == 0 {
		return nil, errors.New("columns: the records have none of them")
	}
	known.Styles = completed(known.Styles, like)
	s := &Sheet{options: o}
	fields := make([]field, len(names))
	for i, name := range names {
		fields[i] = newField(like.Column(name), known, o)
	}
	declare(fields, o.Sets)
	dissolve(fields, o.Layout)
	s.lines = s.layOut(fields)
	return s, nil
}

// completed are styles with those of the rows for columns that have none.
func completed(styles map[string]plugins.Style, like *frame.Frame) map[string]plugins.Style {
	lacks := func(name string) bool {
		_, ok := styles[name]
		return !ok
	}
	if !slices.ContainsFunc(like.Names(), lacks) {
		return styles
	}
	out := Styles(like)
	maps.Copy(out, styles)
	return out
}

// dissolve takes fields out of sets that the layout has no line for, and out of those of which the record has one column only.
func dissolve(fields []field, layout string) {
	members := map[string]int{}
	for i := range fields {
		members[fields[i].set]++
	}
	for i := range fields {
		if layout == Columns || members[fields[i].set] < 2 {
			fields[i].set = ""
		}
	}
}

// Vet returns what is wrong with options for records that have columns of these names, whichever of them a frame has.
func (o Options) Vet(names []string) plugins.Faults {
	var out plugins.Faults
	fault := func(name string, known []string, field ...string) {
		out = append(out, plugins.Fault{Field: field, Message: fmt.Sprintf("there is no column named %q", name), Name: name, Known: known})
	}
	for i, name := range o.Columns {
		if !slices.Contains(names, name) {
			fault(name, names, "columns", strconv.Itoa(i))
		}
	}
	known := slices.Clone(names) // and quantities
	for _, name := range names {
		if q := quantityOf(name); !slices.Contains(known, q) {
			known = append(known, q)
		}
	}
	for _, list := range []struct {
		field string
		keys  []string
	}{{"ranges", sorted(o.Ranges)}, {"decimals", sorted(o.Decimals)}} {
		for _, key := range list.keys {
			if !slices.Contains(known, key) {
				fault(key, known, list.field, key)
			}
		}
	}
	for _, set := range sorted(o.Sets) {
		for i, name := range o.Sets[set] {
			if !slices.Contains(names, name) {
				fault(name, names, "sets", set, strconv.Itoa(i))
			}
		}
	}
	return out
}

// declare puts declared sets into fields: what is declared is the whole of a set.
func declare(fields []field, sets map[string][]string) {
	for _, name := range sorted(sets) {
		for i := range fields {
			switch f := &fields[i]; {
			case f.number && slices.Contains(sets[name], f.name):
				f.set, f.flag = name, true
			case f.set == name:
				f.set = ""
			}
		}
	}
}

// Names returns the names of the lines, in order, as a header of CSV has them.
func (s *Sheet) Names() []string {
	names := make([]string, len(s.lines))
	for i := range s.lines {
		names[i] = spread(clean(s.lines[i].name, s.options.Longest))
	}
	return names
}

// Columns returns the columns that are shown, in the order of the lines.
func (s *Sheet) Columns() []string {
	var out []string
	for i := range s.lines {
		out = append(out, s.lines[i].columns()...)
	}
	return out
}

// Resolve returns the columns that a reader means by a name: a column of the sheet, or all columns of a line. Letters may be large
// or small. nil: there is none.
func (s *Sheet) Resolve(name string) []string {
	name = strings.TrimSpace(name)
	for i := range s.lines {
		l := &s.lines[i]
		for _, f := range l.fields {
			if strings.EqualFold(f.name, name) {
				return []string{f.name}
			}
		}
	}
	for i := range s.lines {
		if l := &s.lines[i]; strings.EqualFold(l.name, name) {
			return l.columns()
		}
	}
	return nil
}

func (l *line) columns() []string {
	out := make([]string, len(l.fields))
	for i, f := range l.fields {
		out[i] = f.name
	}
	return out
}
