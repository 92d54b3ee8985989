package rate

import (
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Less subtracts from each score of a the same score of b, where both were drawn on the same resamples of the same test rows. Others
// are left out: they may rest on other rows.
func Less(a, b *plugins.Measurement) []plugins.Score {
	base := map[string]plugins.Score{}
	for _, s := range b.Scores {
		if s.Status == plugins.OK {
			base[Identity(s)] = s
		}
	}
	draws, theirs := drawsOf(a), drawsOf(b)
	var out []plugins.Score
	for _, s := range a.Scores {
		id := Identity(s)
		of, known := base[id]
		own, other := draws[id], theirs[id]
		if s.Status != plugins.OK || !known || !paired(own, other) {
			continue
		}
		s.Value, s.N, s.Warnings = s.Value-of.Value, min(s.N, of.N), nil
		s.Interval = spread(s.Value, own, other)
		out = append(out, s)
	}
	return out
}

// drawsOf are the draws of a measurement by the identity of their score.
func drawsOf(m *plugins.Measurement) map[string]plugins.Draws {
	out := map[string]plugins.Draws{}
	for _, d := range m.Draws {
		out[Identity(plugins.Score{Name: d.Score, Dims: d.Dims})] = d
	}
	return out
}

func paired(a, b plugins.Draws) bool {
	return a.Of == b.Of && a.Unit == b.Unit && len(a.Values) == len(b.Values) && len(a.Values) >= fewest
}

// spread is the interval of a difference by its draws: that of a normal distribution with their standard deviation, as too few
// are kept for its ends to be read off them.
func spread(value float64, a, b plugins.Draws) *plugins.Interval {
	values := make([]float64, len(a.Values))
	for i := range values {
		values[i] = float64(a.Values[i]) - float64(b.Values[i])
	}
	_, low, high, err := stats.MeanInterval(values, level)
	if err != nil || notFinite(low) || notFinite(high) {
		return nil
	}
	// the t interval of the mean of the draws, widened to that of one of them
	half := (high - low) / 2 * math.Sqrt(float64(len(values)))
	return &plugins.Interval{
		Low: value - half, High: value + half, Level: level, Unit: a.Unit,
		Method: fmt.Sprintf("paired bootstrap, %d joint resamples", len(values)),
	}
}
