package stats_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Reference values: statsmodels 0.13.5, stats.inter_rater.cohens_kappa.
func TestCohenKappa(t *testing.T) {
	table := [][]int{{10, 3, 1}, {2, 12, 4}, {0, 5, 13}}
	for _, c := range []struct {
		weights   stats.Weights
		kappa, se float64
	}{
		{stats.Unweighted, 0.5449029126213591, 0.09945564231283632},
		{stats.Linear, 0.6219281663516067, 0.0890307492013389},
		{stats.Quadratic, 0.7051114023591087, 0.08468001138625386},
	} {
		k, err := stats.CohenKappa(table, c.weights)
		if err != nil || !near(k.Value, c.kappa, 1e-12) || !near(k.SE, c.se, 1e-12) || k.N != 50 {
			t.Errorf("weights %v: %+v, %v; want %v ± %v", c.weights, k, err, c.kappa, c.se)
		}
		low, high, err := k.Interval(0.95)
		if err != nil || !near((low+high)/2, c.kappa, 1e-12) || !near(high-low, 2*1.959963984540054*c.se, 1e-9) {
			t.Errorf("weights %v: %v to %v, %v", c.weights, low, high, err)
		}
	}
	perfect, err := stats.CohenKappa([][]int{{4, 0}, {0, 6}}, stats.Linear)
	if err != nil || perfect.Value != 1 || !near(perfect.SE, 0, 1e-7) {
		t.Errorf("perfect agreement: %+v, %v", perfect, err)
	}
	// a category that nobody uses changes nothing
	wide := [][]int{{10, 3, 0, 1}, {2, 12, 0, 4}, {0, 0, 0, 0}, {0, 5, 0, 13}}
	if k, err := stats.CohenKappa(wide, stats.Unweighted); err != nil || !near(k.Value, 0.5449029126213591, 1e-12) || !near(k.SE, 0.09945564231283632, 1e-12) {
		t.Errorf("with an empty category: %+v, %v", k, err)
	}
	for _, c := range []struct {
		table [][]int
		want  error
	}{
		{[][]int{{7, 0}, {0, 0}}, stats.ErrOneCategory},
		{nil, stats.ErrNoRows},
		{[][]int{{0}}, stats.ErrNoRows},
		{[][]int{{5}}, stats.ErrOneCategory},
		{[][]int{{1, 2}}, stats.ErrTable},
		{[][]int{{1, -2}, {1, 1}}, stats.ErrTable},
	} {
		if _, err := stats.CohenKappa(c.table, stats.Quadratic); !errors.Is(err, c.want) {
			t.Errorf("%v: %v, want %v", c.table, err, c.want)
		}
	}
}

// The example of Fleiss (1971) as it is commonly cut to ten units and fourteen raters.
var fleissTable = [][]int{
	{0, 0, 0, 0, 14},
	{0, 2, 6, 4, 2},
	{0, 0, 3, 5, 6},
	{0, 3, 9, 2, 0},
	{2, 2, 8, 1, 1},
	{7, 7, 0, 0, 0},
	{3, 2, 6, 3, 0},
	{2, 5, 3, 2, 2},
	{6, 5, 2, 1, 0},
	{0, 2, 2, 3, 7},
}

func TestFleissAndRandolphKappa(t *testing.T) {
	// mean agreement 0.378022, by chance 0.212755, or 1/5 where categories are free
	if k, err := stats.FleissKappa(fleissTable); err != nil || !near(k, 0.20993, 1e-5) {
		t.Errorf("Fleiss: %v, %v", k, err)
	}
	if k, err := stats.RandolphKappa(fleissTable); err != nil || !near(k, (0.378022-0.2)/0.8, 1e-5) {
		t.Errorf("Randolph: %v, %v", k, err)
	}
	for _, c := range []struct {
		table [][]int
		want  error
	}{
		{nil, stats.ErrNoRows},
		{[][]int{{2, 0}, {1, 0}}, stats.ErrRatings},
		{[][]int{{1, 0}, {0, 1}}, stats.ErrOneRater},
		{[][]int{{2}, {2}}, stats.ErrOneCategory},
		{[][]int{{2, 0}, {2}}, stats.ErrTable},
		{[][]int{{3, -1}}, stats.ErrTable},
		{[][]int{{}}, stats.ErrOneRater},
	} {
		for _, kappa := range []func([][]int) (float64, error){stats.FleissKappa, stats.RandolphKappa} {
			if _, err := kappa(c.table); !errors.Is(err, c.want) {
				t.Errorf("%v: %v, want %v", c.table, err, c.want)
			}
		}
	}
	// raters free to use two categories who use one agree wholly; by their own shares that is no news
	one := [][]int{{3, 0}, {3, 0}}
	if _, err := stats.FleissKappa(one); !errors.Is(err, stats.ErrOneCategory) {
		t.Errorf("Fleiss of one category: %v", err)
	}
	if k, err := stats.RandolphKappa(one); k != 1 || err != nil {
		t.Errorf("Randolph of one category of two: %v, %v", k, err)
	}
}

