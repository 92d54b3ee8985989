package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

const sharedRows = "n = 7 of 9 reference rows: replicates share rows, so intervals over seeds understate their variation"

// shares says of the cells of an arm that replicates share rows.
func shares(core *record.Core, strategy string) *record.Core {
	d := record.Dependent{Why: sharedRows}
	for i := range core.Cells {
		if core.Cells[i].Axes["strategy"] == strategy {
			d.Cells = append(d.Cells, core.Cells[i].ID)
		}
	}
	core.Manifest.Dependent = append(core.Manifest.Dependent, d)
	return core
}

func notesOf(lines []Line, label string) string {
	var out []string
	for _, l := range lines {
		if slices.Contains(l.Labels, label) {
			out = append(out, printed(l.notes)...)
			for _, v := range l.Values {
				out = append(out, printed(v.notes)...)
			}
		}
	}
	return strings.Join(out, "\n")
}

// An interval over seeds whose rows are shared says that it is too short: in tables, of differences, of contrasts and of bands. The value of one
// seed does not, nor do the arms whose rows are independent.
func TestSharedRowsAreToldWithIntervals(t *testing.T) {
	declared := spec.Table{
		Name: "t", Rows: []string{"strategy"}, Over: []string{"seed"}, Where: map[string][]spec.Value{"features": texts("all")},
		Columns: []spec.TableColumn{{Score: "across.auroc"}},
	}
	core := shares(study(), "copula")
	if lines := made(t, core, declared).Lines; !strings.Contains(notesOf(lines, "copula"), sharedRows) || strings.Contains(notesOf(lines, "naive"), sharedRows) {
		t.Errorf("copula: %q; naive: %q", notesOf(lines, "copula"), notesOf(lines, "naive"))
	}
	less := declared
	less.Where = map[string][]spec.Value{"features": texts("top5"), "strategy": texts("naive", "copula")}
	less.Columns = []spec.TableColumn{{Score: "across.auroc", Minus: map[string]spec.Value{"strategy": {Text: "copula"}}}}
	for i := range core.Scores { // differences that are all alike have no interval
		if s := &core.Scores[i]; s.Cell == "naive-top5-1" {
			s.Value += 0.05
		}
	}
	if lines := made(t, core, less).Lines; !strings.Contains(notesOf(lines, "naive"), sharedRows) {
		t.Errorf("naive less copula: %q", notesOf(lines, "naive"))
	}
	one := declared
	one.Where = map[string][]spec.Value{"features": texts("all"), "seed": texts("1")}
	if lines := made(t, core, one).Lines; strings.Contains(notesOf(lines, "copula"), sharedRows) {
		t.Errorf("one seed: %q", notesOf(lines, "copula"))
	}

	values := map[string][]float64{"group": {0.85, 0.86, 0.84}, "naive": {0.80, 0.82, 0.83}, "floor": {0.5, 0.52, 0.51}}
	primary := primaryOf(t, shares(arms(values), "naive"), against("holds", "across.auroc", "group", "naive"), against("floor", "across.auroc", "group", "floor"))
	if got := notesOf(primary.Lines, "holds"); got != "naive: "+sharedRows {
		t.Errorf("a contrast with shared rows: %q", got)
	}
	if got := notesOf(primary.Lines, "floor"); got != "" {
		t.Errorf("a contrast without: %q", got)
	}
	for name, of := range values {
		values[name] = of[:1]
	}
	single := primaryOf(t, shares(arms(values), "naive"), against("holds", "across.auroc", "group", "naive"))
	if got := notesOf(single.Lines, "holds"); strings.Contains(got, sharedRows) {
		t.Errorf("a contrast of one pair: %q", got)
	}

	fig, _ := figureOf(t, shares(curveStudy(), "copula"), spec.Plot{Name: "roc", Curve: "use.roc", Series: "strategy", Over: []string{"seed"}}, plugins.CurveForm)
	if !slices.Contains(fig.Notes, "copula: "+sharedRows+".") {
		t.Errorf("a band: %q", fig.Notes)
	}
}

// The interval of the area in the legend is not the band's where the area has draws of its test rows: both are named.
func TestLegendsSayWhatTheirIntervalsAre(t *testing.T) {
	core := curveStudy()
	for i := range core.Scores {
		if s := &core.Scores[i]; s.Name == "auroc" {
			s.Draws = &record.Draws{Unit: "test rows", Of: "rows"}
			for k := range 50 {
				s.Draws.Values = append(s.Draws.Values, float32(s.Value+float64(k%7-3)/100))
			}
		}
	}
	fig, _ := figureOf(t, core, spec.Plot{Name: "roc", Curve: "use.roc", Series: "strategy", Over: []string{"seed"}}, plugins.CurveForm)
	want := fmt.Sprintf("AUROC in the legend: 95 %%, %sStudent t, 50 joint resamples, over seeds × test rows; the sampling of the test rows is in it.", twoLevel)
	if !slices.Contains(fig.Notes, want) {
		t.Errorf("%q", fig.Notes)
	}
}
