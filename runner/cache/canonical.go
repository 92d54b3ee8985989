package cache

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// AppendCanonical appends the canonical JSON of the recipe to dst.
//
// It is written by hand because planning makes one key for each of some 100,000 steps and encoding/json
// takes several times as long; a test holds the two to the same bytes. It panics when Settings or Roles
// are no JSON: the runner made them, so that is a bug.
func (r *Recipe) AppendCanonical(dst []byte) []byte {
	dst = append(dst, `{"format":`...)
	dst = strconv.AppendInt(dst, int64(r.Format), 10)
	dst = appendString(append(dst, `,"stage":`...), r.Stage)
	dst = appendString(append(dst, `,"plugin":`...), r.Plugin)
	dst = strconv.AppendInt(append(dst, `,"version":`...), int64(r.Version), 10)
	dst = r.appendUses(dst)
	if len(r.Settings) > 0 {
		dst = mustAppendJSON(append(dst, `,"settings":`...), r.Settings, "settings")
	}
	if len(r.Roles) > 0 {
		dst = mustAppendJSON(append(dst, `,"roles":`...), r.Roles, "roles")
	}
	if r.N != 0 {
		dst = strconv.AppendInt(append(dst, `,"n":`...), int64(r.N), 10)
	}
	if r.Seed != nil {
		dst = strconv.AppendUint(append(dst, `,"seed":`...), *r.Seed, 10)
	}
	if r.Data != "" {
		dst = appendString(append(dst, `,"data":`...), r.Data)
	}
	dst = r.appendFiles(dst)
	dst = r.appendInputs(dst)
	dst = appendString(append(dst, `,"numeric":`...), r.Numeric)
	return append(dst, '}')
}

func (r *Recipe) appendUses(dst []byte) []byte {
	for i, u := range r.Uses {
		dst = append(dst, listStart(i, `,"uses":[`)...)
		dst = appendString(append(dst, `{"name":`...), u.Name)
		dst = strconv.AppendInt(append(dst, `,"version":`...), int64(u.Version), 10)
		dst = append(dst, '}')
	}
	return closeList(dst, len(r.Uses))
}

func (r *Recipe) appendFiles(dst []byte) []byte {
	for i, f := range r.Files {
		dst = append(dst, listStart(i, `,"files":[`)...)
		dst = appendString(append(dst, `{"role":`...), f.Role)
		dst = appendString(append(dst, `,"hash":`...), string(f.Hash))
		dst = append(dst, '}')
	}
	return closeList(dst, len(r.Files))
}

func (r *Recipe) appendInputs(dst []byte) []byte {
	for i, in := range r.Inputs {
		dst = append(dst, listStart(i, `,"inputs":[`)...)
		dst = appendString(append(dst, `{"role":`...), in.Role)
		dst = appendString(append(dst, `,"key":`...), string(in.Key))
		if in.Piece != "" {
			dst = appendString(append(dst, `,"piece":`...), in.Piece)
		}
		dst = append(dst, '}')
	}
	return closeList(dst, len(r.Inputs))
}

func listStart(i int, open string) string {
	if i == 0 {
		return open
	}
	return ","
}

func closeList(dst []byte, n int) []byte {
	if n == 0 {
		return dst
	}
	return append(dst, ']')
}

func mustAppendJSON(dst, raw []byte, what string) []byte {
	w := compacter{in: raw, out: dst}
	if !w.value(0) || !w.end() {
		panic(fmt.Sprintf("recipe: %s are no JSON (byte %d)", what, w.at))
	}
	return w.out
}

// plain marks the bytes that stand for themselves inside a JSON string as encoding/json writes it:
// printable ASCII without the quote, the backslash and what HTML gives a meaning.
var plain = func() (t [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		t[c] = true
	}
	for _, c := range []byte("\"\\<>&") {
		t[c] = false
	}
	return t
}()

const hexDigits = "0123456789abcdef"

// appendString appends s as encoding/json writes a string.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for start, i := 0, 0; ; {
		for i < len(s) && plain[s[i]] {
			i++
		}
		dst = append(dst, s[start:i]...)
		if i == len(s) {
			return append(dst, '"')
		}
		n := 1
		if s[i] < utf8.RuneSelf {
			dst = appendEscape(dst, s[i])
		} else {
			dst, n = appendRune(dst, s[i:])
		}
		i += n
		start = i
	}
}

// appendEscape appends an ASCII character that may not stand for itself.
func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// appendRune appends the first, non-ASCII character of s and returns its length in s.
func appendRune(dst []byte, s string) ([]byte, int) {
	c, n := utf8.DecodeRuneInString(s)
	switch {
	case c == utf8.RuneError && n == 1:
		dst = append(dst, `\ufffd`...)
	case c == '\u2028' || c == '\u2029': // line ends in JavaScript
		dst = append(dst, `\u202`...)
		dst = append(dst, hexDigits[c&15])
	default:
		dst = append(dst, s[:n]...)
	}
	return dst, n
}
