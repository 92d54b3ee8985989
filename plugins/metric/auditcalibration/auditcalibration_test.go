package auditcalibration_test

import (
	"context"
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
	"github.com/ehrlab/ehrlab/plugins/metric/auditcalibration"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

const none = -1 // a record without a score

// lineup is a report on its way.
type lineup struct{ plugins.AuditReport }

func newLineup(threshold float64) *lineup {
	return &lineup{plugins.AuditReport{Audit: "judge", Scale: plugins.Scale{Min: 1, Max: 10, Keep: 7, Step: 1}, Threshold: threshold, Judged: &plugins.Judged{}}}
}

// add adds a record; a row of test is its origin.
func (l *lineup) add(source plugins.Source, row int, score float64, e *plugins.Planted) {
	v := plugins.Verdict{Status: plugins.Scored, Score: score}
	if score == none {
		v = plugins.Verdict{Status: plugins.Unparsable}
	}
	l.Judged.Verdicts = append(l.Judged.Verdicts, v)
	l.Sources, l.Origin, l.Planted = append(l.Sources, source), append(l.Origin, row), append(l.Planted, e)
	l.Second, l.Kept = append(l.Second, row%2 == 1), append(l.Kept, score >= l.Threshold)
}

// pair is a pair with rows of test, of subjects of so many rows each; 0: nothing says whose they are.
func pair(rows, perSubject int, reports ...plugins.AuditReport) *plugins.Pair {
	x, who := make([]float64, rows), make([]string, rows)
	for i := range who {
		if perSubject > 0 {
			who[i] = fmt.Sprintf("p%04d", i/perSubject)
		}
	}
	sample := plugins.Sample{Frame: frame.Must(frame.NewNumber("x", x))}
	if perSubject > 0 {
		sample.Subject = frame.NewCategoryFromStrings("subject", who, nil)
	}
	p := plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Test: sample}), sample.Frame.Take(nil), "")
	p.Audit = &plugins.Audited{Before: sample.Frame.Take(nil), Reports: reports}
	return p
}

func measure(t *testing.T, p *plugins.Pair, with string) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, auditcalibration.Register, "audit-calibration", with, p)
}

// The scores of untouched real records, and of records with an error.
var (
	realScores    = []float64{10, 10, 10, 10, 10, 10, 10, 10, 9, 9, 9, 9, 9, 9, 8, 8, 8, 8, 8, 7, 7, 6, 6, none}
	plantedScores = []float64{3, 3, 4, 5, 6, 7, 8, 2, none, 9}
)

func example() *lineup {
	l := newLineup(7)
	for i, score := range realScores {
		l.add(plugins.FromReal, i, score, nil)
	}
	for i, score := range plantedScores {
		e := &plugins.Planted{Kind: "unit: °F for °C", Columns: []string{"temperature"}, Detectable: true}
		switch {
		case i >= 8:
			e = &plugins.Planted{Kind: "swap", Columns: []string{"a", "b"}, Detectable: true}
		case i >= 4:
			e = &plugins.Planted{Kind: "unit: mmol/L for mg/dL", Columns: []string{"glucose"}}
		}
		l.add(plugins.FromPlanted, len(realScores)+i, score, e)
	}
	for _, score := range []float64{2, 10, 5, none} {
		l.add(plugins.FromShuffled, -1, score, nil)
	}
	for i, score := range []float64{7, 7, 9, 1, 6} {
		l.add(plugins.FromSynthetic, i, score, nil)
	}
	return l
}

// check compares a score with a value and an interval; NaN stands for no bound.
func check(t *testing.T, s plugins.Score, value, low, high float64, n int, unit string) {
	t.Helper()
	if s.Status != plugins.OK || math.Abs(s.Value-value) > 1e-12 || s.N != n {
		t.Errorf("%s %v is %s %v of %d, want %v of %d", s.Name, s.Dims, s.Status, s.Value, s.N, value, n)
		return
	}
	if math.IsNaN(low) {
		return
	}
	if i := s.Interval; i == nil || math.Abs(i.Low-low) > 1e-9 || math.Abs(i.High-high) > 1e-9 || i.Level != 0.95 || i.Unit != unit {
		t.Errorf("%s %v has the interval %+v, want %v to %v over %s", s.Name, s.Dims, s.Interval, low, high, unit)
	}
}

