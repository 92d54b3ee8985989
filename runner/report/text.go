package report

import (
	"slices"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Text is the table for a terminal of the given width in columns; a width of 0 or less means unlimited.
//
// Where the table is too wide, titles and labels are wrapped, then intervals stand below their values; where even
// that is not enough, the columns are parted into tables below each other, and then each line becomes a block of its own.
func Text(t *Table, width int, color bool) string {
	if width <= 0 {
		width = 1 << 20
	}
	t = t.shown()
	var b strings.Builder
	if t.Title != "" {
		b.WriteString(bold(color, wrapText(t.Title, width)) + "\n")
	}
	switch {
	case t.Problem != "":
		b.WriteString(bold(color, wrapText(t.Problem, width)) + "\n")
	case len(t.Lines) == 0:
		b.WriteString("No cell of the experiment belongs to this table.\n")
	default:
		t.draw(&b, width, color)
	}
	if t.Banner != "" {
		b.WriteString(bold(color, wrapText(t.Banner, width)) + "\n")
	}
	for i, note := range t.Notes {
		b.WriteString(dim(color, wrapText("("+letters(i)+") "+note, width)) + "\n")
	}
	for _, r := range t.remarks(bestSign+":", secondSign+":") {
		b.WriteString(dim(color, wrapText(r, width)) + "\n")
	}
	return b.String()
}

// draw lays the table out as a grid or, where there is no room for one, in several, or as blocks.
func (t *Table) draw(b *strings.Builder, width int, color bool) {
	labels, values := t.grid()
	head := t.head()
	for _, several := range []bool{false, true} {
		for _, stacked := range []bool{false, true} {
			head, body := aligned(head, labels, values, stacked)
			body = t.withHeads(body)
			panels := t.panels(head, body, width)
			if several && !worthParting(panels, len(labels), len(values[0])) || !several && len(panels) != 1 {
				continue
			}
			for i := range panels {
				if i > 0 {
					b.WriteString("\n")
				}
				panels[i].draw(b, len(t.Rows), color)
			}
			return
		}
	}
	head = head[:len(t.Rows)]
	for i := range t.Columns {
		head = append(head, joined(t.Columns[i].name(), bracketed(t.Columns[i].Marks)))
	}
	if t.counted() {
		head = append(head, "n/N")
	}
	b.WriteString(drawBlocks(head, t.subheads(), labels, values, width, color))
}

// subheads are what stands over the lines.
func (t *Table) subheads() []string {
	out := make([]string, len(t.Lines))
	for i := range t.Lines {
		out[i] = t.Lines[i].head
	}
	return out
}

// withHeads puts the sub-heads over the lines of a grid.
func (t *Table) withHeads(body [][]string) [][]string {
	var out [][]string
	for i, cells := range body {
		if head := t.Lines[i].head; head != "" {
			row := make([]string, len(cells))
			row[0] = strings.ReplaceAll(head, " ", hard)
			out = append(out, row)
		}
		out = append(out, cells)
	}
	return out
}

func (t *Table) head() []string {
	head := slices.Clone(t.Rows)
	for i := range t.Columns {
		head = append(head, joined(arrowBound.Replace(t.Columns[i].header()), bracketed(t.Columns[i].Marks)))
	}
	if t.counted() {
		head = append(head, "n/N")
	}
	return head
}

// arrowBound keeps the arrow of a title beside its last word.
var arrowBound = strings.NewReplacer(" ↑", hard+"↑", " ↓", hard+"↓")

// The signs before the best and second best of a column.
const (
	bestSign   = "◆"
	secondSign = "◇"
)

// widen gives columns the room that what stands over them needs: the longest of its words, or a little more.
func widen(widths []int, spans []span, labels int) {
	at := labels
	for _, s := range spans {
		room := spanWidth(widths, at, s.width)
		for _, word := range words(s.title) {
			if lacks := text.StringWidth(word) - room; lacks > 0 {
				widths[at+s.width-1] += lacks
				room += lacks
			}
		}
		at += s.width
	}
}

// drawSpans writes what stands over the columns, in the middle of them.
func drawSpans(widths []int, spans []span, labels int, color bool) string {
	if spans == nil {
		return ""
	}
	left := 0
	for _, w := range widths[:labels] {
		left += w + between
	}
	var lines []string
	put := func(line, from, width int, s string) {
		for len(lines) <= line {
			lines = append(lines, "")
		}
		s = strings.Repeat(" ", (width-text.StringWidth(s))/2) + s
		lines[line] = text.Pad(lines[line], from, ' ') + s
	}
	at, deepest := labels, 0
	wrapped := make([][]string, len(spans))
	for i, s := range spans {
		wrapped[i] = strings.Split(wrapText(s.title, max(1, spanWidth(widths, at, s.width))), "\n")
		deepest = max(deepest, len(wrapped[i]))
		at += s.width
	}
	at = labels
	for i, s := range spans {
		width := spanWidth(widths, at, s.width)
		if s.title != "" {
			for k, line := range wrapped[i] {
				put(deepest-len(wrapped[i])+k, left, width, line)
			}
			put(deepest, left, width, strings.Repeat("─", width))
		}
		left += width + between
		at += s.width
	}
	return bold(color, strings.Join(lines, "\n")) + "\n"
}

// spanWidth is the room of columns beside each other.
func spanWidth(widths []int, from, count int) int {
	room := between * (count - 1)
	for _, w := range widths[from : from+count] {
		room += w
	}
	return room
}

// shown is the text of a value in its parts. Marks are apart from the number, so that they do not push it aside.
type shown struct {
	number, interval, marks string
	text                    bool // in the place of a number
}

// grid is the text of all lines.
func (t *Table) grid() (labels [][]string, values [][]shown) {
	for i := range t.Lines {
		l := &t.Lines[i]
		var names []string
		for _, label := range l.Labels {
			names = append(names, strings.Join(words(dashed(label)), " "))
		}
		var row []shown
		for c := range l.Values {
			number, interval, count := t.parts(l, c)
			switch l.Values[c].Place {
			case 1:
				number = bestSign + hard + number
			case 2:
				number = secondSign + hard + number
			}
			row = append(row, shown{number, interval, joined(count, bracketed(l.Values[c].Marks)), l.Values[c].worded()})
		}
		switch {
		case t.counted():
			row = append(row, shown{number: l.fraction(), marks: bracketed(l.Marks)})
		case len(l.Marks) > 0:
			names[len(names)-1] += " " + bracketed(l.Marks)
		}
		labels, values = append(labels, names), append(values, row)
	}
	return labels, values
}

// aligned makes the cells of a grid. stacked puts each interval on a line of its own.
func aligned(titles []string, labels [][]string, values [][]shown, stacked bool) (head []string, body [][]string) {
	count := len(titles) - len(values[0])
	head = slices.Clone(titles[:count])
	for i := range labels {
		body = append(body, slices.Clone(labels[i]))
	}
	for c, title := range titles[count:] {
		column := make([]shown, len(values))
		for i, row := range values {
			column[i] = row[c]
		}
		title, cells := alignedColumn(title, column, stacked)
		head = append(head, title)
		for i, cell := range cells {
			body[i] = append(body[i], cell)
		}
	}
	return head, body
}

// alignedColumn makes the cells of a column of values, whose numbers, intervals and marks stand below each other. A
// value is not broken. The title ends where the numbers or intervals do, when it is short enough.
func alignedColumn(title string, column []shown, stacked bool) (head string, cells []string) {
	number, interval, after := 0, 0, 0
	for _, v := range column {
		number = max(number, text.StringWidth(v.number))
		interval = max(interval, text.StringWidth(v.interval))
	}
	tails := make([]string, len(column)) // what follows the number on its line
	for i, v := range column {
		tails[i] = v.marks
		if v.interval != "" && !stacked {
			tails[i] = joined(padded(interval, v.interval), v.marks)
		}
		after = max(after, text.StringWidth(tails[i]))
	}
	for i, v := range column {
		cell := padded(number, v.number)
		if v.text {
			cell = text.Pad(v.number, number, ' ')
		}
		if after > 0 {
			cell += " " + text.Pad(tails[i], after, ' ')
		}
		if stacked && v.interval != "" {
			cell += "\n" + v.interval
		}
		cells = append(cells, strings.ReplaceAll(cell, " ", hard))
	}
	room := 0 // for marks, at the right of the column
	switch {
	case interval > 0 && !stacked:
		room = after - interval
	case interval == 0 && after > 0:
		room = after + 1
	}
	if text.StringWidth(title)+room <= number+1+after {
		title += strings.Repeat(hard, room)
	}
	return title, cells
}

// padded puts blanks before a text.
func padded(width int, s string) string {
	return strings.Repeat(" ", width-text.StringWidth(s)) + s
}

func bracketed(marks []int) string {
	if len(marks) == 0 {
		return ""
	}
	return "(" + marked(marks) + ")"
}

// hard is a blank at which no line is broken.
const hard = "\u00a0"

// words splits at blanks and line breaks, but not at a hard blank.
func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) && string(r) != hard })
}

