package contrast

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// Question says which scores are compared.
type Question struct {
	Score string                  // its address: "metric.score", or a score of any metric
	A, B  map[string]spec.Value   // axes that differ between the two arms
	Where map[string][]spec.Value // axes and dimensions
	Over  []string                // the axes that pairs of one group may differ by, besides those whose values differ by chance alone
}

// Group is pairs of one score that differ by the axes of Over, and by replicates, alone.
type Group struct {
	Metric, Name string // Metric is empty where cells failed and left no score
	Dims         map[string]string
	Axes         map[string]string // that all pairs have in common, and no arm names
	Unit         string            // what varies by chance from pair to pair, e.g. "seeds"
	UnitAxes     []string          // the axes of it
	Varying      []string          // the axes that pairs differ by
	Pairs        []Pair

	axes []map[string]string // of each pair
}

// Match pairs the scores of the cells that have the values of q.A with those of the cells that have the values of q.B and are otherwise
// alike: see Index.Partner. Pairs that lack a cell, a score or a value are there, with the reason. A cell that the experiment excludes on
// both sides is none.
//
// Groups are in the order of the cells and scores of a. There are none where nothing is planned. Without arms, each cell is a pair with
// itself: the groups then gather the values of each arm.
func Match(ix *Index, q Question) []*Group {
	m := &matcher{Index: ix, q: q, byAxes: map[string]*bundle{}}
	m.q.Over = slices.Concat(q.Over, slices.Sorted(maps.Keys(ix.replicates)))
	m.pairCells()
	for _, b := range m.bundles {
		m.pairScores(b)
	}
	groups := slices.DeleteFunc(m.groups, func(g *Group) bool { return len(g.Pairs) == 0 })
	for _, g := range groups {
		m.finish(g)
	}
	return groups
}

type matcher struct {
	*Index
	q       Question
	bundles []*bundle
	byAxes  map[string]*bundle
	groups  []*Group
}

// cells are two cells to be compared; -1 for one that is not there.
type cells struct{ a, b int }

// bundle is the pairs of cells that differ by the axes of Over alone.
type bundle struct {
	axes  map[string]string
	cells []cells
}

// pairCells finds the partner of each cell of a, and then the cells of b that none of a has for a partner.
func (m *matcher) pairCells() {
	matched := map[int]bool{}
	for i := range m.core.Cells {
		if !m.selected(i, m.q.A, m.q.Where) {
			continue
		}
		other, _ := m.Partner(i, m.q.A, m.q.B)
		matched[other] = true
		m.file(cells{i, other})
	}
	for i := range m.core.Cells {
		if m.selected(i, m.q.B, m.q.Where) && !matched[i] {
			m.file(cells{-1, i})
		}
	}
}

// file puts two cells into their bundle. Those that are excluded on both sides, or on the only one, are none.
func (m *matcher) file(c cells) {
	out := func(cell int) bool { return cell < 0 || m.core.Cells[cell].Status == record.CellExcluded }
	if out(c.a) && out(c.b) {
		return
	}
	axes := maps.Clone(m.axesOf(c))
	maps.DeleteFunc(axes, func(axis, _ string) bool {
		_, inA := m.q.A[axis]
		_, inB := m.q.B[axis]
		return inA || inB || slices.Contains(m.q.Over, axis)
	})
	b := m.byAxes[keyOf(axes)]
	if b == nil && c.a < 0 { // an axis may have no bearing on one of the arms
		if i := slices.IndexFunc(m.bundles, func(b *bundle) bool { return agree(b.axes, axes) }); i >= 0 {
			b = m.bundles[i]
		}
	}
	if b == nil {
		b = &bundle{axes: axes}
		m.byAxes[keyOf(axes)] = b
		m.bundles = append(m.bundles, b)
	}
	b.cells = append(b.cells, c)
}

// axesOf are the values of the first of two cells that is there.
func (m *matcher) axesOf(c cells) map[string]string {
	if c.a >= 0 {
		return m.core.Cells[c.a].Axes
	}
	return m.core.Cells[c.b].Axes
}

// agree reports whether cells are alike: an axis that one lacks, or that has no bearing on it, is alike.
func agree(a, b map[string]string) bool {
	for axis, v := range a {
		if w, has := b[axis]; has && v != w && v != noValue && w != noValue {
			return false
		}
	}
	return true
}

// pairScores makes a group of each score that cells of a bundle have.
func (m *matcher) pairScores(b *bundle) {
	for _, like := range m.scoresOf(b) {
		g := &Group{Metric: like.Metric, Name: like.Name, Dims: like.Dims, Axes: b.axes}
		for _, c := range b.cells {
			if p, planned := m.pair(c, like); planned {
				g.Pairs = append(g.Pairs, p)
				g.axes = append(g.axes, m.axesOf(c))
			}
		}
		m.groups = append(m.groups, g)
	}
}

