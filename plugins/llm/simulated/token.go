package simulated

// Tokens are counted by a rule of our own, near what tokenizers of hosted models make of tables: a token is up to five
// letters (bytes beyond ASCII count as letters), up to three digits, or any other visible character; a line end is one,
// other space is none. Counts add up over lines.
const (
	letters = 5
	figures = 3
	// perMessage is what the role and the ends of a message count for.
	perMessage = 4
)

// tokens counts the tokens of a text.
func tokens(text string) int {
	n, _ := scan(text, int(^uint(0)>>1))
	return n
}

// cut returns the first most tokens of a text.
func cut(text string, most int) string {
	_, end := scan(text, most)
	return text[:end]
}

// scan counts up to most tokens and returns where they end.
func scan(text string, most int) (n, end int) {
	for i := 0; i < len(text); {
		c := text[i]
		if c == ' ' || c == '\t' || c == '\r' {
			i++
			continue
		}
		if n == most {
			return n, end
		}
		n++
		switch {
		case isLetter(c):
			i = run(text, i, letters, isLetter)
			for i < len(text) && text[i]&0xc0 == 0x80 { // a character is never cut
				i++
			}
		case isDigit(c):
			i = run(text, i, figures, isDigit)
		default:
			i++
		}
		end = i
	}
	return n, len(text)
}

// run returns the end of up to most bytes of a class.
func run(text string, from, most int, is func(byte) bool) int {
	to := from
	for to < len(text) && to-from < most && is(text[to]) {
		to++
	}
	return to
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80 }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
