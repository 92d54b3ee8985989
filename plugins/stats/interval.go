package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// MeanInterval returns the mean of replicates and the Student t interval around it.
//
// level is the coverage in (0,1), e.g. 0.95; low ≤ mean ≤ high, in the unit of x. It assumes independent
// replicates of about normal distribution. It returns ErrOneRow for fewer than two and ErrLevel for a wrong level.
//
// Source: Student (1908), Biometrika 6(1), 1–25.
func MeanInterval(x []float64, level float64) (mean, low, high float64, err error) {
	if !(level > 0 && level < 1) {
		return 0, 0, 0, ErrLevel
	}
	sd, err := SD(x)
	if err != nil {
		return 0, 0, 0, err
	}
	mean, _ = Mean(x)
	n := float64(len(x))
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile((1 + level) / 2)
	half := t * sd / math.Sqrt(n)
	return mean, mean - half, mean + half, nil
}

// Wilson returns the score interval for k successes in n trials.
//
// level is the coverage in (0,1), e.g. 0.95. low and high lie in [0,1], low ≤ k/n ≤ high.
// It returns ErrNoRows if n is 0, ErrCount unless 0 ≤ k ≤ n, and ErrLevel for a wrong level.
//
// Source: E. B. Wilson (1927), J. Am. Stat. Assoc. 22(158), 209–212.
func Wilson(k, n int, level float64) (low, high float64, err error) {
	switch {
	case !(level > 0 && level < 1):
		return 0, 0, ErrLevel
	case k < 0 || k > n:
		return 0, 0, ErrCount
	case n == 0:
		return 0, 0, ErrNoRows
	}
	return WilsonShare(float64(k)/float64(n), float64(n), level)
}

// WilsonShare is Wilson for a share of successes in a number of trials that need not be whole, such as the effective number of rows
// that come in clusters. It returns ErrNoRows unless size is above 0, ErrCount unless the share is in [0,1], and ErrLevel.
func WilsonShare(share, size, level float64) (low, high float64, err error) {
	switch {
	case !(level > 0 && level < 1):
		return 0, 0, ErrLevel
	case !(share >= 0 && share <= 1):
		return 0, 0, ErrCount
	case !(size > 0):
		return 0, 0, ErrNoRows
	}
	z := distuv.UnitNormal.Quantile((1 + level) / 2)
	centre := (share + z*z/(2*size)) / (1 + z*z/size)
	half := z / (1 + z*z/size) * math.Sqrt(share*(1-share)/size+z*z/(4*size*size))
	// at 0 and n the bound is the share itself, up to rounding
	return max(0, min(centre-half, share)), min(1, max(centre+half, share)), nil
}
