package client

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/ehrlab/ehrlab/plugins"
)

// defaultConcurrency is for a model that names no limit.
const defaultConcurrency = 8

// gate keeps the calls of one served model within its limits. A call takes a slot, paces itself, is sent, and leaves.
//
// Slots start at the declared concurrency. They halve when the server says that it is asked too much, once for all the
// calls that were then under way, and grow back by one with every full round of answers (additive increase, multiplicative
// decrease: D.-M. Chiu, R. Jain, 1989, Computer Networks and ISDN Systems 17, 1–14).
type gate struct {
	clock clock

	mu       sync.Mutex
	most     int // declared
	slots    float64
	inside   int
	queue    []chan struct{} // first come, first served
	halved   time.Time
	until    time.Time // nothing is sent before
	limits   plugins.Limits
	requests *rate.Limiter // nil: no limit
	tokens   *rate.Limiter
}

func newGate(l plugins.Limits, c clock) *gate {
	g := &gate{clock: c}
	g.set(l)
	return g
}

func (g *gate) set(l plugins.Limits) {
	if l.Concurrency <= 0 {
		l.Concurrency = defaultConcurrency
	}
	g.limits, g.most, g.slots = l, l.Concurrency, float64(l.Concurrency)
	g.requests, g.tokens = perMinute(l.Requests), perMinute(l.Tokens)
}

// tighten applies the limits of another name of the same model too. It is called before the first call.
func (g *gate) tighten(l plugins.Limits) {
	g.set(plugins.Limits{
		Requests:    tighter(g.limits.Requests, l.Requests),
		Tokens:      tighter(g.limits.Tokens, l.Tokens),
		Concurrency: tighter(g.limits.Concurrency, l.Concurrency),
	})
}

// tighter returns the smaller of two limits of which 0 is none.
func tighter(a, b int) int {
	if a <= 0 || b > 0 && b < a {
		return b
	}
	return a
}

// perMinute returns a limiter that lets no more than n through in any minute: a burst of a tenth of a second's worth is
// taken from the rate, for at most 0.2 % of it. Providers count shorter spans too, so that a larger burst is refused.
func perMinute(n int) *rate.Limiter {
	if n <= 0 {
		return nil
	}
	burst := 1 + n/600
	return rate.NewLimiter(rate.Limit(float64(n-(burst-1))/60), burst)
}

// enter waits for a slot.
func (g *gate) enter(ctx context.Context) error {
	g.mu.Lock()
	if len(g.queue) == 0 && g.inside < int(g.slots) {
		g.inside++
		g.mu.Unlock()
		return ctx.Err()
	}
	turn := make(chan struct{})
	g.queue = append(g.queue, turn)
	g.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-turn: // both at once: the slot is given back
		g.inside--
		g.admit()
	default:
		for i, other := range g.queue {
			if other == turn {
				g.queue = append(g.queue[:i], g.queue[i+1:]...)
				break
			}
		}
	}
	return ctx.Err()
}

// admit hands free slots to those who wait. The caller holds the lock.
func (g *gate) admit() {
	for len(g.queue) > 0 && g.inside < int(g.slots) {
		close(g.queue[0])
		g.queue = g.queue[1:]
		g.inside++
	}
}

// How a call left.
type verdict int

const (
	neutral   verdict = iota // it says nothing about how much the server can take
	served                   // answered
	throttled                // 429
)

// leave gives a slot back. sent is when the call was sent.
func (g *gate) leave(v verdict, sent time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	switch {
	case v == served:
		g.slots = min(g.slots+1/g.slots, float64(g.most))
	case v == throttled && sent.After(g.halved):
		g.slots, g.halved = max(g.slots/2, 1), g.clock.now()
	}
	g.admit()
}

// pause keeps all calls of the model back for a while.
func (g *gate) pause(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until := g.clock.now().Add(d); until.After(g.until) {
		g.until = until
	}
}

// paused returns how long calls are still kept back.
func (g *gate) paused() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.until.Sub(g.clock.now())
}

// pace waits until a call of so many tokens may be sent.
func (g *gate) pace(ctx context.Context, tokens int) error {
	for {
		if d := g.paused(); d > 0 {
			if err := g.clock.sleep(ctx, d); err != nil {
				return err
			}
			continue
		}
		if err := g.wait(ctx, tokens); err != nil {
			return err
		}
		if g.paused() <= 0 {
			return nil
		}
	}
}

// wait waits for the limits per minute.
func (g *gate) wait(ctx context.Context, tokens int) error {
	now := g.clock.now()
	var held []*rate.Reservation
	var delay time.Duration
	hold := func(l *rate.Limiter, n int) {
		if l == nil || n <= 0 {
			return
		}
		r := l.ReserveN(now, n)
		held = append(held, r)
		delay = max(delay, r.DelayFrom(now))
	}
	g.mu.Lock()
	if g.tokens != nil && tokens > g.tokens.Burst() {
		g.tokens.SetBurstAt(now, tokens) // a limiter passes nothing larger than its burst
	}
	hold(g.requests, 1)
	hold(g.tokens, tokens)
	g.mu.Unlock()
	if delay <= 0 {
		return ctx.Err()
	}
	err := g.clock.sleep(ctx, delay)
	if err != nil {
		for _, r := range held {
			r.CancelAt(g.clock.now())
		}
	}
	return err
}
