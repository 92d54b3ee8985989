package stats

import (
	"errors"
	"math"
	"slices"
)

// Why an agreement is undefined.
var (
	ErrOneCategory = errors.New("all ratings are in one category: agreement by chance is complete")
	ErrOneRater    = errors.New("a unit needs two ratings at least")
	ErrRatings     = errors.New("every unit needs the same number of ratings")
	ErrTable       = errors.New("a table of agreement is square, and its counts are at least 0")
	ErrRatio       = errors.New("ratings on a ratio scale are at least 0")
)

// AllAgree returns the share of units that all raters rate alike, in [0,1]; each argument is the ratings of one rater. It returns
// ErrOneRater, ErrLengths and ErrNoRows.
func AllAgree[T comparable](raters ...[]T) (float64, error) {
	if len(raters) < 2 {
		return 0, ErrOneRater
	}
	first, same := raters[0], 0
	for _, r := range raters {
		if len(r) != len(first) {
			return 0, ErrLengths
		}
	}
	if len(first) == 0 {
		return 0, ErrNoRows
	}
	for unit := range first {
		if !slices.ContainsFunc(raters, func(r []T) bool { return r[unit] != first[unit] }) {
			same++
		}
	}
	return float64(same) / float64(len(first)), nil
}

// Weights says how far two of K ordered categories disagree.
type Weights int

// The weights of Cohen's kappa.
const (
	Unweighted Weights = iota // equal or not
	Linear                    // |i-j|
	Quadratic                 // (i-j)²
)

func (w Weights) of(i, j int) float64 {
	d := math.Abs(float64(i - j))
	switch w {
	case Linear:
		return d
	case Quadratic:
		return d * d
	}
	return min(d, 1)
}

// Kappa is Cohen's kappa of two raters.
type Kappa struct {
	Value float64 // at most 1; 0 is agreement by chance
	SE    float64 // for large samples
	N     int     // units
}

// CohenKappa returns the agreement of two raters beyond chance. table[i][j] counts the units that the first rater puts in category i
// and the second in j; categories are in their order, those that nobody uses included, which matters to weights alone. It returns
// ErrTable, ErrNoRows and ErrOneCategory.
//
// Sources: J. Cohen (1960), Educ. Psychol. Meas. 20(1), 37–46; (1968), Psychol. Bull. 70(4), 213–220; standard error: J. L. Fleiss, J.
// Cohen, B. S. Everitt (1969), Psychol. Bull. 72(5), 323–327.
func CohenKappa(table [][]int, weights Weights) (*Kappa, error) {
	k := len(table)
	rows, columns, n := make([]float64, k), make([]float64, k), 0
	for i, line := range table {
		if len(line) != k {
			return nil, ErrTable
		}
		for j, count := range line {
			if count < 0 {
				return nil, ErrTable
			}
			rows[i] += float64(count)
			columns[j] += float64(count)
			n += count
		}
	}
	if n == 0 {
		return nil, ErrNoRows
	}
	size := float64(n)
	observed, expected := 0.0, 0.0 // disagreement
	for i := range table {
		for j := range table {
			observed += weights.of(i, j) * float64(table[i][j]) / size
			expected += weights.of(i, j) * (rows[i] / size) * (columns[j] / size)
		}
	}
	if expected == 0 {
		return nil, ErrOneCategory
	}
	out := &Kappa{Value: 1 - observed/expected, N: n}
	out.SE = kappaError(table, weights, rows, columns, size, out.Value, expected)
	return out, nil
}

