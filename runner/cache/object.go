package cache

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// inlineMax is the size of the largest output, in bytes, that is stored in a pack. Larger ones are files of
// their own, so that packs stay quick to compact.
const inlineMax = 64 << 10

// shelves remembers the folders of objects whose names are durable.
type shelves struct {
	mu    sync.Mutex
	ready map[string]bool
}

func (c *Cache) shelf(stored sum) string {
	return filepath.Join(c.dir, "objects", hexOf(stored)[:2])
}

func (c *Cache) objectPath(stored sum) string {
	return filepath.Join(c.shelf(stored), hexOf(stored))
}

// writeObject stores a large output durably. One that exists is written anew, which mends it if need be.
func (c *Cache) writeObject(ctx context.Context, stored sum, data []byte) error {
	if err := c.makeShelf(c.shelf(stored)); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.writeFile(c.objectPath(stored), data)
}

func (c *Cache) makeShelf(name string) error {
	c.shelves.mu.Lock()
	defer c.shelves.mu.Unlock()
	if c.shelves.ready[name] {
		return nil
	}
	if err := c.makeFolder(name); err != nil {
		return err
	}
	if c.shelves.ready == nil {
		c.shelves.ready = map[string]bool{}
	}
	c.shelves.ready[name] = true
	return nil
}

// errContent says that stored bytes are not those that were written.
var errContent = errors.New("the content differs from its checksum")

// readObject reads and verifies a large output.
func (c *Cache) readObject(stored sum, size int64) (data []byte, err error) {
	f, err := c.fs.OpenFile(c.objectPath(stored), os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() != size {
		return nil, fmt.Errorf("it holds %d bytes instead of %d: %w", info.Size(), size, errContent)
	}
	data = make([]byte, size)
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, err
	}
	if sha256.Sum256(data) != stored {
		return nil, errContent
	}
	return data, nil
}
