package reply

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// How values are read.
//
// A number is a sign, digits with at most one point, and an exponent; nothing else is: no separators of thousands, no
// comma for the point, no unit or percent sign behind it, no hexadecimal, no infinity. In a column of whole numbers 3.0 is
// 3, and 3.5 is not whole. A level is the very text, or the only level that equals it but for case and blanks around it.
// Missing is an empty field in CSV and null in JSON; NaN, NA, N/A, <NA>, null and "" are taken for it too, unless they are a level
// of the column, and so is None in a column of numbers and bare in JSON.

// cell is a value as the text has it.
type cell struct {
	text string
	form form
}

type form uint8

const (
	absent   form = iota
	plain         // CSV without quotes
	quoted        // CSV in quotes
	jsonText      // JSON text
	bare          // JSON without quotes
	nested        // JSON object or list
)

// marks is a set of repairs: bit i stands for repairs[i].
type marks uint16

const (
	otherContainer marks = 1 << iota
	otherShape
	noHeader
	otherSeparator
	otherNames
	extraColumns
	lastSeparator
	blanks
	quotes
	otherCase
	otherMissing
	fraction
	trueFalse
)

// reader reads the replies to one contract. It keeps the cells of the record that it is at.
type reader struct {
	contract Contract
	index    map[string]int // the place in cells of a column, by name
	folded   map[string]int // by folded name; none where two names fold to one
	columns  []column
	given    []column
	keys     map[int]int     // the place of a key in Keys; nil: 1 … Rows
	levels   map[string]bool // of any column, folded
	free     bool            // a column takes any text

	cells    []cell // one for each column, then the key, then those given
	label    int    // the place of the label; -1 where records are not counted by it
	twice    bool   // a column of the record is there twice
	marks    marks  // repairs of the record
	fields   []cell // of the line of CSV
	values   []Value
	answered map[int]bool // keys of accepted records
}

// column is a Column made ready for many values.
type column struct {
	Column
	levels map[string]string // the level of a text
	folded map[string]string // the level of a folded text; "" where there are two
	fixed  Value
	flag   bool // whole numbers from 0 to 1
}

func newReader(c Contract) *reader {
	n := len(c.Columns)
	r := &reader{
		contract: c, index: make(map[string]int, n+1), folded: map[string]int{}, label: -1,
		columns: make([]column, n), values: make([]Value, n), answered: map[int]bool{}, levels: map[string]bool{},
	}
	r.name()
	for i, from := range c.Columns {
		r.columns[i] = prepare(from)
		r.free = r.free || from.Kind == frame.Category && from.Levels == nil
		for level := range r.columns[i].folded {
			r.levels[level] = true
		}
	}
	for _, g := range c.Given {
		from := g.Column
		from.Missing = true // what the row has is what counts
		r.given = append(r.given, prepare(from))
	}
	if c.Keys != nil {
		r.keys = make(map[int]int, len(c.Keys))
		for i, k := range c.Keys {
			r.keys[k] = i
		}
	}
	return r
}

// name gives every column its place in cells.
func (r *reader) name() {
	c := &r.contract
	names := make([]string, 0, len(c.Columns)+1+len(c.Given))
	for i, column := range c.Columns {
		names = append(names, column.Name)
		if column.Name == c.Label && c.Label != "" {
			r.label = i
		}
	}
	names = append(names, c.Key)
	for _, g := range c.Given {
		names = append(names, g.Name)
	}
	r.cells = make([]cell, len(names))
	twice := map[string]bool{}
	for i, name := range names {
		if i == len(c.Columns) && name == "" {
			continue
		}
		r.index[name] = i
		f := fold(name)
		if _, ok := r.folded[f]; ok {
			twice[f] = true
		}
		r.folded[f] = i
	}
	for f := range twice {
		delete(r.folded, f)
	}
}

func prepare(from Column) column {
	c := column{Column: from}
	if from.Kind == frame.Category {
		c.levels, c.folded = make(map[string]string, len(from.Levels)), make(map[string]string, len(from.Levels))
		for _, level := range from.Levels {
			c.levels[level] = level
			f := fold(level)
			if _, ok := c.folded[f]; ok {
				level = ""
			}
			c.folded[f] = level
		}
		c.fixed.Level = from.Fixed
		return c
	}
	c.fixed.Number, _ = parseNumber(from.Fixed)
	c.flag = from.Integer && from.Min != nil && from.Max != nil && *from.Min >= 0 && *from.Max <= 1
	return c
}

