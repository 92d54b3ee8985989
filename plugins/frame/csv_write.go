package frame

import (
	"bufio"
	"errors"
	"io"
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
	if len(f.columns) == 0 {
		return errors.New("a table without columns cannot be written as CSV")
	}
	out := bufio.NewWriterSize(w, 1<<16)
	line := make([]byte, 0, 1024)
	levels := make([][]string, len(f.columns)) // as written: each is quoted once
	for i, c := range f.columns {
		if i > 0 {
			line = append(line, ',')
		}
		line = append(line, csvField(c.Name)...)
		levels[i] = make([]string, len(c.Levels))
		for j, l := range c.Levels {
			levels[i][j] = csvField(l)
		}
	}
	for row := range f.rows {
		line = append(line, '\n')
		if _, err := out.Write(line); err != nil {
			return err
		}
		line = line[:0]
		for i, c := range f.columns {
			if i > 0 {
				line = append(line, ',')
			}
			switch {
			case c.IsMissing(row):
			case c.Kind == Category:
				line = append(line, levels[i][c.Codes[row]]...)
			default:
				line = appendShortest(line, c.Numbers[row])
			}
		}
	}
	line = append(line, '\n')
	if _, err := out.Write(line); err != nil {
		return err
	}
	return out.Flush()
}

// appendShortest appends the shortest text of a number, without an exponent for magnitudes that people write out.
func appendShortest(b []byte, v float64) []byte {
	if a := max(v, -v); a == 0 || a >= 1e-6 && a < 1e21 {
		return strconv.AppendFloat(b, v, 'f', -1, 64)
	}
	return strconv.AppendFloat(b, v, 'e', -1, 64)
}

// csvField quotes a text where it must be: when it holds a comma, a quote or a line end, when it is empty,
// and when it begins or ends with a space or begins with a byte order mark, which readers may strip.
func csvField(s string) string {
	if s != "" && !strings.ContainsAny(s, ",\"\r\n") && s == strings.TrimSpace(s) && !strings.HasPrefix(s, "\ufeff") {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}
