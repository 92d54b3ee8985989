package elicit

import (
	"math/rand/v2"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/prompt"
)

// chooser draws the rows of train that prompts show. What it draws depends on the seed, the number of rows of train and,
// where it is stratified, their labels: so strategies, subsets of features and sizes with one seed show the same rows.
type chooser struct {
	rand  plugins.Rand
	k     int // how many are shown in a prompt
	rows  int // of train
	by    [][]int
	quota []int // of each of by, which is nil where examples are not stratified
	once  []int // the rows of every call; nil where each call has its own
}

// newChooser returns the chooser of the settings.
func newChooser(c *Config, rand plugins.Rand, target *frame.Column) *chooser {
	out := &chooser{rand: rand, k: min(c.Examples, target.Len()), rows: target.Len()}
	if c.ExampleChoice == Stratified {
		out.stratify(target)
	}
	if !c.FreshExamples {
		out.once = out.draw(rand.For(plugins.ForExamples, "rows"))
	}
	return out
}

// stratify sets how many rows of each label are shown. Rows without a label are a stratum of their own.
func (c *chooser) stratify(target *frame.Column) {
	index := map[string]int{}
	for _, v := range append(slices.Clone(distinct(target)), "") {
		if _, twice := index[v]; !twice {
			index[v] = len(c.by)
			c.by = append(c.by, nil)
		}
	}
	for row := range target.Len() {
		at := index[prompt.Cell(target, row)]
		c.by[at] = append(c.by[at], row)
	}
	c.by = slices.DeleteFunc(c.by, func(rows []int) bool { return len(rows) == 0 })
	weights := make([]float64, len(c.by))
	for i, rows := range c.by {
		weights[i] = float64(len(rows))
	}
	c.quota = allocate(c.k, weights)
	if c.k < len(c.by) {
		return
	}
	for i := range c.quota { // none lacks: the greatest gives
		if c.quota[i] == 0 {
			most := 0
			for j, q := range c.quota {
				if q > c.quota[most] {
					most = j
				}
			}
			c.quota[most]--
			c.quota[i]++
		}
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
	return c.draw(c.rand.For(plugins.ForExamples, "call", cell, number))
}

// draw returns rows of train in random order.
func (c *chooser) draw(rng *rand.Rand) []int {
	if c.by == nil {
		return sampleOf(rng, c.rows, c.k)
	}
	var out []int
	for i, rows := range c.by {
		for _, at := range sampleOf(rng, len(rows), c.quota[i]) {
			out = append(out, rows[at])
		}
	}
	rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// sampleOf draws k of n without replacement, in random order. The first of k are those of fewer than k.
func sampleOf(rng *rand.Rand, n, k int) []int {
	moved := map[int]int{} // what a shuffle from the front has put elsewhere
	at := func(i int) int {
		if v, ok := moved[i]; ok {
			return v
		}
		return i
	}
	out := make([]int, k)
	for i := range out {
		j := i + rng.IntN(n-i)
		out[i] = at(j)
		moved[j] = at(i)
	}
	return out
}
