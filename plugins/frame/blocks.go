package frame

import "iter"

// blocks collects values of unknown number. Growing a slice would copy each value several times and leave a
// part of it unused; blocks are copied once, when the number is known.
type blocks[T any] struct {
	full [][]T
	last []T
}

// The length of blocks: the first is short, for small tables.
const (
	firstBlock   = 1 << 8
	longestBlock = 1 << 16
)

func (b *blocks[T]) add(v T) {
	if len(b.last) == cap(b.last) {
		b.grow()
	}
	b.last = append(b.last, v)
}

func (b *blocks[T]) grow() {
	if b.last != nil {
		b.full = append(b.full, b.last)
	}
	b.last = make([]T, 0, min(max(2*cap(b.last), firstBlock), longestBlock))
}

// all yields the values in order.
func (b *blocks[T]) all() iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, block := range append(b.full[:len(b.full):len(b.full)], b.last) {
			for _, v := range block {
				if !yield(v) {
					return
				}
			}
		}
	}
}

// join returns the first n values. The blocks are let go.
func (b *blocks[T]) join(n int) []T {
	out := make([]T, 0, n)
	for i, block := range append(b.full, b.last) {
		out = append(out, block[:min(len(block), n-len(out))]...)
		if i < len(b.full) {
			b.full[i] = nil
		}
	}
	*b = blocks[T]{}
	return out
}
