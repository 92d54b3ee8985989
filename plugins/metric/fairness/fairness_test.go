package fairness_test

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/fairness"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

// rows draws rows of two sexes, and of one in ten without, with a label that x tells of: well for women, hardly for men.
func rows(rng *rand.Rand, n int) *frame.Frame {
	x, label, sex, race := make([]float64, n), make([]float64, n), make([]string, n), make([]string, n)
	for i := range n {
		x[i] = rng.NormFloat64()
		sex[i] = []string{"f", "m"}[i%2]
		slope := 3.0
		if sex[i] == "m" {
			slope = 0.2
		}
		if slope*x[i]+rng.NormFloat64() > 0.5 {
			label[i] = 1
		}
		if i%10 == 9 {
			sex[i] = ""
		}
		race[i] = []string{"a", "b", "c"}[rng.IntN(3)]
		if i%100 == 0 {
			race[i] = "rare"
		}
	}
	return frame.Must(metrictest.Number("x", x...), metrictest.Number("death", label...), metrictest.Category("sex", sex...), metrictest.Category("race", race...))
}

// pair holds 400 test rows of 200 subjects.
func pair(seed uint64) *plugins.Pair {
	rng := rand.New(rand.NewPCG(seed, 3))
	test := rows(rng, 400)
	subject := make([]string, 400)
	for i := range subject {
		subject[i] = strconv.Itoa(i / 2)
	}
	return plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: {Frame: rows(rng, 300)},
		plugins.Test:  {Frame: test, Subject: metrictest.Category("id", subject...)},
	}), rows(rng, 300), "death")
}

func measure(t *testing.T, with string, pair *plugins.Pair) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, fairness.Register, "fairness", with, pair)
}

func TestAGapIsFound(t *testing.T) {
	m := measure(t, `{"by": ["sex"], "resamples": 200}`, pair(1))
	women, men := m.Value("auroc", "by", "sex", "group", "f"), m.Value("auroc", "by", "sex", "group", "m")
	if women < 0.9 || men > 0.75 {
		t.Errorf("AUROC %v and %v", women, men)
	}
	gap := m.Score("auroc_gap", "by", "sex")
	if gap.N != 2 || gap.Value != women-men || gap.Interval == nil || gap.Interval.Unit != "test subjects" || !(gap.Interval.Low > 0) {
		t.Errorf("%+v", gap)
	}
	f, rate := m.Value("n", "by", "sex", "group", "f"), m.Score("selection_rate", "by", "sex", "group", "f")
	if f != 200 || rate.N != 200 || m.Value("n", "by", "sex", "group", "m") != 160 {
		t.Errorf("%v women, %+v", f, rate)
	}
	for _, c := range m.Counts {
		if c.Name == "test rows in no group" && c.Value == 40 && c.Dims["by"] == "sex" {
			return
		}
	}
	t.Errorf("the rows without a sex are not counted: %+v", m.Counts)
}

// Every score with an interval has its draws, as many as are kept, and the draws of a gap are those of its groups.
func TestDraws(t *testing.T) {
	m, rows := measure(t, `{"by": ["sex"], "resamples": 250}`, pair(2)), pair(2).TestRows()
	draws := map[string][]float32{}
	for _, d := range m.Draws {
		if s := m.Score(d.Score, dims(d.Dims)...); s.Interval == nil || d.Unit != s.Interval.Unit || d.Of != rows || len(d.Values) != plugins.MaxDraws {
			t.Errorf("%s %v: %d draws beside %+v", d.Score, d.Dims, len(d.Values), s.Interval)
		}
		draws[d.Score+d.Dims["group"]] = d.Values
	}
	for i, v := range draws["auroc_gap"] {
		if want := draws["aurocf"][i] - draws["aurocm"][i]; max(v-want, want-v) > 1e-6 && max(v+want, -v-want) > 1e-6 {
			t.Fatalf("draw %d: gap %v of %v and %v", i, v, draws["aurocf"][i], draws["aurocm"][i])
		}
	}
	if none := measure(t, `{"by": ["sex"], "resamples": 0}`, pair(2)); len(none.Draws) > 0 || none.Score("auroc_gap", "by", "sex").Interval != nil {
		t.Error("intervals without resamples")
	}
}

func dims(of map[string]string) []string {
	var out []string
	for _, name := range []string{"by", "group"} {
		if v, ok := of[name]; ok {
			out = append(out, name, v)
		}
	}
	return out
}

