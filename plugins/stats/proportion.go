package stats

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Why a comparison of proportions is undefined.
var (
	ErrSameOutcome  = errors.New("all trials of both groups have the same outcome")
	ErrNoDiscordant = errors.New("no pair is discordant")
)

func checkTrials(k, n int, level float64) error {
	switch {
	case !(level > 0 && level < 1):
		return ErrLevel
	case k < 0 || k > n:
		return ErrCount
	case n == 0:
		return ErrNoRows
	}
	return nil
}

// ClopperPearson returns the exact interval for k successes in n trials, which covers at least level; arguments and errors are those
// of Wilson.
//
// Source: C. J. Clopper, E. S. Pearson (1934), Biometrika 26(4), 404–413.
func ClopperPearson(k, n int, level float64) (low, high float64, err error) {
	if err := checkTrials(k, n, level); err != nil {
		return 0, 0, err
	}
	low, high = 0, 1
	if k > 0 {
		low = betaQuantile((1-level)/2, float64(k), float64(n-k+1))
	}
	if k < n {
		high = betaQuantile((1+level)/2, float64(k+1), float64(n-k))
	}
	return low, high, nil
}

// Jeffreys returns the equal-tailed interval of the posterior under Jeffreys' prior, for k successes in n trials. At k = 0 its lower
// end is above 0, at k = n its upper end below 1. Arguments and errors are those of Wilson.
//
// Source: L. D. Brown, T. T. Cai, A. DasGupta (2001), Stat. Sci. 16(2), 101–133, without their change at the ends.
func Jeffreys(k, n int, level float64) (low, high float64, err error) {
	if err := checkTrials(k, n, level); err != nil {
		return 0, 0, err
	}
	a, b := float64(k)+0.5, float64(n-k)+0.5
	return betaQuantile((1-level)/2, a, b), betaQuantile((1+level)/2, a, b), nil
}

// AgrestiCoull returns the Wald interval after z²/2 successes and as many failures were added, within [0,1]. Arguments and errors
// are those of Wilson.
//
// Source: A. Agresti, B. A. Coull (1998), Am. Stat. 52(2), 119–126.
func AgrestiCoull(k, n int, level float64) (low, high float64, err error) {
	if err := checkTrials(k, n, level); err != nil {
		return 0, 0, err
	}
	z := normalQuantile((1 + level) / 2)
	low, high = wald(float64(k)+z*z/2, float64(n)+z*z, z)
	return low, high, nil
}

// Wald returns the interval k/n ∓ z·SE, within [0,1]. It covers far less than level where k or n-k is small: use Wilson. Arguments
// and errors are those of Wilson.
//
// Source: P. S. Laplace (1812), Théorie analytique des probabilités.
func Wald(k, n int, level float64) (low, high float64, err error) {
	if err := checkTrials(k, n, level); err != nil {
		return 0, 0, err
	}
	low, high = wald(float64(k), float64(n), normalQuantile((1+level)/2))
	return low, high, nil
}

func wald(k, n, z float64) (low, high float64) {
	share := k / n
	half := z * math.Sqrt(share*(1-share)/n)
	return max(0, share-half), min(1, share+half)
}

// Newcombe returns the hybrid score interval of the difference k1/n1 - k2/n2 of independent proportions, within [-1,1]; errors are
// those of Wilson.
//
// Source: R. G. Newcombe (1998), Stat. Med. 17(8), 873–890, method 10.
func Newcombe(k1, n1, k2, n2 int, level float64) (low, high float64, err error) {
	low1, high1, err := Wilson(k1, n1, level)
	if err != nil {
		return 0, 0, err
	}
	low2, high2, err := Wilson(k2, n2, level)
	if err != nil {
		return 0, 0, err
	}
	low, high = hybrid(float64(k1)/float64(n1), low1, high1, float64(k2)/float64(n2), low2, high2)
	return low, high, nil
}

// NewcombeShares is Newcombe of two shares of trials that need not be whole numbers, such as effective ones; errors are those of WilsonShare.
func NewcombeShares(share1, size1, share2, size2, level float64) (low, high float64, err error) {
	low1, high1, err := WilsonShare(share1, size1, level)
	if err != nil {
		return 0, 0, err
	}
	low2, high2, err := WilsonShare(share2, size2, level)
	if err != nil {
		return 0, 0, err
	}
	low, high = hybrid(share1, low1, high1, share2, low2, high2)
	return low, high, nil
}

// hybrid is the interval of the difference of two shares with intervals of their own.
func hybrid(p1, low1, high1, p2, low2, high2 float64) (low, high float64) {
	return p1 - p2 - math.Hypot(p1-low1, high2-p2), p1 - p2 + math.Hypot(high1-p1, p2-low2)
}

// Test is the outcome of a test of a statistic.
type Test struct {
	Statistic float64
	P         float64 // in [0,1], two-sided unless the test says otherwise
}

