package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// chain returns recipes of which each has the one before as an input.
func chain(n int) []*Recipe {
	out := make([]*Recipe, n)
	for i := range out {
		out[i] = recipe(i)
		if i > 0 {
			out[i].Inputs = []Input{{Role: "rows", Key: out[i-1].Key()}}
		}
	}
	return out
}

// clock ticks a day at each look.
func clock() func() time.Time {
	var mu sync.Mutex
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(24 * time.Hour)
		return now
	}
}

func TestGCKeepsWhatKeptEntriesWereMadeFrom(t *testing.T) {
	c := open(t, t.TempDir(), Options{Now: clock()})
	rs := chain(12)
	for i, r := range rs {
		if _, err := c.Put(t.Context(), r, output(i)); err != nil {
			t.Fatal(err)
		}
	}
	opt := GCOptions{MaxBytes: 1, Keep: func(k Key) bool { return k == rs[9].Key() }}
	opt.DryRun = true
	dry, err := c.GC(t.Context(), opt)
	if err != nil || c.Len() != 12 {
		t.Fatalf("dry run: %d entries, %v", c.Len(), err)
	}
	opt.DryRun = false
	rep, err := c.GC(t.Context(), opt)
	if err != nil || rep.Entries != 12 || rep.Removed != 2 || rep.Protected != 10 || !rep.Over {
		t.Errorf("%+v, %v", rep, err)
	}
	if dry.Removed != rep.Removed || dry.Protected != rep.Protected || dry.Before != rep.Before || !dry.Over {
		t.Errorf("dry run says %+v, gc %+v", dry, rep)
	}
	for i, r := range rs {
		if _, _, err := c.Get(r.Key()); (err == nil) != (i < 10) {
			t.Errorf("entry %d: %v", i, err)
		}
	}
}

func TestGCRemovesTheOldestUntilItFits(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir, Options{Now: clock()})
	put(t, c, 0, 40)
	if rep, err := c.GC(t.Context(), GCOptions{}); err != nil || rep.Removed != 0 || c.Len() != 40 {
		t.Fatalf("without bounds: %+v, %v", rep, err)
	}
	const limit = 100 << 10 // one object of 64 KiB and some small entries
	rep, err := c.GC(t.Context(), GCOptions{MaxBytes: limit})
	if err != nil || rep.Removed == 0 || rep.Removed == 40 || rep.Over {
		t.Fatalf("%+v, %v", rep, err)
	}
	want(t, c, rep.Removed, 40)
	if c.Len() != 40-rep.Removed {
		t.Errorf("%d entries", c.Len())
	}
	var size int64
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if info, err := d.Info(); err == nil && !d.IsDir() {
			size += info.Size()
		}
		return err
	})
	if size != rep.After || size > limit+1000 {
		t.Errorf("%d bytes on disk, the report says %d", size, rep.After)
	}
	only(t, filepath.Join(dir, "objects/*/*"))
	put(t, c, 0, 3)
	c.Close()
	c = open(t, dir, Options{})
	want(t, c, 0, 3)
	want(t, c, rep.Removed, 40)
}

func TestGCByAge(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := open(t, t.TempDir(), Options{Now: func() time.Time { return now }})
	put(t, c, 0, 4)
	now = now.Add(10 * 24 * time.Hour)
	put(t, c, 4, 6)
	if rep, err := c.GC(t.Context(), GCOptions{MaxAge: 10 * 24 * time.Hour}); err != nil || rep.Removed != 0 {
		t.Errorf("on the day: %+v, %v", rep, err)
	}
	now = now.Add(1)
	if rep, err := c.GC(t.Context(), GCOptions{MaxAge: 10 * 24 * time.Hour}); err != nil || rep.Removed != 4 {
		t.Errorf("after it: %+v, %v", rep, err)
	}
	want(t, c, 4, 6)
}

