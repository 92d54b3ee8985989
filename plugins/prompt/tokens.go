package prompt

import "github.com/ehrlab/ehrlab/plugins"

// MostOver is how far EstimateTokens is above what a provider counts, at most: an estimate divided by it is a lower bound.
const MostOver = 1.4

// perMessage is what roles and delimiters of a message take in the formats that are documented.
const perMessage = 4

// EstimateTokens returns about how many tokens a text has. It is for plans and reservations: what is charged is what the
// provider counts.
//
// It counts a token for three digits begun, for six letters begun of a word, for two punctuation marks begun in a row, for
// a white space that is more than one blank, and for every character beyond ASCII. On tables, schemas and prompts
// that is 1.0 to MostOver times what cl100k_base and o200k_base of OpenAI have (TestEstimate holds such counts): nearest for CSV,
// whose numbers the rule of four bytes a token underrates by more than half.
func EstimateTokens(text string) int {
	tokens, run, kind := 0, 0, none
	for _, r := range text {
		k := kindOf(r)
		if k != kind {
			tokens += kind.tokens(run)
			kind, run = k, 0
		}
		run++
	}
	return tokens + kind.tokens(run)
}

// EstimateInput returns about how many tokens of input a request has.
func EstimateInput(r plugins.Request) int {
	tokens := EstimateTokens(string(r.Schema))
	for _, m := range r.Messages {
		tokens += perMessage + EstimateTokens(m.Text)
	}
	return tokens
}

// kind is a class of characters that tokens do not cross.
type kind int

const (
	none kind = iota
	digit
	letter
	punctuation
	blank
	line
	other
)

func kindOf(r rune) kind {
	switch {
	case r >= '0' && r <= '9':
		return digit
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
		return letter
	case r == ' ', r == '\t':
		return blank
	case r == '\n', r == '\r':
		return line
	case r > ' ' && r < 0x7f:
		return punctuation
	}
	return other
}

// tokens returns how many tokens a run of one kind has.
func (k kind) tokens(run int) int {
	switch k {
	case digit:
		return (run + 2) / 3
	case letter:
		return (run + 5) / 6
	case punctuation:
		return (run + 1) / 2
	case blank: // one goes with the word after it
		return min(run-1, 1)
	case line:
		return 1
	case other:
		return run
	}
	return 0
}
