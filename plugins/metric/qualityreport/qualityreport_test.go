package qualityreport_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/metric/qualityreport"
)

var (
	nan      = math.NaN()
	number   = metrictest.Number
	category = metrictest.Category
)

func measure(t *testing.T, real, synthetic *frame.Frame) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, qualityreport.Register, "quality-report-sdmetrics", "", metrictest.Pair(real, synthetic, ""))
}

func TestByHand(t *testing.T) {
	real := frame.Must(category("a", "x", "x", "y", "y"), category("b", "u", "u", "v", "v"), category("c", "p", "q", "p", "q"))
	synthetic := frame.Must(category("a", "x", "x", "y", "z"), category("b", "u", "v", "v", "v"), category("c", "p", "q", "p", "q"))
	got := measure(t, real, synthetic)
	for score, want := range map[string]float64{
		"column_shapes":      (0.75 + 0.75 + 1) / 3,
		"column_pair_trends": 0.5, // a and b alone are associated; xu ½ and ¼, yv ½ and ¼
		"quality_score":      ((0.75+0.75+1)/3 + 0.5) / 2,
		"data_validity":      (0.75 + 1 + 1) / 3,
		"data_structure":     1,
		"diagnostic_score":   ((0.75+1+1)/3 + 1) / 2,
	} {
		if v := got.Value(score); math.Abs(v-want) > 1e-12 {
			t.Errorf("%s: %v, want %v", score, v, want)
		}
	}
	if n := got.Score("column_pair_trends").N; n != 1 {
		t.Errorf("%d pairs", n)
	}
}

// A number column beside a category is binned by the range of each side: a shift of the synthetic numbers is not seen.
func TestMixedPairsHaveTheirOwnBins(t *testing.T) {
	real := frame.Must(category("a", "x", "x", "y", "y"), number("n", 0, 0, 10, nan))
	synthetic := frame.Must(category("a", "x", "x", "y", "y"), number("n", 100, 100, 110, nan))
	if v := measure(t, real, synthetic).Value("column_pair_trends"); v != 1 {
		t.Errorf("%v, want 1", v)
	}
}

func TestUnassociatedColumns(t *testing.T) {
	f := frame.Must(category("a", "x", "x", "y", "y"), category("b", "u", "v", "u", "v"))
	got := measure(t, f, f)
	if s := got.Score("column_pair_trends"); s.Status != plugins.Undefined {
		t.Errorf("%+v", s)
	}
	if s := got.Score("quality_score"); s.Value != 1 || len(s.Warnings) != 1 {
		t.Errorf("%+v", s)
	}
	empty := frame.Must(category("a"), category("b"))
	for _, s := range measure(t, empty, f).Scores {
		if s.Status != plugins.Undefined && s.Name != "data_structure" && s.Name != "diagnostic_score" {
			t.Errorf("no real rows: %+v", s)
		}
	}
}

func TestPerfectCopy(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		real, synthetic := metrictest.Frames(rng, 30+rng.IntN(50), 30+rng.IntN(50))
		for _, s := range measure(t, real, real).Scores {
			if s.Value != 1 {
				t.Errorf("a frame against itself: %+v", s)
			}
		}
		metrictest.Invariant(t, qualityreport.Register, "quality-report-sdmetrics", "", metrictest.Pair(real, synthetic, ""))
	}
	if _, err := qualityreport.New(qualityreport.Config{Part: plugins.Reference}); err == nil {
		t.Error("the reference part is accepted")
	}
}
