package table

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// source is one table of the settings.
type source struct {
	Source
	role     string // of its files
	setting  string // what the names of its settings begin with
	maxBytes int64
	keys     []string        // columns by which it is joined to another table
	needed   map[string]bool // columns that keys, units and dates are made of
	later    map[string]bool // those of them that are needed to join the tables, and after
}

// read reads the files of a table, or a sample of each, and makes of them what the settings say.
func (s *source) read(ctx context.Context, threads int, sample bool) (*sheet, error) {
	files, err := s.files()
	if err != nil {
		return nil, err
	}
	var some *bounds
	if sample {
		some = s.sample(len(files))
	}
	pieces := make([]*sheet, len(files))
	var faults []error
	for i, f := range files {
		if pieces[i], err = s.piece(ctx, f, threads, some); ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if faults = appendFaults(faults, err); len(faults) >= enoughFaults {
			break
		}
	}
	if err := frame.Together(faults...); err != nil {
		return nil, err
	}
	t, err := s.stack(pieces)
	if err != nil {
		return nil, err
	}
	if t.rows == 0 && t.complete {
		return nil, t.fault("", "no rows, only the names of columns")
	}
	return s.account(ctx, t, len(files))
}

// enoughFaults of files are told: what is wrong with most of them has one reason.
const enoughFaults = 20

// appendFaults adds those of an error that no other file has.
func appendFaults(faults []error, err error) []error {
	same := func(a error) func(error) bool {
		return func(b error) bool {
			var x, y *frame.FileError
			return errors.As(a, &x) && errors.As(b, &y) && x.File != y.File && x.ColumnName == y.ColumnName && x.Msg == y.Msg
		}
	}
	for _, fault := range frame.Apart(err) {
		if !slices.ContainsFunc(faults, same(fault)) {
			faults = append(faults, fault)
		}
	}
	return faults
}

// account adds the counts of what was read, and makes rows of measurements.
func (s *source) account(ctx context.Context, t *sheet, files int) (*sheet, error) {
	counts := []plugins.Count{
		{Name: "rows read", Value: t.rows},
		{Name: "columns in the file", Value: len(t.parts[0].names)},
		{Name: "columns dropped: declared", Value: s.dropped(t)},
	}
	if files > 1 {
		counts = append(counts, plugins.Count{Name: "files read", Value: files})
	}
	t.counts = append(counts, t.counts...)
	if s.Long != nil {
		return s.widen(ctx, t)
	}
	t.columns = slices.DeleteFunc(t.columns, func(c *frame.Column) bool {
		done := t.leave[c.Name] && !s.later[c.Name]
		if done {
			delete(t.dates, c.Name)
		}
		return done
	})
	return t, nil
}

// dropped counts the columns of the file that settings leave out of the table.
func (s *source) dropped(t *sheet) int {
	n, read := 0, t.byName()
	for _, name := range t.parts[0].names {
		if read[name] == nil || t.leave[name] {
			n++
		}
	}
	return n
}

// piece reads one file.
func (s *source) piece(ctx context.Context, f file, threads int, some *bounds) (*sheet, error) {
	read, err := s.readFile(ctx, f, s.options(threads), some)
	if err != nil && some != nil && s.Long == nil {
		return nil, frame.Together(err, s.faultsBeside(ctx, f, threads, some, err))
	}
	if err != nil {
		return nil, err
	}
	return s.sheetOf(f, read)
}

// faultsBeside is the error of the columns of a sample that are read without a fault, where others have one: what their settings
// make of them may be wrong, too.
func (s *source) faultsBeside(ctx context.Context, f file, threads int, some *bounds, err error) error {
	o := s.options(threads)
	rest := *s
	rest.Columns = maps.Clone(s.Columns)
	for _, fault := range frame.Apart(err) {
		var known *frame.FileError
		if !errors.As(fault, &known) || known.ColumnName == "" || known.Err != nil {
			return nil // it is more than a column that cannot be read
		}
		for _, column := range append(known.More, known.ColumnName) {
			o.Drop = append(o.Drop, column)
			maps.DeleteFunc(rest.Columns, func(name string, c ColumnConfig) bool { return name == column || c.UnitFrom == column })
		}
	}
	read, err := rest.readFile(ctx, f, o, some)
	if err != nil {
		return nil // as it was before
	}
	_, err = rest.sheetOf(f, read)
	return err
}

// sheetOf makes of what was read of a file what the settings say.
func (s *source) sheetOf(f file, read *frame.Table) (*sheet, error) {
	t := &sheet{
		columns: slices.Clone(read.Frame.Columns()), rows: read.Frame.Rows(), complete: read.Complete,
		parts:  []part{{file: f.base(), rows: read.Frame.Rows(), names: read.Header}},
		groups: map[string]string{}, dates: map[string]date{}, leave: map[string]bool{},
	}
	if s.Header == nil && isValues(f.path, read.Header) {
		return nil, &frame.FileError{File: f.base(), Line: 1, Msg: "numbers alone, where the names of columns are wanted; if the file has no header line, give the names in " + quote(s.setting+"header")}
	}
	if s.Origin != "" {
		if slices.Contains(read.Header, s.Origin) {
			return nil, t.fault("", "a column named %q already, as %q would be; choose another name", s.Origin, s.setting+"origin")
		}
		if s.namesOrigins() {
			t.columns = append(t.columns, frame.NewCategory(s.Origin, []string{f.origin}, make([]int32, t.rows)))
		}
	}
	if s.Long == nil {
		return t, s.recode(t)
	}
	return t, nil
}

