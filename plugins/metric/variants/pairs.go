package variants

import (
	"context"
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

func registerKLPairContinuous(r *plugins.Registry) {
	registerPairs(r, "kl-pair-continuous-sdmetrics", "kl_pair_continuous_sdmetrics", "number",
		"joint table of ten by ten bins over the real ranges, missing values as 0, synthetic values outside left out, 1e-5 added to each cell", "ContinuousKLDivergence", continuous)
}

func registerKLPairDiscrete(r *plugins.Registry) {
	registerPairs(r, "kl-pair-discrete-sdmetrics", "kl_pair_discrete_sdmetrics", "category",
		"joint table of the levels, missing values as one, a real count of 1e-6 for what occurs in the synthetic rows alone", "DiscreteKLDivergence", discrete)
}

func registerPairs(r *plugins.Registry, name, score, kind, table, class string, measure measurePairs) {
	plugins.Add(&r.Metrics, info(name, "1/(1 + Kullback–Leibler divergence) of each pair of "+kind+" columns as SDMetrics computes it",
		"SDMetrics ("+class+")", plugins.PerColumnPair,
		similarity("mean", "mean "+score+" over the pairs of "+kind+" columns"),
		similarity(score, "1/(1+KL(synthetic‖real)) of a pair of "+kind+" columns: "+table+"; with pairs: true", "column", "other"),
	), PairConfig{Part: plugins.Test}, func(c PairConfig) (plugins.Metric, error) {
		return pairMetric{compare.OnePart(c.Part), c, score, kind, measure}, compare.CheckPart(c.Part)
	})
}

// measurePairs calls visit once for each pair i < j of columns with KL(synthetic‖real) of their joint table; from several goroutines.
type measurePairs func(ctx context.Context, threads int, s *compare.Sides, names []string, visit func(i, j int, kl float64)) error

type pairMetric struct {
	compare.OnePart
	config  PairConfig
	score   string
	kind    string
	measure measurePairs
}

// Measure scores every pair of columns of the metric's kind, the target included if it is one.
func (m pairMetric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := compare.New(pair, m.config.Part)
	if err != nil {
		return nil, err
	}
	names := s.Names(frame.Kind(m.kind))
	switch {
	case len(names) < 2:
		return undefined("there are fewer than two " + m.kind + " columns"), nil
	case s.Real.Rows() == 0:
		return undefined(fmt.Sprintf("there are no %s rows", s.Part)), nil
	case s.Synthetic.Rows() == 0:
		return undefined("there are no synthetic rows"), nil
	}
	n := len(names)
	values := make([]float64, n*n)
	err = m.measure(ctx, env.Threads, s, names, func(i, j int, kl float64) { values[i*n+j] = 1 / (1 + max(0, kl)) })
	if err != nil {
		return nil, err
	}
	mean := plugins.Score{Name: "mean", N: n * (n - 1) / 2, Status: plugins.OK}
	out := &plugins.Measurement{Scores: make([]plugins.Score, 1)}
	for i := range n {
		for j := i + 1; j < n; j++ {
			v := values[i*n+j]
			mean.Value += v / float64(mean.N)
			if m.config.Pairs {
				dims := map[string]string{"column": names[i], "other": names[j]}
				out.Scores = append(out.Scores, plugins.Score{Name: m.score, Dims: dims, Value: v, N: s.Real.Rows() + s.Synthetic.Rows(), Status: plugins.OK})
			}
		}
	}
	out.Scores[0] = mean
	return out, nil
}

func undefined(reason string) *plugins.Measurement {
	return &plugins.Measurement{Scores: []plugins.Score{compare.Undefined("mean", reason)}}
}

// grid is the number of bins of each column of a continuous pair.
const grid = compare.TenBins

// added is what SDMetrics adds to each cell of a continuous pair.
const added = 1e-5

// outside is the cell of a synthetic value outside the real range.
const outside = grid

// continuous measures pairs of number columns on their common grid.
func continuous(ctx context.Context, threads int, s *compare.Sides, names []string, visit func(i, j int, kl float64)) error {
	n := len(names)
	real, synthetic := make([][]uint8, n), make([][]uint8, n)
	err := parallel.For(ctx, threads, n, func(i int) error {
		real[i], synthetic[i] = cells(s.Real.Column(names[i]).Numbers, s.Synthetic.Column(names[i]).Numbers)
		return nil
	})
	if err != nil {
		return err
	}
	return parallel.For(ctx, threads, n, func(i int) error {
		for j := i + 1; j < n; j++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			visit(i, j, gridKL(tally(synthetic[i], synthetic[j]), tally(real[i], real[j])))
		}
		return nil
	})
}

// cells returns the bin of each value of a column on both sides, missing ones as 0. The last bin holds its upper end.
func cells(real, synthetic []float64) (a, b []uint8) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range real {
		v = zeroed(v)
		low, high = min(low, v), max(high, v)
	}
	if low == high {
		low, high = low-0.5, high+0.5
	}
	inner := compare.Edges(low, high, grid)
	place := func(values []float64) []uint8 {
		out := make([]uint8, len(values))
		for i, v := range values {
			v = zeroed(v)
			if v < low || v > high {
				out[i] = outside
				continue
			}
			for _, edge := range inner {
				if edge <= v {
					out[i]++
				}
			}
		}
		return out
	}
	return place(real), place(synthetic)
}

func zeroed(v float64) float64 {
	if v != v {
		return 0
	}
	return v
}

// tally counts the rows of each cell of a pair, those outside in a row or column of their own.
func tally(a, b []uint8) *[grid + 1][grid + 1]int32 {
	var out [grid + 1][grid + 1]int32
	b = b[:len(a)]
	for i, x := range a {
		out[x][b[i]]++
	}
	return &out
}

// gridKL returns Σ p ln(p/q) of the shares p of one table and q of another, 1e-5 added to each cell.
func gridKL(a, b *[grid + 1][grid + 1]int32) float64 {
	var na, nb float64
	for x := range grid {
		for y := range grid {
			na += float64(a[x][y]) + added
			nb += float64(b[x][y]) + added
		}
	}
	sum := 0.0
	for x := range grid {
		for y := range grid {
			p, q := (float64(a[x][y])+added)/na, (float64(b[x][y])+added)/nb
			sum += p * math.Log(p/q)
		}
	}
	return sum
}

// discrete measures pairs of category columns on the pairs of levels that occur.
func discrete(ctx context.Context, threads int, s *compare.Sides, names []string, visit func(i, j int, kl float64)) error {
	codes := make([]*compare.Codes, len(names))
	for i, name := range names {
		codes[i] = s.Codes(name, grid)
	}
	return compare.Joint(ctx, threads, codes, nil, func(i, j int, cells []compare.Cell) {
		visit(i, j, levelKL(cells, float64(s.Real.Rows()), float64(s.Synthetic.Rows())))
	})
}

// levelKL returns Σ q ln(q/p) over the cells of a joint table, q synthetic and p real shares.
func levelKL(cells []compare.Cell, real, synthetic float64) float64 {
	for _, c := range cells {
		if c.Real == 0 {
			real += unseen
		}
	}
	sum := 0.0
	for _, c := range cells {
		if c.Synthetic == 0 {
			continue
		}
		count := float64(c.Real)
		if c.Real == 0 {
			count = unseen
		}
		q := float64(c.Synthetic) / synthetic
		sum += q * math.Log(q/(count/real))
	}
	return sum
}
