package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/contrast"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// source is a core with the look-ups that all tables share.
type source struct {
	core   *record.Core
	texts  map[string]record.DataText // of data sets, where the views have them
	cells  map[string]int             // index of a cell by id
	scored []bool                     // whether a cell has any score, of whatever status
	asked  [][]string                 // the models that make the rows of a cell, by the experiment's names
	judges [][]string                 // the models that judge them
	by     map[string][]string        // the columns whose levels a metric measures apart, too
	axes   map[string]bool            // names of axes; any other name is a dimension
	order  map[string]map[string]int  // of the values of an axis: as first mentioned, then as the cells have them

	// replicates are the axes whose values differ by chance alone; true: on the same data, so that their spread does
	// not hold the sampling of test rows.
	replicates map[string]bool

	dependent map[int]string // what is said of cells whose rows are not independent of those of other seeds

	index *contrast.Index // for differences, made when first asked for

	published []spec.Published // numbers of others
}

func newSource(core *record.Core, texts map[string]record.DataText) *source {
	src := &source{
		core: core, texts: texts, cells: make(map[string]int, len(core.Cells)), scored: make([]bool, len(core.Cells)), asked: make([][]string, len(core.Cells)), judges: make([][]string, len(core.Cells)),
		axes: map[string]bool{}, order: map[string]map[string]int{}, replicates: contrast.Replicates(&core.Manifest),
		by: contrast.Groups(&core.Manifest), dependent: map[int]string{},
	}
	for _, a := range core.Manifest.Axes {
		src.axes[a] = true
		src.order[a] = map[string]int{}
		for _, v := range core.Manifest.AxisValues[a] {
			src.rank(a, v)
		}
	}
	for i := range core.Cells {
		src.cells[core.Cells[i].ID] = i
		for _, a := range core.Manifest.Axes {
			src.rank(a, core.Cells[i].Axes[a])
		}
	}
	for _, d := range core.Manifest.Dependent {
		for _, id := range d.Cells {
			if at, ok := src.cells[id]; ok {
				src.dependent[at] = d.Why
			}
		}
	}
	for i := range core.Scores {
		if at, ok := src.cells[core.Scores[i].Cell]; ok {
			src.scored[at] = true
		}
	}
	for i := range core.Counts {
		c := &core.Counts[i]
		at, ok := src.cells[c.Cell]
		if !ok || !c.OfModels() || c.Name != record.CountAnswers {
			continue
		}
		of := &src.asked[at]
		if c.Judges() {
			of = &src.judges[at]
		}
		if name := c.Dims[record.ModelDim]; !slices.Contains(*of, name) { // there may be several rounds
			*of = append(*of, name)
		}
	}
	return src
}

// asks reports whether a model made the rows of a cell, or judged them.
func (src *source) asks(cell int, model string) bool {
	return slices.Contains(src.asked[cell], model) || slices.Contains(src.judges[cell], model)
}

// others are the axes that are no replicates: a spread over them is no error of measurement.
func (src *source) others(axes []string) []string {
	return slices.DeleteFunc(slices.Clone(axes), func(a string) bool { _, ok := src.replicates[a]; return ok })
}

// generations reports whether some of the axes tell generations on the same data apart: an interval over them claims to hold what
// varies between these.
func (src *source) generations(axes []string) bool {
	return slices.ContainsFunc(axes, func(a string) bool { return src.replicates[a] })
}

func (src *source) rank(axis, value string) {
	if _, known := src.order[axis][value]; !known {
		src.order[axis][value] = len(src.order[axis])
	}
}

// hit is a score that a table's column asks for.
type hit struct {
	score *record.Score
	cell  int

	// of a difference, which is no score of the record, what it was made of
	of, less *record.Score
}

// group is the cells with one value for each row axis.
type group struct {
	labels   []string // of row axes; "" in the places of dimensions
	cells    []int    // not excluded
	excluded []int
	exact    []map[string][]hit // for each column: hits that have all row dimensions, by these
	partial  [][]hit            // for each column: hits that lack some
	tuples   [][]string         // labels with the dimensions filled in, as they first occur
	seen     map[string]bool
}

// row is one line of a table.
type row struct {
	group  *group
	labels []string
	key    string // of the labels
}

func (r *row) name(names []string) string {
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = n + " " + dashed(r.labels[i])
	}
	return strings.Join(parts, ", ")
}

// selection is what a table shows.
type selection struct {
	*source
	declared *spec.Table
	dims     []int // the rows that are dimensions
	groups   []*group
	overs    map[string][]string       // the values of each averaged axis that cells of the table have, excluded ones too
	dimOrder map[string]map[string]int // of the values of a dimension, as they first occur
	kinds    map[string]string         // of warnings, by text
	located  []bool                    // whether any hit of a column has all row dimensions
	owns     bool                      // some column selects by itself
	asks     map[string]bool           // dimensions that the table tells apart or selects by; of others that the runner adds, it shows raw scores of everyone

	// what was found of the averaged axes while values were summarised
	varied   []string // those with several values behind some value
	mixed    []string // of these, those that kept a mean from having an interval, as they are no replicates
	averaged []string // of these, those over which a mean has its interval
	bySite   bool     // some means are over test sites, each counting once
}

