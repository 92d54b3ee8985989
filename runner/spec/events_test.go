package spec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

// onEvents loads an experiment on events with the given metrics. There is a strategy, a feature set and a metric for events.
func onEvents(t *testing.T, metrics string) (*Experiment, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.cue")
	text := `name: "x"
datasets: d: {use: "trajectories", split: {train: 0.5, validation: 0, test: 0.25, reference: 0.25, seed: 1}}
features: whole: use: "whole"
strategies: again: use: "again"
` + metrics + `
matrix: [{n: [10], seed: [1]}]
`
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	r := fakeRegistry()
	r.Core = []plugins.Preset{{Name: "kl", Use: "kl"}}
	info := func(name string) plugins.Info {
		return plugins.Info{
			Name: name, Version: 1, Summary: "a fake", Shapes: []plugins.Shape{plugins.Events},
			Scores: []plugins.ScoreInfo{{Name: "score", Summary: "a score", Min: 0, Max: 1, Better: plugins.Higher}},
		}
	}
	plugins.Add(&r.Datasets, info("trajectories"), none{}, func(none) (plugins.Dataset, error) {
		return fakeDataset{columns: []plugins.ColumnInfo{{Name: "subject_id", Role: plugins.RoleSubject}, {Name: "code"}, {Name: "visit"}}}, nil
	})
	plugins.Add(&r.Features, info("whole"), none{}, func(none) (plugins.Features, error) { return fakeFeatures{[]string{""}}, nil })
	plugins.Add(&r.Strategies, info("again"), none{}, func(none) (plugins.Strategy, error) { return nil, nil })
	plugins.Add(&r.Metrics, info("lengths"), none{}, func(none) (plugins.Metric, error) { return nil, nil })
	return Load(path, Options{Registry: r, WorkDir: filepath.Dir(path)})
}

func TestEventsAreDealtByPatientAndNeedNoTarget(t *testing.T) {
	e, err := onEvents(t, `metrics: mine: use: "lengths"`)
	if err != nil {
		t.Fatal(err)
	}
	if d := e.Datasets[0]; d.Subject != "subject_id" || d.Split.By != "subject" || d.Target != "" {
		t.Errorf("%+v", d)
	}
}

func TestMetricsOfEvents(t *testing.T) {
	for metrics, want := range map[string]string{
		``: `datasets.d.use: has events, and the core metrics, which an experiment has that names none, take records; name metrics that take events: "lengths"`,
		`metrics: mine: {use: "lengths", by: ["code"]}`: `metrics.mine.by: does not apply to events, as data set "d" has them`,
		`metrics: mine: use: "kl"`:                      `metrics.mine.use: "kl" takes records, data set "d" has events`,
	} {
		_, err := onEvents(t, metrics)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), "x.cue:") != 1 {
			t.Errorf("%q: %v, want %q alone, with its place", metrics, err, want)
		}
	}
}
