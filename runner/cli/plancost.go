package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/engine"
	"github.com/ehrlab/ehrlab/runner/plan"
)

// span is an estimate: the least, what is likely, and the most.
type span [3]float64

func (s *span) add(o span) {
	for i := range s {
		s[i] += o[i]
	}
}

// times multiplies spans of calls with one of what each takes.
func (s span) times(o span) span { return span{s[0] * o[0], s[1] * o[1], s[2] * o[2]} }

// askSummary is what the cells that are to run would ask of one model. The least is the first round alone; the most is every
// round, with every answer as long as it may be.
type askSummary struct {
	Model   string        `json:"model"` // the experiment's name
	Calls   span          `json:"calls"`
	Input   span          `json:"input_tokens"`
	Output  span          `json:"output_tokens"`
	Cost    *span         `json:"cost_usd"` // null where the price is unknown
	Cells   int           `json:"cells"`
	Known   int           `json:"answered"` // calls that the store answers: they cost nothing
	Groups  []groupRows   `json:"groups,omitempty"`
	Refused []contextOver `json:"over_context,omitempty"`
}

// groupRows is the rows that are asked for in one group of one strategy.
type groupRows struct {
	Strategy string            `json:"strategy"`
	Dims     map[string]string `json:"dims"`
	Rows     int               `json:"rows"`
}

// contextOver is a request that does not fit into the context of its model.
type contextOver struct {
	Cell    string `json:"cell"`
	Tokens  int    `json:"tokens"`
	Context int    `json:"context"`
}

// planAsking estimates what a plan would ask of language models; nothing where it has no keys.
func (a *app) planAsking(ctx context.Context, p *plan.Plan, c *cache.Cache) ([]*askSummary, error) {
	if len(p.Static) > 0 {
		return nil, nil
	}
	m, err := a.openModels(p.Experiment, "", true)
	if m == nil || err != nil {
		return nil, err
	}
	asked, err := a.asking(ctx, p, c, m)
	return asked, errors.Join(err, m.close())
}

// asking estimates what the cells that are not in the cache would ask.
func (a *app) asking(ctx context.Context, p *plan.Plan, c *cache.Cache, m *models) ([]*askSummary, error) {
	o := engine.NewOutliner(p, c, a.askingOptions(m))
	by := map[string]*askSummary{}
	counted := map[string]bool{} // responses that some cell asks for: equal ones are asked for once
	for _, cell := range askingCells(p) {
		if hit(p, c, cell.Generate) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		outline, err := o.Outline(ctx, cell.Generate)
		if err != nil {
			return nil, fmt.Errorf("cell %s: %w", cell.ID, err)
		}
		seen := map[string]bool{}
		for i := range outline.Calls {
			call := &outline.Calls[i]
			if by[call.Model] == nil {
				by[call.Model] = &askSummary{Model: call.Model, Cost: &span{}}
			}
			s := by[call.Model]
			if !seen[call.Model] {
				seen[call.Model] = true
				s.Cells++
			}
			if err := s.add(ctx, p, cell, call, m, counted); err != nil {
				return nil, fmt.Errorf("cell %s: %w", cell.ID, err)
			}
		}
		for _, s := range by {
			s.group(p.Text(cell, "strategy"), outline.Cells)
		}
	}
	return slices.SortedFunc(maps.Values(by), func(x, y *askSummary) int { return strings.Compare(x.Model, y.Model) }), nil
}

