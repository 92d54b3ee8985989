// Package events is the data set of a file whose rows are events of patients: a code at a time, in a visit. It reads CSV, Parquet
// and Arrow files, those of MEDS (subject_id, time, code, numeric_value) among them.
//
// The columns are those of package plugins/events. An event without a patient, a code or a visit is dropped and counted; times
// become days. A fault names file, line and column, and never a value.
package events

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ehrlab/ehrlab/plugins"
	shape "github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Config is the data set's "with" block.
type Config struct {
	Path      string   `json:"path"`
	Delimiter string   `json:"delimiter,omitempty"` // of CSV: one ASCII character
	Columns   Columns  `json:"columns,omitzero"`
	TimeUnit  string   `json:"timeUnit,omitempty"` // of times that are numbers: "days" unless set
	Visits    Visits   `json:"visits,omitzero"`
	Missing   []string `json:"missing,omitempty"` // codes of "no value" in every column
	MaxBytes  int64    `json:"maxBytes"`          // limit of the decompressed content, > 0
}

// Columns are the names that the columns have in the file; those of the shape unless set.
type Columns struct {
	Subject string `json:"subject,omitempty"`
	Time    string `json:"time,omitempty"`
	Code    string `json:"code,omitempty"`
	Value   string `json:"value,omitempty"`
	Visit   string `json:"visit,omitempty"`
}

// Visits says where the numbers of visits come from: the visit's column unless one field is set.
type Visits struct {
	Gap   float64 `json:"gap,omitempty"`   // hours without an event, after which a new visit begins
	Label string  `json:"label,omitempty"` // column that names the visit, such as the identifier of an admission
}

// The lengths of the units of time, in days.
var days = map[string]float64{"": 1, "days": 1, "hours": 1.0 / 24, "minutes": 1.0 / 1440, "seconds": 1.0 / 86400}

const schema = `
// .csv, .tsv, .txt, .data, each also with .gz, .parquet, .arrow, .feather: a row is an event
path!: string & !="" @path()
// of CSV: one ASCII character; a comma unless set, a tab in .tsv files
delimiter?: =~"^[ -!#-~\t]$" @say("one ASCII character other than a quote")
// what the columns are called in the file; subject_id, time, code, numeric_value and visit unless set
columns?: {
	// the patient
	subject?: string & !=""
	// numbers, or dates such as 2110-04-11 and 2110-04-11 15:08:00; they become days
	time?:    string & !=""
	// what happened
	code?:    string & !=""
	// a number that goes with the code; may be lacking
	value?:   string & !=""
	// the visit's number
	visit?:   string & !=""
}
// unit of times that are numbers; "days" unless set
timeUnit?: "days" | "hours" | "minutes" | "seconds"
// where visits have no numbers: one of
visits?: {
	// a new visit begins after so many hours without an event of the patient
	gap?: number & >0
	// a column names the visit, such as an identifier of the admission; visits are numbered in order of time
	label?: string & !=""
}
// codes that stand for "no value" in every column, besides the empty field
missing?: [...string]
// limit of the decompressed content; 4 GiB unless set
maxBytes?: int & >0
`

// Register adds the data set to r. Rows are restricted unless the experiment says otherwise.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Datasets, plugins.Info{
		Name:    "events",
		Version: 1,
		Summary: "events of patients in a CSV, Parquet or Arrow file: a code at a time, in a visit",
		Source:  "MEDS, Medical Event Data Standard (columns)",
		Schema:  schema,
		Shapes:  []plugins.Shape{plugins.Events},
		Need:    func(s plugins.Size) plugins.Need { return plugins.Need{Threads: 2, Bytes: 64<<20 + 128*int64(s.Rows)} },
	}, Config{MaxBytes: 4 << 30}, New)
}

type dataset struct{ config Config }

