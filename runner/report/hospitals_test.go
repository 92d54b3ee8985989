package report

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// hospitalCore has three hospitals, each tested within and left out, with two seeds; a fourth is not estimable.
func hospitalCore() *record.Core {
	core := &record.Core{Manifest: record.Manifest{
		Experiment: "h", Version: 1, Complete: true, Axes: []string{"dataset", "site", "train_site", "test_site", "n", "seed"},
		Scores: []record.ScoreInfo{{Metric: "u", Name: "auroc", Better: plugins.Higher, Min: ptr(0), Max: ptr(1)}},
		Data:   []record.DataInfo{{Name: "icu", Plugin: "table", Governance: plugins.Open}},
	}}
	values := map[string]map[string][2]float64{
		"each":          {"A": {.80, .82}, "B": {.70, .72}, "C": {.90, .88}},
		"leave-one-out": {"A": {.76, .78}, "B": {.70, .68}, "C": {.80, .82}},
	}
	sizes := map[string]string{"each": "100", "leave-one-out": "300"} // n follows the train part
	for _, site := range []string{"each", "leave-one-out"} {
		for _, test := range []string{"A", "B", "C", "D"} {
			for seed := range 2 {
				train := test
				if site == "leave-one-out" {
					train = "others"
				}
				id := fmt.Sprintf("%s-%s-%d", site, test, seed+1)
				cell := record.Cell{ID: id, Status: record.CellOK, Axes: map[string]string{
					"dataset": "icu", "site": site, "train_site": train, "test_site": test, "n": sizes[site], "seed": fmt.Sprint(seed + 1),
				}}
				score := record.Score{Cell: id, Metric: "u", Score: plugins.Score{Name: "auroc", Status: plugins.OK, N: 60}}
				if v, ok := values[site][test]; ok {
					score.Value = v[seed]
					// a standard error of 0.02
					score.Interval = &plugins.Interval{Low: v[seed] - 1.959963984540054*0.02, High: v[seed] + 1.959963984540054*0.02, Level: 0.95, Unit: "test rows"}
				} else {
					cell.Status, cell.Reason, cell.Axes["n"] = record.CellNotEstimable, "not estimable: 12 test rows", "-"
					score.Status, score.Reason = plugins.Undefined, cell.Reason
				}
				core.Cells = append(core.Cells, cell)
				core.Scores = append(core.Scores, score)
			}
		}
	}
	return core
}

func ptr(v float64) *float64 { return &v }

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-6 {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func hospitalTable(t *testing.T, rows, over []string) Rendered {
	t.Helper()
	tables, err := Tables(hospitalCore(), record.Views{Tables: []spec.Table{{
		Name: "gap", Rows: rows, Over: over,
		Columns: []spec.TableColumn{
			{Score: "u.auroc", Title: "AUROC"},
			{Score: "u.auroc", Title: "gap", Minus: map[string]spec.Value{"site": {Text: "each"}}},
		},
	}}})
	if err != nil || tables[0].Problem != "" {
		t.Fatalf("%v, %s", err, tables[0].Problem)
	}
	return tables[0]
}

// The hospital is the unit: cells of one hospital are averaged first, and it counts once.
func TestValuesOverHospitals(t *testing.T) {
	r := hospitalTable(t, []string{"site"}, []string{"train_site", "test_site", "n", "seed"})
	var titles []string
	for _, c := range r.Columns {
		titles = append(titles, c.Title)
	}
	if got := strings.Join(titles, "|"); got != "AUROC|SD between sites|at a new site|gap|SD between sites|at a new site" {
		t.Fatalf("columns %s", got)
	}
	within := r.Lines[0].Values[0]
	// hospitals .81, .71, .89: mean .80333, SD .090185; t(2) = 4.302653
	near(t, "mean", within.Value, 2.41/3)
	near(t, "half", within.Interval.High, math.Min(1, 2.41/3+4.302653*0.0901850/math.Sqrt(3)))
	near(t, "low", within.Interval.Low, 2.41/3-4.302653*0.0901850/math.Sqrt(3))
	if within.Interval.Unit != "test sites" || within.N != 6 || within.Of != 8 {
		t.Errorf("unit %q, n/N %d/%d; want test sites, 6/8", within.Interval.Unit, within.N, within.Of)
	}
	// with equal variances within, the variance between is what they leave: 0.02² is the sampling of test rows, and
	// 0.0141421²/2 that of two seeds
	near(t, "net SD", within.Spread.SD, math.Sqrt(0.0901850*0.0901850-0.0004-0.0001))
	if !within.Spread.Net || within.Spread.Next == nil || within.Spread.Next.Low > within.Interval.Low {
		t.Errorf("spread %+v; a new hospital is less certain than the mean", within.Spread)
	}
	gap := r.Lines[1].Values[3]
	near(t, "gap", gap.Value, -0.14/3)
	near(t, "gap low", gap.Interval.Low, -0.14/3-4.302653*0.0305505/math.Sqrt(3))
	if gap.Spread.Net {
		t.Error("differences have no sampling variance to take out")
	}
	if v := r.Lines[0].Values[3]; v.Status != Absent {
		t.Errorf("each minus each is %+v", v)
	}
	page := string(r.Markdown)
	for _, want := range []string{"not estimable: 12 test rows", "6/8", "each test site counting once", "over test sites"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	if strings.Contains(page, "undefined: not estimable") {
		t.Error("not estimable is no undefined formula")
	}
}

// A hospital by itself: the difference is over seeds, and one that is not estimable has a dash with its reason.
func TestOneHospitalInARow(t *testing.T) {
	r := hospitalTable(t, []string{"site", "test_site"}, []string{"train_site", "n", "seed"})
	if len(r.Lines) != 8 || len(r.Columns) != 2 {
		t.Fatalf("%d lines, %d columns", len(r.Lines), len(r.Columns))
	}
	near(t, "gap of A", r.Lines[4].Values[1].Value, -0.04)
	near(t, "gap of C", r.Lines[6].Values[1].Value, -0.08)
	if v := r.Lines[7].Values[0]; v.Status != Undefined || v.N != 0 || v.Of != 2 {
		t.Errorf("the hospital without enough rows is %+v", v)
	}
	found := false
	for _, row := range csvRows(t, r.CSV) {
		found = found || row["site"] == "leave-one-out" && row["test_site"] == "C" && row["score"] == "u.auroc" && row["minus"] == "site each" &&
			strings.HasPrefix(row["value"], "-0.08")
	}
	if !found {
		t.Errorf("csv:\n%s", r.CSV)
	}
}

func TestManyValuesAreNotAllNamed(t *testing.T) {
	var values []string
	for i := range 20 {
		values = append(values, fmt.Sprint(i+1))
	}
	if got, want := lacking("site", values), "no value for site = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20"; got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if got, want := lacking("site", append(values, "21")), "no value for site = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 9 more"; got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}
