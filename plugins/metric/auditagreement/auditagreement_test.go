package auditagreement_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/auditagreement"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

const none = -1 // a judgement without a score

// report is an audit by judges: scores[judge][repeat] are of all records, of the given sources in order.
func report(name string, threshold float64, sources []plugins.Source, judges map[string][][]float64) plugins.AuditReport {
	r := plugins.AuditReport{
		Audit: name, Scale: plugins.Scale{Min: 1, Max: 10, Keep: 7, Step: 1}, Threshold: threshold, Judged: &plugins.Judged{},
		Sources: sources, Second: make([]bool, len(sources)), Planted: make([]*plugins.Planted, len(sources)),
	}
	place := map[plugins.Source]int{}
	for _, source := range sources {
		at := place[source]
		place[source]++
		if source == plugins.FromShuffled {
			at = -1
		}
		r.Origin = append(r.Origin, at)
	}
	verdict := func(score float64) plugins.Verdict {
		if score == none {
			return plugins.Verdict{Status: plugins.Declining}
		}
		return plugins.Verdict{Status: plugins.Scored, Score: score}
	}
	var names []string
	for judge := range judges {
		names = append(names, judge)
	}
	slices.Sort(names)
	for _, judge := range names {
		for repeat, scores := range judges[judge] {
			o := plugins.Opinion{Judge: judge, Repeat: repeat}
			for _, s := range scores {
				o.Verdict = append(o.Verdict, verdict(s))
			}
			r.Judged.Opinions = append(r.Judged.Opinions, o)
		}
	}
	for i := range sources { // the verdict is that of the first judge
		v := verdict(judges[names[0]][0][i])
		r.Judged.Verdicts = append(r.Judged.Verdicts, v)
		r.Kept = append(r.Kept, v.Status == plugins.Scored && v.Score >= threshold)
	}
	return r
}

// pair is a pair whose test rows are of subjects of so many rows each.
func pair(perSubject int, reports ...plugins.AuditReport) *plugins.Pair {
	const rows = 2000
	who := make([]string, rows)
	for i := range who {
		who[i] = fmt.Sprintf("p%04d", i/perSubject)
	}
	sample := plugins.Sample{Frame: frame.Must(frame.NewNumber("x", make([]float64, rows))), Subject: frame.NewCategoryFromStrings("subject", who, nil)}
	p := plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Test: sample}), sample.Frame.Take(nil), "")
	p.Audit = &plugins.Audited{Before: sample.Frame.Take(nil), Reports: reports}
	return p
}

func measure(t *testing.T, p *plugins.Pair, with string) metrictest.Result {
	t.Helper()
	if with == "" {
		with = `{"resamples": 200}`
	}
	return metrictest.Measure(t, auditagreement.Register, "audit-agreement", with, p)
}

func synthetic(n int) []plugins.Source {
	return slices.Repeat([]plugins.Source{plugins.FromSynthetic}, n)
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-12 }

// of are the dimensions of scores of a pair of judges on synthetic records.
var of = []string{"auditor", "j", "judge", "a", "other", "b", "source", "synthetic"}

