package stats

import (
	"errors"
	"math"
)

// ErrOneReplicate says that nothing is known of what another generation would have given.
var ErrOneReplicate = errors.New("there are fewer than two replicates: what varies between generations is unknown")

// ErrDraws says that replicates cannot be set against each other draw by draw.
var ErrDraws = errors.New("every replicate needs the same number of draws, two at least")

// Estimate is a mean over replicates of a generation, or a difference of two such means, with the uncertainty of both
// levels: another generation, and other test units. Numbers are in the unit of the score, or its square.
type Estimate struct {
	Value      float64
	Generation float64 // variance of Value over generations, the test units held fixed
	Units      float64 // variance of Value over test units, the generations held fixed
	SE         float64 // √(Generation + Units)
	Low, High  float64 // interval; bounds may lie beyond the range of the score

	dfGeneration, dfUnits float64 // degrees of freedom of the variances; of a part that is not known to vary, 0
}

// TwoLevel returns the mean score over replicates of a generation that were all rated on the same test units.
//
// points[r] is the score of replicate r; draws[r][i] its score on resample i of the test units, which is the same resample
// for every replicate. level is the coverage of the interval in (0,1), e.g. 0.95.
//
// Replicates and test units are crossed, so each level is averaged over the other: the variance over generations is
// s²/R with s² that of the R points, and the variance over test units is that of the draws' means over the
// replicates. What belongs to a replicate and a unit together is in both, which errs on the safe side. Each part has its own
// interval of Student's t, with R-1 degrees of freedom for the first and one less than the number of draws for the second (test units are
// thus taken to be many); the half width is the root of the sum of their squares, which is exact where one part is all there is, also
// for two replicates. Where both matter, it covers a little more than it says.
//
// It returns ErrLevel, ErrOneReplicate, ErrDraws and, for a number that is not finite, ErrValue.
//
// Sources: W. G. Howe (1974), J. Am. Stat. Assoc. 69(347), 789–794, on the interval of a sum; A. B. Owen (2007), Ann. Appl. Stat. 1(2),
// 386–411, on resampling one of two crossed factors.
func TwoLevel(points []float64, draws [][]float32, level float64) (*Estimate, error) {
	means, err := drawMeans(draws, len(points))
	if err != nil {
		return nil, err
	}
	return twoLevel(points, means, level)
}

// TwoLevelDifference returns the mean of a less that of b over replicates that are paired: replicate r of both arms has the
// same seed, and resample i of the test units is the same for all. See TwoLevel for the arguments; ErrLengths is returned where
// the arms differ in the number of replicates or of draws.
func TwoLevelDifference(a, b []float64, drawsA, drawsB [][]float32, level float64) (*Estimate, error) {
	if len(a) != len(b) {
		return nil, ErrLengths
	}
	meansA, err := drawMeans(drawsA, len(a))
	if err != nil {
		return nil, err
	}
	meansB, err := drawMeans(drawsB, len(b))
	if err != nil {
		return nil, err
	}
	if len(meansA) != len(meansB) {
		return nil, ErrLengths
	}
	return twoLevel(minus(a, b), minus(meansA, meansB), level)
}

// leastP is the smallest p-value that is told apart.
const leastP = 1e-12

// P returns the two-sided p-value of the hypothesis that the true value is null: one less the coverage of the interval that ends there, and
// 1e-12 for all that is smaller. Without any uncertainty it is 1 where Value is null, else 0.
func (e *Estimate) P(null float64) float64 {
	distance := math.Abs(e.Value - null)
	switch {
	case distance == 0:
		return 1
	case e.SE == 0:
		return 0
	case e.half(1-leastP) <= distance:
		return leastP
	}
	low, high := math.Log(leastP), 0.0
	for range 60 {
		middle := (low + high) / 2
		if e.half(-math.Expm1(middle)) > distance {
			low = middle
		} else {
			high = middle
		}
	}
	return math.Exp((low + high) / 2)
}

// half is half the width of the interval with a coverage.
func (e *Estimate) half(level float64) float64 {
	if e.SE == 0 {
		return 0
	}
	return math.Hypot(halfOf(level, e.dfGeneration, e.Generation), halfOf(level, e.dfUnits, e.Units))
}

// halfOf is half the width of Student's t interval of one part.
func halfOf(level, df, variance float64) float64 {
	if variance == 0 {
		return 0
	}
	return tQuantile(level, df) * math.Sqrt(variance)
}

func twoLevel(points, means []float64, level float64) (*Estimate, error) {
	if !(level > 0 && level < 1) {
		return nil, ErrLevel
	}
	if len(points) < 2 {
		return nil, ErrOneReplicate
	}
	value, _ := Mean(points)
	between, _ := SD(points)
	within, err := SD(means)
	if err != nil {
		return nil, ErrDraws
	}
	return settled(&Estimate{
		Value: value, Generation: between * between / float64(len(points)), Units: within * within,
		dfGeneration: float64(len(points) - 1), dfUnits: float64(len(means) - 1),
	}, level)
}

// settled fills in what follows from the parts.
func settled(e *Estimate, level float64) (*Estimate, error) {
	e.SE = math.Sqrt(e.Generation + e.Units)
	if math.IsNaN(e.SE) || math.IsInf(e.SE, 0) || math.IsNaN(e.Value) || math.IsInf(e.Value, 0) {
		return nil, ErrValue
	}
	half := e.half(level)
	e.Low, e.High = e.Value-half, e.Value+half
	return e, nil
}

// drawMeans returns the mean over the replicates of each draw.
func drawMeans(draws [][]float32, replicates int) ([]float64, error) {
	if len(draws) != replicates {
		return nil, ErrLengths
	}
	if replicates == 0 {
		return nil, ErrOneReplicate
	}
	means := make([]float64, len(draws[0]))
	for _, replicate := range draws {
		if len(replicate) != len(means) {
			return nil, ErrDraws
		}
		for i, v := range replicate {
			means[i] += float64(v)
		}
	}
	for i := range means {
		means[i] /= float64(replicates)
	}
	return means, nil
}

func minus(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] - b[i]
	}
	return out
}
