package metrictest

import (
	"fmt"
	"math/rand/v2"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Event is a row of a frame of events.
type Event struct {
	Subject string
	Time    float64 // NaN is missing
	Code    string  // "" is missing
	Visit   float64
}

// EventFrame returns a frame of events.
func EventFrame(rows ...Event) *frame.Frame {
	subjects, codes := make([]string, len(rows)), make([]string, len(rows))
	times, visits := make([]float64, len(rows)), make([]float64, len(rows))
	for i, r := range rows {
		subjects[i], times[i], codes[i], visits[i] = r.Subject, r.Time, r.Code, r.Visit
	}
	return frame.Must(Category(events.Subject, subjects...), Number(events.Time, times...), Category(events.Code, codes...), Number(events.Visit, visits...))
}

// Events draws the trajectories of n patients: few codes are frequent and most are rare, a code may come twice in a visit, and
// visits are about a month apart. Patients have ids that begin with a prefix.
func Events(rng *rand.Rand, prefix string, n, visits, perVisit, vocabulary int) *frame.Frame {
	var rows []Event
	for p := range n {
		at := 0.0
		for v := range 1 + rng.IntN(2*visits-1) {
			for range 1 + rng.IntN(2*perVisit-1) {
				code := rng.IntN(1 + rng.IntN(vocabulary))
				rows = append(rows, Event{fmt.Sprintf("%s%06d", prefix, p), at, fmt.Sprintf("C%05d", code), float64(v + 1)})
			}
			at += float64(1 + rng.IntN(60))
		}
	}
	return EventFrame(rows...)
}

// Trajectories returns a pair of events: the train part, which the generator has seen, and the test part, which it has not.
func Trajectories(train, test, synthetic *frame.Frame) *plugins.Pair {
	return plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: {Frame: train, Subject: train.Column(events.Subject)},
		plugins.Test:  {Frame: test, Subject: test.Column(events.Subject)},
	}), synthetic, "")
}
