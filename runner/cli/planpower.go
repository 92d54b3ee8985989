package cli

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins/stats"
	"github.com/ehrlab/ehrlab/runner/contrast"
	"github.com/ehrlab/ehrlab/runner/engine"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// powerSummary is the smallest difference that the planned replicates can find, of a primary contrast or a check.
type powerSummary struct {
	Kind        string   `json:"kind"` // "primary" or "check"
	Name        string   `json:"name"`
	Score       string   `json:"score"`
	Detectable  *float64 `json:"detectable"`          // with a power of 0.8; null when it is not known
	InSD        *float64 `json:"in_sd,omitempty"`     // the same in standard deviations of the paired difference over replicates; where Detectable is not known
	None        bool     `json:"none,omitempty"`      // the score cannot differ by as much
	AtLeast     bool     `json:"at_least,omitempty"`  // it rests on the sampling of test rows alone
	Tolerance   *float64 `json:"tolerance,omitempty"` // of a check, in the unit of the score
	Margin      *float64 `json:"margin,omitempty"`    // of a contrast
	Replicates  int      `json:"replicates"`          // planned
	Unit        string   `json:"unit"`                // of these, e.g. "seeds"
	Comparisons int      `json:"comparisons"`         // of a check: Detectable and Replicates are those of the one that finds least
	Level       float64  `json:"level"`               // coverage of each interval
	From        string   `json:"from,omitempty"`      // the version whose variation was taken
	Unknown     string   `json:"unknown,omitempty"`   // why Detectable is not known, and how to get it

	More bool `json:"comparisons_or_more,omitempty"` // its score has several values in a cell, each a comparison, that results alone tell

	family string // of the intervals, for people
}

// planPower says what the contrasts and checks of a plan can find, by the variation that the newest version measured.
func (a *app) planPower(p *plan.Plan) ([]powerSummary, error) {
	e := p.Experiment
	if len(e.Primary) == 0 && len(e.Checks) == 0 {
		return nil, nil
	}
	var v *measured
	switch version, err := record.Open(a.settings.Results, e.Name, ""); {
	case err == nil:
		v = &measured{version, contrast.NewIndex(version.Core)}
	case !errors.Is(err, record.ErrNone):
		return nil, err
	}
	p = decidedPlan(p, v)
	e = p.Experiment
	var out []powerSummary
	for i := range e.Primary {
		out = append(out, contrastPower(p, &e.Primary[i], v))
	}
	compared, family := make([][]*contrast.Group, len(e.Checks)), 0
	for i := range e.Checks {
		compared[i] = v.compared(&e.Checks[i])
		family += len(compared[i])
	}
	for i := range e.Checks {
		out = append(out, checkPower(p, &e.Checks[i], v, compared[i], family))
	}
	return out, nil
}

// decidedPlan is a plan whose contrasts and checks name what searches chose, in the plan or else in the version; nil: none.
func decidedPlan(p *plan.Plan, v *measured) *plan.Plan {
	var choices []record.Choice
	for _, c := range p.Choices() {
		if c.Best >= 0 {
			choices = append(choices, engine.Recorded(c))
		}
	}
	if v != nil {
		choices = append(choices, v.Core.Manifest.Choices...)
	}
	if len(choices) == 0 {
		return p
	}
	out, e := *p, *p.Experiment
	e.Checks, e.Primary = record.Decided(e.Checks, choices), record.Decided(e.Primary, choices)
	out.Experiment = &e
	return &out
}

// measured is a version whose variation is taken for that of the plan.
type measured struct {
	*record.Version
	index *contrast.Index
}

// widest is the greatest difference that a score can have; infinite where its range is not bounded.
func (v *measured) widest(metric, name string) float64 {
	for _, s := range v.Core.Manifest.Scores {
		if s.Metric == metric && s.Name == name && s.Min != nil && s.Max != nil {
			return *s.Max - *s.Min
		}
	}
	return math.Inf(1)
}

// compared lists the comparisons of a check whose variation is known; of no version, none.
func (v *measured) compared(c *spec.Check) []*contrast.Group {
	if v == nil {
		return nil
	}
	groups := contrast.Match(v.index, contrast.Question{Score: c.Score, Where: c.Where, Over: c.Over})
	return slices.DeleteFunc(groups, func(g *contrast.Group) bool { _, err := g.Spread(); return err != nil })
}

