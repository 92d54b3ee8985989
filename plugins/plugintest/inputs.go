package plugintest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Inputs is what a suite hands to a plugin.
type Inputs struct {
	Parts     map[plugins.Part]plugins.Sample
	Synthetic *frame.Frame
	Target    string
	N         int // rows to generate; no more than the reference part has
}

// Fixture returns a small cohort: numbers, whole numbers with a unit, flags and categories; missing values, more of them
// in the sick; a constant column; a level that only train has, once; two stays of some patients; three sites.
//
// The rows are invented and the same in every call.
func Fixture() Inputs {
	rng := rand.New(rand.NewPCG(2025, 14657))
	in := Inputs{Target: "death", N: 60, Parts: map[plugins.Part]plugins.Sample{}}
	rows := map[plugins.Part]int{plugins.Train: 160, plugins.Validation: 40, plugins.Test: 120, plugins.Reference: 80}
	first := 0
	for _, part := range plugins.AllParts() {
		in.Parts[part] = sample(rng, first, rows[part], part == plugins.Train)
		first += rows[part]
	}
	in.Synthetic = sample(rng, first, 130, false).Frame
	return in
}

// sample makes n rows of patients who are numbered from first on.
func sample(rng *rand.Rand, first, n int, rare bool) plugins.Sample {
	age, lactate, bun, flat := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	female, death := make([]float64, n), make([]float64, n)
	unit, race, subject, site := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	unknown := make([]bool, n)
	for i := range n {
		severity := rng.NormFloat64()
		age[i] = math.Round(64 + 14*rng.NormFloat64())
		lactate[i] = math.Round(10*1.6*math.Exp(0.5*severity+0.3*rng.NormFloat64())) / 10
		if rng.Float64() < 0.5/(1+math.Exp(severity)) {
			lactate[i] = math.NaN()
		}
		bun[i] = 20 * math.Exp(0.3*severity+0.5*rng.NormFloat64())
		flat[i] = 1
		female[i] = float64(rng.IntN(2))
		unit[i] = []string{"medical", "surgical", "cardiac"}[rng.IntN(3)]
		if rare && i == n/2 {
			unit[i] = "burns"
		}
		race[i] = []string{"a", "b", "b", "b"}[rng.IntN(4)]
		unknown[i] = rng.IntN(15) == 0
		if rng.Float64() < 1/(1+math.Exp(1.2-severity-(age[i]-64)/20)) {
			death[i] = 1
		}
		subject[i] = fmt.Sprintf("p%04d", first+i-i%5/4) // every fifth row is a second stay
		site[i] = fmt.Sprintf("h%d", rng.IntN(3))
	}
	whole := func(c *frame.Column, unit string) *frame.Column {
		c.Integer, c.Unit = true, unit
		return c
	}
	measured := frame.NewNumber("lactate", lactate)
	measured.Unit = "mmol/L"
	return plugins.Sample{
		Frame: frame.Must(
			whole(frame.NewNumber("age", age), "years"),
			measured,
			frame.NewNumber("bun", bun),
			whole(frame.NewNumber("flat", flat), ""),
			whole(frame.NewNumber("is_female", female), ""),
			frame.NewCategoryFromStrings("unit", unit, nil),
			frame.NewCategoryFromStrings("race", race, unknown),
			whole(frame.NewNumber("death", death), ""),
		),
		Subject: frame.NewCategoryFromStrings("subject", subject, nil),
		Site:    frame.NewCategoryFromStrings("site", site, nil),
	}
}

// Digest identifies the inputs.
func (in Inputs) Digest() string { return hash([]byte(in.digest())) }

func (in Inputs) digest() string {
	out := fmt.Sprintln(in.Target, in.N, in.Synthetic.Digest())
	for _, p := range plugins.AllParts() {
		s := in.Parts[p]
		out += fmt.Sprintln(p, s.Frame.Digest(), frame.Must(s.Subject).Digest(), frame.Must(s.Site).Digest())
	}
	return out
}

// with returns all samples changed by f.
func (in Inputs) with(f func(plugins.Part, plugins.Sample) plugins.Sample) map[plugins.Part]plugins.Sample {
	out := map[plugins.Part]plugins.Sample{}
	for p, s := range in.Parts {
		out[p] = f(p, s)
	}
	return out
}

// rowsOf returns a sample of the given rows.
func rowsOf(s plugins.Sample, rows []int) plugins.Sample {
	return plugins.Sample{Frame: s.Frame.Take(rows), Subject: s.Subject.Take(rows), Site: s.Site.Take(rows)}
}

