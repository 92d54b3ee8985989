package stats_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/ehrlab/ehrlab/plugins/stats"
)

func between(t *testing.T, sites []stats.Site) *stats.BetweenSites {
	t.Helper()
	b, err := stats.Between(sites, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Reference values, with numpy, scipy 1.17.1 and statsmodels 0.15.0:
//
//	k, m = len(y), y.mean()
//	scipy.stats.t.interval(.95, k-1, m, y.std(ddof=1) / k**.5)
//	statsmodels.stats.meta_analysis.combine_effects(y, v, method_re="pm").tau2 ** .5    # 0.0439593, to its tolerance of 1e-5
//	def Q(t): w = 1/(v+t); return (w * (y - (w*y).sum()/w.sum())**2).sum()
//	root = lambda x: scipy.optimize.brentq(lambda t: Q(t) - x, 0, 1e6, xtol=1e-18, rtol=1e-14)
//	root(k-1) ** .5;  [root(chi2.ppf(p, k-1)) ** .5 for p in (.975, .025)]
//	sd = lambda t: (t + (t + v.mean())/k) ** .5
//	cov = lambda h: scipy.integrate.quad(lambda x: chi2.pdf(x, k-1) * (2*norm.cdf(h/sd(root(x)))-1), 0, Q(0))[0] \
//	    + chi2.sf(Q(0), k-1) * (2*norm.cdf(h/sd(0))-1)
//	scipy.optimize.brentq(lambda h: cov(h) - .95, 1e-3, 10)
func TestBetweenAgreesWithTheReference(t *testing.T) {
	values := []float64{0.81, 0.76, 0.88, 0.79, 0.70, 0.84, 0.83, 0.74}
	variances := []float64{4, 9, 16, 2.25, 25, 1, 6.25, 12.25}
	sites := make([]stats.Site, len(values))
	for i, v := range values {
		sites[i] = stats.Site{Value: v, Variance: variances[i] * 1e-4}
	}
	b := between(t, sites)
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"mean", b.Mean, 0.79375},
		{"sd", *b.SD, 0.058538753952281176},
		{"mean low", b.MeanInterval.Low, 0.7448103769697589},
		{"mean high", b.MeanInterval.High, 0.842689623030241},
		{"between", *b.Between, 0.0439593704486608},
		{"between low", b.BetweenInterval.Low, 0.016417700189777368},
		{"between high", b.BetweenInterval.High, 0.11215572187205824},
		{"prediction low", b.Prediction.Low, 0.6669430248166218},
		{"prediction high", b.Prediction.High, 0.9205569751833781},
	} {
		if !near(c.got, c.want, 1e-9) {
			t.Errorf("%s: %.12f, want %.12f", c.name, c.got, c.want)
		}
	}
	if b.Truncated || b.Sites != 8 {
		t.Errorf("truncated %v, %d sites", b.Truncated, b.Sites)
	}
}

// With equal variances v the spread is the observed variance less v: here 10 − 4.
func TestBetweenWithEqualVariances(t *testing.T) {
	b := between(t, []stats.Site{{1, 4}, {5, 4}, {9, 4}, {5, 4}, {3, 4}, {7, 4}})
	// mean 5, squared deviations 16, 0, 16, 0, 4, 4: sum 40, variance 8, less 4
	if !near(b.Mean, 5, 1e-12) || !near(*b.SD, math.Sqrt(8), 1e-12) || !near(*b.Between, 2, 1e-12) {
		t.Errorf("mean %v, sd %v, between %v; want 5, √8, 2", b.Mean, *b.SD, *b.Between)
	}
	// √8/√6 · t₀.₉₇₅(5) = 1.1547005 · 2.5705818
	if !near(b.MeanInterval.High, 5+2.968252, 1e-5) {
		t.Errorf("interval of the mean ends at %v", b.MeanInterval.High)
	}
	// squares / χ²₀.₀₂₅(5) − v = 40 / 0.8312116 − 4, and the lower end is 0: 40 / 12.8325 < 4
	if b.BetweenInterval.Low != 0 || !near(b.BetweenInterval.High, math.Sqrt(40/0.8312116-4), 1e-6) {
		t.Errorf("interval of the spread %v", *b.BetweenInterval)
	}
}

