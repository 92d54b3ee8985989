package spec

import (
	"maps"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
)

// Search chooses the value of an axis, or of several together, by a score of the cells that Where selects.
type Search struct {
	Name      string             `json:"name"`
	Of        []string           `json:"of"`    // axes whose values compete together
	Score     string             `json:"score"` // "metric.score"
	Where     map[string][]Value `json:"where,omitempty"`
	Over      []string           `json:"over,omitempty"`      // axes that scores are averaged over besides those of replicates
	Direction plugins.Direction  `json:"direction,omitempty"` // empty: as the score says
	Allow     []string           `json:"allow,omitempty"`     // "test": the score may read test rows
}

// searchPrefix begins the values of axes that stand for what a search chooses.
const searchPrefix = "best."

// Chosen is what searches came to: values by the name of the search and the axis.
type Chosen map[string]Assignment

// Searched returns the name of the search that a value would stand for; ok is false where it has no such form.
func (v Value) Searched() (name string, ok bool) {
	if v.Kind != TextValue {
		return "", false
	}
	return strings.CutPrefix(v.Text, searchPrefix)
}

// SearchNamed returns a search; nil where there is none of the name.
func (e *Experiment) SearchNamed(name string) *Search {
	for i := range e.Best {
		if e.Best[i].Name == name {
			return &e.Best[i]
		}
	}
	return nil
}

// SearchOf returns the search that a value of an axis stands for; nil where it is a value by itself.
func (e *Experiment) SearchOf(v Value) *Search {
	if name, ok := v.Searched(); ok {
		return e.SearchNamed(name)
	}
	return nil
}

// Value returns a value of an axis with what searches chose put in; false where that is not decided.
func (e *Experiment) Value(axis string, v Value, chosen Chosen) (Value, bool) {
	s := e.SearchOf(v)
	if s == nil {
		return v, true
	}
	v, ok := chosen[s.Name][axis]
	return v, ok
}

// Put returns a cell with what searches chose put in; false where one of its values is not decided.
func (e *Experiment) Put(cell Assignment, chosen Chosen) (Assignment, bool) {
	if !e.searched(cell) {
		return cell, true
	}
	out := maps.Clone(cell)
	for axis, v := range cell {
		var ok bool
		if out[axis], ok = e.Value(axis, v, chosen); !ok {
			return nil, false
		}
	}
	return out, true
}

// searches reports whether cells of a block hang on what searches choose.
func (e *Experiment) searches(b *Block) bool {
	return slices.ContainsFunc(b.Axes, func(a AxisValues) bool {
		return slices.ContainsFunc(a.Values, func(v Value) bool { return e.SearchOf(v) != nil })
	}) || slices.ContainsFunc(b.Include, e.searched)
}

// searched reports whether a value of a cell stands for what a search chooses.
func (e *Experiment) searched(cell Assignment) bool {
	if len(e.Best) == 0 {
		return false
	}
	for _, v := range cell {
		if e.SearchOf(v) != nil {
			return true
		}
	}
	return false
}

// Metric is the experiment's name of the metric of the score, and the name of the score.
func (s *Search) Metric() (metric, score string) {
	metric, score, _ = strings.Cut(s.Score, ".")
	return metric, score
}

// asksFor are the searches that the selection of another names.
func (e *Experiment) asksFor(s *Search) []*Search {
	var out []*Search
	for _, axis := range slices.Sorted(maps.Keys(s.Where)) {
		for _, v := range s.Where[axis] {
			if other := e.SearchOf(v); other != nil && !slices.Contains(out, other) {
				out = append(out, other)
			}
		}
	}
	return out
}

// Before lists the searches that one rests on, those first that others of them rest on. Cells that are written with another search
// than these do not compete in it: what it chooses must not hang on what comes after it.
func (e *Experiment) Before(s *Search) []*Search {
	var out []*Search
	seen := map[*Search]bool{s: true}
	var visit func(of *Search)
	visit = func(of *Search) {
		for _, other := range e.asksFor(of) {
			if !seen[other] {
				seen[other] = true
				visit(other)
				out = append(out, other)
			}
		}
	}
	visit(s)
	return out
}

