package stats_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/stats"
)

func TestTwoLevelByHand(t *testing.T) {
	// s² of 1, 2, 3 is 1; the draws' means over the replicates are 1, 3, 2: s² 1
	e, err := stats.TwoLevel([]float64{1, 2, 3}, [][]float32{{0, 2, 1}, {1, 3, 2}, {2, 4, 3}}, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	if !near(e.Value, 2, 1e-15) || !near(e.Generation, 1.0/3, 1e-15) || !near(e.Units, 1, 1e-15) || !near(e.SE, math.Sqrt(4.0/3), 1e-15) {
		t.Errorf("%+v", e)
	}
	if half := 4.302652729911275 * math.Sqrt(4.0/3); !near(e.High-2, half, 1e-9) || !near(2-e.Low, half, 1e-9) { // t₀.₉₇₅(2) of both parts
		t.Errorf("interval %v to %v", e.Low, e.High)
	}
	if p := e.P(e.High); !near(p, 0.05, 1e-9) || e.P(2) != 1 || e.P(1e12) != 1e-12 {
		t.Errorf("p at the bound %v, at the value %v, far away %v", p, e.P(2), e.P(1e12))
	}
}

func TestTwoLevelWithoutVariation(t *testing.T) {
	same := [][]float32{{0.5, 0.5}, {0.5, 0.5}}
	e, err := stats.TwoLevel([]float64{0.5, 0.5}, same, 0.95)
	if err != nil || e.SE != 0 || e.Low != 0.5 || e.High != 0.5 || e.P(0.5) != 1 || e.P(0) != 0 {
		t.Errorf("%+v, %v", e, err)
	}
	// a deterministic generator: the test units alone vary
	e, err = stats.TwoLevel([]float64{0.5, 0.5}, [][]float32{{0.4, 0.5, 0.6}, {0.4, 0.5, 0.6}}, 0.95)
	if err != nil || e.Generation != 0 || !near(e.SE, 0.1, 1e-6) {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestTwoLevelRefuses(t *testing.T) {
	two := [][]float32{{1, 2}, {1, 2}}
	for _, c := range []struct {
		name   string
		points []float64
		draws  [][]float32
		level  float64
		want   error
	}{
		{"level", []float64{1, 2}, two, 1, stats.ErrLevel},
		{"one replicate", []float64{1}, two[:1], 0.95, stats.ErrOneReplicate},
		{"no replicate", nil, nil, 0.95, stats.ErrOneReplicate},
		{"one draw", []float64{1, 2}, [][]float32{{1}, {1}}, 0.95, stats.ErrDraws},
		{"uneven draws", []float64{1, 2}, [][]float32{{1, 2}, {1}}, 0.95, stats.ErrDraws},
		{"fewer draws than replicates", []float64{1, 2, 3}, two, 0.95, stats.ErrLengths},
		{"not finite", []float64{1, math.Inf(1)}, two, 0.95, stats.ErrValue},
	} {
		if e, err := stats.TwoLevel(c.points, c.draws, c.level); e != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v; want %v", c.name, e, err, c.want)
		}
	}
	if _, err := stats.TwoLevelDifference([]float64{1, 2}, []float64{1, 2, 3}, two, two, 0.95); !errors.Is(err, stats.ErrLengths) {
		t.Errorf("arms of other numbers of replicates: %v", err)
	}
	longer := [][]float32{{1, 2, 3}, {1, 2, 3}}
	if _, err := stats.TwoLevelDifference([]float64{1, 2}, []float64{1, 2}, two, longer, 0.95); !errors.Is(err, stats.ErrLengths) {
		t.Errorf("arms of other numbers of draws: %v", err)
	}
}

// trial is one study: replicates of a generation, tested on the same units. What is scored is a mean over units of
// an effect of the replicate, one of the unit and one of both, all around 0.
type trial struct{ replicate, unit, both float64 } // standard deviations

const (
	trialUnits = 120
	trialDraws = 200
)

// run returns the scores of the replicates and of their draws. Effects of replicates and of units are shared between
// arms that are given the same random sources for them.
func (s trial) run(replicates int, generation, units, own *rand.Rand, resample [][]int) (points []float64, draws [][]float32) {
	unit := make([]float64, trialUnits)
	for u := range unit {
		unit[u] = s.unit * units.NormFloat64()
	}
	for range replicates {
		effect := s.replicate * generation.NormFloat64()
		values := make([]float64, trialUnits)
		for u := range values {
			values[u] = effect + unit[u] + s.both*own.NormFloat64()
		}
		point, _ := stats.Mean(values)
		points = append(points, point)
		drawn := make([]float32, len(resample))
		for i, rows := range resample {
			sum := 0.0
			for _, u := range rows {
				sum += values[u]
			}
			drawn[i] = float32(sum / float64(len(rows)))
		}
		draws = append(draws, drawn)
	}
	return points, draws
}

func resamples(rng *rand.Rand) [][]int {
	out := make([][]int, trialDraws)
	for i := range out {
		for range trialUnits {
			out[i] = append(out[i], rng.IntN(trialUnits))
		}
	}
	return out
}

// Nominal 95 % intervals cover the truth, 0, in about 95 % of studies, whichever level varies more. What replicates and units share is
// counted twice, which makes the interval a little too long.
func TestTwoLevelCovers(t *testing.T) {
	if testing.Short() {
		t.Skip("many simulated studies; one thread")
	}
	const studies = 800
	for _, s := range []trial{{1, 1, 0}, {0.1, 1, 0}, {0.1, 1, 1}, {0, 1, 0.2}} {
		for _, replicates := range []int{2, 3, 5, 10} {
			rng := rand.New(rand.NewPCG(uint64(replicates), 7))
			resample := resamples(rng)
			hit, seedsOnly := 0.0, 0.0
			for range studies {
				points, draws := s.run(replicates, rng, rng, rng, resample)
				e, err := stats.TwoLevel(points, draws, 0.95)
				if err != nil {
					t.Fatal(err)
				}
				if e.Low <= 0 && 0 <= e.High {
					hit += 1.0 / studies
				}
				if _, low, high, _ := stats.MeanInterval(points, 0.95); low <= 0 && 0 <= high {
					seedsOnly += 1.0 / studies
				}
			}
			t.Logf("%+v, %d replicates: %.3f; over seeds alone %.3f", s, replicates, hit, seedsOnly)
			if hit < 0.925 || hit > 0.99 {
				t.Errorf("%+v, %d replicates: the interval covers %.3f", s, replicates, hit)
			}
			if s.replicate == 0.1 && s.both == 0 && seedsOnly > 0.9 && replicates > 3 {
				t.Errorf("%+v, %d replicates: the interval over seeds covers %.3f: the reason for the other one is gone", s, replicates, seedsOnly)
			}
		}
	}
}

// Arms that share seeds and test units are compared within both: the interval of the difference covers, and is far shorter
// than that of arms set against each other at random.
func TestTwoLevelDifferenceIsPaired(t *testing.T) {
	if testing.Short() {
		t.Skip("many simulated studies; one thread")
	}
	const studies = 800
	s := trial{replicate: 0.3, unit: 2, both: 0.5}
	for _, replicates := range []int{3, 5, 10} {
		rng := rand.New(rand.NewPCG(uint64(replicates), 8))
		resample := resamples(rng)
		hit, paired, apart := 0.0, 0.0, 0.0
		for range studies {
			generation, unit := rng.Uint64(), rng.Uint64()
			shared := func(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }
			a, drawsA := s.run(replicates, shared(generation), shared(unit), rng, resample)
			b, drawsB := s.run(replicates, shared(generation), shared(unit), rng, resample)
			e, err := stats.TwoLevelDifference(a, b, drawsA, drawsB, 0.95)
			if err != nil {
				t.Fatal(err)
			}
			other, err := stats.TwoLevelDifference(b, a, drawsB, drawsA, 0.95)
			if err != nil || other.Value != -e.Value || !near(other.High, -e.Low, 1e-12) {
				t.Fatalf("the other way round %+v, %v; this way %+v", other, err, e)
			}
			if e.Low <= 0 && 0 <= e.High {
				hit += 1.0 / studies
			}
			alone, _ := stats.TwoLevel(a, drawsA, 0.95)
			paired, apart = paired+e.SE/studies, apart+math.Sqrt2*alone.SE/studies
		}
		t.Logf("%d replicates: %.3f; SE %.4f, unpaired %.4f", replicates, hit, paired, apart)
		if hit < 0.925 || hit > 0.999 || paired > apart/2 {
			t.Errorf("%d replicates: covers %.3f, SE %v against %v", replicates, hit, paired, apart)
		}
	}
}
