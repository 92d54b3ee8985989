// Package alphaprecision scores how synthetic rows fill the bulk of the real ones, level by level, and whether they are copies.
package alphaprecision

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/neighbour"
)

// Config is the "with" block of both metrics.
type Config struct {
	Part plugins.Part `json:"part"` // the real rows to compare with: test, or train, which rewards copying
}

// levels is the number of levels, from 0 to 1.
const levels = 30

// Names of scores and curves.
const (
	deltaPrecision = "delta_precision_alpha"
	deltaCoverage  = "delta_coverage_beta"
	authenticity   = "authenticity"
	indexed        = "authenticity_synthcity"
	precisionCurve = "alpha_precision"
	recallCurve    = "beta_recall"
)

// Register adds the metric, and the variant of its authenticity, to r.
func Register(r *plugins.Registry) {
	about := plugins.Info{
		Name:    "alpha-precision",
		Version: 1,
		Summary: "α-precision and β-recall over thirty levels, and authenticity: the share of synthetic rows that are no near copies",
		Source:  "A. M. Alaa et al. (2022), Proc. ICML, 290–306; without a learned embedding",
		Schema: `// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"`,
		Family: plugins.Joint,
		Cost:   plugins.PerRowPair,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Uses:   []plugins.Use{compare.Use(), {Name: "encode", Version: encode.Version}, {Name: "neighbour", Version: neighbour.Version}},
		Scores: plugins.Agree(plugins.Ties(), []plugins.ScoreInfo{
			{Name: deltaPrecision, Summary: "1 - Σ|α - α-precision|/Σα: whether the ball around the real mean with a share α of the real rows holds that share of the synthetic ones", Min: 0, Max: 1, Better: plugins.Higher},
			{Name: deltaCoverage, Summary: "1 - Σ|β - β-recall|/Σβ: the same of real rows with a synthetic row nearer than any other real row", Min: 0, Max: 1, Better: plugins.Higher},
			{Name: authenticity, Summary: "share of synthetic rows farther from their nearest real row than that is from its nearest real neighbour", Min: 0, Max: 1, Better: plugins.Higher},
		}),
		Curves: []plugins.CurveInfo{
			{Name: precisionCurve, Kind: plugins.LineCurve, X: "α", Y: "α-precision", Least: new(0.0), Most: new(1.0), Summary: "share of the synthetic rows in the ball around the real mean that holds a share α of the real rows"},
			{Name: recallCurve, Kind: plugins.LineCurve, X: "β", Y: "β-recall", Least: new(0.0), Most: new(1.0), Summary: "share of the real rows with a synthetic row nearer than any other real row, among the share β of these rows nearest to the synthetic mean"},
		},
		Need: func(size plugins.Size) plugins.Need {
			out := compare.Need(5)(size)
			out.Threads = int(min(max((size.Rows+size.N)/1000, 1), 8))
			return out
		},
	}
	plugins.Add(&r.Metrics, about, Config{Part: plugins.Test}, New)
	variant := about
	variant.Variant = true
	variant.Name = "alpha-precision-synthcity"
	variant.Summary = "authenticity as synthcity computes it, with a row's number taken for another's; for comparability only"
	variant.Source = "synthcity 0.2 (eval_statistical.AlphaPrecision)"
	variant.Curves = nil
	variant.Scores = plugins.Agree(plugins.Ties(), []plugins.ScoreInfo{
		{Name: indexed, Summary: "share of real rows i whose nearest synthetic row, number j, is farther from it than real row j is from its nearest real neighbour", Min: 0, Max: 1, Better: plugins.Higher},
	})
	plugins.Add(&r.Metrics, variant, Config{Part: plugins.Test}, newVariant)
}

type metric struct {
	compare.OnePart
	config Config
	scores []string
	rate   func(*measuring) (*plugins.Measurement, error)
}

// New returns the metric. It is an error when Part is another part.
func New(c Config) (plugins.Metric, error) {
	return metric{compare.OnePart(c.Part), c, []string{deltaPrecision, deltaCoverage, authenticity}, (*measuring).honest}, compare.CheckPart(c.Part)
}

