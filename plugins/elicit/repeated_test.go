package elicit_test

import (
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/prompt"
)

// A model may repeat the rows that it continues, and put the new columns behind them.
func TestConditionalReadsRepeatedTables(t *testing.T) {
	base := rows(nil)
	m := &model{answer: func(r plugins.Request, b prompt.Blocks) (string, error) {
		text, err := base(r, b)
		if b.Table == nil || err != nil {
			return text, err
		}
		added, err := prompt.ParseTable(text)
		if err != nil {
			return "", err
		}
		whole := prompt.Table{Names: append(slices.Clone(b.Table.Names), added.Names[1:]...)}
		for i, row := range b.Table.Rows {
			whole.Rows = append(whole.Rows, append(slices.Clone(row), added.Rows[i][1:]...))
		}
		return whole.CSV(), nil
	}}
	g := generate(t, "llm-conditional", `"rows": 10, "block": 1`, m, 1, 20)
	if n := count(g.Counts, "calls"); n != 10 {
		t.Errorf("%d calls, want one for each of 5 columns of 2 chains", n)
	}
}
