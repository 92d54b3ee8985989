package frame

import (
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// builder collects the values of one column, row by row.
//
// A column whose kind is not decided yet is collected as both kinds; decide drops one. A text drops the numbers
// before that; whether it had the right to is what slip says.
type builder struct {
	name     string
	unit     string // as declared
	fileUnit string // as the file has it; it wins, and must be the declared one if there is one
	declared bool
	faulty   bool // a fault of its values was told
	number   bool // numbers is collected
	category bool // codes is collected

	numbers blocks[float64]
	missing []float64 // the missing codes that are numbers

	codes  blocks[int32]
	index  map[string]int32 // level or missing code → its code
	levels []string
	last   string // the level added last, with its code: neighbouring rows often agree
	lastAt int32

	// where the first text stood that made an undecided column a category; line 0 when none did
	textFile           string
	textLine, textByte int
}

// The faults of a field. Readers add the place.
const (
	faultUTF8 = "text is not UTF-8"
	faultText = "text in a number column"
)

func newBuilder(name string, declared ColumnOptions, codes []string) (*builder, error) {
	b := &builder{name: name, unit: declared.Unit, declared: declared.Kind != "", index: map[string]int32{}}
	switch declared.Kind {
	case "":
		b.number, b.category = true, true
	case Number:
		b.number = true
	case Category:
		b.category = true
	default:
		return nil, fmt.Errorf("kind %q is neither %q nor %q", declared.Kind, Number, Category)
	}
	for _, code := range slices.Concat(codes, declared.Missing) {
		b.index[code] = Missing
		if v, ok := parseNumber([]byte(code)); ok {
			b.missing = append(b.missing, v)
		}
	}
	return b, nil
}

// decided reports whether the kind of the column is known.
func (b *builder) decided() bool { return b.number != b.category }

// decide settles the kind after the sample: a number if every value so far is one.
// A column without any value stays undecided, unless final.
func (b *builder) decide(final bool) {
	switch {
	case b.decided():
	case len(b.levels) > 0:
		b.category = false
		b.codes, b.index, b.levels = blocks[int32]{}, withoutLevels(b.index), nil
	case final:
		b.number = false
		b.numbers = blocks[float64]{}
	}
}

// The numbers that make a text beside them a likely slip, as ReadOptions says.
const (
	slipShare   = 10 // at most one in so many values, or different values, is a text
	slipNumbers = 2  // different numbers beside a single text, however often it occurs
)

// slip reports whether the texts that made the column a category so far look like slips in a column of numbers,
// and how many of its values are numbers.
func (b *builder) slip() (numbers, values int, likely bool) {
	if b.textLine == 0 {
		return 0, 0, false
	}
	rows := make([]int, len(b.levels))
	for code := range b.codes.all() {
		if code != Missing {
			rows[code]++
		}
	}
	differentNumbers, different := 0, 0
	for code, level := range b.levels {
		v, ok := parseNumber([]byte(level))
		ok = ok && !isCode([]byte(level))
		if ok && slices.Contains(b.missing, v) {
			continue // no value, if this is a column of numbers
		}
		values += rows[code]
		different++
		if ok {
			numbers += rows[code]
			differentNumbers++
		}
	}
	few := func(texts, all int) bool { return texts*slipShare <= all }
	likely = few(values-numbers, values) || few(different-differentNumbers, different) ||
		different-differentNumbers == 1 && differentNumbers >= slipNumbers
	return numbers, values, likely
}

// withoutLevels keeps the missing codes of an index.
func withoutLevels(index map[string]int32) map[string]int32 {
	out := map[string]int32{}
	for text, code := range index {
		if code == Missing {
			out[text] = Missing
		}
	}
	return out
}

// addMissing adds a row without a value.
func (b *builder) addMissing() {
	if b.number {
		b.numbers.add(math.NaN())
	}
	if b.category {
		b.codes.add(Missing)
	}
}

// addNumber adds a number to a column that is known to be one. NaN and the column's missing codes are missing.
func (b *builder) addNumber(v float64) {
	for _, m := range b.missing {
		if v == m {
			b.numbers.add(math.NaN())
			return
		}
	}
	b.numbers.add(v)
}

// addText adds a field that is not empty, or a text of a Parquet file. It returns the fault, or "".
func (b *builder) addText(text []byte) (fault string) {
	if b.category {
		if fault := b.addLevel(text); fault != "" {
			return fault
		}
	}
	if !b.number {
		return ""
	}
	v, ok := parseNumber(text)
	if !ok || b.category && isCode(text) {
		return b.addNoNumber(text)
	}
	b.addNumber(v)
	return ""
}

// addNoNumber adds a text that is no number to a column of numbers.
func (b *builder) addNoNumber(text []byte) (fault string) {
	if code, ok := b.index[string(text)]; ok && code == Missing {
		b.numbers.add(math.NaN())
		return ""
	}
	if b.category { // undecided until now: it is no column of numbers
		b.number = false
		b.numbers = blocks[float64]{}
		return ""
	}
	if !utf8.Valid(text) {
		return faultUTF8
	}
	return faultText
}

func (b *builder) addLevel(text []byte) (fault string) {
	if len(b.levels) > 0 && string(text) == b.last {
		b.codes.add(b.lastAt)
		return ""
	}
	code, ok := b.index[string(text)]
	if !ok {
		if !utf8.Valid(text) {
			return faultUTF8
		}
		level := string(text)
		code = int32(len(b.levels))
		b.index[level] = code
		b.levels = append(b.levels, level)
	}
	if code != Missing {
		b.last, b.lastAt = b.levels[code], code
	}
	b.codes.add(code)
	return ""
}

// column returns the first rows rows that were added.
func (b *builder) column(rows int) *Column {
	b.decide(true)
	var c *Column
	if b.number {
		c = NewNumber(b.name, b.numbers.join(rows))
		c.Integer = allWhole(c.Numbers)
	} else {
		c = NewCategory(b.name, b.levels, b.codes.join(rows))
	}
	c.Unit = b.unit
	if b.fileUnit != "" {
		c.Unit = b.fileUnit
	}
	return c
}

// unitFault says that the declared unit is not that of the file, or "".
func (b *builder) unitFault() string {
	if b.unit == "" || b.fileUnit == "" || b.unit == b.fileUnit {
		return ""
	}
	return fmt.Sprintf("declared in %q, but in %q by the file itself", b.unit, b.fileUnit)
}
