package compare

import (
	"context"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// Cell counts the rows of both sides that have one cell of a column and one of another.
type Cell struct {
	A, B            int32 // cells of the first and of the second column, see Codes
	Real, Synthetic int32
}

// Joint calls visit once for each pair of columns, given by their places i < j in all, with the cells of their joint
// table that hold a row of either side, in order of A and then B. It is called from several goroutines; the cells are
// its own only until it returns. Pairs that want refuses are passed over; nil wants all.
func Joint(ctx context.Context, threads int, all []*Codes, want func(i, j int) bool, visit func(i, j int, cells []Cell)) error {
	return parallel.For(ctx, threads, len(all), func(i int) error {
		var t table
		for j := i + 1; j < len(all); j++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			if want == nil || want(i, j) {
				visit(i, j, t.cells(all[i], all[j]))
			}
		}
		return nil
	})
}

// table is the working memory of joint tables.
type table struct {
	real, synthetic []int32 // all 0 between calls
	keys            []uint64
	out             []Cell
}

// dense is the number of cells up to which a joint table is counted cell by cell, whatever the number of rows.
const dense = 1 << 14

func (t *table) cells(a, b *Codes) []Cell {
	t.out = t.out[:0]
	if n := a.Cells * b.Cells; n <= max(dense, 4*(len(a.Real)+len(a.Synthetic))) {
		t.count(a, b, n)
	} else {
		t.sort(a, b)
	}
	return t.out
}

// count counts the rows of every cell.
func (t *table) count(a, b *Codes, n int) {
	if len(t.real) < n {
		t.real, t.synthetic = make([]int32, n), make([]int32, n)
	}
	width := int32(b.Cells)
	tally(t.real, a.Real, b.Real, width)
	tally(t.synthetic, a.Synthetic, b.Synthetic, width)
	for x := range int32(a.Cells) {
		real, synthetic := t.real[x*width:(x+1)*width], t.synthetic[x*width:(x+1)*width]
		for y, n := range real {
			if n|synthetic[y] != 0 {
				t.out = append(t.out, Cell{A: x, B: int32(y), Real: n, Synthetic: synthetic[y]})
			}
		}
		clear(real)
		clear(synthetic)
	}
}

func tally(counts, a, b []int32, width int32) {
	b = b[:len(a)]
	for i, x := range a {
		counts[x*width+b[i]]++
	}
}

// sort finds the cells that hold a row, of tables with far more cells than rows.
func (t *table) sort(a, b *Codes) {
	t.keys = t.keys[:0]
	add := func(a, b []int32, side uint64) {
		for i, x := range a {
			t.keys = append(t.keys, uint64(x)<<32|uint64(b[i])<<1|side)
		}
	}
	add(a.Real, b.Real, 0)
	add(a.Synthetic, b.Synthetic, 1)
	slices.Sort(t.keys)
	for _, key := range t.keys {
		x, y := int32(key>>32), int32(key&(1<<32-1)>>1)
		if last := len(t.out) - 1; last < 0 || t.out[last].A != x || t.out[last].B != y {
			t.out = append(t.out, Cell{A: x, B: y})
		}
		if last := len(t.out) - 1; key&1 == 0 {
			t.out[last].Real++
		} else {
			t.out[last].Synthetic++
		}
	}
}

// PairTables is what metrics of dependence need of the joint tables of all pairs of some columns, missing values being a
// cell of their own. The tables are by column i and other column j of Columns, at At(i, j).
type PairTables struct {
	Columns []string
	// Distance is the total variation distance ½ Σ|p - q| of a pair's joint table, in [0,1].
	Distance []float64
	// RealEntropy and SyntheticEntropy are the entropies of a pair's joint table in nats; of a column's own at At(i, i).
	RealEntropy, SyntheticEntropy []float64
}

// At is the index of a pair of columns; the order of the two does not matter.
func (p *PairTables) At(i, j int) int {
	return max(i, j)*len(p.Columns) + min(i, j)
}

// pairTablesKey is the key of PairTables: of a real part against the synthetic rows.
type pairTablesKey struct{ bins int }

// PairTables returns what is made of the joint tables of all columns in their order, with bins as Codes has them. There has to
// be a row on both sides. It is made once; callers must not change it.
func (s *Sides) PairTables(ctx context.Context, threads, bins int) (*PairTables, error) {
	return Prepare(s, s.Part, pairTablesKey{bins}, func() (*PairTables, error) {
		names := s.Real.Names()
		n := len(names)
		out := &PairTables{Columns: names, Distance: make([]float64, n*n), RealEntropy: make([]float64, n*n), SyntheticEntropy: make([]float64, n*n)}
		codes := make([]*Codes, n)
		real, synthetic := s.Real.Rows(), s.Synthetic.Rows()
		err := parallel.For(ctx, threads, n, func(i int) error {
			codes[i] = s.Codes(names[i], bins)
			out.RealEntropy[out.At(i, i)] = entropyOf(codes[i].Real, codes[i].Cells)
			out.SyntheticEntropy[out.At(i, i)] = entropyOf(codes[i].Synthetic, codes[i].Cells)
			return nil
		})
		if err != nil {
			return nil, err
		}
		err = Joint(ctx, threads, codes, nil, func(i, j int, cells []Cell) {
			at := out.At(i, j)
			out.Distance[at], out.RealEntropy[at], out.SyntheticEntropy[at] = summary(cells, real, synthetic)
		})
		return out, err
	})
}

// summary returns the total variation distance of the two sides of a joint table, and their entropies.
func summary(cells []Cell, real, synthetic int) (distance, realEntropy, syntheticEntropy float64) {
	var r, s float64
	for _, c := range cells {
		r += timesLog(c.Real)
		s += timesLog(c.Synthetic)
	}
	return Distance(cells, real, synthetic), entropy(r, real), entropy(s, synthetic)
}

// Distance returns the total variation distance ½ Σ|p - q| of the two sides of a joint table, which has so many rows on each
// side, one at least. It lies in [0,1].
func Distance(cells []Cell, real, synthetic int) float64 {
	twice := 0 // in units of 1/(2·real·synthetic): whole numbers, so exact
	for _, c := range cells {
		d := int(c.Real)*synthetic - int(c.Synthetic)*real
		twice += max(d, -d)
	}
	return float64(twice) / 2 / (float64(real) * float64(synthetic))
}

// entropy returns the entropy of n rows in nats, of which sum is Σ n ln n over the cells.
func entropy(sum float64, n int) float64 {
	all := timesLog(int32(n))
	if sum == all { // one cell, exactly: the quotient below may leave a last digit
		return 0
	}
	return max(0, (all-sum)/float64(n))
}

// entropyOf returns the entropy of codes below cells, in nats.
func entropyOf(codes []int32, cells int) float64 {
	counts := make([]int32, cells)
	for _, c := range codes {
		counts[c]++
	}
	sum := 0.0
	for _, c := range counts {
		sum += timesLog(c)
	}
	return entropy(sum, len(codes))
}

// timesLog returns n ln n; 0 for 0.
func timesLog(n int32) float64 {
	if n <= 1 {
		return 0
	}
	return float64(n) * math.Log(float64(n))
}
