package neighbour_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/neighbour"
)

// wide draws rows with 70 numbers and 13 categories that hang together; a quarter of the values is missing, alone or, with
// panels, by groups of columns that are measured together.
func wide(rng *rand.Rand, rows int, panels bool) *frame.Frame {
	severity := make([]float64, rows)
	lacks := make([][]bool, 10)
	for p := range lacks {
		lacks[p] = make([]bool, rows)
		for i := range lacks[p] {
			lacks[p][i] = rng.IntN(4) == 0
		}
	}
	missing := func(column, row int) bool {
		if panels {
			return lacks[column%10][row]
		}
		return rng.IntN(4) == 0
	}
	for i := range severity {
		severity[i] = rng.NormFloat64()
	}
	var columns []*frame.Column
	for c := range 70 {
		values := make([]float64, rows)
		for i := range values {
			if values[i] = severity[i] + rng.NormFloat64(); c%3 == 0 {
				values[i] = math.Exp(values[i])
			}
			if missing(c, i) {
				values[i] = nan
			}
		}
		columns = append(columns, number(fmt.Sprint("n", c), values...))
	}
	for c := range 13 {
		values := make([]string, rows)
		for i := range values {
			if values[i] = fmt.Sprint(rng.IntN(5)); missing(c, i) {
				values[i] = "?"
			}
		}
		columns = append(columns, text(fmt.Sprint("c", c), values...))
	}
	return frame.Must(columns...)
}

// BenchmarkNearest finds the two nearest of 10,000 references for each of 10,000 rows of 83 columns, on two threads.
func BenchmarkNearest(b *testing.B) { benchmark(b, 10_000) }

func BenchmarkNearest50000(b *testing.B) { benchmark(b, 50_000) }

func benchmark(b *testing.B, rows int) {
	for _, panels := range []bool{false, true} {
		rng := rand.New(rand.NewPCG(1, 2))
		synthetic, train := wide(rng, rows, panels), wide(rng, rows, panels)
		for _, c := range []struct {
			name string
			new  func(*frame.Frame, ...*frame.Frame) (*neighbour.Space, error)
		}{{"gower", neighbour.NewGower}, {"euclidean", neighbour.NewEuclidean}} {
			b.Run(fmt.Sprintf("%s/panels=%v", c.name, panels), func(b *testing.B) {
				for b.Loop() {
					space, err := c.new(train, synthetic)
					if err != nil {
						b.Fatal(err)
					}
					nearest(b, neighbour.Search{K: 2, Threads: 2}, points(b, space, synthetic), points(b, space, train))
				}
			})
		}
	}
}
