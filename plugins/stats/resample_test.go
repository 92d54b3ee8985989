package stats_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/stats"
)

func bootstrapOf(units int) stats.Bootstrap {
	return stats.Bootstrap{Units: units, Resamples: 999, Threads: 2, Source: func(i int) *rand.Rand { return rand.New(rand.NewPCG(uint64(i), 9)) }}
}

func TestPercentileInterval(t *testing.T) {
	values := []float64{4, 0, 3, 1, 2}
	if low, high, err := stats.PercentileInterval(values, 0.5); low != 1 || high != 3 || err != nil {
		t.Errorf("%v to %v, %v", low, high, err)
	}
	if values[0] != 4 {
		t.Error("the values were sorted in place")
	}
	if _, _, err := stats.PercentileInterval(nil, 0.5); !errors.Is(err, stats.ErrNoRows) {
		t.Error(err)
	}
	if _, _, err := stats.PercentileInterval(values, 1); !errors.Is(err, stats.ErrLevel) {
		t.Error(err)
	}
}

// An estimator without bias or skewness has the percentile interval; skewness to the right moves the interval to the right.
func TestBCaMovesThePercentileInterval(t *testing.T) {
	values := make([]float64, 2001)
	for i := range values {
		values[i] = float64(i-1000) / 1000
	}
	plainLow, plainHigh, _ := stats.PercentileInterval(values, 0.9)
	low, high, err := stats.BCaInterval(values, 0, []float64{-1, 0, 1}, 0.9)
	if err != nil || !near(low, plainLow, 1e-3) || !near(high, plainHigh, 1e-3) {
		t.Errorf("%v to %v, %v; percentiles %v to %v", low, high, err, plainLow, plainHigh)
	}
	low, high, err = stats.BCaInterval(values, 0, []float64{-3, 1, 1, 1}, 0.9) // leaving out a great value lowers the estimate
	if err != nil || low <= plainLow || high <= plainHigh {
		t.Errorf("skewed: %v to %v, %v; percentiles %v to %v", low, high, err, plainLow, plainHigh)
	}
	outlier := make([]float64, 1000)
	outlier[0] = -1 // an acceleration of 1/6: the transformation ends at z = 6, before the quantile
	if low, high, err = stats.BCaInterval(values, 0, outlier, 1-1e-10); err != nil || high != 1 || low < -1 {
		t.Errorf("one outlier: %v to %v, %v", low, high, err)
	}
	for _, c := range []struct {
		values, jackknife []float64
		estimate          float64
		want              error
	}{
		{values, []float64{1, 1}, 0, stats.ErrNoSpread},
		{values, []float64{0, 1}, 5, stats.ErrOneSided},
		{nil, []float64{0, 1}, 0, stats.ErrNoRows},
		{values, nil, 0, stats.ErrNoRows},
	} {
		if _, _, err := stats.BCaInterval(c.values, c.estimate, c.jackknife, 0.9); !errors.Is(err, c.want) {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
}

// Rows that repeat within their unit say no more than one of them.
func TestMeanBCaOfUnits(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 1))
	x := make([]float64, 30)
	var repeated []float64
	var unit []int32
	for i := range x {
		x[i] = rng.ExpFloat64()
		for range 3 {
			repeated, unit = append(repeated, x[i]), append(unit, int32(i))
		}
	}
	mean, low, high, err := stats.MeanBCa(t.Context(), bootstrapOf(0), x, nil, 0.95)
	if err != nil || !(low < mean && mean < high) {
		t.Fatalf("%v, %v to %v, %v", mean, low, high, err)
	}
	mean3, low3, high3, err := stats.MeanBCa(t.Context(), bootstrapOf(len(x)), repeated, unit, 0.95)
	if err != nil || !near(mean3, mean, 1e-12) || !near(low3, low, 1e-9) || !near(high3, high, 1e-9) {
		t.Errorf("%v, %v to %v, %v; want %v, %v to %v", mean3, low3, high3, err, mean, low, high)
	}
	if _, rowLow, rowHigh, _ := stats.MeanBCa(t.Context(), bootstrapOf(0), repeated, nil, 0.95); rowHigh-rowLow > 0.8*(high-low) {
		t.Errorf("rows taken for units: %v to %v", rowLow, rowHigh)
	}
	if _, _, _, err := stats.MeanBCa(t.Context(), bootstrapOf(0), []float64{2}, nil, 0.95); err == nil {
		t.Error("one value has an interval")
	}
	if _, _, _, err := stats.MeanBCa(t.Context(), bootstrapOf(0), nil, nil, 0.95); !errors.Is(err, stats.ErrNoRows) {
		t.Error(err)
	}
	if _, _, _, err := stats.MeanBCa(t.Context(), bootstrapOf(2), []float64{1, 2}, []int32{0}, 0.95); !errors.Is(err, stats.ErrLengths) {
		t.Error(err)
	}
}

