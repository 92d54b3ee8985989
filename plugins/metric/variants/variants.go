// Package variants holds metrics as one library computes them, quirks included, so that its published values can be set beside
// ours. Each plugin is named after its library. None is a measure to choose: the plain plugins are.
package variants

import (
	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

// Register adds the metrics to r.
func Register(r *plugins.Registry) {
	registerInverseKL(r)
	registerKLPairContinuous(r)
	registerKLPairDiscrete(r)
	registerCSTest(r)
	registerDetection(r)
	registerNeighboursSyntheval(r)
}

// Config is the "with" block of a metric of single columns.
type Config struct {
	Part plugins.Part `json:"part"` // the real rows to compare with: test, or train, which rewards copying
}

// PairConfig is the "with" block of a metric of pairs of columns.
type PairConfig struct {
	Part  plugins.Part `json:"part"`  // the real rows to compare with: test, or train, which rewards copying
	Pairs bool         `json:"pairs"` // score each pair of columns, too
}

// info returns what the variants have in common.
func info(name, summary, source string, cost plugins.Cost, scores ...plugins.ScoreInfo) plugins.Info {
	out := plugins.Info{
		Name:    name,
		Version: 1,
		Summary: summary + "; for comparability only",
		Source:  source,
		Schema: `// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"`,
		Family:  plugins.Marginals,
		Cost:    cost,
		Variant: true,
		Shapes:  []plugins.Shape{plugins.Records},
		Reads:   []plugins.Part{plugins.Test, plugins.Train},
		Uses:    []plugins.Use{compare.Use()},
		Need:    compare.Need(1),
		Scores:  scores,
	}
	if cost == plugins.PerColumnPair {
		out.Family = plugins.Joint
		out.Schema += "\n// score each pair of columns, too\npairs?: bool"
	}
	return out
}

// similarity declares a score in [0,1] of which more is better.
func similarity(name, summary string, dims ...string) plugins.ScoreInfo {
	return plugins.ScoreInfo{Name: name, Summary: summary, Min: 0, Max: 1, Better: plugins.Higher, Dims: dims}
}
