// Package report turns a recorded version into tables and plots. It reads the record alone: no cache, no data.
//
// What a view looks like is left to view plugins; what a number is and why one is missing is decided here.
package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/contrast"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// Table is a table ready to be written: lines of values, with all that a reader must know about them.
type Table struct {
	Name    string
	Title   string
	Caption string
	Label   string   // for references in LaTeX
	Rows    []string // the axes and dimensions that tell lines apart
	Across  string   // the axis or dimension whose values stand over the columns; empty where none does
	Columns []Column
	Lines   []Line
	Over    []string // the axes that values are means over
	Notes   []string // footnotes; Value.Marks and Line.Marks are indices into them
	Banner  string   // says that the numbers are simulated; empty when they are not
	Remarks []string // how to read the whole table, one sentence or more each
	Data    []string // the data sets that it rests on
	Sources []string // the language models that it rests on, when they were asked, and its experiment and version
	Problem string   // why the table could not be filled; empty when it could. There are no lines then

	declared *spec.Table // how it is laid out; nil: as it is

	marked   bool     // some values are marked as the best of their column
	within   string   // the row whose labels part the lines, of which each part has a best
	unmarked string   // lines that are not marked
	neutral  []string // columns that nothing is marked in, as they have no direction
	left     []string // what is left out, as it is not defined
	chosen   []string // what searches chose of its cells, and how
	sorted   string   // the column that lines are sorted by, where several could be meant

	averaged []string // the axes of Over that some value is a mean over
	others   []string // of these, those that kept a mean from having an interval, as they are no replicates
	replicas []string // of these, those that a mean has its interval over
	fixed    bool     // the replicates are on the same data
	printed  bool     // numbers of others are looked for
	bySite   bool     // the test site is the unit of intervals
}

// Column is a score.
type Column struct {
	Score  string // its address
	Minus  string // what is subtracted, e.g. "site each"; empty: nothing
	Title  string
	Group  string // stands over the columns beside each other that have the same; empty: nothing does
	Across string // the value of Table.Across; empty where the table has none
	Better plugins.Direction
	Digits int
	Format string // as spec.TableColumn.Format

	count   bool    // the score counts something, and nothing says how it is to be shown: whole numbers have no decimals
	derived derived // shown beside the column of a score, with its values; no column of the CSV file
	plain   bool    // the arrow of its direction stands elsewhere

	Marks []int // footnotes of what it is about, where lines and columns are changed round
	notes []note
}

// derived is what a further column shows of the values of the one before it.
type derived uint8

const (
	ownScore   derived = iota
	spreadSD           // SD between test sites
	spreadNext         // where a new site is expected
	sampleMedian
	sampleSD
	sampleRange
	sampleNext // where a single further run is expected
	theirs     // what others printed
	theirDifference
)

// Line is one combination of the rows' values. A label is empty when the line has no such dimension.
type Line struct {
	Labels []string
	Values []Value
	N, Of  int   // cells with a value and cells planned, for every value that does not say otherwise
	Marks  []int // footnotes

	head      string // stands over this line and those below it; empty: nothing does
	uncounted bool   // it has no n/N: it holds numbers of others
	notes     []note
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
	Withheld  Status = "withheld"  // it would tell of too few patients
)

// Value is one number of a table. Value and Interval mean something only when Status is OK.
type Value struct {
	Status   Status
	Value    float64
	Text     string // shown instead of a number, such as the name of the best
	Place    int    // 1: the best of its column, 2: the second best, where they are marked; else 0
	Interval *plugins.Interval
	Spread   *Spread  // between test sites, where values are means over them
	Sample   *Sample  // of the values that it is the mean of; nil where it is no score
	N, Of    int      // cells with a value and cells planned
	Marks    []int    // footnotes
	Printed  *Printed // what others printed for it; nil where they did not

	hits      []hit           // the scores that it was made of
	counts    []*record.Count // or the counts
	notes     []note
	clipped   bool    // the interval was cut at the range of the score
	undefined bool    // no score of the column can be defined for the line, and no cell of it failed or is missing
	summed    bool    // of the hits, not their mean
	numbered  bool    // Text shows Value in words of its own
	as        *Column // the score that it is of, where that is not the same for the whole column; else nil
}

