package attack

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Outcome is how attacks went. Successes need not be whole: an attack that leaves several guesses counts the share that is right.
type Outcome struct {
	Attacks   int
	Successes float64
}

// Rate is a share of successes with the half-width of its interval.
type Rate struct{ Value, Error float64 }

// Rate returns the centre and the half-width of the Wilson interval of a coverage, with z its normal quantile:
//
//	(s + z²/2)/(n + z²)   and   z/(n + z²) · √(s(n-s)/n + z²/4)
//
// Both lie in [0,1]. It returns ErrNoRows without attacks and ErrLevel for a wrong level.
//
// Source: E. B. Wilson (1927), J. Am. Stat. Assoc. 22(158), 209–212; as the rate of an attack: M. Giomi et al. (2023),
// Proc. Priv. Enhancing Technol. 2023(2), 312–328.
func (o Outcome) Rate(level float64) (Rate, error) {
	switch {
	case !(level > 0 && level < 1):
		return Rate{}, stats.ErrLevel
	case o.Attacks < 1:
		return Rate{}, stats.ErrNoRows
	case !(o.Successes >= 0 && o.Successes <= float64(o.Attacks)):
		return Rate{}, stats.ErrCount
	}
	z := distuv.UnitNormal.Quantile((1 + level) / 2)
	n := float64(o.Attacks)
	return Rate{
		Value: (o.Successes + z*z/2) / (n + z*z),
		Error: z / (n + z*z) * math.Sqrt(o.Successes*(n-o.Successes)/n+z*z/4),
	}, nil
}

// Risk is what an attack wins beyond the population, with its interval; all three lie in [0,1].
type Risk struct{ Value, Low, High float64 }

// Excess returns (attack - control)/(1 - control): the share of the patients whom the population does not give away
// that the attack finds. The half-widths are propagated as independent errors; value and bounds are cut to [0,1].
// It returns an Undefined when the control rate leaves nothing to win.
//
// Source: M. Giomi et al. (2023), Proc. Priv. Enhancing Technol. 2023(2), 312–328, section 4.
func Excess(attack, control Rate) (Risk, error) {
	left := 1 - control.Value
	if !(left > 0) {
		return Risk{}, Undefined("attacks on the control rows always succeed")
	}
	value := (attack.Value - control.Value) / left
	half := math.Hypot(attack.Error/left, control.Error*(attack.Value-1)/(left*left))
	cut := func(x float64) float64 { return min(max(x, 0), 1) }
	return Risk{cut(value), cut(value - half), cut(value + half)}, nil
}

// RateScores describes what Rates returns. Their names are followed by a suffix, which may be empty.
func RateScores(suffix, what string, dims ...string) []plugins.ScoreInfo {
	return []plugins.ScoreInfo{
		{Name: "risk" + suffix, Summary: what + ": success on exposed rows beyond that on test rows, (attack - control)/(1 - control), cut to [0,1]", Min: 0, Max: 1, Better: plugins.Lower, Dims: dims},
		{Name: "attack_rate" + suffix, Summary: what + ": share of attacks on exposed rows that succeed, centre of the Wilson interval", Min: 0, Max: 1, Better: plugins.Lower, Dims: dims},
		{Name: "control_rate" + suffix, Summary: what + ": the same on test rows, which the generator has not seen", Min: 0, Max: 1, Better: plugins.Neutral, Dims: dims},
		{Name: "naive_rate" + suffix, Summary: what + ": the same by guessing, without looking at what is known of the patient", Min: 0, Max: 1, Better: plugins.Neutral, Dims: dims},
	}
}

// Rates returns the scores of RateScores for the outcomes of the attack, of the control and of guessing.
//
// An attack that does not beat guessing warns at the risk: it shows nothing, neither a leak nor its absence.
func Rates(suffix string, dims map[string]string, level float64, attack, control, naive Outcome, warnings []string) []plugins.Score {
	name := func(s string) plugins.Score {
		return plugins.Score{Name: s + suffix, Dims: dims, Status: plugins.OK, Warnings: warnings}
	}
	interval := func(low, high float64, of, method string) *plugins.Interval {
		return &plugins.Interval{Low: low, High: high, Level: level, Unit: of, Method: method}
	}
	out := make([]plugins.Score, 4)
	rates := make([]Rate, 3)
	var missing string
	for i, o := range []struct {
		name, of, none string
		Outcome
	}{
		{"attack_rate", "exposed rows", "no exposed row can be attacked", attack},
		{"control_rate", "test rows", "no test row can be attacked", control},
		{"naive_rate", "exposed rows", "no exposed row can be attacked", naive},
	} {
		s := name(o.name)
		rate, err := o.Rate(level)
		if err != nil {
			s.Status, s.Reason, s.Warnings = plugins.Undefined, o.none, nil
			if missing == "" {
				missing = o.none
			}
		} else {
			s.Value, s.N = rate.Value, o.Attacks
			s.Interval = interval(max(0, rate.Value-rate.Error), min(1, rate.Value+rate.Error), o.of, "Wilson")
		}
		rates[i], out[i+1] = rate, s
	}
	s := name("risk")
	risk, err := Risk{}, error(Undefined(missing))
	if missing == "" {
		risk, err = Excess(rates[0], rates[1])
	}
	if err != nil {
		s.Status, s.Reason, s.Warnings = plugins.Undefined, err.Error(), nil
	} else {
		s.Value, s.N = risk.Value, attack.Attacks
		s.Interval = interval(risk.Low, risk.High, "exposed and test rows", "Wilson, propagated")
		if rates[0].Value <= rates[2].Value {
			s.Warnings = append(s.Warnings[:len(s.Warnings):len(s.Warnings)], fmt.Sprintf("the attack is no better than guessing (%.3f against %.3f): it shows neither a leak nor its absence", rates[0].Value, rates[2].Value))
		}
	}
	out[0] = s
	return out
}

// Dependent warns when rows of one subject make the Wilson intervals too narrow; else there is no warning.
func (r *Roster) Dependent() []string {
	if !r.Repeated() {
		return nil
	}
	return []string{fmt.Sprintf("%d rows are of %d subjects: the intervals take rows for independent and are too narrow", len(r.Unit), r.Units)}
}
