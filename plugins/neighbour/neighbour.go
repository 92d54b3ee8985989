// Package neighbour finds the exact nearest neighbours of rows among other rows.
//
// A Space says what the distance of two rows is: Euclidean on the standard encoding, or Gower's. It places the rows of
// frames as Points, and Nearest, Inside and Distance compare points of one space:
//
//	space, err := neighbour.NewEuclidean(train, test, synthetic) // means and SDs of the first frame
//	rows, err := space.Points(synthetic)
//	near, err := neighbour.Search{K: 2, Threads: env.Threads}.Nearest(ctx, rows, references)
//	index, distance := near.Row(i) // ascending; of equal distances the smallest index comes first
//
// For some of the columns, Select them from the frames first; on Category columns alone Gower's distance is the Hamming
// distance over the number of columns.
//
// # Method
//
// Nothing is approximated: a distance that counts is a float64 sum over the columns in their order, and results are
// those of comparing each row with each other. Most pairs are ruled out by a lower bound of their distance, though, which
// costs a few machine words instead of all columns. First come the columns of which no more is known than whether they
// differ, categories and missing marks, packed into words of bit fields, whose differences are counted exactly; then
// the numbers, rounded to 7 bits. For Gower 8 columns are compared at a time, their differences in the lanes of a word. For
// Euclidean rows are mirrored first, so that one axis runs along the direction in which they differ most, which may tell as
// much as twenty columns; of the other axes 4 are compared at a time, their products in one multiplication. By the triangle
// inequality a bound is off by no more than what rounding has moved the two rows, which is stored with each row.
package neighbour

