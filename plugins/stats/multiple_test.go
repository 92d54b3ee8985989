package stats_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Reference values: statsmodels 0.13.5, stats.multitest.multipletests.
func TestAdjustedP(t *testing.T) {
	p := []float64{0.01, 0.04, 0.03, 0.005, 0.2, 0.01, 1}
	for _, c := range []struct {
		name   string
		adjust func([]float64) ([]float64, error)
		want   []float64
	}{
		{"Holm", stats.Holm, []float64{0.06, 0.12, 0.12, 0.035, 0.4, 0.06, 1}},
		{"Bonferroni", stats.Bonferroni, []float64{0.07, 0.28, 0.21, 0.035, 1, 0.07, 1}},
		{"Benjamini–Hochberg", stats.BenjaminiHochberg, []float64{0.07 / 3, 0.056, 0.0525, 0.07 / 3, 0.7 / 3, 0.07 / 3, 1}},
		{"Hommel", stats.Hommel, []float64{0.05, 0.12, 0.09, 0.03, 0.4, 0.05, 1}},
	} {
		got, err := c.adjust(p)
		if err != nil || !slices.EqualFunc(got, c.want, func(a, b float64) bool { return near(a, b, 1e-12) }) {
			t.Errorf("%s: %v, %v; want %v", c.name, got, err, c.want)
		}
		if none, err := c.adjust(nil); len(none) != 0 || err != nil {
			t.Errorf("%s of nothing: %v, %v", c.name, none, err)
		}
		for _, bad := range []float64{-0.1, 1.1, math.NaN()} {
			if _, err := c.adjust([]float64{0.5, bad}); !errors.Is(err, stats.ErrP) {
				t.Errorf("%s of %v: %v", c.name, bad, err)
			}
		}
	}
}

// hommelByClosure is the largest Simes p-value of all sets of hypotheses that a hypothesis is in.
func hommelByClosure(p []float64) []float64 {
	out := make([]float64, len(p))
	for set := 1; set < 1<<len(p); set++ {
		var some []float64
		for i, v := range p {
			if set>>i&1 == 1 {
				some = append(some, v)
			}
		}
		slices.Sort(some)
		simes := 1.0
		for i, v := range some {
			simes = min(simes, float64(len(some))*v/float64(i+1))
		}
		for i := range p {
			if set>>i&1 == 1 {
				out[i] = max(out[i], simes)
			}
		}
	}
	return out
}

func TestAdjustedPAreOrdered(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 1))
	for range 200 {
		p := make([]float64, 1+rng.IntN(8))
		for i := range p {
			p[i] = math.Round(100*rng.Float64()*rng.Float64()) / 100 // with ties
		}
		bonferroni, _ := stats.Bonferroni(p)
		holm, _ := stats.Holm(p)
		hommel, _ := stats.Hommel(p)
		bh, _ := stats.BenjaminiHochberg(p)
		closure := hommelByClosure(p)
		for i := range p {
			slack := 1e-12
			if bonferroni[i] < holm[i]-slack || holm[i] < hommel[i]-slack || hommel[i] < bh[i]-slack || bh[i] < p[i]-slack || !near(hommel[i], closure[i], slack) {
				t.Fatalf("%v: Bonferroni %v, Holm %v, Hommel %v (by closure %v), Benjamini–Hochberg %v", p, bonferroni, holm, hommel, closure, bh)
			}
		}
	}
}
