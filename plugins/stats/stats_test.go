package stats_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/stats"
)

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance }

func TestPercentile(t *testing.T) {
	for _, c := range []struct {
		x       []float64
		q, want float64
	}{
		{[]float64{3}, 0.5, 3},
		{[]float64{1, 2}, 0, 1},
		{[]float64{1, 2}, 1, 2},
		{[]float64{1, 2}, 0.25, 1.25},
		{[]float64{1, 2, 4, 8}, 0.5, 3},
		{[]float64{1, 2, 4, 8}, 0.9, 6.8}, // h = 2.7
		{[]float64{1, 2}, -1, 1},
		{[]float64{1, 2}, 2, 2},
	} {
		if got, err := stats.Percentile(c.x, c.q); err != nil || !near(got, c.want, 1e-12) {
			t.Errorf("Percentile(%v, %v) = %v, %v; want %v", c.x, c.q, got, err, c.want)
		}
	}
	if _, err := stats.Percentile(nil, 0.5); !errors.Is(err, stats.ErrNoRows) {
		t.Errorf("no values: %v", err)
	}
}

// Equal values have no spread, though their sum divided by their number may be another one, such as of 0.1 and 0.7; those that differ have one.
func TestEqualValuesHaveNoSpread(t *testing.T) {
	for _, v := range []float64{0, 0.1, 0.7, 4.1, -1e300} {
		for n := 2; n < 25; n++ {
			x := slices.Repeat([]float64{v}, n)
			if sd, err := stats.SD(x); sd != 0 || err != nil {
				t.Errorf("%d times %v: SD %v, %v", n, v, sd, err)
			}
			if _, low, high, err := stats.MeanInterval(x, 0.95); low != high || err != nil {
				t.Errorf("%d times %v: from %v to %v, %v", n, v, low, high, err)
			}
			if x[0] = math.Nextafter(v, 1); v != 0 && math.Abs(v) < 1e100 {
				if sd, err := stats.SD(x); !(sd > 0) || err != nil {
					t.Errorf("%d values about %v: SD %v, %v", n, v, sd, err)
				}
			}
		}
	}
}

func TestMeanAndSD(t *testing.T) {
	x := []float64{2, 4, 4, 4, 5, 5, 7, 9} // squared deviations sum to 32
	if m, err := stats.Mean(x); m != 5 || err != nil {
		t.Errorf("mean %v, %v", m, err)
	}
	if sd, err := stats.SD(x); !near(sd, math.Sqrt(32.0/7), 1e-15) || err != nil {
		t.Errorf("SD %v, %v", sd, err)
	}
	if _, err := stats.Mean(nil); !errors.Is(err, stats.ErrNoRows) {
		t.Error(err)
	}
	if _, err := stats.SD([]float64{1}); !errors.Is(err, stats.ErrOneRow) {
		t.Error(err)
	}
}

func TestMidRanks(t *testing.T) {
	for _, c := range []struct{ x, want []float64 }{
		{nil, []float64{}},
		{[]float64{5}, []float64{1}},
		{[]float64{3, 1, 2}, []float64{3, 1, 2}},
		{[]float64{7, 7, 1, 7}, []float64{3, 3, 1, 3}},
		{[]float64{2, 1, 2, 1}, []float64{3.5, 1.5, 3.5, 1.5}},
	} {
		if got := stats.MidRanks(c.x); !slices.Equal(got, c.want) {
			t.Errorf("MidRanks(%v) = %v; want %v", c.x, got, c.want)
		}
	}
}

