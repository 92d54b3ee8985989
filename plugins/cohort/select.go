package cohort

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

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
// notes names the listed values that leave no row out because no row of f has them: of "notIn", and of "in" under Not.
//
// A filter is an error when Check refuses it, it names no column of f, asks a category for min or max, or a number
// for text, finds two first rows, or leaves no row; and when no row of f has a listed value: any of those that say which
// rows stay ("in", and "notIn" under Not), or all of those that say which rows do not.
func Select(f *frame.Frame, subject *frame.Column, filters []Filter) (rows []int, counts []plugins.Count, notes []string, err error) {
	if subject != nil && subject.Len() != f.Rows() {
		return nil, nil, nil, fmt.Errorf("subject column %q has %d rows, the data set has %d", subject.Name, subject.Len(), f.Rows())
	}
	rows = make([]int, f.Rows())
	for i := range rows {
		rows[i] = i
	}
	account := newAccount(subject)
	account.left(0, "all rows", rows)
	for i, filter := range filters {
		step, before := i+1, len(rows)
		where := fmt.Sprintf("filter %d%s, %s", step, quoted(filter.Title), filter)
		out, err := filter.apply(f, rows)
		if rows = out.left; err == nil && len(rows) == 0 {
			err = fmt.Errorf("no row is left of %d; widen the filter or remove it", before)
		}
		if err != nil {
			return nil, nil, nil, fmt.Errorf("%s: %w", where, err)
		}
		if len(out.absent) > 0 {
			notes = append(notes, fmt.Sprintf("cohort: %s: no row has %s, so that nothing is left out for it", where, texts(out.absent)))
		}
		name := filter.name()
		account.add("excluded", step, name, before-len(rows))
		if out.lacking > 0 {
			account.add("excluded for a missing value", step, name, out.lacking)
		}
		account.left(step, name, rows)
	}
	return rows, account.counts, notes, nil
}

// texts names values, each once.
func texts(values []string) string {
	var out []string
	for _, v := range values {
		if v = strconv.Quote(v); !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	if len(out) == 1 {
		return "the value " + out[0]
	}
	return "any of the values " + strings.Join(out, ", ")
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

// outcome is what a filter did.
type outcome struct {
	left    []int
	lacking int      // how many of the rows that it excludes lack a value of a tested column
	absent  []string // listed values that would leave rows out, but that no row has
}

// apply returns what the filter leaves of the rows.
func (f Filter) apply(data *frame.Frame, rows []int) (outcome, error) {
	if err := f.Check(); err != nil {
		return outcome{}, err
	}
	if f.First != "" {
		keep, err := f.first(data, rows)
		if err != nil {
			return outcome{}, err
		}
		return outcome{left: slices.DeleteFunc(rows, func(row int) bool { return !keep(row) })}, nil
	}
	tests, err := f.compile(data)
	if err != nil {
		return outcome{}, err
	}
	var out outcome
	for _, t := range tests {
		out.absent = append(out.absent, t.absent...)
	}
	out.left = slices.DeleteFunc(rows, func(row int) bool {
		if slices.ContainsFunc(tests, func(t test) bool { return t.meets(row) }) != (f.Not != nil) {
			return false
		}
		if slices.ContainsFunc(tests, func(t test) bool { return t.column.IsMissing(row) }) {
			out.lacking++
		}
		return true
	})
	return out, nil
}

// compile returns the tests of which a row has to meet one, or none with Not.
func (f Filter) compile(data *frame.Frame) ([]test, error) {
	conditions := f.Any
	switch {
	case f.Not != nil:
		conditions = []Condition{*f.Not}
	case f.Any == nil:
		conditions = []Condition{f.condition()}
	}
	tests := make([]test, len(conditions))
	for i, c := range conditions {
		var err error
		if tests[i], err = c.compile(data, f.Not != nil); err != nil {
			return nil, err
		}
	}
	return tests, nil
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
