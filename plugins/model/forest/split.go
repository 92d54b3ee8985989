package forest

import (
	"math/rand/v2"
	"slices"
)

// split is a way to part a node's rows: those with at most a rank from those with a higher one.
type split struct {
	found      bool
	column     int32
	rank, next uint32 // the highest on the left and the lowest on the right
	left       weight
	// num/den is what the split takes off the Gini impurity, but for a factor that all splits of the node share: the squared
	// difference of the sides' shares of class 1, weighted
	num, den float64
}

// scratch is memory for a search.
type scratch struct {
	keys, other []uint64
	counts      []weight // zero between uses
}

// search looks for the best split of a node by columns that are drawn without replacement: as many as the setting says
// and, as long as all of those are constant in the node, further ones. Of equal splits the first wins.
func (g *grower) search(n pending, r *rand.Rand) split {
	var best split
	for i := range g.deck {
		if i >= g.config.MaxFeatures && best.varies() {
			break
		}
		at := i + r.IntN(len(g.deck)-i)
		g.deck[i], g.deck[at] = g.deck[at], g.deck[i]
		g.column(n, g.deck[i], &best)
	}
	return best
}

// varies reports whether a column with two values was looked at, even if MinLeaf allowed no split by it.
func (s *split) varies() bool { return s.den != 0 }

// column tries all splits of a node by one column.
func (g *grower) column(n pending, j int32, best *split) {
	c, rows := &g.columns[j], g.rows[n.first:n.last]
	sweep := sweep{best: best, column: j, total: n.total, leaf: uint32(g.config.MinLeaf)}
	switch {
	case c.ranks == nil:
		var one weight
		for _, row := range rows {
			if c.bits.at(row) == 1 {
				one = one.plus(weightOf(g.info[row]))
			}
		}
		if one.rows > 0 && one.rows < n.total.rows {
			sweep.add(0, n.total.minus(one))
			sweep.add(1, one)
		}
	case len(c.values) <= countedPerRow*len(rows):
		g.counted(c, rows, &sweep)
	default:
		g.sorted(c, rows, &sweep)
	}
}

// countedPerRow is the number of ranks for each row of a node up to which adding the rows up by rank is faster than sorting them.
const countedPerRow = 2

func (g *grower) counted(c *column, rows []int32, s *sweep) {
	w := &g.scratch
	if len(w.counts) < len(c.values) {
		w.counts = make([]weight, len(c.values))
	}
	counts := w.counts[:len(c.values)]
	for _, row := range rows {
		at, info := &counts[c.ranks[row]], g.info[row]
		times := info >> 1
		at.all += times
		at.ones += times * (info & 1)
		at.rows++
	}
	for rank, v := range counts {
		if v.rows > 0 {
			s.add(uint32(rank), v)
		}
	}
	clear(counts)
}

func (g *grower) sorted(c *column, rows []int32, s *sweep) {
	keys := g.scratch.keys[:len(rows)]
	for i, row := range rows {
		keys[i] = uint64(c.ranks[row])<<32 | uint64(g.info[row])
	}
	keys = sortByRank(keys, g.scratch.other[:len(rows)], len(c.values))
	for i := 0; i < len(keys); {
		rank, here := keys[i]>>32, weight{}
		for ; i < len(keys) && keys[i]>>32 == rank; i++ {
			here = here.plus(weightOf(uint32(keys[i])))
		}
		s.add(uint32(rank), here)
	}
}

// radixRows is the number of keys from which sorting by digits is faster than by comparison.
const radixRows = 64

// sortByRank sorts keys by their upper half, a number below ranks, in keys or in other, and returns which.
func sortByRank(keys, other []uint64, ranks int) []uint64 {
	if len(keys) < radixRows {
		slices.Sort(keys)
		return keys
	}
	const digit = 8
	for shift := 32; (ranks-1)>>(shift-32) > 0; shift += digit {
		var at [1 << digit]uint32
		for _, k := range keys {
			at[uint8(k>>shift)]++
		}
		sum := uint32(0)
		for d, n := range at {
			at[d] = sum
			sum += n
		}
		for _, k := range keys {
			d := uint8(k >> shift)
			other[at[d]] = k
			at[d]++
		}
		keys, other = other, keys
	}
	return keys
}

// sweep goes through the ranks of a node, ascending, and tries the split before each.
type sweep struct {
	best   *split
	column int32
	total  weight
	leaf   uint32 // least number of rows on a side

	left weight
	last uint32 // rank
}

// add adds the rows of the next rank.
func (s *sweep) add(rank uint32, here weight) {
	if s.left.rows > 0 {
		s.try(rank)
	}
	s.left, s.last = s.left.plus(here), rank
}

// try takes the split before a rank if it is better than the best so far.
//
// With a rows on the left, b on the right and x of the a+b and u of the a of class 1, the impurity falls by
// 2 (u(a+b) - ax)² / (ab(a+b)).
func (s *sweep) try(rank uint32) {
	a, n := float64(s.left.all), float64(s.total.all)
	d := float64(s.left.ones)*n - a*float64(s.total.ones)
	num, den := d*d, a*(n-a)
	b := s.best
	if b.den == 0 {
		b.den = 1 // something varies
	}
	if s.left.rows < s.leaf || s.total.rows-s.left.rows < s.leaf {
		return
	}
	if !b.found || num*b.den > b.num*den {
		*b = split{found: true, column: s.column, rank: s.last, next: rank, left: s.left, num: num, den: den}
	}
}
