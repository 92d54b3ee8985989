package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/llm/anthropic"
	"github.com/ehrlab/ehrlab/plugins/llm/googleai"
	"github.com/ehrlab/ehrlab/plugins/llm/llmtest"
	"github.com/ehrlab/ehrlab/plugins/llm/openai"
	"github.com/ehrlab/ehrlab/plugins/llm/wire"
)

// weather is all that may happen to calls of a server which works most of the time.
var weather = map[llmtest.Fault]float64{
	llmtest.TooMany: 0.004, llmtest.TooManyRetryAfter: 0.002, llmtest.ServerError: 0.02, llmtest.BadGateway: 0.02, llmtest.Unavailable: 0.002,
	llmtest.Overloaded: 0.02, llmtest.Timeout: 0.02, llmtest.ErrorWithStatusOK: 0.01, llmtest.CutBefore: 0.02, llmtest.CutMiddle: 0.02,
	llmtest.HalfJSON: 0.02, llmtest.SlowStream: 0.004, llmtest.WrongRows: 0.02, llmtest.Prose: 0.02, llmtest.Refuse: 0.02, llmtest.Filtered: 0.02,
	llmtest.OtherModel: 0.02, llmtest.ShortAnswer: 0.02, llmtest.EmptyText: 0.01, llmtest.TrailingWhitespace: 0.02,
}

func echo(r llmtest.Request) string { return "echo of\n" + r.Messages[0].Text }

func stormServer(t *testing.T, options ...llmtest.Option) *llmtest.Server {
	return llmtest.NewServer(t, llmtest.OpenAI, append([]llmtest.Option{
		llmtest.Key(planted), llmtest.Random(7, weather), llmtest.Latency(0, 2*time.Millisecond), llmtest.Pause(50 * time.Microsecond),
		llmtest.Cached(2), llmtest.Reasoning(3), llmtest.RetryAfter("1"),
		llmtest.Answer(echo),
	}, options...)...)
}

// storm asks n different things at once, and returns what came of each and of the step.
func storm(ctx context.Context, t *testing.T, b *bench, n int) (texts []string, used []plugins.Usage) {
	t.Helper()
	m, usage := b.open(anyone)
	texts = make([]string, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			answer, err := m.Complete(ctx, asking(fmt.Sprintf("%d is the question", i)))
			var fault *plugins.LLMError
			switch {
			case err == nil:
				texts[i] = answer.Text + "|" + answer.Stop + "|" + answer.Model
			case errors.As(err, &fault) && fault.Fault == plugins.FaultRefused:
				texts[i] = "refused"
			case ctx.Err() == nil:
				t.Errorf("question %d: %v", i, err)
			}
			if err != nil && strings.Contains(err.Error(), planted) {
				t.Error("an error shows the key")
			}
		})
	}
	group.Wait()
	return texts, usage()
}

func stormy(t *testing.T, store *memory, server *llmtest.Server) *bench {
	return setup(t, store, nil, chat(t, server.BaseURL(), func(c *openai.Config) { c.Limits.Concurrency, c.Limits.Retries = 64, 12 }))
}

// Every call is accounted for, exactly: what the server charged is what is stored and what is journalled as cut. A second
// run sends nothing and comes to the same.
func TestStorm(t *testing.T) {
	n := 10_000
	if testing.Short() {
		n = 1000
	}
	server, store := stormServer(t), newMemory()
	b := stormy(t, store, server)
	texts, used := storm(t.Context(), t, b, n)

	log := server.Log()
	counts := store.outcomes(t)
	charged, whole := server.Charged(), server.Whole()
	if sends := len(store.sends); sends != len(log) || counts["open"] != 0 {
		t.Errorf("%d sends are journalled and %d requests arrived; %v", sends, len(log), counts)
	}
	if accounted := counts[plugins.Answered] + counts[plugins.Declined]; accounted != whole.Answers || accounted+counts[plugins.Cut] != charged.Answers {
		t.Errorf("charged %d, whole %d: %v", charged.Answers, whole.Answers, counts)
	}
	if len(used) != 1 {
		t.Fatalf("usage: %+v", used)
	}
	u := used[0]
	got := llmtest.Totals{Answers: u.Calls, Usage: llmtest.Usage{Input: u.Input, Cached: u.Cached, Output: u.Output, Reasoning: u.Reasoning}}
	if d := cmp.Diff(whole, got); d != "" || u.Refused != counts[plugins.Declined] || len(u.Served) != 2 || len(u.Responses) != u.Calls {
		t.Errorf("usage of the step, refused %d, served %v: %s", u.Refused, u.Served, d)
	}
	t.Logf("%d calls: %d requests, %d charged, %d of them arrived whole: %v", n, len(log), charged.Answers, whole.Answers, counts)
	orphaned := server.Sum(func(e llmtest.Exchange) bool { return e.Charged && !e.Whole })
	if sum := orphaned.Output + u.Output; sum != charged.Output || orphaned.Answers != counts[plugins.Cut] || orphaned.Answers == 0 {
		t.Errorf("output of %d tokens charged, %d accounted, %d orphaned", charged.Output, u.Output, orphaned.Output)
	}
	for _, status := range []int{0, 200, 408, 429, 500, 502, 503, 529} {
		if server.Sum(func(e llmtest.Exchange) bool { return e.Status == status }).Answers == 0 {
			t.Errorf("the storm had no status %d", status)
		}
	}
	for i, text := range texts {
		if text == "" {
			t.Fatalf("question %d has neither answer nor fault", i)
		}
		if strings.Contains(text, "question") && !strings.Contains(text, fmt.Sprintf("\n%d is the", i)) {
			t.Fatalf("question %d got %q", i, text)
		}
	}
	if strings.Contains(b.log.String()+store.text(), planted) {
		t.Error("the key is in the log or in the store")
	}

	again, usedAgain := storm(t.Context(), t, stormy(t, store, server), n)
	if d := cmp.Diff(texts, again); d != "" {
		t.Errorf("the second run differs: %s", d)
	}
	if d := cmp.Diff(used, usedAgain); d != "" {
		t.Errorf("the usage of the second run differs: %s", d)
	}
	if more := len(server.Log()) - len(log); more != 0 {
		t.Errorf("the second run sent %d requests", more)
	}
}

