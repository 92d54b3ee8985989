// Package engine runs a plan: it looks steps up in the cache, runs what is missing on a pool of workers,
// and turns what came out into the core of a version.
//
// A failed step fails the cells that need it, with its stage and reason, and the rest goes on. What comes
// out does not depend on the number of workers, or on whether a run was interrupted and taken up again.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
)

// Options says how a plan is run. None of it enters a key.
type Options struct {
	Workers int           // steps that run at once, and threads that they share; at least 1. Remote steps run besides, up to 64
	Memory  int64         // bytes that running steps may reserve together, and the most that one may need; 0: no limit
	Timeout time.Duration // for one step that computes; 0: none. A remote step has the time-outs of its calls alone
	Scratch string        // folder for the private folders of plugins; "": the system's
	Log     *slog.Logger
	Listen  func(Event) // called from one goroutine at a time; may be nil

	// Models hands out the language models; nil: a step that asks one fails.
	Models plugins.Models
	// Cost is the price of answers in USD, and whether it is known. Collect asks it; nil: no price is known.
	Cost func(plugins.Usage) (usd float64, known bool)
}

// EventKind says what happened.
type EventKind string

// The kinds of events.
const (
	Started    EventKind = "started"    // a step
	Done       EventKind = "done"       // a step: its output is in the cache
	Failed     EventKind = "failed"     // a step, or one that needs a failed one
	Damaged    EventKind = "damaged"    // a stored output did not pass its check; it is made again
	Grown      EventKind = "grown"      // the plan has new cells
	Progressed EventKind = "progressed" // a running step reports how far it is
)

// Event is one happening of a run, with the state of the whole run after it.
type Event struct {
	Kind        EventKind
	Step        *plan.Step // nil for Grown
	Elapsed     time.Duration
	Err         error // Failed and Damaged
	Part, Whole int   // Progressed

	Steps, Cached, Run, Failed int // steps in all, found in the cache, run, failed
	Cells, CellsDone           int
}

// Result is what a run came to.
type Result struct {
	Cells, Failed                     int // cells in all, and those that lack a result
	NotEstimable                      int // cells whose test hospital has too few rows
	StepsRun, StepsCached, StepsTotal int
	Damaged                           int
	Bug                               bool // a plugin panicked or broke its contract
	Budget                            bool // the budget kept a step from being finished
	Failures                          map[*plan.Step]*Failure
}

// Failure says why a step has no output: its own error, or that of the step it needs.
type Failure struct {
	Root *plan.Step
	Err  error

	Counts []plugins.Count // what became of the rows until Root failed, where a strategy accounts for them
	Usage  []plugins.Usage // of the models that Root asked
}

// ErrInterrupted is returned when the context ended before the plan did.
var ErrInterrupted = errors.New("interrupted")

// Run runs what is missing of a plan. It returns ErrInterrupted when ctx ends first, and other errors
// only for what stops the whole run, such as a cache that cannot be written.
func Run(ctx context.Context, p *plan.Plan, c *cache.Cache, opt Options) (*Result, error) {
	if len(p.Static) > 0 {
		return nil, fmt.Errorf("the plan has no keys: %s", p.Static[0])
	}
	r := newRun(p, c, opt)
	return r.loop(ctx)
}
