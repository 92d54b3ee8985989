package stats_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/stats"
)

// byDefinition compares every positive row with every negative one.
func byDefinition(y []bool, p []float64) (auroc float64, positive, negative []float64) {
	kernel := func(a, b float64) float64 {
		switch {
		case a > b:
			return 1
		case a == b:
			return 0.5
		}
		return 0
	}
	var pos, neg []float64
	for i, v := range p {
		if y[i] {
			pos = append(pos, v)
		} else {
			neg = append(neg, v)
		}
	}
	positive, negative = make([]float64, len(pos)), make([]float64, len(neg))
	for i, a := range pos {
		for j, b := range neg {
			k := kernel(a, b)
			positive[i] += k / float64(len(neg))
			negative[j] += k / float64(len(pos))
			auroc += k / float64(len(pos)*len(neg))
		}
	}
	return auroc, positive, negative
}

func sampleCovariance(a, b []float64) float64 {
	ma, _ := stats.Mean(a)
	mb, _ := stats.Mean(b)
	sum := 0.0
	for i := range a {
		sum += (a[i] - ma) * (b[i] - mb)
	}
	return sum / float64(len(a)-1)
}

func TestDeLongAgreesWithItsDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 100 {
		n := 6 + rng.IntN(40)
		y, p, q := make([]bool, n), make([]float64, n), make([]float64, n)
		for i := range y {
			y[i] = i < 2 || i > 3 && rng.IntN(3) == 0
			p[i], q[i] = float64(rng.IntN(8)), rng.NormFloat64() // ties, and none
		}
		d, err := stats.NewDeLong(y, p, q)
		if err != nil {
			t.Fatal(err)
		}
		aurocP, posP, negP := byDefinition(y, p)
		aurocQ, posQ, negQ := byDefinition(y, q)
		cov := sampleCovariance(posP, posQ)/float64(len(posP)) + sampleCovariance(negP, negQ)/float64(len(negP))
		if !near(d.AUROC[0], aurocP, 1e-12) || !near(d.AUROC[1], aurocQ, 1e-12) || !near(d.Covariance[0][1], cov, 1e-12) || d.Covariance[0][1] != d.Covariance[1][0] {
			t.Fatalf("AUROC %v, covariance %v; by definition %v, %v and %v", d.AUROC, d.Covariance, aurocP, aurocQ, cov)
		}
		se := math.Sqrt(max(0, d.Covariance[0][0]+d.Covariance[1][1]-2*d.Covariance[0][1]))
		test, err := d.Difference(0, 1)
		if errors.Is(err, stats.ErrNoDifference) && se < 1e-7 {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		other, _ := d.Difference(1, 0)
		if !near(test.SE, se, 1e-9) || test.Z != -other.Z || test.P != other.P || !near(math.Pow(10, test.Log10P), test.P, 1e-12) {
			t.Fatalf("%+v, the other way round %+v, SE %v", test, other, se)
		}
		low, high, _ := test.Interval(0.95)
		if (low > 0 || high < 0) != (test.P < 0.05) {
			t.Fatalf("p %v beside the interval %v to %v", test.P, low, high)
		}
	}
}

func TestDeLongOfManyRowsHasATinyP(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	n := 40_000
	y, good, bad := make([]bool, n), make([]float64, n), make([]float64, n)
	for i := range y {
		if y[i] = i%2 == 0; y[i] {
			good[i] = 3
		}
		good[i], bad[i] = good[i]+rng.NormFloat64(), rng.NormFloat64()
	}
	d, err := stats.NewDeLong(y, good, bad)
	if err != nil {
		t.Fatal(err)
	}
	test, err := d.Difference(0, 1)
	if err != nil || test.P != 0 || !(test.Log10P < -1000) || math.IsInf(test.Log10P, 0) {
		t.Errorf("%+v, %v: want a p-value below the least float64, and its logarithm", test, err)
	}
}

func TestDeLongUndefined(t *testing.T) {
	y := []bool{true, false, true, false, true}
	p := []float64{0.9, 0.1, 0.4, 0.4, 0.3}
	for _, c := range []struct {
		name string
		y    []bool
		p    []float64
		want error
	}{
		{"no rows", nil, nil, stats.ErrNoRows},
		{"one class", []bool{true, true}, []float64{1, 2}, stats.ErrOneClass},
		{"lengths", y, p[:3], stats.ErrLengths},
	} {
		if _, err := stats.NewDeLong(c.y, c.p); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	d, err := stats.NewDeLong([]bool{true, false, false}, []float64{1, 2, 0})
	if err != nil || d.AUROC[0] != 0.5 {
		t.Errorf("one positive: %+v, %v", d, err)
	}
	if _, err := d.Variance(0); !errors.Is(err, stats.ErrFewPerClass) {
		t.Errorf("variance of one positive: %v", err)
	}
	if _, err := d.Difference(0, 0); !errors.Is(err, stats.ErrFewPerClass) {
		t.Errorf("difference with one positive: %v", err)
	}
	squared := make([]float64, len(p))
	for i, v := range p {
		squared[i] = v * v // the same ranking
	}
	d, _ = stats.NewDeLong(y, p, squared)
	if _, err := d.Difference(0, 1); !errors.Is(err, stats.ErrNoDifference) {
		t.Errorf("equal rankings: %v", err)
	}
	if _, _, err := d.Interval(0, 1); !errors.Is(err, stats.ErrLevel) {
		t.Errorf("level: %v", err)
	}
	low, high, err := d.Interval(0, 0.95)
	if v, _ := d.Variance(0); err != nil || !near(high-low, 2*1.959963984540054*math.Sqrt(v), 1e-12) {
		t.Errorf("interval %v to %v, %v", low, high, err)
	}
}

func BenchmarkDeLong(b *testing.B) {
	rng := rand.New(rand.NewPCG(3, 1))
	n := 100_000
	y, p, q := make([]bool, n), make([]float64, n), make([]float64, n)
	for i := range y {
		y[i], p[i], q[i] = rng.IntN(10) == 0, rng.Float64(), rng.Float64()
	}
	for b.Loop() {
		d, err := stats.NewDeLong(y, p, q)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := d.Difference(0, 1); err != nil {
			b.Fatal(err)
		}
	}
}
