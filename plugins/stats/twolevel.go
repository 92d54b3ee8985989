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
// levels: another generation, and other test units. All but DF is in the unit of the score, or its square.
type Estimate struct {
	Value      float64
	Generation float64 // variance of Value over generations, the test units held fixed
	Units      float64 // variance of Value over test units, the generations held fixed
	SE         float64 // √(Generation + Units)
	DF         float64 // degrees of freedom of SE²; 0 where SE is 0
	Low, High  float64 // Student's t interval; bounds may lie beyond the range of the score
}

// TwoLevel returns the mean score over replicates of a generation that were all rated on the same test units.
//
// points[r] is the score of replicate r; draws[r][i] its score on resample i of the test units, which is the same resample
// for every replicate. level is the coverage of the interval in (0,1), e.g. 0.95.
//
// Replicates and test units are crossed, so each level is averaged over the other: the variance over generations is
// s²/R with s² that of the R points, and the variance over test units is that of the draws' means over the
// replicates. What belongs to a replicate and a unit together is in both, which errs on the safe side. The degrees of
// freedom are those of Satterthwaite, with R-1 for the first part and one less than the number of draws for the second;
// test units are thus taken to be many. A nominal 95 % covers at least 94 % for five replicates or more; for three it
// covers 92 to 93 % where the first part is 2 to 30 times the second, as its s² is sometimes too small by chance.
//
// It returns ErrLevel, ErrOneReplicate, ErrDraws and, for a number that is not finite, ErrValue.
//
// Sources: F. E. Satterthwaite (1946), Biometrics Bull. 2(6), 110–114; A. B. Owen (2007), Ann. Appl. Stat. 1(2), 386–411, on
// resampling one of two crossed factors.
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

// P returns the two-sided p-value of the hypothesis that the true value is null. Without any uncertainty it is 1 where Value is
// null, else 0.
func (e *Estimate) P(null float64) float64 {
	switch {
	case e.SE > 0:
		return tTwoSided((e.Value-null)/e.SE, e.DF)
	case e.Value == null:
		return 1
	}
	return 0
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
	e := &Estimate{Value: value, Generation: between * between / float64(len(points)), Units: within * within}
	e.SE = math.Sqrt(e.Generation + e.Units)
	if math.IsNaN(e.SE) || math.IsInf(e.SE, 0) || math.IsInf(e.Value, 0) {
		return nil, ErrValue
	}
	half := 0.0
	if e.SE > 0 {
		// by shares of the variance, whose squares do not underflow
		g, u := e.Generation/(e.SE*e.SE), e.Units/(e.SE*e.SE)
		e.DF = 1 / (g*g/float64(len(points)-1) + u*u/float64(len(means)-1))
		half = tQuantile(level, e.DF) * e.SE
	}
	e.Low, e.High = value-half, value+half
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
