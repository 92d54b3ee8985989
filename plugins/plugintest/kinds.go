package plugintest

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Dataset checks a data set with the given settings.
func Dataset(t *testing.T, e *plugins.Entry[plugins.Dataset], with string) string {
	describe(t, e.Info)
	if len(e.Info.Shapes) != 1 {
		t.Errorf("shapes are %v; a data set has one", e.Info.Shapes)
	}
	d := build(t, e, with)
	if _, err := d.Files(); err != nil {
		t.Errorf("files: %v", err)
	}
	header, err := d.Header(context.Background(), env(t, e.Info, 1, 1))
	if err != nil {
		t.Fatalf("header: %v", err)
	}
	if !slices.Contains([]plugins.Governance{plugins.Open, plugins.Restricted, plugins.Simulated}, header.Governance) {
		t.Errorf("governance is %q", header.Governance)
	}
	out := repeats(t, e.Info, func(seed uint64, threads int) string {
		data, err := d.Read(context.Background(), env(t, e.Info, seed, threads))
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		checkFrame(t, data.Frame)
		inHeader(t, data.Frame, header)
		if slices.Contains(e.Info.Shapes, plugins.Events) {
			if err := events.Check(data.Frame); err != nil {
				t.Error(err)
			}
		}
		return digest(t, []any{data.Frame.Digest(), data.Counts, data.Notes, header})
	})
	stops(t, func(ctx context.Context) error {
		_, err := d.Read(ctx, env(t, e.Info, 1, 2))
		return err
	})
	return out
}

// inHeader checks that the header announced every column that was read; it may announce more: constant columns are dropped.
func inHeader(t *testing.T, f *frame.Frame, h *plugins.Header) {
	t.Helper()
	for _, c := range f.Columns() {
		at := slices.IndexFunc(h.Columns, func(i plugins.ColumnInfo) bool { return i.Name == c.Name })
		if at < 0 {
			t.Errorf("column %q is not in the header", c.Name)
		} else if h.Columns[at].Kind != c.Kind {
			t.Errorf("column %q is a %s, in the header a %s", c.Name, c.Kind, h.Columns[at].Kind)
		}
	}
}

// Features checks a feature plugin with the given settings on the train part of the inputs.
func Features(t *testing.T, e *plugins.Entry[plugins.Features], with string, in Inputs) string {
	describe(t, e.Info)
	takesRecords(t, e.Info)
	if !slices.Equal(e.Info.Reads, []plugins.Part{plugins.Train}) {
		t.Errorf("reads %v; features are chosen on train alone", e.Info.Reads)
	}
	f := build(t, e, with)
	before := in.digest()
	train := in.Parts[plugins.Train]
	candidates := plugins.Candidates{Train: train.Frame, Subject: train.Subject, Target: in.Target, Groups: groups()}
	rank := func(ctx context.Context, seed uint64, threads int, in plugins.Candidates) (*plugins.Ranking, error) {
		return f.Rank(ctx, env(t, e.Info, seed, threads), in)
	}
	repeats(t, e.Info, func(seed uint64, threads int) string {
		ranking, err := rank(context.Background(), seed, threads, candidates)
		if err != nil {
			t.Fatalf("rank: %v", err)
		}
		return digest(t, ranking)
	})
	stops(t, func(ctx context.Context) error {
		_, err := rank(ctx, 1, 2, candidates)
		return err
	})
	for _, rows := range [][]int{nil, {0}} { // an error is an answer too; a panic is not
		few := candidates
		few.Train, few.Subject = train.Frame.Take(rows), train.Subject.Take(rows)
		if ranking, err := rank(context.Background(), 1, 1, few); err == nil {
			digest(t, ranking)
		}
	}
	if settings := digest(t, f.Ranking()); settings != digest(t, build(t, e, with).Ranking()) {
		t.Error("equal settings rank by different ones")
	}
	ranking, err := rank(context.Background(), 1, 1, candidates)
	if err != nil {
		t.Fatalf("rank: %v", err)
	}
	subsets := cutAll(t, f, ranking.Columns, candidates)
	cutsWhatItIsGiven(t, build(t, e, with), ranking.Columns, subsets)
	if in.digest() != before {
		t.Error("the inputs were changed")
	}
	if bare(ranking) {
		return digest(t, subsets)
	}
	return digest(t, []any{subsets, ranking})
}

