// Package metrictest helps to test metrics: it measures a pair through the registry, and reads the reference values
// that metrics have to reproduce.
package metrictest

import (
	"encoding/json"
	"log/slog"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Env returns what a metric with the given declarations is called with.
func Env(info plugins.Info, threads int, seed uint64) plugins.Env {
	return plugins.Env{
		Rand:     plugins.NewRand(seed, "metrictest", info.Random...),
		Threads:  threads,
		Log:      slog.New(slog.DiscardHandler),
		Progress: func(int, int) {},
	}
}

// Build makes a metric as the runner does, with a with block in JSON; empty for the defaults.
func Build(t testing.TB, register func(*plugins.Registry), name, with string) (plugins.Metric, plugins.Info) {
	t.Helper()
	r := &plugins.Registry{}
	register(r)
	entry := r.Metrics.Get(name)
	if entry == nil {
		t.Fatalf("no metric named %q is registered", name)
	}
	m, _, err := entry.Build(json.RawMessage(with))
	if err != nil {
		t.Fatalf("%s: with %s: %v", name, with, err)
	}
	return m, entry.Info
}

// Measure builds a metric and measures a pair with the parts that the metric reads with its settings. It checks what holds for
// every metric: each score is declared with its dimensions and lies in its range, an undefined one has a reason and
// the value 0, and three threads give what one gives.
func Measure(t testing.TB, register func(*plugins.Registry), name, with string, pair *plugins.Pair) Result {
	t.Helper()
	m, info := Build(t, register, name, with)
	var first []byte
	var out *plugins.Measurement
	for _, threads := range []int{1, 3} {
		fresh := plugins.NewPair(pair.Parts.Only(plugins.Reads(m, &info)...), pair.Synthetic, pair.Target)
		fresh.Handed, fresh.Audit, fresh.Fewest = pair.Handed, pair.Audit, pair.Fewest
		var err error
		if out, err = m.Measure(t.Context(), Env(info, threads, 1), fresh); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		written, err := json.Marshal(out)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if first == nil {
			first = written
		} else if string(first) != string(written) {
			t.Errorf("%s: %d threads measure\n%s\none measures\n%s", name, threads, written, first)
		}
	}
	for _, s := range out.Scores {
		check(t, info, s)
	}
	return Result{t: t, Measurement: out}
}

// slack is what rounding may add to a bound.
const slack = 1e-12

func check(t testing.TB, info plugins.Info, s plugins.Score) {
	t.Helper()
	for _, declared := range info.Scores {
		if declared.Name != s.Name {
			continue
		}
		if len(declared.Dims) != len(s.Dims) {
			t.Errorf("%s.%s has dimensions %v; declared are %v", info.Name, s.Name, s.Dims, declared.Dims)
		}
		for _, d := range declared.Dims {
			if s.Dims[d] == "" {
				t.Errorf("%s.%s lacks the dimension %q", info.Name, s.Name, d)
			}
		}
		switch s.Status {
		case plugins.OK:
			if !(s.Value >= declared.Min-slack && s.Value <= declared.Max+slack) || math.IsInf(s.Value, 0) {
				t.Errorf("%s.%s %v is %v, outside [%v, %v]", info.Name, s.Name, s.Dims, s.Value, declared.Min, declared.Max)
			}
			if s.N < 1 {
				t.Errorf("%s.%s %v rests on %d rows", info.Name, s.Name, s.Dims, s.N)
			}
		case plugins.Undefined:
			if s.Reason == "" || s.Value != 0 || s.Interval != nil {
				t.Errorf("%s.%s %v is undefined with reason %q, value %v, interval %v", info.Name, s.Name, s.Dims, s.Reason, s.Value, s.Interval)
			}
		default:
			t.Errorf("%s.%s %v has status %q", info.Name, s.Name, s.Dims, s.Status)
		}
		return
	}
	t.Errorf("%s.%s is not declared", info.Name, s.Name)
}

// Result is a measurement with look-ups.
type Result struct {
	t testing.TB
	*plugins.Measurement
}

// Score returns the score of that name and dimensions, given as name, value, name, value …
func (r Result) Score(name string, dims ...string) plugins.Score {
	r.t.Helper()
scores:
	for _, s := range r.Scores {
		if s.Name != name || len(s.Dims) != len(dims)/2 {
			continue
		}
		for i := 0; i < len(dims); i += 2 {
			if s.Dims[dims[i]] != dims[i+1] {
				continue scores
			}
		}
		return s
	}
	r.t.Fatalf("no score %s %v", name, dims)
	return plugins.Score{}
}

// Value returns the value of a score that has to be defined.
func (r Result) Value(name string, dims ...string) float64 {
	r.t.Helper()
	s := r.Score(name, dims...)
	if s.Status != plugins.OK {
		r.t.Fatalf("%s %v is %s: %s", name, dims, s.Status, s.Reason)
	}
	return s.Value
}

// Pair returns a pair whose train and test parts are the same real rows.
func Pair(real, synthetic *frame.Frame, target string) *plugins.Pair {
	return plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: {Frame: real},
		plugins.Test:  {Frame: real},
	}), synthetic, target)
}

