package diff

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
)

// Tolerance is how far a value may be off that was made on a machine that rounds otherwise: relative to the range of the score or, where
// it has no bounds, to the greater of the two values.
const Tolerance = 1e-9

// State says how a cell that was made again compares with the recorded one.
type State string

// The states of a cell that was made again.
const (
	Equal   State = "equal"   // every value, interval and note, to the last bit
	Within  State = "within"  // what differs does so within the tolerance
	Differs State = "differs" // something differs by more
	Lacking State = "missing" // it has no result where the record has one
)

// Again is what a version that was made again comes to.
type Again struct {
	A         Side        `json:"recorded"`
	B         Side        `json:"again"`
	Tolerance float64     `json:"tolerance"`
	Inputs    []Change    `json:"inputs"` // that differ
	Resolved  []Change    `json:"experiment"`
	Identical bool        `json:"identical"` // all files of the core but the manifest have the same bytes
	Count     [4]int      `json:"-"`         // cells: equal, within, differing, missing
	Cells     []CellAgain `json:"cells"`
}

// CellAgain is a cell that was made again.
type CellAgain struct {
	Cell    string  `json:"cell"`
	State   State   `json:"state"`
	Scores  int     `json:"scores"`            // that the record has
	Unequal int     `json:"unequal"`           // of these
	Largest *Value  `json:"largest,omitempty"` // by size relative to the tolerance
	Off     float64 `json:"off,omitempty"`     // how far that one is off, relative to the scale of its score
	Why     string  `json:"why,omitempty"`
	Inputs  bool    `json:"inputs_differ"` // something that differs went into it, so that it need not be equal
}

// Reproduced compares a version that was made again with the recorded one.
func Reproduced(recorded, again *record.Version, tolerance float64) (*Again, error) {
	r := &Again{A: sideOf(recorded), B: sideOf(again), Tolerance: tolerance, Cells: []CellAgain{}}
	a, b := &recorded.Core.Manifest, &again.Core.Manifest
	r.Inputs = Inputs(a, b)
	var err error
	if r.Resolved, err = Experiment(a.Resolved, b.Resolved); err != nil {
		return nil, err
	}
	r.Identical = sameFiles(a.Files, b.Files)
	p := pair(recorded.Core, again.Core)
	x := &against{paired: p, again: r, scales: scalesOf(a), uses: strategies(a.Resolved)}
	partner := map[int]int{}
	for _, at := range p.pairs {
		partner[at[0]] = at[1]
	}
	for i := range recorded.Core.Cells {
		at, has := partner[i]
		if !has {
			at = -1
		}
		r.add(x.cell(i, at))
	}
	return r, nil
}

func (r *Again) add(c CellAgain) {
	r.Count[slices.Index([]State{Equal, Within, Differs, Lacking}, c.State)]++
	r.Cells = append(r.Cells, c)
}

func sameFiles(a, b []record.FileInfo) bool {
	return slices.EqualFunc(a, b, func(x, y record.FileInfo) bool { return x.Role == y.Role && x.SHA256 == y.SHA256 })
}

// scalesOf is the range of each bounded score.
func scalesOf(m *record.Manifest) map[string]float64 {
	out := map[string]float64{}
	for _, s := range m.Scores {
		if s.Min != nil && s.Max != nil {
			out[s.Metric+"."+s.Name] = *s.Max - *s.Min
		}
	}
	return out
}

// strategies are the plugins of strategies, by the experiment's names.
func strategies(resolved json.RawMessage) map[string]string {
	var e struct {
		Strategies []struct{ Name, Use string } `json:"strategies"`
	}
	out := map[string]string{}
	if json.Unmarshal(resolved, &e) != nil { // then no plugin is left out
		return out
	}
	for _, s := range e.Strategies {
		out[s.Name] = s.Use
	}
	return out
}

type against struct {
	*paired
	again  *Again
	scales map[string]float64
	uses   map[string]string
}

// cell compares a recorded cell with one of the version that was made again; -1 is none.
func (x *against) cell(was, is int) CellAgain {
	old := &x.a.Cells[was]
	c := CellAgain{Cell: old.ID, State: Equal, Scores: len(x.orderA[old.ID])}
	reasons := x.reasons(old)
	c.Inputs = len(reasons) > 0
	if is < 0 {
		c.State, c.Why = Lacking, "there is no such cell"
		return c
	}
	now := &x.b.Cells[is]
	if now.Status == record.CellFailed && old.Status != record.CellFailed {
		c.State, c.Why = Lacking, now.Stage+" failed: "+now.Reason
		return c
	}
	if old.Status != now.Status {
		c.State, c.Why = Differs, fmt.Sprintf("its status was %s and is %s", old.Status, now.Status)
	}
	for _, key := range x.orderA[old.ID] {
		x.score(&c, x.scoresA[old.ID][key], x.scoresB[now.ID][key])
	}
	if n := len(x.orderB[now.ID]); n > c.Scores {
		c.State, c.Why = Differs, fmt.Sprintf("it has %d scores and had %d", n, c.Scores)
	}
	if c.State == Differs {
		why := strings.Join(reasons, "; ")
		if why == "" {
			why = "nothing that went in differs: a step is not repeatable, or its plugin changed without a new version"
		}
		c.Why = strings.TrimPrefix(c.Why+"; "+why, "; ")
	}
	return c
}

