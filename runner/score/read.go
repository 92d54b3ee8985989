package score

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/profile"
	"github.com/ehrlab/ehrlab/runner/spelling"
)

// Files are the files of a pair: CSV, Parquet or Arrow, also compressed.
type Files struct {
	Real      string
	Synthetic string
	Holdout   string // real rows that the generator has not seen; empty when there are none
}

// Role says what a file is of a pair.
type Role string

// The roles of files.
const (
	RoleReal      Role = "real"
	RoleSynthetic Role = "synthetic"
	RoleHoldout   Role = "holdout"
)

// reading reads the files of a pair alike.
type reading struct {
	columns *Columns
	threads int

	first  string                // path of the real file
	header []string              // all of its columns
	kinds  map[string]frame.Kind // of columns that had a value in a file that was read
}

// read reads one file. like is the frame whose columns and kinds it has to have; nil for the real file, which is the first.
func (r *reading) read(ctx context.Context, role Role, path string, like *frame.Frame) (*frame.Frame, File, error) {
	file, err := hashed(role, path)
	if err != nil {
		return nil, file, err
	}
	sample, err := frame.SampleFile(ctx, path, frame.ReadOptions{File: path, Missing: r.missing()}, 1, 1<<20)
	if err != nil {
		return nil, file, err
	}
	opts := frame.ReadOptions{File: path, Missing: r.missing(), Columns: map[string]frame.ColumnOptions{}, Threads: r.threads}
	if like == nil {
		r.first, r.header = path, sample.Header
		opts.Keep, err = r.keep(path)
	} else {
		opts.Keep, err = r.keepLike(role, path, sample.Header, like)
	}
	if err != nil {
		return nil, file, err
	}
	for _, name := range opts.Keep {
		opts.Columns[name] = r.options(name)
	}
	table, err := frame.ReadFile(ctx, path, opts)
	switch {
	case err != nil && ctx.Err() == nil && like != nil:
		return nil, file, fmt.Errorf("%w (kinds of columns are told by %s; --columns can declare them)", err, r.first)
	case err != nil:
		return nil, file, said(err)
	case table.Frame.Rows() == 0:
		return nil, file, fmt.Errorf("%s: there is no row, only the names of columns", path)
	}
	for _, c := range table.Frame.Columns() {
		if _, known := r.kinds[c.Name]; !known && c.MissingCount() < c.Len() {
			r.kinds[c.Name] = c.Kind
		}
	}
	if like == nil {
		return table.Frame, file, nil
	}
	inOrder := slices.DeleteFunc(like.Names(), func(name string) bool { return table.Frame.Column(name) == nil })
	f, err := table.Frame.Select(inOrder...) // in the order of the first file
	return f, file, err
}

func (r *reading) missing() []string {
	if r.columns.MissingToken == "" {
		return nil
	}
	return []string{r.columns.MissingToken}
}

// options says how a column is read: as it is declared or, in a further file, with the kind that its values had in an earlier one.
func (r *reading) options(name string) frame.ColumnOptions {
	said := r.columns.column(name)
	o := frame.ColumnOptions{Unit: said.Unit, Missing: said.Missing}
	switch {
	case said.Kind == kindNumber:
		o.Kind = frame.Number
	case said.Kind == kindCategory || name == r.columns.Subject || name == r.columns.Site:
		o.Kind = frame.Category
	default:
		o.Kind = r.kinds[name]
	}
	return o
}

// keep lists the columns to read of the real file: those that columns.json lists, or all.
func (r *reading) keep(path string) ([]string, error) {
	for _, said := range r.columns.named() {
		if !slices.Contains(r.header, said[1]) {
			return nil, fmt.Errorf("%s: no column %q, which %q names%s", path, said[1], said[0], spelling.Hint(said[1], "there are", r.header))
		}
	}
	for _, name := range r.columns.Drop {
		if !slices.Contains(r.header, name) {
			return nil, fmt.Errorf("%s: no column %q to drop%s", path, name, spelling.Hint(name, "there are", r.header))
		}
	}
	wanted := r.columns.listed()
	if wanted == nil {
		wanted = slices.DeleteFunc(slices.Clone(r.header), func(name string) bool { return slices.Contains(r.columns.Drop, name) })
	}
	var keep []string
	for _, name := range wanted {
		switch {
		case slices.Contains(r.header, name):
			keep = append(keep, name)
		case !r.columns.Events.optional(name):
			return nil, fmt.Errorf("%s: no column %q%s", path, name, spelling.Hint(name, "there are", r.header))
		}
	}
	if len(keep) == 0 {
		return nil, fmt.Errorf("%s: no column to compare is left", path)
	}
	return keep, nil
}

