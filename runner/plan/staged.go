package plan

import (
	"encoding/json"
	"errors"
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
	Axis   string
	Wants  string // for people, e.g. "rows of the train part of icu"
	Waits  []*Step
	Each   bool   // its cells come once for each of what is waited for, not once at most
	Search string // the search that it waits for; "" where it waits for what data say
	Stage  int    // of a search: 1 where it rests on no other

	search  *searching
	blocked bool // other cells must be known first
	points  []point
	resolve func(pt point, facts []json.RawMessage) ([]point, error)
}

// Cells is the number of cells that the node will give, at most; with Each, for each hospital or pair of hospitals.
func (n *Pending) Cells() int { return len(n.points) }

// Unresolved lists the cells of the node by the ids and values that the file gives them.
func (n *Pending) Unresolved(axes []string) []Cell {
	var cells []Cell
	seen := map[string]bool{} // several blocks may have a cell
	for _, pt := range n.points {
		if id := cellID(axes, pt.values); !seen[id] {
			seen[id] = true
			cells = append(cells, Cell{ID: id, Values: pt.values})
		}
	}
	return cells
}

// PartRows is the fact that a prepare step leaves: the rows of each part.
type PartRows struct {
	Rows    map[plugins.Part]int `json:"rows"`
	Columns int                  `json:"columns"`
	// Patients of each part, where rows are their events and the n of a strategy counts patients; else nil.
	Patients map[plugins.Part]int `json:"patients,omitempty"`
}

// size is what the axis n counts of a part: rows or, of events, patients.
func (f *PartRows) size(part plugins.Part) (int, bool) {
	of := f.Rows
	if f.Patients != nil {
		of = f.Patients
	}
	n, ok := of[part]
	return n, ok
}

// postpone adds a point to the node that waits for the same value.
func (b *builder) postpone(pt point, axis int) error {
	v, err := b.variant(pt.values)
	if err != nil {
		return err
	}
	chain, err := b.chain(v, pt)
	if err != nil {
		return err
	}
	if pt.sites != nil && pt.sites.reason != "" { // nothing is prepared, and nothing will be generated
		pt.values = slices.Clone(pt.values)
		pt.values[axis] = spec.Value{Text: spec.NoSize}
		return b.plan.add(pt)
	}
	part := plugins.Part(pt.values[axis].Text)
	name := string(chain.Prepare.Key) + " " + string(part)
	node, ok := b.pending[name]
	if !ok {
		node = &Pending{
			Axis:  b.plan.Axes[axis],
			Wants: fmt.Sprintf("rows of the %s part of %s", part, chain.named()),
			Waits: []*Step{chain.Prepare},
			resolve: func(pt point, facts []json.RawMessage) ([]point, error) {
				var f PartRows
				if err := json.Unmarshal(facts[0], &f); err != nil {
					return nil, err
				}
				rows, ok := f.size(part)
				if !ok {
					return nil, errNoFacts
				}
				if pt.written == nil {
					pt.written = pt.values
				}
				pt.values = slices.Clone(pt.values)
				pt.values[axis] = spec.Value{Kind: spec.NumberValue, Number: float64(rows)}
				return []point{pt}, nil
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
	if node.search != nil {
		return p.growChosen(node, facts)
	}
	known := make([]json.RawMessage, len(node.Waits))
	for i, s := range node.Waits {
		f, ok := facts(s.Key)
		if !ok {
			return nil, fmt.Errorf("%s: %s is not done", node.Wants, s.Label)
		}
		known[i] = f
	}
	before := len(p.Steps)
	for name, other := range p.builder.pending {
		if other == node { // first: what grows may wait for something else
			delete(p.builder.pending, name)
		}
	}
	for _, pt := range node.points {
		grown, err := node.resolve(pt, known)
		var mistake *MistakeError
		if errors.As(err, &mistake) {
			return nil, mistake
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", node.Wants, err)
		}
		for _, g := range grown {
			if err := p.add(g); err != nil {
				return nil, err
			}
		}
	}
	p.finish()
	return p.Steps[before:], nil
}

// growChosen decides a search and adds the cells that waited for it. Where nothing can be chosen they stay as they are.
func (p *Plan) growChosen(node *Pending, facts func(cache.Key) (json.RawMessage, bool)) ([]*Step, error) {
	before := len(p.Steps)
	if err := p.builder.choose(node.search, facts); err != nil {
		return nil, fmt.Errorf("%s: %w", node.Wants, err)
	}
	if node.search.choice.Best >= 0 {
		points := node.points
		node.points = nil
		for _, pt := range points {
			if err := p.add(pt); err != nil {
				return nil, err
			}
		}
	}
	p.finish()
	return p.Steps[before:], nil
}

// growKnown grows every node whose steps are already done, and those that come of it.
func (p *Plan) growKnown(facts func(cache.Key) (json.RawMessage, bool)) error {
	p.finish()
	if len(p.Static) > 0 || facts == nil {
		return nil
	}
	for {
		node := p.Ready(func(s *Step) bool {
			raw, ok := facts(s.Key)
			return ok && (s.Stage != StageMeasure || HasScores(raw))
		})
		if node == nil {
			return nil
		}
		if _, err := p.Grow(node, facts); err != nil {
			return err
		}
	}
}

// Ready returns the first node whose steps are all done, or nil.
func (p *Plan) Ready(done func(*Step) bool) *Pending {
	for _, node := range p.Pending {
		if node.blocked || node.Undecided() != "" {
			continue
		}
		if !slices.ContainsFunc(node.Waits, func(s *Step) bool { return !done(s) }) {
			return node
		}
	}
	return nil
}
