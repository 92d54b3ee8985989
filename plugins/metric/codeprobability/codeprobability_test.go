package codeprobability_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/codeprobability"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

const name = "code-probability"

func measure(t *testing.T, real, synthetic *frame.Frame) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, codeprobability.Register, name, "", metrictest.Pair(real, synthetic, ""))
}

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

func TestByHand(t *testing.T) {
	// real: P(a) = 1, P(b) = ½ of patients, 3 and 1 occurrences in 3 visits; pairs (a,a) and (a,b) in ½; sequence (a,a) ½ and (b,a) ½
	real := frameOf(event{"p", 0, "a", 1}, event{"p", 0, "b", 1}, event{"p", 9, "a", 2}, event{"q", 0, "a", 1})
	// synthetic: P(a) = 1, P(b) = 0, P(c) = 1, twice in its visit, 1 visit
	synthetic := frameOf(event{"s", 0, "a", 1}, event{"s", 0, "c", 1}, event{"s", 0, "c", 1})
	m := measure(t, real, synthetic)
	for _, c := range []struct {
		score, pattern, per string
		want                float64
	}{
		// a, b, c: real 1, ½, 0, synthetic 1, 0, 1: Σ(r-s)² = 1¼, Σ(r-½)² = ½
		{"r2", "unigram", "record", -1.5},
		{"rmse", "unigram", "record", math.Sqrt(1.25 / 3)},
		{"mean_bias", "unigram", "record", 0.5 / 3},
		{"support", "unigram", "record", 3},
		// real 1, ⅓, 0 of 3 visits; synthetic 1, 0, 2 of one
		{"mean_bias", "unigram", "visit", (0 - 1.0/3 + 2) / 3},
		// (a,b) real ½; (a,c) and (c,c) synthetic 1, of which (a,c) twice in the visit
		{"support", "bigram", "record", 3},
		{"mean_bias", "bigram", "record", 0.5},
		{"mean_bias", "bigram", "visit", (2 + 1 - 1.0/3) / 3},
		// synthetic has no second visit, so nothing per visit; per record (a,a) and (b,a) are ½ against 0
		{"mean_bias", "sequential_bigram", "record", -0.5},
	} {
		if got := m.Value(c.score, "pattern", c.pattern, "per", c.per); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s of %s per %s is %v, want %v", c.score, c.pattern, c.per, got, c.want)
		}
	}
	sd := math.Sqrt((1.0/36 + 4.0/9 + 25.0/36) / 2) // of the differences 0, -½, 1
	if got := m.Value("bland_altman_high", "pattern", "unigram", "per", "record"); math.Abs(got-(0.5/3+1.96*sd)) > 1e-12 {
		t.Errorf("upper limit %v", got)
	}
	if s := m.Score("r2", "pattern", "sequential_bigram", "per", "visit"); s.Status != plugins.Undefined {
		t.Errorf("sequences of a side without second visits: %+v", s)
	}
	if s := m.Score("r2", "pattern", "sequential_bigram", "per", "record"); s.Status != plugins.Undefined {
		t.Errorf("real values without variance: %+v", s)
	}
}

func TestNobody(t *testing.T) {
	some, none := frameOf(event{"p", 0, "a", 1}), frameOf()
	for _, pair := range [][2]*frame.Frame{{some, none}, {none, some}, {none, none}} {
		for _, s := range measure(t, pair[0], pair[1]).Scores {
			if s.Status != plugins.Undefined {
				t.Errorf("%+v", s)
			}
		}
	}
}

// counted counts pairs as their definition says, one by one.
func counted(t *events.Trajectories, sequential bool) map[[2]int32][2]int {
	out := map[[2]int32][2]int{}
	for p := range t.Patients() {
		seen := map[[2]int32]bool{}
		add := func(a, b int32) {
			c := out[[2]int32{a, b}]
			if c[1]++; !seen[[2]int32{a, b}] {
				c[0]++
			}
			seen[[2]int32{a, b}] = true
			out[[2]int32{a, b}] = c
		}
		first, end := t.VisitsOf(p)
		for v := first; v < end; v++ {
			codes := t.CodesOf(v)
			for i, a := range codes {
				if !sequential {
					for _, b := range codes[i+1:] {
						add(min(a, b), max(a, b))
					}
				} else if v > first {
					for _, b := range t.CodesOf(v - 1) {
						add(b, a)
					}
				}
			}
		}
	}
	return out
}

func TestPairsAgainstTheirDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range 20 {
		pair := metrictest.Pair(metrictest.Events(rng, "r", 1+rng.IntN(40), 4, 4, 1+rng.IntN(60)), metrictest.Events(rng, "s", 1+rng.IntN(40), 3, 5, 1+rng.IntN(60)), "")
		both, err := events.Together(pair, plugins.Test, events.Synthetic)
		if err != nil {
			t.Fatal(err)
		}
		sides := [2]*events.Trajectories{both[0], both[1]}
		for sequential, count := range map[bool]func(context.Context, int, [2]*events.Trajectories) ([]codeprobability.Counts, error){
			false: codeprobability.Bigrams, true: codeprobability.SequentialBigrams,
		} {
			got, err := count(t.Context(), 3, sides)
			if err != nil {
				t.Fatal(err)
			}
			real, synthetic := counted(sides[0], sequential), counted(sides[1], sequential)
			union := map[[2]int32]bool{}
			for k := range real {
				union[k] = true
			}
			for k := range synthetic {
				union[k] = true
			}
			var want []string
			for k := range union {
				want = append(want, fmt.Sprint(codeprobability.Counts{
					Patients:    [2]int32{int32(real[k][0]), int32(synthetic[k][0])},
					Occurrences: [2]int64{int64(real[k][1]), int64(synthetic[k][1])},
				}))
			}
			var found []string
			for _, c := range got {
				found = append(found, fmt.Sprint(c))
			}
			slices.Sort(want)
			slices.Sort(found)
			if !slices.Equal(found, want) {
				t.Fatalf("round %d, sequential %v: counts differ from their definition", i, sequential)
			}
		}
	}
}

func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	real, synthetic := metrictest.Events(rng, "r", 60, 4, 4, 30), metrictest.Events(rng, "s", 50, 3, 4, 35)
	m, copied := measure(t, real, synthetic), measure(t, real, real)
	for i, s := range copied.Scores {
		want := map[string]float64{"r2": 1, "pearson": 1}[s.Name]
		if s.Name != "support" && math.Abs(s.Value-want) > 1e-12 {
			t.Errorf("a perfect copy has %s %v %v", s.Name, s.Dims, s.Value)
		}
		if other := m.Scores[i]; s.Name == "r2" && other.Value >= s.Value {
			t.Errorf("%v: another set of patients has %v, a copy %v", s.Dims, other.Value, s.Value)
		}
	}
	metrictest.Invariant(t, codeprobability.Register, name, "", metrictest.Pair(real, synthetic, ""))
}

// BenchmarkMeasure has the size of MIMIC: 20,000 patients on each side, 10 visits of 15 codes, some 2,000 codes.
func BenchmarkMeasure(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	real, synthetic := metrictest.Events(rng, "r", 20000, 10, 15, 2000), metrictest.Events(rng, "s", 20000, 10, 15, 2000)
	m, info := metrictest.Build(b, codeprobability.Register, name, "")
	b.ReportAllocs()
	for b.Loop() {
		pair := metrictest.Pair(real, synthetic, "").Only(info.Reads...)
		if _, err := m.Measure(b.Context(), metrictest.Env(info, 2, 1), pair); err != nil {
			b.Fatal(err)
		}
	}
}
