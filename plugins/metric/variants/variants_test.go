package variants_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/metric/variants"
)

var (
	nan      = math.NaN()
	number   = metrictest.Number
	category = metrictest.Category
)

func measure(t *testing.T, name, with string, real, synthetic *frame.Frame) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, variants.Register, name, with, metrictest.Pair(real, synthetic, ""))
}

func one(c *frame.Column) *frame.Frame { return frame.Must(c) }

func TestInverseKL(t *testing.T) {
	const vacant = 1e-11
	term := func(p, q float64) float64 { return p*math.Log(p/q) - p + q }
	for _, c := range []struct {
		name            string
		real, synthetic *frame.Column
		divergence      float64
	}{
		{"equal levels", category("x", "a", "b"), category("x", "b", "a"), 0},
		{"an unseen level on each side", category("x", "a", "b"), category("x", "a", "c"), term(0.5, vacant) + term(vacant, 0.5)},
		{"four distinct values are levels", number("x", 1, 2, 3, 4), number("x", 1, 2, 3, 3.5), term(0.25, vacant) + term(vacant, 0.25)},
		// five distinct values: five bins over [0,5], one value each; 0.5 and 1.5 lie in the first two, the rest is empty
		{"five bins", number("x", 0, 1.5, 2.5, 3.5, 5), number("x", 0.5, 1.5), 2*term(0.2, 0.5) + 3*term(0.2, vacant)},
		{"values outside are left out", number("x", 0, 1.5, 2.5, 3.5, 5), number("x", 0.5, 1.5, -1, 5.1), 2*term(0.2, 0.5) + 3*term(0.2, vacant)},
	} {
		got := measure(t, "inverse-kl-synthcity", "", one(c.real), one(c.synthetic)).Value("mean")
		if want := 1 / (1 + c.divergence); math.Abs(got-want) > 1e-8 {
			t.Errorf("%s: %v, want %v", c.name, got, want)
		}
	}
	outside := measure(t, "inverse-kl-synthcity", "", one(number("x", 1, 2, 3, 4, 5)), one(number("x", 9)))
	if s := outside.Score("mean"); s.Status != plugins.Undefined {
		t.Errorf("no value within the range: %+v", s)
	}
}

