package style

import (
	"strings"
	"sync"
	"unicode/utf8"

	xfont "golang.org/x/image/font"
	"golang.org/x/image/font/sfnt"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/font/liberation"
	"gonum.org/v1/plot/vg"
)

// face is a font at a size; lines of it are leading apart.
type face struct {
	font.Face
	leading vg.Length
	widths  map[string]vg.Length // of texts measured before; nil: none are kept
}

// Width is the width of a text on one line. The layout asks for the same ones again and again.
func (f face) Width(text string) vg.Length {
	if wide, known := f.widths[text]; known {
		return wide
	}
	wide := f.Face.Width(text)
	if f.widths != nil {
		f.widths[text] = wide
	}
	return wide
}

// faces are the fonts of a figure. None is under 7 points, the least that journals print.
type faces struct {
	title, panel, label, tick, legend, note, alarm face
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
		panel:  at(8, xfont.WeightBold),
		label:  at(8, xfont.WeightNormal),
		tick:   at(7.5, xfont.WeightNormal),
		legend: at(7.5, xfont.WeightNormal),
		note:   at(7, xfont.WeightNormal),
		alarm:  at(7, xfont.WeightBold),
	}
})

// ofPage are the fonts for one page, which keep the widths of its texts.
func ofPage() *faces {
	f := *loadFaces()
	for _, one := range []*face{&f.title, &f.panel, &f.label, &f.tick, &f.legend, &f.note, &f.alarm} {
		one.widths = map[string]vg.Length{}
	}
	return &f
}

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

// wrapped is wrap, which keeps the line breaks that text has; cut says whether a word was cut where no reader would break it.
func (f face) wrapped(text string, width vg.Length) (lines []string, cut bool) {
	for part := range strings.SplitSeq(text, "\n") {
		more, hard := f.wrappedLine(part, width)
		lines, cut = append(lines, more...), cut || hard
	}
	return lines, cut
}

func (f face) wrappedLine(text string, width vg.Length) (lines []string, cut bool) {
	line := ""
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' }) { // no other space may be broken at
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

// atMost is wrap, with an ellipsis for what has no room in so many lines.
func (f face) atMost(text string, width vg.Length, most int) []string {
	lines := f.wrap(text, width)
	if len(lines) <= most {
		return lines
	}
	lines = lines[:max(1, most)]
	lines[len(lines)-1] = f.shortened(lines[len(lines)-1]+"…", width)
	return lines
}

// clean is text without what neither a page nor XML can hold; line breaks stay.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t' || r == '\r' || r == '\u2028' || r == '\u2029':
			return ' '
		case r < ' ' || r >= 0x7F && r < 0xA0 || r == 0xFFFE || r == 0xFFFF:
			return utf8.RuneError
		}
		return r // Map gives RuneError for what is no UTF-8
	}, text)
}

// shortened is text on one line; an ellipsis stands for what has no room.
func (f face) shortened(text string, width vg.Length) string {
	if f.Width(text) <= width {
		return text
	}
	text = strings.TrimSuffix(text, "…")
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

// drawable puts a box in the place of each letter that a font lacks.
func drawable(f font.Face, text string) string {
	var buffer sfnt.Buffer
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf {
			return r
		}
		if glyph, err := f.Face.GlyphIndex(&buffer, r); err != nil || glyph == 0 {
			return '□'
		}
		return r
	}, text)
}
