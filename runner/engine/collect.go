package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// Collect turns the outputs of a plan that has been run into the core of a version. Rows come in the order
// of the plan, so that equal results are equal bytes. Times, tool and resolved experiment are the caller's.
func Collect(ctx context.Context, p *plan.Plan, c *cache.Cache, res *Result, opt Options) (*record.Core, error) {
	g := &collector{
		ctx: ctx, plan: p, res: res, run: newRun(p, c, opt), core: &record.Core{},
		ranked: map[rankedSubset]bool{}, subsets: map[rankedSubset][]string{}, noted: map[string]int{}, models: newModelLedger(),
	}
	g.run.store.damaged = func(s *plan.Step, err error) {
		g.res.Damaged++
		g.run.event(Event{Kind: Damaged, Step: s, Err: err})
	}
	g.run.result, g.run.cellsDone = *res, len(p.Cells) // for events
	defer res.settle(&g.run.remade)
	g.manifest()
	if err := g.chains(); err != nil {
		return nil, err
	}
	for _, cell := range p.Cells {
		if err := g.cell(cell); err != nil {
			return nil, fmt.Errorf("cell %s: %w", cell.ID, err)
		}
	}
	g.core.Manifest.LLMs = g.models.entries()
	g.pending()
	g.choices()
	g.withhold()
	for _, e := range p.Excluded {
		g.core.Cells = append(g.core.Cells, record.Cell{ID: e.ID, Axes: axesOf(p, e.Values), Status: record.CellExcluded, Reason: e.Reason})
		g.core.Manifest.Excluded = append(g.core.Manifest.Excluded, record.Excluded{Cell: e.ID, Reason: e.Reason})
	}
	return g.core, nil
}

type collector struct {
	ctx  context.Context
	plan *plan.Plan
	res  *Result
	run  *run
	core *record.Core

	ranked  map[rankedSubset]bool     // rankings that are told of
	subsets map[rankedSubset][]string // the columns of subsets; nil of one that could not be made
	models  *modelLedger
	noted   map[string]int // where in the manifest a note of cells stands
}

// rankedSubset is a feature subset of a data set, by the experiment's names.
type rankedSubset struct {
	step            *plan.Step
	dataset, subset string
}

