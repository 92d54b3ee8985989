package structure_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/metric/structure"
)

const name = "structural-validity"

// event is a row of a frame of events.
type event struct {
	Subject string
	Time    float64
	Code    string
	Visit   float64
}

func frameOf(rows ...event) *frame.Frame {
	all := make([]metrictest.Event, len(rows))
	for i, r := range rows {
		all[i] = metrictest.Event(r)
	}
	return metrictest.EventFrame(all...)
}

func measure(t *testing.T, with string, real, synthetic *frame.Frame) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, structure.Register, name, with, metrictest.Pair(real, synthetic, ""))
}

const allRules = `{"rules": ["known_code", "contiguous_visits", "monotone_time", "no_event_after_death", "no_duplicate_code", "ordered_visits"]}`

func TestEachRule(t *testing.T) {
	real := frameOf(event{"p", 0, "a", 1}, event{"p", 3, "b", 2}, event{"p", 3, "DEATH", 2})
	nan := math.NaN()
	for _, c := range []struct {
		what   string
		broken string // rules, separated by spaces
		events []event
	}{
		{"nothing wrong", "", []event{{"s", 0, "a", 1}, {"s", 0, "b", 1}, {"s", 9, "DEATH", 2}, {"s", 9, "a", 2}}},
		{"no times", "", []event{{"s", nan, "a", 1}, {"s", nan, "a", 2}}},
		{"a time less", "", []event{{"s", 1, "a", 1}, {"s", nan, "a", 2}, {"s", 2, "a", 3}}},
		{"unknown code", "known_code", []event{{"s", 0, "c", 1}}},
		{"no code", "known_code", []event{{"s", 0, "", 1}}},
		{"from two", "contiguous_visits", []event{{"s", 0, "a", 2}}},
		{"a gap", "contiguous_visits", []event{{"s", 0, "a", 1}, {"s", 0, "a", 3}}},
		{"half a visit", "contiguous_visits", []event{{"s", 0, "a", 1}, {"s", 0, "a", 1.5}}},
		{"back in time", "monotone_time ordered_visits", []event{{"s", 5, "a", 1}, {"s", 4, "a", 2}}},
		{"back behind an unknown time", "monotone_time ordered_visits", []event{{"s", 5, "a", 1}, {"s", nan, "a", 2}, {"s", 4, "a", 3}}},
		{"negative", "monotone_time", []event{{"s", -1, "a", 1}}},
		{"two times in a visit", "monotone_time", []event{{"s", 0, "a", 1}, {"s", 1, "b", 1}}},
		{"after death", "no_event_after_death", []event{{"s", 0, "DEATH", 1}, {"s", 1, "a", 2}}},
		{"twice", "no_duplicate_code", []event{{"s", 0, "a", 1}, {"s", 0, "a", 1}}},
	} {
		m := measure(t, allRules, real, frameOf(c.events...))
		for _, rule := range structure.Rules() {
			want := 0.0
			if strings.Contains(" "+c.broken+" ", " "+rule+" ") {
				want = 1
			}
			if got := m.Value("violating_patients", "side", "synthetic", "rule", rule); got != want {
				t.Errorf("%s: %v patients break %s, want %v", c.what, got, rule, want)
			}
		}
		if valid := m.Value("valid_share", "side", "synthetic"); (valid == 1) != (c.broken == "") {
			t.Errorf("%s: valid share %v", c.what, valid)
		}
		if m.Value("valid_share", "side", "test") != 1 {
			t.Errorf("%s: the real patient breaks a rule", c.what)
		}
	}
}

func TestAPatientCountsOnceHoweverManyRulesAreBroken(t *testing.T) {
	real := frameOf(event{"p", 0, "a", 1})
	synthetic := frameOf(event{"s", -1, "x", 5}, event{"s", -1, "x", 5}, event{"u", 0, "a", 1}, event{"v", 0, "a", 1}, event{"w", 0, "b", 1})
	m := measure(t, "", real, synthetic)
	if s := m.Score("valid_share", "side", "synthetic"); s.Value != 0.5 || s.N != 4 {
		t.Errorf("%+v, want half of 4", s)
	}
	if got := measure(t, `{"vocabulary": ["a", "b", "x"], "rules": ["known_code"]}`, real, synthetic).Value("valid_share", "side", "synthetic"); got != 1 {
		t.Errorf("with a vocabulary that has all codes the share is %v", got)
	}
}

func TestWrongSettings(t *testing.T) {
	for _, c := range []struct {
		config structure.Config
		want   string
	}{
		{structure.Config{Part: "reference", Rules: []string{"known_code"}}, `part is "reference"`},
		{structure.Config{Part: plugins.Test}, "no rules"},
		{structure.Config{Part: plugins.Test, Rules: []string{"nosuch"}}, `no rule named "nosuch"`},
		{structure.Config{Part: plugins.Test, Rules: []string{"known_code", "known_code"}}, "twice"},
	} {
		if _, err := structure.New(c.config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.config, err, c.want)
		}
	}
}

func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	real, synthetic := metrictest.Events(rng, "r", 60, 4, 4, 30), metrictest.Events(rng, "s", 60, 4, 4, 40)
	m := measure(t, allRules, real, real)
	if m.Value("valid_share", "side", "test") != m.Value("valid_share", "side", "synthetic") {
		t.Error("a copy breaks other rules than the real patients")
	}
	metrictest.Invariant(t, structure.Register, name, allRules, metrictest.Pair(real, synthetic, ""))
	for _, s := range measure(t, "", real, frameOf()).Scores {
		if (s.Dims["side"] == "synthetic") != (s.Status == plugins.Undefined) {
			t.Errorf("%+v", s)
		}
	}
}
