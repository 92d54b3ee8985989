package gaussiancopula

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/gram"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// latent is a latent variable, seen through the groups that it falls into: the distinct values of a column, or missing and
// present. A row's score is the mean of the latent within its group; for a column without ties that is its normal score.
type latent struct {
	scores []float64 // by row; 0, which is their mean, where the value is missing
	groups []int32   // by row; frame.Missing where the value is missing
	means  []float64 // score of each group
	sizes  []int     // rows of each group
	series []float64 // see seriesOf
}

// newLatent makes the latent of rows in ordered groups; groups[row] is the group of a row, or frame.Missing.
func newLatent(groups []int32, sizes []int) latent {
	total := 0
	for _, s := range sizes {
		total += s
	}
	cuts := thresholds(sizes)
	means := make([]float64, len(sizes))
	before := 0.0 // density at the lower threshold
	for g := range sizes {
		after := 0.0
		if g < len(cuts) {
			after = density(cuts[g])
		}
		means[g] = (before - after) * float64(total) / float64(sizes[g])
		before = after
	}
	l := latent{scores: make([]float64, len(groups)), groups: groups, means: means, sizes: sizes}
	for row, g := range groups {
		if g != frame.Missing {
			l.scores[row] = means[g]
		}
	}
	variance := 0.0
	for g, m := range means {
		variance += m * m * float64(sizes[g]) / float64(total)
	}
	if variance > smooth {
		l.series = []float64{math.Sqrt(variance)} // the first coefficient of scores is their variance
	} else {
		l.series = seriesOf(means, sizes)
	}
	return l
}

// indicator makes the latent of a pattern of missing rows, which are 1.
func indicator(pattern []byte, missing int) latent {
	groups := make([]int32, len(pattern))
	for row, p := range pattern {
		groups[row] = int32(p)
	}
	return newLatent(groups, []int{len(pattern) - missing, missing})
}

func density(x float64) float64 { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }

const (
	// terms of the series: at the strongest correlation, 0.99, the terms left out are damped below 0.99^128 = 0.28 and
	// at 0.95 below 0.002.
	terms = 128
	// smooth is the variance of the scores above which a column is taken as continuous: its series has one term.
	smooth = 0.99
	// strongest bounds the latent correlation: beyond it, data with ties cannot tell it from 1.
	strongest = 0.99
	// fewest is the number of rows with both values below which two latents are taken as uncorrelated:
	// the standard error of a correlation of fewer rows exceeds 1/3.
	fewest = 10
)

// seriesOf returns the coefficients c[0], c[1] … of the scores, scaled to variance 1, on the normalised Hermite polynomials
// of degree 1, 2 …. The correlation of two scores whose latents correlate by ρ is then Σ c[k] d[k] ρ^(k+1) (Mehler).
//
// With h the normalised polynomials and φ the density, the coefficient of a step function with steps s at thresholds t is
// Σ s h[k](t) φ(t) / √(k+1).
//
// Source: H. O. Lancaster (1957), Biometrika 44(1/2), 289-292.
func seriesOf(means []float64, sizes []int) []float64 {
	total, mean, variance := 0.0, 0.0, 0.0
	for g, s := range sizes {
		total += float64(s)
		mean += float64(s) * means[g]
		variance += float64(s) * means[g] * means[g]
	}
	mean /= total
	variance = variance/total - mean*mean
	c := make([]float64, terms)
	for g, t := range thresholds(sizes) {
		if math.IsInf(t, 0) { // of a group without rows
			continue
		}
		step := (means[g+1] - means[g]) * density(t) / math.Sqrt(variance)
		before, h := 0.0, 1.0
		for k := range c {
			c[k] += step * h / math.Sqrt(float64(k+1))
			before, h = h, (t*h-math.Sqrt(float64(k))*before)/math.Sqrt(float64(k+1))
		}
	}
	return c
}

// correlate returns the latent correlation matrix, unit diagonal, not always positive definite.
//
// Each pair is taken by itself, on the rows where both have a value: the Pearson correlation of the scores, shrunk by
// its noise, is inverted to the latent correlation that explains it. For two columns without ties this is the normal
// scores correlation (C. Klaassen, J. Wellner 1997, Bernoulli 3(1), 55-77); for a category and a number a moment
// estimator of the polyserial, for two categories of the polychoric correlation. The thresholds are those of the common
// rows: where labs are taken from the sick, more of those rows die, and an equal latent correlation shows more.
func correlate(ctx context.Context, latents []latent, threads int) (*mat.SymDense, error) {
	if len(latents) == 0 {
		return nil, nil
	}
	s, err := newSums(ctx, latents, threads)
	if err != nil {
		return nil, err
	}
	out := mat.NewSymDense(len(latents), nil)
	for i := range latents {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for j := range i {
			rows, r := s.pearson(i, j)
			if r = shrink(r, rows); r != 0 {
				out.SetSym(i, j, invert(s.series[i][s.mask[j]], s.series[j][s.mask[i]], r))
			}
		}
		out.SetSym(i, i, 1)
	}
	return out, nil
}

// sums holds, for every pair of latents, what a correlation on their common rows is made of.
type sums struct {
	mask                     []int         // of each latent: its distinct set of rows
	rows                     [][]float64   // by mask and mask
	first, squares, products [][]float64   // by latent and mask; by latent and mask; by latent and latent
	series                   [][][]float64 // by latent and mask
}

