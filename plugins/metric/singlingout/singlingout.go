// Package singlingout attacks synthetic rows as a source of predicates that are true of one patient alone.
//
// A predicate that is true of exactly one synthetic row is tried on the real ones, and singles a patient out where it is true of
// exactly one of them. Univariate predicates are those of rare values in one column; multivariate ones are conjunctions over
// several columns of a random synthetic row.
package singlingout

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/attack"
)

// Config is the metric's "with" block.
type Config struct {
	Columns []string `json:"columns,omitempty"` // that predicates are about; empty: all
	Attacks int      `json:"attacks"`           // multivariate predicates to try, ≥ 1
	Width   int      `json:"width"`             // columns of a multivariate predicate, ≥ 2; fewer when there are not so many
	Level   float64  `json:"level"`             // coverage of the intervals, in (0,1)
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	attack.Add(r, plugins.Info{
		Name:    "singling-out",
		Version: 2,
		Summary: "how often what is true of one synthetic row is true of exactly one patient",
		Source:  "M. Giomi et al. (2023), Proc. Priv. Enhancing Technol. 2023(2), 312–328, section 5.1; A. Cohen, K. Nissim (2020), PNAS 117(15), 8344–8352",
		Schema: `// what predicates are about; all columns unless set
columns?: [string, ...string] @column()
// predicates of several columns to try: 500 unless set
attacks?: int & >=1 & <=100000
// columns of such a predicate: 3 unless set
width?: int & >=2 & <=20
// coverage of the intervals: 0.95 unless set
level?: number & >0 & <1`,
		Cost:   plugins.PerColumn,
		Random: []plugins.Purpose{plugins.ForModel},
		Scores: scores,
	}, Config{Attacks: 500, Width: 3, Level: 0.95}, New)
}

var scores = attack.RateScores("", "predicates that single a patient out", "mode")

// The modes, as values of the dimension "mode".
const (
	Univariate   = "univariate"
	Multivariate = "multivariate"
)

type metric struct{ config Config }

// New returns the metric. It is an error when a setting is out of range.
func New(c Config) (plugins.Metric, error) {
	switch {
	case c.Attacks < 1:
		return nil, fmt.Errorf("attacks is %d; want at least 1", c.Attacks)
	case c.Width < 2:
		return nil, fmt.Errorf("width is %d; want at least 2", c.Width)
	}
	return metric{c}, attack.CheckLevel(c.Level)
}

// Measure tries the predicates on the exposed rows and on as many of test: how many rows there are decides how often one is alone.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	train, test := pair.Parts.Get(plugins.Train).Frame, pair.Parts.Get(plugins.Test).Frame
	if err := attack.Same(train, pair.Synthetic); err != nil {
		return nil, err
	}
	roster := attack.Named(pair, attack.Exposed, attack.Source(env))
	out := &plugins.Measurement{Counts: roster.Counts}
	modes := []string{Univariate, Multivariate}
	fail := func(reason string) (*plugins.Measurement, error) {
		for _, mode := range modes {
			out.Scores = append(out.Scores, attack.AllUndefined(scores, map[string]string{"mode": mode}, reason)...)
		}
		return out, nil
	}
	if reason := roster.Lacks(); reason != "" {
		return fail(reason)
	}
	columns := m.config.Columns
	if len(columns) == 0 {
		columns = train.Names()
	}
	sides := make([]*frame.Frame, 3)
	for k, f := range []*frame.Frame{train.Take(roster.Members), test.Take(roster.Others), pair.Synthetic} {
		var err error
		var reason attack.Undefined
		if sides[k], err = attack.Select(f, columns); errors.As(err, &reason) {
			return fail(string(reason))
		}
	}
	warnings := slices.Concat(roster.Warnings, roster.Dependent(), untried(pair, roster))
	for _, mode := range modes {
		dims := map[string]string{"mode": mode}
		guess := env.Rand.For(plugins.ForModel, "singling out", "guesses", mode)
		var queries []Query
		width := 1
		if mode == Univariate {
			queries = UnivariateQueries(sides[2])
		} else {
			var err error
			width = m.config.Width
			if queries, err = MultivariateQueries(ctx, env.Rand.For(plugins.ForModel, "singling out"), sides[2], m.config.Attacks, width); err != nil {
				return nil, err
			}
		}
		if len(queries) == 0 {
			out.Scores = append(out.Scores, attack.AllUndefined(scores, dims, "no predicate is true of exactly one synthetic row")...)
			continue
		}
		outcome := func(f *frame.Frame, queries []Query) (attack.Outcome, error) {
			found, err := Alone(ctx, env.Threads, f, queries)
			return attack.Outcome{Attacks: len(queries), Successes: float64(found)}, err
		}
		found, err := outcome(sides[0], queries)
		if err != nil {
			return nil, err
		}
		control, err := outcome(sides[1], queries)
		if err != nil {
			return nil, err
		}
		naive, err := outcome(sides[0], guesses(guess, sides[2], len(queries), width))
		if err != nil {
			return nil, err
		}
		rated := slices.Clone(warnings)
		if mode == Multivariate && len(queries) < m.config.Attacks {
			rated = append(rated, fmt.Sprintf("only %d of %d predicates could be made", len(queries), m.config.Attacks))
		}
		rates := attack.Rates("", dims, m.config.Level, found, control, naive, rated)
		for i := range rates {
			if rates[i].Interval != nil {
				rates[i].Interval.Unit = "predicates" // which are tried, not rows
			}
		}
		out.Scores = append(out.Scores, rates...)
	}
	return out, nil
}

// untried says that the predicates are tried on some of the exposed rows only. Whoever is drawn, most copies are then of others: of
// a generator that does nothing but copy, no more than the share of the exposed rows that are tried is found.
func untried(pair *plugins.Pair, roster *attack.Roster) []string {
	exposed := pair.Parts.Get(plugins.Train).Frame.Rows()
	if pair.Exposed != nil {
		exposed = len(pair.Exposed)
	}
	tried := len(roster.Members)
	if tried == exposed {
		return nil
	}
	return []string{fmt.Sprintf("predicates are tried on %d of %d exposed rows, as many as there are test rows to set against them, and those of the other rows fail: "+
		"even where all rows are copies, the risk is no greater than about %.2f", tried, exposed, float64(tried)/float64(exposed))}
}