func TestSmallGroupsAreNotTold(t *testing.T) {
	p := pair(3)
	m := measure(t, `{"by": ["race"], "resamples": 0}`, p)
	for _, name := range []string{"n", "positives", "selection_rate", "tpr", "fpr", "auroc", "brier"} {
		s := m.Score(name, "by", "race", "group", "rare")
		if s.Status != plugins.Undefined || s.Reason != "not estimable: the group has fewer than the minimum of 50 test rows" || s.N != 0 {
			t.Errorf("%s of a rare group: %+v", name, s)
		}
	}
	if s := m.Score("auroc_gap", "by", "race"); s.N != 3 || len(s.Warnings) != 1 || s.Warnings[0] != "1 of 4 groups left out, as they have too few test rows: rare" {
		t.Errorf("%+v", s)
	}
	// a lower minimum lets groups of few be compared; what they stand for stays untold
	m = measure(t, `{"by": ["race"], "resamples": 0, "minimum": {"rows": 1, "events": 1, "nonevents": 1}}`, p)
	if s := m.Score("demographic_parity_difference", "by", "race"); s.N != 4 {
		t.Errorf("%+v", s)
	}
	for _, name := range []string{"n", "positives", "selection_rate", "brier"} {
		if s := m.Score(name, "by", "race", "group", "rare"); s.Status != plugins.Undefined || !strings.HasPrefix(s.Reason, "withheld") {
			t.Errorf("%s of a rare group: %+v", name, s)
		}
	}
	// 20 rows of which few have the label: their number is not told, nor is it by the rows of the group
	few := plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: p.Parts.Get(plugins.Train), plugins.Test: {Frame: fewEvents(p.Parts.Get(plugins.Test).Frame)},
	}), p.Synthetic, "death")
	m = measure(t, `{"by": ["sex"], "resamples": 0, "minimum": {"rows": 1, "events": 1, "nonevents": 1}}`, few)
	if s := m.Score("positives", "by", "sex", "group", "f"); s.Status != plugins.Undefined || m.Value("n", "by", "sex", "group", "f") != 20 {
		t.Errorf("%+v", s)
	}
}

// fewEvents takes women of whom 3 have the label and 17 have not.
func fewEvents(f *frame.Frame) *frame.Frame {
	var rows []int
	left := map[float64]int{1: 3, 0: 17}
	sex := f.Column("sex")
	for i, label := range f.Column("death").Numbers {
		if !sex.IsMissing(i) && sex.Levels[sex.Codes[i]] == "f" && left[label] > 0 {
			left[label]--
			rows = append(rows, i)
		}
	}
	return f.Take(rows)
}

// A group in which nobody has the label: the two readings differ, and both say which group it is.
func TestAGroupWithoutEventsIsNamed(t *testing.T) {
	p := pair(9)
	test := p.Parts.Get(plugins.Test).Frame
	var rows []int
	race := test.Column("race")
	for i, label := range test.Column("death").Numbers {
		if label == 0 || race.Levels[race.Codes[i]] != "a" {
			rows = append(rows, i)
		}
	}
	m := measure(t, `{"by": ["race"], "resamples": 0}`, plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: p.Parts.Get(plugins.Train), plugins.Test: {Frame: test.Take(rows)},
	}), p.Synthetic, "death"))
	zero, defined := m.Score("equal_opportunity_difference", "by", "race"), m.Score("tpr_gap_defined_only", "by", "race")
	if zero.N != 3 || defined.N != 2 || zero.Value <= defined.Value || zero.Warnings[1] != "a rate without rows counts as 0 in these groups: a" ||
		defined.Warnings[0] != "2 of 4 groups left out, as they have too few test rows: a, rare" {
		t.Errorf("%+v, %+v", zero, defined)
	}
	if s := m.Score("tpr", "by", "race", "group", "a"); s.Status != plugins.Undefined || m.Value("fpr", "by", "race", "group", "a") > 1 {
		t.Errorf("%+v", s)
	}
}

func TestCrossedGroups(t *testing.T) {
	m := measure(t, `{"by": ["sex", "race"], "crossed": true, "resamples": 0, "minimum": {"rows": 20, "events": 5, "nonevents": 5}}`, pair(4))
	if s := m.Score("n", "by", "sex & race", "group", "f & a"); s.Status != plugins.OK || s.Value < 20 {
		t.Errorf("%+v", s)
	}
	if s := m.Score("demographic_parity_difference", "by", "sex & race"); s.Status != plugins.OK || s.N != 6 {
		t.Errorf("%+v", s)
	}
	if s := m.Score("demographic_parity_difference", "by", "sex"); s.N != 2 {
		t.Errorf("%+v", s)
	}
}

// Columns of groups need be no features: they stand beside the sample.
func TestGroupsBeside(t *testing.T) {
	p := pair(5)
	train, test := p.Parts.Get(plugins.Train), p.Parts.Get(plugins.Test)
	only := func(f *frame.Frame) *frame.Frame {
		out, err := f.Select("x", "death")
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	beside, err := test.Frame.Select("sex")
	if err != nil {
		t.Fatal(err)
	}
	of := func(beside *frame.Frame) *plugins.Pair {
		return plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
			plugins.Train: {Frame: only(train.Frame)}, plugins.Test: {Frame: only(test.Frame), Subject: test.Subject, Beside: beside},
		}), only(p.Synthetic), "death")
	}
	with := `{"by": ["sex"], "resamples": 0}`
	if s := measure(t, with, of(beside)).Score("auroc_gap", "by", "sex"); s.Status != plugins.OK {
		t.Errorf("%+v", s)
	}
	if s := measure(t, with, of(nil)).Score("auroc_gap", "by", "sex"); s.Reason != `the test part has no column "sex"` {
		t.Errorf("%+v", s)
	}
	m, err := fairness.New(config("sex"))
	if g, ok := m.(plugins.Grouping); err != nil || !ok || len(g.Beside()) != 1 || g.Beside()[0] != "sex" {
		t.Errorf("%v, %v", m, err)
	}
}

