package fairness

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/fairness/subgroup"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

var (
	byGap   = []string{"by"}
	byGroup = []string{"by", "group"}
)

// scores lists what Measure returns: the threshold and then, for each set of columns, the gaps between its groups in the order of
// GapNames and the rates of each group.
var scores = []plugins.ScoreInfo{
	{Name: "threshold", Summary: "probability from which a row is called positive", Min: 0, Max: 1, Better: plugins.Neutral, NoInterval: plugins.Description},
	{Name: "demographic_parity_difference", Summary: "greatest less least share of rows called positive", Min: 0, Max: 1, Better: plugins.Lower, Dims: byGap},
	{Name: "demographic_parity_ratio", Summary: "least over greatest share of rows called positive", Min: 0, Max: 1, Better: plugins.Higher, Dims: byGap},
	{Name: "equalized_odds_difference", Summary: "the larger of the gaps in true and in false positive rate; a group without the label, or with nothing else, has the rate 0", Min: 0, Max: 1, Better: plugins.Lower, Dims: byGap},
	{Name: "equalized_odds_ratio", Summary: "the smaller of the ratios in true and in false positive rate; a group without the label, or with nothing else, has the rate 0", Min: 0, Max: 1, Better: plugins.Higher, Dims: byGap},
	{Name: "equal_opportunity_difference", Summary: "greatest less least true positive rate; a group without the label has the rate 0", Min: 0, Max: 1, Better: plugins.Lower, Dims: byGap},
	{Name: "tpr_gap_defined_only", Summary: "greatest less least true positive rate of the groups that have one: equal opportunity difference", Min: 0, Max: 1, Better: plugins.Lower, Dims: byGap},
	{Name: "fpr_gap_defined_only", Summary: "greatest less least false positive rate of the groups that have one", Min: 0, Max: 1, Better: plugins.Lower, Dims: byGap},
	{Name: "equalized_odds_difference_defined_only", Summary: "the larger of the two gaps of groups that have the rates", Min: 0, Max: 1, Better: plugins.Lower, Dims: byGap},
	{Name: "auroc_gap", Summary: "greatest less least area under the ROC curve", Min: 0, Max: 1, Better: plugins.Lower, Dims: byGap},
	{Name: "n", Summary: "test rows of the group", Min: 0, Max: math.Inf(1), Count: true, Better: plugins.Neutral, Dims: byGroup, NoInterval: plugins.Description},
	{Name: "positives", Summary: "test rows of the group with the label", Min: 0, Max: math.Inf(1), Count: true, Better: plugins.Neutral, Dims: byGroup, NoInterval: plugins.Description},
	{Name: "selection_rate", Summary: "share of the group's rows that are called positive", Min: 0, Max: 1, Better: plugins.Neutral, Dims: byGroup},
	{Name: "tpr", Summary: "share of the group's rows with the label that are called positive", Min: 0, Max: 1, Better: plugins.Higher, Dims: byGroup},
	{Name: "fpr", Summary: "share of the group's other rows that are called positive", Min: 0, Max: 1, Better: plugins.Lower, Dims: byGroup},
	{Name: "auroc", Summary: "area under the ROC curve within the group", Min: 0, Max: 1, Better: plugins.Higher, Dims: byGroup},
	{Name: "brier", Summary: "mean squared error of the probabilities within the group", Min: 0, Max: 1, Better: plugins.Lower, Dims: byGroup},
}

func isCount(name string) bool { return name == "n" || name == "positives" }

// allUndefined returns the scores of a pair that nothing can be measured on.
func (c Config) allUndefined(reason string) []plugins.Score {
	out := []plugins.Score{{Name: "threshold", Status: plugins.Undefined, Reason: reason}}
	for _, set := range c.Sets() {
		out = append(out, undefinedGaps(subgroup.Name(set), reason)...)
	}
	return out
}

func undefinedGaps(by, reason string) []plugins.Score {
	var out []plugins.Score
	for _, name := range GapNames {
		out = append(out, plugins.Score{Name: name, Dims: map[string]string{"by": by}, Status: plugins.Undefined, Reason: reason})
	}
	return out
}