func TestCorrelations(t *testing.T) {
	for _, c := range []struct {
		name              string
		x, y              []float64
		pearson, spearman float64
	}{
		{"rising line", []float64{1, 2, 3}, []float64{10, 20, 30}, 1, 1},
		{"falling line", []float64{1, 2, 3}, []float64{-1, -2, -3}, -1, -1},
		{"rising curve", []float64{1, 2, 3}, []float64{1, 4, 9}, 8 / math.Sqrt(2*98.0/3), 1},
		{"ties", []float64{1, 1, 2, 2}, []float64{1, 2, 2, 3}, 1 / math.Sqrt2, 2.0 / 3 / math.Sqrt(8.0/9)},
		{"values that overflow when squared", []float64{-1e300, 0, 1e300}, []float64{1e300, 0, -1e300}, -1, -1},
		{"values that vanish when squared", []float64{1e-300, 2e-300, 3e-300}, []float64{3, 2, 1}, -1, -1},
	} {
		if got, err := stats.Pearson(c.x, c.y); err != nil || !near(got, c.pearson, 1e-12) {
			t.Errorf("%s: Pearson %v, %v; want %v", c.name, got, err, c.pearson)
		}
		if got, err := stats.Spearman(c.x, c.y); err != nil || !near(got, c.spearman, 1e-12) {
			t.Errorf("%s: Spearman %v, %v; want %v", c.name, got, err, c.spearman)
		}
	}
}

func TestUndefinedCorrelations(t *testing.T) {
	for _, c := range []struct {
		name string
		x, y []float64
		want error
	}{
		{"lengths", []float64{1, 2}, []float64{1}, stats.ErrLengths},
		{"no rows", nil, nil, stats.ErrOneRow},
		{"one row", []float64{1}, []float64{2}, stats.ErrOneRow},
		// 0.1 has no exact mean of three: a rounding error must not pass for a spread
		{"constant", []float64{0.1, 0.1, 0.1}, []float64{1, 2, 3}, stats.ErrConstant},
		{"other constant", []float64{1, 2, 3}, []float64{0, 0, 0}, stats.ErrConstant},
	} {
		if _, err := stats.Pearson(c.x, c.y); !errors.Is(err, c.want) {
			t.Errorf("%s: Pearson %v; want %v", c.name, err, c.want)
		}
		if _, err := stats.Spearman(c.x, c.y); !errors.Is(err, c.want) {
			t.Errorf("%s: Spearman %v; want %v", c.name, err, c.want)
		}
	}
}

