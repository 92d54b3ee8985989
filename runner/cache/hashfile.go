package cache

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// settled is how long a file must have been left alone before its hash is remembered: time stamps are
// coarse, and a change within one tick of the clock would go unseen. Two seconds is the tick of FAT.
const settled = 2 * time.Second

// HashFile returns the SHA-256 of a file's content and its size in bytes.
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
	hash := sha256.New()
	n, err := io.CopyBuffer(hash, struct{ io.Reader }{f}, make([]byte, 1<<20))
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
	hash.Sum(h[:0])
	return h, info, nil
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
