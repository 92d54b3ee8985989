package sheet

import (
	"strings"
	"unicode/utf8"
)

// heads are the heads of the columns of a sheet.
var heads = []string{"variable", "value", "normal range", "meaning"}

// cells are the texts of a line.
func (l *Line) cells() []string { return []string{l.Name, l.Value, l.Reference, l.Summary} }

// table returns the rows that a record is written in: without the last columns where no line has anything in them.
func (r *Record) table() (head []string, rows [][]string) {
	keep := []bool{true, true, false, false}
	for i := range r.Lines {
		for k, text := range r.Lines[i].cells() {
			keep[k] = keep[k] || text != ""
		}
	}
	pick := func(from []string) []string {
		var out []string
		for k, text := range from {
			if keep[k] {
				out = append(out, text)
			}
		}
		return out
	}
	for i := range r.Lines {
		if !r.Lines[i].hidden {
			rows = append(rows, pick(r.Lines[i].cells()))
		}
	}
	return pick(heads), rows
}

// Markdown returns the record as a table of GitHub Flavored Markdown, each line ended by "\n".
func (r *Record) Markdown() string {
	head, rows := r.table()
	var b strings.Builder
	write := func(cells []string) {
		for _, text := range cells {
			b.WriteString("| ")
			if text != "" {
				b.WriteString(markdown(text))
				b.WriteByte(' ')
			}
		}
		b.WriteString("|\n")
	}
	write(head)
	b.WriteString(strings.Repeat("| --- ", len(head)) + "|\n")
	for _, cells := range rows {
		write(cells)
	}
	return b.String()
}

// HTML returns the record as a table without attributes of style; a page brings its own.
func (r *Record) HTML() string {
	head, rows := r.table()
	var b strings.Builder
	b.WriteString("<table>\n<thead><tr>")
	for _, text := range head {
		b.WriteString(`<th scope="col">` + text + "</th>")
	}
	b.WriteString("</tr></thead>\n<tbody>\n")
	for _, cells := range rows {
		b.WriteString(`<tr><th scope="row">` + markup(cells[0]) + "</th>")
		for _, text := range cells[1:] {
			b.WriteString("<td>" + markup(text) + "</td>")
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</tbody>\n</table>\n")
	return b.String()
}

// Text returns the record as plain text: a line a variable, its parts aligned and parted by " | ".
func (r *Record) Text() string {
	head, rows := r.table()
	all := append([][]string{head}, rows...)
	widths := make([]int, len(head))
	for _, cells := range all {
		for k, text := range cells {
			widths[k] = max(widths[k], utf8.RuneCountInString(text))
		}
	}
	var b strings.Builder
	for _, cells := range all {
		var line strings.Builder
		for k, text := range cells {
			if k > 0 {
				line.WriteString(" | ")
			}
			line.WriteString(plain(text))
			line.WriteString(strings.Repeat(" ", widths[k]-utf8.RuneCountInString(text)))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

// CSV returns the values of the record, those that tables leave out too, as the fields of one row under Sheet.Names, for
// encoding/csv. Texts that a spreadsheet would take for a formula begin with an apostrophe.
func (r *Record) CSV() []string {
	out := make([]string, len(r.Lines))
	for i := range r.Lines {
		out[i] = r.Lines[i].Value
		if r.Lines[i].text {
			out[i] = spread(out[i])
		}
	}
	return out
}
