package rate

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/split"
)

// mostLevels is the number of levels that a column can have to be measured by.
const mostLevels = 100

// Group is a named group of rows: those that have one of some levels in each of its columns. Levels are texts, a number the shortest
// that means it.
type Group struct {
	Name    string
	Columns map[string][]string
}

// rows lists the rows of a group, of so many. A column that is not there leaves none out.
func (x Group) rows(n int, column columnOf) []int {
	rows := all(n)
	for name, levels := range x.Columns {
		c := column(name)
		if c == nil {
			continue
		}
		of, names := split.Indexed(c)
		if c.Kind == frame.Number {
			levels = numbers(levels)
		}
		rows = slices.DeleteFunc(rows, func(row int) bool {
			return of[row] == frame.Missing || !slices.Contains(levels, names[of[row]])
		})
	}
	return rows
}

// numbers writes levels as those of numbers are.
func numbers(levels []string) []string {
	out := slices.Clone(levels)
	for i, level := range out {
		if v, err := strconv.ParseFloat(level, 64); err == nil {
			out[i] = strconv.FormatFloat(v, 'f', -1, 64)
		}
	}
	return out
}

// columnOf finds a column of some rows; nil where they have none of the name.
type columnOf func(name string) *frame.Column

// groups are the rows of a pair by the levels of a column, or by named groups, which may share rows.
type groups struct {
	dim     string
	columns func(level string) []string
	pair    *plugins.Pair
	levels  []string // that test rows have, or those of the first part that is read where test is not; or the named groups
	parts   map[plugins.Part]map[string][]int
	made    map[string][]int // synthetic rows
	divide  func(rows int, column columnOf) map[string][]int
}

// byColumn divides the rows of a pair by the levels of a column. Without the column, all rows are of each level.
func byColumn(pair *plugins.Pair, reads []plugins.Part, by string) (*groups, error) {
	g := &groups{dim: by, columns: func(string) []string { return []string{by} }, pair: pair}
	g.divide = func(rows int, column columnOf) map[string][]int {
		if c := column(by); c != nil {
			return rowsOf(c)
		}
		every := map[string][]int{}
		for _, level := range g.levels {
			every[level] = all(rows)
		}
		return every
	}
	if err := g.real(reads, []string{by}); err != nil {
		return nil, err
	}
	lead := reads[0]
	if slices.Contains(reads, plugins.Test) {
		lead = plugins.Test
	}
	g.levels = slices.Sorted(maps.Keys(g.parts[lead]))
	if slices.Contains(g.levels, plugins.Everyone) {
		return nil, fmt.Errorf("column %q has the value %q, which is what all rows together are called in tables and in where; the data set can give the level another name", by, plugins.Everyone)
	}
	if len(g.levels) > mostLevels {
		return nil, fmt.Errorf("column %q has %d values, more than the %d levels that scores are measured by", by, len(g.levels), mostLevels)
	}
	g.made = g.divide(pair.Synthetic.Rows(), pair.Synthetic.Column)
	return g, nil
}

// byName divides the rows of a pair into named groups, in their order.
func byName(pair *plugins.Pair, reads []plugins.Part, list []Group) (*groups, error) {
	columns := map[string]bool{}
	g := &groups{dim: plugins.GroupDim, pair: pair}
	for _, x := range list {
		g.levels = append(g.levels, x.Name)
		for name := range x.Columns {
			columns[name] = true
		}
	}
	g.columns = func(level string) []string {
		return slices.Sorted(maps.Keys(list[slices.Index(g.levels, level)].Columns))
	}
	g.divide = func(rows int, column columnOf) map[string][]int {
		out := map[string][]int{}
		for _, x := range list {
			out[x.Name] = x.rows(rows, column)
		}
		return out
	}
	if err := g.real(reads, slices.Sorted(maps.Keys(columns))); err != nil {
		return nil, err
	}
	g.made = g.divide(pair.Synthetic.Rows(), pair.Synthetic.Column)
	return g, nil
}

// real divides the real rows, which must have the columns.
func (g *groups) real(reads []plugins.Part, columns []string) error {
	g.parts = map[plugins.Part]map[string][]int{}
	for _, part := range reads {
		sample := g.pair.Parts.Get(part)
		column := func(name string) *frame.Column {
			c := sample.Frame.Column(name)
			if c == nil && sample.Beside != nil {
				c = sample.Beside.Column(name)
			}
			return c
		}
		for _, name := range columns {
			if column(name) == nil {
				return fmt.Errorf("the %s part has no column %q; a column with one value only is dropped when the data are read", part, name)
			}
		}
		g.parts[part] = g.divide(sample.Frame.Rows(), column)
	}
	return nil
}

// absent lists the columns of a level that the synthetic rows lack.
func (g *groups) absent(level string) []string {
	return slices.DeleteFunc(g.columns(level), func(name string) bool { return g.pair.Synthetic.Column(name) != nil })
}

// rowsOf lists the rows of each level; rows without a value are in none.
func rowsOf(c *frame.Column) map[string][]int {
	out := map[string][]int{}
	of, names := split.Indexed(c)
	for row, at := range of {
		if at != frame.Missing {
			out[names[at]] = append(out[names[at]], row)
		}
	}
	return out
}

// take returns the pair of one level.
func (g *groups) take(level string) *plugins.Pair {
	keep := map[plugins.Part][]int{}
	for part, rows := range g.parts {
		keep[part] = rows[level]
	}
	out := take(g.pair, keep, g.made[level])
	for i, s := range out.Shadows {
		out.Shadows[i].Synthetic = s.Synthetic.Take(g.divide(s.Synthetic.Rows(), s.Synthetic.Column)[level])
	}
	return out
}
