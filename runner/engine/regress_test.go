package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/split"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/engine"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// withUnits makes the metric say what its pair calls a unit: sites or rows.
type withUnits struct{}

func (withUnits) Measure(_ context.Context, _ plugins.Env, p *plugins.Pair) (*plugins.Measurement, error) {
	unit := "rows"
	if p.Parts.Get(plugins.Test).Site != nil {
		unit = "sites"
	}
	return &plugins.Measurement{Scores: []plugins.Score{{
		Name: "unit", Status: plugins.OK, Interval: &plugins.Interval{Level: 0.95, Unit: unit},
	}}}, nil
}

// TestDataSetsThatShareRowsKeepTheirRoles: two data sets with the same rows share the synthetic rows; a metric
// that sees the sites of one must not see those of the other, whatever the order and the workers.
func TestDataSetsThatShareRowsKeepTheirRoles(t *testing.T) {
	for _, first := range []int{0, 1} {
		for _, workers := range []int{1, 8} {
			b := newBench(t)
			plugins.Add(&b.lab.registry.Metrics, plugins.Info{
				Name: "unit", Version: 1, Summary: "unit", Reads: []plugins.Part{plugins.Test}, Scores: []plugins.ScoreInfo{{Name: "unit"}},
			}, struct{}{}, func(struct{}) (plugins.Metric, error) { return withUnits{}, nil })
			e := study(map[string]string{"a": ""}, values(10), 1)
			with, without := e.Datasets[0], e.Datasets[0]
			with.Name, with.Site = "with", "x"
			without.Name, without.ID = "without", []string{"x"}
			e.Datasets = []spec.Dataset{with, without}
			names := []any{"with", "without"}
			e.Matrix[0].Axes[0].Values = values(names[first], names[1-first])
			e.Metrics[0].Use.Use = "unit"
			core, _, err := b.run(t, t.Context(), e, engine.Options{Workers: workers})
			if err != nil {
				t.Fatal(err)
			}
			for i, s := range measured(core) {
				want := map[string]string{"with": "sites", "without": "rows"}[core.Cells[i].Axes["dataset"]]
				if s.Status != plugins.OK || s.Interval.Unit != want {
					t.Errorf("order %d, %d workers: %s has %+v, want %s", first, workers, s.Cell, s.Score, want)
				}
			}
		}
	}
}

// TestCellsThatWaitForAFailedStepFail: they are counted and shown, not lost.
func TestCellsThatWaitForAFailedStepFail(t *testing.T) {
	b := newBench(t)
	e := study(map[string]string{"a": "", "b": ""}, values(plugins.Train), 1)
	e.Datasets[0].Split.Stratify = []string{"nothing"}
	core, res, err := b.run(t, t.Context(), e, engine.Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	if res.Cells != 2 || res.Failed != 2 || core.Manifest.Complete || len(core.Cells) != 2 {
		t.Fatalf("%d cells, %d failed, %d recorded", res.Cells, res.Failed, len(core.Cells))
	}
	for _, c := range core.Cells {
		if c.Status != record.CellFailed || c.Stage != "split" || !strings.Contains(c.Reason, "nothing") || c.Axes["n"] != "rows(train)" {
			t.Errorf("cell %+v", c)
		}
	}
}

// TestARuleMayNameAValueAsItIsWritten: an exclusion of {rows: "train"} holds before and after it is a number.
func TestARuleMayNameAValueAsItIsWritten(t *testing.T) {
	for name, n := range map[string][]spec.Value{"as written": values(plugins.Train), "as it turns out": values(40)} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			e := study(map[string]string{"a": "", "b": ""}, values(plugins.Train), 1)
			e.Matrix[0].Exclude = []spec.Exclude{{Match: map[string][]spec.Value{"strategy": values("a"), "n": n}, Reason: "no"}}
			core, _, err := b.run(t, t.Context(), e, engine.Options{Workers: 1})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range core.Cells {
				got = append(got, c.Axes["strategy"]+" "+string(c.Status))
			}
			if !slices.Equal(got, []string{"b ok", "a excluded"}) {
				t.Errorf("cells %v", got)
			}
		})
	}
}