// Reference values: pairs counted one by one, DeLong's variance from its definition, Wilson's formula; in Python, with the normal
// quantile 1.959963984540054.
func TestReferenceValues(t *testing.T) {
	got := measure(t, pair(34, 1, example().AuditReport), "")
	of := func(name string, dims ...string) plugins.Score {
		return got.Score(name, append(dims, "auditor", "judge")...)
	}
	check(t, of("sensitivity"), 0.6, 0.31267376973365824, 0.8318196702937638, 10, "test subjects")
	check(t, of("specificity"), 22/24., 0.7415119780678932, 0.9768411847029566, 24, "test subjects")
	check(t, of("false_alarm_rate"), 2/24., 0.02315881529704332, 0.2584880219321068, 24, "test subjects")
	check(t, of("auroc"), 0.891304347826087, 0.6834015988130346, 0.9688959661307344, 32, "test subjects")
	check(t, of("threshold"), 7, math.NaN(), 0, 43, "")
	check(t, of("detectable_share"), 0.6, 0.31267376973365824, 0.8318196702937638, 10, "test subjects")
	check(t, of("sensitivity_detectable"), 4/6., math.NaN(), 0, 6, "")
	check(t, of("sensitivity_by_kind", "kind", "unit"), 6/8., math.NaN(), 0, 8, "")
	check(t, of("sensitivity_by_kind", "kind", "unit: °F for °C"), 1, math.NaN(), 0, 4, "")
	check(t, of("sensitivity_by_kind", "kind", "swap"), 0, math.NaN(), 0, 2, "")
	check(t, of("detectable_share_by_kind", "kind", "unit"), 0.5, math.NaN(), 0, 8, "")
	check(t, of("auroc_by_kind", "kind", "unit: °F for °C"), 1, math.NaN(), 0, 27, "")
	check(t, of("sensitivity_by_column", "kind", "unit", "column", "glucose"), 0.5, math.NaN(), 0, 4, "")
	check(t, of("detectable_share_by_column", "kind", "unit", "column", "glucose"), 0, math.NaN(), 0, 4, "")
	check(t, of("detectable_share_by_column", "kind", "unit", "column", "temperature"), 1, math.NaN(), 0, 4, "")
	// 2, 10 and 5 against 23: 10 ties with 8 and is above 15
	check(t, of("auroc_shuffled"), (23+4+23)/69., math.NaN(), 0, 26, "")
	check(t, of("auroc_synthetic"), ((21-1)*2+8+3+23+(21+1))/(5*23.), math.NaN(), 0, 28, "")
	for source, want := range map[string][3]float64{"real": {21 / 24., 1 / 24., 24}, "planted": {3 / 10., 1 / 10., 10}, "shuffled": {1 / 4., 1 / 4., 4}, "synthetic": {3 / 5., 0, 5}} {
		check(t, of("kept_share", "source", source), want[0], math.NaN(), 0, int(want[2]), "")
		check(t, of("unscored_share", "source", source), want[1], math.NaN(), 0, int(want[2]), "")
	}
	if w := of("auroc").Warnings; len(w) != 1 || w[0] != "2 records without a score are left out" {
		t.Errorf("warnings %q", w)
	}
}

// Rows of one subject count as if they were one.
func TestRowsOfOneSubject(t *testing.T) {
	got := measure(t, pair(34, 2, example().AuditReport), "")
	check(t, got.Score("specificity", "auditor", "judge"), 22/24., 0.646120088858883, 0.9851349055950829, 24, "test subjects")
	alone := measure(t, pair(34, 1, example().AuditReport), "").Score("auroc", "auditor", "judge")
	together := got.Score("auroc", "auditor", "judge")
	if alone.Value != together.Value || *alone.Interval == *together.Interval {
		t.Errorf("%+v, with two rows of each subject %+v", alone, together)
	}
	if unit := measure(t, pair(34, 0, example().AuditReport), "").Score("specificity", "auditor", "judge").Interval.Unit; unit != "test rows" {
		t.Errorf("the unit is %s where nothing says whose rows are", unit)
	}
}

