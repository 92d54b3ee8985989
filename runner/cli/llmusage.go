package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/responses"
)

func (a *app) llmUsageCommand() *cobra.Command {
	var cells bool
	cmd := &cobra.Command{
		Use:   "usage EXPERIMENT",
		Short: "print what an experiment has sent to language models, and what that cost",
		Long: `usage adds up the journal of every send of an experiment, over all its runs: by model, and with --cells by cell. A send
that was answered is a call; retries are sends after the first try; rejected ones came back with an error. An orphan is a send whose answer did not arrive
whole, because the connection or ehrlab itself was cut off: it may have been charged, so its tokens are unknown and the
table says how many were reserved for it. Costs are in USD at the prices of the experiment, else at list prices.`,
		Example: `  ehrlab llm usage experiments/llm-quickstart.cue
  ehrlab llm usage --cells experiments/llm-quickstart.cue`,
		Args: arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.withModels(args[0], false, func(p *plan.Plan, _ *cache.Cache, m *models) error {
				lines, err := responses.Usage(m.store, p.Experiment.Name)
				if err != nil {
					return err
				}
				return a.printUsage(usageOf(p, m, lines, cells))
			})
		},
	}
	cmd.Flags().BoolVar(&cells, "cells", false, "a line for each cell")
	return cmd
}

// usageLine is what was sent to one model, in all or for one cell.
type usageLine struct {
	Model     string   `json:"model"`
	Endpoint  string   `json:"endpoint,omitempty"`
	Cell      string   `json:"cell,omitempty"`
	Sends     int      `json:"sends"`
	Calls     int      `json:"calls"` // answered, refusals among them
	Refused   int      `json:"refused"`
	Retries   int      `json:"retries"`
	Rejected  int      `json:"rejected"` // by the provider: overloaded, rate limit and the like
	Orphaned  int      `json:"orphaned"` // cut off: perhaps charged
	InFlight  int      `json:"in_flight"`
	Damaged   int      `json:"damaged"` // sends of which the journal has lost what they were
	Input     int      `json:"input_tokens"`
	Cached    int      `json:"cached_tokens"`
	Output    int      `json:"output_tokens"`
	Reasoning int      `json:"reasoning_tokens"`
	Unknown   int      `json:"reserved_by_orphans"` // tokens
	Cost      *float64 `json:"cost_usd"`            // null where the price is unknown; orphans are not in it
}

// usageOf folds the lines of the journal by model, or by model and cell.
func usageOf(p *plan.Plan, m *models, lines []responses.Line, cells bool) []*usageLine {
	of := map[string]string{}
	for _, asking := range p.Asking() {
		of[string(asking.Step.Key)] = asking.Cell.ID
	}
	folded := map[string]*usageLine{}
	for i := range lines {
		l := &lines[i]
		cell := ""
		if cells {
			cell = cmp.Or(of[l.Step], axesText(l.Axes)+" (of an earlier plan)")
			if strings.HasPrefix(l.Step, driftStep) {
				cell = "drift"
			}
		}
		key := l.Model.API + "\x00" + l.Model.Endpoint + "\x00" + l.Model.Model + "\x00" + cell
		if folded[key] == nil {
			folded[key] = &usageLine{Model: cmp.Or(l.Model.Model, "unknown: the journal is damaged"), Endpoint: l.Model.Endpoint, Cell: cell, Cost: new(float64)}
		}
		folded[key].add(l, m)
	}
	return slices.SortedFunc(maps.Values(folded), func(a, b *usageLine) int {
		return cmp.Or(cmp.Compare(a.Model, b.Model), cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Cell, b.Cell))
	})
}

func (u *usageLine) add(l *responses.Line, m *models) {
	u.Sends += l.Sends
	u.Calls += l.Answered + l.Refused
	u.Refused += l.Refused
	u.Retries += l.Retries
	for _, n := range l.Rejected {
		u.Rejected += n
	}
	u.Orphaned += l.Orphaned + l.Cut
	u.InFlight += l.InFlight
	u.Damaged += l.Damaged
	u.Input += l.Input
	u.Cached += l.Cached
	u.Output += l.Output
	u.Reasoning += l.Reasoning
	u.Unknown += l.UnknownInput + l.UnknownOutput
	usd, known := m.cost(plugins.Usage{Model: l.Model, Input: l.Input, Cached: l.Cached, Output: l.Output})
	if !known || u.Cost == nil {
		u.Cost = nil
		return
	}
	*u.Cost += usd
}

// axesText names a cell by its axes.
func axesText(axes map[string]string) string {
	var parts []string
	for _, axis := range slices.Sorted(maps.Keys(axes)) {
		parts = append(parts, axis+" "+axes[axis])
	}
	return strings.Join(parts, ", ")
}

func (a *app) printUsage(lines []*usageLine) error {
	if a.json {
		a.printJSON(map[string]any{"usage": lines})
		return nil
	}
	if len(lines) == 0 {
		a.printf("nothing was sent yet\n")
		return nil
	}
	w := newTable()
	header := table.Row{"model"}
	if lines[0].Cell != "" {
		header = append(header, "cell")
	}
	w.AppendHeader(append(header, "calls", "refused", "retries", "rejected", "orphaned", "input tokens", "output tokens", "of them reasoning", "cost, USD"))
	for _, u := range lines {
		row := table.Row{u.Model}
		if u.Cell != "" {
			row = append(row, u.Cell)
		}
		w.AppendRow(append(row, u.Calls, u.Refused, u.Retries, u.Rejected, u.orphans(), u.Input, u.Output, u.Reasoning, usdText(u.Cost)))
	}
	a.printf("%s\n", rendered(w))
	for _, u := range lines {
		if u.Damaged > 0 {
			a.printf("%s of %s are lost from a damaged journal: what they cost is unknown\n", plural(u.Damaged, "send"), u.Model)
		}
	}
	return nil
}

// orphans tells of sends that may have been charged.
func (u *usageLine) orphans() string {
	text := fmt.Sprint(u.Orphaned)
	if u.Orphaned > 0 {
		text += fmt.Sprintf(" (at most %d tokens)", u.Unknown)
	}
	if u.InFlight > 0 {
		text += fmt.Sprintf(", %d in flight", u.InFlight)
	}
	return text
}

// usdText is an amount of money; "unknown" without a price.
func usdText(usd *float64) string {
	switch {
	case usd == nil:
		return "unknown"
	case *usd == 0:
		return "0"
	case *usd < 0.01:
		return fmt.Sprintf("%.2g", *usd)
	}
	return fmt.Sprintf("%.2f", *usd)
}