// Of a skewed variable the nominal 95 % interval covers at least about as often as the percentile one.
func TestMeanBCaCovers(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 1))
	const studies = 600
	hit := 0.0
	for study := range studies {
		x := make([]float64, 40)
		for i := range x {
			x[i] = math.Exp(rng.NormFloat64() / 2)
		}
		b := stats.Bootstrap{Resamples: 500, Threads: 2, Source: func(i int) *rand.Rand { return rand.New(rand.NewPCG(uint64(i), uint64(study))) }}
		_, low, high, err := stats.MeanBCa(t.Context(), b, x, nil, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		if truth := math.Exp(0.125); low <= truth && truth <= high {
			hit += 1.0 / studies
		}
	}
	if hit < 0.90 || hit > 0.98 {
		t.Errorf("covers %.3f", hit)
	}
}

func TestRates(t *testing.T) {
	y := []bool{true, true, false, false, true}
	p, err := stats.NewPredictions(y, []float64{0.9, 0.2, 0.6, 0.1, 0.6})
	if err != nil {
		t.Fatal(err)
	}
	unit := []int32{0, 1, 1, 0, 2}
	r, ok := p.Rater(0.6, unit).Rates(nil)
	tpr, _ := r.TPR()
	fpr, _ := r.FPR()
	// of 3 events, those at 0.9 and 0.6 are called, and one of 2 others; 4½ of 6 pairs are in order
	if !ok || r.Rows != 5 || r.Events != 3 || r.Selected != 3 || !near(r.SelectionRate(), 0.6, 1e-15) || !near(tpr, 2.0/3, 1e-15) || fpr != 0.5 || !near(r.AUROC, 4.5/6, 1e-15) {
		t.Errorf("%+v, %v", r, ok)
	}
	if want := (0.01 + 0.64 + 0.36 + 0.01 + 0.16) / 5; !near(r.Brier, want, 1e-15) {
		t.Errorf("Brier score %v, want %v", r.Brier, want)
	}
	r, ok = p.Rater(0.6, unit).Rates([]int32{2, 0, 1}) // rows 0, 3, 0, 3 and 4
	if !ok || r.Rows != 5 || r.Events != 3 || r.Selected != 3 || r.TruePositive != 3 || r.AUROC != 1 {
		t.Errorf("a resample: %+v, %v", r, ok)
	}
	r, ok = p.Rater(0.6, unit).Rates([]int32{0, 0, 4})
	if _, err := r.FPR(); !ok || !errors.Is(err, stats.ErrOneClass) || !errors.Is(r.AUROCErr, stats.ErrOneClass) {
		t.Errorf("a resample of events: %+v, %v", r, err)
	}
	if _, ok := p.Rater(0.6, unit).Rates([]int32{0, 0, 0}); ok {
		t.Error("a resample without rows has rates")
	}
	if r, _ := p.Rater(0.6, nil).Rates([]int32{1, 1, 1, 1, 1}); !near(r.AUROC, 4.5/6, 1e-15) {
		t.Errorf("rows as units: %+v", r)
	}
}
