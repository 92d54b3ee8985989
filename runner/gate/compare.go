package gate

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/contrast"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// comparing is a comparison that is being made.
type comparing struct {
	Comparison
	units    []*unit
	unitName string // what varies by chance, e.g. "seeds"
	effect   *contrast.Effect
	whole    float64 // mean of the new values, whatever the baseline has; where Measured is set
	lacks    bool    // the version that is checked has no value of something that it should have
	failed   bool    // some of that failed, and may not when it is run again
	differs  bool    // something makes the two not comparable
	few      bool    // the scores of all pairs are equal, and too few to speak for those that have no pair
}

// unit is a pair of replicates, with the scores that are averaged within it.
type unit struct {
	label  string // e.g. "seed 3, fold 1"
	shares string // what it shares with others, e.g. "fold 1": together they are one value
	places []place
}

// place is one score of one cell in both versions.
type place struct{ now, old found }

// found is what a version has in a place.
type found struct {
	state state
	score *record.Score // where there is one
	cell  int           // -1: none
	why   string        // there is no value

	undefined bool // lacking, and so it will be when it is measured again
}

type state uint8

const (
	absent  state = iota // not planned, excluded, or not estimable: no value is due
	lacking              // failed, or undefined
	valued
)

// picked is what a version has of the scores of a check.
type picked struct {
	*side
	cells map[string]int      // by the axes of the cell, those that the check selects
	exact map[string]*filed   // by the axes of the cell, metric, name and dimensions
	twice map[string]bool     // keys of cells, and of exact, that there is more than one of
	loose map[string][]*filed // failed scores that lack dimensions, by the axes of the cell, metric and name
	order []*filed            // all, in the order of the record
}

// filed is a score with what it is filed under.
type filed struct {
	cell         int
	score        *record.Score
	metric, name string
	dims         map[string]string
	loose        bool
}

// picker finds the scores of one check.
type picker struct {
	check      *spec.Check
	axes       []string        // of both versions
	over       []string        // that are averaged over, replicates aside
	chance     map[string]bool // see contrast.Replicates
	replicates []string        // the axes of it
}

// compare lists the comparisons of a check. old is nil where there is no baseline.
func compare(c *spec.Check, now, old *side) []*comparing {
	if old == nil {
		old = newSide(&record.Core{Manifest: record.Manifest{Axes: now.core.Manifest.Axes}})
	}
	p := &picker{check: c, axes: slices.Clone(now.core.Manifest.Axes), over: c.Over}
	for _, axis := range old.core.Manifest.Axes {
		if !slices.Contains(p.axes, axis) {
			p.axes = append(p.axes, axis)
		}
	}
	p.chance = contrast.Replicates(&old.core.Manifest)
	maps.Copy(p.chance, contrast.Replicates(&now.core.Manifest))
	for _, axis := range p.axes {
		if _, replicate := p.chance[axis]; replicate {
			p.replicates = append(p.replicates, axis)
		}
	}
	a, b := p.pick(now), p.pick(old)
	p.loosen(a, b)
	groups := p.groups(a, b)
	p.label(groups)
	var out []*comparing
	for _, g := range groups {
		x := p.fill(g, a, b)
		if len(x.units) > 0 {
			out = append(out, x)
		}
	}
	return out
}

// asked reports whether a check names a dimension.
func (p *picker) asked(dim string) bool {
	_, selected := p.check.Where[dim]
	return selected || slices.Contains(p.check.Over, dim)
}

