package cli

import (
	"fmt"
	"strings"

	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
)

// why is the reason that one or more steps of a stage are not in the cache.
type why struct {
	Stage  string             `json:"stage"`
	Step   string             `json:"step"`  // the first of them
	Steps  int                `json:"steps"` // for how many it holds
	New    bool               `json:"new"`   // no such step has run yet
	Differ []cache.Difference `json:"differ,omitempty"`
}

// looked is how many steps whyToRun looks at: each is compared with all earlier ones of its kind.
const looked = 200

// whyToRun lists the reasons of steps to run whose inputs are all in the cache, equal reasons once. more is how
// many such steps it did not look at.
func whyToRun(p *plan.Plan, c *cache.Cache) (reasons []why, more int) {
	reasons = []why{}
	at := map[string]int{}
	compared := 0
	for _, s := range p.Steps {
		if hit(p, c, s) || inputMisses(p, c, s) {
			continue
		}
		if compared == looked {
			more++
			continue
		}
		compared++
		w := why{Stage: string(s.Stage), Step: s.Label, Steps: 1, New: true}
		if near, ok := c.Nearest(s.Recipe); ok {
			w.New, w.Differ = false, cache.Diff(near, s.Recipe)
		}
		text := w.Stage + " " + w.differences()
		if i, seen := at[text]; seen {
			reasons[i].Steps++
			continue
		}
		at[text] = len(reasons)
		reasons = append(reasons, w)
	}
	return reasons, more
}

func inputMisses(p *plan.Plan, c *cache.Cache, s *plan.Step) bool {
	for _, in := range s.Inputs {
		if !hit(p, c, in) {
			return true
		}
	}
	return false
}

// The text of a reason: on one line where that is short, else with a line for each of the first differences.
const (
	reasonColumns   = 100
	toldDifferences = 3
)

// lines are the reason as it is printed.
func (w why) lines() []string {
	steps := w.Step
	if w.Steps > 1 {
		steps = fmt.Sprintf("%s and %d more", w.Step, w.Steps-1)
	}
	if w.New {
		return []string{steps + ": no such step has run yet"}
	}
	told := w.Differ
	if len(told) > toldDifferences+1 { // a line that tells of one more is no shorter
		told = told[:toldDifferences]
	}
	whole := why{Differ: told}.differences()
	if len(told) == len(w.Differ) {
		if line := steps + ": unlike the nearest earlier one, " + whole; len(line) <= reasonColumns {
			return []string{line}
		}
	}
	lines := []string{steps + ": unlike the nearest earlier one"}
	if len(told) < len(w.Differ) { // most likely of another study, so that the differences say little
		lines[0] = fmt.Sprintf("%s: the nearest earlier one differs in %d fields", steps, len(w.Differ))
	}
	for _, d := range told {
		lines = append(lines, "  "+brief(d))
	}
	if more := len(w.Differ) - len(told); more > 0 {
		lines = append(lines, fmt.Sprintf("  and %d more, which --json lists", more))
	}
	return lines
}

// differences names what differs, with what it was and is where that is short.
func (w why) differences() string {
	var parts []string
	for _, d := range w.Differ {
		parts = append(parts, difference(d))
	}
	return strings.Join(parts, "; ")
}

// difference is one field with its values. Of keys and hashes it says only that they differ.
func difference(d cache.Difference) string {
	const hash = 64
	switch {
	case strings.HasPrefix(d.Field, "inputs["):
		role, _, _ := strings.Cut(strings.TrimPrefix(d.Field, "inputs["), "]")
		if strings.HasSuffix(d.Field, ".key") {
			return "another step made its " + role
		}
	case len(d.Old) == hash || len(d.New) == hash:
		return d.Field + " differs"
	}
	return fmt.Sprintf("%s was %s, is %s", d.Field, orNone(d.Old), orNone(d.New))
}

func orNone(text string) string {
	if text == "" {
		return "not there"
	}
	return text
}

// brief is a difference with its values cut where they are long.
func brief(d cache.Difference) string {
	const most, hash = 40, 64
	for _, value := range []*string{&d.Old, &d.New} {
		if runes := []rune(*value); len(runes) > most && len(runes) != hash { // of hashes nothing is told
			*value = string(runes[:most-1]) + "…"
		}
	}
	return difference(d)
}
