package membership_test

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/membership"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

// patients draws rows of one population.
func patients(rng *rand.Rand, n int) *frame.Frame {
	a, b, c := make([]float64, n), make([]float64, n), make([]float64, n)
	sex, unit := make([]string, n), make([]string, n)
	for i := range n {
		x := rng.NormFloat64()
		a[i], b[i], c[i] = math.Round(60+15*x), x+rng.NormFloat64(), math.Exp(rng.NormFloat64())
		if rng.IntN(8) == 0 {
			c[i] = math.NaN()
		}
		sex[i], unit[i] = []string{"f", "m"}[rng.IntN(2)], []string{"icu", "ward", "er", ""}[rng.IntN(4)]
	}
	return frame.Must(
		metrictest.Number("age", a...), metrictest.Number("lab", b...), metrictest.Number("dose", c...),
		metrictest.Category("sex", sex...), metrictest.Category("unit", unit...),
	)
}

// nearCopies returns rows of f with their numbers shaken a little.
func nearCopies(rng *rand.Rand, f *frame.Frame, rows []int) *frame.Frame {
	taken := f.Take(rows)
	columns := make([]*frame.Column, len(taken.Columns()))
	for j, c := range taken.Columns() {
		if columns[j] = c; c.Kind == frame.Number {
			values := make([]float64, c.Len())
			for i, v := range c.Numbers {
				values[i] = v * (1 + 0.001*rng.NormFloat64())
			}
			columns[j] = metrictest.Number(c.Name, values...)
		}
	}
	return frame.Must(columns...)
}

func pairOf(train, test, synthetic *frame.Frame) *plugins.Pair {
	return plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: {Frame: train}, plugins.Test: {Frame: test},
	}), synthetic, "")
}

