package plugins

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Sample is the rows of one part, as a plugin sees them.
type Sample struct {
	Frame   *frame.Frame  // the selected columns
	Subject *frame.Column // the subject of each row, or nil when the data set has none
	Site    *frame.Column // the site of each row, or nil when the data set has none
	Beside  *frame.Frame  // the columns that a Grouping metric asked for; nil when there are none
}

// Parts holds the parts that a plugin reads with its settings, as Reads lists them, and no other.
type Parts struct {
	samples map[Part]Sample
}

// NewParts returns Parts that hold exactly the given samples.
func NewParts(samples map[Part]Sample) Parts { return Parts{samples: samples} }

// Only returns Parts that hold no more than the given parts.
func (p Parts) Only(allowed ...Part) Parts {
	out := map[Part]Sample{}
	for _, a := range allowed {
		if s, ok := p.samples[a]; ok {
			out[a] = s
		}
	}
	return Parts{samples: out}
}

// Get returns a part. It panics when the plugin did not declare the part: that is a leak in the making.
func (p Parts) Get(part Part) Sample {
	s, ok := p.samples[part]
	if !ok {
		panic(fmt.Sprintf("plugin reads part %q without declaring it in Info.Reads or, if it is Selective, in Reads", part))
	}
	return s
}

// Pair is what a metric compares: parts of the real data, and synthetic rows with the same columns.
//
// Preparations that several metrics need (sorted columns, bins, encodings, neighbours) are made once
// by Prepare and shared; they are immutable.
type Pair struct {
	Parts     Parts
	Synthetic *frame.Frame
	Target    string // name of the label column
	// Exposed are the rows of the train sample, from 0 and in order, that the generator has seen; nil: all of them.
	Exposed []int
	// Handed says that the synthetic rows are rows of the data, which are told of no more than others are.
	Handed bool
	// Shadows are the shadow models that a Shadowing metric asked for; nil when there are none.
	Shadows []Shadow
	// Limits are what columns can hold whatever the patients at hand have, as the experiment declares it, by column.
	Limits map[string]Limit
	// Audit is what an audit made of the synthetic rows, for metrics that declare Info.Audited; nil where the rows had none.
	Audit *Audited
	// Fewest is, where the data are restricted, the least number of their rows that a metric with Info.Audited may tell of; 0: any.
	Fewest int
	memo   *Memo
}

// Roles is what is known of the columns of a pair that no experiment describes. What is not known is empty.
type Roles struct {
	Label            string
	Subject          string
	Site             string
	Groups           []string    // columns that groups of patients are formed by
	QuasiIdentifiers []string    // what an attacker may know of a patient
	Key              []string    // what an attacker of Secret knows
	Secret           string      // a category that an attacker wants to learn
	NumericSecret    string      // a number that an attacker wants to learn
	Halves           [2][]string // what two attackers know, each a part of the columns
	Aux              []string    // what an attacker knows who infers Secret or NumericSecret
	Categories       []string    // the category columns, those of other roles left out
	Numbers          []string    // the number columns, likewise
}

// Suited is what the Config of a metric may implement whose defaults do not suit every pair: those that need to be told columns.
type Suited interface {
	// Suit returns the Config for a pair with these roles, or what is lacking: one of the texts below.
	Suit(r Roles) (config any, lacks string)
}

// What a pair may lack that Suit is asked for.
const (
	LacksLabel  = "a label"
	LacksSite   = "a site"
	LacksGroups = "groups of patients"
	LacksQuasi  = "quasi-identifiers"
	LacksKey    = "a key and a secret"
	LacksHalves = "the columns of two halves"
	LacksSecret = "a secret"
	LacksFile   = "a file besides the pair"
	LacksAudit  = "an audit"
)

// Alike reports whether two parts are the same rows, as they are of a pair of files without real rows that the generator has not
// seen: then a model of one must not be tested on the other.
func (p *Pair) Alike(a, b Part) bool { return p.Parts.Get(a).Frame == p.Parts.Get(b).Frame }

// NewPair returns a pair with an empty set of preparations.
func NewPair(parts Parts, synthetic *frame.Frame, target string) *Pair {
	return &Pair{Parts: parts, Synthetic: synthetic, Target: target, memo: NewMemo()}
}

// TestRows identifies the rows of the test part: pairs with equal texts have the same rows in the same order, with the same
// subjects and labels, whatever their features are. It is a hash, from which no value can be read back.
func (p *Pair) TestRows() string {
	type key struct{}
	text, _ := Prepare(p, key{}, func() (string, error) { // there is no error
		test := p.Parts.Get(Test)
		h := sha256.New()
		fmt.Fprintf(h, "%d rows", test.Frame.Rows())
		for _, c := range []*frame.Column{test.Subject, test.Frame.Column(p.Target)} {
			if c != nil {
				fmt.Fprintf(h, " %s", frame.Must(c).Digest())
			}
		}
		return hex.EncodeToString(h.Sum(nil)[:16]), nil
	})
	return text
}

// RowsID identifies rows by what they hold: frames with equal texts have the same columns and the same values in the same order, however
// they came about. It is a hash, from which no value can be read back; empty for a frame without columns. Files that tell of the
// synthetic rows of a cell, such as ratings, name these by it, so that a metric can see whether it was given the same ones.
func RowsID(f *frame.Frame) string {
	if len(f.Columns()) == 0 {
		return ""
	}
	return f.Digest()[:20]
}

// Only returns the same pair with no more than the given parts; preparations stay shared.
func (p *Pair) Only(allowed ...Part) *Pair {
	out := *p
	out.Parts = p.Parts.Only(allowed...)
	return &out
}

// Memo keeps what is worked out of rows that several calls of plugins have in common. A nil Memo keeps nothing. It is safe for
// concurrent use.
type Memo struct {
	mu      sync.Mutex
	entries map[any]*memoEntry
}

// NewMemo returns an empty memo.
func NewMemo() *Memo { return &Memo{entries: map[any]*memoEntry{}} }

type memoEntry struct {
	mu    sync.Mutex // held while the preparation is made
	made  bool
	value any
	err   error
}

// Prepare returns the preparation that make computes, computing it at most once for each key of a pair: see Remember. The key names
// what make reads besides the pair.
func Prepare[T any](p *Pair, key any, make func() (T, error)) (T, error) {
	return Remember(p.memo, key, make)
}

// Remember returns what make computes, computing it at most once for each key of a memo.
//
// key must be comparable and of a type private to the caller's package, and name everything that make
// reads: frames and columns, which do not change, by their pointers. The value must not be changed afterwards. An error is remembered
// like a value; a panic in make is not, and neither is the end of a context: the next caller, whose own context goes on, makes it anew.
func Remember[T any](m *Memo, key any, make func() (T, error)) (T, error) {
	if m == nil {
		return make()
	}
	m.mu.Lock()
	e, ok := m.entries[key]
	if !ok {
		e = &memoEntry{}
		m.entries[key] = e
	}
	m.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.made {
		value, err := make()
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return value, err
		}
		e.value, e.err, e.made = value, err, true
	}
	value, _ := e.value.(T)
	return value, e.err
}
