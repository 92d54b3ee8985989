package report

import (
	"bytes"
	"encoding/csv"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
)

// dash stands for a missing number or label.
const dash = "–"

func dashed(label string) string {
	if label == "" {
		return dash
	}
	return label
}

// number is a value with a fixed number of decimals; very large ones are in scientific notation.
func number(v float64, digits int) string {
	if math.Abs(v) >= 1e7 {
		return strconv.FormatFloat(v, 'e', digits, 64)
	}
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Trim(s, "-0.") == "" {
		return strings.TrimPrefix(s, "-")
	}
	return s
}

// text is a value as a table shows it, without footnote marks: "0.812 [0.790, 0.834] (4/5)".
func (t *Table) text(l *Line, c int) string {
	number, interval, count := t.parts(l, c)
	return joined(number, interval, count)
}

// parts are the value, its interval, and n/N where that differs from the line's; empty where there is none.
func (t *Table) parts(l *Line, c int) (value, interval, count string) {
	v := &l.Values[c]
	value = dash
	if t.Columns[c].derived != ownScore {
		return v.spread(&t.Columns[c]), "", ""
	}
	if v.Status == OK {
		digits := t.Columns[c].Digits
		value = number(v.Value, digits)
		if v.Interval != nil {
			interval = "[" + number(v.Interval.Low, digits) + ", " + number(v.Interval.High, digits) + "]"
		}
	}
	if t.counted() && v.Status != Absent && (v.N != l.N || v.Of != l.Of) {
		count = "(" + fraction(v.N, v.Of) + ")"
	}
	return value, interval, count
}

// spread is what a derived column shows of a value.
func (v *Value) spread(c *Column) string {
	switch {
	case v.Spread == nil:
	case c.derived == spreadSD:
		return number(v.Spread.SD, c.Digits)
	case v.Spread.Next != nil:
		return "[" + number(v.Spread.Next.Low, c.Digits) + ", " + number(v.Spread.Next.High, c.Digits) + "]"
	}
	return dash
}

// joined puts a blank between the parts that there are.
func joined(parts ...string) string {
	return joinedBy(" ", parts...)
}

// counted reports whether the table shows n/N: it does when values are means.
func (t *Table) counted() bool { return len(t.Over) > 0 }

func fraction(n, of int) string { return strconv.Itoa(n) + "/" + strconv.Itoa(of) }

// header is the title of a column with its direction.
func (c *Column) header() string {
	switch c.Better {
	case plugins.Higher:
		return c.Title + " ↑"
	case plugins.Lower:
		return c.Title + " ↓"
	}
	return c.Title
}

// markdown is the table with its notes as GitHub Markdown.
func (t *Table) markdown() []byte {
	var b bytes.Buffer
	line := func(s string) { b.WriteString(s + "\n") }
	if t.Title != "" {
		line("### " + escape(t.Title) + "\n")
	}
	if t.Caption != "" {
		line(escape(t.Caption) + "\n")
	}
	switch {
	case t.Problem != "":
		line("**" + escape(t.Problem) + "**")
	case len(t.Lines) == 0:
		line("No cell of the experiment belongs to this table.")
	default:
		t.markdownGrid(line)
	}
	if t.Banner != "" {
		line("\n**" + escape(t.Banner) + "**")
	}
	if len(t.Notes) > 0 {
		line("")
	}
	for i, note := range t.Notes {
		end := "  " // two blanks break the line
		if i == len(t.Notes)-1 {
			end = ""
		}
		line("<sup>" + letters(i) + "</sup> " + escape(note) + end)
	}
	for _, r := range t.Remarks {
		line("\n" + escape(r))
	}
	return b.Bytes()
}

