package ratings_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/metric/ratings"
)

// judged are pairs of records that a judge has scored, but for one.
const judged = `record,rater,rating,origin,pair,judge
s1,ann,2,synthetic,a,3
s2,ann,4,synthetic,b,4
s3,ann,6,synthetic,c,8
s4,ann,3,synthetic,,2
r1,ann,7,real,a,7
r2,ann,5,real,b,
r3,ann,8,real,c,9
r4,ann,9,real,,9
s1,bob,4,synthetic,a,3
r1,bob,5,real,a,7
r2,bob,9,real,b,
`

func TestPairsByHand(t *testing.T) {
	m := measure(t, judged, "")
	// ann's differences are -5, -1 and -2: mean -8/3, variance ((7/3)² + (5/3)² + (2/3)²)/2 = 13/3
	mean, sd := -8.0/3, math.Sqrt(13.0/3)
	if s := m.Score("paired_difference", "rater", "ann"); s.N != 3 || s.Interval == nil || s.Interval.Method != "Student's t, pairs" {
		t.Errorf("%+v", s)
	} else {
		close(t, s.Value, mean, "paired_difference")
		close(t, s.Interval.High, mean+4.302652729911275*sd/math.Sqrt(3), "its upper end, Student's t of 2 degrees of freedom")
	}
	close(t, m.Value("paired_d", "rater", "ann"), mean/sd, "paired_d")
	close(t, m.Value("wilcoxon_p", "rater", "ann"), 0.25, "wilcoxon_p: 2 of 8 signs are as extreme")
	if s := m.Score("paired_difference", "rater", "bob"); s.N != 1 || s.Value != -1 || s.Interval != nil {
		t.Errorf("one pair: %+v", s)
	}
	// means of records: s1 3, r1 6; s2 4, r2 7; s3 6, r3 8
	close(t, m.Value("paired_difference", "rater", "mean"), -8.0/3, "of the means")
	for _, s := range m.Scores {
		if strings.HasPrefix(s.Name, "paired") && s.Dims["rater"] == "all" {
			t.Errorf("ratings of one record are taken for pairs of their own: %+v", s)
		}
	}
}

func TestJudgeByHand(t *testing.T) {
	m := measure(t, judged, "")
	// ann 2 4 6 3 7 8 9, judge 3 4 8 2 7 9 9: ranks 1 3 4 2 5 6 7 and 2 3 5 1 4 6.5 6.5
	x, y := []float64{1, 3, 4, 2, 5, 6, 7}, []float64{2, 3, 5, 1, 4, 6.5, 6.5}
	var xy, xx, yy float64
	for i := range x {
		xy, xx, yy = xy+(x[i]-4)*(y[i]-4), xx+(x[i]-4)*(x[i]-4), yy+(y[i]-4)*(y[i]-4)
	}
	between := measure(t, strings.NewReplacer("c,8\n", "c,8.5\n").Replace(judged), "")
	if s := between.Score("judge_kappa", "rater", "ann", "weights", "quadratic"); s.Status != plugins.Undefined || !strings.HasPrefix(s.Reason, "scores of the judge are not whole") {
		t.Errorf("mean scores of a judge: %+v", s)
	}
	s := m.Score("judge_correlation", "rater", "ann")
	if s.N != 7 || s.Interval == nil {
		t.Errorf("%+v", s)
	}
	close(t, s.Value, xy/math.Sqrt(xx*yy), "judge_correlation")
	close(t, m.Value("judge_difference", "rater", "ann"), (39.0-42)/7, "judge_difference")
	close(t, m.Value("judge_difference", "rater", "mean"), (3.0-3+4-4+6-8+3-2+6-7+8-9+9-9)/7, "judge_difference of means")
	// categories 2 to 9; observed Σ(a-b)² 1+0+4+1+0+1+0, expected Σ(a-b)²/n over all 49 pairs
	observed, expected := 7.0, 0.0
	for _, a := range []float64{2, 4, 6, 3, 7, 8, 9} {
		for _, b := range []float64{3, 4, 8, 2, 7, 9, 9} {
			expected += (a - b) * (a - b) / 7
		}
	}
	close(t, m.Value("judge_kappa", "rater", "ann", "weights", "quadratic"), 1-observed/expected, "judge_kappa")
	// synthetic 3 4 8 2: mean 4.25, squares 20.75; real 7 9 9: mean 25/3, squares 8/3
	close(t, m.Value("judge_cohens_d"), (4.25-25.0/3)/math.Sqrt((20.75+8.0/3)/5), "judge_cohens_d")
	for _, s := range measure(t, scored, "").Scores {
		if strings.HasPrefix(s.Name, "judge") || strings.HasPrefix(s.Name, "paired") || strings.HasSuffix(s.Name, "change") {
			t.Errorf("a file without pairs, judge and an earlier round has %+v", s)
		}
	}
}