// add counts the calls of one kind.
func (s *askSummary) add(ctx context.Context, p *plan.Plan, cell *plan.Cell, call *plugins.OutlinedCall, m *models, counted map[string]bool) error {
	w := cell.Generate.Work.(plan.GenerateWork)
	open, _ := m.client.Open(w.Caller)
	info := open[call.Model].Info()
	most := call.Request.MaxTokens
	if most == 0 {
		most = info.MaxTokens
	}
	if info.Context > 0 && call.InputHigh+most > info.Context {
		s.Refused = append(s.Refused, contextOver{Cell: cell.ID, Tokens: call.InputHigh + most, Context: info.Context})
	}
	asked := span{float64(call.Low), float64(call.Expected), float64(call.High)}
	for i := range call.Low { // those of later rounds are not known before the first is answered
		request := call.Request
		request.Ordinal += i
		key, stored, err := m.client.Peek(ctx, w.Caller, call.Model, request)
		if err != nil {
			return err
		}
		if stored {
			s.Known++
		}
		if stored || counted[key] {
			for j := range asked {
				asked[j] = max(asked[j]-1, 0)
			}
		}
		counted[key] = true
	}
	input := asked.times(span{float64(call.InputLow), float64(call.InputLow+call.InputHigh) / 2, float64(call.InputHigh)})
	output := asked.times(span{float64(call.OutputTokens), float64(call.OutputTokens), float64(max(most, call.OutputTokens))})
	s.Calls.add(asked)
	s.Input.add(input)
	s.Output.add(output)
	for i := range input {
		usd, known := m.cost(plugins.Usage{Model: info.Identity, Simulated: info.Simulated, Input: int(input[i]), Output: int(output[i])})
		if !known {
			s.Cost = nil
		}
		if s.Cost != nil {
			s.Cost[i] += usd
		}
	}
	return nil
}

// group notes the rows by group and label of one cell of each strategy: the others differ in size alone.
func (s *askSummary) group(strategy string, cells []plugins.OutlinedCell) {
	if slices.ContainsFunc(s.Groups, func(g groupRows) bool { return g.Strategy == strategy }) {
		return
	}
	for _, c := range cells {
		if len(c.Dims) > 0 {
			s.Groups = append(s.Groups, groupRows{strategy, c.Dims, c.Rows})
		}
	}
}

// budgetMistake says that the budget cannot suffice, or warns that it may not.
func (a *app) budgetMistake(p *plan.Plan, asked []*askSummary) error {
	b := p.Experiment.Budget
	if b == nil || b.USD == nil {
		return nil
	}
	var total span
	for _, s := range asked {
		if s.Cost == nil {
			return nil // vet has said what is missing
		}
		total.add(*s.Cost)
	}
	switch {
	case total[0] > *b.USD:
		return wrong(fmt.Errorf("budget.usd is %g, and what is missing costs %s USD at least", *b.USD, usdText(&total[0])))
	case total[2] > *b.USD:
		a.errf("warning: budget.usd is %g, and what is missing may cost up to %s USD; at the limit the run stops and keeps what it has\n", *b.USD, usdText(&total[2]))
	}
	return nil
}

// printAsking prints the estimates.
func (a *app) printAsking(asked []*askSummary) {
	for _, s := range asked {
		a.printf("\nasks %s for %s: low, expected, high\n", s.Model, plural(s.Cells, "cell"))
		a.printf("  calls          %s\n", s.Calls.text(0))
		if s.Known > 0 {
			a.printf("                 %s answered already: they cost nothing\n", plural(s.Known, "further call"))
		}
		a.printf("  input tokens   %s\n", s.Input.text(0))
		a.printf("  output tokens  %s\n", s.Output.text(0))
		if s.Cost == nil {
			a.printf("  cost           unknown: give llms.%s a price\n", s.Model)
		} else {
			a.printf("  cost, USD      %s\n", s.Cost.text(2))
		}
		for _, g := range s.Groups {
			a.printf("  %s: %s with %s\n", g.Strategy, plural(g.Rows, "row"), axesText(g.Dims))
		}
		if n := len(s.Refused); n > 0 {
			a.printf("  %s ask for more than the model's context of %s tokens, such as %s with %s: lower rows, examples or max_tokens\n",
				plural(n, "kind of request"), humanize.Comma(int64(s.Refused[0].Context)), s.Refused[0].Cell, humanize.Comma(int64(s.Refused[0].Tokens)))
		}
	}
}

// text writes the three numbers, with thousands separators.
func (s span) text(digits int) string {
	parts := make([]string, len(s))
	for i, x := range s {
		parts[i] = humanize.CommafWithDigits(x, digits)
	}
	return strings.Join(parts, ", ")
}