// Two judges, worked by hand: the differences of the six records that both score are 0, 1, -1, 0, 2, 0; quadratic kappa is one less the
// mean square of these, 1, by what it is for independent scores: the variances 61/6 and 37/6, and the square of the difference of the means.
func TestTwoJudgesByHand(t *testing.T) {
	a, b := []float64{2, 4, 6, 8, 10, 10, 9, none}, []float64{2, 3, 7, 8, 8, 10, none, 5}
	got := measure(t, pair(1, report("j", 7, synthetic(8), map[string][][]float64{"a": {a}, "b": {b}})), "")
	variance := func(x []float64) float64 {
		mean, square := 0.0, 0.0
		for _, v := range x {
			mean += v / 6
		}
		for _, v := range x {
			square += (v - mean) * (v - mean) / 6
		}
		return square
	}
	apart := 2.0 / 6
	want := 1 - 1/(variance(a[:6])+variance(b[:6])+apart*apart)
	if kappa := got.Score("weighted_kappa", of...); !near(kappa.Value, want) || kappa.N != 6 || kappa.Warnings[0] != "2 of 8 judgements without a score of both are left out" {
		t.Errorf("weighted kappa %+v, want %v", kappa, want)
	}
	var ratings, units [][]float64
	for i := range 6 {
		ratings = append(ratings, []float64{a[i], b[i]})
	}
	units = append(ratings, []float64{9}, []float64{5})
	icc, err := stats.ICC(ratings, 0.95)
	if err != nil || !near(got.Value("icc", of...), icc.Value) {
		t.Errorf("icc %v, want %+v, %v", got.Value("icc", of...), icc, err)
	}
	if d := got.Value("mean_difference", of...); !near(d, apart) {
		t.Errorf("mean difference %v", d)
	}
	if s := got.Score("equal_verdict_share", of...); !near(s.Value, 5./6) || s.N != 6 || s.Interval.Unit != "synthetic rows" || s.Interval.Method != "Wilson" {
		t.Errorf("%+v, %+v", s, s.Interval)
	}
	for name, scale := range map[string]stats.Scale{"alpha_ordinal": stats.Ordinal, "alpha_interval": stats.Interval} {
		alpha, err := stats.KrippendorffAlpha(units, scale)
		if s := got.Score(name, "auditor", "j", "source", "all"); err != nil || !near(s.Value, alpha) || s.N != 6 {
			t.Errorf("%s: %+v, want %v, %v", name, s, alpha, err)
		}
	}
	if v := got.Value("disagreement_share", "auditor", "j", "source", "synthetic"); !near(v, 1./6) {
		t.Errorf("disagreement %v", v)
	}
	for judge, want := range map[string][3]float64{"a": {7, 4. / 7, 1. / 8}, "b": {43. / 7, 4. / 7, 1. / 8}, "all": {7, 4. / 7, 1. / 8}} {
		dims := []string{"auditor", "j", "judge", judge, "source", "synthetic"}
		if m, k, u := got.Value("mean_score", dims...), got.Value("kept_share", dims...), got.Value("unscored_share", dims...); !near(m, want[0]) || !near(k, want[1]) || !near(u, want[2]) {
			t.Errorf("%s: %v, %v, %v; want %v", judge, m, k, u, want)
		}
	}
	for _, s := range got.Scores {
		if s.Name == "repeat_icc" && s.Reason != `the judge was asked once of each record; write "repeats: 2" in audits.j.with` {
			t.Errorf("%+v", s)
		}
	}
}

// The percentiles are those of the scores, and of five values a box plot makes these percentiles its own.
func TestPercentiles(t *testing.T) {
	var scores []float64
	for i := range 101 {
		scores = append(scores, 1+9*float64(i)/100)
	}
	got := measure(t, pair(1, report("j", 7, synthetic(101), map[string][][]float64{"a": {scores}})), "")
	var five []float64
	for _, q := range []string{"0.05", "0.25", "0.50", "0.75", "0.95"} {
		five = append(five, got.Value("score_quantile", "auditor", "j", "judge", "a", "source", "synthetic", "quantile", q))
	}
	for k, q := range []float64{0.25, 0.5, 0.75} {
		if v, err := stats.Percentile(five, q); err != nil || !near(v, 1+9*q) || !near(five[k+1], 1+9*q) {
			t.Errorf("percentile %v is %v, and of the five %v, %v", q, five[k+1], v, err)
		}
	}
}

