package nearest

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/neighbour"
)

// protected scores the median distance of synthetic rows to train by that of uniform rows.
func protected(ctx context.Context, env plugins.Env, pair *plugins.Pair, near *neighbour.Pair) (plugins.Score, error) {
	train := near.Frame(plugins.Train)
	if train.Rows() == 0 || pair.Synthetic.Rows() == 0 {
		return compare.Undefined(baseline, "there are no train rows or no synthetic rows"), nil
	}
	random := Uniform(env.Rand.For(plugins.ForResample, "nearest", "uniform"), train, min(pair.Synthetic.Rows(), mostUniform))
	far, err := near.Others(ctx, random, plugins.Train)
	if err != nil {
		return plugins.Score{}, err
	}
	found, err := near.Nearest(ctx, neighbour.All(neighbour.Synthetic), neighbour.All(plugins.Train))
	if err != nil {
		return plugins.Score{}, err
	}
	most := median(far.Distances(1))
	if most == 0 {
		return compare.Undefined(baseline, "half of the uniform rows or more are rows of train: there are too few different ones"), nil
	}
	return plugins.Score{Name: baseline, Value: min(median(found.Distances(1))/most, 1), N: pair.Synthetic.Rows(), Status: plugins.OK}, nil
}

func median(values []float64) float64 {
	slices.Sort(values)
	return quantile(0.5)(values)
}

// mostUniform is the number of uniform rows whose median distance is taken: more of them would not move it, and take longest, as they
// lie far from all rows.
const mostUniform = 1000

// Uniform returns rows that know no more of f than the range of each number, whether it is whole, and the levels of each
// category. They have no missing values but in columns without any value.
func Uniform(rng *rand.Rand, f *frame.Frame, rows int) *frame.Frame {
	columns := make([]*frame.Column, len(f.Columns()))
	for k, c := range f.Columns() {
		if c.Kind == frame.Category {
			codes := make([]int32, rows)
			for i := range codes {
				codes[i] = frame.Missing
				if len(c.Levels) > 0 {
					codes[i] = int32(rng.IntN(len(c.Levels)))
				}
			}
			columns[k] = frame.NewCategory(c.Name, c.Levels, codes)
			continue
		}
		low, high := math.Inf(1), math.Inf(-1)
		for _, x := range c.Numbers {
			if !math.IsNaN(x) {
				low, high = min(low, x), max(high, x)
			}
		}
		values := make([]float64, rows)
		for i := range values {
			u := rng.Float64()
			switch {
			case low > high:
				values[i] = math.NaN()
			case c.Integer:
				values[i] = min(low+math.Floor(u*(high-low+1)), high)
			default:
				values[i] = low*(1-u) + high*u
			}
		}
		columns[k] = frame.NewNumber(c.Name, values)
	}
	return frame.Must(columns...)
}
