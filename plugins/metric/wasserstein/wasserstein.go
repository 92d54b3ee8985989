// Package wasserstein scores how far the values of a number column would have to be moved to turn one sample into the other.
package wasserstein

import (
	"context"
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

// Config is the metric's "with" block.
type Config struct {
	Part plugins.Part `json:"part"` // the real rows to compare with: test, or train, which rewards copying
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "wasserstein",
		Version: 1,
		Summary: "Wasserstein-1 (earth mover's) distance of each number column, in its unit and in real standard deviations",
		Source:  "L. V. Kantorovich (1942), Dokl. Akad. Nauk SSSR 37, 199–201; A. Ramdas, N. García Trillos, M. Cuturi (2017), Entropy 19(2), 47",
		Schema: `// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"`,
		Family: plugins.Marginals,
		Cost:   plugins.PerColumn,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Uses:   []plugins.Use{compare.Use()},
		Need:   compare.Need(1),
		Scores: []plugins.ScoreInfo{
			{Name: "wasserstein_1", Summary: "∫|F_real - F_synthetic| dx of a number column, in its unit, missing values left out", Min: 0, Max: math.Inf(1), Better: plugins.Lower, Dims: []string{"column"}},
			{Name: "wasserstein_1_scaled", Summary: "wasserstein_1 in standard deviations (divisor n-1) of the real values", Min: 0, Max: math.Inf(1), Better: plugins.Lower, Dims: []string{"column"}},
			{Name: "mean", Summary: "mean wasserstein_1_scaled over the number columns", Min: 0, Max: math.Inf(1), Better: plugins.Lower},
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

// Measure scores every number column, the target included if it is one. A real column that is constant has no scale: its
// scaled distance is undefined.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := compare.New(pair, m.config.Part)
	if err != nil {
		return nil, err
	}
	quantities := []compare.Quantity{{Name: "wasserstein_1"}, {Name: "wasserstein_1_scaled", Mean: "mean"}}
	return s.Quantities(ctx, env, "", s.Names(frame.Number), quantities, func(column string) []compare.Value {
		if none, ok := s.Filled(column); !ok {
			return []compare.Value{none, none}
		}
		distance := Distance(s.Sorted(s.Part, column), s.Sorted(compare.Synthetic, column))
		scaled := compare.Known(distance)
		if real := s.Moments(s.Part, column); real.SD > 0 {
			scaled.Number /= real.SD
		} else {
			scaled = compare.None(s.Part, fmt.Sprintf("the %s rows have fewer than two distinct values in this column, so no standard deviation to scale by", s.Part))
		}
		return []compare.Value{compare.Known(distance), scaled}
	})
}

// Distance returns ∫|F - G| dx of the empirical distribution functions of two sorted, non-empty samples: at least 0, in the
// unit of the values. It is +Inf when the values lie further apart than the greatest float.
//
// Between neighbouring values of the two samples both functions are constant.
func Distance(f, g []float64) float64 {
	n, m := len(f), len(g)
	i, j, sum := 0, 0, 0.0
	at := min(f[0], g[0])
	for i < n || j < m {
		next := math.Inf(1)
		if i < n {
			next = f[i]
		}
		if j < m {
			next = min(next, g[j])
		}
		if next > at {
			d := i*m - j*n // F - G in units of 1/(n·m): whole, so exact
			sum += float64(float64(max(d, -d)) / float64(n) / float64(m) * (next - at))
			at = next
		}
		for i < n && f[i] == at {
			i++
		}
		for j < m && g[j] == at {
			j++
		}
	}
	return sum
}
