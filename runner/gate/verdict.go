package gate

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/stats"
	"github.com/ehrlab/ehrlab/runner/contrast"
	"github.com/ehrlab/ehrlab/runner/record"
)

// estimate pairs the units and estimates the difference where there is one to estimate.
func (x *comparing) estimate(level float64) {
	var pairs []contrast.Pair
	var missing, without notes
	whole := []float64{} // new values of all units, for the limit
	for _, u := range x.units {
		now, old := means(u.places, func(p place) found { return p.now }), means(u.places, func(p place) found { return p.old })
		if now.state == valued {
			whole = append(whole, now.score.Value)
		}
		x.Lacks = x.Lacks || slices.ContainsFunc(u.places, func(p place) bool { return p.now.state == lacking })
		x.failed = x.failed || slices.ContainsFunc(u.places, func(p place) bool { return p.now.state == lacking && !p.now.undefined })
		gone := slices.ContainsFunc(u.places, func(p place) bool { return p.now.state == absent && p.old.state != absent })
		switch {
		case now.state == lacking || gone:
			missing.add(now.why, u.label)
		case old.state == lacking && x.Baseline.Version != nil:
			x.differs = true
			without.add("the baseline has no value: "+old.why, u.label)
		case old.state == absent && x.Baseline.Version != nil:
			without.add("the baseline does not have it: "+old.why, u.label)
		case now.state == valued && old.state == valued:
			pairs = append(pairs, contrast.Pair{Label: u.label, Unit: u.shares, A: now.score, B: old.score})
		}
	}
	x.Of = len(x.units)
	x.lacks = len(missing) > 0
	x.Why = slices.Concat(missing.texts(), x.Why, without.texts())
	if len(whole) == x.Of && !x.lacks {
		x.New, x.Measured = mean(whole), true
		x.whole = x.New
	}
	if x.lacks || x.differs || x.Baseline.Version == nil {
		return
	}
	group := contrast.Group{Unit: x.unitName, Pairs: pairs}
	effect, err := group.Effect(level)
	if err != nil {
		x.differs = true
		if !errors.Is(err, contrast.ErrNoPairs) { // then it was said why
			x.Why = append(x.Why, err.Error())
		}
		return
	}
	x.effect = effect
	x.N, x.Identical = effect.N, effect.Same
	x.average(pairs)
	if x.N < x.Of && x.Measured {
		x.Why = append(x.Why, fmt.Sprintf("together with what has no pair the new value is %s", number(x.whole)))
	}
}

// certain reports whether a comparison has nothing to estimate: every score has a pair, and all are equal.
func (x *comparing) certain() bool { return x.Identical && x.N == x.Of }

// coincidence reports whether scores that are all equal may be so by chance. Where some have no pair, equal ones are a sample of what
// the others would have been, and there have to be as many as package contrast wants of differences that do not vary.
func (x *comparing) coincidence(level float64) bool {
	return x.Identical && !x.certain() && math.Ldexp(1, 1-x.effect.Units) > 1-level
}

// average sets the means over the pairs, as the effect has them: pairs of one unit count as one value.
func (x *comparing) average(pairs []contrast.Pair) {
	var units []string
	byUnit := map[string][]contrast.Pair{}
	for _, p := range pairs {
		if byUnit[p.Unit] == nil {
			units = append(units, p.Unit)
		}
		byUnit[p.Unit] = append(byUnit[p.Unit], p)
	}
	over := func(value func(contrast.Pair) float64) float64 {
		var means []float64
		for _, u := range units {
			var own []float64
			for _, p := range byUnit[u] {
				own = append(own, value(p))
			}
			means = append(means, mean(own))
		}
		return mean(means)
	}
	x.New = over(func(p contrast.Pair) float64 { return p.A.Value })
	x.Old = over(func(p contrast.Pair) float64 { return p.B.Value })
	x.Compared = true
}

func mean(values []float64) float64 {
	m, err := stats.Mean(values)
	if err != nil {
		return math.NaN()
	}
	return m
}

// means is the mean of what one version has in the places of a unit: lacking where one place lacks a value that is due.
func means(places []place, of func(place) found) found {
	var scores []*record.Score
	out := found{state: absent}
	for _, p := range places {
		f := of(p)
		switch {
		case f.state == valued:
			scores = append(scores, f.score)
		case f.state == lacking || out.why == "":
			out.why = f.why
			out.state = max(out.state, f.state)
		}
	}
	if out.why != "" || len(scores) == 0 {
		return out
	}
	return found{state: valued, score: averaged(scores)}
}