func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// place returns the place of a name of a column in cells, or -1, and marks a name that is not written as it was asked for.
func (r *reader) place(name string) (at int, mark marks) {
	if i, ok := r.index[name]; ok {
		return i, 0
	}
	if i, ok := r.folded[fold(name)]; ok {
		return i, otherNames
	}
	return -1, 0
}

// asked reports whether a place in cells is that of the key or of a column that is asked for.
func (r *reader) asked(at int) bool { return at >= 0 && at <= len(r.columns) }

// begin forgets the record before.
func (r *reader) begin(m marks) {
	clear(r.cells)
	r.twice, r.marks = false, m
}

// set puts a value in its place.
func (r *reader) set(at int, c cell) {
	if !r.asked(at) {
		r.marks |= extraColumns
	}
	if at < 0 {
		return
	}
	if r.cells[at].form != absent {
		r.twice = true
	}
	r.cells[at] = c
}

// shape says what is wrong with the cells of a record, whatever their values.
func (r *reader) shape() Reason {
	for _, c := range r.cells[:len(r.columns)+1] {
		if c.form == nested {
			return Unreadable
		}
	}
	if r.twice {
		return WrongNames
	}
	for i := range r.columns {
		if r.cells[i].form == absent && r.columns[i].Fixed == "" {
			return WrongNames
		}
	}
	if r.contract.Key != "" && r.cells[len(r.columns)].form == absent {
		return WrongNames
	}
	return ""
}

// record reads the cells.
func (r *reader) record() (Record, Reason) {
	var out Record
	if r.contract.Key != "" {
		key, at, ok := r.key(r.cells[len(r.columns)])
		if !ok {
			return out, UnknownKey
		}
		if !r.repeats(at) {
			return out, AnotherRow
		}
		out.Key = key
	}
	for i := range r.columns {
		c := &r.columns[i]
		if r.cells[i].form == absent {
			r.values[i] = c.fixed
			continue
		}
		v, mark, reason := c.read(r.cells[i])
		if reason == "" && c.Fixed != "" && v != c.fixed {
			reason = WrongFixed
		}
		if reason != "" {
			return out, reason
		}
		r.marks |= mark
		r.values[i] = v
		if c.outside(v) {
			out.Outside = append(out.Outside, i)
		}
	}
	out.Values = append([]Value(nil), r.values...)
	return out, ""
}

// key reads the number of a row that was asked for. at is the place of the row among these.
func (r *reader) key(x cell) (key, at int, ok bool) {
	c := column{Column: Column{Kind: frame.Number, Integer: true}}
	v, mark, reason := c.read(x)
	if reason != "" {
		return 0, 0, false
	}
	r.marks |= mark
	key = int(v.Number)
	if r.keys != nil {
		at, ok = r.keys[key]
		return key, at, ok
	}
	return key, key - 1, key >= 1 && key <= r.contract.Rows
}

// repeats reports whether what the record repeats of the table is what the row at a place has there.
func (r *reader) repeats(at int) bool {
	for i := range r.given {
		x := r.cells[len(r.columns)+1+i]
		if x.form == absent {
			continue
		}
		shown := r.contract.Given[i].Shown
		if at >= len(shown) || x.form == nested {
			return false
		}
		if x.text == shown[at] && x.form != bare { // the usual case, and that of a value which is none of the column's
			continue
		}
		want, _, wrong := r.given[i].read(cell{shown[at], plain})
		if got, _, reason := r.given[i].read(x); wrong != "" || reason != "" || got != want {
			return false
		}
	}
	return true
}

// labelled returns the label of the record that was just read, if it can be told.
func (r *reader) labelled() (string, bool) {
	if r.label < 0 || r.twice || r.cells[r.label].form == absent || r.cells[r.label].form == nested {
		return "", false
	}
	v, _, reason := r.columns[r.label].read(r.cells[r.label])
	if reason != "" {
		return "", false
	}
	return r.contract.labelText(v)
}

func (c *column) outside(v Value) bool {
	return !v.Missing && (c.Min != nil && v.Number < *c.Min || c.Max != nil && v.Number > *c.Max)
}

