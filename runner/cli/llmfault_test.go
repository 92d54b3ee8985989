package cli_test

import (
	"maps"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ehrlab/ehrlab/plugins/llm/llmtest"
)

// always is a script that does not end within a test.
func always(f llmtest.Fault) llmtest.Option {
	return llmtest.Choose(func([]byte) llmtest.Fault { return f })
}

// TestEndpointsThatCannotAnswer runs against endpoints that no call can succeed at: one clear message for all cells, within seconds,
// while cells that ask nothing are finished. Mended, the run goes on.
func TestEndpointsThatCannotAnswer(t *testing.T) {
	t.Parallel()
	answer := invented(t)
	key := []string{`model: "gpt-4o-2024-08-06"`, `model: "gpt-4o-2024-08-06", key_env: "MODEL_KEY"`}
	cases := []struct {
		name    string
		options []llmtest.Option
		pairs   []string
		env     []string
		closed  bool // nothing listens where the model is said to be
		want    string
		most    int // requests that reach the server
		mend    []string
	}{
		{
			"wrong key",
			[]llmtest.Option{llmtest.Key("right")},
			key,
			[]string{"MODEL_KEY=wrong"},
			false,
			"the provider refuses the key from environment variable MODEL_KEY", 4,
			[]string{"MODEL_KEY=right"},
		},
		{
			"no key",
			[]llmtest.Option{llmtest.Key("right")},
			key, nil, false,
			"environment variable MODEL_KEY, which should hold the key, is not set", 0,
			[]string{"MODEL_KEY=right"},
		},
		{
			"unknown model",
			[]llmtest.Option{llmtest.Models("gpt-4o-2024-11-20")},
			nil, nil, false,
			`the provider has no model "gpt-4o-2024-08-06"`, 4, nil,
		},
		{"HTML", []llmtest.Option{always(llmtest.HTML)}, nil, nil, false, "answers HTML, not its API; is base_url right?", 4, nil},
		{"no network", nil, nil, nil, true, "nothing listens there; is the server running, and is base_url right?", 0, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := llmtest.NewServer(t, llmtest.OpenAI, append(c.options, llmtest.Answer(answer))...)
			x := newStudy(t, edited(t, askedExperiment, c.pairs...), server)
			if c.closed {
				x.edit(server.BaseURL(), "http://"+unused(t)+"/v1")
			}
			x.env = c.env
			began := time.Now()
			end := x.exits(3, "run", "x.cue")
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
			if strings.Count(end.errs, c.want) != 1 || strings.Count(end.errs, "failed: ") != 1 {
				t.Errorf("want one message with %q:\n%s", c.want, end.errs)
			}
			if !strings.Contains(end.errs, "8 cells without this result") || !strings.Contains(end.out, "0 steps cached, 8 failed") {
				t.Errorf("want 8 cells without a result, and 2 with one:\n%s%s", end.errs, end.out)
			}
			if n := len(server.Log()); n > c.most {
				t.Errorf("the server has received %d requests", n)
			}
			if c.mend == nil {
				return
			}
			x.env = c.mend
			before := len(server.Log())
			if end := x.run(0); end.Failed > 0 || len(server.Log())-before != x.counted(end.Version, "calls") {
				t.Errorf("mended: %+v after %d requests", end, len(server.Log())-before)
			}
		})
	}
}

// unused is an address on this machine where nothing listens.
func unused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestTheBudgetEndsTheRun shows for each kind of limit that the run stops at it and keeps what was paid for, that plan says
// so beforehand, and that a raise goes on without asking again.
func TestTheBudgetEndsTheRun(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, budget, raised string
		plan                 string // what plan says of it
		refused              bool   // by plan
		most                 int    // requests until it ends
		failed               int    // cells
	}{
		{"calls", "calls: 10", "calls: 48", "budget.calls is 10, and what is missing takes 48 calls at least", true, 10, 6},
		{"tokens", "tokens: 12000", "tokens: 100000", "budget.tokens is 12,000, and what is missing takes ", true, 24, 1},
		{"money", "usd: 0.04", "usd: 1", "budget.usd is 0.04, and what is missing takes 0.", true, 24, 1},
		{"of a cell", "cell: calls: 5", "cell: calls: 10", "budget.cell.calls is 5, and what is missing of icu.few.conditional.n40.seed1-", true, 38, 4},
		{"of a strategy", "by: strategy: group: calls: 7", "by: strategy: group: calls: 12", "budget.by.strategy.group.calls is 7, and what is missing takes 12 calls at least", true, 43, 1},
		{"of a replicate", `by: seed: "2": calls: 3`, `by: seed: "2": calls: 24`, "budget.by.seed.2.calls is 3, and what is missing takes 24 calls at least", true, 27, 4},
		{"of a model", `by: llm: m: calls: 3`, `by: llm: m: calls: 48`, "budget.by.llm.m.calls is 3, and what is missing takes 48 calls at least", true, 3, 8},
		{"enough for the least", "usd: 0.2", "", "warning: budget.usd is 0.2, and what is missing may take up to ", false, 48, 0},
	}
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Answer(invented(t)))
	whole := newStudy(t, askedExperiment, server)
	whole.run(0)
	needed := bodies(server.Log())
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() && i%3 > 0 {
				t.Skip("short mode takes every third")
			}
			before := len(server.Log())
			sent := func() []llmtest.Exchange { return server.Log()[before:] }
			x := newStudy(t, edited(t, askedExperiment, `name: "asked"`, "name: \"asked\"\nbudget: "+c.budget), server)
			x.says(c.plan, c.refused)
			if !c.refused {
				x.run(0)
				return
			}
			end := x.run(5)
			if !end.Budget || end.Complete || end.Failed < c.failed || end.Failed > 8 {
				t.Errorf("%+v, want %d failed cells at least", end, c.failed)
			}
			first := len(sent())
			if first > c.most || first < 3 {
				t.Errorf("the server has received %d requests, want at most %d", first, c.most)
			}
			again := x.exits(5, "run", "x.cue") // what calls of other cells had got stands by then
			if !strings.Contains(again.errs, "the budget ended the run: what was paid for is kept") || !strings.Contains(again.errs, " has no room for another call") {
				t.Errorf("it does not say that the budget ended:\n%s", again.errs)
			}
			if n := len(sent()); n != first {
				t.Errorf("a run without a budget left has sent %d requests", n-first)
			}
			if third := x.run(5); third.New {
				t.Error("equal runs at the same budget have made versions that differ")
			}
			x.edit(c.budget, c.raised)
			if end := x.run(0); end.Failed > 0 {
				t.Errorf("raised: %+v", end)
			}
			if n, _, _ := repeated(t, needed, sent()); n > 0 {
				t.Errorf("%d requests were repeated after the raise", n)
			}
			if a, b := x.generated(), whole.generated(); !maps.Equal(a, b) {
				t.Error("the rows differ from those of a run without a budget")
			}
		})
	}
}

// says runs plan and holds what it says of the budget.
func (x *study) says(want string, refused bool) {
	x.t.Helper()
	code := 0
	if refused {
		code = 2
	}
	if end := x.exits(code, "plan", "x.cue"); !strings.Contains(end.errs, want) {
		x.t.Errorf("plan does not say %q:\n%s", want, end.errs)
	}
}
