package split

import (
	"math"
	"math/rand/v2"
	"slices"
)

// deal returns the part of each of n units, as an index into shares: the units of each stratum are shuffled
// and handed out part by part. The strata hold each unit once.
func deal(strata [][]int, n int, shares []float64, r *rand.Rand) []uint8 {
	partOf := make([]uint8, n)
	owed := make([]float64, len(shares))
	for _, stratum := range strata {
		shuffled := slices.Clone(stratum)
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		next := 0
		for part, size := range sizes(len(stratum), shares, owed) {
			for range size {
				partOf[shuffled[next]] = uint8(part)
				next++
			}
		}
	}
	return partOf
}

// sizes shares n units: each part gets its quota share·n, rounded down or up; a whole quota is met exactly.
//
// owed is what rounding took from each part in earlier strata, in units; the units left over after rounding
// down go to the parts that are owed most, the first of equals, and owed is brought up to date.
// For a single stratum this is the method of the largest remainder.
func sizes(n int, shares, owed []float64) []int {
	total := 0.0
	for _, s := range shares {
		total += s
	}
	size := make([]int, len(shares))
	fractional := make([]bool, len(shares))
	left := n
	for part, share := range shares {
		quota := share / total * float64(n)
		whole := math.Floor(quota + tolerance) // 0.15 × 20 is a little off 3
		fractional[part] = quota-whole > tolerance
		owed[part] += quota - whole
		size[part] = int(whole)
		left -= int(whole)
	}
	for ; left > 0; left-- {
		most := -1
		for part := range shares {
			if fractional[part] && (most < 0 || owed[part] > owed[most]+tolerance) {
				most = part
			}
		}
		size[most]++
		owed[most]--
		fractional[most] = false // rounded up once at most
	}
	return size
}
