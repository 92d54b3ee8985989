// Package independent draws each column by itself: right margins, no relation between columns. It is the floor.
package independent

import (
	"context"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/parallel"
	"github.com/ehrlab/ehrlab/plugins/strategy"
)

// Config is the strategy's "with" block: there are no settings.
type Config struct{}

// Register adds the strategy to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Strategies, plugins.Info{
		Name:    "independent",
		Version: 1,
		Summary: "every column drawn by itself from its values in train, missing ones included (floor)",
		Shapes:  []plugins.Shape{plugins.Records},
		Reads:   []plugins.Part{plugins.Train},
		Random:  []plugins.Purpose{plugins.ForGeneration},
		Need: func(s plugins.Size) plugins.Need {
			return plugins.Need{Threads: 2, Bytes: 16 * int64(s.N) * int64(s.Columns)}
		},
	}, Config{}, New)
}

// Strategy is the plugin.
type Strategy struct{}

// New returns the strategy.
func New(Config) (plugins.Strategy, error) { return Strategy{}, nil }

// Generate draws every cell, with replacement, from the cells of its column in train.
//
// Each column has a random source of its own, so that a column's draws do not depend on which others are
// generated, and the first rows do not depend on n.
func (Strategy) Generate(ctx context.Context, env plugins.Env, task plugins.Task) (*plugins.Generated, error) {
	train, err := strategy.Source(task, plugins.Train)
	if err != nil {
		return nil, err
	}
	columns := make([]*frame.Column, len(train.Columns()))
	err = parallel.For(ctx, env.Threads, len(columns), func(i int) error {
		c := train.Columns()[i]
		rng := env.Rand.For(plugins.ForGeneration, "independent", c.Name)
		rows := make([]int, task.N)
		for r := range rows {
			rows[r] = rng.IntN(train.Rows())
		}
		columns[i] = c.Take(rows)
		return nil
	})
	if err != nil {
		return nil, err
	}
	f, err := frame.New(columns...)
	if err != nil {
		return nil, err
	}
	return &plugins.Generated{Frame: f}, nil
}
