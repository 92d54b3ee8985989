// Package resample draws whole rows of train again, or whole patients where rows are events: perfect fidelity and no privacy. With
// replacement it is the positive control of privacy metrics; without, it is as many real rows as a generator is asked for: what
// a model loses by the sample size alone (real@n).
package resample

import (
	"context"
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/strategy"
)

// Config is the strategy's "with" block.
type Config struct {
	Replace bool `json:"replace"` // a row of train may come more than once
}

// Register adds the strategy to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Strategies, plugins.Info{
		Name:    "resample",
		Version: 1,
		Summary: "rows of train, or patients with all their events, drawn again, with replacement (positive control of privacy metrics) or without (real@n)",
		Schema:  "// a row of train may come more than once; true unless set\nreplace?: bool",
		Shapes:  []plugins.Shape{plugins.Records, plugins.Events},
		Reads:   []plugins.Part{plugins.Train},
		Hands:   true,
		Random:  []plugins.Purpose{plugins.ForGeneration},
	}, Config{Replace: true}, New)
}

// Strategy is the plugin.
type Strategy struct{ replace bool }

// New returns the strategy.
func New(c Config) (plugins.Strategy, error) { return Strategy{c.Replace}, nil }

// Generate returns n rows of train, each drawn from all of them or, without replacement, from those not drawn before. The
// first rows do not depend on n. Of events it returns n patients, each with all events of one of train and a new id. Without
// replacement it is an error when n is more than train has.
func (s Strategy) Generate(ctx context.Context, env plugins.Env, task plugins.Task) (*plugins.Generated, error) {
	train, err := strategy.Source(task, plugins.Train)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if task.Shape != plugins.Events {
		rows, err := s.draw(env, task.N, train.Rows(), "rows")
		if err != nil {
			return nil, err
		}
		return &plugins.Generated{Frame: train.Take(rows)}, nil
	}
	if err := events.Check(train); err != nil {
		return nil, err
	}
	patients := events.Patients(train.Column(events.Subject))
	drawn, err := s.draw(env, task.N, len(patients), "patients")
	if err != nil {
		return nil, err
	}
	copies := make([][]int, task.N)
	for i, p := range drawn {
		copies[i] = patients[p]
	}
	return &plugins.Generated{Frame: events.Copy(train, copies)}, nil
}

// draw returns n numbers below all.
func (s Strategy) draw(env plugins.Env, n, all int, what string) ([]int, error) {
	rng := env.Rand.For(plugins.ForGeneration, "resample")
	if s.replace {
		drawn := make([]int, n)
		for i := range drawn {
			drawn[i] = rng.IntN(all)
		}
		return drawn, nil
	}
	if n > all {
		return nil, fmt.Errorf("%d %s without replacement from a train part of %d: lower n, raise the share of train, or draw with replacement", n, what, all)
	}
	return rng.Perm(all)[:n], nil
}
