// Package memorisation counts how many of the rows that a generator was shown come back from it.
//
// A prompt of examples holds rows of real patients. Rows that were never shown say how often a synthetic row is like a
// real one without having it before its eyes.
package memorisation

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/attack"
	"github.com/ehrlab/ehrlab/plugins/parallel"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Config is the metric's "with" block.
type Config struct {
	Tolerance float64 `json:"tolerance"` // numbers agree that differ by no more than this share of the real one, ≥ 0
	Agree     float64 `json:"agree"`     // share of the columns that have to agree in a row that nearly comes back, in (0,1]
	Level     float64 `json:"level"`     // coverage of the intervals, in (0,1)
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	attack.Add(r, plugins.Info{
		Name:    "memorisation",
		Version: 2,
		Summary: "share of the rows shown in prompts that come back exactly or nearly, against rows never shown",
		Source:  "R. G. Newcombe (1998), Stat. Med. 17(8), 873–890 (interval); R. A. Fisher (1935), J. R. Stat. Soc. 98(1), 39–82 (test)",
		Schema: `// by how much numbers that agree may differ, as a share of the real one; 0.01 unless set
tolerance?: number & >=0
// of rows that nearly come back: share of the columns that agree; 0.9 unless set
agree?: number & >0 & <=1
// coverage of the intervals
level?: number & >0 & <1`,
		Cost:   plugins.PerRowPair,
		Uses:   []plugins.Use{{Name: "stats", Version: stats.Version}},
		Scores: scores,
	}, Config{Tolerance: 0.01, Agree: 0.9, Level: 0.95}, New)
}

var scores = []plugins.ScoreInfo{
	{Name: "returned", Summary: "share of real rows that a synthetic row equals (how: exactly), or agrees with in nearly all columns (how: nearly)", Min: 0, Max: 1, Better: plugins.Lower, Dims: []string{"how", "rows"}},
	{Name: "returned_excess", Summary: "how much greater that share is for rows that were shown than for test rows, which were not", Min: -1, Max: 1, Better: plugins.Lower, Ideal: new(0.0), Dims: []string{"how"}},
	{Name: "returned_p", Summary: "two-sided p-value of Fisher's exact test that the shares are equal", Min: 0, Max: 1, Better: plugins.Neutral, Dims: []string{"how"}, NoInterval: plugins.OfATest},
}

var (
	hows  = []string{"exactly", "nearly"}
	sides = []string{"shown", "never shown"}
)

type metric struct{ config Config }

// New returns the metric. It is an error when a setting is out of range.
func New(c Config) (plugins.Metric, error) {
	switch {
	case !(c.Tolerance >= 0) || math.IsInf(c.Tolerance, 0):
		return nil, fmt.Errorf("tolerance is %v; want a share of at least 0", c.Tolerance)
	case !(c.Agree > 0 && c.Agree <= 1):
		return nil, fmt.Errorf("agree is %v; want a share above 0, at most 1", c.Agree)
	}
	return metric{c}, attack.CheckLevel(c.Level)
}

// unknown says why the shown rows cannot be told from others, or is empty. They may be all of train: those that were never shown are
// rows of test.
func unknown(pair *plugins.Pair) string {
	switch {
	case pair.Exposed == nil:
		return "the strategy names no rows that it was shown: it may have seen all of train"
	case len(pair.Exposed) == 0:
		return "no row was shown"
	case pair.Synthetic.Rows() == 0:
		return "there are no synthetic rows"
	case len(pair.Synthetic.Columns()) == 0:
		return "there are no columns"
	}
	return ""
}

// Measure compares the shown rows with as many of test, from the same sites.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	train, test := pair.Parts.Get(plugins.Train).Frame, pair.Parts.Get(plugins.Test).Frame
	if err := attack.Same(train, pair.Synthetic); err != nil {
		return nil, err
	}
	if reason := unknown(pair); reason != "" {
		return &plugins.Measurement{Scores: undefined(reason)}, nil
	}
	roster := attack.Named(pair, attack.Exposed, attack.Source(env))
	out := &plugins.Measurement{Counts: roster.Counts}
	if reason := roster.Lacks(); reason != "" {
		out.Scores = undefined(reason)
		return out, nil
	}
	var found [2][2]int // side, how
	var rows [2]int
	for k, real := range []*frame.Frame{train.Take(roster.Members), test.Take(roster.Others)} {
		rows[k] = real.Rows()
		var err error
		if found[k], err = Returned(ctx, env.Threads, real, pair.Synthetic, m.config.Tolerance, m.config.Agree); err != nil {
			return nil, err
		}
	}
	warnings := slices.Concat(roster.Warnings, roster.Dependent())
	for h, how := range hows {
		scored, err := m.rate(how, found[0][h], rows[0], found[1][h], rows[1], warnings)
		if err != nil {
			return nil, err
		}
		out.Scores = append(out.Scores, scored...)
	}
	return out, nil
}