func (t *Table) markdownGrid(line func(string)) {
	var head, rule []string
	for _, r := range t.Rows {
		head, rule = append(head, escape(r)), append(rule, ":--")
	}
	for i := range t.Columns {
		head, rule = append(head, escape(t.Columns[i].header())), append(rule, "--:")
	}
	if t.counted() {
		head, rule = append(head, "n/N"), append(rule, "--:")
	}
	line("| " + strings.Join(head, " | ") + " |")
	line("| " + strings.Join(rule, " | ") + " |")
	for i := range t.Lines {
		l := &t.Lines[i]
		var cells []string
		for _, label := range l.Labels {
			cells = append(cells, escape(dashed(label)))
		}
		for c := range l.Values {
			cells = append(cells, t.text(l, c)+superscript(l.Values[c].Marks))
		}
		switch {
		case t.counted():
			cells = append(cells, fraction(l.N, l.Of)+superscript(l.Marks))
		case len(l.Marks) > 0:
			cells[len(l.Labels)-1] += superscript(l.Marks)
		}
		line("| " + strings.Join(cells, " | ") + " |")
	}
}

func superscript(marks []int) string {
	if len(marks) == 0 {
		return ""
	}
	return "<sup>" + marked(marks) + "</sup>"
}

func marked(marks []int) string {
	names := make([]string, len(marks))
	for i, m := range marks {
		names[i] = letters(m)
	}
	return strings.Join(names, ",")
}

// escaper keeps Markdown and HTML from reading names and messages as markup.
var escaper = strings.NewReplacer("\\", "\\\\", "|", "\\|", "<", "&lt;", ">", "&gt;", "&", "&amp;", "*", "\\*", "`", "\\`", "](", "]\\(", "~~", "\\~\\~")

func escape(s string) string {
	return escapeUnderscores(escaper.Replace(strings.Join(strings.Fields(s), " ")))
}

// escapeUnderscores escapes only those that could begin or end emphasis: names such as mean_age stay readable.
func escapeUnderscores(s string) string {
	if !strings.Contains(s, "_") {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if s[i] == '_' && (i == 0 || i == len(s)-1 || !wordByte(s[i-1]) || !wordByte(s[i+1])) {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func wordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c >= 0x80
}

var csvColumns = []string{
	"score", "minus", "value", "low", "high", "level", "unit", "method", "site_sd", "new_site_low", "new_site_high", "measured", "planned", "status", "note",
}

// csv is the table with one row a value, at full precision. "measured" and "planned" are n and N: the axis of sample
// sizes is named n.
func (t *Table) csv() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	var head []string
	for _, r := range t.Rows {
		if slices.Contains(csvColumns, r) {
			r = "axis." + r
		}
		head = append(head, r)
	}
	if err := w.Write(append(head, csvColumns...)); err != nil {
		return nil, err
	}
	if t.Problem != "" {
		row := make([]string, len(t.Rows)+len(csvColumns))
		row[len(row)-2], row[len(row)-1] = string(Failed), t.Problem
		if err := w.Write(row); err != nil {
			return nil, err
		}
	}
	for i := range t.Lines {
		l := &t.Lines[i]
		for c := range l.Values {
			if t.Columns[c].derived != ownScore {
				continue
			}
			if err := w.Write(t.csvRow(l, c)); err != nil {
				return nil, err
			}
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

func (t *Table) csvRow(l *Line, c int) []string {
	v := &l.Values[c]
	full := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	value, low, high, level, unit, method := "", "", "", "", "", ""
	sd, from, to := "", "", ""
	if s := v.Spread; v.Status == OK && s != nil {
		sd = full(s.SD)
		if s.Next != nil {
			from, to = full(s.Next.Low), full(s.Next.High)
		}
	}
	if v.Status == OK {
		value = full(v.Value)
		if iv := v.Interval; iv != nil {
			low, high, level, unit, method = full(iv.Low), full(iv.High), full(iv.Level), iv.Unit, iv.Method
		}
	}
	notes := printed(slices.Concat(v.notes, l.notes))
	if t.Banner != "" {
		notes = slices.Insert(notes, 0, t.Banner)
	}
	return append(slices.Clone(l.Labels), t.Columns[c].Score, t.Columns[c].Minus, value, low, high, level, unit, method, sd, from, to,
		strconv.Itoa(v.N), strconv.Itoa(v.Of), string(v.Status), strings.Join(notes, "; "))
}
