package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/spec"
)

func (a *app) planCommand() *cobra.Command {
	var cells bool
	cmd := &cobra.Command{
		Use:   "plan EXPERIMENT",
		Short: "show the cells and steps of an experiment, and which would run",
		Long: `plan expands an experiment to its cells and steps and looks them up in the cache. It writes nothing.
Without the data files it shows cells and steps but not what is cached.

Of language models it shows the calls, tokens and cost of what is missing: low, with the first round of calls alone and the
shortest answers that are plausible; expected; and high, with every round and every answer as long as it may be. They come from
the real first prompts, for which the data are read and prepared in memory where the cache does not have them; nothing is sent.
Where the data are absent and their data set names another to stand in for them, prompts are counted on its invented rows.

Of primary contrasts and checks it shows the smallest difference that the planned seeds would likely find, by the variation that the
newest complete version measured; before there is one, in standard deviations of the paired difference over seeds.`,
		Example: `  ehrlab plan experiments/quickstart.cue
  ehrlab plan --cells experiments/quickstart.cue
  ehrlab plan --json experiments/quickstart.cue`,
		Args: arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withPlan(args[0], spec.IfPresent, cache.Options{ReadOnly: true}, func(p *plan.Plan, c *cache.Cache) error {
				s := summarise(p, c)
				asked, err := a.planAsks(cmd.Context(), args[0], p, c)
				if err != nil {
					return err
				}
				s.Asks, s.StandIns, s.Untold = asked.models, asked.standIns, asked.untold
				if s.Detectable, err = a.planPower(p); err != nil {
					return err
				}
				if !a.json {
					a.printPlan(p, c, s, cells)
					a.printPower(s.Detectable)
					a.printAsking(s.Asks)
					a.printStandIns(asked)
					return a.checkAsking(asked)
				}
				if cells {
					s.CellList = cellList(p, c)
				}
				a.printJSON(s)
				return a.checkAsking(asked)
			})
		},
	}
	cmd.Flags().BoolVar(&cells, "cells", false, "list every cell with its id")
	return cmd
}

// planSummary is what plan --json prints.
type planSummary struct {
	Experiment  string                   `json:"experiment"`
	Depth       string                   `json:"depth"` // "full", or "static" when keys are unknown
	Static      []string                 `json:"static,omitempty"`
	Splits      []splitSummary           `json:"splits"` // of the data sets that cells read
	Cells       int                      `json:"cells"`
	Pending     []pendingSummary         `json:"pending"` // cells that data will decide on
	Excluded    int                      `json:"excluded"`
	Steps       int                      `json:"steps"`
	Cached      *int                     `json:"cached"` // null when keys are unknown
	ToRun       *int                     `json:"to_run"`
	Stages      map[string]*stageSummary `json:"stages"`
	Short       []shortPart              `json:"short,omitempty"` // cells that will fail, as far as the sizes of parts are known
	Reasons     []why                    `json:"reasons"`         // why steps would run that no missing input explains
	NotCompared int                      `json:"not_compared"`    // such steps beyond those that reasons count
	CellList    []cellSummary            `json:"cell_list,omitempty"`
	Asks        []*askSummary            `json:"asks,omitempty"`       // of language models
	StandIns    []standIn                `json:"stand_ins,omitempty"`  // that the prompts of asks were counted on, as the data are absent
	Untold      string                   `json:"untold,omitempty"`     // why asks is empty though language models would be asked
	Detectable  []powerSummary           `json:"detectable,omitempty"` // of primary contrasts and checks
}

type stageSummary struct {
	Steps  int  `json:"steps"`
	Cached *int `json:"cached"`
	ToRun  *int `json:"to_run"`
}

type pendingSummary struct {
	Axis  string `json:"axis"`
	Wants string `json:"wants"`
	Cells int    `json:"cells"` // at most; with Each, for each hospital or pair of hospitals
	Each  bool   `json:"each,omitempty"`

	Search string   `json:"search,omitempty"` // the search that decides; the rest is of searches alone
	Stage  int      `json:"stage,omitempty"`  // 1 where it rests on no other search
	Steps  int      `json:"steps,omitempty"`  // measure steps that it goes by, as far as they are known
	After  []string `json:"after,omitempty"`  // searches that must be decided before
	Never  string   `json:"never,omitempty"`  // why it cannot be decided
}

func pendingOf(n *plan.Pending) pendingSummary {
	return pendingSummary{
		Axis: n.Axis, Wants: n.Wants, Cells: n.Cells(), Each: n.Each,
		Search: n.Search, Stage: n.Stage, Steps: len(n.Waits), After: n.After(), Never: n.Undecided(),
	}
}

