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
	return fixed(v, digits)
}

// fixed is a value with a fixed number of decimals, whatever its size.
func fixed(v float64, digits int) string {
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Trim(s, "-0.") == "" {
		return strings.TrimPrefix(s, "-")
	}
	return s
}

// The formats of numbers besides the fixed number of decimals.
const (
	scientificFormat  = "scientific"
	percentFormat     = "percent"
	significantFormat = "significant"
)

// number is a value as its column shows it.
func (c *Column) number(v float64) string {
	return c.like(v, v)
}

// like is a value with the decimals that its column gives another, so that the ends of an interval match the value between them.
func (c *Column) like(v, other float64) string {
	switch c.Format {
	case percentFormat:
		return number(100*v, c.Digits)
	case scientificFormat:
		return scientific(v, c.Digits)
	case significantFormat:
		return significant(v, other, max(c.Digits, 1))
	}
	if c.count {
		return grouped(fixed(v, c.Digits))
	}
	return number(v, c.Digits)
}

// grouped is a number without an exponent with commas between its thousands, as people read counts.
func grouped(s string) string {
	end := strings.IndexByte(s, '.')
	if end < 0 {
		end = len(s)
	}
	for at := end - 3; at > 0 && s[at-1] != '-'; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}

// ungrouped is a number without the commas between its thousands.
func ungrouped(s string) string { return strings.ReplaceAll(s, ",", "") }

func scientific(v float64, digits int) string {
	s := strconv.FormatFloat(v, 'e', digits, 64)
	if v == 0 {
		return strings.TrimPrefix(s, "-")
	}
	return s
}

// significant rounds to as many digits as the other number shows when it is rounded to a number of significant ones. Numbers that
// would need many zeros are in scientific notation.
func significant(v, other float64, digits int) string {
	if other == 0 {
		other = v
	}
	if other == 0 {
		return number(0, digits-1)
	}
	exponent := exponentOf(other, digits)
	if exponent < -5 || exponent >= 7 {
		return scientific(v, digits-1)
	}
	return number(v, max(0, digits-1-exponent))
}

// exponentOf is the power of ten of a number that is rounded to some significant digits.
func exponentOf(v float64, digits int) int {
	_, e, _ := strings.Cut(strconv.FormatFloat(v, 'e', digits-1, 64), "e")
	exponent, _ := strconv.Atoi(e) // FormatFloat writes one, of a finite number
	return exponent
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
	if v.Status == Withheld && v.Text != "" { // "< 11"
		value = v.Text
	}
	column := t.scored(l, c)
	if column.derived != ownScore {
		return v.besides(column), "", ""
	}
	if v.Status == OK {
		switch {
		case v.numbered: // "412 (51.5)": the number, and what stands beside it
			value, count, _ = strings.Cut(v.Text, " ")
			value = grouped(value)
		case v.Text != "":
			value = v.Text
		default:
			value = column.number(v.Value)
		}
		if v.Interval != nil {
			interval = column.interval(v.Value, v.Interval)
		}
	}
	if t.counted() && v.Status != Absent && (v.N != l.N || v.Of != l.Of) {
		count = "(" + fraction(v.N, v.Of) + ")"
	}
	return value, interval, count
}

// interval is an interval of a value in brackets.
func (c *Column) interval(value float64, iv *plugins.Interval) string {
	return "[" + c.like(iv.Low, value) + ", " + c.like(iv.High, value) + "]"
}

// scored is the column of a value, or what stands for it where the lines of a column are of different scores.
func (t *Table) scored(l *Line, c int) *Column {
	if as := l.Values[c].as; as != nil {
		return as
	}
	return &t.Columns[c]
}

// joined puts a blank between the parts that there are.
func joined(parts ...string) string {
	return joinedBy(" ", parts...)
}

// counted reports whether the table shows n/N: it does when values are means.
func (t *Table) counted() bool { return len(t.Over) > 0 }

