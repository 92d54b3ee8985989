package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// acrossColumns repeats the columns for each value of the axis or dimension that stands across the table. Where there is one column, its
// title stands over the values; where there are several, each value stands over them.
func (src *source) acrossColumns(t *Table, declared *spec.Table) []spec.TableColumn {
	if declared.Across == "" {
		return declared.Columns
	}
	t.Across = declared.Across
	var columns []spec.TableColumn
	shown := t.Columns
	t.Columns = nil
	for _, value := range src.valuesAcross(declared) {
		for c, column := range declared.Columns {
			where := map[string][]spec.Value{declared.Across: {{Text: value}}}
			for name, values := range column.Where {
				if name != declared.Across {
					where[name] = values
				}
			}
			column.Where = where
			columns = append(columns, column)
			as := shown[c]
			as.Across = value
			if len(declared.Columns) == 1 {
				as.Group, as.Title = as.header(), value
				as.plain = true
			} else {
				as.Group = value
			}
			t.Columns = append(t.Columns, as)
		}
	}
	return columns
}

// valuesAcross are the values of the axis or dimension that stands across a table: of an axis those that its cells have, in the order of
// first mention; of a dimension those that scores of these cells have, as they first occur.
func (src *source) valuesAcross(declared *spec.Table) []string {
	name := declared.Across
	selects := func(c *spec.TableColumn, value string) bool {
		return c.Where[name] == nil || among(value, c.Where[name])
	}
	var values []string
	order := src.orderOf(name, declared.Where)
	sorted := func() []string {
		slices.SortStableFunc(values, func(a, b string) int { return rankOf(order, a) - rankOf(order, b) })
		return values
	}
	file := func(value string) {
		wanted := slices.ContainsFunc(declared.Columns, func(c spec.TableColumn) bool { return selects(&c, value) })
		if wanted && !slices.Contains(values, value) {
			values = append(values, value)
		}
	}
	if src.axes[name] {
		for i := range src.core.Cells {
			if value := src.core.Cells[i].Axes[name]; value != "" && src.cellIn(i, declared.Where) {
				file(value)
			}
		}
		return sorted()
	}
	for i := range src.core.Scores {
		s := &src.core.Scores[i]
		named := slices.ContainsFunc(declared.Columns, func(c spec.TableColumn) bool {
			return c.Score == s.Name || c.Score == s.Metric+"."+s.Name
		})
		cell, known := src.cells[s.Cell]
		if !named || !known || !src.cellIn(cell, declared.Where) || !src.dimsIn(s, declared.Where) {
			continue
		}
		if value, has := src.dimension(s, name); has && value != "" {
			file(value)
		}
	}
	return sorted()
}

// sortLines puts the lines in the declared order; those that are equal by it stay in the order of first mention. Where a row's name is
// given as within, lines are sorted among those with one label of it.
func (t *Table) sortLines(declared *spec.Table) {
	if declared.Sort == nil {
		return
	}
	compare := t.byLabels
	if declared.Sort.By != "" {
		may := declared.SortColumns()
		if len(may) == 0 {
			return
		}
		c := may[0] // what stands across the table repeats all columns for each of its values
		if len(may) > 1 || len(t.Columns) > len(declared.Columns) {
			t.sorted = t.Columns[c].label()
		}
		sign := 1.
		if o := declared.Sort.Order; o == "descending" || o != "ascending" && t.Columns[c].Better == plugins.Higher {
			sign = -1
		}
		compare = func(a, b *Line) int { return byValue(&a.Values[c], &b.Values[c], sign) }
	}
	place := t.groups(declared.Within)
	slices.SortStableFunc(t.Lines, func(a, b Line) int { return cmp.Or(place(&a)-place(&b), compare(&a, &b)) })
}

// byLabels compares labels as people read them: top5 stands before top10. Missing ones come last.
func (t *Table) byLabels(a, b *Line) int {
	for i := range a.Labels {
		x, y := a.Labels[i], b.Labels[i]
		if (x == "") != (y == "") {
			return strings.Compare(y, x)
		}
		if c := natural(x, y); c != 0 {
			return c
		}
	}
	return 0
}

// natural compares texts, and the whole numbers in them by their size.
func natural(a, b string) int {
	for a != "" && b != "" {
		x, restA := run(a)
		y, restB := run(b)
		m, errA := strconv.ParseUint(x, 10, 64)
		n, errB := strconv.ParseUint(y, 10, 64)
		c := strings.Compare(x, y)
		if errA == nil && errB == nil {
			c = cmp.Compare(m, n)
		}
		if c != 0 {
			return c
		}
		a, b = restA, restB
	}
	return len(a) - len(b)
}

// run cuts off the digits, or what is none, that a text starts with.
func run(s string) (first, rest string) {
	digit := func(r rune) bool { return '0' <= r && r <= '9' }
	is := digit
	if !digit(rune(s[0])) {
		is = func(r rune) bool { return !digit(r) }
	}
	end := strings.IndexFunc(s, func(r rune) bool { return !is(r) })
	if end < 0 {
		return s, ""
	}
	return s[:end], s[end:]
}

