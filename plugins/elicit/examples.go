package elicit

import (
	"math/rand/v2"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/prompt"
)

// chooser draws the rows of train that prompts show. What it draws depends on the seed, the number of rows of the whole train part
// and, where it is stratified, their labels: so strategies, subsets of features and sizes with one seed show the same rows. Where
// a subset has complete rows alone, those that it lacks are stepped over, and the next ones drawn are shown instead.
type chooser struct {
	rand  plugins.Rand
	k     int   // how many are shown in a prompt
	place []int // in train, of each row of the whole part; -1 for one that train lacks
	by    []stratum
	once  []int // the rows of every call; nil where each call has its own
}

// stratum is the rows of the whole train part with one label.
type stratum struct {
	label string
	rows  []int
	there int // how many of them train has
	quota int // how many are shown in a prompt
}

// newChooser returns the chooser of the settings. rows are those of the whole train part that train has, nil all of them, and
// target is the label of the whole part.
func newChooser(c *Config, rand plugins.Rand, target *frame.Column, rows []int) *chooser {
	out := &chooser{rand: rand, k: c.Examples, place: make([]int, target.Len())}
	for row := range out.place {
		if out.place[row] = row; rows != nil {
			out.place[row] = -1
		}
	}
	for i, row := range rows {
		out.place[row] = i
	}
	if out.k = min(out.k, target.Len()); rows != nil {
		out.k = min(out.k, len(rows))
	}
	if c.ExampleChoice == Stratified {
		out.stratify(target)
	}
	if !c.FreshExamples {
		out.once = out.draw("rows")
	}
	return out
}

// stratify sets how many rows of each label are shown, in the shares of the whole train part. Rows without a label are a stratum
// of their own.
func (c *chooser) stratify(target *frame.Column) {
	index := map[string]int{}
	for _, v := range append(slices.Clone(distinct(target)), "") {
		if _, twice := index[v]; !twice {
			index[v] = len(c.by)
			c.by = append(c.by, stratum{label: v})
		}
	}
	for row := range target.Len() {
		s := &c.by[index[prompt.Cell(target, row)]]
		s.rows = append(s.rows, row)
		if c.place[row] >= 0 {
			s.there++
		}
	}
	c.by = slices.DeleteFunc(c.by, func(s stratum) bool { return len(s.rows) == 0 })
	weights := make([]float64, len(c.by))
	for i, s := range c.by {
		weights[i] = float64(len(s.rows))
	}
	for i, n := range c.quotas(weights) {
		c.by[i].quota = n
	}
	c.refill()
}

// quotas parts the examples among strata.
func (c *chooser) quotas(weights []float64) []int {
	quota := allocate(c.k, weights)
	if c.k < len(quota) {
		return quota
	}
	for i := range quota { // none lacks: the greatest gives
		if quota[i] == 0 {
			most := 0
			for j, q := range quota {
				if q > quota[most] {
					most = j
				}
			}
			quota[most]--
			quota[i]++
		}
	}
	return quota
}

// refill takes from strata what train has no rows for, and gives it to those that most rows are left of.
func (c *chooser) refill() {
	left := 0
	for i := range c.by {
		if s := &c.by[i]; s.quota > s.there {
			left += s.quota - s.there
			s.quota = s.there
		}
	}
	for ; left > 0; left-- {
		most := &c.by[0]
		for i := range c.by {
			if s := &c.by[i]; s.there-s.quota > most.there-most.quota {
				most = s
			}
		}
		most.quota++
	}
}

// of returns the rows that a call shows, given the name of its cell and its number there.
func (c *chooser) of(cell string, number string) []int {
	switch {
	case c.k == 0:
		return nil
	case c.once != nil:
		return c.once
	}
	return c.draw("call", cell, number)
}

// draw returns rows of train in random order. words name the draw. Each label has a source of its own: how many rows are stepped
// over in one moves nothing in another.
func (c *chooser) draw(words ...string) []int {
	rng := c.rand.For(plugins.ForExamples, words...)
	out := make([]int, 0, c.k)
	if c.by == nil {
		for _, row := range sampleOf(rng, len(c.place), c.k, func(row int) bool { return c.place[row] >= 0 }) {
			out = append(out, c.place[row])
		}
		return out
	}
	for _, s := range c.by {
		own := c.rand.For(plugins.ForExamples, append(slices.Clone(words), "label", s.label)...)
		for _, at := range sampleOf(own, len(s.rows), s.quota, func(i int) bool { return c.place[s.rows[i]] >= 0 }) {
			out = append(out, c.place[s.rows[at]])
		}
	}
	rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// sampleOf draws k of those of n that are there, without replacement and in random order. The first of k are those of fewer than k,
// and those that stay where others are not there are the same, in the same order.
func sampleOf(rng *rand.Rand, n, k int, there func(int) bool) []int {
	moved := map[int]int{} // what a shuffle from the front has put elsewhere
	at := func(i int) int {
		if v, ok := moved[i]; ok {
			return v
		}
		return i
	}
	out := make([]int, 0, k)
	for i := 0; i < n && len(out) < k; i++ {
		j := i + rng.IntN(n-i)
		if drawn := at(j); there(drawn) {
			out = append(out, drawn)
		}
		moved[j] = at(i)
	}
	return out
}
