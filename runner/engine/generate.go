package engine

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/label"
	"github.com/ehrlab/ehrlab/plugins/prepare"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/rate"
)

// spentError is why a generate step failed, with what its strategy had come to by then.
type spentError struct {
	err    error
	counts []plugins.Count
	usage  []plugins.Usage
}

func (e *spentError) Error() string { return e.err.Error() }
func (e *spentError) Unwrap() error { return e.err }

// generate hands the strategy the parts that it declared, cut to the chosen variables and the label, in the model space, or in
// natural units where it asks models; what it returns comes back in the units and columns of the data.
func (r *run) generate(ctx context.Context, s *plan.Step, w plan.GenerateWork, threads int) (*artifact, error) {
	if w.Round > 0 {
		before, err := r.store.load(ctx, s.Inputs[2])
		if err != nil {
			return nil, err
		}
		w.N = before.meta.Decided.Lacks
		if w.N == 0 { // nothing was dropped: nothing is to be made in its place
			return &artifact{table: before.table.Take(nil), meta: meta{Facts: Facts{Label: &LabelFacts{}}}}, nil
		}
	}
	if w.Shape == plugins.Events {
		return r.generateEvents(ctx, s, w, threads)
	}
	g, err := r.generation(ctx, s, w)
	if err != nil {
		return nil, err
	}
	task, counts, err := g.task(ctx)
	if err != nil {
		return nil, err
	}
	incomplete, notes, err := r.incomplete(ctx, s.Inputs[0], w, g.fitted, g.columns)
	if err != nil {
		return nil, err
	}
	out, usage, err := g.call(ctx, s, task, threads)
	if err != nil {
		return nil, err
	}
	table, done, err := g.natural(out, task.Parts.Get(w.Info.Reads[0]).Frame)
	if err != nil {
		return nil, &spentError{err, out.Counts, usage}
	}
	a := &artifact{table: table, meta: meta{Facts: Facts{
		Counts: slices.Concat(counts, incomplete, out.Counts, done), Notes: slices.Concat(notes, out.Notes),
		Dependent: out.Dependent, Label: labelFacts(table.Column(w.Target), g.label),
	}}}
	a.keep(out, usage)
	if g.members != nil {
		if a.meta.Generated == nil {
			a.meta.Generated = &generated{}
		}
		a.meta.Generated.Members = g.members
	}
	return a, nil
}

// natural returns the rows of a strategy in the units and columns of the data, once they are what the strategy was to make of what it read.
func (g *generation) natural(out *plugins.Generated, read *frame.Frame) (*frame.Frame, []plugins.Count, error) {
	if err := checkGenerated(out, read, g.work.N); err != nil {
		return nil, nil, err
	}
	table, done, err := g.space.Decode(out.Frame)
	if err != nil || g.work.Prompting == nil {
		return table, done, err
	}
	table, merged, err := g.fitted.Merged(table) // models may have been told levels that the data are without
	return table, slices.Concat(done, merged), err
}

// keep notes what later steps need of a strategy's output besides its rows.
func (a *artifact) keep(out *plugins.Generated, usage []plugins.Usage) {
	if out.Exposed == nil && out.Strata == nil && len(usage) == 0 {
		return
	}
	a.meta.Generated = &generated{Exposed: out.Exposed, Strata: out.Strata}
	for _, u := range usage {
		a.meta.Generated.Responses = append(a.meta.Generated.Responses, u.Responses)
		u.Responses = nil
		a.meta.Usage = append(a.meta.Usage, u)
	}
}

// generation is a generate step at work.
type generation struct {
	run      *run
	prepared *plan.Step
	work     plan.GenerateWork
	fitted   *prepare.Fitted
	space    *prepare.Space // that the strategy reads and writes
	columns  []string       // natural, the label last
	label    *frame.Column  // of all parts, for what its classes are
	members  []int          // of the complete train rows, those that a shadow model is given; nil: all
}

// generation returns a generate step with what its inputs decide.
func (r *run) generation(ctx context.Context, s *plan.Step, w plan.GenerateWork) (*generation, error) {
	prepared, err := r.store.load(ctx, s.Inputs[0])
	if err != nil {
		return nil, err
	}
	chosen, err := r.store.load(ctx, s.Inputs[1])
	if err != nil {
		return nil, err
	}
	variables, err := w.Features.Cut(chosen.meta.Ranked, w.Suffix)
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	fitted := prepared.meta.Prepared
	g := &generation{
		run: r, prepared: s.Inputs[0], work: w, fitted: fitted, space: &fitted.Space,
		columns: append(fitted.NaturalNames(variables), w.Target), label: prepared.table.Column(w.Target),
	}
	if w.Prompting != nil {
		g.space = fitted.Folded()
	}
	return g, nil
}

