package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/plant"
	"github.com/ehrlab/ehrlab/runner/engine"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// modulo scores a record by its id, from 0 to 9; one id in thirteen has no score.
type modulo struct {
	Of      int `json:"of"`
	Break   int `json:"break"` // 1: a score off the scale; 2: a record without a verdict; 3, 4: other records asked than it says
	judged  *atomic.Int64
	lineups *atomic.Int64
}

func (m modulo) Judge(_ context.Context, _ plugins.Env, in plugins.Lineup) (*plugins.Judged, error) {
	m.judged.Add(int64(in.Frame.Rows()))
	m.lineups.Add(1)
	even := plugins.NewBits(in.Frame.Rows())
	out := &plugins.Judged{Counts: []plugins.Count{{Name: "ids", Value: in.Frame.Rows()}}, Criteria: []plugins.Criterion{
		{Name: "low", Message: "the score is 0", Severity: plugins.SeverityError},
		{Name: "even", Message: "the id is even", Severity: plugins.SeverityWarning, Which: even},
	}}
	for row, id := range in.Frame.Column("id").Numbers {
		v := plugins.Verdict{Status: plugins.Unparsable}
		if int(id)%13 != 0 {
			v = plugins.Verdict{Status: plugins.Scored, Score: float64(int(id) % m.Of)}
			out.Criteria[0].Applies++
		}
		if int(id)%2 == 0 {
			even.Add(row)
			out.Criteria[1].Applies++
		}
		if v.Status == plugins.Scored && v.Score == 0 {
			out.Findings = append(out.Findings, plugins.Finding{Record: row})
		}
		out.Verdicts = append(out.Verdicts, v)
	}
	scored := out.Criteria[0].Applies
	out.Counts = append(out.Counts, plugins.Count{Name: record.CountJudgements, Value: in.Frame.Rows()},
		plugins.Count{Name: record.CountScored, Value: scored}, plugins.Count{Name: record.CountUnparsable, Value: in.Frame.Rows() - scored})
	switch m.Break {
	case 1:
		out.Verdicts[0] = plugins.Verdict{Status: plugins.Scored, Score: 10}
	case 2:
		out.Verdicts = out.Verdicts[1:]
	case 3:
		out.Criteria[0].Applies++
	case 4:
		out.Criteria[1].Which = even[1:]
	}
	return out, nil
}

// auditing tells what it is told of an audit.
type auditing struct {
	seen   *[]*plugins.Audited
	fewest *int
}

func (m auditing) Measure(_ context.Context, _ plugins.Env, p *plugins.Pair) (*plugins.Measurement, error) {
	s := plugins.Score{Name: "kept", Status: plugins.Undefined, Reason: "the cell has no audit"}
	if p.Audit != nil {
		*m.seen = append(*m.seen, p.Audit)
		*m.fewest = p.Fewest
		s = plugins.Score{Name: "kept", Value: float64(p.Synthetic.Rows()), N: p.Audit.Before.Rows(), Status: plugins.OK}
	}
	return &plugins.Measurement{Scores: []plugins.Score{s}}, nil
}

type auditLab struct {
	*bench
	judged, lineups atomic.Int64
	seen            []*plugins.Audited
	fewest          int // rows of restricted data that may be told of
}

func newAuditLab(t *testing.T) *auditLab {
	l := &auditLab{bench: newBench(t)}
	l.register()
	return l
}

func (l *auditLab) register() {
	plugins.Add(&l.lab.registry.Audits, plugins.Info{
		Name: "modulo", Version: 1, Summary: "scores ids", Scale: &plugins.Scale{Min: 0, Max: 9, Keep: 5, Step: 1},
	}, modulo{Of: 10}, func(c modulo) (plugins.Auditor, error) { c.judged, c.lineups = &l.judged, &l.lineups; return c, nil })
	plugins.Add(&l.lab.registry.Metrics, plugins.Info{
		Name: "auditing", Version: 1, Summary: "tells of audits", Reads: []plugins.Part{plugins.Test}, Audited: true,
		Scores: []plugins.ScoreInfo{{Name: "kept", Min: 0, Max: math.Inf(1)}},
	}, struct{}{}, func(struct{}) (plugins.Metric, error) { return auditing{&l.seen, &l.fewest}, nil })
}

