package rule

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// token is a word of a condition.
type token struct {
	kind tokenKind
	text string // as written; of a quoted one what is between the quotes
	at   int    // character that it starts at, from 1
}

type tokenKind int

const (
	endToken tokenKind = iota
	wordToken
	columnToken // in backquotes
	textToken
	numberToken
	signToken
)

// signs are the operators and brackets; longer ones come first.
var signs = []string{"<=", ">=", "==", "!=", "<", ">", "+", "-", "*", "/", "(", ")", "[", "]", ","}

// mistake is what is wrong with a condition, and where.
type mistake struct {
	at      int // character, from 1
	message string
}

func (m *mistake) Error() string { return fmt.Sprintf("at character %d: %s", m.at, m.message) }

func wrong(at int, format string, args ...any) *mistake {
	return &mistake{at, fmt.Sprintf(format, args...)}
}

// lex cuts a condition into tokens, the last of which is an endToken.
func lex(source string) ([]token, *mistake) {
	var out []token
	at := 1
	for rest := source; ; {
		trimmed := strings.TrimLeftFunc(rest, unicode.IsSpace)
		at += utf8.RuneCountInString(rest[:len(rest)-len(trimmed)])
		if rest = trimmed; rest == "" {
			return append(out, token{endToken, "", at}), nil
		}
		t, length, fault := next(rest, at)
		if fault != nil {
			return nil, fault
		}
		out = append(out, t)
		at += utf8.RuneCountInString(rest[:length])
		rest = rest[length:]
	}
}

// next reads the token that a text starts with, and its length in bytes.
func next(rest string, at int) (token, int, *mistake) {
	first, _ := utf8.DecodeRuneInString(rest)
	switch {
	case first == '\'' || first == '"' || first == '`':
		end := strings.IndexRune(rest[1:], first)
		if end < 0 {
			return token{}, 0, wrong(at, "%c is never closed", first)
		}
		kind := textToken
		if first == '`' {
			kind = columnToken
		}
		return token{kind, rest[1 : 1+end], at}, end + 2, nil
	case first >= '0' && first <= '9' || first == '.':
		return number(rest, at)
	case isWord(first):
		length := strings.IndexFunc(rest, func(r rune) bool { return !isWord(r) && !unicode.IsDigit(r) })
		if length < 0 {
			length = len(rest)
		}
		return token{wordToken, rest[:length], at}, length, nil
	}
	for _, s := range signs {
		if strings.HasPrefix(rest, s) {
			return token{signToken, s, at}, len(s), nil
		}
	}
	hint := ""
	switch first {
	case '=':
		hint = `; "equal" is written ==`
	case '&', '|', '!':
		hint = `; conditions are joined by "and", "or" and "not"`
	case '≤', '≥':
		hint = "; it is written <= or >="
	}
	return token{}, 0, wrong(at, "%q has no meaning here%s", first, hint)
}

// isWord reports whether a name without quotes may have a character, at its start too. Braces hold the variables of a family.
func isWord(r rune) bool { return r == '_' || r == '{' || r == '}' || unicode.IsLetter(r) }

// number reads a number: digits, a decimal point, an exponent.
func number(rest string, at int) (token, int, *mistake) {
	digits := func(from int) int {
		for from < len(rest) && rest[from] >= '0' && rest[from] <= '9' {
			from++
		}
		return from
	}
	end := digits(0)
	if end < len(rest) && rest[end] == '.' {
		end = digits(end + 1)
	}
	if end < len(rest) && (rest[end] == 'e' || rest[end] == 'E') {
		sign := end + 1
		if sign < len(rest) && (rest[sign] == '-' || rest[sign] == '+') {
			sign++
		}
		end = digits(sign)
	}
	after, _ := utf8.DecodeRuneInString(rest[end:])
	if _, err := strconv.ParseFloat(rest[:end], 64); err != nil || end < len(rest) && isWord(after) {
		return token{}, 0, wrong(at, "%q is no number; a column whose name starts with a digit stands in backquotes", strings.FieldsFunc(rest, unicode.IsSpace)[0])
	}
	return token{numberToken, rest[:end], at}, end, nil
}
