package cli

import (
	"maps"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// supposed is what the undecided searches that cells of a plan wait for may choose, each combination once; none where no cell waits for one.
func supposed(p *plan.Plan) []spec.Chosen {
	needed := searched(p)
	if len(needed) == 0 {
		return nil
	}
	var seen []spec.Chosen
	same := func(x, y spec.Assignment) bool { return maps.Equal(x, y) }
	for _, w := range p.Experiment.Worlds() {
		open, agrees := spec.Chosen{}, true
		for _, choice := range p.Choices() {
			switch values := w[choice.Search.Name]; {
			case choice.Best >= 0:
				agrees = agrees && same(values, choice.Values())
			case values != nil && needed[choice.Search.Name]:
				open[choice.Search.Name] = values
			}
		}
		if agrees && !slices.ContainsFunc(seen, func(have spec.Chosen) bool { return maps.EqualFunc(have, open, same) }) {
			seen = append(seen, open)
		}
	}
	return seen
}

// searched are the searches that cells wait for; others may choose what they like.
func searched(p *plan.Plan) map[string]bool {
	names := map[string]bool{}
	for _, node := range p.Pending {
		for _, cell := range node.Unresolved(p.Axes) {
			for _, v := range cell.Values {
				if s := p.Experiment.SearchOf(v); s != nil {
					names[s.Name] = true
				}
			}
		}
	}
	return names
}

// ranged is the range of several estimates: the least of the low ones, the mean of the expected, and the greatest of the high ones.
func ranged(of []span) span {
	out := span{math.Inf(1), 0, 0}
	for _, s := range of {
		out[0] = min(out[0], s[0])
		out[1] += s[1] / float64(len(of))
		out[2] = max(out[2], s[2])
	}
	return out
}

// together are the estimates of plans of which one will come true.
func together(of []*asking) *asking {
	if len(of) == 1 {
		return of[0]
	}
	out := &asking{}
	var names []string
	for _, x := range of {
		for _, s := range x.models {
			if !slices.Contains(names, s.Model) {
				names = append(names, s.Model)
			}
		}
		for _, f := range x.failed {
			if !slices.ContainsFunc(out.failed, func(have *outlineError) bool { return have.reason == f.reason }) {
				out.failed = append(out.failed, f)
			}
		}
	}
	slices.Sort(names)
	for _, name := range names {
		out.models = append(out.models, rangedModel(name, of))
	}
	out.purses = rangedPurses(of)
	return out
}

// rangedModel is what one model would be asked.
func rangedModel(name string, of []*asking) *askSummary {
	out := &askSummary{Model: name, Cost: &span{}}
	var calls, input, output, cost []span
	for _, x := range of {
		one := &askSummary{Cost: &span{}}
		if i := slices.IndexFunc(x.models, func(s *askSummary) bool { return s.Model == name }); i >= 0 {
			one = x.models[i]
		}
		calls, input, output = append(calls, one.Calls), append(input, one.Input), append(output, one.Output)
		if one.Cost == nil {
			out.Cost = nil
		} else {
			cost = append(cost, *one.Cost)
		}
		out.Cells, out.Known = max(out.Cells, one.Cells), max(out.Known, one.Known)
		for _, r := range one.Refused {
			if !slices.Contains(out.Refused, r) {
				out.Refused = append(out.Refused, r)
			}
		}
		for _, g := range one.Groups {
			if !slices.ContainsFunc(out.Groups, func(have groupRows) bool { return have.Strategy == g.Strategy && have.First == g.First }) {
				out.Groups = append(out.Groups, g)
			}
		}
	}
	out.Calls, out.Input, out.Output = ranged(calls), ranged(input), ranged(output)
	if out.Cost != nil {
		*out.Cost = ranged(cost)
	}
	return out
}

// rangedPurses are the limits of the budget with the range of what counts against each.
func rangedPurses(of []*asking) purses {
	var out purses
	like := func(p *purse) func(*purse) bool {
		return func(q *purse) bool { return p.name == q.name && p.step == q.step && p.cell == q.cell }
	}
	for _, x := range of {
		for _, p := range x.purses {
			if !slices.ContainsFunc(out, like(p)) {
				joined := *p
				out = append(out, &joined)
			}
		}
	}
	for _, p := range out {
		var usd, tokens, calls []span
		for _, x := range of {
			need := expense{}
			if i := slices.IndexFunc(x.purses, like(p)); i >= 0 {
				need = x.purses[i].need
			}
			usd, tokens, calls = append(usd, need.usd), append(tokens, need.tokens), append(calls, need.calls)
			p.need.unknown = p.need.unknown || need.unknown
		}
		p.need.usd, p.need.tokens, p.need.calls = ranged(usd), ranged(tokens), ranged(calls)
	}
	return out
}