func TestCSTest(t *testing.T) {
	// shares 1/2, 1/2 against 3/4, 1/4: Σ(¼)²/½ = ¼ with one degree of freedom, whatever the number of rows
	p := math.Erfc(math.Sqrt(0.125))
	for _, c := range []struct {
		name            string
		real, synthetic *frame.Column
		want            float64
	}{
		{"equal", category("x", "a", "b"), category("x", "a", "b", "b", "a"), 1},
		{"one level", category("x", "a"), category("x", "a", "a"), 1},
		{"four rows", category("x", "a", "b"), category("x", "a", "a", "a", "b"), p},
		{"missing left out", category("x", "a", "", "b"), category("x", "a", "a", "a", "b", ""), p},
		{"an unseen level", category("x", "a", "a"), category("x", "a", "b"), 0},
	} {
		if got := measure(t, "cstest-sdmetrics", "", one(c.real), one(c.synthetic)).Value("mean"); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestPairsByHand(t *testing.T) {
	const added = 1e-5
	kl := func(cells ...[2]float64) (sum float64) { // shares, synthetic and real
		for _, c := range cells {
			sum += c[0] * math.Log(c[0]/c[1])
		}
		return sum
	}
	// 100 cells; the real rows in (0,0) and (9,9), the synthetic in (0,0) alone
	two, one := 2+100*added, 1+100*added
	corners := kl([2]float64{(1 + added) / one, (1 + added) / two}, [2]float64{added / one, (1 + added) / two})
	corners += 98 * kl([2]float64{added / one, added / two})
	for _, c := range []struct {
		name, plugin    string
		real, synthetic *frame.Frame
		divergence      float64
	}{
		{"a copy", "kl-pair-continuous-sdmetrics", frame.Must(number("x", 1, 2), number("y", 3, nan)), frame.Must(number("x", 2, 1), number("y", nan, 3)), 0},
		{"corners", "kl-pair-continuous-sdmetrics", frame.Must(number("x", 0, 1), number("y", 0, 1)), frame.Must(number("x", 0), number("y", 0)), corners},
		{
			"missing is 0, outside is left out", "kl-pair-continuous-sdmetrics",
			frame.Must(number("x", nan, 1), number("y", 0, 1)), frame.Must(number("x", nan, 2), number("y", nan, 0)), corners,
		},
		{"levels", "kl-pair-discrete-sdmetrics", frame.Must(category("x", "a", "b"), category("y", "c", "")), frame.Must(category("x", "b", "a"), category("y", "", "c")), 0},
		{
			"an unseen pair of levels", "kl-pair-discrete-sdmetrics",
			frame.Must(category("x", "a", "b"), category("y", "c", "d")), frame.Must(category("x", "a", "a"), category("y", "c", "d")),
			kl([2]float64{0.5, 1 / (2 + 1e-6)}, [2]float64{0.5, 1e-6 / (2 + 1e-6)}),
		},
	} {
		got := measure(t, c.plugin, `{"pairs": true}`, c.real, c.synthetic)
		want := 1 / (1 + c.divergence)
		if v := got.Value("mean"); math.Abs(v-want) > 1e-12 {
			t.Errorf("%s: %v, want %v", c.name, v, want)
		}
		if len(got.Scores) != 2 || got.Scores[1].Value != got.Value("mean") || got.Scores[1].Dims["column"] != "x" || got.Scores[1].Dims["other"] != "y" {
			t.Errorf("%s: %+v", c.name, got.Scores)
		}
	}
}

func TestPairsUndefined(t *testing.T) {
	x, c := number("x", 1), category("c", "a")
	for _, name := range []string{"kl-pair-continuous-sdmetrics", "kl-pair-discrete-sdmetrics"} {
		if s := measure(t, name, "", frame.Must(x, c), frame.Must(x, c)).Score("mean"); s.Status != plugins.Undefined {
			t.Errorf("%s of one column: %+v", name, s)
		}
	}
	rows := frame.Must(number("x", 1), number("y", 1), category("c", "a"), category("d", "a"))
	none := frame.Must(number("x"), number("y"), category("c"), category("d"))
	for _, name := range []string{"kl-pair-continuous-sdmetrics", "kl-pair-discrete-sdmetrics"} {
		for _, c := range [][2]*frame.Frame{{rows, none}, {none, rows}} {
			if s := measure(t, name, "", c[0], c[1]).Score("mean"); s.Status != plugins.Undefined {
				t.Errorf("%s without rows: %+v", name, s)
			}
		}
	}
}

func TestInvariantAndBestForACopy(t *testing.T) {
	real, synthetic := metrictest.Frames(rand.New(rand.NewPCG(3, 4)), 200, 150)
	for name, with := range map[string]string{
		"inverse-kl-synthcity": "", "cstest-sdmetrics": "", "kl-pair-continuous-sdmetrics": `{"pairs": true}`, "kl-pair-discrete-sdmetrics": `{"pairs": true}`,
	} {
		metrictest.Invariant(t, variants.Register, name, with, metrictest.Pair(real, synthetic, ""))
		for _, s := range measure(t, name, with, real, real).Scores {
			if s.Status != plugins.OK || math.Abs(s.Value-1) > 1e-12 {
				t.Errorf("%s of a copy: %+v", name, s)
			}
		}
	}
}

func TestPartIsChecked(t *testing.T) {
	r := &plugins.Registry{}
	variants.Register(r)
	for _, name := range r.Metrics.Names() {
		if _, _, err := r.Metrics.Get(name).Build([]byte(`{"part": "reference"}`)); err == nil {
			t.Errorf("%s takes the reference part", name)
		}
	}
}
