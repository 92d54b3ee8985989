package ratings_test

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/metric/ratings"
)

// write makes a file of ratings, and settings that name it.
func write(t testing.TB, name, text, with string) (settings string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	fields := map[string]any{}
	if err := json.Unmarshal([]byte("{"+with+"}"), &fields); err != nil {
		t.Fatal(err)
	}
	fields["path"] = path
	out, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// pair is one of no rows: the metric reads none.
func pair() *plugins.Pair {
	return plugins.NewPair(plugins.NewParts(nil), frame.Must(), "")
}

func measure(t testing.TB, text, with string) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, ratings.Register, "ratings", write(t, "ratings.csv", text, with), pair())
}

// scored are nine records with one rating by each of two raters, but for one, and some repeats.
const scored = `record,rater,rating,origin,round,guess,confidence,flag
s1,ann,2,synthetic,1,synthetic,9,1
s1,bob,3,synthetic,1,synthetic,8,yes
s2,ann,4,synthetic,1,unknown,1,0
s2,bob,4,synthetic,1,real,3,no
s3,ann,6,synthetic,1,real,2,0
s3,bob,,synthetic,1,,,
s4,ann,3,synthetic,1,synthetic,7,TRUE
s4,bob,5,synthetic,1,real,2,false
r1,ann,7,real,1,real,6,0
r1,bob,8,real,1,real,5,0
r2,ann,5,real,1,synthetic,2,0
r2,bob,5,real,1,unknown,1,0
r3,ann,8,real,1,real,8,0
r3,bob,7,real,1,real,6,0
r4,ann,9,real,1,real,9,0
r4,bob,8,real,1,synthetic,4,1
r1,ann,7,real,2,,,
r2,ann,6,real,2,,,
s1,ann,2,synthetic,2,,,
s1,ann,1,synthetic,3,,,
`

func close(t *testing.T, got, want float64, what ...any) {
	t.Helper()
	if math.Abs(got-want) > 1e-9*(1+math.Abs(want)) {
		t.Errorf("%v: %v, want %v", what, got, want)
	}
}

func TestByHand(t *testing.T) {
	m := measure(t, scored, `"atMost": 4, "atLeast": 7, "range": {"min": 1, "max": 10}`)
	for _, c := range []struct {
		want float64
		n    int
		name string
		dims []string
	}{
		{3.75, 4, "rating_mean", []string{"origin", "synthetic", "rater", "ann"}},
		{27.0 / 7, 7, "rating_mean", []string{"origin", "synthetic", "rater", "all"}},
		{(2.5 + 4 + 6 + 4) / 4, 4, "rating_mean", []string{"origin", "synthetic", "rater", "mean"}},
		{math.Sqrt(8.75 / 3), 4, "rating_sd", []string{"origin", "synthetic", "rater", "ann"}},
		{3.75 - 7.25, 8, "mean_difference", []string{"rater", "ann"}},
		{-3.5 / math.Sqrt((8.75+8.75)/6), 8, "cohens_d", []string{"rater", "ann"}},
		{-3.5 / math.Sqrt((8.75+8.75)/6) * (1 - 3.0/23), 8, "hedges_g", []string{"rater", "ann"}},
		{1.0 / 16, 8, "mann_whitney_auc", []string{"rater", "ann"}},
		{1, 8, "mann_whitney_u", []string{"rater", "ann"}},
		{0.75, 4, "share", []string{"origin", "synthetic", "rater", "ann", "of", "at most"}},
		{0.75, 4, "share", []string{"origin", "real", "rater", "mean", "of", "at least"}},
		{5.0 / 7, 7, "share", []string{"origin", "synthetic", "rater", "all", "of", "at most"}},
		{-0.75, 8, "share_difference", []string{"rater", "ann", "of", "at least"}},
		{0.5, 4, "share", []string{"origin", "synthetic", "rater", "ann", "of", "flag"}},
		{3.0/7 - 1.0/8, 15, "share_difference", []string{"rater", "all", "of", "flag"}},
		{1, 7, "share_p", []string{"rater", "bob", "of", "flag"}},
		{2.0 / 7, 7, "raw_agreement", []string{"raters", "ann and bob"}},
		{2.0 / 7, 7, "raw_agreement", []string{"raters", "all"}},
		{2.0 / 3, 3, "intra_rater_agreement", []string{"rater", "ann"}},
		{2.0 / 3, 3, "intra_rater_agreement", []string{"rater", "all"}},
		{0.25, 4, "blinding_index", []string{"origin", "synthetic", "rater", "ann"}},
		{0.5, 4, "blinding_index", []string{"origin", "real", "rater", "ann"}},
		{3.0/8 - 0 + 2.0/8 - 2.0/8, 8, "blinding_index", []string{"origin", "real", "rater", "all"}},
		{(9 + 7 + 6 + 8 + 9) / 5.0, 5, "confidence", []string{"rater", "ann", "guess", "right"}},
		{2, 2, "confidence", []string{"rater", "ann", "guess", "wrong"}},
	} {
		s := m.Score(c.name, c.dims...)
		if s.Status != plugins.OK || s.N != c.n {
			t.Errorf("%s %v is %s (%s) of %d, want %d", c.name, c.dims, s.Status, s.Reason, s.N, c.n)
			continue
		}
		close(t, s.Value, c.want, c.name, c.dims)
	}
	counts := map[string]int{}
	for _, c := range m.Counts {
		counts[c.Name] = c.Value
	}
	want := map[string]int{
		"rows of ratings read": 20, "raters": 2, "records to rate": 8, "records without a rating": 0, "ratings": 15, "ratings missing": 1,
		"repeated ratings": 3, "ratings of third and later rounds, not used": 1, "guesses missing": 1, "flags missing": 1,
	}
	if fmt.Sprint(counts) != fmt.Sprint(want) {
		t.Errorf("counts are %v, want %v", counts, want)
	}
}

