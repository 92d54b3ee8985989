package ratings

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/stats"
)

// What is beyond these is no matter of categories, or takes more memory than it tells: a table of kappa has the square of the categories,
// alpha the square of the different ratings, and there are half the square of the raters as pairs.
const (
	mostCategories = 100
	mostDifferent  = 2000
	mostPaired     = 30
)

var (
	errOneRater   = errors.New("there is one rater")
	errCategories = fmt.Errorf("there are more than %d different values: kappa is of categories; see icc and krippendorff_alpha", mostCategories)
	errNotWhole   = fmt.Errorf("ratings are not whole numbers within a range of %d: how far categories lie apart is unknown; see icc", mostCategories)
	errNoComplete = errors.New("no record has a rating of every rater")
	errNoPair     = errors.New("no record has ratings of both")
	errNoRepeat   = errors.New("no rater has rated a record twice")
)

// weightings are those of Cohen's kappa, by name.
var weightings = []struct {
	name    string
	weights stats.Weights
}{{"unweighted", stats.Unweighted}, {"linear", stats.Linear}, {"quadratic", stats.Quadratic}}

// pairs are two ratings of each of some records.
type pairs struct {
	records []int
	a, b    []float64
}

func (p *pairs) add(record int, a, b float64) {
	if !math.IsNaN(a) && !math.IsNaN(b) {
		p.records, p.a, p.b = append(p.records, record), append(p.a, a), append(p.b, b)
	}
}

// drawn returns pairs as often as their records were drawn.
func (p *pairs) drawn(times []int32) *pairs {
	out := &pairs{}
	for i, record := range p.records {
		for range times[record] {
			out.add(record, p.a[i], p.b[i])
		}
	}
	return out
}

// categories puts ratings into categories: whole numbers of a small range into one each, used or not, so that weights know how far they
// lie apart; others by their order, which has no distances.
type categories struct {
	values []float64 // sorted
	apart  bool      // neighbours lie equally far apart
}

func newCategories(ratings ...[]float64) (*categories, error) {
	values := slices.Concat(ratings...)
	slices.Sort(values)
	values = slices.Compact(values)
	if len(values) == 0 {
		return nil, errNoPair
	}
	low, high := values[0], values[len(values)-1]
	whole := !slices.ContainsFunc(values, func(v float64) bool { return v != math.Trunc(v) || math.Abs(v) > 1<<52 }) // beyond it, 1 more is the same
	if whole && high-low < mostCategories {
		c := &categories{apart: true}
		for v := low; v <= high; v++ {
			c.values = append(c.values, v)
		}
		return c, nil
	}
	if len(values) > mostCategories {
		return nil, errCategories
	}
	return &categories{values: values}, nil
}

func (c *categories) of(rating float64) int {
	at, _ := slices.BinarySearch(c.values, rating)
	return at
}

// table counts pairs by their categories.
func (c *categories) table(p *pairs) [][]int {
	out := make([][]int, len(c.values))
	for i := range out {
		out[i] = make([]int, len(c.values))
	}
	for i := range p.a {
		out[c.of(p.a[i])][c.of(p.b[i])]++
	}
	return out
}

// kappas scores the agreement of two ratings of records. unequal is why it is not known how far categories lie apart, where it is not.
func (r *scorer) kappas(name, dim, who string, p *pairs, unequal error) error {
	c, reason := newCategories(p.a, p.b)
	for _, w := range weightings {
		e := estimate{n: len(p.a), err: reason}
		if w.weights != stats.Unweighted && (c == nil || !c.apart) {
			e.err = unequal
		}
		if e.err == nil {
			kappa, err := stats.CohenKappa(c.table(p), w.weights)
			switch {
			case err != nil:
				e.err = err
			case clustered(p.records):
				e.value = kappa.Value
				err := r.bootstrap(p.records, []*estimate{&e}, func(times []int32, out []float64) error {
					drawn, err := stats.CohenKappa(c.table(p.drawn(times)), w.weights)
					if err == nil {
						out[0] = drawn.Value
					}
					return err
				})
				if err != nil {
					return err
				}
			default:
				e.value = kappa.Value
				low, high, err := kappa.Interval(r.config.Level)
				e.formula(max(-1, low), min(1, high), r.config.Level, "normal, standard error for large samples", err)
			}
		}
		r.add(name, dims(dim, who, "weights", w.name), e)
	}
	return nil
}

