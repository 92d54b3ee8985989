package simulated

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/ehrlab/ehrlab/plugins/prompt"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

const (
	// fewest is the number of examples with both values below which two columns are taken as unrelated.
	fewest = 8
	// strongest bounds correlations: beyond it, few examples cannot tell one from 1.
	strongest = 0.97
)

// correlate sets the correlation of the latents.
func (m *model) correlate(examples *prompt.Table, told *prompt.Aggregates) {
	m.correlation = make([][]float64, m.latents)
	for i := range m.correlation {
		m.correlation[i] = make([]float64, m.latents)
		m.correlation[i][i] = 1
	}
	if examples != nil && len(examples.Rows) >= fewest {
		m.fromExamples(len(examples.Rows))
	}
	if told != nil && len(told.By) > 1 {
		m.fromClasses(told, examples == nil || len(examples.Rows) < fewest)
	}
}

// scores is a latent as the examples show it: its mean within the group of each row, and the SD of those means over rows. With
// ties it is less than 1, and so are correlations of what is seen.
type scores struct {
	values []float64 // 0 where mask is 0
	mask   []float64 // 1 where the row has a value
	spread float64
}

// scoresOf scores groups, NaN where a row has none, by their mid-ranks among the rows that have one.
func scoresOf(groups []float64) *scores {
	s := &scores{values: make([]float64, len(groups)), mask: make([]float64, len(groups))}
	var at []int
	for r, g := range groups {
		if g == g {
			at = append(at, r)
		}
	}
	slices.SortStableFunc(at, func(a, b int) int {
		switch {
		case groups[a] < groups[b]:
			return -1
		case groups[a] > groups[b]:
			return 1
		}
		return 0
	})
	var shares []float64
	var ends []int
	for i := range at {
		if i+1 == len(at) || groups[at[i+1]] != groups[at[i]] {
			from := 0
			if len(ends) > 0 {
				from = ends[len(ends)-1]
			}
			ends = append(ends, i+1)
			shares = append(shares, float64(i+1-from)/float64(len(at)))
		}
	}
	_, means, spread := thresholds(shares)
	s.spread = spread
	group := 0
	for i, r := range at {
		if i == ends[group] {
			group++
		}
		s.values[r], s.mask[r] = means[group], 1
	}
	return s
}

// groups returns the cells of the examples on the scale of the margin, NaN where one has no place on it.
func (v *variable) groups(rows int) []float64 {
	out := make([]float64, rows)
	for r := range out {
		out[r] = math.NaN()
		if v.seen == nil {
			continue
		}
		if v.levels != nil {
			if at := slices.Index(v.levels, v.seen[r]); at >= 0 {
				out[r] = float64(at)
			}
		} else if x, ok := number(v.seen[r]); ok {
			out[r] = x
		}
	}
	return out
}

// fromExamples sets correlations from the examples: pair by pair on the rows with both values, that of the scores divided by
// their spreads (polyserial and polychoric correlation to first order), shrunk by its noise.
func (m *model) fromExamples(rows int) {
	all := make([]*scores, m.latents)
	for i := range m.variables {
		v := &m.variables[i]
		all[v.latent] = scoresOf(v.groups(rows))
		if v.absent < 0 || all[v.absent] != nil {
			continue
		}
		absent := make([]float64, rows)
		for r := range absent {
			switch {
			case v.seen == nil:
				absent[r] = math.NaN()
			case v.seen[r] == "":
				absent[r] = 1
			}
		}
		all[v.absent] = scoresOf(absent)
	}
	for i := range all {
		for j := range i {
			r := related(all[i], all[j])
			m.correlation[i][j], m.correlation[j][i] = r, r
		}
	}
}

// related is the correlation of two latents as few examples tell it.
func related(a, b *scores) float64 {
	var n, x, y, xx, yy, xy float64
	for r, in := range a.mask {
		w := in * b.mask[r]
		u, v := w*a.values[r], w*b.values[r]
		n += w
		x += u
		y += v
		xx += u * u
		yy += v * v
		xy += u * v
	}
	if n < fewest {
		return 0
	}
	r, err := stats.Quotient(xx-x*x/n, yy-y*y/n, xy-x*y/n)
	if err != nil || r*r <= 1/n { // within a standard error of 0
		return 0
	}
	r *= 1 - 1/(n*r*r) // as gaussian-copula shrinks
	return max(-strongest, min(strongest, r/(a.spread*b.spread)))
}

// fromClasses sets the correlation of the label with all other columns from the aggregates by label: the mean of a column's
// latent within each class, regressed on that of the label. Where the examples tell no other correlation, columns that go
// with the label go with each other (factor), as far as one common cause explains.
func (m *model) fromClasses(told *prompt.Aggregates, factor bool) {
	at := slices.IndexFunc(m.variables, func(v variable) bool { return v.column.Name == told.Label })
	if at < 0 {
		return
	}
	label := &m.variables[at]
	with := make([]float64, m.latents) // correlation with the label
	known := make([]bool, m.latents)
	for i := range m.variables {
		v := &m.variables[i]
		if i == at {
			continue
		}
		with[v.latent], known[v.latent] = label.regress(told, v.classMean)
		if v.absent >= 0 && !known[v.absent] {
			with[v.absent], known[v.absent] = label.regress(told, v.classAbsence)
		}
	}
	for i, r := range with {
		if !known[i] {
			continue
		}
		m.correlation[i][label.latent], m.correlation[label.latent][i] = r, r
		for j := range i {
			if factor && known[j] {
				m.correlation[i][j], m.correlation[j][i] = r*with[j], r*with[j]
			}
		}
	}
}