func TestTheRecordIsTheUnit(t *testing.T) {
	m := measure(t, scored, `"atMost": 4`)
	for _, c := range []struct{ name, rater, method string }{
		{"mean_difference", "ann", "Welch's t"},
		{"mean_difference", "mean", "Welch's t"},
		{"mean_difference", "all", "percentile bootstrap, 1000 resamples"},
		{"cohens_d", "ann", "percentile bootstrap, 1000 resamples"},
		{"cohens_d", "mean", "percentile bootstrap, 1000 resamples"},
	} {
		i := m.Score(c.name, "rater", c.rater).Interval
		if i == nil || i.Method != c.method || i.Unit != "records" {
			t.Errorf("%s of %s has the interval %+v, want %s", c.name, c.rater, i, c.method)
		}
	}
	for _, c := range []struct{ rater, method string }{{"bob", "Wilson"}, {"mean", "Wilson"}, {"all", "Wilson, Kish's effective number"}} {
		if i := m.Score("share", "origin", "synthetic", "rater", c.rater, "of", "at most").Interval; i == nil || i.Method != c.method {
			t.Errorf("the share of %s has the interval %+v, want %s", c.rater, i, c.method)
		}
	}
	for _, s := range []plugins.Score{m.Score("mann_whitney_p", "rater", "all"), m.Score("share_p", "rater", "all", "of", "at most")} {
		if s.Status != plugins.Undefined || !strings.Contains(s.Reason, "hang together") {
			t.Errorf("%s takes ratings of one record for independent: %+v", s.Name, s)
		}
	}
}

// Every score with a value has an interval, says why it has none, or is declared to have none.
func TestEveryScoreHasAnIntervalOrAReason(t *testing.T) {
	declared := map[string]string{}
	r := &plugins.Registry{}
	ratings.Register(r)
	for _, s := range r.Metrics.Get("ratings").Info.Scores {
		declared[s.Name] = s.NoInterval
	}
	for _, with := range []string{`"atMost": 4, "atLeast": 7`, `"resamples": 0`, `"atMost": -9, "level": 0.5`} {
		for _, s := range measure(t, scored, with).Scores {
			warned := slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.HasPrefix(w, plugins.WithoutInterval) })
			switch i := s.Interval; {
			case s.Status != plugins.OK || declared[s.Name] != "":
			case (i == nil) == !warned:
				t.Errorf("%s: %s %v: interval %v, warnings %q", with, s.Name, s.Dims, i, s.Warnings)
			case i != nil && !(i.Low < i.High && i.Low <= s.Value+1e-9 && i.High >= s.Value-1e-9) && !strings.HasPrefix(i.Method, "percentile"):
				t.Errorf("%s: %s %v is %v in [%v, %v]", with, s.Name, s.Dims, s.Value, i.Low, i.High)
			}
		}
	}
}

