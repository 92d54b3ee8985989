package auditcalibration

import (
	"math"
	"slices"
	"sort"

	"github.com/ehrlab/ehrlab/plugins"
)

var curveInfos = []plugins.CurveInfo{
	{
		Name: "roc", Area: "auroc", Kind: plugins.LineCurve, X: "1 − specificity", Y: "sensitivity", Least: new(0.0), Most: new(1.0), Dims: []string{plugins.AuditDim},
		Summary: "share of the planted errors that are caught at each share of false alarms on untouched real records",
	},
	{
		Name: "sweep", Kind: plugins.LineCurve, X: "threshold", Y: "kept share", Least: new(0.0), Most: new(1.0), Dims: []string{plugins.AuditDim, sourceDim},
		Summary: "share of the records of a source with at least a score; those without one are kept or not as the policy says",
	},
	{
		Name: "scores", Kind: plugins.LineCurve, X: "score", Y: "density", Least: new(0.0), Dims: []string{plugins.AuditDim, sourceDim},
		Summary: "share of the records of a source in each bin of the scores by the width of the bin, those without a score left out",
	},
}

const (
	grid     = 100 // steps of the ROC curve along x
	mostCuts = 40  // bins of scores without a step
)

// item is a record with a score, and its unit: a subject of test, or a row of its own.
type item struct {
	score   float64
	unit    int
	planted bool
}

// items are the records of some sources with a score, by score.
func (r *rating) items(sources ...plugins.Source) []item {
	var records []int
	for _, source := range sources {
		for _, i := range r.by[source] {
			if r.scored(i) {
				records = append(records, i)
			}
		}
	}
	unit, _ := r.people.Clusters(r.AuditReport, records)
	var out []item
	for k, i := range records {
		out = append(out, item{r.Judged.Verdicts[i].Score, int(unit[k]), r.Sources[i] == plugins.FromPlanted})
	}
	slices.SortStableFunc(out, func(a, b item) int {
		switch {
		case a.score < b.score:
			return -1
		case a.score > b.score:
			return 1
		}
		return 0
	})
	return out
}

// piece is neighbours among sorted items.
type piece struct {
	from, to int // of the items
	units    int
}

// pieces cuts items into pieces of plugins.FewestTold units each, where a cut is allowed: between items i-1 and i. What remains joins the
// last. It is nil where all together are too few.
func pieces(items []item, cut func(i int) bool) []piece {
	var out []piece
	seen := map[int]bool{}
	from := 0
	for i, x := range items {
		if i > from && len(seen) >= plugins.FewestTold && cut(i) {
			out = append(out, piece{from, i, len(seen)})
			from = i
			clear(seen)
		}
		seen[x.unit] = true
	}
	switch {
	case len(seen) >= plugins.FewestTold:
		out = append(out, piece{from, len(items), len(seen)})
	case len(out) > 0:
		out[len(out)-1].to = len(items)
	}
	return out
}

// curves adds the curves of the auditor. Each point stands for plugins.FewestTold subjects or rows; what is too small has no curve.
func (r *rating) curves() {
	for _, source := range plugins.Sources() {
		if source == plugins.FromReal && !r.ranked || source == plugins.FromSynthetic && r.handed {
			r.untold(source)
			continue
		}
		items := r.items(source)
		if len(items) == 0 || !(r.Scale.Max > r.Scale.Min) || r.Scale.Max-r.Scale.Min > math.MaxFloat64 {
			continue
		}
		r.curve(r.sweep(source, items), sourceDim, string(source))
		r.curve(r.distribution(source, items), sourceDim, string(source))
	}
	r.roc()
}

// untold counts the curves of a source that is not told of.
func (r *rating) untold(source plugins.Source) {
	for _, name := range []string{"sweep", "scores"} {
		if len(r.by[source]) > 0 {
			r.count(plugins.CurvesWithheld, 1, sourceDim, string(source), "curve", name)
		}
	}
}

// tellsFrom reports whether it may be told how many untouched real records have a score that is so, where it would be.
func (r *rating) tellsFrom(source plugins.Source, is func(score float64) bool) bool {
	return source != plugins.FromReal || r.tells(func(i int) bool { return r.scored(i) && is(r.Judged.Verdicts[i].Score) })
}

func (r *rating) curve(c plugins.Curve, pairs ...string) {
	if c.Dims = r.dims(pairs...); len(c.X) > 1 {
		r.out.Curves = append(r.out.Curves, c)
	} else {
		r.count(plugins.CurvesWithheld, 1, append(pairs, "curve", c.Name)...)
	}
}

