package engine_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/prepare"
)

// A strategy that asks models knows which rows of the train part it has, and the labels of all of them.
func TestTasksTellTheRowsOfTrain(t *testing.T) {
	for _, missing := range []string{prepare.Keep, prepare.DropBySubset} {
		b, lab, e, opt := askStudy(t, "")
		plugins.Add(&b.lab.registry.Datasets, plugins.Info{Name: "spaces", Version: 1, Summary: "columns of all sorts"}, struct{}{},
			func(struct{}) (plugins.Dataset, error) { return spaces{}, nil })
		d := &e.Datasets[0]
		d.Use.Use, d.Row, d.Prepare = "spaces", "id", prepare.Config{Missing: missing}
		e.Strategies[0].With = json.RawMessage(`{"llm":"m"}`)
		core, res, err := b.run(t, t.Context(), e, opt)
		if err != nil || res.Failed > 0 {
			t.Fatalf("%v, %+v", err, core)
		}
		task := lab.tasks[0]
		train := task.Parts.Get(plugins.Train).Frame
		if task.Labels == nil || task.Labels.Name != "y" {
			t.Fatalf("%s: labels %v", missing, task.Labels)
		}
		if missing == prepare.Keep {
			if task.Rows != nil || task.Labels.Len() != train.Rows() {
				t.Errorf("%s: rows %v of %d", missing, task.Rows, train.Rows())
			}
			continue
		}
		if len(task.Rows) != train.Rows() || task.Labels.Len() <= train.Rows() || !slices.IsSorted(task.Rows) {
			t.Fatalf("%s: %d rows of train, told to be %v of %d", missing, train.Rows(), task.Rows, task.Labels.Len())
		}
		for i, row := range task.Rows {
			if task.Labels.Numbers[row] != train.Column("y").Numbers[i] {
				t.Errorf("%s: row %d of train is not row %d of the whole part", missing, i, row)
			}
		}
	}
}
