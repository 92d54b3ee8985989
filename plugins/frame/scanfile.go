package frame

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// ScanColumn asks for one column of a scanned file.
type ScanColumn struct {
	Name     string // of the header, whatever its case
	Kind     Kind
	Optional bool // a file without it is no error: its values are missing
	Lenient  bool // Number only: a text is a missing value, and counted
}

// ScanOptions says how a CSV file is scanned.
type ScanOptions struct {
	File      string       // name of the file in messages; empty: the file's name without its folder
	Delimiter byte         // 0 is a tab for a file named .tsv or .tsv.gz, and a comma for others
	Columns   []ScanColumn // those to be read; the others are skipped
	Missing   []string     // texts that stand for "no value", besides the empty field; in a Number also equal numbers
	MaxBytes  int64        // limit of the decompressed content; 0 is no limit
	Threads   int          // with 2 or more, decompression has its own goroutine
}

// ScanBatch is consecutive rows of a scanned file. It is used again for the next batch.
type ScanBatch struct {
	First   int64 // number of the first row, from 1; the header does not count
	Rows    int
	Columns []ScanValues // by ScanOptions.Columns
}

// ScanValues is the values of one column in a batch. Numbers, or Codes into Levels; NaN or Missing where there is none.
// Levels grow from batch to batch, in order of first appearance: a code means the same in all batches.
type ScanValues struct {
	Numbers []float64
	Codes   []int32
	Levels  []string
}

// Scanned is the account of a scan.
type Scanned struct {
	Rows   int64
	Header []string
	Found  []bool  // by ScanOptions.Columns: the file has the column
	Texts  []int64 // by ScanOptions.Columns: texts that a lenient column took for missing
}

const (
	scanRows = 1 << 13 // of a batch
	// A category with more different texts, or so much text, is no category: its memory would grow with the rows.
	maxScanLevels     = 1_000_000
	maxScanLevelBytes = 256 << 20
)

// ScanFile reads the chosen columns of a CSV file, plain or compressed by gzip, in batches in the order of the file. Its
// memory does not grow with the rows of the file, but for the different texts of Category columns.
//
// The text has the form that ReadCSV reads, with a header line, and is checked as strictly in columns that are skipped.
// A column is the one of its very name, or else the one whose name differs in case alone; two of these are an error
// that names both. A Number is what ReadCSV takes for one: a finite decimal number, without spaces.
//
// Each batch has 8,192 rows, the last one fewer; a file without rows has none. each must not keep a batch or change it;
// its error ends the scan and is returned as it is. A fault of the file is a *FileError with line, byte and column, and
// without any value of a row, or says that gzip data are damaged, as of ReadCSV; the rows before it may not have been
// handed on. When ctx is done, ctx.Err() is returned.
func ScanFile(ctx context.Context, path string, opts ScanOptions, each func(*ScanBatch) error) (*Scanned, error) {
	if opts.File == "" {
		opts.File = filepath.Base(path)
	}
	in, _, err := openFile(path, opts.File)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	got, err := scanCSV(ctx, contextReader{ctx, in}, opts, each)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return got, err
}

// scanCSV is ScanFile for a text that is open.
func scanCSV(ctx context.Context, r io.Reader, opts ScanOptions, each func(*ScanBatch) error) (*Scanned, error) {
	delimiter, err := delimiterOf(opts.Delimiter, opts.File)
	if err != nil {
		return nil, &FileError{File: opts.File, Msg: err.Error()}
	}
	in, err := openInput(r, ReadOptions{File: opts.File, MaxBytes: opts.MaxBytes, Threads: opts.Threads}, wantOf(nil))
	defer in.close()
	t := tableScan{csvText: csvText{scanner: newScanner(in, delimiter, 0), file: opts.File}}
	if err != nil {
		return nil, t.fault(err)
	}
	rows, err := t.scan(ctx, opts, each)
	var own callerError
	switch {
	case errors.As(err, &own):
		return nil, own.error
	case err != nil:
		return nil, in.cause(err, false)
	}
	got := &Scanned{Rows: rows, Header: t.names}
	for _, c := range t.columns {
		got.Found = append(got.Found, c.field >= 0)
		got.Texts = append(got.Texts, c.texts)
	}
	return got, nil
}

// callerError is an error of the function that rows are handed to.
type callerError struct{ error }

