package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/dustin/go-humanize"

	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/responses"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// expense is what calls take.
type expense struct {
	usd, tokens, calls span
	unknown            bool // some price is not known: usd says nothing
}

func (e *expense) add(o *expense) {
	e.usd.add(o.usd)
	e.tokens.add(o.tokens)
	e.calls.add(o.calls)
	e.unknown = e.unknown || o.unknown
}

// purse is one limit of the budget, with what counts against it.
type purse struct {
	name        string // in the experiment, e.g. "budget.by.llm.o1"
	limit       spec.Allowance
	axis, value string // the cells that it is for; all of them without an axis
	each        bool   // stands for the limit of each cell, before these come
	step, cell  string // the only ones that it is for; empty but for the limit of a cell
	need        expense
	spent       expense // as it was, in all three
}

// purses are the limits of a budget. Those of each cell are added as the cells come.
type purses []*purse

func pursesOf(b *spec.Budget) purses {
	if b == nil {
		return nil
	}
	list := purses{{name: "budget", limit: b.Allowance}}
	if b.Cell != nil {
		list = append(list, &purse{name: "budget.cell", limit: *b.Cell, each: true})
	}
	for _, axis := range slices.Sorted(maps.Keys(b.By)) {
		for _, value := range slices.Sorted(maps.Keys(b.By[axis])) {
			list = append(list, &purse{name: "budget.by." + axis + "." + value, limit: b.By[axis][value], axis: axis, value: value})
		}
	}
	return list
}

// need enters what a step would take of each model.
func (list purses) need(asks plan.AskingStep, byModel map[string]*expense) purses {
	all := &expense{}
	for _, model := range slices.Sorted(maps.Keys(byModel)) { // float addition is not associative
		all.add(byModel[model])
	}
	for _, p := range slices.Clone(list) {
		switch {
		case p.step != "":
		case p.each:
			list = append(list, &purse{name: p.name, limit: p.limit, step: string(asks.Step.Key), cell: asks.Cell.ID, need: *all})
		case p.axis == "llm" && byModel[p.value] != nil:
			p.need.add(byModel[p.value])
		case p.axis == "" || p.axis != "llm" && asks.Caller.Axes[p.axis] == p.value:
			p.need.add(all)
		}
	}
	return list
}

// spend enters what earlier runs have spent, as the client counts it: what did not arrive whole as it was reserved.
func (list purses) spend(m *models, lines []responses.Line) {
	for i := range lines {
		l := &lines[i]
		input, output := l.Input+l.UnknownInput, l.Output+l.UnknownOutput
		took := expense{calls: exactly(l.Answered + l.Refused + l.Cut + l.Orphaned), tokens: exactly(input + output)}
		if price := m.price(l.Model); price != nil {
			usd := price.Cost(input, l.Cached, output)
			took.usd = span{usd, usd, usd}
		}
		for _, p := range list {
			if p.covers(l) {
				p.spent.add(&took)
			}
		}
	}
}

// covers reports whether what a step has sent counts against the purse.
func (p *purse) covers(l *responses.Line) bool {
	switch {
	case p.each:
		return false
	case p.step != "":
		return p.step == l.Step
	}
	return p.axis == "" || l.Axes[p.axis] == p.value
}

// exactly is an amount that is known.
func exactly(n int) span { return span{float64(n), float64(n), float64(n)} }

// sums returns the limits that are set, each with what is spent and needed of it.
func (p *purse) sums() []sum {
	var list []sum
	if p.limit.USD != nil && !p.need.unknown {
		list = append(list, sum{p, "usd", *p.limit.USD, p.spent.usd[0], p.need.usd, func(x float64) string { return usdText(&x) + " USD" }})
	}
	count := func(unit string) func(float64) string {
		return func(x float64) string {
			if x == 1 {
				return "1 " + unit
			}
			return humanize.Comma(int64(x)) + " " + unit + "s"
		}
	}
	if p.limit.Tokens != nil {
		list = append(list, sum{p, "tokens", float64(*p.limit.Tokens), p.spent.tokens[0], p.need.tokens, count("token")})
	}
	if p.limit.Calls != nil {
		list = append(list, sum{p, "calls", float64(*p.limit.Calls), p.spent.calls[0], p.need.calls, count("call")})
	}
	return list
}

// sum is one limit of a purse in one unit.
type sum struct {
	*purse
	unit         string
	limit, spent float64
	need         span
	text         func(float64) string
}

// says begins a message on the limit.
func (s *sum) says() string {
	text := fmt.Sprintf("%s.%s is %s", s.name, s.unit, humanize.Commaf(s.limit))
	if s.spent > 0 {
		text += fmt.Sprintf(", of which %s are spent", s.text(s.spent))
	}
	if s.cell != "" {
		return text + ", and what is missing of " + s.cell
	}
	return text + ", and what is missing"
}

// checkAsking says of which cells it is unknown what they would ask, and that the budget, or the context of a model, cannot suffice, or warns that the budget may not. Of the limits of
// cells it tells one each way.
func (a *app) checkAsking(asked *asking) error {
	var mistakes []error
	for _, f := range asked.failed {
		more := ""
		if f.cells > 1 {
			more = fmt.Sprintf(" and %s", plural(f.cells-1, "other cell"))
		}
		mistakes = append(mistakes, fmt.Errorf("cell %s%s: %s", f.first, more, f.reason))
	}
	for _, s := range asked.models {
		if n := len(s.Refused); n > 0 {
			first, more := s.Refused[0], ""
			if n > 1 {
				more = fmt.Sprintf(" (and so may %s)", plural(n-1, "other request"))
			}
			mistakes = append(mistakes, fmt.Errorf("a request of %s to %s may take %s tokens, its answer included, and the context of the model has %s%s: lower rows, examples or max_tokens",
				first.Cell, s.Model, humanize.Comma(int64(first.Tokens)), humanize.Comma(int64(first.Context)), more))
		}
	}
	told := map[string]bool{}
	for _, p := range asked.purses {
		for _, s := range p.sums() {
			left := s.limit - s.spent
			switch {
			case s.need[2] == 0: // nothing is missing, whatever was spent
			case s.need[0] > left && !told[s.name+s.unit+"low"]:
				told[s.name+s.unit+"low"] = true
				mistakes = append(mistakes, fmt.Errorf("%s takes %s at least", s.says(), s.text(s.need[0])))
			case s.need[0] <= left && s.need[2] > left && !told[s.name+s.unit+"high"]:
				told[s.name+s.unit+"high"] = true
				a.errf("warning: %s may take up to %s; at the limit the run stops and keeps what it has\n", s.says(), s.text(s.need[2]))
			}
		}
	}
	return wrong(errors.Join(mistakes...))
}