// byValue compares numbers, the smaller first, or the greater where sign is -1; what has no value comes last.
func byValue(a, b *Value, sign float64) int {
	switch {
	case a.Status == OK && b.Status == OK:
		return cmp.Compare(sign*a.Value, sign*b.Value)
	case a.Status == OK:
		return -1
	case b.Status == OK:
		return 1
	}
	return 0
}

// groups returns the number of the group that a line belongs to: by its label of the named row, as they first occur. Without a name
// there is one group.
func (t *Table) groups(row string) func(*Line) int {
	at := slices.Index(t.Rows, row)
	if at < 0 {
		return func(*Line) int { return 0 }
	}
	order := map[string]int{}
	for i := range t.Lines {
		if label := t.Lines[i].Labels[at]; !has(order, label) {
			order[label] = len(order)
		}
	}
	return func(l *Line) int { return order[l.Labels[at]] }
}

func has[K comparable, V any](m map[K]V, k K) bool { _, ok := m[k]; return ok }

// mark finds the best and second best of each column whose score has a direction, among all lines, or those with one label of within.
// Values that are shown alike share a place; after two that share the first there is no second, and where all are alike none is best.
func (t *Table) mark(declared *spec.Table) {
	if declared.Mark == "" {
		return
	}
	place := t.groups(declared.Within)
	for c := range t.Columns {
		column := &t.Columns[c]
		if column.derived != ownScore {
			continue
		}
		if column.Better == plugins.Neutral {
			name := column.Title
			if column.plain { // its values stand below it
				name = column.Group
			}
			t.neutral = union(t.neutral, []string{name})
			continue
		}
		groups := map[int][]*Value{}
		for i := range t.Lines {
			l := &t.Lines[i]
			if v := &l.Values[c]; v.Status == OK && !t.excepted(l, declared.Except) {
				groups[place(l)] = append(groups[place(l)], v)
			}
		}
		for _, values := range groups {
			if markGroup(values, column, declared.Mark == spec.MarkBestTwo) {
				t.marked = true
			}
		}
	}
}

// markGroup gives places to values that compete; false where there is none to give.
func markGroup(values []*Value, column *Column, second bool) bool {
	sign := 1.
	if column.Better == plugins.Higher {
		sign = -1
	}
	slices.SortStableFunc(values, func(a, b *Value) int { return byValue(a, b, sign) })
	shown := func(v *Value) string { return column.number(v.Value) }
	alike := func(from int) int { // how many have the text of the value at from
		n := 0
		for _, v := range values[from:] {
			if shown(v) != shown(values[from]) {
				break
			}
			n++
		}
		return n
	}
	if len(values) < 2 {
		return false
	}
	first := alike(0)
	if first == len(values) {
		return false
	}
	for _, v := range values[:first] {
		v.Place = 1
	}
	if second && first == 1 {
		for _, v := range values[1 : 1+alike(1)] {
			v.Place = 2
		}
	}
	return true
}

// excepted reports whether a line has one of the labels that are not to be marked.
func (t *Table) excepted(l *Line, except map[string][]spec.Value) bool {
	for name, values := range except {
		if at := slices.Index(t.Rows, name); at >= 0 && among(l.Labels[at], values) {
			return true
		}
	}
	return false
}

// markRemark explains the marks of best values; best and second are how they look.
func (t *Table) markRemark(best, second string) string {
	undirected := ""
	if len(t.neutral) > 0 {
		undirected = "Not marked, as neither more nor less of it is better: " + strings.Join(t.neutral, ", ") + "."
	}
	if !t.marked {
		return undirected
	}
	column, lines := "column", "lines"
	if t.transposed() {
		column, lines = "line", "columns"
	}
	text := best + " best of its " + column
	if t.within != "" {
		text += " among " + lines + " of one " + t.within
	}
	if slices.ContainsFunc(t.Lines, func(l Line) bool {
		return slices.ContainsFunc(l.Values, func(v Value) bool { return v.Place == 2 })
	}) {
		text += ", " + second + " second best"
	}
	text += ", by the number shown alone: that is no test."
	if t.unmarked != "" {
		text += " Not marked: " + t.unmarked + "."
	}
	runes := []rune(text)
	return joined(string(unicode.ToUpper(runes[0]))+string(runes[1:]), undirected)
}

// unmarkedText names what is not marked as the table shows it, e.g. "strategy floor, ceiling".
func unmarkedText(declared *spec.Table) string {
	var parts []string
	for _, name := range declared.Rows {
		if values := declared.Except[name]; len(values) > 0 {
			texts := make([]string, len(values))
			for i, v := range values {
				texts[i] = declared.Shown(name, v.String())
			}
			parts = append(parts, fmt.Sprintf("%s %s", cmp.Or(declared.Heads[name], name), strings.Join(texts, ", ")))
		}
	}
	return strings.Join(parts, "; ")
}