func predictions(t *testing.T, y []bool, p []float64) *stats.Predictions {
	t.Helper()
	s, err := stats.NewPredictions(y, p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMeasuresByHand(t *testing.T) {
	// by falling probability: + | + - | -
	s := predictions(t, []bool{false, true, false, true}, []float64{0.1, 0.5, 0.5, 0.9})
	auroc, err := s.AUROC() // pairs 1 1 1 ½ of 4
	if err != nil || auroc != 3.5/4 {
		t.Errorf("AUROC %v, %v", auroc, err)
	}
	auprc, err := s.AUPRC() // ½·1 + ½·⅔
	if err != nil || !near(auprc, 5.0/6, 1e-15) {
		t.Errorf("AUPRC %v, %v", auprc, err)
	}
	if got := s.Brier(); !near(got, (0.01+0.25+0.25+0.01)/4, 1e-15) {
		t.Errorf("Brier %v", got)
	}
	if got, want := s.LogLoss(), -(2*math.Log(0.9)+2*math.Log(0.5))/4; !near(got, want, 1e-15) {
		t.Errorf("log loss %v, want %v", got, want)
	}
	if s.Rows() != 4 || s.Events() != 2 {
		t.Errorf("%d rows, %d events", s.Rows(), s.Events())
	}
}

func TestMeasuresAtTheEdges(t *testing.T) {
	for _, y := range [][]bool{{true, true}, {false, false}} {
		s := predictions(t, y, []float64{0.2, 0.3})
		if _, err := s.AUROC(); !errors.Is(err, stats.ErrOneClass) {
			t.Errorf("%v: AUROC %v", y, err)
		}
		if got, err := s.AUPRC(); y[0] && (got != 1 || err != nil) || !y[0] && !errors.Is(err, stats.ErrOneClass) {
			t.Errorf("%v: AUPRC %v, %v", y, got, err)
		}
	}
	wrong := predictions(t, []bool{false, false}, []float64{1, 1}) // certain, and wrong
	if got := wrong.LogLoss(); got != stats.MaxLogLoss || !near(got, 34.54, 0.005) {
		t.Errorf("log loss %v, want its greatest value, %v", got, stats.MaxLogLoss)
	}
	if got := wrong.Brier(); got != 1 {
		t.Errorf("Brier %v", got)
	}
	constant := predictions(t, []bool{true, false, false, false}, []float64{0.25, 0.25, 0.25, 0.25})
	auroc, _ := constant.AUROC()
	auprc, _ := constant.AUPRC()
	if auroc != 0.5 || auprc != 0.25 {
		t.Errorf("one probability: AUROC %v, AUPRC %v; want 0.5 and the prevalence", auroc, auprc)
	}
	if _, err := stats.NewPredictions(nil, nil); !errors.Is(err, stats.ErrNoRows) {
		t.Error(err)
	}
	if _, err := stats.NewPredictions([]bool{true}, nil); !errors.Is(err, stats.ErrLengths) {
		t.Error(err)
	}
}

// simulated draws predictions with ties, and labels that they explain a little.
func simulated(rng *rand.Rand, n int) (y []bool, p []float64) {
	for range n {
		v := float64(rng.IntN(20)) / 20
		p = append(p, v)
		y = append(y, rng.Float64() < 0.1+0.6*v)
	}
	return y, p
}

func TestMeasuresAgainstTheirDefinitions(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		y, p := simulated(rng, 5+rng.IntN(60))
		s := predictions(t, y, p)
		auroc, err := s.AUROC()
		if err != nil {
			continue
		}
		wins, pairs := 0.0, 0.0
		for i := range y {
			for j := range y {
				if y[i] && !y[j] {
					pairs++
					switch {
					case p[i] > p[j]:
						wins++
					case p[i] == p[j]:
						wins += 0.5
					}
				}
			}
		}
		if auroc != wins/pairs {
			t.Fatalf("AUROC %v; by pairs %v", auroc, wins/pairs)
		}
		// the reverse ranking of the reverse labels is the same task
		opposite, less := make([]bool, len(y)), make([]float64, len(p))
		for i := range y {
			opposite[i], less[i] = !y[i], 1-p[i]
		}
		if mirrored, _ := predictions(t, opposite, less).AUROC(); mirrored != auroc {
			t.Fatalf("AUROC %v; mirrored %v", auroc, mirrored)
		}
	}
}

func TestMeasuresDoNotDependOnTheOrderOfRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	y, p := simulated(rng, 200)
	before := predictions(t, y, p)
	rng.Shuffle(len(y), func(i, j int) { y[i], y[j] = y[j], y[i]; p[i], p[j] = p[j], p[i] })
	after := predictions(t, y, p)
	a, _ := before.AUROC()
	b, _ := after.AUROC()
	c, _ := before.AUPRC()
	d, _ := after.AUPRC()
	if a != b || c != d || !near(before.Brier(), after.Brier(), 1e-12) || !near(before.LogLoss(), after.LogLoss(), 1e-12) {
		t.Error("measures change with the order of rows")
	}
}

func TestMeanInterval(t *testing.T) {
	// t(0.975, 4) = 2.776445105, SD √2.5
	mean, low, high, err := stats.MeanInterval([]float64{1, 2, 3, 4, 5}, 0.95)
	half := 2.7764451051977987 * math.Sqrt(2.5/5)
	if err != nil || mean != 3 || !near(low, 3-half, 1e-9) || !near(high, 3+half, 1e-9) {
		t.Errorf("%v [%v, %v], %v; want 3 ± %v", mean, low, high, err, half)
	}
	if _, _, _, err := stats.MeanInterval([]float64{1}, 0.95); !errors.Is(err, stats.ErrOneRow) {
		t.Error(err)
	}
	for _, level := range []float64{0, 1, -1, math.NaN()} {
		if _, _, _, err := stats.MeanInterval([]float64{1, 2}, level); !errors.Is(err, stats.ErrLevel) {
			t.Errorf("level %v: %v", level, err)
		}
	}
}

