package ratings

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/stats"
)

// changes scores the ratings less those of an earlier round, of other records, where a file of these is named. Only raters of both
// rounds, all of them together, and the means of records have a change.
func (r *scorer) changes() error {
	if r.before == nil {
		return nil
	}
	value := func(x rating) float64 { return x.value }
	earlier := *r
	earlier.sheet, earlier.draws = r.before, "ratings before"
	now, then := r.views(value), earlier.views(value)
	now, then = append(now, now[len(now)-1].means()), append(then, then[len(then)-1].means())
	for _, v := range now {
		at := slices.IndexFunc(then, func(w *view) bool { return w.name == v.name })
		if at < 0 {
			continue
		}
		if err := r.effectChange(v, &earlier, then[at]); err != nil {
			return err
		}
		if r.config.AtMost != nil && v.name != all {
			r.shareChange(v, &earlier, then[at])
		}
	}
	return nil
}

// effectChange scores Cohen's d less that of the earlier round. Records of the two rounds are resampled apart.
func (r *scorer) effectChange(v *view, earlier *scorer, w *view) error {
	of := dims("rater", v.name)
	for _, x := range []struct {
		*scorer
		v    *view
		when string
	}{{r, v, ""}, {earlier, w, "of the round before, "}} {
		if reason := x.incomparable(x.v); reason != nil {
			r.undefined("cohens_d_change", of, fmt.Errorf("%s%w", x.when, reason))
			return nil
		}
	}
	e := estimate{n: len(v.records()) + len(w.records())}
	d := func(of *view) func(times []int32, out []float64) error {
		return func(times []int32, out []float64) error {
			effect, err := stats.NewEffectSize(of.of[0].drawn(times), of.of[1].drawn(times))
			if err == nil {
				out[0] = effect.D
			}
			return err
		}
	}
	a, errA := stats.NewEffectSize(v.of[0].values, v.of[1].values)
	b, errB := stats.NewEffectSize(w.of[0].values, w.of[1].values)
	if e.err = errors.Join(errA, errB); e.err == nil {
		e.value = a.D - b.D
		first, why, err := r.resample(v.records(), 1, d(v))
		if err != nil {
			return err
		}
		second, whyBefore, err := earlier.resample(w.records(), 1, d(w))
		if err != nil {
			return err
		}
		if e.without = why + whyBefore; why == "" && whyBefore == "" {
			apart := make([]float64, r.config.Resamples)
			for i := range apart {
				apart[i] = first.Values(0)[i] - second.Values(0)[i]
			}
			low, high, err := stats.PercentileInterval(apart, r.config.Level)
			e.formula(low, high, r.config.Level, fmt.Sprintf("percentile bootstrap of either round, %d resamples", r.config.Resamples), err)
		}
	}
	r.add("cohens_d_change", of, e)
	return nil
}

// shareChange scores the share of each origin's ratings up to the threshold less that of the earlier round.
func (r *scorer) shareChange(v *view, earlier *scorer, w *view) {
	low := func(x float64) bool { return x <= *r.config.AtMost }
	for o, origin := range r.origins() {
		of := dims("origin", origin, "rater", v.name)
		if o >= len(earlier.origins()) || len(v.of[o].values) == 0 || len(w.of[o].values) == 0 {
			r.undefined("share_change", of, errNoRating)
			continue
		}
		k1, n1 := tally(v.of[o].values, low), len(v.of[o].values)
		k2, n2 := tally(w.of[o].values, low), len(w.of[o].values)
		e := estimate{value: float64(k1)/float64(n1) - float64(k2)/float64(n2), n: n1 + n2}
		from, to, err := stats.Newcombe(k1, n1, k2, n2, r.config.Level)
		e.formula(from, to, r.config.Level, "Newcombe's hybrid score", err)
		r.add("share_change", of, e)
	}
}
