package recordshape_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/metric/recordshape"
)

const name = "record-shape"

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

func measure(t *testing.T, real, synthetic *frame.Frame) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, recordshape.Register, name, "", metrictest.Pair(real, synthetic, ""))
}

var nan = math.NaN()

func TestByHand(t *testing.T) {
	// p: visits at 0, 10 and an unknown time, of 2, 1 and 1 codes; q: one visit from 5 to 7
	real := frameOf(
		event{"p", 0, "a", 1}, event{"p", 0, "a", 1}, event{"p", 10, "b", 2}, event{"p", nan, "b", 3}, event{"q", 7, "a", 1}, event{"q", 5, "b", 1},
	)
	// s: visits at 4 and 1, a step back
	synthetic := frameOf(event{"s", 4, "a", 1}, event{"s", 1, "a", 2})
	m := measure(t, real, synthetic)
	for _, c := range []struct {
		want  float64
		score string
		dims  []string
	}{
		{2, "record_length_mean", []string{"side", "test"}},
		{1, "record_length_sd", []string{"side", "test"}},
		{1.5, "visit_length_mean", []string{"side", "test"}},
		{0.5, "visit_length_sd", []string{"side", "test"}},
		{2, "record_length_mean", []string{"side", "synthetic"}},
		{0, "visit_length_sd", []string{"side", "synthetic"}},
		{0.5, "ks", []string{"quantity", "visits_per_patient"}}, // 3, 1 against 2
		{1, "wasserstein", []string{"quantity", "visits_per_patient"}},
		{0.5, "ks", []string{"quantity", "codes_per_visit"}}, // 2, 1, 1, 2 against 1, 1
		{0.5, "wasserstein", []string{"quantity", "codes_per_visit"}},
		{1, "wasserstein", []string{"quantity", "codes_per_patient"}}, // 4, 2 against 2
		{13, "wasserstein", []string{"quantity", "inter_visit_gap"}},  // 10 against -3
		{-3, "median", []string{"quantity", "inter_visit_gap", "side", "synthetic"}},
		{4, "wasserstein", []string{"quantity", "record_span"}}, // 10, 2 against 3
		{0.5, "sequence_length_similarity", nil},
		{0, "inter_row_msas", nil},
		{0, "inter_row_msas_of_means", nil},
		{0, "statistic_msas_mean", nil}, // 5 and 5 against 2.5
		{0, "statistic_msas_max", nil},
	} {
		if got := m.Value(c.score, c.dims...); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s %v is %v, want %v", c.score, c.dims, got, c.want)
		}
	}
	if s := m.Score("median", "quantity", "inter_visit_gap", "side", "test"); s.N != 1 || s.Value != 10 {
		t.Errorf("gap of the visits that have times: %+v", s)
	}
}

func TestWhatHasNoValueIsUndefined(t *testing.T) {
	alone := frameOf(event{"p", nan, "a", 1}) // one visit, without a time
	m := measure(t, alone, frameOf(event{"s", 0, "a", 1}, event{"s", 9, "a", 2}))
	for _, q := range []string{"inter_visit_gap", "record_span"} {
		if s := m.Score("ks", "quantity", q); s.Status != plugins.Undefined {
			t.Errorf("%s: %+v", q, s)
		}
	}
	if s := m.Score("statistic_msas_std"); s.Status != plugins.Undefined {
		t.Errorf("SD of no times: %+v", s)
	}
	if m.Value("ks", "quantity", "visits_per_patient") != 1 {
		t.Error("lengths do not need times")
	}
	for _, s := range measure(t, frameOf(), frameOf()).Scores {
		if s.Status != plugins.Undefined {
			t.Errorf("of nobody: %+v", s)
		}
	}
}

func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	real, synthetic := metrictest.Events(rng, "r", 80, 4, 4, 30), metrictest.Events(rng, "s", 70, 3, 5, 30)
	for _, s := range measure(t, real, real).Scores {
		switch {
		case s.Name == "ks" || s.Name == "wasserstein":
			if s.Value != 0 {
				t.Errorf("a perfect copy lies %v away: %v", s.Value, s.Dims)
			}
		case s.Dims == nil && s.Value != 1:
			t.Errorf("a perfect copy has %s %v", s.Name, s.Value)
		}
	}
	one, other := measure(t, real, synthetic), measure(t, synthetic, real)
	for i, s := range one.Scores {
		if s.Dims["side"] == "" && math.Abs(s.Value-other.Scores[i].Value) > 1e-12 {
			t.Errorf("%s %v is not symmetric: %v and %v", s.Name, s.Dims, s.Value, other.Scores[i].Value)
		}
	}
	metrictest.Invariant(t, recordshape.Register, name, "", metrictest.Pair(real, synthetic, ""))
}
