package profile

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Column is what can be said of a column.
type Column struct {
	Name      string       `json:"name"`
	Kind      frame.Kind   `json:"kind"`
	Form      string       `json:"form,omitempty"` // "date", "free text" or "code", where that says more than the kind
	Unit      string       `json:"unit,omitempty"`
	UnitGuess bool         `json:"unit_guessed,omitempty"`
	Role      plugins.Role `json:"role,omitempty"`
	RoleGuess bool         `json:"role_guessed,omitempty"`
	Missing   Share        `json:"missing"` // without a value, codes counted
	Codes     []Code       `json:"missing_codes,omitempty"`
	Distinct  int          `json:"distinct"`       // different values
	Low       *float64     `json:"low,omitempty"`  // about the 5th percentile; nil where too few rows have a value
	High      *float64     `json:"high,omitempty"` // about the 95th
	Levels    []Level      `json:"levels,omitempty"`
	Withheld  int          `json:"levels_withheld,omitempty"` // levels with too few rows to be named
	Smallest  Rows         `json:"smallest_level,omitempty"`  // rows of the rarest level

	RoleDeclared bool `json:"-"` // the data set says so itself

	name  name
	src   *frame.Column
	text  []string  // of a Category column: its levels
	as    []float64 // the levels as numbers; NaN for those that are none
	rows  []int     // of the levels
	gone  []bool    // levels that are codes of missing values
	value *values   // the numbers, codes left out; nil for a category
	drop  string    // why it had better not be read; "" when it may be
	state           // what was found on the way
}

// state is what warnings and guesses rest on.
type state struct {
	declare bool         // the kind has to be declared
	forms   map[form]int // rows by the form of their texts, when numbers and texts are mixed
	mixed   bool
	direct  string // the direct identifier of a person that it looks like
}

// Code is a value that looks like a code of "no value".
type Code struct {
	Code string `json:"code"`
	Rows Rows   `json:"rows"`
}

// Level is a level of a category that enough rows have.
type Level struct {
	Name string `json:"name"`
	Rows Rows   `json:"rows,omitempty"` // 0: withheld, as it would tell how many rows have none of the levels that are named
}

// newColumn looks at the values of one column.
func newColumn(src *frame.Column) *Column {
	c := &Column{Name: src.Name, Kind: src.Kind, Unit: src.Unit, src: src, name: parse(src.Name)}
	if src.Kind == frame.Number {
		c.value = numbersOf(src)
	} else {
		c.readTexts()
	}
	c.Missing = Share{src.MissingCount(), src.Len()}
	if c.value != nil {
		c.takeNumberCodes()
	}
	c.count()
	return c
}

// readTexts decides whether texts are numbers, and which of them are words for a missing value.
func (c *Column) readTexts() {
	c.text, c.rows = c.src.Levels, make([]int, len(c.src.Levels))
	c.as, c.gone = make([]float64, len(c.text)), make([]bool, len(c.text))
	for _, code := range c.src.Codes {
		if code != frame.Missing {
			c.rows[code]++
		}
	}
	c.forms = map[form]int{}
	zeros := false
	for i, t := range c.text {
		f := formOf(t)
		c.forms[f] += c.rows[i]
		c.as[i] = math.NaN()
		if f == formNumber {
			c.as[i], _ = number(t)
			zeros = zeros || leadingZero(t)
		}
	}
	present := 0
	for _, rows := range c.rows {
		present += rows
	}
	numbers, words := c.forms[formNumber], c.forms[formMissing]
	others := present - numbers - words
	c.markWords(numbers > 0 && !zeros && numbers >= others)
	switch {
	case numbers > 0 && others == 0 && !zeros:
		c.Kind, c.value = frame.Number, numbersOfLevels(c.as, c.rows)
		c.declare = words > 0
	case numbers > 0:
		c.mixed, c.declare = !zeros && 2*(present-words-c.forms[formOther]) > c.forms[formOther], true
	}
}

