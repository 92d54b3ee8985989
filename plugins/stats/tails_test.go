package stats

import (
	"math"
	"testing"
)

// Reference values: scipy 1.10.1, stats.norm.logsf and stats.t.sf; quantiles of Student's t by inverting the latter, whose inverse in
// scipy has an error of up to 4e-9.
func TestTails(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"ln P(Z > 1)", logNormalUpper(1), -1.841021645009264},
		{"ln P(Z > 9.99)", logNormalUpper(9.99), -53.13035374560602},
		{"ln P(Z > 10.01)", logNormalUpper(10.01), -53.332315610880734},
		{"ln P(Z > 40)", logNormalUpper(40), -804.6084420137539},
		{"ln P(Z > 10000)", logNormalUpper(1e4), -50000010.12927892},
		{"P(|Z| > 1.96)", normalTwoSided(-1.96), 2 * normalUpper(1.96)},
		{"P(T2 > 3)", tUpper(3, 2), 0.047732983133354556},
		{"P(T5 > 40)", tUpper(40, 5), 9.205981085886476e-08},
		{"P(T1000.3 > 6)", tUpper(6, 1000.3), 1.377549802367731e-09},
		{"P(T7.5 > 0.001)", tUpper(0.001, 7.5), 0.4996140993373278},
		{"P(T7.5 > -0.001)", tUpper(-0.001, 7.5), 1 - 0.4996140993373278},
		{"P(|T1| > 1)", tTwoSided(1, 1), 0.5},
		{"P(|T| > 0)", tTwoSided(0, 3), 1},
		{"P(|T| > 1e200)", tTwoSided(1e200, 3), 0},
		{"t2, 95 %", tQuantile(0.95, 2), 4.302652729749464},
		{"t5, 95 %", tQuantile(0.95, 5), 2.570581835636314},
		{"t1, 50 %", tQuantile(0.5, 1), 1},
		{"t of many, 95 %", tQuantile(0.95, 1e9), 1.959963986912353},
	} {
		if !(math.Abs(c.got-c.want) <= 1e-12*math.Max(math.Abs(c.want), 1e-300)) {
			t.Errorf("%s = %.16g, want %.16g", c.name, c.got, c.want)
		}
	}
}

// P(|T2| > x) = 1 - x/√(2+x²), for which the fraction is taken from both sides; P(|T1| > x) = 1 - 2/π·atan x.
func TestStudentHasItsClosedForms(t *testing.T) {
	for x := 1e-6; x < 1e6; x *= 1.7 {
		two := 2 / (math.Sqrt(2+x*x) * (math.Sqrt(2+x*x) + x)) // the same without a difference of near numbers
		if got := tTwoSided(x, 2); math.Abs(got/two-1) > 1e-12 {
			t.Errorf("P(|T2| > %v) = %v, want %v", x, got, two)
		}
		one := 2 / math.Pi * math.Atan2(1, x)
		if got := tTwoSided(x, 1); math.Abs(got/one-1) > 1e-12 {
			t.Errorf("P(|T1| > %v) = %v, want %v", x, got, one)
		}
	}
	for _, df := range []float64{1, 2.5, 30, 999, 1001, 1e6} {
		for _, level := range []float64{0.01, 0.5, 0.9, 0.95, 0.999} {
			if p := tTwoSided(tQuantile(level, df), df); math.Abs(p-(1-level)) > 1e-12 {
				t.Errorf("df %v: P beyond the quantile of %v is %v", df, level, p)
			}
		}
	}
}
