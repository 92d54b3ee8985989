package plan

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// Choice is what a search came to.
type Choice struct {
	Search     *spec.Search
	Info       *plugins.ScoreInfo // of its score
	Direction  plugins.Direction
	Part       plugins.Part            // whose rows the score was measured on
	AnyColumns bool                    // the score rates one thing whatever columns rows have
	Where      map[string][]spec.Value // of the search, with what others chose put in
	Candidates []Candidate             // in the order of the cells
	Best       int                     // index; -1: not decided
	RunnerUp   int                     // index; -1: none
	Tie        bool                    // the runner-up is as good
	Undecided  string                  // why there is no choice; "" before its cells are done, too
}

// Candidate is the cells that compete with one value of each axis of a search.
type Candidate struct {
	Values []spec.Value // by Search.Of
	Cells  []*Cell
	Scores []float64 // by cell; empty before they are known
	Mean   float64   // of Scores
}

// ScoreFacts is what a measure step leaves of its scores that are one number each: null of one that is undefined.
type ScoreFacts struct {
	Scores map[string]*float64 `json:"scores"`
}

// searching is a search with the cells that wait for it.
type searching struct {
	search *spec.Search
	before []*spec.Search
	node   *Pending
	choice *Choice
	after  []string // of before, the names of those that are not decided
	stage  int      // 1 where it rests on no other search
}

// newSearches lists the searches of the experiment, those first that others rest on.
func (b *builder) newSearches() {
	for _, s := range b.plan.Experiment.Searches() {
		x := &searching{search: s, before: b.plan.Experiment.Before(s), stage: 1}
		for _, other := range b.searches {
			if slices.Contains(x.before, other.search) {
				x.stage = max(x.stage, other.stage+1)
			}
		}
		x.node = &Pending{Axis: strings.Join(s.Of, " and "), Wants: fmt.Sprintf("choice of best.%s by %s", s.Name, s.Score), Search: s.Name, Stage: x.stage}
		x.node.search = x
		x.choice = b.choiceOf(s)
		b.searches = append(b.searches, x)
	}
}

// choiceOf is a choice that is not made yet.
func (b *builder) choiceOf(s *spec.Search) *Choice {
	c := &Choice{Search: s, Direction: s.Direction, Part: plugins.Test, Best: -1, RunnerUp: -1}
	name, score := s.Metric()
	for i := range b.plan.Experiment.Metrics {
		m := &b.plan.Experiment.Metrics[i]
		if m.Name != name {
			continue
		}
		if m.On != "" {
			c.Part = m.On
		}
		info := &b.in.Registry.Metrics.Get(m.Use.Use).Info
		scores := info.Scores
		c.AnyColumns = info.AnyColumns
		c.Info = &scores[slices.IndexFunc(scores, func(x plugins.ScoreInfo) bool { return x.Name == score })]
		c.Direction = cmp.Or(c.Direction, c.Info.Better)
	}
	return c
}

func (b *builder) searchNamed(name string) *searching {
	return b.searches[slices.IndexFunc(b.searches, func(x *searching) bool { return x.search.Name == name })]
}

// chosen is what the searches came to so far.
func (b *builder) chosen() spec.Chosen {
	out := spec.Chosen{}
	for _, x := range b.searches {
		if values := x.choice.Values(); values != nil {
			out[x.search.Name] = values
		}
	}
	for name, values := range b.in.Suppose {
		out[name] = values
	}
	return out
}

// decide puts into a point what searches chose. It returns true when the point is taken care of: it waits for a search, or has become
// several.
func (p *Plan) decide(pt *point) (taken bool, err error) {
	b := p.builder
	if len(b.searches) == 0 {
		return false, nil
	}
	chosen := b.chosen()
	audit := false
	for i, v := range pt.values {
		s := p.Experiment.SearchOf(v)
		if s == nil {
			continue
		}
		put, ok := p.Experiment.Value(p.Axes[i], v, chosen)
		if !ok {
			x := b.searchNamed(s.Name)
			x.node.points = append(x.node.points, *pt)
			return true, nil
		}
		if pt.written == nil {
			pt.written = pt.values
		}
		pt.values = slices.Clone(pt.values)
		pt.values[i] = put
		pt.searches = append(slices.Clone(pt.searches), s)
		audit = audit || p.Axes[i] == "audit"
	}
	if !audit {
		return false, nil
	}
	for _, one := range p.withArms([]point{*pt}) {
		if err := p.add(one); err != nil {
			return true, err
		}
	}
	return true, nil
}

// origin is a point that gave a cell: the searches that it was written with, and its block.
type origin struct {
	searches []*spec.Search
	block    int
}

// competes reports whether cells of a point compete in a search, by how the point is written.
func (b *builder) competes(x *searching, o origin) bool {
	metric, _ := x.search.Metric()
	return b.plan.Experiment.Matrix[o.block].Measures(metric) &&
		!slices.ContainsFunc(o.searches, func(s *spec.Search) bool { return !slices.Contains(x.before, s) })
}

