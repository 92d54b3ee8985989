package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// place is where a curve belongs in a figure.
type place struct {
	panel, series string
	real          bool   // of the real rows alone: one for all series
	level         string // of curves of one point each, the category that it stands for
}

// bundle is the curves that are drawn as one.
type bundle struct {
	place
	curves []*record.Curve
	cells  []int        // of the curves
	has    map[int]bool // the same
}

// gathered are the curves of a plot.
type gathered struct {
	*source
	declared *spec.Plot
	infos    []record.CurveInfo         // that the address may mean
	cells    []int                      // that the plot selects, excluded ones left out
	bundles  []*bundle                  // in the order of their places
	side     bool                       // the curves are of two sides, and no field of the plot tells them apart
	seen     map[string]map[string]bool // the values of dimensions that curves of the cells have, selected or not
	measured map[cellMetric][]*record.Score
}

// curves gathers a plot of recorded curves.
func (src *source) curves(p *spec.Plot) *plotted {
	g, err := src.gather(p)
	if err != nil {
		return src.unfilled(p, err)
	}
	return g.lines()
}

// curveHead is what the plotted data of curves say of each point.
var curveHead = []string{"x", "y", "low", "high", "measured", "planned", "status", "note"}

// unfilled is a plot of curves that says why it has none.
func (src *source) unfilled(p *spec.Plot, why error) *plotted {
	fig := plugins.Figure{Title: p.Title, XLabel: p.XLabel, YLabel: p.YLabel}
	out := &tidy{head: curveHead, banner: src.banner(nil)}
	if out.banner != "" {
		fig.Notes = append(fig.Notes, out.banner)
	}
	text := "No value: " + why.Error()
	out.problem(text)
	fig.Notes = append(fig.Notes, text, src.origin())
	return &plotted{name: p.Name, figure: fig, data: out.csv}
}

// gather files the recorded curves that a plot asks for under their places.
func (src *source) gather(p *spec.Plot) (*gathered, error) {
	g := &gathered{source: src, declared: p}
	for _, c := range src.core.Manifest.Curves {
		if p.Curve == c.Name || p.Curve == c.Metric+"."+c.Name {
			g.infos = append(g.infos, c)
		}
	}
	if len(g.infos) == 0 {
		return nil, fmt.Errorf("no curve named %q is recorded", p.Curve)
	}
	wanted := map[string]int{}
	for i := range src.core.Cells {
		if src.core.Cells[i].Status != record.CellExcluded && src.cellIn(i, p.Where) {
			g.cells = append(g.cells, i)
			wanted[src.core.Cells[i].ID] = i
		}
	}
	byPlace := map[place]*bundle{}
	for i := range src.core.Curves {
		c := &src.core.Curves[i]
		cell, selected := wanted[c.Cell]
		info := g.info(c)
		if !selected || info == nil {
			continue
		}
		g.see(c)
		if !g.asked(c) {
			continue
		}
		at, whole := g.place(c, info, cell)
		if !whole {
			continue // it lacks what tells series or panels apart
		}
		b := byPlace[at]
		if b == nil {
			b = &bundle{place: at, has: map[int]bool{}}
			byPlace[at] = b
			g.bundles = append(g.bundles, b)
		}
		b.curves, b.cells = append(b.curves, c), append(b.cells, cell)
		b.has[cell] = true
	}
	if len(g.bundles) == 0 {
		if lacking := g.lacking(); len(lacking) > 0 && len(g.seen) > 0 {
			return nil, fmt.Errorf("no cell of the plot has a curve %q with %s", p.Curve, strings.Join(lacking, ", "))
		}
		return nil, fmt.Errorf("no cell of the plot has the curve %q%s", p.Curve, g.missing())
	}
	g.sort()
	for _, b := range g.bundles {
		if err := g.checkMeeting(b); err != nil {
			return nil, err
		}
	}
	return g, g.checkLevels()
}

// see notes the dimensions of a curve.
func (g *gathered) see(c *record.Curve) {
	for dim, value := range c.Dims {
		if g.seen == nil {
			g.seen = map[string]map[string]bool{}
		}
		if g.seen[dim] == nil {
			g.seen[dim] = map[string]bool{}
		}
		g.seen[dim][value] = true
	}
}