// A threshold that was chosen on one half is rated on the other; what has no threshold rests on both.
func TestOnlyTheOtherHalfCounts(t *testing.T) {
	l := newLineup(7)
	l.Chosen = "specificity 0.95"
	for i := range 60 {
		score := 9.0
		if i%2 == 0 {
			score = 1 // of the half that the threshold was chosen on: all are wrong
		}
		l.add(plugins.FromReal, i, score, nil)
		l.add(plugins.FromPlanted, 60+i, 10-score, &plugins.Planted{Kind: "swap", Columns: []string{"a", "b"}})
	}
	got := measure(t, pair(120, 1, l.AuditReport), "")
	for name, want := range map[string]float64{"sensitivity": 1, "specificity": 1, "false_alarm_rate": 0} {
		s := got.Score(name, "auditor", "judge")
		check(t, s, want, math.NaN(), 0, 30, "")
		if len(s.Warnings) != 1 || s.Warnings[0] != "the threshold was chosen by specificity 0.95 on one half of the subjects: this is of the other half" {
			t.Errorf("%s warns %q", name, s.Warnings)
		}
	}
	check(t, got.Score("auroc", "auditor", "judge"), 0.5, math.NaN(), 0, 120, "")
	if !slices.ContainsFunc(got.Counts, func(c plugins.Count) bool {
		return c.Name == "records left out at the threshold: it was chosen on their half" && c.Value == 60
	}) {
		t.Errorf("counts %+v", got.Counts)
	}
	l.Chosen = ""
	check(t, measure(t, pair(120, 1, l.AuditReport), "").Score("specificity", "auditor", "judge"), 0.5, math.NaN(), 0, 60, "")
}

func TestWithoutCalibration(t *testing.T) {
	l := newLineup(7)
	for i := range 20 {
		l.add(plugins.FromSynthetic, i, float64(i%10+1), nil)
	}
	got := measure(t, pair(20, 1, l.AuditReport), "")
	want := `the audit was not calibrated; write "calibrate: {rows: 400, share: 0.05}" in audits.judge`
	for _, s := range got.Scores {
		ofSynthetic := s.Dims["source"] == "synthetic" || s.Name == "threshold"
		if labelled := strings.HasPrefix(s.Name, "labelled"); !labelled && !ofSynthetic && (s.Status != plugins.Undefined || s.Reason != want) {
			t.Errorf("%s %v: %s, %q", s.Name, s.Dims, s.Status, s.Reason)
		}
	}
	check(t, got.Score("kept_share", "auditor", "judge", "source", "synthetic"), 0.4, math.NaN(), 0, 20, "")
}

// Of few patients whose records nothing was done to, nothing is told.
func TestFewPatientsAreNotTold(t *testing.T) {
	for _, c := range []struct{ rows, perSubject int }{{10, 1}, {20, 2}} {
		l := newLineup(7)
		for i := range c.rows {
			l.add(plugins.FromReal, i, 9, nil)
			l.add(plugins.FromPlanted, c.rows+i, 3, &plugins.Planted{Kind: "swap"})
		}
		got := measure(t, pair(2*c.rows, c.perSubject, l.AuditReport), "")
		for _, s := range []plugins.Score{
			got.Score("specificity", "auditor", "judge"), got.Score("false_alarm_rate", "auditor", "judge"), got.Score("auroc", "auditor", "judge"),
			got.Score("kept_share", "auditor", "judge", "source", "real"),
		} {
			if s.Status != plugins.Undefined || s.Reason != "withheld: it would stand for fewer than 11 patients" {
				t.Errorf("%s of %d rows: %+v", s.Name, c.rows, s)
			}
		}
	}
}

// Of rows of the data that are handed out as synthetic ones the metric audit tells; what this one told of them would tell more beside it.
func TestRowsThatAreHandedOut(t *testing.T) {
	l := newLineup(7)
	for i := range 40 {
		l.add(plugins.FromReal, i, 9, nil)
		l.add(plugins.FromSynthetic, i, map[bool]float64{true: 2, false: 9}[i < 20], nil)
	}
	for _, handed := range []bool{false, true} {
		p := pair(40, 1, l.AuditReport)
		p.Handed = handed
		got := measure(t, p, "")
		for _, s := range []plugins.Score{
			got.Score("kept_share", "auditor", "judge", "source", "synthetic"), got.Score("unscored_share", "auditor", "judge", "source", "synthetic"),
			got.Score("auroc_synthetic", "auditor", "judge"),
		} {
			if (s.Status == plugins.OK) == handed || handed && !strings.HasPrefix(s.Reason, "withheld: rows of the data are handed out") {
				t.Errorf("handed %t: %+v", handed, s)
			}
		}
		for _, c := range got.Curves {
			if handed && c.Dims["source"] == "synthetic" {
				t.Errorf("%s is told of rows that are handed out", c.Name)
			}
		}
	}
}

