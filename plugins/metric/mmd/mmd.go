// Package mmd scores the maximum mean discrepancy of synthetic from real rows with Gaussian kernels.
package mmd

import (
	"context"
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

// Config is the metric's "with" block.
type Config struct {
	Part plugins.Part `json:"part"` // the real rows to compare with: test, or train, which rewards copying
	Rows int          `json:"rows"` // most rows of a side, ≥ 2; of more, so many are drawn without replacement
}

// The scores.
const (
	gamma1      = "mmd2_rbf_biased_gamma1"
	gammaD      = "mmd2_rbf_biased_gamma_1_over_d"
	medianV     = "mmd2_rbf_biased_median"
	medianU     = "mmd2_rbf_unbiased_median"
	theGammaD   = "gamma_1_over_d"
	theMedian   = "gamma_median"
	neededPairs = 2 // rows of a side for a U-statistic
)

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "mmd",
		Version: 1,
		Summary: "squared maximum mean discrepancy of synthetic from real rows, Gaussian kernels of three widths",
		Source:  "A. Gretton et al. (2012), J. Mach. Learn. Res. 13, 723–773",
		Schema: `// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"
// most rows of a side: 10000 unless set; of more, so many are drawn
rows?: int & >=2 & <=100000`,
		Family: plugins.Joint,
		Cost:   plugins.PerRowPair,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Random: []plugins.Purpose{plugins.ForResample},
		Uses:   []plugins.Use{compare.Use(), {Name: "encode", Version: encode.Version}},
		Scores: []plugins.ScoreInfo{
			{Name: gamma1, Summary: "squared MMD, V-statistic, kernel exp(-γ d²) with γ = 1", Min: 0, Max: 2, Better: plugins.Lower},
			{Name: gammaD, Summary: "the same with γ = 1/number of encoded columns", Min: 0, Max: 2, Better: plugins.Lower},
			{Name: medianV, Summary: "the same with γ = 1/median squared distance of all pairs of rows of both sides", Min: 0, Max: 2, Better: plugins.Lower},
			{Name: medianU, Summary: "U-statistic with that γ: without bias, and below 0 in about half of the cases where the sides have one distribution", Min: -2, Max: 2, Better: plugins.Lower, Ideal: new(0.0)},
			{Name: theGammaD, Summary: "the γ of " + gammaD, Min: 0, Max: 1, Better: plugins.Neutral, NoInterval: plugins.Description},
			{Name: theMedian, Summary: "the γ of the median", Min: 0, Max: math.Inf(1), Better: plugins.Neutral, NoInterval: plugins.Description},
		},
		Need: need,
	}, Config{Part: plugins.Test, Rows: 10_000}, New)
}

// need estimates four encoded copies and what a bracket of the median keeps of all pairs of the default number of rows.
func need(size plugins.Size) plugins.Need {
	out := compare.Need(5)(size)
	rows := int64(min(size.Rows, 10_000) + min(size.N, 10_000))
	out.Bytes += 8 * rows * rows / 10
	out.Threads = int(min(max(rows/1000, 1), 8))
	return out
}

type metric struct {
	compare.OnePart
	config Config
}

// New returns the metric. It is an error when Rows is below 2, or Part is another part.
func New(c Config) (plugins.Metric, error) {
	if c.Rows < neededPairs {
		return nil, fmt.Errorf("rows is %d; want at least %d", c.Rows, neededPairs)
	}
	return metric{compare.OnePart(c.Part), c}, compare.CheckPart(c.Part)
}

