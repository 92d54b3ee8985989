package frame

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"unicode/utf8"
)

// scanner splits CSV text (RFC 4180) into fields. It knows bytes, lines and places; not columns.
//
// Lines end with LF or CRLF, the last one with either or nothing. A quoted field may hold anything,
// its quotes doubled; a quote anywhere else is a fault, and so are NUL and a lone carriage return.
type scanner struct {
	in     io.Reader
	delim  byte
	stops  [256]bool // bytes that end the plain part of a field
	halts  [256]bool // the same, and bytes that are not ASCII
	delims uint64    // the delimiter in each byte

	buf      []byte // buf[pos:end] is still to be read; buf[end] is a newline, so that loops stop there
	pos, end int
	read     int64 // bytes before buf[0]
	bound    int64 // with a positive bound, the text is taken to end after so many bytes
	cut      bool  // the bound, not the end of the file, ended the text
	eof      bool

	line      int   // of pos
	lineStart int64 // offset of the first byte of the line
	startLine int   // where the field began that next returned last
	startByte int

	unquoted []byte // room for a field with doubled quotes
}

// ending says what follows a field.
type ending uint8

const (
	endField ending = iota // another field
	endLine                // a new line
	endText                // nothing: the text ends within the line
)

const (
	scanBuffer = 1 << 18
	// lookahead is how much text is kept ready at the start of a row, so that few fields meet the end of the buffer.
	lookahead = 1 << 12
)

func newScanner(in io.Reader, delim byte, bound int64) *scanner {
	s := &scanner{in: in, bound: bound, line: 1, buf: make([]byte, scanBuffer+1)}
	s.buf[0] = '\n'
	s.setDelimiter(delim)
	return s
}

// setText makes the scanner begin anew with a text that is in memory, and puts a newline behind it. cut says that the
// text goes on elsewhere.
func (s *scanner) setText(text []byte, cut bool) {
	s.buf = append(text, '\n')
	s.pos, s.end, s.read = 0, len(text), 0
	s.line, s.lineStart = 1, 0
	s.eof, s.cut, s.bound = true, cut, int64(len(text))
}

func (s *scanner) setDelimiter(delim byte) {
	s.delim = delim
	for _, c := range []byte{delim, '\n', '\r', '"', 0} {
		s.stops[c] = true
	}
	s.halts = s.stops
	for c := utf8.RuneSelf; c < len(s.halts); c++ {
		s.halts[c] = true
	}
	s.delims = onesEach * uint64(delim)
}

// fill reads more text, keeping what follows keep, a position of buf. It returns how far that text moved down
// and whether there is more text now.
func (s *scanner) fill(keep int) (moved int, more bool, err error) {
	if s.eof {
		return 0, false, nil
	}
	if keep > 0 {
		copy(s.buf, s.buf[keep:s.end])
		s.read += int64(keep)
		s.pos -= keep
		s.end -= keep
	}
	if s.end == len(s.buf)-1 {
		larger := make([]byte, 2*s.end+1)
		copy(larger, s.buf[:s.end])
		s.buf = larger
	}
	room := s.buf[s.end : len(s.buf)-1]
	if left := s.bound - s.read - int64(s.end); s.bound > 0 && left < int64(len(room)) {
		room = room[:max(left, 0)]
		s.cut = left <= 0
	}
	n := 0
	for n == 0 && err == nil && !s.cut {
		n, err = s.in.Read(room)
	}
	s.end += n
	s.buf[s.end] = '\n'
	s.eof = s.cut || err != nil
	if err != nil && !errors.Is(err, io.EOF) {
		return keep, false, err
	}
	return keep, n > 0, nil
}

// atEnd gets text ready for a row and reports whether there is none.
func (s *scanner) atEnd() (bool, error) {
	for s.end-s.pos < lookahead && !s.eof {
		if _, _, err := s.fill(s.pos); err != nil {
			return false, err
		}
	}
	return s.pos == s.end, nil
}

