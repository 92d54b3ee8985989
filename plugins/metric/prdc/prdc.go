// Package prdc scores precision, recall, density and coverage of synthetic rows by the neighbourhoods of real ones.
package prdc

import (
	"context"
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/neighbour"
)

// Config is the metric's "with" block.
//
// Another k than the default gives a variant that compares with no published value of the default; every score of it says so.
type Config struct {
	Part plugins.Part `json:"part"` // the real rows to compare with: test, or train, which rewards copying
	K    int          `json:"k"`    // the neighbour whose distance is the radius of a row's neighbourhood, ≥ 1
}

func defaults() Config { return Config{Part: plugins.Test, K: 5} }

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "prdc",
		Version: 1,
		Summary: "precision, recall, density and coverage: synthetic rows in neighbourhoods of real rows and the other way round",
		Source:  "T. Kynkäänniemi et al. (2019), NeurIPS 32 (precision, recall); M. F. Naeem et al. (2020), Proc. ICML, 7176–7185 (density, coverage)",
		Schema: `// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"
// the neighbour whose distance is the radius of the neighbourhood of a row: the 5th unless set
k?: int & >=1 & <=1000`,
		Family: plugins.Joint,
		Cost:   plugins.PerRowPair,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Uses:   []plugins.Use{compare.Use(), {Name: "encode", Version: encode.Version}, {Name: "neighbour", Version: neighbour.Version}},
		Scores: plugins.Agree(plugins.Ties(), []plugins.ScoreInfo{
			{Name: "precision", Summary: "share of synthetic rows within the neighbourhood of a real row", Min: 0, Max: 1, Better: plugins.Higher},
			{Name: "recall", Summary: "share of real rows within the neighbourhood of a synthetic row", Min: 0, Max: 1, Better: plugins.Higher},
			{Name: "density", Summary: "neighbourhoods of real rows that a synthetic row lies in, by k, on average; about 1 when both sides have one distribution", Min: 0, Max: math.Inf(1), Better: plugins.Higher},
			{Name: "coverage", Summary: "share of real rows whose neighbourhood holds a synthetic row", Min: 0, Max: 1, Better: plugins.Higher},
		}),
		Need: func(size plugins.Size) plugins.Need {
			out := compare.Need(5)(size)
			out.Threads = int(min(max((size.Rows+size.N)/1000, 1), 8))
			return out
		},
	}, defaults(), New)
}

type metric struct {
	compare.OnePart
	config Config
}

// New returns the metric. It is an error when K is below 1, or Part is another part.
func New(c Config) (plugins.Metric, error) {
	if c.K < 1 {
		return nil, fmt.Errorf("k is %d; want at least 1", c.K)
	}
	return metric{compare.OnePart(c.Part), c}, compare.CheckPart(c.Part)
}

// Measure compares all columns, the target included, by Euclidean distance in the standard encoding of both sides. The neighbourhood of a
// row is the open ball that reaches to its k-th nearest row of its own side, itself left out; a row with k copies has an empty one. N is
// the number of rows that a score is a share of.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := compare.New(pair, m.config.Part)
	if err != nil {
		return nil, err
	}
	reason := s.Lacks(1)
	if reason == "" && min(s.Real.Rows(), s.Synthetic.Rows()) <= m.config.K {
		reason = fmt.Sprintf("a side has no more than %d rows: they have no %d neighbours", m.config.K, m.config.K)
	}
	if reason != "" {
		out := &plugins.Measurement{}
		for _, name := range []string{"precision", "recall", "density", "coverage"} {
			out.Scores = append(out.Scores, compare.Undefined(name, reason))
		}
		return out, nil
	}
	scores, err := m.scores(ctx, env, s)
	return &plugins.Measurement{Scores: scores}, err
}

// scores counts the rows of one side in the neighbourhoods of the other.
func (m metric) scores(ctx context.Context, env plugins.Env, s *compare.Sides) ([]plugins.Score, error) {
	real, synthetic, err := points(s)
	if err != nil {
		return nil, err
	}
	own := neighbour.Search{K: m.config.K, Self: true, Threads: env.Threads}
	ofReal, err := own.Nearest(ctx, real, real)
	if err != nil {
		return nil, err
	}
	ofSynthetic, err := own.Nearest(ctx, synthetic, synthetic)
	if err != nil {
		return nil, err
	}
	radius := ofReal.Distances(m.config.K)
	in, err := own.Inside(ctx, synthetic, real, radius) // neighbourhoods of real rows that a synthetic row lies in
	if err != nil {
		return nil, err
	}
	held, err := own.Inside(ctx, real, synthetic, ofSynthetic.Distances(m.config.K))
	if err != nil {
		return nil, err
	}
	across, err := neighbour.Search{K: 1, Threads: env.Threads}.Nearest(ctx, real, synthetic)
	if err != nil {
		return nil, err
	}
	holding := 0
	for i, d := range across.Distances(1) {
		if d < radius[i] {
			holding++
		}
	}
	precise, total := 0, 0
	for _, n := range in {
		precise += int(min(n, 1))
		total += int(n)
	}
	recalled := 0
	for _, n := range held {
		recalled += int(min(n, 1))
	}
	share := func(name string, n, of int) plugins.Score {
		return plugins.Score{Name: name, Value: float64(n) / float64(of), N: of, Status: plugins.OK, Warnings: m.config.variant()}
	}
	density := share("density", total, synthetic.Rows())
	density.Value /= float64(m.config.K)
	return []plugins.Score{
		share("precision", precise, synthetic.Rows()), share("recall", recalled, real.Rows()), density, share("coverage", holding, real.Rows()),
	}, nil
}

// points places the rows of both sides.
func points(s *compare.Sides) (real, synthetic *neighbour.Points, err error) {
	space, err := neighbour.NewEuclidean(s.Real, s.Synthetic)
	if err != nil {
		return nil, nil, err
	}
	if real, err = space.Points(s.Real); err != nil {
		return nil, nil, err
	}
	synthetic, err = space.Points(s.Synthetic)
	return real, synthetic, err
}

// variant warns of settings that differ from the defaults.
func (c Config) variant() []string {
	if usual := defaults().K; c.K != usual {
		return []string{fmt.Sprintf("variant: k is %d instead of %d", c.K, usual)}
	}
	return nil
}
