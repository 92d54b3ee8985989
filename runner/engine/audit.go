package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/plant"
	"github.com/ehrlab/ehrlab/plugins/sheet"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// decided is what a policy made of synthetic rows, over all rounds so far.
type decided struct {
	Rounds     []int          `json:"rounds"` // rows that each round made
	Fates      []plugins.Fate `json:"fates"`  // of all of these, in order
	Thresholds []float64      `json:"thresholds"`
	Chosen     []string       `json:"chosen"` // how each threshold was chosen; "" where it was given
	Keeps      [][]bool       `json:"keeps"`  // by auditor: whether it alone would keep each of the rows
	Lacks      int            `json:"lacks"`  // rows that a further round is to make
}

// lineup mixes synthetic rows with real ones.
func (r *run) lineup(ctx context.Context, s *plan.Step, w plan.LineupWork) (*artifact, error) {
	synthetic, err := r.store.load(ctx, s.Inputs[1])
	if err != nil {
		return nil, err
	}
	return r.mix(ctx, s, w, synthetic.table)
}

// mix makes a lineup of synthetic rows.
func (r *run) mix(ctx context.Context, s *plan.Step, w plan.LineupWork, synthetic *frame.Frame) (*artifact, error) {
	if w.Config == nil {
		return &artifact{table: synthetic}, nil
	}
	of, err := r.store.load(ctx, s.Inputs[0])
	if err != nil {
		return nil, err
	}
	test, whole, err := r.partOf(ctx, s.Inputs[0], of, plugins.Test, synthetic.Names(), w.Site, w.TestSites)
	if err != nil {
		return nil, err
	}
	var subject *frame.Column
	if w.Subject != "" {
		subject = whole.Column(w.Subject)
	}
	config := *w.Config
	if config.Shuffled < 0 {
		config.Shuffled = min(cmp.Or(config.Rows, test.Rows()), test.Rows())
	}
	var notes []string
	config.Combine, notes = combinable(config.Combine, test)
	mixed, err := plant.Mix(synthetic, test, subject, &config, w.Known, w.Rand)
	if err != nil {
		return nil, err
	}
	notes = append(notes, mixed.Notes...)
	return &artifact{table: mixed.Frame, meta: meta{Lineup: mixed.Records, Facts: Facts{Counts: mixed.Counts, Notes: notes}}}, nil
}

// combinable are the combinations of values whose columns the records of a cell all have: a subset of the features may be without some.
func combinable(all []map[string]any, records *frame.Frame) (out []map[string]any, notes []string) {
	for i, combination := range all {
		lacks := slices.DeleteFunc(slices.Sorted(maps.Keys(combination)), func(name string) bool { return records.Column(name) != nil })
		if len(lacks) == 0 {
			out = append(out, combination)
			continue
		}
		notes = append(notes, fmt.Sprintf("combination %d was not planted: the records have no column %q", i+1, lacks[0]))
	}
	return out, notes
}

// records tells where the rows of a lineup come from.
func (a *artifact) records() []plant.Record {
	if a.meta.Lineup != nil {
		return a.meta.Lineup
	}
	out := make([]plant.Record, a.table.Rows())
	for i := range out {
		out[i] = plant.Record{Source: plugins.FromSynthetic, Origin: i}
	}
	return out
}

// judge hands the records of a lineup to an auditor.
func (r *run) judge(ctx context.Context, s *plan.Step, w plan.JudgeWork, threads int) (*artifact, error) {
	lineup, err := r.store.load(ctx, s.Inputs[0])
	if err != nil {
		return nil, err
	}
	records := lineup.table.Rows()
	if records == 0 { // a further round that had nothing to make up for
		return &artifact{meta: meta{Judged: &plugins.Judged{Verdicts: []plugins.Verdict{}}}}, nil
	}
	in := plugins.Lineup{Frame: lineup.table, Shape: plugins.Records, Target: w.Target, About: w.About, Limits: w.Limits}
	if in.Styles, err = r.styles(ctx, s.Inputs[1], lineup.table.Names()); err != nil {
		return nil, err
	}
	env, end := r.env(s, w.Rand, threads)
	defer end()
	used := func() []plugins.Usage { return nil }
	if w.Consulting != nil {
		if env.LLM, used, err = r.open(s, w.Caller, w.Models); err != nil {
			return nil, err
		}
	}
	out, err := w.Plugin.Judge(ctx, env, in)
	if err != nil {
		return nil, spent(err, used())
	}
	if err := checkJudged(out, records, w.Info.Scale); err != nil {
		return nil, err
	}
	a := &artifact{meta: meta{Judged: out, Facts: Facts{Counts: out.Counts, Notes: out.Notes, Records: records}}}
	a.keep(&plugins.Generated{}, used())
	return a, nil
}

