package responses

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// turnWait is how long a process waits for its turn to store answers. Another holds it for some milliseconds, unless it was
// stopped: a paid answer must not wait for that.
const turnWait = 5 * time.Second

// turns let one process at a time store answers, so that each sees first what the others have stored and two answers to one
// request cannot both come to be used. The file "changes" holds a mark that is new after each change: as long as it is the same,
// nothing was stored by anyone.
type turns struct {
	changes string
	lock    *flock.Flock
	log     *slog.Logger
	once    sync.Once // tells once that there are no locks
}

func (t *turns) init(dir string, log *slog.Logger) {
	t.changes, t.log = filepath.Join(dir, "changes"), log
	t.lock = flock.New(filepath.Join(dir, "lock"), flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(fileMode))
}

// begin waits for the turn and reports whether it is held. Without it work goes on: that two processes ask the same at the
// same moment is rare, and to lose an answer would be worse.
func (t *turns) begin() bool {
	ctx, cancel := context.WithTimeout(context.Background(), turnWait)
	defer cancel()
	held, err := t.lock.TryLockContext(ctx, time.Millisecond)
	if err != nil {
		t.once.Do(func() { t.log.Debug("answers are stored without a lock", "error", err) })
	}
	return held && err == nil
}

func (t *turns) end() {
	if err := t.lock.Unlock(); err != nil {
		t.log.Debug("the lock of the responses cannot be released", "error", err)
	}
}

// mark returns the mark of the last change: 0 when there was none, and one that never was when it cannot be read.
func (t *turns) mark() uint64 {
	b, err := os.ReadFile(t.changes)
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	if err != nil || len(b) != 8 {
		return random()
	}
	return binary.LittleEndian.Uint64(b)
}

// change sets a new mark and returns it. It need not survive the machine: after a start every process reads everything.
func (t *turns) change() (uint64, error) {
	f, err := os.OpenFile(t.changes, os.O_CREATE|os.O_WRONLY, fileMode)
	if err != nil {
		return 0, err
	}
	mark := random()
	_, err = f.WriteAt(binary.LittleEndian.AppendUint64(nil, mark), 0)
	return mark, errors.Join(err, f.Close())
}

func (t *turns) close() error {
	if err := t.lock.Unlock(); err != nil && !errors.Is(err, fs.ErrClosed) {
		return err
	}
	return nil
}

func random() uint64 {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint64(b[:]) | 1
}

func randomName() string {
	return hex.EncodeToString(binary.BigEndian.AppendUint64(nil, random())[:4])
}
