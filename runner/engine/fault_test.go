package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/engine"
	"github.com/ehrlab/ehrlab/runner/plan"
)

// fullDisk is a file system of which the n-th operation that changes anything fails, and every later one.
type fullDisk struct{ left atomic.Int64 }

var errFull = fmt.Errorf("injected: %w", syscall.ENOSPC)

func (d *fullDisk) spend() error {
	if d.left.Add(-1) < 0 {
		return errFull
	}
	return nil
}

func (d *fullDisk) OpenFile(name string, flag int, perm fs.FileMode) (cache.File, error) {
	if flag&(os.O_WRONLY|os.O_RDWR) != 0 {
		if err := d.spend(); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &fullFile{f, d}, nil
}

func (d *fullDisk) Mkdir(name string, perm fs.FileMode) error {
	if err := d.spend(); err != nil {
		return err
	}
	return os.Mkdir(name, perm)
}

func (d *fullDisk) Rename(old, new string) error {
	if err := d.spend(); err != nil {
		return err
	}
	return os.Rename(old, new)
}

func (d *fullDisk) Remove(name string) error                   { return os.Remove(name) }
func (d *fullDisk) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }
func (d *fullDisk) Stat(name string) (fs.FileInfo, error)      { return os.Stat(name) }
func (d *fullDisk) SyncDir(string) error                       { return d.spend() }

type fullFile struct {
	*os.File
	disk *fullDisk
}

func (f *fullFile) Write(b []byte) (int, error) {
	if err := f.disk.spend(); err != nil {
		n, _ := f.File.Write(b[:len(b)/2]) // what still fitted
		return n, err
	}
	return f.File.Write(b)
}

func (f *fullFile) Sync() error {
	if err := f.disk.spend(); err != nil {
		return err
	}
	return f.File.Sync()
}

// TestAFullDiskFailsLoudlyAndLosesNothing runs a study on a disk that is full after n operations, for every n
// until the study fits: each time the run fails with the disk's error, and the same study on a mended disk
// ends with the numbers of an undisturbed run.
func TestAFullDiskFailsLoudlyAndLosesNothing(t *testing.T) {
	b := newBench(t)
	e := study(map[string]string{"a": "", "h": ""}, values(10), 1)
	want, _, err := b.run(t, t.Context(), e, engine.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 1000 {
		dir := filepath.Join(t.TempDir(), "cache")
		disk := &fullDisk{}
		disk.left.Store(int64(n))
		err := runOn(b.lab, disk, dir)
		if err == nil {
			if n < 10 {
				t.Errorf("%d operations were enough: the test shows nothing", n)
			}
			t.Logf("the study takes %d operations", n)
			return
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("after %d operations: error %v, want that of the disk", n, err)
		}
		mended := &bench{lab: b.lab, dir: dir}
		got, _, err := mended.run(t, t.Context(), e, engine.Options{Workers: 1})
		if err != nil {
			t.Errorf("after %d operations: the mended disk: %v", n, err)
		} else if fmt.Sprint(got.Scores) != fmt.Sprint(want.Scores) {
			t.Errorf("after %d operations: other scores", n)
		}
	}
	t.Error("the study never fits")
}

// runOn runs the study with its cache on a disk.
func runOn(l *lab, disk cache.FS, dir string) error {
	quiet := slog.New(slog.DiscardHandler)
	c, err := cache.Open(dir, cache.Options{FS: disk, Log: quiet})
	if err != nil {
		return err
	}
	p, err := plan.New(study(map[string]string{"a": "", "h": ""}, values(10), 1), plan.Inputs{Registry: &l.registry, Hash: c.HashFile, Facts: c.Facts})
	if err != nil {
		return errors.Join(err, c.Close())
	}
	_, err = engine.Run(context.Background(), p, c, engine.Options{Workers: 1, Log: quiet})
	return errors.Join(err, c.Close())
}
