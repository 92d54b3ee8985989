package engine

import (
	"container/heap"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
)

// run is the state of one run. What stands above state is shared with workers; the rest belongs to the
// goroutine of loop.
type run struct {
	plan     *plan.Plan
	cache    *cache.Cache
	opt      Options
	store    *store
	finished chan completion
	dry      bool          // nothing is written to the cache
	memo     *plugins.Memo // of a dry run: what tasks on the same rows have in common; else nil, as it is never forgotten
	remade   atomic.Int64  // steps that counted as cached and had to be run

	state   []state
	waiting []int   // inputs that are not done, by step
	readers [][]int // steps that wait for a step
	ready   intHeap // in the order of the plan, whatever the order of completion
	distant intHeap // of these, the steps that are remote
	running int
	remote  int // of these, the steps that are remote
	threads int
	bytes   int64
	sizes   map[*plan.Step]plugins.Size // of prepared data

	cells     map[*plan.Step][]int // cells by their last steps
	cellLeft  []int
	cellsDone int
	result    Result
}

type state uint8

const (
	isWaiting state = iota
	isReady
	isRunning
	isDone
	isFailed
)

// completion is a step that ended.
type completion struct {
	step    *plan.Step
	need    plugins.Need
	elapsed time.Duration
	err     error
	event   *Event // not an end: something to pass on
}

// fatal is an error that ends the run: the machine's, not the step's.
type fatal struct{ err error }

func (f *fatal) Error() string { return f.err.Error() }
func (f *fatal) Unwrap() error { return f.err }

func newRun(p *plan.Plan, c *cache.Cache, opt Options) *run {
	opt.Workers = max(opt.Workers, 1)
	r := &run{
		plan: p, cache: c, opt: opt, finished: make(chan completion, 64), sizes: map[*plan.Step]plugins.Size{},
		result: Result{Failures: map[*plan.Step]*Failure{}},
	}
	r.store = newStore(c)
	r.store.damaged = func(s *plan.Step, err error) {
		r.finished <- completion{step: s, event: &Event{Kind: Damaged, Step: s, Err: err}}
	}
	r.store.remake = r.remake
	return r
}

// loop starts steps as their inputs and the reservations allow, until nothing is left.
func (r *run) loop(ctx context.Context) (*Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r.admit(r.plan.Steps)
	r.opt.Log.Info("run", "experiment", r.plan.Experiment.Name, "cells", len(r.plan.Cells), "steps", len(r.plan.Steps),
		"cached", r.result.StepsCached, "workers", r.opt.Workers, "memory", r.opt.Memory, "timeout", r.opt.Timeout)
	stop := r.grow(ctx)
	for {
		if stop == nil && ctx.Err() != nil {
			stop = ErrInterrupted
		}
		if stop == nil {
			r.start(ctx)
		}
		if r.running == 0 {
			break
		}
		var c completion
		if stop == nil {
			select {
			case c = <-r.finished:
			case <-ctx.Done():
				continue
			}
		} else {
			c = <-r.finished // running steps see the ended context and return
		}
		if err := r.take(ctx, c); err != nil && stop == nil {
			stop = err
			cancel()
		}
	}
	r.drain()
	r.result.settle(&r.remade)
	r.result.Cells = len(r.plan.Cells)
	r.result.StepsTotal = len(r.plan.Steps)
	r.countCells()
	return &r.result, stop
}

// settle counts the steps that had to be run again among those that were run.
func (res *Result) settle(remade *atomic.Int64) {
	n := int(remade.Swap(0))
	res.StepsRun += n
	res.StepsCached -= n
}

// drain passes on events of steps that ended last.
func (r *run) drain() {
	for {
		select {
		case c := <-r.finished:
			if c.event != nil {
				r.pass(*c.event)
			}
		default:
			return
		}
	}
}

// admit adds steps of the plan: what is in the cache is done, what has all inputs is ready.
func (r *run) admit(steps []*plan.Step) {
	for range steps {
		r.state = append(r.state, isWaiting)
		r.waiting = append(r.waiting, 0)
		r.readers = append(r.readers, nil)
	}
	for _, s := range steps {
		if _, hit := r.cache.Lookup(s.Key); hit {
			r.state[s.Index] = isDone
			r.result.StepsCached++
			continue
		}
		r.store.want(s)
		for _, in := range s.Inputs {
			switch r.state[in.Index] {
			case isDone:
			case isFailed:
				r.fail(s, r.result.Failures[in])
			default:
				r.waiting[s.Index]++
				r.readers[in.Index] = append(r.readers[in.Index], s.Index)
			}
		}
		if r.state[s.Index] == isWaiting && r.waiting[s.Index] == 0 {
			r.queue(s.Index)
		}
	}
	r.mapCells()
}

