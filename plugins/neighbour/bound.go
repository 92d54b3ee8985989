package neighbour

import (
	"math"
	"math/bits"
)

// scratch is what candidates writes to.
type scratch struct {
	rows   [block]int32
	counts [block]int32 // what the fields of the rows left add to their sum; Euclidean: of all rows
	sums   [block]int64 // Euclidean: the bounds of the rows left, in squares of steps
}

// candidates returns the references from start to end, at most a block of them, ascending, whose sum may be below limit:
// those that it leaves out are at limit or beyond. They are valid until the next call.
func (t *scratch) candidates(queries *Points, i int, references *Points, start, end int, limit float64) []int32 {
	if queries.space.euclidean {
		top := queries.top(i, references, limit)
		left := t.byDirection(queries, i, references, start, end, top)
		return t.byProducts(queries, i, references, left, top)
	}
	left := t.byFields(queries, i, references, start, end, limit)
	if queries.space.pieces == 0 {
		return left
	}
	return t.byDifferences(queries, i, references, limit, left)
}

// differing is what the fields of two rows add to their sum.
func differing(a *Points, i int, b *Points, j int) int {
	n := 0
	for w, f := range a.space.fields {
		n += f.weight * bits.OnesCount64(f.unequal(a.fields[w][i], b.fields[w][j]))
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
	clear(t.counts[:])
	for w, f := range queries.space.fields {
		f.count(queries.fields[w][i], references.fields[w][start:end], &t.counts)
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

// count adds what the fields of a word of each row add.
func (f field) count(query uint64, rows []uint64, counts *[block]int32) {
	out := counts[:len(rows)]
	switch {
	case f.apart: // a bit in either row
		for k, x := range rows {
			out[k] += int32(bits.OnesCount64(query | x))
		}
	case f.low == 0: // fields of one bit
		weight := int32(f.weight)
		for k, x := range rows {
			out[k] += weight * int32(bits.OnesCount64(query^x))
		}
	default:
		low, high, weight := f.low, f.high, int32(f.weight)
		for k, x := range rows {
			d := query ^ x
			out[k] += weight * int32(bits.OnesCount64((d&low+low|d)&high))
		}
	}
}

// Constants of words with eight lanes of a byte.
const (
	lanes = 0x0101010101010101
	highs = 0x80 * lanes
	evens = 0x00ff00ff00ff00ff
	pairs = 0x0001000100010001
)

// byDifferences bounds Gower's distance: of numbers that both rows have, the differences of their coarse numbers are added.
func (t *scratch) byDifferences(queries *Points, i int, references *Points, limit float64, left []int32) []int32 {
	query := queries.pieces(i)
	// a limit beyond all that columns can add is none
	allowed := min(limit, float64(len(queries.space.columns)+1))*steps + queries.moved[i]
	n := 0
rows:
	for k, j := range left {
		top := int(allowed+references.moved[j]) + 1 - steps*int(t.counts[k])
		row := references.pieces(int(j))[:len(query)]
		for p := range query {
			a, b := &query[p].words, &row[p].words
			// words come in twos: numbers, and the mask of those that are present
			d, e, f := differences(a[0]&b[1], b[0]&a[1]), differences(a[2]&b[3], b[2]&a[3]), differences(a[4]&b[5], b[4]&a[5])
			// four lanes of 16 bits, whose sum fits one
			sum := d&evens + d>>8&evens + e&evens + e>>8&evens + f&evens + f>>8&evens
			if top -= int(sum * pairs >> 48); top <= 0 {
				continue rows
			}
		}
		left[n] = j
		n++
	}
	return left[:n]
}

// differences returns |x - y| in each lane of a byte, of which the highest bit is 0.
func differences(x, y uint64) uint64 {
	d := (x | highs) - y // 128 + x - y
	up := d & highs      // where x ≥ y
	up = d & (up - up>>7)
	return 2*up + highs - d
}

// top is what the coarse numbers of a reference have to add, in squares of steps, for its sum to be at limit or beyond: by the
// triangle inequality rounding brings two rows nearer by no more than it has moved them.
func (p *Points) top(i int, references *Points, limit float64) int64 {
	most := math.Sqrt(limit)/p.space.turn.step + p.moved[i] + references.worst
	return int64(min(most*most, 1<<62)) + 1
}

// byDirection bounds the squared Euclidean distance by the fields and the axis of the direction: it leaves the references for which
// they add less than top, in squares of steps.
func (t *scratch) byDirection(queries *Points, i int, references *Points, start, end int, top int64) []int32 {
	clear(t.counts[:])
	for w, f := range queries.space.fields {
		f.count(queries.fields[w][i], references.fields[w][start:end], &t.counts)
	}
	weight, query, counts, n := queries.space.turn.weight, queries.along[i], t.counts[:end-start], 0
	for k, x := range references.along[start:end] {
		apart := int64(query - x)
		sum := weight*int64(counts[k]) + apart*apart
		t.rows[n], t.sums[n] = int32(start+k), sum
		if sum < top {
			n++
		}
	}
	return t.rows[:n]
}

// byProducts adds what the other axes tell to the sums of byDirection, piece by piece. The squared differences of coarse numbers are
// |x|² + |y|² - 2x·y. Four numbers are multiplied at once, as two polynomials of degree 3: the third coefficient of the product is
// the sum of the products of one's coefficients with the other's in reverse, and has the highest 16 bits for itself. 4·127² fits
// them, and so do the lower coefficients theirs.
func (t *scratch) byProducts(queries *Points, i int, references *Points, left []int32, top int64) []int32 {
	for p, rows := range references.turned {
		query := queries.turned[p][i]
		for w, x := range query.words {
			query.words[w] = bits.ReverseBytes64(x) >> 8 // numbers are in the lower byte of their 16 bits
		}
		n, sums, a := 0, t.sums[:len(left)], &query.words
		for k, j := range left {
			row := &rows[j]
			b := &row.words
			product := a[0]*b[0]>>48 + a[1]*b[1]>>48 + a[2]*b[2]>>48 + a[3]*b[3]>>48 + a[4]*b[4]>>48 + a[5]*b[5]>>48
			sum := sums[k] + query.squares + row.squares - 2*int64(product)
			left[n], sums[n] = j, sum
			if sum < top {
				n++
			}
		}
		left = left[:n]
	}
	return left
}
