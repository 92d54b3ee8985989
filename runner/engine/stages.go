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
	case plan.PrepareWork:
		return r.prepare(ctx, s, w)
	case plan.FeaturesWork:
		return r.features(ctx, s, w, threads)
	case plan.GenerateWork:
		return r.generate(ctx, s, w, threads)
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
	facts := Facts{Counts: data.Counts, Notes: data.Notes}
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
	rows, counts, err := cohort.Select(data.table, w.Dataset.Cohort)
	if err != nil {
		return nil, err
	}
	return &artifact{table: frame.Must(rowNumbers(rows)), meta: meta{Facts: Facts{Counts: counts}}}, nil
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
	subject := table.Column(w.Subject) // by row it is counted with, where the data have it
	if subject == nil && w.Dataset.Split.By == "subject" {
		return nil, fmt.Errorf("no column %q to split by; a column with one value only is dropped when the data are read", w.Subject)
	}
	a, err := split.Assign(table, subject, w.Dataset.Split, w.Rand.For(plugins.ForSplit))
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(rows))
	var chosen []int
	for _, p := range plugins.AllParts() {
		for _, i := range a.Rows[p] {
			chosen = append(chosen, rows[i])
			names = append(names, string(p))
		}
	}
	return &artifact{
		table: frame.Must(rowNumbers(chosen), frame.NewCategoryFromStrings(partColumn, names, nil)),
		meta:  meta{Facts: Facts{Counts: a.Counts, Notes: a.Notes}},
	}, nil
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

// prepare fits on train alone, and applies what was fitted to every part.
func (r *run) prepare(ctx context.Context, s *plan.Step, w plan.PrepareWork) (*artifact, error) {
	data, err := r.store.load(ctx, s.Inputs[0])
	if err != nil {
		return nil, err
	}
	shares, err := r.store.load(ctx, s.Inputs[1])
	if err != nil {
		return nil, err
	}
	rows, part := rowsOf(shares.table.Column(rowColumn)), shares.table.Column(partColumn)
	parts := map[plugins.Part]*frame.Frame{}
	for _, p := range plugins.AllParts() {
		var of []int
		for i, row := range rows {
			if part.Levels[part.Codes[i]] == string(p) {
				of = append(of, row)
			}
		}
		parts[p] = data.table.Take(of)
	}
	if parts[plugins.Train].Column(w.Target) == nil {
		return nil, fmt.Errorf("the data have no column %q for the target; a column that holds one value only is dropped when they are read", w.Target)
	}
	fitted, err := prepare.Fit(parts[plugins.Train], w.Dataset.Prepare, func(column string) bool { return slices.Contains(w.Skip, column) })
	if err != nil {
		return nil, err
	}
	var counts []plugins.Count
	var notes []string
	for _, p := range plugins.AllParts() {
		applied, done, err := fitted.Apply(parts[p])
		if err != nil {
			return nil, fmt.Errorf("%s part: %w", p, err)
		}
		if n := dropped(p, parts[p], applied, w.Target); n != "" {
			notes = append(notes, n)
		}
		parts[p] = applied
		for _, c := range done {
			c.Dims = withDim(c.Dims, "part", string(p))
			counts = append(counts, c)
		}
	}
	a, err := stack(parts)
	if err != nil {
		return nil, err
	}
	a.meta.Counts, a.meta.Notes = counts, notes
	return a, nil
}

