// Package kl scores the Kullback–Leibler divergence of real from synthetic columns.
package kl

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

// Config is the metric's "with" block.
//
// Other values of Bins and Smoothing than the defaults give a variant that compares with no published
// value of the default; every score of it says so.
type Config struct {
	Part      plugins.Part `json:"part"`      // the real rows to compare with: test, or train, which rewards copying
	Bins      int          `json:"bins"`      // equal bins over the real range of a number column, ≥ 2
	Smoothing float64      `json:"smoothing"` // pseudo-count of each cell on both sides, > 0
}

func defaults() Config { return Config{Part: plugins.Test, Bins: compare.TenBins, Smoothing: 1} }

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "kl",
		Version: 1,
		Summary: "Kullback–Leibler divergence of each column: ten bins or the levels, add-one smoothing, nats",
		Source:  "S. Kullback, R. A. Leibler (1951), Ann. Math. Stat. 22(1), 79–86",
		Schema: `// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"
// equal bins over the real range of a number column: 10 unless set
bins?: int & >=2 & <=1000
// rows that are added to each bin or level on both sides: 1 unless set
smoothing?: number & >0 & <=1000`,
		Family: plugins.Marginals,
		Cost:   plugins.PerColumn,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Uses:   []plugins.Use{compare.Use()},
		Need:   compare.Need(1),
		Scores: []plugins.ScoreInfo{
			{Name: "kl_divergence", Summary: "Σ p ln(p/q) of a column, p real and q synthetic, missing values left out, in nats", Min: 0, Max: math.Inf(1), Better: plugins.Lower, Dims: []string{"column"}},
			{Name: "mean", Summary: "mean kl_divergence over the columns, in nats", Min: 0, Max: math.Inf(1), Better: plugins.Lower},
		},
	}, defaults(), New)
}

type metric struct{ config Config }

// New returns the metric. It is an error when Bins or Smoothing lies outside its bounds, or Part is another part.
func New(c Config) (plugins.Metric, error) {
	if err := compare.CheckPart(c.Part); err != nil {
		return nil, err
	}
	if err := compare.CheckBins(c.Bins); err != nil {
		return nil, err
	}
	if !(c.Smoothing > 0) || math.IsInf(c.Smoothing, 0) {
		return nil, fmt.Errorf("smoothing is %v; want a number above 0, so that an empty cell keeps the divergence finite", c.Smoothing)
	}
	return metric{c}, nil
}

// Measure scores every column, the target included.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := compare.New(pair, m.config.Part)
	if err != nil {
		return nil, err
	}
	return s.Columns(ctx, env, "kl_divergence", m.config.variant(), s.Names(frame.Number, frame.Category), func(column string) float64 {
		return divergence(s.Cells(column, m.config.Bins), m.config.Smoothing)
	})
}

// variant says what differs from the defaults, or nothing.
func (c Config) variant() string {
	var differs []string
	if usual := defaults().Bins; c.Bins != usual {
		differs = append(differs, fmt.Sprintf("%d bins instead of %d", c.Bins, usual))
	}
	if usual := defaults().Smoothing; c.Smoothing != usual {
		differs = append(differs, fmt.Sprintf("smoothing %v instead of %v", c.Smoothing, usual))
	}
	if differs == nil {
		return ""
	}
	return "variant: " + strings.Join(differs, ", ")
}

// divergence returns Σ p ln(p/q) over the cells, with p = (n+smoothing)/(N+smoothing·cells) on each side.
// It lies in [0,∞); 0 when the shares are equal.
func divergence(t *compare.Table, smoothing float64) float64 {
	extra := smoothing * float64(len(t.Real))
	real, synthetic := float64(t.RealN)+extra, float64(t.SyntheticN)+extra
	sum := 0.0
	for k := range t.Real {
		p, q := (float64(t.Real[k])+smoothing)/real, (float64(t.Synthetic[k])+smoothing)/synthetic
		sum += p * math.Log(p/q)
	}
	return max(0, sum) // rounding may leave less than 0
}