// read reads a value.
func (c *column) read(x cell) (Value, marks, Reason) {
	if c.Kind == frame.Category {
		return c.level(x)
	}
	t := strings.TrimSpace(x.text)
	var mark marks
	if len(t) != len(x.text) {
		mark |= blanks
	}
	if isMissing(t) || len(t) == 4 && strings.EqualFold(t, "none") {
		return c.missing(x, t, mark)
	}
	if x.form == jsonText {
		mark |= quotes
	}
	v, ok := parseNumber(t)
	if !ok {
		v, ok = c.truth(t)
		mark |= trueFalse
	}
	if !ok {
		return Value{}, 0, NotNumber
	}
	if c.Integer {
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 { // beyond, neighbouring whole numbers are one float64
			return Value{}, 0, NotWhole
		}
		if strings.ContainsAny(t, ".eE") && mark&trueFalse == 0 {
			mark |= fraction
		}
	}
	return Value{Number: v}, mark, ""
}

// truth reads true and false in a column that holds 1 and 0.
func (c *column) truth(t string) (v float64, ok bool) {
	switch {
	case !c.flag:
		return 0, false
	case strings.EqualFold(t, "true"):
		return 1, true
	}
	return 0, strings.EqualFold(t, "false")
}

// level reads a value of a category.
func (c *column) level(x cell) (Value, marks, Reason) {
	var mark marks
	if x.form == bare {
		if x.text == "null" || x.text == "None" {
			return c.missing(x, x.text, 0)
		}
		mark |= quotes
	}
	if level, ok := c.levels[x.text]; ok {
		return Value{Level: level}, mark, ""
	}
	t := strings.TrimSpace(x.text)
	if len(t) != len(x.text) {
		mark |= blanks
		if level, ok := c.levels[t]; ok {
			return Value{Level: level}, mark, ""
		}
	}
	if isMissing(t) {
		return c.missing(x, t, mark&^quotes)
	}
	if c.Levels == nil {
		if x.form != plain {
			t, mark = x.text, mark&^blanks // blanks in quotes are meant
		}
		if !utf8.ValidString(t) {
			return Value{}, 0, UnknownLevel
		}
		return Value{Level: strings.Clone(t)}, mark, "" // the whole reply need not be kept for it
	}
	if level := c.folded[fold(t)]; level != "" {
		return Value{Level: level}, mark | otherCase, ""
	}
	return Value{}, 0, UnknownLevel
}

// missing reads a value that says that there is none.
func (c *column) missing(x cell, t string, mark marks) (Value, marks, Reason) {
	if !c.Missing {
		return Value{}, 0, MissingValue
	}
	if usual := t == "" && x.form <= quoted || t == "null" && x.form == bare; usual {
		mark = 0
	} else {
		mark |= otherMissing
	}
	return Value{Missing: true}, mark, ""
}

func isMissing(t string) bool {
	switch len(t) {
	case 0:
		return true
	case 2:
		return strings.EqualFold(t, "na")
	case 3:
		return strings.EqualFold(t, "nan") || strings.EqualFold(t, "n/a")
	case 4:
		return strings.EqualFold(t, "null") || strings.EqualFold(t, "<na>")
	}
	return false
}

// parseNumber reads a finite decimal number that is the whole of t.
func parseNumber(t string) (float64, bool) {
	if !isDecimal(t) {
		return 0, false
	}
	v, err := strconv.ParseFloat(t, 64)
	return unsigned(v), err == nil
}

// unsigned returns v, and 0 for -0, which would differ from 0 where rows are compared.
func unsigned(v float64) float64 {
	if v == 0 {
		return 0
	}
	return v
}

func isDecimal(t string) bool {
	i := sign(t, 0)
	start := i
	i = digits(t, i)
	n := i - start
	if i < len(t) && t[i] == '.' {
		point := i + 1
		i = digits(t, point)
		n += i - point
	}
	if n == 0 {
		return false
	}
	if i < len(t) && (t[i] == 'e' || t[i] == 'E') {
		start = sign(t, i+1)
		if i = digits(t, start); i == start {
			return false
		}
	}
	return i == len(t)
}

// sign returns the place after a sign at i, and digits that after the digits from i.
func sign(t string, i int) int {
	if i < len(t) && (t[i] == '-' || t[i] == '+') {
		i++
	}
	return i
}

func digits(t string, i int) int {
	for i < len(t) && t[i]-'0' <= 9 {
		i++
	}
	return i
}

// countRepairs counts the repairs of the record.
func (r *reader) countRepairs(a *Account) {
	if a.Repairs == nil {
		a.Repairs = map[Repair]int{}
	}
	for i, repair := range repairs {
		if r.marks&(1<<i) != 0 {
			a.Repairs[repair]++
		}
	}
}
