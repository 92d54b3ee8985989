package spec

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"github.com/ehrlab/ehrlab/plugins"
)

// Check is a declared comparison of a score with that of an earlier version.
type Check struct {
	Name  string             `json:"name"`
	Score string             `json:"score"`           // "metric.score", or a bare score name: then of each metric that has it
	Where map[string][]Value `json:"where,omitempty"` // axes and dimensions
	// Over are axes and dimensions that are averaged over before versions are compared. Replicates are paired whether or not they
	// stand here; every other axis and dimension tells comparisons apart.
	Over      []string          `json:"over,omitempty"`
	Better    plugins.Direction `json:"better,omitempty"` // empty: as the score says
	Tolerance Tolerance         `json:"tolerance"`
	Limit     *Range            `json:"limit,omitempty"`
	// PassUnderpowered lets the build pass where neither a loss nor its absence can be shown.
	PassUnderpowered bool `json:"pass_underpowered,omitempty"`

	// where it is written: in results it would be a local name, so it is kept out of them
	File   string `json:"-"`
	Line   int    `json:"-"`
	Column int    `json:"-"`
}

// Tolerance is a loss that is still as good as none: the greater of the two where both are given.
type Tolerance struct {
	Absolute *float64 `json:"absolute,omitempty"` // in the unit of the score
	Relative *float64 `json:"relative,omitempty"` // as a share of the baseline
}

// Range is bounds of a value; nil: none.
type Range struct {
	Min *float64 `json:"min,omitempty"`
	Max *float64 `json:"max,omitempty"`
}

func (l *loader) decodeCheck(n *node) Check {
	c := Check{
		Name: n.name(), Score: text(n.field("score")), Where: choices(n.field("where")), Over: texts(n.field("over")),
		Better: plugins.Direction(text(n.field("better"))), PassUnderpowered: text(n.field("on_underpowered")) == "pass",
		File: l.rep.sources.shown[n.label.file], Line: n.label.line, Column: n.label.column,
	}
	if t := n.field("tolerance"); t.is(cue.StructKind) {
		c.Tolerance = Tolerance{Absolute: optional(t.field("absolute")), Relative: optional(t.field("relative"))}
	}
	if r := n.field("limit"); r.is(cue.StructKind) {
		c.Limit = &Range{Min: optional(r.field("min")), Max: optional(r.field("max"))}
	}
	return c
}

// checkChecks checks that each check selects scores that the matrix yields, and that its tolerance and limit mean something there.
func (l *loader) checkChecks() {
	checks := l.entries("checks")
	if len(checks) == 0 {
		return
	}
	w := l.yields()
	for _, n := range checks {
		w.checkBounds(n)
		over := oneOrMore(n.field("over"))
		w.checkOver(over)
		w.checkWhere(n.field("where"))
		w.checkCompared(n, over)
	}
}

// checkBounds checks the tolerance and the limit by themselves.
func (w *yield) checkBounds(n *node) {
	if t := n.field("tolerance"); t.is(cue.StructKind) && len(t.fields) == 0 && !t.part {
		w.wrong(t, t.at, "must have absolute, relative or both, such as absolute: 0.02")
	}
	limit := n.field("limit")
	if limit.is(cue.StructKind) && len(limit.fields) == 0 && !limit.part {
		w.wrong(limit, limit.at, "must have min, max or both")
	}
	low, high := limit.field("min"), limit.field("max")
	if low.ok() && high.ok() && low.number() > high.number() {
		w.wrong(high, high.at, "is below min, %s: no value can lie between them", low.text)
	}
}

// checkOver checks the names that are averaged over.
func (w *yield) checkOver(over []*node) {
	for i, n := range over {
		switch {
		case !n.ok():
		case w.sure && w.axis(n.text) < 0 && !slices.Contains(w.dims, n.text):
			w.wrong(n, n.at, "no axis or dimension named %q%s", n.text, hint(n.text, "known:", append(w.axisList(), w.dims...)))
		case names(over[:i], n.text):
			w.wrong(n, n.at, "%q is given twice", n.text)
		}
	}
}

// checkCompared checks the score of a check: that it exists, which way is better, and that cells have it.
func (w *yield) checkCompared(n *node, over []*node) {
	score := n.field("score")
	if !score.ok() || !w.sure && !w.scoreKnown(score.text) {
		return
	}
	found := w.find(score.text)
	if len(found) == 0 {
		w.wrong(score, score.at, "no score named %q%s", score.text, hint(score.text, "known:", w.addresses(score.text)))
		return
	}
	for _, s := range found {
		if info := w.infoOf(s); info != nil && (!w.checkDirection(n, s, info) || !w.checkRange(n, s, info)) {
			return
		}
	}
	v := view{node: n, over: over, where: n.field("where")}
	if !w.viewOK(v) {
		return
	}
	selected, replicates := 0, map[string]bool{}
	for _, s := range found {
		if !w.hasKeys(v, s) {
			continue
		}
		cells, seeds := w.compared(v, s)
		selected += cells
		for _, seed := range seeds {
			replicates[seed] = true
		}
	}
	switch {
	case selected == 0:
		w.wrong(n, n.label, "selects no cell: none that %q is measured on has what where says", score.text)
	case len(replicates) == 1:
		w.rep.warn(joinPath(n.path), n.label, "there is one seed: what another one would have given is unknown, so that any change will be underpowered")
	}
}

