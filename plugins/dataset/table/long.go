package table

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// maxColumns is the greatest number of columns of a table of measurements, that of frame's files.
const maxColumns = 16384

// columns lists the columns of the file that a long table is made of.
func (l *LongConfig) columns() []string {
	return append([]string{l.Row, l.Variable, l.Value, l.Order, l.Unit}, l.Keep...)
}

// options asks for the columns of a long table alone. The name of a variable is a text, whatever it looks like.
func (l *LongConfig) options(o *frame.ReadOptions, origin string) {
	o.Keep = []string{} // not nil, which is all
	for _, name := range l.columns() {
		if name != "" && name != origin {
			o.Keep = append(o.Keep, name)
		}
	}
	for _, name := range []string{l.Variable, l.Unit} {
		if name != "" && name != origin {
			c := o.Columns[name]
			c.Kind = frame.Category
			o.Columns[name] = c
		}
	}
}

// measurements is a table of which each row is one value of one variable.
type measurements struct {
	*source
	*sheet
	group []int32   // the row of the result, or -1
	first []int     // the first measurement of each row of the result
	order []float64 // by which first and last are told; nil: the order of the file
}

// widen makes a table with one row for each value of long.row, in the order of their first measurements.
func (s *source) widen(ctx context.Context, t *sheet) (*sheet, error) {
	if err := s.recodeLong(t); err != nil {
		return nil, err
	}
	m := &measurements{source: s, sheet: t}
	m.groupRows()
	if err := m.readOrder(); err != nil {
		return nil, err
	}
	out := &sheet{
		rows: len(m.first), complete: t.complete, counts: m.counts,
		parts:  []part{{file: t.parts[0].file, rows: len(m.first), names: t.parts[0].names}},
		groups: map[string]string{}, dates: map[string]date{}, leave: map[string]bool{},
	}
	for _, name := range append([]string{s.Long.Row}, s.Long.Keep...) {
		c, err := m.keep(name)
		if err != nil {
			return nil, err
		}
		out.columns = append(out.columns, c)
		if g := t.groups[name]; g != "" {
			out.groups[name] = g
		}
		if d, ok := t.dates[name]; ok {
			d.place = out.at
			out.dates[name] = d
		}
	}
	return out, m.variables(ctx, out)
}

// recodeLong recodes the columns of the file; variables are recoded one by one.
func (s *source) recodeLong(t *sheet) error {
	columns := *s
	columns.Columns = map[string]ColumnConfig{}
	for _, name := range s.Long.columns() {
		c, ok := s.Columns[name]
		if ok && name != s.Long.Value { // its values are of many variables, and of no unit or level
			columns.Columns[name] = c
		}
	}
	for _, name := range s.Long.columns() {
		if name != "" && t.column(name) == nil {
			return t.fault("", "no column named %q", name) // an origin that is not one
		}
	}
	return columns.recode(t)
}

// groupRows finds the row of the result that each measurement belongs to.
func (m *measurements) groupRows() {
	m.group = make([]int32, m.rows)
	id := m.column(m.Long.Row)
	code := func(row int) int32 { return id.Codes[row] }
	if id.Kind == frame.Number {
		index := map[float64]int32{}
		code = func(row int) int32 {
			v := id.Numbers[row]
			c, ok := index[v]
			if !ok {
				c = int32(len(index))
				index[v] = c
			}
			return c
		}
	}
	at := make([]int32, 0, len(id.Levels)) // group of each code, from 1
	without := 0
	for row := range m.group {
		if id.IsMissing(row) {
			m.group[row] = -1
			without++
			continue
		}
		c := code(row)
		for int(c) >= len(at) {
			at = append(at, 0)
		}
		if at[c] == 0 {
			m.first = append(m.first, row)
			at[c] = int32(len(m.first))
		}
		m.group[row] = at[c] - 1
	}
	m.counts = append(m.counts, plugins.Count{Name: "rows made of measurements", Value: len(m.first)})
	if without > 0 {
		m.counts = append(m.counts, plugins.Count{Name: "measurements left out: of no row", Value: without})
	}
}

