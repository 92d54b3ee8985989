package auditcalibration

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/audit/ledger"
	"github.com/ehrlab/ehrlab/plugins/metric/audit/units"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

var negInf, posInf = math.Inf(-1), math.Inf(1)

const level = 0.95

// rating rates one auditor.
type rating struct {
	*plugins.AuditReport
	people  *units.Units
	out     *plugins.Measurement
	handed  bool                     // synthetic rows are rows of the data
	told    *ledger.Ledger           // what is told of the untouched real records, by place in by; nil: they are not private
	ranked  bool                     // how many of these have a score is told, as it is by curves and AUROCs
	by      map[plugins.Source][]int // the records of a source, and of those those that count at the threshold
	counted map[plugins.Source][]int
	left    int // records left out at the threshold, since it was chosen on them
}

func newRating(report *plugins.AuditReport, people *units.Units, pair *plugins.Pair, out *plugins.Measurement) *rating {
	r := &rating{
		AuditReport: report, people: people, out: out, handed: pair.Handed, by: units.By(report),
		counted: map[plugins.Source][]int{},
	}
	if pair.Fewest > 0 {
		r.told = ledger.New(len(r.by[plugins.FromReal]))
	}
	r.ranked = r.tells(r.scored)
	for i, source := range report.Sources {
		if !r.counts(i) {
			r.left++
			continue
		}
		r.counted[source] = append(r.counted[source], i)
	}
	return r
}

// tells reports whether it may be told how many of the untouched real records are so, beside what is told of them already.
func (r *rating) tells(is func(i int) bool) bool {
	real := r.by[plugins.FromReal]
	return r.told.Tell(func(k int) bool { return is(real[k]) })
}

func (r *rating) scored(i int) bool { return r.Judged.Verdicts[i].Status == plugins.Scored }

// caught reports whether a record scores below the threshold.
func (r *rating) caught(i int) bool { return r.scored(i) && r.Judged.Verdicts[i].Score < r.Threshold }

func (r *rating) dims(pairs ...string) map[string]string {
	out := map[string]string{plugins.AuditDim: r.Audit}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}

func (r *rating) add(s plugins.Score, pairs ...string) {
	s.Dims = r.dims(pairs...)
	r.out.Scores = append(r.out.Scores, s)
}

func (r *rating) count(name string, n int, pairs ...string) {
	r.out.Counts = append(r.out.Counts, plugins.Count{Name: name, Dims: r.dims(pairs...), Value: n})
}

// rate makes all scores of the auditor that rest on its lineup. Of private records curves have the first claim to be told: they hang on
// no threshold. So cells that differ in theirs tell nothing together either, where scores have steps: a threshold lies at the end of a bin.
func (r *rating) rate() {
	r.curves()
	r.atThreshold()
	r.byKind()
	r.byColumn()
	r.aurocs()
	r.sources()
	r.add(plugins.Score{Name: "threshold", Value: r.Threshold, N: len(r.Sources), Status: plugins.OK})
	if r.Chosen != "" {
		r.count("records left out at the threshold: it was chosen on their half", r.left)
	}
}

// handedOut is why nothing is told of synthetic rows that are rows of the data.
const handedOut = "withheld: rows of the data are handed out as synthetic ones, of which the metric audit tells what can be told"

// counts reports whether a record counts at the threshold.
func (r *rating) counts(i int) bool {
	return r.Chosen == "" || r.Second[i] || !units.OfTest(r.Sources[i])
}

// share is the share of records that are so, among some of one source.
func (r *rating) share(name string, source plugins.Source, records []int, is func(i int) bool, reason string) plugins.Score {
	k := 0
	for _, i := range records {
		if is(i) {
			k++
		}
	}
	if source == plugins.FromReal && len(records) > 0 && r.people.People(r.AuditReport, records) < plugins.FewestTold {
		return compare.Undefined(name, fmt.Sprintf("withheld: it would stand for fewer than %d patients", plugins.FewestTold))
	}
	if source == plugins.FromReal && !(r.tells(r.counts) && r.tells(func(i int) bool { return r.counts(i) && is(i) })) {
		with := ""
		if !few(k) && !few(len(records)-k) {
			with = "with the shares and curves that are told "
		}
		return compare.Undefined(name, fmt.Sprintf("withheld: %sit would tell of fewer than %d of %d rows of restricted data", with, plugins.FewestTold, len(r.by[source])))
	}
	if source == plugins.FromSynthetic && r.handed {
		return compare.Undefined(name, handedOut)
	}
	s := compare.Share(name, k, len(records), r.people.Trials(r.AuditReport, records), reason)
	if s.Status == plugins.OK && r.Chosen != "" && r.left > 0 && units.OfTest(source) {
		s.Warnings = append(s.Warnings, fmt.Sprintf("the threshold was chosen by %s on one half of the subjects: this is of the other half", r.Chosen))
	}
	return s
}

