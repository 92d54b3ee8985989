package auditagreement

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/audit/units"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// judge is the judgements of one judge, or the verdicts of the auditor.
type judge struct {
	name    string
	repeats [][]plugins.Verdict
}

// score is that of a record in a repeat, if there is one.
func (j *judge) score(repeat, record int) (score float64, ok bool) {
	if repeat >= len(j.repeats) {
		return 0, false
	}
	v := &j.repeats[repeat][record]
	return v.Score, v.Status == plugins.Scored
}

// judgesOf lists the judges of an auditor, in its order.
func judgesOf(r *plugins.AuditReport) []*judge {
	var out []*judge
	for i := range r.Judged.Opinions {
		o := &r.Judged.Opinions[i]
		if len(o.Verdict) != len(r.Sources) {
			continue // a round that it was not asked in
		}
		at := slices.IndexFunc(out, func(j *judge) bool { return j.name == o.Judge })
		if at < 0 {
			at = len(out)
			out = append(out, &judge{name: o.Judge})
		}
		out[at].repeats = append(out[at].repeats, o.Verdict)
	}
	return out
}

// panel is an auditor with its judges.
type panel struct {
	*rater
	*plugins.AuditReport
	every  *judge // the verdicts that the judges come to
	judges []*judge
	by     map[string][]int // records by source, and of all sources
}

// judges scores the judges of an auditor, on the records of all sources and of each.
func (r *rater) judges(ctx context.Context, report *plugins.AuditReport) error {
	p := &panel{
		rater: r, AuditReport: report, judges: judgesOf(report), by: map[string][]int{},
		every: &judge{name: every, repeats: [][]plugins.Verdict{report.Judged.Verdicts}},
	}
	of := units.By(report)
	sources := []string{every}
	for _, source := range plugins.Sources() {
		if len(of[source]) > 0 {
			sources = append(sources, string(source))
			p.by[string(source)] = of[source]
		}
	}
	for i := range report.Sources {
		p.by[every] = append(p.by[every], i)
	}
	for _, source := range sources {
		if err := p.source(ctx, source); err != nil {
			return err
		}
	}
	return nil
}

// source scores the judges on the records of a source.
func (p *panel) source(ctx context.Context, source string) error {
	if why := p.told(p.AuditReport, source, p.by[source]); why != "" {
		p.untold(source, why)
		return nil
	}
	matrix := map[[2]int]float64{}
	for a, j := range p.judges {
		for b := a + 1; b < len(p.judges); b++ {
			kappa, err := p.pair(ctx, source, j, p.judges[b])
			if err != nil {
				return err
			}
			matrix[[2]int{a, b}], matrix[[2]int{b, a}] = kappa, kappa
		}
		matrix[[2]int{a, a}] = p.itself(source, j)
		if err := p.repeated(ctx, source, j); err != nil {
			return err
		}
	}
	p.matrix(source, matrix)
	if err := p.all(ctx, source); err != nil {
		return err
	}
	for _, j := range append([]*judge{p.every}, p.judges...) {
		if err := p.scoring(ctx, source, j); err != nil {
			return err
		}
	}
	return nil
}

// untold says of every score of a source why it is not told.
func (p *panel) untold(source, why string) {
	for _, s := range scores {
		if slices.Equal(s.Dims, ofAuditors) {
			continue
		}
		n := nothing(s.Name, p.Audit, why)
		n.Dims[sourceDim] = source
		p.out.Scores = append(p.out.Scores, n)
	}
}

func (p *panel) dims(source string, pairs ...string) map[string]string {
	out := map[string]string{plugins.AuditDim: p.Audit, sourceDim: source}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}

// lone says why there is no pair of judges.
func (p *panel) lone() string {
	if len(p.judges) == 0 {
		return "the auditor asks no judges: a record has one verdict"
	}
	return fmt.Sprintf(`there is one judge; write two or more in "llms" of audits.%s.with`, p.Audit)
}

