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
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/rate"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// measure hands the metric the parts that it declared. The pair is shared by the metrics of a cell. Where groups of the synthetic
// rows have shares set by design, a metric that rates the rows, and not their audit, measures twice: all rows, and those drawn to the real
// shares.
func (r *run) measure(ctx context.Context, s *plan.Step, w plan.MeasureWork, threads int) (*artifact, error) {
	pair, err := r.pairOf(ctx, s, w, false)
	if err != nil {
		return nil, err
	}
	rows := len(w.Info.Reads) > 0 // else it rates files, and neither the test rows nor the weights of synthetic ones matter
	if why := tooFew(pair, w); why != "" && rows {
		return measured(&plugins.Measurement{Scores: rate.Undefined(w.Info, why)}), nil
	}
	m, err := r.rate(ctx, s, w, pair, threads)
	if err != nil {
		return nil, err
	}
	generated, err := r.store.load(ctx, s.Inputs[1])
	if err != nil {
		return nil, err
	}
	if generated.strata() == nil || !rows || w.Info.Audited { // an audit is of the rows as they were made
		return measured(m), nil
	}
	if pair, err = r.pairOf(ctx, s, w, true); err != nil {
		return nil, err
	}
	weighted := &plugins.Measurement{}
	if pair.Synthetic.Rows() == 0 {
		weighted.Scores = rate.Undefined(w.Info, noStratum(generated.strata()))
	} else if weighted, err = r.rate(ctx, s, w, pair, threads); err != nil {
		return nil, fmt.Errorf("%s: %w", plugins.PostStratified, err)
	}
	addWeighted(m, weighted, pair.Synthetic.Rows(), len(generated.strata().Codes))
	return measured(m), nil
}

func measured(m *plugins.Measurement) *artifact {
	return &artifact{meta: meta{Measurement: m, Facts: Facts{Counts: m.Counts, ScoreFacts: scoreFacts(m)}}}
}

// scoreFacts are the scores that are one number each: of all rows, as they are.
func scoreFacts(m *plugins.Measurement) *plan.ScoreFacts {
	f := &plan.ScoreFacts{Scores: map[string]*float64{}}
	for i := range m.Scores {
		s := &m.Scores[i]
		if len(s.Dims) > 0 {
			continue
		}
		f.Scores[s.Name] = nil
		if s.Status == plugins.OK {
			f.Scores[s.Name] = &s.Value
		}
	}
	return f
}

// rate calls the metric, and holds it to what it declared.
func (r *run) rate(ctx context.Context, s *plan.Step, w plan.MeasureWork, pair *plugins.Pair, threads int) (*plugins.Measurement, error) {
	env, end := r.env(s, w.Rand, threads)
	defer end()
	m, err := rate.Job{
		Metric: w.Plugin, Info: w.Info, Env: env, Rand: w.Resample,
		Subsamples: w.Subsamples, By: w.By, Groups: rateGroups(w.Groups), Minimum: rate.Minimum(w.Least), Fewest: w.Fewest,
	}.Measure(ctx, pair)
	var breach *rate.Breach
	if errors.As(err, &breach) {
		return nil, &BugError{What: breach.What}
	}
	return m, err
}

// rateGroups are the groups of an experiment as those of a job.
func rateGroups(list []spec.Group) []rate.Group {
	out := make([]rate.Group, len(list))
	for i, g := range list {
		out[i] = rate.Group(g)
	}
	return out
}

// shadows returns the shadow models that a metric asked for, which are the further inputs of its step.
func (r *run) shadows(ctx context.Context, s *plan.Step) ([]plugins.Shadow, error) {
	var out []plugins.Shadow
	for _, in := range s.Inputs[2:][:s.Work.(plan.MeasureWork).Shadows] {
		a, err := r.store.load(ctx, in)
		if err != nil {
			return nil, err
		}
		if a.meta.Generated == nil {
			return nil, &BugError{What: "a shadow model does not say which rows of train it was given"}
		}
		out = append(out, plugins.Shadow{Members: a.meta.Generated.Members, Synthetic: a.table})
	}
	return out, nil
}