func (r *run) queue(i int) {
	r.state[i] = isReady
	if isRemote(r.plan.Steps[i]) {
		heap.Push(&r.distant, i)
	} else {
		heap.Push(&r.ready, i)
	}
}

// mostRemote is how many remote steps run at once: what they wait for keeps its own limits.
const mostRemote = 64

// isRemote reports whether a step waits for others most of the time: it takes none of the workers and threads.
func isRemote(s *plan.Step) bool {
	info := infoOf(s)
	return info != nil && info.Remote
}

// mapCells notes which steps each cell still waits for, so that progress can be told in cells.
func (r *run) mapCells() {
	r.cells = make(map[*plan.Step][]int)
	r.cellLeft = make([]int, len(r.plan.Cells))
	r.cellsDone = 0
	for i, c := range r.plan.Cells {
		for _, s := range lastSteps(c) {
			if r.state[s.Index] != isDone && r.state[s.Index] != isFailed {
				r.cells[s] = append(r.cells[s], i)
				r.cellLeft[i]++
			}
		}
		if r.cellLeft[i] == 0 {
			r.cellsDone++
		}
	}
}

// lastSteps are the steps that a cell's results come from.
func lastSteps(c *plan.Cell) []*plan.Step {
	if c.NotEstimable != "" {
		return nil
	}
	if len(c.Measures) == 0 {
		return []*plan.Step{c.Generate}
	}
	steps := make([]*plan.Step, len(c.Measures))
	for i, m := range c.Measures {
		steps[i] = m.Step
	}
	return steps
}

// next is the queue of the ready step to be started next: the first of the plan for whose kind there is room; nil when there is none.
func (r *run) next() *intHeap {
	computes := len(r.ready) > 0 && r.running-r.remote < r.opt.Workers
	waits := len(r.distant) > 0 && r.remote < mostRemote
	switch {
	case computes && (!waits || r.ready[0] < r.distant[0]):
		return &r.ready
	case waits:
		return &r.distant
	}
	return nil
}

// start starts ready steps in the order of the plan while their reservations fit. The first one that does
// not fit waits and holds back the others, so that a large step is never starved by small ones.
func (r *run) start(ctx context.Context) {
	for queue := r.next(); queue != nil; queue = r.next() {
		s := r.plan.Steps[(*queue)[0]]
		need, known := r.need(s)
		if r.opt.Memory > 0 && known && need.Bytes > r.opt.Memory {
			heap.Pop(queue)
			r.fail(s, &Failure{Root: s, Err: fmt.Errorf("it needs about %s, and running steps may reserve %s: lower the size, or raise the memory setting",
				humanize.IBytes(uint64(need.Bytes)), humanize.IBytes(uint64(r.opt.Memory)))})
			continue
		}
		if r.opt.Memory > 0 {
			need.Bytes = min(need.Bytes, r.opt.Memory) // a step over the limit runs alone
			if r.running > 0 && r.bytes+need.Bytes > r.opt.Memory {
				return
			}
		}
		if queue == &r.distant {
			need.Threads = 1
			r.remote++
		} else {
			free := max(r.opt.Workers-r.threads, 1)
			need.Threads = max(1, min(need.Threads, free/min(len(r.ready), free)))
			r.threads += need.Threads
		}
		heap.Pop(queue)
		r.state[s.Index] = isRunning
		r.running++
		r.bytes += need.Bytes
		r.opt.Log.Debug("step started", "step", s.Label, "key", s.Key, "threads", need.Threads, "bytes", need.Bytes)
		r.event(Event{Kind: Started, Step: s})
		go r.work(ctx, s, need)
	}
}

// take handles what a worker sent. It returns an error only when the run must end.
func (r *run) take(ctx context.Context, c completion) error {
	if c.event != nil {
		r.pass(*c.event)
		return nil
	}
	r.running--
	if isRemote(c.step) {
		r.remote--
	} else {
		r.threads -= c.need.Threads
	}
	r.bytes -= c.need.Bytes
	var end *fatal
	switch {
	case c.err == nil:
		r.done(c.step, c.elapsed)
		return r.grow(ctx)
	case errors.As(c.err, &end):
		return end.err
	case errors.Is(c.err, ErrInterrupted):
		r.state[c.step.Index] = isReady // neither done nor failed
		return nil
	}
	var bug *BugError
	if errors.As(c.err, &bug) {
		r.result.Bug = true
		r.opt.Log.Error("a bug in a plugin", "step", c.step.Label, "error", bug.Error(), "stack", bug.Stack)
	}
	var model *plugins.LLMError
	if errors.As(c.err, &model) && model.Fault == plugins.FaultBudget {
		r.result.Budget = true
	}
	r.result.StepsRun++
	r.opt.Log.Debug("step failed", "step", c.step.Label, "key", c.step.Key, "elapsed", c.elapsed, "error", c.err)
	failure := &Failure{Root: c.step, Err: c.err}
	var spent *spentError
	if errors.As(c.err, &spent) {
		failure.Err, failure.Counts, failure.Usage = spent.err, spent.counts, spent.usage
	}
	r.fail(c.step, failure)
	return nil
}

