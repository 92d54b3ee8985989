package audit

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/audit/ledger"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

const level = 0.95

// tally counts rows.
type tally struct {
	*plugins.Audited
	out  *plugins.Measurement
	told *ledger.Ledger // of synthetic rows that are rows of the data; nil: they are not
}

// view is what one auditor, or all of them together, make of the synthetic rows.
type view struct {
	auditor  string
	kept     []bool // by row of Before
	verdicts [][]plugins.Verdict
	judged   int
}

// views are those of all auditors together, then of each.
func (t *tally) views() []view {
	n := len(t.Fates)
	all := view{auditor: plugins.AllAuditors, kept: make([]bool, n)}
	for row, fate := range t.Fates {
		all.kept[row] = fate == plugins.Kept
	}
	out := []view{all}
	for i := range t.Reports {
		r := &t.Reports[i]
		v := view{auditor: r.Audit, kept: make([]bool, n), judged: len(r.Sources)}
		verdicts := make([]plugins.Verdict, n)
		for k, source := range r.Sources {
			if source == plugins.FromSynthetic {
				v.kept[r.Origin[k]], verdicts[r.Origin[k]] = r.Kept[k], r.Judged.Verdicts[k]
			}
		}
		v.verdicts = [][]plugins.Verdict{verdicts}
		out[0].verdicts = append(out[0].verdicts, verdicts)
		out[0].judged += v.judged
		out = append(out, v)
	}
	return out
}

const noRows = "there are no synthetic rows"

// some are synthetic rows of which a score tells.
type some func(row int) bool

func (t *tally) count(is some) (k int) {
	for row := range t.Fates {
		if is(row) {
			k++
		}
	}
	return k
}

// share is the share k of n synthetic rows. sets are those whose sizes it tells.
func (t *tally) share(name string, dims map[string]string, k, n int, reason string, sets ...some) plugins.Score {
	s := compare.Share(name, k, n, compare.NewTrials("synthetic", nil, n), reason)
	if !t.tells(sets...) {
		s = compare.Undefined(name, withheld)
	}
	s.Dims = dims
	return s
}

// tells reports whether the sizes of sets of the rows may be told beside what is told already.
func (t *tally) tells(sets ...some) bool {
	return !slices.ContainsFunc(sets, func(is some) bool { return !t.told.Tell(is) })
}

var withheld = fmt.Sprintf("withheld: rows of the data are handed out as synthetic ones, and by itself or with what else is told it would tell of fewer than %d",
	plugins.FewestTold)

func (t *tally) add(s plugins.Score) { t.out.Scores = append(t.out.Scores, s) }

func (t *tally) undefined(name string, dims map[string]string, reason string) {
	s := compare.Undefined(name, reason)
	s.Dims = dims
	t.add(s)
}

// describe adds a number that nothing is estimated by, undefined where it rests on nothing.
func (t *tally) describe(name string, dims map[string]string, value float64, n int) {
	if n == 0 {
		t.undefined(name, dims, noRows)
		return
	}
	t.add(plugins.Score{Name: name, Dims: dims, Value: value, N: n, Status: plugins.OK})
}

func of(auditor string, pairs ...string) map[string]string {
	out := map[string]string{plugins.AuditDim: auditor}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}

// verdicts scores what became of all rows by one view.
func (t *tally) verdicts(v view) {
	n := len(t.Fates)
	t.add(t.share("kept_share", of(v.auditor), t.count(v.keeps), n, noRows, v.keeps))
	for _, s := range []struct {
		name string
		is   func(plugins.Verdict) bool
	}{
		{"unscored_share", func(x plugins.Verdict) bool { return x.Status != plugins.Scored }},
		{"unparsable_share", func(x plugins.Verdict) bool { return x.Status == plugins.Unparsable }},
		{"refused_share", func(x plugins.Verdict) bool { return x.Status == plugins.Declining }},
		{"suspicious_share", func(x plugins.Verdict) bool { return x.Suspicious }},
	} {
		any := func(row int) bool {
			return slices.ContainsFunc(v.verdicts, func(of []plugins.Verdict) bool { return s.is(of[row]) })
		}
		t.add(t.share(s.name, of(v.auditor), t.count(any), n, noRows, any))
	}
	t.describe("judged", of(v.auditor), float64(v.judged), v.judged)
}

