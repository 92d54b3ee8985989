package singlingout_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/metric/singlingout"
)

var (
	nan      = math.NaN()
	number   = metrictest.Number
	category = metrictest.Category
)

func TestUnivariateQueries(t *testing.T) {
	f := frame.Must(number("x", 1, 1, 5, nan, 7, 7), category("c", "a", "a", "b", "", "", "a"), number("k", 2, 2, 2, 2, 2, 2))
	want := []singlingout.Query{
		{{Column: "x", Op: singlingout.Missing}}, // the least and the greatest value occur twice
		{{Column: "x", Op: singlingout.Equal, Number: 5}},
		{{Column: "c", Op: singlingout.Equal, Level: "b"}},
	}
	if got := singlingout.UnivariateQueries(f); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	one := frame.Must(number("x", 1, 2, 3))
	if got := singlingout.UnivariateQueries(one); len(got) != 5 { // two ends and three values
		t.Errorf("%v", got)
	}
}

// A query of one term is answered from sorted values; a copy of the term makes it a query that goes through the rows.
func TestBothWaysToAnswerAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		n := 1 + rng.IntN(8)
		x, c := make([]float64, n), make([]string, n)
		for i := range n {
			x[i], c[i] = float64(rng.IntN(5)), []string{"a", "b", ""}[rng.IntN(3)]
			if rng.IntN(4) == 0 {
				x[i] = nan
			}
		}
		f := frame.Must(number("x", x...), category("c", c...))
		for op := singlingout.Missing; op <= singlingout.Greater; op++ {
			for _, term := range []singlingout.Term{{Column: "x", Op: op, Number: float64(rng.IntN(6)) - 0.5*float64(rng.IntN(2))}, {Column: "c", Op: op, Level: []string{"a", "b", "z"}[rng.IntN(3)]}} {
				if term.Column == "c" && op > singlingout.Unequal {
					continue
				}
				once, err := singlingout.Alone(t.Context(), 1, f, []singlingout.Query{{term}})
				if err != nil {
					t.Fatal(err)
				}
				twice, _ := singlingout.Alone(t.Context(), 1, f, []singlingout.Query{{term, term}})
				if once != twice {
					t.Fatalf("%+v of %v %v: %d and %d", term, x, c, once, twice)
				}
			}
		}
	}
}

func TestMultivariateQueriesAreOfOneRow(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	f, _ := metrictest.Frames(rng, 60, 1)
	queries, err := singlingout.MultivariateQueries(t.Context(), rng, f, 50, 3)
	if err != nil || len(queries) != 50 {
		t.Fatalf("%d queries, %v", len(queries), err)
	}
	if alone, _ := singlingout.Alone(t.Context(), 2, f, queries); alone != 50 {
		t.Errorf("%d of 50 queries are true of one row alone", alone)
	}
	for i, q := range queries {
		if len(q) != 3 || slices.ContainsFunc(queries[:i], func(o singlingout.Query) bool { return reflect.DeepEqual(o, q) }) {
			t.Errorf("query %v is too short, or there twice", q)
		}
	}
	// equal rows: no query is true of one alone, and the search ends
	if queries, err := singlingout.MultivariateQueries(t.Context(), rng, frame.Must(number("x", 1, 1), number("y", 2, 2)), 5, 3); err != nil || len(queries) > 0 {
		t.Errorf("%v, %v", queries, err)
	}
}

func draws(rng *rand.Rand, n int) *frame.Frame {
	columns := make([][]float64, 4)
	for range n {
		x := rng.NormFloat64()
		for j := range columns {
			columns[j] = append(columns[j], math.Round(100*(x+rng.NormFloat64()))/100)
		}
	}
	return frame.Must(number("a", columns[0]...), number("b", columns[1]...), number("c", columns[2]...), number("d", columns[3]...))
}

func pairOf(train, test, synthetic *frame.Frame) *plugins.Pair {
	return plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: {Frame: train}, plugins.Test: {Frame: test},
	}), synthetic, "")
}

