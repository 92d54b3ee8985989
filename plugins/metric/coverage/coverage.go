// Package coverage scores whether synthetic columns hold the range and the levels of the real ones, and nothing beyond.
package coverage

import (
	"context"
	"fmt"
	"maps"
	"sort"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

// Config is the metric's "with" block.
type Config struct {
	Part plugins.Part `json:"part"` // the real rows to compare with: test, or train, which rewards copying
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	share := func(name, summary string, dims ...string) plugins.ScoreInfo {
		return plugins.ScoreInfo{Name: name, Summary: summary, Min: 0, Max: 1, Better: plugins.Higher, Dims: dims}
	}
	// what is reached of the ends or the levels of the other side grows with the rows
	reached := func(name, summary string, dims ...string) plugins.ScoreInfo {
		s := share(name, summary, dims...)
		s.NoInterval = plugins.OfTheirN
		return s
	}
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "coverage",
		Version: 1,
		Summary: "how much of the real range or levels of each column is reached, and how many synthetic values lie within them",
		Source:  "SDMetrics (RangeCoverage, BoundaryAdherence, CategoryCoverage, CategoryAdherence)",
		Schema: `// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"`,
		Family: plugins.Marginals,
		Cost:   plugins.PerColumn,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Uses:   []plugins.Use{compare.Use()},
		Need:   compare.Need(1),
		Scores: []plugins.ScoreInfo{
			reached("range_coverage", "share of the real range of a number column that the synthetic range covers", "column"),
			share("boundary_adherence", "share of the synthetic values of a number column within the real range; missing ones count as outside unless real ones are missing, too", "column"),
			reached("category_coverage", "share of the real levels of a category column that occur in the synthetic rows", "column"),
			share("category_adherence", "share of the synthetic rows whose level of a category column is a real one; a missing value counts as a level", "column"),
			reached("mean_range_coverage", "mean range_coverage over the number columns"),
			share("mean_boundary_adherence", "mean boundary_adherence over the number columns"),
			reached("mean_category_coverage", "mean category_coverage over the category columns"),
			share("mean_category_adherence", "mean category_adherence over the category columns"),
		},
	}, Config{Part: plugins.Test}, New)
}

type metric struct {
	compare.OnePart
	config Config
}

// New returns the metric. It is an error when Part is another part.
func New(c Config) (plugins.Metric, error) {
	return metric{compare.OnePart(c.Part), c}, compare.CheckPart(c.Part)
}

// Measure scores every column, the target included.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := compare.New(pair, m.config.Part)
	if err != nil {
		return nil, err
	}
	numbers, err := s.Quantities(ctx, env, "", s.Names(frame.Number), []compare.Quantity{
		{Name: "range_coverage", Mean: "mean_range_coverage"},
		{Name: "boundary_adherence", Mean: "mean_boundary_adherence", Missing: true},
	}, func(column string) []compare.Value {
		return []compare.Value{rangeCoverage(s, column), boundaryAdherence(s, column)}
	})
	if err != nil {
		return nil, err
	}
	categories, err := s.Quantities(ctx, env, "", s.Names(frame.Category), []compare.Quantity{
		{Name: "category_coverage", Mean: "mean_category_coverage"},
		{Name: "category_adherence", Mean: "mean_category_adherence", Missing: true},
	}, func(column string) []compare.Value {
		return []compare.Value{categoryCoverage(s, column), categoryAdherence(s, column)}
	})
	if err != nil {
		return nil, err
	}
	return &plugins.Measurement{
		Scores: append(numbers.Scores, categories.Scores...),
		Counts: append(of(frame.Number, numbers.Counts), of(frame.Category, categories.Counts)...),
	}, nil
}

// of says of counts which kind of column they are about.
func of(kind frame.Kind, counts []plugins.Count) []plugins.Count {
	for i, c := range counts {
		dims := map[string]string{"kind": string(kind)}
		maps.Copy(dims, c.Dims)
		counts[i].Dims = dims
	}
	return counts
}

// rangeCoverage returns 1 less the shares of the real range below the least and above the greatest synthetic value, at least 0.
func rangeCoverage(s *compare.Sides, column string) compare.Value {
	if none, ok := s.Filled(column); !ok {
		return none
	}
	real, synthetic := s.Sorted(s.Part, column), s.Sorted(compare.Synthetic, column)
	low, high := real[0], real[len(real)-1]
	if low == high {
		return compare.None(s.Part, fmt.Sprintf("the column is constant in the %s rows: there is no range to cover", s.Part))
	}
	below, above := synthetic[0]-low, high-synthetic[len(synthetic)-1]
	return compare.Known(max(0, 1-max(0, below/(high-low))-max(0, above/(high-low))))
}

// noRows is why the share of synthetic rows is undefined.
const noRows = "there are no synthetic rows"

// boundaryAdherence returns the share of synthetic values within the real range. Missing ones are left out where the real
// column has missing values, and lie outside where it has none. A real column without values has no inside.
func boundaryAdherence(s *compare.Sides, column string) compare.Value {
	n := s.Synthetic.Rows()
	if n == 0 {
		return compare.None(compare.Synthetic, noRows)
	}
	if s.Real.Rows() == 0 {
		return compare.None(s.Part, fmt.Sprintf("there are no %s rows", s.Part))
	}
	real, synthetic := s.Sorted(s.Part, column), s.Sorted(compare.Synthetic, column)
	if s.Missing(s.Part, column) > 0 {
		n = len(synthetic)
	}
	if n == 0 {
		return compare.None(compare.Synthetic, "no synthetic row has a value in this column")
	}
	inside := 0
	if len(real) > 0 {
		first := sort.SearchFloat64s(synthetic, real[0])
		inside = sort.Search(len(synthetic), func(i int) bool { return synthetic[i] > real[len(real)-1] }) - first
	}
	return compare.Value{Number: float64(inside) / float64(n), N: n}
}

// categoryCoverage returns the share of the real levels that occur in the synthetic rows.
func categoryCoverage(s *compare.Sides, column string) compare.Value {
	if s.Missing(s.Part, column) == s.Real.Rows() {
		return compare.None(s.Part, fmt.Sprintf("no %s row has a value in this column", s.Part))
	}
	if s.Synthetic.Rows() == 0 {
		return compare.None(compare.Synthetic, noRows)
	}
	t := s.Levels(column)
	levels, covered := 0, 0
	for k, n := range t.Real {
		if n > 0 {
			levels++
			covered += min(1, t.Synthetic[k])
		}
	}
	return compare.Known(float64(covered) / float64(levels))
}

// categoryAdherence returns the share of synthetic rows whose level is a real one. A missing value is one where a real row
// has none.
func categoryAdherence(s *compare.Sides, column string) compare.Value {
	n := s.Synthetic.Rows()
	if n == 0 {
		return compare.None(compare.Synthetic, noRows)
	}
	if s.Real.Rows() == 0 {
		return compare.None(s.Part, fmt.Sprintf("there are no %s rows", s.Part))
	}
	t := s.Levels(column)
	inside := 0
	for k, count := range t.Synthetic {
		if t.Real[k] > 0 {
			inside += count
		}
	}
	if s.Missing(s.Part, column) > 0 {
		inside += s.Missing(compare.Synthetic, column)
	}
	return compare.Value{Number: float64(inside) / float64(n), N: n}
}