func newSums(ctx context.Context, latents []latent, threads int) (*sums, error) {
	scores, squared := make([][]float64, len(latents)), make([][]float64, len(latents))
	for i, l := range latents {
		scores[i] = l.scores
		squared[i] = make([]float64, len(l.scores))
		for r, v := range l.scores {
			squared[i][r] = v * v
		}
	}
	s := &sums{}
	var masks [][]float64
	s.mask, masks = distinctMasks(latents)
	for _, job := range []struct {
		out  *[][]float64
		a, b [][]float64
	}{{&s.rows, masks, masks}, {&s.first, scores, masks}, {&s.squares, squared, masks}} {
		var err error
		if *job.out, err = gram.Cross(ctx, job.a, job.b, threads); err != nil {
			return nil, err
		}
	}
	var err error
	if s.products, err = gram.Lower(ctx, scores, scores, threads); err != nil {
		return nil, err
	}
	s.series = make([][][]float64, len(latents))
	return s, parallel.For(ctx, threads, len(latents), func(i int) error {
		s.series[i] = make([][]float64, len(masks))
		for b, mask := range masks {
			s.series[i][b] = latents[i].seriesWithin(mask)
		}
		return nil
	})
}

// seriesWithin is the series of a latent with the thresholds of the rows that the mask keeps; nil when they have no spread.
func (l *latent) seriesWithin(mask []float64) []float64 {
	if len(l.series) == 1 {
		return l.series // without steps there are no thresholds to move
	}
	sizes := make([]int, len(l.sizes))
	most, total := 0, 0
	for row, g := range l.groups {
		if g != frame.Missing && mask[row] == 1 {
			sizes[g]++
			most = max(most, sizes[g])
			total++
		}
	}
	if most == total {
		return nil
	}
	return seriesOf(l.means, sizes)
}

// distinctMasks returns the distinct sets of rows with a value, and which of them is each latent's.
func distinctMasks(latents []latent) (of []int, masks [][]float64) {
	known := map[string]int{}
	of = make([]int, len(latents))
	for i, l := range latents {
		mask, text := make([]float64, len(l.scores)), make([]byte, len(l.scores))
		for r := range mask {
			if l.groups[r] != frame.Missing {
				mask[r], text[r] = 1, 1
			}
		}
		at, twice := known[string(text)]
		if !twice {
			at = len(masks)
			known[string(text)] = at
			masks = append(masks, mask)
		}
		of[i] = at
	}
	return of, masks
}

// pearson returns the number of common rows of latents i > j and the correlation of their scores on them, 0 where
// there is no spread.
func (s *sums) pearson(i, j int) (rows, r float64) {
	a, b := s.mask[i], s.mask[j]
	rows = s.rows[a][b]
	if rows < fewest {
		return rows, 0
	}
	meanI, meanJ := s.first[i][b]/rows, s.first[j][a]/rows
	varI, varJ := s.squares[i][b]/rows-meanI*meanI, s.squares[j][a]/rows-meanJ*meanJ
	if varI < 1e-12 || varJ < 1e-12 { // rounding: scores are of the order of 1
		return rows, 0
	}
	r = (s.products[i][j]/rows - meanI*meanJ) / math.Sqrt(varI*varJ)
	return rows, max(-1, min(1, r))
}

// shrink moves a correlation towards 0 by the share of its square that is expected from noise: none is left of one
// within a standard error, 1/√rows, of 0, and nearly all of a clear one. Without it, the inversion for two rare
// levels would turn noise into strong latent correlation.
//
// Source: W. James, C. Stein (1961), Proc. 4th Berkeley Symp. 1, 361-379 (positive part).
func shrink(r, rows float64) float64 {
	if noise := 1 / rows; r*r > noise {
		return r * (1 - noise/(r*r))
	}
	return 0
}

// invert returns the latent correlation, within ±strongest, at which scores with these series correlate by r, or the
// nearest bound. The correlation of scores rises with the latent one (R. Plackett 1954, Biometrika 41(3/4), 351-360).
func invert(c, d []float64, r float64) float64 {
	if len(c) == 1 || len(d) == 1 {
		return max(-strongest, min(strongest, r/(c[0]*d[0])))
	}
	low, high := -strongest, strongest
	for range 40 { // to 1e-12
		rho := (low + high) / 2
		sum := 0.0
		for k := len(c) - 1; k >= 0; k-- {
			sum = (sum + c[k]*d[k]) * rho
		}
		if sum < r {
			low = rho
		} else {
			high = rho
		}
	}
	return (low + high) / 2
}

// repair returns a positive definite correlation matrix near one that is not, and the latter's least eigenvalue:
// eigenvalues below a floor are raised to it and the diagonal is scaled back to 1.
//
// Source: R. Rebonato, P. Jäckel (1999), The Journal of Risk 2(2), 17-27 (spectral decomposition).
func repair(c *mat.SymDense) (repaired *mat.SymDense, least float64, err error) {
	const floor = 1e-4 // of variances of 1: far above rounding, far below what margins show
	var eigen mat.EigenSym
	if !eigen.Factorize(c, true) {
		return nil, 0, fmt.Errorf("the eigenvalues of the latent correlation do not converge")
	}
	values := eigen.Values(nil) // ascending
	var vectors, scaled mat.Dense
	eigen.VectorsTo(&vectors)
	scaled.CloneFrom(&vectors)
	n := len(values)
	for j, v := range values {
		for i := range n {
			scaled.Set(i, j, vectors.At(i, j)*math.Sqrt(max(v, floor)))
		}
	}
	var product mat.SymDense
	product.SymOuterK(1, &scaled)
	repaired = mat.NewSymDense(n, nil)
	for i := range n {
		for j := range i {
			repaired.SetSym(i, j, product.At(i, j)/math.Sqrt(product.At(i, i)*product.At(j, j)))
		}
		repaired.SetSym(i, i, 1)
	}
	return repaired, values[0], nil
}
