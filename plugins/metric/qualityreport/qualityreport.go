// Package qualityreport gives the two summary reports that SDMetrics prints of a table, under their own name: they
// mix columns, pairs and thresholds in one number, and are here to be compared with published ones.
package qualityreport

import (
	"context"
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/gram"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/metric/coverage"
	"github.com/ehrlab/ehrlab/plugins/metric/ks"
	"github.com/ehrlab/ehrlab/plugins/metric/tv"
)

// Config is the metric's "with" block.
type Config struct {
	Part plugins.Part `json:"part"` // the real rows to compare with: test, or train, which rewards copying
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "quality-report-sdmetrics",
		Version: 1,
		Summary: "the Quality Report and the Diagnostic Report of SDMetrics; for comparability only",
		Source:  "SDMetrics 0.29, reports.single_table",
		Schema: `// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"`,
		Family:  plugins.Joint,
		Cost:    plugins.PerColumnPair,
		Variant: true,
		Shapes:  []plugins.Shape{plugins.Records},
		Reads:   []plugins.Part{plugins.Test, plugins.Train},
		Uses:    []plugins.Use{compare.Use(), {Name: "gram", Version: gram.Version}},
		Need:    compare.Need(5),
		Scores: []plugins.ScoreInfo{
			{Name: "quality_score", Summary: "mean of column_shapes and column_pair_trends", Min: 0, Max: 1, Better: plugins.Higher},
			{Name: "column_shapes", Summary: "mean KS complement of the number columns and TV complement of the category columns", Min: 0, Max: 1, Better: plugins.Higher},
			{Name: "column_pair_trends", Summary: "mean correlation or contingency similarity of the pairs whose real |r| exceeds 0.5 or real Cramér's V 0.3", Min: 0, Max: 1, Better: plugins.Higher},
			{Name: "diagnostic_score", Summary: "mean of data_validity and data_structure", Min: 0, Max: 1, Better: plugins.Higher},
			{Name: "data_validity", Summary: "mean share of synthetic values within the real range, or of a real level, over the columns", Min: 0, Max: 1, Better: plugins.Higher},
			{Name: "data_structure", Summary: "share of the columns, of either side, that both have with the same kind", Min: 0, Max: 1, Better: plugins.Higher, NoInterval: plugins.Description},
		},
	}, Config{Part: plugins.Test}, New)
}

type metric struct {
	compare.OnePart
	config           Config
	shapes, validity []plugins.Metric // of single columns
}

// New returns the metric. It is an error when Part is another part.
func New(c Config) (plugins.Metric, error) {
	distances, err := ks.New(ks.Config{Part: c.Part})
	if err != nil {
		return nil, err
	}
	shares, err := tv.New(tv.Config{Part: c.Part})
	if err != nil {
		return nil, err
	}
	bounds, err := coverage.New(coverage.Config{Part: c.Part})
	return metric{OnePart: compare.OnePart(c.Part), config: c, shapes: []plugins.Metric{distances, shares}, validity: []plugins.Metric{bounds}}, err
}

// Measure makes both reports of all columns, the target included. Columns and pairs without a value are left out of a
// mean. Rows are never sampled; the library samples tables of more than 50,000.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := compare.New(pair, m.config.Part)
	if err != nil {
		return nil, err
	}
	shapes, err := columns(ctx, env, pair, m.shapes, "ks_complement", "tv_complement")
	if err != nil {
		return nil, err
	}
	validity, err := columns(ctx, env, pair, m.validity, "boundary_adherence", "category_adherence")
	if err != nil {
		return nil, err
	}
	trends, err := trends(ctx, env.Threads, s)
	if err != nil {
		return nil, err
	}
	structure := structure(s)
	return &plugins.Measurement{
		Scores: []plugins.Score{
			overall("quality_score", shapes, trends), shapes.score("column_shapes", "no column has a value on both sides"),
			trends.score("column_pair_trends", fmt.Sprintf("no pair of columns is associated closely enough in the %s rows", s.Part)),
			overall("diagnostic_score", validity, structure), validity.score("data_validity", "no column has rows to check"), structure.score("data_structure", "there are no columns"),
		},
		Counts: []plugins.Count{{Name: "columns compared", Value: shapes.n}, {Name: "pairs of columns compared", Value: trends.n}},
	}, nil
}

// average is a running mean.
type average struct {
	sum float64
	n   int
}

func (a *average) add(v float64) { a.sum, a.n = a.sum+v, a.n+1 }

func (a average) score(name, reason string) plugins.Score {
	if a.n == 0 {
		return compare.Undefined(name, reason)
	}
	return plugins.Score{Name: name, Value: a.sum / float64(a.n), N: a.n, Status: plugins.OK}
}

// overall is the mean of those of two averages that are defined.
func overall(name string, parts ...average) plugins.Score {
	var all average
	var warnings []string
	for _, p := range parts {
		if p.n > 0 {
			all.add(p.sum / float64(p.n))
		} else {
			warnings = []string{"one of its two parts is undefined and left out"}
		}
	}
	out := all.score(name, "both of its parts are undefined")
	if out.Status == plugins.OK {
		out.Warnings = warnings
	}
	return out
}

// columns averages the scores of the given names that metrics of single columns give, one for each column.
func columns(ctx context.Context, env plugins.Env, pair *plugins.Pair, metrics []plugins.Metric, scores ...string) (average, error) {
	var out average
	for _, metric := range metrics {
		measured, err := metric.Measure(ctx, env, pair)
		if err != nil {
			return out, err
		}
		for _, s := range measured.Scores {
			if slices.Contains(scores, s.Name) && s.Status == plugins.OK {
				out.add(s.Value)
			}
		}
	}
	return out, nil
}

// structure counts the columns that both sides have with the same kind. Sides have the same columns, so it can only tell that
// there are none.
func structure(s *compare.Sides) average {
	var out average
	for _, real := range s.Real.Columns() {
		same := 0.0
		if c := s.Synthetic.Column(real.Name); c != nil && c.Kind == real.Kind {
			same = 1
		}
		out.add(same)
	}
	return out
}
