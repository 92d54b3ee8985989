package adversarialaccuracy_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/adversarialaccuracy"
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
	return metrictest.Measure(t, adversarialaccuracy.Register, "adversarial-accuracy", with, p)
}

func TestByHand(t *testing.T) {
	train, test := frame.Must(number("x", 0, 10, 30)), frame.Must(number("x", 100, 101, 103))
	synthetic := frame.Must(number("x", 1, 12, 102))
	for _, with := range []string{`{"distance": "euclidean"}`, `{"distance": "gower"}`} {
		got := measure(t, with, pair(train, test, synthetic))
		// train: 1, 2 and 18 from synthetic rows, 10, 10, 20 from each other: none is further. synthetic rows: 1, 2 and 72 from
		// train, 11, 11, 90 from each other: none is further; by Gower 72 and 90 are both beyond the range, 1
		if v := got.Value("aa_train", "members", "train"); v != 0 {
			t.Errorf("%s: aa_train %v, want 0", with, v)
		}
		// test: 2, 1, 1 from synthetic rows, 1, 1, 2 from each other: one is further. synthetic rows: 99, 88, 1 from test and
		// 11, 11, 90 from each other: two are further
		if v := got.Value("aa_test", "members", "train"); math.Abs(v-0.5) > 1e-15 {
			t.Errorf("%s: aa_test %v, want 0.5", with, v)
		}
		if v := got.Value("privacy_loss", "members", "exposed"); math.Abs(v-0.5) > 1e-15 {
			t.Errorf("%s: privacy loss %v, want 0.5", with, v)
		}
	}
}

func TestUndefined(t *testing.T) {
	none, one, two := frame.Must(number("x")), frame.Must(number("x", 1)), frame.Must(number("x", 1, 2))
	for _, c := range []struct {
		train, test, synthetic *frame.Frame
		reason                 string
	}{
		{none, two, two, "there are no train rows"},
		{two, none, two, "no test row can be a non-member"},
		{two, two, none, "fewer than two rows"},
		{two, two, one, "fewer than two rows"},
		{two, one, two, "fewer than two rows"},
	} {
		got := measure(t, "", pair(c.train, c.test, c.synthetic))
		for _, name := range []string{"aa_train", "aa_test", "privacy_loss"} {
			if s := got.Score(name, "members", "train"); s.Status != plugins.Undefined || !strings.Contains(s.Reason, c.reason) {
				t.Errorf("%s: %+v, want %q", name, s, c.reason)
			}
		}
	}
}

func TestBadSettings(t *testing.T) {
	for want, c := range map[string]adversarialaccuracy.Config{
		`distance is "cosine"; want`: {Distance: "cosine", Rows: "first"},
		`rows is "last"; want`:       {Distance: "gower", Rows: "last"},
	} {
		if _, err := adversarialaccuracy.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func some(f *frame.Frame, from, to int) *frame.Frame {
	rows := make([]int, to-from)
	for i := range rows {
		rows[i] = from + i
	}
	return f.Take(rows)
}

func TestCopiesAreFoundAndTheirAbsenceToo(t *testing.T) {
	all, _ := metrictest.Frames(rand.New(rand.NewPCG(1, 2)), 900, 1)
	train, test, fresh := some(all, 0, 300), some(all, 300, 600), some(all, 600, 900)
	for _, with := range []string{`{"distance": "euclidean"}`, `{"distance": "gower"}`} {
		leak := measure(t, with, pair(train, test, train))
		if v := leak.Value("aa_train", "members", "train"); v != 0 {
			t.Errorf("%s: a copy of train has the accuracy %v", with, v)
		}
		if v := leak.Value("privacy_loss", "members", "train"); v < 0.35 {
			t.Errorf("%s: a copy of train loses %v", with, v)
		}
		none := measure(t, with, pair(train, test, fresh))
		if v := none.Value("privacy_loss", "members", "train"); math.Abs(v) > 0.12 {
			t.Errorf("%s: rows that are no copies lose %v", with, v)
		}
		if v := none.Value("aa_test", "members", "train"); math.Abs(v-0.5) > 0.1 {
			t.Errorf("%s: real rows are told from real ones with accuracy %v", with, v)
		}
	}
}

func TestSidesHaveEquallyManyRows(t *testing.T) {
	all, _ := metrictest.Frames(rand.New(rand.NewPCG(3, 4)), 500, 1)
	p := pair(some(all, 0, 200), some(all, 200, 270), some(all, 270, 500))
	random, first := measure(t, "", p), measure(t, `{"rows": "first"}`, p)
	if n := random.Score("aa_train", "members", "train").N; n != 70 {
		t.Errorf("%d rows of each side", n)
	}
	byHand := measure(t, "", pair(some(all, 0, 70), some(all, 200, 270), some(all, 270, 340)))
	a, b := first.Value("aa_train", "members", "train"), byHand.Value("aa_train", "members", "train")
	// the encoding is that of all rows of train, so that a few neighbours may differ
	if math.Abs(a-b) > 0.06 {
		t.Errorf("the first rows: %v, taken by hand %v", a, b)
	}
}

func TestOrderOfRowsDoesNotMatterWhereAllAreCompared(t *testing.T) {
	real, synthetic := metrictest.Frames(rand.New(rand.NewPCG(5, 6)), 90, 90)
	metrictest.Invariant(t, adversarialaccuracy.Register, "adversarial-accuracy", "", metrictest.Pair(real, synthetic, ""))
}
