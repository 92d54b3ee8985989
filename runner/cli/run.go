package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/crate"
	"github.com/ehrlab/ehrlab/runner/engine"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/report"
	"github.com/ehrlab/ehrlab/runner/spec"
)

func (a *app) runCommand() *cobra.Command {
	var replay string
	cmd := &cobra.Command{
		Use:   "run EXPERIMENT",
		Short: "run what is missing of an experiment and write its tables, plots and page",
		Long: `run checks an experiment, runs the steps that are not in the cache, and writes a version of results with
tables and plots, and report.html, which shows them all in a browser. Stopped at any moment, it goes on from there when started again. Equal results make no
new version. A step that fails leaves the cells that need it without a result, and the tables say so; the
other cells go on. With --json it prints a line for every event, the last one with what the run came to.

Answers of language models are kept for good, and none is paid for twice. Where the budget ends, the run stops asking, keeps
what it has and exits with 5; it goes on from there once the budget is raised. With --replay all answers come from a
recording that 'ehrlab llm record' made: nothing is sent, and what the recording lacks fails.`,
		Example: `  ehrlab run experiments/quickstart.cue
  ehrlab run --workers 1 --json experiments/quickstart.cue
  ehrlab run --replay answers.recording experiments/llm-quickstart.cue`,
		Args: arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			started := time.Now()
			return a.withPlan(args[0], spec.Require, cache.Options{}, func(p *plan.Plan, c *cache.Cache) error {
				m, err := a.openModels(p.Experiment, replay, false)
				if err != nil {
					return err
				}
				err = a.run(cmd.Context(), p, c, m, started)
				if m != nil {
					err = errors.Join(err, m.close())
				}
				return err
			})
		},
	}
	cmd.Flags().StringVar(&replay, "replay", "", "`file` of answers that stand in for the language models")
	return cmd
}

// runEnd is the last line of run --json.
type runEnd struct {
	Event        string  `json:"event"` // "end"
	Experiment   string  `json:"experiment"`
	Version      string  `json:"version"` // empty when no cell has a result
	New          bool    `json:"new"`     // false: an earlier version holds equal results
	Complete     bool    `json:"complete"`
	Cells        int     `json:"cells"`
	Excluded     int     `json:"excluded"`
	NotEstimable int     `json:"not_estimable"` // their test hospital has too few rows
	StepsRun     int     `json:"steps_run"`
	StepsCached  int     `json:"steps_cached"`
	Failed       int     `json:"failed"` // cells
	Budget       bool    `json:"budget"` // it kept some of them from being finished
	Damaged      int     `json:"damaged"`
	Remade       bool    `json:"remade"` // tables and plots were made again, though no step ran
	Interrupted  bool    `json:"interrupted"`
	Results      string  `json:"results"`
	Seconds      float64 `json:"seconds"`
}

// run runs a plan and records what comes out.
func (a *app) run(ctx context.Context, p *plan.Plan, c *cache.Cache, m *models, started time.Time) error {
	named, err := record.Register(a.settings.Results, p.Experiment.Name, record.NewRegistration(p.Experiment, started))
	if err != nil {
		return fmt.Errorf("results: %w", err)
	}
	progress := a.newProgress(p)
	defer progress.end() // also when the engine panics
	a.graceful.Store(true)
	opt := a.askingOptions(m)
	opt.Listen = progress.event
	res, err := engine.Run(ctx, p, c, opt)
	progress.end()
	if errors.Is(err, engine.ErrInterrupted) && a.json {
		a.printJSON(runEnd{
			Event: "end", Experiment: p.Experiment.Name, Cells: len(p.Cells), Excluded: len(p.Excluded), Interrupted: true,
			StepsRun: res.StepsRun, StepsCached: res.StepsCached, Damaged: res.Damaged, Seconds: time.Since(started).Seconds(),
		})
		return &exit{exitInterrupt, nil}
	}
	if errors.Is(err, engine.ErrInterrupted) {
		return fmt.Errorf("%w: what was finished is kept; the same command goes on from there", err)
	}
	var mistake *plan.MistakeError
	if errors.As(err, &mistake) {
		return wrong(mistake)
	}
	if err != nil {
		return err
	}
	end := runEnd{
		Event: "end", Experiment: p.Experiment.Name, Complete: res.Failed == 0, Cells: res.Cells, Excluded: len(p.Excluded),
		NotEstimable: res.NotEstimable, StepsRun: res.StepsRun, StepsCached: res.StepsCached, Failed: res.Failed, Budget: res.Budget, Damaged: res.Damaged,
	}
	views := viewsOf(p.Experiment, named)
	views.Source = a.portable(p.Experiment)
	if res.StepsRun > 0 || !a.upToDate(&end, p, views) {
		if err := a.record(ctx, p, c, res, opt, started, views, &end); err != nil {
			return err
		}
		end.Remade = end.StepsRun == 0 && !end.New
	}
	if err := a.remember(c); err != nil {
		return err
	}
	end.Seconds = time.Since(started).Seconds()
	if err := a.printRun(p, res, end); err != nil {
		return err
	}
	switch {
	case res.Bug:
		return &exit{exitBug, nil}
	case res.Budget:
		return &exit{exitBudget, nil}
	case res.Failed > 0:
		return &exit{exitIncomplete, nil}
	}
	return nil
}

