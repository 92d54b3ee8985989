package table

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// recoder makes of the values of a file what the settings of their column say.
type recoder struct {
	config  ColumnConfig
	setting string        // of the column, in messages
	missing []Code        // all codes of "no value"
	units   *frame.Column // the unit of each value, or nil
	place   place
	counts  []plugins.Count
}

// column recodes a column that nothing else holds.
func (r *recoder) column(c *frame.Column) (*frame.Column, error) {
	var err error
	switch {
	case r.config.Date != nil:
		return r.date(c)
	case r.config.Levels != nil:
		c, err = r.levels(c)
	case r.config.wantsNumber() && c.Kind != frame.Number:
		c, err = r.number(c)
	}
	if err != nil {
		return nil, err
	}
	if c, err = r.unit(c); err != nil {
		return nil, err
	}
	counts, err := limit(c, &r.config, r.place)
	r.counts = append(r.counts, counts...)
	return c, err
}

// wantsNumber reports whether the values must be numbers.
func (c *ColumnConfig) wantsNumber() bool { return c.Kind == frame.Number || c.limitsNumbers() }

// readAs is the kind that a column of a file is read as; empty when its values decide.
func (c *ColumnConfig) readAs() frame.Kind {
	switch {
	case c.Date != nil || c.Levels != nil:
		return frame.Category
	case c.wantsNumber():
		return frame.Number
	}
	return c.Kind
}

// isMissing reports whether a text stands for no value: "-1" is a code of "-1.0" too.
func isMissing(text string, codes []Code) bool {
	v, isNumber := parseNumber(text)
	for _, code := range codes {
		if string(code) == text {
			return true
		}
		if m, ok := parseNumber(string(code)); isNumber && ok && m == v {
			return true
		}
	}
	return false
}

// number makes numbers of texts.
func (r *recoder) number(c *frame.Column) (*frame.Column, error) {
	of := make([]float64, len(c.Levels))
	bad := make([]bool, len(c.Levels))
	for i, text := range c.Levels {
		v, ok := parseNumber(text)
		if isMissing(text, r.missing) {
			v, ok = math.NaN(), true
		}
		of[i], bad[i] = v, !ok
	}
	if rows := rowsOf(c, bad); rows != nil {
		return nil, r.place.fault(c.Name, rows, "a text where a number is wanted; declare it a missing code, or correct it")
	}
	return numbersOf(c, of), nil
}

// numbersOf replaces the levels of a category by numbers.
func numbersOf(c *frame.Column, of []float64) *frame.Column {
	out := frame.NewNumber(c.Name, make([]float64, len(c.Codes)))
	for row, code := range c.Codes {
		if code == frame.Missing {
			out.Numbers[row] = math.NaN()
		} else {
			out.Numbers[row] = of[code]
		}
	}
	out.Integer, out.Unit = whole(out.Numbers), c.Unit
	return out
}

// rowsOf lists the rows of the levels that are marked; nil when there are none.
func rowsOf(c *frame.Column, marked []bool) (rows []int) {
	if !slices.Contains(marked, true) {
		return nil
	}
	for row, code := range c.Codes {
		if code != frame.Missing && marked[code] {
			rows = append(rows, row)
		}
	}
	return rows
}

// textsOf makes a category of a column: numbers become their shortest texts.
func textsOf(c *frame.Column) *frame.Column {
	if c.Kind == frame.Category {
		return c
	}
	texts, missing := make([]string, c.Len()), make([]bool, c.Len())
	for row, v := range c.Numbers {
		if missing[row] = math.IsNaN(v); !missing[row] {
			texts[row] = shortest(v)
		}
	}
	out := frame.NewCategoryFromStrings(c.Name, texts, missing)
	out.Unit = c.Unit
	return out
}

