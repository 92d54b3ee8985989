package kl_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/kl"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

var (
	nan      = math.NaN()
	number   = metrictest.Number
	category = metrictest.Category
)

func measure(t *testing.T, with string, real, synthetic *frame.Column) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, kl.Register, "kl", with, metrictest.Pair(frame.Must(real), frame.Must(synthetic), ""))
}

func TestByHand(t *testing.T) {
	for _, c := range []struct {
		name            string
		with            string
		real, synthetic *frame.Column
		want            float64
	}{
		{"equal levels", "", category("x", "a", "b"), category("x", "b", "a"), 0},
		// (2+1)/(2+2), (0+1)/(2+2) against (0+1)/(1+2), (1+1)/(1+2)
		{"unseen levels", "", category("x", "a", "a"), category("x", "b"), 0.75*math.Log(0.75*3) + 0.25*math.Log(0.25*1.5)},
		{"missing left out", "", category("x", "a", "", "a"), category("x", "", "b"), 0.75*math.Log(0.75*3) + 0.25*math.Log(0.25*1.5)},
		{"equal numbers", "", number("x", 1, 2, 3), number("x", 3, 2, 1), 0},
		// two bins: [0, 1) and [1, 2]: (1+1)/(2+2) each, against (0+1)/(1+2) and (1+1)/(1+2)
		{"two bins", `{"bins": 2}`, number("x", 0, 2), number("x", 1), 0.5*math.Log(1.5) + 0.5*math.Log(0.75)},
		{"half a pseudo-count", `{"bins": 2, "smoothing": 0.5}`, number("x", 0, 2), number("x", 1), 0.5*math.Log(0.5/0.25) + 0.5*math.Log(0.5/0.75)},
		// range [4.5, 5.5], nine empty bins: 2/11 and nine of 1/11, against 2/11 in the last bin
		{"constants apart", "", number("x", 5), number("x", 9), 2.0/11*math.Log(2) + 1.0/11*math.Log(0.5)},
	} {
		if v := measure(t, c.with, c.real, c.synthetic).Value("kl_divergence", "column", "x"); math.Abs(v-c.want) > 1e-15 {
			t.Errorf("%s: %v, want %v", c.name, v, c.want)
		}
	}
}

func TestVariantsSayWhatDiffers(t *testing.T) {
	for with, want := range map[string][]string{
		``:                               nil,
		`{"bins": 10, "smoothing": 1}`:   nil,
		`{"bins": 20}`:                   {"variant: 20 bins instead of 10"},
		`{"smoothing": 0.5}`:             {"variant: smoothing 0.5 instead of 1"},
		`{"bins": 20, "smoothing": 0.5}`: {"variant: 20 bins instead of 10, smoothing 0.5 instead of 1"},
	} {
		for _, s := range measure(t, with, number("x", 1, 2), number("x", 1)).Scores {
			if !slices.Equal(s.Warnings, want) {
				t.Errorf("%s: %s warns %q, want %q", with, s.Name, s.Warnings, want)
			}
		}
	}
}

func TestUndefined(t *testing.T) {
	for _, c := range [][2]*frame.Column{
		{number("x"), number("x", 1)},
		{number("x", 1), number("x")},
		{number("x", nan), number("x", 1)},
		{category("x", "a"), category("x", "")},
	} {
		got := measure(t, "", c[0], c[1])
		if got.Score("kl_divergence", "column", "x").Status != plugins.Undefined || got.Score("mean").Status != plugins.Undefined {
			t.Errorf("%+v", got.Scores)
		}
	}
}

func TestNewChecksItsSettings(t *testing.T) {
	for _, c := range []kl.Config{
		{Part: plugins.Test, Bins: 1, Smoothing: 1},
		{Part: plugins.Test, Bins: 10},
		{Part: plugins.Test, Bins: 10, Smoothing: math.Inf(1)},
		{Part: plugins.Reference, Bins: 10, Smoothing: 1},
	} {
		if _, err := kl.New(c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}

func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		real, synthetic := metrictest.Frames(rng, 1+rng.IntN(40), 1+rng.IntN(40))
		// Measure checks that every score is at least 0
		metrictest.Measure(t, kl.Register, "kl", "", metrictest.Pair(real, synthetic, ""))
		for _, s := range metrictest.Measure(t, kl.Register, "kl", "", metrictest.Pair(real, real, "")).Scores {
			if s.Value != 0 {
				t.Errorf("a frame against itself: %+v", s)
			}
		}
	}
	real, synthetic := metrictest.Frames(rng, 200, 150)
	metrictest.Invariant(t, kl.Register, "kl", "", metrictest.Pair(real, synthetic, ""))
}
