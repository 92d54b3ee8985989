package stats_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/stats"
)

var (
	welchX = []float64{12.1, 9.4, 15.2, 11.0, 10.3, 13.3, 8.8}
	welchY = []float64{10.0, 9.1, 11.2, 9.9, 12.7, 9.5, 8.2, 10.8}
)

// Reference values: scipy 1.10.1 ttest_ind(equal_var=False), statsmodels 0.13.5 CompareMeans.
func TestWelch(t *testing.T) {
	w, err := stats.Welch(welchX, welchY)
	if err != nil {
		t.Fatal(err)
	}
	low, high, err := w.Interval(0.95)
	for _, c := range [][2]float64{
		{w.T, 1.287418287807796}, {w.P, 0.22783327736281922}, {w.DF, 9.694598826211323}, {low, -0.935833125690479}, {high, 3.47154741140476},
	} {
		if !near(c[0], c[1], 1e-8) {
			t.Errorf("got %v, want %v", c[0], c[1])
		}
	}
	if err != nil {
		t.Error(err)
	}
}

func TestPairedTIsThatOfTheDifferences(t *testing.T) {
	// differences 1, 2, 3: mean 2, SE 1/√3, t = 2√3 with 2 degrees of freedom, P = 1 - t/√(2+t²)
	p, err := stats.PairedT([]float64{2, 4, 6}, []float64{1, 2, 3})
	if err != nil || !near(p.T, 2*math.Sqrt(3), 1e-12) || p.DF != 2 || !near(p.P, 1-math.Sqrt(12.0/14), 1e-12) {
		t.Errorf("%+v, %v", p, err)
	}
	// with t 4.3026527 half the width of the interval is 4.3026527/√3
	if low, high, err := p.Interval(0.95); err != nil || !near(high-2, 4.302652729749464/math.Sqrt(3), 1e-12) || !near(high-2, 2-low, 1e-12) {
		t.Errorf("interval %v to %v, %v", low, high, err)
	}
}

func TestMeanTestsUndefined(t *testing.T) {
	for _, c := range []struct {
		name string
		err  func() error
		want error
	}{
		{"equal differences", func() error { _, err := stats.PairedT([]float64{1.1, 2.1, 3.3}, []float64{1, 2, 3.2}); return err }, stats.ErrNoSpread},
		{"equal pairs", func() error { _, err := stats.PairedT([]float64{1, 2}, []float64{1, 2}); return err }, stats.ErrNoSpread},
		{"one pair", func() error { _, err := stats.PairedT([]float64{1}, []float64{2}); return err }, stats.ErrOneRow},
		{"lengths", func() error { _, err := stats.PairedT([]float64{1}, nil); return err }, stats.ErrLengths},
		{"constant samples", func() error { _, err := stats.Welch([]float64{0.1, 0.1, 0.1}, []float64{2, 2}); return err }, stats.ErrNoSpread},
		{"a sample of one", func() error { _, err := stats.Welch([]float64{1}, []float64{2, 3}); return err }, stats.ErrOneRow},
		{"overflow", func() error { _, err := stats.Welch([]float64{-1e308, 1e308}, []float64{2, 3}); return err }, stats.ErrValue},
		{"effect of constants", func() error { _, err := stats.NewEffectSize([]float64{1, 1}, []float64{2, 2}); return err }, stats.ErrNoSpread},
		{"effect of nothing", func() error { _, err := stats.NewEffectSize(nil, []float64{2, 2}); return err }, stats.ErrNoRows},
		{"effect of two values", func() error { _, err := stats.NewEffectSize([]float64{1}, []float64{2}); return err }, stats.ErrOneRow},
	} {
		if err := c.err(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	w, err := stats.Welch([]float64{5, 5, 5}, []float64{1, 2, 3}) // one sample may be constant
	if err != nil || !near(w.DF, 2, 1e-12) {
		t.Errorf("one constant sample: %+v, %v", w, err)
	}
}

// Two samples are equivalent at level α exactly where the interval of level 1-2α lies within the margins, and one is not inferior exactly
// where the one-sided bound lies above the margin.
func TestEquivalenceAgreesWithIntervals(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 1))
	for range 300 {
		a, b := make([]float64, 5+rng.IntN(20)), make([]float64, 5+rng.IntN(20))
		for i := range a {
			a[i] = rng.NormFloat64()
		}
		for i := range b {
			b[i] = 0.3 + 2*rng.NormFloat64()
		}
		w, err := stats.Welch(a, b)
		if err != nil {
			t.Fatal(err)
		}
		e, err := w.Equivalent(1.2)
		if err != nil {
			t.Fatal(err)
		}
		low, high, _ := w.Interval(0.90)
		if (e.P < 0.05) != (low > -1.2 && high < 1.2) {
			t.Fatalf("p %v beside %v to %v", e.P, low, high)
		}
		bound, p, err := w.NonInferior(1.2, 0.95)
		if err != nil || (p < 0.05) != (bound > -1.2) || !near(bound, low, 1e-12) || p != e.PLower {
			t.Fatalf("non-inferior: bound %v beside %v, p %v, %v", bound, low, p, err)
		}
	}
	w, _ := stats.Welch(welchX, welchY)
	for _, margin := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		if _, err := w.Equivalent(margin); !errors.Is(err, stats.ErrMargin) {
			t.Errorf("margin %v: %v", margin, err)
		}
	}
	if _, _, err := w.NonInferior(1, 0.4); !errors.Is(err, stats.ErrLevel) {
		t.Errorf("level: %v", err)
	}
}

func TestEffectSize(t *testing.T) {
	// means 3 and 5, squares 2 and 8 around them: pooled SD √(10/4); N = 6
	e, err := stats.NewEffectSize([]float64{2, 3, 4}, []float64{3, 5, 7})
	d := -2 / math.Sqrt(2.5)
	if err != nil || !near(e.D, d, 1e-12) || !near(e.G, d*(1-3.0/15), 1e-12) {
		t.Errorf("%+v, %v; want %v", e, err, d)
	}
}

func TestDetectable(t *testing.T) {
	// (1.959964 + 0.841621) · SE
	if d, err := stats.Detectable(0.02, 0.05, 0.8); err != nil || !near(d, 0.02*2.8015852, 1e-8) {
		t.Errorf("%v, %v", d, err)
	}
	if _, err := stats.Detectable(0.02, 0, 0.8); !errors.Is(err, stats.ErrLevel) {
		t.Error(err)
	}
}
