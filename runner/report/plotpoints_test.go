package report

import (
	"encoding/csv"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// Several scores are the series of a plot, each with its own intervals and gaps.
func TestScoresAreSeries(t *testing.T) {
	p := &spec.Plot{
		Name: "p", X: "strategy", Over: []string{"seed"}, Where: map[string][]spec.Value{"features": texts("top5")},
		Scores: []spec.PlotScore{{Score: "across.auroc", Title: "AUC"}, {Score: "kl.mean"}, {Score: "across.auroc", Title: "all", Where: map[string][]spec.Value{"features": texts("all")}}},
	}
	got := newSource(study(), nil).plot(p, plugins.PointForm)
	fig := got.figure
	if want := []string{"naive", "copula", "ceiling"}; !cmp.Equal(want, fig.Categories) {
		t.Fatalf("categories %v", fig.Categories)
	}
	want := map[string][]float64{"AUC": {0.72, 0.62, math.NaN()}, "kl.mean": {0.28, 0.38, math.NaN()}, "all": {0.77, 0.665, 0.87}}
	var names []string
	for _, s := range fig.Series {
		names = append(names, s.Name)
		for i, y := range want[s.Name] {
			if math.IsNaN(y) != math.IsNaN(s.Y[i]) || math.Abs(y-s.Y[i]) > 1e-9 {
				t.Errorf("%s: %v, want %v", s.Name, s.Y, want[s.Name])
				break
			}
		}
		if s.Low == nil {
			t.Errorf("%s has no intervals", s.Name)
		}
	}
	for _, begin := range []string{"Values are ", "Intervals: 95 %, two-level: Student t, and the interval of each value, over seeds × test subjects (AUC, all); 95 %, Student t, over seeds (kl.mean)."} {
		if said := slices.DeleteFunc(slices.Clone(fig.Notes), func(n string) bool { return !strings.HasPrefix(n, begin) }); len(said) != 1 {
			t.Errorf("%d notes begin with %q: %q", len(said), begin, fig.Notes)
		}
	}
	if !cmp.Equal([]string{"AUC", "kl.mean", "all"}, names) {
		t.Errorf("series %v", names)
	}
	rows := plottedRows(t, got)
	if len(rows) != 9 || rows[0]["score"] != "across.auroc" || rows[3]["score"] != "kl.mean" {
		t.Errorf("%d rows of plotted data: %v", len(rows), rows)
	}
}

// Panels have cells, and an x, of their own; along several axes the last changes fastest.
func TestPanelsHaveAnXOfTheirOwn(t *testing.T) {
	p := &spec.Plot{
		Name: "p", Title: "both", Y: "auroc", Series: "strategy", Over: []string{"seed"}, Where: map[string][]spec.Value{"strategy": texts("naive", "copula")},
		Labels: map[string]map[string]string{"features": {"top5": "5"}, "strategy": {"naive": "plain"}},
		Parts: []spec.PlotPart{
			{Title: "scopes", X: "features", Outer: []string{"scope"}, XLabel: "scope and features"},
			{Title: "features", X: "features", Where: map[string][]spec.Value{"scope": texts("within")}},
		},
	}
	got := newSource(study(), nil).plot(p, plugins.PointForm)
	fig := got.figure
	if len(fig.Panels) != 2 || fig.Series != nil || fig.Title != "both" {
		t.Fatalf("%d panels, title %q", len(fig.Panels), fig.Title)
	}
	first, second := fig.Panels[0], fig.Panels[1]
	if want := []string{"within 5", "within all", "across 5", "across all"}; !cmp.Equal(want, first.Categories) {
		t.Errorf("categories of the first panel: %v", first.Categories)
	}
	if first.XLabel != "scope and features" || second.XLabel != "features" || first.Title != "scopes" {
		t.Errorf("labels %q, %q; title %q", first.XLabel, second.XLabel, first.Title)
	}
	if !cmp.Equal([]string{"5", "all"}, second.Categories) || len(second.Series) != 2 || second.Series[0].Name != "plain" {
		t.Fatalf("second panel: %v, %d series", second.Categories, len(second.Series))
	}
	if y := first.Series[0].Y; math.Abs(y[0]-second.Series[0].Y[0]) > 1e-12 || y[0]-y[2] < 0.09 {
		t.Errorf("within %v and %v, across %v", y[0], second.Series[0].Y[0], y[2])
	}
	if n := len(fig.Notes); fig.Notes[n-1] != newSource(study(), nil).origin() || len(slices.Compact(slices.Sorted(slices.Values(fig.Notes)))) != n {
		t.Errorf("notes: %q", fig.Notes)
	}
	wantNotes := []string{
		"SIMULATED: software check on invented patients",
		"Values are means over seeds; n/N = 1/3, 2/2, 2/3, 3/3.",
		"Intervals: 95 %, two-level: Student t, and the interval of each value, over seeds × test subjects; 95 %, percentile bootstrap, 1000 resamples, over test subjects. Where n is 1, the interval is that of the single value.",
		"plain at within all, plain at across all: seed 2: failed at generate: timed out | twice",
		"copula at within 5: seed 2, 3: undefined: one class",
	}
	if d := cmp.Diff(wantNotes, fig.Notes[:min(len(fig.Notes), len(wantNotes))]); d != "" {
		t.Error(d)
	}
	rows := plottedRows(t, got)
	if rows[0]["panel"] != "scopes" || rows[0]["scope"] != "within" || rows[len(rows)-1]["panel"] != "features" || rows[len(rows)-1]["scope"] != "" {
		t.Errorf("plotted data: %v", rows)
	}
}

// plottedRows is the plotted data by column.
func plottedRows(t *testing.T, p *plotted) []map[string]string {
	t.Helper()
	b, err := p.data()
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(strings.NewReader(string(b))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, name := range lines[0] {
			row[name] = line[i]
		}
		out = append(out, row)
	}
	return out
}

// Lines, columns across a table, and places along x stand as where lists them.
func TestWhereGivesTheOrder(t *testing.T) {
	where := map[string][]spec.Value{"features": texts("all", "top5"), "strategy": texts("ceiling", "copula", "naive"), "scope": texts("across", "within")}
	table := made(t, study(), spec.Table{Name: "t", Rows: []string{"strategy", "scope"}, Across: "features", Over: []string{"seed"}, Where: where, Columns: []spec.TableColumn{{Score: "auroc"}}})
	var lines []string
	for _, l := range table.Lines {
		lines = append(lines, strings.Join(l.Labels, " "))
	}
	if want := []string{"ceiling across", "ceiling within", "copula across", "copula within", "naive across", "naive within"}; !cmp.Equal(want, lines) {
		t.Errorf("lines %v", lines)
	}
	if table.Columns[0].Across != "all" || table.Columns[1].Across != "top5" {
		t.Errorf("columns %q, %q", table.Columns[0].Across, table.Columns[1].Across)
	}
	fig := newSource(study(), nil).plot(&spec.Plot{X: "strategy", Y: "across.auroc", Series: "features", Over: []string{"seed"}, Where: where}, plugins.PointForm).figure
	if !cmp.Equal([]string{"ceiling", "copula", "naive"}, fig.Categories) || fig.Series[0].Name != "all" {
		t.Errorf("categories %v, first series %q", fig.Categories, fig.Series[0].Name)
	}
}

// Numbers that have labels are categories; others stand on a scale.
func TestLabelledNumbersAreCategories(t *testing.T) {
	core := study()
	for i := range core.Cells {
		core.Cells[i].Axes["n"] = map[bool]string{true: "1000", false: "10000"}[core.Cells[i].Axes["strategy"] == "naive"]
	}
	core.Manifest.Axes = append(core.Manifest.Axes, "n")
	p := &spec.Plot{Name: "p", X: "n", Y: "across.auroc", Over: []string{"seed"}, Where: map[string][]spec.Value{"features": texts("top5"), "strategy": texts("naive", "copula")}}
	if fig := newSource(core, nil).plot(p, plugins.PointForm).figure; fig.Categories != nil || !cmp.Equal(fig.Series[0].X, []float64{1000, 10000}) {
		t.Errorf("%v %v", fig.Categories, fig.Series)
	}
	p.Labels = map[string]map[string]string{"n": {"1000": "1k", "10000": "10k"}}
	if fig := newSource(core, nil).plot(p, plugins.PointForm).figure; !cmp.Equal(fig.Categories, []string{"1k", "10k"}) || !cmp.Equal(fig.Series[0].X, []float64{0, 1}) {
		t.Errorf("%v %v", fig.Categories, fig.Series)
	}
}
