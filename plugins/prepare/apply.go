package prepare

import (
	"fmt"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Apply prepares the rows of any part. Columns that were not fitted are passed on as they are, so that
// identifiers stay in step with the rows when some are dropped; unchanged columns are shared with f.
//
// Counts, each only when there are such values: "rows with a missing value", "missing values filled",
// "values of a rare level merged" and "values of an unseen level merged", all with dim "column"; and with
// Missing "drop", always, "rows dropped: missing value".
//
// It is an error when f lacks a fitted column, has it as another kind, or when none of its rows is kept.
func (p *Fitted) Apply(f *frame.Frame) (*frame.Frame, []plugins.Count, error) {
	chosen, err := p.chosen(f)
	if err != nil {
		return nil, nil, err
	}
	var counts account
	if p.Missing == Drop {
		kept, err := complete(chosen, f.Rows())
		if err != nil {
			return nil, nil, err
		}
		for _, c := range chosen {
			counts.add("rows with a missing value", c.Name, c.MissingCount())
		}
		counts = append(counts, plugins.Count{Name: "rows dropped: missing value", Value: f.Rows() - len(kept)})
		if len(kept) < f.Rows() {
			f = f.Take(kept)
		}
	}
	if len(p.Columns) == 0 {
		return f, counts, nil
	}
	fitted := make(map[string]Column, len(p.Columns))
	for _, c := range p.Columns {
		fitted[c.Name] = c
	}
	columns := slices.Clone(f.Columns())
	for i, c := range columns {
		if how, ok := fitted[c.Name]; ok {
			columns[i] = how.apply(c, p.Other, &counts)
		}
	}
	out, err := frame.New(columns...)
	return out, counts, err
}

// account is the counts of one Apply.
type account []plugins.Count

// add appends a count of a column, unless it is 0.
func (a *account) add(name, column string, value int) {
	if value > 0 {
		*a = append(*a, plugins.Count{Name: name, Dims: map[string]string{"column": column}, Value: value})
	}
}

// chosen returns the columns of f that were fitted.
func (p *Fitted) chosen(f *frame.Frame) ([]*frame.Column, error) {
	out := make([]*frame.Column, len(p.Columns))
	for i, c := range p.Columns {
		out[i] = f.Column(c.Name)
		switch {
		case out[i] == nil:
			return nil, fmt.Errorf("no column named %q, which was fitted on train", c.Name)
		case out[i].Kind != c.Kind:
			return nil, fmt.Errorf("column %q is a %s, but was a %s in train", c.Name, out[i].Kind, c.Kind)
		}
	}
	return out, nil
}

// apply returns the column as it was fitted, or c itself when nothing changes.
func (how Column) apply(c *frame.Column, other string, counts *account) *frame.Column {
	if how.Merge != nil {
		var rare, unseen int
		c, rare, unseen = how.Merge.apply(c, other)
		counts.add("values of a rare level merged", c.Name, rare)
		counts.add("values of an unseen level merged", c.Name, unseen)
	}
	missing := c.MissingCount()
	if missing == 0 || how.FillNumber == nil && how.FillLevel == nil {
		return c
	}
	counts.add("missing values filled", c.Name, missing)
	if how.FillLevel != nil {
		return fillLevel(c, *how.FillLevel)
	}
	return fillNumber(c, *how.FillNumber)
}

// apply replaces levels that do not stay by other, and counts the values that it replaced.
func (m *Merge) apply(c *frame.Column, other string) (out *frame.Column, rare, unseen int) {
	const stays, isRare, isUnseen = 0, 1, 2
	fate := make([]uint8, len(c.Levels))
	levels := slices.Clone(c.Levels)
	for code, level := range levels {
		if m.keeps(level) || level == other {
			continue
		}
		fate[code] = isUnseen
		if _, found := slices.BinarySearch(m.Rare, level); found {
			fate[code] = isRare
		}
		levels[code] = other
	}
	if !slices.ContainsFunc(fate, func(f uint8) bool { return f != stays }) {
		return c, 0, 0
	}
	for _, code := range c.Codes {
		if code == frame.Missing {
			continue
		}
		switch fate[code] {
		case isRare:
			rare++
		case isUnseen:
			unseen++
		}
	}
	out = frame.NewCategory(c.Name, levels, c.Codes)
	out.Unit = c.Unit
	return out, rare, unseen
}

func fillLevel(c *frame.Column, level string) *frame.Column {
	codes := slices.Clone(c.Codes)
	for row, code := range codes {
		if code == frame.Missing {
			codes[row] = int32(len(c.Levels)) // where level is appended; NewCategory merges a repeated one
		}
	}
	out := frame.NewCategory(c.Name, append(slices.Clone(c.Levels), level), codes)
	out.Unit = c.Unit
	return out
}

func fillNumber(c *frame.Column, number float64) *frame.Column {
	out := *c
	out.Numbers = slices.Clone(c.Numbers)
	for row, v := range out.Numbers {
		if math.IsNaN(v) {
			out.Numbers[row] = number
		}
	}
	out.Integer = c.Integer && number == math.Trunc(number)
	return &out
}