// settleSearches notes, of each search that is not decided, the cells that compete and the steps that it waits for.
func (b *builder) settleSearches() {
	chosen := b.chosen()
	for _, x := range b.searches {
		if x.choice.Best >= 0 || x.choice.Undecided != "" {
			continue
		}
		x.node.Waits, x.node.blocked, x.choice.Candidates, x.after = nil, false, nil, nil
		for _, before := range x.before {
			if _, known := chosen[before.Name]; !known {
				x.node.blocked = true
				x.after = append(x.after, before.Name)
				if why := b.searchNamed(before.Name).choice.Undecided; why != "" {
					x.choice.Undecided = why
				}
			}
		}
		if x.node.blocked {
			continue
		}
		for _, node := range b.pending { // hospitals and sizes that are not known yet may compete
			x.node.blocked = x.node.blocked || slices.ContainsFunc(node.points, func(pt point) bool { return b.mayCompete(x, chosen, pt) })
		}
		b.gather(x, chosen)
	}
}

// mayCompete reports whether cells of a point whose values are not all known may compete.
func (b *builder) mayCompete(x *searching, chosen spec.Chosen, pt point) bool {
	return b.competes(x, origin{pt.searches, pt.block}) && b.plan.Experiment.Selects(x.search, chosen, func(axis string) (spec.Value, bool) {
		i, ok := b.axis[axis]
		if !ok {
			return spec.Value{Kind: spec.NoValue}, true
		}
		v := pt.values[i]
		open := v.Kind == spec.PartValue || pt.sites == nil && (axis == spec.TrainSite || axis == spec.TestSite)
		return v, !open
	})
}

// gather groups the cells that compete in a search by what they compete with.
func (b *builder) gather(x *searching, chosen spec.Chosen) {
	s, c := x.search, x.choice
	c.Where = map[string][]spec.Value{}
	for axis, values := range s.Where {
		for _, v := range values {
			if v, ok := b.plan.Experiment.Value(axis, v, chosen); ok {
				c.Where[axis] = append(c.Where[axis], v)
			}
		}
	}
	metric, _ := s.Metric()
	for _, cell := range b.plan.Cells {
		if !slices.ContainsFunc(cell.origins, func(o origin) bool { return b.competes(x, o) }) {
			continue
		}
		at := func(axis string) spec.Value {
			if i, ok := b.axis[axis]; ok {
				return cell.Values[i]
			}
			return spec.Value{Kind: spec.NoValue}
		}
		if !b.plan.Experiment.Selects(s, chosen, func(axis string) (spec.Value, bool) { return at(axis), true }) {
			continue
		}
		values := make([]spec.Value, len(s.Of))
		for i, axis := range s.Of {
			values[i] = at(axis)
		}
		if slices.Contains(values, spec.Value{Kind: spec.NoValue}) {
			continue
		}
		k := slices.IndexFunc(c.Candidates, func(have Candidate) bool { return slices.Equal(have.Values, values) })
		if k < 0 {
			k = len(c.Candidates)
			c.Candidates = append(c.Candidates, Candidate{Values: values})
		}
		c.Candidates[k].Cells = append(c.Candidates[k].Cells, cell)
		if m := cell.measure(metric); m != nil && m.Step != nil && !slices.Contains(x.node.Waits, m.Step) {
			x.node.Waits = append(x.node.Waits, m.Step)
		}
	}
}

// measure returns a metric of a cell by the experiment's name of it; nil where the cell is not rated by it.
func (c *Cell) measure(metric string) *Measure {
	if i := slices.IndexFunc(c.Measures, func(m Measure) bool { return m.Metric.Name == metric }); i >= 0 {
		return &c.Measures[i]
	}
	return nil
}

// choose decides a search whose steps are done. Where a score is missing it notes why nothing can be chosen: the best of those that are
// left would be the best of the survivors.
func (b *builder) choose(x *searching, facts func(cache.Key) (json.RawMessage, bool)) error {
	c := x.choice
	metric, score := x.search.Metric()
	for i := range c.Candidates {
		candidate := &c.Candidates[i]
		candidate.Scores = nil
		for _, cell := range candidate.Cells {
			m := cell.measure(metric)
			if m.Step == nil {
				c.undecided(cell, cell.NotEstimable)
				return nil
			}
			raw, _ := facts(m.Step.Key)
			f, ok := scoresOf(raw)
			if !ok {
				return fmt.Errorf("%s: %w", m.Step.Label, errNoFacts)
			}
			value := f.Scores[score]
			if value == nil {
				c.undecided(cell, fmt.Sprintf("its %s is undefined", x.search.Score))
				return nil
			}
			candidate.Scores = append(candidate.Scores, *value)
		}
		candidate.Mean = mean(candidate.Scores)
	}
	if c.Undecided = b.unlike(c); c.Undecided == "" {
		c.rank()
	}
	return nil
}

