package cache

// maxDepth is the nesting that encoding/json accepts.
const maxDepth = 10000

// compacter copies one JSON value without its white space, and checks it on the way. It yields the bytes
// that encoding/json makes of a RawMessage: what HTML gives a meaning is escaped, all else stays as written.
type compacter struct {
	in  []byte
	at  int
	out []byte
}

func (w *compacter) space() {
	for w.at < len(w.in) {
		switch w.in[w.at] {
		case ' ', '\t', '\n', '\r':
			w.at++
		default:
			return
		}
	}
}

// end reports whether nothing but white space is left.
func (w *compacter) end() bool {
	w.space()
	return w.at == len(w.in)
}

// peek is the next byte, or 0 at the end, which no JSON value holds outside strings.
func (w *compacter) peek() byte {
	if w.at < len(w.in) {
		return w.in[w.at]
	}
	return 0
}

// take copies the next byte when it is c.
func (w *compacter) take(c byte) bool {
	if w.peek() != c {
		return false
	}
	w.at++
	w.out = append(w.out, c)
	return true
}

func (w *compacter) value(depth int) bool {
	w.space()
	switch c := w.peek(); c {
	case '{':
		return w.list(depth+1, '}')
	case '[':
		return w.list(depth+1, ']')
	case '"':
		return w.text()
	case 't':
		return w.word("true")
	case 'f':
		return w.word("false")
	case 'n':
		return w.word("null")
	default:
		return w.number()
	}
}

// list copies an object or an array, whose bracket is next.
func (w *compacter) list(depth int, closing byte) bool {
	if depth > maxDepth {
		return false
	}
	w.take(w.peek())
	w.space()
	if w.take(closing) {
		return true
	}
	for {
		if closing == '}' && !w.name() || !w.value(depth) {
			return false
		}
		w.space()
		if w.take(closing) {
			return true
		}
		if !w.take(',') {
			return false
		}
	}
}

// name copies the name of an object's member and the colon after it.
func (w *compacter) name() bool {
	w.space()
	if !w.text() {
		return false
	}
	w.space()
	return w.take(':')
}

func (w *compacter) word(s string) bool {
	if len(w.in)-w.at < len(s) || string(w.in[w.at:w.at+len(s)]) != s {
		return false
	}
	w.at += len(s)
	w.out = append(w.out, s...)
	return true
}

// number copies -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)?
func (w *compacter) number() bool {
	start := w.at
	if w.peek() == '-' {
		w.at++
	}
	if w.peek() == '0' {
		w.at++
	} else if !w.digits() {
		return false
	}
	if w.peek() == '.' {
		w.at++
		if !w.digits() {
			return false
		}
	}
	if c := w.peek(); c == 'e' || c == 'E' {
		w.at++
		if c := w.peek(); c == '+' || c == '-' {
			w.at++
		}
		if !w.digits() {
			return false
		}
	}
	w.out = append(w.out, w.in[start:w.at]...)
	return true
}

func (w *compacter) digits() bool {
	start := w.at
	for c := w.peek(); '0' <= c && c <= '9'; c = w.peek() {
		w.at++
	}
	return w.at > start
}

// text copies a string, quotes included.
func (w *compacter) text() bool {
	if w.peek() != '"' {
		return false
	}
	start := w.at
	w.at++
	for w.at < len(w.in) {
		c := w.in[w.at]
		switch {
		case plain[c]:
			w.at++
		case c == '"':
			w.at++
			w.out = append(w.out, w.in[start:w.at]...)
			return true
		case c == '\\':
			if !w.escape() {
				return false
			}
		case c < 0x20:
			return false
		default:
			w.out = append(w.out, w.in[start:w.at]...)
			w.special(c)
			start = w.at
		}
	}
	return false
}

// escape passes over an escape sequence.
func (w *compacter) escape() bool {
	w.at++
	c := w.peek()
	w.at++
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		for range 4 {
			if !isHex(w.peek()) {
				return false
			}
			w.at++
		}
		return true
	}
	return false
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// special copies a byte that is escaped, or that begins a character which may be.
func (w *compacter) special(c byte) {
	rest := w.in[w.at:]
	switch {
	case c == '<' || c == '>' || c == '&':
		w.out = appendEscape(w.out, c)
		w.at++
	case c == 0xe2 && len(rest) > 2 && rest[1] == 0x80 && rest[2]&^1 == 0xa8: // U+2028 and U+2029
		w.out = append(w.out, `\u202`...)
		w.out = append(w.out, hexDigits[rest[2]&15])
		w.at += 3
	default:
		w.out = append(w.out, c)
		w.at++
	}
}
