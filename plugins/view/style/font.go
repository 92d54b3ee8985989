package style

import (
	"strings"
	"sync"
	"unicode/utf8"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/font/liberation"
	"gonum.org/v1/plot/vg"
)

// face is a font at a size; lines of it are leading apart.
type face struct {
	font.Face
	leading vg.Length
}

// faces are the fonts of a figure. None is under 7 points, the least that journals print.
type faces struct {
	title, label, tick, legend, note, alarm face
}

// loadFaces parses the fonts on first use: at start-up that would cost every command its time.
var loadFaces = sync.OnceValue(func() *faces {
	cache := font.NewCache(liberation.Collection())
	at := func(size vg.Length, weight xfont.Weight) face {
		f := font.Font{Typeface: "Liberation", Variant: "Sans", Weight: weight}
		return face{Face: cache.Lookup(f, size), leading: size * 1.2}
	}
	return &faces{
		title:  at(9, xfont.WeightBold),
		label:  at(8, xfont.WeightNormal),
		tick:   at(7.5, xfont.WeightNormal),
		legend: at(7.5, xfont.WeightNormal),
		note:   at(7, xfont.WeightNormal),
		alarm:  at(7, xfont.WeightBold),
	}
})

// middle is how far the baseline lies below the middle of a line of digits.
func (f face) middle() vg.Length { return f.Face.Font.Size * 0.35 }

// height is the height of a block of lines.
func (f face) height(lines int) vg.Length { return f.leading * vg.Length(lines) }

// wrap breaks text into lines no wider than width: at spaces, after '-', '_', '/', '.' and ',' where a word is too
// long, and within a word where even that is not enough.
func (f face) wrap(text string, width vg.Length) []string {
	lines, _ := f.wrapped(text, width)
	return lines
}

// wrapped is wrap; cut says whether a word was cut where no reader would break it.
func (f face) wrapped(text string, width vg.Length) (lines []string, cut bool) {
	line := ""
	for _, word := range strings.Fields(text) {
		joined := strings.TrimSpace(line + " " + word)
		switch {
		case f.Width(joined) <= width:
			line = joined
		case f.Width(word) <= width:
			lines, line = append(lines, line), word
		default:
			for f.Width(joined) > width {
				piece, rest, hard := f.firstPiece(joined, width)
				if rest == "" {
					break
				}
				lines, joined, cut = append(lines, piece), rest, cut || hard
			}
			line = joined
		}
	}
	return append(lines, line), cut
}

// firstPiece takes as much of text as fits, at least one letter.
func (f face) firstPiece(text string, width vg.Length) (piece, rest string, hard bool) {
	_, fits := utf8.DecodeRuneInString(text)
	for at := range text {
		if at > fits && f.Width(text[:at]) <= width {
			fits = at
		}
	}
	if soft := strings.LastIndexAny(text[:fits], " -_/.,"); soft > 0 {
		return strings.TrimSpace(text[:soft+1]), strings.TrimSpace(text[soft+1:]), false
	}
	return text[:fits], text[fits:], true
}

// shortened is text on one line; an ellipsis stands for what has no room.
func (f face) shortened(text string, width vg.Length) string {
	if f.Width(text) <= width {
		return text
	}
	for text != "" && f.Width(text+"…") > width {
		_, last := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-last]
	}
	return text + "…"
}

// widest is the width of the widest line.
func (f face) widest(lines []string) vg.Length {
	var w vg.Length
	for _, l := range lines {
		w = max(w, f.Width(l))
	}
	return w
}
