package compare

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/parallel"
	"github.com/ehrlab/ehrlab/plugins/split"
)

// Names of the curves of single columns.
const (
	ECDFCurve    = "ecdf"
	DensityCurve = "density"
	levelDim     = "level"
)

const (
	mostCuts   = 50 // pieces that an ECDF is cut into
	mostBins   = 40 // bins of a density
	mostNamed  = 12 // whole numbers that are told one by one
	mostLevels = 20 // levels of a category column, the others as one
)

// NumberCurves describes what Curves returns of Number columns.
func NumberCurves() []plugins.CurveInfo {
	dims := []string{plugins.ColumnDim, plugins.SideDim}
	return []plugins.CurveInfo{
		{Name: ECDFCurve, Kind: plugins.LineCurve, X: "value", Y: "share of rows up to it", Least: new(0.0), Most: new(1.0), Dims: dims, Summary: "empirical distribution function at up to 49 quantiles of the real values", With: "curves"},
		{
			Name: DensityCurve, Kind: plugins.LineCurve, X: "value", Y: "density", Least: new(0.0), Dims: dims, Level: levelDim, With: "curves",
			Summary: "share of rows in each of up to 40 bins of the real values by the width of the bin, the outermost hundredths left out; where there are few whole numbers, of each of them",
		},
	}
}

// CategoryCurves describes what Curves returns of Category columns.
func CategoryCurves() []plugins.CurveInfo {
	return []plugins.CurveInfo{{
		Name: DensityCurve, Kind: plugins.LineCurve, X: "level", Y: "share of rows", Least: new(0.0), Most: new(1.0), Dims: []string{plugins.ColumnDim, plugins.SideDim}, Level: levelDim,
		Summary: "share of rows with each level of a category column, the most frequent real level first and rare ones as one", With: "curves",
	}}
}

// Curves returns the distribution of each named column on both sides, missing values left out: of Number columns the curves "ecdf" and
// "density", of Category columns "density". Each point stands for plugins.FewestTold subjects of the real rows at least; a column that is
// too small for two points, or has no value on a side, has no curve. No x is a value of one row: it is the middle of a bin, or of two rows.
func (s *Sides) Curves(ctx context.Context, threads int, names []string) ([]plugins.Curve, error) {
	of, n := s.Subjects()
	curves := make([][]plugins.Curve, len(names))
	err := parallel.For(ctx, threads, len(names), func(i int) error {
		if _, filled := s.Filled(names[i]); !filled {
			return nil
		}
		if s.Real.Column(names[i]).Kind == frame.Category {
			curves[i] = s.levelShares(names[i], of)
			return nil
		}
		real := &crowd{values: s.Sorted(s.Part, names[i]), column: s.Real.Column(names[i]).Numbers, of: of, n: n}
		synthetic := s.Sorted(Synthetic, names[i])
		bins := real.bins()
		curves[i] = append(both(ECDFCurve, names[i], real.cumulative(), synthetic), named(both(DensityCurve, names[i], bins, synthetic), bins.name)...)
		return nil
	})
	return slices.Concat(curves...), err
}

// subjectsKey is the key of Subjects.
type subjectsKey struct{}

type subjects struct {
	of []int32
	n  int
}

// Subjects returns the number of the subject of each real row, from 0 in the order of their first rows, and how many there are. A row
// of which nothing says whose it is counts as a subject of its own.
func (s *Sides) Subjects() (of []int32, n int) {
	all := must(Prepare(s, s.Part, subjectsKey{}, func() (subjects, error) {
		out := subjects{of: make([]int32, s.Real.Rows())}
		known := map[int32]int32{}
		var own []int32
		if c := s.pair.Parts.Get(s.Part).Subject; c != nil {
			own, _ = split.Indexed(c)
		}
		for row := range out.of {
			if own != nil && own[row] != frame.Missing {
				if at, again := known[own[row]]; again {
					out.of[row] = at
					continue
				}
				known[own[row]] = int32(out.n)
			}
			out.of[row] = int32(out.n)
			out.n++
		}
		return out, nil
	}))
	return all.of, all.n
}

