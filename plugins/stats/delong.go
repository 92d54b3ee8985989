package stats

import (
	"cmp"
	"errors"
	"math"
	"slices"
)

// Why the precision of an AUROC is undefined.
var (
	ErrFewPerClass  = errors.New("a label class has fewer than two rows")
	ErrNoDifference = errors.New("the difference has no variance: the predictors rank all rows alike, or apart by a constant")
)

// DeLong holds the AUROCs of predictors of the same labels, on the same independent rows, with their covariances.
type DeLong struct {
	AUROC                []float64   // of each predictor, in [0,1], ties counting half
	Covariance           [][]float64 // between the AUROCs; nil with fewer than two rows of a class
	Positives, Negatives int
	components           []components // of each predictor
}

// components are the structural components of an AUROC: how many rows of the other class a row is ranked rightly
// against. They count twice, so that ties, which count half, leave whole numbers.
type components struct{ positive, negative []int64 }

// NewDeLong measures predictors, each with a number for every label; higher numbers speak for true.
//
// Rows have to be independent: with several rows of a subject the variances are too small, and a bootstrap of subjects
// takes their place. The time is that of sorting each predictor once. It returns ErrLengths, ErrNoRows and ErrOneClass.
//
// Sources: E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson (1988), Biometrics 44(3), 837–845; X. Sun, W. Xu (2014), IEEE
// Signal Process. Lett. 21(11), 1389–1393.
func NewDeLong(y []bool, predictors ...[]float64) (*DeLong, error) {
	if len(y) == 0 {
		return nil, ErrNoRows
	}
	d := &DeLong{}
	for _, positive := range y {
		if positive {
			d.Positives++
		} else {
			d.Negatives++
		}
	}
	if d.Positives == 0 || d.Negatives == 0 {
		return nil, ErrOneClass
	}
	for _, p := range predictors {
		if len(p) != len(y) {
			return nil, ErrLengths
		}
		c := structural(y, p, d.Positives, d.Negatives)
		var twice int64
		for _, v := range c.positive {
			twice += v
		}
		d.AUROC = append(d.AUROC, float64(twice)/2/(float64(d.Positives)*float64(d.Negatives)))
		d.components = append(d.components, c)
	}
	if d.Positives < 2 || d.Negatives < 2 {
		return d, nil
	}
	d.Covariance = make([][]float64, len(predictors))
	for a := range d.Covariance {
		d.Covariance[a] = make([]float64, len(predictors))
		for b := range a + 1 {
			v := d.covariance(d.components[a], d.components[b])
			d.Covariance[a][b], d.Covariance[b][a] = v, v
		}
	}
	return d, nil
}

func structural(y []bool, p []float64, positives, negatives int) components {
	order := make([]int32, len(y))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(p[a], p[b]) })
	// by class in the order of the ranking would do for one predictor; covariances need the order of the rows
	place := make([]int32, len(y))
	var seen [2]int32
	for i, positive := range y {
		class := 0
		if positive {
			class = 1
		}
		place[i] = seen[class]
		seen[class]++
	}
	c := components{positive: make([]int64, positives), negative: make([]int64, negatives)}
	var below [2]int64 // rows of each class with a lower number
	for start := 0; start < len(order); {
		end, tied := start, [2]int64{}
		for end < len(order) && p[order[end]] == p[order[start]] {
			if y[order[end]] {
				tied[1]++
			} else {
				tied[0]++
			}
			end++
		}
		for _, row := range order[start:max(end, start+1)] {
			if y[row] {
				c.positive[place[row]] = 2*below[0] + tied[0]
			} else {
				c.negative[place[row]] = 2*(int64(positives)-below[1]) - tied[1]
			}
		}
		below[0], below[1] = below[0]+tied[0], below[1]+tied[1]
		start = max(end, start+1) // a number that differs from itself ends no run
	}
	return c
}

func (d *DeLong) covariance(a, b components) float64 {
	m, n := float64(d.Positives), float64(d.Negatives)
	return covariance(a.positive, b.positive)/(4*n*n)/m + covariance(a.negative, b.negative)/(4*m*m)/n
}

// covariance has the divisor n-1.
func covariance(a, b []int64) float64 {
	mean := func(x []int64) float64 {
		var sum int64
		for _, v := range x {
			sum += v
		}
		return float64(sum) / float64(len(x))
	}
	ma, mb, sum := mean(a), mean(b), 0.0
	for i := range a {
		sum += (float64(a[i]) - ma) * (float64(b[i]) - mb)
	}
	return sum / float64(len(a)-1)
}

// Variance returns the sampling variance of the k-th AUROC, at least 0. It returns ErrFewPerClass.
func (d *DeLong) Variance(k int) (float64, error) {
	if d.Covariance == nil {
		return 0, ErrFewPerClass
	}
	return d.Covariance[k][k], nil
}

// Interval returns the Wald interval of the k-th AUROC: the AUROC ∓ z·SE. Its bounds may lie beyond [0,1]. It returns ErrLevel and
// ErrFewPerClass.
func (d *DeLong) Interval(k int, level float64) (low, high float64, err error) {
	if !(level > 0 && level < 1) {
		return 0, 0, ErrLevel
	}
	variance, err := d.Variance(k)
	if err != nil {
		return 0, 0, err
	}
	half := normalQuantile((1+level)/2) * math.Sqrt(variance)
	return d.AUROC[k] - half, d.AUROC[k] + half, nil
}

// AUROCDifference is a paired comparison of two AUROCs.
type AUROCDifference struct {
	Difference float64 // the first less the second
	SE         float64
	Z          float64
	P          float64 // two-sided
	Log10P     float64 // finite also where P is too small for a float64
}

// Difference tests whether the a-th and the b-th AUROC are equal. It returns ErrFewPerClass, and ErrNoDifference where the
// difference has no variance, as with equal predictions.
func (d *DeLong) Difference(a, b int) (*AUROCDifference, error) {
	if d.Covariance == nil {
		return nil, ErrFewPerClass
	}
	apart := components{
		positive: differences(d.components[a].positive, d.components[b].positive),
		negative: differences(d.components[a].negative, d.components[b].negative),
	}
	if constant(apart.positive) && constant(apart.negative) {
		return nil, ErrNoDifference
	}
	// the variance of the difference, not a difference of variances, which cancel
	t := &AUROCDifference{Difference: d.AUROC[a] - d.AUROC[b], SE: math.Sqrt(d.covariance(apart, apart))}
	t.Z = t.Difference / t.SE
	t.P = normalTwoSided(t.Z)
	t.Log10P = (math.Ln2 + logNormalUpper(math.Abs(t.Z))) / math.Ln10
	return t, nil
}

// Interval returns the Wald interval of the difference. It returns ErrLevel.
func (t *AUROCDifference) Interval(level float64) (low, high float64, err error) {
	if !(level > 0 && level < 1) {
		return 0, 0, ErrLevel
	}
	half := normalQuantile((1+level)/2) * t.SE
	return t.Difference - half, t.Difference + half, nil
}

func differences(a, b []int64) []int64 {
	out := make([]int64, len(a))
	for i := range a {
		out[i] = a[i] - b[i]
	}
	return out
}

func constant(x []int64) bool {
	for _, v := range x {
		if v != x[0] {
			return false
		}
	}
	return true
}
