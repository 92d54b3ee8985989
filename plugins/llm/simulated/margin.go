package simulated

import (
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins/prompt"
)

// margin is the distribution of a column's values that are there, on the scale of a normal latent variable: a number by
// its quantile function, a category, or a number of few values, by thresholds.
type margin struct {
	number bool // values are written as numbers in JSON

	at, values []float64 // of a number: probabilities from 0 to 1 and quantiles, both ascending; nil where levels are set
	low, high  float64   // declared limits
	places     int       // decimal places

	levels []string  // ascending on the latent
	cuts   []float64 // upper threshold of each level but the last
	means  []float64 // mean of the latent within each level
	spread float64   // SD of those means
}

// evidence is what the blocks tell of a column.
type evidence struct {
	column prompt.Column
	told   *prompt.Aggregate // nil: nothing
	seen   []string          // cells of the examples, "" where missing; nil: the column is in none
	rank   []float64         // of the same rows: what levels are put in order by, NaN where it is missing; nil: by name
}

const (
	// fewValues is the number of different whole numbers up to which a column is taken as one of levels.
	fewValues = 10
	// farthest bounds scores: beyond it, a sample of a thousand has no value.
	farthest = 3.1
	// mostPlaces bounds decimal places.
	mostPlaces = 6
)

// newMargin returns the margin of a column.
func newMargin(e evidence) *margin {
	numbers, whole, ok := numbersOf(e.seen)
	levels := e.told != nil && len(e.told.Levels) > 0
	quantiles := e.told != nil && len(e.told.Quantiles()) > 0
	m := &margin{low: math.Inf(-1), high: math.Inf(1)}
	m.number = e.column.IsNumber() || e.column.Type == "" && ok && (len(numbers) > 0 || e.told != nil && numeric(e.told))
	if e.column.Min != nil {
		m.low = *e.column.Min
	}
	if e.column.Max != nil {
		m.high = *e.column.Max
	}
	switch {
	case levels, !m.number && hasValue(e.seen), m.number && whole && few(numbers):
		m.setLevels(sharesOf(e))
	case m.number && (quantiles || len(numbers) > 0):
		m.setQuantiles(e, numbers)
	default:
		m.setGeneric(e.column)
	}
	return m
}

func hasValue(cells []string) bool {
	return slices.ContainsFunc(cells, func(c string) bool { return c != "" })
}

// numeric reports whether what is told of a column is told of numbers.
func numeric(a *prompt.Aggregate) bool {
	for _, l := range a.Levels {
		if _, ok := number(l.Level); !ok {
			return false
		}
	}
	return len(a.Levels) > 0 || len(a.Quantiles()) > 0
}

// number reads a cell as a finite number. Codes such as 007 are none.
func number(cell string) (float64, bool) {
	digits := strings.TrimPrefix(cell, "-")
	if len(digits) == 0 || !isDigit(digits[0]) || len(digits) > 1 && digits[0] == '0' && isDigit(digits[1]) || strings.ContainsAny(digits, "xX_pP") {
		return 0, false
	}
	v, err := strconv.ParseFloat(cell, 64)
	return v, err == nil
}

// numbersOf returns the numbers of cells, ascending, and whether all of them are whole; ok is false when a cell is no number.
func numbersOf(cells []string) (numbers []float64, whole, ok bool) {
	whole = true
	for _, c := range cells {
		if c == "" {
			continue
		}
		v, ok := number(c)
		if !ok {
			return nil, false, false
		}
		whole = whole && v == math.Trunc(v)
		numbers = append(numbers, v)
	}
	slices.Sort(numbers)
	return numbers, whole, true
}

// few reports whether sorted numbers are so few different ones that they are rather levels than a scale: each comes twice on
// average, or they are flags.
func few(sorted []float64) bool {
	distinct := 0
	flags := true
	for i, v := range sorted {
		if i == 0 || v != sorted[i-1] {
			distinct++
		}
		flags = flags && (v == 0 || v == 1)
	}
	return distinct > 0 && (flags || distinct <= fewValues && 2*distinct <= len(sorted))
}