// FewestSubjects returns the least number of subjects that so many real rows can be of, counted up to plugins.FewestTold.
func (s *Sides) FewestSubjects() func(rows int) int {
	of, n := s.Subjects()
	counts := make([]int, n)
	for _, subject := range of {
		counts[subject]++
	}
	slices.SortFunc(counts, func(a, b int) int { return b - a })
	return func(rows int) int {
		subjects := 0
		for ; subjects < min(n, plugins.FewestTold) && rows > 0; subjects++ {
			rows -= counts[subjects]
		}
		return subjects
	}
}

// crowd is the values of a column of real rows, with their subjects.
type crowd struct {
	values []float64 // ascending, missing ones left out
	column []float64 // as they stand in the rows
	of     []int32   // the subject of each row
	n      int       // subjects
}

// marks says of each subject, bit by bit, in which of the intervals between ascending cuts it has a value; interval k starts at cut
// k-1. There are fewer than 64 cuts.
func (c *crowd) marks(cuts []float64) []uint64 {
	out := make([]uint64, c.n)
	for row, v := range c.column {
		if v == v {
			k := sort.SearchFloat64s(cuts, v)
			if k < len(cuts) && cuts[k] == v {
				k++
			}
			out[c.of[row]] |= 1 << k
		}
	}
	return out
}

// interval is some of the intervals between cuts, from one to another, both included.
type interval struct{ from, to, subjects int }

// held is the number of subjects with a value in some of the intervals.
func held(marks []uint64, from, to int) int {
	bits, n := uint64(1)<<(to+1)-uint64(1)<<from, 0
	for _, m := range marks {
		if m&bits != 0 {
			n++
		}
	}
	return n
}

// joined joins neighbours among the intervals from one to another until each holds plugins.FewestTold subjects; what remains joins the last.
// It is empty when all together have too few.
func joined(marks []uint64, from, to int) []interval {
	var out []interval
	start := from
	for k := from; k <= to; k++ {
		if n := held(marks, start, k); n >= plugins.FewestTold {
			out = append(out, interval{start, k, n})
			start = k + 1
		}
	}
	if len(out) > 0 {
		out[len(out)-1].to = to
	}
	return out
}

// between is the middle of the values on both sides of a cut.
func (c *crowd) between(cut int) float64 { return c.values[cut-1]/2 + c.values[cut]/2 }

// points are where both sides of a column are compared.
type points struct {
	x    []float64
	real []float64
	n    []int
	name []string // of each point, where it stands for whole numbers of which there are few
	// of is the share of synthetic rows, which are sorted, that belongs to point i
	of func(synthetic []float64, i int) float64
}

// cumulative are the shares of rows up to cuts between values, about as many rows apart.
func (c *crowd) cumulative() points {
	n := len(c.values)
	step := max((n+mostCuts-1)/mostCuts, plugins.FewestTold)
	var cuts []float64
	var at []int
	for i := step; i+step <= n; i += step {
		for i < n && c.values[i] == c.values[i-1] { // a cut parts no equal values
			i++
		}
		if i+step <= n {
			cuts, at = append(cuts, c.between(i)), append(at, i)
		}
	}
	all := joined(c.marks(cuts), 0, len(cuts))
	var p points
	for i := 1; i < len(all); i++ {
		cut := all[i].from - 1
		p.x, p.real = append(p.x, cuts[cut]), append(p.real, float64(at[cut])/float64(n))
		p.n = append(p.n, min(all[i-1].subjects, all[i].subjects))
	}
	p.of = func(synthetic []float64, i int) float64 {
		at := sort.Search(len(synthetic), func(k int) bool { return synthetic[k] > p.x[i] })
		return float64(at) / float64(len(synthetic))
	}
	return p
}