// reference is where the reference values are.
var reference = filepath.Join("..", "reference", "testdata")

// long turns columns of the table of audited records into ratings.
func long(t *testing.T, raters ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(reference, "audit", "ratings.csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(content))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) int { return slices.Index(rows[0], name) }
	var b strings.Builder
	b.WriteString("record,rater,rating,origin,flag\n")
	for _, row := range rows[1:] {
		for _, rater := range raters {
			fmt.Fprintf(&b, "%s,%s,%s,%s,%s\n", row[at("record_id")], rater, row[at(rater)], row[at("source")], row[at("flagged")])
		}
	}
	return b.String()
}

// expected is a reference value.
func expected(t *testing.T, metric, leaf string) float64 {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(reference, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Entries []struct {
			Metric string
			Value  json.RawMessage
		}
	}
	if err := json.Unmarshal(content, &all); err != nil {
		t.Fatal(err)
	}
	for _, e := range all.Entries {
		var leaves map[string]float64
		if e.Metric == metric && json.Unmarshal(e.Value, &leaves) == nil {
			if v, ok := leaves[leaf]; ok {
				return v
			}
		}
	}
	t.Fatalf("no reference value %s.%s", metric, leaf)
	return 0
}

func TestReferenceValues(t *testing.T) {
	one := measure(t, long(t, "score"), "")
	three := measure(t, long(t, "full1", "full2", "full3"), "")
	gaps := measure(t, long(t, "m1", "m2", "m3", "m4"), "")
	only := []string{"rater", "score"}
	flag := func(origin string) plugins.Score {
		return one.Score("share", "origin", origin, "rater", "score", "of", "flag")
	}
	kappa := func(weights string) plugins.Score {
		return three.Score("cohen_kappa", "raters", "full1 and full2", "weights", weights)
	}
	for _, c := range []struct {
		metric, leaf string
		got          float64
		tolerance    float64 // of normal quantiles, where it is one
	}{
		{"audit_cohens_d", "cohens_d", one.Value("cohens_d", only...), 1e-9},
		{"audit_cohens_d", "hedges_g", one.Value("hedges_g", only...), 1e-9},
		{"audit_cohens_d", "mean_difference", one.Value("mean_difference", only...), 1e-9},
		{"audit_cohens_d", "mean_difference", one.Value("mean_difference", "rater", "mean"), 1e-9},
		{"audit_cohens_d", "welch_ci95_low", one.Score("mean_difference", only...).Interval.Low, 1e-9},
		{"audit_cohens_d", "welch_ci95_high", one.Score("mean_difference", "rater", "all").Interval.High, 1e-9},
		{"audit_mann_whitney", "u", one.Value("mann_whitney_u", only...), 1e-9},
		{"audit_mann_whitney", "auc", one.Value("mann_whitney_auc", only...), 1e-9},
		{"audit_mann_whitney", "p_value", one.Value("mann_whitney_p", "rater", "all"), 1e-9},
		{"flagged_share_real", "share", flag("real").Value, 1e-12},
		{"flagged_share_real", "wilson_low", flag("real").Interval.Low, 1e-9},
		{"flagged_share_synthetic", "wilson_high", flag("synthetic").Interval.High, 1e-9},
		{"flagged_share_difference", "newcombe_low", one.Score("share_difference", "rater", "score", "of", "flag").Interval.Low, 1e-9},
		{"flagged_share_difference", "newcombe_high", one.Score("share_difference", "rater", "score", "of", "flag").Interval.High, 1e-9},
		{"flagged_share_difference", "fisher_p", one.Value("share_p", "rater", "score", "of", "flag"), 1e-9},
		{"cohen_kappa", "unweighted", kappa("unweighted").Value, 1e-9},
		{"cohen_kappa", "linear", kappa("linear").Value, 1e-9},
		{"cohen_kappa", "quadratic", kappa("quadratic").Value, 1e-9},
		{"cohen_kappa_statsmodels", "ci_low", kappa("unweighted").Interval.Low, 1e-9},
		{"cohen_kappa_statsmodels", "ci_high", kappa("unweighted").Interval.High, 1e-9},
		{"fleiss_kappa", "fleiss", three.Value("fleiss_kappa"), 1e-9},
		{"fleiss_kappa", "rand", three.Value("randolph_kappa"), 1e-9},
		{"raw_agreement", "percent_agreement_12", three.Value("raw_agreement", "raters", "full1 and full2"), 1e-9},
		{"raw_agreement", "all_three", three.Value("raw_agreement", "raters", "all"), 1e-9},
		{"krippendorff_alpha", "nominal", gaps.Value("krippendorff_alpha", "scale", "nominal"), 1e-9},
		{"krippendorff_alpha", "ordinal", gaps.Value("krippendorff_alpha", "scale", "ordinal"), 1e-9},
		{"krippendorff_alpha", "interval", gaps.Value("krippendorff_alpha", "scale", "interval"), 1e-9},
	} {
		if want := expected(t, c.metric, c.leaf); math.Abs(c.got-want) > c.tolerance*(1+math.Abs(want)) {
			t.Errorf("%s.%s is %v, want %v", c.metric, c.leaf, c.got, want)
		}
	}
}

// An ICC of a published table: P. E. Shrout, J. L. Fleiss (1979), table 2, has 0.29 for ICC(2,1).
func TestPublishedICC(t *testing.T) {
	var b strings.Builder
	b.WriteString("record,rater,rating\n")
	for i, row := range [][]int{{9, 2, 5, 8}, {6, 1, 3, 2}, {8, 4, 6, 8}, {7, 1, 2, 6}, {10, 5, 6, 9}, {6, 2, 4, 7}} {
		for j, v := range row {
			fmt.Fprintf(&b, "%d,judge %d,%d\n", i, j, v)
		}
	}
	m := measure(t, b.String(), "")
	if s := m.Score("icc"); math.Round(100*s.Value) != 29 || s.N != 6 || s.Interval == nil {
		t.Errorf("%+v", s)
	}
	if s := m.Score("cohens_d", "rater", "all"); s.Status != plugins.Undefined || !strings.Contains(s.Reason, "no column of origins") {
		t.Errorf("without origins: %+v", s)
	}
	if s := m.Score("rating_mean", "origin", "all", "rater", "judge 0"); s.Value != 46.0/6 {
		t.Errorf("%+v", s)
	}
}

// Names of columns and origins, delimiters and other formats change nothing.
func TestTheSameRatingsInAnotherForm(t *testing.T) {
	plain := `"atMost": 4`
	want := measure(t, scored, plain)
	lines := strings.Split(strings.TrimSpace(scored), "\n")
	shuffled := slices.Clone(lines[1:])
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	for _, c := range []struct{ name, file, text, with string }{
		{"order of rows", "r.csv", lines[0] + "\n" + strings.Join(shuffled, "\n"), plain},
		{"tabs", "r.tsv", strings.ReplaceAll(scored, ",", "\t"), plain},
		{"semicolons", "r.csv", strings.ReplaceAll(scored, ",", ";"), plain + `, "delimiter": ";"`},
		{
			"names of columns", "r.csv", "id,who,score,where,pass,takes for,sure,odd\n" + strings.Join(lines[1:], "\n"),
			plain + `, "columns": {"record": "id", "rater": "who", "rating": "score", "origin": "where", "round": "pass", "guess": "takes for", "confidence": "sure", "flag": "odd"}`,
		},
		{
			"other columns", "r.csv", strings.ReplaceAll(strings.ReplaceAll(scored, "\n", ",\n"), "flag,\n", "flag,remark\n"), plain,
		},
		{"code of a missing value", "r.csv", strings.ReplaceAll(scored, "bob,,synthetic", "bob,NA,synthetic"), plain + `, "missing": ["NA"]`},
	} {
		got := metrictest.Measure(t, ratings.Register, "ratings", write(t, c.file, c.text, c.with), pair())
		if a, b := fmt.Sprint(dereferenced(got.Scores)), fmt.Sprint(dereferenced(want.Scores)); a != b {
			t.Errorf("%s: scores are\n%s\nwant\n%s", c.name, a, b)
		}
	}
	other := strings.NewReplacer(",synthetic", ",after", ",real", ",before").Replace(scored)
	if got := measure(t, other, plain+`, "origins": ["after", "before"]`); got.Value("cohens_d", "rater", "ann") != want.Value("cohens_d", "rater", "ann") {
		t.Error("names of origins matter")
	}
	if got := measure(t, scored, plain+`, "origins": ["real", "synthetic"]`); got.Value("cohens_d", "rater", "ann") != -want.Value("cohens_d", "rater", "ann") {
		t.Error("exchanged origins do not turn the sign")
	}
}

func dereferenced(scores []plugins.Score) []string {
	var out []string
	for _, s := range scores {
		text, _ := json.Marshal(s) // plain values
		out = append(out, string(text))
	}
	return out
}

// secret stands in fields that are wrong; no message may show it.
const secret = "7777"

func TestWrongFilesAreFaultedWithTheirPlace(t *testing.T) {
	for _, c := range []struct{ name, text, with, want string }{
		{"no rows", "record,rater,rating\n", "", "ratings.csv: no row below the header; want one for each rating"},
		{"column that has to be there", "record,rater,score\na,b,1\n", "", `ratings.csv:1: no column named "rating"`},
		{"column that is named", "record,rater,rating,origin\na,b,1,real\n", `"columns": {"origin": "orign"}`, `ratings.csv:1: no column named "orign"; did you mean "origin"?`},
		{"text", "record,rater,rating\na,b,1\nc,b,x7777\n", "", `ratings.csv:3:5: column "rating": text in a number column`},
		{"infinite", "record,rater,rating\na,b,Inf\n", "", `ratings.csv:2:5: column "rating": text in a number column`},
		{"no record", "record,rater,rating\na,b,1\n,b,1\n", "", `ratings.csv:3:1: column "record": no record; every rating needs one`},
		{"no rater", "record,rater,rating\na,,1\n", "", `ratings.csv:2:3: column "rater": no rater; every rating needs one`},
		{"no origin", "record,rater,rating,origin\na,b,1,\n", "", `ratings.csv:2:7: column "origin": no origin; every rating needs one`},
		{"other origin", "record,rater,rating,origin\na,b,1,real\na,c,1,7777\n", "", `ratings.csv:3:7: column "origin": is neither "synthetic" nor "real"; "origins" says what they are called`},
		{"two origins", "record,rater,rating,origin\na,b,1,real\na,c,1,synthetic\n", "", `ratings.csv:3:7: column "origin": the record has another origin in a row above`},
		{"repeated", "record,rater,rating\na,b,7777\nc,b,2\na,b,1\n", "", `ratings.csv:4:1: column "record": the rater has rated the record in a row above; a column "round" can tell repeats apart`},
		{"repeated in a round", "record,rater,rating,round\na,b,1,1\na,b,,2\na,b,3,1.0\n", "", `ratings.csv:4:7: column "round": the rater has rated the record in this round in a row above`},
		{"below the range", "record,rater,rating\na,b,1\nc,b,-7777\n", `"range": {"min": 1, "max": 10}`, `ratings.csv:3:5: column "rating": outside the range from 1 to 10`},
		{"above the range", "record,rater,rating\na,b,7777\n", `"range": {"min": 1, "max": 10}`, `ratings.csv:2:5: column "rating": outside the range from 1 to 10`},
		{"guess", "record,rater,rating,origin,guess\na,b,1,real,7777\n", `"unknown": "?"`, `ratings.csv:2:12: column "guess": is none of "synthetic", "real" and "?"`},
		{"flag", "record,rater,rating,flag\na,b,1,7777\n", "", `ratings.csv:2:7: column "flag": is no flag; want 1 or 0, true or false, yes or no`},
		{"confidence", "record,rater,rating,confidence\na,b,1,x7777\n", "", `ratings.csv:2:7: column "confidence": text in a number column`},
		{"reserved name", "record,rater,rating\na,mean,1\n", "", `ratings.csv:2:3: column "rater": a rater is called as scores of several raters are; want another name than "all" and "mean"`},
		{"fields", "record,rater,rating\na,b\n", "", "ratings.csv:2"},
	} {
		m, info := metrictest.Build(t, ratings.Register, "ratings", write(t, "ratings.csv", c.text, c.with))
		_, err := m.Measure(t.Context(), metrictest.Env(info, 1, 1), pair())
		var fault *frame.FileError
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || !errors.As(err, &fault) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v\nwant %s", c.name, err, c.want)
		}
		if checked := m.(plugins.Filed).Check(t.Context()); checked == nil || checked.Error() != err.Error() {
			t.Errorf("%s: a check says %v", c.name, checked)
		}
	}
	m, info := metrictest.Build(t, ratings.Register, "ratings", `{"path": "nowhere/ratings.csv"}`)
	if _, err := m.Measure(t.Context(), metrictest.Env(info, 1, 1), pair()); err == nil || err.Error() != "ratings.csv: no such file" {
		t.Errorf("an absent file: %v", err)
	}
}

