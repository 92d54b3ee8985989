package split

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Restrict gives the parts of a split to an arrangement of hospitals: development at some, nothing seen of others.
//
// parts holds the rows of each part, as indices into site and subject, which have one value for each row of the data
// set; subject is nil when none is known. Train, validation and reference keep the rows at the sites of train. Of these,
// the rows of a subject that has any row of the data set at a site of barred are dropped: a patient of two
// hospitals would be known where a model is said to know nobody. The test part is kept whole, whatever its sites:
// metrics choose among them. Rows without a site are at no site of train.
//
// With match > 0, match rows of the train part are drawn at random from those left. All rows of the train part are put
// in one random order, which r and the sorted subjects decide, and the first that are left are taken. So with equal
// sources a smaller draw is part of a larger one, and the draws of two sets of sites share what they can.
//
// Counts are, for each part, "rows", "subjects" where they are known and "sites"; for train, validation and reference
// "rows dropped: at another site" and, where subjects are known, "rows dropped: subject is also at a test site" and
// "subjects dropped: also at a test site"; with match, for train, "rows dropped: drawn down to the size asked for". What
// a part had is the sum of its rows and of those dropped. Dropped lists the rows of parts that are in none now.
//
// It is an error when a site is in both sets or in no row, or when fewer rows than match, or none at all, are left to train.
func Restrict(parts map[plugins.Part][]int, site, subject *frame.Column, train, barred SiteSet, match int, r *rand.Rand) (*Assignment, error) {
	if err := checkRows(parts, site, subject); err != nil {
		return nil, err
	}
	of, names := Indexed(site)
	at, err := train.marks(site.Name, names)
	if err != nil {
		return nil, err
	}
	bar, err := barred.marks(site.Name, names)
	if err != nil {
		return nil, err
	}
	sites, bars := 0, false
	for i := range names {
		if at[i] && bar[i] {
			return nil, fmt.Errorf("a site is to be trained at and to be unseen: it can be in one of the two sets")
		}
		if at[i] {
			sites++
		}
		bars = bars || bar[i]
	}
	u := people(site.Len(), subject)
	s := &restriction{site: of, at: at, subjects: u, seen: seenAt(of, bar, u), lost: map[plugins.Part]*lost{}}
	a := &Assignment{Rows: map[plugins.Part][]int{}}
	for _, part := range plugins.AllParts() {
		a.Rows[part] = slices.Clone(parts[part])
		if part != plugins.Test {
			a.Rows[part] = s.keep(part, a.Rows[part])
		}
	}
	left := len(a.Rows[plugins.Train])
	switch {
	case match < 0:
		return nil, fmt.Errorf("the number of train rows to draw is %d: want at least 1, or 0 for all", match)
	case left == 0:
		return nil, fmt.Errorf("the %d sites to train at have no row in the train part, once subjects of test sites are dropped", sites)
	case match > left:
		return nil, fmt.Errorf("%d train rows are to be drawn, but the %d sites to train at have %d", match, sites, left)
	case match > 0:
		a.Rows[plugins.Train] = draw(parts[plugins.Train], a.Rows[plugins.Train], match, u, r)
	}
	a.account(s, parts, left, match, bars)
	return a, nil
}

// checkRows refuses parts and columns that are not of one data set.
func checkRows(parts map[plugins.Part][]int, site, subject *frame.Column) error {
	if site == nil {
		return fmt.Errorf("the data set has no site column: declare one")
	}
	if err := (Columns{Subject: subject}).check(site.Len()); err != nil {
		return err
	}
	for _, part := range plugins.AllParts() {
		for _, row := range parts[part] {
			if row < 0 || row >= site.Len() {
				return fmt.Errorf("part %q has row %d, the data set has %d rows", part, row+1, site.Len())
			}
		}
	}
	return nil
}