// Of restricted data no share tells of fewer than eleven real rows, be they those that raise an alarm or those that do not.
func TestFewAlarmsOfRestrictedData(t *testing.T) {
	for _, alarms := range []int{0, 3, 15, 38} {
		l := newLineup(7)
		for i := range 40 {
			l.add(plugins.FromReal, i, map[bool]float64{true: 2, false: 9}[i < alarms], nil)
		}
		for _, fewest := range []int{0, plugins.FewestTold} {
			p := pair(40, 1, l.AuditReport)
			p.Fewest = fewest
			got := measure(t, p, "")
			told := fewest == 0 || alarms == 0 || alarms == 15
			for _, s := range []plugins.Score{
				got.Score("false_alarm_rate", "auditor", "judge"), got.Score("specificity", "auditor", "judge"),
				got.Score("kept_share", "auditor", "judge", "source", "real"),
			} {
				if (s.Status == plugins.OK) != told || !told && s.Reason != "withheld: it would tell of fewer than 11 of 40 rows of restricted data" {
					t.Errorf("%d alarms, fewest %d: %+v", alarms, fewest, s)
				}
			}
		}
	}
}

// told are the sets of untouched real records, by number, whose sizes a measurement tells, be it a share, a point of a curve or what is
// left out of an AUROC. It fails where one is told wrong.
func told(t *testing.T, l *lineup, got metrictest.Result) (sets [][]bool) {
	t.Helper()
	var records []int
	for i, source := range l.Sources {
		if source == plugins.FromReal {
			records = append(records, i)
		}
	}
	tell := func(what string, size float64, in func(i int) bool) {
		set, n := make([]bool, len(records)), 0
		for k, i := range records {
			if set[k] = in(i); set[k] {
				n++
			}
		}
		if math.Abs(size-float64(n)) > 1e-6 {
			t.Fatalf("%s tells %v, and it is of %d records", what, size, n)
		}
		sets = append(sets, set)
	}
	score := func(i int) float64 { return l.Judged.Verdicts[i].Score }
	scored := func(i int) bool { return l.Judged.Verdicts[i].Status == plugins.Scored }
	counts := func(i int) bool { return l.Chosen == "" || l.Second[i] }
	caught := func(i int) bool { return counts(i) && scored(i) && score(i) < l.Threshold }
	for _, x := range []struct {
		score plugins.Score
		in    func(i int) bool
	}{
		{got.Score("false_alarm_rate", "auditor", "judge"), caught},
		{got.Score("specificity", "auditor", "judge"), func(i int) bool { return counts(i) && !caught(i) }},
		{got.Score("kept_share", "auditor", "judge", "source", "real"), func(i int) bool { return counts(i) && l.Kept[i] }},
		{got.Score("unscored_share", "auditor", "judge", "source", "real"), func(i int) bool { return counts(i) && !scored(i) }},
	} {
		if x.score.Status == plugins.OK {
			tell(x.score.Name, float64(x.score.N), counts)
			tell(x.score.Name, x.score.Value*float64(x.score.N), x.in)
		}
	}
	if s := got.Score("auroc", "auditor", "judge"); s.Status == plugins.OK {
		tell("auroc", float64(s.N-10), scored) // ten are planted, each with a score
	}
	for _, c := range got.Curves {
		if c.Name == "sweep" && c.Dims["source"] == "real" {
			for k, x := range c.X {
				tell("sweep", c.Y[k]*float64(len(records)), func(i int) bool {
					return scored(i) && score(i) >= x || !scored(i) && l.Kept[i]
				})
			}
		}
	}
	return sets
}

