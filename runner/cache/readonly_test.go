package cache

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// unwritable is a disk that refuses to write below a folder. Permissions would not do: root may write anywhere.
type unwritable struct {
	noSync
	under  string
	reason error
}

func (f unwritable) refuse(op, name string) error {
	if strings.HasPrefix(name, f.under) {
		return &fs.PathError{Op: op, Path: name, Err: f.reason}
	}
	return nil
}

func (f unwritable) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	if flag&(os.O_WRONLY|os.O_RDWR) != 0 {
		if err := f.refuse("open", name); err != nil {
			return nil, err
		}
	}
	return f.noSync.OpenFile(name, flag, perm)
}

func (f unwritable) Mkdir(name string, perm fs.FileMode) error {
	if err := f.refuse("mkdir", name); err != nil {
		return err
	}
	return f.noSync.Mkdir(name, perm)
}

func TestAFolderThatCannotBeWritten(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "cache")
	w := open(t, dir, Options{})
	put(t, w, 0, 3)
	w.Close()
	before := list(t, parent)
	for _, reason := range []error{syscall.EACCES, syscall.EPERM, syscall.EROFS} {
		for _, under := range []string{dir, filepath.Join(dir, "packs"), filepath.Join(dir, "objects"), filepath.Join(dir, tempPrefix)} {
			disk := unwritable{under: under, reason: reason}
			if _, err := Open(dir, Options{FS: disk}); !errors.Is(err, ErrNotWritable) || !errors.Is(err, reason) || !strings.Contains(err.Error(), dir) {
				t.Errorf("%s sealed: %v", under, err)
			}
			ro := open(t, dir, Options{FS: disk, ReadOnly: true})
			want(t, ro, 0, 3)
			ro.Close()
		}
		none := filepath.Join(parent, "none")
		if _, err := Open(none, Options{FS: unwritable{under: none, reason: reason}}); !errors.Is(err, ErrNotWritable) {
			t.Errorf("a folder that cannot be made: %v", err)
		}
	}
	after := list(t, parent)
	strip := func(lines []string) []string { // the times of folders change when a file comes and goes
		return slices.DeleteFunc(lines, func(s string) bool { return strings.Contains(s, "drwx") })
	}
	if before, after = strip(before), strip(after); !slices.Equal(before, after) {
		t.Errorf("before %v\nafter  %v", before, after)
	}
	if _, err := Open(dir, Options{FS: unwritable{under: dir, reason: syscall.ENOSPC}}); err == nil || errors.Is(err, ErrNotWritable) {
		t.Errorf("a full disk is something else: %v", err)
	}
}