// styles tells how the columns of records are written, as they are in the train part.
func (r *run) styles(ctx context.Context, prepared *plan.Step, columns []string) (map[string]plugins.Style, error) {
	type key struct {
		prepared cache.Key
		columns  string
	}
	return plugins.Remember(r.memo, key{prepared.Key, strings.Join(columns, "\x00")}, func() (map[string]plugins.Style, error) {
		of, err := r.store.load(ctx, prepared)
		if err != nil {
			return nil, err
		}
		train, _, err := r.partOf(ctx, prepared, of, plugins.Train, columns, "", nil)
		if err != nil {
			return nil, err
		}
		return sheet.Styles(train), nil
	})
}

// open returns the models that a step asks.
func (r *run) open(s *plan.Step, caller plugins.Caller, models []plan.Model) (map[string]plugins.LLM, func() []plugins.Usage, error) {
	if r.opt.Models == nil {
		return nil, nil, errors.New("it asks language models, and there are none to ask here")
	}
	caller.Step = string(s.Key)
	opened, used := r.opt.Models.Open(caller)
	for _, m := range models {
		if opened[m.Name] == nil {
			return nil, nil, fmt.Errorf("there is no language model %q to ask", m.Name)
		}
	}
	return opened, used, nil
}

// spent is the error of a plugin that was ended, with what its models were asked for by then.
func spent(err error, usage []plugins.Usage) error {
	out := &spentError{err: err, usage: usage}
	var unfinished *plugins.UnfinishedError
	if errors.As(err, &unfinished) {
		out.counts = unfinished.Counts
	}
	return out
}

// decide keeps or drops the rows of a round, and puts what it keeps under what the rounds before kept.
func (r *run) decide(ctx context.Context, s *plan.Step, w plan.DecideWork) (*artifact, error) {
	rows, err := r.store.load(ctx, s.Inputs[1])
	if err != nil {
		return nil, err
	}
	d, before := &decided{}, (*artifact)(nil)
	at := 2
	if w.Round > 0 {
		if before, err = r.store.load(ctx, s.Inputs[at]); err != nil {
			return nil, err
		}
		d = before.meta.Decided.clone()
		at++
	}
	n := rows.table.Rows()
	passes := make([]bool, n)
	for i := range passes {
		passes[i] = true
	}
	for k, policy := range w.Policies {
		lineup, err := r.store.load(ctx, s.Inputs[at+2*k])
		if err != nil {
			return nil, err
		}
		judged, err := r.store.load(ctx, s.Inputs[at+2*k+1])
		if err != nil {
			return nil, err
		}
		records := lineup.records()
		if w.Round == 0 {
			threshold, chosen, err := policyThreshold(policy, records, judged.meta.Judged.Verdicts)
			if err != nil {
				return nil, fmt.Errorf("audit %s: %w", policy.Audit, err)
			}
			d.Thresholds, d.Chosen, d.Keeps = append(d.Thresholds, threshold), append(d.Chosen, chosen), append(d.Keeps, nil)
		}
		keeps := make([]bool, n)
		for i, record := range records {
			if record.Source == plugins.FromSynthetic {
				keeps[record.Origin] = keeping(judged.meta.Judged.Verdicts[i], d.Thresholds[k], policy.Unscored)
			}
		}
		for i, keep := range keeps {
			passes[i] = passes[i] && keep
		}
		d.Keeps[k] = append(d.Keeps[k], keeps...)
	}
	return settle(w, d, rows, before, passes)
}

