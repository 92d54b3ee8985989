package prepare

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Space is the way between the natural space, which metrics read, and the model space, which rankings and strategies
// read. Without transforms and one-hot sets they are the same, and frames pass as they are.
//
// Decode undoes Encode: rows of train come back with the same columns in the same order; numbers within 1e-9 of
// themselves (of the range of train for "normal-score"), whole numbers, and decimals where Transform.Digits says so,
// exactly. Fit checks it.
type Space struct {
	Transforms []Transform `json:"transforms,omitempty"` // in order of train
	Sets       []Set       `json:"sets,omitempty"`       // by name
	Order      []string    `json:"order,omitempty"`      // the natural columns of train, where columns of a set do not stand together
}

// Folded returns the model space without its transforms: numbers in the units of the data, one-hot sets folded. It is what
// those read who know what a number of that unit means.
func (s *Space) Folded() *Space { return &Space{Sets: s.Sets, Order: s.Order} }

// fitSpace learns the model space on the prepared rows of train.
func (p *Fitted) fitSpace(ctx context.Context, train *frame.Frame, cfg Config, opt Options) error {
	p.setOrder(train)
	if len(cfg.Transform) == 0 {
		return nil
	}
	natural, _, err := p.Apply(ctx, train, opt.Threads)
	if err != nil {
		return err
	}
	for _, name := range sorted(cfg.Transform) {
		if !slices.ContainsFunc(p.Columns, func(c Column) bool { return c.Name == name }) {
			return unprepared(train, "transform", name)
		}
	}
	for _, c := range p.Columns {
		kind, ok := cfg.Transform[c.Name]
		if !ok {
			continue
		}
		t, err := fitTransform(natural.Column(c.Name), kind, c.puts())
		if err != nil {
			return err
		}
		p.Transforms = append(p.Transforms, *t)
	}
	return nil
}

// setOrder notes the order of the columns, unless it follows from that in the model space.
func (p *Fitted) setOrder(train *frame.Frame) {
	marks := map[string]string{}
	for _, c := range p.Columns {
		marks[c.Name] = c.Indicator
	}
	var order []string
	for _, name := range train.Names() {
		order = append(order, name)
		if marks[name] != "" {
			order = append(order, marks[name])
		}
	}
	if !slices.Equal(p.NaturalNames(p.ModelNames(order)), order) {
		p.Order = order
	}
}

// ModelNames returns the variables of the model space that carry the given natural columns: the name of its set for a
// column of a one-hot set, each name once, in the order of first mention.
func (s *Space) ModelNames(natural []string) []string {
	sets := setOf(s.Sets)
	var out []string
	named := map[string]bool{}
	for _, name := range natural {
		if set := sets[name]; set != nil {
			name = set.Name
		}
		if !named[name] {
			named[name] = true
			out = append(out, name)
		}
	}
	return out
}

// ModelGroups returns the groups of columns, and of what preparation makes of them: a one-hot set is in the group that all of
// its columns are in, and a mark of missing values in that of the column it follows.
func (p *Fitted) ModelGroups(natural map[string]string) map[string]string {
	out := maps.Clone(natural)
	for _, c := range p.Columns {
		if group := natural[c.Name]; c.Indicator != "" && group != "" {
			out[c.Indicator] = group
		}
	}
	for _, s := range p.Sets {
		group := natural[s.Columns[0].Name]
		if group != "" && !slices.ContainsFunc(s.Columns, func(m Member) bool { return natural[m.Name] != group }) {
			out[s.Name] = group
		}
	}
	return out
}

// NaturalNames returns the natural columns that carry the given variables of the model space, in order: all columns
// of a one-hot set for the set.
func (s *Space) NaturalNames(model []string) []string {
	var out []string
	for _, name := range model {
		if set := s.set(name); set != nil {
			for _, m := range set.Columns {
				out = append(out, m.Name)
			}
			continue
		}
		out = append(out, name)
	}
	return out
}

// set returns the set with the name, or nil.
func (s *Space) set(name string) *Set {
	for i := range s.Sets {
		if s.Sets[i].Name == name {
			return &s.Sets[i]
		}
	}
	return nil
}

