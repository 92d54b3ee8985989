package plan

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// Pending is cells that cannot be named yet: a value of one of their axes depends on what steps find.
//
// When the steps it waits for are done, Grow puts the value in, and the cells join the plan as if it had
// been written in the file: the resolved value enters their ids and keys.
type Pending struct {
	Axis    string
	Wants   string // for people, e.g. "rows of the train part of icu"
	Waits   []*Step
	points  []point
	resolve func(facts []json.RawMessage) (spec.Value, error)
}

// Cells is the number of cells that the node will give, at most.
func (n *Pending) Cells() int { return len(n.points) }

// Unresolved lists the cells of the node by the ids and values that the file gives them.
func (n *Pending) Unresolved(axes []string) []Cell {
	cells := make([]Cell, len(n.points))
	for i, pt := range n.points {
		cells[i] = Cell{ID: cellID(axes, pt.values), Values: pt.values}
	}
	return cells
}

// PartRows is the fact that a prepare step leaves: the rows of each part.
type PartRows struct {
	Rows    map[plugins.Part]int `json:"rows"`
	Columns int                  `json:"columns"`
}

// postpone adds a point to the node that waits for the same value.
func (b *builder) postpone(pt point, axis int) error {
	v, err := b.variant(pt.values)
	if err != nil {
		return err
	}
	dataset := b.text(pt.values, "dataset")
	chain, err := b.chain(v, dataset)
	if err != nil {
		return err
	}
	part := plugins.Part(pt.values[axis].Text)
	name := string(chain.Prepare.Key) + " " + string(part)
	node, ok := b.pending[name]
	if !ok {
		node = &Pending{
			Axis:  b.plan.Axes[axis],
			Wants: fmt.Sprintf("rows of the %s part of %s", part, dataset),
			Waits: []*Step{chain.Prepare},
			resolve: func(facts []json.RawMessage) (spec.Value, error) {
				var f PartRows
				if err := json.Unmarshal(facts[0], &f); err != nil {
					return spec.Value{}, err
				}
				rows, ok := f.Rows[part]
				if !ok {
					return spec.Value{}, errNoFacts
				}
				return spec.Value{Kind: spec.NumberValue, Number: float64(rows)}, nil
			},
		}
		b.pending[name] = node
	}
	node.points = append(node.points, pt)
	return nil
}

// Grow adds the cells of a node whose steps are done. facts returns what a finished step left.
// It returns the steps that are new.
func (p *Plan) Grow(node *Pending, facts func(cache.Key) (json.RawMessage, bool)) ([]*Step, error) {
	known := make([]json.RawMessage, len(node.Waits))
	for i, s := range node.Waits {
		f, ok := facts(s.Key)
		if !ok {
			return nil, fmt.Errorf("%s: %s is not done", node.Wants, s.Label)
		}
		known[i] = f
	}
	value, err := node.resolve(known)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", node.Wants, err)
	}
	before := len(p.Steps)
	for _, pt := range node.points {
		pt.written, pt.values = pt.values, slices.Clone(pt.values)
		for i, name := range p.Axes {
			if name == node.Axis {
				pt.values[i] = value
			}
		}
		if err := p.add(pt); err != nil {
			return nil, err
		}
	}
	for name, other := range p.builder.pending {
		if other == node {
			delete(p.builder.pending, name)
		}
	}
	p.finish()
	return p.Steps[before:], nil
}

// growKnown grows every node whose steps are already done.
func (p *Plan) growKnown(facts func(cache.Key) (json.RawMessage, bool)) error {
	p.finish()
	for _, node := range p.Pending {
		ready := len(p.Static) == 0
		for _, s := range node.Waits {
			_, ok := facts(s.Key)
			ready = ready && ok
		}
		if !ready {
			continue
		}
		if _, err := p.Grow(node, facts); err != nil {
			return err
		}
	}
	return nil
}
