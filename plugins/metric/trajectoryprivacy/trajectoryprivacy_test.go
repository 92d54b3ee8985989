package trajectoryprivacy_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	tp "github.com/ehrlab/ehrlab/plugins/metric/trajectoryprivacy"
)

const name = "trajectory-privacy"

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

func measure(t *testing.T, with string, train, test, synthetic *frame.Frame) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, tp.Register, name, with, metrictest.Trajectories(train, test, synthetic))
}

// together returns trajectories of frames with one vocabulary.
func together(t *testing.T, frames ...*frame.Frame) []*events.Trajectories {
	t.Helper()
	var all []*events.Trajectories
	for _, f := range frames {
		of, err := events.New(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, of)
	}
	vocabulary := events.Vocabulary(all...)
	for i := range all {
		all[i] = all[i].In(vocabulary)
	}
	return all
}

func TestHammingByHand(t *testing.T) {
	for _, c := range []struct {
		a, b []event
		want int
	}{
		{[]event{{"p", 0, "a", 1}}, []event{{"s", 0, "a", 1}}, 0},
		{[]event{{"p", 0, "a", 1}}, []event{{"s", 0, "b", 1}}, 2},
		{[]event{{"p", 0, "a", 1}, {"p", 0, "b", 1}}, []event{{"s", 0, "b", 1}}, 1},
		{[]event{{"p", 0, "a", 1}, {"p", 0, "a", 1}}, []event{{"s", 0, "a", 1}}, 1},                   // repeats count in |v|
		{[]event{{"p", 0, "a", 1}, {"p", 0, "a", 1}}, []event{{"s", 0, "a", 1}, {"s", 0, "a", 1}}, 2}, // and not in what is shared
		{[]event{{"p", 0, "a", 1}, {"p", 0, "b", 2}}, []event{{"s", 0, "a", 1}}, 2},                   // 1 for the visit, 1 for the number
		{[]event{{"p", 0, "a", 1}}, []event{{"s", 0, "a", 1}, {"s", 0, "b", 2}}, 1},                   // further visits cost nothing
		{[]event{{"p", 0, "a", 1}}, []event{{"s", 0, "b", 1}, {"u", 0, "a", 1}, {"u", 0, "c", 1}}, 1}, // the closest
		{[]event{{"p", 0, "a", 3}}, []event{{"s", 0, "a", 8}}, 0},                                     // visits by place, not by number
	} {
		all := together(t, frameOf(c.a...), frameOf(c.b...))
		got, err := tp.Hamming(t.Context(), 1, all[0], all[1])
		if err != nil || got[0] != c.want {
			t.Errorf("%v to %v: %v, %v, want %d", c.a, c.b, got, err, c.want)
		}
	}
}

// hamming is the distance as it is defined, of two patients.
func hamming(a *events.Trajectories, p int, b *events.Trajectories, q int) int {
	first, end := a.VisitsOf(p)
	from, to := b.VisitsOf(q)
	d := 0
	if end-first != to-from {
		d = 1
	}
	for v := first; v < end; v++ {
		d += len(a.CodesOf(v))
		if other := from + v - first; other < to {
			d += len(b.CodesOf(other))
			for _, c := range slices.Compact(slices.Clone(a.CodesOf(v))) {
				if slices.Contains(b.CodesOf(other), c) {
					d -= 2
				}
			}
		}
	}
	return d
}

// closest returns the least distance that is at least some number, or else the greatest number.
func closest(a *events.Trajectories, p int, b *events.Trajectories, atLeast int) int {
	least := math.MaxInt
	for q := range b.Patients() {
		if d := hamming(a, p, b, q); d >= atLeast {
			least = min(least, d)
		}
	}
	return least
}

func TestDistancesAgainstTheirDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	for range 20 {
		all := together(t, metrictest.Events(rng, "r", 1+rng.IntN(300), 3, 3, 15), metrictest.Events(rng, "h", 1+rng.IntN(40), 3, 3, 15), metrictest.Events(rng, "s", 1+rng.IntN(60), 4, 3, 18))
		got, err := tp.Hamming(t.Context(), 3, all[0], all[2])
		if err != nil {
			t.Fatal(err)
		}
		for p, d := range got {
			if want := closest(all[0], p, all[2], 0); d != want {
				t.Fatalf("patient %d lies at %d, want %d", p, d, want)
			}
		}
		once := []*events.Trajectories{all[0].Once(), all[1].Once(), all[2].Once()}
		further := func(x, y, z int) float64 {
			n := 0
			for p := range once[x].Patients() {
				if closest(once[x], p, once[y], 1) > closest(once[x], p, once[z], 1) {
					n++
				}
			}
			return float64(n) / float64(once[x].Patients())
		}
		risk, err := tp.Nearest(t.Context(), 3, all[0], all[1], all[2])
		want := tp.NearestRisk{Members: (further(0, 2, 0) + further(2, 0, 2)) / 2, Others: (further(1, 2, 1) + further(2, 1, 2)) / 2}
		if err != nil || risk != want {
			t.Fatalf("accuracies %+v, %v, want %+v", risk, err, want)
		}
	}
}

