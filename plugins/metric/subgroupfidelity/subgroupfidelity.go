// Package subgroupfidelity scores the fidelity of number columns within groups of patients: rows that are true to the whole may be
// wrong about the few.
package subgroupfidelity

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/metric/fairness/subgroup"
	"github.com/ehrlab/ehrlab/plugins/metric/ks"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// Config is the metric's "with" block.
type Config struct {
	subgroup.Config
	Part    plugins.Part `json:"part"`    // the real rows to compare with: test, or train, which rewards copying
	Minimum int          `json:"minimum"` // rows that a group must have on both sides
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "subgroup-fidelity",
		Version: 2,
		Summary: "Kolmogorov–Smirnov complement of the number columns within groups of patients, and the gap between groups",
		Source:  "K. Bhanot, M. Qi, J. S. Erickson, I. Guyon, K. P. Bennett (2021), Entropy 23(9), 1165, on fairness of synthetic health data",
		Schema: subgroup.Schema + `
// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"
// rows that a group must have among the real and among the synthetic ones: 50 unless set
minimum?: int & >=1`,
		Family: plugins.Fairness,
		Cost:   plugins.PerColumn,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Uses:   []plugins.Use{compare.Use(), subgroup.Use()},
		Need:   compare.Need(2), // the rows of each group, and their sorted values
		Scores: []plugins.ScoreInfo{
			{Name: "subgroup_fidelity", Summary: "mean 1 - sup|F_real - F_synthetic| over the number columns within a group", Min: 0, Max: 1, Better: plugins.Higher, Dims: []string{"by", "group"}},
			{Name: "gap", Summary: "greatest less least subgroup_fidelity", Min: 0, Max: 1, Better: plugins.Lower, Dims: []string{"by"}},
			{Name: "least", Summary: "subgroup_fidelity of the group that fares worst", Min: 0, Max: 1, Better: plugins.Higher, Dims: []string{"by"}},
		},
	}, Config{Part: plugins.Test, Minimum: 50}, New)
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

// Measure scores each group that has rows on both sides. A column of groups that a side lacks leaves its scores undefined.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := compare.New(pair, m.config.Part)
	if err != nil {
		return nil, err
	}
	out := &plugins.Measurement{}
	for _, set := range m.config.Sets() {
		by := subgroup.Name(set)
		groups, err := Groups(pair, m.config.Part, set)
		if err != nil {
			for _, name := range []string{"gap", "least"} {
				out.Scores = append(out.Scores, plugins.Score{Name: name, Dims: map[string]string{"by": by}, Status: plugins.Undefined, Reason: err.Error()})
			}
			continue
		}
		scores, err := m.config.set(ctx, env, s, by, set, groups)
		if err != nil {
			return nil, err
		}
		out.Scores = append(out.Scores, scores...)
	}
	return out, nil
}

// The frames of Groups.
const (
	Real = iota
	Synthetic
)

// Groups forms groups of the rows of a real part and of the synthetic rows, by the columns of one set. The error is the reason
// why there are none.
func Groups(pair *plugins.Pair, part plugins.Part, set []string) (*subgroup.Groups, error) {
	real, err := subgroup.Columns(pair.Parts.Get(part), part, set)
	if err != nil {
		return nil, err
	}
	synthetic, err := subgroup.Synthetic(pair.Synthetic, set)
	if err != nil {
		return nil, err
	}
	return subgroup.Form(real, synthetic)
}

