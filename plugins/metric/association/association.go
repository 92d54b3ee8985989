// Package association scores how far the associations of category columns, with each other and with number columns, lie
// apart on the real and the synthetic side.
package association

import (
	"context"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Config is the metric's "with" block.
type Config struct {
	Part plugins.Part `json:"part"` // the real rows to compare with: test, or train, which rewards copying
	// Yates corrects the chi-squared statistic of a 2 x 2 table for continuity, as widely used libraries do without saying so.
	// The correction is meant for tests; without it Cramér's V of two columns of two levels is |φ|.
	Yates bool `json:"yates"`
	Pairs bool `json:"pairs"` // give the association of each pair on both sides, too
}

// measure is one measure of association.
type measure struct{ name, summary, pairs string }

// The measures, in the order of scores.
var measures = []measure{
	{"cramers_v", "Cramér's V", "pairs of category columns"},
	{"cramers_v_corrected", "Cramér's V without bias (Bergsma)", "pairs of category columns"},
	{"theils_u", "Theil's U of the column given the other", "ordered pairs of category columns"},
	{"correlation_ratio", "correlation ratio of the other, a number, by the column, a category", "pairs of a category and a number column"},
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "association",
		Version: 1,
		Summary: "difference of the associations of category columns, with each other (Cramér's V, Theil's U) and with numbers (correlation ratio)",
		Source: "H. Cramér (1946), Mathematical Methods of Statistics, section 21.9; W. Bergsma (2013), J. Korean Stat. Soc. 42(3), 323–328; " +
			"H. Theil (1970), Am. J. Sociol. 76(1), 103–154; R. A. Fisher (1925), Statistical Methods for Research Workers, section 45",
		Schema: `// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"
// correct the chi-squared statistic of 2 x 2 tables for continuity, as tests do; false unless set: Cramér's V of such a table is |φ|
yates?: bool
// score each pair of columns, too; false unless set
pairs?: bool`,
		Family: plugins.Joint,
		Cost:   plugins.PerColumnPair,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Uses:   []plugins.Use{compare.Use(), {Name: "stats", Version: stats.Version}},
		Need:   compare.Need(2),
		Scores: scores(),
	}, Config{Part: plugins.Test, Yates: true}, New)
}

func scores() []plugins.ScoreInfo {
	var out []plugins.ScoreInfo
	for _, m := range measures {
		out = append(out,
			plugins.ScoreInfo{Name: mean(m.name), Summary: "mean |real - synthetic| of " + m.summary + " over the " + m.pairs, Min: 0, Max: 1, Better: plugins.Lower},
			plugins.ScoreInfo{Name: frobenius(m.name), Summary: "root of the sum of squares of these differences; it grows with the number of columns", Min: 0, Max: math.Inf(1), Better: plugins.Lower})
	}
	for _, m := range measures {
		out = append(out, plugins.ScoreInfo{
			Name: m.name, Summary: m.summary + ", on one side; with pairs: true", Min: 0, Max: 1, Better: plugins.Neutral, Dims: []string{"column", "other", "side"},
		})
	}
	return out
}

func mean(measure string) string      { return "association_difference_" + measure }
func frobenius(measure string) string { return "frobenius_" + measure }

type metric struct {
	compare.OnePart
	config Config
}

// New returns the metric. It is an error when Part is another part.
func New(c Config) (plugins.Metric, error) {
	return metric{compare.OnePart(c.Part), c}, compare.CheckPart(c.Part)
}

// Measure compares all pairs of a category column with another column, the target included, over the rows complete in both. A
// pair is left out of a mean when its association is undefined on either side; pairs that the synthetic rows alone leave
// undefined are counted apart. N is the number of pairs that a score rests on, for a single association the complete rows.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := compare.New(pair, m.config.Part)
	if err != nil {
		return nil, err
	}
	found, err := associations(ctx, env.Threads, s, m.config.Yates)
	if err != nil {
		return nil, err
	}
	out := &plugins.Measurement{}
	var each []plugins.Score
	for k, measure := range measures {
		of := found[k]
		differences, counts := m.differences(s, measure, of)
		out.Scores = append(out.Scores, differences...)
		out.Counts = append(out.Counts, counts...)
		if m.config.Pairs {
			each = append(each, single(s, measure, of)...)
		}
	}
	out.Scores = append(out.Scores, each...)
	return out, nil
}

// association is a measure of one pair on both sides.
type association struct {
	column, other   string
	real, synthetic value
}

// value is a measure on one side.
type value struct {
	v    float64
	ok   bool // else it is undefined
	rows int  // complete in both columns
}

func (m metric) differences(s *compare.Sides, of measure, list []association) ([]plugins.Score, []plugins.Count) {
	left := compare.LeftOut{What: of.pairs, All: len(list)}
	sum, squares, defined := 0.0, 0.0, 0
	for _, a := range list {
		switch {
		case !a.real.ok:
			left.Real++
		case !a.synthetic.ok:
			left.Synthetic++
		default:
			d := a.real.v - a.synthetic.v
			sum += math.Abs(d)
			squares += d * d
			defined++
		}
	}
	counts := left.Counts()
	for i := range counts {
		counts[i].Dims = map[string]string{"measure": of.name}
	}
	if defined == 0 {
		reason := "no pair has this association on both sides"
		if len(list) == 0 {
			reason = "there are no " + of.pairs
		}
		return []plugins.Score{compare.Undefined(mean(of.name), reason), compare.Undefined(frobenius(of.name), reason)}, counts
	}
	warnings := s.Caveats(left, s.Real.Names())
	return []plugins.Score{
		{Name: mean(of.name), Value: sum / float64(defined), N: defined, Status: plugins.OK, Warnings: warnings},
		{Name: frobenius(of.name), Value: math.Sqrt(squares), N: defined, Status: plugins.OK, Warnings: warnings},
	}, counts
}

// single returns the associations of a measure, side by side.
func single(s *compare.Sides, of measure, list []association) []plugins.Score {
	var out []plugins.Score
	for _, a := range list {
		for _, side := range []struct {
			name  plugins.Part
			value value
		}{{s.Part, a.real}, {compare.Synthetic, a.synthetic}} {
			score := plugins.Score{
				Name: of.name, Dims: map[string]string{"column": a.column, "other": a.other, "side": string(side.name)},
				Value: side.value.v, N: side.value.rows, Status: plugins.OK,
			}
			if !side.value.ok {
				score.Value, score.Status = 0, plugins.Undefined
				score.Reason = "a column has one level over the rows that neither misses, or each of these rows a level of its own"
				if side.value.rows == 0 {
					score.Reason = "no row has a value in both columns"
				}
			}
			out = append(out, score)
		}
	}
	return out
}
