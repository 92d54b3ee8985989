package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/gate"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
	"github.com/ehrlab/ehrlab/runner/spelling"
)

// checkOptions are the flags of check.
type checkOptions struct {
	baseline, format, export, reason string
	outputs, accept                  []string
	level                            float64
}

func (a *app) checkCommand() *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check EXPERIMENT[@VERSION]",
		Short: "fail when a score has become worse than in an earlier version",
		Long: `check compares the scores that the checks of an experiment name with those of a baseline, and fails the build
when one has become worse, and only then. EXPERIMENT is a file, or the name of an experiment. Of a file, the
version that is checked is the newest that was made from the experiment as it now is; of a name, the newest.

  checks: holds: {score: "across.auroc", where: strategy: "copula", tolerance: absolute: 0.02}

Cells are paired with the same cells of the baseline: same seed, same test rows. With δ the mean difference in
the direction that is better, m the greater of the absolute tolerance and the relative one times the baseline, and
an interval of δ over seeds and test rows, a comparison is

  same            where all scores are equal, each with a pair, or the interval lies above -m
  better          where the interval lies above 0
  worse           where δ is below -m, and the interval below 0                     exit 4
  underpowered    else; with on_underpowered: "pass" it passes, and is still told   exit 6
  not comparable  where data, their preparation, columns, metric, language model or
                  test rows differ, or the baseline has no value                    exit 6
  incomplete      where the version lacks a cell or a value                         exit 3

A value beyond the limit of a check exits with 4, whatever the baseline is. Of several comparisons the first of
4, 3, 6, 0 counts. All intervals together have the coverage inference.level of the experiment, 95 % unless set: with
k comparisons that differ, each has 1 - (1 - level)/k (Bonferroni), so that what is said to be the same is as
sure as what is said to be worse. Every axis but seed, and every dimension of a score, gives a comparison of its
own, unless over names it.

A seed that the baseline has and the version lacks is missing. One that the baseline lacks is left out, and told:
equal scores of the others are then the same only where they are six at least (at a coverage of 95 %).

The baseline is the version that was last accepted for the check. Without one it is the newest complete version
that is committed to git, where results are, and that passes the check against the one before it, the checked
version aside; where none is committed, nothing passes until one is accepted. --baseline names another: a version, a
tag, the folder of a version, or a file that --export wrote, which holds what checks need and is small enough
to be committed where results are not.

--accept NAME, or all, makes the version the baseline, with a --reason. index.json keeps it, and the verdicts in
spite of which it was accepted; the checks that are not named decide on the exit code as ever, and so does a limit,
which no baseline moves. --export does the same with a file; with --baseline, which names another version to compare
with, all verdicts decide. Equal versions make no new one, so that a run that changes nothing is compared with itself
once its version was accepted.

Output goes to standard output in the --format: text, markdown for a comment on a pull request, junit, sarif,
github for annotations of a workflow, or json. --output writes files besides, as many as are named, each in the
format that its ending tells (.txt, .md, .xml, .sarif, .json) or FORMAT=FILE says.`,
		Example: `  ehrlab check experiments/quickstart.cue
  ehrlab check --baseline v3 quickstart@v4
  ehrlab check --format github --output check.md --output check.sarif experiments/quickstart.cue
  ehrlab check --accept all --reason "new split of the data" quickstart
  ehrlab check --export baseline.json --reason "first release" quickstart`,
		Args: arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("baseline") && o.baseline == "" { // such as a variable of a workflow that is not set
				return wrong(errors.New("--baseline is empty: name a version, tag, folder or file, or leave it out"))
			}
			return a.check(args[0], o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.baseline, "baseline", "", "`version`, tag, folder or file to compare with")
	f.StringVar(&o.format, "format", "", "`format` of standard output: "+strings.Join(checkFormats, ", "))
	f.StringArrayVar(&o.outputs, "output", nil, "[FORMAT=]`FILE` to write, too; may be given several times")
	f.StringSliceVar(&o.accept, "accept", nil, "`name` of a check, or all, that the version becomes the baseline of")
	f.StringVar(&o.reason, "reason", "", "`why` the baseline moves, in two words or more")
	f.StringVar(&o.export, "export", "", "`file` to write what checks need of the version to, as a baseline")
	f.Float64Var(&o.level, "level", 0, "`coverage` of all intervals together, such as 0.95, in place of the experiment's")
	return cmd
}

// target is what a check looks at.
type target struct {
	name       string           // of the experiment
	experiment *spec.Experiment // nil where it was named, not given as a file
	version    *record.Version  // that is checked
	checks     []spec.Check
	level      float64
	listed     []record.Entry
}

