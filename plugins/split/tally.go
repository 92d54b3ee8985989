package split

import (
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/label"
)

// SiteTally counts the rows of one part at one site, by their label.
type SiteTally struct {
	Site      string       `json:"site"` // empty for rows without a site
	Part      plugins.Part `json:"part"`
	Rows      int          `json:"rows"` // events, nonevents and missing together
	Events    int          `json:"events"`
	NonEvents int          `json:"nonevents"`
	Missing   int          `json:"missing"` // rows without a label
}

// Tally counts the rows of each part at each site, and their labels as package label reads them.
//
// parts holds indices into site and target. Every site that any part has rows at has an entry for each part, in the order
// of plugins.AllParts, zeros included. Sites are sorted, numbers as numbers; rows without a site come last.
// The positive class is that of all rows of the parts. target is nil for a label that is not of two classes, or
// none: then all rows count as missing theirs. Otherwise it is an error when the labels are not of two classes.
func Tally(parts map[plugins.Part][]int, site, target *frame.Column) ([]SiteTally, error) {
	if err := checkRows(parts, site, nil); err != nil {
		return nil, err
	}
	var all []int
	for _, part := range plugins.AllParts() {
		all = append(all, parts[part]...)
	}
	events, err := eventsOf(all, target, site.Len())
	if err != nil {
		return nil, err
	}
	of, names := Indexed(site)
	names = append(slices.Clone(names), "")
	order := plugins.AllParts()
	tally := make([]SiteTally, len(names)*len(order))
	for i := range tally {
		tally[i].Site, tally[i].Part = names[i/len(order)], order[i%len(order)]
	}
	present := make([]bool, len(names))
	for p, part := range order {
		for _, row := range parts[part] {
			at := int(of[row])
			if of[row] == frame.Missing {
				at = len(names) - 1
			}
			present[at] = true
			tally[at*len(order)+p].add(events[row])
		}
	}
	kept := tally[:0]
	for i, t := range tally {
		if present[i/len(order)] {
			kept = append(kept, t)
		}
	}
	return kept, nil
}

// add counts one row.
func (t *SiteTally) add(event int8) {
	t.Rows++
	switch event {
	case 1:
		t.Events++
	case 0:
		t.NonEvents++
	default:
		t.Missing++
	}
}

// eventsOf returns 1, 0 or −1 (no label) for those of n rows that are listed.
func eventsOf(rows []int, target *frame.Column, n int) ([]int8, error) {
	events := make([]int8, n)
	for row := range events {
		events[row] = -1
	}
	if target == nil {
		return events, nil
	}
	if target.Len() != n {
		return nil, fmt.Errorf("target column %q has %d rows, the data set has %d", target.Name, target.Len(), n)
	}
	labelled := slices.DeleteFunc(slices.Clone(rows), target.IsMissing)
	y, err := label.Binary(target.Take(labelled), "")
	if err != nil {
		return nil, err
	}
	for i, row := range labelled {
		events[row] = int8(y[i])
	}
	return events, nil
}

// SiteGroups returns the group of each site, such as its region: the value that group has in the rows of the site.
//
// Both columns have one value a row. Sites and groups are named by their text, numbers in shortest form. A row without a
// group decides nothing; a site that has none in any row is in the group "". Rows without a site are left out. It is
// an error when rows of one site differ, which says how many sites are so, and names none.
func SiteGroups(site, group *frame.Column) (map[string]string, error) {
	switch {
	case site == nil || group == nil:
		return nil, fmt.Errorf("groups of sites need a site column and a column to group them by")
	case site.Len() != group.Len():
		return nil, fmt.Errorf("site column %q has %d rows, group column %q has %d", site.Name, site.Len(), group.Name, group.Len())
	}
	of, sites := Indexed(site)
	groupOf, groups := Indexed(group)
	at := make([]int32, len(sites))
	for s := range at {
		at[s] = frame.Missing
	}
	torn := make([]bool, len(sites))
	mixed := 0
	for row, s := range of {
		if s == frame.Missing || groupOf[row] == frame.Missing {
			continue
		}
		if at[s] == frame.Missing {
			at[s] = groupOf[row]
		}
		if at[s] != groupOf[row] && !torn[s] {
			torn[s] = true
			mixed++
		}
	}
	if mixed > 0 {
		return nil, fmt.Errorf("%d of %d sites of column %q have more than one value of %q: group sites by a column with one value a site",
			mixed, len(sites), site.Name, group.Name)
	}
	out := make(map[string]string, len(sites))
	for s, name := range sites {
		out[name] = ""
		if at[s] != frame.Missing {
			out[name] = groups[at[s]]
		}
	}
	return out, nil
}