// task gathers what the strategy reads, with the counts of rows that it is not to have.
func (g *generation) task(ctx context.Context) (plugins.Task, []plugins.Count, error) {
	w := g.work
	task := plugins.Task{Target: w.Target, N: w.N}
	samples := map[plugins.Part]plugins.Sample{}
	var counts []plugins.Count
	for _, p := range w.Info.Reads {
		whole, err := g.run.store.part(ctx, g.prepared, p)
		if err != nil {
			return task, nil, err
		}
		of, err := g.read(whole, p)
		if err != nil {
			return task, nil, err
		}
		counts = append(counts, inPart(of.counts, p)...)
		samples[p] = of.sample
		if p == plugins.Train && w.Prompting != nil {
			task.Beside, task.Rows, task.Labels = of.beside, of.rows, whole.Column(w.Target)
		}
	}
	task.Parts = plugins.NewParts(samples)
	if w.Prompting != nil {
		task.About, task.Limits = w.About, g.fitted.Limits(w.Limits)
	}
	return task, counts, nil
}

// read is what a strategy reads of one part.
type read struct {
	sample plugins.Sample
	beside *frame.Frame
	rows   []int // of the part; nil stands for all
	counts []plugins.Count
}

// read cuts out what the strategy reads of a part. Steps that read the same of it share the columns.
func (g *generation) read(whole *frame.Frame, p plugins.Part) (read, error) {
	w := g.work
	if w.Shadow != nil {
		return g.readPart(whole, p)
	}
	type key struct {
		whole                            *frame.Frame
		part                             plugins.Part
		columns, beside, target, subject string
		prompting                        bool
	}
	text := func(names []string) string { return strings.Join(names, "\x00") }
	return plugins.Remember(g.run.memo, key{whole, p, text(g.columns), text(w.Beside), w.Target, w.Subject, w.Prompting != nil}, func() (read, error) {
		return g.readPart(whole, p)
	})
}

func (g *generation) readPart(whole *frame.Frame, p plugins.Part) (read, error) {
	var out read
	var err error
	if out.sample.Frame, out.rows, out.counts, err = g.cut(whole); err != nil {
		return out, fmt.Errorf("%s part: %w", p, err)
	}
	if p != plugins.Train {
		return out, nil
	}
	if g.work.Shadow != nil {
		out.sample.Frame, out.rows = g.shade(out.sample.Frame, out.rows, whole)
	}
	if g.work.Prompting != nil {
		out.sample, out.beside, err = g.told(out.sample.Frame, whole, out.rows)
	}
	return out, err
}

// shade leaves a shadow model its share of the subjects of the train rows f, which are the given rows of the whole part; nil
// stands for all. Which subjects these are hangs on no seed and no strategy.
func (g *generation) shade(f *frame.Frame, rows []int, train *frame.Frame) (*frame.Frame, []int) {
	if rows == nil {
		rows = make([]int, f.Rows())
		for i := range rows {
			rows[i] = i
		}
	}
	units := rate.Units(train.Column(g.work.Subject), rows)
	rng := plugins.NewRand(0, g.work.Shadow.Data, plugins.ForResample).For(plugins.ForResample, "shadow", strconv.Itoa(g.work.Shadow.Index))
	given := int(math.Round(g.work.Shadow.Share * float64(len(units))))
	g.members = []int{}
	for _, unit := range rng.Perm(len(units))[:given] {
		g.members = append(g.members, units[unit]...)
	}
	slices.Sort(g.members)
	of := make([]int, len(g.members))
	for i, member := range g.members {
		of[i] = rows[member]
	}
	return f.Take(g.members), of
}

// cut takes the columns of a part, leaves out the rows that a subset of them is not to have, and leads it into the space of the
// strategy. rows are those that stay; nil stands for all.
func (g *generation) cut(part *frame.Frame) (f *frame.Frame, rows []int, counts []plugins.Count, err error) {
	if f, err = part.Select(g.columns...); err != nil {
		return nil, nil, nil, err
	}
	rows, left, err := g.fitted.Complete(f)
	if err != nil {
		return nil, nil, nil, err
	}
	if rows != nil {
		f = f.Take(rows)
	}
	f, outside, err := g.space.Encode(f)
	return f, rows, slices.Concat(left, outside), err
}

