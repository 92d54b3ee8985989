package codeprobability

import (
	"context"
	"slices"
	"sync"

	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// Counts says of one thing, such as a pair of codes, how often it occurs on each side: in how many patients, and how often in all.
type Counts struct {
	Patients    [2]int32 // real, synthetic
	Occurrences [2]int64
}

// Unigrams counts each code of the common vocabulary of two sides that occurs on one of them, in order of bytes.
func Unigrams(sides [2]*events.Trajectories) []Counts {
	all := make([]Counts, len(sides[0].Codes))
	for side, t := range sides {
		for c, n := range t.Sets().Patients(len(all)) {
			all[c].Patients[side] = int32(n)
		}
		for v := range t.Visits() {
			for _, c := range t.CodesOf(v) {
				all[c].Occurrences[side]++
			}
		}
	}
	out := all[:0]
	for _, c := range all {
		if c.Occurrences != [2]int64{} {
			out = append(out, c)
		}
	}
	return out
}

// Bigrams counts the unordered pairs of codes within a visit: every combination of two of its events, so that a code which
// occurs m times in a visit is paired m(m-1)/2 times with itself. The two sides have one vocabulary.
func Bigrams(ctx context.Context, threads int, sides [2]*events.Trajectories) ([]Counts, error) {
	return countPairs(ctx, threads, sides, func(x *index, visit int, a int32, m int, of *row) {
		codes := x.CodesOf(visit)
		for i := len(codes) - 1; i >= 0 && codes[i] >= a; { // those before a are paired with it where they come first
			b, n := runBack(codes, i)
			i -= n
			if b != a {
				of.add(b, int64(m)*int64(n))
			} else if m > 1 {
				of.add(a, int64(m)*int64(m-1)/2)
			}
		}
	})
}

// SequentialBigrams counts the ordered pairs of a code of a visit and one of the patient's next visit.
func SequentialBigrams(ctx context.Context, threads int, sides [2]*events.Trajectories) ([]Counts, error) {
	return countPairs(ctx, threads, sides, func(x *index, visit int, _ int32, m int, of *row) {
		if visit+1 == x.Visits() || x.patient[visit+1] != x.patient[visit] {
			return
		}
		codes := x.CodesOf(visit + 1)
		for i := len(codes) - 1; i >= 0; {
			b, n := runBack(codes, i)
			i -= n
			of.add(b, int64(m)*int64(n))
		}
	})
}

// runBack returns the code at i and how often it occurs up to there: equal codes of a visit are neighbours.
func runBack(codes []int32, i int) (code int32, n int) {
	n = 1
	for i-n >= 0 && codes[i-n] == codes[i] {
		n++
	}
	return codes[i], n
}

// index finds the visits that have a code.
type index struct {
	*events.Trajectories
	patient []int32 // of each visit
	first   []int32 // by code: where its visits begin; one more than there are codes
	visit   []int32 // by code, ascending
	times   []int32 // how often the code occurs in the visit
}

func newIndex(t *events.Trajectories) *index {
	x := &index{Trajectories: t, patient: make([]int32, t.Visits()), first: make([]int32, len(t.Codes)+1)}
	for p := range t.Patients() {
		first, end := t.VisitsOf(p)
		for v := first; v < end; v++ {
			x.patient[v] = int32(p)
		}
	}
	x.each(func(_ int, code int32, _ int) { x.first[code+1]++ })
	for code := range t.Codes {
		x.first[code+1] += x.first[code]
	}
	n := x.first[len(t.Codes)]
	x.visit, x.times = make([]int32, n), make([]int32, n)
	next := append([]int32(nil), x.first...)
	x.each(func(visit int, code int32, times int) {
		x.visit[next[code]], x.times[next[code]] = int32(visit), int32(times)
		next[code]++
	})
	return x
}

// each hands on the different codes of each visit, and how often they occur in it.
func (x *index) each(hand func(visit int, code int32, times int)) {
	for v := range x.Visits() {
		codes := x.CodesOf(v)
		for i := len(codes) - 1; i >= 0; {
			code, n := runBack(codes, i)
			i -= n
			hand(v, code, n)
		}
	}
}

// row counts the pairs with one first code, by the second. All counts are 0 but those of the codes that are met.
type row struct {
	counts  []Counts
	last    []int32 // by code: the patient who had the pair last
	met     []int32
	side    int
	patient int32 // from 1, those of the synthetic side after the real ones
}

func (r *row) add(code int32, n int64) {
	c := &r.counts[code]
	if c.Occurrences == [2]int64{} {
		r.met = append(r.met, code)
	}
	c.Occurrences[r.side] += n
	if r.last[code] != r.patient {
		r.last[code] = r.patient
		c.Patients[r.side]++
	}
}

// take returns the counts of the pairs that were met, and clears the row.
func (r *row) take() []Counts {
	out := make([]Counts, len(r.met))
	for i, code := range r.met {
		out[i] = r.counts[code]
		r.counts[code], r.last[code] = Counts{}, 0
	}
	r.met = r.met[:0]
	return out
}

// countPairs counts, code by code, the pairs that begin with it: pairs adds those of one visit, which has the code m times. A
// whole row of counts is small, while a table of all pairs would be large and sparse.
func countPairs(ctx context.Context, threads int, sides [2]*events.Trajectories, pairs func(x *index, visit int, a int32, m int, of *row)) ([]Counts, error) {
	codes := len(sides[0].Codes)
	found, indices := make([][]Counts, codes), [2]*index{newIndex(sides[0]), newIndex(sides[1])}
	rows := sync.Pool{New: func() any { return &row{counts: make([]Counts, codes), last: make([]int32, codes)} }}
	err := parallel.For(ctx, threads, codes, func(a int) error {
		r := rows.Get().(*row)
		before := int32(1)
		for side, x := range indices {
			r.side = side
			for i := x.first[a]; i < x.first[a+1]; i++ {
				visit := int(x.visit[i])
				r.patient = before + x.patient[visit]
				pairs(x, visit, int32(a), int(x.times[i]), r)
			}
			before += int32(x.Patients())
		}
		found[a] = r.take()
		rows.Put(r)
		return nil
	})
	return slices.Concat(found...), err
}