func TestWrongSettings(t *testing.T) {
	for with, want := range map[string]string{
		`{}`: "path", `{"path": "x", "delimiter": "é"}`: "delimiter", `{"path": "x", "origins": ["a", "a"]}`: "origins",
		`{"path": "x", "origins": ["a", ""]}`: "origins", `{"path": "x", "unknown": "real"}`: "unknown", `{"path": "x", "range": {"min": 2, "max": 2}}`: "range",
		`{"path": "x", "level": 1}`: "level", `{"path": "x", "resamples": -1}`: "resamples",
		`{"path": "x", "columns": {"record": "rater"}}`:         `both the record and the rater`,
		`{"path": "x", "columns": {"guess": "g", "flag": "g"}}`: "both the guess and the flag",
	} {
		r := &plugins.Registry{}
		ratings.Register(r)
		if _, _, err := r.Metrics.Get("ratings").Build(json.RawMessage(with)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", with, err)
		}
	}
	// a column that need not be there gives way to one that is called like it
	if m := measure(t, "record,rater,confidence\na,b,1\nc,b,2\n", `"columns": {"rating": "confidence"}`); m.Value("rating_mean", "origin", "all", "rater", "b") != 1.5 {
		t.Error("the ratings are not read from the column that is named")
	}
}

// Whatever the ratings are, scores are in their range or have a reason: metrictest checks it.
func TestOddRatings(t *testing.T) {
	for name, text := range map[string]string{
		"one":           "record,rater,rating,origin,guess,confidence,flag\na,b,1,real,real,1,1\n",
		"all missing":   "record,rater,rating,origin,guess,confidence,flag\na,b,,real,,,\nc,b,,synthetic,,,\n",
		"one origin":    "record,rater,rating,origin,guess\na,b,1,real,real\na,c,2,real,real\nd,b,3,real,real\n",
		"constant":      "record,rater,rating,origin,round\na,x,5,real,1\na,y,5,real,1\nb,x,5,synthetic,1\nb,y,5,synthetic,1\na,x,5,real,2\n",
		"huge":          "record,rater,rating,origin\na,x,1e308,real\na,y,-1e308,real\nb,x,1.7e308,synthetic\nb,y,-1.7e308,synthetic\nc,x,1e300,real\nc,y,1e300,real\n",
		"tiny":          "record,rater,rating,origin\na,x,1e-300,real\na,y,2e-300,real\nb,x,3e-300,synthetic\nb,y,1e-300,synthetic\nc,x,0,real\nc,y,1e-320,real\n",
		"silent rater":  "record,rater,rating\na,x,1\na,y,2\na,z,\nb,x,2\nb,y,2\nb,z,\nc,x,1\nc,y,3\n",
		"texts as runs": "record,rater,rating,round\na,x,1,pilot\na,x,3,main\nb,x,2,main\nb,x,2,pilot\nc,x,4,main\n",
		"odd names":     "record,rater,rating,origin\n\"a,\"\"b\",NA,1,real\n\" \",NA,2,synthetic\nnan,\"é, all\",3,real\n\" \",\"é, all\",3,synthetic\n",
	} {
		m := measure(t, text, `"atMost": 2, "resamples": 30`)
		if len(m.Scores) < 15 {
			t.Errorf("%s: %d scores", name, len(m.Scores))
		}
	}
	silent := measure(t, "record,rater,rating\na,x,1\na,y,2\na,z,\nb,x,2\nb,y,2\nb,z,\nc,x,1\nc,y,3\n", "")
	if s := silent.Score("icc"); s.Status != plugins.OK || s.N != 3 {
		t.Errorf("a rater without a rating leaves no complete record: %+v", s)
	}
}

