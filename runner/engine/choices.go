package engine

import (
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins/stats"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// choices records what the searches came to.
func (g *collector) choices() {
	for _, c := range g.plan.Choices() {
		out := Recorded(c)
		if c.Best < 0 && out.Undecided == "" {
			i := slices.IndexFunc(g.plan.Pending, func(n *plan.Pending) bool { return n.Search == c.Search.Name })
			_, out.Undecided = WhyPending(g.plan, g.res, g.plan.Pending[i])
		}
		for i := range c.Candidates {
			g.estimate(c, &c.Candidates[i], &out.Candidates[i])
		}
		out.OwnColumns = c.Best >= 0 && !c.AnyColumns && g.differInColumns(c.Candidates)
		for _, cell := range g.plan.Cells {
			if c.Rests(cell) {
				out.Cells = append(out.Cells, cell.ID)
			}
		}
		g.core.Manifest.Choices = append(g.core.Manifest.Choices, out)
	}
}

// differInColumns reports whether what competes has other columns than the first of it.
func (g *collector) differInColumns(candidates []plan.Candidate) bool {
	var first []string
	for i, candidate := range candidates {
		var subsets []string
		for _, cell := range candidate.Cells {
			columns := slices.Sorted(slices.Values(g.subsets[g.subsetOf(cell)]))
			subsets = append(subsets, strings.Join(columns, "\x00"))
		}
		slices.Sort(subsets)
		subsets = slices.Compact(subsets)
		if i == 0 {
			first = subsets
		} else if !slices.Equal(subsets, first) {
			return true
		}
	}
	return false
}

// Recorded is a choice as a manifest has it, without the means of what competed.
func Recorded(c *plan.Choice) record.Choice {
	out := record.Choice{
		Search: c.Search.Name, Of: c.Search.Of, Score: c.Search.Score, Direction: c.Direction, Part: c.Part, Over: c.Search.Over,
		Best: c.Best, RunnerUp: c.RunnerUp, Tie: c.Tie, Undecided: c.Undecided,
	}
	for axis, values := range c.Where {
		if out.Where == nil {
			out.Where = map[string][]string{}
		}
		out.Where[axis] = valueTexts(values)
	}
	for _, candidate := range c.Candidates {
		out.Candidates = append(out.Candidates, record.Candidate{Values: valueTexts(candidate.Values), N: len(candidate.Cells)})
	}
	return out
}

// estimate adds the mean of a candidate, once it is known, and its interval over replicates; a mean over other axes has none, as these do
// not differ by chance.
func (g *collector) estimate(of *plan.Choice, c *plan.Candidate, to *record.Candidate) {
	if len(c.Scores) < len(c.Cells) {
		return
	}
	mean := c.Mean
	to.Mean = &mean
	e := g.plan.Experiment
	if slices.ContainsFunc(of.Search.Over, func(axis string) bool { return !e.Replicates(axis) }) {
		return
	}
	level := e.Inference.Coverage()
	if _, low, high, err := stats.MeanInterval(c.Scores, level); err == nil { // which one replicate does not have
		low, high = max(low, of.Info.Min), min(high, of.Info.Max) // as tables cut it
		to.Low, to.High, to.Level = &low, &high, level
	}
}

func valueTexts(values []spec.Value) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = v.String()
	}
	return out
}
