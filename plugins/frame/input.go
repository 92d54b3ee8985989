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

// input is the decompressed content of a file.
type input struct {
	io.Reader
	file  string // name in messages
	gzip  bool   // it is compressed
	close func()
}

// openInput returns the decompressed content of r, of which it reads no more than opts.MaxBytes; want says what an
// empty file lacks. gzip is told by its first bytes, whatever the name; a name that ends with .gz must hold gzip.
// The caller must call close when done.
func openInput(r io.Reader, opts ReadOptions, want string) (in input, err error) {
	in = input{file: opts.File, close: func() {}}
	b := bufio.NewReaderSize(r, 1<<18)
	magic, err := b.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return in, inputFault(err)
	}
	if len(magic) == 0 {
		return in, emptyFile(want)
	}
	in.Reader = b
	switch {
	case string(magic) == "\x1f\x8b":
		z, err := gzip.NewReader(b)
		if err != nil {
			return in, inputFault(err)
		}
		in.Reader, in.gzip = z, true
		if opts.Threads > 1 {
			ahead := newReadAhead(z)
			in.Reader, in.close = ahead, ahead.close
		}
	case strings.HasSuffix(strings.ToLower(opts.File), ".gz"):
		return in, &faultError{msg: "not gzip, in spite of its name"}
	}
	if opts.MaxBytes > 0 {
		in.Reader = &limitReader{in: in.Reader, left: opts.MaxBytes, max: opts.MaxBytes}
	}
	return in, nil
}

// cause returns the error that made a text be at fault: that of its gzip data where they are damaged or cut, else the
// fault itself. Damage shows as strange text first, and only at the end as a wrong checksum, up to which this reads; of a
// sample no further than sampleBeyond.
func (in input) cause(fault error, sample bool) error {
	var known *FileError
	if !in.gzip || errors.As(fault, &known) && known.Err != nil {
		return fault
	}
	rest := in.Reader
	if sample {
		rest = io.LimitReader(rest, sampleBeyond)
	}
	if _, err := io.Copy(io.Discard, rest); err != nil && isDamage(err) {
		text := csvText{file: in.file}
		return text.fault(err)
	}
	return fault
}

// isDamage reports whether an error of a gzip reader says that the data are damaged or cut.
func isDamage(err error) bool {
	var corrupt flate.CorruptInputError
	var kcorrupt kflate.CorruptInputError
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) ||
		errors.As(err, &corrupt) || errors.As(err, &kcorrupt)
}

// inputFault says in the user's words what a reader's error means.
func inputFault(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &faultError{msg: "the gzip data end too early: the file is truncated", err: err}
	case isDamage(err):
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