// remember notes in the cache that the results folder was made from it, so that gc spares what it needs.
func (a *app) remember(c *cache.Cache) error {
	root, err := filepath.Abs(a.settings.Results)
	if err == nil {
		err = c.AddRoot(root)
	}
	if err != nil && !errors.Is(err, cache.ErrReadOnly) {
		return fmt.Errorf("cache: %w", err)
	}
	return nil
}

// upToDate reports whether a version was made from the same steps and experiment, its tables and plots from
// the same views, and all its files are as they were written. It reads no output of the cache.
func (a *app) upToDate(end *runEnd, p *plan.Plan, views record.Views) bool {
	versions, _, err := record.List(a.settings.Results, end.Experiment)
	if err != nil {
		return false
	}
	_, hash := p.Experiment.Resolved()
	for _, v := range slices.Backward(versions) {
		dir := filepath.Join(a.settings.Results, end.Experiment, v.Name())
		if v.Resolved != hash || v.Complete != end.Complete {
			continue
		}
		trace, err := record.ReadTrace(dir)
		if err != nil || trace.Plan != p.Hash() || trace.Views != record.ViewsHash(views) || !report.Exists(dir, views) || !crate.Exists(dir) {
			continue
		}
		if err := record.Verify(dir); err != nil {
			a.log.Warn(err.Error())
			continue
		}
		end.Version, end.Results = v.Name(), dir
		return true
	}
	return false
}

// viewsOf are the declared tables, plots and contrasts, with what was named as contrasts so far, and with what they say of the data sets: as
// declared, else as the plugin says.
func viewsOf(e *spec.Experiment, named []record.Registration) record.Views {
	data := map[string]record.DataText{}
	for i := range e.Datasets {
		d := &e.Datasets[i]
		text := record.DataText{Licence: d.Licence, Citation: d.Citation}
		if h := e.Headers[d.Name]; h != nil {
			text.Licence, text.Citation = cmp.Or(d.Licence, h.Licence), cmp.Or(d.Citation, h.Citation)
			text.Notes = slices.Clone(h.Notes)
		}
		if d.Note != "" {
			text.Notes = append(text.Notes, d.Note)
		}
		data[d.Name] = text
	}
	views := record.Views{Title: e.Title, Tables: e.Tables, Plots: e.Plots, Checks: e.Checks, Primary: e.Primary, Inference: e.Inference, Published: e.Published, Data: data}
	if slices.ContainsFunc(named, func(r record.Registration) bool { return len(r.Contrasts) > 0 }) {
		views.Registered = named // also where none is named any more
	}
	return views
}

// record writes the version and its tables and plots.
func (a *app) record(ctx context.Context, p *plan.Plan, c *cache.Cache, res *engine.Result, opt engine.Options, started time.Time, views record.Views, end *runEnd) error {
	core, err := engine.Collect(ctx, p, c, res, opt)
	if err != nil {
		return err
	}
	end.StepsRun, end.StepsCached, end.Damaged = res.StepsRun, res.StepsCached, res.Damaged
	if res.Failed > 0 && !slices.ContainsFunc(core.Scores, func(s record.Score) bool { return s.Status != plugins.Failed }) {
		return nil // not one number: nothing to record
	}
	m := &core.Manifest
	m.Resolved, m.ResolvedHash = p.Experiment.Resolved()
	m.Tool = tool()
	m.Started, m.Finished = started.UTC().Truncate(time.Second), time.Now().UTC().Truncate(time.Second)
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
		t.Cells[i] = record.CellTrace{Cell: c.ID, Measures: map[string]string{}}
		if c.NotEstimable != "" {
			continue
		}
		t.Cells[i].Generate = string(c.Generate.Key)
		if c.Audit != nil {
			for _, s := range c.Audit.Steps() {
				t.Cells[i].Audit = append(t.Cells[i].Audit, record.AuditTrace{Stage: string(s.Stage), Label: s.Label, Key: string(s.Key)})
			}
		}
		for _, m := range c.Measures {
			t.Cells[i].Measures[m.Metric.Name] = string(m.Step.Key)
		}
	}
	return t
}

