package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/llm/openai"
)

// An answer is paid for once: the same request gets it from the store, in this run and the next, whatever the terms are.
func TestAnswersAreKept(t *testing.T) {
	server := serve(t, answering("a,b\n1,2\n"))
	store := newMemory()
	first := setup(t, store, nil, chat(t, server.URL, nil)).ask(t, asking("hello"))
	if first.Text != "a,b\n1,2\n" || first.Stop != plugins.StopEnd || first.InputTokens != 10 || first.OutputTokens != 5 ||
		first.Model != "gpt-test-2025-01-01" || first.Fingerprint != "fp_1" || first.At.IsZero() {
		t.Fatalf("%+v", first)
	}
	other := chat(t, server.URL, func(c *openai.Config) {
		c.Limits.Concurrency, c.Limits.Retries, c.Limits.Timeout, c.Limits.Requests = 3, 9, "7s", 60
		c.KeyEnv, c.Context = "OTHER_KEY", 9999
	})
	other.Price, other.Approval = price(1, 2), &Approval{Local: true}
	again := setup(t, store, func(o *Options) { o.Budget.Total = &Limit{Calls: 1} }, other).ask(t, asking("hello"))
	if d := cmp.Diff(first, again); d != "" {
		t.Error(d)
	}
	if n := server.requests.Load(); n != 1 {
		t.Fatalf("%d requests, want 1", n)
	}
	sends, ends := store.journal(t)
	s := sends[0]
	if s.Experiment != "study" || s.Step != "s1" || s.Axes["strategy"] != "naive" || s.Try != 0 || s.Input == 0 || s.Output != 100 ||
		!strings.Contains(string(s.Request), "hello") || s.Hash != hashOf(s.Request) || s.Restricted || ends[0].Outcome != plugins.Answered {
		t.Errorf("%+v, %+v", s, ends[0])
	}

	// What decides the answer makes it another one.
	b := setup(t, store, nil, chat(t, server.URL, nil))
	hot := 0.7
	requests := []plugins.Request{asking("hello!"), asking("hello"), asking("hello"), asking("hello")}
	requests[1].Ordinal, requests[2].Temperature, requests[3].MaxTokens = 1, &hot, 50
	for _, r := range requests {
		b.ask(t, r)
	}
	m, _ := b.open(plugins.Caller{Step: "s1", Seed: 2, Governance: plugins.Open})
	if _, err := m.Complete(t.Context(), asking("hello")); err != nil {
		t.Fatal(err)
	}
	setup(t, store, nil, chat(t, server.URL, func(c *openai.Config) { c.Model = "gpt-test-2025-02-02" })).ask(t, asking("hello"))
	if n := server.requests.Load(); n != 7 {
		t.Errorf("%d requests, want 7", n)
	}
}

// Equal requests at one time are sent once, and all get the answer.
func TestEqualRequestsAtOnce(t *testing.T) {
	release := make(chan struct{})
	server := serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		<-release
		answering("x")(w, r, body)
	})
	b := setup(t, newMemory(), nil, chat(t, server.URL, nil))
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			m, used := b.open(plugins.Caller{Step: fmt.Sprint(i), Seed: 1, Governance: plugins.Open})
			if a, err := m.Complete(t.Context(), asking("hello")); err != nil || a.Text != "x" {
				t.Errorf("%v, %v", a, err)
			}
			if u := used(); len(u) != 1 || u[0].Calls != 1 || u[0].Input != 10 {
				t.Errorf("%+v", u)
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	close(release)
	group.Wait()
	if n := server.requests.Load(); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

// When the one that sends for all is cancelled, another takes its place.
func TestTheNextTakesOver(t *testing.T) {
	first := make(chan struct{})
	var once sync.Once
	server := serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		held := false
		once.Do(func() { close(first); held = true })
		if held {
			<-r.Context().Done()
			return
		}
		answering("x")(w, r, body)
	})
	b := setup(t, newMemory(), nil, chat(t, server.URL, nil))
	m, _ := b.open(anyone)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		if _, err := m.Complete(ctx, asking("hello")); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want that it was cancelled", err)
		}
	})
	<-first
	group.Go(func() {
		if a, err := m.Complete(t.Context(), asking("hello")); err != nil || a.Text != "x" {
			t.Errorf("%v, %v", a, err)
		}
	})
	time.Sleep(10 * time.Millisecond)
	cancel()
	group.Wait()
	if d := cmp.Diff(map[plugins.Outcome]int{plugins.Cut: 1, plugins.Answered: 1}, b.store.outcomes(t)); d != "" {
		t.Error(d)
	}
}

