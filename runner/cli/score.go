package cli

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/ehrlab/ehrlab/runner/score"
)

// scoring is the command line of score.
type scoring struct {
	files      score.Files
	columns    string
	events     string
	label      string
	positive   string
	site       string
	subject    string
	groups     []string
	drop       []string
	keep       []string
	metrics    []string
	seed       uint64
	subsamples int
	threads    int
	full       bool
}

func (a *app) scoreCommand() *cobra.Command {
	var s scoring
	cmd := &cobra.Command{
		Use:   "score",
		Short: "rate a file of synthetic rows beside real ones, without an experiment",
		Long: `score compares a file of synthetic rows with one of real rows, each CSV, Parquet or Arrow, also compressed, and prints
a report: whether single columns and columns together look like the real ones, whether models that are trained on the
synthetic rows hold for real ones, whether the synthetic rows give patients away, whether groups of patients fare alike.

Real rows in two files say more: --real are those that the generator was made from, --holdout others that it has not
seen. Then the synthetic rows are compared with the unseen ones, so that copies do not pass for fidelity, and attacks
on privacy have a control. Without --holdout they are not run.

A holdout gives a yardstick, too: beside each score, after "real", the same score with rows of the real file in the
place of the synthetic ones, as many as these if there are so many. That is what a generator would reach whose rows are
as good as further real ones. Where synthetic rows are compared with those that the generator has seen, half of the
holdout takes their place, and scores that hang on how many synthetic rows there are have no yardstick.

The empty field is a missing value, and nothing else is. What the columns are is told by their values. Texts of which
more than half of the rows have their own, and whole numbers under the name of an identifier that differ in all rows, are
left out; the report names them, and --keep compares one all the same. --columns names a JSON file that says more of
the columns. All of it is optional, as is each field:

  {
    "columns": [
      {"name": "stay_id", "kind": "id"},
      {"name": "lactate", "kind": "numeric", "unit": "mmol/L", "missing": ["-1"], "min": 0, "max": 40},
      {"name": "sex", "kind": "categorical"}
    ],
    "missing_token": "NA", "drop": ["note"], "keep": ["ward"],
    "label": "died", "positive": "yes", "site": "hospital", "subject": "patient_id", "group": ["sex"],
    "quasi_identifiers": ["age", "sex"],
    "attribute_key": ["age", "sex"], "attribute_secret": "hiv",
    "link_aux": [["age", "sex"], ["lactate"]],
    "infer_aux": ["age", "sex"], "infer_secret": "hiv"
  }

When it lists columns, the others are not read. Rows that are events of patients, a code at a time, are told by
--events, or by "events": {"subject": "patient_id", "visit": "visit", "time": "day", "code": "code"}, or by a list of columns
with an id, a number "visit" and a category "code".

Metrics: "core", those of an experiment that names none; "all", every one that is no copy of another library's
peculiarities; or names that 'ehrlab plugins' lists. The same files, metrics and seed give the same report,
whatever the number of threads. Exit code 3 says that a metric failed.`,
		Example: `  ehrlab data write experiments/llm-quickstart.cue icu cohort
  ehrlab score --real cohort/apacheApsVar.csv.gz --synthetic cohort/apacheApsVar.csv.gz --drop apacheapsvarid --metrics ks,tv
  ehrlab score --real cohort/apachePredVar.csv.gz --synthetic cohort/apachePredVar.csv.gz --group gender --metrics tv,disparity --json`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.check(cmd.Flags()); err != nil {
				return wrongUsage(cmd, err)
			}
			return orInterrupted(cmd.Context(), a.score(cmd, &s))
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.files.Real, "real", "", "`file` of real rows, those that the generator was made from")
	f.StringVar(&s.files.Synthetic, "synthetic", "", "`file` of synthetic rows")
	f.StringVar(&s.files.Holdout, "holdout", "", "`file` of real rows that the generator has not seen")
	f.StringVar(&s.columns, "columns", "", "JSON `file` that says what the columns are")
	f.StringVar(&s.events, "events", "", "`names` of the columns of events, e.g. subject=patient_id,visit=visit,time=day,code=code")
	f.StringSliceVar(&s.metrics, "metrics", []string{score.Core}, "`names` of metrics, or core, or all")
	f.StringVar(&s.label, "label", "", "`column` that is predicted")
	f.StringVar(&s.positive, "positive", "", "`value` of the label that is predicted; unless given 1, or the last of two texts")
	f.StringVar(&s.site, "site", "", "`column` of hospitals")
	f.StringVar(&s.subject, "subject", "", "`column` of patients, who are the unit of intervals; it is no variable")
	f.StringArrayVar(&s.groups, "group", nil, "`column` whose values are groups of patients; may be given again")
	f.StringArrayVar(&s.drop, "drop", nil, "`column` not to read, such as an identifier; may be given again")
	f.StringArrayVar(&s.keep, "keep", nil, "`column` to compare though its values look like identifiers or free text; may be given again")
	f.Uint64Var(&s.seed, "seed", 0, "`number` that decides on what is drawn")
	f.IntVar(&s.subsamples, "subsamples", -1, "`number` of subsamples behind intervals of distances; 0: none; unless given, as many as suit the metric")
	f.IntVar(&s.threads, "threads", 0, "`number` of metrics at once; 0: as many as --workers")
	f.BoolVar(&s.full, "full", false, "print every score")
	return cmd
}

