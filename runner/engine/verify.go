package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
)

// Verified is what a check of stored outputs came to.
type Verified struct {
	Checked int
	Differ  []*plan.Step // whose output, made again, is another
}

// Verify makes outputs of a plan that are in the cache again and compares them with what is stored.
// share is how many of them, in (0,1]: they are spread evenly over the plan.
func Verify(ctx context.Context, p *plan.Plan, c *cache.Cache, share float64, opt Options) (*Verified, error) {
	r := newRun(p, c, opt)
	v := &Verified{}
	r.store.damaged = func(s *plan.Step, err error) { r.event(Event{Kind: Damaged, Step: s, Err: err}) }
	due := 0.0
	for _, s := range p.Steps {
		entry, hit := c.Lookup(s.Key)
		if !hit {
			continue
		}
		if due += share; due < 1 {
			continue
		}
		due--
		start := time.Now()
		r.event(Event{Kind: Started, Step: s})
		r.store.want(s)
		a, err := r.call(ctx, s, max(opt.Workers, 1))
		if err != nil {
			return v, fmt.Errorf("%s: %w", s.Label, err)
		}
		r.store.release(s)
		_, digest, err := a.encode()
		if err != nil {
			return v, err
		}
		v.Checked++
		if digest != entry.Digest {
			v.Differ = append(v.Differ, s)
		}
		r.event(Event{Kind: Done, Step: s, Elapsed: time.Since(start)})
	}
	return v, nil
}
