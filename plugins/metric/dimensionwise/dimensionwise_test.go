package dimensionwise_test

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/dimensionwise"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

const name = "dimension-wise"

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
	return metrictest.Measure(t, dimensionwise.Register, name, with, metrictest.Trajectories(train, test, synthetic))
}

func TestSharesByHand(t *testing.T) {
	// a: 2 of 2 patients, 3 of 4 events; b: 1 of 2, 1 of 4
	test := frameOf(event{"p", 0, "a", 1}, event{"p", 0, "a", 2}, event{"p", 0, "b", 1}, event{"q", 0, "a", 1})
	// a: 1 of 1, 1 of 2; c: 1 of 1, 1 of 2
	synthetic := frameOf(event{"s", 0, "a", 1}, event{"s", 0, "c", 1})
	m := measure(t, "", test, test, synthetic)
	half := func(x float64) float64 { return x * math.Log2(x) }
	// shares of events ¾, ¼, 0 against ½, 0, ½, in the middle ⅝, ⅛, ¼
	divergence := (half(0.75)+half(0.25)+half(0.5)+half(0.5))/2 - half(0.625) - half(0.125) - half(0.25)
	for score, want := range map[string]float64{
		"prevalence_rmse": math.Sqrt((0.25 + 1) / 3), "prevalence_mean_abs": 0.5, "prevalence_r2": 1 - 1.25/0.5,
		"codes": 3, "unseen_in_real": 1, "absent_in_synth": 1, "code_frequency_jensen_shannon": math.Sqrt(divergence),
	} {
		if got := m.Value(score); math.Abs(got-want) > 1e-12 {
			t.Errorf("%s is %v, want %v", score, got, want)
		}
	}
}

// linked returns patients of whom half have x; those have y too, and the others z, but for a share of them by chance.
func linked(rng *rand.Rand, prefix string, n int, noise float64) *frame.Frame {
	var rows []event
	for i := range n {
		id := prefix + strconv.Itoa(1000+i)
		x := i%2 == 0
		rows = append(rows, event{id, 0, "all", 1})
		if x {
			rows = append(rows, event{id, 0, "x", 1})
		}
		if rng.Float64() < noise {
			x = rng.IntN(2) == 0
		}
		rows = append(rows, event{id, 1, map[bool]string{true: "y", false: "z"}[x], 2})
	}
	return frameOf(rows...)
}

func TestPrediction(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	train, test, faithful, noise := linked(rng, "p", 200, 0.2), linked(rng, "q", 200, 0.2), linked(rng, "s", 200, 0.2), linked(rng, "s", 200, 1)
	good, bad := measure(t, `{"codes": 1}`, train, test, faithful), measure(t, `{"codes": 1}`, train, test, noise)
	if got := good.Value("auroc_synth", "code", "x"); got < 0.85 { // the code nearest to one half
		t.Errorf("the link is there, and the AUROC is %v", got)
	}
	if g, b := good.Value("prediction_mean_abs_difference"), bad.Value("prediction_mean_abs_difference"); g > 0.05 || b < 0.1 {
		t.Errorf("difference %v with the link, %v without", g, b)
	}
	copied := measure(t, `{"codes": 3}`, train, test, train)
	if got := copied.Value("prediction_mean_abs_difference"); got != 0 {
		t.Errorf("a perfect copy predicts otherwise: %v", got)
	}
}

func TestACodeThatAllPatientsHaveCannotBePredicted(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 9))
	m := measure(t, `{"codes": 4}`, linked(rng, "p", 40, 0.2), linked(rng, "q", 40, 0.2), linked(rng, "s", 40, 0.2))
	if s := m.Score("auroc_real", "code", "all"); s.Status != plugins.Undefined {
		t.Errorf("%+v", s)
	}
	if s := m.Score("prediction_mean_abs_difference"); s.N != 3 || len(s.Warnings) != 1 {
		t.Errorf("%+v, want the mean of 3 codes and a warning", s)
	}
}

func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 9))
	real, synthetic := metrictest.Events(rng, "r", 80, 4, 4, 30), metrictest.Events(rng, "s", 70, 4, 4, 30)
	copied := measure(t, `{"codes": 0}`, real, real, real)
	for score, want := range map[string]float64{"prevalence_r2": 1, "prevalence_rmse": 0, "code_frequency_jensen_shannon": 0, "unseen_in_real": 0} {
		if got := copied.Value(score); math.Abs(got-want) > 1e-12 {
			t.Errorf("a perfect copy has %s %v", score, got)
		}
	}
	metrictest.Invariant(t, dimensionwise.Register, name, "", metrictest.Trajectories(metrictest.Events(rng, "t", 80, 4, 4, 30), real, synthetic))
	if s := measure(t, "", real, real, synthetic).Score("prediction_mean_abs_difference"); s.Status != plugins.Undefined || !strings.Contains(s.Reason, "train and test are the same") {
		t.Errorf("patients that a model is trained on, and tested: %+v", s)
	}
	for _, s := range measure(t, "", real, real, frameOf()).Scores {
		if s.Status != plugins.Undefined {
			t.Errorf("without synthetic patients: %+v", s)
		}
	}
	if _, err := dimensionwise.New(dimensionwise.Config{Part: plugins.Test, Codes: -1}); err == nil {
		t.Error("a negative number of codes is accepted")
	}
}

// BenchmarkPrediction has 20,000 patients on each side, 10 visits of 15 codes, some 2,000 codes.
func BenchmarkPrediction(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	draw := func(prefix string) *frame.Frame { return metrictest.Events(rng, prefix, 20000, 10, 15, 2000) }
	train, test, synthetic := draw("r"), draw("h"), draw("s")
	m, info := metrictest.Build(b, dimensionwise.Register, name, "")
	for b.Loop() {
		if _, err := m.Measure(b.Context(), metrictest.Env(info, 2, 1), metrictest.Trajectories(train, test, synthetic)); err != nil {
			b.Fatal(err)
		}
	}
}
