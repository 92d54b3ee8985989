package elicit_test

import (
	"context"
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

// A model that repeats the rows that it continues in another order, and numbers them anew, gives the new columns to other rows: what
// it repeats says so, and the rows are asked for again.
func TestConditionalSeesRowsUnderOtherKeys(t *testing.T) {
	m := &model{answer: func(r plugins.Request, b prompt.Blocks) (string, error) {
		if b.Table == nil {
			return rows(nil)(r, b)
		}
		out := prompt.Table{Names: append(slices.Clone(b.Table.Names), b.Schema.Names()[1:]...)}
		for i := range b.Table.Rows {
			from := b.Table.Rows[i]
			if r.Ordinal == 0 {
				from = b.Table.Rows[len(b.Table.Rows)-1-i]
			}
			line := append([]string{b.Table.Rows[i][0]}, from[1:]...)
			for range b.Schema.Columns { // sex, of those that are older than 45
				line = append(line, map[bool]string{false: "0", true: "1"}[from[1] > "45"])
			}
			out.Rows = append(out.Rows, line)
		}
		return out.CSV(), nil
	}}
	train, err := cohort().Select("age", "sex", "death")
	if err != nil {
		t.Fatal(err)
	}
	g, err := build(t, "llm-conditional", `"rows": 10, "block": 1`).Generate(context.Background(), env(m, 1), plugins.Task{
		Parts: plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Train: {Frame: train}}), Target: "death", N: 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	age, sex := g.Frame.Column("age").Numbers, g.Frame.Column("sex").Numbers
	for i := range age {
		if (age[i] > 45) != (sex[i] == 1) {
			t.Errorf("age %v has sex %v", age[i], sex[i])
		}
	}
	if n := count(g.Counts, "parts of rows rejected", "reason", "another row than its key says"); n != 20 {
		t.Errorf("%d parts are of other rows, want all 10 of both blocks: %+v", n, g.Counts)
	}
}