// pick gathers the cells and scores of a version that a check selects.
func (p *picker) pick(s *side) *picked {
	out := &picked{side: s, cells: map[string]int{}, exact: map[string]*filed{}, twice: map[string]bool{}, loose: map[string][]*filed{}}
	for i := range s.core.Cells {
		if p.wanted(&s.core.Cells[i]) {
			key := p.cellKey(s.core.Cells[i].Axes)
			_, out.twice[key] = out.cells[key]
			out.cells[key] = i
		}
	}
	for i := range s.core.Scores {
		score := &s.core.Scores[i]
		cell, known := s.cells[score.Cell]
		if !known || !selects(p.check.Score, score.Metric, score.Name) || s.aside(score, p.asked) || !p.wanted(&s.core.Cells[cell]) {
			continue
		}
		f := &filed{cell: cell, score: score, metric: score.Metric, name: score.Name, dims: s.dims(score, p.asked)}
		if p.dimsWanted(f) {
			out.order = append(out.order, f)
		}
	}
	return out
}

func (p *picker) wanted(c *record.Cell) bool {
	for name, values := range p.check.Where {
		if slices.Contains(p.axes, name) && !among(c.Axes[name], values) {
			return false
		}
	}
	return true
}

// dimsWanted applies where to dimensions. A score without a value that lacks the dimension stays: it might have had any.
func (p *picker) dimsWanted(f *filed) bool {
	for name, values := range p.check.Where {
		if slices.Contains(p.axes, name) {
			continue
		}
		v, has := f.dims[name]
		if has && !among(v, values) || !has && f.score.Status == plugins.OK {
			return false
		}
	}
	return true
}

// loosen tells the scores without a value that lack dimensions which all others of their name have: each stands for every score that
// would have had them.
func (p *picker) loosen(sides ...*picked) {
	common := map[string][]string{}
	for _, s := range sides {
		for _, f := range s.order {
			if f.score.Status != plugins.OK {
				continue
			}
			key := joined(f.metric, f.name)
			dims, seen := common[key]
			if !seen {
				common[key] = slices.Collect(maps.Keys(f.dims))
				continue
			}
			common[key] = slices.DeleteFunc(dims, func(d string) bool { _, has := f.dims[d]; return !has })
		}
	}
	for _, s := range sides {
		for _, f := range s.order {
			f.loose = f.score.Status != plugins.OK &&
				slices.ContainsFunc(common[joined(f.metric, f.name)], func(d string) bool { _, has := f.dims[d]; return !has })
			axes := s.core.Cells[f.cell].Axes
			if f.loose {
				key := joined(p.cellKey(axes), f.metric, f.name)
				s.loose[key] = append(s.loose[key], f)
			} else {
				key := joined(p.cellKey(axes), f.metric, f.name, dimsKey(f.dims))
				s.twice[key] = s.exact[key] != nil
				s.exact[key] = f
			}
		}
	}
}

// cellKey is all axes of a cell.
func (p *picker) cellKey(axes map[string]string) string {
	return p.axesKey(axes, func(string) bool { return true })
}

func (p *picker) axesKey(axes map[string]string, take func(string) bool) string {
	var b strings.Builder
	for _, axis := range p.axes {
		if take(axis) {
			b.WriteString(axes[axis])
		}
		b.WriteByte(0)
	}
	return b.String()
}

func dimsKey(dims map[string]string) string {
	var parts []string
	for _, d := range slices.Sorted(maps.Keys(dims)) {
		parts = append(parts, d, dims[d])
	}
	return joined(parts...)
}

// group is what becomes one comparison.
type group struct {
	metric, name string
	axes, dims   map[string]string // that tell it apart
	cells        map[string]bool   // their axes' keys
	cellAxes     []map[string]string
	overDims     []map[string]string // the values of averaged dimensions; one empty set where there are none
	labels       []Label
}

