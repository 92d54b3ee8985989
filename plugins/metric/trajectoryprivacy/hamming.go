package trajectoryprivacy

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// block is the number of records that a thread searches for at a time: enough to make up for its table of counters.
const block = 128

// Hamming returns, for each patient of a, the distance to the closest of the patients of b: 1 if they differ in their number of
// visits, and for each visit of the former |v| + |v'| - 2|v ∩ v'|, with v' the visit of the latter in the same place, or |v| if there
// is none. |v| counts repeated codes, |v ∩ v'| does not. Further visits of the latter cost nothing, so the distance is not
// symmetric. The two have one vocabulary; b has a patient.
//
// Source: B. Theodorou, C. Xiao, J. Sun (2023), Nat. Commun. 14, 5305, membership inference.
func Hamming(ctx context.Context, threads int, a, b *events.Trajectories) ([]int, error) {
	return closest(ctx, threads, a, b, 0)
}

// nowhere is the distance to the closest record where there is none.
const nowhere = math.MaxInt

// closest is Hamming for the closest of the patients at a distance of at least some number; nowhere when there is none.
func closest(ctx context.Context, threads int, a, b *events.Trajectories, atLeast int) ([]int, error) {
	x, order := newVisitIndex(b), byVisits(a)
	out := make([]int, a.Patients())
	err := parallel.For(ctx, threads, (len(out)+block-1)/block, func(i int) error {
		s := search{visitIndex: x, shared: make([]int32, b.Patients()), apart: make([]int32, b.Patients()), visits: -1}
		for _, p := range order[i*block : min((i+1)*block, len(out))] {
			out[p] = s.closest(a, p, atLeast)
		}
		return nil
	})
	return out, err
}

// byVisits returns the patients in order of their number of visits: those of a block then have few different ones.
func byVisits(t *events.Trajectories) []int {
	order := make([]int, t.Patients())
	visits := make([]int, t.Patients())
	for p := range order {
		first, end := t.VisitsOf(p)
		order[p], visits[p] = p, end-first
	}
	slices.SortStableFunc(order, func(p, q int) int { return cmp.Compare(visits[p], visits[q]) })
	return order
}

// visitIndex finds the patients that have a code in a visit of a place: the first, the second …
type visitIndex struct {
	of      *events.Trajectories
	slots   map[uint64]int32 // of place and code
	first   []int32          // by slot: where its patients begin; one more than there are slots
	patient []int32          // by slot, ascending
}

func newVisitIndex(t *events.Trajectories) *visitIndex {
	x := &visitIndex{of: t, slots: map[uint64]int32{}}
	var size []int32
	eachCode(t, func(place uint64, _ int32) {
		slot, known := x.slots[place]
		if !known {
			slot = int32(len(size))
			x.slots[place] = slot
			size = append(size, 0)
		}
		size[slot]++
	})
	x.first = make([]int32, len(size)+1)
	for i, n := range size {
		x.first[i+1] = x.first[i] + n
	}
	x.patient = make([]int32, x.first[len(size)])
	next := append([]int32(nil), x.first...)
	eachCode(t, func(place uint64, patient int32) {
		slot := x.slots[place]
		x.patient[next[slot]] = patient
		next[slot]++
	})
	return x
}

// eachCode visits the different codes of each visit, patient after patient.
func eachCode(t *events.Trajectories, visit func(place uint64, patient int32)) {
	for p := range t.Patients() {
		first, end := t.VisitsOf(p)
		for v := first; v < end; v++ {
			codes := t.CodesOf(v)
			for i, code := range codes {
				if i == 0 || code != codes[i-1] {
					visit(placeOf(v-first, code), int32(p))
				}
			}
		}
	}
}

func placeOf(visit int, code int32) uint64 { return uint64(visit)<<32 | uint64(uint32(code)) }

// search looks for the closest patients of an index.
type search struct {
	*visitIndex
	shared []int32 // by patient of the index: room, all 0 between two searches
	// By patient of the index, for a record with that number of visits: what the distance is without a code of the record, 1 for
	// another number of visits and the codes of the visits that are compared.
	apart  []int32
	visits int
}

// closest returns the distance of patient p of a to the closest patient of the index, of those at least so far away.
func (s *search) closest(a *events.Trajectories, p, atLeast int) int {
	first, end := a.VisitsOf(p)
	s.prepare(end - first)
	for v := first; v < end; v++ {
		codes := a.CodesOf(v)
		for i, code := range codes {
			if i > 0 && code == codes[i-1] {
				continue
			}
			if slot, known := s.slots[placeOf(v-first, code)]; known {
				for _, q := range s.patient[s.first[slot]:s.first[slot+1]] {
					s.shared[q]++
				}
			}
		}
	}
	own, least := a.EventsOf(p), int32(math.MaxInt32)
	from := int32(atLeast - own)
	for q, apart := range s.apart {
		if d := apart - 2*s.shared[q]; d < least && d >= from {
			least = d
		}
	}
	clear(s.shared)
	if least == math.MaxInt32 {
		return nowhere
	}
	return own + int(least)
}

// prepare sets apart for records of so many visits.
func (s *search) prepare(visits int) {
	if visits == s.visits {
		return
	}
	s.visits = visits
	for q := range s.apart {
		first, end := s.of.VisitsOf(q)
		d := s.of.EventsBefore(min(end, first+visits)) - s.of.EventsBefore(first)
		if end-first != visits {
			d++
		}
		s.apart[q] = int32(d)
	}
}
