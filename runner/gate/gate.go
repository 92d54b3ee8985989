// Package gate says whether a version of results is as good as an earlier one: the verdicts of "ehrlab check".
//
// It pairs the scores of the two versions by cell and seed, estimates the mean difference with package contrast, and compares its
// interval with the tolerance that the experiment declares. What cannot be compared, and what is missing, is said and never passes.
package gate

import (
	"errors"
	"fmt"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/stats"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// Verdict is what a comparison comes to. With the difference in the direction that is better, and the margin the greater of the absolute
// and the relative tolerance:
type Verdict string

// The verdicts.
const (
	Same          Verdict = "same"           // all scores are equal, each with a pair, or the interval lies above -margin
	Better        Verdict = "better"         // the interval lies above 0
	Worse         Verdict = "worse"          // the difference is below -margin, and the interval below 0
	Underpowered  Verdict = "underpowered"   // neither a loss nor its absence can be shown
	NotComparable Verdict = "not comparable" // something else than what is compared differs, or the baseline has no value
	Incomplete    Verdict = "incomplete"     // the version that is checked lacks a cell or a value
)

// Verdicts lists them, from the gravest.
func Verdicts() []Verdict {
	return []Verdict{Worse, Incomplete, NotComparable, Underpowered, Better, Same}
}

// The exit codes of a check. Of several comparisons the first that occurs counts: 4, 3, 6, 0.
const (
	CodePass          = 0
	CodeIncomplete    = 3
	CodeRegressed     = 4 // worse, or beyond a limit
	CodeNotComparable = 6 // or underpowered
)

// Version is a recorded version that takes part, or a file with what checks need of one.
type Version struct {
	Name string // e.g. "v3"
	Core *record.Core
}

// Baseline is what a check compares with.
type Baseline struct {
	*Version
	Why    string // e.g. "accepted 2026-03-01: new test split"
	Advice string // how to come by one, where there is none
}

// Options say how to compare.
type Options struct {
	Level float64 // simultaneous coverage of all intervals of a report, in (0,1)
}

// Comparison is one score of some cells, in two versions.
type Comparison struct {
	Check     *spec.Check
	Score     string // its address
	Labels    []Label
	Direction plugins.Direction
	Verdict   Verdict
	Baseline  Baseline

	// Old and New are means over the pairs. They mean something where Compared is set; New where Measured is set.
	Old, New           float64
	Compared, Measured bool
	Lacks              bool // some cell of the version that is checked failed, or its value is undefined

	// Delta is New less Old in the direction that is better, in the unit of the score: a loss is negative. Low and High are its interval
	// of coverage Level; they are infinite where nothing is known of what varies. Detectable is that of contrast.Effect.
	Delta, Low, High, Level float64
	Detectable              float64
	Unit, Method            string // of the interval
	Identical               bool   // the scores of all pairs are equal
	Accepted                bool   // the version has just become the baseline: what it comes to is told and passes, but for a limit

	Margin float64  // the loss that passes, in the unit of the score
	N, Of  int      // pairs that were compared, and pairs planned in either version
	Breach string   // how the new value is beyond the limit; empty where it is not
	Why    []string // what differs or is missing, what was left out
	Advice string
}

// Label is an axis or dimension with its value.
type Label struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Report is what the checks of an experiment come to.
type Report struct {
	Experiment  string
	Checked     *Version
	Comparisons []Comparison
	Level       float64 // simultaneous coverage of the intervals
	Family      int     // comparisons that share it: those of several pairs whose scores are not all equal, or not all paired
	Notes       []string
	Simulated   bool
	Time        time.Time // UTC
}

// ErrNothing says that a check selects no score.
var ErrNothing = errors.New("selects no score")

// Run compares a version with the baseline of each check. base returns that of a check; its Version is nil where there is none, and Why
// then says so.
//
// The intervals of all comparisons cover together with opt.Level: each has the coverage 1-(1-level)/m with m the number of comparisons whose
// scores differ at all (Bonferroni). A step-down correction would be narrower for what is worse, but says nothing of what is claimed
// to be the same, which is what lets a build pass. Comparisons of equal scores claim nothing that chance could refute, and do not
// count, unless there are seeds that have no pair.
//
// It returns an error that wraps ErrNothing for a check that selects no score of either version, and stats.ErrLevel.
func Run(checks []spec.Check, checked *Version, base func(*spec.Check) Baseline, opt Options) (*Report, error) {
	if !(opt.Level > 0 && opt.Level < 1) {
		return nil, stats.ErrLevel
	}
	r := &Report{Experiment: checked.Core.Manifest.Experiment, Checked: checked, Level: opt.Level, Simulated: checked.Core.Manifest.Simulated}
	sides := map[*record.Core]*side{}
	of := func(core *record.Core) *side {
		if sides[core] == nil {
			sides[core] = newSide(core)
		}
		return sides[core]
	}
	var all []*comparing
	for i := range checks {
		c := &checks[i]
		b := base(c)
		var old *side
		if b.Version != nil {
			old = of(b.Core)
		}
		found := compare(c, of(checked.Core), old)
		if len(found) == 0 && old != nil { // a search was not decided: what the baseline chose is missing
			c = new(record.Decided(*c, b.Core.Manifest.Choices))
			found = compare(c, of(checked.Core), old)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("check %q %w of %s: %q is not measured on what where says", c.Name, ErrNothing, checked.Name, c.Score)
		}
		for _, x := range found {
			x.Baseline = b
			all = append(all, x)
		}
	}
	for _, x := range all {
		x.estimate(opt.Level)
		if x.effect != nil && !x.certain() && x.effect.Units > 1 {
			r.Family++
		}
	}
	each := 1 - (1-opt.Level)/float64(max(r.Family, 1))
	for _, x := range all {
		x.conclude(each)
		r.Comparisons = append(r.Comparisons, x.Comparison)
	}
	r.Notes = notesOf(r, checked.Core)
	return r, nil
}

// Passes reports whether a comparison lets the build pass.
func (c *Comparison) Passes() bool { return c.Code() == CodePass }

// Code is the exit code that a comparison asks for.
func (c *Comparison) Code() int {
	switch {
	case c.Breach != "":
		return CodeRegressed
	case c.Accepted:
		return CodePass
	case c.Verdict == Worse:
		return CodeRegressed
	case c.Verdict == Incomplete:
		return CodeIncomplete
	case c.Verdict == Same || c.Verdict == Better:
		return CodePass
	case c.Verdict == Underpowered && c.Check.PassUnderpowered:
		return CodePass
	}
	return CodeNotComparable
}

// Code is the exit code of a report: that of its gravest comparison. A report without comparisons does not pass.
func (r *Report) Code() int {
	if len(r.Comparisons) == 0 {
		return CodeNotComparable
	}
	gravest := CodePass
	for i := range r.Comparisons {
		if code := r.Comparisons[i].Code(); rank(code) > rank(gravest) {
			gravest = code
		}
	}
	return gravest
}

func rank(code int) int {
	switch code {
	case CodePass:
		return 0
	case CodeNotComparable:
		return 1
	case CodeIncomplete:
		return 2
	}
	return 3
}