// Without sampling error the prediction interval is that of a further value: mean ± t·SD·√(1+1/k), exactly.
func TestPredictionWithoutSamplingErrorIsStudents(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 1))
	for _, k := range []int{2, 3, 4, 8, 30, 200} {
		sites := make([]stats.Site, k)
		for i := range sites {
			sites[i].Value = 10 + rng.NormFloat64()
		}
		for _, level := range []float64{0.5, 0.95, 0.99} {
			b, err := stats.Between(sites, level)
			if err != nil {
				t.Fatal(err)
			}
			size := float64(k)
			half := distuv.StudentsT{Sigma: 1, Nu: size - 1}.Quantile((1+level)/2) * *b.SD * math.Sqrt(1+1/size)
			if got := b.Prediction.High - b.Mean; !near(got/half, 1, 1e-6) {
				t.Errorf("%d sites, level %v: half width %v, want %v", k, level, got, half)
			}
			if !near(*b.Between, *b.SD, 1e-9) {
				t.Errorf("%d sites: between %v, sd %v", k, *b.Between, *b.SD)
			}
		}
	}
}

func TestASpreadBelowSamplingErrorIsSaidToBeTruncated(t *testing.T) {
	b := between(t, []stats.Site{{5, 4}, {5.5, 1}, {4.5, 9}, {5, 4}})
	if !b.Truncated || *b.Between != 0 || b.BetweenInterval.Low != 0 {
		t.Errorf("truncated %v, between %v, %v", b.Truncated, *b.Between, *b.BetweenInterval)
	}
	// the mean of a hospital is still uncertain by √(4.5/4), and the spread may be larger than 0
	if half := b.Prediction.High - b.Mean; half < 1.96*math.Sqrt(4.5/4) || half > 5 {
		t.Errorf("prediction %v", *b.Prediction)
	}
}

func TestBetweenOfFewOrOddSites(t *testing.T) {
	unknown := math.NaN()
	b := between(t, []stats.Site{{0.8, 0.01}})
	text, err := json.Marshal(b)
	if want := `{"sites":1,"level":0.95,"mean":0.8}`; err != nil || string(text) != want {
		t.Errorf("one site: %s, %v", text, err)
	}
	b = between(t, []stats.Site{{0.8, 0.01}, {0.7, unknown}, {0.6, 0.02}})
	if b.SD == nil || b.MeanInterval == nil || b.Between != nil || b.BetweenInterval != nil || b.Prediction != nil {
		t.Errorf("one variance unknown: %+v", b)
	}
	b = between(t, []stats.Site{{3, 0}, {3, 0}, {3, 0}})
	if *b.SD != 0 || *b.Between != 0 || *b.Prediction != (stats.Range{Low: 3, High: 3}) {
		t.Errorf("equal without error: %+v", b)
	}
	// a site without sampling error, such as a perfect AUROC, among others
	b = between(t, []stats.Site{{1, 0}, {0.8, 0.01}, {0.7, 0.01}, {0.9, 0.01}})
	if !near(*b.Between, 0.109002966383, 1e-9) || !(b.Prediction.High > 1) || b.Truncated { // brentq as above
		t.Errorf("one without error: between %v, %+v", *b.Between, b)
	}
	// two that have no error and differ: there is a spread for certain
	b = between(t, []stats.Site{{1, 0}, {0.9, 0}, {0.7, 0.01}})
	if b.BetweenInterval.Low <= 0 || b.Truncated {
		t.Errorf("two without error: %v", *b.BetweenInterval)
	}
	b = between(t, []stats.Site{{1, 1}, {2, 1}})
	if !(b.Prediction.High > b.MeanInterval.High) || math.IsInf(b.Prediction.High, 0) {
		t.Errorf("two sites: %v", *b.Prediction)
	}
}

func TestBetweenRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		sites []stats.Site
		level float64
		want  error
	}{
		{"no sites", nil, 0.95, stats.ErrNoRows},
		{"level", []stats.Site{{1, 1}}, 1, stats.ErrLevel},
		{"level that is no number", []stats.Site{{1, 1}}, math.NaN(), stats.ErrLevel},
		{"value", []stats.Site{{1, 1}, {math.NaN(), 1}}, 0.95, stats.ErrValue},
		{"infinite value", []stats.Site{{math.Inf(1), 1}}, 0.95, stats.ErrValue},
		{"value that overflows when squared", []stats.Site{{1e300, 1}, {-1e300, 1}}, 0.95, stats.ErrValue},
		{"negative variance", []stats.Site{{1, -1e-9}}, 0.95, stats.ErrVariance},
		{"infinite variance", []stats.Site{{1, math.Inf(1)}}, 0.95, stats.ErrVariance},
	} {
		if b, err := stats.Between(c.sites, c.level); b != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v; want %v", c.name, b, err, c.want)
		}
	}
}

