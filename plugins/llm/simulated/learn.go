package simulated

import (
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/prompt"
)

// model is what was learnt from the blocks: a Gaussian copula. It is not changed once made.
type model struct {
	variables   []variable // the columns of the reply, then those columns of the table that something is known of
	reply       int        // how many of them are of the reply
	latents     int
	correlation [][]float64 // of the latents
	factor      [][]float64 // rows of its Cholesky factor, each as long as its index plus one
}

// variable is a column with its place among the latents: one for its value and, where values may be missing, one for that.
type variable struct {
	evidence
	*margin
	latent  int
	absent  int     // -1: never missing, or always
	rate    float64 // share of missing values
	cutoff  float64 // missing where the latent of absence exceeds it
	present float64 // mean of that latent where there is a value, and where there is none
	missing float64
	shift   float64 // of the latent of the value, in SDs: see degrade
}

// plainMissing is the share of missing values of a column that may have some and of which nothing else is known.
const plainMissing = 0.05

// learn fits the copula. nullable tells which columns of the reply may have missing values in its container.
func learn(b prompt.Blocks, nullable func(name string) bool, degrade float64) *model {
	m := &model{reply: len(b.Schema.Columns)}
	columns := slices.Clone(b.Schema.Columns)
	if b.Table != nil {
		for _, name := range b.Table.Names {
			if name == b.Schema.Key || slices.ContainsFunc(columns, func(c prompt.Column) bool { return c.Name == name }) {
				continue
			}
			if e := evidenceOf(prompt.Column{Name: name}, b); e.told != nil || hasValue(e.seen) {
				columns = append(columns, e.column)
			}
		}
	}
	label := evidence{}
	if b.Aggregates != nil && b.Aggregates.Label != "" {
		label = evidenceOf(prompt.Column{Name: b.Aggregates.Label}, b)
	}
	ranks := label.ranks()
	for i, c := range columns {
		e := evidenceOf(c, b)
		e.rank = ranks
		v := variable{evidence: e, margin: newMargin(e), latent: i, absent: -1}
		if i >= m.reply || nullable(c.Name) {
			v.rate = e.missingRate()
		}
		m.variables = append(m.variables, v)
	}
	m.latents = len(columns)
	m.addAbsence()
	m.correlate(b.Examples, b.Aggregates)
	m.degrade(degrade)
	m.decompose()
	return m
}

// evidenceOf collects what the blocks tell of a column.
func evidenceOf(c prompt.Column, b prompt.Blocks) evidence {
	e := evidence{column: c}
	if b.Aggregates != nil {
		e.told = b.Aggregates.Column(c.Name)
	}
	if b.Examples == nil {
		return e
	}
	if at := b.Examples.Column(c.Name); at >= 0 && len(b.Examples.Rows) > 0 {
		e.seen = make([]string, len(b.Examples.Rows))
		for i, row := range b.Examples.Rows {
			e.seen[i] = row[at]
		}
	}
	return e
}

// ranks returns the cells of a label as numbers, or nil where they cannot be put in order.
func (e evidence) ranks() []float64 {
	if e.seen == nil {
		return nil
	}
	var levels []string
	for _, c := range e.seen {
		if c != "" && !slices.Contains(levels, c) {
			levels = append(levels, c)
		}
	}
	if len(levels) > fewValues {
		return nil
	}
	slices.SortFunc(levels, evidence{}.order())
	out := make([]float64, len(e.seen))
	for i, c := range e.seen {
		out[i] = float64(slices.Index(levels, c))
		if c == "" {
			out[i] = math.NaN()
		}
	}
	return out
}

// missingRate is the share of missing values: as told, else as in the examples, else plainMissing where some may be missing.
func (e evidence) missingRate() float64 {
	if e.column.Type != "" && !e.column.Missing {
		return 0
	}
	switch {
	case e.told != nil && e.told.Missing != nil:
		return *e.told.Missing
	case e.seen != nil:
		n := 0
		for _, c := range e.seen {
			if c == "" {
				n++
			}
		}
		return float64(n) / float64(len(e.seen))
	case e.column.Missing:
		return plainMissing
	}
	return 0
}

// addAbsence gives each column with missing values a latent for them. Columns that are missing in the same examples, such as
// the least and the greatest of the same measurements, share one.
func (m *model) addAbsence() {
	known := map[string]int{}
	for i := range m.variables {
		v := &m.variables[i]
		if v.rate <= 0 || v.rate >= 1 {
			continue
		}
		pattern := make([]byte, len(v.seen))
		some := false
		for r, c := range v.seen {
			if c == "" {
				pattern[r] = 1
				some = true
			}
		}
		at, shared := known[string(pattern)]
		if !shared || !some {
			at = m.latents
			m.latents++
			known[string(pattern)] = at
		}
		v.absent = at
		cuts, means, _ := thresholds([]float64{1 - v.rate, v.rate})
		v.cutoff, v.present, v.missing = cuts[0], means[0], means[1]
	}
}
