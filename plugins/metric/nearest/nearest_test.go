package nearest_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/metric/nearest"
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
	return metrictest.Measure(t, nearest.Register, "nearest", with, p)
}

func TestByHand(t *testing.T) {
	train := frame.Must(number("x", 0, 4, 10), category("c", "a", "a", "b")) // range 10
	test := frame.Must(number("x", 5, 6, 25), category("c", "b", "b", ""))   // range 20
	synthetic := frame.Must(number("x", 1, 4, nan), category("c", "a", "a", "b"))
	got := measure(t, `{"distance": "gower"}`, pair(train, test, synthetic))
	// to train: 0.1/2, 0 and 1/2; second closest 0.3/2, 0.4/2 and 2/2
	for name, want := range map[string]float64{
		"dcr_min": 0, "dcr_p05": 0.005, "dcr_median": 0.05, "dcr_mean": 0.55 / 3, "dcr_max": 0.5, "dcr_zero_share": 1.0 / 3,
		"nndr_median": 1.0 / 3, "nndr_mean": (1.0/3 + 0 + 0.5) / 3,
	} {
		if v := got.Value(name, "from", "synthetic", "to", "train"); math.Abs(v-want) > 1e-15 {
			t.Errorf("%s to train: %v, want %v", name, v, want)
		}
	}
	// to test: (4/20 + 1)/2, (1/20 + 1)/2, (1 + 0)/2
	if v := got.Value("control_dcr_mean", "from", "synthetic", "to", "test"); math.Abs(v-(0.6+0.525+0.5)/3) > 1e-15 {
		t.Errorf("to test: %v", v)
	}
	// from test to train: 5 → 10: 0.5/2; 6 → 10: 0.4/2; 25 → 10: 1 and a missing category
	if v := got.Value("control_dcr_mean", "from", "test", "to", "train"); math.Abs(v-(0.25+0.2+1)/3) > 1e-15 {
		t.Errorf("from test to train: %v", v)
	}
	// from train to synthetic, whose range is 3: 1/3, 0, and 10 to a missing number of the same category
	if v := got.Value("dcr_mean", "from", "train", "to", "synthetic"); math.Abs(v-(1.0/6+0+0.5)/3) > 1e-15 {
		t.Errorf("from train to synthetic: %v", v)
	}
	for name, want := range map[string]float64{"dcr_share_closer_to_train": 2.0 / 3, "dcr_share_equally_close": 1.0 / 3, "dcr_overfitting_protection": 2.0 / 3} {
		for _, members := range []string{"train", "exposed"} {
			if v := got.Value(name, "members", members); math.Abs(v-want) > 1e-15 {
				t.Errorf("%s of %s: %v, want %v", name, members, v, want)
			}
		}
	}
	euclidean := measure(t, `{"distance": "euclidean"}`, pair(train, test, synthetic))
	sd := math.Sqrt(152.0/9 - 0) // of 0, 4, 10
	if v := euclidean.Value("dcr_max", "from", "synthetic", "to", "train"); v <= 1/sd {
		t.Errorf("euclidean: %v", v)
	}
	if v := euclidean.Value("dcr_median", "from", "synthetic", "to", "train"); math.Abs(v-1/sd) > 1e-12 {
		t.Errorf("euclidean: %v, want %v", v, 1/sd)
	}
}

func TestRatioOfTwoCopiesIsOne(t *testing.T) {
	train := frame.Must(number("x", 1, 1, 9))
	got := measure(t, "", pair(train, train, frame.Must(number("x", 1))))
	if v := got.Value("nndr_mean", "from", "synthetic", "to", "train"); v != 1 {
		t.Errorf("%v", v)
	}
}

func TestUndefined(t *testing.T) {
	none, one, two := frame.Must(number("x")), frame.Must(number("x", 1)), frame.Must(number("x", 1, 2))
	for _, c := range []struct {
		train, test, synthetic *frame.Frame
		score                  string
		dims                   []string
		reason                 string
	}{
		{two, two, none, "dcr_mean", []string{"from", "synthetic", "to", "train"}, "no rows whose distance"},
		{two, two, none, "dcr_share_closer_to_train", []string{"members", "train"}, "there are no synthetic rows"},
		{two, two, none, "dcr_baseline_protection", nil, "no synthetic rows"},
		{none, two, two, "dcr_mean", []string{"from", "synthetic", "to", "exposed"}, "there is no row to be close to"},
		{none, two, two, "dcr_share_closer_to_train", []string{"members", "exposed"}, "there are no train rows"},
		{two, none, two, "control_dcr_mean", []string{"from", "synthetic", "to", "test"}, "there is no row to be close to"},
		{two, none, two, "dcr_share_closer_to_train", []string{"members", "train"}, "no test row can be a non-member"},
		{one, two, two, "nndr_mean", []string{"from", "synthetic", "to", "train"}, "fewer than two rows"},
		{one, two, one, "dcr_baseline_protection", nil, "too few different ones"},
	} {
		s := measure(t, "", pair(c.train, c.test, c.synthetic)).Score(c.score, c.dims...)
		if s.Status != plugins.Undefined || !strings.Contains(s.Reason, c.reason) {
			t.Errorf("%s: %+v, want %q", c.score, s, c.reason)
		}
	}
}

