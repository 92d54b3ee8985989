// Package kl scores the Kullback–Leibler divergence of real from synthetic columns.
package kl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

// Config is the metric's "with" block.
//
// Other values than the defaults of all but Part give a variant that compares with no published value of the default; every
// score of it says so. Settings that came later are left out of the JSON where they say what is the default.
type Config struct {
	Part      plugins.Part `json:"part"`              // the real rows to compare with: test, or train, which rewards copying
	Bins      int          `json:"bins"`              // equal bins of a number column, ≥ 2
	Range     string       `json:"range,omitempty"`   // what the bins are over: realRange (also ""), or sharedRange
	Smoothing float64      `json:"smoothing"`         // pseudo-count of each cell on both sides, > 0; 0 with Epsilon
	Epsilon   float64      `json:"epsilon,omitempty"` // added to the share of each cell on both sides, > 0; 0 with Smoothing
	Columns   string       `json:"columns,omitempty"` // compare.AllColumns (also ""), or compare.Continuous
}

// What bins are over.
const (
	realRange   = "real"
	sharedRange = "shared"
)

func defaults() Config { return Config{Part: plugins.Test, Bins: compare.TenBins, Smoothing: 1} }

// UnmarshalJSON reads settings over those that c has; Epsilon takes the place of a Smoothing that is not given. It is an error to
// give both.
func (c *Config) UnmarshalJSON(raw []byte) error {
	type plain Config
	out := *c
	given := struct {
		*plain
		Smoothing *float64 `json:"smoothing"`
	}{plain: (*plain)(&out)}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&given); err != nil {
		return err
	}
	switch {
	case given.Smoothing != nil:
		out.Smoothing = *given.Smoothing
	case out.Epsilon != 0:
		out.Smoothing = 0
	}
	if out.Smoothing != 0 && out.Epsilon != 0 {
		return errBoth
	}
	if out.Range == realRange { // what is the default has one key, written or not
		out.Range = ""
	}
	if out.Columns == compare.AllColumns {
		out.Columns = ""
	}
	*c = out
	return nil
}

var errBoth = errors.New("smoothing and epsilon are both set, and each fills the empty cells; want one of them")

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "kl",
		Version: 1,
		Summary: "Kullback–Leibler divergence of each column: ten bins or the levels, add-one smoothing, nats",
		Source:  "S. Kullback, R. A. Leibler (1951), Ann. Math. Stat. 22(1), 79–86",
		Schema: `// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"
// equal bins of a number column: 10 unless set
bins?: int & >=2 & <=1000
// what they are over. "real" unless set: the range of the real rows, the outer bins holding what lies beyond it; "shared": the range of both
// sides, which one far value of either makes wide
range?: "real" | "shared"
// rows that are added to each bin or level on both sides: 1 unless set
smoothing?: number & >0 & <=1000
// in the place of smoothing: added to the share of each bin or level on both sides, after which the shares are scaled to a sum of 1. An
// empty synthetic cell then costs p ln(p/epsilon), so that the value hangs on it. Lin 2025 (arXiv 2504.14657) does not say how it
// estimates; a reproduction (GitHub mohsinposts/CS598-DLH-LLM-eICU) has bins: 20, range: "shared", epsilon: 1e-8
epsilon?: number & >0 & <=1
// "all" unless set; "continuous": number columns with more than two distinct values in the real rows, and no others
columns?: "all" | "continuous"`,
		Family: plugins.Marginals,
		Cost:   plugins.PerColumn,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Uses:   []plugins.Use{compare.Use()},
		Need:   compare.Need(1),
		Scores: []plugins.ScoreInfo{
			{Name: "kl_divergence", Summary: "Σ p ln(p/q) of a column, p real and q synthetic, missing values left out, in nats", Min: 0, Max: math.Inf(1), Better: plugins.Lower, Dims: []string{"column"}},
			{Name: "mean", Summary: "mean kl_divergence over the columns, in nats", Min: 0, Max: math.Inf(1), Better: plugins.Lower},
		},
	}, defaults(), New)
}

type metric struct {
	compare.OnePart
	config Config
}

