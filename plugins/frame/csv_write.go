package frame

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// WriteCSV writes a frame as CSV text: UTF-8, commas, a header line, lines ending with LF, fields quoted as
// in RFC 4180 where needed. Numbers are the shortest text that gives the same float64.
//
// A missing value is an empty field. The empty text as a level is written as "" in quotes, so that programs
// which tell the two apart lose nothing; ReadCSV, as most programs, reads both as missing.
// Kinds and units have no place in CSV. It returns an error for a frame without columns.
func WriteCSV(w io.Writer, f *Frame) error {
	out := NewCSVWriter(w, f.Names()...)
	levels := make([][]string, len(f.columns)) // as written: each is quoted once
	for i, c := range f.columns {
		levels[i] = make([]string, len(c.Levels))
		for j, l := range c.Levels {
			levels[i][j] = csvField(l)
		}
	}
	for row := range f.rows {
		for i, c := range f.columns {
			switch {
			case c.Kind != Category:
				out.Float(c.Numbers[row])
			case c.Codes[row] == Missing:
				out.Empty()
			default:
				out.field(levels[i][c.Codes[row]])
			}
		}
		if err := out.EndRow(); err != nil {
			return err
		}
	}
	return out.Flush()
}

// CSVWriter writes CSV text row by row, in the form of WriteCSV, for tables that are too long to be a frame:
//
//	w := frame.NewCSVWriter(out, "stay", "temperature")
//	w.Int(141168)
//	w.Float(36.6)
//	err := w.EndRow()
//
// Nothing is written after the first error, which EndRow and Flush return from then on. Compression is a matter of the
// io.Writer: a gzip.Writer of klauspost/compress at level 3 takes about as long as the writing of the numbers.
type CSVWriter struct {
	out     io.Writer
	buf     []byte
	columns int
	fields  int // of the row so far
	rows    int
	err     error
}

// csvWriterBuffer is how much text is written at once; a row may add to it.
const csvWriterBuffer = 1 << 16

// NewCSVWriter returns a writer of a table with these columns. The header is written with the first rows.
func NewCSVWriter(w io.Writer, header ...string) *CSVWriter {
	c := &CSVWriter{out: w, buf: make([]byte, 0, csvWriterBuffer+1<<12), columns: len(header)}
	if len(header) == 0 {
		c.err = errors.New("a table without columns cannot be written as CSV")
	}
	for i, name := range header {
		if i > 0 {
			c.buf = append(c.buf, ',')
		}
		c.buf = append(c.buf, csvField(name)...)
	}
	c.buf = append(c.buf, '\n')
	return c
}

// next begins a field.
func (c *CSVWriter) next() {
	if c.fields > 0 {
		c.buf = append(c.buf, ',')
	}
	c.fields++
}

// Int adds a whole number to the row.
func (c *CSVWriter) Int(v int64) {
	c.next()
	c.buf = strconv.AppendInt(c.buf, v, 10)
}

// Float adds a number in its shortest form to the row; NaN is an empty field, an infinity an error.
func (c *CSVWriter) Float(v float64) {
	c.next()
	switch {
	case v != v:
	case math.IsInf(v, 0):
		if c.err == nil {
			c.err = fmt.Errorf("row %d, field %d: infinite value", c.rows+1, c.fields)
		}
	default:
		c.buf = appendShortest(c.buf, v)
	}
}

// String adds a text to the row, in quotes where needed; the empty text is "" in quotes.
func (c *CSVWriter) String(s string) { c.field(csvField(s)) }

// Empty adds a missing value to the row.
func (c *CSVWriter) Empty() { c.next() }

// field adds a text that is quoted already.
func (c *CSVWriter) field(s string) {
	c.next()
	c.buf = append(c.buf, s...)
}

// EndRow ends the row. It returns an error when the row has not as many fields as the header.
func (c *CSVWriter) EndRow() error {
	c.rows++
	if c.fields != c.columns && c.err == nil {
		c.err = fmt.Errorf("row %d has %d fields, the header %d", c.rows, c.fields, c.columns)
	}
	c.fields = 0
	c.buf = append(c.buf, '\n')
	if len(c.buf) >= csvWriterBuffer {
		return c.write()
	}
	return c.err
}

// Flush writes what is left. The io.Writer stays open.
func (c *CSVWriter) Flush() error {
	if c.fields > 0 && c.err == nil {
		c.err = fmt.Errorf("row %d was not ended", c.rows+1)
	}
	return c.write()
}

func (c *CSVWriter) write() error {
	if c.err == nil {
		_, c.err = c.out.Write(c.buf)
	}
	c.buf = c.buf[:0]
	return c.err
}

// appendShortest appends the shortest text of a number, without an exponent for magnitudes that people write out.
func appendShortest(b []byte, v float64) []byte {
	if out, ok := appendDecimal(b, v); ok {
		return out
	}
	if a := max(v, -v); a == 0 || a >= 1e-6 && a < 1e21 {
		return strconv.AppendFloat(b, v, 'f', -1, 64)
	}
	return strconv.AppendFloat(b, v, 'e', -1, 64)
}

// appendDecimal appends a number of at most 15 digits, four of them after the point: most that were measured.
//
// If the nearest whole number to v·10^k, divided by 10^k, is v, then these digits read as v, since the division rounds
// as a reader does. There are no others: decimals of up to 15 digits are different float64 values. The least k gives
// the shortest.
func appendDecimal(b []byte, v float64) (out []byte, ok bool) {
	const most = 1e15
	if v == 0 && math.Signbit(v) {
		return b, false
	}
	power := 1.0
	for digits := range 5 {
		scaled := v * power
		if !(scaled > -most && scaled < most) {
			return b, false
		}
		whole := math.RoundToEven(scaled)
		if whole/power == v {
			return appendFixed(b, int64(whole), int64(power), digits), true
		}
		power *= 10
	}
	return b, false
}

// appendFixed appends whole/power, power being 10^digits.
func appendFixed(b []byte, whole, power int64, digits int) []byte {
	if whole < 0 {
		b = append(b, '-')
		whole = -whole
	}
	b = strconv.AppendInt(b, whole/power, 10)
	if digits == 0 {
		return b
	}
	b = append(b, '.')
	rest := whole % power
	for power /= 10; power > 0; power /= 10 {
		b = append(b, byte('0'+rest/power%10))
	}
	return b
}

// csvField quotes a text where it must be: when it holds a comma, a quote or a line end, when it is empty,
// and when it begins or ends with a space or begins with a byte order mark, which readers may strip.
func csvField(s string) string {
	if s != "" && !strings.ContainsAny(s, ",\"\r\n") && s == strings.TrimSpace(s) && !strings.HasPrefix(s, "\ufeff") {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}