// told completes the train part f of a strategy that asks models: with the subjects, which tell how many patients rows stand for,
// and the further columns that it reads, for the same rows. A one-hot set goes by its name, folded; any other column is as it is.
func (g *generation) told(f, train *frame.Frame, rows []int) (plugins.Sample, *frame.Frame, error) {
	if rows != nil {
		train = train.Take(rows)
	}
	sample := plugins.Sample{Frame: f, Subject: train.Column(g.work.Subject)}
	if len(g.work.Beside) == 0 {
		return sample, nil, nil
	}
	var columns []*frame.Column
	for _, name := range g.work.Beside {
		of, err := train.Select(g.space.NaturalNames([]string{name})...)
		if err != nil {
			return sample, nil, fmt.Errorf("column %q, which the strategy reads beside the features: %w", name, err)
		}
		if of.Column(name) == nil {
			if of, _, err = g.space.Encode(of); err != nil {
				return sample, nil, err
			}
		}
		columns = append(columns, of.Columns()...)
	}
	beside, err := frame.New(columns...)
	return sample, beside, err
}

// call makes the strategy generate, with its models where it asks some.
func (g *generation) call(ctx context.Context, s *plan.Step, task plugins.Task, threads int) (*plugins.Generated, []plugins.Usage, error) {
	env, end := g.run.env(s, g.work.Rand, threads)
	defer end()
	if g.work.Prompting == nil {
		out, err := g.work.Plugin.Generate(ctx, env, task)
		return out, nil, err
	}
	models, used, err := g.run.open(s, g.work.Caller, g.work.Models)
	if err != nil {
		return nil, nil, err
	}
	env.LLM = models
	out, err := g.work.Plugin.Generate(ctx, env, task)
	if err != nil {
		return nil, nil, spent(err, used())
	}
	return out, used(), nil
}

// labelFacts counts the events and classes of synthetic rows. What the event is, the classes of the data decide.
func labelFacts(synthetic, data *frame.Column) *LabelFacts {
	facts := &LabelFacts{Rows: synthetic.Len(), Labelled: synthetic.Len() - synthetic.MissingCount()}
	is, binary := event(data)
	facts.Binary = binary
	seen := map[string]bool{}
	for row, value := range texts(synthetic) {
		if synthetic.IsMissing(row) {
			continue
		}
		seen[value] = true
		if binary && is(synthetic, row) {
			facts.Events++
		}
	}
	facts.Classes = len(seen)
	return facts
}

// event tells rows with the event from the others; binary is false where the label of the data has not two classes.
func event(data *frame.Column) (is func(c *frame.Column, row int) bool, binary bool) {
	if data.Kind == frame.Number {
		for _, v := range data.Numbers {
			if v != 0 && v != 1 && !math.IsNaN(v) {
				return nil, false
			}
		}
		return func(c *frame.Column, row int) bool { return c.Numbers[row] == 1 }, true
	}
	positive, err := label.Positive(data)
	if err != nil {
		return nil, false
	}
	return func(c *frame.Column, row int) bool { return c.Levels[c.Codes[row]] == positive }, true
}

// incomplete tells what complete cases of the subset leave out of the parts that the strategy does not read: of the test
// rows above all, and what that does to the label.
func (r *run) incomplete(ctx context.Context, prepared *plan.Step, w plan.GenerateWork, fitted *prepare.Fitted, columns []string) (counts []plugins.Count, notes []string, err error) {
	if fitted.Missing != prepare.DropBySubset {
		return nil, nil, nil
	}
	for _, p := range plugins.AllParts() {
		part, err := r.store.part(ctx, prepared, p)
		if err != nil {
			return nil, nil, err
		}
		f, err := part.Select(columns...)
		if err != nil {
			return nil, nil, err
		}
		rows, left, err := fitted.Complete(f)
		if err != nil || rows == nil {
			continue // what reads the part says so
		}
		if !slices.Contains(w.Info.Reads, p) { // those of the others are counted where they are read
			counts = append(counts, inPart(left, p)...)
		}
		if n := dropped(p, f, f.Take(rows), w.Target); n != "" {
			notes = append(notes, n)
		}
	}
	return counts, notes, nil
}
