package spec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

// withoutMetrics is an experiment with the given section in the place of its metrics.
func withoutMetrics(t *testing.T, section string) (*Experiment, error) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("t.csv", "id,death,age\n1,0,50\n2,1,60\n")
	write("x.cue", `name: "x"
datasets: d: {use: "table", with: path: "t.csv", target: "death", split: {train: 0.5, validation: 0, test: 0.25, reference: 0.25, by: "row", seed: 1}}
features: all: use: "all"
strategies: floor: use: "independent"
`+section+`
matrix: [{n: [10], seed: [1]}]
`)
	registry := fakeRegistry()
	registry.Core = []plugins.Preset{{Name: "shape", Use: "kl"}, {Name: "odd-name", Use: "kl", With: []byte(`{"bins":7}`)}}
	return Load(filepath.Join(dir, "x.cue"), Options{Registry: registry, WorkDir: dir})
}

func TestCoreMetricsAreThoseOfWhatNamesNone(t *testing.T) {
	e, err := withoutMetrics(t, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Metrics) != 2 || e.Metrics[0].Name != "shape" || e.Metrics[1].Name != "odd-name" || !strings.Contains(string(e.Metrics[1].settings), `"bins":7`) {
		t.Errorf("%+v", e.Metrics)
	}
	for _, section := range []string{`metrics: mine: use: "kl"`, `metrics: mine: {use: "kl", by: ["age"], subsamples: 20}`, `if true {metrics: mine: use: "kl"}`} {
		e, err := withoutMetrics(t, section)
		if err != nil {
			t.Fatal(err)
		}
		if len(e.Metrics) != 1 || e.Metrics[0].Name != "mine" {
			t.Errorf("%s: %+v", section, e.Metrics)
		}
	}
	for section, want := range map[string]string{
		`metrcs: mine: use: "kl"`:                        `no such field; did you mean "metrics"?`,
		`metrics: mine: {use: "kl", by: ["ages"]}`:       `has no column "ages"`,
		`metrics: mine: {use: "kl", by: ["age", "age"]}`: `"age" is given twice`,
		`metrics: mine: {use: "kl", by: ["column"]}`:     `column`,
		`metrics: mine: {use: "kl", subsamples: 5}`:      `subsamples`,
	} {
		if _, err := withoutMetrics(t, section); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "core metrics") {
			t.Errorf("%s: %v", section, err)
		}
	}
}