// audited is the study of one strategy with some values of the audit axis.
func audited(audits []spec.Audit, on ...any) *spec.Experiment {
	e := study(map[string]string{"a": ""}, values(200), 1)
	e.Audits = audits
	e.Metrics = append(e.Metrics, spec.Metric{Use: spec.Use{Name: "audit", Use: "auditing"}})
	e.Matrix[0].Axes = append(e.Matrix[0].Axes, spec.AxisValues{Axis: "audit", Values: values(on...)})
	return e
}

func auditBy(name string, with string, decide spec.Decide) spec.Audit {
	decide.Unscored = spec.UnscoredDrop
	if decide.Action == "" {
		decide.Action = spec.ActionDrop
	}
	return spec.Audit{
		Use: spec.Use{Name: name, Use: "modulo", With: json.RawMessage(with)}, Decide: decide,
		Beside:    []string{spec.BesideRandom, spec.BesideByLabel},
		Calibrate: spec.Calibrate{Config: plant.Config{Share: 0.2, Shuffled: -1}},
	}
}

func number(x float64) *float64 { return &x }

func (l *auditLab) ran(t *testing.T, e *spec.Experiment) *record.Core {
	t.Helper()
	l.judged.Store(0)
	l.lineups.Store(0)
	l.seen = nil
	core, res, err := l.run(t, t.Context(), e, engine.Options{Workers: 2})
	if err != nil || res.Failed != 0 {
		t.Fatal(err, core.Cells)
	}
	return core
}

// scoreOf is the score of a cell by the value of its audit axis.
func scoreOf(t *testing.T, core *record.Core, audit, metric, name string) record.Score {
	t.Helper()
	for _, c := range core.Cells {
		for _, s := range core.Scores {
			if c.Axes["audit"] == audit && s.Cell == c.ID && s.Metric == metric && s.Name == name {
				return s
			}
		}
	}
	t.Fatalf("no score %s.%s of audit %s", metric, name, audit)
	return record.Score{}
}

func TestAnAuditKeepsSomeRowsAndHasArmsBesideIt(t *testing.T) {
	l := newAuditLab(t)
	core := l.ran(t, audited([]spec.Audit{auditBy("j", "", spec.Decide{})}, "off", "j"))
	if len(core.Cells) != 4 {
		t.Fatalf("%d cells: %+v", len(core.Cells), core.Cells)
	}
	a := l.seen[0]
	kept, report := 0, a.Reports[0]
	for i, source := range report.Sources {
		v := report.Judged.Verdicts[i]
		if pass := v.Status == plugins.Scored && v.Score >= 5; pass != report.Kept[i] {
			t.Errorf("record %d with %+v is kept: %t", i, v, report.Kept[i])
		}
		if source != plugins.FromSynthetic {
			continue
		}
		id := int(a.Before.Column("id").Numbers[report.Origin[i]])
		if good := id%13 != 0 && id%10 >= 5; good != (a.Fates[report.Origin[i]] == plugins.Kept) {
			t.Errorf("row with id %d is %s", id, a.Fates[report.Origin[i]])
		} else if good {
			kept++
		}
	}
	if kept == 0 || kept == 200 || a.Before.Rows() != 200 || !slices.Equal(a.Rounds, []int{200}) || a.Wanted != 200 {
		t.Fatalf("%d rows are kept, %v of %d", kept, a.Rounds, a.Before.Rows())
	}
	for _, arm := range []string{"j", "j.random", "j.random-by-label"} {
		if got := scoreOf(t, core, arm, "m", "total").N; got != kept {
			t.Errorf("%s has %d rows, want %d", arm, got, kept)
		}
	}
	if scoreOf(t, core, "off", "m", "total").N != 200 {
		t.Error("the arm without an audit lost rows")
	}
	for _, arm := range []string{"off", "j.random"} {
		if s := scoreOf(t, core, arm, "audit", "kept"); s.Status != plugins.Undefined {
			t.Errorf("%s has the score %+v", arm, s)
		}
	}
	if a, b := scoreOf(t, core, "j.random", "m", "total"), scoreOf(t, core, "j", "m", "total"); a.Value == b.Value {
		t.Error("the random rows are those that were kept")
	}
	for name, want := range map[string]int{"rows judged": 200, "rows kept": kept, "rows dropped": 200 - kept, "rows flagged": 0} {
		if !slices.ContainsFunc(core.Counts, func(c record.Count) bool {
			return c.Stage == "decide" && c.Name == name && c.Value == want && c.Dims[plugins.AuditDim] == "j"
		}) {
			t.Errorf("no count %q of %d", name, want)
		}
	}
}

