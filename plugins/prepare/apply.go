package prepare

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

var missingNumber = math.NaN()

// Apply brings the rows of any part into the natural space. Columns that were not fitted are passed on as they are,
// so that identifiers stay in step with the rows when some are dropped; unchanged columns are shared with f. What
// becomes of a row depends on that row and on train alone (but for rows that are alike in all that Imputer tells them
// apart by). threads is how many goroutines to keep busy; it changes no result.
//
// Counts, each only when there are such values, all with dim "column": "values winsorised: below", "values
// winsorised: above", "missing values filled", "values of a rare level merged" and "values of an unseen level
// merged"; with Missing "drop", "rows with a missing value" too, and always, without a column, "rows dropped: missing
// value".
//
// It is an error when f lacks a fitted column, has it as another kind, when rows are no one-hot set where one was
// declared, or when none of the rows is kept.
func (p *Fitted) Apply(ctx context.Context, f *frame.Frame, threads int) (*frame.Frame, []plugins.Count, error) {
	var counts account
	f, err := p.drop(f, &counts)
	if err != nil || len(p.Columns) == 0 {
		return f, counts, err
	}
	fitted := make(map[string]*Column, len(p.Columns))
	for i := range p.Columns {
		fitted[p.Columns[i].Name] = &p.Columns[i]
	}
	columns := slices.Clone(f.Columns())
	for i, c := range columns {
		if how := fitted[c.Name]; how != nil {
			var below, above int
			columns[i], below, above = how.Winsor.apply(c)
			counts.add("values winsorised: below", c.Name, below)
			counts.add("values winsorised: above", c.Name, above)
		}
	}
	var imputed map[string]*frame.Column
	if p.Imputer != nil {
		if imputed, err = p.Imputer.impute(ctx, frame.Must(columns...), p.Sets, threads); err != nil {
			return nil, nil, err
		}
	}
	out := make([]*frame.Column, 0, len(columns))
	for _, c := range columns {
		how := fitted[c.Name]
		if how == nil {
			out = append(out, c)
			continue
		}
		out = append(out, how.apply(c, imputed[c.Name], p.Other, &counts))
		if how.Indicator != "" {
			out = append(out, indicator(how.Indicator, c))
		}
	}
	done, err := frame.New(out...)
	return done, counts, err
}

// drop checks f, and leaves out the rows with a missing value where that was asked for.
func (p *Fitted) drop(f *frame.Frame, counts *account) (*frame.Frame, error) {
	chosen, err := p.chosen(f)
	if err != nil {
		return nil, err
	}
	if err := p.validSets(f); err != nil || p.Missing != Drop {
		return f, err
	}
	kept, err := complete(chosen, f.Rows(), Drop)
	if err != nil {
		return nil, err
	}
	counts.dropped(chosen, f.Rows()-len(kept))
	if len(kept) < f.Rows() {
		f = f.Take(kept)
	}
	return f, nil
}

// Complete returns the rows of f that have a value in every prepared column that f has, ascending; nil stands for all
// rows, and is what every Missing but "drop-by-subset" gives. f holds the columns of a feature subset, of the natural
// or the model space, and any other. Rows of the subject and the site, and of other spaces, are to be taken alike.
//
// Counts are those of Apply with "drop". It is an error when none of the rows is complete.
func (p *Fitted) Complete(f *frame.Frame) ([]int, []plugins.Count, error) {
	if p.Missing != DropBySubset {
		return nil, nil, nil
	}
	var chosen []*frame.Column
	for _, c := range f.Columns() {
		if p.prepares(c.Name) {
			chosen = append(chosen, c)
		}
	}
	kept, err := complete(chosen, f.Rows(), DropBySubset)
	if err != nil {
		return nil, nil, err
	}
	var counts account
	counts.dropped(chosen, f.Rows()-len(kept))
	if len(kept) == f.Rows() {
		kept = nil
	}
	return kept, counts, nil
}

// prepares reports whether a column, of the natural or the model space, carries a prepared variable.
func (p *Fitted) prepares(name string) bool {
	return slices.ContainsFunc(p.Columns, func(c Column) bool { return c.Name == name }) ||
		slices.ContainsFunc(p.Sets, func(s Set) bool { return s.Name == name })
}

