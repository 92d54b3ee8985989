package cache

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"math"
	"slices"
	"sync"
)

// Nearest returns the stored recipe of the same stage and plugin that differs from r in the fewest fields;
// r itself does not count, nor does what cannot be read. It returns false when there is none.
//
// Of equally near ones it takes the one whose inputs were made by recipes that differ the least from those of
// r's inputs, and then the newest. It knows the recipes of stored inputs and those of earlier calls: who asks
// about several steps that are not stored asks in the order in which they run.
//
// The first call for a stage and plugin reads all its recipes, about 10 µs each, and those of the inputs that
// it compares; later calls read new ones.
func (c *Cache) Nearest(r Recipe) (Recipe, bool) {
	self, _ := parseSum(string(r.Key()))
	target := c.near.add(self, &r)
	var ties []candidate
	least := math.MaxInt - 1
	for _, other := range c.sameKind(r.Stage, r.Plugin, self) {
		if other.print = c.fingerprint(other.key); other.print == nil {
			continue
		}
		d := distance(other.print.fields, target.fields, least+1)
		if d < least {
			least, ties = d, ties[:0]
		}
		if d == least {
			ties = append(ties, other)
		}
	}
	if len(ties) == 0 {
		return Recipe{}, false
	}
	if len(ties) > 1 {
		between := map[[2]sum]int{}
		for i := range ties {
			ties[i].inputs = c.inputDistance(target, ties[i].print, between)
		}
	}
	best := slices.MinFunc(ties, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.inputs, b.inputs), cmp.Compare(b.created, a.created), bytes.Compare(b.key[:], a.key[:]))
	})
	near, err := c.Recipe(Key(hexOf(best.key)))
	return near, err == nil
}

// candidate is an entry that may be the nearest.
type candidate struct {
	key     sum
	created int64
	print   *fingerprint
	inputs  int // differences between the recipes of its inputs and those of the target's
}

// sameKind lists the entries of a stage and plugin but for one.
func (c *Cache) sameKind(stage, plugin string, except sum) []candidate {
	c.mu.RLock()
	defer c.mu.RUnlock()
	at := slices.Index(c.index.kinds, kind{stage, plugin})
	if at < 0 {
		return nil
	}
	var out []candidate
	for i := range c.index.records {
		if r := &c.index.records[i]; r.kind == uint32(at) && !r.off && r.key != except {
			out = append(out, candidate{key: r.key, created: r.created})
		}
	}
	return out
}

// unknownInput counts for an input that differs in a way that is not known: more than any recipe has fields.
const unknownInput = 1 << 20

// inputDistance counts the fields in which the recipes of the inputs of two recipes differ. between remembers
// the counts of pairs of keys, since many candidates share their inputs.
func (c *Cache) inputDistance(target, other *fingerprint, between map[[2]sum]int) int {
	total := 0
	for i, in := range target.inputs {
		key, ok := other.input(i, in.role)
		if !ok || key == in.key {
			continue // an input that only one of them has is a difference between the recipes themselves
		}
		pair := [2]sum{in.key, key}
		d, known := between[pair]
		if !known {
			d = unknownInput
			if a, b := c.fingerprint(in.key), c.fingerprint(key); a != nil && b != nil {
				d = distance(a.fields, b.fields, unknownInput)
			}
			between[pair] = d
		}
		total += d
	}
	return total
}

// fingerprint is what Nearest needs of a recipe: sorted hashes of its fields, enough to count differences.
type fingerprint struct {
	fields []uint64 // each a hash of the path, and below it one of the value
	inputs []inputPrint
}

type inputPrint struct {
	role uint64 // a hash
	key  sum
}

// input returns the key of the input with a role, which usually has the same place in every recipe.
func (p *fingerprint) input(place int, role uint64) (sum, bool) {
	if place < len(p.inputs) && p.inputs[place].role == role {
		return p.inputs[place].key, true
	}
	for i := range p.inputs {
		if p.inputs[i].role == role {
			return p.inputs[i].key, true
		}
	}
	return sum{}, false
}

// fingerprints remembers fingerprints by the key of the recipe. The zero value is ready.
type fingerprints struct {
	once sync.Once
	seed maphash.Seed
	mu   sync.Mutex
	of   map[sum]*fingerprint
}

// add remembers a recipe.
func (n *fingerprints) add(key sum, r *Recipe) *fingerprint {
	n.once.Do(func() { n.seed, n.of = maphash.MakeSeed(), map[sum]*fingerprint{} })
	fields := flatten(r)
	p := &fingerprint{fields: make([]uint64, len(fields)), inputs: make([]inputPrint, len(r.Inputs))}
	for i, f := range fields {
		p.fields[i] = maphash.String(n.seed, f.path)>>32<<32 | maphash.String(n.seed, f.value)>>32
	}
	slices.Sort(p.fields)
	names := numbered{}
	for i, in := range r.Inputs {
		p.inputs[i].role = maphash.String(n.seed, names.next(in.Role))
		p.inputs[i].key, _ = parseSum(string(in.Key))
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.of[key] = p
	return p
}

// fingerprint returns that of an entry or of a recipe that Nearest was asked about, or nil for one that
// cannot be read.
func (c *Cache) fingerprint(key sum) *fingerprint {
	c.near.mu.Lock()
	p := c.near.of[key]
	c.near.mu.Unlock()
	if p != nil {
		return p
	}
	s, err := c.peek(key)
	if s == nil || err != nil {
		return nil
	}
	recipe, err := s.parseRecipe()
	if err != nil {
		return nil
	}
	return c.near.add(key, &recipe)
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
