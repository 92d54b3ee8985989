package attack

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Roster is who is attacked: members, which are rows of train, and others, which are rows of test.
//
// No subject is on both sides: rows of test whose subject has a row among the members are left out.
type Roster struct {
	Group    string // Exposed or Train
	Members  []int  // rows of train, ascending
	Others   []int  // rows of test, ascending
	Counts   []plugins.Count
	Warnings []string // what makes the comparison less than fair

	// The subjects of the members and, after them, of the others: from 0 to Units-1, in order of first occurrence.
	// A row without a subject is one of its own.
	Unit  []int32
	Units int
	Of    string // what a unit is: "subjects" or "rows"

	site []string // of each unit: where its first row is from, or empty

	lacks string
}

// Lacks says why nobody can be attacked, or is empty.
func (r *Roster) Lacks() string { return r.lacks }

// Repeated reports whether a subject has several rows, which then are not independent of each other.
func (r *Roster) Repeated() bool { return r.Units < len(r.Unit) }

// Source returns the random sources that rosters are drawn by; the metric has to declare plugins.ForResample. Who is drawn hangs
// neither on the seed nor, but for the rows that it has seen, on the strategy.
func Source(env plugins.Env) func(label string) *rand.Rand {
	return func(label string) *rand.Rand { return env.Rand.For(plugins.ForResample, "roster", label) }
}

// Named is the roster of a group.
//
// Train: all rows of train, and all rows of test whose subjects have no row of train.
//
// Exposed: the rows of train that the generator has seen, and as many rows of test, with the same sites: each site gives as many rows to
// both sides as the side with fewer of them has, drawn at random on the other side. Where fewer than half of
// the rows that could be set against each other find their like at their own site, sites are left out of account
// and Warnings says so. source is the random source of a draw, which the label tells apart: that of Source.
func Named(pair *plugins.Pair, group string, source func(label string) *rand.Rand) *Roster {
	train, test := pair.Parts.Get(plugins.Train), pair.Parts.Get(plugins.Test)
	r := &Roster{Group: group, Members: upTo(train.Frame.Rows())}
	if group == Exposed && pair.Exposed != nil {
		r.Members = slices.Clone(pair.Exposed)
	}
	r.Others = r.strangers(train, test)
	switch {
	case train.Frame.Rows() == 0:
		r.lacks = "there are no train rows"
	case len(r.Members) == 0:
		r.lacks = "the generator has seen no row of train"
	case len(r.Others) == 0:
		r.lacks = "no test row can be a non-member"
	}
	if group == Exposed {
		r.match(train.Site, test.Site, source)
	}
	r.count(train, test)
	return r
}

// strangers returns the rows of test whose subject has no row among the members.
func (r *Roster) strangers(train, test plugins.Sample) []int {
	all := upTo(test.Frame.Rows())
	if train.Subject == nil || test.Subject == nil {
		return all
	}
	known := map[string]bool{}
	for _, i := range r.Members {
		if id, ok := textOf(train.Subject, i); ok {
			known[id] = true
		}
	}
	others := slices.DeleteFunc(all, func(i int) bool {
		id, ok := textOf(test.Subject, i)
		return ok && known[id]
	})
	if left := test.Frame.Rows() - len(others); left > 0 {
		r.Counts = append(r.Counts, plugins.Count{Name: "test rows left out: their subject is a member", Dims: r.dims(), Value: left})
	}
	return others
}

// match draws as many others as members, by site where that is possible.
func (r *Roster) match(trainSite, testSite *frame.Column, source func(string) *rand.Rand) {
	most := min(len(r.Members), len(r.Others))
	before := len(r.Members)
	if trainSite != nil && testSite != nil {
		members, others := bySite(trainSite, r.Members), bySite(testSite, r.Others)
		var matchedMembers, matchedOthers []int
		for _, site := range sorted(members) {
			n := min(len(members[site]), len(others[site]))
			matchedMembers = append(matchedMembers, draw(source("members of a site\x00"+site), members[site], n)...)
			matchedOthers = append(matchedOthers, draw(source("others of a site\x00"+site), others[site], n)...)
		}
		if 2*len(matchedMembers) >= most {
			r.Members, r.Others = ascending(matchedMembers), ascending(matchedOthers)
			r.leftOut(before)
			return
		}
		r.Warnings = append(r.Warnings, fmt.Sprintf("members and non-members are not of the same sites: only %d of %d could be matched by site", len(matchedMembers), most))
	}
	r.Members = ascending(draw(source("members"), r.Members, most))
	r.Others = ascending(draw(source("others"), r.Others, most))
	r.leftOut(before)
}

func (r *Roster) leftOut(before int) {
	if n := before - len(r.Members); n > 0 {
		r.Counts = append(r.Counts, plugins.Count{Name: "members left out: the test part has no more rows to set against them", Dims: r.dims(), Value: n})
	}
}

