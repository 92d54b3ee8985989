package gbdt

import (
	"context"
	"math"

	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// fewRows is the size of a node below which its histograms are made from its rows alone, not kept and not subtracted:
// most of 256 bins would be empty.
const fewRows = 300

// keptBytes bounds the histograms that are kept for subtraction. A node without is made from its rows.
const keptBytes = 64 << 20

// group is up to groupWidth columns whose codes are packed into one word a row.
type group struct {
	columns [groupWidth]*binned // nil after the last one
	codes   []uint32
	kept    []*quad // by slot
}

// grower grows trees on the same rows and columns, one after the other.
type grower struct {
	penalty
	config Config
	scale  float64
	drawn  []bool // by feature; nil: all

	fewRows   int // see the constants of these names; a test varies them, and the trees stay the same
	keptBytes int

	groups []group
	order  []int32 // rows, those of a node together
	of     []sums  // the derivatives of order's rows
	other  struct {
		order []int32
		of    []sums
	}
	slots   []int // free
	scratch chan *scratch
}

// scratch is what one thread needs to search the splits of a group.
type scratch struct {
	dense  quad // to be cleared before use
	sparse quad // clear between uses
	seen   occupied
	codes  [mostBins]uint8
}

// growing is a node of the tree that is being grown.
type growing struct {
	at          int // in the tree
	first, last int // its rows in order
	total       sums
	open        bool // may be split
	slot        int  // of its histograms; -1 when they are not kept
	best        candidate
}

func (n *growing) rows() int { return n.last - n.first }

// family is the root, or two siblings.
type family struct {
	members []*growing // the one with fewer rows first
	from    int        // slot of the parent's histograms; -1 when they were not kept
}

// leaf is a finished node.
type leaf struct {
	first, last int // its rows in order
	value       float64
}

// grown is a tree with what is needed to send rows through it by their codes.
type grown struct {
	tree
	splits []candidate // of the nodes
	leaves []leaf
}

// grow returns a tree for the derivatives in g.of of the rows in g.order.
func (g *grower) grow(ctx context.Context) (*grown, error) {
	root := &growing{last: len(g.order), slot: -1}
	for _, s := range g.of {
		root.total = root.total.plus(s)
	}
	g.consider(root, 0)
	t := &grown{}
	t.add(g, root)
	level := []family{{members: []*growing{root}, from: -1}}
	for depth := 1; len(level) > 0; depth++ {
		g.assign(level)
		if err := g.search(ctx, level); err != nil {
			return nil, err
		}
		split := g.decide(t, level)
		if err := g.partition(ctx, split); err != nil {
			return nil, err
		}
		level = g.children(t, split, depth)
	}
	return t, nil
}

// add appends a node, as a leaf.
func (t *grown) add(g *grower, n *growing) {
	n.at = len(t.nodes)
	value := g.config.Eta * g.weight(n.total)
	t.nodes = append(t.nodes, node{at: value, column: leafNode})
	t.stats = append(t.stats, stat{feature: -1, cover: float64(n.total.h) * g.unit})
	t.splits = append(t.splits, candidate{})
}

// consider decides whether a split of the node can be allowed at all.
func (g *grower) consider(n *growing, depth int) {
	n.open = depth < g.config.MaxDepth && n.rows() > 1 && n.total.h >= 2*g.least
}

// assign gives slots to the nodes whose histograms are worth keeping. The larger child takes over its parent's.
func (g *grower) assign(level []family) {
	for i := range level {
		f := &level[i]
		for _, n := range f.members {
			if !n.open || n.rows() < g.fewRows {
				continue
			}
			switch last := len(g.slots) - 1; {
			case f.from >= 0 && n == f.members[len(f.members)-1]:
				n.slot = f.from
			case last >= 0:
				n.slot = g.slots[last]
				g.slots = g.slots[:last]
			}
		}
		if larger := f.members[len(f.members)-1]; f.from >= 0 && larger.slot != f.from {
			g.release(f.from)
			f.from = -1
		}
	}
}

func (g *grower) release(slot int) {
	if slot >= 0 {
		g.slots = append(g.slots, slot)
	}
}

// search finds the best split of each open node of a level. Each group of columns is one piece of work; the best of
// each are compared in order.
func (g *grower) search(ctx context.Context, level []family) error {
	var nodes []*growing
	for _, f := range level {
		nodes = append(nodes, f.members...)
	}
	found := make([]search, len(g.groups)*len(nodes))
	err := parallel.For(ctx, g.config.Threads, len(g.groups), func(i int) error {
		w := <-g.scratch
		defer func() { g.scratch <- w }()
		out := found[i*len(nodes) : (i+1)*len(nodes)]
		for _, f := range level {
			g.family(&g.groups[i], w, f, out)
			out = out[len(f.members):]
		}
		return nil
	})
	if err != nil {
		return err
	}
	for j, n := range nodes {
		for i := range g.groups {
			if c := found[i*len(nodes)+j].best; c.gain > n.best.gain {
				n.best = c
			}
		}
	}
	return nil
}

// family searches one group of columns for the members of a family. The smaller one is summed up from its rows; where
// the parent's histograms were kept, the larger one is what is left of them.
func (g *grower) family(x *group, w *scratch, f family, out []search) {
	subtracts := f.from >= 0 // then the larger one is open, and the smaller one is needed for it
	larger := f.members[len(f.members)-1]
	for i, n := range f.members {
		if n.open {
			out[i] = newSearch(&g.penalty, n.total)
		}
		switch {
		case subtracts && n == larger:
			g.many(x, w, x.kept[f.from], &out[i])
			continue
		case !n.open && !subtracts:
			continue
		case n.rows() < g.fewRows && !subtracts:
			g.few(x, w, n, &out[i])
			continue
		}
		h := &w.dense
		if n.slot >= 0 {
			h = x.keep(n.slot)
		}
		x.clear(h)
		h.add(x.codes, g.order[n.first:n.last], g.of[n.first:n.last])
		if subtracts {
			x.subtract(x.kept[f.from], h)
		}
		if n.open {
			g.many(x, w, h, &out[i])
		}
	}
}

// few searches a group of columns for a node with few rows.
func (g *grower) few(x *group, w *scratch, n *growing, s *search) {
	w.sparse.addFew(&w.seen, x.codes, g.order[n.first:n.last], g.of[n.first:n.last])
	for c := range w.sparse {
		codes := w.seen.codes(c, w.codes[:0])
		if b := x.columns[c]; b != nil {
			g.column(s, b, &w.sparse[c], codes)
		}
		for _, code := range codes {
			w.sparse[c][code] = sums{}
		}
	}
	w.seen = occupied{}
}

// many searches a group of columns for a node whose histograms are made.
func (g *grower) many(x *group, w *scratch, h *quad, s *search) {
	for c, b := range x.columns {
		if b != nil {
			g.column(s, b, &h[c], h[c].codes(b.total(), w.codes[:0]))
		}
	}
}

func (g *grower) column(s *search, b *binned, h *histogram, codes []uint8) {
	if b.levels > 0 {
		s.levels(b, h, codes, g.drawn)
	} else {
		s.number(b, h, codes)
	}
}

// keep returns the histograms of a slot.
func (x *group) keep(slot int) *quad {
	for len(x.kept) <= slot {
		x.kept = append(x.kept, nil)
	}
	if x.kept[slot] == nil {
		x.kept[slot] = new(quad)
	}
	return x.kept[slot]
}

func (x *group) clear(h *quad) {
	for c, b := range x.columns {
		if b != nil {
			h[c].clear(b.total())
		}
	}
}

func (x *group) subtract(from, other *quad) {
	for c, b := range x.columns {
		if b != nil {
			from[c].subtract(&other[c], b.total())
		}
	}
}

// decision is a node that is split.
type decision struct {
	*growing
	middle int // of its rows, the first on the right
}

// leastGain is what XGBoost asks of a split in any case.
const leastGain = 1e-6

// decide makes leaves of the nodes without a good split, and returns the others.
func (g *grower) decide(t *grown, level []family) []decision {
	var split []decision
	for _, f := range level {
		for _, n := range f.members {
			if c := &n.best; c.gain > leastGain && float64(c.gain) >= g.config.Gamma {
				split = append(split, decision{growing: n})
				continue
			}
			g.release(n.slot)
			t.leaves = append(t.leaves, leaf{n.first, n.last, t.nodes[n.at].at})
		}
	}
	return split
}

// partition brings the rows of each node's left child before those of the right one. They keep their order.
func (g *grower) partition(ctx context.Context, split []decision) error {
	return parallel.For(ctx, g.config.Threads, len(split), func(i int) error {
		n := &split[i]
		x, shift := g.find(n.best.binned)
		table := n.best.goesLeft()
		order, of := g.order[n.first:n.last], g.of[n.first:n.last]
		otherOrder, otherOf := g.other.order[n.first:n.last], g.other.of[n.first:n.last]
		left, right := 0, 0
		for k, r := range order {
			s, goes := of[k], int(table[uint8(x.codes[r]>>shift)])
			order[left], of[left] = r, s // never ahead of k
			otherOrder[right], otherOf[right] = r, s
			left += goes
			right += 1 - goes
		}
		copy(order[left:], otherOrder[:right])
		copy(of[left:], otherOf[:right])
		n.middle = n.first + left
		return nil
	})
}

// find returns where the codes of a column are.
func (g *grower) find(b *binned) (x *group, shift uint) {
	for i := range g.groups {
		for c, column := range g.groups[i].columns {
			if column == b {
				return &g.groups[i], uint(8 * c)
			}
		}
	}
	panic("the column of a split is in no group")
}

// children writes the splits into the tree and returns the next level.
func (g *grower) children(t *grown, split []decision, depth int) []family {
	var next []family
	for _, n := range split {
		c := n.best
		left := &growing{first: n.first, last: n.middle, total: c.left, slot: -1}
		right := &growing{first: n.middle, last: n.last, total: n.total.minus(c.left), slot: -1}
		t.split(n.at, len(t.nodes), c)
		for _, child := range []*growing{left, right} {
			g.consider(child, depth)
			t.add(g, child)
		}
		f := family{members: []*growing{left, right}, from: n.slot}
		if right.rows() < left.rows() {
			f.members[0], f.members[1] = right, left
		}
		if left.open || right.open {
			next = append(next, f)
			continue
		}
		g.release(n.slot)
		for _, child := range []*growing{left, right} {
			t.leaves = append(t.leaves, leaf{child.first, child.last, t.nodes[child.at].at})
		}
	}
	return next
}

// split turns a leaf into a split whose left child will be the node left.
func (t *grown) split(at, left int, c candidate) {
	b := c.binned
	flags := int32(0)
	if c.missingLeft {
		flags |= missingLeft
	}
	n := node{left: int32(left)}
	switch {
	case b.levels > 0 && c.bin < 0:
		flags |= byLevel
		n.at = -1 // no level: what is not missing goes left
	case b.levels > 0:
		flags |= byLevel
		n.at = float64(b.level + c.bin)
	case c.bin < 0:
		n.at = math.Inf(-1)
	default:
		n.at = b.cuts[c.bin]
	}
	n.column = int32(b.column)<<flagBits | flags
	t.nodes[at] = n
	t.stats[at].feature, t.stats[at].gain = int32(c.feature), float64(c.gain)
	t.splits[at] = c
}

// leafOf returns the value of the leaf that a row of binned columns falls into.
func (t *grown) leafOf(row int) float64 {
	at := int32(0)
	for {
		n := &t.nodes[at]
		if n.column < 0 {
			return n.at
		}
		c := &t.splits[at]
		code := int(c.binned.codes[row])
		left := code <= c.bin
		switch {
		case code == c.binned.values:
			left = c.missingLeft
		case c.binned.levels > 0:
			left = code != c.bin
		}
		at = n.left
		if !left {
			at++
		}
	}
}
