package variants_test

import (
	"math"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/metric/variants"
)

func neighbours(t *testing.T, name, with string, train, test, synthetic *frame.Frame) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, variants.Register, name, with, plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: {Frame: train},
		plugins.Test:  {Frame: test},
	}), synthetic, ""))
}

func TestNeighboursByHand(t *testing.T) {
	lost := math.NaN()
	train := frame.Must(metrictest.Number("x", 0, 0.5, lost, 4), metrictest.Category("c", "a", "a", "a", "b"))
	test := frame.Must(metrictest.Number("x", 5, 6), metrictest.Category("c", "b", "b"))
	synthetic := frame.Must(metrictest.Number("x", 0.1, 8, 4.1, 1), metrictest.Category("c", "a", "b", "b", ""))
	// complete: 0 a, 0.5 a, 4 b against 0.1 a, 8 b, 4.1 b, in a range of 8
	got := neighbours(t, "nndr-gower-syntheval", "", train, test, synthetic)
	ratios := []float64{0.1 / (4.1 + 8), 0.4 / (3.6 + 8), 0.1 / 4}
	mean, squares := (ratios[0]+ratios[1]+ratios[2])/3, 0.0
	for _, r := range ratios {
		squares += (r - mean) * (r - mean)
	}
	if v := got.Value("nndr_gower_syntheval"); math.Abs(v-mean) > 1e-12 {
		t.Errorf("ratio %v, want %v", v, mean)
	}
	if v := got.Value("nndr_gower_syntheval_standard_error"); math.Abs(v-math.Sqrt(squares/2/3)) > 1e-12 {
		t.Errorf("standard error %v", v)
	}
	if s := got.Score("nndr_gower_syntheval"); s.N != 3 || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "25.0 % of the exposed") {
		t.Errorf("%+v", s)
	}
	// a thirtieth of the range of 4 is 0.13: 0 and 4 are hit; half of it hits all
	if v := neighbours(t, "hitting-rate-syntheval", "", train, test, synthetic).Value("hitting_rate_syntheval"); math.Abs(v-2.0/3) > 1e-15 {
		t.Errorf("hitting rate %v", v)
	}
	if v := neighbours(t, "hitting-rate-syntheval", `{"window": 0.5}`, train, test, synthetic).Value("hitting_rate_syntheval"); v != 1 {
		t.Errorf("hitting rate in a wide window %v", v)
	}
	// train: none of 0 (0.1 < 0.5), 0.5 (0.4 < 0.5) and 4 (0.1) is further; synthetic: 0.1 and 4.1 are not, 8 b is at 4 from 4 b and
	// at 3.9 from 4.1 b, over 8 and over 7.9: 0.5 > 0.4937
	accuracy := neighbours(t, "adversarial-accuracy-syntheval", "", train, test, synthetic)
	if v := accuracy.Value("nn_adversarial_accuracy_gower"); math.Abs(v-1.0/6) > 1e-15 {
		t.Errorf("accuracy %v, want a sixth", v)
	}
}

func TestEqualFramesAreTakenForOne(t *testing.T) {
	f := frame.Must(metrictest.Number("x", 0, 1, 3, 7))
	got := neighbours(t, "adversarial-accuracy-syntheval", "", f, f, f.Take([]int{0, 1, 2, 3}))
	if v := got.Value("nn_adversarial_accuracy_gower"); v != 0 {
		t.Errorf("accuracy %v", v)
	}
	// rows of their own, so that the closest is at 1, 1, 2, 4 and the second closest at 3, 2, 3, 6
	if v := neighbours(t, "nndr-gower-syntheval", "", f, f, f.Take([]int{0, 1, 2, 3})).Value("nndr_gower_syntheval"); math.Abs(v-(1.0/3+1.0/2+2.0/3+4.0/6)/4) > 1e-12 {
		t.Errorf("ratio %v", v)
	}
}

func TestNeighboursUndefined(t *testing.T) {
	empty, full := frame.Must(metrictest.Number("x", math.NaN(), math.NaN())), frame.Must(metrictest.Number("x", 1, 2))
	for name, score := range map[string]string{
		"nndr-gower-syntheval": "nndr_gower_syntheval", "hitting-rate-syntheval": "hitting_rate_syntheval",
		"adversarial-accuracy-syntheval": "nn_adversarial_privacy_loss_gower",
	} {
		if s := neighbours(t, name, "", full, full, empty).Score(score); s.Status != plugins.Undefined {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
