package cache

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/klauspost/compress/gzip"
)

// settled is how long a file must have been left alone before its hash is remembered: time stamps are
// coarse, and a change within one tick of the clock would go unseen. Two seconds is the tick of FAT.
const settled = 2 * time.Second

// maxHashed is how much of a gzip file is decompressed for its hash.
const maxHashed = 64 << 30

// HashFile returns the SHA-256 of a file's content, and the size in bytes of the file itself.
//
// The content of a gzip file, told by its first two bytes, is what it decompresses to: a table has one hash, compressed or
// not. Where the gzip data are damaged or cut, or hold more than 64 GiB, the hash is that of the file's bytes.
//
// The hash is remembered under device, inode, size, mtime and ctime, also for later processes unless the
// cache is read-only; Options.Rehash ignores what is remembered. It fails for what is no regular file, and
// for a file that changes while it is read.
func (c *Cache) HashFile(path string) (Hash, int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", 0, err
	}
	if err := regular(path, info); err != nil {
		return "", 0, err
	}
	if h, ok := c.remembered(info); ok {
		return h, info.Size(), nil
	}
	now := c.now() // a change from now on might not show in the time stamps
	h, info, err := hashContent(path)
	if err != nil {
		return "", 0, err
	}
	c.remember(info, h, now)
	return Hash(hexOf(h)), info.Size(), nil
}

func regular(path string, info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return fmt.Errorf("%s is a folder, not a file", path)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file", path)
	}
	return nil
}

// hashContent reads a file and returns its hash and its state, which must not change meanwhile.
func hashContent(path string) (h sum, info fs.FileInfo, err error) {
	f, err := os.Open(path)
	if err != nil {
		return h, nil, err
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return h, nil, err
	}
	if err := regular(path, info); err != nil {
		return h, nil, err
	}
	h, n, err := hashUnpacked(f, maxHashed)
	if errors.Is(err, errNotUnpacked) {
		if _, err = f.Seek(0, io.SeekStart); err == nil {
			h, n, err = hashBytes(f)
		}
	}
	if err != nil {
		return h, nil, err
	}
	after, err := f.Stat()
	if err != nil {
		return h, nil, err
	}
	if n != info.Size() || after.Size() != n || !after.ModTime().Equal(info.ModTime()) {
		return h, nil, fmt.Errorf("%s changed while it was read", path)
	}
	return h, info, nil
}

// hashBytes returns the hash of all bytes, and their number.
func hashBytes(f io.Reader) (h sum, n int64, err error) {
	hash := sha256.New()
	n, err = io.CopyBuffer(hash, struct{ io.Reader }{f}, make([]byte, 1<<20))
	hash.Sum(h[:0])
	return h, n, err
}

// errNotUnpacked says that a file is no gzip, or none that can be decompressed.
var errNotUnpacked = errors.New("not decompressed")

// hashUnpacked returns the hash of what a gzip file holds, and the number of its own bytes. The error is errNotUnpacked
// unless it is the whole of a gzip file, of no more than most bytes when decompressed.
func hashUnpacked(f io.Reader, most int64) (h sum, n int64, err error) {
	count := &countReader{in: f}
	in := bufio.NewReaderSize(count, 1<<18)
	if magic, err := in.Peek(2); err != nil || string(magic) != "\x1f\x8b" {
		return h, 0, cmp.Or(count.err, errNotUnpacked)
	}
	z, err := gzip.NewReader(in)
	if err != nil {
		return h, 0, cmp.Or(count.err, errNotUnpacked)
	}
	h, size, err := hashBytes(io.LimitReader(z, most+1))
	if err != nil || size > most {
		return h, 0, cmp.Or(count.err, errNotUnpacked)
	}
	return h, count.n, nil
}

// countReader counts the bytes of a file, and keeps its error, the end aside.
type countReader struct {
	in  io.Reader
	n   int64
	err error
}

// Read implements io.Reader.
func (r *countReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	r.n += int64(n)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// remembered returns the hash of a file that has not changed since it was read.
func (c *Cache) remembered(info fs.FileInfo) (Hash, bool) {
	id, ok := identify(info)
	if !ok || c.rehash {
		return "", false
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	m, ok := c.index.memos[[2]uint64{id.device, id.inode}]
	if !ok || m.fileID != id {
		return "", false
	}
	return Hash(hexOf(m.hash)), true
}

// remember notes the hash of a file that had been left alone for a while when reading began.
func (c *Cache) remember(info fs.FileInfo, h sum, began time.Time) {
	id, ok := identify(info)
	last := time.Unix(0, max(id.mtime, id.ctime))
	if !ok || began.Sub(last) < settled {
		return
	}
	m := memo{id, h}
	at := [2]uint64{id.device, id.inode}
	c.mu.Lock()
	known := c.index.memos[at].memo == m
	if !known {
		c.index.memos[at] = memoAt{memo: m, pack: noPack}
	}
	c.mu.Unlock()
	if !known && !c.readOnly {
		c.enqueue(newWrite(typeMemo, m.encode(), nil, nil))
	}
}
