package contrast

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/stats"
	"github.com/ehrlab/ehrlab/runner/record"
)

// Estimate returns the effect of pairs whose units are seeds; see Group.Effect.
func Estimate(pairs []Pair, level float64) (*Effect, error) { return estimate(pairs, "seeds", level) }

// Effect returns the mean difference over the units of the group, with an interval of coverage level.
//
// Where all scores have draws on the same resamples of the same test rows, the interval is over both levels, units and test rows
// (stats.TwoLevelDifference). Else it is Student's t of the paired differences, over units alone, and of one unit with draws the paired
// bootstrap's, over test rows alone. Units that all have the same difference, not 0, have an interval without width, where so many equal
// signs are no coincidence: there are no fewer than six at 95 %.
//
// Pairs that lack a value are left out and counted. It returns ErrNoPairs where none is left, ErrTestRows where the two of a pair were not
// rated on the same rows, and stats.ErrLevel.
func (g *Group) Effect(level float64) (*Effect, error) { return estimate(g.Pairs, g.Unit, level) }

func estimate(pairs []Pair, unit string, level float64) (*Effect, error) {
	if !(level > 0 && level < 1) {
		return nil, stats.ErrLevel
	}
	units, left, err := unitsOf(pairs)
	if err != nil {
		return nil, err
	}
	if len(units) == 0 {
		return nil, ErrNoPairs
	}
	e := &Effect{Level: level, N: len(pairs) - len(left), Of: len(pairs), Left: left, Units: len(units), Same: alwaysEqual(units)}
	points := make([]float64, len(units))
	for i, u := range units {
		points[i] = u.mean(func(p *Pair) float64 { return p.A.Value - p.B.Value })
	}
	e.Value, _ = stats.Mean(points)
	d := sharedDraws(units)
	switch {
	case d != nil && len(points) > 1:
		e.estimate, err = stats.TwoLevel(points, differences(units, len(d.Values)), level)
		e.Unit, e.Method = unit+" × "+d.Unit, fmt.Sprintf("two-level: paired Student t, %d joint resamples", len(d.Values))
	case d != nil:
		e.estimate, err = stats.Resampled(e.Value, wide(differences(units, len(d.Values))[0]), level)
		e.Unit, e.Method = d.Unit, fmt.Sprintf("paired bootstrap, %d joint resamples", len(d.Values))
	case len(points) > 1:
		e.estimate, err = stats.OneLevel(points, level)
		e.Unit, e.Method = unit, "paired Student t"
	default:
		err = errors.New("one pair, without draws on resamples of its test rows, does not tell what varies")
	}
	if err != nil && !e.Same {
		e.Unsure = err.Error()
	}
	e.chance = math.Ldexp(1, 1-len(units)) // that all signs agree
	e.conclude(rounding(units))
	return e, nil
}

// conclude sets what follows from the estimate. Differences that vary by no more than rounding are taken to be alike.
func (e *Effect) conclude(rounding float64) {
	if e.estimate != nil && e.estimate.SE <= rounding {
		e.constant = true
		e.Method = "exact test of values that do not vary"
		e.Unsure = e.UnsureAt(e.Level)
	}
	if e.estimate != nil && !e.constant {
		e.SE = e.estimate.SE
	}
	e.P = e.PAgainst(0)
	e.Low, e.High, _ = e.At(e.Level)          // the level was checked
	e.Detectable, _ = e.DetectableAt(e.Level) // likewise
	if e.Unsure != "" {
		e.Unit, e.Method = "", ""
	}
}

// unit is the pairs of one unit that have both values, by part.
type unit struct {
	order []string // of the parts, as they occur: float addition is not associative
	parts map[string][]*Pair
}

