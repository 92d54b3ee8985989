package auditcalibration

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// The columns of a file of labelled records.
const (
	recordColumn      = "record"
	sourceColumn      = "source"
	scoreColumn       = "score"
	probabilityColumn = "probability"
	labelColumn       = "label"
	// These need not be there, and are the same in every row.
	auditColumn  = "audit"
	scoresColumn = "scores"
	rowsColumn   = "rows"
)

// The labels, and what else a clinician may write for them.
var (
	implausible = []string{"implausible", "1", "true", "yes"}
	plausible   = []string{"plausible", "0", "false", "no"}
)

// labelled is one record with the verdict of clinicians.
type labelled struct {
	source      string
	score       float64 // of the auditor; NaN: none
	weight      float64 // 1 over the probability that it was drawn with
	implausible bool
}

// The part of the file that Check looks at, and the most that is read.
const (
	sampleRows  = 20_000
	sampleBytes = 4 << 20
	maxBytes    = 256 << 20
)

// Files implements plugins.Filed.
func (m metric) Files() ([]plugins.File, error) {
	if m.config.Labels == nil {
		return nil, nil
	}
	return []plugins.File{{Role: "labels" + ending(m.config.Labels.Path), Path: m.config.Labels.Path}}, nil
}

// ending tells files apart whose name decides what is read, so that it must show in keys.
func ending(path string) string {
	if filepath.Ext(strings.TrimSuffix(strings.ToLower(path), ".gz")) == ".tsv" {
		return " (tab)"
	}
	return ""
}

// Check implements plugins.Filed.
func (m metric) Check(ctx context.Context) error {
	if m.config.Labels == nil {
		return nil
	}
	_, err := m.config.Labels.read(ctx, 1, true)
	return err
}

// VetAudits implements plugins.Citing.
func (m metric) VetAudits(audits []string) plugins.Faults {
	l := m.config.Labels
	if l == nil || l.Audit == "" || slices.Contains(audits, l.Audit) {
		return nil
	}
	return plugins.Faults{{
		Field: []string{"labels", "audit"}, Message: fmt.Sprintf("no cell of the metric has an audit %q", l.Audit), Name: l.Audit, Known: audits,
	}}
}

// sample is a file of labels.
type sample struct {
	faults
	records []labelled
	rows    string // the synthetic rows that records are of, as plugins.RowsID; empty: the file does not say
	audit   string // that gave the scores, by the name that it had; empty: the file does not say
	scores  string // that it gave, as plugins.AuditReport.ScoresID; empty: the file does not say
}

// mostFaults is how many faults of a file are told: one of something else has some in every row.
const mostFaults = 20

// faults are those of the rows of a file, each with its place.
type faults struct {
	ctx  context.Context
	path string
	opts frame.ReadOptions
	list []error
	more int
}

func (f *faults) add(row int, column, format string, args ...any) {
	if len(f.list) == mostFaults {
		f.more++
		return
	}
	f.list = append(f.list, frame.FaultAt(f.ctx, f.path, f.opts, row, column, fmt.Sprintf(format, args...)))
}

// err joins all faults; nil where there is none.
func (f *faults) err() error {
	if f.more > 0 {
		return errors.Join(append(f.list, fmt.Errorf("%s: and %d more", filepath.Base(f.path), f.more))...)
	}
	return errors.Join(f.list...)
}