// groups gathers what differs by replicates and averaged axes and dimensions alone.
func (p *picker) groups(sides ...*picked) []*group {
	var order []*group
	byKey := map[string]*group{}
	add := func(s *picked, f *filed) {
		axes, dims, over := map[string]string{}, map[string]string{}, map[string]string{}
		cell := s.core.Cells[f.cell].Axes
		for _, axis := range p.axes {
			if p.tells(axis) {
				axes[axis] = cell[axis]
			}
		}
		for d, v := range f.dims {
			if slices.Contains(p.over, d) {
				over[d] = v
			} else {
				dims[d] = v
			}
		}
		key := joined(p.axesKey(axes, p.tells), f.metric, f.name, dimsKey(dims))
		g := byKey[key]
		if g == nil {
			g = &group{metric: f.metric, name: f.name, axes: axes, dims: dims, cells: map[string]bool{}}
			byKey[key] = g
			order = append(order, g)
		}
		if !slices.ContainsFunc(g.overDims, func(o map[string]string) bool { return maps.Equal(o, over) }) {
			g.overDims = append(g.overDims, over)
		}
		g.include(p.cellKey(cell), cell)
	}
	for _, s := range sides {
		for _, f := range s.order {
			if !f.loose {
				add(s, f)
			}
		}
	}
	for _, s := range sides { // what failed belongs to each group that it may have been of, or makes one
		for _, f := range s.order {
			if f.loose && !p.join(order, s.core.Cells[f.cell].Axes, f) {
				add(s, f)
			}
		}
		for _, cell := range s.bare(p) {
			p.join(order, cell, nil)
		}
	}
	return order
}

func (g *group) include(key string, axes map[string]string) {
	if !g.cells[key] {
		g.cells[key] = true
		g.cellAxes = append(g.cellAxes, axes)
	}
}

// tells reports whether an axis tells comparisons apart.
func (p *picker) tells(axis string) bool {
	return !slices.Contains(p.over, axis) && !slices.Contains(p.replicates, axis)
}

// join adds a cell without exact scores to the groups that it belongs to; f is the failed score, nil for a cell without any.
func (p *picker) join(groups []*group, axes map[string]string, f *filed) bool {
	joinedAny := false
	for _, g := range groups {
		if f != nil && (g.metric != f.metric || g.name != f.name || !g.fits(f, p.over)) {
			continue
		}
		if p.axesKey(axes, p.tells) == p.axesKey(g.axes, p.tells) {
			g.include(p.cellKey(axes), axes)
			joinedAny = true
		}
	}
	return joinedAny
}

// fits reports whether the dimensions that a failed score has are those of a group.
func (g *group) fits(f *filed, over []string) bool {
	for d, v := range f.dims {
		if w, has := g.dims[d]; !slices.Contains(over, d) && (!has || v != w) {
			return false
		}
	}
	return true
}

// bare are the axes of the cells that failed without leaving any score.
func (s *picked) bare(p *picker) []map[string]string {
	var out []map[string]string
	for i := range s.core.Cells {
		c := &s.core.Cells[i]
		if c.Status == record.CellFailed && !s.scored[c.ID] && p.wanted(c) {
			out = append(out, c.Axes)
		}
	}
	return out
}

// label names each group by the axes that groups of the check differ by, and by its dimensions.
func (p *picker) label(groups []*group) {
	for _, axis := range p.axes {
		if !p.tells(axis) {
			continue
		}
		several := slices.ContainsFunc(groups, func(g *group) bool { return g.axes[axis] != groups[0].axes[axis] })
		_, selected := p.check.Where[axis]
		for _, g := range groups {
			if several || selected {
				g.labels = append(g.labels, Label{axis, g.axes[axis]})
			}
		}
	}
	for _, g := range groups {
		for _, d := range slices.Sorted(maps.Keys(g.dims)) {
			g.labels = append(g.labels, Label{d, g.dims[d]})
		}
	}
}

// fill finds both versions' scores of a group, by unit.
func (p *picker) fill(g *group, now, old *picked) *comparing {
	x := &comparing{Comparison: Comparison{
		Check: p.check, Score: g.metric + "." + g.name, Labels: g.labels, Direction: p.direction(now.core, g.metric, g.name),
	}}
	axes := p.unitAxes(g)
	x.unitName = contrast.UnitOf(axes)
	byLabel := map[string]*unit{}
	reasons := &reasons{}
	for _, cell := range g.cellAxes {
		key := p.cellKey(cell)
		for _, over := range g.overDims {
			at := place{now.find(g, key, over), old.find(g, key, over)}
			if at.now.state == absent && at.old.state == absent {
				continue
			}
			label := labelled(p.replicates, cell)
			u := byLabel[label]
			if u == nil {
				u = &unit{label: label, shares: labelled(axes, cell)}
				byLabel[label] = u
				x.units = append(x.units, u)
			}
			u.places = append(u.places, at)
			if at.now.cell >= 0 && at.old.cell >= 0 {
				reasons.of(now.side, old.side, at, g)
			}
		}
	}
	x.Why, x.differs = reasons.list, len(reasons.list) > 0
	return x
}

