package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/engine"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/responses"
	"github.com/ehrlab/ehrlab/runner/spec"
)

func (a *app) llmCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "llm",
		Short: "look at what language models are asked, were asked and cost",
		Long: `Language models are asked by strategies while an experiment runs. Every complete answer is kept for good, in the folder
responses of the cache, and serves every later run that would ask the same: none is paid for twice.`,
		Example: `  ehrlab llm prompt experiments/llm-quickstart.cue icu.top5.naive.sim.n300.seed1
  ehrlab llm usage experiments/llm-quickstart.cue`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.llmPromptCommand(), a.llmUsageCommand(), a.llmRecordCommand(), a.llmDriftCommand())
	return cmd
}

// withModels plans an experiment and opens its models, for reading unless writes.
func (a *app) withModels(path string, writes bool, do func(*plan.Plan, *cache.Cache, *models) error) error {
	return a.withPlan(path, spec.Require, cache.Options{ReadOnly: !writes}, func(p *plan.Plan, c *cache.Cache) error {
		m, err := a.openModels(p.Experiment, "", !writes)
		if err != nil {
			return err
		}
		if m == nil {
			return wrong(fmt.Errorf("experiment %s asks no language model", p.Experiment.Name))
		}
		return errors.Join(do(p, c, m), m.close())
	})
}

func (a *app) llmPromptCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "prompt EXPERIMENT CELL",
		Short: "print what a cell would send to its model, without sending it",
		Long: `prompt prints the first request of each kind that the strategy of a cell makes: its messages, and the schema of the
answer where one is sent. It sends nothing and writes nothing. Prompts may hold rows of your data: they are printed.
CELL is an id as 'ehrlab plan --cells' prints it, or its beginning or end.`,
		Example: `  ehrlab llm prompt experiments/llm-quickstart.cue icu.top5.naive.sim.n300.seed1`,
		Args:    arguments(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withModels(args[0], false, func(p *plan.Plan, c *cache.Cache, m *models) error {
				cell, err := findCell(p, args[0], args[1])
				if err != nil {
					return err
				}
				return a.printPrompts(cmd.Context(), p, c, m, cell)
			})
		},
	}
}

func (a *app) printPrompts(ctx context.Context, p *plan.Plan, c *cache.Cache, m *models, cell *plan.Cell) error {
	asking := cell.Asking()
	if len(asking) == 0 {
		return wrong(fmt.Errorf("cell %s asks no language model", cell.ID))
	}
	outliner := engine.NewOutliner(p, c, a.askingOptions(m))
	o := &plugins.Outline{}
	for _, x := range asking {
		of, err := outliner.Outline(ctx, x.Step)
		if err != nil {
			return err
		}
		o.Calls, o.Cells = append(o.Calls, of.Calls...), append(o.Cells, of.Cells...)
	}
	if a.json {
		a.printJSON(map[string]any{"cell": cell.ID, "outline": o})
		return nil
	}
	for i, call := range o.Calls {
		a.printf("%s: request %d of %d", cell.ID, i+1, len(o.Calls))
		if call.Label != "" {
			a.printf(", %s", call.Label)
		}
		a.printf("; to %s, %d to %d times, tells %s\n", call.Model, call.Low, call.High, telling(call.Request.Reveals))
		for _, message := range call.Request.Messages {
			a.printf("\n--- %s\n%s\n", message.Role, message.Text)
		}
		if call.Request.Schema != nil {
			a.printf("\n--- schema of the answer\n%s\n", call.Request.Schema)
		}
		a.printf("\n")
	}
	return nil
}

// telling says in words what a request tells of patients.
func telling(e plugins.Egress) string {
	switch e {
	case plugins.EgressRows:
		return "rows of patients, or rows made from them"
	case plugins.EgressAggregates:
		return "aggregates of patients"
	}
	return "nothing of patients"
}

// askingOptions are the options of a run with the models.
func (a *app) askingOptions(m *models) engine.Options {
	opt := a.engineOptions(nil)
	if m != nil {
		opt.Models, opt.Cost = m.client, m.cost
	}
	return opt
}

