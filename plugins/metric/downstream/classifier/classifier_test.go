package classifier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

var (
	nan      = math.NaN()
	number   = metrictest.Number
	category = metrictest.Category
)

func sources(labels ...string) *rand.Rand {
	return plugins.NewRand(1, "classifier", plugins.ForModel).For(plugins.ForModel, labels...)
}

// task draws rows whose label x explains, y not at all, and z in part.
func task(seed uint64, n int) Rows {
	rng := rand.New(rand.NewPCG(seed, 1))
	x, z, noise, label := make([]float64, n), make([]string, n), make([]float64, n), make([]bool, n)
	for i := range n {
		x[i], noise[i], z[i] = rng.NormFloat64(), rng.NormFloat64(), "a"
		logit := 2*x[i] - 1
		if rng.IntN(2) == 0 {
			z[i] = "b"
			logit++
		}
		label[i] = rng.Float64() < 1/(1+math.Exp(-logit))
	}
	return Rows{Frame: frame.Must(number("x", x...), number("noise", noise...), category("z", z...)), Y: label}
}

func TestSettingsOfAnotherModelAreRefused(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		want   string
	}{
		{func(*Config) {}, ""},
		{func(c *Config) { c.Model = "svm" }, `model is "svm"; want "logistic", "gbdt" or "random-forest"`},
		{func(c *Config) { c.Logistic.C = 0 }, "logistic regression: C is 0; want a number above 0"},
		{func(c *Config) { c.Boosted.Rounds = 7 }, `gbdt has settings, and the model is "logistic"`},
		{func(c *Config) { c.Forest.Trees = 7 }, `random-forest has settings, and the model is "logistic"`},
		{func(c *Config) { c.Model, c.Forest.Trees = Forest, 0 }, "n_estimators is 0"},
		{func(c *Config) { c.Model, c.Logistic.C = Boosted, 3 }, `logistic has settings, and the model is "gbdt"`},
	} {
		config := Defaults()
		c.change(&config)
		err := config.Check()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

func TestWith(t *testing.T) {
	base := Defaults()
	changed, err := base.With(map[string]float64{"C": 0.1})
	if err != nil || changed.Logistic.C != 0.1 || base.Logistic.C != 1 {
		t.Errorf("C is %v and %v (%v)", changed.Logistic.C, base.Logistic.C, err)
	}
	base.Model = Boosted
	if changed, err = base.With(map[string]float64{"max_depth": 3, "eta": 0.3}); err != nil || changed.Boosted.MaxDepth != 3 || changed.Boosted.Rounds != 100 {
		t.Errorf("%+v (%v)", changed.Boosted, err)
	}
	for _, wrong := range []map[string]float64{{"depth": 3}, {"max_depth": 2.5}, {"eta": 2}} {
		if _, err := base.With(wrong); err == nil {
			t.Errorf("%v is accepted", wrong)
		}
	}
}

func TestThresholdInJSON(t *testing.T) {
	for text, want := range map[string]Threshold{`"youden"`: {By: Youden}, `0.3`: {At: 0.3}, `"prevalence"`: {By: Prevalence}} {
		var got Threshold
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s: %+v (%v)", text, got, err)
		}
		if b, err := json.Marshal(want); err != nil || string(b) != text {
			t.Errorf("%+v: %s (%v)", want, b, err)
		}
	}
	for _, wrong := range []string{`true`, `"`, `{}`} {
		if err := json.Unmarshal([]byte(wrong), new(Threshold)); err == nil {
			t.Errorf("%s is accepted", wrong)
		}
	}
}

func TestTuningIsChecked(t *testing.T) {
	for _, change := range []func(*Tuning){
		func(t *Tuning) { t.On = "test" },
		func(t *Tuning) { t.Folds = 1 },
		func(t *Tuning) { t.Patience = -1 },
		func(t *Tuning) { t.Patience = 5 }, // of a logistic regression
		func(t *Tuning) { t.Threshold = Threshold{By: "best"} },
		func(t *Tuning) { t.Threshold = Threshold{At: 1.5} },
		func(t *Tuning) { t.Grid = []map[string]float64{{"C": 1}, {"C": -1}} },
	} {
		tuning := DefaultTuning()
		change(&tuning)
		if err := tuning.Check(Defaults()); err == nil {
			t.Errorf("%+v is accepted", tuning)
		}
	}
}

