// Package resample draws whole rows of train again: perfect fidelity and no privacy. It is the positive control
// of privacy metrics.
package resample

import (
	"context"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/strategy"
)

// Config is the strategy's "with" block: there are no settings.
type Config struct{}

// Register adds the strategy to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Strategies, plugins.Info{
		Name:    "resample",
		Version: 1,
		Summary: "rows of train drawn with replacement (positive control of privacy metrics)",
		Shapes:  []plugins.Shape{plugins.Records},
		Reads:   []plugins.Part{plugins.Train},
		Random:  []plugins.Purpose{plugins.ForGeneration},
	}, Config{}, New)
}

// Strategy is the plugin.
type Strategy struct{}

// New returns the strategy.
func New(Config) (plugins.Strategy, error) { return Strategy{}, nil }

// Generate returns n rows of train, each drawn from all of them. The first rows do not depend on n.
func (Strategy) Generate(ctx context.Context, env plugins.Env, task plugins.Task) (*plugins.Generated, error) {
	train, err := strategy.Source(task, plugins.Train)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rng := env.Rand.For(plugins.ForGeneration, "resample")
	rows := make([]int, task.N)
	for i := range rows {
		rows[i] = rng.IntN(train.Rows())
	}
	return &plugins.Generated{Frame: train.Take(rows)}, nil
}
