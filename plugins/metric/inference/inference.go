// Package inference attacks synthetic rows as a source of secrets: the attacker knows some columns of a patient, looks for
// the closest synthetic row, and takes its secret for the patient's.
package inference

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/attack"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// Config is the metric's "with" block.
type Config struct {
	Secret    string   `json:"secret"`          // empty: the target
	Known     []string `json:"known,omitempty"` // columns that the attacker knows; empty: all but the secret
	Tolerance float64  `json:"tolerance"`       // how far a guessed number may be from the secret, as a share of it, ≥ 0
	Missing   string   `json:"missing"`         // of the known columns: "leave-out" such rows, or "compare" it as a value of its own
	Level     float64  `json:"level"`           // coverage of the intervals, in (0,1)
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	attack.Add(r, plugins.Info{
		Name:    "inference",
		Version: 1,
		Summary: "how often the closest synthetic row gives away a patient's secret",
		Source:  "M. Giomi et al. (2023), Proc. Priv. Enhancing Technol. 2023(2), 312–328, section 5.3",
		Schema: `// what the attacker wants to learn; the label unless set
secret?: string @column()
// what the attacker knows of a patient; all other columns unless set
known?: [string, ...string] @column()
// by how much a right guess of a number may miss it, as a share of it: 0.05 unless set
tolerance?: number & >=0
// of a value that the attacker would know: "compare" unless set, as a value of its own; "leave-out": rows without it
missing?: "leave-out" | "compare"
// coverage of the intervals: 0.95 unless set
level?: number & >0 & <1`,
		Cost:   plugins.PerRowPair,
		Scores: scores,
	}, Config{Tolerance: 0.05, Missing: attack.Compared, Level: 0.95}, New)
}

// quirk ends the names of the scores by the rule of one library, for comparability only.
const quirk = "_anonymeter"

var scores = slices.Concat(
	attack.RateScores("", "guessing the secret"),
	attack.RateScores(quirk, "guessing the secret, by the rule of anonymeter, for comparability only: |g - s|/(g + 1e-12) within the tolerance, so that every negative guess is right, missing equals missing, and the first of equally close rows guesses"),
)

// Suit implements plugins.Suited.
func (c Config) Suit(r plugins.Roles) (config any, lacks string) {
	if r.Secret == "" && r.NumericSecret == "" && r.Label == "" {
		return nil, plugins.LacksSecret
	}
	c.Secret, c.Known = cmp.Or(r.Secret, r.NumericSecret), r.Aux
	return c, ""
}

type metric struct{ config Config }

// New returns the metric. It is an error when the secret is known, or a setting is out of range.
func New(c Config) (plugins.Metric, error) {
	switch {
	case c.Secret != "" && slices.Contains(c.Known, c.Secret):
		return nil, fmt.Errorf("known has the secret %q", c.Secret)
	case !(c.Tolerance >= 0) || math.IsInf(c.Tolerance, 0):
		return nil, fmt.Errorf("tolerance is %v; want a share of at least 0", c.Tolerance)
	}
	if err := attack.CheckMissing(c.Missing); err != nil {
		return nil, err
	}
	return metric{c}, attack.CheckLevel(c.Level)
}

// task is the columns of an attack.
func (c Config) task(pair *plugins.Pair, f *frame.Frame) (known []string, secret string, err error) {
	if secret = c.Secret; secret == "" {
		secret = pair.Target
	}
	if secret == "" {
		return nil, "", errors.New("the data set has no target; name the secret")
	}
	if known = c.Known; len(known) == 0 {
		for _, n := range f.Names() {
			if n != secret {
				known = append(known, n)
			}
		}
	}
	if _, err := attack.Select(f, append(slices.Clone(known), secret)); err != nil {
		return nil, "", err
	}
	switch {
	case slices.Contains(known, secret):
		return nil, "", fmt.Errorf("known has the secret %q", secret)
	case len(known) == 0:
		return nil, "", attack.Undefined("there is no column beside the secret")
	}
	return known, secret, nil
}