func config(by ...string) fairness.Config {
	c := fairness.Defaults()
	c.By = by
	return c
}

func TestUndefined(t *testing.T) {
	p := pair(6)
	train, test := p.Parts.Get(plugins.Train), p.Parts.Get(plugins.Test)
	with := func(synthetic *frame.Frame, test plugins.Sample) *plugins.Pair {
		return plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Train: train, plugins.Test: test}), synthetic, "death")
	}
	var alive []int
	for i, v := range p.Synthetic.Column("death").Numbers {
		if v == 0 {
			alive = append(alive, i)
		}
	}
	for _, c := range []struct {
		name, by, reason string
		pair             *plugins.Pair
	}{
		{"one class to train on", "sex", "the training rows have one label class", with(p.Synthetic.Take(alive), test)},
		{"nothing to train on", "sex", "there are no training rows", with(p.Synthetic.Take(nil), test)},
		{"nothing to test", "sex", "there are no test rows", with(p.Synthetic, plugins.Sample{Frame: test.Frame.Take(nil)})},
		{"few rows to test", "sex", "no group has enough test rows", with(p.Synthetic, plugins.Sample{Frame: test.Frame.Take([]int{0, 1, 2})})},
		{"groups by a measurement", "x", `column "x" has more than 100 values: groups are formed by columns of few`, p},
		{"no such column", "nosuch", `the test part has no column "nosuch"`, p},
	} {
		m := measure(t, `{"by": ["`+c.by+`"], "resamples": 20}`, c.pair)
		for _, name := range fairness.GapNames {
			if s := m.Score(name, "by", c.by); s.Status != plugins.Undefined || s.Reason != c.reason {
				t.Errorf("%s: %+v, want %q", c.name, s, c.reason)
			}
		}
	}
	men := test.Frame.Take([]int{1, 3, 5, 7, 11, 13, 15, 17})
	m := measure(t, `{"by": ["sex"], "resamples": 20, "minimum": {"rows": 1}}`, with(p.Synthetic, plugins.Sample{Frame: men}))
	if s := m.Score("demographic_parity_difference", "by", "sex"); s.Status != plugins.Undefined || !strings.HasPrefix(s.Reason, "one group alone") {
		t.Errorf("one group: %+v", s)
	}
}

func TestTheThresholdMayBeANumber(t *testing.T) {
	m := measure(t, `{"by": ["sex"], "resamples": 0, "threshold": 0}`, pair(7))
	if m.Value("threshold") != 0 || m.Value("selection_rate", "by", "sex", "group", "f") != 1 || m.Value("demographic_parity_ratio", "by", "sex") != 1 {
		t.Error("at the threshold 0 not everybody is called")
	}
	m = measure(t, `{"by": ["sex"], "resamples": 0, "threshold": 1}`, pair(7))
	if s := m.Score("demographic_parity_ratio", "by", "sex"); s.Reason != "every rate is 0" {
		t.Errorf("nobody is called: %+v", s)
	}
	if got := measure(t, `{"by": ["sex"], "resamples": 0}`, pair(7)).Value("threshold"); got <= 0 || got >= 1 {
		t.Errorf("prevalence-matched: %v", got)
	}
	if real := measure(t, `{"by": ["sex"], "resamples": 0, "train": "real"}`, pair(7)).Value("auroc", "by", "sex", "group", "f"); real < 0.9 {
		t.Errorf("trained on real rows: %v", real)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for name, change := range map[string]func(*fairness.Config){
		"no columns":     func(c *fairness.Config) { c.By = nil },
		"twice the same": func(c *fairness.Config) { c.By = []string{"a", "a"} },
		"train":          func(c *fairness.Config) { c.Train = "both" },
		"minimum":        func(c *fairness.Config) { c.Minimum.Events = 0 },
		"resamples":      func(c *fairness.Config) { c.Resamples = -1 },
		"level":          func(c *fairness.Config) { c.Level = 1 },
		"threshold":      func(c *fairness.Config) { c.Threshold.By = "best" },
		"model":          func(c *fairness.Config) { c.Model.Model = "svm" },
	} {
		c := config("sex")
		change(&c)
		if _, err := fairness.New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func BenchmarkMeasure(b *testing.B) {
	rng := rand.New(rand.NewPCG(8, 1))
	p := metrictest.Pair(rows(rng, 10_000), rows(rng, 10_000), "death")
	m, info := metrictest.Build(b, fairness.Register, "fairness", `{"by": ["sex", "race"], "crossed": true}`)
	for b.Loop() {
		if _, err := m.Measure(b.Context(), metrictest.Env(info, 2, 1), p.Only(info.Reads...)); err != nil {
			b.Fatal(err)
		}
	}
}
