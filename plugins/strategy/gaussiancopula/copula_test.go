package gaussiancopula

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/dataset/simulatedicu"
	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/label"
	"github.com/ehrlab/ehrlab/plugins/model/logistic"
)

func env(seed uint64, threads int) plugins.Env {
	return plugins.Env{
		Rand:     plugins.NewRand(seed, "test", plugins.ForGeneration),
		Threads:  threads,
		Progress: func(int, int) {},
	}
}

func generate(t testing.TB, train *frame.Frame, target string, n int) *frame.Frame {
	t.Helper()
	parts := plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Train: {Frame: train}})
	g, err := Strategy{}.Generate(context.Background(), env(1, 2), plugins.Task{Parts: parts, Target: target, N: n})
	if err != nil {
		t.Fatal(err)
	}
	return g.Frame
}

// normals returns two columns of normal numbers that correlate by rho.
func normals(seed uint64, rows int, rho float64) (x, y []float64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	x, y = make([]float64, rows), make([]float64, rows)
	for i := range x {
		x[i] = rng.NormFloat64()
		y[i] = rho*x[i] + math.Sqrt(1-rho*rho)*rng.NormFloat64()
	}
	return x, y
}

// cut returns 0, 1, 2 … by how many of the thresholds lie below the value.
func cut(v []float64, thresholds ...float64) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		for _, t := range thresholds {
			if x > t {
				out[i]++
			}
		}
	}
	return out
}

// The latent correlation behind values is found whatever they are cut into: the estimator is consistent.
func TestLatentCorrelationIsRecovered(t *testing.T) {
	exp := func(v []float64) []float64 {
		out := make([]float64, len(v))
		for i, x := range v {
			out[i] = math.Exp(2 * x)
		}
		return out
	}
	for _, rho := range []float64{-0.9, -0.5, 0.1, 0.6, 0.95} {
		x, y := normals(7, 40000, rho)
		for name, pair := range map[string][2][]float64{
			"numbers":              {exp(x), y},
			"number and rare flag": {x, cut(y, 1.4)},
			"two flags":            {cut(x, 0.2), cut(y, 1.0)},
			"grades":               {cut(x, -1, 0, 0.5), cut(y, 0.3, 2)},
			"mostly zero":          {exp(x), cut(y, 0.4, 0.8, 1.2, 1.6)},
		} {
			f := frame.Must(frame.NewNumber("x", pair[0]), frame.NewNumber("y", pair[1]))
			_, lx := fitMargin(f.Column("x"), levelOrder{})
			_, ly := fitMargin(f.Column("y"), levelOrder{})
			c, err := correlate(context.Background(), []latent{lx, ly}, 1)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.At(0, 1); math.Abs(got-rho) > 0.03 {
				t.Errorf("%s: latent correlation %.3f, want %.2f", name, got, rho)
			}
		}
	}
}

// For two flags split at the median the series is the arcsine law.
func TestSeriesOfMedianSplits(t *testing.T) {
	c := seriesOf([]float64{-math.Sqrt(2 / math.Pi), math.Sqrt(2 / math.Pi)}, []int{50, 50})
	for _, rho := range []float64{-0.7, 0.2, 0.9} {
		want := 2 / math.Pi * math.Asin(rho)
		sum, power := 0.0, 1.0
		for _, v := range c {
			power *= rho
			sum += v * v * power
		}
		if math.Abs(sum-want) > 1e-6 {
			t.Errorf("rho %v: %v, want %v", rho, sum, want)
		}
		if got := invert(c, c, want); math.Abs(got-rho) > 1e-5 {
			t.Errorf("inverse of %v: %v, want %v", want, got, rho)
		}
	}
}

func TestShrink(t *testing.T) {
	for _, c := range [][3]float64{{0.01, 5000, 0}, {-0.01, 5000, 0}, {0.5, 100, 0.48}, {-0.5, 100, -0.48}, {1, 1e6, 1 - 1e-6}} {
		if got := shrink(c[0], c[1]); math.Abs(got-c[2]) > 1e-12 {
			t.Errorf("shrink(%v, %v) = %v, want %v", c[0], c[1], got, c[2])
		}
	}
}

