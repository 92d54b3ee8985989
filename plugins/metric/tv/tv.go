// Package tv scores how far the distributions of a category column lie apart, by the total variation distance.
package tv

import (
	"context"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

// Config is the metric's "with" block.
type Config struct {
	Part   plugins.Part `json:"part"`             // the real rows to compare with: test, or train, which rewards copying
	Curves bool         `json:"curves,omitempty"` // give the distribution of each column on both sides, too
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "tv",
		Version: 1,
		Summary: "total variation complement of each category column",
		Source:  "D. A. Levin, Y. Peres, E. L. Wilmer (2009), Markov Chains and Mixing Times, section 4.1",
		Schema: `// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"
curves?: bool // the distribution of each column on both sides, for plots`,
		Curves: compare.CategoryCurves(),
		Family: plugins.Marginals,
		Cost:   plugins.PerColumn,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Uses:   []plugins.Use{compare.Use()},
		Scores: []plugins.ScoreInfo{
			{Name: "tv_complement", Summary: "1 - ½ Σ|p_real - p_synthetic| over the levels of a category column, missing values left out", Min: 0, Max: 1, Better: plugins.Higher, Dims: []string{"column"}},
			{Name: "mean", Summary: "mean tv_complement over the category columns", Min: 0, Max: 1, Better: plugins.Higher},
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

// Measure scores every category column, the target included if it is one.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := compare.New(pair, m.config.Part)
	if err != nil {
		return nil, err
	}
	names := s.Names(frame.Category)
	out, err := s.Columns(ctx, env, "tv_complement", "", names, func(column string) float64 {
		return complement(s.Levels(column))
	})
	if err != nil || !m.config.Curves {
		return out, err
	}
	out.Curves, err = s.Curves(ctx, env.Threads, names)
	return out, err
}

// complement returns 1 - ½ Σ|p - q| of a table with rows on both sides, in [0,1].
func complement(t *compare.Table) float64 {
	twice := 0 // the distance in units of 1/(2·RealN·SyntheticN): whole numbers, so exact
	for k := range t.Real {
		d := t.Real[k]*t.SyntheticN - t.Synthetic[k]*t.RealN
		twice += max(d, -d)
	}
	return 1 - float64(twice)/2/(float64(t.RealN)*float64(t.SyntheticN))
}