// alike scores the share of records with equal ratings. A clustered sample has several pairs of a record.
func (r *scorer) alike(name, dim, who string, p *pairs, reason error) {
	same := sample{records: p.records}
	for i := range p.a {
		v := 0.0
		if p.a[i] == p.b[i] {
			v = 1
		}
		same.values = append(same.values, v)
	}
	e := r.proportion(&same, func(x float64) bool { return x == 1 })
	if e.err != nil {
		e.err = reason
	}
	r.add(name, dims(dim, who), e)
}

// agree scores how far raters agree with each other.
func (r *scorer) agree() error {
	if err := r.agreePairwise(); err != nil {
		return err
	}
	if err := r.agreeAll(); err != nil {
		return err
	}
	return r.alpha()
}

// agreePairwise scores each two raters.
func (r *scorer) agreePairwise() error {
	s := r.sheet
	reason := errOneRater
	if len(s.raters) > mostPaired {
		reason = fmt.Errorf("there are more than %d raters, too many to be set against each other by twos", mostPaired)
	}
	if len(s.raters) == 1 || len(s.raters) > mostPaired {
		for _, w := range weightings {
			r.undefined("cohen_kappa", dims("raters", all, "weights", w.name), reason)
		}
		return nil
	}
	of := make([][]pairs, len(s.raters))
	for a := range of {
		of[a] = make([]pairs, len(s.raters))
	}
	for group := range s.byRecord() {
		for i, x := range group {
			for _, y := range group[i+1:] {
				of[x.rater][y.rater].add(x.record, x.value, y.value)
			}
		}
	}
	for a, first := range s.raters {
		for b := a + 1; b < len(s.raters); b++ {
			who := first + " and " + s.raters[b]
			if err := r.kappas("cohen_kappa", "raters", who, &of[a][b], errNotWhole); err != nil {
				return err
			}
			r.alike("raw_agreement", "raters", who, &of[a][b], errNoPair)
		}
	}
	return nil
}

// byRecord yields the ratings of each record, in order of the raters; a missing one is among them.
func (s *sheet) byRecord() func(yield func([]rating) bool) {
	return func(yield func([]rating) bool) {
		for start := 0; start < len(s.first); {
			end := start + 1
			for end < len(s.first) && s.first[end].record == s.first[start].record {
				end++
			}
			if !yield(s.first[start:end]) {
				return
			}
			start = end
		}
	}
}

// complete returns the ratings of the records that every rater rates, who has rated any.
func (s *sheet) complete() (records []int, units [][]float64, raters int) {
	active := make([]bool, len(s.raters))
	for _, x := range s.first {
		active[x.rater] = active[x.rater] || !math.IsNaN(x.value)
	}
	for _, yes := range active {
		if yes {
			raters++
		}
	}
	for group := range s.byRecord() {
		if unit := values(group); len(unit) == raters && raters > 0 {
			records, units = append(records, group[0].record), append(units, unit)
		}
	}
	return records, units, raters
}

// values are those ratings of a record that are not missing.
func values(group []rating) []float64 {
	var out []float64
	for _, x := range group {
		if !math.IsNaN(x.value) {
			out = append(out, x.value)
		}
	}
	return out
}

