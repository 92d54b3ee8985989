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

// asked has a strategy that asks models, one that groups rows too, and one that asks none; two seeds, and an axis that the last has no
// bearing on.
func asked() *record.Core {
	core := &record.Core{Manifest: record.Manifest{
		Experiment: "asked", Version: 1, Complete: true,
		Axes:   []string{"dataset", "strategy", "llm", "features", "seed", "mode"},
		Scores: []record.ScoreInfo{{Metric: "kl", Name: "mean", Better: plugins.Lower}},
		Data:   []record.DataInfo{{Name: "icu", Plugin: "table", Governance: plugins.Open}},
		LLMs:   []record.ModelInfo{{Name: "bird"}, {Name: "toy"}},
	}}
	add := func(strategy, llm, mode string, seed int, status record.CellStatus) {
		id := fmt.Sprintf("%s-%s-%s-%d", strategy, llm, mode, seed)
		cell := record.Cell{ID: id, Status: status, Axes: map[string]string{
			"dataset": "icu", "strategy": strategy, "llm": llm, "features": "all", "seed": fmt.Sprint(seed), "mode": mode,
		}}
		if status == record.CellFailed {
			cell.Stage, cell.Reason = "generate", "3 of 8 rows after 1 round"
		}
		core.Cells = append(core.Cells, cell)
		score := func(value float64, dims map[string]string) {
			s := plugins.Score{Name: "mean", Dims: dims, Value: value, N: 8, Status: plugins.OK}
			if status == record.CellFailed {
				s = plugins.Score{Name: "mean", Status: plugins.Failed, Reason: "generate: " + cell.Reason}
			}
			core.Scores = append(core.Scores, record.Score{Cell: id, Metric: "kl", Score: s})
		}
		score(float64(seed), nil)
		if strategy == "group" && status == record.CellOK {
			score(float64(10*seed), map[string]string{plugins.Weighting: plugins.PostStratified})
		}
		if llm == "-" {
			return
		}
		count := func(name string, value int, dims ...string) {
			c := record.Count{Dataset: "icu", Cell: id, Stage: "generate", Count: plugins.Count{Name: name, Value: value}}
			for i := 0; i < len(dims); i += 2 {
				c.Dims = map[string]string{dims[i]: dims[i+1]}
			}
			core.Counts = append(core.Counts, c)
		}
		count(record.CountRequested, 9)
		count(record.CountRequested, 1, "group", "f")
		count(record.CountReturned, 9)
		count(record.CountParsed, 8)
		count(record.CountRejected, 1, record.ReasonDim, "not a number")
		count(record.CountDelivered, 8)
		count("rows dropped: missing value", 500, "part", "train")
		count(record.CountAnswers, 3, record.ModelDim, llm)
		if status == record.CellFailed {
			count(record.CountRejected, 4, record.ReasonDim, "cut off")
		}
	}
	for seed := 1; seed <= 2; seed++ {
		for _, mode := range []string{"few", "many"} {
			status := record.CellOK
			if mode == "many" && seed == 2 {
				status = record.CellFailed
			}
			add("naive", "bird", mode, seed, status)
		}
		add("group", "toy", "few", seed, record.CellOK)
		add("copula", "-", "-", seed, record.CellOK)
	}
	return core
}

