package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/engine"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/report"
	"github.com/ehrlab/ehrlab/runner/spec"
)

func (a *app) runCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "run EXPERIMENT",
		Short: "run what is missing of an experiment and write its tables and plots",
		Long: `run checks an experiment, runs the steps that are not in the cache, and writes a version of results with
tables and plots. Stopped at any moment, the same command takes up where it was. Equal results make no new
version. A failed step fails the cells that need it; the others go on, and the tables say so.`,
		Example: `  ehrlab run experiments/quickstart.cue
  ehrlab run --workers 1 --json experiments/quickstart.cue`,
		Args: usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.run(cmd.Context(), args[0])
		},
	}
}

// runEnd is the last line of run --json.
type runEnd struct {
	Event       string  `json:"event"` // "end"
	Experiment  string  `json:"experiment"`
	Version     string  `json:"version"` // empty when no cell has a result
	New         bool    `json:"new"`     // false: an earlier version holds equal results
	Complete    bool    `json:"complete"`
	Cells       int     `json:"cells"`
	Excluded    int     `json:"excluded"`
	StepsRun    int     `json:"steps_run"`
	StepsCached int     `json:"steps_cached"`
	Failed      int     `json:"failed"` // cells
	Damaged     int     `json:"damaged"`
	Results     string  `json:"results"`
	Seconds     float64 `json:"seconds"`
}

func (a *app) run(ctx context.Context, path string) error {
	started := time.Now()
	e, err := a.loadExperiment(path, spec.Require)
	if err != nil {
		return err
	}
	if !a.json {
		a.warn(e)
	}
	c, err := a.openCache(false)
	if err != nil {
		return err
	}
	defer c.Close()
	p, err := a.makePlan(e, c)
	if err != nil {
		return wrong(err)
	}
	progress := a.newProgress(p)
	opt := a.engineOptions(progress.event)
	res, err := engine.Run(ctx, p, c, opt)
	progress.end()
	if errors.Is(err, engine.ErrInterrupted) {
		return fmt.Errorf("%w: what was finished is kept; the same command goes on from there", err)
	}
	if err != nil {
		return err
	}
	end := runEnd{
		Event: "end", Experiment: e.Name, Complete: res.Failed == 0, Cells: res.Cells, Excluded: len(p.Excluded),
		StepsRun: res.StepsRun, StepsCached: res.StepsCached, Failed: res.Failed, Damaged: res.Damaged,
	}
	if res.StepsRun > 0 || !a.upToDate(&end, p) {
		if err := a.record(ctx, p, c, res, opt, started, &end); err != nil {
			return err
		}
	}
	end.Seconds = time.Since(started).Seconds()
	if err := a.printRun(p, res, end); err != nil {
		return err
	}
	switch {
	case res.Bug:
		return &exit{exitBug, nil}
	case res.Failed > 0:
		return &exit{exitIncomplete, nil}
	}
	return nil
}

// upToDate reports whether the newest version was made from the same steps and experiment, and its tables
// and plots from the same views. It reads no output, only the list of versions and the trace of the newest.
func (a *app) upToDate(end *runEnd, p *plan.Plan) bool {
	versions, _, err := record.List(a.settings.Results, end.Experiment)
	if err != nil || len(versions) == 0 {
		return false
	}
	newest := versions[len(versions)-1]
	_, hash := p.Experiment.Resolved()
	if newest.Resolved != hash || newest.Complete != end.Complete {
		return false
	}
	dir := filepath.Join(a.settings.Results, end.Experiment, newest.Name())
	views := viewsOf(p.Experiment)
	trace, err := record.ReadTrace(dir)
	if err != nil || trace.Plan != p.Hash() || trace.Views != record.ViewsHash(views) || !report.Exists(dir, views) {
		return false
	}
	end.Version, end.Results = newest.Name(), dir
	return true
}

// viewsOf are the declared tables and plots.
func viewsOf(e *spec.Experiment) record.Views {
	return record.Views{Title: e.Title, Tables: e.Tables, Plots: e.Plots}
}

