package responses

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
)

// ledger is a store that only tells of sends.
type ledger struct {
	plugins.ResponseStore
	sends []told
}

func (l ledger) Sends(_ string, f func(plugins.Send, *plugins.Settlement, bool) error) error {
	for _, s := range l.sends {
		if err := f(s.Send, s.End, s.Alive); err != nil {
			return err
		}
	}
	return nil
}

func TestUsage(t *testing.T) {
	a, b := plugins.Identity{API: "openai-chat", Model: "a"}, plugins.Identity{API: "openai-chat", Model: "b"}
	warm := plugins.Identity{API: "openai-chat", Model: "a", Settings: json.RawMessage(`{"t":1}`)}
	end := func(o plugins.Outcome, status int, tokens ...int) *plugins.Settlement {
		s := &plugins.Settlement{Outcome: o, Status: status}
		if len(tokens) > 0 {
			s.Answer = &plugins.Answer{Input: tokens[0], Cached: tokens[1], Output: tokens[2], Reasoning: tokens[3]}
		}
		return s
	}
	of := func(m plugins.Identity, step, strategy string, try int) plugins.Send {
		return plugins.Send{Key: "k", Step: step, Model: m, Try: try, Input: 100, Output: 1000, Axes: map[string]string{"strategy": strategy}}
	}
	in := []told{
		{of(b, "s1", "x", 0), end(plugins.Answered, 200, 7, 0, 3, 1), false},
		{of(a, "s2", "x", 0), nil, true},
		{of(a, "s1", "z", 0), end(plugins.Answered, 200, 10, 4, 20, 6), false},
		{of(a, "s1", "y", 0), end(plugins.Rejected, 429), false},
		{of(a, "s1", "z", 1), end(plugins.Rejected, 429), false},
		{of(a, "s1", "z", 2), end(plugins.Declined, 200, 11, 0, 2, 0), false},
		{of(a, "s1", "z", 0), end(plugins.Rejected, 500), false},
		{of(a, "s1", "z", 0), end(plugins.Cut, 200), false},
		{of(a, "s1", "z", 1), nil, false},
		{of(warm, "s1", "z", 0), nil, false},
		{plugins.Send{}, nil, false},
		{plugins.Send{}, end(plugins.Answered, 200, 5, 0, 5, 0), false},
	}
	want := []Line{
		{Sends: 2, Answered: 1, Orphaned: 1, Input: 5, Output: 5, Damaged: 2},
		{
			Model: a, Step: "s1", Axes: map[string]string{"strategy": "y"}, Sends: 7, Answered: 1, Refused: 1, Rejected: map[int]int{429: 2, 500: 1},
			Cut: 1, Orphaned: 1, Retries: 3, Input: 21, Cached: 4, Output: 22, Reasoning: 6, UnknownInput: 200, UnknownOutput: 2000,
		},
		{Model: a, Step: "s2", Axes: map[string]string{"strategy": "x"}, Sends: 1, InFlight: 1},
		{Model: warm, Step: "s1", Axes: map[string]string{"strategy": "z"}, Sends: 1, Orphaned: 1, UnknownInput: 100, UnknownOutput: 1000},
		{Model: b, Step: "s1", Axes: map[string]string{"strategy": "x"}, Sends: 1, Answered: 1, Input: 7, Output: 3, Reasoning: 1},
	}
	for range 20 { // in no order
		got, err := Usage(ledger{sends: in}, "study")
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Fatalf("%v: %s", err, diff)
		}
		in = append(in[5:len(in):len(in)], in[:5]...)
	}
}

func TestSendsStopsAtAnError(t *testing.T) {
	s := opened(t, t.TempDir(), Options{})
	ask(t, s, 0, 3)
	n := 0
	err := s.Sends("study", func(plugins.Send, *plugins.Settlement, bool) error { n++; return errFault })
	if !errors.Is(err, errFault) || n != 1 {
		t.Errorf("%d calls, %v", n, err)
	}
}
