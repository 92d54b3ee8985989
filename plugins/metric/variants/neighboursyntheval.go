package variants

import (
	"context"
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/adversarialaccuracy"
	"github.com/ehrlab/ehrlab/plugins/metric/attack"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/metric/copies"
	"github.com/ehrlab/ehrlab/plugins/neighbour"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

func registerNeighboursSyntheval(r *plugins.Registry) {
	about := func(name, summary, source string, scores ...plugins.ScoreInfo) plugins.Info {
		out := info(name, summary, source, plugins.PerRowPair, scores...)
		out.Family, out.Schema, out.Control = plugins.Privacy, "", true
		out.Uses = []plugins.Use{attack.Use(), neighbour.Use(), {Name: "stats", Version: stats.Version}}
		out.Need = neighbour.Need
		return out
	}
	add := func(measure synthevalMetric, about plugins.Info) {
		plugins.Add(&r.Metrics, about, struct{}{}, func(struct{}) (plugins.Metric, error) { return measure, nil })
	}
	add(ratiosSyntheval, about("nndr-gower-syntheval", "distance ratio of the closest and second closest synthetic row to real rows as SynthEval computes it",
		"A. D. Lautrup et al. (2024), Data Min. Knowl. Discov. 39, 6; SynthEval (NearestNeighbourDistanceRatio)",
		similarity("nndr_gower_syntheval", "mean over the complete rows of train"),
		plugins.ScoreInfo{Name: "nndr_gower_syntheval_standard_error", Summary: "standard error of that mean", Min: 0, Max: 1, Better: plugins.Neutral, NoInterval: plugins.OfAnError}))
	lower := similarity("hitting_rate_syntheval", "share of complete rows of train with a synthetic row of the same categories within the window in every number column")
	lower.Better = plugins.Lower
	hits := about("hitting-rate-syntheval", "hitting rate as SynthEval computes it, on complete rows",
		"A. D. Lautrup et al. (2024), Data Min. Knowl. Discov. 39, 6; SynthEval (HittingRate)", lower)
	hits.Schema = "// by how much numbers may differ, as a share of the range in train\nwindow?: number & >=0"
	plugins.Add(&r.Metrics, hits, HittingRateConfig{Window: 1.0 / 30}, newHittingRate)
	accuracy := func(name, summary string) plugins.ScoreInfo {
		out := similarity(name, summary)
		out.Better = plugins.Neutral
		return out
	}
	add(accuracySyntheval, about("adversarial-accuracy-syntheval", "nearest-neighbour adversarial accuracy as SynthEval computes it, on all complete rows of both sides",
		"A. Yale et al. (2020), Neurocomputing 416, 244–255; SynthEval (NearestNeighbourAdversarialAccuracy)",
		accuracy("nn_adversarial_accuracy_gower", "against train: 0.5 is ideal"),
		accuracy("nn_adversarial_accuracy_gower_holdout", "against test"),
		plugins.ScoreInfo{Name: "nn_adversarial_privacy_loss_gower", Summary: "that against test less that against train", Min: -1, Max: 1, Better: plugins.Lower}))
}

// HittingRateConfig is the "with" block of hitting-rate-syntheval.
type HittingRateConfig struct {
	Window float64 `json:"window"` // by how much numbers may differ, as a share of the range in train, ≥ 0
}

func newHittingRate(c HittingRateConfig) (plugins.Metric, error) {
	if !(c.Window >= 0) {
		return nil, fmt.Errorf("window is %v; want at least 0", c.Window)
	}
	return synthevalMetric(c.hits), nil
}

// sidesSyntheval are the rows that have a value in every column: others are left out on all sides.
type sidesSyntheval struct{ train, test, synthetic *frame.Frame }

type synthevalMetric func(context.Context, plugins.Env, sidesSyntheval) ([]plugins.Score, error)

// Measure takes train for the real rows, and all columns, the target among them.
func (m synthevalMetric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	train, test := pair.Parts.Get(plugins.Train).Frame, pair.Parts.Get(plugins.Test).Frame
	if err := attack.Same(train, pair.Synthetic); err != nil {
		return nil, err
	}
	names := train.Names()
	rows, note := attack.OnlyComplete([]*frame.Frame{train, test, pair.Synthetic}, names)
	scores, err := m(ctx, env, sidesSyntheval{rows[0], rows[1], rows[2]})
	if err != nil {
		return nil, err
	}
	for i := range scores {
		if note != "" {
			scores[i].Warnings = append(scores[i].Warnings, note)
		}
	}
	return &plugins.Measurement{Scores: scores}, nil
}

// nearestSyntheval finds the k nearest rows of b for each of a. Differences of numbers are divided by the range in both frames,
// or by 1 where that is less. Frames with the same rows in the same order are taken for one: a row is then no neighbour of its own.
func nearestSyntheval(ctx context.Context, env plugins.Env, a, b *frame.Frame, k int) (*neighbour.Neighbours, error) {
	space, err := neighbour.NewGowerOver(neighbour.Ranges{Of: []*frame.Frame{a, b}, Least: 1}, false, a, b)
	if err != nil {
		return nil, err
	}
	queries, err := space.Points(a)
	if err != nil {
		return nil, err
	}
	references, err := space.Points(b)
	if err != nil {
		return nil, err
	}
	return neighbour.Search{K: k, Self: sameRows(a, b), Threads: env.Threads}.Nearest(ctx, queries, references)
}

func sameRows(a, b *frame.Frame) bool {
	if a == b {
		return true
	}
	if a.Rows() != b.Rows() {
		return false
	}
	keys := copies.Keys(copies.Whole, a, b)
	for i, key := range keys[0] {
		if keys[1][i] != key {
			return false
		}
	}
	return true
}

func ratiosSyntheval(ctx context.Context, env plugins.Env, s sidesSyntheval) ([]plugins.Score, error) {
	const mean, spread = "nndr_gower_syntheval", "nndr_gower_syntheval_standard_error"
	found, err := nearestSyntheval(ctx, env, s.train, s.synthetic, 2)
	if err != nil {
		return nil, err
	}
	n := s.train.Rows()
	if n == 0 || found.K() < 2 {
		reason := "there are no complete train rows, or fewer than two complete synthetic rows"
		return []plugins.Score{compare.Undefined(mean, reason), compare.Undefined(spread, reason)}, nil
	}
	ratios := found.Distances(1)
	for i, d := range found.Distances(2) {
		ratios[i] /= d + 1e-16 // so that two distances of 0 have the ratio 0
	}
	average, err := stats.Mean(ratios)
	if err != nil {
		return nil, err
	}
	scores := []plugins.Score{{Name: mean, Value: average, N: n, Status: plugins.OK}, compare.Undefined(spread, "there is one complete train row")}
	if sd, err := stats.SD(ratios); err == nil {
		scores[1] = plugins.Score{Name: spread, Value: sd / math.Sqrt(float64(n)), N: n, Status: plugins.OK}
	}
	return scores, nil
}

func (c HittingRateConfig) hits(ctx context.Context, env plugins.Env, s sidesSyntheval) ([]plugins.Score, error) {
	const rate = "hitting_rate_syntheval"
	if s.train.Rows() == 0 || s.synthetic.Rows() == 0 {
		return []plugins.Score{compare.Undefined(rate, "there are no complete train rows or no complete synthetic rows")}, nil
	}
	hit, err := copies.Find(ctx, env.Threads, s.synthetic, s.train, copies.Window(s.train, c.Window))
	if err != nil {
		return nil, err
	}
	n := 0
	for _, h := range hit {
		if h {
			n++
		}
	}
	return []plugins.Score{{Name: rate, Value: float64(n) / float64(len(hit)), N: len(hit), Status: plugins.OK}}, nil
}

func accuracySyntheval(ctx context.Context, env plugins.Env, s sidesSyntheval) ([]plugins.Score, error) {
	const train, test, loss = "nn_adversarial_accuracy_gower", "nn_adversarial_accuracy_gower_holdout", "nn_adversarial_privacy_loss_gower"
	seen, err := adversarialSyntheval(ctx, env, train, s.train, s.synthetic)
	if err != nil {
		return nil, err
	}
	unseen, err := adversarialSyntheval(ctx, env, test, s.test, s.synthetic)
	if err != nil {
		return nil, err
	}
	lost := compare.Undefined(loss, "one of the adversarial accuracies is undefined")
	if seen.Status == plugins.OK && unseen.Status == plugins.OK {
		lost = plugins.Score{Name: loss, Value: unseen.Value - seen.Value, N: min(seen.N, unseen.N), Status: plugins.OK}
	}
	return []plugins.Score{seen, unseen, lost}, nil
}

// adversarialSyntheval is the mean of two shares: of real rows further from synthetic ones than from each other, and the other way round.
func adversarialSyntheval(ctx context.Context, env plugins.Env, name string, real, synthetic *frame.Frame) (plugins.Score, error) {
	if real.Rows() < 2 || synthetic.Rows() < 2 {
		return compare.Undefined(name, "a side has fewer than two complete rows"), nil
	}
	sum := 0.0
	for _, side := range [][2]*frame.Frame{{real, synthetic}, {synthetic, real}} {
		across, err := nearestSyntheval(ctx, env, side[0], side[1], 1)
		if err != nil {
			return plugins.Score{}, err
		}
		within, err := nearestSyntheval(ctx, env, side[0], side[0], 1)
		if err != nil {
			return plugins.Score{}, err
		}
		sum += adversarialaccuracy.Further(across, within)
	}
	return plugins.Score{Name: name, Value: sum / 2, N: real.Rows() + synthetic.Rows(), Status: plugins.OK}, nil
}
