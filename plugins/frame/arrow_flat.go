package frame

import (
	"encoding/binary"
	"errors"
	"math"
)

// The metadata of Arrow are flatbuffers: tables of offsets, which a hostile file may point anywhere, also many times at
// one place. Arrow follows them without a check. flatBuffer reads what is compared with the file before Arrow sees it.
// (Format: "FlatBuffer Internals" of google/flatbuffers; tables: Message.fbs, Schema.fbs, File.fbs of Arrow.)
type flatBuffer struct {
	b   []byte
	err error // the first fault; after it, everything reads as zero
}

var errFlat = errors.New("the metadata point outside themselves")

// flatTable is a table; the zero value, which stands for an absent one, has no fields.
type flatTable struct {
	in *flatBuffer
	at int
}

// flatVector is elements of one size; without any, it may be absent.
type flatVector struct {
	in    *flatBuffer
	at, n int
}

// bytes returns n bytes at a position.
func (f *flatBuffer) bytes(at, n int) []byte {
	if f.err == nil && (at < 0 || n < 0 || n > len(f.b) || at > len(f.b)-n) {
		f.err = errFlat
	}
	if f.err != nil {
		return make([]byte, min(max(n, 0), 8))
	}
	return f.b[at : at+n]
}

func (f *flatBuffer) int32(at int) int {
	return int(int32(binary.LittleEndian.Uint32(f.bytes(at, 4))))
}

func (f *flatBuffer) int64(at int) int64 {
	return int64(binary.LittleEndian.Uint64(f.bytes(at, 8)))
}

// follow returns what the offset at a position points to.
func (f *flatBuffer) follow(at int) int {
	return at + int(binary.LittleEndian.Uint32(f.bytes(at, 4)))
}

// root is the table of a whole buffer.
func (f *flatBuffer) root() flatTable { return flatTable{f, f.follow(0)} }

// slot returns where the offset of field i stands in the table that says where fields are; 0 when it does not.
func (t flatTable) slot(i int) int {
	if t.in == nil {
		return 0
	}
	places := t.at - t.in.int32(t.at)
	slot := 4 + 2*i
	if slot+2 > int(binary.LittleEndian.Uint16(t.in.bytes(places, 2))) {
		return 0
	}
	return places + slot
}

// field returns where field i stands; 0 when the table does not have it.
func (t flatTable) field(i int) int {
	slot := t.slot(i)
	if slot == 0 {
		return 0
	}
	offset := int(binary.LittleEndian.Uint16(t.in.bytes(slot, 2)))
	if offset == 0 || t.in.err != nil {
		return 0
	}
	return t.at + offset
}

func (t flatTable) byte(i int) byte {
	if at := t.field(i); at != 0 {
		return t.in.bytes(at, 1)[0]
	}
	return 0
}

func (t flatTable) int64(i int) int64 {
	if at := t.field(i); at != 0 {
		return t.in.int64(at)
	}
	return 0
}

func (t flatTable) table(i int) flatTable {
	if at := t.field(i); at != 0 {
		return flatTable{t.in, t.in.follow(at)}
	}
	return flatTable{}
}

// vector returns field i, a vector of elements of so many bytes.
func (t flatTable) vector(i, size int) flatVector {
	at := t.field(i)
	if at == 0 {
		return flatVector{}
	}
	at = t.in.follow(at)
	n := t.in.int32(at)
	if n < 0 || n > math.MaxInt32/size {
		t.in.err = errFlat
		return flatVector{}
	}
	if t.in.bytes(at+4, n*size); t.in.err != nil {
		return flatVector{}
	}
	return flatVector{t.in, at + 4, n}
}

// text returns field i, a string.
func (t flatTable) text(i int) []byte {
	v := t.vector(i, 1)
	if v.n == 0 {
		return nil
	}
	return v.in.bytes(v.at, v.n)
}

// table returns element i of a vector of tables.
func (v flatVector) table(i int) flatTable {
	return flatTable{v.in, v.in.follow(v.at + 4*i)}
}