// roc is the share of planted errors caught at each share 0, 0.01 … 1 of false alarms: linear between the cuts of the ranking, and the
// upper end where the curve is vertical.
func (r *rating) roc() {
	items := r.items(plugins.FromReal, plugins.FromPlanted)
	errors, others := 0, 0
	for _, x := range items {
		if x.planted {
			errors++
		} else {
			others++
		}
	}
	if errors == 0 || others == 0 {
		return
	}
	if !r.ranked {
		r.curve(plugins.Curve{Name: "roc"})
		return
	}
	cuts := pieces(items, func(i int) bool {
		return items[i].score != items[i-1].score && r.tellsFrom(plugins.FromReal, func(score float64) bool { return score >= items[i].score })
	})
	out := plugins.Curve{Name: "roc"}
	caught, alarms, at := 0, 0, 0
	rise := func(p piece) (rise, run int) {
		for _, x := range items[p.from:p.to] {
			if x.planted {
				rise++
			} else {
				run++
			}
		}
		return rise, run
	}
	for k := 0; k <= grid && len(cuts) > 0; k++ {
		for at < len(cuts) {
			up, along := rise(cuts[at])
			if (alarms+along)*grid > k*others { // whole numbers, so that ties are exact
				break
			}
			caught, alarms, at = caught+up, alarms+along, at+1
		}
		x, y := float64(k)/grid, float64(caught)
		if at < len(cuts) {
			up, along := rise(cuts[at])
			y += float64(up) * (x*float64(others) - float64(alarms)) / float64(along)
		}
		out.X, out.Y = append(out.X, x), append(out.Y, min(1, y/float64(errors)))
		out.N = append(out.N, cuts[min(at, len(cuts)-1)].units)
	}
	r.curve(out)
}

// edges are the bins of the scale: one of each score where they have a step and are not too many, else equal ones.
func (r *rating) edges() []float64 {
	low, high := r.Scale.Min, r.Scale.Max
	n, width := mostCuts, (high-low)/mostCuts
	if steps := (high - low) / r.Scale.Step; r.Scale.Step > 0 && steps < 2*mostCuts {
		low, width, n = low-r.Scale.Step/2, r.Scale.Step, int(steps+0.5)+1
	}
	out := make([]float64, n+1)
	for i := range out {
		out[i] = low + float64(i)*width
	}
	return out
}

// bin is the bin of a score: that of the last edge that it is not below.
func bin(edges []float64, score float64) int {
	at := sort.Search(len(edges), func(i int) bool { return edges[i] > score }) - 1
	return min(max(at, 0), len(edges)-2)
}

// cuts are the pieces of the scores of a source along bins, and the bin of each item.
func (r *rating) cuts(source plugins.Source, edges []float64, items []item) (of func(i int) int, cuts []piece) {
	of = func(i int) int { return bin(edges, items[i].score) }
	return of, pieces(items, func(i int) bool {
		return of(i) != of(i-1) && r.tellsFrom(source, func(score float64) bool { return bin(edges, score) >= of(i) })
	})
}

// sweep is the share that is kept at each threshold between pieces of the scores.
func (r *rating) sweep(source plugins.Source, items []item) plugins.Curve {
	kept, unscored := 0, 0
	for _, i := range r.by[source] {
		if !r.scored(i) {
			unscored++
			if r.Kept[i] {
				kept++
			}
		}
	}
	edges := r.edges()
	of, cuts := r.cuts(source, edges, items)
	out := plugins.Curve{Name: "sweep"}
	add := func(threshold float64, above, n int) {
		out.X, out.N = append(out.X, threshold), append(out.N, n)
		out.Y = append(out.Y, float64(above+kept)/float64(len(items)+unscored))
	}
	for k, p := range cuts {
		if k == 0 {
			add(r.Scale.Min, len(items), p.units)
			continue
		}
		threshold := edges[of(p.from)]
		if r.stepped(edges) {
			threshold += r.Scale.Step / 2 // the score in the middle of its bin
		}
		if threshold > out.X[len(out.X)-1] {
			add(threshold, len(items)-p.from, min(p.units, cuts[k-1].units))
		}
	}
	if n := len(cuts); n > 0 && r.Scale.Max > out.X[len(out.X)-1] {
		below, top := cuts[n-1], cuts[n-1]
		top.from = below.from + sort.Search(below.to-below.from, func(k int) bool { return items[below.from+k].score >= r.Scale.Max })
		below.to = top.from
		if few(different(items[below.from:below.to])) || few(different(items[top.from:top.to])) ||
			!r.tellsFrom(source, func(score float64) bool { return score >= r.Scale.Max }) {
			return out
		}
		add(r.Scale.Max, top.to-top.from, cuts[n-1].units)
	}
	return out
}

// different counts the different units of items.
func different(items []item) int {
	seen := map[int]bool{}
	for _, x := range items {
		seen[x.unit] = true
	}
	return len(seen)
}

func few(n int) bool { return n > 0 && n < plugins.FewestTold }

// stepped reports whether each bin is of one score.
func (r *rating) stepped(edges []float64) bool { return edges[0] < r.Scale.Min }

// distribution is the density of the scores in pieces of bins.
func (r *rating) distribution(source plugins.Source, items []item) plugins.Curve {
	edges := r.edges()
	of, cuts := r.cuts(source, edges, items)
	out := plugins.Curve{Name: "scores"}
	from := 0
	for k, p := range cuts {
		to := len(edges) - 1
		if k+1 < len(cuts) {
			to = of(cuts[k+1].from)
		}
		width := edges[to] - edges[from]
		out.X, out.N = append(out.X, (edges[from]+edges[to])/2), append(out.N, p.units)
		out.Y = append(out.Y, float64(p.to-p.from)/float64(len(items))/width)
		from = to
	}
	return out
}