// kappaError writes weights as agreement: 1 less the disagreement relative to that of the outermost categories.
func kappaError(table [][]int, weights Weights, rows, columns []float64, n, kappa, expected float64) float64 {
	k := len(table)
	scale := weights.of(0, k-1)
	agree := func(i, j int) float64 { return 1 - weights.of(i, j)/scale }
	byRow, byColumn := make([]float64, k), make([]float64, k) // mean agreement of a category with the other rater's
	for i := range table {
		for j := range table {
			byRow[i] += columns[j] / n * agree(i, j)
			byColumn[j] += rows[i] / n * agree(i, j)
		}
	}
	expected /= scale
	sum := 0.0
	for i := range table {
		for j := range table {
			d := agree(i, j) - (byRow[i]+byColumn[j])*(1-kappa)
			sum += float64(table[i][j]) / n * d * d
		}
	}
	centre := kappa - (1-expected)*(1-kappa)
	return math.Sqrt(max(0, sum-centre*centre)/n) / expected
}

// Interval returns the normal interval of kappa, whose upper bound may lie above 1. It returns ErrLevel.
func (k *Kappa) Interval(level float64) (low, high float64, err error) {
	if !(level > 0 && level < 1) {
		return 0, 0, ErrLevel
	}
	half := normalQuantile((1+level)/2) * k.SE
	return k.Value - half, k.Value + half, nil
}

// FleissKappa returns the agreement beyond chance of several raters, at most 1. table[u][c] counts the raters that put unit u in category
// c; each unit has the same number of ratings, by whomever. It returns ErrNoRows, ErrRatings, ErrOneRater and
// ErrOneCategory.
//
// Source: J. L. Fleiss (1971), Psychol. Bull. 76(5), 378–382.
func FleissKappa(table [][]int) (float64, error) {
	observed, shares, err := multiRater(table)
	if err != nil {
		return 0, err
	}
	expected := 0.0
	for _, p := range shares {
		if p == 1 {
			return 0, ErrOneCategory
		}
		expected += p * p
	}
	return (observed - expected) / (1 - expected), nil
}

// RandolphKappa is FleissKappa where raters are free to use each of the K categories, the columns of table, as often as they
// like: agreement by chance is 1/K. K has to be 2 at least, else it returns ErrOneCategory.
//
// Source: J. J. Randolph (2005), Free-marginal multirater kappa, ERIC ED490661.
func RandolphKappa(table [][]int) (float64, error) {
	observed, shares, err := multiRater(table)
	if err != nil {
		return 0, err
	}
	if len(shares) < 2 {
		return 0, ErrOneCategory
	}
	expected := 1 / float64(len(shares))
	return (observed - expected) / (1 - expected), nil
}

// multiRater returns the mean share of agreeing pairs of raters, and the share of each category in all ratings.
func multiRater(table [][]int) (observed float64, shares []float64, err error) {
	if len(table) == 0 {
		return 0, nil, ErrNoRows
	}
	raters := 0
	for _, c := range table[0] {
		raters += c
	}
	counts, agreeing := make([]int, len(table[0])), 0.0
	for _, unit := range table {
		if len(unit) != len(counts) {
			return 0, nil, ErrTable
		}
		n, pairs := 0, 0
		for c, count := range unit {
			if count < 0 {
				return 0, nil, ErrTable
			}
			n += count
			pairs += count * (count - 1)
			counts[c] += count
		}
		if n != raters {
			return 0, nil, ErrRatings
		}
		agreeing += float64(pairs)
	}
	if raters < 2 {
		return 0, nil, ErrOneRater
	}
	units := float64(len(table))
	shares = make([]float64, len(counts))
	for c, count := range counts {
		shares[c] = float64(count) / (units * float64(raters))
	}
	return agreeing / (units * float64(raters) * float64(raters-1)), shares, nil
}

// Scale says which differences of ratings mean something.
type Scale int

// The scales of Krippendorff's alpha.
const (
	Nominal  Scale = iota // equal or not
	Ordinal               // how many ratings lie between two
	Interval              // their difference
	Ratio                 // their difference relative to their sum
)

