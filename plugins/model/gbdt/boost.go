package gbdt

import (
	"context"
	"fmt"
	"math"
	"unsafe"

	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// Bytes is the memory that Fit and Predict take above their inputs, for a matrix of that many numbers: the codes of the
// columns, twice, what is kept of each row, and histograms.
func Bytes(rows, columns int) int64 {
	return int64(rows)*(2*int64(columns)+128) + keptBytes + 32<<20
}

// Fit grows the model of y, zeros and ones, on the rows of x.
//
// It is an error when a setting is out of range, x and y differ in length, y holds something else than 0 and 1 or one
// class only, x has no column, rows or columns are to be drawn without a source, or the validation rows are not of x's
// encoding. When the context ends, its error is returned.
func Fit(ctx context.Context, x *Matrix, y []float64, c Config) (*Model, error) {
	if err := check(x, y, c); err != nil {
		return nil, err
	}
	c.Threads = max(c.Threads, 1)
	columns, err := bin(ctx, x, c.MaxBin, c.Threads)
	if err != nil {
		return nil, err
	}
	b := newBooster(x, columns, y, c)
	for round := range c.Rounds {
		if err := b.round(ctx, round); err != nil {
			return nil, err
		}
		if b.watch != nil && b.watch.stop(b.model) {
			break
		}
	}
	b.model.lastRound = len(b.model.trees)
	if b.watch != nil {
		b.model.trees = b.model.trees[:b.watch.best:b.watch.best]
	}
	return b.model, nil
}

func check(x *Matrix, y []float64, c Config) error {
	if err := c.Check(); err != nil {
		return err
	}
	switch {
	case len(x.encoding.features) == 0:
		return fmt.Errorf("boosted trees: there is no column to split by")
	case (c.Subsample < 1 || c.Colsample < 1) && c.Rand == nil:
		return fmt.Errorf("boosted trees: subsample is %v and colsample_bytree %v without a random source", c.Subsample, c.Colsample)
	}
	if err := checkLabels("", x, y); err != nil {
		return err
	}
	if ones := count(y); ones == 0 || ones == len(y) {
		return fmt.Errorf("boosted trees: the labels are of one class; two are needed")
	}
	v := c.Validation
	switch {
	case v == nil:
		return nil
	case v.X.encoding != x.encoding:
		return fmt.Errorf("boosted trees: the validation rows have another encoding than the training rows")
	case v.X.rows == 0:
		return fmt.Errorf("boosted trees: there are no validation rows")
	case v.Patience < 1:
		return fmt.Errorf("boosted trees: patience is %d rounds; want at least 1", v.Patience)
	}
	return checkLabels("validation ", v.X, v.Y)
}

func checkLabels(which string, x *Matrix, y []float64) error {
	if len(y) != x.rows {
		return fmt.Errorf("boosted trees: %d %slabels for %d rows", len(y), which, x.rows)
	}
	for i, v := range y {
		if v != 0 && v != 1 {
			return fmt.Errorf("boosted trees: the %slabel of row %d is neither 0 nor 1", which, i+1)
		}
	}
	return nil
}

func count(y []float64) int {
	ones := 0
	for _, v := range y {
		ones += int(v)
	}
	return ones
}

// booster adds one tree after the other.
type booster struct {
	config  Config
	model   *Model
	columns []*binned
	y       []float64
	margin  []float64 // of the training rows, so far
	grower  *grower
	rows    []int32 // drawn for the tree; nil: all
	isDrawn []bool  // by row, when rows are drawn
	watch   *watch  // nil: no validation
}

func newBooster(x *Matrix, columns []*binned, y []float64, c Config) *booster {
	base := c.BaseScore
	if base == 0 {
		ones := c.ScalePosWeight * float64(count(y))
		base = ones / (ones + float64(len(y)-count(y)))
	}
	b := &booster{
		config: c, columns: columns, y: y, margin: make([]float64, len(y)),
		model: &Model{Base: math.Log(base) - math.Log1p(-base), encoding: x.encoding},
	}
	for i := range b.margin {
		b.margin[i] = b.model.Base
	}
	b.grower = newGrower(len(y), c)
	if c.Subsample < 1 {
		b.isDrawn = make([]bool, len(y))
	}
	if c.Validation != nil {
		b.watch = newWatch(c.Validation, b.model.Base)
	}
	return b
}

// exactBits is how many bits a float64 holds: sums below 2^exactBits units are exact.
const exactBits = 53

func newGrower(rows int, c Config) *grower {
	_, bits := math.Frexp(float64(rows) * max(1, c.ScalePosWeight)) // |g| and h of a row are at most its weight
	scale := math.Ldexp(1, exactBits-1-bits)
	g := &grower{config: c, scale: scale, fewRows: fewRows, keptBytes: keptBytes}
	g.penalty = penalty{
		lambda: c.Lambda * scale,
		alpha:  c.Alpha * scale,
		least:  int64(max(1, math.Ceil(min(c.MinChildWeight*scale, 1<<60)))),
		unit:   1 / scale,
	}
	g.scratch = make(chan *scratch, c.Threads)
	for range c.Threads {
		g.scratch <- new(scratch)
	}
	return g
}

// round adds a tree.
func (b *booster) round(ctx context.Context, round int) error {
	b.draw()
	if round == 0 || b.config.Subsample < 1 || b.config.Colsample < 1 {
		if err := b.pack(ctx); err != nil {
			return err
		}
	}
	if err := b.derive(ctx); err != nil {
		return err
	}
	t, err := b.grower.grow(ctx)
	if err != nil {
		return err
	}
	b.model.trees = append(b.model.trees, t.tree)
	for _, l := range t.leaves {
		for _, k := range b.grower.order[l.first:l.last] {
			b.margin[b.row(k)] += l.value
		}
	}
	if b.rows == nil {
		return nil
	}
	return b.blocks(ctx, len(b.y), func(first, last int) {
		for i := first; i < last; i++ {
			if !b.isDrawn[i] {
				b.margin[i] += t.leafOf(i)
			}
		}
	})
}

// row is the training row of a drawn one.
func (b *booster) row(k int32) int32 {
	if b.rows == nil {
		return k
	}
	return b.rows[k]
}

// draw chooses the rows, each for itself, and the columns of a tree.
func (b *booster) draw() {
	if b.config.Subsample < 1 {
		b.rows = b.rows[:0]
		for i := range b.y {
			if b.isDrawn[i] = b.config.Rand.Float64() < b.config.Subsample; b.isDrawn[i] {
				b.rows = append(b.rows, int32(i))
			}
		}
	}
	if b.config.Colsample < 1 {
		all := len(b.model.encoding.features)
		b.grower.drawn = make([]bool, all)
		for _, j := range b.config.Rand.Perm(all)[:max(1, int(b.config.Colsample*float64(all)))] {
			b.grower.drawn[j] = true
		}
	}
}

// pack packs the codes of the drawn columns and rows into groups.
func (b *booster) pack(ctx context.Context) error {
	var use []*binned
	for _, c := range b.columns {
		if b.grower.drawn == nil || anyDrawn(b.grower.drawn, c) {
			use = append(use, c)
		}
	}
	n := len(b.y)
	if b.config.Subsample < 1 {
		n = len(b.rows)
	}
	g := b.grower
	g.regroup(use, n)
	return parallel.For(ctx, b.config.Threads, len(g.groups), func(i int) error {
		x := &g.groups[i]
		x.codes = resized(x.codes, n)
		clear(x.codes)
		for c, column := range x.columns {
			if column == nil {
				break
			}
			for k := range x.codes {
				x.codes[k] |= uint32(column.codes[b.row(int32(k))]) << (8 * c)
			}
		}
		return nil
	})
}

func anyDrawn(drawn []bool, b *binned) bool {
	for j := range max(1, b.levels) {
		if drawn[b.feature+j] {
			return true
		}
	}
	return false
}

// regroup forms groups of the columns for n rows.
func (g *grower) regroup(use []*binned, n int) {
	groups := (len(use) + groupWidth - 1) / groupWidth
	g.groups = resized(g.groups, groups)
	for i := range g.groups {
		g.groups[i].columns = [groupWidth]*binned{}
		copy(g.groups[i].columns[:], use[i*groupWidth:])
	}
	g.order, g.of = resized(g.order, n), resized(g.of, n)
	g.other.order, g.other.of = resized(g.other.order, n), resized(g.other.of, n)
	slots := g.keptBytes / (groups * int(unsafe.Sizeof(quad{})))
	g.slots = g.slots[:0]
	for s := range slots {
		g.slots = append(g.slots, slots-1-s) // the first is used first
	}
}

// resized returns a slice of length n, in the memory of s when that is large enough.
func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		grown := make([]T, n)
		copy(grown, s[:cap(s)])
		return grown
	}
	return s[:n]
}

