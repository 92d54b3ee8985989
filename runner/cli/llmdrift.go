package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/engine"
	"github.com/ehrlab/ehrlab/runner/plan"
)

func (a *app) llmDriftCommand() *cobra.Command {
	var calls int
	cmd := &cobra.Command{
		Use:   "drift EXPERIMENT",
		Short: "ask some prompts again, and compare the answers with those that are kept",
		Long: `drift asks the first prompts of an experiment anew, as fresh calls, and compares what comes back with the answers that the
results were made of: the model that was served and its fingerprint, how the answer ended, its length, and whether
it is the same text. The prompts are always the same ones, so that the comparison can be repeated. It pays for at most --calls
answers of each model, within the budget of the experiment; asking again on the same day (UTC) costs nothing.
Answers drawn at a temperature above zero differ in their text without any drift.`,
		Example: `  ehrlab llm drift --calls 3 experiments/llm-quickstart.cue`,
		Args:    arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if calls < 1 {
				return wrong(errors.New("--calls must be at least 1"))
			}
			return a.withModels(args[0], true, func(p *plan.Plan, c *cache.Cache, m *models) error {
				a.graceful.Store(true)
				found, err := a.canaries(cmd.Context(), p, c, m, calls)
				if err == nil {
					err = a.askCanaries(cmd.Context(), m, found, time.Now())
				}
				if err != nil {
					return orInterrupted(cmd.Context(), err)
				}
				return a.printDrift(found)
			})
		},
	}
	cmd.Flags().IntVar(&calls, "calls", 5, "`number` of prompts that each model is asked again, at most")
	return cmd
}

// canary is a prompt that was answered before, with both answers.
type canary struct {
	Model string  `json:"model"` // the experiment's name
	Cell  string  `json:"cell"`
	Call  string  `json:"call"`
	Then  reading `json:"then"`
	Now   reading `json:"now"`
	Same  bool    `json:"same_text"`

	caller  plugins.Caller
	request plugins.Request
	text    string // of the answer then
}

// reading is what is compared of an answer.
type reading struct {
	At          time.Time `json:"at"`
	Served      string    `json:"served"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	Stop        string    `json:"stop"`
	Output      int       `json:"output_tokens"`
}

func answerOf(r *plugins.Response) reading {
	return reading{At: r.At, Served: r.Model, Fingerprint: r.Fingerprint, Stop: r.Stop, Output: r.OutputTokens}
}

// canaries returns the first prompts of the plan that have a kept answer, at most so many of each model.
func (a *app) canaries(ctx context.Context, p *plan.Plan, c *cache.Cache, m *models, most int) ([]*canary, error) {
	o := engine.NewOutliner(p, c, a.askingOptions(m))
	var found []*canary
	taken := map[string]int{}
	seen := map[string]bool{}
	for _, w := range p.Asking() {
		if satisfied(w.Models, taken, most) {
			continue
		}
		outline, err := o.Requests(ctx, w.Step)
		if err != nil {
			return nil, fmt.Errorf("cell %s: %w", w.Cell.ID, err)
		}
		open, _ := m.client.Open(w.Caller)
		for _, call := range outline.Calls {
			if taken[call.Model] == most {
				continue
			}
			looked, err := m.client.Peek(ctx, w.Caller, call.Model, call.Request, 1)
			if err != nil {
				return nil, err
			}
			if !looked[0].Stored || seen[looked[0].Key] {
				continue
			}
			seen[looked[0].Key] = true
			taken[call.Model]++
			then, err := open[call.Model].Complete(ctx, call.Request) // of the store
			if err != nil {
				return nil, err
			}
			found = append(found, &canary{
				Model: call.Model, Cell: w.Cell.ID, Call: call.Label, Then: answerOf(then), text: then.Text, caller: w.Caller, request: call.Request,
			})
		}
	}
	if len(found) == 0 {
		return nil, wrong(fmt.Errorf("no prompt of %s has a kept answer to compare with: 'ehrlab run' first", p.Experiment.Name))
	}
	return found, nil
}

// satisfied reports whether there are canaries enough of each model that a step asks.
func satisfied(models []plan.Model, taken map[string]int, most int) bool {
	for _, m := range models {
		if taken[m.Name] < most {
			return false
		}
	}
	return true
}

// driftReplicate begins the replicates of drift: no seed of an experiment is as large.
const driftReplicate = 1 << 60

// driftStep begins what stands in for the key of a step: each day has its own, as the budget of a cell is for one step.
const driftStep = "drift"

// askCanaries asks the prompts once more, as the replicate of the day.
func (a *app) askCanaries(ctx context.Context, m *models, found []*canary, now time.Time) error {
	const day = 24 * 60 * 60
	for _, x := range found {
		caller := x.caller
		caller.Seed = driftReplicate + uint64(now.Unix()/day)
		caller.Step, caller.Label, caller.Axes = driftStep+" "+now.UTC().Format(time.DateOnly), "drift of "+x.Model, map[string]string{"llm": x.Model}
		open, _ := m.client.Open(caller)
		answer, err := open[x.Model].Complete(ctx, x.request)
		if err != nil {
			return err
		}
		x.Now, x.Same = answerOf(answer), answer.Text == x.text
	}
	return nil
}

func (a *app) printDrift(found []*canary) error {
	if a.json {
		a.printJSON(map[string]any{"calls": found})
		return nil
	}
	w := newTable()
	w.AppendHeader(table.Row{"model", "cell", "kept from", "served", "fingerprint", "ended", "output tokens", "text"})
	changed := 0
	for _, x := range found {
		if x.Then.Served != x.Now.Served || x.Then.Fingerprint != x.Now.Fingerprint {
			changed++
		}
		text := "other"
		if x.Same {
			text = "same"
		}
		w.AppendRow(table.Row{
			x.Model, x.Cell, x.Then.At.Format(time.DateOnly), change(x.Then.Served, x.Now.Served),
			change(x.Then.Fingerprint, x.Now.Fingerprint), change(x.Then.Stop, x.Now.Stop), change(x.Then.Output, x.Now.Output), text,
		})
	}
	a.printf("%s\n", rendered(w))
	if changed > 0 {
		a.printf("%s of %d came from another model or configuration than the kept answer: results made now are not replicates of the kept ones\n",
			plural(changed, "answer"), len(found))
	}
	return nil
}

// change shows a value, and what it has become.
func change[T comparable](then, now T) string {
	if then == now {
		return fmt.Sprint(then)
	}
	return fmt.Sprintf("%v → %v", then, now)
}
