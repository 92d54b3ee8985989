package cache

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// The modes of everything that the cache makes: rows of restricted data lie here.
const (
	fileMode   fs.FileMode = 0o600
	folderMode fs.FileMode = 0o700
)

// FS is the part of a file system that the cache stands on. Tests give one whose operations fail.
type FS interface {
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	Mkdir(name string, perm fs.FileMode) error
	Rename(old, new string) error
	Remove(name string) error
	ReadDir(name string) ([]fs.DirEntry, error)
	Stat(name string) (fs.FileInfo, error)
	// SyncDir makes the names in a folder durable. Where folders cannot be synced it does nothing.
	SyncDir(name string) error
}

// File is an open file of an FS.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.Closer
	Sync() error
	Stat() (fs.FileInfo, error)
}

// disk is the FS of the operating system.
type disk struct{}

func (disk) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err // not f: a nil *os.File in an interface is not nil
	}
	return f, nil
}
func (disk) Mkdir(name string, perm fs.FileMode) error  { return os.Mkdir(name, perm) }
func (disk) Rename(old, new string) error               { return os.Rename(old, new) }
func (disk) Remove(name string) error                   { return os.Remove(name) }
func (disk) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }
func (disk) Stat(name string) (fs.FileInfo, error)      { return os.Stat(name) }

func (disk) SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil // some network file systems have no such operation
	}
	return errors.Join(err, d.Close())
}

// makeFolder makes a folder if it is missing, and its name durable.
func (c *Cache) makeFolder(name string) error {
	if err := c.fs.Mkdir(name, folderMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return c.fs.SyncDir(filepath.Dir(name))
}

// readFile reads a whole file.
func (c *Cache) readFile(name string) ([]byte, error) {
	f, err := c.fs.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(f)
	return b, errors.Join(err, f.Close())
}

// tempPrefix begins the names of files that are not finished; gc removes those that a dead process left.
const tempPrefix = ".tmp-"

// writeFile writes a file so that it exists whole and durably or not at all.
func (c *Cache) writeFile(name string, data []byte) error {
	temp := filepath.Join(filepath.Dir(name), tempPrefix+randomName())
	if err := c.writeTemp(temp, data); err != nil {
		return errors.Join(err, c.removeQuietly(temp))
	}
	if err := c.fs.Rename(temp, name); err != nil {
		return errors.Join(err, c.removeQuietly(temp))
	}
	return c.fs.SyncDir(filepath.Dir(name))
}

func (c *Cache) writeTemp(name string, data []byte) error {
	f, err := c.fs.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	err = writeAll(f, data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// writeAll holds a writer to its contract: a short write is an error.
func writeAll(w io.Writer, data []byte) error {
	n, err := w.Write(data)
	if err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	return err
}

// removeQuietly removes a file that may never have been made.
func (c *Cache) removeQuietly(name string) error {
	if err := c.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
