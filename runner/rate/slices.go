package rate

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/label"
	"github.com/ehrlab/ehrlab/plugins/split"
)

// mostLevels is the number of levels that a column can have to be measured by.
const mostLevels = 100

// slices adds what the metric measures on each level of a column that test rows have, in order of the levels. Synthetic
// rows without the column, such as that of hospitals, stand whole beside every level.
func (j Job) slices(ctx context.Context, pair *plugins.Pair, by string, out *plugins.Measurement) error {
	grouped, err := group(pair, j.Info.Reads, by)
	if err != nil {
		return err
	}
	lacks := j.lacks(grouped)
	for _, level := range grouped.levels {
		part, err := j.level(ctx, grouped, level, lacks[level])
		if err != nil {
			return err
		}
		part.mark(by, level)
		out.Scores = append(out.Scores, part.Scores...)
		out.Curves = append(out.Curves, part.Curves...)
		out.Counts = append(out.Counts, part.Counts...)
		out.Draws = append(out.Draws, part.Draws...)
	}
	return nil
}

// sliced is what was measured on one level.
type sliced struct{ *plugins.Measurement }

// lacks says what keeps each level from being measured, "" for nothing. What is measured on a level tells how many rows it has, and with
// those of all rows together how many all others have: of restricted data neither may be few.
func (j Job) lacks(g *groups) map[string]string {
	why := map[string]string{}
	for _, level := range g.levels {
		why[level] = j.Minimum.lacks(g.take(level), j.Info.Reads)
	}
	if j.Fewest == 0 {
		return why
	}
	sizes := g.sizes()
	for {
		told := slices.DeleteFunc(slices.Clone(g.levels), func(level string) bool { return why[level] != "" })
		if len(told) == 0 {
			return why
		}
		var hide string
		for _, s := range sizes {
			rest := s.all
			for _, level := range told {
				rest -= s.of[level]
				if few(s.of[level], j.Fewest) {
					hide = level
				}
			}
			if hide == "" && few(rest, j.Fewest) {
				hide = slices.MinFunc(told, func(a, b string) int { return s.of[a] - s.of[b] })
			}
			if hide != "" {
				break
			}
		}
		if hide == "" {
			return why
		}
		why[hide] = fmt.Sprintf("withheld: it would tell of fewer than %d rows of restricted data, in this group or, by subtraction, in the others", j.Fewest)
	}
}

func few(n, fewest int) bool { return n > 0 && n < fewest }

// size is a number of rows in all and of each level.
type size struct {
	all int
	of  map[string]int
}

// sizes counts the test and train rows that are read, and of a label of two classes those of each.
func (g *groups) sizes() []size {
	var out []size
	for _, part := range []plugins.Part{plugins.Test, plugins.Train} {
		levels, read := g.parts[part]
		if !read {
			continue
		}
		f := g.pair.Parts.Get(part).Frame
		classes := [][]bool{slices.Repeat([]bool{true}, f.Rows())}
		if target := f.Column(g.pair.Target); target != nil {
			if y, err := label.Binary(target, ""); err == nil {
				events, others := make([]bool, len(y)), make([]bool, len(y))
				for i, v := range y {
					events[i], others[i] = v == 1, v == 0
				}
				classes = append(classes, events, others)
			}
		}
		for _, in := range classes {
			s := size{of: map[string]int{}}
			for _, is := range in {
				if is {
					s.all++
				}
			}
			for level, rows := range levels {
				for _, row := range rows {
					if in[row] {
						s.of[level]++
					}
				}
			}
			out = append(out, s)
		}
	}
	return out
}

// level measures one level, unless something keeps it from that.
func (j Job) level(ctx context.Context, g *groups, level, lacks string) (*sliced, error) {
	if lacks != "" {
		return &sliced{&plugins.Measurement{Scores: Undefined(j.Info, lacks)}}, nil
	}
	m, err := j.whole(ctx, g.take(level))
	if err != nil {
		return nil, err
	}
	if g.synthetic == nil {
		warning := fmt.Sprintf("the synthetic rows have no column %q: all of them stand beside the real rows of each of its levels", g.by)
		for i := range m.Scores {
			m.Scores[i].Warnings = append([]string{warning}, m.Scores[i].Warnings...)
		}
	}
	return &sliced{m}, nil
}