// sharesOf returns the levels of a column in order, with their shares: those that are told; else counted in the examples,
// with half a row more for each declared level; else equal ones of the declared levels.
func sharesOf(e evidence) (levels []string, shares []float64) {
	weight := map[string]float64{}
	for _, l := range e.column.Levels {
		weight[l] = 0.5
	}
	for _, c := range e.seen {
		if c != "" {
			weight[c]++
		}
	}
	if e.told != nil && len(e.told.Levels) > 0 {
		weight = toldShares(e.told, weight)
	}
	for l := range weight {
		levels = append(levels, l)
	}
	slices.SortFunc(levels, e.order())
	total := 0.0
	for _, l := range levels {
		total += weight[l]
	}
	shares = make([]float64, len(levels))
	for i, l := range levels {
		shares[i] = weight[l] / total
	}
	return levels, shares
}

// toldShares returns the shares that are told. What the others have together goes to levels known otherwise, by weight.
func toldShares(a *prompt.Aggregate, weight map[string]float64) map[string]float64 {
	out := map[string]float64{}
	for _, l := range a.Levels {
		out[l.Level] = max(l.Share, 1e-6)
	}
	if a.Others == nil || *a.Others == 0 {
		return out
	}
	var others []string
	for l := range weight {
		if _, told := out[l]; !told {
			others = append(others, l)
		}
	}
	slices.Sort(others)
	total := 0.0
	for _, l := range others {
		total += weight[l]
	}
	for _, l := range others {
		out[l] = *a.Others * weight[l] / total
	}
	return out
}

