package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
)

// curveNotes is what is said of the curves of a figure.
type curveNotes struct {
	counts []string // n/N
	bands  []string // what bands of single curves are
	over   []string // axes that some mean is over
	banded []string // of these, those that some mean has a band over
	others []string // of these, those that are no replicates, and keep means from having one
	fixed  bool     // the replicates are on the same data
	why    []string // why curves are missing
	said   []string // what else is said
	cut    bool     // some band is cut at the range of y
	shared []string // what is said of replicates that are not independent
	areas  []string // what the intervals of areas in the legend are
	fewest int      // curves behind some point that fewer curves have than others; 0: there is none
	drawn  map[int]bool
}

// add notes what a bundle has to say, and returns why some of its planned cells have no curve.
func (n *curveNotes) add(g *gathered, b *bundle, planned []int) string {
	if n.drawn == nil {
		n.drawn = map[int]bool{}
	}
	for _, cell := range planned {
		n.drawn[cell] = true
	}
	if b.real {
		return ""
	}
	info := g.info(b.curves[0])
	if len(g.declared.Over) > 0 {
		n.counts = union(n.counts, []string{fraction(len(b.curves), len(planned))})
	}
	if varied := g.varied(b); len(b.curves) == 1 {
		if b.curves[0].Low != nil && info.Band != "" {
			n.bands = union(n.bands, []string{info.Band})
		}
	} else {
		n.over = union(n.over, varied)
		if others := g.others(varied); len(others) > 0 {
			n.others = union(n.others, others)
		} else {
			n.banded = union(n.banded, varied)
			n.fixed = !slices.ContainsFunc(varied, func(a string) bool { return !g.replicates[a] })
			for _, cell := range b.cells {
				if text := g.dependent[cell]; text != "" && g.generations(varied) {
					n.shared = union(n.shared, []string{strings.TrimPrefix(g.name(b)+": "+text, ": ")})
				}
			}
		}
	}
	var why []string
	for _, cell := range planned {
		if !b.has[cell] {
			text := cmp.Or(g.without(cell, b.curves[0].Metric, info.Name), "no curve")
			why = append(why, text)
			n.missing(g, cell, text)
		}
	}
	return strings.Join(slices.Compact(why), "; ")
}

// points notes what holds for single points of a mean of so many curves.
func (n *curveNotes) points(mean *meanCurve, curves int) {
	n.cut = n.cut || mean.cut
	if curves < 2 || len(mean.n) == 0 {
		return
	}
	if few := slices.Min(mean.n); few < curves && (n.fewest == 0 || few < n.fewest) {
		n.fewest = few
	}
}

// area notes what the interval of an area in the legend is, unless it is made as the bands are.
func (n *curveNotes) area(name string, iv *plugins.Interval) {
	if iv.Method == studentT {
		return
	}
	text := name + " in the legend: " + kind{iv.Level, iv.Unit, iv.Method}.String()
	if strings.HasPrefix(iv.Method, twoLevel) {
		text += "; the sampling of the test rows is in it"
	}
	n.areas = union(n.areas, []string{text + "."})
}

// missing notes why a cell has no curve.
func (n *curveNotes) missing(g *gathered, cell int, why string) {
	var at []string
	for _, axis := range append([]string{g.declared.Panels, g.declared.Series}, g.declared.Over...) {
		if g.axes[axis] {
			at = append(at, axis+" "+dashed(g.core.Cells[cell].Axes[axis]))
		}
	}
	n.why = union(n.why, []string{strings.TrimPrefix(strings.Join(at, ", ")+": "+why, ": ")})
}

// uncovered notes the cells that were to give a curve, and belong to nothing that is drawn: each is a row without a point.
func (g *gathered) uncovered(out *tidy, notes *curveNotes) {
	p := g.declared
	for _, cell := range g.cells {
		if notes.drawn[cell] {
			continue
		}
		failed := !g.scored[cell] && g.core.Cells[cell].Status == record.CellFailed
		i := slices.IndexFunc(g.infos, func(c record.CurveInfo) bool { return g.measures(cell, c.Metric) })
		if i < 0 && !failed {
			continue
		}
		why := g.without(cell, g.infos[max(i, 0)].Metric, g.infos[max(i, 0)].Name)
		notes.missing(g, cell, why)
		row := make([]string, len(out.head))
		for k, name := range g.headings() {
			if name == p.Panels || name == p.Series {
				row[k] = g.core.Cells[cell].Axes[name]
			}
		}
		row[len(row)-4], row[len(row)-3] = "0", strconv.Itoa(1)
		row[len(row)-2], row[len(row)-1] = string(Undefined), why
		if failed {
			row[len(row)-2] = string(Failed)
		}
		out.add(row...)
	}
}

// figureNotes is what stands under a figure of curves.
func (g *gathered) figureNotes(banner string, n *curveNotes) []string {
	var notes []string
	what := "Curves"
	if g.info(g.bundles[0].curves[0]).Kind == plugins.MatrixCurve {
		what = "Matrices"
	}
	if banner != "" {
		notes = append(notes, banner)
	}
	if counts := slices.Sorted(slices.Values(n.counts)); len(n.over) > 0 {
		text := what + " are pointwise means over " + unitOf(inOrder(g.declared.Over, n.over)) + "; n/N = " + strings.Join(counts, ", ") + "."
		if n.fewest > 0 {
			text += fmt.Sprintf(" Some points are of fewer curves, %d at least.", n.fewest)
		}
		if len(n.others) > 0 {
			text += " A mean over " + unitOf(n.others) + ", which are no replicates, has no band."
		}
		notes = append(notes, text)
	} else if len(counts) > 0 {
		notes = append(notes, "n/N = "+strings.Join(counts, ", ")+".")
	}
	if len(n.banded) > 0 {
		unit := unitOf(inOrder(g.declared.Over, n.banded))
		text := "Bands: " + kind{level, unit, "pointwise, " + studentT}.String() + "."
		if n.fixed {
			text += " The test rows are the same for all " + unit + "; their sampling is not in the band (generator variability, data fixed)."
		}
		if n.cut {
			text += " Bands are cut at the range of y."
		}
		notes = append(notes, text)
	}
	notes = append(notes, n.areas...)
	notes = append(notes, sentencesOf(alike(n.shared))...)
	for _, band := range n.bands {
		notes = append(notes, "Bands: "+band+".")
	}
	if info := g.info(g.bundles[0].curves[0]); info.Kind != plugins.MatrixCurve && slices.ContainsFunc(g.bundles, func(b *bundle) bool { return b.real }) {
		notes = append(notes, "Real: the real rows that all are compared with.")
	}
	notes = append(notes, n.said...)
	for _, text := range g.lacking() {
		n.why = append(n.why, "no curve with "+text)
	}
	notes = append(append(notes, limited(g.declared.Name, n.why)...), g.choices(g.cells, g.declared.Shown)...)
	return append(notes, g.origin())
}