// The example of Krippendorff (2011), section C and D: four observers, twelve units, missing ratings.
func TestKrippendorffAlpha(t *testing.T) {
	units := [][]float64{
		{1, 1, 1},
		{2, 2, 3, 2},
		{3, 3, 3, 3},
		{3, 3, 3, 3},
		{2, 2, 2, 2},
		{1, 2, 3, 4},
		{4, 4, 4, 4},
		{1, 1, 2, 1},
		{2, 2, 2, 2},
		{5, 5, 5},
		{1, 1},
		{3},
	}
	for scale, want := range map[stats.Scale]float64{stats.Nominal: 0.743, stats.Ordinal: 0.815, stats.Interval: 0.849, stats.Ratio: 0.797} {
		if got, err := stats.KrippendorffAlpha(units, scale); err != nil || !near(got, want, 5e-4) {
			t.Errorf("scale %v: %v, %v; want %v", scale, got, err, want)
		}
	}
	scaled := make([][]float64, len(units))
	for u, ratings := range units {
		for _, r := range ratings {
			scaled[u] = append(scaled[u], 1e200*r)
		}
	}
	for _, scale := range []stats.Scale{stats.Interval, stats.Ratio} {
		a, _ := stats.KrippendorffAlpha(units, scale)
		if b, err := stats.KrippendorffAlpha(scaled, scale); err != nil || !near(a, b, 1e-12) {
			t.Errorf("scale %v of great ratings: %v, %v; want %v", scale, b, err, a)
		}
	}
	for _, c := range []struct {
		units [][]float64
		scale stats.Scale
		want  error
	}{
		{nil, stats.Nominal, stats.ErrOneRater},
		{[][]float64{{1}, {2}}, stats.Nominal, stats.ErrOneRater},
		{[][]float64{{1, 1}, {1, 1}, {2}}, stats.Ordinal, stats.ErrOneCategory},
		{[][]float64{{1, math.NaN()}}, stats.Interval, stats.ErrValue},
		{[][]float64{{1, -1}}, stats.Ratio, stats.ErrRatio},
	} {
		if _, err := stats.KrippendorffAlpha(c.units, c.scale); !errors.Is(err, c.want) {
			t.Errorf("%v: %v, want %v", c.units, err, c.want)
		}
	}
}

// For two raters, the nominal alpha is nearly Fleiss' kappa: 1 - (1-κ)(n-1)/n with n ratings.
func TestKrippendorffAndFleissAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 1))
	for range 100 {
		var units [][]float64
		var table [][]int
		for range 5 + rng.IntN(30) {
			a, b := rng.IntN(3), rng.IntN(3)
			counts := make([]int, 3)
			counts[a]++
			counts[b]++
			units, table = append(units, []float64{float64(a), float64(b)}), append(table, counts)
		}
		alpha, err := stats.KrippendorffAlpha(units, stats.Nominal)
		if err != nil {
			t.Fatal(err)
		}
		kappa, _ := stats.FleissKappa(table)
		n := float64(2 * len(units))
		if want := 1 - (1-kappa)*(n-1)/n; !near(alpha, want, 1e-9) {
			t.Fatalf("alpha %v, kappa %v, want %v", alpha, kappa, want)
		}
	}
}