func TestModelsLearnAndKnowWhatTheyUse(t *testing.T) {
	train, test := task(1, 1500), task(2, 1500)
	for _, model := range []string{Logistic, Boosted, Forest} {
		c := Defaults()
		c.Model = model
		m, err := c.Fit(t.Context(), train, nil, 2, sources)
		if err != nil {
			t.Fatal(err)
		}
		p, err := m.Predict(t.Context(), test.Frame, 2)
		if err != nil {
			t.Fatal(err)
		}
		right := 0
		for i, v := range p {
			if (v >= 0.5) == test.Y[i] {
				right++
			}
		}
		if share := float64(right) / float64(len(p)); share < 0.74 { // the labels' own law gets 0.8 right
			t.Errorf("%s: %v of the labels are right", model, share)
		}
		importance := m.Importances()
		if !slices.Equal(m.Variables(), []string{"x", "noise", "z"}) || !(importance[0] > 2*importance[2] && importance[0] > 2*importance[1]) {
			t.Errorf("%s: importances %v of %v", model, importance, m.Variables())
		}
	}
}

func TestImportanceOfACategoryIsTheSDOfItsPart(t *testing.T) {
	train := task(3, 400)
	m, err := Defaults().Fit(t.Context(), train, nil, 1, sources)
	if err != nil {
		t.Fatal(err)
	}
	weights := m.(*regression).model.Weights // x, noise, z = a, z = b
	n, b := 400.0, 0.0
	for _, code := range train.Frame.Column("z").Codes {
		b += float64(code)
	}
	want := math.Abs(weights[3]-weights[2]) * math.Sqrt(b/n*(1-b/n))
	if got := m.Importances()[2]; math.Abs(got-want) > 1e-12 {
		t.Errorf("%v, want %v", got, want)
	}
	if got := m.Importances()[0]; got != math.Abs(weights[0]) {
		t.Errorf("%v, want |%v|", got, weights[0])
	}
}

func TestWithoutColumnsTheShareOfEventsIsPredicted(t *testing.T) {
	rows := Rows{Frame: frame.Must(number("y", 1, 0, 0, 0)), Y: []bool{true, false, false, false}}
	for _, model := range []string{Logistic, Boosted, Forest} {
		c := Defaults()
		c.Model = model
		m, err := c.Fit(t.Context(), rows, []string{"y"}, 1, sources)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := m.Predict(t.Context(), rows.Frame, 1); err != nil || !slices.Equal(p, []float64{0.25, 0.25, 0.25, 0.25}) {
			t.Errorf("%s: %v (%v)", model, p, err)
		}
	}
}

func TestTrainTunesOnFoldsThatKeepGroupsTogether(t *testing.T) {
	train := task(4, 300)
	groups := Groups{}
	for i := 0; i < 300; i += 3 {
		groups = append(groups, []int{i, i + 1, i + 2})
	}
	l := Learner{Config: Defaults(), Tuning: DefaultTuning(), Threads: 1, Source: sources}
	l.Tuning.Grid = []map[string]float64{{"C": 1e-6}, {"C": 1}, {"C": 1}}
	calls := 0
	m, err := l.Train(t.Context(), train, func() (Groups, error) { calls++; return groups, nil }, Rows{})
	if err != nil || calls != 1 {
		t.Fatal(err, calls)
	}
	if m.Entry != 2 || m.Trees != 0 {
		t.Errorf("entry %d, %d trees: the second entry explains the label, and the third is equal to it", m.Entry, m.Trees)
	}
	if m.Untuned != "" || m.Threshold < 0.15 || m.Threshold > 0.6 {
		t.Errorf("threshold %v (%q); about a third have the label", m.Threshold, m.Untuned)
	}
	fold := Deal(sources("deal"), groups, train.Y, 4)
	counts := make([]int, 4)
	for i, f := range fold {
		if f != fold[i-i%3] {
			t.Fatalf("row %d is in another fold than its group", i)
		}
		counts[f]++
	}
	if slices.Max(counts)-slices.Min(counts) > 6 {
		t.Errorf("folds have %v rows", counts)
	}
	held, others := Fold(fold, 2)
	if len(held)+len(others) != 300 || len(held) != counts[2] || !slices.IsSorted(held) || !slices.IsSorted(others) {
		t.Errorf("%d and %d rows", len(held), len(others))
	}
}