func TestRatingsThatAreNoCategories(t *testing.T) {
	halves := measure(t, "record,rater,rating\na,x,1.5\na,y,1.5\nb,x,2\nb,y,2.5\nc,x,3\nc,y,3\n", "")
	if s := halves.Score("cohen_kappa", "raters", "x and y", "weights", "quadratic"); s.Status != plugins.Undefined || !strings.Contains(s.Reason, "whole") {
		t.Errorf("%+v", s)
	}
	if s := halves.Score("cohen_kappa", "raters", "x and y", "weights", "unweighted"); s.Status != plugins.OK {
		t.Errorf("%+v", s)
	}
	var b strings.Builder
	b.WriteString("record,rater,rating\n")
	rng := rand.New(rand.NewPCG(3, 3))
	for i := range 1500 {
		v := rng.NormFloat64()
		fmt.Fprintf(&b, "%d,x,%v\n%d,y,%v\n", i, v, i, v+0.1*rng.NormFloat64())
	}
	many := measure(t, b.String(), `"resamples": 20`)
	for _, s := range many.Scores {
		if strings.Contains(s.Name, "kappa") || s.Name == "krippendorff_alpha" {
			if s.Status != plugins.Undefined {
				t.Errorf("%s %v of 3,000 different ratings is %v", s.Name, s.Dims, s.Value)
			}
		}
	}
	if many.Value("icc") < 0.95 {
		t.Error("the raters agree")
	}
}

