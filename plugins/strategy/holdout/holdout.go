// Package holdout serves real rows that nothing else reads: what a perfect generator would score. It is the ceiling.
//
// Replicates draw from one finite part, so two of them share about n of every len(part) rows, and all when n is the
// whole part: intervals over seeds then understate how much the ceiling varies. Generate says so, as Generated.Dependent.
package holdout

import (
	"context"
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/strategy"
)

// Config is the strategy's "with" block: there are no settings.
type Config struct{}

// Register adds the strategy to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Strategies, plugins.Info{
		Name:    "holdout",
		Version: 2,
		Summary: "real rows of the reference part, or patients with all their events, drawn without replacement (ceiling); seeds share rows",
		Shapes:  []plugins.Shape{plugins.Records, plugins.Events},
		Reads:   []plugins.Part{plugins.Reference},
		Hands:   true,
		Random:  []plugins.Purpose{plugins.ForGeneration},
	}, Config{}, New)
}

// Strategy is the plugin.
type Strategy struct{}

// New returns the strategy.
func New(Config) (plugins.Strategy, error) { return Strategy{}, nil }

// Generate returns n rows of the reference part, no row twice. The rows for a smaller n are the first of those for a larger one.
// Of events it returns n patients in the place of rows, each with all its events and a new id. When n exceeds a third of the
// part, Dependent says that replicates share rows.
//
// It is an error when the part has fewer rows, or patients.
func (Strategy) Generate(ctx context.Context, env plugins.Env, task plugins.Task) (*plugins.Generated, error) {
	reference, err := strategy.Source(task, plugins.Reference)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if task.Shape != plugins.Events {
		rows, err := draw(env, task.N, reference.Rows(), "rows")
		if err != nil {
			return nil, err
		}
		return &plugins.Generated{Frame: reference.Take(rows), Dependent: shared(task.N, reference.Rows(), "rows")}, nil
	}
	if err := events.Check(reference); err != nil {
		return nil, err
	}
	patients := events.Patients(reference.Column(events.Subject))
	drawn, err := draw(env, task.N, len(patients), "patients")
	if err != nil {
		return nil, err
	}
	copies := make([][]int, task.N)
	for i, p := range drawn {
		copies[i] = patients[p]
	}
	return &plugins.Generated{Frame: events.Copy(reference, copies), Dependent: shared(task.N, len(patients), "patients")}, nil
}

// draw returns n different numbers below all.
func draw(env plugins.Env, n, all int, what string) ([]int, error) {
	if n > all {
		return nil, fmt.Errorf("the reference part has %d %s, fewer than n = %d; enlarge split.reference or lower n", all, what, n)
	}
	rng := env.Rand.For(plugins.ForGeneration, "holdout")
	rows := make([]int, all)
	for i := range rows {
		rows[i] = i
	}
	for i := range n {
		j := i + rng.IntN(len(rows)-i)
		rows[i], rows[j] = rows[j], rows[i]
	}
	return rows[:n], nil
}

// shared says what replicates of n rows out of all have in common, which is a share n/all of their rows on average.
// Up to a third nothing is said: an interval over seeds is too short by less than a fifth: √(1 - 1/3) is 0.82.
func shared(n, all int, what string) string {
	if 3*n <= all {
		return ""
	}
	return fmt.Sprintf("n = %d of %d reference %s: replicates share %s, so intervals over seeds understate their variation", n, all, what, what)
}
