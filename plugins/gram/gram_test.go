package gram

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"
)

func columns(rng *rand.Rand, width, rows int) [][]float64 {
	out := make([][]float64, width)
	for i := range out {
		out[i] = make([]float64, rows)
		for r := range out[i] {
			out[i][r] = float64(rng.IntN(9) - 4) // whole numbers: sums are exact in any order
		}
	}
	return out
}

func TestCrossIsEveryInnerProduct(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, size := range [][3]int{{1, 1, 1}, {3, 2, 7}, {4, 3, 513}, {9, 6, 1200}, {5, 1, 0}, {0, 2, 3}} {
		a, b := columns(rng, size[0], size[2]), columns(rng, size[1], size[2])
		got, err := Cross(context.Background(), a, b, 3)
		if err != nil {
			t.Fatal(err)
		}
		for i := range a {
			for j := range b {
				want := 0.0
				for r := range a[i] {
					want += a[i][r] * b[j][r]
				}
				if got[i][j] != want {
					t.Errorf("%v: [%d][%d] = %v, want %v", size, i, j, got[i][j], want)
				}
			}
		}
	}
}

func TestLowerAgreesWithCrossBelowTheDiagonal(t *testing.T) {
	a := columns(rand.New(rand.NewPCG(3, 4)), 11, 700)
	full, _ := Cross(context.Background(), a, a, 1)
	lower, err := Lower(context.Background(), a, a, 4)
	if err != nil {
		t.Fatal(err)
	}
	for i := range a {
		if !reflect.DeepEqual(lower[i][:i+1], full[i][:i+1]) {
			t.Errorf("row %d: %v, want %v", i, lower[i][:i+1], full[i][:i+1])
		}
	}
}

func TestThreadsDoNotChangeABit(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	a := columns(rng, 13, 2000)
	for i := range a {
		for r := range a[i] {
			a[i][r] = rng.NormFloat64()
		}
	}
	one, _ := Cross(context.Background(), a, a, 1)
	for _, threads := range []int{2, 3, 16} {
		if many, _ := Cross(context.Background(), a, a, threads); !reflect.DeepEqual(one, many) {
			t.Errorf("%d threads give other bits than one", threads)
		}
	}
}

func TestCancelling(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	a := columns(rand.New(rand.NewPCG(7, 8)), 3, 10)
	if _, err := Cross(ctx, a, a, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
