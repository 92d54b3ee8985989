package auditfindings

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/audit/units"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

const level = 0.95

// tally counts what one auditor found.
type tally struct {
	*plugins.AuditReport
	people *units.Units
	config Config
	out    *plugins.Measurement
	handed bool                      // rows of the data are handed out as synthetic ones
	fewest int                       // rows of the data that may be told of; 0: any
	by     map[plugins.Source][]int  // records
	broken []plugins.Bits            // by criterion, the records that break it and could be asked; nil of one that is not looked at
	kinds  map[plugins.Severity]bool // severities of the criteria that are looked at
	hidden map[kind]int              // records that break criteria whose rates are not told, once for each of these
}

// kind is the criteria of a severity, asked of the records of a source.
type kind struct {
	plugins.Severity
	plugins.Source
}

func newTally(r *plugins.AuditReport, people *units.Units, c Config, pair *plugins.Pair, out *plugins.Measurement) *tally {
	t := &tally{
		AuditReport: r, people: people, config: c, out: out, handed: pair.Handed, fewest: pair.Fewest, by: units.By(r),
		broken: make([]plugins.Bits, len(r.Judged.Criteria)), hidden: map[kind]int{}, kinds: map[plugins.Severity]bool{},
	}
	if t.handed {
		t.fewest = max(t.fewest, plugins.FewestTold)
	}
	for k, criterion := range r.Judged.Criteria {
		if c.wants(criterion.Name) {
			t.broken[k] = plugins.NewBits(len(r.Sources))
			t.kinds[criterion.Severity] = true
		}
	}
	for _, f := range r.Judged.Findings {
		if b := t.broken[f.Criterion]; b != nil && r.Judged.Asked(f.Criterion, f.Record) {
			b.Add(f.Record)
		}
	}
	return t
}

// few reports whether so many records of a source are some, and too few to be told of. Shuffled columns hold the values of patients, and
// a criterion of one column is broken by as many of them as of the patients.
func (t *tally) few(source plugins.Source, n int) bool {
	return n > 0 && n < t.fewest && (source != plugins.FromSynthetic || t.handed)
}

func (t *tally) add(s plugins.Score, dims map[string]string) {
	s.Dims = dims
	t.out.Scores = append(t.out.Scores, s)
}

func (t *tally) count(name string, n int) {
	t.out.Counts = append(t.out.Counts, plugins.Count{Name: name, Dims: map[string]string{plugins.AuditDim: t.Audit}, Value: n})
}

func withheld(fewest int) string {
	return fmt.Sprintf("withheld: it would tell of fewer than %d patients", fewest)
}

// share is the share of k of some records of a source.
func (t *tally) share(name string, source plugins.Source, k int, records []int, reason string) plugins.Score {
	switch n := len(records); {
	case n == 0:
		return compare.Undefined(name, reason)
	case source == plugins.FromReal && t.people.People(t.AuditReport, records) < plugins.FewestTold:
		return compare.Undefined(name, withheld(plugins.FewestTold))
	case t.few(source, n) || t.few(source, k) || t.few(source, n-k):
		return compare.Undefined(name, withheld(t.fewest))
	}
	return compare.Share(name, k, len(records), t.people.Trials(t.AuditReport, records), "")
}

// criteria scores every criterion that is looked at.
func (t *tally) criteria() {
	told, rare, idle, real := 0, 0, 0, 0
	for k, b := range t.broken {
		switch {
		case b == nil:
		case t.Judged.Criteria[k].Applies == 0:
			idle++
		case b.Len() < t.config.Least:
			rare++
			for _, source := range plugins.Sources() {
				t.hidden[kind{t.Judged.Criteria[k].Severity, source}] += t.breaking(k, t.by[source])
			}
		default:
			told++
			t.criterion(k)
		}
		if b != nil && t.breaking(k, t.by[plugins.FromReal]) > 0 {
			real++
		}
	}
	if told == 0 {
		reason := "the auditor names no criteria that records could break"
		switch {
		case rare > 0:
			reason = fmt.Sprintf(`no criterion is broken by %d records, as "least" wants`, t.config.Least)
		case idle > 0:
			reason = "no record has the values that the criteria read"
		case len(t.broken) > 0:
			reason = `no criterion of the auditor has a name as in "criteria"`
		}
		t.out.Scores = append(t.out.Scores, nothing(scores[0], t.Audit, reason), nothing(scores[1], t.Audit, reason))
	}
	t.count("criteria told", told)
	t.count("criteria that fewer records break than are told", rare)
	t.count("criteria that could be asked of no record", idle)
	t.count("criteria that untouched real records break", real)
}