// measure measures on two threads, with all that a pair holds.
func measure(t testing.TB, with string, pair *plugins.Pair, seed uint64) *plugins.Measurement {
	t.Helper()
	m, info := metrictest.Build(t, membership.Register, "membership", with)
	out, err := m.Measure(context.Background(), metrictest.Env(info, 2, seed), pair.Only(info.Reads...))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func score(t testing.TB, m *plugins.Measurement, name, attack, members, control string) plugins.Score {
	t.Helper()
	for _, s := range m.Scores {
		if s.Name == name && s.Dims["attack"] == attack && s.Dims["members"] == members && s.Dims["control"] == control {
			return s
		}
	}
	t.Fatalf("no score %s of %s on %s, control %s", name, attack, members, control)
	return plugins.Score{}
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// half returns rows of which every second is a near copy of a row of train.
func half(rng *rand.Rand, train *frame.Frame) *frame.Frame {
	n := train.Rows() / 2
	out, err := frame.Concat(patients(rng, n), nearCopies(rng, train, upTo(n)))
	if err != nil {
		panic(err)
	}
	return out
}

func TestAPlantedLeakIsFound(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	train, test := patients(rng, 400), patients(rng, 400)
	m := measure(t, `{"resamples": 200}`, pairOf(train, test, half(rng, train)), 1)
	for _, members := range []string{"exposed", "train"} {
		auroc := score(t, m, "attack_auroc", "distance", members, "none")
		// half of the members are at about no distance, the others are like non-members: 1/2 + 1/4
		if math.Abs(auroc.Value-0.75) > 0.05 || auroc.Interval.Low <= 0.6 {
			t.Errorf("%s: AUROC %v, %+v", members, auroc.Value, auroc.Interval)
		}
		for _, name := range []string{"advantage_max", "advantage_median", "advantage_lin2025"} {
			if s := score(t, m, name, "distance", members, "none"); s.Interval.Low <= 0 {
				t.Errorf("%s: %s %v, %+v", members, name, s.Value, s.Interval)
			}
		}
		if lin := score(t, m, "advantage_lin2025", "distance", members, "none"); lin.Value != math.Abs(auroc.Value-0.5) {
			t.Errorf("%s: |AUROC - 0.5| is %v", members, lin.Value)
		}
		if s := score(t, m, "attack_auroc", "gbdt", members, "none"); s.Value <= 0.5 {
			t.Errorf("%s: boosted trees have AUROC %v", members, s.Value)
		}
	}
}

// Without a leak the intervals hold 0.5 in about 95 % of trials; so do those of the blind attack.
func TestNoLeakIsFoundWhereThereIsNone(t *testing.T) {
	if testing.Short() {
		t.Skip("many simulated studies; one thread")
	}
	const trials = 100
	held := map[string]int{}
	for i := range uint64(trials) {
		rng := rand.New(rand.NewPCG(i, 77))
		m := measure(t, `{"gbdt": {"rounds": 10}, "members": ["train"], "resamples": 100}`, pairOf(patients(rng, 150), patients(rng, 150), patients(rng, 150)), i)
		for _, s := range m.Scores {
			if i := s.Interval; s.Name == "attack_auroc" && s.Dims["control"] != "resample" && i.Low <= 0.5 && i.High >= 0.5 {
				held[s.Dims["attack"]+" "+s.Dims["control"]]++
			} else if i != nil && s.Name == "advantage_max" && i.Low == 0 {
				held[s.Dims["attack"]+" "+s.Name]++
			}
		}
	}
	if len(held) != 9 { // four attacks, twice, and the blind one
		t.Fatalf("held by %v", held)
	}
	for name, n := range held { // 95 are due; fewer than 88 come up once in 500 times
		if n < 88 {
			t.Errorf("%s: %d of %d intervals hold chance", name, n, trials)
		}
	}
}

// older returns f with the ages up by some years.
func older(f *frame.Frame, years float64) *frame.Frame {
	columns := slices.Clone(f.Columns())
	ages := slices.Clone(f.Column("age").Numbers)
	for i := range ages {
		ages[i] += years
	}
	columns[0] = metrictest.Number("age", ages...)
	return frame.Must(columns...)
}

func TestTheBlindAttackSpeaksUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	train, test := patients(rng, 300), patients(rng, 300)
	for _, blind := range []string{"gbdt", "logistic"} {
		with := `{"attacks": ["distance"], "resamples": 0, "blind": "` + blind + `"}`
		m := measure(t, with, pairOf(train, older(test, 10), patients(rng, 300)), 1)
		if s := score(t, m, "attack_auroc", blind, "exposed", "blind"); s.Interval.Low <= 0.5 {
			t.Errorf("%s: differing sides have a blind AUROC of %v, %+v", blind, s.Value, s.Interval)
		}
		for _, s := range m.Scores {
			if s.Status == plugins.OK && s.Dims["control"] == "none" && (len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "differ by themselves")) {
				t.Errorf("%s: %s warns %q", blind, s.Name, s.Warnings)
			}
		}
	}
	m := measure(t, `{"attacks": ["distance"]}`, pairOf(train.Take(upTo(2)), test.Take(upTo(2)), test), 1)
	if s := score(t, m, "attack_auroc", "distance", "train", "none"); !slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.Contains(w, "it is unknown whether members") }) {
		t.Errorf("two rows a side: warnings %q", s.Warnings)
	}
}

