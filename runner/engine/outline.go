package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
)

// Outliner works out what steps would ask of language models. It sends nothing and writes nothing: outputs that the cache lacks
// are made in memory, and kept there for the steps that follow.
type Outliner struct {
	run        *run
	calibrated map[string]bool // real records whose judging is outlined with the first step that has them
}

// NewOutliner prepares to outline steps of a plan.
func NewOutliner(p *plan.Plan, c *cache.Cache, opt Options) *Outliner {
	r := newRun(p, c, opt)
	r.dry, r.memo = true, plugins.NewMemo()
	r.store.damaged = func(*plan.Step, error) {} // made again here, told of by the run that needs it
	o := &Outliner{run: r}
	o.Take(p)
	return o
}

// Take goes on to a plan: one of the experiment of those before, whose outputs are kept for it.
func (o *Outliner) Take(p *plan.Plan) {
	for _, s := range p.Steps {
		o.run.store.want(s) // holds what the steps outlined have in common
	}
	o.calibrated = map[string]bool{}
}

// Facts are what the index of the cache would say of a step's output, which is made in memory where the cache lacks it.
func (o *Outliner) Facts(ctx context.Context, s *plan.Step) (json.RawMessage, error) {
	a, err := o.run.store.load(ctx, s)
	if err != nil {
		return nil, err
	}
	return a.meta.Facts.json(), nil
}

// Outline returns what a step would ask, a call for each kind of request; an error when it asks no models.
func (o *Outliner) Outline(ctx context.Context, s *plan.Step) (*plugins.Outline, error) {
	out, err := o.outline(ctx, s, false)
	if err == nil && len(out.Calls) == 0 {
		err = errors.New("it would ask nothing")
	}
	return out, err
}

// Requests is Outline, but of records that are at hand each request that judges one is a call of its own, so that those with an answer
// can be told from the others. Requests about real records that stand in several lineups may come with one of these alone.
func (o *Outliner) Requests(ctx context.Context, s *plan.Step) (*plugins.Outline, error) {
	if w, judges := s.Work.(plan.JudgeWork); judges && w.Consulting != nil {
		return o.outline(ctx, s, true)
	}
	return o.Outline(ctx, s)
}

func (o *Outliner) outline(ctx context.Context, s *plan.Step, each bool) (*plugins.Outline, error) {
	switch w := s.Work.(type) {
	case plan.GenerateWork:
		if w.Prompting != nil {
			return o.generate(ctx, s, w)
		}
	case plan.JudgeWork:
		if w.Consulting != nil {
			return o.judge(ctx, s, w, each)
		}
	}
	return nil, fmt.Errorf("%s asks no language model", s.Label)
}

// generate outlines a step that makes rows. What a later round asks for hangs on what is dropped: between nothing and all of it.
func (o *Outliner) generate(ctx context.Context, s *plan.Step, w plan.GenerateWork) (*plugins.Outline, error) {
	g, err := o.run.generation(ctx, s, w)
	if err != nil {
		return nil, err
	}
	task, _, err := g.task(ctx)
	if err != nil {
		return nil, err
	}
	env, end := o.run.env(s, w.Rand, 1)
	defer end()
	if w.Shadow != nil {
		env.Memo = nil // no other step reads its rows
	}
	if o.run.opt.Models != nil {
		env.LLM, _ = o.run.opt.Models.Open(w.Caller)
	}
	out, err := w.Prompting.Outline(ctx, env, task)
	if err == nil && w.Round > 0 {
		perhaps(out, w.Round)
	}
	return out, err
}

// perhaps makes an outline one of what may be asked, or not. Half of the rows of each round are expected to be dropped.
func perhaps(out *plugins.Outline, round int) {
	for i := range out.Calls {
		call := &out.Calls[i]
		call.Low, call.Expected = 0, (call.Expected+1<<round-1)>>round
	}
}

