package report

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// texPage is the room that a table is laid out for, in points: that of the text in the standard article class, upright or turned.
type texPage struct {
	turned        bool
	width, height float64
}

var texPages = []texPage{{false, 345, 550}, {true, 550, 345}}

// texSizes are the sizes of fonts that a table may have, with the width of a digit of Computer Modern and the height of a line in points.
// Smaller fonts are relatively wider.
var texSizes = []texSize{{`\normalsize`, 5, 12}, {`\small`, 4.63, 11}, {`\footnotesize`, 4.25, 9.5}, {`\scriptsize`, 3.99, 8}}

// tinySizes are for tables that run over pages and are too wide for them.
var tinySizes = []texSize{{`\fontsize{6}{7}\selectfont`, 3.67, 7}, {`\fontsize{5}{6}\selectfont`, 3.41, 6}, {`\fontsize{4}{5}\selectfont`, 2.73, 5}}

// broadest and narrow are the widths of labels, in digits, beyond which they are broken into lines: where there is room for them, and where
// there is not.
const (
	broadest = 32
	narrow   = 16
)

// manyLabels is the number of labels that may stand above the numbers of their line: fewer save little room.
const manyLabels = 3

type texSize struct {
	command     string
	digit, line float64
}

// smallest is the size of intervals that stand below their values.
var smallest = texSizes[len(texSizes)-1]

// latex is the table as a file for \input: booktabs rules, numbers aligned by siunitx, notes under the table. Where it is too wide for
// a page, the font gets smaller; then intervals stand below their values; then labels are broken into lines, or, where there are many of
// them, stand above their numbers; then the table is turned. One that is longer than a page runs over several.
func (t *Table) latex() []byte {
	l := t.shown().layout()
	var b bytes.Buffer
	l.comments(&b)
	if t.Problem != "" || len(t.Lines) == 0 {
		l.empty(&b)
		return b.Bytes()
	}
	if l.tooLong() {
		l.overPages(&b)
	} else {
		l.float(&b)
	}
	return b.Bytes()
}

// texColumn is a column of values in LaTeX: a number, and beside it where there is any the rest, in a column of its own.
type texColumn struct {
	format         string // of the number: "S[…]", "r" or "l"
	tail           bool   // intervals, n/N or marks stand beside the number
	title          []string
	decimals       int     // at most
	wide           float64 // the width of a line of it, in digits
	number, beside float64 // of the number and of what stands beside it
	below          float64 // the width of what stands below, in digits of the smallest size
}

// points is the width with a size of font.
func (c *texColumn) points(size texSize) float64 {
	number := max(c.number*size.digit, c.below*min(smallest.digit, size.digit))
	return max(c.wide*size.digit, number+c.beside*size.digit)
}

// texLayout is a table with what was decided on its looks.
type texLayout struct {
	*Table
	columns  []texColumn
	over     [][]string // the lines of what stands over the columns
	widths   []float64  // of labels, in digits; none where they stand above the numbers
	broken   []bool     // of them, those that are broken into lines
	apart    []bool     // of lines, those with room before them
	gathered bool       // a label that the line before has, too, is not repeated
	gap      float64    // between columns, in points
	page     texPage
	size     texSize
	notes    texSize
	texStyle
	wide bool // wider than the page even so: the table is scaled down, unless it runs over pages
}

// texStyle is how a table is laid out.
type texStyle struct {
	stacked bool    // intervals stand below their values
	longest float64 // the width beyond which labels are broken
	headed  bool    // labels stand above the numbers of their line
}

// texStyles are tried in this order on each page.
var texStyles = []texStyle{{false, broadest, false}, {true, broadest, false}, {true, narrow, false}, {false, 0, true}, {true, 0, true}}

// texTinyStyles are tried where all of these are too wide; the second is for tables of many labels.
var texTinyStyles = []texStyle{{true, broadest, false}, {true, 0, true}}

func (t *Table) layout() *texLayout {
	l := &texLayout{Table: t, page: texPages[0], size: texSizes[0], notes: texSizes[2], gap: 10}
	if len(t.Lines) == 0 {
		return l
	}
	l.fit()
	l.part()
	if l.tooLong() { // notes that are a little smaller may save a page
		if l.notes = texSizes[3]; l.tooLong() {
			l.notes = texSizes[2]
		}
	}
	return l
}

