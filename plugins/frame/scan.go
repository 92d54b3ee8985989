package frame

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// scanner splits CSV text (RFC 4180) into fields. It knows bytes, lines and places; not columns.
//
// Lines end with LF or CRLF, the last one with either or nothing. A quoted field may hold anything,
// its quotes doubled; a quote anywhere else is a fault, and so are NUL and a lone carriage return.
type scanner struct {
	in    io.Reader
	delim byte
	stops [256]bool // bytes that end the plain part of a field

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
	s := &scanner{in: in, delim: delim, bound: bound, line: 1, buf: make([]byte, scanBuffer+1)}
	for _, c := range []byte{delim, '\n', '\r', '"', 0} {
		s.stops[c] = true
	}
	s.buf[0] = '\n'
	return s
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
