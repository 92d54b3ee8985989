// Package table is the data set of table files: one, several under each other, or those of an archive, with the
// columns of further tables joined to them.
//
// How a file is read is said by frame.ReadFile. This package declares files in an experiment, puts them together,
// recodes what they hold, leaves out columns that say nothing, and accounts for what was read.
//
// The kind of a CSV column that columns.NAME.kind does not declare is decided from its first 1,000 rows: a number
// when all values are, a category when they are texts. Numbers with a few texts among them, of which at least nine
// in ten values, or different values, are numbers, or whose texts are all the same, are an error with the place of
// the first text, as frame.ReadOptions says with its reasons: a missing code or columns.NAME.kind decides.
//
// The order of what is done: missing codes; levels, dates and units of each file; files under each other; measurements
// to rows; joins; differences of dates; limits; what is left out. A fault names file, column and row (from 1, without the
// header line), and never a value; there is no partial result. Faults that do not depend on each other, such as those of
// several columns, are told together.
package table

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// defaults are the settings that an experiment need not name. Rows are restricted unless the experiment says
// otherwise: the mistake that shows patients' rows to nobody is the one that can be taken back.
var defaults = Config{MaxBytes: 4 << 30}

// Register adds the data set to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Datasets, plugins.Info{
		Name:    "table",
		Version: 2,
		Summary: "rows of CSV, Parquet or Arrow files, joined and recoded as declared",
		Schema:  schema,
		Shapes:  []plugins.Shape{plugins.Records},
		Need:    need,
	}, defaults, New)
}

// need counts a goroutine for decompression, and twice the values: once as they are collected, once joined.
func need(s plugins.Size) plugins.Need {
	const fixed = 64 << 20 // buffers and the levels of categories
	return plugins.Need{Threads: 2, Bytes: fixed + 16*int64(s.Rows)*int64(s.Columns)}
}

// dataset is a table with those joined to it, in the order of their names.
type dataset struct {
	main  *source
	joins []*joined
}

// sources lists the tables.
func (d *dataset) sources() []*source {
	out := []*source{d.main}
	for _, j := range d.joins {
		out = append(out, j.source)
	}
	return out
}

// The part of a table that Header looks at: the rows that decide the kinds of Read, and more of them, so that
// the constant columns of a small file are known at once. Several files share it, but each is looked at as far as kinds
// are decided by it. Of measurements more are looked at: a variable is a column as soon as there is one.
const (
	headerRows  = 5000
	headerBytes = 4 << 20
	leastRows   = 1000
	leastBytes  = 64 << 10
	longRows    = 20 * headerRows
	longBytes   = 2 * headerBytes
)

// bounds is the part of a file that is read; nil is all of it.
type bounds struct {
	rows  int
	bytes int64
}

// sample is the part of each of so many files that Header looks at.
func (s *source) sample(files int) *bounds {
	rows, bytes := headerRows, headerBytes
	if s.Long != nil {
		rows, bytes = longRows, longBytes
	}
	return &bounds{max(rows/files, leastRows), int64(max(bytes/files, leastBytes))}
}

// Header implements plugins.Dataset.
//
// It names every column that is read, those too that Read leaves out as constant: they may have roles in the
// experiment. When the sample holds the whole files they are known, and marked. Otherwise a column without a value in the
// sample has no kind, unless it is known to hold numbers: its first value decides. Of a long table it knows the variables
// of the sample, and those that the settings name; Read may find rarer ones, each with columns of its own.
func (d *dataset) Header(ctx context.Context, _ plugins.Env) (*plugins.Header, error) {
	t, err := d.build(ctx, 1, true)
	if err != nil {
		return nil, err
	}
	h := &plugins.Header{Governance: plugins.Restricted} // the safe one, unless the experiment says otherwise
	if t.complete {
		h.Rows = t.rows
	}
	var left []dropped
	for _, c := range t.columns {
		info := plugins.ColumnInfo{Name: c.Name, Kind: c.Kind, Unit: c.Unit, Group: t.groups[c.Name], Seen: seen(c)}
		if reason := saysNothing(c); t.complete && reason != "" {
			info.Summary = reason + ": left out when the data are read"
			left = append(left, dropped{c.Name, reason})
		}
		if !t.complete && c.Kind == frame.Category && !hasValue(c) {
			info.Kind = ""
		}
		h.Columns = append(h.Columns, info)
	}
	h.Notes = notes(left) // shown with results, so nothing that holds for the sample alone
	return h, nil
}

