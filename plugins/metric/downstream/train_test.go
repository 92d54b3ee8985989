package downstream

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/downstream/classifier"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// parted returns a pair with a validation part.
func parted(train, validation, test plugins.Sample, synthetic *frame.Frame) *plugins.Pair {
	return plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: train, plugins.Validation: validation, plugins.Test: test,
	}), synthetic, "death")
}

// relabelled returns the rows with other labels of the same two levels.
func relabelled(f *frame.Frame, seed uint64) *frame.Frame {
	rng := rand.New(rand.NewPCG(seed, 77))
	labels := make([]string, f.Rows())
	for i := range labels {
		labels[i] = []string{"no", "yes"}[rng.IntN(2)]
	}
	return frame.Must(f.Column("x"), category("death", labels...))
}

func TestNoRealLabelIsUsedUnlessAskedFor(t *testing.T) {
	train, validation, test, synthetic := patients(1, 200), patients(2, 150), patients(3, 150), patients(4, 250)
	for _, c := range []struct {
		with   string
		reads  bool // the labels of the validation part
		titled string
	}{
		{`{"resamples": 20}`, false, "threshold"},
		{`{"resamples": 20, "grid": [{"C": 0.001}, {"C": 1}, {"C": 100}], "threshold": "prevalence"}`, false, "grid"},
		{`{"resamples": 20, "model": "gbdt", "patience": 3}`, false, "early stopping"},
		{`{"resamples": 20, "model": "gbdt", "patience": 3, "tune_on": "real-validation"}`, true, "validation"},
		{`{"resamples": 20, "tune_on": "real-validation"}`, true, "threshold on validation"},
	} {
		written := map[string]bool{}
		for seed := range uint64(3) {
			other, held := train, validation
			if seed > 0 {
				other, held = relabelled(train, seed), relabelled(validation, seed)
			}
			got := measure(t, c.with, parted(plugins.Sample{Frame: other}, plugins.Sample{Frame: held}, plugins.Sample{Frame: test}, synthetic))
			b, err := json.Marshal(got.Measurement)
			if err != nil {
				t.Fatal(err)
			}
			written[string(b)] = true
		}
		if c.reads != (len(written) > 1) {
			t.Errorf("%s: %d measurements with three sets of labels in train and validation", c.titled, len(written))
		}
	}
}

func TestValidationRowsAreNeededWhereTheyAreTunedOn(t *testing.T) {
	good := patients(1, 100)
	p := parted(plugins.Sample{Frame: good}, plugins.Sample{Frame: good.Take(nil)}, plugins.Sample{Frame: good}, good)
	if s := measure(t, `{"tune_on": "real-validation"}`, p).Score("auroc"); s.Reason != "there are no validation rows to tune on" {
		t.Errorf("%+v", s)
	}
	// without, that part need not even be there
	if v := measure(t, "", pair(plugins.Sample{Frame: good}, plugins.Sample{Frame: good}, good)).Value("auroc"); v < 0.6 {
		t.Errorf("AUROC %v", v)
	}
}

func TestThresholds(t *testing.T) {
	rows := plugins.Sample{Frame: patients(1, 1500)}
	p := pair(rows, rows, patients(2, 1500))
	half, youden, matched := measure(t, `{"threshold": 0.5}`, p), measure(t, ``, p), measure(t, `{"threshold": "prevalence"}`, p)
	for _, name := range []string{"f1", "precision", "recall", "specificity", "balanced_accuracy", "mcc"} {
		if half.Value(name) != half.Value(name+"_at_0.5") || half.Value("threshold") != 0.5 {
			t.Errorf("%s is %v at the threshold 0.5, and %v at 0.5", name, half.Value(name), half.Value(name+"_at_0.5"))
		}
		if youden.Value(name+"_at_0.5") != half.Value(name+"_at_0.5") {
			t.Errorf("%s at 0.5 hangs on the threshold", name)
		}
	}
	if youden.Value("balanced_accuracy") < half.Value("balanced_accuracy") {
		t.Errorf("balanced accuracy %v at Youden's threshold, %v at 0.5", youden.Value("balanced_accuracy"), half.Value("balanced_accuracy"))
	}
	// as many are called as have the label, up to chance: precision is recall
	if d := matched.Value("precision") - matched.Value("recall"); math.Abs(d) > 0.08 {
		t.Errorf("precision %v, recall %v", matched.Value("precision"), matched.Value("recall"))
	}
}