// lacking are the values of dimensions that the plot selects and no curve of its cells has, e.g. "column age".
func (g *gathered) lacking() []string {
	var out []string
	for _, dim := range slices.Sorted(maps.Keys(g.declared.Where)) {
		for _, v := range g.declared.Where[dim] {
			if !g.axes[dim] && dim != plugins.Weighting && !g.seen[dim][v.String()] && !g.measuredBy(dim) {
				out = append(out, dim+" "+v.String())
			}
		}
	}
	return out
}

// measuredBy reports whether a metric measures the levels of a column apart: then everyone is one of its values.
func (g *gathered) measuredBy(dim string) bool {
	return slices.ContainsFunc(g.infos, func(c record.CurveInfo) bool { return slices.Contains(g.by[c.Metric], dim) })
}

// info describes a curve; nil where the plot does not ask for it.
func (g *gathered) info(c *record.Curve) *plugins.CurveInfo {
	for i := range g.infos {
		if g.infos[i].Metric == c.Metric && g.infos[i].Name == c.Name {
			return &g.infos[i].CurveInfo
		}
	}
	return nil
}

// asked reports whether a curve has the selected dimensions, and none that the runner adds and the plot does not ask for.
func (g *gathered) asked(c *record.Curve) bool {
	p := g.declared
	named := func(dim string) bool { return p.Series == dim || p.Panels == dim || p.Where[dim] != nil }
	for _, dim := range append([]string{plugins.Weighting}, g.by[c.Metric]...) {
		if _, has := c.Dims[dim]; has && !named(dim) {
			return false
		}
	}
	return g.dimsIn(likeScore(c), p.Where)
}

// likeScore is a score with the dimensions of a curve, for what is asked of either.
func likeScore(c *record.Curve) *record.Score {
	return &record.Score{Cell: c.Cell, Metric: c.Metric, Score: plugins.Score{Name: c.Name, Dims: c.Dims, Status: plugins.OK}}
}

// place finds where a curve belongs; whole is false when it lacks a dimension that tells places apart.
func (g *gathered) place(c *record.Curve, info *plugins.CurveInfo, cell int) (at place, whole bool) {
	label := func(name string) (string, bool) {
		if name == "" {
			return "", true
		}
		if g.axes[name] {
			return g.core.Cells[cell].Axes[name], true
		}
		return g.dimension(likeScore(c), name)
	}
	var hasPanel, hasSeries bool
	at.panel, hasPanel = label(g.declared.Panels)
	at.series, hasSeries = label(g.declared.Series)
	if info.Level != "" {
		at.level = c.Dims[info.Level]
	} else if info.Kind == plugins.MatrixCurve {
		at.level = c.Dims[plugins.ColumnDim]
	}
	side, sided := c.Dims[plugins.SideDim]
	if sided && g.declared.Series != plugins.SideDim && g.declared.Panels != plugins.SideDim && len(g.declared.Where[plugins.SideDim]) != 1 {
		g.side = true
		if side == plugins.RealSide {
			at.series, at.real, hasSeries = "", true, true
		}
	}
	return at, hasPanel && hasSeries
}

// sort puts bundles in the order of panels and series, the real rows before all series.
func (g *gathered) sort() {
	p := g.declared
	rank := func(name, label string) int {
		if order := g.orderOf(name, p.Where); order != nil {
			return rankOf(order, label)
		}
		return 0 // as they occur
	}
	slices.SortStableFunc(g.bundles, func(a, b *bundle) int {
		real := 0
		if a.real != b.real {
			if real = 1; a.real {
				real = -1
			}
		}
		return cmp.Or(rank(p.Panels, a.panel)-rank(p.Panels, b.panel), real, rank(p.Series, a.series)-rank(p.Series, b.series))
	})
}

// checkLevels reports levels of several columns in one place.
func (g *gathered) checkLevels() error {
	first := map[place]*record.Curve{}
	for _, b := range g.bundles {
		at, c := b.place, b.curves[0]
		at.level = ""
		other := first[at]
		if other == nil {
			first[at] = c
			continue
		}
		info := g.info(c)
		if info.Kind == plugins.MatrixCurve {
			continue
		}
		a, z := likeScore(other), likeScore(c)
		a.Dims, z.Dims = maps.Clone(a.Dims), maps.Clone(z.Dims)
		delete(a.Dims, info.Level)
		delete(z.Dims, info.Level)
		if !maps.Equal(a.Dims, z.Dims) {
			return fmt.Errorf("two curves of one cell meet; add to series, panels or where: %s", differingDim(a, z))
		}
	}
	return nil
}

