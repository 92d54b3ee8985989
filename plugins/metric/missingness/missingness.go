// Package missingness scores whether values are missing in the synthetic rows as they are in the real ones: how often, in which
// columns together, and in which patients.
package missingness

import (
	"context"
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/label"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

// Config is the metric's "with" block.
type Config struct {
	Part plugins.Part `json:"part"` // the real rows to compare with: test, or train, which rewards copying
}

// Names of scores.
const (
	similarity  = "missing_value_similarity"
	together    = "co_missingness_difference"
	informative = "informative_missingness_"
)

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	column := []string{"column"}
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "missingness",
		Version: 1,
		Summary: "missing values: their share in each column, which columns miss them together, and how far they tell the label",
		Source: "SDMetrics (MissingValueSimilarity); G. U. Yule (1912), J. R. Stat. Soc. 75(6), 579–652 (phi coefficient); " +
			"J. B. S. Haldane (1956), Ann. Hum. Genet. 20(4), 309–311, and F. J. Anscombe (1956), Biometrika 43(3/4), 461–464 (log odds ratio)",
		Schema: `// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"`,
		Family: plugins.Marginals,
		Cost:   plugins.PerColumnPair,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Uses:   []plugins.Use{compare.Use(), {Name: "label", Version: label.Version}},
		Scores: []plugins.ScoreInfo{
			{Name: similarity, Summary: "1 - |share missing in the real rows - share missing in the synthetic rows| of a column", Min: 0, Max: 1, Better: plugins.Higher, Dims: column},
			{Name: informative + "real", Summary: "log odds ratio of the label in the real rows: those that miss the column's value against those that have it, half a row added to each cell", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Neutral, Dims: column},
			{Name: informative + "synthetic", Summary: "the same in the synthetic rows", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Neutral, Dims: column},
			{Name: informative + "difference", Summary: "|informative_missingness_real - informative_missingness_synthetic| of a column", Min: 0, Max: math.Inf(1), Better: plugins.Lower, Dims: column},
			{Name: "mean", Summary: "mean missing_value_similarity over the columns", Min: 0, Max: 1, Better: plugins.Higher},
			{Name: "mean_" + informative + "difference", Summary: "mean informative_missingness_difference over the columns", Min: 0, Max: math.Inf(1), Better: plugins.Lower},
			{Name: together, Summary: "mean |phi_real - phi_synthetic| over the pairs of columns, phi being the correlation of their being missing", Min: 0, Max: 2, Better: plugins.Lower},
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

// Measure scores every column; the label's own missing values count among the rates and pairs, and rows without a label are
// left out of what missing values tell of it.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := compare.New(pair, m.config.Part)
	if err != nil {
		return nil, err
	}
	names := s.Names(frame.Number, frame.Category)
	rates, err := s.Quantities(ctx, env, "", names, []compare.Quantity{{Name: similarity, Mean: "mean", Missing: true}}, func(column string) []compare.Value {
		return []compare.Value{rate(s, column)}
	})
	if err != nil {
		return nil, err
	}
	real, synthetic := marksOf(s, s.Part, names), marksOf(s, compare.Synthetic, names)
	informed, err := inform(ctx, env, s, pair.Target, real, synthetic)
	if err != nil {
		return nil, err
	}
	pairs, left, err := compareTogether(ctx, env, s.Part, real, synthetic)
	if err != nil {
		return nil, err
	}
	out := &plugins.Measurement{Scores: append(append(rates.Scores, informed...), pairs), Counts: left.Counts()}
	for _, side := range []plugins.Part{s.Part, compare.Synthetic} {
		missing := 0
		for _, name := range names {
			missing += s.Missing(side, name)
		}
		out.Counts = append(out.Counts, plugins.Count{Name: "values missing", Dims: map[string]string{"side": string(side)}, Value: missing})
	}
	return out, nil
}

// rate returns 1 - |share missing in the real rows - share missing in the synthetic rows|.
func rate(s *compare.Sides, column string) compare.Value {
	real, synthetic := s.Real.Rows(), s.Synthetic.Rows()
	switch {
	case real == 0:
		return compare.None(s.Part, fmt.Sprintf("there are no %s rows", s.Part))
	case synthetic == 0:
		return compare.None(compare.Synthetic, "there are no synthetic rows")
	}
	d := s.Missing(s.Part, column)*synthetic - s.Missing(compare.Synthetic, column)*real // whole, so exact
	return compare.Value{Number: 1 - float64(max(d, -d))/float64(real)/float64(synthetic), N: real + synthetic}
}
