package audit_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/audit"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

func measure(t *testing.T, p *plugins.Pair, with string) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, audit.Register, "audit", with, p)
}

// audited is a pair whose synthetic rows one auditor, "judge", judged: scores of at least 5 are kept, and of others there is no score.
func audited(synthetic, test *frame.Frame, scores []float64) *plugins.Pair {
	p := metrictest.Pair(test, synthetic, "death")
	r := plugins.AuditReport{Audit: "judge", Scale: plugins.Scale{Min: 1, Max: 10}, Threshold: 5, Judged: &plugins.Judged{}}
	a := &plugins.Audited{Before: synthetic, Rounds: []int{len(scores)}, Wanted: len(scores)}
	for row, s := range scores {
		v, fate := plugins.Verdict{Status: plugins.Scored, Score: s}, plugins.Dropped
		if math.IsNaN(s) {
			v = plugins.Verdict{Status: plugins.Declining}
		}
		if s >= 5 {
			fate = plugins.Kept
		}
		r.Judged.Verdicts, r.Kept = append(r.Judged.Verdicts, v), append(r.Kept, s >= 5)
		r.Sources, r.Origin = append(r.Sources, plugins.FromSynthetic), append(r.Origin, row)
		r.Second, r.Planted = append(r.Second, false), append(r.Planted, nil)
		a.Fates = append(a.Fates, fate)
	}
	a.Reports = []plugins.AuditReport{r}
	p.Audit = a
	return p
}

// groups are three groups of 40, 50 and 10 rows, of which 30, 45 and 5 are kept.
func groups() (synthetic *frame.Frame, scores []float64) {
	var ward []string
	for _, g := range []struct {
		name    string
		kept, n int
	}{{"a", 30, 40}, {"b", 45, 50}, {"c", 5, 10}} {
		for i := range g.n {
			ward, scores = append(ward, g.name), append(scores, map[bool]float64{true: 9, false: 2}[i < g.kept])
		}
	}
	return frame.Must(metrictest.Category("ward", ward...)), scores
}

func near(t *testing.T, s plugins.Score, value, low, high float64) {
	t.Helper()
	if s.Status != plugins.OK || math.Abs(s.Value-value) > 1e-12 {
		t.Errorf("%s %v is %s %v, want %v", s.Name, s.Dims, s.Status, s.Value, value)
		return
	}
	if i := s.Interval; i == nil || math.Abs(i.Low-low) > 1e-9 || math.Abs(i.High-high) > 1e-9 || i.Unit != "synthetic rows" {
		t.Errorf("%s %v has the interval %+v, want %v to %v", s.Name, s.Dims, s.Interval, low, high)
	}
}

// Reference values: the formulas of Wilson and Newcombe in Python, with the normal quantiles of its standard library.
func TestReferenceValues(t *testing.T) {
	synthetic, scores := groups()
	got := measure(t, audited(synthetic, synthetic, scores), `{"by": ["ward"]}`)
	for _, auditor := range []string{"all", "judge"} {
		of := func(name, group string) plugins.Score {
			return got.Score(name, "auditor", auditor, "by", "ward", "group", group)
		}
		near(t, of("prevalence_difference", "a"), -0.025, -0.07103432473372831, 0.021479540644716785)
		near(t, of("prevalence_difference", "b"), 0.0625, 0.009369907334780402, 0.10678542751276696)
		near(t, of("prevalence_difference", "c"), -0.0375, -0.08483970600917931, -0.0036177993814826143)
		near(t, got.Score("kept_ratio", "auditor", auditor, "by", "ward"), 0.5/0.9, 0.20571584993300357, 1)
		if v := of("kept_share_by_group", "a"); v.Value != 0.75 || v.N != 40 {
			t.Errorf("%+v", v)
		}
		if v := of("prevalence_after", "c"); v.Value != 5/80. || v.N != 80 {
			t.Errorf("%+v", v)
		}
		if v := got.Value("kept_share", "auditor", auditor); v != 0.8 {
			t.Errorf("%v is kept", v)
		}
	}
	if v := got.Value("prevalence_before", "by", "ward", "group", "b"); v != 0.5 {
		t.Errorf("prevalence %v", v)
	}
}

