package stats

import "math"

// Pearson returns the product-moment correlation of two columns, in [-1,1].
//
// It returns ErrLengths when the columns differ in length, ErrOneRow for fewer than two rows, and ErrConstant
// when a column has one distinct value. Columns are brought to a common scale first, so that no finite
// value overflows.
//
// Source: K. Pearson (1895), Proc. R. Soc. Lond. 58, 240–242; two-pass form.
func Pearson(x, y []float64) (float64, error) {
	if len(x) != len(y) {
		return 0, ErrLengths
	}
	if len(x) < 2 {
		return 0, ErrOneRow
	}
	return pearson(Rescaled(x), Rescaled(y))
}

// Spearman returns the Pearson correlation of the mid-ranks of two columns, in [-1,1], with Pearson's errors.
//
// Source: C. Spearman (1904), Am. J. Psychol. 15(1), 72–101.
func Spearman(x, y []float64) (float64, error) {
	if len(x) != len(y) {
		return 0, ErrLengths
	}
	if len(x) < 2 {
		return 0, ErrOneRow
	}
	return pearson(MidRanks(x), MidRanks(y))
}

// Rescaled returns x times the power of two that brings its greatest magnitude, NaN aside, into [0.5,1).
//
// Powers of two change no digit of normal numbers, so correlations stay what they are, and sums of squares cannot overflow.
func Rescaled(x []float64) []float64 {
	greatest := 0.0
	for _, v := range x {
		if a := math.Abs(v); a > greatest { // false for NaN
			greatest = a
		}
	}
	_, exponent := math.Frexp(greatest)
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = math.Ldexp(v, -exponent)
	}
	return out
}

// pearson expects equal lengths of at least two, and values of moderate size.
func pearson(x, y []float64) (float64, error) {
	var sx, sy float64
	constantX, constantY := true, true
	for i := range x {
		sx += x[i]
		sy += y[i]
		constantX = constantX && x[i] == x[0]
		constantY = constantY && y[i] == y[0]
	}
	if constantX || constantY {
		return 0, ErrConstant // exactly, where the sums below would leave a rounding error
	}
	mx, my := sx/float64(len(x)), sy/float64(len(x))
	var xx, yy, xy float64
	for i := range x {
		dx, dy := x[i]-mx, y[i]-my
		xx += dx * dx
		yy += dy * dy
		xy += dx * dy
	}
	return Quotient(xx, yy, xy)
}

// Quotient returns xy/√(xx·yy), kept within [-1,1] against rounding. It returns ErrConstant when xx or yy is 0.
func Quotient(xx, yy, xy float64) (float64, error) {
	scale := math.Sqrt(xx) * math.Sqrt(yy) // apart: the product may underflow
	if !(scale > 0) {
		return 0, ErrConstant
	}
	return min(max(xy/scale, -1), 1), nil
}
