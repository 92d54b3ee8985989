package report

import (
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// What the best and the runner-up lack of the cells that others have is said beside them.
func TestWhatCompetesSaysWhatIsExcluded(t *testing.T) {
	core := &record.Core{Manifest: record.Manifest{
		Experiment: "study", Version: 1, Complete: true, Axes: []string{"dataset", "strategy", "seed"},
		AxisValues: map[string][]string{"dataset": {"icu"}, "strategy": {"a", "b", "c"}, "seed": {"1", "2", "3"}},
		Scores:     []record.ScoreInfo{{Metric: "m", Name: "s", Better: plugins.Higher}},
	}}
	for k, strategy := range []string{"a", "b", "c"} {
		for _, seed := range []string{"1", "2", "3"} {
			cell := record.Cell{ID: strategy + seed, Status: record.CellOK, Axes: map[string]string{"dataset": "icu", "strategy": strategy, "seed": seed}}
			if seed == "3" && strategy != "a" {
				cell.Status, cell.Reason = record.CellExcluded, "too dear for "+strategy
			} else {
				core.Scores = append(core.Scores, record.Score{Cell: cell.ID, Metric: "m", Score: plugins.Score{Name: "s", Value: float64(k), N: 10, Status: plugins.OK}})
			}
			core.Cells = append(core.Cells, cell)
		}
	}
	made, err := Tables(core, record.Views{Tables: []spec.Table{{
		Name: "best", Kind: spec.ArgmaxTable, Rows: []string{"dataset"}, Of: []string{"strategy"}, Over: []string{"seed"},
		Columns: []spec.TableColumn{{Score: "m.s"}},
	}}})
	if err != nil || made[0].Problem != "" {
		t.Fatalf("%v %s", err, made[0].Problem)
	}
	for _, want := range []string{"seed 3: excluded: too dear for b", "seed 3: excluded: too dear for c"} {
		if !slices.ContainsFunc(made[0].Notes, func(n string) bool { return strings.Contains(n, want) }) {
			t.Errorf("no %q in %q", want, made[0].Notes)
		}
	}
}
