package frame

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ReadCSV reads CSV text, plain or compressed by gzip (of one or more members), into a frame.
//
// The text is UTF-8 with or without a byte order mark, quoted as in RFC 4180, with LF or CRLF, with or without
// a final newline; the first line names the columns. Empty lines at the end do not count, except in a file of
// one column, where an empty line is a missing value.
//
// The empty field, quoted or not, is missing, and so are the declared codes; nothing else is: "NA", "nan" and
// "Inf" are texts. An undeclared column is a Number when all values of the first SampleRows rows are finite
// decimal numbers, without spaces; one without a value there is judged by all its rows, and one without any
// value is a Category without levels. A column of numbers with a few texts among them is neither: it is a
// fault, as ReadOptions says.
//
// A fault of the file is a *FileError with line, byte and column, and without any value of a row.
func ReadCSV(r io.Reader, opts ReadOptions) (*Table, error) {
	return readCSV(r, opts, math.MaxInt, 0)
}

// SampleCSV reads as ReadCSV does, but no more than the first maxRows rows and maxBytes bytes of
// decompressed text. Kinds are those of ReadCSV as far as these rows tell.
func SampleCSV(r io.Reader, opts ReadOptions, maxRows int, maxBytes int64) (*Table, error) {
	opts.Threads = 1 // reading ahead would read beyond the sample
	return readCSV(r, opts, maxRows, maxBytes)
}

func readCSV(r io.Reader, opts ReadOptions, maxRows int, bound int64) (*Table, error) {
	if opts.Delimiter == 0 {
		opts.Delimiter = ','
	}
	if opts.SampleRows == 0 {
		opts.SampleRows = defaultSampleRows
	}
	if bytes.IndexByte([]byte("\"\r\n\x00"), opts.Delimiter) >= 0 || opts.Delimiter >= utf8.RuneSelf {
		return nil, &FileError{File: opts.File, Msg: "the delimiter must be an ASCII character other than a quote or a line end"}
	}
	in, stop, err := openInput(r, opts)
	defer stop()
	c := csvReader{scanner: newScanner(in, opts.Delimiter, bound), opts: opts}
	if err != nil {
		return nil, c.fault(err)
	}
	if err := c.header(); err != nil {
		return nil, err
	}
	complete, err := c.rowsUpTo(maxRows)
	if err != nil {
		return nil, err
	}
	if err := c.decide(true); err != nil {
		return nil, err
	}
	f, err := assemble(c.builders, c.rows)
	if err != nil {
		return nil, &FileError{File: opts.File, Msg: err.Error()}
	}
	return &Table{Frame: f, Header: c.names, Complete: complete}, nil
}

// csvReader puts the fields of a scanner into columns.
type csvReader struct {
	*scanner
	opts     ReadOptions
	names    []string
	builders []*builder // nil for a column that is not read
	rows     int
}

// fault puts a place to an error of the scanner or the input.
func (c *csvReader) fault(err error) error {
	var already *FileError
	if errors.As(err, &already) {
		return err
	}
	var f *faultError
	if !errors.As(err, &f) {
		f, _ = inputFault(err).(*faultError)
	}
	out := &FileError{File: c.opts.File, Msg: f.msg, Err: f.err}
	if c.names != nil && f.err == nil { // how far the text came when its source failed depends on the readers' pace
		out.Line = c.line
	}
	return out
}

// fieldFault puts the place of the field that was read last to a fault of field i.
func (c *csvReader) fieldFault(i int, msg string) error {
	out := &FileError{File: c.opts.File, Line: c.startLine, Column: c.startByte, Msg: msg}
	if i < len(c.names) {
		out.ColumnName = c.names[i]
	}
	return out
}

// scanFault tells faults of the text, which have a place, from those of the input, which have none.
func (c *csvReader) scanFault(i int, err error) error {
	var f *faultError
	if errors.As(err, &f) && f.err == nil {
		return c.fieldFault(i, f.msg)
	}
	return c.fault(err)
}

// header reads the first line.
func (c *csvReader) header() error {
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
		return c.fault(&faultError{msg: "empty file; want a header line"})
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
	builders, err := columnBuilders(names, c.opts, 1)
	c.names, c.builders = names, builders
	return err
}

// rowsUpTo reads rows until the text ends or there are enough. It reports whether the text ended.
func (c *csvReader) rowsUpTo(maxRows int) (complete bool, err error) {
	for {
		end, err := c.atEnd()
		if err != nil {
			return false, c.fault(err)
		}
		if end {
			return !c.cut, nil
		}
		if len(c.names) > 1 && c.blank() {
			if end, err := c.skipBlankLines(); err != nil || end {
				return !c.cut, err
			}
		}
		if c.rows == maxRows {
			return false, nil
		}
		whole, err := c.row()
		if err != nil {
			return false, err
		}
		if !whole {
			return false, nil
		}
		c.rows++
		if c.rows == c.opts.SampleRows {
			if err := c.decide(false); err != nil {
				return false, err
			}
		}
	}
}