// Measure attacks the exposed rows and as many of test.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	scene, err := attack.NewScene(env, pair)
	var known []string
	var secret string
	if err == nil {
		known, secret, err = m.config.task(pair, scene.Exposed)
	}
	if err == nil {
		if scene.TreatMissing(m.config.Missing, known); scene.Sources.Rows() == 0 {
			err = attack.Undefined("there is no synthetic row to guess by")
		}
	}
	var reason attack.Undefined
	if errors.As(err, &reason) {
		return &plugins.Measurement{Counts: scene.Roster.Counts, Scores: attack.AllUndefined(scores, nil, string(reason))}, nil
	} else if err != nil {
		return nil, err
	}
	out := &plugins.Measurement{Counts: scene.Roster.Counts}
	var guessed [2]Guesses
	for k, targets := range []*frame.Frame{scene.Exposed, scene.Other} {
		if guessed[k], err = Guess(ctx, env.Threads, targets, scene.Sources, known, secret, m.config.Tolerance); err != nil {
			return nil, err
		}
	}
	if n := guessed[0].Unknown + guessed[1].Unknown; n > 0 {
		out.Counts = append(out.Counts, plugins.Count{Name: "real rows left out: no secret", Value: n})
	}
	out.Scores = attack.Rates("", nil, m.config.Level, guessed[0].Right, guessed[1].Right, guessed[0].Naive, scene.Warnings)
	out.Scores = append(out.Scores, attack.Rates(quirk, nil, m.config.Level, guessed[0].Quirk, guessed[1].Quirk, guessed[0].NaiveQuirk, scene.Warnings)...)
	return out, nil
}

// Guesses is the outcome of an attack.
type Guesses struct {
	// Right counts the targets that have a secret. A guess of a category is right when it is the secret, and one of a number g
	// when |g - s| ≤ tolerance·|s|; a missing guess is wrong. Among equally close synthetic rows, it is the share that are right.
	Right attack.Outcome
	Naive attack.Outcome // the same for a guess by any synthetic row, at random

	// Quirk counts all targets, and the first of equally close rows. A number is right when |g - s|/(g + 1e-12) ≤ tolerance, and
	// so is a missing guess of a missing secret.
	Quirk      attack.Outcome
	NaiveQuirk attack.Outcome

	Unknown int // targets without a secret
}

// Guess takes the secret of each target row from the closest synthetic row in the known columns.
func Guess(ctx context.Context, threads int, targets, synthetic *frame.Frame, known []string, secret string, tolerance float64) (Guesses, error) {
	scanner, err := attack.NewScanner(synthetic, targets, known)
	if err != nil {
		return Guesses{}, err
	}
	truth, made := targets.Column(secret), synthetic.Column(secret)
	judge := newJudge(truth, made, tolerance)
	n := truth.Len()
	rows := make([]struct{ right, naive, quirk, naiveQuirk float64 }, n)
	err = parallel.For(ctx, threads, n, func(i int) error {
		near := scanner.Nearest(i, nil)
		if len(near) == 0 {
			return nil // there is no synthetic row
		}
		r := &rows[i]
		for _, s := range near {
			if judge.right(i, int(s)) {
				r.right += 1 / float64(len(near))
			}
		}
		if judge.quirk(i, int(near[0])) {
			r.quirk = 1
		}
		for s := range made.Len() {
			if judge.right(i, s) {
				r.naive++
			}
			if judge.quirk(i, s) {
				r.naiveQuirk++
			}
		}
		return nil
	})
	out := Guesses{}
	for i, r := range rows {
		out.Quirk.Attacks++
		out.Quirk.Successes += r.quirk
		out.NaiveQuirk.Successes += r.naiveQuirk / float64(max(1, made.Len()))
		if truth.IsMissing(i) {
			out.Unknown++
			continue
		}
		out.Right.Attacks++
		out.Right.Successes += min(1, r.right) // a sum of shares may exceed 1 by a last digit
		out.Naive.Successes += r.naive / float64(max(1, made.Len()))
	}
	out.Naive.Attacks, out.NaiveQuirk.Attacks = out.Right.Attacks, out.Quirk.Attacks
	return out, err
}

// judge says whether guesses are right.
type judge struct {
	truth, made *frame.Column
	code        []int32 // of the guesses' levels among those of the truth, or -2
	tolerance   float64
}

func newJudge(truth, made *frame.Column, tolerance float64) *judge {
	j := &judge{truth: truth, made: made, tolerance: tolerance, code: make([]int32, len(made.Levels))}
	for i, level := range made.Levels {
		at, ok := slices.BinarySearch(truth.Levels, level)
		if j.code[i] = int32(at); !ok {
			j.code[i] = -2
		}
	}
	return j
}

func (j *judge) right(target, row int) bool {
	switch {
	case j.truth.IsMissing(target) || j.made.IsMissing(row):
		return false
	case j.truth.Kind == frame.Category:
		return j.truth.Codes[target] == j.code[j.made.Codes[row]]
	}
	s := j.truth.Numbers[target]
	return math.Abs(j.made.Numbers[row]-s) <= j.tolerance*math.Abs(s)
}

func (j *judge) quirk(target, row int) bool {
	s, g := j.truth.IsMissing(target), j.made.IsMissing(row)
	switch {
	case s || g:
		return s && g
	case j.truth.Kind == frame.Category:
		return j.right(target, row)
	}
	guess := j.made.Numbers[row]
	return math.Abs(guess-j.truth.Numbers[target])/(guess+1e-12) <= j.tolerance // 0/0 is NaN: wrong
}