// readOrder reads the column by which first and last are told: numbers, times since admission, or dates.
func (m *measurements) readOrder() error {
	if m.Long.Order == "" {
		return nil
	}
	c := m.column(m.Long.Order)
	if c.Kind == frame.Number {
		m.order = c.Numbers
		return nil
	}
	dates, err := (&DateConfig{}).patterns()
	if err != nil {
		return err
	}
	forms := []func(string) (float64, bool){parseClock}
	for _, p := range dates {
		forms = append(forms, func(text string) (float64, bool) { return parseDate(p, text) })
	}
	of := make([]float64, len(c.Levels))
	bad := make([]bool, len(c.Levels))
	clocks := 0
	for i, text := range c.Levels {
		at := slices.IndexFunc(forms, func(parse func(string) (float64, bool)) (ok bool) {
			of[i], ok = parse(text)
			return ok
		})
		bad[i] = at < 0
		if at == 0 {
			clocks++
		}
	}
	if rows := rowsOf(c, bad); rows != nil {
		return place(m.at).fault(c.Name, rows, "neither a number, nor a time such as 36:15, nor a date such as 2006-01-31 10:00; declare its date.format")
	}
	if clocks > 0 && clocks < len(c.Levels) {
		return m.fault(c.Name, "holds times and dates; want one of them")
	}
	m.order = numbersOf(c, of).Numbers
	return nil
}

// keep returns a column that has one value a row.
func (m *measurements) keep(name string) (*frame.Column, error) {
	c := m.column(name)
	rows := slices.Clone(m.first)
	for row, g := range m.group {
		if g < 0 || c.IsMissing(row) {
			continue
		}
		chosen := rows[g]
		if c.IsMissing(chosen) {
			rows[g] = row
		} else if !equalAt(c, chosen, row) {
			_, number := m.at(chosen)
			return nil, place(m.at).fault(name, []int{row}, "differs from row %d of the same %q; a column in %q has one value for each", number, m.Long.Row, m.setting+"long.keep")
		}
	}
	return c.Take(rows), nil
}

func equalAt(c *frame.Column, a, b int) bool {
	if c.Kind == frame.Category {
		return c.Codes[a] == c.Codes[b]
	}
	return c.Numbers[a] == c.Numbers[b]
}

// variables makes the columns of all variables, by name.
func (m *measurements) variables(ctx context.Context, out *sheet) error {
	c := m.column(m.Long.Variable)
	of := m.byVariable(c, out)
	names, err := m.chosen(c)
	if err != nil {
		return err
	}
	taken := setOf(out.names())
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		var rows []int
		if code, ok := slices.BinarySearch(c.Levels, name); ok {
			rows = of[code]
		}
		columns, err := m.variable(name, rows, out)
		if err != nil {
			return err
		}
		for _, made := range columns {
			if taken[made.Name] {
				return m.fault("", "variable %q makes a column %q, which there is already; take statistics of it in a list, or say \"drop\" in %q", name, made.Name, m.setting+"long.variables."+name)
			}
			taken[made.Name] = true
			if g := m.Columns[name].Group; g != "" {
				out.groups[made.Name] = g
			}
		}
		if out.columns = append(out.columns, columns...); len(out.columns) > maxColumns {
			return m.fault(c.Name, "names so many variables that there are more than %d columns; is it the column of their names?", maxColumns)
		}
	}
	return nil
}

// byVariable lists the measurements of each level of the column of names, and counts those that are of none.
func (m *measurements) byVariable(c *frame.Column, out *sheet) [][]int {
	sizes := make([]int, len(c.Levels))
	nameless := 0
	for row, code := range c.Codes {
		switch {
		case m.group[row] < 0:
		case code == frame.Missing:
			nameless++
		default:
			sizes[code]++
		}
	}
	if nameless > 0 {
		out.counts = append(out.counts, plugins.Count{Name: "measurements left out: of no variable", Value: nameless})
	}
	of := make([][]int, len(c.Levels))
	for i, n := range sizes {
		of[i] = make([]int, 0, n)
	}
	for row, code := range c.Codes {
		if m.group[row] >= 0 && code != frame.Missing {
			of[code] = append(of[code], row)
		}
	}
	return of
}

