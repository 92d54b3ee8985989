package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

var approximately = cmpopts.EquateApprox(0, 1e-9)

func curveOf(x, y []float64) *record.Curve {
	return &record.Curve{Curve: plugins.Curve{X: x, Y: y}}
}

// With two values a and b the interval of their mean is ± t(0.975; 1) · |a-b|/2, and t(0.975; 1) = 12.7062047362.
const t1 = 12.7062047362

func TestMeansOfCurvesByHand(t *testing.T) {
	a, b := curveOf([]float64{0, 0.5, 1}, []float64{0, 0.6, 1}), curveOf([]float64{0, 0.5, 1}, []float64{0, 0.62, 1})
	line := &plugins.CurveInfo{Kind: plugins.LineCurve, Least: new(0.0), Most: new(0.7)}
	got := meanOf(line, []*record.Curve{a, b}, true)
	want := meanCurve{x: a.X, y: []float64{0, 0.61, 1}, low: []float64{gap, 0.61 - t1*0.01, gap}, high: []float64{gap, 0.7, gap}, n: []int{2, 2, 2}, cut: true}
	same := cmp.Options{cmp.AllowUnexported(meanCurve{}), cmpopts.EquateNaNs(), approximately}
	if d := cmp.Diff(want, got, same); d != "" {
		t.Error(d)
	}
	if got := meanOf(line, []*record.Curve{a, b}, false); !math.IsNaN(got.low[1]) {
		t.Errorf("what is no replicate gives a band: %+v", got)
	}
	// a single curve keeps its band, and has none by itself
	banded := curveOf([]float64{1}, []float64{2})
	banded.Low, banded.High = []float64{1}, []float64{3}
	if got := meanOf(line, []*record.Curve{banded}, true); got.low[0] != 1 || got.high[0] != 3 || got.n[0] != 1 {
		t.Errorf("%+v", got)
	}
	if got := meanOf(line, []*record.Curve{a}, true); !math.IsNaN(got.low[1]) || got.y[1] != 0.6 {
		t.Errorf("%+v", got)
	}
}

func TestMeansOfCurvesWithOtherPoints(t *testing.T) {
	a, b := curveOf([]float64{0, 1, 4}, []float64{0, 2, 8}), curveOf([]float64{1, 2, 5}, []float64{4, 0, 3})
	for kind, want := range map[plugins.CurveKind][]float64{
		plugins.LineCurve: {(2. + 4) / 2, (4. + 0) / 2, (8. + 2) / 2}, // at 1, 2 and 4, which both have
		plugins.StepCurve: {(2. + 4) / 2, (2. + 0) / 2, (8. + 0) / 2},
	} {
		got := meanOf(&plugins.CurveInfo{Kind: kind}, []*record.Curve{a, b}, true)
		if d := cmp.Diff([][]float64{{1, 2, 4}, want}, [][]float64{got.x, got.y}, approximately); d != "" {
			t.Errorf("%s: %s", kind, d)
		}
	}
	// nothing in common
	if got := meanOf(&plugins.CurveInfo{Kind: plugins.LineCurve}, []*record.Curve{a, curveOf([]float64{7, 8}, []float64{1, 1})}, true); len(got.x) != 0 {
		t.Errorf("%+v", got)
	}
	if got := meanOf(&plugins.CurveInfo{Kind: plugins.LineCurve}, []*record.Curve{a, curveOf(nil, nil)}, true); len(got.x) != 0 {
		t.Errorf("%+v", got)
	}
	// many points are thinned out to even ones
	var many, more []float64
	for i := range 400 {
		many, more = append(many, float64(i)), append(more, float64(i)+0.5)
	}
	if got := meanOf(&plugins.CurveInfo{Kind: plugins.LineCurve}, []*record.Curve{curveOf(many, many), curveOf(more, more)}, true); len(got.x) != mostPoints || got.x[0] != 0.5 || got.x[mostPoints-1] != 399 || math.Abs(got.y[77]-got.x[77]) > 1e-9 {
		t.Errorf("%d points from %v", len(got.x), got.x[0])
	}
}

