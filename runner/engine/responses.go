package engine

import (
	"context"
	"maps"
	"slices"

	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
)

// Responses lists the keys of the answers of language models that the finished cells of a plan come from, sorted. unfinished is
// the number of cells that ask models and are not finished.
func Responses(ctx context.Context, p *plan.Plan, c *cache.Cache, opt Options) (keys []string, unfinished int, err error) {
	r := newRun(p, c, opt)
	r.dry = true
	r.store.damaged = func(*plan.Step, error) {}
	found := map[string]bool{}
	cells := map[*plan.Cell]bool{}
	for _, asking := range p.Asking() {
		if _, done := c.Lookup(asking.Step.Key); !done {
			cells[asking.Cell] = true
			continue
		}
		a, err := r.store.read(ctx, asking.Step)
		if err != nil {
			return nil, 0, err
		}
		if a.meta.Generated == nil {
			continue
		}
		for _, of := range a.meta.Generated.Responses {
			for _, key := range of {
				found[key] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), len(cells), nil
}
