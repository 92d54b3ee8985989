// Package cache keeps the outputs of steps, each under the key of everything that decides it.
//
// An output is recorded only when it is durable, and is verified when it is read; one that is damaged is set
// aside and made again. Several processes may share a cache, also over a network file system. FORMAT.md says
// how it is laid out and why. What an output means, and whether a step runs again, is left to the engine.
package cache

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// formatNumber is raised when an older ehrlab could not read what this one writes, or the other way round.
const formatNumber = 1

// Errors that callers test for.
var (
	ErrMiss     = errors.New("not in the cache")
	ErrReadOnly = errors.New("the cache is open for reading only")
	ErrClosed   = errors.New("the cache is closed")
	ErrInUse    = errors.New("the cache is in use by another process")
	// ErrNotWritable is an error of Open without ReadOnly: permissions or a read-only file system keep this
	// process from writing there. Open with ReadOnly may still succeed.
	ErrNotWritable = errors.New("the folder cannot be written")
)

// Options say how a cache is opened. The zero value opens it for reading and writing.
type Options struct {
	ReadOnly bool             // write nothing anywhere; a folder that does not exist is an empty cache
	Existing bool             // where there is no cache make none: it is empty and as if ReadOnly, and GC finds nothing to do
	Rehash   bool             // HashFile reads every file, whatever it remembers
	FS       FS               // nil: that of the operating system
	Log      *slog.Logger     // nil: none
	Now      func() time.Time // nil: time.Now
	LockWait time.Duration    // how long Open waits for a gc to end; 0: 30 seconds
}

// Cache is an open cache. Its methods may be called by many goroutines at once.
type Cache struct {
	dir      string
	fs       FS
	log      *slog.Logger
	now      func() time.Time
	readOnly bool
	existing bool // make no cache
	absent   bool // there is none, and none was made
	rehash   bool

	lock      *flock.Flock // shared while the cache is open, exclusive during GC; nil when read-only or without a file
	lockWait  time.Duration
	lockError error // why locks do not work here

	mu        sync.RWMutex // guards index and memos
	index     *index
	openPacks atomic.Int32

	refreshing sync.Mutex   // one Refresh, load or GC at a time
	puts       sync.RWMutex // held for reading by each write, for writing by GC
	writer     writer
	shelves    shelves // of objects
	near       fingerprints
	closed     atomic.Bool
}

// Entry describes a stored output.
type Entry struct {
	Key     Key
	Stage   string
	Plugin  string
	Digest  Hash  // of the decoded content
	Size    int64 // of the stored bytes
	Created time.Time
	Elapsed time.Duration // that the step took
	// Facts are small facts that can be read without the output. They lie on disk: Get fills them in,
	// Lookup, Entries and Put leave them nil, Cache.Facts reads them alone.
	Facts json.RawMessage
}

// Open opens the cache in a folder, and makes it when it does not exist.
//
// It fails when the folder holds something other than a cache, or a cache of another format, when it cannot
// be written (ErrNotWritable), and when a GC of another process does not end within LockWait (ErrInUse).
func Open(dir string, opt Options) (*Cache, error) {
	if dir == "" {
		return nil, errors.New("open cache: no folder named")
	}
	c := &Cache{
		dir: dir, fs: opt.FS, log: opt.Log, now: opt.Now, readOnly: opt.ReadOnly, existing: opt.Existing,
		rehash: opt.Rehash, lockWait: opt.LockWait, index: newIndex(),
	}
	if c.fs == nil {
		c.fs = disk{}
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.lockWait == 0 {
		c.lockWait = 30 * time.Second
	}
	c.writer.init()
	if err := c.open(); err != nil {
		return nil, fmt.Errorf("open cache %s: %w", dir, errors.Join(err, c.unlock()))
	}
	return c, nil
}

func (c *Cache) open() error {
	exists, err := c.checkVersion()
	if err != nil {
		return err
	}
	if !exists && (c.readOnly || c.existing) {
		c.readOnly, c.absent = true, true
		return nil
	}
	if !c.readOnly {
		err = c.create(exists)
	}
	if err == nil {
		err = c.lockShared()
	}
	if err == nil && !c.readOnly {
		err = c.tryWriting()
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("%w: %w", ErrNotWritable, err)
	}
	if err != nil {
		return err
	}
	c.index, err = c.load()
	return err
}

// tryWriting fails when a folder of the cache cannot be written: better now than after a long step.
func (c *Cache) tryWriting() error {
	for _, folder := range []string{".", "packs", "objects"} {
		name := filepath.Join(c.dir, folder, tempPrefix+randomName())
		f, err := c.fs.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Close(), c.removeQuietly(name)); err != nil {
			return err
		}
	}
	return nil
}

