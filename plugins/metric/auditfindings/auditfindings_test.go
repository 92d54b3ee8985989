package auditfindings_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/auditfindings"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

// lineup is an audit on its way.
type lineup struct {
	plugins.AuditReport
	perSubject int // test rows of a subject
}

// newLineup has two criteria: "order", an error, which could be asked of what ask says, and "rare", a warning, of all with a score.
func newLineup(perSubject int) *lineup {
	return &lineup{plugins.AuditReport{Audit: "rules", Scale: plugins.Scale{Max: 1, Keep: 1}, Judged: &plugins.Judged{Criteria: []plugins.Criterion{
		{Name: "order", Message: "the lowest is above the highest", Severity: plugins.SeverityError, Which: plugins.NewBits(10_000)},
		{Name: "rare", Message: "a rare value", Severity: plugins.SeverityWarning},
	}}}, perSubject}
}

// add adds records of a source, of which some could be asked the first criterion, of these some break it, and some, from the last one
// on, break the second.
func (l *lineup) add(source plugins.Source, records, asked, order, rare int) *lineup {
	for i := range records {
		at := len(l.Sources)
		l.Sources, l.Origin = append(l.Sources, source), append(l.Origin, i)
		l.Second, l.Planted, l.Kept = append(l.Second, false), append(l.Planted, nil), append(l.Kept, true)
		l.Judged.Verdicts = append(l.Judged.Verdicts, plugins.Verdict{Status: plugins.Scored, Score: 1})
		if i < asked {
			l.Judged.Criteria[0].Which.Add(at)
			l.Judged.Criteria[0].Applies++
		}
		l.Judged.Criteria[1].Applies++
		if i < order {
			l.find(at, 0)
		}
		if i >= records-rare {
			l.find(at, 1)
		}
	}
	return l
}

func (l *lineup) find(record, criterion int) {
	l.Judged.Findings = append(l.Judged.Findings, plugins.Finding{Record: record, Criterion: criterion})
}

func (l *lineup) pair() *plugins.Pair {
	const rows = 1000
	who := make([]string, rows)
	for i := range who {
		who[i] = fmt.Sprintf("p%04d", i/max(1, l.perSubject))
	}
	sample := plugins.Sample{Frame: frame.Must(frame.NewNumber("x", make([]float64, rows)))}
	if l.perSubject > 0 {
		sample.Subject = frame.NewCategoryFromStrings("subject", who, nil)
	}
	p := plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Test: sample}), sample.Frame.Take(nil), "")
	p.Audit = &plugins.Audited{Before: sample.Frame.Take(nil), Reports: []plugins.AuditReport{l.AuditReport}}
	return p
}

func measure(t *testing.T, p *plugins.Pair, with string) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, auditfindings.Register, "audit-findings", with, p)
}

func rate(r metrictest.Result, criterion string, source plugins.Source) plugins.Score {
	return r.Score("rate", dims(criterion, "source", string(source))...)
}

