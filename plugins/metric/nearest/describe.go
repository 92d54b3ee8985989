package nearest

import (
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/neighbour"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

const zeroShare = "dcr_zero_share"

// statistics are what is said of the distances to the closest row, or of the ratios of the two closest; of is given them
// ascending, and there is at least one.
var statistics = []struct {
	name, summary string
	ratio         bool
	extreme       bool
	of            func(sorted []float64) float64
}{
	{"dcr_min", "least distance to the closest row", false, true, quantile(0)},
	{"dcr_p05", "5th percentile of the distances to the closest row", false, false, quantile(0.05)},
	{"dcr_median", "median distance to the closest row", false, false, quantile(0.5)},
	{"dcr_mean", "mean distance to the closest row", false, false, mean},
	{"dcr_max", "greatest distance to the closest row", false, true, quantile(1)},
	{zeroShare, "share of rows with another at distance 0", false, false, zeros},
	{"nndr_p05", "5th percentile of the ratio of the distances to the closest and the second closest row, 1 where both are 0", true, false, quantile(0.05)},
	{"nndr_median", "median ratio of the distances to the closest and the second closest row, 1 where both are 0", true, false, quantile(0.5)},
	{"nndr_mean", "mean ratio of the distances to the closest and the second closest row, 1 where both are 0", true, false, mean},
}

func quantile(q float64) func([]float64) float64 {
	return func(sorted []float64) float64 {
		v, _ := stats.Percentile(sorted, q) // there is a value
		return v
	}
}

func mean(sorted []float64) float64 {
	v, _ := stats.Mean(sorted) // there is a value
	return v
}

func zeros(sorted []float64) float64 {
	n := 0
	for n < len(sorted) && sorted[n] == 0 {
		n++
	}
	return float64(n) / float64(len(sorted))
}

// Describe returns the statistics of the distances of rows to their nearest ones, without dimensions: dcr_min, dcr_p05, dcr_median,
// dcr_mean, dcr_max, dcr_zero_share, nndr_p05, nndr_median, nndr_mean.
func Describe(found *neighbour.Neighbours, rows int) []plugins.Score {
	var sorted [2][]float64 // distances, ratios
	if found.K() > 0 {
		sorted[0] = found.Distances(1)
	}
	if found.K() > 1 {
		sorted[1] = Ratios(found)
	}
	for _, s := range sorted {
		slices.Sort(s)
	}
	out := make([]plugins.Score, len(statistics))
	for i, s := range statistics {
		values := sorted[0]
		reason := "there is no row to be close to"
		if s.ratio {
			values, reason = sorted[1], "there are fewer than two rows to be close to"
		}
		switch {
		case rows == 0:
			out[i] = compare.Undefined(s.name, "there are no rows whose distance could be taken")
		case len(values) == 0:
			out[i] = compare.Undefined(s.name, reason)
		default:
			out[i] = plugins.Score{Name: s.name, Value: s.of(values), N: rows, Status: plugins.OK}
		}
	}
	return out
}

// Ratios returns the distance of each row to its nearest by that to its second nearest, 1 where both are 0.
func Ratios(found *neighbour.Neighbours) []float64 {
	first, second := found.Distances(1), found.Distances(2)
	for i, d := range second {
		if d == 0 {
			first[i] = 1
		} else {
			first[i] /= d
		}
	}
	return first
}
