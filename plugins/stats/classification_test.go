package stats_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/stats"
)

func TestDecisionsByHand(t *testing.T) {
	for _, c := range []struct {
		name                                                      string
		c                                                         stats.Confusion
		precision, recall, specificity, f1, balancedAccuracy, mcc float64
	}{
		{"mixed", stats.Confusion{TruePositive: 3, FalsePositive: 1, TrueNegative: 4, FalseNegative: 2}, 0.75, 0.6, 0.8, 2.0 / 3, 0.7, 10 / math.Sqrt(4*5*5*6)},
		{"perfect", stats.Confusion{TruePositive: 2, TrueNegative: 3}, 1, 1, 1, 1, 1, 1},
		{"reversed", stats.Confusion{FalsePositive: 2, FalseNegative: 3}, 0, 0, 0, 0, 0, -1},
		{"none called", stats.Confusion{TrueNegative: 3, FalseNegative: 1}, 0, 0, 1, 0, 0.5, 0},
		{"no events", stats.Confusion{FalsePositive: 1, TrueNegative: 3}, 0, 0, 0.75, 0, 0.75, 0},
		{"events only", stats.Confusion{TruePositive: 1, FalseNegative: 3}, 1, 0.25, 0, 0.4, 0.25, 0},
		{"nothing", stats.Confusion{}, 0, 0, 0, 0, 0, 0},
	} {
		for name, v := range map[string][2]float64{
			"precision": {c.c.Precision(), c.precision}, "recall": {c.c.Recall(), c.recall},
			"specificity": {c.c.Specificity(), c.specificity}, "F1": {c.c.F1(), c.f1},
			"balanced accuracy": {c.c.BalancedAccuracy(), c.balancedAccuracy}, "MCC": {c.c.MCC(), c.mcc},
		} {
			if math.Abs(v[0]-v[1]) > 1e-15 {
				t.Errorf("%s: %s is %v, want %v", c.name, name, v[0], v[1])
			}
		}
	}
	if m := (stats.Confusion{TruePositive: 1 << 40, TrueNegative: 1 << 40, FalsePositive: 1, FalseNegative: 1}).MCC(); !(m > 0.99 && m <= 1) {
		t.Errorf("MCC of many rows is %v", m)
	}
}