// scoresOf reads what a measure step left of its scores; false where it left nothing of them, as earlier versions did.
func scoresOf(raw json.RawMessage) (ScoreFacts, bool) {
	var f ScoreFacts
	ok := json.Unmarshal(raw, &f) == nil && f.Scores != nil
	return f, ok
}

// HasScores reports whether the facts of a measure step tell its scores.
func HasScores(raw json.RawMessage) bool {
	_, ok := scoresOf(raw)
	return ok
}

// undecided notes the cell that keeps a search from being decided.
func (c *Choice) undecided(cell *Cell, why string) {
	c.Undecided = fmt.Sprintf("best.%s cannot be decided: cell %s: %s", c.Search.Name, cell.ID, why)
}

// unlike says why the cells of candidates cannot be compared, which hospitals may show only once they are known; "" when they can.
func (b *builder) unlike(c *Choice) string {
	if len(c.Candidates) == 0 {
		return fmt.Sprintf("best.%s cannot be decided: no cell has what it selects", c.Search.Name)
	}
	var first []string
	var other *Cell
	for i, candidate := range c.Candidates {
		var units []string
		for _, cell := range candidate.Cells {
			unit := ""
			for k, axis := range b.plan.Axes {
				switch {
				case slices.Contains(c.Search.Of, axis):
				case b.plan.Experiment.Replicates(axis) || slices.Contains(c.Search.Over, axis):
					unit += exact(cell.Values[k]) + ";"
				case other == nil:
				case other.Values[k] != cell.Values[k]:
					return fmt.Sprintf("best.%s cannot be decided: cells %s and %s differ in %s", c.Search.Name, other.ID, cell.ID, axis)
				}
			}
			other = cell
			units = append(units, unit)
		}
		slices.Sort(units)
		if i == 0 {
			first = units
		} else if !slices.Equal(units, first) {
			return fmt.Sprintf("best.%s cannot be decided: %s has other replicates than %s", c.Search.Name, c.named(i), c.named(0))
		}
	}
	return ""
}

// rank finds the best candidate and the runner-up; the first by mention of equal ones.
func (c *Choice) rank() {
	better := func(i, j int) bool {
		x, y := c.Candidates[i].Mean, c.Candidates[j].Mean
		if c.Direction == plugins.Lower {
			return x < y
		}
		return x > y
	}
	for i := range c.Candidates {
		switch {
		case c.Best < 0:
			c.Best = i
		case better(i, c.Best):
			c.Best, c.RunnerUp = i, c.Best
		case c.RunnerUp < 0 || better(i, c.RunnerUp):
			c.RunnerUp = i
		}
	}
	c.Tie = c.RunnerUp >= 0 && c.Candidates[c.RunnerUp].Mean == c.Candidates[c.Best].Mean
}

// named are the values of a candidate, for people.
func (c *Choice) named(i int) string {
	var parts []string
	for _, v := range c.Candidates[i].Values {
		parts = append(parts, v.String())
	}
	return strings.Join(parts, ", ")
}

// mean is the mean of some numbers, added up in their order.
func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	if len(x) == 0 {
		return math.NaN()
	}
	return sum / float64(len(x))
}

// Values are those that were chosen, by axis; nil where nothing was.
func (c *Choice) Values() spec.Assignment {
	if c.Best < 0 {
		return nil
	}
	out := spec.Assignment{}
	for i, axis := range c.Search.Of {
		out[axis] = c.Candidates[c.Best].Values[i]
	}
	return out
}

// Rests reports whether a cell is one of the best candidate, or was written with the search.
func (c *Choice) Rests(cell *Cell) bool {
	return c.Best >= 0 && slices.Contains(c.Candidates[c.Best].Cells, cell) ||
		slices.ContainsFunc(cell.origins, func(o origin) bool { return slices.Contains(o.searches, c.Search) })
}

// Choices are those of the searches of the experiment, in its order, made or not.
func (p *Plan) Choices() []*Choice {
	var out []*Choice
	for i := range p.Experiment.Best {
		out = append(out, p.builder.searchNamed(p.Experiment.Best[i].Name).choice)
	}
	return out
}

// CellOf returns the competing cell of a search whose score a step measures; nil where there is none.
func (n *Pending) CellOf(s *Step) *Cell {
	if n.search == nil {
		return nil
	}
	metric, _ := n.search.search.Metric()
	for _, candidate := range n.search.choice.Candidates {
		for _, cell := range candidate.Cells {
			if m := cell.measure(metric); m != nil && m.Step == s {
				return cell
			}
		}
	}
	return nil
}

// After names the searches that must be decided before that of the node, of those that are not.
func (n *Pending) After() []string {
	if n.search == nil {
		return nil
	}
	return n.search.after
}

// Undecided says why the cells of a node will never be known; "" where they may be.
func (n *Pending) Undecided() string {
	if n.search == nil {
		return ""
	}
	return n.search.choice.Undecided
}
