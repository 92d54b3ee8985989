// Package hellinger scores how far the distributions of a column lie apart, by the roots of their shares.
package hellinger

import (
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	compare.AddShares(r, plugins.Info{
		Name:    "hellinger",
		Version: 1,
		Summary: "Hellinger distance of each column: ten bins or the levels",
		Source:  "E. Hellinger (1909), J. reine angew. Math. 136, 210–271; R. Beran (1977), Ann. Stat. 5(3), 445–463",
		Scores: []plugins.ScoreInfo{
			{Name: "hellinger_distance", Summary: "√(½ Σ(√p_real - √p_synthetic)²) of a column, missing values left out", Min: 0, Max: 1, Better: plugins.Lower, Dims: []string{"column"}},
			{Name: "mean", Summary: "mean hellinger_distance over the columns", Min: 0, Max: 1, Better: plugins.Lower},
		},
	}, []compare.Quantity{{Name: "hellinger_distance", Mean: "mean"}}, func(t *compare.Table) []float64 { return []float64{Distance(t)} })
}

// Distance returns √(½ Σ(√p - √q)²) of a table with rows on both sides: in [0,1], 0 when the shares are equal, symmetric.
func Distance(t *compare.Table) float64 {
	sum := 0.0
	for k := range t.Real {
		a, b := t.Real[k]*t.SyntheticN, t.Synthetic[k]*t.RealN // shares in units of 1/(RealN·SyntheticN): whole, so exact
		if a != b {
			root := float64(a-b) / (math.Sqrt(float64(a)) + math.Sqrt(float64(b))) // √a - √b without its cancellation
			sum += float64(root * root)
		}
	}
	return min(math.Sqrt(sum/2/(float64(t.RealN)*float64(t.SyntheticN))), 1) // grouped so that the sides can be swapped
}