func keyOf(labels []string) string { return strings.Join(labels, "\x00") }

// selectScores gathers the cells and scores of a table by the values of its row axes.
func (src *source) selectScores(t *spec.Table) (*selection, error) {
	sel := &selection{
		source: src, declared: t, overs: map[string][]string{}, kinds: map[string]string{},
		dimOrder: map[string]map[string]int{}, located: make([]bool, len(t.Columns)), asks: map[string]bool{},
	}
	for name := range t.Where {
		sel.asks[name] = true
	}
	for c := range t.Columns {
		sel.owns = sel.owns || len(t.Columns[c].Where) > 0
	}
	for i, name := range t.Rows {
		sel.asks[name] = true
		if !src.axes[name] {
			sel.dims = append(sel.dims, i)
			sel.dimOrder[name] = map[string]int{}
		}
	}
	for _, name := range t.Over {
		if !src.axes[name] {
			return nil, fmt.Errorf("over: %q is no axis; the axes are %s", name, strings.Join(src.core.Manifest.Axes, ", "))
		}
	}
	of := sel.gatherCells()
	columns := sel.columnsOf()
	for i := range src.core.Scores {
		s := &src.core.Scores[i]
		asked := columns(s)
		if len(asked) == 0 {
			continue
		}
		at, known := src.cells[s.Cell]
		if !known {
			return nil, fmt.Errorf("score %s.%s belongs to a cell %q that is not recorded", s.Metric, s.Name, s.Cell)
		}
		if of[at] == nil || !src.dimsIn(s, t.Where) {
			continue
		}
		for _, c := range asked {
			if where := t.Columns[c].Where; !sel.unasked(s, where) && (where == nil || src.cellIn(at, where) && src.dimsIn(s, where)) {
				sel.add(of[at], c, hit{score: s, cell: at})
			}
		}
	}
	return sel, nil
}

// unasked reports whether a score is of a weighting or of a group of patients that neither the table nor the column, which
// selects where, asks for.
func (sel *selection) unasked(s *record.Score, where map[string][]spec.Value) bool {
	if sel.aside(s, plugins.Weighting, where) {
		return true
	}
	return slices.ContainsFunc(sel.by[s.Metric], func(name string) bool { return sel.aside(s, name, where) })
}

func (sel *selection) aside(s *record.Score, name string, where map[string][]spec.Value) bool {
	_, has := s.Dims[name]
	return has && !sel.asks[name] && where[name] == nil
}

// gatherCells groups the cells that the table's where lets through; the result holds each cell's group.
func (sel *selection) gatherCells() []*group {
	of := make([]*group, len(sel.core.Cells))
	byKey := map[string]*group{}
	var wanted []int
	for i := range sel.core.Cells {
		cell := &sel.core.Cells[i]
		if !sel.cellIn(i, sel.declared.Where) {
			continue
		}
		wanted = append(wanted, i)
		labels := make([]string, len(sel.declared.Rows))
		for k, name := range sel.declared.Rows {
			if sel.axes[name] {
				labels[k] = cell.Axes[name]
			}
		}
		g := byKey[keyOf(labels)]
		if g == nil {
			n := len(sel.declared.Columns)
			g = &group{labels: labels, exact: make([]map[string][]hit, n), partial: make([][]hit, n), seen: map[string]bool{}}
			byKey[keyOf(labels)] = g
			sel.groups = append(sel.groups, g)
		}
		of[i] = g
		if cell.Status == record.CellExcluded {
			g.excluded = append(g.excluded, i)
		} else {
			g.cells = append(g.cells, i)
		}
	}
	for _, axis := range sel.declared.Over {
		sel.overs[axis] = sel.valuesOf(axis, wanted)
	}
	return of
}

// columnsOf returns the look-up from a score to the columns that ask for it.
func (sel *selection) columnsOf() func(*record.Score) []int {
	type address struct{ metric, name string }
	known := map[address][]int{}
	return func(s *record.Score) []int {
		a := address{s.Metric, s.Name}
		columns, ok := known[a]
		if !ok {
			for c, column := range sel.declared.Columns {
				if column.Score == a.name || column.Score == a.metric+"."+a.name {
					columns = append(columns, c)
				}
			}
			known[a] = columns
		}
		return columns
	}
}

// cellIn reports whether a cell has the selected values of axes.
func (src *source) cellIn(cell int, where map[string][]spec.Value) bool {
	for name, values := range where {
		if src.axes[name] && !among(src.core.Cells[cell].Axes[name], values) {
			return false
		}
	}
	return true
}