// averaged is the mean of scores of one replicate. It has draws where all have as many of one unit: draws of the same test rows are
// on the same resamples, and those of other rows on resamples that have nothing to do with them, so that draw by draw the mean varies
// as the mean of the scores does.
func averaged(scores []*record.Score) *record.Score {
	if len(scores) == 1 {
		return scores[0]
	}
	out := &record.Score{Metric: scores[0].Metric, Score: plugins.Score{Name: scores[0].Name, Status: plugins.OK}}
	var values []float64
	var of []string
	shared := true
	first := scores[0].Draws
	for _, s := range scores {
		values = append(values, s.Value)
		out.N += s.N
		shared = shared && first != nil && s.Draws != nil && s.Draws.Unit == first.Unit && len(s.Draws.Values) == len(first.Values)
		if shared {
			of = append(of, s.Draws.Of)
		}
	}
	out.Value = mean(values)
	if !shared {
		return out
	}
	slices.Sort(of)
	out.Draws = &record.Draws{Unit: first.Unit, Of: strings.Join(slices.Compact(of), " "), Values: make([]float32, len(first.Values))}
	for i := range out.Draws.Values {
		sum := 0.0
		for _, s := range scores {
			sum += float64(s.Draws.Values[i])
		}
		out.Draws.Values[i] = float32(sum / float64(len(scores)))
	}
	return out
}

// conclude sets the verdict, with the coverage that each interval has.
func (x *comparing) conclude(level float64) {
	x.Level = level
	x.limit()
	switch {
	case x.lacks:
		x.Verdict = Incomplete
		switch {
		case x.failed:
			x.Advice = "run the experiment again: what failed is tried once more"
		case x.Lacks:
			x.Advice = "to run it again changes nothing: let where leave cells whose score is defined, or give these more rows"
		default:
			x.Advice = "if the experiment is meant to have less, make this version the baseline with --accept " + x.Check.Name + " --reason \"…\""
		}
		return
	case x.Baseline.Version == nil:
		x.Verdict = NotComparable
		x.Why = append(x.Why, x.Baseline.Why)
		x.Advice = cmp.Or(x.Baseline.Advice, "make this version the baseline with --accept "+x.Check.Name+" --reason \"…\", or name one with --baseline")
		return
	case x.Direction != plugins.Higher && x.Direction != plugins.Lower:
		x.Verdict = NotComparable
		x.Why = append(x.Why, "it is not known which way the score is better")
		x.Advice = "say better: \"higher\" or better: \"lower\" in the check"
		return
	case x.differs || x.effect == nil:
		x.Verdict = NotComparable
		x.Advice = "if the change is meant, make this version the baseline with --accept " + x.Check.Name + " --reason \"…\""
		return
	}
	x.measure(level)
	x.Verdict = verdict(x.Identical && !x.few, x.Delta, x.Low, x.High, x.Margin)
	x.advise()
}

// measure turns the effect into the direction that is better. With one pair nothing is known of what another seed would have given, so
// that the interval over test rows alone is not used.
func (x *comparing) measure(level float64) {
	e := x.effect
	x.Delta, x.Unit, x.Method = e.Value, e.Unit, e.Method
	x.Low, x.High = math.Inf(-1), math.Inf(1)
	if low, high, err := e.At(level); err == nil && (e.Units > 1 || e.Same) {
		x.Low, x.High = low, high
	}
	if math.IsInf(x.Low, 0) {
		x.Unit, x.Method = "", ""
	}
	if d, err := e.DetectableAt(level); err == nil && e.Units > 1 {
		x.Detectable = d
	}
	if x.Direction == plugins.Lower {
		x.Delta, x.Low, x.High = -x.Delta, -x.High, -x.Low
	}
	if x.Identical { // nothing is estimated
		x.Delta, x.Low, x.High, x.Level, x.Detectable, x.Unit, x.Method = 0, 0, 0, 0, 0, "", ""
	}
	if x.few = x.coincidence(level); x.few {
		x.Low, x.High = math.Inf(-1), math.Inf(1)
	}
	if t := x.Check.Tolerance.Absolute; t != nil {
		x.Margin = *t
	}
	if t := x.Check.Tolerance.Relative; t != nil {
		x.Margin = max(x.Margin, *t*math.Abs(x.Old))
	}
}

// verdict compares an interval with the margin. What is not a number is never good enough: every condition that passes has to hold.
func verdict(identical bool, delta, low, high, margin float64) Verdict {
	switch {
	case identical:
		return Same
	case low > 0:
		return Better
	case low > -margin:
		return Same
	case delta < -margin && high < 0:
		return Worse
	}
	return Underpowered
}

// limit compares the new value with the limit of the check. Where values are missing there is none to compare, which does not pass either.
func (x *comparing) limit() {
	r := x.Check.Limit
	if r == nil || !x.Measured {
		return
	}
	switch {
	case r.Min != nil && !(x.whole >= *r.Min):
		x.Breach = fmt.Sprintf("%s is below the limit, min: %s", number(x.whole), number(*r.Min))
	case r.Max != nil && !(x.whole <= *r.Max):
		x.Breach = fmt.Sprintf("%s is above the limit, max: %s", number(x.whole), number(*r.Max))
	}
}

// notes are texts, each with what it holds for.
type notes []note

type note struct {
	text string
	of   []string
}

func (n *notes) add(text, of string) {
	for i := range *n {
		if (*n)[i].text == text {
			(*n)[i].of = append((*n)[i].of, of)
			return
		}
	}
	*n = append(*n, note{text, []string{of}})
}

func (n notes) texts() []string {
	var out []string
	for _, x := range n {
		of := slices.DeleteFunc(slices.Clone(x.of), func(s string) bool { return s == "" })
		if len(of) == 0 {
			out = append(out, x.text)
		} else {
			out = append(out, few(of)+": "+x.text)
		}
	}
	return out
}