// Searches lists the searches, those first that others rest on.
func (e *Experiment) Searches() []*Search {
	var out []*Search
	for i := range e.Best {
		for _, s := range append(e.Before(&e.Best[i]), &e.Best[i]) {
			if !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// Selects reports whether a cell has what a search selects; at returns its values, and false of one that is not known yet, which may
// be any.
func (e *Experiment) Selects(s *Search, chosen Chosen, at func(axis string) (v Value, known bool)) bool {
	for axis, values := range s.Where {
		v, known := at(axis)
		if known && !slices.ContainsFunc(values, func(want Value) bool {
			w, ok := e.Value(axis, want, chosen)
			return ok && (w == v || v.Kind == NoValue && w == Value{Text: v.String()})
		}) {
			return false
		}
	}
	return true
}

// competitor is a cell that may compete in a search, as it is written.
type competitor struct {
	block *Block
	cell  Assignment
}

// competitors are the cells of the matrix that a search may choose among, whatever the searches before it come to.
func (e *Experiment) competitors(s *Search) []competitor {
	var out []competitor
	before := e.Before(s)
	metric, _ := s.Metric()
	for i := range e.Matrix {
		b := &e.Matrix[i]
		if !b.measures(metric) {
			continue
		}
		e.eachWritten(b, func(cell Assignment) {
			late := false
			for _, v := range cell {
				other := e.SearchOf(v)
				late = late || other != nil && !slices.Contains(before, other)
			}
			known := func(axis string) (Value, bool) {
				v, ok := cell[axis]
				return v, ok && e.SearchOf(v) == nil && !slices.ContainsFunc(s.Where[axis], func(w Value) bool { return e.SearchOf(w) != nil })
			}
			if !late && e.Selects(s, nil, known) {
				out = append(out, competitor{b, maps.Clone(cell)})
			}
		})
	}
	return out
}

// among are the cells that compete in a search when the searches before it came to something, settled, without those that a rule
// leaves out. Cells of an arrangement of hospitals come once for each stand-in of them.
func (e *Experiment) among(s *Search, pool []competitor, chosen Chosen) []Assignment {
	var out []Assignment
	for _, c := range pool {
		put, ok := e.Put(c.cell, chosen)
		if !ok {
			continue
		}
		cell := e.settled(c.block, put)
		if e.leftOut(c.block, cell, c.cell) {
			continue
		}
		for _, placed := range e.placed(cell) {
			at := func(axis string) (Value, bool) { return placed[axis], true }
			if e.Selects(s, chosen, func(axis string) (Value, bool) {
				if v, _ := at(axis); decidedByData(axis) && (v.Text == siteOne || v.Text == siteTwo) {
					return v, len(s.Where[axis]) == 1 && v.Text == siteTwo // the first stands for the one that is named
				}
				return at(axis)
			}) {
				out = append(out, placed)
			}
		}
	}
	return out
}

// placed are a cell with the train and test hospitals of its arrangement, or stand-ins for them.
func (e *Experiment) placed(cell Assignment) []Assignment {
	site, has := cell["site"]
	if !has {
		return []Assignment{cell}
	}
	var out []Assignment
	for _, pair := range siteCells(e.ArrangementOf(site.Text)) {
		placed := maps.Clone(cell)
		placed[TrainSite], placed[TestSite] = Value{Text: pair[0]}, Value{Text: pair[1]}
		out = append(out, placed)
	}
	return out
}

// values are those of the axes that compete; false where an axis has no bearing on the cell.
func (s *Search) values(cell Assignment) (Assignment, bool) {
	out := Assignment{}
	for _, axis := range s.Of {
		v, ok := cell[axis]
		if !ok || v.Kind == NoValue {
			return nil, false
		}
		out[axis] = v
	}
	return out, true
}

// candidatesIn are what competes among some cells, in the order of the cells.
func (s *Search) candidatesIn(cells []Assignment) []Assignment {
	var out []Assignment
	for _, cell := range cells {
		if v, ok := s.values(cell); ok && !slices.ContainsFunc(out, func(have Assignment) bool { return maps.Equal(have, v) }) {
			out = append(out, v)
		}
	}
	return out
}

// maxWorlds bounds what is looked at of what several searches may come to together. Each candidate is in one of them at least.
const maxWorlds = 64

// settleSearches notes what the searches may come to, so that checks can look at the cells that their values stand for.
func (e *Experiment) settleSearches() {
	e.worlds = nil
	if len(e.Best) == 0 {
		return
	}
	worlds := []Chosen{{}}
	for _, s := range e.Searches() {
		pool := e.competitors(s)
		found, total, most := make([][]Assignment, len(worlds)), 0, len(worlds)
		for i, w := range worlds {
			found[i] = s.candidatesIn(e.among(s, pool, w))
			total += max(len(found[i]), 1)
			most = max(most, len(found[i]))
		}
		var next []Chosen
		with := func(i, j int) {
			w := maps.Clone(worlds[i])
			if len(found[i]) > 0 {
				w[s.Name] = found[i][j%len(found[i])]
			}
			next = append(next, w)
		}
		if total <= maxWorlds {
			for i := range worlds {
				for j := range max(len(found[i]), 1) {
					with(i, j)
				}
			}
		} else {
			for k := range most {
				with(k%len(worlds), k)
			}
		}
		worlds = next
	}
	e.worlds = worlds
}

// Worlds are what the searches may come to together, as far as is known before there are scores: every value that one may choose is in
// one of them at least. None where there are no searches.
func (e *Experiment) Worlds() []Chosen { return e.worlds }

// MayBe lists the values that a value of an axis may stand for: itself, or what a search may choose.
func (e *Experiment) MayBe(axis string, v Value) []Value {
	s := e.SearchOf(v)
	if s == nil {
		return []Value{v}
	}
	var out []Value
	for _, w := range e.worlds {
		if x, ok := w[s.Name][axis]; ok && !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// couldBe reports whether one of some values is a value of an axis, or stands for a search that could choose it, as far as its
// selection says: blocks are not known yet.
func (e *Experiment) couldBe(axis string, values []Value, v Value) bool {
	return slices.ContainsFunc(values, func(x Value) bool {
		s := e.SearchOf(x)
		if s == nil {
			return x == v
		}
		among := s.Where[axis]
		return len(among) == 0 || slices.ContainsFunc(among, func(y Value) bool {
			other := e.SearchOf(y)
			return y == v || other != nil && other != s
		})
	})
}

// mayBe are the values that those of a list may stand for, each once.
func (e *Experiment) mayBe(axis string, values []Value) []Value {
	if len(e.Best) == 0 {
		return values
	}
	var out []Value
	for _, v := range values {
		for _, x := range e.MayBe(axis, v) {
			if !slices.Contains(out, x) {
				out = append(out, x)
			}
		}
	}
	return out
}

// put calls f with what a cell may be once searches are decided: in a world, or each once where that is nil.
func (e *Experiment) put(cell Assignment, in Chosen, f func(Assignment)) {
	if !e.searched(cell) {
		f(cell)
		return
	}
	worlds := e.worlds
	if in != nil {
		worlds = []Chosen{in}
	}
	var seen []Assignment
	for _, w := range worlds {
		put, ok := e.Put(cell, w)
		if !ok || slices.ContainsFunc(seen, func(have Assignment) bool { return maps.Equal(have, put) }) {
			continue
		}
		seen = append(seen, put)
		f(put)
	}
}