// transform returns the transform of a column, or nil.
func (s *Space) transform(name string) *Transform {
	for i := range s.Transforms {
		if s.Transforms[i].Column == name {
			return &s.Transforms[i]
		}
	}
	return nil
}

// validSets reports rows of f that are no one-hot set where one was declared.
func (s *Space) validSets(f *frame.Frame) error {
	for i := range s.Sets {
		if _, err := s.Sets[i].fold(f); err != nil {
			return err
		}
	}
	return nil
}

// Encode leads natural rows, of any part, into the model space: transforms numbers, and puts each one-hot set, folded
// into one category, in place of the first of its columns. f may lack columns, but not some of a set. Unchanged
// columns are shared with f. Missing values stay missing.
//
// Counts, with dim "column", only when there are such values: "values outside the range of the transform", which are
// pulled in to it; see Transform. It is an error when rows are no one-hot set or a column is of another kind.
func (s *Space) Encode(f *frame.Frame) (*frame.Frame, []plugins.Count, error) {
	if len(s.Transforms) == 0 && len(s.Sets) == 0 {
		return f, nil, nil
	}
	var counts account
	sets, folded := setOf(s.Sets), map[string]bool{}
	var columns []*frame.Column
	for _, c := range f.Columns() {
		set := sets[c.Name]
		switch t := s.transform(c.Name); {
		case set != nil && folded[set.Name]:
			continue
		case set != nil:
			folded[set.Name] = true
			one, err := set.fold(f)
			if err != nil {
				return nil, nil, err
			}
			c = one
		case t != nil:
			out, outside, err := t.encode(c)
			if err != nil {
				return nil, nil, err
			}
			counts.add("values outside the range of the transform", c.Name, outside)
			c = out
		}
		columns = append(columns, c)
	}
	out, err := frame.New(columns...)
	return out, counts, err
}

// Decode leads rows, of the model space, into the natural one: turns transforms back, and puts the columns of a
// one-hot set in place of it. f may lack variables, and may have others, which pass as they are. Columns in an order of
// train are brought into that of its natural columns; in another order, a set is replaced where it stands.
//
// Counts, with dim "column", only when there are such values: "generated values outside the range of the transform",
// which are pulled in to it, and "generated levels outside the one-hot set, made missing". It is an error when a
// variable is of another kind.
func (s *Space) Decode(f *frame.Frame) (*frame.Frame, []plugins.Count, error) {
	if len(s.Transforms) == 0 && len(s.Sets) == 0 {
		return f, nil, nil
	}
	var counts account
	var columns []*frame.Column
	for _, c := range f.Columns() {
		if set := s.set(c.Name); set != nil {
			members, err := set.unfold(c, &counts)
			if err != nil {
				return nil, nil, err
			}
			columns = append(columns, members...)
			continue
		}
		if t := s.transform(c.Name); t != nil {
			out, outside, err := t.decode(c)
			if err != nil {
				return nil, nil, err
			}
			counts.add("generated values outside the range of the transform", c.Name, outside)
			c = out
		}
		columns = append(columns, c)
	}
	s.restore(f.Names(), columns)
	out, err := frame.New(columns...)
	return out, counts, err
}

// restore brings natural columns into the order of train, when the model columns that they come from were in it.
func (s *Space) restore(model []string, columns []*frame.Column) {
	if s.Order == nil {
		return
	}
	ordered := s.ModelNames(s.Order)
	at := -1
	for _, name := range model {
		next := slices.Index(ordered, name)
		if next <= at {
			return
		}
		at = next
	}
	slices.SortFunc(columns, func(a, b *frame.Column) int {
		return slices.Index(s.Order, a.Name) - slices.Index(s.Order, b.Name)
	})
}

// mistaken says that a column is of another kind than a transform wants.
func mistaken(c *frame.Column, kind string) error {
	return fmt.Errorf("column %q is a %s: transform %q wants a number", c.Name, c.Kind, kind)
}