// lacks says why there is no record of a source, or none that counts at the threshold.
func (r *rating) lacks(source plugins.Source) string {
	if len(r.by[source]) > 0 {
		return fmt.Sprintf("no %s record is of the half that the threshold was not chosen on; calibrate more rows", source)
	}
	return units.Lacks(r.Audit, r.by, source)
}

// planted lists the records with an error that some kinds and columns have.
func (r *rating) planted(records []int, is func(e *plugins.Planted) bool) []int {
	var out []int
	for _, i := range records {
		if e := r.Planted[i]; e != nil && is(e) {
			out = append(out, i)
		}
	}
	return out
}

func (r *rating) detectable(i int) bool { return r.Planted[i] != nil && r.Planted[i].Detectable }

// atThreshold scores all planted errors together, and the untouched real records.
func (r *rating) atThreshold() {
	planted, real := r.counted[plugins.FromPlanted], r.counted[plugins.FromReal]
	lacks := r.lacks(plugins.FromPlanted)
	found := r.planted(planted, func(e *plugins.Planted) bool { return e.Detectable })
	lacksDetectable := lacks
	if len(planted) > 0 {
		lacksDetectable = "no planted error can be told in principle"
	}
	r.add(r.share("sensitivity", plugins.FromPlanted, planted, r.caught, lacks))
	r.add(r.share("sensitivity_detectable", plugins.FromPlanted, found, r.caught, lacksDetectable))
	r.add(r.share("detectable_share", plugins.FromPlanted, planted, r.detectable, lacks))
	r.add(r.share("specificity", plugins.FromReal, real, func(i int) bool { return !r.caught(i) }, r.lacks(plugins.FromReal)))
	r.add(r.share("false_alarm_rate", plugins.FromReal, real, r.caught, r.lacks(plugins.FromReal)))
}

// kindOf is the kind of an error without what tells apart several errors of the kind.
func kindOf(e *plugins.Planted) string {
	kind, _, _ := strings.Cut(e.Kind, ": ")
	return kind
}

