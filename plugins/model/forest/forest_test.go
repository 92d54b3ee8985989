package forest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// drawn draws columns of each kind (of many values, of few, of two) and labels that depend on some.
func drawn(rng *rand.Rand, rows, columns int) (*encode.Design, []float64) {
	x, y := &encode.Design{Rows: rows, Columns: make([]encode.Column, columns)}, make([]float64, rows)
	z := make([]float64, rows)
	for j := range x.Columns {
		v, ones := make([]float64, rows), []int32{}
		for i := range v {
			switch v[i] = rng.NormFloat64(); j % 4 {
			case 1:
				v[i] = math.Round(2 * v[i])
			case 2:
				if v[i] = math.Round(rng.Float64()); v[i] == 1 {
					ones = append(ones, int32(i))
				}
			}
			z[i] += v[i] * float64(j%3)
		}
		if x.Columns[j].Dense = v; j%4 == 2 {
			x.Columns[j] = encode.Column{Ones: ones}
		}
	}
	for i := range y {
		if z[i]+rng.NormFloat64() > 1 {
			y[i] = 1
		}
	}
	y[0], y[1] = 0, 1
	return x, y
}

// dense spells the columns of zeros and ones out.
func dense(x *encode.Design) *encode.Design {
	out := &encode.Design{Rows: x.Rows}
	for _, c := range x.Columns {
		v := c.Dense
		if v == nil {
			v = make([]float64, x.Rows)
			c.AddTo(v, 1)
		}
		out.Columns = append(out.Columns, encode.Column{Dense: v})
	}
	return out
}

// All ways to add up the rows of a node find the split that takes most off the impurity, by trying each.
func TestBestSplitOfANode(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	ways := map[string]int{}
	for range 400 {
		rows := 4 + rng.IntN(200)
		x, y := drawn(rng, rows, 1+rng.IntN(8))
		c := Defaults()
		c.MinLeaf = 1 + rng.IntN(2)*rng.IntN(4)
		columns, err := rank(t.Context(), x, 1)
		if err != nil {
			t.Fatal(err)
		}
		c.MaxFeatures = len(columns)
		g := newGrower(columns, y, c)
		for j := range g.deck {
			g.deck[j] = int32(j)
		}
		g.bootstrap(rng)
		n := pending{last: 1 + rng.IntN(len(g.rows))} // a node that is a part of the rows
		for _, row := range g.rows[:n.last] {
			n.total = n.total.plus(weightOf(g.info[row]))
		}
		for j := range columns {
			switch values := len(columns[j].values); {
			case columns[j].ranks == nil:
				ways["bits"]++
			case values <= countedPerRow*n.last:
				ways["counted"]++
			case n.last < radixRows:
				ways["compared"]++
			default:
				ways["digits"]++
			}
		}
		got, want := g.search(n, rng), bestFall(g, n, dense(x))
		switch {
		case got.found != (want >= 0):
			t.Fatalf("found a split: %v; the best one takes off %v", got.found, want)
		case !got.found:
			continue
		}
		if fall := n.total.gini() - got.left.gini() - n.total.minus(got.left).gini(); math.Abs(fall-want) > 1e-9 {
			t.Fatalf("the split takes off %v, the best one %v", fall, want)
		}
		if got.left.rows < uint32(c.MinLeaf) || n.total.rows-got.left.rows < uint32(c.MinLeaf) {
			t.Fatalf("%d and %d rows, asked for at least %d", got.left.rows, n.total.rows-got.left.rows, c.MinLeaf)
		}
	}
	for _, way := range []string{"bits", "counted", "compared", "digits"} {
		if ways[way] == 0 {
			t.Errorf("no column was added up by %s", way)
		}
	}
}

// bestFall is what the best split takes off the impurity; -1 when there is none.
func bestFall(g *grower, n pending, x *encode.Design) float64 {
	best := -1.0
	for _, c := range x.Columns {
		for _, at := range c.Dense {
			var left weight
			for _, row := range g.rows[n.first:n.last] {
				if c.Dense[row] <= at {
					left = left.plus(weightOf(g.info[row]))
				}
			}
			right := n.total.minus(left)
			if int(min(left.rows, right.rows)) >= g.config.MinLeaf {
				best = max(best, n.total.gini()-left.gini()-right.gini())
			}
		}
	}
	return best
}

func TestSortByRank(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		ranks := 1 + rng.IntN(1<<rng.IntN(25))
		keys := make([]uint64, rng.IntN(500))
		for i := range keys {
			keys[i] = uint64(rng.IntN(ranks))<<32 | uint64(rng.Uint32())
		}
		want := slices.Clone(keys)
		slices.Sort(want)
		got := slices.Clone(sortByRank(keys, make([]uint64, len(keys)), ranks))
		if !slices.IsSortedFunc(got, func(a, b uint64) int { return int(a>>32) - int(b>>32) }) {
			t.Fatalf("%d keys of %d ranks are not sorted", len(keys), ranks)
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Fatalf("%d keys of %d ranks: others came out", len(keys), ranks)
		}
	}
}

