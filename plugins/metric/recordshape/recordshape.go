// Package recordshape sets the shape of trajectories against each other, whatever their codes: how many visits a record has, how
// many codes a visit, how much time lies between visits.
package recordshape

import (
	"context"
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/metric/ks"
	"github.com/ehrlab/ehrlab/plugins/metric/wasserstein"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Config is the metric's "with" block.
type Config struct {
	Part plugins.Part `json:"part"` // the real trajectories to compare with: test, or train, which rewards copying
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "record-shape",
		Version: 1,
		Summary: "lengths of records and visits, and times between visits: their distributions compared",
		Source:  "B. Theodorou, C. Xiao, J. Sun (2023), Nat. Commun. 14, 5305 (lengths); SDMetrics (sequence length, inter-row and statistic MSAS)",
		Schema: `// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"`,
		Family: plugins.Trajectories,
		Cost:   plugins.PerColumn,
		Shapes: []plugins.Shape{plugins.Events},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Uses:   []plugins.Use{events.Use()},
		Scores: infos(),
	}, Config{Part: plugins.Test}, New)
}

func infos() []plugins.ScoreInfo {
	score := func(name, summary string, most float64, better plugins.Direction, dims ...string) plugins.ScoreInfo {
		return plugins.ScoreInfo{Name: name, Summary: summary, Min: 0, Max: most, Better: better, Dims: dims}
	}
	inf := math.Inf(1)
	out := []plugins.ScoreInfo{
		score("record_length_mean", "visits of a patient, mean", inf, plugins.Neutral, "side"),
		score("record_length_sd", "visits of a patient, population SD", inf, plugins.Neutral, "side"),
		score("visit_length_mean", "codes of a visit, repeats counted, mean", inf, plugins.Neutral, "side"),
		score("visit_length_sd", "codes of a visit, repeats counted, population SD", inf, plugins.Neutral, "side"),
		score("ks", "sup|F_real - F_synthetic| of the quantity", 1, plugins.Lower, "quantity"),
		score("wasserstein", "∫|F_real - F_synthetic| dx of the quantity, in its unit", inf, plugins.Lower, "quantity"),
		{Name: "median", Summary: "median of the quantity", Min: math.Inf(-1), Max: inf, Better: plugins.Neutral, Dims: []string{"quantity", "side"}},
		score("sequence_length_similarity", "KS complement of the events of a patient", 1, plugins.Higher),
		score("inter_row_msas", "KS complement of the times from visit to visit of all patients together", 1, plugins.Higher),
		score("inter_row_msas_of_means", "KS complement of a patient's mean time from visit to visit; patients with one visit left out", 1, plugins.Higher),
	}
	for _, s := range statistics {
		out = append(out, score("statistic_msas_"+s.name, "KS complement of a patient's "+s.what+" of the times of visits", 1, plugins.Higher))
	}
	return out
}

type metric struct {
	compare.OnePart
	config Config
}

// New returns the metric. It is an error when Part is another part.
func New(c Config) (plugins.Metric, error) {
	return metric{compare.OnePart(c.Part), c}, compare.CheckPart(c.Part)
}

// Measure compares the two sides. The time of a visit is that of its earliest event. A visit without a time is left out of what
// rests on times, and so is the time between it and its neighbours; a step backwards in time is a negative gap, and stays in.
//
// What has no value on one side is undefined.
//
// Of the two readings of inter-row MSAS, the score of all differences is that of SDMetrics since 2025; that of a patient's mean
// difference, which tells no more than its first and last time and its length, was the one before.
func (m metric) Measure(ctx context.Context, _ plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	names := [2]string{string(m.config.Part), string(events.Synthetic)}
	var sides [2]*events.Trajectories
	for i, part := range []plugins.Part{m.config.Part, events.Synthetic} {
		var err error
		if sides[i], err = events.Of(pair, part); err != nil {
			return nil, err
		}
	}
	warnings, err := events.Caveats(pair, m.config.Part, events.Synthetic)
	if err != nil {
		return nil, err
	}
	out := &plugins.Measurement{}
	add := func(s plugins.Score) {
		s.Warnings = warnings
		out.Scores = append(out.Scores, s)
	}
	for i, t := range sides {
		for _, s := range lengths(t, names[i]) {
			add(s)
		}
	}
	for _, q := range quantities {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		real, synthetic := sorted(q.of(sides[0])), sorted(q.of(sides[1]))
		dims := map[string]string{"quantity": q.name}
		add(distance("ks", ks.Statistic, real, synthetic, names, dims))
		add(distance("wasserstein", wasserstein.Distance, real, synthetic, names, dims))
		for i, values := range [][]float64{real, synthetic} {
			add(median(values, q.name, names[i]))
		}
	}
	for _, s := range similarities {
		add(distance(s.name, ks.Complement, sorted(s.of(sides[0])), sorted(s.of(sides[1])), names, nil))
	}
	return out, nil
}

// lengths describes one side: mean and population SD of the visits of a patient, and of the codes of a visit.
func lengths(t *events.Trajectories, side string) []plugins.Score {
	dims := map[string]string{"side": side}
	var out []plugins.Score
	for _, q := range []struct {
		name   string
		values []float64
	}{{"record_length", visitsPerPatient(t)}, {"visit_length", codesPerVisit(t)}} {
		mean, err := stats.Mean(q.values)
		sum := 0.0
		for _, v := range q.values {
			sum += (v - mean) * (v - mean)
		}
		for _, s := range []plugins.Score{
			{Name: q.name + "_mean", Value: mean},
			{Name: q.name + "_sd", Value: math.Sqrt(sum / float64(max(1, len(q.values))))},
		} {
			s.Dims, s.N, s.Status = dims, len(q.values), plugins.OK
			if err != nil {
				s.Status, s.Reason, s.Value = plugins.Undefined, fmt.Sprintf("there is no %s patient", side), 0
			}
			out = append(out, s)
		}
	}
	return out
}

// distance returns a score of two sorted samples.
func distance(name string, of func(f, g []float64) float64, real, synthetic []float64, sides [2]string, dims map[string]string) plugins.Score {
	s := plugins.Score{Name: name, Dims: dims, N: len(real) + len(synthetic), Status: plugins.Undefined}
	for i, values := range [][]float64{real, synthetic} {
		if len(values) == 0 {
			s.Reason = fmt.Sprintf("no %s patient has a value of it", sides[i])
			return s
		}
	}
	v := of(real, synthetic)
	if math.IsInf(v, 0) {
		s.Reason = "values lie further apart than the greatest number"
		return s
	}
	s.Value, s.Status = v, plugins.OK
	return s
}

// median returns the median of a quantity on one side.
func median(values []float64, quantity, side string) plugins.Score {
	s := plugins.Score{Name: "median", Dims: map[string]string{"quantity": quantity, "side": side}, N: len(values), Status: plugins.OK}
	var err error
	if s.Value, err = stats.Percentile(values, 0.5); err != nil {
		s.Status, s.Reason = plugins.Undefined, fmt.Sprintf("no %s patient has a value of it", side)
	}
	return s
}