func (v view) keeps(row int) bool { return v.kept[row] }

// policy scores what the policy of the cell came to.
func (t *tally) policy() {
	n := len(t.Fates)
	fated := func(fate plugins.Fate) some { return func(row int) bool { return t.Fates[row] == fate } }
	dropped, flagged := fated(plugins.Dropped), fated(plugins.Flagged)
	t.add(t.share("dropped_share", nil, t.count(dropped), n, noRows, dropped))
	t.add(t.share("flagged_share", nil, t.count(flagged), n, noRows, flagged))
	rounds := 0
	for _, made := range t.Rounds { // rounds are planned, and none is made once there are enough rows
		if made > 0 {
			rounds++
		}
	}
	t.describe("rounds", nil, float64(rounds), rounds)
	t.describe("wanted", nil, float64(t.Wanted), t.Wanted)
	if !t.tells(dropped) {
		t.undefined("delivered", nil, withheld)
		t.undefined("delivered_share", nil, withheld)
		return
	}
	delivered := float64(n - t.count(dropped))
	t.describe("delivered", nil, delivered, n)
	if t.Wanted < 1 {
		t.undefined("delivered_share", nil, "no row was asked for")
		return
	}
	t.describe("delivered_share", nil, delivered/float64(t.Wanted), t.Wanted)
}

// grouping scores one way to form groups.
func (t *tally) grouping(g grouping, views []view) {
	if g.err == nil && len(g.of) == 0 {
		g.err = errors.New(noRows)
	}
	if g.err != nil {
		t.ungrouped(g, views)
		return
	}
	sizes := make([]int, len(g.groups))
	for _, i := range g.of {
		sizes[i]++
	}
	for i, name := range g.groups {
		t.add(t.share("prevalence_before", map[string]string{byDim: g.by, groupDim: name}, sizes[i], len(g.of), noRows, g.in(i)))
	}
	for _, v := range views {
		kept, all := make([]int, len(g.groups)), 0
		for row, i := range g.of {
			if v.kept[row] {
				kept[i]++
				all++
			}
		}
		told := true
		for i, name := range g.groups {
			dims := of(v.auditor, byDim, g.by, groupDim, name)
			both := func(row int) bool { return v.kept[row] && g.of[row] == i }
			t.add(t.share("kept_share_by_group", dims, kept[i], sizes[i], "no synthetic row is of this group", g.in(i), both))
			t.add(t.share("prevalence_after", dims, kept[i], all, "no row is kept", v.keeps, both))
			ofGroup := t.tells(v.keeps, g.in(i), both)
			told = told && ofGroup
			t.add(t.difference(dims, ofGroup, kept[i], all, sizes[i]-kept[i], len(g.of)-all))
		}
		t.add(t.ratio(of(v.auditor, byDim, g.by), told, kept, sizes))
	}
}

// in are the rows of a group.
func (g *grouping) in(i int) some { return func(row int) bool { return g.of[row] == i } }

// ungrouped says why there are no groups.
func (t *tally) ungrouped(g grouping, views []view) {
	const every = "all"
	t.undefined("prevalence_before", map[string]string{byDim: g.by, groupDim: every}, g.err.Error())
	for _, v := range views {
		for _, name := range []string{"kept_share_by_group", "prevalence_after", "prevalence_difference"} {
			t.undefined(name, of(v.auditor, byDim, g.by, groupDim, every), g.err.Error())
		}
		t.undefined("kept_ratio", of(v.auditor, byDim, g.by), g.err.Error())
	}
}

