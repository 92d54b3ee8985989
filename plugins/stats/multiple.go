package stats

import (
	"cmp"
	"errors"
	"slices"
)

// ErrP says that a number is no p-value.
var ErrP = errors.New("a p-value lies between 0 and 1")

// Holm returns p-values adjusted for being several, so that the chance of any false rejection is at most the level they are
// compared with. They are in the order of p and at most 1. It returns ErrP.
//
// Source: S. Holm (1979), Scand. J. Stat. 6(2), 65–70.
func Holm(p []float64) ([]float64, error) {
	return adjusted(p, func(sorted, out []float64) {
		greatest := 0.0
		for i, v := range sorted {
			greatest = max(greatest, v*float64(len(sorted)-i))
			out[i] = greatest
		}
	})
}

// Bonferroni returns p-values times their number; see Holm, which is never larger.
//
// Source: O. J. Dunn (1961), J. Am. Stat. Assoc. 56(293), 52–64.
func Bonferroni(p []float64) ([]float64, error) {
	return adjusted(p, func(sorted, out []float64) {
		for i, v := range sorted {
			out[i] = v * float64(len(sorted))
		}
	})
}

// BenjaminiHochberg returns p-values adjusted so that, of those below a level, about that share at most is expected to be false
// rejections, where tests are independent or positively dependent. They are in the order of p and at most 1. It returns ErrP.
//
// Source: Y. Benjamini, Y. Hochberg (1995), J. R. Stat. Soc. B 57(1), 289–300.
func BenjaminiHochberg(p []float64) ([]float64, error) {
	return adjusted(p, func(sorted, out []float64) {
		least, n := 1.0, float64(len(sorted))
		for i := len(sorted) - 1; i >= 0; i-- {
			least = min(least, sorted[i]/(float64(i+1)/n))
			out[i] = least
		}
	})
}

// Hommel returns p-values adjusted like Holm's and never larger, where tests are independent or positively dependent. They are in the
// order of p and at most 1. It returns ErrP.
//
// Sources: G. Hommel (1988), Biometrika 75(2), 383–386; S. P. Wright (1992), Biometrics 48(4), 1005–1013, for the adjusted values.
func Hommel(p []float64) ([]float64, error) {
	return adjusted(p, func(sorted, out []float64) {
		n := len(sorted)
		copy(out, sorted)
		for m := n; m > 1; m-- {
			last := sorted[n-m:]
			least := 1.0
			for i, v := range last {
				least = min(least, float64(m)*v/float64(i+1))
			}
			for i := range out {
				if i >= n-m {
					out[i] = max(out[i], least)
				} else {
					out[i] = max(out[i], min(float64(m)*sorted[i], least))
				}
			}
		}
	})
}

// adjusted sorts p, has it adjusted, and returns the values in the order of p.
func adjusted(p []float64, adjust func(sorted, out []float64)) ([]float64, error) {
	for _, v := range p {
		if !(v >= 0 && v <= 1) {
			return nil, ErrP
		}
	}
	places := order(p)
	sorted, values := make([]float64, len(p)), make([]float64, len(p))
	for i, place := range places {
		sorted[i] = p[place]
	}
	adjust(sorted, values)
	out := make([]float64, len(p))
	for i, place := range places {
		out[place] = min(1, values[i])
	}
	return out, nil
}

// order sorts places of p by value, ties by place.
func order(p []float64) []int {
	out := make([]int, len(p))
	for i := range out {
		out[i] = i
	}
	slices.SortStableFunc(out, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	return out
}
