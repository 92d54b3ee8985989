package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// people is a study whose cells describe real and synthetic patients. One cell of the copula failed.
func people() *record.Core {
	core := &record.Core{Manifest: record.Manifest{
		Experiment: "people", Version: 1, Axes: []string{"dataset", "strategy", "seed"},
		AxisValues: map[string][]string{"strategy": {"floor", "copula"}},
		Resolved:   []byte(`{"metrics": [{"name": "who", "use": "characteristics"}]}`),
		Data:       []record.DataInfo{{Name: "icu", Plugin: "table", Columns: []record.ColumnInfo{{Name: "age", Unit: "years"}}}},
	}}
	for _, strategy := range []string{"copula", "floor"} {
		for seed := 1; seed <= 2; seed++ {
			id := fmt.Sprint(strategy, seed)
			cell := record.Cell{ID: id, Status: record.CellOK, Axes: map[string]string{"dataset": "icu", "strategy": strategy, "seed": strconv.Itoa(seed)}}
			if strategy == "copula" && seed == 2 {
				cell.Status, cell.Stage, cell.Reason = record.CellFailed, "generate", "no memory"
				core.Cells = append(core.Cells, cell)
				continue
			}
			core.Cells = append(core.Cells, cell)
			for _, side := range []string{plugins.RealSide, plugins.SynthSide} {
				add := func(name string, value float64, dims ...string) *plugins.Score {
					s := record.Score{Cell: id, Metric: "who", Score: plugins.Score{Name: name, Status: plugins.OK, Value: value, N: 9, Dims: map[string]string{"side": side}}}
					for i := 0; i < len(dims); i += 2 {
						s.Dims[dims[i]] = dims[i+1]
					}
					core.Scores = append(core.Scores, s)
					return &core.Scores[len(core.Scores)-1].Score
				}
				more := 0.
				if side == plugins.SynthSide {
					more = float64(seed)
				}
				add("rows", 200)
				add("missing", 20+more, "column", "age")
				add("median", 60+more, "column", "age")
				add("lower_quartile", 50+more, "column", "age")
				add("upper_quartile", 70+more, "column", "age")
				add("missing", 0, "column", "female")
				for level, n := range []float64{120 - more, 80 + more} {
					add("count", n, "column", "female", "level", strconv.Itoa(level))
					add("share", n/200, "column", "female", "level", strconv.Itoa(level))
				}
				if s := add("count", 5, "column", "ward", "level", "other levels"); side == plugins.RealSide {
					s.Status, s.Value, s.Reason = plugins.Undefined, 0, "withheld: few"
				}
				add("share", 0.025, "column", "ward", "level", "other levels")
			}
		}
	}
	return core
}

func TestCohort(t *testing.T) {
	r := made(t, people(), spec.Table{Name: "who", Kind: spec.CohortTable, Over: []string{"seed"}})
	var got []string
	for i := range r.Lines {
		l := &r.Lines[i]
		cells := append([]string{}, l.Labels...)
		for c := range l.Values {
			cells = append(cells, r.text(l, c))
		}
		got = append(got, strings.Join(cells, " | "))
	}
	want := []string{
		"rows | n | 200 | 200 | 200",
		"age (years) | median [quartiles] | 60.0 [50.0, 70.0] | 61.5 [51.5, 71.5] | 61.0 [51.0, 71.0]",
		"age (years) | no value, n (%) | 20 (10.0) | 22 (10.8) | 21 (10.5)",
		"female | 1, n (%) | 80 (40.0) | 82 (40.8) | 81 (40.5)",
		"ward | other levels, n (%) | – | 5 (2.5) | 5 (2.5)",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if last := r.Lines[len(r.Lines)-1].Values; last[0].Status != Withheld || !strings.Contains(printed(last[0].notes)[0], "withheld") {
		t.Errorf("%+v", last[0])
	}
	if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, "1 of 2 cells failed: no memory") {
		t.Errorf("notes %q", r.Notes)
	}
	for _, row := range csvRows(t, r.CSV) {
		if row["characteristic"] == "female" && row["column"] == "floor" && (row["value"] != "81.5" || row["text"] != "82 (40.8)") {
			t.Errorf("%v", row)
		}
	}
}

// A count that some cells do not tell has no mean over the others, which would be one of the greater counts; a cell that knows nothing
// of a level has no row of it.
// Where preparation fills in missing values, real patients have those, too, and the table says so.
func TestCohortOfFilledInValues(t *testing.T) {
	for missing, told := range map[string]bool{"keep": false, "median": true, "model": true, "drop": false} {
		core := people()
		var resolved map[string]any
		if err := json.Unmarshal(core.Manifest.Resolved, &resolved); err != nil {
			t.Fatal(err)
		}
		resolved["datasets"] = []any{map[string]any{"name": "icu", "prepare": map[string]any{"missing": missing}}}
		core.Manifest.Resolved, _ = json.Marshal(resolved)
		r := made(t, core, spec.Table{Name: "who", Kind: spec.CohortTable, Over: []string{"seed"}})
		if got := strings.Contains(strings.Join(r.Remarks, "\n"), "icu: missing values were filled in by"); got != told {
			t.Errorf("%s: %q", missing, r.Remarks)
		}
	}
}

