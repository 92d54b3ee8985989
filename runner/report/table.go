// Package report turns a recorded version into tables and plots. It reads the record alone: no cache, no data.
//
// What a view looks like is left to view plugins; what a number is and why one is missing is decided here.
package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// Table is a table ready to be written: lines of values, with all that a reader must know about them.
type Table struct {
	Name    string
	Title   string
	Caption string
	Rows    []string // the axes and dimensions that tell lines apart
	Columns []Column
	Lines   []Line
	Over    []string // the axes that values are means over
	Notes   []string // footnotes; Value.Marks and Line.Marks are indices into them
	Banner  string   // says that the numbers are simulated; empty when they are not
	Remarks []string // what holds for the whole table, one sentence or more each
	Problem string   // why the table could not be filled; empty when it could. There are no lines then

	averaged []string // the axes of Over that some value is a mean over
	others   []string // of these, those that kept a mean from having an interval, as they are no replicates
	replicas []string // of these, those that a mean has its interval over
	fixed    bool     // the replicates are on the same data
	bySite   bool     // the test site is the unit of intervals
}

// Column is a score.
type Column struct {
	Score  string // its address
	Minus  string // what is subtracted, e.g. "site each"; empty: nothing
	Title  string
	Better plugins.Direction
	Digits int

	derived derived // shown beside the column of a score, with its values; no column of the CSV file
}

// derived is what a further column shows of the values of the one before it.
type derived uint8

const (
	ownScore   derived = iota
	spreadSD           // SD between test sites
	spreadNext         // where a new site is expected
)

// Line is one combination of the rows' values. A label is empty when the line has no such dimension.
type Line struct {
	Labels []string
	Values []Value
	N, Of  int   // cells with a value and cells planned, for every value that does not say otherwise
	Marks  []int // footnotes

	notes []note
}

// Status says whether a Value is a number.
type Status string

// The states of a Value.
const (
	OK        Status = "ok"
	Undefined Status = "undefined" // no cell has a value, for the formula has none
	Failed    Status = "failed"    // no cell has a value, for its step failed
	Excluded  Status = "excluded"  // the experiment left the cells out
	Absent    Status = "absent"    // the score is not defined for the line
)

// Value is one number of a table. Value and Interval mean something only when Status is OK.
type Value struct {
	Status   Status
	Value    float64
	Interval *plugins.Interval
	Spread   *Spread // between test sites, where values are means over them
	N, Of    int     // cells with a value and cells planned
	Marks    []int   // footnotes

	notes   []note
	clipped bool // the interval was cut at the range of the score
}

// Rendered is a table with its files.
type Rendered struct {
	*Table
	Markdown, CSV []byte
}

// Tables makes the tables of a version: the declared ones, and the account of what language models were asked for where there are
// any. One that cannot be filled, as its scores do not allow it, says so itself.
func Tables(core *record.Core, views record.Views) ([]Rendered, error) {
	var all []Rendered
	src := newSource(core, views.Data)
	var tables []*Table
	for i := range views.Tables {
		tables = append(tables, src.table(&views.Tables[i]))
	}
	if t := src.accounting(); t != nil && !slices.ContainsFunc(tables, func(d *Table) bool { return strings.EqualFold(d.Name, t.Name) }) {
		tables = append(tables, t)
	}
	for _, t := range tables {
		csv, err := t.csv()
		if err != nil {
			return nil, fmt.Errorf("table %q: %w", t.Name, err)
		}
		all = append(all, Rendered{Table: t, Markdown: t.markdown(), CSV: csv})
	}
	return all, nil
}

// table fills a declared table, or says why it cannot.
func (src *source) table(declared *spec.Table) *Table {
	t := &Table{Name: declared.Name, Title: declared.Title, Caption: declared.Caption, Rows: declared.Rows, Over: declared.Over}
	for _, c := range declared.Columns {
		t.Columns = append(t.Columns, src.column(c))
	}
	t.Banner = src.banner(nil)
	if err := src.fill(t, declared); err != nil {
		t.Lines, t.Notes, t.Remarks = nil, nil, []string{src.origin()}
		t.Problem = "No value: " + err.Error()
	}
	return t
}

