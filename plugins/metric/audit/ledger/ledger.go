// Package ledger decides which counts of rows of patients may be told together: none of which, by itself or by subtraction, tells of
// some rows but fewer than plugins.FewestTold.
package ledger

import "github.com/ehrlab/ehrlab/plugins"

// Ledger knows which sets of rows are told by their size. One goroutine at a time may use it. A nil ledger tells everything.
type Ledger struct {
	group []int // of each row: rows of one group are in the same of the sets that are told
	n     int   // groups
}

// New returns a ledger of so many rows, whose number is told.
func New(rows int) *Ledger { return &Ledger{group: make([]int, rows), n: 1} }

// Tell reports whether the size of a set of rows may be told beside those that are told already, and notes it then. What is asked first
// has the first claim.
//
// Sums and differences of sizes of sets are sums over the groups of rows that the sets tell apart, so that none is small where no group is.
func (l *Ledger) Tell(in func(row int) bool) bool {
	if l == nil {
		return true
	}
	inside, all := make([]int, l.n), make([]int, l.n)
	set := make([]bool, len(l.group))
	for row, g := range l.group {
		set[row] = in(row)
		all[g]++
		if set[row] {
			inside[g]++
		}
	}
	split := make([]int, l.n) // the group of the rows of the set, where it cuts a group in two
	n := l.n
	for g := range split {
		if few(inside[g]) || few(all[g]-inside[g]) {
			return false
		}
		split[g] = g
		if inside[g] > 0 && inside[g] < all[g] {
			split[g] = n
			n++
		}
	}
	l.n = n
	for row, g := range l.group {
		if set[row] {
			l.group[row] = split[g]
		}
	}
	return true
}

func few(n int) bool { return n > 0 && n < plugins.FewestTold }
