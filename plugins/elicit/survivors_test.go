package elicit_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

// Rows with the event, all of which are out of range, are dropped: what is left has no event, and that is told.
func TestSurvivorsAreTold(t *testing.T) {
	note := func(g *plugins.Generated) string {
		at := slices.IndexFunc(g.Notes, func(n string) bool { return strings.Contains(n, "goes with the label") })
		if at < 0 {
			return ""
		}
		return g.Notes[at]
	}
	old := func(every int) *model {
		return &model{answer: rows(func(row int, names, cells []string) []string {
			age, death := slices.Index(names, "age"), slices.Index(names, "death")
			if age >= 0 && (every == 0 && death >= 0 && cells[death] == "1" || every > 0 && row/2%every == 1) {
				cells[age] = "120"
			}
			return cells
		})}
	}
	for _, k := range []struct {
		name, with string
		every      int // rows in pairs of both labels are old; 0: those with the event
		want       string
	}{
		{"llm-naive", `"outOfRange": "drop"`, 0, "what is rejected goes with the label: death is 1 in 38 of 38 rejected rows or parts of rows whose label could be read, and in 0 of 40 delivered"},
		{"llm-group", `"outOfRange": "drop"`, 0, "what is rejected goes with the label: death is 1 in 36 of 36 rejected rows or parts of rows whose label could be read, and in 0 of 40 delivered"},
		{"llm-naive", `"outOfRange": "drop"`, 2, ""},
		{"llm-naive", ``, 0, ""},
		{"llm-naive", `"outOfRange": "drop", "label": {"mode": "conditioned"}`, 2, ""},
	} {
		g := generate(t, k.name, `"rows": 10, "rounds": 9, `+strings.TrimPrefix(k.with+`, "examples": 5`, ", "), old(k.every), 1, 40)
		if got := note(g); got != k.want {
			t.Errorf("%s, %s: note %q, want %q", k.name, k.with, got, k.want)
		}
		byLabel, rejected := count(g.Counts, "rows rejected by label"), count(g.Counts, "rows rejected")
		if conditioned := strings.Contains(k.with, "conditioned"); conditioned && byLabel != 0 || !conditioned && byLabel != rejected {
			t.Errorf("%s, %s: %d rejected by label, %d in all", k.name, k.with, byLabel, rejected)
		}
	}
}

// In blocks, a part is counted by the label in it, and a row that is given up by the label that it had.
func TestSurvivorsOfBlocks(t *testing.T) {
	never := func(row int, names, cells []string) []string {
		if at := slices.Index(names, "bun"); at >= 0 && row == 0 {
			cells[at] = "x"
		}
		return cells
	}
	_, err := build(t, "llm-conditional", `"rows": 10, "rounds": 2, "block": 3, "order": ["unit", "sex", "age"], "label": {"order": "first"}`).
		Generate(context.Background(), env(&model{answer: rows(never)}, 1), taskOf(cohort(), 10))
	counts := accountOf(t, err)
	if n := count(counts, "rows rejected by label", "label", "0"); n != 2 || n != count(counts, "rows rejected", "reason", "incomplete") {
		t.Errorf("%d rows given up by label: %+v", n, counts)
	}
	tries := 0 // one chain asks one request after another
	last := generate(t, "llm-conditional", `"rows": 10, "rounds": 8, "block": 3, "outOfRange": "drop"`, &model{answer: rows(func(row int, names, cells []string) []string {
		if tries < 2 && row == 0 && slices.Contains(names, "death") {
			tries++
			cells[slices.Index(names, "unit")] = "nowhere"
		}
		return cells
	})}, 1, 10)
	if n := count(last.Counts, "parts of rows rejected by label", "label", "0"); n != 2 || n != count(last.Counts, "parts of rows rejected") {
		t.Errorf("%d parts by label: %+v", n, last.Counts)
	}
}