func TestInferenceByHand(t *testing.T) {
	// a is in two target patients and is the one common code; x, y, z are to be guessed
	target := frameOf(event{"p", 0, "a", 1}, event{"p", 0, "x", 1}, event{"q", 0, "a", 1}, event{"q", 0, "x", 1}, event{"q", 0, "y", 2}, event{"r", 0, "z", 1}, event{"r", 0, "b", 1})
	// the first with a guesses x for p and q; the first without, u, guesses z and w for r
	known := frameOf(event{"s", 0, "a", 1}, event{"s", 0, "x", 1}, event{"t", 0, "a", 1}, event{"t", 0, "y", 1}, event{"u", 0, "z", 1}, event{"u", 0, "w", 1})
	all := together(t, target, known)
	// right x, x, z; wrong w; missed y, b. a and x are in two patients each: a comes first
	f1, ok, err := tp.Infer(t.Context(), 2, all[0], all[1], 1)
	if want := 2.0 * 3 / (2*3 + 1 + 2); err != nil || !ok || math.Abs(f1-want) > 1e-12 {
		t.Errorf("F1 %v, %v, %v, want %v", f1, ok, err, want)
	}
	only := frameOf(event{"p", 0, "a", 1})
	all = together(t, only, only)
	if _, ok, err := tp.Infer(t.Context(), 1, all[0], all[1], 15); ok || err != nil {
		t.Errorf("there is nothing to guess, and the F1 is defined (%v)", err)
	}
}

// population draws patients who differ from each other: 20 codes out of 60, in two visits.
func population(rng *rand.Rand, prefix string, n int) *frame.Frame {
	var rows []event
	for p := range n {
		for i, c := range rng.Perm(60)[:20] {
			rows = append(rows, event{fmt.Sprintf("%s%04d", prefix, p), 0, fmt.Sprintf("C%02d", c), float64(1 + i/10)})
		}
	}
	return frameOf(rows...)
}

// merged returns the events of frames in one.
func merged(t *testing.T, frames ...*frame.Frame) *frame.Frame {
	t.Helper()
	f, err := frame.Concat(frames...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

var noControl = []string{"attack", "hamming", "members", "exposed", "control", "none"}

func TestAPlantedLeakIsFoundAndItsAbsenceIsNot(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	train, test, fresh := population(rng, "p", 150), population(rng, "q", 150), population(rng, "s", 150)
	of := events.Patients(train.Column(events.Subject))
	leak := merged(t, events.Copy(train, of[:120]), population(rng, "u", 30))
	leaky, clean := measure(t, "", train, test, leak), measure(t, "", train, test, fresh)
	for _, c := range []struct {
		score     string
		dims      []string
		leaks     float64 // at least, with the leak
		low, high float64 // without
	}{
		{"attack_auroc", noControl, 0.85, 0.4, 0.6},
		{"advantage_median", noControl, 0.6, -0.2, 0.2},
		{"nnaa_risk", nil, 0, -0.15, 0.15},
		{"attribute_inference_excess", nil, 0.2, -0.05, 0.05},
	} {
		if got := leaky.Value(c.score, c.dims...); got < c.leaks {
			t.Errorf("with a leak, %s is %v, want at least %v", c.score, got, c.leaks)
		}
		if got := clean.Value(c.score, c.dims...); got < c.low || got > c.high {
			t.Errorf("without a leak, %s is %v, want %v to %v", c.score, got, c.low, c.high)
		}
	}
	if i := clean.Score("attack_auroc", noControl...).Interval; i == nil || i.Low > 0.5 || i.High < 0.5 {
		t.Errorf("the interval of an attack at chance is %+v", i)
	}
	if got := clean.Value("attack_auroc", "attack", "hamming", "members", "exposed", "control", "resample"); got < 0.95 {
		t.Errorf("copies of the members are found with an AUROC of %v", got)
	}
	if w := clean.Score("attack_auroc", noControl...).Warnings; len(w) > 0 {
		t.Errorf("warnings %q", w)
	}
	far, near := leaky.Value("mean_distance", append([]string{"side", "non-members"}, noControl...)...), leaky.Value("mean_distance", append([]string{"side", "members"}, noControl...)...)
	if near >= far {
		t.Errorf("members lie at %v, non-members at %v", near, far)
	}
}

func TestMembersThatDifferByThemselvesAreTold(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 5))
	train, test := metrictest.Events(rng, "p", 100, 2, 3, 40), metrictest.Events(rng, "q", 100, 6, 3, 40)
	w := measure(t, `{"members": ["train"]}`, train, test, metrictest.Events(rng, "s", 100, 4, 3, 40)).
		Score("attack_auroc", "attack", "hamming", "members", "train", "control", "none").Warnings
	if len(w) != 1 || !strings.Contains(w[0], "differ by themselves") {
		t.Errorf("records of other lengths: warnings %q", w)
	}
}