// breaking counts the records that break a criterion.
func (t *tally) breaking(criterion int, records []int) (n int) {
	for _, i := range records {
		if t.broken[criterion].Has(i) {
			n++
		}
	}
	return n
}

// criterion scores one criterion.
func (t *tally) criterion(k int) {
	c := &t.Judged.Criteria[k]
	dims := func(pairs ...string) map[string]string {
		out := map[string]string{plugins.AuditDim: t.Audit, criterionDim: c.Name}
		if t.config.Describe {
			out[criterionDim] = fmt.Sprintf("%s: %s (%s)", c.Name, c.Message, c.Severity)
		}
		for i := 0; i < len(pairs); i += 2 {
			out[pairs[i]] = pairs[i+1]
		}
		return out
	}
	rates, trials := map[plugins.Source]*plugins.Score{}, map[plugins.Source]float64{}
	for _, source := range plugins.Sources() {
		var asked []int
		for _, i := range t.by[source] {
			if t.Judged.Asked(k, i) {
				asked = append(asked, i)
			}
		}
		n := t.breaking(k, asked)
		s := t.share("rate", source, n, asked, t.unasked(source))
		if s.Status != plugins.OK {
			t.hidden[kind{c.Severity, source}] += n
		} else {
			trials[source] = t.people.Trials(t.AuditReport, asked).Weight * float64(len(asked))
		}
		rates[source] = &s
	}
	warning := realWarning(c.Severity, rates[plugins.FromReal])
	for _, source := range plugins.Sources() {
		s := *rates[source]
		if warning != "" && (source == plugins.FromReal || source == plugins.FromSynthetic) && s.Status == plugins.OK {
			s.Warnings = append(s.Warnings, warning)
		}
		if len(t.by[source]) > 0 { // of other sources, error_share says why there is none
			t.add(s, dims(sourceDim, string(source)))
		}
	}
	d := difference(rates[plugins.FromSynthetic], rates[plugins.FromReal], trials[plugins.FromSynthetic], trials[plugins.FromReal])
	if warning != "" && d.Status == plugins.OK {
		d.Warnings = append(d.Warnings, warning)
	}
	t.add(d, dims())
}

// unasked says why a criterion could be asked of no record of a source.
func (t *tally) unasked(source plugins.Source) string {
	if len(t.by[source]) == 0 {
		return units.Lacks(t.Audit, t.by, source)
	}
	return fmt.Sprintf("no %s record has the values that the criterion reads", units.Called(source))
}

// rare is the share of real records from which on a criterion finds what is not rare: one in twenty lies outside of what a normal range
// is, by the usual definition.
const rare = 0.05

// realWarning is what is said of a criterion that real records break: any of them where it calls them impossible, many where it calls
// them rare.
func realWarning(severity plugins.Severity, real *plugins.Score) string {
	if real.Status != plugins.OK || real.Value == 0 || severity != plugins.SeverityError && real.Value < rare {
		return ""
	}
	share := fmt.Sprintf("%.2g %%", 100*real.Value)
	if severity == plugins.SeverityError {
		return fmt.Sprintf("broken by %s of the real records: either they hold errors, or the criterion is wrong", share)
	}
	return fmt.Sprintf("broken by %s of the real records: it is no rarity there", share)
}

// difference is that of two rates, with Newcombe's interval for effective numbers of trials.
func difference(synthetic, real *plugins.Score, trials, realTrials float64) plugins.Score {
	const name = "difference"
	for _, s := range []*plugins.Score{synthetic, real} {
		if s.Status != plugins.OK {
			return compare.Undefined(name, s.Reason)
		}
	}
	s := plugins.Score{Name: name, Value: synthetic.Value - real.Value, N: synthetic.N + real.N, Status: plugins.OK}
	low, high, err := stats.NewcombeShares(synthetic.Value, trials, real.Value, realTrials, level)
	if err != nil { // both are shares of some trials
		panic(err)
	}
	s.Interval = &plugins.Interval{
		Low: low, High: high, Level: level, Unit: synthetic.Interval.Unit + " and " + real.Interval.Unit, Method: "Newcombe's hybrid score, Kish's effective numbers",
	}
	return s
}

