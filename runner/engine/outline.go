package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/sheet"
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
	r.dry = true
	for _, s := range p.Steps {
		r.store.want(s) // holds what the steps outlined have in common
	}
	r.store.damaged = func(*plan.Step, error) {} // made again here, told of by the run that needs it
	return &Outliner{run: r, calibrated: map[string]bool{}}
}

// Outline returns what a step would ask; an error when it asks no models.
func (o *Outliner) Outline(ctx context.Context, s *plan.Step) (*plugins.Outline, error) {
	var out *plugins.Outline
	var err error
	switch w := s.Work.(type) {
	case plan.GenerateWork:
		if w.Prompting != nil {
			out, err = o.generate(ctx, s, w)
		}
	case plan.JudgeWork:
		if w.Consulting != nil {
			out, err = o.judge(ctx, s, w)
		}
	}
	if err != nil {
		return nil, err
	}
	if out == nil {
		return nil, fmt.Errorf("%s asks no language model", s.Label)
	}
	if len(out.Calls) == 0 {
		return nil, errors.New("it would ask nothing")
	}
	return out, nil
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
	if o.run.opt.Models != nil {
		env.LLM, _ = o.run.opt.Models.Open(w.Caller)
	}
	out, err := w.Prompting.Outline(ctx, env, task)
	if err == nil && w.Round > 0 {
		perhaps(out)
	}
	return out, err
}

// perhaps makes an outline one of what may be asked, or not: half of it is expected.
func perhaps(out *plugins.Outline) {
	for i := range out.Calls {
		out.Calls[i].Low, out.Calls[i].Expected = 0, (out.Calls[i].Expected+1)/2
	}
}

// judge outlines the judging of synthetic rows by rows of train, which are alike in form. Real records that stand in several lineups
// are judged once, with the first of them.
func (o *Outliner) judge(ctx context.Context, s *plan.Step, w plan.JudgeWork) (*plugins.Outline, error) {
	lineup := s.Inputs[0]
	made := lineup.Inputs[1].Work.(plan.GenerateWork)
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
	like, _, err := o.run.partOf(ctx, s.Inputs[1], prepared, plugins.Train, columns, "", nil)
	if err != nil {
		return nil, err
	}
	records := made.N
	mixed := lineup.Work.(plan.LineupWork)
	if key := string(lineup.Recipe.Settings) + lineup.Recipe.Data + s.Recipe.Plugin + string(s.Recipe.Settings) + w.Suffix; mixed.Config != nil && !o.calibrated[key] {
		o.calibrated[key] = true
		test, _, err := o.run.partOf(ctx, s.Inputs[1], prepared, plugins.Test, columns, mixed.Site, mixed.TestSites)
		if err != nil {
			return nil, err
		}
		rows := test.Rows()
		records += min(cmp.Or(mixed.Config.Rows, rows), rows) + min(max(mixed.Config.Shuffled, 0), rows)
	}
	const sample = 50 // records by which the size of a request is judged
	first := make([]int, min(sample, like.Rows()))
	for i := range first {
		first[i] = i
	}
	in := plugins.Lineup{Frame: like.Take(first), Shape: plugins.Records, Target: w.Target, About: w.About, Limits: w.Limits}
	in.Styles = sheet.Styles(like)
	env, end := o.run.env(s, w.Rand, 1)
	defer end()
	if o.run.opt.Models != nil {
		env.LLM, _ = o.run.opt.Models.Open(w.Caller)
	}
	out, err := w.Consulting.Outline(ctx, env, in, records)
	if err != nil {
		return nil, err
	}
	for i := range out.Calls {
		out.Calls[i].Likeness = true
	}
	if made.Round > 0 {
		perhaps(out)
	}
	return out, nil
}
