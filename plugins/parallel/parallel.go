// Package parallel shares independent pieces of work among the threads that a plugin was given.
//
// Each piece writes to its own place, so that results do not depend on the number of threads;
// adding them up, in a fixed order, is left to the caller.
package parallel

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// For calls f(0) … f(n-1), at most threads of them at a time.
//
// It returns the error of the lowest index that fails: pieces are started in order, a piece that was started is
// finished, and after an error no further one is started. When the context ends before all pieces were started, it
// returns the context's error. A panic of f is raised again in the caller's goroutine, where the runner can tell
// which step it belongs to.
func For(ctx context.Context, threads, n int, f func(i int) error) error {
	if threads = min(threads, n); threads <= 1 {
		return inOrder(ctx, n, f)
	}
	w := work{n: n, f: f, failedAt: n}
	var group sync.WaitGroup
	for range threads {
		group.Go(func() { w.run(ctx) })
	}
	group.Wait()
	if w.panicked != "" {
		panic(w.panicked)
	}
	if w.err != nil {
		return w.err
	}
	if int(w.done.Load()) < n {
		return ctx.Err()
	}
	return nil
}

func inOrder(ctx context.Context, n int, f func(i int) error) error {
	for i := range n {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f(i); err != nil {
			return err
		}
	}
	return nil
}

// work is what the goroutines of one call of For share.
type work struct {
	n    int
	f    func(i int) error
	next atomic.Int64 // the next piece to start
	done atomic.Int64 // pieces finished without error
	stop atomic.Bool

	mu       sync.Mutex
	failedAt int
	err      error
	panicked string
}

func (w *work) run(ctx context.Context) {
	defer func() {
		if p := recover(); p != nil {
			w.stop.Store(true)
			w.mu.Lock()
			w.panicked = fmt.Sprintf("%v\n\n%s", p, debug.Stack())
			w.mu.Unlock()
		}
	}()
	for !w.stop.Load() && ctx.Err() == nil {
		i := int(w.next.Add(1)) - 1
		if i >= w.n {
			return
		}
		if err := w.f(i); err != nil {
			w.fail(i, err)
			return
		}
		w.done.Add(1)
	}
}

func (w *work) fail(i int, err error) {
	w.stop.Store(true)
	w.mu.Lock()
	defer w.mu.Unlock()
	if i < w.failedAt {
		w.failedAt, w.err = i, err
	}
}
