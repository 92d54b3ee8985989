package codeprobability

import (
	"errors"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Why a measure of agreement is undefined.
var (
	errNothing  = errors.New("neither side has a single one to compare")
	errConstant = errors.New("all real values are equal, so they have no variance to explain")
)

// Agreement says how well synthetic values agree with the real values of the same things, pair by pair.
type Agreement struct {
	Real, Synthetic []float64 // of equal length
}

// R2 returns 1 - Σ(real - synthetic)² / Σ(real - mean real)², at most 1; negative when the mean real value is the better guess.
// It returns an error when there are no values, or all real ones are equal.
func (a Agreement) R2() (float64, error) {
	if len(a.Real) == 0 {
		return 0, errNothing
	}
	mean, _ := stats.Mean(a.Real)
	var residual, total float64
	constant := true
	for i, x := range a.Real {
		residual += (x - a.Synthetic[i]) * (x - a.Synthetic[i])
		total += (x - mean) * (x - mean)
		constant = constant && x == a.Real[0]
	}
	if constant || !(total > 0) {
		return 0, errConstant
	}
	return 1 - residual/total, nil
}

// Pearson returns the product-moment correlation, in [-1,1], with the errors of stats.Pearson.
func (a Agreement) Pearson() (float64, error) { return stats.Pearson(a.Real, a.Synthetic) }

// RMSE returns the root of the mean squared difference, ≥ 0. It returns an error when there are no values.
func (a Agreement) RMSE() (float64, error) {
	if len(a.Real) == 0 {
		return 0, errNothing
	}
	sum := 0.0
	for i, x := range a.Real {
		sum += (x - a.Synthetic[i]) * (x - a.Synthetic[i])
	}
	return math.Sqrt(sum / float64(len(a.Real))), nil
}

// MeanAbs returns the mean absolute difference, ≥ 0. It returns an error when there are no values.
func (a Agreement) MeanAbs() (float64, error) {
	if len(a.Real) == 0 {
		return 0, errNothing
	}
	sum := 0.0
	for i, x := range a.Real {
		sum += math.Abs(x - a.Synthetic[i])
	}
	return sum / float64(len(a.Real)), nil
}

// MeanBias returns the mean of synthetic - real. It returns an error when there are no values.
func (a Agreement) MeanBias() (float64, error) {
	if len(a.Real) == 0 {
		return 0, errNothing
	}
	return stats.Mean(a.differences())
}

// Limits returns the Bland–Altman limits of agreement, mean bias ± 1.96 SD (divisor n-1) of the differences. It returns
// stats.ErrOneRow for fewer than two values.
func (a Agreement) Limits() (low, high float64, err error) {
	d := a.differences()
	sd, err := stats.SD(d)
	if err != nil {
		return 0, 0, err
	}
	bias, _ := stats.Mean(d)
	return bias - 1.96*sd, bias + 1.96*sd, nil
}

func (a Agreement) differences() []float64 {
	d := make([]float64, len(a.Real))
	for i, x := range a.Real {
		d[i] = a.Synthetic[i] - x
	}
	return d
}

// scores returns the measures of agreement with dimensions that say of what.
func (a Agreement) scores(dims map[string]string) []plugins.Score {
	var out []plugins.Score
	add := func(name string, value float64, err error) {
		out = append(out, Score(name, value, len(a.Real), err, dims))
	}
	for _, m := range []struct {
		name    string
		measure func() (float64, error)
	}{{"r2", a.R2}, {"pearson", a.Pearson}, {"rmse", a.RMSE}, {"mean_bias", a.MeanBias}} {
		v, err := m.measure()
		add(m.name, v, err)
	}
	low, high, err := a.Limits()
	add("bland_altman_low", low, err)
	add("bland_altman_high", high, err)
	var none error
	if len(a.Real) == 0 {
		none = errNothing
	}
	add("support", float64(len(a.Real)), none)
	return out
}

// Score returns a score that rests on n values, undefined when there is an error.
func Score(name string, value float64, n int, err error, dims map[string]string) plugins.Score {
	if err != nil {
		return plugins.Score{Name: name, Dims: dims, N: n, Status: plugins.Undefined, Reason: err.Error()}
	}
	return plugins.Score{Name: name, Dims: dims, Value: value, N: n, Status: plugins.OK}
}
