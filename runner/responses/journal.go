package responses

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// file is an open journal.
type file interface {
	io.WriteCloser
	Sync() error
	Truncate(size int64) error
}

// files is where journals are made. Tests give one whose operations fail.
type files interface {
	create(name string) (file, error)
	syncDir(name string) error
}

// disk is the files of the operating system.
type disk struct{}

func (disk) create(name string) (file, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, fileMode)
	if err != nil {
		return nil, err // not f: a nil *os.File in an interface is not nil
	}
	return f, nil
}

// syncDir makes the names in a folder durable, where folders can be synced.
func (disk) syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil // some network file systems have no such operation
	}
	return errors.Join(err, d.Close())
}

const journalExt = ".jsonl"

// entry is a line on its way into the journal.
type entry struct {
	intent bool
	body   []byte
	id     string // of an intent, once it is written
}

// journal writes the journal of this process. After a fault it goes on in another file: nothing is appended to bytes of which it
// is unknown whether they are on disk.
type journal struct {
	dir     string
	log     *slog.Logger
	files   files
	entries group[*entry]

	// What follows belongs to the batch that is written.
	file   file // nil: the next write begins one
	name   string
	size   int64 // of what is durable
	sends  int   // that are durable
	buf    []byte
	closed bool

	mu    sync.Mutex
	locks map[string]*flock.Flock // of the journals of this process, by name; nil where there are no locks
}

func (j *journal) init(dir string, log *slog.Logger, files files) {
	j.dir, j.log, j.files, j.locks = dir, log, files, map[string]*flock.Flock{}
}

// append writes a line and returns when it is durable.
func (j *journal) append(e *entry) error { return j.entries.do(e, j.commit) }

func (j *journal) commit(batch []*entry) error {
	if j.closed {
		return ErrClosed
	}
	if j.file == nil {
		if err := j.begin(); err != nil {
			return fmt.Errorf("begin a journal: %w", err)
		}
	}
	sends := j.sends
	j.buf = j.buf[:0]
	for _, e := range batch {
		if e.intent {
			sends++
			e.id = sendID(j.name, sends)
		}
		j.buf = appendLine(j.buf, sends, e.body)
	}
	if err := j.write(); err != nil {
		return fmt.Errorf("write to the journal: %w", errors.Join(err, j.leave()))
	}
	j.size += int64(len(j.buf))
	j.sends = sends
	return nil
}

func (j *journal) write() error {
	n, err := j.file.Write(j.buf)
	if err == nil && n < len(j.buf) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return err
	}
	return j.file.Sync()
}

// begin makes a journal and locks it before it has a line, so that none of its sends is ever taken for an orphan too early.
func (j *journal) begin() error {
	name := journalName(time.Now())
	path := filepath.Join(j.dir, name+journalExt)
	f, err := j.files.create(path)
	if err != nil {
		return err
	}
	lock := flock.New(path, flock.SetFlag(os.O_RDWR))
	ctx, cancel := context.WithTimeout(context.Background(), turnWait)
	defer cancel()
	// A reader that has just looked whether the journal is locked lets go at once.
	if _, err := lock.TryLockContext(ctx, time.Millisecond); err != nil {
		j.log.Debug("the journal of responses has no lock: others take its sends for orphans", "error", err)
	}
	j.mu.Lock()
	j.locks[name] = lock
	j.mu.Unlock()
	if err := j.files.syncDir(j.dir); err != nil {
		return errors.Join(err, f.Close())
	}
	j.file, j.name, j.size, j.sends = f, name, 0, 0
	return nil
}

// leave closes the journal after a fault, without the lines that nobody may rely on: their senders were told that they were not
// written. Its lock stays, as sends that it holds may still be settled in the next one.
func (j *journal) leave() error {
	err := errors.Join(j.file.Truncate(j.size), j.file.Sync(), j.file.Close())
	j.file = nil
	return err
}

// own reports whether a journal is one of this process.
func (j *journal) own(name string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, own := j.locks[name]
	return own && !j.closed
}

// close finishes what is being written. What comes later fails.
func (j *journal) close() error {
	j.entries.writing.Lock()
	defer j.entries.writing.Unlock()
	var err error
	if j.file != nil {
		err = j.file.Close()
		j.file = nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	for _, lock := range j.locks {
		if e := lock.Unlock(); e != nil && !errors.Is(e, fs.ErrClosed) {
			err = errors.Join(err, e)
		}
	}
	return err
}