// settle makes the artifact of a decision.
func settle(w plan.DecideWork, d *decided, rows, before *artifact, passes []bool) (*artifact, error) {
	var kept []int
	for i, pass := range passes {
		fate := plugins.Dropped
		switch {
		case pass:
			fate = plugins.Kept
		case w.Action == spec.ActionFlag:
			fate = plugins.Flagged
		}
		if fate != plugins.Dropped {
			kept = append(kept, i)
		}
		d.Fates = append(d.Fates, fate)
	}
	d.Rounds = append(d.Rounds, len(passes))
	out := &artifact{table: rows.table.Take(kept), meta: meta{Decided: d}}
	out.meta.Generated = rows.subset(kept)
	if before != nil {
		var err error
		if out.table, err = frame.Concat(before.table, out.table); err != nil {
			return nil, err
		}
		if len(passes) == 0 { // the round had nothing to make, and has seen nothing
			out.meta.Generated = before.meta.Generated
		} else {
			out.meta.Generated = joined(before.meta.Generated, out.meta.Generated)
		}
	}
	if w.Action == spec.ActionRegenerate {
		d.Lacks = w.N - out.table.Rows()
	}
	out.meta.Counts = d.counts()
	for k, policy := range w.Policies {
		lead := ""
		if len(w.Policies) > 1 { // the note of one says of itself whose it is
			lead = policy.Audit + ": "
		}
		if w.Round == 0 && d.Thresholds[k] > policy.Scale.Max {
			out.meta.Notes = append(out.meta.Notes, lead+"the threshold of "+d.Chosen[k]+" lies above the scale: every record with a score is dropped")
		}
	}
	return out, nil
}

func (d *decided) clone() *decided {
	out := *d
	out.Rounds, out.Fates = slices.Clone(d.Rounds), slices.Clone(d.Fates)
	out.Thresholds, out.Chosen = slices.Clone(d.Thresholds), slices.Clone(d.Chosen)
	out.Keeps = make([][]bool, len(d.Keeps))
	for k := range d.Keeps {
		out.Keeps[k] = slices.Clone(d.Keeps[k])
	}
	return &out
}

// counts is the account of the rows of all rounds.
func (d *decided) counts() []plugins.Count {
	number := map[plugins.Fate]int{}
	for _, f := range d.Fates {
		number[f]++
	}
	counts := []plugins.Count{{Name: "rows judged", Value: len(d.Fates)}}
	for _, f := range []plugins.Fate{plugins.Kept, plugins.Dropped, plugins.Flagged} {
		counts = append(counts, plugins.Count{Name: "rows " + string(f), Value: number[f]})
	}
	if len(d.Rounds) > 1 {
		counts = append(counts, plugins.Count{Name: "rows still lacking after the last round", Value: d.Lacks})
	}
	return counts
}

// subset is what later steps need of generated rows besides the rows, for some of them.
func (a *artifact) subset(rows []int) *generated {
	g := a.meta.Generated
	if g == nil {
		return nil
	}
	out := &generated{Exposed: g.Exposed}
	if g.Strata != nil {
		strata := *g.Strata
		strata.Codes = make([]int32, len(rows))
		for i, row := range rows {
			strata.Codes[i] = g.Strata.Codes[row]
		}
		out.Strata = &strata
	}
	if out.Exposed == nil && out.Strata == nil {
		return nil
	}
	return out
}

// joined is what is known of the rows of two rounds together. Rows that one round has seen, the rows of both are exposed to; a
// round that says nothing has seen them all.
func joined(a, b *generated) *generated {
	if a == nil || b == nil {
		return nil
	}
	out := &generated{}
	if a.Exposed != nil && b.Exposed != nil {
		out.Exposed = slices.Concat(a.Exposed, b.Exposed)
		slices.Sort(out.Exposed)
		out.Exposed = slices.Compact(out.Exposed)
	}
	if a.Strata != nil && b.Strata != nil {
		strata := *a.Strata
		strata.Codes = slices.Concat(a.Strata.Codes, b.Strata.Codes)
		out.Strata = &strata
	}
	return out
}

