package review

import (
	"math"
	"math/rand/v2"
	"slices"
)

// letters of the names of items: no vowels, so that none is a word, and no digits, so that no spreadsheet takes one for a number or a date.
const letters = "BCDFGHJKLMNPQRSTVWXZ"

const idLength = 6

// items lays out the records for each rater.
func (d *drawer) items(records []candidate) []Rater {
	names := d.source("items")
	taken := map[string]bool{}
	fresh := func() string {
		for {
			id := make([]byte, idLength)
			for i := range id {
				id[i] = letters[names.IntN(len(letters))]
			}
			if !taken[string(id)] {
				taken[string(id)] = true
				return string(id)
			}
		}
	}
	var study, practice []Record
	for _, c := range records {
		if c.Training {
			practice = append(practice, c.Record)
		} else {
			study = append(study, c.Record)
		}
	}
	var out []Rater
	for _, name := range d.Raters {
		order := d.source("order", name)
		rater := Rater{Name: name}
		first := spread(practice, order)
		for _, r := range first {
			rater.Items = append(rater.Items, Item{fresh(), r.Name, 1})
		}
		for _, s := range withRepeats(spread(study, order), d.Repeats, order) {
			rater.Items = append(rater.Items, Item{fresh(), s.name, s.showing})
		}
		out = append(out, rater)
	}
	return out
}

// spread returns records in a random order in which either origin is spread evenly: of each in a block of four, two, where both have as
// many records. So fatigue and practice touch both alike.
//
// Source: permuted blocks, as M. Zelen (1974), J. Chronic Dis. 27(7–8), 365–375; blocks are stretched where origins are of unequal number.
func spread(records []Record, rng *rand.Rand) []Record {
	type placed struct {
		Record
		at float64
	}
	var all []placed
	for _, origin := range []string{Synthetic, Real} {
		var of []Record
		for _, r := range records {
			if r.Origin == origin {
				of = append(of, r)
			}
		}
		rng.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
		for i, r := range of {
			block := float64(i - i%2)
			all = append(all, placed{r, (block + 2*rng.Float64()) / float64(len(of))})
		}
	}
	slices.SortStableFunc(all, func(a, b placed) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	out := make([]Record, len(all))
	for i := range all {
		out[i] = all[i].Record
	}
	return out
}

// showing is a record that is shown for the first or the second time.
type showing struct {
	name    string
	showing int
}

// withRepeats shows a share of the records twice: some of the first third again in the last third, as many of either origin as can be.
func withRepeats(order []Record, share float64, rng *rand.Rand) []showing {
	n := len(order)
	third := (n + 2) / 3
	wanted := min(int(math.Round(share*float64(n))), third)
	if wanted == 0 && share > 0 && n >= 6 {
		wanted = 1
	}
	early := slices.Clone(order[:third])
	rng.Shuffle(third, func(i, j int) { early[i], early[j] = early[j], early[i] })
	var again []Record
	for origin := []string{Synthetic, Real}[rng.IntN(2)]; len(again) < wanted; {
		at := slices.IndexFunc(early, func(r Record) bool { return r.Origin == origin })
		if at < 0 {
			at = 0 // the other origin has to do
		}
		again = append(again, early[at])
		early = slices.Delete(early, at, at+1)
		origin = map[string]string{Synthetic: Real, Real: Synthetic}[origin]
	}
	out := make([]showing, n, n+wanted)
	for i, r := range order {
		out[i] = showing{r.Name, 1}
	}
	for _, r := range again {
		from := n - third
		out = slices.Insert(out, from+rng.IntN(len(out)-from+1), showing{r.Name, 2})
	}
	return out
}
