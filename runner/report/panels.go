package report

import (
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

// worthParting reports whether a table that is too wide is easier to read in parts than as blocks: not where it has few lines, so that
// there is little to compare down a column, or where most parts would have a single column beside their labels.
func worthParting(panels []panel, lines, columns int) bool {
	const few = 4
	return panels != nil && lines >= few && columns >= 2*len(panels)
}

// panel is a part of a table for a terminal: its labels, and some of its columns.
type panel struct {
	head   []string
	body   [][]string
	widths []int
	spans  []span
}

// panels parts the columns of a grid so that each part fits into width, with as many columns as it can take; nil where the labels leave
// no room for some column.
func (t *Table) panels(head []string, body [][]string, width int) []panel {
	labels := len(t.Rows)
	var out []panel
	for from := labels; from < len(head); {
		best, taken := panel{}, 0
		for to := from + 1; to <= len(head); to++ {
			p, fits := t.panel(head, body, from, to, width)
			if !fits {
				break
			}
			best, taken = p, to-from
		}
		if taken == 0 {
			return nil
		}
		out = append(out, best)
		from += taken
	}
	return out
}

// panel is the part of a grid with the columns from, …, to - 1.
func (t *Table) panel(head []string, body [][]string, from, to, width int) (p panel, fits bool) {
	labels := len(t.Rows)
	part := func(cells []string) []string { return append(slices.Clone(cells[:labels]), cells[from:to]...) }
	p.head = part(head)
	for _, cells := range body {
		p.body = append(p.body, part(cells))
	}
	if p.widths, fits = columnWidths(p.head, p.body, width); !fits {
		return p, false
	}
	p.spans = clipped(t.spans(), from-labels, to-labels)
	widen(p.widths, p.spans, labels)
	return p, spanWidth(p.widths, 0, len(p.widths)) <= width
}

// draw writes the panel; labels is the number of its columns of labels.
func (p *panel) draw(b *strings.Builder, labels int, color bool) {
	b.WriteString(drawSpans(p.widths, p.spans, labels, color))
	b.WriteString(drawGrid(p.head, p.body, p.widths, labels, color))
}

// clipped is what stands over the columns from, …, to - 1; nil where nothing does.
func clipped(spans []span, from, to int) []span {
	var out []span
	at, titled := 0, false
	for _, s := range spans {
		if width := min(at+s.width, to) - max(at, from); width > 0 {
			out = append(out, span{s.title, width})
			titled = titled || s.title != ""
		}
		at += s.width
	}
	if !titled {
		return nil
	}
	return out
}

// Wrapped is a text in lines of at most width columns, which must be positive.
func Wrapped(s string, width int) string { return wrapText(s, width) }

// brokenWords are the words of a text, those that are wider than a line in pieces. Where there is a choice, a piece ends after a
// character that parts names.
func brokenWords(s string, width int) []string {
	var out []string
	for _, word := range words(s) {
		for text.StringWidth(word) > width {
			end, good, used := 0, 0, 0
			for i, r := range word {
				if used += text.RuneWidth(r); used > width && i > 0 {
					break
				}
				if end = i + len(string(r)); strings.ContainsRune("_./-,:;"+hard, r) {
					good = end
				}
			}
			if 2*good >= end {
				end = good
			}
			out, word = append(out, word[:end]), word[end:]
		}
		if word != "" {
			out = append(out, word)
		}
	}
	return out
}
