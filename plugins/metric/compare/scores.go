package compare

import (
	"context"
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// Undefined returns a score without a value.
func Undefined(name, reason string) plugins.Score {
	return plugins.Score{Name: name, Status: plugins.Undefined, Reason: reason}
}

// Value is a number, or the reason why there is none.
type Value struct {
	Number float64
	Reason string       // empty: Number is the value
	Side   plugins.Part // of what has no value: Synthetic where the real rows alone would have one, else the real part
	N      int          // what the number rests on; 0: the values of the column on both sides
}

// Known returns a Value that is a number.
func Known(x float64) Value { return Value{Number: x} }

// None returns a Value that there is none of, because of a side.
func None(side plugins.Part, reason string) Value { return Value{Reason: reason, Side: side} }

// Filled returns whether a column has a value on both sides, and if not, why what rests on values is undefined.
func (s *Sides) Filled(column string) (Value, bool) {
	switch {
	case s.Missing(s.Part, column) == s.Real.Rows():
		return None(s.Part, fmt.Sprintf("no %s row has a value in this column", s.Part)), false
	case s.Missing(Synthetic, column) == s.Synthetic.Rows():
		return None(Synthetic, "no synthetic row has a value in this column"), false
	}
	return Value{}, true
}

// Quantity is one number for each column, with its mean over the columns.
type Quantity struct {
	Name     string // of the scores of columns, which have the dimension "column"
	Mean     string // name of the mean; empty for none
	Absolute bool   // the mean is of the magnitudes
	Missing  bool   // it sees missing values: that they are left out is no caveat
}

// Columns measures each named column and adds the mean over them: what a metric of single columns returns.
//
// measure returns the value of a column that has at least one value on both sides; other columns are undefined.
// It is called from several goroutines. Each column gets a score of the given name with the dimension "column",
// whose N is the values of both sides that it rests on; then comes the score "mean", whose N is the columns it
// averages. Its warnings are the Caveats: undefined columns are left out of it. note, if any, warns at every score.
func (s *Sides) Columns(ctx context.Context, env plugins.Env, score, note string, names []string, measure func(column string) float64) (*plugins.Measurement, error) {
	return s.Quantities(ctx, env, note, names, []Quantity{{Name: score, Mean: "mean"}}, func(column string) []Value {
		if none, ok := s.Filled(column); !ok {
			return []Value{none}
		}
		return []Value{Known(measure(column))}
	})
}

// Quantities is Columns for several numbers of each column: measure returns as many values as there are quantities, for any
// column. The scores of the first quantity come first, in the order of columns; the means come last.
func (s *Sides) Quantities(ctx context.Context, env plugins.Env, note string, names []string, quantities []Quantity, measure func(column string) []Value) (*plugins.Measurement, error) {
	values := make([][]Value, len(names))
	err := parallel.For(ctx, env.Threads, len(names), func(i int) error {
		values[i] = measure(names[i])
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &plugins.Measurement{Counts: s.counts(names)}
	var means []plugins.Score
	for q, quantity := range quantities {
		left := LeftOut{What: "columns", All: len(names)}
		scores := make([]plugins.Score, len(names))
		for i, name := range names {
			scores[i] = s.score(quantity, name, values[i][q])
			left.add(values[i][q])
		}
		out.Scores = append(out.Scores, scores...)
		counts := left.Counts()
		if len(quantities) > 1 {
			for i := range counts {
				counts[i].Dims = map[string]string{"score": quantity.Name}
			}
		}
		out.Counts = append(out.Counts, counts...)
		if quantity.Mean != "" {
			means = append(means, s.mean(quantity, scores, left, names))
		}
	}
	out.Scores = append(out.Scores, means...)
	if note != "" {
		for i := range out.Scores {
			out.Scores[i].Warnings = append([]string{note}, out.Scores[i].Warnings...)
		}
	}
	return out, nil
}

// beyond is why a number that came out infinite is none.
const beyond = "the values are too great for a 64-bit number to hold what is computed of them"

// score makes the score of a column.
func (s *Sides) score(quantity Quantity, column string, v Value) plugins.Score {
	lostReal, lostSynthetic := s.Missing(s.Part, column), s.Missing(Synthetic, column)
	out := plugins.Score{Name: quantity.Name, Dims: map[string]string{"column": column}, N: v.N, Status: plugins.OK, Value: v.Number}
	if out.N == 0 {
		out.N = s.Real.Rows() - lostReal + s.Synthetic.Rows() - lostSynthetic
	}
	if math.IsNaN(v.Number) || math.IsInf(v.Number, 0) {
		v.Reason = beyond
	}
	if v.Reason != "" {
		out.Status, out.Reason, out.Value = plugins.Undefined, v.Reason, 0
	}
	if lostReal+lostSynthetic > 0 && !quantity.Missing {
		out.Warnings = []string{fmt.Sprintf("missing values left out: %s of the %s rows, %s of the synthetic rows",
			percent(lostReal, s.Real.Rows()), s.Part, percent(lostSynthetic, s.Synthetic.Rows()))}
	}
	return out
}

func percent(part, whole int) string {
	if whole == 0 {
		return "0 %" // of no rows
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(whole))
}

// mean averages the scores that are defined, in their order, with the caveats of what is left out.
func (s *Sides) mean(quantity Quantity, scores []plugins.Score, left LeftOut, names []string) plugins.Score {
	out := plugins.Score{Name: quantity.Mean, Status: plugins.OK}
	sum := 0.0
	for _, s := range scores {
		if s.Status != plugins.OK {
			continue
		}
		if out.N++; quantity.Absolute {
			s.Value = math.Abs(s.Value)
		}
		sum += s.Value
	}
	switch out.Value = sum / float64(max(out.N, 1)); {
	case len(scores) == 0:
		out = Undefined(quantity.Mean, "there is no column of the kind that this metric compares")
	case out.N == 0:
		out = Undefined(quantity.Mean, "no column has a defined value")
	case math.IsInf(out.Value, 0):
		out = Undefined(quantity.Mean, beyond)
	}
	out.Warnings = left.warnings(s.Part)
	if w := s.missingness(names); w != "" && !quantity.Missing {
		out.Warnings = append(out.Warnings, w)
	}
	return out
}

// counts is the account of values of the named columns, by side.
func (s *Sides) counts(names []string) []plugins.Count {
	var out []plugins.Count
	for _, side := range []plugins.Part{s.Part, Synthetic} {
		missing := 0
		for _, n := range names {
			missing += s.Missing(side, n)
		}
		dims := map[string]string{"side": string(side)}
		out = append(out,
			plugins.Count{Name: "values compared", Dims: dims, Value: s.Frame(side).Rows()*len(names) - missing},
			plugins.Count{Name: "values left out: missing", Dims: dims, Value: missing})
	}
	return out
}

// missingKey is the key of Missing: of one side.
type missingKey struct{}

// Missing returns how many rows of a side have no value in a column.
func (s *Sides) Missing(side plugins.Part, column string) int {
	counts := must(Prepare(s, side, missingKey{}, func() (map[string]int, error) {
		counts := map[string]int{}
		for _, c := range s.Frame(side).Columns() {
			counts[c.Name] = missing(c)
		}
		return counts, nil
	}))
	return counts[column]
}

// missing is MissingCount in a loop of its own for each kind: it is the first thing that every metric asks.
func missing(c *frame.Column) int {
	n := 0
	for _, v := range c.Numbers {
		if v != v {
			n++
		}
	}
	for _, code := range c.Codes {
		if code == frame.Missing {
			n++
		}
	}
	return n
}
