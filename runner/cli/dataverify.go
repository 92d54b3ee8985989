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
		Long: `verify reads the data files of an experiment and compares their content with what the manifest of a version
says: the version named, or else the newest that is complete. EXPERIMENT is its file or folder, which says where
the data lie. Exit code 6 says that a file is not as it was: results from it are not comparable.

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
	Dataset string `json:"dataset"`
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
		return nil, wrong(fmt.Errorf("no file or folder %q", path))
	}
	e, datasets, err := a.datasetsOf(path)
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
	for _, d := range datasets {
		if err := a.verifyDataset(r, d, v.Core.Manifest.Data); err != nil {
			return nil, err
		}
	}
	for _, d := range v.Core.Manifest.Data {
		for _, f := range d.Files {
			if !slices.ContainsFunc(r.Files, func(x verifiedFile) bool { return x.Dataset == d.Name && x.Role == f.Role }) {
				r.add(verifiedFile{Dataset: d.Name, Role: f.Role, Status: fileUnread, Was: f.SHA256})
			}
		}
	}
	return r, nil
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

// datasetsOf loads an experiment and lists the data sets that its cells read; nil where a folder lacks one of its tables,
// so that there is no plan.
func (a *app) datasetsOf(path string) (*spec.Experiment, []*spec.Dataset, error) {
	e, err := a.loadExperiment(path, spec.IfPresent)
	if err == nil {
		var datasets []*spec.Dataset
		if datasets, err = a.planned(e); err == nil {
			return e, datasets, nil
		}
	}
	e, failed := a.loadWith(path, spec.Options{Data: spec.IfPresent, NoHeaders: true})
	if failed != nil {
		return nil, nil, err
	}
	for i := range e.Datasets {
		if _, failed := a.filesOf(&e.Datasets[i]); errors.Is(failed, fs.ErrNotExist) {
			return e, nil, nil
		}
	}
	return nil, nil, err
}

// planned lists the data sets that cells read, each as the first cell reads it: a manifest has one entry for each.
func (a *app) planned(e *spec.Experiment) ([]*spec.Dataset, error) {
	p, err := plan.New(e, plan.Inputs{
		Registry: a.registry,
		Hash:     func(string) (cache.Hash, int64, error) { return "", 0, fs.ErrNotExist }, // files are read below
	})
	if err != nil {
		return nil, wrong(err)
	}
	var datasets []*spec.Dataset
	for _, c := range p.AllChains() {
		if !slices.ContainsFunc(datasets, func(seen *spec.Dataset) bool { return seen.Name == c.Dataset.Name }) {
			datasets = append(datasets, c.Dataset)
		}
	}
	return datasets, nil
}

// verifyDataset compares the files of one data set with the manifest.
func (a *app) verifyDataset(r *verified, d *spec.Dataset, recorded []record.DataInfo) error {
	files, err := a.filesOf(d)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // files that are not there are listed with the others
		return wrong(fmt.Errorf("data set %s: %w", d.Name, err))
	}
	if len(files) == 0 {
		r.Made = append(r.Made, d.Name)
	}
	was := map[string]string{}
	for _, known := range recorded {
		for _, f := range known.Files {
			if known.Name == d.Name {
				was[f.Role] = f.SHA256
			}
		}
	}
	store, err := cache.Open(a.settings.Cache, cache.Options{ReadOnly: true, Rehash: true, Log: a.log})
	if err != nil {
		return err
	}
	defer store.Close()
	for _, f := range files {
		line := verifiedFile{Dataset: d.Name, Role: f.Role, Path: shownPath(f.Path), Was: was[f.Role]}
		hash, _, err := store.HashFile(f.Path)
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
		r.add(line)
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
		a.printf("  %-19s  %s\n", f.Status, strings.TrimRight(fmt.Sprintf("%s %s  %s", f.Dataset, f.Role, f.Path), " "))
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
