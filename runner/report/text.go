package report

import (
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Text is the table for a terminal of the given width in columns; a width of 0 or less means unlimited.
//
// Where the table is too wide its cells are wrapped, the widest first; where even that is not enough, each line
// becomes a block of its own.
func Text(t *Table, width int, color bool) string {
	if width <= 0 {
		width = 1 << 20
	}
	var b strings.Builder
	if t.Title != "" {
		b.WriteString(bold(color, wrapText(t.Title, width)) + "\n")
	}
	head, body := t.grid()
	if widths, fits := columnWidths(head, body, width); fits {
		b.WriteString(drawGrid(head, body, widths, len(t.Rows), color))
	} else {
		b.WriteString(drawBlocks(head, body, len(t.Rows), width, color))
	}
	if t.Banner != "" {
		b.WriteString(bold(color, wrapText(t.Banner, width)) + "\n")
	}
	for i, note := range t.Notes {
		b.WriteString(dim(color, wrapText("("+letters(i)+") "+note, width)) + "\n")
	}
	for _, r := range t.Remarks {
		b.WriteString(dim(color, wrapText(r, width)) + "\n")
	}
	return b.String()
}

// grid is the text of all cells.
func (t *Table) grid() (head []string, body [][]string) {
	head = append(head, t.Rows...)
	for i := range t.Columns {
		head = append(head, t.Columns[i].header())
	}
	if t.counted() {
		head = append(head, "n/N")
	}
	for i := range t.Lines {
		l := &t.Lines[i]
		var cells []string
		for _, label := range l.Labels {
			cells = append(cells, dashed(label))
		}
		for c := range l.Values {
			bound := strings.ReplaceAll(t.text(l, c), ", ", ","+hard) // an interval stays on one line
			cells = append(cells, bound+bracketed(l.Values[c].Marks))
		}
		switch {
		case t.counted():
			cells = append(cells, fraction(l.N, l.Of)+bracketed(l.Marks))
		case len(l.Marks) > 0:
			cells[len(l.Labels)-1] += bracketed(l.Marks)
		}
		for k := range cells {
			cells[k] = strings.Join(words(cells[k]), " ")
		}
		body = append(body, cells)
	}
	return head, body
}

func bracketed(marks []int) string {
	if len(marks) == 0 {
		return ""
	}
	return " (" + marked(marks) + ")"
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
			widths[c] = max(widths[c], text.StringWidth(cell))
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
			row[c] = wrapText(cells[c], widths[c])
		}
		w.AppendRow(row)
	}
	var b strings.Builder
	for line := range strings.Lines(w.Render() + "\n") {
		line = strings.ReplaceAll(strings.TrimRight(line, " \n"), hard, " ")
		if strings.HasPrefix(line, style.Box.MiddleHorizontal) { // the rule: the last column has no room after it
			line = strings.TrimSuffix(line, strings.Repeat(style.Box.MiddleHorizontal, between))
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// drawBlocks writes one block a line: its labels, then a score a row.
func drawBlocks(head []string, body [][]string, labels, width int, color bool) string {
	var b strings.Builder
	for _, cells := range body {
		var names []string
		for c := range labels {
			names = append(names, head[c]+" "+cells[c])
		}
		b.WriteString(bold(color, wrapText(strings.Join(names, ", "), width)) + "\n")
		for c := labels; c < len(cells); c++ {
			indent := "  "
			for l := range strings.Lines(wrapText(head[c]+" "+cells[c], width-4)) {
				b.WriteString(indent + strings.ReplaceAll(strings.TrimRight(l, "\n"), hard, " ") + "\n")
				indent = "    "
			}
		}
	}
	return b.String()
}

// wrapText breaks at blanks; a word that is wider than the terminal stays whole.
func wrapText(s string, width int) string {
	var lines []string
	line := ""
	for _, word := range words(s) {
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
