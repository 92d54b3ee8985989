package plugintest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Events returns a small set of trajectories: codes of very different frequency, some of them tied to the one before, repeats
// within a visit, patients with one visit, a code that only train has, three sites.
//
// The events are invented and the same in every call.
func Events() Inputs {
	rng := rand.New(rand.NewPCG(2603, 6720))
	in := Inputs{N: 12, Parts: map[plugins.Part]plugins.Sample{}}
	patients := map[plugins.Part]int{plugins.Train: 60, plugins.Validation: 15, plugins.Test: 40, plugins.Reference: 30}
	first := 0
	for _, part := range plugins.AllParts() {
		in.Parts[part] = eventSample(rng, first, patients[part], part == plugins.Train)
		first += patients[part]
	}
	in.Synthetic = eventSample(rng, first, 45, false).Frame
	return in
}

// eventSample makes the events of n patients who are numbered from first on.
func eventSample(rng *rand.Rand, first, n int, rare bool) plugins.Sample {
	var subject, code, site []string
	var time, value, visit []float64
	for p := range n {
		at, hospital, last := 0.0, fmt.Sprintf("h%d", rng.IntN(3)), 0
		for v := range 1 + rng.IntN(5) {
			for e := range 1 + rng.IntN(6) {
				if last = (last + rng.IntN(1+rng.IntN(20))) % 20; e%3 == 1 {
					last = rng.IntN(4)
				}
				name := fmt.Sprintf("C%02d", last)
				if rare && p == n/2 && v == 0 && e == 0 {
					name = "RARE"
				}
				subject, site, code = append(subject, fmt.Sprintf("p%04d", first+p)), append(site, hospital), append(code, name)
				time, value, visit = append(time, at), append(value, rng.NormFloat64()), append(visit, float64(v+1))
			}
			at += float64(1 + rng.IntN(90))
		}
	}
	days := frame.NewNumber(events.Time, time)
	days.Unit = "days"
	number := frame.NewNumber(events.Visit, visit)
	number.Integer = true
	of := frame.NewCategoryFromStrings(events.Subject, subject, nil)
	return plugins.Sample{
		Frame:   frame.Must(of, days, frame.NewCategoryFromStrings(events.Code, code, nil), frame.NewNumber(events.Value, value), number),
		Subject: of,
		Site:    frame.NewCategoryFromStrings("site", site, nil),
	}
}

// shaped returns the inputs of the shape that a plugin takes: records where it takes both.
func shaped(t *testing.T, info plugins.Info, records Inputs) Inputs {
	t.Helper()
	switch {
	case slices.Contains(info.Shapes, plugins.Records):
		return records
	case !slices.Contains(info.Shapes, plugins.Events):
		t.Errorf("shapes are %v; want %q, %q or both", info.Shapes, plugins.Records, plugins.Events)
	}
	return Events()
}

// StrategyOnEvents checks a strategy that takes events: it returns the events of n patients who are all distinct.
func StrategyOnEvents(t *testing.T, e *plugins.Entry[plugins.Strategy], with string) string {
	in := Events()
	s := build(t, e, with)
	generate := func(ctx context.Context, seed uint64, threads, n int, parts map[plugins.Part]plugins.Sample) (*plugins.Generated, error) {
		task := plugins.Task{Parts: plugins.NewParts(parts).Only(e.Info.Reads...), N: n, Shape: plugins.Events}
		return s.Generate(ctx, env(t, e.Info, seed, threads), task)
	}
	before := in.digest()
	out := repeats(t, e.Info, func(seed uint64, threads int) string {
		g, err := generate(context.Background(), seed, threads, in.N, in.Parts)
		if err != nil {
			t.Fatalf("generate: %v", err)
		}
		checkFrame(t, g.Frame)
		sameColumns(t, g.Frame, in.Parts[plugins.Train].Frame)
		if of, err := events.New(g.Frame); err != nil || of.Patients() != in.N || of.Left > 0 {
			t.Errorf("the events of %d patients, want %d; %d events belong to none; error: %v", of.Patients(), in.N, of.Left, err)
		}
		return digest(t, []any{g.Frame.Digest(), g.Counts, said(g)})
	})
	if _, err := generate(context.Background(), 1, 1, 0, in.Parts); err == nil {
		t.Error("n = 0 is accepted")
	}
	if _, err := generate(context.Background(), 1, 1, in.N, in.emptied()); err == nil {
		t.Error("parts without events are accepted")
	}
	stops(t, func(ctx context.Context) error {
		_, err := generate(ctx, 1, 2, in.N, in.Parts)
		return err
	})
	if in.digest() != before {
		t.Error("the inputs were changed")
	}
	return out
}

// said is what a strategy says of its rows in words.
func said(g *plugins.Generated) []string {
	if g.Dependent == "" {
		return g.Notes
	}
	return append(slices.Clone(g.Notes), g.Dependent)
}
