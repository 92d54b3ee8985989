package ratings

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Why ratings are not set against what is known of records besides.
var (
	errScoresBetween = fmt.Errorf("scores of the judge are not whole numbers within a range of %d, as means of several answers are not: how far categories lie apart is unknown; see judge_correlation", mostCategories)

	errNoPairRated = errors.New("of no pair both records have such a rating")
	errNoJudged    = errors.New("no record has such a rating and a score of the judge")
	errOneOrigin   = errors.New("the judge has scored no record of one of the origins")
)

// beside reads what the file tells of records besides their origin: the pair that each belongs to, and the score that a judge gave it.
func (r *reader) beside(s *sheet) error {
	s.judge = slices.Repeat([]float64{math.NaN()}, len(s.origins))
	s.pairs = slices.Repeat([]int32{frame.Missing}, len(s.origins))
	seen := make([]bool, len(s.origins))
	pairs, judge := r.of["pair"], r.of["judge"]
	members := map[[2]int]int{} // of a pair, by origin
	for row, record := range r.of["record"].Codes {
		pair, score := int32(frame.Missing), math.NaN()
		if pairs != nil {
			pair = pairs.Codes[row]
		}
		if judge != nil {
			score = judge.Numbers[row]
		}
		switch was := s.judge[record]; {
		case !seen[record]:
			seen[record], s.judge[record], s.pairs[record] = true, score, pair
			if pair == frame.Missing {
				continue
			}
			of := [2]int{int(pair), s.origins[record]}
			if members[of]++; s.origins[record] == none {
				return r.fault(row, "pair", "records have pairs, and the file has no column of origins")
			} else if members[of] > 1 {
				return r.fault(row, "pair", "the pair has another record of this origin in a row above; want one of each")
			}
		case was != score && !(math.IsNaN(was) && math.IsNaN(score)):
			return r.fault(row, "judge", "the record has another score of the judge in a row above")
		case s.pairs[record] != pair:
			return r.fault(row, "pair", "the record is of another pair in a row above")
		}
	}
	return nil
}

// paired compares the two records of a pair, where records have pairs: the pair is the unit.
func (r *scorer) paired() error {
	if !r.sheet.has["pair"] {
		return nil
	}
	views := r.views(func(x rating) float64 { return x.value })
	views = append(views[:len(views)-1], views[len(views)-1].means())
	for _, v := range views {
		if err := r.pairedOf(v); err != nil {
			return err
		}
	}
	return nil
}

// pairedOf compares pairs by one rater, or by the mean of each record.
func (r *scorer) pairedOf(v *view) error {
	second := map[int32]float64{}
	for i, record := range v.of[1].records {
		if pair := r.sheet.pairs[record]; pair != frame.Missing {
			second[pair] = v.of[1].values[i]
		}
	}
	p := &pairs{}
	for i, record := range v.of[0].records {
		if other, ok := second[r.sheet.pairs[record]]; ok {
			p.add(record, v.of[0].values[i], other)
		}
	}
	of, n := dims("rater", v.name), len(p.a)
	if n == 0 {
		for _, name := range []string{"paired_difference", "paired_d", "wilcoxon_p"} {
			r.undefined(name, of, errNoPairRated)
		}
		return nil
	}
	difference, d, signed := estimate{n: n}, estimate{n: n}, estimate{n: n}
	apart := sample{records: p.records, values: p.differences()}
	difference.value, difference.err = stats.Mean(apart.values)
	if test, err := stats.PairedT(p.a, p.b); err != nil {
		difference.without = err.Error()
	} else {
		low, high, err := test.Interval(r.config.Level)
		difference.formula(low, high, r.config.Level, "Student's t, pairs", err)
	}
	standardised := func(values []float64) (float64, error) {
		m, errM := stats.Mean(values)
		sd, errSD := stats.SD(values)
		if errM == nil && errSD == nil && sd == 0 {
			errSD = stats.ErrNoSpread
		}
		return m / sd, errors.Join(errM, errSD)
	}
	d.value, d.err = standardised(apart.values)
	err := r.bootstrap(apart.records, []*estimate{&d}, func(times []int32, out []float64) (err error) {
		out[0], err = standardised(apart.drawn(times))
		return err
	})
	if test, err := stats.Wilcoxon(p.a, p.b); err != nil {
		signed.err = err
	} else {
		signed.value = test.P
	}
	r.add("paired_difference", of, difference)
	r.add("paired_d", of, d)
	r.add("wilcoxon_p", of, signed)
	return err
}