// fraction is n/N of a line.
func (l *Line) fraction() string {
	if l.uncounted {
		return dash
	}
	return fraction(l.N, l.Of)
}

func fraction(n, of int) string { return strconv.Itoa(n) + "/" + strconv.Itoa(of) }

// header is the title of a column with its unit and direction.
func (c *Column) header() string {
	title := c.Title
	if c.Format == percentFormat && !c.plain && !strings.Contains(title, "%") {
		title += " (%)"
	}
	switch {
	case c.plain:
	case c.Better == plugins.Higher:
		return title + " ↑"
	case c.Better == plugins.Lower:
		return title + " ↓"
	}
	return title
}

// name is the header of a column with what stands over it.
func (c *Column) name() string {
	if c.Group == "" {
		return c.header()
	}
	return c.Group + ": " + c.header()
}

// label is the name without the arrow of a direction.
func (c *Column) label() string {
	return strings.NewReplacer(" ↑", "", " ↓", "").Replace(c.name())
}

// span is columns beside each other with what stands over them, which may be nothing.
type span struct {
	title string
	width int
}

// spans parts the columns by what stands over them; nil where nothing does.
func (t *Table) spans() []span {
	var out []span
	grouped := false
	for i := range t.Columns {
		title := t.Columns[i].Group
		grouped = grouped || title != ""
		if last := len(out) - 1; last >= 0 && title != "" && out[last].title == title {
			out[last].width++
			continue
		}
		out = append(out, span{title, 1})
	}
	if !grouped {
		return nil
	}
	return out
}

// markdown is the table with its notes as GitHub Markdown.
func (t *Table) markdown() []byte {
	t = t.shown()
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
	for _, r := range t.remarks("bold:", "underlined:") {
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
		title := escape(t.Columns[i].header())
		if group := t.Columns[i].Group; group != "" {
			title = escape(group) + "<br>" + title
		}
		head, rule = append(head, title+superscript(t.Columns[i].Marks)), append(rule, "--:")
	}
	if t.counted() {
		head, rule = append(head, "n/N"), append(rule, "--:")
	}
	line("| " + strings.Join(head, " | ") + " |")
	line("| " + strings.Join(rule, " | ") + " |")
	for i := range t.Lines {
		l := &t.Lines[i]
		if l.head != "" {
			line("| **" + escape(l.head) + "** |" + strings.Repeat(" |", len(head)-1))
		}
		var cells []string
		for _, label := range l.Labels {
			cells = append(cells, escape(dashed(label)))
		}
		for c := range l.Values {
			number, interval, count := t.parts(l, c)
			cells = append(cells, joined(placed(escape(number), l.Values[c].Place), interval, count)+superscript(l.Values[c].Marks))
		}
		switch {
		case t.counted():
			cells = append(cells, l.fraction()+superscript(l.Marks))
		case len(l.Marks) > 0:
			cells[len(l.Labels)-1] += superscript(l.Marks)
		}
		line("| " + strings.Join(cells, " | ") + " |")
	}
}

// placed shows the place of a number in its column. GitHub keeps <ins>, which is underlined.
func placed(number string, place int) string {
	switch place {
	case 1:
		return "**" + number + "**"
	case 2:
		return "<ins>" + number + "</ins>"
	}
	return number
}

// remarks is all that is said of the whole table, with how the best and second best look.
func (t *Table) remarks(best, second string) []string {
	out := slices.Clone(t.Remarks)
	if marks := t.markRemark(best, second); marks != "" {
		out = append(out, marks)
	}
	return slices.Concat(out, t.Data, t.Sources)
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
	"column", "score", "minus", "value", "low", "high", "level", "unit", "method",
	"median", "sd", "min", "max", "next_low", "next_high", "site_sd", "new_site_low", "new_site_high", "measured", "planned", "place", "text",
	"status", "note",
}

// printedColumns follow in the file of a table that has the numbers of others.
var printedColumns = []string{"printed", "printed_low", "printed_high", "printed_text", "printed_at", "comparable"}

