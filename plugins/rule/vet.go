package rule

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
)

// Vet returns what is wrong with the experiment's own rules for records with these columns. Those of packs are asked of the columns
// that there are.
func Vet(rules []*Parsed, columns []plugins.ColumnInfo) (faults plugins.Faults) {
	about := map[string]known{}
	names := make([]string, len(columns))
	for i, c := range columns {
		about[c.Name] = known{c.Kind, c.Unit}
		names[i] = c.Name
	}
	for _, r := range rules {
		if r.own {
			faults = append(faults, r.vet(about, names)...)
		}
	}
	return faults
}

// vet returns what is wrong with a rule of the experiment's own for records that have the given columns: it has to fit some, and
// every value that it lists has to have a part in that.
func (r *Parsed) vet(about map[string]known, names []string) (faults plugins.Faults) {
	look := func(name string) (known, bool) { k, ok := about[name]; return k, ok }
	fits := map[string]map[string]bool{}
	var first *misfit
	some := false
	for _, values := range r.members(names) {
		m := r.fit(values, look)
		if m != nil {
			if first == nil || first.lacks != "" && m.lacks == "" { // a wrong kind says more than a column that there is not
				first = m
			}
			continue
		}
		some = true
		for v, value := range values {
			if fits[v] == nil {
				fits[v] = map[string]bool{}
			}
			fits[v][value] = true
		}
	}
	if !some {
		return plugins.Faults{r.unfit(first, names)}
	}
	for _, v := range slices.Sorted(maps.Keys(r.Each)) {
		for i, value := range r.Each[v] {
			if !fits[v][value] {
				faults = append(faults, plugins.Fault{
					Field:   []string{"rules", r.Name, "each", v, fmt.Sprint(i)},
					Message: fmt.Sprintf("no columns fit the rule with {%s} as %q", v, value),
				})
			}
		}
	}
	return faults
}

// unfit says why a rule fits no columns; m is nil where its variable takes no value.
func (r *Parsed) unfit(m *misfit, names []string) plugins.Fault {
	field := func(n *node) []string {
		if r.when != nil && (n == r.when || slices.Contains(r.when.columns(nil), n)) {
			return []string{"rules", r.Name, "when"}
		}
		return []string{"rules", r.Name, "then"}
	}
	switch {
	case m == nil:
		n := r.reads[slices.IndexFunc(r.reads, func(n *node) bool { return slices.Contains(n.column.vars, r.free) })]
		return plugins.Fault{Field: field(n), Message: wrong(n.at, "no column is named like %q", n.column.source).Error()}
	case m.lacks != "":
		f := plugins.Fault{Field: field(m.where), Message: wrong(m.where.at, "no column named %q", m.lacks).Error(), Name: m.lacks, Known: names}
		if len(m.where.column.vars) > 0 {
			f.Message = wrong(m.where.at, "no columns fit %q, nor the others of the rule with it: there is no column named %q, for one", m.where.column.source, m.lacks).Error()
		}
		return f
	case m.at != nil:
		return plugins.Fault{Field: field(m.where), Message: m.at.Error()}
	}
	return plugins.Fault{Field: field(m.where), Message: wrong(m.where.at, "%s", m.message).Error()}
}
