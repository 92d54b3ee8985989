package structure

import (
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/events"
)

// The rules that trajectories can be held to.
const (
	KnownCode         = "known_code"           // every code is in the vocabulary
	ContiguousVisits  = "contiguous_visits"    // the visit numbers of a patient are exactly 1, 2, …
	MonotoneTime      = "monotone_time"        // one time a visit, never negative, and never before that of an earlier visit
	NoEventAfterDeath = "no_event_after_death" // no visit comes after the first with a code of death
	NoDuplicateCode   = "no_duplicate_code"    // no code twice in a visit
	OrderedVisits     = "ordered_visits"       // no visit begins before an earlier one
)

// Rules lists the rules, those of the catalogue first; OrderedVisits is for data whose visits have a length.
func Rules() []string {
	return []string{KnownCode, ContiguousVisits, MonotoneTime, NoEventAfterDeath, NoDuplicateCode, OrderedVisits}
}

// checker holds patients to rules.
type checker struct {
	t            *events.Trajectories
	known, death []bool // by code
}

func newChecker(t *events.Trajectories, vocabulary, death []string) *checker {
	c := &checker{t: t, known: make([]bool, len(t.Codes)), death: make([]bool, len(t.Codes))}
	in := make(map[string]struct{}, len(vocabulary))
	for _, code := range vocabulary {
		in[code] = struct{}{}
	}
	for i, code := range t.Codes {
		_, c.known[i] = in[code]
		c.death[i] = slices.Contains(death, code)
	}
	return c
}

// breaks reports whether a patient breaks a rule.
func (c *checker) breaks(rule string, patient int) bool {
	first, end := c.t.VisitsOf(patient)
	switch rule {
	case KnownCode:
		return c.any(first, end, func(codes []int32) bool {
			return slices.ContainsFunc(codes, func(code int32) bool { return !c.known[code] })
		})
	case ContiguousVisits:
		for v := first; v < end; v++ {
			if c.t.Number[v] != float64(v-first+1) {
				return true
			}
		}
		return false
	case MonotoneTime:
		return c.breaksMonotone(first, end)
	case NoEventAfterDeath: // in a visit before the last
		return c.any(first, end-1, func(codes []int32) bool {
			return slices.ContainsFunc(codes, func(code int32) bool { return c.death[code] })
		})
	case NoDuplicateCode:
		return c.any(first, end, func(codes []int32) bool {
			for i := range codes[1:] {
				if codes[i] == codes[i+1] {
					return true
				}
			}
			return false
		})
	}
	return c.breaksOrder(first, end)
}

// any reports whether one of some visits has codes of a kind.
func (c *checker) any(first, end int, kind func(codes []int32) bool) bool {
	for v := first; v < end; v++ {
		if kind(c.t.CodesOf(v)) {
			return true
		}
	}
	return false
}

// breaksMonotone looks at the times that there are; an event without a time breaks nothing.
func (c *checker) breaksMonotone(first, end int) bool {
	for v := first; v < end; v++ {
		if !math.IsNaN(c.t.Time[v]) && (c.t.Time[v] != c.t.Until[v] || c.t.Time[v] < 0) {
			return true
		}
	}
	return c.breaksOrder(first, end)
}

func (c *checker) breaksOrder(first, end int) bool {
	last := math.Inf(-1)
	for v := first; v < end; v++ {
		if c.t.Time[v] < last { // false where there is no time
			return true
		}
		if !math.IsNaN(c.t.Time[v]) {
			last = c.t.Time[v]
		}
	}
	return false
}
