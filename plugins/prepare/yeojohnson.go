package prepare

import "math"

// yeoJohnson is the power transform: of 1+x with power λ from 0 on, of 1-x with power 2-λ below. It is strictly
// increasing, and λ 1 leaves x as it is.
//
// Source: I.-K. Yeo, R. A. Johnson (2000), Biometrika 87(4), 954–959, equation 2.1.
func yeoJohnson(x, lambda float64) float64 {
	if x < 0 {
		return -power(math.Log1p(-x), 2-lambda)
	}
	return power(math.Log1p(x), lambda)
}

// power is (e^(l·p) - 1)/p, and l for p 0: its limit.
func power(l, p float64) float64 {
	if p == 0 {
		return l
	}
	return math.Expm1(p*l) / p
}

// inverseYeoJohnson undoes yeoJohnson. y lies in its image.
func inverseYeoJohnson(y, lambda float64) float64 {
	if y < 0 {
		return -inversePower(-y, 2-lambda)
	}
	return inversePower(y, lambda)
}

func inversePower(y, p float64) float64 {
	if p == 0 {
		return math.Expm1(y)
	}
	return math.Expm1(math.Log1p(p*y) / p)
}

// λ is sought within widest of 1, on either side alike as turning the sign of x turns λ to 2-λ. A negative power
// squeezes large numbers together, so it goes no further than leaves ten of the fifteen digits to tell them apart by.
const (
	widest     = 4
	lostDigits = 5
)

// yeoJohnsonLambda returns the λ of greatest likelihood, within the bounds above, for values taken to be normal after
// the transform; 1 for values that are all the same. sorted has a value at least.
func yeoJohnsonLambda(sorted []float64) float64 {
	least, most := sorted[0], sorted[len(sorted)-1]
	if least == most {
		return 1
	}
	low, high := 1.0-widest, 1.0+widest
	if most > 0 {
		low = max(low, -lostDigits*math.Ln10/math.Log1p(most))
	}
	if least < 0 {
		high = min(high, 2+lostDigits*math.Ln10/math.Log1p(-least))
	}
	l := newLikelihood(sorted)
	const steps = 32 // of a grid: the likelihood may have more than one peak
	best, width := low, (high-low)/steps
	for i := range steps + 1 {
		if at := low + float64(i)*width; l.at(at) > l.at(best) {
			best = at
		}
	}
	return l.peak(max(low, best-width), min(high, best+width))
}

// likelihood is that of λ.
type likelihood struct {
	logs     []float64 // log(1+|x|), negative for x < 0
	jacobian float64   // their sum
	known    map[float64]float64
}

func newLikelihood(values []float64) *likelihood {
	l := &likelihood{logs: make([]float64, len(values)), known: map[float64]float64{}}
	for i, x := range values {
		l.logs[i] = math.Copysign(math.Log1p(math.Abs(x)), x)
		l.jacobian += l.logs[i]
	}
	return l
}

// at is the logarithm of the likelihood of λ, with mean and variance at their best, up to a constant; -Inf where
// the transformed values are too large, or not told apart.
func (l *likelihood) at(lambda float64) float64 {
	if v, ok := l.known[lambda]; ok {
		return v
	}
	n := float64(len(l.logs))
	y := make([]float64, len(l.logs))
	sum := 0.0
	for i, g := range l.logs {
		if g < 0 {
			y[i] = -power(-g, 2-lambda)
		} else {
			y[i] = power(g, lambda)
		}
		sum += y[i]
	}
	mean, squares := sum/n, 0.0
	for _, v := range y {
		squares += (v - mean) * (v - mean)
	}
	v := math.Inf(-1)
	if squares > 0 && !math.IsInf(squares, 0) { // false for NaN too
		v = -n/2*math.Log(squares/n) + (lambda-1)*l.jacobian
	}
	l.known[lambda] = v
	return v
}

// peak finds the greatest likelihood between two λ by golden sections, to within 1e-7.
func (l *likelihood) peak(low, high float64) float64 {
	ratio := (math.Sqrt(5) - 1) / 2
	a, b := high-ratio*(high-low), low+ratio*(high-low)
	for high-low > 1e-7 {
		if l.at(a) >= l.at(b) {
			high, b = b, a
			a = high - ratio*(high-low)
		} else {
			low, a = a, b
			b = low + ratio*(high-low)
		}
	}
	return (low + high) / 2
}
