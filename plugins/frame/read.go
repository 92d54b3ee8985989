package frame

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// ReadOptions says how a table file is read. The zero value reads every column of a comma-separated file
// and decides the kinds from the values.
type ReadOptions struct {
	File      string // name of the file in messages
	Delimiter byte   // CSV only; 0 is a tab for a file named .tsv or .tsv.gz, and a comma for others
	// Header names the columns of CSV text that has no header line: all of them, in order. The error of a row with
	// another number of fields names its line. nil: the first line is the header. Files of other kinds refuse it.
	Header []string
	// Columns declares what is known of a column. A name that the file does not have is an error.
	Columns map[string]ColumnOptions
	// Missing lists texts that stand for "no value" in every column, besides the empty field of a CSV file.
	// In a Number column a code also matches every number of equal value: "-1" matches -1.0.
	Missing []string
	Keep    []string // columns to read; nil: all. Columns keep the order of the file.
	Drop    []string // columns not to read
	// SampleRows is how many rows decide the kind of an undeclared CSV column; 0 is 1,000.
	//
	// A text among numbers makes the column a category only where numbers do not prevail: a slip, or a word for
	// "no value", would otherwise turn ages into names in silence. It is an error, which a missing code or a declared
	// kind mends, when of the values in these rows, or of the different ones, at least nine in ten are numbers, or
	// when all texts are the same and there are two or more different numbers. Codes such as "A1", "B2" and "10" pass.
	// Shares of different values, and the rule for one text, are for words such as "NA", which may fill most rows
	// of a column of few or many numbers. An error costs one line of settings; a silent category costs the result.
	SampleRows int
	// MaxBytes limits the size of the decompressed content; 0 is no limit.
	MaxBytes int64
	// Threads is how many goroutines may be kept busy; with 2 or more, decompression has its own.
	Threads int
}

// ColumnOptions is what is declared of one column.
type ColumnOptions struct {
	Kind    Kind     // empty: decided from the values (CSV) or the stored type (Parquet, Arrow)
	Unit    string   // must agree with the file's own, where Parquet or Arrow give one
	Missing []string // further codes, as ReadOptions.Missing
}

// Table is a file that was read.
type Table struct {
	Frame    *Frame
	Header   []string // all columns of the file, or of ReadOptions.Header, in order, whether read or not
	Complete bool     // all rows were read
}

// The limits of a table file. Anything beyond is not a table of patients but a damaged or hostile file.
const (
	maxColumns    = 16384
	maxFieldBytes = 1 << 20
)

const defaultSampleRows = 1000

// columnBuilders checks names against the options and returns one builder for each column of the file,
// with nil for a column that is not read. line is where the names stand; 0 when they have no line.
func columnBuilders(names []string, opts ReadOptions, line int) ([]*builder, error) {
	fault := func(name, msg string) error {
		return &FileError{File: opts.File, Line: line, ColumnName: name, Msg: msg}
	}
	if err := checkNames(names, opts.File, line); err != nil {
		return nil, err
	}
	var unknown []error
	told := map[string]bool{}
	for _, asked := range [][]string{opts.Keep, opts.Drop, sortedKeys(opts.Columns)} {
		for _, n := range asked {
			if !slices.Contains(names, n) && !told[n] {
				told[n] = true
				unknown = append(unknown, fault("", unknownColumn(n, names)))
			}
		}
	}
	if err := Together(unknown...); err != nil {
		return nil, err
	}
	builders := make([]*builder, len(names))
	for i, n := range names {
		if (opts.Keep != nil && !slices.Contains(opts.Keep, n)) || slices.Contains(opts.Drop, n) {
			continue
		}
		b, err := newBuilder(n, opts.Columns[n], opts.Missing)
		if err != nil {
			return nil, fault(n, err.Error())
		}
		builders[i] = b
	}
	return builders, nil
}

// checkNames returns the fault of the names of a file's columns: too many, empty, no UTF-8, or equal.
func checkNames(names []string, file string, line int) error {
	msg := ""
	if len(names) > maxColumns {
		msg = fmt.Sprintf("%d columns; at most %d can be read", len(names), maxColumns)
	}
	at := make(map[string]int, len(names))
	for i, n := range names {
		if msg != "" {
			break
		}
		if n == "" {
			msg = fmt.Sprintf("field %d of the header is empty; every column needs a name", i+1)
		}
		if !utf8.ValidString(n) {
			msg = fmt.Sprintf("field %d of the header is not UTF-8", i+1)
		}
		if first, twice := at[n]; twice {
			msg = fmt.Sprintf("fields %d and %d of the header are both named %q", first+1, i+1, n)
			if isNumber(n) { // most likely a row, whose values are not to be shown
				msg = fmt.Sprintf("fields %d and %d of the header are the same number; if the first line is a row, give the names of the columns", first+1, i+1)
			}
		}
		at[n] = i
	}
	if msg != "" {
		return &FileError{File: file, Line: line, Msg: msg}
	}
	return nil
}

// isNumber reports whether the name of a column is a number: then it may be a value.
func isNumber(name string) bool {
	_, err := strconv.ParseFloat(strings.TrimSpace(name), 64)
	return err == nil
}

func sortedKeys(m map[string]ColumnOptions) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// unknownColumn says that a column is not in the file, and which one may be meant.
func unknownColumn(name string, names []string) string {
	type guess struct {
		name     string
		distance int
	}
	var best *guess
	for _, n := range names {
		d := editDistance(strings.ToLower(name), strings.ToLower(n))
		if d <= max(1, len(name)/3) && (best == nil || cmp.Less(d, best.distance)) {
			best = &guess{n, d}
		}
	}
	msg := fmt.Sprintf("no column named %q", name)
	if best != nil {
		msg += fmt.Sprintf("; did you mean %q?", best.name)
	}
	return msg
}

// editDistance is the Levenshtein distance in bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// checkCells compares the size of the columns to be read with the limit, before anything is allocated.
func checkCells(builders []*builder, rows int, opts ReadOptions) error {
	cells := int64(0)
	for _, b := range builders {
		if b != nil {
			cells += int64(rows)
		}
	}
	if opts.MaxBytes > 0 && 8*cells > opts.MaxBytes {
		return &FileError{File: opts.File, Msg: fmt.Sprintf("%d values take more than the limit of %d bytes", cells, opts.MaxBytes)}
	}
	return nil
}

// assemble makes the frame of the columns that were read. Each column is made by one of the threads, alone.
func assemble(builders []*builder, rows, threads int) (*Frame, error) {
	read := make([]*builder, 0, len(builders))
	for _, b := range builders {
		if b != nil {
			read = append(read, b)
		}
	}
	columns := make([]*Column, len(read))
	var next atomic.Int64
	work := func() {
		for i := next.Add(1) - 1; i < int64(len(read)); i = next.Add(1) - 1 {
			columns[i] = read[i].column(rows)
		}
	}
	var others sync.WaitGroup
	for range min(threads, len(read)) - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
	f, err := New(columns...)
	if err != nil {
		return nil, err
	}
	f.rows = rows // also when no column was read
	return f, nil
}