// KrippendorffAlpha returns the agreement beyond chance of any number of raters, at most 1; units[u] are the ratings of one unit, of
// whatever raters: a missing one is left out. Units with fewer than two ratings say nothing and drop out.
//
// It returns ErrOneRater when no unit has two ratings, ErrOneCategory when they are all equal, ErrValue for a rating that is not
// finite and ErrRatio for a negative one on a ratio scale.
//
// Source: K. Krippendorff (2011), Computing Krippendorff's alpha-reliability, University of Pennsylvania.
func KrippendorffAlpha(units [][]float64, scale Scale) (float64, error) {
	var values []float64
	for _, unit := range units {
		for _, v := range unit {
			switch {
			case math.IsNaN(v) || math.IsInf(v, 0):
				return 0, ErrValue
			case scale == Ratio && v < 0:
				return 0, ErrRatio
			}
		}
		if len(unit) > 1 {
			values = append(values, unit...)
		}
	}
	if len(values) == 0 {
		return 0, ErrOneRater
	}
	slices.Sort(values)
	values = slices.Compact(values)
	if len(values) == 1 {
		return 0, ErrOneCategory
	}
	coincident, counts, n := coincidences(units, values)
	far := scale.distances(values, counts)
	observed, expected := 0.0, 0.0
	for i := range values {
		for j := range values {
			observed += coincident[i][j] * far(i, j)
			expected += counts[i] * counts[j] * far(i, j) // 0 on the diagonal
		}
	}
	return 1 - (n-1)*observed/expected, nil
}

// coincidences counts the pairs of ratings within units by their two values, with the weight that makes each unit count as often as it has
// ratings; counts are the ratings of each value, n those of all.
func coincidences(units [][]float64, values []float64) (coincident [][]float64, counts []float64, n float64) {
	coincident, counts = make([][]float64, len(values)), make([]float64, len(values))
	for i := range coincident {
		coincident[i] = make([]float64, len(values))
	}
	for _, unit := range units {
		if len(unit) < 2 {
			continue
		}
		places := make([]int, len(unit))
		for r, v := range unit {
			places[r], _ = slices.BinarySearch(values, v)
			counts[places[r]]++
			n++
		}
		weight := 1 / float64(len(unit)-1)
		for a, i := range places {
			for b, j := range places {
				if a != b {
					coincident[i][j] += weight
				}
			}
		}
	}
	return coincident, counts, n
}

// distances returns the squared distance of the i-th and the j-th value.
func (s Scale) distances(values, counts []float64) func(i, j int) float64 {
	upTo := make([]float64, len(values)+1) // ratings below each value
	for i, c := range counts {
		upTo[i+1] = upTo[i] + c
	}
	scaled := Rescaled(values) // distances matter relative to each other
	return func(i, j int) float64 {
		if i == j {
			return 0
		}
		i, j = min(i, j), max(i, j)
		d := 1.0
		switch s {
		case Ordinal:
			d = upTo[j+1] - upTo[i] - (counts[i]+counts[j])/2
		case Interval:
			d = scaled[j] - scaled[i]
		case Ratio:
			d = (scaled[j] - scaled[i]) / (scaled[j] + scaled[i])
		}
		return d * d
	}
}

// IntraclassCorrelation is the reliability of one rating by a random rater, for absolute agreement: ICC(2,1).
type IntraclassCorrelation struct {
	Value     float64 // at most 1
	Low, High float64
}

