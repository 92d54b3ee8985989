package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// judgedCore has a strategy without models whose rows two judges of an auditor judge twice each, with two seeds, beside an arm of random
// rows and cells without an audit. Rules audit cells, too.
func judgedCore() *record.Core {
	core := &record.Core{Manifest: record.Manifest{
		Experiment: "judged", Version: 1, Complete: true, Axes: []string{"dataset", "strategy", "features", "audit", "seed"},
		Scores: []record.ScoreInfo{
			{Metric: "kept", Name: "kept_share", Better: plugins.Neutral},
			{Metric: "kept", Name: "delivered", Better: plugins.Neutral, Count: true},
			{Metric: "kl", Name: "mean", Better: plugins.Lower},
		},
		Data: []record.DataInfo{{Name: "icu", Plugin: "table", Governance: plugins.Open}},
		LLMs: []record.ModelInfo{{Name: "sharp"}, {Name: "blunt"}},
	}}
	noted := map[string][]string{}
	for _, audit := range []string{"off", "rules", "judge", "judge.random"} {
		for seed := 1; seed <= 2; seed++ {
			id := fmt.Sprintf("%s-%d", audit, seed)
			core.Cells = append(core.Cells, record.Cell{ID: id, Status: record.CellOK, Axes: map[string]string{
				"dataset": "icu", "strategy": "copula", "features": "all", "audit": audit, "seed": fmt.Sprint(seed),
			}})
			score := func(metric, name string, value float64, dims map[string]string) {
				core.Scores = append(core.Scores, record.Score{Cell: id, Metric: metric, Score: plugins.Score{Name: name, Dims: dims, Value: value, N: 100, Status: plugins.OK}})
			}
			score("kl", "mean", float64(seed), nil)
			noted[audit] = append(noted[audit], id)
			if audit == "off" || spec.IsArm(audit) {
				continue
			}
			score("kept", "kept_share", 0.5, nil)
			score("kept", "delivered", float64(50+seed), nil)
			if audit == "judge" {
				judgesOf(core, id, score)
			}
		}
	}
	core.Manifest.CellNotes = []record.CellNote{
		{Text: "icu: audit judge: simulated judges", Cells: noted["judge"]}, {Text: "icu: audit rules: 3 rules are not asked", Cells: noted["rules"]},
	}
	return core
}

// judgesOf adds what the judges of a cell were asked: 10 records, twice.
func judgesOf(core *record.Core, id string, score func(metric, name string, value float64, dims map[string]string)) {
	count := func(name string, value int, dims map[string]string) {
		dims[plugins.AuditDim] = "panel"
		core.Counts = append(core.Counts, record.Count{Dataset: "icu", Cell: id, Stage: "judge", Count: plugins.Count{Name: name, Dims: dims, Value: value}})
	}
	for j, judge := range []string{"sharp", "blunt"} {
		for _, repeat := range []string{"1", "2"} {
			dims := func() map[string]string { return map[string]string{plugins.JudgeDim: judge, "repeat": repeat} }
			count(record.CountJudgements, 10, dims())
			count(record.CountScored, 10-3*j, dims())
			count(record.CountUnparsable, 2*j, dims())
			count(record.CountDeclined, j, dims())
		}
		model := func() map[string]string { return map[string]string{record.ModelDim: judge} }
		count(record.CountAnswers, 20+j, model())
		count(record.CountAnswersRefused, 2*j, model())
		count(record.CountAnswersCut, 0, model())
		count(record.CountTokensIn, 9_000_000, model())
		count(record.CountTokensOut, 500, model())
		score(plugins.JudgingMetric, plugins.ScoreCostOfJudge, 0.25+float64(j), map[string]string{plugins.AuditDim: "panel", plugins.JudgeDim: judge})
	}
}

// Judges have a table of their own, in which no number is lacking, and the table of rows has none of them.
func TestJudging(t *testing.T) {
	tables, err := Tables(judgedCore(), record.Views{})
	if err != nil || len(tables) != 1 || tables[0].Name != "judging" {
		t.Fatal(err, len(tables))
	}
	golden(t, "judging.md", tables[0].Markdown)
	golden(t, "judging.csv", tables[0].CSV)
	own := record.Views{Tables: []spec.Table{{Name: "panel", Kind: spec.JudgementsTable, Title: "Panel", Where: map[string][]spec.Value{"seed": texts("1")}}}}
	tables, err = Tables(judgedCore(), own)
	if err != nil || len(tables) != 1 || tables[0].Title != "Panel" {
		t.Fatal(err, len(tables))
	}
	l := &tables[0].Lines[1]
	var shown []string
	for c := range l.Values {
		shown = append(shown, tables[0].text(l, c))
	}
	want := []string{"1", "20", "14", "6", "4", "2", "21", "2", "0", "9,000,000", "500", "1.25"}
	if diff := cmp.Diff(want, shown); diff != "" || l.Labels[0] != "blunt" {
		t.Error(l.Labels, diff)
	}
	none := spec.Table{Name: "none", Kind: spec.JudgementsTable, Where: map[string][]spec.Value{"audit": texts("rules")}}
	if tables, _ = Tables(judgedCore(), record.Views{Tables: []spec.Table{none}}); tables[0].Problem == "" {
		t.Error("a table of judges of cells without any has no problem")
	}
	o, err := Trace(judgedCore(), record.Views{}, "judging", "sharp,panel,copula,all", "USD")
	if err != nil || len(o.Cells()) != 2 || !slices.Contains(o.How, "the sum of 2 scores") {
		t.Error(err, o)
	}
}