// next reads a field. The text is valid until the next call of any method.
func (s *scanner) next() (text []byte, after ending, err error) {
	s.markStart()
	if s.pos == s.end {
		if _, _, err := s.fill(s.pos); err != nil {
			return nil, 0, err
		}
	}
	if s.pos < s.end && s.buf[s.pos] == '"' {
		return s.nextQuoted()
	}
	start, i := s.pos, s.pos
	for {
		for !s.stops[s.buf[i]] {
			i++
		}
		if i < s.end {
			break
		}
		if i-start > maxFieldBytes {
			return nil, 0, &faultError{msg: longField}
		}
		moved, more, err := s.fill(start)
		if err != nil {
			return nil, 0, err
		}
		start, i = start-moved, i-moved
		if !more {
			s.pos = s.end
			return s.buf[start:s.end], endText, nil
		}
	}
	if i-start > maxFieldBytes {
		return nil, 0, &faultError{msg: longField}
	}
	length := i - start
	s.pos = i
	after, moved, err := s.finish(start)
	start -= moved
	return s.buf[start : start+length], after, err
}

func (s *scanner) markStart() {
	s.startLine = s.line
	s.startByte = int(s.read+int64(s.pos)-s.lineStart) + 1
}

var longField = fmt.Sprintf("a field of more than %d bytes", maxFieldBytes)

// finish steps over what ends the field at pos. keep is where the text begins that must stay in the buffer.
func (s *scanner) finish(keep int) (after ending, moved int, err error) {
	switch s.buf[s.pos] {
	case s.delim:
		s.pos++
		return endField, 0, nil
	case '\n':
		s.newLine()
		return endLine, 0, nil
	case '\r':
		if s.pos+1 == s.end {
			if moved, _, err = s.fill(keep); err != nil {
				return 0, moved, err
			}
		}
		if s.pos+1 < s.end && s.buf[s.pos+1] == '\n' {
			s.pos++
			s.newLine()
			return endLine, moved, nil
		}
		if s.pos+1 == s.end && s.cut {
			s.pos++
			return endText, moved, nil
		}
		return 0, moved, &faultError{msg: "carriage return without a line feed; end lines with LF or CRLF, or quote the field"}
	case 0:
		return 0, 0, &faultError{msg: "NUL byte; want UTF-8 text"}
	}
	return 0, 0, &faultError{msg: `quote inside a field that does not begin with one; quote the whole field and double the quotes in it`}
}

// newLine steps over the line feed at pos.
func (s *scanner) newLine() {
	s.pos++
	s.line++
	s.lineStart = s.read + int64(s.pos)
}

// nextQuoted reads a field that begins with the quote at pos.
func (s *scanner) nextQuoted() (text []byte, after ending, err error) {
	s.pos++
	s.unquoted = s.unquoted[:0]
	for {
		stop := bytes.IndexByte(s.buf[s.pos:s.end], '"')
		piece := s.buf[s.pos:s.end]
		if stop >= 0 {
			piece = piece[:stop]
		}
		if err := s.keepQuoted(piece); err != nil {
			return nil, 0, err
		}
		if stop < 0 {
			if _, more, err := s.fill(s.pos); err != nil {
				return nil, 0, err
			} else if !more {
				return nil, endText, &faultError{msg: "the quote is never closed"}
			}
			continue
		}
		s.pos++ // the quote
		if s.pos == s.end {
			if _, _, err := s.fill(s.pos); err != nil {
				return nil, 0, err
			}
		}
		switch {
		case s.pos == s.end:
			return s.unquoted, endText, nil
		case s.buf[s.pos] == '"':
			s.unquoted = append(s.unquoted, '"')
			s.pos++
		case s.buf[s.pos] == s.delim, s.buf[s.pos] == '\n', s.buf[s.pos] == '\r':
			after, _, err := s.finish(s.pos)
			return s.unquoted, after, err
		default:
			return nil, 0, &faultError{msg: "text after the closing quote of a field; double the quotes inside it"}
		}
	}
}

