package elicit_test

import (
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/prompt"
)

// A row of train with another label put to it is still a copy.
func TestCopiesUnderAnotherLabelAreCopies(t *testing.T) {
	copies := &model{answer: func(r plugins.Request, b prompt.Blocks) (string, error) {
		out := prompt.Table{Names: b.Examples.Names}
		for i := range b.Schema.Rows {
			row := slices.Clone(b.Examples.Rows[i%len(b.Examples.Rows)])
			for _, c := range b.Schema.Columns {
				if c.Value != nil {
					row[b.Examples.Column(c.Name)] = *c.Value
				}
			}
			out.Rows = append(out.Rows, row)
		}
		return out.CSV(), nil
	}}
	for _, name := range []string{"llm-naive", "llm-group"} {
		g := generate(t, name, `"rows": 10, "label": {"mode": "conditioned"}`, copies, 1, 40)
		if n := count(g.Counts, "rows copied from the prompt"); n != 40 {
			t.Errorf("%s: %d of 40 rows are counted as copies", name, n)
		}
	}
}