// bins are the densities of rows in equal bins of the real values, neighbours joined until each stands for enough subjects.
func (c *crowd) bins() points {
	edges, few := c.edges()
	if len(edges) < 2 {
		return points{}
	}
	all := joined(c.marks(edges), 1, len(edges)-1)
	low, high := make([]float64, len(all)), make([]float64, len(all))
	var p points
	for i, in := range all {
		low[i], high[i] = edges[in.from-1], edges[in.to]
		p.n, p.x = append(p.n, in.subjects), append(p.x, low[i]/2+high[i]/2)
	}
	if last := len(all) - 1; few && last >= 0 {
		p.name = numbers(low, high)
		openFirst, openLast := high[0] > low[0]+1, high[last] > low[last]+1 // an open end tells no extreme; one number is that number
		if openFirst {
			low[0] = math.Inf(-1)
		}
		if openLast {
			high[last] = math.Inf(1)
		}
	}
	p.of = func(sorted []float64, i int) float64 {
		n := sort.SearchFloat64s(sorted, high[i]) - sort.SearchFloat64s(sorted, low[i])
		if few {
			return float64(n) / float64(len(sorted))
		}
		return float64(n) / float64(len(sorted)) / (high[i] - low[i])
	}
	for i := range p.x {
		p.real = append(p.real, p.of(c.values, i))
	}
	return p
}

// numbers names bins of whole numbers.
func numbers(low, high []float64) []string {
	names := make([]string, len(low))
	for i := range names {
		from, to := strconv.FormatFloat(low[i]+0.5, 'f', -1, 64), strconv.FormatFloat(high[i]-0.5, 'f', -1, 64)
		switch {
		case from == to:
			names[i] = from
		case i == 0:
			names[i] = "up to " + to
		case i == len(names)-1:
			names[i] = from + " or more"
		default:
			names[i] = from + " to " + to
		}
	}
	return names
}

// grain is the step of the decimals that all values are written with, down to a thousandth, such as 0.1; 0 of continuous values.
func grain(values []float64) float64 {
	for _, perUnit := range []float64{1, 10, 100, 1000} {
		if !slices.ContainsFunc(values, func(v float64) bool {
			return math.Abs(v*perUnit-math.Round(v*perUnit)) > 1e-6 || math.Abs(v*perUnit) > 1<<52
		}) {
			return 1 / perUnit
		}
	}
	return 0
}

func distinct(whose []int32) int {
	seen := map[int32]bool{}
	for _, w := range whose {
		seen[w] = true
	}
	return len(seen)
}

// edges are those of the bins, ascending, nil where there are no bins, and whether there are few whole numbers, each in a bin. Values that are written with few decimals stand in the middle of
// bins, so that no bin has more of them than its neighbour. Unless there are few whole numbers, the outermost hundredths of the
// rows are beyond the edges: their places would tell of single rows.
//
// The width is at least 2 IQR n^(-1/3). Source: D. Freedman, P. Diaconis (1981), Z. Wahrscheinlichkeitstheorie verw. Gebiete 57, 453–476.
func (c *crowd) edges() (edges []float64, few bool) {
	n := len(c.values)
	if n == 0 {
		return nil, false
	}
	low, high, step := c.values[0], c.values[n-1], grain(c.values)
	few = step == 1 && high-low < mostNamed
	if !few {
		from, to, ok := c.bulk()
		if !ok {
			return nil, false
		}
		low, high = c.between(from), c.between(to)
	}
	width := max((high-low)/mostBins, 2*(c.values[3*n/4]-c.values[n/4])/math.Cbrt(float64(n)))
	if few {
		width = 1
	}
	if step > 0 {
		low, high = (math.Round(low/step)-0.5)*step, (math.Round(high/step)+0.5)*step
		width = math.Ceil(max(width, (high-low)/mostBins)/step-1e-9) * step
	}
	if !(width > 0) || math.IsInf(width, 0) {
		return nil, false
	}
	edges = []float64{low}
	for k := 1; len(edges) <= mostBins && edges[k-1] < high-width*1e-9; k++ {
		edges = append(edges, low+float64(k)*width)
	}
	return edges, few
}

// bulk cuts a hundredth of the rows off each end, and plugins.FewestTold subjects at least.
func (c *crowd) bulk() (from, to int, ok bool) {
	n := len(c.values)
	least := max((n+99)/100, plugins.FewestTold)
	for from, to = least, n-least; from < to; from, to = from+least, to-least {
		// what has the value at a cut, as many zeros may, is beyond it and within it
		marks := c.marks([]float64{math.Nextafter(c.between(from), math.Inf(1)), c.between(to)})
		if held(marks, 0, 0) >= plugins.FewestTold && held(marks, 2, 2) >= plugins.FewestTold {
			return from, to, true
		}
	}
	return 0, 0, false
}

