package variants

import (
	"context"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

func registerInverseKL(r *plugins.Registry) {
	plugins.Add(&r.Metrics, info("inverse-kl-synthcity", "1/(1 + Kullback–Leibler divergence) of each column as synthcity computes it",
		"Z. Qian, B.-C. Cebere, M. van der Schaar (2023), arXiv 2301.07573 (synthcity, InverseKLDivergence)", plugins.PerColumn,
		similarity("inverse_kl_synthcity", "1/(1+KL(real‖synthetic)): at most ten bins over the real range, synthetic values outside left out, 1e-11 in empty cells; the levels, or fewer than five distinct real values, as they are", "column"),
		similarity("mean", "mean inverse_kl_synthcity over the columns"),
	), Config{Part: plugins.Test}, func(c Config) (plugins.Metric, error) {
		return inverseKL{compare.OnePart(c.Part)}, compare.CheckPart(c.Part)
	})
}

type inverseKL struct{ compare.OnePart }

const (
	fewDistinct = 5     // distinct real values below which the library takes a column for a category
	vacant      = 1e-11 // the share of an empty cell
	slight      = 1e-8  // what the library adds to the sum of a histogram
)

// Measure scores every column, the target included.
func (m inverseKL) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := compare.New(pair, plugins.Part(m.OnePart))
	if err != nil {
		return nil, err
	}
	quantities := []compare.Quantity{{Name: "inverse_kl_synthcity", Mean: "mean"}}
	return s.Quantities(ctx, env, "", s.Names(frame.Number, frame.Category), quantities, func(column string) []compare.Value {
		if none, ok := s.Filled(column); !ok {
			return []compare.Value{none}
		}
		if s.Real.Column(column).Kind == frame.Category {
			return []compare.Value{levelsKL(s.Levels(column))}
		}
		return []compare.Value{numbersKL(s.Sorted(s.Part, column), s.Sorted(compare.Synthetic, column))}
	})
}

// levelsKL compares shares of levels.
func levelsKL(t *compare.Table) compare.Value {
	return inverse(t.Real, t.Synthetic, float64(t.RealN), float64(t.SyntheticN))
}

// numbersKL compares sorted, non-empty samples.
func numbersKL(real, synthetic []float64) compare.Value {
	bins := distinct(real, compare.TenBins)
	if bins < fewDistinct {
		return levelsKL(distinctTable(real, synthetic))
	}
	low, high := real[0], real[len(real)-1]
	inside := within(synthetic, low, high)
	if len(inside) == 0 {
		return compare.None(compare.Synthetic, "no synthetic value lies within the real range")
	}
	inner := compare.Edges(low, high, bins)
	return inverse(compare.Histogram(real, inner), compare.Histogram(inside, inner), float64(len(real))+slight, float64(len(inside))+slight)
}

// inverse returns 1/(1 + Σ(p ln(p/q) - p + q)) with the shares p of real and q of synthetic counts. The last two terms vanish
// only when both sum to 1, which the library leaves open.
func inverse(real, synthetic []int, realN, syntheticN float64) compare.Value {
	sum := 0.0
	for k := range real {
		p, q := float64(real[k])/realN, float64(synthetic[k])/syntheticN
		if p == 0 {
			p = vacant
		}
		if q == 0 {
			q = vacant
		}
		sum += p*math.Log(p/q) - p + q
	}
	return compare.Known(1 / (1 + max(0, sum)))
}

// distinct counts the distinct values of a sorted sample, up to a number.
func distinct(sorted []float64, most int) int {
	n := 0
	for i, v := range sorted {
		if i == 0 || v != sorted[i-1] {
			if n++; n == most {
				break
			}
		}
	}
	return n
}

// within returns the values of a sorted sample in [low, high].
func within(sorted []float64, low, high float64) []float64 {
	from, to := 0, len(sorted)
	for from < to && sorted[from] < low {
		from++
	}
	for to > from && sorted[to-1] > high {
		to--
	}
	return sorted[from:to]
}

// distinctTable counts each distinct value of two sorted samples.
func distinctTable(real, synthetic []float64) *compare.Table {
	t := &compare.Table{RealN: len(real), SyntheticN: len(synthetic)}
	for i, j := 0, 0; i < len(real) || j < len(synthetic); {
		x := math.Inf(1)
		if i < len(real) {
			x = real[i]
		}
		if j < len(synthetic) {
			x = min(x, synthetic[j])
		}
		a, b := i, j
		for i < len(real) && real[i] == x {
			i++
		}
		for j < len(synthetic) && synthetic[j] == x {
			j++
		}
		t.Real, t.Synthetic = append(t.Real, i-a), append(t.Synthetic, j-b)
	}
	return t
}
