package cli_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/all"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/spec"
)

const keyExperiment = `name: "keys"
title: "a title"
datasets: mine: {
	use: "table"
	with: {path: "rows.csv", missing: [-1]}
	row: "stay", subject: "patient", target: "died", outcome: ["days"]
	cohort: [{column: "age", min: 16}]
	split: {train: 0.5, validation: 0.1, test: 0.2, reference: 0.2, by: "subject", stratify: "died", seed: 7}
	prepare: {missing: "keep", levels: {min: 2, other: "OTHER"}}
}
features: chosen: {use: "list", with: columns: ["age", "unit"]}
strategies: floor: use: "independent"
metrics: {
	tv: use: "tv"
	kl: {use: "kl", with: bins: 10}
	utility: {use: "downstream", with: resamples: 100}
	review: {use: "ratings", with: {path: "review.csv", level: 0.9}}
}
matrix: [{strategy: ["floor"], features: ["chosen"], n: [50], seed: [1]}]
tables: t: {rows: ["strategy"], columns: [{score: "kl.mean"}]}
`

// rowsCSV is a small table; the rows are invented.
func rowsCSV() string {
	var b strings.Builder
	b.WriteString("stay,patient,age,unit,days,died\n")
	for i := range 80 {
		fmt.Fprintf(&b, "%d,p%d,%d,%s,%d,%d\n", i, i/2, 20+i%50, []string{"MICU", "SICU", "CCU"}[i%3], i%9, i/2%4/3)
	}
	return b.String()
}

// world is an experiment with its files and plugins, to be changed by a case.
type world struct {
	files    map[string]string // by name in the folder; x.cue is the experiment
	registry *plugins.Registry
}

