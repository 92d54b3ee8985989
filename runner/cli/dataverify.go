package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// exitOtherData says that data files are not those of a version: results from them are not comparable.
const exitOtherData = 6

func (a *app) dataVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify EXPERIMENT[@VERSION]",
		Short: "compare the data files of an experiment with those a version was made from",
		Long: `verify reads the data files of an experiment, and those that its metrics read, such as ratings, and compares their
content with what the manifest of a version says: the version named, or else the newest that is complete. EXPERIMENT is its
file or folder, which says where the data lie. Exit code 6 says that a file is not as it was: results from it are not
comparable.

The content of a gzip file is what it decompresses to: a table is the same whether it is compressed or not, and its
SHA-256 is what 'gzip -dc FILE | sha256sum' prints. Of damaged gzip data it is that of the file as it is.`,
		Example: `  ehrlab data verify experiments/quickstart.cue
  ehrlab data verify --json experiments/quickstart.cue@v1`,
		Args: arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := a.verifyData(args[0])
			if err != nil {
				return err
			}
			if a.json {
				a.printJSON(r)
			} else {
				a.printVerified(r)
			}
			if !r.Same {
				return &exit{exitOtherData, nil}
			}
			return nil
		},
	}
}

// What became of a data file since a version was made.
const (
	fileSame       = "same"
	fileChanged    = "changed"
	fileMissing    = "missing"
	fileUnrecorded = "not in the manifest"
	fileUnread     = "no longer read"
)

// verified is what data verify --json prints.
type verified struct {
	Experiment string         `json:"experiment"`
	Version    string         `json:"version"`
	Same       bool           `json:"same"` // every file is as it was
	Files      []verifiedFile `json:"files"`
	Made       []string       `json:"made,omitempty"` // data sets that are made and not read
}

type verifiedFile struct {
	Dataset string `json:"dataset,omitempty"`
	Metric  string `json:"metric,omitempty"` // that reads it, in the place of a data set
	Role    string `json:"role"`
	Status  string `json:"status"`
	Path    string `json:"path,omitempty"`   // as the experiment has it
	SHA256  string `json:"sha256,omitempty"` // of its content now; of a gzip file, of what it decompresses to
	Was     string `json:"was,omitempty"`    // as the manifest has it
}

// verifyData compares the files of an experiment with a version.
func (a *app) verifyData(arg string) (*verified, error) {
	path, version := a.fileOf(arg)
	if _, err := os.Stat(path); err != nil {
		if versions, _, err := record.List(a.settings.Results, path); err == nil && len(versions) > 0 {
			return nil, wrong(fmt.Errorf("%q is the name of an experiment; give its file, which says where the data lie", path))
		}
		return nil, noFile(path)
	}
	e, datasets, metrics, err := a.readersOf(path)
	if err != nil {
		return nil, err
	}
	v, err := record.Open(a.settings.Results, e.Name, version)
	switch {
	case errors.Is(err, record.ErrUnknown):
		return nil, wrong(err)
	case errors.Is(err, record.ErrNone):
		return nil, wrong(fmt.Errorf("%w; 'ehrlab run' makes one", err))
	case err != nil:
		return nil, err
	}
	r := &verified{Experiment: e.Name, Version: v.Name, Same: true, Files: []verifiedFile{}}
	if datasets == nil { // those that they read then
		for i := range e.Datasets {
			if slices.ContainsFunc(v.Core.Manifest.Data, func(d record.DataInfo) bool { return d.Name == e.Datasets[i].Name }) {
				datasets = append(datasets, &e.Datasets[i])
			}
		}
	}
	store, err := cache.Open(a.settings.Cache, cache.Options{ReadOnly: true, Rehash: true, Log: a.log})
	if err != nil {
		return nil, err
	}
	defer store.Close()
	w := &verifier{app: a, store: store, out: r}
	for _, d := range datasets {
		if err := w.dataset(d, v.Core.Manifest.Data); err != nil {
			return nil, err
		}
	}
	for i := range e.Metrics {
		m := &e.Metrics[i]
		recorded := slices.ContainsFunc(v.Core.Manifest.MetricFiles, func(f record.MetricFiles) bool { return f.Metric == m.Name })
		if recorded || slices.Contains(metrics, m.Name) {
			if err := w.metric(m, v.Core.Manifest.MetricFiles); err != nil {
				return nil, err
			}
		}
	}
	for _, d := range v.Core.Manifest.Data {
		r.unread(verifiedFile{Dataset: d.Name}, d.Files)
	}
	for _, m := range v.Core.Manifest.MetricFiles {
		r.unread(verifiedFile{Metric: m.Metric}, m.Files)
	}
	return r, nil
}

// unread adds the recorded files of a reader that are not among those that it reads now.
func (r *verified) unread(of verifiedFile, recorded []record.FileInfo) {
	for _, f := range recorded {
		read := func(x verifiedFile) bool { return x.Dataset == of.Dataset && x.Metric == of.Metric && x.Role == f.Role }
		if !slices.ContainsFunc(r.Files, read) {
			of.Role, of.Status, of.Was = f.Role, fileUnread, f.SHA256
			r.add(of)
		}
	}
}

func (r *verified) add(f verifiedFile) {
	r.Files = append(r.Files, f)
	r.Same = r.Same && f.Status == fileSame
}

// fileOf parts an experiment's file from the version behind it.
func (a *app) fileOf(arg string) (path, version string) {
	if _, err := os.Stat(arg); err != nil {
		if i := strings.LastIndexByte(arg, '@'); i >= 0 {
			return arg[:i], arg[i+1:]
		}
	}
	return arg, ""
}