// fit decides on page, style and size.
func (l *texLayout) fit() {
	for _, l.page = range texPages {
		for _, l.texStyle = range texStyles {
			if l.headed && len(l.Rows) < manyLabels {
				continue
			}
			l.measureLabels()
			l.measure()
			sizes := texSizes
			if l.gap = 6; !l.stacked {
				sizes, l.gap = sizes[:len(sizes)-1], 10
			}
			for _, l.size = range sizes {
				if l.points() <= l.page.width {
					return
				}
			}
		}
	}
	l.fitTiny()
}

// fitTiny decides on style and size of a table for which no page is wide enough.
func (l *texLayout) fitTiny() {
	styles := texTinyStyles
	if len(l.Rows) < manyLabels {
		styles = styles[:1]
	}
	l.wide = true
	for _, l.texStyle = range styles {
		l.measureLabels()
		l.measure()
		if l.part(); !l.tooLong() {
			return
		}
		for _, l.size = range tinySizes { // it cannot be scaled as a whole
			if l.points() <= l.page.width {
				return
			}
		}
	}
}

// measureLabels decides on the widths of labels: of those that are broken none is narrower than a word of it.
func (l *texLayout) measureLabels() {
	l.widths, l.broken = nil, nil
	if l.headed {
		return
	}
	for i, name := range l.Rows {
		widest, word := 0., 0.
		see := func(label string) {
			widest = max(widest, digitsWide(label))
			for _, w := range strings.Fields(label) {
				word = max(word, digitsWide(w))
			}
		}
		see(name)
		for k := range l.Lines {
			see(dashed(l.Lines[k].Labels[i]))
		}
		width := min(widest, max(l.longest, min(word, broadest)))
		l.widths, l.broken = append(l.widths, width), append(l.broken, width < widest)
	}
}

// tooLong reports whether the table and its notes are longer than a page.
func (l *texLayout) tooLong() bool {
	height := l.headHeight() + l.notesHeight()
	for i := range l.Lines {
		height += l.height(i)
	}
	return height > l.page.height
}

// headHeight estimates the height of caption, heads and rules, in points.
func (l *texLayout) headHeight() float64 {
	const heads, line = 45, 12 // with one line of the caption
	lines := math.Ceil(digitsWide("Table 10: "+sentences([]string{l.Title, l.Caption})) * texSizes[0].digit / l.page.width)
	return heads + line*(lines-1)
}

// height estimates that of line i with the room before it, in points.
func (l *texLayout) height(i int) float64 {
	const room = 5 // of booktabs
	rows, before := 1.+float64(oneIf(l.stacked)), room*float64(oneIf(l.apart[i]))+l.size.line*float64(oneIf(l.Lines[i].head != ""))
	if l.headed {
		return before + (rows+math.Ceil(digitsWide(l.above(&l.Lines[i]))*l.size.digit/l.page.width))*l.size.line
	}
	for k, label := range l.Lines[i].Labels {
		if l.broken[k] {
			rows = max(rows, float64(len(broken(dashed(label), int(l.widths[k])))))
		}
	}
	return before + rows*l.size.line
}

// part decides which lines have some room before them: where those with one first label stand together, those with another one than the line
// before; of lines that are sorted or marked in parts, the first of each; and all where labels stand above the numbers.
func (l *texLayout) part() {
	l.gathered, l.apart = len(l.widths) > 1 && l.together(), make([]bool, len(l.Lines))
	part := l.groups(l.within)
	if l.within == "" && l.gathered {
		part = l.groups(l.Rows[0])
	}
	for i := 1; i < len(l.Lines); i++ {
		l.apart[i] = l.headed || part(&l.Lines[i]) != part(&l.Lines[i-1]) || l.Lines[i].head != ""
	}
}

// notesHeight estimates the height of the notes, in points.
func (l *texLayout) notesHeight() float64 {
	height := 0.
	for _, n := range slices.Concat(l.Notes, l.texRemarks()) {
		height += math.Ceil(digitsWide(n)*l.notes.digit/l.page.width) * l.notes.line
	}
	return height
}