// Rendered is a table with its files.
type Rendered struct {
	*Table
	Markdown, CSV, LaTeX, HTML, Parquet []byte
}

// Tables makes the tables of a version: the declared ones, and the accounts of what language models were asked for, as makers of rows
// and as judges, where there are any. One that cannot be filled, as its scores do not allow it, says so itself.
func Tables(core *record.Core, views record.Views) ([]Rendered, error) {
	var all []Rendered
	views = record.Decided(views, core.Manifest.Choices)
	src := newSource(core, views.Data)
	for _, t := range src.tables(views) {
		r, err := t.rendered()
		if err != nil {
			return nil, fmt.Errorf("table %q: %w", t.Name, err)
		}
		all = append(all, r)
	}
	return all, nil
}

func (src *source) tables(views record.Views) []*Table {
	src.published = views.Published
	var tables []*Table
	if t := src.primary(&views); t != nil {
		tables = append(tables, t)
	}
	accounted, judged := false, false
	for i := range views.Tables {
		d := &views.Tables[i]
		t := src.table(d)
		t.exploratory(&views)
		tables = append(tables, t)
		accounted = accounted || d.Kind == spec.RowsTable || strings.EqualFold(d.Name, accountingTable)
		judged = judged || d.Kind == spec.JudgementsTable || strings.EqualFold(d.Name, judgingTable)
	}
	if t := src.accounting(nil); t != nil && !accounted {
		tables = append(tables, t)
	}
	if t := src.judging(nil); t != nil && !judged {
		tables = append(tables, t)
	}
	return tables
}

// rendered writes the files of a table.
func (t *Table) rendered() (r Rendered, err error) {
	r = Rendered{Table: t, Markdown: t.markdown(), LaTeX: t.latex(), HTML: t.page()}
	head, rows := t.longHead(), t.long()
	if r.CSV, err = csvOf(head, rows); err != nil {
		return r, err
	}
	r.Parquet, err = parquetOf(head, rows)
	return r, err
}

// table fills a declared table, or says why it cannot.
func (src *source) table(declared *spec.Table) *Table {
	t := &Table{
		Name: declared.Name, Title: declared.Title, Caption: declared.Caption, Label: src.label(declared), Rows: declared.Rows, Over: declared.Over,
		declared: declared,
	}
	t.Banner = src.banner(nil)
	var err error
	switch declared.Kind {
	case spec.ArgmaxTable:
		err = src.fillArgmax(t, declared)
	case spec.BestTable, spec.WorstTable, spec.EndsTable:
		err = src.fillRanked(t, declared)
	case spec.AttritionTable:
		err = src.fillAttrition(t, declared)
	case spec.RowsTable:
		err = src.fillRows(t, declared)
	case spec.JudgementsTable:
		err = src.fillJudgements(t, declared)
	case spec.CohortTable:
		err = src.fillCohort(t, declared)
	case spec.DatasetTable:
		err = src.fillDataset(t, declared)
	case spec.ConfigurationTable:
		err = src.fillConfiguration(t, declared)
	default:
		err = src.fill(t, declared)
	}
	if err != nil {
		t.Lines, t.Notes, t.Remarks, t.Data, t.Sources = nil, nil, nil, nil, []string{src.origin()}
		t.Problem = "No value: " + err.Error()
	}
	t.Remarks = append(sentencesOf(declared.Notes), t.Remarks...)
	return t
}

// label is what LaTeX refers to a table by.
func (src *source) label(declared *spec.Table) string {
	if declared.Label != "" {
		return declared.Label
	}
	return "tab:" + src.core.Manifest.Experiment + "-" + declared.Name
}

