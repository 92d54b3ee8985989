package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"

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
	million := Column{count: true}
	if got := million.number(15_628_880); got != "15628880" {
		t.Errorf("a great count is %s", got)
	}
}
