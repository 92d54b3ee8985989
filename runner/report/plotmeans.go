package report

import (
	"math"
	"slices"
	"sort"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/stats"
	"github.com/ehrlab/ehrlab/runner/record"
)

// meanCurve is a mean of curves, point by point. Low and High are NaN where there is no band.
type meanCurve struct {
	x, y, low, high []float64
	n               []int // curves behind each point
	cut             bool  // some band is cut at the range of y
}

// mostPoints is the number of points of a mean of curves whose points lie elsewhere.
const mostPoints = 200

// meanOf averages curves of one kind vertically: at each x the mean of y, with its interval by Student's t where replicates says
// that the curves are replicates of each other. Curves whose x are the same are averaged as they are. Others are averaged at all x that lie in
// the range of each of them, as the kind says what lies between points; and bins by tenths of [0,1].
//
// A single curve keeps its band. It is wrong to draw a line between two points of precision and recall: false positives grow by a
// fixed number for each true positive. Source: J. Davis, M. Goadrich (2006), Proc. ICML, 233–240.
func meanOf(info *plugins.CurveInfo, curves []*record.Curve, replicates bool) meanCurve {
	if len(curves) == 1 {
		c := curves[0]
		out := meanCurve{x: c.X, y: c.Y, low: c.Low, high: c.High, n: slices.Repeat([]int{1}, len(c.X))}
		if c.Low == nil {
			out.low, out.high = gaps(len(c.X)), gaps(len(c.X))
		}
		return out
	}
	if info.Kind == plugins.BinCurve {
		return meanOfBins(info, curves, replicates)
	}
	grid, same := commonGrid(curves)
	out := meanCurve{x: grid}
	for i, x := range grid {
		values := make([]float64, len(curves))
		for k, c := range curves {
			if same {
				values[k] = c.Y[i]
			} else {
				values[k] = valueAt(info.Kind, c, x)
			}
		}
		out.add(info, values, replicates)
	}
	return out
}

// add appends the mean of the values at one x.
func (m *meanCurve) add(info *plugins.CurveInfo, values []float64, replicates bool) {
	mean, low, high := values[0], gap, gap
	if slices.Min(values) != slices.Max(values) {
		var err error
		if mean, low, high, err = stats.MeanInterval(values, level); err != nil || notFinite(low) || notFinite(high) || !replicates {
			low, high = gap, gap
		}
	}
	if info.Least != nil && low < *info.Least {
		low, m.cut = *info.Least, true
	}
	if info.Most != nil && high > *info.Most {
		high, m.cut = *info.Most, true
	}
	m.y, m.low, m.high, m.n = append(m.y, mean), append(m.low, low), append(m.high, high), append(m.n, len(values))
}

// commonGrid is the x of all curves; same reports that they all have exactly these.
func commonGrid(curves []*record.Curve) (grid []float64, same bool) {
	same = !slices.ContainsFunc(curves[1:], func(c *record.Curve) bool { return !slices.Equal(c.X, curves[0].X) })
	if same {
		return curves[0].X, true
	}
	from, to := math.Inf(-1), math.Inf(1)
	for _, c := range curves {
		if len(c.X) == 0 {
			return nil, false
		}
		from, to = max(from, c.X[0]), min(to, c.X[len(c.X)-1])
		grid = append(grid, c.X...)
	}
	slices.Sort(grid)
	grid = slices.DeleteFunc(slices.Compact(grid), func(x float64) bool { return x < from || x > to })
	if len(grid) <= mostPoints {
		return grid, false
	}
	even := make([]float64, mostPoints)
	for i := range even {
		even[i] = from + (to-from)*float64(i)/(mostPoints-1)
	}
	even[mostPoints-1] = to
	return even, false
}

// valueAt is y of a curve at an x in its range.
func valueAt(kind plugins.CurveKind, c *record.Curve, x float64) float64 {
	right := sort.SearchFloat64s(c.X, x)
	if right < len(c.X) && c.X[right] == x {
		return c.Y[right]
	}
	left := right - 1
	share := (x - c.X[left]) / (c.X[right] - c.X[left])
	switch kind {
	case plugins.StepCurve:
		return c.Y[left]
	case plugins.RecallCurve:
		from, to := falsePositives(c.X[left], c.Y[left]), falsePositives(c.X[right], c.Y[right])
		if math.IsInf(to, 0) || math.IsInf(from, 0) { // no true positive at all, as the precision of 0 says
			return 0
		}
		return x / (x + from + share*(to-from))
	}
	return c.Y[left] + share*(c.Y[right]-c.Y[left])
}

// falsePositives is their number by the number of events, from recall and precision.
func falsePositives(recall, precision float64) float64 {
	if recall == 0 {
		return 0
	}
	return recall * (1 - precision) / precision
}

// tenths is the number of bins that points of bins are gathered in.
const tenths = 10

// meanOfBins averages the points whose x lie in one tenth of [0,1], first those of each curve, then those of the curves that have any.
func meanOfBins(info *plugins.CurveInfo, curves []*record.Curve, replicates bool) meanCurve {
	var out meanCurve
	for bin := range tenths {
		var xs, ys []float64
		for _, c := range curves {
			x, y, n := 0.0, 0.0, 0
			for i := range c.X {
				if stats.Bin(c.X[i], tenths) == bin {
					x, y, n = x+c.X[i], y+c.Y[i], n+1
				}
			}
			if n > 0 {
				xs, ys = append(xs, x/float64(n)), append(ys, y/float64(n))
			}
		}
		if len(xs) > 0 {
			x, _ := stats.Mean(xs) // there is a value
			out.x = append(out.x, x)
			out.add(info, ys, replicates)
		}
	}
	return out
}
