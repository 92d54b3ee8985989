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

const (
	leaveOut = "leave-out"
	compared = "compare"
)

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "linkability",
		Version: 1,
		Summary: "how often the synthetic rows tell that two halves of a row belong together",
		Source:  "M. Giomi et al. (2023), Proc. Priv. Enhancing Technol. 2023(2), 312–328, section 5.2",
		Schema: `a!: [string, ...string] @column()
b!: [string, ...string] @column()
missing?: "leave-out" | "compare"
level?: number & >0 & <1`,
		Family:  plugins.Privacy,
		Cost:    plugins.PerRowPair,
		Control: true,
		Shapes:  []plugins.Shape{plugins.Records},
		Reads:   []plugins.Part{plugins.Test, plugins.Train},
		Random:  []plugins.Purpose{plugins.ForResample},
		Uses:    []plugins.Use{attack.Use()},
		Scores:  scores,
		Need:    attack.Need,
	}, Config{Missing: leaveOut, Level: 0.95}, New)
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
	if c.Missing != leaveOut && c.Missing != compared {
		return nil, fmt.Errorf("missing is %q; want %q or %q", c.Missing, leaveOut, compared)
	}
	return metric{c}, attack.CheckLevel(c.Level)
}

// Measure attacks the exposed rows and as many of test.
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
	fail := func(reason string) (*plugins.Measurement, error) {
		out.Scores = attack.AllUndefined(scores, nil, reason)
		return out, nil
	}
	if reason := roster.Lacks(); reason != "" {
		return fail(reason)
	}
	sides := []*frame.Frame{train.Take(roster.Members), test.Take(roster.Others), pair.Synthetic}
	warnings := slices.Concat(roster.Warnings, roster.Dependent())
	columns := slices.Concat(m.config.A, m.config.B)
	if _, err := attack.Select(train, columns); err != nil {
		return fail(err.Error())
	}
	if m.config.Missing == leaveOut {
		var note string
		if sides, note = attack.OnlyComplete(sides, columns); note != "" {
			warnings = append(warnings, note)
		}
	}
	found, err := Link(ctx, env.Threads, sides[0], sides[2], m.config.A, m.config.B)
	if err != nil {
		return nil, err
	}
	control, err := Link(ctx, env.Threads, sides[1], sides[2], m.config.A, m.config.B)
	if err != nil {
		return nil, err
	}
	distinct := attack.Distinct(sides[2]).Rows()
	if distinct == 0 {
		return fail("no synthetic row can be a link")
	}
	naive := attack.Outcome{Attacks: found.Attacks, Successes: float64(found.Attacks) / float64(distinct)}
	out.Scores = attack.Rates("", nil, m.config.Level, found.Outcome, control.Outcome, naive, warnings)
	out.Counts = append(out.Counts, plugins.Count{Name: "distinct synthetic rows", Value: distinct})
	return out, nil
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