func newVariant(c Config) (plugins.Metric, error) {
	return metric{compare.OnePart(c.Part), c, []string{indexed}, (*measuring).indexed}, compare.CheckPart(c.Part)
}

// Measure compares the first rows of both sides, as many as the smaller side has, by Euclidean distance in the standard encoding of
// both sides, the target included. N is the number of rows of a side.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := compare.New(pair, m.config.Part)
	if err != nil {
		return nil, err
	}
	reason := s.Lacks(1)
	n := min(s.Real.Rows(), s.Synthetic.Rows())
	if reason == "" && n < 2 {
		reason = "a side has one row only: it has no neighbour"
	}
	var encoded *compare.Encoded
	if reason == "" {
		if encoded, err = s.Encoded(); err != nil {
			return nil, err
		}
		reason = encoded.Unusable()
	}
	if reason != "" {
		out := &plugins.Measurement{}
		for _, name := range m.scores {
			out.Scores = append(out.Scores, compare.Undefined(name, reason))
		}
		return out, nil
	}
	real, synthetic := encoded.Rows()
	out, err := m.rate(&measuring{ctx: ctx, threads: env.Threads, n: n, sides: s, real: real[:n], synthetic: synthetic[:n]})
	if err != nil {
		return nil, err
	}
	if larger := max(s.Real.Rows(), s.Synthetic.Rows()); larger > n {
		for i := range out.Scores {
			out.Scores[i].Warnings = []string{fmt.Sprintf("the first %d of %d rows of the larger side: the definition takes equal numbers", n, larger)}
		}
	}
	return out, nil
}

// measuring is what one measurement is made of.
type measuring struct {
	ctx             context.Context
	threads, n      int
	sides           *compare.Sides
	real, synthetic [][]float64 // n encoded rows each
}

// points places the first rows of both sides.
func (m *measuring) points() (real, synthetic *neighbour.Points, err error) {
	space, err := neighbour.NewEuclidean(m.sides.Real, m.sides.Synthetic)
	if err != nil {
		return nil, nil, err
	}
	if real, err = space.Points(m.sides.Real); err != nil {
		return nil, nil, err
	}
	if synthetic, err = space.Points(m.sides.Synthetic); err != nil {
		return nil, nil, err
	}
	first := make([]int, m.n)
	for i := range first {
		first[i] = i
	}
	return real.Take(first), synthetic.Take(first), nil
}

// neighbours are the distances of each real row to the nearest other one, and to the nearest synthetic row.
type neighbours struct{ toReal, toSynthetic *neighbour.Neighbours }

func (m *measuring) neighbours(real, synthetic *neighbour.Points) (out neighbours, err error) {
	if out.toReal, err = (neighbour.Search{K: 1, Self: true, Threads: m.threads}).Nearest(m.ctx, real, real); err != nil {
		return out, err
	}
	out.toSynthetic, err = neighbour.Search{K: 1, Threads: m.threads}.Nearest(m.ctx, real, synthetic)
	return out, err
}

// nearest returns the number of the nearest neighbour of row i, and its distance.
func nearest(of *neighbour.Neighbours, i int) (int, float64) {
	index, distance := of.Row(i)
	return int(index[0]), distance[0]
}

