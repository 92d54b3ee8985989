package profile

import (
	"regexp"
	"strings"
	"time"
)

// form is what a text looks like.
type form string

// The forms of texts. A text has the first that fits.
const (
	formNumber   form = "numbers"
	formMissing  form = "words for a missing value"
	formPadded   form = "numbers with blanks around them"
	formComma    form = "numbers with a comma"
	formBound    form = "numbers behind a sign such as < or >"
	formWithUnit form = "numbers with a unit behind them"
	formOther    form = "texts"
)

// missingWords are texts that stand for "no value"; where numbers stand beside them, they are taken for that.
var missingWords = map[string]bool{
	"?": true, ".": true, "-": true, "--": true, "*": true, "na": true, "n/a": true, "#n/a": true, "nan": true, "null": true, "nil": true, "none": true, "missing": true,
	"unknown": true, "unk": true, "not available": true, "not done": true, "not recorded": true, "not measured": true, "inf": true, "-inf": true, "<na>": true, "\\n": true,
}

// plainlyMissing are those that are taken for it beside other texts too: "none" and "unknown" may be levels.
var plainlyMissing = map[string]bool{"?": true, "na": true, "n/a": true, "#n/a": true, "nan": true, "null": true, "<na>": true, "\\n": true, "missing": true, "not available": true}

var (
	commaNumber = regexp.MustCompile(`^[+-]?\d+(,\d+)+(\.\d+)?$`)
	boundNumber = regexp.MustCompile(`^[<>≤≥~=]+ *[+-]?\d+([.,]\d+)?$`)
	unitNumber  = regexp.MustCompile(`^[+-]?\d+([.,]\d+)? *(%|[a-zA-Zµ°][a-zA-Zµ°/]*)$`)
	email       = regexp.MustCompile(`^[^@ ]+@[^@ ]+\.[a-zA-Z]+$`)
	phone       = regexp.MustCompile(`^(\+\d{1,3}[ .-]?)?\(?\d{3,4}\)?[ ./-]\d{3}[ .-]\d{3,4}$`)
	ssn         = regexp.MustCompile(`^\d{3}-\d{2}-\d{4}$`)
	lastFirst   = regexp.MustCompile(`^\p{Lu}[\p{L}'-]+, \p{Lu}[\p{L}'-]+( \p{Lu}\.?)?$`)
)

func formOf(text string) form {
	trimmed := strings.TrimSpace(text)
	_, plain := number(text)
	_, padded := number(trimmed)
	switch {
	case plain:
		return formNumber
	case trimmed == "" || missingWords[strings.ToLower(trimmed)]:
		return formMissing
	case padded:
		return formPadded
	case commaNumber.MatchString(trimmed):
		return formComma
	case boundNumber.MatchString(trimmed):
		return formBound
	case unitNumber.MatchString(trimmed):
		return formWithUnit
	}
	return formOther
}

// layouts are the ways in which dates and times are written.
var layouts = []string{
	time.DateOnly, time.DateTime, time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02 15:04:05.999999999", "2006/01/02", "2006/01/02 15:04:05",
	"01/02/2006", "1/2/2006", "02/01/2006", "2/1/2006", "1/2/2006 15:04", "01/02/2006 15:04:05", "02.01.2006", "2.1.2006", "02.01.2006 15:04", "02-Jan-2006", "2-Jan-06", "Jan 2, 2006", "02Jan2006",
	time.TimeOnly, "15:04",
}

// isDate reports whether a text is a date or a time.
func isDate(text string) bool {
	if len(text) < len("1:02") || len(text) > 35 {
		return false
	}
	for _, l := range layouts {
		if _, err := time.Parse(l, text); err == nil {
			return true
		}
	}
	return false
}

// sampled is how many of the texts of a column decide what they are.
const sampled = 500

// mostly reports whether nearly all texts have a property; it looks at so many of them, evenly spread.
func mostly(texts []string, is func(string) bool) bool {
	step := max(1, len(texts)/sampled)
	looked, yes := 0, 0
	for i := 0; i < len(texts); i += step {
		looked++
		if is(strings.TrimSpace(texts[i])) {
			yes++
		}
	}
	return looked > 0 && yes*10 >= looked*9
}

// person says which direct identifier of a person texts look like; "" for none.
func person(texts []string) string {
	const few = 5 // a handful of levels may look like anything
	switch {
	case len(texts) < few:
	case mostly(texts, email.MatchString):
		return "mail addresses"
	case mostly(texts, ssn.MatchString):
		return "numbers of a person in public registers"
	case mostly(texts, func(s string) bool { return phone.MatchString(s) && !isDate(s) }):
		return "phone numbers"
	case mostly(texts, lastFirst.MatchString):
		return "names of people"
	}
	return ""
}

// isFreeText reports whether texts are written by hand: long, and nearly never the same.
func isFreeText(texts []string, rows int) bool {
	const words, least = 4, 20
	return len(texts) >= least && len(texts)*2 > rows && mostly(texts, func(s string) bool { return strings.Count(s, " ") >= words-1 })
}
