package client

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/llm/llmtest"
	"github.com/ehrlab/ehrlab/plugins/llm/openai"
	"github.com/ehrlab/ehrlab/plugins/prompt"
)

func TestCost(t *testing.T) {
	id := plugins.Identity{Endpoint: "https://api.example.org"}
	p := &Price{Input: ptr(2.5), Output: ptr(10.0), Cached: ptr(0.5)}
	priced := tariffOf(id, p)
	// 600 of 1000 tokens at 2.5, 400 at 0.5 and 200 at 10 USD a million: 0.0015 + 0.0002 + 0.002
	if got, want := priced.cost(1000, 400, 200), (amount{money: 3_700_000_000, tokens: 1200, calls: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := priced.cost(10, 99, 0); got.money != 10*500_000 { // more cached than there is
		t.Errorf("%+v", got)
	}
	p.Cached = nil
	if plain := tariffOf(id, p); plain.cached != plain.input {
		t.Errorf("%+v", plain)
	}
	for name, p := range map[string]*Price{"none": nil, "no input": {Output: ptr(1.0)}, "no output": {Input: ptr(1.0)}} {
		unknown := tariffOf(id, p)
		if unknown != nil || unknown.cost(3, 0, 4) != (amount{tokens: 7, calls: 1}) {
			t.Errorf("%s: the price is known", name)
		}
	}
	if free := tariffOf(plugins.Identity{}, nil); free == nil || free.cost(3, 0, 4).money != 0 {
		t.Error("what answers in process costs nothing")
	}
}

func ptr[T any](v T) *T { return &v }

// What a send counts as: what was charged; what was reserved where that is unknown; nothing where nothing was served.
func TestSpent(t *testing.T) {
	priced := &tariff{input: 1, cached: 1, output: 1}
	send := plugins.Send{Input: 100, Output: 50}
	answer := &plugins.Answer{Input: 90, Output: 7}
	tests := []struct {
		end  *plugins.Settlement
		want amount
	}{
		{&plugins.Settlement{Outcome: plugins.Answered, Answer: answer}, amount{97, 97, 1}},
		{&plugins.Settlement{Outcome: plugins.Declined, Answer: answer}, amount{97, 97, 1}},
		{&plugins.Settlement{Outcome: plugins.Answered, Answer: &plugins.Answer{}}, amount{150, 150, 1}}, // a server that counts nothing
		{&plugins.Settlement{Outcome: plugins.Cut}, amount{150, 150, 1}},
		{&plugins.Settlement{Outcome: plugins.Rejected}, amount{}},
		{nil, amount{150, 150, 1}},
	}
	for _, tt := range tests {
		if got := priced.spent(send, tt.end); got != tt.want {
			t.Errorf("%+v: %+v, want %+v", tt.end, got, tt.want)
		}
	}
}

// reservedInput is the input that is reserved for a request without a schema.
func reservedInput(r plugins.Request) int { return (5*prompt.EstimateInput(r) + 3) / 4 }

// What is reserved leaves room for tokenizers that count more than the estimate, and for what a schema comes with.
func TestReservedInput(t *testing.T) {
	r := asking(strings.Repeat("67,1.25,", 100))
	estimate := prompt.EstimateInput(r)
	for _, tt := range []struct {
		schema     string
		structured bool
		context    int
		want       int
	}{
		{"", true, 0, reservedInput(r)},
		{`{}`, false, 0, reservedInput(r) + 2}, // a token of the schema, and the margin on it
		{`{}`, true, 0, reservedInput(r) + 2 + schemaTokens},
		{"", true, estimate + 100, estimate}, // all that can be
	} {
		b := setup(t, newMemory(), nil, chat(t, serve(t, answering("x")).URL, func(c *openai.Config) { c.Structured, c.Context = tt.structured, tt.context }))
		asked := r
		if tt.schema != "" {
			asked.Schema = []byte(tt.schema)
		}
		b.ask(t, asked)
		if sends, _ := b.store.journal(t); sends[0].Input != tt.want {
			t.Errorf("%+v: %d reserved", tt, sends[0].Input)
		}
	}
}

// What a budget turns a call away with is the reason that a cell records: it is the same in every run. The log has the figures.
func TestTheReasonDoesNotChange(t *testing.T) {
	server := serve(t, answering("x"))
	m, store := chat(t, server.URL, nil), newMemory()
	m.Price = price(1, 1)
	var reasons []string
	for i := range 3 { // a later run has room for a shorter call
		b := setup(t, store, func(o *Options) { o.Budget.Total = &Limit{USD: 3e-4} }, m)
		reasons = append(reasons, b.refused(t, anyone, asking(strings.Repeat("long ", 300)), plugins.FaultBudget).Message)
		b.refused(t, anyone, asking(strings.Repeat("longer ", 300)), plugins.FaultBudget)
		if want := fmt.Sprintf(`msg="a budget has no room for another call" budget=total limit="0.0003 USD" spent="%.4g USD"`, float64(15*i)/1e6); strings.Count(b.log.String(), want) != 1 {
			t.Errorf("the log does not say %s:\n%s", want, b.log)
		}
		b.ask(t, asking(fmt.Sprint(i)))
	}
	if want := "the total budget of 0.0003 USD has no room for another call"; reasons[0] != want || reasons[1] != want || reasons[2] != want {
		t.Error(reasons)
	}
}

// At each kind of limit the run stops before it is exceeded, keeps what is paid for, and goes on after a raise.
func TestBudgets(t *testing.T) {
	r := asking("question 00")
	reserved := reservedInput(r) + 100
	other := anyone
	other.Step, other.Axes = "s2", map[string]string{"strategy": "group"}
	tests := []struct {
		name         string
		budget       func(scale float64) Budget
		here, beyond int // answers that this step gets, and then another one
		says         string
	}{
		{"calls", func(s float64) Budget { return Budget{Total: &Limit{Calls: int(3 * s)}} }, 3, 0, "the total budget of 3 calls has no room for another call"},
		{"tokens", func(s float64) Budget { return Budget{Total: &Limit{Tokens: int(float64(reserved+40) * s)}} }, 3, 0, fmt.Sprintf("the total budget of %d tokens has no room for another call", reserved+40)},
		{"usd", func(s float64) Budget { return Budget{Total: &Limit{USD: s * float64(reserved+40) / 1e6}} }, 3, 0, fmt.Sprintf("the total budget of %g USD has no room for another call", float64(reserved+40)/1e6)},
		{"cell", func(s float64) Budget { return Budget{PerCell: &Limit{Calls: int(2 * s)}} }, 2, 2, "the per-cell budget of 2 calls has no room for another call"},
		{"axis", func(s float64) Budget {
			return Budget{By: []AxisLimit{{"strategy", "naive", Limit{Calls: int(2 * s)}}}}
		}, 2, 5, "the strategy naive budget of 2 calls has no room for another call"},
		{"all", func(s float64) Budget {
			return Budget{Total: &Limit{Calls: int(3 * s)}, PerCell: &Limit{Calls: int(2 * s)}, By: []AxisLimit{{"strategy", "group", Limit{USD: 1}}}}
		}, 2, 1, "the per-cell budget of 2 calls has no room for another call"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := serve(t, answering("x")) // 15 tokens
			m := chat(t, server.URL, nil)
			m.Price = price(1, 1)
			store := newMemory()
			b := setup(t, store, func(o *Options) { o.Budget = tt.budget(1) }, m)
			answers := func(b *bench, c plugins.Caller) (n int, message string) {
				l, _ := b.open(c)
				for i := range 5 {
					_, err := l.Complete(t.Context(), asking(fmt.Sprintf("question %s%d", c.Step[1:], i)))
					if err != nil {
						message = err.Error()
						continue
					}
					n++
				}
				return n, message
			}
			here, says := answers(b, anyone)
			beyond, _ := answers(b, other)
			if here != tt.here || beyond != tt.beyond || !strings.Contains(says, tt.says) {
				t.Errorf("%d and %d answers, want %d and %d: %s", here, beyond, tt.here, tt.beyond, says)
			}
			if n := int(server.requests.Load()); n != here+beyond {
				t.Errorf("%d requests for %d answers", n, here+beyond)
			}
			// The next run knows what was spent, and what is stored costs nothing.
			again := setup(t, store, func(o *Options) { o.Budget = tt.budget(1) }, m)
			if n, _ := answers(again, anyone); n != tt.here || int(server.requests.Load()) != here+beyond {
				t.Errorf("the same budget again: %d answers, %d requests", n, server.requests.Load())
			}
			raised := setup(t, store, func(o *Options) { o.Budget = tt.budget(10) }, m)
			if n, says := answers(raised, anyone); n != 5 || int(server.requests.Load()) != 5+beyond {
				t.Errorf("after a raise: %d answers, %d requests, %s", n, server.requests.Load(), says)
			}
		})
	}
}

// With any number of calls at once a budget is never exceeded, not even for a moment, and nothing of it is left
// unused because of reservations that turn out to be too large.
func TestBudgetOfManyAtOnce(t *testing.T) {
	const allowed = 40
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Random(1, map[llmtest.Fault]float64{llmtest.TooMany: 0.2, llmtest.CutBefore: 0.1, llmtest.Refuse: 0.1}))
	store := newMemory()
	m := chat(t, server.BaseURL(), func(c *openai.Config) { c.Limits.Concurrency, c.Limits.Retries = 16, 20 })
	b := setup(t, store, func(o *Options) { o.Budget.Total = &Limit{Calls: allowed} }, m)
	l, _ := b.open(anyone)
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() { _, _ = l.Complete(t.Context(), asking(fmt.Sprint("question ", i))) })
	}
	group.Wait()
	counts := store.outcomes(t)
	if n := counts[plugins.Answered] + counts[plugins.Declined] + counts[plugins.Cut]; n != allowed || server.Charged().Answers != allowed {
		t.Errorf("%v, and %d answers charged, want %d", counts, server.Charged().Answers, allowed)
	}
	b.ledger.mu.Lock()
	defer b.ledger.mu.Unlock()
	if b.ledger.total.reserved != (amount{}) || b.ledger.total.spent.calls != allowed {
		t.Errorf("%+v", b.ledger.total)
	}
}