// tableScan puts the chosen fields of a text into batches.
type tableScan struct {
	csvText
	columns []*scanColumn // by ScanOptions.Columns
	steps   []*scanColumn // those of the file, in its order
	tail    int           // fields after the last of them
	batch   ScanBatch
}

// scanColumn is a column that is read.
type scanColumn struct {
	ScanColumn
	field   int // of the row, from 0; -1 when the file does not have it
	skip    int // fields between the one before and this
	texts   int64
	codes   []float64        // the missing codes that are numbers
	index   map[string]int32 // level or missing code → its code
	size    int              // bytes of all levels
	last    string           // the level met last, with its code: neighbouring rows often agree
	lastAt  int32
	values  *ScanValues // of the batch
	numbers []float64   // room for a batch
	levels  []int32
}

// choose finds the columns in the header.
func (t *tableScan) choose(opts ScanOptions) error {
	if err := checkNames(t.names, opts.File, 1); err != nil {
		return err
	}
	t.batch.Columns = make([]ScanValues, len(opts.Columns))
	for i, asked := range opts.Columns {
		c, err := newScanColumn(asked, opts.Missing, &t.batch.Columns[i])
		if err != nil {
			return &FileError{File: t.file, ColumnName: asked.Name, Msg: err.Error()}
		}
		if c.field, err = findColumn(asked.Name, t.names); err != nil {
			return &FileError{File: t.file, Line: 1, Msg: err.Error()}
		}
		if c.field < 0 && !c.Optional {
			return &FileError{File: t.file, Line: 1, Msg: unknownColumn(asked.Name, t.names)}
		}
		t.columns = append(t.columns, c)
		if c.field >= 0 {
			t.steps = append(t.steps, c)
		}
	}
	slices.SortFunc(t.steps, func(a, b *scanColumn) int { return a.field - b.field })
	next := 0
	for i, c := range t.steps {
		if i > 0 && c.field == t.steps[i-1].field {
			return &FileError{File: t.file, ColumnName: t.names[c.field], Msg: "asked for twice"}
		}
		c.skip = c.field - next
		next = c.field + 1
	}
	t.tail = len(t.names) - next
	return nil
}

// findColumn returns the index of the column that a name means, or -1.
func findColumn(asked string, names []string) (int, error) {
	if i := slices.Index(names, asked); i >= 0 {
		return i, nil
	}
	found := -1
	for i, n := range names {
		switch {
		case !strings.EqualFold(n, asked):
		case found >= 0:
			return -1, fmt.Errorf("columns %q and %q differ in case alone; which of them is %q?", names[found], n, asked)
		default:
			found = i
		}
	}
	return found, nil
}

func newScanColumn(asked ScanColumn, missing []string, values *ScanValues) (*scanColumn, error) {
	c := &scanColumn{ScanColumn: asked, index: map[string]int32{}, values: values}
	switch asked.Kind {
	case Number:
		c.numbers = make([]float64, scanRows)
		for i := range c.numbers {
			c.numbers[i] = math.NaN()
		}
	case Category:
		c.levels = slices.Repeat([]int32{Missing}, scanRows)
	default:
		return nil, fmt.Errorf("kind %q is neither %q nor %q", asked.Kind, Number, Category)
	}
	for _, code := range missing {
		c.index[code] = Missing
		if v, ok := parseNumber([]byte(code)); ok {
			c.codes = append(c.codes, v)
		}
	}
	return c, nil
}

// scan reads the header, then all rows, which it hands on.
func (t *tableScan) scan(ctx context.Context, opts ScanOptions, each func(*ScanBatch) error) (int64, error) {
	if err := t.readNames(nil); err != nil {
		return 0, err
	}
	if err := t.choose(opts); err != nil {
		return 0, err
	}
	return t.rows(ctx, each)
}

// rows reads all rows and hands them on.
func (t *tableScan) rows(ctx context.Context, each func(*ScanBatch) error) (int64, error) {
	t.batch.First = 1
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		n, end, err := t.fillBatch()
		if err != nil {
			return 0, err
		}
		if n > 0 {
			t.batch.Rows = n
			for _, c := range t.columns {
				c.show(n)
			}
			if err := each(&t.batch); err != nil {
				return 0, callerError{err}
			}
			t.batch.First += int64(n)
		}
		if end {
			return t.batch.First - 1, nil
		}
	}
}

