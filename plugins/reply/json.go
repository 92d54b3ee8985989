package reply

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// readJSON reads the objects of a text, wherever they stand.
//
// An object that holds a list of objects, or one object and no column, is what records are wrapped in; any other is a record.
// Nothing is expected of what stands between objects, so that the loss of one, or of a bracket, costs no other.
func (r *reader) readJSON(s source) outcome {
	clear(r.answered)
	o := objects{reader: r, text: s.text}
	out := outcome{prose: s.prose}
	for {
		start := strings.IndexByte(o.text[o.at:], '{')
		between := o.text[o.at:]
		if start >= 0 {
			between = between[:start]
		}
		if strings.Trim(between, " \t\r\n,[]}") != "" {
			out.prose = true
		}
		if start < 0 {
			return out
		}
		o.at += start + 1
		switch o.object() {
		case noObject:
			out.prose = true
		case wrapper:
			o.within = true
		case broken:
			out.sure = out.sure || o.known > 0
			lose(&out.reply, Unreadable)
		case cut:
			if o.known > 0 || o.within || out.reply.Account.Returned > 0 {
				out.sure = out.sure || o.known > 0
				lose(&out.reply, CutOff)
			}
		case whole:
			out.sure = out.sure || o.known > 0
			r.accept(&out.reply)
		}
	}
}

// objects goes over the objects of a text.
type objects struct {
	*reader
	text   string
	at     int
	known  int  // fields of the object that are columns
	within bool // an object came before that records are wrapped in
	listed bool // they are in the list that was asked for
}

// found is what an object turned out to be.
type found int

const (
	whole    found = iota // a record
	wrapper               // its elements are next
	broken                // at is where it is no JSON any more
	cut                   // the text ends in it
	noObject              // a brace in a text
)

// recordsName is the name of the list of records.
const recordsName = "records"

// object reads the object whose brace is before at. Wherever it ends at is behind, so that no byte is read often.
func (o *objects) object() found {
	o.known = 0
	var m marks
	if o.contract.Container != JSON {
		m |= otherContainer
	}
	if !o.listed {
		m |= otherShape
	}
	o.begin(m)
	for n := 0; ; n++ {
		if !o.blank() {
			return cut
		}
		if o.text[o.at] == '}' {
			o.at++
			if n > 0 {
				o.marks |= lastSeparator
			}
			return whole
		}
		if state := o.field(n); state != whole {
			return state
		}
		if !o.blank() {
			return cut
		}
		switch o.text[o.at] {
		case ',':
			o.at++
		case '}':
			o.at++
			return whole
		default:
			return broken
		}
	}
}

// field reads the n-th name and value of an object. whole means that the object may go on.
func (o *objects) field(n int) found {
	begun := n > 0 || o.text[o.at] == '"'
	name, state := o.name()
	if state == whole && !o.blank() {
		state = cut
	}
	if state == whole && o.text[o.at] != ':' {
		state = broken
	}
	if state == broken && !begun {
		return noObject
	}
	if state != whole {
		return state
	}
	o.at++
	place, mark := o.place(name)
	o.marks |= mark
	if o.asked(place) {
		o.known++
	}
	if !o.blank() {
		return cut
	}
	switch c := o.text[o.at]; c {
	case '{', '[':
		return o.inner(name, place)
	case '"', '\'':
		value, state := o.quoted()
		if state == whole {
			o.set(place, cell{value, jsonText})
		}
		return state
	}
	value, state := o.bare()
	if state == whole {
		o.set(place, cell{value, bare})
	}
	return state
}

// inner reads an object or list as a value, unless it is what holds the records.
func (o *objects) inner(name string, place int) found {
	list := o.text[o.at] == '[' && strings.HasPrefix(strings.TrimLeft(o.text[o.at+1:], " \t\r\n"), "{")
	object := o.text[o.at] == '{' && o.known == 0
	if asked := o.asked(place); name == recordsName && (!asked || o.known == 1) || !asked && (list || object) {
		if list {
			o.listed = name == recordsName
		}
		return wrapper
	}
	if !o.skip() {
		return cut
	}
	o.set(place, cell{form: nested})
	return whole
}

// skip steps over a list or object with all that is in it. It reports false when the text ends in it.
func (o *objects) skip() bool {
	depth := 0
	for ; o.at < len(o.text); o.at++ {
		switch o.text[o.at] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				o.at++
				return true
			}
		case '"':
			if _, state := o.quoted(); state == cut {
				return false
			}
			o.at-- // quoted is behind the text, the loop steps on
		}
	}
	return false
}

// blank steps over blanks. It reports false at the end of the text.
func (o *objects) blank() bool {
	for ; o.at < len(o.text); o.at++ {
		if c := o.text[o.at]; c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return true
		}
	}
	return false
}

// name reads the name of a field, in quotes or a plain word.
func (o *objects) name() (string, found) {
	if c := o.text[o.at]; c == '"' || c == '\'' {
		return o.quoted()
	}
	start := o.at
	for ; o.at < len(o.text); o.at++ {
		c := o.text[o.at]
		if c != '_' && c-'0' > 9 && c|0x20-'a' > 'z'-'a' {
			break
		}
	}
	if o.at == start {
		return "", broken
	}
	o.marks |= quotes
	return o.text[start:o.at], whole
}

// quoted reads a text in quotes and steps behind it. JSON has double quotes; single ones are taken where nothing in the text is
// escaped, since who writes them has other rules for that.
func (o *objects) quoted() (string, found) {
	quote := o.text[o.at]
	start := o.at
	escaped := false
	for o.at++; o.at < len(o.text); o.at++ {
		switch c := o.text[o.at]; {
		case c == quote:
			o.at++
			return o.unquote(o.text[start:o.at], escaped)
		case c == '\\':
			escaped = true
			o.at++
		case c == '\n': // JSON has none in a text: the quote was never closed
			return "", broken
		}
	}
	o.at = len(o.text) // a backslash may be the last
	return "", cut
}

func (o *objects) unquote(s string, escaped bool) (string, found) {
	inner := s[1 : len(s)-1]
	if s[0] == '\'' {
		o.marks |= quotes
		if escaped {
			return "", broken
		}
	}
	if !escaped {
		return inner, whole
	}
	var out string
	if err := json.Unmarshal([]byte(s), &out); err != nil {
		return "", broken
	}
	const replacement = string(utf8.RuneError) // what is put for half a character
	if strings.Contains(out, replacement) && !strings.Contains(inner, replacement) {
		return "", broken
	}
	return out, whole
}

// bare reads a value without quotes.
func (o *objects) bare() (string, found) {
	start := o.at
	for ; o.at < len(o.text); o.at++ {
		switch o.text[o.at] {
		case ',', '}', ']', '\n':
			value := strings.TrimSpace(o.text[start:o.at])
			if value == "" {
				return "", broken
			}
			return value, whole
		case '"', '{', '[', ':':
			return "", broken
		}
	}
	return "", cut
}