// With ratings of one record that hang together, the bootstrap over records covers the truth, and an interval by ratings would not.
func TestIntervalsCoverTheTruth(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates many reviews")
	}
	const trials, records, raters = 200, 50, 4
	covered := map[string]int{}
	for trial := range trials {
		rng := rand.New(rand.NewPCG(uint64(trial), 9))
		var b strings.Builder
		b.WriteString("record,rater,rating,origin\n")
		for i := range 2 * records {
			origin, own := "real", 1+rng.NormFloat64()
			if i < records {
				origin, own = "synthetic", own-1
			}
			for r := range raters {
				fmt.Fprintf(&b, "%d,r%d,%v,%s\n", i, r, own+rng.NormFloat64(), origin)
			}
		}
		path := filepath.Join(t.TempDir(), "r.csv")
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		m, info := metrictest.Build(t, ratings.Register, "ratings", fmt.Sprintf(`{"path": %q, "resamples": 200}`, path))
		out, err := m.Measure(t.Context(), metrictest.Env(info, 2, 1), pair())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name, rater string
			truth       float64
		}{
			{"mean_difference", "all", -1},
			{"cohens_d", "all", -1 / math.Sqrt2},
			{"cohens_d", "r0", -1 / math.Sqrt2},
			{"cohens_d", "mean", -1 / math.Sqrt(1.25)},
			{"mean_difference", "mean", -1},
		} {
			at := slices.IndexFunc(out.Scores, func(s plugins.Score) bool { return s.Name == c.name && s.Dims["rater"] == c.rater })
			if i := out.Scores[at].Interval; i.Low <= c.truth && c.truth <= i.High {
				covered[c.name+" "+c.rater]++
			}
		}
	}
	for what, n := range covered {
		// 0.95 less four standard errors, and what the percentiles of 200 resamples lose
		if share := float64(n) / trials; share < 0.95-4*math.Sqrt(0.95*0.05/trials)-0.02 {
			t.Errorf("%s covers the truth in %v of %d reviews", what, share, trials)
		}
	}
}

