package stats_test

import (
	"errors"
	"math"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Reference values: statsmodels 0.13.5, stats.proportion.proportion_confint(k, n, 0.05, method).
func TestProportionIntervals(t *testing.T) {
	intervals := []func(k, n int, level float64) (float64, float64, error){
		stats.ClopperPearson, stats.Jeffreys, stats.AgrestiCoull, stats.Wald, stats.Wilson,
	}
	for _, c := range []struct {
		k, n int
		want [5][2]float64
	}{
		{0, 10, [5][2]float64{{0, 0.30849710781876083}, {4.789043315758196e-05, 0.21719626750921053}, {0, 0.3208873057505458}, {0, 0}, {0, 0.27753279986288926}}},
		{10, 10, [5][2]float64{{0.6915028921812392, 1}, {0.7828037324907895, 0.9999521095668424}, {0.6791126942494543, 1}, {1, 1}, {0.7224672001371106, 1}}},
		{3, 17, [5][2]float64{{0.037985068070626, 0.4343178728442839}, {0.05234765705067391, 0.40012266262331386}, {0.05377544093765346, 0.4184304111268977}, {0, 0.3576877625091808}, {0.061911266376209945, 0.4102945856883413}}},
		{1, 100000, [5][2]float64{{2.531780477933314e-07, 5.571516034774276e-05}, {1.0789785284753767e-06, 4.674104248195043e-05}, {0, 6.27004584330243e-05}, {0, 2.959954184695632e-05}, {1.7652477303783092e-06, 5.664709659040968e-05}}},
		{999, 1000, [5][2]float64{{0.9944410757201734, 0.9999746825125088}, {0.9953355411912086, 0.999892081195319}, {0.9937585172566711, 1}, {0.9970410162425702, 1}, {0.9943574414020421, 0.9998234536293739}}},
	} {
		for i, interval := range intervals {
			low, high, err := interval(c.k, c.n, 0.95)
			if err != nil || !near(low, c.want[i][0], 1e-10) || !near(high, c.want[i][1], 1e-10) {
				t.Errorf("interval %d of %d/%d: %v to %v, %v; want %v", i, c.k, c.n, low, high, err, c.want[i])
			}
		}
	}
	for i, interval := range intervals {
		for _, c := range []struct {
			k, n  int
			level float64
			want  error
		}{{0, 0, 0.95, stats.ErrNoRows}, {3, 2, 0.95, stats.ErrCount}, {-1, 2, 0.95, stats.ErrCount}, {1, 2, 0, stats.ErrLevel}, {1, 2, math.NaN(), stats.ErrLevel}} {
			if _, _, err := interval(c.k, c.n, c.level); !errors.Is(err, c.want) {
				t.Errorf("interval %d of %d/%d at %v: %v, want %v", i, c.k, c.n, c.level, err, c.want)
			}
		}
	}
}

// The exact interval covers at least what it says for every share, Wilson's about that; summed over all outcomes, not simulated.
func TestProportionIntervalsCover(t *testing.T) {
	const n = 40
	for share := 0.02; share < 1; share += 0.02 {
		exact, wilson := 0.0, 0.0
		p := math.Pow(1-share, n)
		for k := 0; k <= n; k++ {
			if low, high, _ := stats.ClopperPearson(k, n, 0.95); low <= share && share <= high {
				exact += p
			}
			if low, high, _ := stats.Wilson(k, n, 0.95); low <= share && share <= high {
				wilson += p
			}
			p *= float64(n-k) / float64(k+1) * share / (1 - share)
		}
		if exact < 0.95-1e-9 || wilson < 0.83 {
			t.Errorf("share %v: the exact interval covers %v, Wilson's %v", share, exact, wilson)
		}
	}
}

// Reference values: statsmodels 0.13.5 and scipy 1.10.1.
func TestTwoProportions(t *testing.T) {
	low, high, err := stats.Newcombe(3, 17, 9, 20, 0.95)
	if err != nil || !near(low, -0.5109158963184914, 1e-10) || !near(high, 0.028896981532328003, 1e-10) {
		t.Errorf("Newcombe: %v to %v, %v", low, high, err)
	}
	if a, b, err := stats.NewcombeShares(3./17, 17, 9./20, 20, 0.95); err != nil || a != low || b != high {
		t.Errorf("Newcombe of shares: %v to %v, %v; of counts %v to %v", a, b, err, low, high)
	}
	if a, b, err := stats.NewcombeShares(3./17, 8.5, 9./20, 10, 0.95); err != nil || a >= low || b <= high {
		t.Errorf("Newcombe of half as many trials: %v to %v, %v", a, b, err)
	}
	for _, size := range [][2]float64{{0, 9}, {9, 0}} {
		if _, _, err := stats.NewcombeShares(0.1, size[0], 0.1, size[1], 0.95); !errors.Is(err, stats.ErrNoRows) {
			t.Errorf("Newcombe of %v trials: %v", size, err)
		}
	}
	z, err := stats.PooledZ(3, 17, 9, 20)
	if err != nil || !near(z.Statistic, -1.7712657488195207, 1e-12) || !near(z.P, 0.07651652030067273, 1e-12) {
		t.Errorf("pooled z: %+v, %v", z, err)
	}
	for _, c := range []struct {
		k1, n1, k2, n2 int
		want           float64
	}{
		{3, 17, 9, 20, 0.09391888312911673},
		{0, 10, 10, 10, 2.0 / 184756}, // the two outermost of C(20,10) tables
		{5, 10, 5, 10, 1},
		{1, 100, 12, 100, 0.0025394974557648},
		{200, 1000, 260, 1000, 0.001701060491029222},
		{8, 10, 1, 6, 0.034965034965034975},
		{0, 5, 0, 9, 1},
		{5, 5, 9, 9, 1},
	} {
		for _, p := range []func() (float64, error){
			func() (float64, error) { return stats.FisherExact(c.k1, c.n1, c.k2, c.n2) },
			func() (float64, error) { return stats.FisherExact(c.k2, c.n2, c.k1, c.n1) },
			func() (float64, error) { return stats.FisherExact(c.n1-c.k1, c.n1, c.n2-c.k2, c.n2) },
		} {
			if got, err := p(); err != nil || !near(got, c.want, 1e-10*c.want) {
				t.Errorf("Fisher %d/%d, %d/%d: %v, %v; want %v", c.k1, c.n1, c.k2, c.n2, got, err, c.want)
			}
		}
	}
	if p, err := stats.FisherExact(10_000, 1_000_000, 990_000, 1_000_000); err != nil || p != 0 {
		t.Errorf("Fisher far out: %v, %v", p, err)
	}
	if _, err := stats.PooledZ(0, 5, 0, 9); !errors.Is(err, stats.ErrSameOutcome) {
		t.Errorf("no success at all: %v", err)
	}
	if _, err := stats.FisherExact(1, 0, 0, 9); !errors.Is(err, stats.ErrCount) {
		t.Errorf("more successes than trials: %v", err)
	}
	if _, err := stats.FisherExact(0, 0, 0, 9); !errors.Is(err, stats.ErrNoRows) {
		t.Errorf("no trials: %v", err)
	}
}

// Reference values: statsmodels 0.13.5, stats.contingency_tables.mcnemar.
func TestMcNemar(t *testing.T) {
	for _, c := range []struct {
		b, c        int
		exact, chi2 float64
	}{{5, 9, 0.4239501953125, 0.4226780741706353}, {0, 4, 0.125, 0.13361440253771584}, {7, 7, 1, 0.7892680261342813}, {30, 12, 0.007915897334896727, 0.008711912962379598}} {
		exact, err := stats.McNemarExact(c.b, c.c)
		corrected, err2 := stats.McNemarCorrected(c.b, c.c)
		if err != nil || err2 != nil || !near(exact, c.exact, 1e-12) || !near(corrected.P, c.chi2, 1e-12) {
			t.Errorf("%d, %d: %v, %v, %+v, %v", c.b, c.c, exact, err, corrected, err2)
		}
		if other, _ := stats.McNemarExact(c.c, c.b); other != exact {
			t.Errorf("%d, %d: the other way round %v", c.b, c.c, other)
		}
	}
	if p, err := stats.McNemarExact(0, 0); p != 1 || err != nil {
		t.Errorf("no discordant pair: %v, %v", p, err)
	}
	if _, err := stats.McNemarCorrected(0, 0); !errors.Is(err, stats.ErrNoDiscordant) {
		t.Errorf("no discordant pair: %v", err)
	}
	if _, err := stats.McNemarExact(-1, 2); !errors.Is(err, stats.ErrCount) {
		t.Errorf("a negative count: %v", err)
	}
}