// From 5 true positives of 20 events at 5 false ones (recall 0.25, precision 0.5) to 10 at 30 (0.5, 0.25): the example of Davis and
// Goadrich, whose points in between are (0.3, 6/16), (0.35, 7/22), (0.4, 8/28) and (0.45, 9/34).
func TestPrecisionIsNotLinearInRecall(t *testing.T) {
	c := curveOf([]float64{0, 0.25, 0.5, 1}, []float64{0.9, 0.5, 0.25, 0.2})
	for recall, want := range map[float64]float64{0.25: 0.5, 0.3: 6. / 16, 0.35: 7. / 22, 0.4: 8. / 28, 0.45: 9. / 34, 0.5: 0.25, 0: 0.9, 0.1: 0.5} {
		if got := valueAt(plugins.RecallCurve, c, recall); math.Abs(got-want) > 1e-12 {
			t.Errorf("at %v: %v, want %v", recall, got, want)
		}
	}
}

// Bins are gathered by tenths; a tenth that only one curve has points in is a mean of one.
func TestMeansOfBins(t *testing.T) {
	a, b := curveOf([]float64{0.02, 0.06, 0.15, 1}, []float64{0, 0.2, 0.3, 1}), curveOf([]float64{0.05, 0.25}, []float64{0.3, 0.5})
	got := meanOf(&plugins.CurveInfo{Kind: plugins.BinCurve}, []*record.Curve{a, b}, true)
	want := [][]float64{{0.045, 0.15, 0.25, 1}, {0.2, 0.3, 0.5, 1}}
	if d := cmp.Diff(want, [][]float64{got.x, got.y}, approximately); d != "" || !slices.Equal(got.n, []int{2, 1, 1, 1}) {
		t.Errorf("%s %v", d, got.n)
	}
}

// curveStudy has two strategies of three seeds with curves of two columns on two sides, a line without a side, and a matrix. One cell failed,
// one gives no line, and of one the line is withheld.
func curveStudy() *record.Core {
	core := &record.Core{Manifest: record.Manifest{
		Experiment: "study", Version: 2, Simulated: true, Axes: []string{"strategy", "seed"},
		AxisValues: map[string][]string{"strategy": {"copula", "floor"}, "seed": {"1", "2", "3"}},
		Curves: []record.CurveInfo{
			{Metric: "ks", CurveInfo: plugins.CurveInfo{Name: "density", Kind: plugins.LineCurve, X: "value", Y: "density", Dims: []string{"column", "side"}, Level: "level", Least: new(0.0)}},
			{Metric: "use", CurveInfo: plugins.CurveInfo{Name: "roc", Kind: plugins.LineCurve, X: "false alarms", Y: "found", Area: "auroc", Chance: "prevalence"}},
			{Metric: "corr", CurveInfo: plugins.CurveInfo{Name: "matrix", Kind: plugins.MatrixCurve, Y: "correlation", Dims: []string{"column", "side"}}},
			{Metric: "codes", CurveInfo: plugins.CurveInfo{Name: "pairs", Kind: plugins.ScatterCurve, X: "real", Y: "synthetic"}},
		},
		Data: []record.DataInfo{{Name: "icu", Columns: []record.ColumnInfo{{Name: "age", Unit: "years"}}}},
	}}
	for s, strategy := range []string{"copula", "floor"} {
		for seed := 1; seed <= 3; seed++ {
			id := fmt.Sprintf("%s-%d", strategy, seed)
			cell := record.Cell{ID: id, Status: record.CellOK, Axes: map[string]string{"strategy": strategy, "seed": fmt.Sprint(seed)}}
			if strategy == "floor" && seed == 2 {
				cell.Status, cell.Stage, cell.Reason = record.CellFailed, "generate", "out of memory"
				core.Cells = append(core.Cells, cell)
				continue
			}
			core.Cells = append(core.Cells, cell)
			score := func(name string, value float64) {
				core.Scores = append(core.Scores, record.Score{Cell: id, Metric: "use", Score: plugins.Score{Name: name, Value: value, Status: plugins.OK}})
			}
			score("auroc", 0.6+float64(s)/10+float64(seed)/100)
			score("prevalence", 0.25)
			curve := func(metric, name string, dims map[string]string, x, y []float64) {
				core.Curves = append(core.Curves, record.Curve{Cell: id, Metric: metric, Curve: plugins.Curve{Name: name, Dims: dims, X: x, Y: y}})
			}
			if strategy == "floor" && seed == 3 {
				core.Counts = append(core.Counts, record.Count{Cell: id, Count: plugins.Count{Name: plugins.CurvesWithheld, Dims: map[string]string{"metric": "use", "curve": "roc"}, Value: 1}})
			} else {
				curve("use", "roc", nil, []float64{0, 0.5, 1}, []float64{0, 0.5 + float64(s+seed)/100, 1})
			}
			for _, side := range []string{plugins.RealSide, plugins.SynthSide} {
				shift := 0.0
				if side == plugins.SynthSide {
					shift = float64(seed) / 1000
				}
				curve("ks", "density", map[string]string{"column": "age", "side": side}, []float64{30, 60}, []float64{0.01 + shift, 0.02})
				for i, level := range []string{"female", "male"} {
					curve("ks", "density", map[string]string{"column": "sex", "side": side, "level": level}, []float64{float64(i)}, []float64{0.4 + float64(i)/5 + shift})
				}
				for i, column := range []string{"age", "bun"} {
					row := []float64{shift * 10, shift * 10}
					row[i] = 1
					curve("corr", "matrix", map[string]string{"column": column, "side": side}, []float64{0, 1}, row)
				}
			}
			curve("codes", "pairs", nil, []float64{-1, -2}, []float64{-1, -2 - float64(seed)})
		}
	}
	return core
}

