package ratings

import (
	"errors"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Why guesses are not scored.
var (
	errNoGuesses    = errors.New("the file has no column of guesses")
	errNoGuess      = errors.New("nobody guessed of a record of this origin")
	errNoConfidence = errors.New("the file has no column of confidence")
	errNoSuchGuess  = errors.New("there is no such guess whose confidence is told")
)

// How a guess turns out.
const (
	right = 1.0
	wrong = -1.0
	open  = 0.0
)

// outcome is how the guess of a rating turns out; NaN where there is none.
func (r *scorer) outcome(x rating) float64 {
	switch x.guess {
	case none:
		return math.NaN()
	case unknown:
		return open
	case r.sheet.origins[x.record]:
		return right
	}
	return wrong
}

// blinding scores whether raters see where records come from.
func (r *scorer) blinding() error {
	var reason error
	switch {
	case !r.sheet.has["guess"]:
		reason = errNoGuesses
	case !r.sheet.has["origin"]:
		reason = errNoOrigin
	}
	if reason != nil {
		for _, origin := range r.config.Origins {
			r.undefined("blinding_index", dims("origin", origin, "rater", all), reason)
		}
		return r.confidence(reason)
	}
	for _, v := range r.views(r.outcome) {
		for o, origin := range r.config.Origins {
			e, err := r.index(&v.of[o])
			if err != nil {
				return err
			}
			r.add("blinding_index", dims("origin", origin, "rater", v.name), e)
		}
	}
	if !r.sheet.has["confidence"] {
		reason = errNoConfidence
	}
	return r.confidence(reason)
}

// index is Bang's index of outcomes.
func (r *scorer) index(s *sample) (estimate, error) {
	of := func(outcomes []float64) (*stats.Blinding, error) {
		is := func(what float64) int { return tally(outcomes, func(x float64) bool { return x == what }) }
		return stats.NewBlinding(is(right), is(wrong), is(open))
	}
	e := estimate{n: len(s.values)}
	if e.n == 0 {
		e.err = errNoGuess
		return e, nil
	}
	found, err := of(s.values)
	if err != nil {
		return e, err // no count is negative
	}
	e.value = found.Value
	if s.clustered() {
		err := r.bootstrap(s.records, []*estimate{&e}, func(times []int32, out []float64) error {
			drawn, err := of(s.drawn(times))
			if err == nil {
				out[0] = drawn.Value
			}
			return err
		})
		return e, err
	}
	low, high, err := found.Interval(r.config.Level)
	e.formula(low, high, r.config.Level, "normal", err)
	return e, nil
}

// confidence scores how sure raters are of guesses that are right, and of those that are wrong.
func (r *scorer) confidence(reason error) error {
	for _, guess := range []struct {
		name string
		is   float64
	}{{"right", right}, {"wrong", wrong}} {
		if reason != nil {
			r.undefined("confidence", dims("rater", all, "guess", guess.name), reason)
			continue
		}
		for _, v := range r.views(func(x rating) float64 {
			if r.outcome(x) != guess.is {
				return math.NaN()
			}
			return x.confidence
		}) {
			both := sample{slices.Concat(v.of[0].records, v.of[1].records), slices.Concat(v.of[0].values, v.of[1].values)}
			e, err := r.mean(&both)
			if len(both.values) == 0 {
				e.err = errNoSuchGuess
			}
			if err != nil {
				return err
			}
			r.add("confidence", dims("rater", v.name, "guess", guess.name), e)
		}
	}
	return nil
}
