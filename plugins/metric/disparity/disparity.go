// Package disparity scores whether groups of patients have the share of the synthetic rows that they have of the real ones, and whether
// the label is as frequent in them.
package disparity

import (
	"context"
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/metric/fairness/subgroup"
)

// Notable is a log disparity that is commonly flagged: the four-fifths rule, as odds.
var Notable = -math.Log(0.8)

// Config is the metric's "with" block.
type Config struct {
	subgroup.Config
	Part    plugins.Part `json:"part"`    // the real rows to compare with: test, or train, which rewards copying
	Minimum int          `json:"minimum"` // real rows that a group must have
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	group, joint := []string{"by", "group"}, []string{"by", "group", "label"}
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "disparity",
		Version: 1,
		Summary: "log disparity of groups of patients: by how much their odds differ between the synthetic and the real rows",
		Source:  "K. Bhanot, M. Qi, J. S. Erickson, I. Guyon, K. P. Bennett (2021), Entropy 23(9), 1165",
		Schema: subgroup.Schema + `
part?: "test" | "train"
// real rows that a group must have: 11 unless set
minimum?: int & >=1`,
		Family: plugins.Fairness,
		Cost:   plugins.PerColumn,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Uses:   []plugins.Use{compare.Use(), subgroup.Use()},
		Need:   compare.Need(1),
		Scores: []plugins.ScoreInfo{
			{Name: "log_disparity", Summary: "ln of the odds of the group among the synthetic rows over those among the real ones; beyond 0.22 in size is notable", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Neutral, Ideal: new(0.0), Dims: group},
			{Name: "log_disparity_joint_positive", Summary: "the same of the rows of the group with one label", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Neutral, Ideal: new(0.0), Dims: joint},
			{Name: "greatest_log_disparity", Summary: "size of the log_disparity of the group that fares worst", Min: 0, Max: math.Inf(1), Better: plugins.Lower, Dims: []string{"by"}},
			{Name: "absent_groups", Summary: "groups that real rows have and synthetic ones have not", Min: 0, Max: math.Inf(1), Better: plugins.Lower, Dims: []string{"by"}},
		},
	}, Config{Part: plugins.Test, Minimum: plugins.FewestTold}, New)
}

// Suit implements plugins.Suited.
func (c Config) Suit(r plugins.Roles) (config any, lacks string) {
	if len(r.Groups) == 0 {
		return nil, plugins.LacksGroups
	}
	c.By = r.Groups
	return c, ""
}

type metric struct{ config Config }

// New returns the metric. It is an error when a setting is none of those that Config names.
func New(c Config) (plugins.Metric, error) {
	if err := c.Config.Check(); err != nil {
		return nil, err
	}
	if c.Minimum < 1 {
		return nil, fmt.Errorf("minimum is %d; want at least 1", c.Minimum)
	}
	return metric{c}, compare.CheckPart(c.Part)
}

// Beside lists the columns that groups are formed by.
func (m metric) Beside() []string { return m.config.By }

// Measure compares the shares of groups, and of groups with each label where the target forms groups itself: where it is a category, or a
// number of few values. A column of groups that a side lacks leaves its scores undefined.
func (m metric) Measure(ctx context.Context, _ plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	if _, err := compare.New(pair, m.config.Part); err != nil {
		return nil, err
	}
	out := &plugins.Measurement{}
	for _, set := range m.config.Sets() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		scores, err := m.config.set(pair, set)
		if err != nil {
			for _, name := range []string{"greatest_log_disparity", "absent_groups"} {
				scores = append(scores, plugins.Score{
					Name: name, Dims: map[string]string{"by": subgroup.Name(set)}, Status: plugins.Undefined, Reason: err.Error(),
				})
			}
		}
		out.Scores = append(out.Scores, scores...)
	}
	return out, nil
}

