package elicit

import (
	"cmp"
	"math"
	"slices"
)

// allocate parts n rows by weights, which are not negative: each share is rounded down, and what is left goes to the largest
// remainders, the first where they are equal. Without any weight nothing is given.
//
// Source: the method of largest remainders (A. Hamilton, 1792).
func allocate(n int, weights []float64) []int {
	out := make([]int, len(weights))
	total := 0.0
	for _, w := range weights {
		total += w
	}
	if total <= 0 {
		return out
	}
	left := n
	remainders := make([]float64, len(weights))
	order := make([]int, len(weights))
	for i, w := range weights {
		exact := float64(n) * w / total
		// a quota that is whole but for rounding is whole
		if whole := math.Round(exact); math.Abs(exact-whole) < 1e-9*max(1, whole) {
			exact = whole
		}
		out[i] = int(exact)
		left -= out[i]
		remainders[i] = exact - float64(out[i])
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(remainders[b], remainders[a]) })
	for i := 0; left > 0; i++ {
		if at := order[i%len(order)]; weights[at] > 0 {
			out[at]++
			left--
		}
	}
	return out
}