// A cell that failed before its model was asked is one of the cells, and says nothing of data.
func TestAccountingOfCellsThatAskedNothing(t *testing.T) {
	core := asked()
	core.Manifest.Notes = []string{"icu: 5 rows dropped", "a note of all"}
	core.Manifest.Data[0].Truth = []plugins.Truth{{Name: "effect of age", Value: 2}}
	core.Cells = append(core.Cells, record.Cell{
		ID: "unasked", Status: record.CellFailed, Stage: "features", Reason: "nothing to rank by",
		Axes: map[string]string{"dataset": "icu", "strategy": "naive", "llm": "bird", "features": "all", "seed": "3", "mode": "few"},
	})
	core.Counts = append(core.Counts, record.Count{Dataset: "icu", Cell: "unasked", Stage: "generate", Count: plugins.Count{
		Name: record.CountAnswers, Dims: map[string]string{record.ModelDim: "bird"},
	}})
	tables, err := Tables(core, record.Views{})
	if err != nil {
		t.Fatal(err)
	}
	l := tables[0].Lines[0]
	if notes := printed(l.notes); l.Values[0].Value != 3 || len(notes) != 1 || !strings.HasPrefix(notes[0], "1 of 3 cells failed") {
		t.Errorf("%v cells, %q", l.Values[0].Value, notes)
	}
	want := []string{"Numbers are sums over seeds.", accountingWords}
	if diff := cmp.Diff(want, tables[0].Remarks); diff != "" {
		t.Error(diff)
	}
	want = []string{"Language models: bird; toy.", "Experiment asked, version v1."}
	if diff := cmp.Diff(want, tables[0].Sources); diff != "" || tables[0].Data != nil {
		t.Error(diff)
	}
}

func TestAccounting(t *testing.T) {
	tables, err := Tables(asked(), record.Views{})
	if err != nil || len(tables) != 1 || tables[0].Name != "accounting" {
		t.Fatal(err, len(tables))
	}
	golden(t, "accounting.md", tables[0].Markdown)
	golden(t, "accounting.csv", tables[0].CSV)
	sums := map[string]string{}
	for _, l := range tables[0].Lines {
		var numbers []string
		for c, v := range l.Values {
			if v.Value != 0 {
				numbers = append(numbers, fmt.Sprintf("%s %g", tables[0].Columns[c].Title, v.Value))
			}
		}
		sums[strings.Join(l.Labels, "/")] = strings.Join(numbers, ", ")
	}
	want := map[string]string{
		"bird/naive/all/few":  "cells 2, requested 20, returned 18, parsed 16, rejected 2, rejected: not a number 2, delivered 16, calls 6",
		"bird/naive/all/many": "cells 2, requested 20, returned 18, parsed 16, rejected 6, rejected: cut off 4, rejected: not a number 2, delivered 16, calls 6",
		"toy/group/all/few":   "cells 2, requested 20, returned 18, parsed 16, rejected 2, rejected: not a number 2, delivered 16, calls 6",
	}
	if diff := cmp.Diff(want, sums); diff != "" {
		t.Error(diff)
	}
	own := record.Views{Tables: []spec.Table{{Name: "Accounting", Rows: []string{"strategy"}, Columns: []spec.TableColumn{{Score: "kl.mean"}}}}}
	if tables, _ = Tables(asked(), own); len(tables) != 1 {
		t.Error("a declared table and the account would be one file")
	}
	if tables, _ = Tables(study(), record.Views{}); len(tables) != 0 {
		t.Error("an experiment without models has an account of them")
	}
}

// cells of the table, e.g. "group post-stratified 15".
func linesOf(t *testing.T, core *record.Core, table spec.Table) []string {
	t.Helper()
	tables, err := Tables(core, record.Views{Tables: []spec.Table{table}})
	if err != nil || tables[0].Problem != "" {
		t.Fatal(err, tables[0].Problem)
	}
	var out []string
	for _, l := range tables[0].Lines {
		text := strings.Join(l.Labels, " ")
		for _, v := range l.Values {
			text += fmt.Sprintf(" %s %g", v.Status, v.Value)
		}
		out = append(out, strings.Join(append([]string{text}, printed(l.notes)...), "; "))
	}
	return out
}

