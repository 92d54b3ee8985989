package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
)

// Outliner works out what steps would ask of language models. It sends nothing and writes nothing: outputs that the cache lacks
// are made in memory, and kept there for the steps that follow.
type Outliner struct{ run *run }

// NewOutliner prepares to outline steps of a plan.
func NewOutliner(p *plan.Plan, c *cache.Cache, opt Options) *Outliner {
	r := newRun(p, c, opt)
	r.dry = true
	for _, s := range p.Steps {
		r.store.want(s) // holds what the steps outlined have in common
	}
	r.store.damaged = func(*plan.Step, error) {} // made again here, told of by the run that needs it
	return &Outliner{r}
}

// Outline returns what the generate step of a cell would ask; an error when its strategy asks no models.
func (o *Outliner) Outline(ctx context.Context, s *plan.Step) (*plugins.Outline, error) {
	w := s.Work.(plan.GenerateWork)
	if w.Prompting == nil {
		return nil, fmt.Errorf("%s asks no language model", s.Label)
	}
	g, err := o.run.generation(ctx, s, w)
	if err != nil {
		return nil, err
	}
	task, _, err := g.task(ctx)
	if err != nil {
		return nil, err
	}
	env, end := o.run.env(s, w.Rand, 1)
	defer end()
	if o.run.opt.Models != nil {
		env.LLM, _ = o.run.opt.Models.Open(w.Caller)
	}
	out, err := w.Prompting.Outline(ctx, env, task)
	if err == nil && len(out.Calls) == 0 {
		err = errors.New("its strategy would ask nothing")
	}
	return out, err
}
