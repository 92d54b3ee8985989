package stats

import (
	"errors"
	"math"
)

// Why a comparison of means is undefined.
var (
	ErrNoSpread = errors.New("the values do not differ within the groups")
	ErrMargin   = errors.New("the margin of equivalence is greater than 0 and finite")
)

// MeanTest compares a mean, or a difference of means, with 0 by Student's t.
type MeanTest struct {
	Difference float64 // the mean difference, in the unit of the values
	SE         float64
	DF         float64
	T          float64
	P          float64 // two-sided
}

// PairedT tests whether the mean of a[i]-b[i] is 0. It returns ErrLengths, ErrOneRow and, where all differences are equal up to
// rounding, ErrNoSpread.
//
// Source: Student (1908), Biometrika 6(1), 1–25.
func PairedT(a, b []float64) (*MeanTest, error) {
	if len(a) != len(b) {
		return nil, ErrLengths
	}
	d := minus(a, b)
	sd, err := SD(d)
	if err != nil {
		return nil, err
	}
	mean, _ := Mean(d)
	size := 0.0
	for i := range a {
		size = max(size, math.Abs(a[i]), math.Abs(b[i]))
	}
	return newMeanTest(mean, sd/math.Sqrt(float64(len(d))), float64(len(d)-1), sd <= 4*epsilon*size)
}

// epsilon is the distance of 1 and the next float64.
const epsilon = 0x1p-52

// Welch tests whether two independent samples have equal means, without taking their variances for equal. Difference is that of
// a less b. It returns ErrOneRow for a sample with fewer than two values and, where neither sample varies, ErrNoSpread.
//
// Sources: B. L. Welch (1947), Biometrika 34(1–2), 28–35; F. E. Satterthwaite (1946), Biometrics Bull. 2(6), 110–114.
func Welch(a, b []float64) (*MeanTest, error) {
	sdA, err := SD(a)
	if err != nil {
		return nil, err
	}
	sdB, err := SD(b)
	if err != nil {
		return nil, err
	}
	meanA, _ := Mean(a)
	meanB, _ := Mean(b)
	n, m := float64(len(a)), float64(len(b))
	seA, seB := sdA/math.Sqrt(n), sdB/math.Sqrt(m)
	se := math.Hypot(seA, seB)
	shareA, shareB := seA/se, seB/se // of the standard error: powers of its parts may underflow
	df := 1 / (math.Pow(shareA, 4)/(n-1) + math.Pow(shareB, 4)/(m-1))
	return newMeanTest(meanA-meanB, se, df, isConstant(a) && isConstant(b))
}

func newMeanTest(difference, se, df float64, constant bool) (*MeanTest, error) {
	if math.IsInf(difference, 0) || math.IsInf(se, 0) || math.IsNaN(se) {
		return nil, ErrValue
	}
	if constant || !(se > 0) {
		return nil, ErrNoSpread
	}
	t := difference / se
	return &MeanTest{Difference: difference, SE: se, DF: df, T: t, P: tTwoSided(t, df)}, nil
}

// isConstant tells exactly, where a standard deviation would be left with a rounding error.
func isConstant(x []float64) bool {
	for _, v := range x {
		if v != x[0] {
			return false
		}
	}
	return true
}

// Interval returns Student's t interval of the difference. It returns ErrLevel.
func (t *MeanTest) Interval(level float64) (low, high float64, err error) {
	if !(level > 0 && level < 1) {
		return 0, 0, ErrLevel
	}
	half := tQuantile(level, t.DF) * t.SE
	return t.Difference - half, t.Difference + half, nil
}

// Equivalence is the outcome of two one-sided tests.
type Equivalence struct {
	TLower, PLower float64 // against the hypothesis that the difference is at most -margin
	TUpper, PUpper float64 // against the hypothesis that it is at least margin
	P              float64 // the larger of the two
}

// Equivalent tests whether the difference lies within (-margin, margin): the two one-sided tests. It returns ErrMargin.
//
// Source: D. J. Schuirmann (1987), J. Pharmacokinet. Biopharm. 15(6), 657–680.
func (t *MeanTest) Equivalent(margin float64) (*Equivalence, error) {
	if !(margin > 0) || math.IsInf(margin, 0) {
		return nil, ErrMargin
	}
	e := &Equivalence{TLower: (t.Difference + margin) / t.SE, TUpper: (t.Difference - margin) / t.SE}
	e.PLower, e.PUpper = tUpper(e.TLower, t.DF), tUpper(-e.TUpper, t.DF)
	e.P = max(e.PLower, e.PUpper)
	return e, nil
}

// NonInferior tests whether the difference is greater than -margin, and returns the one-sided lower bound of the difference, which
// covers with the given level: the first is not inferior where low > -margin, which is where p < 1-level. It returns
// ErrMargin and ErrLevel (level has to be above 1/2).
//
// Source: G. Piaggio and others (2012), JAMA 308(24), 2594–2604.
func (t *MeanTest) NonInferior(margin, level float64) (low, p float64, err error) {
	e, err := t.Equivalent(margin)
	if err != nil {
		return 0, 0, err
	}
	if !(level > 0.5 && level < 1) {
		return 0, 0, ErrLevel
	}
	return t.Difference - tQuantile(2*level-1, t.DF)*t.SE, e.PLower, nil
}

// EffectSize is a difference of means in units of the pooled standard deviation.
type EffectSize struct {
	D float64 // Cohen's d
	G float64 // Hedges' g: d with the approximate correction of its bias in small samples
}

// NewEffectSize returns the effect size of a less b. It returns ErrNoRows for an empty sample, ErrOneRow for fewer than three
// values in all and, where neither sample varies, ErrNoSpread.
//
// Sources: J. Cohen (1988), Statistical Power Analysis, 2nd ed.; L. V. Hedges (1981), J. Educ. Stat. 6(2), 107–128.
func NewEffectSize(a, b []float64) (*EffectSize, error) {
	meanA, err := Mean(a)
	if err != nil {
		return nil, err
	}
	meanB, err := Mean(b)
	if err != nil {
		return nil, err
	}
	n := float64(len(a) + len(b))
	if n < 3 {
		return nil, ErrOneRow
	}
	pooled := math.Sqrt((squaresAround(a, meanA) + squaresAround(b, meanB)) / (n - 2))
	if isConstant(a) && isConstant(b) || !(pooled > 0) {
		return nil, ErrNoSpread
	}
	d := (meanA - meanB) / pooled
	if math.IsNaN(d) || math.IsInf(d, 0) || math.IsInf(pooled, 0) {
		return nil, ErrValue
	}
	return &EffectSize{D: d, G: d * (1 - 3/(4*n-9))}, nil
}

func squaresAround(x []float64, centre float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += (v - centre) * (v - centre)
	}
	return sum
}

// Detectable returns the least true difference that a two-sided test with significance alpha finds with the given power, where the
// difference is measured with standard error se and is about normal. It returns ErrLevel unless both lie between 0 and 1.
//
// Source: H. S. Bloom (1995), Eval. Rev. 19(5), 547–556.
func Detectable(se, alpha, power float64) (float64, error) {
	if !(alpha > 0 && alpha < 1) || !(power > 0 && power < 1) {
		return 0, ErrLevel
	}
	return (normalQuantile(1-alpha/2) + normalQuantile(power)) * se, nil
}