func TestCohortMeansAreOfAllCells(t *testing.T) {
	for _, c := range []struct {
		name string
		of   func(s *record.Score) bool // changed
		want func(v Value) bool
	}{
		{"withheld", func(s *record.Score) bool {
			s.Status, s.Value, s.Reason = plugins.Undefined, 0, "withheld: few"
			return true
		}, func(v Value) bool {
			return v.Status == Withheld && strings.Contains(strings.Join(printed(v.notes), ""), "not told in 1 of 2 cells: withheld: few")
		}},
		{"no such level", func(*record.Score) bool { return false }, func(v Value) bool { return v.Status == OK && v.Value > 0 }},
	} {
		core := people()
		whole := made(t, core, spec.Table{Name: "who", Kind: spec.CohortTable, Over: []string{"seed"}})
		var other, scores []record.Score
		for _, s := range core.Scores {
			switch is := s.Dims["side"] == plugins.SynthSide && s.Dims["level"] == "1"; {
			case is && s.Cell == "floor2" && !c.of(&s):
				continue
			case is && s.Cell == "floor1" && s.Name == "count":
				other = append(other, s)
			}
			scores = append(scores, s)
		}
		core.Scores = scores
		if len(other) != 1 {
			t.Fatalf("%d counts of the other cell", len(other))
		}
		table := made(t, core, spec.Table{Name: "who", Kind: spec.CohortTable, Over: []string{"seed"}})
		for i, line := range table.Lines {
			if v := line.Values[1]; line.Labels[0] == "female" && (!c.want(v) || v.Status == OK && v.Value != other[0].Value/2) {
				t.Errorf("%s: %+v, before %+v", c.name, v, whole.Lines[i].Values[1])
			}
		}
	}
}

// How many rows have no value is "< 11" where it is withheld as they are few, and of all cells of an arm; what is said of a count that
// rests on it stands with it.
func TestFewAreTold(t *testing.T) {
	core := people()
	for i := range core.Scores {
		s := &core.Scores[i]
		switch {
		case s.Name == "missing" && s.Dims["column"] == "age" && (s.Dims["side"] == plugins.RealSide || s.Cell == "floor1"):
			s.Status, s.Value, s.Reason = plugins.Undefined, 0, plugins.WithheldFew
		case s.Dims["level"] == "1" && s.Dims["side"] == plugins.RealSide:
			s.Warnings = []string{"approximate: 5"}
		}
	}
	r := made(t, core, spec.Table{Name: "who", Kind: spec.CohortTable, Over: []string{"seed"}})
	for i := range r.Lines {
		l := &r.Lines[i]
		switch l.Labels[1] {
		case "no value, n (%)":
			if r.text(l, 0) != "< 11" || r.text(l, 1) != dash || l.Values[0].Status != Withheld || l.Values[1].Status != Withheld {
				t.Errorf("%q, %q", r.text(l, 0), r.text(l, 1))
			}
		case "1, n (%)":
			if got := printed(l.Values[0].notes); !slices.Equal(got, []string{"approximate: 5"}) || printed(l.Values[1].notes) != nil {
				t.Errorf("%q", got)
			}
		}
	}
	if !strings.Contains(strings.Join(r.Remarks, ""), "percentage of the rows with a value, which is approximate where it is withheld how many have none.") {
		t.Errorf("%q", r.Remarks)
	}
	if tex := string(r.LaTeX); !strings.Contains(tex, `{\textless{} 11`) || !strings.Contains(tex, "S[table-format=") {
		t.Error(tex)
	}
	o, err := Trace(core, record.Views{Tables: []spec.Table{{Name: "who", Kind: spec.CohortTable, Over: []string{"seed"}}}}, "who", "characteristic=age (years),statistic=no value, n (%)", "real")
	if err != nil || o.Shown != "< 11" || o.Value.Value != nil || len(o.Scores) == 0 {
		t.Errorf("%v %+v", err, o)
	}
}

func TestCohortProblems(t *testing.T) {
	without := people()
	without.Manifest.Resolved = nil
	differ := people()
	for i := range differ.Scores {
		if s := &differ.Scores[i]; s.Cell == "floor2" && s.Name == "median" && s.Dims["side"] == plugins.RealSide {
			s.Value = 61
		}
	}
	for _, c := range []struct {
		core  *record.Core
		table spec.Table
		want  string
	}{
		{without, spec.Table{Over: []string{"seed"}}, `no metric is "characteristics"`},
		{differ, spec.Table{Over: []string{"seed"}}, "the real rows differ between cells"},
		{people(), spec.Table{}, `cells with seed "1" and "2" meet; add "seed" to over or where`},
		{people(), spec.Table{Where: map[string][]spec.Value{"strategy": texts("none")}}, "no cell of this table has characteristics"},
	} {
		c.table.Name, c.table.Kind = "who", spec.CohortTable
		tables, err := Tables(c.core, record.Views{Tables: []spec.Table{c.table}})
		if err != nil || !strings.Contains(tables[0].Problem, c.want) {
			t.Errorf("got %v, %q; want %q", err, tables[0].Problem, c.want)
		}
	}
}
