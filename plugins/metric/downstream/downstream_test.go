package downstream

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/downstream/classifier"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

var (
	nan      = math.NaN()
	number   = metrictest.Number
	category = metrictest.Category
)

// patients draws rows whose label "death" a feature explains in part.
func patients(seed uint64, n int) *frame.Frame {
	rng := rand.New(rand.NewPCG(seed, 1))
	x, label := make([]float64, n), make([]string, n)
	for i := range n {
		x[i] = rng.NormFloat64()
		label[i] = "no"
		if x[i]+rng.NormFloat64() > 1 {
			label[i] = "yes"
		}
	}
	return frame.Must(number("x", x...), category("death", label...))
}

func pair(train, test plugins.Sample, synthetic *frame.Frame) *plugins.Pair {
	return plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Train: train, plugins.Test: test}), synthetic, "death")
}

func measure(t *testing.T, with string, p *plugins.Pair) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, Register, "downstream", with, p)
}

func TestWhatIsTrainedOnAndTestedOn(t *testing.T) {
	train, test, synthetic := patients(1, 300), patients(2, 200), patients(3, 250)
	p := pair(plugins.Sample{Frame: train}, plugins.Sample{Frame: test}, synthetic)
	for _, c := range []struct {
		with            string
		training, tests int
		unit            string
	}{
		{``, 250, 200, "test rows"},
		{`{"train": "real"}`, 300, 200, "test rows"},
		{`{"train": "real", "test": "synthetic"}`, 300, 250, "synthetic test rows"},
		{`{"test": "synthetic", "holdout": 0.2}`, 200, 50, "synthetic test rows"},
	} {
		got := measure(t, c.with, p)
		if n := got.Score("prevalence_train").N; n != c.training {
			t.Errorf("%s: trained on %d rows, want %d", c.with, n, c.training)
		}
		for _, name := range []string{"auroc", "auprc", "brier", "log_loss"} {
			s := got.Score(name)
			if s.N != c.tests || s.Interval == nil || s.Interval.Unit != c.unit || !(s.Interval.Low < s.Value && s.Value < s.Interval.High) {
				t.Errorf("%s: %s tested on %d rows, want %d %s: %+v", c.with, name, s.N, c.tests, c.unit, s.Interval)
			}
		}
		if v := got.Value("auroc"); v < 0.65 || v > 0.95 {
			t.Errorf("%s: AUROC %v of a feature that explains the label in part", c.with, v)
		}
		if events := got.Value("events_test"); events/float64(c.tests) != got.Value("prevalence_test") {
			t.Errorf("%s: %v events, prevalence %v", c.with, events, got.Value("prevalence_test"))
		}
	}
}

func TestPositiveClassIsThatOfTheTrainPart(t *testing.T) {
	// of the two levels the last in byte order is positive, also where the synthetic rows have it alone
	train := frame.Must(number("x", 0, 1, 2, 3), category("death", "no", "no", "yes", "yes"))
	one := frame.Must(number("x", 0, 1), category("death", "yes", "yes"))
	got := measure(t, "", pair(plugins.Sample{Frame: train}, plugins.Sample{Frame: train}, one))
	if v := got.Value("prevalence_train"); v != 1 {
		t.Errorf("prevalence of the training rows %v, want 1", v)
	}
	binary := frame.Must(number("x", 0, 1, 2, 3), number("death", 0, 0, 1, 1))
	named, coded := measure(t, "", pair(plugins.Sample{Frame: train}, plugins.Sample{Frame: train}, train)), measure(t, "", pair(plugins.Sample{Frame: binary}, plugins.Sample{Frame: binary}, binary))
	for _, name := range []string{"auroc", "auprc", "brier", "log_loss", "events_test"} {
		if named.Value(name) != coded.Value(name) {
			t.Errorf("%s: %v with levels, %v with numbers", name, named.Value(name), coded.Value(name))
		}
	}
	if named.Value("auroc") != 1 {
		t.Errorf("AUROC %v of a feature that orders the label", named.Value("auroc"))
	}
}