// blockRows is the number of rows that one piece of work has.
const blockRows = 2048

// blocks calls f for blocks of n rows.
func (b *booster) blocks(ctx context.Context, n int, f func(first, last int)) error {
	return parallel.For(ctx, b.config.Threads, (n+blockRows-1)/blockRows, func(i int) error {
		f(i*blockRows, min(n, (i+1)*blockRows))
		return nil
	})
}

// derive sets the order of the rows and the derivatives of their loss: g = w(p - y), h = w p(1 - p).
func (b *booster) derive(ctx context.Context) error {
	g := b.grower
	return b.blocks(ctx, len(g.order), func(first, last int) {
		for k := first; k < last; k++ {
			i := b.row(int32(k))
			y, w := b.y[i], g.scale
			if y == 1 {
				w *= b.config.ScalePosWeight
			}
			p := sigmoid(b.margin[i])
			g.order[k] = int32(k)
			g.of[k] = sums{
				g: int64(math.RoundToEven(w * (p - y))),
				h: max(1, int64(math.RoundToEven(w*p*(1-p)))), // above 0: a row is seen in its bin
			}
		}
	})
}

func sigmoid(z float64) float64 {
	if z >= 0 {
		return 1 / (1 + math.Exp(-z))
	}
	e := math.Exp(z) // the other form would overflow
	return e / (1 + e)
}

// watch follows the loss on validation rows.
type watch struct {
	*Validation
	margin []float64
	best   int // trees with the lowest loss
	lowest float64
}

func newWatch(v *Validation, base float64) *watch {
	w := &watch{Validation: v, margin: make([]float64, v.X.rows), lowest: math.Inf(1)}
	for i := range w.margin {
		w.margin[i] = base
	}
	return w
}

// stop adds the newest tree and reports whether the loss has not fallen for long enough.
func (w *watch) stop(m *Model) bool {
	t, loss := &m.trees[len(m.trees)-1], 0.0
	for i, y := range w.Y {
		w.margin[i] += t.value(w.X, i)
		z := w.margin[i]
		loss += math.Log1p(math.Exp(-math.Abs(z))) + max(0, z) - y*z
	}
	if loss < w.lowest {
		w.lowest, w.best = loss, len(m.trees)
	}
	return len(m.trees)-w.best >= w.Patience
}
