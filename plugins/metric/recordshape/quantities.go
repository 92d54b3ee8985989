package recordshape

import (
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// quantity is what patients, visits or the times between visits have one value of each.
type quantity struct {
	name string
	of   func(*events.Trajectories) []float64
}

var quantities = []quantity{
	{"visits_per_patient", visitsPerPatient},
	{"codes_per_visit", codesPerVisit},
	{"codes_per_patient", codesPerPatient},
	{"inter_visit_gap", gaps},
	{"record_span", spans},
}

// similarities are compared by KS complements.
var similarities = func() []quantity {
	out := []quantity{{"sequence_length_similarity", codesPerPatient}, {"inter_row_msas", gaps}, {"inter_row_msas_of_means", meanGaps}}
	for _, s := range statistics {
		out = append(out, quantity{"statistic_msas_" + s.name, func(t *events.Trajectories) []float64 { return eachTime(t, s.of) }})
	}
	return out
}()

// statistics are those of the times of a patient's visits; false where there is none.
var statistics = []struct {
	name, what string
	of         func(times []float64) (float64, bool)
}{
	{"mean", "mean", func(x []float64) (float64, bool) { v, err := stats.Mean(x); return v, err == nil }},
	{"std", "SD (divisor n-1)", func(x []float64) (float64, bool) { v, err := stats.SD(x); return v, err == nil }},
	{"median", "median", func(x []float64) (float64, bool) { v, err := stats.Percentile(sorted(x), 0.5); return v, err == nil }},
	{"min", "least", func(x []float64) (float64, bool) { return extreme(x, slices.Min) }},
	{"max", "greatest", func(x []float64) (float64, bool) { return extreme(x, slices.Max) }},
}

func extreme(x []float64, of func([]float64) float64) (float64, bool) {
	if len(x) == 0 {
		return 0, false
	}
	return of(x), true
}

func sorted(values []float64) []float64 {
	out := slices.Clone(values)
	slices.Sort(out)
	return out
}

func visitsPerPatient(t *events.Trajectories) []float64 {
	out := make([]float64, t.Patients())
	for p := range out {
		first, end := t.VisitsOf(p)
		out[p] = float64(end - first)
	}
	return out
}

func codesPerVisit(t *events.Trajectories) []float64 {
	out := make([]float64, t.Visits())
	for v := range out {
		out[v] = float64(len(t.CodesOf(v)))
	}
	return out
}

func codesPerPatient(t *events.Trajectories) []float64 {
	out := make([]float64, t.Patients())
	for p := range out {
		out[p] = float64(t.EventsOf(p))
	}
	return out
}

// gapsOf returns the times from visit to visit of a patient, without those that are not known.
func gapsOf(t *events.Trajectories, patient int) []float64 {
	var out []float64
	first, end := t.VisitsOf(patient)
	for v := first + 1; v < end; v++ {
		if d := t.Time[v] - t.Time[v-1]; !math.IsNaN(d) && !math.IsInf(d, 0) {
			out = append(out, d)
		}
	}
	return out
}

func gaps(t *events.Trajectories) []float64 {
	var out []float64
	for p := range t.Patients() {
		out = append(out, gapsOf(t, p)...)
	}
	return out
}

func meanGaps(t *events.Trajectories) []float64 {
	var out []float64
	for p := range t.Patients() {
		if mean, err := stats.Mean(gapsOf(t, p)); err == nil && !math.IsInf(mean, 0) {
			out = append(out, mean)
		}
	}
	return out
}

// spans returns the time from the earliest event of a patient to the latest.
func spans(t *events.Trajectories) []float64 {
	var out []float64
	for p := range t.Patients() {
		low, high := math.Inf(1), math.Inf(-1)
		first, end := t.VisitsOf(p)
		for v := first; v < end; v++ {
			if !math.IsNaN(t.Time[v]) {
				low, high = min(low, t.Time[v]), max(high, t.Until[v])
			}
		}
		if d := high - low; d >= 0 && !math.IsInf(d, 0) {
			out = append(out, d)
		}
	}
	return out
}

// eachTime returns a statistic of the times of each patient's visits, where there is one.
func eachTime(t *events.Trajectories, of func([]float64) (float64, bool)) []float64 {
	var out, times []float64
	for p := range t.Patients() {
		times = times[:0]
		first, end := t.VisitsOf(p)
		for _, at := range t.Time[first:end] {
			if !math.IsNaN(at) {
				times = append(times, at)
			}
		}
		if v, ok := of(times); ok && !math.IsInf(v, 0) && !math.IsNaN(v) {
			out = append(out, v)
		}
	}
	return out
}