// lastPage is the number of lines that are to be moved to the last page, where else the last of the notes would be alone on it; 0 where they
// need not be.
func (l *texLayout) lastPage() int {
	notes, room := l.notesHeight(), l.page.height-l.headHeight()
	used := 0. // of the last page
	for i := range l.Lines {
		if used += l.height(i); used > room {
			used = l.height(i)
		}
	}
	if used+notes <= room || notes > room/2 {
		return 0
	}
	moved, height := 0, notes
	for i := len(l.Lines) - 1; i > 0; i-- {
		if height += l.height(i); height > room/2+notes || height > room {
			break
		}
		moved++
	}
	return moved
}

func oneIf(b bool) int {
	if b {
		return 1
	}
	return 0
}

// digitsWide estimates the width of a text in digits: points, brackets and blanks take half of one, capitals more than one, and the
// exponent of a number in scientific notation, which is written as a product, three more than it has characters.
func digitsWide(s string) float64 {
	width := 3 * float64(strings.Count(s, "e-")+strings.Count(s, "e+"))
	for _, r := range s {
		switch {
		case strings.ContainsRune("[](){}.,:;'|!ijlt ", r):
			width += 0.6
		case unicode.IsUpper(r) || strings.ContainsRune("mw%#&~^<>@+=−±≥≤×→←↑↓–", r):
			width += 1.5
		case texRunes[r] == "" && r >= 0x180: // it is printed as its code point
			width += 8
		default:
			width++
		}
	}
	return width
}

// points estimates the width of the table.
func (l *texLayout) points() float64 {
	const inner = 3.5 // between a number and what stands beside it
	width := l.gap * float64(len(l.widths)+len(l.columns)-1)
	for _, digits := range l.widths {
		width += digits * l.size.digit
	}
	for _, c := range l.columns {
		width += c.points(l.size) + inner*float64(oneIf(c.tail))
	}
	if l.counted() {
		width += 4*l.size.digit + l.gap
	}
	return 1.03 * width // an estimate that is too small would cost the last column
}

// measure decides on the columns.
func (l *texLayout) measure() {
	l.columns, l.over = l.columns[:0], nil
	for c := range l.Columns {
		l.columns = append(l.columns, l.measured(c))
	}
	at := 0
	for _, s := range l.spans() { // what stands over columns needs its room, too
		room := 0.
		for _, c := range l.columns[at : at+s.width] {
			room += max(c.wide, c.below) + 2
		}
		lines := broken(s.title, int(max(room, 10)))
		longest := 0.
		for _, line := range lines {
			longest = max(longest, digitsWide(line))
		}
		l.columns[at+s.width-1].wide += max(0, longest-room)
		l.over = append(l.over, lines)
		at += s.width
	}
}

func (l *texLayout) measured(c int) texColumn {
	var col texColumn
	before, after, power, words, negative, grouped := 0, 0, 0, false, false, false
	number, tail := 0., 0.
	for i := range l.Lines {
		value, interval, count := l.parts(&l.Lines[i], c)
		marks := digitsWide(marked(l.Lines[i].Values[c].Marks)) * 0.7
		number = max(number, digitsWide(value))
		if l.stacked {
			col.below, interval = max(col.below, digitsWide(interval)), ""
		}
		beside := joined(interval, count)
		tail = max(tail, digitsWide(beside)+marks)
		col.tail = col.tail || !l.stacked && !l.worded(c) && (beside != "" || marks > 0)
		if value == dash || l.Lines[i].Values[c].Status == Withheld {
			continue
		}
		whole, decimals, exponent, ok := digitsOf(value)
		words, negative, grouped = words || !ok, negative || strings.HasPrefix(value, "-"), grouped || strings.Contains(value, ",")
		before, after, power = max(before, whole), max(after, decimals), max(power, exponent)
	}
	switch {
	case l.worded(c):
		col.format = "l"
	case l.transposed() && l.stacked: // numbers of several scores, each in the middle of its interval
		col.format = "c"
	case words || before == 0:
		col.format = "r"
	default:
		col.format = "S[table-format=" + strings.Repeat("-", oneIf(negative)) + fmt.Sprintf("%d.%d", before, after)
		if power > 0 {
			col.format += fmt.Sprintf("e-%d", power)
		}
		if grouped {
			col.format += ",group-digits=integer,group-minimum-digits=4,group-separator={,}"
		}
		col.format += "]"
		number = max(number, digitsWide(strings.Repeat("0", before+after)+".")+1.5*float64(oneIf(negative))) // it keeps room for all of these
	}
	col.decimals, col.number, col.beside, col.wide = after, number, tail, number+tail
	col.title = broken(l.Columns[c].header(), int(max(col.wide, col.below, 10)))
	for _, line := range col.title {
		col.wide = max(col.wide, digitsWide(line))
	}
	return col
}

