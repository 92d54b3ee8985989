// Package correlation scores how far the correlations of number columns lie apart.
package correlation

import (
	"context"
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/gram"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

// The coefficients.
const (
	Pearson  = "pearson"
	Spearman = "spearman"
)

// Config is the metric's "with" block.
type Config struct {
	Part        plugins.Part `json:"part"`               // the real rows to compare with: test, or train, which rewards copying
	Coefficient string       `json:"coefficient"`        // "pearson" or "spearman" (mid-ranks)
	Pairs       bool         `json:"pairs"`              // score each pair of columns, too, and give its coefficients
	Matrices    bool         `json:"matrices,omitempty"` // give the two matrices, for plots
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "correlation",
		Version: 2,
		Summary: "difference of the correlation matrices of the number columns",
		Source:  "K. Pearson (1895), Proc. R. Soc. Lond. 58, 240–242; C. Spearman (1904), Am. J. Psychol. 15(1), 72–101",
		Schema: `// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"
// "pearson" unless set; "spearman": of ranks
coefficient?: "pearson" | "spearman"
// score each pair of columns, too; false unless set
pairs?: bool
matrices?: bool // the two matrices, for heat maps`,
		Family: plugins.Joint,
		Cost:   plugins.PerColumnPair,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Uses:   []plugins.Use{compare.Use(), {Name: "gram", Version: gram.Version}},
		Scores: []plugins.ScoreInfo{
			{Name: "correlation_matrix_difference", Summary: "mean |r_real - r_synthetic| over the pairs of number columns", Min: 0, Max: 2, Better: plugins.Lower},
			{Name: "frobenius", Summary: "Frobenius norm of the difference of the whole matrices; it grows with the number of columns", Min: 0, Max: math.Inf(1), Better: plugins.Lower},
			{Name: "mean_similarity", Summary: "mean correlation_similarity over the pairs of number columns", Min: 0, Max: 1, Better: plugins.Higher},
			{Name: "correlation_similarity", Summary: "1 - |r_real - r_synthetic|/2 of a pair of number columns; with pairs: true", Min: 0, Max: 1, Better: plugins.Higher, Dims: []string{"column", "other"}},
			{Name: "correlation", Summary: "coefficient of a pair of number columns on one side; with pairs: true", Min: -1, Max: 1, Better: plugins.Neutral, Dims: []string{"column", "other", "side"}},
		},
		Curves: []plugins.CurveInfo{{
			Name: matrixCurve, Kind: plugins.MatrixCurve, X: "column", Y: "correlation", Least: new(-1.0), Most: new(1.0), Dims: []string{plugins.ColumnDim, plugins.SideDim},
			Summary: "row of the correlation matrix of one side; a coefficient that is undefined, or of too few subjects, is left out", With: "matrices",
		}},
		Need: compare.Need(4), // rescaled values, deviations, squares and marks
	}, Config{Part: plugins.Test, Coefficient: Pearson}, New)
}

// Suit implements plugins.Suited: pairs are scored, so that the worst can be named.
func (c Config) Suit(r plugins.Roles) (config any, lacks string) {
	c.Pairs = len(r.Numbers) <= 100 // more of them are too many to be read
	return c, ""
}

type metric struct {
	compare.OnePart
	config Config
}

// New returns the metric. It is an error when Part or Coefficient is none of those that Config names.
func New(c Config) (plugins.Metric, error) {
	if c.Coefficient != Pearson && c.Coefficient != Spearman {
		return nil, fmt.Errorf("coefficient is %q; want %q or %q", c.Coefficient, Pearson, Spearman)
	}
	return metric{compare.OnePart(c.Part), c}, compare.CheckPart(c.Part)
}