// Reservations that turn out to be too large hold calls up, and turn none away.
func TestReservationsAreWaitedFor(t *testing.T) {
	server := serve(t, answering("x")) // 15 tokens
	reserved := reservedInput(asking("question 0")) + 100
	b := setup(t, newMemory(), func(o *Options) { o.Budget.Total = &Limit{Tokens: 2*reserved + 7*15} }, chat(t, server.URL, nil))
	askMany(t, b, 9)
	b.refused(t, anyone, plugins.Request{Messages: asking("last").Messages, MaxTokens: 2 * reserved}, plugins.FaultBudget)
}

// What a client has spent is what the next one reads from the journal, whatever happened.
func TestSpendingIsReadBack(t *testing.T) {
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Cached(3), llmtest.Reasoning(7),
		llmtest.Random(2, map[llmtest.Fault]float64{llmtest.ServerError: 0.1, llmtest.CutMiddle: 0.1, llmtest.HalfJSON: 0.1, llmtest.Refuse: 0.1}))
	store := newMemory()
	m := chat(t, server.BaseURL(), func(c *openai.Config) { c.Limits.Retries = 20 })
	m.Price = price(2.5, 10)
	m.Price.Cached = ptr(1.25)
	budget := Budget{Total: &Limit{USD: 100}, PerCell: &Limit{Tokens: 1e9}, By: []AxisLimit{{"strategy", "naive", Limit{Calls: 1e9}}}}
	b := setup(t, store, func(o *Options) { o.Budget = budget }, m)
	askMany(t, b, 200)
	if _, err := store.Intend(plugins.Send{Experiment: "study", Step: "s1", Axes: anyone.Axes, Model: b.models["m"].info.Identity, Input: 10, Output: 20}); err != nil { // then killed
		t.Fatal(err)
	}
	if _, err := store.Intend(plugins.Send{Experiment: "another study", Step: "s1", Input: 1e9}); err != nil {
		t.Fatal(err)
	}
	store.dead = true
	again := setup(t, store, func(o *Options) { o.Budget = budget }, m)
	orphan := amount{money: 10*2_500_000 + 20*10_000_000, tokens: 30, calls: 1}
	for i, pair := range [][2]*account{
		{b.ledger.total, again.ledger.total}, {b.ledger.cells["s1"], again.ledger.cells["s1"]}, {b.ledger.by[0], again.ledger.by[0]},
	} {
		if want := pair[0].spent.plus(orphan); pair[1].spent != want || want.money < 1000 {
			t.Errorf("account %d: %+v, want %+v", i, pair[1].spent, want)
		}
	}
}