// checkMeeting reports curves that must not be drawn as one.
func (g *gathered) checkMeeting(b *bundle) error {
	first := b.curves[0]
	if b.real {
		for _, c := range b.curves[1:] {
			if !slices.Equal(c.X, first.X) || !slices.Equal(c.Y, first.Y) {
				return fmt.Errorf("the real rows of cell %s and cell %s have different curves; select some of the cells with where", first.Cell, c.Cell)
			}
		}
		return nil
	}
	seen := map[int]*record.Curve{}
	for i, c := range b.curves {
		if c.Metric != first.Metric {
			return fmt.Errorf("curves of the metrics %q and %q meet; name the metric", first.Metric, c.Metric)
		}
		if other := seen[b.cells[i]]; other != nil {
			return fmt.Errorf("two curves of one cell meet; add to series, panels or where: %s", differingDim(likeScore(other), likeScore(c)))
		}
		seen[b.cells[i]] = c
		for _, axis := range g.core.Manifest.Axes {
			a, z := g.core.Cells[b.cells[0]].Axes[axis], g.core.Cells[b.cells[i]].Axes[axis]
			if a != z && !slices.Contains(g.declared.Over, axis) {
				return fmt.Errorf("cells with %s %q and %q meet; add %q to series, panels, over or where", axis, a, z, axis)
			}
		}
	}
	return nil
}

// lines draws the bundles.
func (g *gathered) lines() *plotted {
	p := g.declared
	info := g.info(g.bundles[0].curves[0])
	fig := plugins.Figure{Title: p.Title, XLabel: p.XLabel, YLabel: cmp.Or(p.YLabel, info.Y)}
	out := &tidy{head: append(axisNamed(g.headings(), curveHead), curveHead...), banner: g.banner(g.cells)}
	var panels []plugins.Figure
	notes := &curveNotes{}
	for _, b := range g.bundles {
		k := slices.IndexFunc(panels, func(f plugins.Figure) bool { return f.Title == b.panel })
		if k < 0 {
			k = len(panels)
			own := g.info(b.curves[0])
			panels = append(panels, plugins.Figure{Title: b.panel, XLabel: cmp.Or(p.XLabel, g.xLabel(own, b)), YLabel: cmp.Or(p.YLabel, own.Y)})
		}
		g.draw(b, &panels[k], out, notes)
	}
	g.uncovered(out, notes)
	if len(panels) == 1 && p.Panels == "" {
		fig.XLabel, fig.YLabel, fig.Series, fig.Categories = panels[0].XLabel, panels[0].YLabel, panels[0].Series, panels[0].Categories
	} else {
		fig.Panels = panels
	}
	fig.Notes = g.figureNotes(out.banner, notes)
	return &plotted{name: p.Name, figure: fig, data: out.csv}
}

// headings are the columns before those of each point: panel, series, side and level, where there are any.
func (g *gathered) headings() []string {
	var out []string
	if g.declared.Panels != "" {
		out = append(out, g.declared.Panels)
	}
	if g.declared.Series != "" {
		out = append(out, g.declared.Series)
	}
	if g.side {
		out = append(out, plugins.SideDim)
	}
	if i := slices.IndexFunc(g.infos, func(c record.CurveInfo) bool { return c.Level != "" }); i >= 0 {
		out = append(out, g.infos[i].Level)
	}
	return out
}

// xLabel is what stands along x: for values of a column, its name and unit.
func (g *gathered) xLabel(info *plugins.CurveInfo, b *bundle) string {
	column, has := b.curves[0].Dims[plugins.ColumnDim]
	if !has || info.X != "value" && info.X != "level" {
		return info.X
	}
	for _, d := range g.core.Manifest.Data {
		for _, c := range d.Columns {
			if c.Name == column && c.Unit != "" {
				return column + " (" + c.Unit + ")"
			}
		}
	}
	return column
}

// name is what the legend calls a bundle.
func (g *gathered) name(b *bundle) string {
	switch {
	case b.real:
		return plugins.RealSide
	case g.declared.Series != "":
		return dashed(b.series)
	case g.side:
		return plugins.SynthSide
	}
	return ""
}

