package auditcalibration

import (
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

// read reads the file, or a sample of it. Errors are *frame.FileError.
func (l *Labels) read(ctx context.Context, threads int, sample bool) ([]labelled, error) {
	names := []string{recordColumn, sourceColumn, scoreColumn, probabilityColumn, labelColumn}
	opts := frame.ReadOptions{Threads: threads, MaxBytes: maxBytes, Keep: names, Columns: map[string]frame.ColumnOptions{
		recordColumn: {Kind: frame.Category}, sourceColumn: {Kind: frame.Category}, labelColumn: {Kind: frame.Category},
		scoreColumn: {Kind: frame.Number}, probabilityColumn: {Kind: frame.Number},
	}}
	var t *frame.Table
	var err error
	if sample {
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
	fault := func(row int, column, format string, args ...any) error {
		return frame.FaultAt(ctx, l.Path, opts, row, column, fmt.Sprintf(format, args...))
	}
	return records(t.Frame, fault)
}

// records makes records of rows.
func records(f *frame.Frame, fault func(row int, column, format string, args ...any) error) ([]labelled, error) {
	out := make([]labelled, f.Rows())
	seen := map[int32]bool{}
	record, source, label := f.Column(recordColumn), f.Column(sourceColumn), f.Column(labelColumn)
	for row := range out {
		for _, c := range []*frame.Column{record, source, label} {
			if c.IsMissing(row) {
				return nil, fault(row, c.Name, "no %s; every record needs one", c.Name)
			}
		}
		if seen[record.Codes[row]] {
			return nil, fault(row, recordColumn, "the record is in a row above, too; want one row for each record")
		}
		seen[record.Codes[row]] = true
		p := f.Column(probabilityColumn).Numbers[row]
		if !(p > 0 && p <= 1) || math.IsInf(1/p, 0) {
			return nil, fault(row, probabilityColumn, "want the probability that the record was drawn with, above 0 and at most 1")
		}
		text := strings.ToLower(label.Levels[label.Codes[row]])
		out[row] = labelled{source: source.Levels[source.Codes[row]], score: f.Column(scoreColumn).Numbers[row], weight: 1 / p, implausible: slices.Contains(implausible, text)}
		if out[row].source == every {
			return nil, fault(row, sourceColumn, "a source is called as all records are; want another name than %q", every)
		}
		if !out[row].implausible && !slices.Contains(plausible, text) {
			return nil, fault(row, labelColumn, "is neither %q nor %q", implausible[0], plausible[0])
		}
	}
	return out, nil
}

// audited returns the report whose scores the file has, or why there is none.
func (l *Labels) audited(a *plugins.Audited) (*plugins.AuditReport, error) {
	var names []string
	for i := range a.Reports {
		if a.Reports[i].Audit == l.Audit || l.Audit == "" && len(a.Reports) == 1 {
			return &a.Reports[i], nil
		}
		names = append(names, strconv.Quote(a.Reports[i].Audit))
	}
	if l.Audit == "" {
		return nil, fmt.Errorf(`the cell has several audits; "labels.audit" says whose scores the file has: want one of %s`, strings.Join(names, ", "))
	}
	return nil, fmt.Errorf(`the cell has no audit %q, whose scores the file of labels has`, l.Audit)
}

var labelledScores = []string{"labelled_sensitivity", "labelled_specificity", "labelled_implausible_share"}

// labelled adds the scores that rest on labelled records: of each source in the file, and of all.
func (m metric) labelled(ctx context.Context, env plugins.Env, a *plugins.Audited, out *plugins.Measurement) error {
	none := func(auditor, reason string) {
		for _, name := range labelledScores {
			out.Scores = append(out.Scores, undefined(name, map[string]string{plugins.AuditDim: auditor, sourceDim: every}, reason))
		}
	}
	if m.config.Labels == nil {
		for i := range a.Reports {
			none(a.Reports[i].Audit, `no record was labelled by clinicians: "labels" names no file`)
		}
		return nil
	}
	read, err := m.config.Labels.read(ctx, env.Threads, false)
	if err != nil {
		return err
	}
	report, err := m.config.Labels.audited(a)
	if err != nil {
		none(plugins.NoAuditor, err.Error())
		return nil
	}
	for i := range a.Reports {
		if a.Reports[i].Audit != report.Audit {
			none(a.Reports[i].Audit, fmt.Sprintf("the file of labels has the scores of the audit %q", report.Audit))
		}
	}
	var sources []string
	for _, r := range read {
		sources = append(sources, r.source)
	}
	slices.Sort(sources)
	sources = slices.Compact(sources)
	if len(sources) > 1 {
		sources = append(sources, every)
	}
	for _, source := range sources {
		if err := m.weigh(ctx, env, report, source, read, out); err != nil {
			return err
		}
	}
	return nil
}

// weigh scores the records of one source.
func (m metric) weigh(ctx context.Context, env plugins.Env, report *plugins.AuditReport, source string, all []labelled, out *plugins.Measurement) error {
	dims := map[string]string{plugins.AuditDim: report.Audit, sourceDim: source}
	of := slices.DeleteFunc(slices.Clone(all), func(r labelled) bool { return source != every && r.source != source })
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