// manifest fills in what the plan alone knows.
func (g *collector) manifest() {
	m := &g.core.Manifest
	p := g.plan
	m.Experiment = p.Experiment.Name
	m.Complete = g.res.Failed == 0
	m.Plan = p.Hash()
	m.Axes = p.Axes
	m.AxisValues = axisValues(p)
	m.Numeric = plugins.Numeric()
	for _, w := range p.Experiment.Warnings {
		m.Warnings = append(m.Warnings, w.Path+": "+w.Message)
	}
	seen := map[string]bool{}
	used := map[record.PluginInfo]bool{}
	note := func(kind plan.Stage, r *cache.Recipe) {
		used[record.PluginInfo{Stage: string(kind), Name: r.Plugin, Version: r.Version}] = true
	}
	for _, c := range p.Cells {
		for _, s := range c.Steps() {
			note(s.Stage, &s.Recipe)
		}
		for _, x := range c.Measures {
			if x.Step != nil && len(x.Step.Recipe.Uses) > 0 { // a cell that is not estimable has no step
				if m.MetricUses == nil {
					m.MetricUses = map[string][]plugins.Use{}
				}
				m.MetricUses[x.Metric.Name] = withUses(m.MetricUses[x.Metric.Name], x.Step.Recipe.Uses)
			}
			if seen[x.Metric.Name] {
				continue
			}
			seen[x.Metric.Name] = true
			if len(x.Files) > 0 {
				m.MetricFiles = append(m.MetricFiles, record.MetricFiles{Metric: x.Metric.Name, Files: fileInfos(x.Files)})
			}
			for _, s := range x.Info.Scores {
				m.Scores = append(m.Scores, record.ScoreInfo{
					Metric: x.Metric.Name, Name: s.Name, Summary: s.Summary, Better: s.Better, Count: s.Count, Min: bounded(s.Min), Max: bounded(s.Max),
					NoInterval: s.NoInterval,
				})
			}
			for _, curve := range x.Info.Curves {
				m.Curves = append(m.Curves, record.CurveInfo{Metric: x.Metric.Name, CurveInfo: curve})
			}
		}
	}
	m.Scores = append(m.Scores, generationScores(plugins.GenerationMetric, plugins.GenerationScores())...)
	if slices.ContainsFunc(p.Cells, func(c *plan.Cell) bool { return c.Audit != nil && c.Audit.Asks() }) {
		m.Scores = append(m.Scores, generationScores(plugins.JudgingMetric, plugins.JudgingScores())...)
	}
	m.Plugins = slices.SortedFunc(maps.Keys(used), func(a, b record.PluginInfo) int {
		if a.Stage != b.Stage {
			return slices.Index(plan.Stages(), plan.Stage(a.Stage)) - slices.Index(plan.Stages(), plan.Stage(b.Stage))
		}
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
}

func bounded(x float64) *float64 {
	if math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// axisValues lists the values of each axis in the order of the cells' first use, excluded cells last.
func axisValues(p *plan.Plan) map[string][]string {
	out := map[string][]string{}
	seen := map[string]bool{}
	add := func(i int, text string) {
		if name := p.Axes[i]; !seen[name+"\x00"+text] {
			seen[name+"\x00"+text] = true
			out[name] = append(out[name], text)
		}
	}
	for _, c := range p.Cells {
		for i, v := range c.Values {
			add(i, v.String())
		}
	}
	for _, e := range p.Excluded {
		for i, v := range e.Values {
			add(i, v.String())
		}
	}
	return out
}

// chains adds each data set with its notes and the account of its rows, once for each variant of it.
func (g *collector) chains() error {
	type seen struct {
		dataset string
		step    *plan.Step
	}
	accounted := map[seen]bool{}
	told, err := g.told()
	if err != nil {
		return err
	}
	for _, c := range g.plan.AllChains() {
		if !slices.ContainsFunc(g.core.Manifest.Data, func(d record.DataInfo) bool { return d.Name == c.Dataset.Name }) {
			if err := g.data(c); err != nil {
				return err
			}
		}
		for _, s := range c.Steps() {
			if key := (seen{c.Dataset.Name, s}); accounted[key] {
				continue
			} else {
				accounted[key] = true
			}
			if err := g.account(c, s, told[c]); err != nil {
				return err
			}
		}
	}
	return nil
}

// account adds the notes of one step of a data set, and its counts as far as they are told.
func (g *collector) account(c *plan.Chain, s *plan.Step, told telling) error {
	f, err := g.facts(s)
	if err != nil {
		return err
	}
	for _, count := range f.Counts {
		if !told.tells(s.Stage, &count) {
			continue
		}
		for axis, value := range c.Variant {
			count.Dims = withDim(count.Dims, axis, value)
		}
		g.core.Counts = append(g.core.Counts, record.Count{Dataset: c.Dataset.Name, Stage: string(s.Stage), Count: count})
	}
	for _, n := range f.Notes {
		if c.Header != nil && slices.Contains(c.Header.Notes, n) {
			continue // said with the data set already
		}
		if c.Governance() == plugins.Restricted {
			n, _, _ = strings.Cut(n, labelMoves)
		}
		if note := c.Dataset.Name + ": " + n; !slices.Contains(g.core.Manifest.Notes, note) {
			g.core.Manifest.Notes = append(g.core.Manifest.Notes, note)
		}
	}
	return nil
}

// subset lists the columns of a cell's feature subset, by place, once for each subset of a data set.
func (g *collector) subset(c *plan.Cell) error {
	w := c.Generate.Work.(plan.GenerateWork)
	step := c.Generate.Inputs[1]
	key := g.subsetOf(c)
	_, listed := g.subsets[key]
	if _, failed := g.res.Failures[step]; failed || listed {
		return nil
	}
	g.subsets[key] = nil
	a, err := g.run.store.read(g.ctx, step)
	if err != nil {
		return err
	}
	g.ranking(c, step, a.meta.Facts)
	columns, err := w.Features.Cut(a.meta.Ranked, w.Suffix)
	if err != nil {
		return nil // the cells that need the subset say so
	}
	g.subsets[key] = columns
	g.leakage(c, key, columns)
	for i, column := range columns {
		dims := map[string]string{"features": key.subset, "column": column}
		for axis, value := range c.Dataset.Variant {
			dims[axis] = value
		}
		g.core.Counts = append(g.core.Counts, record.Count{
			Dataset: key.dataset, Stage: string(plan.StageFeatures), Count: plugins.Count{Name: "place of the feature", Dims: dims, Value: i + 1},
		})
	}
	return nil
}

// subsetOf is the feature subset of a cell.
func (g *collector) subsetOf(c *plan.Cell) rankedSubset {
	return rankedSubset{c.Generate.Inputs[1], c.Dataset.Dataset.Name, g.plan.Text(c, "features")}
}

// leakage notes which columns of a subset a model must not know, where the experiment allows them.
func (g *collector) leakage(c *plan.Cell, key rankedSubset, columns []string) {
	var leaks []string
	for _, name := range columns {
		if role := c.Dataset.Roles[name]; role.Leaks() {
			leaks = append(leaks, fmt.Sprintf("%s (%s)", name, role))
		}
	}
	if len(leaks) == 0 {
		return
	}
	note := fmt.Sprintf("%s: the features %s hold what a model must not know, as the experiment allows: %s", key.dataset, key.subset, strings.Join(leaks, ", "))
	if !slices.Contains(g.core.Manifest.Notes, note) {
		g.core.Manifest.Notes = append(g.core.Manifest.Notes, note)
	}
}

// ranking adds what a ranking found, once for each data set that it ranks the columns of.
func (g *collector) ranking(c *plan.Cell, step *plan.Step, f Facts) {
	key := rankedSubset{step: step, dataset: c.Dataset.Dataset.Name}
	if g.ranked[key] {
		return
	}
	g.ranked[key] = true
	for _, count := range f.Counts {
		count.Dims = withDim(count.Dims, "ranking", step.Recipe.Plugin)
		for axis, value := range c.Dataset.Variant {
			count.Dims = withDim(count.Dims, axis, value)
		}
		g.core.Counts = append(g.core.Counts, record.Count{Dataset: key.dataset, Stage: string(plan.StageFeatures), Count: count})
	}
	where := ""
	if c.Dataset.Restrict != nil {
		where = ", for each set of train hospitals"
	}
	for _, n := range f.Notes {
		if note := key.dataset + ": " + step.Recipe.Plugin + where + ": " + n; !slices.Contains(g.core.Manifest.Notes, note) {
			g.core.Manifest.Notes = append(g.core.Manifest.Notes, note)
		}
	}
}

// pending adds the cells whose values were never decided, since what decides them failed, or leaves no choice.
func (g *collector) pending() {
	for _, node := range g.plan.Pending {
		stage, reason := WhyPending(g.plan, g.res, node)
		for _, c := range node.Unresolved(g.plan.Axes) {
			g.core.Cells = append(g.core.Cells, record.Cell{ID: c.ID, Axes: axesOf(g.plan, c.Values), Status: record.CellFailed, Stage: string(stage), Reason: reason})
		}
	}
}

// WhyPending says why the cells of a node were never known once a run is over, and at which stage.
func WhyPending(p *plan.Plan, res *Result, node *plan.Pending) (plan.Stage, string) {
	if why := node.Undecided(); why != "" {
		return plan.StageMeasure, why
	}
	for _, other := range p.Pending {
		if slices.Contains(node.After(), other.Search) {
			return WhyPending(p, res, other)
		}
	}
	for _, s := range node.Waits {
		f, failed := res.Failures[s]
		if !failed {
			continue
		}
		if cell := node.CellOf(s); cell != nil {
			return f.Root.Stage, fmt.Sprintf("best.%s cannot be decided: cell %s failed: %s", node.Search, cell.ID, f.Err)
		}
		return f.Root.Stage, f.Err.Error()
	}
	return "", "it waits for the " + node.Wants
}

// withhold leaves out small counts of restricted data sets.
func (g *collector) withhold() {
	seen, any := map[string]bool{}, false
	for _, c := range g.plan.AllChains() {
		name := c.Dataset.Name
		if c.Governance() != plugins.Restricted || seen[name] {
			continue
		}
		seen[name] = true
		if i := slices.IndexFunc(g.core.Manifest.Data, func(d record.DataInfo) bool { return d.Name == name }); i >= 0 {
			g.core.Counts = withoutLeftOut(g.core.Counts, &g.core.Manifest.Data[i])
		}
		untold := slices.ContainsFunc(g.core.Manifest.Data, func(d record.DataInfo) bool {
			return d.Name == name && slices.ContainsFunc(d.Columns, func(c record.ColumnInfo) bool { return c.Missing == nil })
		})
		kept, left := withhold(g.core.Counts, name, untold)
		g.core.Counts, any = kept, any || left
	}
	if any {
		g.core.Manifest.Notes = append(g.core.Manifest.Notes, fmt.Sprintf(
			"counts of fewer than %d rows of restricted data are withheld, and those that would tell them by subtraction", plugins.FewestTold))
	}
}

func fileInfos(files []plan.File) []record.FileInfo {
	var out []record.FileInfo
	for _, f := range files {
		out = append(out, record.FileInfo{Role: f.Role, Bytes: f.Bytes, SHA256: string(f.Hash)})
	}
	return out
}

// data describes a data set: what it is, where it comes from, and its columns as they were read.
func (g *collector) data(c *plan.Chain) error {
	info := record.DataInfo{Name: c.Dataset.Name, Plugin: c.Info.Name, Files: fileInfos(c.Files)}
	if c.Header != nil {
		info.Licence, info.Citation, info.Notes = c.Header.Licence, c.Header.Citation, c.Header.Notes
	}
	info.Governance = c.Governance()
	if c.Dataset.Licence != "" {
		info.Licence = c.Dataset.Licence
	}
	if c.Dataset.Citation != "" {
		info.Citation = c.Dataset.Citation
	}
	if c.Dataset.Note != "" {
		info.Notes = append(slices.Clone(info.Notes), c.Dataset.Note)
	}
	info.Simulated = info.Governance == plugins.Simulated || c.Header != nil && c.Header.Governance == plugins.Simulated
	if info.Simulated {
		g.core.Manifest.Simulated = true
	}
	f, err := g.facts(c.Read)
	if err != nil {
		return err
	}
	info.Truth = f.Truth
	for _, v := range f.Variables {
		column := record.ColumnInfo{Name: v.Name, Kind: string(v.Kind), Unit: v.Unit, Role: string(c.Roles[v.Name]), Missing: &v.Missing}
		if info.Governance == plugins.Restricted && few(v.Missing) {
			column.Missing = nil
		}
		info.Columns = append(info.Columns, column)
	}
	g.core.Manifest.Data = append(g.core.Manifest.Data, info)
	return nil
}

// cell adds a cell with its scores. A metric that failed leaves a row for each score that it declares.
func (g *collector) cell(c *plan.Cell) error {
	row := record.Cell{ID: c.ID, Axes: axesOf(g.plan, c.Values), Status: record.CellOK}
	if f := failureOf(c, g.res.Failures); f != nil {
		row.Status, row.Stage, row.Reason = record.CellFailed, string(f.Root.Stage), f.Err.Error()
	}
	if c.NotEstimable != "" {
		row.Status, row.Stage, row.Reason = record.CellNotEstimable, string(plan.StageSites), c.NotEstimable
		g.core.Cells = append(g.core.Cells, row)
		for _, m := range c.Measures {
			for _, s := range m.Info.Scores {
				g.score(c, m, plugins.Score{Name: s.Name, Status: plugins.Undefined, Reason: c.NotEstimable})
			}
		}
		g.withoutRows(c, plugins.Undefined, c.NotEstimable)
		return nil
	}
	g.core.Cells = append(g.core.Cells, row)
	warnings, err := g.generated(c)
	if err != nil {
		return err
	}
	if err := g.shadows(c); err != nil {
		return err
	}
	if c.Audit != nil {
		judged, err := g.audited(c)
		if err != nil {
			return err
		}
		warnings = append(warnings, judged...)
	}
	if err := g.subset(c); err != nil {
		return err
	}
	from := len(g.core.Scores)
	for _, m := range c.Measures {
		if err := g.measured(c, m); err != nil {
			return err
		}
	}
	for i := range g.core.Scores[from:] {
		if s := &g.core.Scores[from+i]; s.Status == plugins.OK {
			s.Warnings = slices.Concat(s.Warnings, warnings)
		}
	}
	return nil
}

// measured adds what a metric of a cell measured.
func (g *collector) measured(c *plan.Cell, m plan.Measure) error {
	if f, failed := g.res.Failures[m.Step]; failed {
		for _, s := range m.Info.Scores {
			g.score(c, m, plugins.Score{Name: s.Name, Status: plugins.Failed, Reason: failureText(f)})
		}
		return nil
	}
	a, err := g.run.store.read(g.ctx, m.Step)
	if err != nil {
		return err
	}
	for _, s := range a.meta.Measurement.Scores {
		if s.Status == plugins.OK && m.Info.Family == plugins.Privacy && pretrained(c) {
			s.Warnings = append(s.Warnings, "rows of these data may be in the pre-training of the language model, which no attack on its output can exclude")
		}
		g.score(c, m, s)
		if d := drawsOf(a.meta.Measurement, s); d != nil {
			g.core.Scores[len(g.core.Scores)-1].Draws = d
		}
	}
	for _, curve := range a.meta.Measurement.Curves {
		curve.Dims = merged(m.Metric.Dims, curve.Dims)
		g.core.Curves = append(g.core.Curves, record.Curve{Cell: c.ID, Metric: m.Metric.Name, Curve: curve})
	}
	counts := a.meta.Measurement.Counts
	for i := range counts {
		counts[i].Dims = withDim(counts[i].Dims, "metric", m.Metric.Name)
	}
	g.counts(c, plan.StageMeasure, counts)
	return nil
}

// pretrained reports whether a cell asks models whose training nobody here knows, of patients that there are.
func pretrained(c *plan.Cell) bool {
	return c.Dataset.Governance() != plugins.Simulated && slices.ContainsFunc(c.Models, func(m plan.Model) bool { return !m.Provider.Info().Simulated })
}

// drawsOf finds the draws of a score; nil where the metric gives none.
func drawsOf(m *plugins.Measurement, s plugins.Score) *record.Draws {
	for _, d := range m.Draws {
		if d.Score == s.Name && maps.Equal(d.Dims, s.Dims) {
			return &record.Draws{Unit: d.Unit, Of: d.Of, Values: d.Values}
		}
	}
	return nil
}

// failureText is a failure as scores tell it.
func failureText(f *Failure) string { return fmt.Sprintf("%s: %v", f.Root.Stage, f.Err) }

func (g *collector) counts(c *plan.Cell, stage plan.Stage, counts []plugins.Count) {
	for _, count := range counts {
		g.core.Counts = append(g.core.Counts, record.Count{Dataset: c.Dataset.Dataset.Name, Cell: c.ID, Stage: string(stage), Count: count})
	}
}

func (g *collector) score(c *plan.Cell, m plan.Measure, s plugins.Score) {
	s.Dims = merged(m.Metric.Dims, s.Dims)
	g.core.Scores = append(g.core.Scores, record.Score{Cell: c.ID, Metric: m.Metric.Name, Score: s})
}

// facts returns what a finished step left; a step that failed left nothing. What the index does not have, or
// has damaged, the output has.
func (g *collector) facts(s *plan.Step) (Facts, error) {
	var f Facts
	if _, failed := g.res.Failures[s]; failed {
		return f, nil
	}
	if b, ok := g.run.facts(s.Key); ok {
		if len(b) == 0 {
			return f, nil
		}
		if err := json.Unmarshal(b, &f); err == nil && !f.Long {
			return f, nil
		}
	}
	a, err := g.run.store.read(g.ctx, s)
	if err != nil {
		return f, err
	}
	return a.meta.Facts, nil
}

// merged returns the metric's dims in the experiment, then those of the score itself.
func merged(fixed, own map[string]string) map[string]string {
	if len(fixed) == 0 {
		return own
	}
	out := maps.Clone(fixed)
	maps.Copy(out, own)
	return out
}

func axesOf(p *plan.Plan, values []spec.Value) map[string]string {
	out := make(map[string]string, len(values))
	for i, v := range values {
		out[p.Axes[i]] = v.String()
	}
	return out
}

// withUses adds the libraries of a cell to those of cells before it: some cells of a metric have more than others.
func withUses(uses, more []plugins.Use) []plugins.Use {
	uses = slices.Clone(uses)
	for _, u := range more {
		if !slices.Contains(uses, u) {
			uses = append(uses, u)
		}
	}
	slices.SortFunc(uses, func(a, b plugins.Use) int { return strings.Compare(a.Name, b.Name) })
	return uses
}
