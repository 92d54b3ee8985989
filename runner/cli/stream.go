package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"syscall"

	"golang.org/x/term"
)

// stream is standard output or standard error. Writing never fails for the writer: the first error is kept, and
// the command ends with it.
type stream struct {
	file io.Writer // as the process was given it

	mu     sync.Mutex
	detour io.Writer // takes what is written while a progress line stands on the terminal; or nil
	err    error
}

// Write implements io.Writer. It may be called from several goroutines.
func (s *stream) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return len(b), nil
	}
	if s.detour != nil {
		if _, err := s.detour.Write(b); err == nil {
			return len(b), nil
		}
	}
	_, s.err = s.file.Write(b)
	return len(b), nil
}

// divert sends what follows to w; nil ends that.
func (s *stream) divert(w io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.detour = w
}

// failure is the first error of writing. That nobody reads on, as after "| head", is none.
func (s *stream) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var path *fs.PathError
	switch {
	case errors.Is(s.err, syscall.EPIPE):
		return nil
	case errors.As(s.err, &path): // its path is not one that the user knows
		return path.Err
	}
	return s.err
}

// isTerminal reports whether the stream is a terminal.
func (s *stream) isTerminal() bool {
	f, ok := s.file.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// colors reports whether the stream is a terminal whose user has nothing against color: see https://no-color.org.
func (s *stream) colors() bool {
	return s.isTerminal() && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// width is the number of columns of the terminal that the stream is, or a width fit for files.
func (s *stream) width() int {
	const paper = 120
	if f, ok := s.file.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	return paper
}

// printf writes to standard output.
func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.out, format, args...) }

// errf writes to standard error.
func (a *app) errf(format string, args ...any) { fmt.Fprintf(a.err, format, args...) }
