package cohort

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Select applies the filters in order and returns the rows that are left, ascending.
//
// subject holds the subject of each row of f, or is nil for data that have none; it decides nothing but is counted with.
//
// counts is the account of attrition, a CONSORT table with a step for each filter. It starts with "left" (step 0: all
// rows); each filter adds "excluded", "excluded for a missing value" (a share of "excluded", only when there are any:
// the excluded rows that lack a value of a column whose condition is tested) and "left". With subjects, each step ends
// with "subjects left"; a row without a subject counts as one. The dims are "step", counted from 1, and "filter": its
// title, or the rule as Filter.String writes it.
//
// A filter is an error when Check refuses it, it names no column of f, asks a category for min or max, or a number
// for text, lists a value in "in" or "notIn" that no row of f has, finds two first rows, or leaves no row.
func Select(f *frame.Frame, subject *frame.Column, filters []Filter) (rows []int, counts []plugins.Count, err error) {
	if subject != nil && subject.Len() != f.Rows() {
		return nil, nil, fmt.Errorf("subject column %q has %d rows, the data set has %d", subject.Name, subject.Len(), f.Rows())
	}
	rows = make([]int, f.Rows())
	for i := range rows {
		rows[i] = i
	}
	account := newAccount(subject)
	account.left(0, "all rows", rows)
	for i, filter := range filters {
		step, before := i+1, len(rows)
		lacking := 0
		if rows, lacking, err = filter.apply(f, rows); err == nil && len(rows) == 0 {
			err = fmt.Errorf("no row is left of %d; widen the filter or remove it", before)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("filter %d%s, %s: %w", step, quoted(filter.Title), filter, err)
		}
		name := filter.name()
		account.add("excluded", step, name, before-len(rows))
		if lacking > 0 {
			account.add("excluded for a missing value", step, name, lacking)
		}
		account.left(step, name, rows)
	}
	return rows, account.counts, nil
}

// quoted sets a title apart from the rule that follows it in a message.
func quoted(title string) string {
	if title == "" {
		return ""
	}
	return fmt.Sprintf(" (%q)", title)
}

// Check finds what is wrong with a filter whatever the data hold: several forms or none, fields that do not belong
// together, empty lists, contradictory bounds.
func (f Filter) Check() error {
	forms := 0
	for _, is := range []bool{f.hasCondition(), f.First != "", f.Any != nil, f.Not != nil} {
		if is {
			forms++
		}
	}
	switch {
	case forms == 0 && f.By == nil:
		return fmt.Errorf("the filter keeps every row: give a column with a condition, or first, any or not")
	case forms > 1:
		return fmt.Errorf("the filter mixes forms: give the fields of one condition, or first, or any, or not, and a further filter for the rest")
	case f.By != nil && f.First == "":
		return fmt.Errorf("by orders the rows of first, which is not given")
	case f.First != "":
		if slices.Contains(f.By, f.First) {
			return fmt.Errorf("by names %q, which is equal in the rows that it is to order", f.First)
		}
		return nil
	case f.Any != nil:
		if len(f.Any) == 0 {
			return fmt.Errorf("the list of any is empty: give at least one condition")
		}
		for i, c := range f.Any {
			if err := c.check(); err != nil {
				return fmt.Errorf("condition %d of any: %w", i+1, err)
			}
		}
		return nil
	case f.Not != nil:
		return f.Not.check()
	}
	return f.condition().check()
}

// hasCondition reports whether a field of a condition is given.
func (f Filter) hasCondition() bool {
	return f.Column != "" || f.Min != nil || f.Max != nil || f.In != nil || f.NotIn != nil || f.Missing != nil
}

// apply returns the rows that the filter leaves, and how many of those that it excludes lack a value of a tested column.
func (f Filter) apply(data *frame.Frame, rows []int) (left []int, lacking int, err error) {
	if err := f.Check(); err != nil {
		return nil, 0, err
	}
	keep, tested, err := f.compile(data, rows)
	if err != nil {
		return nil, 0, err
	}
	left = slices.DeleteFunc(rows, func(row int) bool {
		if keep(row) {
			return false
		}
		if slices.ContainsFunc(tested, func(c *frame.Column) bool { return c.IsMissing(row) }) {
			lacking++
		}
		return true
	})
	return left, lacking, nil
}

// compile returns the filter's test of a row, and the columns whose values it tests.
func (f Filter) compile(data *frame.Frame, left []int) (keep func(row int) bool, tested []*frame.Column, err error) {
	if f.First != "" {
		keep, err = f.first(data, left)
		return keep, nil, err
	}
	conditions := f.Any
	switch {
	case f.Not != nil:
		conditions = []Condition{*f.Not}
	case f.Any == nil:
		conditions = []Condition{f.condition()}
	}
	tests := make([]func(row int) bool, len(conditions))
	tested = make([]*frame.Column, len(conditions))
	for i, c := range conditions {
		if tests[i], tested[i], err = c.compile(data); err != nil {
			return nil, nil, err
		}
	}
	meets := func(row int) bool {
		return slices.ContainsFunc(tests, func(test func(int) bool) bool { return test(row) })
	}
	if f.Not != nil {
		return func(row int) bool { return !meets(row) }, tested, nil
	}
	return meets, tested, nil
}

// account collects the counts of a cohort.
type account struct {
	counts   []plugins.Count
	of       []int32 // the subject of each row; nil without subjects
	subjects int
}

func newAccount(subject *frame.Column) *account {
	a := &account{}
	if subject != nil {
		a.of, a.subjects = indexed(subject)
	}
	return a
}

// left counts the rows that are left after a step, and their subjects.
func (a *account) left(step int, filter string, rows []int) {
	a.add("left", step, filter, len(rows))
	if a.of == nil {
		return
	}
	n, seen := 0, make([]bool, a.subjects)
	for _, row := range rows {
		switch s := a.of[row]; {
		case s == frame.Missing:
			n++
		case !seen[s]:
			seen[s] = true
			n++
		}
	}
	a.add("subjects left", step, filter, n)
}

func (a *account) add(name string, step int, filter string, value int) {
	a.counts = append(a.counts, plugins.Count{
		Name:  name,
		Dims:  map[string]string{"step": strconv.Itoa(step), "filter": filter},
		Value: value,
	})
}
