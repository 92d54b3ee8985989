// Package hellinger scores how far the distributions of a column lie apart, by the roots of their shares.
package hellinger

import (
	"context"
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

// Config is the metric's "with" block.
//
// Another number of bins than the default gives a variant that compares with no published value; every score of it says so.
type Config struct {
	Part plugins.Part `json:"part"` // the real rows to compare with: test, or train, which rewards copying
	Bins int          `json:"bins"` // equal bins over the real range of a number column, ≥ 2
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "hellinger",
		Version: 1,
		Summary: "Hellinger distance of each column: ten bins or the levels",
		Source:  "E. Hellinger (1909), J. reine angew. Math. 136, 210–271; R. Beran (1977), Ann. Stat. 5(3), 445–463",
		Schema: `part?: "test" | "train"
bins?: int & >=2 & <=1000`,
		Family: plugins.Marginals,
		Cost:   plugins.PerColumn,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Uses:   []plugins.Use{compare.Use()},
		Need:   compare.Need(1),
		Scores: []plugins.ScoreInfo{
			{Name: "hellinger_distance", Summary: "√(½ Σ(√p_real - √p_synthetic)²) of a column, missing values left out", Min: 0, Max: 1, Better: plugins.Lower, Dims: []string{"column"}},
			{Name: "mean", Summary: "mean hellinger_distance over the columns", Min: 0, Max: 1, Better: plugins.Lower},
		},
	}, Config{Part: plugins.Test, Bins: compare.TenBins}, New)
}

type metric struct{ config Config }

// New returns the metric. It is an error when Bins lies outside its bounds, or Part is another part.
func New(c Config) (plugins.Metric, error) {
	if err := compare.CheckPart(c.Part); err != nil {
		return nil, err
	}
	return metric{c}, compare.CheckBins(c.Bins)
}

// Measure scores every column, the target included.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := compare.New(pair, m.config.Part)
	if err != nil {
		return nil, err
	}
	note := ""
	if m.config.Bins != compare.TenBins {
		note = fmt.Sprintf("variant: %d bins instead of %d", m.config.Bins, compare.TenBins)
	}
	return s.Columns(ctx, env, "hellinger_distance", note, s.Names(frame.Number, frame.Category), func(column string) float64 {
		return Distance(s.Cells(column, m.config.Bins))
	})
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
