package memorisation_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/memorisation"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

var (
	nan      = math.NaN()
	number   = metrictest.Number
	category = metrictest.Category
)

func TestByHand(t *testing.T) {
	synthetic := frame.Must(number("x", 100, nan), number("y", 1, 2), category("c", "b", ""), category("d", "k", "k"))
	for _, c := range []struct {
		name            string
		x, y            float64
		c, d            string
		tolerance       float64
		agree           float64
		exactly, nearly int
	}{
		{"equal", 100, 1, "b", "k", 0, 1, 1, 1},
		{"missing equals missing", nan, 2, "", "k", 0, 1, 1, 1},
		{"missing is no value", nan, 2, "b", "k", 0, 1, 0, 0},
		{"within the tolerance", 100.9, 1, "b", "k", 0.01, 1, 0, 1},
		{"beyond it", 102, 1, "b", "k", 0.01, 1, 0, 0},
		{"one of four may differ", 102, 1, "b", "k", 0.01, 0.75, 0, 1},
		{"but not two", 102, 9, "b", "k", 0.01, 0.75, 0, 0},
		{"an unknown level", 100, 1, "z", "k", 0, 1, 0, 0},
	} {
		real := frame.Must(number("x", c.x), number("y", c.y), category("c", c.c), category("d", c.d))
		got, err := memorisation.Returned(t.Context(), 1, real, synthetic, c.tolerance, c.agree)
		if err != nil || got != [2]int{c.exactly, c.nearly} {
			t.Errorf("%s: %v, want %d and %d; error: %v", c.name, got, c.exactly, c.nearly, err)
		}
	}
}

func draws(rng *rand.Rand, n int) *frame.Frame {
	x, y, sex := make([]float64, n), make([]float64, n), make([]string, n)
	for i := range n {
		x[i], y[i], sex[i] = math.Round(8*rng.NormFloat64()), math.Round(8*rng.NormFloat64()), []string{"f", "m"}[rng.IntN(2)]
	}
	return frame.Must(number("x", x...), number("y", y...), category("sex", sex...))
}

func pairOf(train, test, synthetic *frame.Frame, exposed []int) *plugins.Pair {
	pair := plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: {Frame: train}, plugins.Test: {Frame: test},
	}), synthetic, "")
	pair.Exposed = exposed
	return pair
}

// measure keeps what the pair says of exposure.
func measure(t *testing.T, with string, pair *plugins.Pair) func(name string, dims ...string) plugins.Score {
	t.Helper()
	m, info := metrictest.Build(t, memorisation.Register, "memorisation", with)
	out, err := m.Measure(t.Context(), metrictest.Env(info, 2, 1), pair.Only(info.Reads...))
	if err != nil {
		t.Fatal(err)
	}
	return func(name string, dims ...string) plugins.Score {
		for _, s := range out.Scores {
			same := s.Name == name && 2*len(s.Dims) == len(dims)
			for i := 0; i < len(dims); i += 2 {
				same = same && s.Dims[dims[i]] == dims[i+1]
			}
			if same {
				return s
			}
		}
		t.Fatalf("no score %s %v", name, dims)
		return plugins.Score{}
	}
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func TestShownRowsThatComeBackAreFound(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	train, test := draws(rng, 300), draws(rng, 200)
	synthetic, err := frame.Concat(draws(rng, 50), train.Take(upTo(50)))
	if err != nil {
		t.Fatal(err)
	}
	for _, how := range []string{"exactly", "nearly"} {
		score := measure(t, "", pairOf(train, test, synthetic, upTo(100)))
		shown, never := score("returned", "how", how, "rows", "shown"), score("returned", "how", how, "rows", "never shown")
		if shown.N != 100 || never.N != 100 || shown.Value < 0.5 || never.Value > 0.3 {
			t.Errorf("%s: %v of the %d shown and %v of the %d others", how, shown.Value, shown.N, never.Value, never.N)
		}
		if s := score("returned_excess", "how", how); s.Value != shown.Value-never.Value || s.Interval.Low <= 0.2 {
			t.Errorf("%s: excess %v, %+v", how, s.Value, s.Interval)
		}
		if s := score("returned_p", "how", how); s.Value > 1e-6 {
			t.Errorf("%s: p = %v", how, s.Value)
		}
	}
}

func TestNothingIsFoundWhereNothingWasCopied(t *testing.T) {
	held, small := 0, 0
	const trials = 200
	for i := range uint64(trials) {
		rng := rand.New(rand.NewPCG(i, 3))
		score := measure(t, "", pairOf(draws(rng, 200), draws(rng, 100), draws(rng, 100), upTo(80)))
		if in := score("returned_excess", "how", "exactly").Interval; in.Low <= 0 && in.High >= 0 {
			held++
		}
		if score("returned_p", "how", "exactly").Value <= 0.05 {
			small++
		}
	}
	if held < 180 || small > 20 { // 190 and at most 10 are due
		t.Errorf("%d of %d intervals hold 0, and %d tests reject", held, trials, small)
	}
}

func TestUndefined(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 5))
	some := draws(rng, 10)
	none := some.Take(nil)
	for _, c := range []struct {
		pair *plugins.Pair
		want string
	}{
		{pairOf(some, some, some, nil), "the strategy names no rows that it was shown: it may have seen all of train"},
		{pairOf(some, some, some, []int{}), "no row was shown"},
		{pairOf(some, some, none, []int{1}), "there are no synthetic rows"},
		{pairOf(some, none, some, []int{1}), "no test row can be a non-member"},
	} {
		score := measure(t, "", c.pair)
		for _, s := range []plugins.Score{
			score("returned", "how", "exactly", "rows", "shown"), score("returned", "how", "nearly", "rows", "never shown"),
			score("returned_excess", "how", "exactly"), score("returned_p", "how", "nearly"),
		} {
			if s.Status != plugins.Undefined || s.Reason != c.want || s.Value != 0 {
				t.Errorf("%+v, want %q", s, c.want)
			}
		}
	}
	metrictest.Measure(t, memorisation.Register, "memorisation", "", pairOf(some, some, some, nil))
}

func TestSettings(t *testing.T) {
	r := &plugins.Registry{}
	memorisation.Register(r)
	for with, want := range map[string]string{`{"tolerance": -1}`: "tolerance is -1", `{"agree": 0}`: "agree is 0", `{"level": 1}`: "level is 1"} {
		if _, _, err := r.Metrics.Get("memorisation").Build(json.RawMessage(with)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", with, err, want)
		}
	}
}

// Prompts may show all that there is: copies of it are found then, too.
func TestAllRowsMayHaveBeenShown(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 7))
	train := draws(rng, 60)
	if s := measure(t, "", pairOf(train, draws(rng, 60), train, upTo(60)))("returned_excess", "how", "exactly"); s.Status != plugins.OK || s.Value < 0.9 || s.Interval.Low < 0.8 {
		t.Errorf("%+v", s)
	}
}
