package metric_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/correlation"
	"github.com/ehrlab/ehrlab/plugins/metric/downstream"
	"github.com/ehrlab/ehrlab/plugins/metric/kl"
	"github.com/ehrlab/ehrlab/plugins/metric/ks"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/metric/tv"
)

// wide draws rows with 70 number and 13 category columns, the last of them the label; a fifth of the numbers is missing.
func wide(rng *rand.Rand, rows int) *frame.Frame {
	const numbers, categories = 70, 13
	columns := make([]*frame.Column, 0, numbers+categories)
	severity := make([]float64, rows)
	for i := range severity {
		severity[i] = rng.NormFloat64()
	}
	for c := range numbers {
		values := make([]float64, rows)
		for i := range values {
			if values[i] = severity[i] + rng.NormFloat64(); rng.IntN(5) == 0 {
				values[i] = math.NaN()
			}
		}
		columns = append(columns, frame.NewNumber(fmt.Sprintf("n%02d", c), values))
	}
	for c := range categories {
		codes := make([]int32, rows)
		for i := range codes {
			if c < categories-1 {
				codes[i] = int32(rng.IntN(5))
			} else if severity[i]+rng.NormFloat64() > 1.9 {
				codes[i] = 1
			}
		}
		columns = append(columns, frame.NewCategory(fmt.Sprintf("c%02d", c), []string{"a", "b", "c", "d", "e"}, codes))
	}
	return frame.Must(columns...)
}

func BenchmarkMetrics(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	real, synthetic := wide(rng, 10_000), wide(rng, 10_000)
	for _, c := range []struct {
		name     string
		register func(*plugins.Registry)
		plugin   string
		with     string
	}{
		{"ks", ks.Register, "ks", ""},
		{"tv", tv.Register, "tv", ""},
		{"kl", kl.Register, "kl", ""},
		{"pearson", correlation.Register, "correlation", ""},
		{"spearman", correlation.Register, "correlation", `{"coefficient": "spearman"}`},
		{"downstream", downstream.Register, "downstream", ""},
	} {
		metric, info := metrictest.Build(b, c.register, c.plugin, c.with)
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				pair := metrictest.Pair(real, synthetic, "c12") // anew: preparations are part of the cost
				if _, err := metric.Measure(b.Context(), metrictest.Env(info, 2, 1), pair); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
