package engine

import (
	"context"
	"errors"
	"sync"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
)

// store keeps the outputs that steps still to be run will read, decoded once, and forgets each after its
// last reader. Outputs that were found in the cache are read when first asked for.
type store struct {
	cache   *cache.Cache
	remake  func(context.Context, *plan.Step) (*artifact, error) // for an output that is damaged
	damaged func(*plan.Step, error)

	mu    sync.Mutex
	slots map[cache.Key]*slot // by step: those of several plans share what has one key
}

// slot is the output of one step, and what is derived from it for its readers.
type slot struct {
	readers int // steps that will still read it; guarded by store.mu

	mu    sync.Mutex
	held  *artifact
	parts map[plugins.Part]*frame.Frame
	pairs map[pairRoles]*plugins.Pair
}

// pairRoles are the columns that a pair needs besides its rows. Two data sets may share rows and differ in them.
// testSites names the hospitals whose test rows are compared, shadows the steps of shadow models: preparations may read them, so
// that metrics with others must not share a pair. weighted is set where synthetic rows are drawn to the real shares of their groups,
// audited where the pair says what an audit came to, on where other rows than the test rows stand in their place.
type pairRoles struct {
	target, subject, site, testSites, beside, limits, shadows string
	weighted, audited                                         bool
	on                                                        plugins.Part
}

func newStore(c *cache.Cache) *store {
	return &store{cache: c, slots: map[cache.Key]*slot{}}
}

// want notes that a step will be run and read its inputs.
func (st *store) want(s *plan.Step) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, in := range s.Inputs {
		st.slot(in).readers++
	}
}

// release notes that a step will not read its inputs any more.
func (st *store) release(s *plan.Step) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, in := range s.Inputs {
		slot := st.slot(in)
		slot.readers--
		if slot.readers <= 0 {
			delete(st.slots, in.Key)
		}
	}
}

// slot returns the slot of a step; the caller holds mu.
func (st *store) slot(s *plan.Step) *slot {
	if st.slots[s.Key] == nil {
		st.slots[s.Key] = &slot{}
	}
	return st.slots[s.Key]
}

// get returns the slot of a step; where no step is waiting for it any more, one that is not kept.
func (st *store) get(s *plan.Step) *slot {
	st.mu.Lock()
	defer st.mu.Unlock()
	if slot, ok := st.slots[s.Key]; ok {
		return slot
	}
	return &slot{}
}

// keep holds a fresh output for the steps that will read it.
func (st *store) keep(s *plan.Step, a *artifact) {
	st.mu.Lock()
	slot, wanted := st.slots[s.Key]
	st.mu.Unlock()
	if !wanted {
		return
	}
	slot.mu.Lock()
	slot.held = a
	slot.mu.Unlock()
}

// load returns the output of a finished step, reading it back when it is not held.
func (st *store) load(ctx context.Context, s *plan.Step) (*artifact, error) {
	slot := st.get(s)
	slot.mu.Lock()
	defer slot.mu.Unlock()
	return st.loadLocked(ctx, s, slot)
}

func (st *store) loadLocked(ctx context.Context, s *plan.Step, slot *slot) (*artifact, error) {
	if slot.held != nil {
		return slot.held, nil
	}
	a, err := st.read(ctx, s)
	if err == nil {
		slot.held = a
	}
	return a, err
}

// read takes an output from the cache. One that is damaged is set aside and made again.
func (st *store) read(ctx context.Context, s *plan.Step) (*artifact, error) {
	b, _, err := st.cache.Get(s.Key)
	var bad *cache.DamagedError
	switch {
	case errors.As(err, &bad):
		st.damaged(s, err)
		return st.remake(ctx, s)
	case errors.Is(err, cache.ErrMiss): // collected by another process since the plan was made
		return st.remake(ctx, s)
	case err != nil:
		return nil, &fatal{err}
	}
	a, err := decode(b)
	if err == nil {
		return a, nil
	}
	st.damaged(s, err)
	if err := st.cache.SetAside(s.Key, err); err != nil {
		return nil, &fatal{err}
	}
	return st.remake(ctx, s)
}

// part returns the rows of one part, cut out of the prepared data once.
func (st *store) part(ctx context.Context, prepared *plan.Step, p plugins.Part) (*frame.Frame, error) {
	slot := st.get(prepared)
	slot.mu.Lock()
	defer slot.mu.Unlock()
	if f, ok := slot.parts[p]; ok {
		return f, nil
	}
	a, err := st.loadLocked(ctx, prepared, slot)
	if err != nil {
		return nil, err
	}
	f, err := a.part(p)
	if err != nil {
		return nil, err
	}
	if slot.parts == nil {
		slot.parts = map[plugins.Part]*frame.Frame{}
	}
	slot.parts[p] = f
	return f, nil
}

// pairOf returns the pair of synthetic rows and real parts, made once for all metrics of a cell, so that
// its preparations are shared.
func (st *store) pairOf(ctx context.Context, generated *plan.Step, roles pairRoles, build func(*artifact) (*plugins.Pair, error)) (*plugins.Pair, error) {
	slot := st.get(generated)
	slot.mu.Lock()
	defer slot.mu.Unlock()
	if pair, ok := slot.pairs[roles]; ok {
		return pair, nil
	}
	a, err := st.loadLocked(ctx, generated, slot)
	if err != nil {
		return nil, err
	}
	pair, err := build(a)
	if err != nil {
		return nil, err
	}
	if slot.pairs == nil {
		slot.pairs = map[pairRoles]*plugins.Pair{}
	}
	slot.pairs[roles] = pair
	return pair, nil
}