// dimsIn reports whether a score has the selected values of dimensions. A failed score that lacks the dimension stays: it might
// have had any value.
func (src *source) dimsIn(s *record.Score, where map[string][]spec.Value) bool {
	for name, values := range where {
		if src.axes[name] {
			continue
		}
		v, has := src.dimension(s, name)
		if has && !among(v, values) || !has && s.Status != plugins.Failed {
			return false
		}
	}
	return true
}

// oversOf are the values of an averaged axis that cells of a column have.
func (sel *selection) oversOf(axis string, column int) []string {
	chosen := sel.declared.Columns[column].Where[axis]
	if chosen == nil {
		return sel.overs[axis]
	}
	return slices.DeleteFunc(slices.Clone(sel.overs[axis]), func(v string) bool { return !among(v, chosen) })
}

// cellsOf are those of some cells that a column is about.
func (sel *selection) cellsOf(cells []int, column int) []int {
	where := sel.declared.Columns[column].Where
	if len(where) == 0 {
		return cells
	}
	return slices.DeleteFunc(slices.Clone(cells), func(cell int) bool { return !sel.cellIn(cell, where) })
}

// dimension returns the value that a score has of a dimension. One without a weighting is raw, and one without a group that its
// metric measures by is of everyone; but for a failed one, which might have had any.
func (src *source) dimension(s *record.Score, name string) (value string, has bool) {
	value, has = s.Dims[name]
	switch {
	case has || s.Status == plugins.Failed:
		return value, has
	case name == plugins.Weighting:
		return plugins.Raw, true
	case slices.Contains(src.by[s.Metric], name):
		return plugins.Everyone, true
	}
	return "", false
}

func among(v string, values []spec.Value) bool {
	return slices.ContainsFunc(values, func(w spec.Value) bool { return w.String() == v })
}

// add files a hit under the line it belongs to.
func (sel *selection) add(g *group, column int, h hit) {
	labels := sel.fill(g, h.score)
	for _, i := range sel.dims {
		if labels[i] == "" {
			g.partial[column] = append(g.partial[column], h)
			return
		}
	}
	sel.located[column] = true
	for _, i := range sel.dims {
		order := sel.dimOrder[sel.declared.Rows[i]]
		if _, known := order[labels[i]]; !known {
			order[labels[i]] = len(order)
		}
	}
	if g.exact[column] == nil {
		g.exact[column] = map[string][]hit{}
	}
	key := keyOf(labels)
	g.exact[column][key] = append(g.exact[column][key], h)
	g.occurs(labels)
}

// fill is the labels of a line that a score belongs to, "" where it lacks the dimension.
func (sel *selection) fill(g *group, s *record.Score) []string {
	if len(sel.dims) == 0 {
		return g.labels
	}
	labels := slices.Clone(g.labels)
	for _, i := range sel.dims {
		labels[i], _ = sel.dimension(s, sel.declared.Rows[i])
	}
	return labels
}

func (g *group) occurs(labels []string) {
	if key := keyOf(labels); !g.seen[key] {
		g.seen[key] = true
		g.tuples = append(g.tuples, labels)
	}
}

// orderOf is the order of the values of an axis: as a selection lists them, else as the experiment first mentions them; of a dimension that
// nothing lists it is nil.
func (src *source) orderOf(name string, where map[string][]spec.Value) map[string]int {
	listed := where[name]
	if len(listed) < 2 {
		return src.order[name]
	}
	order := make(map[string]int, len(listed))
	for i, v := range listed {
		order[v.String()] = i
	}
	return order
}

// rows lists the lines of the table in order: as where lists the values of axes and dimensions, else axes as first mentioned and dimensions
// as they first occur, lines without a dimension last.
func (sel *selection) rows() []*row {
	var rows []*row
	for _, g := range sel.groups {
		if len(g.tuples) == 0 { // no score has all dimensions: lines for what is known of them
			for _, hits := range g.partial {
				for _, h := range hits {
					g.occurs(sel.fill(g, h.score))
				}
			}
		}
		if len(g.tuples) == 0 { // no score at all
			g.occurs(g.labels)
		}
		for _, labels := range g.tuples {
			rows = append(rows, &row{group: g, labels: labels, key: keyOf(labels)})
		}
	}
	slices.SortStableFunc(rows, func(a, b *row) int {
		for i, name := range sel.declared.Rows {
			order := sel.orderOf(name, sel.declared.Where)
			if order == nil {
				order = sel.dimOrder[name]
			}
			if c := cmp.Compare(rankOf(order, a.labels[i]), rankOf(order, b.labels[i])); c != 0 {
				return c
			}
		}
		return 0
	})
	return rows
}

func rankOf(order map[string]int, label string) int {
	if at, ok := order[label]; ok {
		return at
	}
	return len(order)
}