func TestEarlyStopping(t *testing.T) {
	train, validation := task(5, 300), task(6, 300)
	c := Defaults()
	c.Model, c.Boosted.Rounds, c.Boosted.Eta = Boosted, 300, 0.3
	for _, on := range []string{OnSynthetic, OnValidation} {
		l := Learner{Config: c, Tuning: DefaultTuning(), Threads: 1, Source: sources}
		l.Tuning.On, l.Tuning.Patience = on, 10
		m, err := l.Train(t.Context(), train, func() (Groups, error) { return Single(300), nil }, validation)
		if err != nil {
			t.Fatal(err)
		}
		if trees := m.Model.(*boosted).model.Trees(); trees < 1 || trees > 60 || m.Trees != trees || m.Entry != 0 {
			t.Errorf("%s: %d trees, said are %d, and entry %d", on, trees, m.Trees, m.Entry)
		}
	}
	l := Learner{Config: Defaults(), Tuning: Tuning{On: OnValidation, Folds: 2, Threshold: Threshold{By: Youden}}, Source: sources}
	var none Undefined
	if _, err := l.Train(t.Context(), train, nil, Rows{}); !errors.As(err, &none) {
		t.Errorf("no validation rows: %v", err)
	}
}

func TestTooFewRowsToTuneOn(t *testing.T) {
	rows := Rows{Frame: frame.Must(number("x", 1, 2, 3, 4)), Y: []bool{true, false, false, false}}
	l := Learner{Config: Defaults(), Tuning: DefaultTuning(), Source: sources}
	l.Tuning.Grid = []map[string]float64{{"C": 2}, {"C": 1}}
	m, err := l.Train(t.Context(), rows, func() (Groups, error) { return Single(4), nil }, Rows{})
	if err != nil || m.Untuned == "" || len(m.Warnings) != 1 {
		t.Fatalf("%+v (%v)", m, err)
	}
	if m, err = (&Learner{Config: Defaults(), Tuning: Tuning{Threshold: Threshold{At: 0.2}}, Source: sources}).Train(t.Context(), rows, nil, Rows{}); err != nil || m.Threshold != 0.2 || m.Untuned != "" {
		t.Errorf("a number needs no tuning: %+v (%v)", m, err)
	}
}

func TestNearByHand(t *testing.T) {
	f := frame.Must(
		number("a", 10, 1000, 11, 1e12, nan, nan, -5, 10), // six values with the ranks 2.5 5 4 6 - - 1 2.5
		number("b", 1, 2, 1, 5, 6, 6, 8, 1),
		category("c", "x", "x", "x", "y", "", "", "y", "z"),
		number("label", 0, 0, 1, 0, 0, 1, 0, 0),
	)
	// rows 0 and 2 are 1.5/6 apart in a and equal in b and c: 0.083 on average; 0 and 1 are 2.5/6 apart in a and 2/8 in b: 0.222;
	// 4 and 5 are equal; 0 and 7 differ in c alone: 1/3; 3 and 6 are 5/6 apart in a and 3/8 in b: 0.403
	for _, c := range []struct {
		within float64
		want   Groups
	}{
		{0.05, Groups{{0}, {1}, {2}, {3}, {4, 5}, {6}, {7}}},
		{0.1, Groups{{0, 2}, {1}, {3}, {4, 5}, {6}, {7}}},
		{0.34, Groups{{0, 1, 2, 7}, {3}, {4, 5}, {6}}},
	} {
		got, err := Near(t.Context(), f, "label", c.within, 2)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("within %v: %v (%v), want %v", c.within, got, err, c.want)
		}
	}
	if got, err := Near(t.Context(), frame.Must(number("label", 1, 1)), "label", 0.5, 1); err != nil || len(got) != 2 {
		t.Errorf("no columns: %v (%v)", got, err)
	}
	if got, err := Near(t.Context(), f.Take(nil), "label", 0.5, 1); err != nil || len(got) != 0 {
		t.Errorf("no rows: %v (%v)", got, err)
	}
}

func TestNearDoesNotHangOnUnitsOrOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	f, _ := metrictest.Frames(rng, 300, 1)
	groups, err := Near(t.Context(), f, "", 0.05, 2)
	if err != nil || len(groups) == 300 || len(groups) < 100 {
		t.Fatalf("%d groups (%v)", len(groups), err)
	}
	var columns []*frame.Column
	for i := range f.Columns() {
		c := *f.Columns()[len(f.Columns())-1-i]
		if c.Kind == frame.Number {
			scaled := make([]float64, len(c.Numbers))
			for k, v := range c.Numbers {
				scaled[k] = 1e-9*v + 1
				if c.Name == "skewed" {
					scaled[k] = math.Log(v) // any rising function will do
				}
			}
			c.Numbers = scaled
		}
		columns = append(columns, &c)
	}
	again, err := Near(t.Context(), frame.Must(columns...), "", 0.05, 1)
	if err != nil || fmt.Sprint(again) != fmt.Sprint(groups) {
		t.Errorf("%d groups in other units, %d before (%v)", len(again), len(groups), err)
	}
}

func TestPlantedNearDuplicatesAreFound(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	const rows, width = 400, 20
	var columns []*frame.Column
	for c := range width {
		v := make([]float64, rows)
		for i := range v {
			v[i] = rng.NormFloat64()
			if i >= 300 { // the last hundred are copies with a little noise
				v[i] = v[i-300] + 0.02*rng.NormFloat64()
			}
		}
		columns = append(columns, number(fmt.Sprint("x", c), v...))
	}
	groups, err := Near(t.Context(), frame.Must(columns...), "", 0.02, 2)
	if err != nil {
		t.Fatal(err)
	}
	of := groups.Of(rows)
	for i := 300; i < rows; i++ {
		if of[i] != of[i-300] {
			t.Errorf("row %d is not with the row that it copies", i)
		}
	}
	if len(groups) != 300 || groups.Largest() != 2 {
		t.Errorf("%d groups, the largest of %d rows", len(groups), groups.Largest())
	}
}

func TestJoin(t *testing.T) {
	got := Join(6, Groups{{0, 3}, {1}, {2}, {4}, {5}}, Groups{{3, 5}, {1, 2}})
	if want := (Groups{{0, 3, 5}, {1, 2}, {4}}); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestUnderNeedsTheSameColumns(t *testing.T) {
	a := Rows{Frame: frame.Must(number("x", 1), category("c", "a")), Y: []bool{true}}
	b := Rows{Frame: frame.Must(category("c", "b"), number("x", 2)), Y: []bool{false}}
	got, err := Under(a, b)
	if err != nil || !slices.Equal(got.Y, []bool{true, false}) || !slices.Equal(got.Frame.Column("x").Numbers, []float64{1, 2}) {
		t.Errorf("%+v (%v)", got, err)
	}
	if _, err := Under(a, Rows{Frame: frame.Must(number("x", 1)), Y: []bool{true}}); err == nil {
		t.Error("a column lacks, and there is no error")
	}
	if _, err := Under(a, Rows{Frame: frame.Must(number("x", 1), number("c", 1)), Y: []bool{true}}); err == nil {
		t.Error("a column is of another kind, and there is no error")
	}
}

func TestCancelledTrainingStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, model := range []string{Boosted, Forest} {
		c := Defaults()
		c.Model = model
		if _, err := c.Fit(ctx, task(1, 50), nil, 2, sources); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", model, err)
		}
	}
}

func BenchmarkNear(b *testing.B) {
	f, _ := metrictest.Frames(rand.New(rand.NewPCG(1, 2)), 10_000, 1)
	var columns []*frame.Column
	for k := range 10 {
		for _, c := range f.Columns() {
			copied := *c.Take(rand.New(rand.NewPCG(uint64(k), 3)).Perm(10_000))
			copied.Name = fmt.Sprint(c.Name, k)
			columns = append(columns, &copied)
		}
	}
	wide := frame.Must(columns...)
	for b.Loop() {
		if _, err := Near(b.Context(), wide, "", 0.02, 2); err != nil {
			b.Fatal(err)
		}
	}
}