func TestChangeSinceARound(t *testing.T) {
	before := filepath.Join(t.TempDir(), "before.csv")
	text := "record,rater,rating,origin\n"
	for i, v := range []int{1, 2, 3, 2, 7, 8, 9, 8} {
		origin := []string{"synthetic", "real"}[i/4]
		text += fmt.Sprintf("x%d,ann,%d,%s\nx%d,cy,%d,%s\n", i, v, origin, i, min(v+1, 10), origin)
	}
	if err := os.WriteFile(before, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m := measure(t, scored, fmt.Sprintf(`"atMost": 4, "before": %q`, before))
	d := func(with, rater string) float64 { return measure(t, with, "").Value("cohens_d", "rater", rater) }
	for _, rater := range []string{"ann", "all", "mean"} {
		s := m.Score("cohens_d_change", "rater", rater)
		close(t, s.Value, d(scored, rater)-d(text, rater), "cohens_d_change", rater)
		if s.Interval == nil || s.Interval.Low >= s.Value || s.Interval.High <= s.Value {
			t.Errorf("%+v", s)
		}
	}
	close(t, m.Value("share_change", "origin", "synthetic", "rater", "ann"), 0.75-1, "share_change")
	for _, s := range m.Scores {
		if strings.HasSuffix(s.Name, "_change") && (s.Dims["rater"] == "bob" || s.Dims["rater"] == "cy") {
			t.Errorf("a rater of one round has %+v", s)
		}
	}
	if files, err := built(t, `{"path": "a.csv", "before": "b.tsv"}`).(plugins.Filed).Files(); err != nil || fmt.Sprint(files) != "[{ratings a.csv} {ratings before (tab) b.tsv}]" {
		t.Errorf("%v, %v", files, err)
	}
	m0, info := metrictest.Build(t, ratings.Register, "ratings", write(t, "ratings.csv", scored, `"before": "/no/such.csv"`))
	if _, err := m0.Measure(t.Context(), metrictest.Env(info, 1, 1), pair()); err == nil {
		t.Error("a file that is not there is read")
	}
	if err := m0.(plugins.Filed).Check(t.Context()); err == nil {
		t.Error("a file that is not there passes the check")
	}
}

func built(t *testing.T, settings string) plugins.Metric {
	t.Helper()
	m, _ := metrictest.Build(t, ratings.Register, "ratings", settings)
	return m
}

func TestFaultsOfPairsAndJudges(t *testing.T) {
	for want, text := range map[string]string{
		"ratings.csv:3:12: column \"pair\": the record is of another pair":     "record,rater,rating,origin,pair\na,x,1,real,p\na,y,1,real,q\n",
		"the pair has another record of this origin in a row above":            "record,rater,rating,origin,pair\na,x,1,real,p\nb,x,1,real,p\n",
		"records have pairs, and the file has no column of origins":            "record,rater,rating,pair\na,x,1,p\n",
		"column \"judge\": the record has another score of the judge in a row": "record,rater,rating,judge\na,x,1,5\na,y,1,6\n",
		"column \"judge\"": "record,rater,rating,judge\na,x,1,five\n",
	} {
		m, info := metrictest.Build(t, ratings.Register, "ratings", write(t, "ratings.csv", text, ""))
		if _, err := m.Measure(t.Context(), metrictest.Env(info, 1, 1), pair()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}