func TestRealRowsAtTheSyntheticN(t *testing.T) {
	train, test := patients(1, 400), patients(2, 200)
	p := pair(plugins.Sample{Frame: train}, plugins.Sample{Frame: test}, patients(3, 100))
	whole, some := measure(t, `{"train": "real"}`, p), measure(t, `{"train": "real@n"}`, p)
	if s := some.Score("prevalence_train"); s.N != 100 || math.Abs(s.Value-whole.Value("prevalence_train")) > 0.006 {
		t.Errorf("trained on %d rows with the label in %v; of all it is %v", s.N, s.Value, whole.Value("prevalence_train"))
	}
	if some.Value("auroc") == whole.Value("auroc") && some.Value("brier") == whole.Value("brier") {
		t.Error("100 rows train the model of 400")
	}
	more := measure(t, `{"train": "real@n"}`, pair(plugins.Sample{Frame: train}, plugins.Sample{Frame: test}, patients(3, 500)))
	if s := more.Score("auroc"); s.Value != whole.Value("auroc") || !slices.Contains(s.Warnings, "there are 500 synthetic rows, and 400 in the train part: all of these are trained on") {
		t.Errorf("%+v", s)
	}
}

func TestDraw(t *testing.T) {
	y := make([]bool, 100)
	for i := range 7 {
		y[13*i] = true
	}
	for n := range 101 {
		got := draw(rand.New(rand.NewPCG(uint64(n), 1)), y, n)
		events := 0
		for i, row := range got {
			if i > 0 && row <= got[i-1] {
				t.Fatalf("%d rows: %v", n, got)
			}
			if y[row] {
				events++
			}
		}
		want := int(math.Round(0.07 * float64(n)))
		if n > 1 {
			want = max(1, want)
		}
		if len(got) != n || events != want {
			t.Errorf("%d rows drawn of %d, %d events, want %d", len(got), n, events, want)
		}
	}
}

func TestBothTrainsOnRealAndSyntheticRows(t *testing.T) {
	train, test, synthetic := patients(1, 120), patients(2, 200), patients(3, 130)
	// other units, and another order of the columns, are no difference
	x := *synthetic.Column("x")
	x.Unit = "mmol/L"
	synthetic = frame.Must(synthetic.Column("death"), &x)
	p := pair(plugins.Sample{Frame: train}, plugins.Sample{Frame: test}, synthetic)
	if got := measure(t, `{"train": "both"}`, p); got.Score("prevalence_train").N != 250 || got.Score("auroc").N != 200 {
		t.Errorf("%d training and %d test rows", got.Score("prevalence_train").N, got.Score("auroc").N)
	}
	if got := measure(t, `{"train": "both", "test": "synthetic", "holdout": 0.3}`, p); got.Score("prevalence_train").N != 250-39 || got.Score("auroc").N != 39 {
		t.Errorf("%d training and %d test rows", got.Score("prevalence_train").N, got.Score("auroc").N)
	}
}

// memorable draws subjects of several equal rows, with a label by chance: only who has seen the subject knows it.
func memorable(seed uint64, subjects, each int) (f *frame.Frame, subject *frame.Column) {
	rng := rand.New(rand.NewPCG(seed, 5))
	const width = 30
	columns, labels := make([][]float64, width), []string{}
	var ids []float64
	for s := range subjects {
		label := []string{"no", "yes"}[rng.IntN(2)]
		for c := range columns {
			v := rng.NormFloat64()
			for range each {
				columns[c] = append(columns[c], v)
			}
		}
		for range each {
			ids, labels = append(ids, float64(seed*1000)+float64(s)), append(labels, label)
		}
	}
	all := make([]*frame.Column, 0, width+1)
	for c := range columns {
		all = append(all, number(fmt.Sprint("x", c), columns[c]...))
	}
	return frame.Must(append(all, category("death", labels...))...), number("subject", ids...)
}