// Number returns a Number column; NaN is missing.
func Number(name string, values ...float64) *frame.Column { return frame.NewNumber(name, values) }

// Category returns a Category column; the empty text is missing.
func Category(name string, values ...string) *frame.Column {
	missing := make([]bool, len(values))
	for i, v := range values {
		missing[i] = v == ""
	}
	return frame.NewCategoryFromStrings(name, values, missing)
}

// Frames draws a real and a synthetic frame with the same columns: numbers with ties, outliers, missing values and a
// constant, and categories of which some are unseen on one side.
func Frames(rng *rand.Rand, real, synthetic int) (*frame.Frame, *frame.Frame) {
	frames := make([]*frame.Frame, 2)
	for side, n := range []int{real, synthetic} {
		values := map[string][]float64{}
		sex, unit := make([]string, n), make([]string, n)
		for i := range n {
			x := rng.NormFloat64() + 0.2*float64(side)
			for name, v := range map[string]float64{
				"smooth": x, "related": x + rng.NormFloat64(), "whole": math.Round(3 * x),
				"skewed": math.Exp(3 * x), "constant": 7.1, "sparse": x * x,
			} {
				if (name == "sparse" && i%3 > 0) || (name == "related" && i%7 == side) {
					v = math.NaN()
				}
				values[name] = append(values[name], v)
			}
			sex[i] = []string{"f", "m", ""}[rng.IntN(3)]
			unit[i] = []string{"icu", "ward", "er", "ccu"}[side+rng.IntN(3)]
		}
		var columns []*frame.Column
		for _, name := range []string{"smooth", "related", "whole", "skewed", "constant", "sparse"} {
			columns = append(columns, Number(name, values[name]...))
		}
		frames[side] = frame.Must(append(columns, Category("sex", sex...), Category("unit", unit...))...)
	}
	return frames[0], frames[1]
}

// Invariant checks that a metric without random sources gives, up to 1e-12, the same scores when the rows come in
// another order.
func Invariant(t testing.TB, register func(*plugins.Registry), name, with string, pair *plugins.Pair) {
	t.Helper()
	rng := rand.New(rand.NewPCG(21, 22))
	samples := map[plugins.Part]plugins.Sample{}
	for _, part := range []plugins.Part{plugins.Train, plugins.Test} {
		f := pair.Parts.Get(part).Frame
		samples[part] = plugins.Sample{Frame: f.Take(rng.Perm(f.Rows()))}
	}
	shuffled := plugins.NewPair(plugins.NewParts(samples), pair.Synthetic.Take(rng.Perm(pair.Synthetic.Rows())), pair.Target)
	before, after := Measure(t, register, name, with, pair), Measure(t, register, name, with, shuffled)
	for i, s := range before.Scores {
		other := after.Scores[i]
		if s.Status != other.Status || math.Abs(s.Value-other.Value) > slack {
			t.Errorf("%s %s: %v in one order of rows, %v in another", name, with, s, other)
		}
	}
}
