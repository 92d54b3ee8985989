// Package mutualinformation scores how far the mutual informations of pairs of columns lie apart.
package mutualinformation

import (
	"context"
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

// Config is the metric's "with" block.
//
// Another number of bins than the default gives a variant that compares with no published value of the default; every
// score of it says so.
type Config struct {
	Part  plugins.Part `json:"part"`  // the real rows to compare with: test, or train, which rewards copying
	Bins  int          `json:"bins"`  // equal bins over the real range of a number column, ≥ 2
	Pairs bool         `json:"pairs"` // give the normalised mutual information of each pair on both sides, too
}

func defaults() Config { return Config{Part: plugins.Test, Bins: 10} }

const (
	difference = "normalised_mutual_information_difference"
	frobenius  = "frobenius"
	each       = "normalised_mutual_information"
)

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "mutual-information",
		Version: 1,
		Summary: "difference of the normalised mutual informations of all pairs of columns: ten bins or the levels, missing a level of its own",
		Source:  "H. Ping, J. Stoyanovich, B. Howe (2017), Proc. SSDBM, article 42; A. Strehl, J. Ghosh (2002), J. Mach. Learn. Res. 3, 583–617",
		Schema: `// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"
// equal bins over the real range of a number column: 10 unless set
bins?: int & >=2 & <=1000
// score each pair of columns, too; false unless set
pairs?: bool`,
		Family: plugins.Joint,
		Cost:   plugins.PerColumnPair,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Uses:   []plugins.Use{compare.Use()},
		Need:   compare.Need(2),
		Scores: []plugins.ScoreInfo{
			{Name: difference, Summary: "mean |NMI_real - NMI_synthetic| over the pairs of columns, NMI = 2 I/(H + H)", Min: 0, Max: 1, Better: plugins.Lower},
			{Name: frobenius, Summary: "Frobenius norm of the difference of the whole matrices; it grows with the number of columns", Min: 0, Max: math.Inf(1), Better: plugins.Lower},
			{Name: each, Summary: "normalised mutual information of a pair of columns on one side; with pairs: true", Min: 0, Max: 1, Better: plugins.Neutral, Dims: []string{"column", "other", "side"}},
		},
	}, defaults(), New)
}

type metric struct {
	compare.OnePart
	config Config
}

// New returns the metric. It is an error when Bins is below 2, or Part is another part.
func New(c Config) (plugins.Metric, error) {
	if c.Bins < 2 {
		return nil, fmt.Errorf("bins is %d; want at least 2", c.Bins)
	}
	return metric{compare.OnePart(c.Part), c}, compare.CheckPart(c.Part)
}

// Measure compares all pairs of columns, the target included, but those without any real value. Missing values are a
// level, so that no row is left out. The mutual information of two columns that are both constant is 1, as that of
// two groupings that agree.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := compare.New(pair, m.config.Part)
	if err != nil {
		return nil, err
	}
	var columns []int
	for i, c := range s.Real.Columns() {
		if c.MissingCount() < s.Real.Rows() {
			columns = append(columns, i)
		}
	}
	left := len(s.Real.Columns()) - len(columns)
	out := &plugins.Measurement{Counts: []plugins.Count{{Name: "columns compared"}, {Name: "columns undefined in the real rows", Value: left}}}
	reason := s.Lacks(2)
	if reason == "" && len(columns) < 2 {
		reason = "fewer than two columns have a real value"
	}
	if reason != "" {
		out.Scores = []plugins.Score{compare.Undefined(difference, reason), compare.Undefined(frobenius, reason)}
		return out, nil
	}
	out.Counts[0].Value = len(columns)
	tables, err := s.PairTables(ctx, env.Threads, m.config.Bins)
	if err != nil {
		return nil, err
	}
	out.Scores = m.scores(s, tables, columns)
	warnings := m.config.variant()
	if left > 0 {
		warnings = append(warnings, fmt.Sprintf("%d of %d columns left out: no value in the %s rows", left, left+len(columns), s.Part))
	}
	for i := range out.Scores[:2] {
		out.Scores[i].Warnings = warnings
	}
	return out, nil
}

func (m metric) scores(s *compare.Sides, tables *compare.PairTables, columns []int) []plugins.Score {
	sum, squares, pairs := 0.0, 0.0, 0
	var list []plugins.Score
	for a, i := range columns {
		for _, j := range columns[a+1:] {
			real, synthetic := information(tables, tables.RealEntropy, i, j), information(tables, tables.SyntheticEntropy, i, j)
			d := real - synthetic
			sum += math.Abs(d)
			squares += d * d
			pairs++
			if m.config.Pairs {
				list = append(list,
					m.one(tables.Columns[i], tables.Columns[j], s.Part, real, s.Real.Rows()),
					m.one(tables.Columns[i], tables.Columns[j], compare.Synthetic, synthetic, s.Synthetic.Rows()))
			}
		}
	}
	return append([]plugins.Score{
		{Name: difference, Value: sum / float64(pairs), N: pairs, Status: plugins.OK},
		// the diagonal does not differ, and each pair stands in the matrix twice
		{Name: frobenius, Value: math.Sqrt(2 * squares), N: pairs, Status: plugins.OK},
	}, list...)
}

func (m metric) one(column, other string, side plugins.Part, value float64, rows int) plugins.Score {
	return plugins.Score{
		Name: each, Dims: map[string]string{"column": column, "other": other, "side": string(side)},
		Value: value, N: rows, Status: plugins.OK, Warnings: m.config.variant(),
	}
}

// information returns 2 I(x;y)/(H(x) + H(y)) on the side whose entropies are given, in [0,1]; 1 when both are constant.
func information(t *compare.PairTables, entropy []float64, i, j int) float64 {
	x, y := entropy[t.At(i, i)], entropy[t.At(j, j)]
	if x+y == 0 {
		return 1
	}
	return min(max(2*(x+y-entropy[t.At(i, j)])/(x+y), 0), 1)
}

// variant warns of settings that differ from the defaults.
func (c Config) variant() []string {
	if usual := defaults().Bins; c.Bins != usual {
		return []string{fmt.Sprintf("variant: %d bins instead of %d", c.Bins, usual)}
	}
	return nil
}
