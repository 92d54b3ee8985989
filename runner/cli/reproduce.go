package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/bundle"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/diff"
	"github.com/ehrlab/ehrlab/runner/engine"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/responses"
	"github.com/ehrlab/ehrlab/runner/spec"
	"github.com/ehrlab/ehrlab/runner/spelling"
)

// The exit codes of what is compared, as those of a check.
const (
	exitDiffers       = 4
	exitNotComparable = 6
)

func (a *app) reproduceCommand() *cobra.Command {
	o := reproduceOptions{}
	cmd := &cobra.Command{
		Use:   "reproduce BUNDLE",
		Short: "make the version of a bundle again and say which cells are equal",
		Long: `reproduce unpacks a bundle into a new folder, checks every file, runs its experiment there, in a cache of its own, and compares
each cell with the recorded one: equal to the last bit, within tolerance, different or missing, and why. Answers of
language models come from the bundle: nothing is sent. Data are not in a bundle: --data says where they are, by the name of
a variable of the bundle, or of the data set where it has one path; variables of the environment hold too. Whether the
data are the same is told by their hashes.

On a machine of the same numeric class, and with the same release of Go, equal inputs give equal bytes, and nothing is
tolerated. On another, each score may be off by what its metric states, as 'ehrlab plugins NAME' shows: scores that rest on
trees by more than sums do. --tolerance counts in the place of both.

Exit codes: 0 all cells are equal or within tolerance, 2 the bundle or the command line is wrong, 3 cells are missing,
4 cells differ though nothing that went in does, 6 cells differ and so does what went in.`,
		Example: `  ehrlab bundle quickstart@v1 quickstart.zip
  ehrlab reproduce quickstart.zip`,
		Args: arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.own = cmd.Flags().Changed("tolerance")
			return a.reproduce(cmd.Context(), args[0], o)
		},
	}
	cmd.Flags().StringVar(&o.into, "into", "", "`folder` to unpack and run in; it must not exist or be empty")
	cmd.Flags().StringArrayVar(&o.data, "data", nil, "`NAME=PATH` of data; may be given several times")
	cmd.Flags().Float64Var(&o.tolerance, "tolerance", 0, "`size` of differences that pass on any machine, relative to the scale of a score, instead of what metrics state")
	cmd.Flags().BoolVar(&o.all, "all", false, "show every cell that is not equal")
	return cmd
}

type reproduceOptions struct {
	into      string
	data      []string
	tolerance float64
	own       bool // tolerance was given
	all       bool
}

func (a *app) reproduce(ctx context.Context, file string, o reproduceOptions) error {
	started := time.Now()
	if !(o.tolerance >= 0 && o.tolerance < 1) {
		return wrong(fmt.Errorf("--tolerance %v: must be at least 0 and less than 1", o.tolerance))
	}
	folder := o.into
	if folder == "" {
		folder = strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)) + "-reproduced"
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	ix, err := bundle.Unpack(file, folder)
	if err != nil {
		return wrong(err)
	}
	recorded, e, err := a.unpacked(folder, ix, o.data)
	if err != nil { // nothing was done yet, and the next try wants the folder
		return errors.Join(err, bundle.Discard(folder))
	}
	a.settings.Results, a.settings.Cache = filepath.Join(folder, "results"), filepath.Join(folder, "cache")
	var again *record.Version
	err = a.withPlanOf(e, cache.Options{}, func(p *plan.Plan, c *cache.Cache) error {
		a.tellOtherFiles(ix, p)
		m, err := a.openReplay(e, folder)
		if err != nil {
			return err
		}
		again, err = a.rerun(ctx, p, c, m, started)
		if m != nil {
			err = errors.Join(err, m.close())
		}
		return err
	})
	if err != nil {
		return err
	}
	return a.printAgain(recorded, again, folder, o)
}