// between is the room that the rules between columns take.
const between = 2

// columnWidths fits the columns into width by narrowing the widest, no narrower than its longest word; fits is false
// when there is no room even so.
func columnWidths(head []string, body [][]string, width int) (widths []int, fits bool) {
	least := make([]int, len(head))
	widths = make([]int, len(head))
	total := between * (len(head) - 1)
	for c := range head {
		cells := []string{head[c]}
		for _, row := range body {
			cells = append(cells, row[c])
		}
		for _, cell := range cells {
			widths[c] = max(widths[c], text.LongestLineLen(cell))
			for _, word := range words(cell) {
				least[c] = max(least[c], text.StringWidth(word))
			}
		}
		total += widths[c]
	}
	for total > width {
		widest := -1
		for c := range widths {
			if widths[c] > least[c] && (widest < 0 || widths[c] > widths[widest]) {
				widest = c
			}
		}
		if widest < 0 {
			return nil, false
		}
		widths[widest]--
		total--
	}
	return widths, true
}

// drawGrid lays the table out with a rule under its head; labels are on the left, numbers on the right.
func drawGrid(head []string, body [][]string, widths []int, labels int, color bool) string {
	w := table.NewWriter()
	style := table.StyleLight
	style.Options = table.Options{SeparateHeader: true}
	style.Format = table.FormatOptions{} // as written: no upper case
	style.Box.PaddingLeft, style.Box.PaddingRight = "", strings.Repeat(" ", between)
	w.SetStyle(style)
	row := make(table.Row, len(head))
	configs := make([]table.ColumnConfig, len(head))
	for c := range head {
		row[c] = bold(color, wrapText(head[c], widths[c]))
		align := text.AlignRight
		if c < labels {
			align = text.AlignLeft
		}
		configs[c] = table.ColumnConfig{Number: c + 1, Align: align, AlignHeader: align, VAlignHeader: text.VAlignBottom}
	}
	w.SetColumnConfigs(configs)
	w.AppendHeader(row)
	for _, cells := range body {
		row := make(table.Row, len(cells))
		for c := range cells {
			row[c] = cells[c]
			if c < labels {
				row[c] = wrapText(cells[c], widths[c])
			}
		}
		w.AppendRow(row)
	}
	var b strings.Builder
	for line := range strings.Lines(w.Render() + "\n") {
		line = strings.TrimRight(strings.ReplaceAll(line, hard, " "), " \n")
		if strings.HasPrefix(line, style.Box.MiddleHorizontal) { // the rule: the last column has no room after it
			line = strings.TrimSuffix(line, strings.Repeat(style.Box.MiddleHorizontal, between))
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// drawBlocks writes one block a line: its labels, then a score a row, with the values below each other where there is
// room.
func drawBlocks(head, subheads []string, labels [][]string, values [][]shown, width int, color bool) string {
	const indent = 2
	titles := slices.Clone(head[len(labels[0]):])
	widest, longest := 0, 0
	for c, title := range titles {
		widest = max(widest, text.StringWidth(title))
		for _, row := range values {
			longest = max(longest, text.StringWidth(joined(row[c].number, row[c].interval)))
		}
	}
	if 2*indent+widest+between+longest <= width {
		for c, title := range titles {
			titles[c] = strings.ReplaceAll(text.Pad(title, widest+between-1, ' '), " ", hard)
		}
	}
	var b strings.Builder
	for i, row := range values {
		if subheads[i] != "" {
			b.WriteString(bold(color, wrapText(subheads[i], width)) + "\n")
		}
		var names []string
		for c, label := range labels[i] {
			names = append(names, head[c]+" "+label)
		}
		b.WriteString(bold(color, wrapText(strings.Join(names, ", "), width)) + "\n")
		for c, v := range row {
			interval := strings.ReplaceAll(v.interval, " ", hard) // stays on one line
			blanks := indent
			for l := range strings.Lines(wrapText(joined(titles[c], v.number, interval, v.marks), width-2*indent)) {
				b.WriteString(strings.Repeat(" ", blanks) + strings.ReplaceAll(strings.TrimRight(l, "\n"), hard, " ") + "\n")
				blanks = 2 * indent
			}
		}
	}
	return b.String()
}

// wrapText breaks at blanks, and a word that is wider than a line where the line ends.
func wrapText(s string, width int) string {
	var lines []string
	line := ""
	for _, word := range brokenWords(s, width) {
		switch {
		case line == "":
			line = word
		case text.StringWidth(line)+1+text.StringWidth(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return strings.Join(append(lines, line), "\n")
}

func bold(on bool, s string) string { return styled(on, "1", s) }

func dim(on bool, s string) string { return styled(on, "2", s) }

// styled wraps each line by itself: a style must not run over the edges of a cell.
func styled(on bool, code, s string) string {
	if !on {
		return s
	}
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = "\x1b[" + code + "m" + lines[i] + "\x1b[0m"
	}
	return strings.Join(lines, "\n")
}
