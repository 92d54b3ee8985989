package gate

import (
	"fmt"
	"slices"
	"strings"
)

// Accept notes that the version that was checked has just become the baseline of some checks, by name. What their comparisons come to is
// told and lets the build pass, but for a limit: no baseline moves that. done says what was done; with what it was done in spite of, it
// becomes a note, and is returned.
func (r *Report) Accept(checks []string, done string) string {
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		if !slices.Contains(checks, c.Check.Name) {
			continue
		}
		c.Accepted = true
		if c.Verdict != Worse && c.Verdict != Underpowered { // the others advise to accept it
			c.Advice = ""
		}
	}
	if despite := r.count(func(c *Comparison) bool { return slices.Contains(checks, c.Check.Name) }); despite != "" {
		done += " (in spite of " + despite + ")"
	}
	r.Notes = append(r.Notes, done)
	return done
}

// acceptedInSpite counts what was accepted though it fails; empty where nothing was.
func (r *Report) acceptedInSpite() string {
	return r.count(func(c *Comparison) bool { return c.Accepted })
}

// Despite says what speaks against a version as the baseline of some checks: by check, how many comparisons came to each verdict that
// fails, and to values beyond a limit. It is nil where nothing does. That there was no baseline before does not speak against one.
func (r *Report) Despite(checks []string) map[string]string {
	var out map[string]string
	for _, name := range checks {
		if text := r.count(func(c *Comparison) bool { return c.Check.Name == name }); text != "" {
			if out == nil {
				out = map[string]string{}
			}
			out[name] = text
		}
	}
	return out
}

// count says how many of some comparisons fail by which verdict, e.g. "1 worse, 1 beyond the limit"; those without a baseline aside.
func (r *Report) count(of func(*Comparison) bool) string {
	counts := map[string]int{}
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		if !of(c) {
			continue
		}
		if c.fails() && c.Baseline.Version != nil {
			counts[string(c.Verdict)]++
		}
		if c.Breach != "" {
			counts[beyond]++
		}
	}
	var parts []string
	for _, v := range append(Verdicts(), beyond) {
		if n := counts[string(v)]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	return strings.Join(parts, ", ")
}

// beyond counts what is beyond a limit.
const beyond = "beyond the limit"