// check says which flag is lacking or wrong.
func (s *scoring) check(flags *pflag.FlagSet) error {
	switch {
	case s.files.Real == "":
		return errors.New("--real is lacking: the file of real rows")
	case s.files.Synthetic == "":
		return errors.New("--synthetic is lacking: the file of synthetic rows")
	case flags.Changed("holdout") && s.files.Holdout == "":
		return errors.New("--holdout is empty; leave it out when there are no unseen real rows")
	case flags.Changed("subsamples") && s.subsamples < 0, s.subsamples > 0 && s.subsamples < 10:
		return fmt.Errorf("subsamples %d: must be 0, or a whole number ≥ 10", s.subsamples)
	case s.threads < 0:
		return fmt.Errorf("threads %d: must be a whole number ≥ 0", s.threads)
	}
	return nil
}

// said is what the flags and the file of columns say of the columns; flags come first.
func (s *scoring) said() (*score.Columns, error) {
	columns := &score.Columns{}
	if s.columns != "" {
		var err error
		if columns, err = score.ReadColumns(s.columns); err != nil {
			return nil, err
		}
	}
	for _, flag := range []struct {
		value string
		into  *string
	}{{s.label, &columns.Label}, {s.positive, &columns.Positive}, {s.site, &columns.Site}, {s.subject, &columns.Subject}} {
		if flag.value != "" {
			*flag.into = flag.value
		}
	}
	if len(s.groups) > 0 {
		columns.Group = s.groups
	}
	columns.Drop, columns.Keep = append(columns.Drop, s.drop...), append(columns.Keep, s.keep...)
	if s.events != "" {
		var err error
		if columns.Events, err = score.ParseEvents(s.events); err != nil {
			return nil, err
		}
	}
	return columns, columns.Check()
}

// score reads the files, measures and prints.
func (a *app) score(cmd *cobra.Command, s *scoring) error {
	ctx := cmd.Context()
	if s.threads == 0 {
		s.threads = a.settings.Workers
	}
	columns, err := s.said()
	if err != nil {
		return wrong(err)
	}
	metrics, err := score.Choose(a.registry, s.metrics, columns.Shape())
	if err != nil {
		return wrong(err)
	}
	pair, err := score.Open(ctx, s.files, columns, s.threads)
	if err != nil {
		return wrong(err)
	}
	opts := score.Options{Seed: s.seed, Threads: s.threads}
	if s.subsamples >= 0 {
		opts.Subsamples = &s.subsamples
	}
	progress := a.newScoreProgress(len(metrics))
	opts.Progress = progress.measured
	rated, err := pair.Rate(ctx, a.registry, metrics, opts)
	progress.end()
	if err != nil {
		return err
	}
	report := pair.Report(rated)
	if a.json {
		a.printJSON(report)
	} else {
		a.printScores(report, s.full)
	}
	for _, m := range report.Metrics {
		if m.Stack != nil {
			a.log.Debug("panic", "metric", m.Name, "stack", string(m.Stack))
		}
	}
	if n := report.Failed(); n > 0 {
		return &exit{exitIncomplete, nil}
	}
	return nil
}

// scoreProgress shows how many metrics are measured: one line on a terminal, which is gone at the end, elsewhere a line now
// and then, and none of what is short.
type scoreProgress struct {
	app  *app
	line *mpb.Progress // nil unless on a terminal
	bar  *mpb.Bar

	mu    sync.Mutex // the terminal's line is drawn by a goroutine of its own
	last  time.Time  // of the last plain line
	state string
}

func (a *app) newScoreProgress(metrics int) *scoreProgress {
	p := &scoreProgress{app: a, last: time.Now(), state: fmt.Sprintf("score: 0/%d metrics", metrics)}
	if !a.err.isTerminal() {
		return p
	}
	p.line = mpb.New(mpb.WithOutput(a.err.file), mpb.WithRefreshRate(120*time.Millisecond))
	p.bar = p.line.MustAdd(0, nil, mpb.BarFillerTrim(), mpb.PrependDecorators(decor.Any(func(decor.Statistics) string {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.state
	})))
	a.err.divert(p.line) // messages go above the line
	return p
}

// measured takes that another metric is done.
func (p *scoreProgress) measured(done, total int, metric string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = fmt.Sprintf("score: %d/%d metrics, %s is done", done, total, metric)
	if p.line == nil && time.Since(p.last) >= lineEvery && done < total {
		p.last = time.Now()
		p.app.errf("%s\n", p.state)
	}
}

// end removes the line.
func (p *scoreProgress) end() {
	if p.line == nil {
		return
	}
	p.bar.Abort(true)
	p.line.Wait()
	p.app.err.divert(nil)
}