// chosen lists the variables that are taken, sorted. All that settings name must be there, once all rows were read.
func (m *measurements) chosen(c *frame.Column) ([]string, error) {
	known := setOf(c.Levels)
	file := setOf(m.Long.columns())
	for _, name := range slices.Sorted(maps.Keys(m.Columns)) {
		if m.complete && !known[name] && !file[name] {
			return nil, m.fault("", "%s names neither a column of the file nor a variable in column %q", quote(m.setting+columnSetting(name)), c.Name)
		}
	}
	names := slices.Sorted(maps.Keys(m.Long.Variables))
	for _, name := range names {
		if m.complete && !known[name] {
			return nil, m.fault(c.Name, "no variable named %q, as %q has it", name, m.setting+"long.variables")
		}
	}
	if !m.Long.Take.IsZero() {
		names = append(names, c.Levels...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return slices.DeleteFunc(names, func(name string) bool { return m.Long.Variables[name].dropped() }), nil
}

// variable makes the columns of one variable from its measurements, in the order of the file.
func (m *measurements) variable(name string, rows []int, out *sheet) ([]*frame.Column, error) {
	take, ok := m.Long.Variables[name]
	if !ok {
		take = m.Long.Take
	}
	values := m.column(m.Long.Value).Take(rows)
	values.Name = name
	r := m.recoder(name)
	r.place = func(i int) (string, int) { return m.at(rows[i]) }
	if m.Long.Unit != "" {
		r.units = m.column(m.Long.Unit).Take(rows)
	}
	values, err := r.variable(values)
	if err != nil {
		return nil, err
	}
	out.counts = append(out.counts, r.counts...)
	v := series{Column: values, rows: out.rows, group: make([]int32, len(rows)), place: r.place}
	for i, row := range rows {
		v.group[i] = m.group[row]
	}
	if m.order != nil {
		v.order = make([]float64, len(rows))
		for i, row := range rows {
			v.order[i] = m.order[row]
		}
	}
	var columns []*frame.Column
	for _, stat := range take.Stats {
		c, err := v.take(stat)
		if err != nil {
			return nil, err
		}
		if c.Name = name; take.List {
			c.Name += "_" + stat
		}
		columns = append(columns, c)
	}
	return columns, nil
}

// variable recodes the values of a variable. They are numbers when all are, whatever those of others are.
func (r *recoder) variable(c *frame.Column) (*frame.Column, error) {
	switch {
	case r.config.Levels != nil:
	case r.config.Kind == frame.Category:
		c = textsOf(c)
	case c.Kind == frame.Number:
		for i, v := range c.Numbers {
			if isMissingNumber(v, r.missing) {
				c.Numbers[i] = math.NaN()
			}
		}
	case !slices.ContainsFunc(c.Levels, func(text string) bool {
		_, ok := parseNumber(text)
		return !ok && !isMissing(text, r.missing)
	}):
		var err error
		if c, err = r.number(c); err != nil {
			return nil, err
		}
	}
	if c.Kind == frame.Number {
		c.Integer = whole(c.Numbers)
	} else if r.config.Levels == nil {
		c = withoutCodes(c, r.missing)
	}
	return r.column(c)
}

func isMissingNumber(v float64, codes []Code) bool {
	return slices.ContainsFunc(codes, func(code Code) bool {
		m, ok := parseNumber(string(code))
		return ok && m == v
	})
}

// withoutCodes makes the codes of "no value" missing.
func withoutCodes(c *frame.Column, codes []Code) *frame.Column {
	out := slices.Clone(c.Codes)
	for row, code := range out {
		if code != frame.Missing && isMissing(c.Levels[code], codes) {
			out[row] = frame.Missing
		}
	}
	made := frame.NewCategory(c.Name, c.Levels, out)
	made.Unit = c.Unit
	return made
}

// dropped reports whether a variable is left out.
func (t Take) dropped() bool { return !t.List && len(t.Stats) == 1 && t.Stats[0] == "drop" }

// fault returns what is wrong with the statistics that are named, or "".
func (t Take) fault() string {
	for i, s := range t.Stats {
		if !slices.Contains(statistics, s) {
			return fmt.Sprintf("has %q; want one of %s", s, strings.Join(statistics, ", "))
		}
		if slices.Contains(t.Stats[:i], s) {
			return fmt.Sprintf("has %q twice", s)
		}
	}
	if t.List && len(t.Stats) == 0 {
		return "is an empty list"
	}
	return ""
}