// scoresOf lists the scores that cells of a bundle have, each once. One without a value that lacks a dimension of another stands for all
// that it might have had. Where cells failed without leaving any, one without a metric stands for what was asked for.
func (m *matcher) scoresOf(b *bundle) []*record.Score {
	var all []*record.Score
	known := map[string]bool{}
	failed := false
	for _, c := range b.cells {
		for _, cell := range []int{c.a, c.b} {
			if cell < 0 {
				continue
			}
			failed = failed || m.failed(cell)
			for _, s := range m.scores(cell) {
				if key := s.Metric + "\x00" + s.Name + "\x00" + keyOf(s.Dims); !known[key] && m.asked(s, m.q.Score, m.q.Where) {
					known[key] = true
					all = append(all, s)
				}
			}
		}
	}
	if len(all) == 0 && failed {
		return []*record.Score{{Score: plugins.Score{Name: m.q.Score}}}
	}
	return slices.DeleteFunc(slices.Clone(all), func(s *record.Score) bool {
		return s.Status != plugins.OK && slices.ContainsFunc(all, func(o *record.Score) bool { return o != s && mayBe(s, o) })
	})
}

// mayBe reports whether a score without a value lacks dimensions of another and is otherwise the same.
func mayBe(s, other *record.Score) bool {
	if s.Metric != other.Metric || s.Name != other.Name || s.Status == plugins.OK || len(s.Dims) >= len(other.Dims) {
		return false
	}
	for k, v := range s.Dims {
		if other.Dims[k] != v {
			return false
		}
	}
	return true
}

// pair sets a score of two cells against each other; planned is false where neither was to measure it.
func (m *matcher) pair(c cells, like *record.Score) (p Pair, planned bool) {
	p.A, p.CellA = m.ScoreOf(c.a, like), m.id(c.a)
	p.B, p.CellB = m.ScoreOf(c.b, like), m.id(c.b)
	if p.A == nil && p.B == nil && !m.failed(c.a) && !m.failed(c.b) {
		return p, false
	}
	var why []string
	if text := m.missing(c.a, p.A); text != "" {
		why = append(why, Described(m.q.A)+": "+text)
	}
	if text := m.missing(c.b, p.B); text != "" {
		why = append(why, Described(m.q.B)+": "+text)
	}
	p.Why = strings.Join(why, "; ")
	return p, true
}

// finish finds what varies between the pairs of a group, and what of it is the unit.
func (m *matcher) finish(g *Group) {
	for _, axis := range m.core.Manifest.Axes {
		if slices.Contains(m.q.Over, axis) && differs(g.axes, axis) {
			g.Varying = append(g.Varying, axis)
		}
	}
	units := m.unitAxes(g.Varying)
	parts := slices.DeleteFunc(slices.Clone(g.Varying), func(axis string) bool {
		_, replicate := m.replicates[axis]
		follows := slices.Contains(units, spec.TestSite) && (axis == spec.TrainSite || axis == "n")
		return replicate || follows || slices.Contains(units, axis)
	})
	g.Unit, g.UnitAxes = UnitOf(units), units
	for i := range g.Pairs {
		p := &g.Pairs[i]
		p.Label = labelled(g.Varying, g.axes[i])
		p.Part = labelled(parts, g.axes[i])
		p.Unit = cmp.Or(labelled(units, g.axes[i]), "all")
	}
}

// differs reports whether cells have several values of an axis.
func differs(cells []map[string]string, axis string) bool {
	first := ""
	for _, axes := range cells {
		v := axes[axis]
		switch {
		case v == "" || v == noValue:
		case first == "":
			first = v
		case v != first:
			return true
		}
	}
	return false
}

// unitAxes picks, of axes that vary, those whose values are the unit of an interval: test hospitals; else see UnitAxes.
func (ix *Index) unitAxes(varying []string) []string {
	if slices.Contains(varying, spec.TestSite) {
		return []string{spec.TestSite}
	}
	return UnitAxes(varying, ix.replicates)
}

// UnitAxes picks, of axes that vary, those whose values are the unit of an interval: replicates that differ in the data, such as the seed of
// the split, as what shares them varies together; else the seed; else any other replicate. See Replicates.
func UnitAxes(varying []string, replicates map[string]bool) []string {
	chance := slices.DeleteFunc(slices.Clone(varying), func(a string) bool { _, ok := replicates[a]; return !ok })
	data := slices.DeleteFunc(slices.Clone(chance), func(a string) bool { return replicates[a] })
	switch {
	case len(data) > 0:
		return data
	case slices.Contains(chance, "seed"):
		return []string{"seed"}
	}
	return chance
}

// labelled is e.g. "seed 3, n 500".
func labelled(axes []string, values map[string]string) string {
	parts := make([]string, len(axes))
	for i, a := range axes {
		parts[i] = a + " " + values[a]
	}
	return strings.Join(parts, ", ")
}
