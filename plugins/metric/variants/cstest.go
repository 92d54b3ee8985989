package variants

import (
	"context"

	"gonum.org/v1/gonum/mathext"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

func registerCSTest(r *plugins.Registry) {
	plugins.Add(&r.Metrics, info("cstest-sdmetrics", "p-value of a chi-square test on shares instead of counts, as SDMetrics computes it",
		"SDMetrics (CSTest)", plugins.PerColumn,
		similarity("cstest_pvalue_sdmetrics", "p-value of Σ(q-p)²/p over the levels of a category column, p real and q synthetic shares; it does not see the number of rows", "column"),
		similarity("mean", "mean cstest_pvalue_sdmetrics over the category columns"),
	), Config{Part: plugins.Test}, func(c Config) (plugins.Metric, error) {
		return csTest{compare.OnePart(c.Part)}, compare.CheckPart(c.Part)
	})
}

type csTest struct{ compare.OnePart }

// unseen is the real count that SDMetrics gives to what occurs in the synthetic rows alone.
const unseen = 1e-6

// Measure scores every category column, the target included if it is one.
func (m csTest) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := compare.New(pair, plugins.Part(m.OnePart))
	if err != nil {
		return nil, err
	}
	return s.Columns(ctx, env, "cstest_pvalue_sdmetrics", "", s.Names(frame.Category), func(column string) float64 {
		t := s.Levels(column)
		if len(t.Real) == 1 {
			return 1
		}
		n := float64(t.RealN)
		for _, count := range t.Real {
			if count == 0 {
				n += unseen
			}
		}
		statistic := 0.0
		for k, count := range t.Real {
			p, q := float64(count)/n, float64(t.Synthetic[k])/float64(t.SyntheticN)
			if count == 0 {
				p = unseen / n
			}
			statistic += (q - p) * (q - p) / p
		}
		return mathext.GammaIncRegComp(float64(len(t.Real)-1)/2, statistic/2)
	})
}