func TestUndefinedScoresSayWhy(t *testing.T) {
	good := patients(1, 100)
	died := frame.Must(number("x", 1, 2), category("death", "yes", "yes"))
	none := good.Take(nil)
	var model []string // all scores that need one
	for _, s := range scores[:rating+1] {
		model = append(model, s.Name)
	}
	for _, c := range []struct {
		name                   string
		with                   string
		train, test, synthetic *frame.Frame
		reason                 string
		undefined              []string
	}{
		{"one class of synthetic rows", "", good, good, died, "the training rows have one label class", model},
		{"no synthetic rows", "", good, good, none, "there are no training rows", append(slices.Clone(model), "prevalence_train")},
		{"one class of train rows", `{"train": "real"}`, died, good, good, "the training rows have one label class", model},
		// precision at any recall, Brier score, log loss, calibration error and the shares that make up a decision need no second class
		{"one class of test rows", "", good, died, good, "the test rows have one label class", []string{"auroc", "calibration_intercept", "calibration_slope", "calibration_in_the_large"}},
		{"no test rows", "", good, none, good, "there are no test rows", append(slices.Clone(model), "prevalence_test", "events_test")},
		{"one class of real rows", "", died, died, good, "the real rows have one label class", nil},
		{"no real rows", "", none, none, good, "there are no real rows", nil},
		{
			"a label that real rows have not", "", good, good, frame.Must(number("x", 1, 2), category("death", "maybe", "yes")),
			"the synthetic rows have a label that the real rows have not", nil,
		},
		{
			"no label at all", "", good, good, frame.Must(number("x", 1, 2), category("death", "", "")),
			"there are no training rows",
			append(slices.Clone(model), "prevalence_train"),
		},
	} {
		got := measure(t, c.with, pair(plugins.Sample{Frame: c.train}, plugins.Sample{Frame: c.test}, c.synthetic))
		if len(got.Scores) != len(scores) {
			t.Errorf("%s: %d scores, want %d", c.name, len(got.Scores), len(scores))
		}
		for _, s := range got.Scores {
			want := plugins.OK
			if c.undefined == nil || slices.Contains(c.undefined, s.Name) {
				want = plugins.Undefined
			}
			if s.Status != want || (want == plugins.Undefined && s.Reason != c.reason) {
				t.Errorf("%s: %s is %s (%q), want %s (%q)", c.name, s.Name, s.Status, s.Reason, want, c.reason)
			}
		}
	}
	half := frame.Must(number("x", 1, 2), number("death", 0.5, 1))
	binary := frame.Must(number("x", 1, 2), number("death", 0, 1))
	got := measure(t, "", pair(plugins.Sample{Frame: binary}, plugins.Sample{Frame: binary}, half))
	if s := got.Score("auroc"); s.Reason != "the synthetic rows have a label that is neither 0 nor 1" {
		t.Errorf("%+v", s)
	}
}

