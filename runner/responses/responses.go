// Package responses keeps the answers of language models, which were paid for, and the journal of what was sent.
//
// An answer is stored under the key of everything that decides it, for good: nothing here expires. A send is journalled before
// it leaves and when it ends, so that every one is accounted for after a crash. Answers can be exported to one file, a
// recording, that serves them without a network. FORMAT.md says how all of it lies on disk and why. What a key covers, what is
// sent and what may be served is left to the client.
package responses

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
)

// formatNumber is raised when an older ehrlab could not read what this one writes, or the other way round.
const formatNumber = 1

// The modes of everything that a store makes: answers about restricted data lie here.
const (
	fileMode   fs.FileMode = 0o600
	folderMode fs.FileMode = 0o700
)

// Errors that callers test for.
var (
	ErrReadOnly = errors.New("the store of responses is open for reading only")
	ErrClosed   = errors.New("the store of responses is closed")
	ErrClaimed  = errors.New("another process asks the models of this experiment")
)

// Options say how a store is opened. The zero value opens it for reading and writing.
type Options struct {
	ReadOnly bool         // write nothing anywhere; a folder that does not exist is an empty store
	Log      *slog.Logger // nil: none
}

// Store is an open store of responses. Several processes may share a folder.
type Store struct {
	dir      string
	readOnly bool
	log      *slog.Logger
	store    *cache.Cache // of the answers; its GC is never run
	turns    turns
	journal  journal
	keeping  group[*keeping]

	mu      sync.Mutex
	pending map[string]plugins.Send // of this process, by id
	seen    atomic.Uint64           // the mark of turns at the last refresh
	told    map[Damage]bool         // that were warned of
	claims  []*flock.Flock
	closed  bool
}

var _ plugins.ResponseStore = (*Store)(nil)

// Open opens the store in a folder, and makes it when it does not exist. Its errors are those of cache.Open, cache.ErrNotWritable
// among them.
func Open(dir string, opt Options) (*Store, error) { return open(dir, opt, disk{}, nil) }

// open is Open with other ways to reach the disk, for tests: files for journals, fs (nil: as always) for answers.
func open(dir string, opt Options, files files, storage cache.FS) (*Store, error) {
	if dir == "" {
		return nil, errors.New("open responses: no folder named")
	}
	s := &Store{dir: dir, readOnly: opt.ReadOnly, log: opt.Log, pending: map[string]plugins.Send{}, told: map[Damage]bool{}}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	exists, err := checkVersion(dir)
	if err != nil {
		return nil, fmt.Errorf("open responses %s: %w", dir, err)
	}
	s.turns.init(dir, s.log)
	s.seen.Store(s.turns.mark())
	s.store, err = cache.Open(filepath.Join(dir, "store"), cache.Options{ReadOnly: s.readOnly, Log: s.log, FS: storage})
	if err != nil {
		return nil, fmt.Errorf("open responses: %w", err)
	}
	s.journal.init(s.journals(), s.log, files)
	if !s.readOnly {
		if err := s.create(exists); err != nil {
			return nil, fmt.Errorf("open responses %s: %w", s.dir, errors.Join(err, s.store.Close()))
		}
	}
	return s, nil
}

func (s *Store) journals() string { return filepath.Join(s.dir, "journal") }

// checkVersion reports whether the folder holds a store of this format.
func checkVersion(dir string) (exists bool, err error) {
	b, err := os.ReadFile(filepath.Join(dir, "version"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, checkEmpty(dir)
	}
	if err != nil {
		return false, err
	}
	if got := strings.TrimSpace(string(b)); got != fmt.Sprint(formatNumber) {
		return false, fmt.Errorf("its format is %.20q and this ehrlab reads format %d: use another ehrlab, or another folder", got, formatNumber)
	}
	return true, nil
}

// checkEmpty fails unless the folder is missing, empty, or a store that a crash left half made.
func checkEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case name == "store" || name == "journal" || strings.HasPrefix(name, tempPrefix):
		default:
			return fmt.Errorf("it holds %q and no version file, so it is no store of responses: choose an empty or new folder", name)
		}
	}
	return nil
}

// tempPrefix begins the names of files that are not finished.
const tempPrefix = ".tmp-"

// create makes what is missing of a store. The version comes last: a folder without it is not yet a store.
func (s *Store) create(exists bool) error {
	if err := os.Mkdir(s.journals(), folderMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if exists {
		return nil
	}
	temp := filepath.Join(s.dir, tempPrefix+randomName())
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, formatNumber)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(temp, filepath.Join(s.dir, "version"))
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return disk{}.syncDir(s.dir)
}

// Close finishes what has begun and releases the store. Sends that were not settled count as orphaned from now on.
func (s *Store) Close() error {
	s.mu.Lock()
	closed, claims := s.closed, s.claims
	s.closed, s.claims = true, nil
	s.mu.Unlock()
	if closed {
		return nil
	}
	err := s.journal.close()
	for _, claim := range claims { // what this process has spent stands in the journal
		err = errors.Join(err, claim.Unlock())
	}
	return errors.Join(err, s.turns.close(), s.store.Close())
}

// Len is the number of stored answers, evidence of refusals among them.
func (s *Store) Len() int { return s.store.Len() }

// Answer returns the stored answer of a key, or nil when there is none. One that turns out to be damaged is set aside, warned of,
// and counts as none.
func (s *Store) Answer(key string) (*plugins.Answer, error) {
	r, err := s.Record(key)
	if r == nil || err != nil {
		return nil, err
	}
	return &r.Answer, nil
}

// Record returns the stored answer of a key with what it answers, or nil when there is none.
func (s *Store) Record(key string) (*Record, error) {
	at := storeKey(key)
	if _, ok := s.store.Lookup(at); !ok {
		if err := s.refresh(); err != nil {
			return nil, fmt.Errorf("answer %.12s: %w", key, err)
		}
	}
	for {
		b, e, err := s.store.Get(at)
		var bad *cache.DamagedError
		switch {
		case err == nil:
			return unpack(key, e.Facts, b)
		case errors.Is(err, cache.ErrMiss):
			return nil, nil
		case errors.Is(err, cache.ErrClosed):
			return nil, ErrClosed
		case errors.As(err, &bad) && bad.Err == nil: // a copy may stand in
			s.log.Warn("a stored answer is damaged: it is lost unless there is a copy", "key", key, "error", err)
		case errors.As(err, &bad):
			return nil, fmt.Errorf("answer %.12s: %w", key, err)
		default:
			return nil, err
		}
	}
}

// refresh takes in what other processes have stored, if they have stored anything.
func (s *Store) refresh() error {
	mark := s.turns.mark()
	if mark == s.seen.Load() {
		return nil
	}
	if err := s.store.Refresh(); err != nil {
		if errors.Is(err, cache.ErrClosed) {
			return ErrClosed
		}
		return err
	}
	s.seen.Store(mark) // read before: what is stored meanwhile has a later mark
	return nil
}

// recipe is what the key of the store is made of: it needs a hash of its own kind.
func recipe(key string) *cache.Recipe {
	return &cache.Recipe{Format: 1, Stage: "response", Plugin: "llm", Version: 1, Data: key}
}

func storeKey(key string) cache.Key { return recipe(key).Key() }

// nameTime formats times in the names of journals.
const nameTime = "20060102T150405Z"

// journalName names a journal after the time and a random number, so that processes need not agree on names.
func journalName(now time.Time) string { return now.UTC().Format(nameTime) + "-" + randomName() }
