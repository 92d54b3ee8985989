package anonymity_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/anonymity"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

var (
	nan      = math.NaN()
	number   = metrictest.Number
	category = metrictest.Category
)

func pairOf(train, test, synthetic *frame.Frame, target string) *plugins.Pair {
	return plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: {Frame: train}, plugins.Test: {Frame: test},
	}), synthetic, target)
}

const with = `{"quasi": ["age", "sex"], "bands": [{"column": "age", "width": 10}]}`

func TestByHand(t *testing.T) {
	// classes of train: 40s f (2), 50s m (1), missing f (2)
	train := frame.Must(number("age", 41, 49, 50, nan, nan), category("sex", "f", "f", "m", "f", "f"), category("dead", "y", "n", "n", "y", "y"))
	test := frame.Must(number("age", 40, 44), category("sex", "f", "f"), category("dead", "y", ""))
	// 40s f (1), 50s m (2), 60s m (1)
	synthetic := frame.Must(number("age", 42, 55, 51, 60), category("sex", "f", "m", "m", "m"), category("dead", "y", "y", "n", "n"))
	m := metrictest.Measure(t, anonymity.Register, "anonymity", with, pairOf(train, test, synthetic, "dead"))
	for _, c := range []struct {
		rows string
		want map[string]float64
	}{
		{"train", map[string]float64{
			"k_anonymity": 1, "l_diversity": 1, "equivalence_classes": 3, "unique_share": 0.2, "below5_share": 1, "mean_class_size": 5.0 / 3,
			"k_map_matched": 1, "synth_rows_with_real_match_share": 0.75, "real_unique_and_in_synth_share": 0.2, "synth_combinations_absent_from_real": 1,
		}},
		{"test", map[string]float64{
			"k_anonymity": 2, "l_diversity": 2, "equivalence_classes": 1, "unique_share": 0, "below5_share": 1, "mean_class_size": 2,
			"k_map_matched": 2, "synth_rows_with_real_match_share": 0.25, "real_unique_and_in_synth_share": 0, "synth_combinations_absent_from_real": 2,
		}},
		{"synthetic", map[string]float64{"k_anonymity": 1, "l_diversity": 1, "equivalence_classes": 3, "unique_share": 0.5, "below5_share": 1, "mean_class_size": 4.0 / 3}},
	} {
		for name, want := range c.want {
			if got := m.Value(name, "rows", c.rows); math.Abs(got-want) > 1e-15 {
				t.Errorf("%s of %s is %v, want %v", name, c.rows, got, want)
			}
		}
	}
}

func TestCopiesShareTheirClassesWithTrain(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	real, other := metrictest.Frames(rng, 120, 100)
	const with = `{"quasi": ["smooth", "unit"]}`
	m := metrictest.Measure(t, anonymity.Register, "anonymity", with, pairOf(real, other, real, ""))
	if match, unique := m.Value("synth_rows_with_real_match_share", "rows", "train"), m.Value("real_unique_and_in_synth_share", "rows", "train"); match != 1 || unique != 1 {
		t.Errorf("copies match %v of the time and give away %v of the rows", match, unique)
	}
	if s := m.Score("k_map_matched", "rows", "test"); s.Status != plugins.Undefined {
		t.Errorf("no copy is of a test row: %+v", s)
	}
	if s := m.Score("l_diversity", "rows", "train"); s.Status != plugins.Undefined {
		t.Errorf("no secret is named: %+v", s)
	}
	metrictest.Invariant(t, anonymity.Register, "anonymity", with, pairOf(real, other, real, "sex"))
}

// Whoever is one of fewer rows is more often alone: only samples of one size tell of copies.
func TestExcessIsThatOfCopies(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	draw := func(n int) *frame.Frame {
		age, beds, sex := make([]float64, n), make([]float64, n), make([]string, n)
		for i := range n {
			age[i], beds[i], sex[i] = float64(18+rng.IntN(72)), math.Floor(8*rng.ExpFloat64()), []string{"f", "m"}[rng.IntN(2)]
		}
		return frame.Must(number("age", age...), number("beds", beds...), category("sex", sex...))
	}
	const with = `{"quasi": ["age", "beds", "sex"]}`
	train, test := draw(2000), draw(500)
	honest := metrictest.Measure(t, anonymity.Register, "anonymity", with, pairOf(train, test, draw(2000), ""))
	copied, err := frame.Concat(train.Take(rng.Perm(2000)[:500]), draw(1500))
	if err != nil {
		t.Fatal(err)
	}
	leaky := metrictest.Measure(t, anonymity.Register, "anonymity", with, pairOf(train, test, copied, ""))
	const name = "real_unique_and_in_synth_share"
	if leaky.Value(name, "rows", "train") > leaky.Value(name, "rows", "test") {
		t.Error("the shares as they are tell of the copies; then no excess is needed")
	}
	a, b := honest.Value("unique_and_in_synth_excess"), leaky.Value("unique_and_in_synth_excess")
	if math.Abs(a) > 0.05 || b < 0.05 {
		t.Errorf("excess %v without copies and %v with", a, b)
	}
	same := metrictest.Measure(t, anonymity.Register, "anonymity", with, pairOf(train, draw(2000), train, ""))
	if got, want := same.Value("unique_and_in_synth_excess"), same.Value(name, "rows", "train")-same.Value(name, "rows", "test"); math.Abs(got-want) > 1e-12 {
		t.Errorf("parts of one size: %v, want %v", got, want)
	}
}

func TestUndefined(t *testing.T) {
	some := frame.Must(number("age", 1, 2), category("sex", "f", "m"))
	for name, c := range map[string]struct {
		with string
		pair *plugins.Pair
		rows string
		want string
	}{
		"no synthetic rows": {with, pairOf(some, some, some.Take(nil), ""), "synthetic", "there are no synthetic rows"},
		"no train rows":     {with, pairOf(some.Take(nil), some, some, ""), "train", "there are no train rows"},
		"no test rows":      {with, pairOf(some, some.Take(nil), some, ""), "test", "there are no test rows"},
		"another column":    {`{"quasi": ["z"]}`, pairOf(some, some, some, ""), "train", `column "z" is not among the features`},
	} {
		if s := metrictest.Measure(t, anonymity.Register, "anonymity", c.with, c.pair).Score("k_anonymity", "rows", c.rows); s.Reason != c.want {
			t.Errorf("%s: %+v, want %q", name, s, c.want)
		}
	}
	out := metrictest.Measure(t, anonymity.Register, "anonymity", `{"quasi": ["age"], "secret": "z"}`, pairOf(some, some, some, ""))
	if s := out.Score("l_diversity", "rows", "train"); s.Reason != `column "z" is not among the features` {
		t.Errorf("another secret: %+v", s)
	}
}

func TestSettings(t *testing.T) {
	r := &plugins.Registry{}
	anonymity.Register(r)
	for with, want := range map[string]string{
		`{}`:                              "quasi names no column",
		`{"quasi": ["x"], "secret": "x"}`: `quasi has the secret "x"`,
		`{"quasi": ["x"], "bands": [{"column": "x", "width": -1}]}`: `the width for "x" is -1`,
	} {
		if _, _, err := r.Metrics.Get("anonymity").Build(json.RawMessage(with)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", with, err, want)
		}
	}
}