// judge outlines the judging of a lineup, with each request by itself or not. Synthetic rows that are not at hand are judged like rows
// of train, which are alike in form; the real records that stand beside them are known before. Those that stand in several lineups are
// outlined with the first of them.
func (o *Outliner) judge(ctx context.Context, s *plan.Step, w plan.JudgeWork, each bool) (*plugins.Outline, error) {
	lineup := s.Inputs[0]
	if each && o.atHand(lineup.Inputs[1]) {
		of, err := o.run.store.load(ctx, lineup)
		if err != nil {
			return nil, err
		}
		return o.judging(ctx, s, w, of.table, 0)
	}
	like, err := o.like(ctx, s, w)
	if err != nil {
		return nil, err
	}
	real, err := o.run.mix(ctx, lineup, lineup.Work.(plan.LineupWork), like.Take(nil))
	if err != nil {
		return nil, err
	}
	made := lineup.Inputs[1].Work.(plan.GenerateWork)
	records := made.N
	if !each {
		records += real.table.Rows()
	}
	out, err := o.judging(ctx, s, w, like, records)
	if err != nil {
		return nil, err
	}
	for i := range out.Calls {
		out.Calls[i].Likeness = true
	}
	if made.Round > 0 {
		perhaps(out, made.Round)
	}
	of := []string{string(lineup.Recipe.Settings), lineup.Recipe.Data, s.Recipe.Plugin, string(s.Recipe.Settings)}
	key := strings.Join(slices.Concat(of, lineup.Work.(plan.LineupWork).TestSites, real.table.Names()), "\x00")
	if each && !o.calibrated[key] {
		o.calibrated[key] = true
		beside, err := o.judging(ctx, s, w, real.table, 0)
		if err != nil {
			return nil, err
		}
		out.Calls = append(out.Calls, beside.Calls...)
	}
	return out, nil
}

// atHand reports whether the rows of a step are known: it was run, or it does no more than to hand out real ones.
func (o *Outliner) atHand(s *plan.Step) bool {
	if _, ok := o.run.cache.Lookup(s.Key); ok {
		return true
	}
	w := s.Work.(plan.GenerateWork)
	return w.Info.Hands && w.Prompting == nil && w.Round == 0
}

// like are some rows of train with the columns of the records that a step judges.
func (o *Outliner) like(ctx context.Context, s *plan.Step, w plan.JudgeWork) (*frame.Frame, error) {
	prepared, err := o.run.store.load(ctx, s.Inputs[1])
	if err != nil {
		return nil, err
	}
	chosen, err := o.run.store.load(ctx, w.Columns)
	if err != nil {
		return nil, err
	}
	variables, err := w.Features.Cut(chosen.meta.Ranked, w.Suffix)
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	columns := append(prepared.meta.Prepared.NaturalNames(variables), w.Target)
	train, _, err := o.run.partOf(ctx, s.Inputs[1], prepared, plugins.Train, columns, "", nil)
	if err != nil {
		return nil, err
	}
	const sample = 50 // by which the size of a request is judged
	first := make([]int, min(sample, train.Rows()))
	for i := range first {
		first[i] = i
	}
	return train.Take(first), nil
}

// judging is what the auditor of a step says that it would ask of so many records like the given ones; of 0, of these themselves.
func (o *Outliner) judging(ctx context.Context, s *plan.Step, w plan.JudgeWork, records *frame.Frame, number int) (*plugins.Outline, error) {
	in := plugins.Lineup{Frame: records, Shape: plugins.Records, Target: w.Target, About: w.About, Limits: w.Limits}
	var err error
	if in.Styles, err = o.run.styles(ctx, s.Inputs[1], records.Names()); err != nil {
		return nil, err
	}
	env, end := o.run.env(s, w.Rand, 1)
	defer end()
	if o.run.opt.Models != nil {
		env.LLM, _ = o.run.opt.Models.Open(w.Caller)
	}
	return w.Consulting.Outline(ctx, env, in, number)
}
