package all

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/plugintest"
)

// settings is the with block that each plugin is tested with. A plugin without an entry fails the test: add a line.
var settings = map[string]map[string]string{
	"dataset": {
		"eicu":          `{"root": "../dataset/eicu/testdata/folder", "matrix": "johnson2018"}`,
		"simulated-icu": `{"rows": 300, "hospitals": 4, "categories": true}`,
		"table":         `{"path": "PATH", "missing": [-1]}`,
	},
	"features": {
		"all":        ``,
		"group":      `{"groups": ["demographics", "labs"], "cumulative": true}`,
		"importance": `{"ladder": [1, 3, 7], "model": "gbdt", "gbdt": {"rounds": 20, "subsample": 0.8, "colsample_bytree": 0.7}}`,
		"list":       `{"columns": ["unit", "age"]}`,
		"random":     `{"ladder": [1, 3, 7], "draw": 2}`,
	},
	"strategy": {
		"gaussian-copula": ``,
		"holdout":         ``,
		"independent":     ``,
		"llm-conditional": `{"llm": "model", "rows": 20, "block": 3, "order": ["lactate", "age"], "label": {"order": "first"}}`,
		"llm-group":       `{"llm": "model", "rows": 20, "by": ["is_female", "race"], "format": "json", "label": {"mode": "conditioned"}}`,
		"llm-naive":       `{"llm": "model", "rows": 20, "exampleChoice": "stratified", "freshExamples": true, "copies": "drop"}`,
		"llm-schema":      `{"llm": "model", "rows": 20, "aggregates": "label", "constraints": "no newborns"}`,
		"resample":        ``,
	},
	"llm": {
		"anthropic": `{"model": "claude-sonnet-4-20250514", "temperature": 0.7}`,
		"bedrock":   `{"model": "anthropic.claude-3-5-sonnet-20241022-v2:0", "region": "eu-west-1"}`,
		"googleai":  `{"model": "gemini-2.0-flash-001", "seed": 0}`,
		"openai":    `{"model": "gpt-4o-2024-08-06", "top_p": 0.9}`,
		"simulated": `{"malformed": 0.1, "max_tokens": 1000}`,
	},
	"metric": {
		"correlation": `{"pairs": true}`,
		"downstream":  ``,
		"kl":          ``,
		"ks":          ``,
		"tv":          ``,
	},
	"view": {
		"bars": ``,
		"line": ``,
	},
}

// tableFile is what the data set "table" reads in the test.
const tableFile = `stay,age,unit,lactate,units,death
1,64,medical,1.4,mmol/L,0
2,71,surgical,,mmol/L,0
3,58,"medical, high care",4.1,mmol/L,1
4,80,medical,-1,mmol/L,0
`

// with returns the settings of a plugin; the path in them leads to a file of the test.
func with(t *testing.T, kind, name string) string {
	t.Helper()
	block, ok := settings[kind][name]
	if !ok {
		t.Fatalf("%s %q has no settings in all_test.go: add a line, so that it is tested", kind, name)
	}
	if name != "table" {
		return block
	}
	path := filepath.Join(t.TempDir(), "table.csv")
	if err := os.WriteFile(path, []byte(tableFile), 0o600); err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal([]byte(block), &fields); err != nil {
		t.Fatal(err)
	}
	fields["path"] = path
	out, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// suite runs the suite of a kind over its plugins and notes their digests.
func suite[P any](t *testing.T, g *golden, kind string, set *plugins.Set[P], check func(*testing.T, *plugins.Entry[P], string) string) {
	for _, name := range set.Names() {
		t.Run(kind+" "+name, func(t *testing.T) {
			e := set.Get(name)
			digest := check(t, e, with(t, kind, name))
			if !t.Failed() {
				g.note(t, entry{kind: kind, name: name, version: e.Info.Version, digest: digest})
			}
		})
	}
	for name := range settings[kind] {
		if !slices.Contains(set.Names(), name) {
			t.Errorf("settings name %s %q, which is not registered", kind, name)
		}
	}
}

func TestEveryPlugin(t *testing.T) {
	r, in := Registry(), plugintest.Fixture()
	g := readGolden(t, in)
	suite(t, g, "dataset", &r.Datasets, plugintest.Dataset)
	suite(t, g, "features", &r.Features, func(t *testing.T, e *plugins.Entry[plugins.Features], with string) string {
		return plugintest.Features(t, e, with, in)
	})
	suite(t, g, "strategy", &r.Strategies, func(t *testing.T, e *plugins.Entry[plugins.Strategy], with string) string {
		return plugintest.Strategy(t, e, with, in)
	})
	suite(t, g, "llm", &r.LLMs, plugintest.LLM)
	suite(t, g, "metric", &r.Metrics, func(t *testing.T, e *plugins.Entry[plugins.Metric], with string) string {
		return plugintest.Metric(t, e, with, in)
	})
	suite(t, g, "view", &r.Views, func(t *testing.T, e *plugins.Entry[plugins.View], with string) string {
		if e.Info.Name == "bars" {
			return plugintest.View(t, e, with, plugintest.Groups())
		}
		return plugintest.View(t, e, with, plugintest.Lines())
	})
	checkKeyed(t, g, r, in)
	g.finish(t)
}

// Only the ceiling may read the reference part: a metric reads the test part, and rankings and fits the train part.
func TestReferenceIsForTheHoldoutAlone(t *testing.T) {
	r := Registry()
	for _, name := range r.Strategies.Names() {
		want := []plugins.Part{plugins.Train}
		if name == "holdout" {
			want = []plugins.Part{plugins.Reference}
		}
		if got := r.Strategies.Get(name).Info.Reads; !slices.Equal(got, want) {
			t.Errorf("strategy %q reads %v, want %v", name, got, want)
		}
	}
	for _, name := range r.Metrics.Names() {
		if slices.Contains(r.Metrics.Get(name).Info.Reads, plugins.Reference) {
			t.Errorf("metric %q reads the reference part", name)
		}
	}
}

// A part that was not declared cannot be read: asking for it panics.
func TestUndeclaredPartsAreOutOfReach(t *testing.T) {
	r, in := Registry(), plugintest.Fixture()
	for _, name := range r.Strategies.Names() {
		declared := r.Strategies.Get(name).Info.Reads
		parts := plugins.NewParts(in.Parts).Only(declared...)
		for _, part := range plugins.AllParts() {
			if reads(parts, part) != slices.Contains(declared, part) {
				t.Errorf("strategy %q, declared %v: reading %q", name, declared, part)
			}
		}
	}
}

func reads(parts plugins.Parts, part plugins.Part) (ok bool) {
	defer func() { ok = recover() == nil }()
	parts.Get(part)
	return
}