func figureOf(t *testing.T, core *record.Core, p spec.Plot, form plugins.Form) (plugins.Figure, string) {
	t.Helper()
	got := newSource(core, nil).plot(&p, form)
	csv, err := got.data()
	if err != nil {
		t.Fatal(err)
	}
	return got.figure, string(csv)
}

func TestCurvesOverSeeds(t *testing.T) {
	fig, csv := figureOf(t, curveStudy(), spec.Plot{Name: "roc", Curve: "use.roc", Series: "strategy", Over: []string{"seed"}}, plugins.CurveForm)
	if len(fig.Series) != 2 || fig.Series[0].Name != "copula" || fig.XLabel != "false alarms" || fig.YLabel != "found" {
		t.Fatalf("%+v", fig)
	}
	copula, floor := fig.Series[0], fig.Series[1]
	half := 4.30265272975 * 0.01 / math.Sqrt(3) // t(0.975; 2) · SD/√3
	if d := cmp.Diff([]float64{0.52, 0.52 - half, 0.52 + half}, []float64{copula.Y[1], copula.Low[1], copula.High[1]}, approximately); d != "" {
		t.Error(d)
	}
	if floor.Y[1] != 0.52 || !math.IsNaN(floor.Low[1]) { // one seed of three
		t.Errorf("%+v", floor)
	}
	if !strings.HasPrefix(copula.Note, "AUROC 0.620 (0.595 to 0.645)") || *copula.Chance != 0.25 {
		t.Errorf("%q %v", copula.Note, *copula.Chance)
	}
	want := []string{
		"SIMULATED: software check on invented patients",
		"Curves are pointwise means over seeds; n/N = 1/3, 3/3.",
		"Bands: 95 %, pointwise, Student t, over seeds. The test rows are the same for all seeds; their sampling is not in the band (generator variability, data fixed).",
		"strategy floor, seed 2: failed at generate: out of memory",
		"strategy floor, seed 3: withheld, as a point would stand for fewer than 11 subjects",
		"Experiment study, version v2.",
	}
	if d := cmp.Diff(want[:5], fig.Notes[:5]); d != "" {
		t.Error(d)
	}
	for _, line := range []string{
		"strategy,x,y,low,high,measured,planned,status,note",
		"copula,0,0,,,3,3,ok,SIMULATED: software check on invented patients",
		`floor,0.5,0.52,,,1,3,ok,"SIMULATED: software check on invented patients; failed at generate: out of memory; withheld, as a point would stand for fewer than 11 subjects"`,
	} {
		if !strings.Contains(csv, line+"\n") {
			t.Errorf("no line %s in\n%s", line, csv)
		}
	}
}

