package gate

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// ward is a small world in which strategies are rated on test rows, as a metric with joint resamples does: a score is the mean over rows of
// what the row is like, how the strategy does on it, and what this generation happened to give.
type ward struct {
	rng        *rand.Rand
	strategies []string
	seeds      int
	rows       []float64   // what every arm finds hard or easy
	resamples  [][]int     // of rows
	skill      [][]float64 // of each strategy, on each row
}

// The standard deviations of the world: rows differ most, generations shift a score by about the standard error of a test of 150 rows.
const (
	wardRows      = 150
	wardResamples = 200
	sdRow         = 0.3
	sdSkill       = 0.1
	sdShift       = 0.02
	sdNoise       = 0.15
)

func newWard(seed uint64, strategies, seeds int) *ward {
	w := &ward{rng: rand.New(rand.NewPCG(seed, 7)), seeds: seeds}
	for s := range strategies {
		w.strategies = append(w.strategies, fmt.Sprintf("s%d", s+1))
	}
	w.rows = w.normal(wardRows, sdRow)
	for range wardResamples {
		sample := make([]int, wardRows)
		for i := range sample {
			sample[i] = w.rng.IntN(wardRows)
		}
		w.resamples = append(w.resamples, sample)
	}
	for range strategies {
		w.skill = append(w.skill, w.normal(wardRows, sdSkill))
	}
	return w
}

func (w *ward) normal(n int, sd float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = w.rng.NormFloat64() * sd
	}
	return out
}

// change gives strategies other skills on each row, by so much less as a whole, as another implementation of them would have.
func (w *ward) change(less []float64) {
	for s := range w.skill {
		for i := range w.skill[s] {
			w.skill[s][i] = w.skill[s][i]*0.8 + w.rng.NormFloat64()*sdSkill*0.6
		}
		for i := range w.skill[s] {
			w.skill[s][i] -= less[s]
		}
	}
}

// rate makes a version: every generation is a new one.
func (w *ward) rate(version int) *record.Core {
	core := skeleton(version)
	core.Manifest.AxisValues = map[string][]string{"dataset": {"icu"}, "features": {"all"}, "strategy": w.strategies}
	for s, strategy := range w.strategies {
		for seed := range w.seeds {
			id := fmt.Sprintf("icu.all.%s.n100.seed%d", strategy, seed+1)
			core.Cells = append(core.Cells, record.Cell{ID: id, Status: record.CellOK, Axes: map[string]string{
				"dataset": "icu", "features": "all", "strategy": strategy, "n": "100", "seed": fmt.Sprint(seed + 1),
			}})
			shift := 0.5 + w.rng.NormFloat64()*sdShift
			values := w.normal(wardRows, sdNoise)
			for i := range values {
				values[i] += shift + w.rows[i] + w.skill[s][i]
			}
			core.Scores = append(core.Scores, drawn(id, values, w.resamples))
		}
	}
	return core
}

// drawn is the mean of values, and of each resample of them.
func drawn(cell string, values []float64, resamples [][]int) record.Score {
	mean := 0.0
	for _, v := range values {
		mean += v / float64(len(values))
	}
	draws := &record.Draws{Unit: "test subjects", Of: "rows of icu", Values: make([]float32, len(resamples))}
	for r, sample := range resamples {
		sum := 0.0
		for _, i := range sample {
			sum += values[i]
		}
		draws.Values[r] = float32(sum / float64(len(sample)))
	}
	return record.Score{
		Cell: cell, Metric: "across", Draws: draws,
		Score: plugins.Score{Name: "auroc", Value: mean, N: len(values), Status: plugins.OK},
	}
}

// skeleton is a version without cells.
func skeleton(version int) *record.Core {
	zero, one := 0.0, 1.0
	return &record.Core{Manifest: record.Manifest{
		Format: 1, Experiment: "trial", Version: version, Complete: true, Axes: []string{"dataset", "features", "strategy", "n", "seed"},
		Scores:  []record.ScoreInfo{{Metric: "across", Name: "auroc", Better: plugins.Higher, Min: &zero, Max: &one}, {Metric: "across", Name: "brier", Better: plugins.Lower}},
		Data:    []record.DataInfo{{Name: "icu", Plugin: "table", Files: []record.FileInfo{{Role: "table", SHA256: "aa"}}}},
		Plugins: []record.PluginInfo{{Stage: "dataset", Name: "table", Version: 1}, {Stage: "split", Name: "split", Version: 1}, {Stage: "measure", Name: "downstream", Version: 4}},
		Numeric: "amd64", MetricUses: map[string][]plugins.Use{"across": {{Name: "gbdt", Version: 2}, {Name: "stats", Version: 7}}},
		Resolved: json.RawMessage(`{"name":"trial","datasets":[{"name":"icu","use":"table","split":{"seed":7,"train":0.6},"prepare":{"missing":"keep"}}],` +
			`"features":[{"name":"all","use":"all"}],"metrics":[{"name":"across","use":"downstream","with":{"model":"gbdt"}}]}`),
	}}
}

