package prompt

// EstimateTokens estimates how many tokens a text is for a language model: it is for plans, which have no model's own
// tokenizer, and not for accounts, which have the provider's count.
//
// Byte-pair vocabularies hold numbers of up to 3 digits whole and most words of up to 6 letters, pair punctuation, and join a
// blank to the word behind it. So it counts one for every 3 digits and 6 letters begun, 2 characters of punctuation, a run
// of blanks longer than one, a run of line ends, and any character beyond ASCII.
func EstimateTokens(text string) int {
	n, run, kind := 0, 0, other
	for _, r := range text {
		k := kindOf(r)
		if k != kind {
			n += kind.tokens(run)
			kind, run = k, 0
		}
		run++
	}
	return n + kind.tokens(run)
}

// kind is a class of characters that tokens do not mix.
type kind int

const (
	letter kind = iota
	digit
	punctuation
	blank
	lineEnd
	other
)

func kindOf(r rune) kind {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z':
		return letter
	case '0' <= r && r <= '9':
		return digit
	case r == ' ', r == '\t':
		return blank
	case r == '\n', r == '\r':
		return lineEnd
	case ' ' < r && r < 0x7f:
		return punctuation
	}
	return other
}

// tokens is how many tokens a run of characters of the kind is.
func (k kind) tokens(run int) int {
	switch k {
	case letter:
		return (run + 5) / 6
	case digit:
		return (run + 2) / 3
	case punctuation:
		return (run + 1) / 2
	case blank, lineEnd:
		if k == blank && run == 1 {
			return 0
		}
		return min(run, 1)
	}
	return run
}