// difference is the prevalence of a group among the rows kept, less that among all of them: k of the n kept are of the group, and j of the m
// others. It is the share m/(n+m) that is not kept, times the difference k/n - j/m of two groups of rows that have none in common. Both have
// intervals, Wilson's and Newcombe's, which are put together by the squares of their distances, as each moves the product.
//
// Source: A. Donner, G. Y. Zou (2012), Stat. Methods Med. Res. 21(4), 347–359 (variance estimates recovered from intervals).
func (t *tally) difference(dims map[string]string, told bool, k, n, j, m int) plugins.Score {
	const name = "prevalence_difference"
	none := func(reason string) plugins.Score {
		s := compare.Undefined(name, reason)
		s.Dims = dims
		return s
	}
	switch {
	case n == 0:
		return none("no row is kept")
	case !told:
		return none(withheld)
	}
	s := plugins.Score{Name: name, Dims: dims, N: n + m, Status: plugins.OK}
	if m == 0 {
		s.Warnings = []string{plugins.WithoutInterval + "every row is kept"}
		return s
	}
	left, apart := float64(m)/float64(n+m), float64(k)/float64(n)-float64(j)/float64(m)
	s.Value = left * apart
	low, high, err := stats.Newcombe(k, n, j, m, level)
	fewer, more, other := stats.Wilson(m, n+m, level)
	if err := errors.Join(err, other); err != nil { // counts are of rows, and both numbers above 0
		panic(err)
	}
	down, up := apart*(left-fewer), apart*(more-left) // by how much the product falls and rises with the share that is not kept
	if apart < 0 {
		down, up = -up, -down
	}
	s.Interval = &plugins.Interval{
		Low: max(-1, s.Value-math.Hypot(left*(apart-low), down)), High: min(1, s.Value+math.Hypot(left*(high-apart), up)),
		Level: level, Unit: "synthetic rows", Method: "Newcombe's and Wilson's intervals of rows kept and not kept, recovered variances",
	}
	return s
}

// ratio is the least kept share of a group by the greatest. Its interval is what the groups' own intervals leave open, at a level at which all of
// them together cover: which groups are least and greatest is uncertain, too.
func (t *tally) ratio(dims map[string]string, told bool, kept, sizes []int) plugins.Score {
	const name = "kept_ratio"
	none := func(reason string) plugins.Score {
		s := compare.Undefined(name, reason)
		s.Dims = dims
		return s
	}
	var present []int
	rows := 0
	for i, n := range sizes {
		if n > 0 {
			present = append(present, i)
			rows += n
		}
	}
	if !told {
		return none(withheld)
	}
	if len(present) < 2 {
		return none("the synthetic rows are of one group")
	}
	least, greatest := 1.0, 0.0
	var low, high [2]float64 // of the least share and the greatest
	low[0], high[0] = 1, 1
	for _, i := range present {
		share := float64(kept[i]) / float64(sizes[i])
		least, greatest = min(least, share), max(greatest, share)
		from, to, err := stats.Wilson(kept[i], sizes[i], 1-(1-level)/float64(len(present)))
		if err != nil { // a group that is present has rows
			panic(err)
		}
		low[0], high[0] = min(low[0], from), min(high[0], to)
		low[1], high[1] = max(low[1], from), max(high[1], to)
	}
	if greatest == 0 {
		return none("no row is kept")
	}
	s := plugins.Score{Name: name, Dims: dims, Value: least / greatest, N: rows, Status: plugins.OK}
	upper := 1.0
	if low[1] > 0 {
		upper = min(1, high[0]/low[1])
	}
	s.Interval = &plugins.Interval{
		Low: low[0] / high[1], High: upper, Level: level, Unit: "synthetic rows",
		Method: "Wilson intervals of all groups together, Bonferroni",
	}
	return s
}

// none says of every score that there was no audit.
func (t *tally) none() {
	for _, info := range scores() {
		dims := map[string]string{}
		for _, d := range info.Dims {
			dims[d] = plugins.AllAuditors
		}
		if len(dims) == 0 {
			dims = nil
		}
		t.undefined(info.Name, dims, plugins.NoAudit)
	}
}
