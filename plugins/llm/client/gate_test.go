package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/llm/llmtest"
	"github.com/ehrlab/ehrlab/plugins/llm/openai"
	"github.com/ehrlab/ehrlab/plugins/prompt"
)

// Slots halve on 429, once for all calls that were under way, and come back one by one.
func TestSlots(t *testing.T) {
	now := time.Unix(0, 0)
	g := newGate(plugins.Limits{Concurrency: 16}, clock{now: func() time.Time { return now }})
	tick := func() time.Time { now = now.Add(time.Second); return now }
	leave := func(v verdict, sent time.Time) {
		if err := g.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		g.leave(v, sent)
	}
	before := tick()
	tick()
	steps := []struct {
		verdict verdict
		sent    time.Time
		want    float64
	}{
		{neutral, before, 16},  // a 500, a cut
		{throttled, before, 8}, // the first 429
		{throttled, before, 8}, // of those that were under way with it
	}
	for _, s := range steps {
		if leave(s.verdict, s.sent); g.slots != s.want {
			t.Errorf("%v slots, want %v", g.slots, s.want)
		}
	}
	for range 9 {
		leave(throttled, tick())
	}
	if g.slots != 1 {
		t.Errorf("%v slots, want 1", g.slots)
	}
	for range 300 {
		last := g.slots
		if leave(served, tick()); g.slots > last+1 || g.slots < last {
			t.Fatalf("from %v to %v slots", last, g.slots)
		}
	}
	if g.slots != 16 {
		t.Errorf("%v slots, want 16", g.slots)
	}
}

func TestNeverMoreThanTheSlots(t *testing.T) {
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Latency(time.Millisecond, 3*time.Millisecond))
	b := setup(t, newMemory(), nil, chat(t, server.BaseURL(), func(c *openai.Config) { c.Limits.Concurrency = 5 }))
	askMany(t, b, 60)
	if n := server.Most(); n > 5 || n < 2 {
		t.Errorf("%d requests at once, want up to 5", n)
	}
}

