package diff

import (
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
)

// Cells tells which cells only one of two versions has, and which came to another end.
type Cells struct {
	Both    int          `json:"both"`
	Added   []string     `json:"added"`   // ids
	Missing []string     `json:"missing"` // ids
	Status  []CellStatus `json:"status"`
}

// CellStatus is a cell that came to another end.
type CellStatus struct {
	Cell   string            `json:"cell"`
	Was    record.CellStatus `json:"was"`
	Is     record.CellStatus `json:"is"`
	Reason string            `json:"reason,omitempty"` // of the one that has no results, the later one first
}

// Scores tells how the values of one score differ. Every value is counted once, but those that one version alone has.
type Scores struct {
	Metric  string `json:"metric"`
	Name    string `json:"score"`
	Equal   int    `json:"equal"`   // to the last bit, with all that belongs to them
	Changed int    `json:"changed"` // values
	Status  int    `json:"status"`  // a value became none, or none a value
	Else    int    `json:"else"`    // equal values with another interval, n, reason or warnings
	Added   int    `json:"added"`
	Missing int    `json:"missing"`

	Within int `json:"-"` // of Added and Missing, those in cells that both versions have

	Worst   *Value  `json:"largest,omitempty"` // the largest change
	Changes []Value `json:"changes"`           // all but the equal ones
}

// Value is one value that differs; nil for none.
type Value struct {
	Cell string            `json:"cell"`
	Dims map[string]string `json:"dims,omitempty"`
	Was  *float64          `json:"was"`
	Is   *float64          `json:"is"`
	Why  string            `json:"why,omitempty"` // of what has no value, or differs besides the value
}

// paired is the cells and scores of two versions, matched.
type paired struct {
	a, b           *record.Core
	pairs          [][2]int // indices of cells
	onlyA, onlyB   []int
	scoresA        map[string]map[string]*record.Score // by cell, then by score
	scoresB        map[string]map[string]*record.Score
	orderA, orderB map[string][]string // of the scores of a cell
}

func pair(a, b *record.Core) *paired {
	p := &paired{a: a, b: b}
	p.scoresA, p.orderA = byCell(a)
	p.scoresB, p.orderB = byCell(b)
	p.match()
	return p
}

// byCell finds scores by cell and what they are of.
func byCell(c *record.Core) (map[string]map[string]*record.Score, map[string][]string) {
	scores, order := map[string]map[string]*record.Score{}, map[string][]string{}
	for i := range c.Scores {
		s := &c.Scores[i]
		if scores[s.Cell] == nil {
			scores[s.Cell] = map[string]*record.Score{}
		}
		key := scoreKey(s)
		if scores[s.Cell][key] == nil {
			order[s.Cell] = append(order[s.Cell], key)
		}
		scores[s.Cell][key] = s
	}
	return scores, order
}

func scoreKey(s *record.Score) string { return s.Metric + "\x00" + s.Name + "\x00" + textOf(s.Dims) }

// textOf is a text that differs where the dimensions do.
func textOf(dims map[string]string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(dims)) {
		b.WriteString(k + "\x00" + dims[k] + "\x00")
	}
	return b.String()
}

// match pairs cells by the axes that both versions have, as an id changes where an axis is added; where that tells them not apart, by id.
func (p *paired) match() {
	var axes []string
	for _, axis := range p.a.Manifest.Axes {
		if slices.Contains(p.b.Manifest.Axes, axis) {
			axes = append(axes, axis)
		}
	}
	keyOf := func(c *record.Cell) string {
		var b strings.Builder
		for _, axis := range axes {
			b.WriteString(c.Axes[axis] + "\x00")
		}
		return b.String()
	}
	before, after := map[string][]int{}, map[string][]int{}
	for i := range p.a.Cells {
		key := keyOf(&p.a.Cells[i])
		before[key] = append(before[key], i)
	}
	for i := range p.b.Cells {
		key := keyOf(&p.b.Cells[i])
		after[key] = append(after[key], i)
	}
	matched := make([]bool, len(p.a.Cells))
	for i := range p.b.Cells {
		key := keyOf(&p.b.Cells[i])
		candidates := before[key]
		at := -1
		if len(candidates) == 1 && len(after[key]) == 1 {
			at = candidates[0]
		} else if k := slices.IndexFunc(candidates, func(j int) bool { return p.a.Cells[j].ID == p.b.Cells[i].ID }); k >= 0 {
			at = candidates[k]
		}
		if at < 0 {
			p.onlyB = append(p.onlyB, i)
			continue
		}
		matched[at] = true
		p.pairs = append(p.pairs, [2]int{at, i})
	}
	for i, m := range matched {
		if !m {
			p.onlyA = append(p.onlyA, i)
		}
	}
}