// The policy may flag what it would drop, and make rows again.
func TestFatesAndRounds(t *testing.T) {
	synthetic := frame.Must(metrictest.Number("death", 1, 0, 1, 0, 1, 0, 1, 1))
	p := audited(synthetic, synthetic, []float64{9, 9, 2, 9, math.NaN(), 3, 9, 9})
	p.Audit.Rounds, p.Audit.Wanted = []int{5, 3, 0, 0}, 5 // two rounds more were planned, and not needed
	p.Audit.Fates[2] = plugins.Flagged
	p.Audit.Reports[0].Judged.Verdicts[0].Suspicious = true
	p.Audit.Reports[0].Judged.Verdicts[5].Status = plugins.Unparsable
	got := measure(t, p, "")
	for name, want := range map[string]float64{"dropped_share": 2 / 8., "flagged_share": 1 / 8., "rounds": 2, "wanted": 5, "delivered": 6, "delivered_share": 1.2} {
		if v := got.Value(name); v != want {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
	for name, want := range map[string]float64{
		"kept_share": 5 / 8., "unscored_share": 2 / 8., "unparsable_share": 1 / 8., "refused_share": 1 / 8., "suspicious_share": 1 / 8., "judged": 8,
	} {
		for _, auditor := range []string{"all", "judge"} {
			if v := got.Value(name, "auditor", auditor); v != want {
				t.Errorf("%s of %s is %v, want %v", name, auditor, v, want)
			}
		}
	}
	// without settings, groups are those of the label
	if v := got.Value("kept_share_by_group", "auditor", "all", "by", "death", "group", "1"); v != 3/5. {
		t.Errorf("%v of the deaths are kept", v)
	}
}

// With several auditors, a row is kept when each of them keeps it, and each has its own shares.
func TestSeveralAuditors(t *testing.T) {
	synthetic := frame.Must(metrictest.Number("death", 1, 0, 1, 0))
	p := audited(synthetic, synthetic, []float64{9, 9, 2, 9})
	second := audited(synthetic, synthetic, []float64{9, math.NaN(), 9, 2}).Audit.Reports[0]
	second.Audit = "rules"
	p.Audit.Reports = append(p.Audit.Reports, second)
	p.Audit.Fates[1], p.Audit.Fates[3] = plugins.Dropped, plugins.Dropped
	got := measure(t, p, "")
	for auditor, want := range map[string][3]float64{"all": {0.25, 0.25, 8}, "judge": {0.75, 0, 4}, "rules": {0.5, 0.25, 4}} {
		if kept, unscored, n := got.Value("kept_share", "auditor", auditor), got.Value("unscored_share", "auditor", auditor), got.Value("judged", "auditor", auditor); [3]float64{kept, unscored, n} != want {
			t.Errorf("%s: %v kept, %v unscored, %v judged; want %v", auditor, kept, unscored, n, want)
		}
	}
}

func TestGroupings(t *testing.T) {
	nan := math.NaN()
	synthetic := frame.Must(
		metrictest.Number("death", 0, 0, 0, 0, 0, 1), metrictest.Number("a", 1, 0, 0, 1, nan, 1), metrictest.Number("b", 0, 1, 0, 1, 0, nan),
		metrictest.Number("score", 1, 33, 34, 66, 67, nan), metrictest.Category("unit", "x", "y", "", "x", "x", "y"),
	)
	reals := make([]float64, 99)
	for i := range reals {
		reals[i] = float64(i + 1)
	}
	n := slices.Repeat([]float64{0}, 99)
	test := frame.Must(metrictest.Number("death", n...), metrictest.Number("a", n...), metrictest.Number("b", n...), metrictest.Number("score", reals...), metrictest.Category("unit", slices.Repeat([]string{"x"}, 99)...))
	got := measure(t, audited(synthetic, test, []float64{9, 9, 9, 9, 9, 9}), `{"by": ["unit"], "sets": {"race": ["a", "b"]}, "severity": "score"}`)
	for by, want := range map[string]map[string]float64{
		"unit":            {"x": 3, "y": 2, "(missing)": 1},
		"race":            {"a": 2, "b": 1, "none of them": 1, "several of them": 1, "(missing)": 1},
		"score in thirds": {"lowest third": 2, "middle third": 2, "highest third": 1, "(missing)": 1}, // the 33rd and the 66th of 99 are the cuts, up to their neighbours
	} {
		for group, rows := range want {
			if v := got.Value("prevalence_before", "by", by, "group", group); math.Abs(v-rows/6) > 1e-12 {
				t.Errorf("%s, %s: %v of 6 rows, want %v", by, group, v*6, rows)
			}
		}
	}
	if s := got.Score("prevalence_difference", "auditor", "all", "by", "unit", "group", "x"); s.Value != 0 || s.Interval != nil || !strings.HasSuffix(s.Warnings[0], "every row is kept") {
		t.Errorf("%+v", s)
	}
}

func TestNoGroups(t *testing.T) {
	synthetic := frame.Must(metrictest.Number("death", 0, 1), metrictest.Category("unit", "x", "y"), metrictest.Number("b", 2, 1))
	for with, want := range map[string][2]string{
		`{"by": ["nosuch"]}`:              {"nosuch", `the synthetic rows have no column "nosuch"`},
		`{"sets": {"s": ["unit", "b"]}}`:  {"s", `column "unit" of the set has other values than 0 and 1`},
		`{"sets": {"s": ["death", "b"]}}`: {"s", `column "b" of the set has other values than 0 and 1`},
		`{"severity": "unit"}`:            {"unit in thirds", `column "unit" has levels and no numbers: name it in "by"`},
		`{"severity": "b"}`:               {"b in thirds", "a third of the test rows would stand for fewer than 11 patients"},
	} {
		got := measure(t, audited(synthetic, synthetic, []float64{9, 2}), with)
		if s := got.Score("kept_share_by_group", "auditor", "judge", "by", want[0], "group", "all"); s.Reason != want[1] {
			t.Errorf("%s: %q, want %q", with, s.Reason, want[1])
		}
	}
	for _, s := range measure(t, audited(synthetic.Take(nil), synthetic, nil), "").Scores {
		if s.Name != "rounds" && s.Status != plugins.Undefined {
			t.Errorf("of no rows: %+v", s)
		}
	}
}

// Rows of the data that are handed out as synthetic ones are told of no more than others.
func TestRowsThatAreHandedOut(t *testing.T) {
	synthetic, scores := groups()
	p := audited(synthetic, synthetic, scores)
	p.Handed = true
	got := measure(t, p, `{"by": ["ward"]}`)
	for group, told := range map[string]bool{"a": false, "b": false, "c": false} { // 10, 5 and 5 of them are not kept
		if s := got.Score("kept_share_by_group", "auditor", "all", "by", "ward", "group", group); (s.Status == plugins.OK) != told {
			t.Errorf("%+v", s)
		}
	}
	if s := got.Score("prevalence_before", "by", "ward", "group", "c"); s.Status != plugins.Undefined || !strings.HasPrefix(s.Reason, "withheld") {
		t.Errorf("%+v", s)
	}
	if got.Value("kept_share", "auditor", "all") != 0.8 || got.Score("kept_ratio", "auditor", "all", "by", "ward").Status != plugins.Undefined {
		t.Error("20 of 100 rows may be told of, and a ratio of groups of few may not")
	}
}

// From all that is told of rows that are handed out, no sum or difference tells of one to ten of them: what the told sets tell apart are
// none or eleven.
func TestNothingFollowsBySubtraction(t *testing.T) {
	told := 0
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 5))
		n := 60 + rng.IntN(200)
		ward, scores := make([]string, n), make([]float64, n)
		for i := range ward {
			ward[i] = string(rune('a' + rng.IntN(2+rng.IntN(3))))
			if scores[i] = float64(1 + rng.IntN(10)); rng.Float64() < 0.1 {
				scores[i] = math.NaN()
			}
		}
		p := audited(frame.Must(metrictest.Category("ward", ward...)), frame.Must(metrictest.Category("ward", ward...)), scores)
		p.Handed = true
		keys := make([]string, n)
		for _, s := range measure(t, p, `{"by": ["ward"]}`).Scores {
			if s.Status != plugins.OK {
				continue
			}
			kept := func(i int) bool { return scores[i] >= 5 }
			in := func(i int) bool { return ward[i] == s.Dims["group"] }
			both := func(i int) bool { return kept(i) && in(i) }
			sets := map[string][]func(int) bool{
				"kept_share": {kept}, "dropped_share": {kept}, "delivered": {kept}, "prevalence_before": {in}, "kept_share_by_group": {in, both},
				"prevalence_after": {kept, both}, "unscored_share": {func(i int) bool { return math.IsNaN(scores[i]) }},
			}[s.Name]
			if len(sets) > 0 {
				told++
			}
			for i := range keys {
				size := 0
				for _, set := range sets {
					if set(i) {
						size++
					}
				}
				keys[i] += string(rune('0' + size))
			}
		}
		groups := map[string]int{}
		for _, key := range keys {
			groups[key]++
		}
		for key, size := range groups {
			if size < plugins.FewestTold {
				t.Fatalf("seed %d: what is told of %d rows tells %d of them apart: %s", seed, n, size, key)
			}
		}
	}
	if told < 500 {
		t.Errorf("%d shares are told: nothing is tried", told)
	}
}