// both makes the curves of the two sides of a column; none where there are fewer than two points.
func both(name, column string, p points, synthetic []float64) []plugins.Curve {
	if len(p.x) < 2 {
		return nil
	}
	made := make([]float64, len(p.x))
	for i := range made {
		made[i] = p.of(synthetic, i)
		if math.IsInf(p.real[i], 0) || math.IsInf(made[i], 0) { // of a bin that is too narrow for its density to be a number
			return nil
		}
	}
	curve := func(side string, y []float64) plugins.Curve {
		return plugins.Curve{Name: name, Dims: map[string]string{plugins.ColumnDim: column, plugins.SideDim: side}, X: p.x, Y: y, N: p.n}
	}
	return []plugins.Curve{curve(plugins.RealSide, p.real), curve(plugins.SynthSide, made)}
}

// named makes a curve of its own of each point that has a name.
func named(curves []plugins.Curve, names []string) []plugins.Curve {
	if len(names) == 0 {
		return curves
	}
	var out []plugins.Curve
	for _, c := range curves {
		for i, name := range names {
			dims := maps.Clone(c.Dims)
			dims[levelDim] = name
			out = append(out, plugins.Curve{Name: c.Name, Dims: dims, X: []float64{float64(i)}, Y: c.Y[i : i+1], N: c.N[i : i+1]})
		}
	}
	return out
}

// level is a level of a category column, or several of them.
type level struct {
	name     string
	in       []bool // by the levels of the table
	subjects int
	rows     int
}

// levelShares are the shares of rows with each level on both sides.
func (s *Sides) levelShares(column string, of []int32) []plugins.Curve {
	all, t := s.levels(column, of), s.Levels(column)
	if len(all) < 2 {
		return nil
	}
	var out []plugins.Curve
	for _, side := range []string{plugins.RealSide, plugins.SynthSide} {
		counts, rows := t.Real, t.RealN
		if side == plugins.SynthSide {
			counts, rows = t.Synthetic, t.SyntheticN
		}
		for i, l := range all {
			n := 0
			for k, in := range l.in {
				if in {
					n += counts[k]
				}
			}
			out = append(out, plugins.Curve{
				Name: DensityCurve, Dims: map[string]string{plugins.ColumnDim: column, plugins.SideDim: side, levelDim: l.name},
				X: []float64{float64(i)}, Y: []float64{float64(n) / float64(rows)}, N: []int{l.subjects},
			})
		}
	}
	return out
}

// levels lists what is told of a category column, the most frequent real level first. Those of few subjects, those beyond
// mostLevels and those of the synthetic side alone are one, and stand for enough subjects with the least frequent of the others.
func (s *Sides) levels(column string, of []int32) []level {
	real, t := s.Real.Column(column), s.Levels(column)
	names := slices.Concat(real.Levels, s.Synthetic.Column(column).Levels)
	slices.Sort(names)
	names = slices.Compact(names)
	whose := make([][]int32, len(names))
	for row, code := range real.Codes {
		if code != frame.Missing {
			at, _ := slices.BinarySearch(names, real.Levels[code])
			whose[at] = append(whose[at], of[row])
		}
	}
	var told []level
	var rest []int
	for k, name := range names {
		if n := distinct(whose[k]); n >= plugins.FewestTold {
			in := make([]bool, len(names))
			in[k] = true
			told = append(told, level{name, in, n, t.Real[k]})
		} else {
			rest = append(rest, k)
		}
	}
	slices.SortStableFunc(told, func(a, b level) int { return b.rows - a.rows })
	var others []int32
	for _, k := range rest {
		others = append(others, whose[k]...)
	}
	for len(told) > 0 && (len(told) > mostLevels || len(rest) > 0 && distinct(others) < plugins.FewestTold) {
		k := slices.Index(told[len(told)-1].in, true)
		rest, others, told = append(rest, k), append(others, whose[k]...), told[:len(told)-1]
	}
	if len(rest) == 0 {
		return told
	}
	in := make([]bool, len(names))
	for _, k := range rest {
		in[k] = true
	}
	name := fmt.Sprintf("others (%d)", len(rest))
	if slices.Contains(names, name) { // a level may be called that
		name += " together"
	}
	return append(told, level{name, in, distinct(others), len(others)})
}
