package missingness_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/metric/missingness"
)

var (
	nan      = math.NaN()
	number   = metrictest.Number
	category = metrictest.Category
)

func measure(t *testing.T, real, synthetic *frame.Frame, target string) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, missingness.Register, "missingness", "", metrictest.Pair(real, synthetic, target))
}

// marked returns a number column that misses a value where the text has a dot.
func marked(name, text string) *frame.Column {
	values := make([]float64, len(text))
	for i, c := range text {
		if values[i] = 1; c == '.' {
			values[i] = nan
		}
	}
	return number(name, values...)
}

// labels returns a number column of zeros, ones and, where the text has a dot, missing values.
func labels(text string) *frame.Column {
	values := make([]float64, len(text))
	for i, c := range text {
		if values[i] = float64(c - '0'); c == '.' {
			values[i] = nan
		}
	}
	return number("y", values...)
}

func TestRates(t *testing.T) {
	for _, c := range []struct {
		name            string
		real, synthetic *frame.Column
		want            float64
	}{
		{"none", marked("x", "xx"), marked("x", "xxx"), 1},
		{"equal shares", marked("x", "x."), marked("x", "x.x."), 1},
		{"a quarter more", marked("x", "x.xx"), marked("x", "x."), 0.75},
		{"a quarter less", marked("x", "x."), marked("x", "xxx."), 0.75},
		{"all against none", category("x", "", ""), category("x", "a"), 0},
		{"all on both sides", category("x", ""), category("x", "", ""), 1},
	} {
		got := measure(t, frame.Must(c.real), frame.Must(c.synthetic), "")
		if v := got.Value("missing_value_similarity", "column", "x"); v != c.want {
			t.Errorf("%s: %v, want %v", c.name, v, c.want)
		}
		if mean := got.Score("mean"); mean.Value != c.want || len(mean.Warnings) > 0 {
			t.Errorf("%s: mean %+v", c.name, mean)
		}
	}
	for _, c := range [][2]string{{"", "x"}, {"x", ""}} {
		if s := measure(t, frame.Must(marked("x", c[0])), frame.Must(marked("x", c[1])), "").Score("mean"); s.Status != plugins.Undefined {
			t.Errorf("%q: %+v", c, s)
		}
	}
}

func TestTogether(t *testing.T) {
	for _, c := range []struct {
		name            string
		real, synthetic [2]string // columns a and b
		want            float64
	}{
		{"together, and apart", [2]string{"..xx", "..xx"}, [2]string{"..xx", "xx.."}, 2},
		{"together, and independent", [2]string{"..xx", "..xx"}, [2]string{".x.x", "..xx"}, 1},
		// 4 rows of 8 in common of 4 and 6 missing: (4·8-4·6)/√(4·4·6·2)
		{"partly", [2]string{"....xxxx", "......xx"}, [2]string{"..xx", "xx.."}, 1 + 8/math.Sqrt(192)},
	} {
		got := measure(t, frame.Must(marked("a", c.real[0]), marked("b", c.real[1])), frame.Must(marked("a", c.synthetic[0]), marked("b", c.synthetic[1])), "")
		if v := got.Value("co_missingness_difference"); math.Abs(v-c.want) > 1e-15 {
			t.Errorf("%s: %v, want %v", c.name, v, c.want)
		}
	}
	real := frame.Must(marked("a", ".x.x"), marked("b", "..xx"), marked("full", "xxxx"), marked("c", ".xxx"))
	synthetic := frame.Must(marked("a", ".x.x"), marked("b", "..xx"), marked("full", "xxxx"), marked("c", "xxxx"))
	got := measure(t, real, synthetic, "").Score("co_missingness_difference")
	if got.N != 1 || len(got.Warnings) != 1 || !strings.HasPrefix(got.Warnings[0], "2 of 6 pairs of columns left out: the synthetic rows alone") {
		t.Errorf("%+v", got)
	}
	if got := measure(t, real, frame.Must(marked("a", "xx"), marked("b", "xx"), marked("full", "xx"), marked("c", "xx")), ""); got.Score("co_missingness_difference").Status != plugins.Undefined {
		t.Errorf("nothing is missing: %+v", got.Score("co_missingness_difference"))
	}
}