// score compares one score.
func (x *against) score(c *CellAgain, was, is *record.Score) {
	v := &Value{Cell: c.Cell, Dims: was.Dims, Was: valueOf(was), Is: valueOf(is)}
	switch {
	case is == nil:
		c.Unequal++
		c.State, c.Why = Differs, fmt.Sprintf("%s.%s is not measured", was.Metric, was.Name)
		return
	case was.Status != is.Status || was.N != is.N:
		c.Unequal++
		c.State, c.Why = Differs, fmt.Sprintf("%s.%s has another status or n", was.Metric, was.Name)
		return
	case was.Status != plugins.OK || was.Value == is.Value && otherwise(was, is) == "":
		return
	}
	c.Unequal++
	off := x.off(was, is)
	if off > c.Off || c.Largest == nil {
		c.Off, c.Largest = off, v
	}
	if off > x.again.Tolerance {
		c.State = Differs
	} else if c.State == Equal {
		c.State = Within
	}
}

// off is how far value and interval of a score are off, relative to its scale.
func (x *against) off(was, is *record.Score) float64 {
	scale := x.scales[was.Metric+"."+was.Name]
	relative := func(a, b float64) float64 {
		s := scale
		if s == 0 {
			s = max(math.Abs(a), math.Abs(b))
		}
		if a == b {
			return 0
		}
		return math.Abs(a-b) / s
	}
	off := relative(was.Value, is.Value)
	switch {
	case (was.Interval == nil) != (is.Interval == nil):
		return math.MaxFloat64
	case was.Interval != nil:
		off = max(off, relative(was.Interval.Low, is.Interval.Low), relative(was.Interval.High, is.Interval.High))
	}
	return off
}

// reasons are what differs and went into a cell.
func (x *against) reasons(c *record.Cell) []string {
	var out []string
	for _, f := range x.again.Resolved {
		out = append(out, "the experiment is read otherwise: "+f.Field)
	}
	for _, in := range x.again.Inputs {
		if of, ok := strings.CutPrefix(in.Field, "data set "); ok {
			if name, _, _ := strings.Cut(of, ": "); name != c.Axes["dataset"] {
				continue
			}
		}
		if name, ok := strings.CutPrefix(in.Field, "generate plugin "); ok && x.uses[c.Axes["strategy"]] != name {
			continue
		}
		if in.Field == "ehrlab" || in.Field == "Go" { // what they change of results is told by the versions of plugins
			continue
		}
		if strings.HasPrefix(in.Field, "model ") && (in.Is == "" || in.Was == "") {
			continue // it was not asked: then cells fail, and say why
		}
		out = append(out, in.Field+": "+in.words(false))
	}
	const most = 4
	if len(out) > most {
		out = append(out[:most], fmt.Sprintf("and %d more", len(out)-most))
	}
	return out
}

// Verdict is what all cells come to together.
type Verdict string

// The verdicts, the gravest first.
const (
	NotRepeated   Verdict = "differs"        // though nothing that went in differs
	Incomplete    Verdict = "incomplete"     // cells lack a result
	NotComparable Verdict = "not comparable" // what differs may come from what went in
	AllWithin     Verdict = "within tolerance"
	AllEqual      Verdict = "equal"
)

// Verdict returns what all cells come to together.
func (r *Again) Verdict() Verdict {
	verdict := AllEqual
	for i := range r.Cells {
		c := &r.Cells[i]
		switch {
		case c.State == Differs && !c.Inputs:
			return NotRepeated
		case c.State == Lacking:
			verdict = Incomplete
		case c.State == Differs && verdict != Incomplete:
			verdict = NotComparable
		case c.State == Within && verdict == AllEqual:
			verdict = AllWithin
		}
	}
	if verdict == AllEqual && slices.ContainsFunc(r.Inputs, func(c Change) bool { return strings.HasPrefix(c.Field, "data set ") }) {
		return NotComparable // equal by chance
	}
	return verdict
}

// Text says how the cells compare: each that is not equal or, unless all is wanted, the first of each kind.
func (r *Again) Text(all bool) string {
	t := &text{all: all}
	t.line("%s %s, made again: %s", r.A.Experiment, r.A.Version, r.Verdict())
	t.changes("what went in", r.Inputs)
	if len(r.Resolved) > 0 {
		t.changes("experiment, as it is read now", r.Resolved)
	}
	t.line("cells: %d equal to the last bit, %d within %g of the scale of each score, %d different, %d missing", r.Count[0], r.Count[1], r.Tolerance, r.Count[2], r.Count[3])
	for _, state := range []State{Within, Differs, Lacking} {
		var cells []*CellAgain
		for i := range r.Cells {
			if r.Cells[i].State == state {
				cells = append(cells, &r.Cells[i])
			}
		}
		n := t.shown(len(cells), mostCells)
		for _, c := range cells[:n] {
			t.line("  %s: %s", c.Cell, c.words())
		}
		t.more(len(cells)-n, "such cell")
	}
	if r.Identical {
		t.line("all files of the core have the same bytes")
	}
	if t.cut {
		t.line("--all shows the rest")
	}
	return t.b.String()
}

func (c *CellAgain) words() string {
	if c.State == Lacking {
		return "missing: " + c.Why
	}
	out := fmt.Sprintf("%d of %s differ", c.Unequal, counted(c.Scores, "score"))
	if c.Largest != nil {
		out += fmt.Sprintf(", at most by %.3g of the scale", c.Off)
	}
	if c.Why != "" {
		out += ": " + c.Why
	}
	return out
}