// PooledZ tests whether two independent proportions are equal, by the normal approximation with the pooled share. The statistic
// is positive where the first is larger. It returns ErrCount, ErrNoRows and ErrSameOutcome.
//
// Source: K. Pearson (1900), Philos. Mag. 50(302), 157–175: the statistic is the signed root of χ².
func PooledZ(k1, n1, k2, n2 int) (*Test, error) {
	if err := checkPair(k1, n1, k2, n2); err != nil {
		return nil, err
	}
	if k1+k2 == 0 || k1+k2 == n1+n2 {
		return nil, ErrSameOutcome
	}
	a, b := float64(n1), float64(n2)
	p := float64(k1+k2) / (a + b)
	z := (float64(k1)/a - float64(k2)/b) / math.Sqrt(p*(1-p)*(1/a+1/b))
	return &Test{Statistic: z, P: normalTwoSided(z)}, nil
}

func checkPair(k1, n1, k2, n2 int) error {
	switch {
	case k1 < 0 || k1 > n1 || k2 < 0 || k2 > n2:
		return ErrCount
	case n1 == 0 || n2 == 0:
		return ErrNoRows
	}
	return nil
}

// FisherExact returns the two-sided p-value of equal proportions given the margins: the probability of all tables that are at
// most as probable as the one observed. Tables whose probabilities are equal up to rounding count as equal. With the same
// outcome everywhere there is one table, and the p-value is 1. It returns ErrCount and ErrNoRows.
//
// Source: R. A. Fisher (1935), J. R. Stat. Soc. 98(1), 39–82.
func FisherExact(k1, n1, k2, n2 int) (float64, error) {
	if err := checkPair(k1, n1, k2, n2); err != nil {
		return 0, err
	}
	k := k1 + k2
	// successes of the first group, weighted against the mode: neither logarithms nor factorials lose digits
	mode := int((float64(k) + 1) * (float64(n1) + 1) / (float64(n1+n2) + 2))
	ratio := func(x int) float64 { // of the probability of x+1 to that of x
		return float64(k-x) / float64(x+1) * (float64(n1-x) / float64(n2-k+x+1))
	}
	first, last := max(0, k-n2), min(k, n1)
	mode = min(max(mode, first), last)
	observed := hypergeometric(mode, k1, ratio)
	extreme, all := 0.0, 0.0
	add := func(w float64) bool {
		all += w
		if w <= observed*(1+tie) {
			extreme += w
		}
		return w > 0
	}
	add(1)
	for x, w := mode, 1.0; x < last; x++ {
		if w *= ratio(x); !add(w) {
			break
		}
	}
	for x, w := mode, 1.0; x > first; x-- {
		if w /= ratio(x - 1); !add(w) {
			break
		}
	}
	return min(1, extreme/all), nil
}

// tie is the relative difference up to which statistics that arithmetic alone sets apart count as equal.
const tie = 1e-11

// hypergeometric returns the probability of x successes relative to that of the mode.
func hypergeometric(mode, x int, ratio func(int) float64) float64 {
	w := 1.0
	for ; mode < x; mode++ {
		w *= ratio(mode)
	}
	for ; mode > x; mode-- {
		w /= ratio(mode - 1)
	}
	return w
}

// McNemarExact returns the two-sided p-value of equal paired shares: twice the binomial probability of as few discordant pairs of one
// kind, at most 1. b and c count the pairs of which only the first, or only the second, is a success. It returns ErrCount
// for a negative count.
//
// Source: F. Mosteller (1952), Biometrics 8(3), 220–226.
func McNemarExact(b, c int) (float64, error) {
	if b < 0 || c < 0 {
		return 0, ErrCount
	}
	if b == c {
		return 1, nil
	}
	few, many := min(b, c), max(b, c)
	return min(1, 2*betaRegular(0.5, float64(many), float64(few+1))), nil
}

// betaRegular returns the regularised incomplete beta function I_x(a,b).
func betaRegular(x, a, b float64) float64 { return distuv.Beta{Alpha: a, Beta: b}.CDF(x) }

// McNemarCorrected tests whether paired shares are equal by χ² of one degree of freedom, (|b-c|-1)²/(b+c). It returns ErrCount
// for a negative count and ErrNoDiscordant when both are 0.
//
// Sources: Q. McNemar (1947), Psychometrika 12(2), 153–157; A. L. Edwards (1948), Psychometrika 13(3), 185–187.
func McNemarCorrected(b, c int) (*Test, error) {
	if b < 0 || c < 0 {
		return nil, ErrCount
	}
	if b+c == 0 {
		return nil, ErrNoDiscordant
	}
	d := math.Abs(float64(b)-float64(c)) - 1
	chi2 := d * d / (float64(b) + float64(c))
	return &Test{Statistic: chi2, P: chi2Upper(chi2, 1)}, nil
}
