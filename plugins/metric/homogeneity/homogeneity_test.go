package homogeneity_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/metric/homogeneity"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

var category = metrictest.Category

func measure(t *testing.T, real, synthetic *frame.Column) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, homogeneity.Register, "homogeneity", "", metrictest.Pair(frame.Must(real), frame.Must(synthetic), ""))
}

func table(real, synthetic []int) *compare.Table {
	t := &compare.Table{Real: real, Synthetic: synthetic}
	for i := range real {
		t.RealN += real[i]
		t.SyntheticN += synthetic[i]
	}
	return t
}

// The p-values with one and two degrees of freedom have closed forms: erfc(√(x/2)) and exp(-x/2).
func TestByHand(t *testing.T) {
	for _, c := range []struct {
		name            string
		real, synthetic []int
		statistic, p    float64
	}{
		{"equal shares", []int{10, 20}, []int{5, 10}, 0, 1},
		{"one level", []int{7}, []int{9}, 0, 1},
		// expected 10, 10, 10, 10: Σ 4²/10
		{"two levels", []int{14, 6}, []int{6, 14}, 6.4, math.Erfc(math.Sqrt(3.2))},
		{"apart", []int{8, 0}, []int{0, 8}, 16, math.Erfc(math.Sqrt(8))},
		// expected 10 in each: 2(3² + 1² + 2²)/10
		{"three levels", []int{13, 9, 8}, []int{7, 11, 12}, 2.0 * (9 + 1 + 4) / 10, math.Exp(-1.4)},
		{"many rows", []int{500_000, 500_000}, []int{501_000, 499_000}, 2.000002000002, math.Erfc(math.Sqrt(1.000001000001))},
	} {
		statistic, dof, p := homogeneity.Test(table(c.real, c.synthetic))
		if math.Abs(statistic-c.statistic) > 1e-9*c.statistic || dof != len(c.real)-1 || math.Abs(p-c.p) > 1e-9*c.p {
			t.Errorf("%s: %v, %d, %v; want %v, %d, %v", c.name, statistic, dof, p, c.statistic, len(c.real)-1, c.p)
		}
	}
}

func TestScores(t *testing.T) {
	got := measure(t, category("x", "a", "a", "b", "b", ""), category("x", "a", "a", "a", "a"))
	// counts 2, 2 and 4, 0: expected 3, 1, 3, 1
	for name, want := range map[string]float64{
		"chi2_homogeneity": 1.0/3 + 1 + 1.0/3 + 1, "chi2_homogeneity_dof": 1, "cramers_v": math.Sqrt(8.0 / 3 / 8),
		"chi2_homogeneity_p": math.Erfc(math.Sqrt(4.0 / 3)),
	} {
		if v := got.Value(name, "column", "x"); math.Abs(v-want) > 1e-14 {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
	if w := got.Score("chi2_homogeneity_p", "column", "x").Warnings; len(w) != 2 || !strings.Contains(w[1], "the p-value is rough") {
		t.Errorf("warnings %q", w)
	}
	if v := measure(t, category("x", "a"), category("x", "b")).Value("mean"); v != 1 {
		t.Errorf("no common level: V is %v, want 1", v)
	}
}

func TestUndefined(t *testing.T) {
	for _, c := range [][2]*frame.Column{{category("x", "a"), category("x", "")}, {category("x"), category("x", "a")}} {
		for _, s := range measure(t, c[0], c[1]).Scores {
			if s.Status != plugins.Undefined {
				t.Errorf("%+v", s)
			}
		}
	}
	got := measure(t, category("x", "a"), category("x", "a", "a"))
	if got.Value("chi2_homogeneity_p", "column", "x") != 1 || got.Score("cramers_v", "column", "x").Status != plugins.Undefined {
		t.Errorf("one level: %+v", got.Scores)
	}
}

// The p-value of samples of one distribution is about uniform.
func TestPValueIsCalibrated(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	low := 0
	const runs = 2000
	for range runs {
		var counts [2][4]int
		for side := range counts {
			for range 200 {
				counts[side][rng.IntN(4)]++
			}
		}
		statistic, _, p := homogeneity.Test(table(counts[0][:], counts[1][:]))
		other, _, _ := homogeneity.Test(table(counts[1][:], counts[0][:]))
		if math.Abs(statistic-other) > 1e-12 {
			t.Fatalf("%v: %v, the other way round %v", counts, statistic, other)
		}
		if p < 0.05 {
			low++
		}
	}
	if share := float64(low) / runs; share < 0.035 || share > 0.065 { // three standard errors
		t.Errorf("%v of the p-values are below 0.05", share)
	}
}

func TestInvariant(t *testing.T) {
	real, synthetic := metrictest.Frames(rand.New(rand.NewPCG(3, 4)), 200, 150)
	metrictest.Invariant(t, homogeneity.Register, "homogeneity", "", metrictest.Pair(real, synthetic, ""))
}