// digitsOf counts the digits of a number before and after its point, and of its exponent; ok is false where a text is no number. Commas may
// stand between its thousands.
func digitsOf(s string) (before, after, power int, ok bool) {
	s = strings.TrimPrefix(ungrouped(s), "-")
	mantissa, exponent, _ := strings.Cut(s, "e")
	whole, decimals, _ := strings.Cut(mantissa, ".")
	exponent = strings.TrimLeft(exponent, "+-0")
	for _, part := range []string{whole, decimals, exponent} {
		if strings.Trim(part, "0123456789") != "" {
			return 0, 0, 0, false
		}
	}
	return len(whole), len(decimals), len(exponent), whole != ""
}

// broken splits a title into lines at blanks; the arrow of a direction stays with the word before it.
func broken(title string, width int) []string {
	lines := []string{""}
	for _, word := range strings.Fields(title) {
		line := &lines[len(lines)-1]
		switch {
		case *line == "":
			*line = word
		case word == "↑" || word == "↓" || utf8.RuneCountInString(*line)+1+utf8.RuneCountInString(word) <= width:
			*line += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}

// comments say where the file comes from, what it needs, and what its notes leave out.
func (l *texLayout) comments(b *bytes.Buffer) {
	packages := "booktabs,siunitx"
	switch long := len(l.Lines) > 0 && l.tooLong(); {
	case long && l.page.turned:
		packages += ",longtable,pdflscape"
	case long:
		packages += ",longtable"
	case l.wide:
		packages += ",graphicx,rotating"
	case l.page.turned:
		packages += ",threeparttable,rotating"
	default:
		packages += ",threeparttable"
	}
	fmt.Fprintf(b, "%% %s\n", comment(strings.Join(l.Sources, " ")))
	fmt.Fprintf(b, "%% Made by ehrlab; for \\input{%s}. The document needs\n%%   \\usepackage[T1]{fontenc} %% of pdfLaTeX alone\n%%   \\usepackage{%s}\n", l.Name+".tex", packages)
	for _, d := range l.Data {
		fmt.Fprintf(b, "%% %s\n", comment(d))
	}
}

// comment is a text on one line.
func comment(s string) string { return strings.Join(strings.Fields(s), " ") }

// settings are those of what stands in the table.
func (l *texLayout) settings() string {
	align := "right" // of what is no plain number: numbers of as many decimals end below each other
	if l.stacked {
		align = "center" // numbers stand in the middle of what is below them
	}
	return fmt.Sprintf("%s\n\\sisetup{detect-all,group-digits=none,table-text-alignment=%s}\n\\setlength{\\tabcolsep}{%gpt}\n", l.size.command, align, l.gap/2)
}

// float is a table on one page.
func (l *texLayout) float(b *bytes.Buffer) {
	environment := "table"
	if l.page.turned {
		environment = "sidewaystable"
	}
	fmt.Fprintf(b, "\\begin{%s}\n\\centering\n", environment)
	if l.wide {
		l.scaled(b)
	} else {
		l.withNotes(b, l.tabular)
	}
	fmt.Fprintf(b, "\\end{%s}\n", environment)
}

// withNotes sets the notes as wide as the table, but not narrower than most of the text.
func (l *texLayout) withNotes(b *bytes.Buffer, grid func(*bytes.Buffer)) {
	fmt.Fprintf(b, "\\begin{threeparttable}\n\\renewcommand{\\TPTminimum}{0.75\\linewidth}\n\\caption{%s}\n\\label{%s}\n%s", l.caption(), l.texLabel(), l.settings())
	grid(b)
	if remarks := l.texRemarks(); len(l.Notes)+len(remarks) > 0 {
		fmt.Fprintf(b, "\\begin{tablenotes}[flushleft]\n%s\n", l.notes.command)
		for i, note := range l.Notes {
			fmt.Fprintf(b, "\\item[%s] %s\n", letters(i), tex(note))
		}
		for _, r := range remarks {
			fmt.Fprintf(b, "\\item[] %s\n", r)
		}
		b.WriteString("\\end{tablenotes}\n")
	}
	b.WriteString("\\end{threeparttable}\n")
}

func (l *texLayout) tabular(b *bytes.Buffer) {
	fmt.Fprintf(b, "\\begin{tabular}{%s}\n\\toprule\n", l.spec())
	l.head(b)
	b.WriteString("\\midrule\n")
	l.body(b, 0)
	b.WriteString("\\bottomrule\n\\end{tabular}\n")
}

// scaled is a table that is scaled down to the width of the page, which its notes have, too.
func (l *texLayout) scaled(b *bytes.Buffer) {
	fmt.Fprintf(b, "\\caption{%s}\n\\label{%s}\n%s\\resizebox{\\linewidth}{!}{%%\n", l.caption(), l.texLabel(), l.settings())
	l.tabular(b)
	fmt.Fprintf(b, "}\n\\begin{minipage}{\\linewidth}\n%s\n\\smallskip\n", l.notes.command)
	l.paragraphs(b)
	b.WriteString("\\end{minipage}\n")
}

// paragraphs are the notes where no package sets them.
func (l *texLayout) paragraphs(b *bytes.Buffer) {
	for i, note := range l.Notes {
		fmt.Fprintf(b, "\\noindent\\textsuperscript{%s} %s\\par\n", letters(i), tex(note))
	}
	for _, r := range l.texRemarks() {
		fmt.Fprintf(b, "\\noindent %s\\par\n", r)
	}
}

// overPages is a table that runs over pages. The packages for notes do not know such tables, so that the notes are paragraphs.
func (l *texLayout) overPages(b *bytes.Buffer) {
	environment := "center" // a group, for the size of the font
	if l.page.turned {
		environment = "landscape"
	}
	fmt.Fprintf(b, "\\begin{%s}\n%s\\begin{longtable}{%s}\n\\caption{%s}\n\\label{%s}\\\\\n\\toprule\n", environment, l.settings(), l.spec(), l.caption(), l.texLabel())
	l.head(b)
	b.WriteString("\\midrule\n\\endfirsthead\n\\toprule\n")
	l.head(b)
	b.WriteString("\\midrule\n\\endhead\n\\bottomrule\n\\endfoot\n")
	l.body(b, l.lastPage())
	fmt.Fprintf(b, "\\end{longtable}\n%s\n\\raggedright\n", l.notes.command)
	l.paragraphs(b)
	fmt.Fprintf(b, "\\end{%s}\n", environment)
}

// empty is a table without lines.
func (l *texLayout) empty(b *bytes.Buffer) {
	why := l.Problem
	if why == "" {
		why = "No cell of the experiment belongs to this table."
	}
	b.WriteString("\\begin{table}\n\\centering\n")
	l.withNotes(b, func(b *bytes.Buffer) {
		fmt.Fprintf(b, "\\begin{tabular}{p{0.9\\linewidth}}\n\\toprule\n%s\\\\\n\\bottomrule\n\\end{tabular}\n", tex(why))
	})
	b.WriteString("\\end{table}\n")
}

// texRemarks is what is said of the whole table, the data sets aside: they are in the comments.
func (l *texLayout) texRemarks() []string {
	var out []string
	if l.Banner != "" {
		out = append(out, `\textbf{`+tex(l.Banner)+`}`)
	}
	for _, r := range l.Remarks {
		out = append(out, tex(r))
	}
	if marks := l.markRemark("bold:", "underlined:"); marks != "" {
		out = append(out, tex(marks))
	}
	for _, s := range l.Sources {
		out = append(out, tex(s))
	}
	return out
}

func (l *texLayout) caption() string {
	var parts []string
	if l.Title != "" {
		parts = append(parts, l.Title)
	}
	if l.Caption != "" {
		parts = append(parts, l.Caption)
	}
	if len(parts) == 0 {
		return tex(l.Name)
	}
	return tex(sentences(parts))
}

// texLabel has no character that LaTeX would not take in a label.
func (l *texLayout) texLabel() string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(":.-_", r) || r < utf8.RuneSelf && wordByte(byte(r)) {
			return r
		}
		return '-'
	}, l.Label)
}

