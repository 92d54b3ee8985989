package cli_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/all"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/plugintest"
	"github.com/ehrlab/ehrlab/runner/rate"
)

// fixtureRoles are the columns of plugintest.Fixture.
var fixtureRoles = plugins.Roles{
	Label: "death", Subject: "subject", Site: "unit", Groups: []string{"is_female"}, QuasiIdentifiers: []string{"age", "race"},
	Key: []string{"race", "is_female"}, Secret: "unit", NumericSecret: "lactate", Aux: []string{"age", "bun"},
	Halves:     [2][]string{{"age", "race"}, {"bun", "unit"}},
	Categories: []string{"unit", "race"}, Numbers: []string{"age", "lactate", "bun", "flat", "is_female"},
}

// fixtureSettings are settings under which metrics return all their scores on the fixtures, and take little time. Others have those
// that suit the pair.
var fixtureSettings = map[string]string{
	"association":                  `{"pairs": true}`,
	"attribution":                  `{"resamples": 50}`,
	"clinical-ranges":              `{"ranges": {"age": {"min": 30}, "lactate": {"max": 4}}}`,
	"contingency":                  `{"pairs": true}`,
	"correlation":                  `{"pairs": true}`,
	"downstream":                   `{"resamples": 50}`,
	"fairness":                     `{"minimum": {"rows": 5, "events": 1, "nonevents": 1}, "resamples": 50}`,
	"kl-pair-continuous-sdmetrics": `{"pairs": true}`,
	"kl-pair-discrete-sdmetrics":   `{"pairs": true}`,
	"membership":                   `{"resamples": 50}`,
	"mutual-information":           `{"pairs": true}`,
	"sites":                        `{"rows": 10, "events": 3, "nonevents": 3, "resamples": 50, "grid": true}`,
	"structural-validity":          `{"rules": ["no_duplicate_code", "ordered_visits"]}`,
	"subgroup-fidelity":            `{"minimum": 5}`,
	"trajectory-privacy":           `{"resamples": 50}`,
}

// seldom are scores that need more rows than the fixtures have.
var seldom = map[string][]string{
	"membership":         {"tpr_at_fpr_0.1", "tpr_at_fpr_0.01"},
	"trajectory-privacy": {"tpr_at_fpr_0.1", "tpr_at_fpr_0.01"},
}

// flat are scores that are the same on every subsample of the fixtures.
var flat = map[string][]string{
	"moments":      {"share_without_confidence_interval_overlap"}, // no columns are so far apart
	"nearest":      {"dcr_share_equally_close"},                   // numbers have too many digits for ties
	"record-shape": {"statistic_msas_min"},                        // first visits are at time 0
}

// Every score says how many rows, pairs or columns it rests on, and how uncertain it is: by an interval of a unit that it names, or by
// why it has none. Of a score whose declaration says that it has one, not all values may go without.
func TestEveryScoreHasAnIntervalOrSaysWhyNot(t *testing.T) {
	r := all.Registry()
	for _, name := range r.Metrics.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entry := r.Metrics.Get(name)
			scores := ratedFixture(t, entry).Scores
			for i := range entry.Info.Scores {
				info := &entry.Info.Scores[i]
				holdToInterval(t, info, scores, slices.Contains(seldom[name], info.Name), slices.Contains(flat[name], info.Name))
			}
		})
	}
}

// holdToInterval checks the values of one score.
func holdToInterval(t *testing.T, info *plugins.ScoreInfo, scores []plugins.Score, seldom, flat bool) {
	t.Helper()
	whyNot := []string{"", plugins.Description, plugins.OfTheirN, plugins.OfATest, plugins.OfAnError}
	if !slices.Contains(whyNot, info.NoInterval) {
		t.Errorf("%s: %q is none of the texts that say why there is no interval", info.Name, info.NoInterval)
	}
	defined, with := 0, 0
	for _, s := range scores {
		if s.Name != info.Name || s.Status != plugins.OK {
			continue
		}
		defined++
		warned := slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.HasPrefix(w, plugins.WithoutInterval) })
		switch {
		case s.N < 1:
			t.Errorf("%s %v rests on nothing", s.Name, s.Dims)
		case info.NoInterval != "" && (s.Interval != nil || warned):
			t.Errorf("%s %v: %+v, %q; its declaration says %q", s.Name, s.Dims, s.Interval, s.Warnings, info.NoInterval)
		case info.NoInterval == "" && s.Interval == nil && !warned:
			t.Errorf("%s %v = %v has no interval and does not say why", s.Name, s.Dims, s.Value)
		case s.Interval != nil && (s.Interval.Unit == "" || s.Interval.Method == ""):
			t.Errorf("%s %v: the interval %+v does not say of what and how", s.Name, s.Dims, s.Interval)
		}
		if s.Interval != nil {
			with++
		}
	}
	switch {
	case defined == 0 && !seldom:
		t.Errorf("%s has no value: the test says nothing of it", info.Name)
	case defined > 0 && with == 0 && info.NoInterval == "" && !flat:
		t.Errorf("no value of %s has an interval", info.Name)
	}
}

