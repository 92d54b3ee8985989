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
		"events":        `{"path": "PATH", "columns": {"code": "drug"}, "visits": {"gap": 24}}`,
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
	"audit": {
		"llm-judge": `{"llms": ["a", "b"], "repeats": 2}`,
		"rules":     `{"rules": {"young": {"when": "death == 1", "then": "age >= 18", "message": "a child"}, "low": {"then": "lactate <= 8 or bun > 30", "message": "lactate without urea", "severity": "warning"}}}`,
	},
	"metric": {
		"adversarial-accuracy":           ``,
		"adversarial-accuracy-syntheval": ``,
		"alpha-precision":                ``,
		"alpha-precision-synthcity":      ``,
		"anonymity":                      `{"quasi": ["age", "race"], "bands": [{"column": "age", "width": 10}]}`,
		"association":                    `{"pairs": true}`,
		"attribution":                    `{"key": ["age", "race", "unit"], "bands": [{"column": "age", "width": 10}], "resamples": 50}`,
		"audit":                          `{"by": ["death", "unit"], "severity": "age"}`,
		"audit-agreement":                `{"resamples": 100}`,
		"audit-calibration":              ``,
		"audit-findings":                 `{"criteria": ["o*", "r*"], "resamples": 100}`,
		"characteristics":                ``,
		"clinical-ranges":                `{"ranges": {"age": {"min": 18}, "lactate": {"max": 4}, "nosuch": {"max": 1}}}`,
		"code-probability":               ``,
		"contingency":                    `{"pairs": true}`,
		"copies":                         `{"window": 0.1, "quantile": 0.1}`,
		"correlation":                    `{"pairs": true}`,
		"coverage":                       ``,
		"cstest-sdmetrics":               ``,
		"detection":                      `{"model": "gbdt", "copies": "together"}`,
		"detection-sdmetrics":            ``,
		"dimension-wise":                 `{"codes": 3}`,
		"disparity":                      `{"by": ["unit"]}`,
		"downstream":                     `{"model": "gbdt", "gbdt": {"rounds": 30, "subsample": 0.8}, "patience": 5, "train": "both", "resamples": 300}`,
		"fairness":                       `{"by": ["unit"], "minimum": {"rows": 5, "events": 1, "nonevents": 1}, "resamples": 50}`,
		"hellinger":                      ``,
		"hitting-rate-syntheval":         `{"window": 0.1}`,
		"homogeneity":                    ``,
		"identifiability":                `{"distance": "gower"}`,
		"importance-agreement":           `{"model": "gbdt", "gbdt": {"rounds": 20}, "by": "permutation", "top": 3}`,
		"inference":                      `{"secret": "lactate", "known": ["age", "bun", "unit"]}`,
		"inverse-kl-synthcity":           ``,
		"jensen-shannon":                 `{"bins": 20}`,
		"kl":                             ``,
		"kl-pair-continuous-sdmetrics":   `{"pairs": true}`,
		"kl-pair-discrete-sdmetrics":     `{"pairs": true}`,
		"ks":                             ``,
		"linkability":                    `{"a": ["age", "race"], "b": ["bun", "unit"]}`,
		"membership":                     `{"gbdt": {"rounds": 10, "subsample": 0.8, "colsample_bytree": 0.8}, "resamples": 50}`,
		"memorisation":                   ``,
		"missingness":                    ``,
		"mmd":                            `{"rows": 50}`,
		"moments":                        ``,
		"mutual-information":             `{"pairs": true}`,
		"nearest":                        ``,
		"nndr-gower-syntheval":           ``,
		"pmse":                           ``,
		"prdc":                           `{"k": 3}`,
		"quality-report-sdmetrics":       ``,
		"ratings":                        `{"path": "PATH", "atMost": 6, "range": {"min": 1, "max": 10}, "resamples": 50}`,
		"record-shape":                   ``,
		"singling-out":                   `{"attacks": 50}`,
		"sites":                          `{"model": "gbdt", "gbdt": {"rounds": 20, "subsample": 0.8}, "site": "unit", "rows": 20, "events": 3, "nonevents": 3, "resamples": 50, "grid": true}`,
		"structural-validity":            `{"rules": ["known_code", "contiguous_visits", "monotone_time", "no_event_after_death", "no_duplicate_code", "ordered_visits"], "death": ["C19"]}`,
		"subgroup-fidelity":              `{"by": ["unit"], "minimum": 5}`,
		"trajectory-privacy":             `{"patients": 20, "resamples": 100}`,
		"tv":                             ``,
		"wasserstein":                    ``,
	},
	"view": {
		"bars":         ``,
		"bland-altman": ``,
		"box":          ``,
		"calibration":  ``,
		"density":      ``,
		"ecdf":         ``,
		"forest":       ``,
		"ranking":      ``,
		"heatmap":      ``,
		"line":         ``,
		"pr":           ``,
		"roc":          ``,
		"scatter":      ``,
	},
}

