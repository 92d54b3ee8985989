package reply

import (
	"fmt"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Frame returns the records as rows of a frame that is like another: with its columns, their kinds, units and order. Columns
// of the contract that it lacks are left out. It is an error when the contract lacks one of its columns or has one of
// another kind, or when a column of whole numbers would hold another number.
func (c Contract) Frame(records []Record, like *frame.Frame) (*frame.Frame, error) {
	columns := make([]*frame.Column, len(like.Columns()))
	for j, to := range like.Columns() {
		at := slices.IndexFunc(c.Columns, func(from Column) bool { return from.Name == to.Name })
		switch {
		case at < 0:
			return nil, fmt.Errorf("no column named %q was asked for", to.Name)
		case c.Columns[at].Kind != to.Kind:
			return nil, fmt.Errorf("column %q is a %s, but a %s was asked for", to.Name, to.Kind, c.Columns[at].Kind)
		case to.Kind == frame.Category:
			columns[j] = levels(to.Name, records, at)
		default:
			columns[j] = numbers(to.Name, records, at)
			if to.Integer && !whole64(columns[j].Numbers) {
				return nil, fmt.Errorf("column %q is of whole numbers, but others were accepted", to.Name)
			}
			columns[j].Integer = to.Integer
		}
		columns[j].Unit = to.Unit
	}
	if len(columns) == 0 { // a frame without columns has rows too
		return like.Take(make([]int, len(records))), nil
	}
	return frame.New(columns...)
}

func levels(name string, records []Record, at int) *frame.Column {
	texts, missing := make([]string, len(records)), make([]bool, len(records))
	for i, r := range records {
		texts[i], missing[i] = r.Values[at].Level, r.Values[at].Missing
	}
	return frame.NewCategoryFromStrings(name, texts, missing)
}

func numbers(name string, records []Record, at int) *frame.Column {
	values := make([]float64, len(records))
	for i, r := range records {
		values[i] = r.Values[at].Number
		if r.Values[at].Missing {
			values[i] = math.NaN()
		}
	}
	return frame.NewNumber(name, values)
}

func whole64(values []float64) bool {
	return !slices.ContainsFunc(values, func(v float64) bool { return v != math.Trunc(v) && v == v })
}