func undefined(reason string) []plugins.Score {
	var out []plugins.Score
	for _, how := range hows {
		for _, side := range sides {
			out = append(out, plugins.Score{Name: "returned", Dims: map[string]string{"how": how, "rows": side}, Status: plugins.Undefined, Reason: reason})
		}
		for _, name := range []string{"returned_excess", "returned_p"} {
			out = append(out, plugins.Score{Name: name, Dims: map[string]string{"how": how}, Status: plugins.Undefined, Reason: reason})
		}
	}
	return out
}

// rate returns the scores of k of n shown rows and of k2 of n2 others that came back.
func (m metric) rate(how string, k, n, k2, n2 int, warnings []string) ([]plugins.Score, error) {
	level := m.config.Level
	interval := func(low, high float64, unit, method string) *plugins.Interval {
		return &plugins.Interval{Low: low, High: high, Level: level, Unit: unit, Method: method}
	}
	var out []plugins.Score
	for i, c := range [][2]int{{k, n}, {k2, n2}} {
		low, high, err := stats.Wilson(c[0], c[1], level)
		if err != nil {
			return nil, err
		}
		out = append(out, plugins.Score{
			Name: "returned", Dims: map[string]string{"how": how, "rows": sides[i]}, Value: float64(c[0]) / float64(c[1]), N: c[1],
			Interval: interval(low, high, "rows", "Wilson"), Status: plugins.OK, Warnings: warnings,
		})
	}
	low, high, err := stats.Newcombe(k, n, k2, n2, level)
	if err != nil {
		return nil, err
	}
	p, err := stats.FisherExact(k, n, k2, n2)
	if err != nil {
		return nil, err
	}
	dims := map[string]string{"how": how}
	return append(out,
		plugins.Score{
			Name: "returned_excess", Dims: dims, Value: float64(k)/float64(n) - float64(k2)/float64(n2), N: n + n2,
			Interval: interval(low, high, "rows", "Newcombe's hybrid score"), Status: plugins.OK, Warnings: warnings,
		},
		plugins.Score{Name: "returned_p", Dims: dims, Value: p, N: n + n2, Status: plugins.OK, Warnings: warnings}), nil
}

// Returned counts the real rows that a synthetic row equals in every column, and those that one agrees with in at least
// the share agree of the columns. Equal are equal numbers and levels, and missing values; numbers agree when they differ by no more than
// tolerance times the real one.
func Returned(ctx context.Context, threads int, real, synthetic *frame.Frame, tolerance, agree float64) (counts [2]int, err error) {
	c := newComparison(real, synthetic, tolerance, agree)
	returned := make([][2]bool, real.Rows())
	err = parallel.For(ctx, threads, real.Rows(), func(i int) error {
		returned[i] = c.row(i)
		return nil
	})
	for _, r := range returned {
		for h, yes := range r {
			if yes {
				counts[h]++
			}
		}
	}
	return counts, err
}

// comparison holds rows of both frames as numbers; levels are coded alike, and a missing value is NaN.
type comparison struct {
	columns         int
	number          []bool
	real, synthetic []float64
	tolerance       float64
	most            int // columns that may disagree
}

func newComparison(real, synthetic *frame.Frame, tolerance, agree float64) *comparison {
	columns := real.Columns()
	c := &comparison{columns: len(columns), number: make([]bool, len(columns)), tolerance: tolerance}
	// as few as the share leaves; a millionth of a column is rounding
	c.most = len(columns) - int(math.Ceil(agree*float64(len(columns))-1e-6))
	c.real, c.synthetic = make([]float64, len(columns)*real.Rows()), make([]float64, len(columns)*synthetic.Rows())
	for j, column := range columns {
		c.number[j] = column.Kind == frame.Number
		codes := map[string]float64{}
		for k, side := range []*frame.Column{column, synthetic.Column(column.Name)} {
			into := [][]float64{c.real, c.synthetic}[k]
			for i := range side.Len() {
				into[i*len(columns)+j] = coded(side, i, codes)
			}
		}
	}
	return c
}

func coded(c *frame.Column, row int, codes map[string]float64) float64 {
	if c.Kind == frame.Number {
		return c.Numbers[row]
	}
	if c.IsMissing(row) {
		return math.NaN()
	}
	level := c.Levels[c.Codes[row]]
	code, ok := codes[level]
	if !ok {
		code = float64(len(codes))
		codes[level] = code
	}
	return code
}

// row reports whether a real row comes back exactly, and whether it does nearly.
func (c *comparison) row(i int) (out [2]bool) {
	real := c.real[i*c.columns : (i+1)*c.columns]
	for at := 0; at < len(c.synthetic) && !out[0]; at += c.columns {
		exactly, off := true, 0
		for j, x := range real {
			y := c.synthetic[at+j]
			if x == y || (x != x && y != y) {
				continue
			}
			exactly = false
			if c.number[j] && math.Abs(x-y) <= c.tolerance*math.Abs(x) {
				continue
			}
			if off++; off > c.most {
				break
			}
		}
		out[0] = out[0] || exactly
		out[1] = out[1] || off <= c.most
	}
	return out
}