func TestThresholds(t *testing.T) {
	tiny, huge := math.SmallestNonzeroFloat64, math.MaxFloat64
	for _, c := range []struct{ low, high, want float64 }{
		{1, 2, 1.5},
		{-huge, huge, 0},
		{huge / 2, huge, huge / 4 * 3},
		{1, math.Nextafter(1, 2), 1},
		{0, tiny, 0},
		{-tiny, 0, -tiny},
		{-tiny, tiny, 0},
		{3 * tiny, 4 * tiny, 3 * tiny},
	} {
		column := column{values: []float64{c.low, c.high}}
		if got := column.threshold(0, 1); got != c.want || !(c.low <= got && got < c.high) {
			t.Errorf("between %v and %v: %v, want %v", c.low, c.high, got, c.want)
		}
	}
}

// A leaf of a tree without bounds is pure, so the drawn rows are predicted without a fault; and what training knows of a
// tree's leaves is what prediction finds.
func TestTreesLearnTheirRowsByHeart(t *testing.T) {
	x, y := drawn(rand.New(rand.NewPCG(5, 6)), 300, 9)
	c := Defaults()
	c.Trees, c.Rand = 1, sources(1)
	columns, err := rank(t.Context(), x, 1)
	if err != nil {
		t.Fatal(err)
	}
	c.MaxFeatures = 3
	g := newGrower(columns, y, c)
	if _, err := g.grow(t.Context(), c.Rand(0)); err != nil {
		t.Fatal(err)
	}
	in := g.drawn()
	_, p := fitted(t, x, y, c, x)
	others := 0
	for i := range y {
		switch {
		case in.at(int32(i)) == 1 && p[i] != y[i]:
			t.Errorf("row %d was drawn and is predicted as %v", i, p[i])
		case in.at(int32(i)) == 0:
			others++
		}
	}
	if share := float64(others) / float64(len(y)); math.Abs(share-1/math.E) > 0.1 {
		t.Errorf("a share of %v of the rows was not drawn, want about %v", share, 1/math.E)
	}
}

func TestOneForestWhateverTheThreads(t *testing.T) {
	x, y := drawn(rand.New(rand.NewPCG(7, 8)), 700, 12)
	c := Defaults()
	c.Trees, c.Rand, c.OutOfBag = 20, sources(2), true
	want, p := fitted(t, x, y, c, x)
	c.Threads = 3
	got, q := fitted(t, x, y, c, x)
	if !reflect.DeepEqual(got, want) || !slices.Equal(p, q) {
		t.Error("another forest with three threads")
	}
	c.Trees = 7
	if first, _ := fitted(t, x, y, c, x); !reflect.DeepEqual(first.trees, want.trees[:7]) {
		t.Error("the first trees of a larger forest are others")
	}
	c.Rand = sources(3)
	if other, _ := fitted(t, x, y, c, x); reflect.DeepEqual(other.trees, want.trees[:7]) {
		t.Error("another source gives the same forest")
	}
}

// A column of zeros and ones is the same one however it is written.
func TestSparseEqualsDense(t *testing.T) {
	x, y := drawn(rand.New(rand.NewPCG(9, 10)), 500, 10)
	c := Defaults()
	c.Trees, c.Rand = 10, sources(4)
	a, p := fitted(t, x, y, c, x)
	b, q := fitted(t, dense(x), y, c, dense(x))
	if !reflect.DeepEqual(a.trees, b.trees) || !slices.Equal(p, q) {
		t.Error("columns that list their ones give another forest than dense ones")
	}
}

// Only the order of a column's values matters: a monotone function of them changes no tree but for its thresholds.
func TestOnlyTheOrderOfValuesMatters(t *testing.T) {
	x, y := drawn(rand.New(rand.NewPCG(11, 12)), 400, 8)
	curved := dense(x)
	for j := range curved.Columns {
		v := slices.Clone(curved.Columns[j].Dense)
		for i := range v {
			v[i] = 1e6 * math.Exp(v[i]/10)
		}
		curved.Columns[j].Dense = v
	}
	c := Defaults()
	c.Trees, c.Rand = 10, sources(5)
	a, _ := fitted(t, x, y, c, x)
	b, _ := fitted(t, curved, y, c, curved)
	for i := range a.trees {
		if !reflect.DeepEqual(a.trees[i].decreases, b.trees[i].decreases) {
			t.Fatalf("tree %d has other splits", i)
		}
	}
}