// pairOf returns the pair of a measure step, made once for all metrics of the cell; with weighted, that of the synthetic rows which
// are drawn to the real shares of their groups.
func (r *run) pairOf(ctx context.Context, s *plan.Step, w plan.MeasureWork, weighted bool) (*plugins.Pair, error) {
	limits, err := json.Marshal(w.Limits)
	if err != nil {
		return nil, err
	}
	roles := pairRoles{
		target: w.Target, subject: w.Subject, site: w.Site, testSites: strings.Join(w.TestSites, "\x00"),
		beside: strings.Join(w.Beside, "\x00"), limits: string(limits), weighted: weighted, audited: w.Audit != nil,
		on: w.On,
	}
	for _, in := range s.Inputs[2:] {
		roles.shadows += string(in.Key) + "\x00"
	}
	return r.store.pairOf(ctx, s.Inputs[1], roles, func(a *artifact) (*plugins.Pair, error) {
		pair, err := r.pair(ctx, s.Inputs[0], w, a)
		if err == nil && weighted {
			pair = plugins.NewPair(pair.Parts, a.table.Take(postStratified(a.strata(), &plan.Origin(s.Inputs[1]).Recipe)), w.Target)
		}
		if err == nil {
			pair.Limits = w.Limits
			pair.Handed = plan.Origin(s.Inputs[1]).Work.(plan.GenerateWork).Info.Hands
		}
		if err == nil && a.meta.Generated != nil {
			pair.Exposed = a.meta.Generated.Exposed
		}
		if err == nil {
			pair.Shadows, err = r.shadows(ctx, s)
		}
		if err == nil && w.Audit != nil {
			pair.Fewest = w.Fewest
			pair.Audit, err = r.audited(ctx, w.Audit, a)
		}
		return pair, err
	})
}

// besides returns those of the named columns that a part has; nil when none is named.
func besides(part *frame.Frame, names []string) (*frame.Frame, error) {
	if len(names) == 0 {
		return nil, nil
	}
	return part.Select(slices.DeleteFunc(slices.Clone(names), func(name string) bool { return part.Column(name) == nil })...)
}

// pair puts the parts that metrics may read beside the synthetic rows. Reference rows are never among them, nor are test rows where
// validation rows stand in their place: then the validation part has no rows.
func (r *run) pair(ctx context.Context, prepared *plan.Step, w plan.MeasureWork, synthetic *artifact) (*plugins.Pair, error) {
	of, err := r.store.load(ctx, prepared)
	if err != nil {
		return nil, err
	}
	samples := map[plugins.Part]plugins.Sample{}
	for _, p := range []plugins.Part{plugins.Train, plugins.Validation, plugins.Test} {
		source := p
		if p == plugins.Test && w.On != "" {
			source = w.On
		}
		f, whole, err := r.partOf(ctx, prepared, of, source, synthetic.table.Names(), w.Site, w.TestSites)
		if err != nil {
			return nil, err
		}
		if p == w.On {
			f, whole = f.Take(nil), whole.Take(nil)
		}
		sample := plugins.Sample{Frame: f}
		if w.Subject != "" {
			sample.Subject = whole.Column(w.Subject)
		}
		if w.Site != "" {
			sample.Site = whole.Column(w.Site)
		}
		if sample.Beside, err = besides(whole, w.Beside); err != nil {
			return nil, fmt.Errorf("%s part: %w", p, err)
		}
		samples[p] = sample
	}
	return plugins.NewPair(plugins.NewParts(samples), synthetic.table, w.Target), nil
}

// partOf returns the rows of a part that are complete in some columns, with these columns and with all; of the test part those of some
// hospitals, where these are named.
func (r *run) partOf(ctx context.Context, prepared *plan.Step, of *artifact, p plugins.Part, columns []string, site string, sites []string) (f, whole *frame.Frame, err error) {
	if whole, err = r.store.part(ctx, prepared, p); err != nil {
		return nil, nil, err
	}
	if p == plugins.Test && sites != nil {
		if whole, err = atSites(whole, site, sites); err != nil {
			return nil, nil, err
		}
	}
	if f, err = whole.Select(columns...); err != nil || of.meta.Prepared == nil { // events are as they are
		return f, whole, err
	}
	rows, _, err := of.meta.Prepared.Complete(f)
	if err != nil {
		return nil, nil, fmt.Errorf("%s part: %w", p, err)
	}
	if rows != nil {
		f, whole = f.Take(rows), whole.Take(rows)
	}
	return f, whole, nil
}