// TestCopiesOfMembersAreFound: an attack that does better than chance on them may be weak and yet says nothing, and one that cannot find
// them says so.
func TestCopiesOfMembersAreFound(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 6))
	m := measure(t, `{}`, pairOf(patients(rng, 1000), patients(rng, 1000), patients(rng, 1000)), 1)
	for name, least := range map[string]float64{"distance": 0.99, "gbdt": 0.55, "domias": 0.5} {
		if s := score(t, m, "attack_auroc", name, "train", "resample"); s.Value < least || s.Value > 0.9 && name != "distance" || s.Interval.Low <= 0.5 {
			t.Errorf("%s finds copies of the members with AUROC %v, %+v", name, s.Value, s.Interval)
		}
		if s := score(t, m, "attack_auroc", name, "train", "none"); len(s.Warnings) > 0 {
			t.Errorf("%s: warnings %q", name, s.Warnings)
		}
	}
	m = measure(t, `{"attacks": ["logistic"]}`, pairOf(patients(rng, 100), patients(rng, 100), patients(rng, 100)), 1)
	if s := score(t, m, "attack_f1", "logistic", "train", "none"); len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "could not have found a leak") {
		t.Errorf("logistic regression cannot find copies: warnings %q", s.Warnings)
	}
	// two thirds of the rows of either side are alike: so many non-members are at no distance from a member
	coarse := func(n int) *frame.Frame {
		x := make([]float64, n)
		for i := range x {
			if i%3 == 0 {
				x[i] = rng.NormFloat64()
			}
		}
		return frame.Must(metrictest.Number("x", x...))
	}
	m = measure(t, `{"attacks": ["distance"]}`, pairOf(coarse(300), coarse(300), coarse(300)), 1)
	if s := score(t, m, "attack_auroc", "distance", "train", "none"); len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "the attack is weak here") {
		t.Errorf("rows that many share: warnings %q", s.Warnings)
	}
}

// TestIntervalsBeforeResampling: without resamples the scores at a threshold have no interval, and the others have the same one.
func TestIntervalsBeforeResampling(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 6))
	pair := pairOf(patients(rng, 150), patients(rng, 120), patients(rng, 150))
	with, without := measure(t, `{"attacks": ["distance"], "resamples": 50}`, pair, 1), measure(t, `{"attacks": ["distance"], "resamples": 0}`, pair, 1)
	drawn := map[string]bool{"advantage_median": true, "tpr_at_fpr_0.1": true, "attack_accuracy": true, "empirical_risk": true, "attack_precision": true, "attack_recall": true, "attack_f1": true}
	for i, s := range with.Scores {
		o := without.Scores[i]
		if s.Name != o.Name || s.Value != o.Value {
			t.Fatalf("%+v and %+v", s, o)
		}
		if s.Status == plugins.OK && drawn[s.Name] && (s.Interval == nil || o.Interval != nil) {
			t.Errorf("%s: %+v, without resamples %+v", s.Name, s.Interval, o.Interval)
		}
		if !drawn[s.Name] && !reflect.DeepEqual(s.Interval, o.Interval) {
			t.Errorf("%s: %+v, without resamples %+v", s.Name, s.Interval, o.Interval)
		}
	}
}

func TestMembersAreTheRowsThatWereShown(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	train, test := patients(rng, 400), patients(rng, 400)
	pair := pairOf(train, test, nearCopies(rng, train, upTo(120)))
	pair.Exposed = upTo(120)
	m := measure(t, `{"attacks": ["distance"], "resamples": 0}`, pair, 1)
	shown, all := score(t, m, "attack_auroc", "distance", "exposed", "none"), score(t, m, "attack_auroc", "distance", "train", "none")
	if shown.N != 240 || shown.Value < 0.99 {
		t.Errorf("shown rows: AUROC %v of %d", shown.Value, shown.N)
	}
	if all.N != 800 || math.Abs(all.Value-0.65) > 0.05 { // 120 of 400 found
		t.Errorf("all of train: AUROC %v of %d", all.Value, all.N)
	}
	for name, value := range map[string]float64{"member_share": 0.5, "naive_f1": 2.0 / 3} {
		if s := score(t, m, name, "distance", "exposed", "none"); math.Abs(s.Value-value) > 1e-12 {
			t.Errorf("%s is %v", name, s.Value)
		}
	}
}

// The random draws of rows and resamples do not hang on the seed of a cell: only models do.
func TestSeedsShareTheRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	train, test := patients(rng, 200), patients(rng, 90)
	pair := pairOf(train, test, half(rng, train))
	a, b := measure(t, `{"attacks": ["distance", "domias"], "blind": "logistic"}`, pair, 1), measure(t, `{"attacks": ["distance", "domias"], "blind": "logistic"}`, pair, 2)
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	if string(x) != string(y) {
		t.Error("another seed gives another result")
	}
}

