package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// Collect turns the outputs of a plan that has been run into the core of a version. Rows come in the order
// of the plan, so that equal results are equal bytes. Times, tool and resolved experiment are the caller's.
func Collect(ctx context.Context, p *plan.Plan, c *cache.Cache, res *Result, opt Options) (*record.Core, error) {
	g := &collector{ctx: ctx, plan: p, res: res, run: newRun(p, c, opt), core: &record.Core{}}
	g.run.store.damaged = func(s *plan.Step, err error) {
		g.res.Damaged++
		g.run.event(Event{Kind: Damaged, Step: s, Err: err})
	}
	g.manifest()
	if err := g.chains(); err != nil {
		return nil, err
	}
	for _, cell := range p.Cells {
		if err := g.cell(cell); err != nil {
			return nil, fmt.Errorf("cell %s: %w", cell.ID, err)
		}
	}
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
}

// manifest fills in what the plan alone knows.
func (g *collector) manifest() {
	m := &g.core.Manifest
	p := g.plan
	m.Format = 1
	m.Experiment = p.Experiment.Name
	m.Complete = g.res.Failed == 0
	m.Plan = p.Hash()
	m.Axes = p.Axes
	m.AxisValues = axisValues(p)
	m.Numeric = plan.Numeric()
	for _, w := range p.Experiment.Warnings {
		m.Warnings = append(m.Warnings, w.Path+": "+w.Message)
	}
	seen := map[string]bool{}
	used := map[record.PluginInfo]bool{}
	note := func(kind plan.Stage, r *cache.Recipe) {
		used[record.PluginInfo{Kind: string(kind), Name: r.Plugin, Version: r.Version}] = true
	}
	for _, c := range p.Cells {
		for _, s := range append(slices.Clone(c.Generate.Inputs), c.Generate, c.Dataset.Read) {
			note(s.Stage, &s.Recipe)
		}
		for _, x := range c.Measures {
			note(plan.StageMeasure, &x.Step.Recipe)
			if seen[x.Metric.Name] {
				continue
			}
			seen[x.Metric.Name] = true
			for _, s := range x.Info.Scores {
				m.Scores = append(m.Scores, record.ScoreInfo{
					Metric: x.Metric.Name, Name: s.Name, Summary: s.Summary, Better: s.Better, Min: finite(s.Min), Max: finite(s.Max),
				})
			}
		}
	}
	m.Plugins = slices.SortedFunc(maps.Keys(used), func(a, b record.PluginInfo) int {
		if a.Kind != b.Kind {
			return slices.Index(plan.Stages(), plan.Stage(a.Kind)) - slices.Index(plan.Stages(), plan.Stage(b.Kind))
		}
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
}

func finite(x float64) *float64 {
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

// chains adds each data set with its notes and the account of its rows.
func (g *collector) chains() error {
	var seen []*plan.Chain
	for _, cell := range g.plan.Cells {
		c := cell.Dataset
		if slices.Contains(seen, c) {
			continue
		}
		again := slices.ContainsFunc(seen, func(x *plan.Chain) bool { return x.Dataset.Name == c.Dataset.Name })
		seen = append(seen, c)
		if !again {
			g.data(c)
		}
		dims := g.variant(cell)
		for _, s := range append([]*plan.Step{c.Read, c.Cohort, c.Split, c.Prepare}, g.featureSteps(c)...) {
			f, err := g.facts(s)
			if err != nil {
				return err
			}
			for _, count := range f.Counts {
				for axis, value := range dims {
					count.Dims = withDim(count.Dims, axis, value)
				}
				g.core.Counts = append(g.core.Counts, record.Count{Dataset: c.Dataset.Name, Stage: string(s.Stage), Count: count})
			}
			for _, n := range f.Notes {
				if c.Header != nil && slices.Contains(c.Header.Notes, n) {
					continue // said with the data set already
				}
				if note := c.Dataset.Name + ": " + n; !slices.Contains(g.core.Manifest.Notes, note) {
					g.core.Manifest.Notes = append(g.core.Manifest.Notes, note)
				}
			}
		}
	}
	return nil
}

// variant names the values of the declared axes of a cell: they may change what its data are.
func (g *collector) variant(c *plan.Cell) map[string]string {
	dims := map[string]string{}
	for i, axis := range g.plan.Axes {
		if g.plan.Declared(axis) {
			dims[axis] = c.Values[i].String()
		}
	}
	return dims
}

// featureSteps lists the feature steps of a data set, in the order of the plan.
func (g *collector) featureSteps(c *plan.Chain) []*plan.Step {
	var steps []*plan.Step
	for _, s := range g.plan.Steps {
		if s.Stage == plan.StageFeatures && s.Inputs[0] == c.Prepare {
			steps = append(steps, s)
		}
	}
	return steps
}

func (g *collector) data(c *plan.Chain) {
	info := record.DataInfo{Name: c.Dataset.Name, Plugin: c.Info.Name}
	for _, f := range c.Files {
		info.Files = append(info.Files, record.FileInfo{Role: f.Role, Bytes: f.Bytes, SHA256: string(f.Hash)})
	}
	if c.Header != nil {
		info.Governance, info.Licence, info.Citation, info.Notes = c.Header.Governance, c.Header.Licence, c.Header.Citation, c.Header.Notes
	}
	if c.Dataset.Governance != "" {
		info.Governance = c.Dataset.Governance
	}
	if c.Dataset.Licence != "" {
		info.Licence = c.Dataset.Licence
	}
	if c.Dataset.Citation != "" {
		info.Citation = c.Dataset.Citation
	}
	if c.Dataset.Note != "" {
		info.Notes = append(slices.Clone(info.Notes), c.Dataset.Note)
	}
	if info.Governance == plugins.Simulated {
		g.core.Manifest.Simulated = true
	}
	g.core.Manifest.Data = append(g.core.Manifest.Data, info)
}

// cell adds a cell with its scores. A metric that failed leaves a row for each score that it declares.
func (g *collector) cell(c *plan.Cell) error {
	row := record.Cell{ID: c.ID, Axes: axesOf(g.plan, c.Values), Status: record.CellOK}
	if f := failureOf(c, g.res.Failures); f != nil {
		row.Status, row.Stage, row.Reason = record.CellFailed, string(f.Root.Stage), f.Err.Error()
	}
	g.core.Cells = append(g.core.Cells, row)
	if _, failed := g.res.Failures[c.Generate]; !failed {
		f, err := g.facts(c.Generate)
		if err != nil {
			return err
		}
		g.counts(c, plan.StageGenerate, f.Counts)
	}
	for _, m := range c.Measures {
		if f, failed := g.res.Failures[m.Step]; failed {
			for _, s := range m.Info.Scores {
				g.score(c, m, plugins.Score{Name: s.Name, Status: plugins.Failed, Reason: fmt.Sprintf("%s: %v", f.Root.Stage, f.Err)})
			}
			continue
		}
		a, err := g.run.store.read(g.ctx, m.Step)
		if err != nil {
			return err
		}
		for _, s := range a.meta.Measurement.Scores {
			g.score(c, m, s)
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
	}
	return nil
}

func (g *collector) counts(c *plan.Cell, stage plan.Stage, counts []plugins.Count) {
	for _, count := range counts {
		g.core.Counts = append(g.core.Counts, record.Count{Dataset: c.Dataset.Dataset.Name, Cell: c.ID, Stage: string(stage), Count: count})
	}
}

func (g *collector) score(c *plan.Cell, m plan.Measure, s plugins.Score) {
	s.Dims = merged(m.Metric.Dims, s.Dims)
	g.core.Scores = append(g.core.Scores, record.Score{Cell: c.ID, Metric: m.Metric.Name, Score: s})
}

// facts returns what a finished step left; a step that failed left nothing.
func (g *collector) facts(s *plan.Step) (Facts, error) {
	var f Facts
	if b, ok := g.run.facts(s.Key); ok && len(b) > 0 {
		if err := json.Unmarshal(b, &f); err != nil {
			return f, fmt.Errorf("facts of %s: %w", s.Label, err)
		}
	}
	return f, nil
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

// Verified is what a check of stored outputs came to.
type Verified struct {
	Checked int
	Differ  []*plan.Step // whose output, made again, is another
}

// Verify makes outputs of a plan that are in the cache again and compares them with what is stored.
// share is how many of them, in (0,1]: they are spread evenly over the plan.
func Verify(ctx context.Context, p *plan.Plan, c *cache.Cache, share float64, opt Options) (*Verified, error) {
	r := newRun(p, c, opt)
	v := &Verified{}
	r.store.damaged = func(s *plan.Step, err error) { r.event(Event{Kind: Damaged, Step: s, Err: err}) }
	due := 0.0
	for _, s := range p.Steps {
		entry, hit := c.Lookup(s.Key)
		if !hit {
			continue
		}
		if due += share; due < 1 {
			continue
		}
		due--
		start := time.Now()
		r.event(Event{Kind: Started, Step: s})
		r.store.want(s)
		a, err := r.call(ctx, s, max(opt.Workers, 1))
		if err != nil {
			return v, fmt.Errorf("%s: %w", s.Label, err)
		}
		r.store.release(s)
		_, digest, err := a.encode()
		if err != nil {
			return v, err
		}
		v.Checked++
		if digest != entry.Digest {
			v.Differ = append(v.Differ, s)
		}
		r.event(Event{Kind: Done, Step: s, Elapsed: time.Since(start)})
	}
	return v, nil
}