// set scores the groups of one set of columns, then what sums them up. The error is the reason why there are none.
func (c Config) set(pair *plugins.Pair, set []string) ([]plugins.Score, error) {
	by := subgroup.Name(set)
	real, err := subgroup.Columns(pair.Parts.Get(c.Part), c.Part, set)
	if err != nil {
		return nil, err
	}
	synthetic, err := subgroup.Synthetic(pair.Synthetic, set)
	if err != nil {
		return nil, err
	}
	groups, err := subgroup.Form(real, synthetic)
	if err != nil {
		return nil, err
	}
	shares := tally(groups, len(groups.Levels))
	greatest, absent := plugins.Score{Name: "greatest_log_disparity", Dims: map[string]string{"by": by}}, 0
	var scores []plugins.Score
	for i, level := range groups.Levels {
		s := c.score(shares[i])
		s.Name, s.Dims = "log_disparity", map[string]string{"by": by, "group": level}
		scores = append(scores, s)
		if s.Status == plugins.OK {
			greatest.Status, greatest.N = plugins.OK, greatest.N+1
			greatest.Value = max(greatest.Value, math.Abs(s.Value))
		}
		if shares[i].real > 0 && shares[i].synthetic == 0 {
			absent++
		}
	}
	if greatest.N == 0 {
		greatest.Status, greatest.Reason = plugins.Undefined, "no group has a defined value"
	} else if left := len(scores) - greatest.N; left > 0 {
		greatest.Warnings = []string{fmt.Sprintf("%d of %d groups left out: absent, or of too few rows, on a side", left, len(scores))}
	}
	scores = append(scores, c.joint(pair, real, synthetic, groups, by)...)
	gone := plugins.Score{Name: "absent_groups", Dims: map[string]string{"by": by}, Value: float64(absent), N: len(groups.Levels), Status: plugins.OK}
	if gone.N == 0 {
		gone.Status, gone.Reason = plugins.Undefined, "no row is in a group"
	}
	return append(scores, greatest, gone), nil
}

// joint scores each group with each label, absent ones as undefined, unless the label is among the columns of the set.
func (c Config) joint(pair *plugins.Pair, real, synthetic []*frame.Column, groups *subgroup.Groups, by string) []plugins.Score {
	label, labelSynthetic := pair.Parts.Get(c.Part).Frame.Column(pair.Target), pair.Synthetic.Column(pair.Target)
	if label == nil || labelSynthetic == nil {
		return nil
	}
	for _, column := range real {
		if column.Name == pair.Target {
			return nil
		}
	}
	labels, err := subgroup.Form([]*frame.Column{label}, []*frame.Column{labelSynthetic})
	if err != nil {
		return nil // the label is a measurement
	}
	both := &subgroup.Groups{Of: make([][]int32, len(groups.Of))}
	for f := range groups.Of {
		both.Of[f] = make([]int32, len(groups.Of[f]))
		for row, group := range groups.Of[f] {
			both.Of[f][row] = frame.Missing
			if of := labels.Of[f][row]; group != frame.Missing && of != frame.Missing {
				both.Of[f][row] = group*int32(len(labels.Levels)) + of
			}
		}
	}
	var scores []plugins.Score
	for i, share := range tally(both, len(groups.Levels)*len(labels.Levels)) {
		s := c.score(share)
		s.Name = "log_disparity_joint_positive"
		s.Dims = map[string]string{"by": by, "group": groups.Levels[i/len(labels.Levels)], "label": labels.Levels[i%len(labels.Levels)]}
		scores = append(scores, s)
	}
	return scores
}

// share is the rows of a group, and all rows that are in a group, by side.
type share struct{ real, synthetic, realAll, syntheticAll int }

func tally(g *subgroup.Groups, groups int) []share {
	out := make([]share, groups)
	var all share
	for _, of := range g.Of[0] {
		if of != frame.Missing {
			out[of].real++
			all.realAll++
		}
	}
	for _, of := range g.Of[1] {
		if of != frame.Missing {
			out[of].synthetic++
			all.syntheticAll++
		}
	}
	for i := range out {
		out[i].realAll, out[i].syntheticAll = all.realAll, all.syntheticAll
	}
	return out
}

// score compares the odds of a group.
func (c Config) score(s share) plugins.Score {
	switch {
	case s.realAll == 0:
		return undefined(fmt.Sprintf("no %s row is in a group", c.Part))
	case s.syntheticAll == 0:
		return undefined("no synthetic row is in a group")
	case s.real == 0:
		return undefined(fmt.Sprintf("no %s row is of this group", c.Part))
	case s.real < c.Minimum:
		return undefined(fmt.Sprintf("not estimable: the group has fewer than the minimum of %d %s rows", c.Minimum, c.Part))
	case s.synthetic == 0:
		return undefined("absent: no synthetic row is of this group")
	case s.real == s.realAll:
		return undefined(fmt.Sprintf("every %s row is of this group", c.Part))
	case s.synthetic == s.syntheticAll:
		return undefined("every synthetic row is of this group")
	}
	odds := func(n, all int) float64 { return float64(n) / float64(all-n) }
	out := plugins.Score{
		Value:  math.Log(odds(s.synthetic, s.syntheticAll) / odds(s.real, s.realAll)),
		N:      s.realAll + s.syntheticAll,
		Status: plugins.OK,
	}
	if math.Abs(out.Value) > Notable {
		out.Warnings = []string{fmt.Sprintf("notable: beyond %.2f in size, the four-fifths rule", Notable)}
	}
	return out
}

func undefined(reason string) plugins.Score {
	return plugins.Score{Status: plugins.Undefined, Reason: reason}
}