// A refusal is kept as evidence, and the model is asked again; a rerun does the same without asking.
func TestRefusals(t *testing.T) {
	for refusals := range attempts + 1 {
		n := 0
		server := serve(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			if n++; n <= refusals {
				io.WriteString(w, completion("", "content_filter", "gpt-test-2025-01-01", 10, 1))
				return
			}
			io.WriteString(w, completion("yes", "stop", "gpt-test-2025-01-01", 10, 5))
		})
		store := newMemory()
		asked := min(refusals+1, attempts)
		for run := range 2 {
			b := setup(t, store, nil, chat(t, server.URL, nil))
			m, used := b.open(anyone)
			a, err := m.Complete(t.Context(), asking("hello"))
			var fault *plugins.LLMError
			if refusals < attempts && (err != nil || a.Text != "yes") ||
				refusals == attempts && (!errors.As(err, &fault) || fault.Fault != plugins.FaultRefused) {
				t.Errorf("%d refusals, run %d: %v, %v", refusals, run, a, err)
			}
			if u := used(); len(u) != 1 || u[0].Calls != asked || u[0].Refused != min(refusals, attempts) || len(u[0].Responses) != asked {
				t.Errorf("%d refusals, run %d: %+v", refusals, run, u)
			}
		}
		if int(server.requests.Load()) != asked {
			t.Errorf("%d refusals: %d requests, want %d", refusals, server.requests.Load(), asked)
		}
		counts := store.outcomes(t)
		if counts[plugins.Declined] != min(refusals, attempts) {
			t.Errorf("%d refusals: %v", refusals, counts)
		}
	}
}

// A complete answer that cannot be read was charged: it is kept as evidence, and another attempt is made; a rerun does the same without
// paying again.
func TestUnreadableAnswers(t *testing.T) {
	const unreadable = `{"model":"m","choices":[{"finish_reason":"tool_calls","message":{"role":"assistant","content":"x"}}],"usage":{"prompt_tokens":10,"completion_tokens":500}}`
	refusal := completion("", "content_filter", "gpt-test-2025-01-01", 10, 1)
	fine := completion("yes", "stop", "gpt-test-2025-01-01", 10, 5)
	tests := []struct {
		answers []string
		fault   plugins.LLMFault
		says    string
		output  int
	}{
		{[]string{unreadable, fine}, "", "", 505},
		{[]string{unreadable, refusal, fine}, "", "", 506},
		{[]string{unreadable, unreadable, unreadable}, plugins.FaultEndpoint, "the model has answered 3 times, which was paid for, and not with an answer of openai-chat (the answer has a finish_reason that is none of a text", 1500},
		{[]string{refusal, unreadable, refusal}, plugins.FaultRefused, "declined 2 times, and 1 of its answers could not be read", 502},
	}
	for _, tt := range tests {
		n := 0
		server := serve(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			io.WriteString(w, tt.answers[n])
			n++
		})
		store := newMemory()
		for run := range 2 {
			b := setup(t, store, func(o *Options) { o.Budget.Total = &Limit{Tokens: 10_000} }, chat(t, server.URL, nil))
			m, used := b.open(anyone)
			a, err := m.Complete(t.Context(), asking("hello"))
			var fault *plugins.LLMError
			if tt.fault == "" && (err != nil || a.Text != "yes") ||
				tt.fault != "" && (!errors.As(err, &fault) || fault.Fault != tt.fault || !strings.Contains(fault.Message, tt.says)) {
				t.Errorf("run %d: %v, %v", run, a, err)
			}
			u := used()
			if len(u) != 1 || u[0].Calls != len(tt.answers) || u[0].Output != tt.output || len(u[0].Served) > 1 {
				t.Errorf("run %d: %+v", run, u)
			}
			if want := (amount{tokens: 10*n + tt.output, calls: n}); b.ledger.total.spent != want {
				t.Errorf("run %d: %+v spent, want %+v", run, b.ledger.total.spent, want)
			}
		}
		if n != len(tt.answers) {
			t.Errorf("%d requests, want %d", n, len(tt.answers))
		}
	}
}