// The real rows are one series, whatever the strategies are; each column has a panel, and levels are categories.
func TestCurvesOfTwoSidesInPanels(t *testing.T) {
	p := spec.Plot{Name: "density", Curve: "density", Series: "strategy", Over: []string{"seed"}, Panels: "column", Where: map[string][]spec.Value{"column": texts("sex", "age", "bun")}}
	fig, csv := figureOf(t, curveStudy(), p, plugins.CurveForm)
	if len(fig.Panels) != 2 || fig.Panels[0].Title != "sex" || fig.Panels[1].XLabel != "age (years)" {
		t.Fatalf("%+v", fig.Panels)
	}
	sex, age := fig.Panels[0], fig.Panels[1]
	var names []string
	for _, s := range append(slices.Clone(sex.Series), age.Series...) {
		names = append(names, s.Name)
	}
	if d := cmp.Diff([]string{"real", "copula", "floor", "real", "copula", "floor"}, names); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([][]float64{{0, 1}, {0.402, 0.602}, {0.01, 0.02}}, [][]float64{sex.Series[1].X, sex.Series[1].Y, age.Series[0].Y}, approximately); d != "" || !slices.Equal(sex.Categories, []string{"female", "male"}) {
		t.Errorf("%s %q", d, sex.Categories)
	}
	if !slices.Contains(fig.Notes, "no curve with column bun") {
		t.Errorf("%q", fig.Notes)
	}
	if !strings.Contains(csv, "column,strategy,side,level,x,y,") || !strings.Contains(csv, "sex,,real,female,0,0.4,,,,,ok") || !strings.Contains(csv, "sex,floor,synthetic,male,") {
		t.Error(csv)
	}
	// two sides as series, of one strategy
	p = spec.Plot{Name: "d", Curve: "density", Series: "side", Over: []string{"seed"}, Where: map[string][]spec.Value{"column": texts("age"), "strategy": texts("copula")}}
	if fig, _ := figureOf(t, curveStudy(), p, plugins.CurveForm); len(fig.Series) != 2 || fig.Series[1].Name != "synthetic" || !math.IsNaN(fig.Series[0].Low[0]) {
		t.Errorf("%+v", fig.Series)
	}
}

func TestMatrices(t *testing.T) {
	where := map[string][]spec.Value{"strategy": texts("copula")}
	fig, csv := figureOf(t, curveStudy(), spec.Plot{Name: "m", Curve: "corr.matrix", Over: []string{"seed"}, Where: where}, plugins.MatrixForm)
	want := []plugins.Matrix{
		{Name: "real", Values: [][]float64{{1, 0}, {0, 1}}, Low: -1, High: 1},
		{Name: "synthetic", Values: [][]float64{{1, 0.02}, {0.02, 1}}, Low: -1, High: 1},
		{Name: "synthetic − real", Values: [][]float64{{0, 0.02}, {0.02, 0}}, Low: -0.02, High: 0.02},
	}
	for i := range want {
		want[i].Rows, want[i].Columns = []string{"age", "bun"}, []string{"age", "bun"}
	}
	if d := cmp.Diff(want, fig.Matrices, approximately); d != "" {
		t.Error(d)
	}
	if !strings.Contains(fig.Notes[1], "Matrices are pointwise means over seeds; n/N = 3/3.") || !strings.Contains(csv, "synthetic,age,bun,0.02,3,ok,") {
		t.Errorf("%q\n%s", fig.Notes, csv)
	}
	// a coefficient that no seed has is a gap
	core := curveStudy()
	for i := range core.Curves {
		if c := &core.Curves[i]; c.Metric == "corr" && c.Dims["column"] == "age" {
			c.X, c.Y = c.X[:1], c.Y[:1]
		}
	}
	if fig, csv = figureOf(t, core, spec.Plot{Name: "m", Curve: "matrix", Over: []string{"seed"}, Where: where}, plugins.MatrixForm); !math.IsNaN(fig.Matrices[2].Values[0][1]) || !strings.Contains(csv, "real,age,bun,,,undefined,") {
		t.Error(csv)
	}
	// cells with other columns have no mean
	for i := range core.Curves {
		if c := &core.Curves[i]; c.Cell == "copula-2" && c.Metric == "corr" && c.Dims["column"] == "age" && c.Dims["side"] == "synthetic" {
			c.Dims["column"] = "sex"
		}
	}
	if fig, _ = figureOf(t, core, spec.Plot{Name: "m", Curve: "matrix", Over: []string{"seed"}, Where: where}, plugins.MatrixForm); fig.Matrices != nil || !strings.Contains(fig.Notes[1], "select cells with the same columns") {
		t.Errorf("%q", fig.Notes)
	}
}