// spec is the argument of the tabular: a column for each label, and one or two for each column of values.
func (l *texLayout) spec() string {
	var b strings.Builder
	b.WriteString("@{}")
	for i, digits := range l.widths {
		if l.broken[i] {
			fmt.Fprintf(&b, ">{\\raggedright\\arraybackslash}p{%.0fpt}", digits*l.size.digit)
		} else {
			b.WriteString("l")
		}
	}
	for _, c := range l.columns {
		b.WriteString(c.format)
		if c.tail {
			b.WriteString("@{\\ }l")
		}
	}
	if l.counted() {
		b.WriteString("l")
	}
	return b.String() + "@{}"
}

// cells is how many columns of LaTeX a column takes.
func (c *texColumn) cells() int { return 1 + oneIf(c.tail) }

func (l *texLayout) head(b *bytes.Buffer) {
	if spans := l.spans(); spans != nil {
		var cells, rules []string
		for range l.widths {
			cells = append(cells, "")
		}
		c, at := 0, len(l.widths)+1
		for i, s := range spans {
			width := 0
			for _, col := range l.columns[c : c+s.width] {
				width += col.cells()
			}
			cells = append(cells, fmt.Sprintf("\\multicolumn{%d}{c}{%s}", width, texLines(l.over[i], "c")))
			if s.title != "" {
				rules = append(rules, fmt.Sprintf("\\cmidrule(lr){%d-%d}", at, at+width-1))
			}
			c, at = c+s.width, at+width
		}
		if l.counted() {
			cells = append(cells, "")
		}
		b.WriteString(texRow(cells) + strings.Join(rules, "") + "\n")
	}
	var cells []string
	for i := range l.widths {
		cells = append(cells, tex(l.Rows[i]))
	}
	for i, c := range l.columns {
		align := "c"
		if c.format == "l" {
			align = "l"
		}
		cells = append(cells, fmt.Sprintf("\\multicolumn{%d}{%s}{%s%s}", l.columns[i].cells(), align, texLines(c.title, align), texMarks(l.Columns[i].Marks)))
	}
	if l.counted() {
		cells = append(cells, `$n/N$`)
	}
	b.WriteString(texRow(cells))
}

