package table

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// New returns the data set. It opens no file.
func New(c Config) (plugins.Dataset, error) {
	if c.MaxBytes <= 0 {
		return nil, fmt.Errorf(`"maxBytes" %d: want a number above 0`, c.MaxBytes)
	}
	d := &dataset{main: &source{Source: c.Source, role: "table", maxBytes: c.MaxBytes}}
	if err := d.main.check(); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(c.Join)) {
		settings := c.Join[name]
		j := &joined{
			source:     &source{Source: settings.Source, role: "join:" + name, setting: "join." + name + ".", maxBytes: c.MaxBytes, keys: settings.On.Right},
			JoinConfig: settings, name: name,
		}
		if err := j.check(); err != nil {
			return nil, err
		}
		d.joins = append(d.joins, j)
	}
	d.main.note(d, "")
	for _, j := range d.joins {
		j.source.note(d, j.Prefix)
	}
	return d, nil
}

// note marks the columns of a table that keys, units and dates are made of, by whatever table: they are read even if
// they are left out in the end. Names in other tables begin with the prefix.
func (s *source) note(d *dataset, prefix string) {
	s.needed, s.later = map[string]bool{}, setOf(s.keys)
	for _, j := range d.joins {
		for _, name := range j.On.Left {
			s.later[strings.TrimPrefix(name, prefix)] = true
		}
	}
	for _, other := range d.sources() {
		for _, c := range other.Columns {
			if c.Date != nil {
				s.later[c.Date.Since] = true
				s.later[strings.TrimPrefix(c.Date.Since, prefix)] = true
			}
		}
	}
	for name := range s.later {
		s.needed[name] = true
	}
	for _, c := range s.Columns {
		s.needed[c.UnitFrom] = true
	}
}

// check returns the first mistake of a table's settings that can be seen without its files.
func (s *source) check() error {
	if len(s.Path.All) == 0 || slices.Contains(s.Path.All, "") {
		return s.wrong("path", "is empty; want a file such as stays.csv, stays.csv.gz or stays.parquet")
	}
	for _, p := range s.Path.All {
		if strings.Count(p, "*") > 1 {
			return s.wrong("path", `has more than one "*"; want one`)
		}
	}
	if s.Members != "" && strings.Count(s.Members, "*") != 1 {
		return s.wrong("members", `%q: want one "*", as in "set-a/*.txt"`, s.Members)
	}
	if d := s.Delimiter; d != "" && (len(d) != 1 || strings.ContainsAny(d, "\"\r\n\x00") || d[0] >= utf8.RuneSelf) {
		return s.wrong("delimiter", "%q: want one ASCII character", d)
	}
	if s.Header != nil && len(s.Header) == 0 {
		return s.wrong("header", "names no column")
	}
	if s.Keep != nil && len(s.Keep) == 0 {
		return s.wrong("keep", "names no column")
	}
	if name, twice := repeated(s.Header); twice {
		return s.wrong("header", "names %q twice", name)
	}
	if slices.Contains(s.Header, "") {
		return s.wrong("header", "has an empty name; every column needs one")
	}
	for _, name := range slices.Sorted(maps.Keys(s.Columns)) {
		c := s.Columns[name]
		if fault := c.fault(name); fault != "" {
			return s.wrong(columnSetting(name), "%s", fault)
		}
	}
	if s.Long != nil {
		return s.checkLong()
	}
	return nil
}

func (s *source) wrong(setting, format string, args ...any) error {
	return fmt.Errorf("%q "+format, append([]any{s.setting + setting}, args...)...)
}

func columnSetting(name string) string { return fmt.Sprintf("columns.%s", name) }

// fault returns what contradicts itself in the settings of a column, or "".
func (c *ColumnConfig) fault(name string) string {
	switch {
	case c.Date != nil:
		return c.faultOfDate(name)
	case c.Levels != nil && len(c.Levels) == 0:
		return "has no levels"
	case (c.Kind == frame.Category || c.Kind == "" && c.Levels != nil) && c.limitsNumbers():
		return `is a category; min, max, convert and unitFrom need kind "number"`
	case c.UnitFrom == name:
		return "has its unit from itself"
	case c.Unit == "" && (len(c.Convert) > 0 || c.UnitFrom != ""):
		return "has convert or unitFrom, but no unit to convert to"
	case c.Min != nil && c.Max != nil && *c.Min > *c.Max:
		return fmt.Sprintf("has min %v above max %v", *c.Min, *c.Max)
	case c.Outside != "" && c.Min == nil && c.Max == nil:
		return "has outside, but neither min nor max"
	case !slices.Contains([]string{"", "error", "missing"}, c.Outside):
		return fmt.Sprintf(`has outside %q; want "error" or "missing"`, c.Outside)
	}
	for _, unit := range slices.Sorted(maps.Keys(c.Convert)) {
		if f := c.Convert[unit]; f.Factor == 0 || math.IsInf(f.Factor*f.Offset, 0) || math.IsNaN(f.Factor) {
			return fmt.Sprintf("has no usable factor for %q in convert", unit)
		}
	}
	if c.Kind == frame.Number {
		for _, code := range slices.Sorted(maps.Keys(c.Levels)) {
			if _, ok := parseNumber(string(c.Levels[code])); !ok {
				return fmt.Sprintf("is a number, but its level for %q is none", code)
			}
		}
	}
	return ""
}