// mark gives all that was measured the dimension by with the level.
func (s *sliced) mark(by, level string) {
	marked := func(dims map[string]string) map[string]string {
		out := maps.Clone(dims)
		if out == nil {
			out = map[string]string{}
		}
		out[by] = level
		return out
	}
	for i := range s.Scores {
		s.Scores[i].Dims = marked(s.Scores[i].Dims)
	}
	for i := range s.Curves {
		s.Curves[i].Dims = marked(s.Curves[i].Dims)
	}
	for i := range s.Counts {
		s.Counts[i].Dims = marked(s.Counts[i].Dims)
	}
	for i := range s.Draws {
		s.Draws[i].Dims = marked(s.Draws[i].Dims)
	}
}

// groups are the rows of a pair by the levels of a column.
type groups struct {
	by        string
	pair      *plugins.Pair
	levels    []string // that test rows have, or those of the first part that is read where test is not
	parts     map[plugins.Part]map[string][]int
	synthetic map[string][]int // nil where the synthetic rows have no such column
}

func group(pair *plugins.Pair, reads []plugins.Part, by string) (*groups, error) {
	g := &groups{by: by, pair: pair, parts: map[plugins.Part]map[string][]int{}}
	lead := reads[0]
	if slices.Contains(reads, plugins.Test) {
		lead = plugins.Test
	}
	for _, part := range reads {
		sample := pair.Parts.Get(part)
		column := sample.Frame.Column(by)
		if column == nil && sample.Beside != nil {
			column = sample.Beside.Column(by)
		}
		if column == nil {
			return nil, fmt.Errorf("the %s part has no column %q; a column with one value only is dropped when the data are read", part, by)
		}
		g.parts[part] = rowsOf(column)
	}
	g.levels = slices.Sorted(maps.Keys(g.parts[lead]))
	if slices.Contains(g.levels, plugins.Everyone) {
		return nil, fmt.Errorf("column %q has the value %q, which is what all rows together are called in tables and in where; the data set can give the level another name", by, plugins.Everyone)
	}
	if len(g.levels) > mostLevels {
		return nil, fmt.Errorf("column %q has %d values, more than the %d levels that scores are measured by", by, len(g.levels), mostLevels)
	}
	if column := pair.Synthetic.Column(by); column != nil {
		g.synthetic = rowsOf(column)
	}
	return g, nil
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
	synthetic := g.synthetic[level]
	if g.synthetic == nil {
		synthetic = make([]int, g.pair.Synthetic.Rows())
		for i := range synthetic {
			synthetic[i] = i
		}
	}
	out := take(g.pair, keep, synthetic)
	for i, s := range out.Shadows {
		if column := s.Synthetic.Column(g.by); column != nil {
			out.Shadows[i].Synthetic = s.Synthetic.Take(rowsOf(column)[level])
		}
	}
	return out
}

// lacks says what keeps a pair from being measured: too few test rows, or no row at all on a side; "" for nothing. Of the
// numbers only the minimum is told.
func (m Minimum) lacks(pair *plugins.Pair, reads []plugins.Part) string {
	if pair.Synthetic.Rows() == 0 {
		return "no synthetic row is of this group"
	}
	for _, part := range reads {
		if f := pair.Parts.Get(part).Frame; part != plugins.Test && f.Rows() == 0 {
			return fmt.Sprintf("no %s row is of this group", part)
		}
	}
	if !slices.Contains(reads, plugins.Test) {
		return ""
	}
	test := pair.Parts.Get(plugins.Test).Frame
	short := test.Rows() < m.Rows
	if target := test.Column(pair.Target); target != nil {
		if y, err := label.Binary(target, ""); err == nil {
			events := 0
			for _, v := range y {
				events += int(v)
			}
			short = short || events < m.Events || len(y)-events < m.NonEvents
		}
	}
	if !short {
		return ""
	}
	return fmt.Sprintf("not estimable: the test rows of this group are fewer than the minimum of %d, %d with the event and %d without", m.Rows, m.Events, m.NonEvents)
}