// unitAxes are those replicates, of what the cells of a group differ by, that are the unit of its interval.
func (p *picker) unitAxes(g *group) []string {
	var varying []string
	for _, axis := range p.replicates {
		if slices.ContainsFunc(g.cellAxes, func(axes map[string]string) bool { return axes[axis] != g.cellAxes[0][axis] }) {
			varying = append(varying, axis)
		}
	}
	if len(varying) == 0 {
		return []string{"seed"}
	}
	return contrast.UnitAxes(varying, p.chance)
}

// labelled names the values of axes that a cell has, e.g. "seed 3".
func labelled(axes []string, cell map[string]string) string {
	var parts []string
	for _, axis := range axes {
		if v, has := cell[axis]; has {
			parts = append(parts, axis+" "+v)
		}
	}
	return strings.Join(parts, ", ")
}

// direction is which way the score is better: as the check says, else as the version that is checked does.
func (p *picker) direction(core *record.Core, metric, name string) plugins.Direction {
	if p.check.Better != "" {
		return p.check.Better
	}
	for _, s := range core.Manifest.Scores {
		if s.Metric == metric && s.Name == name {
			return s.Better
		}
	}
	return plugins.Neutral
}

// find is what a version has of a group in a cell.
func (s *picked) find(g *group, cellKey string, over map[string]string) found {
	dims := maps.Clone(g.dims)
	maps.Copy(dims, over)
	cell, planned := s.cells[cellKey]
	if !planned {
		return found{state: absent, cell: -1, why: "there is no such cell"}
	}
	c := &s.core.Cells[cell]
	exact := joined(cellKey, g.metric, g.name, dimsKey(dims))
	f := s.exact[exact]
	if f == nil {
		for _, l := range s.loose[joined(cellKey, g.metric, g.name)] {
			if within(l.dims, dims) {
				f = l
			}
		}
	}
	out := found{cell: cell}
	switch {
	case c.Status == record.CellExcluded:
		out.why = "excluded: " + c.Reason
	case c.Status == record.CellNotEstimable:
		out.why = "not estimable: " + c.Reason
	case s.twice[cellKey] || s.twice[exact]:
		out.state, out.why = lacking, "it is there twice"
	case f == nil && c.Status == record.CellFailed && !s.scored[c.ID]:
		out.state, out.why = lacking, failure(c)
	case f == nil:
		out.why = "it is not measured"
	case f.score.Status == plugins.OK && !finite(f.score.Value):
		out.state, out.why = lacking, "its value is no finite number"
	case f.score.Status == plugins.OK:
		out.state, out.score = valued, f.score
	case f.score.Status == plugins.Undefined:
		out.state, out.undefined, out.why = lacking, true, "undefined: "+f.score.Reason
	case c.Status == record.CellFailed && (f.score.Reason == "" || f.score.Reason == c.Reason):
		out.state, out.why = lacking, failure(c)
	default:
		out.state, out.why = lacking, "failed: "+f.score.Reason
	}
	return out
}

func failure(c *record.Cell) string {
	if c.Stage == "" {
		return "failed: " + c.Reason
	}
	return fmt.Sprintf("failed at %s: %s", c.Stage, c.Reason)
}

// within reports whether all of the first are among the second.
func within(few, all map[string]string) bool {
	for k, v := range few {
		if w, has := all[k]; !has || v != w {
			return false
		}
	}
	return true
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