// fill adds lines, notes and remarks.
func (src *source) fill(t *Table, declared *spec.Table) error {
	sel, err := src.selectScores(declared)
	if err != nil {
		return err
	}
	t.Banner = src.banner(sel.allCells())
	notes := footnotes{over: t.Over, numbers: map[footnoteKey]int{}}
	for _, r := range sel.rows() {
		line := Line{Labels: r.labels}
		for c := range t.Columns {
			low, high := src.scoreRange(t.Columns[c].Score)
			v, err := sel.value(r, c, low, high)
			if err != nil {
				return fmt.Errorf("row %s, column %q: %w", r.name(t.Rows), t.Columns[c].Score, err)
			}
			line.Values = append(line.Values, v)
		}
		line.N, line.Of = usual(line.Values)
		line.notes = sel.lineNotes(r)
		for c := range line.Values {
			line.Values[c].Marks = notes.marks(line.Values[c].notes)
		}
		line.Marks = notes.marks(line.notes)
		t.Lines = append(t.Lines, line)
	}
	t.averaged, t.others, t.replicas, t.bySite = inOrder(t.Over, sel.varied), inOrder(t.Over, sel.mixed), inOrder(t.Over, sel.averaged), sel.bySite
	t.fixed = !slices.ContainsFunc(t.replicas, func(a string) bool { return !src.replicates[a] })
	t.addSpread()
	t.Notes = notes.texts()
	t.Remarks = src.remarks(t, sel)
	return nil
}

// inOrder sorts some of the axes as all are.
func inOrder(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(a string) bool { return !slices.Contains(some, a) })
}

// column finds title and direction of a score.
func (src *source) column(c spec.TableColumn) Column {
	out := Column{Score: c.Score, Minus: described(c.Minus), Title: c.Title, Better: plugins.Neutral, Digits: 3}
	if out.Title == "" {
		out.Title = c.Score
		if out.Minus != "" {
			out.Title += " − " + out.Minus
		}
	}
	if c.Digits != nil {
		out.Digits = min(max(*c.Digits, 0), 15)
	}
	if c.Minus != nil {
		return out // whether a difference is good depends on what is compared
	}
	first := true
	for _, s := range src.core.Manifest.Scores {
		if c.Score != s.Name && c.Score != s.Metric+"."+s.Name {
			continue
		}
		if !first && out.Better != s.Better { // metrics that disagree give a bare score no direction
			out.Better = plugins.Neutral
			break
		}
		out.Better, first = s.Better, false
	}
	return out
}

// scoreRange is the range of a score where all metrics that have it agree.
func (src *source) scoreRange(address string) (low, high *float64) {
	first := true
	for _, s := range src.core.Manifest.Scores {
		if address != s.Name && address != s.Metric+"."+s.Name {
			continue
		}
		if first {
			low, high, first = s.Min, s.Max, false
			continue
		}
		low, high = agreed(low, s.Min), agreed(high, s.Max)
	}
	return low, high
}

func agreed(a, b *float64) *float64 {
	if a == nil || b == nil || *a != *b {
		return nil
	}
	return a
}

// usual is the n/N that most values of a line have.
func usual(values []Value) (n, of int) {
	most := 0
	for _, v := range values {
		if v.Status == Absent {
			continue
		}
		same := 0
		for _, w := range values {
			if w.Status != Absent && w.N == v.N && w.Of == v.Of {
				same++
			}
		}
		if same > most {
			most, n, of = same, v.N, v.Of
		}
	}
	return n, of
}

// letters names footnote i: a … z, aa, ab …
func letters(i int) string {
	s := ""
	for i++; i > 0; i = (i - 1) / 26 {
		s = string(rune('a'+(i-1)%26)) + s
	}
	return s
}
