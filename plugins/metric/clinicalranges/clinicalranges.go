// Package clinicalranges scores how many synthetic values lie outside what a column can hold whatever the patients at hand have,
// beside how many real ones do.
package clinicalranges

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/icu"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// Range is what a number column can hold, both ends included.
type Range struct {
	Min *float64 `json:"min,omitempty"` // nil: no least value
	Max *float64 `json:"max,omitempty"` // nil: no greatest value
}

// Config is the metric's "with" block.
//
// A column has the limits of Ranges or, if it has none there, those that the data set declares or, if it has none there either,
// those of Standard.
type Config struct {
	Part     plugins.Part     `json:"part"`             // the real rows to set beside: test, or train
	Ranges   map[string]Range `json:"ranges,omitempty"` // by column
	Standard bool             `json:"standard"`         // limits of the vital signs and laboratory values that plugins/icu names, see Standard
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	share := func(name, summary string, better plugins.Direction, dims ...string) plugins.ScoreInfo {
		return plugins.ScoreInfo{Name: name, Summary: summary, Min: 0, Max: 1, Better: better, Dims: dims}
	}
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "clinical-ranges",
		Version: 2,
		Summary: "share of synthetic values outside the limits of their column, beside that of real values",
		Source: "standard limits: S. Wang et al. (2020), MIMIC-Extract, Proc. ACM CHIL, 222–235, after H. Harutyunyan et al. (2019), Sci. Data 6, 96; " +
			"plausibility as a quality of data: M. G. Kahn et al. (2016), eGEMs 4(1), 1244",
		Schema: `// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"
// by column, both ends included; they come before the limits of the data set
ranges?: {[string]: {min?: number, max?: number}}
// true unless set: limits of the vital signs and laboratory values of the ICU matrix where nothing else limits them
standard?: bool`,
		Family: plugins.Marginals,
		Cost:   plugins.PerColumn,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Limits: true,
		Uses:   []plugins.Use{compare.Use(), {Name: "icu", Version: icu.Version}},
		Scores: []plugins.ScoreInfo{
			share("outside_limits", "share of the synthetic values of a column that lie outside its limits", plugins.Lower, "column"),
			share("outside_limits_real", "share of the real values of a column that lie outside its limits; above 1 % the limits are doubtful", plugins.Neutral, "column"),
			share("overall_outside_limits", "share of the synthetic values of all columns with limits that lie outside them", plugins.Lower),
			share("overall_outside_limits_real", "share of the real values of all columns with limits that lie outside them", plugins.Neutral),
			share("rows_outside_limits", "share of the synthetic rows with a value outside the limits of its column", plugins.Lower),
			share("rows_outside_limits_real", "share of the real rows with a value outside the limits of its column", plugins.Neutral),
		},
	}, Config{Part: plugins.Test, Standard: true}, New)
}

type metric struct {
	compare.OnePart
	config Config
}

// New returns the metric. It is an error when Part is another part, or a range has no end or no value between its ends.
func New(c Config) (plugins.Metric, error) {
	for _, name := range slices.Sorted(maps.Keys(c.Ranges)) {
		switch r := c.Ranges[name]; {
		case r.Min == nil && r.Max == nil:
			return nil, fmt.Errorf("ranges of column %q says nothing; give min, max or both", name)
		case r.Min != nil && r.Max != nil && *r.Min >= *r.Max:
			return nil, fmt.Errorf("ranges of column %q: min is %v and max is %v; min must be less", name, *r.Min, *r.Max)
		}
	}
	return metric{compare.OnePart(c.Part), c}, compare.CheckPart(c.Part)
}

// doubtful is the share of real values outside a limit above which the limit, or the unit, is the more likely mistake: what
// is impossible is recorded by error only, and far fewer measurements than one in a hundred are such errors.
const doubtful = 0.01

// Measure counts the values outside the limits of every column that has some. Missing values are no values. A range for a
// column that these rows lack, or of the other kind, is undefined.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := compare.New(pair, m.config.Part)
	if err != nil {
		return nil, err
	}
	limited := m.config.limits(s, pair.Limits)
	sides := []*side{newSide(s, s.Part), newSide(s, compare.Synthetic)}
	for _, side := range sides {
		err := parallel.For(ctx, env.Threads, side.pieces(), func(i int) error {
			side.count(i, limited)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	trials := [2]compare.Trials{
		compare.NewTrials("synthetic", nil, s.Synthetic.Rows()),
		compare.NewTrials(string(s.Part), pair.Parts.Get(s.Part).Subject, s.Real.Rows()),
	}
	return report(sides[0].total(limited), sides[1].total(limited), limited, s.Part, trials), nil
}