func TestWilson(t *testing.T) {
	const z2 = 1.959963984540054 * 1.959963984540054
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{
		{0, 10, 0, z2 / (10 + z2)},
		{10, 10, 10 / (10 + z2), 1},
		{5, 10, 0.5 - 0.5*math.Sqrt(z2/(10+z2)), 0.5 + 0.5*math.Sqrt(z2/(10+z2))},
	} {
		low, high, err := stats.Wilson(c.k, c.n, 0.95)
		if err != nil || !near(low, c.low, 1e-12) || !near(high, c.high, 1e-12) {
			t.Errorf("%d of %d: [%v, %v], %v; want [%v, %v]", c.k, c.n, low, high, err, c.low, c.high)
		}
	}
	for n := 1; n < 60; n++ {
		for k := 0; k <= n; k++ {
			low, high, err := stats.Wilson(k, n, 0.9)
			if share := float64(k) / float64(n); err != nil || low < 0 || low > share || high < share || high > 1 {
				t.Fatalf("%d of %d: [%v, %v], %v", k, n, low, high, err)
			}
		}
	}
	for _, c := range []struct {
		k, n  int
		level float64
		want  error
	}{{0, 0, 0.95, stats.ErrNoRows}, {-1, 2, 0.95, stats.ErrCount}, {3, 2, 0.95, stats.ErrCount}, {1, 2, 1, stats.ErrLevel}} {
		if _, _, err := stats.Wilson(c.k, c.n, c.level); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func source(seed uint64) func(int) *rand.Rand {
	return func(i int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(i))) }
}

func TestBootstrapIsTheSameForAnyNumberOfThreads(t *testing.T) {
	y, p := simulated(rand.New(rand.NewPCG(5, 6)), 300)
	unit := make([]int32, len(y))
	for i := range unit {
		unit[i] = int32(i / 3)
	}
	s := predictions(t, y, p)
	var first *stats.Draws
	for _, threads := range []int{1, 2, 7} {
		d, err := s.Bootstrap(t.Context(), stats.Bootstrap{Units: 100, Resamples: 200, Threads: threads, Source: source(1)}, unit)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = d
		} else if !reflect.DeepEqual(d, first) {
			t.Errorf("%d threads draw otherwise than one", threads)
		}
	}
}

func TestWeightedMeasuresEqualThoseOfTheRepeatedRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	y, p := simulated(rng, 40)
	unit := make([]int32, len(y))
	for i := range unit {
		unit[i] = int32(rng.IntN(10))
	}
	s := predictions(t, y, p)
	// one resample: its interval is the value itself
	draws, err := s.Bootstrap(t.Context(), stats.Bootstrap{Units: 10, Resamples: 1, Threads: 1, Source: source(2)}, unit)
	if err != nil {
		t.Fatal(err)
	}
	counts, again := make([]int, 10), source(2)(0)
	for range 10 {
		counts[again.IntN(10)]++
	}
	var repeatedY []bool
	var repeatedP []float64
	for i := range y {
		for range counts[unit[i]] {
			repeatedY, repeatedP = append(repeatedY, y[i]), append(repeatedP, p[i])
		}
	}
	r := predictions(t, repeatedY, repeatedP)
	auroc, _ := r.AUROC()
	auprc, _ := r.AUPRC()
	for k, want := range map[int]float64{
		stats.DrawAUROC: auroc, stats.DrawAUPRC: auprc, stats.DrawBrier: r.Brier(), stats.DrawLogLoss: r.LogLoss(),
	} {
		if low, high, err := draws.Interval(k, 0.95); err != nil || low != high || !near(low, want, 1e-12) {
			t.Errorf("quantity %d: [%v, %v], %v; want %v", k, low, high, err, want)
		}
	}
}