// New returns the metric. It is an error when a number lies outside its bounds, Smoothing and Epsilon are both set, or a text is
// none of those that Config names.
func New(c Config) (plugins.Metric, error) {
	if err := compare.CheckPart(c.Part); err != nil {
		return nil, err
	}
	if err := compare.CheckBins(c.Bins); err != nil {
		return nil, err
	}
	if c.Range == "" {
		c.Range = realRange
	}
	if c.Range != realRange && c.Range != sharedRange {
		return nil, fmt.Errorf("range is %q; want %q or %q", c.Range, realRange, sharedRange)
	}
	if c.Columns == "" {
		c.Columns = compare.AllColumns
	}
	if err := compare.CheckColumns(c.Columns); err != nil {
		return nil, err
	}
	switch above := func(v float64) bool { return v > 0 && !math.IsInf(v, 0) }; {
	case c.Epsilon == 0 && !above(c.Smoothing):
		return nil, fmt.Errorf("smoothing is %v; want a number above 0, so that an empty cell keeps the divergence finite", c.Smoothing)
	case c.Epsilon != 0 && !above(c.Epsilon):
		return nil, fmt.Errorf("epsilon is %v; want a number above 0", c.Epsilon)
	case c.Epsilon != 0 && c.Smoothing != 0:
		return nil, errBoth
	}
	return metric{compare.OnePart(c.Part), c}, nil
}

// Measure scores every column that the settings name, the target included.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := compare.New(pair, m.config.Part)
	if err != nil {
		return nil, err
	}
	names := s.Names(frame.Number, frame.Category)
	if m.config.Columns == compare.Continuous {
		names = s.Continuous()
	}
	return s.Columns(ctx, env, "kl_divergence", m.config.variant(), names, func(column string) float64 {
		return m.config.divergence(m.config.cells(s, column))
	})
}

// cells counts a column by its levels or bins.
func (c Config) cells(s *compare.Sides, column string) *compare.Table {
	if c.Range == sharedRange && s.Real.Column(column).Kind == frame.Number {
		return s.SharedBins(column, c.Bins)
	}
	return s.Cells(column, c.Bins)
}

// variant says what differs from the defaults, or nothing.
func (c Config) variant() string {
	var differs []string
	if usual := defaults().Bins; c.Bins != usual {
		differs = append(differs, fmt.Sprintf("%d bins instead of %d", c.Bins, usual))
	}
	if c.Range == sharedRange {
		differs = append(differs, "bins over the range of both sides")
	}
	switch usual := defaults().Smoothing; {
	case c.Epsilon != 0:
		differs = append(differs, fmt.Sprintf("epsilon %v instead of smoothing %v", c.Epsilon, usual))
	case c.Smoothing != usual:
		differs = append(differs, fmt.Sprintf("smoothing %v instead of %v", c.Smoothing, usual))
	}
	if c.Columns == compare.Continuous {
		differs = append(differs, "continuous columns alone")
	}
	if differs == nil {
		return ""
	}
	return "variant: " + strings.Join(differs, ", ")
}

// divergence returns Σ p ln(p/q) over the cells. On each side of N rows in K cells, the share of one with n rows is
// (n+smoothing)/(N+smoothing·K), or (n/N+epsilon)/(1+epsilon·K). It lies in [0,∞); 0 when the shares are equal.
func (c Config) divergence(t *compare.Table) float64 {
	moreReal, moreSynthetic := c.more(t.RealN), c.more(t.SyntheticN)
	allReal, allSynthetic := moreReal*float64(len(t.Real)), moreSynthetic*float64(len(t.Real))
	real, synthetic := float64(t.RealN)+allReal, float64(t.SyntheticN)+allSynthetic
	sum := 0.0
	for k := range t.Real {
		p, q := (float64(t.Real[k])+moreReal)/real, (float64(t.Synthetic[k])+moreSynthetic)/synthetic
		sum += p * math.Log(p/q)
	}
	return max(0, sum) // rounding may leave less than 0
}

// more is how many rows are added to each cell of a side of so many rows.
func (c Config) more(rows int) float64 {
	if c.Epsilon != 0 {
		return c.Epsilon * float64(rows)
	}
	return c.Smoothing
}
