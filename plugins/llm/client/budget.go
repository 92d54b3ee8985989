package client

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"

	"github.com/ehrlab/ehrlab/plugins"
)

// Limit is the most that may be spent; 0 is no limit. A call is an answer, a refusal, or one whose end is unknown.
type Limit struct {
	USD           float64
	Tokens, Calls int // tokens of input and output
}

// Budget limits what an experiment spends, all its runs together. A call is sent when there is room for the longest answer that it
// allows and for its input as it is estimated, with a margin: a tokenizer that counts more than that exceeds the budget by the
// difference, for the calls of one moment. What the answer really cost takes the place of that; for one that did not arrive whole
// the reservation stays, as it may have been charged.
type Budget struct {
	Total   *Limit
	PerCell *Limit // for each step that asks
	By      []AxisLimit
}

// AxisLimit limits what is spent on the cells with one value of an axis.
type AxisLimit struct {
	Axis, Value string
	Limit       Limit
}

// money is an amount in units of 1e-12 USD: prices for a million tokens have six digits after the point at most, so that
// sums are exact and do not depend on their order.
type money int64

const usd money = 1e12

// String is the amount in USD, with four digits that count.
func (m money) String() string { return fmt.Sprintf("%.4g USD", float64(m)/float64(usd)) }

// amount is a cost, or a limit of one.
type amount struct {
	money         money
	tokens, calls int
}

func (a amount) plus(b amount) amount {
	return amount{a.money + b.money, a.tokens + b.tokens, a.calls + b.calls}
}

func (a amount) minus(b amount) amount {
	return amount{a.money - b.money, a.tokens - b.tokens, a.calls - b.calls}
}

// tariff is a price as it is counted with.
type tariff struct{ input, cached, output money } // for a token

// tariffOf returns a price as it is counted with, or nil when it is unknown. What has no endpoint answers in process and
// costs nothing.
func tariffOf(id plugins.Identity, p *Price) *tariff {
	if id.Endpoint == "" {
		return &tariff{}
	}
	if p == nil || p.Input == nil || p.Output == nil {
		return nil
	}
	perToken := func(perMillion float64) money { return money(math.Round(perMillion * float64(usd) / 1e6)) }
	t := &tariff{input: perToken(*p.Input), output: perToken(*p.Output)}
	t.cached = t.input
	if p.Cached != nil {
		t.cached = perToken(*p.Cached)
	}
	return t
}

// cost returns what tokens cost; with an unknown price, no money.
func (t *tariff) cost(input, cached, output int) amount {
	if t == nil {
		t = &tariff{}
	}
	cached = min(cached, input)
	return amount{
		money:  t.input*money(input-cached) + t.cached*money(cached) + t.output*money(output),
		tokens: input + output, calls: 1,
	}
}

// spent returns what a send cost: nothing when it was rejected; what was reserved where the answer did not arrive whole, or
// came without a count of its tokens.
func (t *tariff) spent(s plugins.Send, end *plugins.Settlement) amount {
	switch {
	case end != nil && end.Outcome == plugins.Rejected:
		return amount{}
	case end == nil || end.Answer == nil || end.Answer.Input == 0 && end.Answer.Output == 0:
		return t.cost(s.Input, 0, s.Output)
	}
	return t.cost(end.Answer.Input, end.Answer.Cached, end.Answer.Output)
}

// account is one limit with what counts against it.
type account struct {
	name            string // for people
	limit           Limit
	spent, reserved amount
	ofCell          bool
	told            bool // that it is at its end
}

// exceeded returns which limit an amount is over, or "".
func (a *account) exceeded(by amount) string {
	switch {
	case a.limit.Calls > 0 && by.calls > a.limit.Calls:
		return "calls"
	case a.limit.Tokens > 0 && by.tokens > a.limit.Tokens:
		return "tokens"
	case a.limit.USD > 0 && by.money > money(math.Round(a.limit.USD*float64(usd))):
		return "USD"
	}
	return ""
}

// refusal says which limit would be exceeded. It becomes the reason that a cell records, so that it is the same in every run with this
// budget: how much is spent, and would be needed, goes to the log.
func (a *account) refusal(unit string, need amount, log *slog.Logger) string {
	limit, spent, needed := fmt.Sprint(a.limit.Calls, " calls"), fmt.Sprint(a.spent.calls), fmt.Sprint(need.calls)
	switch unit {
	case "tokens":
		limit, spent, needed = fmt.Sprint(a.limit.Tokens, " tokens"), fmt.Sprint(a.spent.tokens), fmt.Sprint(need.tokens)
	case "USD":
		limit, spent, needed = fmt.Sprintf("%g USD", a.limit.USD), a.spent.money.String(), need.money.String()
	}
	level := slog.LevelWarn
	if a.ofCell { // there may be many
		level = slog.LevelInfo
	}
	if !a.told {
		a.told = true
		log.Log(context.Background(), level, "a budget has no room for another call", "budget", a.name, "limit", limit, "spent", spent, "may need", needed)
	}
	return fmt.Sprintf("the %s budget of %s has no room for another call", a.name, limit)
}