// unpacked opens what was unpacked: the recorded version, and the experiment with the data that it is to read.
func (a *app) unpacked(folder string, ix *bundle.Index, data []string) (*record.Version, *spec.Experiment, error) {
	recorded, err := recordedVersion(folder, ix)
	if err != nil {
		return nil, nil, wrong(err)
	}
	env, err := variables(ix, data)
	if err != nil {
		return nil, nil, wrong(err)
	}
	e, err := a.loadWith(filepath.Join(folder, filepath.FromSlash(ix.Entry)), spec.Options{Data: spec.Require, Env: env})
	return recorded, e, err
}

// tellOtherFiles says before the run, which may be long, which files are not those that the version was made from.
func (a *app) tellOtherFiles(ix *bundle.Index, p *plan.Plan) {
	told := map[string]bool{}
	compare := func(of string, recorded []record.FileInfo, files []plan.File) {
		for _, f := range files {
			same := func(r record.FileInfo) bool { return r.Role == f.Role && r.SHA256 == string(f.Hash) }
			if name := of + ": " + f.Role; !told[name] && !slices.ContainsFunc(recorded, same) {
				told[name] = true
				a.errf("%s is not the recorded file: its content is another\n", name)
			}
		}
	}
	for _, c := range p.AllChains() {
		i := slices.IndexFunc(ix.Lock.Data, func(d bundle.LockedData) bool { return d.Name == c.Dataset.Name })
		if i >= 0 {
			compare("data set "+c.Dataset.Name, ix.Lock.Data[i].Files, c.Files)
		}
	}
	for _, c := range p.Cells {
		for _, m := range c.Measures {
			i := slices.IndexFunc(ix.Lock.MetricFiles, func(f record.MetricFiles) bool { return f.Metric == m.Metric.Name })
			if i >= 0 {
				compare("metric "+m.Metric.Name, ix.Lock.MetricFiles[i].Files, m.Files)
			}
		}
	}
}

// recordedVersion opens the version of an unpacked bundle, and checks that it is the one that the bundle is of.
func recordedVersion(folder string, ix *bundle.Index) (*record.Version, error) {
	v, err := record.OpenDir(filepath.Join(folder, bundle.VersionFolder))
	if err != nil {
		return nil, err
	}
	m := &v.Core.Manifest
	if m.Experiment != ix.Experiment || m.Version != ix.Version || m.ResolvedHash != ix.ResolvedHash {
		return nil, fmt.Errorf("its version is %s %s, and not the %s v%d that it is said to hold", m.Experiment, v.Name, ix.Experiment, ix.Version)
	}
	return v, nil
}

