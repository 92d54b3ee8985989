package simulatedicu

import (
	"math"
	"testing"
)

func TestOverNormal(t *testing.T) {
	fine := func(f func(z float64) float64) float64 { // the rule with a hundredth of the step
		sum, mass := 0.0, 0.0
		for i := -2000; i <= 2000; i++ {
			z := 0.003 * float64(i)
			sum, mass = sum+math.Exp(-z*z/2)*f(z), mass+math.Exp(-z*z/2)
		}
		return sum / mass
	}
	for sd, tolerance := range map[float64]float64{0: 1e-12, 1: 1e-8, 3: 1e-8, 8: 1e-3} {
		f := func(z float64) float64 { return sigmoid(-1.3 + sd*z) }
		if got, want := overNormal(f), fine(f); math.Abs(got-want) > tolerance {
			t.Errorf("SD %v: %v, want %v", sd, got, want)
		}
		for _, share := range []float64{0.01, 0.3, 0.99} {
			a := offset(share, sd)
			if got := fine(func(z float64) float64 { return sigmoid(a + sd*z) }); math.Abs(got-share) > 2*tolerance {
				t.Errorf("SD %v: the log-odds for a share of %v give %v", sd, share, got)
			}
		}
	}
	if got := overNormal(func(z float64) float64 { return z * z }); math.Abs(got-1) > 1e-6 {
		t.Errorf("the variance of a standard normal variable is %v", got)
	}
}

func TestScoreIsTheInverseOfValue(t *testing.T) {
	for i := range measurements {
		m := &measurements[i]
		for _, z := range []float64{-2, -0.5, 0, 1, 2.5} {
			if got := m.score(m.value(z)); math.Abs(got-z) > 1e-9 {
				t.Errorf("%s: the score of the value of %v is %v", m.name, z, got)
			}
		}
		if m.rest() < 0 || m.again < m.severity*m.severity+m.own*m.own || m.low >= m.value(0) || m.high <= m.value(0) {
			t.Errorf("%s: loadings leave no variance, or the median is not within the limits", m.name)
		}
	}
}