// agreeAll scores all raters together, on the records that all of them rate.
func (r *scorer) agreeAll() error {
	records, units, raters := r.sheet.complete()
	raw, fleiss, randolph, icc := estimate{n: len(units)}, estimate{n: len(units)}, estimate{n: len(units)}, estimate{n: len(units)}
	defer func() {
		r.add("raw_agreement", dims("raters", all), raw)
		r.add("fleiss_kappa", nil, fleiss)
		r.add("randolph_kappa", nil, randolph)
		r.add("icc", nil, icc)
	}()
	reason := errNoComplete
	if raters < 2 {
		reason = errOneRater
	}
	if raters < 2 || len(units) == 0 {
		raw.err, fleiss.err, randolph.err, icc.err = reason, reason, reason, reason
		return nil
	}
	same := sample{records: records, values: make([]float64, len(units))}
	for i, unit := range units {
		if slices.Min(unit) == slices.Max(unit) {
			same.values[i] = 1
		}
	}
	raw = r.proportion(&same, func(x float64) bool { return x == 1 })
	if found, err := stats.ICC(units, r.config.Level); err != nil {
		icc.err = err
	} else {
		icc.value = found.Value
		icc.formula(found.Low, found.High, r.config.Level, "F distribution, by Satterthwaite's approximation", nil)
	}
	c, err := newCategories(units...)
	if err != nil {
		fleiss.err, randolph.err = err, err
		return nil
	}
	table := c.counts(units)
	for _, k := range []struct {
		e  *estimate
		of func([][]int) (float64, error)
	}{{&fleiss, stats.FleissKappa}, {&randolph, stats.RandolphKappa}} {
		k.e.value, k.e.err = k.of(table)
		err := r.bootstrap(records, []*estimate{k.e}, func(times []int32, out []float64) (err error) {
			var drawn [][]int
			for i, record := range records {
				for range times[record] {
					drawn = append(drawn, table[i])
				}
			}
			out[0], err = k.of(drawn)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// counts counts the ratings of each unit by the categories that are in use.
func (c *categories) counts(units [][]float64) [][]int {
	used := slices.Concat(units...)
	slices.Sort(used)
	used = slices.Compact(used)
	out := make([][]int, len(units))
	for i, unit := range units {
		out[i] = make([]int, len(used))
		for _, v := range unit {
			at, _ := slices.BinarySearch(used, v)
			out[i][at]++
		}
	}
	return out
}

// alpha scores all raters together, on the records with two ratings at least.
func (r *scorer) alpha() error {
	var records []int
	var units [][]float64
	for group := range r.sheet.byRecord() {
		if unit := values(group); len(unit) > 1 {
			records, units = append(records, group[0].record), append(units, unit)
		}
	}
	different := slices.Concat(units...)
	slices.Sort(different)
	different = slices.Compact(different)
	for _, scale := range []struct {
		name string
		of   stats.Scale
	}{{"nominal", stats.Nominal}, {"ordinal", stats.Ordinal}, {"interval", stats.Interval}} {
		e := estimate{n: len(units)}
		switch {
		case len(different) > mostDifferent:
			e.err = fmt.Errorf("there are more than %d different ratings; see icc", mostDifferent)
		default:
			e.value, e.err = stats.KrippendorffAlpha(units, scale.of)
		}
		if len(different) > mostCategories {
			e.without = fmt.Sprintf("there are more than %d different ratings, which takes too long", mostCategories)
		} else if err := r.bootstrap(records, []*estimate{&e}, func(times []int32, out []float64) (err error) {
			var drawn [][]float64
			for i, record := range records {
				for range times[record] {
					drawn = append(drawn, units[i])
				}
			}
			out[0], err = stats.KrippendorffAlpha(drawn, scale.of)
			return err
		}); err != nil {
			return err
		}
		r.add("krippendorff_alpha", dims("scale", scale.name), e)
	}
	return nil
}

// agreeWithThemselves scores how far the second rating of a record by a rater is the first.
func (r *scorer) agreeWithThemselves() error {
	s := r.sheet
	of := make([]pairs, len(s.raters)+1)
	for _, x := range s.second {
		of[x[0].rater].add(x[0].record, x[0].value, x[1].value)
		of[len(s.raters)].add(x[0].record, x[0].value, x[1].value)
	}
	for i, name := range append(slices.Clone(s.raters), all) {
		if len(of[i].a) == 0 && name != all {
			continue // not every rater is asked twice
		}
		r.alike("intra_rater_agreement", "rater", name, &of[i], errNoRepeat)
		if len(of[i].a) == 0 {
			for _, w := range weightings {
				r.undefined("intra_rater_kappa", dims("rater", name, "weights", w.name), errNoRepeat)
			}
		} else if err := r.kappas("intra_rater_kappa", "rater", name, &of[i], errNotWhole); err != nil {
			return err
		}
	}
	return nil
}
