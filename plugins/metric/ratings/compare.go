package ratings

import (
	"errors"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Why two origins are not compared.
var (
	errNoOrigin  = errors.New("the file has no column of origins")
	errClustered = errors.New("ratings of one record hang together: see the mean of each record")
	errNoRating  = errors.New("no record has such a rating")
)

// view is a number for each of some ratings, or for each record, by origin. Without origins all are in the first sample.
type view struct {
	name string // of the rater, all or mean
	of   [2]sample
}

// records are those of both samples.
func (v *view) records() []int { return slices.Concat(v.of[0].records, v.of[1].records) }

func (v *view) clustered() bool { return v.of[0].clustered() || v.of[1].clustered() }

// views returns a view of what value tells of ratings for each rater and of all; NaN tells nothing.
func (r *scorer) views(value func(rating) float64) []*view {
	s := r.sheet
	out := make([]*view, len(s.raters)+1)
	for i, name := range append(slices.Clone(s.raters), all) {
		out[i] = &view{name: name}
	}
	for _, x := range s.first {
		v := value(x)
		if math.IsNaN(v) {
			continue
		}
		at := max(s.origins[x.record], 0)
		out[x.rater].of[at].add(x.record, v)
		out[len(out)-1].of[at].add(x.record, v)
	}
	return out
}

// means returns the mean of each record.
func (v *view) means() *view {
	out := &view{name: mean}
	for o, s := range v.of {
		for start := 0; start < len(s.records); {
			end := start + 1
			for end < len(s.records) && s.records[end] == s.records[start] {
				end++
			}
			m, _ := stats.Mean(s.values[start:end]) // there is one
			out.of[o].add(s.records[start], m)
			start = end
		}
	}
	return out
}

// origins are the names of the samples of a view.
func (r *scorer) origins() []string {
	if r.sheet.has["origin"] {
		return r.config.Origins[:]
	}
	return []string{all}
}

// compare scores origins, and their difference.
func (r *scorer) compare() error {
	views := r.views(func(x rating) float64 { return x.value })
	views = append(views, views[len(views)-1].means())
	for _, v := range views {
		for o, origin := range r.origins() {
			if err := r.describe(&v.of[o], origin, v.name); err != nil {
				return err
			}
		}
		if err := r.difference(v); err != nil {
			return err
		}
	}
	for _, limit := range []struct {
		of string
		at *float64
		in func(x, at float64) bool
	}{
		{atMost, r.config.AtMost, func(x, at float64) bool { return x <= at }},
		{atLeast, r.config.AtLeast, func(x, at float64) bool { return x >= at }},
	} {
		if limit.at == nil {
			continue
		}
		for _, v := range views {
			if err := r.shares(v, limit.of, func(x float64) bool { return limit.in(x, *limit.at) }); err != nil {
				return err
			}
		}
	}
	return r.flags()
}

// flags scores the shares of ratings with a flag, where there are flags.
func (r *scorer) flags() error {
	if !r.sheet.has["flag"] {
		return nil
	}
	views := r.views(func(x rating) float64 {
		if x.flag == none {
			return math.NaN()
		}
		return float64(x.flag)
	})
	for _, v := range views {
		if err := r.shares(v, flagged, func(x float64) bool { return x == 1 }); err != nil {
			return err
		}
	}
	return nil
}

// describe scores the ratings of one origin.
func (r *scorer) describe(s *sample, origin, rater string) error {
	centre, err := r.mean(s)
	if err != nil {
		return err
	}
	spread := estimate{n: len(s.values)}
	if spread.value, spread.err = stats.SD(s.values); len(s.values) == 0 {
		centre.err, spread.err = errNoRating, errNoRating
	}
	err = r.bootstrap(s.records, []*estimate{&spread}, func(times []int32, out []float64) (err error) {
		out[0], err = stats.SD(s.drawn(times))
		return err
	})
	of := dims("origin", origin, "rater", rater)
	r.add("rating_mean", of, centre)
	r.add("rating_sd", of, spread)
	return err
}

// mean is that of a sample: with Student's interval where each record has one value, else by bootstrap.
func (r *scorer) mean(s *sample) (estimate, error) {
	e := estimate{n: len(s.values)}
	if e.value, e.err = stats.Mean(s.values); !s.clustered() {
		_, low, high, err := stats.MeanInterval(s.values, r.config.Level)
		e.formula(low, high, r.config.Level, "Student's t", err)
		return e, nil
	}
	err := r.bootstrap(s.records, []*estimate{&e}, func(times []int32, out []float64) (err error) {
		out[0], err = stats.Mean(s.drawn(times))
		return err
	})
	return e, err
}

// compared are the scores of two origins of a view.
var compared = []string{"mean_difference", "cohens_d", "hedges_g", "mann_whitney_auc", "mann_whitney_u", "mann_whitney_p"}

// difference compares the ratings of two origins.
func (r *scorer) difference(v *view) error {
	of := dims("rater", v.name)
	if reason := r.incomparable(v); reason != nil {
		for _, name := range compared {
			r.undefined(name, of, reason)
		}
		return nil
	}
	if err := r.effect(v); err != nil {
		return err
	}
	return r.ranks(v)
}

// incomparable says why two origins of a view cannot be compared.
func (r *scorer) incomparable(v *view) error {
	if !r.sheet.has["origin"] {
		return errNoOrigin
	}
	for o, s := range v.of {
		if len(s.values) == 0 {
			return errors.New("no record of the origin " + r.config.Origins[o] + " has such a rating")
		}
	}
	return nil
}

// effect scores by how much the means differ.
func (r *scorer) effect(v *view) error {
	a, b := &v.of[0], &v.of[1]
	n := len(a.values) + len(b.values)
	difference, d, g := estimate{n: n}, estimate{n: n}, estimate{n: n}
	means := func(a, b []float64) (float64, error) {
		x, errA := stats.Mean(a)
		y, errB := stats.Mean(b)
		return x - y, errors.Join(errA, errB)
	}
	if difference.value, difference.err = means(a.values, b.values); v.clustered() {
		err := r.bootstrap(v.records(), []*estimate{&difference}, func(times []int32, out []float64) (err error) {
			out[0], err = means(a.drawn(times), b.drawn(times))
			return err
		})
		if err != nil {
			return err
		}
	} else if test, err := stats.Welch(a.values, b.values); err != nil {
		difference.without = err.Error()
	} else {
		low, high, err := test.Interval(r.config.Level)
		difference.formula(low, high, r.config.Level, "Welch's t", err)
	}
	if effect, err := stats.NewEffectSize(a.values, b.values); err != nil {
		d.err, g.err = err, err
	} else {
		d.value, g.value = effect.D, effect.G
	}
	err := r.bootstrap(v.records(), []*estimate{&d, &g}, func(times []int32, out []float64) error {
		effect, err := stats.NewEffectSize(a.drawn(times), b.drawn(times))
		if err == nil {
			out[0], out[1] = effect.D, effect.G
		}
		return err
	})
	of := dims("rater", v.name)
	r.add("mean_difference", of, difference)
	r.add("cohens_d", of, d)
	r.add("hedges_g", of, g)
	return err
}

// ranks scores how often a rating of the first origin is the greater. The p-value takes ratings for independent.
func (r *scorer) ranks(v *view) error {
	a, b := &v.of[0], &v.of[1]
	test, err := stats.MannWhitney(a.values, b.values)
	if err != nil {
		return err // both samples have values
	}
	n := len(a.values) + len(b.values)
	auc := estimate{value: test.AUC, n: n}
	p := estimate{value: test.P, n: n, err: test.UndefinedP}
	if v.clustered() {
		p.err = errClustered
	}
	err = r.bootstrap(v.records(), []*estimate{&auc}, func(times []int32, out []float64) error {
		test, err := stats.MannWhitney(a.drawn(times), b.drawn(times))
		if err == nil {
			out[0] = test.AUC
		}
		return err
	})
	of := dims("rater", v.name)
	r.add("mann_whitney_auc", of, auc)
	r.add("mann_whitney_u", of, estimate{value: test.U, n: n})
	r.add("mann_whitney_p", of, p)
	return err
}

// tally counts the values that are in.
func tally(values []float64, in func(float64) bool) (k int) {
	for _, x := range values {
		if in(x) {
			k++
		}
	}
	return k
}

// shares scores the share of each origin's values that are in, and their difference.
func (r *scorer) shares(v *view, what string, in func(float64) bool) error {
	var counts [2][2]int // by origin: those that are in, and all
	for o, origin := range r.origins() {
		s := &v.of[o]
		counts[o] = [2]int{tally(s.values, in), len(s.values)}
		r.add("share", dims("origin", origin, "rater", v.name, "of", what), r.proportion(s, in))
	}
	of := dims("rater", v.name, "of", what)
	if reason := r.incomparable(v); reason != nil {
		r.undefined("share_difference", of, reason)
		r.undefined("share_p", of, reason)
		return nil
	}
	k1, n1, k2, n2 := counts[0][0], counts[0][1], counts[1][0], counts[1][1]
	d := estimate{value: float64(k1)/float64(n1) - float64(k2)/float64(n2), n: n1 + n2}
	p := estimate{n: n1 + n2}
	if v.clustered() {
		p.err = errClustered
		err := r.bootstrap(v.records(), []*estimate{&d}, func(times []int32, out []float64) error {
			a, b := v.of[0].drawn(times), v.of[1].drawn(times)
			if len(a) == 0 || len(b) == 0 {
				return stats.ErrNoRows
			}
			out[0] = float64(tally(a, in))/float64(len(a)) - float64(tally(b, in))/float64(len(b))
			return nil
		})
		if err != nil {
			return err
		}
	} else {
		low, high, err := stats.Newcombe(k1, n1, k2, n2, r.config.Level)
		d.formula(low, high, r.config.Level, "Newcombe's hybrid score", err)
		p.value, p.err = stats.FisherExact(k1, n1, k2, n2)
	}
	r.add("share_difference", of, d)
	r.add("share_p", of, p)
	return nil
}

// proportion is the share of values that are in. Values of a record count as if all of them were alike: by Kish's effective number.
func (r *scorer) proportion(s *sample, in func(float64) bool) estimate {
	k, n := tally(s.values, in), len(s.values)
	e := estimate{n: n}
	if n == 0 {
		e.err = errNoRating
		return e
	}
	e.value = float64(k) / float64(n)
	if s.clustered() {
		low, high, err := stats.WilsonShare(e.value, s.effective(), r.config.Level)
		e.formula(low, high, r.config.Level, "Wilson, Kish's effective number", err)
		return e
	}
	low, high, err := stats.Wilson(k, n, r.config.Level)
	e.formula(low, high, r.config.Level, "Wilson", err)
	return e
}