// ratedFixture measures a metric on a fixture as 'ehrlab score' does on files. A few synthetic rows are copies of those of train, and of test.
func ratedFixture(t *testing.T, entry *plugins.Entry[plugins.Metric]) *plugins.Measurement {
	t.Helper()
	in := plugintest.Fixture()
	if !slices.Contains(entry.Info.Shapes, plugins.Records) {
		in = plugintest.Events()
	}
	settings := fixtureSettings[entry.Info.Name]
	if entry.Info.Name == "ratings" {
		settings = fmt.Sprintf(`{"path": %q, "before": %q, "atMost": 6, "atLeast": 4, "resamples": 50}`, ratingsFile(t, 1), ratingsFile(t, 2))
	}
	if entry.Info.Name == "audit-calibration" {
		settings = fmt.Sprintf(`{"labels": {"path": %q, "audit": "judge"}}`, labelsFile(t))
	}
	with, lacks, err := entry.Suit(fixtureRoles, []byte(settings))
	if lacks == plugins.LacksFile || lacks == plugins.LacksAudit {
		with, lacks = []byte(settings), ""
	}
	if lacks != "" || err != nil {
		t.Fatalf("lacks %q, %v", lacks, err)
	}
	metric, _, err := entry.Build(with)
	if err != nil {
		t.Fatal(err)
	}
	train, shown := in.Parts[plugins.Train], make([]int, 60)
	for i := range shown {
		shown[i] = i
	}
	synthetic, err := frame.Concat(in.Synthetic, train.Frame.Take(shown[:20]), in.Parts[plugins.Test].Frame.Take(shown[:20]))
	if err != nil {
		t.Fatal(err)
	}
	parts := map[plugins.Part]plugins.Sample{}
	for part, s := range in.Parts {
		s.Beside = s.Frame
		parts[part] = s
	}
	pair := plugins.NewPair(plugins.NewParts(parts), synthetic, in.Target)
	if entry.Info.Audited {
		pair.Audit = plugintest.Audited(synthetic, in.Parts[plugins.Test])
	}
	if entry.Info.Name == "memorisation" { // it alone has to know which rows were shown
		pair.Exposed = shown
	}
	job := rate.Job{
		Metric: metric, Info: &entry.Info, Subsamples: rate.DefaultSubsamples(&entry.Info), Rand: plugins.NewRand(1, "fixture", plugins.ForResample),
		Env: plugins.Env{
			Threads: 1, Rand: plugins.NewRand(1, "fixture", entry.Info.Random...), Log: slog.New(slog.DiscardHandler), Progress: func(int, int) {},
		},
	}
	out, err := job.Measure(t.Context(), pair)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// labelsFile writes what clinicians make of sixty records that were drawn at two probabilities, with the scores of a judge.
func labelsFile(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("record,source,score,probability,label\n")
	for record := range 60 {
		label, probability := "plausible", 0.2
		if record%3 == 0 {
			label, probability = "implausible", 0.8
		}
		source := []string{"real", "synthetic"}[record%2]
		fmt.Fprintf(&b, "r%d,%s,%d,%g,%s\n", record, source, 1+record*7%10, probability, label)
	}
	path := filepath.Join(t.TempDir(), "labels.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// ratingsFile writes what three raters say of forty records in pairs, half of which are synthetic and rated a little worse, as they are by
// a judge.
func ratingsFile(t *testing.T, seed uint64) string {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 2))
	var b strings.Builder
	b.WriteString("record,rater,rating,origin,round,guess,confidence,flag,pair,judge\n")
	for record := range 40 {
		origin, quality := "real", 6+2*rng.NormFloat64()
		if record%2 == 0 {
			origin, quality = "synthetic", 5+2*rng.NormFloat64()
		}
		judge := min(max(int(quality+rng.NormFloat64()), 1), 10)
		for rater := range 3 {
			for round := 1; round <= 1+record%4/3; round++ {
				rating := min(max(int(quality+rng.NormFloat64()), 1), 10)
				guess := []string{"real", "synthetic", "unknown", origin}[rng.IntN(4)]
				fmt.Fprintf(&b, "%d,r%d,%d,%s,%d,%s,%d,%d,p%d,%d\n", record, rater, rating, origin, round, guess, 1+rng.IntN(5), rng.IntN(2), record/2, judge)
			}
		}
	}
	path := filepath.Join(t.TempDir(), "ratings.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
