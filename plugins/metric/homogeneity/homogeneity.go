// Package homogeneity tests whether the real and the synthetic rows of a category column share one distribution, and says how
// far they are from it.
package homogeneity

import (
	"context"
	"math"

	"gonum.org/v1/gonum/mathext"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

// Config is the metric's "with" block.
type Config struct {
	Part plugins.Part `json:"part"` // the real rows to compare with: test, or train, which rewards copying
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "homogeneity",
		Version: 1,
		Summary: "chi-square test of homogeneity of each category column with Cramér's V, its effect size",
		Source:  "K. Pearson (1900), Philos. Mag. 50(302), 157–175; H. Cramér (1946), Mathematical Methods of Statistics, section 21.9",
		Schema: `// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"`,
		Family: plugins.Marginals,
		Cost:   plugins.PerColumn,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Uses:   []plugins.Use{compare.Use()},
		Scores: []plugins.ScoreInfo{
			{Name: "chi2_homogeneity", Summary: "Pearson's statistic of the 2 × levels table of counts, missing values left out, no continuity correction; it grows with the number of rows", Min: 0, Max: math.Inf(1), Better: plugins.Neutral, Dims: []string{"column"}, NoInterval: plugins.OfATest},
			{Name: "chi2_homogeneity_dof", Summary: "degrees of freedom: levels - 1", Min: 0, Max: math.Inf(1), Count: true, Better: plugins.Neutral, Dims: []string{"column"}, NoInterval: plugins.OfATest},
			{Name: "chi2_homogeneity_p", Summary: "p-value of the statistic; with many rows it is small for differences of no matter, see the effect size", Min: 0, Max: 1, Better: plugins.Neutral, Dims: []string{"column"}, NoInterval: plugins.OfATest},
			{Name: "cramers_v", Summary: "effect size √(statistic/rows) of a column: 0 for equal shares, 1 for no common level", Min: 0, Max: 1, Better: plugins.Lower, Dims: []string{"column"}},
			{Name: "mean", Summary: "mean cramers_v over the category columns", Min: 0, Max: 1, Better: plugins.Lower},
		},
	}, Config{Part: plugins.Test}, New)
}

type metric struct {
	compare.OnePart
	config Config
}

// New returns the metric. It is an error when Part is another part.
func New(c Config) (plugins.Metric, error) {
	return metric{compare.OnePart(c.Part), c}, compare.CheckPart(c.Part)
}

// fewExpected is the expected count of a cell below which the chi-square distribution is a poor guide (W. G. Cochran 1954,
// Biometrics 10(4), 417–451).
const fewExpected = 5

// Measure scores every category column, the target included if it is one.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := compare.New(pair, m.config.Part)
	if err != nil {
		return nil, err
	}
	quantities := []compare.Quantity{{Name: "chi2_homogeneity"}, {Name: "chi2_homogeneity_dof"}, {Name: "chi2_homogeneity_p"}, {Name: "cramers_v", Mean: "mean"}}
	out, err := s.Quantities(ctx, env, "", s.Names(frame.Category), quantities, func(column string) []compare.Value {
		if none, ok := s.Filled(column); !ok {
			return []compare.Value{none, none, none, none}
		}
		t := s.Levels(column)
		statistic, dof, p := Test(t)
		v := compare.None(s.Part, "the column has one level on both sides: there is no effect to size")
		if dof > 0 {
			v = compare.Known(min(1, math.Sqrt(statistic/float64(t.RealN+t.SyntheticN))))
		}
		return []compare.Value{compare.Known(statistic), compare.Known(float64(dof)), compare.Known(p), v}
	})
	if err != nil {
		return nil, err
	}
	for i, score := range out.Scores {
		if score.Name == "chi2_homogeneity_p" && score.Status == plugins.OK && sparse(s.Levels(score.Dims["column"])) {
			out.Scores[i].Warnings = append(score.Warnings, "more than a fifth of the cells expect fewer than 5 rows: the p-value is rough")
		}
	}
	return out, nil
}

// Test returns Pearson's statistic of a table with rows on both sides, its degrees of freedom and its p-value. A table of one
// level has the statistic 0, no degree of freedom, and the p-value 1.
func Test(t *compare.Table) (statistic float64, dof int, p float64) {
	for k := range t.Real {
		a, b := t.Real[k], t.Synthetic[k]
		d := float64(a*t.SyntheticN - b*t.RealN) // whole, so exact
		statistic += d / float64(t.RealN) * d / float64(t.SyntheticN) / float64(a+b)
	}
	if dof = len(t.Real) - 1; dof == 0 {
		return 0, 0, 1
	}
	return statistic, dof, mathext.GammaIncRegComp(float64(dof)/2, statistic/2)
}

// sparse reports whether more than a fifth of the cells expect fewer than five rows.
func sparse(t *compare.Table) bool {
	few, all := 0, t.RealN+t.SyntheticN
	for k := range t.Real {
		for _, n := range []int{t.RealN, t.SyntheticN} {
			if (t.Real[k]+t.Synthetic[k])*n < fewExpected*all {
				few++
			}
		}
	}
	return few*5 > 2*len(t.Real)
}