// unitsOf groups the pairs by unit; left are those that do not count.
func unitsOf(pairs []Pair) (units []*unit, left []Left, err error) {
	byName, parts := map[string]*unit{}, map[string]bool{}
	for i := range pairs {
		p := &pairs[i]
		if p.Unit != "" {
			parts[p.Part] = true
		}
		if why := p.lacks(); why != "" {
			left = append(left, Left{p.Label, why})
			continue
		}
		if a, b := p.A.Draws, p.B.Draws; a != nil && b != nil && a.Of != b.Of {
			return nil, nil, fmt.Errorf("%s%w", prefix(p.Label), ErrTestRows)
		}
		u := byName[p.Unit]
		if u == nil || p.Unit == "" {
			u = &unit{parts: map[string][]*Pair{}}
			byName[p.Unit] = u
			units = append(units, u)
		}
		if u.parts[p.Part] == nil {
			u.order = append(u.order, p.Part)
		}
		u.parts[p.Part] = append(u.parts[p.Part], p)
	}
	units = slices.DeleteFunc(units, func(u *unit) bool {
		if first := u.parts[u.order[0]][0]; first.Unit == "" || len(u.order) == len(parts) {
			return false
		}
		for _, part := range u.order {
			for _, p := range u.parts[part] {
				left = append(left, Left{p.Label, "others that it is averaged with have no value"})
			}
		}
		return true
	})
	return units, left, nil
}

// lacks says why a pair does not count; empty where it does.
func (p *Pair) lacks() string {
	for _, s := range []*record.Score{p.A, p.B} {
		switch {
		case s != nil && s.Status == plugins.OK:
		case p.Why != "":
			return p.Why
		case s == nil:
			return "not measured on both sides"
		default:
			return whyNot(s)
		}
	}
	return ""
}

func whyNot(s *record.Score) string { return string(s.Status) + ": " + s.Reason }

func prefix(label string) string {
	if label == "" {
		return ""
	}
	return label + ": "
}

// mean is that of a number over the parts of a unit, each the mean over its pairs.
func (u *unit) mean(of func(*Pair) float64) float64 {
	sum := 0.0
	for _, part := range u.order {
		own := 0.0
		for _, p := range u.parts[part] {
			own += of(p)
		}
		sum += own / float64(len(u.parts[part]))
	}
	return sum / float64(len(u.order))
}

// each calls f with the two scores of each pair.
func each(units []*unit, f func(a, b *record.Score)) {
	for _, u := range units {
		for _, part := range u.order {
			for _, p := range u.parts[part] {
				f(p.A, p.B)
			}
		}
	}
}

// sharedDraws returns draws like those of all scores; nil where some have none, or not on the same resamples of the same test rows.
func sharedDraws(units []*unit) *record.Draws {
	var first *record.Draws
	shared := true
	each(units, func(a, b *record.Score) {
		if first == nil {
			first = a.Draws
		}
		shared = shared && Joint(first, a.Draws) && Joint(first, b.Draws)
	})
	if !shared {
		return nil
	}
	return first
}

// Joint reports whether two scores were drawn on the same resamples of the same test rows; draws that are not there are not.
func Joint(a, b *record.Draws) bool {
	return a != nil && b != nil && a.Of == b.Of && a.Unit == b.Unit && len(a.Values) == len(b.Values) && len(a.Values) > 1
}

// differences are those of each unit on each of n resamples.
func differences(units []*unit, n int) [][]float32 {
	out := make([][]float32, len(units))
	for k, u := range units {
		out[k] = make([]float32, n)
		for i := range n {
			out[k][i] = float32(u.mean(func(p *Pair) float64 { return float64(p.A.Draws.Values[i]) - float64(p.B.Draws.Values[i]) }))
		}
	}
	return out
}

func wide(values []float32) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = float64(v)
	}
	return out
}

func alwaysEqual(units []*unit) bool {
	equal := true
	each(units, func(a, b *record.Score) { equal = equal && a.Value == b.Value })
	return equal
}

// rounding is how far differences of such scores may be off by the rounding of float64.
func rounding(units []*unit) float64 {
	size := 0.0
	each(units, func(a, b *record.Score) { size = max(size, math.Abs(a.Value), math.Abs(b.Value)) })
	return 4 * 0x1p-52 * size
}

// Units is the number of units that have pairs.
func (g *Group) Units() int {
	names := map[string]bool{}
	for i := range g.Pairs {
		names[g.Pairs[i].Unit] = true
	}
	return len(names)
}

// Spread returns the standard deviation of A over the units of the group. It returns ErrNoPairs and stats.ErrOneRow for too few of them.
func (g *Group) Spread() (float64, error) {
	units, _, err := unitsOf(g.Pairs)
	if err != nil {
		return 0, err
	}
	if len(units) == 0 {
		return 0, ErrNoPairs
	}
	values := make([]float64, len(units))
	for i, u := range units {
		values[i] = u.mean(func(p *Pair) float64 { return p.A.Value })
	}
	return stats.SD(values)
}