// kinds lists the kinds of planted errors, each before the single errors of it.
func (r *rating) kinds() []string {
	var out []string
	for _, i := range r.by[plugins.FromPlanted] {
		if e := r.Planted[i]; e != nil {
			out = append(out, e.Kind, kindOf(e))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// byKind scores each kind of error, and each error of a kind.
func (r *rating) byKind() {
	planted, all := r.counted[plugins.FromPlanted], r.by[plugins.FromPlanted]
	kinds := r.kinds()
	if len(kinds) == 0 {
		for _, name := range []string{"sensitivity_by_kind", "detectable_share_by_kind", "auroc_by_kind"} {
			r.add(compare.Undefined(name, r.lacks(plugins.FromPlanted)), kindDim, every)
		}
		return
	}
	for _, kind := range kinds {
		is := func(e *plugins.Planted) bool { return e.Kind == kind || kindOf(e) == kind }
		of := r.planted(planted, is)
		r.add(r.share("sensitivity_by_kind", plugins.FromPlanted, of, r.caught, r.lacks(plugins.FromPlanted)), kindDim, kind)
		r.add(r.share("detectable_share_by_kind", plugins.FromPlanted, of, r.detectable, r.lacks(plugins.FromPlanted)), kindDim, kind)
		r.add(r.auroc("auroc_by_kind", r.planted(all, is), plugins.FromPlanted), kindDim, kind)
	}
}

// slips are the kinds of errors of one column each that differ between columns in whether they can be told.
var slips = []string{"factor-10", "unit"}

// byColumn scores slips by column.
func (r *rating) byColumn() {
	type place struct{ kind, column string }
	seen := map[place]bool{}
	var places []place
	for _, i := range r.by[plugins.FromPlanted] {
		if e := r.Planted[i]; e != nil && slices.Contains(slips, kindOf(e)) && len(e.Columns) == 1 {
			if at := (place{kindOf(e), e.Columns[0]}); !seen[at] {
				seen[at] = true
				places = append(places, at)
			}
		}
	}
	if len(places) == 0 {
		reason := r.lacks(plugins.FromPlanted)
		if len(r.by[plugins.FromPlanted]) > 0 {
			reason = "no error of the kinds unit and factor-10 was planted"
		}
		for _, name := range []string{"sensitivity_by_column", "detectable_share_by_column"} {
			r.add(compare.Undefined(name, reason), kindDim, every, columnDim, every)
		}
		return
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(strings.Compare(a.kind, b.kind), strings.Compare(a.column, b.column))
	})
	for _, at := range places {
		of := r.planted(r.counted[plugins.FromPlanted], func(e *plugins.Planted) bool {
			return kindOf(e) == at.kind && len(e.Columns) == 1 && e.Columns[0] == at.column
		})
		r.add(r.share("sensitivity_by_column", plugins.FromPlanted, of, r.caught, r.lacks(plugins.FromPlanted)), kindDim, at.kind, columnDim, at.column)
		r.add(r.share("detectable_share_by_column", plugins.FromPlanted, of, r.detectable, r.lacks(plugins.FromPlanted)), kindDim, at.kind, columnDim, at.column)
	}
}

// aurocs scores how the auditor ranks untouched real records against others.
func (r *rating) aurocs() {
	r.add(r.auroc("auroc", r.by[plugins.FromPlanted], plugins.FromPlanted))
	r.add(r.auroc("auroc_shuffled", r.by[plugins.FromShuffled], plugins.FromShuffled))
	r.add(r.auroc("auroc_synthetic", r.by[plugins.FromSynthetic], plugins.FromSynthetic))
}

// auroc scores how often an untouched real record has the higher score. Records without a score are left out.
func (r *rating) auroc(name string, others []int, source plugins.Source) plugins.Score {
	real := slices.DeleteFunc(slices.Clone(r.by[plugins.FromReal]), func(i int) bool { return !r.scored(i) })
	left := slices.DeleteFunc(slices.Clone(others), func(i int) bool { return !r.scored(i) })
	switch {
	case len(r.by[plugins.FromReal]) == 0:
		return compare.Undefined(name, r.lacks(plugins.FromReal))
	case len(others) == 0:
		return compare.Undefined(name, r.lacks(source))
	case source == plugins.FromSynthetic && r.handed:
		return compare.Undefined(name, handedOut)
	case !r.ranked:
		return compare.Undefined(name, fmt.Sprintf("withheld: it would tell of fewer than %d rows of restricted data without a score, or with one", plugins.FewestTold))
	case len(real) == 0 || len(left) == 0:
		return compare.Undefined(name, fmt.Sprintf("no %s record has a score", map[bool]plugins.Source{true: plugins.FromReal, false: source}[len(real) == 0]))
	case r.people.People(r.AuditReport, real) < plugins.FewestTold:
		return compare.Undefined(name, fmt.Sprintf("withheld: it would stand for fewer than %d patients", plugins.FewestTold))
	}
	records := slices.Concat(real, left)
	y, score := make([]bool, len(records)), make([]float64, len(records))
	for k, i := range records {
		y[k], score[k] = k < len(real), r.Judged.Verdicts[i].Score
	}
	cluster, _ := r.people.Clusters(r.AuditReport, records)
	a, err := stats.NewClusteredAUROC(y, score, cluster)
	s := plugins.Score{Name: name, N: len(y), Status: plugins.OK}
	if a == nil {
		return compare.Undefined(name, err.Error())
	}
	s.Value = a.AUROC
	low, high := 0.0, 0.0
	if err == nil {
		low, high, err = a.Interval(level)
	}
	if err != nil {
		s.Warnings = append(s.Warnings, plugins.WithoutInterval+err.Error())
	} else {
		s.Interval = &plugins.Interval{Low: low, High: high, Level: level, Unit: r.people.Unit(r.AuditReport, records), Method: "DeLong's variance, subjects as clusters, symmetric on the logit scale"}
	}
	if n := len(r.by[plugins.FromReal]) + len(others) - len(y); n > 0 {
		s.Warnings = append(s.Warnings, fmt.Sprintf("%d records without a score are left out", n))
	}
	return s
}

// sources scores what the policy makes of the records of each source, and how many have no score.
func (r *rating) sources() {
	for _, source := range plugins.Sources() {
		of := r.counted[source]
		lacks := r.lacks(source)
		r.add(r.share("kept_share", source, of, func(i int) bool { return r.Kept[i] }, lacks), sourceDim, string(source))
		r.add(r.share("unscored_share", source, of, func(i int) bool { return !r.scored(i) }, lacks), sourceDim, string(source))
	}
}
