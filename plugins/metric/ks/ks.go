// Package ks scores how far the distributions of a number column lie apart, by the Kolmogorov–Smirnov statistic.
package ks

import (
	"context"
	"math"

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
		Name:    "ks",
		Version: 1,
		Summary: "Kolmogorov–Smirnov complement of each number column",
		Source:  "A. N. Kolmogorov (1933), Giorn. Ist. Ital. Attuari 4, 83–91; N. Smirnov (1948), Ann. Math. Stat. 19(2), 279–281",
		Schema: `// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"
curves?: bool // the distribution of each column on both sides, for plots`,
		Curves: compare.NumberCurves(),
		Family: plugins.Marginals,
		Cost:   plugins.PerColumn,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Uses:   []plugins.Use{compare.Use()},
		Need:   compare.Need(1),
		Scores: []plugins.ScoreInfo{
			{Name: "ks_complement", Summary: "1 - sup|F_real - F_synthetic| of a number column, missing values left out", Min: 0, Max: 1, Better: plugins.Higher, Dims: []string{"column"}},
			{Name: "mean", Summary: "mean ks_complement over the number columns", Min: 0, Max: 1, Better: plugins.Higher},
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

// Measure scores every number column, the target included if it is one.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := compare.New(pair, m.config.Part)
	if err != nil {
		return nil, err
	}
	names := s.Names(frame.Number)
	out, err := s.Columns(ctx, env, "ks_complement", "", names, func(column string) float64 {
		return Complement(s.Sorted(s.Part, column), s.Sorted(compare.Synthetic, column))
	})
	if err != nil || !m.config.Curves {
		return out, err
	}
	out.Curves, err = s.Curves(ctx, env.Threads, names)
	return out, err
}

// Complement returns 1 - sup|F - G| of the empirical distribution functions of two sorted, non-empty samples, in [0,1]. Values
// are rounded to 14 decimals first, so that those which differ by arithmetic alone are tied.
func Complement(f, g []float64) float64 { return 1 - Statistic(rounded(f), rounded(g)) }

// Statistic returns sup|F - G| of the empirical distribution functions of two sorted, non-empty samples, in [0,1]. Values are
// taken as they are; at tied ones both functions jump before they are compared.
func Statistic(f, g []float64) float64 {
	var i, j, sup int // sup is |F - G| in units of 1/(len f · len g): whole numbers, so exact
	for i < len(f) && j < len(g) {
		x := min(f[i], g[j])
		for i < len(f) && f[i] == x {
			i++
		}
		for j < len(g) && g[j] == x {
			j++
		}
		sup = max(sup, i*len(g)-j*len(f), j*len(f)-i*len(g))
	}
	// what remains of one sample only brings F and G closer: both end at 1
	return float64(sup) / (float64(len(f)) * float64(len(g)))
}

// rounded returns sorted values rounded to 14 decimals, which keeps them sorted. From 64 on neighbouring floats lie further
// apart than that.
func rounded(sorted []float64) []float64 {
	out := make([]float64, len(sorted))
	for i, x := range sorted {
		if out[i] = x; math.Abs(x) < 64 {
			out[i] = math.RoundToEven(x*1e14) / 1e14
		}
	}
	return out
}