// keepQuoted adds the text at pos to the quoted field and steps over it.
func (s *scanner) keepQuoted(piece []byte) error {
	if len(s.unquoted)+len(piece) > maxFieldBytes {
		return &faultError{msg: longField}
	}
	if bytes.IndexByte(piece, 0) >= 0 {
		return &faultError{msg: "NUL byte; want UTF-8 text"}
	}
	s.unquoted = append(s.unquoted, piece...)
	for {
		i := bytes.IndexByte(piece, '\n')
		if i < 0 {
			s.pos += len(piece)
			return nil
		}
		s.pos += i
		s.newLine()
		piece = piece[i+1:]
	}
}

// plainNumber reads a field that is empty, with NaN as its value, or a short plain number. Otherwise it reads
// nothing and returns false.
func (s *scanner) plainNumber() (v float64, after ending, ok bool) {
	at := s.pos
	if s.buf[at] == s.delim {
		s.pos = at + 1
		return math.NaN(), endField, true
	}
	v, n, ok := scanShortNumber(s.buf[at:])
	if n == 0 {
		v, ok = math.NaN(), true // empty, if the field ends here
	}
	at += n
	if !ok || at >= s.end {
		return 0, 0, false
	}
	if s.buf[at] == s.delim {
		s.pos = at + 1
		return v, endField, true
	}
	return v, endLine, s.lineEnds(at)
}

// lineEnds steps over the line end at a position before end, if there is one that the buffer holds whole.
func (s *scanner) lineEnds(at int) bool {
	if s.buf[at] == '\r' && at+1 < s.end {
		at++
	}
	if s.buf[at] != '\n' {
		return false
	}
	s.pos = at
	s.newLine()
	return true
}

// skip steps over n fields, or fewer if the row ends before. It returns how many, and what follows the last.
func (s *scanner) skip(n int) (skipped int, after ending, err error) {
	for skipped < n && after == endField {
		k, then, more := s.skipPlain(n - skipped)
		skipped += k
		if after = then; !more {
			continue
		}
		var text []byte
		text, after, err = s.next()
		switch {
		case s.cut && after == endText: // perhaps within quotes or a character
			err = nil
		case err == nil && !utf8.Valid(text):
			err = &faultError{msg: faultUTF8}
		}
		if err != nil {
			return skipped, after, err
		}
		skipped++
	}
	return skipped, after, nil
}

// The words of skipPlain: one bit, or the top bit, of each byte.
const (
	onesEach = 0x0101010101010101
	topsEach = 0x8080808080808080
)

// skipPlain steps over at most n fields as long as they are plain ASCII, eight bytes at a time. more says that it
// stopped before a field that next must read.
func (s *scanner) skipPlain(n int) (skipped int, after ending, more bool) {
	buf := s.buf[:min(s.end, s.pos+lookahead)]
	i := s.pos
	left := n
	for ; i+8 <= len(buf); i += 8 {
		x := binary.LittleEndian.Uint64(buf[i:])
		d := zeroBytes(x ^ s.delims)
		// a borrow from a lower byte can only mark too many
		control, quote := x-onesEach*' ', x^(onesEach*'"')
		if ((control|x)|(quote-onesEach)&^quote)&topsEach&^d != 0 {
			break
		}
		if k := bits.OnesCount64(d); k < left {
			left -= k
			continue
		}
		for ; left > 1; left-- {
			d &= d - 1
		}
		s.pos = i + bits.TrailingZeros64(d)/8 + 1
		return n, endField, false
	}
	for i < len(buf) && (!s.halts[buf[i]] || buf[i] == s.delim) {
		if buf[i] == s.delim {
			if left--; left == 0 {
				s.pos = i + 1
				return n, endField, false
			}
		}
		i++
	}
	if i < len(buf) && s.lineEnds(i) {
		return n - left + 1, endLine, false
	}
	for i > s.pos && buf[i-1] != s.delim {
		i--
	}
	s.pos = i
	return n - left, endField, true
}

// zeroBytes has the top bit of each byte of x that is zero.
func zeroBytes(x uint64) uint64 {
	const low = ^uint64(topsEach)
	return ^((x&low + low) | x | low)
}
