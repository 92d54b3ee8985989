package copies_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/copies"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

var (
	nan      = math.NaN()
	number   = metrictest.Number
	category = metrictest.Category
)

func pair(train, test, synthetic *frame.Frame) *plugins.Pair {
	return plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: {Frame: train},
		plugins.Test:  {Frame: test},
	}), synthetic, "")
}

func measure(t *testing.T, with string, p *plugins.Pair) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, copies.Register, "copies", with, p)
}

func TestByHand(t *testing.T) {
	train := frame.Must(number("x", 100, 200, nan, 200, 400), category("c", "a", "b", "", "b", "NA"))
	test := frame.Must(number("x", 200, 300, 105, nan), category("c", "b", "a", "a", "a"))
	synthetic := frame.Must(
		number("x", 100.5, 200, nan, nan, math.Copysign(0, -1), 100, 200),
		category("c", "a", "b", "", "a", "a", "", "b"))
	got := measure(t, `{"window": 0.02}`, pair(train, test, synthetic)) // of a range of 300: 6
	for name, want := range map[string]float64{
		"identical_match_share":    3.0 / 7, // 200 b twice, and the row without values
		"identical_match_baseline": 1.0 / 4,
		"new_row_synthesis":        3.0 / 7, // 100.5 matches 100, too
		"hitting_rate":             4.0 / 5, // all but 400 NA
	} {
		if v := got.Value(name, "members", "train"); math.Abs(v-want) > 1e-15 {
			t.Errorf("%s: %v, want %v", name, v, want)
		}
	}
	for name, want := range map[string]float64{
		"hitting_rate_baseline":       3.0 / 4, // 200 b, 105 a and the missing number of a
		"duplicates_within_synthetic": 1.0 / 7,
		"duplicates_within_train":     1.0 / 5,
	} {
		if v := got.Value(name); math.Abs(v-want) > 1e-15 {
			t.Errorf("%s: %v, want %v", name, v, want)
		}
	}
}

func TestNearCopies(t *testing.T) {
	train := frame.Must(number("x", 0, 100))
	test := frame.Must(number("x", 10, 20, 30, 40, 50))
	synthetic := frame.Must(number("x", 11, 9, 60, 13, 88))
	// the first quartile of 10, 20, 30, 40, 50 of a hundred is 20: 11, 9, 13 and 88 are closer
	if v := measure(t, `{"quantile": 0.25}`, pair(train, test, synthetic)).Value("near_copy_share", "members", "train"); v != 4.0/5 {
		t.Errorf("%v", v)
	}
}

func TestExposedRowsAreMembers(t *testing.T) {
	train := frame.Must(number("x", 1, 2, 3, 4))
	p := pair(train, frame.Must(number("x", 9, 2)), frame.Must(number("x", 2, 2, 4, 7)))
	p.Exposed = []int{1}
	m, info := metrictest.Build(t, copies.Register, "copies", "")
	out, err := m.Measure(t.Context(), metrictest.Env(info, 1, 1), p)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range out.Scores {
		want, ok := map[string]float64{
			"identical_match_share exposed": 0.5, "identical_match_share train": 0.75,
			"identical_match_baseline exposed": 0.5, "hitting_rate exposed": 1, "hitting_rate train": 0.5,
			"new_row_synthesis exposed": 0.5, "new_row_synthesis train": 0.25,
		}[s.Name+" "+s.Dims["members"]]
		if ok && (s.Status != plugins.OK || s.Value != want) {
			t.Errorf("%s %v: %+v, want %v", s.Name, s.Dims, s, want)
		}
	}
}

func TestUndefined(t *testing.T) {
	none, some := frame.Must(number("x")), frame.Must(number("x", 1, 2))
	for _, c := range []struct {
		train, test, synthetic *frame.Frame
		score, reason          string
	}{
		{none, some, some, "identical_match_share", "there are no members"},
		{some, some, none, "new_row_synthesis", "there are no synthetic rows"},
		{some, some, none, "hitting_rate", "there are no synthetic rows"},
		{some, none, some, "identical_match_baseline", "there are no test rows"},
		{some, none, some, "near_copy_share", "there are no test rows"},
	} {
		s := measure(t, "", pair(c.train, c.test, c.synthetic)).Score(c.score, "members", "train")
		if s.Status != plugins.Undefined || s.Reason != c.reason {
			t.Errorf("%s: %+v, want %q", c.score, s, c.reason)
		}
	}
}

