package sites

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

var (
	number   = metrictest.Number
	category = metrictest.Category
)

// hospital is the rows of one hospital: slope is what the label hangs on x by.
type hospital struct {
	name  string
	rows  int
	slope float64
}

// patients draws rows of hospitals, in turns.
func patients(seed uint64, hospitals ...hospital) plugins.Sample {
	rng := rand.New(rand.NewPCG(seed, 3))
	var x, label []float64
	var site []string
	for i := 0; ; i++ {
		done := true
		for _, h := range hospitals {
			if i >= h.rows {
				continue
			}
			done = false
			v, y := rng.NormFloat64(), 0.0
			if rng.Float64() < 1/(1+math.Exp(-h.slope*v)) {
				y = 1
			}
			x, label, site = append(x, v), append(label, y), append(site, h.name)
		}
		if done {
			break
		}
	}
	named := category("hospital", site...)
	return plugins.Sample{Frame: frame.Must(number("x", x...), named, number("death", label...)), Site: named}
}

func pair(train, test plugins.Sample, synthetic *frame.Frame) *plugins.Pair {
	return plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Train: train, plugins.Test: test}), synthetic, "death")
}

func measure(t *testing.T, with string, p *plugins.Pair) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, Register, "sites", with, p)
}

// plain leaves out the column that names the hospital.
func plain(s plugins.Sample) plugins.Sample {
	f, err := s.Frame.Select("x", "death")
	if err != nil {
		panic(err)
	}
	return plugins.Sample{Frame: f, Subject: s.Subject, Site: s.Site}
}

var law = []hospital{{"a", 300, 2}, {"b", 300, 2}, {"c", 300, 2}, {"odd", 300, -2}, {"small", 30, 2}}

func TestHospitalsThatDiffer(t *testing.T) {
	train, test, synthetic := patients(1, law...), patients(2, law...), patients(3, law...).Frame
	got := measure(t, `{"site": "hospital", "grid": true, "resamples": 100}`, pair(train, test, synthetic))
	value := func(name, site string) float64 { return got.Value(name, "site", site) }
	for _, name := range []string{leftReal, leftSynth} {
		// at the odd hospital the label hangs on x the other way: a model that has not seen it ranks the wrong way round
		if value(name, "odd") > 0.3 || value(name, "a") < 0.7 || value(name, "b") < 0.7 {
			t.Errorf("%s: %v, %v and %v", name, value(name, "a"), value(name, "b"), value(name, "odd"))
		}
		mean := (value(name, "a") + value(name, "b") + value(name, "c") + value(name, "odd")) / 4
		if math.Abs(got.Value(name+"_mean")-mean) > 1e-12 || got.Value(name+"_worst") != value(name, "odd") || got.Score(name+"_mean").N != 4 {
			t.Errorf("%s: mean %v, worst %v of %d", name, got.Value(name+"_mean"), got.Value(name+"_worst"), got.Score(name+"_mean").N)
		}
		if s := got.Score(name, "site", "small"); s.Status != plugins.Undefined || s.Reason != "fewer than 50 test rows, 10 with the label or 10 without it" {
			t.Errorf("%+v", s)
		}
	}
	if own := value(within, "odd"); own < 0.7 || math.Abs(value(gapReal, "odd")-(own-value(leftReal, "odd"))) > 1e-12 || value(gapSynth, "odd") < 0.4 {
		t.Errorf("within %v, gaps %v and %v", own, value(gapReal, "odd"), value(gapSynth, "odd"))
	}
	for _, grid := range []string{gridReal, gridSynth} {
		for _, c := range []struct {
			train, test string
			good        bool
		}{{"a", "a", true}, {"a", "b", true}, {"a", "odd", false}, {"odd", "odd", true}, {"odd", "b", false}} {
			if v := got.Value(grid, "train_site", c.train, "test_site", c.test); (v > 0.7) != c.good || (v < 0.3) == c.good {
				t.Errorf("%s from %s to %s: %v", grid, c.train, c.test, v)
			}
		}
		if s := got.Score(grid, "train_site", "small", "test_site", "a"); s.Status != plugins.Undefined {
			t.Errorf("%+v", s)
		}
	}
	if i := got.Score(tstr, "site", "a").Interval; i == nil || i.Unit != "rows of the site in the test part" || !(i.Low < value(tstr, "a") && value(tstr, "a") < i.High) {
		t.Errorf("%+v", i)
	}
}

