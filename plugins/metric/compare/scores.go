package compare

import (
	"context"
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// Undefined returns a score without a value.
func Undefined(name, reason string) plugins.Score {
	return plugins.Score{Name: name, Status: plugins.Undefined, Reason: reason}
}

// Columns measures each named column and adds the mean over them: what a metric of single columns returns.
//
// measure returns the value of a column that has at least one value on both sides; other columns are undefined.
// It is called from several goroutines. Each column gets a score of the given name with the dimension "column",
// whose N is the values of both sides that it rests on; then comes the score "mean", whose N is the columns it
// averages. Its warnings are the Caveats: undefined columns are left out of it. note, if any, warns at every score.
func (s *Sides) Columns(ctx context.Context, env plugins.Env, score, note string, names []string, measure func(column string) float64) (*plugins.Measurement, error) {
	scores := make([]plugins.Score, len(names), len(names)+1)
	err := parallel.For(ctx, env.Threads, len(names), func(i int) error {
		scores[i] = s.column(score, names[i], measure)
		return nil
	})
	if err != nil {
		return nil, err
	}
	empty, average := s.empty(names), mean(scores)
	average.Warnings = s.Caveats(empty, names)
	scores = append(scores, average)
	if note != "" {
		for i := range scores {
			scores[i].Warnings = append([]string{note}, scores[i].Warnings...)
		}
	}
	return &plugins.Measurement{Scores: scores, Counts: append(s.counts(names), empty.Counts()...)}, nil
}

func (s *Sides) column(score, name string, measure func(string) float64) plugins.Score {
	real, synthetic := s.Real.Rows(), s.Synthetic.Rows()
	lostReal, lostSynthetic := s.Real.Column(name).MissingCount(), s.Synthetic.Column(name).MissingCount()
	out := plugins.Score{Name: score, Dims: map[string]string{"column": name}, N: real - lostReal + synthetic - lostSynthetic}
	switch {
	case real == lostReal:
		out.Status, out.Reason = plugins.Undefined, fmt.Sprintf("no %s row has a value in this column", s.Part)
	case synthetic == lostSynthetic:
		out.Status, out.Reason = plugins.Undefined, "no synthetic row has a value in this column"
	default:
		out.Status, out.Value = plugins.OK, measure(name)
	}
	if lostReal+lostSynthetic > 0 {
		out.Warnings = []string{fmt.Sprintf("missing values left out: %s of the %s rows, %s of the synthetic rows",
			percent(lostReal, real), s.Part, percent(lostSynthetic, synthetic))}
	}
	return out
}

func percent(part, whole int) string {
	if whole == 0 {
		return "0 %" // of no rows
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(whole))
}

// mean averages the scores that are defined, in their order.
func mean(scores []plugins.Score) plugins.Score {
	out := plugins.Score{Name: "mean", Status: plugins.OK}
	sum := 0.0
	for _, s := range scores {
		if s.Status == plugins.OK {
			sum += s.Value
			out.N++
		}
	}
	switch {
	case len(scores) == 0:
		return Undefined("mean", "there is no column of the kind that this metric compares")
	case out.N == 0:
		return Undefined("mean", "no column has a defined value")
	}
	out.Value = sum / float64(out.N)
	return out
}

// counts is the account of values of the named columns, by side.
func (s *Sides) counts(names []string) []plugins.Count {
	var out []plugins.Count
	for _, side := range []plugins.Part{s.Part, Synthetic} {
		f, missing := s.Frame(side), 0
		for _, n := range names {
			missing += f.Column(n).MissingCount()
		}
		dims := map[string]string{"side": string(side)}
		out = append(out,
			plugins.Count{Name: "values compared", Dims: dims, Value: f.Rows()*len(names) - missing},
			plugins.Count{Name: "values left out: missing", Dims: dims, Value: missing})
	}
	return out
}