// dropped says how many rows of a part preparation left out, and what that did to the label: rows without a
// missing value need not be like the others.
func dropped(p plugins.Part, before, after *frame.Frame, target string) string {
	if before.Rows() == after.Rows() {
		return ""
	}
	text := fmt.Sprintf("prepare: %d of %d rows of the %s part are left out for a missing value", before.Rows()-after.Rows(), before.Rows(), p)
	if share := mean(before.Column(target)); !math.IsNaN(share) {
		text += fmt.Sprintf("; the mean of the label goes from %.3f to %.3f", share, mean(after.Column(target)))
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
	train, err := r.store.part(ctx, s.Inputs[0], plugins.Train)
	if err != nil {
		return nil, err
	}
	free := slices.DeleteFunc(train.Names(), func(n string) bool { return n != w.Target && slices.Contains(w.Barred, n) })
	candidates, err := train.Select(free...)
	if err != nil {
		return nil, err
	}
	env, end := r.env(s, w.Rand, threads)
	defer end()
	ranked, err := w.Plugin.Rank(ctx, env, plugins.Candidates{
		Train: candidates, Subject: train.Column(w.Subject), Target: w.Target, Groups: w.Groups,
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

// generate hands the strategy the parts that it declared, cut to the chosen columns and the label.
func (r *run) generate(ctx context.Context, s *plan.Step, w plan.GenerateWork, threads int) (*artifact, error) {
	chosen, err := r.store.load(ctx, s.Inputs[1])
	if err != nil {
		return nil, err
	}
	columns, err := w.Features.Cut(chosen.meta.Ranked, w.Suffix)
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	columns = append(slices.Clone(columns), w.Target)
	samples := map[plugins.Part]plugins.Sample{}
	for _, p := range w.Info.Reads {
		f, err := r.store.part(ctx, s.Inputs[0], p)
		if err != nil {
			return nil, err
		}
		if f, err = f.Select(columns...); err != nil {
			return nil, err
		}
		samples[p] = plugins.Sample{Frame: f}
	}
	env, end := r.env(s, w.Rand, threads)
	defer end()
	out, err := w.Plugin.Generate(ctx, env, plugins.Task{Parts: plugins.NewParts(samples), Target: w.Target, N: w.N})
	if err != nil {
		return nil, err
	}
	if err := checkGenerated(out.Frame, samples[w.Info.Reads[0]].Frame, w.N); err != nil {
		return nil, err
	}
	return &artifact{table: out.Frame, meta: meta{Facts: Facts{Counts: out.Counts, Notes: out.Notes}}}, nil
}

// measure hands the metric the parts that it declared. The pair is shared by the metrics of a cell.
func (r *run) measure(ctx context.Context, s *plan.Step, w plan.MeasureWork, threads int) (*artifact, error) {
	roles := pairRoles{w.Target, w.Subject, w.Site}
	pair, err := r.store.pairOf(ctx, s.Inputs[1], roles, func(a *artifact) (*plugins.Pair, error) {
		return r.pair(ctx, s.Inputs[0], w, a)
	})
	if err != nil {
		return nil, err
	}
	env, end := r.env(s, w.Rand, threads)
	defer end()
	m, err := w.Plugin.Measure(ctx, env, pair.Only(w.Info.Reads...))
	if err != nil {
		return nil, err
	}
	if err := checkMeasurement(m, w.Info); err != nil {
		return nil, err
	}
	return &artifact{meta: meta{Measurement: m, Facts: Facts{Counts: m.Counts}}}, nil
}

// pair puts the parts that metrics may read beside the synthetic rows. Reference rows are never among them.
func (r *run) pair(ctx context.Context, prepared *plan.Step, w plan.MeasureWork, synthetic *artifact) (*plugins.Pair, error) {
	samples := map[plugins.Part]plugins.Sample{}
	for _, p := range []plugins.Part{plugins.Train, plugins.Validation, plugins.Test} {
		whole, err := r.store.part(ctx, prepared, p)
		if err != nil {
			return nil, err
		}
		f, err := whole.Select(synthetic.table.Names()...)
		if err != nil {
			return nil, err
		}
		sample := plugins.Sample{Frame: f}
		if w.Subject != "" {
			sample.Subject = whole.Column(w.Subject)
		}
		if w.Site != "" {
			sample.Site = whole.Column(w.Site)
		}
		samples[p] = sample
	}
	return plugins.NewPair(plugins.NewParts(samples), synthetic.table, w.Target), nil
}

// json is the form that the index keeps; nil when there is nothing to keep.
func (f Facts) json() json.RawMessage {
	if f.PartRows == nil && len(f.Counts) == 0 && len(f.Notes) == 0 && len(f.Variables) == 0 && !f.Long {
		return nil
	}
	b, err := json.Marshal(f)
	if err != nil {
		panic(err)
	}
	const most = 64 << 10
	if len(b) > most {
		return Facts{PartRows: f.PartRows, Long: true}.json()
	}
	return b
}