func TestMetricsOfAuditsKnowHowFewRowsMayBeTold(t *testing.T) {
	for governance, want := range map[plugins.Governance]int{plugins.Open: 0, plugins.Restricted: plugins.FewestTold} {
		l := newAuditLab(t)
		e := audited([]spec.Audit{auditBy("j", "", spec.Decide{})}, "j")
		d := &e.Datasets[0]
		d.Governance, d.Split.Train, d.Split.Test, d.Split.Reference = governance, 0.2, 0.65, 0.05 // 11 test rows with the event
		if l.ran(t, e); l.fewest != want {
			t.Errorf("of %s data, %d rows may be told, want %d", governance, l.fewest, want)
		}
	}
}

// Of restricted data, what became of all records of a lineup is told where it tells of no few real ones: what the other records came to is
// told by metrics.
func TestCountsOfJudgesTellOfNoFewRows(t *testing.T) {
	outcomes := map[bool]bool{}
	for _, governance := range []plugins.Governance{plugins.Open, plugins.Restricted} {
		for _, rows := range []int{0, 14, 16, 18, 20} { // of these, all have a score in some
			l := newAuditLab(t)
			e := audited([]spec.Audit{auditBy("j", "", spec.Decide{})}, "j")
			e.Audits[0].Calibrate.Rows = rows
			d := &e.Datasets[0]
			d.Governance, d.Split.Train, d.Split.Test, d.Split.Reference = governance, 0.2, 0.65, 0.05
			core := l.ran(t, e)
			number := map[plugins.VerdictStatus]int{}
			r := l.seen[0].Reports[0]
			for i, v := range r.Judged.Verdicts {
				if r.Sources[i] == plugins.FromReal {
					number[v.Status]++
				}
			}
			want := governance == plugins.Open
			if governance == plugins.Restricted {
				want = number[plugins.Unparsable] >= plugins.FewestTold || number[plugins.Unparsable] == 0
				outcomes[want] = true
			}
			for _, name := range []string{record.CountScored, record.CountUnparsable} {
				told := slices.ContainsFunc(core.Counts, func(c record.Count) bool { return c.Stage == "judge" && c.Name == name })
				if told != want {
					t.Errorf("%s data, %v real records: %q is told: %t", governance, number, name, told)
				}
			}
			if !slices.ContainsFunc(core.Counts, func(c record.Count) bool { return c.Stage == "judge" && c.Name == record.CountJudgements }) {
				t.Error("how many were judged is not told")
			}
		}
	}
	if len(outcomes) != 2 {
		t.Errorf("of restricted data they are always told, or never: %v", outcomes)
	}
}

func TestAnotherPolicyJudgesNobodyAgain(t *testing.T) {
	l := newAuditLab(t)
	l.ran(t, audited([]spec.Audit{auditBy("j", "", spec.Decide{})}, "off", "j"))
	if l.judged.Load() == 0 {
		t.Fatal("nobody was judged")
	}
	for name, decide := range map[string]spec.Decide{
		"threshold": {Threshold: number(7)}, "flag": {Action: spec.ActionFlag}, "choose": {Choose: &spec.Choose{Specificity: number(0.5)}},
	} {
		core := l.ran(t, audited([]spec.Audit{auditBy("j", "", decide)}, "off", "j"))
		if n := l.judged.Load(); n != 0 {
			t.Errorf("%s: %d records were judged again", name, n)
		}
		if n := scoreOf(t, core, "j", "m", "total").N; name == "flag" && n != 200 {
			t.Errorf("flagged rows are lost: %d are left", n)
		}
	}
	l.ran(t, audited([]spec.Audit{auditBy("j", `{"of": 9}`, spec.Decide{})}, "off", "j"))
	if l.judged.Load() == 0 {
		t.Error("other settings of the auditor judge nobody")
	}
}

