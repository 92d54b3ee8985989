package attack_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/metric/attack"
)

// 1.3581 is the 95 % quantile of the Kolmogorov distribution, as tables have it (N. Smirnov 1948).
func TestBandOfAnAdvantage(t *testing.T) {
	low, high := attack.AdvantageBand(0.5, 200, 100, 0.95)
	half := 1.3581 * math.Sqrt(1.0/200+1.0/100)
	if math.Abs(low-(0.5-half)) > 1e-4 || math.Abs(high-(0.5+half)) > 1e-4 {
		t.Errorf("[%v, %v], want 0.5 ± %v", low, high, half)
	}
	if low, high := attack.AdvantageBand(0.01, 2, 2, 0.95); low != 0 || high != 1 {
		t.Errorf("[%v, %v] leaves [0, 1] or is too short", low, high)
	}
}

// Where scores tell nothing, the greatest TPR - FPR is above 0 by chance, and its band reaches down to 0.
func TestBandAllowsForChance(t *testing.T) {
	const trials, n = 400, 60
	reached, above := 0, 0
	for trial := range trials {
		rng := rand.New(rand.NewPCG(uint64(trial), 8))
		member, score := make([]bool, 2*n), make([]float64, 2*n)
		unit := make([]int32, 2*n)
		for i := range member {
			member[i], score[i], unit[i] = i < n, rng.NormFloat64(), int32(i)
		}
		read, _ := attack.NewRanking(member, score).Read(unit, nil)
		if read.AdvantageMax > 0.05 {
			above++
		}
		if low, _ := attack.AdvantageBand(read.AdvantageMax, n, n, 0.95); low == 0 {
			reached++
		}
	}
	if above < trials*3/4 {
		t.Errorf("%d of %d advantages are above 0.05 by chance: the test tries nothing", above, trials)
	}
	if share := float64(reached) / trials; share < 0.92 {
		t.Errorf("the band reaches 0 in %.3f of the trials, want about 0.95", share)
	}
}
