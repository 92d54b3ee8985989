package table

import (
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// unit brings all values into the declared unit. What is not converted must be in it already.
func (r *recoder) unit(c *frame.Column) (*frame.Column, error) {
	switch {
	case r.units != nil && r.config.Unit == "":
		return r.commonUnit(c)
	case r.units != nil && c.Kind == frame.Number:
		return r.convertEach(c)
	case r.config.Unit == "" || c.Unit == r.config.Unit:
		return c, nil
	case c.Unit == "":
		c.Unit = r.config.Unit
		return c, nil
	}
	f, ok := r.config.Convert[c.Unit]
	if !ok {
		file, _ := r.place(0)
		return nil, &frame.FileError{File: file, ColumnName: c.Name, Msg: "its unit is " + quote(c.Unit) + " by the file, and " + quote(r.config.Unit) +
			" by " + quote(r.setting+".unit") + "; say in " + quote(r.setting+".convert") + " how to convert it, or correct the unit"}
	}
	for row, v := range c.Numbers {
		c.Numbers[row] = f.of(v)
	}
	r.converted(c, c.Unit, c.Len()-c.MissingCount())
	return r.inUnit(c)
}

// of is a value of the other unit in the column's.
func (f Factor) of(v float64) float64 { return v*f.Factor + f.Offset }

// inUnit marks converted values as what they are.
func (r *recoder) inUnit(c *frame.Column) (*frame.Column, error) {
	for row, v := range c.Numbers {
		if math.IsInf(v, 0) {
			return nil, r.place.fault(c.Name, []int{row}, "a value that is too large to be converted")
		}
	}
	c.Unit, c.Integer = r.config.Unit, whole(c.Numbers)
	return c, nil
}

// converted counts the values that came from another unit.
func (r *recoder) converted(c *frame.Column, from string, n int) {
	if from == "" {
		from = "none"
	}
	r.counts = append(r.counts, plugins.Count{Name: "values converted", Dims: map[string]string{"column": c.Name, "from": from}, Value: n})
}

// convertEach converts each value from its own unit.
func (r *recoder) convertEach(c *frame.Column) (*frame.Column, error) {
	none, noneOK := r.config.Convert[""]
	factors := make([]Factor, len(r.units.Levels))
	known := make([]bool, len(r.units.Levels))
	for i, unit := range r.units.Levels {
		if factors[i], known[i] = r.config.Convert[unit]; !known[i] && unit == r.config.Unit {
			factors[i], known[i] = Factor{Factor: 1}, true
		}
	}
	converted := make([]int, len(r.units.Levels)+1)
	var without, other []int
	for row, v := range c.Numbers {
		code := r.units.Codes[row]
		switch {
		case v != v:
		case code == frame.Missing && !noneOK:
			without = append(without, row)
		case code == frame.Missing:
			c.Numbers[row] = none.of(v)
			converted[len(converted)-1]++
		case !known[code]:
			other = append(other, row)
		default:
			c.Numbers[row] = factors[code].of(v)
			converted[code]++
		}
	}
	convert := quote(r.setting + ".convert")
	switch {
	case other != nil:
		return nil, r.place.fault(c.Name, other, "a unit other than %q that is not in %s", r.config.Unit, convert)
	case without != nil:
		return nil, r.place.fault(c.Name, without, `a value without a unit; say in %s, for "", what to make of it`, convert)
	}
	for i, n := range converted {
		from := ""
		if i < len(r.units.Levels) {
			from = r.units.Levels[i]
		}
		if n > 0 && from != r.config.Unit {
			r.converted(c, from, n)
		}
	}
	return r.inUnit(c)
}

// commonUnit gives the values the one unit that they have. A value without a unit does not disagree.
func (r *recoder) commonUnit(c *frame.Column) (*frame.Column, error) {
	first := -1
	for row, code := range r.units.Codes {
		switch {
		case code == frame.Missing || c.IsMissing(row):
		case first < 0:
			first = row
		case code != r.units.Codes[first]:
			_, number := r.place(first)
			return nil, r.place.fault(c.Name, []int{row}, "a unit that differs from that of row %d; declare %q and %q", number, r.setting+".unit", r.setting+".convert")
		}
	}
	if first >= 0 {
		c.Unit = r.units.Levels[r.units.Codes[first]]
	}
	return c, nil
}

// harmonise gives pieces of a column, of several files, one unit. A file that says none does not disagree.
func harmonise(pieces []*frame.Column, files []string, setting string) error {
	known := slices.IndexFunc(pieces, func(c *frame.Column) bool { return c.Unit != "" })
	if known < 0 {
		return nil
	}
	for i, c := range pieces {
		if c.Unit != "" && c.Unit != pieces[known].Unit {
			return &frame.FileError{File: files[i], ColumnName: c.Name, Msg: "its unit is " + quote(c.Unit) + ", in " + files[known] + " " +
				quote(pieces[known].Unit) + "; declare " + quote(setting+".unit") + " and " + quote(setting+".convert")}
		}
		c.Unit = pieces[known].Unit
	}
	return nil
}