// order returns the order of levels on the latent: numbers ascending, names by the mean of rank among the rows that have
// them, as far as there are such rows, else by their bytes.
func (e evidence) order() func(a, b string) int {
	sum, rows := map[string]float64{}, map[string]float64{}
	for i, c := range e.seen {
		if e.rank != nil && c != "" && e.rank[i] == e.rank[i] {
			sum[c] += e.rank[i]
			rows[c]++
		}
	}
	mean := func(level string) float64 {
		if v, ok := number(level); ok {
			return v
		}
		if rows[level] == 0 {
			return 0
		}
		return sum[level] / rows[level]
	}
	return func(a, b string) int {
		if x, y := mean(a), mean(b); x != y {
			if x < y {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	}
}

// setLevels makes it a margin of levels.
func (m *margin) setLevels(levels []string, shares []float64) {
	m.levels = levels
	m.cuts, m.means, m.spread = thresholds(shares)
	m.number = m.number && !slices.ContainsFunc(levels, func(l string) bool { _, ok := number(l); return !ok })
}

// thresholds cuts a normal latent into groups of the given shares: the cuts, the mean of the latent within each group,
// (φ(lower cut) - φ(upper cut)) / share, and the SD of those means.
func thresholds(shares []float64) (cuts, means []float64, spread float64) {
	below, before, variance := 0.0, 0.0, 0.0
	for i, s := range shares {
		below += s
		after := 0.0
		if i < len(shares)-1 {
			cut := quantile(below)
			cuts = append(cuts, cut)
			after = math.Exp(-cut*cut/2) / math.Sqrt(2*math.Pi)
		}
		mean := 0.0
		if s > 0 {
			mean = (before - after) / s
		}
		means = append(means, mean)
		variance += s * mean * mean
		before = after
	}
	return cuts, means, math.Sqrt(variance)
}

// quantile is the quantile of the standard normal distribution, within ±farthest; 0 where p is no number, as shares of
// numbers near the greatest may be.
func quantile(p float64) float64 {
	if p != p {
		return 0
	}
	return max(-farthest, min(farthest, math.Sqrt2*math.Erfinv(2*max(0, min(1, p))-1)))
}

// cumulative is the distribution function of the standard normal distribution.
func cumulative(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }

// setQuantiles makes it a margin of numbers: through two or more quantiles that are told, else through the examples.
func (m *margin) setQuantiles(e evidence, sorted []float64) {
	var told []prompt.Quantile
	if e.told != nil {
		told = e.told.Quantiles()
	}
	m.places = placesOf(e, told)
	if len(told) >= 2 || len(sorted) == 0 {
		m.throughTold(told, sorted)
		return
	}
	if len(sorted) == 1 { // of a single value, a tenth on either side is as good a guess as any
		v, d := sorted[0], math.Abs(sorted[0])/10
		m.at, m.values = []float64{0, 1}, []float64{v - d, v + d}
		return
	}
	m.values = sorted
	m.at = make([]float64, len(sorted))
	for i := range sorted {
		m.at[i] = float64(i) / float64(len(sorted)-1)
	}
}

// throughTold sets the quantile function through quantiles that are told. Beyond them it goes on as far again as they come in
// the quarter of the patients next to the end, or to the extremes of the examples, and does not cross 0.
func (m *margin) throughTold(told []prompt.Quantile, sorted []float64) {
	first, last := told[0], told[len(told)-1]
	low, high := first.Value-math.Abs(first.Value)/10, last.Value+math.Abs(last.Value)/10
	if len(told) > 1 {
		low = first.Value - (told[1].Value - first.Value)
		high = last.Value + (last.Value - told[len(told)-2].Value)
	}
	if first.Value >= 0 {
		low = max(low, 0)
	}
	if last.Value <= 0 {
		high = min(high, 0)
	}
	if len(sorted) > 0 {
		low, high = min(low, sorted[0]), max(high, sorted[len(sorted)-1])
	}
	m.at, m.values = []float64{0}, []float64{low}
	for _, q := range told {
		m.at, m.values = append(m.at, q.Q), append(m.values, q.Value)
	}
	m.at, m.values = append(m.at, 1), append(m.values, high)
}

// placesOf returns the decimal places of a number: those of the examples, else of what is told.
func placesOf(e evidence, told []prompt.Quantile) int {
	if e.column.Type == prompt.Integer {
		return 0
	}
	most := 0
	for _, c := range e.seen {
		most = max(most, decimals(c))
	}
	if hasValue(e.seen) {
		return most
	}
	for _, q := range told {
		most = max(most, decimals(prompt.Number(q.Value)))
	}
	return most
}

// decimals is the number of digits after the point of a number.
func decimals(cell string) int {
	mantissa, exponent, scientific := strings.Cut(strings.ToLower(cell), "e")
	_, fraction, _ := strings.Cut(mantissa, ".")
	n := len(fraction)
	if scientific {
		if e, err := strconv.Atoi(exponent); err == nil {
			n -= max(-mostPlaces, min(mostPlaces, e))
		}
	}
	return max(0, min(mostPlaces, n))
}

// value returns the text of the value at a place of the latent.
func (m *margin) value(z float64) string {
	if m.levels != nil {
		return m.levels[sort.SearchFloat64s(m.cuts, z)]
	}
	p := cumulative(z)
	i := sort.SearchFloat64s(m.at, p)
	var v float64
	switch {
	case i == 0:
		v = m.values[0]
	case i == len(m.at):
		v = m.values[i-1]
	default:
		v = m.values[i-1] + (m.values[i]-m.values[i-1])*(p-m.at[i-1])/(m.at[i]-m.at[i-1])
	}
	return m.write(v)
}

// write rounds a number to the column's places, into its limits.
func (m *margin) write(v float64) string {
	scale := math.Pow10(m.places)
	if r := math.Round(v*scale) / scale; !math.IsInf(r, 0) && !math.IsNaN(r) {
		v = r
	}
	return prompt.Number(max(m.low, min(m.high, v)))
}

// score returns where a cell lies on the latent; ok is false where the margin does not know it.
func (m *margin) score(cell string) (z float64, ok bool) {
	if m.levels != nil {
		i := slices.Index(m.levels, cell)
		if i < 0 {
			return 0, false
		}
		return m.means[i], true
	}
	v, ok := number(cell)
	if !ok {
		return 0, false
	}
	return quantile(m.share(v)), true
}

// share is the probability of a value below v, half of that of v itself included.
func (m *margin) share(v float64) float64 {
	from := sort.SearchFloat64s(m.values, v)
	to := sort.Search(len(m.values), func(i int) bool { return m.values[i] > v })
	switch {
	case from < to:
		return (m.at[from] + m.at[to-1]) / 2
	case from == 0:
		return 0
	case from == len(m.values):
		return 1
	}
	return m.at[from-1] + (m.at[from]-m.at[from-1])*(v-m.values[from-1])/(m.values[from]-m.values[from-1])
}