func TestOutOfBagIsTheMeanOverTreesThatDidNotDrawTheRow(t *testing.T) {
	x, y := drawn(rand.New(rand.NewPCG(13, 14)), 60, 6)
	c := Defaults()
	c.Trees, c.OutOfBag, c.Rand = 5, true, sources(6)
	m, _ := fitted(t, x, y, c, x)
	sum, n := make([]float64, len(y)), make([]int, len(y))
	never := 0
	for tree := range c.Trees {
		r := c.Rand(tree)
		in := make([]bool, len(y))
		for range y {
			in[r.IntN(len(y))] = true
		}
		one := &Model{trees: m.trees[tree : tree+1], columns: m.columns}
		p, err := one.Predict(t.Context(), x, 1)
		if err != nil {
			t.Fatal(err)
		}
		for i := range y {
			if !in[i] {
				sum[i], n[i] = sum[i]+p[i], n[i]+1
			}
		}
	}
	got := m.OutOfBag()
	for i := range y {
		if n[i] == 0 {
			never++
		}
		if got.Trees[i] != n[i] || got.Probability[i] != sum[i]/float64(max(1, n[i])) {
			t.Errorf("row %d: %v by %d trees, want %v by %d", i, got.Probability[i], got.Trees[i], sum[i]/float64(max(1, n[i])), n[i])
		}
	}
	if never == 0 {
		t.Error("every row was out of some bag: choose another source")
	}
}

func TestImportances(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	x, y := drawn(rng, 500, 4)
	for i := range y {
		y[i] = 0
		if x.Columns[1].Dense[i] > 0 {
			y[i] = 1
		}
	}
	x.Columns = append(x.Columns, encode.Column{Dense: make([]float64, 500)})
	c := Defaults()
	c.Trees, c.MaxFeatures, c.Rand = 30, 5, sources(7)
	m, _ := fitted(t, x, y, c, x)
	if got := m.Importances(); !slices.Equal(got, []float64{0, 1, 0, 0, 0}) {
		t.Errorf("one column decides, and the importances are %v", got)
	}
	c.MaxFeatures = 1
	m, _ = fitted(t, x, y, c, x)
	sum := 0.0
	for _, v := range m.Importances() {
		sum += v
	}
	if math.Abs(sum-1) > 1e-12 || m.Importances()[4] != 0 {
		t.Errorf("importances %v with sum %v; the last column is constant", m.Importances(), sum)
	}
}

// Values that arithmetic could spoil, and columns that part nothing.
func TestDegenerateColumns(t *testing.T) {
	huge, tiny := math.MaxFloat64, math.SmallestNonzeroFloat64
	x := &encode.Design{Rows: 4, Columns: []encode.Column{
		{Dense: []float64{-huge, huge, tiny, 0}}, {Dense: make([]float64, 4)}, {Ones: []int32{}}, {Ones: []int32{0, 1, 2, 3}},
	}}
	c := Defaults()
	c.Rand = sources(8)
	_, p := fitted(t, x, []float64{0, 1, 1, 0}, c, x)
	for i, v := range p {
		if !(v >= 0 && v <= 1) || (v > 0.5) != (i == 1 || i == 2) {
			t.Errorf("row %d has probability %v", i, v)
		}
	}
	x.Columns = x.Columns[1:]
	m, p := fitted(t, x, []float64{0, 1, 1, 0}, c, x)
	for i, v := range p {
		if v != p[0] || math.Abs(v-0.5) > 0.1 {
			t.Errorf("nothing to split by, and row %d has probability %v", i, v)
		}
	}
	if got := m.Importances(); !slices.Equal(got, []float64{0, 0, 0}) {
		t.Errorf("nothing to split by, and importances %v", got)
	}
}

