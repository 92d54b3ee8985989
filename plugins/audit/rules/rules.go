// Package rules judges records by declared rules: what a pack that ships or the experiment says has to hold for every patient.
//
// What rules are, and how they are asked, is in package rule. Each record gets the score
// 1/(1 + the sum of the weights of its findings); with the default weights, 1 for an error and 0 for a warning, a record without
// errors has the score 1, and any other at most 1/2.
package rules

import (
	"context"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/parallel"
	"github.com/ehrlab/ehrlab/plugins/rule"
	"github.com/ehrlab/ehrlab/plugins/sheet"
)

// Config is the audit's "with" block.
type Config struct {
	Packs    []string                    `json:"packs"`              // of rules that ship
	Rules    map[string]rule.Rule        `json:"rules,omitempty"`    // the experiment's own, by name
	Without  []string                    `json:"without,omitempty"`  // rules of packs to leave out; "*" stands for any characters
	Severity map[string]plugins.Severity `json:"severity,omitempty"` // of rules of packs, likewise; the longest name or pattern counts
	Weights  rule.Weights                `json:"weights"`
	Limits   string                      `json:"limits"` // severity of values outside of declared limits, or rule.Off
}

const maxWeight = 1e6

//go:embed settings.cue
var settings string

// Register adds the audit to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Audits, plugins.Info{
		Name:    "rules",
		Version: 3,
		Summary: "declared rules: limits of what can be measured, order, units, arithmetic, and what excludes each other",
		Source: "plausibility and conformance as qualities of data: M. G. Kahn et al. (2016), eGEMs 4(1), 1244; " +
			"each rule of a pack names its own",
		Schema: settings,
		Shapes: []plugins.Shape{plugins.Records},
		Uses:   []plugins.Use{{Name: "pack icu", Version: rule.ICUVersion}, {Name: "sheet", Version: sheet.Version}},
		Scale:  &plugins.Scale{Min: 0, Max: 1, Keep: 1},
		Need: func(size plugins.Size) plugins.Need {
			rows := max(size.N, size.Rows)
			// of a record, twenty findings, which are there twice while blocks are put together, and the verdict
			return plugins.Need{Threads: min(8, 1+rows/(4*rule.BlockRows)), Bytes: int64(rows)*(40*findingBytes+64) + 16<<20}
		},
	}, Config{Packs: []string{"icu"}, Weights: rule.Weights{Error: 1}, Limits: string(plugins.SeverityError)}, New)
}

// findingBytes is the memory of a finding.
const findingBytes = 56

// auditor asks its rules, by name: those of packs before the experiment's own.
type auditor struct{ set rule.Set }

// New returns the audit. Its errors are plugins.Faults.
func New(c Config) (plugins.Auditor, error) {
	set := rule.Set{Limits: c.Limits, Weights: c.Weights}
	faults := c.checkValues()
	shipped, more := rule.Packed(c.Packs)
	faults = append(faults, more...)
	chosen, more := c.choose(shipped)
	faults = append(faults, more...)
	set.Rules = chosen
	for _, name := range slices.Sorted(maps.Keys(c.Rules)) {
		r, wrong := rule.Parse(name, true, c.Rules[name])
		for _, f := range wrong {
			f.Field = append([]string{"rules", name}, f.Field...)
			faults = append(faults, f)
		}
		if name == rule.LimitsCriterion {
			faults = append(faults, plugins.Fault{Field: []string{"rules", name}, Message: `the name "limits" stands for the limits of the data set; take another`})
		}
		set.Rules = append(set.Rules, r)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	if len(set.Rules) == 0 && c.Limits == rule.Off {
		return nil, plugins.Faults{{Message: `there is nothing to ask: name packs, write rules, or leave limits "error"`}}
	}
	return &auditor{set}, nil
}

// checkValues checks what the schema checks of an experiment.
func (c *Config) checkValues() (faults plugins.Faults) {
	fail := func(field []string, message string) {
		faults = append(faults, plugins.Fault{Field: field, Message: message})
	}
	if w := c.Weights.Error; !(w > 0 && w <= maxWeight) {
		fail([]string{"weights", "error"}, fmt.Sprintf("must be > 0 and ≤ %v", maxWeight))
	}
	if w := c.Weights.Warning; !(w >= 0 && w <= maxWeight) {
		fail([]string{"weights", "warning"}, fmt.Sprintf("must be ≥ 0 and ≤ %v", maxWeight))
	}
	severities := []plugins.Severity{plugins.SeverityError, plugins.SeverityWarning}
	if !slices.Contains(severities, plugins.Severity(c.Limits)) && c.Limits != rule.Off {
		fail([]string{"limits"}, `must be "error", "warning" or "off"`)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Severity)) {
		if !slices.Contains(severities, c.Severity[name]) {
			fail([]string{"severity", name}, `must be "error" or "warning"`)
		}
	}
	return faults
}