// read reads the file, or a part of it to check. Errors are *frame.FileError, or several of these joined.
func (l *Labels) read(ctx context.Context, threads int, part bool) (*sample, error) {
	opts := frame.ReadOptions{Threads: threads, MaxBytes: maxBytes}
	head, err := frame.SampleFile(ctx, l.Path, opts, 1, sampleBytes)
	if err != nil {
		return nil, err
	}
	opts.Keep = []string{recordColumn, sourceColumn, scoreColumn, probabilityColumn, labelColumn}
	opts.Columns = map[string]frame.ColumnOptions{scoreColumn: {Kind: frame.Number}, probabilityColumn: {Kind: frame.Number}}
	for _, name := range []string{auditColumn, scoresColumn, rowsColumn} {
		if slices.Contains(head.Header, name) {
			opts.Keep = append(opts.Keep, name)
		}
	}
	for _, name := range opts.Keep {
		if opts.Columns[name].Kind == "" {
			opts.Columns[name] = frame.ColumnOptions{Kind: frame.Category}
		}
	}
	var t *frame.Table
	if part {
		t, err = frame.SampleFile(ctx, l.Path, opts, sampleRows, sampleBytes)
	} else {
		t, err = frame.ReadFile(ctx, l.Path, opts)
	}
	if err != nil {
		return nil, err
	}
	if t.Frame.Rows() == 0 {
		return nil, &frame.FileError{File: filepath.Base(l.Path), Msg: "no row below the header; want one for each labelled record"}
	}
	s := &sample{faults: faults{ctx: ctx, path: l.Path, opts: opts}}
	s.rows, s.audit, s.scores = s.same(t.Frame.Column(rowsColumn)), s.same(t.Frame.Column(auditColumn)), s.same(t.Frame.Column(scoresColumn))
	s.read(t.Frame)
	return s, s.err()
}

// same returns what a column has in every row; empty where there is no such column.
func (s *sample) same(c *frame.Column) string {
	if c == nil {
		return ""
	}
	for row := range c.Codes {
		if c.IsMissing(row) || c.Codes[row] != c.Codes[0] {
			s.add(row, c.Name, "is not what the first row has; want one for all records of a file")
		}
	}
	if c.IsMissing(0) {
		return ""
	}
	return c.Levels[c.Codes[0]]
}

// read makes records of rows.
func (s *sample) read(f *frame.Frame) {
	seen := map[int32]bool{}
	record := f.Column(recordColumn)
	for row := range f.Rows() {
		if record.IsMissing(row) {
			s.add(row, recordColumn, "no record; every row needs one")
		} else if seen[record.Codes[row]] {
			s.add(row, recordColumn, "the record is in a row above, too; want one row for each record")
		} else {
			seen[record.Codes[row]] = true
		}
		s.records = append(s.records, s.record(f, row))
	}
}

// record reads a row.
func (s *sample) record(f *frame.Frame, row int) labelled {
	text := func(column string) string {
		c := f.Column(column)
		if c.IsMissing(row) {
			s.add(row, column, "no %s; every record needs one", column)
			return ""
		}
		return c.Levels[c.Codes[row]]
	}
	p := f.Column(probabilityColumn).Numbers[row]
	out := labelled{source: text(sourceColumn), score: f.Column(scoreColumn).Numbers[row], weight: 1 / p}
	if out.source == every {
		s.add(row, sourceColumn, "a source is called as all records are; want another name than %q", every)
	}
	if !(p > 0 && p <= 1) || math.IsInf(out.weight, 0) {
		s.add(row, probabilityColumn, "want the probability that the record was drawn with, above 0 and at most 1")
	}
	label := strings.ToLower(text(labelColumn))
	if out.implausible = slices.Contains(implausible, label); !out.implausible && label != "" && !slices.Contains(plausible, label) {
		s.add(row, labelColumn, "is neither %q nor %q", implausible[0], plausible[0])
	}
	return out
}

// onScale refuses scores that the audit cannot have given: the file is of another one.
func (s *sample) onScale(report *plugins.AuditReport) error {
	for row, r := range s.records {
		if r.score < report.Scale.Min || r.score > report.Scale.Max { // NaN is neither
			s.add(row, scoreColumn, "outside of the scale of the audit %q, from %g to %g; want the score that it gave the record", report.Audit, report.Scale.Min, report.Scale.Max)
		}
	}
	return s.err()
}

// audited returns the report whose scores the file has, or why there is none. What the experiment says counts before what the file says.
func (s *sample) audited(l *Labels, a *plugins.Audited) (*plugins.AuditReport, error) {
	name := cmp.Or(l.Audit, s.audit)
	var names []string
	for i := range a.Reports {
		if a.Reports[i].Audit == name || name == "" && len(a.Reports) == 1 {
			return &a.Reports[i], nil
		}
		names = append(names, strconv.Quote(a.Reports[i].Audit))
	}
	if name == "" {
		return nil, fmt.Errorf(`the cell has several audits; "labels.audit" says whose scores the file has: want one of %s`, strings.Join(names, ", "))
	}
	return nil, fmt.Errorf(`the cell has no audit %q, whose scores the file of labels has`, name)
}