func TestWrongRealLabelsAreErrors(t *testing.T) {
	good := patients(1, 50)
	for _, c := range []struct {
		name                   string
		train, test, synthetic *frame.Frame
		want                   string
	}{
		{"missing", good, frame.Must(number("x", 1, 2, 3), category("death", "yes", "", "no")), good, "test part: target \"death\" is missing in 1 of 3 rows"},
		{"three levels", frame.Must(number("x", 1, 2, 3), category("death", "yes", "no", "unknown")), good, good, "train part: target \"death\" has 3 levels"},
		{"three levels over both", good, frame.Must(number("x", 1, 2), category("death", "maybe", "no")), good, "has 3 levels in the real rows"},
		{"no target", frame.Must(number("x", 1)), good, good, "the train part has no target column \"death\""},
		{"no synthetic target", good, good, frame.Must(number("x", 1)), "the synthetic rows have no target column \"death\""},
		{"another kind", good, good, frame.Must(number("x", 1), number("death", 1)), "is a category in the real rows and a number in the synthetic ones"},
	} {
		m, info := metrictest.Build(t, Register, "downstream", "")
		_, err := m.Measure(t.Context(), metrictest.Env(info, 1, 1), pair(plugins.Sample{Frame: c.train}, plugins.Sample{Frame: c.test}, c.synthetic))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

func TestSyntheticRowsWithoutLabelAreLeftOutAndCounted(t *testing.T) {
	good := patients(1, 60)
	synthetic := frame.Must(number("x", 0, 1, 2, 3, 4), category("death", "no", "", "yes", "no", "yes"))
	got := measure(t, "", pair(plugins.Sample{Frame: good}, plugins.Sample{Frame: good}, synthetic))
	if n := got.Score("prevalence_train").N; n != 4 {
		t.Errorf("trained on %d rows, want 4", n)
	}
	if c := got.Counts[0]; c.Name != "synthetic rows left out: label missing" || c.Value != 1 {
		t.Errorf("%+v", c)
	}
	if !slices.Contains(got.Score("auroc").Warnings, "1 of 5 synthetic rows left out: label missing") {
		t.Errorf("%+v", got.Score("auroc"))
	}
}

func TestIntervalsAreBySubject(t *testing.T) {
	// every subject has five equal rows: intervals by row would be too short
	once := patients(5, 60)
	rows := make([]int, 0, 300)
	subject := make([]float64, 0, 300)
	for i := range 60 {
		for range 5 {
			rows = append(rows, i)
			subject = append(subject, float64(i)+0.5)
		}
	}
	test, synthetic := once.Take(rows), patients(6, 200)
	by := measure(t, "", pair(plugins.Sample{Frame: synthetic}, plugins.Sample{Frame: test, Subject: number("subject", subject...)}, synthetic))
	without := measure(t, "", pair(plugins.Sample{Frame: synthetic}, plugins.Sample{Frame: test}, synthetic))
	wide, short := by.Score("auroc").Interval, without.Score("auroc").Interval
	if wide.Unit != "test subjects" || short.Unit != "test rows" || wide.Method != "percentile bootstrap, 1000 resamples" || wide.Level != 0.95 {
		t.Errorf("%+v, %+v", wide, short)
	}
	if ratio := (wide.High - wide.Low) / (short.High - short.Low); ratio < 1.7 || ratio > 2.8 { // √5 is 2.2
		t.Errorf("intervals by subject are %v times as wide as by row, want about 2.2", ratio)
	}
	narrow := measure(t, `{"level": 0.5, "resamples": 200}`, pair(plugins.Sample{Frame: synthetic}, plugins.Sample{Frame: test}, synthetic)).Score("auroc").Interval
	if narrow.Level != 0.5 || narrow.High-narrow.Low >= short.High-short.Low || narrow.Method != "percentile bootstrap, 200 resamples" {
		t.Errorf("%+v", narrow)
	}
	if s := measure(t, `{"resamples": 0}`, pair(plugins.Sample{Frame: synthetic}, plugins.Sample{Frame: test}, synthetic)).Score("auroc"); s.Interval != nil {
		t.Errorf("no resamples, but %+v", s.Interval)
	}
}

func TestUnitsOfSubjects(t *testing.T) {
	for _, subject := range []*frame.Column{
		category("s", "p2", "p1", "", "p2", ""),
		number("s", 2, 1, nan, 2, nan),
	} {
		r := &rows{Rows: classifier.Rows{Y: make([]bool, 5)}}
		r.resampledBy(subject, "test")
		// a missing subject is nobody else's
		if !slices.Equal(r.unit, []int32{0, 1, 2, 0, 3}) || r.units != 4 || r.of != "test subjects" {
			t.Errorf("%s: units %v of %d %s", subject.Kind, r.unit, r.units, r.of)
		}
	}
}

func TestNewChecksItsSettings(t *testing.T) {
	good := Defaults()
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for _, change := range []func(*Config){
		func(c *Config) { c.Model = "svm" },
		func(c *Config) { c.Train = "test" },
		func(c *Config) { c.Test = "train" },
		func(c *Config) { c.Holdout = 1 },
		func(c *Config) { c.Resamples = -1 },
		func(c *Config) { c.Level = 0 },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}
