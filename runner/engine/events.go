package engine

import (
	"context"
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/runner/plan"
)

// stackEvents is the preparation of events: it leaves them as they are, and counts the patients of each part.
func stackEvents(parts map[plugins.Part]*frame.Frame, subject string) (*artifact, error) {
	a, err := stack(parts)
	if err != nil {
		return nil, err
	}
	a.meta.Patients = map[plugins.Part]int{}
	for _, p := range plugins.AllParts() {
		n := len(events.Patients(parts[p].Column(subject)))
		a.meta.Patients[p] = n
		a.meta.Counts = append(a.meta.Counts, plugins.Count{Name: "patients", Dims: map[string]string{"part": string(p)}, Value: n})
	}
	return a, nil
}

// generateEvents hands the strategy the events of the parts that it declared, and holds what it returns to the events of as many
// patients as were asked for.
func (r *run) generateEvents(ctx context.Context, s *plan.Step, w plan.GenerateWork, threads int) (*artifact, error) {
	samples := map[plugins.Part]plugins.Sample{}
	for _, p := range w.Info.Reads {
		part, err := r.store.part(ctx, s.Inputs[0], p)
		if err != nil {
			return nil, err
		}
		samples[p] = plugins.Sample{Frame: part, Subject: part.Column(w.Subject)}
	}
	env, end := r.env(s, w.Rand, threads)
	defer end()
	out, err := w.Plugin.Generate(ctx, env, plugins.Task{Parts: plugins.NewParts(samples), N: w.N, Shape: plugins.Events})
	if err != nil {
		return nil, err
	}
	read := samples[w.Info.Reads[0]].Frame
	if err := checkEvents(out, read, w.N); err != nil {
		return nil, err
	}
	a := &artifact{table: out.Frame, meta: meta{Facts: Facts{
		Counts: append(out.Counts, plugins.Count{Name: "events delivered", Value: out.Frame.Rows()}), Notes: out.Notes,
		Dependent: out.Dependent, Label: &LabelFacts{Rows: w.N, None: true},
	}}}
	a.keep(out, nil)
	return a, nil
}

// checkEvents holds a strategy to its contract: the events of n patients with the columns, kinds and order of its input.
func checkEvents(out *plugins.Generated, like *frame.Frame, n int) error {
	if err := checkColumns(out.Frame, like); err != nil {
		return err
	}
	if err := checkExposed(out, like.Rows()); err != nil {
		return err
	}
	of, err := events.New(out.Frame)
	switch {
	case err != nil:
		return &BugError{What: "delivered what are no events: " + err.Error()}
	case of.Left > 0:
		return &BugError{What: fmt.Sprintf("delivered %d events without a patient or a visit", of.Left)}
	case of.Patients() != n:
		return &BugError{What: fmt.Sprintf("delivered the events of %d patients, not of %d", of.Patients(), n)}
	case out.Strata != nil:
		return &BugError{What: "groups events, which only rows of patients can be"}
	}
	return nil
}

// tooFewPatients says why the rows that are rated, of a part, cannot be scored; "" when they can.
func tooFewPatients(test plugins.Sample, part plugins.Part, least int) string {
	if test.Subject != nil && len(events.Patients(test.Subject)) < least {
		return fmt.Sprintf("not estimable: the %s part has fewer than the minimum of %d patients", part, least)
	}
	return ""
}