func TestBadSettingsAndFrames(t *testing.T) {
	if _, err := nearest.New(nearest.Config{Distance: "cosine"}); err == nil || !strings.Contains(err.Error(), `distance is "cosine"; want`) {
		t.Error(err)
	}
	m, info := metrictest.Build(t, nearest.Register, "nearest", "")
	f := frame.Must(number("x", 1, 2))
	if _, err := m.Measure(t.Context(), metrictest.Env(info, 1, 1), pair(f, f, frame.Must(number("y", 1)))); err == nil || !strings.Contains(err.Error(), `"x"`) {
		t.Error(err)
	}
}

// halves returns train, test and two synthetic frames: one of copies of train, one of further rows of the same law.
func halves(seed uint64, rows int) (train, test, copied, fresh *frame.Frame) {
	rng := rand.New(rand.NewPCG(seed, 1))
	all, _ := metrictest.Frames(rng, 3*rows, 1)
	part := func(k int) *frame.Frame {
		index := make([]int, rows)
		for i := range index {
			index[i] = k*rows + i
		}
		return all.Take(index)
	}
	train, test, fresh = part(0), part(1), part(2)
	return train, test, train.Take(rng.Perm(rows)), fresh
}

func TestCopiesAreFoundAndTheirAbsenceToo(t *testing.T) {
	train, test, copied, fresh := halves(1, 300)
	for _, with := range []string{`{"distance": "gower"}`, `{"distance": "euclidean"}`} {
		leak, none := measure(t, with, pair(train, test, copied)), measure(t, with, pair(train, test, fresh))
		for name, worst := range map[string]float64{"dcr_share_closer_to_train": 1, "dcr_overfitting_protection": 0} {
			if v := leak.Value(name, "members", "train"); v != worst {
				t.Errorf("%s: a copy of train has %s %v, want %v", with, name, v, worst)
			}
		}
		for _, name := range []string{"dcr_min", "dcr_max"} {
			if v := leak.Value(name, "from", "synthetic", "to", "train"); v != 0 {
				t.Errorf("%s: a copy of train has %s %v", with, name, v)
			}
		}
		if v := leak.Value("dcr_baseline_protection"); v != 0 {
			t.Errorf("%s: a copy of train has dcr_baseline_protection %v", with, v)
		}
		// 300 rows: a standard error of 0.029
		if v := none.Value("dcr_share_closer_to_train", "members", "train"); math.Abs(v-0.5) > 0.1 {
			t.Errorf("%s: %v of rows that are no copies lie closer to train", with, v)
		}
		if v := none.Value("dcr_zero_share", "from", "synthetic", "to", "train"); v != 0 {
			t.Errorf("%s: zero share %v", with, v)
		}
	}
}

func TestExposedRowsAreSetAgainstAsManyOfTest(t *testing.T) {
	train, test, _, fresh := halves(2, 300)
	seen := []int{3, 50, 51, 200}
	p := pair(train, test, train.Take([]int{3, 3, 200, 51, 50}))
	p.Exposed = seen
	m, info := metrictest.Build(t, nearest.Register, "nearest", "")
	out, err := m.Measure(t.Context(), metrictest.Env(info, 2, 1), p)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range out.Scores {
		if s.Name == "dcr_share_closer_to_train" && s.Dims["members"] == "exposed" && s.Value != 1 {
			t.Errorf("copies of exposed rows: %v of them closer", s.Value)
		}
		if s.Name == "dcr_max" && s.Dims["to"] == "exposed" && s.Value != 0 {
			t.Errorf("copies of exposed rows are %v away", s.Value)
		}
	}
	p = pair(train, test, fresh)
	p.Exposed = seen
	if out, err = m.Measure(t.Context(), metrictest.Env(info, 2, 1), p); err != nil {
		t.Fatal(err)
	}
	for _, s := range out.Scores {
		// four rows against four: their luck decides, but not their number, which would make it 4/304
		if s.Name == "dcr_share_closer_to_train" && s.Dims["members"] == "exposed" && (s.Value < 0.1 || s.Value > 0.9) {
			t.Errorf("of rows that are no copies %v lie closer to four exposed than to four test rows", s.Value)
		}
	}
}

func TestBalance(t *testing.T) {
	train, test, _, fresh := halves(3, 300)
	few := make([]int, 60)
	for i := range few {
		few[i] = i
	}
	test = test.Take(few)
	const score = "dcr_share_closer_to_train"
	balanced := measure(t, "", pair(train, test, fresh)).Score(score, "members", "train")
	if math.Abs(balanced.Value-0.5) > 0.12 || len(balanced.Warnings) > 0 {
		t.Errorf("balanced: %+v", balanced)
	}
	uneven := measure(t, `{"balance": false}`, pair(train, test, fresh)).Score(score, "members", "train")
	if uneven.Value < 0.7 || len(uneven.Warnings) != 1 {
		t.Errorf("300 rows against 60: %+v", uneven)
	}
}

