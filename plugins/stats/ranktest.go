package stats

import (
	"math"
	"slices"
)

// RankTest is the outcome of MannWhitney.
type RankTest struct {
	U   float64 // pairs in which the value of the first sample is the greater, ties counting half
	AUC float64 // U over all pairs: the probability that a value of the first sample is the greater, in [0,1]
	// P is the two-sided p-value by the normal approximation, corrected for ties and for continuity. It is undefined,
	// and UndefinedP says why, where all values are equal.
	P          float64
	UndefinedP error
}

// MannWhitney tests whether values of two independent samples tend to be equally great. It returns ErrNoRows for an empty sample.
//
// Source: H. B. Mann, D. R. Whitney (1947), Ann. Math. Stat. 18(1), 50–60.
func MannWhitney(a, b []float64) (*RankTest, error) {
	if len(a) == 0 || len(b) == 0 {
		return nil, ErrNoRows
	}
	ranks := MidRanks(slices.Concat(a, b))
	n, m := float64(len(a)), float64(len(b))
	u := -n * (n + 1) / 2
	for _, r := range ranks[:len(a)] {
		u += r
	}
	t := &RankTest{U: u, AUC: u / n / m}
	all := n + m
	variance := n * m / 12 * (all + 1 - tieTerm(ranks)/(all*(all-1)))
	if isConstant(ranks) {
		t.UndefinedP = ErrConstant
		return t, nil
	}
	z := (math.Abs(u-n*m/2) - 0.5) / math.Sqrt(variance)
	t.P = min(1, 2*normalUpper(z))
	return t, nil
}

// tieTerm returns Σ(t³-t) over the runs of t equal values.
func tieTerm(x []float64) float64 {
	sorted := slices.Sorted(slices.Values(x))
	sum := 0.0
	for start := 0; start < len(sorted); {
		end := start + 1
		for end < len(sorted) && sorted[end] == sorted[start] {
			end++
		}
		t := float64(end - start)
		sum += t * (t*t - 1)
		start = end
	}
	return sum
}

// exactPairs is the greatest number of pairs for which Wilcoxon uses the exact distribution.
const exactPairs = 50

// SignedRankTest is the outcome of Wilcoxon.
type SignedRankTest struct {
	W     float64 // the smaller of the rank sums of positive and of negative differences
	P     float64 // two-sided
	Exact bool
	Pairs int // without those that do not differ
}

// Wilcoxon tests whether the differences a[i]-b[i] lie symmetrically around 0. Pairs that do not differ are left out.
//
// The p-value is exact with at most 50 pairs that all differ, as if no two differences were equally great (with ties, the rank sum of
// the positive ones is rounded down); else it is the normal approximation, corrected for ties and not for
// continuity. It returns ErrLengths, ErrNoRows and, where no pair differs, ErrNoSpread.
//
// Source: F. Wilcoxon (1945), Biometrics Bull. 1(6), 80–83.
func Wilcoxon(a, b []float64) (*SignedRankTest, error) {
	if len(a) != len(b) {
		return nil, ErrLengths
	}
	if len(a) == 0 {
		return nil, ErrNoRows
	}
	var signed, size []float64
	for _, d := range minus(a, b) {
		if d != 0 {
			signed, size = append(signed, d), append(size, math.Abs(d))
		}
	}
	if len(signed) == 0 {
		return nil, ErrNoSpread
	}
	ranks := MidRanks(size)
	plus, all := 0.0, 0.0
	for i, d := range signed {
		all += ranks[i]
		if d > 0 {
			plus += ranks[i]
		}
	}
	n := float64(len(signed))
	t := &SignedRankTest{W: min(plus, all-plus), Pairs: len(signed)}
	if t.Exact = len(a) <= exactPairs && len(signed) == len(a); t.Exact {
		t.P = signedRankP(len(signed), int(plus))
		return t, nil
	}
	variance := (n*(n+1)*(2*n+1) - tieTerm(ranks)/2) / 24
	t.P = normalTwoSided((t.W - n*(n+1)/4) / math.Sqrt(variance))
	return t, nil
}

// signedRankP returns twice the smaller probability of a rank sum of the positive differences of n pairs that is at most, or at
// least, plus.
func signedRankP(n, plus int) float64 {
	ways := make([]float64, n*(n+1)/2+1) // of choosing ranks from 1 to n with that sum: below 2⁵⁰, so exact
	ways[0] = 1
	for rank := 1; rank <= n; rank++ {
		for sum := len(ways) - 1; sum >= rank; sum-- {
			ways[sum] += ways[sum-rank]
		}
	}
	least, most := 0.0, 0.0
	for sum, w := range ways {
		if sum <= plus {
			least += w
		}
		if sum >= plus {
			most += w
		}
	}
	return min(1, 2*min(least, most)/math.Exp2(float64(n)))
}
