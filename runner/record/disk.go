package record

import (
	"crypto/rand"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// disk does the writes of this package. before, when set, is asked ahead of each durable operation:
// tests stop a write there, as a crash or a full disk would.
type disk struct {
	before func(operation, path string) error
}

func (d disk) reach(operation, path string) error {
	if d.before == nil {
		return nil
	}
	return d.before(operation, path)
}

// create writes a new file and syncs it.
func (d disk) create(path string, data []byte) (err error) {
	if err := d.reach("write", path); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if closing := f.Close(); err == nil {
			err = closing
		}
	}()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := d.reach("sync", path); err != nil {
		return err
	}
	return f.Sync()
}

// replace puts data in the place of a file, all or nothing.
func (d disk) replace(path string, data []byte) error {
	temporary := filepath.Join(filepath.Dir(path), temporaryPrefix+rand.Text())
	if err := d.create(temporary, data); err != nil {
		os.Remove(temporary)
		return err
	}
	if err := d.rename(temporary, path); err != nil {
		os.Remove(temporary)
		return err
	}
	return nil
}

// rename moves a file or folder within one folder and makes the move durable.
func (d disk) rename(from, to string) error {
	if err := d.reach("rename", to); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return d.syncFolder(filepath.Dir(to))
}

// syncFolder makes the names in a folder durable.
func (d disk) syncFolder(path string) error {
	if err := d.reach("sync", path); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	err = f.Sync()
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}

// ReplaceFile puts data in the place of a file, all or nothing, and durably.
func ReplaceFile(path string, data []byte) error { return disk{}.replace(path, data) }

// Abandoned reports whether an entry is what a killed ReplaceFile left behind; one that is still at work takes seconds.
func Abandoned(e fs.DirEntry) bool {
	if !strings.HasPrefix(e.Name(), temporaryPrefix) {
		return false
	}
	info, err := e.Info()
	return err == nil && time.Since(info.ModTime()) > time.Hour
}

// temporaryPrefix marks what a writer has not finished; it is removed by the next one.
const temporaryPrefix = ".unfinished-"

// removeUnfinished removes what a killed writer left behind. The caller holds the lock of the folder.
func removeUnfinished(folder string) error {
	left, err := filepath.Glob(filepath.Join(folder, temporaryPrefix+"*"))
	if err != nil {
		return err
	}
	within, err := filepath.Glob(filepath.Join(folder, "v*", temporaryPrefix+"*"))
	if err != nil {
		return err
	}
	for _, path := range within { // a trace is written without the lock
		if info, err := os.Lstat(path); err == nil && Abandoned(fs.FileInfoToDirEntry(info)) {
			left = append(left, path)
		}
	}
	for _, path := range left {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

// CheckName returns an error unless name can be a file name everywhere: of letters, digits, '.', '_' and '-',
// not starting with '.', at most 100 bytes long.
func CheckName(name string) error {
	if name == "" || name[0] == '.' || len(name) > 100 {
		return fmt.Errorf("name %q: want 1 to 100 letters, digits, '.', '_' or '-', not starting with '.'", name)
	}
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return fmt.Errorf("name %q: want only letters, digits, '.', '_' and '-'", name)
		}
	}
	return nil
}