// readersOf loads an experiment and lists the data sets that its cells read, and the metrics that they measure; nil where a folder lacks
// one of its tables, so that there is no plan.
func (a *app) readersOf(path string) (*spec.Experiment, []*spec.Dataset, []string, error) {
	e, err := a.loadExperiment(path, spec.IfPresent)
	if err == nil {
		var datasets []*spec.Dataset
		var metrics []string
		if datasets, metrics, err = a.readers(e); err == nil {
			return e, datasets, metrics, nil
		}
	}
	e, failed := a.loadWith(path, spec.Options{Data: spec.IfPresent, NoHeaders: true})
	if failed != nil {
		return nil, nil, nil, err
	}
	for i := range e.Datasets {
		if _, failed := a.filesOf(&e.Datasets[i]); errors.Is(failed, fs.ErrNotExist) {
			return e, nil, nil, nil
		}
	}
	return nil, nil, nil, err
}

// planned lists the data sets that cells read.
func (a *app) planned(e *spec.Experiment) ([]*spec.Dataset, error) {
	datasets, _, err := a.readers(e)
	return datasets, err
}

// readers lists the data sets that cells read, each as the first cell reads it, as a manifest has one entry for each; and the metrics
// that they measure.
func (a *app) readers(e *spec.Experiment) (datasets []*spec.Dataset, metrics []string, err error) {
	var suppose spec.Chosen // cells that wait for searches read and measure the same whatever these choose
	if worlds := e.Worlds(); len(worlds) > 0 {
		suppose = worlds[0]
	}
	p, err := plan.New(e, plan.Inputs{
		Registry: a.registry, Suppose: suppose,
		Hash: func(string) (cache.Hash, int64, error) { return "", 0, fs.ErrNotExist }, // files are read below
	})
	if err != nil {
		return nil, nil, wrong(err)
	}
	for _, c := range p.AllChains() {
		if !slices.ContainsFunc(datasets, func(seen *spec.Dataset) bool { return seen.Name == c.Dataset.Name }) {
			datasets = append(datasets, c.Dataset)
		}
	}
	for _, c := range p.Cells {
		for _, m := range c.Measures {
			if !slices.Contains(metrics, m.Metric.Name) {
				metrics = append(metrics, m.Metric.Name)
			}
		}
	}
	return datasets, metrics, nil
}

// verifier compares files with a manifest.
type verifier struct {
	*app
	store *cache.Cache
	out   *verified
}

// dataset compares the files of a data set.
func (w *verifier) dataset(d *spec.Dataset, recorded []record.DataInfo) error {
	files, err := w.filesOf(d)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // files that are not there are listed with the others
		return wrong(fmt.Errorf("data set %s: %w", d.Name, err))
	}
	if len(files) == 0 {
		w.out.Made = append(w.out.Made, d.Name)
	}
	var was []record.FileInfo
	for _, known := range recorded {
		if known.Name == d.Name {
			was = append(was, known.Files...)
		}
	}
	return w.files(verifiedFile{Dataset: d.Name}, files, was)
}

// metric compares the files that a metric reads besides the rows.
func (w *verifier) metric(m *spec.Metric, recorded []record.MetricFiles) error {
	built, _, err := w.registry.Metrics.Get(m.Use.Use).Build(m.With)
	if err != nil {
		return wrong(fmt.Errorf("metric %s: %w", m.Name, err))
	}
	filed, ok := built.(plugins.Filed)
	if !ok {
		return nil
	}
	files, err := filed.Files()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return wrong(fmt.Errorf("metric %s: %w", m.Name, err))
	}
	var was []record.FileInfo
	for _, known := range recorded {
		if known.Metric == m.Name {
			was = append(was, known.Files...)
		}
	}
	return w.files(verifiedFile{Metric: m.Name}, files, was)
}

// files compares the files of one reader with those that it had.
func (w *verifier) files(of verifiedFile, files []plugins.File, recorded []record.FileInfo) error {
	was := map[string]string{}
	for _, f := range recorded {
		was[f.Role] = f.SHA256
	}
	for _, f := range files {
		line := of
		line.Role, line.Path, line.Was = f.Role, shownPath(f.Path), was[f.Role]
		hash, _, err := w.store.HashFile(f.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			line.Status = fileMissing
		case err != nil:
			return err
		case line.Was == "":
			line.Status = fileUnrecorded
		case string(hash) == line.Was:
			line.Status = fileSame
		default:
			line.Status = fileChanged
		}
		line.SHA256 = string(hash)
		w.out.add(line)
	}
	return nil
}

func (a *app) filesOf(d *spec.Dataset) ([]plugins.File, error) {
	built, _, err := a.registry.Datasets.Get(d.Use.Use).Build(d.With)
	if err != nil {
		return nil, err
	}
	return built.Files()
}

// shownPath is a path from the working folder, where that is shorter.
func shownPath(path string) string {
	if dir, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(dir, path); err == nil && len(rel) < len(path) {
			return rel
		}
	}
	return path
}

func (a *app) printVerified(r *verified) {
	for _, f := range r.Files {
		of := f.Dataset
		if f.Metric != "" {
			of = "metric " + f.Metric
		}
		a.printf("  %-19s  %s\n", f.Status, strings.TrimRight(fmt.Sprintf("%s %s  %s", of, f.Role, f.Path), " "))
	}
	for _, name := range r.Made {
		a.printf("  %-19s  %s has no data files: it is made, not read\n", "same", name)
	}
	if r.Same {
		a.printf("%s %s: all data files are as they were\n", r.Experiment, r.Version)
		return
	}
	differ := 0
	for _, f := range r.Files {
		if f.Status != fileSame {
			differ++
		}
	}
	a.printf("%s %s: the data are not those of this version (files that differ: %d of %d), so results from them are not comparable\n",
		r.Experiment, r.Version, differ, len(r.Files))
}
