package stats_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/ehrlab/ehrlab/plugins/stats"
)

func TestOneLevelByHand(t *testing.T) {
	// 1, 2, 3: mean 2, s² 1, SE √(1/3), t 2/SE = 3.4641 with 2 degrees of freedom
	e, err := stats.OneLevel([]float64{1, 2, 3}, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	if half := 4.302652729911275 / math.Sqrt(3); !near(e.High-2, half, 1e-9) || !near(2-e.Low, half, 1e-9) {
		t.Errorf("interval %v to %v", e.Low, e.High)
	}
	test, err := stats.PairedT([]float64{1, 2, 3}, []float64{0, 0, 0})
	if err != nil {
		t.Fatal(err)
	}
	if p := e.P(0); !near(p, test.P, 1e-12) || !near(p, 0.0741799, 1e-6) {
		t.Errorf("p %v, by the t test %v", p, test.P)
	}
	for _, margin := range []float64{0.5, 2, 3, 5} {
		want, err := test.Equivalent(margin)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.Equivalent(margin); err != nil || !near(got, want.P, 1e-9) {
			t.Errorf("margin %v: p %v, by the t test %v (%v)", margin, got, want.P, err)
		}
	}
	low, high, err := e.Interval(0.5)
	if half := 0.816496580927726 / math.Sqrt(3); err != nil || !near(high-2, half, 1e-9) || !near(2-low, half, 1e-9) {
		t.Errorf("interval of half the coverage: %v to %v, %v", low, high, err)
	}
}

func TestResampledByHand(t *testing.T) {
	e, err := stats.Resampled(5, []float64{4, 5, 6}, 0.95) // SD 1, t of 2 degrees of freedom
	if err != nil || !near(e.SE, 1, 1e-12) || !near(e.High, 5+4.302652729911275, 1e-9) || e.Generation != 0 {
		t.Errorf("%+v, %v", e, err)
	}
}

// The detectable value of replicates alone has the power that the noncentral t distribution gives it.
func TestDetectableHasItsPower(t *testing.T) {
	for _, points := range [][]float64{{1, 2, 3}, {1, 2, 3, 4, 9}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}} {
		for _, level := range []float64{0.9, 0.95, 0.995} {
			e, err := stats.OneLevel(points, level)
			if err != nil {
				t.Fatal(err)
			}
			d, err := e.Detectable(level, 0.8)
			if err != nil {
				t.Fatal(err)
			}
			df := float64(len(points) - 1)
			critical := distuv.StudentsT{Sigma: 1, Nu: df}.Quantile((1 + level) / 2)
			beyond := distuv.NoncentralT{Nu: df, Mu: d / e.SE}
			if power := 1 - beyond.CDF(critical) + beyond.CDF(-critical); !near(power, 0.8, 1e-6) {
				t.Errorf("%d replicates, level %v: power %v", len(points), level, power)
			}
		}
	}
	// one generation: normal, as of Bloom but for the finite number of draws
	draws := make([]float64, 4001)
	for i := range draws {
		draws[i] = float64(i%2)*2 - 1
	}
	e, err := stats.Resampled(0, draws, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := stats.Detectable(e.SE, 0.05, 0.8)
	if d, err := e.Detectable(0.95, 0.8); err != nil || !near(d, want, 1e-3) {
		t.Errorf("detectable %v, %v; want %v", d, err, want)
	}
}

func TestPlannedAgreesWithWhatIsObserved(t *testing.T) {
	points := []float64{0.1, 0.4, 0.2, 0.5, 0.3}
	e, err := stats.OneLevel(points, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	sd, _ := stats.SD(points)
	want, _ := e.Detectable(0.95, 0.8)
	if got, err := stats.Planned(sd, 0, 5, 0.95, 0.8); err != nil || !near(got, want, 1e-12) {
		t.Errorf("planned %v, %v; observed %v", got, err, want)
	}
	fewer, _ := stats.Planned(sd, 0, 3, 0.95, 0.8)
	rows, _ := stats.Planned(sd, 0.1, 5, 0.95, 0.8)
	never, _ := stats.Planned(sd, 0.1, 1000, 0.95, 0.8)
	if floor, _ := stats.Detectable(0.1, 0.05, 0.8); !(fewer > want && rows > want && never < rows && never > floor) {
		t.Errorf("3 replicates %v, 5 %v, with test units %v, of a thousand %v", fewer, want, rows, never)
	}
	if d, err := stats.Planned(0, 0, 3, 0.95, 0.8); err != nil || d != 0 {
		t.Errorf("nothing varies: %v, %v", d, err)
	}
	if _, err := stats.Planned(1, 0, 1, 0.95, 0.8); !errors.Is(err, stats.ErrOneReplicate) {
		t.Errorf("one replicate of unknown spread: %v", err)
	}
	if _, err := stats.Planned(math.NaN(), 0, 3, 0.95, 0.8); !errors.Is(err, stats.ErrValue) {
		t.Errorf("no spread: %v", err)
	}
}

// What is called detectable is detected about as often as it says, also where replicates and test units both vary.
func TestDetectableIsDetected(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 5))
	const replicates, resamples, studies = 5, 200, 1500
	spread, rows := 0.03, 0.012
	d, err := stats.Planned(spread, rows, replicates, 0.95, 0.8)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for range studies {
		shift := random.NormFloat64() * rows // of all replicates: they share the test units
		points, draws := make([]float64, replicates), make([][]float32, replicates)
		noise := make([]float64, resamples)
		for i := range noise {
			noise[i] = random.NormFloat64() * rows
		}
		for r := range points {
			points[r] = d + shift + random.NormFloat64()*spread
			draws[r] = make([]float32, resamples)
			for i := range noise {
				draws[r][i] = float32(points[r] + noise[i])
			}
		}
		e, err := stats.TwoLevel(points, draws, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		if e.Low > 0 {
			found++
		}
	}
	if power := float64(found) / studies; power < 0.77 || power > 0.83 { // SE 0.010
		t.Errorf("found in %.3f of the studies", power)
	}
}

func TestEstimatesRefuse(t *testing.T) {
	two := []float64{1, 2}
	checks := []struct {
		name string
		err  func() error
		want error
	}{
		{"level of one level", func() error { _, err := stats.OneLevel(two, 1); return err }, stats.ErrLevel},
		{"one replicate", func() error { _, err := stats.OneLevel(two[:1], 0.9); return err }, stats.ErrOneReplicate},
		{"not finite", func() error { _, err := stats.OneLevel([]float64{1, math.NaN()}, 0.9); return err }, stats.ErrValue},
		{"one draw", func() error { _, err := stats.Resampled(1, two[:1], 0.9); return err }, stats.ErrDraws},
		{"level of draws", func() error { _, err := stats.Resampled(1, two, 0); return err }, stats.ErrLevel},
	}
	for _, c := range checks {
		if err := c.err(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	e, err := stats.OneLevel(two, 0.9)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Equivalent(0); !errors.Is(err, stats.ErrMargin) {
		t.Errorf("no margin: %v", err)
	}
	if _, _, err := e.Interval(1); !errors.Is(err, stats.ErrLevel) {
		t.Errorf("interval: %v", err)
	}
	if _, err := e.Detectable(0.9, 1); !errors.Is(err, stats.ErrLevel) {
		t.Errorf("power: %v", err)
	}
}

func TestPredictionByHand(t *testing.T) {
	// 1, 2, 3: s 1, √(1 + 1/3), t of 2 degrees of freedom
	low, high, err := stats.Prediction([]float64{1, 2, 3}, 0.95)
	if half := 4.302652729911275 * math.Sqrt(4.0/3); err != nil || !near(low, 2-half, 1e-9) || !near(high, 2+half, 1e-9) {
		t.Errorf("%v to %v, %v", low, high, err)
	}
	if _, _, err := stats.Prediction([]float64{1}, 0.95); !errors.Is(err, stats.ErrOneRow) {
		t.Errorf("one value: %v", err)
	}
	if _, _, err := stats.Prediction([]float64{1, 2}, 1); !errors.Is(err, stats.ErrLevel) {
		t.Errorf("level: %v", err)
	}
	if _, _, err := stats.Prediction([]float64{-1e300, 1e300}, 0.5); !errors.Is(err, stats.ErrValue) {
		t.Errorf("overflow: %v", err)
	}
	random := rand.New(rand.NewPCG(11, 13))
	inside := 0
	const studies = 4000
	for range studies {
		x := make([]float64, 5)
		for i := range x {
			x[i] = random.NormFloat64()
		}
		low, high, err := stats.Prediction(x, 0.9)
		if err != nil {
			t.Fatal(err)
		}
		if next := random.NormFloat64(); low <= next && next <= high {
			inside++
		}
	}
	if share := float64(inside) / studies; share < 0.885 || share > 0.915 { // SE 0.005
		t.Errorf("a further value is inside in %.3f of the studies", share)
	}
}

func TestShafferByHand(t *testing.T) {
	p := []float64{0.01, 0.04, 0.03, 0.005}
	holm, err := stats.Holm(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, most := range []int{4, 9} { // all may be true: Holm's
		if got, err := stats.Shaffer(p, most); err != nil || !slices.Equal(got, holm) {
			t.Errorf("%d: %v, %v; want %v", most, got, err, holm)
		}
	}
	// two pairs of hypotheses that exclude each other: multipliers 2, 2, 2, 1 of 0.005, 0.01, 0.03, 0.04
	got, err := stats.Shaffer(p, 2)
	for i, want := range []float64{0.02, 0.06, 0.06, 0.01} {
		if err != nil || !near(got[i], want, 1e-12) {
			t.Errorf("%v, %v", got, err)
		}
	}
	if _, err := stats.Shaffer([]float64{2}, 1); !errors.Is(err, stats.ErrP) {
		t.Errorf("no p-value: %v", err)
	}
}
