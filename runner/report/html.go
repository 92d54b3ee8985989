package report

import (
	"bytes"
	"fmt"
	"html"
	"slices"
	"strconv"
	"strings"
)

// page is the table as an HTML page that stands by itself: nothing is fetched and nothing runs.
func (t *Table) page() []byte {
	title := t.Title
	if title == "" {
		title = t.Name
	}
	var b bytes.Buffer
	b.WriteString("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
	b.WriteString("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n")
	b.WriteString("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
	fmt.Fprintf(&b, "<title>%s</title>\n<style>\n%s%s</style>\n</head>\n<body>\n%s</body>\n</html>\n", html.EscapeString(title), pageStyle, TableStyle, t.HTML())
	return b.Bytes()
}

const pageStyle = `body { margin: 2rem auto; max-width: 75rem; padding: 0 1rem; font: 1rem/1.45 system-ui, sans-serif; color: #1a1a1a; background: #fff }
`

// TableStyle is the style sheet of what HTML returns.
const TableStyle = `.table { margin: 0; overflow-x: auto }
.table table { border-collapse: collapse; border-top: 2px solid; border-bottom: 2px solid; font-variant-numeric: tabular-nums }
.table caption { text-align: left; padding-bottom: .5rem; font-weight: 600 }
.table caption span { font-weight: 400 }
.table th, .table td { padding: .2rem .6rem; text-align: right; vertical-align: bottom; white-space: nowrap }
.table th { font-weight: 600 }
.table tbody th, .table th.label, .table td.text, .table th.text { text-align: left; font-weight: 400 }
.table th.label { font-weight: 600 }
.table thead th { white-space: normal }
.table thead th[colspan] { text-align: center; border-bottom: 1px solid }
.table thead { border-bottom: 1px solid }
.table sup { line-height: 0 }
.table sup a { text-decoration: none }
.table tbody tr:hover { background: #f3f5f7 }
.table .interval { color: #555 }
.table .second { text-decoration: underline }
.table .notes { font-size: .85rem; color: #333; max-width: 60rem }
.table .notes p { margin: .35rem 0 }
.table .banner { font-weight: 700; color: #8a1c00 }
@media print { .table { overflow: visible } .table th, .table td { white-space: normal } }
`

// HTML is the table as a fragment of HTML: a figure of class "table" with a caption, heads with their scope, and notes. Each number has
// its full precision in data-value, for scripts that sort.
func (t *Table) HTML() string {
	t = t.shown()
	var b strings.Builder
	fmt.Fprintf(&b, "<figure class=\"table\" id=\"table-%s\">\n", html.EscapeString(t.Name))
	switch {
	case t.Problem != "":
		fmt.Fprintf(&b, "<p class=\"caption\">%s</p>\n<p class=\"problem\">%s</p>\n", t.htmlCaption(), html.EscapeString(t.Problem))
	case len(t.Lines) == 0:
		fmt.Fprintf(&b, "<p class=\"caption\">%s</p>\n<p class=\"problem\">No cell of the experiment belongs to this table.</p>\n", t.htmlCaption())
	default:
		t.htmlGrid(&b)
	}
	b.WriteString("<div class=\"notes\">\n")
	if t.Banner != "" {
		fmt.Fprintf(&b, "<p class=\"banner\">%s</p>\n", html.EscapeString(t.Banner))
	}
	for i, note := range t.Notes {
		fmt.Fprintf(&b, "<p id=\"%s\"><sup>%s</sup> %s</p>\n", html.EscapeString(t.noteID(i)), letters(i), html.EscapeString(note))
	}
	for _, r := range t.remarks("bold:", "underlined:") {
		fmt.Fprintf(&b, "<p>%s</p>\n", html.EscapeString(r))
	}
	b.WriteString("</div>\n</figure>\n")
	return b.String()
}

func (t *Table) noteID(i int) string { return "note-" + t.Name + "-" + letters(i) }

func (t *Table) htmlCaption() string {
	title := html.EscapeString(t.Title)
	if t.Title == "" {
		title = html.EscapeString(t.Name)
	}
	if t.Caption != "" {
		title += " <span>" + html.EscapeString(sentences([]string{t.Caption})) + "</span>"
	}
	return title
}

func (t *Table) htmlGrid(b *strings.Builder) {
	fmt.Fprintf(b, "<table>\n<caption>%s</caption>\n<thead>\n", t.htmlCaption())
	spans, rows := t.spans(), 1
	if spans != nil {
		rows = 2
	}
	b.WriteString("<tr>")
	for _, r := range t.Rows {
		fmt.Fprintf(b, "<th scope=\"col\" class=\"label\"%s>%s</th>", spanned("rowspan", rows), html.EscapeString(r))
	}
	at := 0
	for _, s := range spans {
		if s.title != "" {
			fmt.Fprintf(b, "<th scope=\"colgroup\"%s>%s</th>", spanned("colspan", s.width), html.EscapeString(s.title))
		} else {
			t.htmlHead(b, at, rows)
		}
		at += s.width
	}
	if spans == nil {
		for c := range t.Columns {
			t.htmlHead(b, c, 1)
		}
	}
	if t.counted() {
		fmt.Fprintf(b, "<th scope=\"col\"%s>n/N</th>", spanned("rowspan", rows))
	}
	b.WriteString("</tr>\n")
	if spans != nil {
		b.WriteString("<tr>")
		for c := range t.Columns {
			if t.Columns[c].Group != "" {
				t.htmlHead(b, c, 1)
			}
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</thead>\n<tbody>\n")
	for i := range t.Lines {
		t.htmlLine(b, &t.Lines[i])
	}
	b.WriteString("</tbody>\n</table>\n")
}

// spanned is an attribute; none where a cell takes one place.
func spanned(name string, n int) string {
	if n == 1 && name == "rowspan" {
		return ""
	}
	return fmt.Sprintf(" %s=\"%d\"", name, n)
}

func (t *Table) htmlHead(b *strings.Builder, c, rows int) {
	class := ""
	if t.worded(c) {
		class = " class=\"text\""
	}
	fmt.Fprintf(b, "<th scope=\"col\"%s%s>%s%s</th>", class, spanned("rowspan", rows), html.EscapeString(t.Columns[c].header()), t.htmlMarks(t.Columns[c].Marks))
}

// worded reports whether a text stands in the place of a number, and says no number in words of its own.
func (v *Value) worded() bool { return v.Text != "" && !v.numbered }

// worded reports whether a column has texts in the place of numbers.
func (t *Table) worded(c int) bool {
	return slices.ContainsFunc(t.Lines, func(l Line) bool { return l.Values[c].worded() })
}

func (t *Table) htmlLine(b *strings.Builder, l *Line) {
	if l.head != "" {
		fmt.Fprintf(b, "<tr><th scope=\"rowgroup\" class=\"label\" colspan=\"%d\">%s</th></tr>\n", len(t.Rows)+len(t.Columns)+oneIf(t.counted()), html.EscapeString(l.head))
	}
	b.WriteString("<tr>")
	for i, label := range l.Labels {
		marks := ""
		if !t.counted() && i == len(l.Labels)-1 {
			marks = t.htmlMarks(l.Marks)
		}
		fmt.Fprintf(b, "<th scope=\"row\">%s%s</th>", html.EscapeString(dashed(label)), marks)
	}
	for c := range l.Values {
		v := &l.Values[c]
		number, interval, count := t.parts(l, c)
		number = html.EscapeString(number)
		switch v.Place {
		case 1:
			number = "<strong>" + number + "</strong>"
		case 2:
			number = "<span class=\"second\">" + number + "</span>"
		}
		if interval != "" {
			interval = "<span class=\"interval\">" + interval + "</span>"
		}
		attributes := ""
		switch {
		case v.worded():
			attributes = " class=\"text\""
		case v.Status == OK && t.scored(l, c).derived == ownScore: // for scripts that sort
			attributes = fmt.Sprintf(" data-value=\"%s\"", strconv.FormatFloat(v.Value, 'g', -1, 64))
		case t.worded(c):
			attributes = " class=\"text\""
		}
		fmt.Fprintf(b, "<td%s>%s%s</td>", attributes, joined(number, interval, count), t.htmlMarks(v.Marks))
	}
	if t.counted() {
		fmt.Fprintf(b, "<td>%s%s</td>", l.fraction(), t.htmlMarks(l.Marks))
	}
	b.WriteString("</tr>\n")
}

// htmlMarks links to the footnotes.
func (t *Table) htmlMarks(marks []int) string {
	if len(marks) == 0 {
		return ""
	}
	links := make([]string, len(marks))
	for i, m := range marks {
		links[i] = fmt.Sprintf("<a href=\"#%s\">%s</a>", html.EscapeString(t.noteID(m)), letters(m))
	}
	return "<sup>" + strings.Join(links, ",") + "</sup>"
}