// flat is a version with the values of seeds 1, 2 … of one strategy, without draws.
func flat(version int, strategy string, values ...float64) *record.Core {
	core := skeleton(version)
	for i, v := range values {
		id := fmt.Sprintf("icu.all.%s.n100.seed%d", strategy, i+1)
		core.Cells = append(core.Cells, record.Cell{ID: id, Status: record.CellOK, Axes: map[string]string{
			"dataset": "icu", "features": "all", "strategy": strategy, "n": "100", "seed": fmt.Sprint(i + 1),
		}})
		core.Scores = append(core.Scores, record.Score{
			Cell: id, Metric: "across", Score: plugins.Score{Name: "auroc", Value: v, N: 100, Status: plugins.OK},
		})
	}
	return core
}

// crossed is a version with the values of each split of the data, by seed.
func crossed(version int, splits ...[]float64) *record.Core {
	core := skeleton(version)
	core.Manifest.Axes = append(core.Manifest.Axes, "split")
	core.Manifest.Resolved = json.RawMessage(strings.Replace(string(core.Manifest.Resolved), `"features":`, `"axes":[{"name":"split","sets":"datasets.icu.split.seed"}],"features":`, 1))
	for i, values := range splits {
		for _, c := range flat(version, "copula", values...).Cells {
			c.ID, c.Axes["split"] = fmt.Sprintf("%s.split%d", c.ID, i+1), fmt.Sprint(i+1)
			core.Cells = append(core.Cells, c)
		}
		for _, s := range flat(version, "copula", values...).Scores {
			s.Cell = fmt.Sprintf("%s.split%d", s.Cell, i+1)
			core.Scores = append(core.Scores, s)
		}
	}
	return core
}

// clone is a deep copy of a core.
func clone(core *record.Core) *record.Core {
	out := *core
	out.Manifest.Data = slices.Clone(core.Manifest.Data)
	for i := range out.Manifest.Data {
		out.Manifest.Data[i].Files = slices.Clone(core.Manifest.Data[i].Files)
	}
	out.Manifest.Plugins, out.Manifest.LLMs = slices.Clone(core.Manifest.Plugins), slices.Clone(core.Manifest.LLMs)
	out.Manifest.MetricFiles = slices.Clone(core.Manifest.MetricFiles)
	out.Cells, out.Scores, out.Counts = slices.Clone(core.Cells), slices.Clone(core.Scores), slices.Clone(core.Counts)
	for i := range out.Cells {
		out.Cells[i].Axes = maps.Clone(out.Cells[i].Axes)
	}
	for i := range out.Scores {
		if d := out.Scores[i].Draws; d != nil {
			copied := *d
			out.Scores[i].Draws = &copied
		}
	}
	return &out
}

// holds is a check of the score of all strategies.
func holds(absolute float64) spec.Check {
	return spec.Check{Name: "holds", Score: "across.auroc", Tolerance: spec.Tolerance{Absolute: &absolute}, File: "./trial.cue", Line: 12, Column: 2}
}

// against compares a version with another by one check.
func against(t testing.TB, c spec.Check, now, old *record.Core) *Report {
	t.Helper()
	return report(t, []spec.Check{c}, now, old)
}

// report compares a version with another.
func report(t testing.TB, checks []spec.Check, now, old *record.Core) *Report {
	t.Helper()
	r, err := Run(checks, &Version{Name: fmt.Sprintf("v%d", now.Manifest.Version), Core: now}, func(*spec.Check) Baseline {
		return Baseline{Version: &Version{Name: fmt.Sprintf("v%d", old.Manifest.Version), Core: old}, Why: "accepted 2026-03-01: new split"}
	}, Options{Level: 0.95})
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		if math.IsNaN(c.Delta) || math.IsNaN(c.Low) || math.IsNaN(c.High) || math.IsNaN(c.Margin) {
			t.Fatalf("%s: not a number: %+v", c.Title(), c)
		}
	}
	return r
}

// said joins all that a comparison says.
func said(c *Comparison) string { return strings.Join(c.Sentences(), "\n") }
