package plugins

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
)

// Purpose names a random source.
type Purpose string

// The random sources. Split has its own seed in the experiment; the others follow the cell's seed.
const (
	ForSplit      Purpose = "split"
	ForExamples   Purpose = "examples"
	ForGeneration Purpose = "generation"
	ForModel      Purpose = "model"
	ForResample   Purpose = "resample"
	ForSimulation Purpose = "simulation" // a built-in data set; its seed is a setting
	ForAudit      Purpose = "audit"      // what stands in the lineups of an audit, and which errors are planted in it
)

// Rand hands out random sources by purpose. Two cells with the same seed and data draw the same
// numbers for the same purpose, whatever their strategy, features or sample size: they are paired. ForResample and ForAudit do
// not even hang on the seed: the resamples of one test part, and the errors planted in it, are the same for all replicates of a
// generation.
type Rand struct {
	seed     uint64
	data     string
	declared []Purpose
}

// NewRand returns the sources of one seed on one data set. data identifies the rows (data set, cohort
// and split), independent of the machine. Only the declared purposes can be drawn from.
func NewRand(seed uint64, data string, declared ...Purpose) Rand {
	return Rand{seed: seed, data: data, declared: declared}
}

// For returns a fresh source for a purpose. Further labels split it, e.g. by column or by fold.
//
// It panics when the plugin did not declare the purpose in Info.Random: its key would lack the seed.
func (r Rand) For(p Purpose, labels ...string) *rand.Rand {
	if !slices.Contains(r.declared, p) {
		panic(fmt.Sprintf("plugin draws from %q without declaring it in Info.Random", p))
	}
	h := sha256.New()
	var seed [8]byte
	if p == ForResample || p == ForAudit {
		r.seed = 0
	}
	binary.LittleEndian.PutUint64(seed[:], r.seed)
	h.Write(seed[:])
	for _, s := range append([]string{string(p), r.data}, labels...) {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return rand.New(rand.NewChaCha8([32]byte(h.Sum(nil))))
}