func TestRepairGivesACorrelationMatrix(t *testing.T) {
	bad := mat.NewSymDense(3, []float64{1, 0.9, -0.9, 0.9, 1, 0.9, -0.9, 0.9, 1})
	got, least, err := repair(bad)
	if err != nil || least > -0.1 {
		t.Fatalf("least eigenvalue %v, error %v", least, err)
	}
	var cholesky mat.Cholesky
	if !cholesky.Factorize(got) {
		t.Error("the repaired matrix is not positive definite")
	}
	for i := range 3 {
		for j := range 3 {
			if (i == j && got.At(i, j) != 1) || math.Abs(got.At(i, j)) > 1 || (i != j && got.At(i, j)*bad.At(i, j) < 0) {
				t.Errorf("[%d][%d] is %v", i, j, got.At(i, j))
			}
		}
	}
}

func TestMarginsByHand(t *testing.T) {
	m := margin{sorted: []float64{1, 2, 2, 4}, decimals: -1}
	for u, want := range map[float64]float64{0: 1, 0.125: 1, 0.25: 1.5, 0.5: 2, 0.75: 3, 0.8125: 3.5, 0.9: 4, 1: 4} {
		if got := m.interpolate(u); math.Abs(got-want) > 1e-12 {
			t.Errorf("quantile %v is %v, want %v", u, got, want)
		}
	}
	for want, values := range map[int][]float64{0: {1, -30, 1e300}, 1: {0.5, 2}, 2: {0.1, 0.01}, -1: {1.0 / 3}} {
		if got := decimals(values); got != want {
			t.Errorf("%v have %d decimals, want %d", values, got, want)
		}
	}
}

func TestLevelsAreOrderedByTheTarget(t *testing.T) {
	var target []float64
	var levels []string
	for _, l := range []struct {
		name         string
		deaths, rows int
	}{{"a", 30, 60}, {"b", 3, 60}, {"c", 50, 60}, {"rare", 1, 1}} {
		for i := range l.rows {
			target = append(target, map[bool]float64{true: 1}[i < l.deaths])
			levels = append(levels, l.name)
		}
	}
	c := frame.NewCategoryFromStrings("dx", levels, nil)
	codes, sizes := newLevelOrder(frame.NewNumber("death", target)).levels(c)
	var got []string
	for i, code := range codes {
		got = append(got, c.Levels[code]+" "+strconv.Itoa(sizes[i]))
	}
	if want := "b 60,a 60,rare 1,c 60"; strings.Join(got, ",") != want {
		t.Errorf("order %v, want %v", got, want)
	}
}