func TestAtCallsTheThresholdItself(t *testing.T) {
	got := predictions(t, []bool{true, false, true, false}, []float64{0.5, 0.5, 0.4, 0.1}).At(0.5)
	if want := (stats.Confusion{TruePositive: 1, FalsePositive: 1, FalseNegative: 1, TrueNegative: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestThresholdsByHand(t *testing.T) {
	for _, c := range []struct {
		name               string
		y                  []bool
		p                  []float64
		youden, prevalence float64
	}{
		{"parted", []bool{true, true, false, false}, []float64{0.9, 0.6, 0.5, 0.1}, 0.6, 0.6},
		// gains: 1/2, 0, 1/2: the highest of equal ones; one event, and one row called at 0.9
		{"equal gains", []bool{true, false, true, false}, []float64{0.9, 0.8, 0.7, 0.2}, 0.9, 0.8},
		{"tied", []bool{true, false, false}, []float64{0.3, 0.3, 0.3}, 0.3, 0.3},
		// one event; none or three rows are called below 0.9 and from 0.4 on
		{"nearest number", []bool{false, true, false, false}, []float64{0.9, 0.4, 0.4, 0.1}, 0.4, 0.9},
	} {
		s := predictions(t, c.y, c.p)
		youden, err := s.Youden()
		if err != nil || youden != c.youden {
			t.Errorf("%s: Youden %v (%v), want %v", c.name, youden, err, c.youden)
		}
		if p := s.PrevalenceMatched(); p != c.prevalence {
			t.Errorf("%s: prevalence-matched %v, want %v", c.name, p, c.prevalence)
		}
	}
	if _, err := predictions(t, []bool{true}, []float64{0.5}).Youden(); !errors.Is(err, stats.ErrOneClass) {
		t.Errorf("one class: %v", err)
	}
}

func TestYoudenIsTheGreatestGain(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		y, p := make([]bool, 30), make([]float64, 30)
		for i := range y {
			y[i], p[i] = rng.IntN(3) == 0, float64(rng.IntN(8))/8
		}
		y[0], y[1] = true, false
		s := predictions(t, y, p)
		at, _ := s.Youden()
		gain := func(threshold float64) float64 { c := s.At(threshold); return c.Recall() + c.Specificity() }
		for _, other := range append(p, 2) {
			if g := gain(other); g > gain(at)+1e-12 && other <= 1 {
				t.Fatalf("%v at %v, but %v at %v", gain(at), at, g, other)
			}
		}
	}
}

func TestRateIsWhatTheMeasuresAre(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	y, p := drawn(rng, 300, 0.5, 1.5)
	s := predictions(t, y, p)
	calls := make([][]bool, 2)
	for k, threshold := range []float64{0.5, 0.2} {
		for _, v := range p {
			calls[k] = append(calls[k], v >= threshold)
		}
	}
	r := s.Rate(calls...)
	auroc, _ := s.AUROC()
	line, _ := s.Calibration()
	for quantity, want := range map[int]float64{
		stats.DrawAUROC: auroc, stats.DrawBrier: s.Brier(), stats.DrawECE: s.ECE(10), stats.DrawCalibrationSlope: line.Slope,
		stats.DrawAt(stats.DrawF1, 0): s.At(0.5).F1(), stats.DrawAt(stats.DrawMCC, 1): s.At(0.2).MCC(), stats.DrawAt(stats.DrawRecall, 1): s.At(0.2).Recall(),
	} {
		if r.Values[quantity] != want || r.Reasons[quantity] != nil {
			t.Errorf("quantity %d is %v (%v), want %v", quantity, r.Values[quantity], r.Reasons[quantity], want)
		}
	}
	one := predictions(t, []bool{true, true}, []float64{0.2, 0.7}).Rate([]bool{false, true})
	for quantity, err := range one.Reasons {
		undefined := quantity == stats.DrawAUROC ||
			quantity >= stats.DrawCalibrationIntercept && quantity <= stats.DrawCalibrationInTheLarge
		if undefined != errors.Is(err, stats.ErrOneClass) || err != nil && one.Values[quantity] != 0 {
			t.Errorf("one class: quantity %d is %v (%v)", quantity, one.Values[quantity], err)
		}
	}
}

func TestBootstrapOfAResampleIsThatOfItsRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	y, p := drawn(rng, 60, 0, 1)
	unit := make([]int32, len(y))
	for i := range unit {
		unit[i] = int32(i / 3)
	}
	calls := make([]bool, len(p))
	for i, v := range p {
		calls[i] = v >= 0.4
	}
	b := stats.Bootstrap{Units: 20, Resamples: 30, Threads: 2, Source: source(9)}
	d, err := predictions(t, y, p).Bootstrap(t.Context(), b, unit, calls)
	if err != nil || d.Redrawn > 0 {
		t.Fatal(err, d.Redrawn)
	}
	for i := range b.Resamples {
		var yy, cc []bool
		var pp []float64
		from := b.Source(i)
		for range b.Units {
			u := from.IntN(b.Units)
			for row := 3 * u; row < 3*u+3; row++ {
				yy, pp, cc = append(yy, y[row]), append(pp, p[row]), append(cc, calls[row])
			}
		}
		want := predictions(t, yy, pp).Rate(cc)
		for k := range want.Values {
			got := d.Values(k)[i]
			if want.Reasons[k] != nil {
				if !math.IsNaN(got) {
					t.Errorf("resample %d, quantity %d: %v, but it is undefined: %v", i, k, got, want.Reasons[k])
				}
				continue
			}
			within := 1e-9 * max(1, math.Abs(want.Values[k]))
			if k >= stats.DrawCalibrationIntercept && k <= stats.DrawCalibrationInTheLarge {
				within = 0.001 // these are fitted to about 0.001 standard errors, which are 0.3 to 0.7 here
			}
			if !(math.Abs(got-want.Values[k]) < within) {
				t.Errorf("resample %d, quantity %d: %v, want %v", i, k, got, want.Values[k])
			}
		}
	}
}