// Of restricted data, the parts of judgements that are withheld leave no sum that would pass for that of all.
func TestJudgementsThatAreWithheld(t *testing.T) {
	core := judgedCore()
	core.Manifest.Data[0].Governance = plugins.Restricted
	core.Counts = slices.DeleteFunc(core.Counts, func(c record.Count) bool {
		if c.Name == record.CountAnswersRefused && c.Dims[record.ModelDim] == "blunt" {
			return true
		}
		return c.Cell == "judge-2" && c.Dims[plugins.JudgeDim] == "blunt" && c.Dims["repeat"] == "2" && strings.HasPrefix(c.Name, "judgements ")
	})
	tables, err := Tables(core, record.Views{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range tables[0].Lines[1].Values {
		got = append(got, string(v.Status))
	}
	want := slices.Repeat([]string{"ok"}, len(got))
	for _, c := range []int{2, 3, 4, 5, 7} {
		want[c] = string(Withheld)
	}
	if diff := cmp.Diff(want, got); diff != "" || tables[0].Lines[0].Values[2].Status != OK {
		t.Error(diff)
	}
}

// A price that is not known leaves no sum of the others.
func TestPriceThatIsNotKnown(t *testing.T) {
	core := judgedCore()
	for i := range core.Scores {
		if s := &core.Scores[i]; s.Cell == "judge-2" && s.Dims[plugins.JudgeDim] == "sharp" {
			s.Status, s.Reason, s.Value = plugins.Undefined, "no price known for sharp-1", 0
		}
	}
	tables, err := Tables(core, record.Views{})
	if err != nil {
		t.Fatal(err)
	}
	if v := tables[0].Lines[0].Values[11]; v.Status != Undefined || !strings.Contains(v.notes[0].String(), "no price known") {
		t.Error(v.Status, v.notes)
	}
}

// Notes of steps stand under tables that show cells of them, with the number of these, and the page has all.
func TestNotesOfCells(t *testing.T) {
	column := []spec.TableColumn{{Score: "kl.mean"}}
	for _, c := range []struct {
		name string
		spec.Table
		want string
	}{
		{"all", spec.Table{Rows: []string{"audit"}, Columns: column}, "Data: icu (table, open). Audit judge: simulated judges (cells: 2). Audit rules: 3 rules are not asked (cells: 2)."},
		{"of one audit", spec.Table{Rows: []string{"audit"}, Columns: column, Where: map[string][]spec.Value{"audit": texts("off", "rules")}}, "Data: icu (table, open). Audit rules: 3 rules are not asked (cells: 2)."},
		{"of one seed", spec.Table{Rows: []string{"audit"}, Columns: column, Where: map[string][]spec.Value{"seed": texts("1")}}, "Data: icu (table, open). Audit judge: simulated judges (cells: 1). Audit rules: 3 rules are not asked (cells: 1)."},
		{"without an audit", spec.Table{Rows: []string{"strategy"}, Columns: column, Where: map[string][]spec.Value{"audit": texts("off", "judge.random")}}, "Data: icu (table, open)."},
		{"by columns", spec.Table{Rows: []string{"strategy"}, Columns: []spec.TableColumn{{Score: "kl.mean", Where: map[string][]spec.Value{"audit": texts("off")}}}}, "Data: icu (table, open)."},
		{"of the data", spec.Table{Kind: spec.AttritionTable}, "Data: icu (table, open)."},
	} {
		t.Run(c.name, func(t *testing.T) {
			core := judgedCore()
			core.Counts = append(core.Counts, record.Count{Dataset: "icu", Stage: "split", Count: plugins.Count{Name: "rows", Dims: map[string]string{"part": "train"}, Value: 90}})
			c.Name, c.Over = "t", []string{"seed", "audit"}
			if slices.Contains(c.Rows, "audit") {
				c.Over = []string{"seed"}
			}
			tables, err := Tables(core, record.Views{Tables: []spec.Table{c.Table}})
			if err != nil || tables[0].Problem != "" {
				t.Fatal(err, tables[0].Problem)
			}
			if diff := cmp.Diff([]string{c.want}, tables[0].Data); diff != "" {
				t.Error(diff)
			}
		})
	}
	if data := newSource(judgedCore(), nil).pageData(); !slices.ContainsFunc(data[0].Notes, func(n string) bool { return strings.Contains(n, "simulated judges (cells: 2)") }) {
		t.Errorf("the page lacks a note: %q", data[0].Notes)
	}
}