// unlike says why the file does not tell of an audit of a cell, or "".
func (s *sample) unlike(a *plugins.Audited, report *plugins.AuditReport) string {
	switch {
	case s.rows != "" && s.rows != plugins.RowsID(a.Before):
		return ofOthers
	case s.scores != "" && s.scores != report.ScoresID():
		return ofScores
	}
	return ""
}

// sources are those of the records and, where they are several, all of them together.
func (s *sample) sources() []string {
	var out []string
	for _, r := range s.records {
		out = append(out, r.source)
	}
	slices.Sort(out)
	if out = slices.Compact(out); len(out) > 1 {
		out = append(out, every)
	}
	return out
}

// Why a file of labels does not tell of a cell, or may not.
const (
	ofOthers  = "the labelled records are of other synthetic rows than those that were made in this cell"
	ofScores  = "the labelled records have other scores than this audit gave the rows of this cell: its settings, or answers of its models, were others"
	ofAnyRows = `the file of labels has no column "rows": whether its records are of the rows of this cell is not checked`
)

var labelledScores = []string{"labelled_sensitivity", "labelled_specificity", "labelled_implausible_share"}

// labelled adds the scores that rest on labelled records: of each source in the file, and of all.
func (m metric) labelled(ctx context.Context, env plugins.Env, a *plugins.Audited, out *plugins.Measurement) error {
	none := func(auditor, source, reason string) {
		for _, name := range labelledScores {
			out.Scores = append(out.Scores, undefined(name, map[string]string{plugins.AuditDim: auditor, sourceDim: source}, reason))
		}
	}
	if m.config.Labels == nil {
		for i := range a.Reports {
			none(a.Reports[i].Audit, every, `no record was labelled by clinicians: "labels" names no file`)
		}
		return nil
	}
	read, err := m.config.Labels.read(ctx, env.Threads, false)
	if err != nil {
		return err
	}
	report, err := read.audited(m.config.Labels, a)
	if err != nil {
		none(plugins.NoAuditor, every, err.Error())
		return nil
	}
	for i := range a.Reports {
		if a.Reports[i].Audit != report.Audit {
			none(a.Reports[i].Audit, every, fmt.Sprintf("the file of labels has the scores of the audit %q", report.Audit))
		}
	}
	sources := read.sources()
	if why := read.unlike(a, report); why != "" {
		for _, source := range sources {
			none(report.Audit, source, why)
		}
		return nil
	}
	if err := read.onScale(report); err != nil {
		return err
	}
	for _, source := range sources {
		if err := m.weigh(ctx, env, report, source, read, out); err != nil {
			return err
		}
	}
	return nil
}

// weigh scores the records of one source.
func (m metric) weigh(ctx context.Context, env plugins.Env, report *plugins.AuditReport, source string, from *sample, out *plugins.Measurement) error {
	dims := map[string]string{plugins.AuditDim: report.Audit, sourceDim: source}
	of := slices.DeleteFunc(slices.Clone(from.records), func(r labelled) bool { return source != every && r.source != source })
	unscored := 0
	for _, r := range of {
		if math.IsNaN(r.score) {
			unscored++
		}
	}
	values, n, reasons := weighted(of, report.Threshold, nil)
	lows, highs, without, err := m.intervals(ctx, env, source, of, report.Threshold)
	if err != nil {
		return err
	}
	for k, name := range labelledScores {
		s := plugins.Score{Name: name, Dims: dims, Value: values[k], N: n[k], Status: plugins.OK}
		switch {
		case reasons[k] != nil:
			s = undefined(name, dims, reasons[k].Error())
		case without[k] != "":
			s.Warnings = append(s.Warnings, plugins.WithoutInterval+without[k])
		default:
			s.Interval = &plugins.Interval{Low: lows[k], High: highs[k], Level: level, Unit: "labelled records", Method: fmt.Sprintf("percentile bootstrap, %d resamples", m.config.Resamples)}
			if lows[k] == highs[k] { // as where all are caught: resamples tell nothing of how uncertain that is
				s.Interval.Low, s.Interval.High, err = stats.WilsonShare(values[k], effective(of, k), level)
				if s.Interval.Method = "Wilson, Kish's effective number"; err != nil {
					return err
				}
			}
		}
		if unscored > 0 && s.Status == plugins.OK && k < 2 {
			s.Warnings = append(s.Warnings, fmt.Sprintf("%d labelled records without a score count as not caught", unscored))
		}
		if from.rows == "" && s.Status == plugins.OK {
			s.Warnings = append(s.Warnings, ofAnyRows)
		}
		out.Scores = append(out.Scores, s)
	}
	dims = map[string]string{plugins.AuditDim: report.Audit, sourceDim: source}
	out.Counts = append(out.Counts, plugins.Count{Name: "labelled records", Dims: dims, Value: len(of)})
	return nil
}

