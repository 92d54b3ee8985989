package frame

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"math"
)

// digestFormat names the byte layout that Digest hashes; a new layout needs a new name.
const digestFormat = "ehrlab frame 1\n"

// canonicalNaN stands for every missing number, whatever the payload of its NaN.
const canonicalNaN = 0x7ff8000000000001

// Digest returns the SHA-256, in lower-case hex, of the decoded content of a frame: the number of rows and,
// for each column in order, its name, kind, integer mark, unit, values and missing cells.
//
// It does not depend on the file format that the frame was kept in, on how levels are coded, or on the
// payload of a NaN. -0 and +0 are different values, as they are for 1/x; Parquet and CSV both keep them apart.
func (f *Frame) Digest() string {
	w := digester{hash: sha256.New()}
	w.raw(digestFormat)
	w.uint64(uint64(f.rows))
	w.uint64(uint64(len(f.columns)))
	for _, c := range f.columns {
		w.column(c)
	}
	w.flush()
	return hex.EncodeToString(w.hash.Sum(nil))
}

// digester collects small writes, because a hash call for each value would cost more than the hashing.
type digester struct {
	hash hash.Hash
	n    int
	buf  [1 << 15]byte
}

func (w *digester) flush() {
	w.hash.Write(w.buf[:w.n])
	w.n = 0
}

func (w *digester) raw(s string) {
	for len(s) > 0 {
		if w.n == len(w.buf) {
			w.flush()
		}
		k := copy(w.buf[w.n:], s)
		w.n += k
		s = s[k:]
	}
}

// text writes a string with its length before it, so that neighbours cannot run into each other.
func (w *digester) text(s string) {
	w.uint64(uint64(len(s)))
	w.raw(s)
}

func (w *digester) uint64(x uint64) {
	if w.n+8 > len(w.buf) {
		w.flush()
	}
	binary.LittleEndian.PutUint64(w.buf[w.n:], x)
	w.n += 8
}

func (w *digester) uint32(x uint32) {
	if w.n+4 > len(w.buf) {
		w.flush()
	}
	binary.LittleEndian.PutUint32(w.buf[w.n:], x)
	w.n += 4
}

func (w *digester) column(c *Column) {
	w.text(c.Name)
	w.text(string(c.Kind))
	w.text(c.Unit)
	if c.Kind != Category {
		integer := uint64(0)
		if c.Integer {
			integer = 1
		}
		w.uint64(integer)
		for _, v := range c.Numbers {
			bits := math.Float64bits(v)
			if v != v {
				bits = canonicalNaN
			}
			w.uint64(bits)
		}
		return
	}
	if !canonicalLevels(c) {
		c = NewCategory(c.Name, c.Levels, c.Codes)
	}
	w.uint64(uint64(len(c.Levels)))
	for _, l := range c.Levels {
		w.text(l)
	}
	for _, code := range c.Codes {
		w.uint32(uint32(code))
	}
}

// canonicalLevels reports whether the levels are in the form that Column promises: sorted, distinct, all used.
func canonicalLevels(c *Column) bool {
	for i := 1; i < len(c.Levels); i++ {
		if c.Levels[i-1] >= c.Levels[i] {
			return false
		}
	}
	seen := make([]bool, len(c.Levels))
	left := len(seen)
	for _, code := range c.Codes {
		if code != Missing && !seen[code] {
			seen[code] = true
			left--
		}
	}
	return left == 0
}