// fill adds lines, notes and remarks of a table of scores.
func (src *source) fill(t *Table, declared *spec.Table) error {
	for _, c := range declared.Columns {
		t.Columns = append(t.Columns, src.column(c))
	}
	wide := *declared
	wide.Columns = src.acrossColumns(t, declared)
	sel, err := src.fillLines(t, &wide)
	if err != nil {
		return err
	}
	t.dropLines()
	t.within, t.unmarked = declared.Within, unmarkedText(declared)
	t.sortLines(declared)
	t.mark(declared)
	t.dropColumns(&wide)
	t.addStatistics(wide.Columns)
	t.addSpread()
	src.addPublished(t, declared)
	src.finish(t, sel)
	return nil
}

// fillLines selects and summarises the values of the declared columns, which are those of the table.
func (src *source) fillLines(t *Table, declared *spec.Table) (*selection, error) {
	sel, err := src.selectScores(declared)
	if err != nil {
		return nil, err
	}
	t.Banner = src.banner(sel.allCells())
	for _, r := range sel.rows() {
		line := Line{Labels: r.labels}
		for c := range t.Columns {
			low, high := src.scoreRange(t.Columns[c].Score)
			v, err := sel.value(r, c, low, high)
			if err != nil {
				return nil, fmt.Errorf("row %s, column %q: %w", r.name(t.Rows), t.Columns[c].Score, err)
			}
			v.notes = append(v.notes, sel.columnNotes(r, c)...)
			line.Values = append(line.Values, v)
		}
		line.N, line.Of = usual(line.Values)
		line.notes = sel.lineNotes(r)
		t.Lines = append(t.Lines, line)
	}
	t.setDecimals()
	t.averaged, t.others, t.replicas, t.bySite = inOrder(t.Over, sel.varied), inOrder(t.Over, sel.mixed), inOrder(t.Over, sel.averaged), sel.bySite
	t.fixed = !slices.ContainsFunc(t.replicas, func(a string) bool { return !src.replicates[a] })
	return sel, nil
}

// finish numbers the notes and adds what holds for the whole table, once its lines are those that are shown.
func (src *source) finish(t *Table, sel *selection) {
	t.setDecimals()
	t.number()
	t.Remarks = append(t.Remarks, src.remarks(t)...)
	cells := t.shownCells(sel)
	t.chosen = src.choices(cells, t.labelled)
	t.Data, t.Sources = src.data(cells), src.sources(t, cells)
}

// number gives notes their footnotes, in reading order.
func (t *Table) number() {
	notes := footnotes{over: t.Over, numbers: map[footnoteKey]int{}}
	for c := range t.Columns {
		t.Columns[c].Marks = notes.marks(t.Columns[c].notes)
	}
	for i := range t.Lines {
		l := &t.Lines[i]
		for c := range l.Values {
			l.Values[c].Marks = notes.marks(l.Values[c].notes)
		}
		l.Marks = notes.marks(l.notes)
	}
	t.Notes = notes.texts()
}

// inOrder sorts some of the axes as all are.
func inOrder(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(a string) bool { return !slices.Contains(some, a) })
}

// column finds title and direction of a score.
func (src *source) column(c spec.TableColumn) Column {
	out := Column{Score: c.Score, Minus: contrast.Described(c.Minus), Title: c.Title, Group: c.Group, Format: c.Format, Better: plugins.Neutral, Digits: 3}
	if c.Format == percentFormat {
		out.Digits = 1
	}
	if out.Title == "" {
		out.Title = c.Score
		if out.Minus != "" {
			out.Title += " − " + out.Minus
		}
	}
	if c.Digits != nil {
		out.Digits = min(max(*c.Digits, 0), 15)
	}
	if c.Digits == nil && c.Format == "" && src.counts(c.Score) {
		out.count, out.Digits = true, 0
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

// counts reports whether all metrics that have a score count by it.
func (src *source) counts(address string) bool {
	known := false
	for _, s := range src.core.Manifest.Scores {
		if address == s.Name || address == s.Metric+"."+s.Name {
			if known = s.Count; !known {
				return false
			}
		}
	}
	return known
}

// usual is the n/N that most values of a line have, those aside for which nothing was planned.
func usual(values []Value) (n, of int) {
	most := 0
	for _, v := range values {
		same := 0
		for _, w := range values {
			if w.Of > 0 && w.N == v.N && w.Of == v.Of {
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