// markWords notes the words for a missing value: all of them beside numbers, only the plain ones beside texts.
func (c *Column) markWords(numbers bool) {
	for i, t := range c.text {
		word := strings.ToLower(strings.TrimSpace(t))
		if plainlyMissing[word] || numbers && (word == "" || missingWords[word]) || word == "" {
			c.gone[i] = true
			c.Codes = append(c.Codes, Code{t, Rows(c.rows[i])})
		}
	}
}

// numberCodes are numbers that stand for "no value" in many tables.
var numberCodes = []float64{-1, -9, -99, -999, -9999, -99999, 99, 999, 9999, 99999, 999999}

// takeNumberCodes notes numbers that look like codes: alone below zero, or far above all others, or a zero where
// the quantity cannot be zero. In a column of identifiers there are none.
func (c *Column) takeNumberCodes() {
	if c.name.identifies() || c.value.n == 0 {
		return
	}
	var codes []float64
	for _, x := range numberCodes {
		if rows := c.value.rowsOf(x); rows >= 2 && c.standsApart(x) {
			codes = append(codes, x)
		}
	}
	if q := c.name.quantity(); q != nil && c.value.rowsOf(0) >= 2 && !slices.ContainsFunc(q.units, func(u unit) bool { return u.least <= 0 }) && c.value.rowsOf(0) < c.value.n {
		codes = append(codes, 0)
	}
	for _, x := range codes {
		c.Codes = append(c.Codes, Code{strconv.FormatFloat(x, 'f', -1, 64), Rows(c.value.rowsOf(x))})
		for i := range c.as {
			c.gone[i] = c.gone[i] || c.as[i] == x
		}
	}
	c.value = c.value.without(codes)
	slices.SortStableFunc(c.Codes, func(a, b Code) int { return strings.Compare(a.Code, b.Code) })
}

// standsApart reports whether a code lies apart from the numbers that are no codes.
func (c *Column) standsApart(code float64) bool {
	rest := c.value.without(numberCodes)
	if rest.n == 0 {
		return false // a column of nothing but codes holds something else
	}
	low, high := rest.distinct[0], rest.distinct[len(rest.distinct)-1]
	if code < 0 {
		return low >= 0
	}
	return code > 2*high && high >= 0 && len(rest.distinct) > 2
}

// measure sets the range of a column of numbers that are amounts. subject is the patient of each row, or nil.
func (c *Column) measure(subject []int32) {
	if c.Kind != frame.Number || c.Distinct <= 2 || c.identity() {
		return
	}
	low, high, ok := c.value.span()
	if ok && subject != nil {
		low, high, ok = c.spanOfPatients(subject)
	}
	if ok {
		c.Low, c.High = &low, &high
	}
}

// spanOfPatients is the range where patients have several rows: each end is a mean over Least patients or more, of the
// mean of each one's values around the percentile. ok is false when they are so few that this is no range.
func (c *Column) spanOfPatients(subject []int32) (low, high float64, ok bool) {
	classes, _ := c.classes()
	rows := make([]int, 0, len(classes)) // with a value, by value
	for row, class := range classes {
		if class >= 0 {
			rows = append(rows, row)
		}
	}
	slices.SortStableFunc(rows, func(i, j int) int { return cmp.Compare(classes[i], classes[j]) })
	end := func(r int) (float64, bool) {
		around, ok := aroundPatients(rows, subject, r)
		if !ok {
			return 0, false
		}
		return meanOfPatients(around, subject, func(row int) float64 { return c.value.distinct[classes[row]] }), true
	}
	r := max(int(tail*float64(len(rows))), Least)
	low, first := end(r)
	high, second := end(len(rows) - r)
	whole := c.value.whole()
	return rounded(low, whole), rounded(high, whole), first && second
}