// honest returns the three scores and the curves of the two levels.
func (m *measuring) honest() (*plugins.Measurement, error) {
	real, synthetic, err := m.points()
	if err != nil {
		return nil, err
	}
	found, err := m.neighbours(real, synthetic)
	if err != nil {
		return nil, err
	}
	back, err := neighbour.Search{K: 1, Threads: m.threads}.Nearest(m.ctx, synthetic, real)
	if err != nil {
		return nil, err
	}
	toReal := found.toReal.Distances(1)
	authentic := 0
	for j := range m.n {
		if i, d := nearest(back, j); toReal[i] < d {
			authentic++
		}
	}
	centre := meanOf(m.real)
	precision := shares(distancesTo(centre, m.real), distancesTo(centre, m.synthetic), nil)
	fromCentre := distancesTo(meanOf(m.synthetic), m.synthetic)
	reached, near := make([]float64, m.n), make([]bool, m.n)
	for i := range m.n {
		j, d := nearest(found.toSynthetic, i)
		reached[i], near[i] = fromCentre[j], d <= toReal[i]
	}
	recall := shares(reached, reached, near)
	ok := func(name string, value float64) plugins.Score {
		return plugins.Score{Name: name, Value: value, N: m.n, Status: plugins.OK}
	}
	return &plugins.Measurement{
		Scores: []plugins.Score{
			ok(deltaPrecision, delta(precision)), ok(deltaCoverage, delta(recall)), ok(authenticity, float64(authentic)/float64(m.n)),
		},
		Curves: []plugins.Curve{
			{Name: precisionCurve, X: alphas(), Y: precision, N: m.subjects()}, {Name: recallCurve, X: alphas(), Y: recall, N: m.subjects()},
		},
	}, nil
}

// subjects is, for each level, how many subjects the compared real rows are of: every share is one of all of them.
func (m *measuring) subjects() []int {
	of, _ := m.sides.Subjects()
	seen := map[int32]bool{}
	for _, subject := range of[:m.n] {
		seen[subject] = true
	}
	return slices.Repeat([]int{len(seen)}, levels)
}

// indexed returns the authenticity of the variant.
func (m *measuring) indexed() (*plugins.Measurement, error) {
	real, synthetic, err := m.points()
	if err != nil {
		return nil, err
	}
	found, err := m.neighbours(real, synthetic)
	if err != nil {
		return nil, err
	}
	toReal, n := found.toReal.Distances(1), 0
	for i := range m.n {
		if j, d := nearest(found.toSynthetic, i); toReal[j] < d {
			n++
		}
	}
	return &plugins.Measurement{Scores: []plugins.Score{{Name: indexed, Value: float64(n) / float64(m.n), N: m.n, Status: plugins.OK}}}, nil
}

// alphas returns the levels.
func alphas() []float64 {
	out := make([]float64, levels)
	for j := range out {
		out[j] = float64(j) / (levels - 1)
	}
	return out
}

// delta returns 1 - Σ|α - y|/Σα of a curve that does not fall, in [0,1].
func delta(y []float64) float64 {
	off, all := 0.0, 0.0
	for j, alpha := range alphas() {
		off += math.Abs(alpha - y[j])
		all += alpha
	}
	return min(max(1-off/all, 0), 1)
}

// shares returns, for each level, the share of values that do not exceed the quantile of that level of reference; only is which values
// count, all when nil. Quantiles interpolate linearly.
func shares(reference, values []float64, only []bool) []float64 {
	sorted := slices.Sorted(slices.Values(reference))
	out := make([]float64, levels)
	for j := range out {
		radius := quantile(sorted, j, levels-1)
		n := 0
		for i, v := range values {
			if v <= radius && (only == nil || only[i]) {
				n++
			}
		}
		out[j] = float64(n) / float64(len(values))
	}
	return out
}

// quantile returns the quantile of level j/of, exactly an element where the level hits one.
func quantile(sorted []float64, j, of int) float64 {
	place := j * (len(sorted) - 1)
	low, rest := place/of, place%of
	if rest == 0 {
		return sorted[low]
	}
	return sorted[low] + (sorted[low+1]-sorted[low])*float64(rest)/float64(of)
}

func meanOf(rows [][]float64) []float64 {
	out := make([]float64, len(rows[0]))
	for _, row := range rows {
		for j, v := range row {
			out[j] += v
		}
	}
	for j := range out {
		out[j] /= float64(len(rows))
	}
	return out
}

func distancesTo(centre []float64, rows [][]float64) []float64 {
	out := make([]float64, len(rows))
	for i, row := range rows {
		sum := 0.0
		for j, v := range row {
			sum += (v - centre[j]) * (v - centre[j])
		}
		out[i] = math.Sqrt(sum)
	}
	return out
}
