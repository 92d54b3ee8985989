// Package table is the data set of one file: CSV, CSV compressed by gzip, or Parquet.
//
// Which files can be read, and how, is said by frame.ReadFile; this package declares it in an experiment,
// leaves out columns that say nothing, and accounts for what was read.
//
// The kind of a CSV column that columns.NAME.kind does not declare is decided from its first 1,000 rows: a number
// when all values are, a category when they are texts. Numbers with a few texts among them, of which at least nine
// in ten values, or different values, are numbers, or whose texts are all the same, are an error with the place of
// the first text, as frame.ReadOptions says with its reasons: a missing code or columns.NAME.kind decides.
package table

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Config is the data set's "with" block.
type Config struct {
	Path      string                  `json:"path"`                // a .csv, .csv.gz or .parquet file
	Delimiter string                  `json:"delimiter,omitempty"` // of CSV: one ASCII character
	Columns   map[string]ColumnConfig `json:"columns,omitempty"`   // what is known of a column
	Missing   []Code                  `json:"missing,omitempty"`   // codes of "no value" in every column
	Drop      []string                `json:"drop,omitempty"`      // columns that are not read

	MaxBytes int64 `json:"maxBytes"` // limit of the decompressed content, > 0
}

// ColumnConfig declares one column.
type ColumnConfig struct {
	Kind    frame.Kind `json:"kind,omitempty"`
	Unit    string     `json:"unit,omitempty"`
	Missing []Code     `json:"missing,omitempty"` // further codes
}

// Code is a text that stands for "no value"; in JSON it may be written as a number too.
type Code string

// UnmarshalJSON reads a text, or a number as its shortest text: -1, -1.0 and "-1" are one code.
func (c *Code) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) == nil {
		*c = Code(text)
		return nil
	}
	var number float64
	if err := json.Unmarshal(b, &number); err != nil {
		return fmt.Errorf("missing code %s: want a text or a number", b)
	}
	*c = Code(strconv.FormatFloat(number, 'f', -1, 64))
	return nil
}

// defaults are the settings that an experiment need not name. Rows are restricted unless the experiment says
// otherwise: the mistake that shows patients' rows to nobody is the one that can be taken back.
var defaults = Config{
	Delimiter: ",",
	MaxBytes:  4 << 30,
}

// schema has no @column() marks: drop and columns name columns of the file, which need not be columns of the
// data set, and are checked against the file itself.
const schema = `
// a .csv, .csv.gz or .parquet file
path!: string & !="" @path()
// of CSV: one ASCII character, "," unless set
delimiter?: =~"^[ -!#-~\t]$" @say("one ASCII character other than a quote")
// what is known of single columns
columns?: [string]: {
	// decided from the first 1,000 rows (CSV) or the stored type (Parquet) unless set;
	// an error when a few texts stand among numbers: set it, or declare the texts missing
	kind?: "number" | "category"
	// e.g. "mmol/L"
	unit?: string
	// codes that stand for "no value" in this column
	missing?: [...(string | number)]
}
// codes that stand for "no value" in every column, besides the empty field
missing?: [...(string | number)]
// columns that are not read
drop?: [...string]
// limit of the decompressed content; 4 GiB unless set
maxBytes?: int & >0
`

// Register adds the data set to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Datasets, plugins.Info{
		Name:    "table",
		Version: 1,
		Summary: "rows of one CSV, CSV.gz or Parquet file",
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

// New returns the data set. It does not open the file.
func New(c Config) (plugins.Dataset, error) {
	if c.Path == "" {
		return nil, fmt.Errorf(`"path" is empty; want a .csv, .csv.gz or .parquet file`)
	}
	if len(c.Delimiter) != 1 || strings.ContainsAny(c.Delimiter, "\"\r\n\x00") || c.Delimiter[0] >= utf8.RuneSelf {
		return nil, fmt.Errorf(`"delimiter" %q: want one ASCII character`, c.Delimiter)
	}
	if c.MaxBytes <= 0 {
		return nil, fmt.Errorf(`"maxBytes" %d: want a number above 0`, c.MaxBytes)
	}
	return &dataset{c}, nil
}

