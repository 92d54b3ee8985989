package frame

import (
	"bufio"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	kflate "github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
)

// faultError is a fault of the bytes of an input. Readers add the file and the line.
type faultError struct {
	msg string
	err error
}

func (e *faultError) Error() string { return e.msg }

// openInput returns the decompressed content of r, of which it reads no more than opts.MaxBytes; want says what an
// empty file lacks. gzip is told by its first bytes, whatever the name; a name that ends with .gz must hold gzip.
// The caller must call close when done.
func openInput(r io.Reader, opts ReadOptions, want string) (in io.Reader, close func(), err error) {
	close = func() {}
	b := bufio.NewReaderSize(r, 1<<18)
	magic, err := b.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, close, inputFault(err)
	}
	if len(magic) == 0 {
		return nil, close, emptyFile(want)
	}
	in = b
	switch {
	case string(magic) == "\x1f\x8b":
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, close, inputFault(err)
		}
		in = z
		if opts.Threads > 1 {
			ahead := newReadAhead(z)
			in, close = ahead, ahead.close
		}
	case strings.HasSuffix(strings.ToLower(opts.File), ".gz"):
		return nil, close, &faultError{msg: "not gzip, in spite of its name"}
	}
	if opts.MaxBytes > 0 {
		in = &limitReader{in: in, left: opts.MaxBytes, max: opts.MaxBytes}
	}
	return in, close, nil
}

// inputFault says in the user's words what a reader's error means.
func inputFault(err error) error {
	var corrupt flate.CorruptInputError
	var kcorrupt kflate.CorruptInputError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &faultError{msg: "the gzip data end too early: the file is truncated", err: err}
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.As(err, &corrupt), errors.As(err, &kcorrupt):
		return &faultError{msg: "the gzip data are damaged", err: err}
	case errors.Is(err, syscall.EISDIR):
		return &faultError{msg: "a folder, not a file", err: err}
	}
	return &faultError{msg: err.Error(), err: err}
}

var errBeyondLimit = errors.New("beyond the limit")

// limitReader fails, rather than ends, beyond a number of bytes.
type limitReader struct {
	in        io.Reader
	left, max int64
}

func (l *limitReader) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.in.Read(p)
	l.left -= int64(n)
	if l.left < 0 {
		return 0, &faultError{msg: fmt.Sprintf("more than %d bytes when decompressed, the limit for this file", l.max), err: errBeyondLimit}
	}
	return n, err
}

// The blocks of readAhead: enough of them that neither side waits for the other's rhythm.
const (
	aheadBlock  = 1 << 18
	aheadBlocks = 4
)

// readAhead reads from another goroutine, so that decompression and parsing share two cores.
type readAhead struct {
	full  chan aheadPiece
	empty chan []byte
	stop  chan struct{}
	done  chan struct{}
	piece aheadPiece // being read from
	pos   int
}

type aheadPiece struct {
	data []byte
	err  error
}

func newReadAhead(r io.Reader) *readAhead {
	a := &readAhead{
		full:  make(chan aheadPiece, aheadBlocks),
		empty: make(chan []byte, aheadBlocks),
		stop:  make(chan struct{}),
		done:  make(chan struct{}),
	}
	for range aheadBlocks {
		a.empty <- make([]byte, aheadBlock)
	}
	go a.run(r)
	return a
}

func (a *readAhead) run(r io.Reader) {
	defer close(a.done)
	for {
		var b []byte
		select {
		case b = <-a.empty:
		case <-a.stop:
			return
		}
		n := 0
		var err error
		for n < len(b) && err == nil {
			var k int
			k, err = r.Read(b[n:])
			n += k
		}
		a.full <- aheadPiece{b[:n], err} // never blocks: there are no more blocks than places
		if err != nil {
			return
		}
	}
}

// Read implements io.Reader.
func (a *readAhead) Read(p []byte) (int, error) {
	for a.pos == len(a.piece.data) {
		if a.piece.err != nil {
			return 0, a.piece.err
		}
		if a.piece.data != nil {
			a.empty <- a.piece.data[:cap(a.piece.data)]
		}
		a.piece, a.pos = <-a.full, 0
	}
	n := copy(p, a.piece.data[a.pos:])
	a.pos += n
	return n, nil
}

// close ends the goroutine and waits for it.
func (a *readAhead) close() {
	close(a.stop)
	<-a.done
}