func dims(criterion string, more ...string) []string {
	return append([]string{"auditor", "rules", "criterion", criterion}, more...)
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

// Rates are of the records that a criterion could be asked of; that of the synthetic records differs from that of the real ones by
// Newcombe's interval. The bounds are worked out from the formulas of Wilson and Newcombe apart from this code.
func TestRates(t *testing.T) {
	l := newLineup(1).add(plugins.FromReal, 100, 80, 0, 10).add(plugins.FromSynthetic, 60, 50, 20, 5).add(plugins.FromPlanted, 20, 20, 12, 0)
	l.find(105, 0) // a second finding of a record is none of another record
	got := measure(t, l.pair(), "")
	for _, c := range []struct {
		criterion   string
		source      plugins.Source
		value       float64
		n           int
		low, high   float64
		warned      bool
		description string
	}{
		{"order", plugins.FromReal, 0, 80, 0, 0.0458181295, false, "none of 80"},
		{"order", plugins.FromSynthetic, 0.4, 50, 0.2760838973, 0.5381856225, false, "20 of 50"},
		{"order", plugins.FromPlanted, 0.6, 20, 0.3865815008, 0.7811934676, false, "12 of 20"},
		{"rare", plugins.FromReal, 0.1, 100, 0.0552291371, 0.1743656615, true, "10 of 100"},
		{"rare", plugins.FromSynthetic, 5. / 60, 60, 0.0361204566, 0.1806894202, true, "5 of 60"},
	} {
		s := rate(got, c.criterion, c.source)
		if !near(s.Value, c.value) || s.N != c.n || math.Abs(s.Interval.Low-c.low) > 1e-9 || math.Abs(s.Interval.High-c.high) > 1e-9 || (len(s.Warnings) > 0) != c.warned {
			t.Errorf("%s, %s, %s: %+v, %+v", c.criterion, c.source, c.description, s, s.Interval)
		}
	}
	d := got.Score("difference", dims("order")...)
	if d.Value != 0.4 || d.N != 130 || math.Abs(d.Interval.Low-0.2678845145) > 1e-9 || math.Abs(d.Interval.High-0.5381856225) > 1e-9 {
		t.Errorf("%+v, %+v", d, d.Interval)
	}
	for source, want := range map[string][3]float64{"real": {0, 0.1, 0.1}, "synthetic": {20 / 60., 5 / 60., 25 / 60.}, "planted": {0.6, 0, 0.6}} {
		errs, warnings := got.Value("error_share", "auditor", "rules", "source", source), got.Value("warning_share", "auditor", "rules", "source", source)
		mean := got.Value("findings_per_record", "auditor", "rules", "source", source)
		if !near(errs, want[0]) || !near(warnings, want[1]) || !near(mean, want[2]) {
			t.Errorf("%s: %v, %v, %v; want %v", source, errs, warnings, mean, want)
		}
	}
	if s := got.Score("error_share", "auditor", "rules", "source", "shuffled"); !strings.Contains(s.Reason, `write "shuffled: 100"`) {
		t.Errorf("%+v", s)
	}
	for name, want := range map[string]int{"criteria told": 2, "criteria that untouched real records break": 1, "criteria that could be asked of no record": 0} {
		if !told(got, name, want) {
			t.Errorf("no count %q of %d: %+v", name, want, got.Counts)
		}
	}
}

func told(r metrictest.Result, name string, value int) bool {
	for _, c := range r.Counts {
		if c.Name == name && c.Value == value && c.Dims["auditor"] == "rules" {
			return true
		}
	}
	return false
}

// Rows of one subject are no evidence of their own.
func TestRowsOfASubjectHangTogether(t *testing.T) {
	width := map[int]float64{}
	for _, per := range []int{0, 1, 4} {
		got := measure(t, newLineup(per).add(plugins.FromReal, 200, 200, 40, 40).add(plugins.FromSynthetic, 200, 200, 40, 40).pair(), "")
		s := rate(got, "order", plugins.FromReal)
		width[per] = s.Interval.High - s.Interval.Low
		if unit := map[int]string{0: "test rows", 1: "test subjects", 4: "test subjects"}[per]; s.Interval.Unit != unit || s.N != 200 {
			t.Errorf("%d rows a subject: %+v", per, s.Interval)
		}
		if s := rate(got, "order", plugins.FromSynthetic); !near(s.Interval.High-s.Interval.Low, width[0]) || s.Interval.Unit != "synthetic rows" {
			t.Errorf("synthetic rows are of no subject: %+v", s.Interval)
		}
		mean := got.Score("findings_per_record", "auditor", "rules", "source", "real").Interval
		if w := mean.High - mean.Low; per == 4 && w < 1.3*width[-1] {
			t.Errorf("the interval of the mean is %v wide with 4 rows a subject, and %v with one", w, width[-1])
		} else if per == 1 {
			width[-1] = w
		}
	}
	if width[0] != width[1] || width[4] < 1.9*width[1] || width[4] > 2.1*width[1] {
		t.Errorf("widths %v: a fourth of the subjects makes them twice as wide", width)
	}
}

func TestWhatRealRecordsBreakIsSaid(t *testing.T) {
	for _, c := range []struct {
		order, rare int
		want        [2]string
	}{
		{0, 9, [2]string{"", ""}},
		{1, 10, [2]string{
			"broken by 0.5 % of the real records: either they hold errors, or the criterion is wrong", "broken by 5 % of the real records: it is no rarity there",
		}},
	} {
		got := measure(t, newLineup(1).add(plugins.FromReal, 200, 200, c.order, c.rare).add(plugins.FromSynthetic, 200, 200, 40, 40).pair(), "")
		for i, criterion := range []string{"order", "rare"} {
			for _, s := range []plugins.Score{rate(got, criterion, plugins.FromReal), rate(got, criterion, plugins.FromSynthetic), got.Score("difference", dims(criterion)...)} {
				if strings.Join(s.Warnings, "|") != c.want[i] {
					t.Errorf("%d and %d real records: %s %q, want %q", c.order, c.rare, s.Name, s.Warnings, c.want[i])
				}
			}
		}
	}
}

// Of restricted data, neither a rate nor what it could be worked out from tells of 1 to 10 patients.
func TestFewPatients(t *testing.T) {
	l := newLineup(1).add(plugins.FromReal, 200, 200, 4, 60).add(plugins.FromSynthetic, 200, 200, 3, 40).add(plugins.FromShuffled, 200, 200, 60, 195)
	for _, fewest := range []int{0, plugins.FewestTold} {
		p := l.pair()
		p.Fewest = fewest
		got := measure(t, p, "")
		for _, c := range []struct {
			s    plugins.Score
			hide bool // of restricted data
		}{
			{rate(got, "order", plugins.FromReal), true},
			{rate(got, "rare", plugins.FromReal), false},
			{rate(got, "order", plugins.FromSynthetic), false},
			{rate(got, "order", plugins.FromShuffled), false},
			{rate(got, "rare", plugins.FromShuffled), true}, // all but 5
			{got.Score("difference", dims("order")...), true},
			{got.Score("difference", dims("rare")...), false},
			{got.Score("error_share", "auditor", "rules", "source", "real"), true},
			{got.Score("warning_share", "auditor", "rules", "source", "real"), false},
			{got.Score("findings_per_record", "auditor", "rules", "source", "real"), true},
			{got.Score("findings_per_record", "auditor", "rules", "source", "synthetic"), false},
			{got.Score("findings_per_record", "auditor", "rules", "source", "shuffled"), false}, // more than 10 findings are of what is withheld
		} {
			if hidden := c.hide && fewest > 0; hidden != (c.s.Status == plugins.Undefined) || hidden && c.s.Reason != "withheld: it would tell of fewer than 11 patients" {
				t.Errorf("fewest %d: %+v", fewest, c.s)
			}
		}
	}
	p := newLineup(1).add(plugins.FromReal, 200, 10, 5, 0).add(plugins.FromSynthetic, 200, 200, 3, 40).pair()
	if s := rate(measure(t, p, ""), "order", plugins.FromReal); s.Status != plugins.Undefined {
		t.Errorf("10 patients are told of: %+v", s)
	}
	p = newLineup(1).add(plugins.FromReal, 200, 200, 0, 60).add(plugins.FromSynthetic, 200, 200, 3, 40).pair()
	p.Handed = true
	if s := rate(measure(t, p, ""), "order", plugins.FromSynthetic); s.Status != plugins.Undefined {
		t.Errorf("of rows of the data that are handed out, 3 are told of: %+v", s)
	}
}

func TestSettings(t *testing.T) {
	l := newLineup(1).add(plugins.FromReal, 100, 0, 0, 5).add(plugins.FromSynthetic, 50, 0, 0, 10)
	for with, want := range map[string][3]string{ // reasons: of all rates, of the errors, of the mean
		"":                           {"", "", ""},
		`{"criteria": ["r*"]}`:       {"", `no criterion has the severity "error"`, ""},
		`{"criteria": ["order"]}`:    {"no record has the values that the criteria read", "", ""},
		`{"criteria": ["nosuch-*"]}`: {`no criterion of the auditor has a name as in "criteria"`, `no criterion has the severity "error"`, "the auditor names no criteria that records could break"},
		`{"least": 16}`:              {`no criterion is broken by 16 records, as "least" wants`, "", ""},
		`{"least": 15}`:              {"", "", ""},
	} {
		got := measure(t, l.pair(), with)
		none, rates := "", 0
		for _, s := range got.Scores {
			if s.Name == "rate" {
				rates++
				if s.Dims["criterion"] == "all" {
					none = s.Reason
				} else if s.Dims["criterion"] != "rare" {
					t.Errorf("%s: %+v", with, s)
				}
			}
		}
		if rates < 1 || none != want[0] {
			t.Errorf("%s: %d rates, reason %q, want %q", with, rates, none, want[0])
		}
		for i, name := range []string{"error_share", "findings_per_record"} {
			if s := got.Score(name, "auditor", "rules", "source", "real"); s.Reason != want[i+1] {
				t.Errorf("%s: %s %q, want %q", with, name, s.Reason, want[i+1])
			}
		}
	}
	if s := rate(measure(t, l.pair(), `{"describe": true}`), "rare: a rare value (warning)", plugins.FromReal); s.Value != 0.05 {
		t.Errorf("%+v", s)
	}
	if s := measure(t, l.pair(), `{"resamples": 0}`).Score("findings_per_record", "auditor", "rules", "source", "real"); s.Interval != nil || s.Warnings[0] != `no interval: "resamples" is 0` {
		t.Errorf("%+v", s)
	}
	l.Judged.Criteria = nil
	l.Judged.Findings = nil
	if s := measure(t, l.pair(), "").Score("rate", dims("all", "source", "all")...); s.Reason != "the auditor names no criteria that records could break" {
		t.Errorf("%+v", s)
	}
	for want, c := range map[string]auditfindings.Config{
		`"criteria" has "[";`: {Criteria: []string{"["}}, `"least" is -1;`: {Least: -1}, `"resamples" is -1;`: {Resamples: -1},
	} {
		if _, err := auditfindings.New(c); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// The interval of the mean number of findings holds what is true of all records that could have been made.
func TestIntervalOfTheMeanCovers(t *testing.T) {
	if testing.Short() {
		t.Skip("many audits")
	}
	const trials, subjects = 400, 60
	m, info := metrictest.Build(t, auditfindings.Register, "audit-findings", `{"resamples": 400}`)
	held := 0
	for trial := range trials {
		rng := rand.New(rand.NewPCG(uint64(trial), 8))
		l := newLineup(3).add(plugins.FromReal, 3*subjects, 3*subjects, 0, 0)
		for s := range subjects {
			p := [2]float64{0.05, 0.6}[rng.IntN(2)] // of all records of a subject
			for row := 3 * s; row < 3*s+3; row++ {
				for criterion := range 2 {
					if rng.Float64() < p {
						l.find(row, criterion)
					}
				}
			}
		}
		out, err := m.Measure(context.Background(), metrictest.Env(info, 1, uint64(trial)), l.pair())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range out.Scores {
			if s.Name == "findings_per_record" && s.Dims["source"] == "real" && s.Interval.Low <= 0.65 && 0.65 <= s.Interval.High {
				held++
			}
		}
	}
	if held < trials*91/100 || held > trials*98/100 {
		t.Errorf("%d of %d intervals hold the truth", held, trials)
	}
}

func TestNoPanicOnOddReports(t *testing.T) {
	for _, l := range []*lineup{newLineup(0), newLineup(1).add(plugins.FromSynthetic, 3, 1, 1, 1)} {
		got := measure(t, l.pair(), "")
		for _, s := range got.Scores {
			if s.Dims["source"] == "real" && s.Status != plugins.Undefined {
				t.Errorf("%+v", s)
			}
		}
	}
}
