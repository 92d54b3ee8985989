package cache

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"syscall"
)

// Lookup says whether the output of a step is stored, from memory alone: it reads nothing and leaves
// Entry.Facts nil. What it finds may still turn out to be damaged when it is read.
func (c *Cache) Lookup(key Key) (Entry, bool) {
	k, ok := parseSum(string(key))
	if !ok {
		return Entry{}, false
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	r := c.index.find(&k)
	if r == nil {
		return Entry{}, false
	}
	return c.index.entry(key, r), true
}

// Len is the number of stored outputs.
func (c *Cache) Len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.index.live
}

// Entries lists all entries, oldest first and then by key, as they are now. Facts are nil.
func (c *Cache) Entries() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		c.mu.RLock()
		x := index{kinds: c.index.kinds}
		records := c.index.sorted()
		c.mu.RUnlock()
		for _, r := range records {
			if !yield(x.entry(Key(hexOf(r.key)), &r)) {
				return
			}
		}
	}
}

// Get reads an output and verifies it.
//
// It returns ErrMiss when there is none, and a *DamagedError when what is stored is not what was put: the
// entry has then been set aside, and the caller makes the output again.
func (c *Cache) Get(key Key) ([]byte, Entry, error) {
	s, err := c.read(key)
	if err != nil {
		return nil, Entry{}, err
	}
	return s.bytes, s.entry, nil
}

// Facts returns the facts of an entry without reading its output, and whether the entry is there. An entry
// whose facts cannot be read is set aside like one whose output is damaged, and counts as absent.
func (c *Cache) Facts(key Key) (json.RawMessage, bool) {
	s, err := c.readHead(key)
	if err != nil {
		if !errors.Is(err, ErrMiss) {
			c.log.Warn("facts of a step cannot be read", "key", string(key), "error", err)
		}
		return nil, false
	}
	return s.entry.Facts, true
}

// Recipe returns the recipe of an entry. Its errors are those of Get.
func (c *Cache) Recipe(key Key) (Recipe, error) {
	s, err := c.readHead(key)
	if err != nil {
		return Recipe{}, err
	}
	return s.parseRecipe()
}

// stored is an entry as it was read and verified.
type stored struct {
	entry  Entry
	head   entryHead
	recipe []byte // canonical JSON, which hashes to the key
	bytes  []byte
}

func (s *stored) parseRecipe() (Recipe, error) {
	var r Recipe
	if err := json.Unmarshal(s.recipe, &r); err != nil {
		return Recipe{}, fmt.Errorf("recipe of key %.12s: %w", s.entry.Key, err)
	}
	return r, nil
}

// located is what the index knew of an entry when it was looked up. A later GC does not change it.
type located struct {
	record
	pack *pack
	kind kind
}

// locate looks an entry up.
func (c *Cache) locate(key Key) (located, error) {
	if c.closed.Load() {
		return located{}, ErrClosed
	}
	k, ok := parseSum(string(key))
	if !ok {
		return located{}, ErrMiss
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	r := c.index.find(&k)
	if r == nil {
		return located{}, ErrMiss
	}
	return located{*r, c.index.packs[r.pack], c.index.kinds[r.kind]}, nil
}

// read reads an entry with its output.
func (c *Cache) read(key Key) (*stored, error) {
	return c.readWith(key, func(l *located) (*stored, error) {
		s, err := c.readFrame(l)
		if err != nil {
			return nil, err
		}
		if s.head.external {
			s.bytes, err = c.readObject(s.head.stored, s.head.size)
		} else if sha256.Sum256(s.bytes) != s.head.stored {
			err = errContent
		}
		return s, err
	})
}

// readHead reads an entry without its output, but for one that lies in the same frame.
func (c *Cache) readHead(key Key) (*stored, error) { return c.readWith(key, c.readFrame) }

// readWith looks an entry up and reads it. One whose pack gc has replaced meanwhile is looked up once more.
func (c *Cache) readWith(key Key, read func(*located) (*stored, error)) (*stored, error) {
	for again := true; ; again = false {
		l, err := c.locate(key)
		if err != nil {
			return nil, err
		}
		s, err := read(&l)
		switch {
		case err == nil:
			return s, nil
		case again && isGone(err) && c.packIsGone(l.pack):
			if err := c.Refresh(); err != nil {
				return nil, err
			}
			c.forget(&l)
		case isDamage(err):
			return nil, c.setAside(&l, err)
		default:
			return nil, fmt.Errorf("read key %.12s from the cache: %w", key, err)
		}
	}
}

// readFrame reads the frame of an entry; bytes are those in the frame.
func (c *Cache) readFrame(l *located) (*stored, error) {
	b := make([]byte, l.frame)
	if err := c.readPack(l.pack, b, l.offset); err != nil {
		return nil, err
	}
	f, err := parseFrame(b, l.pack.salt, l.offset)
	if err != nil {
		return nil, err
	}
	s := &stored{bytes: f.data}
	if f.kind != typeEntry || !s.head.decode(f.head) || s.head.key != l.key {
		return nil, errOther
	}
	facts, recipe, ok := s.head.splitTail(f.tail)
	if !ok || sha256.Sum256(recipe) != s.head.key {
		return nil, errContent
	}
	s.recipe = recipe
	s.entry = s.head.entry()
	s.entry.Facts = facts
	return s, nil
}

// errOther says that a frame is valid, and not the one that the index means.
var errOther = errors.New("another record is in its place")

// isGone reports whether an error means that a file was removed.
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESTALE)
}

// isDamage reports whether an error means that stored bytes are lost, and not that the machine is short of
// something or access is refused.
func isDamage(err error) bool {
	for _, e := range []error{
		errNoFrame, errBody, errOther, errContent, fs.ErrNotExist, syscall.ESTALE, io.EOF, io.ErrUnexpectedEOF, syscall.EIO,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