// beside draws as many rows that nobody judged as were kept, or as many of each label.
func (r *run) beside(ctx context.Context, s *plan.Step, w plan.BesideWork) (*artifact, error) {
	rows, err := r.store.load(ctx, s.Inputs[1])
	if err != nil {
		return nil, err
	}
	kept, err := r.store.load(ctx, s.Inputs[2])
	if err != nil {
		return nil, err
	}
	strata := func(*frame.Frame) []string { return nil }
	if w.ByLabel {
		strata = func(f *frame.Frame) []string { return texts(f.Column(w.Target)) }
	}
	draw := func(label string, n int) []int {
		return w.Rand.For(plugins.ForAudit, "beside", strconv.FormatUint(*s.Recipe.Seed, 10), label).Perm(n)
	}
	drawn, short := besideRows(strata(rows.table), strata(kept.table), rows.table.Rows(), kept.table.Rows(), draw)
	out := &artifact{table: rows.table.Take(drawn), meta: meta{Generated: rows.subset(drawn)}}
	out.meta.Counts = []plugins.Count{{Name: "rows drawn", Value: len(drawn)}}
	if short > 0 {
		out.meta.Counts = append(out.meta.Counts, plugins.Count{Name: "rows that there are too few of to draw", Value: short})
	}
	return out, nil
}

// besideRows draws without replacement, from rows with the given labels, as many of each as there are among those kept; nil labels
// stand for one. short is how many there were too few of.
func besideRows(labels, kept []string, rows, wanted int, perm func(label string, n int) []int) (drawn []int, short int) {
	of, want := map[string][]int{}, map[string]int{}
	if labels == nil {
		labels, kept = make([]string, rows), make([]string, wanted)
	}
	var order []string
	for row, l := range labels {
		if of[l] == nil {
			order = append(order, l)
		}
		of[l] = append(of[l], row)
	}
	for _, l := range kept {
		want[l]++
		if of[l] == nil && want[l] == 1 {
			order = append(order, l)
		}
	}
	slices.Sort(order)
	for _, l := range order {
		n := min(want[l], len(of[l]))
		short += want[l] - n
		for _, i := range perm(l, len(of[l]))[:n] {
			drawn = append(drawn, of[l][i])
		}
	}
	slices.Sort(drawn)
	return drawn, short
}

// keeping reports whether a verdict lets a record be kept.
func keeping(v plugins.Verdict, threshold float64, unscored string) bool {
	if v.Status != plugins.Scored {
		return unscored == spec.UnscoredKeep
	}
	return v.Score >= threshold
}

// policyThreshold returns the least score that is kept, and how it was chosen.
func policyThreshold(p plan.Policy, records []plant.Record, verdicts []plugins.Verdict) (threshold float64, chosen string, err error) {
	switch {
	case p.Threshold != nil:
		return *p.Threshold, "", nil
	case p.Choose == nil:
		return p.Scale.Keep, "", nil
	case p.Choose.Specificity != nil:
		chosen = "specificity " + strconv.FormatFloat(*p.Choose.Specificity, 'g', -1, 64)
		threshold, err = chooseThreshold(p, records, verdicts, plugins.FromReal, *p.Choose.Specificity)
	default:
		chosen = "sensitivity " + strconv.FormatFloat(*p.Choose.Sensitivity, 'g', -1, 64)
		threshold, err = chooseThreshold(p, records, verdicts, plugins.FromPlanted, *p.Choose.Sensitivity)
	}
	return threshold, chosen, err
}