// complete returns the rows that have a value in every column, ascending; with none, though there are rows, an error.
func complete(columns []*frame.Column, rows int, missing string) ([]int, error) {
	incomplete := make([]bool, rows)
	var worst *frame.Column
	most := 0
	for _, c := range columns {
		missing := 0
		for row := range incomplete {
			if c.IsMissing(row) {
				incomplete[row] = true
				missing++
			}
		}
		if missing > most {
			worst, most = c, missing
		}
	}
	kept := []int{}
	for row, no := range incomplete {
		if !no {
			kept = append(kept, row)
		}
	}
	if len(kept) == 0 && rows > 0 {
		const others = `"median", "model" or "keep"`
		ways := "use " + others + ", or a subset without it"
		if missing == Drop {
			ways = `use "drop-by-subset", which asks for the values of the features of a cell alone, ` + others
		}
		lacking := fmt.Sprintf("%d of them", most)
		if n := rows - most; n > 0 && n < plugins.FewestTold { // the others are too few to be told
			lacking = "most of them"
		}
		return nil, fmt.Errorf("missing %q leaves none of %d rows: column %q has no value in %s; %s", missing, rows, worst.Name, lacking, ways)
	}
	return kept, nil
}

// account is the counts of one call.
type account []plugins.Count

// add appends a count of a column, unless it is 0.
func (a *account) add(name, column string, value int) {
	if value > 0 {
		*a = append(*a, plugins.Count{Name: name, Dims: map[string]string{"column": column}, Value: value})
	}
}

// dropped appends the counts of rows that are left out for a missing value in a column.
func (a *account) dropped(columns []*frame.Column, rows int) {
	for _, c := range columns {
		a.add("rows with a missing value", c.Name, c.MissingCount())
	}
	*a = append(*a, plugins.Count{Name: "rows dropped: missing value", Value: rows})
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
		if c.Indicator != "" && f.Column(c.Indicator) != nil {
			return nil, fmt.Errorf("column %q is there already, and would mark missing values", c.Indicator)
		}
	}
	return out, nil
}

// apply returns the column as it was fitted, or c itself when nothing changes. imputed is c with its missing values
// filled by the model, or nil.
func (how *Column) apply(c, imputed *frame.Column, other string, counts *account) *frame.Column {
	out := c
	if how.Merge != nil {
		var rare, unseen int
		out, rare, unseen = how.Merge.apply(c, other)
		counts.add("values of a rare level merged", c.Name, rare)
		counts.add("values of an unseen level merged", c.Name, unseen)
	}
	missing := c.MissingCount()
	switch {
	case missing == 0 || imputed == nil && how.FillNumber == nil && how.FillLevel == nil:
		return out
	case imputed != nil:
		if out = imputed; how.Merge != nil {
			out, _, _ = how.Merge.apply(imputed, other)
		}
	case how.FillLevel != nil:
		out = fillLevel(out, *how.FillLevel)
	default:
		out = fillNumber(out, *how.FillNumber)
	}
	counts.add("missing values filled", c.Name, missing)
	return out
}

// Merged merges the levels of made-up rows as Apply does those of real ones: those that are declared, but rare in train or not in
// it, are no levels of the prepared data.
func (p *Fitted) Merged(f *frame.Frame) (*frame.Frame, []plugins.Count, error) {
	var counts account
	columns := slices.Clone(f.Columns())
	for i, c := range columns {
		at := slices.IndexFunc(p.Columns, func(how Column) bool { return how.Name == c.Name && how.Merge != nil })
		if at < 0 || c.Kind != frame.Category {
			continue
		}
		var rare, unseen int
		columns[i], rare, unseen = p.Columns[at].Merge.apply(c, p.Other)
		counts.add("values of a rare level merged", c.Name, rare)
		counts.add("values of an unseen level merged", c.Name, unseen)
	}
	if len(counts) == 0 {
		return f, nil, nil
	}
	out, err := frame.New(columns...)
	return out, counts, err
}

// Limits are declared limits as the prepared data keep to them: where levels are merged, what they are merged into is one more.
func (p *Fitted) Limits(declared map[string]plugins.Limit) map[string]plugins.Limit {
	out := maps.Clone(declared)
	for _, how := range p.Columns {
		l, ok := out[how.Name]
		if ok && len(l.Levels) > 0 && how.Merge != nil && !slices.Contains(l.Levels, p.Other) {
			l.Levels = append(slices.Clone(l.Levels), p.Other)
			out[how.Name] = l
		}
	}
	return out
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

// indicator is 1 where c has no value.
func indicator(name string, c *frame.Column) *frame.Column {
	marks := make([]float64, c.Len())
	for row := range marks {
		if c.IsMissing(row) {
			marks[row] = 1
		}
	}
	out := frame.NewNumber(name, marks)
	out.Integer = true
	return out
}
