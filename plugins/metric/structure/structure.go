// Package structure counts the patients whose trajectories keep to the rules that real ones keep to by nature: known codes,
// visits without gaps in their numbers, time that runs forward, nothing after death.
package structure

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

// Config is the metric's "with" block.
type Config struct {
	Part       plugins.Part `json:"part"`                 // the real trajectories that are held to the rules too
	Rules      []string     `json:"rules"`                // of those that Rules lists
	Vocabulary []string     `json:"vocabulary,omitempty"` // the codes that there are; empty: those of train
	Death      []string     `json:"death"`                // the codes of death
}

var defaults = Config{
	Part:  plugins.Test,
	Rules: Rules()[:5],
	Death: []string{"DEATH", "MEDS_DEATH"},
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "structural-validity",
		Version: 1,
		Summary: "share of patients whose trajectories break no structural rule",
		Schema: `// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"
// those of the catalogue unless set; "ordered_visits", in the place of "monotone_time", lets a visit last
rules?: [...("known_code" | "contiguous_visits" | "monotone_time" | "no_event_after_death" | "no_duplicate_code" | "ordered_visits")]
// the codes that there are; those of the train part unless set
vocabulary?: [...string]
// the codes of death; "DEATH" and "MEDS_DEATH" unless set
death?: [...string]`,
		Family: plugins.Trajectories,
		Cost:   plugins.PerColumn,
		Shapes: []plugins.Shape{plugins.Events},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Uses:   []plugins.Use{events.Use()},
		Scores: []plugins.ScoreInfo{
			{Name: "valid_share", Summary: "share of patients that break no rule", Min: 0, Max: 1, Better: plugins.Higher, Dims: []string{"side"}},
			{Name: "violating_patients", Summary: "patients that break the rule", Min: 0, Max: math.Inf(1), Count: true, Better: plugins.Lower, Dims: []string{"side", "rule"}, NoInterval: plugins.Description},
		},
	}, defaults, New)
}

type metric struct{ config Config }

// Reads implements plugins.Selective: without a vocabulary in the settings, the codes of train are the known ones.
func (m metric) Reads() []plugins.Part {
	if len(m.config.Vocabulary) == 0 && m.config.Part != plugins.Train {
		return []plugins.Part{plugins.Test, plugins.Train}
	}
	return []plugins.Part{m.config.Part}
}

// New returns the metric. It is an error when Part is another part, or a rule is not known, named twice or none at all.
func New(c Config) (plugins.Metric, error) {
	if err := compare.CheckPart(c.Part); err != nil {
		return nil, err
	}
	if len(c.Rules) == 0 {
		return nil, fmt.Errorf("no rules; want some of %q", Rules())
	}
	for i, rule := range c.Rules {
		switch {
		case !slices.Contains(Rules(), rule):
			return nil, fmt.Errorf("no rule named %q; there are %q", rule, Rules())
		case slices.Contains(c.Rules[:i], rule):
			return nil, fmt.Errorf("the rule %q is named twice", rule)
		}
	}
	return metric{c}, nil
}

// Measure holds real and synthetic patients to the rules; dimension "side" is the real part or "synthetic". What real patients
// break shows which rules fit the data. An event without a time breaks no rule of times, one without a code has no known code.
//
// The scores of a side without patients are undefined.
func (m metric) Measure(ctx context.Context, _ plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	vocabulary := m.config.Vocabulary
	if len(vocabulary) == 0 {
		train, err := events.Of(pair, plugins.Train)
		if err != nil {
			return nil, err
		}
		vocabulary = slices.DeleteFunc(slices.Clone(train.Codes), func(code string) bool { return code == "" })
	}
	out := &plugins.Measurement{}
	for _, side := range []plugins.Part{m.config.Part, events.Synthetic} {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t, err := events.Of(pair, side)
		if err != nil {
			return nil, err
		}
		warnings, err := events.Caveats(pair, side)
		if err != nil {
			return nil, err
		}
		scores := m.side(t, vocabulary, string(side))
		for i := range scores {
			scores[i].Warnings = warnings
		}
		out.Scores = append(out.Scores, scores...)
	}
	return out, nil
}

// side returns the scores of the trajectories of one side.
func (m metric) side(t *events.Trajectories, vocabulary []string, side string) []plugins.Score {
	n := t.Patients()
	score := func(name string, value float64, dims map[string]string) plugins.Score {
		if n == 0 {
			return plugins.Score{Name: name, Dims: dims, Status: plugins.Undefined, Reason: fmt.Sprintf("there is no %s patient", side)}
		}
		return plugins.Score{Name: name, Dims: dims, Value: value, N: n, Status: plugins.OK}
	}
	c, valid := newChecker(t, vocabulary, m.config.Death), make([]bool, n)
	for p := range valid {
		valid[p] = true
	}
	broken := make([]plugins.Score, len(m.config.Rules))
	for i, rule := range m.config.Rules {
		violating := 0
		for p := range n {
			if c.breaks(rule, p) {
				violating++
				valid[p] = false
			}
		}
		broken[i] = score("violating_patients", float64(violating), map[string]string{"side": side, "rule": rule})
	}
	whole := 0
	for _, v := range valid {
		if v {
			whole++
		}
	}
	return append([]plugins.Score{score("valid_share", float64(whole)/float64(max(n, 1)), map[string]string{"side": side})}, broken...)
}
