package frame

import (
	"fmt"
	"strings"
)

// FileError is a fault of an input file. It never holds a value of a row.
type FileError struct {
	File       string   // as given in ReadOptions; may be empty
	Line       int      // line of the file, from 1; 0 when the fault has no line
	Column     int      // byte of the line where the field starts, from 1; 0 when the fault has no field
	ColumnName string   // name of the column; empty when the fault has none
	More       []string // further columns that have the same fault; Msg names them
	Msg        string
	Err        error // the cause, when there is one; its text is part of Msg
}

// Error is "FILE:LINE:COLUMN: column "NAME": message", without the parts that are not known.
func (e *FileError) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		if e.File == "" {
			fmt.Fprintf(&b, "line %d", e.Line)
		} else {
			fmt.Fprintf(&b, ":%d", e.Line)
		}
		if e.Column > 0 {
			fmt.Fprintf(&b, ":%d", e.Column)
		}
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	if e.ColumnName != "" {
		fmt.Fprintf(&b, "column %q: ", e.ColumnName)
	}
	b.WriteString(e.Msg)
	return b.String()
}

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }
