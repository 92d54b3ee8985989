package stats_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/stats"
)

func TestRowsAsClustersAreDeLong(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 1))
	for range 100 {
		n := 6 + rng.IntN(40)
		y, p, own := make([]bool, n), make([]float64, n), make([]int32, n)
		for i := range y {
			y[i], p[i], own[i] = i < 2 || i > 3 && rng.IntN(3) == 0, float64(rng.IntN(8)), int32(i)
		}
		d, err := stats.NewDeLong(y, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, cluster := range [][]int32{nil, own} {
			a, err := stats.NewClusteredAUROC(y, p, cluster)
			if err != nil {
				t.Fatal(err)
			}
			if !near(a.AUROC, d.AUROC[0], 1e-12) || !near(a.Variance, d.Covariance[0][0], 1e-12) || a.Positives != d.Positives || a.Negatives != d.Negatives {
				t.Fatalf("%+v, DeLong has %v and %v", a, d.AUROC[0], d.Covariance[0][0])
			}
		}
	}
}

// TestRepeatedRowsTellNothingNew repeats each row: as rows of one cluster they leave the variance alone.
func TestRepeatedRowsTellNothingNew(t *testing.T) {
	rng := rand.New(rand.NewPCG(22, 1))
	var y, thrice []bool
	var p, repeated []float64
	var cluster []int32
	for i := range 30 {
		y, p = append(y, i%3 == 0), append(p, rng.NormFloat64())
		for range 3 {
			thrice, repeated, cluster = append(thrice, y[i]), append(repeated, p[i]), append(cluster, int32(i))
		}
	}
	a, err := stats.NewClusteredAUROC(y, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := stats.NewClusteredAUROC(thrice, repeated, cluster)
	if err != nil || !near(a.AUROC, b.AUROC, 1e-12) || !near(a.Variance, b.Variance, 1e-12) || a.Positives != b.Positives {
		t.Errorf("%+v and %+v, %v", a, b, err)
	}
}

// TestClusteredAUROCCovers draws clusters with a shift of their own, some with rows of both labels: 95 % intervals hold the true AUROC in
// about 95 of 100 samples, where those that take rows for independent do not.
func TestClusteredAUROCCovers(t *testing.T) {
	const samples, clusters, rows, shift = 600, 60, 5, 0.5
	truth := 0.5 * math.Erfc(-shift/math.Sqrt2/math.Sqrt(2*2)) // of two clusters: their rows differ by a normal of variance 4
	for _, mixed := range []bool{false, true} {
		rng := rand.New(rand.NewPCG(23, 1))
		held, naive := 0, 0
		for range samples {
			var y []bool
			var p []float64
			var cluster []int32
			for k := range clusters {
				own := rng.NormFloat64()
				for r := range rows {
					positive := k%2 == 0
					if mixed && k%3 == 0 {
						positive = r%2 == 0
					}
					v := own + rng.NormFloat64()
					if positive {
						v += shift
					}
					y, p, cluster = append(y, positive), append(p, v), append(cluster, int32(k))
				}
			}
			for _, c := range []struct {
				cluster []int32
				held    *int
			}{{cluster, &held}, {nil, &naive}} {
				a, err := stats.NewClusteredAUROC(y, p, c.cluster)
				if err != nil {
					t.Fatal(err)
				}
				if low, high, _ := a.Interval(0.95); low <= truth && truth <= high {
					*c.held++
				}
			}
		}
		if share := float64(held) / samples; share < 0.92 || share > 0.98 {
			t.Errorf("mixed %v: %v of the intervals hold the AUROC", mixed, share)
		}
		if share := float64(naive) / samples; share > 0.85 {
			t.Errorf("mixed %v: %v of those of rows do", mixed, share)
		}
	}
}

func TestClusteredAUROCWithoutVariance(t *testing.T) {
	for _, c := range []struct {
		p         []float64
		low, high float64
	}{ // of 3 and 4 rows: 0.05^(1/3) is 0.3684
		{[]float64{5, 6, 7, 1, 2, 3, 4}, 0.36840, 1},
		{[]float64{1, 2, 3, 4, 5, 6, 7}, 0, 0.63160},
		{[]float64{1, 1, 1, 1, 1, 1, 1}, 0.18420, 0.81580},
	} {
		a, err := stats.NewClusteredAUROC([]bool{true, true, true, false, false, false, false}, c.p, nil)
		if err != nil {
			t.Fatal(err)
		}
		if low, high, err := a.Interval(0.95); err != nil || !near(low, c.low, 1e-5) || !near(high, c.high, 1e-5) {
			t.Errorf("%v: %v to %v, %v; want %v to %v", c.p, low, high, err, c.low, c.high)
		}
	}
}

func TestClusteredAUROCErrors(t *testing.T) {
	tf := []bool{true, false, true, false}
	for _, c := range []struct {
		y       []bool
		p       []float64
		cluster []int32
		want    error
	}{
		{nil, nil, nil, stats.ErrNoRows},
		{tf, []float64{1}, nil, stats.ErrLengths},
		{tf, []float64{1, 2, 3, 4}, []int32{0}, stats.ErrLengths},
		{[]bool{true, true}, []float64{1, 2}, nil, stats.ErrOneClass},
		{[]bool{true, false, true}, []float64{1, 2, 3}, nil, stats.ErrFewPerClass},
		{tf, []float64{1, 2, 3, 4}, []int32{0, 1, 0, 2}, stats.ErrFewPerClass},
	} {
		if _, err := stats.NewClusteredAUROC(c.y, c.p, c.cluster); !errors.Is(err, c.want) {
			t.Errorf("%v: %v, want %v", c.y, err, c.want)
		}
	}
	a, err := stats.NewClusteredAUROC(tf, []float64{4, 2, 3, 3}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Interval(1); !errors.Is(err, stats.ErrLevel) {
		t.Errorf("level 1: %v", err)
	}
}
