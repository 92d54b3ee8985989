// Package holdout serves real rows that nothing else reads: what a perfect generator would score. It is the ceiling.
//
// Replicates draw from one finite part, so two of them share about n of every len(part) rows, and all when n is the
// whole part: intervals over seeds then understate how much the ceiling varies. Generate says so in a note.
package holdout

import (
	"context"
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/strategy"
)

// Config is the strategy's "with" block: there are no settings.
type Config struct{}

// Register adds the strategy to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Strategies, plugins.Info{
		Name:    "holdout",
		Version: 1,
		Summary: "real rows of the reference part, drawn without replacement (ceiling); seeds share rows",
		Shapes:  []plugins.Shape{plugins.Records},
		Reads:   []plugins.Part{plugins.Reference},
		Random:  []plugins.Purpose{plugins.ForGeneration},
	}, Config{}, New)
}

// Strategy is the plugin.
type Strategy struct{}

// New returns the strategy.
func New(Config) (plugins.Strategy, error) { return Strategy{}, nil }

// Generate returns n rows of the reference part, no row twice. The rows for a smaller n are the first of those for a larger one.
// When n exceeds a third of the part, a note says that replicates share rows.
//
// It is an error when the part has fewer rows.
func (Strategy) Generate(ctx context.Context, env plugins.Env, task plugins.Task) (*plugins.Generated, error) {
	reference, err := strategy.Source(task, plugins.Reference)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if task.N > reference.Rows() {
		return nil, fmt.Errorf("the reference part has %d rows, fewer than n = %d; enlarge split.reference or lower n", reference.Rows(), task.N)
	}
	rng := env.Rand.For(plugins.ForGeneration, "holdout")
	rows := make([]int, reference.Rows())
	for i := range rows {
		rows[i] = i
	}
	for i := range task.N {
		j := i + rng.IntN(len(rows)-i)
		rows[i], rows[j] = rows[j], rows[i]
	}
	return &plugins.Generated{Frame: reference.Take(rows[:task.N]), Notes: shared(task.N, len(rows))}, nil
}

// shared is the note on what replicates of n rows out of all have in common: on average a share n/all of their rows.
// Up to a third, an interval over seeds is too short by less than a fifth: √(1 - 1/3) is 0.82.
func shared(n, all int) []string {
	if 3*n <= all {
		return nil
	}
	return []string{fmt.Sprintf("n = %d of %d reference rows: replicates share rows, so intervals over seeds understate their variation", n, all)}
}