type dataset struct{ config Config }

// Files implements plugins.Dataset.
func (d *dataset) Files() ([]plugins.File, error) {
	return []plugins.File{{Role: "table", Path: d.config.Path}}, nil
}

// The part of the file that Header looks at: the rows that decide the kinds of Read, and more of them, so that
// the constant columns of a small file are known at once.
const (
	headerRows  = 5000
	headerBytes = 4 << 20
)

// Header implements plugins.Dataset.
//
// It names every column that is read, those too that Read leaves out as constant: they may have roles in the
// experiment. When the sample holds the whole file they are known, and marked.
func (d *dataset) Header(ctx context.Context, _ plugins.Env) (*plugins.Header, error) {
	t, err := frame.SampleFile(ctx, d.config.Path, d.options(1), headerRows, headerBytes)
	if err != nil {
		return nil, err
	}
	if t.Complete && t.Frame.Rows() == 0 {
		return nil, d.noRows()
	}
	h := &plugins.Header{Governance: plugins.Restricted} // the safe one, unless the experiment says otherwise
	var left []dropped
	for _, c := range t.Frame.Columns() {
		info := plugins.ColumnInfo{Name: c.Name, Kind: c.Kind, Unit: c.Unit}
		if reason := saysNothing(c); t.Complete && reason != "" {
			info.Summary = reason + ": left out when the data are read"
			left = append(left, dropped{c.Name, reason})
		}
		h.Columns = append(h.Columns, info)
	}
	h.Notes = notes(left)
	return h, nil
}

// Read implements plugins.Dataset. Columns with one value, or none, in all rows are left out; a note names each
// with the reason.
func (d *dataset) Read(ctx context.Context, env plugins.Env) (*plugins.Data, error) {
	t, err := frame.ReadFile(ctx, d.config.Path, d.options(env.Threads))
	if err != nil {
		return nil, err
	}
	if t.Frame.Rows() == 0 {
		return nil, d.noRows()
	}
	f, left := drop(t.Frame)
	missing := 0
	for _, c := range f.Columns() {
		missing += c.MissingCount()
	}
	return &plugins.Data{
		Frame: f,
		Notes: notes(left),
		Counts: []plugins.Count{
			{Name: "rows read", Value: f.Rows()},
			{Name: "columns in the file", Value: len(t.Header)},
			{Name: "columns dropped: declared", Value: len(t.Header) - len(t.Frame.Columns())},
			{Name: "columns dropped: constant", Value: count(left, constant)},
			{Name: "columns dropped: no value", Value: count(left, noValue)},
			{Name: "columns kept", Value: len(f.Columns())},
			{Name: "missing cells", Value: missing},
		},
	}, nil
}

func (d *dataset) noRows() error {
	return &frame.FileError{File: filepath.Base(d.config.Path), Msg: "no rows, only the names of columns"}
}

func (d *dataset) options(threads int) frame.ReadOptions {
	o := frame.ReadOptions{
		Delimiter: d.config.Delimiter[0],
		Missing:   texts(d.config.Missing),
		Drop:      d.config.Drop,
		MaxBytes:  d.config.MaxBytes,
		Threads:   threads,
		Columns:   map[string]frame.ColumnOptions{},
	}
	for name, c := range d.config.Columns {
		o.Columns[name] = frame.ColumnOptions{Kind: c.Kind, Unit: c.Unit, Missing: texts(c.Missing)}
	}
	return o
}

func texts(codes []Code) []string {
	out := make([]string, len(codes))
	for i, c := range codes {
		out[i] = string(c)
	}
	return out
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
func drop(f *frame.Frame) (varying *frame.Frame, left []dropped) {
	var kept []string
	for _, c := range f.Columns() {
		if reason := saysNothing(c); reason != "" {
			left = append(left, dropped{c.Name, reason})
		} else {
			kept = append(kept, c.Name)
		}
	}
	varying, err := f.Select(kept...)
	if err != nil {
		panic(err) // the names are the frame's own
	}
	return varying, left
}

// saysNothing returns why a column is left out, empty when it is not. The frame has rows.
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
