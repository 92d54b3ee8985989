package membership_test

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/membership"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

// wide draws rows of 70 numbers and 13 categories, a quarter of the values missing.
func wide(rng *rand.Rand, n int) *frame.Frame {
	var columns []*frame.Column
	for j := range 70 {
		values := make([]float64, n)
		for i := range values {
			if values[i] = rng.NormFloat64(); rng.IntN(4) == 0 {
				values[i] = math.NaN()
			}
		}
		columns = append(columns, metrictest.Number("x"+strconv.Itoa(j), values...))
	}
	for j := range 13 {
		values := make([]string, n)
		for i := range values {
			values[i] = []string{"a", "b", "c", ""}[rng.IntN(4)]
		}
		columns = append(columns, metrictest.Category("c"+strconv.Itoa(j), values...))
	}
	return frame.Must(columns...)
}

func BenchmarkMembership(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	train, test, synthetic := wide(rng, 10_000), wide(rng, 2_500), wide(rng, 10_000)
	for _, with := range []string{`{"attacks": ["distance"]}`, `{"attacks": ["logistic"], "blind": "logistic"}`, `{"attacks": ["gbdt"]}`, `{"attacks": ["domias"]}`, ``} {
		m, info := metrictest.Build(b, membership.Register, "membership", with)
		b.Run(with, func(b *testing.B) {
			for b.Loop() {
				pair := pairOf(train, test, synthetic) // a fresh one: nothing is prepared
				if _, err := m.Measure(b.Context(), metrictest.Env(info, 2, 1), pair.Only(plugins.Train, plugins.Test)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
