package contrast_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/stats"
	"github.com/ehrlab/ehrlab/runner/contrast"
	"github.com/ehrlab/ehrlab/runner/record"
)

// scored is a score without draws.
func scored(v float64) *record.Score {
	return &record.Score{Metric: "across", Score: plugins.Score{Name: "auroc", Value: v, N: 100, Status: plugins.OK}}
}

// drawn is a score with draws on resamples of some rows.
func drawn(v float64, of string, draws ...float32) *record.Score {
	s := scored(v)
	s.Draws = &record.Draws{Unit: "test subjects", Of: of, Values: draws}
	return s
}

func failed(why string) *record.Score {
	return &record.Score{Metric: "across", Score: plugins.Score{Name: "auroc", Status: plugins.Failed, Reason: why}}
}

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance }

func estimate(t *testing.T, pairs []contrast.Pair) *contrast.Effect {
	t.Helper()
	e, err := contrast.Estimate(pairs, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

const t2 = 4.302652729911275 // t₀.₉₇₅ with 2 degrees of freedom

func TestPairedByHand(t *testing.T) {
	// differences 1, 2, 3: mean 2, s² 1
	e := estimate(t, []contrast.Pair{{A: scored(4), B: scored(3)}, {A: scored(7), B: scored(5)}, {A: scored(3), B: scored(0)}})
	half := t2 / math.Sqrt(3)
	if !near(e.Value, 2, 1e-12) || !near(e.Low, 2-half, 1e-9) || !near(e.High, 2+half, 1e-9) || !near(e.P, 0.0741799, 1e-6) ||
		e.N != 3 || e.Of != 3 || e.Units != 3 || e.Unit != "seeds" || e.Method != "paired Student t" || e.Same || e.Unsure != "" {
		t.Errorf("%+v", e)
	}
	if spread, rows, ok := e.Spread(); !near(spread, 1, 1e-12) || rows != 0 || !ok {
		t.Errorf("spread %v, of rows %v, %v", spread, rows, ok)
	}
	if low, high, err := e.At(1 - e.P); err != nil || !near(low, 0, 1e-6) || !near(high, 4, 1e-6) {
		t.Errorf("the interval that p speaks of is %v to %v, %v", low, high, err)
	}
	wide, _ := e.DetectableAt(0.99)
	if want, _ := stats.Planned(1, 0, 3, 0.95, 0.8); !near(e.Detectable, want, 1e-9) || wide <= e.Detectable {
		t.Errorf("detectable %v, want %v; at a higher level %v", e.Detectable, want, wide)
	}
}

func TestTwoLevelByHand(t *testing.T) {
	// differences 1, 2, 3; the draws' mean differences are 1, 3, 2: both variances as in the test of stats.TwoLevel
	pairs := []contrast.Pair{
		{A: drawn(4, "x", 1, 3, 2), B: drawn(3, "x", 1, 1, 1)},
		{A: drawn(7, "x", 2, 4, 3), B: drawn(5, "x", 1, 1, 1)},
		{A: drawn(3, "x", 3, 5, 4), B: drawn(0, "x", 1, 1, 1)},
	}
	e := estimate(t, pairs)
	half := t2 * math.Sqrt(4.0/3)
	if !near(e.Value, 2, 1e-12) || !near(e.High-2, half, 1e-6) || e.Unit != "seeds × test subjects" || !strings.HasPrefix(e.Method, "two-level") {
		t.Errorf("%+v", e)
	}
	// one pair: its test rows alone
	one := estimate(t, pairs[:1])
	if !near(one.High-1, t2, 1e-6) || one.Unit != "test subjects" || one.Method != "paired bootstrap, 3 joint resamples" || one.Unsure != "" {
		t.Errorf("one pair: %+v", one)
	}
	// one score without draws, or on other resamples: the seeds alone
	for _, other := range []*record.Score{scored(0), drawn(0, "x", 1, 1)} {
		e = estimate(t, append(slices.Clone(pairs[:2]), contrast.Pair{A: pairs[2].A, B: other}))
		if e.Unit != "seeds" || !near(e.High-2, t2/math.Sqrt(3), 1e-9) {
			t.Errorf("without all draws: %+v", e)
		}
	}
}

func TestPairsWithoutBothValuesAreCounted(t *testing.T) {
	e := estimate(t, []contrast.Pair{
		{A: scored(4), B: scored(3), Label: "seed 1"},
		{A: scored(7), B: failed("timed out"), Label: "seed 2"},
		{A: scored(3), B: scored(0), Label: "seed 3"},
		{A: scored(5), Label: "seed 4", Why: "strategy naive: there is no such cell"},
	})
	want := []contrast.Left{{"seed 2", "failed: timed out"}, {"seed 4", "strategy naive: there is no such cell"}}
	if e.N != 2 || e.Of != 4 || e.Value != 2 || !slices.Equal(e.Left, want) {
		t.Errorf("%+v", e)
	}
	if _, err := contrast.Estimate([]contrast.Pair{{A: scored(1)}}, 0.95); !errors.Is(err, contrast.ErrNoPairs) {
		t.Errorf("no pair: %v", err)
	}
	if _, err := contrast.Estimate(nil, 0.95); !errors.Is(err, contrast.ErrNoPairs) {
		t.Errorf("nothing: %v", err)
	}
	if _, err := contrast.Estimate(nil, 95); !errors.Is(err, stats.ErrLevel) {
		t.Errorf("level: %v", err)
	}
}

func TestOtherTestRowsAreNoPair(t *testing.T) {
	pairs := []contrast.Pair{{A: drawn(1, "x", 1, 2), B: drawn(1, "x", 1, 2)}, {A: drawn(1, "x", 1, 2), B: drawn(1, "y", 1, 2), Label: "seed 2"}}
	_, err := contrast.Estimate(pairs, 0.95)
	if !errors.Is(err, contrast.ErrTestRows) || err.Error() != "seed 2: the two were not rated on the same test rows" {
		t.Errorf("%v", err)
	}
}

func TestNothingIsClaimedOfOnePair(t *testing.T) {
	e := estimate(t, []contrast.Pair{{A: scored(4), B: scored(3)}})
	if e.Unsure == "" || !math.IsInf(e.Low, -1) || !math.IsInf(e.High, 1) || e.P != 1 || e.Detectable != 0 || e.Unit != "" || e.Method != "" {
		t.Errorf("%+v", e)
	}
	if low, high, err := e.At(0.5); err != nil || !math.IsInf(low, -1) || !math.IsInf(high, 1) {
		t.Errorf("at another level: %v to %v, %v", low, high, err)
	}
	if p, err := e.Equivalent(10); err != nil || p != 0.5 {
		t.Errorf("equivalent: %v, %v", p, err)
	}
}

func TestSame(t *testing.T) {
	for name, pairs := range map[string][]contrast.Pair{
		"one pair":   {{A: scored(4), B: scored(4)}},
		"two pairs":  {{A: scored(4), B: scored(4)}, {A: scored(5), B: scored(5)}},
		"with draws": {{A: drawn(4, "x", 1, 2), B: drawn(4, "x", 1, 2)}, {A: drawn(5, "x", 1, 2), B: drawn(5, "x", 1, 2)}},
	} {
		e := estimate(t, pairs)
		if !e.Same || e.Value != 0 || e.Low != 0 || e.High != 0 || e.P != 1 || e.Unsure != "" {
			t.Errorf("%s: %+v", name, e)
		}
	}
	// means that are equal by chance are not the same scores
	if e := estimate(t, []contrast.Pair{{A: scored(4), B: scored(5)}, {A: scored(5), B: scored(4)}}); e.Same || e.Value != 0 || e.Low >= 0 {
		t.Errorf("%+v", e)
	}
}

// Two pairs may differ alike by coincidence; six are a sign at 95 %, which 99 % asks more of.
func TestDifferencesWithoutSpread(t *testing.T) {
	pairs := func(n int) []contrast.Pair {
		var out []contrast.Pair
		for i := range n {
			out = append(out, contrast.Pair{A: scored(0.1 + float64(i)), B: scored(0.3 + float64(i))}) // equal up to rounding
		}
		return out
	}
	e := estimate(t, pairs(5))
	if e.Unsure == "" || !math.IsInf(e.High, 1) || e.P != 0.0625 || e.SE != 0 {
		t.Errorf("5 pairs: %+v", e)
	}
	e = estimate(t, pairs(6))
	if e.Unsure != "" || !near(e.High, -0.2, 1e-9) || e.Low != e.High || e.P != 0.03125 {
		t.Errorf("6 pairs: %+v", e)
	}
	if _, high, err := e.At(0.99); err != nil || !math.IsInf(high, 1) {
		t.Errorf("6 pairs at 99 %%: %v, %v", high, err)
	}
}

// What belongs to one unit counts once, however many pairs it has; a unit without all of its parts does not count.
func TestUnitsAndParts(t *testing.T) {
	pair := func(seed, n string, d float64) contrast.Pair {
		return contrast.Pair{A: scored(d), B: scored(0), Unit: seed, Part: n, Label: "seed " + seed + ", n " + n}
	}
	e := estimate(t, []contrast.Pair{
		pair("1", "100", 1), pair("1", "200", 3), pair("2", "100", 2), pair("2", "200", 6), pair("2", "200", 4), pair("3", "100", 50),
	})
	// seed 1: 2; seed 2: (2 + 5)/2; seed 3 lacks n 200
	if !near(e.Value, 2.75, 1e-12) || e.N != 5 || e.Of != 6 || e.Units != 2 || len(e.Left) != 1 || e.Left[0].Label != "seed 3, n 100" {
		t.Errorf("%+v", e)
	}
}

// study simulates arms whose scores share seeds and test rows; each difference varies by less than each score.
type study struct {
	seeds            int
	shift            float64 // true difference
	seed, rows, both float64 // standard deviations: of a seed (in both arms), of the test rows (likewise), and of a seed in one arm
}

func (s study) pairs(random *rand.Rand) []contrast.Pair {
	const resamples = 120
	sample := func() (rows, difference float64) {
		return random.NormFloat64() * s.rows, random.NormFloat64() * s.rows / 3
	}
	rows, difference := sample()
	noise := make([][2]float64, resamples)
	for i := range noise {
		noise[i][0], noise[i][1] = sample()
	}
	var out []contrast.Pair
	for seed := range s.seeds {
		common := 0.8 + random.NormFloat64()*s.seed
		b := common + rows + random.NormFloat64()*s.both
		a := common + rows + difference + s.shift + random.NormFloat64()*s.both
		drawsA, drawsB := make([]float32, resamples), make([]float32, resamples)
		for i, n := range noise {
			drawsB[i], drawsA[i] = float32(b+n[0]), float32(a+n[0]+n[1])
		}
		out = append(out, contrast.Pair{A: drawn(a, "x", drawsA...), B: drawn(b, "x", drawsB...), Label: fmt.Sprint("seed ", seed)})
	}
	return out
}

// The interval covers the true difference about as often as it says, and pairing is what makes it short.
func TestCoverage(t *testing.T) {
	const studies = 300
	for _, s := range []study{
		{seeds: 3, shift: 0.02, seed: 0.03, rows: 0.02, both: 0.01},
		{seeds: 10, shift: 0.02, seed: 0.03, rows: 0.02, both: 0.005},
		{seeds: 10, shift: 0.02, seed: 0.03, rows: 0.0001, both: 0.02},
	} {
		random := rand.New(rand.NewPCG(7, uint64(s.seeds)))
		covered, shorter := 0, 0
		for range studies {
			pairs := s.pairs(random)
			e := estimate(t, pairs)
			if e.Low <= s.shift && s.shift <= e.High {
				covered++
			}
			var a, b []float64
			for _, p := range pairs {
				a, b = append(a, p.A.Value), append(b, p.B.Value)
			}
			apart, err := stats.Welch(a, b)
			if err != nil || !near(apart.Difference, e.Value, 1e-9) {
				t.Fatalf("%+v, %v; paired %v", apart, err, e.Value)
			}
			if low, high, _ := apart.Interval(0.95); e.High-e.Low < high-low {
				shorter++
			}
		}
		share := float64(covered) / studies
		t.Logf("%+v: covers %.3f; shorter than unpaired in %.3f", s, share, float64(shorter)/studies)
		if share < 0.915 || share > 0.995 { // SE 0.013; where both parts matter it covers more than it says
			t.Errorf("%+v: covers %.3f", s, share)
		}
		if s.seeds == 10 && shorter < studies*9/10 {
			t.Errorf("%+v: pairing makes the interval shorter in %d of %d studies only", s, shorter, studies)
		}
	}
}