func TestFoldsAreBySubject(t *testing.T) {
	f, subject := memorable(1, 120, 4)
	train, test := make([]int, 0, 240), make([]int, 0, 240)
	for i := range f.Rows() { // half of the rows of a subject are in each part: only folds by subject tell no label
		if i%2 == 0 {
			train = append(train, i)
		} else {
			test = append(test, i)
		}
	}
	take := func(rows []int) plugins.Sample {
		return plugins.Sample{Frame: f.Take(rows), Subject: subject.Take(rows)}
	}
	p := pair(take(train), take(test), f.Take(train[:50]))
	if v := measure(t, `{"train": "real", "resamples": 0}`, p).Value("auroc"); v < 0.7 {
		t.Errorf("AUROC %v of labels that the model has seen: the test cannot tell", v)
	}
	for _, with := range []string{`{"train": "real", "folds": 5}`, `{"train": "real@n", "folds": 5, "model": "gbdt", "gbdt": {"rounds": 20}, "grid": [{"max_depth": 2}, {"max_depth": 6}]}`} {
		got := measure(t, with, p)
		if v := got.Value("auroc"); math.Abs(v-0.5) > 0.15 { // the standard error over 120 subjects is 0.05
			t.Errorf("%s: AUROC %v of labels by chance", with, v)
		}
		if s := got.Score("auroc"); s.N != 480 || s.Interval.Unit != "real subjects" {
			t.Errorf("%s: %d rows rated, by %s", with, s.N, s.Interval.Unit)
		}
	}
	few := pair(take(train[:8]), take(test[:8]), f.Take(train[:50]))
	if s := measure(t, `{"train": "real", "folds": 50}`, few).Score("auroc"); s.Status != plugins.Undefined {
		t.Errorf("%+v", s)
	}
}

func TestRowsThatAreBothPartsAreNotTrainedOnAndTestedOn(t *testing.T) {
	rows := plugins.Sample{Frame: patients(1, 300)}
	p := pair(rows, rows, patients(2, 200))
	for _, with := range []string{`{"train": "real"}`, `{"train": "real@n"}`, `{"train": "both"}`} {
		if s := measure(t, with, p).Score("auroc"); s.Status != plugins.Undefined || !strings.HasSuffix(s.Reason, "train and test are the same") {
			t.Errorf("%s: %+v", with, s)
		}
	}
	if s := measure(t, `{"train": "real", "folds": 3}`, p).Score("auroc"); s.Status != plugins.OK || s.N != 300 {
		t.Errorf("in folds: %+v", s)
	}
}

