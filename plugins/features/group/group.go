// Package group offers the columns of one kind as feature subsets: the vital signs, the laboratory values …
//
// A data set may know the groups of its columns; for others, and to form other groups, the experiment gives the columns
// by patterns. A subset is named after its group: "by-labs" and "by-blood-gas" of a feature set "by". With cumulative
// the subsets are nested: the first group, then the first two … as "by-vitals", "by-to-labs", "by-to-blood-gas".
package group

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
)

// Config is the features' "with" block.
type Config struct {
	Groups []string `json:"groups"` // in the order of the subsets; at least one, none twice
	// Columns gives the columns of a group by name; "*" stands for any characters and "?" for one. A column that a
	// pattern names leaves the group that the data set has it in, and a group named here has no other columns.
	Columns    map[string][]string `json:"columns,omitempty"`
	Cumulative bool                `json:"cumulative"` // each subset also has the columns of those before it
}

// Register adds the plugin to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Features, plugins.Info{
		Name:    "group",
		Version: 1,
		Summary: "the columns of each group, such as vitals or labs, as the data set or the experiment groups them",
		Schema: `// a subset for each, in this order
groups!: [string, ...string] @group(columns)
// the columns of a group, where the data set does not know it or has others in it: names, with "*" for any characters and "?" for one
columns?: {[string]: [string, ...string] @column(pattern)}
// false unless set; true: each subset also has the columns of those before it
cumulative?: bool`,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Train},
	}, Config{}, New)
}

// Features is the plugin.
type Features struct {
	config   Config
	suffixes []string // of the groups
}

// New returns the plugin. It is an error when no group is named, one is empty or named twice, two give subsets of one
// name, or columns are given for a group that is not among them.
func New(c Config) (plugins.Features, error) {
	if len(c.Groups) == 0 {
		return nil, fmt.Errorf("groups is empty; name at least one")
	}
	f := &Features{config: c}
	for i, name := range c.Groups {
		if slices.Contains(c.Groups[:i], name) {
			return nil, fmt.Errorf("groups names %q twice", name)
		}
		word := slug(name)
		if word == "" {
			return nil, fmt.Errorf("group %q has no letter or digit of the English alphabet, so its subset has no name; give its columns under columns, with another name for the group", name)
		}
		suffix := "-" + word
		if c.Cumulative && i > 0 {
			suffix = "-to" + suffix
		}
		if j := slices.Index(f.suffixes, suffix); j >= 0 {
			return nil, fmt.Errorf("groups %q and %q both give a subset %q; give the columns of one under columns, with another name for the group", c.Groups[j], name, suffix)
		}
		f.suffixes = append(f.suffixes, suffix)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Columns)) {
		if !slices.Contains(c.Groups, name) {
			return nil, fmt.Errorf("columns gives those of a group %q, which is not in groups: %s", name, quoted(c.Groups))
		}
		if len(c.Columns[name]) == 0 {
			return nil, fmt.Errorf("columns of group %q is empty; give at least one name or pattern", name)
		}
	}
	return f, nil
}

// slug is the name of a group as part of the name of a subset: letters and digits, with "-" for anything between.
func slug(name string) string {
	return strings.Join(strings.FieldsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_')
	}), "-")
}

// Subsets returns the suffixes of the groups, in their order.
func (f *Features) Subsets() []string { return slices.Clone(f.suffixes) }

// Ranking is what decides on the group of a column. Which groups are offered, and how, is left to Cut.
func (f *Features) Ranking() any {
	return struct {
		Columns map[string][]string `json:"columns,omitempty"`
	}{f.config.Columns}
}

// Rank returns all columns of in.Train but the target, each with its group; without one where none is known.
//
// It is an error when a pattern matches no column, when a column is in two of the groups under columns, and when there
// is no group at all.
func (f *Features) Rank(ctx context.Context, _ plugins.Env, in plugins.Candidates) (*plugins.Ranking, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	names := slices.DeleteFunc(in.Train.Names(), func(name string) bool { return name == in.Target })
	given, err := f.given(names)
	if err != nil {
		return nil, err
	}
	ranking, sizes := &plugins.Ranking{}, map[string]int{}
	for _, name := range names {
		group, own := given[name]
		if of := in.Groups[name]; !own && f.config.Columns[of] == nil {
			group = of
		}
		ranking.Columns = append(ranking.Columns, plugins.RankedColumn{Name: name, Group: group})
		if group != "" {
			sizes[group]++
		}
	}
	if len(sizes) == 0 {
		return nil, fmt.Errorf("the data set does not say which group a column is in; give the columns of each group under columns")
	}
	for _, group := range slices.Sorted(maps.Keys(sizes)) {
		ranking.Counts = append(ranking.Counts, plugins.Count{Name: "columns of the group", Dims: map[string]string{"group": group}, Value: sizes[group]})
	}
	return ranking, nil
}

// given returns the group of each column that a pattern matches.
func (f *Features) given(names []string) (map[string]string, error) {
	out := map[string]string{}
	for _, group := range slices.Sorted(maps.Keys(f.config.Columns)) {
		for _, pattern := range f.config.Columns[group] {
			found := false
			for _, name := range names {
				if !matches(pattern, name) {
					continue
				}
				if other, taken := out[name]; taken && other != group {
					return nil, fmt.Errorf("column %q is in the groups %q and %q; one group a column, or two feature sets", name, other, group)
				}
				out[name], found = group, true
			}
			if !found {
				return nil, fmt.Errorf("group %q: no candidate column is matched by %q: the data do not have it, it was dropped, or its role forbids it without allow: leakage", group, pattern)
			}
		}
	}
	return out, nil
}

// matches reports whether a name is as the pattern says: "*" stands for any characters, none included, "?" for one.
func matches(pattern, name string) bool {
	p, n := []rune(pattern), []rune(name)
	star, from := -1, 0 // the last "*", and where what follows it was tried to begin
	i, j := 0, 0
	for j < len(n) {
		switch {
		case i < len(p) && p[i] == '*':
			star, from = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == n[j]):
			i++
			j++
		case star >= 0: // let the "*" stand for one character more
			from++
			i, j = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(string(p[i:]), "*") == ""
}

// Cut returns the columns of the group that the suffix names, or of it and those before it. It is an error when a group
// has no column.
func (f *Features) Cut(ranked []plugins.RankedColumn, suffix string) ([]string, error) {
	at := slices.Index(f.suffixes, suffix)
	if at < 0 {
		return nil, fmt.Errorf("there is no subset %q; want %s", suffix, quoted(f.suffixes))
	}
	first := at
	if f.config.Cumulative {
		first = 0
	}
	var out []string
	for _, group := range f.config.Groups[first : at+1] {
		before := len(out)
		for _, c := range ranked {
			if c.Group == group {
				out = append(out, c.Name)
			}
		}
		if len(out) == before {
			return nil, fmt.Errorf("no candidate column is in group %q; there are %s", group, quoted(known(ranked)))
		}
	}
	return out, nil
}

// known are the groups of columns, sorted.
func known(ranked []plugins.RankedColumn) []string {
	var out []string
	for _, c := range ranked {
		if c.Group != "" {
			out = append(out, c.Group)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func quoted(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(out, ", ")
}
