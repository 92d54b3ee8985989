// Package jensenshannon scores how far the distributions of a column lie apart, by the divergence of each side from their mean.
package jensenshannon

import (
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	compare.AddShares(r, plugins.Info{
		Name:    "jensen-shannon",
		Version: 1,
		Summary: "Jensen–Shannon distance and divergence of each column: ten bins or the levels, base 2",
		Source:  "J. Lin (1991), IEEE Trans. Inf. Theory 37(1), 145–151; the root is a metric: D. M. Endres, J. E. Schindelin (2003), IEEE Trans. Inf. Theory 49(7), 1858–1860",
		Scores: []plugins.ScoreInfo{
			{Name: "jensen_shannon_distance", Summary: "square root of jensen_shannon_divergence of a column", Min: 0, Max: 1, Better: plugins.Lower, Dims: []string{"column"}},
			{Name: "jensen_shannon_divergence", Summary: "½ KL(p‖m) + ½ KL(q‖m) of a column, m = (p+q)/2, p real and q synthetic, missing values left out, in bits", Min: 0, Max: 1, Better: plugins.Lower, Dims: []string{"column"}},
			{Name: "mean", Summary: "mean jensen_shannon_distance over the columns", Min: 0, Max: 1, Better: plugins.Lower},
			{Name: "mean_jensen_shannon_divergence", Summary: "mean jensen_shannon_divergence over the columns, in bits", Min: 0, Max: 1, Better: plugins.Lower},
		},
	}, []compare.Quantity{
		{Name: "jensen_shannon_distance", Mean: "mean"},
		{Name: "jensen_shannon_divergence", Mean: "mean_jensen_shannon_divergence"},
	}, func(t *compare.Table) []float64 {
		divergence := Divergence(t)
		return []float64{math.Sqrt(divergence), divergence}
	})
}

// Divergence returns ½ KL(p‖m) + ½ KL(q‖m) in bits, m = (p+q)/2, of a table with rows on both sides: in [0,1], 0 when the
// shares are equal, symmetric. The distance is its square root.
func Divergence(t *compare.Table) float64 {
	sum := 0.0
	for k := range t.Real {
		a, b := t.Real[k]*t.SyntheticN, t.Synthetic[k]*t.RealN // shares in units of 1/(RealN·SyntheticN): whole, so exact
		if a+b > 0 {
			sum += float64(float64(a+b) * excess(float64(a-b)/float64(a+b)))
		}
	}
	return min(sum/(4*math.Ln2*(float64(t.RealN)*float64(t.SyntheticN))), 1) // grouped so that the sides can be swapped
}

// excess returns (1+t)·ln(1+t) + (1-t)·ln(1-t) for t in [-1,1]: what a cell adds whose shares stand as 1+t to 1-t. Near 0 it is
// about t²; it is written so that this is not the rest of a subtraction.
func excess(t float64) float64 {
	switch t = math.Abs(t); {
	case t == 1:
		return 2 * math.Ln2
	case t > 0.5:
		return (1+t)*math.Log1p(t) + (1-t)*math.Log1p(-t)
	}
	return math.Log1p(-t*t) + float64(2*t*math.Atanh(t))
}
