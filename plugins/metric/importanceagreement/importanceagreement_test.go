package importanceagreement

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/model/gbdt"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

var (
	number   = metrictest.Number
	category = metrictest.Category
)

// patients draws rows whose label hangs on columns with the given weights, and on a category.
func patients(seed uint64, n int, weights ...float64) *frame.Frame {
	rng := rand.New(rand.NewPCG(seed, 1))
	columns := make([][]float64, len(weights))
	unit, label := make([]string, n), make([]string, n)
	for i := range n {
		logit := -0.5
		for c, w := range weights {
			v := rng.NormFloat64()
			columns[c] = append(columns[c], v)
			logit += w * v
		}
		unit[i] = []string{"icu", "ward"}[rng.IntN(2)]
		label[i] = "no"
		if rng.Float64() < 1/(1+math.Exp(-logit)) {
			label[i] = "yes"
		}
	}
	all := []*frame.Column{category("unit", unit...)}
	for c := range columns {
		all = append(all, number(fmt.Sprint("x", c), columns[c]...))
	}
	return frame.Must(append(all, category("death", label...))...)
}

func measure(t *testing.T, with string, train, test, synthetic *frame.Frame) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, Register, "importance-agreement", with, plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: {Frame: train}, plugins.Test: {Frame: test},
	}), synthetic, "death"))
}

func TestKendallByHand(t *testing.T) {
	for _, c := range []struct {
		x, y []float64
		want float64
		err  error
	}{
		{[]float64{1, 2, 3}, []float64{10, 20, 30}, 1, nil},
		{[]float64{1, 2, 3}, []float64{3, 2, 1}, -1, nil},
		{[]float64{1, 2, 3}, []float64{1, 3, 2}, 1.0 / 3, nil},
		// pairs: + + 0 + + +, of which one is tied in x: 5/√(5·6)
		{[]float64{1, 2, 2, 4}, []float64{1, 2, 3, 4}, 5 / math.Sqrt(30), nil},
		{[]float64{1, 1}, []float64{1, 2}, 0, stats.ErrConstant},
		{[]float64{1}, []float64{1}, 0, stats.ErrOneRow},
		{[]float64{1}, []float64{1, 2}, 0, stats.ErrLengths},
	} {
		got, err := KendallTauB(c.x, c.y)
		if math.Abs(got-c.want) > 1e-15 || !errors.Is(err, c.err) {
			t.Errorf("%v, %v: %v (%v), want %v (%v)", c.x, c.y, got, err, c.want, c.err)
		}
		if back, _ := KendallTauB(c.y, c.x); back != got {
			t.Errorf("%v, %v: %v one way, %v the other", c.x, c.y, got, back)
		}
	}
}

func TestAgreementByHand(t *testing.T) {
	// the two first of one are columns 1 and 0 (the first of the equal ones), of the other 1 and 3
	for _, s := range (metric{Config{Top: 2}}).agreement([]float64{3, 9, 3, 1}, []float64{0, 8, 1, 5}) {
		want := map[string]float64{
			"spearman":      (1.5*1.5 - 1.5*0.5) / math.Sqrt(4.5*5), // ranks 2.5 4 2.5 1 and 1 4 2 3
			"kendall_tau_b": 1 / math.Sqrt(30),                      // of six pairs three agree, two do not, and one is tied
			"top_k_overlap": 0.5, "top_k_jaccard": 1.0 / 3,
		}[s.Name]
		if s.Status != plugins.OK || s.N != 4 || math.Abs(s.Value-want) > 1e-15 {
			t.Errorf("%+v, want %v", s, want)
		}
	}
	for _, s := range (metric{Config{Top: 3}}).agreement([]float64{1, 1}, []float64{1, 2}) {
		if s.Status != plugins.Undefined || s.Reason == "" {
			t.Errorf("%+v", s)
		}
	}
}

func TestModelsOfOneLawAgree(t *testing.T) {
	law := []float64{2, 0, -1.2, 0.6, 0, 0}
	train, test, same := patients(1, 2000, law...), patients(2, 2000, law...), patients(3, 2000, law...)
	other := patients(4, 2000, 0, 2, 0, 0, -1.2, 0.6)
	for _, with := range []string{
		`{"top": 3}`, `{"top": 3, "over": "numbers", "part": "train"}`, `{"top": 3, "model": "gbdt"}`,
		`{"top": 3, "model": "random-forest", "random-forest": {"n_estimators": 50}}`,
		`{"top": 3, "by": "permutation"}`, `{"top": 3, "by": "permutation", "repeats": 2, "model": "gbdt", "gbdt": {"rounds": 20}}`,
	} {
		good, bad := measure(t, with, train, test, same), measure(t, with, train, test, other)
		if good.Value("top_k_overlap") != 1 || good.Value("top_k_jaccard") != 1 || good.Value("spearman") < 0.4 || good.Value("kendall_tau_b") < 0.3 {
			t.Errorf("%s: the same law: %+v", with, good.Scores[:4])
		}
		// shuffling says nothing of a model without skill on the real rows but noise
		if bad.Value("top_k_overlap") > 0.7 || bad.Value("spearman") > 0.35 {
			t.Errorf("%s: another law: %+v", with, bad.Scores[:4])
		}
	}
	copied := measure(t, ``, train, test, test)
	for _, name := range agreement {
		if v := copied.Value(name); math.Abs(v-1) > 1e-12 {
			t.Errorf("%s of a copy is %v", name, v)
		}
	}
	if copied.Value("importance_real", "column", "x0") < 1 || copied.Score("spearman").N != 7 {
		t.Errorf("x0 has the importance %v, of %d columns", copied.Value("importance_real", "column", "x0"), copied.Score("spearman").N)
	}
	if only := measure(t, `{"over": "numbers"}`, train, test, same); only.Score("spearman").N != 6 {
		t.Errorf("%d numbers are compared, want 6", only.Score("spearman").N)
	}
}