// askMany asks n different things at once.
func askMany(t testing.TB, b *bench, n int) {
	t.Helper()
	m, _ := b.open(anyone)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			if _, err := m.Complete(t.Context(), asking(fmt.Sprintf("question %d", i))); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

// Cancelled waiters leave no hole behind.
func TestSlotsAreGivenBack(t *testing.T) {
	g := newGate(plugins.Limits{Concurrency: 2}, clock{}.orReal())
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if err := g.enter(ctx); err == nil {
				time.Sleep(time.Millisecond)
				g.leave(neutral, time.Time{})
			} else if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	time.Sleep(5 * time.Millisecond)
	cancel()
	group.Wait()
	if g.inside != 0 || len(g.queue) != 0 {
		t.Errorf("%d inside, %d waiting", g.inside, len(g.queue))
	}
	for range 2 {
		if err := g.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// One Retry-After keeps back all calls of the model, under all its names, and none of another model.
func TestPauseIsForTheWholeModel(t *testing.T) {
	var mu sync.Mutex
	var at []time.Time
	server := serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		mu.Lock()
		at = append(at, time.Now())
		n := len(at)
		mu.Unlock()
		if n == 1 {
			w.Header().Set("Retry-After-Ms", "400")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		answering("x")(w, r, body)
	})
	free := serve(t, answering("x"))
	one, two, other := chat(t, server.URL, nil), chat(t, server.URL, nil), chat(t, free.URL, nil)
	two.Name, other.Name = "two", "other"
	b := setup(t, newMemory(), func(o *Options) { o.Now, o.Sleep = nil, nil }, one, two, other)
	models, _ := b.Open(anyone)
	var group sync.WaitGroup
	ask := func(name, text string) {
		group.Go(func() {
			if _, err := models[name].Complete(t.Context(), asking(text)); err != nil {
				t.Error(err)
			}
		})
	}
	ask("m", "first")
	g := b.models["m"].gate
	asked := func() bool { g.mu.Lock(); defer g.mu.Unlock(); return !g.until.IsZero() }
	for !asked() {
		time.Sleep(time.Millisecond)
	}
	if _, err := models["other"].Complete(t.Context(), asking("other")); err != nil || g.paused() <= 0 {
		t.Errorf("another model waited, too: %v", err)
	}
	ask("m", "second")
	ask("two", "third")
	group.Wait()
	for _, later := range at[1:] {
		if d := later.Sub(at[0]); d < 395*time.Millisecond {
			t.Errorf("a request %s after the pause was asked for", d)
		}
	}
	if len(at) != 4 {
		t.Errorf("%d requests", len(at))
	}
}

// No minute sees more requests or tokens than are allowed, and little less.
func TestLimitsPerMinute(t *testing.T) {
	for _, limit := range []int{1, 3, 60, 6000, 90_000} {
		l := perMinute(limit)
		start := time.Unix(0, 0)
		var at []time.Duration
		for at == nil || at[len(at)-1] < 3*time.Minute {
			at = append(at, l.ReserveN(start, 1).DelayFrom(start))
		}
		most, first := 0, 0
		for i := range at {
			for at[i]-at[first] >= time.Minute {
				first++
			}
			most = max(most, i-first+1)
		}
		if most > limit || float64(most) < 0.998*float64(limit)-1 {
			t.Errorf("limit %d: %d in a minute", limit, most)
		}
	}
}

// Calls are kept within the limit of tokens, those that are larger than the limit of a minute too.
func TestTokensPerMinute(t *testing.T) {
	server := serve(t, answering("x"))
	now := time.Unix(0, 0)
	var waited time.Duration
	m := chat(t, server.URL, func(c *openai.Config) { c.Limits.Tokens = 600 }) // ten a second
	b := setup(t, newMemory(), func(o *Options) {
		o.Now = func() time.Time { return now }
		o.Sleep = func(_ context.Context, d time.Duration) error { waited += d; now = now.Add(d); return nil }
	}, m)
	r := asking("hello")
	r.MaxTokens = 2000 - prompt.EstimateInput(r)
	b.ask(t, r)
	r.MaxTokens -= 1000
	b.ask(t, r)
	// 3000 tokens at just under ten a second
	if low, high := 300*time.Second, 301*time.Second; waited < low || waited > high {
		t.Errorf("waited %s", waited)
	}
}

// A call that gives up while it waits leaves its place to the next.
func TestPlacesInTheRateAreGivenBack(t *testing.T) {
	now := time.Unix(0, 0)
	var waits []time.Duration
	gone := false
	g := newGate(plugins.Limits{Requests: 60}, clock{now: func() time.Time { return now }, sleep: func(_ context.Context, d time.Duration) error {
		waits = append(waits, d)
		if gone {
			return context.Canceled
		}
		now = now.Add(d)
		return nil
	}})
	for i := range 4 {
		gone = i == 1
		if err := g.pace(t.Context(), 1); (err != nil) != gone {
			t.Fatal(err)
		}
	}
	for _, d := range waits {
		if d != time.Second {
			t.Errorf("waits %s", waits)
		}
	}
}

func TestTighter(t *testing.T) {
	for _, tt := range [][3]int{{0, 0, 0}, {0, 5, 5}, {5, 0, 5}, {5, 3, 3}, {3, 5, 3}} {
		if got := tighter(tt[0], tt[1]); got != tt[2] {
			t.Errorf("tighter(%d, %d) = %d, want %d", tt[0], tt[1], got, tt[2])
		}
	}
	a, c := chat(t, "http://127.0.0.1:1", func(c *openai.Config) { c.Limits.Concurrency, c.Limits.Requests = 4, 100 }),
		chat(t, "http://127.0.0.1:1", func(c *openai.Config) { c.Limits.Concurrency, c.Limits.Tokens = 6, 50 })
	c.Name = "other"
	b := setup(t, newMemory(), nil, a, c)
	if g := b.models["other"].gate; g != b.models["m"].gate || g.most != 4 || g.limits.Requests != 100 || g.limits.Tokens != 50 {
		t.Errorf("%+v", g.limits)
	}
}

// BenchmarkRate asks a server at its rate limit, and reports the share of the allowed rate that is reached, without the
// burst at the beginning, and the share of the requests that the server turned away.
func BenchmarkRate(b *testing.B) {
	const perMinute, burst, calls = 12_000, 1 + 12_000/600, 1000
	server := llmtest.NewServer(b, llmtest.OpenAI, llmtest.Rate(perMinute, burst), llmtest.Latency(5*time.Millisecond, 50*time.Millisecond))
	total, elapsed := 0, time.Duration(0)
	for b.Loop() {
		c := setup(b, newMemory(), func(o *Options) { o.Now, o.Sleep = nil, nil }, chat(b, server.BaseURL(), func(c *openai.Config) {
			c.Limits.Requests, c.Limits.Concurrency = perMinute, 64
		}))
		start := time.Now()
		askMany(b, c, calls)
		elapsed += time.Since(start)
		total += calls - burst
	}
	b.ReportMetric(float64(total)/elapsed.Minutes()/perMinute, "of-the-rate")
	refused := server.Sum(func(e llmtest.Exchange) bool { return e.Status == http.StatusTooManyRequests }).Answers
	b.ReportMetric(float64(refused)/float64(len(server.Log())), "turned-away")
}
