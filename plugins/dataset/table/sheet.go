package table

import (
	"fmt"
	"slices"
	"sort"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// sheet is a table on its way to a frame.
type sheet struct {
	columns  []*frame.Column
	rows     int
	parts    []part // where the rows are from, in order
	kept     []int  // the rows of parts that are left; nil: all
	complete bool   // all rows were read
	groups   map[string]string
	dates    map[string]date // columns that hold seconds since 1970, until finishDates
	leave    map[string]bool // columns that are left out at the end
	counts   []plugins.Count
}

// part is the rows of one file.
type part struct {
	file  string
	rows  int
	names []string // of all columns of the file
}

// date is a column of dates, and the settings that make a number of it.
type date struct {
	config ColumnConfig
	since  string // the name of another such column; empty for 1970
	place  place
}

// place finds the file of a row, and its number there, from 1.
type place func(row int) (file string, number int)

// at is the place of a row of a sheet.
func (t *sheet) at(row int) (file string, number int) {
	if t.kept != nil {
		row = t.kept[row]
	}
	for _, p := range t.parts {
		if row < p.rows {
			return p.file, row + 1
		}
		row -= p.rows
	}
	return "", row + 1
}

// column returns the named column, or nil.
func (t *sheet) column(name string) *frame.Column {
	if i := t.index(name); i >= 0 {
		return t.columns[i]
	}
	return nil
}

func (t *sheet) index(name string) int {
	return slices.IndexFunc(t.columns, func(c *frame.Column) bool { return c.Name == name })
}

// byName finds the columns of a wide table.
func (t *sheet) byName() map[string]*frame.Column {
	at := make(map[string]*frame.Column, len(t.columns))
	for _, c := range t.columns {
		at[c.Name] = c
	}
	return at
}

func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, n := range names {
		set[n] = true
	}
	return set
}

// names lists the columns.
func (t *sheet) names() []string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.Name
	}
	return names
}

// fault is the error of rows, of which there is at least one. Only the first is named.
func (p place) fault(column string, rows []int, format string, args ...any) error {
	file, number := p(rows[0])
	where := fmt.Sprintf("row %d", number)
	if more := len(rows) - 1; more > 0 {
		where += fmt.Sprintf(" and %d more", more)
	}
	return &frame.FileError{File: file, ColumnName: column, Msg: where + ": " + fmt.Sprintf(format, args...)}
}

// fault is an error of the table that no single row makes.
func (t *sheet) fault(column, format string, args ...any) error {
	return &frame.FileError{File: t.parts[0].file, ColumnName: column, Msg: fmt.Sprintf(format, args...)}
}

// take keeps some rows of a sheet, in their order.
func (t *sheet) take(rows []int) {
	for i, c := range t.columns {
		t.columns[i] = c.Take(rows)
	}
	t.rows = len(rows)
	if t.kept == nil {
		t.kept = rows
		return
	}
	was := t.kept
	t.kept = make([]int, len(rows))
	for i, row := range rows {
		t.kept[i] = was[row]
	}
}

// leaveOut drops the columns that were read for another's sake, or to be left out.
func (t *sheet) leaveOut() error {
	t.columns = slices.DeleteFunc(t.columns, func(c *frame.Column) bool { return t.leave[c.Name] })
	if len(t.columns) == 0 {
		return t.fault("", "no column is left")
	}
	return nil
}

// finishDates makes numbers of the dates, which are known of all tables now. The faults of columns are told together.
func (t *sheet) finishDates() error {
	names := make([]string, 0, len(t.dates))
	for name := range t.dates {
		names = append(names, name)
	}
	sort.Strings(names) // for faults always in the same order
	done, faults := make([]*frame.Column, len(names)), make([]error, len(names))
	for i, name := range names {
		done[i], faults[i] = t.finishDate(name)
	}
	if err := frame.Together(faults...); err != nil {
		return err
	}
	for i, name := range names {
		t.columns[t.index(name)] = done[i]
	}
	return nil
}

// finishDate makes numbers of one column of dates.
func (t *sheet) finishDate(name string) (*frame.Column, error) {
	d := t.dates[name]
	c := t.column(name)
	out := &frame.Column{Name: name, Kind: frame.Number, Unit: d.config.Date.unit(), Numbers: slices.Clone(c.Numbers)}
	if d.since != "" {
		if _, known := t.dates[d.since]; !known {
			return nil, t.fault(name, "counted since %q, which is no date of this table; declare its date", d.since)
		}
		for row, start := range t.column(d.since).Numbers {
			out.Numbers[row] -= start
		}
	}
	for row := range out.Numbers {
		out.Numbers[row] /= secondsOf[d.config.Date.In]
	}
	n, err := limit(out, &d.config, d.place)
	if err != nil {
		return nil, err
	}
	t.counts = append(t.counts, n...)
	out.Integer = whole(out.Numbers)
	return out, nil
}