// ledger keeps the accounts of a budget. A nil ledger allows everything.
type ledger struct {
	budget Budget
	log    *slog.Logger

	mu      sync.Mutex
	total   *account
	cells   map[string]*account
	by      []*account // as in Budget.By
	changed chan struct{}
}

// newLedger opens the accounts with what earlier runs have spent; nil without a budget.
func newLedger(b Budget, c *Client) (*ledger, error) {
	if b.Total == nil && b.PerCell == nil && len(b.By) == 0 {
		return nil, nil
	}
	l := &ledger{budget: b, log: c.log, cells: map[string]*account{}, changed: make(chan struct{})}
	if b.Total != nil {
		l.total = &account{name: "total", limit: *b.Total}
	}
	for _, a := range b.By {
		l.by = append(l.by, &account{name: a.Axis + " " + a.Value, limit: a.Limit})
	}
	known := map[servedModel]*tariff{}
	for _, m := range c.models {
		known[servedBy(m.info.Identity)] = m.price
	}
	err := c.store.Sends(c.experiment, func(s plugins.Send, end *plugins.Settlement, _ bool) error {
		t := known[servedBy(s.Model)]
		if t == nil {
			t = tariffOf(s.Model, nil)
		}
		if t == nil && c.priceOf != nil {
			t = tariffOf(s.Model, c.priceOf(s.Model))
		}
		spent := t.spent(s, end)
		for _, a := range l.accounts(s.Step, s.Axes) {
			if t == nil && a.limit.USD > 0 && spent.calls > 0 && !l.tokenLimited(a) {
				return fmt.Errorf("the %s budget has a limit in USD, and earlier runs asked %s, whose price is unknown: keep it in llms with a price", a.name, s.Model.Model)
			}
			a.spent = a.spent.plus(spent)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("what earlier runs have spent: %w", err)
	}
	return l, nil
}

// tokenLimited reports whether an account, or the whole, is limited in tokens: then calls of unknown price are held by that.
func (l *ledger) tokenLimited(a *account) bool {
	return a.limit.Tokens > 0 || l.total != nil && l.total.limit.Tokens > 0
}

// accounts returns those that a step with its axes counts against. The caller holds the lock, or is alone.
func (l *ledger) accounts(step string, axes map[string]string) []*account {
	var accounts []*account
	if l.total != nil {
		accounts = append(accounts, l.total)
	}
	for i, a := range l.budget.By {
		if axes[a.Axis] == a.Value {
			accounts = append(accounts, l.by[i])
		}
	}
	if l.budget.PerCell != nil {
		if l.cells[step] == nil {
			l.cells[step] = &account{name: "per-cell", limit: *l.budget.PerCell, ofCell: true}
		}
		accounts = append(accounts, l.cells[step])
	}
	return accounts
}

// reserve sets an amount aside for a step with its axes; priced says that its money is known. Where only what is in flight
// stands in the way it waits for that to end, as it nearly always costs less than its reservation. settle replaces the amount by
// what was spent.
func (l *ledger) reserve(ctx context.Context, step string, axes map[string]string, need amount, priced bool) (settle func(spent amount), refusal string, err error) {
	if l == nil {
		return func(amount) {}, "", nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	accounts := l.accounts(step, axes)
	for {
		busy := false
		for _, a := range accounts {
			if a.limit.USD > 0 && !priced && !l.tokenLimited(a) {
				return nil, fmt.Sprintf("the %s budget has a limit in USD, and the price of the model is unknown: give it a price, or limit tokens", a.name), nil
			}
			if unit := a.exceeded(a.spent.plus(need)); unit != "" {
				return nil, a.refusal(unit, need, l.log), nil
			}
			busy = busy || a.exceeded(a.spent.plus(a.reserved).plus(need)) != ""
		}
		if !busy {
			break
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		l.mu.Lock()
		if err := ctx.Err(); err != nil {
			return nil, "", err
		}
	}
	for _, a := range accounts {
		a.reserved = a.reserved.plus(need)
	}
	return func(spent amount) { l.settle(accounts, need, spent) }, "", nil
}

func (l *ledger) settle(accounts []*account, reserved, spent amount) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range accounts {
		a.reserved = a.reserved.minus(reserved)
		a.spent = a.spent.plus(spent)
	}
	close(l.changed)
	l.changed = make(chan struct{})
}