// Intervals of the difference of prevalences, and of the ratio of kept shares, hold what holds of all rows that could have been made.
func TestIntervalsCover(t *testing.T) {
	if testing.Short() {
		t.Skip("many audits")
	}
	const trials, rows = 2000, 300
	shares, keeps := []float64{0.1, 0.3, 0.6}, []float64{0.5, 0.8, 0.9}
	all := 0.0
	for i := range shares {
		all += shares[i] * keeps[i]
	}
	m, info := metrictest.Build(t, audit.Register, "audit", `{"by": ["ward"]}`)
	held, ratios, width := 0, 0, 0.0
	for trial := range trials {
		rng := rand.New(rand.NewPCG(uint64(trial), 3))
		ward, scores := make([]string, rows), make([]float64, rows)
		for i := range ward {
			g := 2
			if u := rng.Float64(); u < 0.1 {
				g = 0
			} else if u < 0.4 {
				g = 1
			}
			ward[i] = []string{"a", "b", "c"}[g]
			if scores[i] = 2; rng.Float64() < keeps[g] {
				scores[i] = 9
			}
		}
		f := frame.Must(metrictest.Category("ward", ward...))
		out, err := m.Measure(context.Background(), metrictest.Env(info, 1, 1), audited(f, f, scores))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range out.Scores {
			switch {
			case s.Name == "prevalence_difference" && s.Dims["auditor"] == "all" && s.Dims["group"] == "a":
				truth := shares[0]*keeps[0]/all - shares[0]
				width += (s.Interval.High - s.Interval.Low) / trials
				if s.Interval.Low <= truth && truth <= s.Interval.High {
					held++
				}
			case s.Name == "kept_ratio" && s.Dims["auditor"] == "all":
				if s.Interval.Low <= 0.5/0.9 && 0.5/0.9 <= s.Interval.High {
					ratios++
				}
			}
		}
	}
	if held < trials*94/100 || held > trials*98/100 || ratios < trials*95/100 {
		t.Errorf("%d and %d of %d intervals hold the truth; the first are %v wide", held, ratios, trials, width)
	}
}

func TestNewChecksItsSettings(t *testing.T) {
	for want, c := range map[string]audit.Config{
		`by names the column "x" twice`:                              {By: []string{"x", "x"}},
		`"sets" names a set "x"; want a name that no column of`:      {By: []string{"x"}, Sets: map[string][]string{"x": {"a", "b"}}},
		`"sets", "x": want two different columns of 0 and 1 or more`: {Sets: map[string][]string{"x": {"a", "a"}}},
	} {
		if _, err := audit.New(c); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
