package stats

import (
	"context"
	"errors"
	"math"
	"slices"
)

// ErrOneSided says that a bias cannot be told from resamples.
var ErrOneSided = errors.New("every resample lies on the same side of the estimate")

// PercentileInterval returns the (1-level)/2 and (1+level)/2 quantiles of values on resamples, in any order. For the difference of two
// quantities, hand it their differences on the same resamples. It returns ErrLevel and ErrNoRows.
//
// Source: B. Efron (1981), Can. J. Stat. 9(2), 139–158.
func PercentileInterval(values []float64, level float64) (low, high float64, err error) {
	if !(level > 0 && level < 1) {
		return 0, 0, ErrLevel
	}
	return quantiles(values, (1-level)/2, (1+level)/2)
}

func quantiles(values []float64, lower, upper float64) (low, high float64, err error) {
	sorted := slices.Sorted(slices.Values(values))
	if low, err = Percentile(sorted, lower); err != nil {
		return 0, 0, err
	}
	high, err = Percentile(sorted, upper)
	return low, high, err
}

// BCaInterval returns the bias-corrected and accelerated bootstrap interval: quantiles of values on resamples that are moved for the
// bias and the skewness of the estimator. jackknife are the estimates with each unit left out in turn.
//
// It returns ErrLevel, ErrNoRows, ErrNoSpread where leaving out a unit changes nothing, and ErrOneSided.
//
// Source: B. Efron (1987), J. Am. Stat. Assoc. 82(397), 171–185.
func BCaInterval(values []float64, estimate float64, jackknife []float64, level float64) (low, high float64, err error) {
	if !(level > 0 && level < 1) {
		return 0, 0, ErrLevel
	}
	if len(values) == 0 {
		return 0, 0, ErrNoRows
	}
	centre, err := Mean(jackknife)
	if err != nil {
		return 0, 0, err
	}
	if isConstant(jackknife) {
		return 0, 0, ErrNoSpread
	}
	below := 0.0
	for _, v := range values {
		switch {
		case v < estimate:
			below++
		case v == estimate:
			below += 0.5
		}
	}
	share := below / float64(len(values))
	if share == 0 || share == 1 {
		return 0, 0, ErrOneSided
	}
	bias, acceleration := normalQuantile(share), acceleration(jackknife, centre)
	moved := func(z float64) float64 {
		z += bias
		if 1-acceleration*z <= 0 { // beyond the point where the transformation ends
			return (1 + math.Copysign(1, z)) / 2
		}
		return normalUpper(-(bias + z/(1-acceleration*z)))
	}
	z := normalQuantile((1 + level) / 2)
	return quantiles(values, moved(-z), moved(z))
}

// acceleration is a sixth of the skewness of what each unit adds to the estimate.
func acceleration(jackknife []float64, centre float64) float64 {
	influence := make([]float64, len(jackknife))
	for i, v := range jackknife {
		influence[i] = centre - v
	}
	squares, cubes := 0.0, 0.0
	for _, v := range Rescaled(influence) { // the quotient has no unit
		squares += v * v
		cubes += v * v * v
	}
	return cubes / (6 * squares * math.Sqrt(squares))
}

// MeanBCa returns the mean of values with its bias-corrected and accelerated bootstrap interval; for a difference of paired values,
// hand it the differences. unit holds the unit of each value, from 0 to b.Units-1, each of which has one at least; nil makes every value
// a unit of its own. It returns the errors of BCaInterval and of Bootstrap.Run.
func MeanBCa(ctx context.Context, b Bootstrap, values []float64, unit []int32, level float64) (mean, low, high float64, err error) {
	if unit == nil {
		b.Units, unit = len(values), make([]int32, len(values))
		for i := range unit {
			unit[i] = int32(i)
		}
	}
	if len(unit) != len(values) {
		return 0, 0, 0, ErrLengths
	}
	sums, sizes := make([]float64, b.Units), make([]float64, b.Units)
	for i, v := range values {
		sums[unit[i]] += v
		sizes[unit[i]]++
	}
	if mean, err = Mean(values); err != nil {
		return 0, 0, 0, err
	}
	draws, err := b.Run(ctx, 1, func(counts []int32, out []float64) bool {
		sum, n := 0.0, 0.0
		for i, c := range counts {
			sum += float64(c) * sums[i]
			n += float64(c) * sizes[i]
		}
		out[0] = sum / n
		return n > 0
	})
	if err != nil {
		return 0, 0, 0, err
	}
	jackknife := make([]float64, 0, b.Units)
	if b.Units > 1 {
		n := float64(len(values))
		for i := range sums {
			jackknife = append(jackknife, mean+(mean*sizes[i]-sums[i])/(n-sizes[i]))
		}
	}
	low, high, err = BCaInterval(draws.Values(0), mean, jackknife, level)
	return mean, low, high, err
}