func TestAllAuditsHaveToKeepARecord(t *testing.T) {
	l := newAuditLab(t)
	both := spec.Audit{Use: spec.Use{Name: "both"}, All: []string{"j", "k"}, Decide: spec.Decide{Unscored: spec.UnscoredDrop, Action: spec.ActionDrop}}
	l.ran(t, audited([]spec.Audit{auditBy("j", "", spec.Decide{}), auditBy("k", `{"of": 7}`, spec.Decide{Threshold: number(3)}), both}, "both"))
	a := l.seen[0]
	for row, fate := range a.Fates {
		id := int(a.Before.Column("id").Numbers[row])
		if want := id%13 != 0 && id%10 >= 5 && id%7 >= 3; want != (fate == plugins.Kept) {
			t.Errorf("the row with id %d is %s", id, fate)
		}
	}
	if len(a.Reports) != 2 || a.Reports[0].Audit != "j" || a.Reports[1].Threshold != 3 {
		t.Errorf("reports %+v", a.Reports)
	}
}

func TestRegenerateMakesUpForWhatIsDropped(t *testing.T) {
	l := newAuditLab(t)
	core := l.ran(t, audited([]spec.Audit{auditBy("j", "", spec.Decide{Action: spec.ActionRegenerate, Rounds: 3})}, "j"))
	a := l.seen[0]
	kept := 0
	for row, fate := range a.Fates {
		id := int(a.Before.Column("id").Numbers[row])
		if want := id%13 != 0 && id%10 >= 5; want != (fate == plugins.Kept) {
			t.Errorf("the row with id %d is %s", id, fate)
		}
		if fate == plugins.Kept {
			kept++
		}
	}
	lacks := 200
	from := 0
	for i, n := range a.Rounds {
		if n != lacks {
			t.Errorf("round %d made %d rows, and %d were lacking", i+1, n, lacks)
		}
		for _, fate := range a.Fates[from : from+n] {
			if fate == plugins.Kept {
				lacks--
			}
		}
		from += n
	}
	if len(a.Rounds) != 4 || a.Before.Rows() != from || scoreOf(t, core, "j", "m", "total").N != kept || kept <= 150 || kept > 200 {
		t.Errorf("rounds %v, %d rows kept", a.Rounds, kept)
	}
	askedAcrossRounds(t, a)
	first, second := a.Before.Column("id").Numbers[:20], a.Before.Column("id").Numbers[200:220]
	if slices.Equal(first, second) {
		t.Error("the second round made the rows of the first")
	}
}

// A round that has nothing to make leaves what is known of the rows before as it is.
func TestARoundWithNothingToMakeForgetsNothing(t *testing.T) {
	b, lab, e, opt := askStudy(t, "groups")
	l := &auditLab{bench: b}
	l.register()
	keepAll := auditBy("j", "", spec.Decide{Action: spec.ActionRegenerate, Rounds: 2, Threshold: number(0)})
	keepAll.Decide.Unscored = spec.UnscoredKeep
	e.Audits = []spec.Audit{keepAll}
	e.Matrix[0].Axes = append(e.Matrix[0].Axes, spec.AxisValues{Axis: "audit", Values: values("off", "j")})
	core, res, err := b.run(t, t.Context(), e, opt)
	if err != nil || res.Failed > 0 {
		t.Fatal(err, core.Cells)
	}
	for _, rows := range lab.exposed {
		if !slices.Equal(rows, []int{0, 2, 5}) {
			t.Errorf("exposed %v", rows)
		}
	}
	of := func(cell int) []string {
		return slices.DeleteFunc(scoresOf(core, cell), func(s string) bool { return !strings.HasPrefix(s, "m.") })
	}
	if diff := cmp.Diff(of(0), of(1)); diff != "" || len(of(1)) != 4 {
		t.Errorf("the audit keeps all rows: %v, %s", of(1), diff)
	}
}

