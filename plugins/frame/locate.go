package frame

import (
	"context"
	"fmt"
	"path/filepath"
)

// FaultAt returns a *FileError with a message about one field of a table file that ReadFile has read, for faults that its reader
// finds later. row counts from 0, without the header line. Of CSV it reads up to the row again, and the error has line and
// byte; rows of other files have no place, so that the message gives the row's number, from 1.
func FaultAt(ctx context.Context, path string, opts ReadOptions, row int, column, msg string) error {
	if opts.File == "" {
		opts.File = filepath.Base(path)
	}
	if formatOf(path) == csvFile {
		if at := locate(ctx, path, opts, row, column); at != nil {
			at.Msg = msg
			return at
		}
	}
	return &FileError{File: opts.File, ColumnName: column, Msg: fmt.Sprintf("row %d: %s", row+1, msg)}
}

// locate returns the place of a field of a CSV file; nil when the file has no such field any more.
func locate(ctx context.Context, path string, opts ReadOptions, row int, column string) *FileError {
	delimiter, err := delimiterOf(opts.Delimiter, opts.File)
	if err != nil {
		return nil
	}
	file, _, err := openFile(path, opts.File)
	if err != nil {
		return nil
	}
	defer file.Close()
	opts.Threads = 1
	in, err := openInput(contextReader{ctx, file}, opts, wantOf(opts.Header))
	defer in.close()
	if err != nil {
		return nil
	}
	c := csvText{scanner: newScanner(in, delimiter, 0), file: opts.File}
	if c.readNames(opts.Header) != nil {
		return nil
	}
	for at := 0; ; at++ {
		if more, err := c.moreRows(); err != nil || !more {
			return nil
		}
		if at == row {
			break
		}
		if _, after, err := c.skip(len(c.names)); err != nil || after == endText {
			return nil
		}
	}
	for i, after := 0, endField; i < len(c.names) && after == endField; i++ {
		if _, after, err = c.next(); err != nil {
			return nil
		}
		if c.names[i] == column {
			return &FileError{File: c.file, Line: c.startLine, Column: c.startByte, ColumnName: column}
		}
	}
	return nil
}
