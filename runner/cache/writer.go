package cache

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
)

// packSize is where a pack is long enough and the next one begins: gc rewrites whole packs.
const packSize = 256 << 20

// write is a frame on its way into the pack.
type write struct {
	bytes []byte
	item  item       // as the index will see it, but for its offset
	done  chan error // nil when nobody waits
}

func newWrite(kind byte, head, tail, data []byte) *write {
	b := newFrame(kind, head, tail, data)
	return &write{bytes: b, item: item{kind: kind, size: len(b), head: head}}
}

// writer commits frames in groups: all that wait are written with one sync. Its goroutine starts with the
// first write and ends with Close.
type writer struct {
	mu      sync.Mutex
	wake    *sync.Cond
	waiting []*write
	urgent  bool // somebody waits for one of them
	started bool
	closing bool
	ended   chan struct{}

	// What follows belongs to the goroutine, and to GC and Close while they keep all writes away.
	pack *pack  // nil: the next write begins a new one
	at   uint32 // its place in the index
	file File
	idx  File  // nil when it failed
	size int64 // of what is durable
	buf  []byte
}

func (w *writer) init() {
	w.wake = sync.NewCond(&w.mu)
	w.ended = make(chan struct{})
}

// write appends a frame and returns when it is durable. The caller holds Cache.puts for reading.
func (c *Cache) write(f *write) error {
	f.done = make(chan error, 1)
	if !c.enqueue(f) {
		return ErrClosed
	}
	return <-f.done
}

// enqueue hands a frame to the writer. One that nobody waits for goes with the next one that somebody waits
// for, or with Close. It returns false after Close.
func (c *Cache) enqueue(f *write) bool {
	w := &c.writer
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closing {
		return false
	}
	w.waiting = append(w.waiting, f)
	if f.done == nil {
		return true
	}
	w.urgent = true
	if !w.started {
		w.started = true
		go c.commitAll()
	}
	w.wake.Signal()
	return true
}

// commitAll is the goroutine of the writer.
func (c *Cache) commitAll() {
	w := &c.writer
	defer close(w.ended)
	for {
		w.mu.Lock()
		for !w.urgent && !w.closing {
			w.wake.Wait()
		}
		if !w.urgent {
			w.mu.Unlock()
			return
		}
		batch := w.waiting
		w.waiting, w.urgent = nil, false
		w.mu.Unlock()
		c.commit(batch)
	}
}

// commit writes a group of frames and tells those who wait. When anything fails, all of them fail and the
// pack is given up: what of it is on disk is unknown, and frames without a right checksum do not count.
func (c *Cache) commit(batch []*write) {
	err := c.appendPack(batch)
	if err == nil {
		c.publish(batch)
	} else {
		err = errors.Join(err, c.leavePack())
	}
	for _, f := range batch {
		if f.done != nil {
			f.done <- err
		} else if err != nil {
			c.log.Warn("the cache could not note the hash of a file; it is read again next time", "error", err)
		}
	}
}

// appendPack makes a group of frames durable.
func (c *Cache) appendPack(batch []*write) error {
	w := &c.writer
	if w.pack != nil && w.size >= packSize {
		if err := c.leavePack(); err != nil {
			return err
		}
	}
	w.buf = w.buf[:0]
	fresh := w.pack == nil
	if fresh {
		if err := c.beginPack(); err != nil {
			return err
		}
		w.buf = append(w.buf, packPreamble...)
	}
	for _, f := range batch {
		f.item.offset = w.size + int64(len(w.buf))
		seal(f.bytes, w.pack.salt, f.item.offset)
		w.buf = append(w.buf, f.bytes...)
	}
	if err := writeAll(w.file, w.buf); err != nil {
		return err
	}
	if err := w.file.Sync(); err != nil {
		return err
	}
	if fresh {
		if err := c.fs.SyncDir(filepath.Join(c.dir, "packs")); err != nil {
			return err
		}
	}
	w.size += int64(len(w.buf))
	return nil
}

// beginPack makes the files of a new pack. It is in the index before it is on disk, or Refresh would take
// it for another process's.
func (c *Cache) beginPack() error {
	w := &c.writer
	p := &pack{salt: randomSalt(), own: true, known: int64(len(packPreamble))}
	p.id = packID(c.now(), p.salt)
	c.mu.Lock()
	w.at = c.index.addPack(p)
	c.mu.Unlock()
	w.pack, w.size = p, 0
	file, err := c.fs.OpenFile(c.packPath(p.id), os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	w.file = file
	w.idx, err = c.fs.OpenFile(c.idxPath(p.id), os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err == nil {
		err = writeAll(w.idx, []byte(idxPreamble))
	}
	if err != nil {
		c.leaveIdx(err)
	}
	return nil
}

// publish takes durable frames into the index and the idx file.
func (c *Cache) publish(batch []*write) {
	w := &c.writer
	c.mu.Lock()
	from := w.pack.known
	for _, f := range batch {
		c.index.add(w.at, f.item)
	}
	w.pack.known = w.size
	c.mu.Unlock()
	if w.idx == nil {
		return
	}
	block := newBlock(256 * len(batch))
	for _, f := range batch {
		block = appendItem(block, f.item)
	}
	sealBlock(block, w.pack.salt, from, w.size)
	if err := writeAll(w.idx, block); err != nil {
		c.leaveIdx(err)
	}
}

// leaveIdx goes on without the idx file, which holds nothing that the pack does not.
func (c *Cache) leaveIdx(reason error) {
	w := &c.writer
	c.log.Warn("an index of the cache cannot be written; the next start is slower", "pack", w.pack.id, "error", reason)
	if w.idx != nil {
		w.idx.Close()
		w.idx = nil
	}
}

// leavePack closes the pack, if there is one: the next write begins another. One that holds nothing durable
// is removed.
func (c *Cache) leavePack() error {
	w := &c.writer
	if w.pack == nil {
		return nil
	}
	var err error
	if w.file != nil {
		err = w.file.Close()
	}
	if w.idx != nil {
		w.idx.Close()
	}
	if w.size == 0 {
		err = errors.Join(err, c.removeQuietly(c.packPath(w.pack.id)), c.removeQuietly(c.idxPath(w.pack.id)))
	}
	w.pack, w.file, w.idx = nil, nil, nil
	return err
}

// closeWriter commits what waits and ends the goroutine.
func (c *Cache) closeWriter() error {
	c.puts.RLock() // not during a GC
	defer c.puts.RUnlock()
	w := &c.writer
	w.mu.Lock()
	w.closing = true
	started := w.started
	w.wake.Signal()
	w.mu.Unlock()
	if started {
		<-w.ended
	}
	if len(w.waiting) > 0 {
		c.commit(w.waiting) // hashes of files that nobody waited for
	}
	return c.leavePack()
}