func TestLowRatesNeedTenNonMembers(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	train := patients(rng, 150)
	for _, c := range []struct {
		others int
		ok     bool
	}{{99, false}, {100, true}} {
		m := measure(t, `{"attacks": ["distance"], "members": ["train"], "resamples": 0}`, pairOf(train, patients(rng, c.others), patients(rng, 50)), 1)
		if s := score(t, m, "tpr_at_fpr_0.1", "distance", "train", "none"); (s.Status == plugins.OK) != c.ok {
			t.Errorf("%d non-members: %+v", c.others, s)
		}
		if s := score(t, m, "tpr_at_fpr_0.01", "distance", "train", "none"); s.Status != plugins.Undefined || s.Reason == "" {
			t.Errorf("%d non-members: %+v", c.others, s)
		}
	}
}

func TestShadowModels(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	train, test := patients(rng, 300), patients(rng, 300)
	const with = `{"attacks": [], "shadows": {"models": 4}, "resamples": 100}`
	m, info := metrictest.Build(t, membership.Register, "membership", with)
	if r := m.(plugins.Shadowing).Shadows(); r.Models != 4 || r.Share != 0.5 || r.Paid {
		t.Errorf("asks for %+v", r)
	}
	if len(info.Scores) == 0 {
		t.Fatal("no scores")
	}
	for _, leaks := range []bool{true, false} {
		generate := func(rows []int) *frame.Frame { // half of the rows are near copies, or none
			fresh := patients(rng, len(rows)/2)
			if !leaks {
				return fresh
			}
			out, err := frame.Concat(fresh, nearCopies(rng, train, rows[:len(rows)/2]))
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		pair := pairOf(train, test, generate(upTo(300)))
		for range 4 {
			rows := rng.Perm(300)[:150]
			pair.Shadows = append(pair.Shadows, plugins.Shadow{Members: rows, Synthetic: generate(rows)})
		}
		s := score(t, measure(t, with, pair, 1), "attack_auroc", "shadow", "train", "none")
		if found := s.Interval.Low > 0.5; found != leaks {
			t.Errorf("leaks: %v; AUROC %v, %+v", leaks, s.Value, s.Interval)
		}
	}
	s := score(t, measure(t, with, pairOf(train, test, patients(rng, 300)), 1), "attack_auroc", "shadow", "train", "none")
	if s.Status != plugins.Undefined || s.Reason != "there are no shadow models" {
		t.Errorf("without shadow models: %+v", s)
	}
}

func TestAnyInputGivesScoresOrReasons(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	some := patients(rng, 60)
	void := frame.Must(metrictest.Number("x", slices.Repeat([]float64{math.NaN()}, 30)...), metrictest.Category("c", slices.Repeat([]string{""}, 30)...))
	flat := frame.Must(metrictest.Number("x", slices.Repeat([]float64{1e12}, 30)...), metrictest.Category("c", slices.Repeat([]string{"a, \"b\" NaN"}, 30)...))
	for name, p := range map[string]*plugins.Pair{
		"ordinary":            pairOf(some, patients(rng, 40), patients(rng, 50)),
		"no synthetic row":    pairOf(some, patients(rng, 40), some.Take(nil)),
		"no train row":        pairOf(some.Take(nil), patients(rng, 40), some),
		"no test row":         pairOf(some, some.Take(nil), some),
		"one row each":        pairOf(some.Take([]int{0}), some.Take([]int{1}), some.Take([]int{2})),
		"two rows each":       pairOf(some.Take([]int{0, 1}), some.Take([]int{2, 3}), some.Take([]int{4, 5})),
		"copies on all sides": pairOf(some, some, some),
		"nothing but missing": pairOf(void, void, void),
		"constants":           pairOf(flat, flat, flat),
		"nothing known":       pairOf(flat, void, flat),
		"nothing generated":   pairOf(flat, flat, void),
	} {
		t.Run(name, func(t *testing.T) {
			metrictest.Measure(t, membership.Register, "membership", `{"resamples": 20, "gbdt": {"rounds": 3}}`, p)
		})
	}
}

func TestDomiasOfNamedColumns(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	pair := pairOf(patients(rng, 80), patients(rng, 80), patients(rng, 80))
	for with, want := range map[string]string{
		`{"attacks": ["domias"], "domias": ["weight"]}`: `column "weight" is not among the features`,
		`{"attacks": ["domias"], "domias": ["sex"]}`:    `column "sex" is no number`,
		`{"attacks": ["domias"], "domias": ["age"]}`:    "",
	} {
		if s := score(t, measure(t, with, pair, 1), "attack_auroc", "domias", "train", "none"); s.Reason != want {
			t.Errorf("%s: %q, want %q", with, s.Reason, want)
		}
	}
}

func TestDensityRatioDoesNotHangOnUnits(t *testing.T) {
	rng := rand.New(rand.NewPCG(19, 20))
	inUnits := func(f *frame.Frame, per float64) *frame.Frame {
		values := make([]float64, f.Rows())
		for i, v := range f.Column("lab").Numbers {
			values[i] = v * per
		}
		return frame.Must(f.Column("age"), metrictest.Number("lab", values...))
	}
	synthetic, reference, attacked := patients(rng, 50), patients(rng, 50), patients(rng, 20)
	ratio := func(per float64) []float64 {
		out, err := membership.DensityRatio(t.Context(), 2, inUnits(synthetic, per), inUnits(reference, per), inUnits(attacked, per), []string{"age", "lab"}, true)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	want := ratio(1)
	for _, per := range []float64{1e-9, 1e12} {
		for i, v := range ratio(per) {
			if math.Abs(v-want[i]) > 1e-6*want[i] {
				t.Errorf("unit %v: %v, want %v", per, v, want[i])
			}
		}
	}
}

func TestSettings(t *testing.T) {
	r := &plugins.Registry{}
	membership.Register(r)
	for with, want := range map[string]string{
		`{"attacks": ["guess"]}`:                 `attacks has "guess"`,
		`{"attacks": ["distance", "distance"]}`:  "twice",
		`{"attacks": []}`:                        "at least one attack",
		`{"members": []}`:                        "members is empty",
		`{"members": ["test"]}`:                  `members has "test"`,
		`{"blind": "distance"}`:                  `blind has "distance"`,
		`{"level": 1}`:                           "level is 1",
		`{"resamples": -1}`:                      "resamples is -1",
		`{"shadows": {"models": 2, "share": 1}}`: "shadows.share is 1",
		`{"gbdt": {"max_depth": 0}}`:             "max_depth is 0",
	} {
		if _, _, err := r.Metrics.Get("membership").Build(json.RawMessage(with)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", with, err, want)
		}
	}
}

// Rows of one subject are not so many non-members: 1,000 rows of 20 are 20.
func TestLowRatesNeedTenSubjects(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	ids := func(prefix string, n, subjects int) *frame.Column {
		id := make([]string, n)
		for i := range id {
			id[i] = prefix + string(rune('a'+i%subjects))
		}
		return metrictest.Category("id", id...)
	}
	p := plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: {Frame: patients(rng, 1000), Subject: ids("member ", 1000, 20)},
		plugins.Test:  {Frame: patients(rng, 1000), Subject: ids("other ", 1000, 20)},
	}), patients(rng, 300), "")
	m := measure(t, `{"attacks": ["distance"], "members": ["train"], "resamples": 0}`, p, 1)
	for _, name := range []string{"tpr_at_fpr_0.1", "tpr_at_fpr_0.01"} {
		if s := score(t, m, name, "distance", "train", "none"); s.Status != plugins.Undefined || !strings.Contains(s.Reason, "10 are needed") {
			t.Errorf("%+v", s)
		}
	}
}
