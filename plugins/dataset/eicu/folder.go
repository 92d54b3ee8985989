package eicu

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// table is a table as far as a matrix needs it. Its first column is the identifier that its rows belong to.
type table struct {
	name, purpose string
	columns       []frame.ScanColumn
}

// text, number and lenient ask for a column. A lenient number may be a text, which is counted as missing: free entries.
func text(name string) frame.ScanColumn { return frame.ScanColumn{Name: name, Kind: frame.Category} }

func number(name string) frame.ScanColumn { return frame.ScanColumn{Name: name, Kind: frame.Number} }

func lenient(name string) frame.ScanColumn {
	return frame.ScanColumn{Name: name, Kind: frame.Number, Lenient: true}
}

// at is the place of a column that the table is known to ask for.
func (t *table) at(column string) int {
	i := slices.IndexFunc(t.columns, func(c frame.ScanColumn) bool { return c.Name == column })
	if i < 0 {
		panic(fmt.Sprintf("table %s does not ask for column %s", t.name, column))
	}
	return i
}

// needed lists the tables of the matrix.
func (d *Dataset) needed() []*table {
	if d.config.Matrix == Johnson2018 {
		return []*table{patientTable, hospitalTable, johnsonPredVar, johnsonResult, carePlan, vitalPeriodic, vitalAperiodic, labTable, intakeOutput}
	}
	return apacheTables()
}

// path is the setting for a table.
func (t Tables) path(name string) string {
	return map[string]string{
		"patient": t.Patient, "hospital": t.Hospital,
		"apacheApsVar": t.ApacheApsVar, "apachePredVar": t.ApachePredVar, "apachePatientResult": t.ApachePatientResult,
		"carePlanGeneral": t.CarePlanGeneral, "vitalPeriodic": t.VitalPeriodic, "vitalAperiodic": t.VitalAperiodic,
		"lab": t.Lab, "intakeOutput": t.IntakeOutput,
	}[name]
}

// Files lists the tables of the matrix, then the marker of simulated ones; the roles of tables are their names. It lists
// the folder, as names may be in any case, and opens no file. A folder that is not there has its tables under the publisher's names. Where all that is wrong is that
// tables are not in the folder, the error says so to errors.Is as fs.ErrNotExist, and the files are returned too, those
// of the tables that are not there under the publisher's names.
func (d *Dataset) Files() ([]plugins.File, error) {
	present, err := list(d.config.Root)
	if err != nil {
		return nil, err
	}
	var files []plugins.File
	var faults []error
	for _, t := range d.needed() {
		path, err := d.find(t, present)
		if err != nil {
			faults = append(faults, err)
		}
		files = append(files, plugins.File{Role: t.name, Path: path})
	}
	if path := d.marked(present, files); path != "" {
		files = append(files, plugins.File{Role: simulatedRole, Path: path})
	}
	switch err := together(faults); {
	case err == nil:
		return files, nil
	case slices.ContainsFunc(faults, func(err error) bool { return !errors.Is(err, fs.ErrNotExist) }):
		return nil, err
	default:
		return files, absentError{err}
	}
}

// absentError says that tables are not there.
type absentError struct{ error }

// Is reports whether target is fs.ErrNotExist.
func (absentError) Is(target error) bool { return target == fs.ErrNotExist }

// together is one error of all of them, on one line; nil when there are none.
func together(faults []error) error {
	switch len(faults) {
	case 0:
		return nil
	case 1:
		return faults[0]
	}
	texts := make([]string, len(faults))
	for i, f := range faults {
		texts[i] = f.Error()
	}
	return errors.New(strings.Join(texts, "; "))
}

// list returns the names in a folder; nil when it is not there.
func list(root string) ([]string, error) {
	entries, err := os.ReadDir(root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, fs.ErrPermission):
		return nil, errors.New(`no permission to read the folder "root"`)
	case err != nil:
		if info, statErr := os.Stat(root); statErr == nil && !info.IsDir() {
			return nil, errors.New(`"root" is a file; want the folder of the tables`)
		}
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err // without the path of a machine
		}
		return nil, fmt.Errorf(`the folder "root": %w`, err)
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	if len(names) == 0 {
		return nil, errors.New(`the folder "root" is empty; want the tables in it`)
	}
	return names, nil
}