// TestDamageAnywhereChangesNothingRecorded flips one byte of each stored output in turn.
func TestDamageAnywhereChangesNothingRecorded(t *testing.T) {
	b := newBench(t)
	e := study(map[string]string{"a": ""}, values(10, plugins.Train), 1)
	want, _, err := b.run(t, t.Context(), e, engine.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	packs, err := filepath.Glob(filepath.Join(b.dir, "packs", "*.pack"))
	if err != nil || len(packs) != 1 {
		t.Fatalf("packs %v, %v", packs, err)
	}
	whole, err := os.ReadFile(packs[0])
	if err != nil {
		t.Fatal(err)
	}
	const places = 25
	for i := 1; i < places; i++ {
		dir := filepath.Join(t.TempDir(), "cache")
		if err := os.CopyFS(dir, os.DirFS(b.dir)); err != nil {
			t.Fatal(err)
		}
		hurt := slices.Clone(whole)
		hurt[len(whole)*i/places] ^= 0x10
		if err := os.WriteFile(filepath.Join(dir, "packs", filepath.Base(packs[0])), hurt, 0o600); err != nil {
			t.Fatal(err)
		}
		other := &bench{lab: b.lab, dir: dir}
		got, res, err := other.run(t, t.Context(), e, engine.Options{Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		if res.Failed != 0 || asJSON(got) != asJSON(want) {
			t.Errorf("damage at place %d of %d changed what is recorded (%d failed)", i, places, res.Failed)
		}
	}
}

func asJSON(core *record.Core) string {
	b, err := json.Marshal([]any{core.Cells, core.Scores, core.Curves, core.Counts, core.Manifest.Notes, core.Manifest.CellNotes})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// breaking returns scores and curves that break the contract of a metric.
type breaking struct {
	What string `json:"what"`
}

func (m breaking) Measure(context.Context, plugins.Env, *plugins.Pair) (*plugins.Measurement, error) {
	s := plugins.Score{Name: "share", Value: 0.5, Status: plugins.OK}
	out := &plugins.Measurement{}
	switch m.What {
	case "range":
		s.Value = 1.5
	case "interval":
		s.Interval = &plugins.Interval{Low: 1, High: 0, Level: 0.95, Unit: "rows"}
	case "level":
		s.Interval = &plugins.Interval{Low: 0, High: 1, Level: 2, Unit: "rows"}
	case "dim":
		s.Dims = map[string]string{"column": "x"}
	case "name":
		s.Name = "other"
	case "reason":
		s.Status = plugins.Undefined
	case "curve":
		out.Curves = []plugins.Curve{{Name: "c", X: []float64{1, 2}, Y: []float64{1}}}
	}
	out.Scores = []plugins.Score{s}
	return out, nil
}

func TestABrokenMeasurementIsABugAndIsNotStored(t *testing.T) {
	for _, what := range []string{"range", "interval", "level", "dim", "name", "reason", "curve"} {
		b := newBench(t)
		plugins.Add(&b.lab.registry.Metrics, plugins.Info{
			Name: "breaking", Version: 1, Summary: "breaks", Reads: []plugins.Part{plugins.Test}, Scores: []plugins.ScoreInfo{{Name: "share", Min: 0, Max: 1}},
		}, breaking{}, func(c breaking) (plugins.Metric, error) { return c, nil })
		e := study(map[string]string{"a": ""}, values(10), 1)
		e.Metrics[0].Use.Use, e.Metrics[0].With = "breaking", json.RawMessage(`{"what":"`+what+`"}`)
		for range 2 {
			core, res, err := b.run(t, t.Context(), e, engine.Options{Workers: 1})
			if err != nil || !res.Bug || core.Cells[0].Status != record.CellFailed {
				t.Errorf("%s: bug %v, %v", what, res.Bug, err)
			}
		}
	}
}

// TestVariantsAreAccountedApart: a declared axis that changes the split gives two accounts of the parts, told
// apart by its value, and feature subsets are listed under their names.
func TestVariantsAreAccountedApart(t *testing.T) {
	b := newBench(t)
	e := study(map[string]string{"a": ""}, values(10), 1)
	e.Features = append(e.Features, spec.FeatureSet{Use: spec.Use{Name: "again", Use: "all"}})
	e.Axes = []spec.Axis{{Name: "fold", Sets: "datasets.d.split.seed"}}
	e.Matrix[0].Axes[1].Values = values("all", "again")
	e.Matrix[0].Axes = append(e.Matrix[0].Axes, spec.AxisValues{Axis: "fold", Values: values(1, 2)})
	core, _, err := b.run(t, t.Context(), e, engine.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, c := range core.Counts {
		if c.Cell == "" {
			seen[fmt.Sprintf("%s %s %v", c.Stage, c.Name, c.Dims)]++
		}
	}
	for row, times := range seen {
		if times != 1 {
			t.Errorf("%s stands there %d times", row, times)
		}
	}
	for _, want := range []string{
		"split rows map[fold:1 part:train]", "split rows map[fold:2 part:train]",
		"features place of the feature map[column:x features:all fold:1]", "features place of the feature map[column:x features:again fold:2]",
	} {
		if seen[want] != 1 {
			t.Errorf("no count %s", want)
		}
	}
}

// TestSmallCountsOfRestrictedDataAreWithheld: here the reference part is small.
func TestSmallCountsOfRestrictedDataAreWithheld(t *testing.T) {
	for governance, withheld := range map[plugins.Governance]bool{plugins.Open: false, plugins.Restricted: true} {
		b := newBench(t)
		e := study(map[string]string{"a": ""}, values(20), 1)
		e.Datasets[0].Governance = governance
		e.Datasets[0].Split = split.Config{Train: 0.6, Validation: 0, Test: 0.35, Reference: 0.05, By: "row", Seed: 1}
		core, _, err := b.run(t, t.Context(), e, engine.Options{Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		small := slices.ContainsFunc(core.Counts, func(c record.Count) bool { return c.Stage == "split" && c.Value > 0 && c.Value < 11 })
		said := slices.ContainsFunc(core.Manifest.Notes, func(n string) bool { return strings.Contains(n, "withheld") })
		if small == withheld || said != withheld {
			t.Errorf("%s: small counts recorded %v, note %v", governance, small, said)
		}
	}
}

// TestAnOutputThatCannotBeReadIsMadeAgainOnce: an entry that passes its check in an encoding that nobody
// reads is replaced, so that the next run finds a good one.
func TestAnOutputThatCannotBeReadIsMadeAgainOnce(t *testing.T) {
	b := newBench(t)
	e := study(map[string]string{"a": ""}, values(10), 1)
	quiet := slog.New(slog.DiscardHandler)
	c, err := cache.Open(b.dir, cache.Options{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.New(e, plan.Inputs{Registry: &b.lab.registry, Hash: c.HashFile, Facts: c.Facts})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Put(t.Context(), &p.Cells[0].Dataset.Read.Recipe, cache.Output{Bytes: []byte("?")}); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for run, damaged := range []int{1, 0} {
		_, res, err := b.run(t, t.Context(), e, engine.Options{Workers: 1})
		if err != nil || res.Damaged != damaged || res.Failed != 0 {
			t.Errorf("run %d: %d damaged, %d failed, %v", run, res.Damaged, res.Failed, err)
		}
	}
}

// TestARepeatedRowIdentifierIsRefused: the rows of the fake data repeat x.
func TestARepeatedRowIdentifierIsRefused(t *testing.T) {
	for row, ok := range map[string]bool{"id": true, "x": false} {
		b := newBench(t)
		e := study(map[string]string{"a": ""}, values(10), 1)
		e.Datasets[0].Row = row
		e.Features[0].Allow = []string{"leakage"}
		core, _, err := b.run(t, t.Context(), e, engine.Options{Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		if failed := core.Cells[0].Status == record.CellFailed; failed == ok || !ok && !strings.Contains(core.Cells[0].Reason, `column "x" identifies the row`) {
			t.Errorf("row %q: %+v", row, core.Cells[0])
		}
	}
}

// TestAStepThatNeedsMoreThanThereIsFailsBeforeItStarts: its plugin says how much it needs.
func TestAStepThatNeedsMoreThanThereIsFailsBeforeItStarts(t *testing.T) {
	b := newBench(t)
	b.lab.registry.Strategies.Get("copy").Info.Need = func(s plugins.Size) plugins.Need { return plugins.Need{Bytes: int64(s.N) << 20} }
	core, _, err := b.run(t, t.Context(), study(map[string]string{"a": ""}, values(10, 40), 1), engine.Options{Workers: 1, Memory: 20 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if core.Cells[0].Status != record.CellOK || core.Cells[1].Status != record.CellFailed || !strings.Contains(core.Cells[1].Reason, "about 40 MiB") {
		t.Errorf("cells %+v", core.Cells)
	}
}

// TestVerifyChecksAtLeastOneOutput: any share of a few outputs is at least one of them.
func TestVerifyChecksAtLeastOneOutput(t *testing.T) {
	b := newBench(t)
	e := study(map[string]string{"a": ""}, values(10), 1)
	if _, _, err := b.run(t, t.Context(), e, engine.Options{Workers: 1}); err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	c, err := cache.Open(b.dir, cache.Options{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p, err := plan.New(e, plan.Inputs{Registry: &b.lab.registry, Hash: c.HashFile, Facts: c.Facts})
	if err != nil {
		t.Fatal(err)
	}
	for share, want := range map[float64]int{1: 7, 0.5: 4, 0.01: 1} {
		v, err := engine.Verify(t.Context(), p, c, share, engine.Options{Workers: 1, Log: quiet})
		if err != nil || v.Checked != want || len(v.Differ) != 0 {
			t.Errorf("share %g: %+v, %v; want %d checked", share, v, err, want)
		}
	}
}
