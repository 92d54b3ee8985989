package stats

import (
	"math"

	"gonum.org/v1/gonum/integrate/quad"
	"gonum.org/v1/gonum/stat/distuv"
)

// OneLevel returns the mean of independent replicates with Student's t interval: an Estimate whose test units are held fixed.
// It returns ErrLevel, ErrOneReplicate and, for a number that is not finite, ErrValue.
//
// Source: Student (1908), Biometrika 6(1), 1–25.
func OneLevel(points []float64, level float64) (*Estimate, error) {
	if !(level > 0 && level < 1) {
		return nil, ErrLevel
	}
	if len(points) < 2 {
		return nil, ErrOneReplicate
	}
	value, _ := Mean(points)
	sd, _ := SD(points)
	n := float64(len(points))
	return settled(&Estimate{Value: value, Generation: sd * sd / n, dfGeneration: n - 1}, level)
}

// Resampled returns a value with the interval of a normal distribution that has the spread of its draws on resamples of the test
// units: an Estimate of one generation, of which it is not known how much others would vary. It returns ErrLevel, ErrDraws and, for a
// number that is not finite, ErrValue.
//
// Source: B. Efron (1979), Ann. Stat. 7(1), 1–26.
func Resampled(value float64, draws []float64, level float64) (*Estimate, error) {
	if !(level > 0 && level < 1) {
		return nil, ErrLevel
	}
	sd, err := SD(draws)
	if err != nil {
		return nil, ErrDraws
	}
	return settled(&Estimate{Value: value, Units: sd * sd, dfUnits: float64(len(draws) - 1)}, level)
}

// Interval returns the interval with another coverage. It returns ErrLevel.
func (e *Estimate) Interval(level float64) (low, high float64, err error) {
	if !(level > 0 && level < 1) {
		return 0, 0, ErrLevel
	}
	half := e.half(level)
	return e.Value - half, e.Value + half, nil
}

// Equivalent returns the p-value of the hypothesis that the true value is margin or more in size: the larger one of two one-sided tests, each
// half of P where Value lies within the margin. It returns ErrMargin.
//
// Source: D. J. Schuirmann (1987), J. Pharmacokinet. Biopharm. 15(6), 657–680.
func (e *Estimate) Equivalent(margin float64) (float64, error) {
	if !(margin > 0) || math.IsInf(margin, 0) {
		return 0, ErrMargin
	}
	above, below := e.P(-margin)/2, e.P(margin)/2
	if e.Value <= -margin {
		above = 1 - above
	}
	if e.Value >= margin {
		below = 1 - below
	}
	return max(above, below), nil
}

// Detectable returns the least true value, in size, of which Interval(level) excludes 0 with a probability of power, given the observed
// variances. It returns ErrLevel unless both lie between 0 and 1.
//
// It is exact for normal values with one part: for replicates alone, power is that of the noncentral t distribution. That the observed
// variances are themselves uncertain is not in it.
//
// Source: J. Cohen (1988), Statistical Power Analysis, 2nd ed., on power; the distribution of the variance over generations is averaged over.
func (e *Estimate) Detectable(level, power float64) (float64, error) {
	if !(level > 0 && level < 1) || !(power > 0 && power < 1) {
		return 0, ErrLevel
	}
	if e.SE == 0 {
		return 0, nil
	}
	weights, halves := e.halves(level)
	found := func(value float64) float64 {
		p := 0.0
		for i, w := range weights {
			p += w * (normalUpper((halves[i]-value)/e.SE) + normalUpper((halves[i]+value)/e.SE))
		}
		return p
	}
	low, high := 0.0, e.SE
	for found(high) < power {
		low, high = high, 2*high
	}
	for range halvings {
		middle := (low + high) / 2
		if found(middle) < power {
			low = middle
		} else {
			high = middle
		}
	}
	return high, nil
}

// halves returns half the widths that the interval may have when the study is repeated, and their probabilities: the variance over
// generations is estimated anew each time, that over test units is taken to be known.
func (e *Estimate) halves(level float64) (weights, halves []float64) {
	if e.Generation == 0 {
		return []float64{1}, []float64{e.half(level)}
	}
	generation, units := halfOf(level, e.dfGeneration, e.Generation), halfOf(level, e.dfUnits, e.Units)
	chi := distuv.ChiSquared{K: e.dfGeneration}
	start, end := math.Sqrt(chi.Quantile(negligible)), math.Sqrt(chi.Quantile(1-negligible))
	roots := make([]float64, nodes)
	weights, halves = make([]float64, nodes), make([]float64, nodes)
	quad.Legendre{}.FixedLocations(roots, weights, start, end)
	for i, root := range roots {
		weights[i] *= 2 * root * chi.Prob(root*root) // the density of the root
		halves[i] = math.Hypot(generation*root/math.Sqrt(e.dfGeneration), units)
	}
	return weights, halves
}

// Planned returns what Detectable would be for a study yet to be made: spread is the standard deviation over replicates, units the standard
// error that the sampling of the test units leaves whatever the number of replicates (0 where it is not known or held fixed). With one
// replicate, units is all there is, and spread does not count. It returns ErrLevel, ErrOneReplicate for fewer than one or for
// one that has no units, and ErrValue.
func Planned(spread, units float64, replicates int, level, power float64) (float64, error) {
	if !(spread >= 0) || !(units >= 0) || math.IsInf(spread, 0) || math.IsInf(units, 0) {
		return 0, ErrValue
	}
	if replicates < 1 || replicates == 1 && units == 0 {
		return 0, ErrOneReplicate
	}
	e := &Estimate{Units: units * units, dfUnits: manyUnits}
	if replicates > 1 {
		e.Generation, e.dfGeneration = spread*spread/float64(replicates), float64(replicates-1)
	}
	e.SE = math.Sqrt(e.Generation + e.Units)
	return e.Detectable(level, power)
}

// manyUnits stands for the degrees of freedom of a variance over test units that are many: as many as resamples are usual.
const manyUnits = 1000

// Prediction returns the interval that one further replicate lies in, with probability level: mean ± t·s·√(1 + 1/n) with Student's t of
// n−1 degrees of freedom, in the unit of x. It assumes independent replicates of about normal distribution. It returns ErrOneRow for
// fewer than two, ErrLevel, and ErrValue for numbers whose squares are not finite.
//
// Source: G. J. Hahn (1969), J. Am. Stat. Assoc. 64(327), 878–888.
func Prediction(x []float64, level float64) (low, high float64, err error) {
	if !(level > 0 && level < 1) {
		return 0, 0, ErrLevel
	}
	sd, err := SD(x)
	if err != nil {
		return 0, 0, err
	}
	mean, _ := Mean(x)
	n := float64(len(x))
	half := tQuantile(level, n-1) * sd * math.Sqrt(1+1/n)
	if math.IsNaN(half) || math.IsInf(half, 0) || math.IsInf(mean, 0) {
		return 0, 0, ErrValue
	}
	return mean - half, mean + half, nil
}

// Shaffer returns p-values adjusted like Holm's where at most most of the hypotheses can be true together, such as of each two that exclude
// each other; it equals Holm's where all can. It returns ErrP.
//
// Source: J. P. Shaffer (1986), J. Am. Stat. Assoc. 81(395), 826–831, procedure S1 with a bound on the number of true hypotheses.
func Shaffer(p []float64, most int) ([]float64, error) {
	return adjusted(p, func(sorted, out []float64) {
		greatest := 0.0
		for i, v := range sorted {
			greatest = max(greatest, v*float64(min(len(sorted)-i, max(most, 1))))
			out[i] = greatest
		}
	})
}
