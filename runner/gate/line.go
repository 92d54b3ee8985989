package gate

import (
	"fmt"

	"github.com/ehrlab/ehrlab/runner/spec"
)

// Line finds what may be the baseline of checks among versions that nobody accepted, from the oldest to the newest: of each check the first
// version that has its values, within its limit, and then every one that passes against the one before. So a version that fails its
// check never becomes the baseline of the next one by being there.
type Line struct {
	opt    Options
	checks []*standing
}

// standing is how far a check is along a Line.
type standing struct {
	check *spec.Check
	base  *Version
	held  []string // later versions, with why they are no baseline
}

// NewLine begins before the first version. The checks stay as they are.
func NewLine(checks []spec.Check, opt Options) *Line {
	l := &Line{opt: opt}
	for i := range checks {
		l.checks = append(l.checks, &standing{check: &checks[i]})
	}
	return l
}

// Add looks at the next version, as a report of it would.
func (l *Line) Add(v *Version) error {
	now := newSide(v.Core)
	byName := map[string]*standing{}
	var due []spec.Check
	for _, s := range l.checks {
		if s.base == nil && len(compare(s.check, now, nil)) == 0 { // it was not measured then
			s.held = append(s.held, v.Name+" (has no such score)")
			continue
		}
		byName[s.check.Name] = s
		due = append(due, *s.check)
	}
	if len(due) == 0 {
		return nil
	}
	r, err := Run(due, v, func(c *spec.Check) Baseline { return Baseline{Version: byName[c.Name].base} }, l.opt)
	if err != nil {
		return err
	}
	for _, s := range byName {
		if why := r.against(s); why != "" {
			s.held = append(s.held, fmt.Sprintf("%s (%s)", v.Name, why))
		} else {
			s.base, s.held = v, nil
		}
	}
	return nil
}

// against says what speaks against the checked version as the baseline of a check; empty where nothing does. The first one has nothing to be
// compared with, and needs its values alone.
func (r *Report) against(s *standing) string {
	if s.base == nil {
		for i := range r.Comparisons {
			if c := &r.Comparisons[i]; c.Check.Name == s.check.Name && !c.Measured {
				return string(Incomplete)
			}
		}
	}
	return r.Despite([]string{s.check.Name})[s.check.Name]
}

// Baseline is that of a check after the last version, for versions that are of a kind, such as "committed". Its Version is nil where
// none of them can be one.
func (l *Line) Baseline(check, kind string) Baseline {
	for _, s := range l.checks {
		switch {
		case s.check.Name != check:
			continue
		case s.base == nil && len(s.held) > 0:
			return Baseline{Why: fmt.Sprintf("none was accepted, and of those that are %s none can be: %s", kind, few(s.held))}
		case s.base != nil && len(s.held) > 0:
			return Baseline{Version: s.base, Why: fmt.Sprintf("the newest complete version that is %s and passes this check; later ones do not: %s", kind, few(s.held))}
		case s.base != nil:
			return Baseline{Version: s.base, Why: "the newest complete version that is " + kind}
		}
	}
	return Baseline{Why: fmt.Sprintf("none was accepted, and no other complete version is %s", kind)}
}
