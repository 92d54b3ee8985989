package rate

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
)

// Breach is an output of a metric that is not what it declared.
type Breach struct{ What string }

// Error says what is wrong.
func (b *Breach) Error() string { return b.What }

// breach holds a metric to what it declared, before its output is kept; "" when all is well.
func breach(m *plugins.Measurement, info *plugins.Info) string {
	for _, s := range m.Scores {
		if what := scoreBreach(s, info); what != "" {
			return what
		}
	}
	for _, c := range m.Curves {
		if what := curveBreach(c, info); what != "" {
			return what
		}
	}
	for _, d := range m.Draws {
		if what := drawsBreach(d, m); what != "" {
			return what
		}
	}
	return ""
}

func notFinite(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) }

func scoreBreach(s plugins.Score, info *plugins.Info) string {
	i := slices.IndexFunc(info.Scores, func(x plugins.ScoreInfo) bool { return x.Name == s.Name })
	if i < 0 {
		return fmt.Sprintf("returned the score %q, which it does not declare", s.Name)
	}
	declared := info.Scores[i]
	const rounding = 1e-9
	slack := rounding * max(1, math.Abs(s.Value))
	switch {
	case s.Status == plugins.Undefined && s.Reason == "":
		return fmt.Sprintf("score %q is undefined without a reason", s.Name)
	case s.Status != plugins.OK && s.Status != plugins.Undefined:
		return fmt.Sprintf("score %q has the status %q", s.Name, s.Status)
	case notFinite(s.Value):
		return fmt.Sprintf("score %q is not a number", s.Name)
	case s.Status == plugins.OK && (s.Value < declared.Min-slack || s.Value > declared.Max+slack):
		return fmt.Sprintf("score %q is %g, outside its range [%g, %g]", s.Name, s.Value, declared.Min, declared.Max)
	case s.N < 0:
		return fmt.Sprintf("score %q rests on %d rows", s.Name, s.N)
	}
	for _, dim := range slices.Sorted(maps.Keys(s.Dims)) {
		if !slices.Contains(declared.Dims, dim) {
			return fmt.Sprintf("score %q has the dimension %q, which it does not declare", s.Name, dim)
		}
	}
	if iv := s.Interval; iv != nil && s.Status == plugins.OK {
		if notFinite(iv.Low) || notFinite(iv.High) || iv.Low > iv.High || !(iv.Level > 0 && iv.Level < 1) || iv.Unit == "" {
			return fmt.Sprintf("score %q has no proper interval: %+v", s.Name, *iv)
		}
	}
	return ""
}

// drawsBreach holds draws to a score of the same measurement that has a value.
func drawsBreach(d plugins.Draws, m *plugins.Measurement) string {
	of := slices.IndexFunc(m.Scores, func(s plugins.Score) bool { return s.Name == d.Score && maps.Equal(s.Dims, d.Dims) })
	switch {
	case of < 0 || m.Scores[of].Status != plugins.OK:
		return fmt.Sprintf("has draws of %q, dimensions %v, and no such score with a value", d.Score, d.Dims)
	case len(d.Values) > plugins.MaxDraws || d.Unit == "" || d.Of == "":
		return fmt.Sprintf("has %d draws of %q, of the unit %q of %q; at most %d, with a unit, are kept", len(d.Values), d.Score, d.Unit, d.Of, plugins.MaxDraws)
	case slices.ContainsFunc(d.Values, func(v float32) bool { return notFinite(float64(v)) }):
		return fmt.Sprintf("has a draw of %q that is not a number", d.Score)
	}
	return ""
}