func TestGCPutsSmallPacksTogetherAndSweeps(t *testing.T) {
	dir := t.TempDir()
	for i := range 5 {
		c := open(t, dir, Options{})
		put(t, c, 2*i, 2*i+2)
		c.Close()
	}
	writeFile(t, filepath.Join(dir, "packs", tempPrefix+"x"), "x")
	writeFile(t, filepath.Join(dir, tempPrefix+"x"), "x")
	writeFile(t, filepath.Join(dir, "packs", packID(time.Now(), 7)+".idx"), "x")
	orphan := sum{7}
	shelf := filepath.Join(dir, "objects", "07")
	if err := os.Mkdir(shelf, 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(shelf, hexOf(orphan)), "x")
	writeFile(t, filepath.Join(shelf, tempPrefix+"x"), "x")
	if err := os.Mkdir(filepath.Join(dir, "damaged"), 0o700); err != nil {
		t.Fatal(err)
	}
	recent, old := filepath.Join(dir, "damaged", "recent"), filepath.Join(dir, "damaged", "old")
	writeFile(t, recent, "x")
	writeFile(t, old, "x")
	long := time.Now().Add(-2 * damagedAge)
	os.Chtimes(old, long, long)

	c := open(t, dir, Options{})
	if _, err := c.GC(t.Context(), GCOptions{}); err != nil {
		t.Fatal(err)
	}
	want(t, c, 0, 10)
	only(t, filepath.Join(dir, "packs/*.pack"))
	only(t, filepath.Join(dir, "packs/*.idx"))
	if files := list(t, filepath.Join(dir, "packs")); len(files) != 3 {
		t.Errorf("left over: %v", files)
	}
	only(t, filepath.Join(dir, "damaged/*"))
	objectFile(t, dir)
	if files, _ := filepath.Glob(filepath.Join(dir, tempPrefix+"*")); len(files) > 0 {
		t.Errorf("left over: %v", files)
	}
	before := list(t, filepath.Join(dir, "packs"))
	if _, err := c.GC(t.Context(), GCOptions{}); err != nil {
		t.Fatal(err)
	}
	if after := list(t, filepath.Join(dir, "packs")); fmt.Sprint(before) != fmt.Sprint(after) {
		t.Error("a second gc rewrites what is in order")
	}
}

// A cache may lie in a folder that is called like one of its own.
func TestGCLeavesItsOwnFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "damaged")
	c := open(t, dir, Options{Now: func() time.Time { return time.Now().Add(100 * damagedAge) }})
	put(t, c, 0, 1)
	if _, err := c.GC(t.Context(), GCOptions{}); err != nil {
		t.Fatal(err)
	}
	c.Close()
	want(t, open(t, dir, Options{}), 0, 1)
}

func TestGCRefusesWhileTheCacheIsInUse(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, dir, Options{}), open(t, dir, Options{})
	put(t, a, 0, 2)
	if _, err := b.GC(t.Context(), GCOptions{MaxBytes: 1}); !errors.Is(err, ErrInUse) {
		t.Fatalf("gc: %v", err)
	}
	put(t, b, 2, 4) // b goes on as before
	if _, err := b.GC(t.Context(), GCOptions{MaxBytes: 1, DryRun: true}); err != nil {
		t.Errorf("dry run: %v", err)
	}
	a.Close()
	if _, err := b.GC(t.Context(), GCOptions{}); err != nil {
		t.Fatal(err)
	}
	want(t, b, 0, 4)

	// and the other way round: Open waits for a gc, and then gives up
	if err := b.lockExclusive(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{LockWait: 30 * time.Millisecond}); !errors.Is(err, ErrInUse) {
		t.Errorf("open: %v", err)
	}
	ro := open(t, dir, Options{ReadOnly: true})
	want(t, ro, 0, 4)
}

func TestGCRefusesWithoutLocks(t *testing.T) {
	c := open(t, t.TempDir(), Options{})
	if err := c.unlock(); err != nil {
		t.Fatal(err)
	}
	c.lock, c.lockError = nil, errors.ErrUnsupported
	put(t, c, 0, 1)
	if _, err := c.GC(t.Context(), GCOptions{MaxBytes: 1}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("gc: %v", err)
	}
	want(t, c, 0, 1)
}

// A reader that holds no lock sees packs go and finds what is left in the new one.
func TestReaderOutlivesGC(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir, Options{Now: clock()})
	put(t, w, 0, 20)
	ro := open(t, dir, Options{ReadOnly: true})
	if err := ro.unlock(); err != nil {
		t.Fatal(err)
	}
	ro.retirePacks(ro.index)
	if _, err := w.GC(t.Context(), GCOptions{MaxAge: 10*24*time.Hour + time.Hour}); err != nil {
		t.Fatal(err)
	}
	left := w.Len()
	if left == 20 || left == 0 {
		t.Fatalf("%d entries are left", left)
	}
	for i := range 20 {
		_, _, err := ro.Get(recipe(i).Key())
		if i < 20-left && !errors.Is(err, ErrMiss) || i >= 20-left && err != nil {
			t.Errorf("entry %d: %v", i, err)
		}
	}
}

func TestGCBesideOtherWork(t *testing.T) {
	c := open(t, t.TempDir(), Options{})
	put(t, c, 0, 10)
	var wg sync.WaitGroup
	wg.Go(func() { put(t, c, 10, 100) })
	wg.Go(func() {
		for range 10 {
			want(t, c, 0, 10)
		}
	})
	wg.Go(func() {
		for range 10 {
			if _, err := c.GC(t.Context(), GCOptions{}); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	want(t, c, 0, 100)
}
