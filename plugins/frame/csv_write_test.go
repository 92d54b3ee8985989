package frame

import (
	"bytes"
	"io"
	"strconv"
	"strings"
)

// writeCSV writes a frame as ReadCSV reads it back: a missing value is an empty field, a text is in quotes, a number the
// shortest text that gives the same float64.
func writeCSV(w io.Writer, f *Frame) error {
	var b bytes.Buffer
	for i, name := range f.Names() {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(quoted(name))
	}
	for row := range f.Rows() {
		b.WriteByte('\n')
		for i, c := range f.Columns() {
			if i > 0 {
				b.WriteByte(',')
			}
			switch {
			case c.IsMissing(row):
			case c.Kind == Category:
				b.WriteString(quoted(c.Levels[c.Codes[row]]))
			default:
				b.WriteString(shortest(c.Numbers[row]))
			}
		}
	}
	b.WriteByte('\n')
	_, err := w.Write(b.Bytes())
	return err
}

func quoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

func shortest(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