// New returns the data set. It opens no file.
func New(c Config) (plugins.Dataset, error) {
	d := c.Delimiter
	switch {
	case c.Path == "":
		return nil, errors.New(`"path" is empty; want a file such as events.csv.gz or events.parquet`)
	case d != "" && (len(d) != 1 || strings.ContainsAny(d, "\"\r\n\x00") || d[0] >= utf8.RuneSelf):
		return nil, fmt.Errorf(`"delimiter" %q: want one ASCII character`, d)
	case days[c.TimeUnit] == 0:
		return nil, fmt.Errorf(`"timeUnit" %q: want "days", "hours", "minutes" or "seconds"`, c.TimeUnit)
	case c.Visits.Gap < 0 || math.IsInf(c.Visits.Gap, 0) || math.IsNaN(c.Visits.Gap):
		return nil, fmt.Errorf(`"visits.gap" %v: want hours above 0`, c.Visits.Gap)
	case c.Visits.Gap > 0 && c.Visits.Label != "":
		return nil, errors.New(`"visits" has a gap and a label; want one of them`)
	case c.Visits != Visits{} && c.Columns.Visit != "":
		return nil, errors.New(`"columns.visit" numbers the visits already; leave out "visits", or that column`)
	case c.MaxBytes <= 0:
		return nil, fmt.Errorf(`"maxBytes" %d: want a number above 0`, c.MaxBytes)
	}
	return &dataset{c}, nil
}

// Files implements plugins.Dataset.
func (d *dataset) Files() ([]plugins.File, error) {
	role := "events"
	if d.config.Delimiter == "" && strings.HasSuffix(strings.TrimSuffix(strings.ToLower(d.config.Path), ".gz"), ".tsv") {
		role += " (tab)" // the name decides what is read, so that it must show in keys
	}
	return []plugins.File{{Role: role, Path: d.config.Path}}, nil
}

// The part of the file that Header looks at.
const (
	headerRows  = 5000
	headerBytes = 4 << 20
)

// Header implements plugins.Dataset. It reads the first rows, so that a column that is not there, or no time, shows at once.
func (d *dataset) Header(ctx context.Context, _ plugins.Env) (*plugins.Header, error) {
	if _, err := d.read(ctx, 1, true); err != nil {
		return nil, err
	}
	return &plugins.Header{Governance: plugins.Restricted, Columns: []plugins.ColumnInfo{
		{Name: shape.Subject, Kind: frame.Category, Role: plugins.RoleSubject, Summary: "the patient"},
		{Name: shape.Time, Kind: frame.Number, Unit: "days", Summary: "when it happened"},
		{Name: shape.Code, Kind: frame.Category, Summary: "what happened"},
		{Name: shape.Value, Kind: frame.Number, Summary: "a number that goes with the code"},
		{Name: shape.Visit, Kind: frame.Number, Summary: "number of the patient's visit"},
	}}, nil
}

// Read implements plugins.Dataset.
func (d *dataset) Read(ctx context.Context, env plugins.Env) (*plugins.Data, error) {
	t, err := d.read(ctx, env.Threads, false)
	if err != nil {
		return nil, err
	}
	counts := []plugins.Count{{Name: "rows read", Value: t.rows}}
	keep := make([]int, 0, t.rows)
	lost := map[string]int{}
	for row := range t.rows {
		if lacks := t.lacks(row); lacks != "" {
			lost[lacks]++
			continue
		}
		keep = append(keep, row)
	}
	if len(keep) == 0 {
		return nil, &frame.FileError{File: filepath.Base(d.config.Path), Msg: "no event with a patient, a code and a visit"}
	}
	for _, lacks := range []string{"patient", "code", "visit"} {
		counts = append(counts, plugins.Count{Name: "events dropped: no " + lacks, Value: lost[lacks]})
	}
	f := frame.Must(t.subject, t.time, t.code, t.value, t.visit)
	if len(keep) < t.rows {
		f = f.Take(keep)
	}
	of, err := shape.New(f)
	if err != nil {
		return nil, err
	}
	return &plugins.Data{Frame: f, Counts: append(
		counts,
		plugins.Count{Name: "events kept", Value: f.Rows()},
		plugins.Count{Name: "patients", Value: of.Patients()},
		plugins.Count{Name: "visits", Value: of.Visits()},
		plugins.Count{Name: "distinct codes", Value: len(of.Codes)},
	)}, nil
}

// table is the columns of the shape.
type table struct {
	rows                              int
	subject, time, code, value, visit *frame.Column
}

// lacks says what an event lacks that it cannot be without; "" when nothing.
func (t *table) lacks(row int) string {
	switch {
	case t.subject.IsMissing(row):
		return "patient"
	case t.code.IsMissing(row):
		return "code"
	case t.visit.IsMissing(row):
		return "visit"
	}
	return ""
}

// named returns the name of a column in the file, and whether the settings give it.
func named(setting, usual string) (name string, given bool) {
	if setting != "" {
		return setting, true
	}
	return usual, false
}

