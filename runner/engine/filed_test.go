package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// filed is a metric that reads a file and no row.
type filed struct {
	Path string `json:"path"`
}

func (m filed) Files() ([]plugins.File, error) {
	return []plugins.File{{Role: "bytes", Path: m.Path}}, nil
}

func (m filed) Check(context.Context) error { return nil }

func (m filed) Measure(context.Context, plugins.Env, *plugins.Pair) (*plugins.Measurement, error) {
	text, err := os.ReadFile(m.Path)
	return &plugins.Measurement{Scores: []plugins.Score{{Name: "bytes", Value: float64(len(text)), N: 1, Status: plugins.OK}}}, err
}

// What a metric reads of a file hangs on no row: neither on how many test rows there are, nor on the shares of groups of synthetic ones.
func TestMetricsThatReadFilesAlone(t *testing.T) {
	b, _, e, opt := askStudy(t, "groups")
	plugins.Add(&b.lab.registry.Metrics, plugins.Info{
		Name: "filed", Version: 1, Summary: "counts bytes", Scores: []plugins.ScoreInfo{{Name: "bytes", Max: 100}},
	}, filed{}, func(c filed) (plugins.Metric, error) { return c, nil })
	path := filepath.Join(t.TempDir(), "bytes.txt")
	if err := os.WriteFile(path, []byte("four"), 0o600); err != nil {
		t.Fatal(err)
	}
	e.Datasets[0].Governance = plugins.Restricted
	e.Datasets[0].Split.Train, e.Datasets[0].Split.Test = 0.65, 0.05 // 5 test rows
	e.Metrics = []spec.Metric{{Use: spec.Use{Name: "f", Use: "filed", With: []byte(`{"path": "` + path + `"}`), Paths: [][]string{{"path"}}}}}
	core, res, err := b.run(t, t.Context(), e, opt)
	if err != nil || res.Failed != 0 {
		t.Fatal(err, res.Failures)
	}
	scores := measured(core)
	if len(scores) != 1 || scores[0].Value != 4 || scores[0].Status != plugins.OK {
		t.Errorf("%+v", scores)
	}
	files := core.Manifest.MetricFiles
	if len(files) != 1 || files[0].Metric != "f" || len(files[0].Files) != 1 || files[0].Files[0].Role != "bytes" || files[0].Files[0].SHA256 == "" {
		t.Errorf("the manifest has %+v", files)
	}
}
