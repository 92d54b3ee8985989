package cache

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// tracked is a disk that knows what a power cut would lose: contents that were written and names that were
// made since the last sync.
type tracked struct {
	noSync
	mu    sync.Mutex
	dirty map[string]bool
}

func (f *tracked) mark(name string, dirty bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if dirty {
		f.dirty[name] = true
	} else {
		delete(f.dirty, name)
	}
}

// unsafe lists what is not durable. Idx files need not be.
func (f *tracked) unsafe() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for name := range f.dirty {
		if filepath.Ext(name) != ".idx" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func (f *tracked) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	file, err := f.noSync.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	// Nobody misses the lock, nor the name of a file that is not finished.
	if base := filepath.Base(name); flag&os.O_CREATE != 0 && base != "lock" && !strings.HasPrefix(base, tempPrefix) {
		f.mark(filepath.Dir(name), true)
	}
	return &trackedFile{file, f, name}, nil
}

func (f *tracked) Mkdir(name string, perm fs.FileMode) error {
	err := f.noSync.Mkdir(name, perm)
	if err == nil {
		f.mark(filepath.Dir(name), true)
	}
	return err
}

func (f *tracked) Rename(old, new string) error {
	if err := f.noSync.Rename(old, new); err != nil {
		return err
	}
	f.mu.Lock()
	dirty := f.dirty[old]
	f.mu.Unlock()
	f.mark(old, false)
	f.mark(new, dirty)
	f.mark(filepath.Dir(new), true)
	return nil
}

func (f *tracked) SyncDir(name string) error {
	f.mark(name, false)
	return nil
}

type trackedFile struct {
	File
	fs   *tracked
	name string
}

func (f *trackedFile) Write(b []byte) (int, error) {
	f.fs.mark(f.name, true)
	return f.File.Write(b)
}

func (f *trackedFile) Sync() error {
	f.fs.mark(f.name, false)
	return nil
}

func TestPutReturnsWhenAllIsDurable(t *testing.T) {
	f := &tracked{dirty: map[string]bool{}}
	dir := filepath.Join(t.TempDir(), "a", "cache")
	c := open(t, dir, Options{FS: f})
	check := func(after string) {
		t.Helper()
		if lost := f.unsafe(); len(lost) > 0 {
			t.Errorf("after %s a power cut loses %q", after, lost)
		}
	}
	check("open")
	for i := range 20 {
		put(t, c, i, i+1)
		check("put")
	}
	for _, object := range []int{8, 17} {
		flip(t, c.objectPath(sumOf(content(object))), 3)
		if _, _, err := c.Get(recipe(object).Key()); err == nil {
			t.Fatal("damage goes unseen")
		}
		check("damage")
	}
	if _, err := c.GC(t.Context(), GCOptions{MaxBytes: 2000}); err != nil {
		t.Fatal(err)
	}
	check("gc")
	if n := c.Len(); n == 0 || n == 18 {
		t.Errorf("gc left %d entries: the test shows nothing", n)
	}
}
