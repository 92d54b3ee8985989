package neighbour

import (
	"math"
	"math/bits"
)

// scratch is what candidates writes to.
type scratch struct {
	rows   [block]int32
	counts [block]int32 // what the fields of the rows left add to their sum
	query  []uint64
}

func newScratch(s *Space) *scratch { return &scratch{query: make([]uint64, s.words)} }

// candidates returns the references from start to end, at most a block of them, ascending, whose sum may be below limit:
// those that it leaves out are at limit or beyond. They are valid until the next call.
func (t *scratch) candidates(queries *Points, i int, references *Points, start, end int, limit float64) []int32 {
	left := t.byFields(queries, i, references, start, end, limit)
	switch {
	case queries.space.words == 0:
		return left
	case queries.space.euclidean:
		return t.byProducts(queries, i, references, limit, left)
	}
	return t.byDifferences(queries, i, references, limit, left)
}

func (p *Points) bits(i int) []uint64 {
	w := len(p.space.fields)
	return p.fields[i*w : (i+1)*w]
}

// differing is what the fields of two rows add to their sum.
func differing(s *Space, a, b []uint64) int {
	n := 0
	for w, f := range s.fields {
		d := bits.OnesCount64(f.unequal(a[w], b[w]))
		if w >= s.marks && s.euclidean {
			d *= 2 // two of the 0/1 columns of a category differ
		}
		n += d
	}
	return n
}

// unequal has the highest bit of each field that differs: adding the lower bits of the difference to all ones carries into it
// unless they are 0.
func (f field) unequal(a, b uint64) uint64 {
	d := a ^ b
	return ((d&f.low + f.low) | d) & f.high
}

// byFields bounds by the fields alone: it leaves the references whose fields add less than limit.
func (t *scratch) byFields(queries *Points, i int, references *Points, start, end int, limit float64) []int32 {
	s := queries.space
	query, rows := queries.bits(i), references.fields[start*len(s.fields):end*len(s.fields)]
	switch {
	case len(s.fields) == 0:
		clear(t.counts[:])
	case s.both > 0:
		apart(s, query, rows, &t.counts)
	default:
		count(s, query, rows, &t.counts)
	}
	top, n := int32(math.Ceil(min(limit, math.MaxInt32))), 0
	for k, c := range t.counts[:end-start] {
		t.rows[n], t.counts[n] = int32(start+k), c
		if c < top {
			n++
		}
	}
	return t.rows[:n]
}

// count writes what the fields of each row add.
func count(s *Space, query, rows []uint64, counts *[block]int32) {
	fields, weight := s.fields[:len(query)], int32(1)
	if s.euclidean {
		weight = 2
	}
	if len(query) == 1 && s.marks == 0 {
		f, q := fields[0], query[0]
		for k, w := range rows {
			counts[k] = weight * int32(bits.OnesCount64(f.unequal(q, w)))
		}
		return
	}
	k := 0
	for len(rows) >= len(query) {
		row := rows[:len(query)]
		rows = rows[len(query):]
		marks, codes := 0, 0
		for w, q := range query[:s.marks] {
			marks += bits.OnesCount64(q ^ row[w])
		}
		for w := s.marks; w < len(query); w++ {
			codes += bits.OnesCount64(fields[w].unequal(query[w], row[w]))
		}
		counts[k] = int32(marks) + weight*int32(codes)
		k++
	}
}

// apart is count where two missing values differ, too. Those of categories are left out: it is a lower bound.
func apart(s *Space, query, rows []uint64, counts *[block]int32) {
	for k := 0; len(rows) > 0; k++ {
		n := 0
		for w, q := range query {
			if w < s.marks {
				n += bits.OnesCount64(q | rows[w])
			} else {
				n += bits.OnesCount64(s.fields[w].unequal(q, rows[w]))
			}
		}
		counts[k] = int32(n)
		rows = rows[len(query):]
	}
}

// Constants of words with eight lanes of a byte.
const (
	lanes = 0x0101010101010101
	highs = 0x80 * lanes
	evens = 0x00ff00ff00ff00ff
	pairs = 0x0001000100010001
)

