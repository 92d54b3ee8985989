package rule

import (
	"maps"
	"slices"
	"strings"
)

// template is the name of a column, or of a family of columns: "{v}_min" stands for one column for each value of v.
type template struct {
	source string
	parts  []string // what stands before the variables, between them and after them
	vars   []string // one less
}

// newTemplate reads a name; fault says what is wrong with its braces.
func newTemplate(source string) (t *template, fault string) {
	t = &template{source: source}
	for rest := source; ; {
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			if strings.ContainsRune(rest, '}') {
				return nil, "} without {"
			}
			t.parts = append(t.parts, rest)
			break
		}
		name, after, closed := strings.Cut(rest[open+1:], "}")
		switch {
		case strings.ContainsRune(rest[:open], '}'):
			return nil, "} without {"
		case !closed:
			return nil, "{ without }"
		case name == "" || strings.ContainsRune(name, '{'):
			return nil, "a variable in braces has a name, as {v} has"
		}
		t.parts = append(t.parts, rest[:open])
		t.vars = append(t.vars, name)
		rest = after
	}
	if source == "" {
		return nil, "a column has a name"
	}
	return t, ""
}

// name is the column for values of the variables.
func (t *template) name(values map[string]string) string {
	if len(t.vars) == 0 {
		return t.source
	}
	var b strings.Builder
	for i, v := range t.vars {
		b.WriteString(t.parts[i])
		b.WriteString(values[v])
	}
	b.WriteString(t.parts[len(t.vars)])
	return b.String()
}

// solve returns the value of a variable for which the name is that of a given column, the other variables being known.
func (t *template) solve(unknown, column string, values map[string]string) (string, bool) {
	fixed, times := len(t.parts[len(t.vars)]), 0
	for i, v := range t.vars {
		fixed += len(t.parts[i])
		if v == unknown {
			times++
		} else {
			fixed += len(values[v])
		}
	}
	length := len(column) - fixed
	if times == 0 || length < times || length%times != 0 {
		return "", false
	}
	start := 0
	for i, v := range t.vars {
		if start += len(t.parts[i]); v == unknown {
			break
		}
		start += len(values[v])
	}
	if start+length/times > len(column) {
		return "", false
	}
	with := maps.Clone(values)
	with[unknown] = column[start : start+length/times]
	return with[unknown], t.name(with) == column
}

// maxMembers is the greatest number of members of one family that are looked for.
const maxMembers = 100_000

// listed returns every choice of the values that a rule lists for its variables.
func listed(each map[string][]string) []map[string]string {
	out := []map[string]string{{}}
	for _, v := range slices.Sorted(maps.Keys(each)) {
		var longer []map[string]string
		for _, values := range out {
			for _, value := range each[v] {
				with := maps.Clone(values)
				with[v] = value
				longer = append(longer, with)
			}
		}
		out = longer
	}
	return out
}

// members returns the values of the variables for which a rule may have all its columns: every choice of those that are listed
// and, of the one that is not, every value that some column gives it.
func (r *Parsed) members(names []string) []map[string]string {
	choices := listed(r.Each)
	if r.free == "" {
		return choices
	}
	var by *template
	for _, c := range r.reads {
		if slices.Contains(c.column.vars, r.free) {
			by = c.column
			break
		}
	}
	var out []map[string]string
	for _, values := range choices {
		for _, name := range names {
			if value, ok := by.solve(r.free, name, values); ok {
				with := maps.Clone(values)
				with[r.free] = value
				out = append(out, with)
			}
		}
	}
	return out
}