func TestSettingsThatContradictEachOther(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.Folds = 5 }, "synthetic rows are made of the train part"},
		{func(c *Config) { c.Folds, c.Train, c.On = 5, realRows, classifier.OnValidation }, "tuned on the rows that it is trained on"},
		{func(c *Config) { c.Folds, c.Train = 1, realRows }, "folds is 1"},
		{func(c *Config) { c.Interval = "wald" }, `interval is "wald"`},
		{func(c *Config) { c.Interval, c.Test = byDeLong, syntheticRows }, "rows that are independent"},
		{func(c *Config) { c.Near = 1 }, "near is 1"},
		{func(c *Config) { c.On = "test" }, `tune_on is "test"`},
		{func(c *Config) { c.Patience = 3 }, "patience is 3"},
	} {
		config := Defaults()
		c.change(&config)
		if _, err := New(config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

func TestDeLongNeedsOneRowASubject(t *testing.T) {
	test, synthetic := patients(1, 200), patients(2, 200)
	ids := make([]float64, 200)
	for i := range ids {
		ids[i] = float64(i)
	}
	single := pair(plugins.Sample{Frame: synthetic}, plugins.Sample{Frame: test, Subject: number("s", ids...)}, synthetic)
	wald, boot := measure(t, `{"interval": "delong"}`, single), measure(t, ``, single)
	a, b := wald.Score("auroc").Interval, boot.Score("auroc").Interval
	if a.Method != "Wald, with DeLong's variance" || math.Abs(a.Low-b.Low) > 0.02 || math.Abs(a.High-b.High) > 0.02 {
		t.Errorf("%+v by DeLong, %+v by the bootstrap", a, b)
	}
	if i := wald.Score("brier").Interval; i == nil || *i != *boot.Score("brier").Interval {
		t.Errorf("the Brier score has the interval %+v", i)
	}
	if i := measure(t, `{"interval": "delong", "resamples": 0}`, single).Score("auroc").Interval; i == nil || *i != *a {
		t.Errorf("without resamples %+v", i)
	}
	ids[7] = ids[8]
	m, info := metrictest.Build(t, Register, "downstream", `{"interval": "delong"}`)
	_, err := m.Measure(t.Context(), metrictest.Env(info, 1, 1), single)
	if want := `interval is "delong", which takes test rows as independent, and 200 rows are of 199 subjects; want "bootstrap", which resamples subjects`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestDrawsOfCellsBelongTogether(t *testing.T) {
	test := plugins.Sample{Frame: patients(1, 150)}
	of := func(seed, synthetic uint64, with string) map[string]plugins.Draws {
		m, info := metrictest.Build(t, Register, "downstream", with)
		got, err := m.Measure(t.Context(), metrictest.Env(info, 2, seed), pair(test, test, patients(synthetic, 200)))
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]plugins.Draws{}
		for _, d := range got.Draws {
			out[d.Score] = d
		}
		return out
	}
	a, b := of(1, 5, ""), of(2, 6, "")
	for _, name := range []string{"auroc", "calibration_slope", "f1", "mcc_at_0.5", "ece_10"} {
		if d := a[name]; len(d.Values) != plugins.MaxDraws || d.Unit != "test rows" || d.Dims != nil {
			t.Errorf("%s: %d draws by %s", name, len(d.Values), d.Unit)
		}
	}
	// a model of one feature ranks the rows of every other one: the draws of both seeds are of the same resamples
	x, y := make([]float64, plugins.MaxDraws), make([]float64, plugins.MaxDraws)
	for i := range x {
		x[i], y[i] = float64(a["auroc"].Values[i]), float64(b["auroc"].Values[i])
	}
	if r, err := stats.Pearson(x, y); err != nil || r < 0.999 {
		t.Errorf("the draws of two seeds have the correlation %v (%v)", r, err)
	}
	if short := of(1, 5, `{"resamples": 50}`)["auroc"].Values; !slices.Equal(short, a["auroc"].Values[:50]) {
		t.Error("fewer resamples are not the first of more")
	}
	if got := of(1, 5, `{"test": "synthetic"}`); len(got) > 0 {
		t.Errorf("synthetic test rows, which other cells have not, have %d draws", len(got))
	}
}

func TestDrawsSayOfWhichRows(t *testing.T) {
	test, other := patients(1, 100), patients(2, 100)
	of := func(with string, s plugins.Sample, synthetic *frame.Frame) string {
		p := pair(plugins.Sample{Frame: other}, s, synthetic)
		got := measure(t, with, p)
		if folded := strings.Contains(with, "folds"); folded == (got.Draws[0].Of == p.TestRows()) {
			t.Errorf("%s: draws of %q; the test rows are %q", with, got.Draws[0].Of, p.TestRows())
		}
		return got.Draws[0].Of
	}
	s := plugins.Sample{Frame: test}
	want := of(``, s, other)
	if got := of(`{"train": "real", "model": "gbdt", "gbdt": {"rounds": 5}, "resamples": 10}`, s, patients(3, 90)); got != want {
		t.Error("another model and other synthetic rows change the rows")
	}
	if of(``, plugins.Sample{Frame: relabelled(test, 1)}, other) == want {
		t.Error("other labels do not")
	}
	folded := of(`{"train": "real", "folds": 2}`, s, other)
	if again := of(`{"train": "real@n", "folds": 3}`, s, patients(3, 60)); again != folded {
		t.Error("in other folds there are other rows")
	}
}

func TestNearDuplicatesStayOnOneSide(t *testing.T) {
	// columns of noise about a random label; of each row there are three noisy copies, equal in nothing
	rng := rand.New(rand.NewPCG(1, 2))
	const distinct, copies, width = 200, 3, 120
	columns, labels := make([][]float64, width), []float64{}
	for range distinct {
		base, label := make([]float64, width), float64(rng.IntN(2))
		for c := range base {
			base[c] = rng.NormFloat64()
		}
		for range copies {
			for c := range columns {
				columns[c] = append(columns[c], base[c]+0.02*rng.NormFloat64())
			}
			labels = append(labels, label)
		}
	}
	var all []*frame.Column
	for c := range columns {
		all = append(all, number(fmt.Sprint("x", c), columns[c]...))
	}
	f := frame.Must(append(all, number("death", labels...))...)
	p := pair(plugins.Sample{Frame: f}, plugins.Sample{Frame: f}, f)
	count := func(r metrictest.Result) int {
		for _, c := range r.Counts {
			if c.Name == "test rows in a group of near-duplicates with training rows" {
				return c.Value
			}
		}
		return -1
	}
	together := measure(t, `{"test": "synthetic"}`, p)
	if v := together.Value("auroc"); v > 0.65 || count(together) != 0 {
		t.Errorf("AUROC %.3f of a random label, %d test rows near training rows", v, count(together))
	}
	apart := measure(t, `{"test": "synthetic", "near": 0}`, p)
	if v := apart.Value("auroc"); v < 0.75 || count(apart) != -1 {
		t.Errorf("AUROC %.3f where near-duplicates are parted: the test cannot tell", v)
	}
}

func TestNearDuplicatesThatAreTooManyAreCounted(t *testing.T) {
	// two columns: rows are near each other by chance, in chains that hold most of them
	rng := rand.New(rand.NewPCG(3, 4))
	x, z, y := make([]float64, 2000), make([]float64, 2000), make([]float64, 2000)
	for i := range x {
		x[i], z[i], y[i] = rng.NormFloat64(), rng.NormFloat64(), float64(rng.IntN(2))
	}
	f := frame.Must(number("x", x...), number("z", z...), number("death", y...))
	got := measure(t, `{"test": "synthetic", "resamples": 0}`, pair(plugins.Sample{Frame: f}, plugins.Sample{Frame: f}, f))
	if n := got.Score("auroc").N; n != 600 {
		t.Errorf("%d test rows, want 600", n)
	}
	if !slices.ContainsFunc(got.Score("auroc").Warnings, func(w string) bool { return strings.HasSuffix(w, "whole groups are too coarse to divide by") }) {
		t.Errorf("warnings %q", got.Score("auroc").Warnings)
	}
}

// The intervals of one model hold its true values, which a large test part tells, as often as they say.
func TestIntervalsCover(t *testing.T) {
	if testing.Short() {
		t.Skip("many simulated studies; one thread")
	}
	synthetic := patients(1, 400)
	large := measure(t, `{"resamples": 0}`, pair(plugins.Sample{Frame: synthetic}, plugins.Sample{Frame: patients(2, 100_000)}, synthetic))
	m, info := metrictest.Build(t, Register, "downstream", `{"resamples": 200, "level": 0.9}`)
	const studies = 150
	// the folds, and with them the threshold, follow the data's name: decisions are compared at 0.5 alone
	names := []string{"auroc", "auprc", "brier", "log_loss", "calibration_slope", "calibration_in_the_large", "f1_at_0.5", "recall_at_0.5", "mcc_at_0.5"}
	held := map[string]int{}
	for study := range uint64(studies) {
		got, err := m.Measure(t.Context(), plugins.Env{
			Rand: plugins.NewRand(1, fmt.Sprint("study ", study), info.Random...), Threads: 2, Progress: func(int, int) {},
		}, pair(plugins.Sample{Frame: synthetic}, plugins.Sample{Frame: patients(1000+study, 200)}, synthetic))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range got.Scores {
			if i := s.Interval; i != nil && i.Low <= large.Value(s.Name) && large.Value(s.Name) <= i.High {
				held[s.Name]++
			}
		}
	}
	for _, name := range names {
		if share := float64(held[name]) / studies; share < 0.8 || share > 0.97 { // the standard error of the share is 0.024
			t.Errorf("%s: %.3f of the intervals hold the true value, want about 0.9", name, share)
		}
	}
}