// Shifting and scaling the values shifts and scales every result.
func TestBetweenKnowsNoUnit(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 1))
	for range 50 {
		k := 2 + rng.IntN(30)
		a, c := make([]stats.Site, k), make([]stats.Site, k)
		for i := range a {
			v := rng.ExpFloat64()
			a[i] = stats.Site{Value: rng.NormFloat64(), Variance: v}
			c[i] = stats.Site{Value: 7 + 100*a[i].Value, Variance: 1e4 * v}
		}
		x, y := between(t, a), between(t, c)
		for i, pair := range [][2]float64{
			{x.Mean + 0.07, y.Mean / 100},
			{*x.Between, *y.Between / 100},
			{x.BetweenInterval.High, y.BetweenInterval.High / 100},
			{x.Prediction.Low + 0.07, y.Prediction.Low / 100},
		} {
			if !near(pair[0], pair[1], 1e-8) {
				t.Fatalf("result %d: %v, %v", i, pair[0], pair[1])
			}
		}
	}
}

// coverage draws k hospitals with sampling variances that differ (mean 1, eight in ten within a factor of eight of each
// other), and says how often the intervals hold what they are about. plain is the t interval with an estimate for τ².
func coverage(t *testing.T, k int, spread float64, rng *rand.Rand) (mean, between, prediction, plain float64) {
	t.Helper()
	const runs = 1000
	quantile := distuv.StudentsT{Sigma: 1, Nu: float64(k - 1)}.Quantile(0.975)
	hit := func(r stats.Range, x float64) float64 {
		if r.Low <= x && x <= r.High {
			return 1.0 / runs
		}
		return 0
	}
	for range runs {
		sites := make([]stats.Site, k)
		within := 0.0
		for i := range sites {
			v := math.Exp(0.8*rng.NormFloat64() - 0.32)
			sites[i] = stats.Site{Value: math.Sqrt(spread)*rng.NormFloat64() + math.Sqrt(v)*rng.NormFloat64(), Variance: v}
			within += v / float64(k)
		}
		b, err := stats.Between(sites, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		fresh := math.Sqrt(spread) * rng.NormFloat64()
		variance := *b.SD * *b.SD
		half := quantile * math.Sqrt(max(0, variance-within)+variance/float64(k))
		mean += hit(*b.MeanInterval, 0)
		between += hit(*b.BetweenInterval, math.Sqrt(spread))
		prediction += hit(*b.Prediction, fresh)
		plain += hit(stats.Range{Low: b.Mean - half, High: b.Mean + half}, fresh)
	}
	return mean, between, prediction, plain
}

// Nominal 95 % intervals cover in 93 to 97 % of 1,000 runs.
func TestIntervalsOfSitesCover(t *testing.T) {
	if testing.Short() {
		t.Skip("many simulated studies; one thread")
	}
	rng := rand.New(rand.NewPCG(8, 2))
	for _, k := range []int{5, 10, 20} {
		mean, between, prediction, _ := coverage(t, k, 2, rng)
		t.Logf("%d sites: mean %.3f, between %.3f, prediction %.3f", k, mean, between, prediction)
		for name, got := range map[string]float64{"mean": mean, "between": between, "prediction": prediction} {
			if got < 0.93 || got > 0.97 {
				t.Errorf("%d sites: the interval of the %s covers %.3f", k, name, got)
			}
		}
	}
}

// Whatever the spread, the prediction interval does not cover much less than it says; the plain t interval does.
func TestPredictionCoversForSmallSpreads(t *testing.T) {
	if testing.Short() {
		t.Skip("many simulated studies; one thread")
	}
	rng := rand.New(rand.NewPCG(9, 2))
	for _, spread := range []float64{0, 0.25, 0.5} {
		_, _, prediction, plain := coverage(t, 20, spread, rng)
		t.Logf("spread %v: prediction %.3f, plain %.3f", spread, prediction, plain)
		if prediction < 0.925 {
			t.Errorf("spread %v: prediction covers %.3f", spread, prediction)
		}
		if spread == 0.25 && plain > 0.85 {
			t.Errorf("the plain interval covers %.3f: the reason for the other one is gone", plain)
		}
	}
}

func BenchmarkBetween(b *testing.B) {
	rng := rand.New(rand.NewPCG(7, 1))
	sites := make([]stats.Site, 200)
	for i := range sites {
		sites[i] = stats.Site{Value: rng.NormFloat64(), Variance: 0.1 + rng.Float64()}
	}
	for b.Loop() {
		if _, err := stats.Between(sites, 0.95); err != nil {
			b.Fatal(err)
		}
	}
}
