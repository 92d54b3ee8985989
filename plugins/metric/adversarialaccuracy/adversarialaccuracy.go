// Package adversarialaccuracy scores how well a nearest-neighbour rule tells synthetic from real rows, for real rows that the
// generator has seen and for others.
package adversarialaccuracy

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/attack"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/neighbour"
)

// Config is the metric's "with" block.
type Config struct {
	// Distance is "euclidean", on the standard encoding by train, or "gower", with the ranges of train.
	Distance string `json:"distance"`
	// Rows says which rows of a side are compared where it has more than another: "random", drawn, or the "first".
	Rows string `json:"rows"`
}

const (
	euclidean = "euclidean"
	gower     = "gower"
	random    = "random"
	first     = "first"
)

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "adversarial-accuracy",
		Version: 1,
		Summary: "nearest-neighbour adversarial accuracy of synthetic against seen and unseen real rows, and the privacy loss between them",
		Source:  "A. Yale et al. (2020), Neurocomputing 416, 244–255",
		Schema: `// "euclidean" unless set: on the standard encoding by train; "gower": mean over the columns of |a - b|/range in train, or of unequal levels
distance?: "euclidean" | "gower"
// which rows of a side count where it has more than another: "random" unless set, drawn; or the "first"
rows?: "random" | "first"`,
		Family:  plugins.Privacy,
		Cost:    plugins.PerRowPair,
		Control: true,
		Shapes:  []plugins.Shape{plugins.Records},
		Reads:   []plugins.Part{plugins.Test, plugins.Train},
		Random:  []plugins.Purpose{plugins.ForResample},
		Uses:    []plugins.Use{attack.Use(), neighbour.Use()},
		Scores: plugins.Agree(plugins.Ties(), []plugins.ScoreInfo{
			{Name: aaTrain, Summary: "adversarial accuracy against the members: 0.5 is ideal, less means that synthetic rows lie closer to members than these to each other, more that they look unreal", Min: 0, Max: 1, Better: plugins.Neutral, Ideal: new(0.5), Dims: []string{"members"}},
			{Name: aaTest, Summary: "adversarial accuracy against as many rows of test: what the generator's likeness to unseen rows gives", Min: 0, Max: 1, Better: plugins.Neutral, Ideal: new(0.5), Dims: []string{"members"}},
			{Name: loss, Summary: "aa_test - aa_train: 0 is ideal, above it synthetic rows are closer to the members than to unseen rows", Min: -1, Max: 1, Better: plugins.Lower, Ideal: new(0.0), Dims: []string{"members"}},
		}),
		Need: neighbour.Need,
	}, Config{Distance: euclidean, Rows: random}, New)
}

const (
	aaTrain = "aa_train"
	aaTest  = "aa_test"
	loss    = "privacy_loss"
)

type metric struct{ config Config }

// New returns the metric. It is an error when a setting is none of those that Config names.
func New(c Config) (plugins.Metric, error) {
	if c.Distance != euclidean && c.Distance != gower {
		return nil, fmt.Errorf("distance is %q; want %q or %q", c.Distance, euclidean, gower)
	}
	if c.Rows != random && c.Rows != first {
		return nil, fmt.Errorf("rows is %q; want %q or %q", c.Rows, random, first)
	}
	return metric{c}, nil
}

// Measure compares equally many rows of all sides in all columns, the target among them: members, which are the rows that the generator was
// exposed to, or all of train beside; test rows whose subjects are no members; and synthetic rows. N is the number of rows of each side.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	kind := neighbour.Euclidean
	if m.config.Distance == gower {
		kind = neighbour.TrainGower
	}
	const searches = 14
	near, err := neighbour.NewPair(pair, env, kind, searches)
	if err != nil {
		return nil, err
	}
	out := &plugins.Measurement{}
	for _, members := range []string{attack.Exposed, attack.Train} {
		source := func(label string) *rand.Rand {
			return env.Rand.For(plugins.ForResample, "adversarial-accuracy", members, label)
		}
		roster := attack.Named(pair, members, source)
		scores, err := m.compare(ctx, near, roster, source)
		if err != nil {
			return nil, err
		}
		for _, s := range scores {
			s.Dims, s.Warnings = map[string]string{"members": members}, roster.Warnings
			out.Scores = append(out.Scores, s)
		}
		out.Counts = append(out.Counts, roster.Counts...)
	}
	return out, nil
}

func (m metric) compare(ctx context.Context, near *neighbour.Pair, roster *attack.Roster, source func(string) *rand.Rand) ([]plugins.Score, error) {
	made := near.Frame(neighbour.Synthetic).Rows()
	n := min(len(roster.Members), len(roster.Others), made)
	reason := roster.Lacks()
	if reason == "" && n < 2 {
		reason = "a side has fewer than two rows: the one has no other to be close to"
	}
	if reason != "" {
		return []plugins.Score{compare.Undefined(aaTrain, reason), compare.Undefined(aaTest, reason), compare.Undefined(loss, reason)}, nil
	}
	everyone := make([]int, made)
	for i := range everyone {
		everyone[i] = i
	}
	choose := func(part plugins.Part, rows []int) neighbour.Rows {
		if len(rows) > n {
			rows = slices.Clone(rows)
			if m.config.Rows == random {
				source(string(part)).Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
			}
			rows = rows[:n]
			slices.Sort(rows)
		}
		if n == near.Frame(part).Rows() {
			rows = nil // all of them: shared with other searches
		}
		return neighbour.Rows{Part: part, Some: rows}
	}
	synthetic := choose(neighbour.Synthetic, everyone)
	train, err := accuracy(ctx, near, choose(plugins.Train, roster.Members), synthetic)
	if err != nil {
		return nil, err
	}
	test, err := accuracy(ctx, near, choose(plugins.Test, roster.Others), synthetic)
	if err != nil {
		return nil, err
	}
	return []plugins.Score{
		{Name: aaTrain, Value: train, N: n, Status: plugins.OK},
		{Name: aaTest, Value: test, N: n, Status: plugins.OK},
		{Name: loss, Value: test - train, N: n, Status: plugins.OK},
	}, nil
}

// accuracy is the mean of two shares: of real rows further from the closest synthetic row than from the closest other real
// one, and the other way round.
func accuracy(ctx context.Context, near *neighbour.Pair, real, synthetic neighbour.Rows) (float64, error) {
	sum := 0.0
	for _, side := range [][2]neighbour.Rows{{real, synthetic}, {synthetic, real}} {
		across, err := near.Nearest(ctx, side[0], side[1])
		if err != nil {
			return 0, err
		}
		within, err := near.Nearest(ctx, side[0], side[0])
		if err != nil {
			return 0, err
		}
		sum += Further(across, within)
	}
	return sum / 2, nil
}

// Further returns the share of rows whose nearest one across is strictly further than that within; there is a row and each has both.
func Further(across, within *neighbour.Neighbours) float64 {
	a, b := across.Distances(1), within.Distances(1)
	n := 0
	for i, d := range a {
		if d > b[i] {
			n++
		}
	}
	return float64(n) / float64(len(a))
}
