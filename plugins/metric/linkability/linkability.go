// Package linkability attacks synthetic rows as a link between two tables: one holds some columns of a patient, the other
// some others, and the attacker joins the halves that are closest to the same synthetic row.
package linkability

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/attack"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// Config is the metric's "with" block.
type Config struct {
	A []string `json:"a"` // columns of the one table
	B []string `json:"b"` // columns of the other; none of A
	// Missing says what becomes of rows that lack a value in A or B: "leave-out", on all sides, or "compare", as a value of its own.
	Missing string  `json:"missing"`
	Level   float64 `json:"level"` // coverage of the intervals, in (0,1)
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	attack.Add(r, plugins.Info{
		Name:    "linkability",
		Version: 1,
		Summary: "how often the synthetic rows tell that two halves of a row belong together",
		Source:  "M. Giomi et al. (2023), Proc. Priv. Enhancing Technol. 2023(2), 312–328, section 5.2",
		Schema: `// the columns that one attacker knows
a!: [string, ...string] @column()
// the columns that another knows; none of a
b!: [string, ...string] @column()
// of values in these columns: "leave-out" unless set, rows without one; "compare": as a value of its own
missing?: "leave-out" | "compare"
// coverage of the intervals: 0.95 unless set
level?: number & >0 & <1`,
		Cost:   plugins.PerRowPair,
		Scores: scores,
	}, Config{Missing: attack.LeaveOut, Level: 0.95}, New)
}

var scores = attack.RateScores("", "linking two halves of a row")

// Suit implements plugins.Suited.
func (c Config) Suit(r plugins.Roles) (config any, lacks string) {
	if len(r.Halves[0]) == 0 || len(r.Halves[1]) == 0 {
		return nil, plugins.LacksHalves
	}
	c.A, c.B = r.Halves[0], r.Halves[1]
	return c, ""
}

type metric struct{ config Config }

// New returns the metric. It is an error when a table has no column, or both have one, or a setting is out of range.
func New(c Config) (plugins.Metric, error) {
	if len(c.A) == 0 || len(c.B) == 0 {
		return nil, errors.New("a or b names no column; want the columns of two tables")
	}
	for _, name := range c.A {
		if slices.Contains(c.B, name) {
			return nil, fmt.Errorf("column %q is in a and in b; want tables without a common column", name)
		}
	}
	if err := attack.CheckMissing(c.Missing); err != nil {
		return nil, err
	}
	return metric{c}, attack.CheckLevel(c.Level)
}

// Measure attacks the exposed rows and as many of test.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	columns := slices.Concat(m.config.A, m.config.B)
	scene, err := attack.NewScene(env, pair)
	if err == nil {
		_, err = attack.Select(scene.Exposed, columns)
	}
	distinct := 0
	if err == nil {
		scene.TreatMissing(m.config.Missing, columns)
		if distinct = attack.Distinct(scene.Sources).Rows(); distinct == 0 {
			err = attack.Undefined("no synthetic row can be a link")
		}
	}
	var reason attack.Undefined
	if errors.As(err, &reason) {
		return &plugins.Measurement{Counts: scene.Roster.Counts, Scores: attack.AllUndefined(scores, nil, string(reason))}, nil
	} else if err != nil {
		return nil, err
	}
	var found [2]Links
	for k, targets := range []*frame.Frame{scene.Exposed, scene.Other} {
		if found[k], err = Link(ctx, env.Threads, targets, scene.Sources, m.config.A, m.config.B); err != nil {
			return nil, err
		}
	}
	naive := attack.Outcome{Attacks: found[0].Attacks, Successes: float64(found[0].Attacks) / float64(distinct)}
	return &plugins.Measurement{
		Scores: attack.Rates("", nil, m.config.Level, found[0].Outcome, found[1].Outcome, naive, scene.Warnings),
		Counts: append(scene.Roster.Counts, plugins.Count{Name: "distinct synthetic rows", Value: distinct}),
	}, nil
}

// Links is the outcome of an attack. Where synthetic rows are equally close, Successes counts the chance that two
// independent random choices among them meet, and First the attacks that succeed when the first of them is taken.
type Links struct {
	attack.Outcome
	First int
}

// Link joins the halves of each target row: those in the columns a and in the columns b. Repeated synthetic rows count once.
func Link(ctx context.Context, threads int, targets, synthetic *frame.Frame, a, b []string) (Links, error) {
	synthetic = attack.Distinct(synthetic)
	byA, err := attack.NewScanner(synthetic, targets, a)
	if err != nil {
		return Links{}, err
	}
	byB, err := attack.NewScanner(synthetic, targets, b)
	if err != nil {
		return Links{}, err
	}
	n := targets.Rows()
	chance, first := make([]float64, n), make([]bool, n)
	err = parallel.For(ctx, threads, n, func(i int) error {
		near, far := byA.Nearest(i, nil), byB.Nearest(i, nil)
		if len(near) == 0 {
			return nil // there is no synthetic row
		}
		first[i] = near[0] == far[0]
		chance[i] = float64(common(near, far)) / (float64(len(near)) * float64(len(far)))
		return nil
	})
	out := Links{Outcome: attack.Outcome{Attacks: n}}
	for i := range n {
		out.Successes += chance[i]
		if first[i] {
			out.First++
		}
	}
	return out, err
}

// common counts what two ascending lists have in common.
func common(a, b []int32) int {
	n := 0
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			a = a[1:]
		case a[0] > b[0]:
			b = b[1:]
		default:
			n, a, b = n+1, a[1:], b[1:]
		}
	}
	return n
}
