package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

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

// Canonical is the JSON that is hashed and stored.
func (r *Recipe) Canonical() []byte {
	b, err := json.Marshal(r)
	if err != nil {
		panic("recipe: " + err.Error()) // only settings that are no JSON could do this; Build made them
	}
	return b
}

// Key hashes the recipe.
func (r *Recipe) Key() Key {
	sum := sha256.Sum256(r.Canonical())
	return Key(hex.EncodeToString(sum[:]))
}