func TestRepeatsByHand(t *testing.T) {
	first, second := []float64{2, 4, 6, 9, 7}, []float64{4, 4, 5, 9, none}
	got := measure(t, pair(1, report("j", 7, synthetic(5), map[string][][]float64{"a": {first, second}})), "")
	dims := []string{"auditor", "j", "judge", "a", "source", "synthetic"}
	sd := got.Score("repeat_sd", dims...)
	if !near(sd.Value, math.Sqrt((2+0+0.5+0)/4)) || sd.N != 4 || sd.Warnings[0] != "1 of 5 records without a score in every repeat are left out" {
		t.Errorf("%+v", sd)
	}
	icc, err := stats.ICC([][]float64{{2, 4}, {4, 4}, {6, 5}, {9, 9}}, 0.95)
	if v := got.Value("repeat_icc", dims...); err != nil || !near(v, icc.Value) {
		t.Errorf("repeat icc %v, want %+v, %v", v, icc, err)
	}
	for _, s := range got.Scores {
		if s.Name == "icc" && s.Reason != `there is one judge; write two or more in "llms" of audits.j.with` {
			t.Errorf("%+v", s)
		}
	}
	// a judge is set against the other in each repeat, and a record that comes twice is no two records
	got = measure(t, pair(1, report("j", 7, synthetic(5), map[string][][]float64{"a": {first, second}, "b": {first, second}})), "")
	if s := got.Score("weighted_kappa", of...); s.Value != 1 || s.N != 9 || s.Interval != nil || !slices.Contains(s.Warnings, "no interval: no resample moves it") {
		t.Errorf("%+v", s)
	}
	low, high, _ := stats.WilsonShare(1, 9*9./17, 0.95) // four records twice and one once
	if s := got.Score("equal_verdict_share", of...); !near(s.Interval.Low, low) || !near(s.Interval.High, high) {
		t.Errorf("%+v, want %v to %v", s.Interval, low, high)
	}
}

// judged draws records with a quality of their own, or of their subject, and two judges with errors of standard deviation noise.
func judged(rng *rand.Rand, n, perSubject int, noise float64) (a, b []float64) {
	quality := 0.0
	score := func() float64 { return min(10, max(1, math.Round(quality+noise*rng.NormFloat64()))) }
	for i := range n {
		if i%perSubject == 0 {
			quality = 5.5 + 1.5*rng.NormFloat64()
		}
		a, b = append(a, score()), append(b, score())
	}
	return a, b
}

func TestIntervalsAreOverSubjects(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 5))
	a, b := judged(rng, 400, 4, 0.5)
	sources := slices.Repeat([]plugins.Source{plugins.FromReal}, 400)
	width := map[int]map[string]float64{}
	for _, per := range []int{1, 4} {
		got := measure(t, pair(per, report("j", 7, sources, map[string][][]float64{"a": {a}, "b": {b}})), "")
		width[per] = map[string]float64{}
		for _, name := range []string{"mean_score", "weighted_kappa"} {
			dims := []string{"auditor", "j", "judge", "a", "source", "real"}
			if name == "weighted_kappa" {
				dims = append(dims, "other", "b")
			}
			iv := got.Score(name, dims...).Interval
			if width[per][name] = iv.High - iv.Low; iv.Unit != "test subjects" || iv.Method != "percentile bootstrap, 200 resamples" {
				t.Errorf("%+v", iv)
			}
		}
	}
	if width[4]["mean_score"] < 1.6*width[1]["mean_score"] || width[4]["weighted_kappa"] < 1.2*width[1]["weighted_kappa"] {
		t.Errorf("four rows a subject: %v; one: %v", width[4], width[1])
	}
}

// The intervals of agreement hold what is true of all records: that of judges with these errors, here of 200,000 records.
func TestIntervalsCover(t *testing.T) {
	if testing.Short() {
		t.Skip("many audits")
	}
	truth := map[string]float64{}
	a, b := judged(rand.New(rand.NewPCG(1, 1)), 200_000, 1, 1)
	for _, s := range measure(t, pair(1, report("j", 7, synthetic(len(a)), map[string][][]float64{"a": {a}, "b": {b}})), `{"resamples": 0}`).Scores {
		if s.Dims["source"] == "synthetic" {
			truth[s.Name] = s.Value
		}
	}
	const trials = 150
	held := map[string]int{}
	for trial := range trials {
		a, b := judged(rand.New(rand.NewPCG(uint64(trial), 7)), 120, 1, 1)
		got := measure(t, pair(1, report("j", 7, synthetic(len(a)), map[string][][]float64{"a": {a}, "b": {b}})), `{"resamples": 200}`)
		for _, s := range got.Scores {
			if iv := s.Interval; s.Dims["source"] == "synthetic" && iv != nil && iv.Low <= truth[s.Name] && truth[s.Name] <= iv.High {
				held[s.Name]++
			}
		}
	}
	for _, name := range []string{"weighted_kappa", "icc", "mean_difference", "equal_verdict_share", "alpha_ordinal", "alpha_interval", "disagreement_share"} {
		if held[name] < trials*88/100 {
			t.Errorf("%s: %d of %d intervals hold %v", name, held[name], trials, truth[name])
		}
	}
}

