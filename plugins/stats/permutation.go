package stats

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
)

// ExactPermutations is the greatest number of pairs for which PairedPermutation counts all assignments.
const ExactPermutations = 40

// ErrResamples says that a Monte Carlo test has nothing to draw from.
var ErrResamples = errors.New("a test with this many pairs needs resamples, and a random source for them")

// PermutationTest is the outcome of PairedPermutation.
type PermutationTest struct {
	Difference float64 // the mean difference
	P          float64 // two-sided
	Exact      bool
}

// PairedPermutation tests whether the two values of a pair could be exchanged, by the mean of a[i]-b[i]: the two-sided p-value
// is twice the smaller of the shares of sign assignments whose mean is at most, or at least, the observed one, at most 1.
// Sums that differ by rounding alone count as equal.
//
// Up to ExactPermutations pairs all 2ⁿ assignments are counted, from sorted sums of the two halves of the pairs. With more
// pairs, resamples random assignments are drawn from source, and the observed one counts as one more. It returns ErrLengths,
// ErrNoRows and ErrResamples.
//
// Sources: R. A. Fisher (1935), The Design of Experiments, section 21; halves: E. Horowitz, S. Sahni (1974), J. ACM 21(2), 277–292; B.
// Phipson, G. K. Smyth (2010), Stat. Appl. Genet. Mol. Biol. 9(1), 39.
func PairedPermutation(a, b []float64, resamples int, source *rand.Rand) (*PermutationTest, error) {
	if len(a) != len(b) {
		return nil, ErrLengths
	}
	if len(a) == 0 {
		return nil, ErrNoRows
	}
	d := Rescaled(minus(a, b)) // sums of any finite values stay finite
	sum, size := 0.0, 0.0
	for _, v := range d {
		sum += v
		size += math.Abs(v)
	}
	meanA, _ := Mean(a)
	meanB, _ := Mean(b)
	t := &PermutationTest{Difference: meanA - meanB, Exact: len(d) <= ExactPermutations}
	slack := size * slackOfSums
	var least, most, all float64
	switch {
	case t.Exact:
		low, high := signedSums(d[:len(d)/2]), signedSums(d[len(d)/2:])
		all = float64(len(low)) * float64(len(high))
		least = countAtMost(low, high, sum+slack)
		most = countAtMost(low, high, -sum+slack) // the distribution is symmetric
	case resamples < 1 || source == nil:
		return nil, ErrResamples
	default:
		all, least, most = float64(resamples)+1, 1, 1
		for range resamples {
			s := randomSum(d, source)
			if s <= sum+slack {
				least++
			}
			if s >= sum-slack {
				most++
			}
		}
	}
	t.P = min(1, 2*min(least, most)/all)
	return t, nil
}

// slackOfSums is the difference of two sums of signed values, relative to the sum of their sizes, up to which they count as equal:
// rounding sets equal ones apart by some 10⁻¹⁵.
const slackOfSums = 1e-14

// signedSums returns the sums of d over all assignments of signs, ascending.
func signedSums(d []float64) []float64 {
	sums := []float64{0}
	for _, v := range d {
		next := make([]float64, 0, 2*len(sums))
		for _, s := range sums {
			next = append(next, s-v, s+v)
		}
		sums = next
	}
	slices.Sort(sums)
	return sums
}

// countAtMost counts the pairs of a sum of low and one of high, both ascending, that are together at most limit.
func countAtMost(low, high []float64, limit float64) float64 {
	n, below := 0.0, len(high)
	for _, s := range low {
		for below > 0 && s+high[below-1] > limit {
			below--
		}
		n += float64(below)
	}
	return n
}

func randomSum(d []float64, source *rand.Rand) float64 {
	sum, bits := 0.0, uint64(0)
	for i, v := range d {
		if i%64 == 0 {
			bits = source.Uint64()
		}
		if bits&1 == 1 {
			v = -v
		}
		bits >>= 1
		sum += v
	}
	return sum
}