// contrastPower takes the variation of the differences of a contrast.
func contrastPower(p *plan.Plan, c *spec.Contrast, v *measured) powerSummary {
	e := p.Experiment
	out := powerSummary{Kind: "primary", Name: c.Name, Score: c.Score, Margin: c.Margin, Comparisons: 1, Level: 1 - (1-e.Inference.Coverage())/float64(len(e.Primary))}
	out.family = fmt.Sprintf("%s over %s", e.Inference.Family(), plural(len(e.Primary), "contrast"))
	unit := plannedUnit(p, c.Over, func(axis string) int { return len(paired(p, c, []string{axis})) })
	out.plan(paired(p, c, unit), unit)
	if v == nil {
		return out.inSD(noVersion)
	}
	groups := contrast.Match(v.index, contrast.Question{Score: c.Score, A: c.A, B: c.B, Where: c.Where, Over: c.Over})
	if len(groups) != 1 {
		return out.inSD(v.Name + " has not measured it")
	}
	effect, err := groups[0].Effect(out.Level)
	if err != nil {
		return out.inSD(v.Name + ": " + err.Error())
	}
	if unit := groups[0].UnitAxes; len(unit) > 0 {
		out.plan(paired(p, c, unit), unit)
	}
	if out.Replicates == 0 { // hospitals that are not known before the data are split
		out.Replicates = effect.Units
	}
	out.From = v.Name
	spread, rows, varies := effect.Spread()
	if !varies {
		spread, out.AtLeast = 0, true
	}
	if spread == 0 && rows == 0 {
		return out.inSD(v.Name + " has one value alone, or nothing varies in it")
	}
	return out.detect(spread, rows, v.widest(groups[0].Metric, groups[0].Name))
}

// checkPower takes the variation of the values that a check compares, as if the seeds of two versions had nothing in common: twice the
// variance, which is the worst case. How far two versions differ by the sampling of the test rows is not known before there are two.
func checkPower(p *plan.Plan, c *spec.Check, v *measured, compared []*contrast.Group, family int) powerSummary {
	out := powerSummary{Kind: "check", Name: c.Name, Score: c.Score, Tolerance: c.Tolerance.Absolute, Comparisons: len(compared)}
	if family == 0 { // nothing is known of what it will compare but the plan
		var comparisons int
		for i := range p.Experiment.Checks {
			n, more := plannedComparisons(p, &p.Experiment.Checks[i])
			comparisons, out.More = comparisons+n, out.More || more
		}
		family = comparisons
		out.Comparisons, _ = plannedComparisons(p, c)
	}
	out.Level = 1 - (1-p.Experiment.Inference.Coverage())/float64(max(family, 1))
	out.family = plural(max(family, 1), "comparison")
	if out.More {
		out.family += " or more"
	}
	unit := plannedUnit(p, c.Over, func(axis string) int { return len(planned(p, []string{axis}, nil, c.Where)) })
	out.plan(planned(p, unit, nil, c.Where), unit)
	if v == nil {
		return out.inSD(noVersion)
	}
	worst := out.inSD(v.Name + " has one value alone, or nothing varies in it")
	out.From = v.Name
	for _, g := range compared {
		spread, err := g.Spread()
		if err != nil || spread == 0 {
			continue
		}
		this := out
		if len(g.UnitAxes) > 0 {
			this.plan(planned(p, g.UnitAxes, g.Axes, c.Where), g.UnitAxes)
		}
		if this.Replicates == 0 { // hospitals that are not known before the data are split
			this.Replicates = g.Units()
		}
		this = this.detect(math.Sqrt2*spread, 0, v.widest(g.Metric, g.Name))
		if this.Detectable == nil {
			return this
		}
		if worst.Detectable == nil || *this.Detectable > *worst.Detectable {
			worst = this
		}
	}
	return worst
}

// plannedUnit are the axes whose values will be the unit of an interval, as contrast.Match picks them; none where only data or
// results tell. values counts the planned values of an axis.
func plannedUnit(p *plan.Plan, over []string, values func(axis string) int) []string {
	if slices.ContainsFunc(over, func(axis string) bool { return axis == "site" || axis == spec.TrainSite || axis == spec.TestSite }) {
		return nil
	}
	replicates := map[string]bool{"seed": true}
	for _, a := range p.Experiment.Axes {
		if p.Experiment.Replicates(a.Name) {
			replicates[a.Name] = !strings.HasPrefix(a.Sets, "datasets.")
		}
	}
	var varying []string
	for _, axis := range p.Axes {
		if _, chance := replicates[axis]; chance && values(axis) > 1 {
			varying = append(varying, axis)
		}
	}
	if unit := contrast.UnitAxes(varying, replicates); len(unit) > 0 {
		return unit
	}
	return []string{"seed"}
}

// plannedComparisons counts what a check will compare, as far as cells tell; more says that its score has several values in each.
func plannedComparisons(p *plan.Plan, c *spec.Check) (n int, more bool) {
	seen := map[string]bool{}
	for _, cell := range p.Cells {
		var key []string
		wanted := true
		for i, axis := range p.Axes {
			v := cell.Values[i].String()
			if values := c.Where[axis]; values != nil && !slices.ContainsFunc(values, func(w spec.Value) bool { return w.String() == v }) {
				wanted = false
			}
			if !p.Experiment.Replicates(axis) && !slices.Contains(c.Over, axis) {
				key = append(key, v)
			}
		}
		if !wanted {
			continue
		}
		for i := range cell.Measures {
			m := &cell.Measures[i]
			for _, s := range m.Info.Scores {
				if c.Score != s.Name && c.Score != m.Metric.Name+"."+s.Name {
					continue
				}
				seen[strings.Join(append(key, m.Metric.Name), "\x00")] = true
				more = more || len(s.Dims)+len(m.Metric.Apart()) > 0
			}
		}
	}
	return len(seen), more
}

