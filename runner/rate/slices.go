package rate

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/label"
)

// families are the groups that rows are measured in, one family for each dimension: the levels of each column of By, and Groups.
func (j Job) families(pair *plugins.Pair) ([]*groups, error) {
	var out []*groups
	for _, by := range j.By {
		g, err := byColumn(pair, j.needs(), by)
		if err != nil {
			return nil, fmt.Errorf("by %s: %w", by, err)
		}
		out = append(out, g)
	}
	if len(j.Groups) > 0 {
		g, err := byName(pair, j.needs(), j.Groups)
		if err != nil {
			return nil, fmt.Errorf("groups: %w", err)
		}
		out = append(out, g)
	}
	return out, nil
}

// slices adds what the metric measures on each group of a family. Synthetic rows without a column, such as that of hospitals, stand whole
// beside every level of it.
func (j Job) slices(ctx context.Context, g *groups, lacks map[string]string, out *plugins.Measurement) error {
	for _, level := range g.levels {
		part, err := j.level(ctx, g, level, lacks[level])
		if err != nil {
			return err
		}
		part.mark(g.dim, level)
		out.Scores = append(out.Scores, part.Scores...)
		out.Curves = append(out.Curves, part.Curves...)
		out.Counts = append(out.Counts, part.Counts...)
		out.Draws = append(out.Draws, part.Draws...)
	}
	return nil
}

// sliced is what was measured on one level.
type sliced struct{ *plugins.Measurement }

// level measures one level, unless something keeps it from that.
func (j Job) level(ctx context.Context, g *groups, level, lacks string) (*sliced, error) {
	if lacks != "" {
		return &sliced{&plugins.Measurement{Scores: Undefined(j.Info, lacks)}}, nil
	}
	m, err := j.whole(ctx, g.take(level))
	if err != nil {
		return nil, err
	}
	for _, column := range g.absent(level) {
		warning := fmt.Sprintf("the synthetic rows have no column %q: all of them stand beside the real rows of each of its levels", column)
		for i := range m.Scores {
			m.Scores[i].Warnings = append([]string{warning}, m.Scores[i].Warnings...)
		}
	}
	return &sliced{m}, nil
}

// mark gives all that was measured a dimension with the level.
func (s *sliced) mark(dim, level string) {
	marked := func(dims map[string]string) map[string]string {
		out := maps.Clone(dims)
		if out == nil {
			out = map[string]string{}
		}
		out[dim] = level
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
	if test.Rows() == 0 && m.Rows == 0 {
		return "no test row is of this group"
	}
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