func (p *pairs) differences() []float64 {
	out := make([]float64, len(p.a))
	for i := range out {
		out[i] = p.a[i] - p.b[i]
	}
	return out
}

// againstJudge scores how far raters agree with the scores of a judge, where records have them.
func (r *scorer) againstJudge() error {
	if !r.sheet.has["judge"] {
		return nil
	}
	if err := r.judgeEffect(); err != nil {
		return err
	}
	all := r.views(func(x rating) float64 { return x.value })
	for i, v := range append(slices.Clone(all[:len(all)-1]), all[len(all)-1].means()) {
		p := &pairs{}
		for _, s := range v.of {
			for k, record := range s.records {
				p.add(record, s.values[k], r.sheet.judge[record])
			}
		}
		if err := r.correlate(v.name, p); err != nil {
			return err
		}
		if i == len(all)-1 {
			continue // means are no categories
		}
		if len(p.a) == 0 {
			for _, w := range weightings {
				r.undefined("judge_kappa", dims("rater", v.name, "weights", w.name), errNoJudged)
			}
			continue
		}
		unequal := errNotWhole
		if c, err := newCategories(p.b); err != nil || !c.apart {
			unequal = errScoresBetween
		}
		if err := r.kappas("judge_kappa", "rater", v.name, p, unequal); err != nil {
			return err
		}
	}
	return nil
}

// correlate scores the ratings of a rater against the scores of the judge.
func (r *scorer) correlate(rater string, p *pairs) error {
	of, n := dims("rater", rater), len(p.a)
	if n == 0 {
		r.undefined("judge_correlation", of, errNoJudged)
		r.undefined("judge_difference", of, errNoJudged)
		return nil
	}
	correlation, difference := estimate{n: n}, estimate{n: n}
	correlation.value, correlation.err = stats.Spearman(p.a, p.b)
	err := r.bootstrap(p.records, []*estimate{&correlation}, func(times []int32, out []float64) (err error) {
		drawn := p.drawn(times)
		out[0], err = stats.Spearman(drawn.a, drawn.b)
		return err
	})
	var low, high float64
	var without error
	apart := p.differences()
	difference.value, difference.err = stats.Mean(apart)
	_, low, high, without = stats.MeanInterval(apart, r.config.Level)
	difference.formula(low, high, r.config.Level, "Student's t", without)
	r.add("judge_correlation", of, correlation)
	r.add("judge_difference", of, difference)
	return err
}

// judgeEffect scores by how much the judge tells origins apart, on the records that were rated.
func (r *scorer) judgeEffect() error {
	if !r.sheet.has["origin"] {
		r.undefined("judge_cohens_d", nil, errNoOrigin)
		return nil
	}
	var of [2]sample
	for record, score := range r.sheet.judge {
		if !math.IsNaN(score) {
			of[r.sheet.origins[record]].add(record, score)
		}
	}
	d := estimate{n: len(of[0].values) + len(of[1].values)}
	if len(of[0].values) == 0 || len(of[1].values) == 0 {
		d.err = errOneOrigin
	} else if effect, err := stats.NewEffectSize(of[0].values, of[1].values); err != nil {
		d.err = err
	} else {
		d.value = effect.D
	}
	err := r.bootstrap(slices.Concat(of[0].records, of[1].records), []*estimate{&d}, func(times []int32, out []float64) error {
		effect, err := stats.NewEffectSize(of[0].drawn(times), of[1].drawn(times))
		if err == nil {
			out[0] = effect.D
		}
		return err
	})
	r.add("judge_cohens_d", nil, d)
	return err
}