// readFile reads one file, or a part of it.
func (s *source) readFile(ctx context.Context, f file, o frame.ReadOptions, some *bounds) (*frame.Table, error) {
	switch {
	case s.Members != "" && some != nil:
		return frame.SampleMembers(ctx, f.path, o, s.Members, s.Origin, some.rows, some.bytes)
	case s.Members != "":
		return frame.ReadMembers(ctx, f.path, o, s.Members, s.Origin)
	case frame.IsArchive(f.path):
		return nil, &frame.FileError{File: f.base(), Msg: "an archive; say in " + quote(s.setting+"members") + " which of its files are read"}
	case some != nil:
		return frame.SampleFile(ctx, f.path, o, some.rows, some.bytes)
	}
	return frame.ReadFile(ctx, f.path, o)
}

// isValues reports whether the first line of a text is rather a row than names: numbers alone, other than those that
// count columns. The row would be lost, and its values would name columns.
func isValues(path string, names []string) bool {
	switch filepath.Ext(strings.ToLower(path)) {
	case ".parquet", ".arrow", ".feather":
		return false
	}
	first, counts := 0.0, true
	for i, name := range names {
		v, ok := parseNumber(name)
		if !ok {
			return false
		}
		if i == 0 {
			first = v
		}
		counts = counts && v == first+float64(i)
	}
	return !counts || first != 0 && first != 1
}

// recode makes of the columns of a file what their settings say. The faults of columns are told together.
func (s *source) recode(t *sheet) error {
	drop, keep := setOf(s.Drop), setOf(s.Keep)
	for _, c := range t.columns {
		if drop[c.Name] || s.Keep != nil && !keep[c.Name] && c.Name != s.Origin {
			t.leave[c.Name] = true
		}
	}
	read := slices.Clone(t.columns) // units as they were read
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(s.Columns)) {
		if err := s.recodeColumn(t, name, read); err != nil {
			faults = append(faults, err)
		}
	}
	return frame.Together(faults...)
}

// recodeColumn makes of one column what its settings say; read are the columns as they were read.
func (s *source) recodeColumn(t *sheet, name string, read []*frame.Column) error {
	i := t.index(name)
	if i < 0 {
		if name == s.Origin || !slices.Contains(t.parts[0].names, name) {
			return t.fault("", "no column named %q", name)
		}
		return nil // left out: nothing is to be done with it
	}
	r := s.recoder(name)
	r.place = t.at
	if r.config.UnitFrom != "" {
		at := slices.IndexFunc(read, func(c *frame.Column) bool { return c.Name == r.config.UnitFrom })
		if at < 0 {
			return t.fault(name, "has its unit from a column %q that there is not", r.config.UnitFrom)
		}
		r.units = textsOf(read[at])
	}
	c, err := r.column(t.columns[i])
	if err != nil {
		return err
	}
	t.columns[i] = c
	t.counts = append(t.counts, r.counts...)
	if r.config.Group != "" {
		t.groups[name] = r.config.Group
	}
	if r.config.Date != nil {
		t.dates[name] = date{config: r.config, since: r.config.Date.Since, place: r.place}
	}
	return nil
}

// recoder returns the recoder of a column or variable, but for what it is of.
func (s *source) recoder(name string) *recoder {
	c := s.Columns[name]
	return &recoder{config: c, setting: s.setting + columnSetting(name), missing: slices.Concat(s.Missing, c.Missing)}
}

// options says how a file is read.
func (s *source) options(threads int) frame.ReadOptions {
	o := frame.ReadOptions{
		Header: s.Header, Missing: texts(s.Missing), MaxBytes: s.maxBytes, Threads: threads, Columns: map[string]frame.ColumnOptions{},
	}
	if s.Delimiter != "" {
		o.Delimiter = s.Delimiter[0]
	}
	for name, c := range s.Columns {
		if name != s.Origin && (s.Long == nil || slices.Contains(s.Long.columns(), name)) {
			o.Columns[name] = frame.ColumnOptions{Kind: c.readAs(), Missing: texts(c.Missing)}
		}
	}
	if s.Long != nil {
		s.Long.options(&o, s.Origin)
		return o
	}
	for _, name := range s.Drop {
		if !s.needed[name] {
			o.Drop = append(o.Drop, name)
		}
	}
	if s.Keep != nil {
		o.Keep = s.kept()
	}
	return o
}

// kept lists the columns that are read where "keep" chooses: those, and what their units and dates are made of.
func (s *source) kept() []string {
	kept := slices.Concat(s.Keep, s.keys)
	for _, name := range s.Keep {
		c := s.Columns[name]
		kept = append(kept, c.UnitFrom)
		if c.Date != nil && s.Columns[c.Date.Since].Date != nil {
			kept = append(kept, c.Date.Since)
		}
	}
	kept = slices.DeleteFunc(kept, func(name string) bool { return name == "" || name == s.Origin })
	slices.Sort(kept)
	return slices.Compact(kept)
}

func texts(codes []Code) []string {
	out := make([]string, len(codes))
	for i, c := range codes {
		out[i] = string(c)
	}
	return out
}

func quote(text string) string { return strconv.Quote(text) }
