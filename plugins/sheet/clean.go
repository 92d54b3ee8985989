package sheet

import (
	"fmt"
	"html"
	"strings"
	"unicode"
	"unicode/utf8"
)

// cutMark ends a text that is longer than is shown.
const cutMark = "… [cut]"

// Clean returns a text as a line of a record shows it: of at most longest characters, without any that has an effect.
func Clean(text string, longest int) string { return clean(text, longest) }

// clean returns a text on one line, of at most longest characters and the mark that says it was cut. A run of blanks, tabs and line
// ends is one blank. Characters that are not seen or move others (controls, bidirectional and other format characters, private
// and unassigned ones, broken UTF-8) are written as their number, such as [U+202E]: a reader is to see them, and none has an effect.
func clean(text string, longest int) string {
	var b strings.Builder
	n, blank := 0, false
	for i, w := 0, 0; i < len(text); i += w {
		var r rune
		r, w = utf8.DecodeRuneInString(text[i:])
		if unicode.IsSpace(r) {
			blank = b.Len() > 0
			continue
		}
		if n >= longest {
			return b.String() + cutMark
		}
		if blank {
			b.WriteByte(' ')
			n++
			blank = false
		}
		n++
		switch {
		case r == utf8.RuneError && w == 1:
			fmt.Fprintf(&b, "[%#02x]", text[i])
		case !unicode.IsGraphic(r) || unseen(r):
			fmt.Fprintf(&b, "[U+%04X]", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// unseen reports characters that Unicode calls graphic and that nobody sees: fillers and variation selectors.
func unseen(r rune) bool {
	switch {
	case r == 0x034f, r == 0x115f, r == 0x1160, r == 0x17b4, r == 0x17b5, r == 0x3164, r == 0xffa0, r == 0x2800,
		r >= 0xfe00 && r <= 0xfe0f, r >= 0xe0100 && r <= 0xe01ef, r >= 0x180b && r <= 0x180f:
		return true
	}
	return false
}

// markdown escapes what CommonMark and GitHub's tables and links would read in a line of cleaned text.
func markdown(text string) string {
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case strings.IndexByte("\\`*[]<>|&~#$", c) >= 0,
			c == '_' && !(i > 0 && word(text[i-1]) && i+1 < len(text) && word(text[i+1])), // inside a word it is a letter
			c == ':' && strings.HasPrefix(text[i:], "://"),
			c == '@',
			c == '.' && i >= 3 && strings.EqualFold(text[i-3:i], "www"),
			c == '!' && strings.HasPrefix(text[i+1:], "["):
			b.WriteByte('\\')
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

func word(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' }

// markup is cleaned text as HTML that keeps its direction to itself.
func markup(text string) string {
	if text == "" {
		return ""
	}
	return "<bdi>" + html.EscapeString(text) + "</bdi>"
}

// plain makes sure that a line of cleaned text begins no field of its own where fields are parted by " | ".
func plain(text string) string { return strings.ReplaceAll(text, "|", "¦") }

// spread guards a text against programs that take cells which begin so for formulas (OWASP, CSV injection).
func spread(text string) string {
	if text != "" && strings.IndexByte("=+-@", text[0]) >= 0 {
		return "'" + text
	}
	return text
}