// csv is the table with one row a value, at full precision. "measured" and "planned" are n and N: the axis of sample
// sizes is named n.
func (t *Table) csv() ([]byte, error) { return csvOf(t.longHead(), t.long()) }

func csvOf(head []string, rows [][]string) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.Write(head); err != nil {
		return nil, err
	}
	err := w.WriteAll(rows) // it flushes, too
	return b.Bytes(), err
}

// longHead names the columns of the table with one row a value. Axes and dimensions come first.
func (t *Table) longHead() []string {
	var head []string
	for _, r := range t.keys() {
		if slices.Contains(csvColumns, r) {
			r = "axis." + r
		}
		head = append(head, r)
	}
	head = append(head, csvColumns...)
	if t.printed {
		head = append(head, printedColumns...)
	}
	return head
}

// keys are the axes and dimensions that tell values apart.
func (t *Table) keys() []string {
	if t.Across == "" {
		return t.Rows
	}
	return append(slices.Clone(t.Rows), t.Across)
}

// long is the table with one row a value; where there is none, a row says why.
func (t *Table) long() [][]string {
	var rows [][]string
	if t.Problem != "" {
		row := make([]string, len(t.keys())+len(csvColumns))
		row[len(row)-2], row[len(row)-1] = string(Failed), t.Problem
		return append(rows, row)
	}
	for i := range t.Lines {
		l := &t.Lines[i]
		for c := range l.Values {
			if t.Columns[c].derived == ownScore {
				rows = append(rows, t.longRow(l, c))
			}
		}
	}
	return rows
}

// longRow is the value of a line and column at full precision.
func (t *Table) longRow(l *Line, c int) []string {
	v, column := &l.Values[c], t.scored(l, c)
	fields := map[string]string{
		"column": t.Columns[c].label(), "score": column.Score, "minus": column.Minus, "text": v.Text, "status": string(v.Status),
		"measured": strconv.Itoa(v.N), "planned": strconv.Itoa(v.Of),
	}
	put := func(names string, values ...float64) {
		for i, name := range strings.Fields(names) {
			fields[name] = strconv.FormatFloat(values[i], 'g', -1, 64)
		}
	}
	if v.Status == OK {
		if v.Text == "" || v.numbered {
			put("value", v.Value)
		}
		if iv := v.Interval; iv != nil {
			put("low high level", iv.Low, iv.High, iv.Level)
			fields["unit"], fields["method"] = iv.Unit, iv.Method
		}
		if s := v.Sample; s != nil && s.Few == "" {
			put("median sd min max", s.Median, s.SD, s.Min, s.Max)
			if s.Prediction != nil {
				put("next_low next_high", s.Prediction.Low, s.Prediction.High)
			}
		}
		if s := v.Spread; s != nil {
			put("site_sd", s.SD)
			if s.Next != nil {
				put("new_site_low new_site_high", s.Next.Low, s.Next.High)
			}
		}
	}
	if p := v.Printed; p != nil {
		if p.Value != nil {
			put("printed", *p.Value)
		}
		if p.Low != nil {
			put("printed_low printed_high", *p.Low, *p.High)
		}
		fields["printed_text"], fields["printed_at"], fields["comparable"] = p.Text, p.At, strconv.FormatBool(p.Comparable)
	}
	if v.Place > 0 {
		fields["place"] = strconv.Itoa(v.Place)
	}
	notes := printed(slices.Concat(v.notes, l.notes))
	if t.Banner != "" {
		notes = slices.Insert(notes, 0, t.Banner)
	}
	fields["note"] = strings.Join(notes, "; ")
	row := slices.Clone(l.Labels)
	if t.Across != "" {
		row = append(row, column.Across)
	}
	for _, name := range csvColumns {
		row = append(row, fields[name])
	}
	if t.printed {
		for _, name := range printedColumns {
			row = append(row, fields[name])
		}
	}
	return row
}
