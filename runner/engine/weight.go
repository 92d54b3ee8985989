package engine

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
)

// strata are the groups of synthetic rows whose shares were set by design; nil where there are none.
func (a *artifact) strata() *plugins.Strata {
	if a.meta.Generated == nil {
		return nil
	}
	return a.meta.Generated.Strata
}

// postStratified draws synthetic rows without replacement, as many as give every group its real share, and returns their
// numbers in order. The draw hangs on the seed and the data of the rows, and on no key: all metrics of a cell read the same, cells of
// one seed are paired, and answers that are replayed on another numeric class give the same rows.
func postStratified(s *plugins.Strata, of *cache.Recipe) []int {
	seed := uint64(0)
	if of.Seed != nil {
		seed = *of.Seed
	}
	rng := plugins.NewRand(seed, of.Data, plugins.ForResample).For(plugins.ForResample, plugins.PostStratified, strconv.FormatUint(seed, 10))
	members := make([][]int, len(s.Levels))
	for row, code := range s.Codes {
		members[code] = append(members[code], row)
	}
	var rows []int
	for g, n := range sizes(members, s.Shares) {
		for _, i := range rng.Perm(len(members[g]))[:n] {
			rows = append(rows, members[g][i])
		}
	}
	slices.Sort(rows)
	return rows
}

// sizes returns how many rows of each group there are in the largest sample that has the given shares: the total is the greatest
// that no group is too small for, and is shared out by the method of largest remainders, ties to the first group.
func sizes(members [][]int, shares []float64) []int {
	largest := math.Inf(1)
	for g, share := range shares {
		if share > 0 {
			largest = min(largest, float64(len(members[g]))/share)
		}
	}
	const rounding = 1e-9 // of the division: 30 rows at a share of 0.3 are 100
	total := int(math.Floor(largest + rounding))
	out, order := make([]int, len(shares)), make([]int, len(shares))
	left := total
	for g, share := range shares {
		out[g] = min(int(math.Floor(float64(total)*share+rounding)), len(members[g]))
		left -= out[g]
		order[g] = g
	}
	remainder := func(g int) float64 { return float64(total)*shares[g] - float64(out[g]) }
	slices.SortStableFunc(order, func(a, b int) int {
		switch d := remainder(a) - remainder(b); {
		case d > rounding:
			return -1
		case d < -rounding:
			return 1
		}
		return a - b
	})
	for _, g := range order {
		if left > 0 && out[g] < len(members[g]) && shares[g] > 0 {
			out[g]++
			left--
		}
	}
	return out
}

// noStratum says why no row can be drawn to the real shares.
func noStratum(s *plugins.Strata) string {
	count := make([]int, len(s.Levels))
	for _, code := range s.Codes {
		count[code]++
	}
	for g, share := range s.Shares {
		if share > 0 && count[g] == 0 {
			return fmt.Sprintf("no synthetic row has %s %s, which real rows have", s.Name, s.Levels[g])
		}
	}
	return fmt.Sprintf("the groups of %s have too few synthetic rows for their real shares", s.Name)
}

// addWeighted adds what was measured on rows drawn to real shares, of so many synthetic rows. Scores say how many they are: fewer
// rows alone can make a difference to the raw ones.
func addWeighted(m, weighted *plugins.Measurement, rows, of int) {
	warning := fmt.Sprintf("rests on %d of %d synthetic rows, drawn to the real shares of groups", rows, of)
	marked := func(dims map[string]string) map[string]string {
		out := maps.Clone(dims)
		if out == nil {
			out = map[string]string{}
		}
		out[plugins.Weighting] = plugins.PostStratified
		return out
	}
	for _, s := range weighted.Scores {
		s.Dims = marked(s.Dims)
		if s.Status == plugins.OK {
			s.Warnings = append(slices.Clone(s.Warnings), warning)
		}
		m.Scores = append(m.Scores, s)
	}
	for _, c := range weighted.Curves {
		c.Dims = marked(c.Dims)
		m.Curves = append(m.Curves, c)
	}
	for _, c := range weighted.Counts {
		c.Dims = marked(c.Dims)
		m.Counts = append(m.Counts, c)
	}
	for _, d := range weighted.Draws {
		d.Dims = marked(d.Dims)
		m.Draws = append(m.Draws, d)
	}
}
