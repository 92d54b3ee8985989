package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	cohorts "github.com/ehrlab/ehrlab/plugins/cohort"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// stays is a study of two data sets: icu has 200 rows, of which each of age and weight lacks few values; of other nothing was counted.
func stays() *record.Core {
	core := study()
	m := &core.Manifest
	column := func(name string, role plugins.Role) record.ColumnInfo {
		return record.ColumnInfo{Name: name, Kind: "number", Role: string(role)}
	}
	m.Data[0].Columns = []record.ColumnInfo{
		column("stay", plugins.RoleRow), column("hospital", plugins.RoleSite), column("death", plugins.RoleTarget), column("female", plugins.RoleGroup),
		column("race", plugins.RoleGroup), column("age", ""), column("weight", ""), column("lactate", ""), column("los", plugins.RoleOutcome),
	}
	add := func(stage, name string, value int, dims ...string) {
		c := record.Count{Dataset: "icu", Stage: stage, Count: plugins.Count{Name: name, Value: value, Dims: map[string]string{}}}
		for i := 0; i < len(dims); i += 2 {
			c.Dims[dims[i]] = dims[i+1]
		}
		core.Counts = append(core.Counts, c)
	}
	add("cohort", "left", 260, "step", "0")
	add("cohort", "left", 200, "step", "1")
	add("cohort", "subjects left", 150, "step", "1")
	for _, c := range m.Data[0].Columns {
		if c.Name != "age" && c.Name != "weight" {
			add("cohort", cohorts.CountMissing, map[string]int{"lactate": 100, "los": 40}[c.Name], "column", c.Name)
		}
	}
	add("cohort", cohorts.CountMissingTogether, 12)
	add("cohort", cohorts.CountDistinct, 7, "column", "hospital")
	for level, n := range []int{180, 20} {
		add("cohort", cohorts.CountLevel, n, "column", "death", "level", fmt.Sprint(level))
		add("cohort", cohorts.CountLevel, 100+20*level, "column", "female", "level", fmt.Sprint(level))
	}
	for i, name := range []string{"los", "lactate"} {
		add("features", placeOfFeature, i+1, "features", "top2", "column", name)
	}
	return core
}

func shownCells(r Rendered) []string {
	var out []string
	for i := range r.Lines {
		l := &r.Lines[i]
		line := strings.Join(l.Labels, ", ")
		for c := range l.Values {
			line += " | " + r.text(l, c)
		}
		out = append(out, line)
	}
	return out
}

func TestDatasetTable(t *testing.T) {
	r := made(t, stays(), spec.Table{Name: "d", Kind: spec.DatasetTable, Labels: map[string]map[string]string{"female": {"1": "women"}}})
	want := []string{
		"rows | 200 | –", "columns | 6 | 0", "subjects | 150 | –", "hospitals | 7 | –", "label | 10.00 | –",
		"female 1 | 120 | –", "female 0 | 100 | –", "race levels | – | –", "missing | 112 | –", "missing_share | 9.33 | –",
	}
	if d := cmp.Diff(want, shownCells(r)); d != "" {
		t.Error(d)
	}
	for _, text := range []string{"| women | 120 |", "| female 0 | 100 |", "| missing cells, % | 9.33 |", "| patients | 150 |"} {
		if !strings.Contains(string(r.Markdown), text) {
			t.Errorf("no %q in\n%s", text, r.Markdown)
		}
	}
	if v := r.Lines[7].Values[0]; v.Status != Withheld || len(v.Marks) == 0 {
		t.Errorf("%+v", v)
	}
	for _, row := range csvRows(t, r.CSV) {
		if row["fact"] == "missing_share" && row["column"] == "icu" && row["value"] != "0.09333333333333334" {
			t.Errorf("%v", row)
		}
	}
	if none := r.Lines[2].Values[1]; none.Status != Absent || !strings.Contains(string(r.Markdown), "no column has the role subject") {
		t.Errorf("patients where no column says whose rows are: %+v", none)
	}
	// A feature subset counts its own columns. Of those whose number is not told it has none.
	one := spec.Table{Name: "d", Kind: spec.DatasetTable, Features: "top2", Of: []string{"missing", "columns"}, Where: map[string][]spec.Value{"dataset": texts("icu")}}
	if d := cmp.Diff([]string{"missing | 140", "columns | 3"}, shownCells(made(t, stays(), one))); d != "" {
		t.Error(d)
	}
	// One of two that are told together is not told.
	core := stays()
	for i := range core.Counts {
		if c := &core.Counts[i]; c.Dims["features"] == "top2" && c.Dims["column"] == "los" {
			c.Dims["column"] = "age"
		}
	}
	r = made(t, core, one)
	if r.Lines[0].Values[0].Status != Withheld || r.text(&r.Lines[1], 0) != "3" || !strings.Contains(string(r.Markdown), " 100 to 112: withheld of 1 column, as it stands for") {
		t.Errorf("%q\n%s", shownCells(r), r.Markdown)
	}
	o, err := Trace(core, record.Views{Tables: []spec.Table{{Name: "d", Kind: spec.DatasetTable}}}, "d", "missing", "icu")
	if err != nil || len(o.Counts) != 5 || !slices.Contains(o.How, factHow["missing"]) {
		t.Errorf("%v %+v", err, o)
	}
}

