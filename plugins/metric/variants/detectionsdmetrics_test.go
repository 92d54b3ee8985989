package variants_test

import (
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/metric/variants"
)

func TestDetection(t *testing.T) {
	detect := func(real, synthetic *frame.Frame) plugins.Score {
		t.Helper()
		return metrictest.Measure(t, variants.Register, "detection-sdmetrics", "", metrictest.Pair(real, synthetic, "")).Score("c2st_auc_logistic_sdmetrics")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	draw := func(n int, shift float64) *frame.Frame {
		x := make([]float64, n)
		for i := range x {
			x[i] = rng.NormFloat64() + shift
		}
		return frame.Must(metrictest.Number("x", x...))
	}
	if s := detect(draw(300, 0), draw(200, 100)); s.Value > 1e-12 || s.Status != plugins.OK {
		t.Errorf("rows apart: %+v", s)
	}
	if s := detect(draw(300, 0), draw(200, 0)); s.Value < 0.8 {
		t.Errorf("one distribution: %+v", s)
	}
	real, synthetic := metrictest.Frames(rng, 100, 90)
	if s := detect(real, synthetic); s.Status != plugins.OK {
		t.Errorf("mixed columns: %+v", s)
	}
	huge := frame.Must(metrictest.Number("x", 1, 2, 3, 1e300))
	for name, frames := range map[string][2]*frame.Frame{
		"few rows": {draw(2, 0), draw(9, 0)}, "no rows": {draw(9, 0), draw(0, 0)}, "huge": {huge, huge},
	} {
		if s := detect(frames[0], frames[1]); s.Status != plugins.Undefined {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
