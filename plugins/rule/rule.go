package rule

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
)

// Rule says what holds for every record that it can be asked of. Conditions are explained in parse.go.
type Rule struct {
	// Each lists values of the variables in names of columns. A variable that is not listed takes every value for which there are
	// all columns that the rule reads; a rule has one such variable at most.
	Each     map[string][]string `json:"each,omitempty"`
	When     string              `json:"when,omitempty"` // of which records; empty: of all
	Then     string              `json:"then"`           // what has to hold for them
	Message  string              `json:"message"`        // one line, lower case: what is wrong with a record that breaks it
	Severity plugins.Severity    `json:"severity,omitempty"`
	Source   string              `json:"source,omitempty"` // where it is published
	// Units are those that the rule is written for, by the name of a column as the rule has it, each in every spelling. It is not
	// asked of a column that is known to have another unit.
	Units map[string][]string `json:"units,omitempty"`
}

// Parsed is a rule that was read.
type Parsed struct {
	Rule
	Name       string // a rule of a pack has the name of the pack before its own
	own        bool   // the experiment's, not a pack's
	when, then *node  // when is nil for all records
	reads      []*node
	free       string // the variable that is not listed; empty: there is none
}

// Parse reads a rule; own says that it is the experiment's. The fields of its faults start at the rule.
func Parse(name string, own bool, from Rule) (*Parsed, plugins.Faults) {
	r := &Parsed{Rule: from, Name: name, own: own}
	var faults plugins.Faults
	fail := func(field, format string, args ...any) {
		faults = append(faults, plugins.Fault{Field: []string{field}, Message: fmt.Sprintf(format, args...)})
	}
	for _, c := range []struct {
		field, text string
		to          **node
	}{{"when", r.When, &r.when}, {"then", r.Then, &r.then}} {
		if c.field == "when" && c.text == "" {
			continue
		}
		n, mistake := parse(c.text)
		if mistake != nil {
			fail(c.field, "%v", mistake)
			continue
		}
		*c.to = n
	}
	if r.Severity == "" {
		r.Severity = plugins.SeverityError
	}
	if r.Severity != plugins.SeverityError && r.Severity != plugins.SeverityWarning {
		fail("severity", "must be %q or %q", plugins.SeverityError, plugins.SeverityWarning)
	}
	if r.Message == "" || strings.ContainsAny(r.Message, "\r\n") {
		fail("message", "must be one line of text")
	}
	if len(faults) > 0 {
		return nil, faults
	}
	r.reads = r.then.columns(r.when.columns(nil))
	if len(r.then.columns(nil)) == 0 {
		fail("then", "reads no column")
	}
	r.checkFamily(fail)
	for _, name := range slices.Sorted(maps.Keys(r.Units)) {
		if !slices.ContainsFunc(r.reads, func(n *node) bool { return n.column.source == name }) {
			fail("units", "the rule reads no column %q", name)
		}
	}
	return r, faults
}

// checkFamily checks the variables of a rule, and finds the one that is not listed.
func (r *Parsed) checkFamily(fail func(field, format string, args ...any)) {
	used := map[string]bool{}
	for _, c := range r.reads {
		for _, v := range c.column.vars {
			if used[v] = true; len(r.Each[v]) > 0 || v == r.free {
				continue
			}
			if r.free != "" {
				fail("each", "lists neither %q nor %q; a rule has one variable at most that takes its values from the columns there are", r.free, v)
				return
			}
			r.free = v
		}
	}
	members := 1
	for _, v := range slices.Sorted(maps.Keys(r.Each)) {
		values := r.Each[v]
		if !used[v] {
			fail("each", "no column of the rule has {%s} in its name", v)
		}
		if len(slices.Compact(slices.Sorted(slices.Values(values)))) < len(values) {
			fail("each", "a value of %q is listed twice", v)
		}
		if members *= max(1, len(values)); members > maxMembers {
			fail("each", "makes more than %d members", maxMembers)
			return
		}
	}
}
