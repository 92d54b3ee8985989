package frame

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// csvText is CSV text with its header: the rows of a scanner, and the places of what is wrong with them.
type csvText struct {
	*scanner
	file  string   // name in messages
	names []string // of the columns
	given bool     // the names were given: the text has no header line
}

// delimiterOf returns the delimiter that is asked for, or that of a file with this name.
func delimiterOf(asked byte, name string) (byte, error) {
	switch {
	case bytes.IndexByte([]byte("\"\r\n\x00"), asked) >= 0 && asked != 0, asked >= utf8.RuneSelf:
		return 0, errors.New("the delimiter must be an ASCII character other than a quote or a line end")
	case asked != 0:
		return asked, nil
	case strings.HasSuffix(strings.TrimSuffix(strings.ToLower(name), ".gz"), ".tsv"):
		return '\t', nil
	}
	return ',', nil
}

// fault puts a place to an error of the scanner or the input.
func (c *csvText) fault(err error) error {
	var already *FileError
	if errors.As(err, &already) {
		return err
	}
	var f *faultError
	if !errors.As(err, &f) {
		f, _ = inputFault(err).(*faultError)
	}
	out := &FileError{File: c.file, Msg: f.msg, Err: f.err}
	if c.names != nil && f.err == nil { // how far the text came when its source failed depends on the readers' pace
		out.Line = c.line
	}
	return out
}

// fieldFault puts the place of the field that was read last to a fault of field i.
func (c *csvText) fieldFault(i int, msg string) error {
	out := &FileError{File: c.file, Line: c.startLine, Column: c.startByte, Msg: msg}
	if i < len(c.names) {
		out.ColumnName = c.names[i]
	}
	return out
}

// scanFault tells faults of the text, which have a place, from those of the input, which have none.
func (c *csvText) scanFault(i int, err error) error {
	var f *faultError
	if errors.As(err, &f) && f.err == nil {
		return c.fieldFault(i, f.msg)
	}
	return c.fault(err)
}

// readNames reads the first line, unless the names are given.
func (c *csvText) readNames(given []string) error {
	if _, err := c.atEnd(); err != nil {
		return c.fault(err)
	}
	start := c.buf[c.pos:c.end]
	switch {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		c.pos += 3
		c.lineStart = 3
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return c.fault(&faultError{msg: "UTF-16 text; want UTF-8"})
	}
	if c.pos == c.end {
		return c.fault(emptyFile(wantOf(given)))
	}
	if given != nil {
		c.names, c.given = given, true
		if len(given) == 0 {
			return &FileError{File: c.file, Msg: "a header without names is given; name every column"}
		}
		return nil
	}
	var names []string
	for after := endField; after == endField; {
		text, then, err := c.next()
		if err == nil && c.cut && then == endText {
			err = &faultError{msg: fmt.Sprintf("the header line is longer than the %d bytes to be looked at", c.bound)}
		}
		if err != nil {
			return c.scanFault(len(names), err)
		}
		if !utf8.Valid(text) {
			return c.fieldFault(len(names), faultUTF8)
		}
		if len(names) == maxColumns {
			return c.fieldFault(len(names), fmt.Sprintf("more than %d columns", maxColumns))
		}
		names = append(names, string(text))
		after = then
	}
	c.names = names
	return nil
}

// wantOf says what an empty file lacks; given are the names of its columns, if it needs no header.
func wantOf(given []string) string {
	if given != nil {
		return "rows"
	}
	return "a header line"
}

func emptyFile(want string) error { return &faultError{msg: "empty file; want " + want} }

// moreRows gets a row ready. It returns false at the end of the text, before which empty lines do not count.
func (c *csvText) moreRows() (bool, error) {
	if c.end-c.pos < lookahead || c.buf[c.pos] <= '\r' {
		return c.moreRowsSlowly()
	}
	return true, nil
}

func (c *csvText) moreRowsSlowly() (bool, error) {
	end, err := c.atEnd()
	if err != nil {
		return false, c.fault(err)
	}
	if !end && len(c.names) > 1 && c.blank() {
		end, err = c.skipBlankLines()
	}
	return !end, err
}

// blank reports whether an empty line is at pos.
func (c *csvText) blank() bool {
	return c.buf[c.pos] == '\n' || c.buf[c.pos] == '\r' && c.pos+1 < c.end && c.buf[c.pos+1] == '\n'
}

// skipBlankLines steps over empty lines. Only the end of the text may follow them.
func (c *csvText) skipBlankLines() (end bool, err error) {
	first := c.line
	for {
		end, err := c.atEnd()
		if err != nil {
			return false, c.fault(err)
		}
		if end {
			return true, nil
		}
		if !c.blank() {
			return false, &FileError{File: c.file, Line: first, Msg: fmt.Sprintf("empty line where %d fields are wanted", len(c.names))}
		}
		if c.buf[c.pos] == '\r' {
			c.pos++
		}
		c.newLine()
	}
}

// ragged is the fault of the row that began at line, of which so many fields have been read. It reads the rest of
// the row; a row that the bound cut short is no fault.
func (c *csvText) ragged(line, fields int, after ending) error {
	for after == endField {
		var err error
		if _, after, err = c.next(); err != nil {
			return c.scanFault(fields, err)
		}
		fields++
	}
	if c.cut && after == endText {
		return nil
	}
	msg := fmt.Sprintf("row of %d fields where the header has %d", fields, len(c.names))
	if c.given {
		msg = fmt.Sprintf("row of %d fields where %d column names are given", fields, len(c.names))
	}
	return &FileError{File: c.file, Line: line, Msg: msg}
}
