package moments_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/metric/moments"
)

var (
	nan    = math.NaN()
	number = metrictest.Number
)

func measure(t *testing.T, real, synthetic *frame.Frame) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, moments.Register, "moments", "", metrictest.Pair(real, synthetic, ""))
}

func column(t *testing.T, real, synthetic []float64) metrictest.Result {
	t.Helper()
	return measure(t, frame.Must(number("x", real...)), frame.Must(number("x", synthetic...)))
}

// u marks an undefined value.
var u = math.Inf(1)

func TestByHand(t *testing.T) {
	names := []string{"standardised_mean_difference", "statistic_similarity_mean", "statistic_similarity_std", "statistic_similarity_median", "confidence_interval_overlap"}
	s2 := math.Sqrt2
	for _, c := range []struct {
		name            string
		real, synthetic []float64
		want            [5]float64
	}{
		{"equal", []float64{1, 2, 3}, []float64{3, 1, 2}, [5]float64{0, 1, 1, 1, 1}},
		// means 2 and 3, SD √2 and √2; overlap (2·1.96·√2 - 1)/(2·1.96·√2)
		{"moved", []float64{1, 3}, []float64{2, 4}, [5]float64{1 / s2, 0.5, 1, 0.5, 1 - 1/(2*1.96*s2)}},
		// means 0 and 0, SD 2 and 1 by three values each; the shorter interval lies within the longer
		{"narrower", []float64{-2, 0, 2}, []float64{-1, 0, 1}, [5]float64{0, 1, 0.75, 1, 0.75}},
		{"far apart", []float64{0, 1}, []float64{100, 101}, [5]float64{100 * s2, 0, 1, 0, 0}},
		{"missing left out", []float64{1, nan, 3}, []float64{nan, 2, 4}, [5]float64{1 / s2, 0.5, 1, 0.5, 1 - 1/(2*1.96*s2)}},
		{"constant real", []float64{0.1, 0.1, 0.1}, []float64{0.1, 0.1 + 2*s2}, [5]float64{s2 / (2 / s2), u, u, u, u}},
		{"constant synthetic", []float64{0, 2}, []float64{1, 1}, [5]float64{0, 1, 1 - s2/2, 1, u}},
		{"both constant", []float64{0.1, 0.1, 0.1}, []float64{0.2, 0.2}, [5]float64{u, u, u, u, u}},
		{"one synthetic value", []float64{0, 2}, []float64{1.5}, [5]float64{u, 0.75, u, 0.75, u}},
		{"one real value", []float64{1}, []float64{0, 2}, [5]float64{u, u, u, u, u}},
		{"no real value", []float64{nan}, []float64{0, 2}, [5]float64{u, u, u, u, u}},
		{"no synthetic row", []float64{0, 2}, nil, [5]float64{u, u, u, u, u}},
		{"great", []float64{1e300, 3e300}, []float64{2e300, 4e300}, [5]float64{1 / s2, 0.5, 1, 0.5, 1 - 1/(2*1.96*s2)}},
		{"small", []float64{1e-300, 3e-300}, []float64{2e-300, 4e-300}, [5]float64{1 / s2, 0.5, 1, 0.5, 1 - 1/(2*1.96*s2)}},
	} {
		got := column(t, c.real, c.synthetic)
		for i, name := range names {
			s := got.Score(name, "column", "x")
			if (s.Status == plugins.Undefined) != (c.want[i] == u) || s.Status == plugins.OK && math.Abs(s.Value-c.want[i]) > 1e-12*max(1, math.Abs(c.want[i])) {
				t.Errorf("%s: %s is %v %s, want %v", c.name, name, s.Value, s.Reason, c.want[i])
			}
		}
	}
}

