package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// Counts have no decimals where all numbers of their column are whole, and one where a mean or an interval is not; what the column
// says of itself counts more.
func TestCountsAreWholeNumbers(t *testing.T) {
	two, one := 2, map[string][]spec.Value{"seed": texts("1")}
	for name, c := range map[string]struct {
		spec.Table
		want []string
	}{
		"one seed":   {spec.Table{Rows: []string{"audit"}, Where: one, Columns: []spec.TableColumn{{Score: "kept.delivered"}, {Score: "kept.kept_share"}}}, []string{"51", "0.500", "51", "0.500"}},
		"bare name":  {spec.Table{Rows: []string{"audit"}, Where: one, Columns: []spec.TableColumn{{Score: "delivered"}}}, []string{"51", "51"}},
		"means":      {spec.Table{Rows: []string{"audit"}, Over: []string{"seed"}, Columns: []spec.TableColumn{{Score: "kept.delivered"}}}, []string{"51.5 [45.1, 57.9]", "51.5 [45.1, 57.9]"}},
		"digits":     {spec.Table{Rows: []string{"audit"}, Where: one, Columns: []spec.TableColumn{{Score: "kept.delivered", Digits: &two}}}, []string{"51.00", "51.00"}},
		"format":     {spec.Table{Rows: []string{"audit"}, Where: one, Columns: []spec.TableColumn{{Score: "kept.delivered", Format: "scientific"}}}, []string{"5.100e+01", "5.100e+01"}},
		"statistics": {spec.Table{Rows: []string{"audit"}, Over: []string{"seed"}, Columns: []spec.TableColumn{{Score: "kept.delivered", Statistics: []string{"sd", "range"}}}}, []string{"51.5 [45.1, 57.9]", "0.7", "51 to 52", "51.5 [45.1, 57.9]", "0.7", "51 to 52"}},
		"across":     {spec.Table{Rows: []string{"strategy"}, Across: "audit", Where: one, Columns: []spec.TableColumn{{Score: "kept.delivered"}}}, []string{"51", "51"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.Name = "t"
			tables, err := Tables(judgedCore(), record.Views{Tables: []spec.Table{c.Table}})
			if err != nil || tables[0].Problem != "" {
				t.Fatal(err, tables[0].Problem)
			}
			var got []string
			for i := range tables[0].Lines {
				for k := range tables[0].Columns {
					got = append(got, tables[0].text(&tables[0].Lines[i], k))
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Counts have commas between their thousands wherever people read them, and nowhere else.
func TestCountsAreGrouped(t *testing.T) {
	whole, tenths := Column{count: true}, Column{count: true, Digits: 1}
	for got, want := range map[string]string{
		whole.number(0): "0", whole.number(999): "999", whole.number(1000): "1,000", whole.number(15_628_880): "15,628,880",
		whole.number(-123): "-123", whole.number(-1234): "-1,234", tenths.number(-123_456.75): "-123,456.8", tenths.number(1234.5): "1,234.5",
		whole.interval(1500, &plugins.Interval{Low: 900, High: 2000}): "[900, 2,000]",
		(&Column{Digits: 1}).number(1234.5):                           "1234.5", // no count
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	core := study()
	for i, left := range []int{1_234_567, 999, 20_000} {
		core.Counts = append(core.Counts, record.Count{Dataset: "icu", Stage: "cohort", Count: plugins.Count{Name: "left", Value: left, Dims: map[string]string{"step": fmt.Sprint(i), "filter": fmt.Sprint("step ", i)}}})
	}
	r := made(t, core, spec.Table{Name: "t", Kind: spec.AttritionTable})
	for format, c := range map[string]struct {
		text string
		want []string
	}{
		"Markdown": {string(r.Markdown), []string{"| 1,234,567 |", "| 999 |", "| 20,000 |"}},
		"HTML":     {string(r.HTML), []string{`<td data-value="1.234567e+06">1,234,567</td>`, `<td data-value="999">999</td>`, `<td data-value="20000">20,000</td>`}},
		"text":     {Text(r.Table, 80, false), []string{" 1,234,567", " 999", " 20,000"}},
		"LaTeX":    {string(r.LaTeX), []string{"S[table-format=7.0,group-digits=integer,group-minimum-digits=4,group-separator={,}]", " & 1234567 ", " & 999 ", " & 20000 "}},
		"CSV":      {string(r.CSV), []string{",1.234567e+06,", ",999,", ",20000,"}},
	} {
		for _, want := range c.want {
			if !strings.Contains(c.text, want) {
				t.Errorf("%s: no %q in\n%s", format, want, c.text)
			}
		}
	}
}

// A count of patients that stands beside its percentage is grouped, too; what programs read is not.
func TestCountsWithPercentagesAreGrouped(t *testing.T) {
	table := &Table{Rows: []string{"a"}, Columns: []Column{{Title: "x"}}, Lines: []Line{{
		Labels: []string{"b"}, Values: []Value{{Status: OK, Value: 41_234, Text: "41234 (51.5)", numbered: true}},
	}}}
	if got := table.text(&table.Lines[0], 0); got != "41,234 (51.5)" {
		t.Error(got)
	}
	csv, err := table.csv()
	if err != nil || !strings.Contains(string(csv), "41234 (51.5)") {
		t.Errorf("%v %s", err, csv)
	}
}
