package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/runner/spec"
)

// dropLines leaves out the lines that no score of the table is defined for, such as arms beside an audit under metrics of audits, where
// others are left. What failed, was left out of the experiment or is undefined for a reason stays, as a dash with its reason.
func (t *Table) dropLines() {
	var kept []Line
	var names []string
	for _, l := range t.Lines {
		if slices.ContainsFunc(l.Values, func(v Value) bool { return !v.undefined }) {
			kept = append(kept, l)
		} else {
			names = append(names, joinedBy("/", slices.Clone(l.Labels)...))
		}
	}
	if len(names) > 0 && len(kept) > 0 {
		t.Lines = kept
		t.left = append(t.left, "Left out, as no score of the table is defined there: "+someOf(names)+".")
	}
}

// dropColumns does the same with columns for values that stand across the table.
func (t *Table) dropColumns(declared *spec.Table) {
	if t.Across == "" {
		return
	}
	var kept []int
	var names []string
	for c := range t.Columns {
		if slices.ContainsFunc(t.Lines, func(l Line) bool { return !l.Values[c].undefined }) {
			kept = append(kept, c)
		} else {
			names = append(names, t.Columns[c].label())
		}
	}
	if len(names) > 0 && len(kept) > 0 {
		t.keepColumns(declared, kept)
		t.left = append(t.left, "Left out, as their score is defined for no line: "+someOf(names)+".")
	}
}

// someOf names a few, or the first of many: that there are such lines is to be known, and which they are stands in the record.
func someOf(names []string) string {
	const all, first = 6, 3
	if len(names) <= all {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:first], ", "), len(names)-first)
}

// keepColumns leaves the columns with some numbers, of the table and as they are declared.
func (t *Table) keepColumns(declared *spec.Table, columns []int) {
	t.Columns, declared.Columns = picked(t.Columns, columns), picked(declared.Columns, columns)
	for i := range t.Lines {
		l := &t.Lines[i]
		l.Values = picked(l.Values, columns)
		l.N, l.Of = usual(l.Values)
	}
}

// picked are the elements of a list with some numbers.
func picked[E any](list []E, numbers []int) []E {
	out := make([]E, len(numbers))
	for i, n := range numbers {
		out[i] = list[n]
	}
	return out
}