// The importances of the real model are those of the trees themselves, whichever is asked for, and the shares of a model add up to 1.
func TestImportancesOfTheRealTrees(t *testing.T) {
	train, test, synthetic := patients(1, 800, 2, 0.5, 0), patients(2, 400, 2, 0.5, 0), patients(3, 300, 0, 1, 1)
	trees := gbdt.Defaults()
	trees.Rounds, trees.MaxDepth = 15, 3
	encoding := gbdt.NewEncoding(train, "death")
	x, err := encoding.Matrix(train)
	if err != nil {
		t.Fatal(err)
	}
	y := make([]float64, train.Rows())
	for i, code := range train.Column("death").Codes {
		y[i] = float64(code) // "no" before "yes"
	}
	model, err := gbdt.Fit(t.Context(), x, y, trees)
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range []gbdt.By{"model", gbdt.TotalGain, gbdt.Gain, gbdt.Weight, gbdt.Cover, gbdt.TotalCover} {
		kind := by
		if by == "model" {
			kind = gbdt.TotalGain
		}
		want, err := model.Importances(kind)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, v := range want {
			sum += v
		}
		with := `{"part": "train", "top": 1, "model": "gbdt", "gbdt": {"rounds": 15, "max_depth": 3}, "by": "` + string(by) + `"`
		plain, shares := measure(t, with+"}", train, test, synthetic), measure(t, with+`, "share": true}`, train, test, synthetic)
		total := 0.0
		for i, name := range encoding.Variables() {
			got, share := plain.Value("importance_real", "column", name), shares.Value("importance_real", "column", name)
			if got != want[i] || math.Abs(share-want[i]/sum) > 1e-12 {
				t.Errorf("by %s, column %s: %v, share %v; want %v of %v", by, name, got, share, want[i], sum)
			}
			total += shares.Value("importance_synthetic", "column", name)
		}
		if math.Abs(total-1) > 1e-12 || plain.Value("spearman") != shares.Value("spearman") {
			t.Errorf("by %s: shares of the synthetic model add up to %v; agreement %v, of shares %v", by, total, plain.Value("spearman"), shares.Value("spearman"))
		}
	}
}

func TestUndefinedSaysWhy(t *testing.T) {
	good := patients(1, 100, 1, 1)
	died := frame.Must(category("unit", "icu"), number("x0", 1), number("x1", 1), category("death", "yes"))
	for _, c := range []struct {
		with                   string
		train, test, synthetic *frame.Frame
		want                   string
	}{
		{``, good, good, died, "the synthetic rows have one label class"},
		{``, good, good, good.Take(nil), "there are no synthetic rows"},
		{``, good, died, good, "the test rows have one label class"},
		{`{"part": "train"}`, died, good, good, "the train rows have one label class"},
		{`{"by": "permutation"}`, died, good, good, "the real rows to shuffle columns in have one label class, or there are none"},
		{``, died, died, good, "the real rows have one label class"},
		{``, good, good, good, "there are 3 columns, and the 5 most important ones are wanted"},
	} {
		s := measure(t, c.with, c.train, c.test, c.synthetic).Score("top_k_overlap")
		if s.Status != plugins.Undefined || s.Reason != c.want {
			t.Errorf("%s: %+v, want %q", c.with, s, c.want)
		}
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for _, change := range []func(*Config){
		func(c *Config) { c.Part = plugins.Validation },
		func(c *Config) { c.By = "shap" },
		func(c *Config) { c.Over = "categories" },
		func(c *Config) { c.Top = 0 },
		func(c *Config) { c.Repeats = 0 },
		func(c *Config) { c.Model = "svm" },
		func(c *Config) { c.By = "gain" }, // of a logistic regression
		func(c *Config) { c.By, c.Share = byPermutation, true },
	} {
		c := defaults
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}

// A column that the synthetic rows lack has no importance: least of all that of another column.
func TestAColumnThatLacksIsAnError(t *testing.T) {
	real, made := patients(1, 200, 1, 0.3, 0), patients(2, 200, 1, 0.3, 0)
	some, err := made.Select("unit", "x0", "x1", "death")
	if err != nil {
		t.Fatal(err)
	}
	m, info := metrictest.Build(t, Register, "importance-agreement", `{"top": 2}`)
	_, err = m.Measure(t.Context(), metrictest.Env(info, 1, 1), plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: {Frame: real}, plugins.Test: {Frame: real.Take([]int{0, 1, 2, 3, 4, 5})},
	}), some, "death"))
	if err == nil {
		t.Error("no error")
	}
}
