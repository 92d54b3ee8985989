package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// faulty is a file system whose n-th operation fails, and with sticky all later ones that write, as after a
// crash or on a full disk.
type faulty struct {
	FS
	sticky bool
	short  bool // a failing write leaves half of its bytes

	mu    sync.Mutex
	n     int // operations left until the failure
	fired string
}

var errFault = fmt.Errorf("injected: %w", syscall.ENOSPC)

// step counts an operation and says whether it fails.
func (f *faulty) step(what string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n--
	if f.n == 0 || f.n < 0 && f.sticky {
		if f.fired == "" {
			f.fired = what
		}
		return errFault
	}
	return nil
}

func (f *faulty) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	if flag&(os.O_WRONLY|os.O_RDWR) == 0 {
		return f.FS.OpenFile(name, flag, perm)
	}
	if err := f.step("open " + filepath.Base(name)); err != nil {
		return nil, err
	}
	file, err := f.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &faultyFile{file, f, filepath.Base(name)}, nil
}

func (f *faulty) Mkdir(name string, perm fs.FileMode) error {
	if err := f.step("mkdir " + filepath.Base(name)); err != nil {
		return err
	}
	return f.FS.Mkdir(name, perm)
}

func (f *faulty) Rename(old, new string) error {
	if err := f.step("rename to " + filepath.Base(new)); err != nil {
		return err
	}
	return f.FS.Rename(old, new)
}

