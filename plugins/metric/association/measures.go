package association

import (
	"math"

	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

// cell counts the rows of one side that have a level of one column and a level of another; rows that miss one of the
// two are in none.
type cell struct {
	a, b int32
	n    float64
}

// twoWay is the table of counts of two category columns on one side, over the rows complete in both. Only levels that occur in
// those rows count as levels.
type twoWay struct {
	cells         []cell
	rows, columns []float64 // sums by level; 0 for one that does not occur
	n             float64   // all rows
	r, k          int       // levels that occur
}

// newTwoWay returns the table of the side that count picks from a joint table; a and b are the codes of the two columns.
func newTwoWay(joint []compare.Cell, a, b *compare.Codes, count func(compare.Cell) int32) *twoWay {
	t := &twoWay{rows: make([]float64, a.Cells-1), columns: make([]float64, b.Cells-1)}
	for _, c := range joint {
		if n := float64(count(c)); n > 0 && c.A != a.Missing() && c.B != b.Missing() {
			t.cells = append(t.cells, cell{c.A, c.B, n})
			t.rows[c.A] += n
			t.columns[c.B] += n
			t.n += n
		}
	}
	t.r, t.k = occurring(t.rows), occurring(t.columns)
	return t
}

func occurring(sums []float64) int {
	n := 0
	for _, s := range sums {
		if s > 0 {
			n++
		}
	}
	return n
}

// chi2 returns Pearson's statistic of independence; with yates, that of a 2 x 2 table has Yates' correction for continuity.
func (t *twoWay) chi2(yates bool) float64 {
	if yates && t.r == 2 && t.k == 2 {
		return t.corrected()
	}
	sum, expected := 0.0, 0.0
	for _, c := range t.cells {
		e := t.rows[c.a] * t.columns[c.b] / t.n
		sum += (c.n - e) * (c.n - e) / e
		expected += e
	}
	if len(t.cells) == t.r*t.k {
		return sum
	}
	// every empty cell adds what it is expected to hold: together, what the others are not
	return sum + max(0, t.n-expected)
}

// corrected is the statistic of a 2 x 2 table whose counts are brought nearer to what is expected, by ½ or all the way. All
// four differ from it by as much.
func (t *twoWay) corrected() float64 {
	c := t.cells[0]
	d := max(0, math.Abs(c.n-t.rows[c.a]*t.columns[c.b]/t.n)-0.5)
	sum := 0.0
	for _, row := range t.rows {
		for _, column := range t.columns {
			if row > 0 && column > 0 {
				sum += d * d / (row * column / t.n)
			}
		}
	}
	return sum
}

// cramersV returns √(φ²/min(r-1, k-1)), φ² = χ²/n, in [0,1]. With corrected it is the estimate without bias of
// Bergsma. ok is false when a column has one level or none, and for the corrected estimate when each row has a level of its own.
func (t *twoWay) cramersV(corrected, yates bool) (v float64, ok bool) {
	if t.r < 2 || t.k < 2 {
		return 0, false
	}
	phi2, r, k := t.chi2(yates)/t.n, float64(t.r), float64(t.k)
	if !corrected {
		return min(1, math.Sqrt(phi2/min(r-1, k-1))), true
	}
	rest := t.n - 1
	r2, k2 := (r-1)*(t.n-r)/rest, (k-1)*(t.n-k)/rest // r' - 1 and k' - 1, exactly 0 when each row has a level of its own
	if min(r2, k2) <= 0 {
		return 0, false
	}
	return min(1, math.Sqrt(max(0, phi2-(k-1)*(r-1)/rest)/min(r2, k2))), true
}

// theilsU returns (H(a) - H(a|b))/H(a) and the same of b given a, in [0,1]; 1 where a column has one level, of which nothing is
// uncertain. ok is false when no row is complete.
func (t *twoWay) theilsU() (ofA, ofB float64, ok bool) {
	if t.n == 0 {
		return 0, 0, false
	}
	information := 0.0
	for _, c := range t.cells {
		information += c.n / t.n * math.Log(c.n*t.n/(t.rows[c.a]*t.columns[c.b]))
	}
	share := func(own float64, levels int) float64 {
		if levels == 1 {
			return 1
		}
		return min(max(information/own, 0), 1)
	}
	return share(entropy(t.rows, t.n), t.r), share(entropy(t.columns, t.n), t.k), true
}

func entropy(counts []float64, n float64) float64 {
	sum := 0.0
	for _, c := range counts {
		if c > 0 {
			sum += c * math.Log(n/c)
		}
	}
	return sum / n
}

// groups is the working memory of correlation ratios.
type groups struct{ n, sum []float64 }

// ratio returns √(SS between groups/SS in all) of numbers in groups, in [0,1], over the rows complete in both; 0 when the means
// of the groups are equal. rows is the number of those rows: the ratio is undefined when it is 0.
//
// numbers are of moderate size: squares of their differences neither overflow nor vanish. codes are below cells, the last
// of which is missing.
func (g *groups) ratio(codes []int32, cells int, numbers []float64) (eta float64, rows int) {
	g.reset(cells)
	missing := int32(cells - 1)
	sum, first, constant := 0.0, math.NaN(), true
	for i, c := range codes {
		v := numbers[i]
		if c == missing || math.IsNaN(v) {
			continue
		}
		if rows == 0 {
			first = v
		}
		constant = constant && v == first
		v -= first // exactly, where values are close to each other and far from 0
		g.n[c]++
		g.sum[c] += v
		sum += v
		rows++
	}
	if rows == 0 || constant {
		return 0, rows
	}
	// the sum of squares in all is that between and that within groups: each is accurate where the other is small
	mean := sum / float64(rows)
	between, within := 0.0, 0.0
	for c, n := range g.n {
		if n > 0 {
			g.sum[c] /= n
			between += n * (g.sum[c] - mean) * (g.sum[c] - mean)
		}
	}
	for i, c := range codes {
		if v := numbers[i]; c != missing && !math.IsNaN(v) {
			d := v - first - g.sum[c]
			within += d * d
		}
	}
	if between == 0 { // also where squares of differences in the last digit vanish
		return 0, rows
	}
	return math.Sqrt(between / (between + within)), rows
}

func (g *groups) reset(cells int) {
	if len(g.n) < cells {
		g.n, g.sum = make([]float64, cells), make([]float64, cells)
		return
	}
	clear(g.n)
	clear(g.sum)
}

// CramersV returns Cramér's V of the real rows of a joint table, without any correction, in [0,1]; a and b are the codes of its
// two columns. ok is false when a column has one level or none over the rows complete in both.
func CramersV(joint []compare.Cell, a, b *compare.Codes) (v float64, ok bool) {
	return newTwoWay(joint, a, b, func(c compare.Cell) int32 { return c.Real }).cramersV(false, false)
}
