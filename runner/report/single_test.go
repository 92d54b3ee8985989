package report

import (
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// A table says which values of one cell have no interval, and what to do; not of values that have one, of means over replicates, of values
// whose notes say why, and of scores that can have none.
func TestValuesOfOneCellSayWhatTheyLack(t *testing.T) {
	core := &record.Core{Manifest: record.Manifest{
		Experiment: "study", Version: 1, Complete: true, Axes: []string{"strategy", "seed"},
		AxisValues: map[string][]string{"strategy": {"a", "b"}, "seed": {"1", "2"}},
		Scores: []record.ScoreInfo{
			{Metric: "m", Name: "distance"},
			{Metric: "m", Name: "share"},
			{Metric: "m", Name: "flat"},
			{Metric: "m", Name: "classes", NoInterval: plugins.OfTheirN},
		},
	}}
	for _, strategy := range []string{"a", "b"} {
		for i, seed := range []string{"1", "2"} {
			id := strategy + seed
			core.Cells = append(core.Cells, record.Cell{ID: id, Status: record.CellOK, Axes: map[string]string{"strategy": strategy, "seed": seed}})
			for _, name := range []string{"distance", "share", "flat", "classes"} {
				s := plugins.Score{Name: name, Value: 0.5 + float64(i)/10, N: 10, Status: plugins.OK}
				switch name {
				case "share":
					s.Interval = &plugins.Interval{Low: 0, High: 1, Level: 0.95, Unit: "rows", Method: "Wilson"}
				case "flat":
					s.Warnings = []string{plugins.WithoutInterval + "it is the same on all subsamples"}
				}
				core.Scores = append(core.Scores, record.Score{Cell: id, Metric: "m", Score: s})
			}
		}
	}
	columns := []spec.TableColumn{{Score: "m.distance", Title: "Distance"}, {Score: "m.share"}, {Score: "m.flat"}, {Score: "m.classes"}}
	lacks := "Distance: values of one cell have no interval; what another generation, or other patients, would give is unknown. Add seeds, or set subsamples of the metric (subsamples: 20)."
	hangs := "m.classes: no interval: " + plugins.OfTheirN + "."
	differ := "m.distance − strategy b: differences of two cells without joint draws of test rows have no interval. Add seeds."
	first := map[string][]spec.Value{"seed": texts("1")}
	for name, c := range map[string]struct {
		table spec.Table
		want  []string
	}{
		"one seed":   {spec.Table{Rows: []string{"strategy"}, Columns: columns, Where: first}, []string{lacks, hangs}},
		"each seed":  {spec.Table{Rows: []string{"strategy", "seed"}, Columns: columns}, []string{lacks, hangs}},
		"replicates": {spec.Table{Rows: []string{"strategy"}, Columns: columns, Over: []string{"seed"}}, nil},
		"statistics": {spec.Table{
			Rows: []string{"strategy"}, Columns: []spec.TableColumn{{Score: "m.distance", Title: "Distance", Statistics: []string{"range"}}}, Over: []string{"seed"}, Where: first,
		}, []string{lacks}},
		"differences": {spec.Table{
			Rows: []string{"strategy"}, Columns: []spec.TableColumn{{Score: "m.distance", Minus: map[string]spec.Value{"strategy": texts("b")[0]}}}, Where: first,
		}, []string{differ}},
	} {
		made, err := Tables(core, record.Views{Tables: []spec.Table{c.table}})
		if err != nil || made[0].Problem != "" {
			t.Fatalf("%s: %v %s", name, err, made[0].Problem)
		}
		var got []string
		for _, r := range made[0].Remarks {
			if strings.Contains(r, "no interval") {
				got = append(got, r)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q, of %q", name, got, c.want, made[0].Remarks)
		}
	}
}

// A score that its metric can give and that no cell has, as a setting is off, is told apart from one that a row lacks.
func TestAScoreThatNoCellHas(t *testing.T) {
	table := newSource(study(), nil).table(&spec.Table{
		Name: "t", Rows: []string{"strategy"}, Over: []string{"features", "seed"}, Columns: []spec.TableColumn{{Score: "kl.pairs"}},
	})
	if len(table.Lines) == 0 || len(table.Notes) == 0 || table.Notes[0] != "no cell has this score; its metric may need a setting for it" {
		t.Errorf("%+v, notes %q", table.Lines, table.Notes)
	}
}