// disturbed returns all parts; those that are not declared hold other rows, in another order.
func (in Inputs) disturbed(declared []plugins.Part) map[plugins.Part]plugins.Sample {
	return in.with(func(p plugins.Part, s plugins.Sample) plugins.Sample {
		if slices.Contains(declared, p) {
			return s
		}
		var rows []int
		for i := s.Frame.Rows() - 1; i >= 0; i -= 2 {
			rows = append(rows, i, i)
		}
		return rowsOf(s, rows)
	})
}

// emptied returns all parts without rows.
func (in Inputs) emptied() map[plugins.Part]plugins.Sample {
	return in.with(func(_ plugins.Part, s plugins.Sample) plugins.Sample { return rowsOf(s, nil) })
}

// tiny returns inputs on which many formulas have no value.
func (in Inputs) tiny() map[string]Inputs {
	one := in
	one.Synthetic = in.Synthetic.Take([]int{0})
	none := in
	none.Synthetic = in.Synthetic.Take(nil)
	alone := in
	alone.Parts = in.with(func(_ plugins.Part, s plugins.Sample) plugins.Sample { return rowsOf(s, []int{0}) })
	out := map[string]Inputs{
		"one synthetic row":  one,
		"no synthetic row":   none,
		"one row a part":     alone,
		"no row in any part": {Parts: in.emptied(), Synthetic: in.Synthetic, Target: in.Target, N: in.N},
	}
	if in.Target == "" {
		return out
	}
	single := in
	single.Parts = in.with(func(p plugins.Part, s plugins.Sample) plugins.Sample {
		var rows []int
		for i, v := range s.Frame.Column(in.Target).Numbers {
			if v == 0 || p != plugins.Test {
				rows = append(rows, i)
			}
		}
		return rowsOf(s, rows)
	})
	out["one class in test"] = single
	return out
}

// Lines is a figure over a numeric axis: two series with intervals, one of them with a gap.
func Lines() plugins.Figure {
	return plugins.Figure{
		Title: "AUROC by number of features", XLabel: "features", YLabel: "AUROC",
		Series: []plugins.Series{
			{Name: "copula", X: []float64{5, 10, 20}, Y: []float64{0.71, 0.78, 0.80}, Low: []float64{0.66, 0.74, 0.77}, High: []float64{0.75, 0.82, 0.84}},
			{Name: "floor", X: []float64{5, 10, 20}, Y: []float64{0.50, math.NaN(), 0.49}, Low: []float64{0.45, math.NaN(), 0.44}, High: []float64{0.55, math.NaN(), 0.54}},
		},
		Notes: []string{"5 seeds"},
	}
}

// Groups is a figure over a categorical axis.
func Groups() plugins.Figure {
	return plugins.Figure{
		Title: "KS complement by strategy", XLabel: "strategy", YLabel: "KS complement",
		Categories: []string{"copula", "floor", "ceiling"},
		Series: []plugins.Series{
			{Name: "within", X: []float64{0, 1, 2}, Y: []float64{0.93, 0.95, 0.97}, Low: []float64{0.91, 0.94, 0.95}, High: []float64{0.95, 0.96, 0.98}},
			{Name: "across", X: []float64{0, 1, 2}, Y: []float64{0.90, math.NaN(), 0.96}},
		},
	}
}

// FigureOf is a figure of the form that a view draws.
func FigureOf(form plugins.Form) plugins.Figure {
	fig := Groups()
	prevalence := 0.4
	for i := range fig.Series {
		s := &fig.Series[i]
		switch form {
		case plugins.ForestForm:
			s.N = []int{120, 80, 40}
			s.Summary = &plugins.Summary{Name: "all", Value: 0.95, Low: 0.93, High: 0.97, PredictLow: 0.9, PredictHigh: 1, Note: "3 hospitals"}
		case plugins.SpreadForm:
			s.Values = [][]float64{{0.93, 0.91, 0.96, 0.92, 0.95, 0.99}, {0.9, 0.95}, nil}
		case plugins.PairForm, plugins.CurveForm:
			fig.Categories = nil
			s.X, s.N, s.Labels, s.Chance = []float64{0.2, 0.5, 0.9}, []int{120, 80, 40}, []string{"age", "lactate", "unit"}, &prevalence
		}
	}
	if form == plugins.MatrixForm {
		names := []string{"age", "lactate"}
		fig.Series, fig.Categories = nil, nil
		fig.Matrices = []plugins.Matrix{
			{Name: "real", Rows: names, Columns: names, Values: [][]float64{{1, 0.3}, {0.3, 1}}, Low: -1, High: 1},
			{Name: "synthetic", Rows: names, Columns: names, Values: [][]float64{{1, -0.2}, {math.NaN(), 1}}, Low: -1, High: 1},
		}
	}
	return fig
}

// digestFigure identifies a figure; %v also prints NaN, which JSON cannot.
func digestFigure(f plugins.Figure) string { return hash(fmt.Appendf(nil, "%#v", f)) }