// seen is what a sample shows of a column.
func seen(c *frame.Column) *plugins.Seen {
	s := &plugins.Seen{Rows: c.Len() - c.MissingCount()}
	switch {
	case s.Rows == 0:
		return nil
	case c.Kind == frame.Category:
		s.Levels, s.Rewritten = len(c.Levels), frame.Rewritten(c.Levels)
	default:
		s.ZeroOne = !slices.ContainsFunc(c.Numbers, func(v float64) bool { return v != 0 && v != 1 && !math.IsNaN(v) })
	}
	return s
}

// Read implements plugins.Dataset. Columns with one value, or none, in all rows are left out; a note names each
// with the reason.
func (d *dataset) Read(ctx context.Context, env plugins.Env) (*plugins.Data, error) {
	t, err := d.build(ctx, env.Threads, false)
	if err != nil {
		return nil, err
	}
	varying, left := drop(t.columns)
	missing := 0
	for _, c := range varying {
		missing += c.MissingCount()
	}
	f, err := frame.New(varying...)
	if err != nil {
		return nil, err
	}
	if len(varying) == 0 {
		if f, err = frame.Must(t.columns...).Select(); err != nil { // no column, of as many rows
			return nil, err
		}
	}
	return &plugins.Data{Frame: f, Notes: notes(left), Counts: append(t.counts,
		plugins.Count{Name: "columns dropped: constant", Value: count(left, constant)},
		plugins.Count{Name: "columns dropped: no value", Value: count(left, noValue)},
		plugins.Count{Name: "columns kept", Value: len(varying)},
		plugins.Count{Name: "missing cells", Value: missing},
	)}, nil
}

// build reads the tables, or a sample of each, and joins them. Of samples it tells the faults of all tables together.
func (d *dataset) build(ctx context.Context, threads int, sample bool) (*sheet, error) {
	t, err := d.whole(ctx, threads, sample)
	if err != nil && sample && ctx.Err() == nil {
		return nil, d.faults(ctx, threads, err)
	}
	return t, err
}

// faults is the error of what is wrong with the samples of all tables, and of what was found to be wrong first, which may be
// that they do not go together.
func (d *dataset) faults(ctx context.Context, threads int, first error) error {
	all := slices.Clone(frame.Apart(first))
	known := map[string]bool{}
	for _, err := range all {
		known[err.Error()] = true
	}
	for _, s := range d.sources() {
		_, err := s.read(ctx, threads, true)
		for _, fault := range frame.Apart(err) {
			if !known[fault.Error()] {
				known[fault.Error()] = true
				all = append(all, fault)
			}
		}
	}
	return frame.Together(all...)
}

// whole reads the tables, or a sample of each, and joins them. It ends at the first table that has faults.
func (d *dataset) whole(ctx context.Context, threads int, sample bool) (*sheet, error) {
	t, err := d.main.read(ctx, threads, sample)
	if err != nil {
		return nil, err
	}
	if err := d.joinAll(ctx, t, threads, sample); err != nil {
		return nil, err
	}
	if err := t.finishDates(); err != nil {
		return nil, err
	}
	if err := t.leaveOut(); err != nil {
		return nil, err
	}
	return t, nil
}

// dropped is a column that is left out.
type dropped struct{ name, reason string }

// Why a column is left out.
const (
	constant = "constant"
	noValue  = "no value"
)

// drop returns the columns that vary, and the others. A column that is missing in some rows and has one value
// in the others varies.
func drop(columns []*frame.Column) (varying []*frame.Column, left []dropped) {
	for _, c := range columns {
		if reason := saysNothing(c); reason != "" {
			left = append(left, dropped{c.Name, reason})
		} else {
			varying = append(varying, c)
		}
	}
	return varying, left
}

// saysNothing returns why a column is left out, empty when it is not. The column has rows.
func saysNothing(c *frame.Column) string {
	switch c.MissingCount() {
	case c.Len():
		return noValue
	case 0:
		if isConstant(c) {
			return constant
		}
	}
	return ""
}

// isConstant reports whether a column without missing values has one value.
func isConstant(c *frame.Column) bool {
	if c.Kind == frame.Category {
		return len(c.Levels) == 1
	}
	for _, v := range c.Numbers {
		if v != c.Numbers[0] {
			return false
		}
	}
	return true
}

func count(left []dropped, reason string) int {
	n := 0
	for _, d := range left {
		if d.reason == reason {
			n++
		}
	}
	return n
}

func notes(left []dropped) []string {
	if len(left) == 0 {
		return nil
	}
	texts := make([]string, len(left))
	for i, d := range left {
		texts[i] = fmt.Sprintf("%s (%s)", d.name, d.reason)
	}
	columns := "columns"
	if len(left) == 1 {
		columns = "column"
	}
	return []string{fmt.Sprintf("dropped %d %s: %s", len(left), columns, strings.Join(texts, ", "))}
}
