package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// lockShared keeps GC of other processes away while the cache is open. Where the file system has no locks
// the cache works without, and GC refuses.
func (c *Cache) lockShared() error {
	name := filepath.Join(c.dir, "lock")
	if c.readOnly {
		// Without O_CREATE nothing is written. A GC that is under way does not hinder a reader: new packs
		// are complete before old ones go.
		c.lock = flock.New(name, flock.SetFlag(os.O_RDONLY))
		if ok, err := c.lock.TryRLock(); !ok || err != nil {
			c.lock = nil
		}
		return nil
	}
	f, err := c.fs.OpenFile(name, os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	c.lock = flock.New(name, flock.SetFlag(os.O_RDWR), flock.SetPermissions(fileMode))
	ctx, cancel := context.WithTimeout(context.Background(), c.lockWait)
	defer cancel()
	_, err = c.lock.TryRLockContext(ctx, 20*time.Millisecond)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w, which has been collecting garbage for %v", ErrInUse, c.lockWait)
	case err != nil:
		c.log.Debug("the file system of the cache has no locks", "error", err)
		c.lock, c.lockError = nil, err
	}
	return nil
}

// lockExclusive keeps every other process away. The shared lock is given up for it; lockShared takes it again.
func (c *Cache) lockExclusive() error {
	if c.lock == nil {
		return fmt.Errorf("locks do not work on the file system of the cache, so nothing is removed from it: %w", c.lockError)
	}
	if err := c.lock.Unlock(); err != nil {
		return err
	}
	ok, err := c.lock.TryLock()
	if err == nil && !ok {
		err = ErrInUse
	}
	return err
}

func (c *Cache) unlock() error {
	if c.lock == nil {
		return nil
	}
	if err := c.lock.Unlock(); err != nil && !errors.Is(err, fs.ErrClosed) {
		return err
	}
	return nil
}
