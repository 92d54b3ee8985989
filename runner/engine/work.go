package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
)

// grace is how long a step may take to return after its context has ended.
const grace = 5 * time.Second

// BugError is a panic of a plugin, or an output that breaks its contract.
type BugError struct {
	What  string
	Stack string
}

func (e *BugError) Error() string { return "a bug in the plugin: " + e.What }

// work runs one step and stores its output.
func (r *run) work(ctx context.Context, s *plan.Step, need plugins.Need) {
	start := time.Now()
	a, err := r.compute(ctx, s, need.Threads)
	if err == nil {
		r.store.keep(s, a)
	}
	r.finished <- completion{step: s, need: need, elapsed: time.Since(start), err: err}
}

// remake runs a step whose stored output cannot be used: it counted as cached.
func (r *run) remake(ctx context.Context, s *plan.Step) (*artifact, error) {
	a, err := r.compute(ctx, s, 1)
	if err == nil {
		r.remade.Add(1)
	}
	return a, err
}

// compute runs a step and stores its output.
func (r *run) compute(ctx context.Context, s *plan.Step, threads int) (*artifact, error) {
	start := time.Now()
	a, err := r.call(ctx, s, threads)
	if err != nil || r.dry {
		return a, err
	}
	bytes, digest, err := a.encode()
	if err != nil {
		return nil, fmt.Errorf("output of %s: %w", s.Label, err)
	}
	if _, err := r.cache.Put(ctx, &s.Recipe, cache.Output{
		Bytes: bytes, Digest: digest, Facts: a.meta.Facts.json(), Elapsed: time.Since(start),
	}); err != nil {
		var conflict *cache.ConflictError
		switch {
		case ctx.Err() != nil:
			return nil, ErrInterrupted
		case errors.As(err, &conflict):
			return nil, &BugError{What: conflict.Error()}
		}
		return nil, &fatal{fmt.Errorf("cache: %s: %w", s.Label, err)}
	}
	return a, nil
}

// call runs a step's plugin under its time-out, where it has one. A plugin that does not return in time is left behind:
// its goroutine cannot be stopped, its result is not used.
func (r *run) call(ctx context.Context, s *plan.Step, threads int) (*artifact, error) {
	outer := ctx
	cancel := context.CancelFunc(func() {})
	if r.opt.Timeout > 0 && !isRemote(s) {
		ctx, cancel = context.WithTimeout(ctx, r.opt.Timeout)
	}
	defer cancel()
	type outcome struct {
		a   *artifact
		err error
	}
	out := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			if p := recover(); p != nil {
				o.err = &BugError{What: fmt.Sprint(p), Stack: string(debug.Stack())}
			}
			out <- o
		}()
		o.a, o.err = r.exec(ctx, s, threads)
	}()
	var o outcome
	select {
	case o = <-out:
	case <-ctx.Done():
		select {
		case o = <-out:
		case <-time.After(grace):
			o.err = fmt.Errorf("did not stop within %s of being told to", grace)
		}
	}
	if o.err == nil {
		return o.a, nil // finished, even if the context ended a moment later
	}
	var end *fatal
	switch {
	case errors.As(o.err, &end):
	case outer.Err() != nil:
		return nil, ErrInterrupted
	case ctx.Err() != nil:
		return nil, fmt.Errorf("timed out after %s; raise step-timeout or lower the size", r.opt.Timeout)
	}
	return nil, o.err
}

// env is what a plugin is given. close removes its scratch folder.
func (r *run) env(s *plan.Step, rand plugins.Rand, threads int) (env plugins.Env, close func()) {
	var once sync.Once
	var dir string
	var err error
	env = plugins.Env{
		Rand:    rand,
		Threads: threads,
		Log:     r.opt.Log.With(slog.String("step", s.Label)),
		Scratch: func() (string, error) {
			once.Do(func() { dir, err = os.MkdirTemp(r.opt.Scratch, "ehrlab-") })
			return dir, err
		},
		Progress: r.progress(s),
		Memo:     r.memo,
	}
	return env, func() {
		if dir != "" {
			os.RemoveAll(dir)
		}
	}
}

// progress passes on what a plugin reports, at most ten times a second.
func (r *run) progress(s *plan.Step) func(done, total int) {
	var mu sync.Mutex
	var last time.Time
	return func(done, total int) {
		mu.Lock()
		now := time.Now()
		due := now.Sub(last) >= 100*time.Millisecond
		if due {
			last = now
		}
		mu.Unlock()
		if due && r.opt.Listen != nil {
			select {
			case r.finished <- completion{step: s, event: &Event{Kind: Progressed, Step: s, Part: done, Whole: total}}:
			default: // the run is busy; the next report will do
			}
		}
	}
}