// ICC returns the share of the variance of ratings that is between units, with raters taken as drawn at random; ratings[u][r] is that
// of unit u by rater r, complete. level is the coverage of the interval. It returns ErrLevel, ErrOneRow for fewer than two units,
// ErrOneRater, ErrRatings and, where all ratings are equal or units and raters do not differ on average, ErrNoSpread.
//
// Sources: P. E. Shrout, J. L. Fleiss (1979), Psychol. Bull. 86(2), 420–428; K. O. McGraw, S. P. Wong (1996), Psychol. Methods 1(1), 30–46.
func ICC(ratings [][]float64, level float64) (*IntraclassCorrelation, error) {
	if !(level > 0 && level < 1) {
		return nil, ErrLevel
	}
	m, err := newMeanSquares(ratings)
	if err != nil {
		return nil, err
	}
	n, k := m.units, m.raters
	all := m.between + (k-1)*m.within + k*(m.byRater-m.within)/n
	if !(all > 0) { // two units and two raters that differ crosswise
		return nil, ErrNoSpread
	}
	rho := (m.between - m.within) / all
	out := &IntraclassCorrelation{Value: rho, Low: rho, High: rho}
	a, b := k*rho*m.byRater, (n*(1+(k-1)*rho)-k*rho)*m.within
	if a == 0 && b == 0 { // raters agree wholly
		return out, nil
	}
	df := (a + b) * (a + b) / (a*a/(k-1) + b*b/((n-1)*(k-1)))
	if !(df > 0) { // the parts cancel
		return nil, ErrNoSpread
	}
	noise := (k*m.byRater + (k*n-k-n)*m.within) / n
	lower, upper := fQuantile((1+level)/2, n-1, df), fQuantile((1+level)/2, df, n-1)
	out.Low = (m.between - lower*m.within) / (lower*noise + m.between)
	out.High = (upper*m.between - m.within) / (noise + upper*m.between)
	if math.IsNaN(out.Low+out.High) || math.IsInf(out.Low+out.High, 0) {
		return nil, ErrNoSpread
	}
	return out, nil
}

// meanSquares are those of the two-way analysis of variance without repetition.
type meanSquares struct{ units, raters, between, byRater, within float64 }

func newMeanSquares(ratings [][]float64) (*meanSquares, error) {
	if len(ratings) < 2 {
		return nil, ErrOneRow
	}
	raters := len(ratings[0])
	flat := make([]float64, 0, len(ratings)*raters)
	for _, unit := range ratings {
		if len(unit) != raters {
			return nil, ErrRatings
		}
		flat = append(flat, unit...)
	}
	if raters < 2 {
		return nil, ErrOneRater
	}
	if isConstant(flat) {
		return nil, ErrNoSpread
	}
	flat = Rescaled(flat) // ratios of squares have no unit
	mean, _ := Mean(flat)
	n, k := float64(len(ratings)), float64(raters)
	unitMeans, raterMeans := make([]float64, len(ratings)), make([]float64, raters)
	for i, v := range flat {
		unitMeans[i/raters] += (v - mean) / k
		raterMeans[i%raters] += (v - mean) / n
	}
	rest := make([]float64, len(flat))
	for i, v := range flat {
		rest[i] = v - mean - unitMeans[i/raters] - raterMeans[i%raters]
	}
	return &meanSquares{
		units: n, raters: k,
		between: k * squaresAround(unitMeans, 0) / (n - 1),
		byRater: n * squaresAround(raterMeans, 0) / (k - 1),
		within:  squaresAround(rest, 0) / ((n - 1) * (k - 1)),
	}, nil
}

// Blinding is Bang's index of one kind of records, e.g. those that are truly synthetic.
type Blinding struct {
	Value float64 // in [-1,1]: 0 where guesses are as good as chance, 1 where all are right, -1 where all are wrong
	SE    float64
}

// NewBlinding returns the index for guesses that were right, wrong, and "do not know". It returns ErrCount for a negative count and
// ErrNoRows.
//
// Source: H. Bang, L. Ni, C. E. Davis (2004), Control. Clin. Trials 25(2), 143–156.
func NewBlinding(right, wrong, unknown int) (*Blinding, error) {
	if right < 0 || wrong < 0 || unknown < 0 {
		return nil, ErrCount
	}
	n := float64(right + wrong + unknown)
	if n == 0 {
		return nil, ErrNoRows
	}
	r, w := float64(right)/n, float64(wrong)/n
	return &Blinding{Value: r - w, SE: math.Sqrt((r*(1-r) + w*(1-w) + 2*r*w) / n)}, nil
}

// Interval returns the normal interval of the index, within [-1,1]. It returns ErrLevel.
func (b *Blinding) Interval(level float64) (low, high float64, err error) {
	if !(level > 0 && level < 1) {
		return 0, 0, ErrLevel
	}
	half := normalQuantile((1+level)/2) * b.SE
	return max(-1, b.Value-half), min(1, b.Value+half), nil
}
