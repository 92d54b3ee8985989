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
	return allocateOn(n, weights, make([]float64, len(weights)))
}

// allocateOn is allocate for one of several lots by the same labels: owed is what rounding has kept from each label so far. It
// is given out with this lot and then holds what is owed after it, so that many small lots have the shares of all of them
// together, and are not all rounded the same way.
func allocateOn(n int, weights, owed []float64) []int {
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
		order[i] = i
		if w <= 0 {
			continue
		}
		exact := float64(n)*w/total + owed[i]
		// a quota that is whole but for rounding is whole
		if whole := math.Round(exact); math.Abs(exact-whole) < 1e-9*max(1, whole) {
			exact = whole
		}
		out[i] = max(0, int(math.Floor(exact)))
		left -= out[i]
		remainders[i] = exact - float64(out[i])
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(remainders[b], remainders[a]) })
	for i := 0; left > 0; i++ {
		if at := order[i%len(order)]; weights[at] > 0 {
			out[at]++
			left--
		}
	}
	for i := len(order) - 1; left < 0; i-- {
		if at := order[(i+len(order))%len(order)]; out[at] > 0 {
			out[at]--
			left++
		}
	}
	for i, w := range weights {
		if w > 0 {
			owed[i] += float64(n)*w/total - float64(out[i])
		}
	}
	return out
}