// set scores the groups of one set of columns, then what sums them up.
func (c Config) set(ctx context.Context, env plugins.Env, s *compare.Sides, by string, set []string, groups *subgroup.Groups) ([]plugins.Score, error) {
	scores, loss := make([]plugins.Score, len(groups.Levels)), make([]float64, len(groups.Levels))
	err := parallel.For(ctx, env.Threads, len(scores), func(i int) error {
		scores[i], loss[i] = c.group(s, set, groups, i)
		scores[i].Name, scores[i].Dims = "subgroup_fidelity", map[string]string{"by": by, "group": groups.Levels[i]}
		return nil
	})
	if err != nil {
		return nil, err
	}
	gap := plugins.Score{Name: "gap", Dims: map[string]string{"by": by}}
	least := plugins.Score{Name: "least", Dims: map[string]string{"by": by}}
	var values, chance []float64
	for i, score := range scores {
		if score.Status == plugins.OK {
			values, chance = append(values, score.Value), append(chance, loss[i])
		}
	}
	n := len(values)
	switch n {
	case 0:
		least.Status, least.Reason = plugins.Undefined, "no group has a defined value"
		gap.Status, gap.Reason = least.Status, least.Reason
	case 1:
		least.Status, least.Value, least.N = plugins.OK, values[0], n
		gap.Status, gap.Reason = plugins.Undefined, "one group alone has a defined value: there is nothing to compare it with"
	default:
		least.Status, least.Value, least.N = plugins.OK, slices.Min(values), n
		gap.Status, gap.Value, gap.N = plugins.OK, Gap(values), n
	}
	if left := len(scores) - n; left > 0 {
		warning := fmt.Sprintf("%d of %d groups left out: absent, or of too few rows, on a side", left, len(scores))
		gap.Warnings, least.Warnings = []string{warning}, []string{warning}
	}
	if n > 1 {
		if size := Gap(chance); size > 0 && 2*size >= gap.Value {
			warning := fmt.Sprintf("sampling alone can give a gap of about %.2f here, as distribution functions of few rows are further apart: "+
				"the groups differ in size, and this is no evidence that one fares worse", size)
			gap.Warnings, least.Warnings = append(gap.Warnings, warning), append(least.Warnings, warning)
		}
	}
	return append(scores, gap, least), nil
}

// Gap returns the greatest less the least of at least one value.
func Gap(values []float64) float64 { return slices.Max(values) - slices.Min(values) }

// expected is the mean of Kolmogorov's distribution, √(π/2) ln 2: times √(1/n + 1/m) it is what the distribution functions
// of n and m values of one continuous distribution are apart by, on average.
var expected = math.Sqrt(math.Pi/2) * math.Ln2

// group scores one group, on all number columns but those that form it. loss is what a generator without fault would lose on
// numbers without ties.
func (c Config) group(s *compare.Sides, set []string, groups *subgroup.Groups, i int) (score plugins.Score, loss float64) {
	real, synthetic := groups.Rows(Real, i), groups.Rows(Synthetic, i)
	switch {
	case len(synthetic) == 0:
		return undefined("no synthetic row is of this group"), 0
	case len(real) == 0:
		return undefined(fmt.Sprintf("no %s row is of this group", s.Part)), 0
	case len(real) < c.Minimum:
		return undefined(fmt.Sprintf("not estimable: the group has fewer than the minimum of %d %s rows", c.Minimum, s.Part)), 0
	case len(synthetic) < c.Minimum:
		return undefined(fmt.Sprintf("not estimable: the group has fewer than the minimum of %d synthetic rows", c.Minimum)), 0
	}
	names := slices.DeleteFunc(s.Names(frame.Number), func(name string) bool { return slices.Contains(set, name) })
	sum, n := 0.0, 0
	for _, name := range names {
		f, g := present(s.Real.Column(name), real), present(s.Synthetic.Column(name), synthetic)
		if len(f) > 0 && len(g) > 0 {
			sum += ks.Complement(f, g)
			loss += expected * math.Sqrt(1/float64(len(f))+1/float64(len(g)))
			n++
		}
	}
	if n == 0 {
		return undefined("no number column has values of this group on both sides"), 0
	}
	score = plugins.Score{Value: sum / float64(n), N: len(real) + len(synthetic), Status: plugins.OK}
	if n < len(names) {
		score.Warnings = []string{fmt.Sprintf("%d of %d columns left out: no value of this group on a side", len(names)-n, len(names))}
	}
	return score, loss / float64(n)
}

func undefined(reason string) plugins.Score {
	return plugins.Score{Status: plugins.Undefined, Reason: reason}
}

// present returns the values of some rows, ascending, missing ones left out.
func present(c *frame.Column, rows []int) []float64 {
	values := make([]float64, 0, len(rows))
	for _, row := range rows {
		if !c.IsMissing(row) {
			values = append(values, c.Numbers[row])
		}
	}
	slices.Sort(values)
	return values
}