// limitsNumbers reports whether settings are there that only numbers have.
func (c *ColumnConfig) limitsNumbers() bool {
	return c.Min != nil || c.Max != nil || len(c.Convert) > 0 || c.UnitFrom != ""
}

func (c *ColumnConfig) faultOfDate(name string) string {
	d := c.Date
	_, err := d.patterns()
	switch {
	case err != nil:
		return err.Error()
	case c.Kind == frame.Category || c.Levels != nil || c.Unit != "" || c.UnitFrom != "" || len(c.Convert) > 0:
		return "is a date, which becomes a number in a unit of its own; it has no other kind, levels or unit"
	case d.Since == name:
		return "is a date that is counted from itself"
	}
	if _, known := secondsOf[d.In]; !known {
		return fmt.Sprintf(`has date.in %q; want "minutes", "hours", "days" or "years"`, d.In)
	}
	for _, limit := range []string{d.Min, d.Max} {
		if _, ok := parseDate("%Y-%m-%d", limit); limit != "" && !ok {
			return fmt.Sprintf("has the limit %q; want a date such as 1990-01-31", limit)
		}
	}
	if d.Min != "" && d.Max != "" && d.Min > d.Max {
		return fmt.Sprintf("has date.min %s after date.max %s", d.Min, d.Max)
	}
	return ""
}

func (s *source) checkLong() error {
	l := s.Long
	if s.Keep != nil || s.Drop != nil {
		return s.wrong("long", `says itself which columns are kept: "long.keep" and "long.variables" take the place of "keep" and "drop"`)
	}
	if name, twice := repeated(slices.DeleteFunc(l.columns(), func(n string) bool { return n == "" })); twice {
		return s.wrong("long", "names column %q twice", name)
	}
	if l.Row == "" || l.Variable == "" || l.Value == "" {
		return s.wrong("long", `wants the columns "row", "variable" and "value"`)
	}
	if l.Take.IsZero() && len(l.Variables) == 0 {
		return s.wrong("long", `takes nothing; want "take", or "variables"`)
	}
	if fault := l.Take.fault(); fault != "" {
		return s.wrong("long.take", "%s", fault)
	}
	for _, name := range slices.Sorted(maps.Keys(l.Variables)) {
		if t := l.Variables[name]; !t.dropped() {
			if fault := t.fault(); fault != "" {
				return s.wrong("long.variables."+name, "%s", fault)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Columns)) {
		c := s.Columns[name]
		switch {
		case name == l.Value && (c.Date != nil || c.Levels != nil || c.Unit != "" || c.Group != "" || c.limitsNumbers()):
			return s.wrong(columnSetting(name), "holds the values of all variables; say what is known of each under its own name")
		case slices.Contains(l.columns(), name):
		case c.Date != nil:
			return s.wrong(columnSetting(name), "is a date; the variables of a long table are numbers and categories")
		case c.UnitFrom != "":
			return s.wrong(columnSetting(name), `has unitFrom; the units of a long table are in the column "long.unit"`)
		}
	}
	return nil
}

func (j *joined) check() error {
	if err := j.source.check(); err != nil {
		return err
	}
	setting := j.source.setting
	switch {
	case len(j.On.Left) == 0 || slices.Contains(j.On.Left, "") || slices.Contains(j.On.Right, ""):
		return fmt.Errorf("%q names no column of a key", setting+"on")
	case len(j.On.Left) != len(j.On.Right):
		return fmt.Errorf("%q has %d columns on the left and %d on the right", setting+"on", len(j.On.Left), len(j.On.Right))
	case j.Cardinality != oneToOne && j.Cardinality != manyToOne:
		return fmt.Errorf("%q %q: want %q or %q", setting+"cardinality", j.Cardinality, oneToOne, manyToOne)
	case j.How != "" && j.How != "left" && j.How != "inner":
		return fmt.Errorf(`%q %q: want "left" or "inner"`, setting+"how", j.How)
	}
	return nil
}

func repeated(names []string) (name string, twice bool) {
	seen := map[string]bool{}
	for _, n := range names {
		if seen[n] {
			return n, true
		}
		seen[n] = true
	}
	return "", false
}