func TestPairsOfCurves(t *testing.T) {
	fig, csv := figureOf(t, curveStudy(), spec.Plot{Name: "p", Curve: "pairs", Series: "strategy", Over: []string{"seed"}}, plugins.PairForm)
	if len(fig.Series) != 2 || len(fig.Series[0].X) != 6 || len(fig.Series[1].X) != 4 || fig.Series[0].Y[3] != -4 {
		t.Errorf("%+v", fig.Series)
	}
	if !slices.Contains(fig.Notes, "The pairs of all seeds are drawn.") || !strings.Contains(csv, "copula,copula-2,-2,-4,ok,") {
		t.Errorf("%q %s", fig.Notes, csv)
	}
}

// What must not be drawn as one line says so, in the figure and in its data.
func TestCurvesThatMayNotMeet(t *testing.T) {
	real := curveStudy()
	for i := range real.Curves {
		if c := &real.Curves[i]; c.Metric == "ks" && c.Cell == "floor-1" && c.Dims["side"] == "real" {
			c.Y = []float64{9, 9}[:len(c.Y)]
		}
	}
	for name, c := range map[string]struct {
		core *record.Core
		plot spec.Plot
		want string
	}{
		"unknown":   {curveStudy(), spec.Plot{Curve: "use.rok"}, `no curve named "use.rok" is recorded`},
		"seeds":     {curveStudy(), spec.Plot{Curve: "use.roc", Series: "strategy"}, `cells with seed "1" and "2" meet; add "seed" to series, panels, over or where`},
		"columns":   {curveStudy(), spec.Plot{Curve: "density", Series: "strategy", Over: []string{"seed"}, Where: map[string][]spec.Value{"side": texts("synthetic")}}, `two curves of one cell meet; add to series, panels or where: column`},
		"real rows": {real, spec.Plot{Curve: "density", Series: "strategy", Over: []string{"seed"}, Where: map[string][]spec.Value{"column": texts("age")}}, `have different curves`},
		"no such":   {curveStudy(), spec.Plot{Curve: "density", Where: map[string][]spec.Value{"column": texts("race")}}, `no cell of the plot has a curve "density" with column race`},
		"none":      {curveStudy(), spec.Plot{Curve: "use.roc", Where: map[string][]spec.Value{"strategy": texts("floor"), "seed": texts("2", "3")}}, `failed at generate: out of memory; withheld`},
	} {
		fig, csv := figureOf(t, c.core, c.plot, plugins.CurveForm)
		if len(fig.Series)+len(fig.Panels) > 0 || len(fig.Notes) < 2 || !strings.Contains(fig.Notes[1], c.want) {
			t.Errorf("%s: %q", name, fig.Notes)
		}
		if strings.Count(csv, "\n") != 2 || !strings.Contains(csv, ",failed,") {
			t.Errorf("%s: %s", name, csv)
		}
	}
}

// BenchmarkCurves1000Cells gathers the densities of twenty columns of a thousand cells: 250 strategies, of four seeds each.
func BenchmarkCurves1000Cells(b *testing.B) {
	core := curveStudy()
	core.Cells, core.Curves, core.Scores = nil, nil, nil
	x := make([]float64, 40)
	for i := range 1000 {
		id := fmt.Sprint("cell", i)
		core.Cells = append(core.Cells, record.Cell{ID: id, Status: record.CellOK, Axes: map[string]string{"strategy": fmt.Sprint(i / 4), "seed": fmt.Sprint(i % 4)}})
		for column := range 20 {
			for _, side := range []string{plugins.RealSide, plugins.SynthSide} {
				core.Curves = append(core.Curves, record.Curve{Cell: id, Metric: "ks", Curve: plugins.Curve{
					Name: "density", Dims: map[string]string{"column": fmt.Sprint(column), "side": side}, X: x, Y: x,
				}})
			}
		}
	}
	p := spec.Plot{Name: "p", Curve: "ks.density", Series: "strategy", Panels: "column", Over: []string{"seed"}}
	b.ReportAllocs()
	for b.Loop() {
		got := newSource(core, nil).plot(&p, plugins.CurveForm)
		if _, err := got.data(); err != nil || len(got.figure.Panels) != 20 {
			b.Fatal(err, len(got.figure.Panels))
		}
	}
}