// The other formats meet the same weather, and the same account holds.
func TestStormOfOtherFormats(t *testing.T) {
	n := 1000
	if testing.Short() {
		n = 200
	}
	limits := wire.Defaults()
	limits.KeyEnv, limits.MaxTokens, limits.Limits.Concurrency, limits.Limits.Retries = "TEST_KEY", 100, 64, 12
	for name, f := range map[string]struct {
		format llmtest.Format
		model  string
		make   func(wire.Config) (plugins.Provider, error)
	}{
		"anthropic": {llmtest.Anthropic, "claude-test-20250101", func(c wire.Config) (plugins.Provider, error) { return anthropic.New(anthropic.Config{Config: c}) }},
		"google":    {llmtest.Google, "gemini-test-001", func(c wire.Config) (plugins.Provider, error) { return googleai.New(googleai.Config{Config: c}) }},
	} {
		t.Run(name, func(t *testing.T) {
			server := llmtest.NewServer(t, f.format, llmtest.Key(planted), llmtest.Random(7, weather), llmtest.Latency(0, 2*time.Millisecond),
				llmtest.Pause(50*time.Microsecond), llmtest.RetryAfter("1"), llmtest.Answer(echo))
			config := limits
			config.Model, config.BaseURL = f.model, server.BaseURL()
			provider, err := f.make(config)
			if err != nil {
				t.Fatal(err)
			}
			store := newMemory()
			_, used := storm(t.Context(), t, setup(t, store, nil, Model{Name: "m", Provider: provider}), n)
			counts, charged, whole := store.outcomes(t), server.Charged(), server.Whole()
			t.Logf("%d calls: %d requests, %d charged, %d of them arrived whole: %v", n, len(server.Log()), charged.Answers, whole.Answers, counts)
			if len(store.sends) != len(server.Log()) || counts["open"] != 0 {
				t.Errorf("%d sends are journalled and %d requests arrived; %v", len(store.sends), len(server.Log()), counts)
			}
			if len(used) != 1 || used[0].Calls != whole.Answers || used[0].Calls+counts[plugins.Cut] != charged.Answers || used[0].Refused == 0 {
				t.Fatalf("charged %d, whole %d: %v, usage %+v", charged.Answers, whole.Answers, counts, used)
			}
			if used[0].Output != whole.Output || used[0].Input != whole.Input || counts[plugins.Cut] == 0 {
				t.Errorf("%d and %d tokens are accounted, %d and %d were served whole", used[0].Input, used[0].Output, whole.Input, whole.Output)
			}
		})
	}
}

// A run that is ended in the middle loses what was in flight and nothing else: no answer that was stored is asked for again,
// and what a run in one go gets is what both get together.
func TestStormInTwoParts(t *testing.T) {
	const n = 600
	whole, _ := storm(t.Context(), t, stormy(t, newMemory(), stormServer(t)), n)

	ctx, cancel := context.WithCancel(t.Context())
	var answers atomic.Int64
	server, store := stormServer(t, llmtest.Answer(func(r llmtest.Request) string {
		if answers.Add(1) == n/2 {
			cancel()
		}
		return echo(r)
	})), newMemory()
	storm(ctx, t, stormy(t, store, server), n)
	if first := store.outcomes(t); first[plugins.Answered] < n/4 || first[plugins.Cut] == 0 || ctx.Err() == nil {
		t.Errorf("the first run: %v", first)
	}
	texts, _ := storm(t.Context(), t, stormy(t, store, server), n)
	counts := store.outcomes(t)
	accounted := counts[plugins.Answered] + counts[plugins.Declined]
	if c := server.Charged().Answers; c < accounted || c > accounted+counts[plugins.Cut] || counts["open"] != 0 {
		t.Errorf("%d answers charged, %v", c, counts)
	}
	for i := range texts {
		if texts[i] == "" || whole[i] == "" {
			t.Errorf("question %d has no end: %q, %q", i, texts[i], whole[i])
		}
	}
}