// group is how many words of Gower's numbers are added before the sum is compared with what is allowed. The sum of a
// group is below 2^16, as it has to be: 8 lanes of at most 127 a word.
const group = 4

// byDifferences bounds Gower's distance: of numbers that both rows have, the differences of their coarse numbers are added.
func (t *scratch) byDifferences(queries *Points, i int, references *Points, limit float64, left []int32) []int32 {
	s := queries.space
	query := queries.coarse[i*s.words : (i+1)*s.words]
	// a limit beyond all that columns can add is none
	allowed := min(limit, float64(len(s.columns)+1))*steps + queries.moved[i]
	n := 0
	for k, j := range left {
		row := references.coarse[int(j)*s.words:][:len(query)]
		top := int(allowed+references.moved[j]) + 1 - steps*int(t.counts[k])
		left[n] = j
		if !differ(query, row, top) {
			n++
		}
	}
	return left[:n]
}

// differ reports whether the differences of coarse numbers that are present in both rows add to top or more. Numbers are
// in even words, and the next word has the mask of those that are present.
func differ(query, row []uint64, top int) bool {
	for len(query) > 0 {
		n := min(len(query), 2*group)
		a, b := query[:n], row[:n]
		sum := uint64(0)
		for w := 1; w < len(a) && w < len(b); w += 2 {
			x, y := a[w-1]&b[w], b[w-1]&a[w]
			d := (x | highs) - y // in each lane 128 + x - y
			up := d & highs      // where x ≥ y
			up = d & (up - up>>7)
			d = 2*up + highs - d // |x - y|
			sum += d&evens + d>>8&evens
		}
		if top -= int(sum * pairs >> 48); top <= 0 {
			return true
		}
		query, row = query[n:], row[n:]
	}
	return false
}

// segment is how many words of the coarse numbers of Euclidean points are multiplied before the sum of squares is compared
// with what is allowed.
const segment = 8

// byProducts bounds the Euclidean distance, by the triangle inequality for the points with rounded numbers. The squared
// differences of coarse numbers are |x|² + |y|² - 2x·y. Four numbers are multiplied at once, as two polynomials of
// degree 3: the third coefficient of the product is the sum of the products of one's coefficients with the other's in
// reverse, and has the highest 16 bits for itself. 4·127² fits them, and so do the lower coefficients theirs.
func (t *scratch) byProducts(queries *Points, i int, references *Points, limit float64, left []int32) []int32 {
	s := queries.space
	query, segments := t.query, s.segments()
	for w, x := range queries.coarse[i*s.words : (i+1)*s.words] {
		query[w] = bits.ReverseBytes64(x) >> 8 // numbers are in the lower byte of their 16 bits
	}
	norms := queries.norms[i*segments : (i+1)*segments]
	allowed := math.Sqrt(limit)/s.step + queries.moved[i]
	perCount := 1 / (s.step * s.step)
	n := 0
	for k, j := range left {
		row := references.coarse[int(j)*s.words:][:len(query)]
		top := allowed + references.moved[j]
		top = top*top - float64(t.counts[k])*perCount
		left[n] = j
		if !apartBy(query, row, norms, references.norms[int(j)*segments:], top) {
			n++
		}
	}
	return left[:n]
}

// apartBy reports whether the squared differences of coarse numbers add to top or more. query is in reverse.
func apartBy(query, row []uint64, norms, others []int32, top float64) bool {
	sum := 0
	others = others[:len(norms)]
	for k, norm := range norms {
		n := min(len(query), segment)
		a, b := query[:n], row[:n]
		product := uint64(0)
		for w, x := range a {
			product += x * b[w] >> 48
		}
		if sum += int(norm) + int(others[k]) - 2*int(product); float64(sum) >= top {
			return true
		}
		query, row = query[n:], row[n:]
	}
	return false
}

// sumSquares fills in the norms.
func (p *Points) sumSquares() {
	s := p.space
	for i := range p.rows {
		for w, x := range p.coarse[i*s.words : (i+1)*s.words] {
			if !s.euclidean {
				break
			}
			for ; x > 0; x >>= 16 {
				q := int32(x & steps)
				p.norms[i*s.segments()+w/segment] += q * q
			}
		}
	}
}