// render makes the tables and plots of a version, and its description, from what it records.
func (a *app) render(dir string) error {
	v, err := record.OpenDir(dir)
	if err != nil {
		return err
	}
	if err := report.Render(v.Core, v.Views, a.registry, dir); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return crate.Write(v)
}

// portable is the text of an experiment that its results keep; nil where it would name a path of this machine.
func (a *app) portable(e *spec.Experiment) *spec.Portable {
	p, err := e.Portable()
	if err != nil {
		a.log.Warn("the text of the experiment is not kept with its results: " + err.Error())
		return nil
	}
	for _, place := range machinePaths(p) {
		a.errf("warning: %s, a path of this machine, and is kept with the results; 'ehrlab bundle' packs no such text\n", place)
	}
	return p
}

// printRun prints what a run came to: the tables, then where the rest is.
func (a *app) printRun(p *plan.Plan, res *engine.Result, end runEnd) error {
	if a.json {
		a.printJSON(end)
		return nil
	}
	if end.StepsRun == 0 && !end.New && !end.Remade && res.Failed == 0 && end.Damaged == 0 {
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
	switch {
	case end.Remade:
		state = "equal to version " + end.Version + ", its tables and plots made again"
	case !end.New:
		state = "equal to version " + end.Version
	}
	cells := plural(end.Cells, "cell")
	if end.NotEstimable > 0 {
		cells += fmt.Sprintf(" (%d not estimable)", end.NotEstimable)
	}
	a.printf("%s: %s, %s run, %s cached, %d failed; %s (%s)\n", end.Experiment, cells,
		plural(end.StepsRun, "step"), plural(end.StepsCached, "step"), end.Failed, state, seconds(end.Seconds))
	a.printf("results: %s\n", end.Results)
	a.printf("page:    %s\n", filepath.Join(end.Results, report.PageFile))
	for _, plot := range v.Views.Plots {
		a.printf("plot:    %s\n", filepath.Join(end.Results, "plots", plot.Name+".svg"))
	}
	return nil
}

// failed is one reason that steps failed for.
type failed struct {
	label  string // of the first of them
	reason string
	steps  int
	cells  []string // that lack a result
}

// printFailures prints each reason once, with how many cells lack a result because of it.
func (a *app) printFailures(p *plan.Plan, res *engine.Result) {
	var order []*failed
	byReason := map[string]*failed{}
	of := map[*plan.Step]*failed{}
	for _, s := range p.Steps {
		f, ok := res.Failures[s]
		if !ok || f.Root != s {
			continue
		}
		key := string(s.Stage) + "\x00" + f.Err.Error()
		if byReason[key] == nil {
			byReason[key] = &failed{label: s.Label, reason: f.Err.Error()}
			order = append(order, byReason[key])
		}
		byReason[key].steps++
		of[s] = byReason[key]
	}
	for _, c := range p.Cells {
		seen := map[*failed]bool{}
		for _, s := range c.Steps() {
			if f, ok := res.Failures[s]; ok && !seen[of[f.Root]] {
				seen[of[f.Root]] = true
				of[f.Root].cells = append(of[f.Root].cells, c.ID)
			}
		}
	}
	var undecided []string
	for _, node := range p.Pending {
		seen := map[*failed]bool{}
		for _, s := range node.Waits {
			if f, ok := res.Failures[s]; ok && !seen[of[f.Root]] {
				seen[of[f.Root]] = true
				for _, c := range node.Unresolved(p.Axes) {
					of[f.Root].cells = append(of[f.Root].cells, c.ID)
				}
			}
		}
		if node.Search != "" {
			_, why := engine.WhyPending(p, res, node)
			undecided = append(undecided, fmt.Sprintf("%s: %s (%s)", node.Axis, why, plural(node.Cells(), "cell")))
		}
	}
	for _, f := range order {
		label := f.label
		if f.steps > 1 {
			label = fmt.Sprintf("%s and %d more", label, f.steps-1)
		}
		example := ""
		if len(f.cells) > 0 {
			example = ", such as " + f.cells[0]
		}
		a.errf("failed: %s: %s (%s without this result%s)\n", label, f.reason, plural(len(f.cells), "cell"), example)
	}
	for _, text := range undecided {
		a.errf("failed: %s\n", text)
	}
	if res.Budget {
		a.errf("the budget ended the run: what was paid for is kept, and the same command goes on from there once the budget is raised\n")
	}
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond).String()
}