// texLines is a title of one or more lines.
func texLines(title []string, align string) string {
	lines := make([]string, len(title))
	for i, line := range title {
		lines[i] = tex(line)
	}
	if len(lines) == 1 {
		return lines[0]
	}
	return fmt.Sprintf("\\begin{tabular}[b]{@{}%s@{}}%s\\end{tabular}", align, strings.Join(lines, "\\\\"))
}

func texRow(cells []string) string { return strings.Join(cells, " & ") + " \\\\\n" }

// body writes the lines. Where those with one first label stand together, a label that the line before has, too, is not repeated, but for
// the last one of a line, and a line with another first label has some room before it.
//
// The last ones, as many as moved, begin a page.
func (l *texLayout) body(b *bytes.Buffer, moved int) {
	first := len(l.Lines) - moved // of the last page
	for i := range l.Lines {
		line := &l.Lines[i]
		switch {
		case i == 0:
		case i == first:
			b.WriteString("\\pagebreak\n")
		case l.apart[i]:
			b.WriteString("\\addlinespace\n")
		}
		if line.head != "" {
			fmt.Fprintf(b, "\\multicolumn{%d}{@{}l}{\\textit{%s}} \\\\*\n", l.width(), tex(line.head))
		}
		labels := l.labels(line, i > 0 && i != first && l.gathered && line.head == "", i)
		if l.headed {
			b.WriteString(l.heading(line))
		}
		cells, below, any := slices.Clone(labels), make([]string, len(labels)), false
		for c := range line.Values {
			number, tail, interval := l.value(line, c)
			cells, below = append(cells, number), append(below, "")
			if interval != "" {
				below[len(below)-1], any = "{"+interval+"}", true
				if l.size.digit > smallest.digit {
					below[len(below)-1] = "{\\scriptsize " + interval + "}"
				}
			}
			if l.columns[c].tail {
				cells, below = append(cells, tail), append(below, "")
			}
		}
		if l.counted() {
			cells, below = append(cells, tex(line.fraction())+texMarks(line.Marks)), append(below, "")
		}
		b.WriteString(texRow(cells))
		if any {
			b.WriteString(texRow(below))
		}
	}
}

