package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/cohort"
	"github.com/ehrlab/ehrlab/plugins/prepare"
	"github.com/ehrlab/ehrlab/plugins/split"
)

// design is the example of the design document, with fake plugins.
const design = `name:  "lin2025-strategies"
title: "Strategies, all features, n = 1,000"

datasets: eicu: {
	use: "table", with: path: "${DATA}/t.csv"
	row: "patientunitstayid", subject: "uniquepid", site: "hospitalid", target: "death"
	cohort: [{column: "age", min: 16}]
	split: {train: 0.6, validation: 0.1, test: 0.15, reference: 0.15, by: "subject", stratify: "death", seed: 7}
	prepare: {missing: "keep", levels: {min: 20, other: "OTHER"}}
}
features: {
	all: use: "all"
	top: {use: "importance", with: ladder: [5, 10, 15, 20]} // gives top5, top10, …: nested
}
llms: o1: {use: "fake", with: model: "o1-2024-12-17"}
strategies: {
	naive:   {use: "llm-naive", with: {llm: "o1", examples: 100, batch: 50}}
	group:   {use: "llm-naive", with: {llm: "o1", by: ["is_female"]}}
	copula:  use: "gaussian-copula"
	floor:   use: "independent"
	ceiling: use: "holdout"
}
metrics: {
	kl:     {use: "kl", dims: scope: "across"}
	within: {use: "downstream", with: {model: "gbdt", test: "synthetic"}, dims: scope: "within"}
	across: {use: "downstream", with: {model: "gbdt", test: "real"}, dims: scope: "across"}
}
matrix: [{ // a list is a union; equal cells are one cell
	strategy: ["naive", "group", "copula", "floor", "ceiling"]
	features: ["all"], n: [1000], seed: [1, 2, 3, 4, 5]
	exclude: [{strategy: "naive", seed: [4, 5], reason: "budget"}]
}]
tables: strategies: {rows: ["strategy", "scope"], columns: [{score: "kl.mean"}, {score: "auroc"}], over: "seed"}
plots: sizes: {kind: "line", x: "n", y: "across.auroc", series: "strategy", over: "seed"}
budget: usd: 600
`

const designHeader = "patientunitstayid,uniquepid,hospitalid,death,age,is_female\n"

// loadText loads an archive of files, as load does.
func loadText(t *testing.T, archive string) (*Experiment, error) {
	t.Helper()
	return load(unpack(t, txtar.Parse([]byte(archive))))
}