// regress returns the slope of the mean of a latent on that of the label, over classes; ok is false where it is not told.
func (v *variable) regress(told *prompt.Aggregates, mean func(c *prompt.Class) (float64, bool)) (r float64, ok bool) {
	var sum, square float64
	for i := range told.By {
		c := &told.By[i]
		x, known := v.score(c.Value)
		y, there := mean(c)
		if !known || !there {
			return 0, false
		}
		sum += float64(c.Rows) * x * y
		square += float64(c.Rows) * x * x
	}
	if square == 0 {
		return 0, false
	}
	return max(-strongest, min(strongest, sum/square)), true
}

// classMean is the mean of the latent of the column within a class, relative to all rows.
func (v *variable) classMean(c *prompt.Class) (float64, bool) {
	a := c.Column(v.column.Name)
	if a == nil {
		return 0, false
	}
	if v.levels == nil {
		sum, n := 0.0, 0.0
		for _, q := range a.Quantiles() {
			sum += quantile(v.share(q.Value)) - quantile(q.Q)
			n++
		}
		return sum / max(n, 1), n > 0
	}
	if len(a.Levels) == 0 || v.spread == 0 {
		return 0, false
	}
	sum, rest, restScore, restWeight := 0.0, 1.0, 0.0, 0.0
	for i, level := range v.levels {
		weight := v.weight(i)
		if at := slices.IndexFunc(a.Levels, func(l prompt.Level) bool { return l.Level == level }); at >= 0 {
			sum += a.Levels[at].Share * v.means[i]
			rest -= a.Levels[at].Share
		} else {
			restScore += weight * v.means[i]
			restWeight += weight
		}
	}
	if restWeight > 0 {
		sum += max(0, rest) * restScore / restWeight
	}
	return sum / (v.spread * v.spread), true
}

// weight is the share of a level.
func (m *margin) weight(level int) float64 {
	low, high := 0.0, 1.0
	if level > 0 {
		low = cumulative(m.cuts[level-1])
	}
	if level < len(m.cuts) {
		high = cumulative(m.cuts[level])
	}
	return high - low
}

// classAbsence is the mean of the latent of absence within a class.
func (v *variable) classAbsence(c *prompt.Class) (float64, bool) {
	a := c.Column(v.column.Name)
	if a == nil || a.Missing == nil {
		return 0, false
	}
	variance := (1-v.rate)*v.present*v.present + v.rate*v.missing*v.missing
	return (*a.Missing*v.missing + (1-*a.Missing)*v.present) / variance, variance > 0
}

// degrade makes the model worse with the number of columns, as the setting says.
func (m *model) degrade(strength float64) {
	w := fidelity(strength, m.reply)
	if w == 1 {
		return
	}
	for i := range m.correlation {
		for j := range m.correlation[i] {
			if i != j {
				m.correlation[i][j] *= w
			}
		}
	}
	for i := range m.variables[:m.reply] {
		v := &m.variables[i]
		v.shift = (1 - w) / 2
		if hashOf("shift", v.column.Name)[0]&1 == 1 { // the same way in every call, as a model's bias is
			v.shift = -v.shift
		}
	}
}

// fidelity is the weight w of the setting degrade.
func fidelity(strength float64, columns int) float64 {
	return 1 / (1 + strength*max(0, float64(columns-10))/10)
}

// decompose sets the Cholesky factor of the correlation, and makes the correlation positive definite first: eigenvalues
// below a floor are raised to it and the diagonal is scaled back to 1.
//
// Source: R. Rebonato, P. Jäckel (1999), The Journal of Risk 2(2), 17-27 (spectral decomposition).
func (m *model) decompose() {
	const floor = 0.02 // keeps conditions on many columns well posed
	n := m.latents
	c := mat.NewSymDense(n, nil)
	for i := range n {
		for j := range i + 1 {
			c.SetSym(i, j, m.correlation[i][j])
		}
	}
	var cholesky mat.Cholesky
	if !cholesky.Factorize(c) || cholesky.Cond() > 1/floor/floor {
		var eigen mat.EigenSym
		if !eigen.Factorize(c, true) {
			panic("simulated: the eigenvalues of a correlation do not converge")
		}
		m.raise(c, &eigen, floor)
		if !cholesky.Factorize(c) {
			panic("simulated: a repaired correlation is not positive definite")
		}
	}
	var lower mat.TriDense
	cholesky.LTo(&lower)
	m.factor = make([][]float64, n)
	for i := range n {
		m.factor[i] = make([]float64, i+1)
		for j := range i + 1 {
			m.factor[i][j] = lower.At(i, j)
			m.correlation[i][j], m.correlation[j][i] = c.At(i, j), c.At(i, j)
		}
	}
}

// raise repairs a correlation whose eigenvalues are given.
func (m *model) raise(c *mat.SymDense, eigen *mat.EigenSym, floor float64) {
	var scaled mat.Dense
	eigen.VectorsTo(&scaled)
	for j, v := range eigen.Values(nil) {
		for i := range m.latents {
			scaled.Set(i, j, scaled.At(i, j)*math.Sqrt(max(v, floor)))
		}
	}
	var product mat.SymDense
	product.SymOuterK(1, &scaled)
	for i := range m.latents {
		for j := range i {
			c.SetSym(i, j, product.At(i, j)/math.Sqrt(product.At(i, i)*product.At(j, j)))
		}
		c.SetSym(i, i, 1)
	}
}
