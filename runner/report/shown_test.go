package report

import (
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/runner/spec"
)

// laidOut are tables whose names, values, labels and lines are shown in another way.
func laidOut() []spec.Table {
	four := 4
	return []spec.Table{
		{
			Name: "joined", Rows: []string{"strategy", "features", "scope"}, Over: []string{"seed"}, Join: []string{"strategy", "features"},
			Heads:   map[string]string{"strategy": "Strategy", "scope": "Scope"},
			Labels:  map[string]map[string]string{"features": {"all": "83"}, "scope": {"within": "within & without"}},
			Columns: []spec.TableColumn{{Score: "kl.mean", Title: "Average KL", Digits: &four}, {Score: "auroc", Title: "AUC", Digits: &four}},
		},
		{
			Name: "turned", Rows: []string{"strategy"}, Over: []string{"seed"}, Where: map[string][]spec.Value{"features": texts("all")}, Transpose: true, Mark: spec.MarkBest,
			Columns: []spec.TableColumn{{Score: "kl.mean", Title: "KL", Statistics: []string{"sd"}, Digits: &four}, {Score: "across.auroc", Title: "AUROC", Format: "percent"}},
			Labels:  map[string]map[string]string{"strategy": {"ceiling": "real rows"}}, Sort: &spec.TableSort{By: "across.auroc"},
		},
		{
			Name: "turned_groups", Rows: []string{"strategy", "features"}, Over: []string{"seed"}, Where: map[string][]spec.Value{"strategy": texts("naive")}, Transpose: true,
			Join:    []string{"strategy", "features"},
			Columns: []spec.TableColumn{{Score: "kl.mean", Title: "KL", Group: "fidelity"}, {Score: "across.auroc", Title: "AUROC", Group: "utility"}, {Score: "within.auroc", Title: "AUROC within", Group: "utility"}},
		},
		{
			Name: "turned_one", Rows: []string{"strategy", "features"}, Over: []string{"seed"}, Where: map[string][]spec.Value{"strategy": texts("naive"), "features": texts("top5")}, Transpose: true,
			Join: []string{"strategy", "features"}, Heads: map[string]string{"score": "Metric"},
			Columns: []spec.TableColumn{{Score: "kl.mean", Title: "KL divergence"}, {Score: "across.auroc", Title: "AUROC"}},
		},
		{
			Name: "ends", Kind: spec.EndsTable, Rows: []string{"strategy"}, Of: []string{"column"}, K: 1, Over: []string{"seed"}, Where: map[string][]spec.Value{"features": texts("all")},
			Columns: []spec.TableColumn{{Score: "ks.complement", Title: "KS", Digits: &four}}, Labels: map[string]map[string]string{"column": {"lactate_mmol": "lactate"}},
		},
	}
}

// The ends of a ranking have sub-heads with the number of lines, or those that the experiment gives them.
func TestSubheadsOfARanking(t *testing.T) {
	d := spec.Table{
		Name: "t", Kind: spec.EndsTable, Of: []string{"column"}, K: 2, Over: []string{"seed"}, Where: map[string][]spec.Value{"features": texts("all"), "strategy": texts("naive")},
		Columns: []spec.TableColumn{{Score: "ks.complement", Title: "KS"}},
	}
	for _, want := range []string{"Best 2", "Worst 2"} {
		if text := string(made(t, study(), d).Markdown); !strings.Contains(text, "| **"+want+"** | | |\n") {
			t.Errorf("no sub-head %q in\n%s", want, text)
		}
	}
	d.Labels = map[string]map[string]string{spec.RankingRow: {spec.BestRanking: "Best two", spec.WorstRanking: "Worst two"}}
	for _, want := range []string{"Best two", "Worst two"} {
		if text := string(made(t, study(), d).LaTeX); !strings.Contains(text, "\\textit{"+want+"}") {
			t.Errorf("no sub-head %q in\n%s", want, text)
		}
	}
}
