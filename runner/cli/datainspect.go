package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	gopath "path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/profile"
)

func (a *app) dataInspectCommand() *cobra.Command {
	var known profile.Known
	var members string
	var rows int
	var block bool
	cmd := &cobra.Command{
		Use:   "inspect PATH",
		Short: "say what is in a table or a folder of tables, and how an experiment would read it",
		Long: `inspect reads a file of one table, or a folder of tables that a data set knows, and says what can be said without
showing a patient: kinds, units, missing values, ranges, levels, hospitals, the balance of the label, and what
looks wrong. It ends with a block for the "datasets" of an experiment. What it guesses is marked "?".

A PATH with a "*", such as 'heart/processed.*.data', is several files with the same columns, as those of several hospitals
are: their rows are read under each other, and what the "*" stands for is a further column. So are those files in a .tar,
.tar.gz, .tgz or .zip archive that --members names, as in --members 'set-a/*.txt'.

What it prints of values stands for at least 11 rows, and as many patients where they are known: a range runs
from about the 5th to the 95th percentile, each end a mean of neighbouring values; a level is named when enough
rows have it; a smaller count is "<11". Names of columns are printed as they are.`,
		Example: `  ehrlab data inspect raw
  ehrlab data inspect raw/patient.csv.gz --target hospitaldischargestatus
  ehrlab data inspect raw/patient.csv.gz --json
  ehrlab data inspect raw/patient.csv.gz --cue > data.cue    # a folder of CUE files is an experiment too`,
		Args: arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case rows < 0:
				return wrong(fmt.Errorf("rows %d: must be a whole number ≥ 0", rows))
			case block && a.json:
				return wrong(errors.New("give --cue or --json, not both"))
			}
			i, err := a.inspect(cmd.Context(), args[0], members, known, rows)
			if err != nil {
				return orInterrupted(cmd.Context(), err)
			}
			switch {
			case a.json:
				a.printJSON(i)
			case block:
				return a.printBlock(i)
			default:
				a.printInspection(i)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&known.Target, "target", "", "`column` of the label, instead of a guess")
	cmd.Flags().StringVar(&known.Site, "site", "", "`column` of the hospital, instead of a guess")
	cmd.Flags().StringVar(&members, "members", "", "`pattern` of the files of an archive that are read, with one *")
	cmd.Flags().BoolVar(&block, "cue", false, "print the block for an experiment alone")
	cmd.Flags().IntVar(&rows, "rows", 1_000_000, "`number` of rows to read of a file at most; 0 reads all")
	return cmd
}

// printBlock prints the block of the first way that works.
func (a *app) printBlock(i *inspection) error {
	w, err := i.best()
	if err != nil {
		return wrong(err)
	}
	a.printf("%s", w.CUE)
	return nil
}

// best is the first way that works.
func (i *inspection) best() (*dataWay, error) {
	why := "no data set reads it"
	for k := range i.Datasets {
		w := &i.Datasets[k]
		switch {
		case len(w.Lacks) > 0:
			why = w.Lacks[0]
		case w.Problem != "":
			why = w.Problem
		default:
			return w, nil
		}
	}
	return nil, fmt.Errorf("%s: there is no block for it: %s", i.Path, why)
}

// inspection is what inspect --json prints.
type inspection struct {
	Path     string           `json:"path"`
	Members  string           `json:"members,omitempty"`  // of an archive: what was asked for
	Bytes    int64            `json:"bytes,omitempty"`    // of a file, or of several together
	Complete bool             `json:"complete"`           // all rows were read
	Table    *profile.Profile `json:"table,omitempty"`    // of files, as it stands in them
	Datasets []dataWay        `json:"datasets,omitempty"` // how an experiment would read it, the best way first
	Notes    []string         `json:"notes,omitempty"`
}

// dataWay is one way in which a data set would read a path.
type dataWay struct {
	Use     string           `json:"use"`
	With    json.RawMessage  `json:"with"`
	Summary string           `json:"summary"`
	Lacks   []string         `json:"lacks,omitempty"`
	Notes   []string         `json:"notes,omitempty"`
	Problem string           `json:"problem,omitempty"` // why the data set does not read it like that
	Table   *profile.Profile `json:"table,omitempty"`   // of a folder: the table that is made of it
	CUE     string           `json:"cue,omitempty"`     // the block for an experiment
}