// keys returns the key of every step of the only cell, by stage; measures by their order.
func (w *world) keys(t *testing.T) map[string]cache.Key {
	t.Helper()
	dir := t.TempDir()
	for name, text := range w.files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	e, err := spec.Load(filepath.Join(dir, "x.cue"), spec.Options{Registry: w.registry, Env: os.LookupEnv, Data: spec.Require, WorkDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	c, err := cache.Open(filepath.Join(dir, "cache"), cache.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p, err := plan.New(e, plan.Inputs{Registry: w.registry, Hash: c.HashFile, Facts: func(cache.Key) (json.RawMessage, bool) { return nil, false }})
	if err != nil {
		t.Fatal(err)
	}
	cell := p.Cells[0]
	out := map[string]cache.Key{
		"dataset": cell.Dataset.Read.Key, "cohort": cell.Dataset.Cohort.Key, "split": cell.Dataset.Split.Key,
		"prepare": cell.Dataset.Prepare.Key, "features": cell.Generate.Inputs[1].Key, "generate": cell.Generate.Key,
	}
	for i, m := range cell.Measures {
		out[fmt.Sprintf("measure %d", i)] = m.Step.Key
	}
	return out
}

// TestKeysChangeWithWhatDecidesTheOutputAndNothingElse changes one thing at a time and expects exactly the
// named steps to get other keys: no wrong hit, no wrong miss.
func TestKeysChangeWithWhatDecidesTheOutputAndNothingElse(t *testing.T) {
	replace := func(old, fresh string) func(*world) {
		return func(w *world) {
			if !strings.Contains(w.files["x.cue"], old) {
				panic("the experiment has no " + old)
			}
			w.files["x.cue"] = strings.ReplaceAll(w.files["x.cue"], old, fresh)
		}
	}
	everything := []string{"dataset", "cohort", "split", "prepare", "features", "generate", "measure 0", "measure 1", "measure 2", "measure 3"}
	from := func(stage string) []string { return everything[slices.Index(everything, stage):] }
	cases := []struct {
		name    string
		change  func(*world)
		changed []string
	}{
		{"sample size", replace("n: [50]", "n: [51]"), from("generate")},
		{"seed", replace("seed: [1]", "seed: [2]"), from("generate")},
		{"strategy", replace(`"independent"`, `"gaussian-copula"`), from("generate")},
		{"metric setting", replace("bins: 10", "bins: 12"), []string{"measure 1"}},
		{"metric setting with resamples", replace("resamples: 100", "resamples: 101"), []string{"measure 2"}},
		{"metric setting that was the default", replace("tv: use: \"tv\"", "tv: {use: \"tv\", with: part: \"train\"}"), []string{"measure 0"}},
		{"data byte", func(w *world) { w.files["rows.csv"] = strings.Replace(w.files["rows.csv"], "MICU", "NICU", 1) }, everything},
		{"missing code", replace("missing: [-1]", "missing: [-2]"), everything},
		{"cohort", replace("min: 16", "min: 21"), from("cohort")},
		{"split seed", replace("seed: 7", "seed: 8"), from("split")},
		{"split share", replace("test: 0.2, reference: 0.2", "test: 0.25, reference: 0.15"), from("split")},
		{"split unit", replace(`by: "subject"`, `by: "row"`), from("split")},
		{"prepare missing", replace(`missing: "keep"`, `missing: "median"`), from("prepare")},
		{"prepare levels", replace("min: 2,", "min: 3,"), from("prepare")},
		{"feature list", replace(`columns: ["age", "unit"]`, `columns: ["age"]`), from("features")},
		{"order of the feature list", replace(`columns: ["age", "unit"]`, `columns: ["unit", "age"]`), from("features")},
		{"leakage allowed", replace(`features: chosen: {use: "list",`, `features: chosen: {use: "list", allow: ["leakage"],`), from("prepare")}, // outcomes are then prepared like features
		{"version of the data set plugin", func(w *world) { w.registry.Datasets.Get("table").Info.Version++ }, everything},
		{"version of the feature plugin", func(w *world) { w.registry.Features.Get("list").Info.Version++ }, from("features")},
		{"version of the strategy plugin", func(w *world) { w.registry.Strategies.Get("independent").Info.Version++ }, from("generate")},
		{"version of a metric plugin", func(w *world) { w.registry.Metrics.Get("tv").Info.Version++ }, []string{"measure 0"}},
		{"version of a shared model", func(w *world) {
			info := &w.registry.Metrics.Get("downstream").Info
			info.Uses = slices.Clone(info.Uses)
			info.Uses[0].Version++
		}, []string{"measure 2"}},

		{"rating in a metric's file", func(w *world) { w.files["review.csv"] = strings.Replace(w.files["review.csv"], "x,2", "x,3", 1) }, []string{"measure 3"}},
		{"setting of a metric that reads a file", replace("level: 0.9", "level: 0.8"), []string{"measure 3"}},
		{"format of a metric's file, which its name tells", func(w *world) {
			w.files["review.tsv"] = w.files["review.csv"]
			replace("review.csv\"", "review.tsv\", delimiter: \",\"")(w)
		}, []string{"measure 3"}},

		{"path of a metric's file", func(w *world) {
			w.files["elsewhere/other.csv"] = w.files["review.csv"]
			delete(w.files, "review.csv")
			replace("review.csv", "elsewhere/other.csv")(w)
		}, nil},
		{"path", func(w *world) {
			w.files["elsewhere/other.csv"] = w.files["rows.csv"]
			delete(w.files, "rows.csv")
			replace("rows.csv", "elsewhere/other.csv")(w)
		}, nil},
		{"name of the data set", replace("datasets: mine:", "datasets: other:"), nil},
		{"name of the feature subset", func(w *world) { replace("chosen", "picked")(w) }, nil},
		{"name of the strategy", func(w *world) { replace("floor", "baseline")(w) }, nil},
		{"name of a metric", func(w *world) { replace("kl: {use", "divergence: {use")(w); replace("kl.mean", "divergence.mean")(w) }, nil},
		{"name of the experiment", replace(`name: "keys"`, `name: "others"`), nil},
		{"dims of a metric", replace("tv: use: \"tv\"", "tv: {use: \"tv\", dims: scope: \"marginal\"}"), nil},
		{"title", replace("a title", "another title"), nil},
		{"comments", replace("name: \"keys\"", "// a remark\nname: \"keys\" // and one more"), nil},
		{"formatting of a number", replace("n: [50]", "n: [5*10]"), nil},
		{"a default written out", replace("tv: use: \"tv\"", "tv: {use: \"tv\", with: part: \"test\"}"), nil},
		{"order of fields", func(w *world) {
			replace(`{train: 0.5, validation: 0.1, test: 0.2,`, `{test: 0.2, validation: 0.1, train: 0.5,`)(w)
		}, nil},
		{"order of sections", func(w *world) {
			lines := strings.SplitAfter(w.files["x.cue"], "\n")
			w.files["x.cue"] = strings.Join(append(lines[1:], lines[0]), "")
		}, nil},
		{"views", replace("tables: t: {rows: [\"strategy\"], columns: [{score: \"kl.mean\"}]}", ""), nil},
		{"another strategy beside", replace(`strategies: floor: use: "independent"`, "strategies: {floor: use: \"independent\", copy: use: \"resample\"}"), nil},
		{"another value of an axis", func(w *world) {
			replace("n: [50]", "n: [50, 60]")(w)
			replace(`rows: ["strategy"]`, `rows: ["strategy", "n"]`)(w)
		}, nil},
		{"licence", replace("missing: [-1]}", "missing: [-1]}, licence: \"CC0\""), nil},
		// of restricted data, which a table is unless its governance is given, fewer than 11 test rows are not scored
		{"governance", replace("missing: [-1]}", "missing: [-1]}, governance: \"open\""), []string{"measure 0", "measure 1", "measure 2", "measure 3"}},
	}
	fresh := func() *world {
		return &world{files: map[string]string{"x.cue": keyExperiment, "rows.csv": rowsCSV(), "review.csv": "record,rater,rating\na,x,1\nb,x,2\n"}, registry: all.Registry()}
	}
	before := fresh().keys(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := fresh()
			c.change(w)
			after := w.keys(t)
			var changed []string
			for _, stage := range slices.Sorted(maps.Keys(before)) {
				if before[stage] != after[stage] {
					changed = append(changed, stage)
				}
			}
			want := slices.Sorted(slices.Values(c.changed))
			if !slices.Equal(changed, want) {
				t.Errorf("changed: %v\nwant:    %v", changed, want)
			}
		})
	}
}
