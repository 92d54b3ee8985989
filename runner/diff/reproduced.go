package diff

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
)

// Tolerances says how far values may be off that were made again. On one numeric class, by builds of one release of Go, nothing may be off
// unless a size is asked for: equal inputs give equal bytes there.
type Tolerances struct {
	// Stated is what a metric plugin says of its score; false where that is not known. It may be nil.
	Stated func(plugin, score string) (plugins.Tolerance, bool)
	// Size, unless nil, counts in its place: relative to the range of the score or, where it has no bounds, to the greater of the two values.
	Size *float64
}

// State says how a cell that was made again compares with the recorded one.
type State string

// The states of a cell that was made again.
const (
	Equal   State = "equal"   // every value, interval and note, to the last bit
	Within  State = "within"  // values and intervals that differ do so within their tolerance
	Differs State = "differs" // something differs by more
	Lacking State = "missing" // it has no result where the record has one
)

// Again is what a version that was made again comes to.
type Again struct {
	A         Side        `json:"recorded"`
	B         Side        `json:"again"`
	Tolerance *float64    `json:"tolerance,omitempty"` // that was asked for in the place of those that metrics state
	Class     *Change     `json:"class,omitempty"`     // the numeric class, or the release of Go, where it is another
	Inputs    []Change    `json:"inputs"`              // that differ
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
	Score   string  `json:"score,omitempty"`   // of those that differ, the one that is most beyond its tolerance, or nearest to that
	Largest *Value  `json:"largest,omitempty"` // its values
	Off     float64 `json:"off,omitempty"`     // by how much its value, or an end of its interval, is off
	Allowed float64 `json:"allowed"`           // by how much it may be
	Why     string  `json:"why,omitempty"`
	Inputs  bool    `json:"inputs_differ"` // something that differs went into it, so that it need not be equal
}

