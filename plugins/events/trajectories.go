package events

import (
	"cmp"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Trajectories are the events of a frame, by patient and visit. They are immutable: slices that methods return must not be
// changed.
//
// Patients are numbered from 0 in order of id: by bytes where ids are texts, by size where they are numbers. The visits of all
// patients are numbered from 0 too, patient after patient, and in order of visit number within one. Patients and visits exist
// only through their events.
//
// An event without a code is one of the code "". An event without a subject or a visit belongs to no trajectory: Left counts
// them.
type Trajectories struct {
	Codes  []string  // the vocabulary, in order of bytes
	Number []float64 // of each visit, as the frame has it
	Time   []float64 // earliest time of each visit; NaN where no event of it has a time
	Until  []float64 // latest time of each visit; NaN likewise
	Left   int       // events without a subject or a visit

	visits []int32 // by patient: its first visit; one more than there are patients
	events []int32 // by visit: its first event; one more than there are visits
	codes  []int32 // by event: index into Codes, ascending within a visit
	rows   []int32 // by event: the row of the frame
}

// New returns the trajectories of a frame. It is an error when Check finds one.
func New(f *frame.Frame) (*Trajectories, error) {
	if err := Check(f); err != nil {
		return nil, err
	}
	b := builder{rows: f.Rows(), visit: numbersOf(f, Visit), time: numbersOf(f, Time)}
	b.patients(f.Column(Subject))
	t := &Trajectories{Left: b.left}
	b.code, t.Codes = codesOf(f.Column(Code))
	b.build(t)
	return t, nil
}

// numbersOf returns the values of a number column; nil where there is no value.
func numbersOf(f *frame.Frame, name string) []float64 {
	if c := f.Column(name); c != nil && c.Kind == frame.Number {
		return c.Numbers
	}
	return nil
}

// codesOf returns an index into the vocabulary for each row; a missing code is "".
func codesOf(c *frame.Column) (codes []int32, vocabulary []string) {
	if c.Kind != frame.Category { // without a value
		return make([]int32, c.Len()), []string{""}[:min(1, c.Len())]
	}
	if c.MissingCount() == 0 {
		return c.Codes, c.Levels
	}
	shift := int32(1)
	vocabulary = append([]string{""}, c.Levels...)
	if len(c.Levels) > 0 && c.Levels[0] == "" {
		shift, vocabulary = 0, c.Levels
	}
	codes = make([]int32, len(c.Codes))
	for i, code := range c.Codes {
		if code != frame.Missing {
			codes[i] = code + shift
		}
	}
	return codes, vocabulary
}

// builder sorts the rows of a frame.
type builder struct {
	rows        int
	visit, time []float64 // by row; nil where there is no value
	code        []int32

	of    []int32 // the patient of each row, in order of id; -1 for none
	count int     // patients
	left  int
}

// patients numbers those who have an event with a visit.
func (b *builder) patients(subject *frame.Column) {
	b.of = make([]int32, b.rows)
	ranks, n := subjects(subject)
	used := make([]bool, n)
	for i, rank := range ranks {
		if rank < 0 || b.visit == nil || math.IsNaN(b.visit[i]) {
			b.of[i] = -1
			b.left++
			continue
		}
		b.of[i], used[rank] = rank, true
	}
	number := make([]int32, n)
	for rank, in := range used {
		if number[rank] = int32(b.count); in {
			b.count++
		}
	}
	for i, rank := range b.of {
		if rank >= 0 {
			b.of[i] = number[rank]
		}
	}
}

// subjects returns the rank of each row's subject among all, -1 for none, and how many there are.
func subjects(c *frame.Column) (ranks []int32, n int) {
	if c.Kind == frame.Category {
		return c.Codes, len(c.Levels) // frame.Missing is -1
	}
	ids := make([]float64, 0, len(c.Numbers))
	for _, v := range c.Numbers {
		if !math.IsNaN(v) {
			ids = append(ids, v)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	ranks = make([]int32, len(c.Numbers))
	for i, v := range c.Numbers {
		ranks[i] = -1
		if at, ok := slices.BinarySearch(ids, v); ok {
			ranks[i] = int32(at)
		}
	}
	return ranks, len(ids)
}

// build fills in what the sorted rows say.
func (b *builder) build(t *Trajectories) {
	first, rows := b.grouped()
	t.codes, t.rows = make([]int32, 0, len(rows)), make([]int32, 0, len(rows))
	for p := range b.count {
		t.visits = append(t.visits, int32(len(t.Number)))
		own := rows[first[p]:first[p+1]]
		slices.SortFunc(own, b.compare)
		for i, row := range own {
			if i == 0 || b.visit[row] != b.visit[own[i-1]] {
				t.events = append(t.events, int32(len(t.codes)))
				t.Number = append(t.Number, b.visit[row])
				t.Time = append(t.Time, math.NaN())
				t.Until = append(t.Until, math.NaN())
			}
			t.codes, t.rows = append(t.codes, b.code[row]), append(t.rows, row)
			if b.time != nil && !math.IsNaN(b.time[row]) {
				t.extend(b.time[row])
			}
		}
	}
	t.visits = append(t.visits, int32(len(t.Number)))
	t.events = append(t.events, int32(len(t.codes)))
}

// extend gives the last visit a further time.
func (t *Trajectories) extend(time float64) {
	last := len(t.Time) - 1
	if !(t.Time[last] <= time) { // or there is none yet
		t.Time[last] = time
	}
	if !(t.Until[last] >= time) {
		t.Until[last] = time
	}
}

// grouped returns the rows of each patient, in the order of the frame: those of patient p from first[p] on.
func (b *builder) grouped() (first, rows []int32) {
	first = make([]int32, b.count+1)
	for _, p := range b.of {
		if p >= 0 {
			first[p+1]++
		}
	}
	for p := range b.count {
		first[p+1] += first[p]
	}
	rows = make([]int32, first[b.count])
	next := slices.Clone(first)
	for i, p := range b.of {
		if p >= 0 {
			rows[next[p]] = int32(i)
			next[p]++
		}
	}
	return first, rows
}

// compare orders the rows of one patient; what the order leaves equal makes no difference.
func (b *builder) compare(x, y int32) int {
	if c := cmp.Compare(b.visit[x], b.visit[y]); c != 0 {
		return c
	}
	return cmp.Compare(b.code[x], b.code[y])
}

// Patients is the number of patients.
func (t *Trajectories) Patients() int { return len(t.visits) - 1 }

// Visits is the number of visits of all patients.
func (t *Trajectories) Visits() int { return len(t.Number) }

// Events is the number of events of all visits.
func (t *Trajectories) Events() int { return len(t.codes) }

// VisitsOf returns the visits of a patient, as a range: from first up to, but without, end.
func (t *Trajectories) VisitsOf(patient int) (first, end int) {
	return int(t.visits[patient]), int(t.visits[patient+1])
}

// CodesOf returns the codes of a visit, as indices into Codes: ascending, and as often as they occur.
func (t *Trajectories) CodesOf(visit int) []int32 { return t.codes[t.events[visit]:t.events[visit+1]] }

// EventsOf is the number of events of a patient.
func (t *Trajectories) EventsOf(patient int) int {
	return int(t.events[t.visits[patient+1]] - t.events[t.visits[patient]])
}

// RowsOf returns the rows of the frame that are the events of a patient, visit by visit.
func (t *Trajectories) RowsOf(patient int) []int32 {
	return t.rows[t.events[t.visits[patient]]:t.events[t.visits[patient+1]]]
}

// Take returns the trajectories of some patients, in that order, with the same vocabulary.
func (t *Trajectories) Take(patients []int) *Trajectories {
	out := &Trajectories{Codes: t.Codes}
	for _, p := range patients {
		out.visits = append(out.visits, int32(len(out.Number)))
		out.rows = append(out.rows, t.RowsOf(p)...)
		first, end := t.VisitsOf(p)
		for v := first; v < end; v++ {
			out.events = append(out.events, int32(len(out.codes)))
			out.codes = append(out.codes, t.CodesOf(v)...)
		}
		out.Number = append(out.Number, t.Number[first:end]...)
		out.Time = append(out.Time, t.Time[first:end]...)
		out.Until = append(out.Until, t.Until[first:end]...)
	}
	out.visits = append(out.visits, int32(len(out.Number)))
	out.events = append(out.events, int32(len(out.codes)))
	return out
}

// Once returns the same trajectories with each code of a visit once.
func (t *Trajectories) Once() *Trajectories {
	out := *t
	out.codes, out.rows, out.events = nil, nil, make([]int32, 0, len(t.events))
	for v := range t.Visits() {
		out.events = append(out.events, int32(len(out.codes)))
		for i := t.events[v]; i < t.events[v+1]; i++ {
			if i == t.events[v] || t.codes[i] != t.codes[i-1] {
				out.codes, out.rows = append(out.codes, t.codes[i]), append(out.rows, t.rows[i])
			}
		}
	}
	out.events = append(out.events, int32(len(out.codes)))
	return &out
}

// In returns the same trajectories with a vocabulary, in order of bytes, that has all of their codes.
func (t *Trajectories) In(vocabulary []string) *Trajectories {
	to := make([]int32, len(t.Codes))
	for i, code := range t.Codes {
		at, _ := slices.BinarySearch(vocabulary, code)
		to[i] = int32(at)
	}
	out := *t
	out.Codes, out.codes = vocabulary, make([]int32, len(t.codes))
	for i, code := range t.codes {
		out.codes[i] = to[code] // both in order of bytes: still ascending within a visit
	}
	return &out
}

// Vocabulary returns the codes of any of some trajectories, in order of bytes.
func Vocabulary(of ...*Trajectories) []string {
	var all []string
	for _, t := range of {
		all = append(all, t.Codes...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Sets are the different codes of each patient.
type Sets struct {
	first []int32
	codes []int32
}

// Sets returns the different codes of each patient.
func (t *Trajectories) Sets() *Sets {
	s := &Sets{first: make([]int32, 1, t.Patients()+1)}
	for p := range t.Patients() {
		own := slices.Clone(t.codes[t.events[t.visits[p]]:t.events[t.visits[p+1]]])
		slices.Sort(own)
		s.codes = append(s.codes, slices.Compact(own)...)
		s.first = append(s.first, int32(len(s.codes)))
	}
	return s
}

// Len is the number of patients.
func (s *Sets) Len() int { return len(s.first) - 1 }

// Of returns the codes of a patient, ascending and each once. It must not be changed.
func (s *Sets) Of(patient int) []int32 { return s.codes[s.first[patient]:s.first[patient+1]] }

// Patients counts the patients that have each of so many codes.
func (s *Sets) Patients(codes int) []int {
	n := make([]int, codes)
	for _, c := range s.codes {
		n[c]++
	}
	return n
}

// EventsBefore is the number of events of all visits before one, patient after patient. The events of visits i to j-1 are
// EventsBefore(j) - EventsBefore(i).
func (t *Trajectories) EventsBefore(visit int) int { return int(t.events[visit]) }
