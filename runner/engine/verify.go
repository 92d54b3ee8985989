package engine

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
)

// Verified is what a check of stored outputs came to.
type Verified struct {
	Checked int
	Differ  []*plan.Step // whose output, made again, is another
}

// Verify makes outputs of a plan that are in the cache again and compares them with what is stored. Without opt.Models it leaves out
// what language models were asked for.
// share is how many of them, in (0,1], rounded up: they are spread evenly over the plan.
func Verify(ctx context.Context, p *plan.Plan, c *cache.Cache, share float64, opt Options) (*Verified, error) {
	r := newRun(p, c, opt)
	v := &Verified{}
	r.store.damaged = func(s *plan.Step, err error) { r.event(Event{Kind: Damaged, Step: s, Err: err}) }
	var hits []*plan.Step
	for _, s := range p.Steps {
		if plan.Asks(s) && opt.Models == nil {
			continue
		}
		if _, hit := c.Lookup(s.Key); hit {
			hits = append(hits, s)
		}
	}
	n := int(math.Ceil(share*float64(len(hits)) - 1e-9)) // the margin is for shares such as 0.1 of 10
	for i := range n {
		s := hits[(2*i+1)*len(hits)/(2*n)]
		entry, hit := c.Lookup(s.Key)
		if !hit {
			continue // damaged, and set aside meanwhile
		}
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
