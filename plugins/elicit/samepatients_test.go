package elicit_test

import (
	"context"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/prompt"
)

// Prompts of two subsets of features, each with the rows that are complete for it, show the same patients; bun tells who is who.
func TestPromptsOfSubsetsShowTheSamePatients(t *testing.T) {
	whole, answer := cohort(), rows(nil)
	shown := func(skip int, names ...string) (patients []string) {
		task := taskOf(nil, 10)
		task.Labels = whole.Column("death")
		for row := range whole.Rows() {
			if row%skip != 1 {
				task.Rows = append(task.Rows, row)
			}
		}
		some, err := whole.Take(task.Rows).Select(names...)
		if err != nil {
			t.Fatal(err)
		}
		task.Parts = taskOf(some, 10).Parts
		m := &model{answer: func(r plugins.Request, b prompt.Blocks) (string, error) {
			for _, line := range b.Examples.Rows {
				patients = append(patients, line[b.Examples.Column("bun")])
			}
			return answer(r, b)
		}}
		if _, err := build(t, "llm-naive", `"rows": 10, "examples": 20`).Generate(context.Background(), env(m, 1), task); err != nil {
			t.Fatal(err)
		}
		return patients
	}
	a, b := shown(10, "age", "bun", "death"), shown(9, "bun", "sex", "unit", "death")
	common := 0
	for _, patient := range a {
		if slices.Contains(b, patient) {
			common++
		}
	}
	if len(a) != 20 || len(b) != 20 || common < 15 { // each lacks about 2 of those that are drawn, and shows others instead
		t.Errorf("of %d and %d examples, %d are the same", len(a), len(b), common)
	}
}
