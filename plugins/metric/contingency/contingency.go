// Package contingency scores how far the joint distributions of pairs of columns agree.
package contingency

import (
	"context"
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

// Config is the metric's "with" block.
//
// Another number of bins than the default gives a variant that compares with no published value of the default; every
// score of it says so.
type Config struct {
	Part  plugins.Part `json:"part"`  // the real rows to compare with: test, or train, which rewards copying
	Bins  int          `json:"bins"`  // equal bins over the real range of a number column, ≥ 2
	Pairs bool         `json:"pairs"` // score each pair of columns, too
}

func defaults() Config { return Config{Part: plugins.Test, Bins: 10} }

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "contingency",
		Version: 1,
		Summary: "agreement of the joint distributions of pairs of columns: ten bins or the levels, missing a level of its own",
		Source:  "A. L. Gibbs, F. E. Su (2002), Int. Stat. Rev. 70(3), 419–435 (total variation distance)",
		Schema: `// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"
// equal bins over the real range of a number column: 10 unless set
bins?: int & >=2 & <=1000
// score each pair of columns, too; false unless set
pairs?: bool`,
		Family: plugins.Joint,
		Cost:   plugins.PerColumnPair,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Uses:   []plugins.Use{compare.Use()},
		Need:   compare.Need(2),
		Scores: []plugins.ScoreInfo{
			{Name: "mean", Summary: "mean contingency_similarity over the pairs of columns", Min: 0, Max: 1, Better: plugins.Higher},
			{Name: "contingency_similarity", Summary: "1 - ½ Σ|p_real - p_synthetic| over the joint table of a pair of columns; with pairs: true", Min: 0, Max: 1, Better: plugins.Higher, Dims: []string{"column", "other"}},
		},
	}, defaults(), New)
}

// Suit implements plugins.Suited: pairs are scored, so that the worst can be named.
func (c Config) Suit(r plugins.Roles) (config any, lacks string) {
	c.Pairs = len(r.Numbers)+len(r.Categories) <= 100 // more of them are too many to be read
	return c, ""
}

type metric struct {
	compare.OnePart
	config Config
}

// New returns the metric. It is an error when Bins is below 2, or Part is another part.
func New(c Config) (plugins.Metric, error) {
	if c.Bins < 2 {
		return nil, fmt.Errorf("bins is %d; want at least 2", c.Bins)
	}
	return metric{compare.OnePart(c.Part), c}, compare.CheckPart(c.Part)
}

// Measure compares all pairs of columns, the target included. Missing values are a level, so that no row is left out.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := compare.New(pair, m.config.Part)
	if err != nil {
		return nil, err
	}
	names := s.Real.Names()
	pairs := len(names) * (len(names) - 1) / 2
	out := &plugins.Measurement{Counts: []plugins.Count{{Name: "pairs of columns compared"}}}
	if reason := s.Lacks(2); reason != "" {
		out.Scores = []plugins.Score{compare.Undefined("mean", reason)}
		return out, nil
	}
	tables, err := s.PairTables(ctx, env.Threads, m.config.Bins)
	if err != nil {
		return nil, err
	}
	mean := plugins.Score{Name: "mean", N: pairs, Status: plugins.OK, Warnings: m.config.variant()}
	var each []plugins.Score
	sum := 0.0
	for i, name := range names {
		for j := i + 1; j < len(names); j++ {
			distance := tables.Distance[tables.At(i, j)]
			sum += distance
			if m.config.Pairs {
				each = append(each, plugins.Score{
					Name: "contingency_similarity", Dims: map[string]string{"column": name, "other": names[j]},
					Value: 1 - distance, N: s.Real.Rows() + s.Synthetic.Rows(), Status: plugins.OK, Warnings: m.config.variant(),
				})
			}
		}
	}
	mean.Value = 1 - sum/float64(pairs)
	out.Scores = append([]plugins.Score{mean}, each...)
	out.Counts[0].Value = pairs
	return out, nil
}

// variant warns of settings that differ from the defaults.
func (c Config) variant() []string {
	if usual := defaults().Bins; c.Bins != usual {
		return []string{fmt.Sprintf("variant: %d bins instead of %d", c.Bins, usual)}
	}
	return nil
}
