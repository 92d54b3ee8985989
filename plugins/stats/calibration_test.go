package stats_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/stats"
)

// drawn draws labels whose log-odds are intercept + slope · logit(p).
func drawn(rng *rand.Rand, n int, intercept, slope float64) (y []bool, p []float64) {
	for range n {
		logit := 1.5 * rng.NormFloat64()
		p = append(p, 1/(1+math.Exp(-logit)))
		y = append(y, rng.Float64() < 1/(1+math.Exp(-(intercept+slope*logit))))
	}
	return y, p
}

func TestECEByHand(t *testing.T) {
	// bins: [0, 0.1): one of one is an event at 0.05; [0.3, 0.4): none of two at mean 0.35; [0.9, 1]: one of two at mean 0.95
	s := predictions(t, []bool{true, false, false, true, false}, []float64{0.05, 0.3, 0.4 - 1e-12, 1, 0.9})
	if got, want := s.ECE(10), (0.95+0.7+0.9)/5; math.Abs(got-want) > 1e-11 {
		t.Errorf("%v, want %v", got, want)
	}
	if got := predictions(t, []bool{true, false}, []float64{1, 0}).ECE(10); got != 0 {
		t.Errorf("certain and right: %v", got)
	}
	if got := predictions(t, []bool{false, true}, []float64{1, 0}).ECE(10); got != 1 {
		t.Errorf("certain and wrong: %v", got)
	}
}

func TestBin(t *testing.T) {
	for p, want := range map[float64]int{0: 0, 0.0999: 0, 0.1: 1, 0.3: 3, 0.7: 7, 0.95: 9, 1: 9} {
		if got := stats.Bin(p, 10); got != want {
			t.Errorf("Bin(%v) = %d, want %d", p, got, want)
		}
	}
}

func TestCalibrationByHand(t *testing.T) {
	// two probabilities, 1/5 and 4/5 with 3 rows each: the line goes through the logits of the shares of events, ±ln 2
	s := predictions(t, []bool{true, false, false, true, true, false}, []float64{0.2, 0.2, 0.2, 0.8, 0.8, 0.8})
	line, err := s.Calibration()
	if err != nil || math.Abs(line.Intercept) > 1e-12 || math.Abs(line.Slope-math.Ln2/math.Log(4)) > 1e-12 {
		t.Errorf("%+v (%v), want 0 and %v", line, err, math.Ln2/math.Log(4))
	}
	if shift, err := s.CalibrationInTheLarge(); err != nil || math.Abs(shift) > 1e-12 {
		t.Errorf("in the large %v (%v), want 0", shift, err)
	}
	// equal probabilities of 1/4, and half of the rows are events: the logit has to rise by ln 3
	s = predictions(t, []bool{true, false}, []float64{0.25, 0.25})
	if shift, err := s.CalibrationInTheLarge(); err != nil || math.Abs(shift-math.Log(3)) > 1e-11 {
		t.Errorf("in the large %v (%v), want ln 3", shift, err)
	}
}

func TestCalibrationIsUndefined(t *testing.T) {
	for _, c := range []struct {
		name string
		y    []bool
		p    []float64
		want error
	}{
		{"one class", []bool{true, true}, []float64{0.1, 0.9}, stats.ErrOneClass},
		{"equal", []bool{true, false}, []float64{0.3, 0.3}, stats.ErrEqual},
		{"equal once clipped", []bool{true, false}, []float64{0, 1e-9}, stats.ErrEqual},
		{"parted", []bool{false, false, true}, []float64{0.1, 0.2, 0.3}, stats.ErrSeparated},
		{"parted, but for a tie", []bool{false, false, true, true}, []float64{0.1, 0.2, 0.2, 0.3}, stats.ErrSeparated},
		{"parted the other way", []bool{true, false, false}, []float64{0.1, 0.2, 0.3}, stats.ErrSeparated},
	} {
		if line, err := predictions(t, c.y, c.p).Calibration(); !errors.Is(err, c.want) || line != (stats.Line{}) {
			t.Errorf("%s: %+v (%v), want %v", c.name, line, err, c.want)
		}
	}
}

// The gradient of the likelihood vanishes at the fitted line, however the probabilities lie.
func TestCalibrationIsTheOptimum(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	clip := func(p float64) float64 { return min(max(p, 1e-6), 1-1e-6) }
	fitted := 0
	for range 300 {
		n := 3 + rng.IntN(60)
		y, p := make([]bool, n), make([]float64, n)
		kind := rng.IntN(4)
		for i := range y {
			y[i] = rng.IntN(3) == 0
			switch kind {
			case 0:
				p[i] = rng.Float64()
			case 1: // certain ones
				p[i] = float64(rng.IntN(3)) / 2
			case 2: // close together
				p[i] = 0.3 + 1e-9*rng.Float64()
			default: // tiny ones
				p[i] = math.Pow(10, -8*rng.Float64())
			}
		}
		s := predictions(t, y, p)
		line, err := s.Calibration()
		if err != nil {
			continue
		}
		fitted++
		var mean, least, greatest float64
		least, greatest = math.Inf(1), math.Inf(-1)
		x := make([]float64, n)
		for i, v := range p {
			x[i] = math.Log(clip(v) / (1 - clip(v)))
			mean += x[i] / float64(n)
			least, greatest = min(least, x[i]), max(greatest, x[i])
		}
		var g0, g1 float64
		for i := range x {
			e := 1 / (1 + math.Exp(-(line.Intercept + line.Slope*x[i])))
			if y[i] {
				e--
			}
			g0 += e
			g1 += e * (x[i] - mean) / (greatest - least)
		}
		if !(math.Abs(g0)+math.Abs(g1) < 1e-6*float64(n)) {
			t.Errorf("kind %d, %d rows: gradient %v, %v at %+v", kind, n, g0, g1, line)
		}
		shift, err := s.CalibrationInTheLarge()
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for i := range x {
			sum += 1 / (1 + math.Exp(-(x[i] + shift)))
		}
		if math.Abs(sum-float64(s.Events())) > 1e-8*float64(n) {
			t.Errorf("kind %d, %d rows: %v events expected in the large, %d there are", kind, n, sum, s.Events())
		}
	}
	if fitted < 150 {
		t.Errorf("%d of 300 sets of predictions have a line", fitted)
	}
}

// TestCalibrationIntervalCovers counts how often the 90 % interval holds the line that the labels were drawn by.
func TestCalibrationIntervalCovers(t *testing.T) {
	if testing.Short() {
		t.Skip("many simulated studies; one thread")
	}
	const studies, intercept, slope = 200, 0.3, 0.8
	held := map[int]int{}
	for study := range uint64(studies) {
		y, p := drawn(rand.New(rand.NewPCG(study, 9)), 250, intercept, slope)
		d, err := predictions(t, y, p).Bootstrap(t.Context(), stats.Bootstrap{Resamples: 200, Threads: 2, Source: source(study)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for quantity, truth := range map[int]float64{stats.DrawCalibrationIntercept: intercept, stats.DrawCalibrationSlope: slope} {
			if low, high, _ := d.Interval(quantity, 0.9); low <= truth && truth <= high {
				held[quantity]++
			}
		}
	}
	for quantity, n := range held { // the standard error of the share is 0.021
		if share := float64(n) / studies; share < 0.83 || share > 0.96 {
			t.Errorf("quantity %d: %.3f of the intervals hold the truth, want about 0.9", quantity, share)
		}
	}
}
