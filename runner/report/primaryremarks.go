package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ehrlab/ehrlab/runner/contrast"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// primaryRemarks says how to read the table.
func primaryRemarks(views *record.Views, all []*tested) []string {
	level := views.Inference.Coverage()
	out := []string{
		"a − b: mean difference over pairs that have the seed and the test rows in common. ↑ higher is better; ↓ lower is better. n/N: pairs with both values / pairs planned.",
	}
	family := "over the " + plural(len(all), "contrast")
	if len(all) == 1 {
		family = "over one contrast"
	}
	method := "Holm"
	if slices.ContainsFunc(all, func(c *tested) bool { return c.Margin != nil }) {
		family += ", tests of equivalence (two one-sided tests) among them"
		method += " with Shaffer's refinement, as no difference is both 0 and beyond its margin"
	}
	if views.Inference.Family() == spec.BenjaminiHochberg {
		method = "Benjamini–Hochberg"
	}
	if intervals := intervalsOf(all); intervals != "" {
		out = append(out, fmt.Sprintf("Intervals in brackets: %s %%, of each contrast by itself: %s.", rounded(100*level), intervals))
	}
	out = append(out, fmt.Sprintf("Adjusted p: %s, one family %s. * adjusted p < %s.", method, family, rounded(1-level)))
	out = append(out, fmt.Sprintf("Detectable: the smallest true difference that would be found, with a chance of %s %%, by a test at %s given the variation seen here.",
		rounded(100*contrast.Power), ofAll(rounded(1-level), len(all))))
	return append(out, registeredRemark(views.Registered))
}

// ofAll adds to a level that it is shared.
func ofAll(level string, tests int) string {
	if tests == 1 {
		return level + ","
	}
	return fmt.Sprintf("%s shared by the %d contrasts,", level, tests)
}

// intervalsOf says how the intervals were made, and of which contrasts where that differs.
func intervalsOf(all []*tested) string {
	var kinds []string
	of := map[string][]string{}
	for _, c := range all {
		if c.effect == nil || c.effect.Unsure != "" {
			continue
		}
		kind := c.effect.Method + ", over " + c.effect.Unit
		if of[kind] == nil {
			kinds = append(kinds, kind)
		}
		of[kind] = append(of[kind], c.called())
	}
	if len(kinds) > 1 {
		for i, kind := range kinds {
			kinds[i] += " (" + strings.Join(of[kind], ", ") + ")"
		}
	}
	return strings.Join(kinds, "; ")
}

// registeredRemark says when the contrasts were named, and what changed after results were there.
func registeredRemark(named []record.Registration) string {
	if len(named) == 0 {
		return "It is not known whether the contrasts were named before the first result."
	}
	first := -1 // the last that no result came before
	for i := range named {
		if named[i].After == 0 {
			first = i
		}
	}
	text := ""
	before := &record.Registration{}
	if first >= 0 && len(named[first].Contrasts) > 0 {
		before = &named[first]
		text = fmt.Sprintf("Named on %s, before the first result (experiment %.12s)", before.Time.Format(time.DateOnly), before.Resolved)
	}
	var changes []string
	for i := first + 1; i < len(named); i++ {
		n := &named[i]
		if what := n.Changes(before); len(what) > 0 {
			changes = append(changes, fmt.Sprintf("on %s, after v%d: %s", n.Time.Format(time.DateOnly), n.After, strings.Join(what, ", ")))
		}
		before = n
	}
	switch {
	case len(changes) == 0:
		return text + "."
	case text == "":
		return "Named after results were seen: " + strings.Join(changes, "; ") + "."
	}
	return text + "; changed after results were seen: " + strings.Join(changes, "; ") + "."
}

// exploratory says of a table that shows intervals that nothing in it is tested, where contrasts are named, or were until results were seen.
func (t *Table) exploratory(views *record.Views) {
	switch {
	case len(t.intervals()) == 0:
	case len(views.Primary) > 0:
		t.Remarks = append(t.Remarks, fmt.Sprintf("Exploratory: only the contrasts of table %s are tested.", spec.PrimaryTable))
	case dropped(views.Registered):
		t.Remarks = append(t.Remarks, "Exploratory: primary contrasts were named, and no longer are. "+registeredRemark(views.Registered))
	}
}

// dropped reports whether contrasts were named, and all taken away after results were there.
func dropped(named []record.Registration) bool {
	n := len(named)
	return n > 1 && named[n-1].After > 0 && len(named[n-1].Contrasts) == 0
}