func TestOrderOfRowsDoesNotMatter(t *testing.T) {
	real, synthetic := metrictest.Frames(rand.New(rand.NewPCG(3, 4)), 120, 90)
	m, info := metrictest.Build(t, nearest.Register, "nearest", "")
	values := func(real, synthetic *frame.Frame) map[string]float64 {
		out, err := m.Measure(t.Context(), metrictest.Env(info, 2, 1), metrictest.Pair(real, synthetic, ""))
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]float64{}
		for _, s := range out.Scores {
			all[s.Name+s.Dims["from"]+s.Dims["to"]+s.Dims["members"]] = s.Value
		}
		return all
	}
	rng := rand.New(rand.NewPCG(5, 6))
	after := values(real.Take(rng.Perm(120)), synthetic.Take(rng.Perm(90)))
	for name, v := range values(real, synthetic) {
		if math.Abs(v-after[name]) > 1e-12 {
			t.Errorf("%s: %v, and %v in another order of rows", name, v, after[name])
		}
	}
}

func TestUniformKeepsRangesAndLevels(t *testing.T) {
	whole := number("whole", 3, nan, 7)
	whole.Integer = true
	f := frame.Must(number("x", -1, 5, nan), whole, number("none", nan, nan, nan), number("k", 2, 2, 2), category("c", "a", "", "b"), category("empty", "", "", ""))
	out := nearest.Uniform(rand.New(rand.NewPCG(1, 2)), f, 500)
	seen := map[float64]bool{}
	for i := range 500 {
		x, w := out.Column("x").Numbers[i], out.Column("whole").Numbers[i]
		seen[w] = true
		if x < -1 || x > 5 || w != math.Trunc(w) || w < 3 || w > 7 || out.Column("k").Numbers[i] != 2 || !out.Column("none").IsMissing(i) {
			t.Fatalf("row %d: %v, %v", i, x, w)
		}
	}
	if len(seen) != 5 || out.Column("c").MissingCount() > 0 || len(out.Column("c").Levels) != 2 || out.Column("empty").MissingCount() != 500 {
		t.Errorf("whole numbers %v, levels %v", seen, out.Column("c").Levels)
	}
}

// wide draws rows with 70 numbers and 13 categories; a quarter of the values is missing.
func wide(rng *rand.Rand, rows int) *frame.Frame {
	severity := make([]float64, rows)
	for i := range severity {
		severity[i] = rng.NormFloat64()
	}
	columns := make([]*frame.Column, 0, 83)
	for c := range cap(columns) {
		values, labels := make([]float64, rows), make([]string, rows)
		for i := range rows {
			values[i], labels[i] = severity[i]+rng.NormFloat64(), string(rune('a'+rng.IntN(5)))
			if rng.IntN(4) == 0 {
				values[i], labels[i] = nan, ""
			}
		}
		if name := fmt.Sprint("c", c); c < 70 {
			columns = append(columns, number(name, values...))
		} else {
			columns = append(columns, category(name, labels...))
		}
	}
	return frame.Must(columns...)
}

// BenchmarkNearest measures 10,000 synthetic rows of 83 columns against as many of train and of test, on two threads.
func BenchmarkNearest(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	train, test, synthetic := wide(rng, 10_000), wide(rng, 10_000), wide(rng, 10_000)
	for _, with := range []string{`{"distance": "gower"}`, `{"distance": "euclidean"}`} {
		m, info := metrictest.Build(b, nearest.Register, "nearest", with)
		b.Run(with, func(b *testing.B) {
			for b.Loop() {
				if _, err := m.Measure(b.Context(), metrictest.Env(info, 2, 1), pair(train, test, synthetic)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// By ranges of their own, the smaller part is further: an honest generator is taken for one that copies, and noise for worse. That is told
// where it happens, with what one scale gives.
func TestOwnRangesAreTold(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 42))
	draw := func(n int, noise float64) *frame.Frame {
		columns := make([]*frame.Column, 6)
		for j := range columns {
			x := make([]float64, n)
			for i := range x {
				x[i] = rng.NormFloat64() + noise*rng.NormFloat64()
			}
			columns[j] = number(fmt.Sprint("x", j), x...)
		}
		return frame.Must(columns...)
	}
	train, test := draw(1000, 0), draw(250, 0)
	m := measure(t, "", pair(train, test, draw(1000, 5)))
	s, closer := m.Score("dcr_overfitting_protection", "members", "train"), m.Value("dcr_share_closer_to_train", "members", "train")
	if s.Value > 0.7 || closer > 0.65 {
		t.Fatalf("protection %v, and %v are closer: the test needs parts whose ranges matter", s.Value, closer)
	}
	if want := fmt.Sprintf("for both it is %.3f", min(1, 2*(1-closer))); len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], want) {
		t.Errorf("%q, want %q", s.Warnings, want)
	}
	equal := measure(t, `{"distance": "euclidean"}`, pair(train, test, draw(300, 0)))
	if s := equal.Score("dcr_overfitting_protection", "members", "train"); len(s.Warnings) != 0 {
		t.Errorf("one scale for both: %q", s.Warnings)
	}
}