// chooseThreshold returns, from the first half of the records of a source, the highest threshold that keeps at least a share of
// untouched real records, or the lowest that does not keep at least a share of those with planted errors.
func chooseThreshold(p plan.Policy, records []plant.Record, verdicts []plugins.Verdict, source plugins.Source, share float64) (float64, error) {
	var of []plugins.Verdict
	var candidates []float64
	for i, record := range records {
		if record.Source != source || record.Second {
			continue
		}
		of = append(of, verdicts[i])
		if verdicts[i].Status == plugins.Scored {
			candidates = append(candidates, verdicts[i].Score)
		}
	}
	if len(of) == 0 {
		return 0, fmt.Errorf("no %s record to choose the threshold on; give calibrate more rows", source)
	}
	// the least score that is kept is worth knowing only up to the next score that occurs: above the highest nothing is kept
	candidates = append(candidates, p.Scale.Min, math.Nextafter(p.Scale.Max, math.Inf(1)))
	slices.Sort(candidates)
	candidates = slices.Compact(candidates)
	if source == plugins.FromReal {
		slices.Reverse(candidates)
	}
	for _, threshold := range candidates {
		reached := 0
		for _, v := range of {
			if keeping(v, threshold, p.Unscored) == (source == plugins.FromReal) {
				reached++
			}
		}
		if float64(reached)/float64(len(of)) >= share {
			return threshold, nil
		}
	}
	return 0, fmt.Errorf("no threshold reaches the share %g of %d %s records, as those without a score are %s", share, len(of), source,
		map[string]string{spec.UnscoredDrop: "dropped", spec.UnscoredKeep: "kept"}[p.Unscored])
}

// audited gathers what an audit came to. last is the output of its decision: who asks for it may hold that.
func (r *run) audited(ctx context.Context, of *plan.Audit, last *artifact) (*plugins.Audited, error) {
	d := last.meta.Decided
	out := &plugins.Audited{Rounds: d.Rounds, Fates: d.Fates, Wanted: of.Rounds[0].Generate.Recipe.N}
	var before []*frame.Frame
	for _, round := range of.Rounds {
		rows, err := r.store.load(ctx, round.Generate)
		if err != nil {
			return nil, err
		}
		before = append(before, rows.table)
	}
	var err error
	if out.Before, err = frame.Concat(before...); err != nil {
		return nil, err
	}
	for k, auditor := range of.Auditors {
		report := plugins.AuditReport{
			Audit: auditor.Audit.Name, Scale: *auditor.Info.Scale, Threshold: d.Thresholds[k], Chosen: d.Chosen[k], Judged: &plugins.Judged{},
		}
		from := 0
		for _, round := range of.Rounds {
			lineup, err := r.store.load(ctx, round.Lineups[k])
			if err != nil {
				return nil, err
			}
			judged, err := r.store.load(ctx, round.Judges[k])
			if err != nil {
				return nil, err
			}
			addRound(&report, lineup.records(), judged.meta.Judged, from, auditor.Audit.Decide.Unscored)
			rows, err := r.store.load(ctx, round.Generate)
			if err != nil {
				return nil, err
			}
			from += rows.table.Rows()
		}
		out.Reports = append(out.Reports, report)
	}
	return out, nil
}

// addRound adds the records of a round, whose synthetic rows begin at the given row of all rounds, to a report.
func addRound(to *plugins.AuditReport, records []plant.Record, judged *plugins.Judged, from int, unscored string) {
	base := len(to.Sources)
	for i, record := range records {
		if record.Source == plugins.FromSynthetic {
			record.Origin += from
		}
		to.Sources, to.Origin = append(to.Sources, record.Source), append(to.Origin, record.Origin)
		to.Second, to.Planted = append(to.Second, record.Second), append(to.Planted, record.Planted)
		to.Kept = append(to.Kept, keeping(judged.Verdicts[i], to.Threshold, unscored))
	}
	all := to.Judged
	all.Verdicts = append(all.Verdicts, judged.Verdicts...)
	criteria := addCriteria(all, judged, base)
	for _, f := range judged.Findings {
		f.Record += base
		f.Criterion = criteria[f.Criterion]
		all.Findings = append(all.Findings, f)
	}
	for _, o := range judged.Opinions {
		at := slices.IndexFunc(all.Opinions, func(x plugins.Opinion) bool { return x.Judge == o.Judge && x.Repeat == o.Repeat })
		if at < 0 {
			at = len(all.Opinions)
			all.Opinions = append(all.Opinions, plugins.Opinion{Judge: o.Judge, Repeat: o.Repeat})
		}
		all.Opinions[at].Verdict = append(all.Opinions[at].Verdict, o.Verdict...)
	}
	all.Counts = append(all.Counts, judged.Counts...)
}

