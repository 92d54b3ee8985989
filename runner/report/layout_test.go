package report

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// csvRows reads a CSV file as rows by the names of its columns.
func csvRows(t *testing.T, raw []byte) []map[string]string {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil || len(rows) == 0 {
		t.Fatalf("%v, %d rows", err, len(rows))
	}
	var out []map[string]string
	for _, row := range rows[1:] {
		m := map[string]string{}
		for i, name := range rows[0] {
			if has(m, name) {
				t.Fatalf("two columns are named %q", name)
			}
			m[name] = row[i]
		}
		out = append(out, m)
	}
	return out
}

// made makes one table of a core.
func made(t *testing.T, core *record.Core, declared spec.Table) Rendered {
	t.Helper()
	tables, err := Tables(core, record.Views{Tables: []spec.Table{declared}})
	if err != nil {
		t.Fatal(err)
	}
	if p := tables[0].Problem; p != "" {
		t.Fatal(p)
	}
	return tables[0]
}

// dressed are tables with what the layout of tables can do.
func dressed() []spec.Table {
	two := 2
	return append([]spec.Table{
		{
			Name: "spread", Title: "Values & 100 % of_them", Caption: "with # $ { } ~ ^ \\", Rows: []string{"strategy", "features"}, Over: []string{"seed"},
			Columns: []spec.TableColumn{
				{Score: "kl.mean", Title: "KL", Group: "shape", Statistics: []string{"median", "sd", "range", "prediction"}, Format: "significant", Digits: &two},
				{Score: "ks.complement", Title: "KS of age", Group: "shape", Where: map[string][]spec.Value{"column": texts("age")}, Format: "percent"},
				{Score: "across.auroc", Title: "AUROC"},
			},
			Sort: &spec.TableSort{By: "across.auroc"}, Mark: spec.MarkBestTwo, Notes: []string{"a note of ours"},
		},
		{
			Name: "over_columns", Rows: []string{"strategy"}, Across: "features", Over: []string{"seed"}, Columns: []spec.TableColumn{{Score: "across.auroc", Title: "AUROC"}},
			Mark: spec.MarkBest, Except: map[string][]spec.Value{"strategy": texts("ceiling")},
		},
		{
			Name: "by_column", Rows: []string{"strategy"}, Across: "column", Over: []string{"seed"}, Where: map[string][]spec.Value{"features": texts("all")},
			Columns: []spec.TableColumn{{Score: "ks.complement", Title: "KS"}, {Score: "ks.complement", Title: "KS again", Format: "scientific"}},
		},
		{
			Name: "best", Kind: spec.ArgmaxTable, Rows: []string{"features"}, Of: []string{"strategy"}, Over: []string{"seed"},
			Columns: []spec.TableColumn{{Score: "across.auroc", Title: "AUROC"}, {Score: "kl.mean", Title: "KL", Format: "percent"}},
		},
		{
			Name: "worst", Kind: spec.WorstTable, Rows: []string{"strategy"}, Of: []string{"column"}, K: 1, Over: []string{"seed"},
			Where: map[string][]spec.Value{"features": texts("all")}, Columns: []spec.TableColumn{{Score: "ks.complement", Title: "KS"}},
		},
	}, laidOut()...)
}

func TestDressedTables(t *testing.T) {
	for _, declared := range dressed() {
		r := made(t, study(), declared)
		golden(t, r.Name+".md", r.Markdown)
		golden(t, r.Name+".tex", r.LaTeX)
		golden(t, r.Name+".html", r.HTML)
		golden(t, r.Name+".csv", r.CSV)
		golden(t, r.Name+".80.txt", []byte(Text(r.Table, 80, false)))
	}
}