// marks says which of the sorted names are in the set. A listed site must be among them.
func (s SiteSet) marks(column string, names []string) ([]bool, error) {
	index := make(map[string]int, len(names))
	in := make([]bool, len(names))
	for i, name := range names {
		index[name] = i // numbers are sorted as numbers, not as text
		in[i] = s.Except
	}
	for _, name := range s.Sites {
		i, ok := index[name]
		if !ok {
			return nil, fmt.Errorf("no row has the site %q in column %q", name, column)
		}
		in[i] = !s.Except
	}
	return in, nil
}

// seenAt says which units have a row at a marked site; a row without a subject is nobody's second row.
func seenAt(site []int32, marked []bool, u *units) []bool {
	seen := make([]bool, u.count)
	for row, s := range site {
		if s != frame.Missing && marked[s] {
			seen[u.of[row]] = true
		}
	}
	return seen
}

// restriction decides which rows of the developing parts are kept, and counts the others.
type restriction struct {
	site     []int32
	at       []bool // sites to train at
	subjects *units
	seen     []bool // units with a row at a barred site
	lost     map[plugins.Part]*lost
}

// lost is what a part gives up.
type lost struct{ elsewhere, seen, subjects int }

func (s *restriction) keep(part plugins.Part, rows []int) []int {
	n := &lost{}
	s.lost[part] = n
	people := map[int32]bool{}
	rows = slices.DeleteFunc(rows, func(row int) bool {
		site, unit := s.site[row], s.subjects.of[row]
		switch {
		case site == frame.Missing || !s.at[site]:
			n.elsewhere++
		case s.seen[unit]:
			n.seen++
			people[unit] = true
		default:
			return false
		}
		return true
	})
	n.subjects = len(people)
	return rows
}

// draw takes the first n rows of left, which is a part of all, in a random order of all; it returns them ascending.
func draw(all, left []int, n int, u *units, r *rand.Rand) []int {
	order := slices.Clone(all)
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(u.of[a], u.of[b]), a-b) })
	r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	in := make(map[int]bool, len(left))
	for _, row := range left {
		in[row] = true
	}
	drawn := make([]int, 0, n)
	for _, row := range order {
		if in[row] && len(drawn) < n {
			drawn = append(drawn, row)
		}
	}
	slices.Sort(drawn)
	return drawn
}

// account fills in counts, notes and the rows dropped.
func (a *Assignment) account(s *restriction, parts map[plugins.Part][]int, left, match int, bars bool) {
	kept := make([]bool, len(s.site))
	for _, part := range plugins.AllParts() {
		rows := a.Rows[part]
		for _, row := range rows {
			kept[row] = true
		}
		a.add("rows", len(rows), "part", string(part))
		if s.subjects.bySubject {
			a.add("subjects", distinct(s.subjects.of, rows), "part", string(part))
		}
		a.add("sites", sitesOf(s.site, rows), "part", string(part))
		n := s.lost[part]
		if n == nil {
			continue
		}
		a.add("rows dropped: at another site", n.elsewhere, "part", string(part))
		if s.subjects.bySubject {
			a.add("rows dropped: subject is also at a test site", n.seen, "part", string(part))
			a.add("subjects dropped: also at a test site", n.subjects, "part", string(part))
		}
		if part == plugins.Train && match > 0 {
			a.add("rows dropped: drawn down to the size asked for", left-match, "part", string(part))
		}
		if len(rows) == 0 && len(parts[part]) > 0 {
			a.note("part %q has no row at the sites to train at", part)
		}
	}
	for _, part := range plugins.AllParts() {
		for _, row := range parts[part] {
			if !kept[row] {
				a.Dropped = append(a.Dropped, row)
			}
		}
	}
	slices.Sort(a.Dropped)
	if bars && !s.subjects.bySubject {
		a.note("no subject column is known: patients of the test sites may be in the train part through other sites")
	}
}

// sitesOf counts the sites that rows are at.
func sitesOf(of []int32, rows []int) int {
	n := distinct(of, rows)
	if slices.ContainsFunc(rows, func(row int) bool { return of[row] == frame.Missing }) {
		n-- // no site is none
	}
	return n
}