func TestUnknownPrices(t *testing.T) {
	server := serve(t, answering("fine"))
	known, unknown := chat(t, server.URL, nil), chat(t, server.URL, nil)
	known.Price = price(1, 1)
	for name, budget := range map[string]Budget{
		"total": {Total: &Limit{USD: 1}}, "cell": {PerCell: &Limit{USD: 1}}, "axis": {By: []AxisLimit{{"llm", "m", Limit{USD: 1}}}},
	} {
		b := setup(t, newMemory(), func(o *Options) { o.Budget = budget }, unknown)
		err := b.refused(t, anyone, asking("hello"), plugins.FaultBudget)
		if !strings.Contains(err.Error(), "the price of the model is unknown") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, budget := range map[string]Budget{
		"tokens are limited too":     {Total: &Limit{USD: 1, Tokens: 100_000}},
		"of all, tokens are limited": {Total: &Limit{Tokens: 100_000}, PerCell: &Limit{USD: 1}},
		"it is another model's":      {By: []AxisLimit{{"llm", "other", Limit{USD: 1}}}},
	} {
		b := setup(t, newMemory(), func(o *Options) { o.Budget = budget }, unknown)
		if got := b.ask(t, asking(name)); got.Text != "fine" {
			t.Errorf("%s: %q", name, got.Text)
		}
	}
	// Earlier runs asked a model that is no longer in the experiment.
	store := newMemory()
	if _, err := store.Intend(plugins.Send{Experiment: "study", Model: plugins.Identity{Endpoint: "https://api.example.org", Model: "gone"}, Input: 1}); err != nil {
		t.Fatal(err)
	}
	_, err := New(Options{Experiment: "study", Store: store, Models: []Model{known}, Budget: Budget{Total: &Limit{USD: 1}}})
	if err == nil || !strings.Contains(err.Error(), "gone") {
		t.Error(err)
	}
	for name, o := range map[string]Options{
		"calls are limited":   {Budget: Budget{Total: &Limit{Calls: 5}}},
		"its price is listed": {Budget: Budget{Total: &Limit{USD: 1}}, PriceOf: func(plugins.Identity) *Price { return price(7, 7) }},
	} {
		o.Experiment, o.Store, o.Models = "study", store, []Model{known}
		if c, err := New(o); err != nil || c.ledger.total.spent.calls != 1 || o.PriceOf != nil && c.ledger.total.spent.money != 7_000_000 {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A send that a damaged journal has lost counts as a call.
	lost := newMemory()
	if _, err := lost.Intend(plugins.Send{Experiment: "study"}); err != nil {
		t.Fatal(err)
	}
	c, err := New(Options{Experiment: "study", Store: lost, Models: []Model{known}, Budget: Budget{Total: &Limit{USD: 1}}})
	if err != nil || c.ledger.total.spent != (amount{calls: 1}) {
		t.Error(err)
	}
}

// Sums of money are exact and do not depend on their order.
func TestMoneyHasNoOrder(t *testing.T) {
	priced := tariffOf(plugins.Identity{Endpoint: "https://api.example.org"}, price(0.075, 0.3))
	rng := rand.New(rand.NewPCG(1, 2))
	costs := make([]amount, 1000)
	for i := range costs {
		costs[i] = priced.cost(rng.IntN(5000), rng.IntN(100), rng.IntN(4000))
	}
	sum := func() (s amount) {
		for _, c := range costs {
			s = s.plus(c)
		}
		return s
	}
	first := sum()
	rng.Shuffle(len(costs), func(i, j int) { costs[i], costs[j] = costs[j], costs[i] })
	if d := cmp.Diff(first, sum(), cmp.AllowUnexported(amount{})); d != "" {
		t.Error(d)
	}
}

// A model without a cap on its answers is reserved with the rest of its context.
func TestReservationWithoutACap(t *testing.T) {
	base := chat(t, "http://127.0.0.1:1", nil)
	info := base.Provider.Info()
	info.InProcess, info.MaxTokens, info.Context = true, 0, 1000
	p := &inProcess{Provider: base.Provider, info: info, next: func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, completion("x", "stop", "m", 1, 1))
	}}
	b := setup(t, newMemory(), nil, Model{Name: "m", Provider: p})
	b.ask(t, asking("hello"))
	if sends, _ := b.store.journal(t); sends[0].Input+sends[0].Output != 1000 {
		t.Errorf("%+v", sends[0])
	}
}
