package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/cohort"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/prepare"
	"github.com/ehrlab/ehrlab/plugins/split"
	"github.com/ehrlab/ehrlab/runner/plan"
)

// exec runs the work of a step.
func (r *run) exec(ctx context.Context, s *plan.Step, threads int) (*artifact, error) {
	switch w := s.Work.(type) {
	case plan.DatasetWork:
		return r.dataset(ctx, s, w, threads)
	case plan.CohortWork:
		return r.cohort(ctx, s, w)
	case plan.SplitWork:
		return r.split(ctx, s, w)
	case plan.SitesWork:
		return r.sites(ctx, s, w)
	case plan.RestrictWork:
		return r.restrict(ctx, s, w)
	case plan.PrepareWork:
		return r.prepare(ctx, s, w, threads)
	case plan.FeaturesWork:
		return r.features(ctx, s, w, threads)
	case plan.GenerateWork:
		return r.generate(ctx, s, w, threads)
	case plan.LineupWork:
		return r.lineup(ctx, s, w)
	case plan.JudgeWork:
		return r.judge(ctx, s, w, threads)
	case plan.DecideWork:
		return r.decide(ctx, s, w)
	case plan.BesideWork:
		return r.beside(ctx, s, w)
	case plan.MeasureWork:
		return r.measure(ctx, s, w, threads)
	}
	panic(fmt.Sprintf("no work for stage %s", s.Stage))
}

func (r *run) dataset(ctx context.Context, s *plan.Step, w plan.DatasetWork, threads int) (*artifact, error) {
	env, end := r.env(s, plugins.Rand{}, threads)
	defer end()
	data, err := w.Plugin.Read(ctx, env)
	if err != nil {
		return nil, err
	}
	facts := Facts{Counts: data.Counts, Notes: data.Notes, Truth: data.Truth}
	for _, c := range data.Frame.Columns() {
		facts.Variables = append(facts.Variables, Variable{Name: c.Name, Kind: c.Kind, Unit: c.Unit, Missing: c.MissingCount()})
	}
	return &artifact{table: data.Frame, meta: meta{Facts: facts}}, nil
}

func (r *run) cohort(ctx context.Context, s *plan.Step, w plan.CohortWork) (*artifact, error) {
	data, err := r.store.load(ctx, s.Inputs[0])
	if err != nil {
		return nil, err
	}
	rows, counts, notes, err := cohort.Select(data.table, data.table.Column(w.Subject), w.Dataset.Cohort)
	if err != nil {
		return nil, err
	}
	counts = append(counts, cohort.Describe(data.table, data.table.Column(w.Subject), rows, w.Sets)...)
	return &artifact{table: frame.Must(rowNumbers(rows)), meta: meta{Facts: Facts{Counts: counts, Notes: notes}}}, nil
}

// rowNumbers holds rows of the data set in a column.
func rowNumbers(rows []int) *frame.Column {
	values := make([]float64, len(rows))
	for i, row := range rows {
		values[i] = float64(row)
	}
	c := frame.NewNumber(rowColumn, values)
	c.Integer = true
	return c
}

func (r *run) split(ctx context.Context, s *plan.Step, w plan.SplitWork) (*artifact, error) {
	data, err := r.store.load(ctx, s.Inputs[0])
	if err != nil {
		return nil, err
	}
	kept, err := r.store.load(ctx, s.Inputs[1])
	if err != nil {
		return nil, err
	}
	rows := rowsOf(kept.table.Column(rowColumn))
	table := data.table.Take(rows)
	if c := table.Column(w.Row); c != nil {
		if n := repeated(c); n > 0 {
			return nil, fmt.Errorf("column %q identifies the row, but %d of %d rows repeat the identifier of another: one stay could fall into two parts", w.Row, n, c.Len())
		}
	}
	columns := split.Columns{ // by row the subject is counted with, where the data have it
		Subject: table.Column(w.Subject), Site: table.Column(w.Site), Time: table.Column(w.Dataset.Split.Time),
	}
	for _, need := range []struct {
		by, name string
		column   *frame.Column
	}{{split.BySubject, w.Subject, columns.Subject}, {split.BySite, w.Site, columns.Site}, {split.ByTime, w.Dataset.Split.Time, columns.Time}} {
		if need.by == w.Dataset.Split.By && need.column == nil {
			return nil, fmt.Errorf("no column %q to split by; a column with one value only is dropped when the data are read", need.name)
		}
	}
	a, err := split.Assign(table, columns, w.Dataset.Split, w.Rand.For(plugins.ForSplit))
	if err != nil {
		return nil, err
	}
	return shares(a, rows), nil
}

