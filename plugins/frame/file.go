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

// ReadFile reads a table file: .csv, .csv.gz or .parquet, told by its name. An empty opts.File becomes the
// file's name without its folder, so that messages hold no machine's paths.
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
	name := strings.ToLower(path)
	isCSV := strings.HasSuffix(name, ".csv") || strings.HasSuffix(name, ".csv.gz")
	if !isCSV && !strings.HasSuffix(name, ".parquet") {
		return nil, &FileError{File: opts.File, Msg: "unknown kind of file; want a name that ends with .csv, .csv.gz or .parquet"}
	}
	in, err := os.Open(path)
	if err != nil {
		return nil, openFault(opts.File, err)
	}
	defer in.Close()
	info, err := in.Stat()
	switch {
	case err != nil:
		return nil, openFault(opts.File, err)
	case info.IsDir():
		return nil, &FileError{File: opts.File, Msg: "a folder, not a file"}
	}
	var t *Table
	switch {
	case !isCSV:
		t, err = readParquet(ctx, in, info.Size(), opts, maxRows)
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
