package gaussiancopula

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// margin turns a latent value into a value of its column.
type margin struct {
	sorted   []float64 // Number: the values of train in order
	decimals int       // Number: that all of them have, or -1

	levels []int32   // Category: codes in the order of the latent
	cuts   []float64 // Category: upper threshold of each but the last
}

// number is the cell of a Number column at latents z.
func (c *column) number(z []float64) float64 {
	switch {
	case c.always || (c.missing >= 0 && z[c.missing] > c.cut):
		return math.NaN()
	case c.value < 0:
		return c.margin.sorted[0]
	}
	return c.margin.interpolate(0.5 * math.Erfc(-z[c.value]/math.Sqrt2))
}

// interpolate is the u-quantile of train, u in [0,1], with the i-th of n values at u = (i - ½)/n and lines between them, rounded
// to the decimals of train.
//
// Source: R. J. Hyndman, Y. Fan (1996), The American Statistician 50(4), 361-365, definition 5.
func (m *margin) interpolate(u float64) float64 {
	at := u*float64(len(m.sorted)) - 0.5
	if at <= 0 {
		return m.sorted[0]
	}
	i := int(at)
	if i >= len(m.sorted)-1 {
		return m.sorted[len(m.sorted)-1]
	}
	low, high := m.sorted[i], m.sorted[i+1]
	if low == high {
		return low // exactly; the line between them would round
	}
	part := at - float64(i)
	return min(high, max(low, roundTo((1-part)*low+part*high, m.decimals)))
}

// code is the cell of a Category column at latents z.
func (c *column) code(z []float64) int32 {
	switch {
	case c.always || (c.missing >= 0 && z[c.missing] > c.cut):
		return frame.Missing
	case c.value < 0:
		return c.margin.levels[0]
	}
	return c.margin.levels[sort.SearchFloat64s(c.margin.cuts, z[c.value])]
}

// fitMargin fits the margin of a column and the scores of its latent; a column with at most one value has no scores.
func fitMargin(c *frame.Column, order levelOrder) (margin, latent) {
	groups := make([]int32, c.Len()) // of each row: rank of its value among the distinct ones, or Missing
	var m margin
	var sizes []int
	if c.Kind == frame.Number {
		m, sizes = fitNumbers(c.Numbers, groups)
	} else {
		m.levels, sizes = order.levels(c)
		rank := make([]int32, len(m.levels))
		for r, code := range m.levels {
			rank[code] = int32(r)
		}
		for row, code := range c.Codes {
			groups[row] = frame.Missing
			if code != frame.Missing {
				groups[row] = rank[code]
			}
		}
	}
	if len(sizes) < 2 {
		return m, latent{}
	}
	l := newLatent(groups, sizes)
	if c.Kind == frame.Category {
		m.cuts = thresholds(sizes)
	}
	return m, l
}

// fitNumbers sorts the values that are not missing, sets the group of each row and returns the sizes of the groups.
func fitNumbers(values []float64, groups []int32) (margin, []int) {
	rows := make([]int, 0, len(values))
	for row, v := range values {
		groups[row] = frame.Missing
		if !math.IsNaN(v) {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b int) int {
		if values[a] != values[b] {
			return cmp.Compare(values[a], values[b])
		}
		return cmp.Compare(a, b)
	})
	m := margin{sorted: make([]float64, len(rows))}
	var sizes []int
	for i, row := range rows {
		m.sorted[i] = values[row]
		if i == 0 || m.sorted[i] != m.sorted[i-1] {
			sizes = append(sizes, 0)
		}
		sizes[len(sizes)-1]++
		groups[row] = int32(len(sizes) - 1)
	}
	m.decimals = decimals(m.sorted)
	return m, sizes
}

// mostDecimals is how many decimals are looked for: results are charted with fewer.
const mostDecimals = 6

// decimals is the least number of decimals that all values have, or -1 when it is above mostDecimals.
func decimals(values []float64) int {
	d := 0
	for _, v := range values {
		for roundTo(v, d) != v {
			if d++; d > mostDecimals {
				return -1
			}
		}
	}
	return d
}

func roundTo(v float64, decimals int) float64 {
	if decimals < 0 {
		return v
	}
	scale := 1.0
	for range decimals {
		scale *= 10
	}
	if r := math.Round(v*scale) / scale; !math.IsInf(r, 0) {
		return r
	}
	return v // too large to have decimals
}

// levelOrder puts the levels of a category on the line of its latent: by the mean of the target's score, so that the
// one direction the latent has is the one that matters for the label. For a target of two classes that is the order of
// their shares, in which no split of the levels is lost (Breiman et al. 1984, Classification and Regression Trees,
// section 4.2.2).
type levelOrder struct {
	target string
	scores []float64 // of the target, by row; 0, the mean, where it is missing; nil without a usable target
}

// priorRows is the weight, in rows, of the overall mean in the mean of a level: a level of a few rows stays near the
// middle. Source of the idea: D. Micci-Barreca (2001), ACM SIGKDD Explorations 3(1), 27-32; the number is invented.
const priorRows = 10

func newLevelOrder(target *frame.Column) levelOrder {
	if target == nil {
		return levelOrder{}
	}
	_, l := fitMargin(target, levelOrder{})
	return levelOrder{target: target.Name, scores: l.scores}
}

// levels returns the codes of c in order, and how many rows each has. Equal means keep byte order.
func (o levelOrder) levels(c *frame.Column) (codes []int32, sizes []int) {
	counts, sums := make([]int, len(c.Levels)), make([]float64, len(c.Levels))
	for row, code := range c.Codes {
		if code == frame.Missing {
			continue
		}
		counts[code]++
		if o.scores != nil && c.Name != o.target {
			sums[code] += o.scores[row]
		}
	}
	for code := range c.Levels {
		codes = append(codes, int32(code))
	}
	mean := func(code int32) float64 { return sums[code] / float64(counts[code]+priorRows) }
	slices.SortStableFunc(codes, func(a, b int32) int { return cmp.Compare(mean(a), mean(b)) })
	for _, code := range codes {
		sizes = append(sizes, counts[code])
	}
	return codes, sizes
}

// thresholds returns the latent values that part groups of the given sizes.
func thresholds(sizes []int) []float64 {
	total := 0
	for _, s := range sizes {
		total += s
	}
	cuts := make([]float64, len(sizes)-1)
	sum := 0
	for g := range cuts {
		sum += sizes[g]
		cuts[g] = quantile(sum, total)
	}
	return cuts
}

// quantile is the standard normal quantile of k/n.
func quantile(k, n int) float64 { return distuv.UnitNormal.Quantile(float64(k) / float64(n)) }