// askedAcrossRounds checks that the criteria of all rounds say of each record whether they could be asked of it.
func askedAcrossRounds(t *testing.T, a *plugins.Audited) {
	t.Helper()
	r := a.Reports[0]
	if len(r.Judged.Criteria) != 2 {
		t.Fatalf("criteria %+v", r.Judged.Criteria)
	}
	asked := [2]int{}
	for i, source := range r.Sources {
		for k := range asked {
			if r.Judged.Asked(k, i) {
				asked[k]++
			}
		}
		if source != plugins.FromSynthetic {
			continue
		}
		id := int(a.Before.Column("id").Numbers[r.Origin[i]])
		if scored, even := r.Judged.Asked(0, i), r.Judged.Asked(1, i); scored != (id%13 != 0) || even != (id%2 == 0) {
			t.Errorf("of id %d the criteria could be asked: %t, %t", id, scored, even)
		}
	}
	if asked[0] != r.Judged.Criteria[0].Applies || asked[1] != r.Judged.Criteria[1].Applies {
		t.Errorf("asked of %v records, and it says %d and %d", asked, r.Judged.Criteria[0].Applies, r.Judged.Criteria[1].Applies)
	}
}

// What further rounds took of models is part of what the rows took, and their counts are told apart.
func TestFurtherRoundsAreInTheAccount(t *testing.T) {
	b, _, e, opt := askStudy(t, "")
	l := &auditLab{bench: b}
	l.register()
	e.Audits = []spec.Audit{auditBy("j", "", spec.Decide{Action: spec.ActionRegenerate, Rounds: 2, Threshold: number(9)})}
	e.Matrix[0].Axes = append(e.Matrix[0].Axes, spec.AxisValues{Axis: "audit", Values: values("off", "j")})
	core, res, err := b.run(t, t.Context(), e, opt)
	if err != nil || res.Failed > 0 {
		t.Fatal(err, core.Cells)
	}
	for audit, rounds := range map[string]float64{"off": 1, "j": 3, "j.random": 1} {
		for name, want := range map[string]float64{plugins.ScoreCalls: 2, plugins.ScoreInputTokens: 1000, plugins.ScoreOutputTokens: 500, plugins.ScoreCost: 1.5} {
			if s := scoreOf(t, core, audit, plugins.GenerationMetric, name); s.Value != want*rounds {
				t.Errorf("%s: %s is %v, want %v", audit, name, s.Value, want*rounds)
			}
		}
	}
	seen := map[string]bool{}
	for _, c := range core.Counts {
		at := fmt.Sprint(c.Dataset, c.Cell, c.Stage, c.Name, c.Dims)
		if seen[at] {
			t.Errorf("two counts %q: %s", c.Name, at)
		}
		seen[at] = true
	}
}

func TestAChosenThresholdHasItsSpecificityOnTheFirstHalf(t *testing.T) {
	for _, want := range []float64{0.3, 0.6, 0.85} {
		l := newAuditLab(t)
		l.ran(t, audited([]spec.Audit{auditBy("j", "", spec.Decide{Choose: &spec.Choose{Specificity: number(want)}})}, "j"))
		r := l.seen[0].Reports[0]
		share := func(threshold float64) float64 {
			kept, of := 0, 0
			for i, source := range r.Sources {
				if source == plugins.FromReal && !r.Second[i] {
					of++
					if v := r.Judged.Verdicts[i]; v.Status == plugins.Scored && v.Score >= threshold {
						kept++
					}
				}
			}
			return float64(kept) / float64(of)
		}
		if share(r.Threshold) < want || r.Threshold < 9 && share(r.Threshold+1) >= want {
			t.Errorf("specificity %g: threshold %g keeps %g, the next one %g", want, r.Threshold, share(r.Threshold), share(r.Threshold+1))
		}
		if r.Chosen != fmt.Sprintf("specificity %g", want) {
			t.Errorf("chosen by %q", r.Chosen)
		}
	}
}

func TestAnAuditorThatBreaksItsContractIsABug(t *testing.T) {
	for _, with := range []string{`{"break": 1}`, `{"break": 2}`, `{"break": 3}`, `{"break": 4}`} {
		l := newAuditLab(t)
		_, res, err := l.run(t, t.Context(), audited([]spec.Audit{auditBy("j", with, spec.Decide{})}, "off", "j"), engine.Options{Workers: 1})
		if err != nil || !res.Bug || res.Failed != 3 {
			t.Errorf("%s: %v, bug %t, %d failed", with, err, res.Bug, res.Failed)
		}
	}
}