func TestConfigurationTable(t *testing.T) {
	core := study()
	number := func(v float64) *float64 { return &v }
	core.Manifest.Choices = []record.Choice{
		{
			Search: "strategy", Of: []string{"strategy"}, Score: "across.auroc", Direction: plugins.Higher, Part: plugins.Validation, Where: map[string][]string{"features": {"top5"}},
			Candidates: []record.Candidate{{Values: []string{"naive"}, Mean: number(0.72), N: 3, Low: number(0.6), High: number(0.8), Level: 0.95}, {Values: []string{"copula"}, Mean: number(0.62), N: 3}},
			Best:       0, RunnerUp: 1,
		},
		{Search: "size", Of: []string{"features", "n"}, Score: "kl.mean", Direction: plugins.Lower, Part: plugins.Test, Candidates: []record.Candidate{{Values: []string{"top5", "10000"}, Mean: number(1), N: 1}}, Best: 0, RunnerUp: -1},
		{Search: "open", Of: []string{"strategy"}, Score: "kl.mean", Direction: plugins.Lower, Part: plugins.Validation, Best: -1, RunnerUp: -1, Undecided: "it waits for the strategy."},
	}
	r := made(t, core, spec.Table{Name: "c", Kind: spec.ConfigurationTable})
	want := []string{
		"strategy, strategy, across.auroc ↑, validation rows | naive | 0.720 [0.600, 0.800] | copula | 0.620 | 2",
		"size, features, n, kl.mean ↓, test rows | top5, 10000 | 1.000 | – | – | 1",
		"open, strategy, kl.mean ↓, validation rows | – | – | – | – | 0",
	}
	if d := cmp.Diff(want, shownCells(r)); d != "" {
		t.Error(d)
	}
	notes := strings.Join(r.Notes, "\n")
	for _, text := range []string{"selected on test rows", "not decided: it waits for the strategy", "nothing else competes"} {
		if !strings.Contains(notes, text) {
			t.Errorf("no note %q in\n%s", text, notes)
		}
	}
	digits := 1
	r = made(t, core, spec.Table{Name: "c", Kind: spec.ConfigurationTable, Of: []string{"strategy"}, Digits: &digits})
	if d := cmp.Diff([]string{"strategy, strategy, across.auroc ↑, validation rows | naive | 0.7 [0.6, 0.8] | copula | 0.6 | 2"}, shownCells(r)); d != "" {
		t.Error(d)
	}
	labels := map[string]map[string]string{"axis": {"n": "Sample size", "features": "Number of features"}, "features": {"top5": "5"}}
	compact := spec.Table{Name: "c", Kind: spec.ConfigurationTable, Compact: true, Of: []string{"size", "strategy"}, Labels: labels, Heads: map[string]string{"axis": "Setting"}}
	r = made(t, core, compact)
	if d := cmp.Diff([]string{"features | 5", "n | 10000", "strategy | naive"}, shownCells(r)); d != "" {
		t.Error(d)
	}
	if !strings.Contains(string(r.Markdown), "| Setting | chosen |") || !strings.Contains(string(r.Markdown), "| Sample size | 10000") {
		t.Errorf("%s", r.Markdown)
	}
	o, err := Trace(core, record.Views{Tables: []spec.Table{{Name: "c", Kind: spec.ConfigurationTable}}}, "c", "search=strategy", "value")
	if err != nil || len(o.Scores) != 3 || o.Scores[0].Axes["strategy"] != "naive" || o.Scores[0].Axes["features"] != "top5" {
		t.Errorf("%v %+v", err, o)
	}
	tables, err := Tables(study(), record.Views{Tables: []spec.Table{compact}})
	if err != nil || !strings.Contains(tables[0].Problem, `this version has no search "size"`) {
		t.Errorf("%v %q", err, tables[0].Problem)
	}
}

