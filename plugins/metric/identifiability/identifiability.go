// Package identifiability scores how many real rows have a synthetic row closer than any other real row.
package identifiability

import (
	"context"
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/attack"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/neighbour"
)

// Config is the metric's "with" block.
type Config struct {
	// Distance is "euclidean", on the standard encoding by train, or "gower", with the ranges of train. Columns have equal
	// weights.
	Distance string `json:"distance"`
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "identifiability",
		Version: 1,
		Summary: "share of seen real rows that have a synthetic row closer than any other real row, beside that of unseen ones",
		Source:  "J. Yoon, L. N. Drumright, M. van der Schaar (2020), IEEE J. Biomed. Health Inform. 24(8), 2378–2388, with equal weights",
		Schema: `// "euclidean" unless set: on the standard encoding by train; "gower": mean over the columns of |a - b|/range in train, or of unequal levels
distance?: "euclidean" | "gower"`,
		Family:  plugins.Privacy,
		Cost:    plugins.PerRowPair,
		Control: true,
		Shapes:  []plugins.Shape{plugins.Records},
		Reads:   []plugins.Part{plugins.Test, plugins.Train},
		Uses:    []plugins.Use{attack.Use(), neighbour.Use()},
		Scores: plugins.Agree(plugins.Ties(), []plugins.ScoreInfo{
			{Name: score, Summary: "share of the members that have a synthetic row strictly closer than any other row of train", Min: 0, Max: 1, Better: plugins.Lower, Dims: []string{"members"}},
			{Name: baseline, Summary: "share of test rows that have a synthetic row strictly closer than any row of train: what rows have that are not identified", Min: 0, Max: 1, Better: plugins.Neutral},
		}),
		Need: neighbour.Need,
	}, Config{Distance: "euclidean"}, New)
}

const (
	score    = "identifiability_score"
	baseline = "identifiability_baseline"
)

type metric struct{ kind neighbour.Kind }

// New returns the metric. It is an error when Distance is none of those that Config names.
func New(c Config) (plugins.Metric, error) {
	switch c.Distance {
	case "euclidean":
		return metric{neighbour.Euclidean}, nil
	case "gower":
		return metric{neighbour.TrainGower}, nil
	}
	return nil, fmt.Errorf(`distance is %q; want "euclidean" or "gower"`, c.Distance)
}

// Measure compares all columns, the target among them. Members are the rows of train that the generator was exposed to, and all of train
// beside; N is their number.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	near, err := neighbour.NewPair(pair, env, m.kind, 4)
	if err != nil {
		return nil, err
	}
	seen, err := identified(ctx, near, plugins.Train)
	if err != nil {
		return nil, err
	}
	unseen, err := identified(ctx, near, plugins.Test)
	if err != nil {
		return nil, err
	}
	exposed := seen
	if pair.Exposed != nil {
		exposed = make([]bool, len(pair.Exposed))
		for k, i := range pair.Exposed {
			exposed[k] = seen != nil && seen[i]
		}
	}
	reason := ""
	switch {
	case pair.Synthetic.Rows() == 0:
		reason = "there are no synthetic rows"
	case near.Frame(plugins.Train).Rows() < 2:
		reason = "there are fewer than two train rows"
	}
	out := &plugins.Measurement{Scores: []plugins.Score{
		share(score, exposed, reason, "the generator has seen no row of train"),
		share(score, seen, reason, ""),
		share(baseline, unseen, reason, "there are no test rows"),
	}}
	out.Scores[0].Dims, out.Scores[1].Dims = map[string]string{"members": attack.Exposed}, map[string]string{"members": attack.Train}
	return out, nil
}

// identified marks the rows of a part that have a synthetic row closer than any other row of train; it is nil where there are
// no rows to be close to.
func identified(ctx context.Context, near *neighbour.Pair, part plugins.Part) ([]bool, error) {
	synthetic, err := near.Nearest(ctx, neighbour.All(part), neighbour.All(neighbour.Synthetic))
	if err != nil {
		return nil, err
	}
	train, err := near.Nearest(ctx, neighbour.All(part), neighbour.All(plugins.Train))
	if err != nil || synthetic.K() == 0 || train.K() == 0 {
		return nil, err
	}
	real := train.Distances(1)
	out := make([]bool, len(real))
	for i, d := range synthetic.Distances(1) {
		out[i] = d < real[i]
	}
	return out, nil
}

func share(name string, marked []bool, reason, empty string) plugins.Score {
	switch {
	case reason != "":
		return compare.Undefined(name, reason)
	case len(marked) == 0:
		return compare.Undefined(name, empty)
	}
	n := 0
	for _, m := range marked {
		if m {
			n++
		}
	}
	return plugins.Score{Name: name, Value: float64(n) / float64(len(marked)), N: len(marked), Status: plugins.OK}
}
