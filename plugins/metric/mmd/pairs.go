package mmd

import (
	"context"
	"math/bits"

	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// rows are encoded rows, laid out for squared distances between all of them: numbers row by row, and columns of 0 and 1 as bits.
//
// Distances are sums of squared differences, not made of inner products: they keep their digits between rows that are close to
// each other and far from all others, are the same both ways, and 0 exactly between equal rows.
type rows struct {
	n           int
	dims, words int
	numbers     []float64 // n x dims
	flags       []uint64  // n x words
}

// newRows lays out an encoded frame.
func newRows(d *encode.Design) *rows {
	r := &rows{n: d.Rows}
	flags := 0
	for _, c := range d.Columns {
		if c.Dense != nil {
			r.dims++
		} else {
			flags++
		}
	}
	r.words = (flags + 63) / 64
	r.numbers, r.flags = make([]float64, r.n*r.dims), make([]uint64, r.n*r.words)
	at, flag := 0, 0
	for _, c := range d.Columns {
		if c.Dense == nil {
			for _, i := range c.Ones {
				r.flags[int(i)*r.words+flag/64] |= 1 << (flag % 64)
			}
			flag++
			continue
		}
		for i, v := range c.Dense {
			r.numbers[i*r.dims+at] = v
		}
		at++
	}
	return r
}

// some returns the rows of the given numbers, in that order.
func (r *rows) some(which []int) *rows {
	out := &rows{n: len(which), dims: r.dims, words: r.words}
	for _, i := range which {
		out.numbers = append(out.numbers, r.numbers[i*r.dims:(i+1)*r.dims]...)
		out.flags = append(out.flags, r.flags[i*r.words:(i+1)*r.words]...)
	}
	return out
}

// edge is how many rows a block of distances has on each side: the rows of both and their distances fit the second-level cache.
const edge = 64

// kind says which frames the two rows of a pair are from.
type kind int

// The kinds of pairs of rows of a first and a second frame.
const (
	realReal kind = iota
	realSynthetic
	syntheticSynthetic
	kinds
)

// pairs visits the squared distances of all pairs of distinct rows of two frames, in pieces: visit is called from several
// goroutines, but only from one with one piece, and for a piece in a fixed order. It must not keep d2.
func pairs(ctx context.Context, threads int, first, second *rows, visit func(piece int, k kind, d2 []float64)) error {
	blocks := blocksOf(first, second)
	return parallel.For(ctx, threads, len(blocks), func(p int) error {
		memory := make([]float64, edge*edge)
		for q := p; q < len(blocks); q++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			visit(p, kindOf(blocks[p].of == second, blocks[q].of == second), blockDistances(memory[:0], blocks[p], blocks[q], p == q))
		}
		return nil
	})
}

func kindOf(a, b bool) kind {
	switch {
	case a && b:
		return syntheticSynthetic
	case a || b:
		return realSynthetic
	}
	return realReal
}

// pieces is the number of pieces in which pairs visits the.
func pieces(first, second *rows) int { return len(blocksOf(first, second)) }

// block is up to edge rows of one frame.
type block struct {
	of          *rows
	first, last int
}

func blocksOf(frames ...*rows) []block {
	var out []block
	for _, side := range frames {
		for first := 0; first < side.n; first += edge {
			out = append(out, block{side, first, min(first+edge, side.n)})
		}
	}
	return out
}

// blockDistances appends to out the squared distances of the rows of a and b; with same, which says that they are one block, of each pair
// of its rows once.
func blockDistances(out []float64, a, b block, same bool) []float64 {
	dims, words := a.of.dims, a.of.words
	for i := a.first; i < a.last; i++ {
		x, f := a.of.numbers[i*dims:(i+1)*dims], a.of.flags[i*words:(i+1)*words]
		j := b.first
		if same {
			j = i + 1
		}
		at := len(out)
		out = out[:at+b.last-j]
		row := out[at:]
		numberDistances(row, x, b.of.numbers[j*dims:b.last*dims])
		flagDistances(row, f, b.of.flags[j*words:b.last*words])
	}
	return out
}

// numberDistances sets out to the squared distances of x to the rows of y.
func numberDistances(out, x, y []float64) {
	dims := len(x)
	j := 0
	for ; j+3 < len(out); j += 4 {
		y0, y1, y2, y3 := y[j*dims:(j+1)*dims], y[(j+1)*dims:(j+2)*dims], y[(j+2)*dims:(j+3)*dims], y[(j+3)*dims:(j+4)*dims]
		y0, y1, y2, y3 = y0[:dims], y1[:dims], y2[:dims], y3[:dims]
		var s0, s1, s2, s3 float64
		for k, v := range x {
			d0, d1, d2, d3 := v-y0[k], v-y1[k], v-y2[k], v-y3[k]
			s0 += d0 * d0
			s1 += d1 * d1
			s2 += d2 * d2
			s3 += d3 * d3
		}
		out[j], out[j+1], out[j+2], out[j+3] = s0, s1, s2, s3
	}
	for ; j < len(out); j++ {
		s := 0.0
		for k, v := range y[j*dims : (j+1)*dims] {
			s += (x[k] - v) * (x[k] - v)
		}
		out[j] = s
	}
}

// flagDistances adds to out the number of flags in which f differs from the rows of g.
func flagDistances(out []float64, f, g []uint64) {
	words := len(f)
	if words == 0 {
		return
	}
	for j := range out {
		n := 0
		for k, w := range g[j*words : (j+1)*words] {
			n += bits.OnesCount64(w ^ f[k])
		}
		out[j] += float64(n)
	}
}
