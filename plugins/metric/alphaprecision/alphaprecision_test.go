package alphaprecision_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/alphaprecision"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

var number = metrictest.Number

func measure(t *testing.T, plugin string, real, synthetic *frame.Frame) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, alphaprecision.Register, plugin, "", metrictest.Pair(real, synthetic, ""))
}

func TestByHand(t *testing.T) {
	// real 0, 10, 21; nearest other real row at 10, 10, 11
	real := frame.Must(number("x", 0, 10, 21))
	// nearest real row of each synthetic one: 10 at 9, 10 at 1, 21 at 80; nearest synthetic row of each real one: the second at 11,
	// at 1, and the second at 10
	synthetic := frame.Must(number("x", 19, 11, 101))
	if v := measure(t, "alpha-precision", real, synthetic).Value("authenticity"); math.Abs(v-1.0/3) > 1e-12 {
		// 19 is nearest to 21, at 2
		t.Errorf("authenticity %v", v)
	}
	// nearest synthetic row of 0 is number 1, at 11, and real row number 1 has a neighbour at 10; of 10 it is number 1, at 1; of 21 it is
	// number 0, at 2, and real row 0 has one at 10
	if v := measure(t, "alpha-precision-synthcity", real, synthetic).Value("authenticity_synthcity"); math.Abs(v-1.0/3) > 1e-12 {
		t.Errorf("indexed authenticity %v", v)
	}
}

func TestPerfectCopy(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	x := make([]float64, 1+29*20)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	f := frame.Must(number("x", x...))
	got := measure(t, "alpha-precision", f, f)
	// each radius takes in its share of the rows, and the row on it
	if v := got.Value("delta_precision_alpha"); v < 0.99 {
		t.Errorf("precision %v", v)
	}
	if v := got.Value("delta_coverage_beta"); v < 0.99 {
		t.Errorf("coverage %v", v)
	}
	if v := got.Value("authenticity"); v != 0 {
		t.Errorf("authenticity of copies: %v", v)
	}
	far := make([]float64, len(x))
	for i := range far {
		far[i] = 1000 + x[i]
	}
	got = measure(t, "alpha-precision", f, frame.Must(number("x", far...)))
	if p, c, a := got.Value("delta_precision_alpha"), got.Value("delta_coverage_beta"), got.Value("authenticity"); p != 0 || c != 0 || a != 1 {
		t.Errorf("rows far away: %v, %v, %v", p, c, a)
	}
}

func TestCurvesRise(t *testing.T) {
	real, synthetic := metrictest.Frames(rand.New(rand.NewPCG(3, 4)), 90, 70)
	got := measure(t, "alpha-precision", real, synthetic)
	if len(got.Curves) != 2 || got.Score("authenticity").N != 70 || len(got.Score("authenticity").Warnings) != 1 {
		t.Errorf("%d curves, %+v", len(got.Curves), got.Score("authenticity"))
	}
	for _, c := range got.Curves {
		for j := range c.X {
			if c.Y[j] < 0 || c.Y[j] > 1 || j > 0 && c.Y[j] < c.Y[j-1] || c.X[j] != float64(j)/29 {
				t.Errorf("%s falls, or leaves [0, 1], at level %d: %v", c.Name, j, c.Y)
			}
		}
	}
}

func TestUndefined(t *testing.T) {
	one, two := frame.Must(number("x", 1)), frame.Must(number("x", 1, 2))
	for _, frames := range [][2]*frame.Frame{{one, two}, {two, one}, {frame.Must(number("x")), two}, {two, frame.Must(number("x", 1e200, 0))}} {
		for _, plugin := range []string{"alpha-precision", "alpha-precision-synthcity"} {
			for _, s := range measure(t, plugin, frames[0], frames[1]).Scores {
				if s.Status != plugins.Undefined {
					t.Errorf("%+v", s)
				}
			}
		}
	}
	if _, err := alphaprecision.New(alphaprecision.Config{Part: plugins.Reference}); err == nil {
		t.Error("the reference part is accepted")
	}
}