// count numbers the subjects and accounts for the rows.
func (r *Roster) count(train, test plugins.Sample) {
	r.Of = "rows"
	if train.Subject != nil && test.Subject != nil {
		r.Of = "subjects"
	}
	ids := map[string]int32{}
	add := func(side string, subject, site *frame.Column, rows []int) {
		for _, i := range rows {
			id, ok := int32(r.Units), false
			if r.Of == "subjects" {
				var text string
				if text, ok = textOf(subject, i); ok {
					if known, seen := ids[side+text]; seen {
						r.Unit = append(r.Unit, known)
						continue
					}
					ids[side+text] = id
				}
			}
			at := ""
			if site != nil {
				at, _ = textOf(site, i)
			}
			r.Unit, r.site = append(r.Unit, id), append(r.site, at)
			r.Units++
		}
	}
	add("member ", train.Subject, train.Site, r.Members)
	add("other ", test.Subject, test.Site, r.Others)
	r.Counts = append(r.Counts,
		plugins.Count{Name: "members", Dims: r.dims(), Value: len(r.Members)},
		plugins.Count{Name: "non-members", Dims: r.dims(), Value: len(r.Others)})
}

func (r *Roster) dims() map[string]string { return map[string]string{"members": r.Group} }

// Halves divides the others by their subjects, alternately in order, those of one site after those of another: the even ones and the odd ones,
// as places in Others. Attacks that need a sample of the population take one half for it, and attack the other.
//
// Sites are divided for the reason that Deal gives.
func (r *Roster) Halves() (even, odd []int) {
	if len(r.Others) == 0 {
		return nil, nil
	}
	first := make([]bool, r.Units)
	at := 0
	for _, p := range r.places() {
		for _, u := range p.units[1] {
			first[u] = at%2 == 0
			at++
		}
	}
	for i := range r.Others {
		if first[r.Unit[len(r.Members)+i]] {
			even = append(even, i)
		} else {
			odd = append(odd, i)
		}
	}
	return even, odd
}

// Deal draws about half of the units of either side, and of each site on either side; source is the random source of a site's draw.
//
// Sides that were matched by site stay so in the halves. Left to chance, the sites whose members are many in the one half have few of
// them in the other, so that a classifier that learns from the one is wrong on the other: with a column that tells forty
// sites apart, the blind attack of membership then took the sides for dependent on each other in all of 200 samples.
func (r *Roster) Deal(source func(site string) *rand.Rand) []bool {
	dealt := make([]bool, r.Units)
	for _, p := range r.places() {
		rng := source(p.site)
		up := rng.IntN(2) // an odd one out goes the same way on both sides
		for _, units := range p.units {
			rng.Shuffle(len(units), func(i, j int) { units[i], units[j] = units[j], units[i] })
			for _, u := range units[:(len(units)+up)/2] {
				dealt[u] = true
			}
		}
	}
	return dealt
}

// place is the units of a site, on either side: members, and others.
type place struct {
	site  string
	units [2][]int32
}

// places returns the sites in order of first occurrence. Without sites there is one.
func (r *Roster) places() []place {
	var out []place
	known := map[string]int{}
	border := int32(r.Units)
	if len(r.Others) > 0 {
		border = r.Unit[len(r.Members)] // no subject is on both sides, so the others' numbers begin here
	}
	for u, site := range r.site {
		k, ok := known[site]
		if !ok {
			k = len(out)
			known[site], out = k, append(out, place{site: site})
		}
		side := 0
		if int32(u) >= border {
			side = 1
		}
		out[k].units[side] = append(out[k].units[side], int32(u))
	}
	return out
}

// textOf writes a value so that equal ones of two frames are equal; false when it is missing.
func textOf(c *frame.Column, row int) (string, bool) {
	switch {
	case c.IsMissing(row):
		return "", false
	case c.Kind == frame.Category:
		return c.Levels[c.Codes[row]], true
	}
	return strconv.FormatFloat(c.Numbers[row]+0, 'g', -1, 64), true // -0 + 0 is 0
}

// bySite groups rows; those without a site are a group of their own.
func bySite(site *frame.Column, rows []int) map[string][]int {
	out := map[string][]int{}
	for _, i := range rows {
		key, ok := textOf(site, i)
		if ok {
			key = "at " + key
		}
		out[key] = append(out[key], i)
	}
	return out
}

func sorted(groups map[string][]int) []string {
	keys := make([]string, 0, len(groups))
	for k := range groups {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, cmp.Compare[string])
	return keys
}

// draw returns n of the rows, at random unless it is all of them.
func draw(source *rand.Rand, rows []int, n int) []int {
	if n == len(rows) {
		return rows
	}
	out := slices.Clone(rows)
	source.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out[:n]
}

func ascending(rows []int) []int {
	out := slices.Clone(rows)
	slices.Sort(out)
	return out
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