// addCriteria adds the criteria of a round, whose records begin at base, to those of the rounds before, and returns the number that each has
// among all of them. A criterion that a round has not applied to none of its records.
func addCriteria(all, judged *plugins.Judged, base int) []int {
	out := make([]int, len(judged.Criteria))
	if base == 0 { // the sets of the only round, or the first, stay as they are
		all.Criteria = slices.Clone(judged.Criteria)
		for i := range out {
			out[i] = i
		}
		return out
	}
	widened := func(criterion int) plugins.Bits {
		which := plugins.NewBits(len(all.Verdicts))
		for record := range base {
			if all.Asked(criterion, record) {
				which.Add(record)
			}
		}
		return which
	}
	for at := range all.Criteria {
		all.Criteria[at].Which = widened(at)
	}
	for i, c := range judged.Criteria {
		at := slices.IndexFunc(all.Criteria, func(x plugins.Criterion) bool { return x.Name == c.Name })
		if at < 0 {
			at = len(all.Criteria)
			c.Applies, c.Which = 0, plugins.NewBits(len(all.Verdicts))
			all.Criteria = append(all.Criteria, c)
		}
		all.Criteria[at].Applies += judged.Criteria[i].Applies
		for record := range judged.Verdicts {
			if judged.Asked(i, record) {
				all.Criteria[at].Which.Add(base + record)
			}
		}
		out[i] = at
	}
	return out
}

// checkJudged holds an auditor to its contract: a verdict for each record, scores on its scale, and findings of records and criteria
// that there are, in order.
func checkJudged(j *plugins.Judged, records int, scale *plugins.Scale) error {
	if j == nil || len(j.Verdicts) != records {
		return &BugError{What: fmt.Sprintf("does not judge each of %d records once", records)}
	}
	verdicts := [][]plugins.Verdict{j.Verdicts}
	for _, o := range j.Opinions {
		if len(o.Verdict) != records {
			return &BugError{What: fmt.Sprintf("has %d verdicts of judge %s for %d records", len(o.Verdict), o.Judge, records)}
		}
		verdicts = append(verdicts, o.Verdict)
	}
	for _, list := range verdicts {
		for i, v := range list {
			switch {
			case v.Status == plugins.Scored && !(v.Score >= scale.Min && v.Score <= scale.Max):
				return &BugError{What: fmt.Sprintf("gives record %d the score %g, on a scale from %g to %g", i, v.Score, scale.Min, scale.Max)}
			case v.Status != plugins.Scored && (v.Status != plugins.Unparsable && v.Status != plugins.Declining || v.Score != 0):
				return &BugError{What: fmt.Sprintf("gives record %d the status %q and the score %g", i, v.Status, v.Score)}
			}
		}
	}
	if err := checkCriteria(j, records); err != nil {
		return err
	}
	last := plugins.Finding{}
	for _, f := range j.Findings {
		if f.Record < 0 || f.Record >= records || f.Criterion < 0 || f.Criterion >= len(j.Criteria) {
			return &BugError{What: fmt.Sprintf("has a finding of record %d by criterion %d, of %d records and %d criteria", f.Record, f.Criterion, records, len(j.Criteria))}
		}
		if f.Record < last.Record || f.Record == last.Record && f.Criterion < last.Criterion {
			return &BugError{What: "has findings that are not in the order of records and criteria"}
		}
		last = f
	}
	return nil
}

// checkCriteria holds an auditor to what it says of the records that its criteria could be asked of.
func checkCriteria(j *plugins.Judged, records int) error {
	scored := 0
	for _, v := range j.Verdicts {
		if v.Status == plugins.Scored {
			scored++
		}
	}
	for _, c := range j.Criteria {
		asked := scored
		if c.Which != nil {
			if asked = c.Which.Len(); len(c.Which) != len(plugins.NewBits(records)) {
				return &BugError{What: fmt.Sprintf("says in %d bytes which of %d records criterion %s could be asked of", len(c.Which), records, c.Name)}
			}
		}
		if asked != c.Applies {
			return &BugError{What: fmt.Sprintf("says that criterion %s could be asked of %d records, and names %d", c.Name, c.Applies, asked)}
		}
	}
	return nil
}