// groups are those of some columns of the fixture.
func groups() map[string]string {
	return map[string]string{"age": "demographics", "is_female": "demographics", "lactate": "labs", "bun": "labs"}
}

// bare reports whether a ranking is an order of names alone.
func bare(r *plugins.Ranking) bool {
	named := func(c plugins.RankedColumn) bool { return c != plugins.RankedColumn{Name: c.Name} }
	return len(r.Counts) == 0 && len(r.Notes) == 0 && !slices.ContainsFunc(r.Columns, named)
}

// cutAll returns every subset of a ranking, each checked; those named by a number are nested.
func cutAll(t *testing.T, f plugins.Features, ranked []plugins.RankedColumn, in plugins.Candidates) [][]string {
	t.Helper()
	var subsets [][]string
	var smaller []string
	for i, suffix := range f.Subsets() {
		columns, err := f.Cut(ranked, suffix)
		if err != nil {
			t.Fatalf("cut %q: %v", suffix, err)
		}
		if len(columns) == 0 {
			t.Errorf("subset %q is empty", suffix)
		}
		if !suffixPattern.MatchString(suffix) || slices.Contains(f.Subsets()[:i], suffix) {
			t.Errorf("subset %q is there twice, or no part of a name", suffix)
		}
		for j, name := range columns {
			if in.Train.Column(name) == nil || name == in.Target || slices.Contains(columns[:j], name) {
				t.Errorf("subset %q has column %q, which is no candidate or is there twice", suffix, name)
			}
		}
		if size, err := strconv.Atoi(suffix); err == nil && size > 0 {
			if len(columns) != size || len(smaller) > size || !slices.Equal(smaller, columns[:len(smaller)]) {
				t.Errorf("subset %q has %d columns, or does not begin with the one before", suffix, len(columns))
			}
			smaller = columns
		}
		subsets = append(subsets, columns)
	}
	return subsets
}

// suffixPattern is what may follow a name in an experiment.
var suffixPattern = regexp.MustCompile(`^[A-Za-z0-9_-]*$`)

