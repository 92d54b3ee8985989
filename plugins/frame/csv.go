package frame

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
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
// A fault of the file is a *FileError with line, byte and column, and without any value of a row; where columns of numbers hold
// texts, the first of each column is told, together as Faults. Where compressed text is at fault, the rest is decompressed up to the checksum, and gzip data that are damaged or cut are the fault instead.
func ReadCSV(r io.Reader, opts ReadOptions) (*Table, error) {
	return readCSV(r, opts, math.MaxInt, 0)
}

// SampleCSV reads as ReadCSV does, but no more than the first maxRows rows and maxBytes bytes of
// decompressed text; after a fault of compressed text, 64 MiB more. Kinds are those of ReadCSV as far as these rows tell.
func SampleCSV(r io.Reader, opts ReadOptions, maxRows int, maxBytes int64) (*Table, error) {
	opts.Threads = 1 // reading ahead would read beyond the sample
	return readCSV(r, opts, maxRows, maxBytes)
}

func readCSV(r io.Reader, opts ReadOptions, maxRows int, bound int64) (*Table, error) {
	if opts.SampleRows == 0 {
		opts.SampleRows = defaultSampleRows
	}
	delimiter, err := delimiterOf(opts.Delimiter, opts.File)
	if err != nil {
		return nil, &FileError{File: opts.File, Msg: err.Error()}
	}
	in, err := openInput(r, opts, wantOf(opts.Header))
	defer in.close()
	c := csvReader{csvText: csvText{scanner: newScanner(in, delimiter, bound), file: opts.File}, opts: opts}
	if err != nil {
		return nil, c.fault(err)
	}
	t, err := c.table(maxRows)
	if err != nil {
		return nil, in.cause(err, maxRows < math.MaxInt || bound > 0)
	}
	return t, nil
}

// table reads the whole text, or its first rows.
func (c *csvReader) table(maxRows int) (*Table, error) {
	if err := c.header(); err != nil {
		return nil, err
	}
	complete, err := c.rowsUpTo(maxRows)
	if err == nil {
		err = c.decide(true)
	}
	if err := c.faultsAnd(err); err != nil {
		return nil, err
	}
	f, err := assemble(c.builders, c.rows, c.opts.Threads)
	if err != nil {
		return nil, &FileError{File: c.file, Msg: err.Error()}
	}
	return &Table{Frame: f, Header: c.names, Complete: complete}, nil
}

// csvReader puts the fields of a text into columns.
type csvReader struct {
	csvText
	opts     ReadOptions
	builders []*builder // nil for a column that is not read
	unread   []int      // of the columns from this one on, how many in a row are not read
	rows     int
	faults   []error // texts in columns of numbers, the first of each column
}

// faultsAnd is the error of the faults so far and of what ended the reading, if something did.
func (c *csvReader) faultsAnd(err error) error { return Together(append(c.faults, err)...) }

// header reads the names and makes the columns.
func (c *csvReader) header() error {
	if err := c.readNames(c.opts.Header); err != nil {
		return err
	}
	line := 1
	if c.given {
		line = 0
	}
	builders, err := columnBuilders(c.names, c.opts, line)
	c.builders = builders
	c.unread = make([]int, len(builders)+1)
	for i := len(builders) - 1; i >= 0; i-- {
		if builders[i] == nil {
			c.unread[i] = c.unread[i+1] + 1
		}
	}
	return err
}

// rowsUpTo reads rows until the text ends or there are enough. It reports whether the text ended.
func (c *csvReader) rowsUpTo(maxRows int) (complete bool, err error) {
	for {
		more, err := c.moreRows()
		if err != nil || !more {
			return !c.cut, err
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
		if c.rows%cellRows == 0 { // a field of one byte becomes eight
			if err := checkCells(c.builders, c.rows, c.opts); err != nil {
				return false, err
			}
		}
		if c.rows == c.opts.SampleRows {
			if err := c.decide(false); err != nil {
				return false, err
			}
		}
	}
}

// cellRows is how many rows are read between two looks at the memory that they take.
const cellRows = 4096

// decide settles the kinds by the rows so far; final says that there are no more. It is an error when the values
// do not tell: the first such column has its place, the others their names.
func (c *csvReader) decide(final bool) error {
	var fault *FileError
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
			fault = &FileError{File: b.textFile, Line: b.textLine, Column: b.textByte, ColumnName: c.names[i], Msg: fmt.Sprintf(
				"text where %d of %d values are numbers; correct it, declare it a missing code, or set columns.%q.kind to %q", numbers, values, c.names[i], Category)}
		default:
			fault.More = append(fault.More, c.names[i])
		}
	}
	if fault == nil {
		return nil
	}
	if len(fault.More) > 0 {
		others := make([]string, len(fault.More))
		for i, name := range fault.More {
			others[i] = strconv.Quote(name)
		}
		fault.Msg += "; so too for " + strings.Join(others, ", ")
	}
	return fault
}

// row reads one row into the builders. It returns false when the bound cut the row short.
func (c *csvReader) row() (whole bool, err error) {
	line := c.line
	after := endField
	i := 0
	for after == endField && i < len(c.builders) {
		var err error
		if n := c.unread[i]; n > 0 {
			n, after, err = c.skip(n)
			if i += n; err != nil {
				return false, c.scanFault(i, err)
			}
		} else if after, err = c.field(i); err != nil {
			return false, err
		} else {
			i++
		}
		if after == endText && c.cut {
			return false, nil
		}
	}
	if i == len(c.builders) && after != endField {
		return true, nil
	}
	return false, c.ragged(line, i, after)
}

// field reads field i of a row into its builder. A field that the bound cut is left out.
func (c *csvReader) field(i int) (ending, error) {
	b := c.builders[i]
	if b.number && !b.category {
		if v, after, ok := c.plainNumber(); ok {
			b.addNumber(v)
			return after, nil
		}
	}
	if c.buf[c.pos] == c.delim { // beyond the text there is a newline
		c.pos++
		b.addMissing()
		return endField, nil
	}
	text, after, err := c.next()
	switch {
	case c.cut && after == endText:
		return after, nil
	case err != nil:
		return after, c.scanFault(i, err)
	case len(text) == 0:
		b.addMissing()
		return after, nil
	}
	undecided := !b.decided()
	switch fault := b.addText(text); {
	case fault == faultText: // the other columns can be looked at all the same
		b.addMissing()
		if !b.faulty {
			c.faults = append(c.faults, c.fieldFault(i, c.explain(fault, b)))
		}
		b.faulty = true
		return after, nil
	case fault != "":
		return after, c.fieldFault(i, c.explain(fault, b))
	}
	if undecided && b.decided() {
		b.textFile, b.textLine, b.textByte = c.file, c.startLine, c.startByte
	}
	return after, nil
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
