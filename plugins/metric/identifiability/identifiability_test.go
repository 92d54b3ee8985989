package identifiability_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/identifiability"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

var number = metrictest.Number

func pair(train, test, synthetic *frame.Frame) *plugins.Pair {
	return plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: {Frame: train},
		plugins.Test:  {Frame: test},
	}), synthetic, "")
}

func measure(t *testing.T, with string, p *plugins.Pair) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, identifiability.Register, "identifiability", with, p)
}

func TestByHand(t *testing.T) {
	train, test := frame.Must(number("x", 0, 10, 30, 50)), frame.Must(number("x", 5, 29, 70))
	synthetic := frame.Must(number("x", 1, 10, 40, 71))
	for _, with := range []string{`{"distance": "euclidean"}`, `{"distance": "gower"}`} {
		got := measure(t, with, pair(train, test, synthetic))
		// 0: 1 before 10; 10: itself before 0; 30: 10 from 40 before 20; 50: 10 from 40 before 20
		if v := got.Value("identifiability_score", "members", "train"); v != 1 {
			t.Errorf("%s: %v, want 1", with, v)
		}
		// 5: 4 before 5; 29: 1 from 30 before 11; 70: 1 before 20
		if v := got.Value("identifiability_baseline"); math.Abs(v-2.0/3) > 1e-15 {
			t.Errorf("%s: baseline %v", with, v)
		}
	}
	equal := measure(t, "", pair(frame.Must(number("x", 0, 2)), test, frame.Must(number("x", -2))))
	if v := equal.Value("identifiability_score", "members", "train"); v != 0 {
		t.Errorf("as close as another real row: %v, want 0", v)
	}
}

func TestExposedRowsAreMembers(t *testing.T) {
	p := pair(frame.Must(number("x", 0, 10, 30, 50)), frame.Must(number("x", 5)), frame.Must(number("x", 51, 29)))
	p.Exposed = []int{0, 3}
	m, info := metrictest.Build(t, identifiability.Register, "identifiability", "")
	out, err := m.Measure(t.Context(), metrictest.Env(info, 1, 1), p)
	if err != nil {
		t.Fatal(err)
	}
	if s := out.Scores[0]; s.Dims["members"] != "exposed" || s.Value != 0.5 || s.N != 2 {
		t.Errorf("%+v", s)
	}
	p.Exposed = []int{}
	if out, err = m.Measure(t.Context(), metrictest.Env(info, 1, 1), p); err != nil {
		t.Fatal(err)
	}
	if s := out.Scores[0]; s.Status != plugins.Undefined || s.Reason != "the generator has seen no row of train" {
		t.Errorf("%+v", s)
	}
}

func TestUndefined(t *testing.T) {
	none, one, two := frame.Must(number("x")), frame.Must(number("x", 1)), frame.Must(number("x", 1, 2))
	for _, c := range []struct {
		train, test, synthetic *frame.Frame
		score, baseline        string
	}{
		{two, two, none, "there are no synthetic rows", "there are no synthetic rows"},
		{one, two, two, "there are fewer than two train rows", "there are fewer than two train rows"},
		{none, two, two, "there are fewer than two train rows", "there are fewer than two train rows"},
		{two, none, two, "", "there are no test rows"},
	} {
		got := measure(t, "", pair(c.train, c.test, c.synthetic))
		if s := got.Score("identifiability_score", "members", "train"); s.Reason != c.score {
			t.Errorf("%+v, want %q", s, c.score)
		}
		if s := got.Score("identifiability_baseline"); s.Reason != c.baseline {
			t.Errorf("%+v, want %q", s, c.baseline)
		}
	}
}

func TestBadSettings(t *testing.T) {
	if _, err := identifiability.New(identifiability.Config{}); err == nil || !strings.Contains(err.Error(), `distance is ""; want`) {
		t.Error(err)
	}
}

func TestACopyOfTrainIsWorst(t *testing.T) {
	all, _ := metrictest.Frames(rand.New(rand.NewPCG(1, 2)), 900, 1)
	part := func(k int) *frame.Frame {
		rows := make([]int, 300)
		for i := range rows {
			rows[i] = 300*k + i
		}
		return all.Take(rows)
	}
	if v := measure(t, "", pair(part(0), part(1), part(0))).Value("identifiability_score", "members", "train"); v != 1 {
		t.Errorf("of a copy of train: %v", v)
	}
	none := measure(t, "", pair(part(0), part(1), part(2)))
	if a, b := none.Value("identifiability_score", "members", "train"), none.Value("identifiability_baseline"); math.Abs(a-b) > 0.12 {
		t.Errorf("of rows that are no copies: %v of train, %v of test", a, b)
	}
}

func TestOrderOfRowsDoesNotMatter(t *testing.T) {
	real, synthetic := metrictest.Frames(rand.New(rand.NewPCG(5, 6)), 120, 100)
	metrictest.Invariant(t, identifiability.Register, "identifiability", "", metrictest.Pair(real, synthetic, ""))
}