// aroundPatients returns rows around the r-th, as many as it takes to have Least patients; ok is false when that is more
// than half of them.
func aroundPatients(rows []int, subject []int32, r int) (around []int, ok bool) {
	people := map[int32]bool{}
	from, to := r, r // rows[from:to] are looked at
	for len(people) < Least {
		if to-from > len(rows)/2 {
			return nil, false
		}
		if to < len(rows) {
			people[subject[rows[to]]] = true
			to++
		}
		if from > 0 {
			from--
			people[subject[rows[from]]] = true
		}
	}
	return rows[from:to], true
}

// meanOfPatients is the mean over patients of the mean of each one's values.
func meanOfPatients(rows []int, subject []int32, value func(row int) float64) float64 {
	at := map[int32]int{}
	var sums, n []float64 // in the order of the rows: sums must not depend on that of a map
	for _, row := range rows {
		who := subject[row]
		i, seen := at[who]
		if !seen {
			i = len(sums)
			at[who] = i
			sums, n = append(sums, 0), append(n, 0)
		}
		sums[i] += value(row)
		n[i]++
	}
	total := 0.0
	for i := range sums {
		total += sums[i] / n[i]
	}
	return total / float64(len(sums))
}

// count counts what is missing and what is different.
func (c *Column) count() {
	for _, code := range c.Codes {
		c.Missing.Rows += int(code.Rows)
	}
	if c.value != nil {
		c.Distinct = len(c.value.distinct)
		return
	}
	least := math.MaxInt
	for i, rows := range c.rows {
		if !c.gone[i] {
			c.Distinct++
			least = min(least, rows)
		}
	}
	if c.Distinct > 0 {
		c.Smallest = Rows(least)
	}
}

// missing reports whether a row has no value, codes counted.
func (c *Column) missing(row int) bool {
	if c.src.IsMissing(row) {
		return true
	}
	if c.src.Kind == frame.Category {
		return c.gone[c.src.Codes[row]]
	}
	x := c.src.Numbers[row]
	return len(c.Codes) > 0 && c.value.rowsOf(x) == 0
}

// classes numbers the different values of a column, and gives each row its number or -1. Equal numbers in different
// writing are one value.
func (c *Column) classes() (of []int32, n int) {
	of = make([]int32, c.src.Len())
	class := make([]int32, len(c.text)) // of each level
	for i := range class {
		switch {
		case c.gone[i]:
			class[i] = -1
		case c.value != nil:
			at, _ := slices.BinarySearch(c.value.distinct, c.as[i])
			class[i] = int32(at)
		default:
			class[i] = int32(n)
			n++
		}
	}
	if c.value != nil {
		n = len(c.value.distinct)
	}
	for row := range of {
		of[row] = -1
		switch {
		case c.missing(row):
		case c.src.Kind == frame.Category:
			of[row] = class[c.src.Codes[row]]
		default:
			at, _ := slices.BinarySearch(c.value.distinct, c.src.Numbers[row])
			of[row] = int32(at)
		}
	}
	return of, n
}

// Dropped says why a column had better not be read, "" when it may be.
func (c *Column) Dropped() string {
	if c.Role != "" {
		return ""
	}
	return c.drop
}

// present is how many rows have a value.
func (c *Column) present() int { return c.Missing.Of - c.Missing.Rows }

// unique reports whether every row has a value of its own.
func (c *Column) unique() bool {
	return c.Missing.Rows == 0 && c.Distinct == c.Missing.Of && c.Missing.Of > 1
}

// isWhole reports whether the values are whole numbers or texts: what identifiers are.
func (c *Column) isWhole() bool { return c.value == nil || c.value.whole() }

// binary reports whether there are two values.
func (c *Column) binary() bool { return c.Distinct == 2 }

// texts are the levels that are no codes.
func (c *Column) texts() []string {
	out := make([]string, 0, len(c.text))
	for i, t := range c.text {
		if !c.gone[i] {
			out = append(out, t)
		}
	}
	return out
}