func TestRolesOfFilesHoldNoPath(t *testing.T) {
	for path, want := range map[string]string{"/somewhere/ratings.csv": "ratings", "a/b.tsv": "ratings (tab)", "b.TSV.gz": "ratings (tab)", "x.parquet": "ratings"} {
		m, _ := metrictest.Build(t, ratings.Register, "ratings", fmt.Sprintf(`{"path": %q}`, path))
		if files, err := m.(plugins.Filed).Files(); err != nil || len(files) != 1 || files[0].Role != want || files[0].Path != path {
			t.Errorf("%s: %v, %v", path, files, err)
		}
	}
}

// FuzzFile reads any text: it is a file of ratings or has a fault, and no scores are out of their range.
func FuzzFile(f *testing.F) {
	f.Add(scored, uint8(4))
	f.Add("record,rater,rating,round\na,b,1,x\na,b,2,2\n", uint8(0))
	f.Add("record,rater,rating,flag\n\"a\n\",b,-1e308,no\nc,b,1e308,\n", uint8(1))
	f.Fuzz(func(t *testing.T, text string, threshold uint8) {
		with := write(t, "ratings.csv", text, fmt.Sprintf(`"atMost": %d, "resamples": 5`, threshold))
		m, info := metrictest.Build(t, ratings.Register, "ratings", with)
		if _, err := m.Measure(t.Context(), metrictest.Env(info, 1, 1), pair()); err == nil {
			metrictest.Measure(t, ratings.Register, "ratings", with, pair())
		}
	})
}