// Scores of rows drawn to real shares are shown only where a table tells weightings apart.
func TestWeightings(t *testing.T) {
	few := map[string][]spec.Value{"mode": texts("few", "-"), "strategy": texts("group", "copula")}
	with := func(where map[string][]spec.Value, weighting ...string) map[string][]spec.Value {
		out := map[string][]spec.Value{plugins.Weighting: texts(weighting...)}
		for k, v := range where {
			out[k] = v
		}
		return out
	}
	for name, c := range map[string]struct {
		table spec.Table
		want  []string
	}{
		"not named": {spec.Table{Rows: []string{"strategy"}, Where: few}, []string{"group ok 1.5", "copula ok 1.5"}},
		"in rows": {
			spec.Table{Rows: []string{"strategy", plugins.Weighting}, Where: few},
			[]string{"group raw ok 1.5", "group post-stratified ok 15", "copula raw ok 1.5"},
		},
		"in where": {
			spec.Table{Rows: []string{"strategy"}, Where: with(few, plugins.PostStratified)},
			[]string{"group ok 15"}, // and copula is left out
		},
		"raw in where": {spec.Table{Rows: []string{"strategy"}, Where: with(few, plugins.Raw)}, []string{"group ok 1.5", "copula ok 1.5"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.table.Name, c.table.Over, c.table.Columns = "t", []string{"seed", "mode", "llm", "dataset", "features"}, []spec.TableColumn{{Score: "kl.mean"}}
			if diff := cmp.Diff(c.want, linesOf(t, asked(), c.table)); diff != "" {
				t.Error(diff)
			}
		})
	}
	plot := newSource(asked(), nil).plot(&spec.Plot{Name: "p", X: "strategy", Y: "kl.mean", Series: plugins.Weighting, Over: []string{"seed", "mode", "llm"}, Where: few}, plugins.PointForm)
	var names []string
	for _, s := range plot.figure.Series {
		names = append(names, s.Name)
	}
	if diff := cmp.Diff([]string{"raw", "post-stratified"}, names); diff != "" {
		t.Error(diff)
	}
}

// A line that an axis has no bearing on lacks none of its values.
func TestLinesThatAnAxisHasNoBearingOn(t *testing.T) {
	got := linesOf(t, asked(), spec.Table{
		Name: "t", Rows: []string{"strategy"}, Over: []string{"mode", "seed"}, Columns: []spec.TableColumn{{Score: "kl.mean"}},
		Where: map[string][]spec.Value{"strategy": texts("naive", "copula")},
	})
	if diff := cmp.Diff([]string{"naive ok 1.3333333333333333", "copula ok 1.5"}, got); diff != "" {
		t.Error(diff)
	}
}

// What was made up, the data or the answers of a model, is said of each table by itself.
func TestBannersSayWhatIsInvented(t *testing.T) {
	const software = "SIMULATED: software check on "
	for name, c := range map[string]struct {
		data, model    bool
		strategy, want string
	}{
		"neither":                             {false, false, "group", ""},
		"the data":                            {true, false, "group", software + "invented patients"},
		"the model":                           {false, true, "group", software + "real patients' data and an invented model"},
		"both":                                {true, true, "group", software + "invented patients and an invented model"},
		"a model that these cells do not ask": {false, true, "naive", ""},
		"cells that ask none":                 {false, true, "copula", ""},
		"data without a model":                {true, true, "copula", software + "invented patients"},
	} {
		t.Run(name, func(t *testing.T) {
			core := asked()
			core.Manifest.Simulated = c.data || c.model
			core.Manifest.Data[0].Simulated = c.data
			core.Manifest.LLMs[1].Simulated = c.model
			tables, err := Tables(core, record.Views{Tables: []spec.Table{{
				Name: "t", Rows: []string{"strategy"}, Over: []string{"seed", "mode", "llm"}, Columns: []spec.TableColumn{{Score: "kl.mean"}},
				Where: map[string][]spec.Value{"strategy": texts(c.strategy)},
			}}})
			if err != nil || tables[0].Banner != c.want {
				t.Errorf("%v: %q, want %q", err, tables[0].Banner, c.want)
			}
			if banner := tables[1].Banner; c.model != strings.Contains(banner, "invented model") {
				t.Errorf("the account says %q", banner)
			}
		})
	}
}