// choose leaves out the rules of packs that the experiment does without, and sets the severities that it has changed.
func (c *Config) choose(shipped []*rule.Parsed) (chosen []*rule.Parsed, faults plugins.Faults) {
	names := make([]string, len(shipped))
	for i, r := range shipped {
		names[i] = r.Name
	}
	unmatched := func(field []string, pattern string) {
		faults = append(faults, plugins.Fault{
			Field: field, Message: fmt.Sprintf("no rule of the packs is named %q", pattern), Name: pattern, Known: names,
		})
	}
	left := map[string]bool{}
	for i, pattern := range c.Without {
		found := matching(pattern, names)
		if len(found) == 0 {
			unmatched([]string{"without", fmt.Sprint(i)}, pattern)
		}
		for _, name := range found {
			left[name] = true
		}
	}
	severity, by := map[string]plugins.Severity{}, map[string]string{}
	for _, pattern := range slices.Sorted(maps.Keys(c.Severity)) {
		found := matching(pattern, names)
		if len(found) == 0 {
			unmatched([]string{"severity", pattern}, pattern)
		}
		for _, name := range found {
			if len(pattern) >= len(by[name]) {
				severity[name], by[name] = c.Severity[pattern], pattern
			}
		}
	}
	for _, r := range shipped {
		if left[r.Name] {
			continue
		}
		if s, ok := severity[r.Name]; ok {
			changed := *r
			changed.Severity = s
			r = &changed
		}
		chosen = append(chosen, r)
	}
	return chosen, faults
}

// matching returns the names that a pattern stands for.
func matching(pattern string, names []string) (found []string) {
	for _, name := range names {
		if matches(pattern, name) {
			found = append(found, name)
		}
	}
	return found
}

// Vet returns what is wrong with the experiment's own rules for records with these columns. The rules of packs are asked of the
// columns that there are.
func (a *auditor) Vet(columns []plugins.ColumnInfo) plugins.Faults {
	return rule.Vet(a.set.Rules, columns)
}

// Judge asks the rules of every record, as rule.Set does. Records with a text that speaks to its reader are marked; no score hangs on that.
func (a *auditor) Judge(ctx context.Context, env plugins.Env, in plugins.Lineup) (*plugins.Judged, error) {
	out, err := a.set.Judge(ctx, env.Threads, in)
	if err != nil {
		return nil, err
	}
	return out, markSuspicious(ctx, env.Threads, in.Frame, out.Verdicts)
}

// levelsAtOnce is how many levels of a column one thread takes: a fortieth of a second, where they are sentences.
const levelsAtOnce = 128

// markSuspicious marks the records with a text that speaks to its reader. A level that some record has is looked at once.
func markSuspicious(ctx context.Context, threads int, f *frame.Frame, verdicts []plugins.Verdict) error {
	for _, c := range f.Columns() {
		if c.Kind != frame.Category {
			continue
		}
		used, speaks := make([]bool, len(c.Levels)), make([]bool, len(c.Levels))
		for _, code := range c.Codes {
			if code != frame.Missing {
				used[code] = true
			}
		}
		err := parallel.For(ctx, threads, (len(speaks)+levelsAtOnce-1)/levelsAtOnce, func(i int) error {
			for k := i * levelsAtOnce; k < min((i+1)*levelsAtOnce, len(speaks)); k++ {
				speaks[k] = used[k] && sheet.Suspicious(c.Levels[k])
			}
			return nil
		})
		if err != nil {
			return err
		}
		if !slices.Contains(speaks, true) {
			continue
		}
		for row, code := range c.Codes {
			if code != frame.Missing && speaks[code] {
				verdicts[row].Suspicious = true
			}
		}
	}
	return nil
}

// matches reports whether a pattern, in which "*" stands for any characters, stands for a name.
func matches(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	last := len(parts) - 1
	if !strings.HasPrefix(name, parts[0]) || !strings.HasSuffix(name[len(parts[0]):], parts[last]) {
		return false
	}
	rest := name[len(parts[0]) : len(name)-len(parts[last])]
	for _, part := range parts[1:last] {
		at := strings.Index(rest, part)
		if at < 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return true
}
