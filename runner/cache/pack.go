package cache

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// packPreamble begins every pack, for people who look into the folder; nothing depends on it.
const packPreamble = "ehrlab pack 1\n\x00\x00"

// packTime makes the names of packs sort by time.
const packTime = "20060102T150405.000000000Z"

// packID names a pack after the time and a random number, so that processes need not agree on names.
func packID(now time.Time, salt uint64) string {
	return fmt.Sprintf("%s-%016x", now.UTC().Format(packTime), salt)
}

// packSalt returns the random number in the name of a pack.
func packSalt(id string) (uint64, bool) {
	if len(id) != len(packTime)+17 || id[len(packTime)] != '-' {
		return 0, false
	}
	salt, err := strconv.ParseUint(id[len(packTime)+1:], 16, 64)
	return salt, err == nil
}

func randomSalt() uint64 {
	var b [8]byte
	rand.Read(b[:]) // never fails, by its documentation
	return binary.LittleEndian.Uint64(b[:])
}

func randomName() string {
	var b [12]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// pack is one append-only log. Only the process that made it appends to it.
type pack struct {
	id    string
	salt  uint64
	size  int64 // of the file when it was last looked at; guarded by Cache.mu
	known int64 // up to here its frames are in the index; guarded by Cache.mu
	own   bool  // this process made it, and knows all of it that counts; guarded by Cache.mu

	mu      sync.RWMutex
	file    File // for reading, opened on first use
	retired bool // not to be opened for longer than a read
}

func (c *Cache) packPath(id string) string { return filepath.Join(c.dir, "packs", id+".pack") }
func (c *Cache) idxPath(id string) string  { return filepath.Join(c.dir, "packs", id+".idx") }

// listPacks returns the ids of all packs, oldest first.
func (c *Cache) listPacks() ([]string, error) {
	files, err := c.fs.ReadDir(filepath.Join(c.dir, "packs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, f := range files {
		if id, ok := strings.CutSuffix(f.Name(), ".pack"); ok {
			if _, ok := packSalt(id); ok {
				ids = append(ids, id)
			}
		}
	}
	slices.SortFunc(ids, cmp.Compare[string])
	return ids, nil
}

// maxOpenPacks is about how many packs are kept open for reading; more are opened for each read.
const maxOpenPacks = 128

// readPack reads len(b) bytes of a pack.
func (c *Cache) readPack(p *pack, b []byte, offset int64) error {
	return c.withPack(p, func(f File) error {
		n, err := f.ReadAt(b, offset)
		if n == len(b) {
			return nil
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	})
}

// withPack calls read with the open pack, which stays open for later calls if there are not too many.
func (c *Cache) withPack(p *pack, read func(File) error) error {
	p.mu.RLock()
	if p.file != nil {
		defer p.mu.RUnlock()
		return read(p.file)
	}
	p.mu.RUnlock()
	f, err := c.fs.OpenFile(c.packPath(p.id), os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer c.shelve(p, f)
	return read(f)
}

// shelve keeps an open pack for later, or closes it.
func (c *Cache) shelve(p *pack, f File) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file != nil || p.retired || c.openPacks.Load() >= maxOpenPacks {
		f.Close() // nothing was written through it
		return
	}
	c.openPacks.Add(1)
	p.file = f
}

// retirePack closes a pack for reading.
func (c *Cache) retirePack(p *pack) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retired = true
	if p.file != nil {
		p.file.Close()
		p.file = nil
		c.openPacks.Add(-1)
	}
}

// window reads a file forwards through a buffer.
type window struct {
	r     io.ReaderAt
	end   int64 // of the file
	start int64 // of buf
	buf   []byte
	room  []byte
}

const windowSize = 1 << 20

// at returns n bytes at an offset, or fewer at the end of the file, valid until the next call.
func (w *window) at(offset int64, n int) ([]byte, error) {
	n = int(min(int64(n), w.end-offset))
	if offset >= w.start && offset+int64(n) <= w.start+int64(len(w.buf)) {
		return w.buf[offset-w.start:][:n], nil
	}
	want := int(min(int64(max(n, windowSize)), w.end-offset))
	if cap(w.room) < want {
		w.room = make([]byte, want)
	}
	got, err := w.r.ReadAt(w.room[:want], offset)
	w.start, w.buf = offset, w.room[:got]
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return w.buf[:min(n, got)], nil
}

// gap is a stretch of a pack that holds no valid frame although one follows.
type gap struct{ from, to int64 }

// scan calls visit for each valid frame between two offsets of a pack, and returns the offset after the
// last one. What lies behind that is a torn tail, or a frame that another process is writing. The slices
// of a frame are valid during the call only.
func scan(r io.ReaderAt, salt uint64, from, end int64, visit func(frame) error) (next int64, gaps []gap, err error) {
	w := window{r: r, end: end}
	next = from
	bad := int64(-1)
	for offset := from; offset+frameHeader <= end; {
		f, ok, err := frameIn(&w, salt, offset)
		if err != nil {
			return next, gaps, err
		}
		if !ok {
			if bad < 0 {
				bad = offset
			}
			offset += frameAlign
			continue
		}
		if bad >= 0 {
			gaps = append(gaps, gap{bad, offset})
			bad = -1
		}
		if err := visit(f); err != nil {
			return next, gaps, err
		}
		offset += int64(f.size)
		next = offset
	}
	return next, gaps, nil
}

// frameIn decodes the frame at an offset, if there is a valid one.
func frameIn(w *window, salt uint64, offset int64) (frame, bool, error) {
	b, err := w.at(offset, frameHeader)
	if err != nil {
		return frame{}, false, err
	}
	size, err := frameSize(b, salt, offset)
	if err != nil || offset+int64(size) > w.end {
		return frame{}, false, nil
	}
	if b, err = w.at(offset, size); err != nil {
		return frame{}, false, err
	}
	f, err := parseFrame(b, salt, offset)
	return f, err == nil, nil
}