func TestALeakIsARisk(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	train, test := draws(rng, 200), draws(rng, 200)
	m := metrictest.Measure(t, singlingout.Register, "singling-out", `{"attacks": 200}`, pairOf(train, test, train))
	for _, mode := range []string{"univariate", "multivariate"} {
		// what is true of one synthetic row is true of the patient whose copy it is
		if s := m.Score("risk", "mode", mode); s.Value < 0.9 || s.Interval.Low < 0.85 {
			t.Errorf("%s: all rows are copies: risk %v, %+v", mode, s.Value, s.Interval)
		}
		if naive, found := m.Value("naive_rate", "mode", mode), m.Value("attack_rate", "mode", mode); naive > found/2 {
			t.Errorf("%s: guessing succeeds with %v, the attack with %v", mode, naive, found)
		}
	}
}

// With a test part of a quarter of train, a quarter of the copies can be found: that is told, and what a rate is a share of.
func TestARiskThatCannotBeGreatIsTold(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 8))
	train, test := draws(rng, 400), draws(rng, 100)
	m := metrictest.Measure(t, singlingout.Register, "singling-out", `{"attacks": 200}`, pairOf(train, test, train))
	for _, mode := range []string{"univariate", "multivariate"} {
		s := m.Score("risk", "mode", mode)
		if s.Value > 0.3 {
			t.Errorf("%s: %v of copies are found; then nothing need be told", mode, s.Value)
		}
		if len(s.Warnings) == 0 || !strings.Contains(s.Warnings[0], "100 of 400 exposed rows") || !strings.Contains(s.Warnings[0], "0.25") {
			t.Errorf("%s: %q", mode, s.Warnings)
		}
		if unit := m.Score("attack_rate", "mode", mode).Interval.Unit; unit != "predicates" {
			t.Errorf("%s: the unit is %q", mode, unit)
		}
	}
}

func TestNoLeakIsNoRisk(t *testing.T) {
	held := map[string]int{}
	const trials = 60
	for i := range uint64(trials) {
		rng := rand.New(rand.NewPCG(i, 7))
		m := metrictest.Measure(t, singlingout.Register, "singling-out", `{"attacks": 60}`, pairOf(draws(rng, 100), draws(rng, 100), draws(rng, 100)))
		for _, mode := range []string{"univariate", "multivariate"} {
			if m.Score("risk", "mode", mode).Interval.Low == 0 {
				held[mode]++
			}
		}
	}
	for _, mode := range []string{"univariate", "multivariate"} {
		if held[mode] < 54 {
			t.Errorf("%s: %d of %d intervals hold 0", mode, held[mode], trials)
		}
	}
}

func TestAnyInputGivesScoresOrReasons(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	some := draws(rng, 30)
	void := frame.Must(number("a", nan, nan), category("c", "", ""))
	odd := frame.Must(number("a", 1e-9, 1e12, -1e12), category("c", `a, "b"`, "NaN", " "))
	for _, p := range []*plugins.Pair{
		pairOf(some, some, some.Take(nil)), pairOf(some.Take(nil), some, some), pairOf(some, some.Take(nil), some), pairOf(void, void, void), pairOf(odd, odd, odd),
		pairOf(some.Take([]int{0}), some.Take([]int{1}), some.Take([]int{2})), pairOf(void, odd, void),
	} {
		metrictest.Measure(t, singlingout.Register, "singling-out", `{"attacks": 10}`, p)
	}
	out := metrictest.Measure(t, singlingout.Register, "singling-out", `{"columns": ["a", "z"]}`, pairOf(some, some, some))
	if s := out.Score("risk", "mode", "univariate"); s.Reason != `column "z" is not among the features` {
		t.Errorf("a column that this cell lacks: %+v", s)
	}
}

func TestSettings(t *testing.T) {
	r := &plugins.Registry{}
	singlingout.Register(r)
	for with, want := range map[string]string{`{"attacks": 0}`: "attacks is 0", `{"width": 1}`: "width is 1", `{"level": 1}`: "level is 1"} {
		if _, _, err := r.Metrics.Get("singling-out").Build(json.RawMessage(with)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", with, err, want)
		}
	}
}