// both lists the records that two judges score in the same repeat, with the scores; of a judge and itself, in two of its repeats.
func (p *panel) both(source string, a, b *judge) (records []int, x, y []float64, left int) {
	add := func(i, first, second int) {
		u, ok := a.score(first, i)
		v, too := b.score(second, i)
		if !ok || !too {
			left++
			return
		}
		records, x, y = append(records, i), append(x, u), append(y, v)
	}
	for _, i := range p.by[source] {
		for repeat := range min(len(a.repeats), len(b.repeats)) {
			if a != b {
				add(i, repeat, repeat)
				continue
			}
			for other := range repeat {
				add(i, other, repeat)
			}
		}
	}
	return records, x, y, left
}

func leftOut(n, of int) []string {
	if n == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d of %d judgements without a score of both are left out", n, of)}
}

// pair scores two judges, and returns their weighted kappa; NaN where it is undefined.
func (p *panel) pair(ctx context.Context, source string, a, b *judge) (float64, error) {
	records, x, y, left := p.both(source, a, b)
	dims := p.dims(source, judgeDim, a.name, otherDim, b.name)
	s := p.sample(p.AuditReport, records)
	kappa := p.kappa(x, y)
	err := p.measure(ctx, s, dims, leftOut(left, left+len(x)), kappa, p.icc(x, y), quantity{"mean_difference", mean("", func(i int) float64 { return x[i] - y[i] }).measure})
	if err != nil {
		return 0, err
	}
	p.share("equal_verdict_share", source, s, dims, func(i int) bool { return (x[i] >= p.Threshold) == (y[i] >= p.Threshold) }, "no record has a score of both judges")
	return valueOf(kappa, len(x)), nil
}

// itself is the weighted kappa of a judge with itself over all pairs of repeats; NaN where it is undefined.
func (p *panel) itself(source string, j *judge) float64 {
	_, x, y, _ := p.both(source, j, j)
	return valueOf(p.kappa(x, y), len(x))
}

// valueOf is a quantity of so many judgements.
func valueOf(q quantity, n int) float64 {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	v, err := q.measure(rows)
	if err != nil {
		return math.NaN()
	}
	return v
}

// mostCategories is the number of scores that a scale may have for kappa: with more, they are no categories.
const mostCategories = 200

var errSteps = errors.New("the scores have no steps that categories could be formed by; icc says how far they agree")

// kappa is Cohen's of two lists of scores, with the steps of the scale as categories.
func (p *panel) kappa(x, y []float64) quantity {
	categories := 0
	if steps := (p.Scale.Max - p.Scale.Min) / p.Scale.Step; p.Scale.Step > 0 && steps < mostCategories {
		categories = int(math.Round(steps)) + 1
	}
	place := func(scores []float64) []int {
		out := make([]int, len(scores))
		for i, v := range scores {
			out[i] = min(max(int(math.Round((v-p.Scale.Min)/p.Scale.Step)), 0), categories-1)
		}
		return out
	}
	var first, second []int
	if categories > 0 {
		first, second = place(x), place(y)
	}
	return quantity{"weighted_kappa", func(rows []int) (float64, error) {
		if categories == 0 {
			return 0, errSteps
		}
		table := make([][]int, categories)
		flat := make([]int, categories*categories)
		for c := range table {
			table[c] = flat[c*categories : (c+1)*categories]
		}
		for _, i := range rows {
			table[first[i]][second[i]]++
		}
		k, err := stats.CohenKappa(table, stats.Quadratic)
		if err != nil {
			return 0, err
		}
		return k.Value, nil
	}}
}

// icc is ICC(2,1) of two lists of scores of the same judgements.
func (r *rater) icc(x, y []float64) quantity {
	ratings := make([][]float64, len(x))
	for i := range ratings {
		ratings[i] = []float64{x[i], y[i]}
	}
	return r.iccOf("icc", ratings)
}

func (r *rater) iccOf(name string, ratings [][]float64) quantity {
	return quantity{name, func(rows []int) (float64, error) {
		drawn := r.gathered(ratings, rows)
		defer r.lists.Put(drawn)
		out, err := stats.ICC(*drawn, level)
		if err != nil {
			return 0, err
		}
		return out.Value, nil
	}}
}

// gathered are the ratings of the judgements with some numbers.
func (r *rater) gathered(ratings [][]float64, rows []int) *[][]float64 {
	out, _ := r.lists.Get().(*[][]float64)
	if out == nil {
		out = new([][]float64)
	}
	*out = (*out)[:0]
	for _, i := range rows {
		*out = append(*out, ratings[i])
	}
	return out
}

