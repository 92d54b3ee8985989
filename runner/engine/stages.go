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
	return &artifact{table: data.Frame, meta: meta{Facts: Facts{Counts: data.Counts, Notes: data.Notes}}}, nil
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
	var subject *frame.Column
	if w.Subject != "" {
		if subject = table.Column(w.Subject); subject == nil {
			return nil, fmt.Errorf("no column %q to split by; a column with one value only is dropped when the data are read", w.Subject)
		}
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
	fitted, err := prepare.Fit(parts[plugins.Train], w.Dataset.Prepare, func(column string) bool { return slices.Contains(w.Skip, column) })
	if err != nil {
		return nil, err
	}
	var counts []plugins.Count
	for _, p := range plugins.AllParts() {
		applied, done, err := fitted.Apply(parts[p])
		if err != nil {
			return nil, fmt.Errorf("%s part: %w", p, err)
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
	a.meta.Counts = counts
	return a, nil
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
	if err := labelled(train, w.Target); err != nil {
		return nil, err
	}
	names := slices.DeleteFunc(train.Names(), func(n string) bool { return n != w.Target && slices.Contains(w.Barred, n) })
	candidates, err := train.Select(names...)
	if err != nil {
		return nil, err
	}
	env, end := r.env(s, w.Rand, threads)
	defer end()
	subsets, err := w.Plugin.Choose(ctx, env, plugins.Candidates{Train: candidates, Target: w.Target})
	if err != nil {
		return nil, err
	}
	var counts []plugins.Count
	for _, subset := range subsets {
		for i, c := range subset.Columns {
			if c == w.Target || candidates.Column(c) == nil {
				return nil, &BugError{What: fmt.Sprintf("chose %q, which is no candidate", c)}
			}
			counts = append(counts, plugins.Count{Name: "place of the feature", Dims: map[string]string{"subset": subset.Suffix, "column": c}, Value: i + 1})
		}
	}
	return &artifact{meta: meta{Subsets: subsets, Facts: Facts{Counts: counts}}}, nil
}

// labelled checks that the data have the label column: it may have been dropped for holding one value.
func labelled(f *frame.Frame, target string) error {
	if f.Column(target) == nil {
		return fmt.Errorf("no column %q for the target; a column with one value only is dropped when the data are read", target)
	}
	return nil
}

// generate hands the strategy the parts that it declared, cut to the chosen columns and the label.
func (r *run) generate(ctx context.Context, s *plan.Step, w plan.GenerateWork, threads int) (*artifact, error) {
	chosen, err := r.store.load(ctx, s.Inputs[1])
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(chosen.meta.Subsets, func(x plugins.Subset) bool { return x.Suffix == w.Suffix })
	if i < 0 {
		return nil, &BugError{What: fmt.Sprintf("the feature step offers no subset %q", w.Suffix)}
	}
	columns := append(slices.Clone(chosen.meta.Subsets[i].Columns), w.Target)
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
	if out.Frame.Rows() != w.N || !slices.Equal(out.Frame.Names(), columns) {
		return nil, &BugError{What: fmt.Sprintf("delivered %d rows of columns %q, not %d of %q", out.Frame.Rows(), out.Frame.Names(), w.N, columns)}
	}
	return &artifact{table: out.Frame, meta: meta{Facts: Facts{Counts: out.Counts, Notes: out.Notes}}}, nil
}

// measure hands the metric the parts that it declared. The pair is shared by the metrics of a cell.
func (r *run) measure(ctx context.Context, s *plan.Step, w plan.MeasureWork, threads int) (*artifact, error) {
	pair, err := r.store.pairOf(ctx, s.Inputs[1], func(a *artifact) (*plugins.Pair, error) {
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

// checkMeasurement holds a metric to what it declared.
func checkMeasurement(m *plugins.Measurement, info *plugins.Info) error {
	for _, s := range m.Scores {
		i := slices.IndexFunc(info.Scores, func(x plugins.ScoreInfo) bool { return x.Name == s.Name })
		switch {
		case i < 0:
			return &BugError{What: fmt.Sprintf("returned the score %q, which it does not declare", s.Name)}
		case s.Status == plugins.Undefined && s.Reason == "":
			return &BugError{What: fmt.Sprintf("score %q is undefined without a reason", s.Name)}
		case s.Status != plugins.OK && s.Status != plugins.Undefined:
			return &BugError{What: fmt.Sprintf("score %q has the status %q", s.Name, s.Status)}
		case math.IsNaN(s.Value) || math.IsInf(s.Value, 0):
			return &BugError{What: fmt.Sprintf("score %q is not a number", s.Name)}
		}
	}
	return nil
}

// json is the form that the index keeps; nil when there is nothing to keep.
func (f Facts) json() json.RawMessage {
	if f.PartRows == nil && len(f.Counts) == 0 && len(f.Notes) == 0 {
		return nil
	}
	b, err := json.Marshal(f)
	if err != nil {
		panic(err)
	}
	return b
}