func mustLoad(t *testing.T, archive string) *Experiment {
	t.Helper()
	e, err := loadText(t, archive)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func numbers(xs ...float64) []Value {
	var out []Value
	for _, x := range xs {
		out = append(out, Value{Kind: NumberValue, Number: x})
	}
	return out
}

func words(xs ...string) []Value {
	var out []Value
	for _, x := range xs {
		out = append(out, Value{Text: x})
	}
	return out
}

func ptr[T any](x T) *T { return &x }

func raw(s string) json.RawMessage { return json.RawMessage(s) }

var exported = cmp.Options{
	cmpopts.IgnoreUnexported(Experiment{}, Use{}, FeatureSet{}, Axis{}),
	cmpopts.IgnoreFields(Experiment{}, "Headers"),
}

func TestDesignExample(t *testing.T) {
	got := mustLoad(t, "-- x.cue --\n"+design+"-- data/t.csv --\n"+designHeader)
	sixteen := 16.0
	want := &Experiment{
		Name: "lin2025-strategies", Title: "Strategies, all features, n = 1,000",
		Datasets: []Dataset{{
			Use: Use{Name: "eicu", Use: "table", With: raw(fmt.Sprintf(`{"path":%q}`, filepath.Join(got.Dir, "data", "t.csv"))), Paths: [][]string{{"path"}}},
			Row: "patientunitstayid", Subject: "uniquepid", Site: "hospitalid", Target: "death",
			Cohort:  []cohort.Filter{{Column: "age", Min: &sixteen}},
			Split:   split.Config{Train: 0.6, Validation: 0.1, Test: 0.15, Reference: 0.15, By: "subject", Stratify: []string{"death"}, Seed: 7},
			Prepare: prepare.Config{Missing: "keep", Levels: &prepare.Levels{Min: 20, Other: "OTHER"}},
			Minimum: Minimum{Rows: 50, Events: 10, NonEvents: 10},
		}},
		Features: []FeatureSet{{Use: Use{Name: "all", Use: "all"}}, {Use: Use{Name: "top", Use: "importance", With: raw(`{"ladder":[5,10,15,20]}`)}}},
		LLMs:     []LLM{{Use: Use{Name: "o1", Use: "fake", With: raw(`{"model":"o1-2024-12-17"}`), Local: [][]string{{"key_env"}, {"limits"}}}}},
		Strategies: []Use{
			{Name: "naive", Use: "llm-naive", With: raw(`{"batch":50,"examples":100,"llm":"o1"}`)},
			{Name: "group", Use: "llm-naive", With: raw(`{"by":["is_female"],"llm":"o1"}`)},
			{Name: "copula", Use: "gaussian-copula"},
			{Name: "floor", Use: "independent"},
			{Name: "ceiling", Use: "holdout"},
		},
		Metrics: []Metric{
			{Use: Use{Name: "kl", Use: "kl"}, Dims: map[string]string{"scope": "across"}},
			{Use: Use{Name: "within", Use: "downstream", With: raw(`{"model":"gbdt","test":"synthetic"}`)}, Dims: map[string]string{"scope": "within"}},
			{Use: Use{Name: "across", Use: "downstream", With: raw(`{"model":"gbdt","test":"real"}`)}, Dims: map[string]string{"scope": "across"}},
		},
		Matrix: []Block{{
			Axes: []AxisValues{
				{"dataset", words("eicu")},
				{"strategy", words("naive", "group", "copula", "floor", "ceiling")},
				{"features", words("all")},
				{"n", numbers(1000)},
				{"seed", numbers(1, 2, 3, 4, 5)},
			},
			Exclude: []Exclude{{Match: map[string][]Value{"strategy": words("naive"), "seed": numbers(4, 5)}, Reason: "budget"}},
		}},
		Tables: []Table{{Name: "strategies", Rows: []string{"strategy", "scope"}, Columns: []TableColumn{{Score: "kl.mean"}, {Score: "auroc"}}, Over: []string{"seed"}}},
		Plots:  []Plot{{Name: "sizes", Kind: "line", X: "n", Y: "across.auroc", Series: "strategy", Over: []string{"seed"}}},
		Budget: &Budget{Allowance: Allowance{USD: ptr(600.)}},
		Dir:    got.Dir,
	}
	if diff := cmp.Diff(want, got, exported); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if h := got.Headers["eicu"]; h == nil || len(h.Columns) != 6 {
		t.Errorf("header = %+v", h)
	}
}

func TestEveryField(t *testing.T) {
	got := mustLoad(t, `base
-- x.cue --
title: "t", description: "d"
datasets: b: {
	use: "icu", with: {rows: 1e3, seed: 18446744073709551615}
	group: "is_female", outcome: ["los", "heartrate"]
	governance: "restricted", licence: "ODbL 1.0", citation: "c", note: "n"
	cohort: [{column: "age", min: 1, max: 2.5}, {column: "is_female", in: ["F", 1, 0.50, true]}, {column: "heartrate", missing: false}]
	split: {train: 0.7, test: 0.3, by: "row", seed: 18446744073709551615}
	prepare: {missing: "median", levels: min: 5}
	limits: {age: {min: 0, max: 120.5}, heartrate: max: 300, is_female: levels: ["0", "1"]}
}
features: f: {use: "list", with: columns: ["age"], allow: ["leakage"]}
strategies: p: {use: "llm-naive", with: {prompt: file: "p.txt"}}
llms: o1: {
	use: "fake", with: {model: "m", temperature: 0.70}, price: {input: 1, output: 2.5, cached: 0}
	approval: {basis: "DUA 3", by: "the board", date: "2026-02-28", retention: "none", reveals: "rows", datasets: ["b"]}
}
budget: {usd: 10.5, tokens: 1e6, calls: 7, cell: usd: 2, by: {llm: o1: calls: 5, n: "10": tokens: 9, bins: "5": usd: 1}}
axes: bins: sets: "metrics.kl.with.bins"
matrix: [
	{strategy: ["copula"], dataset: ["icu", "b"], features: ["all", "f"], n: [10, {rows: "test"}], seed: [0, 3], zip: [["n", "seed"]], bins: [5]},
	{strategy: ["p"], dataset: ["b"], features: ["f"], n: [10], seed: [1], metrics: ["kl"], include: [{n: {rows: "train"}, seed: 9}]},
]
tables: t: {title: "T", caption: "C", rows: ["dataset", "column"], columns: [{score: "kl.divergence", title: "KL", digits: 0}], over: ["features", "n", "seed"], where: {strategy: "copula", features: ["all", "f"]}}
plots: p: {kind: "line", with: log: true, title: "P", x: "dataset", y: "kl.mean", xlabel: "X", ylabel: "Y", over: ["features", "n", "seed"], where: strategy: ["copula"]}
-- p.txt --
Write rows.
`)
	one, two, no, zero := 1.0, 2.5, false, 0
	b := got.Datasets[0]
	if diff := cmp.Diff(Dataset{
		Use: Use{Name: "b", Use: "icu", With: raw(`{"rows":1000,"seed":18446744073709551615}`)},
		Row: "patientunitstayid", Subject: "uniquepid", Site: "hospitalid", Target: "death", // from the header
		Group: []string{"is_female"}, Outcome: []string{"los", "heartrate"},
		Governance: plugins.Restricted, Licence: "ODbL 1.0", Citation: "c", Note: "n",
		Cohort: []cohort.Filter{
			{Column: "age", Min: &one, Max: &two},
			{Column: "is_female", In: []string{"F", "1", "0.5", "true"}},
			{Column: "heartrate", Missing: &no},
		},
		Split:   split.Config{Train: 0.7, Test: 0.3, By: "row", Seed: 18446744073709551615},
		Prepare: prepare.Config{Missing: "median", Levels: &prepare.Levels{Min: 5, Other: "OTHER"}},
		Minimum: Minimum{Rows: 50, Events: 10, NonEvents: 10},
		Limits: map[string]plugins.Limit{
			"age": {Min: ptr(0.), Max: ptr(120.5)}, "heartrate": {Max: ptr(300.)}, "is_female": {Levels: []string{"0", "1"}},
		},
	}, b, exported); diff != "" {
		t.Errorf("data set: -want +got\n%s", diff)
	}
	if diff := cmp.Diff([]LLM{{
		Use:   Use{Name: "o1", Use: "fake", With: raw(`{"model":"m","temperature":0.7}`), Local: [][]string{{"key_env"}, {"limits"}}},
		Price: &Price{Input: 1, Output: 2.5, Cached: ptr(0.)},
		Approval: &Approval{
			Basis: "DUA 3", By: "the board", Date: "2026-02-28", Retention: "none", Reveals: plugins.EgressRows, Datasets: []string{"b"},
		},
	}}, got.LLMs, exported); diff != "" {
		t.Errorf("llms: -want +got\n%s", diff)
	}
	if diff := cmp.Diff(&Budget{
		Allowance: Allowance{USD: ptr(10.5), Tokens: ptr(1000000), Calls: ptr(7)},
		Cell:      &Allowance{USD: ptr(2.)},
		By: map[string]map[string]Allowance{
			"llm": {"o1": {Calls: ptr(5)}}, "n": {"10": {Tokens: ptr(9)}}, "bins": {"5": {USD: ptr(1.)}},
		},
	}, got.Budget); diff != "" {
		t.Errorf("budget: -want +got\n%s", diff)
	}
	if diff := cmp.Diff(FeatureSet{Use: Use{Name: "f", Use: "list", With: raw(`{"columns":["age"]}`)}, Allow: []string{"leakage"}}, got.Features[0], exported); diff != "" {
		t.Errorf("features: -want +got\n%s", diff)
	}
	if diff := cmp.Diff(Use{Name: "p", Use: "llm-naive", With: raw(`{"prompt":"Write rows.\n"}`), LLM: "llm"}, got.Strategies[0], exported); diff != "" {
		t.Errorf("strategy: -want +got\n%s", diff)
	}
	part := func(name string) Value { return Value{Kind: PartValue, Text: name} }
	if diff := cmp.Diff([]Block{
		{
			Axes: []AxisValues{
				{"strategy", words("copula")},
				{"dataset", words("icu", "b")},
				{"features", words("all", "f")},
				{"n", append(numbers(10), part("test"))},
				{"seed", numbers(0, 3)},
				{"bins", numbers(5)},
			},
			Zip: [][]string{{"n", "seed"}},
		},
		{
			Axes: []AxisValues{
				{"llm", words("o1")}, // left out, and needed by p
				{"strategy", words("p")},
				{"dataset", words("b")},
				{"features", words("f")},
				{"n", numbers(10)},
				{"seed", numbers(1)},
			},
			Include: []Assignment{{
				"llm": words("o1")[0], "strategy": words("p")[0], "dataset": words("b")[0], "features": words("f")[0],
				"n": part("train"), "seed": numbers(9)[0],
			}},
			Metrics: []string{"kl"},
		},
	}, got.Matrix, exported); diff != "" {
		t.Errorf("matrix: -want +got\n%s", diff)
	}
	if diff := cmp.Diff([]Table{{
		Name: "t", Title: "T", Caption: "C", Rows: []string{"dataset", "column"},
		Columns: []TableColumn{{Score: "kl.divergence", Title: "KL", Digits: &zero}}, Over: []string{"features", "n", "seed"},
		Where: map[string][]Value{"strategy": words("copula"), "features": words("all", "f")},
	}}, got.Tables); diff != "" {
		t.Errorf("tables: -want +got\n%s", diff)
	}
	if diff := cmp.Diff([]Plot{{
		Name: "p", Kind: "line", With: raw(`{"log":true}`), Title: "P", X: "dataset", Y: "kl.mean", XLabel: "X", YLabel: "Y",
		Over: []string{"features", "n", "seed"}, Where: map[string][]Value{"strategy": words("copula")},
	}}, got.Plots); diff != "" {
		t.Errorf("plots: -want +got\n%s", diff)
	}
}

func TestDefaults(t *testing.T) {
	e := mustLoad(t, "base matrix\n-- x.cue --\ndatasets: t: {use: \"table\", with: path: \"t.csv\", target: \"a\"}\n-- t.csv --\na\n")
	if diff := cmp.Diff(split.Config{Train: 0.6, Validation: 0.1, Test: 0.15, Reference: 0.15, By: "subject"}, e.Datasets[1].Split); diff != "" {
		t.Errorf("with a subject: %s", diff)
	}
	if diff := cmp.Diff(split.Config{Train: 0.6, Validation: 0.1, Test: 0.15, Reference: 0.15, By: "row"}, e.Datasets[0].Split); diff != "" {
		t.Errorf("without a subject: %s", diff)
	}
	if diff := cmp.Diff(prepare.Config{Missing: "keep"}, e.Datasets[0].Prepare); diff != "" {
		t.Error(diff)
	}
}

// The order of tables is that of the files, also where CUE unifies or computes what they say.
func TestOrderOfFirstMention(t *testing.T) {
	e := mustLoad(t, `base matrix
-- a.cue --
metrics: {z: _, a: _}
strategies: {for s in ["zulu", "alpha", "mike"] {(s): use: "independent"}}
-- b.cue --
metrics: m: use: "kl"
metrics: {a: use: "kl", z: use: "kl", b: use: "tvd"}
strategies: beta: use: "independent"
`)
	var metrics, strategies []string
	for _, m := range e.Metrics {
		metrics = append(metrics, m.Name)
	}
	for _, s := range e.Strategies {
		strategies = append(strategies, s.Name)
	}
	if got := strings.Join(metrics, " "); got != "z a m b kl" {
		t.Errorf("metrics are %s", got)
	}
	if got := strings.Join(strategies, " "); got != "zulu alpha mike beta copula" {
		t.Errorf("strategies are %s", got)
	}
}

func TestLanguage(t *testing.T) {
	e := mustLoad(t, `base
-- x.cue --
package study

import (
	"list"
	"strings"
)

let sizes = [100, 200]
_metric: {use: "tvd", with: smoothing: 0.5}
#Ladder: {use: "importance", with: ladder: [...int]}
title: strings.ToUpper("study")
metrics: {
	for s in ["a", "b"] {"tvd-\(s)": _metric}
	if len(sizes) > 1 {wide: _metric & {with: high: 20}}
}
features: top: #Ladder & {with: ladder: [5, 10]}
matrix: [for s in list.Range(0, 3, 1) {features: ["top5"], n: sizes, seed: [s]}]
`)
	if e.Title != "STUDY" || len(e.Metrics) != 4 || len(e.Matrix) != 3 {
		t.Fatalf("%+v", e)
	}
	if got := e.Matrix[2].values("seed"); !slices.Equal(got, numbers(2)) {
		t.Errorf("seed of the third block is %v", got)
	}
	if got := string(e.Metrics[2].With); got != `{"high":20,"smoothing":0.5}` {
		t.Errorf("wide has %s", got)
	}
}

func TestDataThatAreAbsent(t *testing.T) {
	src := `base matrix
-- x.cue --
datasets: {
	a: {use: "table", with: path: "${UNSET}/x.csv", subject: "nosuch"}
	b: {use: "table", with: path: "absent.csv", target: "nosuch"}
}
`
	dir := unpack(t, txtar.Parse([]byte(src)))
	opts := Options{Registry: fakeRegistry(), WorkDir: dir, Env: func(string) (string, bool) { return "", false }}
	if _, err := Load(dir, opts); err == nil || len(err.(Mistakes)) != 2 {
		t.Errorf("required: %v", err)
	}
	opts.Data = IfPresent
	e, err := Load(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(e.Datasets[0].With); got != `{"path":"${UNSET}/x.csv"}` {
		t.Errorf("a has %s", got)
	}
	if e.Headers["a"] != nil || e.Headers["b"] != nil || e.Headers["icu"] == nil {
		t.Errorf("headers = %v", e.Headers)
	}
	opts.NoHeaders, opts.Data = true, Require
	opts.Env = func(string) (string, bool) { return "/nowhere", true }
	if e, err = Load(dir, opts); err != nil || len(e.Headers) != 0 {
		t.Errorf("without headers: %v", err)
	}
}

// What the experiment itself says of a column holds without the file.
func TestRolesWithoutData(t *testing.T) {
	dir := unpack(t, txtar.Parse([]byte(`base
-- x.cue --
datasets: b: {use: "table", with: path: "absent.csv", outcome: "los"}
features: f: {use: "list", with: columns: ["los", "age"]}
matrix: [{dataset: ["b"], features: ["f"], n: [1], seed: [1]}]
`)))
	_, err := Load(dir, Options{Registry: fakeRegistry(), WorkDir: dir, Data: IfPresent})
	var ms Mistakes
	if !errors.As(err, &ms) || len(ms) != 1 || ms[0].Path != "features.f.with.columns.0" {
		t.Errorf("an outcome as a feature: %v", err)
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	for name, path := range map[string]string{"absent": filepath.Join(dir, "x.cue"), "folder without experiment": dir} {
		_, err := Load(path, Options{Registry: fakeRegistry()})
		var ms Mistakes
		if err == nil || errors.As(err, &ms) {
			t.Errorf("%s: %v", name, err)
		}
	}
	big := filepath.Join(dir, "big.cue")
	if err := os.WriteFile(big, []byte(strings.Repeat("// x\n", maxBytes/5+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(big, Options{Registry: fakeRegistry()}); err == nil || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("big file: %v", err)
	}
}

func TestPlacesAreRelative(t *testing.T) {
	dir := unpack(t, txtar.Parse([]byte("-- a/x.cue --\nname: 3\n-- b/keep --\n")))
	for work, want := range map[string]string{"a": "./x.cue", ".": "./a/x.cue", "b": "../a/x.cue"} {
		_, err := Load(filepath.Join(dir, "a", "x.cue"), Options{Registry: fakeRegistry(), WorkDir: filepath.Join(dir, work)})
		var ms Mistakes
		if !errors.As(err, &ms) || ms[0].File != want {
			t.Errorf("from %s: %v", work, err)
		}
	}
}

// A file that is right stays right, and one with a mistake keeps exactly that mistake, when its top-level parts
// change places.
func TestOrderOfSectionsDoesNotMatter(t *testing.T) {
	parts := []string{
		`name: "x"`, `datasets: icu: use: "icu"`, `features: all: use: "all"`, `strategies: copula: use: "gaussian-copula"`,
		`metrics: kl: use: "kl"`, `matrix: [{n: [1], seed: [1]}]`, `plots: p: {kind: "line", x: "n", y: "kl.mean"}`,
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		rng.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		text := strings.Join(parts, "\n")
		if e, err := loadText(t, "-- x.cue --\n"+text+"\n"); err != nil || len(e.Warnings) > 0 {
			t.Fatalf("%s\n%v", text, err)
		}
		_, err := loadText(t, "-- x.cue --\n"+strings.ReplaceAll(text, "kl.mean", "kl.men")+"\n")
		var ms Mistakes
		if !errors.As(err, &ms) || len(ms) != 1 || ms[0].Path != "plots.p.y" {
			t.Fatalf("%s\n%v", text, err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	dir := b.TempDir()
	text := design
	for i := range 40 {
		text += fmt.Sprintf("metrics: \"m%d\": {\n\tuse: \"tvd\"\n\twith: {smoothing: %d}\n}\n", i, i)
	}
	for name, content := range map[string]string{"x.cue": text, "t.csv": designHeader} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	opts := Options{Registry: fakeRegistry(), Env: func(string) (string, bool) { return dir, true }}
	for b.Loop() {
		if _, err := Load(filepath.Join(dir, "x.cue"), opts); err != nil {
			b.Fatal(err)
		}
	}
}
