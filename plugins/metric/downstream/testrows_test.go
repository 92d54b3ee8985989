package downstream

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

// counted has n rows of which the first have the label.
func counted(events, n int) *frame.Frame {
	x, label := make([]float64, n), slices.Repeat([]string{"no"}, n)
	for i := range x {
		if x[i] = float64(i * 7919 % n); i < events {
			label[i] = "yes"
			x[i] += float64(n) / 3
		}
	}
	return frame.Must(number("x", x...), category("death", label...))
}

func TestTestRowsAreDrawnWithAPrevalence(t *testing.T) {
	p := pair(plugins.Sample{Frame: counted(40, 400)}, plugins.Sample{Frame: counted(30, 300)}, patients(3, 200))
	for _, c := range []struct {
		with      string
		n, events int
		says      string
	}{
		{`{"test_prevalence": 0.5}`, 60, 30, "60 of 300 test rows drawn, 50 % of them with the label: auprc,"},
		{`{"test_prevalence": 0.5, "test_rows": 40}`, 40, 20, "40 of 300 test rows drawn, 50 %"},
		{`{"test_prevalence": 0.05}`, 280, 14, "280 of 300 test rows drawn, 5 %"}, // 15 with the label would need 285 without
		{`{"test_prevalence": 0.9}`, 30, 27, "30 of 300 test rows drawn, 90 %"},   // 4 without would need 36 with it
		{`{"test_prevalence": 0.3}`, 100, 30, "100 of 300 test rows drawn, 30 %"},
		{`{"test_rows": 50}`, 50, 5, "50 of 300 test rows drawn"},
		{`{"test_prevalence": 0.1}`, 300, 30, "300 of 300 test rows drawn, 10 % of them with the label"},
	} {
		got := measure(t, `{"resamples": 20, `+c.with[1:], p)
		if got.Value("events_test") != float64(c.events) || got.Score("auroc").N != c.n || math.Abs(got.Value("prevalence_test")-float64(c.events)/float64(c.n)) > 1e-12 {
			t.Errorf("%s: %v events in %d rows, prevalence %v", c.with, got.Value("events_test"), got.Score("auroc").N, got.Value("prevalence_test"))
		}
		for _, s := range got.Scores {
			if !slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.HasPrefix(w, c.says) }) {
				t.Errorf("%s: %s warns %q", c.with, s.Name, s.Warnings)
			}
			if s.Name == "auroc" && (s.Interval == nil || s.Interval.Unit != "test rows") {
				t.Errorf("%s: interval %+v", c.with, s.Interval)
			}
		}
		if !slices.ContainsFunc(got.Counts, func(k plugins.Count) bool { return k.Name == "test rows left out by the draw" && k.Value == 300-c.n }) {
			t.Errorf("%s: counts %+v", c.with, got.Counts)
		}
	}
	if all, some := measure(t, `{"resamples": 0}`, p), measure(t, `{"resamples": 0, "test_prevalence": 0.5}`, p); some.Value("auprc") < all.Value("auprc")+0.2 || math.Abs(some.Value("auroc")-all.Value("auroc")) > 0.1 {
		t.Errorf("at half, AUPRC %v and AUROC %v; at a tenth %v and %v", some.Value("auprc"), some.Value("auroc"), all.Value("auprc"), all.Value("auroc"))
	}
}

func TestTooFewRowsToDrawAreUndefined(t *testing.T) {
	train, synthetic := counted(40, 400), patients(3, 200)
	for _, c := range []struct {
		with string
		test *frame.Frame
		want string
	}{
		{`{"test_prevalence": 0.5, "test_rows": 62}`, counted(30, 300), "62 test rows with a prevalence of 0.5 are 31 with the label and 31 without; there are fewer"},
		{`{"test_rows": 301}`, counted(30, 300), "301 test rows with a prevalence of 0.1 are 30 with the label and 271 without; there are fewer"},
		{`{"test_prevalence": 0.001, "test_rows": 100}`, counted(30, 300), "100 test rows with a prevalence of 0.001 have one label class"},
		{`{"test_prevalence": 0.01}`, counted(30, 40), "there are too few test rows for both label classes at a prevalence of 0.01"},
		{`{"test_prevalence": 0.5}`, counted(0, 300), "the test rows have one label class"},
		{`{"test_prevalence": 0.5}`, counted(0, 300).Take(nil), "the test rows have one label class"},
		{`{"test_prevalence": 0.5, "test": "synthetic", "test_rows": 1000}`, counted(30, 300), "1000 test rows"},
	} {
		for _, s := range measure(t, c.with, pair(plugins.Sample{Frame: train}, plugins.Sample{Frame: c.test}, synthetic)).Scores {
			if s.Status != plugins.Undefined || !strings.Contains(s.Reason, c.want) {
				t.Errorf("%s: %s is %s %q, want %q", c.with, s.Name, s.Status, s.Reason, c.want)
			}
		}
	}
}