// decide settles the kinds by the rows so far; final says that there are no more. It is an error when the values
// do not tell: the first such column has its place, the others their names.
func (c *csvReader) decide(final bool) error {
	var fault *FileError
	var others []string
	for i, b := range c.builders {
		if b == nil {
			continue
		}
		numbers, values, likely := b.slip()
		switch {
		case !likely:
			b.decide(final)
			b.textLine = 0 // once decided, a category takes any text
		case fault == nil:
			fault = &FileError{File: c.opts.File, Line: b.textLine, Column: b.textByte, ColumnName: c.names[i], Msg: fmt.Sprintf(
				"text where %d of %d values are numbers; correct it, declare it a missing code, or set columns.%q.kind to %q", numbers, values, c.names[i], Category)}
		default:
			others = append(others, strconv.Quote(c.names[i]))
		}
	}
	if fault == nil {
		return nil
	}
	if len(others) > 0 {
		fault.Msg += "; so too for " + strings.Join(others, ", ")
	}
	return fault
}

// blank reports whether an empty line is at pos.
func (c *csvReader) blank() bool {
	return c.buf[c.pos] == '\n' || c.buf[c.pos] == '\r' && c.pos+1 < c.end && c.buf[c.pos+1] == '\n'
}

// skipBlankLines steps over empty lines. Only the end of the text may follow them.
func (c *csvReader) skipBlankLines() (end bool, err error) {
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
			return false, &FileError{File: c.opts.File, Line: first, Msg: fmt.Sprintf("empty line where %d fields are wanted", len(c.names))}
		}
		if c.buf[c.pos] == '\r' {
			c.pos++
		}
		c.newLine()
	}
}

// row reads one row into the builders. It returns false when the bound cut the row short.
func (c *csvReader) row() (whole bool, err error) {
	line := c.line
	after := endField
	i := 0
	for ; after == endField && i < len(c.builders); i++ {
		b := c.builders[i]
		if b != nil && b.number && !b.category {
			if then, ok := c.plainNumber(b); ok {
				after = then
				continue
			}
		}
		text, then, err := c.next()
		if c.cut && then == endText {
			return false, nil
		}
		if err != nil {
			return false, c.scanFault(i, err)
		}
		undecided := b != nil && !b.decided()
		if fault := put(b, text); fault != "" {
			return false, c.fieldFault(i, c.explain(fault, b))
		}
		if undecided && b.decided() {
			b.textLine, b.textByte = c.startLine, c.startByte
		}
		after = then
	}
	if i == len(c.builders) && after != endField {
		return true, nil
	}
	fields, cut, err := c.countRest(i, after)
	if err != nil || cut {
		return false, err
	}
	return false, &FileError{
		File: c.opts.File, Line: line,
		Msg: fmt.Sprintf("row of %d fields where the header has %d", fields, len(c.names)),
	}
}

// plainNumber reads a field of a number column when it is a short plain number or empty. Otherwise it
// reads nothing and returns false.
func (c *csvReader) plainNumber(b *builder) (after ending, ok bool) {
	v, n, ok := scanShortNumber(c.buf[c.pos:c.end])
	at := c.pos + n
	if n == 0 {
		ok = true // empty, if the field ends here
	}
	if !ok || at >= c.end {
		return 0, false
	}
	switch c.buf[at] {
	case c.delim:
		c.pos = at + 1
	case '\n':
		c.pos = at
		c.newLine()
		after = endLine
	default:
		return 0, false
	}
	if n == 0 {
		b.addMissing()
	} else {
		b.addNumber(v)
	}
	return after, true
}

// put adds a field to its column; without a column, the text is only checked.
func put(b *builder, text []byte) (fault string) {
	switch {
	case b == nil:
		if !utf8.Valid(text) {
			return faultUTF8
		}
	case len(text) == 0:
		b.addMissing()
	default:
		return b.addText(text)
	}
	return ""
}

// explain adds to a fault what would be right.
func (c *csvReader) explain(fault string, b *builder) string {
	switch {
	case fault != faultText:
		return fault
	case b.declared:
		return faultText + "; declare the text a missing code, or the column a category"
	}
	return fmt.Sprintf("%s (the first %d rows hold numbers alone); declare the text a missing code, or the column a category", faultText, c.opts.SampleRows)
}

// countRest returns the number of fields of a row of which some have been read.
func (c *csvReader) countRest(fields int, after ending) (n int, cut bool, err error) {
	for after == endField {
		var err error
		if _, after, err = c.next(); err != nil {
			return 0, false, c.scanFault(fields, err)
		}
		fields++
	}
	return fields, c.cut && after == endText, nil
}