// checkVersion reports whether the folder holds a cache of this format.
func (c *Cache) checkVersion() (exists bool, err error) {
	b, err := c.readFile(filepath.Join(c.dir, "version"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, c.checkEmpty()
	}
	if err != nil {
		return false, err
	}
	if got := strings.TrimSpace(string(b)); got != fmt.Sprint(formatNumber) {
		return false, fmt.Errorf("its format is %q and this ehrlab reads format %d: use another ehrlab, or another folder", got, formatNumber)
	}
	return true, nil
}

// checkEmpty fails unless the folder is missing, empty, or a cache that a crash left half made.
func (c *Cache) checkEmpty() error {
	files, err := c.fs.ReadDir(c.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, f := range files {
		switch name := f.Name(); {
		case name == "lock" || name == "packs" || name == "objects" || strings.HasPrefix(name, tempPrefix):
		default:
			return fmt.Errorf("it holds %q and no version file, so it is not a cache: choose an empty or new folder", name)
		}
	}
	return nil
}

// create makes what is missing of a cache. The version comes last: a folder without it is not yet a cache.
func (c *Cache) create(exists bool) error {
	for _, name := range []string{"packs", "objects"} {
		if err := c.makeFolders(filepath.Join(c.dir, name)); err != nil {
			return err
		}
	}
	if exists {
		return nil
	}
	return c.writeFile(filepath.Join(c.dir, "version"), fmt.Appendf(nil, "%d\n", formatNumber))
}

// makeFolders makes a folder and those above it, where they are missing.
func (c *Cache) makeFolders(dir string) error {
	info, err := c.fs.Stat(dir)
	if err == nil && info.IsDir() {
		return nil
	}
	if err == nil {
		return &fs.PathError{Op: "make folder", Path: dir, Err: errors.New("a file is in the way")}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := c.makeFolders(parent); err != nil {
			return err
		}
	}
	return c.makeFolder(dir)
}

// Close finishes the writes that have begun and releases the cache.
func (c *Cache) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	err := c.closeWriter()
	c.refreshing.Lock()
	defer c.refreshing.Unlock()
	c.retirePacks(c.index)
	return errors.Join(err, c.unlock())
}

func (c *Cache) retirePacks(x *index) {
	for _, p := range x.packs {
		c.retirePack(p)
	}
}

// load reads all packs into a new index.
func (c *Cache) load() (*index, error) {
	ids, err := c.listPacks()
	if err != nil {
		return nil, err
	}
	x := newIndex()
	x.grow(c.countEntries(ids))
	for _, id := range ids {
		if err := c.loadPack(x, id); err != nil {
			return nil, err
		}
	}
	c.warnOfLoss(x.lost)
	return x, nil
}

// warnOfLoss tells in one line of damage that was not seen before.
func (c *Cache) warnOfLoss(lost []Gap) {
	if len(lost) == 0 {
		return
	}
	var size int64
	for _, g := range lost {
		size += g.To - g.From
	}
	c.log.Warn("parts of the cache are damaged; what they held is made again", "parts", len(lost), "bytes", size)
}

// countEntries estimates how many entries some packs hold from the sizes of their idx files.
func (c *Cache) countEntries(ids []string) int {
	var total int64
	for _, id := range ids {
		if info, err := c.fs.Stat(c.idxPath(id)); err == nil {
			total += info.Size()
		}
	}
	return int(total / idxEntry)
}

// Refresh takes in what other processes have added since the cache was opened. It reads the new frames alone.
func (c *Cache) Refresh() error {
	if c.closed.Load() {
		return ErrClosed
	}
	c.refreshing.Lock()
	defer c.refreshing.Unlock()
	ids, err := c.listPacks()
	if err != nil {
		return fmt.Errorf("refresh cache: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	known := len(c.index.lost)
	defer func() { c.warnOfLoss(c.index.lost[known:]) }()
	for _, id := range ids {
		if err := c.refreshPack(id); err != nil {
			return fmt.Errorf("refresh cache: %w", err)
		}
	}
	return nil
}

func (c *Cache) refreshPack(id string) error {
	salt, _ := packSalt(id)
	at, known := c.index.bySalt[salt]
	if !known {
		return c.loadPack(c.index, id)
	}
	p := c.index.packs[at]
	if p.own {
		return nil
	}
	info, err := c.fs.Stat(c.packPath(id))
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() <= p.known {
		return nil
	}
	if err != nil {
		return err
	}
	p.size = info.Size()
	return c.withPack(p, func(f File) error { return c.scanTail(c.index, p, f, at) })
}

// loadPack makes a pack known and takes in its frames.
func (c *Cache) loadPack(x *index, id string) error {
	salt, _ := packSalt(id)
	p := &pack{id: id, salt: salt, known: int64(len(packPreamble))}
	err := c.withPack(p, func(f File) error { return c.loadFrames(x, p, f) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a gc of another process has just replaced it
	}
	return err
}

// loadFrames takes in the frames of a pack, those that its idx file lists first.
func (c *Cache) loadFrames(x *index, p *pack, f File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	at := x.addPack(p)
	p.size = info.Size()
	covered, idxEnd, err := c.readIdx(p, func(it item) { x.add(at, it) })
	if err != nil {
		c.log.Warn("an index of the cache cannot be read; the pack is read instead", "pack", p.id, "error", err)
	}
	p.known = covered
	lost := len(x.lost)
	if err := c.scanTail(x, p, f, at); err != nil {
		return err
	}
	// An idx file that covers a gap is how later processes know that it has been told of.
	if (p.known-covered >= worthIndexing || len(x.lost) > lost) && !c.readOnly {
		if err := c.extendIdx(p, f, covered, idxEnd, p.known); err != nil {
			c.log.Warn("an index of the cache cannot be written; the next start is slower", "pack", p.id, "error", err)
		}
	}
	return nil
}

// worthIndexing is the length of a pack without index, in bytes, that is worth writing one when a cache is
// opened: to scan less takes about a millisecond.
const worthIndexing = 1 << 20

// scanTail takes in the frames of a pack that are not yet known.
func (c *Cache) scanTail(x *index, p *pack, f File, at uint32) error {
	if p.size <= p.known {
		return nil
	}
	next, gaps, err := scan(f, p.salt, p.known, p.size, func(fr frame) error {
		x.add(at, fr.item())
		return nil
	})
	for _, g := range gaps {
		c.log.Debug("a part of the cache is damaged", "pack", p.id, "from", g.from, "to", g.to)
		x.lost = append(x.lost, Gap{p.id, g.from, g.to})
	}
	p.known = next
	return err
}
