package report

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// One point stands for each cell unless the plot says otherwise; cells that lack a score are in the data, and no point.
func TestPairsOfScores(t *testing.T) {
	fig, csv := figureOf(t, study(), spec.Plot{Name: "p", X: "kl.mean", Y: "within.auroc", Series: "strategy", Where: map[string][]spec.Value{"features": texts("all")}}, plugins.PairForm)
	names := []string{}
	points := 0
	for _, s := range fig.Series {
		names = append(names, s.Name)
		points += len(s.X)
		if len(s.X) != len(s.Y) || len(s.Labels) != len(s.X) {
			t.Errorf("%+v", s)
		}
	}
	if d := cmp.Diff([]string{"naive", "copula", "ceiling"}, names); d != "" || points != 7 { // one of nine failed, and one was left out
		t.Errorf("%s %d points", d, points)
	}
	if fig.XLabel != "kl.mean (↓ lower is better)" || fig.YLabel != "within.auroc (↑ higher is better)" {
		t.Errorf("%q %q", fig.XLabel, fig.YLabel)
	}
	if first := fig.Series[0]; first.Labels[0] != "all, 1" || math.Abs(first.X[0]-(1-first.Y[0]+0.1)) > 1e-12 {
		t.Errorf("%+v", first)
	}
	if !strings.HasPrefix(csv, "strategy,features,seed,x,y,x_low,x_high,y_low,y_high,x_measured,y_measured,planned,status,note\n") || strings.Count(csv, ",failed,") != 1 || strings.Count(csv, ",excluded,") != 1 {
		t.Error(csv)
	}
	if !slices.Contains(fig.Notes, "One point for each features and seed.") && !slices.Contains(fig.Notes, "One point for each strategy and features and seed.") {
		t.Errorf("%q", fig.Notes)
	}
}

// The same score of two strategies, column by column, each a mean over seeds.
func TestPairsOfOneScore(t *testing.T) {
	of := func(strategy string) map[string][]spec.Value {
		return map[string][]spec.Value{"strategy": texts(strategy)}
	}
	p := spec.Plot{
		Name: "p", X: "ks.complement", Y: "ks.complement", XWhere: of("copula"), YWhere: of("ceiling"), Points: []string{"column"}, Over: []string{"seed"},
		Where: map[string][]spec.Value{"features": texts("all")},
	}
	fig, csv := figureOf(t, study(), p, plugins.PairForm)
	want := []plugins.Series{{X: []float64{0.665, 0.565}, Y: []float64{0.87, 0.77}, Labels: []string{"age", "lactate_mmol"}}} // copula has two seeds
	if d := cmp.Diff(want, fig.Series, approximately); d != "" {
		t.Error(d)
	}
	if !strings.Contains(fig.XLabel, "ks.complement, strategy copula") || !strings.Contains(csv, ",2,3,") {
		t.Errorf("%q %s", fig.XLabel, csv)
	}
	if bad, _ := figureOf(t, study(), spec.Plot{Name: "p", X: "within.auroc", Y: "kl.mean", Points: []string{"strategy"}}, plugins.PairForm); len(bad.Series) > 0 || !strings.Contains(strings.Join(bad.Notes, "; "), "meet; add") {
		t.Errorf("%q", bad.Notes)
	}
}

// Boxes hold single values: of seeds, or of columns, each the mean over seeds.
func TestSpreads(t *testing.T) {
	where := map[string][]spec.Value{"features": texts("all")}
	fig, _ := figureOf(t, study(), spec.Plot{Name: "p", X: "strategy", Y: "across.auroc", Over: []string{"seed"}, Where: where}, plugins.SpreadForm)
	if d := cmp.Diff([]string{"naive", "copula", "ceiling"}, fig.Categories); d != "" || len(fig.Series) != 1 {
		t.Fatalf("%s %+v", d, fig.Series)
	}
	s := fig.Series[0]
	if d := cmp.Diff([][]float64{{0.76, 0.78}, {0.66, 0.67}, {0.86, 0.87, 0.88}}, s.Values, approximately); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]float64{0.77, 0.665, 0.87}, s.Y, approximately); d != "" {
		t.Error(d)
	}
	if !slices.Contains(fig.Notes, "Each box is of 2 to 3 values, one for each seed.") {
		t.Errorf("%q", fig.Notes)
	}
	fig, csv := figureOf(t, study(), spec.Plot{Name: "p", X: "strategy", Y: "ks.complement", Values: []string{"column"}, Over: []string{"seed"}, Where: where}, plugins.SpreadForm)
	if d := cmp.Diff([]float64{0.87, 0.77}, fig.Series[0].Values[2], approximately); d != "" {
		t.Error(d)
	}
	if !strings.HasPrefix(csv, "strategy,axis.column,column,") && !strings.HasPrefix(csv, "strategy,column,") || !strings.Contains(strings.Join(fig.Notes, "\n"), "one for each column (age, lactate_mmol); these are means over seeds, n/N = ") {
		t.Errorf("%q\n%s", fig.Notes, csv)
	}
}

// A forest has the mean over its hospitals, with the interval that they give and where a new one is expected.
func TestForest(t *testing.T) {
	p := spec.Plot{Name: "p", X: spec.TestSite, Y: "u.auroc", Series: "site", Over: []string{spec.TrainSite, "n", "seed"}}
	fig, csv := figureOf(t, hospitalCore(), p, plugins.ForestForm)
	if !slices.Equal(fig.Categories, []string{"A", "B", "C", "D"}) || len(fig.Series) != 2 {
		t.Fatalf("%+v", fig)
	}
	within := fig.Series[0]
	if d := cmp.Diff([]float64{0.81, 0.71, 0.89, gap}, within.Y, approximately, cmpopts.EquateNaNs()); d != "" {
		t.Error(d)
	}
	sum := newSource(hospitalCore(), nil).table(&spec.Table{Rows: []string{"site"}, Over: append(slices.Clone(p.Over), spec.TestSite), Columns: []spec.TableColumn{{Score: p.Y}}})
	for i, s := range fig.Series {
		v := sum.Lines[i].Values[0]
		want := &plugins.Summary{
			Name: "mean over test sites", Value: []float64{0.80333333333, 0.75666666667}[i],
			Low: v.Interval.Low, High: v.Interval.High, PredictLow: v.Spread.Next.Low, PredictHigh: v.Spread.Next.High, Note: "SD between sites " + number(v.Spread.SD, 3),
		}
		if d := cmp.Diff(want, s.Summary, approximately); d != "" {
			t.Error(d)
		}
	}
	if !strings.Contains(csv, "each,mean over test sites,") || !strings.Contains(strings.Join(fig.Notes, "\n"), "Mean over test sites: each test site counts once. Its interval: 95 %, Student t, over test sites.") {
		t.Errorf("%q\n%s", fig.Notes, csv)
	}
}
