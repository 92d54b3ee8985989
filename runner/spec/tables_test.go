package spec

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a table may say, as reports get it.
func TestTablesAreDecoded(t *testing.T) {
	dir := t.TempDir()
	text := base + `matrix: [{features: ["all"], strategy: ["copula"], n: [100], seed: [1, 2]}]
tables: {
	plain: {rows: "strategy", columns: [{score: "kl.mean"}], over: "seed"}
	full: {
		title: "t", caption: "c", label: "tab:x", notes: ["one", "two"], kind: "scores"
		rows: ["strategy", "n"], across: "features", over: ["seed"]
		columns: [{score: "kl.mean", title: "KL", format: "percent", digits: 2, where: n: 100, statistics: ["sd", "range"]}]
		sort: {by: "kl.mean", order: "ascending"}, mark: "best-two", within: "n", except: strategy: "copula"
	}
	labels: {rows: "strategy", columns: [{score: "kl.mean", format: "fixed"}], over: "seed", sort: "label", mark: "none"}
	best:   {kind: "argmax", rows: "features", of: ["strategy", "n"], columns: [{score: "kl.mean"}], over: "seed"}
	top:    {kind: "best-k", rows: "strategy", columns: [{score: "kl.divergence"}], over: "seed"}
	worst:  {kind: "worst-k", rows: "strategy", of: "column", k: 7, columns: [{score: "kl.divergence"}], over: "seed"}
	flow: kind: "attrition"
}
`
	path := filepath.Join(dir, "x.cue")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := Load(path, Options{Registry: fakeRegistry(), WorkDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	two, hundred := 2, []Value{{Kind: NumberValue, Number: 100}}
	seed, mean := []string{"seed"}, []TableColumn{{Score: "kl.mean"}}
	want := []Table{
		{Name: "plain", Rows: []string{"strategy"}, Columns: mean, Over: seed},
		{
			Name: "full", Title: "t", Caption: "c", Label: "tab:x", Notes: []string{"one", "two"}, Rows: []string{"strategy", "n"}, Across: "features", Over: seed,
			Columns: []TableColumn{{Score: "kl.mean", Title: "KL", Format: "percent", Digits: &two, Where: map[string][]Value{"n": hundred}, Statistics: []string{"sd", "range"}}},
			Sort:    &TableSort{By: "kl.mean", Order: "ascending"}, Mark: MarkBestTwo, Within: "n", Except: map[string][]Value{"strategy": {{Text: "copula"}}},
		},
		{Name: "labels", Rows: []string{"strategy"}, Columns: mean, Over: seed, Sort: &TableSort{}},
		{Name: "best", Kind: ArgmaxTable, Rows: []string{"features"}, Of: []string{"strategy", "n"}, Columns: mean, Over: seed},
		{Name: "top", Kind: BestTable, Rows: []string{"strategy"}, Of: []string{"column"}, K: 5, Columns: []TableColumn{{Score: "kl.divergence"}}, Over: seed},
		{Name: "worst", Kind: WorstTable, Rows: []string{"strategy"}, Of: []string{"column"}, K: 7, Columns: []TableColumn{{Score: "kl.divergence"}}, Over: seed},
		{Name: "flow", Kind: AttritionTable},
	}
	if d := cmp.Diff(want, e.Tables); d != "" {
		t.Error(d)
	}
}