func TestErrors(t *testing.T) {
	x, y := &encode.Design{Rows: 3, Columns: []encode.Column{{Dense: []float64{1, 2, 3}}}}, []float64{0, 1, 0}
	for _, c := range []struct {
		x      *encode.Design
		y      []float64
		change func(*Config)
		want   string
	}{
		{x, y[:2], nil, "2 labels for 3 rows"},
		{x, []float64{0, 1, 2}, nil, "label of row 3 is neither 0 nor 1"},
		{x, []float64{0, 1, math.NaN()}, nil, "label of row 3 is neither 0 nor 1"},
		{x, []float64{1, 1, 1}, nil, "of one class"},
		{&encode.Design{}, nil, nil, "no column to split by"},
		{&encode.Design{Columns: x.Columns}, nil, nil, "of one class"},
		{&encode.Design{Rows: 3, Columns: []encode.Column{{Dense: []float64{1, math.NaN(), 3}}}}, y, nil, "encoded column 1, row 2 is not finite"},
		{x, y, func(c *Config) { c.Trees = 0 }, "n_estimators is 0; want at least 1"},
		{x, y, func(c *Config) { c.MaxFeatures = -1 }, "max_features is -1; want at least 0"},
		{x, y, func(c *Config) { c.MaxDepth = -1 }, "max_depth is -1"},
		{x, y, func(c *Config) { c.MinLeaf = 0 }, "min_samples_leaf is 0; want at least 1"},
		{x, y, func(c *Config) { c.Rand = nil }, "no random source"},
	} {
		config := Defaults()
		config.Rand = sources(1)
		if c.change != nil {
			c.change(&config)
		}
		if _, err := Fit(t.Context(), c.x, c.y, config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	c := Defaults()
	c.Rand = sources(1)
	m, _ := fitted(t, x, y, c, x)
	if m.Trees() != c.Trees || m.OutOfBag() != nil {
		t.Errorf("%d trees, out of bag %v", m.Trees(), m.OutOfBag())
	}
	if _, err := m.Predict(t.Context(), &encode.Design{Rows: 3}, 1); err == nil || !strings.Contains(err.Error(), "0 encoded columns; the model was fitted on 1") {
		t.Errorf("rows of another encoding: %v", err)
	}
	if p, err := m.Predict(t.Context(), &encode.Design{Columns: x.Columns}, 1); err != nil || len(p) != 0 {
		t.Errorf("no rows: %v, %v", p, err)
	}
}

// ending is a context that ends when it has been asked a number of times.
type ending struct {
	context.Context
	left int
}

func (e *ending) Err() error {
	if e.left--; e.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestTheEndOfTheContextStopsFitAndPredict(t *testing.T) {
	x, y := drawn(rand.New(rand.NewPCG(17, 18)), 4*largeNode, 5)
	c := Defaults()
	c.Rand, c.OutOfBag = sources(1), true
	for _, after := range []int{0, 3, 6, 50} {
		if m, err := Fit(&ending{t.Context(), after}, x, y, c); !errors.Is(err, context.Canceled) || m != nil {
			t.Errorf("ended after %d questions: %v", after, err)
		}
	}
	c.Trees = 2
	m, _ := fitted(t, x, y, c, x)
	if p, err := m.Predict(&ending{t.Context(), 1}, x, 1); !errors.Is(err, context.Canceled) || p != nil {
		t.Errorf("predicted %d rows, %v", len(p), err)
	}
}

// BenchmarkFit is the size of which the design gives figures: 10,000 rows of 83 columns, a quarter of the values missing, in the
// standard encoding.
func BenchmarkFit(b *testing.B) {
	const rows, columns = 10_000, 83
	rng := rand.New(rand.NewPCG(1, 2))
	y, z, out := make([]float64, rows), make([]float64, rows), make([]*frame.Column, columns)
	for j := range out {
		v, effect := make([]float64, rows), rng.NormFloat64()/4
		for i := range v {
			if v[i] = rng.NormFloat64(); j%3 == 0 {
				v[i] = math.Round(10*v[i]) / 10
			}
			if z[i] += effect * v[i]; rng.IntN(4) == 0 {
				v[i] = math.NaN()
			}
		}
		out[j] = frame.NewNumber(fmt.Sprint("x", j), v)
	}
	for i := range y {
		if z[i]+2*rng.NormFloat64() > 3 {
			y[i] = 1
		}
	}
	f := frame.Must(out...)
	x, err := encode.Fit(f).Transform(f)
	if err != nil {
		b.Fatal(err)
	}
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprintf("%d threads", threads), func(b *testing.B) {
			c := Defaults()
			c.Rand, c.Threads = sources(1), threads
			for b.Loop() {
				if _, err := Fit(b.Context(), x, y, c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A leaf that no node can fill leaves trees of one node, however large it is.
func TestAnyLeastLeaf(t *testing.T) {
	x, y := drawn(rand.New(rand.NewPCG(3, 4)), 100, 4)
	for _, least := range []int{100, 1 << 32, 1 << 62, math.MaxInt} {
		c := Defaults()
		c.Trees, c.MinLeaf = 3, least
		c.Rand = func(tree int) *rand.Rand { return rand.New(rand.NewPCG(1, uint64(tree))) }
		m, err := Fit(t.Context(), x, y, c)
		if err != nil {
			t.Fatal(err)
		}
		for _, tree := range m.trees {
			if len(tree.nodes) != 1 {
				t.Errorf("min_samples_leaf %d: a tree of %d nodes", least, len(tree.nodes))
			}
		}
	}
}