// comparison is the groups of one set of columns.
type comparison struct {
	*Comparison
	config Config
	by     string
	groups []group
	rates  []stats.Rates
	p      *predicted
}

// groupScores is the number of scores of a group.
const groupScores = 7

// fill sets the values of all scores, in the order of scores; NaN where they are undefined.
func (c *comparison) fill(rates []stats.Rates, values []float64) {
	gaps := c.Gaps(rates)
	copy(values, gaps[:])
	orNaN := func(v float64, err error) float64 {
		if err != nil {
			return math.NaN()
		}
		return v
	}
	for i := range rates {
		r := &rates[i]
		tpr, fpr := orNaN(r.TPR()), orNaN(r.FPR())
		copy(values[gapCount+i*groupScores:], []float64{
			float64(r.Rows), float64(r.Events), r.SelectionRate(), tpr, fpr, orNaN(r.AUROC, r.AUROCErr), r.Brier,
		})
	}
}

// scores returns the gaps and the rates of the groups, without intervals.
func (c *comparison) scores() []plugins.Score {
	values := make([]float64, gapCount+len(c.groups)*groupScores)
	c.fill(c.rates, values)
	var out []plugins.Score
	for gap, name := range GapNames {
		out = append(out, c.gap(gap, name, values[gap]))
	}
	for i, g := range c.groups {
		at := values[gapCount+i*groupScores:]
		for k, s := range scores[1+gapCount:] {
			out = append(out, c.ofGroup(g.name, c.rates[i], s.Name, at[k]))
		}
	}
	return out
}

func (c *comparison) gap(gap int, name string, value float64) plugins.Score {
	s := plugins.Score{Name: name, Dims: map[string]string{"by": c.by}, Status: plugins.OK}
	compared, zeros := c.Groups(gap)
	switch n := len(compared); {
	case n == 0:
		s.Status, s.Reason = plugins.Undefined, "no group has enough test rows"
	case n == 1:
		s.Status, s.Reason = plugins.Undefined, "one group alone has enough test rows: there is nothing to compare it with"
	case math.IsNaN(value):
		s.Status, s.Reason = plugins.Undefined, "every rate is 0"
	default:
		s.Value, s.N = value, n
		s.Warnings = c.caveats(compared, zeros)
	}
	return s
}

// caveats names the groups that a gap leaves out, and those whose rates have no denominator.
func (c *comparison) caveats(compared, zeros []int) []string {
	var left, zero []string
	for i, g := range c.groups {
		if !slices.Contains(compared, i) {
			left = append(left, g.name)
		}
		if slices.Contains(zeros, i) {
			zero = append(zero, g.name)
		}
	}
	var warnings []string
	if left != nil {
		warnings = append(warnings, fmt.Sprintf("%d of %d groups left out, as they have too few test rows: %s", len(left), len(c.groups), strings.Join(left, ", ")))
	}
	if zero != nil {
		warnings = append(warnings, "a rate without rows counts as 0 in these groups: "+strings.Join(zero, ", "))
	}
	return warnings
}

// ofGroup returns a score of a group. What few rows stand for is not told: no score of a group of few, and no number of events that tells of
// few rows on either side of the label.
func (c *comparison) ofGroup(name string, r stats.Rates, score string, value float64) plugins.Score {
	s := plugins.Score{Name: score, Dims: map[string]string{"by": c.by, "group": name}, Status: plugins.OK}
	few := func(n int64) bool { return n > 0 && n < plugins.FewestTold }
	s.Reason = c.config.Minimum.lacks(r, true, score == "tpr" || score == "auroc", score == "fpr" || score == "auroc")
	if s.Reason == "" && (few(r.Rows) || score == "positives" && (few(r.Events) || few(r.Rows-r.Events))) {
		s.Reason = fmt.Sprintf("withheld: it stands for fewer than %d test rows, or would tell how many they are", plugins.FewestTold)
	}
	if s.Reason != "" {
		s.Status = plugins.Undefined
		return s
	}
	s.Value, s.N = value, int(r.Rows)
	return s
}