// show puts the first rows of the room into the batch.
func (c *scanColumn) show(rows int) {
	if c.Kind == Number {
		c.values.Numbers = c.numbers[:rows]
	} else {
		c.values.Codes = c.levels[:rows]
	}
}

func (t *tableScan) fillBatch() (rows int, end bool, err error) {
	for ; rows < scanRows; rows++ {
		more, err := t.moreRows()
		if err != nil || !more {
			return rows, true, err
		}
		if err := t.row(rows); err != nil {
			return rows, true, err
		}
	}
	return rows, false, nil
}

// row reads one row.
func (t *tableScan) row(at int) error {
	line := t.line
	fields, after := 0, endField
	for _, c := range t.steps {
		var err error
		if c.skip > 0 {
			if fields, after, err = t.pass(fields, c.skip); err != nil {
				return err
			}
		}
		if after == endField {
			if after, err = t.read(c, at); err != nil {
				return err
			}
			fields++
		}
		if after != endField {
			break
		}
	}
	if t.tail > 0 && after == endField {
		var err error
		if fields, after, err = t.pass(fields, t.tail); err != nil {
			return err
		}
	}
	if fields == len(t.names) && after != endField {
		return nil
	}
	return t.ragged(line, fields, after)
}

// pass steps over n fields after so many others.
func (t *tableScan) pass(fields, n int) (int, ending, error) {
	k, after, err := t.skip(n)
	if err != nil {
		return 0, 0, t.scanFault(fields+k, err)
	}
	return fields + k, after, nil
}

// read reads a field into row at of the batch.
func (t *tableScan) read(c *scanColumn, at int) (ending, error) {
	if c.Kind == Number {
		if v, after, ok := t.plainNumber(); ok {
			for _, code := range c.codes {
				if v == code {
					v = math.NaN()
				}
			}
			c.numbers[at] = v
			return after, nil
		}
	}
	if c.Kind == Category && t.buf[t.pos] == t.delim { // beyond the text there is a newline
		t.pos++
		c.levels[at] = Missing
		return endField, nil
	}
	text, after, err := t.next()
	if err != nil {
		return 0, t.scanFault(c.field, err)
	}
	fault := ""
	if c.Kind == Number {
		c.numbers[at], fault = c.number(text)
	} else {
		c.levels[at], fault = c.level(text)
	}
	if fault != "" {
		return 0, t.fieldFault(c.field, fault)
	}
	return after, nil
}

// number is the value of a field.
func (c *scanColumn) number(text []byte) (v float64, fault string) {
	if len(text) == 0 {
		return math.NaN(), ""
	}
	if v, ok := parseNumber(text); ok {
		if slices.Contains(c.codes, v) {
			v = math.NaN()
		}
		return v, ""
	}
	if _, code := c.index[string(text)]; code {
		return math.NaN(), ""
	}
	switch {
	case !utf8.Valid(text):
		return 0, faultUTF8
	case !c.Lenient:
		return 0, "text where a number is wanted"
	}
	c.texts++
	return math.NaN(), ""
}

// level is the code of a field.
func (c *scanColumn) level(text []byte) (code int32, fault string) {
	switch {
	case len(text) == 0:
		return Missing, ""
	case string(text) == c.last:
		return c.lastAt, ""
	}
	code, ok := c.index[string(text)]
	if !ok {
		if fault := c.addLevel(text); fault != "" {
			return 0, fault
		}
		code = int32(len(c.values.Levels)) - 1
	}
	if code != Missing {
		c.last, c.lastAt = c.values.Levels[code], code
	}
	return code, ""
}

// addLevel adds a text that was not met before.
func (c *scanColumn) addLevel(text []byte) (fault string) {
	c.size += len(text)
	switch {
	case !utf8.Valid(text):
		return faultUTF8
	case len(c.values.Levels) == maxScanLevels:
		return fmt.Sprintf("more than %d different texts; want a category with fewer, or a number", maxScanLevels)
	case c.size > maxScanLevelBytes:
		return fmt.Sprintf("different texts of more than %d bytes in all; want a category with fewer, or a number", maxScanLevelBytes)
	}
	level := string(text)
	c.index[level] = int32(len(c.values.Levels))
	c.values.Levels = append(c.values.Levels, level)
	return ""
}