// records scores how many records break any criterion.
func (t *tally) records(ctx context.Context, env plugins.Env) error {
	for _, source := range plugins.Sources() {
		if err := ctx.Err(); err != nil {
			return err
		}
		scored := slices.DeleteFunc(slices.Clone(t.by[source]), func(i int) bool { return t.Judged.Verdicts[i].Status != plugins.Scored })
		reason := units.Lacks(t.Audit, t.by, source)
		if len(t.by[source]) > 0 {
			reason = fmt.Sprintf("no %s record has a score", units.Called(source))
		}
		errs, warnings, broken := t.perRecord(scored)
		dims := map[string]string{plugins.AuditDim: t.Audit, sourceDim: string(source)}
		t.add(t.any("error_share", plugins.SeverityError, source, errs, scored, reason), dims)
		t.add(t.any("warning_share", plugins.SeverityWarning, source, warnings, scored, reason), dims)
		s, err := t.mean(ctx, env, source, broken, scored, reason)
		if err != nil {
			return err
		}
		t.add(s, dims)
	}
	return nil
}

// perRecord counts the records that break a criterion of each severity, and the criteria that each record breaks.
func (t *tally) perRecord(records []int) (errs, warnings int, broken []float64) {
	broken = make([]float64, len(records))
	for at, i := range records {
		var seen [2]bool
		for k, b := range t.broken {
			if b.Has(i) {
				broken[at]++
				severe := 0
				if t.Judged.Criteria[k].Severity == plugins.SeverityError {
					severe = 1
				}
				seen[severe] = true
			}
		}
		if seen[1] {
			errs++
		}
		if seen[0] {
			warnings++
		}
	}
	return errs, warnings, broken
}

// any is the share of the records that break a criterion of a severity.
func (t *tally) any(name string, severity plugins.Severity, source plugins.Source, k int, records []int, reason string) plugins.Score {
	switch {
	case !t.kinds[severity]:
		return compare.Undefined(name, fmt.Sprintf("no criterion has the severity %q", severity))
	case t.few(source, t.hidden[kind{severity, source}]): // with the rates that are told, it would tell the one that is not
		return compare.Undefined(name, withheld(t.fewest))
	}
	return t.share(name, source, k, records, reason)
}

// mean is the mean number of criteria that a record breaks.
func (t *tally) mean(ctx context.Context, env plugins.Env, source plugins.Source, broken []float64, records []int, reason string) (plugins.Score, error) {
	const name = "findings_per_record"
	sum, hidden := 0.0, 0
	for _, n := range broken {
		sum += n
	}
	for severity := range t.kinds {
		hidden += t.hidden[kind{severity, source}]
	}
	switch n := len(records); {
	case n == 0:
		return compare.Undefined(name, reason), nil
	case len(t.kinds) == 0:
		return compare.Undefined(name, "the auditor names no criteria that records could break"), nil
	case source == plugins.FromReal && t.people.People(t.AuditReport, records) < plugins.FewestTold:
		return compare.Undefined(name, withheld(plugins.FewestTold)), nil
	case t.few(source, n) || t.few(source, int(sum)) || t.few(source, hidden):
		return compare.Undefined(name, withheld(t.fewest)), nil
	}
	s := plugins.Score{Name: name, Value: sum / float64(len(records)), N: len(records), Status: plugins.OK}
	if t.config.Resamples == 0 {
		s.Warnings = append(s.Warnings, plugins.WithoutInterval+`"resamples" is 0`)
		return s, nil
	}
	of, n := t.people.Clusters(t.AuditReport, records)
	b := stats.Bootstrap{Units: n, Resamples: t.config.Resamples, Threads: env.Threads, Source: func(i int) *rand.Rand {
		return env.Rand.For(plugins.ForResample, strconv.Itoa(i))
	}}
	mean, low, high, err := stats.MeanBCa(ctx, b, broken, of, level)
	switch {
	case err != nil && ctx.Err() != nil:
		return s, ctx.Err()
	case err != nil:
		why := err.Error()
		if errors.Is(err, stats.ErrNoSpread) {
			why = "all records break as many criteria"
		}
		s.Warnings = append(s.Warnings, plugins.WithoutInterval+why)
	default:
		s.Value = mean
		s.Interval = &plugins.Interval{
			Low: low, High: high, Level: level, Unit: t.people.Unit(t.AuditReport, records),
			Method: fmt.Sprintf("BCa bootstrap, %d resamples", t.config.Resamples),
		}
	}
	return s, nil
}