// icu returns the candidate columns and the target of a simulated cohort.
func icu(t testing.TB, with string) *frame.Frame {
	t.Helper()
	r := &plugins.Registry{}
	simulatedicu.Register(r)
	d, _, err := r.Datasets.Get("simulated-icu").Build(json.RawMessage(with))
	if err != nil {
		t.Fatal(err)
	}
	h, err := d.Header(context.Background(), plugins.Env{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range h.Columns {
		if !c.Role.Leaks() {
			names = append(names, c.Name)
		}
	}
	data, err := d.Read(context.Background(), plugins.Env{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	f, err := data.Frame.Select(names...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// area is the area under the ROC curve on test of a model trained on train.
func area(t *testing.T, train, test *frame.Frame) float64 {
	t.Helper()
	y, err := label.Binary(train.Column("death"), "")
	if err != nil {
		t.Fatal(err)
	}
	e := encode.Fit(train, "death")
	x, err := e.Transform(train)
	if err != nil {
		t.Fatal(err)
	}
	m, err := logistic.Fit(context.Background(), x, y, logistic.Config{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	if x, err = e.Transform(test); err != nil {
		t.Fatal(err)
	}
	p, truth := m.Predict(x), test.Column("death").Numbers
	right, pairs := 0.0, 0.0
	for i := range p {
		for j := range p {
			if truth[i] == 1 && truth[j] == 0 {
				pairs++
				if p[i] > p[j] {
					right++
				}
			}
		}
	}
	return right / pairs
}

func take(f *frame.Frame, from, to int) *frame.Frame {
	rows := make([]int, 0, to-from)
	for i := from; i < to; i++ {
		rows = append(rows, i)
	}
	return f.Take(rows)
}

func TestSyntheticRowsTeachWhatRealOnesDo(t *testing.T) {
	all := icu(t, `{"rows": 9000}`)
	train, test := take(all, 0, 5000), take(all, 5000, 9000)
	synthetic := generate(t, train, "death", 5000)
	real, copied := area(t, train, test), area(t, synthetic, test)
	t.Logf("area under the ROC curve: %.3f trained on real, %.3f on synthetic rows", real, copied)
	if copied < real-0.02 {
		t.Errorf("trained on synthetic rows %.3f, on real ones %.3f", copied, real)
	}
}

func TestMarginsAndMissingnessOfTrainAreKept(t *testing.T) {
	train := icu(t, `{"rows": 4000}`)
	got := generate(t, train, "death", 20000)
	for i, c := range train.Columns() {
		g := got.Columns()[i]
		missing := float64(c.MissingCount()) / 4000
		if share := float64(g.MissingCount()) / 20000; math.Abs(share-missing) > 4*math.Sqrt(0.25/20000) {
			t.Errorf("%s: %.3f missing, train has %.3f", c.Name, share, missing)
		}
		if c.Kind == frame.Category {
			for code, level := range c.Levels {
				if want, have := frequency(c, level), frequency(g, level); math.Abs(want-have) > 4*math.Sqrt(0.25/20000) {
					t.Errorf("%s, level %d: share %.3f, train has %.3f", c.Name, code, have, want)
				}
			}
			continue
		}
		a, b := present(c), present(g)
		low, high := minmax(a)
		if l, h := minmax(b); l < low || h > high {
			t.Errorf("%s leaves the range of train", c.Name)
		}
		if d, sd := stat.Mean(b, nil)-stat.Mean(a, nil), stat.StdDev(a, nil); math.Abs(d) > 0.06*sd {
			t.Errorf("%s: the mean moves by %.3f SD", c.Name, d/sd)
		}
	}
}

func present(c *frame.Column) []float64 {
	var out []float64
	for _, v := range c.Numbers {
		if !math.IsNaN(v) {
			out = append(out, v)
		}
	}
	return out
}

func minmax(v []float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, x := range v {
		low, high = min(low, x), max(high, x)
	}
	return low, high
}

func frequency(c *frame.Column, level string) float64 {
	n := 0
	for _, code := range c.Codes {
		if code != frame.Missing && c.Levels[code] == level {
			n++
		}
	}
	return float64(n) / float64(len(c.Codes))
}

// correlation is the Pearson correlation of two columns of values on the rows that have both.
func correlation(x, y []float64) float64 {
	var a, b []float64
	for i := range x {
		if !math.IsNaN(x[i]) && !math.IsNaN(y[i]) {
			a, b = append(a, x[i]), append(b, y[i])
		}
	}
	return stat.Correlation(a, b, nil)
}

func gone(v []float64) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		if math.IsNaN(x) {
			out[i] = 1
		}
	}
	return out
}

func TestRelationsAreKept(t *testing.T) {
	train := icu(t, `{"rows": 5000, "informative": 1}`)
	got := generate(t, train, "death", 20000)
	pair := func(f *frame.Frame, a, b string) (x, y []float64) { return f.Column(a).Numbers, f.Column(b).Numbers }
	for _, p := range [][2]string{
		{"creatinine_last_early", "bun_last_early"},
		{"heartrate_last", "heartrate_max"},
		{"lactate_last_early", "death"},
		{"age", "death"},
		{"albumin_first_early", "lactate_last_early"},
	} {
		want, have := correlation(pair(train, p[0], p[1])), correlation(pair(got, p[0], p[1]))
		if math.Abs(want-have) > 0.06 {
			t.Errorf("correlation of %s and %s: %.3f, train has %.3f", p[0], p[1], have, want)
		}
	}
	for _, p := range [][2]string{{"lactate_last_early", "death"}, {"lactate_last_early", "albumin_first_early"}} {
		x, y := pair(train, p[0], p[1])
		gx, gy := pair(got, p[0], p[1])
		if want, have := correlation(gone(x), y), correlation(gone(gx), gy); math.Abs(want-have) > 0.06 {
			t.Errorf("%s missing against %s: %.3f, train has %.3f", p[0], p[1], have, want)
		}
	}
}

func TestColumnsMeasuredTogetherStayTogether(t *testing.T) {
	x, y := normals(3, 400, 0.5)
	for i := range x {
		if i%3 == 0 {
			x[i], y[i] = math.NaN(), math.NaN()
		}
	}
	got := generate(t, frame.Must(frame.NewNumber("ph", x), frame.NewNumber("pao2", y)), "", 1000)
	for i := range 1000 {
		if got.Column("ph").IsMissing(i) != got.Column("pao2").IsMissing(i) {
			t.Fatalf("row %d has one of two values that train has only together", i)
		}
	}
}

func TestOddColumns(t *testing.T) {
	nan := math.NaN()
	train := frame.Must(
		frame.NewNumber("constant", []float64{2.5, 2.5, 2.5}),
		frame.NewNumber("once", []float64{nan, 7, nan}),
		frame.NewNumber("empty", []float64{nan, nan, nan}),
		frame.NewNumber("huge", []float64{-1e308, 1e308, 0}),
		frame.NewCategoryFromStrings("one", []string{"a", "a", ""}, []bool{false, false, true}),
		frame.NewCategoryFromStrings("void", []string{"", "", ""}, []bool{true, true, true}),
		frame.NewNumber("death", []float64{0, 1, 0}),
	)
	got := generate(t, train, "death", 50)
	for i := range 50 {
		if v := got.Column("constant").Numbers[i]; v != 2.5 {
			t.Fatalf("constant is %v", v)
		}
		if v := got.Column("once").Numbers[i]; !math.IsNaN(v) && v != 7 {
			t.Fatalf("once is %v", v)
		}
		if v := got.Column("huge").Numbers[i]; math.IsNaN(v) || math.IsInf(v, 0) {
			t.Fatalf("huge is %v", v)
		}
		if !got.Column("empty").IsMissing(i) || !got.Column("void").IsMissing(i) {
			t.Fatal("an empty column got a value")
		}
	}
}

func TestFirstRowsDoNotDependOnN(t *testing.T) {
	train := icu(t, `{"rows": 400}`)
	small, large := generate(t, train, "death", 300), generate(t, train, "death", 900)
	if small.Digest() != take(large, 0, 300).Digest() {
		t.Error("the first 300 rows depend on n")
	}
}

// wide returns rows x 83 columns: correlated numbers, a third of them with missing values, and some categories.
func wide(rows int) *frame.Frame {
	rng := rand.New(rand.NewPCG(4, 5))
	shared := make([]float64, rows)
	for i := range shared {
		shared[i] = rng.NormFloat64()
	}
	var columns []*frame.Column
	for j := range 83 {
		v, name := make([]float64, rows), "c"+strconv.Itoa(j)
		for i := range v {
			v[i] = math.Round(100*(shared[i]+rng.NormFloat64())) / 100
			if j%3 == 1 && rng.IntN(4) == 0 {
				v[i] = math.NaN()
			}
		}
		if j%10 != 9 {
			columns = append(columns, frame.NewNumber(name, v))
			continue
		}
		text := make([]string, rows)
		for i := range v {
			text[i] = strconv.Itoa(int(v[i]))
		}
		columns = append(columns, frame.NewCategoryFromStrings(name, text, nil))
	}
	return frame.Must(columns...)
}

func BenchmarkFit5000x83Draw10000(b *testing.B) {
	train := wide(5000)
	for b.Loop() {
		generate(b, train, "c0", 10000)
	}
}
