package membership_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

// congruential draws whole numbers by a rule that is one line in any language: they are the same where the expectations come from.
type congruential uint32

func (g *congruential) below(m uint32) float64 {
	*g = (*g*1103515245 + 12345) % (1 << 31)
	return float64(uint32(*g>>16) % m)
}

// labelled has two numbers of which the sum, with noise, decides on the label y.
func labelled(g *congruential, n int) *frame.Frame {
	x, z, y := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range n {
		x[i], z[i] = g.below(50), g.below(50)
		if x[i]+z[i]+g.below(60) > 80 {
			y[i] = 1
		}
	}
	return frame.Must(metrictest.Number("x", x...), metrictest.Number("z", z...), metrictest.Number("y", y...))
}

func withTarget(train, test, synthetic *frame.Frame, target string) *plugins.Pair {
	return plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: {Frame: train}, plugins.Test: {Frame: test},
	}), synthetic, target)
}

func joined(t *testing.T, frames ...*frame.Frame) *frame.Frame {
	t.Helper()
	f, err := frame.Concat(frames...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// small is trees that a few lines of another language grow as well.
const small = `"gbdt": {"rounds": 20, "eta": 0.3, "max_depth": 2, "subsample": 1, "colsample_bytree": 1}`

// TestConfidenceByDefinition compares with a program of 50 lines of Python that grows the same trees by going through all splits at
// values of the training rows, and reads AUROC and the share of wrong calls off the probabilities pair by pair and row by row.
func TestConfidenceByDefinition(t *testing.T) {
	g := congruential(42)
	members, others := labelled(&g, 60), labelled(&g, 50)
	synthetic := joined(t, members.Take(upTo(40)), labelled(&g, 20))
	m := measure(t, `{"attacks": ["confidence"], "members": ["train"], "resamples": 50, `+small+`}`, withTarget(members, others, synthetic, "y"), 1)
	for _, c := range []struct {
		name, control string
		want          float64
	}{
		{"attack_auroc", "none", 0.6083333333333334},
		{"empirical_risk", "none", 0.43636363636363634},
		{"attack_accuracy", "none", 1 - 0.43636363636363634},
		{"attack_auroc", "resample", 0.6368333333333333}, // on the members themselves
	} {
		s := score(t, m, c.name, "confidence", "train", c.control)
		if math.Abs(s.Value-c.want) > 1e-12 || s.N != 110 || s.Interval == nil {
			t.Errorf("%s, control %s: %v of %d rows, %+v; want %v", c.name, c.control, s.Value, s.N, s.Interval, c.want)
		}
	}
	risk, accuracy := score(t, m, "empirical_risk", "confidence", "train", "none"), score(t, m, "attack_accuracy", "confidence", "train", "none")
	if math.Abs(risk.Interval.Low-(1-accuracy.Interval.High)) > 1e-12 || math.Abs(risk.Interval.High-(1-accuracy.Interval.Low)) > 1e-12 {
		t.Errorf("the interval of a risk is %+v, and that of the accuracy %+v", risk.Interval, accuracy.Interval)
	}
}

// A generator that keeps its patients tells more of their labels than of those of strangers; one that does not, does not.
func TestConfidenceFindsALeakOfLabels(t *testing.T) {
	g := congruential(7)
	members, others := labelled(&g, 400), labelled(&g, 400)
	with := `{"attacks": ["confidence"], "members": ["train"], "resamples": 0}`
	copied := score(t, measure(t, with, withTarget(members, others, members, "y"), 1), "attack_auroc", "confidence", "train", "none")
	if copied.Interval.Low <= 0.5 {
		t.Errorf("copies of the members: %v, %+v", copied.Value, copied.Interval)
	}
	held := 0
	for seed := range uint64(20) {
		s := score(t, measure(t, with, withTarget(labelled(&g, 400), labelled(&g, 400), labelled(&g, 400), "y"), seed), "attack_auroc", "confidence", "train", "none")
		if s.Interval.Low <= 0.5 && s.Interval.High >= 0.5 {
			held++
		}
	}
	if held < 16 { // 19 are due; fewer than 16 come up once in 400 times
		t.Errorf("%d of 20 intervals hold chance where there is no leak", held)
	}
}

func TestConfidenceIsUndefinedWithoutLabels(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 5))
	g := congruential(1)
	f := func(n int) *frame.Frame { return labelled(&g, n) }
	relabel := func(f *frame.Frame, label func(i int) float64) *frame.Frame {
		y := make([]float64, f.Rows())
		for i := range y {
			y[i] = label(i)
		}
		return frame.Must(f.Column("x"), f.Column("z"), metrictest.Number("y", y...))
	}
	missing := func(i int) float64 { return []float64{math.NaN(), 0, 1}[i%3] }
	for _, c := range []struct {
		name                   string
		train, test, synthetic *frame.Frame
		target, want           string
	}{
		{"no target", f(30), f(30), f(30), "", "the data have no target"},
		{"real rows without a label", relabel(f(30), missing), f(30), f(30), "y", `target "y" is missing in 10 of 30 rows`},
		{"one class of synthetic rows", f(30), f(30), relabel(f(30), func(int) float64 { return 1 }), "y", "the synthetic rows have one label class"},
		{"no synthetic label", f(30), f(30), relabel(f(30), func(int) float64 { return math.NaN() }), "y", "no synthetic row has a label"},
		{"an unknown label", f(30), f(30), relabel(f(30), func(i int) float64 { return float64(i % 3) }), "y", "neither 0 nor 1"},
		{"nothing but labels", frame.Must(f(30).Column("y")), frame.Must(f(30).Column("y")), frame.Must(f(30).Column("y")), "y", "no column has a value to split by"},
	} {
		m := measure(t, `{"attacks": ["confidence", "distance"], "members": ["train"], "resamples": 0}`, withTarget(c.train, c.test, c.synthetic, c.target), 1)
		for _, name := range []string{"attack_auroc", "empirical_risk"} {
			s := score(t, m, name, "confidence", "train", "none")
			if s.Status != plugins.Undefined || !strings.Contains(s.Reason, c.want) {
				t.Errorf("%s: %s %s %q, want %q", c.name, name, s.Status, s.Reason, c.want)
			}
		}
		if s := score(t, m, "member_share", "distance", "train", "none"); s.Status != plugins.OK {
			t.Errorf("%s: the other attack is %s: %s", c.name, s.Status, s.Reason)
		}
	}
	// synthetic rows without a label are not learnt from, and the others are
	synthetic := f(90)
	some := relabel(synthetic, func(i int) float64 {
		if i%3 == 0 {
			return math.NaN()
		}
		return synthetic.Column("y").Numbers[i]
	})
	var kept []int
	for i := range 90 {
		if i%3 > 0 {
			kept = append(kept, i)
		}
	}
	train, test := f(60), f(60)
	with := `{"attacks": ["confidence"], "members": ["train"], "resamples": 0}`
	a, b := measure(t, with, withTarget(train, test, some, "y"), 1), measure(t, with, withTarget(train, test, synthetic.Take(kept), "y"), 1)
	if x, y := score(t, a, "attack_auroc", "confidence", "train", "none"), score(t, b, "attack_auroc", "confidence", "train", "none"); x.Value != y.Value {
		t.Errorf("rows without a label are learnt from: %v and %v", x.Value, y.Value)
	}
	if m := measure(t, `{"resamples": 0}`, pairOf(patients(rng, 40), patients(rng, 40), patients(rng, 40)), 1); slices.ContainsFunc(m.Scores, func(s plugins.Score) bool { return s.Dims["attack"] == "confidence" }) {
		t.Error("the attack is mounted unasked")
	}
}