// What a search chose is told in the words of the table or plot that shows it, whatever the names of its axes.
func TestChoicesAreToldInTheWordsOfTheView(t *testing.T) {
	core := study()
	mean := 0.5
	var cells []string
	for _, c := range core.Cells {
		cells = append(cells, c.ID)
	}
	core.Manifest.Choices = []record.Choice{{
		Search: "s", Of: []string{"strategy", "features"}, Score: "kl.mean", Direction: plugins.Lower, Part: plugins.Test, Cells: cells, Best: 0, RunnerUp: 1,
		Candidates: []record.Candidate{{Values: []string{"naive", "top5"}, Mean: &mean, N: 3}, {Values: []string{"naive", "all"}, Mean: &mean, N: 3}},
	}}
	labels := map[string]map[string]string{"features": {"top5": "5"}}
	want := "best.s is naive, 5, with the lowest mean kl.mean on test rows: 0.500 (3 cells); runner-up naive, all, 0.500 (3 cells). " +
		"The choice of strategy and features was made on the rows that it is rated on: optimistic."
	r := made(t, core, spec.Table{Name: "t", Rows: []string{"strategy", "features"}, Over: []string{"seed"}, Labels: labels, Columns: []spec.TableColumn{{Score: "kl.mean"}}})
	if !slices.Contains(r.Sources, want) {
		t.Errorf("the table says %q", r.Sources)
	}
	fig := newSource(core, nil).plot(&spec.Plot{X: "features", Y: "kl.mean", Series: "strategy", Over: []string{"seed"}, Labels: labels}, plugins.PointForm).figure
	if !slices.Contains(fig.Notes, want) {
		t.Errorf("the plot says %q", fig.Notes)
	}
	if got := core.Manifest.Choices[0].Candidates[0].Values[1]; got != "top5" {
		t.Errorf("the record now says %q", got)
	}
}

// Values of axes that are averaged over, or not marked, are named as the table shows them.
func TestNotesNameValuesAsTheTableShowsThem(t *testing.T) {
	labels := map[string]map[string]string{"features": {"top5": "5", "all": "83"}, "seed": {"2": "second"}, "strategy": {"ceiling": "real rows"}}
	r := made(t, study(), spec.Table{
		Name: "t", Rows: []string{"strategy"}, Over: []string{"seed", "features"}, Labels: labels, Heads: map[string]string{"strategy": "Strategy"},
		Where: map[string][]spec.Value{"scope": texts("across")}, Columns: []spec.TableColumn{{Score: "auroc"}}, Mark: spec.MarkBest, Except: map[string][]spec.Value{"strategy": texts("ceiling")},
	})
	text := strings.Join(r.Notes, "\n") + r.markRemark("bold:", "underlined:")
	for _, want := range []string{"second/83: failed at generate", "no value for features = 5", "Not marked: Strategy real rows."} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// A table whose lines and columns are changed round is traced as it is shown, and finds what the other one has.
func TestTraceOfATransposedTable(t *testing.T) {
	declared := laidOut()[1]
	views := record.Views{Tables: []spec.Table{declared}}
	turned, err := Trace(study(), views, "turned", "KL", "real rows")
	if err != nil {
		t.Fatal(err)
	}
	views.Tables[0].Transpose = false
	plain, err := Trace(study(), views, "turned", "real rows", "KL")
	if err != nil || turned.Shown != plain.Shown || len(turned.Scores) != 3 || !cmp.Equal(turned.Scores, plain.Scores) {
		t.Errorf("%v: %+v, %+v", err, turned, plain)
	}
	if turned.Column != "strategy=ceiling" || turned.Row["score"] != "KL" {
		t.Errorf("%+v", turned)
	}
}

// A level that is not told beside others that are has a line that says so.
func TestHiddenLevelsHaveALine(t *testing.T) {
	core := stays()
	core.Counts = slices.DeleteFunc(core.Counts, func(c record.Count) bool {
		return c.Dims["column"] == "female" && c.Dims["level"] == "1" && c.Dataset == "icu"
	})
	for _, distinct := range []int{1, 2} {
		of := *core
		of.Counts = append(slices.Clone(core.Counts), record.Count{Dataset: "icu", Stage: "cohort", Count: plugins.Count{Name: cohorts.CountDistinct, Dims: map[string]string{"column": "female"}, Value: distinct}})
		text := strings.Join(shownCells(made(t, &of, spec.Table{Name: "d", Kind: spec.DatasetTable})), "\n")
		if want := distinct == 2; strings.Contains(text, "female other levels | –") != want {
			t.Errorf("of %d levels, one of them told:\n%s", distinct, text)
		}
	}
}