// record writes the version and its tables and plots.
func (a *app) record(ctx context.Context, p *plan.Plan, c *cache.Cache, res *engine.Result, opt engine.Options, started time.Time, end *runEnd) error {
	core, err := engine.Collect(ctx, p, c, res, opt)
	if err != nil {
		return err
	}
	end.StepsRun, end.Damaged = res.StepsRun, res.Damaged
	if res.Failed > 0 && !slices.ContainsFunc(core.Scores, func(s record.Score) bool { return s.Status != plugins.Failed }) {
		return nil // not one number: nothing to record
	}
	m := &core.Manifest
	m.Resolved, m.ResolvedHash = p.Experiment.Resolved()
	m.Tool = tool()
	m.Started, m.Finished = started.UTC().Truncate(time.Second), time.Now().UTC().Truncate(time.Second)
	views := viewsOf(p.Experiment)
	w, err := record.Write(a.settings.Results, core, views)
	if err != nil {
		return fmt.Errorf("results: %w", err)
	}
	for _, n := range w.Notes {
		a.log.Warn(n)
	}
	end.Version, end.Results, end.New = w.Name, w.Dir, w.New
	if err := a.render(w.Dir); err != nil {
		return err
	}
	return record.WriteTrace(w.Dir, traceOf(p, views))
}

// traceOf names the steps that the numbers of each cell come from.
func traceOf(p *plan.Plan, views record.Views) record.Trace {
	t := record.Trace{Plan: p.Hash(), Views: record.ViewsHash(views), Cells: make([]record.CellTrace, len(p.Cells))}
	for i, c := range p.Cells {
		t.Cells[i] = record.CellTrace{Cell: c.ID, Generate: string(c.Generate.Key), Measures: map[string]string{}}
		for _, m := range c.Measures {
			t.Cells[i].Measures[m.Metric.Name] = string(m.Step.Key)
		}
	}
	return t
}

// render makes the tables and plots of a version from what it records.
func (a *app) render(dir string) error {
	v, err := record.OpenDir(dir)
	if err != nil {
		return err
	}
	if err := report.Render(v.Core, v.Views, a.registry, dir); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// printRun prints what a run came to: the tables, then where the rest is.
func (a *app) printRun(p *plan.Plan, res *engine.Result, end runEnd) error {
	if a.json {
		a.printJSON(end)
		return nil
	}
	if end.StepsRun == 0 && !end.New && res.Failed == 0 && len(res.Failures) == 0 && end.Damaged == 0 {
		a.printf("%s: nothing to do; %s, all %s cached, results in %s (%s)\n",
			end.Experiment, plural(end.Cells, "cell"), plural(end.StepsCached, "step"), end.Results, seconds(end.Seconds))
		return nil
	}
	if end.Version == "" {
		a.printFailures(p, res)
		a.errf("%s: no cell has a result, so no version is recorded\n", end.Experiment)
		return nil
	}
	v, err := record.OpenDir(end.Results)
	if err != nil {
		return err
	}
	if err := a.printTables(v, ""); err != nil {
		return err
	}
	a.printFailures(p, res)
	state := "new version " + end.Version
	if !end.New {
		state = "equal to version " + end.Version
	}
	a.printf("%s: %s, %s run, %s cached, %d failed; %s (%s)\n", end.Experiment, plural(end.Cells, "cell"),
		plural(end.StepsRun, "step"), plural(end.StepsCached, "step"), end.Failed, state, seconds(end.Seconds))
	a.printf("results: %s\n", end.Results)
	for _, plot := range v.Views.Plots {
		a.printf("plot:    %s\n", filepath.Join(end.Results, "plots", plot.Name+".svg"))
	}
	return nil
}

// printFailures prints each failed step once, with the cells that lack a result because of it.
func (a *app) printFailures(p *plan.Plan, res *engine.Result) {
	cells := map[*plan.Step]int{}
	for _, c := range p.Cells {
		seen := map[*plan.Step]bool{}
		for _, s := range stepsOf(c) {
			if f, ok := res.Failures[s]; ok && !seen[f.Root] {
				seen[f.Root] = true
				cells[f.Root]++
			}
		}
	}
	for _, s := range p.Steps {
		if f, ok := res.Failures[s]; ok && f.Root == s {
			a.errf("failed: %s: %v (%s without this result)\n", s.Label, f.Err, plural(cells[s], "cell"))
		}
	}
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond).String()
}