// Measure compares all columns, the target included, in the standard encoding of both sides. Biased scores are V-statistics, which count
// the distance of a row to itself and are above 0 even between two samples of one distribution; they fall with the number of rows. N is the number of rows.
//
// The median is that of all pairs, exactly. No more than a part of the distances is ever kept.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := compare.New(pair, m.config.Part)
	if err != nil {
		return nil, err
	}
	reason := s.Lacks(1)
	var encoded *compare.Encoded
	if reason == "" {
		if encoded, err = s.Encoded(); err != nil {
			return nil, err
		}
		reason = encoded.Unusable()
	}
	if reason != "" {
		return &plugins.Measurement{Scores: undefined(reason, gamma1, gammaD, medianV, medianU, theGammaD, theMedian)}, nil
	}
	real, warnings := m.draw(env, newRows(encoded.Real), string(s.Part))
	synthetic, more := m.draw(env, newRows(encoded.Synthetic), "synthetic")
	scores, err := measure(ctx, env, real, synthetic, float64(len(encoded.Real.Columns)))
	if err != nil {
		return nil, err
	}
	for i := range scores {
		scores[i].Warnings = append(warnings, more...)
	}
	return &plugins.Measurement{Scores: scores}, nil
}

// draw returns no more than the declared number of rows, and a warning when it had to draw them.
func (m metric) draw(env plugins.Env, r *rows, side string) (*rows, []string) {
	if r.n <= m.config.Rows {
		return r, nil
	}
	which := env.Rand.For(plugins.ForResample, "mmd", side).Perm(r.n)[:m.config.Rows]
	return r.some(which), []string{fmt.Sprintf("of %d %s rows %d were drawn: the setting rows limits the time, which grows with their square", r.n, side, m.config.Rows)}
}

func undefined(reason string, names ...string) []plugins.Score {
	var out []plugins.Score
	for _, name := range names {
		out = append(out, compare.Undefined(name, reason))
	}
	return out
}

func measure(ctx context.Context, env plugins.Env, real, synthetic *rows, d float64) ([]plugins.Score, error) {
	n := real.n + synthetic.n
	fixed, median, err := first(ctx, env, real, synthetic, []float64{1, 1 / d})
	if err != nil {
		return nil, err
	}
	ok := func(name string, value float64) plugins.Score {
		return plugins.Score{Name: name, Value: value, N: n, Status: plugins.OK}
	}
	scores := []plugins.Score{
		ok(gamma1, fixed[0].biased(real.n, synthetic.n)),
		ok(gammaD, fixed[1].biased(real.n, synthetic.n)),
		ok(theGammaD, 1/d),
	}
	gamma := 1 / median
	if !(median > 0) || math.IsInf(gamma, 0) {
		return append(scores, undefined("the median distance is 0: at least half of the pairs of rows are equal", medianV, medianU, theMedian)...), nil
	}
	sums := newSums([]float64{gamma}, pieces(real, synthetic))
	if err := pairs(ctx, env.Threads, real, synthetic, sums.add); err != nil {
		return nil, err
	}
	kernel := sums.total()[0]
	scores = append(scores, ok(medianV, kernel.biased(real.n, synthetic.n)), ok(theMedian, gamma))
	if real.n < neededPairs || synthetic.n < neededPairs {
		return append(scores, undefined("a U-statistic needs two rows of each side", medianU)...), nil
	}
	return append(scores, ok(medianU, kernel.unbiased(real.n, synthetic.n))), nil
}

// first passes over all pairs for the sums of kernels with the given gammas and for the median of the squared distances.
func first(ctx context.Context, env plugins.Env, real, synthetic *rows, gammas []float64) ([]kernel, float64, error) {
	n := real.n + synthetic.n
	pairsInAll := n * (n - 1) / 2
	var probed []float64 // none: a bracket of everything
	if pairsInAll > few {
		var err error
		if probed, err = guess(ctx, env.Threads, env.Rand.For(plugins.ForResample, "mmd", "median"), real, synthetic); err != nil {
			return nil, 0, err
		}
	}
	sums := newSums(gammas, pieces(real, synthetic))
	collect := sums.add
	for share := around; ; share *= 4 {
		middle := newMiddle(newBracket(probed, min(share, 0.5)), pieces(real, synthetic))
		err := pairs(ctx, env.Threads, real, synthetic, func(piece int, k kind, d2 []float64) {
			collect(piece, k, d2)
			middle.add(piece, d2)
		})
		if err != nil {
			return nil, 0, err
		}
		if median, ok := middle.median(pairsInAll); ok {
			return sums.total(), median, nil
		}
		collect = func(int, kind, []float64) {} // the sums are done; only the bracket was too narrow
	}
}
