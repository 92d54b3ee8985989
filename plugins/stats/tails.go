package stats

import (
	"math"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// Tail probabilities. Each is accurate to about 12 digits, however small it is: tests report p-values, and 1 less a
// probability near 1 has no digits left.

// normalUpper returns the probability that a standard normal deviate exceeds z.
func normalUpper(z float64) float64 { return math.Erfc(z/math.Sqrt2) / 2 }

// normalTwoSided returns the probability that a standard normal deviate exceeds z in size.
func normalTwoSided(z float64) float64 { return math.Erfc(math.Abs(z) / math.Sqrt2) }

// logNormalUpper returns the natural logarithm of normalUpper, also where that is too small for a float64.
//
// Source: for large z, the continued fraction of Mills' ratio (P. S. Laplace 1805; M. Abramowitz, I. A. Stegun 1964, 26.2.14).
func logNormalUpper(z float64) float64 {
	if z < 10 {
		return math.Log(normalUpper(z))
	}
	ratio := 0.0
	for k := 40.0; k >= 1; k-- { // from 10 on, 40 terms are exact to the last digit
		ratio = k / (z + ratio)
	}
	return -z*z/2 - math.Log(2*math.Pi)/2 - math.Log(z+ratio)
}

// normalQuantile returns the standard normal quantile of p in (0,1).
func normalQuantile(p float64) float64 { return distuv.UnitNormal.Quantile(p) }

// tUpper returns the probability that Student's t with df > 0 degrees of freedom exceeds x.
func tUpper(x, df float64) float64 {
	if x < 0 {
		return 1 - tTwoSided(x, df)/2
	}
	return tTwoSided(x, df) / 2
}

// tTwoSided returns the probability that Student's t exceeds x in size.
//
// It is the incomplete beta function I(df/2, 1/2) at df/(df+x²). The general routine takes it from logarithms of gamma
// functions whose digits cancel for many degrees of freedom, and near x = 0 from a difference to 1, so it has its own here.
//
// Source: for many degrees of freedom, G. W. Hill (1970), Commun. ACM 13(10), 617–619.
func tTwoSided(x, df float64) float64 {
	square := x * x
	switch {
	case math.IsInf(square, 0):
		return 0
	case square == 0:
		return 1
	case df > 1000: // the fraction below would lose digits, and the expansion has no error that a float64 shows
		b := 48 * (df - 0.5) * (df - 0.5)
		y := math.Sqrt((df - 0.5) * math.Log1p(square/df))
		y2 := y * y
		z := y + y*(y2+3)/b - y*(((4*y2+33)*y2+240)*y2+855)/(10*b*(b+0.8*y2*y2+100))
		return normalTwoSided(z)
	}
	// the fraction converges on the side of the mean of the beta distribution that its argument lies on
	a, small := df/2, square/(df+square)
	logs := -a*math.Log1p(square/df) + math.Log(small)/2 + logGammaRatio(a) - math.Log(math.Pi)/2
	if df/(df+square) < (a+1)/(a+2.5) {
		return math.Exp(logs) / a * betaFraction(a, 0.5, df/(df+square))
	}
	return 1 - math.Exp(logs)/0.5*betaFraction(0.5, a, small)
}

// logGammaRatio returns ln Γ(a+1/2) - ln Γ(a).
//
// Source: for large a, the expansion of M. Abramowitz, I. A. Stegun (1964), 6.1.47.
func logGammaRatio(a float64) float64 {
	if a < 50 {
		upper, _ := math.Lgamma(a + 0.5)
		lower, _ := math.Lgamma(a)
		return upper - lower
	}
	square := a * a
	return math.Log(a)/2 - 1/(8*a)*(1-1/(24*square)*(1-0.3/square)) // the terms -1/(8a) + 1/(192a³) - 1/(640a⁵)
}

// betaFraction returns the continued fraction of the incomplete beta function, by the method of Lentz.
//
// Source: M. Abramowitz, I. A. Stegun (1964), 26.5.8; W. J. Lentz (1976), Appl. Opt. 15(3), 668–671.
func betaFraction(a, b, x float64) float64 {
	const tiny, enough = 1e-300, 1e-16
	nonzero := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/nonzero(1-(a+b)*x/(a+1))
	out := d
	for m := 1.0; m < 1e5; m++ { // it takes about √max(a,b) rounds
		for _, term := range [2]float64{
			m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m)),
			-(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1)),
		} {
			d = 1 / nonzero(1+term*d)
			c = nonzero(1 + term/c)
			out *= c * d
		}
		if math.Abs(c*d-1) < enough {
			break
		}
	}
	return out
}

// tQuantile returns the t ≥ 0 that Student's t exceeds in size with probability 1-level, level in (0,1).
func tQuantile(level, df float64) float64 {
	t := math.Abs(distuv.StudentsT{Sigma: 1, Nu: df}.Quantile((1 + level) / 2))
	// Newton's steps mend what cancels in the general routine, most of all for many degrees of freedom
	for range 3 {
		logs := logGammaRatio(df/2) - math.Log(df*math.Pi)/2 - (df+1)/2*math.Log1p(t*t/df)
		t += (tTwoSided(t, df) - (1 - level)) / (2 * math.Exp(logs))
	}
	return t
}

// chi2Upper returns the probability that χ² with df degrees of freedom exceeds x.
func chi2Upper(x, df float64) float64 { return distuv.ChiSquared{K: df}.Survival(x) }

// betaQuantile returns the p-quantile of the beta distribution.
func betaQuantile(p, a, b float64) float64 { return mathext.InvRegIncBeta(a, b, p) }

// fQuantile returns the p-quantile of Fisher's F.
func fQuantile(p, df1, df2 float64) float64 { return distuv.F{D1: df1, D2: df2}.Quantile(p) }