// infoOf is what a metric says of a score; nil where it is not known.
func (w *yield) infoOf(s scoreInfo) *plugins.ScoreInfo {
	var all []plugins.ScoreInfo
	switch b := w.found.built[indexKey([]string{"metrics", s.metric})]; {
	case s.metric == plugins.GenerationMetric:
		all = plugins.GenerationScores()
	case s.metric == plugins.JudgingMetric:
		all = plugins.JudgingScores()
	case b == nil:
		return nil
	default:
		all = b.info.Scores
	}
	if i := slices.IndexFunc(all, func(x plugins.ScoreInfo) bool { return x.Name == s.name }); i >= 0 {
		return &all[i]
	}
	return nil
}

// checkDirection demands a direction of a score that has none, and no other one of a score that has.
func (w *yield) checkDirection(n *node, s scoreInfo, info *plugins.ScoreInfo) bool {
	better := n.field("better")
	switch {
	case better == nil && info.Better == plugins.Neutral:
		w.wrong(n, n.label, `"%s.%s" has no better direction of its own; say better: "higher" or better: "lower"`, s.metric, s.name)
	case better.ok() && info.Better != plugins.Neutral && better.text != string(info.Better):
		w.wrong(better, better.at, `"%s.%s" is better when it is %s; leave better out`, s.metric, s.name, info.Better)
	default:
		return true
	}
	return false
}

// checkRange refuses a tolerance and limits that every value of the score is within, or none.
func (w *yield) checkRange(n *node, s scoreInfo, info *plugins.ScoreInfo) bool {
	bounds := fmt.Sprintf("%q lies between %v and %v", s.metric+"."+s.name, info.Min, info.Max)
	switch {
	case math.IsInf(info.Max, 1):
		bounds = fmt.Sprintf("%q is %v at least", s.metric+"."+s.name, info.Min)
	case math.IsInf(info.Min, -1):
		bounds = fmt.Sprintf("%q is %v at most", s.metric+"."+s.name, info.Max)
	}
	if t := n.field("tolerance").field("absolute"); t.ok() && t.number() >= info.Max-info.Min {
		w.wrong(t, t.at, "no loss is greater: %s", bounds)
		return false
	}
	higher := info.Better == plugins.Higher || text(n.field("better")) == string(plugins.Higher)
	if t := n.field("tolerance").field("relative"); t.ok() && t.number() >= 1 && higher && info.Min >= 0 {
		w.wrong(t, t.at, "no loss is greater than all of the earlier value: %s", bounds)
		return false
	}
	for _, f := range n.field("limit").all() {
		if f.ok() && (f.number() < info.Min || f.number() > info.Max) {
			w.wrong(f, f.at, "no value is there: %s", bounds)
			return false
		}
	}
	return true
}

// all are the fields of a block; of nothing, none.
func (n *node) all() []*node {
	if !n.is(cue.StructKind) {
		return nil
	}
	return n.fields
}

// compared counts the cells that a check selects and that measure a score, and lists the values of replicates that they have.
func (w *yield) compared(v view, s scoreInfo) (cells int, replicates []string) {
	var axes []int
	for i, a := range w.axes {
		if w.exp.Replicates(a.Axis) {
			axes = append(axes, i)
		}
	}
	seen := map[string]bool{}
	w.inWorlds(func(in Chosen, there func(cell) bool) bool {
		selected := w.selection(v.selects(), in)
		for _, c := range w.cells {
			if !there(c) || !w.exp.Matrix[c.block].measures(s.metric) || !selected(c) {
				continue
			}
			cells++
			var key strings.Builder
			for _, i := range axes {
				fmt.Fprint(&key, c.values[i], " ")
			}
			if !seen[key.String()] {
				seen[key.String()] = true
				replicates = append(replicates, key.String())
			}
		}
		return false
	})
	return cells, replicates
}

// Replicates reports whether the values of an axis differ by chance alone: the axis seed, and declared axes that set a seed.
func (e *Experiment) Replicates(axis string) bool {
	return axis == "seed" || slices.ContainsFunc(e.Axes, func(a Axis) bool { return a.Name == axis && strings.HasSuffix(a.Sets, ".seed") })
}
