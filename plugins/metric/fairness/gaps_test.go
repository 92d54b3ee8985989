package fairness_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/metric/fairness"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// rates returns a group of so many rows: events and others, and how many of each are called positive.
func rates(events, called, others, alarms int64) stats.Rates {
	r := stats.Rates{Rows: events + others, Events: events, Selected: called + alarms, TruePositive: called, AUROC: 0.7}
	if events == 0 || others == 0 {
		r.AUROC, r.AUROCErr = 0, stats.ErrOneClass
	}
	return r
}

func gaps(groups []stats.Rates, m fairness.Minimum) map[string]float64 {
	out := map[string]float64{}
	for i, v := range fairness.Compare(groups, m).Gaps(groups) {
		out[fairness.GapNames[i]] = v
	}
	return out
}

func TestGapsByHand(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name    string
		groups  []stats.Rates
		minimum fairness.Minimum
		want    map[string]float64
	}{
		{
			name:   "two groups", // selected 9/20 and 3/10; true 8/10 and 2/4; false 1/10 and 1/6
			groups: []stats.Rates{rates(10, 8, 10, 1), rates(4, 2, 6, 1)},
			want: map[string]float64{
				"demographic_parity_difference": 0.15, "demographic_parity_ratio": 2.0 / 3, "equalized_odds_difference": 0.3,
				"equalized_odds_ratio": 0.6, "equal_opportunity_difference": 0.3, "tpr_gap_defined_only": 0.3,
				"fpr_gap_defined_only": 1.0/6 - 0.1, "equalized_odds_difference_defined_only": 0.3, "auroc_gap": 0,
			},
		},
		{
			name:   "a group without events: the readings differ",
			groups: []stats.Rates{rates(10, 8, 10, 1), rates(10, 5, 10, 2), rates(0, 0, 10, 1)},
			want: map[string]float64{
				"equal_opportunity_difference": 0.8, "tpr_gap_defined_only": 0.3, "equalized_odds_difference": 0.8,
				"equalized_odds_difference_defined_only": 0.3, "equalized_odds_ratio": 0, "auroc_gap": 0,
			},
		},
		{
			name:    "a group with few events is in neither reading, and one with few rows in nothing",
			groups:  []stats.Rates{rates(10, 8, 10, 1), rates(10, 5, 10, 2), rates(1, 0, 20, 20), rates(2, 2, 2, 2)},
			minimum: fairness.Minimum{Rows: 10, Events: 5, NonEvents: 5},
			want: map[string]float64{
				"equal_opportunity_difference": 0.3, "tpr_gap_defined_only": 0.3, "fpr_gap_defined_only": 0.9,
				"demographic_parity_difference": 20.0/21 - 0.35,
			},
		},
		{
			name:   "nobody is called positive: differences are 0, ratios undefined",
			groups: []stats.Rates{rates(5, 0, 5, 0), rates(5, 0, 5, 0)},
			want: map[string]float64{
				"demographic_parity_difference": 0, "demographic_parity_ratio": nan, "equalized_odds_difference": 0, "equalized_odds_ratio": nan,
			},
		},
		{
			name:   "no false alarm at all: the other ratio stands",
			groups: []stats.Rates{rates(4, 2, 5, 0), rates(4, 4, 5, 0)},
			want:   map[string]float64{"equalized_odds_ratio": 0.5},
		},
		{
			name: "no groups",
			want: map[string]float64{
				"demographic_parity_difference": nan, "demographic_parity_ratio": nan, "equalized_odds_difference": nan, "equalized_odds_ratio": nan,
				"equal_opportunity_difference": nan, "tpr_gap_defined_only": nan, "auroc_gap": nan,
			},
		},
	} {
		got := gaps(c.groups, c.minimum)
		for name, want := range c.want {
			if !(math.Abs(got[name]-want) < 1e-12 || math.IsNaN(got[name]) && math.IsNaN(want)) {
				t.Errorf("%s: %s %v, want %v", c.name, name, got[name], want)
			}
		}
	}
}

// The order of groups does not matter, equal groups have no gap, and every defined gap lies in [0,1].
func TestGapProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		var groups []stats.Rates
		for range 1 + rng.IntN(5) {
			events, others := rng.Int64N(6), rng.Int64N(6)
			if events+others == 0 {
				others = 1
			}
			groups = append(groups, rates(events, rng.Int64N(events+1), others, rng.Int64N(others+1)))
		}
		turned := append(append([]stats.Rates{}, groups[1:]...), groups[0])
		a, b, same := gaps(groups, fairness.Minimum{}), gaps(turned, fairness.Minimum{}), gaps([]stats.Rates{groups[0], groups[0]}, fairness.Minimum{})
		for name, v := range a {
			if v != b[name] && !(math.IsNaN(v) && math.IsNaN(b[name])) || v < 0 || v > 1 {
				t.Fatalf("%v: %s %v, in another order %v", groups, name, v, b[name])
			}
		}
		if same["demographic_parity_difference"] != 0 || same["equalized_odds_difference"] != 0 {
			t.Fatalf("%v beside itself: %v", groups[0], same)
		}
		if a["equalized_odds_difference_defined_only"] > a["equalized_odds_difference"] {
			t.Fatalf("%v: leaving groups out widens the gap: %v", groups, a)
		}
	}
}

func TestEqualizedOddsScore(t *testing.T) {
	a := stats.Confusion{TruePositive: 3, FalseNegative: 1, FalsePositive: 1, TrueNegative: 3} // ¾, ¼
	b := stats.Confusion{TruePositive: 1, FalseNegative: 1}                                    // ½, and no other rows: 0
	if got := fairness.EqualizedOddsScore(a, b); got != 0.75 || fairness.EqualizedOddsScore(b, a) != got || fairness.EqualizedOddsScore(a, a) != 1 {
		t.Errorf("%v", got)
	}
}