// The example of Shrout and Fleiss (1979): six targets, four judges; ICC(2,1) is 0.29.
func TestICC(t *testing.T) {
	ratings := [][]float64{{9, 2, 5, 8}, {6, 1, 3, 2}, {8, 4, 6, 8}, {7, 1, 2, 6}, {10, 5, 6, 9}, {6, 2, 4, 7}}
	icc, err := stats.ICC(ratings, 0.95)
	if err != nil || !near(icc.Value, 0.2897638, 1e-6) || !near(icc.Low, 0.01878651, 1e-6) || !near(icc.High, 0.7610844, 1e-6) {
		t.Errorf("%+v, %v", icc, err)
	}
	if icc, err := stats.ICC([][]float64{{1, 1}, {2, 2}, {5, 5}}, 0.95); err != nil || icc.Value != 1 || icc.Low != 1 || icc.High != 1 {
		t.Errorf("perfect agreement: %+v, %v", icc, err)
	}
	for _, c := range []struct {
		ratings [][]float64
		want    error
	}{
		{nil, stats.ErrOneRow},
		{[][]float64{{1, 2}}, stats.ErrOneRow},
		{[][]float64{{1}, {2}}, stats.ErrOneRater},
		{[][]float64{{1, 2}, {1}}, stats.ErrRatings},
		{[][]float64{{3, 3}, {3, 3}}, stats.ErrNoSpread},
		{[][]float64{{1, 2}, {2, 1}}, stats.ErrNoSpread},
	} {
		if _, err := stats.ICC(c.ratings, 0.95); !errors.Is(err, c.want) {
			t.Errorf("%v: %v, want %v", c.ratings, err, c.want)
		}
	}
}

// Whatever the ratings, an ICC and its bounds are finite, in order and at most 1.
func TestICCIsFinite(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 1))
	for range 2000 {
		ratings, raters := make([][]float64, 2+rng.IntN(4)), 2+rng.IntN(3)
		for u := range ratings {
			for range raters {
				ratings[u] = append(ratings[u], float64(rng.IntN(3)))
			}
		}
		icc, err := stats.ICC(ratings, 0.95)
		if err != nil {
			continue
		}
		if !(icc.Low <= icc.Value+1e-9 && icc.Value <= icc.High+1e-9 && icc.High <= 1+1e-9) || math.IsInf(icc.Low, 0) {
			t.Fatalf("%v: %+v", ratings, icc)
		}
	}
}

func TestAllAgree(t *testing.T) {
	a, b, c := []string{"x", "y", "z", "x"}, []string{"x", "y", "x", "x"}, []string{"x", "x", "x", "x"}
	if got, err := stats.AllAgree(a, b); got != 0.75 || err != nil {
		t.Errorf("two raters: %v, %v", got, err)
	}
	if got, err := stats.AllAgree(a, b, c); got != 0.5 || err != nil {
		t.Errorf("three raters: %v, %v", got, err)
	}
	if _, err := stats.AllAgree(a); !errors.Is(err, stats.ErrOneRater) {
		t.Error(err)
	}
	if _, err := stats.AllAgree(a, b[:2]); !errors.Is(err, stats.ErrLengths) {
		t.Error(err)
	}
	if _, err := stats.AllAgree([]int{}, []int{}); !errors.Is(err, stats.ErrNoRows) {
		t.Error(err)
	}
}

func TestBlinding(t *testing.T) {
	// shares 0.5 and 0.3: index 0.2, variance (0.25 + 0.21 + 0.3)/100
	b, err := stats.NewBlinding(50, 30, 20)
	if err != nil || !near(b.Value, 0.2, 1e-12) || !near(b.SE, math.Sqrt(0.0076), 1e-12) {
		t.Errorf("%+v, %v", b, err)
	}
	if low, high, err := b.Interval(0.95); err != nil || !near(high-0.2, 1.959963984540054*math.Sqrt(0.0076), 1e-12) || !near(low+high, 0.4, 1e-12) {
		t.Errorf("%v to %v, %v", low, high, err)
	}
	if b, _ := stats.NewBlinding(5, 0, 0); b.Value != 1 || b.SE != 0 {
		t.Errorf("all right: %+v", b)
	}
	if _, err := stats.NewBlinding(0, 0, 0); !errors.Is(err, stats.ErrNoRows) {
		t.Error(err)
	}
	if _, err := stats.NewBlinding(-1, 2, 0); !errors.Is(err, stats.ErrCount) {
		t.Error(err)
	}
}