// repeated scores how far a judge agrees with itself.
func (p *panel) repeated(ctx context.Context, source string, j *judge) error {
	dims := p.dims(source, judgeDim, j.name)
	if len(j.repeats) < 2 {
		why := fmt.Sprintf(`the judge was asked once of each record; write "repeats: 2" in audits.%s.with`, p.Audit)
		p.add(compare.Undefined("repeat_icc", why), dims)
		p.add(compare.Undefined("repeat_sd", why), dims)
		return nil
	}
	var records []int
	var ratings [][]float64
	for _, i := range p.by[source] {
		var of []float64
		for repeat := range j.repeats {
			if v, ok := j.score(repeat, i); ok {
				of = append(of, v)
			}
		}
		if len(of) == len(j.repeats) {
			records, ratings = append(records, i), append(ratings, of)
		}
	}
	var warnings []string
	if left := len(p.by[source]) - len(records); left > 0 {
		warnings = append(warnings, fmt.Sprintf("%d of %d records without a score in every repeat are left out", left, len(p.by[source])))
	}
	variances := make([]float64, len(ratings))
	for i, of := range ratings {
		sd, err := stats.SD(of)
		if err != nil {
			return err
		}
		variances[i] = sd * sd
	}
	variance := mean("", func(i int) float64 { return variances[i] })
	sd := quantity{"repeat_sd", func(rows []int) (float64, error) {
		v, err := variance.measure(rows)
		if err != nil {
			return 0, err
		}
		return math.Sqrt(v), nil
	}}
	return p.measure(ctx, p.sample(p.AuditReport, records), dims, warnings, p.iccOf("repeat_icc", ratings), sd)
}

// all scores all judges together.
func (p *panel) all(ctx context.Context, source string) error {
	dims := p.dims(source)
	if len(p.judges) < 2 {
		for _, name := range []string{"weighted_kappa", "icc", "mean_difference", "equal_verdict_share"} {
			p.add(compare.Undefined(name, p.lone()), p.dims(source, judgeDim, every, otherDim, every))
		}
		for _, name := range []string{"alpha_ordinal", "alpha_interval", "disagreement_share"} {
			p.add(compare.Undefined(name, p.lone()), dims)
		}
		if len(p.judges) == 0 {
			for _, name := range []string{"repeat_icc", "repeat_sd"} {
				p.add(compare.Undefined(name, p.lone()), p.dims(source, judgeDim, every))
			}
		}
		return nil
	}
	repeats := 0
	for _, j := range p.judges {
		repeats = max(repeats, len(j.repeats))
	}
	var records []int
	var ratings [][]float64
	for _, i := range p.by[source] {
		for repeat := range repeats {
			var of []float64
			for _, j := range p.judges {
				if v, ok := j.score(repeat, i); ok {
					of = append(of, v)
				}
			}
			if len(of) > 1 {
				records, ratings = append(records, i), append(ratings, of)
			}
		}
	}
	var warnings []string
	if left := len(p.by[source])*repeats - len(records); left > 0 {
		warnings = append(warnings, fmt.Sprintf("%d of %d judgements with fewer than two scores are left out", left, left+len(records)))
	}
	s := p.sample(p.AuditReport, records)
	err := p.measure(ctx, s, dims, warnings, p.alpha("alpha_ordinal", ratings, stats.Ordinal), p.alpha("alpha_interval", ratings, stats.Interval))
	if err != nil {
		return err
	}
	p.share("disagreement_share", source, s, dims, func(i int) bool {
		return slices.ContainsFunc(ratings[i], func(v float64) bool { return (v >= p.Threshold) != (ratings[i][0] >= p.Threshold) })
	}, "no record has scores of two judges")
	return nil
}

func (r *rater) alpha(name string, ratings [][]float64, scale stats.Scale) quantity {
	return quantity{name, func(rows []int) (float64, error) {
		drawn := r.gathered(ratings, rows)
		defer r.lists.Put(drawn)
		return stats.KrippendorffAlpha(*drawn, scale)
	}}
}

// quantiles are what a box plot needs; extremes would tell of single records.
var quantiles = []float64{0.05, 0.25, 0.5, 0.75, 0.95}