// shares is the output of a split: the rows of the data set that belong to each part. of says which row each row of the
// assignment is.
func shares(a *split.Assignment, of []int) *artifact {
	var names []string
	var chosen []int
	for _, p := range plugins.AllParts() {
		for _, i := range a.Rows[p] {
			chosen = append(chosen, of[i])
			names = append(names, string(p))
		}
	}
	return &artifact{
		table: frame.Must(rowNumbers(chosen), frame.NewCategoryFromStrings(partColumn, names, nil)),
		meta:  meta{Facts: Facts{Counts: a.Counts, Notes: a.Notes}},
	}
}

// repeated counts the rows whose value an earlier row has; a missing value repeats none.
func repeated(c *frame.Column) int {
	if c.Kind == frame.Category {
		present := c.Len() - c.MissingCount()
		return present - len(c.Levels)
	}
	seen := make(map[float64]bool, c.Len())
	n := 0
	for _, v := range c.Numbers {
		if seen[v] {
			n++
		}
		seen[v] = !math.IsNaN(v)
	}
	return n
}

func rowsOf(c *frame.Column) []int {
	rows := make([]int, c.Len())
	for i, v := range c.Numbers {
		rows[i] = int(v)
	}
	return rows
}

// partRows are the rows of the data set that belong to each part, as a split or restrict step left them.
func partRows(shares *frame.Frame) map[plugins.Part][]int {
	rows, part := rowsOf(shares.Column(rowColumn)), shares.Column(partColumn)
	of := map[plugins.Part][]int{}
	for _, p := range plugins.AllParts() {
		of[p] = nil
	}
	for i, row := range rows {
		p := plugins.Part(part.Levels[part.Codes[i]])
		of[p] = append(of[p], row)
	}
	return of
}

// prepare fits on train alone, and applies what was fitted to every part.
func (r *run) prepare(ctx context.Context, s *plan.Step, w plan.PrepareWork, threads int) (*artifact, error) {
	data, err := r.store.load(ctx, s.Inputs[0])
	if err != nil {
		return nil, err
	}
	shares, err := r.store.load(ctx, s.Inputs[1])
	if err != nil {
		return nil, err
	}
	parts := map[plugins.Part]*frame.Frame{}
	for p, of := range partRows(shares.table) {
		parts[p] = data.table.Take(of)
	}
	if w.Shape == plugins.Events {
		return stackEvents(parts, w.Subject)
	}
	if parts[plugins.Train].Column(w.Target) == nil {
		return nil, fmt.Errorf("the data have no column %q for the target; a column that holds one value only is dropped when they are read", w.Target)
	}
	fitted, err := prepare.Fit(ctx, parts[plugins.Train], w.Dataset.Prepare, prepare.Options{
		Skip: func(column string) bool { return slices.Contains(w.Skip, column) },
		Late: func(column string) bool { return slices.Contains(w.Late, column) },
		Row:  w.Row, Seed: w.Dataset.Split.Seed, Threads: threads,
	})
	if err != nil {
		return nil, err
	}
	var counts []plugins.Count
	notes := fitted.Notes
	for _, p := range plugins.AllParts() {
		applied, done, err := fitted.Apply(ctx, parts[p], threads)
		if err != nil {
			return nil, fmt.Errorf("%s part: %w", p, err)
		}
		if n := dropped(p, parts[p], applied, w.Target); n != "" {
			notes = append(notes, n)
		}
		parts[p] = applied
		counts = append(counts, inPart(done, p)...)
	}
	a, err := stack(parts)
	if err != nil {
		return nil, err
	}
	a.meta.Counts, a.meta.Notes = counts, notes
	fitted.Imputer, fitted.Notes = nil, nil // it has done its work
	a.meta.Prepared = fitted
	return a, nil
}

// labelMoves begins what a note says of the label. It is not said of restricted data: rows and means tell of few events.
const labelMoves = "; the mean of the label goes from "