func (a *app) check(arg string, o checkOptions) error {
	files, err := o.validate(a.json)
	if err != nil {
		return wrong(err)
	}
	t, err := a.checkTarget(arg)
	if err != nil {
		return err
	}
	accepted, err := t.accepts(o.accept)
	if err != nil {
		return wrong(err)
	}
	opt := gate.Options{Level: cmp.Or(o.level, t.level)}
	base, err := a.baselines(t, o.baseline, opt)
	if err != nil {
		return err
	}
	checked := &gate.Version{Name: t.version.Name, Core: t.version.Core}
	r, err := gate.Run(t.checks, checked, base, opt)
	if err != nil {
		return wrong(err)
	}
	r.Time = time.Now().UTC()
	moved, problem := a.move(t, r, accepted, o) // first, so that the report tells of it
	if err := a.printCheck(r, o.format, files); err != nil {
		problem = errors.Join(problem, err)
	}
	for _, line := range moved {
		a.errf("%s\n", line)
	}
	if problem != nil {
		return problem
	}
	if code := r.Code(); code != gate.CodePass {
		return &exit{code, nil}
	}
	return nil
}

// validate checks the flags against each other, and says which files are to be written.
func (o *checkOptions) validate(asJSON bool) ([]checkFile, error) {
	if asJSON && o.format != "" && o.format != "json" {
		return nil, fmt.Errorf("--json and --format %s exclude each other", o.format)
	}
	if asJSON {
		o.format = "json"
	}
	o.format = cmp.Or(o.format, "text")
	if !slices.Contains(checkFormats, o.format) {
		return nil, fmt.Errorf("no format %q%s", o.format, spelling.Hint(o.format, "there are", checkFormats))
	}
	if o.level != 0 && !(o.level > 0.5 && o.level < 1) {
		return nil, fmt.Errorf("--level %v: must lie between 0.5 and 1", o.level)
	}
	moves := len(o.accept) > 0 || o.export != ""
	switch {
	case moves && o.reason == "":
		return nil, errors.New(`a baseline moves for a reason: add --reason "…"`)
	case !moves && o.reason != "":
		return nil, errors.New("--reason belongs to --accept or --export")
	case moves:
		if err := record.CheckReason(o.reason); err != nil {
			return nil, fmt.Errorf("--reason: %w", err)
		}
	}
	var files []checkFile
	for _, arg := range o.outputs {
		f, err := outputFile(arg)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// accepts returns the names of the checks that are to be accepted.
func (t *target) accepts(names []string) ([]string, error) {
	var known, out []string
	for i := range t.checks {
		known = append(known, t.checks[i].Name)
	}
	for _, name := range names {
		switch {
		case slices.Contains(known, name):
			out = append(out, name)
		case name == "all":
			out = append(out, known...)
		default:
			return nil, fmt.Errorf("%s has no check %q%s", t.name, name, spelling.Hint(name, "it has", append(known, "all")))
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// checkTarget finds the version that an argument names, and its checks: those of the file, or those that the version was recorded with.
func (a *app) checkTarget(arg string) (*target, error) {
	name, version, e, err := a.named(arg)
	if err != nil {
		return nil, err
	}
	t := &target{name: name, experiment: e}
	if t.listed, _, err = record.List(a.settings.Results, name); err != nil {
		return nil, err
	}
	if len(t.listed) == 0 {
		_, err := a.open(name, version)
		return nil, err
	}
	if version == "" {
		if version, err = a.current(t); err != nil {
			return nil, err
		}
	}
	if t.version, err = a.open(name, version); err != nil {
		return nil, err
	}
	t.checks, t.level = t.version.Views.Checks, t.version.Views.Inference.Coverage()
	for i := range t.checks { // a report of a build shows each finding at a place
		t.checks[i].File, t.checks[i].Line, t.checks[i].Column = t.version.ViewsFile(), 1, 1
	}
	if e != nil {
		t.checks, t.level = e.Checks, e.Inference.Coverage()
	}
	t.checks = record.Decided(t.checks, t.version.Core.Manifest.Choices)
	if len(t.checks) == 0 {
		return nil, wrong(fmt.Errorf("%s declares no check, so there is nothing that could pass; declare one in the experiment, such as\n  checks: holds: {score: %q, tolerance: absolute: 0.02}", name, exampleScore(t.version.Core)))
	}
	return t, nil
}

// exampleScore is a score that a check could be of.
func exampleScore(core *record.Core) string {
	for _, s := range core.Manifest.Scores {
		if s.Better != plugins.Neutral && s.Metric != plugins.GenerationMetric && s.Metric != plugins.JudgingMetric {
			return s.Metric + "." + s.Name
		}
	}
	return "METRIC.SCORE"
}

// current is the version that a check is of where none is named: the newest; of a file, the newest that was made from the experiment as it
// is, by plugins of the versions that there are now. An older one would let a change pass that was never run.
func (a *app) current(t *target) (string, error) {
	if t.experiment == nil {
		return t.listed[len(t.listed)-1].Name(), nil
	}
	_, hash := t.experiment.Resolved()
	other := ""
	for _, entry := range slices.Backward(t.listed) {
		if entry.Resolved != hash {
			continue
		}
		v, err := a.open(t.name, entry.Name())
		if err != nil {
			return "", err
		}
		if other = a.outdated(&v.Core.Manifest); other == "" {
			if other, err = a.otherData(t.experiment, &v.Core.Manifest); err != nil {
				return "", err
			}
		}
		if other == "" {
			return entry.Name(), nil
		}
		other = fmt.Sprintf(" (%s was, but %s)", entry.Name(), other)
	}
	for i := range t.experiment.Datasets {
		if d := &t.experiment.Datasets[i]; other == "" && t.experiment.Headers[d.Name] == nil {
			other = fmt.Sprintf(" (which cannot be told without data set %s, and it is not here)", d.Name)
		}
	}
	return "", &exit{exitIncomplete, fmt.Errorf("no version was made from %s as it now is%s: run it first, or name a version, such as %s@%s",
		t.name, other, t.name, t.listed[len(t.listed)-1].Name())}
}

// otherData says which file of a data set or a metric of a version holds something else now; "" where none does, or the files are not here.
func (a *app) otherData(e *spec.Experiment, m *record.Manifest) (string, error) {
	datasets, err := a.planned(e)
	if err != nil {
		return "", err
	}
	store, err := a.openCache(cache.Options{ReadOnly: true})
	if err != nil {
		return "", err
	}
	defer store.Close()
	changed := func(whose string, files []plugins.File, recorded func(role string) string) (string, error) {
		for _, f := range files {
			hash, _, err := store.HashFile(f.Path)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", err
			}
			if was := recorded(f.Role); err == nil && was != "" && was != string(hash) {
				return fmt.Sprintf("its data are not those of now: %s of %s has changed", f.Role, whose), nil
			}
		}
		return "", nil
	}
	for _, d := range datasets {
		files, err := a.filesOf(d)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", wrong(fmt.Errorf("data set %s: %w", d.Name, err))
		}
		other, err := changed("data set "+d.Name, files, func(role string) string { return recordedFile(m, d.Name, role) })
		if other != "" || err != nil {
			return other, err
		}
	}
	for i := range e.Metrics {
		x := &e.Metrics[i]
		built, _, err := a.registry.Metrics.Get(x.Use.Use).Build(x.With)
		filed, ok := built.(plugins.Filed)
		if err != nil || !ok {
			continue // what is wrong with it, vet has said
		}
		files, err := filed.Files()
		if err != nil {
			return "", wrong(fmt.Errorf("metric %s: %w", x.Name, err))
		}
		other, err := changed("metric "+x.Name, files, func(role string) string { return recordedMetricFile(m, x.Name, role) })
		if other != "" || err != nil {
			return other, err
		}
	}
	return "", nil
}

func recordedMetricFile(m *record.Manifest, metric, role string) string {
	for i := range m.MetricFiles {
		for _, f := range m.MetricFiles[i].Files {
			if m.MetricFiles[i].Metric == metric && f.Role == role {
				return f.SHA256
			}
		}
	}
	return ""
}

// recordedFile is the hash of a data file as a manifest has it, "" where it has none.
func recordedFile(m *record.Manifest, dataset, role string) string {
	for i := range m.Data {
		for _, f := range m.Data[i].Files {
			if m.Data[i].Name == dataset && f.Role == role {
				return f.SHA256
			}
		}
	}
	return ""
}

// outdated says which plugin of a version is another one now; "" where none is.
func (a *app) outdated(m *record.Manifest) string {
	for _, p := range m.Plugins {
		if now := a.pluginVersion(p.Stage, p.Name); now != 0 && now != p.Version {
			return fmt.Sprintf("by version %d of %s, which now is version %d", p.Version, p.Name, now)
		}
	}
	return ""
}

// pluginVersion is the version of a plugin that this build has; 0 for a step that is none.
func (a *app) pluginVersion(stage, name string) int {
	switch stage {
	case "dataset":
		if e := a.registry.Datasets.Get(name); e != nil {
			return e.Info.Version
		}
	case "features":
		if e := a.registry.Features.Get(name); e != nil {
			return e.Info.Version
		}
	case "generate":
		if e := a.registry.Strategies.Get(name); e != nil {
			return e.Info.Version
		}
	case "measure":
		if e := a.registry.Metrics.Get(name); e != nil {
			return e.Info.Version
		}
	}
	return 0
}

// move makes the version the baseline of checks, or writes it to a file as one, where it has all that they compare, and says what was done.
func (a *app) move(t *target, r *gate.Report, accepted []string, o checkOptions) (done []string, err error) {
	if len(accepted) == 0 && o.export == "" {
		return nil, nil
	}
	v := t.version
	if !v.Core.Manifest.Complete {
		return nil, &exit{exitIncomplete, fmt.Errorf("%s %s is incomplete, and so can be no baseline: run the experiment until nothing fails", t.name, v.Name)}
	}
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		if c.Lacks && (o.export != "" || slices.Contains(accepted, c.Check.Name)) {
			return nil, &exit{exitIncomplete, fmt.Errorf("%s %s has not all values of %s, and so can be no baseline", t.name, v.Name, c.Title())}
		}
	}
	if o.export != "" {
		all, _ := t.accepts([]string{"all"})
		raw, err := gate.Encode(&gate.Version{Name: v.Name, Core: v.Core}, t.checks, o.reason, r.Despite(all), r.Time)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(o.export, raw, 0o666); err != nil {
			return nil, err
		}
		line := fmt.Sprintf("%s: what checks need of %s %s", o.export, t.name, v.Name)
		if o.baseline == "" { // the baseline of all checks; who names another to compare with wants its verdict
			line = r.Accept(all, line)
		}
		done = append(done, line)
	}
	if len(accepted) == 0 {
		return done, nil
	}
	acceptance := record.Acceptance{Version: v.Core.Manifest.Version, Checks: accepted, Reason: o.reason, Despite: r.Despite(accepted), Time: r.Time}
	if err := record.Accept(a.settings.Results, t.name, acceptance); err != nil {
		return done, err
	}
	return append(done, r.Accept(accepted, fmt.Sprintf("%s %s is the baseline of %s from now on: %s", t.name, v.Name, strings.Join(accepted, ", "), o.reason))), nil
}

// checkFormats are the forms that a report can have.
var checkFormats = []string{"text", "markdown", "junit", "sarif", "github", "json"}

// checkFile is a file that a report is written to.
type checkFile struct{ format, path string }

// outputFile reads [FORMAT=]FILE.
func outputFile(arg string) (checkFile, error) {
	if format, path, named := strings.Cut(arg, "="); named && slices.Contains(checkFormats, format) && path != "" {
		return checkFile{format, path}, nil
	}
	endings := map[string]string{".txt": "text", ".md": "markdown", ".xml": "junit", ".sarif": "sarif", ".json": "json"}
	format, known := endings[strings.ToLower(filepath.Ext(arg))]
	if !known {
		return checkFile{}, fmt.Errorf("--output %s: its ending tells no format; write FORMAT=FILE with one of %s", arg, strings.Join(checkFormats, ", "))
	}
	return checkFile{format, arg}, nil
}

// printCheck writes the report to standard output and to files.
func (a *app) printCheck(r *gate.Report, format string, files []checkFile) error {
	const readable = 100 // columns, however wide the terminal is
	text, err := checkText(r, format, min(a.out.width(), readable))
	if err != nil {
		return err
	}
	a.printf("%s", text)
	for _, f := range files {
		text, err := checkText(r, f.format, readable)
		if err != nil {
			return err
		}
		if err := os.WriteFile(f.path, []byte(text), 0o666); err != nil {
			return err
		}
	}
	return nil
}

func checkText(r *gate.Report, format string, width int) (string, error) {
	var raw []byte
	var err error
	switch format {
	case "markdown":
		return r.Markdown(), nil
	case "github":
		return r.GitHub(), nil
	case "junit":
		raw, err = r.JUnit()
	case "sarif":
		raw, err = r.SARIF(tool().Version)
	case "json":
		raw, err = json.Marshal(r.Document())
		raw = append(raw, '\n')
	default:
		return r.Text(width), nil
	}
	return string(raw), err
}