// From all that is told of restricted data, no sum or difference tells of one to ten real records: what the told sets tell apart are
// none or eleven.
func TestNothingFollowsBySubtraction(t *testing.T) {
	values, hidden := 0, 0
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 11))
		n, unscored, keep := 40+rng.IntN(300), []float64{0, 0.02, 0.08}[rng.IntN(3)], rng.IntN(2) == 0
		l := newLineup(float64(3 + rng.IntN(7)))
		if rng.IntN(3) == 0 {
			l.Chosen = "specificity 0.9"
		}
		for i := range n {
			score := float64(1 + rng.IntN(4)*rng.IntN(4))
			if rng.Float64() < unscored {
				score = none
			}
			l.add(plugins.FromReal, i, score, nil)
			l.Kept[i] = l.Kept[i] || keep && score == none
		}
		for i := range 10 {
			l.add(plugins.FromPlanted, n+i, float64(1+rng.IntN(10)), &plugins.Planted{Kind: "swap"})
		}
		p := pair(n+10, 1, l.AuditReport)
		p.Fewest = plugins.FewestTold
		sets := told(t, l, measure(t, p, ""))
		groups := map[string]int{}
		for k := range n {
			key := make([]byte, len(sets))
			for j, set := range sets {
				key[j] = map[bool]byte{true: '1', false: '0'}[set[k]]
			}
			groups[string(key)]++
		}
		for key, size := range groups {
			if size < plugins.FewestTold {
				t.Fatalf("seed %d: what is told of %d records tells %d of them apart: %s", seed, n, size, key)
			}
		}
		values += len(sets)
		if p.Fewest = 0; len(told(t, l, measure(t, p, ""))) > len(sets) {
			hidden++
		}
	}
	if values < 2000 || hidden < 100 {
		t.Errorf("%d numbers are told, and some withheld of %d measurements: nothing is tried", values, hidden)
	}
}

// Each point of a curve stands for eleven subjects, and a sweep has at each threshold what the scores say.
func TestCurves(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, step := range []float64{0, 1} {
		l := newLineup(7)
		l.Scale.Step = step
		score := func(shift float64) float64 {
			v := min(max(1, 7+shift+2*rng.NormFloat64()), 10)
			if step > 0 {
				v = math.Round(v)
			}
			return v
		}
		for i := range 400 {
			l.add(plugins.FromReal, i, score(1), nil)
			l.add(plugins.FromPlanted, 400+i, score(-2), &plugins.Planted{Kind: "swap"})
			l.add(plugins.FromSynthetic, i, score(0), nil)
		}
		l.add(plugins.FromReal, 800, none, nil)
		got := measure(t, pair(801, 1, l.AuditReport), "")
		seen := map[string]int{}
		for _, c := range got.Curves {
			seen[c.Name]++
			for i, n := range c.N {
				if n < plugins.FewestTold {
					t.Errorf("%s %v: point %d stands for %d", c.Name, c.Dims, i, n)
				}
				if i > 0 && !(c.X[i] > c.X[i-1]) {
					t.Errorf("%s %v: x %v after %v", c.Name, c.Dims, c.X[i], c.X[i-1])
				}
			}
			switch c.Name {
			case "sweep":
				source := plugins.Source(c.Dims["source"])
				for i, threshold := range c.X {
					kept, all := 0.0, 0.0
					for k, s := range l.Sources {
						if s == source {
							if all++; l.Judged.Verdicts[k].Status == plugins.Scored && l.Judged.Verdicts[k].Score >= threshold {
								kept++
							}
						}
					}
					if math.Abs(c.Y[i]-kept/all) > 1e-12 {
						t.Errorf("step %v: of %s records %v are kept at %v, want %v", step, source, c.Y[i], threshold, kept/all)
					}
				}
			case "scores":
				edge, sum := 0.5, 0.0 // a bin lies half a point about its score
				if step == 0 {
					edge = 1
				}
				for i, x := range c.X {
					width := 2 * (x - edge)
					edge, sum = edge+width, sum+c.Y[i]*width
				}
				if math.Abs(sum-1) > 1e-9 {
					t.Errorf("step %v: the density of %v sums to %v", step, c.Dims, sum)
				}
			case "roc":
				area := 0.0
				for i := 1; i < len(c.X); i++ {
					area += (c.X[i] - c.X[i-1]) * (c.Y[i] + c.Y[i-1]) / 2
				}
				if auroc := got.Value("auroc", "auditor", "judge"); math.Abs(area-auroc) > 0.01 {
					t.Errorf("step %v: the area under the curve is %v, the AUROC %v", step, area, auroc)
				}
			}
		}
		if seen["roc"] != 1 || seen["sweep"] != 3 || seen["scores"] != 3 {
			t.Errorf("curves %v", seen)
		}
	}
}