// Two audits whose records come in another order, and of which one has further real records.
func TestAuditsOfOneCell(t *testing.T) {
	a := report("judge", 5, slices.Concat(synthetic(100), slices.Repeat([]plugins.Source{plugins.FromReal}, 30)), map[string][][]float64{"m": {make([]float64, 130)}})
	b := report("rules", 1, slices.Concat(slices.Repeat([]plugins.Source{plugins.FromReal}, 20), synthetic(100)), map[string][][]float64{"m": {make([]float64, 120)}})
	b.Judged.Opinions = nil
	for i := range a.Kept {
		a.Kept[i] = a.Origin[i]%2 == 0
	}
	for i := range b.Kept {
		b.Kept[i] = b.Origin[i]%4 < 3
		if b.Sources[i] == plugins.FromSynthetic {
			b.Origin[i] = 99 - b.Origin[i]
			b.Kept[i] = b.Origin[i]%4 < 3
		}
	}
	got := measure(t, pair(1, a, b), "")
	dims := []string{"auditor", "judge", "other", "rules", "source", "synthetic"}
	for name, want := range map[string]float64{"kept_by_both": 50, "kept_by_auditor_only": 0, "kept_by_other_only": 25, "kept_by_neither": 25, "kept_kappa": 0.5} {
		if s := got.Score(name, dims...); s.Value != want || s.N != 100 {
			t.Errorf("%s: %+v, want %v", name, s, want)
		}
	}
	dims[5] = "real"
	for name, want := range map[string]float64{"kept_by_both": 10, "kept_by_auditor_only": 0, "kept_by_other_only": 5, "kept_by_neither": 5} {
		if s := got.Score(name, dims...); s.Value != want || s.N != 20 {
			t.Errorf("%s: %+v, want %v", name, s, want)
		}
	}
	rows := 0
	for _, c := range got.Curves {
		if c.Name == "auditor_agreement" && c.Dims["source"] == "synthetic" {
			rows++
			if want := map[string][]float64{"judge": {1, 0.5}, "rules": {0.5, 1}}[c.Dims["column"]]; !slices.Equal(c.Y, want) {
				t.Errorf("%+v, want %v", c, want)
			}
		}
	}
	if rows != 2 {
		t.Errorf("%d rows of the matrix of audits", rows)
	}
	p := pair(1, a, b)
	p.Fewest = plugins.FewestTold
	if s := measure(t, p, "").Score("kept_kappa", dims...); s.Reason != "withheld: it would tell of fewer than 11 patients" {
		t.Errorf("%+v", s)
	}
	for _, s := range measure(t, pair(1, b), "").Scores {
		switch {
		case s.Name == "kept_kappa" && s.Reason != `the cell has one audit; "all" names several that each keep a record`:
			t.Errorf("%+v", s)
		case s.Name == "icc" && s.Reason != "the auditor asks no judges: a record has one verdict":
			t.Errorf("%+v", s)
		}
	}
}

func TestFewPatients(t *testing.T) {
	scores := make([]float64, 40)
	for i := range scores {
		scores[i] = 9
		if i < 5 {
			scores[i] = 3
		}
	}
	sources := slices.Repeat([]plugins.Source{plugins.FromReal}, 40)
	dims := []string{"auditor", "j", "judge", "a", "source", "real"}
	p := pair(1, report("j", 7, sources, map[string][][]float64{"a": {scores}}))
	if v := measure(t, p, "").Value("kept_share", dims...); v != 35./40 {
		t.Errorf("%v of the real records are kept", v)
	}
	p.Fewest = plugins.FewestTold
	got := measure(t, p, "")
	if s := got.Score("kept_share", dims...); s.Status != plugins.Undefined {
		t.Errorf("it tells of 5 patients: %+v", s)
	}
	if s := got.Score("score_quantile", append(dims, "quantile", "all")...); s.Reason != "withheld: it would tell of fewer than 11 patients" {
		t.Errorf("%+v", s)
	}
	p = pair(4, report("j", 7, sources, map[string][][]float64{"a": {scores}})) // ten subjects
	for _, s := range measure(t, p, "").Scores {
		if s.Dims["source"] == "real" && s.Status != plugins.Undefined {
			t.Errorf("of ten patients, it tells %+v", s)
		}
	}
}

