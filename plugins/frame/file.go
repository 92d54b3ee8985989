package frame

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// ReadFile reads a table file, told by its name: CSV text (.csv, .tsv, .txt, .data, each also with .gz after it),
// .parquet, or Arrow (.arrow, .feather). An empty opts.File becomes the file's name without its folder, so that
// messages hold no machine's paths.
//
// Errors are *FileError, also for a missing file, a folder, and a name of another kind; ctx.Err() aside.
func ReadFile(ctx context.Context, path string, opts ReadOptions) (*Table, error) {
	return readFile(ctx, path, opts, math.MaxInt, 0)
}

// SampleFile reads as ReadFile does, but no more than the first maxRows rows and, of CSV, maxBytes bytes of text.
func SampleFile(ctx context.Context, path string, opts ReadOptions, maxRows int, maxBytes int64) (*Table, error) {
	return readFile(ctx, path, opts, maxRows, maxBytes)
}

func readFile(ctx context.Context, path string, opts ReadOptions, maxRows int, maxBytes int64) (*Table, error) {
	if opts.File == "" {
		opts.File = filepath.Base(path)
	}
	format := formatOf(path)
	if format == "" {
		return nil, &FileError{File: opts.File, Msg: unknownFormat}
	}
	in, size, err := openFile(path, opts.File)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var t *Table
	switch {
	case format == parquetFile:
		t, err = readParquet(ctx, in, size, opts, maxRows)
	case format == arrowFile:
		t, err = readArrow(ctx, in, size, opts, maxRows)
	case maxRows == math.MaxInt:
		t, err = ReadCSV(contextReader{ctx, in}, opts)
	default:
		t, err = SampleCSV(contextReader{ctx, in}, opts, maxRows, maxBytes)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return t, err
}

// format is how a table file is written.
type format string

const (
	csvFile     format = "CSV"
	parquetFile format = "Parquet"
	arrowFile   format = "Arrow"
)

const unknownFormat = "unknown kind of file; want a name that ends with .csv, .tsv, .txt or .data (or one of these with .gz), .parquet, .arrow or .feather"

// formatOf tells the format by a file's name; "" when it does not tell.
func formatOf(path string) format {
	name := strings.ToLower(path)
	switch filepath.Ext(name) {
	case ".parquet":
		return parquetFile
	case ".arrow", ".feather":
		return arrowFile
	}
	switch filepath.Ext(strings.TrimSuffix(name, ".gz")) {
	case ".csv", ".tsv", ".txt", ".data":
		return csvFile
	}
	return ""
}

// openFile opens a file that is no folder. name is its name in messages.
func openFile(path, name string) (in *os.File, size int64, err error) {
	in, err = os.Open(path)
	if err != nil {
		return nil, 0, openFault(name, err)
	}
	info, err := in.Stat()
	switch {
	case err != nil:
		err = openFault(name, err)
	case info.IsDir():
		err = &FileError{File: name, Msg: "a folder, not a file"}
	}
	if err != nil {
		in.Close()
		return nil, 0, err
	}
	return in, info.Size(), nil
}

// openFault says why a file cannot be opened, without its path.
func openFault(name string, err error) error {
	msg := err.Error()
	var path *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		msg = "no such file"
	case errors.Is(err, fs.ErrPermission):
		msg = "no permission to read it"
	case errors.As(err, &path):
		msg = path.Err.Error()
	}
	return &FileError{File: name, Msg: msg, Err: err}
}

// contextReader is a file that can no longer be read once its context is done.
type contextReader struct {
	ctx context.Context
	in  *os.File
}

// Read implements io.Reader.
func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.in.Read(p)
}