func TestTheSiteIsNoFeature(t *testing.T) {
	// the label is that of the hospital: a model with it as a feature would know all
	var rows []hospital
	for i := range 4 {
		rows = append(rows, hospital{fmt.Sprint("h", i), 100, 0})
	}
	train, test := patients(1, rows...), patients(2, rows...)
	got := measure(t, `{"site": "hospital", "resamples": 0}`, pair(train, test, train.Frame))
	again := measure(t, `{"resamples": 0}`, pair(plain(train), plain(test), plain(train).Frame))
	for _, s := range rows {
		for _, name := range []string{tstr, leftReal, within} {
			if a, b := got.Value(name, "site", s.name), again.Value(name, "site", s.name); a != b {
				t.Errorf("%s at %s: %v with the hospital in the frame, %v without", name, s.name, a, b)
			}
		}
	}
	if s := again.Score(leftSynth, "site", "h0"); s.Reason != "the synthetic rows have no site: set site to a feature that names it" {
		t.Errorf("%+v", s)
	}
}

func TestWithoutSites(t *testing.T) {
	s := plain(patients(1, law...))
	s.Site = nil
	for with, want := range map[string]string{``: "the data set has no sites", `{"site": "hospital"}`: `the real rows have no column "hospital"`} {
		got := measure(t, with, pair(s, s, s.Frame))
		for _, score := range got.Scores {
			if score.Status != plugins.Undefined || score.Reason != want {
				t.Errorf("%+v, want %q", score, want)
			}
		}
		if len(got.Scores) == 0 {
			t.Error("no scores")
		}
	}
	// the column is there beside the features: real rows have sites, synthetic ones have none
	beside := plain(patients(1, law...))
	beside.Beside = frame.Must(beside.Site)
	got := measure(t, `{"site": "hospital", "resamples": 0}`, pair(beside, beside, s.Frame))
	if got.Value(leftReal+"_mean") == 0 || got.Score(leftSynth+"_mean").Status != plugins.Undefined {
		t.Errorf("%+v, %+v", got.Score(leftReal+"_mean"), got.Score(leftSynth+"_mean"))
	}
	m, _ := metrictest.Build(t, Register, "sites", `{"site": "hospital"}`)
	if g, ok := m.(plugins.Grouping); !ok || !slices.Equal(g.Beside(), []string{"hospital"}) {
		t.Error("the column is not asked for")
	}
	if m, _ = metrictest.Build(t, Register, "sites", ``); m != nil {
		if _, ok := m.(plugins.Grouping); ok {
			t.Error("a column is asked for, and none is named")
		}
	}
}

func TestOwnModelsHaveNotSeenTheSubject(t *testing.T) {
	// each subject has a row in train and one in test, with the same columns and a label by chance
	rng := rand.New(rand.NewPCG(4, 5))
	const subjects, width = 200, 90
	var columns []*frame.Column
	for c := range width {
		v := make([]float64, subjects)
		for i := range v {
			v[i] = rng.NormFloat64()
		}
		columns = append(columns, number(fmt.Sprint("x", c), v...))
	}
	label, id, site := make([]float64, subjects), make([]float64, subjects), make([]string, subjects)
	for i := range label {
		label[i], id[i], site[i] = float64(rng.IntN(2)), float64(i), "only"
	}
	f := frame.Must(append(columns, number("death", label...))...)
	s := plugins.Sample{Frame: f, Site: category("site", site...)}
	known := s
	known.Subject = number("id", id...)
	twice := func(s plugins.Sample) *plugins.Pair {
		other := s
		other.Frame = frame.Must(f.Columns()...)
		return pair(s, other, f)
	}
	seen, unseen := measure(t, `{"resamples": 20}`, twice(s)), measure(t, `{"resamples": 20}`, twice(known))
	if v := seen.Value(within, "site", "only"); v < 0.65 {
		t.Errorf("AUROC %v of labels that are in train: the test cannot tell", v)
	}
	// where both parts are the very same rows, only the test rows of the other folds are trained on
	if v := measure(t, `{"resamples": 20}`, pair(s, s, f)).Value(within, "site", "only"); math.Abs(v-0.5) > 0.12 {
		t.Errorf("AUROC %v of labels by chance, with equal parts", v)
	}
	if v := unseen.Value(within, "site", "only"); math.Abs(v-0.5) > 0.12 { // the standard error is 0.04
		t.Errorf("AUROC %v of labels by chance", v)
	}
	if u := unseen.Score(within, "site", "only").Interval.Unit; u != "subjects of the site in the test part" {
		t.Errorf("interval by %s", u)
	}
	// of one hospital there are no others
	if s := unseen.Score(leftReal, "site", "only"); s.Reason != "there are no train rows of the other sites" {
		t.Errorf("%+v", s)
	}
}

