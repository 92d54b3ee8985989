package elicit_test

import (
	"testing"
)

// Written in blocks or not, a row counts once for what is wrong with it, and a row that is dropped for its range is out of range.
func TestBlocksCountRows(t *testing.T) {
	far := rows(func(row int, names, cells []string) []string {
		for i, name := range names {
			if name == "age" && row == 4 {
				cells[i] = "300"
			} else if name != "unit" {
				cells[i] = " " + cells[i] // a repair, in each block
			}
		}
		return cells
	})
	for _, name := range []string{"llm-naive", "llm-conditional"} {
		g := generate(t, name, `"rows": 10, "rounds": 8, "outOfRange": "drop"`, &model{answer: far}, 1, 40)
		outside, rejected := count(g.Counts, "rows out of range"), count(g.Counts, "rows rejected", "reason", "out of range")
		if outside != rejected || outside == 0 {
			t.Errorf("%s: %d rows out of range, %d rejected for it", name, outside, rejected)
		}
		returned, repaired := count(g.Counts, "rows returned"), count(g.Counts, "rows repaired")
		if kind := count(g.Counts, "rows repaired by kind", "repair", "blanks around a value"); kind > returned || kind > repaired || kind == 0 {
			t.Errorf("%s: %d rows repaired, %d of one kind, of %d returned", name, repaired, kind, returned)
		}
	}
}