// draw adds the mean of a bundle to its panel and to the plotted data.
func (g *gathered) draw(b *bundle, fig *plugins.Figure, out *tidy, notes *curveNotes) {
	planned, mean := g.planned(b), g.mean(b)
	s := g.series(b, fig, notes)
	if b.level != "" {
		at := slices.Index(fig.Categories, b.level)
		if at < 0 {
			at = len(fig.Categories)
			fig.Categories = append(fig.Categories, b.level)
		}
		mean.x = slices.Repeat([]float64{float64(at)}, len(mean.x))
	}
	s.X, s.Y = append(s.X, mean.x...), append(s.Y, mean.y...)
	s.Low, s.High = append(s.Low, mean.low...), append(s.High, mean.high...)
	why := notes.add(g, b, planned)
	if !b.real {
		notes.points(&mean, len(b.curves))
	}
	for i := range mean.x {
		measured, of := mean.n[i], len(planned)
		cells := g.labelsOf(b)
		counts := []string{strconv.Itoa(measured), strconv.Itoa(of)}
		if b.real {
			counts = []string{"", ""}
		}
		out.add(slices.Concat(cells, []string{full(mean.x[i]), full(mean.y[i]), full(mean.low[i]), full(mean.high[i])}, counts, []string{string(OK), why})...)
	}
	if len(mean.x) == 0 {
		row := append(g.labelsOf(b), make([]string, len(curveHead))...)
		row[len(row)-2], row[len(row)-1] = string(Undefined), "the curve has no point"
		out.add(row...)
	}
}

// mean is the mean of the curves of a bundle; those of the real rows are all the same.
func (g *gathered) mean(b *bundle) meanCurve {
	info, curves := g.info(b.curves[0]), b.curves
	if b.real {
		curves = curves[:1]
	}
	varied := g.varied(b)
	return meanOf(info, curves, len(varied) > 0 && len(g.others(varied)) == 0)
}

// series finds or makes the series of a bundle in its panel.
func (g *gathered) series(b *bundle, fig *plugins.Figure, notes *curveNotes) *plugins.Series {
	name := g.name(b)
	for i := range fig.Series {
		if fig.Series[i].Name == name {
			return &fig.Series[i]
		}
	}
	s := plugins.Series{Name: name}
	if !b.real {
		s.Note, s.Chance = g.area(b, notes), g.chance(b)
	}
	fig.Series = append(fig.Series, s)
	return &fig.Series[len(fig.Series)-1]
}

// labelsOf are the columns of headings of a bundle.
func (g *gathered) labelsOf(b *bundle) []string {
	var out []string
	for _, name := range g.headings() {
		switch name {
		case g.declared.Panels:
			out = append(out, b.panel)
		case g.declared.Series:
			out = append(out, b.series)
		case plugins.SideDim:
			side := plugins.SynthSide
			if b.real {
				side = plugins.RealSide
			}
			out = append(out, side)
		default:
			out = append(out, b.level)
		}
	}
	return out
}

// planned are the cells that were to give a curve of a bundle.
func (g *gathered) planned(b *bundle) []int {
	var out []int
	metric := b.curves[0].Metric
	for _, cell := range g.cells {
		axes := g.core.Cells[cell].Axes
		if p := g.declared; g.axes[p.Panels] && axes[p.Panels] != b.panel || g.axes[p.Series] && axes[p.Series] != b.series && !b.real {
			continue
		}
		if b.has[cell] || g.measures(cell, metric) || !g.scored[cell] && g.core.Cells[cell].Status == record.CellFailed {
			out = append(out, cell)
		}
	}
	return out
}

// measures reports whether a cell has any score of a metric, of whatever status.
func (g *gathered) measures(cell int, metric string) bool {
	return len(g.scoresOf(cell, metric)) > 0
}

// cellMetric names the scores of one metric in one cell.
type cellMetric struct {
	cell   int
	metric string
}

func (g *gathered) scoresOf(cell int, metric string) []*record.Score {
	if g.measured == nil {
		g.measured = map[cellMetric][]*record.Score{}
		for i := range g.core.Scores {
			s := &g.core.Scores[i]
			if at, known := g.source.cells[s.Cell]; known && slices.ContainsFunc(g.infos, func(c record.CurveInfo) bool { return c.Metric == s.Metric }) {
				g.measured[cellMetric{at, s.Metric}] = append(g.measured[cellMetric{at, s.Metric}], s)
			}
		}
	}
	return g.measured[cellMetric{cell, metric}]
}