func BenchmarkReview(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	var text strings.Builder
	text.WriteString("record,rater,rating,origin,guess,flag\n")
	for i := range 1000 {
		origin := []string{"real", "synthetic"}[i%2]
		for r := range 5 {
			fmt.Fprintf(&text, "%d,r%d,%d,%s,%s,%d\n", i, r, 1+rng.IntN(10), origin, []string{"real", "synthetic", "unknown"}[rng.IntN(3)], rng.IntN(2))
		}
	}
	m, info := metrictest.Build(b, ratings.Register, "ratings", write(b, "ratings.csv", text.String(), `"atMost": 6`))
	for b.Loop() {
		if _, err := m.Measure(b.Context(), metrictest.Env(info, 2, 1), pair()); err != nil {
			b.Fatal(err)
		}
	}
}

// A file that says of which synthetic rows it tells has scores in cells of these rows alone; one that does not say has a warning.
func TestRatingsOfOtherRows(t *testing.T) {
	made := frame.Must(frame.NewNumber("x", []float64{1, 2, 3}))
	of := func(text string, rows *frame.Frame) metrictest.Result {
		p := plugins.NewPair(plugins.NewParts(nil), rows, "")
		return metrictest.Measure(t, ratings.Register, "ratings", write(t, "ratings.csv", text, ""), p)
	}
	lines := strings.Split(strings.TrimSpace(scored), "\n")
	for i := range lines {
		lines[i] += "," + plugins.RowsID(made)
	}
	lines[0] = "record,rater,rating,origin,round,guess,confidence,flag,rows"
	named := strings.Join(lines, "\n") + "\n"
	want := measure(t, scored, "")
	for name, got := range map[string]metrictest.Result{"of these rows": of(named, made), "of no cell": measure(t, named, "")} {
		if !slices.Equal(dereferenced(got.Scores), dereferenced(want.Scores)) {
			t.Errorf("%s: other scores than without a column of rows", name)
		}
	}
	others, unnamed := of(named, made.Take([]int{1, 0, 2})), of(scored, made)
	if len(others.Scores) != len(want.Scores) || len(unnamed.Scores) != len(want.Scores) {
		t.Fatalf("%d and %d scores, want %d", len(others.Scores), len(unnamed.Scores), len(want.Scores))
	}
	for i, s := range others.Scores {
		if s.Status != plugins.Undefined || !strings.HasPrefix(s.Reason, "the ratings are of other synthetic rows than those of this cell") {
			t.Errorf("of other rows: %+v", s)
		}
		w := unnamed.Scores[i]
		if w.Status == plugins.OK && !slices.ContainsFunc(w.Warnings, func(text string) bool { return strings.HasPrefix(text, `the file of ratings has no column "rows"`) }) {
			t.Errorf("without a column of rows: %+v", w)
		}
	}
	_, err := built(t, write(t, "ratings.csv", named+"s1,cy,2,synthetic,1,,,,elsewhere\n", "")).Measure(t.Context(), plugins.Env{}, pair())
	if err == nil || !strings.Contains(err.Error(), `ratings.csv:22:24: column "rows": is not what the first row has; want ratings of the same synthetic rows in a file`) {
		t.Errorf("of two cells: %v", err)
	}
}