// Cells of one data set test on the same rows, whatever their features, generators, models and seeds: their resamples are paired.
func TestTheDrawIsThatOfAllArms(t *testing.T) {
	test := counted(30, 300)
	ids := make([]string, 300)
	for i := range ids {
		ids[i] = fmt.Sprint("s", i/2) // two rows of each subject
	}
	wide := frame.Must(number("other", test.Column("x").Numbers...), test.Column("x"), test.Column("death"))
	draws := func(with string, seed uint64, f, synthetic *frame.Frame) plugins.Draws {
		m, info := metrictest.Build(t, Register, "downstream", `{"resamples": 10, `+with[1:])
		train := f
		p := pair(plugins.Sample{Frame: train}, plugins.Sample{Frame: f, Subject: category("subject", ids...)}, synthetic)
		p.Parts = plugins.NewParts(map[plugins.Part]plugins.Sample{
			plugins.Train: {Frame: train.Take(ascending(200))}, plugins.Test: p.Parts.Get(plugins.Test),
		})
		out, err := m.Measure(t.Context(), metrictest.Env(info, 1, seed), p)
		if err != nil || len(out.Draws) == 0 {
			t.Fatalf("%s: %v, %d draws", with, err, len(out.Draws))
		}
		return out.Draws[0]
	}
	with := `{"test_prevalence": 0.4, "test_rows": 50}`
	first := draws(with, 1, test, counted(20, 100))
	for _, other := range []plugins.Draws{
		draws(with, 2, test, counted(50, 200)),
		draws(with, 1, wide, frame.Must(number("other", counted(20, 100).Column("x").Numbers...), counted(20, 100).Column("x"), counted(20, 100).Column("death"))),
		draws(`{"test_prevalence": 0.4, "test_rows": 50, "train": "real"}`, 3, test, counted(20, 100)),
	} {
		if other.Of != first.Of || other.Unit != "test subjects" {
			t.Errorf("%+v, want draws of %s", other, first.Of)
		}
	}
	for _, with := range []string{`{"test_prevalence": 0.5, "test_rows": 50}`, `{"resamples": 10}`} {
		if other := draws(with, 1, test, counted(20, 100)); other.Of == first.Of {
			t.Errorf("%s is taken for the same test rows", with)
		}
	}
}

func TestDrawnRowsOfASubjectAreResampledTogether(t *testing.T) {
	ids := make([]string, 300)
	for i := range ids {
		ids[i] = fmt.Sprint("s", i%60) // five rows of each subject
	}
	p := pair(plugins.Sample{Frame: counted(40, 400)}, plugins.Sample{Frame: counted(150, 300), Subject: category("subject", ids...)}, patients(3, 200))
	alone := pair(plugins.Sample{Frame: counted(40, 400)}, plugins.Sample{Frame: counted(150, 300)}, patients(3, 200))
	with := `{"test_prevalence": 0.5, "test_rows": 200, "resamples": 200}`
	bySubject, byRow := measure(t, with, p), measure(t, with, alone)
	if a, b := bySubject.Score("auroc"), byRow.Score("auroc"); a.Value != b.Value || a.Interval.Unit != "test subjects" || b.Interval.Unit != "test rows" || a.Interval.Low == b.Interval.Low {
		t.Errorf("%+v %+v, by row %+v %+v", a.Value, a.Interval, b.Value, b.Interval)
	}
}

func TestSyntheticTestRowsAreDrawnFromThoseHeldOut(t *testing.T) {
	p := pair(plugins.Sample{Frame: counted(40, 400)}, plugins.Sample{Frame: counted(30, 300)}, patients(3, 400))
	whole := measure(t, `{"test": "synthetic", "resamples": 0}`, p)
	half := measure(t, `{"test": "synthetic", "resamples": 0, "test_prevalence": 0.5}`, p)
	if half.Value("prevalence_test") != 0.5 || half.Value("events_test") != whole.Value("events_test") || half.Value("prevalence_train") != whole.Value("prevalence_train") {
		t.Errorf("%v of the test rows have the label, %v events of %v, %v in training, %v without the draw", half.Value("prevalence_test"),
			half.Value("events_test"), whole.Value("events_test"), half.Value("prevalence_train"), whole.Value("prevalence_train"))
	}
	if real := measure(t, `{"train": "real", "test": "synthetic", "resamples": 0, "test_rows": 50}`, p); real.Score("auroc").N != 50 || real.Score("prevalence_train").N != 400 {
		t.Errorf("tested on %d rows, trained on %d", real.Score("auroc").N, real.Score("prevalence_train").N)
	}
}

func TestSettingsOfTheDraw(t *testing.T) {
	r := &plugins.Registry{}
	Register(r)
	for with, want := range map[string]string{
		`{"test_prevalence": 1}`:                                "test_prevalence is 1",
		`{"test_prevalence": -0.1}`:                             "test_prevalence is -0.1",
		`{"test_rows": 1}`:                                      "test_rows is 1",
		`{"test_rows": -5}`:                                     "test_rows is -5",
		`{"train": "real", "folds": 5, "test_rows": 10}`:        "in folds, all rows are tested",
		`{"train": "real", "folds": 5, "test_prevalence": 0.5}`: "in folds",
	} {
		if _, _, err := r.Metrics.Get("downstream").Build(json.RawMessage(with)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", with, err, want)
		}
	}
	_, settings, err := r.Metrics.Get("downstream").Build(nil)
	if err != nil || strings.Contains(string(settings), "test_") {
		t.Errorf("the keys of rows as they are hang on the draw: %s, %v", settings, err)
	}
}
