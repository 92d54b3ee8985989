package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/spec"
)

func (a *app) dataWriteCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "write EXPERIMENT DATASET FOLDER",
		Short: "write the raw tables that a simulated data set would have been extracted from",
		Long: `write makes a data set of an experiment write its raw tables into a new or empty folder. Only data sets that are
simulated can. The folder appears whole, or not at all. A file ` + simulatedFile + ` in it says what the tables are: a data
set that finds it there takes them for simulated ones.`,
		Example: `  ehrlab data write experiments/quickstart.cue icu raw`,
		Args:    arguments(3, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.rawWriter(args[0], args[1])
			if err != nil {
				return err
			}
			a.graceful.Store(true) // what was begun is removed
			if err := a.writeRaw(cmd.Context(), d, args[1], args[2]); err != nil {
				return orInterrupted(cmd.Context(), err)
			}
			return a.printWritten(args[1], args[2])
		},
	}
}

// simulatedFile lies beside tables that a simulated data set wrote, which look like those of patients.
const simulatedFile = "SIMULATED.txt"

// rawWriter returns the named data set of an experiment.
func (a *app) rawWriter(path, name string) (plugins.RawWriter, error) {
	e, err := a.loadExperiment(path, spec.IfPresent)
	if err != nil {
		return nil, err
	}
	var can, all []string
	var found plugins.RawWriter
	for i := range e.Datasets {
		d := &e.Datasets[i]
		built, _, err := a.registry.Datasets.Get(d.Use.Use).Build(d.With)
		if err != nil {
			return nil, wrong(fmt.Errorf("data set %s: %w", d.Name, err))
		}
		all = append(all, d.Name)
		if w, ok := built.(plugins.RawWriter); ok {
			can = append(can, d.Name)
			if d.Name == name {
				found = w
			}
		}
	}
	if found != nil {
		return found, nil
	}
	those := "none of " + e.Name + " can"
	if len(can) > 0 {
		those = "of " + e.Name + " these can: " + strings.Join(can, ", ")
	}
	if !slices.Contains(all, name) {
		return nil, wrong(fmt.Errorf("%s has no data set %q; %s", e.Name, name, those))
	}
	return nil, wrong(fmt.Errorf("data set %q is read from files and writes no raw tables; %s", name, those))
}

// writeRaw writes the tables into a folder beside the one asked for, which then takes its place.
func (a *app) writeRaw(ctx context.Context, d plugins.RawWriter, dataset, folder string) error {
	folder = filepath.Clean(folder)
	if base := filepath.Base(folder); base == "." || base == ".." || base == string(filepath.Separator) {
		return wrong(fmt.Errorf("the folder %s cannot be put in place whole; name a new one in it", folder))
	}
	entries, err := os.ReadDir(folder)
	var path *fs.PathError
	switch {
	case len(entries) > 0:
		return wrong(fmt.Errorf("the folder %s is not empty; name a new or an empty one", folder))
	case err == nil || errors.Is(err, fs.ErrNotExist):
	case errors.As(err, &path):
		return wrong(fmt.Errorf("%s: %w; name a new or an empty folder", folder, path.Err))
	default:
		return err
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o777); err != nil {
		return err
	}
	aside, err := os.MkdirTemp(filepath.Dir(folder), ".tmp-"+filepath.Base(folder)+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(aside)
	whole := filepath.Join(aside, "whole")
	if err := os.Mkdir(whole, 0o777); err != nil {
		return err
	}
	if err := d.WriteRaw(ctx, a.dataEnv(), whole); err != nil {
		return err
	}
	if err := markSimulated(whole, dataset); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := os.Remove(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(whole, folder)
}

// markSimulated writes what the tables of a folder are, unless the data set has said so itself.
func markSimulated(folder, dataset string) error {
	out, err := os.OpenFile(filepath.Join(folder, simulatedFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "SIMULATED: the tables in this folder are of invented patients; 'ehrlab data write' wrote them for the data set %q.\n", dataset)
	return errors.Join(err, out.Close())
}

// printWritten lists the files of a folder.
func (a *app) printWritten(dataset, folder string) error {
	type file struct {
		Name  string `json:"name"`
		Bytes int64  `json:"bytes"`
	}
	files := []file{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
		files = append(files, file{filepath.ToSlash(name), info.Size()})
		return err
	})
	if err != nil {
		return err
	}
	if a.json {
		a.printJSON(map[string]any{"dataset": dataset, "folder": folder, "files": files})
		return nil
	}
	for _, f := range files {
		a.printf("  %-28s %10s\n", f.Name, humanize.Bytes(uint64(f.Bytes)))
	}
	a.printf("%s: %s in %s\n", dataset, plural(len(files)-1, "table"), folder) // one is simulatedFile
	return nil
}