// scoring describes the scores of a judge, or of the auditor.
func (p *panel) scoring(ctx context.Context, source string, j *judge) error {
	dims := p.dims(source, judgeDim, j.name)
	var records, scored []int
	var has []bool
	var values []float64
	for _, i := range p.by[source] {
		for repeat := range j.repeats {
			v, ok := j.score(repeat, i)
			records, has = append(records, i), append(has, ok)
			if ok {
				scored, values = append(scored, i), append(values, v)
			}
		}
	}
	p.share("unscored_share", source, p.sample(p.AuditReport, records), dims, func(i int) bool { return !has[i] }, "no record was judged")
	const lacks = "no record has a score"
	s := p.sample(p.AuditReport, scored)
	p.share("kept_share", source, s, dims, func(i int) bool { return values[i] >= p.Threshold }, lacks)
	if len(values) == 0 {
		p.add(compare.Undefined("mean_score", lacks), dims)
		p.add(compare.Undefined("score_quantile", lacks), p.dims(source, judgeDim, j.name, quantileDim, every))
		return nil
	}
	if err := p.measure(ctx, s, dims, nil, mean("mean_score", func(i int) float64 { return values[i] })); err != nil {
		return err
	}
	p.percentiles(source, j, s, values)
	p.ecdf(source, j, s, values)
	return nil
}

// percentiles adds those of the scores. Of restricted data the outer ones have to stand for as many records as may be told of.
func (p *panel) percentiles(source string, j *judge, s *sample, values []float64) {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	if p.few(source, max(1, int(quantiles[0]*float64(s.n)))) {
		p.add(compare.Undefined("score_quantile", withheld(p.fewest)), p.dims(source, judgeDim, j.name, quantileDim, every))
		return
	}
	for _, q := range quantiles {
		v, err := stats.Percentile(sorted, q)
		if err != nil { // there are values
			panic(err)
		}
		p.add(plugins.Score{Name: "score_quantile", Value: v, N: len(values), Status: plugins.OK},
			p.dims(source, judgeDim, j.name, quantileDim, strconv.FormatFloat(q, 'f', 2, 64)))
	}
}

// matrix adds the matrix of a source.
func (p *panel) matrix(source string, values map[[2]int]float64) {
	people := p.people.People(p.AuditReport, p.by[source])
	if len(p.judges) < 2 {
		return
	}
	for a, j := range p.judges {
		c := plugins.Curve{Name: "judge_agreement", Dims: p.dims(source, plugins.ColumnDim, j.name)}
		for b := range p.judges {
			if v := values[[2]int{a, b}]; !math.IsNaN(v) {
				c.X, c.Y, c.N = append(c.X, float64(b)), append(c.Y, v), append(c.N, people)
			}
		}
		p.out.Curves = append(p.out.Curves, c)
	}
}

// ecdf adds the distribution of the scores. Its steps are joined until each stands for plugins.FewestTold subjects, or records of nobody.
func (p *panel) ecdf(source string, j *judge, s *sample, values []float64) {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return values[order[a]] < values[order[b]] })
	c := plugins.Curve{Name: "score_ecdf", Dims: p.dims(source, judgeDim, j.name)}
	seen := map[int32]bool{}
	for k, i := range order {
		seen[s.of[i]] = true
		if k+1 < len(order) && (values[order[k+1]] == values[i] || len(seen) < plugins.FewestTold) {
			continue
		}
		if len(seen) < plugins.FewestTold { // the last step takes what is left
			if len(c.X) == 0 {
				break
			}
			c.X[len(c.X)-1], c.Y[len(c.Y)-1] = values[i], 1
			break
		}
		c.X, c.Y, c.N = append(c.X, values[i]), append(c.Y, float64(k+1)/float64(len(order))), append(c.N, len(seen))
		clear(seen)
	}
	if len(c.X) == 0 {
		p.out.Counts = append(p.out.Counts, plugins.Count{
			Name: plugins.CurvesWithheld, Value: 1, Dims: map[string]string{plugins.AuditDim: p.Audit, judgeDim: j.name, sourceDim: source, "curve": c.Name},
		})
		return
	}
	p.out.Curves = append(p.out.Curves, c)
}