func TestBadSettings(t *testing.T) {
	good := copies.Config{Tolerance: 0.01, Window: 0.1, Quantile: 0.1}
	for want, change := range map[string]func(*copies.Config){
		"tolerance is -1": func(c *copies.Config) { c.Tolerance = -1 },
		"window is NaN":   func(c *copies.Config) { c.Window = nan },
		"quantile is 1":   func(c *copies.Config) { c.Quantile = 1 },
	} {
		c := good
		change(&c)
		if _, err := copies.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestACopyOfTrainIsWorst(t *testing.T) {
	real, _ := metrictest.Frames(rand.New(rand.NewPCG(1, 2)), 400, 1)
	rows := func(from, to int) *frame.Frame {
		var index []int
		for i := from; i < to; i++ {
			index = append(index, i)
		}
		return real.Take(index)
	}
	train, test, fresh := rows(0, 150), rows(150, 300), rows(300, 400)
	leak, none := measure(t, "", pair(train, test, train)), measure(t, "", pair(train, test, fresh))
	for name, worst := range map[string]float64{"identical_match_share": 1, "new_row_synthesis": 0, "hitting_rate": 1, "near_copy_share": 1} {
		if v := leak.Value(name, "members", "train"); v != worst {
			t.Errorf("%s of a copy of train: %v, want %v", name, v, worst)
		}
		if v := none.Value(name, "members", "train"); math.Abs(v-(1-worst)) > 0.1 {
			t.Errorf("%s of further rows: %v", name, v)
		}
	}
}

// TestFindIsWhatComparingAllPairsFinds sets the look-up by patterns and a sorted column against the definition.
func TestFindIsWhatComparingAllPairsFinds(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for round := range 60 {
		draw := func(n int) *frame.Frame {
			x, y, k, c := make([]float64, n), make([]float64, n), make([]float64, n), make([]string, n)
			for i := range n {
				x[i], y[i], k[i] = float64(rng.IntN(40))/7*math.Pow(10, float64(round%20-9)), float64(rng.IntN(30)-15), 3
				if rng.IntN(4) == 0 {
					y[i] = nan
				}
				c[i] = []string{"", "a", "b, \"c\"", "NA"}[rng.IntN(4)]
			}
			return frame.Must(number("x", x...), category("c", c...), number("y", y...), number("k", k...))
		}
		base, rows := draw(rng.IntN(80)), draw(rng.IntN(80))
		allowed := func(_ string, v float64) float64 { return 0.1 * math.Abs(v) }
		found, err := copies.Find(t.Context(), 2, base, rows, allowed)
		if err != nil {
			t.Fatal(err)
		}
		for i, got := range found {
			want := false
			for j := range base.Rows() {
				want = want || matches(base, j, rows, i, allowed)
			}
			if got != want {
				t.Fatalf("round %d, row %d: %v, want %v", round, i, got, want)
			}
		}
	}
}

func matches(base *frame.Frame, j int, rows *frame.Frame, i int, allowed copies.Allowed) bool {
	for _, c := range rows.Columns() {
		o := base.Column(c.Name)
		switch {
		case c.IsMissing(i) != o.IsMissing(j):
			return false
		case c.IsMissing(i):
		case c.Kind == frame.Category:
			if c.Levels[c.Codes[i]] != o.Levels[o.Codes[j]] {
				return false
			}
		case math.Abs(c.Numbers[i]-o.Numbers[j]) > allowed(c.Name, c.Numbers[i]):
			return false
		}
	}
	return true
}

func TestOrderOfRowsDoesNotMatter(t *testing.T) {
	real, synthetic := metrictest.Frames(rand.New(rand.NewPCG(5, 6)), 150, 120)
	metrictest.Invariant(t, copies.Register, "copies", "", metrictest.Pair(real, synthetic, ""))
}

// Rows of few values are equal by chance. Nothing is closer than the test rows then, not even copies, and a share of 0 would clear them.
func TestNoRoomForNearCopies(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	draw := func(n int) *frame.Frame {
		age, beds, sex := make([]float64, n), make([]float64, n), make([]string, n)
		for i := range n {
			age[i], beds[i], sex[i] = float64(18+rng.IntN(60)), float64(rng.IntN(4)), []string{"f", "m"}[rng.IntN(2)]
		}
		return frame.Must(number("age", age...), number("beds", beds...), category("sex", sex...))
	}
	train, test := draw(500), draw(200)
	s := measure(t, "", pair(train, test, train)).Score("near_copy_share", "members", "train")
	if s.Status != plugins.Undefined || !strings.Contains(s.Reason, "identical_match_share") {
		t.Errorf("copies of train: %+v", s)
	}
}