func TestOneClassResamplesAreDrawnAgain(t *testing.T) {
	s := predictions(t, []bool{true, false}, []float64{0.7, 0.2})
	d, err := s.Bootstrap(t.Context(), stats.Bootstrap{Resamples: 500, Threads: 2, Source: source(3)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	// half of all draws of two rows have one class, so each resample is redrawn once on average
	if d.Redrawn < 350 || d.Redrawn > 650 {
		t.Errorf("%d redrawn; want about 500", d.Redrawn)
	}
	if low, high, err := d.Interval(stats.DrawAUROC, 0.95); low != 1 || high != 1 || err != nil {
		t.Errorf("[%v, %v], %v", low, high, err)
	}
	one := predictions(t, []bool{true, true}, []float64{0.7, 0.2})
	if _, err := one.Bootstrap(t.Context(), stats.Bootstrap{Resamples: 5, Source: source(3)}, nil); !errors.Is(err, stats.ErrOneClass) {
		t.Error(err)
	}
}

func TestBootstrapEnds(t *testing.T) {
	b := stats.Bootstrap{Units: 3, Resamples: 2, Threads: 1, Source: source(4)}
	never := func([]int32, []float64) bool { return false }
	if _, err := b.Run(t.Context(), 1, never); !errors.Is(err, stats.ErrRedraws) {
		t.Error(err)
	}
	b.Units = 0
	if _, err := b.Run(t.Context(), 1, never); !errors.Is(err, stats.ErrNoRows) {
		t.Error(err)
	}
	b.Units, b.Resamples = 3, 0
	d, err := b.Run(t.Context(), 1, never)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Interval(0, 0.95); !errors.Is(err, stats.ErrNoRows) {
		t.Error(err)
	}
	if _, _, err := d.Interval(0, 1.5); !errors.Is(err, stats.ErrLevel) {
		t.Error(err)
	}
}

// TestBootstrapCovers draws data whose AUROC is known and counts how often the 90 % interval holds it. Rows come in
// clusters of five equal rows, so that resampling rows would give intervals about √5 times too short.
func TestBootstrapCovers(t *testing.T) {
	if testing.Short() {
		t.Skip("many simulated studies; one thread")
	}
	const studies, clusters, size = 300, 60, 5
	truth := 0.5 * math.Erfc(-0.5) // P(N(1,1) > N(0,1)) = Φ(1/√2)
	rng := rand.New(rand.NewPCG(9, 10))
	byCluster, byRow := 0, 0
	for study := range studies {
		var y []bool
		var p []float64
		var unit []int32
		for c := range clusters {
			positive := c%2 == 0
			x := rng.NormFloat64()
			if positive {
				x++
			}
			for range size {
				y, p, unit = append(y, positive), append(p, 1/(1+math.Exp(-x))), append(unit, int32(c))
			}
		}
		s := predictions(t, y, p)
		b := stats.Bootstrap{Units: clusters, Resamples: 200, Threads: 2, Source: source(uint64(study))}
		for _, way := range []struct {
			unit []int32
			hits *int
		}{{unit, &byCluster}, {nil, &byRow}} {
			d, err := s.Bootstrap(t.Context(), b, way.unit)
			if err != nil {
				t.Fatal(err)
			}
			if low, high, _ := d.Interval(stats.DrawAUROC, 0.9); low <= truth && truth <= high {
				*way.hits++
			}
		}
	}
	// 300 studies: the binomial SD of a share of 0.9 is 0.017; percentile intervals of 60 clusters fall a little short
	if got := float64(byCluster) / studies; got < 0.83 || got > 0.95 {
		t.Errorf("clusters: coverage %.3f, want about 0.9", got)
	}
	if got := float64(byRow) / studies; got > 0.7 {
		t.Errorf("rows: coverage %.3f; the test cannot tell clusters from rows", got)
	}
}

func BenchmarkBootstrap(b *testing.B) {
	y, p := simulated(rand.New(rand.NewPCG(11, 12)), 10_000)
	s, err := stats.NewPredictions(y, p)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Bootstrap(b.Context(), stats.Bootstrap{Resamples: 1000, Threads: 2, Source: source(1)}, nil); err != nil {
			b.Fatal(err)
		}
	}
}
