package gbdt

import "math/bits"

// sums are sums of first and second derivatives of the loss, in units of 1/scale.
type sums struct{ g, h int64 }

func (s sums) plus(t sums) sums  { return sums{s.g + t.g, s.h + t.h} }
func (s sums) minus(t sums) sums { return sums{s.g - t.g, s.h - t.h} }

// histogram has the sums of each code of a column.
type histogram [mostBins]sums

// groupWidth columns are summed in one pass: their codes are one word, a row's derivatives are read once for all of
// them, and their histograms together (16 KB) stay in the first-level cache.
const groupWidth = 4

// quad is the histograms of a group of columns.
type quad [groupWidth]histogram

// add adds rows to the histograms: codes[rows[i]] holds the codes of a row and of[i] its derivatives.
func (q *quad) add(codes []uint32, rows []int32, of []sums) {
	of = of[:len(rows)]
	for i, r := range rows {
		w, s := codes[r], of[i]
		a := &q[0][uint8(w)]
		a.g += s.g
		a.h += s.h
		b := &q[1][uint8(w>>8)]
		b.g += s.g
		b.h += s.h
		c := &q[2][uint8(w>>16)]
		c.g += s.g
		c.h += s.h
		d := &q[3][uint8(w>>24)]
		d.g += s.g
		d.h += s.h
	}
}

// occupied are the codes of each column of a group that occur, as bits.
type occupied [groupWidth][mostBins / 64]uint64

// addFew is add for few rows: it also notes the codes that occur, so that nobody has to look for them among 256.
func (q *quad) addFew(seen *occupied, codes []uint32, rows []int32, of []sums) {
	of = of[:len(rows)]
	for i, r := range rows {
		w, s := codes[r], of[i]
		for c := range q {
			code := uint8(w)
			w >>= 8
			at := &q[c][code]
			at.g += s.g
			at.h += s.h
			seen[c][code/64] |= 1 << (code % 64)
		}
	}
}

// codes appends the codes noted for column c.
func (s *occupied) codes(c int, out []uint8) []uint8 {
	for i, word := range s[c] {
		for ; word != 0; word &= word - 1 {
			out = append(out, uint8(64*i+bits.TrailingZeros64(word)))
		}
	}
	return out
}

// codes appends the codes below total that occur. Second derivatives are above 0, so a sum of none is 0, exactly.
func (h *histogram) codes(total int, out []uint8) []uint8 {
	n := len(out)
	out = out[:n+total]
	for i := range h[:total] {
		out[n] = uint8(i)
		if h[i].h != 0 {
			n++
		}
	}
	return out[:n]
}

// clear empties the first codes.
func (h *histogram) clear(total int) { clear(h[:total]) }

// subtract turns the histogram of a node into that of one child by taking away the other's.
func (h *histogram) subtract(other *histogram, total int) {
	o := other[:total]
	for i := range h[:total] {
		h[i].g -= o[i].g
		h[i].h -= o[i].h
	}
}
