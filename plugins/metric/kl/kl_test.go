package kl_test

import (
	"encoding/json"
	"fmt"
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
		// the range of both, [0, 4]: two bins [0, 2) and [2, 4], real 1 and 1, synthetic 0 and 2
		{"shared range", `{"bins": 2, "range": "shared"}`, number("x", 0, 2), number("x", 4, 2), 0.5*math.Log(0.5/0.25) + 0.5*math.Log(0.5/0.75)},
		// in the real range [0, 2] instead: [0, 1) and [1, 2], 4 being in the last
		{"real range", `{"bins": 2, "range": "real"}`, number("x", 0, 2), number("x", 4, 0), 0},
		{"levels have no range", `{"range": "shared"}`, category("x", "a"), category("x", "a"), 0},
		// (1/2+ε)/(1+2ε) each, against ε/(1+2ε) and (1+ε)/(1+2ε), ε = 0.1
		{"epsilon", `{"bins": 2, "epsilon": 0.1}`, number("x", 0, 2), number("x", 2, 2), 0.5*math.Log(0.6/0.1) + 0.5*math.Log(0.6/1.1)},
		// (2/2+ε, ε) against (ε, 1+ε) and three rows instead of two: shares, so that the number of rows has no say
		{"epsilon of levels", `{"epsilon": 0.25}`, category("x", "a", "a"), category("x", "b", "b", "b"), (1.25 - 0.25) / 1.5 * math.Log(5)},
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
		``:                                    nil,
		`{"bins": 10, "smoothing": 1}`:        nil,
		`{"bins": 20}`:                        {"variant: 20 bins instead of 10"},
		`{"smoothing": 0.5}`:                  {"variant: smoothing 0.5 instead of 1"},
		`{"bins": 20, "smoothing": 0.5}`:      {"variant: 20 bins instead of 10, smoothing 0.5 instead of 1"},
		`{"range": "real", "columns": "all"}`: nil,
		`{"bins": 20, "range": "shared", "epsilon": 1e-8, "columns": "continuous"}`: {"variant: 20 bins instead of 10, bins over the range of both sides, epsilon 1e-08 instead of smoothing 1, continuous columns alone"},
	} {
		for _, s := range measure(t, with, number("x", 1, 2), number("x", 1)).Scores {
			if !slices.Equal(s.Warnings, want) {
				t.Errorf("%s: %s warns %q, want %q", with, s.Name, s.Warnings, want)
			}
		}
	}
}

// The settings of two reproductions of Lin 2025.
func TestAgreesWithAReproduction(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var real, synthetic []float64
	for i := range 300 {
		real = append(real, rng.NormFloat64())
		if i < 200 {
			synthetic = append(synthetic, 0.5+1.2*rng.NormFloat64())
		}
	}
	for _, c := range []struct {
		bins    int
		epsilon float64
	}{{20, 1e-8}, {50, 1e-10}} {
		with := fmt.Sprintf(`{"bins": %d, "range": "shared", "epsilon": %v}`, c.bins, c.epsilon)
		want := reproduced(real, synthetic, c.bins, c.epsilon)
		if got := measure(t, with, number("x", real...), number("x", synthetic...)).Value("mean"); math.Abs(got-want) > 1e-12 || want < 0.1 {
			t.Errorf("%s: %v, want %v", with, got, want)
		}
	}
}

// reproduced is the divergence of shares in equal bins over the range of both sides, from its definition, value by value.
func reproduced(real, synthetic []float64, bins int, epsilon float64) float64 {
	both := slices.Concat(real, synthetic)
	low, width := slices.Min(both), (slices.Max(both)-slices.Min(both))/float64(bins)
	shares := func(values []float64) []float64 {
		out := slices.Repeat([]float64{epsilon}, bins)
		for _, v := range values {
			out[min(bins-1, int((v-low)/width))] += 1 / float64(len(values))
		}
		sum := 0.0
		for _, s := range out {
			sum += s
		}
		for k := range out {
			out[k] /= sum
		}
		return out
	}
	p, q := shares(real), shares(synthetic)
	sum := 0.0
	for k := range p {
		sum += p[k] * math.Log(p[k]/q[k])
	}
	return sum
}

func TestContinuousColumns(t *testing.T) {
	real := frame.Must(number("flag", 0, 1, 1, nan), number("few", 1, 2, 3, 3), number("constant", 1, 1, 1, 1), number("none", nan, nan, nan, nan), category("c", "a", "b", "c", "d"))
	synthetic := frame.Must(number("flag", 0, 1, 2), number("few", 1, 1, 1), number("constant", 1, 2, 3), number("none", 1, 2, 3), category("c", "a", "b", "c"))
	got := metrictest.Measure(t, kl.Register, "kl", `{"columns": "continuous"}`, metrictest.Pair(real, synthetic, ""))
	if len(got.Scores) != 2 || got.Value("mean") != got.Value("kl_divergence", "column", "few") || got.Value("mean") == 0 {
		t.Errorf("%+v", got.Scores)
	}
	none := metrictest.Measure(t, kl.Register, "kl", `{"columns": "continuous"}`, metrictest.Pair(frame.Must(real.Column("flag")), frame.Must(synthetic.Column("flag")), ""))
	if len(none.Scores) != 1 || none.Score("mean").Status != plugins.Undefined {
		t.Errorf("%+v", none.Scores)
	}
}

// A key holds the settings: what was the default before there were more settings has to be written as it was.
func TestOneSettingIsWrittenInOneWay(t *testing.T) {
	r := &plugins.Registry{}
	kl.Register(r)
	for with, want := range map[string]string{
		``: `{"part":"test","bins":10,"smoothing":1}`,
		`{"range": "real", "columns": "all", "smoothing": 1}`: `{"part":"test","bins":10,"smoothing":1}`,
		`{"epsilon": 0.5, "range": "shared"}`:                 `{"part":"test","bins":10,"range":"shared","smoothing":0,"epsilon":0.5}`,
	} {
		_, settings, err := r.Metrics.Get("kl").Build(json.RawMessage(with))
		if err != nil || string(settings) != want {
			t.Errorf("%s: %s, %v, want %s", with, settings, err, want)
		}
		if _, again, err := r.Metrics.Get("kl").Build(settings); err != nil || string(again) != want {
			t.Errorf("%s is read back as %s, %v", settings, again, err)
		}
	}
	for _, with := range []string{`{"epsilon": 0.1, "smoothing": 1}`, `{"smoothing": 0}`, `{"epsilon": -1}`, `{"epsilons": 1}`, `{"range": "both"}`, `{"columns": "some"}`} {
		if _, _, err := r.Metrics.Get("kl").Build(json.RawMessage(with)); err == nil {
			t.Errorf("%s is accepted", with)
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
		{Part: plugins.Test, Bins: 10, Smoothing: 1, Epsilon: 0.1},
		{Part: plugins.Test, Bins: 10, Epsilon: math.Inf(1)},
		{Part: plugins.Test, Bins: 10, Smoothing: 1, Range: "both"},
		{Part: plugins.Test, Bins: 10, Smoothing: 1, Columns: "numbers"},
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