// read reads the file, or its first rows.
func (d *dataset) read(ctx context.Context, threads int, sample bool) (*table, error) {
	opts, err := d.options(ctx)
	if err != nil {
		return nil, err
	}
	opts.Threads = threads
	var read *frame.Table
	if sample {
		read, err = frame.SampleFile(ctx, d.config.Path, *opts, headerRows, headerBytes)
	} else {
		read, err = frame.ReadFile(ctx, d.config.Path, *opts)
	}
	if err != nil {
		return nil, err
	}
	t := &table{rows: read.Frame.Rows()}
	column := func(setting, usual string) *frame.Column {
		name, _ := named(setting, usual)
		return read.Frame.Column(name)
	}
	c := d.config.Columns
	t.subject = renamed(column(c.Subject, shape.Subject), shape.Subject)
	t.code = renamed(column(c.Code, shape.Code), shape.Code)
	if t.value = renamed(column(c.Value, shape.Value), shape.Value); t.value == nil {
		t.value = frame.NewNumber(shape.Value, missing(t.rows))
	}
	if t.time, err = d.time(ctx, *opts, column(c.Time, shape.Time), t.rows); err != nil {
		return nil, err
	}
	switch v := d.config.Visits; {
	case v.Gap > 0:
		t.visit = frame.NewNumber(shape.Visit, shape.ByGap(t.subject, t.time, v.Gap/24))
	case v.Label != "":
		t.visit = frame.NewNumber(shape.Visit, shape.ByLabel(t.subject, t.time, read.Frame.Column(v.Label)))
	default:
		t.visit = renamed(column(c.Visit, shape.Visit), shape.Visit)
	}
	t.visit.Integer = whole(t.visit.Numbers)
	return t, nil
}

// renamed returns a column under another name; nil for none.
func renamed(c *frame.Column, name string) *frame.Column {
	if c == nil {
		return nil
	}
	out := *c
	out.Name = name
	return &out
}

func missing(rows int) []float64 {
	out := make([]float64, rows)
	for i := range out {
		out[i] = math.NaN()
	}
	return out
}

func whole(values []float64) bool {
	return !slices.ContainsFunc(values, func(v float64) bool { return !math.IsNaN(v) && v != math.Trunc(v) })
}

// options says how the file is read: the columns that are named, and those of the shape that it has.
func (d *dataset) options(ctx context.Context) (*frame.ReadOptions, error) {
	opts := &frame.ReadOptions{File: filepath.Base(d.config.Path), Missing: d.config.Missing, MaxBytes: d.config.MaxBytes, Columns: map[string]frame.ColumnOptions{}}
	if d.config.Delimiter != "" {
		opts.Delimiter = d.config.Delimiter[0]
	}
	look := *opts
	look.Keep = []string{} // names alone
	head, err := frame.SampleFile(ctx, d.config.Path, look, 1, headerBytes)
	if err != nil {
		return nil, err
	}
	c, v := d.config.Columns, d.config.Visits
	numbered := v == Visits{}
	for _, want := range []struct {
		setting, usual, given string
		kind                  frame.Kind
		needed                bool
	}{
		{"columns.subject", shape.Subject, c.Subject, frame.Category, true},
		{"columns.time", shape.Time, c.Time, "", v.Gap > 0},
		{"columns.code", shape.Code, c.Code, frame.Category, true},
		{"columns.value", shape.Value, c.Value, frame.Number, false},
		{"columns.visit", shape.Visit, c.Visit, frame.Number, numbered},
		{"visits.label", "", v.Label, frame.Category, v.Label != ""},
	} {
		name, given := named(want.given, want.usual)
		switch {
		case name == "" || want.usual == shape.Visit && !numbered:
		case slices.Contains(opts.Keep, name):
			return nil, &frame.FileError{File: filepath.Base(d.config.Path), Msg: fmt.Sprintf("column %q would stand for two things; %q has to name another", name, want.setting)}
		case slices.Contains(head.Header, name) || given: // a given one that is not there is a fault of the reader, with a hint
			opts.Keep = append(opts.Keep, name)
			opts.Columns[name] = frame.ColumnOptions{Kind: want.kind}
		case want.needed:
			return nil, d.lacking(name, want.setting)
		}
	}
	return opts, nil
}

// lacking is the error of a column that the file has not under its usual name.
func (d *dataset) lacking(name, setting string) error {
	msg := fmt.Sprintf("no column %q; say in %q what it is called", name, setting)
	if name == shape.Visit {
		msg += `, or in "visits" how visits are told apart`
	}
	return &frame.FileError{File: filepath.Base(d.config.Path), Line: 1, Msg: msg}
}