const labels = `record,source,score,probability,label
a,synthetic,3,0.5,implausible
b,synthetic,8,0.1,implausible
c,synthetic,5,0.5,yes
d,synthetic,9,0.1,plausible
e,synthetic,9,0.1,plausible
f,synthetic,4,0.5,no
g,synthetic,8,0.2,Plausible
h,synthetic,,0.25,1
`

func labelFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "labels.csv")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Weighted by hand: of implausible records 2 + 2 are caught of 2 + 10 + 2 + 4, of plausible ones 10 + 10 + 5 are not of 27.
func TestLabelledRecords(t *testing.T) {
	p := pair(34, 1, example().AuditReport)
	got := measure(t, p, fmt.Sprintf(`{"labels": {"path": %q}, "resamples": 300}`, labelFile(t, labels)))
	for name, want := range map[string]float64{"labelled_sensitivity": 4 / 18., "labelled_specificity": 25 / 27., "labelled_implausible_share": 18 / 45.} {
		s := got.Score(name, "auditor", "judge", "source", "synthetic")
		n := map[string]int{"labelled_implausible_share": 8}[name]
		check(t, s, want, math.NaN(), 0, max(n, 4), "")
		if i := s.Interval; i == nil || i.Unit != "labelled records" || !(i.Low < want && want < i.High) {
			t.Errorf("%s has the interval %+v", name, i)
		}
	}
	if w := got.Score("labelled_sensitivity", "auditor", "judge", "source", "synthetic").Warnings; len(w) != 2 || w[0] != "1 labelled records without a score count as not caught" {
		t.Errorf("warnings %q", w)
	}
}

// In samples drawn by score, weights bring back the shares of all records, which the sample itself has not, and intervals hold them.
func TestWeightsBringBackAllRecords(t *testing.T) {
	if testing.Short() {
		t.Skip("many samples")
	}
	rng := rand.New(rand.NewPCG(9, 9))
	const all, trials = 20_000, 60
	score, bad := make([]float64, all), make([]bool, all)
	caught, errors := 0.0, 0.0
	for i := range score {
		bad[i] = rng.IntN(4) == 0
		score[i] = float64(1 + rng.IntN(10))
		if bad[i] && rng.IntN(2) == 0 {
			score[i] = float64(1 + rng.IntN(6))
		}
		if bad[i] {
			if errors++; score[i] < 7 {
				caught++
			}
		}
	}
	truth, mean, held := caught/errors, 0.0, 0
	for range trials {
		text := strings.Builder{}
		text.WriteString("record,source,score,probability,label\n")
		for i := range score {
			p := 0.005
			if score[i] < 7 {
				p = 0.03 // records of low scores are looked at six times as often
			}
			if rng.Float64() < p {
				fmt.Fprintf(&text, "r%d,synthetic,%v,%v,%v\n", i, score[i], p, bad[i])
			}
		}
		l := newLineup(7)
		l.add(plugins.FromSynthetic, 0, 8, nil)
		m, info := metrictest.Build(t, auditcalibration.Register, "audit-calibration", fmt.Sprintf(`{"labels": {"path": %q}, "resamples": 300}`, labelFile(t, text.String())))
		out, err := m.Measure(context.Background(), metrictest.Env(info, 1, 1), pair(1, 1, l.AuditReport))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range out.Scores {
			if s.Name == "labelled_sensitivity" {
				mean += s.Value / trials
				if s.Interval.Low <= truth && truth <= s.Interval.High {
					held++
				}
			}
		}
	}
	if math.Abs(mean-truth) > 0.02 || held < trials*85/100 {
		t.Errorf("mean sensitivity %v, want %v; %d of %d intervals hold it", mean, truth, held, trials)
	}
}