// paired are the planned values of the axes unit that cells of both arms have.
func paired(p *plan.Plan, c *spec.Contrast, unit []string) map[string]bool {
	arm := func(values map[string]spec.Value) map[string]bool {
		axes := map[string]string{}
		for axis, v := range values {
			axes[axis] = v.String()
		}
		return planned(p, unit, axes, c.Where)
	}
	both, other := arm(c.A), arm(c.B)
	maps.DeleteFunc(both, func(key string, _ bool) bool { return !other[key] })
	return both
}

// planned are the values of the axes unit that planned cells have, of those that have the values of axes and are selected.
func planned(p *plan.Plan, unit []string, axes map[string]string, where map[string][]spec.Value) map[string]bool {
	seen := map[string]bool{}
	for _, cell := range p.Cells {
		var key []string
		wanted := true
		for i, axis := range p.Axes {
			v := cell.Values[i].String()
			if w, named := axes[axis]; named && v != w {
				wanted = false
			}
			if values := where[axis]; values != nil && !slices.ContainsFunc(values, func(w spec.Value) bool { return w.String() == v }) {
				wanted = false
			}
			if slices.Contains(unit, axis) {
				key = append(key, v)
			}
		}
		if wanted && len(key) > 0 {
			seen[strings.Join(key, "\x00")] = true
		}
	}
	return seen
}

// plan sets the planned replicates: the values that cells have of the axes that are the unit.
func (s *powerSummary) plan(replicates map[string]bool, unit []string) {
	s.Replicates, s.Unit = len(replicates), contrast.UnitOf(unit)
}

const noVersion = "no version has measured it"

// inSD says that the variation is not known, and the difference in units of it. It is exact for differences of normal distribution.
func (s powerSummary) inSD(why string) powerSummary {
	s.Unknown = why + "; a pilot run with two seeds or more tells how much it varies"
	if d, err := stats.Planned(1, 0, s.Replicates, s.Level, contrast.Power); err == nil {
		s.InSD = &d
	}
	return s
}

// detect fills in the smallest difference; widest is the greatest that the score can have.
func (s powerSummary) detect(spread, rows, widest float64) powerSummary {
	d, err := stats.Planned(spread, rows, s.Replicates, s.Level, contrast.Power)
	if err != nil {
		return s.inSD(err.Error())
	}
	s.Detectable, s.None = &d, d > widest
	s.AtLeast = s.AtLeast || s.Replicates < 2
	return s
}

// text is a line on what can be found.
func (s *powerSummary) text() string {
	head := fmt.Sprintf("%s %s: %s: ", s.Kind, s.Name, s.Score)
	if s.Detectable == nil && s.InSD != nil {
		least := ""
		if s.More {
			least = "at least "
		}
		text := fmt.Sprintf("%s%s SD over %d %s (intervals of %s: %s)", least,
			strconv.FormatFloat(*s.InSD, 'g', 2, 64), s.Replicates, s.Unit, percent(s.Level), s.family)
		if !strings.HasPrefix(s.Unknown, noVersion) {
			why, _, _ := strings.Cut(s.Unknown, ";")
			text += "; " + why
		}
		return head + text
	}
	if s.Detectable == nil {
		return head + "unknown: " + s.Unknown
	}
	units := strconv.Itoa(s.Replicates) + " " + s.Unit
	if s.Replicates == 1 {
		units = "one " + strings.TrimSuffix(s.Unit, "s")
	}
	d := strconv.FormatFloat(*s.Detectable, 'g', 2, 64)
	if s.None {
		d = "none that it can have"
	}
	if s.Kind == "check" && !s.None {
		d = "about " + d
	}
	text := fmt.Sprintf("%s with %s, by the variation in %s", d, units, s.From)
	if s.AtLeast && !s.None {
		text = fmt.Sprintf("more than %s with %s: that is for the sampling of the test rows in %s alone", d, units, s.From)
	}
	if s.Comparisons > 1 {
		text += fmt.Sprintf(", in the one of %d comparisons that finds least", s.Comparisons)
	}
	switch {
	case s.Tolerance != nil && *s.Detectable > *s.Tolerance:
		text += fmt.Sprintf("; a loss of the tolerance, %v, would likely be underpowered", *s.Tolerance)
	case s.Margin != nil && *s.Detectable > *s.Margin:
		text += fmt.Sprintf("; that is more than the margin, %v: equivalence is unlikely to be found", *s.Margin)
	}
	return head + text
}

// percent is a share with three digits.
func percent(share float64) string { return strconv.FormatFloat(100*share, 'g', 3, 64) + " %" }

func (a *app) printPower(all []powerSummary) {
	if len(all) == 0 {
		return
	}
	a.printf("\nsmallest differences that would be found, with a chance of %.0f %%:\n", 100*contrast.Power)
	standardised := false
	for i := range all {
		a.printf("  %s\n", all[i].text())
		standardised = standardised || all[i].InSD != nil
	}
	if standardised {
		a.printf("  SD: the standard deviation of the paired difference, over seeds or what else stands there; a version with two or more\n" +
			"  of them measures it, and plan then tells the difference in the unit of the score\n")
	}
}
