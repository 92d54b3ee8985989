package client

import (
	"bytes"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ehrlab/ehrlab/plugins"
)

const (
	longestMessage = 300 // bytes: a line
	echoedKey      = 8   // bytes of a key in a row that count as an echo of it
	echoedText     = 12  // bytes of a prompt in a row that count as an echo of it
)

// clean makes the words of others fit for errors, logs and the journal: one line, without the key, without the request.
func (p *post) clean(message string) string {
	return withoutEchoes(withoutKey(withoutKey(oneLine(message), p.model.secret.known()), p.token), p.request)
}

// oneLine returns a text on one line, cut where it is long.
func oneLine(s string) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, ""), func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if len(s) <= longestMessage {
		return strings.TrimSuffix(s, ".")
	}
	cut := longestMessage
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

var masked = regexp.MustCompile(`\S*(\*{2,}|•{2,}|x{6,})\S*`)

// withoutKey takes a key, or a part of it, out of a text, and what others leave of keys when they mask them.
func withoutKey(s, key string) string {
	if key == "" {
		return s
	}
	for _, form := range []string{url.QueryEscape(key), url.PathEscape(key)} {
		s = strings.ReplaceAll(s, form, "[key]")
	}
	s = withoutRuns(s, key, min(echoedKey, len(key)), "[key]")
	return masked.ReplaceAllString(s, "[key]")
}

// bodyWithoutKey takes a key out of an answer before it is stored: the whole of it, and the parts of one that has some.
func bodyWithoutKey(body []byte, key string) []byte {
	for _, part := range append(strings.Split(key, ":"), key) {
		if len(part) >= echoedKey { // else a placeholder such as "none": no secret, and part of many a word
			body = bytes.ReplaceAll(body, []byte(part), []byte("[key]"))
		}
	}
	return body
}

// valued matches what may be a value of a row: what stands in quotes, and numbers.
var valued = regexp.MustCompile("\"[^\"]*\"|'[^']*'|`[^`]*`|[0-9]+(\\.[0-9]+)*")

// withoutEchoes takes out of a text what it repeats of a request: values, and whole passages.
func withoutEchoes(s string, r plugins.Request) string {
	for _, m := range r.Messages {
		s = withoutRuns(s, m.Text, echoedText, "[…]")
		s = valued.ReplaceAllStringFunc(s, func(found string) string {
			inner := strings.Trim(found, "\"'`")
			if inner != "" && strings.Contains(m.Text, inner) {
				return "[…]"
			}
			return found
		})
	}
	return s
}

// withoutRuns replaces every run of least bytes or more that s shares with text.
func withoutRuns(s, text string, least int, by string) string {
	if least == 0 || len(text) < least {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); {
		if n := sharedRun(s[i:], text, least); n > 0 {
			out.WriteString(by)
			i += n
			continue
		}
		out.WriteByte(s[i])
		i++
	}
	return strings.ToValidUTF8(out.String(), "")
}

// sharedRun returns the length of the longest beginning of s, of least bytes or more, that occurs in text; else 0.
func sharedRun(s, text string, least int) int {
	if len(s) < least || !strings.Contains(text, s[:least]) {
		return 0
	}
	n := least
	for n < len(s) && strings.Contains(text, s[:n+1]) {
		n++
	}
	return n
}