func TestLabelFilesWithFaults(t *testing.T) {
	header := "record,source,score,probability,label\n"
	for content, want := range map[string]string{
		header:                                                  "no row below the header",
		header + "a,synthetic,3,0,yes\n":                        "want the probability that the record was drawn with",
		header + "a,synthetic,3,1.5,yes\n":                      "want the probability that the record was drawn with",
		header + "a,synthetic,3,,yes\n":                         "want the probability that the record was drawn with",
		header + "a,synthetic,3,1,perhaps\n":                    `is neither "implausible" nor "plausible"`,
		header + "a,synthetic,3,1,\n":                           "no label",
		header + "a,synthetic,3,1,no\na,synthetic,3,1,no\n":     "the record is in a row above, too",
		header + "a,all,3,1,no\n":                               "a source is called as all records are",
		"record,source,probability,label\na,synthetic,1,yes\n":  "score",
		header + "a,synthetic,high,1,yes\nb,synthetic,9,1,no\n": "score",
	} {
		with := fmt.Sprintf(`{"labels": {"path": %q}}`, labelFile(t, content))
		m, info := metrictest.Build(t, auditcalibration.Register, "audit-calibration", with)
		_, err := m.Measure(t.Context(), metrictest.Env(info, 1, 1), pair(34, 1, example().AuditReport))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "perhaps") || strings.Contains(err.Error(), "high") {
			t.Errorf("%q: %v, want %s", content, err, want)
		}
		if checked := m.(plugins.Filed).Check(t.Context()); checked == nil || checked.Error() != err.Error() {
			t.Errorf("a check says %v, and the measurement %v", checked, err)
		}
	}
}

// The scores of a file are those of one audit.
func TestLabelsOfOneAuditOfSeveral(t *testing.T) {
	other := example().AuditReport
	other.Audit = "rules"
	p := pair(34, 1, example().AuditReport, other)
	path := labelFile(t, labels)
	if s := measure(t, p, fmt.Sprintf(`{"labels": {"path": %q}}`, path)).Score("labelled_sensitivity", "auditor", "none", "source", "all"); s.Reason !=
		`the cell has several audits; "labels.audit" says whose scores the file has: want one of "judge", "rules"` {
		t.Errorf("%+v", s)
	}
	got := measure(t, p, fmt.Sprintf(`{"labels": {"path": %q, "audit": "judge"}}`, path))
	if s := got.Score("labelled_sensitivity", "auditor", "rules", "source", "all"); s.Reason != `the file of labels has the scores of the audit "judge"` {
		t.Errorf("%+v", s)
	}
	got.Value("labelled_sensitivity", "auditor", "judge", "source", "synthetic")
}

