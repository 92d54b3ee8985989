package compare_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/clinicalranges"
	"github.com/ehrlab/ehrlab/plugins/metric/coverage"
	"github.com/ehrlab/ehrlab/plugins/metric/hellinger"
	"github.com/ehrlab/ehrlab/plugins/metric/homogeneity"
	"github.com/ehrlab/ehrlab/plugins/metric/jensenshannon"
	"github.com/ehrlab/ehrlab/plugins/metric/kl"
	"github.com/ehrlab/ehrlab/plugins/metric/ks"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/metric/missingness"
	"github.com/ehrlab/ehrlab/plugins/metric/moments"
	"github.com/ehrlab/ehrlab/plugins/metric/tv"
	"github.com/ehrlab/ehrlab/plugins/metric/variants"
	"github.com/ehrlab/ehrlab/plugins/metric/wasserstein"
)

// mixed draws 10,000 rows with 70 number and 13 category columns, a quarter of the values missing, the last the label.
func mixed(seed uint64) *frame.Frame {
	const rows, numbers, categories = 10_000, 70, 13
	rng := rand.New(rand.NewPCG(seed, 1))
	var columns []*frame.Column
	for c := range numbers {
		values := make([]float64, rows)
		for i := range values {
			if values[i] = rng.NormFloat64(); rng.IntN(4) == 0 {
				values[i] = nan
			}
			if c%4 == 0 {
				values[i] = math.Round(10 * values[i]) // ties, as most measurements have
			}
		}
		columns = append(columns, frame.NewNumber(fmt.Sprintf("n%02d", c), values))
	}
	for c := range categories {
		codes := make([]int32, rows)
		for i := range codes {
			if codes[i] = int32(rng.IntN(5)); rng.IntN(4) == 0 {
				codes[i] = frame.Missing
			}
			if c == categories-1 {
				codes[i] = int32(rng.IntN(2))
			}
		}
		columns = append(columns, frame.NewCategory(fmt.Sprintf("c%02d", c), []string{"a", "b", "c", "d", "e"}, codes))
	}
	return frame.Must(columns...)
}

// BenchmarkMarginals measures a pair of 10,000 × 83 with every metric of single columns on two threads: alone, and all of them
// with their preparations shared, as a run has them.
func BenchmarkMarginals(b *testing.B) {
	real, synthetic := mixed(1), mixed(2)
	plain := []string{"ks", "tv", "wasserstein", "jensen-shannon", "hellinger", "kl", "moments", "coverage", "homogeneity", "missingness", "clinical-ranges"}
	quirks := []string{"inverse-kl-synthcity", "cstest-sdmetrics", "kl-pair-continuous-sdmetrics", "kl-pair-discrete-sdmetrics"}
	r := &plugins.Registry{}
	for _, register := range []func(*plugins.Registry){
		ks.Register, tv.Register, wasserstein.Register, jensenshannon.Register, hellinger.Register, kl.Register, moments.Register,
		coverage.Register, homogeneity.Register, missingness.Register, clinicalranges.Register, variants.Register,
	} {
		register(r)
	}
	run := func(name string, metrics ...string) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				pair := metrictest.Pair(real, synthetic, "c12")
				for _, metric := range metrics {
					e := r.Metrics.Get(metric)
					m, _, err := e.Build(nil)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := m.Measure(b.Context(), metrictest.Env(e.Info, 2, 1), pair); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
	run("all", plain...)
	for _, name := range append(plain, quirks...) {
		run(name, name)
	}
}