func TestUndefinedSaysWhy(t *testing.T) {
	good := patients(1, law...)
	one := good.Frame.Take([]int{0})
	if s := measure(t, `{"site": "hospital"}`, pair(good, good, one)).Score(tstr, "site", "a"); s.Reason != "the synthetic rows have one label class" {
		t.Errorf("%+v", s)
	}
	empty := plugins.Sample{Frame: good.Frame.Take(nil), Site: good.Site.Take(nil)}
	if s := measure(t, ``, pair(good, empty, good.Frame)).Score(tstr + "_mean"); s.Reason != "no test row has a site" {
		t.Errorf("%+v", s)
	}
	// a hospital of one class is left out, with the lowest bounds that there are
	single := patients(2, hospital{"a", 60, 1}, hospital{"sure", 60, 1})
	for i, code := range single.Frame.Column("hospital").Codes {
		if code == 1 {
			single.Frame.Column("death").Numbers[i] = 1
		}
	}
	got := measure(t, `{"rows": 1, "events": 1, "nonevents": 1, "site": "hospital"}`, pair(single, single, single.Frame))
	if s := got.Score(tstr, "site", "sure"); s.Status != plugins.Undefined {
		t.Errorf("%+v", s)
	}
	if s := got.Score(tstr + "_mean"); s.N != 1 || s.Value != got.Value(tstr, "site", "a") || len(s.Warnings) != 2 {
		t.Errorf("%+v", s)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for _, change := range []func(*Config){
		func(c *Config) { c.Rows = 0 },
		func(c *Config) { c.Events = 0 },
		func(c *Config) { c.Folds = 1 },
		func(c *Config) { c.Resamples = -1 },
		func(c *Config) { c.Level = 1 },
		func(c *Config) { c.Model = "svm" },
	} {
		c := defaults
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}

// Patients who were moved are at two hospitals, with the same values, and the label is chance: whoever has their rows recalls it.
func TestNoPatientIsTrainedOnAndTested(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	var columns [4][]float64
	var site, id []string
	for patient := range 200 {
		values := [4]float64{rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64(), float64(rng.IntN(2))}
		stays := []string{"A", "B"}
		if patient%4 > 0 { // most stay where they are
			stays = []string{[]string{"A", "B"}[patient%2]}
		}
		for _, at := range stays {
			for j, v := range values {
				columns[j] = append(columns[j], v)
			}
			site, id = append(site, at), append(id, fmt.Sprint(patient))
		}
	}
	f := frame.Must(number("x", columns[0]...), number("y", columns[1]...), number("z", columns[2]...), number("death", columns[3]...))
	sample := plugins.Sample{Frame: f, Site: category("hospital", site...), Subject: category("id", id...)}
	m := measure(t, `{"model": "random-forest", "resamples": 0, "grid": true}`, pair(sample, sample, f))
	for _, at := range []string{"A", "B"} {
		if v := m.Value("leave_one_site_out_auroc_train_real", "site", at); v > 0.62 {
			t.Errorf("left out %s: AUROC %v of a label by chance", at, v)
		}
	}
	if v := m.Value("site_grid_auroc_train_real", "train_site", "A", "test_site", "B"); v > 0.62 {
		t.Errorf("from A to B: AUROC %v of a label by chance", v)
	}
}

// Nor is it where the settings do not name it and it is that of the data set.
func TestTheSiteOfTheDataSetIsNoFeature(t *testing.T) {
	a, b := patients(1, hospital{"A", 200, 1}, hospital{"B", 200, 1}), patients(2, hospital{"A", 200, 1}, hospital{"B", 200, 1})
	w, err := defaults.work(plugins.Env{}, pair(a, b, a.Frame))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(w.skip, "hospital") {
		t.Errorf("models leave out %q alone", w.skip)
	}
}