func (r *run) done(s *plan.Step, elapsed time.Duration) {
	r.state[s.Index] = isDone
	r.result.StepsRun++
	r.store.release(s)
	for _, i := range r.readers[s.Index] {
		r.waiting[i]--
		if r.waiting[i] == 0 && r.state[i] == isWaiting {
			r.queue(i)
		}
	}
	r.endStep(s)
	r.opt.Log.Debug("step done", "step", s.Label, "key", s.Key, "elapsed", elapsed)
	r.event(Event{Kind: Done, Step: s, Elapsed: elapsed})
}

// fail marks a step and all that need it, with the root of the failure.
func (r *run) fail(s *plan.Step, f *Failure) {
	if r.state[s.Index] == isFailed {
		return
	}
	r.state[s.Index] = isFailed
	r.result.Failures[s] = f
	r.store.release(s)
	r.endStep(s)
	r.event(Event{Kind: Failed, Step: s, Err: f.Err})
	for _, i := range r.readers[s.Index] {
		r.fail(r.plan.Steps[i], f)
	}
}

func (r *run) endStep(s *plan.Step) {
	for _, i := range r.cells[s] {
		r.cellLeft[i]--
		if r.cellLeft[i] == 0 {
			r.cellsDone++
		}
	}
}

// grow adds the cells of every node whose steps are done.
func (r *run) grow(ctx context.Context) error {
	for {
		node := r.plan.Ready(func(s *plan.Step) bool { return r.state[s.Index] == isDone })
		if node == nil {
			return nil
		}
		facts, err := r.awaited(ctx, node)
		if err != nil {
			return err
		}
		fresh, err := r.plan.Grow(node, facts)
		if err != nil {
			return err
		}
		r.admit(fresh)
		r.event(Event{Kind: Grown})
	}
}

// awaited returns the facts of the steps that a node waited for. Where the index has none, or none of scores as those of earlier versions,
// the output is read, which makes a damaged one again.
func (r *run) awaited(ctx context.Context, node *plan.Pending) (func(cache.Key) (json.RawMessage, bool), error) {
	read := map[cache.Key]json.RawMessage{}
	for _, s := range node.Waits {
		if raw, ok := r.facts(s.Key); ok && (s.Stage != plan.StageMeasure || plan.HasScores(raw)) {
			continue
		}
		a, err := r.store.read(ctx, s)
		if err != nil {
			return nil, err
		}
		f := a.meta.Facts
		if s.Stage == plan.StageMeasure && a.meta.Measurement != nil {
			f.ScoreFacts = scoreFacts(a.meta.Measurement)
		}
		read[s.Key] = f.json()
	}
	return func(k cache.Key) (json.RawMessage, bool) {
		if raw, ok := read[k]; ok {
			return raw, true
		}
		return r.facts(k)
	}, nil
}

// countCells counts the cells that lack a result.
func (r *run) countCells() {
	for _, c := range r.plan.Cells {
		if c.NotEstimable != "" {
			r.result.NotEstimable++
		}
		if failureOf(c, r.result.Failures) != nil {
			r.result.Failed++
		}
	}
	for _, node := range r.plan.Pending { // what they wait for failed
		r.result.Cells += node.Cells()
		r.result.Failed += node.Cells()
	}
}

// failureOf returns the first failure that leaves a cell without a result, or nil.
func failureOf(c *plan.Cell, failures map[*plan.Step]*Failure) *Failure {
	for _, s := range lastSteps(c) {
		if f, ok := failures[s]; ok {
			return f
		}
	}
	return nil
}

func (r *run) pass(e Event) {
	if e.Kind == Damaged {
		r.result.Damaged++
	}
	r.event(e)
}

func (r *run) event(e Event) {
	if r.opt.Listen == nil {
		return
	}
	e.Steps, e.Cached, e.Run, e.Failed = len(r.plan.Steps), r.result.StepsCached, r.result.StepsRun, len(r.result.Failures)
	e.Cells, e.CellsDone = len(r.plan.Cells), r.cellsDone
	r.opt.Listen(e)
}

// intHeap is a heap of step indices.
type intHeap []int

func (h intHeap) Len() int           { return len(h) }
func (h intHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h intHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *intHeap) Push(x any)        { *h = append(*h, x.(int)) }
func (h *intHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
