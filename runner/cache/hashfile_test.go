package cache

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/gzip"
)

// writeOld writes a file that was last changed a while ago, as far as mtime tells.
func writeOld(t testing.TB, path, text string) {
	t.Helper()
	writeFile(t, path, text)
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
}

// later is a clock by which all files of a test have been left alone for long.
func later() time.Time { return time.Now().Add(time.Hour) }

// Of "abc" and of nothing: FIPS 180-2, appendix B, and printf "" | sha256sum.
const (
	abcHash   = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

func TestHashFile(t *testing.T) {
	dir := t.TempDir()
	c := open(t, filepath.Join(dir, "cache"), Options{})
	abc, empty := filepath.Join(dir, "abc"), filepath.Join(dir, "empty")
	writeFile(t, abc, "abc")
	writeFile(t, empty, "")
	if h, n, err := c.HashFile(abc); h != abcHash || n != 3 || err != nil {
		t.Errorf("%s, %d, %v", h, n, err)
	}
	if h, n, err := c.HashFile(empty); h != emptyHash || n != 0 || err != nil {
		t.Errorf("an empty file: %s, %d, %v", h, n, err)
	}
	if _, _, err := c.HashFile(dir); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("a folder: %v", err)
	}
	if _, _, err := c.HashFile(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, _, err := c.HashFile("/dev/null"); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("a device: %v", err)
	}
}

// gzipped is a gzip file of one or more members.
func gzipped(t *testing.T, members ...string) string {
	t.Helper()
	var b bytes.Buffer
	for _, m := range members {
		z := gzip.NewWriter(&b)
		if _, err := z.Write([]byte(m)); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// A table is the same whether it is compressed or not; a file that cannot be decompressed is its bytes.
func TestHashFileOfGzip(t *testing.T) {
	dir := t.TempDir()
	c := open(t, filepath.Join(dir, "cache"), Options{})
	whole := gzipped(t, "abc")
	wrong := []byte(whole)
	wrong[len(wrong)-8]++ // in the checksum
	path := filepath.Join(dir, "f")
	for name, f := range map[string]struct{ text, content string }{
		"gzip":             {whole, "abc"},
		"gzip in parts":    {gzipped(t, "a", "", "bc"), "abc"},
		"gzip of nothing":  {gzipped(t, ""), ""},
		"gzip of gzip":     {gzipped(t, whole), whole},
		"wrong checksum":   {string(wrong), string(wrong)},
		"cut":              {whole[:len(whole)-1], whole[:len(whole)-1]},
		"cut in the head":  {whole[:5], whole[:5]},
		"bytes after gzip": {whole + "x", whole + "x"},
		"one byte of gzip": {"\x1f", "\x1f"},
	} {
		writeFile(t, path, f.text)
		want := sum(sha256.Sum256([]byte(f.content)))
		if h, n, err := c.HashFile(path); h != Hash(hexOf(want)) || n != int64(len(f.text)) || err != nil {
			t.Errorf("%s: %s, %d, %v", name, h, n, err)
		}
	}
	for most, want := range map[int64]error{3: nil, 2: errNotUnpacked} {
		if _, n, err := hashUnpacked(strings.NewReader(whole), most); err != want || err == nil && n != int64(len(whole)) {
			t.Errorf("at most %d bytes: %d, %v", most, n, err)
		}
	}
	broken := errors.New("the disk is broken")
	if _, _, err := hashUnpacked(io.MultiReader(strings.NewReader(whole[:9]), iotest.ErrReader(broken)), 9); err != broken {
		t.Errorf("a fault of the disk: %v", err)
	}
}

// memos returns what a cache in a folder remembers of files, on disk.
func memos(t *testing.T, dir string) int {
	t.Helper()
	c := open(t, dir, Options{ReadOnly: true})
	defer c.Close()
	return len(c.index.memos)
}

// lie changes what a cache remembers of every file, which shows whether it reads files or remembers.
func lie(c *Cache) {
	for k, m := range c.index.memos {
		m.hash = sum{1}
		c.index.memos[k] = m
	}
}

func TestHashFileRemembers(t *testing.T) {
	parent := t.TempDir()
	dir, file := filepath.Join(parent, "cache"), filepath.Join(parent, "f")
	writeOld(t, file, "abc")
	c := open(t, dir, Options{Now: later})
	hash := func(c *Cache) Hash {
		t.Helper()
		h, _, err := c.HashFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	hash(c)
	hash(c)
	c.Close()
	if n := memos(t, dir); n != 1 {
		t.Fatalf("%d hashes are remembered", n)
	}

	c = open(t, dir, Options{Now: later})
	lie(c)
	if hash(c) == abcHash {
		t.Error("a remembered file was read again")
	}
	rehash := open(t, dir, Options{Now: later, Rehash: true})
	lie(rehash)
	if hash(rehash) != abcHash {
		t.Error("a remembered file was not read again on demand")
	}
	// the same size and mtime: ctime tells
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, file, "abd")
	if err := os.Chtimes(file, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if h := hash(c); h == abcHash || h == Hash(hexOf(sum{1})) {
		t.Error("a changed file was taken for the old one")
	}
	// a memo survives a gc
	put(t, c, 0, 3)
	if _, err := c.Put(t.Context(), recipe(4), output(4)); err != nil {
		t.Fatal(err)
	}
	rehash.Close()
	if _, err := c.GC(t.Context(), GCOptions{MaxBytes: 1}); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if n := memos(t, dir); n != 1 {
		t.Errorf("%d hashes are remembered after gc", n)
	}
}

func TestHashFileDoesNotRememberWhatMayStillChange(t *testing.T) {
	parent := t.TempDir()
	dir, file := filepath.Join(parent, "cache"), filepath.Join(parent, "f")
	writeOld(t, file, "abc") // mtime is old, ctime is not
	c := open(t, dir, Options{})
	if _, _, err := c.HashFile(file); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if n := memos(t, dir); n != 0 {
		t.Errorf("%d hashes are remembered", n)
	}
}

func TestReadOnlyRemembersInMemory(t *testing.T) {
	parent := t.TempDir()
	file := filepath.Join(parent, "f")
	writeOld(t, file, "abc")
	c := open(t, filepath.Join(parent, "cache"), Options{ReadOnly: true, Now: later})
	c.HashFile(file)
	lie(c)
	if h, _, _ := c.HashFile(file); h == abcHash {
		t.Error("the file was read twice")
	}
	c.Close()
	if _, err := os.Stat(filepath.Join(parent, "cache")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("stat: %v", err)
	}
}
