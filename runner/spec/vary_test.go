package spec

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const varied = `base
-- x.cue --
datasets: icu: {cohort: [{column: "age", min: 16}], split: seed: 3, prepare: levels: min: 5}
strategies: {
	copula: {with: {kind: "fast"}}
	other: {use: "gaussian-copula", with: shrinkage: 0.5}
	naive: {use: "llm-naive"}
}
llms: {o1: {use: "fake", with: model: "m"}, o2: {use: "fake", with: model: "m"}}
axes: {
	shrink: sets: "strategies.*.with.shrinkage"
	deal:   sets: "datasets.icu.split.seed"
	rare:   sets: "datasets.icu.prepare.levels.min"
	from:   sets: "datasets.icu.cohort.0.min"
	bins:   sets: "metrics.kl.with.bins"
	heat:   sets: "llms.o1.with.temperature"
}
matrix: [
	{strategy: ["copula", "other"], n: [1], seed: [1], shrink: [0.1, 0.2], deal: [1, 2], rare: [7], from: [18], bins: [4, 8]},
	{strategy: ["naive"], llm: ["o1", "o2"], n: [1], seed: [1], heat: [0, 1]},
]
`

func TestVary(t *testing.T) {
	e := mustLoad(t, varied)
	before, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	v, err := e.Vary(map[string]Value{
		"shrink": numbers(0.2)[0], "deal": numbers(9)[0], "rare": numbers(7)[0], "from": numbers(18)[0], "bins": numbers(8)[0],
		"heat": numbers(1)[0], "llm": words("o2")[0], "n": numbers(5)[0],
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{
		"copula": string(v.Strategies[0].With), "other": string(v.Strategies[1].With), "naive": string(v.Strategies[2].With),
		"kl": string(v.Metrics[0].With), "o1": string(v.LLMs[0].With), "o2": string(v.LLMs[1].With),
		"split": fmt.Sprint(v.Datasets[0].Split.Seed), "levels": fmt.Sprint(v.Datasets[0].Prepare.Levels.Min),
		"cohort": fmt.Sprint(*v.Datasets[0].Cohort[0].Min),
	}
	want := map[string]string{
		"copula": `{"kind":"fast","shrinkage":0.2}`, "other": `{"shrinkage":0.2}`, "naive": `{"llm":"o2"}`, // which has no such setting
		"kl": `{"bins":8}`, "o1": `{"model":"m","temperature":1}`, "o2": `{"model":"m"}`,
		"split": "9", "levels": "7", "cohort": "18",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	after, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if string(before) != string(after) {
		t.Errorf("Vary changed the experiment:\n%s\n%s", before, after)
	}
}

func TestVarySharesWhatNoAxisTouches(t *testing.T) {
	e := mustLoad(t, varied)
	v, err := e.Vary(map[string]Value{"bins": numbers(8)[0]})
	if err != nil {
		t.Fatal(err)
	}
	if &v.Strategies[0] != &e.Strategies[0] || &v.Datasets[0] != &e.Datasets[0] || &v.Metrics[0] == &e.Metrics[0] {
		t.Error("entries are copied that no axis touches, or shared though one does")
	}
	d, err := e.DatasetAt("icu", map[string]Value{"bins": numbers(8)[0]})
	if err != nil || d != &e.Datasets[0] {
		t.Errorf("DatasetAt copies: %v", err)
	}
	if _, err := e.StrategyAt("nosuch", nil); err == nil {
		t.Error("an unknown strategy is found")
	}
}

func TestSetAt(t *testing.T) {
	tree := map[string]any{"a": []any{1.0, map[string]any{"b": 2.0}}}
	for _, c := range []struct {
		path string
		want string // of the error, or "" for none
	}{
		{"a.1.b", ""},
		{"a.0", ""},
		{"new.deep.field", ""},
		{"a.2", "no element"},
		{"a.x", "no element"},
		{"a.0.b", "single value"},
	} {
		err := SetAt(tree, strings.Split(c.path, "."), "x")
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.path, err)
		}
	}
	want := map[string]any{"a": []any{"x", map[string]any{"b": "x"}}, "new": map[string]any{"deep": map[string]any{"field": "x"}}}
	if diff := cmp.Diff(want, tree); diff != "" {
		t.Error(diff)
	}
	if SetAt(tree, nil, 1) == nil {
		t.Error("an empty path is set")
	}
}

func TestAllAxes(t *testing.T) {
	e := mustLoad(t, `base
-- x.cue --
strategies: floor: use: "independent"
matrix: [
	{n: [10, 20], strategy: ["floor"], seed: [1], include: [{n: 5, seed: 7}]},
	{strategy: ["copula", "floor"], n: [20, 30], seed: [2, 1]},
]
`)
	want := []AxisValues{
		{"dataset", words("icu")},
		{"features", words("all")},
		{"n", numbers(10, 20, 30, 5)},
		{"strategy", words("floor", "copula")},
		{"seed", numbers(1, 2, 7)},
	}
	if diff := cmp.Diff(want, e.AllAxes()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestResolved(t *testing.T) {
	resolve := func(archive string) (string, string) {
		t.Helper()
		r, hash := mustLoad(t, archive).Resolved()
		return string(r), hash
	}
	src := "-- x.cue --\n" + design + "-- data/t.csv --\n" + designHeader + "-- data/other.csv --\n" + designHeader
	text, hash := resolve(src)
	for _, c := range []struct {
		name, from, to string
		same           bool
	}{
		{"title", `title: "Strategies`, `title: "Others`, true},
		{"comment", "// gives top5", "// hands out top5", true},
		{"view", `kind: "line", x: "n"`, `kind: "line", title: "P", x: "n"`, true},
		{"table", `over: "seed"}` + "\nplots", `over: "seed", caption: "c"}` + "\nplots", true},
		{"order of fields", `examples: 100, batch: 50`, `batch: 50, examples: 100`, true},
		{"a default spelt out", `copula:  use: "gaussian-copula"`, `copula: {use: "gaussian-copula", with: kind: "exact"}`, true},
		{"folder", `"${DATA}/t.csv"`, `"data/t.csv"`, true},
		{"name of the file", `"${DATA}/t.csv"`, `"data/other.csv"`, true},
		{"setting", `batch: 50`, `batch: 51`, false},
		{"cohort", `min: 16`, `min: 17`, false},
		{"seed", `seed: [1, 2, 3, 4, 5]`, `seed: [1, 2, 3, 4]`, false},
		{"name", `lin2025-strategies`, `lin2025`, false},
		{"split", `seed: 7`, `seed: 8`, false},
	} {
		if strings.Count(src, c.from) != 1 {
			t.Fatalf("%s: %q is there %d times", c.name, c.from, strings.Count(src, c.from))
		}
		other := strings.Replace(src, c.from, c.to, 1)
		if c.name == "seed" {
			other = strings.Replace(other, "seed: [4, 5]", "seed: [4]", 1)
		}
		if _, h := resolve(other); (h == hash) != c.same {
			t.Errorf("%s: same hash is %v, want %v", c.name, h == hash, c.same)
		}
	}
	if strings.Contains(text, "t.csv") || !strings.Contains(text, `"path":null`) {
		t.Errorf("a path is left in %s", text)
	}
}

func BenchmarkVary(b *testing.B) {
	e := &Experiment{
		Strategies: []Use{{Name: "copula", Use: "gaussian-copula", With: json.RawMessage(`{"kind":"fast","shrinkage":0.1}`)}, {Name: "floor"}},
		Axes:       []Axis{{Name: "shrink", Sets: "strategies.copula.with.shrinkage"}},
	}
	for b.Loop() {
		if _, err := e.Vary(map[string]Value{"shrink": {Kind: NumberValue, Number: 0.2}}); err != nil {
			b.Fatal(err)
		}
	}
}
