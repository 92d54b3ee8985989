package responses

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
)

// Line is what a step has sent to a model, over all runs. Sends is the sum of Answered, Refused, all of Rejected, Cut, Orphaned and
// InFlight.
type Line struct {
	Model plugins.Identity  `json:"model"`
	Step  string            `json:"step"`           // its key
	Axes  map[string]string `json:"axes,omitempty"` // of a cell that needs it: the first in order of its JSON

	Sends    int         `json:"sends"`
	Answered int         `json:"answered"`
	Refused  int         `json:"refused,omitempty"`
	Rejected map[int]int `json:"rejected,omitempty"` // by status of HTTP
	Cut      int         `json:"cut,omitempty"`
	Orphaned int         `json:"orphaned,omitempty"` // their process ended before they did
	InFlight int         `json:"inFlight,omitempty"`
	Retries  int         `json:"retries,omitempty"` // sends that were not the first try

	Input     int `json:"input"` // tokens of answers and refusals
	Cached    int `json:"cached,omitempty"`
	Output    int `json:"output"`
	Reasoning int `json:"reasoning,omitempty"`

	UnknownInput  int `json:"unknownInput,omitempty"` // tokens that were reserved by what was cut or orphaned: at most so many were charged
	UnknownOutput int `json:"unknownOutput,omitempty"`

	Damaged int `json:"damaged,omitempty"` // sends of which a damaged journal has lost the intent: what they reserved is unknown
}

// Usage folds the sends of an experiment, or of all when it is "", into one line for each model and step, by model and then step.
// What a damaged journal no longer says comes in a line without a model.
func Usage(store plugins.ResponseStore, experiment string) ([]Line, error) {
	type owner struct{ api, endpoint, model, settings, step string }
	lines := map[owner]*Line{}
	err := store.Sends(experiment, func(s plugins.Send, end *plugins.Settlement, alive bool) error {
		id := owner{s.Model.API, s.Model.Endpoint, s.Model.Model, string(s.Model.Settings), s.Step}
		l := lines[id]
		if l == nil {
			l = &Line{Model: s.Model, Step: s.Step, Axes: s.Axes}
			lines[id] = l
		}
		l.add(&s, end, alive)
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]Line, 0, len(lines))
	for _, l := range lines {
		out = append(out, *l)
	}
	slices.SortFunc(out, compareLines)
	return out, nil
}

func compareLines(a, b Line) int {
	return cmp.Or(
		cmp.Compare(a.Model.Model, b.Model.Model), cmp.Compare(a.Model.API, b.Model.API), cmp.Compare(a.Model.Endpoint, b.Model.Endpoint),
		cmp.Compare(string(a.Model.Settings), string(b.Model.Settings)), cmp.Compare(a.Step, b.Step),
	)
}

func (l *Line) add(s *plugins.Send, end *plugins.Settlement, alive bool) {
	l.Sends++
	if s.Try > 0 {
		l.Retries++
	}
	if s.Key == "" {
		l.Damaged++
	}
	if axesBefore(s.Axes, l.Axes) {
		l.Axes = s.Axes
	}
	switch {
	case end == nil && alive:
		l.InFlight++
	case end == nil:
		l.Orphaned++
		l.unknown(s)
	case end.Outcome == plugins.Cut:
		l.Cut++
		l.unknown(s)
	case end.Outcome == plugins.Rejected:
		if l.Rejected == nil {
			l.Rejected = map[int]int{}
		}
		l.Rejected[end.Status]++
	case end.Outcome == plugins.Declined:
		l.Refused++
		l.tokens(end.Answer)
	default:
		l.Answered++
		l.tokens(end.Answer)
	}
}

func (l *Line) unknown(s *plugins.Send) {
	l.UnknownInput += s.Input
	l.UnknownOutput += s.Output
}

func (l *Line) tokens(a *plugins.Answer) {
	if a == nil {
		return
	}
	l.Input += a.Input
	l.Cached += a.Cached
	l.Output += a.Output
	l.Reasoning += a.Reasoning
}

// axesBefore orders axes by their JSON, which has its keys sorted.
func axesBefore(a, b map[string]string) bool {
	if maps.Equal(a, b) {
		return false
	}
	x, _ := json.Marshal(a) // of texts: it cannot fail
	y, _ := json.Marshal(b)
	return string(x) < string(y)
}