// dropped says how many rows of a part preparation left out, and what that did to the label: rows without a
// missing value need not be like the others.
func dropped(p plugins.Part, before, after *frame.Frame, target string) string {
	switch n := before.Rows() - after.Rows(); {
	case n == 0:
		return ""
	case n < plugins.FewestTold: // the mean of the label before and after would tell theirs
		return fmt.Sprintf("prepare: fewer than %d rows of the %s part are left out for a missing value", plugins.FewestTold, p)
	}
	if few(after.Rows()) { // of their label, the mean after would tell
		return fmt.Sprintf("prepare: all but fewer than %d rows of the %s part are left out for a missing value", plugins.FewestTold, p)
	}
	text := fmt.Sprintf("prepare: %d of %d rows of the %s part are left out for a missing value", before.Rows()-after.Rows(), before.Rows(), p)
	if share := mean(before.Column(target)); !math.IsNaN(share) {
		text += fmt.Sprintf(labelMoves+"%.3f to %.3f", share, mean(after.Column(target)))
	}
	return text
}

// mean of the values of a number column; NaN of a category column, or of none.
func mean(c *frame.Column) float64 {
	sum, n := 0.0, 0
	for _, v := range c.Numbers {
		if !math.IsNaN(v) {
			sum += v
			n++
		}
	}
	return sum / float64(n)
}

// withDim returns dims with one more.
func withDim(dims map[string]string, name, value string) map[string]string {
	out := map[string]string{name: value}
	for k, v := range dims {
		out[k] = v
	}
	return out
}

func (r *run) features(ctx context.Context, s *plan.Step, w plan.FeaturesWork, threads int) (*artifact, error) {
	if w.Shape == plugins.Events {
		return &artifact{}, nil
	}
	prepared, err := r.store.load(ctx, s.Inputs[0])
	if err != nil {
		return nil, err
	}
	train, err := r.store.part(ctx, s.Inputs[0], plugins.Train)
	if err != nil {
		return nil, err
	}
	free := slices.DeleteFunc(train.Names(), func(n string) bool { return n != w.Target && slices.Contains(w.Barred, n) })
	candidates, err := train.Select(free...)
	if err != nil {
		return nil, err
	}
	if candidates, _, err = prepared.meta.Prepared.Encode(candidates); err != nil {
		return nil, err
	}
	env, end := r.env(s, w.Rand, threads)
	defer end()
	ranked, err := w.Plugin.Rank(ctx, env, plugins.Candidates{
		Train: candidates, Subject: train.Column(w.Subject), Target: w.Target, Groups: prepared.meta.Prepared.ModelGroups(w.Groups),
	})
	if err != nil {
		return nil, err
	}
	names := plugins.Names(ranked.Columns)
	for i, c := range names {
		if c == w.Target || candidates.Column(c) == nil || slices.Contains(names[:i], c) {
			return nil, &BugError{What: fmt.Sprintf("ranked %q, which is no candidate or is there twice", c)}
		}
	}
	return &artifact{meta: meta{Ranked: ranked.Columns, Facts: Facts{Counts: ranked.Counts, Notes: ranked.Notes}}}, nil
}

// inPart gives counts the dimension of a part.
func inPart(counts []plugins.Count, p plugins.Part) []plugins.Count {
	out := slices.Clone(counts)
	for i := range out {
		out[i].Dims = withDim(out[i].Dims, "part", string(p))
	}
	return out
}

// json is the form that the index keeps; nil when there is nothing to keep.
func (f Facts) json() json.RawMessage {
	if f.PartRows == nil && f.ScoreFacts == nil && len(f.Sites) == 0 && len(f.Counts) == 0 && len(f.Notes) == 0 && len(f.Variables) == 0 && len(f.Truth) == 0 &&
		f.Label == nil && len(f.Usage) == 0 && !f.Long {
		return nil
	}
	b, err := json.Marshal(f)
	if err != nil {
		panic(err)
	}
	const most = 64 << 10
	if len(b) > most && !f.Long { // what the plan grows by is kept whatever its size
		return Facts{PartRows: f.PartRows, ScoreFacts: f.ScoreFacts, Sites: f.Sites, Long: true}.json()
	}
	return b
}