func (a *app) llmRecordCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "record EXPERIMENT FILE",
		Short: "export the answers that an experiment used to one file",
		Long: `record writes every answer that the cells of an experiment come from to one compressed file. With it,
'ehrlab run --replay FILE EXPERIMENT' makes the same results elsewhere, byte for byte, without keys and without a
network. Requests are in it too, except those that may hold rows of restricted data, of which it has the hashes; the answers
to these are synthetic rows made from restricted ones: treat the file accordingly. An existing FILE is replaced.`,
		Example: `  ehrlab llm record experiments/llm-quickstart.cue answers.recording
  ehrlab run --replay answers.recording experiments/llm-quickstart.cue`,
		Args: arguments(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withModels(args[0], false, func(p *plan.Plan, c *cache.Cache, m *models) error {
				return a.recordResponses(cmd.Context(), p, c, m, args[1])
			})
		},
	}
}

// recordResponses writes the recording beside its place first, so that it appears whole or not at all.
func (a *app) recordResponses(ctx context.Context, p *plan.Plan, c *cache.Cache, m *models, path string) error {
	wrote, size, unfinished, err := a.exportResponses(ctx, p, c, m, path)
	if err != nil {
		return err
	}
	if a.json {
		a.printJSON(map[string]any{
			"file": path, "answers": wrote.Answers, "without_request": wrote.Restricted + wrote.Unknown, "bytes": size, "unfinished_cells": unfinished,
		})
		return nil
	}
	a.printf("%s: %s, %s\n", path, plural(wrote.Answers, "answer"), humanize.IBytes(uint64(size)))
	if wrote.Restricted > 0 {
		a.printf("%s to requests that may hold rows of restricted data: the file has the hashes of these, and answers made from such rows\n",
			plural(wrote.Restricted, "answer"))
	}
	if unfinished > 0 {
		a.printf("%s not finished: the file has what they were answered so far\n", plural(unfinished, "cell"))
	}
	return nil
}

// exportResponses writes the answers that the cells of a plan come from, and says how many cells are not finished.
func (a *app) exportResponses(ctx context.Context, p *plan.Plan, c *cache.Cache, m *models, path string) (wrote responses.Exported, size int64, unfinished int, err error) {
	keys, unfinished, err := engine.Responses(ctx, p, c, a.askingOptions(m))
	if err != nil {
		return wrote, 0, 0, err
	}
	store, ok := m.store.(*responses.Store)
	if !ok {
		return wrote, 0, 0, errors.New("a recording is not recorded again")
	}
	begun, err := begunAnswers(p, c, store)
	if err != nil {
		return wrote, 0, 0, err
	}
	if keys = append(keys, begun...); len(keys) == 0 {
		return wrote, 0, 0, wrong(fmt.Errorf("no language model has answered for %s yet: 'ehrlab run' first", p.Experiment.Name))
	}
	size, err = replaceFile(path, func(w io.Writer) error {
		wrote, err = store.Export(w, keys, nil)
		return err
	})
	return wrote, size, unfinished, err
}

// begunAnswers lists the answers to cells that are not finished: with them, a cell that came to too few rows does so again.
func begunAnswers(p *plan.Plan, c *cache.Cache, store *responses.Store) (keys []string, err error) {
	begun := map[string]bool{}
	for _, asking := range p.Asking() {
		begun[string(asking.Step.Key)] = !hit(p, c, asking.Step)
	}
	err = store.Sends("", func(s plugins.Send, end *plugins.Settlement, _ bool) error {
		if begun[s.Step] && end != nil && end.Answer != nil {
			keys = append(keys, s.Key)
		}
		return nil
	})
	return keys, err
}

// replaceFile writes a file that only its owner can read, durably and whole, and returns its size.
func replaceFile(path string, write func(io.Writer) error) (size int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.part")
	if err != nil {
		return 0, wrong(err)
	}
	defer os.Remove(f.Name())
	if err = write(f); err == nil {
		err = f.Sync()
	}
	if info, statErr := f.Stat(); statErr == nil {
		size = info.Size()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, err
	}
	return size, os.Rename(f.Name(), path)
}
