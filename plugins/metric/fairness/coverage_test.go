package fairness_test

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/fairness"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

// A model that treats groups alike has gaps of 0 and ratios of 1: their intervals hold these in 95 % of samples or more. One that
// favours a group has a gap whose interval does not reach 0, and holds the truth.
func TestIntervalsOfGapsCover(t *testing.T) {
	if testing.Short() {
		t.Skip("many simulated studies; one thread")
	}
	fair := map[string]float64{
		"demographic_parity_difference": 0, "equal_opportunity_difference": 0, "equalized_odds_difference": 0, "auroc_gap": 0,
		"tpr_gap_defined_only": 0, "fpr_gap_defined_only": 0, "demographic_parity_ratio": 1, "equalized_odds_ratio": 1,
	}
	const trials = 40
	for _, groups := range []int{2, 5} {
		missed := map[string]int{}
		for trial := range trials {
			rng := rand.New(rand.NewPCG(uint64(trial), 9))
			for _, s := range grouped(t, rng, groups, 0).Scores {
				truth, ok := fair[s.Name]
				if ok && (s.Interval == nil || truth < s.Interval.Low || truth > s.Interval.High) {
					missed[s.Name]++
				}
			}
		}
		for name, n := range missed {
			if n > 6 { // 2 are due; 7 or more have a chance of 0.3 %
				t.Errorf("%d groups: the interval of %s misses its truth in %d of %d samples", groups, name, n, trials)
			}
		}
	}
	// the first group's x is higher by 1: its rate of calls is that of an x above the threshold less 1
	missed := 0
	for trial := range trials {
		rng := rand.New(rand.NewPCG(uint64(trial), 10))
		m := grouped(t, rng, 2, 1)
		s := m.Score("demographic_parity_difference", "by", "g")
		if s.Interval.Low <= 0.1 || s.Interval.High >= 0.6 || s.Interval.Low > s.Value || s.Interval.High < s.Value {
			missed++
		}
	}
	if missed > 2 {
		t.Errorf("a gap of about 0.34 has a wide interval, or none, in %d of %d samples", missed, trials)
	}
}

// grouped measures a model of rows whose groups differ in x by shift alone: of the first against the others.
func grouped(t *testing.T, rng *rand.Rand, groups int, shift float64) metrictest.Result {
	t.Helper()
	draw := func(n int) (*frame.Frame, *frame.Frame) {
		x, label, group := make([]float64, n), make([]float64, n), make([]string, n)
		for i := range n {
			of := rng.IntN(groups)
			x[i], group[i] = rng.NormFloat64(), strconv.Itoa(of)
			if of == 0 {
				x[i] += shift
			}
			if x[i]+rng.NormFloat64() > 0.8 {
				label[i] = 1
			}
		}
		return frame.Must(metrictest.Number("x", x...), metrictest.Number("death", label...)), frame.Must(metrictest.Category("g", group...))
	}
	train, _ := draw(50)
	test, beside := draw(1200)
	synthetic, _ := draw(1200)
	return measure(t, `{"by": ["g"], "resamples": 200}`, plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: {Frame: train}, plugins.Test: {Frame: test, Beside: beside},
	}), synthetic, "death"))
}

func TestNoModelIsTestedOnItsOwnRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 11))
	sample := plugins.Sample{Frame: rows(rng, 400)}
	p := plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Train: sample, plugins.Test: sample}), rows(rng, 300), "death")
	m := metrictest.Measure(t, fairness.Register, "fairness", `{"by": ["sex"], "train": "real", "model": "random-forest", "resamples": 0}`, p)
	if s := m.Score("auroc_gap", "by", "sex"); s.Status != plugins.Undefined {
		t.Errorf("%+v", s)
	}
	m = metrictest.Measure(t, fairness.Register, "fairness", `{"by": ["sex"], "resamples": 0}`, p)
	if s := m.Score("auroc_gap", "by", "sex"); s.Status != plugins.OK {
		t.Errorf("a model of synthetic rows: %+v", s)
	}
}
