package cache

import (
	"hash/maphash"
	"slices"
	"sync"
)

// Nearest returns the stored recipe of the same stage and plugin that differs from r in the fewest fields,
// the newest of several; r itself does not count, nor does what cannot be read. It returns false when there is
// none.
//
// The first call for a stage and plugin reads all its recipes, about 10 µs each; later calls read new ones.
func (c *Cache) Nearest(r Recipe) (Recipe, bool) {
	c.mu.RLock()
	x := &index{kinds: c.index.kinds}
	records := c.index.sorted()
	c.mu.RUnlock()
	self, _ := parseSum(string(r.Key()))
	target := c.near.print(flatten(&r))
	best, found := sum{}, false
	least := int(^uint(0) >> 1)
	for _, rec := range slices.Backward(records) { // newest first: of equally near ones the first found stays
		k := x.kinds[rec.kind]
		if k.stage != r.Stage || k.plugin != r.Plugin || rec.key == self {
			continue
		}
		p := c.fingerprint(&rec)
		if p == nil {
			continue
		}
		if d := distance(p, target, least); d < least {
			best, least, found = rec.key, d, true
		}
		if least <= 1 {
			break // another key means at least one other field
		}
	}
	if !found {
		return Recipe{}, false
	}
	near, err := c.Recipe(Key(hexOf(best)))
	return near, err == nil
}

// fingerprints remembers recipes as sorted hashes of their fields: enough to count differences.
type fingerprints struct {
	once sync.Once
	seed maphash.Seed
	mu   sync.Mutex
	of   map[sum][]uint64
}

// print is the fingerprint of a recipe: for each field a hash of its path, and below it one of its value.
func (n *fingerprints) print(fields []field) []uint64 {
	n.once.Do(func() { n.seed, n.of = maphash.MakeSeed(), map[sum][]uint64{} })
	out := make([]uint64, len(fields))
	for i, f := range fields {
		out[i] = maphash.String(n.seed, f.path)>>32<<32 | maphash.String(n.seed, f.value)>>32
	}
	slices.Sort(out)
	return out
}

// fingerprint returns the fingerprint of an entry, or nil for one that cannot be read.
func (c *Cache) fingerprint(r *record) []uint64 {
	c.near.mu.Lock()
	p := c.near.of[r.key]
	c.near.mu.Unlock()
	if p != nil {
		return p
	}
	s, err := c.peek(r.key)
	if s == nil || err != nil {
		return nil
	}
	recipe, err := s.parseRecipe()
	if err != nil {
		return nil
	}
	p = c.near.print(flatten(&recipe))
	c.near.mu.Lock()
	c.near.of[r.key] = p
	c.near.mu.Unlock()
	return p
}

// distance counts the fields that differ. It stops at limit.
func distance(a, b []uint64, limit int) int {
	d := 0
	for len(a) > 0 && len(b) > 0 && d < limit {
		switch {
		case a[0] == b[0]:
			a, b = a[1:], b[1:]
		case a[0]>>32 == b[0]>>32: // one field, two values
			d++
			a, b = a[1:], b[1:]
		case a[0] < b[0]:
			d++
			a = a[1:]
		default:
			d++
			b = b[1:]
		}
	}
	return d + len(a) + len(b)
}