// varied are the averaged axes that have several values among the cells of a bundle.
func (g *gathered) varied(b *bundle) []string {
	var out []string
	for _, axis := range g.declared.Over {
		values := map[string]bool{}
		for _, cell := range b.cells {
			values[g.core.Cells[cell].Axes[axis]] = true
		}
		if len(values) > 1 {
			out = append(out, axis)
		}
	}
	return out
}

// missing says why cells have no curve, "" when it is not known; it begins with a colon.
func (g *gathered) missing() string {
	var why []string
	for _, cell := range g.cells {
		for _, info := range g.infos {
			if text := g.without(cell, info.Metric, info.Name); text != "" && !slices.Contains(why, text) {
				why = append(why, text)
			}
		}
	}
	if len(why) == 0 {
		return ""
	}
	return ": " + strings.Join(why[:min(len(why), 3)], "; ")
}

// without says why a cell lacks a curve of a metric.
func (g *gathered) without(cell int, metric, curve string) string {
	if g.core.Cells[cell].Status == record.CellFailed && !g.measures(cell, metric) {
		return (&selection{source: g.source}).cellFailure(cell)
	}
	for i := range g.core.Counts {
		c := &g.core.Counts[i]
		if c.Cell == g.core.Cells[cell].ID && c.Name == plugins.CurvesWithheld && c.Dims["metric"] == metric && c.Dims["curve"] == curve {
			return "withheld, as a point would stand for fewer than " + strconv.Itoa(plugins.FewestTold) + " subjects"
		}
	}
	if !g.measures(cell, metric) {
		return ""
	}
	for _, s := range g.scoresOf(cell, metric) {
		switch s.Status {
		case plugins.Failed:
			return "failed: " + s.Reason
		case plugins.Undefined:
			return "undefined: " + s.Reason
		}
	}
	return "the metric gives none on these rows"
}

// area is the score that is the area under the curves of a bundle, as the legend has it; "" where there is none. What its interval is
// becomes a note: it is not that of the band.
func (g *gathered) area(b *bundle, notes *curveNotes) string {
	info := g.info(b.curves[0])
	if info.Area == "" {
		return ""
	}
	v, ok := g.scoreBeside(b, info.Area)
	if !ok {
		return ""
	}
	text := strings.ToUpper(info.Area) + " " + number(v.Value, 3)
	if v.Interval != nil {
		text += fmt.Sprintf(" (%s to %s)", number(v.Interval.Low, 3), number(v.Interval.High, 3))
		notes.area(strings.ToUpper(info.Area), v.Interval)
	}
	return text
}

// chance is the level of a curve without information; nil where it is not known.
func (g *gathered) chance(b *bundle) *float64 {
	info := g.info(b.curves[0])
	if info.Chance == "" {
		return nil
	}
	v, ok := g.scoreBeside(b, info.Chance)
	if !ok {
		return nil
	}
	return &v.Value
}

// scoreBeside is a score of the measurement that a bundle is of, averaged like its curves.
func (g *gathered) scoreBeside(b *bundle, name string) (Value, bool) {
	p := g.declared
	where := maps.Clone(p.Where)
	if where == nil {
		where = map[string][]spec.Value{}
	}
	for key, label := range map[string]string{p.Panels: b.panel, p.Series: b.series} {
		if key != "" {
			where[key] = slices.DeleteFunc(valuesCalled(label, where[key]), func(v spec.Value) bool { return v.String() != label })
		}
	}
	t := g.table(&spec.Table{Name: p.Name, Over: p.Over, Where: where, Columns: []spec.TableColumn{{Score: b.curves[0].Metric + "." + name}}})
	if t.Problem != "" || len(t.Lines) != 1 || t.Lines[0].Values[0].Status != OK {
		return Value{}, false
	}
	return t.Lines[0].Values[0], true
}

// valuesCalled are given values, or one that is written like a label.
func valuesCalled(label string, given []spec.Value) []spec.Value {
	if len(given) > 0 {
		return slices.Clone(given)
	}
	return []spec.Value{{Text: label}}
}
