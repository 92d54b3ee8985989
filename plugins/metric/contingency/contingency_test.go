package contingency_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/contingency"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

var (
	nan      = math.NaN()
	number   = metrictest.Number
	category = metrictest.Category
)

func measure(t *testing.T, with string, real, synthetic *frame.Frame) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, contingency.Register, "contingency", with, metrictest.Pair(real, synthetic, ""))
}

func TestByHand(t *testing.T) {
	for _, c := range []struct {
		name            string
		real, synthetic *frame.Frame
		want            float64
	}{
		{
			"equal margins, other joint",
			frame.Must(category("a", "x", "x", "y", "y"), category("b", "u", "u", "v", "v")),
			frame.Must(category("a", "x", "x", "y", "y"), category("b", "u", "v", "u", "v")), 0.5,
		},
		{
			"a missing value is a level",
			frame.Must(category("a", "x", ""), category("b", "u", "u")),
			frame.Must(category("a", "x", "x"), category("b", "u", "u")), 0.5,
		},
		{
			"an unseen level",
			frame.Must(category("a", "x"), category("b", "u")),
			frame.Must(category("a", "z"), category("b", "u")), 0,
		},
		{
			"numbers in ten bins of the real range, beyond it in the last ones",
			frame.Must(number("a", 0, 10), number("b", 0, 10)),
			frame.Must(number("a", -5, 10, 0.9), number("b", 0.5, 99, 0)), 1 - 1.0/6,
		},
		{
			"a number column without real values has a bin for any",
			frame.Must(number("a", nan, nan), category("b", "u", "u")),
			frame.Must(number("a", nan, 3), category("b", "u", "u")), 0.5,
		},
	} {
		got := measure(t, `{"pairs": true}`, c.real, c.synthetic)
		if v := got.Value("contingency_similarity", "column", "a", "other", "b"); math.Abs(v-c.want) > 1e-15 || math.Abs(got.Value("mean")-c.want) > 1e-15 {
			t.Errorf("%s: %v, mean %v, want %v", c.name, v, got.Value("mean"), c.want)
		}
	}
}

func TestUndefined(t *testing.T) {
	two := frame.Must(number("a", 1), number("b", 1))
	for reason, frames := range map[string][2]*frame.Frame{
		"there are fewer than 2 columns": {frame.Must(number("a", 1)), frame.Must(number("a", 1))},
		"there are no test rows":         {frame.Must(number("a"), number("b")), two},
		"there are no synthetic rows":    {two, frame.Must(number("a"), number("b"))},
	} {
		if s := measure(t, "", frames[0], frames[1]).Score("mean"); s.Status != plugins.Undefined || s.Reason != reason {
			t.Errorf("%+v, want %q", s, reason)
		}
	}
}

func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10 {
		real, synthetic := metrictest.Frames(rng, 1+rng.IntN(50), 1+rng.IntN(50))
		if got := measure(t, `{"pairs": true}`, real, real).Value("mean"); got != 1 {
			t.Errorf("a frame against itself: %v", got)
		}
		metrictest.Invariant(t, contingency.Register, "contingency", `{"pairs": true}`, metrictest.Pair(real, synthetic, ""))
		// without numbers, whose bins follow the real side, both sides may change places
		real, _ = real.Select("sex", "unit")
		synthetic, _ = synthetic.Select("unit", "sex")
		if there, back := measure(t, "", real, synthetic).Value("mean"), measure(t, "", synthetic, real).Value("mean"); there != back {
			t.Errorf("%v one way, %v the other", there, back)
		}
	}
}

func TestSettings(t *testing.T) {
	real, synthetic := metrictest.Frames(rand.New(rand.NewPCG(3, 4)), 40, 40)
	if s := measure(t, `{"bins": 5}`, real, synthetic).Score("mean"); len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "5 bins instead of 10") {
		t.Errorf("other bins are no variant: %q", s.Warnings)
	}
	for _, c := range []contingency.Config{{Part: plugins.Test, Bins: 1}, {Part: plugins.Reference, Bins: 10}} {
		if _, err := contingency.New(c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}