// labels are those of a line in columns of their own; sparing: without those that the line before has, too.
func (l *texLayout) labels(line *Line, sparing bool, at int) []string {
	labels := make([]string, len(l.widths))
	for k := range labels {
		if sparing = sparing && k < len(labels)-1 && l.Lines[at-1].Labels[k] == line.Labels[k]; !sparing {
			labels[k] = tex(dashed(line.Labels[k]))
		}
	}
	if len(labels) > 0 && !l.counted() && len(line.Marks) > 0 {
		labels[len(labels)-1] += texMarks(line.Marks)
	}
	return labels
}

// heading is the labels of a line on a line of their own, over all columns.
func (l *texLayout) heading(line *Line) string {
	text := tex(dashed(line.Labels[0]))
	for i, name := range l.Rows[1:] {
		text += "; \\textit{" + tex(name) + "} " + tex(dashed(line.Labels[i+1]))
	}
	if !l.counted() {
		text += texMarks(line.Marks)
	}
	return fmt.Sprintf("\\multicolumn{%d}{@{}>{\\raggedright\\arraybackslash}p{%.0fpt}@{}}{%s} \\\\*\n", l.width(), l.page.width, text)
}

// width is how many columns of LaTeX the table has.
func (l *texLayout) width() int {
	columns := len(l.widths) + oneIf(l.counted())
	for i := range l.columns {
		columns += l.columns[i].cells()
	}
	return columns
}

// above is the text of a heading.
func (l *texLayout) above(line *Line) string {
	parts := []string{dashed(line.Labels[0])}
	for i, name := range l.Rows[1:] {
		parts = append(parts, name+" "+dashed(line.Labels[i+1]))
	}
	return strings.Join(parts, "; ")
}

// together reports whether lines with one first label stand together, and some label has several.
func (l *texLayout) together() bool {
	seen := map[string]bool{}
	several := false
	for i := range l.Lines {
		label := l.Lines[i].Labels[0]
		if i > 0 && label == l.Lines[i-1].Labels[0] {
			several = true
			continue
		}
		if seen[label] {
			return false
		}
		seen[label] = true
	}
	return several
}

// value writes a value: the number, what stands beside it in a column of its own, where there is one, and the interval where that
// stands below.
func (l *texLayout) value(line *Line, c int) (number, tail, below string) {
	value, interval, count := l.parts(line, c)
	v := &line.Values[c]
	interval = texInterval(interval)
	if l.stacked {
		below, interval = interval, ""
	}
	words, marks := joined(interval, count), texMarks(v.Marks)
	if l.columns[c].tail {
		return l.number(value, v, c, ""), words + marks, below
	}
	if words != "" {
		words = "\\ " + words
	}
	if marks != "" && l.stacked && words == "" { // they take no room, so that the number stays in the middle
		marks = "\\rlap{" + marks + "}"
	}
	return l.number(value, v, c, words+marks), "", below
}

// number writes a number, or what stands for it, with what follows it in the same cell. Where siunitx aligns numbers, it is given them as
// they are, but for those that are underlined or followed by something, and all else in braces.
func (l *texLayout) number(value string, v *Value, c int, after string) string {
	_, decimals, _, numeric := digitsOf(value)
	aligned := strings.HasPrefix(l.columns[c].format, "S")
	if aligned && numeric && v.Place != 2 && after == "" {
		if value = ungrouped(value); v.Place == 1 {
			return "\\bfseries " + value
		}
		return value
	}
	text := tex(value)
	switch {
	case numeric:
		text = texNumber(value)
	case v.Text == "" && strings.HasPrefix(value, "["): // of a column that shows nothing but intervals
		text = texInterval(value)
	}
	switch v.Place {
	case 1:
		text = "\\textbf{" + text + "}"
	case 2:
		text = "\\underline{" + text + "}"
	}
	if lacks := l.columns[c].decimals - decimals; aligned && numeric && !l.stacked && lacks > 0 { // it ends where others do
		text += "\\hphantom{" + strings.Repeat("0", lacks) + "}"
	}
	if text += after; aligned {
		text = "{" + text + "}"
	}
	return text
}

// texInterval writes "[-0.1, 0.2]" with minus signs.
func texInterval(s string) string {
	low, high, ok := strings.Cut(strings.Trim(s, "[]"), ", ")
	if s == "" || !ok {
		return tex(s)
	}
	return "[" + texNumber(low) + ", " + texNumber(high) + "]"
}

func texMarks(marks []int) string {
	if len(marks) == 0 {
		return ""
	}
	return "\\textsuperscript{" + marked(marks) + "}"
}