// variables are those of the environment, and those that --data sets; it reports those that are missing.
func variables(ix *bundle.Index, data []string) (func(string) (string, bool), error) {
	set := map[string]string{}
	for _, arg := range data {
		name, path, ok := strings.Cut(arg, "=")
		if !ok || path == "" {
			return nil, fmt.Errorf("--data %s: want NAME=PATH", arg)
		}
		variable, err := variableOf(ix, name)
		if err != nil {
			return nil, err
		}
		if set[variable], err = filepath.Abs(path); err != nil {
			return nil, err
		}
	}
	env := func(name string) (string, bool) {
		if path, ok := set[name]; ok {
			return path, true
		}
		return os.LookupEnv(name)
	}
	var missing []string
	for _, v := range ix.Variables {
		if value, ok := env(v.Name); !ok || value == "" {
			missing = append(missing, fmt.Sprintf("--data %s=PATH, for %s", v.Name, strings.Join(v.Fields, ", ")))
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("the data are not in the bundle; say where they are:\n  %s", strings.Join(missing, "\n  "))
	}
	return env, nil
}

// variableOf is the variable that a name means: its own, or the only one of a data set.
func variableOf(ix *bundle.Index, name string) (string, error) {
	var names, of []string
	for _, v := range ix.Variables {
		if v.Name == name {
			return name, nil
		}
		names = append(names, v.Name)
		for _, field := range v.Fields {
			if strings.HasPrefix(field, "datasets."+name+".") && !slices.Contains(of, v.Name) {
				of = append(of, v.Name)
			}
		}
	}
	switch len(of) {
	case 0:
		return "", fmt.Errorf("--data %s: the bundle has no such variable or data set%s", name, spelling.Hint(name, "it has", names))
	case 1:
		return of[0], nil
	}
	return "", fmt.Errorf("--data %s: the data set has several paths; name one of %s", name, strings.Join(of, ", "))
}

// openReplay opens the models of an experiment with the answers of the bundle; where it has none, every answer is missing and nothing is
// sent.
func (a *app) openReplay(e *spec.Experiment, folder string) (*models, error) {
	if len(e.LLMs) == 0 {
		return nil, nil
	}
	recording := filepath.Join(folder, bundle.RecordingFile)
	if _, err := os.Stat(recording); err != nil {
		if err := emptyRecording(recording, filepath.Join(folder, "cache", "none")); err != nil {
			return nil, err
		}
	}
	return a.openModels(e, recording, true)
}

// emptyRecording writes a recording without answers.
func emptyRecording(path, scratch string) error {
	store, err := responses.Open(scratch, responses.Options{})
	if err != nil {
		return err
	}
	_, err = replaceFile(path, func(w io.Writer) error {
		_, err := store.Export(w, nil, nil)
		return err
	})
	return errors.Join(err, store.Close(), os.RemoveAll(scratch))
}

// rerun runs a plan and records what comes out, without printing it.
func (a *app) rerun(ctx context.Context, p *plan.Plan, c *cache.Cache, m *models, started time.Time) (*record.Version, error) {
	a.graceful.Store(true)
	opt := a.askingOptions(m)
	progress := a.newProgress(p)
	defer progress.end()
	if !a.json { // the events of the run are not what is asked for
		opt.Listen = progress.event
	}
	res, err := engine.Run(ctx, p, c, opt)
	progress.end()
	var mistake *plan.MistakeError
	if errors.As(err, &mistake) {
		return nil, wrong(mistake)
	}
	if err != nil {
		return nil, err
	}
	views := viewsOf(p.Experiment, nil)
	end := runEnd{}
	if err := a.record(ctx, p, c, res, opt, started, views, &end); err != nil {
		return nil, err
	}
	if end.Version == "" {
		a.printFailures(p, res)
		return nil, &exit{exitIncomplete, fmt.Errorf("%s: no cell has a result, so there is nothing to compare", p.Experiment.Name)}
	}
	return record.OpenDir(end.Results)
}

// stated is the tolerance of a score of a metric plugin.
func (a *app) stated(plugin, score string) (plugins.Tolerance, bool) {
	entry := a.registry.Metrics.Get(plugin)
	if entry == nil {
		return plugins.Tolerance{}, false
	}
	i := slices.IndexFunc(entry.Info.Scores, func(s plugins.ScoreInfo) bool { return s.Name == score })
	if i < 0 {
		return plugins.Tolerance{}, false
	}
	return entry.Info.Scores[i].Agreement(), true
}

// printAgain prints how the version that was made again compares with the recorded one.
func (a *app) printAgain(recorded, again *record.Version, folder string, o reproduceOptions) error {
	may := diff.Tolerances{Stated: a.stated}
	if o.own {
		may.Size = &o.tolerance
	}
	r, err := diff.Reproduced(recorded, again, may)
	if err != nil {
		return err
	}
	verdict := r.Verdict()
	if a.json {
		a.printJSON(struct {
			Verdict diff.Verdict `json:"verdict"`
			Folder  string       `json:"folder"`
			Equal   int          `json:"equal"` // cells
			Within  int          `json:"within"`
			Differ  int          `json:"differ"`
			Missing int          `json:"missing"`
			*diff.Again
		}{verdict, folder, r.Count[0], r.Count[1], r.Count[2], r.Count[3], r})
	} else {
		a.printf("%s", r.Text(o.all))
		a.printf("made in %s\n", folder)
	}
	switch verdict {
	case diff.NotRepeated:
		return &exit{exitDiffers, nil}
	case diff.Incomplete:
		return &exit{exitIncomplete, nil}
	case diff.NotComparable:
		return &exit{exitNotComparable, nil}
	}
	return nil
}
