package downstream

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

// A generator that repeats few patients, nearly or exactly, with labels by chance: whoever is tested on a repetition of what it was
// trained on knows the label.
func TestRepeatedPatientsAreNoTest(t *testing.T) {
	for _, shaken := range []float64{0, 0.005} {
		for _, patients := range []int{40, 100, 150} {
			rng := rand.New(rand.NewPCG(uint64(patients), 7))
			draw := func(n, times int) *frame.Frame {
				columns, label := make([][]float64, 4), []float64{}
				for range n {
					var patient [4]float64
					for j := range patient {
						patient[j] = rng.NormFloat64()
					}
					y := float64(rng.IntN(2))
					for range times {
						for j, v := range patient {
							columns[j] = append(columns[j], v+shaken*rng.NormFloat64())
						}
						label = append(label, y)
					}
				}
				out := []*frame.Column{metrictest.Number("death", label...)}
				for j, c := range columns {
					out = append(out, metrictest.Number(fmt.Sprint("x", j), c...))
				}
				return frame.Must(out...)
			}
			real, none := draw(100, 1), draw(10, 1)
			m := metrictest.Measure(t, Register, "downstream", `{"test": "synthetic", "model": "random-forest", "resamples": 0}`, plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
				plugins.Train: {Frame: real}, plugins.Test: {Frame: real.Take([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})}, plugins.Validation: {Frame: none},
			}), draw(patients, 4), "death"))
			if v := m.Value("auroc"); v > 0.85 {
				t.Errorf("%d patients, shaken by %v: AUROC %v of labels by chance", patients, shaken, v)
			}
		}
	}
}
