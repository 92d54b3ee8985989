package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"sync"

	"github.com/ehrlab/ehrlab/plugins"
)

// Key identifies a step by everything that decides its output: the SHA-256, in hex, of its Recipe.
type Key string

// Hash is the SHA-256, in hex, of content: of a file's bytes, or of an output's decoded values.
type Hash string

// Recipe is everything that decides the output of a step. Its canonical JSON is hashed into the Key and
// stored beside the output. It holds no path and no name that the user chose.
type Recipe struct {
	Format   int             `json:"format"` // of this struct
	Stage    string          `json:"stage"`  // dataset, cohort, split, prepare, features, generate, measure
	Plugin   string          `json:"plugin"` // or the name of the built-in step
	Version  int             `json:"version"`
	Uses     []plugins.Use   `json:"uses,omitempty"`
	Settings json.RawMessage `json:"settings,omitempty"` // after defaults; paths are null
	Roles    json.RawMessage `json:"roles,omitempty"`    // the columns that stand for target, subject …, where the step depends on them
	N        int             `json:"n,omitempty"`
	Seed     *uint64         `json:"seed,omitempty"` // nil when the step draws no random number
	Data     string          `json:"data,omitempty"` // identity of the rows that random sources derive from
	Files    []FileHash      `json:"files,omitempty"`
	Inputs   []Input         `json:"inputs,omitempty"`
	Numeric  string          `json:"numeric"` // e.g. "amd64"; results of one class are equal to the byte
}

// FileHash is a file that a step reads, by what it is for and what it holds.
type FileHash struct {
	Role string `json:"role"`
	Hash Hash   `json:"hash"`
}

// Input is a step whose output this one reads, and which piece of it.
type Input struct {
	Role  string `json:"role"`
	Key   Key    `json:"key"`
	Piece string `json:"piece,omitempty"` // e.g. the suffix of a feature subset
}

// Canonical is the JSON that is hashed and stored: the same bytes as encoding/json makes of the recipe.
func (r *Recipe) Canonical() []byte { return r.AppendCanonical(nil) }

// Key hashes the recipe.
func (r *Recipe) Key() Key {
	room := rooms.Get().(*[]byte)
	*room = r.AppendCanonical((*room)[:0])
	key := Key(hexOf(sha256.Sum256(*room)))
	rooms.Put(room)
	return key
}

// rooms are buffers for the canonical JSON that is hashed and forgotten.
var rooms = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}

// sum is a SHA-256 as it is stored: half as long as its name in hex.
type sum [sha256.Size]byte

// hexOf returns a sum in hex.
func hexOf(s sum) string {
	var b [2 * sha256.Size]byte
	hex.Encode(b[:], s[:])
	return string(b[:])
}

// parseSum reads 64 lower-case hex digits. Upper case is refused: a key has one spelling.
func parseSum(s string) (out sum, ok bool) {
	if len(s) != 2*len(out) {
		return out, false
	}
	bad := byte(0)
	for i := range out {
		hi, lo := unhex[s[2*i]], unhex[s[2*i+1]]
		bad |= hi | lo
		out[i] = hi<<4 | lo
	}
	return out, bad < 16
}

// unhex maps a lower-case hex digit to its value, and every other byte to 0xff.
var unhex = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	for i, c := range []byte("0123456789abcdef") {
		t[c] = byte(i)
	}
	return t
}()