// Measure compares the correlations of each pair of number columns, the target included if it is one, over
// the rows complete in both. A pair is left out when it is undefined on either side: a column is constant over those
// rows, or there are fewer than two. N is the number of pairs that a score rests on, for correlation_similarity the rows.
// Pairs that the synthetic rows alone leave undefined are counted apart: a generator that makes a column constant does that.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := compare.New(pair, m.config.Part)
	if err != nil {
		return nil, err
	}
	names := s.Names(frame.Number)
	real, err := Correlations(ctx, env.Threads, s, s.Part, names, m.config.Coefficient)
	if err != nil {
		return nil, err
	}
	synthetic, err := Correlations(ctx, env.Threads, s, compare.Synthetic, names, m.config.Coefficient)
	if err != nil {
		return nil, err
	}
	scores, out := overall(real, synthetic)
	caveats := s.Caveats(out, names)
	for i := range scores {
		scores[i].Warnings = append(caveats[:len(caveats):len(caveats)], scores[i].Warnings...)
	}
	if m.config.Pairs {
		scores = append(scores, similarities(names, real, synthetic)...)
		scores = append(scores, coefficients(names, s.Part, real)...)
		scores = append(scores, coefficients(names, compare.Synthetic, synthetic)...)
	}
	measured := &plugins.Measurement{Scores: scores, Counts: out.Counts()}
	if m.config.Matrices {
		fewest := s.FewestSubjects()
		measured.Curves = append(curves(names, plugins.RealSide, real, real, fewest), curves(names, plugins.SynthSide, synthetic, real, fewest)...)
	}
	return measured, nil
}

// overall returns the scores of the whole matrices, and the pairs that they leave out.
func overall(real, synthetic *Matrix) ([]plugins.Score, compare.LeftOut) {
	names := []string{"correlation_matrix_difference", "frobenius", "mean_similarity"}
	out := compare.LeftOut{What: "pairs of columns"}
	defined, fewest := 0, math.MaxInt
	sum, squares := 0.0, 0.0
	for i := range real.width {
		for j := range i {
			out.All++
			a, ok := real.At(i, j)
			b, too := synthetic.At(i, j)
			switch {
			case !ok:
				out.Real++
			case !too:
				out.Synthetic++
			default:
				defined++
				fewest = min(fewest, real.Rows(i, j), synthetic.Rows(i, j))
				sum += math.Abs(a - b)
				squares += (a - b) * (a - b)
			}
		}
	}
	scores := make([]plugins.Score, len(names))
	if defined == 0 {
		reason := "no pair of number columns has a correlation on both sides"
		if out.All == 0 {
			reason = "there are fewer than two number columns"
		}
		for i, name := range names {
			scores[i] = compare.Undefined(name, reason)
		}
		return scores, out
	}
	difference := sum / float64(defined)
	// the diagonal does not differ, and each pair stands in the matrix twice
	for i, value := range []float64{difference, math.Sqrt(2 * squares), 1 - difference/2} {
		scores[i] = plugins.Score{Name: names[i], Value: value, N: defined, Status: plugins.OK}
		if fewest < few {
			scores[i].Warnings = []string{fmt.Sprintf("some pairs of columns have fewer than %d complete rows", few)}
		}
	}
	return scores, out
}

// few is the number of complete rows below which a correlation is mostly noise: its standard error is about 0.2 there.
const few = 30

// undefined is when a pair has no correlation.
const undefined = "a column is constant, or fewer than two rows are complete"

// similarities returns one score for each pair of columns.
func similarities(names []string, real, synthetic *Matrix) []plugins.Score {
	var scores []plugins.Score
	for i := range names {
		for j := i + 1; j < len(names); j++ {
			out := plugins.Score{Name: "correlation_similarity", Dims: map[string]string{"column": names[i], "other": names[j]}, N: real.Rows(i, j) + synthetic.Rows(i, j)}
			a, ok := real.At(i, j)
			b, too := synthetic.At(i, j)
			switch {
			case ok && too:
				out.Status, out.Value = plugins.OK, 1-math.Abs(a-b)/2
			case !ok:
				out.Status, out.Reason = plugins.Undefined, "the real rows have no correlation: "+undefined
			default:
				out.Status, out.Reason = plugins.Undefined, "the synthetic rows have no correlation: "+undefined
			}
			scores = append(scores, out)
		}
	}
	return scores
}

// coefficients returns the correlation of each pair of columns on one side.
func coefficients(names []string, side plugins.Part, m *Matrix) []plugins.Score {
	var scores []plugins.Score
	for i := range names {
		for j := i + 1; j < len(names); j++ {
			out := plugins.Score{Name: "correlation", Dims: map[string]string{"column": names[i], "other": names[j], "side": string(side)}, N: m.Rows(i, j)}
			if r, ok := m.At(i, j); ok {
				out.Status, out.Value = plugins.OK, r
			} else {
				out.Status, out.Reason = plugins.Undefined, undefined
			}
			scores = append(scores, out)
		}
	}
	return scores
}
