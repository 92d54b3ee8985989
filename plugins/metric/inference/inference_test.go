package inference_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/inference"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

var (
	nan      = math.NaN()
	number   = metrictest.Number
	category = metrictest.Category
)

func TestGuessesByHand(t *testing.T) {
	for _, c := range []struct {
		name           string
		secret         float64   // of a target at x = 0
		guesses        []float64 // of synthetic rows at x = 0, and one at x = 9 last
		right, quirk   float64
		naive, unknown float64
	}{
		{"exact", 10, []float64{10, 99}, 1, 1, 0.5, 0},
		{"within five per cent of the secret", 10, []float64{10.5, 99}, 1, 1, 0.5, 0},
		{"beyond", 10, []float64{10.6, 99}, 0, 0, 0, 0},
		{"a negative guess is not right", 10, []float64{-3, 99}, 0, 1, 0, 0},
		{"a negative secret", -10, []float64{-10.4, 99}, 1, 1, 0.5, 0},
		{"one of two that are as close", 10, []float64{99, 10, 99}, 0.5, 0, 1.0 / 3, 0},
		{"no secret", nan, []float64{nan, 99}, 0, 1, 0, 1},
		{"no guess", 10, []float64{nan, 99}, 0, 0, 0, 0},
		{"nothing of zero", 0, []float64{0, 99}, 1, 1, 0.5, 0},
	} {
		x := make([]float64, len(c.guesses))
		x[len(x)-1] = 9
		got, err := inference.Guess(t.Context(), 1, frame.Must(number("x", 0), number("s", c.secret)), frame.Must(number("x", x...), number("s", c.guesses...)), []string{"x"}, "s", 0.05)
		if err != nil {
			t.Fatal(err)
		}
		if got.Right.Successes != c.right || got.Quirk.Successes != c.quirk || math.Abs(got.Naive.Successes-c.naive) > 1e-15 || got.Unknown != int(c.unknown) {
			t.Errorf("%s: %+v, want %v, quirk %v, naive %v", c.name, got, c.right, c.quirk, c.naive)
		}
	}
}

func TestCategoriesAreComparedByTheirNames(t *testing.T) {
	targets := frame.Must(number("x", 0, 1, 2), category("s", "b", "z", ""))
	synthetic := frame.Must(number("x", 0, 1, 2), category("s", "b", "c", "")) // codes differ: the frames have other levels
	got, err := inference.Guess(t.Context(), 1, targets, synthetic, []string{"x"}, "s", 0)
	if err != nil || got.Right.Attacks != 2 || got.Right.Successes != 1 || got.Quirk.Attacks != 3 || got.Quirk.Successes != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

// draws have a secret that hangs on what is known, and is different in each row.
func draws(rng *rand.Rand, n int) *frame.Frame {
	x, y, s := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range n {
		x[i], y[i] = rng.NormFloat64(), rng.NormFloat64()
		s[i] = 100 + 20*x[i] + 30*rng.NormFloat64()
	}
	return frame.Must(number("x", x...), number("y", y...), number("s", s...))
}

func pairOf(train, test, synthetic *frame.Frame) *plugins.Pair {
	return plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: {Frame: train}, plugins.Test: {Frame: test},
	}), synthetic, "s")
}

func TestALeakIsARisk(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	train, test := draws(rng, 200), draws(rng, 200)
	half, err := frame.Concat(train.Take(rng.Perm(200)[:100]), draws(rng, 100))
	if err != nil {
		t.Fatal(err)
	}
	leak := metrictest.Measure(t, inference.Register, "inference", "", pairOf(train, test, half))
	for _, name := range []string{"risk", "risk_anonymeter"} {
		if s := leak.Score(name); s.Value < 0.4 || s.Interval.Low < 0.3 {
			t.Errorf("half of the rows are copies: %s %v, %+v", name, s.Value, s.Interval)
		}
	}
	if attack, naive := leak.Value("attack_rate"), leak.Value("naive_rate"); naive > attack/2 {
		t.Errorf("guessing succeeds with %v, the attack with %v", naive, attack)
	}
	metrictest.Invariant(t, inference.Register, "inference", "", pairOf(train, test, half))
}

func TestNoLeakIsNoRisk(t *testing.T) {
	held := 0
	const trials = 100
	for i := range uint64(trials) {
		rng := rand.New(rand.NewPCG(i, 3))
		m := metrictest.Measure(t, inference.Register, "inference", "", pairOf(draws(rng, 80), draws(rng, 80), draws(rng, 80)))
		if m.Score("risk").Interval.Low == 0 {
			held++
		}
	}
	if held < 92 { // 97.5 are due: the interval is cut off at 0
		t.Errorf("%d of %d intervals hold 0", held, trials)
	}
}

func TestUndefined(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 5))
	some := draws(rng, 20)
	none := some.Take(nil)
	secretless := frame.Must(some.Column("x"), some.Column("y"), number("s", make([]float64, 20)...))
	for i := range secretless.Column("s").Numbers {
		secretless.Column("s").Numbers[i] = nan
	}
	for name, c := range map[string]struct {
		with string
		pair *plugins.Pair
		want string
	}{
		"no synthetic rows": {"", pairOf(some, some, none), "there is no synthetic row to guess by"},
		"no train rows":     {"", pairOf(none, some, some), "there are no train rows"},
		"no test rows":      {"", pairOf(some, none, some), "no test row can be a non-member"},
		"no secret":         {"", pairOf(secretless, some, some), "no exposed row can be attacked"},
		"another column":    {`{"secret": "z"}`, pairOf(some, some, some), `column "z" is not among the features`},
		"another known":     {`{"known": ["z"]}`, pairOf(some, some, some), `column "z" is not among the features`},
	} {
		if s := metrictest.Measure(t, inference.Register, "inference", c.with, c.pair).Score("risk"); s.Reason != c.want {
			t.Errorf("%s: %+v, want %q", name, s, c.want)
		}
	}
}

func TestSettings(t *testing.T) {
	r := &plugins.Registry{}
	inference.Register(r)
	for with, want := range map[string]string{
		`{"secret": "x", "known": ["x"]}`: `known has the secret "x"`,
		`{"tolerance": -1}`:               `tolerance is -1`,
		`{"missing": "drop"}`:             `missing is "drop"`,
		`{"level": 2}`:                    `level is 2`,
	} {
		if _, _, err := r.Metrics.Get("inference").Build(json.RawMessage(with)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", with, err, want)
		}
	}
}

// A secret of 10,000 synthetic rows is looked for by 82 known columns, a quarter of the values missing.
func BenchmarkGuess(b *testing.B) {
	rng := rand.New(rand.NewPCG(6, 7))
	wide := func(n int) *frame.Frame {
		var columns []*frame.Column
		for j := range 83 {
			values := make([]float64, n)
			for i := range values {
				if values[i] = rng.NormFloat64(); rng.IntN(4) == 0 {
					values[i] = nan
				}
			}
			columns = append(columns, number("x"+strconv.Itoa(j), values...))
		}
		return frame.Must(columns...)
	}
	targets, synthetic := wide(2_500), wide(10_000)
	for b.Loop() {
		if _, err := inference.Guess(b.Context(), 2, targets, synthetic, synthetic.Names()[1:], "x0", 0.05); err != nil {
			b.Fatal(err)
		}
	}
}