// text says what waits for what.
func (s pendingSummary) text() string {
	cells := fmt.Sprintf("up to %s more", plural(s.Cells, "cell"))
	switch {
	case s.Each:
		return fmt.Sprintf("%s more for each: axis %s waits for the %s", plural(s.Cells, "cell"), s.Axis, s.Wants)
	case s.Search == "":
		return fmt.Sprintf("%s: axis %s waits for the %s", cells, s.Axis, s.Wants)
	}
	of := fmt.Sprintf("%s: best.%s", s.Axis, s.Search)
	if s.Cells > 0 {
		of = cells + ": " + of
	}
	switch {
	case s.Never != "":
		return of + ": " + s.Never
	case len(s.After) > 0:
		return fmt.Sprintf("%s, decided in stage %d, after best.%s", of, s.Stage, strings.Join(s.After, " and best."))
	case s.Steps == 0:
		return fmt.Sprintf("%s, decided when the steps of stage %d are done", of, s.Stage)
	}
	return fmt.Sprintf("%s, decided when %s of stage %d are done", of, plural(s.Steps, "step"), s.Stage)
}

type cellSummary struct {
	ID     string            `json:"id"`
	Axes   map[string]string `json:"axes"`
	Cached int               `json:"cached"`
	ToRun  int               `json:"to_run"`
}

// summarise counts hits and misses.
func summarise(p *plan.Plan, c *cache.Cache) planSummary {
	s := planSummary{
		Experiment: p.Experiment.Name, Depth: "full", Static: p.Static, Cells: len(p.Cells), Pending: []pendingSummary{},
		Excluded: len(p.Excluded), Steps: len(p.Steps), Stages: map[string]*stageSummary{},
	}
	for _, n := range p.Pending {
		s.Pending = append(s.Pending, pendingOf(n))
	}
	s.Splits = splitsOf(p)
	for _, step := range p.Steps {
		if s.Stages[string(step.Stage)] == nil {
			s.Stages[string(step.Stage)] = &stageSummary{}
		}
		s.Stages[string(step.Stage)].Steps++
	}
	s.Reasons = []why{}
	if len(p.Static) > 0 {
		s.Depth = "static"
		return s
	}
	s.Cached, s.ToRun = new(int), new(int)
	for _, stage := range s.Stages {
		stage.Cached, stage.ToRun = new(int), new(int)
	}
	for _, step := range p.Steps {
		stage := s.Stages[string(step.Stage)]
		if hit(p, c, step) {
			*stage.Cached++
			*s.Cached++
		} else {
			*stage.ToRun++
			*s.ToRun++
		}
	}
	s.Short = shortParts(p, c)
	s.Reasons, s.NotCompared = whyToRun(p, c)
	return s
}

// hit reports whether a step is in the cache; in a static plan none is known to be.
func hit(p *plan.Plan, c *cache.Cache, s *plan.Step) bool {
	if len(p.Static) > 0 {
		return false
	}
	_, ok := c.Lookup(s.Key)
	return ok
}

// cellList counts the steps of each cell.
func cellList(p *plan.Plan, c *cache.Cache) []cellSummary {
	list := make([]cellSummary, len(p.Cells))
	for i, cell := range p.Cells {
		list[i] = cellSummary{ID: cell.ID, Axes: map[string]string{}}
		for j, v := range cell.Values {
			list[i].Axes[p.Axes[j]] = v.String()
		}
		for _, s := range cell.Steps() {
			if hit(p, c, s) {
				list[i].Cached++
			} else {
				list[i].ToRun++
			}
		}
	}
	return list
}

func (a *app) printPlan(p *plan.Plan, c *cache.Cache, s planSummary, cells bool) {
	a.printf("%s: %s, %s (%s)\n", s.Experiment, plural(s.Cells, "cell"), plural(s.Steps, "step"), s.Depth)
	for _, reason := range s.Static {
		a.printf("  keys are unknown: %s\n", reason)
	}
	for _, split := range s.Splits {
		a.printf("  %s\n", split.text())
	}
	for _, n := range s.Pending {
		a.printf("  %s\n", n.text())
	}
	a.printf("\n  %-10s %8s %8s %8s\n", "stage", "steps", "cached", "to run")
	for _, stage := range plan.Stages() {
		if x := s.Stages[string(stage)]; x != nil {
			a.printf("  %-10s %8d %8s %8s\n", stage, x.Steps, orUnknown(x.Cached), orUnknown(x.ToRun))
		}
	}
	a.printf("  %-10s %8d %8s %8s\n", "all", s.Steps, orUnknown(s.Cached), orUnknown(s.ToRun))
	if s.Excluded > 0 {
		a.printf("\n%s excluded:\n", plural(s.Excluded, "cell"))
		for _, e := range p.Excluded {
			a.printf("  %s: %s\n", e.ID, e.Reason)
		}
	}
	a.printShort(s.Short)
	if cells {
		a.printf("\n")
		for _, cell := range cellList(p, c) {
			state := "cached"
			if cell.ToRun > 0 {
				state = plural(cell.ToRun, "step") + " to run"
			}
			a.printf("  %-60s %s\n", cell.ID, state)
		}
	}
	if len(s.Reasons) > 0 {
		a.printf("\nto run, because:\n")
	}
	for _, w := range s.Reasons {
		a.printf("  %s\n", strings.Join(w.lines(), "\n  "))
	}
	if s.NotCompared > 0 {
		a.printf("  and %s that were not compared with earlier ones\n", plural(s.NotCompared, "step"))
	}
}

// orUnknown is a number, or a question mark where there is none.
func orUnknown(n *int) string {
	if n == nil {
		return "?"
	}
	return strconv.Itoa(*n)
}

// plural counts things.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