func TestSummaries(t *testing.T) {
	real := frame.Must(number("same", 1, 3), number("moved", 1, 3), number("far", 0, 1), number("constant", 5, 5), metrictest.Category("c", "a", "b"))
	synthetic := frame.Must(number("same", 3, 1), number("moved", 0, 2), number("far", 100, 101), number("constant", 5, 6), metrictest.Category("c", "a", "b"))
	got := measure(t, real, synthetic)
	moved := 1 / math.Sqrt2
	overlap := 1 - 1/(2*1.96*math.Sqrt2)
	mean := (1 + overlap + 0) / 3
	deviation := math.Sqrt(((1-mean)*(1-mean) + (overlap-mean)*(overlap-mean) + mean*mean) / 2)
	// constant has the SD 0 beside 1/√2: √(¼) is what its half is divided by
	for name, want := range map[string]float64{
		"mean_absolute_standardised_mean_difference":  (0 + moved + 100*math.Sqrt2 + 1) / 4,
		"share_notable_standardised_mean_difference":  0.75,
		"mean_statistic_similarity_mean":              (1 + 0.5 + 0) / 3,
		"mean_confidence_interval_overlap":            mean,
		"confidence_interval_overlap_standard_error":  deviation / math.Sqrt(3),
		"columns_without_confidence_interval_overlap": 1,
		"share_without_confidence_interval_overlap":   1.0 / 3,
	} {
		if v := got.Value(name); math.Abs(v-want) > 1e-12*max(1, want) {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
	for _, name := range []string{"mean_confidence_interval_overlap", "columns_without_confidence_interval_overlap", "confidence_interval_overlap_standard_error"} {
		if s := got.Score(name); s.N != 3 || len(s.Warnings) != 1 || s.Warnings[0] != "1 of 4 columns left out: undefined in the test rows" {
			t.Errorf("%+v", s)
		}
	}
}

func TestSummariesOfNothing(t *testing.T) {
	for _, f := range []*frame.Frame{frame.Must(metrictest.Category("c", "a")), frame.Must(number("x", 5, 5))} {
		for _, s := range measure(t, f, f).Scores {
			if s.Status != plugins.Undefined {
				t.Errorf("%+v", s)
			}
		}
	}
	got := column(t, []float64{1, 2}, []float64{1, 2})
	if s := got.Score("confidence_interval_overlap_standard_error"); s.Status != plugins.Undefined || !strings.Contains(s.Reason, "two columns") {
		t.Errorf("%+v", s)
	}
}

func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	draw := func() []float64 {
		x := make([]float64, 2+rng.IntN(10))
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		return x
	}
	for range 200 {
		a, b := draw(), draw()
		there, back, copied := column(t, a, b), column(t, b, a), column(t, a, a)
		if there.Value("standardised_mean_difference", "column", "x") != -back.Value("standardised_mean_difference", "column", "x") {
			t.Fatalf("a=%v b=%v: the difference is not antisymmetric", a, b)
		}
		if math.Abs(there.Value("mean_confidence_interval_overlap")-back.Value("mean_confidence_interval_overlap")) > 1e-15 {
			t.Fatalf("a=%v b=%v: the overlap is not symmetric", a, b)
		}
		for _, s := range copied.Scores {
			best := 0.0
			if strings.Contains(s.Name, "similarity") || strings.HasSuffix(s.Name, "confidence_interval_overlap") && !strings.Contains(s.Name, "without") {
				best = 1
			}
			if s.Status == plugins.OK && math.Abs(s.Value-best) > 1e-15 {
				t.Fatalf("a copy has %s %v, want %v", s.Name, s.Value, best)
			}
		}
	}
}

func TestInvariant(t *testing.T) {
	real, synthetic := metrictest.Frames(rand.New(rand.NewPCG(3, 4)), 200, 150)
	metrictest.Invariant(t, moments.Register, "moments", "", metrictest.Pair(real, synthetic, ""))
}

// Each continuous column is moved by 0.3 SD, some up and some down, on a scale that the skewed one bends; a flag is seen through
// its threshold alone, and holds the mean of all columns down.
func TestAShiftOfContinuousColumnsIsItsSize(t *testing.T) {
	const shift, n = 0.3, 20_000
	rng := rand.New(rand.NewPCG(6, 7))
	draw := func(by float64) *frame.Frame {
		up, down, bent, flag := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range n {
			up[i], down[i] = math.Round(20*(rng.NormFloat64()+by)), 5*(rng.NormFloat64()-by)
			bent[i] = math.Exp(0.3 * (rng.NormFloat64() + by))
			if rng.NormFloat64()+by > 1.5 {
				flag[i] = 1
			}
		}
		return frame.Must(number("up", up...), number("down", down...), number("bent", bent...), number("flag", flag...))
	}
	const name = "mean_absolute_standardised_mean_difference"
	pair := metrictest.Pair(draw(0), draw(shift), "")
	all, some := metrictest.Measure(t, moments.Register, "moments", "", pair), metrictest.Measure(t, moments.Register, "moments", `{"columns": "continuous"}`, pair)
	if got := some.Score(name); math.Abs(got.Value-shift) > 0.015 || got.N != 3 || len(got.Warnings) != 1 || got.Warnings[0] != "variant: continuous columns alone" {
		t.Errorf("%+v, want %v over three columns", got, shift)
	}
	if got := all.Score(name); got.Value > shift-0.02 || got.N != 4 || len(got.Warnings) != 0 {
		t.Errorf("%+v of all columns, of which one is a flag", got)
	}
	for _, s := range some.Scores {
		if s.Dims["column"] == "flag" {
			t.Errorf("a flag is continuous: %+v", s)
		}
	}
	for _, c := range []moments.Config{{Part: plugins.Test, Columns: "some"}, {Part: plugins.Reference}} {
		if _, err := moments.New(c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}

// The mean over columns has the interval of Student's t over their sizes; one column has none.
func TestTheMeanOverColumnsHasTheirInterval(t *testing.T) {
	real := frame.Must(number("x", -1, 1), number("y", -1, 1), number("z", -1, 1))
	moved := frame.Must(number("x", 0, 2), number("y", -4, -2), number("z", 1, 3)) // by 1, -3 and 2 of SD √2
	got := measure(t, real, moved).Score("mean_absolute_standardised_mean_difference")
	half := 4.302652729911275 * (1 / math.Sqrt2) / math.Sqrt(3) // t with two degrees of freedom × SD/√3
	if iv := got.Interval; iv == nil || iv.Unit != "columns" || math.Abs(iv.Low-max(0, math.Sqrt2-half)) > 1e-9 || math.Abs(iv.High-math.Sqrt2-half) > 1e-9 {
		t.Errorf("%v with %+v", got.Value, iv)
	}
	if one := column(t, []float64{-1, 1}, []float64{0, 2}).Score("mean_absolute_standardised_mean_difference"); one.Interval != nil {
		t.Errorf("one column: %+v", one.Interval)
	}
}