// Terminals of any width: no line is wider, unless it is one word.
func TestNoLineIsWiderThanTheTerminal(t *testing.T) {
	for _, declared := range dressed() {
		r := made(t, study(), declared)
		for _, width := range []int{40, 60, 80, 120, 200} {
			for line := range strings.Lines(Text(r.Table, width, false)) {
				line = strings.TrimRight(line, "\n")
				if n := len([]rune(line)); n > width && strings.ContainsAny(strings.TrimSpace(line), " ") {
					t.Errorf("%s at %d: %d columns: %q", r.Name, width, n, line)
				}
			}
		}
	}
}

// What a column selects by itself is left out of it alone, with its own n/N and notes.
func TestColumnsSelectByThemselves(t *testing.T) {
	all := made(t, study(), spec.Table{Name: "t", Rows: []string{"strategy"}, Over: []string{"seed", "features"}, Columns: []spec.TableColumn{
		{Score: "across.auroc", Title: "both"},
		{Score: "across.auroc", Title: "top5", Where: map[string][]spec.Value{"features": texts("top5")}},
		{Score: "across.auroc", Title: "all", Where: map[string][]spec.Value{"features": texts("all")}},
	}})
	got := map[string][]string{}
	for _, l := range all.Lines {
		for _, v := range l.Values {
			got[l.Labels[0]] = append(got[l.Labels[0]], fmt.Sprintf("%s %s %q", fraction(v.N, v.Of), v.Status, printed(v.notes)))
		}
	}
	want := map[string][]string{
		"naive":   {`5/6 ok ["seed/features 2/all: failed at generate: timed out | twice"]`, `3/3 ok []`, `2/3 ok ["no value for seed = 2: failed at generate: timed out | twice"]`},
		"copula":  {`5/5 ok ["seed/features 3/all: excluded: budget"]`, `3/3 ok []`, `2/2 ok ["no value for seed = 3: excluded: budget"]`},
		"ceiling": {`3/3 ok ["no value for features = top5: excluded: of no interest"]`, `0/0 excluded ["excluded: of no interest"]`, `3/3 ok []`},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A value stands across the columns once for each value of an axis, in the order of first mention, and the CSV file names it.
func TestAcross(t *testing.T) {
	r := made(t, study(), dressed()[1])
	var titles []string
	for _, c := range r.Columns {
		titles = append(titles, c.Group+" / "+c.header())
	}
	if d := cmp.Diff([]string{"AUROC ↑ / top5", "AUROC ↑ / all"}, titles); d != "" {
		t.Error(d)
	}
	plain := made(t, study(), spec.Table{Name: "t", Rows: []string{"strategy", "features"}, Over: []string{"seed"}, Columns: []spec.TableColumn{{Score: "across.auroc"}}})
	want := map[string]string{}
	for _, row := range csvRows(t, plain.CSV) {
		want[row["strategy"]+row["features"]] = row["value"] + " " + row["low"] + " " + row["measured"] + "/" + row["planned"]
	}
	for _, row := range csvRows(t, r.CSV) {
		if got := row["value"] + " " + row["low"] + " " + row["measured"] + "/" + row["planned"]; got != want[row["strategy"]+row["features"]] {
			t.Errorf("%s, %s: %q across, %q in rows", row["strategy"], row["features"], got, want[row["strategy"]+row["features"]])
		}
	}
}

// A dimension stands across with the values that it has in the cells of the table, and not with those of others.
func TestAcrossHasNoValuesOfOtherCells(t *testing.T) {
	core := study()
	for i := range core.Scores {
		s := &core.Scores[i]
		cell := slices.IndexFunc(core.Cells, func(c record.Cell) bool { return c.ID == s.Cell })
		s.Dims = map[string]string{"place": core.Cells[cell].Axes["features"]}
	}
	r := made(t, core, spec.Table{
		Name: "t", Rows: []string{"strategy"}, Across: "place", Over: []string{"seed"}, Where: map[string][]spec.Value{"features": texts("all")},
		Columns: []spec.TableColumn{{Score: "across.auroc"}},
	})
	if len(r.Columns) != 1 || r.Columns[0].Across != "all" {
		t.Errorf("columns %+v", r.Columns)
	}
}

// tableOfValues has one column of a score, with a line for each value.
func tableOfValues(better plugins.Direction, values ...float64) *Table {
	t := &Table{Rows: []string{"name", "part"}, Columns: []Column{{Score: "s", Title: "s", Better: better, Digits: 2}}}
	for i, v := range values {
		t.Lines = append(t.Lines, Line{Labels: []string{string(rune('a' + i)), "p" + fmt.Sprint(i%2)}, Values: []Value{{Status: OK, Value: v}}})
	}
	return t
}

func TestMarks(t *testing.T) {
	except := map[string][]spec.Value{"name": texts("a")}
	for _, c := range []struct {
		name   string
		better plugins.Direction
		values []float64
		spec   spec.Table
		want   string // the place of each line
	}{
		{"higher", plugins.Higher, []float64{1, 3, 2}, spec.Table{Mark: spec.MarkBestTwo}, "012"},
		{"lower", plugins.Lower, []float64{1, 3, 2}, spec.Table{Mark: spec.MarkBestTwo}, "102"},
		{"best alone", plugins.Lower, []float64{1, 3, 2}, spec.Table{Mark: spec.MarkBest}, "100"},
		{"nothing asked", plugins.Lower, []float64{1, 3, 2}, spec.Table{}, "000"},
		{"no direction", plugins.Neutral, []float64{1, 3, 2}, spec.Table{Mark: spec.MarkBestTwo}, "000"},
		{"alike as shown", plugins.Higher, []float64{3.001, 3.002, 2}, spec.Table{Mark: spec.MarkBestTwo}, "110"},
		{"seconds alike", plugins.Higher, []float64{3, 2, 2.001, 1}, spec.Table{Mark: spec.MarkBestTwo}, "1220"},
		{"all alike", plugins.Higher, []float64{3, 3, 3}, spec.Table{Mark: spec.MarkBestTwo}, "000"},
		{"one", plugins.Higher, []float64{3}, spec.Table{Mark: spec.MarkBestTwo}, "0"},
		{"without the best", plugins.Higher, []float64{9, 3, 2}, spec.Table{Mark: spec.MarkBestTwo, Except: except}, "012"},
		{"within parts", plugins.Higher, []float64{9, 3, 2, 4}, spec.Table{Mark: spec.MarkBestTwo, Within: "part"}, "1221"},
	} {
		table := tableOfValues(c.better, c.values...)
		table.mark(&c.spec)
		got := ""
		for _, l := range table.Lines {
			got += fmt.Sprint(l.Values[0].Place)
		}
		if got != c.want {
			t.Errorf("%s: places %s, want %s", c.name, got, c.want)
		}
		if remark := table.markRemark("bold:", "underlined:"); strings.Contains(remark, "best of its column") != strings.Contains(got, "1") {
			t.Errorf("%s: %q", c.name, remark)
		}
	}
	missing := tableOfValues(plugins.Higher, 5, 1, 2)
	missing.Lines[0].Values[0].Status = Failed
	missing.mark(&spec.Table{Mark: spec.MarkBestTwo})
	if missing.Lines[0].Values[0].Place != 0 || missing.Lines[2].Values[0].Place != 1 {
		t.Errorf("a value that there is not is marked: %+v", missing.Lines)
	}
}

func TestSort(t *testing.T) {
	labels := func(table *Table) string {
		out := ""
		for _, l := range table.Lines {
			out += l.Labels[0]
		}
		return out
	}
	for _, c := range []struct {
		name string
		sort spec.Table
		want string
	}{
		{"first mention", spec.Table{}, "abcd"},
		{"best", spec.Table{Sort: &spec.TableSort{By: "s"}}, "bcda"},
		{"ascending", spec.Table{Sort: &spec.TableSort{By: "s", Order: "ascending"}}, "dcba"},
		{"descending", spec.Table{Sort: &spec.TableSort{By: "s", Order: "descending"}}, "bcda"},
		{"within parts", spec.Table{Sort: &spec.TableSort{By: "s"}, Within: "part"}, "cabd"},
	} {
		table := tableOfValues(plugins.Higher, 0, 4, 3, 2)
		table.Lines[0].Values[0].Status = Undefined // last, whatever the order
		c.sort.Columns = []spec.TableColumn{{Score: "s"}}
		table.sortLines(&c.sort)
		if got := labels(table); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	sorted := []string{"", "B2", "all", "top5", "top10", "top10b", "top010c"}
	for i, a := range sorted[1:] {
		if i > 0 && natural(sorted[i], a) >= 0 {
			t.Errorf("%q does not stand before %q", sorted[i], a)
		}
	}
	table := &Table{Rows: []string{"n"}}
	for _, label := range []string{"", "top10", "top5"} {
		table.Lines = append(table.Lines, Line{Labels: []string{label}})
	}
	table.sortLines(&spec.Table{Sort: &spec.TableSort{}})
	if got := []string{table.Lines[0].Labels[0], table.Lines[1].Labels[0], table.Lines[2].Labels[0]}; !slices.Equal(got, []string{"top5", "top10", ""}) {
		t.Errorf("%q", got)
	}
}

// Where several columns have a score, lines are sorted by the one that a title names or that shows it as it is; else the table says which
// it is.
func TestSortedBySomeColumn(t *testing.T) {
	few, many := spec.TableColumn{Score: "across.auroc", Title: "few", Where: map[string][]spec.Value{"features": texts("top5")}}, spec.TableColumn{Score: "across.auroc", Title: "many"}
	all := spec.TableColumn{Score: "across.auroc", Title: "all", Where: map[string][]spec.Value{"features": texts("all")}}
	for _, c := range []struct {
		by      string
		across  string
		columns []spec.TableColumn
		at      int    // of the column that the lines are sorted by
		said    string // of it
	}{
		{"across.auroc", "", []spec.TableColumn{few, all}, 0, "Lines are sorted by few."},
		{"all", "", []spec.TableColumn{few, all}, 1, ""},
		{"across.auroc", "features", []spec.TableColumn{many}, 0, "Lines are sorted by many: top5."},
	} {
		where := map[string][]spec.Value{"strategy": texts("naive", "copula")}
		r := made(t, study(), spec.Table{
			Name: "sorted", Rows: []string{"strategy"}, Across: c.across, Columns: c.columns, Over: []string{"seed"}, Where: where, Sort: &spec.TableSort{By: c.by, Order: "ascending"},
		})
		if r.Problem != "" {
			t.Fatal(r.Problem)
		}
		for i := range r.Lines[1:] {
			if r.Lines[i].Values[c.at].Value > r.Lines[i+1].Values[c.at].Value {
				t.Errorf("by %s of %d columns: %v", c.by, len(c.columns), r.Lines)
			}
		}
		said := slices.IndexFunc(r.Remarks, func(s string) bool { return strings.HasPrefix(s, "Lines are sorted") })
		if (said >= 0) != (c.said != "") || said >= 0 && r.Remarks[said] != c.said {
			t.Errorf("by %s of %d columns: %q", c.by, len(c.columns), r.Remarks)
		}
	}
}

// A column whose score has no direction is not marked, and the table says so.
func TestColumnsWithoutDirectionAreTold(t *testing.T) {
	table := tableOfValues(plugins.Higher, 1, 2, 3)
	table.Columns = append(table.Columns, Column{Score: "rows", Title: "rows made", Better: plugins.Neutral})
	for i := range table.Lines {
		table.Lines[i].Values = append(table.Lines[i].Values, table.Lines[i].Values[0])
	}
	table.mark(&spec.Table{Mark: spec.MarkBest})
	want := "Bold best of its column, by the number shown alone: that is no test. Not marked, as neither more nor less of it is better: rows made."
	if got := table.markRemark("bold", "underlined"); got != want {
		t.Errorf("%q", got)
	}
	table.marked = false
	if got := table.markRemark("bold", "underlined"); got != want[strings.Index(want, "Not marked"):] {
		t.Errorf("%q", got)
	}
}

func TestFormats(t *testing.T) {
	for _, c := range []struct {
		format     string
		digits     int
		value, low float64
		want       string
	}{
		{"", 3, 0.12345, -0.00001, "0.123 [0.000, 0.123]"},
		{"percent", 1, 0.12345, -0.01, "12.3 [-1.0, 12.3]"},
		{"scientific", 2, 0.00012345, 0, "1.23e-04 [0.00e+00, 1.23e-04]"},
		{"significant", 3, 0.0012345, 0.001, "0.00123 [0.00100, 0.00123]"},
		{"significant", 3, 1234.5, 10.25, "1234 [10, 1234]"},
		{"significant", 3, 9.999, 1, "10.0 [1.0, 10.0]"},
		{"significant", 3, 1.25e-9, 1e-9, "1.25e-09 [1.00e-09, 1.25e-09]"},
		{"significant", 3, 0, 0, "0.00 [0.00, 0.00]"},
		{"significant", 1, 0.26, 0.2, "0.3 [0.2, 0.3]"},
		{"", 3, 2.5e7, 1, "2.500e+07 [1.000, 2.500e+07]"},
	} {
		column := Column{Format: c.format, Digits: c.digits}
		got := column.number(c.value) + " " + column.interval(c.value, &plugins.Interval{Low: c.low, High: c.value})
		if got != c.want {
			t.Errorf("%s, %d digits: %q, want %q", c.format, c.digits, got, c.want)
		}
	}
}

// The Parquet file holds what the CSV file does.
func TestParquetIsTheCSV(t *testing.T) {
	for _, declared := range append(dressed(), views().Tables...) {
		r := made(t, study(), declared)
		f, err := frame.ReadParquet(r.Parquet)
		if err != nil {
			t.Fatal(err)
		}
		rows := csvRows(t, r.CSV)
		if f.Rows() != len(rows) {
			t.Fatalf("%s: %d rows, %d in the CSV file", r.Name, f.Rows(), len(rows))
		}
		for i, row := range rows {
			for name, want := range row {
				c, got := f.Column(name), ""
				switch {
				case c == nil:
					t.Fatalf("%s: no column %q", r.Name, name)
				case c.IsMissing(i):
				case c.Kind == frame.Number:
					got = fmt.Sprint(c.Numbers[i])
				default:
					got = c.Levels[c.Codes[i]]
				}
				if got != want {
					t.Errorf("%s, row %d, %s: %q, %q in the CSV file", r.Name, i, name, got, want)
				}
			}
		}
	}
}

// The page is well-formed, fetches nothing and runs nothing, whatever names hold.
func TestHTML(t *testing.T) {
	for _, declared := range dressed() {
		declared.Title, declared.Notes = `<script>alert("1")</script> & more`, []string{`<img src=x onerror="x">`}
		r := made(t, study(), declared)
		page := string(r.HTML)
		for _, bad := range []string{"<script", "<img", "onerror=\"", "http:", "https:"} {
			if strings.Contains(page, bad) {
				t.Errorf("%s: the page has %s", r.Name, bad)
			}
		}
		for _, want := range []string{"<caption>", `scope="col"`, `scope="row"`, "SIMULATED", "default-src &#39;none&#39;"} {
			if !strings.Contains(page, want) && !strings.Contains(page, strings.ReplaceAll(want, "&#39;", "'")) {
				t.Errorf("%s: the page lacks %s", r.Name, want)
			}
		}
		d := xml.NewDecoder(strings.NewReader(r.Table.HTML()))
		cells := 0
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: not well-formed: %v", r.Name, err)
			}
			if e, ok := token.(xml.StartElement); ok && e.Name.Local == "td" {
				cells++
			}
		}
		shown := r.shown()
		if want := len(shown.Lines) * (len(shown.Columns) + oneIf(r.counted())); cells != want {
			t.Errorf("%s: %d cells, want %d", r.Name, cells, want)
		}
	}
}
