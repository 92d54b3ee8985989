package split

import (
	"math"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
)

// precedence orders the parts by which of them keeps a subject that has rows in several: what metrics read stays whole.
var precedence = []int8{test, validation, reference, train}

// keepApart takes rows out of the parts until no subject has rows in two: those in its part of the highest precedence
// stay. It returns how many rows each part lost to each other one.
func keepApart(partOf []int8, u *units) (lost [4][4]int) {
	rank := make([]int, len(precedence))
	for i, p := range precedence {
		rank[p] = i
	}
	home := make([]int8, u.count)
	for unit := range home {
		home[unit] = none
	}
	for row, p := range partOf {
		unit := u.of[row]
		if p != none && (home[unit] == none || rank[p] < rank[home[unit]]) {
			home[unit] = p
		}
	}
	for row, p := range partOf {
		if to := home[u.of[row]]; p != none && p != to {
			lost[p][to]++
			partOf[row] = none
		}
	}
	return lost
}

// countLost reports what keepApart took from each part with a share, by the part that keeps the subject.
func (a *Assignment) countLost(lost [4][4]int, shares []float64) {
	parts := plugins.AllParts()
	for i, to := range precedence {
		for _, from := range precedence[i+1:] {
			if shares[to] > 0 && shares[from] > 0 {
				a.add("rows dropped: subject is in the "+string(parts[to])+" part", lost[from][to], "part", string(parts[from]))
			}
		}
	}
}

// noteMissing says how many rows were dropped because they lack what the split goes by, and how many have no subject.
func (a *Assignment) noteMissing(by, what string, missing int, u *units) {
	if missing > 0 {
		a.note("by %s: %d of %d rows have no %s and were dropped", by, missing, len(u.of), what)
	}
	switch {
	case !u.bySubject:
		a.note("by %s: no subject column is known: patients may have rows in several parts", by)
	case u.missing > 0:
		a.note("%d of %d rows have no subject: each is a subject of its own", u.missing, len(u.of))
	}
}

// shareMargin is how far the share of a part may be from what was asked for without a note: one row in a hundred.
const shareMargin = 0.01

// noteShares says what the shares came to where whole sites or times are shared out.
func (a *Assignment) noteShares(by string, shares []float64) {
	total := 0
	for _, rows := range a.Rows {
		total += len(rows)
	}
	off := false
	var texts []string
	for i, part := range plugins.AllParts() {
		got := float64(len(a.Rows[part])) / float64(total)
		off = off || math.Abs(got-shares[i]) > shareMargin
		texts = append(texts, string(part)+" "+strconv.FormatFloat(got, 'f', 2, 64)+" for "+strconv.FormatFloat(shares[i], 'g', 3, 64))
	}
	if off {
		a.note("by %s: the shares of the rows came to %s", by, strings.Join(texts, ", "))
	}
}