func TestNewChecksItsSettings(t *testing.T) {
	for want, c := range map[string]auditcalibration.Config{
		`"labels.path" is empty; want a file such as labels.csv`: {Labels: &auditcalibration.Labels{}},
		`"resamples" -1: want 0 or more`:                         {Resamples: -1},
	} {
		if _, err := auditcalibration.New(c); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// All that is wrong with a file is told at once, up to a number of faults.
func TestAllFaultsOfLabelsAreTold(t *testing.T) {
	check := func(content string) string {
		m, _ := metrictest.Build(t, auditcalibration.Register, "audit-calibration", fmt.Sprintf(`{"labels": {"path": %q}}`, labelFile(t, content)))
		err := m.(plugins.Filed).Check(t.Context())
		if err == nil {
			t.Fatalf("no fault of %q", content)
		}
		return err.Error()
	}
	header := "record,source,score,probability,label\n"
	got := check(header + "a,synthetic,3,0,perhaps\na,,3,1,no\nb,all,3,1,\nc,synthetic,3,1,no\n")
	for _, place := range []string{`csv:2:15: column "probability"`, `csv:2:17: column "label"`, `csv:3:1: column "record"`, `csv:3:3: column "source"`, `csv:4:3: column "source"`, `csv:4:11: column "label"`} {
		if !strings.Contains(got, place) {
			t.Errorf("%s\nlacks %s", got, place)
		}
	}
	if n := strings.Count(got, "\n") + 1; n != 6 {
		t.Errorf("%d faults:\n%s", n, got)
	}
	got = check(header + strings.Repeat("a,synthetic,3,1,no\n", 31))
	if n := strings.Count(got, "\n") + 1; n != 21 || !strings.HasSuffix(got, "labels.csv: and 10 more") {
		t.Errorf("%d lines:\n%s", n, got)
	}
}

// A score that the audit cannot have given shows that the file is of another one.
func TestLabelsOfAnotherScale(t *testing.T) {
	path := labelFile(t, "record,source,score,probability,label\na,synthetic,10,1,no\nb,synthetic,0,1,yes\nc,synthetic,,1,yes\nd,synthetic,10.5,1,no\ne,synthetic,1,1,no\n")
	m, info := metrictest.Build(t, auditcalibration.Register, "audit-calibration", fmt.Sprintf(`{"labels": {"path": %q}}`, path))
	if err := m.(plugins.Filed).Check(t.Context()); err != nil {
		t.Errorf("before the scale is known: %v", err)
	}
	_, err := m.Measure(t.Context(), metrictest.Env(info, 1, 1), pair(34, 1, example().AuditReport))
	const want = `column "score": outside of the scale of the audit "judge", from 1 to 10; want the score that it gave the record`
	if err == nil || err.Error() != "labels.csv:3:13: "+want+"\nlabels.csv:5:13: "+want {
		t.Errorf("%v", err)
	}
}

// A file that says of which rows it is has scores in cells of these rows alone, and one that says whose its scores are needs no setting.
func TestLabelsOfOtherRows(t *testing.T) {
	made := frame.Must(frame.NewNumber("x", []float64{1, 2, 3}))
	reported := example().AuditReport
	scores := reported.ScoresID()
	of := func(rows string) string {
		return labelFile(t, fmt.Sprintf("record,source,score,probability,label,audit,scores,rows\na,synthetic,3,1,yes,judge,%[2]s,%[1]s\nb,real,8,1,no,judge,%[2]s,%[1]s\n", rows, scores))
	}
	other := example().AuditReport
	other.Audit = "rules"
	p := pair(34, 1, other, example().AuditReport)
	p.Audit.Before = made
	with := func(path, audit string) string {
		return fmt.Sprintf(`{"labels": {"path": %q%s}}`, path, audit)
	}
	got := measure(t, p, with(of(plugins.RowsID(made)), ""))
	if s := got.Score("labelled_sensitivity", "auditor", "judge", "source", "synthetic"); s.Status != plugins.OK || s.Value != 1 || slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.Contains(w, "rows") }) {
		t.Errorf("of these rows: %+v", s)
	}
	got = measure(t, p, with(of(plugins.RowsID(made.Take([]int{0, 2, 1}))), ""))
	for _, source := range []string{"real", "synthetic", "all"} {
		for _, name := range []string{"labelled_sensitivity", "labelled_specificity", "labelled_implausible_share"} {
			if s := got.Score(name, "auditor", "judge", "source", source); s.Reason != "the labelled records are of other synthetic rows than those that were made in this cell" {
				t.Errorf("of other rows: %+v", s)
			}
		}
	}
	for i, source := range reported.Sources {
		if source == plugins.FromSynthetic {
			p.Audit.Reports[1].Judged.Verdicts[i].Score--
			break
		}
	}
	got = measure(t, p, with(of(plugins.RowsID(made)), ""))
	if s := got.Score("labelled_sensitivity", "auditor", "judge", "source", "all"); !strings.HasPrefix(s.Reason, "the labelled records have other scores than this audit gave") {
		t.Errorf("of other scores: %+v", s)
	}
	got = measure(t, p, with(of(plugins.RowsID(made)), `, "audit": "rules"`)) // the setting counts before the file
	if s := got.Score("labelled_sensitivity", "auditor", "rules", "source", "synthetic"); s.Status != plugins.OK {
		t.Errorf("with a setting: %+v", s)
	}
	got = measure(t, p, with(labelFile(t, labels), `, "audit": "judge"`))
	if s := got.Score("labelled_specificity", "auditor", "judge", "source", "synthetic"); s.Status != plugins.OK || !slices.Contains(s.Warnings, `the file of labels has no column "rows": whether its records are of the rows of this cell is not checked`) {
		t.Errorf("of a file that does not say: %+v", s)
	}
}

func TestAuditsOfLabelsAreVetted(t *testing.T) {
	vet := func(with string) plugins.Faults {
		m, _ := metrictest.Build(t, auditcalibration.Register, "audit-calibration", with)
		return m.(plugins.Citing).VetAudits([]string{"majority", "rules"})
	}
	for _, with := range []string{`{}`, `{"labels": {"path": "a.csv"}}`, `{"labels": {"path": "a.csv", "audit": "rules"}}`} {
		if faults := vet(with); faults != nil {
			t.Errorf("%s: %v", with, faults)
		}
	}
	faults := vet(`{"labels": {"path": "a.csv", "audit": "majj"}}`)
	if len(faults) != 1 || !slices.Equal(faults[0].Field, []string{"labels", "audit"}) || faults[0].Name != "majj" || len(faults[0].Known) != 2 {
		t.Errorf("%+v", faults)
	}
}