func TestRepeatedCodesDoNotHideCopies(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 5))
	repeated := func(prefix string) *frame.Frame { // half of 24 codes, each up to eight times
		var rows []event
		for p := range 40 {
			for _, c := range rng.Perm(24)[:12] {
				for range 1 + rng.IntN(8) {
					rows = append(rows, event{fmt.Sprintf("%s%02d", prefix, p), 0, fmt.Sprintf("C%02d", c), 1})
				}
			}
		}
		return frameOf(rows...)
	}
	train, test, fresh := repeated("p"), repeated("q"), repeated("s")
	for with, name := range map[string]string{`{"resamples": 0}`: "hamming", `{"resamples": 0, "repeats": true}`: "hamming-repeats"} {
		m := measure(t, with, train, test, fresh)
		copies := m.Score("attack_auroc", "attack", name, "members", "exposed", "control", "resample").Value
		warned := len(m.Score("attack_auroc", "attack", name, "members", "exposed", "control", "none").Warnings) > 0
		if counts := name == "hamming-repeats"; counts && (copies > 0.8 || !warned) || !counts && copies != 1 {
			t.Errorf("%s: copies are found with an AUROC of %v; warned: %v", with, copies, warned)
		}
	}
}

func TestOnlyWhoWasSeenIsAMember(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 5))
	train, test := population(rng, "p", 60), population(rng, "q", 60)
	of := events.Patients(train.Column(events.Subject))
	pair := metrictest.Trajectories(train, test, events.Copy(train, of[:20]))
	for _, patient := range of[:20] {
		pair.Exposed = append(pair.Exposed, patient[0]) // one event is enough
	}
	m, info := metrictest.Build(t, tp.Register, name, `{"resamples": 0}`)
	out, err := m.Measure(t.Context(), metrictest.Env(info, 2, 1), pair)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range out.Scores {
		if s.Name == "attack_auroc" && s.Dims["control"] == "none" {
			seen := s.Dims["members"] == "exposed"
			if seen && (s.N != 40 || s.Value < 0.99) || !seen && (s.N != 120 || s.Value > 0.9) {
				t.Errorf("%v: AUROC %v of %d patients", s.Dims, s.Value, s.N)
			}
		}
	}
}

func TestNobody(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 5))
	some, none := population(rng, "p", 12), frameOf()
	for _, c := range [][3]*frame.Frame{{none, some, some}, {some, none, some}, {some, some, none}, {none, none, none}} {
		for _, s := range measure(t, `{"resamples": 10}`, c[0], c[1], c[2]).Scores {
			if s.Status != plugins.Undefined {
				t.Errorf("%+v", s)
			}
		}
	}
}

func TestWrongSettings(t *testing.T) {
	good := tp.Config{Members: []string{"exposed"}, CommonCodes: 15, Level: 0.95}
	if _, err := tp.New(good); err != nil {
		t.Error(err)
	}
	for what, change := range map[string]func(*tp.Config){
		"members is empty":     func(c *tp.Config) { c.Members = nil },
		`members has "seen"`:   func(c *tp.Config) { c.Members = []string{"seen"} },
		"commonCodes is 65":    func(c *tp.Config) { c.CommonCodes = 65 },
		"patients is -1":       func(c *tp.Config) { c.Patients = -1 },
		"level is 1":           func(c *tp.Config) { c.Level = 1 },
		`members has "train"`:  func(c *tp.Config) { c.Members = []string{"train", "train"} },
		"resamples -1; want":   func(c *tp.Config) { c.Resamples = -1 },
		"commonCodes is 0; wa": func(c *tp.Config) { c.CommonCodes = 0 },
	} {
		c := good
		change(&c)
		if _, err := tp.New(c); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v, want %q", err, what)
		}
	}
}

func TestTheOrderOfRowsMakesNoDifference(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 5))
	metrictest.Invariant(t, tp.Register, name, `{"resamples": 20}`, metrictest.Trajectories(population(rng, "p", 30), population(rng, "q", 30), population(rng, "s", 30)))
}

// BenchmarkMeasure has 20,000 patients on each side, 10 visits of 15 codes, some 2,000 codes.
func BenchmarkMeasure(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	draw := func(prefix string) *frame.Frame { return metrictest.Events(rng, prefix, 20000, 10, 15, 2000) }
	train, test, synthetic := draw("r"), draw("h"), draw("s")
	m, info := metrictest.Build(b, tp.Register, name, "")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Measure(b.Context(), metrictest.Env(info, 2, 1), metrictest.Trajectories(train, test, synthetic)); err != nil {
			b.Fatal(err)
		}
	}
}
