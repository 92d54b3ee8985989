// Package disparity scores whether groups of patients have the share of the synthetic rows that they have of the real ones, and whether
// the label is as frequent in them.
package disparity

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/metric/downstream/classifier"
	"github.com/ehrlab/ehrlab/plugins/metric/fairness/subgroup"
)

// Notable is a log disparity that is commonly flagged: the four-fifths rule, as odds. It is warned of where chance does not explain it: where
// the interval does not reach 0.
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
		Version: 2,
		Summary: "log disparity of groups of patients: by how much their odds differ between the synthetic and the real rows",
		Source:  "K. Bhanot, M. Qi, J. S. Erickson, I. Guyon, K. P. Bennett (2021), Entropy 23(9), 1165",
		Schema: subgroup.Schema + `
// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"
// real rows that a group must have: 11 unless set
minimum?: int & >=1`,
		Family:     plugins.Fairness,
		AnyColumns: true,
		Cost:       plugins.PerColumn,
		Shapes:     []plugins.Shape{plugins.Records},
		Reads:      []plugins.Part{plugins.Test, plugins.Train},
		Uses:       []plugins.Use{compare.Use(), subgroup.Use()},
		Need:       compare.Need(1),
		Scores: []plugins.ScoreInfo{
			{Name: "log_disparity", Summary: "ln of the odds of the group among the synthetic rows over those among the real ones; beyond 0.22 in size is notable", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Neutral, Ideal: new(0.0), Dims: group},
			{Name: "log_disparity_joint_positive", Summary: "the same of the rows of the group with one label", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Neutral, Ideal: new(0.0), Dims: joint},
			{Name: "greatest_log_disparity", Summary: "size of the log_disparity of the group that fares worst", Min: 0, Max: math.Inf(1), Better: plugins.Lower, Dims: []string{"by"}},
			{Name: "absent_groups", Summary: "groups that real rows have and synthetic ones have not", Min: 0, Max: math.Inf(1), Count: true, Better: plugins.Lower, Dims: []string{"by"}, NoInterval: plugins.Description},
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

type metric struct {
	compare.OnePart
	config Config
}

// New returns the metric. It is an error when a setting is none of those that Config names.
func New(c Config) (plugins.Metric, error) {
	if err := c.Config.Check(); err != nil {
		return nil, err
	}
	if c.Minimum < 1 {
		return nil, fmt.Errorf("minimum is %d; want at least 1", c.Minimum)
	}
	return metric{compare.OnePart(c.Part), c}, compare.CheckPart(c.Part)
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
	subject := pair.Parts.Get(c.Part).Subject
	shares := tally(groups, len(groups.Levels), subject)
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
	scores = append(scores, c.joint(pair, real, groups, by, subject)...)
	gone := plugins.Score{Name: "absent_groups", Dims: map[string]string{"by": by}, Value: float64(absent), N: len(groups.Levels), Status: plugins.OK}
	if gone.N == 0 {
		gone.Status, gone.Reason = plugins.Undefined, "no row is in a group"
	}
	return append(scores, greatest, gone), nil
}

// joint scores each group with each label, absent ones as undefined, unless the label is among the columns of the set.
func (c Config) joint(pair *plugins.Pair, real []*frame.Column, groups *subgroup.Groups, by string, subject *frame.Column) []plugins.Score {
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
	for i, share := range tally(both, len(groups.Levels)*len(labels.Levels), subject) {
		s := c.score(share)
		s.Name = "log_disparity_joint_positive"
		s.Dims = map[string]string{"by": by, "group": groups.Levels[i/len(labels.Levels)], "label": labels.Levels[i%len(labels.Levels)]}
		scores = append(scores, s)
	}
	return scores
}

// share is the rows of a group, and all rows that are in a group, by side.
type share struct {
	real, synthetic, realAll, syntheticAll int

	// Of the subjects of the real rows, with x rows in the group and m in any: Σx², Σxm, Σm², and their number.
	xx, xm, mm, subjects int
	unit                 string // of the interval
}

// tally counts the rows of each group. Without subjects each real row is one.
func tally(g *subgroup.Groups, groups int, subject *frame.Column) []share {
	out := make([]share, groups)
	all := share{unit: "real and synthetic rows"}
	if subject != nil {
		all.unit = "subjects of the real rows, and synthetic rows"
	}
	bySubject := classifier.BySubject(subject, len(g.Of[0]))
	for _, rows := range bySubject {
		m, x := 0, map[int32]int{}
		for _, row := range rows {
			if of := g.Of[0][row]; of != frame.Missing {
				m++
				x[of]++
			}
		}
		if m > 0 {
			all.subjects++
		}
		all.mm += m * m
		for of, n := range x {
			out[of].real += n
			out[of].xx += n * n
			out[of].xm += n * m
		}
		all.realAll += m
	}
	for _, of := range g.Of[1] {
		if of != frame.Missing {
			out[of].synthetic++
			all.syntheticAll++
		}
	}
	for i := range out {
		out[i].realAll, out[i].syntheticAll = all.realAll, all.syntheticAll
		out[i].mm, out[i].subjects, out[i].unit = all.mm, all.subjects, all.unit
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
	half := s.halfWidth()
	if !math.IsNaN(half) {
		out.Interval = &plugins.Interval{Low: out.Value - half, High: out.Value + half, Level: level, Unit: s.unit, Method: "Wald, log odds"}
	}
	if math.Abs(out.Value) > max(Notable, half) {
		out.Warnings = []string{fmt.Sprintf("notable: beyond %.2f in size, the four-fifths rule", Notable)}
	}
	return out
}

// level is the coverage of the intervals.
const level = 0.95

// halfWidth is half the interval of the log odds ratio. The variance of the real share p is that of a ratio over subjects,
// Σ(x - pm)²/(Σm)², which is p(1-p)/n where each has one row. NaN: one subject tells of no variance.
//
// Source: W. G. Cochran (1977), Sampling Techniques, section 3.12; B. Woolf (1955), Ann. Hum. Genet. 19(4), 251–253.
func (s share) halfWidth() float64 {
	if s.subjects < 2 {
		return math.NaN()
	}
	n, made := float64(s.realAll), float64(s.syntheticAll)
	p, q := float64(s.real)/n, float64(s.synthetic)/made
	u := float64(s.subjects)
	variance := (float64(s.xx) - 2*p*float64(s.xm) + p*p*float64(s.mm)) / (n * n) * u / (u - 1)
	odds := p * (1 - p)
	return distuv.UnitNormal.Quantile((1+level)/2) * math.Sqrt(max(0, variance)/(odds*odds)+1/(made*q*(1-q)))
}

func undefined(reason string) plugins.Score {
	return plugins.Score{Status: plugins.Undefined, Reason: reason}
}