// inspect looks at a file, files or a folder.
func (a *app) inspect(ctx context.Context, path, members string, known profile.Known, rows int) (*inspection, error) {
	info, err := os.Stat(path)
	several := errors.Is(err, os.ErrNotExist) && strings.Contains(path, "*")
	switch {
	case several && members != "":
		return nil, wrong(fmt.Errorf("%s: --members is for one archive; name its file", path))
	case several:
	case errors.Is(err, os.ErrNotExist):
		return nil, noFile(path)
	case err != nil:
		return nil, err
	case info.IsDir() && members != "":
		return nil, wrong(fmt.Errorf("%s: a folder, not an archive; --members is for the files in one", path))
	case info.IsDir():
		return a.inspectFolder(ctx, path, known)
	}
	source, err := readSource(ctx, path, members, rows)
	var fault *frame.FileError
	switch {
	case errors.As(err, &fault):
		return nil, wrong(err)
	case err != nil:
		return nil, err
	case source.Frame.Rows() == 0:
		return nil, wrong(fmt.Errorf("%s: no rows, only the names of columns", source.File))
	}
	table, err := profile.Of(source.Frame, known)
	if err != nil {
		return nil, wrong(fmt.Errorf("%s: %w", source.File, err))
	}
	i := &inspection{Path: path, Members: members, Bytes: source.Bytes, Complete: source.Complete, Table: table}
	if !source.Complete {
		i.Notes = append(i.Notes, fmt.Sprintf("only the first %s were looked at; --rows 0 reads all", plural(table.Rows, "row")))
	}
	if source.Header != nil {
		i.Notes = append(i.Notes, "the first line holds values, not names: the columns are numbered here; give them names in the block")
	}
	for _, found := range a.recognise(path, source.Facts(table)) {
		header, problem := a.header(ctx, found)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if problem != nil {
			found.Problem = problem.Error()
		}
		found.CUE = dataBlock(blockName(path), &found, header, table)
		i.Datasets = append(i.Datasets, found)
	}
	return i, nil
}

// readSource reads the one table that a file, the files of a pattern, or members of an archive hold.
func readSource(ctx context.Context, path, members string, rows int) (*profile.Source, error) {
	_, err := os.Stat(path)
	switch {
	case err != nil:
		return profile.ReadFiles(ctx, path, rows)
	case members != "":
		return profile.ReadMembers(ctx, path, members, rows)
	case frame.IsArchive(path):
		first, err := frame.FirstMember(ctx, path)
		if err != nil {
			return nil, err
		}
		pattern := gopath.Join(gopath.Dir(first), "*"+gopath.Ext(first))
		return nil, &frame.FileError{File: filepath.Base(path), Msg: fmt.Sprintf(
			"an archive; say which of its files are one table, here as in --members '%[1]s', in an experiment as in path: %[2]q, members: %[1]q", pattern, path)}
	}
	return profile.ReadFile(ctx, path, rows)
}

// recognise asks every data set whether it would read a path.
func (a *app) recognise(path string, facts *plugins.TableFacts) []dataWay {
	var ways []dataWay
	for _, name := range a.registry.Datasets.Names() {
		for _, r := range a.registry.Datasets.Get(name).Recognise(path, facts) {
			ways = append(ways, dataWay{Use: name, With: r.With, Summary: r.Summary, Lacks: r.Lacks, Notes: r.Notes})
		}
	}
	return ways
}

// header builds the data set of a way and reads its header.
func (a *app) header(ctx context.Context, w dataWay) (*plugins.Header, error) {
	d, _, err := a.registry.Datasets.Get(w.Use).Build(w.With)
	if err != nil {
		return nil, err
	}
	return d.Header(ctx, a.dataEnv())
}

// inspectFolder reads a folder in every way that a data set knows of.
func (a *app) inspectFolder(ctx context.Context, path string, known profile.Known) (*inspection, error) {
	i := &inspection{Path: path, Complete: true, Datasets: a.recognise(path, nil)}
	if len(i.Datasets) == 0 {
		return nil, wrong(unknownFolder(path))
	}
	for k := range i.Datasets {
		w := &i.Datasets[k]
		if len(w.Lacks) > 0 {
			continue
		}
		if err := a.readWay(ctx, path, w, known); err != nil {
			return nil, err
		}
	}
	return i, nil
}

// readWay reads a data set and looks at the table it makes. What is wrong with the files is a problem of this way.
func (a *app) readWay(ctx context.Context, path string, w *dataWay, known profile.Known) error {
	header, err := a.header(ctx, *w)
	if err == nil {
		var data *plugins.Data
		if data, err = a.readData(ctx, *w); err == nil {
			known.Columns = header.Columns
			if w.Table, err = profile.Of(data.Frame, known); err != nil {
				return wrong(fmt.Errorf("%s, read by %s: %w", path, w.Use, err))
			}
			w.Notes = append(w.Notes, data.Notes...)
			w.CUE = dataBlock(blockName(path), w, header, w.Table)
			return nil
		}
	}
	w.Problem = err.Error()
	return ctx.Err()
}

func (a *app) readData(ctx context.Context, w dataWay) (*plugins.Data, error) {
	d, _, err := a.registry.Datasets.Get(w.Use).Build(w.With)
	if err != nil {
		return nil, err
	}
	return d.Read(ctx, a.dataEnv())
}

// unknownFolder says what is in a folder that no data set knows.
func unknownFolder(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	const most = 8
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	switch {
	case len(names) == 0:
		return fmt.Errorf("%s: no data set knows this folder, and no file is in it", path)
	case len(names) > most:
		names = append(names[:most], fmt.Sprintf("and %d more", len(names)-most))
	}
	return fmt.Errorf("%s: no data set knows this folder as a whole; inspect one of its tables: %s", path, strings.Join(names, ", "))
}

// blockName makes the name of a data set from that of its file, or of the pattern of several.
func blockName(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	name := strings.TrimSuffix(filepath.Base(path), ".gz")
	if stem := strings.TrimSuffix(name, filepath.Ext(name)); stem != "" {
		name = stem
	}
	name = strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '_':
			return r
		}
		return '_'
	}, name), "_")
	const most = 40
	if name == "" {
		return "data"
	}
	return name[:min(len(name), most)]
}
