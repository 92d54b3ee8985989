package forest

import (
	"context"
	"math/rand/v2"
)

// tree is one tree; node 0 is its root.
type tree struct {
	nodes     []node
	decreases []decrease
}

// node is laid out for prediction: 16 bytes.
type node struct {
	at     float64 // a value up to it goes left; of a leaf, the share of class 1
	column int32   // of the design; below 0 for a leaf
	left   int32   // the left child; the right one follows it
}

const leafNode int32 = -1

// decrease is what a split took off the Gini impurity: the sum over rows, not their mean.
type decrease struct {
	column int32
	value  float64
}

// share sends a row through the tree.
func (t *tree) share(values []float64) float64 {
	n := &t.nodes[0]
	for n.column >= 0 {
		at := n.left
		if values[n.column] > n.at {
			at++
		}
		n = &t.nodes[at]
	}
	return n.at
}

// grower grows trees, one after the other.
type grower struct {
	config  Config
	columns []column
	labels  []uint32 // by row

	info    []uint32 // by row: how often it was drawn, doubled, plus its label
	rows    []int32  // drawn, those of a node together
	spare   []int32
	deck    []int32 // the columns, in the order in which they were last drawn
	open    []pending
	scratch scratch
}

// pending is a node that may be split.
type pending struct {
	node, depth int
	first, last int // its rows
	total       weight
}

// weight is the drawn rows on one side of a split.
type weight struct {
	all  uint32 // a row counts as often as it was drawn
	ones uint32 // of class 1
	rows uint32 // each once
}

func (w weight) plus(v weight) weight { return weight{w.all + v.all, w.ones + v.ones, w.rows + v.rows} }

func (w weight) minus(v weight) weight {
	return weight{w.all - v.all, w.ones - v.ones, w.rows - v.rows}
}

// gini is the impurity 2p(1-p), times the number of rows.
func (w weight) gini() float64 {
	return 2 * float64(w.ones) * float64(w.all-w.ones) / float64(w.all)
}

func newGrower(columns []column, y []float64, c Config) *grower {
	g := &grower{config: c, columns: columns, labels: make([]uint32, len(y)), info: make([]uint32, len(y))}
	for i, v := range y {
		g.labels[i] = uint32(v)
	}
	g.rows, g.spare = make([]int32, 0, len(y)), make([]int32, len(y))
	g.deck = make([]int32, len(columns))
	g.scratch.keys, g.scratch.other = make([]uint64, len(y)), make([]uint64, len(y))
	return g
}

// grow returns a tree on a bootstrap sample of the rows.
func (g *grower) grow(ctx context.Context, r *rand.Rand) (tree, error) {
	for j := range g.deck {
		g.deck[j] = int32(j)
	}
	total := g.bootstrap(r)
	var t tree
	g.open = append(g.open[:0], pending{last: len(g.rows), total: total})
	t.add(total)
	for len(g.open) > 0 {
		n := g.open[len(g.open)-1]
		g.open = g.open[:len(g.open)-1]
		if n.last-n.first >= largeNode && ctx.Err() != nil {
			return tree{}, ctx.Err()
		}
		if !g.divisible(n) {
			continue
		}
		if best := g.search(n, r); best.found {
			g.divide(&t, n, best)
		}
	}
	return t, nil
}

// largeNode is the number of rows from which a node takes long enough to ask whether the context has ended.
const largeNode = 1000

// bootstrap draws as many rows as there are, with replacement.
func (g *grower) bootstrap(r *rand.Rand) weight {
	copy(g.info, g.labels)
	for range g.info {
		g.info[r.IntN(len(g.info))] += 2
	}
	g.rows = g.rows[:0]
	var total weight
	for i, v := range g.info {
		if v >= 2 {
			g.rows = append(g.rows, int32(i))
			total = total.plus(weightOf(v))
		}
	}
	return total
}

// weightOf is the weight of one row, from its info.
func weightOf(info uint32) weight {
	times := info >> 1
	return weight{all: times, ones: times * (info & 1), rows: 1}
}

// drawn returns the rows of the newest tree.
func (g *grower) drawn() bitset {
	out := newBitset(len(g.info))
	for i, v := range g.info {
		if v >= 2 {
			out.set(int32(i))
		}
	}
	return out
}

// divisible reports whether a split of the node can be allowed at all.
func (g *grower) divisible(n pending) bool {
	pure := n.total.ones == 0 || n.total.ones == n.total.all
	deep := g.config.MaxDepth > 0 && n.depth >= g.config.MaxDepth
	return !pure && !deep && n.last-n.first >= 2*g.config.MinLeaf
}

// add appends a leaf.
func (t *tree) add(w weight) {
	t.nodes = append(t.nodes, node{at: float64(w.ones) / float64(w.all), column: leafNode})
}

// divide turns a leaf into a split.
func (g *grower) divide(t *tree, n pending, s split) {
	c := &g.columns[s.column]
	left, right := s.left, n.total.minus(s.left)
	at := len(t.nodes)
	t.nodes[n.node] = node{at: c.threshold(s.rank, s.next), column: s.column, left: int32(at)}
	t.decreases = append(t.decreases, decrease{s.column, n.total.gini() - left.gini() - right.gini()})
	t.add(left)
	t.add(right)
	middle := g.partition(c, n, s.rank)
	g.open = append(g.open,
		pending{node: at + 1, depth: n.depth + 1, first: middle, last: n.last, total: right},
		pending{node: at, depth: n.depth + 1, first: n.first, last: middle, total: left}) // the next one
}

// partition brings the rows with at most a rank before the others. They keep their order.
func (g *grower) partition(c *column, n pending, rank uint32) (middle int) {
	rows, spare := g.rows[n.first:n.last], g.spare[:n.last-n.first]
	left, right := 0, 0
	for _, row := range rows {
		rows[left], spare[right] = row, row // never ahead of what is read
		goes := 0
		if c.rank(row) <= rank {
			goes = 1
		}
		left += goes
		right += 1 - goes
	}
	copy(rows[left:], spare[:right])
	return n.first + left
}

func (c *column) rank(row int32) uint32 {
	if c.ranks != nil {
		return c.ranks[row]
	}
	return c.bits.at(row)
}