func (f *faulty) Remove(name string) error {
	if err := f.step("remove " + filepath.Base(name)); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

func (f *faulty) SyncDir(name string) error {
	if err := f.step("sync folder " + filepath.Base(name)); err != nil {
		return err
	}
	return f.FS.SyncDir(name)
}

type faultyFile struct {
	File
	fs   *faulty
	name string
}

func (f *faultyFile) Write(b []byte) (int, error) {
	if err := f.fs.step("write " + f.name); err != nil {
		if !f.fs.short {
			return 0, err
		}
		n, _ := f.File.Write(b[:len(b)/2])
		return n, err
	}
	return f.File.Write(b)
}

func (f *faultyFile) Sync() error {
	if err := f.fs.step("sync " + f.name); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultyFile) Close() error {
	err := f.File.Close()
	if serr := f.fs.step("close " + f.name); serr != nil {
		return serr
	}
	return err
}

// eachFault runs a case for each operation of a workload and each way to fail, until nothing fails any more.
func eachFault(t *testing.T, run func(t *testing.T, f *faulty)) {
	for _, sticky := range []bool{false, true} {
		for _, short := range []bool{false, true} {
			for n := 1; ; n++ {
				f := &faulty{FS: noSync{}, sticky: sticky, short: short, n: n}
				run(t, f)
				if t.Failed() {
					t.Fatalf("operation %d, %q, sticky %v, short %v", n, f.fired, sticky, short)
				}
				if f.fired == "" {
					t.Logf("sticky %v, short %v: %d operations", sticky, short, n-1)
					break
				}
			}
		}
	}
}

func TestPutSurvivesEveryFault(t *testing.T) {
	const old, total = 3, 11 // number 8 is an object
	eachFault(t, func(t *testing.T, f *faulty) {
		dir := filepath.Join(t.TempDir(), "cache")
		before := open(t, dir, Options{})
		put(t, before, 0, old)
		if err := before.Close(); err != nil {
			t.Fatal(err)
		}

		done := map[int]bool{}
		failed := 0
		c, err := Open(dir, Options{FS: f})
		if err != nil {
			if !errors.Is(err, errFault) {
				t.Errorf("open: %v", err)
			}
		} else {
			for i := old; i < total; i++ {
				_, err := c.Put(t.Context(), recipe(i), output(i))
				switch {
				case err == nil:
					done[i] = true
					want(t, c, i, i+1)
				case errors.Is(err, errFault):
					failed++
				default:
					t.Errorf("put %d: %v", i, err)
				}
			}
			if !f.sticky && failed > 1 {
				t.Errorf("one fault failed %d puts", failed)
			}
			if err := c.Close(); err != nil && !errors.Is(err, errFault) {
				t.Errorf("close: %v", err)
			}
		}

		again := open(t, dir, Options{})
		want(t, again, 0, old)
		for i := old; i < total; i++ {
			_, ok := again.Lookup(recipe(i).Key())
			if done[i] && !ok {
				t.Errorf("put %d returned, and is lost", i)
			}
			if ok {
				want(t, again, i, i+1)
			}
		}
		put(t, again, 0, total)
		want(t, again, 0, total)
		if rep, err := again.CheckAll(t.Context()); err != nil || len(rep.Damaged)+len(rep.Gaps) > 0 {
			t.Errorf("check: %+v, %v", rep, err)
		}
	})
}

// A failure of the idx file alone must not fail a Put.
func TestIdxFaultsAreHarmless(t *testing.T) {
	eachFault(t, func(t *testing.T, f *faulty) {
		c, err := Open(t.TempDir(), Options{FS: f})
		if err != nil {
			return
		}
		_, err = c.Put(t.Context(), recipe(1), output(1))
		if idx := filepath.Ext(f.fired) == ".idx"; idx && !f.sticky && err != nil {
			t.Errorf("put: %v", err)
		}
		if err := c.Close(); err != nil && !errors.Is(err, errFault) {
			t.Error(err)
		}
	})
}

func TestAFaultFailsAllThatWait(t *testing.T) {
	f := &faulty{FS: noSync{}}
	c := open(t, t.TempDir(), Options{FS: f})
	put(t, c, 0, 1)
	f.mu.Lock()
	f.n, f.sticky = 1, true
	f.mu.Unlock()
	var wg sync.WaitGroup
	for i := 1; i < 8; i++ {
		wg.Go(func() {
			if _, err := c.Put(t.Context(), recipe(i), output(i)); !errors.Is(err, errFault) {
				t.Errorf("put %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	f.mu.Lock()
	f.n, f.sticky = 0, false
	f.mu.Unlock()
	if c.Len() != 1 {
		t.Errorf("%d entries", c.Len())
	}
	put(t, c, 0, 10)
	want(t, c, 0, 10)
}

func TestGCSurvivesEveryFault(t *testing.T) {
	day := 24 * time.Hour
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	kept := map[Key]bool{recipe(2).Key(): true, recipe(8).Key(): true, recipe(12).Key(): true}
	eachFault(t, func(t *testing.T, f *faulty) {
		dir := t.TempDir()
		for i := range 3 { // packs of 7, entry 7i+j made on day i
			c := open(t, dir, Options{Now: func() time.Time { return start.Add(time.Duration(i) * day) }})
			put(t, c, 7*i, 7*i+7)
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
		c, err := Open(dir, Options{FS: f, Now: func() time.Time { return start.Add(5 * day) }})
		if err != nil {
			if !errors.Is(err, errFault) {
				t.Error(err)
			}
			return
		}
		_, err = c.GC(t.Context(), GCOptions{MaxAge: 3*day + time.Hour, Keep: func(k Key) bool { return kept[k] }})
		if f.fired != "" != (err != nil) {
			t.Errorf("gc returned %v", err)
		}
		if err := c.Close(); err != nil && !errors.Is(err, errFault) {
			t.Error(err)
		}

		c = open(t, dir, Options{Now: func() time.Time { return start.Add(5 * day) }})
		check := func() {
			for i := range 21 {
				if i >= 14 || kept[recipe(i).Key()] {
					want(t, c, i, i+1)
				} else if _, ok := c.Lookup(recipe(i).Key()); ok {
					want(t, c, i, i+1) // not yet removed: then whole
				}
			}
			if rep, err := c.CheckAll(t.Context()); err != nil || len(rep.Damaged)+len(rep.Gaps) > 0 {
				t.Errorf("check: %+v, %v", rep, err)
			}
		}
		check()
		if _, err := c.GC(t.Context(), GCOptions{MaxAge: 3*day + time.Hour, Keep: func(k Key) bool { return kept[k] }}); err != nil {
			t.Error(err)
		}
		check()
		if c.Len() != 7+len(kept) {
			t.Errorf("%d entries are left", c.Len())
		}
		if files := list(t, filepath.Join(dir, "packs")); len(files) != 3 {
			t.Errorf("files are left over: %q", files)
		}
	})
}
