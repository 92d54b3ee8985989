package logistic

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/encode"
)

// design returns rows x width columns: normal ones, then sparse ones; the labels depend on the first few.
func design(seed uint64, rows, dense, sparse int) (*encode.Design, []float64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	d := &encode.Design{Rows: rows}
	z := make([]float64, rows)
	for j := range dense {
		col := make([]float64, rows)
		for i := range col {
			col[i] = rng.NormFloat64()
			z[i] += col[i] / float64(1+j)
		}
		d.Columns = append(d.Columns, encode.Column{Dense: col})
	}
	for j := range sparse {
		ones := []int32{}
		for i := range rows {
			if rng.IntN(8) == 0 {
				ones = append(ones, int32(i))
				if j < 8 {
					z[i] -= 0.5
				}
			}
		}
		d.Columns = append(d.Columns, encode.Column{Ones: ones})
	}
	y := make([]float64, rows)
	for i := range y {
		if rng.Float64() < sigmoid(z[i]-1) {
			y[i] = 1
		}
	}
	return d, y
}

func fit(t *testing.T, x *encode.Design, y []float64, c Config) *Model {
	t.Helper()
	m, err := Fit(context.Background(), x, y, c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// gradient is the gradient of the objective, computed row by row from its definition.
func gradient(m *Model, x *encode.Design, y []float64, c float64) []float64 {
	g := append(append([]float64(nil), m.Weights...), 0)
	value := func(i, j int) float64 {
		c := x.Columns[j]
		if c.Dense != nil {
			return c.Dense[i]
		}
		if slices.Contains(c.Ones, int32(i)) {
			return 1
		}
		return 0
	}
	for i := range y {
		z := m.Intercept
		for j, w := range m.Weights {
			z += w * value(i, j)
		}
		r := c * (1/(1+math.Exp(-z)) - y[i])
		for j := range m.Weights {
			g[j] += r * value(i, j)
		}
		g[len(m.Weights)] += r
	}
	return g
}

func TestGradientVanishesAtTheFit(t *testing.T) {
	for _, c := range []struct {
		name                string
		rows, dense, sparse int
		weight              float64
	}{
		{"few columns", 300, 3, 2, 1},
		{"no columns", 50, 0, 0, 1},
		{"more columns than rows", 30, 50, 4, 1},
		{"weak penalty, separable", 40, 45, 0, 1e4},
		{"strong penalty", 200, 5, 5, 1e-4},
		{"conjugate gradients", 120, 10, widest, 1},
	} {
		x, y := design(11, c.rows, c.dense, c.sparse)
		m := fit(t, x, y, Config{C: c.weight, Threads: 2})
		for j, g := range gradient(m, x, y, c.weight) {
			if !(math.Abs(g) < 10*Gradient*max(1, c.weight)) {
				t.Errorf("%s: gradient entry %d is %g", c.name, j, g)
				break
			}
		}
	}
}

// With one column that is 1 in half of the rows, symmetry and calculus give the optimum by hand:
// at intercept b and weight w = -2b, the stationarity of w reads w + C·20·(σ(b+w) - 0.9) = 0.
func TestOneColumnByHand(t *testing.T) {
	x := &encode.Design{Rows: 40, Columns: []encode.Column{{Ones: []int32{}}}}
	y := make([]float64, 40)
	for i := range 20 {
		x.Columns[0].Ones = append(x.Columns[0].Ones, int32(i))
	}
	for i := range y { // 18 of 20 positive where x is 1, 2 of 20 where it is 0
		if i < 18 || i >= 38 {
			y[i] = 1
		}
	}
	low, high := 0.0, 10.0
	for range 200 {
		if w := (low + high) / 2; w+20*(sigmoid(w/2)-0.9) < 0 {
			low = w
		} else {
			high = w
		}
	}
	m := fit(t, x, y, Config{})
	if math.Abs(m.Weights[0]-low) > 1e-8 || math.Abs(m.Intercept+low/2) > 1e-8 {
		t.Errorf("weight %v, intercept %v; want %v, %v", m.Weights[0], m.Intercept, low, -low/2)
	}
}

// Columns of great numbers, of which the penalty weighs nothing, give the probabilities that they give in a unit in which it weighs
// little, also beside ordinary columns and beside multiples of themselves.
func TestScaleOfAColumn(t *testing.T) {
	x, y := design(8, 150, 3, 2)
	scaled := func(by ...float64) *encode.Design {
		d := &encode.Design{Rows: x.Rows, Columns: slices.Clone(x.Columns[1:])}
		for _, s := range by {
			col := slices.Clone(x.Columns[0].Dense)
			for i := range col {
				col[i] *= s
			}
			d.Columns = append(d.Columns, encode.Column{Dense: col})
		}
		return d
	}
	plain := scaled(1e5)
	want := fit(t, plain, y, Config{}).Predict(plain)
	for _, by := range [][]float64{{1e9}, {-1e12}, {1e15}, {1e12, 1e12}, {3e13, -1e13, 1e10}, {1e200}} {
		d := scaled(by...)
		for i, p := range fit(t, d, y, Config{}).Predict(d) {
			if math.Abs(p-want[i]) > 1e-6 {
				t.Fatalf("scaled by %v: row %d has probability %v, else %v", by, i, p, want[i])
			}
		}
	}
}

// A column with a few values beyond all others says of the other rows nothing but that they are others.
func TestOutliersWithinColumns(t *testing.T) {
	x, y := design(9, 60, 5, 0)
	plain := &encode.Design{Rows: x.Rows, Columns: slices.Clone(x.Columns)}
	for j := 1; j < 5; j++ {
		far, alone := slices.Clone(x.Columns[j].Dense), make([]float64, x.Rows)
		for i := j; i < len(far); i += 17 {
			far[i] = []float64{1e12, -1e12}[i%2]
			alone[i] = far[i]
		}
		x.Columns[j], plain.Columns[j] = encode.Column{Dense: far}, encode.Column{Dense: alone}
	}
	want := fit(t, plain, y, Config{}).Predict(plain)
	for i, p := range fit(t, x, y, Config{}).Predict(x) {
		if math.Abs(p-want[i]) > 1e-5 {
			t.Errorf("row %d has probability %v, want %v", i, p, want[i])
		}
	}
}

func TestStepsAgree(t *testing.T) {
	x, y := design(10, 80, 4, 3)
	p := newProblem(x, y, Config{C: 1})
	at := p.point([]float64{0.3, -0.2, 0, 1, 0, 0.5, -1, 0.1})
	want, err := p.cholesky(context.Background(), at)
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.orthogonal(context.Background(), at)
	if err != nil {
		t.Fatal(err)
	}
	for j := range want {
		if math.Abs(got[j]-want[j]) > 1e-9 {
			t.Errorf("parameter %d: a step of %v by reflections, %v by Cholesky", j, got[j], want[j])
		}
	}
}

func TestInterceptAloneIsTheLogOdds(t *testing.T) {
	x := &encode.Design{Rows: 4}
	m := fit(t, x, []float64{1, 0, 0, 0}, Config{})
	if want := math.Log(1.0 / 3); math.Abs(m.Intercept-want) > 1e-8 {
		t.Errorf("intercept %v, want %v", m.Intercept, want)
	}
	for _, p := range m.Predict(x) {
		if math.Abs(p-0.25) > 1e-8 {
			t.Errorf("probability %v, want 0.25", p)
		}
	}
}

func TestBothSolversAgree(t *testing.T) {
	x, y := design(5, 400, 12, 6)
	exact := fit(t, x, y, Config{})
	p := newProblem(x, y, Config{C: 1})
	at := p.point(make([]float64, len(x.Columns)+1))
	for range 100 {
		step, err := p.conjugate(context.Background(), at)
		if err != nil {
			t.Fatal(err)
		}
		next, ok := p.advance(at, step)
		if !ok {
			break
		}
		at = next
	}
	for j, w := range exact.Weights {
		if math.Abs(w-at.w[j]) > 1e-8 {
			t.Errorf("weight %d: %v by Cholesky, %v by conjugate gradients", j, w, at.w[j])
		}
	}
}

func TestThreadsDoNotChangeABit(t *testing.T) {
	x, y := design(6, 1500, 21, 9)
	one := fit(t, x, y, Config{Threads: 1})
	if four := fit(t, x, y, Config{Threads: 4}); !reflect.DeepEqual(one, four) {
		t.Error("4 threads give another model than 1")
	}
}

func TestErrors(t *testing.T) {
	x, y := design(7, 20, 2, 0)
	bad := &encode.Design{Rows: 2, Columns: []encode.Column{{Dense: []float64{0, math.NaN()}}}}
	for _, c := range []struct {
		name string
		x    *encode.Design
		y    []float64
		c    Config
		want string
	}{
		{"lengths", x, y[:3], Config{}, "3 labels for 20 rows"},
		{"no rows", &encode.Design{}, nil, Config{}, "one class"},
		{"one class", x, make([]float64, 20), Config{}, "one class"},
		{"other label", x, append([]float64{2}, y[1:]...), Config{}, "row 1 is neither 0 nor 1"},
		{"C", x, y, Config{C: -1}, "C is -1"},
		{"C not a number", x, y, Config{C: math.NaN()}, "C is NaN"},
		{"not finite", bad, []float64{0, 1}, Config{}, "column 1, row 2 is not finite"},
	} {
		if _, err := Fit(context.Background(), c.x, c.y, c.c); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestCancelling(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	x, y := design(8, 100, 3, 2)
	if _, err := Fit(ctx, x, y, Config{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// BenchmarkFit is the size of which the design gives figures: 10,000 rows of 83 columns with a 0/1 column for what is
// missing in each, and of 83 numbers and 37 levels without.
func BenchmarkFit(b *testing.B) {
	for _, c := range []struct {
		name          string
		dense, sparse int
		threads       int
	}{{"83+37 columns", 83, 37, 1}, {"83+83 columns", 83, 83, 1}, {"83+83 columns, 2 threads", 83, 83, 2}} {
		x, y := design(9, 10_000, c.dense, c.sparse)
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := Fit(b.Context(), x, y, Config{Threads: c.threads}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