// Why a weighted share has no value.
var (
	errNoImplausible = errors.New("clinicians call no record of the sample implausible")
	errNoPlausible   = errors.New("clinicians call no record of the sample plausible")
)

// weighted returns sensitivity, specificity and the share of implausible records, each record with its weight as often as it was drawn (nil:
// once): the sum of weights of what is so, by that of all. n are the records that they rest on.
//
// Source: J. Hájek (1971), comment in Foundations of Statistical Inference, 236.
func weighted(of []labelled, threshold float64, drawn []int32) (values [3]float64, n [3]int, reasons [3]error) {
	var so, all [3]float64
	add := func(k int, is bool, weight float64) {
		n[k]++
		all[k] += weight
		if is {
			so[k] += weight
		}
	}
	for i, r := range of {
		weight := r.weight
		if drawn != nil {
			weight *= float64(drawn[i])
		}
		if weight == 0 {
			continue
		}
		caught := r.score < threshold // NaN is not
		if r.implausible {
			add(0, caught, weight)
		} else {
			add(1, !caught, weight)
		}
		add(2, r.implausible, weight)
	}
	for k := range values {
		if all[k] == 0 {
			reasons[k] = [3]error{errNoImplausible, errNoPlausible, stats.ErrNoRows}[k]
			continue
		}
		values[k] = min(so[k]/all[k], 1)
	}
	return values, n, reasons
}

// effective is Kish's effective number of the records that the k-th of the weighted shares rests on, (Σw)²/Σw².
//
// Source: L. Kish (1965), Survey Sampling, section 8.2.
func effective(of []labelled, k int) float64 {
	sum, squares := 0.0, 0.0
	for _, r := range of {
		if k == 2 || r.implausible == (k == 0) {
			sum += r.weight
			squares += r.weight * r.weight
		}
	}
	return sum * sum / squares
}

// fewestDefined is the share of the resamples that have to have a value for an interval to mean something.
const fewestDefined = 0.95

// intervals are percentile intervals over resamples of the records, or why there are none.
func (m metric) intervals(ctx context.Context, env plugins.Env, source string, of []labelled, threshold float64) (low, high [3]float64, without [3]string, err error) {
	all := func(why string) [3]string { return [3]string{why, why, why} }
	switch {
	case m.config.Resamples == 0:
		return low, high, all("the bootstrap is switched off"), nil
	case len(of) < 2:
		return low, high, all("it rests on one record"), nil
	}
	b := stats.Bootstrap{Units: len(of), Resamples: m.config.Resamples, Threads: env.Threads, Source: func(i int) *rand.Rand {
		return env.Rand.For(plugins.ForResample, "labelled records", source, strconv.Itoa(i))
	}}
	draws, err := b.Run(ctx, len(low), func(counts []int32, out []float64) bool {
		values, _, reasons := weighted(of, threshold, counts)
		for k := range values {
			if out[k] = values[k]; reasons[k] != nil {
				out[k] = math.NaN()
			}
		}
		return true
	})
	if err != nil {
		return low, high, without, err
	}
	for k := range low {
		values := slices.DeleteFunc(slices.Clone(draws.Values(k)), math.IsNaN)
		if float64(len(values)) < fewestDefined*float64(m.config.Resamples) {
			without[k] = fmt.Sprintf("it is undefined on %d of %d resamples of the records", m.config.Resamples-len(values), m.config.Resamples)
			continue
		}
		if low[k], high[k], err = stats.PercentileInterval(values, level); err != nil {
			return low, high, without, err
		}
	}
	return low, high, without, nil
}