func (p *paired) cells() Cells {
	c := Cells{Both: len(p.pairs), Added: []string{}, Missing: []string{}, Status: []CellStatus{}}
	for _, i := range p.onlyA {
		c.Missing = append(c.Missing, p.a.Cells[i].ID)
	}
	for _, i := range p.onlyB {
		c.Added = append(c.Added, p.b.Cells[i].ID)
	}
	for _, at := range p.pairs {
		was, is := &p.a.Cells[at[0]], &p.b.Cells[at[1]]
		if was.Status == is.Status {
			continue
		}
		reason := is.Reason
		if reason == "" {
			reason = was.Reason
		}
		c.Status = append(c.Status, CellStatus{Cell: is.ID, Was: was.Status, Is: is.Status, Reason: reason})
	}
	return c
}

// scores counts, score by score, what differs.
func (p *paired) scores() []Scores {
	t := &tally{at: map[string]int{}}
	for _, m := range []*record.Manifest{&p.b.Manifest, &p.a.Manifest} { // in the order of the later one
		for _, s := range m.Scores {
			t.of(s.Metric, s.Name)
		}
	}
	for _, at := range p.pairs {
		was, is := p.a.Cells[at[0]].ID, p.b.Cells[at[1]].ID
		for _, key := range p.orderB[is] {
			t.compare(p.scoresA[was][key], p.scoresB[is][key])
			if p.scoresA[was][key] == nil {
				t.of(p.scoresB[is][key].Metric, p.scoresB[is][key].Name).Within++
			}
		}
		for _, key := range p.orderA[was] {
			if p.scoresB[is][key] == nil {
				t.compare(p.scoresA[was][key], nil)
				t.of(p.scoresA[was][key].Metric, p.scoresA[was][key].Name).Within++
			}
		}
	}
	for _, i := range p.onlyA {
		for _, key := range p.orderA[p.a.Cells[i].ID] {
			t.compare(p.scoresA[p.a.Cells[i].ID][key], nil)
		}
	}
	for _, i := range p.onlyB {
		for _, key := range p.orderB[p.b.Cells[i].ID] {
			t.compare(nil, p.scoresB[p.b.Cells[i].ID][key])
		}
	}
	return slices.DeleteFunc(t.list, func(s Scores) bool {
		return s.Equal+s.Changed+s.Status+s.Else+s.Added+s.Missing == 0
	})
}

type tally struct {
	list []Scores
	at   map[string]int
}

func (t *tally) of(metric, name string) *Scores {
	key := metric + "\x00" + name
	if _, has := t.at[key]; !has {
		t.at[key] = len(t.list)
		t.list = append(t.list, Scores{Metric: metric, Name: name, Changes: []Value{}})
	}
	return &t.list[t.at[key]]
}

// compare counts a score of a cell; nil is one that is not there.
func (t *tally) compare(was, is *record.Score) {
	some := is
	if some == nil {
		some = was
	}
	s := t.of(some.Metric, some.Name)
	v := Value{Cell: some.Cell, Dims: some.Dims, Was: valueOf(was), Is: valueOf(is)}
	switch {
	case was == nil:
		s.Added++
		v.Why = "was not measured"
	case is == nil:
		s.Missing++
		v.Why = "is not measured"
	case was.Status != is.Status:
		s.Status++
		v.Why = reasonOf(was, is)
	case was.Value != is.Value:
		s.Changed++
		if s.Worst == nil || v.size() > s.Worst.size() {
			worst := v
			s.Worst = &worst
		}
	default:
		if v.Why = otherwise(was, is); v.Why == "" {
			s.Equal++
			return
		}
		s.Else++
	}
	s.Changes = append(s.Changes, v)
}

func valueOf(s *record.Score) *float64 {
	if s == nil || s.Status != plugins.OK {
		return nil
	}
	return &s.Value
}

func (v *Value) size() float64 { return math.Abs(*v.Is - *v.Was) }

// reasonOf says why one of two has no value.
func reasonOf(was, is *record.Score) string {
	if is.Status != plugins.OK {
		return string(is.Status) + ": " + is.Reason
	}
	return "was " + string(was.Status) + ": " + was.Reason
}

// otherwise says what differs between two scores of equal status and value; "" where all is equal.
func otherwise(was, is *record.Score) string {
	interval := func(s *record.Score) plugins.Interval {
		if s.Interval == nil {
			return plugins.Interval{}
		}
		return *s.Interval
	}
	var out []string
	if was.N != is.N {
		out = append(out, "n")
	}
	if interval(was) != interval(is) {
		out = append(out, "interval")
	}
	if was.Reason != is.Reason {
		out = append(out, "reason")
	}
	if !slices.Equal(was.Warnings, is.Warnings) {
		out = append(out, "warnings")
	}
	if len(out) == 0 {
		return ""
	}
	return "other " + strings.Join(out, ", ")
}
