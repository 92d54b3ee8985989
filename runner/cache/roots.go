package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
)

// rootsFolder holds a small file for each folder of results that was made from this cache. It lies inside the
// cache, which is private, and nowhere else.
const rootsFolder = "roots"

// AddRoot remembers a folder of results, by its absolute path, so that gc spares what its versions need
// whatever folder it is called from. A folder that is known already costs one look.
func (c *Cache) AddRoot(path string) error {
	if c.readOnly {
		return ErrReadOnly
	}
	sum := sha256.Sum256([]byte(path))
	name := filepath.Join(c.dir, rootsFolder, hex.EncodeToString(sum[:8]))
	if _, err := c.fs.Stat(name); err == nil {
		return nil
	}
	if err := c.makeFolder(filepath.Join(c.dir, rootsFolder)); err != nil {
		return err
	}
	return c.writeFile(name, []byte(path))
}

// Roots returns the remembered folders, sorted. Some may be gone.
func (c *Cache) Roots() ([]string, error) {
	folder := filepath.Join(c.dir, rootsFolder)
	entries, err := c.fs.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var roots []string
	for _, e := range entries {
		if len(e.Name()) != 16 { // a file that is being written
			continue
		}
		b, err := c.readFile(filepath.Join(folder, e.Name()))
		if err != nil {
			return nil, err
		}
		roots = append(roots, string(b))
	}
	slices.Sort(roots)
	return roots, nil
}