// files are what data sets and metrics read in the test.
var files = map[string]string{
	"ratings": `record,rater,rating,origin,round,guess,flag
a,r1,7,real,1,real,0
a,r2,6,real,1,unknown,0
b,r1,4,synthetic,1,synthetic,1
b,r2,5,synthetic,1,real,0
c,r1,8,real,1,real,0
c,r1,8,real,2,,
c,r2,8,real,1,synthetic,0
d,r1,3,synthetic,1,unknown,1
d,r2,,synthetic,1,,
e,r1,5,synthetic,1,synthetic,0
e,r2,2,synthetic,1,synthetic,1
`,
	"table": `stay,age,unit,lactate,units,death
1,64,medical,1.4,mmol/L,0
2,71,surgical,,mmol/L,0
3,58,"medical, high care",4.1,mmol/L,1
4,80,medical,-1,mmol/L,0
`,
	"events": `subject_id,time,drug,numeric_value
10,2110-04-11 15:08:00,heparin,5000
10,2110-04-11 20:00:00,insulin,
10,2110-05-01,heparin,5000
9,2141-01-02T03:04:05,"salt, of potassium",20
9,,insulin,4
`,
}

// with returns the settings of a plugin; the path in them leads to a file of the test.
func with(t *testing.T, kind, name string) string {
	t.Helper()
	block, ok := settings[kind][name]
	if !ok {
		t.Fatalf("%s %q has no settings in all_test.go: add a line, so that it is tested", kind, name)
	}
	content, ok := files[name]
	if !ok {
		return block
	}
	path := filepath.Join(t.TempDir(), name+".csv")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
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
	for _, name := range r.Strategies.Names() {
		if e := r.Strategies.Get(name); slices.Contains(e.Info.Shapes, plugins.Events) {
			t.Run("strategy on events "+name, func(t *testing.T) {
				digest := plugintest.StrategyOnEvents(t, e, with(t, "strategy", name))
				g.note(t, entry{kind: "strategy-on-events", name: name, version: e.Info.Version, digest: digest})
			})
		}
	}
	suite(t, g, "llm", &r.LLMs, plugintest.LLM)
	suite(t, g, "audit", &r.Audits, func(t *testing.T, e *plugins.Entry[plugins.Auditor], with string) string {
		return plugintest.Auditor(t, e, with, in)
	})
	suite(t, g, "metric", &r.Metrics, func(t *testing.T, e *plugins.Entry[plugins.Metric], with string) string {
		return plugintest.Metric(t, e, with, in)
	})
	suite(t, g, "view", &r.Views, func(t *testing.T, e *plugins.Entry[plugins.View], with string) string {
		if e.Info.Name == "line" {
			return plugintest.View(t, e, with, plugintest.Lines())
		}
		v, _, err := e.Build([]byte(with))
		if err != nil {
			t.Fatal(err)
		}
		return plugintest.View(t, e, with, plugintest.FigureOf(v.Form()))
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