// keepLike lists the columns to read of a further file: those that were read of the first. Synthetic rows need no subject and no
// site. What one file has and the other has not is a mistake, unless columns.json lists what is to be compared.
func (r *reading) keepLike(role Role, path string, header []string, like *frame.Frame) ([]string, error) {
	var keep, lacking, beyond []string
	for _, name := range like.Names() {
		free := r.columns.Events.optional(name) || role == RoleSynthetic && (name == r.columns.Subject || name == r.columns.Site)
		switch {
		case slices.Contains(header, name):
			keep = append(keep, name)
		case !free:
			lacking = append(lacking, name)
		}
	}
	if r.columns.listed() == nil {
		for _, name := range header {
			if !slices.Contains(r.header, name) {
				beyond = append(beyond, name)
			}
		}
	}
	if len(lacking) == 0 && len(beyond) == 0 {
		return keep, nil
	}
	var says []string
	if len(lacking) > 0 {
		says = append(says, fmt.Sprintf("no column %s, which %s has%s", some(lacking), r.first, spelling.DidYouMean(lacking[0], header)))
	}
	if len(beyond) > 0 {
		says = append(says, fmt.Sprintf("%s has no column %s%s", r.first, some(beyond), spelling.DidYouMean(beyond[0], r.header)))
	}
	return nil, fmt.Errorf("%s: %s; the files need the same columns, or --columns with a list of those to compare", path, strings.Join(says, "; "))
}

// some names the first of some columns.
func some(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", spelling.Quoted(names[:most]), len(names)-most)
	}
	return spelling.Quoted(names)
}

// agree gives columns that have no value in a file the kind that they have in the others.
func (r *reading) agree(f *frame.Frame) (*frame.Frame, error) {
	columns := slices.Clone(f.Columns())
	for i, c := range columns {
		if kind, known := r.kinds[c.Name]; known && kind != c.Kind {
			columns[i] = without(c.Name, kind, f.Rows())
		}
	}
	return frame.New(columns...)
}

// without is a column of a kind that has no value.
func without(name string, kind frame.Kind, rows int) *frame.Column {
	if kind == frame.Number {
		return frame.NewNumber(name, slices.Repeat([]float64{math.NaN()}, rows))
	}
	return frame.NewCategory(name, nil, slices.Repeat([]int32{frame.Missing}, rows))
}

// The least number of values, and the share of the rows that have one, from which values that differ tell rows apart.
const (
	manyValues = 50
	mostRows   = 0.5
)

// unlike reports whether so many of the known rows of a column have a value of their own that it tells them apart.
func unlike(values, known int) bool {
	return values > manyValues && float64(values) > mostRows*float64(known)
}

// written reports whether the texts of a column tell rows apart, as identifiers, dates and free text do. To models each text is a
// variable; so many of them say nothing.
func written(c *frame.Column) bool {
	return c.Kind == frame.Category && unlike(len(c.Levels), c.Len()-c.MissingCount())
}

// numbering says whether the whole numbers of a column tell rows apart: surely where each row has another one and the name is that of an
// identifier, maybe where one of both is so.
func numbering(c *frame.Column) (surely, maybe bool) {
	if c.Kind != frame.Number || !c.Integer {
		return false, false
	}
	const fewest = 100 // fewer may differ by chance
	values := len(distinct(c.Numbers))
	each, named := c.Len() >= fewest && values == c.Len(), profile.Identifies(c.Name)
	return each && named, each || named && values > manyValues
}

// said is the faults of the real file in the words of --columns, whose kinds are not named as those of an experiment.
func said(err error) error {
	faults := slices.Clone(frame.Apart(err))
	for i, fault := range faults {
		faults[i] = saidOf(fault)
	}
	return frame.Together(faults...)
}

func saidOf(err error) error {
	var fault *frame.FileError
	if !errors.As(err, &fault) || !strings.Contains(fault.Msg, "or set columns.") {
		return err
	}
	at := *fault
	msg, _, _ := strings.Cut(at.Msg, ", declare it a missing code, or set columns.")
	_, others, found := strings.Cut(at.Msg, "; so too for ")
	at.Msg = msg + `, or have --columns declare it a missing code, as {"name": ` + strconv.Quote(at.ColumnName) + `, "missing": ["…"]}, or the column "categorical"`
	if found {
		at.Msg += "; so too for " + others
	}
	return &at
}

// hashed is a file with its size and the hash of its content: of a gzip file, of what it decompresses to.
func hashed(role Role, path string) (File, error) {
	file := File{Role: role, Path: path}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return file, openFault(path, err)
	case info.IsDir():
		return file, fmt.Errorf("%s: a folder, not a file", path)
	}
	file.Bytes = info.Size()
	f, err := os.Open(path)
	if err != nil {
		return file, openFault(path, err)
	}
	defer f.Close()
	var content io.Reader = f
	if strings.HasSuffix(strings.ToLower(path), ".gz") {
		if content, err = gzip.NewReader(f); err != nil {
			return file, fmt.Errorf("%s: not a gzip file", path)
		}
	}
	h := sha256.New()
	if _, err = io.Copy(h, content); errors.Is(err, io.ErrUnexpectedEOF) {
		return file, fmt.Errorf("%s: the gzip data end too early: the file is truncated", path)
	} else if err != nil {
		return file, fmt.Errorf("%s: %w", path, err)
	}
	file.SHA256 = hex.EncodeToString(h.Sum(nil))
	return file, nil
}

// sample sets the columns of subjects and sites apart from the variables of a frame. Metrics that ask for columns by name find all
// of them beside the variables.
func sample(f *frame.Frame, c *Columns, variables []string) (plugins.Sample, error) {
	out := plugins.Sample{Subject: f.Column(c.Subject), Site: f.Column(c.Site), Beside: f}
	var err error
	out.Frame, err = f.Select(variables...)
	return out, err
}
