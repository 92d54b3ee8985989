package linkability_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/linkability"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

var (
	nan      = math.NaN()
	number   = metrictest.Number
	category = metrictest.Category
)

func TestLinksByHand(t *testing.T) {
	synthetic := frame.Must(number("x", 0, 10, 0, 10), category("c", "a", "b", "a", "c")) // two rows are equal: three remain
	for _, c := range []struct {
		name        string
		x           float64
		c           string
		first       int
		chance      float64
		description string
	}{
		{"the same row", 1, "a", 1, 1, ""},
		{"two are as close in x", 9, "b", 1, 0.5, "10 b or 10 c, of which the first is taken"},
		{"the second of two", 9, "c", 0, 0.5, ""},
		{"another row", 1, "b", 0, 0, ""},
		{"an unknown level is as far from all three", 9, "z", 0, 2.0 / 6, "two and three choices, two pairs meet"},
	} {
		got, err := linkability.Link(t.Context(), 1, frame.Must(number("x", c.x), category("c", c.c)), synthetic, []string{"x"}, []string{"c"})
		if err != nil {
			t.Fatal(err)
		}
		if got.Attacks != 1 || got.First != c.first || math.Abs(got.Successes-c.chance) > 1e-15 {
			t.Errorf("%s: %+v, want %v (first: %d)", c.name, got, c.chance, c.first)
		}
	}
}

// draws have columns that depend on each other.
func draws(rng *rand.Rand, n int) *frame.Frame {
	columns := make([][]float64, 4)
	for range n {
		x := rng.NormFloat64()
		for j := range columns {
			columns[j] = append(columns[j], x+rng.NormFloat64())
		}
	}
	return frame.Must(number("a", columns[0]...), number("b", columns[1]...), number("c", columns[2]...), number("d", columns[3]...))
}

func pairOf(train, test, synthetic *frame.Frame) *plugins.Pair {
	return plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: {Frame: train}, plugins.Test: {Frame: test},
	}), synthetic, "")
}

const with = `{"a": ["a", "b"], "b": ["c", "d"]}`

func TestALeakIsARisk(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	train, test := draws(rng, 200), draws(rng, 200)
	half, err := frame.Concat(train.Take(rng.Perm(200)[:100]), draws(rng, 100))
	if err != nil {
		t.Fatal(err)
	}
	leak := metrictest.Measure(t, linkability.Register, "linkability", with, pairOf(train, test, half))
	if s := leak.Score("risk"); s.Value < 0.4 || s.Interval.Low < 0.3 {
		t.Errorf("half of the rows are copies: risk %v, %+v", s.Value, s.Interval)
	}
	if s := leak.Score("naive_rate"); s.Value > 0.03 {
		t.Errorf("guessing succeeds with rate %v", s.Value)
	}
	metrictest.Invariant(t, linkability.Register, "linkability", with, pairOf(train, test, half))
}

// Without a leak the risk is at chance: its interval holds 0 in nearly all trials (one side of it is cut off).
func TestNoLeakIsNoRisk(t *testing.T) {
	held := 0
	const trials = 100
	for i := range uint64(trials) {
		rng := rand.New(rand.NewPCG(i, 3))
		m := metrictest.Measure(t, linkability.Register, "linkability", with, pairOf(draws(rng, 80), draws(rng, 80), draws(rng, 80)))
		if m.Score("risk").Interval.Low == 0 {
			held++
		}
	}
	if held < 92 {
		t.Errorf("%d of %d intervals hold 0", held, trials)
	}
}

func TestMissingValues(t *testing.T) {
	train := frame.Must(number("x", 1, nan, 3), category("c", "a", "b", ""))
	pair := pairOf(train, train, train)
	out := metrictest.Measure(t, linkability.Register, "linkability", `{"a": ["x"], "b": ["c"]}`, pair)
	if s := out.Score("attack_rate"); s.N != 1 || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "66.7 % of the exposed") {
		t.Errorf("one row is complete: %+v", s)
	}
	if s := metrictest.Measure(t, linkability.Register, "linkability", `{"a": ["x"], "b": ["c"], "missing": "compare"}`, pair).Score("attack_rate"); s.N != 3 || len(s.Warnings) != 0 {
		t.Errorf("missing values are compared: %+v", s)
	}
	void := frame.Must(number("x", nan), category("c", "a"))
	for _, p := range []*plugins.Pair{pairOf(train, train, void), pairOf(void, void, train), pairOf(train.Take(nil), train, train), pairOf(train, train.Take(nil), train), pairOf(train, train, train.Take(nil))} {
		if s := metrictest.Measure(t, linkability.Register, "linkability", `{"a": ["x"], "b": ["c"]}`, p).Score("risk"); s.Status != plugins.Undefined {
			t.Errorf("nothing to link by: %+v", s)
		}
	}
	if s := metrictest.Measure(t, linkability.Register, "linkability", `{"a": ["x"], "b": ["y"]}`, pair).Score("risk"); s.Reason != `column "y" is not among the features` {
		t.Errorf("a column that this cell lacks: %+v", s)
	}
}

func TestSettings(t *testing.T) {
	r := &plugins.Registry{}
	linkability.Register(r)
	for with, want := range map[string]string{
		`{"a": ["x"]}`:                                `names no column`,
		`{"a": ["x"], "b": ["y", "x"]}`:               `column "x" is in a and in b`,
		`{"a": ["x"], "b": ["y"], "missing": "drop"}`: `missing is "drop"`,
		`{"a": ["x"], "b": ["y"], "level": 0}`:        `level is 0`,
	} {
		if _, _, err := r.Metrics.Get("linkability").Build(json.RawMessage(with)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", with, err, want)
		}
	}
}

func BenchmarkLink(b *testing.B) {
	rng := rand.New(rand.NewPCG(4, 5))
	targets, synthetic := draws(rng, 10_000), draws(rng, 10_000)
	for b.Loop() {
		if _, err := linkability.Link(b.Context(), 2, targets, synthetic, []string{"a", "b"}, []string{"c", "d"}); err != nil {
			b.Fatal(err)
		}
	}
}
