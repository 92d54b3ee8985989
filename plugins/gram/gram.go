// Package gram computes inner products of columns: fast, cancellable, and the same bytes for any number of threads.
package gram

import (
	"context"

	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// Version is raised when equal inputs may give other last digits.
const Version = 1

// tile is how many columns of the left side are multiplied at once, and block how many rows:
// 4 x 2 sums fit the registers, and the rows of a block stay in the second-level cache.
const (
	tile  = 4
	block = 512
)

// Cross returns out[i][j] = a[i]·b[j]. All columns have the same number of rows.
//
// Every sum runs over the rows in the same order whatever threads is.
func Cross(ctx context.Context, a, b [][]float64, threads int) ([][]float64, error) {
	return products(ctx, a, b, threads, false)
}

// Lower is Cross for the entries with j ≤ i; the others are not meaningful. Use it when a·b is symmetric.
func Lower(ctx context.Context, a, b [][]float64, threads int) ([][]float64, error) {
	return products(ctx, a, b, threads, true)
}

func products(ctx context.Context, a, b [][]float64, threads int, lower bool) ([][]float64, error) {
	out := make([][]float64, len(a))
	for i := range out {
		out[i] = make([]float64, len(b))
	}
	if len(a) == 0 || len(b) == 0 {
		return out, ctx.Err()
	}
	tiles := (len(a) + tile - 1) / tile
	threads = max(1, min(threads, tiles))
	err := parallel.For(ctx, threads, threads, func(t int) error {
		for from := 0; from < len(a[0]); from += block {
			if err := ctx.Err(); err != nil {
				return err
			}
			to := min(from+block, len(a[0]))
			// every threads-th tile: with lower, late tiles have more to do than early ones
			for at := t; at < tiles; at += threads {
				stripe(out, a, b, at*tile, from, to, lower)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// stripe adds the products of up to tile columns of a, from column i on, with the columns of b, over rows [from, to).
func stripe(out, a, b [][]float64, i, from, to int, lower bool) {
	width := min(tile, len(a)-i)
	last := len(b)
	if lower {
		last = min(last, i+width)
	}
	if width < tile {
		for k := i; k < i+width; k++ {
			for j := range last {
				out[k][j] += dot(a[k][from:to], b[j][from:to])
			}
		}
		return
	}
	a0, a1, a2, a3 := a[i][from:to], a[i+1][from:to], a[i+2][from:to], a[i+3][from:to]
	j := 0
	for ; j+1 < last; j += 2 {
		s := dot4x2(a0, a1, a2, a3, b[j][from:to], b[j+1][from:to])
		for k := range tile {
			out[i+k][j] += s[2*k]
			out[i+k][j+1] += s[2*k+1]
		}
	}
	if j < last {
		out[i][j] += dot(a0, b[j][from:to])
		out[i+1][j] += dot(a1, b[j][from:to])
		out[i+2][j] += dot(a2, b[j][from:to])
		out[i+3][j] += dot(a3, b[j][from:to])
	}
}

// dot4x2 returns the products of four columns with two, left column by left column.
func dot4x2(a0, a1, a2, a3, b0, b1 []float64) [2 * tile]float64 {
	n := len(a0)
	a1, a2, a3, b0, b1 = a1[:n], a2[:n], a3[:n], b0[:n], b1[:n]
	var s00, s01, s10, s11, s20, s21, s30, s31 float64
	for r, x := range a0 {
		y, z := b0[r], b1[r]
		s00 += x * y
		s01 += x * z
		x = a1[r]
		s10 += x * y
		s11 += x * z
		x = a2[r]
		s20 += x * y
		s21 += x * z
		x = a3[r]
		s30 += x * y
		s31 += x * z
	}
	return [2 * tile]float64{s00, s01, s10, s11, s20, s21, s30, s31}
}

func dot(a, b []float64) float64 {
	b = b[:len(a)]
	s := 0.0
	for r, x := range a {
		s += x * b[r]
	}
	return s
}