import (
	"context"
	"math"
	"slices"
	"sync"

	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// Version is raised when equal frames may have other neighbours or distances.
const Version = 1

// Points are the rows of a frame in a space. They are immutable.
type Points struct {
	space *Space
	rows  int
	exact []float64 // row by row, the values that the distance is defined on

	fields [][]uint64 // by word and row, bit fields of what either differs or not
	coarse []piece    // Gower: row by row, numbers of 7 bits
	along  []int32    // Euclidean: by row, the number on the axis of the direction, in steps
	turned [][]packed // Euclidean: by piece and row, the numbers of the other axes
	worst  float64    // the greatest of moved
	moved  []float64  // by how much rounding may have moved a row, in steps of the numbers
}

// Rows is the number of points.
func (p *Points) Rows() int { return p.rows }

func (p *Points) row(i int) []float64 {
	w := len(p.space.columns)
	return p.exact[i*w : (i+1)*w]
}

func (p *Points) pieces(i int) []piece {
	w := p.space.pieces
	return p.coarse[i*w : (i+1)*w]
}

// Take returns the points of the given rows, in that order.
func (p *Points) Take(rows []int) *Points {
	s := p.space
	out := s.empty(len(rows))
	out.worst = p.worst
	for at, i := range rows {
		take(out.exact, p.exact, len(s.columns), at, i)
		for w, words := range p.fields {
			out.fields[w][at] = words[i]
		}
		if s.euclidean {
			out.along[at] = p.along[i]
		} else {
			take(out.coarse, p.coarse, s.pieces, at, i)
		}
		for k, numbers := range p.turned {
			out.turned[k][at] = numbers[i]
		}
		out.moved[at] = p.moved[i]
	}
	return out
}

func take[T any](to, from []T, width, at, row int) {
	copy(to[at*width:(at+1)*width], from[row*width:(row+1)*width])
}

// Distance returns the distance of row i of a and row j of b, which are points of one space.
func Distance(a *Points, i int, b *Points, j int) float64 {
	return a.space.distance(sum(a, i, b, j, math.Inf(1)))
}

// Search is how neighbours are looked for.
type Search struct {
	K        int                   // neighbours of each row, at least 1
	Self     bool                  // queries and references are the same rows: a row is no neighbour of its own
	Threads  int                   // goroutines, at least 1; results do not depend on it
	Progress func(done, total int) // told of queries; nil for none
}

// Neighbours are the nearest references of each query.
type Neighbours struct {
	k        int
	index    []int32
	distance []float64
}

// Row returns the nearest references of query i, nearest first, and their distances; of equal distances the smaller index
// comes first. There are fewer than K when there are fewer references. Callers must not change the slices.
func (n *Neighbours) Row(i int) (index []int32, distance []float64) {
	return n.index[i*n.k : (i+1)*n.k], n.distance[i*n.k : (i+1)*n.k]
}

// K is the number of neighbours of each query: that of the search, or as many as there are references to find.
func (n *Neighbours) K() int { return n.k }

// Distances returns the distance of each query to its k-th nearest reference, k from 1 to K.
func (n *Neighbours) Distances(k int) []float64 {
	out := make([]float64, 0, len(n.distance)/max(1, n.k))
	for at := k - 1; at < len(n.distance); at += n.k {
		out = append(out, n.distance[at])
	}
	return out
}

// tile is how many queries a piece of work has: their fields stay in the first-level cache, and there are enough pieces
// to share among threads. block is how many references are bounded before the limit is brought up to date.
const (
	tile  = 32
	block = 256
)

// Nearest returns the K nearest references of each query. Both are points of one space.
func (s Search) Nearest(ctx context.Context, queries, references *Points) (*Neighbours, error) {
	found := references.rows
	if s.Self {
		found--
	}
	k := max(0, min(s.K, found))
	out := &Neighbours{k: k, index: make([]int32, queries.rows*k), distance: make([]float64, queries.rows*k)}
	if k == 0 {
		return out, ctx.Err()
	}
	err := s.tiles(ctx, queries, func(from, to int) {
		s.nearest(out, queries, references, from, to)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// tiles calls f for the queries of each tile.
func (s Search) tiles(ctx context.Context, queries *Points, f func(from, to int)) error {
	var mu sync.Mutex
	done := 0
	return parallel.For(ctx, s.Threads, (queries.rows+tile-1)/tile, func(t int) error {
		from, to := t*tile, min((t+1)*tile, queries.rows)
		f(from, to)
		if s.Progress != nil {
			mu.Lock()
			defer mu.Unlock()
			done += to - from
			s.Progress(done, queries.rows)
		}
		return nil
	})
}

// nearest finds the neighbours of queries [from, to). While it runs, distances are sums.
func (s Search) nearest(out *Neighbours, queries, references *Points, from, to int) {
	space, k, scratch := queries.space, out.k, &scratch{}
	for at := from * k; at < to*k; at++ {
		out.distance[at] = math.Inf(1)
	}
	// the first blocks are small: until some distances are known, no reference can be ruled out
	for start, size := 0, 16; start < references.rows; start, size = start+size, min(2*size, block) {
		end := min(start+size, references.rows)
		for i := from; i < to; i++ {
			index, sums := out.index[i*k:(i+1)*k], out.distance[i*k:(i+1)*k]
			for _, j := range scratch.candidates(queries, i, references, start, end, sums[k-1]) {
				if s.Self && int(j) == i {
					continue
				}
				if d := sum(queries, i, references, int(j), sums[k-1]); d < sums[k-1] {
					insert(index, sums, j, d)
				}
			}
		}
	}
	for at := from * k; at < to*k; at++ {
		out.distance[at] = space.distance(out.distance[at])
	}
}

// insert puts a sum after those that are not greater; the last one falls off.
func insert(index []int32, sums []float64, j int32, sum float64) {
	at := len(sums) - 1
	for ; at > 0 && sums[at-1] > sum; at-- {
		sums[at], index[at] = sums[at-1], index[at-1]
	}
	sums[at], index[at] = sum, j
}

// Inside returns, for each query, how many references have it strictly inside their ball: radius has one entry for each
// reference, a distance as Nearest returns it. K and Self do not count.
func (s Search) Inside(ctx context.Context, queries, references *Points, radius []float64) ([]int32, error) {
	// balls of like size are bounded together: a block has one limit, its greatest radius
	order := make([]int, references.rows)
	for j := range order {
		order[j] = j
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case radius[a] > radius[b]:
			return -1
		case radius[a] < radius[b]:
			return 1
		}
		return 0
	})
	references = references.Take(order)
	space, counts := queries.space, make([]int32, queries.rows)
	err := s.tiles(ctx, queries, func(from, to int) {
		scratch := &scratch{}
		for start := 0; start < references.rows; start += block {
			end := min(start+block, references.rows)
			limit := space.limit(radius[order[start]])
			for i := from; i < to; i++ {
				for _, j := range scratch.candidates(queries, i, references, start, end, limit) {
					r := radius[order[j]]
					if space.distance(sum(queries, i, references, int(j), space.limit(r))) < r {
						counts[i]++
					}
				}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return counts, nil
}