func TestInformative(t *testing.T) {
	// real: of 3 rows that miss x, 2 are events; of 5 that have it, 1 is
	real := frame.Must(marked("x", "...xxxxx."), labels("11010000."))
	// synthetic: 1 of 2, and 1 of 2
	synthetic := frame.Must(marked("x", "..xx"), labels("1010"))
	got := measure(t, real, synthetic, "y")
	a, b := math.Log(2.5*4.5/(1.5*1.5)), 0.0
	for name, want := range map[string]float64{"real": a, "synthetic": b, "difference": a - b} {
		if v := got.Value("informative_missingness_"+name, "column", "x"); math.Abs(v-want) > 1e-15 {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
	mean := got.Score("mean_informative_missingness_difference")
	if mean.N != 1 || math.Abs(mean.Value-a) > 1e-15 {
		t.Errorf("mean %+v", mean)
	}
	if n := got.Score("informative_missingness_real", "column", "x").N; n != 8 {
		t.Errorf("rests on %d rows; one of nine has no label", n)
	}
	for _, s := range got.Scores {
		if strings.HasPrefix(s.Name, "informative") && s.Dims["column"] == "y" {
			t.Errorf("the label tells of itself: %+v", s)
		}
	}
}

func TestInformativeUndefined(t *testing.T) {
	for _, c := range []struct {
		name            string
		real, synthetic *frame.Frame
		target          string
		reason, mean    string
	}{
		{"no label", frame.Must(marked("x", ".x")), frame.Must(marked("x", ".x")), "", "there is no label", "there is no label"},
		{
			"one class", frame.Must(marked("x", ".x"), labels("11")), frame.Must(marked("x", ".x"), labels("10")), "y",
			`test rows: target "y" has one class only; two are needed`, `test rows: target "y" has one class only; two are needed`,
		},
		{
			"no synthetic label", frame.Must(marked("x", ".x"), labels("10")), frame.Must(marked("x", ".x"), labels("..")), "y",
			`synthetic rows: target "y" has no rows`, `synthetic rows: target "y" has no rows`,
		},
		{
			"never missing in the synthetic rows", frame.Must(marked("x", ".x"), labels("10")), frame.Must(marked("x", "xx"), labels("10")), "y",
			"no synthetic row misses a value in this column", "no column has a defined value",
		},
		{
			"always missing in the real rows", frame.Must(marked("x", ".."), labels("10")), frame.Must(marked("x", "x."), labels("10")), "y",
			"no test row has a value in this column", "no column has a defined value",
		},
		{
			"missing only where there is no label", frame.Must(marked("x", "xx."), labels("10.")), frame.Must(marked("x", "x."), labels("10")), "y",
			"no test row misses a value in this column", "no column has a defined value",
		},
	} {
		got := measure(t, c.real, c.synthetic, c.target)
		if s := got.Score("informative_missingness_difference", "column", "x"); s.Reason != c.reason {
			t.Errorf("%s: %q, want %q", c.name, s.Reason, c.reason)
		}
		if s := got.Score("mean_informative_missingness_difference"); s.Reason != c.mean {
			t.Errorf("%s: mean %q, want %q", c.name, s.Reason, c.mean)
		}
	}
}

// blanks returns rows in which x0 … x9 miss values: with probability share each, all ten as one, or more often in events.
func blanks(rng *rand.Rand, n int, share float64, asOne, informative bool) *frame.Frame {
	y := make([]float64, n)
	x := make([][]float64, 10)
	for i := range n {
		y[i] = float64(rng.IntN(2))
		p := share
		if informative {
			p *= 0.5 + y[i]
		}
		all := rng.Float64() < p
		for k := range x {
			v := 1.0
			if asOne && all || !asOne && rng.Float64() < p {
				v = nan
			}
			x[k] = append(x[k], v)
		}
	}
	columns := []*frame.Column{number("y", y...)}
	for k := range x {
		columns = append(columns, number(fmt.Sprintf("x%d", k), x[k]...))
	}
	return frame.Must(columns...)
}

// Each score finds what is planted, and not what is planted for another.
func TestFindsWhatIsPlanted(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	real := blanks(rng, 4000, 0.3, true, true)
	for _, c := range []struct {
		name                        string
		synthetic                   *frame.Frame
		rates, together, informWell bool
	}{
		{"a sample of the same", blanks(rng, 4000, 0.3, true, true), true, true, true},
		{"other shares", blanks(rng, 4000, 0.4, true, true), false, true, true},
		{"independent columns", blanks(rng, 4000, 0.3, false, true), true, false, true},
		{"independent of the label", blanks(rng, 4000, 0.3, true, false), true, true, false},
	} {
		got := measure(t, real, c.synthetic, "y")
		if v := got.Value("mean"); (v > 0.97) != c.rates {
			t.Errorf("%s: rates %v", c.name, v)
		}
		if v := got.Value("co_missingness_difference"); (v < 0.1) != c.together {
			t.Errorf("%s: together %v", c.name, v)
		}
		// the same factors of another share give another odds ratio, so the bound is wide
		if v := got.Value("mean_informative_missingness_difference"); (v < 0.9) != c.informWell {
			t.Errorf("%s: informative %v", c.name, v)
		}
	}
}

func TestCopyIsBest(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	real := blanks(rng, 300, 0.3, false, true)
	got := measure(t, real, real.Take(rng.Perm(300)), "y")
	if got.Value("mean") != 1 || got.Value("co_missingness_difference") != 0 || got.Value("mean_informative_missingness_difference") != 0 {
		t.Errorf("%v %v %v", got.Value("mean"), got.Value("co_missingness_difference"), got.Value("mean_informative_missingness_difference"))
	}
}

func TestInvariant(t *testing.T) {
	real, synthetic := metrictest.Frames(rand.New(rand.NewPCG(3, 4)), 200, 150)
	metrictest.Invariant(t, missingness.Register, "missingness", "", metrictest.Pair(real, synthetic, "sex"))
}
