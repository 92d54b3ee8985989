package mmd

import (
	"math"
)

// kernel holds the sums of a kernel over the pairs of distinct rows, by the sides that they are from.
type kernel [kinds]float64

// biased returns the V-statistic of n real and m synthetic rows: the mean over all pairs with each row's pair with itself, whose
// kernel is 1. It lies in [0,2].
func (k kernel) biased(n, m int) float64 {
	a, b := float64(n), float64(m)
	return max(0, (a+2*k[realReal])/(a*a)+(b+2*k[syntheticSynthetic])/(b*b)-2*k[realSynthetic]/(a*b))
}

// unbiased returns the U-statistic of n real and m synthetic rows, at least two of each.
func (k kernel) unbiased(n, m int) float64 {
	a, b := float64(n), float64(m)
	return 2*k[realReal]/(a*(a-1)) + 2*k[syntheticSynthetic]/(b*(b-1)) - 2*k[realSynthetic]/(a*b)
}

// sums collects kernels of several gammas over all pairs, piece by piece: each piece has its own sum, and they are added
// in their order.
type sums struct {
	gammas []float64
	pieces [][]kernel // by piece and gamma
}

func newSums(gammas []float64, pieces int) *sums {
	s := &sums{gammas: gammas, pieces: make([][]kernel, pieces)}
	for i := range s.pieces {
		s.pieces[i] = make([]kernel, len(gammas))
	}
	return s
}

// vanishing is the exponent from which a kernel is not reckoned: 1e-26 is nothing beside the 1 of a row with itself.
const vanishing = 60

func (s *sums) add(piece int, k kind, d2 []float64) {
	for g, gamma := range s.gammas {
		sum := 0.0
		for _, d := range d2 {
			if e := gamma * d; e < vanishing {
				sum += math.Exp(-e)
			}
		}
		s.pieces[piece][g][k] += sum
	}
}

func (s *sums) total() []kernel {
	out := make([]kernel, len(s.gammas))
	for _, piece := range s.pieces {
		for g := range out {
			for k := range out[g] {
				out[g][k] += piece[g][k]
			}
		}
	}
	return out
}