// cutsWhatItIsGiven checks that Cut knows a ranking by what it is given alone: one that was stored, of columns with other
// names, is cut alike by a plugin that has ranked nothing; and that it leaves the ranking as it is.
func cutsWhatItIsGiven(t *testing.T, fresh plugins.Features, ranked []plugins.RankedColumn, want [][]string) {
	t.Helper()
	renamed := slices.Clone(ranked)
	for i := range renamed {
		renamed[i].Name = "other " + renamed[i].Name
	}
	before := digest(t, renamed)
	var stored []plugins.RankedColumn
	if err := json.Unmarshal(mustJSON(t, renamed), &stored); err != nil {
		t.Fatal(err)
	}
	for i, suffix := range fresh.Subsets() {
		columns, err := fresh.Cut(stored, suffix)
		if err != nil || len(columns) != len(want[i]) {
			t.Errorf("subset %q of a stored ranking has %d columns, want %d; error: %v", suffix, len(columns), len(want[i]), err)
			continue
		}
		for j := range columns {
			if columns[j] != "other "+want[i][j] {
				t.Errorf("subset %q of a stored ranking has %q in place %d, want %q", suffix, columns[j], j+1, "other "+want[i][j])
			}
			columns[j] = "changed by the caller"
		}
	}
	if digest(t, stored) != before {
		t.Error("cutting a ranking, or changing what was cut, changes the ranking")
	}
	if _, err := fresh.Cut(nil, "no such subset"); err == nil && !slices.Equal(fresh.Subsets(), []string{""}) {
		t.Error("a subset that is not offered is cut")
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Strategy checks a strategy with the given settings on the parts of the inputs that it declares. One that asks language models
// is given a model that fills in what it is asked for.
func Strategy(t *testing.T, e *plugins.Entry[plugins.Strategy], with string, in Inputs) string {
	describe(t, e.Info)
	takesRecords(t, e.Info)
	if r := e.Info.Reads; !slices.Equal(r, []plugins.Part{plugins.Train}) && !slices.Equal(r, []plugins.Part{plugins.Reference}) {
		t.Fatalf("reads %v; a strategy reads train alone, or reference alone", r)
	}
	s := build(t, e, with)
	before := in.digest()
	all := plugins.NewParts(in.Parts)
	task := func(n int, parts plugins.Parts) plugins.Task {
		return plugins.Task{Parts: parts, Target: in.Target, N: n}
	}
	generate := func(ctx context.Context, seed uint64, threads, n int, parts plugins.Parts) (*plugins.Generated, error) {
		env, asked := asks(s, env(t, e.Info, seed, threads), seed)
		g, err := s.Generate(ctx, env, task(n, parts))
		if p, ok := s.(plugins.Prompting); ok && err == nil {
			prompting(t, p, e.Info, env, task(n, parts), asked, g)
		}
		return g, err
	}
	digestOf := func(g *plugins.Generated) string {
		if _, ok := s.(plugins.Prompting); ok {
			return digest(t, []any{g.Frame.Digest(), g.Counts, said(g), g.Exposed, g.Strata})
		}
		return digest(t, []any{g.Frame.Digest(), g.Counts, said(g)})
	}
	out := repeats(t, e.Info, func(seed uint64, threads int) string {
		g, err := generate(context.Background(), seed, threads, in.N, all.Only(e.Info.Reads...))
		if err != nil {
			t.Fatalf("generate: %v", err)
		}
		checkFrame(t, g.Frame)
		sameColumns(t, g.Frame, in.Parts[plugins.Train].Frame)
		if g.Frame.Rows() != in.N {
			t.Errorf("%d rows, want %d", g.Frame.Rows(), in.N)
		}
		return digestOf(g)
	})
	g, err := generate(context.Background(), 1, 1, in.N, plugins.NewParts(in.disturbed(e.Info.Reads)))
	if err != nil || digestOf(g) != out {
		t.Errorf("rows of parts that it does not declare change the output (error: %v)", err)
	}
	for _, n := range []int{0, -1} {
		if _, err := generate(context.Background(), 1, 1, n, all.Only(e.Info.Reads...)); err == nil {
			t.Errorf("n = %d is accepted", n)
		}
	}
	if _, err := generate(context.Background(), 1, 1, in.N, plugins.NewParts(in.emptied())); err == nil {
		t.Error("parts without rows are accepted")
	}
	stops(t, func(ctx context.Context) error {
		_, err := generate(ctx, 1, 2, in.N, all.Only(e.Info.Reads...))
		return err
	})
	if in.digest() != before {
		t.Error("the inputs were changed")
	}
	return out
}

// Metric checks a metric with the given settings on the parts of the inputs that it reads with these.
func Metric(t *testing.T, e *plugins.Entry[plugins.Metric], with string, in Inputs) string {
	describe(t, e.Info)
	in = shaped(t, e.Info, in)
	checkDeclarations(t, e.Info)
	m := build(t, e, with)
	reads := plugins.Reads(m, &e.Info)
	for i, part := range reads {
		if !slices.Contains(e.Info.Reads, part) || slices.Contains(reads[:i], part) {
			t.Errorf("with its settings reads %v; declared are %v", reads, e.Info.Reads)
		}
	}
	before := in.digest()
	measure := func(ctx context.Context, seed uint64, threads int, in Inputs) (*plugins.Measurement, error) {
		pair := plugins.NewPair(plugins.NewParts(in.Parts), in.Synthetic, in.Target).Only(reads...)
		if e.Info.Audited {
			pair.Audit = Audited(in.Synthetic, in.Parts[plugins.Test])
		}
		return m.Measure(ctx, env(t, e.Info, seed, threads), pair)
	}
	if e.Info.Audited {
		notAudited(t, e.Info, m, in)
	}
	out := repeats(t, e.Info, func(seed uint64, threads int) string {
		got, err := measure(context.Background(), seed, threads, in)
		if err != nil {
			t.Fatalf("measure: %v", err)
		}
		if len(got.Scores) == 0 {
			t.Error("there is no score")
		}
		checkMeasurement(t, e.Info, got)
		return digest(t, got)
	})
	for name, tiny := range in.tiny() { // an error is an answer too; a panic or a NaN is not
		if got, err := measure(context.Background(), 1, 1, tiny); err == nil {
			t.Run(name, func(t *testing.T) { checkMeasurement(t, e.Info, got) })
		}
	}
	stops(t, func(ctx context.Context) error {
		_, err := measure(ctx, 1, 2, in)
		return err
	})
	if in.digest() != before {
		t.Error("the inputs were changed")
	}
	return out
}

// notAudited checks that a metric of audits has a reason and no value where the rows had none.
func notAudited(t *testing.T, info plugins.Info, m plugins.Metric, in Inputs) {
	t.Helper()
	pair := plugins.NewPair(plugins.NewParts(in.Parts), in.Synthetic, in.Target).Only(info.Reads...)
	got, err := m.Measure(context.Background(), env(t, info, 1, 1), pair)
	if err != nil {
		t.Fatalf("of rows without an audit: %v", err)
	}
	checkMeasurement(t, info, got)
	for _, s := range got.Scores {
		if s.Status != plugins.Undefined {
			t.Errorf("of rows without an audit, score %q is %v", s.Name, s.Value)
		}
	}
	if len(got.Scores) == 0 {
		t.Error("of rows without an audit, there is no score that says so")
	}
}

func checkDeclarations(t *testing.T, info plugins.Info) {
	t.Helper()
	if slices.Contains(info.Reads, plugins.Reference) {
		t.Error("reads the reference part, which the ceiling is made of")
	}
	if len(info.Scores) == 0 {
		t.Error("declares no score")
	}
	for i, s := range info.Scores {
		directed := s.Better == plugins.Higher || s.Better == plugins.Lower || s.Better == plugins.Neutral
		if s.Name == "" || s.Summary == "" || !directed || !(s.Min < s.Max) {
			t.Errorf("score %d (%q) lacks a name, a summary, a direction or a range", i, s.Name)
		}
		if slices.ContainsFunc(info.Scores[:i], func(o plugins.ScoreInfo) bool { return o.Name == s.Name }) {
			t.Errorf("score %q is declared twice", s.Name)
		}
	}
}

// View checks a view with the given settings on a figure.
func View(t *testing.T, e *plugins.Entry[plugins.View], with string, fig plugins.Figure) string {
	describe(t, e.Info)
	v := build(t, e, with)
	before := digestFigure(fig)
	out := repeats(t, e.Info, func(uint64, int) string {
		d, err := v.Draw(fig)
		if err != nil {
			t.Fatalf("draw: %v", err)
		}
		if !bytes.Contains(d.SVG, []byte("<svg")) || !bytes.HasPrefix(d.PNG, []byte("\x89PNG\r\n\x1a\n")) || !bytes.HasPrefix(d.PDF, []byte("%PDF-")) {
			t.Error("the drawing lacks an SVG, a PNG or a PDF file")
		}
		return digest(t, []string{hash(d.SVG), hash(d.PNG), hash(d.PDF)})
	})
	if _, err := v.Draw(plugins.Figure{}); err == nil {
		t.Log("an empty figure is drawn")
	}
	if digestFigure(fig) != before {
		t.Error("the figure was changed")
	}
	return out
}