// Reproduced compares a version that was made again with the recorded one.
func Reproduced(recorded, again *record.Version, may Tolerances) (*Again, error) {
	r := &Again{A: sideOf(recorded), B: sideOf(again), Tolerance: may.Size, Cells: []CellAgain{}}
	a, b := &recorded.Core.Manifest, &again.Core.Manifest
	r.Inputs = Inputs(a, b)
	for _, field := range []string{release, numericClass} {
		if i := slices.IndexFunc(r.Inputs, func(c Change) bool { return c.Field == field }); i >= 0 {
			r.Class = &r.Inputs[i]
		}
	}
	var err error
	if r.Resolved, err = Experiment(a.Resolved, b.Resolved); err != nil {
		return nil, err
	}
	r.Identical = sameFiles(a.Files, b.Files)
	p := pair(recorded.Core, again.Core)
	x := &against{paired: p, again: r, may: may, infos: infosOf(a), uses: used(a.Resolved)}
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

// infosOf is the range of each score, by its address.
func infosOf(m *record.Manifest) map[string]plugins.ScoreInfo {
	out := map[string]plugins.ScoreInfo{}
	for _, s := range m.Scores {
		info := plugins.ScoreInfo{Name: s.Name, Min: math.Inf(-1), Max: math.Inf(1)}
		if s.Min != nil {
			info.Min = *s.Min
		}
		if s.Max != nil {
			info.Max = *s.Max
		}
		out[s.Metric+"."+s.Name] = info
	}
	return out
}

// uses are the plugins of an experiment, by its names for strategies and metrics.
type uses struct{ strategies, metrics map[string]string }

func used(resolved json.RawMessage) uses {
	type named struct{ Name, Use string }
	var e struct {
		Strategies []named `json:"strategies"`
		Metrics    []named `json:"metrics"`
	}
	out := uses{map[string]string{}, map[string]string{}}
	if json.Unmarshal(resolved, &e) != nil { // then no plugin is left out, and none states a tolerance
		return out
	}
	for _, s := range e.Strategies {
		out.strategies[s.Name] = s.Use
	}
	for _, m := range e.Metrics {
		out.metrics[m.Name] = m.Use
	}
	return out
}

type against struct {
	*paired
	again *Again
	may   Tolerances
	infos map[string]plugins.ScoreInfo
	uses  uses
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
	if (was.Interval == nil) != (is.Interval == nil) {
		c.State, c.Why = Differs, fmt.Sprintf("%s.%s has an interval on one side only", was.Metric, was.Name)
		return
	}
	off, allowed := x.off(was, is)
	if c.Largest == nil || off*c.Allowed > c.Off*allowed || c.Allowed == 0 && off > c.Off {
		c.Score, c.Largest, c.Off, c.Allowed = was.Metric+"."+was.Name, v, off, allowed
	}
	if off > allowed {
		c.State = Differs
	} else if c.State == Equal {
		c.State = Within
	}
}

// off is by how much the value of a score, or an end of its interval, is off, and by how much it may be: that of the three of which
// most of the tolerance is used.
func (x *against) off(was, is *record.Score) (off, allowed float64) {
	pairs := [][2]float64{{was.Value, is.Value}}
	if was.Interval != nil {
		pairs = append(pairs, [2]float64{was.Interval.Low, is.Interval.Low}, [2]float64{was.Interval.High, is.Interval.High})
	}
	for _, p := range pairs {
		by, may := math.Abs(p[0]-p[1]), x.allowed(was, p[0], p[1])
		if by > 0 && (off == 0 || by*allowed > off*may || allowed == 0 && by > off) {
			off, allowed = by, may
		}
	}
	return off, allowed
}

// allowed is how far two values of a score may lie apart.
func (x *against) allowed(s *record.Score, a, b float64) float64 {
	info, known := x.infos[s.Metric+"."+s.Name]
	if !known {
		info.Min, info.Max = math.Inf(-1), math.Inf(1)
	}
	switch {
	case x.may.Size != nil:
		if width := info.Max - info.Min; !math.IsInf(width, 0) {
			return *x.may.Size * width
		}
		return *x.may.Size * max(math.Abs(a), math.Abs(b))
	case x.again.Class == nil:
		return 0
	}
	says := plugins.Rounding(info)
	if x.may.Stated != nil {
		if stated, ok := x.may.Stated(x.uses.metrics[s.Metric], s.Name); ok {
			says = stated
		}
	}
	return says.Allows(a, b, s.N)
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
		if name, ok := strings.CutPrefix(in.Field, "generate plugin "); ok && x.uses.strategies[c.Axes["strategy"]] != name {
			continue
		}
		if in.Field == "ehrlab" || in.Field == release { // what they change of results is told by the versions of plugins
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
	within := "within the tolerances that metrics state"
	if r.Tolerance != nil {
		within = fmt.Sprintf("within %g of the scale of each score", *r.Tolerance)
	}
	t.line("cells: %d equal to the last bit, %d %s, %d different, %d missing", r.Count[0], r.Count[1], within, r.Count[2], r.Count[3])
	if r.Class != nil && r.Count[0] < len(r.Cells) {
		t.line("another %s may round otherwise: tolerances are of scores of equal rows, and rows that a strategy made may differ by more", kindOf(r.Class))
	}
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
	switch {
	case c.Largest == nil:
	case c.Off == 0:
		out += ", and not in a value or an interval"
	default:
		of := c.Score
		for _, dim := range slices.Sorted(maps.Keys(c.Largest.Dims)) {
			of += fmt.Sprintf(" %s=%s", dim, c.Largest.Dims[dim])
		}
		out += fmt.Sprintf(", %s most of all: by %.3g where %.3g is allowed", of, c.Off, c.Allowed)
	}
	if c.Why != "" {
		out += ": " + c.Why
	}
	return out
}

func kindOf(c *Change) string {
	if c.Field == release {
		return "release of Go"
	}
	return c.Field
}