// levels replaces the codes of the file by their meanings.
func (r *recoder) levels(c *frame.Column) (*frame.Column, error) {
	c = textsOf(c)
	codes := slices.Sorted(maps.Keys(r.config.Levels))
	means := make([]string, len(c.Levels))
	missing, bad := make([]bool, len(c.Levels)), make([]bool, len(c.Levels))
	for i, text := range c.Levels {
		code, ok := findCode(text, codes)
		missing[i] = !ok && isMissing(text, r.missing)
		bad[i] = !ok && !missing[i]
		means[i] = string(r.config.Levels[code])
	}
	if rows := rowsOf(c, bad); rows != nil {
		return nil, r.place.fault(c.Name, rows, "a code that is none of the %d in %q; add it there, or declare it missing", len(codes), r.setting+".levels")
	}
	if r.config.Kind == frame.Number {
		of := make([]float64, len(means))
		for i, text := range means {
			if of[i], _ = parseNumber(text); missing[i] {
				of[i] = math.NaN()
			}
		}
		return numbersOf(c, of), nil
	}
	renamed := make([]int32, len(c.Codes))
	for row, code := range c.Codes {
		renamed[row] = code
		if code != frame.Missing && missing[code] {
			renamed[row] = frame.Missing
		}
	}
	out := frame.NewCategory(c.Name, means, renamed)
	out.Unit = c.Unit
	return out, nil
}

// findCode returns the declared code of a text: itself, or a number equal to it, so that "1" is a code of "1.0".
func findCode(text string, codes []string) (string, bool) {
	if slices.Contains(codes, text) {
		return text, true
	}
	v, ok := parseNumber(text)
	for _, code := range codes {
		if m, isNumber := parseNumber(code); ok && isNumber && m == v {
			return code, true
		}
	}
	return "", false
}

// date makes seconds since 1970 of texts.
func (r *recoder) date(c *frame.Column) (*frame.Column, error) {
	patterns, err := r.config.Date.patterns()
	if err != nil {
		return nil, err
	}
	of := make([]float64, len(c.Levels))
	bad, early, late := make([]bool, len(c.Levels)), make([]bool, len(c.Levels)), make([]bool, len(c.Levels))
	least, greatest := r.config.Date.limits()
	for i, text := range c.Levels {
		at := slices.IndexFunc(patterns, func(p string) (ok bool) {
			of[i], ok = parseDate(p, text)
			return ok
		})
		if at > 0 { // neighbours are written alike
			patterns[0], patterns[at] = patterns[at], patterns[0]
		}
		bad[i] = at < 0
		early[i], late[i] = at >= 0 && of[i] < least, at >= 0 && of[i] >= greatest
	}
	d, name := r.config.Date, r.config.Date.Format
	if name == "" {
		name = "iso"
	}
	for _, f := range []struct {
		marked []bool
		msg    string
	}{
		{bad, fmt.Sprintf("no date of the format %q; correct it, declare it a missing code, or say another format", name)},
		{early, "a date before " + d.Min + ", the earliest that is declared"},
		{late, "a date after " + d.Max + ", the latest that is declared"},
	} {
		if rows := rowsOf(c, f.marked); rows != nil {
			return nil, r.place.fault(c.Name, rows, "%s", f.msg)
		}
	}
	return numbersOf(c, of), nil
}

// limits are the first second that a date may have, and the first that it may not have any more: a date of a day is
// no later than that day, whatever its time.
func (d *DateConfig) limits() (least, beyond float64) {
	least, beyond = math.Inf(-1), math.Inf(1)
	if v, ok := parseDate("%Y-%m-%d", d.Min); ok {
		least = v
	}
	if v, ok := parseDate("%Y-%m-%d", d.Max); ok {
		beyond = v + 86400
	}
	return least, beyond
}

// limit makes missing, or refuses, the values beyond the plausible ones.
func limit(c *frame.Column, config *ColumnConfig, at place) ([]plugins.Count, error) {
	if config.Min == nil && config.Max == nil {
		return nil, nil
	}
	var rows []int
	for row, v := range c.Numbers {
		if config.Min != nil && v < *config.Min || config.Max != nil && v > *config.Max {
			rows = append(rows, row)
		}
	}
	if config.Outside != "missing" {
		if rows != nil {
			return nil, at.fault(c.Name, rows, `a value outside %s; correct it, or set outside to "missing"`, config.interval())
		}
		return nil, nil
	}
	for _, row := range rows {
		c.Numbers[row] = math.NaN()
	}
	c.Integer = whole(c.Numbers)
	return []plugins.Count{{Name: "values made missing: outside their limits", Dims: map[string]string{"column": c.Name}, Value: len(rows)}}, nil
}

// interval is the limits in words.
func (c *ColumnConfig) interval() string {
	switch {
	case c.Max == nil:
		return "[" + shortest(*c.Min) + ", ∞)"
	case c.Min == nil:
		return "(-∞, " + shortest(*c.Max) + "]"
	}
	return "[" + shortest(*c.Min) + ", " + shortest(*c.Max) + "]"
}
