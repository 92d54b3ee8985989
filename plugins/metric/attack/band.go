package attack

import "math"

// AdvantageBand returns the Kolmogorov–Smirnov band of the greatest difference of two distribution functions, of m and of n independent scores,
// such as the greatest TPR - FPR over all thresholds: a bootstrap of a maximum is biased upwards, and never reaches the 0 that it may
// well be. Numbers of scores need not be whole; level is a coverage in (0,1). Both bounds lie in [0,1].
//
// Source: N. Smirnov (1948), Ann. Math. Stat. 19(2), 279–281.
func AdvantageBand(value, m, n, level float64) (low, high float64) {
	half := kolmogorov(level) * math.Sqrt(1/m+1/n)
	return max(0, value-half), min(1, value+half)
}

// kolmogorov returns the quantile of the Kolmogorov distribution, by bisection: F(x) = 1 - 2 Σ (-1)^(k-1) exp(-2k²x²).
func kolmogorov(level float64) float64 {
	low, high := 0.2, 10.0 // F(0.2) is below 1e-12
	for range 60 {
		x := (low + high) / 2
		tail := 0.0
		for k := 100; k >= 1; k-- { // small terms first
			term := math.Exp(-2 * float64(k*k) * x * x)
			if k%2 == 0 {
				term = -term
			}
			tail += 2 * term
		}
		if 1-tail < level {
			low = x
		} else {
			high = x
		}
	}
	return (low + high) / 2
}