func TestCharged(t *testing.T) {
	for body, want := range map[string]*plugins.Response{
		`{"usage":{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":3}}}`:                      {InputTokens: 10, CachedTokens: 3, OutputTokens: 5},
		`{"usage":{"input_tokens":10,"cache_read_input_tokens":3,"cache_creation_input_tokens":2,"output_tokens":5}}`:           {InputTokens: 15, CachedTokens: 3, OutputTokens: 5},
		`{"usageMetadata":{"promptTokenCount":10,"cachedContentTokenCount":3,"candidatesTokenCount":5,"thoughtsTokenCount":7}}`: {InputTokens: 10, CachedTokens: 3, OutputTokens: 12},
		`{"usage":{}}`: nil, `{"usage":null}`: nil, `{"usage":"all"}`: nil, `{"usage":{"prompt_tokens":-1,"completion_tokens":5}}`: nil,
		`{"usage":{"prompt_tokens":1}`: nil, `[{"usage":{"prompt_tokens":1}}]`: nil, ``: nil,
	} {
		if want != nil {
			want.Stop = plugins.StopUnreadable
		}
		if d := cmp.Diff(want, charged([]byte(body))); d != "" {
			t.Errorf("%s: %s", body, d)
		}
	}
}

// An answer that ends at the cap on tokens is complete.
func TestLengthIsAnAnswer(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		io.WriteString(w, completion("a,b\n1,", "length", "gpt-test-2025-01-01", 10, 100))
	})
	b := setup(t, newMemory(), nil, chat(t, server.URL, nil))
	m, used := b.open(anyone)
	for range 2 {
		if a, err := m.Complete(t.Context(), asking("hello")); err != nil || a.Stop != plugins.StopLength || a.Text != "a,b\n1," {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	if u := used(); server.requests.Load() != 1 || u[0].Truncated != 1 || u[0].Calls != 1 {
		t.Errorf("%d requests, %+v", server.requests.Load(), u)
	}
}

// A recording serves what it has; what it lacks is a fault, and nothing is sent or journalled, nor a key read.
func TestReplay(t *testing.T) {
	server := serve(t, answering("x"))
	store := newMemory()
	setup(t, store, nil, chat(t, server.URL, nil)).ask(t, asking("hello"))
	replay := setup(t, store, func(o *Options) {
		o.Replay = true
		o.Budget.Total = &Limit{USD: 1} // of an unknown price: nothing is paid
		o.Secret = func(plugins.Secret) (string, error) { t.Error("a key is read"); return "", nil }
	}, chat(t, server.URL, nil))
	if a := replay.ask(t, asking("hello")); a.Text != "x" {
		t.Error(a)
	}
	fault := replay.refused(t, anyone, asking("hello?"), plugins.FaultReplay)
	if !strings.Contains(fault.Error(), "the recording has no such answer") {
		t.Error(fault)
	}
	if n := server.requests.Load(); n != 1 || len(store.sends) != 1 {
		t.Errorf("%d requests, %d sends", n, len(store.sends))
	}
}

// The end of the context ends a call wherever it is, and what was in flight is accounted as cut.
func TestCancellation(t *testing.T) {
	arrived := make(chan struct{}, 10)
	server := serve(t, func(_ http.ResponseWriter, r *http.Request, _ []byte) {
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	b := setup(t, newMemory(), nil, chat(t, server.URL, func(c *openai.Config) { c.Limits.Concurrency = 2 }))
	m, _ := b.open(anyone)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for i := range 6 { // two in flight, four that wait for a slot
		group.Go(func() {
			if _, err := m.Complete(ctx, asking(fmt.Sprint(i))); !errors.Is(err, context.Canceled) {
				t.Errorf("%v, want that it was cancelled", err)
			}
		})
	}
	<-arrived
	<-arrived
	start := time.Now()
	cancel()
	group.Wait()
	if d := time.Since(start); d > time.Second {
		t.Errorf("it took %s to end", d)
	}
	if d := cmp.Diff(map[plugins.Outcome]int{plugins.Cut: 2}, b.store.outcomes(t)); d != "" {
		t.Error(d)
	}
	if _, err := m.Complete(ctx, asking("later")); !errors.Is(err, context.Canceled) || server.requests.Load() != 2 {
		t.Errorf("%v, %d requests", err, server.requests.Load())
	}
}

// The same for calls that wait for a limit, a pause or another try.
func TestCancellationOfWaits(t *testing.T) {
	busy := serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		if strings.Contains(string(body), "pause") {
			w.Header().Set("Retry-After", "60")
		}
		if strings.Contains(string(body), "rate") {
			answering("x")(w, r, body)
			return
		}
		w.WriteHeader(http.StatusTooManyRequests)
	})
	for _, name := range []string{"pause", "backoff", "rate"} {
		b := setup(t, newMemory(), func(o *Options) { o.Now, o.Sleep = nil, nil }, chat(t, busy.URL, func(c *openai.Config) {
			if name == "rate" {
				c.Limits.Requests = 1
			}
		}))
		m, _ := b.open(anyone)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if name == "rate" {
			b.ask(t, asking("rate first"))
		}
		start := time.Now()
		if _, err := m.Complete(ctx, asking(name)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("%s: it took %s", name, d)
		}
	}
}

// What another process has stored while a call waited is not asked for again.
func TestAnswersOfOthers(t *testing.T) {
	server := serve(t, answering("x"))
	store := newMemory()
	slow := func(c *openai.Config) { c.Limits.Requests = 1 }
	waited := 0
	b := setup(t, store, func(o *Options) {
		o.Sleep = func(context.Context, time.Duration) error {
			waited++
			setup(t, store, nil, chat(t, server.URL, slow)).ask(t, asking("second"))
			return nil
		}
	}, chat(t, server.URL, slow))
	b.ask(t, asking("first"))
	b.ask(t, asking("second"))
	if n := server.requests.Load(); n != 2 || waited != 1 {
		t.Errorf("%d requests after %d waits", n, waited)
	}
}

// A store that cannot be written stops before anything is sent.
func TestWithoutAJournalNothingIsSent(t *testing.T) {
	server := serve(t, answering("x"))
	store := newMemory()
	store.broken = errors.New("no space left")
	b := setup(t, store, nil, chat(t, server.URL, nil))
	m, _ := b.open(anyone)
	if _, err := m.Complete(t.Context(), asking("hello")); !errors.Is(err, store.broken) || server.requests.Load() != 0 {
		t.Errorf("%v, %d requests", err, server.requests.Load())
	}
}

func TestInProcess(t *testing.T) {
	base := chat(t, "http://127.0.0.1:1", nil)
	info := base.Provider.Info()
	info.InProcess, info.Simulated, info.Endpoint, info.Secret = true, true, "", plugins.Secret{}
	n := 0
	p := &inProcess{Provider: base.Provider, info: info, next: func(w http.ResponseWriter, r *http.Request) {
		n++
		if got := r.Header.Get(plugins.ReplicateHeader); got != "1/4/0" {
			t.Errorf("replicate %q", got)
		}
		answering("made up")(w, r, nil)
	}}
	b := setup(t, newMemory(), func(o *Options) {
		o.Budget.Total = &Limit{USD: 0.01} // it has no price, and needs none
		o.Secret = func(plugins.Secret) (string, error) { t.Error("a key is read"); return "", nil }
	}, Model{Name: "m", Provider: p})
	restricted := anyone
	restricted.Governance = plugins.Restricted
	for range 2 {
		m, used := b.open(restricted)
		r := asking("hello")
		r.Ordinal = 4
		if a, err := m.Complete(t.Context(), r); err != nil || a.Text != "made up" || !used()[0].Simulated {
			t.Fatal(a, err)
		}
	}
	if n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// A step may have models as an axis sets them. They share what belongs to the served model, and the terms of the name.
func TestModelsOfAStep(t *testing.T) {
	var bodies []string
	server := serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		bodies = append(bodies, string(body))
		if r.Header.Get(plugins.ReplicateHeader) != "" {
			t.Error("a header for servers in process leaves")
		}
		answering("x")(w, r, body)
	})
	base := chat(t, server.URL, nil)
	base.Price, base.Approval = price(1, 1), &Approval{Local: true}
	b := setup(t, newMemory(), func(o *Options) { o.Budget.Total = &Limit{USD: 1} }, base)
	hot := chat(t, server.URL, func(c *openai.Config) { c.Temperature = ptr(1.5) })
	other := chat(t, server.URL, func(c *openai.Config) { c.Model = "gpt-other-2025-01-01" })
	with := func(p plugins.Provider) plugins.Caller {
		c := anyone
		c.Governance, c.Providers = plugins.Restricted, map[string]plugins.Provider{"m": p}
		return c
	}
	m, used := b.open(with(hot.Provider))
	if _, err := m.Complete(t.Context(), asking("hello")); err != nil || !strings.Contains(bodies[0], `"temperature":1.5`) {
		t.Fatal(err, bodies)
	}
	if set := m.(*llm).model; set.gate != b.models["m"].gate || set.secret != b.models["m"].secret || set.stop != b.models["m"].stop || !strings.Contains(string(used()[0].Model.Settings), "1.5") {
		t.Errorf("%+v", set)
	}
	b.ask(t, asking("hello"))
	if len(bodies) != 2 {
		t.Errorf("%d requests: the base is not the same model", len(bodies))
	}
	// Another model has another price, which nobody knows here.
	if fault := b.refused(t, with(other.Provider), asking("hello"), plugins.FaultBudget); !strings.Contains(fault.Message, "the price of the model is unknown") {
		t.Error(fault)
	}
	listed := setup(t, newMemory(), func(o *Options) {
		o.Budget.Total, o.PriceOf = &Limit{USD: 1}, func(plugins.Identity) *Price { return price(2, 2) }
	}, base)
	m, _ = listed.open(with(other.Provider))
	if _, err := m.Complete(t.Context(), asking("hello")); err != nil || listed.ledger.total.spent.money != 15*2_000_000 {
		t.Errorf("%v, %+v", err, listed.ledger.total)
	}
	// One that says it answers in process, and does not, gets nothing.
	info := other.Provider.Info()
	info.InProcess = true
	broken := struct{ plugins.Provider }{&inProcess{Provider: other.Provider, info: info}}
	n := len(bodies)
	if b.refused(t, with(broken), asking("hello"), plugins.FaultRequest); len(bodies) != n {
		t.Error("it was sent over the network")
	}
}

// Where another process has answered first, its answer is the one that counts.
func TestTheFirstAnswerCounts(t *testing.T) {
	store := newMemory()
	server := serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		sends, _ := store.journal(t)
		stored, err := json.Marshal(plugins.Answer{Body: []byte(completion("first", "stop", "m", 1, 1)), Stop: plugins.StopEnd})
		if err != nil {
			t.Error(err)
		}
		store.mu.Lock()
		store.answers[sends[0].Key] = stored
		store.mu.Unlock()
		answering("second")(w, r, body)
	})
	if a := setup(t, store, nil, chat(t, server.URL, nil)).ask(t, asking("hello")); a.Text != "first" {
		t.Error(a)
	}
}

func TestNewRefuses(t *testing.T) {
	m := chat(t, "http://127.0.0.1:1", nil)
	info := m.Provider.Info()
	info.InProcess = true
	for name, o := range map[string]Options{
		"no store":    {},
		"no provider": {Store: newMemory(), Models: []Model{{Name: "m"}}},
		"twice":       {Store: newMemory(), Models: []Model{m, m}},
		"no server":   {Store: newMemory(), Models: []Model{{Name: "m", Provider: struct{ plugins.Provider }{&inProcess{info: info}}}}},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
