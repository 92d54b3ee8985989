package cache

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"
)

// DamagedError says that a stored output is not what was put. It has been taken out of the cache.
type DamagedError struct {
	Key    Key
	Where  string // the file and the offset
	Reason error
	Aside  string // the folder that what is left of it was moved to; empty when there was nothing to move
	Err    error  // why it could not be set aside; nil when it was

	pack  string // the pack and the place of the frame in it
	frame gap
}

func (e *DamagedError) Error() string {
	s := fmt.Sprintf("cache entry %.12s is damaged: %s: %v", e.Key, e.Where, e.Reason)
	if e.Aside != "" {
		s += "; it was set aside in " + e.Aside
	}
	if e.Err != nil {
		s += fmt.Sprintf("; it could not be set aside: %v", e.Err)
	}
	return s
}

// Unwrap returns the reasons.
func (e *DamagedError) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Reason}
	}
	return []error{e.Reason, e.Err}
}

// note lies beside what was set aside.
type note struct {
	Key    Key    `json:"key"`
	Stage  string `json:"stage"`
	Plugin string `json:"plugin"`
	Pack   string `json:"pack"`
	Offset int64  `json:"offset"`
	Object string `json:"object,omitempty"` // its name in objects and here
	Reason string `json:"reason"`
	Found  string `json:"found"` // time, UTC
}

// setAside takes an entry out of the cache and keeps what is left of it in the folder damaged. It always
// returns a *DamagedError.
func (c *Cache) setAside(l *located, reason error) error {
	bad := &DamagedError{
		Key: Key(hexOf(l.key)), Where: fmt.Sprintf("pack %s, offset %d", l.pack.id, l.offset), Reason: reason,
		pack: l.pack.id, frame: gap{l.offset, l.offset + int64(l.frame)},
	}
	if !c.forget(l) || c.readOnly {
		return bad // another goroutine has done the rest, or nothing may be written
	}
	c.puts.RLock()
	defer c.puts.RUnlock()
	err := c.moveAside(l, reason)
	if err == nil {
		bad.Aside = c.damagedPath()
	}
	v := voided{l.place(), l.key}
	if werr := c.write(newWrite(typeVoid, v.encode(), nil, nil)); werr != nil {
		err = errors.Join(err, werr)
	}
	bad.Err = err
	return bad
}

// SetAside takes an entry out of the cache that passes its check but that the caller cannot use, such as an
// output in an encoding that it does not read. A key that is not there is no error.
func (c *Cache) SetAside(key Key, reason error) error {
	l, err := c.locate(key)
	if errors.Is(err, ErrMiss) {
		return nil
	}
	if err != nil {
		return err
	}
	var bad *DamagedError
	if errors.As(c.setAside(&l, reason), &bad) {
		return bad.Err
	}
	return nil
}

// forget takes an entry out of the index in memory. It returns false when that was done already.
func (c *Cache) forget(l *located) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, done := c.index.gone[l.place()]; done {
		return false
	}
	c.index.void(l.place(), l.key)
	return true
}

func (l *located) place() place { return place{l.pack.salt, l.offset} }

func (c *Cache) damagedPath() string { return filepath.Join(c.dir, "damaged") }

// moveAside copies the frame of an entry, moves its object, and writes a note beside them.
func (c *Cache) moveAside(l *located, reason error) error {
	if err := c.makeFolder(c.damagedPath()); err != nil {
		return err
	}
	n := note{
		Key: Key(hexOf(l.key)), Stage: l.kind.stage, Plugin: l.kind.plugin, Pack: l.pack.id, Offset: l.offset,
		Reason: reason.Error(), Found: c.now().UTC().Format(time.RFC3339),
	}
	name := filepath.Join(c.damagedPath(), fmt.Sprintf("%s-%d", l.pack.id, l.offset))
	b := make([]byte, l.frame)
	if err := c.readPack(l.pack, b, l.offset); err == nil {
		if err := c.writeFile(name+".frame", b); err != nil {
			return err
		}
		if f, err := parseFrame(b, l.pack.salt, l.offset); err == nil && l.external {
			if n.Object, err = c.moveObject(f.head); err != nil {
				return err
			}
		}
	}
	text, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return err
	}
	return c.writeFile(name+".json", append(text, '\n'))
}

// moveObject moves the object of an entry, if it is still there, and returns its name.
func (c *Cache) moveObject(head []byte) (string, error) {
	var h entryHead
	if !h.decode(head) {
		return "", nil
	}
	name := hexOf(h.stored)
	err := c.fs.Rename(c.objectPath(h.stored), filepath.Join(c.damagedPath(), name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return name, err
}

// packIsGone reports whether a pack was removed, as gc does once its content is in a newer one.
func (c *Cache) packIsGone(p *pack) bool {
	_, err := c.fs.Stat(c.packPath(p.id))
	return errors.Is(err, fs.ErrNotExist)
}
