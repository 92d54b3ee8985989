package metric_test

import (
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/alphaprecision"
	"github.com/ehrlab/ehrlab/plugins/metric/association"
	"github.com/ehrlab/ehrlab/plugins/metric/contingency"
	"github.com/ehrlab/ehrlab/plugins/metric/correlation"
	"github.com/ehrlab/ehrlab/plugins/metric/detection"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/metric/mmd"
	"github.com/ehrlab/ehrlab/plugins/metric/mutualinformation"
	"github.com/ehrlab/ehrlab/plugins/metric/nearest"
	"github.com/ehrlab/ehrlab/plugins/metric/pmse"
	"github.com/ehrlab/ehrlab/plugins/metric/prdc"
	"github.com/ehrlab/ehrlab/plugins/metric/qualityreport"
)

// BenchmarkNearest measures the distances to the closest record, each on a pair of its own, with test rows that are not those of train.
// The design gives them 3 s; those by Euclid's take about as long as those by Gower's.
func BenchmarkNearest(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	real, other, synthetic := wide(rng, 10_000), wide(rng, 10_000), wide(rng, 10_000)
	for _, distance := range []string{"gower", "euclidean"} {
		metric, info := metrictest.Build(b, nearest.Register, "nearest", `{"distance": "`+distance+`"}`)
		b.Run(distance, func(b *testing.B) {
			for b.Loop() {
				pair := plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Train: {Frame: real}, plugins.Test: {Frame: other}}), synthetic, "c12")
				if _, err := metric.Measure(b.Context(), metrictest.Env(info, 2, 1), pair); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkJoint measures metrics of joint structure apart, and those of pairs of columns on one pair, where they share their
// preparations.
func BenchmarkJoint(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	real, synthetic := wide(rng, 10_000), wide(rng, 10_000)
	type benchmark struct {
		name     string
		register func(*plugins.Registry)
		plugin   string
		with     string
	}
	ofColumns := []benchmark{
		{"pearson", correlation.Register, "correlation", ""},
		{"spearman", correlation.Register, "correlation", `{"coefficient": "spearman"}`},
		{"contingency", contingency.Register, "contingency", ""},
		{"mutual information", mutualinformation.Register, "mutual-information", ""},
		{"association", association.Register, "association", ""},
		{"quality report", qualityreport.Register, "quality-report-sdmetrics", ""},
	}
	run := func(b *testing.B, pair *plugins.Pair, c benchmark) {
		metric, info := metrictest.Build(b, c.register, c.plugin, c.with)
		if _, err := metric.Measure(b.Context(), metrictest.Env(info, 2, 1), pair); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("all pairs of columns", func(b *testing.B) {
		for b.Loop() {
			pair := metrictest.Pair(real, synthetic, "c12")
			for _, c := range ofColumns {
				run(b, pair, c)
			}
		}
	})
	for _, c := range append(
		ofColumns,
		benchmark{"pmse", pmse.Register, "pmse", ""},
		benchmark{"detection logistic", detection.Register, "detection", ""},
		benchmark{"detection gbdt", detection.Register, "detection", `{"model": "gbdt"}`},
		benchmark{"mmd", mmd.Register, "mmd", ""},
		benchmark{"prdc", prdc.Register, "prdc", ""},
		benchmark{"alpha-precision", alphaprecision.Register, "alpha-precision", ""},
	) {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				run(b, metrictest.Pair(real, synthetic, "c12"), c) // anew: preparations are part of the cost
			}
		})
	}
}