func TestCurves(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 5))
	a, b := judged(rng, 300, 1, 1)
	again, c := judged(rng, 300, 1, 1)
	sources := slices.Concat(synthetic(200), slices.Repeat([]plugins.Source{plugins.FromReal}, 100))
	got := measure(t, pair(1, report("j", 7, sources, map[string][][]float64{"a": {a, again}, "b": {b, c}})), "")
	matrices := 0
	for _, c := range got.Curves {
		for _, n := range c.N {
			if n < plugins.FewestTold {
				t.Errorf("a point of %s stands for %d: %v", c.Name, n, c.Dims)
			}
		}
		switch {
		case c.Name == "judge_agreement" && c.Dims["source"] == "synthetic":
			matrices++
			kappa := got.Value("weighted_kappa", of...)
			off := map[string]int{"a": 1, "b": 0}[c.Dims["column"]]
			if len(c.X) != 2 || c.Y[off] != kappa || c.Y[1-off] > 0.9 || c.Y[1-off] == kappa {
				t.Errorf("%+v; kappa %v", c, kappa)
			}
		case c.Name == "score_ecdf":
			if !slices.IsSorted(c.X) || !slices.IsSorted(c.Y) || c.Y[len(c.Y)-1] != 1 {
				t.Errorf("%+v", c)
			}
			if c.Dims["judge"] == "all" && c.Dims["source"] == "synthetic" {
				for k, x := range c.X {
					below := 0
					for _, s := range a[:200] {
						if s <= x {
							below++
						}
					}
					if !near(c.Y[k], float64(below)/200) {
						t.Errorf("up to %v: %v, want %v", x, c.Y[k], float64(below)/200)
					}
				}
			}
		}
	}
	if matrices != 2 {
		t.Errorf("%d rows of the matrix", matrices)
	}
}

func TestOddReports(t *testing.T) {
	r := report("j", 7, nil, map[string][][]float64{"a": {nil}, "b": {nil}})
	for _, s := range measure(t, pair(1, r), "").Scores {
		if s.Status != plugins.Undefined {
			t.Errorf("of no records: %+v", s)
		}
	}
	r = report("j", 7, synthetic(3), map[string][][]float64{"a": {{none, none, none}}, "b": {{none, none, none}}})
	for _, s := range measure(t, pair(1, r), "").Scores {
		if s.Status != plugins.Undefined && s.Name != "unscored_share" {
			t.Errorf("of records without a score: %+v", s)
		}
	}
	r = report("j", 7, synthetic(3), map[string][][]float64{"a": {{7, 7, 7}, {7, 7, 7}}, "b": {{7, 7, 7}, {7, 7, 7}}})
	r.Scale = plugins.Scale{Max: 10}
	got := measure(t, pair(1, r), "")
	if s := got.Score("weighted_kappa", of...); !strings.HasPrefix(s.Reason, "the scores have no steps") {
		t.Errorf("%+v", s)
	}
	if s := got.Score("icc", of...); s.Status != plugins.Undefined {
		t.Errorf("%+v", s)
	}
	if _, err := auditagreement.New(auditagreement.Config{Resamples: -1}); err == nil || err.Error() != `"resamples" is -1; want 0 or more` {
		t.Error(err)
	}
}

// BenchmarkMeasure rates three judges that were asked twice of 4,000 records.
func BenchmarkMeasure(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	judges := map[string][][]float64{}
	for _, name := range []string{"a", "b", "c"} {
		x, y := judged(rng, 4000, 1, 1)
		judges[name] = [][]float64{x, y}
	}
	p := pair(1, report("j", 7, slices.Concat(synthetic(2000), slices.Repeat([]plugins.Source{plugins.FromReal}, 2000)), judges))
	m, info := metrictest.Build(b, auditagreement.Register, "audit-agreement", "")
	for b.Loop() {
		if _, err := m.Measure(b.Context(), metrictest.Env(info, 2, 1), p); err != nil {
			b.Fatal(err)
		}
	}
}
