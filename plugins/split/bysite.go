package split

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// bySite shares whole sites out among the parts, so that the test part stands for hospitals never seen.
//
// Sites are dealt by size, the largest first. Each goes to a part that it brings no further from its share of the rows,
// at random in proportion to what the parts still lack; where there is no such part, to the one that lacks most. Every
// part with a share gets a site. So a site of usual size comes to a part about as often as the share says, and
// the small ones, dealt last, fill the gaps; a note says what the shares came to.
//
// A subject with rows at sites of several parts stays in one of them, by the order test, validation, reference, train:
// its rows in the others are dropped, with the counts "rows dropped: subject is in the test part" and so on. So are
// rows without a site ("rows dropped: no site"). Further counts: "sites" a part and "subjects at more than one site".
func bySite(c Columns, cfg Config, shares []float64, r *rand.Rand) (*Assignment, error) {
	switch {
	case c.Site == nil:
		return nil, fmt.Errorf(`by is "site", but the data set has no site column: declare one, or split by "subject"`)
	case len(cfg.Stratify) > 0:
		return nil, fmt.Errorf(`by is "site": whole sites are shared out, which cannot be stratified: leave stratify out`)
	}
	of, names := Indexed(c.Site)
	if parts := wanted(shares); len(names) < parts {
		return nil, fmt.Errorf(`by is "site": column %q has %d sites for %d parts with a share: each part needs one`, c.Site.Name, len(names), parts)
	}
	partOfSite := dealSites(of, len(names), shares, r)
	a := &Assignment{Rows: map[plugins.Part][]int{}}
	partOf := make([]int8, len(of))
	missing := 0
	for row, site := range of {
		if site == frame.Missing {
			partOf[row] = none
			missing++
			continue
		}
		partOf[row] = partOfSite[site]
	}
	u := people(len(of), c.Subject)
	lost := keepApart(partOf, u)
	a.fill(partOf)
	if err := a.checkLeft(shares); err != nil {
		return nil, err
	}
	a.noteMissing(BySite, "site", missing, u)
	a.count(u, nil)
	for _, part := range plugins.AllParts() {
		a.add("sites", sitesOf(of, a.Rows[part]), "part", string(part))
	}
	if missing > 0 {
		a.add("rows dropped: no site", missing)
	}
	if c.Subject != nil {
		a.add("subjects at more than one site", travellers(of, u))
		a.countLost(lost, shares)
	}
	a.noteShares(BySite, shares)
	return a, nil
}

// dealSites returns the part of each site. of holds the site of each row.
func dealSites(of []int32, sites int, shares []float64, r *rand.Rand) []int8 {
	size := make([]int, sites)
	rows := 0
	for _, site := range of {
		if site != frame.Missing {
			size[site]++
			rows++
		}
	}
	order := make([]int, sites)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(size[b]-size[a], a-b) })
	lacks := make([]float64, len(shares)) // rows that each part lacks of its share
	empty := make([]bool, len(shares))
	waiting := wanted(shares) // parts without a site
	for p, share := range shares {
		lacks[p] = share * float64(rows)
		empty[p] = share > 0
	}
	partOf := make([]int8, sites)
	for i, site := range order {
		open := func(p int) bool { return shares[p] > 0 && (empty[p] || sites-i > waiting) }
		p := choose(lacks, float64(size[site]), open, r)
		if empty[p] {
			empty[p] = false
			waiting--
		}
		lacks[p] -= float64(size[site])
		partOf[site] = int8(p)
	}
	return partOf
}

// choose draws a part for a site among those that are open, as bySite says. It draws once from r, whatever the choice.
func choose(lacks []float64, size float64, open func(part int) bool, r *rand.Rand) int {
	draw := r.Float64()
	total := 0.0
	most := -1
	fits := make([]bool, len(lacks))
	for p, lack := range lacks {
		if !open(p) {
			continue
		}
		if most < 0 || lack > lacks[most] {
			most = p
		}
		if fits[p] = lack > 0 && lack >= size/2; fits[p] { // |lack − size| ≤ lack
			total += lack
		}
	}
	for p, lack := range lacks {
		if !fits[p] {
			continue
		}
		if draw -= lack / total; draw < 0 {
			return p
		}
		most = p // rounding: the last that fits
	}
	return most
}

// travellers counts the subjects with rows at more than one site.
func travellers(of []int32, u *units) int {
	at := make([]int32, u.count)
	several := make([]bool, u.count)
	for unit := range at {
		at[unit] = frame.Missing
	}
	n := 0
	for row, unit := range u.of {
		switch site := of[row]; {
		case site == frame.Missing || several[unit]:
		case at[unit] == frame.Missing:
			at[unit] = site
		case at[unit] != site:
			several[unit] = true
			n++
		}
	}
	return n
}

// checkLeft refuses a split in which dropping has emptied a part.
func (a *Assignment) checkLeft(shares []float64) error {
	for p, part := range plugins.AllParts() {
		if shares[p] > 0 && len(a.Rows[part]) == 0 {
			return fmt.Errorf(`by is "site": part %q has no row left, since all its subjects are in other parts too`, part)
		}
	}
	return nil
}