// find returns the path of a table.
func (d *Dataset) find(t *table, present []string) (string, error) {
	if set := d.config.Tables.path(t.name); set != "" {
		lower := strings.ToLower(set)
		if !strings.HasSuffix(lower, ".csv") && !strings.HasSuffix(lower, ".csv.gz") {
			return "", fmt.Errorf(`tables.%s: want a file whose name ends with .csv or .csv.gz`, t.name)
		}
		return set, nil
	}
	if present == nil {
		return publishers(d.config.Root, t), nil
	}
	var found []string
	for _, name := range present {
		if strings.EqualFold(name, t.name+".csv") || strings.EqualFold(name, t.name+".csv.gz") {
			found = append(found, name)
		}
	}
	switch len(found) {
	case 0:
		return publishers(d.config.Root, t), absentError{fmt.Errorf("no table %[1]s in the folder, needed for %[2]s; want %[1]s.csv or %[1]s.csv.gz, or its place in tables.%[1]s", t.name, t.purpose)}
	case 1:
		return filepath.Join(d.config.Root, found[0]), nil
	}
	return "", fmt.Errorf("table %s is there more than once: %s; keep one, or name it in tables.%s", t.name, strings.Join(found, ", "), t.name)
}

// publishers is the path of a table under the publisher's name.
func publishers(root string, t *table) string { return filepath.Join(root, t.name+".csv.gz") }

// input is the tables of a matrix, found and with the columns that are needed.
type input struct {
	paths     map[string]string
	simulated bool
	maxBytes  int64
	threads   int
}

// open finds the tables and checks their headers.
func (d *Dataset) open(ctx context.Context, threads int) (*input, error) {
	files, err := d.Files()
	if err != nil {
		return nil, err
	}
	if err := d.checkRoot(); err != nil {
		return nil, err
	}
	in := &input{paths: map[string]string{}, maxBytes: d.config.MaxBytes, threads: threads}
	for _, f := range files {
		in.paths[f.Role] = f.Path
		in.simulated = in.simulated || f.Role == simulatedRole
	}
	var faults []error
	for _, t := range d.needed() {
		if err := in.checkHeader(ctx, t); err != nil {
			faults = append(faults, err)
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err := together(faults); err != nil {
		return nil, err
	}
	return in, nil
}

// checkRoot demands the folder, unless no table has to lie in it: one message in place of one for each table.
func (d *Dataset) checkRoot() error {
	if _, err := os.Stat(d.config.Root); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if !slices.ContainsFunc(d.needed(), func(t *table) bool { return d.config.Tables.path(t.name) == "" }) {
		return nil
	}
	return errors.New(`no folder at "root"; want that of the tables`)
}

const headerBytes = 1 << 20 // of a table, to find its header in

// checkHeader demands the columns of a table.
func (in *input) checkHeader(ctx context.Context, t *table) error {
	name := filepath.Base(in.paths[t.name])
	got, err := frame.SampleFile(ctx, in.paths[t.name], frame.ReadOptions{MaxBytes: in.maxBytes, Keep: []string{}}, 1, headerBytes)
	if err != nil {
		return err
	}
	var missing []string
	for _, c := range t.columns {
		if !slices.ContainsFunc(got.Header, func(h string) bool { return strings.EqualFold(h, c.Name) }) {
			missing = append(missing, fmt.Sprintf("%q", c.Name))
		}
	}
	if missing == nil {
		return nil
	}
	word := "column"
	if len(missing) > 1 {
		word = "columns"
	}
	return &frame.FileError{File: name, Line: 1, Msg: fmt.Sprintf("no %s %s, needed for %s: this is not the table %s of eICU",
		word, strings.Join(missing, ", "), t.purpose, t.name)}
}

// scan reads a table in batches.
func (in *input) scan(ctx context.Context, t *table, each func(*frame.ScanBatch) error) (*frame.Scanned, error) {
	return frame.ScanFile(ctx, in.paths[t.name], frame.ScanOptions{
		Columns: t.columns, MaxBytes: in.maxBytes, Threads: min(in.threads, 2),
	}, each)
}

// fault is an error of a row of a table.
func (in *input) fault(t *table, column, format string, args ...any) error {
	return &frame.FileError{File: filepath.Base(in.paths[t.name]), ColumnName: column, Msg: fmt.Sprintf(format, args...)}
}

// atOnce is how many tables may be read at a time, when each keeps two threads busy.
func (in *input) atOnce() int { return max(1, in.threads/2) }
