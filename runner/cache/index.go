package cache

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"time"
)

// record is what the index keeps of an entry in memory: no pointers, so that the collector passes over it.
type record struct {
	key, digest   sum
	offset, size  int64 // of the frame; of the output
	created       int64
	elapsed       time.Duration
	pack, kind    uint32 // indices of index.packs and index.kinds
	frame         uint32 // size of the frame
	external, off bool   // output in objects; void
}

// kind is a stage and a plugin, shared by many entries.
type kind struct{ stage, plugin string }

// memoAt is a memo and the pack that holds it.
type memoAt struct {
	memo
	pack uint32
}

// noPack stands for the pack of a memo that is in memory only.
const noPack = ^uint32(0)

// index is what a cache knows without reading outputs. Of several entries with one key the first counts, in
// order of packs and then of offsets; the others stand by in case it turns out to be damaged.
type index struct {
	records []record
	table   []uint32 // open addressing by the first bytes of the key: 1 + an index of records, 0 for free
	used    int      // slots of table in use
	live    int      // records that count
	packs   []*pack
	bySalt  map[uint64]uint32
	kinds   []kind
	kindOf  map[string]uint32
	gone    map[place]struct{} // frames that a later one made void
	spare   map[sum][]record
	memos   map[[2]uint64]memoAt // by device and inode
	lost    []Gap                // that were found when packs were read without their idx file
}

func newIndex() *index {
	return &index{
		bySalt: map[uint64]uint32{}, kindOf: map[string]uint32{}, gone: map[place]struct{}{},
		spare: map[sum][]record{}, memos: map[[2]uint64]memoAt{}, table: make([]uint32, 64),
	}
}

// grow makes room for n more records.
func (x *index) grow(n int) {
	if need := len(x.records) + n; need > cap(x.records) {
		x.records = append(make([]record, 0, need), x.records...)
	}
	size := len(x.table)
	for size < 2*(x.used+n) {
		size *= 2
	}
	if size == len(x.table) {
		return
	}
	old := x.table
	x.table = make([]uint32, size)
	for _, at := range old {
		if at != 0 {
			x.table[x.slot(&x.records[at-1].key)] = at
		}
	}
}

// slot returns where a key is, or would go. Keys are hashes already: their first bytes are uniform.
func (x *index) slot(key *sum) int {
	mask := len(x.table) - 1
	i := int(binary.LittleEndian.Uint64(key[:])) & mask
	for x.table[i] != 0 && x.records[x.table[i]-1].key != *key {
		i = (i + 1) & mask
	}
	return i
}

// find returns the record of a key, or nil. The record must not be kept beyond the lock of the index.
func (x *index) find(key *sum) *record {
	at := x.table[x.slot(key)]
	if at == 0 || x.records[at-1].off {
		return nil
	}
	return &x.records[at-1]
}

// insert adds a record unless its key has one already.
func (x *index) insert(r record) {
	if _, void := x.gone[place{x.packs[r.pack].salt, r.offset}]; void {
		return
	}
	if 2*(x.used+1) > len(x.table) {
		x.grow(x.used + 1)
	}
	i := x.slot(&r.key)
	if at := x.table[i]; at != 0 && !x.records[at-1].off {
		x.spare[r.key] = append(x.spare[r.key], r)
		return
	} else if at == 0 {
		x.used++
	}
	x.live++
	x.records = append(x.records, r)
	x.table[i] = uint32(len(x.records))
}

// void takes a frame out of the index; the next entry with its key, if there is one, takes its place.
func (x *index) void(p place, key sum) {
	x.gone[p] = struct{}{}
	r := x.find(&key)
	if r == nil || r.offset != p.offset || x.packs[r.pack].salt != p.salt {
		return
	}
	r.off = true
	x.live--
	others := x.spare[key]
	delete(x.spare, key)
	for _, o := range others {
		x.insert(o)
	}
}

// add takes in a frame of a pack. What it cannot read, it leaves out: a later version may have written it.
func (x *index) add(pack uint32, it item) {
	switch it.kind {
	case typeEntry:
		var h entryHead
		if h.decode(it.head) {
			x.insert(record{
				key: h.key, digest: h.digest, offset: it.offset, size: h.size, created: h.created, elapsed: h.elapsed,
				pack: pack, kind: x.kindIndex(h.stage, h.plugin), frame: uint32(it.size), external: h.external,
			})
		}
	case typeVoid:
		var v voided
		if v.decode(it.head) {
			x.void(v.place, v.key)
		}
	case typeMemo:
		var m memo
		if m.decode(it.head) {
			x.memos[[2]uint64{m.device, m.inode}] = memoAt{m, pack}
		}
	}
}

// kindIndex returns the index of a kind, adding it when new.
func (x *index) kindIndex(stage, plugin []byte) uint32 {
	var room [2*maxName + 1]byte
	name := append(append(append(room[:0], byte(len(stage))), stage...), plugin...)
	at, ok := x.kindOf[string(name)]
	if !ok {
		at = uint32(len(x.kinds))
		x.kinds = append(x.kinds, kind{string(stage), string(plugin)})
		x.kindOf[string(name)] = at
	}
	return at
}

// addPack makes a pack known.
func (x *index) addPack(p *pack) uint32 {
	at := uint32(len(x.packs))
	x.packs = append(x.packs, p)
	x.bySalt[p.salt] = at
	return at
}

// entry returns a record as callers see it.
func (x *index) entry(key Key, r *record) Entry {
	k := x.kinds[r.kind]
	return Entry{
		Key: key, Stage: k.stage, Plugin: k.plugin, Digest: Hash(hexOf(r.digest)), Size: r.size,
		Created: time.Unix(0, r.created).UTC(), Elapsed: r.elapsed,
	}
}

// sorted returns the records that count, oldest first and then by key.
func (x *index) sorted() []record {
	out := make([]record, 0, x.live)
	for _, r := range x.records {
		if !r.off {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b record) int {
		return cmp.Or(cmp.Compare(a.created, b.created), bytes.Compare(a.key[:], b.key[:]))
	})
	return out
}
